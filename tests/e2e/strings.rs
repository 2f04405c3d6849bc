//! Several statements in one query string, prepared statements of SQL, cursors: what one statement
//! leaves to the next.

use crate::harness::gateway;
use crate::harness::wire::{Message, Wire, errors, query, shown, value};

fn login(user: &str) -> Wire {
    Wire::login(&gateway().login(user))
}

fn one(wire: &mut Wire, sql: &str) -> String {
    let answer = wire.query(sql);
    value(&answer).unwrap_or_else(|| panic!("{sql}: {:?}", shown(&answer)))
}

fn runs(wire: &mut Wire, sql: &str) -> Vec<Message> {
    let answer = wire.query(sql);
    assert_eq!(errors(&answer), [""; 0], "{sql}: {:?}", shown(&answer));
    answer
}

fn refused(wire: &mut Wire, sql: &str, code: &str) {
    let answer = wire.query(sql);
    assert_eq!(errors(&answer), [code], "{sql}: {:?}", shown(&answer));
}

#[test]
fn a_string_of_statements_is_bound_where_it_was_and_not_where_it_will_be() {
    let mut alice = login("alice");
    let visible = one(&mut alice, "SELECT count(*) FROM crm.account");
    for (sql, expected) in [
        ("SET search_path TO crm; SELECT count(*) FROM account", visible.as_str()),
        ("SET extra_float_digits = 3; SET application_name = 'x'; SELECT 7", "7"),
        (
            "BEGIN; SET LOCAL search_path = crm, public; SELECT count(*) FROM account; COMMIT",
            &visible,
        ),
        (
            "BEGIN; SET LOCAL statement_timeout = 5000; SELECT count(*) FROM crm.account; COMMIT",
            &visible,
        ),
        (
            "SET SCHEMA 'crm'; SELECT count(*) FROM account; RESET search_path; SHOW datestyle",
            &visible,
        ),
        ("DISCARD PLANS; DISCARD SEQUENCES; SELECT count(*) FROM crm.account", &visible),
        (
            "DROP TABLE IF EXISTS x; CREATE TEMP TABLE x AS SELECT count(*) AS n FROM crm.account",
            "",
        ),
        ("DROP TABLE IF EXISTS x; CREATE TEMP TABLE x AS SELECT 1 AS n", ""),
    ] {
        let answer = alice.query(sql);
        assert_eq!(errors(&answer), [""; 0], "{sql}: {:?}", shown(&answer));
        if !expected.is_empty() {
            assert_eq!(value(&answer).as_deref(), Some(expected), "{sql}");
        }
        runs(&mut alice, "RESET search_path");
    }
    // The whole string is undone, the setting too.
    let answer = alice.query("SET search_path TO crm; SELECT 1 / 0");
    assert_eq!(errors(&answer), ["22012"]);
    refused(&mut alice, "SELECT count(*) FROM account", "42P01");
    // What only the server will know stays out of one string.
    for sql in [
        "RESET search_path; SELECT count(*) FROM crm.account",
        "RESET ALL; SELECT count(*) FROM crm.account",
        "SET search_path TO crm; ROLLBACK; SELECT count(*) FROM account",
        "BEGIN; SET LOCAL search_path TO crm; COMMIT; SELECT count(*) FROM account",
        "CREATE TEMP TABLE fresh AS SELECT 1 AS a; SELECT * FROM fresh",
        "DISCARD TEMP; SELECT count(*) FROM crm.account",
    ] {
        refused(&mut alice, sql, "0A000");
    }
    // A temporary table that a string drops is not found by the rest of it.
    runs(&mut alice, "CREATE TEMP TABLE gone AS SELECT 1 AS a");
    refused(&mut alice, "DROP TABLE gone; SELECT count(*) FROM gone", "42P01");
    assert_eq!(one(&mut alice, "SELECT a FROM gone"), "1");
    let again = "DROP TABLE IF EXISTS gone; CREATE TEMP TABLE gone AS SELECT 2 AS a";
    runs(&mut alice, again);
    assert_eq!(one(&mut alice, "SELECT a FROM gone"), "2");
    refused(&mut alice, "SET search_path TO nowhere; SELECT count(*) FROM account", "42P01");
}

