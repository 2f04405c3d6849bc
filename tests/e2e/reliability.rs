//! What goes wrong around the gateway: it is killed, its server dies, its disk is full, its files are
//! broken, its clients are slow or hostile.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rowgate::demo::DATABASE;
use rowgate::demo::supervised::{Run, Supervised};

use crate::harness::wire::{
    Wire, bind, errors, execute, parse, query, shown, socket, startup, sync, terminate, value,
};
use crate::harness::{
    Gateway, ROWGATE, gateway_with, hire, private_server, runtime, session_pooling,
};

fn signal(gateway: &Gateway, signal: Signal) {
    kill(Pid::from_raw(gateway.process.process_id()), signal).unwrap();
}

fn login(gateway: &Gateway, user: &str) -> Wire {
    Wire::login(&gateway.login(user))
}

/// Runs `rowgate audit` on the gateway's log.
fn audit(gateway: &Gateway, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(ROWGATE)
        .arg("audit")
        .args(arguments)
        .arg("--path")
        .arg(gateway.folder.join("audit"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A line of `/proc/PID/status`, in KiB.
fn memory(gateway: &Gateway) -> u64 {
    let file = format!("/proc/{}/status", gateway.process.process_id());
    let status = fs::read_to_string(file).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn open_files(gateway: &Gateway) -> usize {
    fs::read_dir(format!("/proc/{}/fd", gateway.process.process_id())).unwrap().count()
}

/// Tries again for half a minute.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = attempt() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never: {what}");
}

#[test]
fn a_killed_gateway_loses_the_record_of_an_answered_statement() {
    let mut gateway = gateway_with("killed", |_| {});
    let mut answered: BTreeSet<String> = BTreeSet::new();
    for round in 0..3 {
        let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let seen: Vec<String> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..6)
                .map(|client| {
                    let (gateway, stop, count) = (&gateway, &stop, &count);
                    scope.spawn(move || {
                        let user = ["alice", "bob", "grace", "henry"][client % 4];
                        let mut wire = login(gateway, user);
                        let mut seen = Vec::new();
                        for number in 0.. {
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                            let marker = format!("marker-{round}-{client}-{number}.");
                            let sql = match number % 3 {
                                0 => format!(
                                    "SELECT id FROM crm.account WHERE id < 20 /* {marker} */"
                                ),
                                1 => format!("SELECT '{marker}'"),
                                _ => format!("DELETE FROM crm.account WHERE name = '{marker}'"),
                            };
                            let answer = if number % 2 == 0 {
                                wire.query(&sql)
                            } else {
                                wire.batch(&[
                                    parse("", &sql, &[]),
                                    bind("", "", &[], &[], &[]),
                                    execute("", 0),
                                    sync(),
                                ])
                            };
                            // A refusal waits for nothing: nothing ran.
                            if answer.iter().any(|message| message.tag == b'C') {
                                seen.push(marker);
                                count.fetch_add(1, Ordering::Relaxed);
                            }
                            if answer.last().is_none_or(|message| message.tag != b'Z') {
                                break;
                            }
                        }
                        seen
                    })
                })
                .collect();
            // In the middle of the load, however fast the machine is.
            for _ in 0..600 {
                if count.load(Ordering::Relaxed) > 100 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            signal(&gateway, Signal::SIGKILL);
            stop.store(true, Ordering::Relaxed);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        assert!(seen.len() > 20, "only {} statements were answered", seen.len());
        answered.extend(seen);
        gateway.process.stop();
        gateway.restart();
        assert_eq!(value(&login(&gateway, "alice").query("SELECT 1")).as_deref(), Some("1"));
    }
    gateway.process.stop();
    let (holds, text) = audit(&gateway, &["verify"]);
    assert!(holds, "{text}");
    let (_, found) = audit(&gateway, &["search", "--format", "json", "--limit", "1000000"]);
    let missing: Vec<&String> =
        answered.iter().filter(|marker| !found.contains(marker.as_str())).collect();
    assert!(missing.is_empty(), "{} of {}: {missing:?}", missing.len(), answered.len());
}

#[test]
fn a_server_that_dies_needs_a_restart_of_the_gateway() {
    let server = private_server("dying");
    let change = |folder: &Path| {
        session_pooling(folder);
        edit(&folder.join("rowgate.toml"), |text| {
            text.replace("size = 50", "size = 50, wait_timeout = \"2s\"")
        });
    };
    let gateway = crate::harness::gateway_before(&server, "gateway", change, |gateway| {
        Wire::login_with_quietly(&gateway.login("henry"))
    });
    let run = |sql: &str| runtime().block_on(server.cluster.run("postgres", sql)).unwrap();

    // An administrator ends the sessions.
    let (mut idle, mut busy) = (login(&gateway, "alice"), login(&gateway, "grace"));
    busy.send(&query("SELECT count(*) FROM crm.account a, crm.account b, crm.account c"));
    std::thread::sleep(Duration::from_millis(300));
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rowgate'");
    for answer in [idle.rest(), busy.rest()] {
        let codes = errors(&answer);
        assert!(codes.len() == 1, "{:?}", shown(&answer));
        assert!(["57P01", "08006"].contains(&codes[0].as_str()), "{:?}", shown(&answer));
        assert_eq!(answer.last().unwrap().field(b'S').as_deref(), Some("FATAL"));
    }
    assert_eq!(value(&login(&gateway, "alice").query("SELECT 1")).as_deref(), Some("1"));

    // Connections wait in the pool when the server crashes.
    let several: Vec<Wire> = (0..5).map(|_| login(&gateway, "alice")).collect();
    for mut wire in several {
        wire.send(&terminate());
        assert_eq!(wire.rest(), []);
    }
    let mut open = login(&gateway, "bob");
    open.query("BEGIN");
    let process: i32 = runtime().block_on(async {
        let superuser = server.cluster.superuser("postgres");
        let (client, connection) = superuser.connect(tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'rowgate' LIMIT 1";
        let row = client.query_one(sql, &[]).await.unwrap();
        connection.abort();
        row.get(0)
    });
    kill(Pid::from_raw(process), Signal::SIGKILL).unwrap();
    let answer = open.rest();
    let codes = errors(&answer);
    assert!(
        codes.len() == 1 && ["57P01", "57P02", "08006"].contains(&codes[0].as_str()),
        "{:?}",
        shown(&answer)
    );
    eventually("the server is back", || {
        let superuser = server.cluster.superuser("postgres");
        runtime().block_on(superuser.connect(tokio_postgres::NoTls)).ok().map(drop)
    });
    // The first one gets no connection that died in the pool.
    assert_eq!(value(&login(&gateway, "alice").query("SELECT 1")).as_deref(), Some("1"));

    // It is gone for good.
    let mut open = login(&gateway, "bob");
    drop(server);
    assert_eq!(errors(&open.rest()).len(), 1);
    let error = Wire::login_with(&gateway.login("alice"), &[]).err().unwrap();
    let code = error.sqlstate();
    assert!(code.starts_with("08") || code.starts_with("57P"), "{}", error.show());
    assert_eq!(error.field(b'S').as_deref(), Some("FATAL"));
}

#[test]
fn slow_or_greedy_clients_make_the_gateway_grow() {
    let gateway = gateway_with("slow", |_| {});
    let mut witness = login(&gateway, "alice");
    witness.query("SELECT count(*) FROM crm.account");
    let before = memory(&gateway);
    let large = "SELECT repeat('x', 1000) FROM pg_catalog.pg_class a, pg_catalog.pg_class b";
    // They never read.
    let mut silent: Vec<Wire> = (0..10).map(|_| login(&gateway, "henry")).collect();
    for wire in &mut silent {
        wire.send(&query(large));
    }
    // One reads byte by byte.
    let mut slow = login(&gateway, "henry");
    slow.send(&query(large));
    let mut byte = [0];
    for _ in 0..2000 {
        assert!(slow.read_exact(&mut byte));
    }
    // They send without end and read nothing.
    let greedy: Vec<TcpStream> = (0..5).map(|_| greedy(&gateway)).collect();
    // They announce much and send little.
    let mut announcing: Vec<Wire> = (0..20).map(|_| login(&gateway, "alice")).collect();
    for wire in &mut announcing {
        wire.send(&[b'Q', 0, 0xf0, 0, 0]);
    }
    std::thread::sleep(Duration::from_millis(500));
    let grown = memory(&gateway).saturating_sub(before);
    assert!(grown < 100 * 1024, "grown by {grown} KiB");
    assert_eq!(value(&witness.query("SELECT 1")).as_deref(), Some("1"));
    assert_eq!(value(&login(&gateway, "bob").query("SELECT 2")).as_deref(), Some("2"));
    drop((silent, slow, greedy, announcing));
    assert_eq!(value(&witness.query("SELECT 3")).as_deref(), Some("3"));
}

/// A client that has sent all the gateway takes, and has read nothing of the answers.
fn greedy(gateway: &Gateway) -> TcpStream {
    let login = gateway.login("henry");
    let stream = socket(login.port);
    let mut wire = Wire::over(Box::new(stream.try_clone().unwrap()));
    wire.send(&startup(0x0003_0000, &[("user", &login.user), ("database", DATABASE)]));
    wire.authenticate(&login.password).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let batch = [
        parse("", "SELECT repeat('x', 20000)", &[]),
        bind("", "", &[], &[], &[]),
        execute("", 0),
        sync(),
    ]
    .concat()
    .repeat(500);
    let mut writer = &stream;
    for _ in 0..400 {
        if writer.write_all(&batch).is_err() {
            break;
        }
    }
    stream
}

#[test]
fn connections_that_say_little_pile_up() {
    let gateway = gateway_with("crowded", |folder| {
        let file = folder.join("rowgate.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replacen("[listen]\n", "[listen]\nmax_connections = 20\n", 1))
            .unwrap();
    });
    let mut witness = login(&gateway, "alice");
    let (files, before) = (open_files(&gateway), memory(&gateway));
    for number in 0..10_000_u32 {
        // Some are over the limit at that moment and get no connection at all.
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", gateway.port)) else { continue };
        let _ = match number % 4 {
            0 => Ok(()),
            1 => stream.write_all(&[0, 0]),
            2 => stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]),
            _ => stream.write_all(&startup(0x0003_0000, &[("user", "alice")])),
        };
    }
    eventually("all are gone", || (open_files(&gateway) <= files + 5).then_some(()));
    let grown = memory(&gateway).saturating_sub(before);
    assert!(grown < 50 * 1024, "grown by {grown} KiB");
    assert_eq!(value(&witness.query("SELECT 1")).as_deref(), Some("1"));
    // All places are taken: the others are told so, and the place that becomes free is free.
    let mut inside: Vec<Wire> = (0..19)
        .map(|_| eventually("a place", || Wire::login_with(&gateway.login("alice"), &[]).ok()))
        .collect();
    for _ in 0..5 {
        let error = Wire::login_with(&gateway.login("alice"), &[]).err().unwrap();
        assert_eq!(error.sqlstate(), "53300", "{}", error.show());
    }
    inside.pop();
    eventually("a free place", || Wire::login_with(&gateway.login("alice"), &[]).ok());
}

#[test]
fn a_thread_that_polls_for_work_never_sleeps_or_starves_its_sessions() {
    let gateway = gateway_with("busy", |folder| {
        let file = folder.join("rowgate.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replacen("[listen]\n", "[listen]\nbusy_poll = \"1ms\"\n", 1)).unwrap();
    });
    let mut sessions: Vec<Wire> = (0..4).map(|_| login(&gateway, "alice")).collect();
    for _ in 0..50 {
        for session in &mut sessions {
            assert_eq!(value(&session.query("SELECT 1")).as_deref(), Some("1"));
        }
    }
    eventually("all lanes sleep", || {
        lanes(&gateway).iter().all(|state| *state == 'S').then_some(())
    });
    assert_eq!(value(&sessions[0].query("SELECT 1")).as_deref(), Some("1"), "and one is woken");
}

/// What the lanes are doing: `S` sleeps, `R` runs (proc_pid_stat(5)).
fn lanes(gateway: &Gateway) -> Vec<char> {
    let tasks = format!("/proc/{}/task", gateway.process.process_id());
    let stats = fs::read_dir(tasks).unwrap().filter_map(|task| {
        let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        name.starts_with("lane-").then(|| rest.chars().next())?
    });
    let states: Vec<char> = stats.collect();
    assert!(!states.is_empty());
    states
}

#[test]
fn statements_run_unrecorded_on_a_full_disk() {
    let mut gateway = gateway_with("full", |_| {});
    gateway.process.stop();
    // A limit on the size of files stands for a full disk: it needs no privileges.
    let script = gateway.folder.join("limited");
    fs::write(&script, format!("#!/bin/sh\ntrap '' XFSZ\nexec {ROWGATE} \"$@\"\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let config = gateway.folder.join("rowgate.toml");
    gateway.process = Supervised::start(Run {
        program: &script,
        arguments: &["serve".as_ref(), "--config".as_ref(), config.as_os_str()],
        stop_signal: "TERM",
        log: &gateway.folder.join("gateway.log"),
        remove: None,
        user: None,
    })
    .unwrap();
    gateway.wait(|gateway| Wire::login_with_quietly(&gateway.login("henry")));
    let limit = |size: &str| {
        let process = gateway.process.process_id().to_string();
        let status = Command::new("prlimit")
            .args(["--pid", &process, &format!("--fsize={size}:unlimited")])
            .status()
            .unwrap();
        assert!(status.success());
    };
    let (mut alice, mut henry) = (login(&gateway, "alice"), login(&gateway, "henry"));
    limit("1000");
    let refused = eventually("a refusal", || {
        let answer = alice.query("SELECT id FROM crm.account");
        if answer.is_empty() {
            alice = login(&gateway, "alice");
        }
        errors(&answer).first().cloned()
    });
    assert_eq!(refused, "58030");
    for sql in ["UPDATE crm.account SET note = 'unrecorded' WHERE id = 1", "SELECT 1"] {
        let answer = henry.query(sql);
        assert_eq!(errors(&answer), ["58030"], "{sql}: {:?}", shown(&answer));
        assert!(answer.iter().all(|message| message.tag != b'D' && message.tag != b'C'));
        if answer.last().is_none_or(|message| message.tag != b'Z') {
            break;
        }
    }
    assert!(Wire::login_with(&gateway.login("bob"), &[]).is_err(), "a login was not recorded");
    limit("unlimited");
    let mut henry =
        eventually("it is writable again", || Wire::login_with(&gateway.login("henry"), &[]).ok());
    let note = henry.query("SELECT count(*) FROM crm.account WHERE note = 'unrecorded'");
    assert_eq!(value(&note).as_deref(), Some("0"), "{:?}", shown(&note));
    gateway.process.stop();
    let (holds, text) = audit(&gateway, &["verify"]);
    assert!(holds, "{text}");
}

fn edit(file: &Path, change: impl FnOnce(&str) -> String) {
    let before = fs::read_to_string(file).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "nothing was changed in {}", file.display());
    fs::write(file, after).unwrap();
}

#[test]
fn a_broken_policy_takes_effect_or_a_good_one_does_not() {
    let gateway = gateway_with("reloading", |_| {});
    let levels = gateway.folder.join("policies/levels.yaml");
    let mut alice = login(&gateway, "alice");
    alice.batch(&[parse("s", "SELECT phone FROM crm.account WHERE id = 1", &[]), sync()]);
    alice.query("PREPARE p AS SELECT phone FROM crm.account WHERE id = 1");
    let run = [bind("", "s", &[], &[], &[]), execute("", 0), sync()];
    assert_eq!(value(&alice.batch(&run)).as_deref(), Some("13812345678"));
    let version = value(&alice.query("SHOW rowgate.policy_version"));

    let good = fs::read_to_string(&levels).unwrap();
    edit(&levels, |text| text.replace("unmask: [pii.phone, pii.email]", "unmaks: [nothing"));
    signal(&gateway, Signal::SIGHUP);
    eventually("the refusal is on record", || {
        let folder = gateway.folder.join("audit");
        let segments = fs::read_dir(folder).unwrap().flatten();
        segments
            .filter_map(|segment| fs::read_to_string(segment.path()).ok())
            .any(|text| text.contains("\"accepted\":false"))
            .then_some(())
    });
    assert_eq!(value(&alice.query("SHOW rowgate.policy_version")), version);
    assert_eq!(value(&alice.batch(&run)).as_deref(), Some("13812345678"));
    assert_eq!(
        value(&login(&gateway, "alice").query("SELECT phone FROM crm.account WHERE id = 1"))
            .as_deref(),
        Some("13812345678")
    );

    fs::write(&levels, good.replace("unmask: [pii.phone, pii.email]", "unmask: [pii.email]"))
        .unwrap();
    signal(&gateway, Signal::SIGHUP);
    eventually("the new policy is in force", || {
        (value(&alice.query("SHOW rowgate.policy_version")) != version).then_some(())
    });
    let answer = alice.batch(&run);
    assert_eq!(value(&answer).as_deref(), Some("138****5678"), "{:?}", shown(&answer));
    let answer = alice.query("SELECT phone FROM crm.account WHERE id = 1");
    assert_eq!(value(&answer).as_deref(), Some("138****5678"));
    // SQL PREPARE fixed the rules of its time: it must be prepared again.
    let answer = alice.query("EXECUTE p");
    assert_ne!(value(&answer).as_deref(), Some("13812345678"), "{:?}", shown(&answer));
}

#[test]
fn a_portal_runs_on_under_rules_that_are_gone() {
    let gateway = gateway_with("portals", |_| {});
    let levels = gateway.folder.join("policies/levels.yaml");
    let mut alice = login(&gateway, "alice");
    alice.query("BEGIN");
    alice.batch(&[
        parse("", "SELECT id, phone FROM crm.account ORDER BY id", &[]),
        bind("p", "", &[], &[], &[]),
        execute("p", 1),
        // What the new rules are about is not in this one.
        parse("", "SELECT name FROM crm.account ORDER BY id", &[]),
        bind("q", "", &[], &[], &[]),
        execute("q", 1),
        sync(),
    ]);
    let version = value(&alice.query("SHOW rowgate.policy_version"));
    edit(&levels, |text| text.replace("unmask: [pii.phone, pii.email]", "unmask: [pii.email]"));
    signal(&gateway, Signal::SIGHUP);
    let mut other = login(&gateway, "bob");
    eventually("the new policy is in force", || {
        (value(&other.query("SHOW rowgate.policy_version")) != version).then_some(())
    });
    let answer = alice.batch(&[execute("q", 1), sync()]);
    let next = login(&gateway, "alice").query("SELECT name FROM crm.account ORDER BY id OFFSET 1");
    assert_eq!(value(&answer), value(&next), "{:?}", shown(&answer));
    let answer = alice.batch(&[execute("p", 1), sync()]);
    assert_eq!(errors(&answer), ["42501"], "{:?}", shown(&answer));
}

/// PostgreSQL takes no parameters in COPY, so the person's values are in its text.
#[test]
fn a_portal_answers_for_somebody_else_than_the_service_speaks_for() {
    let gateway = gateway_with("portal-identity", |folder| {
        let two = ["login: ann, id: 904, roles: [own]", "login: abe, id: 903, roles: [own]"];
        hire(folder, &two);
        edit(&folder.join("directory.yaml"), |text| {
            text.replace("may_act_as: [sales_rep,", "may_act_as: [own, sales_rep,")
        });
        let role = "roles:\n  own:\n    grants:\n      - tables: [crm.account]\n        \
            read: { scope: self }\n        export: { scope: self }\n";
        fs::write(folder.join("policies/own.yaml"), role).unwrap();
    });
    let mut app = login(&gateway, "crm_app");
    app.query("BEGIN");
    app.query("SET rowgate.user = 'ann'");
    let copy = "COPY (SELECT DISTINCT owner_id FROM crm.account) TO STDOUT";
    let run = [parse("s", copy, &[]), bind("p", "s", &[], &[], &[]), execute("p", 0), sync()];
    let own = app.batch(&run);
    assert_eq!(errors(&own), Vec::<String>::new(), "{:?}", shown(&own));
    app.batch(&[bind("q", "s", &[], &[], &[]), sync()]);
    let answer = app.query("SET rowgate.user = 'abe'");
    assert_eq!(errors(&answer), Vec::<String>::new(), "{:?}", shown(&answer));
    let answer = app.batch(&[execute("q", 0), sync()]);
    assert_eq!(errors(&answer), ["42501"], "{:?}", shown(&answer));
}

#[test]
fn a_disabled_person_keeps_an_open_session() {
    let gateway = gateway_with("disabling", |_| {});
    let (mut alice, mut bob) = (login(&gateway, "alice"), login(&gateway, "bob"));
    alice.query("BEGIN");
    edit(&gateway.folder.join("directory.yaml"), |text| {
        text.replace("{ login: alice,", "{ login: alice, status: disabled,")
    });
    let answer = alice.rest();
    assert_eq!(errors(&answer), ["57P01"], "{:?}", shown(&answer));
    let error = Wire::login_with(&gateway.login("alice"), &[]).err().unwrap();
    assert_eq!(error.sqlstate(), "28P01", "{}", error.show());
    assert_eq!(value(&bob.query("SELECT 1")).as_deref(), Some("1"));
}

#[test]
fn a_terminated_gateway_drops_what_runs() {
    let mut gateway = gateway_with("draining", |_| {});
    let (mut henry, mut alice) = (login(&gateway, "henry"), login(&gateway, "alice"));
    henry.send(&query("SELECT pg_sleep(0.7), 'done'"));
    std::thread::sleep(Duration::from_millis(100));
    signal(&gateway, Signal::SIGTERM);
    eventually("nobody gets in any more", || {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", gateway.port)) else {
            return Some(());
        };
        let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
        let _ = stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]);
        let mut answer = [0];
        (stream.read(&mut answer).ok() != Some(1)).then_some(())
    });
    let answer = henry.until_ready(1);
    assert_eq!(answer[1].values()[1].as_deref(), Some("done"), "{:?}", shown(&answer));
    // Who does nothing is told to come back elsewhere.
    for wire in [&mut henry, &mut alice] {
        let answer = wire.rest();
        assert_eq!(errors(&answer), ["57P01"], "{:?}", shown(&answer));
    }
    eventually("it ends", || (!gateway.process.is_running()).then_some(()));
    let (holds, text) = audit(&gateway, &["verify"]);
    assert!(holds, "{text}");
}
