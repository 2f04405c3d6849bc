//! `rowgate matrix`: who may do what to which rows and columns, decided by the code that serves
//! sessions.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Exit, Failure, open, output};
use crate::catalog::{Relation, RelationKind};
use crate::config;
use crate::directory::local_time;
use crate::ids::{ColumnNumber, RoleName};
use crate::policy::{
    Access, Context, Decision, RowFilter, Scope, Subject, Verb, activate, assume, decide, describe,
};
use crate::selftest::invented;
use crate::snapshot::Snapshot;

/// Shows the effective permissions: role or person, table, verb, rows, masks.
///
/// Without --user and --role every role is shown by itself, as if its conditions held. A person is
/// shown with the roles that are in force now without an address.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate matrix --config rowgate.toml --role sales_rep\n  \
                  rowgate matrix --config rowgate.toml --format html > matrix.html")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One person, with all their roles together.
    #[arg(long, value_name = "LOGIN", conflicts_with = "role")]
    user: Option<String>,
    /// One role, with what it includes.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: MatrixFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum MatrixFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// One page for a browser.
    Html,
}

const HEADING: [&str; 8] =
    ["principal", "table", "verb", "rows", "masks", "denied", "writable", "policy lines"];

const VERBS: [Verb; 7] = [
    Verb::Read,
    Verb::Create,
    Verb::Update,
    Verb::Delete,
    Verb::Export,
    Verb::Assign,
    Verb::Manage,
];

/// One line of the matrix: what is granted.
struct Entry {
    principal: String,
    relation: String,
    verb: &'static str,
    rows: String,
    masks: Vec<String>,
    denied: Vec<String>,
    /// `None`: all columns, or the verb writes none.
    writable: Option<Vec<String>>,
    lines: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let loaded = config::load(&arguments.config).map_err(Failure::findings)?;
    let (state, _) = open::open(loaded.settings, now)?.state.map_err(Failure::findings)?;
    let snapshot = state.current();
    let mut entries = Vec::new();
    for (name, subject) in principals(&snapshot, arguments, now)? {
        entries.extend(of_one(&snapshot, &name, &subject));
    }
    match arguments.format {
        MatrixFormat::Table => {
            let mut table = output::table(&HEADING);
            for entry in &entries {
                table.add_row(entry.cells("\n"));
            }
            writeln!(out, "{table}")?;
        }
        MatrixFormat::Json => output::json(out, &as_json(&entries))?,
        MatrixFormat::Csv => csv(out, &entries)?,
        MatrixFormat::Html => html(out, &entries)?,
    }
    Ok(Exit::Success)
}

fn principals(
    snapshot: &Snapshot,
    arguments: &Arguments,
    now: Timestamp,
) -> Result<Vec<(String, Subject)>, Failure> {
    if let Some(login) = &arguments.user {
        let Some(facts) = snapshot.directory.facts(login, now) else {
            return Err(Failure::usage(format!("there is no user `{login}`")));
        };
        let context = Context {
            now: local_time(&facts, now),
            client_ip: None,
            tls: false,
            mfa: false,
            application_name: None,
        };
        return Ok(vec![(login.clone(), activate(&snapshot.policy, &facts, &context))]);
    }
    let wanted = arguments.role.as_deref();
    let principals: Vec<(String, Subject)> = snapshot
        .policy
        .roles()
        .filter(|role| wanted.is_none_or(|wanted| role.as_str() == wanted))
        .map(|role: &RoleName| {
            // Somebody who has every value that a filter asks for.
            let person = invented(snapshot.policy.parameters(), vec![role.clone()], true);
            (role.to_string(), assume(&snapshot.policy, &person))
        })
        .collect();
    match wanted {
        Some(role) if principals.is_empty() => {
            Err(Failure::usage(format!("there is no role `{role}`")))
        }
        Some(_) | None => Ok(principals),
    }
}

fn of_one(snapshot: &Snapshot, principal: &str, subject: &Subject) -> Vec<Entry> {
    if subject.unrestricted {
        return vec![Entry {
            principal: principal.to_owned(),
            relation: "everything".to_owned(),
            verb: "everything",
            rows: "all".to_owned(),
            masks: Vec::new(),
            denied: Vec::new(),
            writable: None,
            lines: Vec::new(),
        }];
    }
    let mut relations: Vec<&Relation> = snapshot
        .catalog
        .relations()
        .map(AsRef::as_ref)
        .filter(|relation| !relation.is_system() && has_rows(relation.kind))
        .collect();
    relations.sort_by_key(|relation| relation.qualified_name());
    let mut entries = Vec::new();
    for relation in relations {
        // A view without rules of its own is what it is made of.
        if relation.kind == RelationKind::View && !snapshot.policy.names_relation(relation.id) {
            continue;
        }
        for verb in VERBS {
            let access = Access { relation: relation.id, verb };
            let decision = decide(
                &snapshot.policy,
                &snapshot.catalog,
                &subject.roles,
                subject.identity.shape(),
                &[access],
            );
            let Decision::Permit(permit) = decision else { continue };
            if let Some(scope) = permit.scope(access) {
                entries.push(entry(snapshot, principal, relation, verb, scope));
            }
        }
    }
    entries
}

