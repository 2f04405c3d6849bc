//! What happens on a connection before anybody has said who they are: encryption, cancel requests
//! and the startup packet, in one state machine. As long as a client may ask for encryption it reads
//! exactly the bytes of each packet, so nothing a client has sent in the clear can be taken for
//! something it sent encrypted.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::frame::Connection;
use super::settings::{self, StartupSettings};
use super::stream::{ClientStream, Stream};
use super::tls::{ALPN, TlsFacts, TlsServer};
use crate::error::{Refusal, SqlState};

/// The longest startup packet (`MAX_STARTUP_PACKET_LENGTH`).
pub const MAX_STARTUP_PACKET: usize = 10_000;
/// The newest minor version of protocol 3 that is spoken.
pub const NEWEST_MINOR: u16 = 2;
/// The longest cancel key of protocol 3.2.
const MAX_CANCEL_KEY: usize = 256;

/// Bytes of a packet's length and code.
const HEAD: usize = 8;
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Whether clients get TLS.
#[derive(Debug, Clone)]
pub enum TlsPolicy {
    /// Never.
    Disable,
    /// When they ask.
    Allow(TlsServer),
    /// Always: a startup packet in the clear is refused.
    Require(TlsServer),
}

/// A client that has sent its startup packet and is not authenticated.
#[derive(Debug)]
pub struct Startup {
    /// The connection.
    pub client: Connection<ClientStream>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What is known of its TLS channel.
    pub tls: Option<TlsFacts>,
    /// The login it claims.
    pub user: String,
    /// The database it wants; the user's name when it named none.
    pub database: String,
    /// Settings it wants to start with, all on the allow-list.
    pub settings: StartupSettings,
    /// The minor version of protocol 3 that both sides speak.
    pub minor: u16,
}

/// Names a session for cancelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelKey {
    /// The number that BackendKeyData carried as process id.
    pub id: u32,
    /// The secret that goes with it: 4 bytes up to protocol 3.1, up to 256 from 3.2 on.
    pub secret: Vec<u8>,
}

/// Somebody who wants a statement to be cancelled.
#[derive(Debug)]
pub struct CancelRequest {
    /// Whose statement.
    pub key: CancelKey,
    /// To be shut down when the server has been told: to the client the end of this connection means that a
    /// statement it sends from now on is not hit any more, as with the server itself (PostgreSQL,
    /// "Canceling Requests in Progress", and what `PQcancel` waits for).
    pub client: Box<Connection<ClientStream>>,
}

