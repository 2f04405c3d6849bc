use std::path::Path;
use std::time::Duration;

use super::*;
use crate::backend::hosts::{Host, Wanted};

const SMALLEST: &str = r#"
[backend]
hosts = ["127.0.0.1:5432"]
database = "crm"
user = "rowgate"
[directory.sql]
users = "SELECT 1"
"#;

fn environment(name: &str) -> Option<String> {
    (name == "ROWGATE_BACKEND_PASSWORD").then(|| "secret".to_owned())
}

fn load_in(folder: &Path, text: &str) -> Result<Loaded, Vec<crate::diagnostic::Diagnostic>> {
    let file = folder.join("rowgate.toml").display().to_string();
    load_text(&SourceText { file, text: text.to_owned() }, &environment)
}

fn settings(text: &str) -> Settings {
    match load_in(Path::new(""), text) {
        Ok(loaded) => loaded.settings,
        Err(findings) => panic!("{findings:#?}"),
    }
}

/// All findings as people see them.
fn report(text: &str) -> String {
    let findings = match load_in(Path::new(""), text) {
        Ok(loaded) => loaded.warnings,
        Err(findings) => findings,
    };
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let settings = settings(SMALLEST);
    assert_eq!((settings.listen.host.as_str(), settings.listen.port), ("127.0.0.1", 6432));
    assert_eq!(settings.listen.max_connections, 10_000);
    assert_eq!(settings.listen.auth_timeout, Duration::from_secs(10));
    assert_eq!(settings.listen.busy_poll, None);
    assert_eq!(settings.listen.tls, ListenTls::Disable);
    let pool = &settings.backend.pool;
    assert_eq!((pool.mode, pool.size, pool.unrestricted), (PoolMode::Transaction, 20, 10));
    assert_eq!(settings.auth.methods, [AuthMethod::ScramSha256]);
    assert_eq!(settings.auth.lockout.failures, 10);
    assert_eq!(settings.policy.path, Path::new("policies"));
    assert!(settings.policy.watch);
    assert_eq!(settings.audit.durability, Durability::Fsync);
    assert_eq!(settings.audit.on_failure, OnFailure::Refuse);
    assert_eq!(settings.limits.message_size, 64 << 20);
    assert_eq!(settings.limits.statement_size, 1 << 20);
    assert_eq!(settings.limits.statement_timeout, Duration::from_secs(300));
    assert_eq!(settings.limits.data_errors, 1000);
    assert_eq!(settings.limits.comparisons, 1000);
    assert_eq!(settings.limits.window, Duration::from_secs(600));
    assert_eq!(settings.admin, None);
}

#[test]
fn every_documented_key_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["server.crt", "server.key", "clients.crt", "directory.yaml", "policies"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    std::fs::write(folder.path().join("audit.key"), "key\n").unwrap();
    let text = r#"
[listen]
address = "127.0.0.1:6432"
max_connections = 10000
threads = 4
busy_poll = "50us"
auth_timeout = "10s"
tls = { mode = "require", certificate = "server.crt", private_key = "server.key", client_ca = "clients.crt" }
[backend]
database = "crm"
user = "rowgate"
password = { env = "ROWGATE_BACKEND_PASSWORD" }
tls = { mode = "disable" }
pool = { mode = "transaction", size = 20, unrestricted = 4, check_after = "10s", idle_timeout = "10m", lifetime = "1h", wait_timeout = "30s" }
target = "read-write"
[[backend.hosts]]
address = "db1:5433"
[[backend.hosts]]
address = "db2"
target = "any"
[databases.reports]
database = "crm"
pool = { size = 3 }
[auth]
methods = ["scram-sha-256", "cert", "trust"]
lockout = { failures = 10, window = "5m", duration = "15m" }
[directory]
file = "directory.yaml"
[policy]
path = "policies"
watch = true
mask_key = "k"
[audit]
path = "audit"
durability = "fsync"
on_failure = "refuse"
parameters = "hash"
sinks = []
signing_key = { file = "audit.key" }
[limits]
message_size = "64MiB"
statement_size = "1MiB"
statement_timeout = "5m"
data_errors = 5
comparisons = 0
window = "1h"
[admin]
address = "127.0.0.1:6480"
"#;
    let settings = load_in(folder.path(), text).unwrap().settings;
    let limits = &settings.limits;
    assert_eq!(settings.listen.busy_poll, Some(Duration::from_micros(50)));
    assert_eq!((limits.data_errors, limits.comparisons), (5, 0));
    assert_eq!(limits.window, Duration::from_secs(3600));
    assert_eq!(
        settings.backend.hosts,
        [
            Host { name: "db1".into(), port: 5433, wanted: Wanted::ReadWrite },
            Host { name: "db2".into(), port: 5432, wanted: Wanted::Any },
        ]
    );
    assert_eq!(settings.backend_database("reports"), Some("crm"));
    assert_eq!(settings.backend_database("postgres"), None);
    let (own, others) = (settings.pool("reports"), settings.pool("crm"));
    assert_eq!((own.size, own.unrestricted, own.mode), (3, 2, PoolMode::Transaction));
    assert_eq!((others.size, others.unrestricted), (20, 4));
    assert_eq!(
        (own.check_after, others.check_after),
        (others.check_after, Duration::from_secs(10))
    );
    assert_eq!(settings.audit.path, folder.path().join("audit"));
    assert_eq!(settings.audit.signing_key.as_ref().map(Secret::reveal), Some("key"));
    assert_eq!(settings.backend.password.as_ref().map(Secret::reveal), Some("secret"));
    assert!(!format!("{settings:?}").contains("secret"), "a secret shows in debug output");
}

