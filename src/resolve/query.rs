//! Resolves queries: scopes, FROM items, relations. Pure.

use std::ops::Range;
use std::sync::Arc;

use super::expr::Filters;
use super::output::OutputName;
use super::safe::unify;
use super::scope::{Columns, CteInSight, Ctes, Deps, Facts, Item, KnownType, OutputColumn, Scope};
use super::{
    Clause, CopiedRelation, ExpandedView, GroupExtension, Place, Referenced, RelationUse,
    ResolveContext, Resolved, resolve,
};
use crate::catalog::{Relation, RelationKind, SearchPath};
use crate::error::{Refusal, SqlState};
use crate::ids::ColumnNumber;
use crate::policy::Verb;
use crate::sql::ast::{
    Alias, CopySource, Cte, CteQuery, Expr, GroupItem, Join, JoinKind, Location, Query, QueryBody,
    RelationRef, Select, StatementKind, TableExpr, Window, With,
};
use crate::sql::{Tokens, parse};

/// How many views may be defined over one another.
const VIEW_DEPTH: usize = 16;

/// How many relations a statement may name.
const MOST_RELATIONS: usize = 1_000;

/// How many columns the items of FROM, of WITH and of the select lists of a statement may have
/// together; PostgreSQL's limit for one list is 1,664.
const MOST_COLUMNS: usize = 100_000;

pub(super) struct Resolver<'a> {
    pub(super) context: ResolveContext<'a>,
    pub(super) tokens: &'a Tokens<'a>,
    /// The tokens of the statement.
    pub(super) span: Range<usize>,
    pub(super) resolved: Resolved,
    pub(super) clause: Clause,
    /// A column reference meant nothing in sight.
    pub(super) unresolved: bool,
    export: bool,
    /// An expression that can fail was met that does not run behind every filter of the statement.
    pub(super) hazard: bool,
    /// How many queries are open.
    depth: usize,
    /// The first use of the query that is open.
    level_start: usize,
    /// How many columns have been listed.
    columns: usize,
    /// The parameter types of PREPARE.
    pub(super) prepared: Vec<KnownType>,
}

/// What GROUP BY needs of its SELECT after ORDER BY has been resolved.
struct Grouping {
    /// The relations in FROM.
    uses: Vec<usize>,
    /// How many references they had before the select list.
    marks: Vec<usize>,
}

pub(super) const NO_CTES: Ctes<'static> = Ctes { here: &[], parent: None };

