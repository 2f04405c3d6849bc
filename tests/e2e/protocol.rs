//! What comes before, around and instead of statements: start-up, encryption, cancelling, settings
//! that are the gateway's own, and bytes that are no protocol at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rowgate::demo::DATABASE;
use rowgate::demo::sample::PASSWORD;

use crate::harness::client::{psql_command, with_login};
use crate::harness::tap::{Tap, behind};
use crate::harness::wire::{
    Message, Wire, bind, cancel, describe_portal, describe_statement, errors, execute, frame,
    parse, query, shown, socket, startup, sync, terminate, value,
};
use crate::harness::{Gateway, Login, gateway, gateway_before, gateway_with, server};

fn login(user: &str) -> Wire {
    Wire::login(&gateway().login(user))
}

/// The gateway still answers.
fn works() {
    assert_eq!(value(&login("alice").query("SELECT 1")).as_deref(), Some("1"));
}

/// Sends bytes as the first ones of a connection and returns everything that comes back.
fn first_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut stream = socket(gateway().port);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn garbage_instead_of_a_startup_packet_is_answered_or_breaks_something() {
    let huge = [0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0];
    let short = [0, 0, 0, 3, 0, 3, 0, 0];
    let negative = [0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0];
    let unterminated = [&[0, 0, 0, 12, 0, 3, 0, 0][..], b"user"].concat();
    let too_long = startup(0x0003_0000, &[("user", &"x".repeat(20_000))]);
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00",
        &huge,
        &short,
        &negative,
        &unterminated,
        &too_long,
        &[0; 64],
        &[0xff; 4096],
        b"",
        b"\0\0",
    ] {
        let answer = first_bytes(bytes);
        // Silence or an error, never a question for a password.
        assert!(answer.first().is_none_or(|tag| *tag == b'E'), "{bytes:02x?}: {answer:02x?}");
    }
    works();
}

#[test]
fn an_unknown_protocol_version_or_option_ends_the_connection_without_a_word() {
    let mut wire = Wire::open(gateway().port);
    wire.send(&startup(0x0002_0000, &[("user", "alice")]));
    assert_eq!(errors(&wire.rest()), ["0A000"]);
    for version in [0x0003_0002, 0x0003_0063] {
        let mut wire = Wire::open(gateway().port);
        let parameters =
            [("user", "alice"), ("database", DATABASE), ("_pq_.nothing_like_this", "1")];
        wire.send(&startup(version, &parameters));
        wire.authenticate(PASSWORD).unwrap();
        let negotiation = wire.greeting.iter().find(|message| message.tag == b'v').unwrap();
        assert_eq!(negotiation.body[..4], 0x0003_0002_u32.to_be_bytes());
        assert_eq!(negotiation.body[4..8], 1_u32.to_be_bytes());
        assert!(negotiation.body.ends_with(b"_pq_.nothing_like_this\0"));
        assert!(wire.secret.len() > 4, "protocol 3.2 has longer cancel keys");
        assert_eq!(value(&wire.query("SELECT 1")).as_deref(), Some("1"));
    }
}

#[test]
fn a_startup_option_is_lost_or_changes_who_one_is() {
    let alice = gateway().login("alice");
    let with = |options: &str| Wire::login_with(&alice, &[("options", options)]);
    let mut wire = with("-c statement_timeout=4321 -c search_path=crm\\ ,public").unwrap();
    assert_eq!(value(&wire.query("SHOW statement_timeout")).as_deref(), Some("4321ms"));
    assert_eq!(errors(&wire.query("SELECT id FROM account LIMIT 1")), Vec::<String>::new());
    let mut wire =
        Wire::login_with(&alice, &[("application_name", "a tool"), ("DateStyle", "German")])
            .unwrap();
    assert_eq!(value(&wire.query("SHOW application_name")).as_deref(), Some("a tool"));
    assert_eq!(wire.parameters["application_name"], "a tool");
    assert_eq!(wire.parameters["DateStyle"], "German, DMY");
    assert_eq!(wire.parameters["session_authorization"], "alice");
    assert_eq!(wire.parameters["is_superuser"], "off");
    for options in [
        "-c role=postgres",
        "-c session_authorization=postgres",
        "-c row_security=off",
        "-crole=postgres",
        "--role=postgres",
        "-c session_replication_role=replica",
        "-c local_preload_libraries=x",
    ] {
        let error = with(options).err().unwrap_or_else(|| panic!("{options} was accepted"));
        assert_eq!(error.sqlstate(), "42501", "{options}: {}", error.show());
    }
    let error = with("-c nothing_like_this=1").err().unwrap();
    assert_eq!(error.sqlstate(), "42704");
    let error = with("-c statement_timeout=nonsense").err().unwrap();
    assert_eq!(error.sqlstate(), "22023");
    // The next one on the same server connection starts afresh.
    let mut wire = login("alice");
    assert_eq!(errors(&wire.query("SELECT id FROM account LIMIT 1")), ["42P01"]);
}