#[test]
fn a_misspelt_key_is_shown_with_the_key_that_was_meant() {
    assert_eq!(
        report(&SMALLEST.replace("user = ", "usr = ")),
        "\
error: `backend.user` is missing
  --> rowgate.toml:2:2
  |
2 | [backend]
  |  ^^^^^^^
error: unknown key `backend.usr`
  --> rowgate.toml:5:1
  |
5 | usr = \"rowgate\"
  | ^^^
  = help: did you mean `user`?"
    );
}

#[test]
fn a_wrong_type_a_bad_duration_and_a_bad_word_are_all_reported_at_once() {
    let text = format!(
        "{SMALLEST}[listen]\nmax_connections = \"many\"\nauth_timeout = \"10\"\n\
         [audit]\ndurability = \"fsnc\"\n[limits]\nmessage_size = 7\n"
    );
    assert_eq!(
        report(&text),
        "\
error: `listen.max_connections` must be a whole number, not a string
  --> rowgate.toml:9:19
  |
9 | max_connections = \"many\"
  |                   ^^^^^^
error: `10` is not a duration
  --> rowgate.toml:10:16
   |
10 | auth_timeout = \"10\"
   |                ^^^^
  = help: write a number with its unit: us, ms, s, m, h, d or w, as in \"30s\"
error: `fsnc` is not a value of `audit.durability`
  --> rowgate.toml:12:14
   |
12 | durability = \"fsnc\"
   |              ^^^^^^
  = help: did you mean `fsync`?
error: `limits.message_size` must be a size like \"16MiB\", not a number
  --> rowgate.toml:14:16
   |
14 | message_size = 7
   |                ^"
    );
}

#[test]
fn a_duration_that_would_become_zero_or_a_poll_that_never_ends_is_taken() {
    let text = format!(
        "{SMALLEST}[listen]\nbusy_poll = \"1001us\"\n[limits]\nstatement_timeout = \"900us\"\n"
    );
    assert_eq!(
        report(&text),
        "\
error: `listen.busy_poll` must be 1ms at most
  --> rowgate.toml:9:13
  |
9 | busy_poll = \"1001us\"
  |             ^^^^^^^^
error: `limits.statement_timeout` must be whole milliseconds
  --> rowgate.toml:11:21
   |
11 | statement_timeout = \"900us\"
   |                     ^^^^^^^"
    );
}

#[test]
fn an_unset_variable_and_a_missing_file_are_named() {
    let text = SMALLEST
        .replace("user = \"rowgate\"", "user = \"rowgate\"\npassword = { env = \"NOT_SET\" }");
    let text = format!("{text}[audit]\nsigning_key = {{ file = \"missing.key\" }}\n");
    assert_eq!(
        report(&text),
        "\
error: environment variable `NOT_SET` is not set
  --> rowgate.toml:6:20
  |
6 | password = { env = \"NOT_SET\" }
  |                    ^^^^^^^^^
  = help: set NOT_SET for the gateway's process, or give `backend.password` another way
error: cannot read `missing.key`: no such file or directory
  --> rowgate.toml:10:24
   |
10 | signing_key = { file = \"missing.key\" }
   |                        ^^^^^^^^^^^^^"
    );
}

#[test]
fn text_that_is_not_toml_is_shown_where_it_breaks() {
    let findings = load_in(Path::new(""), "[backend\nuser = 1\n").unwrap_err();
    assert_eq!((findings[0].line, findings[0].file.as_str()), (1, "rowgate.toml"));
}

#[test]
fn trust_is_refused_where_other_machines_can_connect() {
    let text = format!(
        "{SMALLEST}[listen]\naddress = \"0.0.0.0:6432\"\ntls = {{ mode = \"disable\" }}\n\
         [auth]\nmethods = [\"trust\"]\n"
    );
    let report = report(&text);
    assert!(report.contains("error: `trust` would let anyone who reaches 0.0.0.0 in"), "{report}");
}

#[test]
fn a_public_address_without_a_word_about_tls_is_refused() {
    let text = format!("{SMALLEST}[listen]\naddress = \"0.0.0.0:6432\"\n");
    let report = report(&text);
    assert!(report.contains("error: `listen.tls` is missing, and 0.0.0.0 can be"), "{report}");
}

#[test]
fn a_remote_server_without_a_word_about_tls_is_refused() {
    let report = report(&SMALLEST.replace("127.0.0.1:5432", "db.internal"));
    assert!(report.contains("`backend.tls` is missing, and db.internal is another"), "{report}");
}

#[test]
fn two_sources_of_people_are_refused() {
    let report =
        report(&SMALLEST.replace("[directory.sql]", "[directory]\nfile = \"a\"\n[directory.sql]"));
    assert!(report.contains("`directory.file` and `directory.sql` are both set"), "{report}");
}

#[test]
fn what_this_version_does_not_have_is_silently_ignored() {
    let text = format!(
        "{SMALLEST}[auth]\nmethods = [\"jwt\", \"ldap\"]\n[audit]\nsinks = [{{ kind = \"syslog\" }}]\n\
         [databases.other]\ndatabase = \"postgres\"\n"
    );
    let found = report(&text);
    for wanted in [
        "error: further sinks are not supported by this version of rowgate",
        "error: `databases.other` stands for `postgres`, and this version of rowgate serves",
    ] {
        assert!(found.contains(wanted), "{wanted} is not in:\n{found}");
    }
    assert_eq!(found.matches("error: this method is not supported").count(), 2, "{found}");
}
