//! Attacks that need a session: settings, names, bytes, messages in the wrong place, attempts without
//! end, and a schema that changes under a decision. Attacks by a single statement are in
//! `tests/oracle/attacks.sql`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rowgate::demo::DATABASE;
use rowgate::demo::cluster::free_port;

use crate::harness::wire::{
    Message, Wire, bind, close_portal, describe_portal, describe_statement, errors, execute, flush,
    frame, parse, query, shown, socket, startup, sync, terminate, value,
};
use crate::harness::{
    Gateway, ROWGATE, Server, gateway, gateway_before, gateway_with, hire, private_server, runtime,
    server,
};

fn login(user: &str) -> Wire {
    Wire::login(&gateway().login(user))
}

const OWN: &str = "SELECT count(*) FROM crm.account";

fn rows(messages: &[Message]) -> usize {
    messages.iter().filter(|message| message.tag == b'D').count()
}

/// One extended run of a statement.
fn run(sql: &str) -> Vec<Vec<u8>> {
    vec![parse("", sql, &[]), bind("", "", &[], &[], &[]), execute("", 0), sync()]
}

// Settings ----------------------------------------------------------------------------------------

#[test]
fn a_setting_changes_who_one_is_or_what_a_text_means() {
    let mut alice = login("alice");
    let own = value(&alice.query(OWN)).unwrap();
    for sql in [
        "SET row_security = off",
        "SET SESSION row_security TO off",
        "SET \"row_security\" = off",
        "SET ROLE postgres",
        "SET LOCAL ROLE postgres",
        "SET \"role\" = 'postgres'",
        "SET SESSION AUTHORIZATION postgres",
        "SET SESSION AUTHORIZATION DEFAULT",
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        "SET session_replication_role = 'replica'",
        "SET plan_cache_mode = 'force_generic_plan'",
        "SET client_encoding = 'GBK'",
        "SET NAMES 'BIG5'",
        "SET standard_conforming_strings = off",
        "SET backslash_quote = on",
        "SET transform_null_equals = on",
        "SET default_text_search_config = 'simple'",
        "SET temp_buffers = 100",
        "SET crm.user_id = '101'",
        "ALTER ROLE rowgate SET search_path = crm",
        "ALTER ROLE CURRENT_USER SET row_security = off",
        "ALTER DATABASE crm SET standard_conforming_strings = off",
        "ALTER SYSTEM SET wal_level = minimal",
        "SELECT set_config('row_security', 'off', false)",
        "SELECT pg_catalog.set_config('role', 'postgres', true)",
        "UPDATE pg_catalog.pg_settings SET setting = 'off' WHERE name = 'row_security'",
        "SHOW data_directory",
        "SELECT current_setting('data_directory')",
    ] {
        for answer in [alice.query(sql), alice.batch(&run(sql))] {
            let errors = errors(&answer);
            assert_eq!(errors.len(), 1, "{sql}: {:?}", shown(&answer));
            assert!(["42501", "0A000", "42704"].contains(&errors[0].as_str()), "{sql}: {errors:?}");
        }
        assert_eq!(value(&alice.query(OWN)).as_ref(), Some(&own), "{sql}");
    }
    // The name of the setting, or its value, comes as a parameter.
    let set = "SELECT set_config($1, $2, false)";
    let answer = alice.batch(&[
        parse("", set, &[25, 25]),
        bind("", "", &[], &[Some(b"row_security"), Some(b"off")], &[]),
        execute("", 0),
        sync(),
    ]);
    assert_eq!(errors(&answer), ["42501"], "{:?}", shown(&answer));
    let answer = alice.batch(&[
        parse("", "SELECT current_setting($1, true)", &[25]),
        bind("", "", &[], &[Some(b"data_directory")], &[]),
        execute("", 0),
        sync(),
    ]);
    assert_eq!(value(&answer), None, "{:?}", shown(&answer));
    // What is allowed changes no answer.
    for sql in [
        "SET search_path = pg_catalog",
        "SET search_path = pg_temp, crm",
        "SET enable_hashjoin = off",
        "SET extra_float_digits = 0",
        "SET timezone = 'Asia/Shanghai'",
        "RESET ALL",
        "DISCARD ALL",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    ] {
        assert_eq!(errors(&alice.query(sql)), Vec::<String>::new(), "{sql}");
        assert_eq!(value(&alice.query(OWN)).as_ref(), Some(&own), "{sql}");
    }
}

