//! One connection from accept to goodbye: start-up, authentication, a server connection, a session.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use jiff::Timestamp;
use metrics::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Gateway;
use super::busy::count_turn;
use super::lanes::Place;
use super::lend::{SessionServers, patiently};
use super::record::{SessionLedger, durable, role_texts, unwritable};
use super::standing::{Circumstances, DirectoryAccounts, LoginAuthority};
use crate::audit::{Event, Who};
use crate::auth::{Method, Outcome};
use crate::backend::cancel;
use crate::backend::memory::SettingValues;
use crate::backend::pool::{PoolKey, PooledServer, Queue, Stay, TransactionStatus};
use crate::config::PoolMode;
use crate::error::{Refusal, SqlState};
use crate::ids::Login;
use crate::protocol::message;
use crate::protocol::startup::{Arrival, CancelRequest, Startup, receive as arrive, send_fatal};
use crate::protocol::stream::ClientStream;
use crate::session::authority::{Authority, Standing};
use crate::session::loan::Source;
use crate::session::{self, Ended, Opening, Servers};

/// A client that is in: its session, and what is left to do when that has ended. Small, because
/// thousands of them do nothing for hours; what comes before has a box that is free again by then.
pub(super) struct Visit {
    session: session::Run<ClientStream, Lent>,
    servers: Arc<SessionServers>,
    who: Arc<Who>,
    _counted: Counted,
}

/// An accepted connection on its way to its lane.
pub(super) enum Accepted {
    /// It is there.
    Here(TcpStream),
    /// It has left the runtime it was accepted on.
    Elsewhere(std::net::TcpStream),
}

impl Accepted {
    pub(super) fn for_lane(socket: TcpStream, lane: &Place) -> io::Result<Self> {
        if lane.first { Ok(Self::Here(socket)) } else { socket.into_std().map(Self::Elsewhere) }
    }

    /// On its lane.
    fn arrive(self) -> io::Result<TcpStream> {
        match self {
            Self::Here(socket) => Ok(socket),
            Self::Elsewhere(socket) => TcpStream::from_std(socket),
        }
    }
}

/// From accept to a session; `None` when there is none.
pub(super) async fn receive(
    gateway: Arc<Gateway>,
    accepted: Accepted,
    peer: SocketAddr,
    number: u64,
) -> Option<Visit> {
    let socket = match accepted.arrive() {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken over");
            return None;
        }
    };
    let (mut startup, visitor) = enter(&gateway, socket, peer, number).await?;
    let (who, counted) = (Arc::clone(&visitor.who), Counted::new());
    match lend(&gateway, &startup, number).await {
        Ok(lent) => open(&gateway, (startup, visitor), lent, counted),
        Err(refusal) => {
            refuse(&mut startup, &refusal).await;
            record_logout(&gateway, who, refusal.message);
            None
        }
    }
}

/// From accept to authentication; `None` when there is no session.
async fn enter(
    gateway: &Arc<Gateway>,
    socket: TcpStream,
    peer: SocketAddr,
    number: u64,
) -> Option<(Startup, Visitor)> {
    let deadline = Instant::now() + gateway.state.settings().listen.auth_timeout;
    let mut startup = match arrive(socket, peer, &gateway.tls, deadline).await {
        Arrival::Session(startup) => *startup,
        Arrival::Cancel(request) => {
            cancel(gateway, request).await;
            return None;
        }
        Arrival::Refused(refusal) => {
            tracing::info!(%peer, %refusal, "a client was refused");
            return None;
        }
        Arrival::Dropped(reason) => {
            tracing::debug!(%peer, reason, "a connection was dropped");
            return None;
        }
    };
    match log_in(gateway, &mut startup, number, deadline).await {
        Ok(Some(visitor)) => Some((startup, visitor)),
        Ok(None) => None,
        Err(refusal) => {
            refuse(&mut startup, &refusal).await;
            None
        }
    }
}

/// Tells a client that there is no place for it.
pub(super) async fn turn_away(gateway: &Arc<Gateway>, socket: TcpStream, peer: SocketAddr) {
    let deadline = Instant::now() + gateway.state.settings().listen.auth_timeout;
    match arrive(socket, peer, &gateway.tls, deadline).await {
        // Cancelling is what helps when all places are taken.
        Arrival::Cancel(request) => cancel(gateway, request).await,
        Arrival::Session(mut startup) => {
            let refusal =
                Refusal::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already", "");
            refuse(&mut startup, &refusal).await;
        }
        Arrival::Refused(_) | Arrival::Dropped(_) => {}
    }
}

async fn refuse(startup: &mut Startup, refusal: &Refusal) {
    if let Err(error) = send_fatal(&mut startup.client, refusal).await {
        tracing::debug!(%error, "a refused client went away");
    }
}

