//! Transaction pooling: few server connections, more clients, and nothing of one at another.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, TestRunner};
use rowgate::demo::DATABASE;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Statement};

use crate::harness::tap::{Tap, behind};
use crate::harness::wire::{
    Wire, bind, describe_portal, errors, execute, flush, parse, query, shown, sync,
    value as only_value,
};
use crate::harness::{
    Gateway, SEEN_BY_ALICE, Server, gateway_before, gateway_with, hire, private_server, runtime,
    server,
};

/// A gateway with so many server connections.
fn pooling(name: &str, size: usize) -> Gateway {
    gateway_with(name, |folder| connections(folder, size))
}

fn connections(folder: &Path, size: usize) {
    let file = folder.join("rowgate.toml");
    let text = fs::read_to_string(&file).unwrap();
    let pool = format!("pool = {{ mode = \"transaction\", size = {size}, wait_timeout = \"1s\" }}");
    let lines =
        text.lines().map(|line| if line.starts_with("pool = {") { pool.as_str() } else { line });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

async fn client(gateway: &Gateway, user: &str) -> Client {
    let (client, connection) = gateway.login(user).config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn value(client: &Client, sql: &str) -> Result<String, String> {
    let rows = client.simple_query(sql).await.map_err(|error| {
        error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())
    })?;
    Ok(rows
        .iter()
        .find_map(|row| match row {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
            _ => None,
        })
        .unwrap_or_default())
}

const PEOPLE: [&str; 5] = ["alice", "bob", "alice", "carol", "frank"];
const ZONES: [&str; 5] = ["Asia/Tokyo", "Europe/Paris", "America/Lima", "Asia/Dubai", "UTC"];

/// What a client has to find.
struct Model {
    client: Client,
    zone: String,
    style: String,
    accounts: String,
    prepared: Vec<(Statement, usize)>,
    sql_prepared: bool,
    locked: bool,
}

async fn step(models: &mut [Model], who: usize, what: u8) -> Result<(), String> {
    let held = models.iter().filter(|model| model.sql_prepared || model.locked).count();
    let model = &mut models[who];
    let pinned = model.sql_prepared || model.locked;
    let expect = |found: Result<String, String>, wanted: &str, why: &str| match found {
        Ok(found) if found == wanted => Ok(()),
        other => Err(format!("client {who}, {why}: {other:?} instead of {wanted}")),
    };
    match what % 14 {
        0 => {
            ZONES[who].clone_into(&mut model.zone);
            let sql = format!("SET timezone = '{}'", model.zone);
            expect(value(&model.client, &sql).await, "", "SET")?;
        }
        1 => expect(value(&model.client, "SHOW timezone").await, &model.zone, "time zone")?,
        2 => {
            let sql = "BEGIN; SET LOCAL timezone = 'Asia/Seoul'; SELECT 1; COMMIT";
            for sql in sql.split("; ") {
                value(&model.client, sql).await?;
            }
            expect(value(&model.client, "SHOW timezone").await, &model.zone, "after SET LOCAL")?;
        }
        3 => {
            let accounts = value(&model.client, "SELECT count(*) FROM crm.account").await;
            expect(accounts, &model.accounts, "rows in sight")?;
        }
        4 => {
            let sql = "SELECT count(*), current_setting('TimeZone') FROM crm.account";
            let statement = model.client.prepare(sql).await.map_err(|error| error.to_string())?;
            model.prepared.push((statement, 0));
        }
        5 => {
            if let Some((statement, _)) = model.prepared.last() {
                let row =
                    model.client.query_one(statement, &[]).await.map_err(|e| e.to_string())?;
                let (count, zone): (i64, String) = (row.get(0), row.get(1));
                expect(Ok(count.to_string()), &model.accounts, "rows of a prepared statement")?;
                expect(Ok(zone), &model.zone, "time zone of a prepared statement")?;
            }
        }
        6 => {
            // A pinned client keeps a connection; one has to be left for the others.
            if !model.sql_prepared && (pinned || held < 2) {
                let sql = format!("PREPARE p AS SELECT {who}");
                expect(value(&model.client, &sql).await, "", "PREPARE")?;
                model.sql_prepared = true;
            }
            expect(
                value(&model.client, "EXECUTE p")
                    .await
                    .or_else(|e| if e == "26000" { Ok(e) } else { Err(e) }),
                &if model.sql_prepared { who.to_string() } else { "26000".to_owned() },
                "EXECUTE",
            )?;
        }
        7 => {
            if model.sql_prepared {
                expect(value(&model.client, "DEALLOCATE p").await, "", "DEALLOCATE")?;
                model.sql_prepared = false;
            }
        }
        8 => {
            if !model.locked && (pinned || held < 2) {
                let sql = format!("SELECT pg_try_advisory_lock({who})");
                expect(value(&model.client, &sql).await, "t", "lock")?;
                model.locked = true;
            }
        }
        9 => {
            let sql = format!("SELECT pg_advisory_unlock({who})");
            let had = if model.locked { "t" } else { "f" };
            expect(value(&model.client, &sql).await, had, "unlock")?;
            model.locked = false;
        }
        10 => {
            value(&model.client, "BEGIN").await?;
            expect(
                value(&model.client, "SELECT no_such_column").await.or_else(Ok::<_, String>),
                "42703",
                "an error",
            )?;
            value(&model.client, "ROLLBACK").await?;
        }
        11 => {
            let style = if model.style == "ISO, MDY" { "ISO, DMY" } else { "ISO, MDY" };
            style.clone_into(&mut model.style);
            let sql = format!("SET datestyle = '{}'", model.style);
            expect(value(&model.client, &sql).await, "", "SET")?;
        }
        12 => {
            // Read by the server when it is prepared: a statement that two clients share would
            // mean what it means to the first one.
            let sql = "SELECT '02/03/2026'::date::text";
            let row = model.client.query_one(sql, &[]).await.map_err(|e| e.to_string())?;
            let wanted = if model.style == "ISO, MDY" { "2026-02-03" } else { "2026-03-02" };
            expect(Ok(row.get(0)), wanted, "date style")?;
        }
        _ => {
            value(&model.client, "DISCARD ALL").await?;
            model.prepared.clear();
            (model.sql_prepared, model.locked) = (false, false);
            model.zone = value(&model.client, "SHOW timezone").await?;
            model.style = value(&model.client, "SHOW datestyle").await?;
        }
    }
    Ok(())
}

#[test]
fn clients_of_few_connections_find_the_state_of_others() {
    let gateway = pooling("pooling", 3);
    let mut runner =
        TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let steps = proptest::collection::vec((0..PEOPLE.len(), 0..14_u8), 150);
    let result = runner.run(&steps, |steps| {
        runtime()
            .block_on(async {
                let mut models = Vec::new();
                for user in PEOPLE {
                    let client = client(&gateway, user).await;
                    models.push(Model {
                        zone: value(&client, "SHOW timezone").await?,
                        style: value(&client, "SHOW datestyle").await?,
                        accounts: value(&client, "SELECT count(*) FROM crm.account").await?,
                        client,
                        prepared: Vec::new(),
                        sql_prepared: false,
                        locked: false,
                    });
                }
                for (who, what) in steps {
                    step(&mut models, who, what).await.map_err(|e| format!("step {what}: {e}"))?;
                }
                Ok::<(), String>(())
            })
            .map_err(proptest::test_runner::TestCaseError::fail)
    });
    result.unwrap();
}

#[test]
fn a_client_is_lost_with_a_server_connection_that_it_does_not_use() {
    let gateway = pooling("losing", 2);
    runtime().block_on(async {
        let (alice, henry) = (client(&gateway, "alice").await, client(&gateway, "henry").await);
        assert_eq!(value(&alice, "SELECT 1").await.unwrap(), "1");
        let statement = alice.prepare("SELECT count(*) FROM crm.account").await.unwrap();
        let before: i64 = alice.query_one(&statement, &[]).await.unwrap().get(0);
        // Henry's own connection and all that wait in the pool.
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE usename = 'rowgate' AND pid <> pg_backend_pid() \
                   AND query LIKE '%crm.account%'";
        value(&henry, sql).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let after: i64 = alice.query_one(&statement, &[]).await.unwrap().get(0);
        assert_eq!(before, after);
    });
}

#[test]
fn a_client_waits_for_ever_or_jumps_the_queue_when_all_connections_are_taken() {
    let gateway = pooling("queueing", 1);
    runtime().block_on(async {
        let (first, second) = (client(&gateway, "alice").await, client(&gateway, "bob").await);
        value(&first, "BEGIN").await.unwrap();
        let refused = second.simple_query("SELECT 1").await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "53300");
        let detail = refused.as_db_error().unwrap().detail().unwrap_or_default();
        assert!(detail.contains("0 clients were waiting before"), "{detail}");
        while !second.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The transaction that had it goes on, and the next one gets it after.
        assert_eq!(value(&first, "SELECT 1").await.unwrap(), "1");
        let third = client(&gateway, "bob");
        let (third, _) = tokio::join!(third, value(&first, "COMMIT"));
        assert_eq!(value(&third, "SELECT 2").await.unwrap(), "2");
    });
}

