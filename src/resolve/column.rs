//! Resolves column references: which item a name means, and what is known of it. Pure.

use std::ops::Range;

use super::Referenced;
use super::function::field_is_allowed;
use super::query::Resolver;
use super::scope::{Columns, Facts, Item, KnownType, Scope};
use crate::error::{Refusal, SqlState};
use crate::sql::ast::{ColumnRef, Expr, ExprKind, Location};

impl Resolver<'_> {
    pub(super) fn column(
        &mut self,
        column: &ColumnRef,
        location: Location,
        scope: &Scope<'_>,
    ) -> Result<Facts, Refusal> {
        let tokens = self.reference_tokens(column, location);
        let parts: Vec<&str> = column.parts.iter().map(String::as_str).collect();
        if parts.len() + usize::from(column.star) == 4 {
            self.own_database(&parts, location)?;
        }
        if column.star {
            // Only where a row is built of it: `f(t.*)`, `ROW(t.*)`; select lists come elsewhere.
            let columns = self.star(&parts, scope, &tokens);
            return Ok(Facts { composite: true, ..columns.all() });
        }
        match parts.as_slice() {
            [name] => Ok(self.unqualified(name, &tokens, scope)),
            [table, name] => self.qualified(None, table, name, &tokens, scope),
            [schema, table, name] | [_, schema, table, name] => {
                self.qualified(Some(schema), table, name, &tokens, scope)
            }
            _ => Err(Refusal::unsupported("this column reference is not supported")),
        }
    }

    pub(super) fn reference_tokens(&self, column: &ColumnRef, location: Location) -> Range<usize> {
        // `TABLE t` has a star that nobody wrote.
        let Some(start) = location.and_then(|offset| self.tokens.at_byte(offset as usize)) else {
            return 0..0;
        };
        let parts = column.parts.len() + usize::from(column.star);
        start..start + (2 * parts).saturating_sub(1)
    }

    pub(super) fn unqualified(
        &mut self,
        name: &str,
        tokens: &Range<usize>,
        scope: &Scope<'_>,
    ) -> Facts {
        let mut found: Vec<Facts> = Vec::new();
        let mut level = Some(scope);
        while let Some(current) = level {
            let mut settled = false;
            for item in current.items {
                if let Some(facts) = self.item_column(item, name, tokens, 0) {
                    // Of an item whose columns are not all known, the name may not be one.
                    settled |= !item.columns.open;
                    found.push(facts);
                } else if item.columns.open {
                    found.push(Facts::opaque(item.columns.all().deps));
                }
            }
            if settled {
                return single_or_union(found);
            }
            level = current.parent;
        }
        // Not a column: the whole row of the item with that name.
        let mut level = Some(scope);
        while let Some(current) = level {
            if let Some(item) = current.items.iter().find(|item| item.name == name) {
                return self.whole_row(item, tokens);
            }
            level = current.parent;
        }
        if found.is_empty() {
            self.unresolved = true;
            unknown_column(scope)
        } else {
            single_or_union(found)
        }
    }

    pub(super) fn qualified(
        &mut self,
        schema: Option<&str>,
        table: &str,
        name: &str,
        tokens: &Range<usize>,
        scope: &Scope<'_>,
    ) -> Result<Facts, Refusal> {
        let qualifiers = (tokens.len() / 2).max(1);
        let mut level = Some(scope);
        while let Some(current) = level {
            let matching: Vec<&Item> = current
                .items
                .iter()
                .filter(|item| {
                    item.name == table && (schema.is_none() || item.schema.as_deref() == schema)
                })
                .collect();
            if let [item, rest @ ..] = matching.as_slice() {
                if !rest.is_empty() {
                    return Err(Refusal::new(
                        SqlState("42P09"),
                        format!("table reference \"{table}\" is ambiguous"),
                        "",
                    ));
                }
                if let Some(facts) = self.item_column(item, name, tokens, qualifiers) {
                    return Ok(facts);
                }
                // `t.f` is `f(t)` when there is no such column.
                self.field(name)?;
                let row = self.whole_row(item, tokens);
                return Ok(Facts::opaque(row.deps));
            }
            level = current.parent;
        }
        self.field(name)?;
        self.unresolved = true;
        Ok(unknown_column(scope))
    }

    /// A field selection that could call a function.
    pub(super) fn field(&self, name: &str) -> Result<(), Refusal> {
        if self.context.view_depth > 0 {
            return Ok(());
        }
        field_is_allowed(self.context.catalog, self.context.path, self.context.grants, name)?;
        self.applied(name)
    }

    pub(super) fn item_column(
        &mut self,
        item: &Item,
        name: &str,
        tokens: &Range<usize>,
        qualifiers: usize,
    ) -> Option<Facts> {
        let found: Vec<Facts> = item
            .columns
            .known
            .iter()
            .filter(|column| column.name == name)
            .map(|column| column.facts.clone())
            .collect();
        if !found.is_empty() {
            for facts in &found {
                if let Some((used, number)) = facts.column {
                    // A name that an alias list gave is not the relation's own spelling; only
                    // references to the item itself are edited.
                    let (tokens, qualifiers) = if item.relation == Some(used) {
                        (tokens.clone(), qualifiers)
                    } else {
                        (0..0, 0)
                    };
                    self.mark(used, tokens, qualifiers, Referenced::Column(number));
                }
            }
            return Some(single_or_union(found));
        }
        let used = item.relation?;
        if SYSTEM_COLUMNS.contains(&name) {
            self.mark(used, tokens.clone(), qualifiers, Referenced::System(name.to_owned()));
            return Some(Facts::opaque(item.columns.all().deps));
        }
        None
    }

    pub(super) fn whole_row(&mut self, item: &Item, tokens: &Range<usize>) -> Facts {
        self.mark_item(item, tokens, 0, &Referenced::WholeRow);
        Facts { composite: true, ..item.columns.all() }
    }

    /// Marks an item as read whole: the relation it is, or the columns that come through it.
    pub(super) fn mark_item(
        &mut self,
        item: &Item,
        tokens: &Range<usize>,
        qualifiers: usize,
        what: &Referenced,
    ) {
        if let Some(used) = item.relation {
            self.mark(used, tokens.clone(), qualifiers, what.clone());
            return;
        }
        for column in &item.columns.known {
            if let Some((used, number)) = column.facts.column {
                self.mark(used, 0..0, 0, Referenced::Listed(number));
            }
        }
    }

    pub(super) fn star(
        &mut self,
        parts: &[&str],
        scope: &Scope<'_>,
        tokens: &Range<usize>,
    ) -> Columns {
        let mut columns = Columns { known: Vec::new(), open: false };
        let qualifiers = parts.len();
        let mut level = Some(scope);
        while let Some(current) = level {
            let mut settled = false;
            for item in current.items {
                let named = match parts {
                    [] => true,
                    [table] => item.name == *table,
                    [schema, table] => {
                        item.name == *table && item.schema.as_deref() == Some(*schema)
                    }
                    // Of another database the server finds nothing, and says so.
                    [database, schema, table] => {
                        **database == *self.context.catalog.database
                            && item.name == *table
                            && item.schema.as_deref() == Some(*schema)
                    }
                    _ => false,
                };
                if !named {
                    continue;
                }
                settled = true;
                self.mark_item(item, tokens, qualifiers, &Referenced::Star);
                columns.open |= item.columns.open;
                columns.known.extend(item.columns.known.iter().cloned());
            }
            // An unqualified star is the innermost level; a qualified one looks outwards.
            if settled || parts.is_empty() {
                return columns;
            }
            level = current.parent;
        }
        // `old.*` and `new.*` in RETURNING are the target.
        self.unresolved = true;
        columns.open = true;
        columns
    }

    /// The columns of `*` or `t.*` in a select list or RETURNING; `None` for anything else.
    pub(super) fn star_columns(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        location: Location,
    ) -> Option<Columns> {
        let ExprKind::Column(column) = &expr.kind else { return None };
        if !column.star {
            return None;
        }
        let tokens = self.reference_tokens(column, expr.location.or(location));
        let parts: Vec<&str> = column.parts.iter().map(String::as_str).collect();
        Some(self.star(&parts, scope, &tokens))
    }
}

const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

pub(super) fn single_or_union(mut found: Vec<Facts>) -> Facts {
    match (found.pop(), found.is_empty()) {
        (Some(facts), true) => facts,
        (Some(last), false) => {
            // The same name on two sides: USING and NATURAL merge them, everything else is an
            // error that the server reports.
            let known = if found.iter().all(|facts| facts.known == last.known) {
                last.known
            } else {
                KnownType::Unknown
            };
            found.push(last);
            Facts { known, ..Facts::over(&found) }
        }
        (None, _) => Facts::constant(KnownType::Unknown),
    }
}

/// A name that means nothing here: the server will say so, or it is something this resolver does
/// not follow. It may read anything in sight.
pub(super) fn unknown_column(scope: &Scope<'_>) -> Facts {
    let mut facts = Facts::opaque(super::scope::Deps::default());
    let mut level = Some(scope);
    while let Some(current) = level {
        for item in current.items {
            facts.deps.add(&item.columns.all().deps);
        }
        level = current.parent;
    }
    facts
}
