//! Who waits for a connection of a pool, for figures and for telling those who waited in vain.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

/// Those who wait, in the order in which they are served.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    next: u64,
    since: BTreeMap<u64, Instant>,
}

/// A place in the line, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'w> {
    waiting: &'w Waiting,
    number: u64,
    /// How many came before it when it was taken.
    pub(super) before: usize,
}

impl Waiting {
    /// The last place.
    pub(super) fn enter(&self) -> Place<'_> {
        let mut line = self.lock();
        let number = line.next;
        line.next = number.wrapping_add(1);
        let before = line.since.len();
        line.since.insert(number, Instant::now());
        Place { waiting: self, number, before }
    }

    /// How many there are, and for how long the first one has waited.
    pub(super) fn figures(&self) -> (usize, Duration) {
        let line = self.lock();
        let longest = line.since.values().min().map_or(Duration::ZERO, Instant::elapsed);
        (line.since.len(), longest)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.lock().since.remove(&self.number);
    }
}
