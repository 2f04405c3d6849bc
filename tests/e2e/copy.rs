//! COPY FROM STDIN as a restricted person: every row that comes in is judged, and all come in or none.

use std::fs;

use rowgate::demo::DATABASE;

use crate::harness::wire::{
    Message, Wire, bind, errors, execute, frame, parse, query, shown, sync, value,
};
use crate::harness::{gateway, gateway_with, hire, server};

const VIOLATED: &str = "E 42501 new row violates row-level security policy for table \"contact\"";

fn alice() -> Wire {
    Wire::login(&gateway().login("alice"))
}

/// Sends COPY and its input, and reads up to ReadyForQuery.
fn copy(wire: &mut Wire, sql: &str, input: &[&[u8]]) -> Vec<Message> {
    wire.send(&query(sql));
    let first = wire.read().unwrap();
    if first.tag != b'G' {
        let mut messages = vec![first];
        messages.extend(wire.until_ready(1));
        return messages;
    }
    for part in input {
        wire.send(&frame(b'd', part));
    }
    wire.send(&frame(b'c', b""));
    wire.until_ready(1)
}

/// COPY's binary format: a signature, flags, no extension, then rows of fields with their lengths.
fn binary_rows(rows: &[&[&[u8]]]) -> Vec<u8> {
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        bytes.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
        for field in *row {
            bytes.extend(i32::try_from(field.len()).unwrap().to_be_bytes());
            bytes.extend(*field);
        }
    }
    bytes.extend((-1_i16).to_be_bytes());
    bytes
}

fn count(wire: &mut Wire) -> String {
    value(&wire.query("SELECT count(*) FROM crm.contact WHERE id >= 700000")).unwrap()
}

#[test]
fn a_row_of_somebody_else_comes_in_with_copy() {
    let mut alice = alice();
    let into = "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN";
    let own: &[u8] = b"700001\t1\t104\ta\n700002\t1\t104\tb\n";
    for (sql, foreign) in [
        (into.to_owned(), &b"700003\t1\t103\tc\n"[..]),
        // An owner that is not known is not alice.
        (into.to_owned(), &b"700003\t1\t\\N\tc\n"[..]),
        (format!("{into} WHERE name IS NOT NULL"), &b"700003\t1\t103\tc\n"[..]),
        // What the gateway adds stays a condition of its own.
        (format!("{into} WHERE true OR owner_id = 103"), &b"700003\t1\t103\tc\n"[..]),
        (format!("{into} WHERE id = 0 OR true -- "), &b"700003\t1\t103\tc\n"[..]),
    ] {
        alice.query("BEGIN");
        let answer = copy(&mut alice, &sql, &[own]);
        assert_eq!(shown(&answer), ["C COPY 2 ", "Z T"], "{sql}");
        assert_eq!(count(&mut alice), "2", "{sql}");
        alice.query("ROLLBACK");
        // Outside a transaction everything goes with the bad row, before and behind it.
        let answer = copy(&mut alice, &sql, &[own, foreign, b"700004\t1\t104\td\n"]);
        assert_eq!(shown(&answer), [VIOLATED, "Z I"], "{sql}");
        assert_eq!(answer[0].field(b'W'), None, "the context quotes the row: {sql}");
    }
    // A default makes the row another's: nobody's.
    let answer = copy(
        &mut alice,
        "COPY crm.contact (id, account_id, name) FROM STDIN",
        &[b"700005\t1\te\n"],
    );
    assert_eq!(shown(&answer), [VIOLATED, "Z I"]);
    let mut server = Wire::login(&server().login(DATABASE));
    assert_eq!(count(&mut server), "0");
}

#[test]
fn a_row_that_the_clients_condition_leaves_out_breaks_a_copy() {
    let mut alice = alice();
    alice.query("BEGIN");
    let answer = copy(
        &mut alice,
        "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN WHERE owner_id = 104 AND id > 700001",
        &[b"700001\t1\t104\ta\n700002\t1\t104\tb\n700003\t1\t103\tc\n700004\t1\t\\N\td\n"],
    );
    assert_eq!(shown(&answer), ["C COPY 1 ", "Z T"]);
    assert_eq!(count(&mut alice), "1");
    alice.query("ROLLBACK");
}

