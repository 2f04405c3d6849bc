//! Runs a client program as its users would, told by the usual environment variables where to
//! connect, and reads what it prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::Login;

/// The answers a client printed, by the name of the check.
pub(crate) type Answers = Map<String, Value>;

/// A client program under `tests/e2e/clients`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// In the virtual environment that `tests/setup.sh` makes.
    Python(&'static str),
    /// With the modules that `tests/setup.sh` installs.
    Node(&'static str),
    /// With Debian's driver.
    Java(&'static str),
}

/// Clients change the same rows in long transactions, each in an order of its own: two at a time
/// could wait for each other.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a client that prints one JSON object.
pub(crate) fn run(program: Program, login: &Login) -> Answers {
    let _turn = turn();
    let (mut command, script) = match program {
        Program::Python(script) => {
            (Command::new(installed("python/bin/python", "ROWGATE_TEST_PYTHON")), script)
        }
        Program::Node(script) => {
            let mut command = Command::new("node");
            command.env("NODE_PATH", installed("node/node_modules", "ROWGATE_TEST_NODE_PATH"));
            (command, script)
        }
        Program::Java(script) => {
            let mut command = Command::new("java");
            command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"]);
            command.arg("/usr/share/java/postgresql.jar");
            (command, script)
        }
    };
    command.arg(scripts().join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = with_login(&mut command, login);
    assert!(
        output.status.success(),
        "{script} as {}: {}\n{}",
        login.user,
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    match serde_json::from_slice(&output.stdout) {
        Ok(Value::Object(answers)) => answers,
        other => panic!("{script} printed no JSON object: {other:?}"),
    }
}

/// Runs psql on a script and returns all it printed, errors included, in order.
pub(crate) fn psql(script: &Path, login: &Login) -> String {
    let _turn = turn();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec psql -X -f \"$1\" 2>&1", "sh"]).arg(script);
    String::from_utf8_lossy(&with_login(&mut command, login).stdout).into_owned()
}

/// Runs psql on one command line argument.
pub(crate) fn psql_command(sql: &str, login: &Login) -> Output {
    let mut command = Command::new("psql");
    command.args(["-X", "-v", "ON_ERROR_STOP=1", "-A", "-t", "-c", sql]);
    with_login(&mut command, login)
}

/// Runs any program with the login in its environment.
pub(crate) fn with_login(command: &mut Command, login: &Login) -> Output {
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", login.port.to_string())
        .env("PGUSER", &login.user)
        .env("PGPASSWORD", &login.password)
        .env("PGDATABASE", &login.database)
        .env("PGCONNECT_TIMEOUT", "20")
        .env("LC_ALL", "C.UTF-8")
        .env("EXPECT_REFUSALS", if login.restricted { "1" } else { "0" })
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run {command:?}: {error}; tests/setup.sh installs it")
        })
}

/// The folder of the client programs.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/clients")
}

fn installed(below_cache: &str, variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache").join(below_cache),
        PathBuf::from,
    );
    assert!(path.exists(), "{} is missing; run tests/setup.sh", path.display());
    path
}