async fn cancel(gateway: &Gateway, mut request: CancelRequest) {
    if let Some(running) = gateway.registry.find(&request.key)
        && let Err(error) = cancel::send(running.key(), &gateway.server_tls).await
    {
        tracing::warn!(%error, "a cancel request could not be delivered");
    }
    // Not before: the client may send its next statement once it sees the end of this connection. It
    // takes one without a goodbye for an error under TLS.
    if let Err(error) = request.client.shutdown().await {
        tracing::debug!(%error, "a client did not wait for its cancel request");
    }
}

/// A client that has proven who it is and is on record.
struct Visitor {
    login: Login,
    service: bool,
    acting: Option<Login>,
    authority: Arc<LoginAuthority>,
    standing: Arc<Standing>,
    who: Arc<Who>,
    application: Arc<str>,
}

/// Authenticates; `None` when the client has been told or has gone.
async fn log_in(
    gateway: &Gateway,
    startup: &mut Startup,
    number: u64,
    deadline: Instant,
) -> Result<Option<Visitor>, Refusal> {
    let application = startup.settings.value("application_name").map(str::to_owned);
    let shown: Arc<str> = Arc::from(application.as_deref().unwrap_or_default());
    let mut who = Who {
        login: startup.user.as_str().into(),
        client: startup.peer.to_string().into(),
        application: Arc::clone(&shown).into(),
        database: startup.database.as_str().into(),
        session: number,
        ..Who::default()
    };
    let accounts = DirectoryAccounts(gateway.state.current());
    let now = Timestamp::now();
    let outcome = gateway.authenticator.authenticate(startup, &accounts, now, deadline).await;
    let (login, method) = match outcome {
        Ok(Outcome::Accepted { login, method }) => (login, method),
        Ok(Outcome::Refused { cause, .. }) => {
            record_failure(gateway, who, cause.as_str());
            return Ok(None);
        }
        Ok(Outcome::Left) => return Ok(None),
        Err(error) => {
            tracing::debug!(%error, "a client left while it was authenticated");
            return Ok(None);
        }
    };
    let authority = gateway.authorities.of(Circumstances {
        login,
        peer: startup.peer.ip().to_canonical(),
        tls: startup.tls.is_some(),
        application,
    });
    let login = authority.login().clone();
    who.login = Arc::clone(&login.0).into();
    let service = gateway.state.current().directory.service(login.as_str()).is_some();
    let acting = startup.settings.act_as.as_deref().map(Login::from);
    let standing = match &acting {
        None => authority.standing(Timestamp::now()),
        Some(user) => authority.acting(user, Timestamp::now()),
    };
    let standing = match standing {
        Ok(standing) => standing,
        Err(refusal) => {
            record_failure(gateway, who, &refusal.message);
            return Err(refusal);
        }
    };
    who.acting = acting.as_ref().map(|login| Arc::clone(&login.0).into());
    who.roles = role_texts(&standing.roles);
    let method = match method {
        Method::ScramSha256 => "scram-sha-256",
        Method::Certificate => "cert",
        Method::Trust => "trust",
    };
    let who = Arc::new(who);
    let event = Event::Login { at: Timestamp::now(), who: Arc::clone(&who), method: method.into() };
    let recorded = gateway.audit.event(event).map_err(|error| unwritable(&error))?;
    durable(&gateway.audit, Arc::new(recorded)).await?;
    metrics::counter!("rowgate_logins_total", "outcome" => "accepted").increment(1);
    Ok(Some(Visitor { login, service, acting, authority, standing, who, application: shown }))
}

fn record_failure(gateway: &Gateway, who: Who, reason: &str) {
    let event =
        Event::LoginFailed { at: Timestamp::now(), who: Arc::new(who), reason: reason.into() };
    metrics::counter!("rowgate_logins_total", "outcome" => "refused").increment(1);
    if let Err(error) = gateway.audit.event(event) {
        tracing::error!(%error, "a failed login could not be recorded");
    }
}

fn record_logout(gateway: &Gateway, who: Arc<Who>, reason: String) {
    let event = Event::Logout { at: Timestamp::now(), who, reason: reason.into() };
    if let Err(error) = gateway.audit.event(event) {
        tracing::error!(%error, "the end of a session could not be recorded");
    }
}

static SESSIONS: LazyLock<Gauge> = LazyLock::new(|| metrics::gauge!("rowgate_sessions"));

/// One more session in the figures, until it is dropped.
struct Counted;

impl Counted {
    fn new() -> Self {
        SESSIONS.increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        SESSIONS.decrement(1.0);
    }
}

/// A server connection, where more come from, and the client's settings.
type Lease = (PooledServer, Queue, SettingValues);