#[test]
fn the_format_or_the_protocol_of_a_copy_gets_around_its_check() {
    let mut alice = alice();
    let csv = "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN WITH (FORMAT csv, HEADER, NULL 'x')";
    let answer = copy(&mut alice, csv, &[b"id,account_id,owner_id,name\n700001,1,x,a\n"]);
    assert_eq!(shown(&answer), [VIOLATED, "Z I"]);
    let old = "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN DELIMITER ',' NULL 'y'";
    assert_eq!(shown(&copy(&mut alice, old, &[b"700001,1,103,a\n"])), [VIOLATED, "Z I"]);
    let row = |owner: i32| {
        let id = 700_001_i64.to_be_bytes();
        binary_rows(&[&[&id, &1_i64.to_be_bytes(), &owner.to_be_bytes(), b"a"]])
    };
    let binary = "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN (FORMAT binary)";
    assert_eq!(shown(&copy(&mut alice, binary, &[&row(103)])), [VIOLATED, "Z I"]);
    alice.query("BEGIN");
    assert_eq!(shown(&copy(&mut alice, binary, &[&row(104)])), ["C COPY 1 ", "Z T"]);
    alice.query("ROLLBACK");
    // The extended protocol: the input follows Execute.
    for (owner, expected) in [(103, VIOLATED), (104, "C COPY 1 ")] {
        alice.query("BEGIN");
        alice.send(&parse("", binary, &[]));
        alice.send(&bind("", "", &[], &[], &[]));
        alice.send(&execute("", 0));
        alice.send(&frame(b'd', &row(owner)));
        alice.send(&frame(b'c', b""));
        alice.send(&sync());
        let answer = shown(&alice.until_ready(1));
        assert!(answer.contains(&expected.to_owned()), "{answer:?}");
        alice.query("ROLLBACK");
    }
}

#[test]
fn a_copy_into_a_partition_a_trigger_or_a_hidden_column_is_not_judged() {
    let mut alice = alice();
    let activity = "(id, account_id, owner_id, kind, subject, occurred_at) FROM STDIN";
    let row = |owner: u32| format!("700001\t1\t{owner}\tcall\tx\t2020-01-01\n");
    for table in ["crm.activity", "crm.activity_other"] {
        let sql = format!("COPY {table} {activity}");
        let answer = copy(&mut alice, &sql, &[row(103).as_bytes()]);
        assert_eq!(errors(&answer), ["42501"], "{sql}: {:?}", shown(&answer));
        alice.query("BEGIN");
        let answer = copy(&mut alice, &sql, &[row(104).as_bytes()]);
        assert_eq!(shown(&answer), ["C COPY 1 ", "Z T"], "{sql}");
        alice.query("ROLLBACK");
    }
    for (sql, code) in [
        // A trigger fills in the department, and could change the owner.
        ("COPY crm.account (name, owner_id) FROM STDIN WHERE name <> 'x'", "0A000"),
        ("COPY crm.account (name, owner_id, internal_score) FROM STDIN", "42501"),
        ("COPY crm.account FROM STDIN", "42501"),
        ("COPY crm.product (name) FROM STDIN", "42501"),
        ("COPY crm.contact FROM '/etc/passwd'", "42501"),
        ("COPY crm.contact FROM PROGRAM 'id'", "42501"),
        ("COPY crm.contact (id, name) FROM STDIN (FREEZE)", "0A000"),
        ("COPY pg_catalog.pg_authid FROM STDIN", "42501"),
    ] {
        let answer = copy(&mut alice, sql, &[]);
        assert_eq!(errors(&answer), [code], "{sql}: {:?}", shown(&answer));
    }
}

#[test]
fn a_copy_that_is_given_up_or_malformed_ends_the_session() {
    let mut alice = alice();
    let into = "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN";
    alice.send(&query(into));
    assert_eq!(alice.read().unwrap().tag, b'G');
    alice.send(&frame(b'd', b"700001\t1\t104\ta\n"));
    alice.send(&frame(b'f', b"given up\0"));
    assert_eq!(errors(&alice.until_ready(1)), ["57014"]);
    assert_eq!(errors(&copy(&mut alice, into, &[b"not a number\t1\t104\ta\n"])), ["22P02"]);
    assert_eq!(errors(&copy(&mut alice, into, &[b"700001\n"])), ["22P04"]);
    // A duplicate tells of its own key at most.
    let answer = copy(&mut alice, into, &[b"1\t1\t104\ta\n"]);
    assert_eq!(errors(&answer), ["23505"]);
    assert_eq!(answer[0].field(b'D'), None);
    assert_eq!(count(&mut alice), "0");
}

