//! The writer thread: takes records from the sessions in order, chains them, commits them in
//! groups, and tells the sessions. Sessions never wait for a lock that is held during I/O.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::AuditError;
use super::record::{Event, Intent, Outcome};
use super::recover::{Resume, resume};
use super::render::Renderer;
use super::settings::{AuditSettings, Durability, OnFailure};
use super::store::{Directory, Store};

/// How long the outcome of a statement may wait for company. Nobody waits for it, and the next intent
/// takes it along: one wake-up and one commit for both.
const LINGER: Duration = Duration::from_millis(1);
/// So many records are not kept waiting.
const LINGERING: usize = 256;
/// How long the writer waits before it tries a failed write again.
const RETRY: Duration = Duration::from_millis(100);
/// How often a closing log tries a failing disk.
const CLOSING_ATTEMPTS: u32 = 10;

/// The log, as sessions use it. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Audit {
    handle: Arc<Handle>,
}

/// A record was accepted: the witness without which no statement runs. Only the log makes it.
#[derive(Debug)]
#[must_use = "the record is safe only after `durable`"]
pub struct Recorded {
    query: QueryRef,
}

/// Names a recorded statement, for its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueryRef {
    number: u64,
    session: u64,
}

impl Recorded {
    /// Names the statement for its outcome.
    pub fn query(&self) -> QueryRef {
        self.query
    }

    /// The record's number: unique in the log and ascending in the order of the records.
    pub fn number(&self) -> u64 {
        self.query.number
    }
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    progress: watch::Sender<Progress>,
    durability: Durability,
    on_failure: OnFailure,
    bound: usize,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Entry>,
    next: u64,
    healthy: bool,
    closing: bool,
    /// Records that did not fit while the disk failed and statements went on.
    dropped: u64,
    /// Something in the queue is waited for.
    urgent: bool,
    /// The writer waits to be woken. While it is awake nobody has to: it looks again afterwards.
    asleep: bool,
    /// When it looks at the queue by itself.
    alarm: Option<Instant>,
}

/// What waiters look at. Numbers are those of [`Recorded::number`].
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    committed: u64,
    failed: u64,
    closed: bool,
}

/// One record in the queue.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) item: Item,
}

#[derive(Debug)]
pub(super) enum Item {
    Intent(Box<Intent>),
    Outcome { query: u64, session: u64, outcome: Outcome },
    Event(Event),
}

impl Audit {
    /// Opens the log, repairs what a killed run left behind, and starts the writer.
    pub fn open(settings: AuditSettings) -> Result<Self, AuditError> {
        let failed = |error: std::io::Error| AuditError::Open {
            path: settings.path.clone(),
            reason: error.to_string(),
        };
        let key = settings.signing_key.load()?;
        let store = Directory::open(&settings.path)
            .map_err(failed)?
            .ok_or_else(|| AuditError::Locked { path: settings.path.clone() })?;
        let resume = resume(&settings.path, &key.verifying_key())?;
        Self::start(settings, key, resume, Box::new(store))
    }

