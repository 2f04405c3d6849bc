use std::time::Duration;

use tokio::net::TcpListener;

use super::*;

/// PEM of a certificate for `localhost` and of its key.
pub(crate) fn identity() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn server() -> TlsServer {
    let (certificate, key) = identity();
    TlsServer::from_pem(certificate.as_bytes(), key.as_bytes(), None).unwrap()
}

/// Sends `bytes` to a fresh gateway socket; returns what it turned out to be and all that the
/// client was sent.
async fn send(bytes: &[u8], tls: &TlsPolicy) -> (Arrival, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut arrival = receive(socket, peer, tls, deadline).await;
    match &mut arrival {
        Arrival::Session(startup) => {
            startup.client.flush().await.unwrap();
            startup.client.shutdown().await.unwrap();
        }
        Arrival::Cancel(request) => request.client.shutdown().await.unwrap(),
        Arrival::Refused(_) | Arrival::Dropped(_) => {}
    }
    let mut answer = Vec::new();
    // A connection that is reset has told the client nothing more either.
    while client.read_buf(&mut answer).await.is_ok_and(|length| length > 0) {}
    (arrival, answer)
}

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len() + 8).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(body);
    out
}

fn hello(version: u32, parameters: &str) -> Vec<u8> {
    packet(version, format!("{}\0", parameters.replace(' ', "\0")).as_bytes())
}

const V3: u32 = 3 << 16;

async fn session(bytes: &[u8]) -> (Box<Startup>, Vec<u8>) {
    match send(bytes, &TlsPolicy::Disable).await {
        (Arrival::Session(startup), answer) => (startup, answer),
        (other, _) => panic!("{other:?}"),
    }
}

async fn refusal(bytes: &[u8], tls: &TlsPolicy) -> (&'static str, String) {
    match send(bytes, tls).await {
        (Arrival::Refused(refusal), answer) => {
            assert_eq!(answer.first(), Some(&b'E'), "the client is told");
            (refusal.sqlstate.0, refusal.message)
        }
        (other, _) => panic!("{other:?}"),
    }
}

