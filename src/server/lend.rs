//! Lends server connections of the pool to the sessions, one transaction at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::visit::Lent;
use crate::backend::WireError;
use crate::backend::memory::{Memory, SettingValues};
use crate::backend::pool::{PoolError, PooledServer, Queue, Stay};
use crate::error::{Refusal, SqlState};
use crate::protocol::cancel::Registration;
use crate::session::loan::{Lender, Lending, Loan};

/// The first pause before a server that did not answer is tried again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Lends to one session.
#[derive(Debug)]
pub(super) struct PoolLender {
    pub(super) queue: Queue,
    pub(super) registration: Arc<Registration>,
    pub(super) session: u64,
}

impl Lender<Lent> for PoolLender {
    fn at_hand(&self, settings: &SettingValues, stay: Stay) -> Option<Loan<Lent>> {
        let server = self.queue.at_hand(settings, self.session, stay)?;
        loan(server, &self.registration)
    }

    fn lend(&self, settings: &SettingValues, stay: Stay) -> Lending<Lent> {
        let (queue, settings) = (self.queue.clone(), Arc::clone(settings));
        let (registration, session) = (Arc::clone(&self.registration), self.session);
        Box::pin(async move {
            let server = patiently(&queue, &settings, session, stay).await?;
            loan(server, &registration).ok_or_else(|| lost(&WireError::Unexpected))
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
}

fn loan(mut server: PooledServer, registration: &Registration) -> Option<Loan<Lent>> {
    let connection = server.connection_mut()?;
    let memory = std::mem::take(&mut connection.memory);
    registration.set_running(Some(connection.key.clone()));
    let process = u32::try_from(connection.key.process_id).unwrap_or(0);
    Some(Loan { stream: Lent(server), memory, process })
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
