//! `rowgate explain`

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use super::{Exit, Failure, Format, output};

/// Shows what rowgate makes of a statement for one person, or why it is refused.
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
    /// The client's address, for conditions.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    client_ip: IpAddr,
    /// The time of the statement, for conditions and validity; now when it is left out.
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let _ = (&arguments.config, &arguments.user, &arguments.sql, &arguments.file);
    let _ = (arguments.client_ip, arguments.at, arguments.format);
    output::json(out, &serde_json::json!({}))?;
    let _ = output::table(&[]);
    Ok(Exit::No)
}
