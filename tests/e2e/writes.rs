//! Writes whose rows are looked at before they are changed: ON CONFLICT, MERGE, WITH and CURRENT OF
//! answer message for message as on a database that holds nothing but alice's rows, and meet nobody
//! else's.

use crate::harness::gateway;
use crate::harness::wire::{
    Wire, bind, describe_portal, describe_statement, execute, parse, query, shown, sync, value,
};
use crate::semantics::{Batch, same};

const INT8: u32 = 20;
const TEXT: u32 = 25;

fn undone(batches: &mut Vec<Batch>, batch: Batch) {
    batches.push(vec![query("BEGIN")]);
    batches.push(batch);
    batches.push(vec![query("ROLLBACK")]);
}

#[test]
fn a_write_in_another_form_answers_otherwise() {
    let new = "INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) VALUES";
    let mut batches: Vec<Batch> = Vec::new();
    for sql in [
        format!("{new} (990001, 1, 104, 'x', '2026-01-01') ON CONFLICT DO NOTHING"),
        format!("{new} (990001, 1, 104, 'x', '2026-01-01') ON CONFLICT (id) DO UPDATE SET body = excluded.body"),
        format!(
            "{new} (990001, 1, 104, 'x', '2026-01-01'), (990002, 1, 104, 'y', '2026-01-01') ON CONFLICT (id) \
             DO UPDATE SET body = remark.body || excluded.body RETURNING id, body"
        ),
        format!("WITH i AS ({new} (990001, 1, 104, 'x', '2026-01-01') RETURNING *) SELECT * FROM i"),
        format!("WITH i AS ({new} (990001, 1, 104, 'x', '2026-01-01') RETURNING id, body AS b) TABLE i"),
        format!("WITH i AS ({new} (990001, 1, 104, 'x', '2026-01-01')) SELECT 1 AS one"),
        "WITH u AS (UPDATE crm.account SET note = 'n' WHERE id IN (1, 3) RETURNING id, phone, note) \
         SELECT * FROM u ORDER BY id"
            .to_owned(),
        "WITH u AS (UPDATE crm.account SET note = 'n' WHERE id = 1 RETURNING id) \
         UPDATE crm.contact SET title = 't' FROM u WHERE account_id = u.id AND owner_id = 104"
            .to_owned(),
        "MERGE INTO crm.remark r USING (VALUES (990001, 1)) AS s(id, account) ON r.id = s.id \
         WHEN MATCHED THEN UPDATE SET body = 'm' \
         WHEN NOT MATCHED THEN INSERT (id, account_id, owner_id, body, written_on) \
         VALUES (s.id, s.account, 104, 'new', '2026-01-01')"
            .to_owned(),
    ] {
        undone(&mut batches, vec![query(&sql)]);
        undone(
            &mut batches,
            vec![
                parse("", &sql, &[]),
                describe_statement(""),
                bind("", "", &[], &[], &[]),
                describe_portal(""),
                execute("", 0),
                sync(),
            ],
        );
    }
    same(&batches);
}

#[test]
fn parameters_of_a_write_in_another_form_move() {
    let mut batches: Vec<Batch> = Vec::new();
    for (sql, types) in [
        (
            "INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) VALUES ($1, 1, 104, $2, '2026-01-01') \
             ON CONFLICT (id) DO UPDATE SET body = $2 WHERE crm.remark.id = $1 RETURNING id, body",
            &[][..],
        ),
        (
            "MERGE INTO crm.remark r USING (SELECT $1::bigint AS id) s ON r.id = s.id \
             WHEN MATCHED AND r.body <> $2 THEN UPDATE SET body = $2 \
             WHEN NOT MATCHED THEN INSERT (id, account_id, owner_id, body, written_on) VALUES (s.id, 1, 104, $2, '2026-01-01')",
            &[INT8, TEXT][..],
        ),
        (
            "WITH i AS (INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) \
             VALUES ($1, 1, 104, $2, '2026-01-01') RETURNING id, body) SELECT id, body || $2 FROM i WHERE id = $1",
            &[][..],
        ),
    ] {
        undone(
            &mut batches,
            vec![
                parse("w", sql, types),
                describe_statement("w"),
                bind("", "w", &[], &[Some(b"990001"), Some(b"text")], &[]),
                describe_portal(""),
                execute("", 0),
                bind("", "w", &[], &[Some(b"990001"), Some(b"more")], &[1]),
                execute("", 0),
                sync(),
            ],
        );
        batches.push(vec![query("DEALLOCATE ALL")]);
    }
    same(&batches);
}

#[test]
fn a_cursors_row_is_not_the_one_that_is_changed() {
    let mut batches: Vec<Batch> = Vec::new();
    for change in [
        "UPDATE crm.remark SET body = 'current' WHERE CURRENT OF c",
        "UPDATE crm.remark SET body = 'current' WHERE CURRENT OF c RETURNING id, body",
    ] {
        batches.push(vec![query("BEGIN")]);
        for sql in [
            "DECLARE c CURSOR FOR SELECT id, body FROM crm.remark ORDER BY id FOR UPDATE",
            "FETCH 2 FROM c",
            change,
            "FETCH 1 FROM c",
            "SELECT count(*) FROM crm.remark WHERE body = 'current'",
            "UPDATE crm.remark SET body = 'current' WHERE CURRENT OF nobodys",
        ] {
            batches.push(vec![query(sql)]);
        }
        batches.push(vec![query("ROLLBACK")]);
    }
    same(&batches);
}

