//! A session between a client and a server that are written by hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Notify, watch};

use super::authority::IdentityValues;
use super::ledger::{Intent, StatementEnd, StatementRecord};
use super::loan::{Lender, Lending, Loan};
use super::*;
use crate::backend::hosts::Presence;
use crate::backend::memory::{Memory, SettingValues};
use crate::backend::pool::Stay;
use crate::catalog::Catalog;
use crate::ids::PolicyVersion;
use crate::policy::{Hole, IdentityShape, Limits, PolicySet, RoleSet};
use crate::rewrite::Touched;

#[derive(Debug)]
struct Nobody;

impl IdentityValues for Nobody {
    fn text(&self, _: Hole) -> Option<Arc<str>> {
        None
    }
}

#[derive(Debug)]
struct Everybody(Arc<Standing>);

impl Authority for Everybody {
    fn standing(&self, _: Timestamp) -> Result<Arc<Standing>, Refusal> {
        Ok(Arc::clone(&self.0))
    }

    fn acting(&self, _: &Login, _: Timestamp) -> Result<Arc<Standing>, Refusal> {
        Err(Refusal::denied("nobody speaks for others", ""))
    }

    fn still_meant(&self, _: &[Touched], _: Timestamp) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A log whose records are safe once it is told so, or that cannot be written; it counts cancel
/// requests too.
#[derive(Debug, Clone, Default)]
struct Log {
    safe: Arc<Notify>,
    full: Arc<AtomicBool>,
    cancelled: Arc<AtomicUsize>,
    /// The server has taken note of a cancel request.
    noted: Arc<Notify>,
}

impl Log {
    fn written(&self) -> Result<(), Refusal> {
        if self.full.load(Ordering::Relaxed) {
            return Err(Refusal::new(SqlState::IO_ERROR, "the audit log cannot be written", ""));
        }
        Ok(())
    }
}

impl Ledger for Log {
    fn intent(&self, _: StatementRecord) -> Result<Arc<dyn Intent>, Refusal> {
        self.written()?;
        Ok(Arc::new(self.clone()))
    }

    fn refused(&self, _: StatementRecord, _: &Refusal) -> Result<(), Refusal> {
        self.written()
    }

    fn alert(&self, _: &'static str, _: String, _: Option<&Login>, _: &RoleSet) {}
}

impl Intent for Log {
    fn settled(&self) -> Option<Result<(), Refusal>> {
        None
    }

    fn durable(&self) -> Durable {
        let safe = Arc::clone(&self.safe);
        Box::pin(async move {
            safe.notified().await;
            Ok(())
        })
    }

    fn end(&self, _: StatementEnd) {}
}

impl Canceller for Log {
    fn cancel(&self) -> Cancelling {
        self.cancelled.fetch_add(1, Ordering::Relaxed);
        let noted = Arc::clone(&self.noted);
        Box::pin(async move { noted.notified().await })
    }

    fn presence(&self) -> Presence {
        Presence::InUse
    }
}

/// The ends of a session of an unrestricted principal.
struct Bench {
    client: DuplexStream,
    server: DuplexStream,
    log: Log,
    phase: watch::Sender<Phase>,
    _changes: watch::Sender<u64>,
}

fn session() -> Bench {
    session_of(true)
}

fn session_of(unrestricted: bool) -> Bench {
    let (bench, session) = opened(unrestricted);
    tokio::spawn(session);
    bench
}

/// A session that nobody runs yet.
fn opened(unrestricted: bool) -> (Bench, impl Future<Output = Ended<DuplexStream>> + Send) {
    opened_on(unrestricted, Servers::Own)
}

/// The same, on a connection that is its own or borrowed.
fn opened_on(
    unrestricted: bool,
    servers: impl FnOnce(DuplexStream) -> Servers<DuplexStream>,
) -> (Bench, impl Future<Output = Ended<DuplexStream>> + Send) {
    let standing = Arc::new(Standing {
        catalog: Arc::new(Catalog::default()),
        policy: Arc::new(PolicySet::empty()),
        policy_version: PolicyVersion::from("1"),
        roles: RoleSet(Arc::from([])),
        unrestricted,
        limits: Limits::default(),
        shape: IdentityShape(Arc::from([])),
        identity: Arc::new(Nobody),
    });
    let (alive, changes) = watch::channel(0);
    let (phase, phases) = watch::channel(Phase::Open);
    let log = Log::default();
    let (client, session_client) = duplex(4096);
    let (server, session_server) = duplex(4096);
    let board = Board::new(changes, phases);
    tokio::spawn(Arc::clone(&board).deliver());
    let shared = Shared {
        board,
        planner: Arc::new(Planner::new(0, "m4rk".to_owned())),
        message_size: 4096,
        statement_size: 1024,
        statement_timeout: Duration::from_secs(300),
        usages: Arc::default(),
        paths: Paths::default(),
    };
    let opening = Opening {
        client: Connection::new(session_client),
        server: servers(session_server),
        login: Login::from("root"),
        service: false,
        acting: None,
        authority: Arc::new(Everybody(Arc::clone(&standing))),
        standing,
        ledger: Arc::new(log.clone()),
        canceller: Arc::new(log.clone()),
        processes: (1, 2),
        application: Arc::from(""),
    };
    let bench = Bench { client, server, log, phase, _changes: alive };
    (bench, run(Arc::new(shared), opening))
}

/// What comes within `patience`. Where the clock is paused, the time passes as soon as nothing else
/// can happen.
async fn within(stream: &mut DuplexStream, patience: Duration) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 1024];
    let read = tokio::time::timeout(patience, stream.read(&mut bytes)).await.ok()?;
    bytes.truncate(read.unwrap());
    Some(bytes)
}

