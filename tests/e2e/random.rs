//! sqlsmith as a client: it reads the catalogue through the gateway and sends what it makes of it.

use std::process::Command;

use crate::harness::client::psql_command;
use crate::harness::gateway_with;

#[test]
fn random_queries_end_the_gateway_or_make_it_refuse_its_own_text() {
    let gateway = gateway_with("random", |_| {});
    for (user, seed) in [("alice", 1), ("erin", 2)] {
        let login = gateway.login(user);
        let target = format!(
            "host=127.0.0.1 port={} user={user} password={} dbname={}",
            login.port, login.password, login.database
        );
        let run = Command::new("sqlsmith")
            .arg(format!("--target={target}"))
            .args(["--verbose", "--exclude-catalog", "--max-queries=60"])
            .arg(format!("--seed={seed}"))
            .output()
            .unwrap_or_else(|error| {
                panic!("cannot run sqlsmith: {error}; tests/setup.sh installs it")
            });
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{user}: {said}\n{}", gateway.log());
        // One letter for each query: `c` is a connection that broke, `.` a query that was answered.
        let letters = |line: &&str| line.chars().all(|letter| ".esct".contains(letter));
        let outcomes: String = said.lines().filter(letters).collect();
        assert!(!outcomes.contains('c'), "{user}: {said}\n{}", gateway.log());
        assert!(outcomes.contains('.'), "{user}: nothing is answered: {said}");
        assert!(!said.contains("refused its own rewriting"), "{user}: {said}");
    }
    let alive = psql_command("SELECT 1", &gateway.login("alice"));
    assert!(alive.status.success(), "{}", gateway.log());
}
