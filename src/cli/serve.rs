//! `rowgate serve`

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, Failure};

/// Runs the gateway. SIGHUP reloads, SIGTERM drains, a second SIGTERM stops.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate serve --config rowgate.toml")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::usage(format!("this build cannot serve {}", arguments.config.display())))
}
