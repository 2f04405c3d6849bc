//! Snapshot → the questions of the self-test. Pure: decides with `policy::decide`, rewrites with the
//! planner that serves sessions, and never asks a server.
//!
//! Reading, changing, deleting and exporting are proven on rows: of the first rows of the relation,
//! those for which the granted filter is not true must not be in what the planner made of a SELECT.
//! The rewritten UPDATE, DELETE and INSERT are planned by the server and never run: that the filter
//! and the check option are in them is seen in their text.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlparser::ast::Ident;

use super::Finding;
use super::principals::{Principal, principals};
use crate::catalog::{PG_CATALOG, Relation, RelationKind, SearchPath};
use crate::diagnostic::Severity;
use crate::error::{Refusal, SqlState};
use crate::planner::{Fill, PlanContext, Planner, Protocol};
use crate::policy::{
    Access, Decision, Hole, Identity, MaskMatch, PolicyLine, RowExpr, RowFilter, Scope, Verb,
    decide, syntax,
};
use crate::rewrite::printed;
use crate::snapshot::Snapshot;

/// Rows of a relation that are looked at.
const ROWS: usize = 1000;
/// Rows out of scope that are searched for in the answer.
const OUTSIDE: usize = 20;
/// Rows in scope whose masks are looked at.
const WITHIN: usize = 100;
/// The name of the stored row in a question.
const ROW: &str = "rowgate_row";
/// The client's name for the relation in the statements that are rewritten.
const ALIAS: &str = "a";

/// A question for the database.
#[derive(Debug)]
pub struct Probe {
    /// `read on crm.account for role sales_rep`.
    pub what: String,
    /// The grant or rule it is about.
    pub line: Option<PolicyLine>,
    /// One statement.
    pub sql: String,
    /// What the database has to answer.
    pub(super) expects: Expects,
}

/// What the proof is.
#[derive(Debug)]
pub(super) enum Expects {
    /// It is planned.
    Plan,
    /// This column does not exist in what the statement became.
    NoColumn(String),
    /// Numbers that say what bites.
    Bites(Bites),
}

/// The answer has the number of rows out of scope and how many of them were in the answer, and for
/// each mask the number of values, of those that are shown as they are, and of wrong ones.
#[derive(Debug)]
pub(super) struct Bites {
    /// There is a filter.
    pub(super) filtered: bool,
    pub(super) masks: Vec<ProbedMask>,
}

#[derive(Debug)]
pub(super) struct ProbedMask {
    pub(super) column: String,
    pub(super) kind: String,
    /// Some rows show the column as it is.
    pub(super) per_row: bool,
}

/// All questions about a policy, and what was found while they were made.
#[derive(Debug, Default)]
pub struct Probes {
    /// For the database.
    pub probes: Vec<Probe>,
    /// What is wrong already.
    pub(super) findings: Vec<Finding>,
    /// Statements that had to be refused, and were.
    pub(super) refused: usize,
}

/// Makes the questions of a snapshot.
pub fn probes(snapshot: &Snapshot, now: Timestamp) -> Probes {
    let mut relations: Vec<&Relation> = snapshot
        .catalog
        .relations()
        .map(AsRef::as_ref)
        .filter(|relation| !relation.is_system() && is_probed(relation.kind))
        .collect();
    relations.sort_by_key(|relation| relation.qualified_name());
    let mut maker = Maker {
        snapshot,
        planner: Planner::default(),
        path: SearchPath::new([PG_CATALOG]),
        asked: HashSet::new(),
        out: Probes::default(),
    };
    for principal in principals(&snapshot.policy, &snapshot.directory, now) {
        for relation in &relations {
            maker.relation(&principal, relation);
        }
    }
    maker.out
}

fn is_probed(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Table
        | RelationKind::PartitionedTable
        | RelationKind::View
        | RelationKind::MaterializedView
        | RelationKind::ForeignTable => true,
        RelationKind::Sequence | RelationKind::Other => false,
    }
}

fn writes(verb: Verb) -> bool {
    match verb {
        Verb::Create | Verb::Update | Verb::Delete | Verb::Assign | Verb::Manage => true,
        Verb::Read | Verb::Export => false,
    }
}

/// Whether statements of restricted principals write to it.
fn is_written(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable => true,
        RelationKind::View
        | RelationKind::MaterializedView
        | RelationKind::Sequence
        | RelationKind::Other => false,
    }
}

