//! Asks the server to stop what a connection is doing. The server never answers such a request.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::connect::{BackendKey, ConnectError, encrypt, open_socket};
use crate::protocol::tls::TlsClient;

/// Includes the wait for the server to close, which it does once the signal has been sent: a
/// statement that starts after this call is not hit.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends a cancel request over a connection of its own.
pub async fn send(key: &BackendKey, tls: &TlsClient) -> Result<(), ConnectError> {
    let (host, port) = &key.host;
    let request = async {
        let socket = open_socket(host, *port).await?;
        let (mut stream, _) = encrypt(tls, host, socket).await?;
        let mut out = BytesMut::new();
        frontend::cancel_request(key.process_id, key.secret, &mut out);
        stream.write_all(&out).await?;
        stream.flush().await?;
        let mut end = [0_u8];
        match stream.read(&mut end).await {
            // A reset and a TLS connection that ends without a goodbye are ends as well.
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    };
    match timeout(LIMIT, request).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut { host: host.clone(), port: *port, limit: LIMIT }),
    }
}
