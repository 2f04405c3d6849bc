//! The `rowgate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowgate::cli::run()
}
