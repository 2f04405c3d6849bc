//! What `serve` does around the statements: figures and health, limits of roles, service accounts,
//! prepared statements under new rules, parameters in the log, names of the database, the end.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rowgate::demo::cluster::free_port;

use crate::harness::wire::{Wire, bind, errors, execute, parse, query, shown, sync, value};
use crate::harness::{Gateway, ROWGATE, gateway_with, hire};

/// The gateway of these tests: with pages for operators, tight limits for some people, a further
/// name of the database and a short timeout.
fn serving() -> &'static (Gateway, u16) {
    static SERVING: OnceLock<(Gateway, u16)> = OnceLock::new();
    SERVING.get_or_init(|| {
        let port = free_port().unwrap();
        let gateway = gateway_with("serving", |folder| {
            append(
                &folder.join("rowgate.toml"),
                &format!(
                    "\n[admin]\naddress = \"127.0.0.1:{port}\"\n\n[limits]\nstatement_timeout = \
                     \"2s\"\n\n[databases.reports]\ndatabase = \"crm\"\n"
                ),
            );
            limited_people(folder);
        });
        (gateway, port)
    })
}

/// `hourly` may send five statements a minute, `daily` may read ten rows a day, `brief` gets three
/// rows from one statement.
fn limited_people(folder: &Path) {
    hire(
        folder,
        &[
            "login: hourly, roles: [hourly]",
            "login: daily, roles: [daily]",
            "login: brief, roles: [brief]",
        ],
    );
    let role = |name: &str, limits: &str| {
        format!(
            "  {name}:\n    limits: {{ {limits} }}\n    grants:\n      - tables: \
             [crm.account]\n        read: {{ scope: all }}\n"
        )
    };
    let roles = [
        role("hourly", "statements_per_minute: 5"),
        role("daily", "rows_per_day: 10"),
        role("brief", "rows_per_query: 3"),
        "        update: { scope: all, where: \"id > 0\", columns: [name] }\n".to_owned(),
    ];
    fs::write(folder.join("policies/limits.yaml"), format!("roles:\n{}", roles.concat())).unwrap();
}

fn append(file: &Path, text: &str) {
    let before = fs::read_to_string(file).unwrap();
    fs::write(file, before + text).unwrap();
}

fn login(user: &str) -> Wire {
    Wire::login(&serving().0.login(user))
}

