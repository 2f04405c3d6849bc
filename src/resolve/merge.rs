//! Resolves MERGE: the join, and for each WHEN the condition and what is assigned. Pure.

use std::ops::Range;

use super::expr::Filters;
use super::modify::{Level, Sources};
use super::query::Resolver;
use super::scope::{Columns, Ctes, Item, Scope};
use super::{
    Assigned, AssignedValue, Clause, MergeThen, MergeWhen, Merging, Modification, ModificationKind,
};
use crate::catalog::Relation;
use crate::error::Refusal;
use crate::ids::ColumnNumber;
use crate::policy::Verb;
use crate::sql::ast::{Assignment, Expr, ExprKind, Merge, MergeAction, MergeMatch};

/// Where the parts of one WHEN stand.
struct WhenTokens {
    /// The client's condition behind AND.
    condition: Option<Range<usize>>,
    /// The token THEN.
    then: usize,
    /// Behind its last token.
    end: usize,
}

impl Resolver<'_> {
    pub(super) fn merge(
        &mut self,
        merge: &Merge,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        self.with(merge.with.as_ref(), None, ctes, &mut |resolver, ctes| {
            resolver.merge_in(merge, ctes, level)
        })
    }

    fn merge_in(
        &mut self,
        merge: &Merge,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        // ON looks at rows of the target, whatever is then done with them.
        let (used, relation) = self.modified(&merge.target, Verb::Read)?;
        let target = self.base_item(used, &relation, &merge.target);
        let mut source = Vec::new();
        let merged = self.joined(std::slice::from_ref(&merge.source), &mut source, ctes)?;
        // In this order `*` lists them.
        let mut both = source.clone();
        both.push(target.clone());
        let scope = Scope { items: &both, parent: None };
        self.in_clause(Clause::Decision, |resolver| {
            resolver.condition(&merge.on, &scope, ctes, Filters::Pairs)
        })?;
        let unsafe_condition = self.resolved.uses.get(used).is_some_and(|entry| entry.exposed);
        let (on, tokens) = self.when_tokens(self.after_name(used), merge)?;
        let mut whens = Vec::new();
        for (when, tokens) in merge.whens.iter().zip(tokens) {
            let items = match when.matched {
                MergeMatch::Matched => both.as_slice(),
                MergeMatch::NotMatchedByTarget => source.as_slice(),
                MergeMatch::NotMatchedBySource => std::slice::from_ref(&target),
            };
            // Conditions and values are computed for rows that ON has let through: they expose
            // nothing.
            if let Some(condition) = &when.condition {
                let scope = Scope { items, parent: None };
                let condition = self.in_clause(Clause::Decision, |resolver| {
                    resolver.expr(condition, &scope, ctes)
                })?;
                self.truth(&condition)?;
            }
            let then = self.merge_then(&when.action, used, &relation, items, &tokens, ctes)?;
            whens.push(MergeWhen {
                matched: when.matched,
                condition: tokens.condition,
                then: tokens.then,
                action: then,
            });
        }
        let sources = Sources { items: &both, merged };
        let (returning, returned) =
            self.returning(&merge.returning, merge.returning_options, &sources, ctes, used)?;
        let clauses = self.clauses(self.after_name(used), None, &returning)?;
        self.resolved.modifications.push(Modification {
            target: used,
            kind: ModificationKind::Merge(Merging { on, whens }),
            clauses,
            returning,
            nested: level == Level::Nested,
            joins: true,
            current_of: None,
            unsafe_condition,
            conjuncts: Vec::new(),
            unresolved: self.unresolved,
        });
        Ok(returned)
    }

    fn merge_then(
        &mut self,
        action: &MergeAction,
        used: usize,
        relation: &Relation,
        items: &[Item],
        tokens: &WhenTokens,
        ctes: &Ctes<'_>,
    ) -> Result<MergeThen, Refusal> {
        Ok(match action {
            MergeAction::Nothing => MergeThen::Nothing,
            MergeAction::Delete => {
                self.add_verb(used, Verb::Delete);
                MergeThen::Delete
            }
            MergeAction::Update(assignments) => {
                self.add_verb(used, Verb::Update);
                let columns = self.assignments(relation, used, assignments, items, ctes)?;
                let values = assignments
                    .iter()
                    .zip(columns)
                    .map(|(assignment, column)| Assigned {
                        column,
                        value: self.set_value(assignment, used, items, tokens.end),
                    })
                    .collect();
                MergeThen::Update(values)
            }
            MergeAction::Insert { columns, values, overriding } => {
                self.add_verb(used, Verb::Create);
                let listed = !columns.is_empty() || values.is_empty();
                let numbers = if columns.is_empty() {
                    relation.columns.iter().map(|column| column.number).take(values.len()).collect()
                } else {
                    self.assigned(relation, columns.iter(), ctes)?
                };
                let scope = Scope { items, parent: None };
                for (value, number) in values.iter().zip(&numbers) {
                    let facts =
                        self.in_clause(Clause::Set, |resolver| resolver.expr(value, &scope, ctes))?;
                    self.assigned_to(relation, *number, &[], &facts)?;
                }
                let mut at = self.insert_values(tokens);
                let mut assigned = Vec::new();
                for (value, column) in values.iter().zip(numbers) {
                    let end = self.scan(at, |tokens, index| tokens.is_mark(index, ","));
                    let value = if *overriding {
                        AssignedValue::Computed
                    } else {
                        Self::value(value, used, items, at..end)
                    };
                    assigned.push(Assigned { column, value });
                    at = end + 1;
                }
                MergeThen::Insert { values: assigned, listed }
            }
        })
    }

    /// The first token behind `VALUES (`; behind the last token for DEFAULT VALUES.
    fn insert_values(&self, tokens: &WhenTokens) -> usize {
        let values = self
            .scan(tokens.then, |tokens, index| {
                tokens.is_word(index, "values") && tokens.is_mark(index + 1, "(")
            })
            .min(tokens.end);
        (values + 2).min(tokens.end)
    }

    /// The value of `column = value`.
    fn set_value(
        &self,
        assignment: &Assignment,
        used: usize,
        items: &[Item],
        end: usize,
    ) -> AssignedValue {
        let start = assignment
            .column
            .location
            .and_then(|offset| self.tokens.at_byte(offset as usize))
            .filter(|_| assignment.column.steps.is_empty());
        let Some(start) = start else { return AssignedValue::Computed };
        let equals = self.scan(start, |tokens, index| tokens.is_mark(index, "=")).min(end);
        let behind = self.scan(equals, |tokens, index| tokens.is_mark(index, ",")).min(end);
        // `(a, b) = …` has its equals sign outside the brackets the column stands in.
        if equals != start + 1 || behind <= equals + 1 {
            return AssignedValue::Computed;
        }
        Self::value(&assignment.value, used, items, equals + 1..behind)
    }

    fn value(value: &Expr, used: usize, items: &[Item], tokens: Range<usize>) -> AssignedValue {
        if let ExprKind::Default = value.kind {
            return AssignedValue::Default;
        }
        let mut columns = Vec::new();
        let mut others = false;
        if is_repeatable(value, used, items, &mut columns, &mut others) {
            AssignedValue::Plain { tokens, target: columns, others }
        } else {
            AssignedValue::Computed
        }
    }

    /// Where ON and the WHENs stand. The grammar gives no positions for them: they are the words
    /// outside brackets and CASE, as many as the tree has.
    fn when_tokens(
        &self,
        from: usize,
        merge: &Merge,
    ) -> Result<(Range<usize>, Vec<WhenTokens>), Refusal> {
        let refused = || Refusal::unsupported("this spelling of MERGE is not supported");
        let end = match merge.returning.first() {
            None => self.scan(from, |_, _| false),
            Some(first) => first
                .location
                .and_then(|offset| self.tokens.at_byte(offset as usize))
                .and_then(|first| self.returning_token(first))
                .ok_or_else(refused)?,
        };
        let starts = self.outside_case(from..end, "when");
        let [first, ..] = starts.as_slice() else { return Err(refused()) };
        if starts.len() != merge.whens.len() {
            return Err(refused());
        }
        // Joins in the source have an ON of their own, before this one.
        let on = *self.outside_case(from..*first, "on").last().ok_or_else(refused)?;
        let mut whens = Vec::new();
        for (index, (start, when)) in starts.iter().zip(&merge.whens).enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(end);
            let then = *self.outside_case(*start..end, "then").first().ok_or_else(refused)?;
            let mut at = start + 1;
            let words: &[&str] = match when.matched {
                MergeMatch::Matched => &["matched"],
                MergeMatch::NotMatchedByTarget | MergeMatch::NotMatchedBySource => {
                    &["not", "matched"]
                }
            };
            for word in words {
                if !self.tokens.is_word(at, word) {
                    return Err(refused());
                }
                at += 1;
            }
            if self.tokens.is_word(at, "by") {
                at += 2;
            }
            let condition = match (&when.condition, self.tokens.is_word(at, "and")) {
                (Some(_), true) => Some(at + 1..then),
                (None, false) if at == then => None,
                (_, _) => return Err(refused()),
            };
            whens.push(WhenTokens { condition, then, end });
        }
        Ok((on + 1..*first, whens))
    }

    /// The positions of a word in `range`, outside brackets and CASE.
    pub(super) fn outside_case(&self, range: Range<usize>, word: &str) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = 0_u32;
        let mut at = range.start;
        loop {
            at = self.scan(at, |tokens, index| {
                tokens.is_word(index, "case")
                    || tokens.is_word(index, "end")
                    || tokens.is_word(index, word)
            });
            if at >= range.end {
                return found;
            }
            if self.tokens.is_word(at, "case") {
                open += 1;
            } else if self.tokens.is_word(at, "end") {
                open = open.saturating_sub(1);
            } else if open == 0 && self.tokens.is_word(at, word) {
                found.push(at);
            }
            at += 1;
        }
    }
}