/// Whether its rows have an address by which they are found again.
fn has_addresses(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Table | RelationKind::PartitionedTable | RelationKind::MaterializedView => {
            true
        }
        RelationKind::View
        | RelationKind::ForeignTable
        | RelationKind::Sequence
        | RelationKind::Other => false,
    }
}

struct Values<'a>(&'a Identity);

impl Fill for Values<'_> {
    fn value(&self, hole: Hole) -> Option<String> {
        self.0.text(hole)
    }

    fn statement_name(&self, client: &str) -> String {
        client.to_owned()
    }
}

struct Maker<'a> {
    snapshot: &'a Snapshot,
    planner: Planner,
    path: SearchPath,
    /// Texts of questions: roles that include one another ask the same.
    asked: HashSet<String>,
    out: Probes,
}

/// One verb of one principal on one relation.
struct At<'a> {
    principal: &'a Principal,
    relation: &'a Relation,
    verb: Verb,
    line: Option<PolicyLine>,
}

impl At<'_> {
    /// An expression of the policy over the row called `alias`, with the principal's values.
    fn print(&self, expr: &RowExpr, alias: &str) -> Result<String, Refusal> {
        let bound = expr.bind(&Ident::with_quote('"', alias));
        printed(&bound, &Values(&self.principal.subject.identity))
    }

    fn what(&self) -> String {
        format!(
            "{} on `{}` for {}",
            self.verb.as_str(),
            self.relation.qualified_name(),
            self.principal.name
        )
    }
}

