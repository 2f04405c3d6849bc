//! The threads that sessions run on. Each has a runtime of its own, so a client, its server
//! connection and everything that wakes them stay on one thread. A session never changes its lane.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Parsing and walking nested SQL needs deep stacks; the nesting itself is bounded.
const STACK: usize = 64 << 20;

/// The lanes of one gateway. Dropped, they end, and with them what still runs on them.
#[derive(Debug)]
pub struct Lanes(Vec<Lane>);

#[derive(Debug)]
struct Lane {
    handle: Handle,
    sessions: Arc<AtomicUsize>,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A session's place on a lane, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Lanes {
    /// Starts `count` threads, one at least.
    pub fn start(count: usize) -> io::Result<Self> {
        let lanes: io::Result<Vec<Lane>> = (0..count.max(1)).map(Lane::start).collect();
        Ok(Self(lanes?))
    }

    /// The lane with the fewest sessions, and a place on it.
    pub(super) fn least(&self) -> Option<(&Handle, Seat)> {
        let lane = self.0.iter().min_by_key(|lane| lane.sessions.load(Ordering::Relaxed))?;
        lane.sessions.fetch_add(1, Ordering::Relaxed);
        Some((&lane.handle, Seat(Arc::clone(&lane.sessions))))
    }
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name(format!("lane-{number}"))
            .stack_size(STACK)
            .spawn(move || {
                // Nothing is ever sent: the other end is dropped.
                runtime.block_on(async { drop(stopped.await) });
                runtime.shutdown_background();
            })?;
        Ok(Self { handle, sessions: Arc::default(), stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a lane ended with a panic");
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