async fn dropped(bytes: &[u8], tls: &TlsPolicy) -> Vec<u8> {
    match send(bytes, tls).await {
        (Arrival::Dropped(_), answer) => answer,
        (other, _) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_startup_packet_is_read_in_full() {
    let bytes = hello(V3, "user alice database crm application_name psql ");
    let (startup, answer) = session(&bytes).await;
    assert_eq!((startup.user.as_str(), startup.database.as_str()), ("alice", "crm"));
    assert_eq!(startup.settings.value("application_name"), Some("psql"));
    assert_eq!((startup.minor, answer), (0, Vec::new()));
    let (startup, _) = session(&hello(V3, "user alice replication off ")).await;
    assert_eq!(startup.database, "alice");
}

#[tokio::test]
async fn newer_minor_versions_and_unknown_options_are_negotiated() {
    let (startup, answer) = session(&hello(V3 | 2, "user alice ")).await;
    assert_eq!((startup.minor, answer), (2, Vec::new()));
    let (startup, answer) = session(&hello(V3 | 0x270f, "user alice ")).await;
    assert_eq!(startup.minor, 2);
    assert_eq!(answer, [&b"v\0\0\0\x0c\0\x03\0\x02\0\0\0\0"[..]].concat());
    let (startup, answer) = session(&hello(V3, "user alice _pq_.new 1 ")).await;
    assert_eq!(startup.minor, 0);
    assert_eq!(answer, [&b"v\0\0\0\x15\0\x03\0\0\0\0\0\x01_pq_.new\0"[..]].concat());
}

#[tokio::test]
async fn what_may_not_come_in_is_told_why() {
    let plain = TlsPolicy::Disable;
    let code = async |bytes: Vec<u8>| refusal(&bytes, &plain).await.0;
    assert_eq!(code(hello(2 << 16, "user alice ")).await, "0A000");
    assert_eq!(code(hello(4 << 16, "user alice ")).await, "0A000");
    assert_eq!(code(hello(V3, "database crm ")).await, "28000");
    assert_eq!(code(hello(V3, "user alice replication true ")).await, "0A000");
    assert_eq!(code(hello(V3, "user alice replication database ")).await, "0A000");
    assert_eq!(code(hello(V3, "user alice role postgres ")).await, "42501");
    assert_eq!(code(hello(V3, "user alice options --row-security=off ")).await, "42501");
    assert_eq!(code(hello(V3, "user alice no_such 1 ")).await, "42704");
    assert_eq!(code(packet(V3, b"user\0alice\0")).await, "08P01");
    assert_eq!(code(packet(V3, b"user\0alice")).await, "08P01");
    assert_eq!(code(packet(V3, b"user\0\0alice\0x\0\0")).await, "28000");
    assert_eq!(code(packet(V3, b"user\0\xff\xfe\0\0")).await, "08P01");
    assert_eq!(code(packet(V3, b"")).await, "08P01");
}

#[tokio::test]
async fn plaintext_is_refused_where_tls_is_required() {
    let tls = TlsPolicy::Require(server());
    let (code, message) = refusal(&hello(V3, "user alice database crm "), &tls).await;
    assert_eq!(code, "28000");
    assert!(message.ends_with("user \"alice\", database \"crm\", no encryption"), "{message}");
}

#[tokio::test]
async fn lengths_that_can_not_be_close_the_connection_without_a_word() {
    let plain = TlsPolicy::Disable;
    for bytes in [
        &b""[..],
        b"\0\0",
        b"\0\0\0\x04",
        b"\0\0\0\x07abc",
        b"\0\0\x27\x11\0\x03\0\0",
        b"\xff\xff\xff\xff\0\x03\0\0",
        b"\0\0\0\x64\0\x03\0\0user",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(dropped(bytes, &plain).await, b"", "{bytes:?}");
    }
}

#[tokio::test]
async fn what_is_sent_in_the_clear_behind_an_ssl_request_is_never_obeyed() {
    let tls = TlsPolicy::Allow(server());
    let mut bytes = packet(SSL_REQUEST, b"");
    bytes.extend_from_slice(&hello(V3, "user alice "));
    let answer = dropped(&bytes, &tls).await;
    assert!(!answer.contains(&b'E') && answer.len() <= 1, "{answer:?}");
}

#[tokio::test]
async fn requests_for_encryption_come_at_most_once_each() {
    let mut bytes = packet(GSSENC_REQUEST, b"");
    bytes.extend_from_slice(&packet(SSL_REQUEST, b""));
    bytes.extend_from_slice(&hello(V3, "user alice "));
    let (_, answer) = session(&bytes).await;
    assert_eq!(answer, b"NN");
    for code in [GSSENC_REQUEST, SSL_REQUEST] {
        let bytes = packet(code, b"").repeat(2);
        assert_eq!(refusal_after(&bytes).await, "0A000");
    }
}

async fn refusal_after(bytes: &[u8]) -> &'static str {
    match send(bytes, &TlsPolicy::Disable).await {
        (Arrival::Refused(refusal), answer) => {
            assert!(answer.starts_with(b"NE"), "{answer:?}");
            refusal.sqlstate.0
        }
        (other, _) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn cancel_requests_carry_short_and_long_keys_and_no_others() {
    let plain = TlsPolicy::Disable;
    for length in [4, 32, 256] {
        let body = [&7_u32.to_be_bytes()[..], &vec![9; length]].concat();
        let (arrival, answer) = send(&packet(CANCEL_REQUEST, &body), &plain).await;
        let Arrival::Cancel(CancelRequest { key, .. }) = arrival else { panic!("{arrival:?}") };
        assert_eq!((key, answer), (CancelKey { id: 7, secret: vec![9; length] }, Vec::new()));
    }
    for length in [0, 3, 257] {
        let body = [&7_u32.to_be_bytes()[..], &vec![9; length]].concat();
        dropped(&packet(CANCEL_REQUEST, &body), &plain).await;
    }
    dropped(&packet(CANCEL_REQUEST, b""), &plain).await;
}

#[tokio::test]
async fn a_cancel_request_seems_delivered_before_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(&packet(CANCEL_REQUEST, &[0, 0, 0, 7, 9, 9, 9, 9])).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let arrival = receive(socket, peer, &TlsPolicy::Disable, deadline).await;
    assert!(matches!(arrival, Arrival::Cancel(_)), "{arrival:?}");
    assert!(tokio::time::timeout(Duration::from_millis(50), client.readable()).await.is_err());
    drop(arrival);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_let_go_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let deadline = Instant::now();
    let arrival = receive(socket, peer, &TlsPolicy::Disable, deadline).await;
    assert!(matches!(arrival, Arrival::Dropped(_)), "{arrival:?}");
}

/// Connects with TLS straight away; returns what the gateway made of it.
async fn direct(alpn: &[&[u8]], tls: TlsPolicy, authority: &str) -> Arrival {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = async {
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        if let Ok(mut stream) = connector.connect(name, socket).await {
            // The gateway may be gone by now; what it made of us is what counts.
            if stream.write_all(&hello(V3, "user alice ")).await.is_ok() {
                drop(stream.flush().await);
            }
            let mut rest = [0; 16];
            while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        }
    };
    let gateway = async {
        let (socket, peer) = listener.accept().await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut arrival = receive(socket, peer, &tls, deadline).await;
        if let Arrival::Session(startup) = &mut arrival {
            startup.client.shutdown().await.unwrap();
        }
        arrival
    };
    tokio::join!(client, gateway).1
}

#[tokio::test]
async fn direct_tls_needs_the_application_protocol_so_that_no_other_protocol_gets_in() {
    let (certificate, key) = identity();
    let server = TlsServer::from_pem(certificate.as_bytes(), key.as_bytes(), None).unwrap();
    let required = TlsPolicy::Require(server);
    let arrival = direct(&[ALPN], required.clone(), &certificate).await;
    let Arrival::Session(startup) = arrival else { panic!("{arrival:?}") };
    assert!(startup.tls.is_some_and(|tls| tls.endpoint.is_some()));
    for alpn in [&[][..], &[&b"http/1.1"[..]]] {
        let arrival = direct(alpn, required.clone(), &certificate).await;
        assert!(matches!(arrival, Arrival::Dropped(_)), "{arrival:?}");
    }
    let arrival = direct(&[ALPN], TlsPolicy::Disable, &certificate).await;
    assert!(matches!(arrival, Arrival::Dropped(_)), "{arrival:?}");
}
