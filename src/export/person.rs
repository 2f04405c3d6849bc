//! What one person may do → grants, policies, functions and masking views. Pure.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, Visit, Visitor};

use super::ddl::{self, READER, ident, name_of};
use super::{Omission, views};
use crate::catalog::{Catalog, Relation, RelationKind};
use crate::error::Refusal;
use crate::ids::{ColumnNumber, RelationId, RoleName};
use crate::planner::Fill;
use crate::policy::{
    Access, Cardinality, Decision, FilterPart, FilterParts, Hole, IdentityShape, IdentitySource,
    MaskMatch, PersonFacts, PolicySet, RowExpr, RowFilter, Scope, Subject, Verb, assume, decide,
    filter_parts,
};
use crate::rewrite::printed;

/// The row in views and functions.
pub(super) const ROW: &str = "rowgate_row";

/// One person's part of an export.
pub(super) struct Person<'a> {
    pub(super) policy: &'a PolicySet,
    pub(super) catalog: &'a Catalog,
    pub(super) subject: &'a Subject,
    facts: &'a PersonFacts,
    login: String,
    /// The role as an identifier.
    role: String,
    /// The schema of their views and functions.
    schema: String,
    /// Names in that schema that are taken.
    taken: BTreeSet<String>,
    pub(super) statements: Vec<String>,
    /// Tables that need row security.
    pub(super) tables: BTreeSet<RelationId>,
    /// Relations that the owner of views and functions reads.
    pub(super) reads: BTreeSet<(String, String)>,
    pub(super) omitted: Vec<Omission>,
}

impl Fill for Person<'_> {
    fn value(&self, hole: Hole) -> Option<String> {
        self.subject.identity.text(hole)
    }

    fn statement_name(&self, client: &str) -> String {
        client.to_owned()
    }
}

impl<'a> Person<'a> {
    pub(super) fn new(
        policy: &'a PolicySet,
        catalog: &'a Catalog,
        facts: &'a PersonFacts,
        subject: &'a Subject,
    ) -> Self {
        let login = facts.login.to_string();
        Self {
            policy,
            catalog,
            subject,
            facts,
            role: ident(&login),
            schema: ddl::schema_of(&login),
            login,
            taken: BTreeSet::new(),
            statements: Vec::new(),
            tables: BTreeSet::new(),
            reads: BTreeSet::new(),
            omitted: Vec::new(),
        }
    }

    /// The roles in force, for people.
    pub(super) fn roles(&self) -> String {
        let roles: Vec<&str> = self.subject.roles.0.iter().map(RoleName::as_str).collect();
        if roles.is_empty() { "no role in force".to_owned() } else { roles.join(", ") }
    }

    pub(super) fn omit(&mut self, relation: Option<&Relation>, what: impl Into<String>) {
        self.omitted.push(Omission {
            login: Some(self.login.clone()),
            relation: relation.map(Relation::qualified_name),
            what: what.into(),
        });
    }

    pub(super) fn write(&mut self) -> Result<(), Refusal> {
        self.statements.extend(ddl::create_schema(&self.login));
        self.conditions_and_limits();
        let mut relations: Vec<&Relation> = self
            .catalog
            .relations()
            .map(AsRef::as_ref)
            .filter(|relation| !relation.is_system() && !relation.schema.starts_with(ddl::PREFIX))
            .collect();
        relations.sort_by_key(|relation| relation.qualified_name());
        let mut schemas: BTreeSet<&str> = BTreeSet::new();
        for relation in &relations {
            let granted = match relation.kind {
                RelationKind::Table | RelationKind::PartitionedTable => self.table(relation)?,
                RelationKind::MaterializedView | RelationKind::ForeignTable => {
                    self.seen_through_a_view(relation)?
                }
                RelationKind::View if self.policy.names_relation(relation.id) => {
                    self.seen_through_a_view(relation)?
                }
                RelationKind::View => views::view(self, relation)?,
                RelationKind::Sequence => self.sequence(relation),
                RelationKind::Other => false,
            };
            if granted {
                schemas.insert(&relation.schema);
            }
        }
        for id in self.policy.granted_functions(&self.subject.roles) {
            if let Some(schema) = self.function(id) {
                schemas.insert(schema);
            }
        }
        for schema in schemas {
            self.statements.push(format!(
                "GRANT USAGE ON SCHEMA {} TO {}",
                ident(schema),
                self.role
            ));
        }
        Ok(())
    }

