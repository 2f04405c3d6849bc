use tokio::net::TcpListener;

use super::*;

/// What connecting to a server that answers the startup packet with `bytes` ends in.
async fn answered_with(bytes: &[u8]) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        hosts: Hosts::one("127.0.0.1", listener.local_addr().unwrap().port()),
        user: "rowgate".into(),
        password: Some(Password::new("secret")),
        tls: TlsClient::Disable,
        connect_timeout: Duration::from_secs(30),
    };
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut startup = [0; 1024];
        let length = socket.read(&mut startup).await.unwrap();
        assert!(length > 8);
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        while socket.read(&mut startup).await.is_ok_and(|length| length > 0) {}
    };
    let (result, ()) = tokio::join!(connect(&target, "crm", &[]), server);
    result.unwrap_err()
}

#[tokio::test]
async fn a_hostile_server_is_left_and_never_given_the_password() {
    let ok = b"R\0\0\0\x08\0\0\0\0";
    let ready = b"Z\0\0\0\x05I";
    for bytes in [
        &b""[..],
        b"R",
        b"R\0\0\0\0",
        b"R\0\0\0\x03",
        b"R\x7f\xff\xff\xff",
        b"R\xff\xff\xff\xff",
        b"R\0\0\0\x04",
        b"R\0\0\0\x0a\0\0\0\x0aSC",
        b"T\0\0\0\x06\0\0",
        b"E\0\0\0\x04",
        b"R\0\0\0\x0c\0\0\0\x0cv=aa",
        &[&ok[..], ready].concat(),
        &[&ok[..], b"K\0\0\0\x06\0\0"].concat(),
        &[&ok[..], b"S\0\0\0\x06ab"].concat(),
    ] {
        let error = answered_with(bytes).await;
        assert!(matches!(error, ConnectError::Protocol(_)), "{bytes:?}: {error:?}");
    }
    for (bytes, method) in [
        (&b"R\0\0\0\x08\0\0\0\x03"[..], "cleartext password"),
        (b"R\0\0\0\x0c\0\0\0\x05salt", "MD5 password"),
        (b"R\0\0\0\x08\0\0\0\x07", "GSSAPI"),
        (b"R\0\0\0\x0b\0\0\0\x0aX\0\0", "an unknown SASL"),
    ] {
        let error = answered_with(bytes).await;
        assert!(
            matches!(error, ConnectError::Method { method: refused } if refused == method),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_changed_what_the_parser_relies_on_is_refused() {
    let parameter = |name: &str, value: &str| {
        let body = format!("{name}\0{value}\0");
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [b"S", &length[..], body.as_bytes()].concat()
    };
    let told = |strings: &str, version: &str| {
        [
            b"R\0\0\0\x08\0\0\0\0".to_vec(),
            parameter("client_encoding", "UTF8"),
            parameter("standard_conforming_strings", strings),
            parameter("server_version", version),
            b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02Z\0\0\0\x05I".to_vec(),
        ]
        .concat()
    };
    let error = answered_with(&told("off", "15.3")).await;
    assert!(matches!(error, ConnectError::Setting { .. }), "{error:?}");
    let error = answered_with(&told("on", "14.9")).await;
    assert!(matches!(error, ConnectError::Version { .. }), "{error:?}");
}

#[test]
fn versions_are_read_as_servers_write_them() {
    assert_eq!(version_number("15.18 (Debian 15.18-1.pgdg12+1)"), Some(150_018));
    assert_eq!(version_number("18beta1"), Some(180_000));
    assert_eq!(version_number("99999999999"), None);
    assert_eq!(version_number(""), None);
}

/// What connecting ends in when the server asks for SCRAM, answers the client's first message with
/// what `first` makes of its nonce, and the second with `last`.
async fn scram_with(first: impl Fn(&str) -> String, last: &str) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        hosts: Hosts::one("127.0.0.1", listener.local_addr().unwrap().port()),
        user: "rowgate".into(),
        password: Some(Password::new("secret")),
        tls: TlsClient::Disable,
        connect_timeout: Duration::from_secs(30),
    };
    let authentication = |kind: u8, text: &str| {
        let length = u32::try_from(text.len() + 8).unwrap().to_be_bytes();
        [b"R", &length[..], &[0, 0, 0, kind], text.as_bytes()].concat()
    };
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1024];
        assert!(socket.read(&mut bytes).await.unwrap() > 8);
        socket.write_all(&authentication(10, "SCRAM-SHA-256\0\0")).await.unwrap();
        let length = socket.read(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let nonce = text.rsplit("r=").next().unwrap();
        socket.write_all(&authentication(11, &first(nonce))).await.unwrap();
        if socket.read(&mut bytes).await.is_ok_and(|length| length > 0) {
            socket.write_all(&authentication(12, last)).await.unwrap();
        }
        while socket.read(&mut bytes).await.is_ok_and(|length| length > 0) {}
    };
    let (result, ()) = tokio::join!(connect(&target, "crm", &[]), server);
    result.unwrap_err()
}