#[test]
fn a_name_with_connections_of_its_own_takes_those_of_others() {
    let gateway = gateway_with("own-connections", |folder| {
        let file = folder.join("rowgate.toml");
        let text = fs::read_to_string(&file).unwrap();
        let named = "\n[databases.reports]\ndatabase = \"crm\"\n\
                     pool = { mode = \"session\", size = 1, wait_timeout = \"1s\" }\n";
        fs::write(&file, text + named).unwrap();
    });
    let reports = async |user: &str| {
        let mut config = gateway.login(user).config();
        config.dbname("reports").connect(NoTls).await
    };
    runtime().block_on(async {
        let (bob, connection) = reports("bob").await.unwrap();
        tokio::spawn(connection);
        // In session mode it keeps its connection although it does nothing.
        assert_eq!(value(&bob, "SELECT current_database()").await.unwrap(), "crm");
        let refused = reports("alice").await.err().unwrap();
        assert_eq!(refused.code().unwrap().code(), "53300");
        let alice = client(&gateway, "alice").await;
        assert_eq!(value(&alice, "SELECT 1").await.unwrap(), "1");
    });
}

#[test]
fn unrestricted_people_keep_all_connections_from_the_others() {
    let gateway = pooling("keeping", 3);
    runtime().block_on(async {
        let [first, second, third] =
            [client(&gateway, "henry"), client(&gateway, "henry"), client(&gateway, "henry")];
        let (first, second, third) = tokio::join!(first, second, third);
        for henry in [&first, &second] {
            assert_eq!(value(henry, "SET my.note = 'henry'").await.unwrap(), "");
        }
        assert_eq!(value(&third, "SELECT 1").await.unwrap_err(), "53300");
        let alice = client(&gateway, "alice").await;
        assert_eq!(value(&alice, "SELECT 1").await.unwrap(), "1");
        assert_eq!(value(&second, "SHOW my.note").await.unwrap(), "henry");
        // What one of them leaves, another one gets, clean.
        drop(first);
        let next = client(&gateway, "henry").await;
        let left = value(&next, "SELECT current_setting('my.note', true)").await.unwrap();
        assert_ne!(left, "henry");
    });
}

