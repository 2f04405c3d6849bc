//! Lends server connections of the pool to the sessions, one transaction at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Gateway;
use super::visit::Lent;
use crate::backend::hosts::Presence;
use crate::backend::memory::{Memory, SettingValues};
use crate::backend::pool::{PoolError, PooledServer, Queue, Stay};
use crate::backend::{WireError, cancel};
use crate::error::{Refusal, SqlState};
use crate::protocol::cancel::Registration;
use crate::session::loan::{Lender, Lending, Loan};
use crate::session::{Canceller, Cancelling};

/// The first pause before a server that did not answer is tried again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What one session can have of the servers.
#[derive(Debug)]
pub(super) struct SessionServers {
    pub(super) gateway: Arc<Gateway>,
    pub(super) queue: Queue,
    pub(super) registration: Registration,
    pub(super) session: u64,
}

impl Lender<Lent> for SessionServers {
    fn at_hand(&self, settings: &SettingValues, stay: Stay) -> Option<Loan<Lent>> {
        let server = self.queue.at_hand(settings, self.session, stay)?;
        self.loan(server)
    }

    fn lend(self: Arc<Self>, settings: &SettingValues, stay: Stay) -> Lending<Lent> {
        let settings = Arc::clone(settings);
        Box::pin(async move {
            let server = patiently(&self.queue, &settings, self.session, stay).await?;
            self.loan(server).ok_or_else(|| lost(&WireError::Unexpected))
        })
    }

    fn take_back(&self, Lent(mut server): Lent, memory: Memory) {
        let undisturbed = self.registration.stop_running();
        if let Some(connection) = server.connection_mut() {
            connection.memory = memory;
        }
        // A cancel request that is under way would hit whoever comes next.
        if undisturbed {
            server.keep();
        }
    }

    fn are_all_lent(&self) -> bool {
        self.queue.is_exhausted()
    }
}

impl SessionServers {
    fn loan(&self, mut server: PooledServer) -> Option<Loan<Lent>> {
        let connection = server.connection_mut()?;
        let memory = std::mem::take(&mut connection.memory);
        self.registration.set_running(Arc::clone(&connection.key));
        let process = u32::try_from(connection.key.process_id).unwrap_or(0);
        Some(Loan { stream: Lent(server), memory, process })
    }
}

impl Canceller for SessionServers {
    fn cancel(&self) -> Cancelling {
        let Some(running) = self.registration.running() else {
            return Box::pin(std::future::ready(()));
        };
        let tls = self.gateway.server_tls.clone();
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
            Some(running) => self.gateway.pool.hosts().presence(running.key().epoch),
            None => Presence::InUse,
        }
    }
}

/// A connection that fits. A server that does not answer is tried again for as long as a session
/// waits for a connection: it may be starting anew, or another one takes its place.
pub(super) async fn patiently(
    queue: &Queue,
    settings: &SettingValues,
    session: u64,
    stay: Stay,
) -> Result<PooledServer, Refusal> {
    let until = Instant::now() + queue.patience();
    let mut pause = FIRST_PAUSE;
    loop {
        match queue.acquire(settings, stay).await {
            Ok(server) => match fit(server, settings, session).await {
                Ok(server) => return Ok(server),
                Err(refusal) if refusal.sqlstate != SqlState::CONNECTION_FAILURE => {
                    return Err(refusal);
                }
                Err(refusal) if Instant::now() + pause >= until => return Err(refusal),
                Err(_) => {}
            },
            Err(PoolError::Connect(error))
                if error.is_about_the_host() && Instant::now() + pause < until =>
            {
                tracing::debug!(%error, "no server connection, trying again");
            }
            Err(error) => return Err(unavailable(&error)),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A server connection with a client's settings.
async fn fit(
    mut server: PooledServer,
    settings: &SettingValues,
    session: u64,
) -> Result<PooledServer, Refusal> {
    match server.fit(settings, session).await {
        Ok(()) => Ok(server),
        // The server's words are about the client's own settings.
        Err(WireError::Server(error)) => {
            server.keep();
            Err(Refusal::new(SqlState::INVALID_PARAMETER_VALUE, error.message, ""))
        }
        Err(error) => Err(lost(&error)),
    }
}

fn unavailable(error: &PoolError) -> Refusal {
    tracing::warn!(%error, "no server connection");
    let message = "the database server cannot be used at the moment";
    match error {
        // Figures of the gateway's own, none of the server's words.
        PoolError::Exhausted { .. } => Refusal::new(error.sqlstate(), message, error.to_string()),
        PoolError::Connect(_) => Refusal::new(error.sqlstate(), message, ""),
    }
}

fn lost(error: &WireError) -> Refusal {
    tracing::warn!(%error, "a server connection failed");
    Refusal::new(SqlState::CONNECTION_FAILURE, "the database server closed the connection", "")
}
