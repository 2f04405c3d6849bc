//! Waits without sleep. A thread that sleeps has to be woken, and on a virtual machine whose
//! processors halt when they have nothing to do that takes longer than a statement takes here.

use std::cell::Cell;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// How often the sessions of this lane had something to do. Not a part of the sessions: the
    /// future of one that is idle would grow.
    static TURNS: Cell<u64> = const { Cell::new(0) };
}

/// A session of this thread's lane has something to do.
pub(super) fn count_turn() {
    TURNS.set(TURNS.get().wrapping_add(1));
}

/// What keeps a lane awake for a while after its sessions had something to do.
#[derive(Debug)]
pub(super) struct BusyPoll {
    /// For how long it looks for work before it sleeps.
    patience: Duration,
    lane: OnceLock<Waker>,
    quiet: Mutex<Quiet>,
}

/// Since when nothing has happened.
#[derive(Debug)]
struct Quiet {
    turns: u64,
    since: Instant,
}

impl BusyPoll {
    pub(super) fn new(patience: Duration) -> Self {
        let quiet = Mutex::new(Quiet { turns: 0, since: Instant::now() });
        Self { patience, lane: OnceLock::new(), quiet }
    }

    /// What wakes the lane itself, as opposed to one of its sessions.
    pub(super) fn is_woken_by(&self, lane: &Waker) {
        self.lane.get_or_init(|| lane.clone());
    }

    /// This thread, the lane's, is about to sleep. Woken here, it only looks whether something has arrived.
    pub(super) fn before_sleep(&self) {
        if self.stays_awake(Instant::now())
            && let Some(lane) = self.lane.get()
        {
            lane.wake_by_ref();
            // Others may use the processor that is kept.
            thread::yield_now();
        }
    }

    fn stays_awake(&self, now: Instant) -> bool {
        let turns = TURNS.get();
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if quiet.turns != turns {
            *quiet = Quiet { turns, since: now };
        }
        now.saturating_duration_since(quiet.since) < self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_without_work_sleeps_after_its_patience_and_not_before() {
        let busy = BusyPoll::new(Duration::from_micros(50));
        let start = Instant::now() + Duration::from_secs(1);
        let after = |micros| start + Duration::from_micros(micros);
        assert!(!busy.stays_awake(start), "nobody has ever come");
        count_turn();
        assert!(busy.stays_awake(after(10)));
        assert!(busy.stays_awake(after(59)));
        assert!(!busy.stays_awake(after(60)));
        assert!(!busy.stays_awake(after(1000)), "it slept, and nothing has happened");
        count_turn();
        assert!(busy.stays_awake(after(2000)));
        count_turn();
        assert!(busy.stays_awake(after(2040)));
        assert!(busy.stays_awake(after(2089)), "from the last turn, not from the first");
        assert!(!busy.stays_awake(after(2090)));
    }
}
