//! `rowgate test`: what people are expected to see and do, asked by the code that serves sessions.

mod cases;

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::explain::{Values, default_search_path};
use super::{Exit, Failure, Format, open, output};
use crate::backend::client;
use crate::config;
use crate::directory::local_time;
use crate::error::Refusal;
use crate::planner::{PlanContext, Planner, Protocol, UNREAD};
use crate::policy::{Context, activate};
use crate::rewrite::{Answer, Effect, Rewrite};
use crate::snapshot::Snapshot;

use cases::{Case, Cell};

/// Runs the tests of a policy: `*.test.yaml` below the policy folder, or the given files and folders.
///
/// Each statement is planned for the person as a session would, run on the database in a transaction
/// that is rolled back, and compared. Exits with 1 when a test fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate test --config rowgate.toml\n  \
                  rowgate test --config rowgate.toml policies/crm/crm.test.yaml --format json")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Files and folders with tests.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Runs nothing: only decisions, rewritten texts and masks are compared.
    #[arg(long)]
    decisions_only: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a test ended.
#[derive(Debug)]
struct Verdict {
    case: Case,
    /// What was expected and what came; empty when the test passed.
    failures: Vec<String>,
    /// Something was expected that was not looked at.
    partly: bool,
}

/// What came of a statement.
enum Outcome {
    /// It ran.
    Answered(Answered),
    /// It was permitted and was not run.
    Planned,
    /// It was refused, with the reason.
    Denied(String),
    /// It failed for another reason than the policy.
    Failed(String),
}

#[derive(Default)]
struct Answered {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    count: u64,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let loaded = config::load(&arguments.config).map_err(Failure::findings)?;
    let paths = if arguments.paths.is_empty() {
        vec![loaded.settings.policy.path.clone()]
    } else {
        arguments.paths.clone()
    };
    let cases = cases::read(&paths).map_err(Failure::findings)?;
    let (state, _) = open::open(loaded.settings, now)?.state.map_err(Failure::findings)?;
    let settings = state.settings();
    let target = settings.backend_target().map_err(|finding| Failure::findings(vec![finding]))?;
    let snapshot = state.current();
    let verdicts =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            let client = if arguments.decisions_only {
                None
            } else {
                let opened = client::open(&target, &settings.backend.database).await;
                Some(opened.map_err(|error| Failure::unreachable(error.to_string()))?)
            };
            let mut verdicts = Vec::new();
            for case in cases {
                verdicts.push(judge(&snapshot, client.as_ref(), case, now).await?);
            }
            Ok::<_, Failure>(verdicts)
        })?;
    match arguments.format {
        Format::Table => print(out, &verdicts)?,
        Format::Json => output::json(out, &as_json(&verdicts))?,
    }
    let passed = verdicts.iter().all(|verdict| verdict.failures.is_empty());
    Ok(if passed { Exit::Success } else { Exit::No })
}

async fn judge(
    snapshot: &Snapshot,
    client: Option<&Client>,
    case: Case,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let planner = Planner::default();
    let planned = plan(snapshot, &planner, &case, case.at.unwrap_or(now));
    let outcome = match (&planned, client) {
        (Err(refusal), _) => Outcome::Denied(in_words(refusal)),
        (Ok(_), None) => Outcome::Planned,
        (Ok(rewrite), Some(client)) => execute(client, &planner, rewrite).await?,
    };
    let mut failures = Vec::new();
    let mut partly = false;
    compare(&case, planned.as_ref().ok(), &outcome, &mut failures, &mut partly);
    Ok(Verdict { case, failures, partly })
}

fn in_words(refusal: &Refusal) -> String {
    if refusal.reason.is_empty() {
        refusal.message.clone()
    } else {
        format!("{}: {}", refusal.message, refusal.reason)
    }
}

/// The statement as the person's session would plan it.
fn plan(
    snapshot: &Snapshot,
    planner: &Planner,
    case: &Case,
    now: Timestamp,
) -> Result<Rewrite, Refusal> {
    let account = snapshot.directory.account(&case.login);
    let facts = snapshot.directory.facts(&case.login, now);
    let cannot = |why: String| {
        let message = format!("`{}` cannot log in", case.login);
        Refusal::new(crate::error::SqlState::INVALID_AUTHORIZATION, message, why)
    };
    let (Some(account), Some(facts)) = (account, facts) else {
        return Err(cannot("there is no such user".to_owned()));
    };
    let admitted = match case.client_ip {
        Some(address) => account.admits(address, now),
        None => account.is_usable(now),
    };
    admitted.map_err(|refusal| cannot(refusal.to_string()))?;
    let context = Context {
        now: local_time(&facts, now),
        client_ip: case.client_ip,
        tls: false,
        mfa: false,
        application_name: None,
    };
    let subject = activate(&snapshot.policy, &facts, &context);
    let context = PlanContext {
        catalog: &snapshot.catalog,
        policy: &snapshot.policy,
        roles: &subject.roles,
        unrestricted: subject.unrestricted,
        shape: subject.identity.shape(),
        search_path: &default_search_path(snapshot),
        protocol: Protocol::Simple,
    };
    planner.rewrite(context, &case.sql, &Values(&subject.identity))
}