#[test]
fn a_statement_prepared_inside_a_string_is_lost_or_runs_the_string_again() {
    let mut alice = login("alice");
    let visible = one(&mut alice, "SELECT count(*) FROM crm.contact");
    let sql = "PREPARE p (int) AS SELECT count(*) FROM crm.contact WHERE id > $1; EXECUTE p (0); DEALLOCATE p";
    assert_eq!(one(&mut alice, sql), visible);
    refused(&mut alice, "EXECUTE p (0)", "26000");
    // Parameter types are inferred; arguments are expressions.
    runs(
        &mut alice,
        "BEGIN; SELECT 1; PREPARE p AS SELECT count(*) FROM crm.contact WHERE id > $1; COMMIT",
    );
    assert_eq!(one(&mut alice, "BEGIN; EXECUTE p (1 - abs(-1)); COMMIT"), visible);
    assert_eq!(one(&mut alice, "EXECUTE p ('0')"), visible);
    // Prepared again where names mean something else, alone: nothing else of its string runs.
    runs(&mut alice, "CREATE TEMP TABLE log (a int)");
    runs(&mut alice, "INSERT INTO log VALUES (1); PREPARE q AS SELECT count(*) FROM log");
    runs(&mut alice, "SET search_path TO crm");
    assert_eq!(one(&mut alice, "EXECUTE q"), "1");
    assert_eq!(one(&mut alice, "EXECUTE q"), "1");
    refused(&mut alice, "SET search_path TO public; EXECUTE q", "0A000");
    refused(&mut alice, "DISCARD ALL; SELECT 1", "0A000");
    runs(&mut alice, "DEALLOCATE ALL; SELECT 1");
    refused(&mut alice, "EXECUTE q", "26000");
    // A failure behind it takes nothing back, as in PostgreSQL.
    refused(&mut alice, "PREPARE r AS SELECT 1; SELECT 1 / 0", "22012");
    assert_eq!(one(&mut alice, "EXECUTE r"), "1");
}

#[test]
fn an_explained_execute_shows_the_rules_or_runs_another_statement() {
    let mut alice = login("alice");
    runs(&mut alice, "PREPARE p AS SELECT id FROM crm.account WHERE id = $1");
    for sql in [
        "EXPLAIN EXECUTE p (5)",
        "EXPLAIN (COSTS OFF, VERBOSE) EXECUTE p (5)",
        "EXPLAIN VERBOSE EXECUTE p (5)",
    ] {
        let answer = runs(&mut alice, sql);
        let plan: Vec<String> = answer
            .iter()
            .filter(|message| message.tag == b'D')
            .flat_map(|row| row.values().into_iter().flatten())
            .collect();
        assert!(plan.iter().any(|line| line.contains("account")), "{plan:?}");
        assert!(
            plan.iter().all(|line| {
                (!line.contains("owner_id") || line.contains("Index")) && !line.contains("cost=")
            }),
            "{plan:?}"
        );
    }
    for (format, oid) in [("json", 114_u32), ("YAML", 25), ("xml", 142)] {
        for of in ["EXECUTE p (5)", "SELECT id FROM crm.account WHERE note = 'x' ORDER BY phone"] {
            let sql =
                format!("EXPLAIN (FORMAT {format}, VERBOSE, BUFFERS off, ANALYZE false) {of}");
            let answer = runs(&mut alice, &sql);
            let row = answer.iter().find(|message| message.tag == b'D').unwrap();
            // Behind the count and the length.
            let plan = String::from_utf8(row.body[6..].to_vec()).unwrap();
            assert!(!plan.chars().any(|c| c.is_control() && c != '\n'), "{plan:?}");
            let hidden = ["owner_id", "104", "cost", "Cost", "Rows", "Width"];
            assert!(plan.contains("account"), "{plan}");
            // An index that the rules use is shown by its name.
            let mut shown = plan.lines().filter(|line| !line.contains("Index"));
            assert!(shown.all(|line| !hidden.iter().any(|text| line.contains(text))), "{plan}");
            let described = answer.iter().find(|message| message.tag == b'T').unwrap();
            assert!(described.body.windows(4).any(|four| four == oid.to_be_bytes()), "{format}");
        }
        refused(&mut alice, &format!("EXPLAIN (ANALYZE, FORMAT {format}) SELECT 1"), "42501");
    }
    refused(&mut alice, "EXPLAIN ANALYZE EXECUTE p (5)", "42501");
    refused(&mut alice, "EXPLAIN EXECUTE never (5)", "26000");
    for sql in ["EXPLAIN EXECUTE rowgate_1", "EXECUTE rowgate_q1_1"] {
        refused(&mut alice, sql, "26000");
    }
}

