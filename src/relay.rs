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
    if wants.read_server && !server.is_quiet() {
        match server.poll_fill(cx).map_err(RelayError::Server)? {
            Poll::Ready(0) => return Poll::Ready(Ok(Moved::ServerClosed)),
            Poll::Ready(_) => progress = true,
            Poll::Pending => {}
        }
    }
    if wants.read_client && !client.is_quiet() {
        match client.poll_fill(cx).map_err(RelayError::Client)? {
            Poll::Ready(0) => return Poll::Ready(Ok(Moved::ClientClosed)),
            Poll::Ready(_) => progress = true,
            Poll::Pending => {}
        }
    }
    if progress { Poll::Ready(Ok(Moved::Some)) } else { Poll::Pending }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const WANTS: Wants = Wants { read_client: true, read_server: true, write_client: true };

    fn pair() -> (Connection<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(4 * HIGH_WATER);
        (Connection::new(near), far)
    }

    /// One look, in a turn of its own.
    async fn look(
        client: &mut Connection<DuplexStream>,
        server: &mut Connection<DuplexStream>,
    ) -> Option<Moved> {
        poll_fn(|cx| {
            client.begin_turn();
            server.begin_turn();
            Poll::Ready(match poll_move(cx, client, server, WANTS) {
                Poll::Ready(moved) => Some(moved.unwrap()),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn a_session_does_not_go_on_when_there_is_room_again() {
        let ((mut client, mut reader), (mut server, _writer)) = (pair(), pair());
        client.outbound.extend(&vec![7; HIGH_WATER]);
        // The server was not read because the client had so much to take.
        assert_eq!(look(&mut client, &mut server).await, Some(Moved::Some));
        assert!(client.outbound.is_empty());
        // Less is sent, too, and nothing waits for that.
        client.outbound.extend(&[7; 10]);
        assert_eq!(look(&mut client, &mut server).await, None);
        assert!(client.outbound.is_empty());
        drop(client);
        let mut sent = Vec::new();
        reader.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent.len(), HIGH_WATER + 10);
    }

    #[tokio::test]
    async fn what_comes_from_a_side_that_was_quiet_is_not_heard() {
        let ((mut client, _reader), (mut server, mut writer)) = (pair(), pair());
        let heard = async {
            poll_fn(|cx| {
                client.begin_turn();
                server.begin_turn();
                let first = poll_move(cx, &mut client, &mut server, WANTS);
                if first.is_pending() {
                    // As often as a turn likes.
                    assert!(poll_move(cx, &mut client, &mut server, WANTS).is_pending());
                }
                first
            })
            .await
        };
        let says = async {
            tokio::task::yield_now().await;
            writer.write_all(b"later").await.unwrap();
        };
        let both = async { tokio::join!(heard, says) };
        let patience = std::time::Duration::from_secs(60);
        let (moved, ()) = tokio::time::timeout(patience, both).await.unwrap();
        assert_eq!(moved.unwrap(), Moved::Some);
        assert_eq!(server.inbound.len(), 5);
    }

    #[tokio::test]
    async fn another_connection_to_the_server_counts_as_quiet_as_the_one_before() {
        let ((mut client, _reader), (mut server, _writer)) = (pair(), pair());
        assert_eq!(look(&mut client, &mut server).await, None);
        assert!(server.is_quiet());
        let (other, mut writer) = duplex(64);
        writer.write_all(b"here").await.unwrap();
        *server.stream_mut() = other;
        let mut cx = Context::from_waker(Waker::noop());
        let moved = poll_move(&mut cx, &mut client, &mut server, WANTS);
        assert!(matches!(moved, Poll::Ready(Ok(Moved::Some))), "{moved:?}");
    }
}
