//! The queue between the sessions and the files, and the thread that empties it. Sessions never wait
//! for a lock that is held during I/O.
//!
//! Who commits depends on what is waited for. A sync takes long, so the thread does it for all
//! sessions at once: at once for a statement that runs alone, and when the first of them cannot go on
//! without it for statements that run together. A write takes as long as waking a thread does, so with
//! `Durability::Write` the session that needs its record commits the whole queue itself, and the thread
//! only takes what is left over.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::AuditError;
use super::commit::{Committed, Writer};
use super::record::{Event, Intent, Outcome};
use super::recover::{Resume, resume};
use super::render::Renderer;
use super::settings::{AuditSettings, Durability, OnFailure};
use super::store::{Directory, Store};

/// How long a record may wait for company when nobody waits for it: the next commit takes it along.
const LINGER: Duration = Duration::from_millis(5);
/// So many records are not kept waiting.
const LINGERING: usize = 1024;
/// How long the writer waits before it tries a failed write again.
const RETRY: Duration = Duration::from_millis(100);
/// The number of no record: who waits for it waits for the log to be closed.
const NEVER: u64 = u64::MAX;
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
    /// Taken before `state` by whoever commits; `None` when the log is closed.
    writer: Mutex<Option<Writer>>,
    /// The thread has the writer, perhaps for long.
    at_work: AtomicBool,
    /// Wakes the thread.
    wake: Condvar,
    /// Records up to this number are as safe as the settings ask.
    committed: AtomicU64,
    /// Records up to this number could not be written when it was tried.
    failed: AtomicU64,
    closed: AtomicBool,
    /// Who waits for the three above, and up to which record.
    waiters: Mutex<Vec<(u64, Waker)>>,
    durability: Durability,
    on_failure: OnFailure,
    bound: usize,
}

/// The queue.
#[derive(Debug)]
struct State {
    queue: VecDeque<Entry>,
    next: u64,
    healthy: bool,
    closing: bool,
    /// Records that did not fit while the disk failed and statements went on.
    dropped: u64,
    /// Statements without an outcome.
    running: u64,
    /// Something in the queue is waited for.
    urgent: bool,
    /// The thread waits to be woken. While it is awake nobody has to: it looks again afterwards.
    asleep: bool,
    /// When it looks at the queue by itself.
    alarm: Option<Instant>,
    /// That is soon enough for a record nobody waits for: no need to ask what time it is.
    lingers: bool,
}

