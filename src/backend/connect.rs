//! Connecting to PostgreSQL and proving who we are. Caches nothing and believes nothing: the server
//! may be hostile, so what it sends is bounded in size and time.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_postgres::fallible_iterator::FallibleIterator;

use super::hosts::{Host, Hosts};
use super::memory::Memory;
use super::search::Search;
use super::wire::{self, ServerError, WireError};
use crate::error::SqlState;
use crate::protocol::socket::Socket;
use crate::protocol::stream::{ServerStream, Stream};
use crate::protocol::tls::{self, TlsClient};

/// The oldest server that is supported.
pub const MIN_SERVER_VERSION: u32 = 150_000;
/// Settings that every server connection has: the parser's view of a text depends on them.
pub const PINNED_SETTINGS: [(&str, &str); 2] =
    [("client_encoding", "UTF8"), ("standard_conforming_strings", "on")];

/// A password. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps it.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Where the server is and who the gateway is there.
#[derive(Debug, Clone)]
pub struct Target {
    /// The servers, and which of them is used.
    pub hosts: Hosts,
    /// The role the gateway connects as.
    pub user: String,
    /// Its password, where the server asks for one.
    pub password: Option<Password>,
    /// Encryption.
    pub tls: TlsClient,
    /// How long a connection attempt may take per host, authentication included.
    pub connect_timeout: Duration,
}

/// Names a running server process, for cancelling what it does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BackendKey {
    /// The host and port it runs on.
    pub host: (String, u16),
    /// The process id.
    pub process_id: i32,
    /// The secret that goes with it.
    pub secret: i32,
    /// That of the hosts: in another one the connection is not to be used any more.
    pub epoch: u64,
}

/// A connection that is authenticated and idle.
#[derive(Debug)]
pub struct ServerConnection {
    /// The stream; nothing of it has been read ahead.
    pub stream: ServerStream,
    /// For cancelling.
    pub key: Arc<BackendKey>,
    /// What the server has reported with ParameterStatus, by name.
    pub parameters: BTreeMap<String, String>,
    /// `server_version` as a number, such as 150018.
    pub version: u32,
    /// What sessions have left on it.
    pub memory: Memory,
    /// When it was made.
    pub made: Instant,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("could not connect to `{host}:{port}`: {source}")]
    Unreachable {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("connecting to `{host}:{port}` took longer than {limit:?}")]
    TimedOut {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The limit.
        limit: Duration,
    },
    /// It does not take writes, and that is wanted.
    #[error("`{host}:{port}` is a standby or read-only")]
    ReadOnly {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// It failed a moment ago, and is left alone for now.
    #[error("{reason}")]
    Avoided {
        /// What went wrong then.
        reason: String,
    },
    /// No host is configured.
    #[error("no host is configured")]
    NoHost,
    /// The server has no TLS, and it is required.
    #[error("the server does not support TLS, and the configuration requires it")]
    NoTls,
    /// The handshake failed, the certificate perhaps.
    #[error("TLS handshake with the server failed: {0}")]
    Tls(io::Error),
    /// The server asks for a password and none is configured.
    #[error("the server asks for a password, and none is configured")]
    NoPassword,
    /// The server asks for a way to authenticate that gives the password away.
    #[error("the server asks for {method} authentication, which is refused")]
    Method {
        /// What it asked for.
        method: &'static str,
    },
    /// The SCRAM exchange failed: a wrong password, or the server does not know it either.
    #[error("SCRAM authentication with the server failed: {0}")]
    Scram(io::Error),
    /// The server sent an error.
    #[error("the server refused the connection: {0}")]
    Refused(ServerError),
    /// It breaks the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(WireError),
    /// Too old.
    #[error("the server is version {version}; 15 or later is needed")]
    Version {
        /// What it reported.
        version: String,
    },
    /// It did not take a setting that everything depends on.
    #[error("the server did not accept `{name}` = `{value}`")]
    Setting {
        /// The setting.
        name: &'static str,
        /// The wanted value.
        value: &'static str,
    },
}

impl ConnectError {
    /// What a client is told.
    pub fn sqlstate(&self) -> SqlState {
        match self {
            Self::Refused(error) if error.sqlstate == "53300" => SqlState::TOO_MANY_CONNECTIONS,
            Self::Refused(error) if error.sqlstate == "57P03" => SqlState::CANNOT_CONNECT_NOW,
            Self::Refused(error) if error.sqlstate == "3D000" => SqlState::INVALID_CATALOG_NAME,
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::ReadOnly { .. }
            | Self::Avoided { .. }
            | Self::NoHost
            | Self::NoTls
            | Self::Tls(_)
            | Self::NoPassword
            | Self::Method { .. }
            | Self::Scram(_)
            | Self::Refused(_)
            | Self::Protocol(_)
            | Self::Version { .. }
            | Self::Setting { .. } => SqlState::CONNECTION_FAILURE,
        }
    }

