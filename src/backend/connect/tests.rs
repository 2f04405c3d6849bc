use tokio::net::TcpListener;

use super::*;

/// What connecting to a server that answers the startup packet with `bytes` ends in.
async fn answered_with(bytes: &[u8]) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        hosts: vec![("127.0.0.1".into(), listener.local_addr().unwrap().port())],
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