#[test]
fn replication_is_possible_or_a_database_that_does_not_exist_is() {
    let alice = gateway().login("alice");
    for mode in ["true", "database", "1", "on", "yes"] {
        let error = Wire::login_with(&alice, &[("replication", mode)]).err().unwrap();
        assert!(["0A000", "42501"].contains(&error.sqlstate().as_str()), "{}", error.show());
    }
    assert!(Wire::login_with(&alice, &[("replication", "false")]).is_ok());
    for database in ["nothing_like_this", "postgres", "template1"] {
        let login = Login { database: database.to_owned(), ..alice.clone() };
        let error = Wire::login_with(&login, &[]).err().unwrap();
        assert_eq!(error.sqlstate(), "3D000", "{}", error.show());
        assert_eq!(error.field(b'S').as_deref(), Some("FATAL"));
    }
}

/// Salt and iteration count of a first SCRAM exchange, without the nonce.
fn challenge(user: &str) -> String {
    let mut wire = Wire::open(gateway().port);
    wire.send(&startup(0x0003_0000, &[("user", user), ("database", DATABASE)]));
    assert_eq!(wire.read().unwrap().body[..4], 10_u32.to_be_bytes());
    let first = b"n,,n=,r=abcdefghijklmnopqrstuvwx";
    let length = i32::try_from(first.len()).unwrap().to_be_bytes();
    wire.send(&frame(b'p', &[b"SCRAM-SHA-256\0", &length[..], first].concat()));
    let answer = wire.read().unwrap();
    let text = String::from_utf8(answer.body[4..].to_vec()).unwrap();
    text.split(',').filter(|part| !part.starts_with("r=")).collect::<Vec<_>>().join(",")
}

#[test]
fn an_unknown_user_is_told_from_a_wrong_password() {
    let wrong = |user: &str| {
        let mut login = gateway().login(user);
        login.password = "wrong".to_owned();
        Wire::login_with(&login, &[]).err().unwrap()
    };
    // u300 exists and has no password.
    let people = ["bob", "nobody_here", "u300", "crm_app"];
    let shapes: Vec<Vec<u8>> = people.map(|user| wrong(user).body).into_iter().collect();
    for (user, body) in people.iter().zip(&shapes) {
        let shown = String::from_utf8_lossy(body).replace(user, "?");
        assert_eq!(shown, String::from_utf8_lossy(&shapes[0]).replace("bob", "?"), "{user}");
        assert!(shown.contains("28P01") && shown.contains("password authentication failed"));
    }
    let challenges: Vec<String> = people.iter().map(|user| challenge(user)).collect();
    for (user, found) in people.iter().zip(&challenges) {
        assert_eq!(&challenge(user), found, "{user}'s salt is not stable");
        assert!(found.ends_with(",i=4096"), "{user}: {found}");
        assert_eq!(found.len(), challenges[0].len(), "{user}: {found}");
    }
    assert_ne!(challenge("nobody_here"), challenge("nobody_else"));
}

#[test]
fn a_message_before_the_login_is_done_runs() {
    for message in [query("SELECT 1"), parse("", "SELECT 1", &[]), sync(), frame(b'F', b"")] {
        let mut wire = Wire::open(gateway().port);
        wire.send(&startup(0x0003_0000, &[("user", "alice"), ("database", DATABASE)]));
        assert_eq!(wire.read().unwrap().tag, b'R');
        wire.send(&message);
        let answer = wire.rest();
        assert!(answer.iter().all(|message| message.tag == b'E'), "{:?}", shown(&answer));
    }
    // A password message may not be large.
    let mut wire = Wire::open(gateway().port);
    wire.send(&startup(0x0003_0000, &[("user", "alice"), ("database", DATABASE)]));
    wire.read();
    wire.send(&[b'p', 0x3f, 0xff, 0xff, 0xff]);
    assert!(wire.rest().iter().all(|message| message.tag == b'E'));
    works();
}