#[tokio::test]
async fn a_hostile_server_cheats_in_the_exchange_of_proofs() {
    let proof = "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (first, last) in [
        // It does not know the password.
        ("r={},s=c2FsdHNhbHQ=,i=4096", proof),
        ("r={},s=c2FsdHNhbHQ=,i=4096", "e=other-error"),
        ("r={},s=c2FsdHNhbHQ=,i=4096", "v="),
        ("r={},s=c2FsdHNhbHQ=,i=4096", ""),
        // The nonce is another one, the salt none, the count none, or one that takes for ever.
        ("r=another,s=c2FsdHNhbHQ=,i=4096", proof),
        ("r={},s=?,i=4096", proof),
        ("r={},s=c2FsdHNhbHQ=,i=0", proof),
        ("r={},s=c2FsdHNhbHQ=,i=-1", proof),
        ("r={},s=c2FsdHNhbHQ=,i=4294967295", proof),
        ("r={},s=c2FsdHNhbHQ=,i=99999999999999999999", proof),
        ("r={},s=c2FsdHNhbHQ=", proof),
        ("r={}", proof),
        ("", proof),
        ("e=unknown-user", proof),
        ("m=x,r={},s=c2FsdHNhbHQ=,i=4096", proof),
    ] {
        let began = Instant::now();
        let error = scram_with(|nonce| first.replace("{}", nonce), last).await;
        assert!(matches!(error, ConnectError::Scram(_)), "{first} {last}: {error:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{first} keeps a thread busy");
    }
    let long = format!("r={{}}{},s=c2FsdHNhbHQ=,i=1", "x".repeat(300_000));
    let error = scram_with(|nonce| long.replace("{}", nonce), proof).await;
    assert!(matches!(error, ConnectError::Protocol(WireError::TooLarge)), "{error:?}");
}

#[tokio::test]
async fn what_a_server_says_in_the_clear_counts_behind_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        hosts: Hosts::one("127.0.0.1", listener.local_addr().unwrap().port()),
        user: "rowgate".into(),
        password: Some(Password::new("secret")),
        tls: TlsClient::require().unwrap(),
        connect_timeout: Duration::from_secs(30),
    };
    for answer in [
        // "Yes", and at once what should come encrypted; "no"; an error of old servers.
        &b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"[..],
        b"NR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
        b"E\0\0\0\x04",
        b"R\0\0\0\x08\0\0\0\0",
    ] {
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            socket.read_exact(&mut request).await.unwrap();
            socket.write_all(answer).await.unwrap();
            let mut rest = Vec::new();
            let _closed = socket.read_to_end(&mut rest).await;
            let text = String::from_utf8_lossy(&rest).into_owned();
            assert!(!text.contains("rowgate"), "the startup packet went out in the clear");
        };
        let (result, ()) = tokio::join!(connect(&target, "crm", &[]), server);
        let error = result.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_) | ConnectError::NoTls), "{error:?}");
    }
}
