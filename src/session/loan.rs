//! Transaction pooling: a server connection is borrowed when a message needs one, and goes back as
//! soon as the transaction is over. What the client relies on beyond that follows it: its settings
//! are set on whatever connection it gets, its prepared statements are prepared there when they are
//! used. What cannot follow (temporary tables, cursors WITH HOLD, SQL PREPARE, LISTEN, advisory
//! locks) pins the connection: the session keeps it until that is gone.
//!
//! Whether something of that kind is left is not guessed from the text but asked of the server,
//! after transactions with statements that could leave something. A connection that is kept until
//! the session ends is reset as in session pooling.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::expected::{Entry, Request};
use super::names::{Origin, Prepared, Undo};
use super::path::array_elements;
use super::{Fatal, Session};
use crate::backend::memory::{Memory, SettingValues};
use crate::backend::pool::Stay;
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::protocol::message::{self, ClientMessage, Target};
use crate::resolve::SessionState;
use crate::rewrite::{Effect, Plan};

/// What stays behind on the connection, and the settings that were changed, in the order in which
/// all sessions list them. The state of a transaction is none of them.
const LEFT: &str = "SELECT \
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statement() AS p WHERE p.from_sql) \
    + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_cursor() AS h WHERE h.is_holdable) \
    + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_listening_channels()) \
    + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks AS l \
       WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' \
         AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()) \
    + CASE pg_catalog.pg_my_temp_schema() WHEN 0 THEN 0 ELSE \
      (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class AS c \
       WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) \
      + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc AS f \
         WHERE f.pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) END, \
    (SELECT pg_catalog.array_agg(s.name OPERATOR(pg_catalog.||) '=' \
        OPERATOR(pg_catalog.||) s.setting ORDER BY s.name) \
     FROM pg_catalog.pg_settings AS s WHERE s.source OPERATOR(pg_catalog.=) 'session' \
       AND s.name NOT IN ('transaction_isolation', 'transaction_read_only', \
                          'transaction_deferrable'))";

/// The statement and portal of the question; a restricted client cannot say the name.
const NAME: &str = "rowgate_left";

/// Settings that say nothing about how a text is read: statements are shared across them.
const UNREAD: [&str; 2] = ["application_name", "statement_timeout"];

/// Makes the names of shared statements impossible to guess or to collide on purpose.
static KEY: LazyLock<[u8; 32]> = LazyLock::new(rand::random);

/// Lends server connections.
pub trait Lender<S>: Send + Sync + fmt::Debug {
    /// One with these settings, when one is free.
    fn at_hand(&self, settings: &SettingValues, stay: Stay) -> Option<Loan<S>>;
    /// One with these settings, as soon as there is one. An error ends the session.
    fn lend(self: Arc<Self>, settings: &SettingValues, stay: Stay) -> Lending<S>;
    /// Takes one back that is outside a transaction and has nothing on it that its memory does not
    /// tell.
    fn take_back(&self, stream: S, memory: Memory);
    /// Whether all are in use: whoever needs one has to wait.
    fn are_all_lent(&self) -> bool;
}

/// A connection that is still to be found.
pub type Lending<S> = Pin<Box<dyn Future<Output = Result<Loan<S>, Refusal>> + Send>>;

/// A borrowed connection.
#[derive(Debug)]
pub struct Loan<S> {
    /// The stream.
    pub stream: S,
    /// What is on it.
    pub memory: Memory,
    /// The server's process.
    pub process: u32,
}

/// Where a session that borrows gets its connections, and with what settings it begins.
#[derive(Debug)]
pub struct Source<S> {
    /// Lends them.
    pub lender: Arc<dyn Lender<S>>,
    /// What the client asked for when it connected.
    pub settings: SettingValues,
    /// The session's number.
    pub session: u64,
}

/// A server connection, or the place where one will be. Nothing happens on an empty one.
#[derive(Debug)]
pub(super) struct Slot<S>(pub(super) Option<S>);

