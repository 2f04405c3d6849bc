//! The self-test of the policy: what it finds when a filter or a mask does not bite, and what
//! `check`, `serve` and a reload make of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use rowgate::backend::catalog::CatalogReader;
use rowgate::backend::client;
use rowgate::config;
use rowgate::selftest::{Proof, probes, prove};
use rowgate::snapshot::State;

use crate::harness::wire::{Wire, errors, value};
use crate::harness::{ROWGATE, configuration, gateway_with, runtime};

fn command(config: &Path, arguments: &[&str]) -> Output {
    Command::new(ROWGATE).args(arguments).arg("--config").arg(config).output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A filter that compiles and fails on the rows that are stored.
const FAILING: &str = "roles:\n  divider:\n    grants:\n      - tables: [crm.product]\n        \
                       read: { where: \"1 / (id - 1) >= 0\" }\n";

fn with_failing_filter(folder: &Path) {
    fs::write(folder.join("policies/failing.yaml"), FAILING).unwrap();
}

/// Proves the sample's policy after `change` was applied to every question's SQL.
fn proof(config: &Path, change: fn(&str) -> String) -> Proof {
    runtime().block_on(async {
        let settings = config::load(config).unwrap().settings;
        let target = settings.backend_target().unwrap();
        let database = settings.backend.database.clone();
        let catalog = CatalogReader::new(target.clone(), &*database).refresh().await.unwrap();
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let (state, _) = State::load(Arc::new(settings), Arc::new(catalog), None, now).unwrap();
        let mut probes = probes(&state.current(), now);
        for probe in &mut probes.probes {
            probe.sql = change(&probe.sql);
        }
        let client = client::open(&target, &database).await.unwrap();
        prove(&client, probes, Duration::from_secs(600), &mut |_, _| {}).await.unwrap()
    })
}

/// The question with the table itself where the rewritten statement stood.
fn without_rowgate(sql: &str) -> String {
    let Some((_, rest)) = sql.split_once("IS TRUE AS inside FROM (SELECT ") else {
        return sql.to_owned();
    };
    let (_, rest) = rest.split_once(" FROM ").unwrap();
    let (table, _) = rest.split_once(" AS r LIMIT").unwrap();
    let stored = format!(", (SELECT t.tableoid, t.ctid, t.* FROM {table} AS t");
    let mut parts = sql.split(", (SELECT a.tableoid");
    let mut changed = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, behind) = part.split_once(") AS answer").unwrap();
        changed.push_str(&stored);
        changed.push_str(") AS answer");
        changed.push_str(behind);
    }
    changed
}

#[test]
fn a_filter_or_mask_that_does_not_bite_is_not_found() {
    let config = configuration("selftest-proof");
    let proof_of = |change| {
        let proof = proof(&config, change);
        let messages: Vec<String> =
            proof.findings.iter().map(|finding| finding.message.clone()).collect();
        (proof, messages.join("\n"))
    };
    let (sound, messages) = proof_of(str::to_owned);
    assert_eq!(messages, "");
    assert!(sound.filters > 100 && sound.masks > 30 && sound.refused > 500, "{sound}");

    let (broken, messages) = proof_of(without_rowgate);
    assert!(messages.contains("rows that the filter keeps out are in the answer"), "{messages}");
    assert!(messages.contains("more findings"), "{messages}");
    assert_eq!((broken.filters, broken.masks), (0, 0), "{broken}");
}

#[test]
fn a_policy_whose_filter_fails_on_the_stored_rows_is_called_valid_and_served() {
    let config = configuration("selftest-check");
    let sound = command(&config, &["check"]);
    assert!(sound.status.success(), "{}", text(&sound));
    assert!(text(&sound).contains("self-test: "), "{}", text(&sound));

    with_failing_filter(config.parent().unwrap());
    let found = command(&config, &["check"]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("failing.yaml:4:"), "{}", text(&found));
    assert!(text(&found).contains("division by zero"), "{}", text(&found));
    let offline = command(&config, &["check", "--offline"]);
    assert!(offline.status.success(), "{}", text(&offline));

    let served = command(&config, &["serve"]);
    assert_eq!(served.status.code(), Some(2), "{}", text(&served));
    assert!(text(&served).contains("division by zero"), "{}", text(&served));
}

#[test]
fn a_self_test_that_takes_too_long_is_taken_for_a_proof() {
    let config = configuration("selftest-late");
    set(&config, "self_test_timeout = \"1ms\"");
    let found = command(&config, &["check"]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("policy.self_test_timeout"), "{}", text(&found));
}

#[test]
fn a_new_policy_that_is_not_proven_replaces_the_one_in_force() {
    let gateway = gateway_with("selftest-reload", |_| {});
    let refused = |wire: &mut Wire| errors(&wire.query("SELECT budget FROM crm.campaign"));
    let mut dave = Wire::login(&gateway.login("dave"));
    assert_eq!(refused(&mut dave), ["42501"]);

    // Both come at once: what would be granted, and what fails.
    let granted = "roles:\n  finance:\n    grants:\n      - tables: [crm.campaign]\n        \
                   read: true\n";
    let more = gateway.folder.join("policies/more.yaml");
    let both = format!("{granted}{}", FAILING.strip_prefix("roles:\n").unwrap());
    fs::write(&more, both).unwrap();
    wait_for(&gateway.folder, "division by zero");
    assert_eq!(refused(&mut dave), ["42501"]);

    fs::write(&more, granted).unwrap();
    for _ in 0..600 {
        if refused(&mut dave).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(value(&dave.query("SELECT count(budget) FROM crm.campaign")).is_some());
}

fn wait_for(folder: &Path, words: &str) {
    for _ in 0..600 {
        let log = fs::read_to_string(folder.join("gateway.log")).unwrap_or_default();
        if log.contains(words) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{words} is not in the log");
}

/// Adds a line to the section of the policy.
fn set(config: &Path, line: &str) {
    let before = fs::read_to_string(config).unwrap();
    fs::write(config, before.replacen("[policy]\n", &format!("[policy]\n{line}\n"), 1)).unwrap();
}
