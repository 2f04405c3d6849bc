//! Which of several servers the gateway uses: one at a time, for everything it does, so that names
//! in the policy, the catalogue and the statements mean the same server. It stays with a host until
//! that fails or is not what is wanted of it any more; then the first fitting one takes over.
//!
//! Decides from what connection attempts came to; makes none itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A host that failed is left alone for this long, for twice as long after the next failure …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … and at most for this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is asked of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// That it answers.
    Any,
    /// That it takes writes: neither a standby nor read-only by default.
    ReadWrite,
}

/// What is known of the server that a connection goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is the one in use.
    InUse,
    /// Another one has taken over. What has begun there may end there.
    Left,
    /// Another one has taken over because this one did not answer any more.
    Gone,
}

/// One server behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Name or address.
    pub name: String,
    /// TCP port.
    pub port: u16,
    /// What is asked of it.
    pub wanted: Wanted,
}

/// The hosts in order of preference, and what is known of them. Clones share it.
#[derive(Debug, Clone)]
pub struct Hosts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    hosts: Vec<Host>,
    state: Mutex<State>,
    /// Grows whenever connections that exist are not to be used any more.
    epoch: AtomicU64,
    /// Connections of earlier epochs go to a server that does not answer any more.
    gone_before: AtomicU64,
    /// Tells who waits for it that the epoch has changed.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// The one in use.
    chosen: Option<usize>,
    trouble: Vec<Option<Trouble>>,
}

/// A host that did not do last time.
#[derive(Debug)]
struct Trouble {
    reason: String,
    pause: Duration,
    retry_at: Instant,
}

impl Hosts {
    /// Tried in this order.
    pub fn new(hosts: Vec<Host>) -> Self {
        let state = State { chosen: None, trouble: hosts.iter().map(|_| None).collect() };
        Self(Arc::new(Shared {
            hosts,
            state: Mutex::new(state),
            epoch: AtomicU64::new(0),
            gone_before: AtomicU64::new(0),
            changes: watch::Sender::new(0),
        }))
    }

    /// A single host of which nothing is asked.
    pub fn one(name: impl Into<String>, port: u16) -> Self {
        Self::new(vec![Host { name: name.into(), port, wanted: Wanted::Any }])
    }

    /// What is known of the server that connections of that epoch go to.
    pub fn presence(&self, epoch: u64) -> Presence {
        if epoch == self.epoch() {
            Presence::InUse
        } else if epoch < self.0.gone_before.load(Ordering::Relaxed) {
            Presence::Gone
        } else {
            Presence::Left
        }
    }

