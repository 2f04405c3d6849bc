//! Turns of a session: what has arrived is worked off, then bytes are moved until one more thing has happened.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::loan::{Loan, Loans};
use super::wait::Gone;
use super::{Fatal, Phase, Session, shutting_down, taken_over};
use crate::backend::hosts::Presence;
use crate::error::{Refusal, SqlState};
use crate::relay::{HIGH_WATER, Moved, RelayError, Wants, poll_move};

/// What a session was waiting for.
enum Happened<S> {
    Moved(Result<Moved, RelayError>),
    /// The record of the parked statement is safe, or will never be.
    ParkedSafe(Result<(), Refusal>),
    /// The record that holds the answer back is safe, or will never be.
    HeldSafe(Result<(), Refusal>),
    /// The statement has had its time.
    Late,
    /// There is a server connection, or there will be none.
    Lent(Result<Loan<S>, Refusal>),
    /// The server has taken note of a cancel request.
    Cancelled,
    /// The rules may have changed, or what the process asks of its sessions.
    Changed,
    /// The process is gone.
    Gone,
}

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Takes turns until the session cannot go on: does all there is to do with what has arrived,
    /// then waits for one thing to happen.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Fatal> {
        self.client.begin_turn();
        self.server.begin_turn();
        let waited = std::mem::take(&mut self.answer_waits);
        loop {
            if let Err(fatal) = self.work() {
                return Poll::Ready(fatal);
            }
            self.answer_waits = !waited && self.may_wait();
            let Poll::Ready(happened) = self.poll_wait(cx) else {
                if self.answer_waits {
                    // Behind all others of this thread that have something to do.
                    cx.waker().wake_by_ref();
                }
                self.use_the_wait();
                return Poll::Pending;
            };
            if let Err(fatal) = self.react(happened) {
                return Poll::Ready(fatal);
            }
        }
    }

    /// Does all there is to do with what has arrived.
    fn work(&mut self) -> Result<(), Fatal> {
        let asked = self.news.asked();
        if asked == Phase::Stopping {
            return Err(shutting_down());
        }
        while self.step_server()? | self.step_client()? {}
        self.settle_loan();
        if self.expected.is_empty() {
            // A session that waits for its client keeps nothing it can do without.
            self.expected = VecDeque::new();
        }
        if asked == Phase::Draining && self.is_idle() {
            return Err(shutting_down());
        }
        if self.outdated && self.is_idle() {
            self.outdated = self.canceller.presence() != Presence::InUse;
            if self.outdated {
                return Err(taken_over());
            }
        }
        if self.leaving && self.expected.is_empty() && self.parked.is_none() {
            return Err(Fatal::Terminated);
        }
        Ok(())
    }

    /// Whether the answer waits until the other sessions of this thread have had their turn. Answers that
    /// leave together wake a program with many connections once, and it does not have to look at all
    /// of them for each answer. One that is not complete leaves at once: the client can begin to read. When
    /// others wait for a server connection, this one goes to the next of them, and their requests would
    /// come between the answers.
    fn may_wait(&self) -> bool {
        self.client.has_unsent()
            && self.expected.is_empty()
            && !self.pipeline
            && !self.loans.as_ref().is_some_and(Loans::is_awaited)
    }

    fn react(&mut self, happened: Happened<S>) -> Result<(), Fatal> {
        self.now = Timestamp::now();
        match happened {
            Happened::Moved(moved) => self.moved(moved),
            Happened::ParkedSafe(safe) => {
                self.unpark(safe);
                Ok(())
            }
            Happened::HeldSafe(safe) => {
                self.hold = None;
                safe.map_err(|refusal| Fatal::refusal(&refusal))
            }
            Happened::Late => {
                self.out_of_time();
                Ok(())
            }
            Happened::Lent(loan) => {
                self.attach(loan.map_err(|refusal| Fatal::refusal(&refusal))?);
                Ok(())
            }
            Happened::Changed => {
                match self.canceller.presence() {
                    Presence::InUse => self.outdated = false,
                    Presence::Left => self.outdated = true,
                    Presence::Gone => {
                        let message = "the database server does not answer any more";
                        return Err(Fatal::new(SqlState::CONNECTION_FAILURE, message));
                    }
                }
                self.judge()
            }
            Happened::Cancelled => Ok(()),
            Happened::Gone => Err(shutting_down()),
        }
    }

    /// Moves bytes, and looks at everything else a session waits for.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Happened<S>> {
        if let Poll::Ready(told) = self.news.poll(cx) {
            return Poll::Ready(match told {
                Ok(()) => Happened::Changed,
                Err(Gone) => Happened::Gone,
            });
        }
        if let Poll::Ready(loan) = self.poll_lending(cx) {
            return Poll::Ready(Happened::Lent(loan));
        }
        if let Some(cancelling) = &mut self.cancelling
            && cancelling.as_mut().poll(cx).is_ready()
        {
            self.cancelling = None;
            return Poll::Ready(Happened::Cancelled);
        }
        let deadline = self.deadline();
        let wants = Wants {
            read_client: !self.leaving
                && self.stalled.is_none()
                && self.parked.is_none()
                && self.cancelling.is_none()
                && self.server.outbound.len() < HIGH_WATER,
            read_server: self.hold.is_none() && self.client.outbound.len() < HIGH_WATER,
            write_client: !self.answer_waits,
        };
        let Self { client, server, parked, hold, alarm, .. } = self;
        if let Some(parked) = parked
            && let Poll::Ready(safe) = parked.durable.as_mut().poll(cx)
        {
            return Poll::Ready(Happened::ParkedSafe(safe));
        }
        if let Some(hold) = hold
            && let Poll::Ready(safe) = hold.as_mut().poll(cx)
        {
            return Poll::Ready(Happened::HeldSafe(safe));
        }
        // Before the bytes: a statement whose rows keep coming has to end as well.
        if alarm.poll(cx, deadline).is_ready() {
            return Poll::Ready(Happened::Late);
        }
        poll_move(cx, client, server, wants).map(Happened::Moved)
    }
}
