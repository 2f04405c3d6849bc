use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::*;
use crate::protocol::startup::{Arrival, TlsPolicy, receive, tests::identity};
use crate::protocol::tls::TlsServer;

struct Directory {
    valid_until: Option<Timestamp>,
    enabled: bool,
    allowed_from: Vec<IpNet>,
}

impl Accounts for Directory {
    fn account(&self, login: &str) -> Option<Account> {
        (login == "alice").then(|| Account {
            verifier: Some(Verifier::from_password("secret", b"0123456789abcdef", 4096)),
            enabled: self.enabled,
            valid_until: self.valid_until,
            allowed_from: self.allowed_from.clone(),
        })
    }
}

fn directory() -> Directory {
    Directory { valid_until: None, enabled: true, allowed_from: Vec::new() }
}

fn authenticator(methods: &[Method], failures: u32) -> Authenticator {
    let lockout = LockoutSettings {
        failures,
        window: Duration::from_secs(600),
        duration: Duration::from_secs(600),
    };
    Authenticator::new(methods.to_vec(), lockout, [7; 32])
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves one login and then looks idle, as a server does.
async fn serve(
    listener: &TcpListener,
    tls: &TlsPolicy,
    authenticator: &Authenticator,
    directory: &Directory,
) -> Outcome {
    let (socket, peer) = listener.accept().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let Arrival::Session(mut startup) = receive(socket, peer, tls, deadline).await else {
        panic!("the startup packet is good");
    };
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let outcome = authenticator.authenticate(&mut startup, directory, now, deadline).await.unwrap();
    if matches!(outcome, Outcome::Accepted { .. }) {
        let ready = [message(b'S', b"client_encoding\0UTF8\0"), message(b'Z', b"I")].concat();
        startup.client.outbound.extend(&ready);
        startup.client.flush().await.unwrap();
        let mut rest = [0; 64];
        while startup.client.stream_mut().read(&mut rest).await.is_ok_and(|length| length > 0) {}
    }
    outcome
}

/// One login of an independent client; returns what each side saw.
async fn login(
    user: &str,
    password: &str,
    authenticator: &Authenticator,
    directory: &Directory,
) -> (Outcome, Option<(String, String)>) {
    let (listener, address) = listen().await;
    let client = async {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut config = tokio_postgres::Config::new();
        config.user(user).password(password);
        match config.connect_raw(socket, tokio_postgres::NoTls).await {
            Ok(_) => None,
            Err(error) => {
                let error = error.as_db_error().unwrap();
                Some((error.code().code().to_owned(), error.message().to_owned()))
            }
        }
    };
    tokio::join!(serve(&listener, &TlsPolicy::Disable, authenticator, directory), client)
}

fn cause(outcome: &Outcome) -> Cause {
    let Outcome::Refused { cause, .. } = outcome else { panic!("{outcome:?}") };
    *cause
}

#[tokio::test]
async fn an_independent_client_logs_in_and_nobody_can_tell_why_another_can_not() {
    let scram = authenticator(&[Method::ScramSha256], 100);
    let (outcome, error) = login("alice", "secret", &scram, &directory()).await;
    assert_eq!(error, None);
    assert_eq!(
        outcome,
        Outcome::Accepted { login: Login::from("alice"), method: Method::ScramSha256 }
    );
    let told = |user: &str| {
        let message = format!("password authentication failed for user \"{user}\"");
        Some(("28P01".to_owned(), message))
    };
    let disabled = Directory { enabled: false, ..directory() };
    let expired =
        Directory { valid_until: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..directory() };
    for (user, password, directory, expected) in [
        ("alice", "wrong", directory(), Cause::WrongPassword),
        ("nobody", "secret", directory(), Cause::UnknownUser),
        ("alice", "secret", disabled, Cause::Disabled),
        ("alice", "secret", expired, Cause::Expired),
    ] {
        let (outcome, error) = login(user, password, &scram, &directory).await;
        assert_eq!((cause(&outcome), error), (expected, told(user)));
    }
}

#[tokio::test]
async fn a_foreign_address_is_told_so_only_after_the_right_password() {
    let scram = authenticator(&[Method::ScramSha256], 100);
    let elsewhere = Directory { allowed_from: vec!["10.0.0.0/8".parse().unwrap()], ..directory() };
    let (outcome, error) = login("alice", "secret", &scram, &elsewhere).await;
    assert_eq!((cause(&outcome), error.unwrap().0.as_str()), (Cause::Address, "28000"));
    let (outcome, error) = login("alice", "wrong", &scram, &elsewhere).await;
    assert_eq!((cause(&outcome), error.unwrap().0.as_str()), (Cause::WrongPassword, "28P01"));
    let here = Directory { allowed_from: vec!["127.0.0.0/8".parse().unwrap()], ..directory() };
    assert_eq!(login("alice", "secret", &scram, &here).await.1, None);
}

#[tokio::test]
async fn after_too_many_failures_the_right_password_fails_like_a_wrong_one() {
    let scram = authenticator(&[Method::ScramSha256], 2);
    for _ in 0..2 {
        login("alice", "wrong", &scram, &directory()).await;
    }
    let (outcome, error) = login("alice", "secret", &scram, &directory()).await;
    assert_eq!((cause(&outcome), error.unwrap().0.as_str()), (Cause::Locked, "28P01"));
}

#[tokio::test]
async fn trust_is_for_known_enabled_users_of_this_machine_only() {
    let trust = authenticator(&[Method::Trust], 100);
    let (outcome, _) = login("alice", "", &trust, &directory()).await;
    assert_eq!(outcome, Outcome::Accepted { login: Login::from("alice"), method: Method::Trust });
    let (outcome, error) = login("nobody", "", &trust, &directory()).await;
    assert_eq!((cause(&outcome), error.unwrap().0.as_str()), (Cause::NoMethod, "28000"));
    let disabled = Directory { enabled: false, ..directory() };
    assert_eq!(cause(&login("alice", "", &trust, &disabled).await.0), Cause::NoMethod);
}

#[tokio::test]
async fn anything_but_a_password_message_ends_the_login() {
    let scram = authenticator(&[Method::ScramSha256], 100);
    let hello = b"\0\0\0\x14\0\x03\0\0user\0alice\0\0";
    for hostile in [
        &b"Q\0\0\0\x0dSELECT 1\0"[..],
        b"p\0\0\0\0",
        b"p\0\0\0\x03",
        b"p\x7f\xff\xff\xff",
        b"p\0\0\0\x04",
        b"p\0\0\0\x12SCRAM-SHA-256\0",
        b"p\0\0\0\x16SCRAM-SHA-256\0\xff\xff\xff\xff",
        b"p\0\0\0\x16SCRAM-SHA-256\0\0\0\0\x09",
        b"p\0\0\0\x1bSCRAM-SHA-256\0\0\0\0\x05n,,x=",
    ] {
        let (listener, address) = listen().await;
        let client = async {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(hello).await.unwrap();
            socket.write_all(hostile).await.unwrap();
            let mut answer = Vec::new();
            while socket.read_buf(&mut answer).await.is_ok_and(|length| length > 0) {}
            answer
        };
        let directory = directory();
        let (outcome, answer) =
            tokio::join!(serve(&listener, &TlsPolicy::Disable, &scram, &directory), client);
        assert_eq!(cause(&outcome), Cause::Protocol, "{hostile:?}");
        let accepted = message(b'R', &0_u32.to_be_bytes());
        assert!(!answer.windows(accepted.len()).any(|part| part == accepted), "{hostile:?}");
    }
}

#[tokio::test]
async fn psql_logs_in_over_tls_with_channel_binding_and_over_plain_tcp() {
    let scram = Arc::new(authenticator(&[Method::ScramSha256], 100));
    let (certificate, key) = identity();
    let server = TlsServer::from_pem(certificate.as_bytes(), key.as_bytes(), None).unwrap();
    let tls = TlsPolicy::Allow(server);
    let (listener, address) = listen().await;
    for (options, password, works) in [
        ("sslmode=disable", "secret", true),
        ("sslmode=require channel_binding=require", "secret", true),
        ("sslmode=require channel_binding=disable", "secret", true),
        ("sslmode=require channel_binding=require", "wrong", false),
    ] {
        let directory = directory();
        let psql = async {
            // `\q` needs no statement to be answered.
            Command::new("psql")
                .arg(format!(
                    "host=127.0.0.1 port={} user=alice dbname=crm {options}",
                    address.port()
                ))
                .args(["-X", "-c", "\\q"])
                .env("PGPASSWORD", password)
                .stdin(Stdio::null())
                .output()
                .await
                .unwrap()
        };
        let (outcome, output) = tokio::join!(serve(&listener, &tls, &scram, &directory), psql);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), works, "{options}: {errors}");
        assert_eq!(matches!(outcome, Outcome::Accepted { .. }), works, "{options}: {outcome:?}");
        if !works {
            assert!(errors.contains("password authentication failed for user \"alice\""));
        }
    }
}

