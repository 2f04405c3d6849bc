//! `rowgate explain`: the decision for one person, made by the code that serves sessions.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Exit, Failure, Format, open, output};
use crate::catalog::{PG_CATALOG, SearchPath};
use crate::config;
use crate::directory::local_time;
use crate::error::Refusal;
use crate::planner::{Fill, PlanContext, Planner, Protocol};
use crate::policy::{Context, Hole, Identity, activate};
use crate::rewrite::Rewrite;
use crate::snapshot::Snapshot;

/// Shows what rowgate makes of a statement for one person, or why it is refused.
///
/// Exits with 1 when the statement is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate explain --config rowgate.toml --user alice \
                  --sql 'SELECT * FROM crm.account'")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The login to decide for.
    #[arg(long, value_name = "LOGIN")]
    user: String,
    /// The statement.
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    sql: Option<String>,
    /// A file that holds the statement.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The client's address. Without one, conditions on it do not hold, and `allowed_from` is not
    /// judged.
    #[arg(long, value_name = "ADDRESS")]
    client_ip: Option<IpAddr>,
    /// The time of the statement, for conditions and validity; now when it is left out.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The answer, and who it is for.
struct Explanation {
    user: String,
    roles: Vec<String>,
    unrestricted: bool,
    original: String,
    result: Result<Rewrite, Refusal>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let sql = statement(arguments)?;
    let now = arguments.at.unwrap_or_else(Timestamp::now);
    let loaded = config::load(&arguments.config).map_err(Failure::findings)?;
    let (state, _) = open::open(loaded.settings, now)?.state.map_err(Failure::findings)?;
    let explanation = explain(&state.current(), arguments, sql, now)?;
    match arguments.format {
        Format::Table => print(out, &explanation)?,
        Format::Json => output::json(out, &as_json(&explanation))?,
    }
    Ok(if explanation.result.is_ok() { Exit::Success } else { Exit::No })
}

fn statement(arguments: &Arguments) -> Result<String, Failure> {
    match (&arguments.sql, &arguments.file) {
        (Some(sql), _) => Ok(sql.clone()),
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
            let reason = config::io_reason(&error);
            Failure::usage(format!("cannot read `{}`: {reason}", file.display()))
        }),
        (None, None) => Err(Failure::usage("give a statement with --sql or --file")),
    }
}

fn explain(
    snapshot: &Snapshot,
    arguments: &Arguments,
    sql: String,
    now: Timestamp,
) -> Result<Explanation, Failure> {
    let account = snapshot.directory.account(&arguments.user);
    let facts = snapshot.directory.facts(&arguments.user, now);
    let (Some(account), Some(facts)) = (account, facts) else {
        return Err(Failure::usage(format!("there is no user `{}`", arguments.user)));
    };
    let context = Context {
        now: local_time(&facts, now),
        client_ip: arguments.client_ip,
        tls: false,
        mfa: false,
        application_name: None,
    };
    let subject = activate(&snapshot.policy, &facts, &context);
    let admitted = match arguments.client_ip {
        Some(address) => account.admits(address, now),
        None => account.is_usable(now),
    };
    let result = match admitted {
        Ok(()) => Planner::default().rewrite(
            PlanContext {
                catalog: &snapshot.catalog,
                policy: &snapshot.policy,
                roles: &subject.roles,
                unrestricted: subject.unrestricted,
                shape: subject.identity.shape(),
                search_path: &default_search_path(snapshot),
                protocol: Protocol::Simple,
            },
            &sql,
            &Values(&subject.identity),
        ),
        Err(refusal) => Err(Refusal::new(
            crate::error::SqlState::INVALID_AUTHORIZATION,
            format!("`{}` cannot log in", arguments.user),
            refusal.to_string(),
        )),
    };
    Ok(Explanation {
        user: arguments.user.clone(),
        roles: subject.roles.0.iter().map(ToString::to_string).collect(),
        unrestricted: subject.unrestricted,
        original: sql,
        result,
    })
}

/// What a fresh session has: `"$user", public` (PostgreSQL documentation, 5.10.3).
pub(super) fn default_search_path(snapshot: &Snapshot) -> SearchPath {
    let user = &*snapshot.catalog.backend_user;
    let schemas = [PG_CATALOG, user, "public"];
    SearchPath::new(schemas.into_iter().filter(|schema| snapshot.catalog.has_schema(schema)))
}

/// Fills holes with one person's values.
pub(super) struct Values<'a>(pub(super) &'a Identity);

impl Fill for Values<'_> {
    fn value(&self, hole: Hole) -> Option<String> {
        self.0.text(hole)
    }

    fn statement_name(&self, client: &str) -> String {
        client.to_owned()
    }
}

fn print(out: &mut dyn Write, explanation: &Explanation) -> Result<(), Failure> {
    writeln!(out, "user:     {}", explanation.user)?;
    let unrestricted = if explanation.unrestricted { " (unrestricted)" } else { "" };
    let roles = if explanation.roles.is_empty() {
        "none in force".to_owned()
    } else {
        explanation.roles.join(", ")
    };
    writeln!(out, "roles:    {roles}{unrestricted}")?;
    writeln!(out, "original: {}", explanation.original.trim_end())?;
    let rewrite = match &explanation.result {
        Ok(rewrite) => rewrite,
        Err(refusal) => {
            writeln!(out, "refused:  {} {}", refusal.sqlstate, refusal.message)?;
            if !refusal.reason.is_empty() {
                writeln!(out, "reason:   {}", refusal.reason)?;
            }
            return Ok(());
        }
    };
    writeln!(out, "sent:     {}", rewrite.text().trim_end())?;
    let touched: Vec<_> =
        rewrite.plan().statements.iter().flat_map(|statement| &statement.touched).collect();
    if touched.is_empty() {
        return Ok(());
    }
    let mut table =
        output::table(&["relation", "verb", "columns", "rows", "masks", "policy lines"]);
    for touched in touched {
        let columns: Vec<&str> = touched.columns.iter().map(|column| &**column).collect();
        let rows = if touched.filter.is_empty() { "all" } else { &*touched.filter };
        table.add_row([
            &*touched.name,
            touched.verb.as_str(),
            &columns.join(", "),
            rows,
            &touched.masks.join("\n"),
            &touched.lines.join("\n"),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn as_json(explanation: &Explanation) -> Json {
    let mut answer = json!({
        "user": explanation.user,
        "roles": explanation.roles,
        "unrestricted": explanation.unrestricted,
        "original": explanation.original,
    });
    let decision = match &explanation.result {
        Ok(rewrite) => {
            let relations: Vec<Json> = rewrite
                .plan()
                .statements
                .iter()
                .flat_map(|statement| &statement.touched)
                .map(|touched| {
                    let columns: Vec<&str> = touched.columns.iter().map(|c| &**c).collect();
                    json!({
                        "relation": &*touched.name,
                        "verb": touched.verb.as_str(),
                        "columns": columns,
                        "filter": &*touched.filter,
                        "masks": touched.masks,
                        "policy_lines": touched.lines,
                    })
                })
                .collect();
            json!({ "decision": "permit", "rewritten": rewrite.text(), "relations": relations })
        }
        Err(refusal) => json!({
            "decision": "deny",
            "sqlstate": refusal.sqlstate.0,
            "message": refusal.message,
            "reason": refusal.reason,
        }),
    };
    if let (Json::Object(answer), Json::Object(decision)) = (&mut answer, decision) {
        answer.extend(decision);
    }
    answer
}
