//! Temporary tables of a restricted person: made from what the person may read, used like any
//! table, never in the way of the rules, and gone with the session.

use rowgate::demo::DATABASE;

use crate::harness::wire::{
    Message, Wire, bind, errors, execute, frame, parse, query, shown, sync, value,
};
use crate::harness::{gateway, server};

fn login(user: &str) -> Wire {
    Wire::login(&gateway().login(user))
}

fn one(wire: &mut Wire, sql: &str) -> String {
    let answer = wire.query(sql);
    value(&answer).unwrap_or_else(|| panic!("{sql}: {:?}", shown(&answer)))
}

fn runs(wire: &mut Wire, sql: &str) {
    let answer = wire.query(sql);
    assert_eq!(errors(&answer), [""; 0], "{sql}: {:?}", shown(&answer));
}

fn refused(wire: &mut Wire, sql: &str, code: &str) -> Vec<Message> {
    let answer = wire.query(sql);
    assert_eq!(errors(&answer), [code], "{sql}: {:?}", shown(&answer));
    answer
}

#[test]
fn a_temporary_table_holds_rows_and_values_that_its_maker_may_not_read() {
    let mut alice = login("alice");
    let direct = |wire: &mut Wire, of: &str| {
        one(wire, &format!("SELECT count(*) || ' ' || max(phone) || ' ' || min(phone) FROM {of}"))
    };
    let visible = direct(&mut alice, "crm.account");
    for made in [
        "CREATE TEMP TABLE mine AS SELECT * FROM crm.account",
        "CREATE TEMPORARY TABLE IF NOT EXISTS mine ON COMMIT PRESERVE ROWS AS TABLE crm.account WITH DATA",
        "CREATE LOCAL TEMP TABLE mine AS (SELECT * FROM crm.account)",
        "CREATE TABLE pg_temp.mine AS SELECT * FROM crm.account",
        "SELECT * INTO TEMP mine FROM crm.account",
        "SELECT * INTO TEMPORARY TABLE mine FROM crm.account",
    ] {
        runs(&mut alice, made);
        for name in ["mine", "pg_temp.mine", "\"mine\" AS m"] {
            assert_eq!(direct(&mut alice, name), visible, "{made}: {name}");
        }
        runs(&mut alice, "DROP TABLE mine");
    }
    // Denied columns are not in it, and a protected table stays what it is beside it.
    runs(&mut alice, "CREATE TEMP TABLE mine AS SELECT * FROM crm.account");
    refused(&mut alice, "SELECT internal_score FROM mine", "42703");
    refused(
        &mut alice,
        "CREATE TEMP TABLE more AS SELECT internal_score FROM crm.account",
        "42703",
    );
    refused(&mut alice, "CREATE TEMP TABLE more AS SELECT * FROM pg_catalog.pg_authid", "42501");
    let joined = "SELECT count(*) FROM mine m JOIN crm.account a USING (id)";
    let own = one(&mut alice, "SELECT count(*) FROM crm.account");
    assert_eq!(one(&mut alice, joined), own);
    // What was read does not leave as an export.
    refused(&mut alice, "COPY mine TO STDOUT", "42501");
    refused(&mut alice, "COPY (SELECT * FROM mine) TO STDOUT", "42501");
}

