//! One connection from accept to goodbye: start-up, authentication, a server connection, a session.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Gateway;
use super::lend::{PoolLender, patiently};
use super::record::{SessionLedger, durable, unwritable};
use super::standing::{DirectoryAccounts, SessionAuthority};
use crate::audit::{Event, Who};
use crate::auth::{Method, Outcome};
use crate::backend::cancel;
use crate::backend::hosts::Presence;
use crate::backend::memory::SettingValues;
use crate::backend::pool::{Pool, PoolKey, PooledServer, Queue, Stay, TransactionStatus};
use crate::config::PoolMode;
use crate::error::{Refusal, SqlState};
use crate::ids::Login;
use crate::protocol::cancel::Registration;
use crate::protocol::frame::Connection;
use crate::protocol::message;
use crate::protocol::startup::{Arrival, CancelKey, Startup, receive as arrive, send_fatal};
use crate::protocol::tls::TlsClient;
use crate::session::authority::{Authority, Standing};
use crate::session::loan::Source;
use crate::session::{self, Canceller, Cancelling, Ended, Opening, Servers, Shared};

/// A message of this size is never refused by the settings' own limit on 32-bit machines.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Serves one connection. Each part has a box of its own: what the start takes is free again while
/// the session waits for its client.
pub(super) async fn receive(
    gateway: &Arc<Gateway>,
    socket: TcpStream,
    peer: SocketAddr,
    number: u64,
) {
    if let Some(entered) = Box::pin(enter(gateway, socket, peer, number)).await {
        stay(gateway, entered).await;
    }
}