    fn conditions_and_limits(&mut self) {
        let always: Vec<_> = self.subject.roles.0.iter().cloned().collect();
        for role in assume(self.policy, self.facts).roles.0.iter() {
            if !always.contains(role) {
                self.omit(
                    None,
                    format!(
                        "the role {role} has a condition on the session or the moment, or came \
                         with one that has: not in force"
                    ),
                );
            }
        }
        let limits = self.subject.limits;
        if limits.rows_per_query.or(limits.rows_per_day).or(limits.statements_per_minute).is_some()
        {
            self.omit(None, "limits of rows and statements: not limited");
        }
    }

    pub(super) fn scope(&self, relation: &Relation, verb: Verb) -> Option<Scope> {
        self.scope_for(relation, verb, self.subject.identity.shape())
    }

    fn scope_for(&self, relation: &Relation, verb: Verb, shape: &IdentityShape) -> Option<Scope> {
        let access = Access { relation: relation.id, verb };
        match decide(self.policy, self.catalog, &self.subject.roles, shape, &[access]) {
            Decision::Permit(permit) => permit.scope(access).map(|scope| Scope::clone(scope)),
            Decision::Deny { .. } => None,
        }
    }

    // Tables.

    fn table(&mut self, relation: &Relation) -> Result<bool, Refusal> {
        let read = self.scope(relation, Verb::Read);
        let create = self.scope(relation, Verb::Create);
        let update = self.scope(relation, Verb::Update);
        let delete = self.scope(relation, Verb::Delete);
        self.other_verbs(relation, read.as_ref());
        if [&read, &create, &update, &delete].iter().all(|scope| scope.is_none()) {
            return Ok(false);
        }
        self.tables.insert(relation.id);
        if let Some(read) = &read {
            let clear = columns(relation, |number| {
                !read.denied.contains(&number) && !read.masks.contains_key(&number)
            });
            self.grant(relation, "SELECT", clear);
            self.policies(relation, Verb::Read, &read.filter)?;
            if !read.masks.is_empty() || !read.denied.is_empty() {
                self.masking_view(relation, read)?;
            }
        }
        if let Some(create) = &create {
            let open = create.writable.as_ref();
            let listed = columns(relation, |number| open.is_none_or(|open| open.contains(&number)));
            self.grant(relation, "INSERT", listed);
            self.policies(relation, Verb::Create, &create.check)?;
        }
        if let Some(update) = &update {
            let assigned = self.assigned(relation, update);
            let open = update.writable.as_ref();
            let listed = columns(relation, |number| {
                open.is_none_or(|open| open.contains(&number))
                    && (assigned || !update.assigns.contains(&number))
            });
            self.grant(relation, "UPDATE", listed);
            self.policies(relation, Verb::Update, &update.filter)?;
            if let Some(read) = read.as_ref().filter(|read| read.filter != update.filter) {
                self.stays_readable(relation, &read.filter)?;
            }
        }
        if let Some(delete) = &delete {
            self.statements.push(format!("GRANT DELETE ON {} TO {}", name_of(relation), self.role));
            self.policies(relation, Verb::Delete, &delete.filter)?;
        }
        Ok(true)
    }

    /// Whether the columns that say whose a row is are granted like the others.
    fn assigned(&mut self, relation: &Relation, update: &Scope) -> bool {
        if update.assigns.is_empty() {
            return true;
        }
        let Some(assign) = self.scope(relation, Verb::Assign) else { return false };
        let same = assign.filter == update.filter && assign.check == update.check;
        if !same {
            self.omit(
                Some(relation),
                "`assign` has another scope than `update`: its columns are not granted",
            );
        }
        same
    }