#[test]
fn a_malformed_message_hangs_or_takes_others_along() {
    let mut witness = login("alice");
    for (bytes, code) in [
        (frame(b'?', b"x"), "08P01"),
        (frame(0, b""), "08P01"),
        (frame(b'p', b"x"), "08P01"),
        (frame(b'Q', b"no end"), "08P01"),
        (frame(b'Q', b"SELECT 1\0and more\0"), "08P01"),
        (frame(b'P', b"\0"), "08P01"),
        (frame(b'P', b"\0SELECT 1\0\xff\xff"), "08P01"),
        (frame(b'B', b"\0\0\x00\x01"), "08P01"),
        (frame(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff"), "08P01"),
        (frame(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\x00"), "08P01"),
        (frame(b'D', b"Xa\0"), "08P01"),
        (frame(b'E', b"\0\0"), "08P01"),
        (frame(b'S', b"more"), "08P01"),
        (frame(b'S', &vec![0; 20_000]), "08P01"),
        (vec![b'Q', 0, 0, 0, 3], "08P01"),
        (vec![b'Q', 0xff, 0xff, 0xff, 0xff], "08P01"),
        (vec![b'Q', 0x7f, 0xff, 0xff, 0xff], "08P01"),
        (vec![b'd', 0x7f, 0xff, 0xff, 0xff], "08P01"),
    ] {
        let mut wire = login("alice");
        wire.send(&bytes);
        let answer = wire.rest();
        assert_eq!(errors(&answer), [code], "{bytes:02x?}: {:?}", shown(&answer));
        assert_eq!(answer.last().unwrap().field(b'S').as_deref(), Some("FATAL"));
    }
    // Cut off anywhere.
    let whole = [
        parse("s", "SELECT $1::int", &[]),
        bind("", "s", &[], &[Some(b"1")], &[]),
        execute("", 0),
        sync(),
    ]
    .concat();
    for cut in (1..whole.len()).step_by(7) {
        let mut wire = login("alice");
        wire.send(&whole[..cut]);
        drop(wire);
    }
    assert_eq!(value(&witness.query("SELECT 2")).as_deref(), Some("2"));
}

#[test]
fn altered_bytes_break_a_session_or_the_gateway() {
    let gateway = gateway();
    let whole = [
        query("SELECT id, phone FROM crm.account; SHOW rowgate.user"),
        parse("s", "UPDATE crm.account SET note = $1 WHERE id = $2 RETURNING id", &[25, 20]),
        describe_statement("s"),
        bind("p", "s", &[0], &[Some(b"x"), Some(b"-1")], &[1]),
        describe_portal("p"),
        execute("p", 1),
        execute("p", 0),
        sync(),
        query("PREPARE q AS SELECT count(*) FROM crm.opportunity"),
        query("EXECUTE q"),
        query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM crm.account; FETCH 2 c; ROLLBACK"),
        query("INSERT INTO crm.account (name, owner_id) VALUES ('x', 103)"),
        frame(b'F', &[0; 10]),
        sync(),
    ]
    .concat();
    // A fixed sequence: what fails today fails tomorrow.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).unwrap() % below
    };
    for _ in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => bytes[at] ^= 1 << next(8),
                2 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, u8::try_from(next(256)).unwrap()),
            }
        }
        bytes.extend(terminate());
        let mut stream = socket(gateway.port);
        let mut wire = Wire::over(Box::new(stream.try_clone().unwrap()));
        let person = gateway.login("alice");
        wire.send(&startup(0x0003_0000, &[("user", "alice"), ("database", DATABASE)]));
        wire.authenticate(&person.password).unwrap();
        wire.send(&bytes);
        // A length that was altered may make the rest the beginning of a message.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let log = gateway.log();
    assert!(!log.contains("defect of the gateway") && !log.contains("panicked"), "{log}");
    works();
}