    /// Whether another host may do better, or the same one a little later.
    pub fn is_about_the_host(&self) -> bool {
        match self {
            // A connection that ends in the middle: the server is going down, or a proxy in front
            // of it finds none.
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::ReadOnly { .. }
            | Self::Avoided { .. } => true,
            Self::Protocol(WireError::Io(error)) => matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
            ),
            Self::Refused(error) => error.sqlstate == "57P03",
            Self::NoHost
            | Self::NoTls
            | Self::Tls(_)
            | Self::NoPassword
            | Self::Method { .. }
            | Self::Scram(_)
            | Self::Protocol(WireError::Server(_) | WireError::Unexpected | WireError::TooLarge)
            | Self::Version { .. }
            | Self::Setting { .. } => false,
        }
    }
}

impl From<WireError> for ConnectError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Server(error) => Self::Refused(error),
            WireError::Io(_) | WireError::Unexpected | WireError::TooLarge => Self::Protocol(error),
        }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Protocol(WireError::Io(error))
    }
}

/// Connects to the host in use, or to the first that does. `settings` are set on top of
/// [`PINNED_SETTINGS`].
pub async fn connect(
    target: &Target,
    database: &str,
    settings: &[(&str, &str)],
) -> Result<ServerConnection, ConnectError> {
    let mut search = Search::new(target);
    while let Some(host) = search.next() {
        let attempt = timeout(target.connect_timeout, connect_on(target, host, database, settings));
        if let Some((mut connection, place)) = search.judge(attempt.await)? {
            Arc::make_mut(&mut connection.key).epoch = place.epoch;
            return Ok(connection);
        }
    }
    Err(search.into_failure())
}

/// A connection, and whether the server takes writes.
pub(super) async fn connect_on(
    target: &Target,
    host: &Host,
    database: &str,
    settings: &[(&str, &str)],
) -> Result<(ServerConnection, bool), ConnectError> {
    let connection = connect_to(target, &host.name, host.port, database, settings).await?;
    let writable = takes_writes(|name| connection.parameters.get(name).map(String::as_str));
    Ok((connection, writable))
}

/// What a server reports about itself since PostgreSQL 14 (PostgreSQL documentation, 55.2.7). One
/// that says nothing is not believed to take writes.
pub(super) fn takes_writes<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> bool {
    ["in_hot_standby", "default_transaction_read_only"]
        .into_iter()
        .all(|name| parameter(name) == Some("off"))
}

/// A TCP connection with the options every server connection has.
pub(super) async fn open_socket(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let unreachable = |source| ConnectError::Unreachable { host: host.to_owned(), port, source };
    let socket = TcpStream::connect((host, port)).await.map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    // A host that has vanished without a word is noticed within minutes, not hours.
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(10));
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive).map_err(unreachable)?;
    Ok(socket)
}

/// Negotiates TLS as configured. The second value binds SCRAM to the channel.
pub(super) async fn encrypt(
    client: &TlsClient,
    host: &str,
    mut socket: TcpStream,
) -> Result<(ServerStream, Option<Vec<u8>>), ConnectError> {
    let connector = match client {
        TlsClient::Disable => return Ok((Stream::Plain(socket.into()), None)),
        TlsClient::Enabled(connector) => connector,
    };
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    socket.write_all(&request).await?;
    // Exactly one byte: what somebody adds behind it is part of the handshake, and breaks it.
    let mut answer = [0_u8];
    socket.read_exact(&mut answer).await?;
    if answer != *b"S" {
        return Err(ConnectError::NoTls);
    }
    let (stream, endpoint) =
        tls::connect(connector, host, Socket::from(socket)).await.map_err(ConnectError::Tls)?;
    Ok((Stream::Tls(Box::new(stream.into())), endpoint))
}

async fn connect_to(
    target: &Target,
    host: &str,
    port: u16,
    database: &str,
    settings: &[(&str, &str)],
) -> Result<ServerConnection, ConnectError> {
    let socket = open_socket(host, port).await?;
    let (mut stream, endpoint) = encrypt(&target.tls, host, socket).await?;
    let mut startup = vec![("user", target.user.as_str()), ("database", database)];
    startup.extend(settings.iter().filter(|(name, _)| !is_pinned(name)));
    startup.extend(PINNED_SETTINGS);
    let mut out = BytesMut::new();
    frontend::startup_message(startup, &mut out)?;
    stream.write_all(&out).await?;
    stream.flush().await?;
    authenticate(&mut stream, target.password.as_ref(), endpoint).await?;

    let mut parameters = BTreeMap::new();
    let mut key = None;
    for _ in 0..1000 {
        match wire::read_message(&mut stream).await? {
            Message::BackendKeyData(body) => key = Some((body.process_id(), body.secret_key())),
            Message::ParameterStatus(body) => {
                parameters.insert(body.name()?.to_owned(), body.value()?.to_owned());
            }
            Message::NoticeResponse(_) => {}
            Message::ErrorResponse(body) => {
                return Err(ConnectError::Refused(ServerError::from_fields(body.fields())?));
            }
            Message::ReadyForQuery(body) if body.status() == b'I' => {
                let Some((process_id, secret)) = key else { break };
                let host = (host.to_owned(), port);
                let key = Arc::new(BackendKey { host, process_id, secret, epoch: 0 });
                let version = check(&parameters)?;
                let (memory, made) = (Memory::default(), Instant::now());
                return Ok(ServerConnection { stream, key, parameters, version, memory, made });
            }
            _ => break,
        }
    }
    Err(ConnectError::Protocol(WireError::Unexpected))
}

