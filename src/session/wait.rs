//! What a session waits for besides bytes: news of the process, and the end of the time that its
//! statement has. Both outlive a turn of the session, because most turns change neither: asking the
//! runtime for a timer and for a place among the waiters each time would cost more than the turn.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::Sleep;

use super::Phase;

/// The process is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Resolves when there is news.
type Next = Pin<Box<dyn Future<Output = ()> + Send>>;

/// News of the process: a change of the rules, or of what is asked of sessions.
pub(super) struct News {
    changes: watch::Receiver<u64>,
    phase: watch::Receiver<Phase>,
    /// What the session was told last.
    asked: Phase,
    /// Whom the next news wakes.
    waiting: Option<(Waker, Next)>,
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
            if self.waiting.as_ref().is_some_and(|(waker, _)| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            let (mut changes, mut phase) = (self.changes.clone(), self.phase.clone());
            let mut next: Next = Box::pin(async move {
                // Which one it is, and whether it is the end, is looked up above.
                tokio::select! {
                    changed = changes.changed() => drop(changed),
                    changed = phase.changed() => drop(changed),
                }
            });
            if next.as_mut().poll(cx).is_pending() {
                self.waiting = Some((cx.waker().clone(), next));
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