fn page(path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", serving().1)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn audit(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = Command::new(ROWGATE)
        .args(["audit", "search", "--format", "json", "--path"])
        .arg(gateway.folder.join("audit"))
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn rows(messages: &[crate::harness::wire::Message]) -> usize {
    messages.iter().filter(|message| message.tag == b'D').count()
}

#[test]
fn operators_see_no_figures_or_wrong_ones() {
    let mut alice = login("alice");
    assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
    assert_eq!(errors(&alice.query("SELECT * FROM crm.payment")), ["42501"]);
    alice.query("BEGIN");
    assert!(page("/readyz").starts_with("HTTP/1.1 200"), "{}", page("/readyz"));
    let figures = page("/metrics");
    let figure = |name: &str| -> f64 {
        let line = figures
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{figures}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    for name in [
        "rowgate_sessions",
        "rowgate_statements_total{command=\"SELECT\",decision=\"permit\"}",
        "rowgate_statements_total{command=\"SELECT\",decision=\"deny\"}",
        "rowgate_refusals_total{sqlstate=\"42501\"}",
        "rowgate_logins_total{outcome=\"accepted\"}",
        "rowgate_plan_cache_misses_total",
        "rowgate_answer_bytes_total",
        "rowgate_answer_rows_total",
        "rowgate_audit_records_total",
        "rowgate_audit_healthy",
        "rowgate_pool_connections{database=\"crm\",state=\"in_use\"}",
    ] {
        assert!(figure(name) >= 1.0, "{name}");
    }
    assert!(figure("rowgate_verifier_refusals_total") < 1.0);
    assert!(figures.contains("rowgate_plan_cache_hits_total "), "{figures}");
    assert!(figures.contains("rowgate_plan_cache_bytes "), "{figures}");
    assert!(figures.contains("rowgate_audit_queue "), "{figures}");
}

#[test]
fn somebody_sends_more_statements_than_the_minute_allows() {
    // A minute that begins while the test runs begins a new count.
    let mut wire = login("hourly");
    let mut refused = None;
    for _ in 0..12 {
        let answer = wire.query("SELECT 1");
        refused = refused.or_else(|| errors(&answer).first().cloned());
    }
    assert_eq!(refused.as_deref(), Some("53400"));
    let answer = login("hourly").query("BEGIN");
    assert_eq!(errors(&answer), Vec::<String>::new(), "transactions cannot be ended");
}

#[test]
fn rows_that_are_checked_and_not_returned_count_as_rows_that_were_read() {
    let mut brief = login("brief");
    brief.query("BEGIN");
    let update = "UPDATE crm.account SET name = 'new' WHERE id <= 20";
    let answer = brief.query(update);
    assert_eq!(shown(&answer), ["C UPDATE 20 ", "Z T"]);
    let answer = brief.query(&format!("{update} RETURNING id"));
    assert_eq!(errors(&answer), ["53400"], "{:?}", shown(&answer));
    brief.query("ROLLBACK");
}

#[test]
fn a_cursor_or_a_portal_reads_more_rows_than_one_statement_may() {
    let mut brief = login("brief");
    let answer = brief.query("SELECT id FROM crm.account");
    assert_eq!(errors(&answer), ["53400"], "{:?}", shown(&answer));
    assert!(rows(&answer) <= 3);
    assert_eq!(rows(&brief.query("SELECT id FROM crm.account LIMIT 3")), 3);

    brief.query("BEGIN");
    brief.query("DECLARE c CURSOR FOR SELECT id FROM crm.account");
    assert_eq!(rows(&brief.query("FETCH 2 FROM c")), 2);
    let answer = brief.query("FETCH 2 FROM c");
    assert_eq!(errors(&answer), ["53400"], "{:?}", shown(&answer));
    brief.query("ROLLBACK");

    brief.query("BEGIN");
    let first = brief.batch(&[
        parse("", "SELECT id FROM crm.account", &[]),
        bind("p", "", &[], &[], &[]),
        execute("p", 2),
        sync(),
    ]);
    assert_eq!(rows(&first), 2, "{:?}", shown(&first));
    let second = brief.batch(&[execute("p", 2), sync()]);
    assert_eq!(errors(&second), ["53400"], "{:?}", shown(&second));
    brief.query("ROLLBACK");

    brief.query("PREPARE s AS SELECT id FROM crm.account");
    let answer = brief.query("EXECUTE s");
    assert_eq!(errors(&answer), ["53400"], "{:?}", shown(&answer));
    let answer = brief.query("CREATE TEMP TABLE kept AS EXECUTE s");
    assert_eq!(errors(&answer), ["53400"], "{:?}", shown(&answer));
}

#[test]
fn somebody_reads_more_rows_than_the_day_allows() {
    let (mut one, mut other) = (login("daily"), login("daily"));
    assert_eq!(rows(&one.query("SELECT id FROM crm.account LIMIT 6")), 6);
    let answer = other.query("SELECT id FROM crm.account LIMIT 6");
    assert_eq!(errors(&answer), ["53400"], "{:?}", shown(&answer));
    for sql in ["SELECT count(*) FROM crm.account", "COPY crm.account TO STDOUT"] {
        let answer = one.query(sql);
        assert_ne!(errors(&answer), Vec::<String>::new(), "{sql}: {:?}", shown(&answer));
    }
    assert_eq!(value(&one.query("SELECT 1")).as_deref(), Some("1"), "no rows of tables");
}

#[test]
fn a_statement_runs_for_as_long_as_the_client_likes() {
    let mut henry = login("henry");
    henry.query("SET statement_timeout = 0");
    let answer = henry.query("SELECT pg_sleep(25)");
    assert_eq!(errors(&answer), ["57014"], "{:?}", shown(&answer));
    assert_eq!(value(&henry.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn an_unknown_database_opens_another_one() {
    let mut known = serving().0.login("alice");
    known.database = "reports".to_owned();
    let mut wire = Wire::login(&known);
    assert_eq!(value(&wire.query("SELECT current_database()")).as_deref(), Some("crm"));
    let mut unknown = serving().0.login("alice");
    unknown.database = "postgres".to_owned();
    let error = Wire::login_with(&unknown, &[]).err().unwrap();
    assert_eq!(error.sqlstate(), "3D000");
    assert_eq!(error.field(b'M').as_deref(), Some("database \"postgres\" does not exist"));
}

const OWN: &str = "SELECT count(*) FROM crm.account";

#[test]
fn a_service_sees_more_than_the_person_it_acts_for() {
    let own = |user: &str| value(&login(user).query(OWN)).unwrap();
    let (alice, bob) = (own("alice"), own("bob"));
    assert_ne!(alice, bob, "the test would show nothing");
    let mut app = login("crm_app");
    assert_eq!(errors(&app.query(OWN)), ["42501"], "a service has no rights of its own");
    assert_eq!(value(&app.query("SHOW rowgate.user")).as_deref(), Some("crm_app"));

    let answer = app.query("SET rowgate.user = 'alice'");
    assert_eq!(errors(&answer), Vec::<String>::new(), "{:?}", shown(&answer));
    assert_eq!(value(&app.query("SHOW rowgate.user")).as_deref(), Some("alice"));
    assert!(value(&app.query("SHOW rowgate.roles")).unwrap().contains("sales_rep"));
    assert_eq!(value(&app.query(OWN)).unwrap(), alice);

    app.query("BEGIN");
    app.query("SET LOCAL rowgate.user TO 'bob'");
    assert_eq!(value(&app.query(OWN)).unwrap(), bob);
    app.query("COMMIT");
    assert_eq!(value(&app.query(OWN)).unwrap(), alice, "LOCAL outlived its transaction");

    // The same without waiting for an answer.
    let parts = ["BEGIN", "SET LOCAL rowgate.user = 'bob'", OWN, "COMMIT", OWN].map(query);
    let answer = app.batch(&parts);
    let counts: Vec<String> = answer
        .iter()
        .filter(|message| message.tag == b'D')
        .map(|message| message.values()[0].clone().unwrap())
        .collect();
    assert_eq!(counts, [bob.as_str(), alice.as_str()], "{:?}", shown(&answer));

    // And in one pipeline of the extended protocol.
    let run =
        |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[], &[]), execute("", 0)].concat();
    let mut parts: Vec<Vec<u8>> =
        ["BEGIN", "SET LOCAL rowgate.user = 'bob'", OWN, "COMMIT", OWN].map(run).to_vec();
    parts.push(sync());
    let answer = app.batch(&parts);
    let counts: Vec<String> = answer
        .iter()
        .filter(|message| message.tag == b'D')
        .map(|message| message.values()[0].clone().unwrap())
        .collect();
    assert_eq!(counts, [bob, alice], "{:?}", shown(&answer));

    app.query("RESET rowgate.user");
    assert_eq!(errors(&app.query(OWN)), ["42501"]);
    let log = audit(&serving().0, &["--user", "crm_app", "--limit", "200"]);
    assert!(log.contains("\"acting\": \"bob\""), "{log}");
}

#[test]
fn a_service_acts_for_people_it_may_not_act_for() {
    let mut app = login("crm_app");
    // grace is of the management, henry the administrator; crm_app itself is no person.
    for user in ["grace", "henry", "nobody", "crm_app"] {
        let answer = app.query(&format!("SET rowgate.user = '{user}'"));
        assert_eq!(errors(&answer), ["42501"], "{user}: {:?}", shown(&answer));
        assert_eq!(value(&app.query("SHOW rowgate.user")).as_deref(), Some("crm_app"));
    }
    let answer = login("alice").query("SET rowgate.user = 'bob'");
    assert_eq!(errors(&answer), ["42501"], "{:?}", shown(&answer));
    let answer = login("henry").query("SET rowgate.user = 'bob'");
    assert_eq!(errors(&answer), ["42501"], "{:?}", shown(&answer));
}

#[test]
fn a_person_cannot_learn_which_rules_are_in_force() {
    let mut alice = login("alice");
    assert_eq!(value(&alice.query("SHOW rowgate.user")).as_deref(), Some("alice"));
    assert!(!value(&alice.query("SHOW rowgate.policy_version")).unwrap().is_empty());
    let refusal = alice.query("SELECT * FROM crm.payment");
    let hint = refusal.iter().find_map(|message| message.field(b'H')).unwrap();
    let decision = value(&alice.query("SHOW rowgate.decision")).unwrap();
    assert!(hint.contains(&decision), "{hint} and {decision}");
    assert_eq!(errors(&alice.query("SHOW rowgate.nothing")), ["42704"]);
    let answer = alice.batch(&[
        parse("", "SHOW rowgate.roles", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        sync(),
    ]);
    assert!(value(&answer).unwrap().contains("sales_rep"), "{:?}", shown(&answer));
}

#[test]
fn values_of_masked_columns_can_be_read_in_the_log() {
    let gateway = &serving().0;
    let mut bob = login("bob");
    let ask = |wire: &mut Wire, sql: &str, value: &[u8]| {
        let answer = wire.batch(&[
            parse("", sql, &[25]),
            bind("", "", &[], &[Some(value)], &[]),
            execute("", 0),
            sync(),
        ]);
        assert_eq!(errors(&answer), Vec::<String>::new(), "{:?}", shown(&answer));
    };
    ask(&mut bob, "SELECT id FROM crm.account WHERE phone = $1", b"tagged-0815");
    ask(&mut bob, "SELECT id FROM crm.account WHERE name = $1", b"harmless-0815");
    let log = audit(gateway, &["--user", "bob", "--limit", "50"]);
    assert!(log.contains("harmless-0815"), "{log}");
    assert!(!log.contains("tagged-0815"), "{log}");
    // A refusal says what it was about.
    login("alice").query("DELETE FROM crm.payment");
    let log = audit(gateway, &["--user", "alice", "--decision", "deny", "--table", "crm.payment"]);
    assert!(log.contains("\"DELETE\""), "{log}");
}

#[test]
fn a_prepared_statement_runs_on_under_rules_that_are_gone() {
    let gateway = gateway_with("preparing", |_| {});
    let mut alice = Wire::login(&gateway.login("alice"));
    alice.query("PREPARE p(int) AS SELECT phone FROM crm.account WHERE id = $1");
    alice.query("PREPARE q AS SELECT count(*) FROM crm.remark");
    assert_eq!(value(&alice.query("EXECUTE p(1)")).as_deref(), Some("13812345678"));
    let version = value(&alice.query("SHOW rowgate.policy_version"));
    let levels = gateway.folder.join("policies/levels.yaml");
    let text = fs::read_to_string(&levels).unwrap();
    fs::write(&levels, text.replace("unmask: [pii.phone, pii.email]", "unmask: [pii.email]"))
        .unwrap();
    let process = Pid::from_raw(gateway.process.process_id());
    kill(process, Signal::SIGHUP).unwrap();
    let changed = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        value(&alice.query("SHOW rowgate.policy_version")) != version
    });
    assert!(changed, "{}", gateway.log());
    for _ in 0..2 {
        let answer = alice.query("EXECUTE p(1)");
        assert_eq!(value(&answer).as_deref(), Some("138****5678"), "{:?}", shown(&answer));
    }
    // In the middle of a batch, through the extended protocol, and in a transaction that failed.
    let answer = alice.batch(&[query("SELECT 1"), query("EXECUTE q"), query("EXECUTE q")]);
    assert_eq!(errors(&answer), Vec::<String>::new(), "{:?}", shown(&answer));
    assert_eq!(rows(&answer), 3);
    alice.query("BEGIN");
    alice.query("SELECT 1/0");
    assert_eq!(errors(&alice.query("EXECUTE p(1)")), ["25P02"]);
    alice.query("ROLLBACK");
    assert_eq!(value(&alice.query("EXECUTE p(1)")).as_deref(), Some("138****5678"));
}

#[test]
fn idle_sessions_keep_a_terminated_gateway_alive() {
    let mut gateway = gateway_with("ending", |_| {});
    let process = Pid::from_raw(gateway.process.process_id());
    let login = |user: &str| Wire::login(&gateway.login(user));
    let (mut idle, mut busy, mut open) = (login("alice"), login("henry"), login("bob"));
    open.query("BEGIN");
    busy.send(&query("SELECT pg_sleep(1), 'done'"));
    std::thread::sleep(Duration::from_millis(200));
    kill(process, Signal::SIGTERM).unwrap();
    let told = idle.rest();
    assert_eq!(errors(&told), ["57P01"], "{:?}", shown(&told));
    assert_eq!(told[0].field(b'S').as_deref(), Some("FATAL"));
    let answer = busy.rest();
    assert_eq!(answer[1].values()[1].as_deref(), Some("done"), "{:?}", shown(&answer));
    assert_eq!(errors(&answer), ["57P01"]);
    assert_eq!(value(&open.query("SELECT 1")).as_deref(), Some("1"), "a transaction was cut off");
    kill(process, Signal::SIGTERM).unwrap();
    let told = open.rest();
    assert_eq!(errors(&told), ["57P01"], "{:?}", shown(&told));
    let ended = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        !gateway.process.is_running()
    });
    assert!(ended, "{}", gateway.log());
    let verified = Command::new(ROWGATE)
        .args(["audit", "verify", "--path"])
        .arg(gateway.folder.join("audit"))
        .status()
        .unwrap();
    assert!(verified.success());
    let records: String = fs::read_dir(gateway.folder.join("audit"))
        .unwrap()
        .flatten()
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .collect();
    assert!(records.contains("\"kind\":\"start\""), "{records}");
    assert!(records.contains("\"kind\":\"stop\""), "{records}");
}