impl<S: AsyncRead + Unpin> AsyncRead for Slot<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match &mut self.get_mut().0 {
            Some(stream) => Pin::new(stream).poll_read(cx, buffer),
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slot<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match &mut self.get_mut().0 {
            Some(stream) => Pin::new(stream).poll_write(cx, bytes),
            None => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.get_mut().0 {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.get_mut().0 {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// What a borrowing session knows of its connection.
pub(super) struct Loans<S> {
    source: Source<S>,
    lending: Option<Lending<S>>,
    /// What is known of the connection that is here; most of the time there is none.
    here: Option<Box<Here>>,
    /// The client's unnamed statement is the one on this connection.
    unnamed: bool,
    /// Something may be left that has not been asked for yet.
    doubt: bool,
    /// The server has been asked.
    asked: bool,
    /// Something is left that cannot follow the client.
    pinned: bool,
    /// The connection stays until the session ends: what runs on it is not understood.
    kept: bool,
}

/// The connection that is here.
#[derive(Default)]
struct Here {
    /// What is on it.
    memory: Memory,
    /// Shared statements that were prepared while something was in doubt, perhaps under other settings
    /// than their names say: nobody else may find them.
    tainted: Vec<String>,
}

impl<S> Loans<S> {
    pub(super) fn new(source: Source<S>) -> Self {
        Self {
            source,
            lending: None,
            here: None,
            unnamed: false,
            doubt: false,
            asked: false,
            pinned: false,
            kept: false,
        }
    }

    fn here(&mut self) -> &mut Here {
        self.here.get_or_insert_default()
    }

    pub(super) fn memory(&mut self) -> &mut Memory {
        &mut self.here().memory
    }

    fn is_tainted(&self) -> bool {
        self.here.as_ref().is_some_and(|here| !here.tainted.is_empty())
    }

    /// Whether others wait for a connection, or would have to.
    pub(super) fn is_awaited(&self) -> bool {
        self.source.lender.are_all_lent()
    }

    /// The settings of the session, as far as they are known.
    pub(super) fn settings(&self) -> &SettingValues {
        &self.source.settings
    }
}

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// The connection that is coming.
    pub(super) fn poll_lending(&mut self, cx: &mut Context<'_>) -> Poll<Result<Loan<S>, Refusal>> {
        match self.loans.as_mut().and_then(|loans| loans.lending.as_mut()) {
            Some(lending) => lending.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// A connection has been found.
    pub(super) fn attach(&mut self, loan: Loan<S>) {
        let Some(loans) = self.loans.as_mut() else { return };
        loans.lending = None;
        loans.here = Some(Box::new(Here { memory: loan.memory, tainted: Vec::new() }));
        loans.unnamed = false;
        self.server.stream_mut().0 = Some(loan.stream);
        self.processes.0 = loan.process;
    }

    /// Whether a message can be looked at: one that needs the server needs a connection.
    pub(super) fn server_ready(&mut self, message: &ClientMessage) -> bool {
        let here = self.server.stream().0.is_some();
        let Some(loans) = self.loans.as_mut() else { return true };
        // Whoever is unrestricted runs what nobody looks at.
        loans.kept |= self.standing.unrestricted;
        if here || matches!(message, ClientMessage::Terminate | ClientMessage::Password(_)) {
            return true;
        }
        if matches!(message, ClientMessage::Sync | ClientMessage::Flush) {
            return true;
        }
        if loans.lending.is_some() {
            return false;
        }
        let Source { lender, settings, .. } = &loans.source;
        let stay = if loans.kept { Stay::Kept } else { Stay::Usual };
        if let Some(loan) = lender.at_hand(settings, stay) {
            self.attach(loan);
            true
        } else {
            loans.lending = Some(Arc::clone(lender).lend(settings, stay));
            false
        }
    }

    /// A Sync or Flush that concerns nothing: there is no connection, so nothing is owed.
    pub(super) fn is_detached(&self) -> bool {
        self.server.stream().0.is_none()
    }

    /// Gives the connection back when the transaction is over, or asks what is left on it.
    pub(super) fn settle_loan(&mut self) {
        let over = self.status == b'I'
            && self.expected.is_empty()
            && !self.pipeline
            && !self.copying_in
            && self.stalled.is_none()
            && self.parked.is_none()
            && self.hold.is_none()
            && self.cancelling.is_none()
            && self.passing == 0
            && self.server.inbound.is_empty()
            && !self.server.has_unsent();
        let Some(loans) = self.loans.as_mut().filter(|_| over) else { return };
        if loans.kept || self.server.stream().0.is_none() {
            return;
        }
        if loans.asked {
            // There was no answer.
            loans.asked = false;
            loans.pinned = true;
        }
        if loans.doubt || loans.is_tainted() {
            self.ask_what_is_left();
        } else if !loans.pinned {
            self.take_back();
        }
    }

    fn take_back(&mut self) {
        let Some(stream) = self.server.stream_mut().0.take() else { return };
        if let Some(loans) = self.loans.as_mut() {
            let memory = loans.here.take().map(|here| here.memory).unwrap_or_default();
            loans.source.lender.take_back(stream, memory);
        }
    }

    /// At the end of the session: whether the connection went back as it is.
    pub(super) fn return_loan(&mut self, clean: bool) {
        if let Some(loans) = &self.loans
            && clean
            && !(loans.kept || loans.pinned || loans.doubt || loans.asked)
            && !loans.is_tainted()
            && self.server.inbound.is_empty()
            && !self.server.has_unsent()
        {
            self.take_back();
        }
    }

    /// Notes what statements that were sent may leave on the connection.
    pub(super) fn note_left(&mut self, plan: &Plan) {
        let Some(loans) = self.loans.as_mut() else { return };
        loans.kept |= self.standing.unrestricted;
        let session = loans.source.session;
        let mut leaves = plan.session_state == SessionState::Anything;
        for statement in &plan.statements {
            if statement.effect != Effect::Reads || plan.session_state != SessionState::Nothing {
                // An INSERT may have taken values of a sequence, which lastval() tells.
                loans.memory().sequences = Some(session);
            }
            leaves |= !LEAVES_NOTHING.contains(&statement.kind);
            // What pins the connection may be gone now.
            leaves |= loans.pinned && matches!(statement.kind, "DEALLOCATE" | "CLOSE CURSOR");
        }
        loans.doubt |= leaves;
    }

    /// A simple query ends the unnamed statement of the connection.
    pub(super) fn note_query(&mut self) {
        if let Some(loans) = self.loans.as_mut() {
            loans.unnamed = false;
        }
    }

    /// That statement is not on the connection any more.
    pub(super) fn note_forgotten(&mut self, server_name: &str) {
        if let Some(loans) = self.loans.as_mut() {
            loans.memory().statements.remove(server_name);
        }
    }

    /// All prepared statements of the connection are gone.
    pub(super) fn note_deallocated(&mut self) {
        if let Some(loans) = self.loans.as_mut() {
            loans.memory().statements.clear();
            loans.unnamed = false;
        }
    }

    fn ask_what_is_left(&mut self) {
        let mut bytes = BytesMut::new();
        if let Some(loans) = self.loans.as_mut() {
            for name in std::mem::take(&mut loans.here().tainted) {
                loans.memory().statements.remove(&name);
                message::close(&mut bytes, &Target::Statement(name));
                self.expected.push_back(Entry::internal(Request::Close));
            }
            loans.unnamed = false;
        }
        let nothing: [Option<Bytes>; 0] = [];
        message::parse(&mut bytes, NAME, LEFT.as_bytes(), &[]);
        message::bind(&mut bytes, NAME, NAME, &[], &nothing, &[]);
        message::execute(&mut bytes, NAME, 0);
        message::close(&mut bytes, &Target::Portal(NAME.to_owned()));
        message::close(&mut bytes, &Target::Statement(NAME.to_owned()));
        message::bare(&mut bytes, b'S');
        let requests = [
            Request::Parse,
            Request::bind(),
            Request::Left,
            Request::Close,
            Request::Close,
            Request::Sync,
        ];
        self.expected.extend(requests.into_iter().map(Entry::internal));
        self.server.outbound.append(bytes);
        if let Some(loans) = self.loans.as_mut() {
            loans.doubt = false;
            loans.asked = true;
        }
    }

    /// The server's answer: how many things are left, and the settings.
    pub(super) fn left_answered(&mut self, row: Bytes) -> Result<(), Fatal> {
        let unreadable =
            || Fatal::new(SqlState::INTERNAL_ERROR, "the state of the session could not be read");
        let values = message::decode_data_row(row).map_err(|_| unreadable())?;
        let [Some(count), settings] = values.as_slice() else { return Err(unreadable()) };
        let settings = match settings {
            None => Vec::new(),
            Some(text) => {
                let text = std::str::from_utf8(text).map_err(|_| unreadable())?;
                array_elements(text).ok_or_else(unreadable)?
            }
        };
        let Some(loans) = self.loans.as_mut() else { return Err(unreadable()) };
        let mut values: Vec<(String, String)> = settings
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        // Settings of extensions are not listed. A restricted client changes none of them.
        values.extend(loans.source.settings.iter().filter(|(name, _)| name.contains('.')).cloned());
        let values: SettingValues = values.into();
        if loans.source.settings != values {
            loans.source.settings = values;
        }
        let settings = Arc::clone(&loans.source.settings);
        loans.memory().settings = settings;
        loans.pinned = &**count != b"0";
        loans.asked = false;
        Ok(())
    }

    // Prepared statements.

    /// Whether the server has said what is left, where it was asked: it does so before it runs anything
    /// else, and then statements can be shared again.
    pub(super) fn left_heard(&self) -> bool {
        self.expected.is_empty() || !self.loans.as_ref().is_some_and(|loans| loans.asked)
    }

    /// Whether a statement that is prepared now can be shared: nothing is in doubt about the settings
    /// under which it would be read.
    pub(super) fn knows_settings(&self) -> bool {
        self.loans.as_ref().is_some_and(|loans| !loans.doubt && !loans.asked)
    }

    /// What a named statement is called on every connection that it is prepared on: the same text
    /// under the same circumstances has the same name, whoever prepares it.
    pub(super) fn shared_name(&self, text: &str, declared: &[TypeId]) -> Option<String> {
        let loans = self.loans.as_ref().filter(|_| self.private_names)?;
        if loans.doubt || loans.asked {
            // Settings are being changed: nobody else's statement is read like this one.
            return Some(format!("rowgate_u{:032x}", rand::random::<u128>()));
        }
        let mut hash = blake3::Hasher::new_keyed(&KEY);
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(text.as_bytes());
        part(&self.standing.catalog.version.0.to_le_bytes());
        for declared in declared {
            part(&declared.0.to_le_bytes());
        }
        part(b"path");
        for schema in &self.path.0 {
            part(schema.as_bytes());
        }
        part(b"settings");
        for (name, value) in loans.settings().iter() {
            if !UNREAD.contains(&name.as_str()) {
                part(name.as_bytes());
                part(value.as_bytes());
            }
        }
        let name = hash.finalize().to_hex();
        Some(format!("rowgate_s{}", name.get(..32).unwrap_or_default()))
    }

    /// Whether a statement is prepared on this connection already. One without borrowing always is.
    pub(super) fn is_here(&mut self, server_name: &str) -> bool {
        match self.loans.as_mut() {
            None => true,
            Some(loans) if server_name.is_empty() => loans.unnamed,
            Some(loans) => loans.memory().statements.find(server_name),
        }
    }

    /// Prepares a statement of the protocol on this connection, if it is not there. Returns whether
    /// something was sent.
    pub(super) fn bring_here(&mut self, prepared: &Prepared) -> bool {
        if prepared.origin == Origin::Sql
            || !self.private_names
            || self.loans.is_none()
            || self.is_here(&prepared.server_name)
        {
            return false;
        }
        self.send_parse(prepared, false);
        true
    }

    /// Notes that a Parse with that name was sent; with what to take back when the server skips it.
    pub(super) fn note_prepared(&mut self, server_name: &str) {
        // Names that are the client's own belong to a connection that is kept for it.
        let Some(loans) = self.loans.as_mut().filter(|_| self.private_names) else { return };
        let mut undo = vec![Undo::Here(server_name.to_owned())];
        // The unnamed one is nobody else's.
        if (loans.doubt || loans.asked) && !server_name.is_empty() {
            loans.here().tainted.push(server_name.to_owned());
        }
        if server_name.is_empty() {
            loans.unnamed = true;
        } else if let Some(oldest) = loans.memory().statements.insert(server_name) {
            let mut bytes = BytesMut::new();
            message::close(&mut bytes, &Target::Statement(oldest.to_string()));
            self.server.outbound.append(bytes);
            self.expected.push_back(Entry::internal(Request::Close));
            undo.push(Undo::Gone(oldest.to_string()));
        }
        if let Some(entry) = self.expected.back_mut() {
            entry.undo.append(&mut undo);
        }
    }

    /// The server skipped a Parse or a Close of a shared statement.
    pub(super) fn undo_here(&mut self, undo: &Undo) {
        let Some(loans) = self.loans.as_mut() else { return };
        match undo {
            Undo::Here(name) if name.is_empty() => loans.unnamed = false,
            Undo::Here(name) => loans.memory().statements.remove(name),
            Undo::Gone(name) => drop(loans.memory().statements.insert(name)),
            Undo::Statement(..) | Undo::Portal(..) => {}
        }
    }
}

/// Statements of a restricted session after which there is nothing to ask: what they change belongs
/// to the transaction or to tables. All others may change the session.
const LEAVES_NOTHING: [&str; 21] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "COPY",
    "EXPLAIN",
    "EXECUTE",
    "FETCH",
    "CLOSE CURSOR",
    "DEALLOCATE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "ROLLBACK TO",
    "SET CONSTRAINTS",
    "SHOW",
    "UNLISTEN",
    "DISCARD",
];