// Names -------------------------------------------------------------------------------------------

#[test]
fn a_portal_or_cursor_made_again_under_its_name_answers_for_the_old_one() {
    let mut alice = login("alice");
    let names = "SELECT name FROM crm.account ORDER BY id";
    alice.query("BEGIN");
    // A portal is closed by SQL and made again as a cursor of another type.
    let opened = alice.batch(&[
        parse("", names, &[]),
        bind("p", "", &[], &[], &[]),
        describe_portal("p"),
        execute("p", 1),
        sync(),
    ]);
    assert_eq!(rows(&opened), 1, "{:?}", shown(&opened));
    assert_eq!(errors(&alice.query("CLOSE p")), Vec::<String>::new());
    let declared =
        alice.query("DECLARE p CURSOR FOR SELECT id, 7::int8 FROM crm.account ORDER BY id");
    assert_eq!(errors(&declared), Vec::<String>::new(), "{:?}", shown(&declared));
    let again = alice.batch(&[describe_portal("p"), execute("p", 2), sync()]);
    let described = again.iter().find(|message| message.tag == b'T').map(Message::show).unwrap();
    assert!(described.contains("id:20:") && described.contains("int8:20:"), "{described}");
    assert_eq!(again.iter().filter(|m| m.tag == b'D').map(|m| m.values().len()).max(), Some(2));
    // And the other way round.
    alice.query("DECLARE c CURSOR FOR SELECT id FROM crm.account");
    alice.query("CLOSE c");
    let bound = alice.batch(&[parse("", names, &[]), bind("c", "", &[], &[], &[]), sync()]);
    assert_eq!(errors(&bound), Vec::<String>::new(), "{:?}", shown(&bound));
    let fetched = alice.query("FETCH 1 FROM c");
    assert!(fetched[0].show().contains("name:25:"), "{:?}", shown(&fetched));
    assert_eq!(errors(&alice.batch(&[close_portal("c"), sync()])), Vec::<String>::new());
    assert_eq!(errors(&alice.query("FETCH 1 FROM c")), ["34000"]);
    alice.query("ROLLBACK");
    // Over the end of the transaction, and in the pipeline that ends it.
    assert_eq!(errors(&alice.batch(&[execute("p", 0), sync()])), ["34000"]);
    let answer = alice.batch(&[
        parse("", "BEGIN", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        parse("", names, &[]),
        bind("q", "", &[], &[], &[]),
        execute("q", 1),
        parse("", "ROLLBACK", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        execute("q", 1),
        sync(),
    ]);
    assert_eq!(rows(&answer), 1, "{:?}", shown(&answer));
    assert_eq!(errors(&answer), ["34000"]);
    // One name for SQL and the protocol; names of the gateway cannot be said.
    assert_eq!(errors(&alice.query("PREPARE s AS SELECT 1")), Vec::<String>::new());
    assert_eq!(errors(&alice.batch(&[parse("s", names, &[]), sync()])), ["42P05"]);
    assert_eq!(value(&alice.query("EXECUTE s")).as_deref(), Some("1"));
    for part in [
        parse("rowgate_x", "SELECT 1", &[]),
        bind("rowgate_x", "s", &[], &[], &[]),
        describe_statement("rowgate_q1_1"),
        execute("rowgate_path", 0),
    ] {
        let answer = alice.batch(&[part, sync()]);
        assert_eq!(errors(&answer).len(), 1, "{:?}", shown(&answer));
    }
    assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn a_rule_holds_in_one_form_of_a_statement_only() {
    let mut carol = login("carol");
    let select = "SELECT id, phone FROM crm.account ORDER BY id";
    let all = |answer: &[Message]| -> Vec<Vec<Option<String>>> {
        answer.iter().filter(|message| message.tag == b'D').map(Message::values).collect()
    };
    let simple = all(&carol.query(select));
    assert!(simple.iter().any(|row| row[1].as_deref().is_some_and(|phone| phone.contains('*'))));
    assert!(simple.iter().any(|row| row[1].as_deref().is_some_and(|phone| !phone.contains('*'))));
    assert_eq!(all(&carol.batch(&run(select))), simple);
    let named = carol.batch(&[
        parse("n", select, &[]),
        describe_statement("n"),
        bind("m", "n", &[], &[], &[]),
        describe_portal("m"),
        execute("m", 0),
        sync(),
    ]);
    assert_eq!(all(&named), simple);
    carol.query(&format!("PREPARE p AS {select}"));
    assert_eq!(all(&carol.query("EXECUTE p")), simple);
    carol.query("BEGIN");
    carol.query(&format!("DECLARE c CURSOR FOR {select}"));
    assert_eq!(all(&carol.query("FETCH ALL FROM c")), simple);
    let parts = carol.batch(&[
        parse("", select, &[]),
        bind("r", "", &[], &[], &[]),
        execute("r", 1),
        execute("r", 2),
        execute("r", 0),
        sync(),
    ]);
    assert_eq!(all(&parts), simple);
    carol.query("COMMIT");
    for form in [
        format!("SELECT * FROM ({select}) x ORDER BY id"),
        format!("WITH x AS MATERIALIZED ({select}) SELECT * FROM x ORDER BY id"),
        "SELECT a.id, a.phone FROM crm.account AS a ORDER BY a.id".to_owned(),
        "SELECT (a).id, (a).phone FROM crm.account a ORDER BY 1".to_owned(),
        "SELECT 1, 2 FROM crm.product WHERE false UNION ALL (SELECT id::int4, NULL FROM crm.account \
         WHERE false)"
            .to_owned(),
    ] {
        let answer = carol.query(&form);
        assert_eq!(errors(&answer), Vec::<String>::new(), "{form}: {:?}", shown(&answer));
        let found = all(&answer);
        assert!(found.is_empty() || found == simple, "{form}");
    }
    let strings = carol.query(&format!("SELECT 1; {select}; SELECT 2"));
    assert_eq!(all(&strings).len(), simple.len() + 2);
    let json =
        value(&carol.query(
            "SELECT json_agg(json_build_array(id::text, phone) ORDER BY id) FROM crm.account",
        ));
    let json: Vec<Vec<Option<String>>> = serde_json::from_str(&json.unwrap()).unwrap();
    assert_eq!(json, simple);
}

// Bytes and messages ------------------------------------------------------------------------------

#[test]
fn bytes_that_are_no_text_reach_the_server() {
    // A lone byte of a character, a quote written too long, half a surrogate, beyond the last one.
    for bytes in [&b"\xe4"[..], b"\xc0\xa7", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"] {
        let mut alice = login("alice");
        for around in
            [("SELECT '", "'"), ("SELECT \"", "\""), ("SELECT 1 -- ", ""), ("SELECT 1 AS ", "")]
        {
            let text = [around.0.as_bytes(), bytes, around.1.as_bytes()].concat();
            alice.send(&frame(b'Q', &[&text[..], b"\0"].concat()));
            let answer = alice.until_ready(1);
            assert_eq!(errors(&answer), ["22021"], "{bytes:02x?}: {:?}", shown(&answer));
            let parsed = frame(b'P', &[b"\0", &text[..], b"\0\0\0"].concat());
            let answer = alice.batch(&[parsed, sync()]);
            assert_eq!(errors(&answer), ["22021"], "{bytes:02x?}: {:?}", shown(&answer));
        }
        let answer = alice.batch(&[
            parse("", "SELECT id FROM crm.account WHERE name = $1", &[25]),
            bind("", "", &[0], &[Some(bytes)], &[]),
            execute("", 0),
            sync(),
        ]);
        assert_eq!(errors(&answer), ["22021"], "{bytes:02x?}: {:?}", shown(&answer));
        assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
        // In a name that is none of the text's.
        alice.send(&frame(b'P', &[bytes, b"\0SELECT 1\0\0\0"].concat()));
        alice.send(&sync());
        let answer = alice.until_ready(1);
        assert_eq!(errors(&answer).len(), 1, "{:?}", shown(&answer));
    }
    let mut wire = Wire::open(gateway().port);
    wire.send(&[&startup(0x0003_0000, &[("user", "alice"), ("database", DATABASE)])[..]].concat());
    wire.authenticate(rowgate::demo::sample::PASSWORD).unwrap();
}

#[test]
fn a_length_inside_a_message_lies() {
    let lie = "UPDATE crm.account SET note = 'lied' WHERE id = 1";
    let inner = query(lie);
    let with = |head: &[u8]| [head, &inner[..]].concat();
    for bytes in [
        // Values, formats and types that are more or fewer than their number says.
        frame(b'B', &with(b"\0\0\0\0\0\x01\0\0\xff\xff")),
        frame(b'B', &with(b"\0\0\0\0\xff\xff")),
        frame(b'B', &with(b"\0\0\xff\xff")),
        frame(b'B', &with(b"\0\0\0\0\0\0\xff\xff")),
        frame(b'B', &with(b"\0\0\0\0\0\0\0\0")),
        frame(b'P', &with(b"\0SELECT 1\0\xff\xff")),
        frame(b'P', &with(b"\0SELECT 1\0\0\0")),
        frame(b'E', &with(b"p\0\0\0\0\0")),
        frame(b'D', &with(b"S\0")),
        frame(b'C', &with(b"P\0")),
        frame(b'H', &inner),
        frame(b'S', &inner),
        frame(b'X', &inner),
        frame(b'f', &with(b"x\0")),
        frame(b'c', &inner),
        // The next message begins inside this one.
        [&[b'Q', 0, 0, 0, 4][..], &inner[..]].concat(),
        [&[b'Q', 0, 0, 0, 0][..], &inner[..]].concat(),
        [&[b'B', 0, 0, 0, 5, 0][..], &inner[..]].concat(),
    ] {
        let mut alice = login("alice");
        alice.send(&bytes);
        let answer = alice.rest();
        assert_eq!(errors(&answer), ["08P01"], "{bytes:02x?}: {:?}", shown(&answer));
    }
    let told = login("henry").query("SELECT count(*) FROM crm.account WHERE note = 'lied'");
    assert_eq!(value(&told).as_deref(), Some("0"));
}

#[test]
fn a_proxy_header_is_believed() {
    let packet = startup(0x0003_0000, &[("user", "alice"), ("database", DATABASE)]);
    for header in [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02",
    ] {
        let mut stream = socket(gateway().port);
        let _ = stream.write_all(&[header, &packet].concat());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.first().is_none_or(|tag| *tag == b'E'), "{header:?}: {answer:02x?}");
    }
}

#[test]
fn messages_in_the_wrong_place_confuse_copy_or_a_pipeline() {
    let data = frame(b'd', b"1\tx\n");
    let (done, fail) = (frame(b'c', b""), frame(b'f', b"no\0"));
    let one = run("SELECT 1");
    let count = run(OWN);
    let games: Vec<Vec<Vec<u8>>> = vec![
        // Copy messages where nothing is copied.
        [vec![data.clone(), done.clone(), fail.clone()], one.clone()].concat(),
        vec![one[0].clone(), done.clone(), one[1].clone(), fail.clone(), one[2].clone(), sync()],
        // Empty, repeated and unknown things.
        vec![sync(), sync(), flush(), flush(), sync()],
        vec![execute("nothing", 0), sync()],
        vec![close_portal("nothing"), sync()],
        vec![describe_statement("nothing"), parse("", "SELECT 1", &[]), sync()],
        vec![bind("", "nothing", &[], &[], &[]), execute("", 0), sync(), query("SELECT 2")],
        // A Query inside a pipeline, and what comes behind an error up to the Sync.
        vec![one[0].clone(), one[1].clone(), query("SELECT 3"), one[2].clone(), sync()],
        vec![parse("", "SELECT nothing", &[]), query("SELECT 3"), sync(), query("SELECT 4")],
        [vec![parse("", "SELEC", &[])], count.clone(), count.clone()].concat(),
        // COPY out with questions behind it.
        vec![
            query("COPY (SELECT 1) TO STDOUT"),
            query("SELECT 5"),
            query("COPY (SELECT 6) TO STDOUT"),
        ],
        [run("COPY (SELECT 7) TO STDOUT"), vec![data.clone()], one.clone()].concat(),
    ];
    let direct = server().login(crate::harness::SEEN_BY_ALICE);
    for game in games {
        let play = |mut wire: Wire| {
            wire.send(&[game.concat(), terminate()].concat());
            shown(&wire.rest())
        };
        assert_eq!(play(login("alice")), play(Wire::login(&direct)), "{game:02x?}");
    }
    // COPY in: whatever is not its data ends the session, and nothing is copied.
    let copy = "COPY crm.account (name, note) FROM STDIN";
    for part in [query("SELECT 1"), parse("", "SELECT 1", &[]), execute("", 0), frame(b'p', b"x\0")]
    {
        let mut henry = login("henry");
        henry.send(&query(copy));
        assert_eq!(henry.read().unwrap().tag, b'G');
        henry.send(&frame(b'd', b"copied by mistake\tx\n"));
        henry.send(&part);
        let answer = henry.rest();
        assert_eq!(errors(&answer), ["08P01"], "{part:02x?}: {:?}", shown(&answer));
    }
    let mut henry = login("henry");
    henry.send(&[query(copy), terminate()].concat());
    drop(henry);
    let mut henry = login("henry");
    henry.send(&query(copy));
    assert_eq!(henry.read().unwrap().tag, b'G');
    henry.send(&[frame(b'd', b"copied by mistake\tx\n"), sync(), flush(), fail].concat());
    let answer = henry.until_ready(1);
    assert_eq!(errors(&answer), ["57014"], "{:?}", shown(&answer));
    let count = "SELECT count(*) FROM crm.account WHERE name = 'copied by mistake'";
    assert_eq!(value(&henry.query(count)).as_deref(), Some("0"));
}

// Attempts without end ----------------------------------------------------------------------------

/// A gateway that allows few attempts, with pages for operators.
fn guarded() -> &'static (Gateway, u16) {
    static GUARDED: OnceLock<(Gateway, u16)> = OnceLock::new();
    GUARDED.get_or_init(|| {
        let port = free_port().unwrap();
        let gateway = gateway_with("guarded", |folder| {
            let file = folder.join("rowgate.toml");
            let text = fs::read_to_string(&file).unwrap();
            let more = format!(
                "\n[admin]\naddress = \"127.0.0.1:{port}\"\n\n[limits]\ndata_errors = 5\n\
                 comparisons = 7\nwindow = \"1h\"\n"
            );
            fs::write(file, text + &more).unwrap();
        });
        (gateway, port)
    })
}

fn guarded_login(user: &str) -> Wire {
    Wire::login(&guarded().0.login(user))
}

fn http(request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", guarded().1)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The alerts of that name on record, as text.
fn alerts(name: &str) -> Vec<String> {
    let wanted = format!("\"name\":\"{name}\"");
    let mut found = Vec::new();
    for file in fs::read_dir(guarded().0.folder.join("audit")).unwrap().flatten() {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains("\"kind\":\"alert\""));
        found.extend(lines.filter(|line| line.contains(&wanted)).map(str::to_owned));
    }
    found
}

/// Waits for the log, which is written behind the answer.
fn alert_of(name: &str, user: &str) -> String {
    for _ in 0..200 {
        if let Some(line) = alerts(name).into_iter().find(|line| line.contains(user)) {
            return line;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no alert {name} about {user}: {:?}", alerts(name));
}

#[test]
fn errors_that_depend_on_data_can_be_had_without_end() {
    let (mut bob, mut elsewhere) = (guarded_login("bob"), guarded_login("bob"));
    let fails = "SELECT 1 / (id - id) FROM crm.account";
    // What tells nothing is not counted: no rows, wrong names, refusals.
    for _ in 0..10 {
        assert_eq!(errors(&bob.query("SELECT 1 / 0")), ["22012"]);
        assert_eq!(errors(&bob.query("SELECT nothing FROM crm.account")), ["42703"]);
        assert_eq!(errors(&bob.query("SELECT * FROM crm.payment")), ["42501"]);
    }
    for number in 0..3 {
        let answer = if number % 2 == 0 { bob.query(fails) } else { elsewhere.batch(&run(fails)) };
        assert_eq!(errors(&answer), ["22012"], "{number}: {:?}", shown(&answer));
    }
    // A cursor fails when it is read, by SQL and by the protocol.
    for part in [query("FETCH 1 FROM c"), [execute("c", 1), sync()].concat()] {
        bob.query("BEGIN");
        bob.query(&format!("DECLARE c CURSOR FOR {fails}"));
        bob.send(&part);
        assert_eq!(errors(&bob.until_ready(1)), ["22012"]);
        bob.query("ROLLBACK");
    }
    for sql in [fails, OWN, "UPDATE crm.account SET note = 'x' WHERE id = 3"] {
        assert_eq!(errors(&bob.query(sql)), ["53400"], "{sql}");
        assert_eq!(errors(&elsewhere.batch(&run(sql))), ["53400"], "{sql}");
    }
    // Everything else goes on: transactions end, others are not touched.
    for sql in ["BEGIN", "SELECT 1", "SELECT count(*) FROM crm.product", "ROLLBACK"] {
        assert_eq!(errors(&bob.query(sql)), Vec::<String>::new(), "{sql}");
    }
    assert_eq!(errors(&guarded_login("judy").query(OWN)), Vec::<String>::new());
    let alert = alert_of("data_errors", "bob");
    assert!(alert.contains("\"login\":\"bob\"") && alert.contains("sales_manager"), "{alert}");
    assert_eq!(alerts("data_errors").iter().filter(|line| line.contains("bob")).count(), 1);
    let figures = http("GET /metrics");
    let line = figures.lines().find(|line| line.contains("name=\"data_errors\""));
    assert!(line.is_some_and(|line| line.starts_with("rowgate_alerts_total")), "{figures}");
}

#[test]
fn keys_can_be_probed_without_end() {
    let mut carol = guarded_login("carol");
    let probe = |id: u32| {
        format!(
            "INSERT INTO crm.account (id, name, owner_id, department_id) VALUES ({id}, 'x', 103, 22)"
        )
    };
    for id in 1..=5 {
        let answer = carol.query(&probe(id));
        assert_eq!(errors(&answer), ["23505"], "{:?}", shown(&answer));
        assert!(!answer[0].show().contains('('), "{:?}", shown(&answer));
    }
    assert_eq!(errors(&carol.query(&probe(6))), ["53400"]);
    assert!(alert_of("data_errors", "carol").contains("limits.data_errors"));
}

#[test]
fn a_masked_value_can_be_guessed_without_end() {
    let (mut frank, mut other) = (guarded_login("frank"), guarded_login("frank"));
    let by = |list: &str| format!("SELECT id FROM crm.account WHERE phone IN ({list})");
    assert_eq!(value(&frank.query(&by("'13812345678'"))).as_deref(), Some("1"));
    assert_eq!(errors(&frank.query(&by("'1', '2', '3'"))), Vec::<String>::new());
    // Each run of a prepared statement is an attempt.
    other.batch(&[parse("s", "SELECT id FROM crm.account WHERE phone = $1", &[25]), sync()]);
    let attempt = [bind("", "s", &[], &[Some(b"4")], &[]), execute("", 0), sync()];
    for _ in 0..3 {
        let answer = other.batch(&attempt);
        assert_eq!(errors(&answer), Vec::<String>::new(), "{:?}", shown(&answer));
    }
    assert_eq!(errors(&other.batch(&attempt)), ["53400"]);
    assert_eq!(errors(&frank.query(&by("'13812345678'"))), ["53400"]);
    // Who does not compare goes on, and sees the mask.
    let answer = frank.query("SELECT phone FROM crm.account WHERE id = 1");
    assert_eq!(value(&answer).as_deref(), Some("138****5678"));
    let alert = alert_of("comparisons", "frank");
    assert!(alert.contains("\"login\":\"frank\""), "{alert}");
    let output = Command::new(ROWGATE)
        .args(["audit", "search", "--format", "json", "--user", "frank", "--path"])
        .arg(guarded().0.folder.join("audit"))
        .output()
        .unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("phone: partial, compared with 3"), "{log}");
}

#[test]
fn the_pages_for_operators_change_something() {
    drop(guarded_login("alice"));
    for page in ["/healthz", "/readyz", "/metrics"] {
        let answer = http(&format!("GET {page}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{page}: {answer}");
        assert!(answer.to_lowercase().contains("content-type: text/plain"), "{page}: {answer}");
        for name in ["alice", "sales_rep", "crm.account", "13812345678"] {
            assert!(!answer.contains(name), "{page} tells {name}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = http(&format!("{method} {page}"));
            assert!(answer.starts_with("HTTP/1.1 405"), "{method} {page}: {answer}");
        }
    }
    for page in ["/", "/kill", "/reload", "/config", "/..%2f..%2fetc/passwd", "/metrics/../kill"] {
        assert!(http(&format!("GET {page}")).starts_with("HTTP/1.1 404"), "{page}");
    }
}

// The schema --------------------------------------------------------------------------------------

/// A server and a gateway whose schema may change.
fn changing() -> &'static (Server, Gateway) {
    static CHANGING: OnceLock<(Server, Gateway)> = OnceLock::new();
    CHANGING.get_or_init(|| {
        let server = private_server("changing");
        ddl(&server, NOTES);
        let gateway = gateway_before(
            &server,
            "gateway",
            |folder| {
                hire(folder, &["login: reader, id: 9104, roles: [reader]"]);
                fs::write(folder.join("policies/notes.yaml"), NOTES_POLICY).unwrap();
            },
            |gateway| Wire::login_with_quietly(&gateway.login("henry")),
        );
        (server, gateway)
    })
}

/// One at a time changes the schema.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const NOTES: &str = "
    CREATE TABLE crm.note (id int, body text, secret text);
    INSERT INTO crm.note VALUES (1, 'open', 'hidden');
    CREATE TABLE crm.other (id int, body text, secret text, more text);
    INSERT INTO crm.other VALUES (2, 'other', 'hidden', 'more');
    CREATE TABLE crm.closed (id int, body text);
    INSERT INTO crm.closed VALUES (3, 'hidden');
    CREATE VIEW crm.shown AS SELECT id, body, id AS wide FROM crm.note;
    GRANT SELECT ON crm.note, crm.other, crm.closed, crm.shown TO rowgate;";

const NOTES_POLICY: &str = "
roles:
  reader:
    grants:
      - tables: [crm.note]
        read: { scope: all }
        deny_columns: [secret]
      - tables: [crm.product]
        read: true
";

fn ddl(server: &Server, sql: &str) {
    runtime().block_on(server.cluster.run(DATABASE, sql)).unwrap();
}

/// Asks until the answer is the wanted one; what comes before must never hold the hidden value.
fn until(wire: &mut Wire, ask: &dyn Fn(&mut Wire) -> Vec<Message>, wanted: &[&str]) {
    let mut last = Vec::new();
    for _ in 0..200 {
        let answer = ask(wire);
        last = shown(&answer);
        assert!(!last.iter().any(|line| line.contains("hidden")), "{last:?}");
        let found: Vec<&String> = last.iter().filter(|line| !line.starts_with('T')).collect();
        if found == wanted {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{last:?} instead of {wanted:?}");
}

#[test]
fn a_relation_put_in_place_of_another_is_read_with_the_old_decision() {
    let _alone = alone();
    let (server, gateway) = changing();
    let mut reader = Wire::login(&gateway.login("reader"));
    let all = "SELECT * FROM crm.note";
    reader.batch(&[parse("s", all, &[]), sync()]);
    reader.query("PREPARE p AS SELECT * FROM crm.shown");
    let bound =
        |wire: &mut Wire| wire.batch(&[bind("", "s", &[], &[], &[]), execute("", 0), sync()]);
    until(&mut reader, &bound, &["2 []", "D [Some(\"1\"), Some(\"open\")]", "C SELECT 1 ", "Z I"]);
    let view = |wire: &mut Wire| wire.query("EXECUTE p");
    let wide = "D [Some(\"1\"), Some(\"open\"), Some(\"1\")]";
    until(&mut reader, &view, &[wide, "C SELECT 1 ", "Z I"]);

    // The table is swapped under open statements: the denied column of the new one stays hidden,
    // in simple queries at once and for good.
    ddl(
        server,
        "ALTER TABLE crm.note RENAME TO note_before; ALTER TABLE crm.other RENAME TO note;",
    );
    let simple = |wire: &mut Wire| wire.query(all);
    let other = "D [Some(\"2\"), Some(\"other\"), Some(\"more\")]";
    until(&mut reader, &simple, &[other, "C SELECT 1 ", "Z I"]);
    // What the client was told of the prepared one is no longer true, or it follows.
    let answer = shown(&bound(&mut reader));
    assert!(
        !answer.iter().any(|line| line.contains("hidden") || line.contains("open")),
        "{answer:?}"
    );

    // A view takes the place of the table: it is what the policy names now, without its base.
    ddl(
        server,
        "ALTER TABLE crm.note RENAME TO note_after; \
         CREATE VIEW crm.note AS SELECT 5 AS id, 'view' AS body, 'hidden' AS secret; \
         GRANT SELECT ON crm.note TO rowgate;",
    );
    until(&mut reader, &simple, &["D [Some(\"5\"), Some(\"view\")]", "C SELECT 1 ", "Z I"]);

    // The policy no longer fits: what changed is refused, what did not goes on.
    ddl(
        server,
        "DROP VIEW crm.note; CREATE TABLE crm.note (id int, body text); \
         INSERT INTO crm.note VALUES (6, 'young'); \
         GRANT SELECT ON crm.note TO rowgate; \
         CREATE OR REPLACE VIEW crm.shown AS SELECT id, body, 0 AS wide FROM crm.closed;",
    );
    let state = |wire: &mut Wire, sql: &str| errors(&wire.query(sql)).first().cloned();
    let refused = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let answer = reader.query(all);
        let line = shown(&answer).join(" ");
        assert!(!line.contains("hidden"), "{line}");
        errors(&answer) == ["55000"]
    });
    assert!(refused, "{}", gateway.log());
    assert_eq!(state(&mut reader, "SELECT count(*) FROM crm.note").as_deref(), Some("55000"));
    // The view is over a table whose name has no rules any more.
    assert_eq!(state(&mut reader, "EXECUTE p").as_deref(), Some("42501"));
    assert_eq!(state(&mut reader, "SELECT count(*) FROM crm.product"), None);
    // It is mended, and follows without a restart.
    let policy = gateway.folder.join("policies/notes.yaml");
    fs::write(policy, NOTES_POLICY.replace("        deny_columns: [secret]\n", "")).unwrap();
    let mended = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        value(&reader.query("SELECT id FROM crm.note")).as_deref() == Some("6")
    });
    assert!(mended, "{}", gateway.log());
    // The view is over a table that nobody granted.
    assert_eq!(state(&mut reader, "SELECT * FROM crm.shown").as_deref(), Some("42501"));
}

#[test]
fn an_object_on_the_search_path_stands_in_for_one_of_the_gateway() {
    let _alone = alone();
    let (server, gateway) = changing();
    let own = |wire: &mut Wire| value(&wire.query(OWN)).unwrap();
    let mut alice = Wire::login(&gateway.login("alice"));
    let mut carol = Wire::login(&gateway.login("carol"));
    let count = own(&mut alice);
    let masked = "SELECT count(*) FROM crm.account WHERE phone LIKE '%*%'";
    let stars = value(&carol.query(masked)).unwrap();
    assert_ne!(stars, "0");
    // What the filter and the mask use, under the same names, over types that fit better.
    ddl(
        server,
        "CREATE SCHEMA shadow; GRANT USAGE ON SCHEMA shadow TO rowgate; \
         CREATE TABLE shadow.account (id bigint, owner_id int, phone text); \
         INSERT INTO shadow.account SELECT n, 1, 'shadow' FROM generate_series(1, 7) n; \
         CREATE TABLE shadow.account_team (account_id bigint, user_id int); \
         GRANT SELECT ON ALL TABLES IN SCHEMA shadow TO rowgate; \
         CREATE FUNCTION shadow.\"left\"(varchar, int) RETURNS text LANGUAGE sql AS 'SELECT $1'; \
         CREATE FUNCTION shadow.\"right\"(varchar, int) RETURNS text LANGUAGE sql AS 'SELECT $1'; \
         CREATE FUNCTION shadow.repeat(text, int) RETURNS text LANGUAGE sql AS 'SELECT ''x'''; \
         CREATE FUNCTION shadow.length(varchar) RETURNS int LANGUAGE sql AS 'SELECT 0'; \
         CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'; \
         CREATE TYPE shadow.int4 AS (a int); \
         CREATE DOMAIN shadow.text AS varchar(1);",
    );
    for path in ["shadow, pg_catalog, crm", "shadow", "pg_temp, shadow, crm"] {
        for wire in [&mut alice, &mut carol] {
            assert_eq!(errors(&wire.query(&format!("SET search_path = {path}"))), [""; 0]);
        }
        assert_eq!(own(&mut alice), count, "{path}");
        assert_eq!(value(&carol.query(masked)).as_ref(), Some(&stars), "{path}");
        // Unqualified, it is the other table, and that is not granted.
        let mut answer = Vec::new();
        for _ in 0..100 {
            answer = alice.query("SELECT count(*) FROM account");
            if errors(&answer) == ["42501"] {
                break;
            }
            assert!(value(&answer).is_none_or(|found| found == count), "{path}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(errors(&answer), ["42501"], "{path}: {:?}", shown(&answer));
    }
    // An operator over built-in types stops what might mean it, and nothing that the gateway writes.
    ddl(
        server,
        "CREATE FUNCTION shadow.yes(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'; \
         CREATE OPERATOR shadow.= (LEFTARG = int, RIGHTARG = int, FUNCTION = shadow.yes);",
    );
    let refused = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(own(&mut alice), count);
        errors(&alice.query("SELECT count(*) FROM crm.account WHERE owner_id = 1")) == ["42501"]
    });
    assert!(refused);
    assert_eq!(own(&mut alice), count);
    ddl(server, "DROP SCHEMA shadow CASCADE");
}