/// What is taken from the queue at one time.
pub(super) struct Batch {
    pub(super) entries: VecDeque<Entry>,
    /// Records that did not fit.
    pub(super) dropped: u64,
    /// The number of the last record.
    pub(super) upto: u64,
    pub(super) closing: bool,
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
        let mut store = Directory::open(&settings.path)
            .map_err(failed)?
            .ok_or_else(|| AuditError::Locked { path: settings.path.clone() })?;
        let restored = store.restore().map_err(failed)?;
        let resume = resume(&settings.path, &key.verifying_key(), restored)?;
        store.begin(settings.durability).map_err(failed)?;
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
                running: 0,
                urgent: false,
                asleep: false,
                alarm: None,
                lingers: false,
            }),
            writer: Mutex::new(None),
            at_work: AtomicBool::new(false),
            wake: Condvar::new(),
            committed: AtomicU64::new(first - 1),
            failed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            waiters: Mutex::default(),
            durability: settings.durability,
            on_failure: settings.on_failure,
            bound: settings.queue.max(1),
        });
        let open_failed = |reason: String| AuditError::Open { path: path.clone(), reason };
        let durability = settings.durability;
        let renderer =
            Renderer::new(settings, key, resume).map_err(|error| open_failed(error.to_string()))?;
        let writer = Writer::start(store, renderer, durability)
            .map_err(|error| open_failed(error.to_string()))?;
        *shared.writer() = Some(writer);
        let thread = thread::Builder::new()
            .name("audit".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    // Waiters must not hang when this thread ends, however it ends.
                    let end = AnnounceEnd(shared);
                    end.0.run();
                }
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

    /// Whether a record is as safe as the settings ask; `None` when that has to be waited for. After
    /// an error the statement must not run, or its answer must not leave.
    pub fn settled(&self, recorded: &Recorded) -> Option<Result<(), AuditError>> {
        let shared = &self.handle.shared;
        let number = shared.waited_for(recorded);
        if let Some(reached) = shared.reached(number) {
            return Some(reached);
        }
        if shared.durability != Durability::Write {
            return None;
        }
        shared.commit_here(number);
        let reached = shared.reached(number);
        if reached.is_none() {
            // Somebody else commits, perhaps without this record, or the disk fails.
            shared.hurry();
        }
        reached
    }

    /// Makes the record of a statement as safe as the settings ask if no other statement runs, so
    /// that it is done while the server works. True when the record is safe.
    pub fn settled_alone(&self, recorded: &Recorded) -> bool {
        let shared = &self.handle.shared;
        let alone = shared.durability == Durability::Write && shared.state().running == 1;
        let settled = if alone {
            self.settled(recorded)
        } else {
            shared.reached(shared.waited_for(recorded))
        };
        matches!(settled, Some(Ok(())))
    }

    /// Waits until a record is as safe as the settings ask. After an error the statement must not
    /// run, or its answer must not leave.
    pub async fn durable(&self, recorded: &Recorded) -> Result<(), AuditError> {
        if let Some(settled) = self.settled(recorded) {
            return settled;
        }
        let shared = &self.handle.shared;
        let number = shared.waited_for(recorded);
        shared.hurry();
        shared.wait(number, || shared.reached(number)).await
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
        let shared = &self.handle.shared;
        shared.begin_closing();
        shared.wait(NEVER, || shared.closed.load(Ordering::Acquire).then_some(())).await;
        let next = shared.state().next;
        let all = shared.committed.load(Ordering::Acquire) + 1 >= next;
        if all { Ok(()) } else { Err(AuditError::Unwritable) }
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

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiters(&self) -> MutexGuard<'_, Vec<(u64, Waker)>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
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
        match &item {
            Item::Intent(_) => state.running += 1,
            Item::Outcome { .. } => state.running = state.running.saturating_sub(1),
            Item::Event(_) => {}
        }
        if !state.healthy
            && self.on_failure == OnFailure::Continue
            && state.queue.len() >= self.bound
        {
            state.dropped += 1;
        } else {
            // Who waits for it commits it, or says that it has to be hurried. A statement that runs
            // alone does not have to say so: its record is synced while it runs.
            let at_once = match &item {
                Item::Intent(_) => self.durability == Durability::Fsync && state.running == 1,
                Item::Event(_) => self.durability == Durability::Fsync,
                Item::Outcome { .. } => false,
            };
            state.queue.push_back(Entry { number, item });
            let urgent = at_once || state.queue.len() >= LINGERING;
            state.urgent |= urgent;
            let sleeps = state.asleep && !urgent && !state.lingers;
            let soon = sleeps.then(|| Instant::now() + LINGER);
            state.lingers |= sleeps;
            let late = soon.filter(|soon| state.alarm.is_none_or(|alarm| alarm > *soon));
            if late.is_some() {
                // It sets its alarm and goes on sleeping.
                state.alarm = late;
            }
            if late.is_some() || urgent && std::mem::take(&mut state.asleep) {
                // Only after the lock is free: the thread takes it first thing.
                drop(state);
                self.wake.notify_one();
            }
        }
        Ok(Recorded { query: QueryRef { number, session } })
    }

    /// The number that has to be committed for a record to be safe.
    fn waited_for(&self, recorded: &Recorded) -> u64 {
        match self.durability {
            Durability::Fsync | Durability::Write => recorded.query.number,
            // Only the queue's bound is waited for.
            Durability::Async => recorded.query.number.saturating_sub(self.bound as u64),
        }
    }

    /// What became of the records up to that number; `None` while that is open.
    fn reached(&self, number: u64) -> Option<Result<(), AuditError>> {
        if self.committed.load(Ordering::Acquire) >= number {
            return Some(Ok(()));
        }
        if self.failed.load(Ordering::Acquire) >= number {
            return Some(match self.on_failure {
                OnFailure::Refuse => Err(AuditError::Unwritable),
                OnFailure::Continue => Ok(()),
            });
        }
        self.closed.load(Ordering::Acquire).then_some(Err(AuditError::Closed))
    }

    /// Commits what is queued up to that record, unless that may take long.
    fn commit_here(&self, number: u64) {
        // Another session has it for the time of a write, which is less than being woken takes.
        let slot = if self.at_work.load(Ordering::Acquire) {
            self.writer.try_lock().ok()
        } else {
            Some(self.writer())
        };
        let Some(mut slot) = slot else { return };
        if self.reached(number).is_none()
            && let Some(writer) = slot.as_mut().filter(|writer| writer.is_quick())
            && let Some(batch) = self.take_unless_closing()
        {
            let committed = writer.commit(Some(batch), false);
            self.announce(committed);
        }
    }

    /// Makes the thread commit what is queued.
    fn hurry(&self) {
        let mut state = self.state();
        state.urgent = true;
        if std::mem::take(&mut state.asleep) {
            drop(state);
            self.wake.notify_one();
        }
    }

    fn take(state: &mut State) -> Batch {
        Batch {
            entries: std::mem::take(&mut state.queue),
            dropped: std::mem::take(&mut state.dropped),
            upto: state.next - 1,
            closing: state.closing,
        }
    }

    /// The end of the log is for the thread.
    fn take_unless_closing(&self) -> Option<Batch> {
        let mut state = self.state();
        (!state.closing).then(|| Self::take(&mut state))
    }

    /// Tells the waiters how a commit went. The writer is still locked: what became of an earlier
    /// commit must not be told after a later one.
    fn announce(&self, committed: Committed) {
        match committed {
            Committed::Upto { number, recovered } => {
                if recovered {
                    self.state().healthy = true;
                }
                self.committed.fetch_max(number, Ordering::Release);
            }
            Committed::Failed => {
                let mut state = self.state();
                state.healthy = false;
                self.failed.fetch_max(state.next - 1, Ordering::Release);
            }
        }
        self.tell();
    }

    /// Wakes those whose wait is over.
    fn tell(&self) {
        let mut over = Vec::new();
        {
            let mut waiters = self.waiters();
            let upto = if self.closed.load(Ordering::Acquire) {
                NEVER
            } else {
                let failed = self.failed.load(Ordering::Acquire);
                self.committed.load(Ordering::Acquire).max(failed)
            };
            waiters.retain_mut(|(number, waker)| {
                let waits = *number > upto;
                if !waits {
                    over.push(std::mem::replace(waker, Waker::noop().clone()));
                }
                waits
            });
        }
        over.into_iter().for_each(Waker::wake);
    }

    /// Waits for `outcome`, which is known when records up to `number` are committed or have failed, or
    /// the log is closed.
    async fn wait<T>(&self, number: u64, outcome: impl Fn() -> Option<T>) -> T {
        let mut entered: Option<Waker> = None;
        poll_fn(|cx| {
            if let Some(outcome) = outcome() {
                return Poll::Ready(outcome);
            }
            if entered.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                let mut waiters = self.waiters();
                // Whoever tells has the outcome ready before it looks who waits.
                if let Some(outcome) = outcome() {
                    return Poll::Ready(outcome);
                }
                waiters.push((number, cx.waker().clone()));
                entered = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// The thread's life.
    fn run(&self) {
        let mut due = None;
        let mut failed = false;
        let mut last_attempts = 0;
        let mut seen = 0;
        loop {
            if !failed {
                self.await_work(due);
            }
            self.at_work.store(true, Ordering::Release);
            let mut slot = self.writer();
            let Some(writer) = slot.as_mut() else { return };
            let closing = self.state().closing;
            let batch = (!writer.is_stuck()).then(|| Self::take(&mut self.state()));
            let busy = batch.as_ref().is_some_and(|batch| batch.upto != seen);
            seen = batch.as_ref().map_or(seen, |batch| batch.upto);
            let mut committed = writer.commit(batch, true);
            if matches!(committed, Committed::Upto { .. }) {
                self.announce(committed);
                committed = writer.replace_head_if_due();
            }
            // Records that nobody waits for come soon again: no need to be woken for them.
            due = writer.due().into_iter().chain(busy.then(|| Instant::now() + LINGER)).min();
            let over = writer.is_closed();
            failed = matches!(committed, Committed::Failed);
            last_attempts += u32::from(failed && closing);
            self.announce(committed);
            drop(slot);
            self.at_work.store(false, Ordering::Release);
            if last_attempts >= CLOSING_ATTEMPTS {
                return;
            } else if failed {
                thread::sleep(RETRY);
            } else if over {
                return;
            }
        }
    }

    /// Waits for something urgent, for that time or an earlier one that somebody sets, or for the end.
    fn await_work(&self, due: Option<Instant>) {
        let mut state = self.state();
        state.alarm = due;
        state.lingers = false;
        while !state.urgent && state.dropped == 0 && !state.closing {
            state.asleep = true;
            let Some(alarm) = state.alarm else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let wait = alarm.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            let waited = self.wake.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.asleep = false;
        state.urgent = false;
    }
}

/// Tells the waiters that nothing more will be written.
struct AnnounceEnd(Arc<Shared>);

impl Drop for AnnounceEnd {
    fn drop(&mut self) {
        self.0.state().closing = true;
        // With the writer goes the lock on the directory: another gateway may open it now.
        drop(self.0.writer().take());
        self.0.closed.store(true, Ordering::Release);
        self.0.tell();
    }
}
