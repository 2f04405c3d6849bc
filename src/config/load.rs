//! The sections of `rowgate.toml`, their defaults and the rules between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use super::reader::{Environment, Item, Reader, Section};
use super::settings::{
    Admin, Audit, Auth, AuthMethod, Backend, BackendTls, DatabaseMapping, DirectorySource,
    DirectorySql, Durability, Limits, Listen, ListenTls, Lockout, OnFailure, ParameterRecording,
    PolicySource, Pool, PoolMode, Secret, Settings, TlsFiles,
};
use super::source::{SourceText, about_file, io_reason};
use super::units;
use crate::backend::hosts::{Host, Wanted};
use crate::diagnostic::{Diagnostic, Severity};

const LISTEN_PORT: u16 = 6432;
const BACKEND_PORT: u16 = 5432;
const ADMIN_PORT: u16 = 6480;
/// What comes later comes to a thread that sleeps; looking for it for longer would only heat.
const LONGEST_BUSY_POLL: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const SELF_TEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A limit beyond this limits nothing.
const MOST_ATTEMPTS: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Settings, and what somebody ought to look at.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Findings of severity warning.
    pub warnings: Vec<Diagnostic>,
}

/// Reads the file. `Err` holds every finding, at least one of them an error.
pub fn load(file: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        vec![about_file(
            &name,
            Severity::Error,
            format!("cannot read the configuration: {}", io_reason(&error)),
            None,
        )]
    })?;
    load_text(&SourceText { file: name, text }, &|variable| std::env::var(variable).ok())
}

/// Reads the text of a file; `environment` answers `{ env = "NAME" }`.
pub fn load_text(
    source: &SourceText,
    environment: Environment<'_>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let (document, syntax_errors) = DeTable::parse_recoverable(&source.text);
    if !syntax_errors.is_empty() {
        // What the parser recovered to is a guess: findings about it would mislead.
        return Err(syntax_errors
            .iter()
            .map(|error| match error.span() {
                Some(span) => source.finding(Severity::Error, span, error.message(), None),
                None => source.finding_about_file(Severity::Error, error.message(), None),
            })
            .collect());
    }
    let mut reader = Reader::new(source, environment);
    let settings = settings(&mut reader, Section::root(&document), Path::new(&source.file));
    let findings = reader.into_findings();
    match settings {
        Some(settings) if findings.iter().all(|f| f.severity == Severity::Warning) => {
            Ok(Loaded { settings, warnings: findings })
        }
        Some(_) | None => Err(findings),
    }
}

/// `None` only when at least one error was reported; the other sections are still read.
fn settings(reader: &mut Reader<'_>, mut root: Section<'_>, file: &Path) -> Option<Settings> {
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    let listen = root.item("listen");
    let listen_place = listen.as_ref().map(|item| item.place.clone());
    let listen = section_or_default(reader, listen, read_listen, default_listen);
    let backend = root.required(reader, "backend").and_then(|item| {
        let section = reader.section(&item)?;
        read_backend(reader, section)
    });
    let databases = root.item("databases").map_or_else(BTreeMap::new, |item| {
        let pool = backend.as_ref().map_or_else(default_pool, |backend| backend.pool.clone());
        reader
            .section(&item)
            .map_or_else(BTreeMap::new, |section| read_databases(reader, section, &pool))
    });
    let auth_item = root.item("auth");
    let auth_place = auth_item.as_ref().map(|item| item.place.clone());
    let auth = section_or_default(reader, auth_item, read_auth, default_auth);
    let directory = root.required(reader, "directory").and_then(|item| {
        let section = reader.section(&item)?;
        read_directory(reader, section)
    });
    let policy = match root.item("policy") {
        Some(item) => reader.section(&item).and_then(|s| read_policy(reader, s, &folder)),
        None => Some(PolicySource {
            path: folder.join("policies"),
            watch: true,
            mask_key: None,
            self_test: true,
            self_test_timeout: SELF_TEST_TIMEOUT,
        }),
    };
    let audit = match root.item("audit") {
        Some(item) => reader.section(&item).map(|s| read_audit(reader, s, &folder)),
        None => Some(default_audit(&folder)),
    };
    let limits = section_or_default(reader, root.item("limits"), read_limits, default_limits);
    let admin = root.item("admin").and_then(|item| {
        let section = reader.section(&item)?;
        Some(read_admin(reader, section))
    });
    root.finish(reader);

    if let (Some(listen), Some(auth)) = (&listen, &auth) {
        if auth.methods.contains(&AuthMethod::Trust) && !units::is_loopback(&listen.host) {
            let span = auth_place.map_or(0..0, |place| place.span);
            reader.error_with_help(
                span,
                format!("`trust` would let anyone who reaches {} in", listen.host),
                "`trust` is accepted on a loopback address only",
            );
        }
        let has_client_ca = match &listen.tls {
            ListenTls::Disable => false,
            ListenTls::Allow(files) | ListenTls::Require(files) => files.client_ca.is_some(),
        };
        if auth.methods.contains(&AuthMethod::Certificate) && !has_client_ca {
            let span = listen_place.map_or(0..0, |place| place.span);
            reader.error_with_help(
                span,
                "`auth.methods` has `cert`, and no client certificate is asked for",
                "set `client_ca` in `listen.tls`",
            );
        }
    }
    if let Some(backend) = &backend
        && databases.contains_key(&backend.database)
    {
        reader.error_about_file(
            format!("`databases.{0}` and `backend.database` both name `{0}`", backend.database),
            None,
        );
    }
    if let Some(backend) = &backend {
        for (name, mapping) in &databases {
            if mapping.database != backend.database {
                reader.error_about_file(
                    format!(
                        "`databases.{name}` stands for `{}`, and this version of rowgate serves \
                         the database of `backend.database` only",
                        mapping.database
                    ),
                    Some(format!("write `database = \"{}\"`", backend.database)),
                );
            }
        }
    }
    Some(Settings {
        file: file.to_path_buf(),
        listen: listen?,
        backend: backend?,
        databases,
        auth: auth?,
        directory: directory?,
        policy: policy?,
        audit: audit?,
        limits: limits?,
        admin,
    })
}