fn is_pinned(name: &str) -> bool {
    PINNED_SETTINGS.iter().any(|(pinned, _)| pinned.eq_ignore_ascii_case(name))
}

/// Version and pinned settings as the server has reported them.
fn check(parameters: &BTreeMap<String, String>) -> Result<u32, ConnectError> {
    for (name, value) in PINNED_SETTINGS {
        if parameters.get(name).is_none_or(|reported| reported != value) {
            return Err(ConnectError::Setting { name, value });
        }
    }
    let reported = parameters.get("server_version").map_or("", String::as_str);
    match version_number(reported) {
        Some(version) if version >= MIN_SERVER_VERSION => Ok(version),
        Some(_) | None => Err(ConnectError::Version { version: reported.to_owned() }),
    }
}

/// `15.18 (Debian …)` → 150018, `18beta1` → 180000.
fn version_number(text: &str) -> Option<u32> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major_text = digits(text);
    let major: u32 = major_text.parse().ok()?;
    let rest = text.strip_prefix(&major_text)?;
    let minor = rest.strip_prefix('.').and_then(|rest| digits(rest).parse().ok()).unwrap_or(0);
    major.checked_mul(10_000)?.checked_add(minor)
}

async fn authenticate(
    stream: &mut ServerStream,
    password: Option<&Password>,
    endpoint: Option<Vec<u8>>,
) -> Result<(), ConnectError> {
    let refuse = |method| Err(ConnectError::Method { method });
    let mut out = BytesMut::new();
    let mut endpoint = endpoint;
    let mut proven = false;
    // One method, at most one exchange: no answer to this takes more messages.
    for _ in 0..16 {
        match wire::read_message(stream).await? {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationSasl(body) if !proven => {
                let password = password.ok_or(ConnectError::NoPassword)?;
                let (mut plain, mut plus) = (false, false);
                let mut mechanisms = body.mechanisms();
                while let Some(mechanism) = mechanisms.next()? {
                    plain |= mechanism == SCRAM_SHA_256;
                    plus |= mechanism == SCRAM_SHA_256_PLUS;
                }
                let (mechanism, binding) = match endpoint.take() {
                    Some(hash) if plus => {
                        (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))
                    }
                    // We could, the server did not offer it: saying so exposes a downgrade.
                    Some(_) if plain => (SCRAM_SHA_256, ChannelBinding::unrequested()),
                    None if plain => (SCRAM_SHA_256, ChannelBinding::unsupported()),
                    Some(_) | None => return refuse("an unknown SASL"),
                };
                scram(stream, password, mechanism, binding).await?;
                proven = true;
            }
            Message::AuthenticationCleartextPassword if stream.is_encrypted() && !proven => {
                let password = password.ok_or(ConnectError::NoPassword)?;
                out.clear();
                frontend::password_message(password.as_bytes(), &mut out)?;
                stream.write_all(&out).await?;
                stream.flush().await?;
                proven = true;
            }
            Message::AuthenticationCleartextPassword => return refuse("cleartext password"),
            Message::AuthenticationMd5Password(_) => return refuse("MD5 password"),
            Message::AuthenticationGss | Message::AuthenticationSspi => return refuse("GSSAPI"),
            Message::ErrorResponse(body) => {
                return Err(ConnectError::Refused(ServerError::from_fields(body.fields())?));
            }
            Message::NoticeResponse(_) => {}
            _ => break,
        }
    }
    Err(ConnectError::Protocol(WireError::Unexpected))
}

async fn scram(
    stream: &mut ServerStream,
    password: &Password,
    mechanism: &str,
    binding: ChannelBinding,
) -> Result<(), ConnectError> {
    let mut client = ScramSha256::new(password.as_bytes(), binding);
    let mut out = BytesMut::new();
    frontend::sasl_initial_response(mechanism, client.message(), &mut out)?;
    stream.write_all(&out).await?;
    stream.flush().await?;
    match wire::read_message(stream).await? {
        Message::AuthenticationSaslContinue(body) => {
            client.update(body.data()).map_err(ConnectError::Scram)?;
        }
        Message::ErrorResponse(body) => {
            return Err(ConnectError::Refused(ServerError::from_fields(body.fields())?));
        }
        _ => return Err(ConnectError::Protocol(WireError::Unexpected)),
    }
    out.clear();
    frontend::sasl_response(client.message(), &mut out)?;
    stream.write_all(&out).await?;
    stream.flush().await?;
    match wire::read_message(stream).await? {
        // The server proves that it knows the password too; without that it is not our server.
        Message::AuthenticationSaslFinal(body) => {
            client.finish(body.data()).map_err(ConnectError::Scram)
        }
        Message::ErrorResponse(body) => {
            Err(ConnectError::Refused(ServerError::from_fields(body.fields())?))
        }
        _ => Err(ConnectError::Protocol(WireError::Unexpected)),
    }
}

#[cfg(test)]
mod tests;
