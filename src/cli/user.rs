//! `rowgate user`

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;

use super::{Exit, Failure};

/// Helps with the users of the directory.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Password(Password),
}

/// Prints a SCRAM-SHA-256 verifier for a password read from the terminal or standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate user password --login alice\n  \
                  printf '%s' \"$PASSWORD\" | rowgate user password")]
struct Password {
    /// Whose password it is; only shown in the question.
    #[arg(long)]
    login: Option<String>,
}

pub(super) fn run(arguments: Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Action::Password(Password { login }) = arguments.action;
    let password = if io::stdin().is_terminal() {
        ask(login.as_deref())?
    } else {
        first_line(&mut io::stdin().lock())?
    };
    writeln!(out, "{}", verifier(&password)?)?;
    Ok(Exit::Success)
}

fn ask(login: Option<&str>) -> Result<String, Failure> {
    let whose = login.map(|login| format!(" for {login}")).unwrap_or_default();
    let password = rpassword::prompt_password(format!("Password{whose}: "))?;
    let again = rpassword::prompt_password("Once more: ")?;
    if password != again {
        return Err(Failure { exit: Exit::No, ..Failure::usage("the two passwords differ") });
    }
    Ok(password)
}

fn first_line(input: &mut dyn BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .map_err(|error| Failure::usage(format!("cannot read the password: {error}")))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// What PostgreSQL would store, after SASLprep (PostgreSQL documentation, 53.1 `pg_authid`).
fn verifier(password: &str) -> Result<String, Failure> {
    if password.is_empty() {
        return Err(Failure::usage("the password is empty"));
    }
    if password.contains('\0') {
        return Err(Failure::usage("a password cannot hold a NUL byte"));
    }
    Ok(postgres_protocol::password::scram_sha_256(password.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_has_the_form_that_postgresql_stores() {
        let text = verifier("demo").unwrap();
        let rest = text.strip_prefix("SCRAM-SHA-256$4096:").unwrap();
        let (salt, keys) = rest.split_once('$').unwrap();
        let (stored, server) = keys.split_once(':').unwrap();
        assert_eq!((salt.len(), stored.len(), server.len()), (24, 44, 44));
        assert_ne!(text, verifier("demo").unwrap(), "every verifier has a salt of its own");
    }

    #[test]
    fn only_the_line_end_is_cut_from_a_password() {
        for (input, password) in [("demo\n", "demo"), (" d \r\nx", " d "), ("demo", "demo")] {
            assert_eq!(first_line(&mut input.as_bytes()).unwrap(), password);
        }
        assert!(verifier("").is_err());
    }
}
