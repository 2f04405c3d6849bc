//! A throw-away PostgreSQL server on a loopback port: for `rowgate demo` and for the tests.
//!
//! It is not durable (no fsync) and not for keeping anything: it stops and its files are removed when
//! the [`Cluster`] is dropped, and also when this process is killed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::unistd::{Gid, Uid, User};
use tokio_postgres::NoTls;

use super::supervised::{Run, Supervised};

/// The oldest server rowgate works with: older lexers read numbers such as `0x1F` differently.
pub const OLDEST_SERVER: u32 = 15;

/// The environment variable that names the folder with `postgres` and `initdb`.
pub const BINARIES_VARIABLE: &str = "ROWGATE_POSTGRES_BIN";

/// The name of the superuser of a throw-away server.
pub const SUPERUSER: &str = "postgres";

/// Settings of a server whose data nobody needs after a crash.
const SERVER_SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_senders = 2
max_replication_slots = 1
max_wal_size = 1GB
autovacuum = off
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_statement = none
";

/// Why a throw-away server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither the environment, the search path nor the usual folders have one that is new enough.
    #[error(
        "no PostgreSQL server binaries of version {OLDEST_SERVER} or later found; install them \
         (Debian, Ubuntu: apt-get install postgresql) or set {BINARIES_VARIABLE} to their folder"
    )]
    NoBinaries,
    /// PostgreSQL refuses to run as root.
    #[error(
        "running as root, and neither user `postgres` nor `nobody` exists to run PostgreSQL as"
    )]
    NoUnprivilegedUser,
    /// A file or a process.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What went wrong.
        source: io::Error,
    },
    /// `initdb` or the server ended with an error.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// The end of what it wrote.
        output: String,
    },
    /// The server answered with an error.
    #[error("the throw-away server refused: {0}")]
    Postgres(#[from] tokio_postgres::Error),
}

fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> ClusterError {
    let doing = doing.into();
    move |source| ClusterError::Io { doing, source }
}

/// The programs of one PostgreSQL version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    /// The major version.
    pub version: u32,
}

impl Binaries {
    /// The folder that the environment names, or else the newest version on the search path and
    /// in the folders that distributions use.
    pub fn find() -> Result<Self, ClusterError> {
        if let Some(folder) = std::env::var_os(BINARIES_VARIABLE) {
            return Self::in_folder(PathBuf::from(folder)).ok_or(ClusterError::NoBinaries);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let packaged = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt"];
        std::env::split_paths(&path)
            .chain(packaged.iter().flat_map(|parent| versions_below(Path::new(parent))))
            .filter_map(Self::in_folder)
            .max_by_key(|found| found.version)
            .ok_or(ClusterError::NoBinaries)
    }

    fn in_folder(folder: PathBuf) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        // `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `… 18beta1`
        let text = String::from_utf8(output.stdout).ok()?;
        let number = text.split_whitespace().nth(2)?;
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let version = digits.parse().ok()?;
        (version >= OLDEST_SERVER).then_some(Self { folder, version })
    }

    /// The path of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn versions_below(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten();
    entries.flatten().map(|entry| entry.path().join("bin")).collect()
}

/// The user the server runs as; `None` is the current one, which is not root.
#[derive(Debug, Clone, Copy)]
struct Unprivileged(Option<(Uid, Gid)>);

impl Unprivileged {
    fn find() -> Result<Self, ClusterError> {
        if !Uid::effective().is_root() {
            return Ok(Self(None));
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self(Some((user.uid, user.gid))))
            .ok_or(ClusterError::NoUnprivilegedUser)
    }

    fn apply(self, command: &mut Command) {
        if let Self(Some((user, group))) = self {
            command.uid(user.as_raw()).gid(group.as_raw());
        }
    }

    fn own(self, path: &Path) -> Result<(), ClusterError> {
        let Self(Some((user, group))) = self else { return Ok(()) };
        nix::unistd::chown(path, Some(user), Some(group))
            .map_err(|error| io_error(format!("chown {}", path.display()))(error.into()))
    }
}

/// A running throw-away server; dropping it stops the server and removes its files.
#[derive(Debug)]
pub struct Cluster {
    server: Supervised,
    binaries: Binaries,
    port: u16,
    password: String,
    data: PathBuf,
}

impl Cluster {
    /// Creates a server below `folder`, which has to exist, and starts it.
    pub async fn start(folder: &Path) -> Result<Self, ClusterError> {
        let (binaries, user) = (Binaries::find()?, Unprivileged::find()?);
        let home = prepare(folder, user)?;
        let password = random_password();
        initialise(&binaries, user, &home, &home.join("data"), &password).await?;
        Self::boot(binaries, user, &home, password).await
    }

    /// Creates a copy of this server below another folder, which has to exist, and starts it: a
    /// standby, which follows this one until it is promoted.
    pub async fn standby(&self, folder: &Path) -> Result<Self, ClusterError> {
        let user = Unprivileged::find()?;
        let home = prepare(folder, user)?;
        let data = home.join("data");
        // A base backup by hand (PostgreSQL documentation, 26.3.4): not every installation that has
        // a server has pg_basebackup.
        let (client, connection) = self.superuser("postgres").connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute("SELECT pg_backup_start('standby', true)").await?;
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(&self.data).arg(&data).current_dir("/").stdin(Stdio::null());
        run(copy, user, "cp").await?;
        let label = client.query_one("SELECT labelfile FROM pg_backup_stop()", &[]).await?;
        let label: String = label.try_get(0)?;
        drop(client);
        connection.abort();
        let follow = format!(
            "{SERVER_SETTINGS}primary_conninfo = 'host=127.0.0.1 port={} user={SUPERUSER} \
             password={}'\n",
            self.port, self.password
        );
        for (name, text) in [
            ("backup_label", label.as_str()),
            ("standby.signal", ""),
            ("postgresql.auto.conf", &follow),
        ] {
            let file = data.join(name);
            fs::write(&file, text).map_err(io_error("write the standby's files"))?;
            user.own(&file)?;
        }
        fs::remove_file(data.join("postmaster.pid"))
            .map_err(io_error("remove the lock of the copy"))?;
        Self::boot(self.binaries.clone(), user, &home, self.password.clone()).await
    }

