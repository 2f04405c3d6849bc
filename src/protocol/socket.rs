//! A TCP socket that is read in large pieces while much comes through it quickly.
//!
//! The sender of a large answer hands over a few kilobytes at a time. Whoever is woken for each of
//! them spends more time on being woken than on the bytes, and so does the sender. While a flow is
//! quick, the kernel tells of bytes only once there are many (`SO_RCVLOWAT`, socket(7)). The end of a
//! flow is less than that: it is waited for no longer than `PATIENCE`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Bytes that are waited for in a quick flow.
const MUCH: usize = 128 * 1024;
/// How long they are waited for at most.
const PATIENCE: Duration = Duration::from_millis(2);
/// The flow is looked at each time that so many bytes have come.
const STEP: usize = 1024 * 1024;
/// It is quick when they came within this time: then [`MUCH`] comes within [`PATIENCE`].
const QUICK: Duration = Duration::from_millis(16);
/// It has to be quick for so long, so that waiting for its end is a small part of it.
const LASTING: Duration = Duration::from_millis(50);
/// No flow begins with a read of fewer bytes: PostgreSQL hands over 8 kB when it has them, and TLS is
/// read 4 kB at a time.
const LEAST: usize = 4 * 1024;

sockopt_impl!(
    /// How many bytes have to be there before the socket is readable.
    LowWater,
    Both,
    libc::SOL_SOCKET,
    libc::SO_RCVLOWAT,
    usize
);

/// A TCP connection.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    /// What comes through now, when it may be much.
    flow: Option<Box<Flow>>,
}

/// Much that comes at a stretch.
#[derive(Debug)]
struct Flow {
    /// Since when it has been quick.
    began: Instant,
    step_began: Instant,
    /// Bytes since then.
    step: usize,
    batches: Batches,
}

/// What the socket waits for.
#[derive(Debug)]
enum Batches {
    /// For the next byte.
    Off,
    /// For many bytes, or for as long as [`PATIENCE`] says.
    On(Option<Pin<Box<Sleep>>>),
}

impl Flow {
    fn new(now: Instant) -> Self {
        Self { began: now, step_began: now, step: 0, batches: Batches::Off }
    }

    /// Counts bytes; whether it is now known to be a quick flow, at the end of a step.
    fn count(&mut self, bytes: usize, now: impl FnOnce() -> Instant) -> Option<bool> {
        self.step = self.step.saturating_add(bytes);
        if self.step < STEP {
            return None;
        }
        let now = now();
        if now.saturating_duration_since(self.step_began) > QUICK {
            self.began = now;
        }
        self.step = 0;
        self.step_began = now;
        Some(now.saturating_duration_since(self.began) >= LASTING)
    }
}

impl Socket {
    /// The socket itself, for its addresses and options.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Moves it to the runtime of the calling thread: from then on that one is woken by it. Only
    /// for a connection that nobody waits for.
    ///
    /// # Errors
    ///
    /// Of the operating system.
    pub fn rehome(&mut self) -> io::Result<()> {
        self.wait_for_any();
        // A second descriptor of the same socket: the first one takes its registration with it.
        let same = socket2::SockRef::from(&self.tcp).try_clone()?;
        self.tcp = TcpStream::from_std(same.into())?;
        Ok(())
    }

    fn received(&mut self, bytes: usize) {
        let Some(flow) = &mut self.flow else {
            if bytes >= LEAST {
                self.flow = Some(Box::new(Flow::new(Instant::now())));
            }
            return;
        };
        if let Batches::On(alarm) = &mut flow.batches {
            // The next bytes have all their time again.
            *alarm = None;
        }
        match (flow.count(bytes, Instant::now), &flow.batches) {
            (Some(true), Batches::Off) => self.wait_for_much(),
            (Some(false), Batches::On(_)) => self.wait_for_any(),
            (Some(_) | None, _) => {}
        }
    }

    fn wait_for_much(&mut self) {
        // Elsewhere nobody is woken when what was waited for becomes less.
        let Some(flow) = self.flow.as_mut().filter(|_| cfg!(target_os = "linux")) else { return };
        match setsockopt(&self.tcp, LowWater, &MUCH) {
            Ok(()) => flow.batches = Batches::On(None),
            Err(error) => tracing::debug!(%error, "the socket is read in small pieces"),
        }
    }

    /// The flow has ended.
    fn wait_for_any(&mut self) {
        let Some(flow) = self.flow.take() else { return };
        // From Linux 4.18 on this wakes who waits for the bytes that are there.
        if let Batches::On(_) = flow.batches
            && let Err(error) = setsockopt(&self.tcp, LowWater, &1)
        {
            tracing::warn!(%error, "a socket stays slow");
        }
    }

