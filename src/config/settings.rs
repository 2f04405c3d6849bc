//! What the settings of `rowgate.toml` mean. Plain values: reading them is done elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::source::{about_file, io_reason};
use crate::backend::connect::{Password, Target};
use crate::backend::hosts::{Host, Hosts};
use crate::diagnostic::{Diagnostic, Severity};
use crate::protocol::tls::TlsClient;

/// A connection attempt to one host takes no longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A text that never shows in logs, debug output or error messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the clear text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The clear text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// All settings, with defaults filled in and paths made absolute or relative to the working folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The configuration file itself.
    pub file: PathBuf,
    /// Where clients connect.
    pub listen: Listen,
    /// The database behind.
    pub backend: Backend,
    /// Further names of `backend.database` that clients may connect to.
    pub databases: BTreeMap<String, DatabaseMapping>,
    /// How clients prove who they are.
    pub auth: Auth,
    /// Where users, departments and teams come from.
    pub directory: DirectorySource,
    /// Where the rules are.
    pub policy: PolicySource,
    /// The audit log.
    pub audit: Audit,
    /// Bounds on what one client may ask for.
    pub limits: Limits,
    /// The HTTP listener for health, metrics and the console; `None` leaves it closed.
    pub admin: Option<Admin>,
}

impl Settings {
    /// Where the gateway's connections go. What is known of the hosts belongs to this value and its
    /// clones.
    pub fn backend_target(&self) -> Result<Target, Diagnostic> {
        let tls = match &self.backend.tls {
            BackendTls::Disable => Ok(TlsClient::Disable),
            BackendTls::Require => TlsClient::require().map_err(|error| error.to_string()),
            BackendTls::VerifyFull { ca } => std::fs::read(ca)
                .map_err(|error| io_reason(&error))
                .and_then(|pem| TlsClient::verify_full(&pem).map_err(|error| error.to_string()))
                .map_err(|reason| format!("`backend.tls.ca`, {}: {reason}", ca.display())),
        };
        let tls = tls.map_err(|reason| {
            about_file(&self.file.display().to_string(), Severity::Error, reason, None)
        })?;
        Ok(Target {
            hosts: Hosts::new(self.backend.hosts.clone()),
            user: self.backend.user.clone(),
            password: self.backend.password.as_ref().map(|p| Password::new(p.reveal())),
            tls,
            connect_timeout: CONNECT_TIMEOUT,
        })
    }

    /// So many statements run at a time, at most: each needs a server connection.
    pub fn statements_at_a_time(&self) -> usize {
        let own = self.databases.values().filter_map(|mapping| mapping.pool.as_ref());
        own.fold(self.backend.pool.size, |sum, pool| sum.saturating_add(pool.size))
    }

    /// How the connections of clients are shared that ask for `name`.
    pub fn pool(&self, name: &str) -> &Pool {
        let own = self.databases.get(name).and_then(|mapping| mapping.pool.as_ref());
        own.unwrap_or(&self.backend.pool)
    }

    /// The name of the database behind that a client means by `name`; `None`: no such database.
    pub fn backend_database(&self, name: &str) -> Option<&str> {
        if name == self.backend.database {
            return Some(&self.backend.database);
        }
        self.databases.get(name).map(|mapping| mapping.database.as_str())
    }
}

/// `[listen]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Address or name to bind.
    pub host: String,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
    /// Client connections at one time.
    pub max_connections: usize,
    /// Threads that serve clients; `None`: what the machine and the pools make worth while.
    pub threads: Option<usize>,
    /// For how long such a thread looks for work before it sleeps; `None`: it sleeps at once.
    pub busy_poll: Option<Duration>,
    /// From accept until authenticated.
    pub auth_timeout: Duration,
    /// TLS towards clients.
    pub tls: ListenTls,
}

/// TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenTls {
    /// SSLRequest is answered with `N`.
    Disable,
    /// The client decides.
    Allow(TlsFiles),
    /// Connections without TLS are refused.
    Require(TlsFiles),
}

/// Certificate and key of the gateway, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub private_key: PathBuf,
    /// Who signs client certificates; `None` asks for none.
    pub client_ca: Option<PathBuf>,
}

/// `[backend]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Servers in order of preference, at least one.
    pub hosts: Vec<Host>,
    /// The database name on the server, and the name clients connect to.
    pub database: String,
    /// The role the gateway connects as.
    pub user: String,
    /// Its password; `None` where the server asks for none.
    pub password: Option<Secret>,
    /// TLS towards the server.
    pub tls: BackendTls,
    /// How server connections are shared.
    pub pool: Pool,
}

