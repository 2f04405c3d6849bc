//! tokio-postgres connections for the gateway's own questions: the catalogue, the directory in SQL.
//! No client's statement ever runs on one.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, NoTls, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config};
use tokio_rustls::TlsConnector;

use super::connect::{ConnectError, Target, open_socket};
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

/// Connects with tokio-postgres to the first host that answers; its connection runs as a task that
/// ends when the client is dropped.
pub async fn open(target: &Target, database: &str) -> Result<Client, ClientError> {
    let mut last = ConnectError::NoHost;
    for (host, port) in &target.hosts {
        match timeout(target.connect_timeout, open_on(target, host, *port, database)).await {
            Ok(Err(ClientError::Connect(error))) => last = error,
            Ok(result) => return result,
            Err(_) => {
                last = ConnectError::TimedOut {
                    host: host.clone(),
                    port: *port,
                    limit: target.connect_timeout,
                };
            }
        }
    }
    Err(last.into())
}

async fn open_on(
    target: &Target,
    host: &str,
    port: u16,
    database: &str,
) -> Result<Client, ClientError> {
    let socket = open_socket(host, port).await?;
    let mut config = Config::new();
    config.user(&target.user).dbname(database).application_name("rowgate");
    if let Some(password) = &target.password {
        config.password(password.as_bytes());
    }
    match &target.tls {
        TlsClient::Disable => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect_raw(socket, NoTls).await?;
            tokio::spawn(watch(connection));
            Ok(client)
        }
        TlsClient::Enabled(connector) => {
            config.ssl_mode(SslMode::Require);
            let handshake = Handshake { connector: connector.clone(), host: host.to_owned() };
            let (client, connection) = config.connect_raw(socket, handshake).await?;
            tokio::spawn(watch(connection));
            Ok(client)
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
