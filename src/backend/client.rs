//! tokio-postgres connections for the gateway's own questions: the catalogue, the directory in SQL.
//! No client's statement ever runs on one.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, NoTls, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config};
use tokio_rustls::TlsConnector;

use super::connect::{ConnectError, Target, open_socket, takes_writes};
use super::hosts::Host;
use super::search::{Failed, Place, Search};
use crate::protocol::tls::{self, TlsClient};

/// Why the gateway's own question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no connection.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The connection or the query failed.
    #[error("{}", with_detail(.0))]
    Query(#[from] tokio_postgres::Error),
}

/// tokio-postgres says `db error` and keeps what the server said one level down.
fn with_detail(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(server) => server.to_string(),
        None => error.to_string(),
    }
}

impl Failed for ClientError {
    fn is_about_the_host(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_about_the_host(),
            Self::Query(error) => match error.code() {
                Some(code) => *code == SqlState::CANNOT_CONNECT_NOW,
                // No answer, or not all of it.
                None => {
                    error.is_closed() || error.source().is_some_and(<dyn Error>::is::<io::Error>)
                }
            },
        }
    }
}

/// Connects with tokio-postgres to the host in use, or to the first that does; its connection runs
/// as a task that ends when the client is dropped.
pub async fn open(target: &Target, database: &str) -> Result<Client, ClientError> {
    Ok(open_somewhere(target, database).await?.0)
}

/// The same, and where that is.
pub(super) async fn open_somewhere(
    target: &Target,
    database: &str,
) -> Result<(Client, Place), ClientError> {
    let mut search = Search::new(target);
    while let Some(host) = search.next() {
        let attempt = timeout(target.connect_timeout, open_on(target, host, database));
        if let Some(found) = search.judge(attempt.await)? {
            return Ok(found);
        }
    }
    Err(search.into_failure())
}

/// A client, and whether the server takes writes.
async fn open_on(
    target: &Target,
    host: &Host,
    database: &str,
) -> Result<(Client, bool), ClientError> {
    let socket = open_socket(&host.name, host.port).await?;
    let mut config = Config::new();
    config.user(&target.user).dbname(database).application_name("rowgate");
    if let Some(password) = &target.password {
        config.password(password.as_bytes());
    }
    match &target.tls {
        TlsClient::Disable => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect_raw(socket, NoTls).await?;
            let writable = takes_writes(|name| connection.parameter(name));
            tokio::spawn(watch(connection));
            Ok((client, writable))
        }
        TlsClient::Enabled(connector) => {
            config.ssl_mode(SslMode::Require);
            let handshake = Handshake { connector: connector.clone(), host: host.name.clone() };
            let (client, connection) = config.connect_raw(socket, handshake).await?;
            let writable = takes_writes(|name| connection.parameter(name));
            tokio::spawn(watch(connection));
            Ok((client, writable))
        }
    }
}

async fn watch(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        // The client's next query fails with it as well; this says when it happened.
        tracing::debug!(%error, "connection of the gateway ended");
    }
}

struct Handshake {
    connector: TlsConnector,
    host: String,
}

impl TlsConnect<TcpStream> for Handshake {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, socket: TcpStream) -> Self::Future {
        Box::pin(async move {
            let (stream, endpoint) = tls::connect(&self.connector, &self.host, socket).await?;
            Ok(Encrypted { stream, endpoint })
        })
    }
}

struct Encrypted {
    stream: tokio_rustls::client::TlsStream<TcpStream>,
    endpoint: Option<Vec<u8>>,
}

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.endpoint {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.clone()),
            None => ChannelBinding::none(),
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
