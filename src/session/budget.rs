//! What a person may learn by trying: errors that depend on data, and comparisons with values that
//! a mask hides. Each is counted in a sliding window; who has used it up is refused until some of
//! it has passed. Pure: the moment comes in as an argument.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Refusal, SqlState};
use crate::policy::Verb;
use crate::rewrite::{Action, Plan, StatementPlan, Touched};

/// `limits.data_errors`, `limits.comparisons` and `limits.window`. By default nothing is limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Errors that depend on data, per person and window; 0 sets no limit.
    pub data_errors: u64,
    /// Comparisons with masked values, per person and window; 0 sets no limit.
    pub comparisons: u64,
    /// How far back they count.
    pub window: Duration,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A statement failed in a way that depends on data.
    Error,
    /// A value that a mask hides was compared.
    Comparison,
}

impl Attempt {
    /// The name in alerts, metrics and the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "data_errors",
            Self::Comparison => "comparisons",
        }
    }

    fn limit(self, budget: &Budget) -> u64 {
        match self {
            Self::Error => budget.data_errors,
            Self::Comparison => budget.comparisons,
        }
    }

    /// The error of whoever has used it up.
    pub fn used_up(self, budget: &Budget) -> Refusal {
        let message = match self {
            Self::Error => "too many statements have failed on data",
            Self::Comparison => "too many comparisons with masked values",
        };
        let reason = format!(
            "limits.{} is {} in {:?}; it is counted for all sessions of a person",
            self.as_str(),
            self.limit(budget),
            budget.window
        );
        Refusal::new(SqlState::CONFIGURATION_LIMIT, message, reason)
    }
}

/// What one statement may tell by failing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tells {
    /// It reads rows of which some, or parts, are hidden.
    pub(super) reads: bool,
    /// It writes, so that keys speak.
    pub(super) writes: bool,
}

impl Tells {
    pub(super) fn of(plan: &Plan, touched: &[Touched]) -> Self {
        // A cursor of DECLARE runs when it is read.
        let fetches = |statement: &StatementPlan| matches!(statement.action, Action::Fetch { .. });
        Self {
            reads: plan.statements.iter().any(fetches)
                || touched.iter().any(|t| !t.filter.is_empty() || !t.masks.is_empty()),
            writes: touched.iter().any(|touched| match touched.verb {
                Verb::Create | Verb::Update | Verb::Delete | Verb::Assign | Verb::Manage => true,
                Verb::Read | Verb::Export => false,
            }),
        }
    }

    /// Rows of a cursor that was made elsewhere.
    pub(super) fn cursor() -> Self {
        Self { reads: true, writes: false }
    }

    pub(super) fn anything(self) -> bool {
        self.reads || self.writes
    }

    /// Whether an error with this SQLSTATE depends on data: values (22), more than one row (21),
    /// what code of the database raised (P0); and constraints (23, 44), which may speak at the end
    /// of the transaction only.
    pub(super) fn counts(self, sqlstate: &str) -> bool {
        match sqlstate.get(..2) {
            Some("22" | "21" | "P0") => self.anything(),
            Some("23" | "44") => true,
            _ => false,
        }
    }
}

/// Attempts of one kind by one person, by parts of the window.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The number of a part since the epoch, and how many attempts fell into it.
    parts: VecDeque<(i128, u64)>,
    /// The alert has been raised, and the count has not been below the limit since.
    alerted: bool,
}

/// The window moves by a tenth of its length.
const PARTS: i128 = 10;

impl Window {
    fn total(&mut self, window: Duration, now: Timestamp) -> u64 {
        let current = part(window, now);
        while self.parts.front().is_some_and(|(number, _)| number + PARTS <= current) {
            self.parts.pop_front();
        }
        self.parts.iter().map(|(_, count)| count).sum()
    }

    /// Whether more may be tried.
    pub(super) fn is_open(&mut self, attempt: Attempt, budget: &Budget, now: Timestamp) -> bool {
        let limit = attempt.limit(budget);
        let open = limit == 0 || self.total(budget.window, now) < limit;
        self.alerted &= !open;
        open
    }

    /// Counts attempts; true when they use up what there was, once.
    pub(super) fn count(
        &mut self,
        attempt: Attempt,
        count: u64,
        budget: &Budget,
        now: Timestamp,
    ) -> bool {
        let limit = attempt.limit(budget);
        if limit == 0 || count == 0 {
            return false;
        }
        let total = self.total(budget.window, now).saturating_add(count);
        let current = part(budget.window, now);
        match self.parts.back_mut() {
            Some((number, sum)) if *number == current => *sum = sum.saturating_add(count),
            Some(_) | None => self.parts.push_back((current, count)),
        }
        let reached = total >= limit && !self.alerted;
        self.alerted |= reached;
        reached
    }
}

fn part(window: Duration, now: Timestamp) -> i128 {
    let length = i128::try_from(window.as_nanos()).unwrap_or(i128::MAX) / PARTS;
    now.as_nanosecond().checked_div(length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget =
        Budget { data_errors: 5, comparisons: 0, window: Duration::from_secs(100) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn attempts_are_forgotten_too_early_or_never() {
        let mut window = Window::default();
        let mut count = |count, second| window.count(Attempt::Error, count, &BUDGET, at(second));
        assert!(!count(2, 1000));
        assert!(!count(2, 1055));
        assert!(count(1, 1090), "the fifth raises the alert");
        assert!(!count(1, 1091), "once");
        assert!(!window.is_open(Attempt::Error, &BUDGET, at(1095)));
        assert!(window.is_open(Attempt::Error, &BUDGET, at(1101)), "two have passed");
        assert!(window.count(Attempt::Error, 1, &BUDGET, at(1102)), "a new alert");
        assert!(window.is_open(Attempt::Error, &BUDGET, at(2000)));
        assert!(window.parts.is_empty());
    }

    #[test]
    fn no_limit_limits_something() {
        let mut window = Window::default();
        assert!(!window.count(Attempt::Comparison, u64::MAX, &BUDGET, at(0)));
        assert!(window.is_open(Attempt::Comparison, &BUDGET, at(0)));
    }

    #[test]
    fn an_error_that_tells_nothing_is_counted_or_one_that_tells_is_not() {
        let reads = Tells { reads: true, writes: false };
        let writes = Tells { reads: false, writes: true };
        for state in ["22012", "22P02", "21000", "P0001"] {
            assert!(reads.counts(state) && writes.counts(state), "{state}");
            assert!(!Tells::default().counts(state), "{state}");
        }
        // A deferred constraint speaks in COMMIT, which touches nothing.
        assert!(writes.counts("23505") && Tells::default().counts("23503"));
        for state in ["42501", "42601", "40001", "57014", "25P02", "53400", ""] {
            assert!(!reads.counts(state) && !writes.counts(state), "{state}");
        }
    }
}