    /// Starts the writer on a store whose end is known.
    pub(super) fn start(
        settings: AuditSettings,
        key: ed25519_dalek::SigningKey,
        resume: Resume,
        store: Box<dyn Store>,
    ) -> Result<Self, AuditError> {
        let first = resume.tip.seq + 1;
        let path = settings.path.clone();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                next: first,
                healthy: true,
                closing: false,
                dropped: 0,
                urgent: false,
                asleep: false,
                alarm: None,
            }),
            wake: Condvar::new(),
            progress: watch::Sender::new(Progress { committed: first - 1, ..Progress::default() }),
            durability: settings.durability,
            on_failure: settings.on_failure,
            bound: settings.queue.max(1),
        });
        let open_failed = |reason: String| AuditError::Open { path: path.clone(), reason };
        let mut writer = Writer {
            shared: Arc::clone(&shared),
            store,
            renderer: Renderer::new(settings, key, resume)
                .map_err(|error| open_failed(error.to_string()))?,
        };
        writer.write_pending().map_err(|error| open_failed(error.to_string()))?;
        let thread = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                // Waiters must not hang when this thread ends, however it ends. Announced after
                // the writer is gone, and with it the lock on the directory.
                let _announce = AnnounceEnd(Arc::clone(&writer.shared));
                writer.run();
            })
            .map_err(|error| open_failed(error.to_string()))?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Records a statement that is about to run. Does not wait.
    pub fn intent(&self, intent: Intent) -> Result<Recorded, AuditError> {
        let shared = &self.handle.shared;
        let state = shared.state();
        if !state.healthy && shared.on_failure == OnFailure::Refuse {
            return Err(AuditError::Unwritable);
        }
        let session = intent.who.session;
        shared.push(state, session, Item::Intent(Box::new(intent)))
    }

    /// Records anything that is not a statement's intent or outcome. Does not wait.
    pub fn event(&self, event: Event) -> Result<Recorded, AuditError> {
        let shared = &self.handle.shared;
        let state = shared.state();
        if !state.healthy
            && shared.on_failure == OnFailure::Refuse
            && state.queue.len() >= shared.bound
        {
            return Err(AuditError::Unwritable);
        }
        let session = match &event {
            Event::Refused(refused) => refused.who.session,
            Event::Login { who, .. }
            | Event::LoginFailed { who, .. }
            | Event::Logout { who, .. } => who.session,
            Event::Policy(_)
            | Event::Directory(_)
            | Event::Start { .. }
            | Event::Stop { .. }
            | Event::Alert { .. } => 0,
        };
        shared.push(state, session, Item::Event(event))
    }

    /// Records how a statement ended. Never waits and never drops: there is one for each intent.
    pub fn outcome(&self, query: QueryRef, outcome: Outcome) {
        let shared = &self.handle.shared;
        let state = shared.state();
        let item = Item::Outcome { query: query.number, session: query.session, outcome };
        if shared.push(state, query.session, item).is_err() {
            tracing::error!(query = query.number, "an outcome came after the audit log was closed");
        }
    }

    /// Waits until a record is as safe as the settings ask. After an error the statement must not
    /// run, or its answer must not leave.
    pub async fn durable(&self, recorded: &Recorded) -> Result<(), AuditError> {
        let shared = &self.handle.shared;
        let number = match shared.durability {
            Durability::Fsync | Durability::Write => recorded.query.number,
            // Only the queue's bound is waited for.
            Durability::Async => recorded.query.number.saturating_sub(shared.bound as u64),
        };
        let mut progress = shared.progress.subscribe();
        let reached = progress
            .wait_for(|progress| {
                progress.committed >= number || progress.failed >= number || progress.closed
            })
            .await
            .map_err(|_| AuditError::Closed)?;
        if reached.committed >= number {
            Ok(())
        } else if reached.failed >= number {
            match shared.on_failure {
                OnFailure::Refuse => Err(AuditError::Unwritable),
                OnFailure::Continue => Ok(()),
            }
        } else {
            Err(AuditError::Closed)
        }
    }

    /// Whether records can be written at the moment.
    pub fn healthy(&self) -> bool {
        let state = self.handle.shared.state();
        state.healthy && !state.closing
    }

    /// How many records wait to be written.
    pub fn queued(&self) -> usize {
        self.handle.shared.state().queue.len()
    }

    /// Writes what is queued and the closing record. Later records are refused.
    pub async fn close(&self) -> Result<(), AuditError> {
        self.handle.shared.begin_closing();
        let mut progress = self.handle.shared.progress.subscribe();
        let last =
            *progress.wait_for(|progress| progress.closed).await.map_err(|_| AuditError::Closed)?;
        let next = self.handle.shared.state().next;
        if last.committed + 1 >= next { Ok(()) } else { Err(AuditError::Unwritable) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.begin_closing();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the audit writer ended with a panic");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_closing(&self) {
        self.state().closing = true;
        self.wake.notify_one();
    }

    fn push(
        &self,
        mut state: MutexGuard<'_, State>,
        session: u64,
        item: Item,
    ) -> Result<Recorded, AuditError> {
        if state.closing {
            return Err(AuditError::Closed);
        }
        let number = state.next;
        state.next += 1;
        if !state.healthy
            && self.on_failure == OnFailure::Continue
            && state.queue.len() >= self.bound
        {
            state.dropped += 1;
        } else {
            let urgent = match &item {
                Item::Intent(_) | Item::Event(_) => true,
                Item::Outcome { .. } if state.asleep => {
                    let soon = Instant::now() + LINGER;
                    state.alarm.is_none_or(|alarm| alarm > soon) || state.queue.len() >= LINGERING
                }
                Item::Outcome { .. } => false,
            };
            state.queue.push_back(Entry { number, item });
            state.urgent |= urgent;
            if urgent && std::mem::take(&mut state.asleep) {
                // Only after the lock is free: the writer takes it first thing.
                drop(state);
                self.wake.notify_one();
            }
        }
        Ok(Recorded { query: QueryRef { number, session } })
    }
}