/// Whether the value is the same when it is computed twice, from the text alone: literals,
/// parameters and columns, also with a cast.
fn is_repeatable(
    value: &Expr,
    used: usize,
    items: &[Item],
    target: &mut Vec<ColumnNumber>,
    others: &mut bool,
) -> bool {
    if let ExprKind::Cast { operand, target: to } = &value.kind {
        return !to.special && is_repeatable(operand, used, items, target, others);
    }
    if let ExprKind::Constant(_) | ExprKind::Parameter(_) = &value.kind {
        return true;
    }
    let ExprKind::Column(column) = &value.kind else { return false };
    if column.star {
        return false;
    }
    let (table, name) = match column.parts.as_slice() {
        [name] => (None, name),
        [table, name] => (Some(table), name),
        _ => return false,
    };
    // Exactly one column can be meant.
    let mut found = items
        .iter()
        .filter(|item| table.is_none_or(|table| item.name == *table))
        .flat_map(|item| item.columns.known.iter().map(move |column| (item, column)))
        .filter(|(_, column)| column.name == *name);
    let (Some((item, column)), None) = (found.next(), found.next()) else { return false };
    if items.iter().any(|item| item.columns.open && table.is_none_or(|t| item.name == *t)) {
        return false;
    }
    match column.facts.column {
        Some((from, number)) if item.relation == Some(from) && from == used => {
            target.push(number);
        }
        Some(_) | None => *others = true,
    }
    true
}
