//! The listener: accepts clients, gives each a task of its own, drains and stops. A panic in one
//! session ends that session.

mod busy;
mod figures;
pub mod lanes;
mod lend;
mod record;
mod standing;
mod visit;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use self::lanes::{Lanes, Places};
pub use self::standing::Authorities;
use self::visit::Accepted;
use crate::audit::Audit;
use crate::auth::Authenticator;
use crate::backend::pool::Pool;
use crate::protocol::cancel::CancelRegistry;
use crate::protocol::startup::TlsPolicy;
use crate::protocol::tls::TlsClient;
pub use crate::session::budget::Budget;
pub use crate::session::usage::Usages;
pub use crate::session::{Board, Paths, Phase, Shared};
use crate::snapshot::State;

/// How many clients beyond the limit are told so at one time; the others are closed.
const REFUSED_AT_ONCE: usize = 64;

/// How long clients are waited for that have been told to go.
const LEAVING: Duration = Duration::from_secs(10);

/// A short pause when the system has no file descriptors or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Everything sessions are made from.
#[derive(Debug)]
pub struct Gateway {
    /// Settings, directory, policy and catalogue in force.
    pub state: Arc<State>,
    /// Who judges people.
    pub authorities: Authorities,
    /// TLS towards clients.
    pub tls: TlsPolicy,
    /// Proves who clients are.
    pub authenticator: Authenticator,
    /// Whom cancel requests mean.
    pub registry: CancelRegistry,
    /// Server connections.
    pub pool: Pool,
    /// TLS towards the server, for cancel requests.
    pub server_tls: TlsClient,
    /// The audit log.
    pub audit: Audit,
    /// What sessions share.
    pub shared: Arc<Shared>,
}

/// Accepts clients until the phase says otherwise and all sessions have ended. While it is
/// draining, sessions end as soon as they are idle; those that are not after `patience` are ended.
pub async fn run(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    lanes: &Lanes,
    patience: Duration,
) -> io::Result<()> {
    let (listener, places) = (listener.into_std()?, lanes.places());
    let first = places.first().cloned().ok_or_else(|| io::Error::other("there is no lane"))?;
    let accepting = first.spawn(accept(gateway, listener, places, patience));
    accepting.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The same on the first lane: whoever stays there is not handed over.
async fn accept(
    gateway: Arc<Gateway>,
    listener: std::net::TcpListener,
    lanes: Places,
    patience: Duration,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut phase = gateway.shared.board.phase();
    let mut draining_until = None;
    let settings = Arc::clone(gateway.state.settings());
    let places = Arc::new(Semaphore::new(settings.listen.max_connections));
    let refusals = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
    let mut sessions = JoinSet::new();
    let mut numbers = 0_u64;
    loop {
        let now = *phase.borrow_and_update();
        match now {
            Phase::Draining if sessions.is_empty() => return Ok(()),
            Phase::Open => {}
            Phase::Draining => {
                draining_until.get_or_insert_with(|| Instant::now() + patience);
            }
            Phase::Stopping => {
                dismiss(&mut sessions).await;
                return Ok(());
            }
        }
        tokio::select! {
            changed = phase.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            // Nobody has to be woken for each session that ends, except to see that all have.
            Some(_) = sessions.join_next(), if now == Phase::Draining => {}
            () = until(draining_until) => {
                tracing::warn!(sessions = sessions.len(), "sessions did not finish in time");
                dismiss(&mut sessions).await;
                return Ok(());
            }
            accepted = listener.accept(), if now == Phase::Open => {
                let (socket, peer) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                while sessions.try_join_next().is_some() {}
                numbers = numbers.saturating_add(1);
                let arrived = (socket, peer, numbers);
                admit(&gateway, &lanes, (&places, &refusals), &mut sessions, arrived);
            }
        }
    }
}

/// Waits for sessions that have been told to go; those that do not are cut off.
async fn dismiss(sessions: &mut JoinSet<()>) {
    let gone = async { while sessions.join_next().await.is_some() {} };
    if timeout(LEAVING, gone).await.is_err() {
        sessions.shutdown().await;
    }
}

/// Speaks up when a session ends in a panic.
struct Defect;

impl Drop for Defect {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a session ended in a defect of the gateway");
            metrics::counter!("rowgate_session_panics_total").increment(1);
        }
    }
}

/// Resolves at that time; never without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn admit(
    gateway: &Arc<Gateway>,
    lanes: &Places,
    (places, refusals): (&Arc<Semaphore>, &Arc<Semaphore>),
    sessions: &mut JoinSet<()>,
    (socket, peer, number): (TcpStream, SocketAddr, u64),
) {
    let gateway = Arc::clone(gateway);
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        let Some((lane, seat)) = lanes.least() else { return };
        // The socket leaves this runtime and joins that of its lane.
        let Ok(accepted) = Accepted::for_lane(socket, lane) else { return };
        let start = Box::pin(visit::receive(gateway, accepted, peer, number));
        let session = async move {
            let defect = Defect;
            if let Some(mut visit) = start.await {
                visit.stay().await;
            }
            drop((place, seat, defect));
        };
        sessions.spawn_on(session, &lane.handle);
    } else if let Ok(place) = Arc::clone(refusals).try_acquire_owned() {
        sessions.spawn(async move {
            let defect = Defect;
            visit::turn_away(&gateway, socket, peer).await;
            drop((place, defect));
        });
    }
}