async fn arrives(stream: &mut DuplexStream) -> Option<Vec<u8>> {
    within(stream, Duration::from_secs(60)).await
}

fn frames(write: impl Fn(&mut BytesMut)) -> BytesMut {
    let mut bytes = BytesMut::new();
    write(&mut bytes);
    bytes
}

fn question(text: &str) -> BytesMut {
    frames(|bytes| message::query(bytes, text.as_bytes()))
}

#[tokio::test(start_paused = true)]
async fn a_statement_or_its_answer_does_not_pass_before_its_record_is_safe() {
    // A SELECT of an unrestricted principal may call any function: nothing is sure to read only.
    for (text, reads) in [("SHOW TimeZone", true), ("SELECT 1", false), ("DELETE FROM t", false)] {
        let mut bench = session();
        bench.client.write_all(&question(text)).await.unwrap();
        if !reads {
            assert_eq!(arrives(&mut bench.server).await, None, "{text}");
            bench.log.safe.notify_one();
        }
        assert_eq!(arrives(&mut bench.server).await.unwrap(), question(text));
        let answer = frames(|bytes| {
            message::command_complete(bytes, "SHOW");
            message::ready_for_query(bytes, b'I');
        });
        bench.server.write_all(&answer).await.unwrap();
        if reads {
            assert_eq!(arrives(&mut bench.client).await, None, "{text}");
            bench.log.safe.notify_one();
        }
        assert_eq!(arrives(&mut bench.client).await.unwrap(), answer, "{text}");
    }
}

/// What is there to be read now.
fn there(stream: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    let read = stream.read(&mut bytes).now_or_never().map_or(0, Result::unwrap);
    bytes.truncate(read);
    bytes
}

#[tokio::test]
async fn an_answer_leaves_before_the_other_sessions_have_had_their_turn_or_waits_for_more() {
    let (mut bench, session) = opened(true);
    let mut session = tokio_test::task::spawn(session);
    assert!(session.poll().is_pending());
    bench.client.write_all(&question("SHOW TimeZone")).await.unwrap();
    assert!(session.is_woken() && session.poll().is_pending());
    assert_eq!(there(&mut bench.server), question("SHOW TimeZone"), "a request does not wait");
    bench.log.safe.notify_one();
    // Somebody may begin to read the first rows while the last ones are looked for.
    let begun = [frame(b'T', b"\0\0"), frame(b'D', b"\0\0")].concat();
    bench.server.write_all(&begun).await.unwrap();
    assert!(session.is_woken() && session.poll().is_pending());
    assert_eq!(there(&mut bench.client), begun);

    let ended = frames(|bytes| {
        message::command_complete(bytes, "SHOW");
        message::ready_for_query(bytes, b'I');
    });
    bench.server.write_all(&ended).await.unwrap();
    assert!(session.is_woken() && session.poll().is_pending());
    assert_eq!(there(&mut bench.client), b"", "others wait for their turn");
    assert!(session.is_woken(), "it gets another one");
    assert!(session.poll().is_pending());
    assert_eq!(there(&mut bench.client), ended);
    assert!(!session.is_woken(), "once is enough");
}

