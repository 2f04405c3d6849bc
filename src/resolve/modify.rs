//! Resolves INSERT, UPDATE and DELETE, alone and in WITH: the target, what is assigned, where the
//! clauses are. Pure.

use std::sync::Arc;

use super::expr::Filters;
use super::output::OutputName;
use super::query::Resolver;
use super::scope::{Columns, Ctes, Deps, Facts, Item, OutputColumn, Scope};
use super::{Clause, Clauses, Conjunct, Modification, ModificationKind, Place, ReturningItem};
use crate::catalog::{Relation, RelationKind};
use crate::error::{Refusal, SqlState};
use crate::ids::{ColumnNumber, TypeId};
use crate::policy::Verb;
use crate::sql::ast::{
    Assignment, CteQuery, Delete, Expr, ExprKind, Insert, InsertColumn, RelationRef, TableExpr,
    Target, Update,
};

/// Where a modification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// It is the statement.
    Top,
    /// In WITH.
    Nested,
}

/// What RETURNING may name.
pub(super) struct Sources<'s> {
    /// The target, and FROM or USING.
    pub(super) items: &'s [Item],
    /// NATURAL or USING has merged columns.
    pub(super) merged: bool,
}

impl Sources<'_> {
    /// The items that `*` or `t.*` lists.
    fn listed(&self, star: &Expr, used: usize) -> Vec<Option<String>> {
        let all = matches!(&star.kind, ExprKind::Column(column) if column.parts.is_empty());
        let named = self.items.iter().all(|item| !item.name.is_empty());
        if !all {
            return vec![None];
        }
        if self.merged || !named {
            return Vec::new();
        }
        let items = self.items.iter();
        items.map(|item| (item.relation != Some(used)).then(|| item.name.clone())).collect()
    }
}

fn unwritable(relation: &Relation, why: &str) -> Refusal {
    Refusal::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!(
            "writing to {} is not supported for a restricted principal",
            relation.qualified_name()
        ),
        why,
    )
}

/// Which rows WHERE of UPDATE and DELETE is about.
struct Rows {
    current_of: Option<String>,
    unsafe_condition: bool,
    /// For each part that AND joins whether it may run before a filter.
    safe: Vec<bool>,
}