/// Runs it in a transaction that is rolled back.
async fn execute(
    client: &Client,
    planner: &Planner,
    rewrite: &Rewrite,
) -> Result<Outcome, Failure> {
    let statements = &rewrite.plan().statements;
    let ends = statements.iter().any(|statement| match statement.effect {
        Effect::Transaction => true,
        // What was read changes at most what the transaction takes back; what was not may be more
        // than one statement.
        Effect::Unknown => statement.kind == UNREAD,
        Effect::Reads | Effect::Writes | Effect::Settings => false,
    });
    if ends || statements.len() != 1 {
        let why = "a test runs one statement, and none that ends its transaction".to_owned();
        return Ok(Outcome::Failed(why));
    }
    let lost = |error: tokio_postgres::Error| Failure::unreachable(error.to_string());
    client.batch_execute("BEGIN").await.map_err(lost)?;
    let outcome = match client.simple_query(rewrite.text()).await {
        Ok(messages) => {
            let answer = statements.first().map_or(Answer::Relay, |statement| statement.answer);
            Outcome::Answered(answered(&messages, answer))
        }
        Err(error) => match error.as_db_error() {
            None => return Err(lost(error)),
            Some(server) if server.message().contains(planner.check_marker()) => {
                Outcome::Denied("the new row violates the policy".to_owned())
            }
            // A denied column is not there; a right that the gateway lacks nobody has.
            Some(server) if matches!(server.code().code(), "42501" | "42703") => {
                Outcome::Denied(server.message().to_owned())
            }
            Some(server) => Outcome::Failed(server.message().to_owned()),
        },
    };
    // Together they would be one transaction, in which DISCARD ALL may not stand.
    client.batch_execute("ROLLBACK").await.map_err(lost)?;
    client.batch_execute("DISCARD ALL").await.map_err(lost)?;
    Ok(outcome)
}

fn answered(messages: &[SimpleQueryMessage], answer: Answer) -> Answered {
    let mut answered = Answered::default();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                answered.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|index| row.get(index).map(str::to_owned));
                answered.rows.push(cells.collect());
            }
            SimpleQueryMessage::CommandComplete(count) => answered.count = *count,
            _ => {}
        }
    }
    match answer {
        Answer::Relay | Answer::RedactPlan(_) => {}
        Answer::DropRows => {
            answered.columns.clear();
            answered.rows.clear();
        }
        Answer::CutLastColumn => {
            answered.columns.pop();
            for row in &mut answered.rows {
                row.pop();
            }
        }
    }
    answered
}

