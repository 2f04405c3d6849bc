//! The listener: accepts clients, gives each a task of its own, drains and stops. A panic in one
//! session ends that session.

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
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use self::lanes::Lanes;
use crate::audit::Audit;
use crate::auth::Authenticator;
use crate::backend::pool::Pool;
use crate::planner::Planner;
use crate::protocol::cancel::CancelRegistry;
use crate::protocol::startup::TlsPolicy;
use crate::protocol::tls::TlsClient;
pub use crate::session::Phase;
pub use crate::session::budget::Budget;
pub use crate::session::usage::Usages;
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
    /// Changes with each snapshot.
    pub changes: watch::Receiver<u64>,
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
    /// Plans statements.
    pub planner: Arc<Planner>,
    /// The audit log.
    pub audit: Audit,
    /// What people have used of their limits.
    pub usages: Arc<Usages>,
    /// What the process asks of sessions.
    pub phase: watch::Receiver<Phase>,
}

/// Accepts clients until the phase says otherwise and all sessions have ended. While it is
/// draining, sessions end as soon as they are idle; those that are not after `patience` are ended.
pub async fn run(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    lanes: &Lanes,
    patience: Duration,
) -> io::Result<()> {
    let mut phase = gateway.phase.clone();
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
            Some(ended) = sessions.join_next() => note_end(&ended),
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
                numbers = numbers.saturating_add(1);
                let arrived = (socket, peer, numbers);
                admit(&gateway, lanes, (&places, &refusals), &mut sessions, arrived);
            }
        }
    }
}

/// Waits for sessions that have been told to go; those that do not are cut off.
async fn dismiss(sessions: &mut JoinSet<()>) {
    let gone = async {
        while let Some(ended) = sessions.join_next().await {
            note_end(&ended);
        }
    };
    if timeout(LEAVING, gone).await.is_err() {
        sessions.shutdown().await;
    }
}

fn note_end(ended: &Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a session ended in a defect of the gateway");
        metrics::counter!("rowgate_session_panics_total").increment(1);
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
    lanes: &Lanes,
    (places, refusals): (&Arc<Semaphore>, &Arc<Semaphore>),
    sessions: &mut JoinSet<()>,
    (socket, peer, number): (TcpStream, SocketAddr, u64),
) {
    let gateway = Arc::clone(gateway);
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        // The socket leaves this runtime and joins that of its lane.
        let (Some((lane, seat)), Ok(socket)) = (lanes.least(), socket.into_std()) else { return };
        let session = async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => visit::receive(&gateway, socket, peer, number).await,
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            }
            drop((place, seat));
        };
        sessions.spawn_on(session, lane);
    } else if let Ok(place) = Arc::clone(refusals).try_acquire_owned() {
        sessions.spawn(async move {
            visit::turn_away(&gateway, socket, peer).await;
            drop(place);
        });
    }
}
