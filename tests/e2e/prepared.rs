//! SQL PREPARE and EXECUTE of writes whose rows are checked, and of what goes into a temporary table:
//! message for message as without the hidden column, and held to the rules at every EXECUTE.

use crate::harness::gateway;
use crate::harness::wire::{
    Message, Wire, bind, describe_portal, describe_statement, errors, execute, parse, query, shown,
    sync, value,
};
use crate::semantics::{Batch, same};

const VIOLATED: &str = "E 42501 new row violates row-level security policy for table \"remark\"";
const PREPARED: &[&str] = &[
    "PREPARE plain AS UPDATE crm.remark SET body = $2 WHERE id = $1",
    "PREPARE listed AS UPDATE crm.remark SET body = $2 WHERE id <= $1 RETURNING id, body, owner_id",
    "PREPARE made AS INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) \
     VALUES ($1, 1, $2, 'made', '2026-01-01') RETURNING id, body",
    "PREPARE silent AS INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) \
     VALUES ($1, 1, $2, 'made', '2026-01-01')",
    "PREPARE kept AS WITH u AS (UPDATE crm.remark SET body = $2 WHERE id = $1 RETURNING id) SELECT id FROM u",
];

fn alice() -> Wire {
    Wire::login(&gateway().login("alice"))
}

fn simple(texts: &[&str]) -> Vec<Batch> {
    texts.iter().map(|text| vec![query(text)]).collect()
}

fn refused(wire: &mut Wire, sql: &str, code: &str) -> Vec<Message> {
    let answer = wire.query(sql);
    assert_eq!(errors(&answer), [code], "{sql}: {:?}", shown(&answer));
    answer
}

#[test]
fn an_executed_write_answers_with_its_hidden_column() {
    let mut batches = simple(PREPARED);
    batches.extend(simple(&[
        "BEGIN",
        "EXECUTE plain(1, 'x')",
        "EXECUTE listed(9, 'y')",
        "EXECUTE listed(0, 'y')",
        "EXECUTE made(990101, 104)",
        "EXECUTE silent(990102, 104)",
        "EXECUTE kept(1, 'z')",
        "EXECUTE made(990103, 104); SELECT 1 AS one; EXECUTE silent(990104, 104); EXECUTE listed(1, 'q')",
        // A name of the same string, new, and another statement than before.
        "PREPARE new AS UPDATE crm.remark SET body = 'n' WHERE id = 1 RETURNING id; EXECUTE new; EXECUTE plain(1, 'a')",
        "DEALLOCATE plain; PREPARE plain AS SELECT 1 AS a, 2 AS b; EXECUTE plain; EXECUTE new",
        "EXECUTE plain",
        "EXECUTE silent(1)",
        "ROLLBACK",
    ]));
    for (name, arguments) in [
        ("listed", "9, 'y'"),
        ("made", "990105, 104"),
        ("silent", "990106, 104"),
        ("kept", "1, 'w'"),
    ] {
        // EXECUTE as a statement of the protocol, and the prepared statement itself bound by it.
        let executed = format!("EXECUTE {name}({arguments})");
        let values: Vec<String> =
            arguments.split(", ").map(|value| value.trim_matches('\'').to_owned()).collect();
        let values: Vec<Option<&[u8]>> =
            values.iter().map(|value| Some(value.as_bytes())).collect();
        let formats: &[i16] = match name {
            "listed" => &[1, 0, 1],
            "made" => &[0, 1],
            _ => &[],
        };
        for formats in [&[][..], formats] {
            batches.extend(simple(&["BEGIN"]));
            batches.push(vec![
                parse("", &executed, &[]),
                describe_statement(""),
                bind("", "", &[], &[], formats),
                describe_portal(""),
                execute("", 0),
                execute("", 0),
                sync(),
            ]);
            batches.extend(simple(&["ROLLBACK", "BEGIN"]));
            batches.push(vec![
                describe_statement(name),
                bind("", name, &[], &values, formats),
                describe_portal(""),
                execute("", 1),
                execute("", 0),
                sync(),
            ]);
            batches.extend(simple(&["ROLLBACK"]));
        }
    }
    same(&batches);
}

#[test]
fn an_executed_write_is_not_checked() {
    let mut alice = alice();
    let mut henry = Wire::login(&gateway().login("henry"));
    let foreign =
        value(&henry.query("SELECT min(id) FROM crm.remark WHERE owner_id = 103")).unwrap();
    let before = shown(&henry.query(&format!("SELECT * FROM crm.remark WHERE id = {foreign}")));
    for sql in PREPARED {
        assert_eq!(shown(&alice.query(sql)), ["C PREPARE ", "Z I"], "{sql}");
    }
    for sql in ["EXECUTE made(990110, 103)", "EXECUTE silent(990110, 103)"] {
        assert_eq!(shown(&alice.query(sql)), [VIOLATED, "Z I"], "{sql}");
        let messages = [parse("", sql, &[]), bind("", "", &[], &[], &[]), execute("", 0), sync()];
        let answer = shown(&alice.batch(&messages));
        assert!(answer.contains(&VIOLATED.to_owned()), "{sql}: {answer:?}");
    }
    for name in ["made", "silent"] {
        let values: [Option<&[u8]>; 2] = [Some(b"990110"), Some(b"103")];
        let answer = alice.batch(&[bind("", name, &[], &values, &[]), execute("", 0), sync()]);
        assert!(shown(&answer).contains(&VIOLATED.to_owned()), "{name}: {:?}", shown(&answer));
    }
    assert_eq!(
        shown(&alice.query(&format!("EXECUTE plain({foreign}, 'x')"))),
        ["C UPDATE 0 ", "Z I"]
    );
    let after = shown(&henry.query(&format!("SELECT * FROM crm.remark WHERE id = {foreign}")));
    assert_eq!(before, after);
    assert_eq!(
        value(&henry.query("SELECT count(*) FROM crm.remark WHERE id = 990110")).unwrap(),
        "0"
    );
}

