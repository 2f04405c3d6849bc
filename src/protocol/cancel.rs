//! The numbers that clients get to cancel with, and what they stand for. Ours, never the server's:
//! a client learns nothing about the server's processes and can cancel its own session only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

use super::startup::CancelKey;
use crate::backend::connect::BackendKey;

/// The first minor version of protocol 3 with long cancel keys.
const LONG_KEYS_SINCE: u16 = 2;

/// All sessions that can be cancelled.
#[derive(Debug, Clone, Default)]
pub struct CancelRegistry {
    sessions: Arc<Mutex<HashMap<u32, Arc<Entry>>>>,
}

struct Entry {
    secret: Box<[u8]>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Arc<BackendKey>>,
    /// How many requests are under way.
    requests: u32,
}

/// What runs, held until a cancel request for it has been delivered.
#[derive(Debug)]
pub struct Running {
    key: Arc<BackendKey>,
    entry: Arc<Entry>,
}

impl Running {
    /// Names the server's process.
    pub fn key(&self) -> &BackendKey {
        &self.key
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.entry.lock();
        state.requests = state.requests.saturating_sub(1);
    }
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(self: &Arc<Self>) -> Option<Running> {
        let mut state = self.lock();
        let key = Arc::clone(state.running.as_ref()?);
        state.requests = state.requests.saturating_add(1);
        Some(Running { key, entry: Arc::clone(self) })
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("running", &self.lock().running).finish_non_exhaustive()
    }
}

/// A session's place in the registry; dropped, nobody can cancel it any more.
#[derive(Debug)]
pub struct Registration {
    registry: CancelRegistry,
    id: u32,
    entry: Arc<Entry>,
}

impl CancelRegistry {
    /// A new key, for a client that speaks this minor version of protocol 3.
    pub fn register(&self, minor: u16) -> Registration {
        let secret: Box<[u8]> = if minor >= LONG_KEYS_SINCE {
            Box::new(rand::random::<[u8; 32]>())
        } else {
            Box::new(rand::random::<[u8; 4]>())
        };
        let entry = Arc::new(Entry { secret, state: Mutex::default() });
        let mut sessions = self.lock();
        let id = loop {
            // Clients read it as a signed process id: positive.
            let id = rand::random::<u32>() >> 1;
            if id != 0 && !sessions.contains_key(&id) {
                break id;
            }
        };
        sessions.insert(id, Arc::clone(&entry));
        drop(sessions);
        Registration { registry: self.clone(), id, entry }
    }

    /// What to cancel on the server for a request; `None` when the key is wrong or nothing runs.
    pub fn find(&self, request: &CancelKey) -> Option<Running> {
        let entry = Arc::clone(self.lock().get(&request.id)?);
        if bool::from(entry.secret.ct_eq(&request.secret)) { entry.running() } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arc<Entry>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// The number that BackendKeyData tells the client.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The secret that goes with it.
    pub fn secret(&self) -> &[u8] {
        &self.entry.secret
    }

    /// Says which server connection the session has.
    pub fn set_running(&self, running: Arc<BackendKey>) {
        self.entry.lock().running = Some(running);
    }

    /// What the session runs on, for cancelling it.
    pub fn running(&self) -> Option<Running> {
        self.entry.running()
    }

    /// Before the session gives its connection back: from now on no request finds it. False when
    /// one is under way that may still hit it; then nobody must use it any more.
    pub fn stop_running(&self) -> bool {
        let mut state = self.entry.lock();
        state.running = None;
        state.requests == 0
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.id);
        // A request that has found the entry already finds nothing in it.
        self.entry.lock().running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_of_a_living_session_cancels_it() {
        let registry = CancelRegistry::default();
        let host = ("localhost".into(), 5432);
        let key = Arc::new(BackendKey { host, process_id: 7, secret: 8, epoch: 0 });
        for (minor, length) in [(0, 4), (2, 32)] {
            let session = registry.register(minor);
            let request = CancelKey { id: session.id(), secret: session.secret().to_vec() };
            assert_eq!(request.secret.len(), length);
            assert!(registry.find(&request).is_none());
            session.set_running(Arc::clone(&key));
            let under_way = registry.find(&request).unwrap();
            assert_eq!(under_way.key(), &*key);
            assert!(!session.stop_running(), "the next session would be hit");
            drop(under_way);
            assert!(session.stop_running());
            session.set_running(Arc::clone(&key));
            let mut wrong = request.clone();
            wrong.secret[0] ^= 1;
            assert!(registry.find(&wrong).is_none());
            wrong.secret = request.secret[..length - 1].to_vec();
            assert!(registry.find(&wrong).is_none());
            assert!(session.stop_running());
            assert!(registry.find(&request).is_none());
            session.set_running(Arc::clone(&key));
            drop(session);
            assert!(registry.find(&request).is_none());
        }
    }
}
