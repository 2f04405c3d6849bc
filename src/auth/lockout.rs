//! Counts failed logins per login and address and says when to stop listening. Pure: time comes in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The most (login, address) pairs remembered; beyond it the longest known one is forgotten.
const CAPACITY: usize = 65_536;

/// When to lock, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutSettings {
    /// This many failures …
    pub failures: u32,
    /// … within this time …
    pub window: Duration,
    /// … lock the login from that address for this long.
    pub duration: Duration,
}

/// The failures of the recent past.
#[derive(Debug)]
pub struct Lockout {
    settings: LockoutSettings,
    failed: HashMap<(String, IpAddr), Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    since: Instant,
    locked: Option<Instant>,
}

impl Lockout {
    /// Nothing has failed yet.
    pub fn new(settings: LockoutSettings) -> Self {
        Self { settings, failed: HashMap::new() }
    }

    /// Whether logins of `login` from `address` are refused now.
    pub fn is_locked(&self, login: &str, address: IpAddr, now: Instant) -> bool {
        self.failed
            .get(&(login.to_owned(), address))
            .and_then(|failures| failures.locked)
            .is_some_and(|since| now.saturating_duration_since(since) < self.settings.duration)
    }

    /// Counts a failure.
    pub fn failed(&mut self, login: &str, address: IpAddr, now: Instant) {
        let key = (login.to_owned(), address);
        if self.failed.len() >= CAPACITY && !self.failed.contains_key(&key) {
            self.make_room(now);
        }
        let LockoutSettings { failures: limit, window, .. } = self.settings;
        let entry =
            self.failed.entry(key).or_insert(Failures { count: 0, since: now, locked: None });
        if now.saturating_duration_since(entry.since) > window {
            *entry = Failures { count: 0, since: now, locked: entry.locked };
        }
        entry.count = entry.count.saturating_add(1);
        if entry.count >= limit {
            *entry = Failures { count: 0, since: now, locked: Some(now) };
        }
    }

    /// A login that worked wipes the slate.
    pub fn succeeded(&mut self, login: &str, address: IpAddr) {
        self.failed.remove(&(login.to_owned(), address));
    }

    fn make_room(&mut self, now: Instant) {
        let longest = self.settings.window.max(self.settings.duration);
        self.failed.retain(|_, entry| now.saturating_duration_since(entry.since) <= longest);
        if self.failed.len() >= CAPACITY
            && let Some(oldest) = self.failed.values().map(|entry| entry.since).min()
        {
            self.failed.retain(|_, entry| entry.since != oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: (&str, IpAddr) = ("alice", IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn lockout() -> Lockout {
        Lockout::new(LockoutSettings {
            failures: 3,
            window: Duration::from_secs(60),
            duration: Duration::from_secs(600),
        })
    }

    #[test]
    fn guessing_is_stopped_after_the_last_allowed_failure_and_for_that_long_only() {
        let (mut lockout, start) = (lockout(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        lockout.failed(ALICE.0, ALICE.1, at(0));
        lockout.failed(ALICE.0, ALICE.1, at(1));
        assert!(!lockout.is_locked(ALICE.0, ALICE.1, at(2)));
        lockout.failed(ALICE.0, ALICE.1, at(2));
        assert!(lockout.is_locked(ALICE.0, ALICE.1, at(601)));
        assert!(!lockout.is_locked(ALICE.0, ALICE.1, at(602)));
        assert!(!lockout.is_locked("bob", ALICE.1, at(3)));
        assert!(!lockout.is_locked(ALICE.0, "10.0.0.1".parse().unwrap(), at(3)));
    }

    #[test]
    fn slow_failures_and_failures_before_a_success_do_not_lock() {
        let (mut lockout, start) = (lockout(), Instant::now());
        for minute in 0..10 {
            lockout.failed(ALICE.0, ALICE.1, start + Duration::from_secs(minute * 61));
        }
        assert!(!lockout.is_locked(ALICE.0, ALICE.1, start + Duration::from_secs(611)));
        lockout.succeeded(ALICE.0, ALICE.1);
        lockout.failed(ALICE.0, ALICE.1, start);
        lockout.failed(ALICE.0, ALICE.1, start);
        assert!(!lockout.is_locked(ALICE.0, ALICE.1, start));
    }

    #[test]
    fn a_flood_of_logins_does_not_grow_the_table_without_bound() {
        let (mut lockout, start) = (lockout(), Instant::now());
        for number in 0..CAPACITY + 100 {
            let now = start + Duration::from_micros(number as u64);
            lockout.failed(&number.to_string(), ALICE.1, now);
        }
        assert!(lockout.failed.len() <= CAPACITY);
    }
}
