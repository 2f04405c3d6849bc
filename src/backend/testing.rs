//! A throw-away PostgreSQL server for the tests of this module. It ends with the value.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::connect::{Password, Target};
use super::hosts::Hosts;
use crate::protocol::tls::TlsClient;

/// A running server with the superuser `postgres` and the password `secret`.
pub(crate) struct Cluster {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) authority: String,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = key.cert.pem();
        let cluster = Self { folder, port, authority };
        std::fs::write(cluster.path("password"), "secret").unwrap();
        cluster.run(
            "initdb",
            &[
                "--no-sync",
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                &format!("--pwfile={}", cluster.path("password").display()),
            ],
        );
        std::fs::write(cluster.path("data/server.crt"), &cluster.authority).unwrap();
        std::fs::write(cluster.path("data/server.key"), key.signing_key.serialize_pem()).unwrap();
        let mode = PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(cluster.path("data/server.key"), mode).unwrap();
        if let Some((user, group)) = server_account() {
            for file in ["data/server.key", "data/server.crt"] {
                chown(cluster.path(file), Some(user), Some(group)).unwrap();
            }
        }
        cluster.boot();
        cluster
    }

    fn boot(&self) {
        let options = format!(
            "-p {} -h 127.0.0.1 -c unix_socket_directories= -c fsync=off -c ssl=on",
            self.port
        );
        let log = self.path("log");
        self.run("pg_ctl", &["-w", "-o", &options, "-l", log.to_str().unwrap(), "start"]);
    }

    pub(crate) fn restart(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
        self.boot();
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            hosts: Hosts::one("localhost", self.port),
            user: "postgres".into(),
            password: Some(Password::new("secret")),
            tls: TlsClient::Disable,
            connect_timeout: Duration::from_secs(30),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let newest = std::fs::read_dir("/usr/lib/postgresql")
            .ok()
            .and_then(|found| found.filter_map(Result::ok).map(|entry| entry.path()).max());
        let path = newest.map_or(program.into(), |version| version.join("bin").join(program));
        let mut command = Command::new(path);
        command.arg("-D").arg(self.path("data")).current_dir(self.folder.path());
        if let Some((user, group)) = server_account() {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        // Without pipes: the server would keep them open.
        let status = self
            .command(program)
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self
            .command("pg_ctl")
            .args(["-m", "immediate", "stop"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        assert!(stopped.is_ok());
    }
}

/// PostgreSQL does not run as root; as somebody else it can run as that one.
fn server_account() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let account = ["postgres", "nobody"]
        .iter()
        .find_map(|name| nix::unistd::User::from_name(name).ok().flatten())
        .unwrap();
    Some((account.uid.as_raw(), account.gid.as_raw()))
}
