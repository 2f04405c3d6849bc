//! Frames of protocol 3 over a byte stream: header scan, caps, two bounded buffers. Never decodes a
//! body, never trusts a length, never holds memory for an idle connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// Bytes of a frame's header: the type and the length.
pub const HEADER_LENGTH: usize = 5;

/// Bytes of the buffer that all reads of a thread go to. Little is copied out of it, and a large read
/// becomes a part of it that goes on as it is; the buffer is used again once all such parts are gone.
const READ_SIZE: usize = 256 * 1024;
/// A read of so many bytes is not copied.
const LARGE_READ: usize = 16 * 1024;
/// Most answers and most statements are shorter, in bytes.
const FIRST_FRAMES: usize = 256;
/// With less room left, the next read would be a short one.
const LEAST_ROOM: usize = 64 * 1024;

thread_local! {
    static READ_BUFFER: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(READ_SIZE));
}

/// What is wrong with the bytes of a peer, or with the connection.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A length that no frame can have.
    #[error("invalid message length {length} in a message of type 0x{tag:02X}")]
    InvalidLength {
        /// The frame's type, 0 for a start-up packet.
        tag: u8,
        /// The length field.
        length: u32,
    },
    /// A length above the cap for this type in this phase.
    #[error("a message of type 0x{tag:02X} has {length} bytes, the limit is {limit}")]
    TooLong {
        /// The frame's type, 0 for a start-up packet.
        tag: u8,
        /// Bytes in the body.
        length: usize,
        /// The cap.
        limit: usize,
    },
    /// The peer closed the connection inside a frame.
    #[error("the connection was closed in the middle of a message")]
    Truncated,
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The message type.
    pub tag: u8,
    /// Bytes in the body, the length field not counted.
    pub length: usize,
}

/// A whole frame, cut out by its own length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The message type.
    pub tag: u8,
    /// The body without the length field.
    pub body: Bytes,
}

/// Bytes received and not yet looked at.
#[derive(Debug, Default)]
pub struct Inbound {
    buffer: BytesMut,
    /// The buffer is a part of the thread's: what is kept for long must not hold on to it.
    part: bool,
}

impl Inbound {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Appends bytes as if they had been read.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The header of the next frame, when it has arrived.
    pub fn header(&self) -> Result<Option<Header>, FrameError> {
        let Some((&tag, rest)) = self.buffer.split_first() else { return Ok(None) };
        let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        match body_length(length) {
            Some(length) => Ok(Some(Header { tag, length })),
            None => Err(FrameError::InvalidLength { tag, length }),
        }
    }

    /// The next frame, once it is complete. `limit` gives the cap on a body of that type; a longer
    /// one is an error as soon as its header is here.
    pub fn take_frame(&mut self, limit: impl Fn(u8) -> usize) -> Result<Option<Frame>, FrameError> {
        let Some(Header { tag, length }) = self.header()? else { return Ok(None) };
        let limit = limit(tag);
        if length > limit {
            return Err(FrameError::TooLong { tag, length, limit });
        }
        if self.buffer.len() < HEADER_LENGTH.saturating_add(length) {
            return Ok(None);
        }
        self.buffer.advance(HEADER_LENGTH);
        let body = self.take_body(length);
        Ok(Some(Frame { tag, body }))
    }