#[test]
fn a_statement_that_one_client_deallocates_is_gone_for_others_or_cannot_be_deallocated_or_prepared_twice()
 {
    let gateway = pooling("deallocating", 2);
    let [mut alice, mut other] = [(); 2].map(|()| Wire::login(&gateway.login("alice")));
    let sql = "SELECT count(*) > 0 FROM crm.account";
    let run = [bind("", "s", &[], &[], &[]), execute("", 0), sync()];
    for _ in 0..3 {
        for wire in [&mut alice, &mut other] {
            let answer = wire.batch(&[parse("s", sql, &[]), sync()]);
            assert_eq!(errors(&answer), [""; 0], "{:?}", shown(&answer));
            assert_eq!(only_value(&wire.batch(&run)).as_deref(), Some("t"));
        }
        // It is prepared on one connection, and the client gets the other one.
        other.query("BEGIN");
        let answer = alice.query("PREPARE s AS SELECT 1");
        assert_eq!(errors(&answer), ["42P05"], "{:?}", shown(&answer));
        let answer = alice.query("DEALLOCATE s");
        assert_eq!(shown(&answer), ["C DEALLOCATE ", "Z I"]);
        let answer = alice.batch(&run);
        assert_eq!(errors(&answer), ["26000"], "{:?}", shown(&answer));
        other.query("COMMIT");
        for _ in 0..2 {
            assert_eq!(only_value(&other.batch(&run)).as_deref(), Some("t"));
        }
        assert_eq!(shown(&other.query("DEALLOCATE s")), ["C DEALLOCATE ", "Z I"]);
    }
}

