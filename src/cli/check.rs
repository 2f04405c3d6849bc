//! `rowgate check`

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, Failure, Format, output};
use crate::config;

/// Validates configuration, directory and policy; all errors at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate check --config rowgate.toml\n  \
                  rowgate check --config rowgate.toml --offline")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Does not connect to the database.
    #[arg(long)]
    offline: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let loaded = config::load(&arguments.config).map_err(Failure::findings)?;
    let _ = arguments.offline;
    match arguments.format {
        Format::Table => writeln!(out, "{} is valid", loaded.settings.file.display())?,
        Format::Json => output::json(out, &serde_json::json!({ "valid": true }))?,
    }
    Ok(Exit::Success)
}