    /// Starts the server whose files are there.
    async fn boot(
        binaries: Binaries,
        user: Unprivileged,
        home: &Path,
        password: String,
    ) -> Result<Self, ClusterError> {
        let data = home.join("data");
        let port = free_port()?;
        let port_text = port.to_string();
        let program = binaries.program("postgres");
        let log = home.join("log");
        let server = Supervised::start(Run {
            program: &program,
            arguments: &["-D".as_ref(), data.as_os_str(), "-p".as_ref(), port_text.as_ref()],
            // Immediate shutdown: nobody needs these files.
            stop_signal: "QUIT",
            log: &log,
            remove: Some(&data),
            user: user.0,
        })
        .map_err(io_error("start the PostgreSQL server"))?;
        let mut cluster = Self { server, binaries, port, password, data };
        cluster.wait_until_ready(&log).await?;
        Ok(cluster)
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's password, made up at the start.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The programs of the running version.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// How the superuser connects to `database`.
    pub fn superuser(&self, database: &str) -> tokio_postgres::Config {
        self.login(SUPERUSER, &self.password, database)
    }

    /// How `user` connects to `database`.
    pub fn login(&self, user: &str, password: &str, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(user).password(password).dbname(database);
        config.connect_timeout(Duration::from_secs(10));
        config
    }

    /// Runs SQL text as the superuser, all of it in one transaction.
    pub async fn run(&self, database: &str, sql: &str) -> Result<(), ClusterError> {
        let (client, connection) = self.superuser(database).connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let result = client.batch_execute(sql).await;
        drop(client);
        connection.abort();
        Ok(result?)
    }

    async fn wait_until_ready(&mut self, log: &Path) -> Result<(), ClusterError> {
        for _ in 0..600 {
            if !self.server.is_running() {
                break;
            }
            if self.superuser("postgres").connect(NoTls).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let output = fs::read_to_string(log).unwrap_or_default();
        Err(ClusterError::Failed { program: "postgres", output: last_lines(&output) })
    }
}

/// The folder for a server's files.
fn prepare(folder: &Path, user: Unprivileged) -> Result<PathBuf, ClusterError> {
    let home = folder.join("postgresql");
    fs::create_dir_all(&home).map_err(io_error(format!("create {}", home.display())))?;
    user.own(&home)?;
    // Whoever runs the server has to be able to reach its folder, and nothing else in it.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711))
        .map_err(io_error(format!("change the mode of {}", folder.display())))?;
    Ok(home)
}

/// Runs a program as the server's user.
async fn run(
    mut command: Command,
    user: Unprivileged,
    program: &'static str,
) -> Result<(), ClusterError> {
    user.apply(&mut command);
    let output = tokio::process::Command::from(command)
        .output()
        .await
        .map_err(io_error(format!("run {program}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(ClusterError::Failed { program, output: last_lines(&text) })
}

async fn initialise(
    binaries: &Binaries,
    user: Unprivileged,
    home: &Path,
    data: &Path,
    password: &str,
) -> Result<(), ClusterError> {
    let password_file = home.join("password");
    let mut file = File::create(&password_file).map_err(io_error("write the password file"))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .and_then(|()| file.write_all(password.as_bytes()))
        .map_err(io_error("write the password file"))?;
    user.own(&password_file)?;

    let mut command = Command::new(binaries.program("initdb"));
    let mut password_argument = OsString::from("--pwfile=");
    password_argument.push(&password_file);
    command
        .args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8"])
        .args(["--locale", "C.UTF-8", "--no-sync", "--no-instructions", "--pgdata"])
        .arg(data)
        .arg(password_argument)
        .current_dir("/")
        .stdin(Stdio::null());
    let made = run(command, user, "initdb").await;
    fs::remove_file(&password_file).map_err(io_error("remove the password file"))?;
    made?;
    let settings = data.join("postgresql.auto.conf");
    fs::write(&settings, SERVER_SETTINGS).map_err(io_error("write the server's settings"))?;
    user.own(&settings)
}

/// A loopback port that is free now.
pub fn free_port() -> Result<u16, ClusterError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(io_error("find a free port"))
}

/// 24 characters that need no quoting anywhere.
pub fn random_password() -> String {
    let bytes: [u8; 18] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(8);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_cluster_leaves_no_server_and_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(folder.path()).await.unwrap();
        let port = cluster.port();
        cluster.run("postgres", "CREATE TABLE t (i int); INSERT INTO t VALUES (1)").await.unwrap();
        drop(cluster);
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert!(!folder.path().join("postgresql/data").exists());
    }

    #[tokio::test]
    async fn a_wrong_password_does_not_open_the_throw_away_server() {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(folder.path()).await.unwrap();
        let refused = cluster.login(SUPERUSER, "postgres", "postgres").connect(NoTls).await;
        assert!(refused.is_err());
    }
}