/// What a new connection turned out to be.
#[derive(Debug)]
pub enum Arrival {
    /// Somebody who wants to log in.
    Session(Box<Startup>),
    /// A cancel request; the connection is to be closed without an answer.
    Cancel(CancelRequest),
    /// A client that may not come in; it has been told why.
    Refused(Refusal),
    /// Closed without a word: silence, a timeout, not PostgreSQL's protocol, a failed handshake.
    Dropped(&'static str),
}

/// Takes a new connection up to its startup packet, which has to be complete by `deadline`.
pub async fn receive(
    socket: TcpStream,
    peer: SocketAddr,
    tls: &TlsPolicy,
    deadline: Instant,
) -> Arrival {
    match timeout_at(deadline, negotiate(socket, peer, tls)).await {
        Ok(Ok(arrival)) => arrival,
        Ok(Err(_)) => Arrival::Dropped("the connection broke before the startup packet"),
        Err(_) => Arrival::Dropped("the startup packet did not arrive in time"),
    }
}

async fn negotiate(socket: TcpStream, peer: SocketAddr, tls: &TlsPolicy) -> io::Result<Arrival> {
    socket.set_nodelay(true)?;
    let server = match tls {
        TlsPolicy::Disable => None,
        TlsPolicy::Allow(server) | TlsPolicy::Require(server) => Some(server),
    };
    let mut first = [0_u8; HEAD];
    let seen = socket.peek(&mut first).await?;
    if seen == 0 {
        return Ok(Arrival::Dropped("closed without a byte"));
    }
    let mut facts = None;
    let direct_tls = first.first() == Some(&TLS_HANDSHAKE);
    // A client that asks for nothing else first: its packet does not have to be read in two parts.
    let asks_nothing = seen == HEAD && !direct_tls && !asks_for_encryption(first);
    let mut stream = if direct_tls {
        let Some(server) = server else {
            return Ok(Arrival::Dropped("direct TLS, and TLS is disabled"));
        };
        let (stream, new, alpn) = server.accept(socket.into()).await?;
        if alpn.as_deref() != Some(ALPN) {
            return Ok(Arrival::Dropped("direct TLS without ALPN"));
        }
        facts = Some(new);
        stream
    } else {
        Stream::Plain(socket.into())
    };
    let (mut asked_tls, mut asked_gss) = (facts.is_some(), false);
    loop {
        let mut head = first;
        if !asks_nothing {
            stream.read_exact(&mut head).await?;
        }
        let [length @ .., c0, c1, c2, c3] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !(HEAD..=MAX_STARTUP_PACKET).contains(&length) {
            return Ok(Arrival::Dropped("invalid length of startup packet"));
        }
        match u32::from_be_bytes([c0, c1, c2, c3]) {
            SSL_REQUEST if length == HEAD && !asked_tls => {
                asked_tls = true;
                (stream, facts) = match (server, stream) {
                    (Some(server), Stream::Plain(mut socket)) => {
                        // Nobody sends a byte before our answer, except to smuggle it past TLS.
                        // Whatever slips in after this look is fed to the handshake and breaks it.
                        if waiting(socket.tcp())? {
                            return Ok(Arrival::Dropped("unencrypted data after SSL request"));
                        }
                        socket.write_all(b"S").await?;
                        let (stream, facts, _) = server.accept(socket).await?;
                        (stream, Some(facts))
                    }
                    (_, mut stream) => {
                        stream.write_all(b"N").await?;
                        (stream, None)
                    }
                };
            }
            GSSENC_REQUEST if length == HEAD && !asked_gss && facts.is_none() => {
                asked_gss = true;
                stream.write_all(b"N").await?;
            }
            code => {
                let mut client = Connection::new(stream);
                if !asks_nothing {
                    client.inbound.extend(&head);
                }
                let Ok(Some(packet)) = client.next_startup(MAX_STARTUP_PACKET).await else {
                    return Ok(Arrival::Dropped("invalid length of startup packet"));
                };
                let body = packet.get(4..).unwrap_or_default();
                if code == CANCEL_REQUEST {
                    return Ok(match cancel_key(body) {
                        Some(key) => {
                            Arrival::Cancel(CancelRequest { key, client: Box::new(client) })
                        }
                        None => Arrival::Dropped("invalid length of cancel request"),
                    });
                }
                return startup(client, peer, tls, facts, code, body).await;
            }
        }
    }
}

fn asks_for_encryption(head: [u8; HEAD]) -> bool {
    let [_, _, _, _, code @ ..] = head;
    matches!(u32::from_be_bytes(code), SSL_REQUEST | GSSENC_REQUEST)
}

/// Whether the client has sent something that was not read yet.
fn waiting(socket: &TcpStream) -> io::Result<bool> {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    match socket2::SockRef::from(socket).peek(&mut byte) {
        Ok(length) => Ok(length > 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// `None` when it does not have the length of one.
fn cancel_key(body: &[u8]) -> Option<CancelKey> {
    let (id, secret) = body.split_first_chunk::<4>()?;
    let is_one = (4..=MAX_CANCEL_KEY).contains(&secret.len());
    is_one.then(|| CancelKey { id: u32::from_be_bytes(*id), secret: secret.to_vec() })
}

async fn startup(
    mut client: Connection<ClientStream>,
    peer: SocketAddr,
    tls: &TlsPolicy,
    facts: Option<TlsFacts>,
    version: u32,
    body: &[u8],
) -> io::Result<Arrival> {
    let packet = match read_startup(version, body) {
        Ok(packet) => packet,
        Err(refusal) => return refuse(&mut client, refusal).await,
    };
    if matches!(tls, TlsPolicy::Require(_)) && facts.is_none() {
        let message = format!(
            "no access rule for host \"{}\", user \"{}\", database \"{}\", no encryption",
            peer.ip(),
            packet.user,
            packet.database
        );
        let refusal = Refusal::new(
            SqlState::INVALID_AUTHORIZATION,
            message,
            "TLS is required; connect with sslmode=require or stricter",
        );
        return refuse(&mut client, refusal).await;
    }
    if packet.minor < packet.asked_minor || !packet.unknown_options.is_empty() {
        client.outbound.extend(&negotiation(packet.minor, &packet.unknown_options));
    }
    Ok(Arrival::Session(Box::new(Startup {
        client,
        peer,
        tls: facts,
        user: packet.user,
        database: packet.database,
        settings: packet.settings,
        minor: packet.minor,
    })))
}

struct Packet {
    user: String,
    database: String,
    settings: StartupSettings,
    asked_minor: u16,
    minor: u16,
    unknown_options: Vec<String>,
}

fn read_startup(version: u32, body: &[u8]) -> Result<Packet, Refusal> {
    let layout = || {
        let message = "invalid startup packet layout: expected terminator as last byte";
        Refusal::new(SqlState::PROTOCOL_VIOLATION, message, "")
    };
    let [major_high, major_low, minor_high, minor_low] = version.to_be_bytes();
    let major = u16::from_be_bytes([major_high, major_low]);
    let asked_minor = u16::from_be_bytes([minor_high, minor_low]);
    if major != 3 {
        let message = format!(
            "unsupported frontend protocol {major}.{asked_minor}: server supports 3.0 to 3.2"
        );
        return Err(Refusal::new(SqlState::FEATURE_NOT_SUPPORTED, message, ""));
    }
    let text = std::str::from_utf8(body).map_err(|_| {
        let message = "invalid startup packet: not UTF-8";
        Refusal::new(SqlState::PROTOCOL_VIOLATION, message, "")
    })?;
    // name NUL value NUL … NUL
    let pairs = text.strip_suffix('\0').ok_or_else(layout)?;
    let mut words = pairs.split_terminator('\0');
    let mut parameters = Vec::new();
    while let Some(name) = words.next() {
        let value = words.next().ok_or_else(layout)?;
        if name.is_empty() {
            return Err(layout());
        }
        parameters.push((name, value));
    }
    if !pairs.is_empty() && !pairs.ends_with('\0') {
        return Err(layout());
    }
    let last = |wanted: &str| {
        parameters.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
    };
    let user = last("user").unwrap_or_default();
    if user.is_empty() {
        let message = "no PostgreSQL user name specified in startup packet";
        return Err(Refusal::new(SqlState::INVALID_AUTHORIZATION, message, ""));
    }
    let database = last("database").filter(|name| !name.is_empty()).unwrap_or(user);
    if let Some(replication) = last("replication")
        && !settings::is_false(replication)
    {
        return Err(Refusal::unsupported("replication connections are not supported"));
    }
    let unknown_options = parameters
        .iter()
        .filter(|(name, _)| name.starts_with("_pq_."))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let named = parameters.iter().copied().filter(|(name, _)| {
        !matches!(*name, "user" | "database" | "options" | "replication")
            && !name.starts_with("_pq_.")
    });
    Ok(Packet {
        user: user.to_owned(),
        database: database.to_owned(),
        settings: settings::read(last("options").unwrap_or_default(), named)?,
        asked_minor,
        minor: asked_minor.min(NEWEST_MINOR),
        unknown_options,
    })
}

/// NegotiateProtocolVersion.
fn negotiation(minor: u16, unknown: &[String]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&((3_u32 << 16) | u32::from(minor)).to_be_bytes());
    body.extend_from_slice(&u32::try_from(unknown.len()).unwrap_or(0).to_be_bytes());
    for name in unknown {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
    }
    message(b'v', &body)
}

/// A message with its header. Everything sent before a session is short.
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len().saturating_add(4)).unwrap_or(u32::MAX);
    let mut out = vec![tag];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// Tells the client why it can not come in. The connection is of no use afterwards.
pub(crate) async fn send_fatal(
    client: &mut Connection<ClientStream>,
    refusal: &Refusal,
) -> io::Result<()> {
    let mut body = Vec::new();
    let mut field = |code: u8, text: &str| {
        if !text.is_empty() {
            body.push(code);
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        }
    };
    field(b'S', "FATAL");
    field(b'V', "FATAL");
    field(b'C', refusal.sqlstate.0);
    field(b'M', &refusal.message);
    field(b'D', &refusal.reason);
    body.push(0);
    client.outbound.extend(&message(b'E', &body));
    client.flush().await?;
    client.shutdown().await
}

async fn refuse(client: &mut Connection<ClientStream>, refusal: Refusal) -> io::Result<Arrival> {
    send_fatal(client, &refusal).await?;
    Ok(Arrival::Refused(refusal))
}

#[cfg(test)]
pub(crate) mod tests;
