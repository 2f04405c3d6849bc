//! Moves bytes between the two sockets of a session, under back-pressure. Never looks at a byte.

use std::io;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::protocol::frame::Connection;

/// A side stops being read when this many bytes wait for the other one.
pub const HIGH_WATER: usize = 256 * 1024;

/// What may be read and written now.
#[derive(Debug, Clone, Copy)]
pub struct Wants {
    /// The session can use more bytes of the client.
    pub read_client: bool,
    /// The session can use more bytes of the server.
    pub read_server: bool,
    /// The client's answers may leave.
    pub write_client: bool,
}

/// Sides that had nothing to read in this turn. Whoever waits for them is woken when something comes: no need to
/// ask them again before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet {
    client: bool,
    server: bool,
}

impl Quiet {
    /// There is another connection to the server than the one that was asked.
    pub fn server_changed(&mut self) {
        self.server = false;
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Bytes came or went.
    Some,
    /// The client closed its side.
    ClientClosed,
    /// The server closed its side.
    ServerClosed,
}

/// Which side failed, and how.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The client's connection.
    #[error("the client's connection failed: {0}")]
    Client(io::Error),
    /// The server's connection.
    #[error("the server's connection failed: {0}")]
    Server(io::Error),
}

/// Sends and receives what can be sent and received; pending when there is nothing new to look at.
pub fn poll_move<C, S>(
    cx: &mut Context<'_>,
    client: &mut Connection<C>,
    server: &mut Connection<S>,
    wants: Wants,
    quiet: &mut Quiet,
) -> Poll<Result<Moved, RelayError>>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Only then was something left undone that goes on after sending.
    let full = server.outbound.len() >= HIGH_WATER || client.outbound.len() >= HIGH_WATER;
    let mut progress = false;
    while server.has_unsent() {
        match server.poll_send(cx).map_err(RelayError::Server)? {
            Poll::Ready(sent) => progress |= sent && full,
            Poll::Pending => break,
        }
    }
    while wants.write_client && client.has_unsent() {
        match client.poll_send(cx).map_err(RelayError::Client)? {
            Poll::Ready(sent) => progress |= sent && full,
            Poll::Pending => break,
        }
    }
    if wants.read_server && !quiet.server {
        match server.poll_fill(cx).map_err(RelayError::Server)? {
            Poll::Ready(0) => return Poll::Ready(Ok(Moved::ServerClosed)),
            Poll::Ready(_) => progress = true,
            Poll::Pending => quiet.server = true,
        }
    }
    if wants.read_client && !quiet.client {
        match client.poll_fill(cx).map_err(RelayError::Client)? {
            Poll::Ready(0) => return Poll::Ready(Ok(Moved::ClientClosed)),
            Poll::Ready(_) => progress = true,
            Poll::Pending => quiet.client = true,
        }
    }
    if progress { Poll::Ready(Ok(Moved::Some)) } else { Poll::Pending }
}
