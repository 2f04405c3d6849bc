//! What every end-to-end test stands on: one throw-away server per test process, the real `rowgate`
//! program in front of it, and unmodified clients that connect to either.
//!
//! Nothing outlives the test process: server and gateway end when its pipes close.

pub(crate) mod client;
pub(crate) mod tap;
pub(crate) mod wire;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rowgate::demo::cluster::{Cluster, free_port};
use rowgate::demo::sample::{Accounts, PASSWORD};
use rowgate::demo::supervised::Supervised;
use rowgate::demo::{DATABASE, GATEWAY_ROLE, load, start_gateway, write_configuration};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// The database that holds only what alice may see.
pub(crate) const SEEN_BY_ALICE: &str = "seen_by_alice";

/// The program under test: cargo's own, or another build of it.
pub(crate) const ROWGATE: &str = match option_env!("ROWGATE_TEST_PROGRAM") {
    Some(other) => other,
    None => env!("CARGO_BIN_EXE_rowgate"),
};

/// How somebody connects, directly or through the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    /// The login's writes outside its rows have to be refused.
    pub(crate) restricted: bool,
}

impl Login {
    /// For tokio-postgres.
    pub(crate) fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(&self.user).password(&self.password);
        config.dbname(&self.database).connect_timeout(Duration::from_secs(20));
        config
    }
}

/// A server with the sample CRM.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) cluster: Cluster,
    pub(crate) folder: PathBuf,
    role_password: String,
}

/// A gateway in front of the server.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) process: Supervised,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
}

impl Gateway {
    /// How a person of the directory connects.
    pub(crate) fn login(&self, user: &str) -> Login {
        Login {
            port: self.port,
            user: user.to_owned(),
            password: PASSWORD.to_owned(),
            database: DATABASE.to_owned(),
            restricted: user != "henry",
        }
    }

    /// What the gateway has written to its terminal.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("gateway.log")).unwrap_or_default()
    }
}

/// The runtime that outlives every test.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// The server of this test process; the first caller starts it.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| runtime().block_on(start_server("")))
}

/// A server of its own for a test that lets it die.
pub(crate) fn private_server(name: &str) -> Server {
    runtime().block_on(start_server(name))
}

/// The gateway of this test process, with the sample policy; the first caller starts it.
pub(crate) fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| gateway_with("gateway", |_| {}))
}

impl Server {
    /// Straight to the server with the rights that the gateway has there.
    pub(crate) fn login(&self, database: &str) -> Login {
        Login {
            port: self.cluster.port(),
            user: GATEWAY_ROLE.to_owned(),
            password: self.role_password.clone(),
            database: database.to_owned(),
            restricted: false,
        }
    }
}

/// The files of a gateway that nobody starts: its configuration.
pub(crate) fn configuration(name: &str) -> PathBuf {
    let server = server();
    let folder = server.folder.join(name);
    fs::create_dir_all(&folder).unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
    write_configuration(&folder, listen, server.cluster.port(), &server.role_password).unwrap()
}

/// For tests of what a client sees of the server connection that it has for itself.
pub(crate) fn session_pooling(folder: &Path) {
    let file = folder.join("rowgate.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"transaction\"", "\"session\"", 1)).unwrap();
}

/// Starts a further gateway whose files were changed by `change` before it reads them.
pub(crate) fn gateway_with(name: &str, change: impl FnOnce(&Path)) -> Gateway {
    gateway_before(server(), name, change, |gateway| {
        let henry = gateway.login("henry").config();
        runtime().block_on(henry.connect(NoTls)).is_ok()
    })
}

/// The same in front of any server; `answers` says when it is ready.
pub(crate) fn gateway_before(
    server: &Server,
    name: &str,
    change: impl FnOnce(&Path),
    answers: impl Fn(&Gateway) -> bool,
) -> Gateway {
    let folder = server.folder.join(name);
    fs::create_dir_all(&folder).unwrap();
    let port = free_port().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    let config =
        write_configuration(&folder, listen, server.cluster.port(), &server.role_password).unwrap();
    // All tests hold in both modes; continuous integration runs them in the other one as well.
    if let Ok(mode) = std::env::var("ROWGATE_TEST_POOL") {
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replacen("\"transaction\"", &format!("{mode:?}"), 1)).unwrap();
    }
    // It is the same for every one of these gateways, and has tests of its own.
    if !name.starts_with("selftest") {
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replace("[policy]\n", "[policy]\nself_test = false\n")).unwrap();
    }
    change(&folder);
    let process = start_gateway(Path::new(ROWGATE), &config, &folder.join("gateway.log")).unwrap();
    let mut gateway = Gateway { process, port, folder };
    gateway.wait(answers);
    gateway
}

impl Gateway {
    /// Waits until it answers.
    pub(crate) fn wait(&mut self, answers: impl Fn(&Self) -> bool) {
        for _ in 0..600 {
            if !self.process.is_running() {
                break;
            }
            if answers(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the gateway does not answer:\n{}", self.log());
    }

    /// Starts it again on its files after it was ended.
    pub(crate) fn restart(&mut self) {
        let config = self.folder.join("rowgate.toml");
        let log = self.folder.join("gateway.log");
        self.process = start_gateway(Path::new(ROWGATE), &config, &log).unwrap();
        self.wait(|gateway| {
            let henry = gateway.login("henry").config();
            runtime().block_on(henry.connect(NoTls)).is_ok()
        });
    }
}

async fn start_server(name: &str) -> Server {
    remove_what_dead_runs_left();
    let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id())).join(name);
    fs::create_dir_all(&folder).unwrap();
    // The server's own user has to be able to get there.
    if let Some(parent) = folder.parent().filter(|_| !name.is_empty()) {
        fs::set_permissions(parent, fs::Permissions::from_mode(0o711)).unwrap();
    }
    let cluster = Cluster::start(&folder).await.unwrap();
    let role_password = load(&cluster, DATABASE, Accounts::SMALL).await.unwrap();
    if !name.is_empty() {
        return Server { cluster, folder, role_password };
    }
    let copy = format!("CREATE DATABASE {SEEN_BY_ALICE} TEMPLATE {DATABASE}");
    cluster.run("postgres", &copy).await.unwrap();
    cluster.run(SEEN_BY_ALICE, include_str!("seen_by_alice.sql")).await.unwrap();
    Server { cluster, folder, role_password }
}

const PREFIX: &str = "rowgate-e2e-";

/// The servers of runs that were killed have removed their data, but not their folders.
fn remove_what_dead_runs_left() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(process) = process
            && !Path::new("/proc").join(process).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Adds people to the directory of a gateway that has not started, with alice's password. Each is what
/// stands before it: `login: x, roles: [y]`.
pub(crate) fn hire(folder: &Path, people: &[&str]) {
    let directory = folder.join("directory.yaml");
    let text = fs::read_to_string(&directory).unwrap();
    let password = text
        .lines()
        .skip_while(|line| !line.contains("login: alice,"))
        .find_map(|line| line.split("password: ").nth(1))
        .unwrap();
    let lines: Vec<String> =
        people.iter().map(|person| format!("  - {{ {person}, password: {password}\n")).collect();
    let hired = format!("users:\n{}", lines.concat());
    fs::write(&directory, text.replacen("users:\n", &hired, 1)).unwrap();
}