fn compare(
    case: &Case,
    rewrite: Option<&Rewrite>,
    outcome: &Outcome,
    failures: &mut Vec<String>,
    partly: &mut bool,
) {
    let expect = &case.expect;
    match (outcome, expect.permitted) {
        (Outcome::Denied(reason), None | Some(true)) => {
            failures.push(format!("expected it to be permitted; denied: {reason}"));
            return;
        }
        (Outcome::Failed(why), _) => {
            failures.push(format!("it failed: {why}"));
            return;
        }
        (Outcome::Answered(_), Some(false)) => {
            failures.push("expected it to be denied; permitted".to_owned());
        }
        // The server may still refuse it: a denied column, a row that violates the check.
        (Outcome::Planned, Some(false)) => *partly = true,
        (Outcome::Denied(_), Some(false))
        | (Outcome::Answered(_) | Outcome::Planned, None | Some(true)) => {}
    }
    if let (Some(part), Outcome::Denied(reason)) = (&expect.reason, outcome)
        && !reason.contains(part.as_str())
    {
        failures.push(format!("expected the reason `{part}`, found `{reason}`"));
    }
    if let (Some(expected), Some(rewrite)) = (&expect.rewritten, rewrite) {
        let (expected, found) = (spaced(expected), spaced(rewrite.text()));
        if expected != found {
            failures.push(format!("expected the text `{expected}`, found `{found}`"));
        }
    }
    if let (Some(expected), Some(rewrite)) = (&expect.masked, rewrite) {
        let (expected, found) = (sorted(expected.clone()), masked(rewrite));
        if expected != found {
            failures.push(format!(
                "expected the masked columns {}, found {}",
                listed(&expected),
                listed(&found)
            ));
        }
    }
    let Outcome::Answered(answered) = outcome else {
        *partly |= matches!(outcome, Outcome::Planned)
            && (expect.rows.is_some() || expect.count.is_some() || expect.columns.is_some());
        return;
    };
    if let Some(expected) = &expect.columns
        && *expected != answered.columns
    {
        failures.push(format!(
            "expected the columns {}, found {}",
            listed(expected),
            listed(&answered.columns)
        ));
    }
    if let Some(expected) = expect.count
        && expected != answered.count
    {
        failures.push(format!("expected {expected} rows, found {}", answered.count));
    }
    if let Some(expected) = &expect.rows
        && !equal(expected, &answered.rows)
    {
        let shown = |cells: &[Option<String>]| -> String {
            let cells: Vec<&str> =
                cells.iter().map(|cell| cell.as_deref().unwrap_or("null")).collect();
            format!("[{}]", cells.join(", "))
        };
        let wanted: Vec<Vec<Option<String>>> = expected
            .iter()
            .map(|row| {
                let text = |cell: &Cell| match cell {
                    Cell::Null => None,
                    Cell::Text { text, .. } => Some(text.clone()),
                };
                row.iter().map(text).collect()
            })
            .collect();
        let some = |rows: &[Vec<Option<String>>]| {
            let first: Vec<String> = rows.iter().take(10).map(|row| shown(row)).collect();
            let more = if rows.len() > 10 { " …" } else { "" };
            format!("{}: {}{more}", rows.len(), first.join(" "))
        };
        failures.push(format!("expected rows {}, found {}", some(&wanted), some(&answered.rows)));
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The masked ones of the columns that the statement names.
fn masked(rewrite: &Rewrite) -> Vec<String> {
    let touched = rewrite.plan().statements.iter().flat_map(|statement| &statement.touched);
    let masks = touched.flat_map(|touched| &touched.masks);
    sorted(
        masks
            .filter_map(|mask| mask.split_once(": ").map(|(column, _)| column.to_owned()))
            .collect(),
    )
}

fn equal(expected: &[Vec<Cell>], found: &[Vec<Option<String>>]) -> bool {
    expected.len() == found.len()
        && expected.iter().zip(found).all(|(expected, found)| {
            expected.len() == found.len()
                && expected
                    .iter()
                    .zip(found)
                    .all(|(expected, found)| same(expected, found.as_deref()))
        })
}

/// A plain number or boolean may be written in another form than PostgreSQL writes it.
fn same(expected: &Cell, found: Option<&str>) -> bool {
    match (expected, found) {
        (Cell::Null, None) => true,
        (Cell::Null, Some(_)) | (Cell::Text { .. }, None) => false,
        (Cell::Text { text, plain }, Some(found)) => {
            let other_form = || match (text.as_str(), found) {
                ("true", "t") | ("false", "f") => true,
                (a, b) => match (a.parse::<f64>(), b.parse::<f64>()) {
                    (Ok(a), Ok(b)) => a.total_cmp(&b).is_eq(),
                    (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
                },
            };
            text == found || (*plain && other_form())
        }
    }
}

fn print(out: &mut dyn Write, verdicts: &[Verdict]) -> Result<(), Failure> {
    for verdict in verdicts.iter().filter(|verdict| !verdict.failures.is_empty()) {
        let Case { file, line, name, login, sql, .. } = &verdict.case;
        writeln!(out, "FAILED {name}\n  --> {file}:{line}\n  {login}: {}", spaced(sql))?;
        for failure in &verdict.failures {
            writeln!(out, "  {failure}")?;
        }
        writeln!(out)?;
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.failures.is_empty()).count();
    let partly = verdicts.iter().filter(|verdict| verdict.partly).count();
    write!(out, "{} tests, {failed} failed", verdicts.len())?;
    if partly > 0 {
        write!(out, ", {partly} judged without an answer of the database")?;
    }
    writeln!(out)?;
    Ok(())
}

fn as_json(verdicts: &[Verdict]) -> Json {
    let tests: Vec<Json> = verdicts
        .iter()
        .map(|verdict| {
            json!({
                "name": verdict.case.name,
                "file": verdict.case.file,
                "line": verdict.case.line,
                "user": verdict.case.login,
                "passed": verdict.failures.is_empty(),
                "judged_without_rows": verdict.partly,
                "failures": verdict.failures,
            })
        })
        .collect();
    let failed = verdicts.iter().filter(|verdict| !verdict.failures.is_empty()).count();
    json!({ "tests": tests, "total": verdicts.len(), "failed": failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, plain: bool) -> Cell {
        Cell::Text { text: text.to_owned(), plain }
    }

    #[test]
    fn a_quoted_number_is_equal_to_the_same_number_written_otherwise() {
        let found = Some("5.00");
        assert!(same(&text("5", true), found));
        assert!(!same(&text("5", false), found));
        assert!(!same(&text("5.01", true), found));
        assert!(same(&text("true", true), Some("t")));
        assert!(!same(&text("true", false), Some("t")));
    }

    #[test]
    fn null_is_equal_to_an_empty_text() {
        assert!(same(&Cell::Null, None));
        assert!(!same(&Cell::Null, Some("")));
        assert!(!same(&text("", true), None));
    }
}