/// A server connection with the client's settings.
async fn lend(gateway: &Gateway, startup: &Startup, session: u64) -> Result<Lease, Refusal> {
    let settings = gateway.state.settings();
    let database = settings.backend_database(&startup.database).ok_or_else(|| {
        Refusal::new(
            SqlState::INVALID_CATALOG_NAME,
            format!("database \"{}\" does not exist", startup.database),
            "",
        )
    })?;
    // Names without connections of their own share those of the database.
    let own = settings.databases.get(&startup.database).is_some_and(|named| named.pool.is_some());
    let name = if own { startup.database.as_str() } else { database };
    let key = PoolKey {
        database: database.to_owned(),
        user: settings.backend.user.clone(),
        name: name.to_owned(),
    };
    let queue = gateway.pool.queue(&key);
    let mut wanted = startup.settings.settings.clone();
    if !wanted.iter().any(|(name, _)| name == "statement_timeout") {
        let limit = settings.limits.statement_timeout.as_millis();
        wanted.push(("statement_timeout".to_owned(), limit.to_string()));
    }
    let wanted = SettingValues::from(wanted);
    let server = patiently(&queue, &wanted, session, Stay::Usual).await?;
    // Sessions with the same settings share them with the connections that have them.
    let wanted = server.connection().map_or(wanted, |found| Arc::clone(&found.memory.settings));
    Ok((server, queue, wanted))
}

fn open(
    gateway: &Arc<Gateway>,
    (startup, visitor): (Startup, Visitor),
    (server, queue, wanted): Lease,
    counted: Counted,
) -> Option<Visit> {
    let lent = server.connection()?;
    let (session, who) = (visitor.who.session, visitor.who);
    let pool_mode = gateway.state.settings().pool(&startup.database).mode;
    let registration = gateway.registry.register(startup.minor);
    let mut client = startup.client;
    let outbound = client.outbound.buffer();
    for (name, value) in &lent.parameters {
        let value = match name.as_str() {
            "session_authorization" => visitor.login.as_str(),
            "is_superuser" if !visitor.standing.unrestricted => "off",
            _ => value,
        };
        message::parameter_status(outbound, name, value);
    }
    message::backend_key_data(outbound, registration.id(), registration.secret());
    message::ready_for_query(outbound, b'I');
    let processes = (u32::try_from(lent.key.process_id).unwrap_or(0), registration.id());
    if pool_mode == PoolMode::Session {
        registration.set_running(Arc::clone(&lent.key));
    }
    let servers = SessionServers { gateway: Arc::clone(gateway), queue, registration, session };
    let servers = Arc::new(servers);
    let source = match pool_mode {
        PoolMode::Session => Servers::Own(Lent(server)),
        PoolMode::Transaction => {
            // It was needed to find out what the server says at the start.
            server.keep();
            let lender = Arc::<SessionServers>::clone(&servers);
            Servers::Borrowed(Source { lender, settings: wanted, session })
        }
    };
    let opening = Opening {
        client,
        server: source,
        login: visitor.login,
        service: visitor.service,
        acting: visitor.acting,
        authority: visitor.authority,
        standing: visitor.standing,
        ledger: Arc::new(SessionLedger {
            audit: gateway.audit.clone(),
            who: Mutex::new(Arc::clone(&who)),
        }),
        canceller: Arc::<SessionServers>::clone(&servers),
        processes,
        application: visitor.application,
    };
    let session = session::run(Arc::clone(&gateway.shared), opening);
    Some(Visit { session, servers, who, _counted: counted })
}

impl Visit {
    /// The session itself, to its end. Each time that it has something to do is a turn.
    pub(super) async fn stay(&mut self) {
        let ended = poll_fn(|cx| {
            count_turn();
            Pin::new(&mut self.session).poll(cx)
        })
        .await;
        Box::pin(self.leave(ended)).await;
    }

    async fn leave(&mut self, Ended { server, reason }: Ended<Lent>) {
        // A late cancel request must not hit whoever gets the connection next.
        let undisturbed = self.servers.registration.stop_running();
        if let Some(Lent(server)) = server {
            server.release(undisturbed.then_some(TransactionStatus::Idle)).await;
        }
        record_logout(&self.servers.gateway, Arc::clone(&self.who), reason);
    }
}

/// A server connection that belongs to a pool, as a stream.
#[derive(Debug)]
pub(super) struct Lent(pub(super) PooledServer);

impl Lent {
    fn stream(&mut self) -> io::Result<Pin<&mut crate::protocol::stream::ServerStream>> {
        self.0.stream().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut().stream() {
            Ok(stream) => stream.poll_read(cx, buffer),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut().stream() {
            Ok(stream) => stream.poll_write(cx, bytes),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().stream() {
            Ok(stream) => stream.poll_flush(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().stream() {
            Ok(stream) => stream.poll_shutdown(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
