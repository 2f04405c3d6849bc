//! Resolves queries: scopes, FROM items, relations. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use super::coerce::INT8;
use super::expr::Filters;
use super::group::Grouping;
use super::modify::Level;
use super::output::OutputName;
use super::parameter::Meetings;
use super::safe::unify;
use super::scope::{Columns, CteInSight, Ctes, Deps, Facts, Item, KnownType, OutputColumn, Scope};
use super::{Clause, CopiedRelation, Place, Referenced, ResolveContext, Resolved, WhereClause};
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::sql::Tokens;
use crate::sql::ast::{
    CopySource, Cte, CteQuery, Expr, Query, QueryBody, RelationRef, Select, StatementKind,
    TableExpr, Window, With,
};

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
    pub(super) export: bool,
    /// An expression that can fail was met that does not run behind every filter of the statement.
    pub(super) hazard: bool,
    /// How many queries are open.
    pub(super) depth: usize,
    /// The first use of the query that is open.
    pub(super) level_start: usize,
    /// How many columns have been listed.
    pub(super) columns: usize,
    /// The statement is PREPARE's.
    pub(super) preparing: bool,
    /// What parameters meet.
    pub(super) met: Meetings,
    /// The types of parameters that stand more than once, where that is known.
    pub(super) inferred: BTreeMap<u32, KnownType>,
    /// The parameter types of PREPARE.
    pub(super) prepared: Vec<KnownType>,
    /// The tokens that name the types of casts to names of objects, all of them looked at.
    pub(super) cast_names: Vec<usize>,
    /// Somebody has made casts or operators that no text has to name.
    pub(super) watchful: bool,
    /// What the parts are of the expression that is open.
    pub(super) parts: Vec<KnownType>,
    /// The types of casts.
    pub(super) cast_types: Vec<TypeId>,
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
            preparing: false,
            met: Meetings::new(),
            inferred: BTreeMap::new(),
            prepared: Vec::new(),
            cast_names: Vec::new(),
            watchful: !context.catalog.coercions().is_empty()
                || context.catalog.has_user_operators(),
            parts: Vec::new(),
            cast_types: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Resolved {
        self.resolved.hazard = self.hazard;
        if self.unresolved {
            for entry in &mut self.resolved.uses {
                entry.entire = true;
            }
        }
        self.resolved
    }

    /// Remembers that an expression can fail.
    pub(super) fn note(&mut self, facts: &Facts) {
        self.hazard |= !facts.safe;
    }

    /// As `note`, for what the outermost query computes behind its filters.
    pub(super) fn note_nested(&mut self, facts: &Facts) {
        if self.depth > 1 || self.context.view_depth > 0 {
            self.note(facts);
        }
    }

    /// Counts columns that are listed: a list of lists of columns grows exponentially.
    pub(super) fn list(&mut self, columns: usize) -> Result<(), Refusal> {
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
            StatementKind::Insert(insert) => {
                self.insert(insert, &NO_CTES, Level::Top)?;
                Ok(())
            }
            StatementKind::Update(update) => {
                self.update(update, &NO_CTES, Level::Top)?;
                Ok(())
            }
            StatementKind::Delete(delete) => {
                self.delete(delete, &NO_CTES, Level::Top)?;
                Ok(())
            }
            StatementKind::Merge(merge) => {
                self.merge(merge, &NO_CTES, Level::Top)?;
                Ok(())
            }
            StatementKind::Copy(copy) => {
                if copy.server_side {
                    return Err(Refusal::denied(
                        "permission denied for COPY to or from a file or program",
                        "only COPY … TO STDOUT and FROM STDIN are open to a restricted principal",
                    ));
                }
                if copy.from {
                    return self.copy_in(copy);
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
            StatementKind::Explain(explain) => {
                if let StatementKind::Definition(definition) = &explain.statement
                    && definition.executed().is_some()
                {
                    return Err(Refusal::unsupported(
                        "EXPLAIN of CREATE TABLE AS EXECUTE is not supported for a restricted \
                         principal",
                    ));
                }
                self.statement(&explain.statement)
            }
            StatementKind::Definition(definition) => self.definition(definition),
            StatementKind::Prepare { types, statement, .. } => {
                self.preparing = true;
                for declared in types {
                    let known = match self.allowed_type(declared)? {
                        Some(found) => KnownType::Type(self.context.catalog.base_type(found)),
                        None => KnownType::Unknown,
                    };
                    self.prepared.push(known);
                }
                self.statement(statement)
            }
            StatementKind::Execute { arguments, .. } => self.arguments(arguments),
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

    /// The arguments of EXECUTE.
    pub(super) fn arguments(&mut self, arguments: &[Expr]) -> Result<(), Refusal> {
        for argument in arguments {
            let facts = self.expr(argument, &Scope { items: &[], parent: None }, &NO_CTES)?;
            self.become_anything(&[facts.known])?;
        }
        Ok(())
    }

    pub(super) fn copied(
        &mut self,
        reference: &RelationRef,
        columns: &[String],
    ) -> Result<(), Refusal> {
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
            let parts = std::mem::take(&mut self.parts);
            self.depth += 1;
            let columns = self.with(query.with.as_ref(), outer, ctes, &mut |resolver, ctes| {
                resolver.query_in(query, outer, ctes)
            });
            self.depth -= 1;
            self.parts = parts;
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
            here.push(CteInSight { name: &cte.name, columns, silent: cte.query.is_silent() });
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
        let columns = match &cte.query {
            CteQuery::Select(query) => self.query(query, outer, ctes)?,
            modifying @ (CteQuery::Insert(_)
            | CteQuery::Update(_)
            | CteQuery::Delete(_)
            | CteQuery::Merge(_)) => self.modifying_cte(modifying, ctes)?,
        };
        let mut columns = columns.rename(&cte.columns);
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
            .map(|cte| CteInSight {
                name: cte.name,
                columns: cte.columns.clone(),
                silent: cte.silent,
            })
            .collect();
        self.list(here.iter().map(|cte| cte.columns.known.len() + 1).sum())?;
        for later in with.ctes.iter().skip(before.len()) {
            here.push(CteInSight {
                name: &later.name,
                columns: Columns { known: Vec::new(), open: true },
                silent: later.query.is_silent(),
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
                                self.refuse_mixed_names([&column.facts, &facts])?;
                                let unforced = self.columns_become_one(&column.facts, &facts)?;
                                column.facts = united(&column.facts, &facts);
                                column.facts.safe &= unforced;
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
                let mut unforced = Vec::new();
                for (column, other) in left.known.iter().zip(&right.known) {
                    self.refuse_mixed_names([&column.facts, &other.facts])?;
                    unforced.push(self.columns_become_one(&column.facts, &other.facts)?);
                }
                let mut columns = merge(left, &right);
                for (column, unforced) in columns.known.iter_mut().zip(unforced) {
                    column.facts.safe &= unforced;
                }
                (columns, Vec::new())
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
            let facts = self.sort_key(key, &scope, ctes)?;
            self.note_nested(&facts);
        }
        let outside = Scope { items: &[], parent: outer };
        for bound in query.limit.iter().chain(&query.offset) {
            let facts = self.expr(bound, &outside, ctes)?;
            self.become_type(INT8, &[facts.known])?;
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
        self.passed_by(select, &items);
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

    /// Finds the WHERE that rows of these pass: those that no outer join fills up with NULLs, and
    /// that can be named there.
    fn passed_by(&mut self, select: &Select, items: &[Item]) {
        let Some(passed) = self.where_clause(select, items) else { return };
        for item in items.iter().filter(|item| !item.nullable) {
            let named_alike = items.iter().filter(|other| other.name == item.name).count();
            if named_alike == 1
                && let Some(entry) = item.relation.and_then(|used| self.resolved.uses.get_mut(used))
            {
                entry.passes = Some(passed);
            }
        }
    }

    /// The WHERE behind a FROM that begins with a relation.
    fn where_clause(&self, select: &Select, items: &[Item]) -> Option<WhereClause> {
        const BEHIND: [&str; 11] = [
            "group",
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
        ];
        let mut first = select.from.first()?;
        while let TableExpr::Join(join) = first {
            first = &join.left;
        }
        let (TableExpr::Relation(_), Some(used)) = (first, items.first()?.relation) else {
            return None;
        };
        let mut from = self.resolved.uses.get(used)?.name_tokens.start.checked_sub(1)?;
        while self.tokens.is_mark(from, "(") || self.tokens.is_word(from, "only") {
            from = from.checked_sub(1)?;
        }
        if !self.tokens.is_word(from, "from") {
            return None;
        }
        let ends = |tokens: &Tokens<'_>, index: usize| {
            let within = index > 0 && tokens.is_word(index - 1, "within");
            // An aggregate of a query further out may have WITHIN GROUP here.
            (!within && BEHIND.iter().any(|word| tokens.is_word(index, word)))
                // CREATE TABLE … AS SELECT … WITH NO DATA; a type may have WITH, too.
                || (tokens.is_word(index, "with")
                    && (tokens.is_word(index + 1, "data")
                        || (tokens.is_word(index + 1, "no") && tokens.is_word(index + 2, "data"))))
        };
        let end = self
            .scan(from + 1, |tokens, index| tokens.is_word(index, "where") || ends(tokens, index));
        let word = self.tokens.is_word(end, "where").then_some(end);
        // What the tree does not say is not believed.
        if word.is_some() != select.filter.is_some() {
            return None;
        }
        let end = word.map_or(end, |word| self.scan(word + 1, ends));
        Some(WhereClause { word, end })
    }

    pub(super) fn targets(
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
        for expression in &window.partition_by {
            parts.push(self.expr(expression, scope, ctes)?);
        }
        for bound in &window.bounds {
            let facts = self.expr(bound, scope, ctes)?;
            self.become_anything(&[facts.known])?;
            parts.push(facts);
        }
        for key in &window.order_by {
            parts.push(self.sort_key(key, scope, ctes)?);
        }
        Ok(Facts::over(&parts))
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

    pub(super) fn reference_count(&self, used: usize) -> usize {
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
