//! One client: its messages in order, decided, sent to its server connection, and the answers back.
//!
//! The session owns both buffers and the queue of what the server owes. It never opens a
//! connection, never reads a file, and never decides what a principal may do.

mod actor;
mod again;
mod answer;
pub mod authority;
pub mod budget;
mod columns;
mod expected;
mod explain;
mod extended;
pub mod ledger;
mod lifted;
mod limit;
pub mod loan;
mod names;
mod path;
mod query;
pub mod redact;
mod temporary;
mod turn;
pub mod usage;
mod wait;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use self::actor::Acting;
use self::authority::{Authority, Standing};
use self::expected::{Entry, Request};
use self::ledger::{Durable, Ledger};
use self::loan::{Loans, Slot, Source};
use self::names::Names;
use self::path::PathState;
pub use self::path::Paths;
use self::usage::Usages;
pub use self::wait::Board;
use self::wait::{Alarm, News};
use crate::backend::hosts::Presence;
use crate::catalog::SearchPath;
use crate::error::{Refusal, SqlState};
use crate::ids::Login;
use crate::planner::Planner;
use crate::protocol::frame::{Connection, FrameError};
use crate::protocol::message::{self, ClientMessage, DecodeError, Report};
use crate::relay::{HIGH_WATER, Moved, RelayError};

/// Before the server has been asked.
static NO_PATH: LazyLock<Arc<SearchPath>> = LazyLock::new(Arc::default);

/// Deliberately not SQL: it stands in for a refused statement, so that the server itself aborts the
/// transaction, skips the rest of the pipeline and reports the status, as for any error.
const REFUSED_TEXT: &[u8] = b"refused by rowgate";

/// How long a client gets to take the last message of its session.
const FAREWELL: Duration = Duration::from_secs(5);

/// The longest message of the server that has to be held as a whole, in bytes.
const SERVER_MESSAGE: usize = 64 * 1024 * 1024;

/// Messages that carry no text or value of the client are short (as in PostgreSQL).
const SHORT_MESSAGE: usize = 10_000;

/// What the process asks of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Clients come and go.
    Open,
    /// No new clients; those here finish their statement or transaction.
    Draining,
    /// Everybody goes.
    Stopping,
}

/// What all sessions share.
#[derive(Debug)]
pub struct Shared {
    /// News of the process.
    pub board: Arc<Board>,
    /// Plans statements.
    pub planner: Arc<Planner>,
    /// The longest message of a client, in bytes.
    pub message_size: usize,
    /// The longest query string, in bytes.
    pub statement_size: usize,
    /// A statement is cancelled after this, whatever the session's own setting says.
    pub statement_timeout: Duration,
    /// What people have used of their limits.
    pub usages: Arc<Usages>,
    /// Search paths that several have.
    pub paths: Paths,
}

/// A cancel request that is under way.
pub type Cancelling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a session can have done about its server from outside of its connection.
pub trait Canceller: Send + Sync + std::fmt::Debug {
    /// Asks the server, on a connection of its own, to cancel what the session runs. Resolves when
    /// the server has taken note: until then it may hit whatever the session runs next.
    fn cancel(&self) -> Cancelling;

    /// What is known of the server that the session's connection goes to.
    fn presence(&self) -> Presence;
}

/// What one session starts with: an authenticated client and a clean server connection.
#[derive(Debug)]
pub struct Opening<C, S> {
    /// The client, authenticated and told that it is ready.
    pub client: Connection<C>,
    /// Where server connections are borrowed from, or the one that the session has until it ends:
    /// idle and in its default state.
    pub server: Servers<S>,
    /// Who logged in.
    pub login: Login,
    /// It may speak for others (`SET rowgate.user`).
    pub service: bool,
    /// For whom it speaks from the start.
    pub acting: Option<Login>,
    /// Judges people.
    pub authority: Arc<dyn Authority>,
    /// The standing it was let in with.
    pub standing: Arc<Standing>,
    /// The session's audit log.
    pub ledger: Arc<dyn Ledger>,
    /// Cancels what the server runs for this session.
    pub canceller: Arc<dyn Canceller>,
    /// The server's process id and the one the client was told.
    pub processes: (u32, u32),
    /// `application_name`.
    pub application: Arc<str>,
}

