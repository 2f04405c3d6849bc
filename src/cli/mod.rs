//! The `rowgate` command: one file per subcommand. The only place that talks to a terminal; it
//! decides nothing that a session would decide differently.

mod audit;
mod check;
mod demo;
mod explain;
mod export;
mod matrix;
mod open;
mod output;
mod serve;
mod test;
mod user;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use output::{Exit, Failure, Format};

#[derive(Debug, Parser)]
#[command(
    name = "rowgate",
    version,
    about = "Row filters, column masks, write checks and an audit log for any PostgreSQL client",
    after_help = "Example:\n  rowgate demo\n  rowgate check --config rowgate.toml\n  \
                  rowgate serve --config rowgate.toml\n\n\
                  Exit status: 0 success; 1 the answer is no; 2 wrong usage or configuration; \
                  3 something it needs cannot be reached.",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Test(test::Arguments),
    Matrix(matrix::Arguments),
    Export(export::Arguments),
    Audit(audit::Arguments),
    User(user::Arguments),
}

/// Runs the command line of this process. Usage errors and `--help` end the process in clap.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let answer = match cli.command {
        Command::Demo(arguments) => demo::run(&arguments, &mut out),
        Command::Serve(arguments) => serve::run(&arguments, &mut out),
        Command::Check(arguments) => check::run(&arguments, &mut out),
        Command::Explain(arguments) => explain::run(&arguments, &mut out),
        Command::Matrix(arguments) => matrix::run(&arguments, &mut out),
        Command::Test(arguments) => test::run(&arguments, &mut out),
        Command::Export(arguments) => export::run(arguments, &mut out),
        Command::Audit(arguments) => audit::run(arguments, &mut out),
        Command::User(arguments) => user::run(arguments, &mut out),
    };
    let answer = answer.and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    match answer {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Nobody is left to tell when standard error is gone too.
            drop(writeln!(io::stderr(), "{failure}"));
            failure.exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn visit(command: &clap::Command) {
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{} has no example", command.get_name());
            }
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            command.get_subcommands().for_each(visit);
        }
        Cli::command().debug_assert();
        visit(&Cli::command());
    }

    #[test]
    fn the_documented_flags_are_accepted() {
        for line in [
            "rowgate demo --listen 127.0.0.1:0 --data-dir /tmp/x --check",
            "rowgate serve --config rowgate.toml",
            "rowgate check --config rowgate.toml --offline --format json",
            "rowgate explain --config f --user alice --sql SELECT --client-ip 10.0.0.1",
            "rowgate explain --config f --user alice --file q.sql --at 2026-01-01T09:00:00Z",
            "rowgate audit search --path audit --user alice --table crm.account --column phone \
             --decision deny --since 1d --until 2026-01-01 --sql-like x --session 7 --limit 5",
            "rowgate audit verify --path audit --key audit.pub",
            "rowgate export rls --config f --user alice --user bob --role sales_rep --create-roles \
             --force --format json",
            "rowgate export rls --config f --revert",
            "rowgate test --config f",
            "rowgate matrix --config f --user alice",
            "rowgate matrix --config f --role sales_rep --format html",
            "rowgate test --config f policies/crm a.test.yaml --decisions-only --format json",
            "rowgate user password --login alice",
        ] {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
    }
}
