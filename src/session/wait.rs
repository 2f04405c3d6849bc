//! What a session waits for besides bytes: news of the process, and the end of the time that its
//! statement has. Both outlive a turn of the session, because most turns change neither: asking the
//! runtime for a timer and for a place among the waiters each time would cost more than the turn.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::Sleep;

use super::Phase;

/// The process is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// The edition after which none follows.
const LAST: u64 = u64::MAX;

/// Where sessions learn news of the process: a change of the rules, or of what is asked of them.
/// One for all of them: a session that waits has a waker here, and nothing else.
#[derive(Debug)]
pub struct Board {
    changes: watch::Receiver<u64>,
    phase: watch::Receiver<Phase>,
    /// Grows with each piece of news, before anybody is woken for it.
    edition: AtomicU64,
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    wakers: Vec<Option<Waker>>,
    /// Places that are empty.
    free: Vec<usize>,
}

impl Board {
    /// Tells of both. Nothing is told before [`Self::deliver`] runs.
    pub fn new(changes: watch::Receiver<u64>, phase: watch::Receiver<Phase>) -> Arc<Self> {
        let (edition, readers) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Self { changes, phase, edition, readers })
    }

    /// What the process asks of sessions.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Wakes the sessions for each piece of news, until the process is gone.
    pub async fn deliver(self: Arc<Self>) {
        let (mut changes, mut phase) = (self.changes.clone(), self.phase.clone());
        loop {
            let more = tokio::select! {
                changed = changes.changed() => changed.is_ok(),
                changed = phase.changed() => changed.is_ok(),
            };
            if more {
                self.edition.fetch_add(1, Ordering::Release);
            } else {
                self.edition.store(LAST, Ordering::Release);
            }
            // Whoever takes a place after this looks at the edition afterwards.
            self.lock().wakers.iter().flatten().for_each(Waker::wake_by_ref);
            if !more {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readers {
    fn enter(&mut self, waker: Waker) -> usize {
        let place = self.free.pop().unwrap_or(self.wakers.len());
        if place == self.wakers.len() {
            self.wakers.push(None);
        }
        self.set(place, Some(waker));
        place
    }

    fn set(&mut self, place: usize, waker: Option<Waker>) {
        if let Some(slot) = self.wakers.get_mut(place) {
            *slot = waker;
        }
    }
}

/// One session's look at the board.
#[derive(Debug)]
pub(super) struct News {
    board: Arc<Board>,
    /// The edition it has read.
    read: u64,
    /// What the session was told last.
    asked: Phase,
    /// Its place on the board, and who is woken there.
    place: Option<(usize, Waker)>,
}

impl News {
    /// News from before are news to it: what it was made from may be older.
    pub(super) fn new(board: Arc<Board>) -> Self {
        let asked = *board.phase.borrow();
        Self { board, read: 0, asked, place: None }
    }

    /// What the process asks of the session.
    pub(super) fn asked(&self) -> Phase {
        self.asked
    }

    /// Ready when there is news.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Gone>> {
        if self.place.as_ref().is_none_or(|(_, waker)| !waker.will_wake(cx.waker())) {
            self.leave();
            let place = self.board.lock().enter(cx.waker().clone());
            self.place = Some((place, cx.waker().clone()));
        }
        let edition = self.board.edition.load(Ordering::Acquire);
        if edition == self.read {
            return Poll::Pending;
        }
        self.read = edition;
        self.asked = *self.board.phase.borrow();
        Poll::Ready(if edition == LAST { Err(Gone) } else { Ok(()) })
    }

    fn leave(&mut self) {
        if let Some((place, _)) = self.place.take() {
            let mut readers = self.board.lock();
            readers.set(place, None);
            readers.free.push(place);
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A timer for deadlines that mostly move on before they are reached.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready at that time; never without one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, time: Option<Instant>) -> Poll<()> {
        let Some(time) = time.map(tokio::time::Instant::from_std) else {
            if self.0.as_ref().is_some_and(|sleep| sleep.is_elapsed()) {
                // It has woken a session that waits for its client.
                self.0 = None;
            }
            return Poll::Pending;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(time)));
        if sleep.deadline() > time {
            sleep.as_mut().reset(time);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            // It was set for an earlier deadline.
            if sleep.deadline() < time {
                sleep.as_mut().reset(time);
                continue;
            }
            self.0 = None;
            return Poll::Ready(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;
    use std::thread;
    use std::time::Duration;

    use super::*;

    struct Sleeper(thread::Thread, AtomicBool);

    impl Sleeper {
        /// Whether it was woken since the last time, or is within ten seconds.
        fn woken(&self) -> bool {
            for _ in 0..200 {
                if self.1.load(Ordering::Acquire) {
                    break;
                }
                thread::park_timeout(Duration::from_millis(50));
            }
            self.1.swap(false, Ordering::AcqRel)
        }
    }

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.1.store(true, Ordering::Release);
            self.0.unpark();
        }
    }

    fn deliver(board: &Arc<Board>) {
        let board = Arc::clone(board);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        thread::spawn(move || runtime.block_on(board.deliver()));
    }

    #[test]
    fn news_that_comes_while_other_news_is_read_wakes_nobody_for_what_follows() {
        let (_changes, changed) = watch::channel(0);
        let (phase, asked) = watch::channel(Phase::Open);
        let board = Board::new(changed, asked);
        deliver(&board);
        let mut news = News::new(board);
        let teller = thread::spawn(move || {
            for n in 0..300_000 {
                phase.send_replace(if n % 2 == 0 { Phase::Draining } else { Phase::Open });
            }
            phase.send_replace(Phase::Stopping);
            phase
        });
        let sleeper = Arc::new(Sleeper(thread::current(), AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&sleeper));
        while news.asked() != Phase::Stopping {
            if news.poll(&Context::from_waker(&waker)).is_pending() {
                assert!(sleeper.woken(), "nobody was woken");
            }
        }
        drop(teller.join());
    }

    #[test]
    fn a_session_hears_nothing_of_what_came_before_it_or_when_the_process_is_gone() {
        let (changes, changed) = watch::channel(0);
        let (phase, asked) = watch::channel(Phase::Open);
        let board = Board::new(changed, asked);
        deliver(&board);
        let sleeper = Arc::new(Sleeper(thread::current(), AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&sleeper));
        let cx = Context::from_waker(&waker);
        let mut early = News::new(Arc::clone(&board));
        assert!(early.poll(&cx).is_pending());
        changes.send_replace(1);
        assert!(sleeper.woken());
        assert!(matches!(early.poll(&cx), Poll::Ready(Ok(()))));
        assert!(early.poll(&cx).is_pending());
        let mut late = News::new(Arc::clone(&board));
        assert!(matches!(late.poll(&cx), Poll::Ready(Ok(()))));
        drop((changes, phase));
        assert!(sleeper.woken());
        assert!(matches!(early.poll(&cx), Poll::Ready(Err(Gone))));
        assert!(matches!(late.poll(&cx), Poll::Ready(Err(Gone))));
    }

    #[test]
    fn sessions_that_are_gone_keep_their_places() {
        let (_changes, changed) = watch::channel(0);
        let (_phase, asked) = watch::channel(Phase::Open);
        let board = Board::new(changed, asked);
        for _ in 0..1000 {
            let mut here: Vec<News> = (0..3).map(|_| News::new(Arc::clone(&board))).collect();
            for news in &mut here {
                assert!(news.poll(&Context::from_waker(Waker::noop())).is_pending());
            }
        }
        let readers = board.lock();
        assert_eq!((readers.wakers.len(), readers.free.len()), (3, 3));
        assert!(readers.wakers.iter().all(Option::is_none));
    }
}