/// Whose rows are judged by a sub-select.
const COPIER: &str = r#"
roles:
  copier:
    grants:
      - tables: [crm.contact]
        read: true
        create: { scope: all, where: "account_id in (select id from crm.account where owner_id = 104)" }
"#;

fn accounts(wire: &mut Wire) -> String {
    let known = "SELECT count(*) || ' ' || count(department_id) FROM crm.account WHERE name LIKE 'staged %'";
    value(&wire.query(known)).unwrap()
}

#[test]
fn a_row_that_a_trigger_changes_comes_in_unjudged_or_in_part() {
    let mut alice = alice();
    let into = "COPY crm.account (name, owner_id) FROM STDIN";
    let own: &[u8] = b"staged 1\t104\nstaged 2\t104\n";
    let violated = VIOLATED.replace("contact", "account");
    // In a transaction, twice, and again behind an error that a savepoint undoes.
    alice.query("BEGIN");
    assert_eq!(shown(&copy(&mut alice, into, &[own])), ["C COPY 2 ", "Z T"]);
    assert_eq!(accounts(&mut alice), "2 2");
    assert_eq!(shown(&copy(&mut alice, into, &[own])), ["C COPY 2 ", "Z T"]);
    alice.query("SAVEPOINT s");
    let answer = copy(&mut alice, into, &[own, b"staged 3\t103\n"]);
    assert_eq!(shown(&answer), [violated.clone(), "Z E".to_owned()]);
    alice.query("ROLLBACK TO s");
    assert_eq!(accounts(&mut alice), "4 4");
    assert_eq!(shown(&copy(&mut alice, into, &[own])), ["C COPY 2 ", "Z T"]);
    alice.query("ROLLBACK");
    // Alone it is a transaction of its own, which goes as a whole.
    for (input, expected) in [
        (&b"staged 3\t103\n"[..], violated.as_str()),
        (b"staged 3\t\\N\n", &violated),
        (b"staged 3\tx\n", "E 22P02"),
        (b"staged 3\n", "E 22P04"),
        (b"\\N\t104\n", "E 23502"),
    ] {
        let answer = copy(&mut alice, into, &[own, input]);
        assert_eq!(shown(&answer), [expected, "Z I"]);
        assert_eq!(accounts(&mut alice), "0 0");
    }
    // In the binary format, which names no types: what is staged has those of the table.
    let binary = format!("{into} (FORMAT binary)");
    let row = |owner: i32| binary_rows(&[&[b"staged 4", &owner.to_be_bytes()]]);
    alice.query("BEGIN");
    assert_eq!(shown(&copy(&mut alice, &binary, &[&row(104)])), ["C COPY 1 ", "Z T"]);
    assert_eq!(accounts(&mut alice), "1 1");
    alice.query("ROLLBACK");
    let two = binary_rows(&[
        &[b"staged 4", &104_i32.to_be_bytes()],
        &[b"staged 5", &103_i32.to_be_bytes()],
    ]);
    assert_eq!(shown(&copy(&mut alice, &binary, &[&two])), [violated.as_str(), "Z I"]);
    let long = binary_rows(&[&[b"staged 4", &104_i64.to_be_bytes()]]);
    assert_eq!(errors(&copy(&mut alice, &binary, &[&long])), ["22P03"]);
    assert_eq!(accounts(&mut alice), "0 0");
    alice.send(&query(into));
    assert_eq!(alice.read().unwrap().tag, b'G');
    alice.send(&frame(b'd', own));
    alice.send(&frame(b'f', b"given up\0"));
    assert_eq!(errors(&alice.until_ready(1)), ["57014"]);
    assert_eq!(accounts(&mut alice), "0 0");
    // Between others of its string.
    alice.send(&query(&format!("BEGIN; {into}; SELECT 7")));
    assert_eq!(alice.read().unwrap().tag, b'C');
    assert_eq!(alice.read().unwrap().tag, b'G');
    alice.send(&frame(b'd', own));
    alice.send(&frame(b'c', b""));
    let answer = shown(&alice.until_ready(1));
    assert_eq!(answer.first().map(String::as_str), Some("C COPY 2 "), "{answer:?}");
    assert!(
        answer.ends_with(&[
            "D [Some(\"7\")]".to_owned(),
            "C SELECT 1 ".to_owned(),
            "Z T".to_owned()
        ]),
        "{answer:?}"
    );
    alice.query("ROLLBACK");
    // What it came in by is not there, before, after or for anybody to name.
    for sql in ["SELECT * FROM pg_temp.rowgate_staging", "COPY pg_temp.rowgate_staging FROM STDIN"]
    {
        assert_eq!(errors(&copy(&mut alice, sql, &[])), ["42P01"], "{sql}");
    }
    alice.send(&parse("", into, &[]));
    alice.send(&sync());
    // With the plan of the simple protocol; the server takes one statement only here.
    assert_eq!(errors(&alice.until_ready(1)), ["42601"]);
    // It is kept when it is committed.
    assert_eq!(shown(&copy(&mut alice, into, &[own])), ["C COPY 2 ", "Z I"]);
    assert_eq!(accounts(&mut alice), "2 2");
    let mut henry = Wire::login(&gateway().login("henry"));
    henry.query("DELETE FROM crm.account WHERE name LIKE 'staged %'");
}

