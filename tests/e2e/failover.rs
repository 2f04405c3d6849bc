//! Several servers behind the gateway: the primary dies, or loses its role.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rowgate::demo::cluster::Cluster;

use crate::harness::wire::{Wire, errors, query, shown, value};
use crate::harness::{Gateway, Server, gateway_before, private_server, runtime};

const NOTE: &str = "SELECT note FROM crm.account WHERE id = 1";
const CHANGE: &str = "UPDATE crm.account SET note = 'changed' WHERE id = 1 RETURNING note";
const STANDBY: &str = "SELECT pg_is_in_recovery()";

/// A standby of it.
fn standby(server: &Server, name: &str) -> Cluster {
    let folder = server.folder.with_file_name(name);
    fs::create_dir_all(&folder).unwrap();
    runtime().block_on(server.cluster.standby(&folder)).unwrap()
}

fn run(cluster: &Cluster, statements: &[&str]) {
    for sql in statements {
        runtime().block_on(cluster.run("crm", sql)).unwrap();
    }
}

/// A gateway with these hosts, in TOML, and this pool mode.
fn gateway(server: &Server, name: &str, hosts: &str, mode: &str) -> Gateway {
    let change = |folder: &Path| {
        let file = folder.join("rowgate.toml");
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| if line.starts_with("hosts = ") { hosts } else { line })
            .collect();
        let pool = format!("pool = {{ mode = {mode:?},");
        let text = lines.join("\n");
        let text = ["transaction", "session"]
            .iter()
            .fold(text, |text, other| text.replace(&format!("pool = {{ mode = {other:?},"), &pool));
        fs::write(&file, text).unwrap();
    };
    let answers = |gateway: &Gateway| Wire::login_with_quietly(&gateway.login("henry"));
    gateway_before(server, name, change, answers)
}

fn login(gateway: &Gateway, user: &str) -> Wire {
    Wire::login(&gateway.login(user))
}

fn asked(wire: &mut Wire, sql: &str) -> Result<String, String> {
    let answer = wire.query(sql);
    match errors(&answer).pop() {
        None => Ok(value(&answer).unwrap_or_default()),
        Some(code) => Err(code),
    }
}

/// Asks until the answer is that, for half a minute.
fn eventually(wire: &mut Wire, sql: &str, wanted: &str) {
    let mut last = None;
    for _ in 0..300 {
        let answer = wire.query(sql);
        if value(&answer).as_deref() == Some(wanted) {
            return;
        }
        last = Some(answer);
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never {wanted}: {:?}", last.map(|answer| shown(&answer)));
}

/// All processes of a server, which do nothing until this is dropped.
struct Hanging(Vec<Pid>);

impl Hanging {
    fn new(cluster: &Cluster, folder: &Path) -> Self {
        // Somebody asks it once more, so that it is known to be there.
        run(cluster, &["SELECT 1"]);
        let file = fs::read_to_string(folder.join("postgresql/data/postmaster.pid")).unwrap();
        let server: i32 = file.lines().next().unwrap().parse().unwrap();
        let children = format!("/proc/{server}/task/{server}/children");
        let hang = |process: i32| {
            let process = Pid::from_raw(process);
            // One may have ended meanwhile.
            kill(process, Signal::SIGSTOP).ok().map(|()| process)
        };
        let mut stopped = vec![hang(server).unwrap()];
        let children = fs::read_to_string(children).unwrap();
        stopped
            .extend(children.split_whitespace().filter_map(|child| hang(child.parse().unwrap())));
        Self(stopped)
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = kill(*process, Signal::SIGCONT);
        }
    }
}