#[test]
fn a_conflict_or_a_match_reaches_somebody_elses_row() {
    let mut alice = Wire::login(&gateway().login("alice"));
    let mut henry = Wire::login(&gateway().login("henry"));
    let found = henry.query("SELECT min(id) FROM crm.remark WHERE owner_id = 103");
    let id = value(&found).unwrap();
    let before = shown(&henry.query(&format!("SELECT * FROM crm.remark WHERE id = {id}")));
    let new = format!(
        "INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) VALUES ({id}, 1,"
    );
    let told = |what: &str| vec![format!("E 42501 {what} for table \"remark\""), "Z I".to_owned()];
    let using = "new row violates row-level security policy (USING expression)";
    for sql in [
        format!("{new} 104, 'mine', '2026-01-01') ON CONFLICT (id) DO UPDATE SET body = 'mine'"),
        format!(
            "{new} 104, 'mine', '2026-01-01') ON CONFLICT (id) DO UPDATE SET owner_id = 104 RETURNING *"
        ),
        format!(
            "{new} 104, 'mine', '2026-01-01') ON CONFLICT (id) DO UPDATE SET body = 'mine' WHERE false"
        ),
        format!(
            "{new} 104, 'mine', '2026-01-01') ON CONFLICT (id) DO UPDATE SET body = 'mine' \
             WHERE 1 / length(remark.body) = 7"
        ),
        format!(
            "WITH i AS ({new} 104, 'mine', '2026-01-01') ON CONFLICT (id) DO UPDATE SET body = 'mine' \
             RETURNING body) SELECT 1"
        ),
    ] {
        let answer = shown(&alice.query(&sql));
        let gives_away = sql.contains("SET owner_id");
        let expected = if gives_away { "permission denied" } else { using };
        assert!(answer[0].starts_with(&format!("E 42501 {expected}")), "{sql}: {answer:?}");
    }
    let sql =
        format!("{new} 103, 'his', '2026-01-01') ON CONFLICT (id) DO UPDATE SET body = 'mine'");
    assert_eq!(shown(&alice.query(&sql)), told("new row violates row-level security policy"));
    let sql = format!("{new} 104, 'mine', '2026-01-01') ON CONFLICT (id) DO NOTHING RETURNING *");
    assert_eq!(shown(&alice.query(&sql)).last().map(String::as_str), Some("Z I"));
    // What alice does not see is not matched; inserting it meets the key.
    let merge = format!("MERGE INTO crm.remark r USING (VALUES ({id})) AS s(id) ON r.id = s.id");
    let answer = alice.query(&format!("{merge} WHEN MATCHED THEN UPDATE SET body = 'mine'"));
    assert_eq!(shown(&answer), ["C MERGE 0 ", "Z I"]);
    let answer = alice.query(&format!(
        "{merge} WHEN NOT MATCHED THEN INSERT (id, account_id, owner_id, body, written_on) \
         VALUES (s.id, 1, 104, 'mine', '2026-01-01')"
    ));
    assert!(shown(&answer)[0].starts_with("E 23505"), "{:?}", shown(&answer));
    let answer = alice.query(&format!(
        "{merge} WHEN NOT MATCHED THEN INSERT (id, account_id, owner_id, body, written_on) \
         VALUES (s.id, 1, 103, 'his', '2026-01-01')"
    ));
    // From PostgreSQL 17 on the row is judged as it is stored, and the key comes first.
    let version = value(&henry.query("SHOW server_version_num")).unwrap();
    let answer = shown(&answer);
    if version.parse::<u32>().unwrap() >= 170_000 {
        assert!(answer[0].starts_with("E 23505"), "{answer:?}");
    } else {
        assert_eq!(answer, told("new row violates row-level security policy"));
    }
    let after = shown(&henry.query(&format!("SELECT * FROM crm.remark WHERE id = {id}")));
    assert_eq!(before, after);
}

#[test]
fn a_write_in_with_is_undone_with_its_statement_and_names_its_own_table() {
    let mut alice = Wire::login(&gateway().login("alice"));
    let answer = alice.query(
        "WITH a AS (UPDATE crm.account SET note = 'with' WHERE id = 1 RETURNING id), \
         r AS (INSERT INTO crm.remark (id, account_id, owner_id, body, written_on) VALUES (990009, 1, 103, 'x', '2026-01-01') \
         RETURNING id) SELECT * FROM a",
    );
    let message = "new row violates row-level security policy for table \"remark\"";
    assert_eq!(shown(&answer).last().map(String::as_str), Some("Z I"));
    assert!(shown(&answer).contains(&format!("E 42501 {message}")), "{:?}", shown(&answer));
    let count = alice.query("SELECT count(*) FROM crm.account WHERE note = 'with'");
    assert_eq!(value(&count).as_deref(), Some("0"));
}