#[test]
fn a_temporary_table_cannot_be_used_like_any_other() {
    let mut alice = login("alice");
    runs(
        &mut alice,
        "CREATE TEMP TABLE staged (id serial PRIMARY KEY, name text NOT NULL DEFAULT upper('x'), amount \
         numeric(10,2), tags text[], at timestamptz DEFAULT now(), UNIQUE (name))",
    );
    runs(&mut alice, "INSERT INTO staged (name, amount) VALUES ('a', 1.5), ('b', 2), ('c', 3)");
    runs(
        &mut alice,
        "INSERT INTO staged (name) SELECT DISTINCT name FROM crm.contact ON CONFLICT DO NOTHING",
    );
    runs(&mut alice, "UPDATE staged SET amount = amount * 2 WHERE name = 'a'");
    runs(&mut alice, "DELETE FROM staged WHERE name = 'b'");
    runs(&mut alice, "CREATE INDEX staged_amount ON staged (amount DESC)");
    assert_eq!(one(&mut alice, "SELECT sum(amount) FROM staged"), "6.00");
    assert_eq!(
        one(&mut alice, "UPDATE staged SET amount = 4 WHERE name = 'c' RETURNING amount"),
        "4.00"
    );
    refused(&mut alice, "INSERT INTO staged (name) VALUES ('a')", "23505");
    alice.send(&query("COPY staged (name, amount) FROM STDIN"));
    assert_eq!(alice.read().unwrap().tag, b'G');
    alice.send(&frame(b'd', b"d\t7\n"));
    alice.send(&frame(b'c', b""));
    assert_eq!(errors(&alice.until_ready(1)), [""; 0]);
    runs(&mut alice, "TRUNCATE staged");
    assert_eq!(one(&mut alice, "SELECT count(*) FROM staged"), "0");
    // The extended protocol, with the client's and the gateway's parameters.
    alice.send(&parse(
        "make",
        "CREATE TEMP TABLE few AS SELECT id FROM crm.contact WHERE id > $1",
        &[],
    ));
    alice.send(&bind("", "make", &[], &[Some(b"0")], &[]));
    alice.send(&execute("", 0));
    alice.send(&parse("read", "SELECT count(*) FROM few", &[]));
    alice.send(&bind("", "read", &[], &[], &[]));
    alice.send(&execute("", 0));
    alice.send(&sync());
    let answer = alice.until_ready(1);
    assert_eq!(errors(&answer), [""; 0], "{:?}", shown(&answer));
    assert_eq!(value(&answer).unwrap(), one(&mut alice, "SELECT count(*) FROM crm.contact"));
    runs(&mut alice, "DROP TABLE IF EXISTS staged, few, never_was CASCADE");
    refused(&mut alice, "SELECT * FROM few", "42P01");
    refused(&mut alice, "DROP TABLE few", "42P01");
}

#[test]
fn a_temporary_table_outlives_its_transaction_or_its_session() {
    let mut alice = login("alice");
    runs(&mut alice, "BEGIN");
    runs(&mut alice, "CREATE TEMP TABLE short (a int) ON COMMIT DROP");
    runs(&mut alice, "CREATE TEMP TABLE emptied (a int) ON COMMIT DELETE ROWS");
    runs(&mut alice, "INSERT INTO short VALUES (1)");
    runs(&mut alice, "INSERT INTO emptied VALUES (1)");
    assert_eq!(one(&mut alice, "SELECT count(*) FROM short, emptied"), "1");
    runs(&mut alice, "COMMIT");
    refused(&mut alice, "SELECT * FROM short", "42P01");
    assert_eq!(one(&mut alice, "SELECT count(*) FROM emptied"), "0");
    // Undone, as a whole or to a savepoint.
    runs(&mut alice, "BEGIN");
    runs(&mut alice, "SAVEPOINT s");
    runs(&mut alice, "CREATE TEMP TABLE undone AS SELECT 1 AS a");
    assert_eq!(one(&mut alice, "SELECT a FROM undone"), "1");
    runs(&mut alice, "ROLLBACK TO s");
    refused(&mut alice, "SELECT a FROM undone", "42P01");
    runs(&mut alice, "ROLLBACK");
    for discard in ["DISCARD TEMP", "DISCARD ALL"] {
        runs(&mut alice, "CREATE TEMP TABLE kept AS SELECT 1 AS a");
        assert_eq!(one(&mut alice, "SELECT a FROM kept"), "1");
        runs(&mut alice, discard);
        refused(&mut alice, "SELECT a FROM kept", "42P01");
    }
    runs(&mut alice, "CREATE TEMP TABLE kept AS SELECT 1 AS a");
    drop(alice);
    for _ in 0..3 {
        refused(&mut login("carol"), "SELECT a FROM kept", "42P01");
        refused(&mut login("carol"), "SELECT a FROM pg_temp.kept", "42P01");
    }
}

