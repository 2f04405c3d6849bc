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
    sessions: Arc<Mutex<HashMap<u32, Entry>>>,
}

struct Entry {
    secret: Vec<u8>,
    running: Option<BackendKey>,
    /// One reference for each request that is under way, and its own.
    requests: Arc<()>,
}

/// What runs, held until a cancel request for it has been delivered.
#[derive(Debug)]
pub struct Running {
    key: BackendKey,
    _request: Arc<()>,
}

impl Running {
    /// Names the server's process.
    pub fn key(&self) -> &BackendKey {
        &self.key
    }
}

impl Entry {
    fn running(&self) -> Option<Running> {
        let key = self.running.clone()?;
        Some(Running { key, _request: Arc::clone(&self.requests) })
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("running", &self.running).finish_non_exhaustive()
    }
}

/// A session's place in the registry; dropped, nobody can cancel it any more.
#[derive(Debug)]
pub struct Registration {
    registry: CancelRegistry,
    key: CancelKey,
}

impl CancelRegistry {
    /// A new key, for a client that speaks this minor version of protocol 3.
    pub fn register(&self, minor: u16) -> Registration {
        let secret = if minor >= LONG_KEYS_SINCE {
            rand::random::<[u8; 32]>().to_vec()
        } else {
            rand::random::<[u8; 4]>().to_vec()
        };
        let mut sessions = self.lock();
        let id = loop {
            // Clients read it as a signed process id: positive.
            let id = rand::random::<u32>() >> 1;
            if id != 0 && !sessions.contains_key(&id) {
                break id;
            }
        };
        let entry = Entry { secret: secret.clone(), running: None, requests: Arc::default() };
        sessions.insert(id, entry);
        drop(sessions);
        Registration { registry: self.clone(), key: CancelKey { id, secret } }
    }

    /// What to cancel on the server for a request; `None` when the key is wrong or nothing runs.
    pub fn find(&self, request: &CancelKey) -> Option<Running> {
        let sessions = self.lock();
        let entry = sessions.get(&request.id)?;
        if bool::from(entry.secret.ct_eq(&request.secret)) { entry.running() } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// What BackendKeyData tells the client.
    pub fn key(&self) -> &CancelKey {
        &self.key
    }

    /// Says which server connection the session has.
    pub fn set_running(&self, running: Option<BackendKey>) {
        if let Some(entry) = self.registry.lock().get_mut(&self.key.id) {
            entry.running = running;
        }
    }

    /// What the session runs on, for cancelling it.
    pub fn running(&self) -> Option<Running> {
        self.registry.lock().get(&self.key.id)?.running()
    }

    /// Before the session gives its connection back: from now on no request finds it. False when
    /// one is under way that may still hit it; then nobody must use it any more.
    pub fn stop_running(&self) -> bool {
        self.registry.lock().get_mut(&self.key.id).is_none_or(|entry| {
            entry.running = None;
            Arc::strong_count(&entry.requests) == 1
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.key.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_of_a_living_session_cancels_it() {
        let registry = CancelRegistry::default();
        let key =
            BackendKey { host: ("localhost".into(), 5432), process_id: 7, secret: 8, epoch: 0 };
        for (minor, length) in [(0, 4), (2, 32)] {
            let session = registry.register(minor);
            let request = session.key().clone();
            assert_eq!(request.secret.len(), length);
            assert!(registry.find(&request).is_none());
            session.set_running(Some(key.clone()));
            let under_way = registry.find(&request).unwrap();
            assert_eq!(under_way.key(), &key);
            assert!(!session.stop_running(), "the next session would be hit");
            drop(under_way);
            assert!(session.stop_running());
            session.set_running(Some(key.clone()));
            let mut wrong = request.clone();
            wrong.secret[0] ^= 1;
            assert!(registry.find(&wrong).is_none());
            wrong.secret = request.secret[..length - 1].to_vec();
            assert!(registry.find(&wrong).is_none());
            session.set_running(None);
            assert!(registry.find(&request).is_none());
            session.set_running(Some(key.clone()));
            drop(session);
            assert!(registry.find(&request).is_none());
        }
    }
}
