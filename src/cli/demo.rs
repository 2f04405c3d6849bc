//! `rowgate demo`

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, Failure};

/// Starts a throw-away PostgreSQL with a sample CRM and a gateway in front of it.
///
/// Prints ready-to-paste psql lines for the sample people (all passwords are `demo`), runs until
/// Ctrl-C and leaves nothing behind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate demo\n  rowgate demo --check")]
pub(super) struct Arguments {
    /// Where the gateway listens.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Keeps the database in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Plays a scripted tour, prints it and exits.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, _out: &mut dyn Write) -> Result<Exit, Failure> {
    let Arguments { listen: _, data_dir: _, check: _ } = arguments;
    Err(Failure::usage("this build has no demo"))
}