#[test]
fn a_temporary_table_hides_something_of_the_database() {
    let mut alice = login("alice");
    for path in ["public", "crm, pg_temp", "pg_temp, crm"] {
        runs(&mut alice, &format!("SET search_path TO {path}"));
        for sql in [
            // A trigger that names the table without its schema would find hers.
            "CREATE TEMP TABLE account (id int, phone text, internal_score int)",
            "CREATE TEMP TABLE pg_class AS SELECT 1 AS oid",
            "SELECT 1 AS a INTO TEMP department",
            "CREATE TABLE pg_temp.account AS SELECT * FROM crm.account",
            "CREATE TEMP TABLE text (a int)",
            "CREATE TEMP TABLE int4 AS SELECT 1 AS a",
            "SELECT 1 AS a INTO TEMP \"_text\"",
            "CREATE TEMP TABLE rowgate_row (a int)",
            "CREATE TEMP TABLE t (a regclass)",
            "CREATE TEMP TABLE t (a crm.account)",
        ] {
            refused(&mut alice, sql, "0A000");
        }
    }
    // Names differ by case.
    runs(&mut alice, "CREATE TEMP TABLE \"Account\" AS SELECT 1 AS a");
    assert_eq!(one(&mut alice, "SELECT a FROM \"Account\""), "1");
    runs(&mut alice, "SET search_path TO crm");
    for sql in ["DROP TABLE account", "TRUNCATE account", "CREATE INDEX ON account (phone)"] {
        refused(&mut alice, sql, "42501");
    }
}

#[test]
fn a_definition_reaches_the_database_itself() {
    let mut alice = login("alice");
    for sql in [
        "CREATE TABLE crm.t (a int)",
        "CREATE TABLE t AS SELECT 1 AS a",
        "CREATE UNLOGGED TABLE t (a int)",
        "CREATE TEMP TABLE t (LIKE crm.account)",
        "CREATE TEMP TABLE t () INHERITS (crm.account)",
        "CREATE TEMP TABLE t PARTITION OF crm.activity DEFAULT",
        "CREATE TEMP TABLE t OF crm.account",
        "CREATE TEMP TABLE t (a int CHECK (a > (SELECT count(*) FROM crm.account)))",
        "CREATE TEMP TABLE t (a int REFERENCES crm.account)",
        "CREATE TEMP TABLE t (a int) TABLESPACE pg_default",
        "CREATE TEMP VIEW t AS SELECT * FROM crm.account",
        "CREATE TEMP SEQUENCE t",
        "CREATE MATERIALIZED VIEW t AS SELECT 1 AS a",
        "REFRESH MATERIALIZED VIEW crm.sales_by_month",
        "DROP TABLE crm.account",
        "DROP TABLE IF EXISTS crm.account",
        "DROP VIEW crm.account",
        "TRUNCATE crm.contact",
        "TRUNCATE ONLY crm.contact CASCADE",
        "CREATE INDEX ON crm.contact (name)",
        "CREATE INDEX ON crm.contact ((1 / owner_id))",
        "ALTER TABLE crm.contact ADD x int",
    ] {
        refused(&mut alice, sql, "42501");
    }
    for (sql, code) in [
        ("CREATE TEMP TABLE crm.t (a int)", "42P16"),
        ("SELECT 1 AS a INTO t", "0A000"),
        ("CREATE TEMP TABLE t (a int DEFAULT pg_read_file('x'))", "42501"),
        ("CREATE TEMP TABLE t (a int DEFAULT (SELECT count(*) FROM crm.account))", "0A000"),
        (
            "CREATE TEMP TABLE t AS WITH d AS (UPDATE crm.contact SET name = 'x' RETURNING id) SELECT * FROM d",
            "0A000",
        ),
    ] {
        refused(&mut alice, sql, code);
    }
    let mut server = Wire::login(&server().login(DATABASE));
    assert_eq!(one(&mut server, "SELECT count(*) FROM pg_class WHERE relname IN ('t', 'p')"), "0");
}