#[test]
fn a_cursor_shows_more_than_its_query_whichever_way_it_is_read() {
    let mut alice = login("alice");
    let ids = |messages: &[Message]| -> Vec<String> {
        let rows = messages.iter().filter(|message| message.tag == b'D');
        rows.flat_map(|row| row.values().into_iter().flatten()).collect()
    };
    let all = ids(&runs(&mut alice, "SELECT id FROM crm.account ORDER BY id"));
    assert!(all.len() > 3);
    runs(&mut alice, "BEGIN");
    runs(&mut alice, "DECLARE c SCROLL CURSOR FOR SELECT id FROM crm.account ORDER BY id");
    assert_eq!(ids(&runs(&mut alice, "FETCH ALL FROM c")), all);
    let last = all.len() - 1;
    for (sql, expected) in [
        ("FETCH FIRST FROM c", vec![&all[0]]),
        ("FETCH NEXT IN c", vec![&all[1]]),
        ("FETCH PRIOR FROM c", vec![&all[0]]),
        ("FETCH LAST c", vec![&all[last]]),
        ("FETCH ABSOLUTE 2 FROM c", vec![&all[1]]),
        ("FETCH RELATIVE -1 FROM c", vec![&all[0]]),
        ("MOVE FORWARD ALL IN c", vec![]),
        ("FETCH BACKWARD 2 FROM c", vec![&all[last], &all[last - 1]]),
        ("MOVE ABSOLUTE 0 FROM c", vec![]),
        ("FETCH 2 FROM c", vec![&all[0], &all[1]]),
        ("MOVE BACKWARD ALL FROM c", vec![]),
        ("FETCH c", vec![&all[0]]),
        ("FETCH NEXT FROM \"c\"", vec![&all[1]]),
    ] {
        assert_eq!(ids(&runs(&mut alice, sql)).iter().collect::<Vec<_>>(), expected, "{sql}");
    }
    runs(
        &mut alice,
        "DECLARE h BINARY NO SCROLL CURSOR WITH HOLD FOR SELECT id::int4 FROM crm.account ORDER BY id",
    );
    runs(&mut alice, "COMMIT");
    refused(&mut alice, "FETCH NEXT FROM c", "34000");
    // Binary: four bytes.
    alice.send(&query("FETCH NEXT FROM h"));
    let answer = alice.until_ready(1);
    let row = answer.iter().find(|message| message.tag == b'D').unwrap();
    assert_eq!(
        row.body,
        [&[0, 1, 0, 0, 0, 4][..], &all[0].parse::<i32>().unwrap().to_be_bytes()].concat()
    );
    refused(&mut alice, "FETCH BACKWARD ALL FROM h", "55000");
    runs(&mut alice, "CLOSE ALL");
    refused(&mut alice, "FETCH NEXT FROM h", "34000");
    // An error on the way tells no value.
    runs(&mut alice, "BEGIN");
    runs(&mut alice, "DECLARE e CURSOR FOR SELECT name::int FROM crm.account");
    let answer = alice.query("FETCH ALL FROM e");
    assert_eq!(errors(&answer), ["22P02"]);
    assert!(shown(&answer).iter().all(|line| !line.contains('"')), "{:?}", shown(&answer));
    runs(&mut alice, "ROLLBACK");
    for sql in [
        "DECLARE x CURSOR FOR SELECT total FROM crm.ledger",
        "DECLARE x CURSOR WITH HOLD FOR SELECT internal_score FROM crm.account",
    ] {
        assert_ne!(errors(&alice.query(sql)), [""; 0], "{sql}");
    }
}
