//! Resolves GROUP BY, and finds where a list of keys covers the other columns of a relation. Pure.

use super::query::Resolver;
use super::scope::{Columns, Ctes, Facts, Scope};
use super::{GroupExtension, Referenced};
use crate::error::Refusal;
use crate::ids::ColumnNumber;
use crate::sql::Tokens;
use crate::sql::ast::{Expr, GroupItem, Location, Select};

/// What GROUP BY needs of its SELECT after ORDER BY has been resolved.
pub(super) struct Grouping {
    /// The relations in FROM.
    pub(super) uses: Vec<usize>,
    /// How many references they had before the select list.
    pub(super) marks: Vec<usize>,
}

impl Resolver<'_> {
    pub(super) fn group_by(
        &mut self,
        select: &Select,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
        grouping: &Grouping,
        columns: &Columns,
    ) -> Result<(), Refusal> {
        let Grouping { uses, marks } = grouping;
        let mut keys: Vec<(usize, ColumnNumber)> = Vec::new();
        let mut plain = true;
        let mut first: Location = None;
        let counts: Vec<usize> = uses.iter().map(|used| self.reference_count(*used)).collect();
        for item in &select.group_by {
            match item {
                GroupItem::Expr(expression) => {
                    first = first.or(expression.location);
                    let facts = self.group_key(expression, select, scope, ctes, columns)?;
                    keys.extend(facts.column);
                }
                GroupItem::Set(items) => {
                    plain = false;
                    self.group_set(items, scope, ctes)?;
                }
            }
        }
        let Some(first) = first.filter(|_| plain) else { return Ok(()) };
        for ((used, from), to) in uses.iter().zip(marks).zip(&counts) {
            let Some(entry) = self.resolved.uses.get(*used) else { continue };
            let key = &entry.relation.primary_key;
            if key.is_empty() || !key.iter().all(|number| keys.contains(&(*used, *number))) {
                continue;
            }
            let mut needed: Vec<ColumnNumber> = Vec::new();
            for reference in entry.references.get(*from..*to).unwrap_or_default() {
                match &reference.what {
                    Referenced::Column(number) | Referenced::Listed(number) => {
                        needed.push(*number);
                    }
                    Referenced::System(_) => {}
                    Referenced::WholeRow | Referenced::Star => {
                        needed.extend(entry.relation.columns.iter().map(|column| column.number));
                    }
                }
            }
            needed.sort_unstable();
            needed.dedup();
            needed.retain(|number| !keys.contains(&(*used, *number)));
            if needed.is_empty() {
                continue;
            }
            let before = self.end_of_group_by(first)?;
            if let Some(entry) = self.resolved.uses.get_mut(*used) {
                entry.group_extension = Some(GroupExtension { before, columns: needed });
            }
        }
        Ok(())
    }

    /// `GROUP BY 1` and `GROUP BY output_name` mean an item of the select list.
    pub(super) fn group_key(
        &mut self,
        expression: &Expr,
        select: &Select,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
        columns: &Columns,
    ) -> Result<Facts, Refusal> {
        if let Some(position) = super::output::position(expression)
            && !columns.open
            && select.targets.len() == columns.known.len()
            && let Some(column) = columns.known.get(position)
        {
            return Ok(column.facts.clone());
        }
        let facts = self.expr(expression, scope, ctes)?;
        self.note_nested(&facts);
        Ok(facts)
    }

    pub(super) fn group_set(
        &mut self,
        items: &[GroupItem],
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<(), Refusal> {
        for item in items {
            match item {
                GroupItem::Expr(expression) => {
                    let facts = self.expr(expression, scope, ctes)?;
                    self.note_nested(&facts);
                }
                GroupItem::Set(items) => self.group_set(items, scope, ctes)?,
            }
        }
        Ok(())
    }

    /// The first token behind the GROUP BY list that `first` (a byte offset) is in.
    pub(super) fn end_of_group_by(&self, first: u32) -> Result<usize, Refusal> {
        let start = self
            .tokens
            .at_byte(first as usize)
            .ok_or_else(|| Refusal::unsupported("this GROUP BY is not supported"))?;
        // The position may be inside the first expression (an operator's is): go back to GROUP BY
        // over balanced brackets, then forward to the end of the list.
        let mut depth = 0_i32;
        let mut index = start;
        let list = loop {
            if index <= self.span.start {
                return Err(Refusal::unsupported("this GROUP BY is not supported"));
            }
            index -= 1;
            if self.tokens.is_mark(index, ")") {
                depth += 1;
            } else if self.tokens.is_mark(index, "(") {
                depth -= 1;
            } else if depth <= 0
                && self.tokens.is_word(index, "group")
                && self.tokens.is_word(index + 1, "by")
            {
                break index + 2;
            }
        };
        Ok(self.scan(list, |tokens, index| {
            [
                "having",
                "window",
                "union",
                "intersect",
                "except",
                "order",
                "limit",
                "offset",
                "fetch",
                "for",
            ]
            .iter()
            .any(|word| tokens.is_word(index, word))
        }))
    }

    /// The first token from `start` on, outside brackets opened since, for which `stop` holds or
    /// that ends the bracket or the statement around it.
    pub(super) fn scan(&self, start: usize, stop: impl Fn(&Tokens<'_>, usize) -> bool) -> usize {
        let mut depth = 0_i32;
        let mut index = start;
        while index < self.span.end {
            if self.tokens.is_mark(index, "(") || self.tokens.is_mark(index, "[") {
                depth += 1;
            } else if self.tokens.is_mark(index, ")") || self.tokens.is_mark(index, "]") {
                depth -= 1;
                if depth < 0 {
                    return index;
                }
            } else if depth == 0
                && (self.tokens.is_mark(index, ";")
                    // A keyword behind a dot is a name.
                    || (!(index > 0 && self.tokens.is_mark(index - 1, "."))
                        && stop(self.tokens, index)))
            {
                return index;
            }
            index += 1;
        }
        self.span.end
    }
}
