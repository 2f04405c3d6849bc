//! `rowgate audit`

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::{Exit, Failure, Format};

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
    /// The log's folder.
    #[arg(long, value_name = "DIR", default_value = "audit")]
    path: PathBuf,
    /// The public key that the segments must be signed with.
    #[arg(long, value_name = "PUBKEY")]
    key: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: Arguments, _out: &mut dyn Write) -> Result<Exit, Failure> {
    let name = match arguments.action {
        Action::Search(search) => format!("search {search:?}"),
        Action::Verify(verify) => format!("verify {verify:?}"),
    };
    Err(Failure::usage(format!("this build has no audit {name}")))
}