#[test]
fn a_statement_that_is_too_long_ends_the_session() {
    let mut alice = login("alice");
    let long = format!("SELECT '{}'", "x".repeat(2 << 20));
    let answer = alice.query(&long);
    assert_eq!(errors(&answer), ["54001"]);
    let answer = alice.batch(&[parse("", &long, &[]), sync()]);
    assert_eq!(errors(&answer), ["54001"]);
    let deep = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(errors(&alice.query(&deep)), ["54001"]);
    let chain = format!("SELECT 1{}", "+1".repeat(100_000));
    let answer = alice.query(&chain);
    assert_eq!(errors(&answer).len(), 1, "{:?}", shown(&answer));
    assert_eq!(errors(&alice.query("SELECT '\u{fffd}'")), Vec::<String>::new());
    assert_eq!(
        errors(&{
            alice.send(&frame(b'Q', b"SELECT '\xff\xfe'\0"));
            alice.until_ready(1)
        }),
        ["22021"]
    );
    assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn bytes_behind_a_terminate_run() {
    let mut wire = login("alice");
    wire.send(
        &[terminate(), query("UPDATE crm.account SET note = 'after the end' WHERE id = 1")]
            .concat(),
    );
    assert_eq!(shown(&wire.rest()), Vec::<String>::new());
    let count =
        login("henry").query("SELECT count(*) FROM crm.account WHERE note = 'after the end'");
    assert_eq!(value(&count).as_deref(), Some("0"));
}

#[test]
fn a_function_call_runs_a_function() {
    let mut alice = login("alice");
    // pg_backend_pid() has OID 2026.
    let call = frame(b'F', &[&2026_u32.to_be_bytes()[..], &[0; 6]].concat());
    alice.send(&call);
    let answer = alice.until_ready(1);
    assert_eq!(errors(&answer), ["0A000"], "{:?}", shown(&answer));
    assert_eq!(value(&alice.query("SELECT 1")).as_deref(), Some("1"));
    let mut henry = login("henry");
    henry.send(&call);
    let answer = henry.until_ready(1);
    assert_eq!(answer.first().map(|message| message.tag), Some(b'V'), "{:?}", shown(&answer));
}

/// Starts a statement that runs until it is cancelled.
fn long(wire: &mut Wire, mark: &str) {
    wire.send(&query(&format!(
        "SELECT count(*) AS {mark} FROM crm.account a, crm.account b, crm.account c, crm.product d, crm.product e"
    )));
    std::thread::sleep(Duration::from_millis(200));
}

#[test]
fn a_cancel_request_reaches_nobody_or_the_wrong_one() {
    let port = gateway().port;
    let ask = |bytes: &[u8]| {
        let mut stream = socket(port);
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "a cancel request is not answered");
    };
    let (mut grace, mut other) = (login("grace"), login("grace"));
    long(&mut grace, "runs_long");
    // A wrong key, the wrong length, another session, a process of the server itself.
    let mut wrong = grace.secret.clone();
    wrong[0] ^= 1;
    ask(&cancel(grace.process, &wrong));
    ask(&cancel(grace.process, &[]));
    ask(&cancel(grace.process, &[0; 32]));
    ask(&cancel(grace.process, &[0; 2000]));
    ask(&cancel(grace.process.wrapping_add(1), &grace.secret));
    // A request that has nothing to cancel is over when its connection ends: it does not hit what the
    // session does next.
    for _ in 0..20 {
        ask(&cancel(other.process, &other.secret));
        let answer = other.query("SELECT 1");
        assert_eq!(value(&answer).as_deref(), Some("1"), "{:?}", shown(&answer));
    }
    let mut henry = login("henry");
    let running = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' \
                   AND query LIKE '%AS runs_long%' AND query NOT LIKE '%pg_stat%'";
    assert_eq!(value(&henry.query(running)).as_deref(), Some("1"));
    ask(&cancel(grace.process, &grace.secret));
    let answer = grace.until_ready(1);
    assert_eq!(errors(&answer), ["57014"], "{:?}", shown(&answer));
    assert_eq!(value(&grace.query("SELECT 1")).as_deref(), Some("1"));
    // Too late: nothing runs any more.
    ask(&cancel(grace.process, &grace.secret));
    assert_eq!(value(&other.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn a_cancel_request_is_over_for_its_client_before_the_server_has_it() {
    let tap = Tap::open(server().cluster.port());
    let gateway = gateway_with("slow-cancel", |folder| behind(&tap, server(), folder));
    let mut grace = Wire::login(&gateway.login("grace"));
    long(&mut grace, "runs_behind_a_tap");
    let mut request = socket(gateway.port);
    request.write_all(&cancel(grace.process, &grace.secret)).unwrap();
    assert_eq!(request.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(tap.cancels(), 1);
    assert_eq!(errors(&grace.until_ready(1)), ["57014"]);
}

#[test]
fn rowgate_settings_tell_lies() {
    let mut alice = login("alice");
    assert_eq!(value(&alice.query("SHOW rowgate.user")).as_deref(), Some("alice"));
    let roles = value(&alice.query("SHOW rowgate.roles")).unwrap();
    assert!(roles.split(',').any(|role| role == "sales_rep"), "{roles}");
    assert!(!value(&alice.query("SHOW rowgate.policy_version")).unwrap().is_empty());
    let refused = alice.query("DELETE FROM crm.account");
    let hint = refused[0].field(b'H').unwrap();
    let decision = value(&alice.query("SHOW rowgate.decision")).unwrap();
    assert!(hint.contains(&decision), "{hint} / {decision}");
    assert_eq!(errors(&alice.query("SHOW rowgate.nothing_like_this")), ["42704"]);
    let answer = alice.batch(&[
        parse("", "SHOW rowgate.user", &[]),
        describe_statement(""),
        bind("", "", &[], &[], &[]),
        describe_portal(""),
        execute("", 0),
        sync(),
    ]);
    assert_eq!(
        shown(&answer),
        [
            "1 []",
            "t [00, 00]",
            "T rowgate.user:25:-1:-1:0",
            "2 []",
            "T rowgate.user:25:-1:-1:0",
            "D [Some(\"alice\")]",
            "C SHOW ",
            "Z I"
        ]
    );
    for sql in [
        "SET rowgate.user = 'grace'",
        "SET LOCAL rowgate.user = 'grace'",
        "SET rowgate.roles = 'management'",
        "SELECT set_config('rowgate.user', 'grace', false)",
        "SET SESSION AUTHORIZATION postgres",
        "SET ROLE rowgate",
    ] {
        let answer = alice.query(sql);
        assert!(
            ["42501", "0A000"].contains(&errors(&answer)[0].as_str()),
            "{sql}: {:?}",
            shown(&answer)
        );
    }
    assert_eq!(value(&alice.query("SHOW rowgate.user")).as_deref(), Some("alice"));
}

#[test]
fn a_service_account_keeps_the_rights_of_the_one_it_spoke_for() {
    let count = "SELECT count(*) FROM crm.account";
    let alices = value(&login("alice").query(count));
    let bobs = value(&login("bob").query(count));
    assert_ne!(alices, bobs);
    let mut app = login("crm_app");
    assert_eq!(errors(&app.query(count)), ["42501"]);
    assert_eq!(shown(&app.query("SET rowgate.user = 'alice'")), ["C SET ", "Z I"]);
    assert_eq!(value(&app.query(count)), alices);
    // A statement that was prepared for one runs with the other's rows.
    app.batch(&[parse("s", count, &[]), sync()]);
    let run = [bind("", "s", &[], &[], &[]), execute("", 0), sync()];
    assert_eq!(value(&app.batch(&run)), alices);
    app.query("SET rowgate.user = 'bob'");
    let answer = app.batch(&run);
    assert_eq!(value(&answer), bobs, "{:?}", shown(&answer));
    assert_eq!(value(&app.query("SHOW rowgate.user")).as_deref(), Some("bob"));
    // For the transaction only.
    app.query("BEGIN");
    app.query("SET LOCAL rowgate.user = 'alice'");
    assert_eq!(value(&app.query(count)), alices);
    app.query("COMMIT");
    assert_eq!(value(&app.query(count)), bobs);
    // Kept over a savepoint and a rollback: it is the application's word, not the transaction's.
    app.query("BEGIN");
    app.query("SET rowgate.user = 'alice'");
    app.query("SAVEPOINT s");
    app.query("SELECT 1/0");
    app.query("ROLLBACK TO s");
    assert_eq!(value(&app.query(count)), alices);
    app.query("ROLLBACK");
    assert_eq!(value(&app.query(count)), alices);
    app.query("SET rowgate.user = 'bob'");
    // All at once: nothing is decided before it is known how the transaction ends.
    let answer = app.batch(&[
        query("BEGIN"),
        query("SET LOCAL rowgate.user = 'alice'"),
        query(count),
        query("COMMIT"),
        query(count),
    ]);
    let counts: Vec<_> =
        answer.iter().filter(|m| m.tag == b'D').map(|m| m.values()[0].clone()).collect();
    assert_eq!(counts, [alices.clone(), bobs.clone()]);
    for all in ["DISCARD ALL", "RESET ALL"] {
        app.query("SET rowgate.user = 'bob'");
        app.query(all);
        assert_eq!(errors(&app.query(count)), ["42501"], "{all}");
    }
    app.query("SET rowgate.user = 'bob'");
    assert_eq!(errors(&app.query("SET rowgate.user = 'grace'")), ["42501"]);
    assert_eq!(errors(&app.query("SET rowgate.user = 'nobody_here'")), ["42501"]);
    assert_eq!(value(&app.query(count)), bobs);
    app.query("RESET rowgate.user");
    assert_eq!(errors(&app.query(count)), ["42501"]);
    // From the start, and by DISCARD ALL.
    let mut app =
        Wire::login_with(&gateway().login("crm_app"), &[("options", "-c rowgate.user=alice")])
            .unwrap();
    assert_eq!(value(&app.query(count)), alices);
    let refused =
        Wire::login_with(&gateway().login("alice"), &[("options", "-c rowgate.user=bob")]);
    assert!(refused.is_err(), "a person spoke for another one from the start");
}

// Encryption ---------------------------------------------------------------------------------------

/// A gateway that takes nothing but TLS, and the certificate it shows.
struct Encrypted {
    gateway: Gateway,
    authority: rustls::pki_types::CertificateDer<'static>,
}

fn encrypted() -> &'static Encrypted {
    static ENCRYPTED: OnceLock<Encrypted> = OnceLock::new();
    ENCRYPTED.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let change = |folder: &Path| {
            std::fs::write(folder.join("server.crt"), made.cert.pem()).unwrap();
            std::fs::write(folder.join("server.key"), made.signing_key.serialize_pem()).unwrap();
            let file = folder.join("rowgate.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.replacen(
                "tls = { mode = \"disable\" }",
                "tls = { mode = \"require\", certificate = \"server.crt\", private_key = \"server.key\" }",
                1,
            );
            std::fs::write(file, text).unwrap();
        };
        let authority = made.cert.der().clone();
        let listens = |gateway: &Gateway| TcpStream::connect(("127.0.0.1", gateway.port)).is_ok();
        Encrypted { gateway: gateway_before(server(), "encrypted", change, listens), authority }
    })
}

/// A TLS connection after SSLRequest.
fn tls() -> Wire {
    let mut stream = socket(encrypted().gateway.port);
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"S");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(encrypted().authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    Wire::over(Box::new(rustls::StreamOwned::new(connection, stream)))
}

fn tls_login(user: &str) -> Result<Wire, Message> {
    let mut wire = tls();
    wire.send(&startup(0x0003_0000, &[("user", user), ("database", DATABASE)]));
    wire.authenticate(PASSWORD).map(|()| wire)
}

#[test]
fn an_unencrypted_login_passes_where_tls_is_required() {
    let login = encrypted().gateway.login("alice");
    let error = Wire::login_with(&login, &[]).err().unwrap();
    assert_eq!(error.sqlstate(), "28000", "{}", error.show());
    let mut wire = tls_login("alice").unwrap();
    assert_eq!(value(&wire.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn bytes_before_the_tls_handshake_are_taken_for_encrypted_ones() {
    let mut stream = socket(encrypted().gateway.port);
    let smuggled = startup(0x0003_0000, &[("user", "alice"), ("database", DATABASE)]);
    stream.write_all(&[&[0, 0, 0, 8, 4, 210, 22, 47], &smuggled[..]].concat()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    // Nothing behind the single byte, or a TLS alert: no authentication request.
    let rest = answer.get(1..).unwrap_or_default();
    assert!(rest.is_empty() || rest[0] == 0x15, "{answer:02x?}");
}

#[test]
fn psql_does_not_get_channel_binding() {
    let login = encrypted().gateway.login("alice");
    let run = |binding: &str, mode: &str| {
        let mut command = Command::new("psql");
        command.args(["-X", "-A", "-t", "-c", "SELECT 41 + 1"]);
        command.env("PGSSLMODE", mode).env("PGCHANNELBINDING", binding);
        with_login(&mut command, &login)
    };
    let output = run("require", "require");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
    let output = run("disable", "require");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
    assert!(!run("disable", "disable").status.success());
}

#[test]
fn a_cancel_request_over_tls_reaches_nobody() {
    let mut grace = tls_login("grace").unwrap();
    long(&mut grace, "runs_encrypted");
    let mut request = tls();
    request.send(&cancel(grace.process, &grace.secret));
    assert!(request.ends_properly());
    let answer = grace.until_ready(1);
    assert_eq!(errors(&answer), ["57014"], "{:?}", shown(&answer));
}

#[test]
fn psql_is_told_otherwise_than_directly() {
    let direct = psql_command("SELECT nothing", &server().login(DATABASE));
    let through = psql_command("SELECT nothing", &gateway().login("alice"));
    assert_eq!(String::from_utf8_lossy(&through.stderr), String::from_utf8_lossy(&direct.stderr));
}