    /// Connections of another epoch are not to be used any more.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Relaxed)
    }

    /// Each with whether it is the one in use.
    pub fn figures(&self) -> Vec<(String, bool)> {
        let chosen = self.lock().chosen;
        (0..self.0.hosts.len()).map(|index| (self.name(index), chosen == Some(index))).collect()
    }

    /// Changes with the epoch.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The host in use has failed its task: connections to it are not to be used any more, and the
    /// next attempt chooses anew.
    pub(super) fn lost(&self, index: usize, reason: &str) {
        {
            let mut state = self.lock();
            if state.chosen == Some(index) {
                state.chosen = None;
                self.advance();
            }
        }
        self.failed(index, reason);
    }

    /// What to try: the one in use first, then the others in order.
    pub(super) fn order(&self) -> Vec<(usize, &Host)> {
        let chosen = self.lock().chosen;
        let mut order: Vec<(usize, &Host)> = self.0.hosts.iter().enumerate().collect();
        order.sort_by_key(|(index, _)| Some(*index) != chosen);
        order
    }

    /// Before an attempt. `Err` tells why a host is left alone for now. Of those who come when the
    /// pause of a host is over, one gets to try.
    pub(super) fn claim(&self, index: usize) -> Result<(), String> {
        let mut state = self.lock();
        let Some(Some(trouble)) = state.trouble.get_mut(index) else { return Ok(()) };
        let now = Instant::now();
        if now < trouble.retry_at {
            return Err(trouble.reason.clone());
        }
        trouble.retry_at = now + trouble.pause;
        Ok(())
    }

    /// An attempt has failed, or the host is not what is wanted.
    pub(super) fn failed(&self, index: usize, reason: &str) {
        let mut state = self.lock();
        let Some(slot) = state.trouble.get_mut(index) else { return };
        let pause = if let Some(before) = slot {
            (before.pause * 2).min(LONGEST_PAUSE)
        } else {
            tracing::warn!(host = self.name(index), reason, "a database server is not used");
            FIRST_PAUSE
        };
        let retry_at = Instant::now() + pause;
        *slot = Some(Trouble { reason: reason.to_owned(), pause, retry_at });
    }

    /// An attempt has found a host that does. Returns the epoch of the connection; `None` when the
    /// host in use has come back meanwhile, and the connection is not to be used.
    pub(super) fn found(&self, index: usize) -> Option<u64> {
        let mut state = self.lock();
        if let Some(trouble) = state.trouble.get_mut(index) {
            *trouble = None;
        }
        match state.chosen {
            Some(current) if current == index => {}
            Some(current) if state.trouble.get(current).is_some_and(Option::is_none) => {
                return None;
            }
            Some(_) => {
                // Before anybody hears of it.
                let next = self.epoch().wrapping_add(1);
                self.0.gone_before.store(next, Ordering::Relaxed);
                self.choose(&mut state, index);
            }
            None => state.chosen = Some(index),
        }
        Some(self.epoch())
    }

    /// Those that come before the one in use, when nothing but answering was asked of that: it
    /// stands in for them.
    pub(super) fn preferred(&self) -> Vec<(usize, &Host)> {
        let Some(chosen) = self.lock().chosen else { return Vec::new() };
        if self.0.hosts.get(chosen).is_none_or(|host| host.wanted == Wanted::ReadWrite) {
            return Vec::new();
        }
        self.0.hosts.iter().enumerate().take(chosen).collect()
    }

    /// One of them does again.
    pub(super) fn prefer(&self, index: usize) {
        let mut state = self.lock();
        if let Some(trouble) = state.trouble.get_mut(index) {
            *trouble = None;
        }
        if state.chosen != Some(index) {
            self.choose(&mut state, index);
        }
    }

    /// What is asked of that host.
    pub(super) fn wanted(&self, index: usize) -> Wanted {
        self.0.hosts.get(index).map_or(Wanted::Any, |host| host.wanted)
    }

    fn choose(&self, state: &mut State, index: usize) {
        tracing::warn!(host = self.name(index), "another database server is used from now on");
        state.chosen = Some(index);
        self.advance();
    }

    fn advance(&self) {
        let before = self.0.epoch.fetch_add(1, Ordering::Relaxed);
        self.0.changes.send_replace(before.wrapping_add(1));
    }

    fn name(&self, index: usize) -> String {
        let host = self.0.hosts.get(index);
        host.map_or_else(String::new, |host| format!("{}:{}", host.name, host.port))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(wanted: &[Wanted]) -> Hosts {
        let host =
            |(port, wanted): (u16, &Wanted)| Host { name: "h".into(), port, wanted: *wanted };
        Hosts::new((0..).zip(wanted).map(host).collect())
    }

    fn order(hosts: &Hosts) -> Vec<usize> {
        hosts.order().into_iter().map(|(index, _)| index).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_failed_is_asked_by_everybody_at_once_or_never_again() {
        let hosts = hosts(&[Wanted::Any]);
        assert!(hosts.claim(0).is_ok() && hosts.claim(0).is_ok(), "nothing is known against it");
        let mut pause = FIRST_PAUSE;
        for _ in 0..10 {
            hosts.failed(0, "down");
            assert_eq!(hosts.claim(0), Err("down".to_owned()));
            tokio::time::advance(pause).await;
            assert_eq!(hosts.claim(0), Ok(()));
            assert_eq!(hosts.claim(0), Err("down".to_owned()), "a second one tries as well");
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        assert_eq!(hosts.found(0), Some(0));
        assert!(hosts.claim(0).is_ok() && hosts.claim(0).is_ok());
    }

    #[test]
    fn two_hosts_are_used_at_a_time() {
        let hosts = hosts(&[Wanted::ReadWrite; 3]);
        hosts.failed(0, "a standby");
        assert_eq!(hosts.found(1), Some(0));
        assert_eq!(order(&hosts), [1, 0, 2]);
        // Somebody who tried the others because of a failure that is over.
        hosts.failed(1, "a moment");
        assert_eq!(hosts.found(1), Some(0));
        assert_eq!(hosts.found(2), None);
        hosts.failed(1, "down");
        assert_eq!(hosts.epoch(), 0, "what exists may still work");
        assert_eq!(hosts.found(2), Some(1));
        assert_eq!(order(&hosts), [2, 0, 1]);
        // It goes back to none: the old one may believe that it is still the primary.
        assert!(hosts.preferred().is_empty());
        hosts.lost(2, "read-only");
        assert_eq!(hosts.epoch(), 2);
        hosts.lost(2, "read-only");
        assert_eq!(hosts.epoch(), 2);
        assert_eq!(hosts.found(0), Some(2));
        let presence = [0, 1, 2].map(|epoch| hosts.presence(epoch));
        assert_eq!(presence, [Presence::Gone, Presence::Left, Presence::InUse]);
    }

    #[test]
    fn a_stand_in_stays_for_ever() {
        let hosts = hosts(&[Wanted::ReadWrite, Wanted::ReadWrite, Wanted::Any]);
        let changes = hosts.changes();
        hosts.failed(0, "down");
        hosts.failed(1, "a standby");
        assert_eq!(hosts.found(2), Some(0));
        assert_eq!(hosts.preferred().len(), 2);
        hosts.prefer(1);
        assert!(changes.has_changed().unwrap());
        assert_eq!((hosts.epoch(), order(&hosts)), (1, vec![1, 0, 2]));
        assert!(hosts.preferred().is_empty());
    }
}