#[test]
fn a_statement_of_the_protocol_does_under_execute_what_nobody_notes() {
    let mut alice = alice();
    alice.query("PREPARE p AS SELECT 1");
    for sql in [
        "SET search_path TO pg_temp",
        "EXECUTE p",
        "PREPARE q AS SELECT 2",
        "DECLARE c CURSOR FOR SELECT id FROM crm.account",
        "CREATE TEMP TABLE made_by_protocol (a int)",
        "BEGIN",
    ] {
        let answer = alice.batch(&[parse("s", sql, &[]), sync()]);
        assert_eq!(errors(&answer), [""; 0], "{sql}: {:?}", shown(&answer));
        refused(&mut alice, "EXECUTE s", "0A000");
        refused(&mut alice, "EXPLAIN EXECUTE s", "0A000");
        let answer = alice.query("DEALLOCATE s");
        assert_eq!(errors(&answer), [""; 0], "DEALLOCATE after {sql}: {:?}", shown(&answer));
    }
    alice.batch(&[parse("r", "SELECT 3 AS three", &[]), sync()]);
    assert_eq!(value(&alice.query("EXECUTE r")).as_deref(), Some("3"));
}

#[test]
fn a_bound_statement_changes_what_its_name_means_by_running() {
    let mut alice = alice();
    alice.query("PREPARE t AS SELECT 1 AS a");
    alice.query("BEGIN");
    alice.batch(&[bind("held", "t", &[], &[], &[]), sync()]);
    alice.query("DEALLOCATE t");
    alice.query("PREPARE t AS UPDATE crm.remark SET body = 't' WHERE id = 1 RETURNING id");
    let answer = alice.batch(&[execute("held", 0), sync()]);
    assert_eq!(value(&answer).as_deref(), Some("1"), "{:?}", shown(&answer));
    let answer = alice.query("EXECUTE t");
    assert_eq!(
        shown(&answer).first().map(String::as_str),
        Some("T id:20:8:-1:0"),
        "{:?}",
        shown(&answer)
    );
    alice.query("ROLLBACK");
}

#[test]
fn a_temporary_table_takes_from_execute_what_it_may_not_hold() {
    let mut alice = alice();
    for sql in PREPARED {
        alice.query(sql);
    }
    alice.query("PREPARE mine (bigint) AS SELECT id, phone FROM crm.account WHERE id < $1");
    let seen = shown(&alice.query("EXECUTE mine(40)"));
    for made in [
        "CREATE TEMP TABLE from_execute AS EXECUTE mine(40)",
        "CREATE TEMPORARY TABLE pg_temp.from_execute (id, phone) AS EXECUTE mine(40) WITH DATA",
    ] {
        let answer = alice.query(made);
        assert_eq!(errors(&answer), [""; 0], "{made}: {:?}", shown(&answer));
        let kept = shown(&alice.query("SELECT id, phone FROM from_execute"));
        assert_eq!(kept[1..kept.len() - 2], seen[1..seen.len() - 2], "{made}");
        alice.query("DROP TABLE from_execute");
    }
    let messages = [
        parse("", "CREATE TEMP TABLE from_execute AS EXECUTE mine(40)", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        sync(),
    ];
    assert_eq!(errors(&alice.batch(&messages)), [""; 0]);
    for (sql, code) in [
        ("CREATE TABLE crm.stays AS EXECUTE mine(40)", "42501"),
        ("CREATE TEMP TABLE crm.stays AS EXECUTE mine(40)", "42P16"),
        ("CREATE TEMP TABLE more AS EXECUTE listed(1, 'x')", "0A000"),
        ("CREATE TEMP TABLE more AS EXECUTE kept(1, 'x')", "0A000"),
        ("CREATE TEMP TABLE more AS EXECUTE nothing", "26000"),
        ("CREATE TEMP TABLE account AS EXECUTE mine(40)", "0A000"),
        ("CREATE TEMP TABLE more AS EXECUTE mine((SELECT max(id) FROM crm.account))", "0A000"),
        ("EXPLAIN CREATE TEMP TABLE more AS EXECUTE mine(40)", "0A000"),
        (
            "PREPARE fresh AS SELECT id FROM crm.account; CREATE TEMP TABLE more AS EXECUTE fresh",
            "0A000",
        ),
    ] {
        refused(&mut alice, sql, code);
    }
}

#[test]
fn an_execute_of_the_protocol_keeps_to_what_its_name_meant_when_it_was_parsed() {
    let run = vec![bind("", "run", &[], &[], &[]), describe_portal(""), execute("", 0), sync()];
    let mut batches = simple(&["PREPARE p AS SELECT 1 AS a"]);
    batches.push(vec![parse("run", "EXECUTE p", &[]), sync()]);
    batches.push(run.clone());
    batches.extend(simple(&["DEALLOCATE p", "PREPARE p AS SELECT 'x' AS b, 2 AS c"]));
    batches.push(run.clone());
    batches.push(run.clone());
    batches.extend(simple(&["DEALLOCATE p"]));
    batches.push(run);
    same(&batches);
}