    /// The next start-up packet, which has a length and no type, without its length field.
    pub fn take_startup(&mut self, limit: usize) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        let Some(body) = body_length(length) else {
            return Err(FrameError::InvalidLength { tag: 0, length });
        };
        if body > limit {
            return Err(FrameError::TooLong { tag: 0, length: body, limit });
        }
        if self.buffer.len() < body.saturating_add(4) {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.take_body(body)))
    }

    fn take_body(&mut self, length: usize) -> Bytes {
        let part = self.part;
        let body = self.buffer.split_to(length);
        self.release();
        if part { Bytes::copy_from_slice(&body) } else { body.freeze() }
    }

    /// Takes what was read into the thread's buffer.
    fn receive(&mut self, read: &mut BytesMut) {
        if read.len() >= LARGE_READ && self.buffer.is_empty() {
            self.buffer = read.split();
            self.part = true;
        } else {
            // A part would be copied as a whole if it had to grow in place.
            self.buffer.extend_from_slice(read);
            read.clear();
        }
    }

    /// Bytes of the whole frames of type `tag` at the front, and how many frames they are.
    pub fn leading_run(&self, tag: u8) -> (usize, u64) {
        let mut rest = &self.buffer[..];
        let mut frames = 0_u64;
        // Rows often have the length of the row before. The processor guesses that, and looks for the
        // next header before it has read this one: three times as many rows in the same time.
        let mut before: Option<([u8; HEADER_LENGTH], usize)> = None;
        while let Some((header, behind)) = rest.split_first_chunk::<HEADER_LENGTH>() {
            let body = match before {
                Some((same, body)) if same == *header => body,
                Some(_) | None => {
                    let [found, length @ ..] = header;
                    let Some(body) = body_length(u32::from_be_bytes(*length)) else { break };
                    if *found != tag {
                        break;
                    }
                    before = Some((*header, body));
                    body
                }
            };
            let Some(next) = behind.get(body..) else { break };
            rest = next;
            frames = frames.saturating_add(1);
        }
        (self.buffer.len().saturating_sub(rest.len()), frames)
    }

    /// Up to `most` bytes as they came.
    pub fn take_bytes(&mut self, most: usize) -> BytesMut {
        let taken = self.buffer.split_to(most.min(self.buffer.len()));
        self.release();
        taken
    }

    fn release(&mut self) {
        // Most connections wait for most of the time.
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.part = false;
        }
    }
}

/// Bytes to send.
#[derive(Debug, Default)]
pub struct Outbound {
    buffer: BytesMut,
}

impl Outbound {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The bytes that wait, for tests and for moving them elsewhere.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Appends bytes that are frames already; takes the buffer over when nothing waits or when they
    /// were received right behind what waits.
    pub fn append(&mut self, bytes: BytesMut) {
        self.buffer.unsplit(bytes);
    }

    /// Appends a copy of bytes that are frames already.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends one frame; `body` writes what follows the length field.
    pub fn frame(&mut self, tag: u8, body: impl FnOnce(&mut BytesMut)) {
        write_frame(&mut self.buffer, tag, body);
    }

    /// The buffer, for the encoders of [`super::message`].
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }
}

