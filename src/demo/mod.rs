//! `rowgate demo`: a throw-away server with the sample CRM, and a gateway in front of it.

pub mod cluster;
pub mod sample;
pub mod supervised;
mod tour;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::NoTls;

use cluster::{Cluster, ClusterError};
use sample::Accounts;
use supervised::{Run, Supervised};

pub use tour::{Tour, TourError};

/// The database of the sample CRM, on the server and for clients.
pub const DATABASE: &str = "crm";

/// The role the gateway connects to the server as.
pub const GATEWAY_ROLE: &str = "rowgate";

/// Where the demo's gateway listens unless told otherwise, when nothing else does.
const USUAL_PORT: u16 = 6432;

/// Who the printed lines are for, and what there is to see.
const PEOPLE: [(&str, &str); 9] = [
    ("alice", "sales representative, east: her own customers"),
    ("bob", "sales manager, east: his department and those below it"),
    ("carol", "representative, north, who may look into her department: phones masked row by row"),
    ("judy", "director of sales: all sales departments"),
    ("dave", "finance: contracts, invoices, payments; changes nothing"),
    ("erin", "marketing: campaigns and feedback; customers without names"),
    ("frank", "service: tickets; finds customers by phone, never a VIP"),
    ("grace", "management: everything"),
    ("henry", "database administrator: unrestricted, and recorded like everyone else"),
];

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The throw-away server.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file, or the terminal.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What went wrong.
        source: io::Error,
    },
    /// `--data-dir` names a folder with something in it.
    #[error("{} is not empty; the demo removes what is in its folder when it ends", .0.display())]
    FolderNotEmpty(PathBuf),
    /// The gateway ended or does not answer.
    #[error("the gateway does not answer:\n{0}")]
    Gateway(String),
    /// Writing to the terminal.
    #[error(transparent)]
    Output(#[from] io::Error),
}

fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> DemoError {
    let doing = doing.into();
    move |source| DemoError::Io { doing, source }
}

/// Where a demo runs and how large it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the gateway listens; `None` chooses a loopback port.
    pub listen: Option<SocketAddr>,
    /// The folder for the server's files, the configuration and the audit log; `None` is a temporary
    /// one. Everything in it is removed at the end.
    pub folder: Option<PathBuf>,
    /// How many rows are generated.
    pub accounts: Accounts,
    /// The `rowgate` program that serves.
    pub program: PathBuf,
}

/// A running demo; dropping it stops gateway and server and removes their files.
#[derive(Debug)]
pub struct Demo {
    // In this order they end: the gateway before the server it uses, the files last.
    gateway: Supervised,
    cluster: Cluster,
    folder: Folder,
    address: SocketAddr,
}

