//! Waits without sleep. A thread that sleeps has to be woken, and on a virtual machine whose
//! processors halt when they have nothing to do that takes longer than a statement takes here.

use std::cell::{Cell, OnceCell};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

// A lane is a thread: what belongs to it ends with it.
thread_local! {
    /// How often the sessions of this lane had something to do. Not a part of the sessions: the
    /// future of one that is idle would grow.
    static TURNS: Cell<u64> = const { Cell::new(0) };
    static QUIET: Cell<Option<Quiet>> = const { Cell::new(None) };
    static LANE: OnceCell<Waker> = const { OnceCell::new() };
}

/// Since when nothing has happened.
#[derive(Clone, Copy)]
struct Quiet {
    turns: u64,
    since: Instant,
}

/// A session of this thread's lane has something to do.
pub(super) fn count_turn() {
    TURNS.set(TURNS.get().wrapping_add(1));
}

/// What wakes this thread's lane itself, as opposed to one of its sessions.
pub(super) fn is_woken_by(lane: &Waker) {
    LANE.with(|known| {
        known.get_or_init(|| lane.clone());
    });
}

/// This thread's lane is about to sleep. For as long as it has patience after its last turn it is
/// woken at once, and then only looks whether something has arrived.
pub(super) fn before_sleep(patience: Duration) {
    if stays_awake(patience, Instant::now()) {
        LANE.with(|lane| lane.get().map(Waker::wake_by_ref));
        // Others may use the processor that is kept.
        thread::yield_now();
    }
}

fn stays_awake(patience: Duration, now: Instant) -> bool {
    let turns = TURNS.get();
    let quiet = match QUIET.get() {
        Some(quiet) if quiet.turns == turns => quiet,
        Some(_) | None => Quiet { turns, since: now },
    };
    QUIET.set(Some(quiet));
    now.saturating_duration_since(quiet.since) < patience
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_without_work_sleeps_after_its_patience_and_not_before() {
        let start = Instant::now();
        let awake = |now| stays_awake(Duration::from_micros(50), now);
        let after = |micros| start + Duration::from_micros(micros);
        count_turn();
        assert!(awake(after(10)));
        assert!(awake(after(59)));
        assert!(!awake(after(60)));
        assert!(!awake(after(1000)), "it slept, and nothing has happened");
        count_turn();
        assert!(awake(after(2000)));
        count_turn();
        assert!(awake(after(2040)));
        assert!(awake(after(2089)), "from the last turn, not from the first");
        assert!(!awake(after(2090)));
    }
}