struct Writer {
    shared: Arc<Shared>,
    store: Box<dyn Store>,
    renderer: Renderer,
}

impl Writer {
    fn run(mut self) {
        let mut n_entries = 0;
        loop {
            let (entries, dropped, upto, closing) = self.next_batch(n_entries > 0);
            n_entries = entries.len();
            for entry in entries {
                self.renderer.entry(entry);
            }
            if dropped > 0 {
                self.renderer.lost(dropped);
            }
            if closing {
                self.renderer.close("stop");
            } else {
                self.renderer.checkpoint_if_due();
            }
            if !self.commit(upto, closing) {
                return;
            }
            if n_entries > 0 {
                metrics::counter!("rowgate_audit_records_total").increment(n_entries as u64);
            }
            if closing {
                return;
            }
        }
    }

    /// Waits for records, for the time of the next checkpoint or head, or for the end. After
    /// records (`busy`) it looks once more soon: outcomes do not wake it then.
    fn next_batch(&mut self, busy: bool) -> (VecDeque<Entry>, u64, u64, bool) {
        let due = self.renderer.due();
        let mut soon = busy.then(|| Instant::now() + LINGER);
        let mut state = self.shared.state();
        while !state.urgent && state.dropped == 0 && !state.closing {
            let alarm = due.into_iter().chain(soon).min();
            state.alarm = alarm;
            state.asleep = true;
            let Some(alarm) = alarm else {
                state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let wait = alarm.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                let waited = self.shared.wake.wait_timeout(state, wait);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if !state.queue.is_empty() || Some(alarm) == due {
                break;
            } else {
                soon = None;
            }
        }
        state.asleep = false;
        state.urgent = false;
        let entries = std::mem::take(&mut state.queue);
        let dropped = std::mem::take(&mut state.dropped);
        (entries, dropped, state.next - 1, state.closing)
    }

    /// Writes what is rendered, again and again until it works. `false`: gave up, at the end.
    fn commit(&mut self, upto: u64, closing: bool) -> bool {
        let mut attempts = 0;
        loop {
            match self.write_pending() {
                Ok(()) => {
                    if !std::mem::replace(&mut self.shared.state().healthy, true) {
                        tracing::warn!("the audit log is written again");
                    }
                    metrics::gauge!("rowgate_audit_healthy").set(1.0);
                    self.shared.progress.send_modify(|progress| progress.committed = upto);
                    return true;
                }
                Err(error) => {
                    attempts += 1;
                    tracing::error!(%error, attempts, "the audit log cannot be written");
                    metrics::gauge!("rowgate_audit_healthy").set(0.0);
                    metrics::counter!("rowgate_audit_write_failures_total").increment(1);
                    let failed = {
                        let mut state = self.shared.state();
                        state.healthy = false;
                        state.next - 1
                    };
                    self.shared.progress.send_modify(|progress| progress.failed = failed);
                    if closing && attempts >= CLOSING_ATTEMPTS {
                        return false;
                    }
                    thread::sleep(RETRY);
                }
            }
        }
    }

    fn write_pending(&mut self) -> std::io::Result<()> {
        let durable = self.shared.durability == Durability::Fsync;
        let mut wrote = false;
        for chunk in self.renderer.pending() {
            self.store.write(chunk.segment, chunk.offset, &chunk.bytes)?;
            metrics::counter!("rowgate_audit_bytes_total").increment(chunk.bytes.len() as u64);
            wrote = true;
        }
        if wrote && durable {
            self.store.sync()?;
            metrics::counter!("rowgate_audit_syncs_total").increment(1);
        }
        self.renderer.written();
        if let Some(head) = self.renderer.head_if_due() {
            self.store.replace_head(&head, durable)?;
            self.renderer.head_written();
        }
        Ok(())
    }
}

/// Tells the waiters that nothing more will be written.
struct AnnounceEnd(Arc<Shared>);

impl Drop for AnnounceEnd {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closing = true;
        drop(state);
        self.0.progress.send_modify(|progress| progress.closed = true);
    }
}
