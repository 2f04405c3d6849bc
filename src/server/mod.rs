//! The listener: accepts clients, gives each a task of its own, drains and stops. A panic in one
//! session ends that session.

mod record;
mod standing;
mod visit;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::audit::Audit;
use crate::auth::Authenticator;
use crate::backend::pool::Pool;
use crate::planner::Planner;
use crate::protocol::cancel::CancelRegistry;
use crate::protocol::startup::TlsPolicy;
use crate::protocol::tls::TlsClient;
use crate::snapshot::State;

/// How many clients beyond the limit are told so at one time; the others are closed.
const REFUSED_AT_ONCE: usize = 64;

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
}

/// What the process asks of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Clients come and go.
    Open,
    /// No new clients; those here finish.
    Draining,
    /// Everybody goes.
    Stopping,
}

/// Accepts clients until the phase says otherwise and all sessions have ended.
pub async fn run(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    mut phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let settings = Arc::clone(gateway.state.settings());
    let places = Arc::new(Semaphore::new(settings.listen.max_connections));
    let refusals = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
    let mut sessions = JoinSet::new();
    let mut numbers = 0_u64;
    loop {
        let now = *phase.borrow_and_update();
        match now {
            Phase::Draining if sessions.is_empty() => return Ok(()),
            Phase::Open | Phase::Draining => {}
            Phase::Stopping => {
                sessions.shutdown().await;
                return Ok(());
            }
        }
        tokio::select! {
            changed = phase.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            Some(ended) = sessions.join_next() => {
                if let Err(error) = ended
                    && error.is_panic()
                {
                    tracing::error!(%error, "a session ended in a defect of the gateway");
                    metrics::counter!("rowgate_session_panics_total").increment(1);
                }
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
                admit(&gateway, &places, &refusals, &mut sessions, (socket, peer, numbers));
            }
        }
    }
}

fn admit(
    gateway: &Arc<Gateway>,
    places: &Arc<Semaphore>,
    refusals: &Arc<Semaphore>,
    sessions: &mut JoinSet<()>,
    (socket, peer, number): (TcpStream, SocketAddr, u64),
) {
    let gateway = Arc::clone(gateway);
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        sessions.spawn(async move {
            visit::receive(&gateway, socket, peer, number).await;
            drop(place);
        });
    } else if let Ok(place) = Arc::clone(refusals).try_acquire_owned() {
        sessions.spawn(async move {
            visit::turn_away(&gateway, socket, peer).await;
            drop(place);
        });
    }
}