    /// Nothing to read was found: in a quick flow, what is there is taken after a while.
    fn poll_patience(&mut self, cx: &mut Context<'_>) {
        let Some(Batches::On(alarm)) = self.flow.as_mut().map(|flow| &mut flow.batches) else {
            return;
        };
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        if alarm.as_mut().poll(cx).is_ready() {
            self.wait_for_any();
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self { tcp, flow: None }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut socket.tcp).poll_read(cx, buffer);
        match &read {
            Poll::Ready(Ok(())) => {
                socket.received(buffer.filled().len().saturating_sub(before));
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => socket.poll_patience(cx),
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use nix::sys::socket::getsockopt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    /// Long enough on any machine.
    const LONG: Duration = Duration::from_secs(30);

    async fn pair() -> (TcpStream, Socket) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (sender, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept(),);
        (sender.unwrap(), accepted.unwrap().0.into())
    }

    fn low_water(socket: &Socket) -> usize {
        getsockopt(socket.tcp(), LowWater).unwrap()
    }

    async fn in_a_quick_flow() -> (TcpStream, Socket) {
        let (sender, mut socket) = pair().await;
        socket.flow = Some(Box::new(Flow::new(Instant::now())));
        socket.wait_for_much();
        assert_eq!(low_water(&socket), MUCH);
        (sender, socket)
    }

    #[test]
    fn a_flow_that_is_slow_or_short_is_read_in_batches() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut flow = Flow::new(start);
        let mut step = |bytes, milliseconds| flow.count(bytes, || after(milliseconds));
        assert_eq!(step(STEP - 1, 1), None);
        assert_eq!(step(1, 2), Some(false), "it has not lasted");
        assert_eq!(step(STEP, 15), Some(false));
        assert_eq!(step(STEP, 30), Some(false));
        assert_eq!(step(STEP, 45), Some(false));
        assert_eq!(step(STEP, 52), Some(true));
        assert_eq!(step(STEP, 60), Some(true));
        assert_eq!(step(STEP, 80), Some(false), "it has become slow");
        assert_eq!(step(STEP, 90), Some(false), "it was slow just now");
        assert_eq!(step(4 * STEP, 1000), Some(false), "a pause is slow");
    }

    #[tokio::test]
    async fn the_end_of_a_quick_flow_is_waited_for_in_vain() {
        let (mut sender, mut socket) = in_a_quick_flow().await;
        let mut buffer = [0; 64];
        // The socket may have been readable from the start.
        for message in [&b"end"[..], b"next"] {
            sender.write_all(message).await.unwrap();
            let read = timeout(LONG, socket.read(&mut buffer)).await.expect("it comes").unwrap();
            assert_eq!(&buffer[..read], message);
        }
        assert_eq!(low_water(&socket), 1, "what comes next is told at once");
    }

    #[tokio::test]
    async fn a_sender_that_goes_away_in_a_quick_flow_is_not_noticed() {
        let (sender, mut socket) = in_a_quick_flow().await;
        drop(sender);
        let read = timeout(LONG, socket.read_u8()).await.expect("it is noticed");
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_socket_takes_what_it_waits_for_to_another_thread() {
        let (mut sender, mut socket) = in_a_quick_flow().await;
        socket.rehome().unwrap();
        assert_eq!(low_water(&socket), 1);
        sender.write_all(b"x").await.unwrap();
        assert_eq!(timeout(LONG, socket.read_u8()).await.expect("it comes").unwrap(), b'x');
    }

    #[tokio::test]
    async fn bytes_of_a_long_quick_flow_are_lost() {
        const SIZE: usize = 256 * STEP + 7;
        let (mut sender, mut socket) = pair().await;
        let sending = tokio::spawn(async move {
            let piece: Vec<u8> = (0..=250).cycle().take(251 * 40).collect();
            let mut left = SIZE;
            while left > 0 {
                let next = piece.len().min(left);
                sender.write_all(&piece[..next]).await.unwrap();
                left -= next;
            }
            // It stays open: nothing but patience tells of the end.
            sender
        });
        let mut buffer = vec![0; 256 * 1024];
        let pattern: Vec<u8> = (0..=250).cycle().take(251 + buffer.len()).collect();
        let mut taken = 0;
        while taken < SIZE {
            let read = timeout(LONG, socket.read(&mut buffer)).await.expect("it comes").unwrap();
            assert!(buffer[..read] == pattern[taken % 251..][..read]);
            taken += read;
        }
        drop(sending.await.unwrap());
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 0);
    }
}