fn has_rows(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Table
        | RelationKind::PartitionedTable
        | RelationKind::View
        | RelationKind::MaterializedView
        | RelationKind::ForeignTable => true,
        RelationKind::Sequence | RelationKind::Other => false,
    }
}

fn entry(
    snapshot: &Snapshot,
    principal: &str,
    relation: &Relation,
    verb: Verb,
    scope: &Scope,
) -> Entry {
    let name = |number: &ColumnNumber| {
        relation
            .column_by_number(*number)
            .map_or_else(String::new, |column| column.name.to_string())
    };
    let rows = match &scope.filter {
        RowFilter::All => "all".to_owned(),
        RowFilter::Nothing => "none".to_owned(),
        filter @ RowFilter::Where(_) => describe(filter, &snapshot.policy),
    };
    let writes = match verb {
        Verb::Create | Verb::Update => true,
        Verb::Read | Verb::Delete | Verb::Export | Verb::Assign | Verb::Manage => false,
    };
    let writable = scope.writable.as_ref().filter(|_| writes);
    Entry {
        principal: principal.to_owned(),
        relation: relation.qualified_name(),
        verb: verb.as_str(),
        rows,
        masks: scope
            .masks
            .iter()
            .map(|(number, mask)| format!("{}: {}", name(number), mask.kind))
            .collect(),
        denied: scope.denied.iter().map(name).collect(),
        writable: writable.map(|columns| columns.iter().map(name).collect()),
        lines: scope
            .lines
            .iter()
            .map(|line| format!("{}:{} {}", line.file, line.line, line.name))
            .collect(),
    }
}

impl Entry {
    fn cells(&self, between: &str) -> [String; 8] {
        [
            self.principal.clone(),
            self.relation.clone(),
            self.verb.to_owned(),
            self.rows.clone(),
            self.masks.join(between),
            self.denied.join(between),
            self.writable.as_ref().map_or_else(String::new, |columns| columns.join(between)),
            self.lines.join(between),
        ]
    }
}

fn as_json(entries: &[Entry]) -> Json {
    let entries: Vec<Json> = entries
        .iter()
        .map(|entry| {
            json!({
                "principal": entry.principal,
                "table": entry.relation,
                "verb": entry.verb,
                "rows": entry.rows,
                "masks": entry.masks,
                "denied": entry.denied,
                "writable": entry.writable,
                "policy_lines": entry.lines,
            })
        })
        .collect();
    json!({ "entries": entries })
}

/// RFC 4180.
fn csv(out: &mut dyn Write, entries: &[Entry]) -> Result<(), Failure> {
    write!(out, "{}\r\n", HEADING.join(","))?;
    for entry in entries {
        write!(out, "{}\r\n", entry.cells("; ").map(|cell| csv_field(&cell)).join(","))?;
    }
    Ok(())
}

/// A spreadsheet takes what begins like a formula for one: such a field is led by an apostrophe.
fn csv_field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn html(out: &mut dyn Write, entries: &[Entry]) -> Result<(), Failure> {
    let row = |tag: &str, cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", html_text(cell).replace('\n', "<br>")))
            .collect();
        format!("<tr>{}</tr>", cells.concat())
    };
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Permissions</title>\n\
         <style>body{{font:14px sans-serif}}table{{border-collapse:collapse}}td,th{{border:1px solid \
         #bbb;padding:2px 6px;text-align:left;vertical-align:top}}th{{position:sticky;top:0;\
         background:#eee}}</style></head><body>\n<table>\n<thead>{}</thead>\n<tbody>",
        row("th", &HEADING.map(str::to_owned))
    )?;
    for entry in entries {
        writeln!(out, "{}", row("td", &entry.cells("\n")))?;
    }
    writeln!(out, "</tbody></table></body></html>")?;
    Ok(())
}

fn html_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicate_of_the_policy_becomes_a_formula_or_a_tag() {
        assert_eq!(csv_field("=cmd()"), "'=cmd()");
        assert_eq!(csv_field("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(html_text("a < 1 & <script>"), "a &lt; 1 &amp; &lt;script&gt;");
    }
}