fn section_or_default<'t, T>(
    reader: &mut Reader<'_>,
    item: Option<Item<'t>>,
    read: impl FnOnce(&mut Reader<'_>, Section<'t>) -> T,
    default: impl FnOnce() -> T,
) -> Option<T> {
    match item {
        Some(item) => reader.section(&item).map(|section| read(reader, section)),
        None => Some(default()),
    }
}

/// The value of an optional key: `fallback` when it is absent, or wrong and reported.
fn or<'t, T>(
    section: &mut Section<'t>,
    key: &str,
    fallback: T,
    read: impl FnOnce(&Item<'t>) -> Option<T>,
) -> T {
    section.item(key).and_then(|item| read(&item)).unwrap_or(fallback)
}

fn default_listen() -> Listen {
    Listen {
        host: "127.0.0.1".to_owned(),
        port: LISTEN_PORT,
        max_connections: 10_000,
        threads: None,
        busy_poll: None,
        auth_timeout: Duration::from_secs(10),
        tls: ListenTls::Disable,
    }
}

fn read_listen(reader: &mut Reader<'_>, mut section: Section<'_>) -> Listen {
    let default = default_listen();
    let address = section.item("address");
    let address_span =
        address.as_ref().map_or(section.place.span.clone(), |a| a.place.span.clone());
    let (host, port) = address
        .and_then(|item| read_address(reader, &item, LISTEN_PORT))
        .unwrap_or((default.host, default.port));
    let max_connections = or(&mut section, "max_connections", default.max_connections, |item| {
        reader.number(item, 1, 1_000_000).and_then(|n| usize::try_from(n).ok())
    });
    let threads = section
        .item("threads")
        .and_then(|item| reader.number(&item, 1, 1024).and_then(|n| usize::try_from(n).ok()));
    let busy_poll = section.item("busy_poll").and_then(|item| {
        let patience = reader.short_duration(&item)?;
        if patience > LONGEST_BUSY_POLL {
            let message = format!("`{}` must be 1ms at most", item.place.key);
            reader.error(item.place.span.clone(), message);
            return None;
        }
        Some(patience)
    });
    let auth_timeout =
        or(&mut section, "auth_timeout", default.auth_timeout, |item| reader.duration(item));
    let tls = if let Some(item) = section.item("tls") {
        let tls = reader.section(&item).and_then(|tls| read_listen_tls(reader, tls));
        if tls == Some(ListenTls::Disable) && !units::is_loopback(&host) {
            reader.warning(
                item.place.span.clone(),
                format!("statements and rows cross the network in clear text on {host}"),
                Some("set `mode = \"require\"` with a certificate".to_owned()),
            );
        }
        tls.unwrap_or(ListenTls::Disable)
    } else {
        if !units::is_loopback(&host) {
            reader.error_with_help(
                address_span,
                format!("`listen.tls` is missing, and {host} can be reached from other machines"),
                "give `tls` a certificate, or write `tls = { mode = \"disable\" }` to do without",
            );
        }
        ListenTls::Disable
    };
    section.finish(reader);
    Listen { host, port, max_connections, threads, busy_poll, auth_timeout, tls }
}