impl Resolver<'_> {
    /// A data-modifying statement in WITH; the columns of its RETURNING.
    pub(super) fn modifying_cte(
        &mut self,
        query: &CteQuery,
        ctes: &Ctes<'_>,
    ) -> Result<Columns, Refusal> {
        if self.export {
            return Err(Refusal::unsupported(
                "COPY of a data-modifying statement is not supported for a restricted principal",
            ));
        }
        let before = std::mem::replace(&mut self.level_start, self.resolved.uses.len());
        self.depth += 1;
        let columns = match query {
            CteQuery::Select(query) => self.query(query, None, ctes),
            CteQuery::Insert(insert) => self.insert(insert, ctes, Level::Nested),
            CteQuery::Update(update) => self.update(update, ctes, Level::Nested),
            CteQuery::Delete(delete) => self.delete(delete, ctes, Level::Nested),
            CteQuery::Merge(merge) => self.merge(merge, ctes, Level::Nested),
        };
        self.depth -= 1;
        self.level_start = before;
        columns
    }

    pub(super) fn modified(
        &mut self,
        reference: &RelationRef,
        verb: Verb,
    ) -> Result<(usize, Arc<Relation>), Refusal> {
        let mut relation = self.find(reference)?;
        let mut through = None;
        match relation.kind {
            RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable => {}
            // With rules of its own it is written to like a table; PostgreSQL finds out where to.
            RelationKind::View if (self.context.named)(relation.id) => {}
            RelationKind::View => {
                let (table, found) = self.written_through(&relation)?.ok_or_else(|| {
                    unwritable(
                        &relation,
                        "it is not a table, not a view that the policy has rules on, and not a \
                         simple view over one table",
                    )
                })?;
                relation = table;
                through = Some(found);
            }
            RelationKind::MaterializedView | RelationKind::Sequence | RelationKind::Other => {
                return Err(unwritable(&relation, "it is not a table or view"));
            }
        }
        if relation.is_system() {
            return Err(Refusal::denied(
                format!("permission denied for table {}", relation.name),
                "the catalogue is not written to",
            ));
        }
        let name_tokens = self.name_tokens(reference)?;
        let used = self.add_use(Arc::clone(&relation), reference, Place::Target, name_tokens)?;
        self.add_verb(used, verb);
        if let Some(through) = through {
            match verb {
                Verb::Create => {}
                // As soon as something looks at a row, the row has to be readable.
                Verb::Update | Verb::Delete => {
                    if !through.decided.is_empty() {
                        self.add_verb(used, Verb::Read);
                    }
                }
                // Of MERGE.
                Verb::Read | Verb::Export | Verb::Assign | Verb::Manage => {
                    return Err(unwritable(&relation, "MERGE through a view"));
                }
            }
            if let Some(entry) = self.resolved.uses.get_mut(used) {
                entry.through = Some(through);
            }
        }
        Ok((used, relation))
    }

    pub(super) fn add_verb(&mut self, used: usize, verb: Verb) {
        if let Some(entry) = self.resolved.uses.get_mut(used)
            && !entry.verbs.contains(&verb)
        {
            entry.verbs.push(verb);
        }
    }

    /// Where the clauses stand that the tree says are there: a word alone can be a name
    /// (`SELECT 1 AS returning`).
    pub(super) fn clauses(
        &self,
        from: usize,
        filtered: Option<bool>,
        returned: &[ReturningItem],
    ) -> Result<Clauses, Refusal> {
        let refused = || Refusal::unsupported("this spelling of the statement is not supported");
        let end = self.scan(from, |_, _| false);
        let returning = match returned.first() {
            None => None,
            Some(item) => {
                let found = self.returning_token(item.tokens.start).ok_or_else(refused)?;
                if found >= end {
                    return Err(refused());
                }
                Some(found)
            }
        };
        let mut filter = None;
        if let Some(filtered) = filtered {
            let stop = returning.unwrap_or(end);
            let found = self.scan(from, |tokens, index| tokens.is_word(index, "where")).min(stop);
            if (found < stop) != filtered {
                return Err(refused());
            }
            filter = filtered.then_some(found);
        }
        Ok(Clauses { filter, returning, end })
    }

    /// The token RETURNING before the first item, also where WITH (OLD AS o, NEW AS n) is between.
    pub(super) fn returning_token(&self, first: usize) -> Option<usize> {
        let mut before = first.checked_sub(1)?;
        if self.tokens.is_mark(before, ")") {
            while !self.tokens.is_mark(before, "(") {
                before = before.checked_sub(1)?;
            }
            before = before.checked_sub(1).filter(|with| self.tokens.is_word(*with, "with"))?;
            before = before.checked_sub(1)?;
        }
        self.tokens.is_word(before, "returning").then_some(before)
    }

    /// The items of RETURNING, and the columns they make.
    pub(super) fn returning(
        &mut self,
        targets: &[Target],
        options: bool,
        sources: &Sources<'_>,
        ctes: &Ctes<'_>,
        used: usize,
    ) -> Result<(Vec<ReturningItem>, Columns), Refusal> {
        let items = sources.items;
        // Its names mean the target, as `old` and `new` do.
        self.unresolved |= options;
        if targets.is_empty() {
            return Ok((Vec::new(), Columns { known: Vec::new(), open: false }));
        }
        self.add_verb(used, Verb::Read);
        let scope = Scope { items, parent: None };
        let mut returned: Vec<ReturningItem> = Vec::new();
        let mut columns = Columns { known: Vec::new(), open: false };
        for target in targets {
            let start = target
                .location
                .and_then(|offset| self.tokens.at_byte(offset as usize))
                .ok_or_else(|| Refusal::unsupported("this RETURNING is not supported"))?;
            let star = self.in_clause(Clause::Returning, |resolver| {
                Ok(resolver.star_columns(&target.expr, &scope, target.location))
            })?;
            let name = match (&target.name, super::output::output_name(&target.expr)) {
                (Some(name), _) => Some(name.clone()),
                (None, OutputName::Strong(name) | OutputName::Weak(name)) => Some(name),
                (None, OutputName::None) => Some("?column?".to_owned()),
                (None, OutputName::Unsure) => None,
            };
            if let Some(star) = &star {
                self.list(star.known.len())?;
                columns.open |= star.open || items.len() > 1;
                columns.known.extend(star.known.iter().cloned());
            } else {
                let facts = self.in_clause(Clause::Returning, |resolver| {
                    resolver.expr(&target.expr, &scope, ctes)
                })?;
                columns.open |= name.is_none() || super::output::expands(&target.expr);
                let name = name.clone().unwrap_or_default();
                columns.known.push(OutputColumn { name, facts });
            }
            let end = self.scan(start, |tokens, index| tokens.is_mark(index, ","));
            let named = target.name.is_some();
            let bare_column = match (&target.name, &target.expr.kind) {
                (None, ExprKind::Column(column)) if !column.star => column.parts.last().cloned(),
                (_, _) => None,
            };
            let tokens = start..self.before_name(start..end, named);
            let star = star.is_some();
            let lists = if star { sources.listed(&target.expr, used) } else { Vec::new() };
            returned.push(ReturningItem { tokens, star, lists, bare_column, named, name });
        }
        // Computed and kept before anything else reads it: what reads a column computes nothing.
        for column in &mut columns.known {
            let known = Facts { deps: Deps::one(used), ..Facts::constant(column.facts.known) };
            let from = column.facts.column;
            column.facts = Facts { column: from, composite: column.facts.composite, ..known };
        }
        Ok((returned, columns))
    }

    /// Where the expression of an item ends that has a name behind it.
    fn before_name(&self, item: std::ops::Range<usize>, named: bool) -> usize {
        if !named {
            return item.end;
        }
        let name = item.end.saturating_sub(1);
        let before = name.saturating_sub(1);
        let is_as = self.tokens.is_word(before, "as")
            && !(before > item.start && self.tokens.is_mark(before - 1, "."));
        if is_as { before } else { name }
    }

    pub(super) fn insert(
        &mut self,
        insert: &Insert,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        self.with(insert.with.as_ref(), None, ctes, &mut |resolver, ctes| {
            resolver.insert_in(insert, ctes, level)
        })
    }

    fn insert_in(
        &mut self,
        insert: &Insert,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        let (used, relation) = self.modified(&insert.target, Verb::Create)?;
        let source = match &insert.source {
            Some(source) => Some(self.query(source, None, ctes)?),
            None => None,
        };
        let listed = !insert.columns.is_empty() || insert.source.is_none();
        let columns = if listed {
            self.assigned(&relation, insert.columns.iter(), ctes)?
        } else {
            relation.columns.iter().map(|column| column.number).collect()
        };
        if let Some(source) = &source {
            // An element or a field of a column has another type than the column.
            let whole = insert.columns.iter().all(|column| column.steps.is_empty());
            let types: Vec<TypeId> = columns
                .iter()
                .filter_map(|number| relation.column_by_number(*number))
                .map(|column| column.type_id)
                .collect();
            self.stored(&types, &source.known, source.open || !whole)?;
        }
        let item = self.base_item(used, &relation, &insert.target);
        let on_conflict = match &insert.on_conflict {
            None => None,
            Some(_) if self.resolved.uses.get(used).is_some_and(|u| u.through.is_some()) => {
                return Err(unwritable(&relation, "ON CONFLICT through a view"));
            }
            Some(conflict) => self.conflict(conflict, used, &relation, &item, ctes)?,
        };
        let sources = Sources { items: &[item], merged: false };
        let (returning, returned) =
            self.returning(&insert.returning, insert.returning_options, &sources, ctes, used)?;
        let clauses = self.clauses(self.after_name(used), None, &returning)?;
        self.resolved.modifications.push(Modification {
            target: used,
            kind: ModificationKind::Insert { columns, listed, on_conflict },
            clauses,
            returning,
            nested: level == Level::Nested,
            joins: false,
            current_of: None,
            unsafe_condition: false,
            conjuncts: Vec::new(),
            unresolved: self.unresolved,
        });
        Ok(returned)
    }

    pub(super) fn update(
        &mut self,
        update: &Update,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        self.with(update.with.as_ref(), None, ctes, &mut |resolver, ctes| {
            resolver.update_in(update, ctes, level)
        })
    }

    fn update_in(
        &mut self,
        update: &Update,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        let (used, relation) = self.modified(&update.target, Verb::Update)?;
        let mut items = vec![self.base_item(used, &relation, &update.target)];
        let merged = self.joined(&update.from, &mut items, ctes)?;
        let columns = self.assignments(&relation, used, &update.assignments, &items, ctes)?;
        let rows = self.modified_rows(update.filter.as_ref(), used, &items, ctes)?;
        let sources = Sources { items: &items, merged };
        let (returning, returned) =
            self.returning(&update.returning, update.returning_options, &sources, ctes, used)?;
        let filtered = Some(update.filter.is_some());
        let clauses = self.clauses(self.after_name(used), filtered, &returning)?;
        self.resolved.modifications.push(Modification {
            target: used,
            kind: ModificationKind::Update { columns },
            clauses,
            returning,
            joins: !update.from.is_empty(),
            nested: level == Level::Nested,
            conjuncts: self.conjuncts(&rows.safe, clauses),
            current_of: rows.current_of,
            unsafe_condition: rows.unsafe_condition,
            unresolved: self.unresolved,
        });
        Ok(returned)
    }

    pub(super) fn delete(
        &mut self,
        delete: &Delete,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        self.with(delete.with.as_ref(), None, ctes, &mut |resolver, ctes| {
            resolver.delete_in(delete, ctes, level)
        })
    }

    fn delete_in(
        &mut self,
        delete: &Delete,
        ctes: &Ctes<'_>,
        level: Level,
    ) -> Result<Columns, Refusal> {
        let (used, relation) = self.modified(&delete.target, Verb::Delete)?;
        let mut items = vec![self.base_item(used, &relation, &delete.target)];
        let merged = self.joined(&delete.using, &mut items, ctes)?;
        let rows = self.modified_rows(delete.filter.as_ref(), used, &items, ctes)?;
        let sources = Sources { items: &items, merged };
        let (returning, returned) =
            self.returning(&delete.returning, delete.returning_options, &sources, ctes, used)?;
        let filtered = Some(delete.filter.is_some());
        let clauses = self.clauses(self.after_name(used), filtered, &returning)?;
        self.resolved.modifications.push(Modification {
            target: used,
            kind: ModificationKind::Delete,
            clauses,
            returning,
            joins: !delete.using.is_empty(),
            nested: level == Level::Nested,
            conjuncts: self.conjuncts(&rows.safe, clauses),
            current_of: rows.current_of,
            unsafe_condition: rows.unsafe_condition,
            unresolved: self.unresolved,
        });
        Ok(returned)
    }

    /// The items of FROM and USING; whether some of their columns are merged.
    pub(super) fn joined(
        &mut self,
        tables: &[TableExpr],
        items: &mut Vec<Item>,
        ctes: &Ctes<'_>,
    ) -> Result<bool, Refusal> {
        let mut merged_names = false;
        let mut joined = Vec::new();
        for table in tables {
            self.table(table, &mut joined, None, ctes, &mut merged_names)?;
        }
        items.append(&mut joined);
        Ok(merged_names)
    }

    /// WHERE of UPDATE and DELETE.
    fn modified_rows(
        &mut self,
        filter: Option<&Expr>,
        used: usize,
        items: &[Item],
        ctes: &Ctes<'_>,
    ) -> Result<Rows, Refusal> {
        let mut rows = Rows { current_of: None, unsafe_condition: false, safe: Vec::new() };
        let Some(filter) = filter else { return Ok(rows) };
        // As soon as the statement looks at a row, the row has to be readable.
        self.add_verb(used, Verb::Read);
        if let ExprKind::CurrentOf(cursor) = &filter.kind {
            let refused = || Refusal::unsupported("this WHERE CURRENT OF is not supported");
            rows.current_of = Some(cursor.clone().ok_or_else(refused)?);
            return Ok(rows);
        }
        let scope = Scope { items, parent: None };
        let parts = if let ExprKind::And(parts) = &filter.kind {
            parts.as_slice()
        } else {
            std::slice::from_ref(filter)
        };
        for part in parts {
            rows.safe.push(self.condition(part, &scope, ctes, Filters::Rows)?.safe);
        }
        rows.unsafe_condition = self.resolved.uses.get(used).is_some_and(|entry| entry.exposed);
        Ok(rows)
    }

    /// The tokens of the parts of WHERE. BETWEEN has an AND of its own, and the tree flattens
    /// brackets: where the parts cannot be told apart, all is one.
    fn conjuncts(&self, safe: &[bool], clauses: Clauses) -> Vec<Conjunct> {
        let Some(where_token) = clauses.filter else { return Vec::new() };
        let whole = where_token + 1..clauses.returning.unwrap_or(clauses.end);
        let ands = self.outside_case(whole.clone(), "and");
        let between = !self.outside_case(whole.clone(), "between").is_empty();
        if between || ands.len() + 1 != safe.len() {
            return vec![Conjunct { tokens: whole, safe: false }];
        }
        let starts = std::iter::once(whole.start).chain(ands.iter().map(|and| and + 1));
        let ends = ands.iter().copied().chain(std::iter::once(whole.end));
        let parts = starts.zip(ends).zip(safe);
        parts.map(|((start, end), safe)| Conjunct { tokens: start..end, safe: *safe }).collect()
    }

    pub(super) fn assigned<'c>(
        &mut self,
        relation: &Relation,
        columns: impl Iterator<Item = &'c InsertColumn>,
        ctes: &Ctes<'_>,
    ) -> Result<Vec<ColumnNumber>, Refusal> {
        let mut numbers = Vec::new();
        for column in columns {
            let scope = Scope { items: &[], parent: None };
            for step in &column.steps {
                self.expr(step, &scope, ctes)?;
            }
            let found = relation.column(&column.name).ok_or_else(|| {
                Refusal::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{}\" of relation \"{}\" does not exist",
                        column.name, relation.name
                    ),
                    "",
                )
                .at(column.location.map(|offset| offset as usize))
            })?;
            numbers.push(found.number);
        }
        Ok(numbers)
    }

    pub(super) fn assignments(
        &mut self,
        relation: &Relation,
        used: usize,
        assignments: &[Assignment],
        items: &[Item],
        ctes: &Ctes<'_>,
    ) -> Result<Vec<ColumnNumber>, Refusal> {
        let before = self.reads(used);
        let scope = Scope { items, parent: None };
        for assignment in assignments {
            let facts = self.in_clause(Clause::Set, |resolver| {
                resolver.expr(&assignment.value, &scope, ctes)
            })?;
            if let Some(column) = relation.column(&assignment.column.name) {
                self.assigned_to(relation, column.number, &assignment.column.steps, &facts)?;
            }
        }
        if self.reads(used) > before {
            self.add_verb(used, Verb::Read);
        }
        let columns = assignments.iter().map(|assignment| &assignment.column);
        self.assigned(relation, columns, ctes)
    }

    /// A value that becomes a column's, or that of a part of it.
    pub(super) fn assigned_to(
        &self,
        relation: &Relation,
        number: ColumnNumber,
        steps: &[Expr],
        value: &Facts,
    ) -> Result<(), Refusal> {
        match relation.column_by_number(number).filter(|_| steps.is_empty()) {
            Some(column) => self.become_type(column.type_id, &[value.known])?,
            None => self.become_anything(&[value.known])?,
        };
        Ok(())
    }

    fn reads(&self, used: usize) -> usize {
        self.resolved.uses.get(used).map_or(0, |entry| entry.references.len())
    }

    pub(super) fn after_name(&self, used: usize) -> usize {
        self.resolved.uses.get(used).map_or(self.span.end, |entry| entry.name_tokens.end)
    }
}
