//! Unmodified clients. Each runs three times: directly, through the gateway as somebody
//! unrestricted, and through the gateway as a representative.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::client::{Answers, Program, psql, run, scripts, with_login};
use rowgate::demo::DATABASE;

use crate::harness::{Login, SEEN_BY_ALICE, gateway, server};

/// An unrestricted person gets what a direct connection gets, and a representative what a direct
/// connection to a database with nothing but her rows gets.
fn check(program: Program) {
    let direct = run(program, &server().login(DATABASE));
    let unrestricted = run(program, &gateway().login("henry"));
    compare("henry", &direct, &unrestricted);

    let expected = run(program, &server().login(SEEN_BY_ALICE));
    let mut restricted = run(program, &gateway().login("alice"));
    let (refused, answers): (Answers, Answers) = std::mem::take(&mut restricted)
        .into_iter()
        .partition(|(name, _)| name.starts_with("refused."));
    compare("alice", &comparable(expected), &comparable(answers));
    assert!(!refused.is_empty(), "the client tried nothing that is refused");
    for (name, answer) in refused {
        let text = answer.to_string();
        // A denied column does not exist for her.
        let accepted =
            text.contains("42501") || (name.ends_with("column") && text.contains("42703"));
        assert!(accepted, "{name} was not refused: {text}");
    }
}

/// Leaves out what is not meant to be the same for somebody restricted: COPY, which she is not
/// granted, and how the catalogue describes a table with a column that she is denied or that is
/// masked. (The catalogue names the column; a masked one has no table of origin, one of a view that of the table below.) A syntax error in
/// her text is found before the server sees it, by a parser that does not say where.
fn comparable(answers: Answers) -> Answers {
    let left_out =
        ["account.columns", "star.origins", "mixed_case.origins", "copy", "copy.binary", "syntax"];
    answers.into_iter().filter(|(name, _)| !left_out.contains(&name.as_str())).collect()
}

fn compare(login: &str, expected: &Answers, found: &Answers) {
    let mut differences = Vec::new();
    for name in expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name))) {
        if expected.get(name) != found.get(name) {
            let show = |answers: &Answers| {
                answers.get(name).map_or_else(|| "nothing".to_owned(), ToString::to_string)
            };
            differences.push(format!(
                "{name}\n  expected {}\n  found    {}",
                show(expected),
                show(found)
            ));
        }
    }
    assert!(differences.is_empty(), "as {login}:\n{}", differences.join("\n"));
}

#[test]
fn psycopg2_answers_are_wrong_through_the_gateway() {
    check(Program::Python("psycopg2_client.py"));
}

#[test]
fn psycopg3_answers_are_wrong_through_the_gateway() {
    check(Program::Python("psycopg3_client.py"));
}

#[test]
fn asyncpg_answers_are_wrong_through_the_gateway() {
    check(Program::Python("asyncpg_client.py"));
}

#[test]
fn sqlalchemy_orm_or_reflection_is_wrong_through_the_gateway() {
    check(Program::Python("sqlalchemy_client.py"));
}

#[test]
fn django_orm_or_introspection_is_wrong_through_the_gateway() {
    check(Program::Python("django_client.py"));
}

#[test]
fn node_postgres_answers_are_wrong_through_the_gateway() {
    check(Program::Node("node_client.js"));
}

#[test]
fn jdbc_metadata_or_answers_are_wrong_through_the_gateway() {
    check(Program::Java("JdbcClient.java"));
}

#[test]
fn psql_prints_something_else_through_the_gateway() {
    let script = scripts().join("psql_client.sql");
    let direct = psql(&script, &server().login(DATABASE));
    assert_eq!(direct, psql(&script, &gateway().login("henry")));

    let expected = psql(&script, &server().login(SEEN_BY_ALICE));
    let found = psql(&script, &gateway().login("alice"));
    // What comes before the first answer describes the catalogue, which names tables she has no
    // grant on; her copy of the database does not hide those.
    let answers =
        |text: &str| text.split_once(" count \n").map(|(_, rest)| rest.to_owned()).unwrap();
    assert_eq!(answers(&expected), answers(&found));
    assert!(
        found.contains("Table \"crm.account\""),
        "\\d does not describe a table to alice:\n{found}"
    );
}

#[test]
fn pgbench_fails_or_loses_transactions_through_the_gateway() {
    for login in [gateway().login("henry"), gateway().login("alice")] {
        for mode in ["simple", "extended", "prepared"] {
            bench(mode, &login);
        }
    }
}

/// The server's own, or, where its package has none, the one of another version.
fn pgbench() -> PathBuf {
    let own = server().cluster.binaries().program("pgbench");
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    std::iter::once(own)
        .chain(packaged.map(|version| version.path().join("bin/pgbench")))
        .find(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from("pgbench"))
}

fn bench(mode: &str, login: &Login) {
    let mut command = Command::new(pgbench());
    command.args(["--no-vacuum", "--client=4", "--transactions=25", "--protocol", mode]);
    command.arg("--file").arg(scripts().join("lookup.pgbench"));
    let output = with_login(&mut command, login);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{mode} as {}: {errors}", login.user);
    assert!(text.contains("actually processed: 100/100"), "{mode} as {}: {text}", login.user);
}
