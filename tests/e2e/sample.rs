//! The sample CRM: its parts fit each other, and `rowgate demo` shows what it promises.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rowgate::backend::catalog::CatalogReader;
use rowgate::backend::connect::{Password, Target};
use rowgate::backend::hosts::Hosts;
use rowgate::demo::{DATABASE, sample};
use rowgate::policy::PolicySet;
use rowgate::protocol::tls::TlsClient;

use crate::harness::client::psql_command;
use crate::harness::{ROWGATE, gateway, runtime, server};

#[test]
fn directory_and_database_disagree_about_a_person() {
    #[derive(serde::Deserialize)]
    struct User {
        login: String,
        id: i32,
        department: i32,
        manager: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Department {
        id: i32,
        parent: Option<i32>,
        head: String,
    }
    #[derive(serde::Deserialize)]
    struct Directory {
        users: Vec<User>,
        departments: Vec<Department>,
    }
    let directory: Directory = serde_saphyr::from_str(sample::DIRECTORY).unwrap();
    let users: BTreeSet<String> = directory
        .users
        .iter()
        .map(|u| {
            format!("{} {} {} {}", u.id, u.login, u.department, u.manager.as_deref().unwrap_or("-"))
        })
        .collect();
    let departments: BTreeSet<String> = directory
        .departments
        .iter()
        .map(|d| format!("{} {} {}", d.id, d.parent.unwrap_or(0), d.head))
        .collect();
    let lines = |sql: &str| -> BTreeSet<String> {
        let output = psql_command(sql, &server().login(DATABASE));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    };
    let in_database = lines(
        "SELECT concat_ws(' ', e.id, e.login, e.department_id, coalesce(m.login, '-')) \
         FROM crm.employee e LEFT JOIN crm.employee m ON m.id = e.manager_id",
    );
    assert_eq!(users, in_database);
    let in_database = lines(
        "SELECT concat_ws(' ', d.id, coalesce(d.parent_id, 0), e.login) \
         FROM crm.department d JOIN crm.employee e ON e.id = d.head_id",
    );
    assert_eq!(departments, in_database);
}

#[test]
fn a_wrong_password_or_an_unknown_person_gets_in() {
    for (user, password) in
        [("alice", "wrong"), ("nobody_here", "demo"), ("u300", "demo"), ("alice", "")]
    {
        let mut login = gateway().login(user);
        login.password = password.to_owned();
        let output = psql_command("SELECT 1", &login);
        assert!(!output.status.success(), "{user} got in with `{password}`");
    }
}

#[test]
fn the_demos_tour_shows_something_else_than_it_says() {
    let output = Command::new(ROWGATE).args(["demo", "--check"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("138****5678"), "{text}");
}

#[test]
fn an_interrupted_demo_leaves_a_server_or_files_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let mut demo = Command::new(ROWGATE)
        .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let line =
        lines.map_while(Result::ok).find(|line| line.contains("psql '")).expect("a psql line");
    let port: u16 = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("port="))
        .and_then(|port| port.parse().ok())
        .expect("a port");
    kill(Pid::from_raw(i32::try_from(demo.id()).unwrap()), Signal::SIGINT).unwrap();
    assert!(demo.wait().unwrap().success());
    assert!(!data.exists(), "files are left in the demo's folder");
    let connected = runtime().block_on(async {
        let connect = tokio::net::TcpStream::connect(("127.0.0.1", port));
        tokio::time::timeout(Duration::from_secs(5), connect)
            .await
            .is_ok_and(|result| result.is_ok())
    });
    assert!(!connected, "the gateway still listens");
}

#[test]
fn the_sample_policy_does_not_fit_the_sample_schema() {
    let login = server().login(DATABASE);
    let target = Target {
        hosts: Hosts::one("127.0.0.1", login.port),
        user: login.user.clone(),
        password: Some(Password::new(login.password.as_str())),
        tls: TlsClient::Disable,
        connect_timeout: Duration::from_secs(10),
    };
    let catalog = runtime().block_on(CatalogReader::new(target, DATABASE).refresh()).unwrap();
    let texts: Vec<(String, String)> = sample::POLICY
        .iter()
        .filter(|(name, _)| !name.ends_with(".test.yaml"))
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    match PolicySet::load(&texts, &catalog, "key") {
        Ok((_, warnings)) => assert!(warnings.is_empty(), "{warnings:#?}"),
        Err(findings) => {
            let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
            panic!("{}", text.join("\n\n"));
        }
    }
}
