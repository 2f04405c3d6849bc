//! Message for message: a restricted person's conversation is the one a direct connection would have
//! with a database that holds nothing but this person's rows.

use std::fmt::Write as _;

use crate::harness::wire::{
    Message, Wire, bind, close_portal, close_statement, describe_portal, describe_statement,
    errors, execute, flush, parse, query, shown, sync, value,
};
use crate::harness::{SEEN_BY_ALICE, gateway, server};

const INT4: u32 = 23;
const INT8: u32 = 20;
const TEXT: u32 = 25;

/// A message for each batch, and how many messages answer when it ends in neither Sync nor Query.
pub(crate) type Batch = Vec<Vec<u8>>;

/// Both connections get the same batches, one after the other, and have to answer alike.
pub(crate) fn same(batches: &[Batch]) -> Vec<Message> {
    let mut direct = Wire::login(&server().login(SEEN_BY_ALICE));
    let mut alice = Wire::login(&gateway().login("alice"));
    let mut all = Vec::new();
    let mut differences = String::new();
    for batch in batches {
        let expected = shown(&direct.batch(batch));
        let messages = alice.batch(batch);
        let found = shown(&messages);
        if found != expected {
            let sent = String::from_utf8_lossy(&batch.concat()).replace('\0', " ");
            let _ = writeln!(differences, "{sent}\n  expected {expected:#?}\n  found {found:#?}");
        }
        all.extend(messages);
    }
    assert!(differences.is_empty(), "{differences}");
    all
}

/// The same for simple queries.
fn same_queries(texts: &[&str]) -> Vec<Message> {
    let batches: Vec<Batch> = texts.iter().map(|text| vec![query(text)]).collect();
    same(&batches)
}

fn alice() -> Wire {
    Wire::login(&gateway().login("alice"))
}

fn tags(messages: &[Message]) -> String {
    messages.iter().map(|message| char::from(message.tag)).collect()
}

#[test]
fn a_multi_statement_string_answers_otherwise() {
    same_queries(&[
        "",
        ";",
        "-- nothing",
        "SELECT id FROM crm.account WHERE id = 1; SELECT name FROM crm.product WHERE id = 1;;",
        "SELECT 1; SELECT id FROM crm.account WHERE id <= 13 ORDER BY id; SELECT nothing; SELECT 3",
        "SELECT 1; SELEC 2",
        "BEGIN; SELECT count(*) FROM crm.account; COMMIT",
        "BEGIN; SELECT 1; ROLLBACK; SELECT count(*) FROM crm.opportunity; BEGIN; SELECT 1/0; SELECT 3",
        "SELECT 4",
        "ROLLBACK",
        "SELECT 1 AS a; COMMIT; SELECT 2 AS b",
        "SAVEPOINT s",
        "BEGIN; SAVEPOINT s; SELECT 1/0",
        "ROLLBACK TO s; SELECT count(*) FROM crm.account",
        "COMMIT AND CHAIN",
        "COMMIT",
    ]);
}

#[test]
fn ready_for_query_shows_another_transaction_state() {
    let messages = same_queries(&[
        "SELECT 1",
        "BEGIN",
        "SELECT count(*) FROM crm.account",
        "SELECT missing FROM crm.account",
        "SELECT 1",
        "ROLLBACK",
        "START TRANSACTION READ ONLY",
        "UPDATE crm.account SET note = 'x' WHERE id = 1",
        "END",
    ]);
    let states: String = messages
        .iter()
        .filter(|message| message.tag == b'Z')
        .map(|message| char::from(message.body[0]))
        .collect();
    assert_eq!(states, "ITTEEITEI");
}

#[test]
fn a_refused_statement_leaves_the_transaction_open() {
    let mut alice = alice();
    alice.query("BEGIN");
    let refused = alice.query("DELETE FROM crm.account WHERE id = 1");
    assert_eq!(errors(&refused), ["42501"]);
    assert_eq!(refused.last().unwrap().body, b"E");
    assert_eq!(errors(&alice.query("SELECT 1")), ["25P02"]);
    let ended = alice.query("COMMIT");
    assert_eq!(shown(&ended), ["C ROLLBACK ", "Z I"]);
}

