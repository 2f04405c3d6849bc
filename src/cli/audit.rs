//! `rowgate audit`

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use jiff::Timestamp;

use super::output::{json, table};
use super::{Exit, Failure, Format};
use crate::audit::record::Verdict;
use crate::audit::search::{Filter, Hit, search};
use crate::audit::verify::{Verified, VerifyError, verify};
use crate::audit::{AuditSettings, read_public_key};

/// Searches and verifies the audit log.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Search(Search),
    Verify(Verify),
}

/// Searches the log.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rowgate audit search --path audit --user alice --decision deny --since 1d"
)]
struct Search {
    /// Takes the log's folder from this configuration file.
    #[arg(long, value_name = "FILE", conflicts_with = "path", required_unless_present = "path")]
    config: Option<PathBuf>,
    /// The log's folder.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Statements of this login.
    #[arg(long)]
    user: Option<String>,
    /// Statements that touched this table (`schema.table`).
    #[arg(long)]
    table: Option<String>,
    /// Statements that touched a column of this name.
    #[arg(long)]
    column: Option<String>,
    /// `permit` or `deny`, or a decision id.
    #[arg(long)]
    decision: Option<String>,
    /// From this time on: a timestamp, a date, or a duration back from now (`1d`).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Statements whose text contains this.
    #[arg(long, value_name = "TEXT")]
    sql_like: Option<String>,
    /// Statements of this session.
    #[arg(long)]
    session: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Verifies chain, signatures, sequence and tail; says the first bad record.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate audit verify --path audit --key audit.pub")]
struct Verify {
    /// Takes the log's folder and the key from this configuration file.
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    config: Option<PathBuf>,
    /// The log's folder.
    #[arg(long, value_name = "DIR", default_value = "audit")]
    path: PathBuf,
    /// The public key that the segments must be signed with: hexadecimal, or a file with it. May
    /// be given several times, after a change of keys.
    #[arg(long, value_name = "PUBKEY")]
    key: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    match arguments.action {
        Action::Search(search) => run_search(search, out),
        Action::Verify(verify) => run_verify(&verify, out),
    }
}

fn run_search(arguments: Search, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = match (&arguments.config, arguments.path) {
        (Some(file), _) => settings(file)?.path,
        (None, Some(path)) => path,
        (None, None) => return Err(Failure::usage("give `--config` or `--path`")),
    };
    let now = Timestamp::now();
    let time = |text: Option<String>| text.map(|text| point_in_time(&text, now)).transpose();
    let session = arguments.session.map(|text| {
        text.parse().map_err(|_| Failure::usage(format!("`{text}` is not a session number")))
    });
    let filter = Filter {
        user: arguments.user,
        table: arguments.table,
        column: arguments.column,
        decision: arguments.decision,
        since: time(arguments.since)?,
        until: time(arguments.until)?,
        sql_like: arguments.sql_like,
        session: session.transpose()?,
        limit: arguments.limit,
    };
    let hits = search(&path, &filter)
        .map_err(|error| Failure::unreachable(format!("`{}`: {error}", path.display())))?;
    match arguments.format {
        Format::Json => {
            let hits = serde_json::to_value(&hits)
                .map_err(|error| Failure::unreachable(error.to_string()))?;
            json(out, &hits)?;
        }
        Format::Table => {
            let mut table =
                table(&["seq", "time", "user", "session", "what", "decision", "rows", "text"]);
            for hit in &hits {
                table.add_row(row(hit));
            }
            writeln!(out, "{table}")?;
        }
    }
    Ok(Exit::Success)
}

fn row(hit: &Hit) -> Vec<String> {
    let (user, session) = match &hit.who {
        Some(who) => {
            let user = match &who.acting {
                Some(acting) => format!("{} for {acting}", who.login),
                None => who.login.to_string(),
            };
            (user, who.session.to_string())
        }
        None => (String::new(), String::new()),
    };
    let decision = match (hit.decision, &hit.decision_id) {
        (Some(Verdict::Permit), Some(id)) => format!("permit {id}"),
        (Some(Verdict::Deny), Some(id)) => format!("deny {id}"),
        (Some(Verdict::Permit), None) => "permit".to_owned(),
        (Some(Verdict::Deny), None) => "deny".to_owned(),
        (None, _) => String::new(),
    };
    let mut text: Vec<&str> = hit.original.as_deref().into_iter().collect();
    text.extend(hit.message.as_deref());
    text.extend(hit.reasons.iter().map(|reason| &**reason));
    let text = text.join("\n");
    vec![
        hit.seq.to_string(),
        format!("{:.3}", hit.at),
        printable(&user),
        session,
        hit.command.clone().unwrap_or_else(|| hit.kind.clone()),
        printable(&decision),
        hit.rows.map(|rows| rows.to_string()).unwrap_or_default(),
        printable(&text),
    ]
}

/// Text of a client on somebody's terminal: no control character gets there.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

fn run_verify(arguments: &Verify, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut keys = Vec::new();
    for text in &arguments.key {
        keys.push(read_public_key(text).map_err(|error| Failure::usage(error.to_string()))?);
    }
    let path = match &arguments.config {
        Some(file) => {
            let settings = settings(file)?;
            if keys.is_empty() {
                let key = settings.signing_key.read();
                keys.push(key.map_err(|error| Failure::usage(error.to_string()))?.verifying_key());
            }
            settings.path
        }
        None => arguments.path.clone(),
    };
    let answer = match verify(&path, &keys) {
        Ok(verified) => Ok(verified),
        Err(VerifyError::Bad(bad)) => Err(bad),
        Err(error @ VerifyError::Unreadable { .. }) => {
            return Err(Failure::unreachable(error.to_string()));
        }
    };
    let exit = if answer.is_ok() { Exit::Success } else { Exit::No };
    match (arguments.format, answer) {
        (Format::Json, Ok(verified)) => json(
            out,
            &serde_json::json!({
                "verified": true, "segments": verified.segments, "records": verified.lines,
                "tip": verified.tip, "closed": verified.closed, "keys": verified.keys,
                "key_from_log": verified.own_key, "notes": verified.notes,
            }),
        )?,
        (Format::Json, Err(bad)) => json(
            out,
            &serde_json::json!({
                "verified": false, "file": bad.file, "line": bad.line, "seq": bad.seq,
                "reason": bad.reason,
            }),
        )?,
        (Format::Table, Ok(verified)) => {
            let Verified { segments, lines, tip, keys, own_key, notes, closed: _ } = verified;
            writeln!(out, "verified: {lines} records in {segments} segments, last hash {tip}")?;
            let whence = if own_key {
                " (taken from the log itself: give --key to prove who wrote it)"
            } else {
                ""
            };
            writeln!(out, "signed by {}{whence}", keys.join(", "))?;
            for note in notes {
                writeln!(out, "note: {note}")?;
            }
        }
        (Format::Table, Err(bad)) => {
            writeln!(out, "NOT verified: {}", printable(&bad.to_string()))?;
        }
    }
    Ok(exit)
}

fn settings(file: &Path) -> Result<AuditSettings, Failure> {
    let loaded = crate::config::load(file).map_err(Failure::findings)?;
    Ok(AuditSettings::from(&loaded.settings.audit))
}

/// `2026-01-31T08:00:00Z`, `2026-01-31` (UTC), or `1d`: that long before now.
fn point_in_time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let utc = jiff::tz::TimeZone::UTC;
    if let Ok(time) = text.parse::<jiff::civil::DateTime>()
        && let Ok(zoned) = time.to_zoned(utc.clone())
    {
        return Ok(zoned.timestamp());
    }
    text.parse::<jiff::Span>()
        .and_then(|span| now.to_zoned(utc).checked_sub(span))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| {
            Failure::usage(format!(
                "`{text}` is not a time: write 2026-01-31, 2026-01-31T08:00:00Z, or 1d for a day ago"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_points_or_as_spans_before_now() {
        let now: Timestamp = "2026-02-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T08:00:00+08:00", "2026-01-31T00:00:00Z"),
            ("1d", "2026-01-31T12:00:00Z"),
            ("90m", "2026-02-01T10:30:00Z"),
        ] {
            assert_eq!(point_in_time(text, now).unwrap(), expected.parse().unwrap(), "{text}");
        }
        assert!(point_in_time("yesterday", now).is_err());
    }

    #[test]
    fn control_characters_of_a_client_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
    }
}