#[tokio::test]
async fn a_certificate_opens_the_login_it_names_and_no_other() {
    use std::os::unix::fs::PermissionsExt;

    let alice = rcgen::generate_simple_self_signed(["alice".to_owned()]).unwrap();
    let (certificate, key) = identity();
    let bob = rcgen::generate_simple_self_signed(["bob".to_owned()]).unwrap();
    let authorities = [alice.cert.pem(), bob.cert.pem()].concat();
    let server =
        TlsServer::from_pem(certificate.as_bytes(), key.as_bytes(), Some(authorities.as_bytes()))
            .unwrap();
    let tls = TlsPolicy::Require(server);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let of = |name: &str, made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        let certificate = file(&format!("{name}.crt"), &made.cert.pem());
        let key = file(&format!("{name}.key"), &made.signing_key.serialize_pem());
        format!("sslcert={certificate} sslkey={key}")
    };
    let certificates = authenticator(&[Method::Certificate], 100);
    let (listener, address) = listen().await;
    for (options, works) in
        [(of("alice", &alice), true), (of("bob", &bob), false), ("sslcert=none".to_owned(), false)]
    {
        let directory = directory();
        let psql = async {
            let port = address.port();
            Command::new("psql")
                .arg(format!("host=127.0.0.1 port={port} user=alice sslmode=require {options}"))
                .args(["-X", "-w", "-c", "\\q"])
                .stdin(Stdio::null())
                .output()
                .await
                .unwrap()
        };
        let (outcome, output) =
            tokio::join!(serve(&listener, &tls, &certificates, &directory), psql);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), works, "{options}: {errors}");
        assert_eq!(matches!(outcome, Outcome::Accepted { .. }), works, "{options}: {outcome:?}");
    }
}