#[test]
fn the_server_describes_a_statement_each_time_or_the_client_hears_of_other_columns() {
    // A server that no other test changes: for a new catalogue everything is described anew.
    let own = private_server("described");
    let tap = Tap::open(own.cluster.port());
    let behind_tap = |folder: &Path| {
        connections(folder, 1);
        behind(&tap, &own, folder);
    };
    let gateway = gateway_before(&own, "gateway", behind_tap, |gateway| {
        Wire::login_with_quietly(&gateway.login("henry"))
    });
    let mut direct = Wire::login(&server().login(SEEN_BY_ALICE));
    let mut alice = Wire::login(&gateway.login("alice"));
    let mut same = |batch: &[Vec<u8>]| {
        let (expected, found) = (shown(&direct.batch(batch)), shown(&alice.batch(batch)));
        let sent = String::from_utf8_lossy(&batch.concat()).replace('\0', " ");
        assert_eq!(found, expected, "{sent}");
    };
    let read = "SELECT id, name, founded_on AS since FROM crm.account WHERE id = $1 OR id = 2";
    let write = "UPDATE crm.account SET note = note WHERE id = $1";
    same(&[parse("read", read, &[]), parse("write", write, &[]), sync()]);
    let one = [Some(&b"1"[..])];
    let formats: [&[i16]; 5] = [&[], &[0], &[1], &[1, 0, 1], &[0, 1]];
    // The first one is described by the server, and others that it has no part in.
    same(&[bind("", "read", &[], &one, &[1]), describe_portal(""), execute("", 0), sync()]);
    let heard = tap.count(b'D');
    assert!(heard > 0);
    for results in formats {
        let bound = bind("", "read", &[], &one, results);
        same(&[bound.clone(), describe_portal(""), execute("", 0), sync()]);
        same(&[bound.clone(), describe_portal(""), execute("", 1), execute("", 0), sync()]);
        same(&[bound.clone(), describe_portal(""), sync()]);
        same(&[bound, describe_portal(""), flush(), execute("", 0), flush(), sync()]);
    }
    let wrong = bind("", "read", &[], &[Some(&b"one"[..])], &[]);
    same(&[wrong, describe_portal(""), execute("", 0), sync()]);
    assert_eq!(tap.count(b'D'), heard);
    // Where something stands between them, or there is nothing to tell, the server is asked.
    let two = [bind("a", "read", &[], &one, &[]), bind("b", "read", &[], &one, &[1])];
    let both = [describe_portal("a"), describe_portal("b"), describe_portal("b")];
    same(&[&two[..], &both[..], &[execute("b", 0), execute("a", 0), sync()]].concat());
    let none = [Some(&b"-1"[..])];
    same(&[bind("", "write", &[], &none, &[]), describe_portal(""), execute("", 0), sync()]);
    same(&[describe_portal("nothing"), sync()]);
    // What they return depends on what they name.
    same(&[parse("fetch", "FETCH c", &[]), sync()]);
    for text in ["SELECT 1 AS one", "SELECT 'a' AS x, 2 AS y"] {
        let named = [format!("DECLARE c CURSOR FOR {text}"), format!("PREPARE p AS {text}")];
        same(&[query("BEGIN"), query(&named[0]), query(&named[1])]);
        same(&[parse("", "EXECUTE p", &[]), sync()]);
        for name in ["fetch", ""] {
            same(&[bind("", name, &[], &[], &[]), describe_portal(""), execute("", 0), sync()]);
        }
        same(&[query("DEALLOCATE p"), query("COMMIT")]);
    }
}

/// What is prepared on the connection under names that people share, seen from within.
const KEPT: &str = "CREATE FUNCTION crm.kept() RETURNS text SECURITY DEFINER LANGUAGE sql AS \
     $$ SELECT string_agg(regexp_replace(statement, '.*FROM', ''), ';' ORDER BY prepare_time) \
        FROM pg_prepared_statements WHERE name LIKE 'rowgate\\_s%' $$";

const READER: &str = r#"
roles:
  reader:
    grants:
      - tables: [crm.product]
        read: { scope: all, where: "id > 1" }
      - functions: [crm.kept]
        execute: true
"#;

/// A server of its own with `READER`, and a gateway with one connection to it.
fn reading(name: &str) -> (Server, Gateway) {
    let server = private_server(name);
    runtime().block_on(server.cluster.run(DATABASE, KEPT)).unwrap();
    let gateway = gateway_before(
        &server,
        "gateway",
        |folder| {
            hire(folder, &["login: reader, id: 9106, roles: [reader]"]);
            fs::write(folder.join("policies/reader.yaml"), READER).unwrap();
            connections(folder, 1);
        },
        |gateway| Wire::login_with_quietly(&gateway.login("henry")),
    );
    (server, gateway)
}

