//! Server connections that outlive a client's session. A connection is handed to one session at a
//! time and comes back only after a verified reset; whatever is not as expected is closed instead.
//!
//! Session pooling: a session keeps its connection until it ends, and `release` resets it.
//! Transaction pooling: it comes back after each transaction with `keep`, without a reset; what is
//! on it stays known (`Memory`), and `fit` makes it what the next session expects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::{self, ConnectError, ServerConnection, Target};
use super::hosts::Hosts;
use super::memory::SettingValues;
use crate::error::SqlState;

mod server;
mod waiting;

use self::server::{answers, is_quiet};
use self::waiting::Waiting;

/// How long a reset or a check may take before the connection is closed instead.
const RESET_LIMIT: Duration = Duration::from_secs(5);

/// Sizes and times of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// The most connections of one pool.
    pub size: usize,
    /// So many of them at most are with sessions that keep theirs to the end while others share.
    pub keepers: usize,
    /// A connection that was unused for longer is checked before somebody gets it.
    pub check_after: Duration,
    /// An unused connection is closed after this long.
    pub idle_timeout: Duration,
    /// A connection is not used any more after this long.
    pub lifetime: Duration,
    /// The longest a session waits for a connection.
    pub wait_timeout: Duration,
}

/// Connections are shared by who asks for the same of this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolKey {
    /// The database on the server.
    pub database: String,
    /// The role on the server.
    pub user: String,
    /// The name by which clients ask for it, where that has connections of its own.
    pub name: String,
}

/// Why there is no connection for a session.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// All are in use, and none came free in time.
    #[error(
        "none of {size} server connections became free within {limit:?}; {before} clients were waiting before"
    )]
    Exhausted {
        /// How long it waited.
        limit: Duration,
        /// How many there are.
        size: usize,
        /// How many were waiting when it came.
        before: usize,
    },
    /// A new one could not be made.
    #[error("{0}")]
    Connect(#[from] ConnectError),
}

impl PoolError {
    /// What a client is told.
    pub fn sqlstate(&self) -> SqlState {
        match self {
            Self::Exhausted { .. } => SqlState::TOO_MANY_CONNECTIONS,
            Self::Connect(error) => error.sqlstate(),
        }
    }
}

/// Figures of one pool, for people and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFigures {
    /// Which.
    pub key: PoolKey,
    /// Connections with a session.
    pub in_use: usize,
    /// Connections without one.
    pub idle: usize,
    /// Sessions that wait for one.
    pub waiting: usize,
    /// For how long the first of them has waited.
    pub longest_wait: Duration,
}

/// All server connections of the gateway.
#[derive(Debug, Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    settings: PoolSettings,
    /// Those of names that have connections of their own.
    own: HashMap<String, PoolSettings>,
    lanes: Mutex<HashMap<PoolKey, Arc<Lane>>>,
}

/// The connections of one key.
#[derive(Debug)]
struct Lane {
    target: Arc<Target>,
    database: String,
    settings: PoolSettings,
    permits: Arc<Semaphore>,
    keepers: Arc<Semaphore>,
    waiting: Waiting,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<ServerConnection>,
    since: Instant,
    /// The thread whose runtime waits for its bytes.
    home: ThreadId,
}

/// A connection that one session has for itself. Dropped, it is closed.
#[derive(Debug)]
pub struct PooledServer {
    /// Boxed: most sessions of a pool have none at the moment.
    connection: Option<Box<ServerConnection>>,
    lane: Arc<Lane>,
    permit: Option<Permit>,
}

/// The right to a connection.
#[derive(Debug)]
struct Permit {
    _connection: OwnedSemaphorePermit,
    /// And to keep it to the end of the session.
    _keeper: Option<OwnedSemaphorePermit>,
}

/// For how long a session wants a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// As the mode of the pool says.
    Usual,
    /// To the end of the session, in a pool where others share.
    Kept,
}

/// The last ReadyForQuery of a session that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// `I`
    Idle,
    /// `T`
    Open,
    /// `E`
    Failed,
}

impl TransactionStatus {
    /// The status of a ReadyForQuery message; `None` when there is no such status.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::Open),
            b'E' => Some(Self::Failed),
            _ => None,
        }
    }
}

impl Pool {
    /// Connects when asked to. The target's user is replaced by the key's.
    pub fn new(target: Target, settings: PoolSettings) -> Self {
        Self::with_own(target, settings, HashMap::new())
    }