#[derive(Clone, Copy, PartialEq)]
enum ListenMode {
    Disable,
    Allow,
    Require,
}

fn read_listen_tls(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<ListenTls> {
    let mode = section.required(reader, "mode").and_then(|item| {
        reader.choice(
            &item,
            &[
                ("disable", ListenMode::Disable),
                ("allow", ListenMode::Allow),
                ("require", ListenMode::Require),
            ],
        )
    });
    let encrypted = matches!(mode, Some(ListenMode::Allow | ListenMode::Require));
    let path = |reader: &mut Reader<'_>, section: &mut Section<'_>, key: &str| {
        let item = if encrypted { section.required(reader, key)? } else { section.item(key)? };
        reader.existing_path(&item)
    };
    let certificate = path(reader, &mut section, "certificate");
    let private_key = path(reader, &mut section, "private_key");
    let client_ca = section.item("client_ca").and_then(|item| reader.existing_path(&item));
    section.finish(reader);
    let files = |certificate, private_key| TlsFiles { certificate, private_key, client_ca };
    match mode? {
        ListenMode::Disable => Some(ListenTls::Disable),
        ListenMode::Allow => Some(ListenTls::Allow(files(certificate?, private_key?))),
        ListenMode::Require => Some(ListenTls::Require(files(certificate?, private_key?))),
    }
}

fn read_address(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    default_port: u16,
) -> Option<(String, u16)> {
    let text = reader.text(item)?;
    let address = units::host_and_port(&text, default_port);
    if address.is_none() {
        reader.error_with_help(
            item.place.span.clone(),
            format!("`{text}` is not an address"),
            format!("write host and port, as in \"127.0.0.1:{default_port}\""),
        );
    }
    address
}

fn read_backend(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Backend> {
    let wanted = or(&mut section, "target", Wanted::Any, |item| read_target(reader, item));
    let hosts =
        section.required(reader, "hosts").and_then(|item| read_hosts(reader, &item, wanted));
    let database = section.required(reader, "database").and_then(|item| read_name(reader, &item));
    let user = section.required(reader, "user").and_then(|item| read_name(reader, &item));
    let password = section.item("password").and_then(|item| reader.text(&item)).map(Secret::new);
    let tls = if let Some(item) = section.item("tls") {
        reader.section(&item).and_then(|tls| read_backend_tls(reader, tls))
    } else {
        let away = hosts.iter().flatten().find(|host| !units::is_loopback(&host.name));
        if let Some(host) = away {
            let message = format!("`backend.tls` is missing, and {} is another machine", host.name);
            reader.error_with_help(
                section.place.span.clone(),
                message,
                "write `tls = { mode = \"verify-full\", ca = \"FILE\" }`, or \
                     `{ mode = \"disable\" }` to do without",
            );
        }
        Some(BackendTls::Disable)
    };
    let pool = match section.item("pool") {
        Some(item) => reader.section(&item).map(|pool| read_pool(reader, pool, &default_pool())),
        None => Some(default_pool()),
    };
    section.finish(reader);
    Some(Backend {
        hosts: hosts?,
        database: database?,
        user: user?,
        password,
        tls: tls?,
        pool: pool?,
    })
}

/// What is asked of a host.
fn read_target(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Wanted> {
    reader.choice(item, &[("any", Wanted::Any), ("read-write", Wanted::ReadWrite)])
}

/// `["host:port", …]` or `[[backend.hosts]]` with `address` and `target`; `wanted` is asked of those
/// that have no `target` of their own.
fn read_hosts(reader: &mut Reader<'_>, item: &Item<'_>, wanted: Wanted) -> Option<Vec<Host>> {
    let elements = reader.elements(item, "addresses")?;
    if elements.is_empty() {
        reader.error(item.place.span.clone(), "`backend.hosts` is empty");
        return None;
    }
    let mut hosts = Vec::new();
    let mut complete = true;
    for element in elements {
        let is_host = matches!(element.value, toml::de::DeValue::Table(table)
            if !table.iter().any(|(key, _)| matches!(key.get_ref().as_ref(), "env" | "file")));
        let host = if is_host {
            reader.section(&element).and_then(|mut section| {
                let address = section
                    .required(reader, "address")
                    .and_then(|item| read_address(reader, &item, BACKEND_PORT));
                let wanted = or(&mut section, "target", wanted, |item| read_target(reader, item));
                section.finish(reader);
                let (name, port) = address?;
                Some(Host { name, port, wanted })
            })
        } else {
            read_address(reader, &element, BACKEND_PORT).map(|(name, port)| Host {
                name,
                port,
                wanted,
            })
        };
        complete &= host.is_some();
        hosts.extend(host);
    }
    complete.then_some(hosts)
}

/// A name on the server: not empty, short enough, no NUL.
fn read_name(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<String> {
    let text = reader.text(item)?;
    if text.is_empty() || text.len() > 63 || text.contains('\0') {
        let message = format!("`{}` must be a name of 1 to 63 bytes", item.place.key);
        reader.error(item.place.span.clone(), message);
        return None;
    }
    Some(text)
}

#[derive(Clone, Copy, PartialEq)]
enum BackendMode {
    Disable,
    Require,
    VerifyFull,
}

fn read_backend_tls(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<BackendTls> {
    let mode = section.required(reader, "mode").and_then(|item| {
        reader.choice(
            &item,
            &[
                ("disable", BackendMode::Disable),
                ("require", BackendMode::Require),
                ("verify-full", BackendMode::VerifyFull),
            ],
        )
    });
    let ca = if mode == Some(BackendMode::VerifyFull) {
        section.required(reader, "ca")
    } else {
        section.item("ca")
    }
    .and_then(|item| reader.existing_path(&item));
    if mode == Some(BackendMode::Require) {
        reader.warning(
            section.place.span.clone(),
            "`require` encrypts, and accepts any server that answers",
            Some("`verify-full` with `ca` also makes sure who answers".to_owned()),
        );
    }
    section.finish(reader);
    match mode? {
        BackendMode::Disable => Some(BackendTls::Disable),
        BackendMode::Require => Some(BackendTls::Require),
        BackendMode::VerifyFull => Some(BackendTls::VerifyFull { ca: ca? }),
    }
}

fn default_pool() -> Pool {
    Pool {
        mode: PoolMode::Transaction,
        size: 20,
        unrestricted: 10,
        check_after: Duration::from_secs(30),
        idle_timeout: 10 * MINUTE,
        lifetime: 60 * MINUTE,
        wait_timeout: Duration::from_secs(30),
    }
}

/// `default` has what is not said.
fn read_pool(reader: &mut Reader<'_>, mut section: Section<'_>, default: &Pool) -> Pool {
    let mode = or(&mut section, "mode", default.mode, |item| {
        let modes = [("session", PoolMode::Session), ("transaction", PoolMode::Transaction)];
        reader.choice(item, &modes)
    });
    let size = or(&mut section, "size", default.size, |item| {
        reader.number(item, 1, 100_000).and_then(|n| usize::try_from(n).ok())
    });
    // The others always have the rest.
    let unrestricted = match section.item("unrestricted") {
        None => size.div_ceil(2),
        Some(item) => {
            let most = u64::try_from(size).unwrap_or(u64::MAX);
            let number = reader.number(&item, 1, most).and_then(|n| usize::try_from(n).ok());
            number.unwrap_or(size)
        }
    };
    let idle_timeout =
        or(&mut section, "idle_timeout", default.idle_timeout, |item| reader.duration(item));
    let lifetime = or(&mut section, "lifetime", default.lifetime, |item| reader.duration(item));
    let wait_timeout =
        or(&mut section, "wait_timeout", default.wait_timeout, |item| reader.duration(item));
    let check_after =
        or(&mut section, "check_after", default.check_after, |item| reader.duration(item));
    section.finish(reader);
    Pool { mode, size, unrestricted, check_after, idle_timeout, lifetime, wait_timeout }
}

fn read_databases(
    reader: &mut Reader<'_>,
    mut section: Section<'_>,
    default: &Pool,
) -> BTreeMap<String, DatabaseMapping> {
    let mut databases = BTreeMap::new();
    for (name, item) in section.entries() {
        let Some(mut section) = reader.section(&item) else { continue };
        let database =
            section.required(reader, "database").and_then(|item| read_name(reader, &item));
        let pool = section
            .item("pool")
            .and_then(|item| reader.section(&item).map(|pool| read_pool(reader, pool, default)));
        section.finish(reader);
        if name == "rowgate" {
            reader.error(
                item.place.span.clone(),
                "`rowgate` is the name of the admin console and cannot be mapped",
            );
        }
        if let Some(database) = database {
            databases.insert(name, DatabaseMapping { database, pool });
        }
    }
    databases
}

fn default_auth() -> Auth {
    Auth { methods: vec![AuthMethod::ScramSha256], lockout: default_lockout() }
}

fn default_lockout() -> Lockout {
    Lockout { failures: 10, window: 5 * MINUTE, duration: 15 * MINUTE }
}

fn read_auth(reader: &mut Reader<'_>, mut section: Section<'_>) -> Auth {
    let methods = match section.item("methods") {
        Some(item) => read_methods(reader, &item),
        None => vec![AuthMethod::ScramSha256],
    };
    let lockout = section.item("lockout").and_then(|item| {
        let mut section = reader.section(&item)?;
        let default = default_lockout();
        let failures = or(&mut section, "failures", default.failures, |item| {
            reader.number(item, 1, 1_000_000).and_then(|n| u32::try_from(n).ok())
        });
        let window = or(&mut section, "window", default.window, |item| reader.duration(item));
        let duration = or(&mut section, "duration", default.duration, |item| reader.duration(item));
        section.finish(reader);
        Some(Lockout { failures, window, duration })
    });
    section.finish(reader);
    Auth { methods, lockout: lockout.unwrap_or_else(default_lockout) }
}

fn read_methods(reader: &mut Reader<'_>, item: &Item<'_>) -> Vec<AuthMethod> {
    let mut methods = Vec::new();
    let Some(elements) = reader.elements(item, "methods") else { return methods };
    if elements.is_empty() {
        reader.error(item.place.span.clone(), "`auth.methods` is empty: nobody could log in");
    }
    for element in elements {
        let method = reader.choice(
            &element,
            &[
                ("scram-sha-256", Some(AuthMethod::ScramSha256)),
                ("cert", Some(AuthMethod::Certificate)),
                ("trust", Some(AuthMethod::Trust)),
                ("jwt", None),
                ("ldap", None),
            ],
        );
        match method {
            Some(Some(method)) if methods.contains(&method) => {
                reader.error(element.place.span.clone(), "this method is named twice");
            }
            Some(Some(method)) => methods.push(method),
            Some(None) => reader.error(
                element.place.span.clone(),
                "this method is not supported by this version of rowgate",
            ),
            None => {}
        }
    }
    methods
}

fn read_directory(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<DirectorySource> {
    let file = section.item("file");
    let sql = section.item("sql");
    let source = match (file, sql) {
        (Some(item), None) => reader.existing_path(&item).map(DirectorySource::File),
        (None, Some(item)) => {
            let sql = reader.section(&item);
            sql.and_then(|sql| read_directory_sql(reader, sql)).map(DirectorySource::Sql)
        }
        (Some(_), Some(item)) => {
            reader.error_with_help(
                item.place.span,
                "`directory.file` and `directory.sql` are both set",
                "keep one: users come from one place",
            );
            None
        }
        (None, None) => {
            reader.error_with_help(
                section.place.span.clone(),
                "`directory` names no source",
                "write `file = \"directory.yaml\"`, or queries in `[directory.sql]`",
            );
            None
        }
    };
    section.finish(reader);
    source
}

fn read_directory_sql(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<DirectorySql> {
    let users = section.required(reader, "users").and_then(|item| reader.text(&item));
    let departments = section.item("departments").and_then(|item| reader.text(&item));
    let teams = section.item("teams").and_then(|item| reader.text(&item));
    let assignments = section.item("assignments").and_then(|item| reader.text(&item));
    let services = section.item("services").and_then(|item| reader.text(&item));
    let refresh =
        or(&mut section, "refresh", Duration::from_secs(30), |item| reader.duration(item));
    section.finish(reader);
    Some(DirectorySql { users: users?, departments, teams, assignments, services, refresh })
}

fn read_policy(
    reader: &mut Reader<'_>,
    mut section: Section<'_>,
    folder: &Path,
) -> Option<PolicySource> {
    let path = match section.item("path") {
        Some(item) => reader.existing_path(&item),
        None => Some(folder.join("policies")),
    };
    let watch = or(&mut section, "watch", true, |item| reader.boolean(item));
    let mask_key = section.item("mask_key").and_then(|item| reader.text(&item)).map(Secret::new);
    let self_test = or(&mut section, "self_test", true, |item| {
        let self_test = reader.boolean(item);
        if self_test == Some(false) {
            reader.warning(
                item.place.span.clone(),
                "a policy comes into force without the proof that its filters and masks bite",
                None,
            );
        }
        self_test
    });
    let self_test_timeout =
        or(&mut section, "self_test_timeout", SELF_TEST_TIMEOUT, |item| reader.duration(item));
    section.finish(reader);
    Some(PolicySource { path: path?, watch, mask_key, self_test, self_test_timeout })
}

fn default_audit(folder: &Path) -> Audit {
    Audit {
        path: folder.join("audit"),
        durability: Durability::Fsync,
        on_failure: OnFailure::Refuse,
        parameters: ParameterRecording::Record,
        signing_key: None,
    }
}

fn read_audit(reader: &mut Reader<'_>, mut section: Section<'_>, folder: &Path) -> Audit {
    let default = default_audit(folder);
    let path: PathBuf = or(&mut section, "path", default.path, |item| reader.path(item));
    let durability = or(&mut section, "durability", default.durability, |item| {
        reader.choice(
            item,
            &[
                ("fsync", Durability::Fsync),
                ("write", Durability::Write),
                ("async", Durability::Async),
            ],
        )
    });
    let on_failure = or(&mut section, "on_failure", default.on_failure, |item| {
        let on_failure = reader
            .choice(item, &[("refuse", OnFailure::Refuse), ("continue", OnFailure::Continue)]);
        if on_failure == Some(OnFailure::Continue) {
            reader.warning(
                item.place.span.clone(),
                "statements run unrecorded when the audit log cannot be written",
                None,
            );
        }
        on_failure
    });
    let parameters = or(&mut section, "parameters", default.parameters, |item| {
        reader.choice(
            item,
            &[
                ("record", ParameterRecording::Record),
                ("hash", ParameterRecording::Hash),
                ("omit", ParameterRecording::Omit),
            ],
        )
    });
    if let Some(item) = section.item("sinks") {
        for sink in reader.elements(&item, "sinks").unwrap_or_default() {
            reader.error_with_help(
                sink.place.span,
                "further sinks are not supported by this version of rowgate",
                "leave `sinks` empty: the log is written to `audit.path`",
            );
        }
    }
    let signing_key =
        section.item("signing_key").and_then(|item| reader.text(&item)).map(Secret::new);
    section.finish(reader);
    Audit { path, durability, on_failure, parameters, signing_key }
}

fn default_limits() -> Limits {
    // An application that violates a key each second, or a desk that looks up a number each second,
    // stays below; whoever tries all numbers of a range does not.
    Limits {
        message_size: 64 * MIB,
        statement_size: MIB,
        statement_timeout: 5 * MINUTE,
        data_errors: 1000,
        comparisons: 1000,
        window: 10 * MINUTE,
    }
}

fn read_limits(reader: &mut Reader<'_>, mut section: Section<'_>) -> Limits {
    let default = default_limits();
    // PostgreSQL's own bound on a message is 1 GiB (MaxAllocSize).
    let message_size =
        or(&mut section, "message_size", default.message_size, |item| reader.size(item, 8192, GIB));
    let statement_size = or(&mut section, "statement_size", default.statement_size, |item| {
        reader.size(item, 1024, 64 * MIB)
    });
    let statement_timeout =
        or(&mut section, "statement_timeout", default.statement_timeout, |item| {
            reader.duration(item)
        });
    let mut attempts =
        |key, default| or(&mut section, key, default, |item| reader.number(item, 0, MOST_ATTEMPTS));
    let data_errors = attempts("data_errors", default.data_errors);
    let comparisons = attempts("comparisons", default.comparisons);
    let window = or(&mut section, "window", default.window, |item| reader.duration(item));
    if statement_size > message_size {
        reader.error(
            section.place.span.clone(),
            "`limits.statement_size` is larger than `limits.message_size`",
        );
    }
    section.finish(reader);
    Limits { message_size, statement_size, statement_timeout, data_errors, comparisons, window }
}

fn read_admin(reader: &mut Reader<'_>, mut section: Section<'_>) -> Admin {
    let address = section.item("address");
    let span = address.as_ref().map_or(section.place.span.clone(), |a| a.place.span.clone());
    let (host, port) = address
        .and_then(|item| read_address(reader, &item, ADMIN_PORT))
        .unwrap_or_else(|| ("127.0.0.1".to_owned(), ADMIN_PORT));
    if !units::is_loopback(&host) {
        reader.warning(
            span,
            format!("the admin listener has no TLS, and {host} can be reached from other machines"),
            None,
        );
    }
    section.finish(reader);
    Admin { host, port }
}