#[test]
fn a_key_lookup_is_parsed_and_planned_each_time_or_another_query_is_not() {
    let (server, gateway) = reading("keeping-lookups");
    let mut reader = Wire::login(&gateway.login("reader"));
    let kept = |reader: &mut Wire| only_value(&reader.query("SELECT crm.kept()"));
    let extended = |reader: &mut Wire, sql: &str, value: &str| {
        let value = [Some(value.as_bytes())];
        let run = [parse("", sql, &[]), bind("", "", &[], &value, &[]), execute("", 0), sync()];
        let answer = reader.batch(&run);
        assert_eq!(errors(&answer), [""; 0], "{sql}: {:?}", shown(&answer));
    };
    for id in 1..8 {
        for sql in ["name LIKE 'A%' AND id > $1", "id = 1 OR id = $1", "id = $1 + 0"] {
            let sql = format!("SELECT name FROM crm.product WHERE {sql}");
            extended(&mut reader, &sql, &id.to_string());
            reader.query(&sql.replace("$1", &id.to_string()));
        }
        reader.query(&format!("UPDATE crm.product SET name = 'x' WHERE id = {id}"));
    }
    assert_eq!(kept(&mut reader), None);
    let filter = "\"crm\".\"product\"  WHERE (\"product\".\"id\" > 1) AND (  id =  $1  )";
    for id in 1..8 {
        reader.query(&format!("SELECT name FROM crm.product WHERE id = {id}"));
    }
    let one = kept(&mut reader).unwrap_or_default();
    assert_eq!(one.split_whitespace().collect::<String>(), filter.replace(' ', ""), "{one}");
    for id in 1..8 {
        extended(&mut reader, "SELECT price FROM crm.product WHERE id = $1", &id.to_string());
        extended(&mut reader, "SELECT id FROM crm.product WHERE id = $1", &id.to_string());
    }
    let all = kept(&mut reader).unwrap_or_default();
    assert_eq!(all.split(';').count(), 3, "{all}");
    // The columns of a kept statement become others: it fails until that is known, and then it does
    // not tell the old ones.
    let sql = "SELECT name FROM crm.product WHERE id = 2";
    let before = shown(&reader.query(sql));
    assert_eq!(before[0], "T name:25:-1:-1:0");
    let change = "ALTER TABLE crm.product ALTER COLUMN name TYPE varchar(70)";
    runtime().block_on(server.cluster.run(DATABASE, change)).unwrap();
    let mut after = reader.query(sql);
    let begun = Instant::now();
    while !errors(&after).is_empty() && begun.elapsed() < Duration::from_secs(60) {
        assert!(["0A000", "42501"].contains(&errors(&after)[0].as_str()), "{:?}", shown(&after));
        std::thread::sleep(Duration::from_millis(20));
        after = reader.query(sql);
    }
    assert_eq!(shown(&after)[0], "T name:1043:-1:74:0");
    assert_eq!(shown(&after)[1..], before[1..]);
}

#[test]
fn columns_that_are_others_now_are_told_from_memory() {
    let (server, gateway) = reading("changing-columns");
    let mut reader = Wire::login(&gateway.login("reader"));
    let sql = "SELECT name FROM crm.product WHERE id > $1 AND id < 3";
    reader.batch(&[parse("named", sql, &[]), sync()]);
    let bound = bind("", "named", &[], &[Some(b"1")], &[]);
    let described = [bound, describe_portal(""), execute("", 0), sync()];
    for _ in 0..3 {
        assert_eq!(shown(&reader.batch(&described))[1], "T name:25:-1:-1:0");
    }
    let change = "ALTER TABLE crm.product ALTER COLUMN name TYPE varchar(80)";
    runtime().block_on(server.cluster.run(DATABASE, change)).unwrap();
    let mut after = reader.batch(&described);
    let begun = Instant::now();
    while !errors(&after).is_empty() && begun.elapsed() < Duration::from_secs(60) {
        // Bind fails, and nothing is told.
        assert!(["0A000", "42501"].contains(&errors(&after)[0].as_str()), "{:?}", shown(&after));
        assert!(after.iter().all(|message| message.tag != b'T'), "{:?}", shown(&after));
        std::thread::sleep(Duration::from_millis(20));
        after = reader.batch(&described);
    }
    assert_eq!(shown(&after)[1], "T name:1043:-1:84:0");
}