impl<'a> Resolver<'a> {
    pub(super) fn new(
        context: ResolveContext<'a>,
        tokens: &'a Tokens<'a>,
        span: Range<usize>,
    ) -> Self {
        Self {
            context,
            tokens,
            span,
            resolved: Resolved::default(),
            clause: Clause::Other,
            unresolved: false,
            export: false,
            hazard: false,
            depth: 0,
            level_start: 0,
            columns: 0,
            prepared: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Resolved {
        self.resolved.hazard = self.hazard;
        self.resolved
    }

    /// Remembers that an expression can fail.
    pub(super) fn note(&mut self, facts: &Facts) {
        self.hazard |= !facts.safe;
    }

    /// As `note`, for what the outermost query computes behind its filters.
    fn note_nested(&mut self, facts: &Facts) {
        if self.depth > 1 || self.context.view_depth > 0 {
            self.note(facts);
        }
    }

    /// Counts columns that are listed: a list of lists of columns grows exponentially.
    fn list(&mut self, columns: usize) -> Result<(), Refusal> {
        self.columns = self.columns.saturating_add(columns).saturating_add(1);
        if self.columns > MOST_COLUMNS {
            return Err(Refusal::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "the statement lists too many columns",
                "",
            ));
        }
        Ok(())
    }

    /// Exposes every relation of the query that is open, at any depth.
    pub(super) fn expose_level(&mut self) {
        for entry in self.resolved.uses.iter_mut().skip(self.level_start) {
            entry.exposed = true;
        }
    }

    pub(super) fn statement(&mut self, kind: &StatementKind) -> Result<(), Refusal> {
        match kind {
            StatementKind::Select(query) | StatementKind::DeclareCursor { query, .. } => {
                let columns = self.query(query, None, &NO_CTES)?;
                if !columns.open {
                    self.resolved.outputs =
                        columns.known.iter().map(|column| column.facts.safe).collect();
                }
                Ok(())
            }
            StatementKind::Insert(insert) => self.insert(insert),
            StatementKind::Update(update) => self.update(update),
            StatementKind::Delete(delete) => self.delete(delete),
            StatementKind::Copy(copy) => {
                if copy.from {
                    return Err(Refusal::unsupported(
                        "COPY FROM is not supported for a restricted principal",
                    ));
                }
                if copy.server_side {
                    return Err(Refusal::denied(
                        "permission denied for COPY to a file or program",
                        "only COPY … TO STDOUT is open to a restricted principal",
                    ));
                }
                self.export = true;
                match &copy.source {
                    CopySource::Relation(relation, columns) => self.copied(relation, columns),
                    CopySource::Query(query) => {
                        self.query(query, None, &NO_CTES)?;
                        Ok(())
                    }
                    CopySource::Modifying => Err(Refusal::unsupported(
                        "COPY of a data-modifying statement is not supported for a restricted \
                         principal",
                    )),
                }
            }
            StatementKind::Explain(explain) => self.statement(&explain.statement),
            StatementKind::Prepare { types, statement, .. } => {
                for declared in types {
                    let known = match self.allowed_type(declared)? {
                        Some(found) => KnownType::Type(self.context.catalog.base_type(found)),
                        None => KnownType::Unknown,
                    };
                    self.prepared.push(known);
                }
                self.statement(statement)
            }
            StatementKind::Execute { arguments, .. } => {
                for argument in arguments {
                    self.expr(argument, &Scope { items: &[], parent: None }, &NO_CTES)?;
                }
                Ok(())
            }
            StatementKind::Merge => {
                Err(Refusal::unsupported("MERGE is not supported for a restricted principal"))
            }
            StatementKind::Fetch { .. }
            | StatementKind::ClosePortal { .. }
            | StatementKind::Deallocate { .. }
            | StatementKind::Transaction(_)
            | StatementKind::Set(_)
            | StatementKind::Show(_)
            | StatementKind::Discard(_)
            | StatementKind::Other(_) => {
                Err(Refusal::unsupported("this statement has nothing to resolve"))
            }
        }
    }

    fn copied(&mut self, reference: &RelationRef, columns: &[String]) -> Result<(), Refusal> {
        let relation = self.find(reference)?;
        let name_tokens = self.name_tokens(reference)?;
        let mut end = name_tokens.end;
        if !columns.is_empty() {
            end = self.close_bracket(end)?;
        }
        let start = name_tokens.start;
        let used = self.add_use(relation, reference, Place::Copied, name_tokens)?;
        for name in columns {
            self.mark_named_column(used, name);
        }
        if columns.is_empty() {
            self.mark(used, start..start, 0, Referenced::Star);
        }
        self.resolved.copied =
            Some(CopiedRelation { used, tokens: start..end, columns: columns.to_vec() });
        Ok(())
    }

    /// Notes that a column list names a column of the use.
    pub(super) fn mark_named_column(&mut self, used: usize, name: &str) {
        let number = self
            .resolved
            .uses
            .get(used)
            .and_then(|entry| entry.relation.column(name))
            .map(|column| column.number);
        if let Some(number) = number {
            self.mark(used, 0..0, 0, Referenced::Column(number));
        }
    }

    // Queries.

    pub(super) fn query(
        &mut self,
        query: &Query,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
    ) -> Result<Columns, Refusal> {
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || {
            let before = std::mem::replace(&mut self.level_start, self.resolved.uses.len());
            self.depth += 1;
            let columns = self.with(query.with.as_ref(), outer, ctes, &mut |resolver, ctes| {
                resolver.query_in(query, outer, ctes)
            });
            self.depth -= 1;
            self.level_start = before;
            columns
        })
    }