/// From accept to authentication; `None` when there is no session.
async fn enter(
    gateway: &Arc<Gateway>,
    socket: TcpStream,
    peer: SocketAddr,
    number: u64,
) -> Option<Box<(Startup, Visitor)>> {
    let deadline = Instant::now() + gateway.state.settings().listen.auth_timeout;
    let mut startup = match arrive(socket, peer, &gateway.tls, deadline).await {
        Arrival::Session(startup) => *startup,
        Arrival::Cancel(key) => {
            cancel_for(gateway, &key).await;
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
        Ok(Some(visitor)) => Some(Box::new((startup, visitor))),
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
        Arrival::Cancel(key) => cancel_for(gateway, &key).await,
        Arrival::Session(mut startup) => {
            let refusal =
                Refusal::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already", "");
            refuse(&mut startup, &refusal).await;
        }
        Arrival::Refused(_) | Arrival::Dropped(_) => {}
    }
}

async fn refuse(startup: &mut Startup, refusal: &Refusal) {
    if let Err(error) = send_fatal(&mut startup.stream, refusal).await {
        tracing::debug!(%error, "a refused client went away");
    }
}

async fn cancel_for(gateway: &Gateway, key: &CancelKey) {
    if let Some(running) = gateway.registry.find(key)
        && let Err(error) = cancel::send(running.key(), &gateway.server_tls).await
    {
        tracing::warn!(%error, "a cancel request could not be delivered");
    }
}

/// A client that has proven who it is and is on record.
struct Visitor {
    login: Login,
    service: bool,
    acting: Option<Login>,
    authority: Arc<SessionAuthority>,
    standing: Arc<Standing>,
    who: Who,
}

/// Authenticates; `None` when the client has been told or has gone.
async fn log_in(
    gateway: &Gateway,
    startup: &mut Startup,
    number: u64,
    deadline: Instant,
) -> Result<Option<Visitor>, Refusal> {
    let application = startup.settings.value("application_name").map(str::to_owned);
    let mut who = Who {
        login: startup.user.as_str().into(),
        client: startup.peer.to_string().into(),
        application: application.as_deref().unwrap_or_default().into(),
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
    let authority = Arc::new(SessionAuthority {
        state: Arc::clone(&gateway.state),
        changes: gateway.changes.clone(),
        peer: startup.peer.ip().to_canonical(),
        tls: startup.tls.is_some(),
        application,
        own: Mutex::new(None),
        acting: Mutex::new(None),
    });
    let service = gateway.state.current().directory.service(login.as_str()).is_some();
    let acting = startup.settings.act_as.as_deref().map(Login::from);
    let standing = match &acting {
        None => authority.standing(&login),
        Some(user) => authority.acting(&login, user),
    };
    let standing = match standing {
        Ok(standing) => standing,
        Err(refusal) => {
            record_failure(gateway, who, &refusal.message);
            return Err(refusal);
        }
    };
    who.acting = acting.as_ref().map(|login| Arc::clone(&login.0).into());
    who.roles = standing.roles.0.iter().map(|role| Arc::clone(&role.0).into()).collect();
    let method = match method {
        Method::ScramSha256 => "scram-sha-256",
        Method::Certificate => "cert",
        Method::Trust => "trust",
    };
    let event =
        Event::Login { at: Timestamp::now(), who: Arc::new(who.clone()), method: method.into() };
    let recorded = gateway.audit.event(event).map_err(|error| unwritable(&error))?;
    durable(&gateway.audit, Arc::new(recorded)).await?;
    metrics::counter!("rowgate_logins_total", "outcome" => "accepted").increment(1);
    Ok(Some(Visitor { login, service, acting, authority, standing, who }))
}

fn record_failure(gateway: &Gateway, who: Who, reason: &str) {
    let event =
        Event::LoginFailed { at: Timestamp::now(), who: Arc::new(who), reason: reason.into() };
    metrics::counter!("rowgate_logins_total", "outcome" => "refused").increment(1);
    if let Err(error) = gateway.audit.event(event) {
        tracing::error!(%error, "a failed login could not be recorded");
    }
}

/// Runs the session of a client that is in.
async fn stay(gateway: &Arc<Gateway>, entered: Box<(Startup, Visitor)>) {
    let who = Arc::new(entered.1.who.clone());
    let _counted = Counted::new();
    let reason = match Box::pin(begin(gateway, entered, who.session)).await {
        Ok(opened) => talk(opened).await,
        Err(refusal) => refusal.message,
    };
    let event = Event::Logout { at: Timestamp::now(), who, reason: reason.into() };
    if let Err(error) = gateway.audit.event(event) {
        tracing::error!(%error, "the end of a session could not be recorded");
    }
}

/// One more session in the figures, until it is dropped.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("rowgate_sessions").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("rowgate_sessions").decrement(1.0);
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
    Ok((server, queue, wanted))
}

/// A session that is ready to run, and what cancels it.
type Opened<F> = (F, Arc<Registration>);

/// Finds a server connection and makes the session; an error has been told to the client.
async fn begin(
    gateway: &Arc<Gateway>,
    mut entered: Box<(Startup, Visitor)>,
    session: u64,
) -> Result<Opened<impl Future<Output = Ended<Lent>> + Send + use<>>, Refusal> {
    match lend(gateway, &entered.0, session).await {
        Ok(lent) => open(gateway, *entered, lent)
            .ok_or_else(|| Refusal::new(SqlState::CONNECTION_FAILURE, "no server connection", "")),
        Err(refusal) => {
            refuse(&mut entered.0, &refusal).await;
            Err(refusal)
        }
    }
}

fn open(
    gateway: &Arc<Gateway>,
    (startup, visitor): (Startup, Visitor),
    (server, queue, wanted): Lease,
) -> Option<Opened<impl Future<Output = Ended<Lent>> + Send + use<>>> {
    let settings = gateway.state.settings();
    let lent = server.connection()?;
    let (key, parameters) = (lent.key.clone(), lent.parameters.clone());
    let registration = Arc::new(gateway.registry.register(startup.minor));
    let pool_mode = settings.pool(&startup.database).mode;
    let mut client = Connection::new(startup.stream);
    let outbound = client.outbound.buffer();
    for (name, value) in &parameters {
        let value = match name.as_str() {
            "session_authorization" => visitor.login.as_str(),
            "is_superuser" if !visitor.standing.unrestricted => "off",
            _ => value,
        };
        message::parameter_status(outbound, name, value);
    }
    message::backend_key_data(outbound, registration.key().id, &registration.key().secret);
    message::ready_for_query(outbound, b'I');
    let server_process = u32::try_from(key.process_id).unwrap_or(0);
    let shared = Shared {
        phase: gateway.phase.clone(),
        authority: visitor.authority,
        planner: Arc::clone(&gateway.planner),
        message_size: size(settings.limits.message_size),
        statement_size: size(settings.limits.statement_size),
        statement_timeout: settings.limits.statement_timeout,
        usages: Arc::clone(&gateway.usages),
    };
    let application = Arc::from(&*visitor.who.application);
    let servers = match pool_mode {
        PoolMode::Session => {
            registration.set_running(Some(key));
            Servers::Own(Lent(server))
        }
        PoolMode::Transaction => {
            // It was needed to find out what the server says at the start.
            server.keep();
            let session = visitor.who.session;
            let registration = Arc::clone(&registration);
            let lender = Arc::new(PoolLender { queue, registration, session });
            Servers::Borrowed(Source { lender, settings: wanted, session })
        }
    };
    let opening = Opening {
        client,
        server: servers,
        login: visitor.login,
        service: visitor.service,
        acting: visitor.acting,
        standing: visitor.standing,
        ledger: Arc::new(SessionLedger {
            audit: gateway.audit.clone(),
            who: visitor.who,
            last: Mutex::new(None),
        }),
        canceller: Arc::new(RunningServer {
            registration: Arc::clone(&registration),
            pool: gateway.pool.clone(),
            tls: gateway.server_tls.clone(),
        }),
        processes: (server_process, registration.key().id),
        application,
    };
    Some((session::run(shared, opening), registration))
}

/// The session itself.
async fn talk((session, registration): Opened<impl Future<Output = Ended<Lent>> + Send>) -> String {
    let ended = session.await;
    // A late cancel request must not hit whoever gets the connection next.
    let undisturbed = registration.stop_running();
    if let Some(Lent(server)) = ended.server {
        Box::pin(server.release(undisturbed.then_some(TransactionStatus::Idle))).await;
    }
    ended.reason
}

/// A session's server connection, looked at from outside.
#[derive(Debug)]
struct RunningServer {
    registration: Arc<Registration>,
    pool: Pool,
    tls: TlsClient,
}

impl Canceller for RunningServer {
    fn cancel(&self) -> Cancelling {
        let Some(running) = self.registration.running() else {
            return Box::pin(std::future::ready(()));
        };
        let tls = self.tls.clone();
        // A task of its own: what has begun is finished even if the session ends meanwhile.
        let sent = tokio::spawn(async move {
            if let Err(error) = cancel::send(running.key(), &tls).await {
                tracing::warn!(%error, "a statement over its limit could not be cancelled");
            }
        });
        Box::pin(async move {
            if let Err(error) = sent.await {
                tracing::error!(%error, "a cancel request ended in a defect of the gateway");
            }
        })
    }

    fn presence(&self) -> Presence {
        match self.registration.running() {
            Some(running) => self.pool.hosts().presence(running.key().epoch),
            None => Presence::InUse,
        }
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