/// TLS towards the server, in libpq's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendTls {
    /// Never.
    Disable,
    /// Always, without looking at the certificate.
    Require,
    /// Always; the certificate must be signed by `ca` and name the host.
    VerifyFull {
        /// PEM file with the accepted signers.
        ca: PathBuf,
    },
}

/// When a client's server connection goes to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// When the client leaves.
    Session,
    /// When its transaction is over.
    Transaction,
}

/// `backend.pool`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// When a connection goes to the next client.
    pub mode: PoolMode,
    /// Server connections at most.
    pub size: usize,
    /// Of these, so many at most are kept by unrestricted people in transaction mode.
    pub unrestricted: usize,
    /// A connection that was unused for longer is checked before somebody gets it.
    pub check_after: Duration,
    /// An unused server connection is closed after this.
    pub idle_timeout: Duration,
    /// A server connection of this age is closed when it is unused.
    pub lifetime: Duration,
    /// A client waits this long for a server connection.
    pub wait_timeout: Duration,
}

/// `[databases.NAME]`: a name clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseMapping {
    /// The database name on the server.
    pub database: String,
    /// Connections of its own; `None`: those of `backend.database`.
    pub pool: Option<Pool>,
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Accepted methods, at least one.
    pub methods: Vec<AuthMethod>,
    /// Against guessing.
    pub lockout: Lockout,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// SCRAM-SHA-256, and SCRAM-SHA-256-PLUS under TLS.
    ScramSha256,
    /// The certificate's common name is the login.
    Certificate,
    /// Whoever connects is believed: loopback listeners only.
    Trust,
}

/// `auth.lockout`: after `failures` within `window`, a login is refused for `duration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockout {
    /// Failed attempts.
    pub failures: u32,
    /// Counted over this long.
    pub window: Duration,
    /// And refused for this long.
    pub duration: Duration,
}

/// `[directory]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectorySource {
    /// A YAML file.
    File(PathBuf),
    /// Queries on the database behind.
    Sql(DirectorySql),
}

/// `[directory.sql]`: each query returns the columns of the directory file by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectorySql {
    /// login, id and the other fields of a user.
    pub users: String,
    /// id, parent, head, name …
    pub departments: Option<String>,
    /// id, members.
    pub teams: Option<String>,
    /// login, role, valid_from, valid_until.
    pub assignments: Option<String>,
    /// login, password and the other fields of a service.
    pub services: Option<String>,
    /// How often they are asked.
    pub refresh: Duration,
}

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySource {
    /// Every `*.yaml` below it is one policy set.
    pub path: PathBuf,
    /// Reload when a file changes.
    pub watch: bool,
    /// The secret of keyed masks (`hash`); without one they are NULL.
    pub mask_key: Option<Secret>,
    /// Prove on the database that every filter and mask bites, before a policy is in force.
    pub self_test: bool,
    /// How long the proof may take; a policy that is not proven by then is refused.
    pub self_test_timeout: Duration,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The folder of the segments.
    pub path: PathBuf,
    /// What has happened before the client gets its answer.
    pub durability: Durability,
    /// What happens when the log cannot be written.
    pub on_failure: OnFailure,
    /// What becomes of bind parameters.
    pub parameters: ParameterRecording,
    /// The text of the key that signs segments; `None` leaves them unsigned.
    pub signing_key: Option<Secret>,
}

/// What has happened to a record before the client gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Synced to disk.
    Fsync,
    /// Handed to the operating system.
    Write,
    /// Queued in memory.
    Async,
}

/// What happens to statements when the log cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They are refused with 58030.
    Refuse,
    /// They run; the failure is logged and counted.
    Continue,
}

/// What the log keeps of bind parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterRecording {
    /// The values.
    Record,
    /// A keyed hash of each.
    Hash,
    /// Nothing.
    Omit,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest protocol message of a client, in bytes.
    pub message_size: u64,
    /// The longest query string, in bytes.
    pub statement_size: u64,
    /// A statement is cancelled after this.
    pub statement_timeout: Duration,
    /// Errors that depend on data, per person and window; 0 sets no limit.
    pub data_errors: u64,
    /// Comparisons with masked values, per person and window; 0 sets no limit.
    pub comparisons: u64,
    /// How far back these two count.
    pub window: Duration,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Address or name to bind.
    pub host: String,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
}