/// Appends one frame to `buffer`; `body` writes what follows the length field.
pub fn write_frame(buffer: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    if buffer.capacity() == 0 {
        // It would grow to that in several steps.
        buffer.reserve(FIRST_FRAMES);
    }
    buffer.put_u8(tag);
    let start = buffer.len();
    buffer.put_u32(0);
    body(buffer);
    // A body never reaches 4 GiB: everything written comes from frames capped far below.
    let length = u32::try_from(buffer.len().saturating_sub(start)).unwrap_or(u32::MAX);
    if let Some(field) = buffer.get_mut(start..start.saturating_add(4)) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// The body's length, from a length field that counts itself.
fn body_length(field: u32) -> Option<usize> {
    // PostgreSQL keeps lengths in signed 32-bit integers.
    if field > 0x7fff_ffff {
        return None;
    }
    usize::try_from(field).ok()?.checked_sub(4)
}

/// A stream and its two buffers.
#[derive(Debug)]
pub struct Connection<T> {
    stream: T,
    /// Received, not yet looked at.
    pub inbound: Inbound,
    /// To be sent.
    pub outbound: Outbound,
    unflushed: bool,
    /// There was nothing to receive in this turn of whoever waits, who is woken when something comes.
    quiet: bool,
}

impl<T> Connection<T> {
    /// A connection with empty buffers.
    pub fn new(stream: T) -> Self {
        Self {
            stream,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            unflushed: false,
            quiet: false,
        }
    }

    /// The stream.
    pub fn stream(&self) -> &T {
        &self.stream
    }

    /// The stream, to be replaced while nothing is under way.
    pub fn stream_mut(&mut self) -> &mut T {
        // Nobody has asked the other one.
        self.quiet = false;
        &mut self.stream
    }

    /// Whoever waits was woken, and it may have been by this one.
    pub fn begin_turn(&mut self) {
        self.quiet = false;
    }

    /// Whether there was nothing to receive since the turn began: no need to ask again before the next one.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The stream and what was received from it and not used. Whoever changes the meaning of the
    /// stream (TLS) has to refuse when that is not empty.
    pub fn into_parts(self) -> (T, Inbound) {
        (self.stream, self.inbound)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Receives what is there; 0 is the end of the stream.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_fill_up_to(cx, READ_SIZE)
    }

    fn poll_fill_up_to(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            // It is empty, unless a stream has read something and then failed.
            buffer.clear();
            if buffer.capacity() < LEAST_ROOM {
                buffer.reserve(READ_SIZE);
            }
            let room = buffer.capacity().min(most);
            let mut limited = buffer.limit(room);
            let read = std::pin::pin!(self.stream.read_buf(&mut limited)).poll(cx);
            self.quiet = read.is_pending();
            let read = ready!(read)?;
            self.inbound.receive(buffer);
            Poll::Ready(Ok(read))
        })
    }

    /// Sends what the peer accepts; ready with `true` when something was sent and with `false`
    /// when there was nothing left to do.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !self.outbound.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbound.buffer))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbound.buffer.advance(sent);
            if self.outbound.buffer.is_empty() {
                self.outbound.buffer = BytesMut::new();
            }
            self.unflushed = true;
            return Poll::Ready(Ok(true));
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(false))
    }

    /// Something is left to send or to flush.
    pub fn has_unsent(&self) -> bool {
        self.unflushed || !self.outbound.is_empty()
    }

    /// Receives once. Nothing is lost when the future is dropped.
    pub async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// The same, at most so many bytes: for peers that have not proven who they are.
    pub async fn fill_up_to(&mut self, most: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill_up_to(cx, most)).await
    }

    /// Sends everything. What was sent stays sent when the future is dropped.
    pub async fn flush(&mut self) -> io::Result<()> {
        while poll_fn(|cx| self.poll_send(cx)).await? {}
        Ok(())
    }

    /// The next whole frame; `None` when the peer closed the connection between frames.
    pub async fn next_frame(
        &mut self,
        limit: impl Fn(u8) -> usize,
    ) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = self.inbound.take_frame(&limit)? {
                return Ok(Some(frame));
            }
            if self.fill().await? == 0 {
                return if self.inbound.is_empty() { Ok(None) } else { Err(FrameError::Truncated) };
            }
        }
    }

    /// The next start-up packet; `None` when the peer closed the connection before it.
    pub async fn next_startup(&mut self, limit: usize) -> Result<Option<Bytes>, FrameError> {
        loop {
            if let Some(packet) = self.inbound.take_startup(limit)? {
                return Ok(Some(packet));
            }
            if self.fill_up_to(limit).await? == 0 {
                return if self.inbound.is_empty() { Ok(None) } else { Err(FrameError::Truncated) };
            }
        }
    }

    /// Says goodbye to the transport (TLS close_notify, FIN).
    pub async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        write_frame(&mut bytes, tag, |buffer| buffer.extend_from_slice(body));
        bytes.to_vec()
    }

    fn unlimited(_tag: u8) -> usize {
        usize::MAX
    }

    #[test]
    fn frame_split_over_reads_is_not_taken_early() {
        let bytes = frame(b'Q', b"SELECT 1\0");
        for cut in 0..bytes.len() {
            let mut inbound = Inbound::default();
            inbound.extend(&bytes[..cut]);
            assert!(inbound.take_frame(unlimited).unwrap().is_none(), "cut at {cut}");
            inbound.extend(&bytes[cut..]);
            let taken = inbound.take_frame(unlimited).unwrap().unwrap();
            assert_eq!(&taken.body[..], b"SELECT 1\0");
        }
    }

    #[test]
    fn several_frames_in_one_read_stay_apart() {
        let mut inbound = Inbound::default();
        inbound.extend(&[frame(b'H', b""), frame(b'S', b""), frame(b'X', b"")].concat());
        let mut tags = Vec::new();
        while let Some(frame) = inbound.take_frame(unlimited).unwrap() {
            tags.push(frame.tag);
        }
        assert_eq!(tags, b"HSX");
    }

    #[test]
    fn a_run_of_rows_goes_on_into_what_is_no_row_or_not_whole() {
        let rows = |bodies: &[&[u8]]| -> Vec<u8> {
            bodies.iter().flat_map(|body| frame(b'D', body)).collect()
        };
        let run = |bytes: &[u8]| {
            let mut inbound = Inbound::default();
            inbound.extend(bytes);
            inbound.leading_run(b'D')
        };
        assert_eq!(run(b""), (0, 0));
        let same = rows(&[b"abc", b"def", b"ghi"]);
        assert_eq!(run(&same), (24, 3));
        assert_eq!(run(&rows(&[b"", b"", b"a", b"bc", b"bc", b""])), (35, 6));
        for what in [frame(b'C', b"xyz"), vec![b'D', 0, 0, 0, 3], vec![b'D', 0x80, 0, 0, 7]] {
            assert_eq!(run(&[same.clone(), what].concat()), (24, 3));
        }
        for cut in 16..24 {
            assert_eq!(run(&same[..cut]), (16, 2), "cut at {cut}");
        }
    }

    #[test]
    fn lengths_below_four_and_above_two_gigabytes_are_refused() {
        for length in [0_u32, 1, 2, 3, 0x8000_0000, u32::MAX] {
            let mut inbound = Inbound::default();
            inbound.extend(b"Q");
            inbound.extend(&length.to_be_bytes());
            assert!(matches!(
                inbound.take_frame(unlimited),
                Err(FrameError::InvalidLength { tag: b'Q', .. })
            ));
            let mut inbound = Inbound::default();
            inbound.extend(&length.to_be_bytes());
            assert!(matches!(
                inbound.take_startup(usize::MAX),
                Err(FrameError::InvalidLength { tag: 0, .. })
            ));
        }
    }

    #[test]
    fn oversize_frame_is_refused_before_its_body_arrives() {
        let mut inbound = Inbound::default();
        inbound.extend(b"Q");
        inbound.extend(&1_000_000_u32.to_be_bytes());
        assert!(matches!(
            inbound.take_frame(|_| 1000),
            Err(FrameError::TooLong { tag: b'Q', length: 999_996, limit: 1000 })
        ));
    }

    /// An endless stream of rows that only this connection has, so many bytes at a time.
    struct Rows {
        seed: u8,
        position: usize,
        next_read: usize,
    }

    impl Rows {
        /// Rows have all sizes, so that reads end anywhere in them.
        fn written(seed: u8, length: usize) -> Vec<u8> {
            let mut bytes = Vec::new();
            for number in 0_usize.. {
                if bytes.len() >= length {
                    break;
                }
                let body: Vec<u8> = (0..number * 7919 % 40_000)
                    .map(|at| {
                        seed.wrapping_mul(37).wrapping_add(u8::try_from(at % 251).unwrap_or(0))
                    })
                    .collect();
                bytes.extend(frame(b'D', &body));
            }
            bytes
        }
    }

    impl AsyncRead for Rows {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let read = self.next_read.min(buffer.remaining());
            let all = Self::written(self.seed, self.position + read);
            buffer.put_slice(&all[self.position..self.position + read]);
            self.position += read;
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Rows {
        fn poll_write(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Read(usize),
        /// Takes whole rows as bytes, as a relay does.
        Relay,
        /// Takes one row to look at it.
        Look,
        /// What waits to be sent is sent.
        Send,
    }

    fn act() -> impl proptest::strategy::Strategy<Value = (usize, Act)> {
        use proptest::prelude::*;
        let act = prop_oneof![
            4 => prop_oneof![1_usize..100, 15_000_usize..17_000, 60_000_usize..300_000]
                .prop_map(Act::Read),
            3 => Just(Act::Relay),
            2 => Just(Act::Look),
            1 => Just(Act::Send),
        ];
        (0_usize..3, act)
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
        #[test]
        fn a_connection_gets_bytes_of_another_that_is_read_on_the_same_thread(
            acts in proptest::collection::vec(act(), 1..60)
        ) {
            let mut connections: Vec<Connection<Rows>> = (1..=3)
                .map(|seed| Connection::new(Rows { seed, position: 0, next_read: 0 }))
                .collect();
            let mut sent = [0_usize; 3];
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let end = [0, 1, 2].map(|index| (index, Act::Send));
            for (index, act) in acts.into_iter().chain(end) {
                let connection = &mut connections[index];
                match act {
                    Act::Read(most) => {
                        connection.stream.next_read = most;
                        assert!(connection.poll_fill(&mut cx).is_ready());
                    }
                    Act::Relay => {
                        let (bytes, _) = connection.inbound.leading_run(b'D');
                        let run = connection.inbound.take_bytes(bytes);
                        connection.outbound.append(run);
                    }
                    Act::Look => {
                        if let Some(row) = connection.inbound.take_frame(unlimited).unwrap() {
                            connection.outbound.frame(b'D', |body| body.extend_from_slice(&row.body));
                        }
                    }
                    Act::Send => {
                        let bytes = connection.outbound.bytes();
                        let until = sent[index] + bytes.len();
                        let all = Rows::written(connection.stream.seed, until);
                        assert!(*bytes == all[sent[index]..until], "connection {index}");
                        sent[index] = until;
                        connection.outbound = Outbound::default();
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn close_inside_a_frame_is_told_from_close_between_frames() {
        let (near, far) = tokio::io::duplex(64);
        let mut writer = Connection::new(far);
        writer.outbound.extend(&frame(b'S', b""));
        writer.outbound.extend(b"Q\0\0");
        writer.flush().await.unwrap();
        drop(writer);
        let mut reader = Connection::new(near);
        assert_eq!(reader.next_frame(unlimited).await.unwrap().unwrap().tag, b'S');
        assert!(matches!(reader.next_frame(unlimited).await, Err(FrameError::Truncated)));
    }

    async fn send(connection: &mut Connection<tokio::io::DuplexStream>, bytes: &[u8]) {
        connection.outbound.extend(bytes);
        connection.flush().await.unwrap();
    }

    #[tokio::test]
    async fn a_small_frame_of_a_large_read_keeps_all_of_it_in_memory() {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (mut reader, mut writer) = (Connection::new(near), Connection::new(far));
        send(&mut writer, &frame(b'D', b"short").repeat(LARGE_READ / 5)).await;
        assert!(reader.fill().await.unwrap() >= LARGE_READ);
        let taken = reader.inbound.take_frame(unlimited).unwrap().unwrap();
        assert_eq!(&taken.body[..], b"short");
        assert!(taken.body.is_unique(), "it shares the thread's buffer");
    }

    #[tokio::test]
    async fn bytes_of_two_connections_that_share_a_buffer_are_mixed_up() {
        let mut pairs: Vec<_> = (0..2_u8)
            .map(|_| tokio::io::duplex(1 << 20))
            .map(|(near, far)| (Connection::new(near), Connection::new(far), Vec::new(), 0_usize))
            .collect();
        // Sizes around those of small and large reads; each byte is told by its place.
        let sizes = [3, 70, 16_000, 16_400, 40_000, 65_000, 9, 120_000, 1, 250_000, 17_000];
        for (turn, size) in sizes.iter().cycle().take(120).enumerate() {
            for (number, (reader, writer, sent, taken)) in pairs.iter_mut().enumerate() {
                let body: Vec<u8> =
                    (0..*size).map(|n| b"0123456789abcdefg"[(n + turn + number) % 17]).collect();
                let bytes = frame(b'D', &body);
                send(writer, &bytes).await;
                sent.extend_from_slice(&bytes);
                reader.fill().await.unwrap();
                // Whole frames go on at once, the rest as it comes, and all of it leaves late.
                let (whole, _) = reader.inbound.leading_run(b'D');
                let run = reader.inbound.take_bytes(whole);
                reader.outbound.append(run);
                let rest = reader.inbound.take_bytes(if turn % 3 == 0 { 4 } else { usize::MAX });
                reader.outbound.append(rest);
                if turn % 5 == 4 {
                    let arrived = reader.outbound.bytes();
                    assert_eq!(arrived, &sent[*taken..*taken + arrived.len()], "turn {turn}");
                    *taken += arrived.len();
                    *reader.outbound.buffer() = BytesMut::new();
                }
            }
        }
        for (_, _, sent, taken) in pairs {
            assert!(taken * 10 > sent.len() * 9, "most of it was looked at");
        }
    }
}