#[test]
fn statements_before_a_refused_one_in_a_pipeline_stay() {
    let mut alice = alice();
    let answer = alice.batch(&[
        parse("", "UPDATE crm.account SET note = 'kept by a pipeline' WHERE id = 1", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        parse("", "DELETE FROM crm.account WHERE id = 1", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        parse("", "SELECT 1", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12CEZ", "{:?}", shown(&answer));
    assert_eq!(errors(&answer), ["42501"]);
    let note = alice.query("SELECT count(*) FROM crm.account WHERE note = 'kept by a pipeline'");
    assert_eq!(value(&note).as_deref(), Some("0"));
    // Several statements in one Query are one transaction too, and none runs when one is refused.
    let answer = alice.query(
        "UPDATE crm.account SET note = 'kept by a string' WHERE id = 1; DELETE FROM crm.account",
    );
    assert_eq!(errors(&answer), ["42501"]);
    let note = alice.query("SELECT count(*) FROM crm.account WHERE note = 'kept by a string'");
    assert_eq!(value(&note).as_deref(), Some("0"));
}

#[test]
fn an_error_in_a_pipeline_does_not_skip_to_sync() {
    same(&[
        vec![
            parse("a", "SELECT id FROM crm.account WHERE id = $1", &[INT8]),
            bind("", "a", &[], &[Some(b"1")], &[]),
            execute("", 0),
            bind("", "a", &[], &[Some(b"x")], &[]),
            execute("", 0),
            parse("b", "SELECT 1", &[]),
            sync(),
            bind("", "a", &[], &[Some(b"2")], &[]),
            execute("", 0),
            sync(),
            describe_statement("b"),
            sync(),
        ],
        vec![
            parse("c", "SELECT 1/0", &[]),
            bind("", "c", &[], &[], &[]),
            execute("", 0),
            close_statement("c"),
            sync(),
            describe_statement("c"),
            sync(),
            close_statement("c"),
            describe_statement("c"),
            sync(),
        ],
        vec![parse("d", "SELEC", &[]), describe_statement("d"), sync()],
        vec![parse("d", "SELECT 2 AS two", &[]), describe_statement("d"), sync()],
        vec![parse("d", "SELECT 3 AS three", &[]), sync()],
        vec![describe_statement("d"), sync()],
    ]);
}

#[test]
fn named_or_unnamed_statements_and_portals_behave_otherwise() {
    same(&[
        vec![parse("s", "SELECT id, name FROM crm.account WHERE id < $1 ORDER BY id", &[]), sync()],
        vec![describe_statement("s"), sync()],
        vec![bind("p", "s", &[], &[Some(b"14")], &[]), describe_portal("p"), sync()],
        // A portal ends with its transaction.
        vec![execute("p", 0), sync()],
        vec![query("BEGIN")],
        vec![
            bind("p", "s", &[], &[Some(b"14")], &[]),
            bind("q", "s", &[], &[Some(b"3")], &[]),
            execute("p", 2),
            execute("q", 0),
            execute("p", 2),
            execute("p", 2),
            execute("p", 0),
            sync(),
        ],
        vec![bind("p", "s", &[], &[Some(b"14")], &[]), sync()],
        vec![query("ROLLBACK")],
        vec![query("BEGIN")],
        vec![bind("p", "s", &[], &[Some(b"14")], &[]), close_portal("p"), execute("p", 0), sync()],
        vec![query("ROLLBACK")],
        vec![parse("", "SELECT $1::text", &[]), bind("", "", &[], &[Some(b"x")], &[]), sync()],
        vec![execute("", 0), sync()],
        vec![bind("", "", &[], &[None], &[]), execute("", 0), sync()],
        vec![query("SELECT 1")],
        // A simple query ends the unnamed statement.
        vec![bind("", "", &[], &[None], &[]), execute("", 0), sync()],
        vec![close_statement("s"), bind("", "s", &[], &[Some(b"1")], &[]), sync()],
        vec![close_statement("never"), close_portal("never"), sync()],
    ]);
}

/// Parse, Bind, Describe and Execute of the unnamed statement.
fn unnamed(sql: &str, value: &str) -> Vec<Vec<u8>> {
    vec![
        parse("", sql, &[]),
        bind("", "", &[], &[Some(value.as_bytes())], &[]),
        describe_portal(""),
        execute("", 0),
    ]
}

#[test]
fn an_unnamed_statement_that_is_kept_prepared_outlives_its_end_or_is_another_one() {
    const KEY: &str = "SELECT id, body FROM crm.remark WHERE id = $1";
    const OTHER: &str = "SELECT a.owner_id FROM crm.remark a WHERE a.id = $1 AND a.body <> 'x'";
    const DAY: &str = "SELECT id, '02/03/2026'::date::text FROM crm.remark WHERE id = $1";
    let bound = |value: &str| {
        vec![bind("", "", &[], &[Some(value.as_bytes())], &[]), execute("", 0), sync()]
    };
    let synced = |mut batch: Batch| {
        batch.push(sync());
        batch
    };
    let mut batches: Vec<Batch> = Vec::new();
    for value in ["1", "13", "1", "-1", "2"] {
        batches.push(synced(unnamed(KEY, value)));
        batches.push(bound("13"));
        batches.push(synced(unnamed(OTHER, value)));
    }
    batches.extend([
        vec![parse("", KEY, &[]), describe_statement(""), sync()],
        vec![parse("", KEY, &[INT8]), describe_statement(""), sync()],
        bound("1"),
        // What fails leaves none, what is skipped leaves the one before.
        vec![parse("", "SELEC", &[]), sync()],
        bound("1"),
        synced(unnamed(KEY, "1")),
        [vec![execute("nothing", 0)], unnamed(OTHER, "1"), vec![sync()], bound("1")].concat(),
        [unnamed(KEY, "x"), unnamed(OTHER, "1"), vec![sync()], bound("1")].concat(),
        [unnamed(KEY, "1"), vec![sync()], unnamed(OTHER, "1"), vec![sync()], bound("2")].concat(),
        [unnamed(OTHER, "1"), vec![parse("", "SELECT no_such FROM crm.account", &[]), sync()]]
            .concat(),
        bound("1"),
        // A simple query ends it, closing does, DEALLOCATE ALL does not.
        synced(unnamed(KEY, "1")),
        vec![query("SELECT 1")],
        bound("1"),
        synced(unnamed(KEY, "1")),
        vec![close_statement(""), sync()],
        bound("1"),
        synced(unnamed(KEY, "1")),
        vec![
            parse("d", "DEALLOCATE ALL", &[]),
            bind("", "d", &[], &[], &[]),
            execute("", 0),
            sync(),
        ],
        bound("13"),
        // Each Parse reads its text under the settings of its time.
        synced(unnamed(DAY, "1")),
        vec![query("BEGIN")],
        synced(unnamed(DAY, "1")),
        vec![query("SET LOCAL datestyle = 'ISO, DMY'")],
        synced(unnamed(DAY, "1")),
        synced(unnamed(DAY, "1")),
        vec![query("ROLLBACK")],
        vec![query("BEGIN")],
        synced(unnamed(DAY, "1")),
        vec![
            parse("set", "SET LOCAL datestyle = 'ISO, DMY'", &[]),
            bind("set", "set", &[], &[], &[]),
            execute("set", 0),
            sync(),
        ],
        synced(unnamed(DAY, "1")),
        vec![query("ROLLBACK")],
        synced(unnamed(DAY, "1")),
        vec![query("SET datestyle = 'ISO, DMY'")],
        synced(unnamed(DAY, "1")),
        vec![query("RESET datestyle")],
        synced(unnamed(DAY, "1")),
        vec![query("DISCARD ALL")],
        synced(unnamed(DAY, "1")),
    ]);
    same(&batches);
}

#[test]
fn a_key_lookup_in_a_simple_query_answers_otherwise_once_it_is_kept_prepared() {
    let key = |value: &str| format!("SELECT id, body FROM crm.remark WHERE id = {value}");
    let mut texts: Vec<String> = Vec::new();
    for value in [
        "1",
        "2",
        "13",
        "-1",
        "'1'",
        "'13'",
        "'x'",
        "' 13 '",
        "''",
        "2147483648",
        "9147483648",
        "'9223372036854775808'",
        "9223372036854775808",
        "1.0",
    ] {
        texts.extend([key(value), key(value)]);
    }
    for value in ["1", "13", "14"] {
        for rest in [
            "LIMIT 1",
            "LIMIT 0 OFFSET 3",
            "LIMIT -1",
            "AND body <> 'it''s' AND written_on > '2001-01-01'",
            "AND written_on > '2001-30-01'",
            "AND id IN (1, 13) AND account_id BETWEEN 0 AND 999999999",
            "FOR UPDATE",
            "AND 1 / (id - id) = 1",
            "AND no_such = 1",
            "AND id = '1'::text",
            "UNION ALL SELECT 1, 'x'",
        ] {
            texts.push(format!("{} {rest}", key(value)));
        }
        texts.push(format!("SELECT * FROM crm.product p WHERE p.id = {value}"));
        texts.push(format!("SELECT * FROM crm.account a WHERE a.id = {value}"));
        texts.push(format!("SELECT FROM crm.remark WHERE id = {value}"));
        texts.push(format!("select\nid /* a */ from crm.remark where id = {value} -- end"));
    }
    let day = "SELECT id, '02/03/2026'::date::text FROM crm.remark WHERE id = 1";
    for text in [
        day,
        day,
        "BEGIN",
        day,
        "SET LOCAL datestyle = 'ISO, DMY'",
        day,
        day,
        "ROLLBACK",
        day,
        "SET datestyle = 'ISO, DMY'",
        day,
        day,
        "BEGIN",
        "SELECT 1/0",
        &key("1"),
        "ROLLBACK",
        &key("1"),
        "DISCARD ALL",
        &key("13"),
        "DEALLOCATE ALL",
        &key("13"),
    ] {
        texts.push(text.to_owned());
    }
    let mut batches: Vec<Batch> = texts.iter().map(|text| vec![query(text)]).collect();
    let (one, other) = (query(&key("1")), query(&key("13")));
    batches.extend([
        vec![one.clone(), other.clone(), query("SELECT 1/0"), one.clone(), query(&key("'x'"))],
        // It ends the unnamed statement and portal, and closes what was not synced.
        [unnamed(&key("$1"), "13"), vec![one.clone(), execute("", 0), sync()]].concat(),
        vec![bind("", "", &[], &[Some(b"1")], &[]), sync()],
        [unnamed("UPDATE crm.remark SET body = body WHERE id = $1", "1"), vec![other.clone()]]
            .concat(),
        vec![query("BEGIN"), parse("s", &key("$1"), &[]), sync()],
        vec![bind("p", "s", &[], &[Some(b"1")], &[]), sync()],
        vec![other.clone()],
        vec![execute("p", 0), sync()],
        vec![other, query("COMMIT"), one],
    ]);
    same(&batches);
}

#[test]
fn describe_before_bind_shows_the_gateways_parameters_or_other_columns() {
    let messages = same(&[
        vec![
            parse("a", "SELECT * FROM crm.account WHERE name LIKE $1 AND id = $2", &[]),
            describe_statement("a"),
            sync(),
        ],
        vec![
            parse(
                "b",
                "SELECT id, phone, credit_limit FROM crm.account WHERE id = $3",
                &[TEXT, INT4, INT8],
            ),
            describe_statement("b"),
            sync(),
        ],
        vec![parse("c", "SELECT * FROM crm.opportunity", &[]), describe_statement("c"), sync()],
        vec![
            parse("d", "UPDATE crm.account SET note = $1 WHERE id = $2", &[]),
            describe_statement("d"),
            sync(),
        ],
        vec![
            parse("e", "UPDATE crm.account SET note = $1 WHERE id = $2 RETURNING id, note", &[]),
            describe_statement("e"),
            sync(),
        ],
        vec![
            parse("f", "INSERT INTO crm.account (name, owner_id) VALUES ($1, $2)", &[]),
            describe_statement("f"),
            sync(),
        ],
        vec![parse("g", "", &[]), describe_statement("g"), sync()],
        vec![parse("h", "BEGIN", &[]), describe_statement("h"), sync()],
    ]);
    let counts: Vec<u16> = messages
        .iter()
        .filter(|message| message.tag == b't')
        .map(|message| u16::from_be_bytes([message.body[0], message.body[1]]))
        .collect();
    assert_eq!(counts, [2, 3, 0, 2, 2, 2, 0, 0]);
}

#[test]
fn format_codes_or_binary_results_are_mixed_up() {
    let id = 1_i64.to_be_bytes();
    let text = parse(
        "s",
        "SELECT id, name, tags, created_at, credit_limit, is_vip, attributes FROM crm.account \
         WHERE id = $1 AND name <> $2",
        &[INT8, TEXT],
    );
    let bound = |formats: &[i16], results: &[i16]| {
        let number: &[u8] = if formats.first() == Some(&1) { &id } else { b"1" };
        vec![
            bind("", "s", formats, &[Some(number), Some(b"x")], results),
            describe_portal(""),
            execute("", 0),
            sync(),
        ]
    };
    same(&[
        vec![text, sync()],
        bound(&[], &[]),
        bound(&[0], &[1]),
        bound(&[1], &[1]),
        bound(&[1, 0], &[0, 1, 0, 1, 0, 1, 0]),
        bound(&[0, 0], &[0]),
        bound(&[1, 1], &[1, 1, 1, 1, 1, 1, 1]),
        // Wrong counts of formats.
        bound(&[0, 0, 0], &[]),
        bound(&[], &[0, 1]),
    ]);
}

#[test]
fn a_wrong_parameter_count_tells_how_many_the_gateway_adds() {
    same(&[
        vec![parse("s", "SELECT id FROM crm.account WHERE id = $1", &[INT8]), sync()],
        vec![bind("", "s", &[], &[], &[]), sync()],
        vec![bind("", "s", &[], &[Some(b"1"), Some(b"2")], &[]), sync()],
        vec![bind("", "s", &[], &[Some(b"1"), Some(b"2"), Some(b"3")], &[]), sync()],
        vec![
            parse("", "SELECT id FROM crm.account WHERE id = $1", &[]),
            bind("", "", &[], &[], &[]),
            sync(),
        ],
    ]);
}

#[test]
fn a_parameter_of_the_gateway_can_be_set_by_the_client() {
    // $2 would be the first of the gateway's.
    let mut alice = alice();
    let count = |alice: &mut Wire, sql: &str, values: &[Option<&[u8]>]| {
        alice.batch(&[parse("", sql, &[]), bind("", "", &[], values, &[]), execute("", 0), sync()])
    };
    let hers = value(&alice.query("SELECT count(*) FROM crm.opportunity"));
    for values in [&[Some(&b"1"[..]), Some(b"103")][..], &[Some(b"1"), Some(b"103"), Some(b"103")]]
    {
        let answer =
            count(&mut alice, "SELECT count(*) FROM crm.opportunity WHERE 1 = $1::int", values);
        assert_eq!(errors(&answer), ["08P01"]);
    }
    let sql = "SELECT count(*) FROM crm.opportunity WHERE 1 = $1::int AND 103 = $2::int";
    let answer = count(&mut alice, sql, &[Some(b"1"), Some(b"103")]);
    assert_eq!(value(&answer), hers, "{:?}", shown(&answer));
}

#[test]
fn pipelined_transactions_disturb_each_other() {
    let good = |sql: &str| {
        vec![
            parse("", sql, &[]),
            bind("", "", &[], &[], &[]),
            describe_portal(""),
            execute("", 0),
            sync(),
        ]
    };
    // Each fails in another place; the client sends on without waiting.
    same(&[[
        good("SELECT id FROM crm.account WHERE id = 1"),
        good("SELEC"),
        good("SELECT name FROM crm.account WHERE id = 1"),
        good("SELECT 1/0"),
        good("SELECT id FROM crm.account WHERE id = 2"),
        vec![query("SELECT missing FROM crm.account")],
        good("UPDATE crm.account SET note = note WHERE id < 0"),
        vec![parse("n", "SELECT 1/0", &[]), bind("n", "n", &[], &[], &[]), sync()],
        vec![bind("", "n", &[], &[], &[]), sync()],
        vec![
            close_statement("n"),
            parse("n", "SELECT id FROM crm.account WHERE id = 1", &[]),
            sync(),
        ],
        vec![bind("", "n", &[], &[], &[]), execute("", 0), sync()],
        vec![parse("m", "nonsense", &[]), sync()],
        vec![parse("m", "SELECT 'm'", &[]), sync()],
        vec![bind("", "m", &[], &[], &[]), execute("", 0), sync()],
        vec![query("BEGIN")],
        vec![query("SET LOCAL search_path = crm")],
        good("SELECT count(*) FROM account"),
        vec![query("ROLLBACK")],
        good("SELECT count(*) FROM account"),
    ]
    .concat()]);
}

#[test]
fn row_limits_or_suspended_portals_lose_rows() {
    let sql = "SELECT id FROM crm.account WHERE id < 14 ORDER BY id";
    let messages = same(&[
        vec![query("BEGIN")],
        vec![parse("", sql, &[]), bind("p", "", &[], &[], &[]), execute("p", 1), sync()],
        vec![execute("p", 3), sync()],
        vec![execute("p", 100), sync()],
        vec![execute("p", 1), sync()],
        vec![query("COMMIT")],
        // Outside a transaction the portal ends at Sync.
        vec![parse("", sql, &[]), bind("", "", &[], &[], &[]), execute("", 2), sync()],
        vec![execute("", 2), sync()],
        vec![
            parse("", sql, &[]),
            bind("", "", &[], &[], &[]),
            execute("", 2),
            execute("", 1),
            execute("", 0),
            sync(),
        ],
        vec![
            parse("", "UPDATE crm.account SET note = note WHERE id < 0 RETURNING id", &[]),
            bind("", "", &[], &[], &[]),
            execute("", 1),
            sync(),
        ],
    ]);
    assert_eq!(messages.iter().filter(|message| message.tag == b's').count(), 5);
}

#[test]
fn flush_answers_nothing_or_too_much() {
    let login = [server().login(SEEN_BY_ALICE), gateway().login("alice")];
    let answers = login.map(|login| {
        let mut wire = Wire::login(&login);
        let mut lines = Vec::new();
        let mut take = |wire: &mut Wire, count: usize| {
            for _ in 0..count {
                lines.push(wire.read().unwrap().show());
            }
        };
        wire.send(&[parse("", "SELECT id FROM crm.account WHERE id = $1", &[]), flush()].concat());
        take(&mut wire, 1);
        wire.send(&[describe_statement(""), flush()].concat());
        take(&mut wire, 2);
        wire.send(&[bind("", "", &[], &[Some(b"1")], &[]), execute("", 0), flush()].concat());
        take(&mut wire, 3);
        wire.send(&[parse("", "SELEC", &[]), flush()].concat());
        take(&mut wire, 1);
        // Skipped up to Sync.
        wire.send(&[parse("", "SELECT 1", &[]), flush(), sync()].concat());
        take(&mut wire, 1);
        lines
    });
    assert_eq!(answers[1], answers[0]);
}

#[test]
fn cursors_move_otherwise() {
    same_queries(&[
        "DECLARE c CURSOR FOR SELECT id FROM crm.account ORDER BY id",
        "BEGIN",
        "DECLARE c SCROLL CURSOR FOR SELECT id, phone FROM crm.account ORDER BY id",
        "FETCH c",
        "FETCH 2 FROM c",
        "MOVE 1 IN c",
        "FETCH NEXT FROM c",
        "FETCH BACKWARD 3 FROM c",
        "FETCH LAST c",
        "FETCH ABSOLUTE 2 c",
        "FETCH RELATIVE -1 c",
        "MOVE FORWARD ALL IN c",
        "FETCH PRIOR c",
        "CLOSE c",
        "FETCH c",
        "ROLLBACK",
        "BEGIN",
        "DECLARE b BINARY CURSOR FOR SELECT id, name FROM crm.account ORDER BY id",
        "FETCH 2 b",
        "DECLARE b CURSOR FOR SELECT 1",
        "ROLLBACK",
        "BEGIN",
        "DECLARE h CURSOR WITH HOLD FOR SELECT id FROM crm.account ORDER BY id",
        "DECLARE n NO SCROLL CURSOR FOR SELECT id FROM crm.account ORDER BY id",
        "FETCH 1 n",
        "FETCH PRIOR n",
        "ROLLBACK",
        "BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id FROM crm.account ORDER BY id; COMMIT",
        "FETCH 3 h",
        "FETCH ALL h",
        "CLOSE h",
        "CLOSE h",
        "BEGIN; DECLARE a CURSOR FOR SELECT id FROM crm.account ORDER BY id; FETCH 2 a; CLOSE ALL; COMMIT",
    ]);
    // Bound to a cursor of DECLARE through the extended protocol.
    same(&[
        vec![query("BEGIN; DECLARE c CURSOR FOR SELECT id, name FROM crm.account ORDER BY id")],
        vec![describe_portal("c"), execute("c", 2), sync()],
        vec![
            parse("", "FETCH 2 FROM c", &[]),
            bind("", "", &[], &[], &[1]),
            describe_portal(""),
            execute("", 0),
            sync(),
        ],
        vec![close_portal("c"), execute("c", 1), sync()],
        vec![query("ROLLBACK")],
    ]);
}

#[test]
fn prepare_execute_deallocate_behave_otherwise() {
    same_queries(&[
        "PREPARE p AS SELECT id, name FROM crm.account WHERE id = $1",
        "EXECUTE p(1)",
        "EXECUTE p(3)",
        "EXECUTE p",
        "EXECUTE p(1, 2)",
        "PREPARE p AS SELECT 1",
        "DEALLOCATE p",
        "EXECUTE p(1)",
        "DEALLOCATE p",
        "PREPARE p (bigint) AS SELECT id FROM crm.account WHERE id < $1 ORDER BY id",
        "EXECUTE p(14)",
        "PREPARE q AS SELECT count(*) FROM crm.opportunity",
        "EXECUTE q",
        "DEALLOCATE ALL",
        "EXECUTE q",
        "BEGIN",
        "PREPARE r AS SELECT 2 AS two",
        "ROLLBACK",
        // PREPARE is not transactional.
        "EXECUTE r",
        "DISCARD ALL",
        "EXECUTE r",
    ]);
}

#[test]
fn a_statement_name_means_another_statement_in_sql_than_in_the_protocol() {
    same(&[
        vec![parse("s", "SELECT id FROM crm.account WHERE id = $1", &[INT8]), sync()],
        vec![query("PREPARE s AS SELECT 1")],
        vec![query("DEALLOCATE s")],
        vec![bind("", "s", &[], &[Some(b"1")], &[]), sync()],
        vec![query("PREPARE s AS SELECT id FROM crm.account WHERE id = $1")],
        vec![bind("", "s", &[], &[Some(b"1")], &[]), execute("", 0), sync()],
        vec![parse("s", "SELECT 1", &[]), sync()],
        vec![close_statement("s"), parse("s", "SELECT 1", &[]), sync()],
        vec![describe_statement("s"), sync()],
        vec![query("DEALLOCATE ALL")],
        vec![describe_statement("s"), sync()],
    ]);
}

#[test]
fn a_rewritten_statement_runs_with_an_identity_of_the_clients_choice() {
    let mut alice = alice();
    let count = value(&alice.query("SELECT sum(id) FROM crm.opportunity"));
    let mut carol = Wire::login(&gateway().login("carol"));
    assert_ne!(value(&carol.query("SELECT sum(id) FROM crm.opportunity")), count);
    alice.batch(&[parse("s", "SELECT sum(id) FROM crm.opportunity", &[]), sync()]);
    for arguments in ["(103)", "(103, 103)", "('{103}')"] {
        let answer = alice.query(&format!("EXECUTE s{arguments}"));
        assert!(!errors(&answer).is_empty(), "{arguments}: {:?}", shown(&answer));
    }
    let sql = "EXECUTE s(103)";
    let answer =
        alice.batch(&[parse("", sql, &[]), bind("", "", &[], &[], &[]), execute("", 0), sync()]);
    assert!(!errors(&answer).is_empty(), "{:?}", shown(&answer));
    let answer = alice.query("EXPLAIN EXECUTE s(103)");
    assert!(!errors(&answer).is_empty(), "{:?}", shown(&answer));
    alice.query("PREPARE t AS SELECT sum(id) FROM crm.opportunity");
    // PostgreSQL takes arguments for a statement without parameters and ignores them.
    let answer = alice.query("EXECUTE t(103)");
    assert_eq!(value(&answer), count, "{:?}", shown(&answer));
    let answer = alice.batch(&[bind("", "t", &[], &[Some(b"103")], &[]), execute("", 0), sync()]);
    assert_eq!(errors(&answer), ["08P01"]);
    let answer = alice.batch(&[bind("", "t", &[], &[], &[]), execute("", 0), sync()]);
    assert_eq!(value(&answer), count, "{:?}", shown(&answer));
    // Names that could be the server's.
    for name in ["rowgate_1", "rowgate_refused", "rowgate_q1_1", "__rowgate_1"] {
        let answer = alice.query(&format!("EXECUTE {name}(103)"));
        assert!(!errors(&answer).is_empty(), "{name}: {:?}", shown(&answer));
        let answer = alice.batch(&[bind("", name, &[], &[], &[]), execute("", 0), sync()]);
        assert!(!errors(&answer).is_empty(), "{name}: {:?}", shown(&answer));
    }
    let answer = alice.query("SELECT name FROM pg_prepared_statements");
    assert!(answer.iter().all(|message| message.tag != b'D') || !errors(&answer).is_empty());
}

#[test]
fn copy_out_is_another_stream() {
    let mut grace = Wire::login(&gateway().login("grace"));
    let mut direct = Wire::login(&server().login(rowgate::demo::DATABASE));
    for sql in [
        "COPY (SELECT id, name, phone FROM crm.account WHERE id < 10 ORDER BY id) TO STDOUT",
        "COPY (SELECT id, name FROM crm.account WHERE id < 10 ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)",
        "COPY (SELECT id, name, credit_limit FROM crm.account WHERE id < 10 ORDER BY id) TO STDOUT (FORMAT binary)",
        "COPY crm.department TO STDOUT",
        "COPY crm.department (id, name) TO STDOUT (FORMAT csv, FORCE_QUOTE *)",
        "COPY (SELECT missing FROM crm.account) TO STDOUT",
        "COPY (SELECT 1/(id - 2) FROM crm.department ORDER BY id) TO STDOUT",
        "SELECT 1; COPY (SELECT 2) TO STDOUT; SELECT 3",
    ] {
        let expected = shown(&direct.query(sql));
        assert_eq!(shown(&grace.query(sql)), expected, "{sql}");
        let batch = [parse("", sql, &[]), bind("", "", &[], &[], &[]), execute("", 0), sync()];
        let expected = shown(&direct.batch(&batch));
        assert_eq!(shown(&grace.batch(&batch)), expected, "extended: {sql}");
    }
}

#[test]
fn copy_in_hangs_the_session_when_it_is_refused() {
    let mut alice = alice();
    let answer = alice.query("COPY crm.account (name, owner_id) FROM STDIN (FREEZE)");
    assert_eq!(tags(&answer), "EZ", "{:?}", shown(&answer));
    assert!(["42501", "0A000"].contains(&errors(&answer)[0].as_str()), "{:?}", shown(&answer));
    // The client's data was on its way already.
    alice.send(&crate::harness::wire::frame(b'd', b"x\t104\n"));
    alice.send(&crate::harness::wire::frame(b'c', b""));
    assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
    let answer = alice.batch(&[
        parse("", "COPY crm.account (name, owner_id) FROM STDIN (FREEZE)", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        sync(),
    ]);
    assert_eq!(tags(&answer), "EZ", "{:?}", shown(&answer));
    assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn an_unrestricted_copy_in_loses_rows() {
    let mut henry = Wire::login(&gateway().login("henry"));
    henry.query("BEGIN");
    henry.query("CREATE TEMP TABLE copied (a int, b text)");
    henry.send(&query("COPY copied FROM STDIN"));
    assert_eq!(henry.read().unwrap().tag, b'G');
    let lines: String =
        (0..50_000).map(|row| format!("{row}\tvalue {row}\n")).collect::<Vec<_>>().concat();
    for chunk in lines.as_bytes().chunks(8000) {
        henry.send(&crate::harness::wire::frame(b'd', chunk));
    }
    henry.send(&crate::harness::wire::frame(b'c', b""));
    assert_eq!(shown(&henry.until_ready(1)), ["C COPY 50000 ", "Z T"]);
    // Given up, and broken.
    henry.query("SAVEPOINT s");
    henry.send(&query("COPY copied FROM STDIN"));
    assert_eq!(henry.read().unwrap().tag, b'G');
    henry.send(&crate::harness::wire::frame(b'f', b"given up\0"));
    assert_eq!(errors(&henry.until_ready(1)), ["57014"]);
    henry.query("ROLLBACK TO s");
    henry.send(&query("COPY copied FROM STDIN"));
    assert_eq!(henry.read().unwrap().tag, b'G');
    henry.send(&crate::harness::wire::frame(b'd', b"not a number\tx\n"));
    henry.send(&crate::harness::wire::frame(b'c', b""));
    assert_eq!(errors(&henry.until_ready(1)), ["22P02"]);
    henry.query("ROLLBACK TO s");
    assert_eq!(value(&henry.query("SELECT count(*) FROM copied")).as_deref(), Some("50000"));
    henry.query("ROLLBACK");
}

#[test]
fn an_error_position_points_into_the_gateways_text() {
    let messages = same_queries(&[
        "SELECT 客户 FROM crm.account",
        "SELECT id, '客户é' AS 名, missing FROM crm.account a",
        "SELECT * FROM crm.account a, crm.opportunity o WHERE a.id = o.account_id AND o.id = a.name",
        "SELECT '多字节', id FROM crm.account WHERE id = 'x'",
        "SELECT id FROM crm.account; SELECT '客' , nothing",
        "SELECT id FROM crm.account GROUP BY name",
        "SELECT '客户' FORM crm.account",
        "SELECT '客' + ",
        "SELECT ((1 + 2)",
        "SELECT id FROM crm.account ORDER BY 客",
        "SELECT id FROM crm.account WHERE id = 1 AND name = 5",
        "SELECT sum(name) FROM crm.account",
        "UPDATE crm.account SET note = '客', nothing = 1 WHERE id = 1",
        "INSERT INTO crm.account (name, nothing) VALUES ('客', 1)",
    ]);
    let positions = messages
        .iter()
        .filter(|message| message.tag == b'E' && message.field(b'P').is_some())
        .count();
    assert_eq!(positions, 14);
    same(&[
        vec![
            parse("", "SELECT '客户', id FROM crm.account WHERE id = $1 AND missing", &[]),
            sync(),
        ],
        vec![
            parse("", "SELECT '客户', id FROM crm.account WHERE id = $1 AND name = $1", &[]),
            sync(),
        ],
    ]);
}

#[test]
fn an_error_or_a_notice_quotes_row_data() {
    let mut alice = alice();
    // Values of her own row stand for any value here: what quotes these would quote others.
    for (sql, code) in [
        ("SELECT name::int FROM crm.account WHERE id = 1", "22P02"),
        ("SELECT 1/(id - 1) FROM crm.account", "22012"),
        ("SELECT (name || 'x')::date FROM crm.account WHERE id = 1", "22007"),
        ("UPDATE crm.account SET status = name WHERE id = 1", "23514"),
        ("UPDATE crm.account SET phone = repeat(phone, 20) WHERE id = 1", "22001"),
        ("INSERT INTO crm.account (id, name, owner_id) VALUES (1, 'x', 104)", "23505"),
        (
            "INSERT INTO crm.contact (account_id, owner_id, name) VALUES (987654321, 104, 'x')",
            "23503",
        ),
        ("UPDATE crm.account SET name = NULL WHERE id = 1", "23502"),
    ] {
        let answer = alice.query(sql);
        let Some(error) = answer.iter().find(|message| message.tag == b'E') else {
            panic!("{sql}: {:?}", shown(&answer))
        };
        assert_eq!(error.sqlstate(), code, "{sql}: {error:?}");
        for field in [b'D', b'H', b'W', b'q', b's', b't', b'c', b'd', b'n', b'F', b'L', b'R'] {
            assert_eq!(error.field(field), None, "{sql}: field {}", char::from(field));
        }
        let message = error.field(b'M').unwrap();
        assert!(!message.contains('"') && !message.contains("987654321"), "{sql}: {message}");
    }
}

#[test]
fn a_notice_of_the_server_does_not_arrive() {
    same_queries(&["COMMIT", "BEGIN; BEGIN; ROLLBACK", "SET LOCAL statement_timeout = 1000"]);
}

#[test]
fn settings_do_not_come_back() {
    same_queries(&[
        "SET application_name = 'a tool'",
        "SHOW application_name",
        "BEGIN",
        "SET application_name = 'inside'",
        "SET LOCAL DateStyle = 'German, DMY'",
        "SELECT created_at::date FROM crm.account WHERE id = 1",
        "ROLLBACK",
        "SHOW application_name",
        "SHOW DateStyle",
        "SET TimeZone = 'Asia/Shanghai'",
        "SELECT '2024-01-01 00:00:00+00'::timestamptz",
        "RESET TimeZone",
        "SHOW TimeZone",
        "SET statement_timeout = '7s'",
        "SHOW statement_timeout",
        "BEGIN; SAVEPOINT s; SET extra_float_digits = 0",
        "SHOW extra_float_digits",
        "ROLLBACK TO s",
        "SHOW extra_float_digits",
        "COMMIT",
        "SHOW server_version",
        "SHOW transaction_isolation",
        "SET DateStyle = 'nonsense'",
    ]);
    let mut alice = alice();
    alice.query("SET application_name = 'a tool'");
    alice.query("PREPARE p AS SELECT 1");
    alice.query("SET search_path = crm");
    let answer = alice.query("DISCARD ALL");
    assert_eq!(errors(&answer), Vec::<String>::new());
    assert_eq!(errors(&alice.query("EXECUTE p")), ["26000"]);
    assert_eq!(errors(&alice.query("SELECT 1 FROM account")), ["42P01"]);
    for sql in ["RESET ALL", "RESET search_path", "SET search_path TO DEFAULT"] {
        alice.query("SET search_path = crm");
        assert_eq!(errors(&alice.query("SELECT 1 FROM account")), Vec::<String>::new(), "{sql}");
        assert_eq!(errors(&alice.query(sql)), Vec::<String>::new(), "{sql}");
        assert_eq!(errors(&alice.query("SELECT 1 FROM account")), ["42P01"], "{sql}");
    }
}

#[test]
fn a_name_means_another_table_than_the_search_path_says() {
    same_queries(&[
        "SELECT count(*) FROM account",
        "SET search_path = crm, public",
        "SELECT count(*) FROM account",
        "BEGIN",
        "SET search_path = public",
        "SELECT count(*) FROM account",
        "ROLLBACK",
        "SELECT count(*) FROM account",
        "BEGIN",
        "SET LOCAL search_path = public",
        "SAVEPOINT s",
        "SET LOCAL search_path = crm",
        "SELECT count(*) FROM account",
        "ROLLBACK TO s",
        "SELECT count(*) FROM account",
        "ROLLBACK",
        "SELECT count(*) FROM account",
        "SHOW search_path",
    ]);
    same(&[
        vec![query("SET search_path = crm")],
        vec![parse("s", "SELECT count(*) FROM account", &[]), sync()],
        vec![bind("", "s", &[], &[], &[]), execute("", 0), sync()],
        vec![query("BEGIN")],
        vec![query("SET LOCAL search_path = public")],
        vec![bind("", "s", &[], &[], &[]), execute("", 0), sync()],
        vec![query("ROLLBACK")],
        vec![bind("", "s", &[], &[], &[]), execute("", 0), sync()],
        vec![
            parse("", "SET search_path = public", &[]),
            bind("", "", &[], &[], &[]),
            execute("", 0),
            parse("", "SELECT count(*) FROM account", &[]),
            bind("", "", &[], &[], &[]),
            execute("", 0),
            sync(),
        ],
        // The pipeline failed, so the setting is gone.
        vec![query("SELECT count(*) FROM account")],
    ]);
}

#[test]
fn the_hidden_check_column_shows() {
    let insert = "INSERT INTO crm.account (id, name, owner_id, department_id) VALUES ";
    let rows = "(990001, 'x', 104, 21), (990002, 'y', 104, 21)";
    let mut batches: Vec<Batch> = Vec::new();
    for sql in [
        format!("{insert}{rows}"),
        format!("{insert}{rows} RETURNING id"),
        format!("{insert}{rows} RETURNING id, name AS n, owner_id + 1"),
        format!("{insert}(990001, 'x', 104, 21) RETURNING id, phone, credit_limit, tags"),
        "UPDATE crm.account SET note = 'n' WHERE id IN (1, 3)".to_owned(),
        "UPDATE crm.account SET note = 'n' WHERE id IN (1, 3) RETURNING id, note".to_owned(),
        "UPDATE crm.account SET note = 'n' WHERE id < 0 RETURNING id".to_owned(),
        "UPDATE crm.account AS a SET note = 'n' WHERE a.id = 1 RETURNING a.id, a.phone".to_owned(),
        "INSERT INTO crm.opportunity (id, account_id, owner_id, name, stage, amount) \
         SELECT 990000 + id, id, 104, 'n', 'lead', 1 FROM crm.account WHERE id = 1"
            .to_owned(),
    ] {
        batches.push(vec![query("BEGIN")]);
        batches.push(vec![query(&sql)]);
        batches.push(vec![query("ROLLBACK")]);
        batches.push(vec![query("BEGIN")]);
        batches.push(vec![
            parse("", &sql, &[]),
            describe_statement(""),
            bind("", "", &[], &[], &[]),
            describe_portal(""),
            execute("", 0),
            sync(),
        ]);
        batches.push(vec![query("ROLLBACK")]);
        batches.push(vec![query("BEGIN")]);
        batches.push(vec![
            parse("", &sql, &[]),
            bind("", "", &[], &[], &[1]),
            execute("", 1),
            execute("", 1),
            sync(),
        ]);
        batches.push(vec![query("ROLLBACK")]);
    }
    same(&batches);
}

#[test]
fn a_violated_check_is_kept_or_told_in_other_words() {
    let mut alice = alice();
    let message = "new row violates row-level security policy for table \"account\"";
    for sql in [
        "INSERT INTO crm.account (id, name, owner_id) VALUES (990003, 'x', 104), (990004, 'x', 103)",
        "INSERT INTO crm.account (id, name, owner_id) VALUES (990003, 'x', 103) RETURNING id",
    ] {
        for extended in [false, true] {
            let answer = if extended {
                alice.batch(&[
                    parse("", sql, &[]),
                    bind("", "", &[], &[], &[]),
                    describe_portal(""),
                    execute("", 0),
                    sync(),
                ])
            } else {
                alice.query(sql)
            };
            let error = answer.iter().find(|message| message.tag == b'E').expect(sql);
            assert_eq!(error.show(), format!("E 42501 {message}"), "{sql}");
            for field in [b'D', b'H', b'W'] {
                assert_eq!(error.field(field), None, "{sql}");
            }
            assert_eq!(answer.last().unwrap().body, b"I");
        }
    }
    let mut henry = Wire::login(&gateway().login("henry"));
    let count = henry.query("SELECT count(*) FROM crm.account WHERE id IN (990003, 990004)");
    assert_eq!(value(&count).as_deref(), Some("0"));
    // Inside a transaction everything of it goes.
    alice.query("BEGIN");
    alice.query("UPDATE crm.account SET note = 'kept after a check' WHERE id = 1");
    let refused =
        alice.query("INSERT INTO crm.account (id, name, owner_id) VALUES (990003, 'x', 103)");
    assert_eq!(refused.last().unwrap().body, b"E");
    assert_eq!(shown(&alice.query("COMMIT")), ["C ROLLBACK ", "Z I"]);
    let count = henry.query("SELECT count(*) FROM crm.account WHERE note = 'kept after a check'");
    assert_eq!(value(&count).as_deref(), Some("0"));
}

#[test]
fn a_pattern_of_like_is_answered_otherwise_where_it_is_bound() {
    let asked = "SELECT id FROM crm.account WHERE name LIKE $1 ORDER BY id";
    let run = |pattern: &'static [u8], format: i16| {
        vec![
            parse("", asked, &[]),
            bind("", "", &[format], &[Some(pattern)], &[]),
            execute("", 0),
            sync(),
        ]
    };
    same(&[run(b"%a%", 0), run(b"%a%", 1), run(b"A\\\\%", 0), run(b"", 1)]);
    for format in [0, 1] {
        let refused = alice().batch(&run(b"nobody is called so\\", format));
        assert_eq!(errors(&refused), ["22025"]);
    }
}

#[test]
fn what_does_not_exist_is_reported_in_other_words() {
    let mut alice = alice();
    let message = |messages: &[Message], field: u8| {
        messages.iter().find(|message| message.tag == b'E').and_then(|error| error.field(field))
    };
    let answer = alice.query("SELECT id, crm_nosuch(id, 'x') FROM crm.account");
    assert_eq!(errors(&answer), ["42883"]);
    assert_eq!(
        message(&answer, b'M').as_deref(),
        Some("function crm_nosuch(bigint, unknown) does not exist")
    );
    assert_eq!(message(&answer, b'P').as_deref(), Some("12"));
    for (sql, sqlstate) in [
        ("SHOW nosuch_setting", "42704"),
        ("SET nosuch_setting = 1", "42704"),
        ("SELECT current_setting('nosuch_setting')", "42704"),
        ("SHOW shared_buffers", "42501"),
        ("SELECT current_setting('shared_buffers')", "42501"),
    ] {
        let answer = alice.query(sql);
        assert_eq!(errors(&answer), [sqlstate], "{sql}");
    }
    let answer = alice.query("SELECT coalesce(current_setting('nosuch_setting', true), 'none')");
    assert_eq!(value(&answer).as_deref(), Some("none"));
}