    /// The same; clients that ask for these names have connections of their own.
    pub fn with_own(
        target: Target,
        settings: PoolSettings,
        own: HashMap<String, PoolSettings>,
    ) -> Self {
        Self { shared: Arc::new(Shared { target, settings, own, lanes: Mutex::default() }) }
    }

    /// The servers.
    pub fn hosts(&self) -> &Hosts {
        &self.shared.target.hosts
    }

    /// A live connection: an idle one, or a new one when the size allows, or the next that comes
    /// free. Waiters are served in order.
    pub async fn acquire(&self, key: &PoolKey) -> Result<PooledServer, PoolError> {
        self.queue(key).acquire(&SettingValues::default(), Stay::Usual).await
    }

    /// The connections of one key.
    pub fn queue(&self, key: &PoolKey) -> Queue {
        Queue(self.lane(key))
    }

    /// How many connections there are, sorted by key.
    pub fn figures(&self) -> Vec<PoolFigures> {
        let lanes = lock(&self.shared.lanes);
        let mut figures: Vec<PoolFigures> = lanes
            .iter()
            .map(|(key, lane)| {
                let (waiting, longest_wait) = lane.waiting.figures();
                PoolFigures {
                    key: key.clone(),
                    in_use: lane.settings.size.saturating_sub(lane.permits.available_permits()),
                    idle: lock(&lane.idle).len(),
                    waiting,
                    longest_wait,
                }
            })
            .collect();
        figures.sort_by(|a, b| a.key.cmp(&b.key));
        figures
    }

    /// Closes connections that have been idle for too long; runs until the pool is gone.
    pub fn expire_idle(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared: Weak<Shared> = Arc::downgrade(&self.shared);
        async move {
            loop {
                let Some(pool) = shared.upgrade() else { return };
                let limit = pool.shortest_idle_timeout();
                let mut moves = pool.target.hosts.changes();
                let lanes: Vec<Arc<Lane>> = lock(&pool.lanes).values().map(Arc::clone).collect();
                drop(pool);
                for lane in lanes {
                    let limit = lane.settings.idle_timeout;
                    lock(&lane.idle)
                        .retain(|idle| idle.since.elapsed() < limit && lane.keeps(idle));
                }
                let pause = (limit / 4).max(Duration::from_millis(100));
                // Either way there is something to look at.
                drop(timeout(pause, moves.changed()).await);
            }
        }
    }

    fn lane(&self, key: &PoolKey) -> Arc<Lane> {
        let settings = *self.shared.own.get(&key.name).unwrap_or(&self.shared.settings);
        let mut lanes = lock(&self.shared.lanes);
        Arc::clone(lanes.entry(key.clone()).or_insert_with(|| {
            let mut target = self.shared.target.clone();
            target.user.clone_from(&key.user);
            Arc::new(Lane {
                target: Arc::new(target),
                database: key.database.clone(),
                settings,
                permits: Arc::new(Semaphore::new(settings.size)),
                keepers: Arc::new(Semaphore::new(settings.keepers)),
                waiting: Waiting::default(),
                idle: Mutex::default(),
            })
        }))
    }
}

impl Shared {
    fn shortest_idle_timeout(&self) -> Duration {
        let own = self.own.values().map(|settings| settings.idle_timeout);
        own.fold(self.settings.idle_timeout, Duration::min)
    }
}

/// The connections of one key, and who waits for them.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Lane>);

impl Queue {
    /// Whether all connections that the size allows are with sessions. One that is given back while
    /// others wait is the next one's at once.
    pub fn is_exhausted(&self) -> bool {
        self.0.permits.available_permits() == 0
    }

    /// An idle connection of this thread that has these settings and nothing that another session
    /// must not see, when nobody waits for one. One that needs a check is left where it is.
    pub fn at_hand(
        &self,
        settings: &SettingValues,
        session: u64,
        stay: Stay,
    ) -> Option<PooledServer> {
        let lane = &self.0;
        let permit = lane.permit_at_hand(stay)?;
        let here = thread::current().id();
        let fresh = lane.settings.check_after.min(lane.settings.idle_timeout);
        let now = Instant::now();
        let idle = {
            let mut all = lock(&lane.idle);
            let fits = |idle: &Idle| {
                let memory = &idle.connection.memory;
                idle.home == here
                    && now.duration_since(idle.since) < fresh
                    && memory.settings == *settings
                    && memory.sequences.is_none_or(|left| left == session)
            };
            let found = all.iter().rposition(fits)?;
            all.remove(found)
        };
        let usable = lane.is_current(&idle) && idle.is_silent();
        usable.then(|| PooledServer {
            connection: Some(idle.connection),
            lane: Arc::clone(lane),
            permit: Some(permit),
        })
    }