impl Maker<'_> {
    fn relation(&mut self, principal: &Principal, relation: &Relation) {
        // A view without rules of its own is what it is made of.
        let expanded = relation.kind == RelationKind::View
            && !self.snapshot.policy.names_relation(relation.id);
        if expanded {
            return;
        }
        let read = self.scope(principal, relation, Verb::Read);
        for verb in [Verb::Read, Verb::Create, Verb::Update, Verb::Delete, Verb::Export] {
            if writes(verb) && !is_written(relation.kind) {
                continue;
            }
            let scope = match verb {
                Verb::Read => read.clone(),
                Verb::Create
                | Verb::Update
                | Verb::Delete
                | Verb::Export
                | Verb::Assign
                | Verb::Manage => self.scope(principal, relation, verb),
            };
            let line = scope.as_ref().and_then(|scope| scope.lines.first().cloned());
            let at = At { principal, relation, verb, line };
            match scope {
                Some(scope) => self.granted(&at, &scope, read.as_ref()),
                None if principal.first => self.not_granted(&at),
                None => {}
            }
        }
    }

    fn scope(&self, principal: &Principal, relation: &Relation, verb: Verb) -> Option<Scope> {
        let access = Access { relation: relation.id, verb };
        let decision = decide(
            &self.snapshot.policy,
            &self.snapshot.catalog,
            &principal.subject.roles,
            principal.subject.identity.shape(),
            &[access],
        );
        match decision {
            Decision::Permit(permit) => permit.scope(access).map(|scope| Scope::clone(scope)),
            Decision::Deny { .. } => None,
        }
    }

    fn rewrite(&self, principal: &Principal, sql: &str) -> Result<String, Refusal> {
        let context = PlanContext {
            catalog: &self.snapshot.catalog,
            policy: &self.snapshot.policy,
            roles: &principal.subject.roles,
            unrestricted: false,
            shape: principal.subject.identity.shape(),
            search_path: &self.path,
            protocol: Protocol::Simple,
        };
        let values = Values(&principal.subject.identity);
        self.planner.rewrite(context, sql, &values).map(|rewrite| rewrite.text().to_owned())
    }

    // What must not pass.

    /// A statement that has to be refused.
    fn must_refuse(&mut self, at: &At<'_>, sql: &str, why: &str) {
        match self.rewrite(at.principal, sql) {
            Err(_) => self.out.refused += 1,
            Ok(_) => self.find(Severity::Error, at, &format!("{why}, and is not refused")),
        }
    }

    fn not_granted(&mut self, at: &At<'_>) {
        let name = name_of(at.relation);
        let sql = match at.verb {
            Verb::Read => format!("SELECT 1 FROM {name}"),
            Verb::Create => format!("INSERT INTO {name} DEFAULT VALUES"),
            Verb::Update => match at.relation.columns.first() {
                Some(column) => format!("UPDATE {name} SET {} = DEFAULT", quoted(&column.name)),
                None => return,
            },
            Verb::Delete => format!("DELETE FROM {name}"),
            Verb::Export => format!("COPY (SELECT 1 FROM {name}) TO STDOUT"),
            Verb::Assign | Verb::Manage => return,
        };
        self.must_refuse(at, &sql, "is not granted");
    }

    /// Columns that are not there, and conditions that are not allowed.
    fn hidden_columns(&mut self, at: &At<'_>, scope: &Scope) {
        let name = name_of(at.relation);
        for number in &scope.denied {
            let Some(column) = at.relation.column_by_number(*number) else { continue };
            let sql = format!("SELECT {ALIAS}.{} FROM {name} AS {ALIAS}", quoted(&column.name));
            match self.rewrite(at.principal, &sql) {
                Err(_) => self.out.refused += 1,
                // What it became has no such column: the server says so.
                Ok(rewritten) => {
                    let expects = Expects::NoColumn(column.name.to_string());
                    self.ask(at, format!("EXPLAIN {rewritten}"), expects);
                }
            }
        }
        for (number, mask) in &scope.masks {
            let Some(column) = at.relation.column_by_number(*number) else { continue };
            if mask.matching == MaskMatch::Refuse {
                let column = quoted(&column.name);
                let sql = format!("SELECT 1 FROM {name} AS {ALIAS} WHERE {ALIAS}.{column} IS NULL");
                self.must_refuse(at, &sql, &format!("a condition on {column} is refused"));
            }
        }
    }

    fn closed_columns(&mut self, at: &At<'_>, scope: &Scope, assign: bool) {
        let name = name_of(at.relation);
        for column in &at.relation.columns {
            let writable = scope.writable.as_ref().is_none_or(|open| open.contains(&column.number));
            let column_name = quoted(&column.name);
            let sql = match at.verb {
                Verb::Update if !writable => format!("UPDATE {name} SET {column_name} = DEFAULT"),
                Verb::Update if !assign && scope.assigns.contains(&column.number) => {
                    format!("UPDATE {name} SET {column_name} = DEFAULT")
                }
                Verb::Create if !writable => {
                    format!("INSERT INTO {name} ({column_name}) VALUES (DEFAULT)")
                }
                Verb::Update
                | Verb::Create
                | Verb::Read
                | Verb::Delete
                | Verb::Export
                | Verb::Assign
                | Verb::Manage => continue,
            };
            self.must_refuse(at, &sql, &format!("column {column_name} must not be written"));
        }
    }

    // What passes within its scope.

    fn granted(&mut self, at: &At<'_>, scope: &Scope, read: Option<&Scope>) {
        match at.verb {
            Verb::Read => {
                if at.principal.first {
                    self.hidden_columns(at, scope);
                }
                let Some(columns) = visible(at.relation, scope) else { return };
                let sql = format!("{columns} FROM {} AS {ALIAS}", name_of(at.relation));
                self.reading(at, scope, "", &sql, "");
            }
            Verb::Export => {
                // COPY reads, too.
                let Some(read) = read else { return };
                let denied = Scope {
                    denied: scope.denied.union(&read.denied).copied().collect(),
                    ..scope.clone()
                };
                let Some(columns) = visible(at.relation, &denied) else { return };
                let sql = format!("{columns} FROM {} AS {ALIAS}", name_of(at.relation));
                self.reading(at, scope, "COPY (", &sql, ") TO STDOUT");
            }
            Verb::Update => {
                let assign = self.scope(at.principal, at.relation, Verb::Assign).is_some();
                if at.principal.first {
                    self.closed_columns(at, scope, assign);
                }
                if read.is_some() {
                    let sql = format!("1 FROM {} AS {ALIAS}", name_of(at.relation));
                    self.reading(at, scope, "", &sql, " FOR UPDATE");
                }
                let column = at.relation.columns.iter().find(|column| {
                    scope.writable.as_ref().is_none_or(|open| open.contains(&column.number))
                        && !scope.assigns.contains(&column.number)
                });
                if let Some(column) = column {
                    let column = quoted(&column.name);
                    let name = name_of(at.relation);
                    let sql = format!("UPDATE {name} AS {ALIAS} SET {column} = DEFAULT");
                    self.writing(at, &sql, &[&scope.filter, &scope.check]);
                }
            }
            Verb::Delete => {
                let sql = format!("DELETE FROM {} AS {ALIAS}", name_of(at.relation));
                self.writing(at, &sql, &[&scope.filter]);
                self.deleting(at, scope, &sql);
            }
            Verb::Create => {
                if at.principal.first {
                    self.closed_columns(at, scope, true);
                }
                let sql = format!("INSERT INTO {} AS {ALIAS} DEFAULT VALUES", name_of(at.relation));
                self.writing(at, &sql, &[&scope.check]);
            }
            Verb::Assign | Verb::Manage => {}
        }
    }

    /// The rewritten SELECT, freed from what stands around it, compared with the stored rows.
    fn reading(&mut self, at: &At<'_>, scope: &Scope, before: &str, select: &str, behind: &str) {
        let addresses = has_addresses(at.relation.kind);
        let address =
            if addresses { format!("{ALIAS}.tableoid, {ALIAS}.ctid, ") } else { String::new() };
        let sql = format!("{before}SELECT {address}{select}{behind}");
        let rewritten = match self.rewrite(at.principal, &sql) {
            Ok(rewritten) => rewritten,
            Err(refusal) => return self.refused(at, &refusal),
        };
        let inner = rewritten
            .trim()
            .strip_prefix(before.trim_end())
            .and_then(|text| text.strip_suffix(behind.trim_start()));
        let Some(inner) = inner else {
            return self.find(Severity::Error, at, "the rewritten statement has another form");
        };
        if addresses {
            self.biting(at, scope, inner);
        } else if self.contains(at, &rewritten, &[&scope.filter], ROW) {
            let sql = format!("EXPLAIN {inner}");
            self.ask(at, sql, Expects::Plan);
        }
    }

    /// A DELETE that stands for the rows it would delete.
    fn deleting(&mut self, at: &At<'_>, scope: &Scope, sql: &str) {
        if !has_addresses(at.relation.kind) {
            return;
        }
        let Ok(rewritten) = self.rewrite(at.principal, sql) else { return };
        let Some(rest) = rewritten.strip_prefix("DELETE FROM") else { return };
        let inner = format!("SELECT {ALIAS}.tableoid, {ALIAS}.ctid FROM{rest}");
        self.biting(at, scope, &inner);
    }

    fn biting(&mut self, at: &At<'_>, scope: &Scope, inner: &str) {
        let filter = match &scope.filter {
            RowFilter::All => Ok("true".to_owned()),
            RowFilter::Nothing => Ok("false".to_owned()),
            RowFilter::Where(expr) => at.print(expr, ROW),
        };
        let mut columns = Vec::new();
        let mut masks = Vec::new();
        for (number, mask) in &scope.masks {
            let Some(column) = at.relation.column_by_number(*number) else { continue };
            let shown = match at.print(&mask.expression, ROW) {
                Ok(shown) => shown,
                Err(refusal) => return self.refused(at, &refusal),
            };
            columns.push((quoted(&column.name), shown));
            masks.push(ProbedMask {
                column: column.name.to_string(),
                kind: mask.kind.to_string(),
                per_row: mask.kind.split(" or ").any(|kind| kind == "clear"),
            });
        }
        match filter {
            Ok(filter) => {
                let sql = comparison(&name_of(at.relation), &filter, inner, &columns);
                let filtered = scope.filter != RowFilter::All;
                self.ask(at, sql, Expects::Bites(Bites { filtered, masks }));
            }
            Err(refusal) => self.refused(at, &refusal),
        }
    }

    /// A rewritten statement that writes: planned, never run.
    fn writing(&mut self, at: &At<'_>, sql: &str, filters: &[&RowFilter]) {
        match self.rewrite(at.principal, sql) {
            Ok(rewritten) => {
                if self.contains(at, &rewritten, filters, ALIAS) {
                    self.ask(at, format!("EXPLAIN {rewritten}"), Expects::Plan);
                }
            }
            // No row is in scope: nothing can be written.
            Err(_) if filters.contains(&&RowFilter::Nothing) => {}
            Err(refusal) => self.refused(at, &refusal),
        }
    }

    /// Whether the text of every filter is in the rewritten text.
    fn contains(
        &mut self,
        at: &At<'_>,
        rewritten: &str,
        filters: &[&RowFilter],
        alias: &str,
    ) -> bool {
        let whole = without_spaces(rewritten);
        for filter in filters {
            let part = match filter {
                RowFilter::All => continue,
                RowFilter::Nothing => Ok("false".to_owned()),
                RowFilter::Where(expr) => at.print(expr, alias),
            };
            let found = part.is_ok_and(|part| whole.contains(&without_spaces(&part)));
            if !found {
                self.find(Severity::Error, at, "the filter is not in the rewritten statement");
                return false;
            }
        }
        true
    }

    fn refused(&mut self, at: &At<'_>, refusal: &Refusal) {
        // A defect of rowgate. Anything else that is refused lets nobody see anything.
        let severity = if refusal.sqlstate == SqlState::INTERNAL_ERROR {
            Severity::Error
        } else {
            Severity::Warning
        };
        let reason = if refusal.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", refusal.reason)
        };
        self.find(severity, at, &format!("is granted and refused: {}{reason}", refusal.message));
    }

    fn find(&mut self, severity: Severity, at: &At<'_>, what: &str) {
        let finding = Finding::new(severity, at.line.clone(), format!("{}: {what}", at.what()));
        if !self.out.findings.contains(&finding) {
            self.out.findings.push(finding);
        }
    }

    fn ask(&mut self, at: &At<'_>, sql: String, expects: Expects) {
        if self.asked.insert(sql.clone()) {
            self.out.probes.push(Probe { what: at.what(), line: at.line.clone(), sql, expects });
        }
    }
}