/// Lends one connection.
#[derive(Debug)]
struct Only(Mutex<Option<DuplexStream>>);

impl Lender<DuplexStream> for Only {
    fn at_hand(&self, _: &SettingValues, _: Stay) -> Option<Loan<DuplexStream>> {
        let stream = self.0.lock().unwrap().take()?;
        Some(Loan { stream, memory: Memory::default(), process: 1 })
    }

    fn lend(self: Arc<Self>, _: &SettingValues, _: Stay) -> Lending<DuplexStream> {
        Box::pin(std::future::pending())
    }

    fn take_back(&self, stream: DuplexStream, _: Memory) {
        *self.0.lock().unwrap() = Some(stream);
    }

    fn are_all_lent(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

#[tokio::test]
async fn an_answer_is_held_back_although_others_wait_for_a_connection() {
    let (mut bench, session) = opened_on(true, |stream| {
        let lender = Arc::new(Only(Mutex::new(Some(stream))));
        Servers::Borrowed(Source { lender, settings: SettingValues::default(), session: 1 })
    });
    let mut session = tokio_test::task::spawn(session);
    assert!(session.poll().is_pending());
    bench.client.write_all(&question("SHOW TimeZone")).await.unwrap();
    assert!(session.poll().is_pending());
    assert_eq!(there(&mut bench.server), question("SHOW TimeZone"));
    bench.log.safe.notify_one();
    let ended = frames(|bytes| {
        message::command_complete(bytes, "SHOW");
        message::ready_for_query(bytes, b'I');
    });
    bench.server.write_all(&ended).await.unwrap();
    // The principal is unrestricted and keeps the only connection there is.
    assert!(session.poll().is_pending());
    assert_eq!(there(&mut bench.client), ended);
}

#[tokio::test(start_paused = true)]
async fn a_statement_runs_while_the_log_cannot_be_written() {
    let mut bench = session();
    bench.log.full.store(true, Ordering::Relaxed);
    bench.client.write_all(&question("SELECT 1")).await.unwrap();
    let sent = arrives(&mut bench.server).await.unwrap();
    assert!(!String::from_utf8_lossy(&sent).contains("SELECT 1"));
    let mut failed = BytesMut::new();
    Report::error("42601", "syntax error").encode_error(&mut failed);
    message::ready_for_query(&mut failed, b'I');
    bench.server.write_all(&failed).await.unwrap();
    let told = arrives(&mut bench.client).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("58030"));
}

#[tokio::test(start_paused = true)]
async fn an_oversize_message_is_waited_for() {
    let mut bench = session();
    bench.client.write_all(b"Q\x7f\xff\xff\xff").await.unwrap();
    let told = arrives(&mut bench.client).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("08P01"));
    assert_eq!(arrives(&mut bench.server).await, Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_statement_runs_longer_than_the_gateway_allows() {
    let mut bench = session();
    bench.client.write_all(&question("SHOW TimeZone")).await.unwrap();
    bench.log.safe.notify_one();
    assert_eq!(arrives(&mut bench.server).await.unwrap(), question("SHOW TimeZone"));
    assert_eq!(within(&mut bench.client, Duration::from_secs(299)).await, None);
    assert_eq!(bench.log.cancelled.load(Ordering::Relaxed), 0);
    assert_eq!(within(&mut bench.client, Duration::from_secs(60)).await, None);
    assert_eq!(bench.log.cancelled.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_statement_of_the_extended_protocol_waits_for_a_lock_as_long_as_it_likes_before_it_runs()
{
    let mut bench = session();
    let nothing: [Option<bytes::Bytes>; 0] = [];
    let messages = frames(|bytes| {
        message::parse(bytes, "", b"SHOW TimeZone", &[]);
        message::bind(bytes, "", "", &[], &nothing, &[]);
        message::execute(bytes, "", 0);
        message::bare(bytes, b'S');
    });
    bench.client.write_all(&messages).await.unwrap();
    bench.log.safe.notify_one();
    // Tables are locked when a text is parsed.
    assert_eq!(arrives(&mut bench.server).await.unwrap(), messages);
    assert_eq!(within(&mut bench.client, Duration::from_secs(299)).await, None);
    assert_eq!(bench.log.cancelled.load(Ordering::Relaxed), 0);
    assert_eq!(within(&mut bench.client, Duration::from_secs(60)).await, None);
    assert_eq!(bench.log.cancelled.load(Ordering::Relaxed), 1);
    bench.log.noted.notify_one();
    let mut failed = BytesMut::new();
    Report::error("57014", "canceling statement due to user request").encode_error(&mut failed);
    message::ready_for_query(&mut failed, b'I');
    bench.server.write_all(&failed).await.unwrap();
    let told = told_by(&mut bench.client).await;
    assert!(told.contains("canceling statement due to statement timeout"), "{told}");
}

async fn told_by(client: &mut DuplexStream) -> String {
    String::from_utf8_lossy(&arrives(client).await.unwrap()).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_cancel_request_hits_the_statement_after_the_one_it_is_for() {
    let mut bench = session();
    bench.client.write_all(&question("SHOW TimeZone")).await.unwrap();
    bench.log.safe.notify_one();
    assert_eq!(arrives(&mut bench.server).await.unwrap(), question("SHOW TimeZone"));
    assert_eq!(within(&mut bench.client, Duration::from_secs(400)).await, None);
    assert_eq!(bench.log.cancelled.load(Ordering::Relaxed), 1);
    // It was faster than the request.
    let answer = frames(|bytes| {
        message::command_complete(bytes, "SHOW");
        message::ready_for_query(bytes, b'I');
    });
    bench.server.write_all(&answer).await.unwrap();
    assert_eq!(arrives(&mut bench.client).await.unwrap(), answer);
    bench.client.write_all(&question("SHOW DateStyle")).await.unwrap();
    bench.log.safe.notify_one();
    assert_eq!(arrives(&mut bench.server).await, None);
    bench.log.noted.notify_one();
    assert_eq!(arrives(&mut bench.server).await.unwrap(), question("SHOW DateStyle"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_outlives_the_gateway_or_a_busy_one_is_cut_off() {
    let mut idle = session();
    idle.phase.send(Phase::Draining).unwrap();
    let told = arrives(&mut idle.client).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("57P01"));

    let mut busy = session();
    busy.client.write_all(&question("SHOW TimeZone")).await.unwrap();
    busy.log.safe.notify_one();
    assert_eq!(arrives(&mut busy.server).await.unwrap(), question("SHOW TimeZone"));
    busy.phase.send(Phase::Draining).unwrap();
    assert_eq!(arrives(&mut busy.client).await, None);
    let open = frames(|bytes| {
        message::command_complete(bytes, "SHOW");
        message::ready_for_query(bytes, b'T');
    });
    busy.server.write_all(&open).await.unwrap();
    assert_eq!(arrives(&mut busy.client).await.unwrap(), open);
    assert_eq!(arrives(&mut busy.client).await, None, "its transaction is open");
    busy.phase.send(Phase::Stopping).unwrap();
    let told = arrives(&mut busy.client).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("57P01"));
}

/// A frame of a server.
fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &length[..], body].concat()
}

/// What the client of a session is told up to its end.
async fn told(mut client: DuplexStream) -> String {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_server_answers_what_nobody_asked() {
    let row = frame(b'D', b"\0\x01\0\0\0\x06stolen");
    let copied = frame(b'd', b"stolen");
    let ready = frame(b'Z', b"I");
    let anywhere = [
        frame(b'1', b""),
        frame(b'2', b""),
        frame(b'3', b""),
        frame(b's', b""),
        frame(b'n', b""),
        frame(b't', b"\0\0"),
        frame(b'V', b"\0\0\0\x06stolen"),
        frame(b'W', b"\0\0\0"),
        frame(b'R', b"\0\0\0\0"),
        frame(b'K', b"\0\0\0\x01\0\0\0\x02"),
        frame(b'v', b"\0\x03\0\0\0\0\0\0"),
        frame(b'Z', b"X"),
        frame(b'Z', b""),
        frame(b'E', b"Cstolen"),
        frame(b'S', b"stolen"),
        frame(b'?', b"stolen"),
        vec![b'C', 0, 0, 0, 3],
        vec![b'C', 0xff, 0xff, 0xff, 0xff],
        vec![b'T', 0x7f, 0xff, 0xff, 0xff],
    ];
    let unasked = [
        row,
        copied,
        ready,
        frame(b'C', b"stolen\0"),
        frame(b'T', b"\0\0"),
        frame(b'I', b""),
        frame(b'G', b"\0\0\0"),
        frame(b'H', b"\0\0\0"),
        frame(b'c', b""),
        frame(b'E', b"SERROR\0C22012\0Mstolen\0\0"),
    ];
    let synced = frames(|bytes| message::bare(bytes, b'S'));
    for (frames, asks) in [
        (&anywhere[..], Some(true)),
        (&anywhere[..], None),
        (&unasked[..], None),
        // A Sync is answered by ReadyForQuery alone.
        (&anywhere[..], Some(false)),
        (&unasked[..2], Some(false)),
        (&unasked[3..], Some(false)),
    ] {
        for bytes in frames {
            let mut bench = session();
            if asks == Some(false) {
                bench.client.write_all(&synced).await.unwrap();
                assert_eq!(arrives(&mut bench.server).await.unwrap(), synced);
            }
            if asks == Some(true) {
                bench.client.write_all(&question("SHOW TimeZone")).await.unwrap();
                bench.log.safe.notify_one();
                assert_eq!(arrives(&mut bench.server).await.unwrap(), question("SHOW TimeZone"));
            }
            bench.server.write_all(bytes).await.unwrap();
            drop(bench.server);
            let text = told(bench.client).await;
            // Two errors at most: the server's own, and that the session ends.
            assert!(text.contains("FATAL") && text.contains("08006"), "{bytes:?}: {text:?}");
            assert!(!text.contains("Z\0\0\0\x05"), "{bytes:?}: {text:?}");
            let relayed = text.contains("stolen") && !bytes.starts_with(b"E");
            assert!(!relayed, "{bytes:?}: {text:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_statement_is_answered_as_if_it_had_run() {
    for answer in [
        frame(b'C', b"SELECT 1\0"),
        frame(b'D', b"\0\x01\0\0\0\x06stolen"),
        frame(b'T', b"\0\0"),
        frame(b'H', b"\0\0\0"),
        frame(b'G', b"\0\0\0"),
        frame(b'I', b""),
        frame(b'Z', b"I"),
    ] {
        let mut bench = session_of(false);
        bench.client.write_all(&question("DROP VIEW t")).await.unwrap();
        answer_path(&mut bench).await;
        let sent = arrives(&mut bench.server).await.unwrap();
        assert!(!String::from_utf8_lossy(&sent).contains("DROP"));
        bench.server.write_all(&answer).await.unwrap();
        drop(bench.server);
        let text = told(bench.client).await;
        assert!(text.contains("FATAL") && !text.contains("stolen"), "{answer:?}: {text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_for_a_refused_statement_returns_rows() {
    // Nothing is hidden from this principal, but its statement could not be recorded.
    for answer in [frame(b'D', b"\0\x01\0\0\0\x06stolen"), frame(b'd', b"stolen")] {
        let mut bench = session();
        bench.log.full.store(true, Ordering::Relaxed);
        bench.client.write_all(&question("SELECT 1")).await.unwrap();
        let sent = arrives(&mut bench.server).await.unwrap();
        assert!(!String::from_utf8_lossy(&sent).contains("SELECT 1"));
        bench.server.write_all(&answer).await.unwrap();
        drop(bench.server);
        let text = told(bench.client).await;
        assert!(text.contains("FATAL") && !text.contains("stolen"), "{answer:?}: {text:?}");
    }
}

/// Answers the session's question for its search path.
async fn answer_path(bench: &mut Bench) {
    let asked = arrives(&mut bench.server).await.unwrap();
    assert!(String::from_utf8_lossy(&asked).contains("current_schemas"));
    let path = b"{pg_catalog,public}";
    let length = u32::try_from(path.len()).unwrap().to_be_bytes();
    let row = [&[0, 1], &length[..], path].concat();
    let answer = [
        frame(b'1', b""),
        frame(b'2', b""),
        frame(b'D', &row),
        frame(b'C', b"SELECT 1\0"),
        frame(b'3', b""),
        frame(b'3', b""),
        frame(b'Z', b"I"),
    ];
    bench.server.write_all(&answer.concat()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_when_the_server_reads_texts_otherwise() {
    for setting in ["client_encoding\0GBK\0", "standard_conforming_strings\0off\0"] {
        let mut bench = session_of(false);
        bench.server.write_all(&frame(b'S', setting.as_bytes())).await.unwrap();
        let text = told(bench.client).await;
        assert!(text.contains("57P01"), "{setting}: {text:?}");
    }
    let mut bench = session_of(false);
    bench.server.write_all(&frame(b'S', b"client_encoding\0UTF8\0")).await.unwrap();
    let text = arrives(&mut bench.client).await.unwrap();
    assert!(text.starts_with(b"S"));
}
