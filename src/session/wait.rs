//! What a session waits for besides bytes: news of the process, and the end of the time that its
//! statement has. Both outlive a turn of the session, because most turns change neither: asking the
//! runtime for a timer and for a place among the waiters each time would cost more than the turn.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::Sleep;

use super::Phase;

/// The process is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Resolves when there is news.
type Next = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wakes a session, and tells it that it was this that woke it.
struct Bell {
    rung: AtomicBool,
    session: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.session.wake_by_ref();
    }
}

/// News of the process: a change of the rules, or of what is asked of sessions.
pub(super) struct News {
    changes: watch::Receiver<u64>,
    phase: watch::Receiver<Phase>,
    /// What the session was told last.
    asked: Phase,
    /// What the next news rings.
    waiting: Option<(Arc<Bell>, Next)>,
}

impl News {
    pub(super) fn new(changes: watch::Receiver<u64>, mut phase: watch::Receiver<Phase>) -> Self {
        let asked = *phase.borrow_and_update();
        Self { changes, phase, asked, waiting: None }
    }

    /// What the process asks of the session.
    pub(super) fn asked(&self) -> Phase {
        self.asked
    }

    /// Ready when there is news: with `true` when the rules may have changed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Gone>> {
        loop {
            let changed = self.changes.has_changed().map_err(|_| Gone)?;
            if changed || self.phase.has_changed().map_err(|_| Gone)? {
                self.changes.mark_unchanged();
                self.asked = *self.phase.borrow_and_update();
                self.waiting = None;
                return Poll::Ready(Ok(changed));
            }
            if let Some((bell, next)) = &mut self.waiting
                && bell.session.will_wake(cx.waker())
            {
                // A ring may be late, for what was seen before it came. Whoever rang has forgotten
                // this bell: it has to be hung up again.
                if !bell.rung.swap(false, Ordering::AcqRel) {
                    return Poll::Pending;
                }
                let waker = Waker::from(Arc::clone(bell));
                if next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                    return Poll::Pending;
                }
                self.waiting = None;
            }
            let (mut changes, mut phase) = (self.changes.clone(), self.phase.clone());
            let mut next: Next = Box::pin(async move {
                // Which one it is, and whether it is the end, is looked up above.
                tokio::select! {
                    changed = changes.changed() => drop(changed),
                    changed = phase.changed() => drop(changed),
                }
            });
            let session = cx.waker().clone();
            let bell = Arc::new(Bell { rung: AtomicBool::new(false), session });
            let waker = Waker::from(Arc::clone(&bell));
            if next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.waiting = Some((bell, next));
                return Poll::Pending;
            }
        }
    }
}

/// A timer for deadlines that mostly move on before they are reached.
#[derive(Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready at that time; never without one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, time: Option<Instant>) -> Poll<()> {
        let Some(time) = time.map(tokio::time::Instant::from_std) else {
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
    use std::thread;
    use std::time::Duration;

    use super::*;

    struct Sleeper(thread::Thread, AtomicBool);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.1.store(true, Ordering::Release);
            self.0.unpark();
        }
    }

    #[test]
    fn news_that_comes_while_other_news_is_read_wakes_nobody_for_what_follows() {
        let (_changes, changed) = watch::channel(0);
        let (phase, asked) = watch::channel(Phase::Open);
        let mut news = News::new(changed, asked);
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
            if news.poll(&mut Context::from_waker(&waker)).is_pending() {
                for _ in 0..200 {
                    if sleeper.1.load(Ordering::Acquire) {
                        break;
                    }
                    thread::park_timeout(Duration::from_millis(50));
                }
                assert!(sleeper.1.swap(false, Ordering::AcqRel), "nobody was woken");
            }
        }
        drop(teller.join());
    }
}