/// The first rows of the relation, each with whether it is in scope; how many out of scope there
/// are among them and in the answer; and of those in scope, what the masks make of them. The
/// rewritten statement is found again by the address of its rows, so it reads as few as it can.
fn comparison(name: &str, filter: &str, inner: &str, masks: &[(String, String)]) -> String {
    use std::fmt::Write as _;
    let row = quoted(ROW);
    let mut counts = String::new();
    for (column, shown) in masks {
        let (seen, stored) = (format!("answer.{column}"), format!("{row}.{column}"));
        // Every type has a text; not every type has an equality.
        let written = write!(
            counts,
            ", count({stored}), count(*) FILTER (WHERE {stored} IS NOT NULL AND {seen}::text IS \
             NOT DISTINCT FROM {stored}::text), count(*) FILTER (WHERE {seen}::text IS DISTINCT \
             FROM ({shown})::text OR pg_typeof({seen}) <> pg_typeof({stored}))"
        );
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    let masked = if masks.is_empty() {
        String::new()
    } else {
        format!(
            ", (SELECT {} FROM within, ({inner}) AS answer, {name} AS {row} WHERE answer.ctid = \
             within.address AND answer.tableoid = within.part AND {row}.ctid = within.address AND \
             {row}.tableoid = within.part) AS masked",
            counts.trim_start_matches(", ")
        )
    };
    format!(
        "WITH looked_at AS MATERIALIZED (SELECT {row}.rowgate_part AS part, {row}.rowgate_address \
         AS address, ({filter}) IS TRUE AS inside FROM (SELECT r.tableoid AS rowgate_part, r.ctid \
         AS rowgate_address, r.* FROM {name} AS r LIMIT {ROWS}) AS {row}), outside AS MATERIALIZED \
         (SELECT part, address FROM looked_at WHERE NOT inside LIMIT {OUTSIDE}), within AS \
         MATERIALIZED (SELECT part, address FROM looked_at WHERE inside LIMIT {WITHIN}) SELECT * \
         FROM (SELECT (SELECT count(*) FROM outside), (SELECT count(*) FROM outside, ({inner}) AS \
         answer WHERE answer.ctid = outside.address AND answer.tableoid = outside.part)) AS \
         filtered{masked}"
    )
}

/// `a."id", a."name"`: every column that is there for this scope; `None` without one.
fn visible(relation: &Relation, scope: &Scope) -> Option<String> {
    let columns: Vec<String> = relation
        .columns
        .iter()
        .filter(|column| !scope.denied.contains(&column.number))
        .map(|column| format!("{ALIAS}.{}", quoted(&column.name)))
        .collect();
    (!columns.is_empty()).then(|| columns.join(", "))
}

fn name_of(relation: &Relation) -> String {
    syntax::qualified(&relation.schema, &relation.name).to_string()
}

fn quoted(name: &str) -> String {
    Ident::with_quote('"', name).to_string()
}

/// Spaces are the only thing that splicing adds.
fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