#[test]
fn clients_are_lost_with_the_primary_or_write_to_a_standby() {
    let server = private_server("primary");
    let second = standby(&server, "second");
    // The one that comes first is not what is wanted.
    let hosts = format!(
        "hosts = [\"127.0.0.1:{}\", \"127.0.0.1:{}\"]\ntarget = \"read-write\"",
        second.port(),
        server.cluster.port()
    );
    let gateway = gateway(&server, "gateway", &hosts, "transaction");
    let [mut alice, mut bob, mut henry] =
        ["alice", "bob", "henry"].map(|user| login(&gateway, user));
    assert_eq!(asked(&mut alice, CHANGE).as_deref(), Ok("changed"));
    assert_eq!(asked(&mut henry, STANDBY).as_deref(), Ok("f"));
    asked(&mut bob, "BEGIN").unwrap();
    assert_eq!(asked(&mut bob, "SELECT count(*) > 0 FROM crm.account").as_deref(), Ok("t"));

    drop(server);
    // Whoever was in the middle of something is told that it is lost.
    for wire in [&mut bob, &mut henry] {
        let answer = wire.rest();
        let codes = errors(&answer);
        assert!(
            codes.len() == 1 && ["57P01", "57P02", "08006"].contains(&codes[0].as_str()),
            "{:?}",
            shown(&answer)
        );
    }
    // Whoever was not waits until there is a primary again.
    let promotion = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        run(&second, &["SELECT pg_promote()"]);
        second
    });
    assert_eq!(asked(&mut alice, CHANGE).as_deref(), Ok("changed"));
    assert_eq!(asked(&mut login(&gateway, "bob"), "SELECT 1").as_deref(), Ok("1"));
    assert_eq!(asked(&mut login(&gateway, "henry"), STANDBY).as_deref(), Ok("f"));
    drop(promotion.join().unwrap());
}

#[test]
fn a_server_that_became_read_only_keeps_its_clients() {
    let server = private_server("first");
    let other = standby(&server, "other");
    let (one, two) = (server.cluster.port(), other.port());
    let demote = ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"];
    let promote = ["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"];

    // Another one stands in for it, as long as it is gone.
    let hosts = format!(
        "hosts = [{{ address = \"127.0.0.1:{one}\", target = \"read-write\" }}, \
         \"127.0.0.1:{two}\"]"
    );
    let standing_in = gateway(&server, "standing-in", &hosts, "transaction");
    let mut alice = login(&standing_in, "alice");
    assert_eq!(asked(&mut alice, CHANGE).as_deref(), Ok("changed"));
    run(&server.cluster, &demote);
    eventually(&mut alice, STANDBY, "t");
    assert_eq!(asked(&mut alice, CHANGE), Err("25006".to_owned()));
    run(&server.cluster, &promote);
    eventually(&mut alice, STANDBY, "f");
    drop((alice, standing_in));

    run(&other, &["SELECT pg_promote()", "UPDATE crm.account SET note = 'other' WHERE id = 1"]);
    let hosts =
        format!("hosts = [\"127.0.0.1:{one}\", \"127.0.0.1:{two}\"]\ntarget = \"read-write\"");
    let by_transaction = gateway(&server, "by-transaction", &hosts, "transaction");
    let by_session = gateway(&server, "by-session", &hosts, "session");
    let (mut idle, mut open) = (login(&by_transaction, "alice"), login(&by_transaction, "alice"));
    let (mut kept, mut owner) = (login(&by_transaction, "henry"), login(&by_session, "alice"));
    for wire in [&mut idle, &mut open, &mut kept, &mut owner] {
        assert_eq!(asked(wire, NOTE).as_deref(), Ok("changed"));
    }
    asked(&mut open, "BEGIN ISOLATION LEVEL REPEATABLE READ").unwrap();
    assert_eq!(asked(&mut open, NOTE).as_deref(), Ok("changed"));
    run(&server.cluster, &demote);
    eventually(&mut idle, NOTE, "other");
    assert_eq!(asked(&mut idle, CHANGE).as_deref(), Ok("changed"));
    // A transaction ends where it began.
    run(&other, &["UPDATE crm.account SET note = 'other' WHERE id = 1"]);
    assert_eq!(asked(&mut open, NOTE).as_deref(), Ok("changed"));
    asked(&mut open, "COMMIT").unwrap();
    assert_eq!(asked(&mut open, NOTE).as_deref(), Ok("other"));
    // Whoever has a connection for themselves is sent away when they do nothing.
    for (gateway, user, mut wire) in
        [(&by_transaction, "henry", kept), (&by_session, "alice", owner)]
    {
        let answer = wire.rest();
        assert_eq!(errors(&answer), ["57P01"], "{:?}", shown(&answer));
        assert_eq!(asked(&mut login(gateway, user), NOTE).as_deref(), Ok("other"));
    }

    // The second one does not fail, it only does nothing.
    run(&server.cluster, &promote);
    asked(&mut open, "BEGIN").unwrap();
    assert_eq!(asked(&mut open, NOTE).as_deref(), Ok("other"));
    let hanging = Hanging::new(&other, &server.folder.with_file_name("other"));
    open.send(&query(NOTE));
    let answer = open.rest();
    assert_eq!(errors(&answer), ["08006"], "{:?}", shown(&answer));
    assert_eq!(asked(&mut idle, NOTE).as_deref(), Ok("changed"));
    drop(hanging);
}