    /// Brings the expressions of WITH into sight for what `then` resolves.
    pub(super) fn with<T>(
        &mut self,
        with: Option<&With>,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
        then: &mut dyn FnMut(&mut Self, &Ctes<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let Some(with) = with else { return then(self, ctes) };
        let mut here: Vec<CteInSight<'_>> = Vec::new();
        for cte in &with.ctes {
            let columns = if with.recursive {
                self.recursive_cte(cte, with, &here, outer, ctes)?
            } else {
                // A non-recursive expression sees the ones before it, not itself.
                let sight = Ctes { here: &here, parent: Some(ctes) };
                self.cte(cte, outer, &sight)?
            };
            here.push(CteInSight { name: &cte.name, columns });
        }
        then(self, &Ctes { here: &here, parent: Some(ctes) })
    }

    fn cte(
        &mut self,
        cte: &Cte,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
    ) -> Result<Columns, Refusal> {
        let scope = Scope { items: &[], parent: outer };
        for expression in &cte.expressions {
            let facts = self.expr(expression, &scope, ctes)?;
            self.note(&facts);
        }
        let query = match &cte.query {
            CteQuery::Select(query) => query,
            CteQuery::Modifying => {
                return Err(Refusal::unsupported(
                    "a data-modifying statement in WITH is not supported for a restricted \
                     principal",
                ));
            }
        };
        let mut columns = self.query(query, outer, ctes)?.rename(&cte.columns);
        let facts = columns.all();
        for name in &cte.added_columns {
            columns.known.push(OutputColumn {
                name: name.clone(),
                facts: Facts { safe: false, ..facts.clone() },
            });
        }
        Ok(columns)
    }

    /// In WITH RECURSIVE every expression sees every other and itself. What a reference to one that
    /// is not resolved yet yields is not known, so it may be anything.
    fn recursive_cte(
        &mut self,
        cte: &Cte,
        with: &With,
        before: &[CteInSight<'_>],
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
    ) -> Result<Columns, Refusal> {
        let mut here: Vec<CteInSight<'_>> = before
            .iter()
            .map(|cte| CteInSight { name: cte.name, columns: cte.columns.clone() })
            .collect();
        self.list(here.iter().map(|cte| cte.columns.known.len() + 1).sum())?;
        for later in with.ctes.iter().skip(before.len()) {
            here.push(CteInSight {
                name: &later.name,
                columns: Columns { known: Vec::new(), open: true },
            });
        }
        let sight = Ctes { here: &here, parent: Some(ctes) };
        let mut columns = self.cte(cte, outer, &sight)?;
        // The recursive term may compute anything from the rows of every relation in it.
        let deps = columns.all().deps;
        for column in &mut columns.known {
            column.facts = Facts::opaque(deps.clone());
        }
        Ok(columns)
    }

    fn query_in(
        &mut self,
        query: &Query,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
    ) -> Result<Columns, Refusal> {
        if query.into {
            return Err(Refusal::unsupported(
                "SELECT INTO is not supported for a restricted principal",
            ));
        }
        let mut grouping = None;
        let (columns, items) = match &query.body {
            QueryBody::Select(select) => {
                let (columns, items, found) = self.select(select, query, outer, ctes)?;
                grouping = found.map(|found| (select, found));
                (columns, items)
            }
            QueryBody::Values(rows) => {
                let scope = Scope { items: &[], parent: outer };
                let mut columns: Vec<OutputColumn> = Vec::new();
                for row in rows {
                    for (index, expression) in row.iter().enumerate() {
                        let facts = self.expr(expression, &scope, ctes)?;
                        self.note_nested(&facts);
                        match columns.get_mut(index) {
                            Some(column) => {
                                column.facts = united(&column.facts, &facts);
                            }
                            None => columns
                                .push(OutputColumn { name: format!("column{}", index + 1), facts }),
                        }
                    }
                }
                (Columns { known: columns, open: false }, Vec::new())
            }
            QueryBody::SetOperation { left, right } => {
                let left = self.query(left, outer, ctes)?;
                let right = self.query(right, outer, ctes)?;
                (merge(left, &right), Vec::new())
            }
        };
        // ORDER BY, LIMIT and OFFSET see the output names, and the items of a plain SELECT.
        let output = Item {
            name: String::new(),
            schema: None,
            columns: columns.clone(),
            relation: None,
            nullable: false,
        };
        let mut visible = items;
        visible.push(output);
        let scope = Scope { items: &visible, parent: outer };
        for key in &query.order_by {
            self.sort_operator(key)?;
            let facts = self.expr(&key.expr, &scope, ctes)?;
            self.note_nested(&facts);
        }
        let outside = Scope { items: &[], parent: outer };
        for bound in query.limit.iter().chain(&query.offset) {
            let facts = self.expr(bound, &outside, ctes)?;
            self.note_nested(&facts);
        }
        if let Some((select, grouping)) = grouping {
            visible.pop();
            let scope = Scope { items: &visible, parent: outer };
            self.group_by(select, &scope, ctes, &grouping, &columns)?;
        }
        Ok(columns)
    }

    fn select(
        &mut self,
        select: &Select,
        query: &Query,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
    ) -> Result<(Columns, Vec<Item>, Option<Grouping>), Refusal> {
        let first_use = self.resolved.uses.len();
        let mut items: Vec<Item> = Vec::new();
        let mut merged_names = false;
        for table in &select.from {
            self.table(table, &mut items, outer, ctes, &mut merged_names)?;
        }
        let uses: Vec<usize> = items.iter().filter_map(|item| item.relation).collect();
        for locking in &query.locking {
            self.lock(&locking.of, &items, first_use);
        }
        let scope = Scope { items: &items, parent: outer };
        if let Some(filter) = &select.filter {
            // A condition inside SET or RETURNING stays part of that.
            self.condition(filter, &scope, ctes, Filters::Rows)?;
        }
        let marks: Vec<usize> = uses.iter().map(|used| self.reference_count(*used)).collect();
        let columns = self.targets(select, &scope, ctes, merged_names)?;
        for expression in &select.distinct_on {
            let facts = self.expr(expression, &scope, ctes)?;
            self.note_nested(&facts);
        }
        if let Some(having) = &select.having {
            self.condition(having, &scope, ctes, Filters::Groups)?;
        }
        for window in &select.windows {
            let facts = self.window(window, &scope, ctes)?;
            self.note_nested(&facts);
        }
        let grouping = (!select.group_by.is_empty()).then_some(Grouping { uses, marks });
        Ok((columns, items, grouping))
    }

    fn targets(
        &mut self,
        select: &Select,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
        merged_names: bool,
    ) -> Result<Columns, Refusal> {
        let mut columns = Columns { known: Vec::new(), open: false };
        for target in &select.targets {
            if let Some(star) = self.star_columns(&target.expr, scope, target.location) {
                self.list(star.known.len())?;
                // Columns merged by USING and NATURAL come first and once: positions move.
                columns.open |= star.open || merged_names;
                columns.known.extend(star.known);
                continue;
            }
            let facts = self.expr(&target.expr, scope, ctes)?;
            if super::output::expands(&target.expr) {
                columns.open = true;
            }
            let name = match &target.name {
                Some(name) => name.clone(),
                None => match super::output::output_name(&target.expr) {
                    OutputName::Strong(name) | OutputName::Weak(name) => name,
                    OutputName::None => "?column?".to_owned(),
                    OutputName::Unsure => {
                        columns.open = true;
                        String::new()
                    }
                },
            };
            self.note_nested(&facts);
            // What an aggregate or a window function of this query returns cannot be computed below
            // the filter; in a sub-select it can belong to a query further out, or stand beside a
            // column of one.
            let facts = match (facts.aggregated, scope.parent) {
                (true, None) => Facts::constant(facts.known),
                (true, Some(_)) => Facts { aggregated: false, ..facts },
                (false, _) => facts,
            };
            columns.known.push(OutputColumn { name, facts });
        }
        Ok(columns)
    }

    pub(super) fn window(
        &mut self,
        window: &Window,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let mut parts = Vec::new();
        for expression in window.partition_by.iter().chain(&window.bounds) {
            parts.push(self.expr(expression, scope, ctes)?);
        }
        for key in &window.order_by {
            self.sort_operator(key)?;
            parts.push(self.expr(&key.expr, scope, ctes)?);
        }
        Ok(Facts::over(&parts))
    }

    // GROUP BY.

    fn group_by(
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
                    Referenced::Column(number) => needed.push(*number),
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
    fn group_key(
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

    fn group_set(
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
    fn end_of_group_by(&self, first: u32) -> Result<usize, Refusal> {
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

    // FROM.

    pub(super) fn table(
        &mut self,
        table: &TableExpr,
        items: &mut Vec<Item>,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
        merged_names: &mut bool,
    ) -> Result<(), Refusal> {
        match table {
            TableExpr::Relation(reference) => {
                items.push(self.relation_item(reference, None, ctes)?);
            }
            TableExpr::Sample { relation, method, arguments, location } => {
                let known = matches!(
                    method.as_slice(),
                    [name] if name == "bernoulli" || name == "system"
                ) || matches!(
                    method.as_slice(),
                    [schema, name] if schema == "pg_catalog"
                        && (name == "bernoulli" || name == "system")
                );
                if !known {
                    return Err(Refusal::unsupported("this TABLESAMPLE method is not supported"));
                }
                let scope = Scope { items: &[], parent: None };
                for argument in arguments {
                    let facts = self.expr(argument, &scope, ctes)?;
                    if !super::output::is_plain_operand(argument) || !facts.deps.is_empty() {
                        return Err(Refusal::unsupported(
                            "TABLESAMPLE takes literals and parameters for a restricted principal",
                        ));
                    }
                }
                items.push(self.relation_item(relation, Some(*location), ctes)?);
            }
            TableExpr::Subquery { lateral, query, alias } => {
                let columns = if *lateral {
                    let siblings = std::mem::take(items);
                    let scope = Scope { items: &siblings, parent: outer };
                    let columns = self.query(query, Some(&scope), ctes);
                    *items = siblings;
                    columns?
                } else {
                    self.query(query, outer, ctes)?
                };
                items.push(derived_item(columns, alias.as_ref()));
            }
            TableExpr::Function { calls, alias, defined, ordinality } => {
                items.push(self.function_item(
                    calls,
                    alias.as_ref(),
                    defined,
                    *ordinality,
                    items,
                    outer,
                    ctes,
                )?);
            }
            TableExpr::TableFunction { arguments, columns, alias } => {
                let mut parts = Vec::new();
                {
                    let scope = Scope { items, parent: outer };
                    for argument in arguments {
                        parts.push(self.expr(argument, &scope, ctes)?);
                    }
                }
                let facts = Facts::opaque(Facts::over(&parts).deps);
                self.note(&facts);
                let known = columns
                    .iter()
                    .map(|name| OutputColumn { name: name.clone(), facts: facts.clone() })
                    .collect();
                items.push(derived_item(Columns { known, open: false }, alias.as_ref()));
            }
            TableExpr::Join(join) => return self.join(join, items, outer, ctes, merged_names),
        }
        self.list(items.last().map_or(0, |item| item.columns.known.len()))
    }

    #[expect(clippy::too_many_arguments, reason = "one arm of `table`, named for reading")]
    fn function_item(
        &mut self,
        calls: &[Expr],
        alias: Option<&Alias>,
        defined: &[String],
        ordinality: bool,
        items: &[Item],
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
    ) -> Result<Item, Refusal> {
        let scope = Scope { items, parent: outer };
        let mut parts = Vec::new();
        for call in calls {
            let facts = self.expr(call, &scope, ctes)?;
            self.note(&facts);
            parts.push(facts);
        }
        let deps = Facts::over(&parts).deps;
        let facts =
            if deps.is_empty() { Facts::constant(KnownType::Unknown) } else { Facts::opaque(deps) };
        let column = |name: &str| OutputColumn { name: name.to_owned(), facts: facts.clone() };
        let mut known: Vec<OutputColumn> = defined.iter().map(|name| column(name)).collect();
        // Without a column definition list the columns are the function's own; with one they may be
        // renamed. What may not be a column at all is listed only where the list is open.
        let renamed = alias.is_some_and(|alias| !alias.columns.is_empty());
        let open = known.is_empty() || renamed || ordinality;
        if let Some(alias) = alias.filter(|_| open) {
            known.extend(alias.columns.iter().map(|name| column(name)));
            known.push(column(&alias.name));
        }
        if ordinality {
            known.push(column("ordinality"));
        }
        let name = match alias {
            Some(alias) => alias.name.clone(),
            None => match calls.first().map(super::output::output_name) {
                Some(OutputName::Strong(name) | OutputName::Weak(name)) => name,
                Some(OutputName::None | OutputName::Unsure) | None => String::new(),
            },
        };
        Ok(Item {
            name,
            schema: None,
            columns: Columns { known, open },
            relation: None,
            nullable: false,
        })
    }

    fn join(
        &mut self,
        join: &Join,
        items: &mut Vec<Item>,
        outer: Option<&Scope<'_>>,
        ctes: &Ctes<'_>,
        merged_names: &mut bool,
    ) -> Result<(), Refusal> {
        let first = items.len();
        self.table(&join.left, items, outer, ctes, merged_names)?;
        let middle = items.len();
        self.table(&join.right, items, outer, ctes, merged_names)?;
        let (left_nullable, right_nullable) = match join.kind {
            JoinKind::Inner => (false, false),
            JoinKind::Left => (false, true),
            JoinKind::Right => (true, false),
            JoinKind::Full => (true, true),
        };
        for (index, item) in items.iter_mut().enumerate().skip(first) {
            item.nullable |= if index < middle { left_nullable } else { right_nullable };
        }
        if join.natural || !join.using.is_empty() {
            *merged_names = true;
            let right = items.get(middle..).unwrap_or_default();
            let left = items.get(first..middle).unwrap_or_default();
            self.joined_by_name(left, right, join)?;
        }
        for item in items.iter().skip(first) {
            if let Some(used) = item.relation
                && join.natural
                && let Some(entry) = self.resolved.uses.get_mut(used)
            {
                entry.natural = true;
            }
        }
        let joined: Vec<usize> =
            items.iter().skip(first).filter_map(|item| item.relation).collect();
        for name in &join.using {
            for used in &joined {
                self.mark_named_column(*used, name);
            }
        }
        if let Some(on) = &join.on {
            let scope = Scope { items: items.get(first..).unwrap_or_default(), parent: outer };
            self.condition(on, &scope, ctes, Filters::Pairs)?;
        }
        if let Some(alias) = &join.using_alias {
            let columns = items
                .iter()
                .skip(first)
                .flat_map(|item| item.columns.known.iter())
                .filter(|column| join.using.contains(&column.name))
                .cloned()
                .collect();
            items.push(Item {
                name: alias.name.clone(),
                schema: None,
                columns: Columns { known: columns, open: false },
                relation: None,
                nullable: false,
            });
        }
        if let Some(alias) = &join.alias {
            // The alias hides the names of what was joined; only its own columns are left.
            let hidden: Vec<Item> = items.drain(first..).collect();
            let mut columns = Columns { known: Vec::new(), open: false };
            for item in hidden {
                if let Some(used) = item.relation {
                    self.mark(used, 0..0, 0, Referenced::Star);
                }
                columns.open |= item.columns.open;
                columns.known.extend(item.columns.known);
            }
            columns.open |= *merged_names;
            items.push(Item {
                name: alias.name.clone(),
                schema: None,
                columns: columns.rename(&alias.columns),
                relation: None,
                nullable: false,
            });
        }
        Ok(())
    }

    /// USING and NATURAL compare the columns of one name: as ON would.
    fn joined_by_name(
        &mut self,
        left: &[Item],
        right: &[Item],
        join: &Join,
    ) -> Result<(), Refusal> {
        let meaning =
            super::function::operator_meaning(self.context.catalog, self.context.grants, "=")?;
        let columns = |items: &[Item]| -> Vec<OutputColumn> {
            items
                .iter()
                .flat_map(|item| item.columns.known.iter())
                .filter(|column| join.natural || join.using.contains(&column.name))
                .cloned()
                .collect()
        };
        let (left_columns, right_columns) = (columns(left), columns(right));
        let mut hidden = Deps::default();
        for column in &left_columns {
            for other in right_columns.iter().filter(|other| other.name == column.name) {
                let (a, b) = (&column.facts, &other.facts);
                if !(a.safe && b.safe && self.comparable(meaning, a, b)) {
                    hidden.add(&a.deps);
                    hidden.add(&b.deps);
                    self.hazard = true;
                }
            }
        }
        for item in left.iter().chain(right).filter(|item| item.columns.open) {
            hidden.add(&item.columns.all().deps);
        }
        self.expose(&hidden);
        Ok(())
    }

    fn relation_item(
        &mut self,
        reference: &RelationRef,
        sample: Option<Location>,
        ctes: &Ctes<'_>,
    ) -> Result<Item, Refusal> {
        // Only an unqualified name can mean a common table expression.
        if reference.schema.is_none()
            && reference.catalog.is_none()
            && let Some(columns) = ctes.find(&reference.name)
        {
            return Ok(derived_item(
                columns.clone(),
                Some(&Alias {
                    name: reference.alias_name().to_owned(),
                    columns: reference
                        .alias
                        .as_ref()
                        .map(|alias| alias.columns.clone())
                        .unwrap_or_default(),
                }),
            ));
        }
        let relation = self.find(reference)?;
        let name_tokens = self.name_tokens(reference)?;
        let sample = match sample {
            None => None,
            Some(location) => Some(self.sample_tokens(location)?),
        };
        let table_command = name_tokens
            .start
            .checked_sub(1)
            .map(|before| if reference.only { before.saturating_sub(1) } else { before })
            .is_some_and(|before| {
                self.tokens.is_word(before, "table") || self.tokens.is_word(before + 1, "table")
            });
        let place = Place::From { sample, table_command };
        let used = self.add_use(Arc::clone(&relation), reference, place, name_tokens)?;
        Ok(self.base_item(used, &relation, reference))
    }

    /// The columns of a relation as a FROM item.
    pub(super) fn base_item(
        &self,
        used: usize,
        relation: &Relation,
        reference: &RelationRef,
    ) -> Item {
        // What a view computes may be computed wherever it is asked for.
        let is_view = relation.kind == RelationKind::View && !relation.is_system();
        let outputs = self
            .resolved
            .uses
            .get(used)
            .and_then(|entry| entry.view.as_ref())
            .map_or(&[][..], |view| &view.resolved.outputs);
        let known = relation
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| OutputColumn {
                name: column.name.to_string(),
                facts: Facts {
                    deps: Deps::one(used),
                    safe: !is_view || outputs.get(index) == Some(&true),
                    known: KnownType::Type(self.context.catalog.base_type(column.type_id)),
                    column: Some((used, column.number)),
                    aggregated: false,
                    composite: false,
                },
            })
            .collect();
        let columns = Columns { known, open: false };
        let columns = match &reference.alias {
            Some(alias) => columns.rename(&alias.columns),
            None => columns,
        };
        Item {
            name: reference.alias_name().to_owned(),
            schema: reference.alias.is_none().then(|| relation.schema.to_string()),
            columns,
            relation: Some(used),
            nullable: false,
        }
    }

    pub(super) fn add_use(
        &mut self,
        relation: Arc<Relation>,
        reference: &RelationRef,
        place: Place,
        name_tokens: Range<usize>,
    ) -> Result<usize, Refusal> {
        let mut verbs = match place {
            Place::From { .. } => vec![Verb::Read],
            Place::Target => Vec::new(),
            Place::Copied => vec![Verb::Read],
        };
        if self.export && place != Place::Target {
            verbs.push(Verb::Export);
        }
        // What follows looks at every reference for every other; PostgreSQL's planner does more.
        if self.resolved.uses.len() >= MOST_RELATIONS {
            return Err(Refusal::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "the statement names too many relations",
                "",
            ));
        }
        let view = self.expand_view(&relation)?;
        self.resolved.uses.push(RelationUse {
            relation,
            verbs,
            place,
            name_tokens,
            alias: reference.alias.clone(),
            only: reference.only,
            exposed: false,
            conditions: Vec::new(),
            references: Vec::new(),
            natural: false,
            group_extension: None,
            view,
        });
        Ok(self.resolved.uses.len() - 1)
    }

    fn expand_view(&self, relation: &Relation) -> Result<Option<Box<ExpandedView>>, Refusal> {
        if relation.kind != RelationKind::View
            || relation.is_system()
            || (self.context.named)(relation.id)
        {
            return Ok(None);
        }
        let denied = |why: &str| {
            Refusal::denied(
                format!("permission denied for view {}", relation.name),
                format!("the definition of {} {why}", relation.qualified_name()),
            )
        };
        let definition = relation.view_definition.as_ref().ok_or_else(|| denied("is not known"))?;
        let text: Arc<str> = Arc::from(definition.trim().trim_end_matches(';'));
        let tokens = Tokens::new(&text).map_err(|_| denied("cannot be read"))?;
        let statements = parse(&tokens).map_err(|_| denied("cannot be read"))?;
        let [statement] = statements.as_slice() else { return Err(denied("is not one query")) };
        let StatementKind::Select(_) = &statement.kind else {
            return Err(denied("is not a query"));
        };
        if self.context.view_depth >= VIEW_DEPTH {
            return Err(denied("is nested too deeply"));
        }
        // The definition's names are qualified; only PostgreSQL's own stand without a schema.
        let path = SearchPath::new(["pg_catalog"]);
        let context = ResolveContext {
            path: &path,
            declared: &[],
            view_depth: self.context.view_depth + 1,
            ..self.context
        };
        let resolved = resolve(context, &tokens, 0..tokens.len(), &statement.kind)?;
        Ok(Some(Box::new(ExpandedView { text, resolved })))
    }

    pub(super) fn find(&self, reference: &RelationRef) -> Result<Arc<Relation>, Refusal> {
        let catalog = self.context.catalog;
        let offset = reference.location.map(|offset| offset as usize);
        let found = match &reference.schema {
            Some(schema) => catalog.relation_named(schema, &reference.name),
            None => self.context.path.relation(catalog, &reference.name),
        };
        let relation = found.ok_or_else(|| {
            let name = match &reference.schema {
                Some(schema) => format!("{schema}.{}", reference.name),
                None => reference.name.clone(),
            };
            Refusal::new(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{name}\" does not exist"),
                "",
            )
            .at(offset)
        })?;
        match relation.kind {
            RelationKind::Table
            | RelationKind::PartitionedTable
            | RelationKind::View
            | RelationKind::MaterializedView
            | RelationKind::ForeignTable
            | RelationKind::Sequence => Ok(Arc::clone(relation)),
            RelationKind::Other => Err(Refusal::denied(
                format!("permission denied for relation {}", relation.name),
                "only tables, views and sequences can be read by name",
            )
            .at(offset)),
        }
    }

    /// The tokens that spell the relation's name; they have to spell what the grammar read.
    pub(super) fn name_tokens(&self, reference: &RelationRef) -> Result<Range<usize>, Refusal> {
        let refused = || {
            Refusal::unsupported(format!(
                "this spelling of relation \"{}\" is not supported",
                reference.name
            ))
        };
        let start = reference
            .location
            .and_then(|offset| self.tokens.at_byte(offset as usize))
            .ok_or_else(refused)?;
        let parts: Vec<&String> =
            reference.catalog.iter().chain(&reference.schema).chain([&reference.name]).collect();
        let mut index = start;
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                if !self.tokens.is_mark(index, ".") {
                    return Err(refused());
                }
                index += 1;
            }
            // The grammar cuts names to 63 bytes.
            let spelled = self.tokens.identifier(index).ok_or_else(refused)?;
            if !spelled.starts_with(part.as_str()) || (spelled != **part && part.len() < 60) {
                return Err(refused());
            }
            index += 1;
        }
        Ok(start..index)
    }

    fn sample_tokens(&self, location: Location) -> Result<Range<usize>, Refusal> {
        let refused = || Refusal::unsupported("this TABLESAMPLE is not supported");
        let method =
            location.and_then(|offset| self.tokens.at_byte(offset as usize)).ok_or_else(refused)?;
        // The position is the method's name; TABLESAMPLE stands before it.
        let start = if self.tokens.is_word(method, "tablesample") {
            method
        } else {
            method.checked_sub(1).ok_or_else(refused)?
        };
        if !self.tokens.is_word(start, "tablesample") {
            return Err(refused());
        }
        let mut open = start + 1;
        while open < self.span.end && !self.tokens.is_mark(open, "(") {
            open += 1;
        }
        let mut end = self.close_bracket(open)?;
        if self.tokens.is_word(end, "repeatable") {
            end = self.close_bracket(end + 1)?;
        }
        Ok(start..end)
    }

    /// Behind the bracket that closes the one at `open`.
    pub(super) fn close_bracket(&self, open: usize) -> Result<usize, Refusal> {
        if !self.tokens.is_mark(open, "(") {
            return Err(Refusal::unsupported("this statement is not supported"));
        }
        let close = self.scan(open + 1, |_, _| false);
        Ok(close + 1)
    }

    /// FOR UPDATE and FOR SHARE lock rows of what they name, or of everything at this level and in
    /// the sub-selects below it (PostgreSQL documentation, SELECT, "The Locking Clause").
    fn lock(&mut self, of: &[String], items: &[Item], first_use: usize) {
        let named: Vec<usize> = if of.is_empty() {
            (first_use..self.resolved.uses.len()).collect()
        } else {
            let mut named = Vec::new();
            for item in items.iter().filter(|item| of.contains(&item.name)) {
                match item.relation {
                    Some(used) => named.push(used),
                    // A sub-select: everything in it.
                    None => named.extend(first_use..self.resolved.uses.len()),
                }
            }
            named
        };
        for used in named {
            if let Some(entry) = self.resolved.uses.get_mut(used)
                && !entry.verbs.contains(&Verb::Update)
            {
                entry.verbs.push(Verb::Update);
            }
        }
    }

    // Marks.

    pub(super) fn mark(
        &mut self,
        used: usize,
        tokens: Range<usize>,
        qualifiers: usize,
        what: Referenced,
    ) {
        let clause = self.clause;
        if let Some(entry) = self.resolved.uses.get_mut(used) {
            entry.references.push(super::Reference { tokens, qualifiers, what, clause });
        }
    }

    fn reference_count(&self, used: usize) -> usize {
        self.resolved.uses.get(used).map_or(0, |entry| entry.references.len())
    }

    pub(super) fn expose(&mut self, deps: &Deps) {
        for used in deps.iter() {
            if let Some(entry) = self.resolved.uses.get_mut(used) {
                entry.exposed = true;
            }
        }
    }
}

fn derived_item(columns: Columns, alias: Option<&Alias>) -> Item {
    let (name, columns) = match alias {
        Some(alias) => (alias.name.clone(), columns.rename(&alias.columns)),
        None => (String::new(), columns),
    };
    Item { name, schema: None, columns, relation: None, nullable: false }
}

/// The columns of a set operation: the left side's names, both sides' origins.
fn merge(mut left: Columns, right: &Columns) -> Columns {
    if left.open || right.open || left.known.len() != right.known.len() {
        let mut deps = left.all().deps;
        deps.add(&right.all().deps);
        for column in &mut left.known {
            column.facts = Facts::opaque(deps.clone());
        }
        left.open = true;
        return left;
    }
    for (column, other) in left.known.iter_mut().zip(&right.known) {
        column.facts = united(&column.facts, &other.facts);
    }
    left
}

/// One column of two rows or queries: bringing them to one type is a cast, which can fail.
fn united(a: &Facts, b: &Facts) -> Facts {
    let both = [a.clone(), b.clone()];
    let (known, unified) = unify(&both);
    let facts = Facts::over(&both);
    Facts { known, safe: facts.safe && unified, composite: a.composite || b.composite, ..facts }
}