impl Demo {
    /// Starts a server, loads the sample CRM and starts a gateway in front of it.
    pub async fn start(options: &Options) -> Result<Self, DemoError> {
        let folder = Folder::make(options.folder.as_deref())?;
        let cluster = Cluster::start(folder.path()).await?;
        let password = load(&cluster, DATABASE, options.accounts).await?;
        let address = match options.listen {
            Some(address) if address.port() != 0 => address,
            Some(address) => SocketAddr::new(address.ip(), cluster::free_port()?),
            None => usual_address()?,
        };
        let config = write_configuration(folder.path(), address, cluster.port(), &password)
            .map_err(io_error("write the configuration"))?;
        let log = folder.path().join("gateway.log");
        let gateway = start_gateway(&options.program, &config, &log)
            .map_err(io_error("start the gateway"))?;
        let mut demo = Self { gateway, cluster, folder, address };
        demo.wait_until_ready(&log).await?;
        Ok(demo)
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server behind.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The folder with the configuration, the policy and the audit log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the gateway and leaves the rest running.
    pub fn stop_gateway(&mut self) {
        self.gateway.stop();
    }

    /// How a sample person connects through the gateway.
    pub fn login(&self, user: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host(self.address.ip().to_string()).port(self.address.port());
        config.user(user).password(sample::PASSWORD).dbname(DATABASE);
        config.connect_timeout(Duration::from_secs(10));
        config
    }

    /// Prints lines that, pasted into a terminal, connect as the sample people.
    pub fn write_instructions(&self, out: &mut dyn Write) -> io::Result<()> {
        let (host, port) = (self.address.ip(), self.address.port());
        writeln!(
            out,
            "The sample CRM is at {host}:{port}, behind rowgate. Paste one of these lines:\n"
        )?;
        for (login, description) in PEOPLE {
            let line = format!(
                "psql 'host={host} port={port} dbname={DATABASE} user={login} password={}'",
                sample::PASSWORD
            );
            writeln!(out, "  # {login}, {description}\n  {line}\n")?;
        }
        writeln!(out, "Try as several of them:\n")?;
        writeln!(out, "  {}\n", tour::QUERY)?;
        writeln!(out, "The audit log grows here, and everything is removed when the demo ends:\n")?;
        let audit = self.folder().join("audit");
        writeln!(out, "  rowgate audit search --path {} --decision deny\n", audit.display())?;
        writeln!(out, "Ctrl-C ends it.")?;
        out.flush()
    }

    async fn wait_until_ready(&mut self, log: &Path) -> Result<(), DemoError> {
        let mut last = String::new();
        for _ in 0..300 {
            if !self.gateway.is_running() {
                break;
            }
            match self.login("alice").connect(NoTls).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut output = fs::read_to_string(log).unwrap_or_default();
        output.push_str(&last);
        Err(DemoError::Gateway(output))
    }
}

/// Starts `rowgate serve` so that it cannot outlive this process.
pub fn start_gateway(program: &Path, config: &Path, log: &Path) -> io::Result<Supervised> {
    let arguments: [&OsStr; 3] = ["serve".as_ref(), "--config".as_ref(), config.as_os_str()];
    Supervised::start(Run {
        program,
        arguments: &arguments,
        stop_signal: "TERM",
        log,
        remove: None,
        user: None,
    })
}

/// Creates `database` with the sample CRM in it and, when there is none, the gateway's role.
/// Returns the role's password.
pub async fn load(
    cluster: &Cluster,
    database: &str,
    accounts: Accounts,
) -> Result<String, ClusterError> {
    let password = cluster::random_password();
    // The role owns nothing and bypasses nothing; the password needs no quoting.
    let role = format!(
        "CREATE ROLE {GATEWAY_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS \
         PASSWORD '{password}'"
    );
    cluster.run("postgres", &role).await?;
    cluster.run("postgres", &format!("CREATE DATABASE {database}")).await?;
    let size = sample::size_setting(accounts);
    let script = [&size, sample::SCHEMA, sample::ROWS, sample::GRANTS].join("\n");
    cluster.run(database, &script).await?;
    // The planner's statistics; not possible inside a transaction with everything else.
    cluster.run(database, "VACUUM ANALYZE").await?;
    Ok(password)
}

/// Writes `rowgate.toml` and everything it names below `folder`; returns its path.
pub fn write_configuration(
    folder: &Path,
    listen: SocketAddr,
    server_port: u16,
    server_password: &str,
) -> io::Result<PathBuf> {
    sample::write_policy(folder)?;
    fs::write(folder.join("server.password"), server_password)?;
    let config = folder.join("rowgate.toml");
    let text = format!(
        "[listen]\n\
         address = \"{listen}\"\n\
         tls = {{ mode = \"disable\" }}\n\n\
         [backend]\n\
         hosts = [\"127.0.0.1:{server_port}\"]\n\
         database = \"{DATABASE}\"\n\
         user = \"{GATEWAY_ROLE}\"\n\
         password = {{ file = \"server.password\" }}\n\
         tls = {{ mode = \"disable\" }}\n\
         pool = {{ mode = \"transaction\", size = 50 }}\n\n\
         [directory]\n\
         file = \"directory.yaml\"\n\n\
         [policy]\n\
         path = \"policies\"\n\n\
         [audit]\n\
         path = \"audit\"\n"
    );
    fs::write(&config, text)?;
    Ok(config)
}

fn usual_address() -> Result<SocketAddr, ClusterError> {
    let usual = SocketAddr::from(([127, 0, 0, 1], USUAL_PORT));
    let free = std::net::TcpListener::bind(usual).is_ok();
    Ok(SocketAddr::from(([127, 0, 0, 1], if free { USUAL_PORT } else { cluster::free_port()? })))
}

/// The demo's folder; what is in it goes when it is dropped.
#[derive(Debug)]
enum Folder {
    Temporary(tempfile::TempDir),
    Named(PathBuf),
}

impl Folder {
    fn make(named: Option<&Path>) -> Result<Self, DemoError> {
        let Some(path) = named else {
            let folder = tempfile::Builder::new().prefix("rowgate-demo-").tempdir();
            return folder.map(Self::Temporary).map_err(io_error("make a temporary folder"));
        };
        fs::create_dir_all(path).map_err(io_error(format!("make {}", path.display())))?;
        let path = path.canonicalize().map_err(io_error(format!("find {}", path.display())))?;
        let mut entries =
            fs::read_dir(&path).map_err(io_error(format!("read {}", path.display())))?;
        if entries.next().is_some() {
            return Err(DemoError::FolderNotEmpty(path));
        }
        Ok(Self::Named(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Named(path) => path,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Named(path) = self {
            // The folder itself may be a mount point or belong to somebody else; its files are ours.
            drop(fs::remove_dir_all(path));
        }
    }
}