    /// A live connection, rather one that has these settings: an idle one, or a new one when the
    /// size allows, or the next that comes free. Waiters are served in order.
    pub async fn acquire(
        &self,
        settings: &SettingValues,
        stay: Stay,
    ) -> Result<PooledServer, PoolError> {
        let lane = Arc::clone(&self.0);
        let permit = lane.permit(stay).await?;
        let found = loop {
            let Some(mut idle) = lane.take_idle(settings) else { break None };
            let unused = idle.since.elapsed();
            if unused < lane.settings.idle_timeout
                && lane.is_current(&idle)
                && is_quiet(&idle.connection.stream)
                && (idle.home == thread::current().id() || idle.connection.stream.rehome().is_ok())
            {
                if unused < lane.settings.check_after || answers(&mut idle.connection).await {
                    break Some(idle.connection);
                }
                // The others are no better; a new connection shows what is the matter.
                break None;
            }
        };
        let connection = match found {
            Some(connection) => connection,
            None => Box::new(connect::connect(&lane.target, &lane.database, &[]).await?),
        };
        Ok(PooledServer { connection: Some(connection), lane, permit: Some(permit) })
    }

    /// How long a session waits for a connection.
    pub fn patience(&self) -> Duration {
        self.0.settings.wait_timeout
    }
}

impl Idle {
    /// As far as the runtime of this thread has seen: costs no call of the system.
    fn is_silent(&self) -> bool {
        let mut byte = [0];
        let read = self.connection.stream.socket().try_read(&mut byte);
        matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

impl Lane {
    /// The right to one of the connections, when nobody waits for one.
    fn permit_at_hand(&self, stay: Stay) -> Option<Permit> {
        let now = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        let keeper = match stay {
            Stay::Usual => None,
            Stay::Kept => Some(now(&self.keepers)?),
        };
        Some(Permit { _connection: now(&self.permits)?, _keeper: keeper })
    }

    /// The same, in the order of asking.
    async fn permit(&self, stay: Stay) -> Result<Permit, PoolError> {
        if let Some(permit) = self.permit_at_hand(stay) {
            return Ok(permit);
        }
        let place = self.waiting.enter();
        let limit = self.settings.wait_timeout;
        let until = Instant::now() + limit;
        let next = async |places: &Arc<Semaphore>, size| match timeout_at(
            until,
            Arc::clone(places).acquire_owned(),
        )
        .await
        {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(PoolError::Exhausted { limit, size, before: place.before }),
        };
        let keeper = match stay {
            Stay::Usual => None,
            Stay::Kept => Some(next(&self.keepers, self.settings.keepers).await?),
        };
        Ok(Permit { _connection: next(&self.permits, self.settings.size).await?, _keeper: keeper })
    }

    /// The one used last, rather one with these settings and of this thread.
    fn take_idle(&self, settings: &SettingValues) -> Option<Idle> {
        let mut all = lock(&self.idle);
        let here = thread::current().id();
        let fitting = |idle: &Idle| idle.connection.memory.settings == *settings;
        let found = all
            .iter()
            .rposition(|idle| idle.home == here && fitting(idle))
            .or_else(|| all.iter().rposition(fitting))
            .or_else(|| all.iter().rposition(|idle| idle.home == here))
            .or_else(|| all.len().checked_sub(1))?;
        Some(all.remove(found))
    }

    fn keeps(&self, idle: &Idle) -> bool {
        idle.connection.made.elapsed() < self.settings.lifetime && self.is_current(idle)
    }

    /// Its server is still the one to use.
    fn is_current(&self, idle: &Idle) -> bool {
        idle.connection.key.epoch == self.target.hosts.epoch()
    }

    fn put_back(&self, connection: Box<ServerConnection>) -> bool {
        let idle = Idle { connection, since: Instant::now(), home: thread::current().id() };
        let keeps = self.keeps(&idle);
        if keeps {
            lock(&self.idle).push(idle);
        }
        keeps
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