    fn other_verbs(&mut self, relation: &Relation, read: Option<&Scope>) {
        match (read, self.scope(relation, Verb::Export)) {
            (Some(_), None) => {
                self.omit(Some(relation), "`export` is not granted: COPY TO works as SELECT does");
            }
            (Some(read), Some(export))
                if read.filter != export.filter
                    || read.masks != export.masks
                    || read.denied != export.denied =>
            {
                self.omit(
                    Some(relation),
                    "`export` differs from `read`: COPY TO works as SELECT does",
                );
            }
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
        let Some(read) = read else { return };
        if read.rows_per_query.is_some() {
            self.omit(Some(relation), "`rows_per_query`: not limited");
        }
        for (number, mask) in &read.masks {
            let name = relation.column_by_number(*number).map_or("", |column| &*column.name);
            match mask.matching {
                MaskMatch::Masked => {}
                MaskMatch::Exact => self.omit(
                    Some(relation),
                    format!("`match: exact` of `{name}`: conditions compare the masked value"),
                ),
                MaskMatch::Refuse => self.omit(
                    Some(relation),
                    format!("`match: refuse` of `{name}`: conditions compare the masked value"),
                ),
            }
            if mask.kind.contains(" or ") {
                self.omit(
                    Some(relation),
                    format!(
                        "`{name}` is masked row by row: the view does so, the table shows it for \
                         no row"
                    ),
                );
            }
        }
        self.keyed_masks(relation, read);
    }

    /// Keyed masks would put the key where everybody can read it.
    fn keyed_masks(&mut self, relation: &Relation, read: &Scope) {
        let shape = self.subject.identity.shape();
        let keyed = self
            .policy
            .parameters()
            .iter()
            .zip(shape.0.iter())
            .map(|(parameter, cardinality)| match parameter.source {
                IdentitySource::HashKey => Cardinality::One,
                IdentitySource::UserId
                | IdentitySource::Login
                | IdentitySource::Roles
                | IdentitySource::Position
                | IdentitySource::Location
                | IdentitySource::Department
                | IdentitySource::Departments
                | IdentitySource::DepartmentsBelow
                | IdentitySource::HeadedDepartments
                | IdentitySource::DepartmentMembers
                | IdentitySource::DepartmentBelowMembers
                | IdentitySource::HeadedDepartmentMembers
                | IdentitySource::DirectReports
                | IdentitySource::Subordinates
                | IdentitySource::Teams
                | IdentitySource::TeamMates
                | IdentitySource::Principals
                | IdentitySource::Attribute(_) => *cardinality,
            })
            .collect();
        let Some(real) = self.scope_for(relation, Verb::Read, &IdentityShape(keyed)) else {
            return;
        };
        for (number, mask) in &real.masks {
            if read.masks.get(number).is_none_or(|ours| ours.expression != mask.expression) {
                let name = relation.column_by_number(*number).map_or("", |column| &*column.name);
                let what = format!("the keyed mask of `{name}`: NULL, the key would be readable");
                self.omit(Some(relation), what);
            }
        }
    }

    /// `None`: all columns.
    fn grant(&mut self, relation: &Relation, privilege: &str, listed: Option<Vec<String>>) {
        let on = format!("ON {} TO {}", name_of(relation), self.role);
        match listed {
            None => self.statements.push(format!("GRANT {privilege} {on}")),
            Some(listed) if listed.is_empty() => {}
            Some(listed) => {
                self.statements.push(format!("GRANT {privilege} ({}) {on}", listed.join(", ")));
            }
        }
    }

    /// One policy for each grant and each rule.
    fn policies(
        &mut self,
        relation: &Relation,
        verb: Verb,
        whole: &RowFilter,
    ) -> Result<(), Refusal> {
        let access = Access { relation: relation.id, verb };
        let (roles, shape) = (&self.subject.roles, self.subject.identity.shape());
        let parts = filter_parts(self.policy, self.catalog, roles, shape, access);
        let FilterParts { permissive, restrictive } = parts.unwrap_or_else(|| {
            let lines = self.scope(relation, verb).map(|scope| scope.lines);
            let part = |line| FilterPart { line, filter: whole.clone() };
            let permissive = lines.into_iter().flatten().next().map(part).into_iter().collect();
            FilterParts { permissive, restrictive: Vec::new() }
        });
        let mut number = 0;
        for (kind, parts) in [("PERMISSIVE", permissive), ("RESTRICTIVE", restrictive)] {
            let mut seen: Vec<RowFilter> = Vec::new();
            for FilterPart { line, filter } in parts {
                // A grant of no row widens nothing, a rule for all rows narrows nothing.
                let empty = match (kind, &filter) {
                    ("PERMISSIVE", RowFilter::Nothing) | ("RESTRICTIVE", RowFilter::All) => true,
                    (_, RowFilter::Nothing | RowFilter::All | RowFilter::Where(_)) => false,
                };
                if empty || seen.contains(&filter) {
                    continue;
                }
                number += 1;
                let name = ddl::policy_name(&self.login, verb.as_str(), number);
                let condition =
                    self.condition(relation, &filter, &format!("{}_{number}", verb.as_str()))?;
                let (command, clause) = match verb {
                    Verb::Read | Verb::Export | Verb::Manage => ("SELECT", "USING"),
                    Verb::Create => ("INSERT", "WITH CHECK"),
                    Verb::Update | Verb::Assign => ("UPDATE", "USING"),
                    Verb::Delete => ("DELETE", "USING"),
                };
                let origin = format!("{}:{} {}", line.file, line.line, line.name);
                self.statements.push(format!(
                    "-- {}\nCREATE POLICY {} ON {} AS {kind} FOR {command} TO {} {clause} \
                     ({condition})",
                    origin.replace(char::is_control, " "),
                    ident(&name),
                    name_of(relation),
                    self.role
                ));
                seen.push(filter);
            }
        }
        Ok(())
    }

    /// A changed row has to be one that the person may read, whether the statement reads it or not.
    fn stays_readable(&mut self, relation: &Relation, read: &RowFilter) -> Result<(), Refusal> {
        if *read == RowFilter::All {
            return Ok(());
        }
        let condition = self.condition(relation, read, "update_stays_readable")?;
        self.statements.push(format!(
            "CREATE POLICY {} ON {} AS RESTRICTIVE FOR UPDATE TO {} USING (true) WITH CHECK \
             ({condition})",
            ident(&ddl::policy_name(&self.login, "update", 0)),
            name_of(relation),
            self.role
        ));
        Ok(())
    }

    /// A filter over the table, or a function that asks what the person may not read.
    fn condition(
        &mut self,
        relation: &Relation,
        filter: &RowFilter,
        what: &str,
    ) -> Result<String, Refusal> {
        let expr = match filter {
            RowFilter::All => return Ok("true".to_owned()),
            RowFilter::Nothing => return Ok("false".to_owned()),
            RowFilter::Where(expr) => expr,
        };
        let read = relations_of(&expr.0);
        if read.is_empty() {
            return printed(&expr.bind(&Ident::with_quote('"', &*relation.name)), self);
        }
        self.reads.extend(read);
        let body = printed(&expr.bind(&Ident::with_quote('"', ROW)), self)?;
        let function = self.free_name(&format!("{}_{what}", relation.name), relation);
        let function = ddl::qualified(&self.schema, &function);
        let row_type = name_of(relation);
        // A function of the policy's own relations: it sees them as the gateway does.
        self.statements.push(format!(
            "CREATE FUNCTION {function}({ROW} {row_type}) RETURNS boolean LANGUAGE sql STABLE \
             SECURITY DEFINER SET search_path = pg_catalog, pg_temp RETURN ({body})"
        ));
        self.statements.push(format!("ALTER FUNCTION {function}({row_type}) OWNER TO {READER}"));
        self.statements.push(format!("REVOKE ALL ON FUNCTION {function}({row_type}) FROM PUBLIC"));
        self.statements
            .push(format!("GRANT EXECUTE ON FUNCTION {function}({row_type}) TO {}", self.role));
        Ok(format!("{function}({row_type}.*)"))
    }

    fn free_name(&mut self, wanted: &str, relation: &Relation) -> String {
        let name = if self.taken.contains(wanted) {
            format!("{}.{wanted}", relation.schema)
        } else {
            wanted.to_owned()
        };
        self.taken.insert(name.clone());
        name
    }

    // Views.

    /// A relation that row security cannot be put on.
    fn seen_through_a_view(&mut self, relation: &Relation) -> Result<bool, Refusal> {
        for verb in [Verb::Create, Verb::Update, Verb::Delete] {
            if self.scope(relation, verb).is_some() {
                let what = format!("`{}` of what is no table: not granted", verb.as_str());
                self.omit(Some(relation), what);
            }
        }
        let Some(read) = self.scope(relation, Verb::Read) else { return Ok(false) };
        self.other_verbs(relation, Some(&read));
        self.masking_view(relation, &read)?;
        Ok(false)
    }

    /// The relation as the person sees it.
    fn masking_view(&mut self, relation: &Relation, read: &Scope) -> Result<(), Refusal> {
        let Some(query) = self.seen(relation, read, None, false)? else { return Ok(()) };
        self.view(relation, "", &query);
        Ok(())
    }

    pub(super) fn view(&mut self, relation: &Relation, columns: &str, query: &str) {
        let view = self.free_name(&relation.name, relation);
        let view = ddl::qualified(&self.schema, &view);
        self.statements
            .push(format!("CREATE VIEW {view}{columns} WITH (security_barrier) AS {query}"));
        self.statements.push(format!("ALTER VIEW {view} OWNER TO {READER}"));
        self.statements.push(format!("GRANT SELECT ON {view} TO {}", self.role));
    }

    /// `SELECT columns FROM relation WHERE filter`, masks in place. Denied columns are left out, or
    /// what `denied` makes of them. `only`: without children. `None`: no column is visible.
    pub(super) fn seen(
        &mut self,
        relation: &Relation,
        read: &Scope,
        denied: Option<fn(&str) -> String>,
        only: bool,
    ) -> Result<Option<String>, Refusal> {
        let row = Ident::with_quote('"', ROW);
        let mut items = Vec::new();
        for column in &relation.columns {
            let name = ident(&column.name);
            let stored = format!("{row}.{name}");
            if read.denied.contains(&column.number) {
                if let Some(instead) = denied {
                    items.push(format!("{} AS {name}", instead(&stored)));
                }
                continue;
            }
            match read.masks.get(&column.number) {
                Some(mask) => {
                    self.reads.extend(relations_of(&mask.expression.0));
                    let shown = printed(&mask.expression.bind(&row), self)?;
                    items.push(format!("{shown} AS {name}"));
                }
                None => items.push(stored),
            }
        }
        if items.is_empty() {
            return Ok(None);
        }
        let condition = match &read.filter {
            RowFilter::All => String::new(),
            RowFilter::Nothing => " WHERE false".to_owned(),
            RowFilter::Where(RowExpr(expr)) => {
                self.reads.extend(relations_of(expr));
                let filter = RowExpr(expr.clone()).bind(&row);
                format!(" WHERE {}", printed(&filter, self)?)
            }
        };
        self.reads.insert((relation.schema.to_string(), relation.name.to_string()));
        let name = name_of(relation);
        let only = if only { "ONLY " } else { "" };
        Ok(Some(format!("SELECT {} FROM {only}{name} AS {row}{condition}", items.join(", "))))
    }

    // Sequences and functions.

    fn sequence(&mut self, relation: &Relation) -> bool {
        let granted = self.policy.grants_sequence(&self.subject.roles, relation.id);
        if granted {
            let name = name_of(relation);
            self.statements.push(format!("GRANT USAGE ON SEQUENCE {name} TO {}", self.role));
        }
        granted
    }

    fn function(&mut self, id: crate::ids::FunctionId) -> Option<&'a str> {
        let function = self.catalog.function(id)?;
        let arguments: Option<Vec<String>> = function
            .arguments
            .iter()
            .map(|id| self.catalog.sql_type(*id))
            .map(|found| found.map(|found| ddl::qualified(&found.schema, &found.name)))
            .collect();
        let name = ddl::qualified(&function.schema, &function.name);
        let arguments = arguments?.join(", ");
        self.statements
            .push(format!("GRANT EXECUTE ON ROUTINE {name}({arguments}) TO {}", self.role));
        if !function.security_definer {
            self.omit(
                None,
                format!(
                    "{}.{} runs with the person's own rights, not with the gateway's",
                    function.schema, function.name
                ),
            );
        }
        Some(&function.schema)
    }
}

/// The columns for which it is so; `None`: all.
fn columns(relation: &Relation, is_open: impl Fn(ColumnNumber) -> bool) -> Option<Vec<String>> {
    let open: Vec<String> = relation
        .columns
        .iter()
        .filter(|column| is_open(column.number))
        .map(|column| ident(&column.name))
        .collect();
    (open.len() < relation.columns.len()).then_some(open)
}

/// The relations that an expression of the policy reads.
fn relations_of(expr: &Expr) -> BTreeSet<(String, String)> {
    struct Names(BTreeSet<(String, String)>);
    impl Visitor for Names {
        type Break = std::convert::Infallible;
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Self::Break> {
            let parts: Vec<&str> = name
                .0
                .iter()
                .filter_map(ObjectNamePart::as_ident)
                .map(|part| part.value.as_str())
                .collect();
            if let [schema, name] = parts.as_slice() {
                self.0.insert(((*schema).to_owned(), (*name).to_owned()));
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(BTreeSet::new());
    let _: ControlFlow<_> = expr.visit(&mut names);
    names.0
}
