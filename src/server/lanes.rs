//! The threads that sessions run on. Each has a runtime of its own, so a client, its server
//! connection and everything that wakes them stay on one thread. A session never changes its lane.
//! Clients are accepted on the first one: those that stay there cross no thread at all.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::busy;

/// Parsing and walking nested SQL needs deep stacks; the nesting itself is bounded.
const STACK: usize = 64 << 20;

/// With so many sessions on each lane, another one is worth while: fewer find less to do at a time when
/// they look, and look more often.
const CROWD: usize = 24;

/// The lanes of one gateway. Dropped, they end, and with them what still runs on them.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    always: usize,
}

/// How many lanes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneCount {
    /// Sessions go to these.
    always: usize,
    /// And to the rest of so many when each of those has a crowd.
    crowded: usize,
}

impl LaneCount {
    /// So many, all the time.
    pub fn exactly(count: usize) -> Self {
        let count = count.max(1);
        Self { always: count, crowded: count }
    }

    /// Half as many as there are cores, because few serve many sessions for less than many do. Up to
    /// one for each core where so many statements run at a time that each of them has a crowd to serve.
    pub fn for_machine(cores: usize, statements_at_a_time: usize) -> Self {
        let always = cores.max(1).div_ceil(2);
        Self { always, crowded: (statements_at_a_time / CROWD).clamp(always, cores.max(1)) }
    }
}

#[derive(Debug)]
struct Lane {
    place: Place,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where on a lane sessions go.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) handle: Handle,
    /// Clients are accepted on this lane.
    pub(super) first: bool,
    sessions: Arc<AtomicUsize>,
}

/// All lanes, without their threads.
#[derive(Debug)]
pub(super) struct Places {
    all: Vec<Place>,
    always: usize,
}

/// A session's place on a lane, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Lanes {
    /// Starts as many threads. After their last work they look for more for as long as `busy_poll`
    /// says before they sleep.
    pub fn start(count: LaneCount, busy_poll: Option<Duration>) -> io::Result<Self> {
        let lanes: io::Result<Vec<Lane>> =
            (0..count.crowded).map(|number| Lane::start(number, busy_poll)).collect();
        Ok(Self { lanes: lanes?, always: count.always })
    }

    pub(super) fn places(&self) -> Places {
        let all = self.lanes.iter().map(|lane| lane.place.clone()).collect();
        Places { all, always: self.always }
    }
}

impl Places {
    /// The lane that accepts clients.
    pub(super) fn first(&self) -> Option<&Handle> {
        self.all.first().map(|place| &place.handle)
    }

    /// The lane with the fewest sessions, of those that take part now, and a seat on it.
    pub(super) fn least(&self) -> Option<(&Place, Seat)> {
        let sessions = |place: &&Place| place.sessions.load(Ordering::Relaxed);
        let usual = self.all.iter().take(self.always).min_by_key(sessions)?;
        let place =
            if sessions(&usual) < CROWD { usual } else { self.all.iter().min_by_key(sessions)? };
        place.sessions.fetch_add(1, Ordering::Relaxed);
        Some((place, Seat(Arc::clone(&place.sessions))))
    }
}

impl Lane {
    fn start(number: usize, busy_poll: Option<Duration>) -> io::Result<Self> {
        // Neither signals nor processes are waited for here: they would be looked at in each turn.
        let mut builder = Builder::new_current_thread();
        builder.enable_io().enable_time();
        if let Some(patience) = busy_poll {
            builder.on_thread_park(move || busy::before_sleep(patience));
        }
        let runtime = builder.build()?;
        let handle = runtime.handle().clone();
        let (stop, mut stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name(format!("lane-{number}"))
            .stack_size(STACK)
            .spawn(move || {
                runtime.block_on(poll_fn(|cx| {
                    busy::is_woken_by(cx.waker());
                    // Nothing is ever sent: the other end is dropped.
                    Pin::new(&mut stopped).poll(cx).map(drop)
                }));
                runtime.shutdown_background();
            })?;
        let place = Place { handle, first: number == 0, sessions: Arc::default() };
        Ok(Self { place, stop: Some(stop), thread: Some(thread) })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a lane goes to sleep while it is given nothing to do but a turn now and then.
    fn sleeps(busy_poll: Option<Duration>) -> u64 {
        let lanes = Lanes::start(LaneCount::exactly(1), busy_poll).unwrap();
        let handle = lanes.places().first().unwrap().clone();
        let visitor = Builder::new_current_thread().enable_time().build().unwrap();
        visitor.block_on(async {
            handle.spawn(async { busy::count_turn() }).await.unwrap();
            let before = handle.metrics().worker_park_count(0);
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                handle.spawn(async {}).await.unwrap();
            }
            handle.metrics().worker_park_count(0) - before
        })
    }

    /// On which lanes so many sessions are that come one after another.
    fn spread(count: LaneCount, sessions: usize) -> Vec<usize> {
        let lanes = Lanes::start(count, None).unwrap();
        let places = lanes.places();
        let seats: Vec<Seat> = (0..sessions).map(|_| places.least().unwrap().1).collect();
        let on_each = places.all.iter().map(|place| place.sessions.load(Ordering::Relaxed));
        let on_each = on_each.collect();
        drop(seats);
        assert!(places.all.iter().all(|place| place.sessions.load(Ordering::Relaxed) == 0));
        on_each
    }

    #[test]
    fn few_sessions_are_scattered_over_many_lanes_or_many_crowd_on_few() {
        let two_cores = LaneCount::for_machine(2, 72);
        assert_eq!(spread(two_cores, 16), [16, 0]);
        assert_eq!(spread(two_cores, 25), [24, 1]);
        assert_eq!(spread(two_cores, 64), [32, 32]);
        let eight = LaneCount::for_machine(8, 150);
        assert_eq!(spread(eight, 16), [4, 4, 4, 4, 0, 0]);
        assert_eq!(spread(eight, 150), [25, 25, 25, 25, 25, 25]);
        // What runs at a time would not make a crowd on more.
        assert_eq!(spread(LaneCount::for_machine(2, 20), 64), [64]);
        assert_eq!(LaneCount::for_machine(8, 20), LaneCount::exactly(4));
        assert_eq!(LaneCount::for_machine(2, 1000), LaneCount { always: 1, crowded: 2 });
        assert_eq!(LaneCount::for_machine(1, 1000), LaneCount::exactly(1));
        assert_eq!(spread(LaneCount::exactly(2), 3), [2, 1]);
    }

    #[test]
    fn a_lane_sleeps_although_it_was_told_to_poll_for_work() {
        assert_eq!(sleeps(Some(Duration::from_secs(3600))), 0);
        assert_ne!(sleeps(None), 0, "nothing is proved where lanes never sleep");
    }
}