/// A session's server connections.
#[derive(Debug)]
pub enum Servers<S> {
    /// One for itself.
    Own(S),
    /// One for each transaction.
    Borrowed(Source<S>),
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended<S> {
    /// The server connection, when there is one and it is idle outside a transaction: it may be
    /// reset and reused.
    pub server: Option<S>,
    /// For the audit log: `terminate`, `connection lost`, `57P01` …
    pub reason: String,
}

/// Why a session cannot go on.
#[derive(Debug)]
enum Fatal {
    /// The client is told, then the session ends.
    Tell(Report),
    /// The server said goodbye and the client has been told already.
    ServerSaid,
    /// The client is gone.
    ClientGone(&'static str),
    /// The client said goodbye.
    Terminated,
}

impl Fatal {
    fn new(sqlstate: SqlState, message: &str) -> Self {
        Self::Tell(Report::fatal(sqlstate.0, message))
    }

    fn refusal(refusal: &Refusal) -> Self {
        let report = Report::fatal(refusal.sqlstate.0, &refusal.message);
        Self::Tell(report.with(Report::DETAIL, &refusal.reason))
    }
}

impl From<DecodeError> for Fatal {
    fn from(error: DecodeError) -> Self {
        Self::new(SqlState::PROTOCOL_VIOLATION, &error.to_string())
    }
}

impl From<FrameError> for Fatal {
    fn from(error: FrameError) -> Self {
        Self::new(SqlState::PROTOCOL_VIOLATION, &error.to_string())
    }
}

/// Bytes for the server that wait until their audit record is safe.
struct Parked {
    bytes: BytesMut,
    durable: Durable,
}

/// Whether a client's message was used, or has to wait.
enum Step {
    Done,
    Wait(ClientMessage),
}

/// A running session.
struct Session<C, S> {
    client: Connection<C>,
    server: Connection<Slot<S>>,
    /// Where the server connection comes from when it is borrowed.
    loans: Option<Loans<S>>,
    shared: Arc<Shared>,
    news: News,
    alarm: Alarm,
    authority: Arc<dyn Authority>,
    ledger: Arc<dyn Ledger>,
    canceller: Arc<dyn Canceller>,
    /// Nothing new is sent while it is under way.
    cancelling: Option<Cancelling>,
    login: Login,
    service: bool,
    /// The end user a service account speaks for.
    acting: Option<Box<Acting>>,
    /// It changed for whom it speaks, and the server may owe answers from before.
    actor_changed: bool,
    /// The standing statements are planned under.
    standing: Arc<Standing>,
    /// The login itself was unrestricted at the start.
    unrestricted: bool,
    /// Statement and portal names are rowgate's.
    private_names: bool,
    processes: (u32, u32),
    application: Arc<str>,
    path: Arc<SearchPath>,
    path_state: PathState,
    /// It may have made temporary tables.
    temporary: bool,
    /// Settings changed in the current transaction and may change back when it ends.
    unsettled: bool,
    names: Names,
    expected: VecDeque<Entry>,
    /// Bytes that are left of a frame of the server whose header has been seen, and whether the client gets them.
    passing: usize,
    passing_relayed: bool,
    status: u8,
    /// Extended messages were sent since the last Sync.
    pipeline: bool,
    /// The server skips what comes before the next Sync.
    skipping: bool,
    /// A Flush of ours makes the server answer what it owes.
    nudged: bool,
    /// The server reads COPY input.
    copying_in: bool,
    stalled: Option<Box<ClientMessage>>,
    parked: Option<Box<Parked>>,
    hold: Option<Durable>,
    /// When something happened last, or a text was looked at since.
    now: Timestamp,
    statements: u64,
    last_decision: Option<NonZeroU64>,
    /// Its server had been left when that was looked at last.
    outdated: bool,
    leaving: bool,
    /// The answer leaves in the next turn, which comes when the others of this thread have had theirs.
    answer_waits: bool,
}

/// A session until it has ended. Small: thousands of sessions do nothing for hours.
pub struct Run<C, S>(Stage<C, S>);

enum Stage<C, S> {
    Works(Box<Session<C, S>>),
    Ends(Pin<Box<dyn Future<Output = Ended<S>> + Send>>),
    /// Nobody asks any more.
    Over,
}

impl<C, S> std::fmt::Debug for Run<C, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

/// Runs a session to its end.
pub fn run<C, S>(shared: Arc<Shared>, opening: Opening<C, S>) -> Run<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    Run(Stage::Works(Box::new(Session::new(shared, opening))))
}

impl<C, S> Future for Run<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = Ended<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<S>> {
        loop {
            self.0 = match std::mem::replace(&mut self.0, Stage::Over) {
                Stage::Works(mut session) => match session.poll(cx) {
                    Poll::Ready(fatal) => Stage::Ends(Box::pin(session.end(fatal))),
                    Poll::Pending => {
                        self.0 = Stage::Works(session);
                        return Poll::Pending;
                    }
                },
                Stage::Ends(mut end) => match end.as_mut().poll(cx) {
                    Poll::Ready(ended) => return Poll::Ready(ended),
                    Poll::Pending => {
                        self.0 = Stage::Ends(end);
                        return Poll::Pending;
                    }
                },
                Stage::Over => return Poll::Pending,
            };
        }
    }
}

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn new(shared: Arc<Shared>, opening: Opening<C, S>) -> Self {
        let unrestricted = opening.standing.unrestricted;
        let (own, loans) = match opening.server {
            Servers::Own(stream) => (Some(stream), None),
            Servers::Borrowed(source) => (None, Some(Loans::new(source))),
        };
        Self {
            client: opening.client,
            server: Connection::new(Slot(own)),
            loans,
            news: News::new(Arc::clone(&shared.board)),
            alarm: Alarm::default(),
            shared,
            authority: opening.authority,
            ledger: opening.ledger,
            canceller: opening.canceller,
            cancelling: None,
            login: opening.login,
            service: opening.service,
            acting: opening.acting.map(Acting::for_good).map(Box::new),
            actor_changed: false,
            standing: opening.standing,
            unrestricted,
            private_names: opening.service || !unrestricted,
            processes: opening.processes,
            application: opening.application,
            path: Arc::clone(&NO_PATH),
            temporary: false,
            path_state: PathState::Unknown,
            unsettled: false,
            names: Names::default(),
            expected: VecDeque::new(),
            passing: 0,
            passing_relayed: false,
            status: b'I',
            pipeline: false,
            skipping: false,
            nudged: false,
            copying_in: false,
            stalled: None,
            parked: None,
            hold: None,
            now: Timestamp::now(),
            statements: 0,
            last_decision: None,
            outdated: false,
            leaving: false,
            answer_waits: false,
        }
    }

    /// When the statement that runs has run for too long.
    fn deadline(&self) -> Option<Instant> {
        let running = self.running()?;
        let open = !running.ended && !running.timed_out;
        open.then(|| running.statement_since.checked_add(self.shared.statement_timeout)).flatten()
    }

    /// The statement that runs, or that what the server is at prepares.
    fn running(&self) -> Option<&expected::Running> {
        let owed = self.expected.iter();
        let mut owed = owed.take_while(|entry| !matches!(entry.request, Request::Sync));
        owed.find_map(|entry| entry.running.as_ref())
    }

    fn running_mut(&mut self) -> Option<&mut expected::Running> {
        let owed = self.expected.iter_mut();
        let mut owed = owed.take_while(|entry| !matches!(entry.request, Request::Sync));
        owed.find_map(|entry| entry.running.as_mut())
    }

    fn out_of_time(&mut self) {
        if let Some(running) = self.running_mut() {
            running.timed_out = true;
            self.cancel();
        }
    }

    /// Cancels what runs. What is under way for an earlier statement is waited for as well.
    fn cancel(&mut self) {
        let (earlier, request) = (self.cancelling.take(), self.canceller.cancel());
        self.cancelling = Some(match earlier {
            None => request,
            Some(earlier) => Box::pin(async move {
                earlier.await;
                request.await;
            }),
        });
    }

    /// Nothing runs, nothing is owed and no transaction is open.
    fn is_idle(&self) -> bool {
        self.status == b'I'
            && self.expected.is_empty()
            && !self.pipeline
            && self.parked.is_none()
            && self.stalled.is_none()
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is what the poll returned")]
    fn moved(&mut self, moved: Result<Moved, RelayError>) -> Result<(), Fatal> {
        match moved {
            Ok(Moved::Some) => Ok(()),
            Ok(Moved::ClientClosed) if self.client.inbound.is_empty() => {
                Err(Fatal::ClientGone("connection closed without a Terminate message"))
            }
            Ok(Moved::ClientClosed) => Err(Fatal::ClientGone("connection closed inside a message")),
            Err(RelayError::Client(_)) => Err(Fatal::ClientGone("connection lost")),
            Ok(Moved::ServerClosed) | Err(RelayError::Server(_)) => {
                // What the server said last may still be in the buffer.
                while self.step_server()? {}
                Err(Fatal::new(
                    SqlState::CONNECTION_FAILURE,
                    "the database server closed the connection",
                ))
            }
        }
    }

    /// Takes the next message of the client; false when there is nothing to do now.
    fn step_client(&mut self) -> Result<bool, Fatal> {
        let waits = self.parked.is_some() || self.cancelling.is_some();
        if self.leaving || waits || self.server.outbound.len() >= HIGH_WATER {
            return Ok(false);
        }
        let message = if let Some(message) = self.stalled.take() {
            *message
        } else {
            let most = self.shared.message_size;
            let limit = |tag| match tag {
                b'Q' | b'P' | b'B' | b'F' | b'd' | b'f' => most,
                _ => most.min(SHORT_MESSAGE),
            };
            match self.client.inbound.take_frame(limit)? {
                Some(frame) => ClientMessage::decode(frame)?,
                None => return Ok(false),
            }
        };
        match self.on_message(message)? {
            Step::Done => Ok(true),
            Step::Wait(message) => {
                self.stalled = Some(Box::new(message));
                Ok(false)
            }
        }
    }

    fn on_message(&mut self, message: ClientMessage) -> Result<Step, Fatal> {
        if self.copying_in {
            return self.on_copy_message(&message);
        }
        if !self.server_ready(&message) {
            return Ok(Step::Wait(message));
        }
        match message {
            ClientMessage::Query(text) => self.on_query(text),
            ClientMessage::Parse(parse) => self.on_parse(parse),
            ClientMessage::Bind(bind) => self.on_bind(bind),
            ClientMessage::Describe(target) => self.on_describe(target),
            ClientMessage::Execute(execute) => self.on_execute(execute),
            ClientMessage::Close(target) => self.on_close(target),
            // Nothing is owed and nothing is under way.
            ClientMessage::Flush if self.is_detached() => Ok(Step::Done),
            ClientMessage::Sync if self.is_detached() => {
                message::ready_for_query(self.client.outbound.buffer(), self.status);
                Ok(Step::Done)
            }
            ClientMessage::Flush => {
                message::bare(self.server.outbound.buffer(), b'H');
                Ok(Step::Done)
            }
            ClientMessage::Sync => {
                message::bare(self.server.outbound.buffer(), b'S');
                self.expected.push_back(Entry::new(Request::Sync));
                self.pipeline = false;
                self.skipping = false;
                Ok(Step::Done)
            }
            ClientMessage::FunctionCall(body) => self.on_function_call(&body),
            copy @ (ClientMessage::CopyData(_)
            | ClientMessage::CopyDone
            | ClientMessage::CopyFail(_)) => {
                self.send_copy(&copy);
                Ok(Step::Done)
            }
            ClientMessage::Password(_) => Err(DecodeError::UnknownType(b'p').into()),
            ClientMessage::Terminate => {
                self.leaving = true;
                Ok(Step::Done)
            }
        }
    }

    /// While the server reads COPY input it ignores Flush and Sync and takes nothing but data.
    fn on_copy_message(&mut self, message: &ClientMessage) -> Result<Step, Fatal> {
        match message {
            ClientMessage::CopyData(_) => self.send_copy(message),
            ClientMessage::CopyDone | ClientMessage::CopyFail(_) => {
                self.copying_in = false;
                self.send_copy(message);
            }
            ClientMessage::Flush | ClientMessage::Sync => {}
            ClientMessage::Terminate => return Err(Fatal::ClientGone("terminated inside COPY")),
            ClientMessage::Query(_)
            | ClientMessage::Parse(_)
            | ClientMessage::Bind(_)
            | ClientMessage::Describe(_)
            | ClientMessage::Execute(_)
            | ClientMessage::Close(_)
            | ClientMessage::FunctionCall(_)
            | ClientMessage::Password(_) => {
                return Err(Fatal::new(
                    SqlState::PROTOCOL_VIOLATION,
                    "unexpected message type during COPY from stdin",
                ));
            }
        }
        Ok(Step::Done)
    }

    fn send_copy(&mut self, message: &ClientMessage) {
        let outbound = &mut self.server.outbound;
        match message {
            ClientMessage::CopyData(bytes) => {
                outbound.frame(b'd', |body| body.extend_from_slice(bytes));
            }
            ClientMessage::CopyFail(reason) => {
                outbound.frame(b'f', |body| {
                    body.extend_from_slice(reason);
                    body.extend_from_slice(&[0]);
                });
                self.expected.push_back(Entry::internal(Request::CopyEnd));
            }
            _ => {
                message::bare(outbound.buffer(), b'c');
                self.expected.push_back(Entry::internal(Request::CopyEnd));
            }
        }
    }

    /// Judges the person again: at each statement, and whenever something changed.
    fn judge(&mut self) -> Result<(), Fatal> {
        let own = self.authority.standing(self.now).map_err(|refusal| Fatal::refusal(&refusal))?;
        if self.unrestricted && !own.unrestricted {
            return Err(Fatal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because the user's roles have changed",
            ));
        }
        self.standing = match &self.acting {
            None => own,
            Some(acting) => self
                .authority
                .acting(&acting.login, self.now)
                .map_err(|refusal| Fatal::refusal(&refusal))?,
        };
        Ok(())
    }

    /// Errors are redacted, names are private, and every statement is planned.
    fn restricted(&self) -> bool {
        !self.standing.unrestricted
    }

    /// Sends `bytes` to the server; when `durable` is given, only once it resolves.
    fn send(&mut self, entry: Entry, bytes: BytesMut, durable: Option<Durable>) {
        self.expected.push_back(entry);
        match durable {
            None => self.server.outbound.append(bytes),
            Some(durable) => self.parked = Some(Box::new(Parked { bytes, durable })),
        }
    }

    /// The record of the parked statement is safe, or will never be.
    fn unpark(&mut self, safe: Result<(), Refusal>) {
        let Some(parked) = self.parked.take() else { return };
        let Err(refusal) = safe else {
            self.server.outbound.append(parked.bytes);
            return;
        };
        let Some(entry) = self.expected.back_mut() else { return };
        if let Some(running) = entry.running.as_mut() {
            running.end(self.now, Some(refusal.sqlstate.0), true);
        }
        entry.changes.clear();
        entry.refusal = Some(Report::error(refusal.sqlstate.0, &refusal.message));
        if matches!(entry.request, Request::Query) {
            message::query(self.server.outbound.buffer(), REFUSED_TEXT);
        } else {
            entry.request = Request::Parse;
            message::parse(self.server.outbound.buffer(), "rowgate_refused", REFUSED_TEXT, &[]);
        }
    }

    /// Makes the server answer what it owes although the client has not asked it to.
    fn nudge(&mut self) {
        if self.pipeline && !self.nudged {
            message::bare(self.server.outbound.buffer(), b'H');
            self.nudged = true;
        }
    }

    async fn end(mut self: Box<Self>, fatal: Fatal) -> Ended<S> {
        let clean = self.expected.is_empty() && !self.pipeline && self.status == b'I';
        let (reason, reusable) = match &fatal {
            Fatal::Terminated => ("terminate".to_owned(), clean),
            Fatal::ClientGone(reason) => ((*reason).to_owned(), clean),
            Fatal::ServerSaid => ("the server closed the connection".to_owned(), false),
            Fatal::Tell(report) => {
                report.encode_error(self.client.outbound.buffer());
                (report.field(Report::MESSAGE).unwrap_or_default().to_owned(), clean)
            }
        };
        // A client that does not read its last message is not waited for, and one that has said
        // goodbye does not wait for ours.
        let says_goodbye = !matches!(fatal, Fatal::Terminated | Fatal::ClientGone(_));
        let farewell = async {
            self.client.flush().await?;
            if says_goodbye {
                self.client.shutdown().await?;
            }
            Ok::<(), std::io::Error>(())
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the client left first"),
            Err(_) => tracing::debug!("the client did not take its last message"),
        }
        self.return_loan(reusable);
        let (server, rest) = self.server.into_parts();
        let reusable = reusable && rest.is_empty();
        Ended { server: server.0.filter(|_| reusable), reason }
    }
}

/// Clients connect again after this one, and get the other server.
fn taken_over() -> Fatal {
    let message = "terminating connection because another database server has taken over";
    Fatal::new(SqlState::ADMIN_SHUTDOWN, message)
}

/// In PostgreSQL's words.
fn shutting_down() -> Fatal {
    Fatal::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

#[cfg(test)]
mod tests;