#[test]
fn a_row_that_a_sub_select_judges_comes_in_unjudged_or_in_part() {
    let gateway = gateway_with("copier", |folder| {
        hire(folder, &["login: copier, id: 9106, roles: [copier]"]);
        fs::write(folder.join("policies/copier.yaml"), COPIER).unwrap();
    });
    let mut copier = Wire::login(&gateway.login("copier"));
    let mut server = Wire::login(&server().login(DATABASE));
    let mut account = |owner: &str| {
        value(&server.query(&format!("SELECT min(id) FROM crm.account WHERE owner_id {owner}")))
            .unwrap()
    };
    let (own, foreign) = (account("= 104"), account("<> 104"));
    for (options, separator, header) in
        [("", "\t", ""), (" (FORMAT csv, HEADER)", ",", "id,account_id,name\n")]
    {
        let into = format!("COPY crm.contact (id, account_id, name) FROM STDIN{options}");
        let row = |id: u32, account: &str| {
            format!("{header}{id}{separator}{account}{separator}somebody\n").into_bytes()
        };
        copier.query("BEGIN");
        assert_eq!(shown(&copy(&mut copier, &into, &[&row(700_011, &own)])), ["C COPY 1 ", "Z T"]);
        assert_eq!(count(&mut copier), "1");
        copier.query("ROLLBACK");
        let more = row(700_012, &foreign);
        let more = &more[header.len()..];
        let answer = copy(&mut copier, &into, &[&row(700_011, &own), more]);
        assert_eq!(shown(&answer), [VIOLATED, "Z I"]);
        let answer =
            copy(&mut copier, &into, &[&row(700_011, &own), &row(700_011, &own)[header.len()..]]);
        assert_eq!(errors(&answer), ["23505"]);
        assert_eq!(count(&mut copier), "0");
    }
    // The client's own condition chooses before anything is judged.
    let all = |id: u32, account: &str, name: &str| {
        format!("{id}\t{account}\t104\t{name}\t\\N\t\\N\t\\N\t\\N\t{{}}\t2026-01-01\n").into_bytes()
    };
    let chosen = "COPY crm.contact FROM STDIN WHERE contact.name = 'a' OR name = 'b' -- ";
    copier.query("BEGIN");
    let rows = [all(700_011, &own, "a"), all(700_012, &foreign, "c"), all(700_013, &own, "b")];
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    assert_eq!(shown(&copy(&mut copier, chosen, &rows)), ["C COPY 2 ", "Z T"]);
    copier.query("ROLLBACK");
    let answer =
        copy(&mut copier, chosen, &[&all(700_011, &own, "a"), &all(700_012, &foreign, "b")]);
    assert_eq!(shown(&answer), [VIOLATED, "Z I"]);
    assert_eq!(count(&mut copier), "0");
}
