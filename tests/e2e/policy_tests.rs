//! `rowgate test`: the sample's own tests pass, and every kind of expectation can fail.

use std::fs;
use std::process::{Command, Output};

use crate::harness::{ROWGATE, configuration};

fn test(config: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(ROWGATE).args(["test", "--config"]).arg(config).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn the_samples_policy_does_not_mean_what_its_tests_say() {
    let config = configuration("policy-tests");
    let output = test(&config, &[]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("15 tests, 0 failed\n"), "{}", text(&output));
    let planned = test(&config, &["--decisions-only", "--format", "json"]);
    assert!(planned.status.success(), "{}", text(&planned));
    let value: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!((&value["total"], &value["failed"]), (&15.into(), &0.into()));
}

#[test]
fn a_wrong_expectation_passes() {
    let config = configuration("policy-tests-wrong");
    let file = config.parent().unwrap().join("wrong.test.yaml");
    for (sql, expect, words) in [
        ("SELECT id FROM crm.account WHERE id = 1", "{ rows: [[2]] }", "found 1: [1]"),
        ("SELECT id FROM crm.account WHERE id = 1", "{ rows: [['01']] }", "found 1: [1]"),
        ("SELECT id FROM crm.account WHERE id = 3", "{ count: 1 }", "expected 1 rows, found 0"),
        ("SELECT id FROM crm.account WHERE id = 1", "{ columns: [name] }", "found id"),
        ("SELECT id FROM crm.account WHERE id = 1", "{ decision: deny }", "permitted"),
        ("DELETE FROM crm.account", "{ decision: permit }", "no role grants delete"),
        ("DELETE FROM crm.account", "{ count: 0 }", "no role grants delete"),
        ("DELETE FROM crm.account", "{ reason: the moon }", "expected the reason"),
        ("SELECT 1", "{ rewritten: SELECT 2 }", "expected the text"),
        ("SELECT phone FROM crm.account", "{ masked: [phone] }", "found none"),
        ("SELECT credit_limit FROM crm.account", "{ masked: [] }", "found credit_limit"),
        ("SELECT 1 / 0", "{ decision: deny }", "division by zero"),
        ("COMMIT", "{ decision: permit }", "none that ends its transaction"),
    ] {
        let yaml =
            format!("tests:\n  - name: t\n    as: alice\n    sql: {sql}\n    expect: {expect}\n");
        fs::write(&file, yaml).unwrap();
        let output = test(&config, &[file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{sql} {expect}: {}", text(&output));
        assert!(text(&output).contains(words), "{sql} {expect}: {}", text(&output));
        assert!(text(&output).contains("wrong.test.yaml:2"), "{}", text(&output));
    }
    fs::write(&file, "tests:\n  - { name: t, as: alice, sql: SELECT 1, expect: {} }\n").unwrap();
    let output = test(&config, &[file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("expects nothing"), "{}", text(&output));
}

#[test]
fn a_test_changes_the_database() {
    let config = configuration("policy-tests-writes");
    let file = config.parent().unwrap().join("writes.test.yaml");
    let change = "UPDATE crm.account SET name = 'changed by a test' WHERE id = 1";
    let looks = "SELECT count(*) FROM crm.account WHERE name = 'changed by a test'";
    let yaml = format!(
        "tests:\n  - {{ name: a, as: alice, sql: \"{change}\", expect: {{ count: 1 }} }}\n  - {{ \
         name: b, as: alice, sql: \"{looks}\", expect: {{ rows: [[0]] }} }}\n  - {{ name: c, as: \
         alice, sql: \"INSERT INTO crm.opportunity (account_id, owner_id, name) VALUES (1, 103, \
         'x')\", expect: {{ reason: violates }} }}\n"
    );
    fs::write(&file, yaml).unwrap();
    let output = test(&config, &[file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn the_matrix_shows_other_rights_than_people_have() {
    let config = configuration("policy-matrix");
    let matrix = |arguments: &[&str]| {
        let output = Command::new(ROWGATE)
            .args(["matrix", "--config"])
            .arg(&config)
            .args(arguments)
            .output();
        text(&output.unwrap())
    };
    let carol: serde_json::Value =
        serde_json::from_str(&matrix(&["--user", "carol", "--format", "json"])).unwrap();
    let read = carol["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["table"] == "crm.account" && entry["verb"] == "read")
        .unwrap();
    assert!(read["masks"].to_string().contains("phone: clear or partial"), "{read}");
    assert_eq!(read["denied"].to_string(), "[\"internal_score\"]");
    assert!(!carol.to_string().contains("\"delete\""), "{carol}");
    let rules = matrix(&["--role", "service", "--format", "csv"]);
    assert!(rules.contains("NOT is_vip") || rules.contains("NOT \"is_vip\""), "{rules}");
    assert!(matrix(&["--format", "html"]).contains("<td>sales_rep</td><td>crm.account</td>"));
    assert!(matrix(&["--role", "nobody"]).contains("there is no role `nobody`"));
}
