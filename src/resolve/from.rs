//! Resolves the items of FROM: relations by identity, views by their definition, joins. Pure.

use std::ops::Range;
use std::sync::Arc;

use super::expr::Filters;
use super::output::OutputName;
use super::query::Resolver;
use super::scope::{Collations, Columns, Ctes, Deps, Facts, Item, KnownType, OutputColumn, Scope};
use super::{ExpandedView, Place, Referenced, RelationUse, ResolveContext, resolve};
use crate::catalog::{Relation, RelationKind, SearchPath};
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::policy::{Verb, is_expanded, stands_for};
use crate::sql::ast::{
    Alias, Expr, Join, JoinKind, Location, RelationRef, StatementKind, TableExpr,
};
use crate::sql::{Tokens, parse};

/// How many views may be defined over one another.
const VIEW_DEPTH: usize = 16;

/// How many relations a statement may name.
const MOST_RELATIONS: usize = 1_000;

impl Resolver<'_> {
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
            TableExpr::TableFunction { since, arguments, columns, alias } => {
                self.known_to_server("JSON_TABLE", *since, None)?;
                let mut parts = Vec::new();
                {
                    let scope = Scope { items, parent: outer };
                    for argument in arguments {
                        let facts = self.expr(argument, &scope, ctes)?;
                        // The types of the columns are not in the tree.
                        self.own_cast(facts.known, None)?;
                        parts.push(facts);
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
    pub(super) fn function_item(
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

    pub(super) fn join(
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
            if join.natural {
                self.take_entire(left);
                self.take_entire(right);
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

    /// Columns that nothing names decide what NATURAL compares.
    fn take_entire(&mut self, items: &[Item]) {
        for used in items.iter().filter_map(|item| item.relation) {
            if let Some(entry) = self.resolved.uses.get_mut(used) {
                entry.entire = true;
            }
        }
    }

    /// USING and NATURAL compare the columns of one name: as ON would.
    pub(super) fn joined_by_name(
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
                let unforced =
                    self.compared_by_name(a, b)? & self.become_one(&[a.known, b.known])?;
                if !(a.safe && b.safe && unforced && self.comparable(meaning, a, b)) {
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

    pub(super) fn relation_item(
        &mut self,
        reference: &RelationRef,
        sample: Option<Location>,
        ctes: &Ctes<'_>,
    ) -> Result<Item, Refusal> {
        // Only an unqualified name can mean a common table expression.
        if reference.schema.is_none()
            && reference.catalog.is_none()
            && let Some(cte) = ctes.find(&reference.name)
        {
            // The gateway may have given it one, for its own check.
            if cte.silent {
                return Err(Refusal::unsupported(format!(
                    "WITH query \"{}\" does not have a RETURNING clause",
                    reference.name
                ))
                .at(reference.location.map(|offset| offset as usize)));
            }
            return Ok(derived_item(
                cte.columns.clone(),
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
        let through = self.resolved.uses.get(used).is_some_and(|entry| entry.through.is_some());
        let is_view = relation.kind == RelationKind::View && !relation.is_system() && !through;
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
                    // A virtual column is computed when it is read.
                    safe: !column.computed && (!is_view || outputs.get(index) == Some(&true)),
                    known: KnownType::Type(self.context.catalog.base_type(column.type_id)),
                    column: Some((used, column.number)),
                    aggregated: false,
                    composite: false,
                    collation: Collations::of(column.collation),
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
            Place::Target | Place::Excluded => Vec::new(),
            Place::Copied => vec![Verb::Read],
        };
        if self.export && !verbs.is_empty() {
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
            opaque: false,
            conditions: Vec::new(),
            references: Vec::new(),
            entire: false,
            group_extension: None,
            view,
            through: None,
            passes: None,
        });
        Ok(self.resolved.uses.len() - 1)
    }

    pub(super) fn expand_view(
        &self,
        relation: &Relation,
    ) -> Result<Option<Box<ExpandedView>>, Refusal> {
        if relation.kind != RelationKind::View
            || (relation.is_system() && !is_expanded(relation))
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
            system_view: relation.is_system(),
            ..self.context
        };
        let resolved = resolve(context, &tokens, 0..tokens.len(), &statement.kind)?;
        Ok(Some(Box::new(ExpandedView { text, resolved })))
    }

    pub(super) fn find(&self, reference: &RelationRef) -> Result<Arc<Relation>, Refusal> {
        let catalog = self.context.catalog;
        let offset = reference.location.map(|offset| offset as usize);
        self.in_own_database(reference)?;
        let found = match &reference.schema {
            Some(schema) => self.context.path.relation_named(catalog, schema, &reference.name),
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
        if stands_for(relation).is_some() && !self.context.system_view {
            return Err(Refusal::denied(
                format!("permission denied for table {}", relation.name),
                "only PostgreSQL's own views read it",
            )
            .at(offset));
        }
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

    pub(super) fn in_own_database(&self, reference: &RelationRef) -> Result<(), Refusal> {
        let Some(database) = &reference.catalog else { return Ok(()) };
        let schema = reference.schema.as_deref().unwrap_or_default();
        self.own_database(&[database, schema, &reference.name], reference.location)
    }

    /// Refuses a name that begins with another database than this one, as PostgreSQL does.
    pub(super) fn own_database(&self, name: &[&str], location: Location) -> Result<(), Refusal> {
        if name.first().is_some_and(|database| **database == *self.context.catalog.database) {
            return Ok(());
        }
        let name = name.join(".");
        let message = format!("cross-database references are not implemented: \"{name}\"");
        Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, message, "")
            .at(location.map(|offset| offset as usize)))
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

    pub(super) fn sample_tokens(&self, location: Location) -> Result<Range<usize>, Refusal> {
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
    pub(super) fn lock(&mut self, of: &[String], items: &[Item], first_use: usize) {
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
}

pub(super) fn derived_item(mut columns: Columns, alias: Option<&Alias>) -> Item {
    // What is still without a type when a query ends becomes text.
    for column in &mut columns.known {
        if column.facts.known == KnownType::Literal {
            column.facts.known = KnownType::Type(TypeId(super::total::TEXT));
        }
    }
    let (name, columns) = match alias {
        Some(alias) => (alias.name.clone(), columns.rename(&alias.columns)),
        None => (String::new(), columns),
    };
    Item { name, schema: None, columns, relation: None, nullable: false }
}
