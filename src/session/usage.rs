//! How much each person has used of the limits per minute and per day: one count for all sessions
//! of a person, kept in memory, over whole minutes and whole days of UTC. It forgets when the
//! gateway ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::budget::{Attempt, Budget, Window};
use crate::error::{Refusal, SqlState};
use crate::ids::Login;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// What everybody has used.
#[derive(Debug, Default)]
pub struct Usages {
    used: Mutex<HashMap<Login, Used>>,
    budget: Budget,
}

#[derive(Debug, Default)]
struct Used {
    errors: Window,
    comparisons: Window,
    minute: i64,
    statements: u64,
    day: i64,
    rows: u64,
}

impl Used {
    fn at(&mut self, now: Timestamp) {
        // Sessions come with moments that are a little older than each other's: the minute before does
        // not come again.
        let begins = |known: i64, found: i64| known != found && known != found.saturating_add(1);
        let (minute, day) = (now.as_second() / MINUTE, now.as_second() / DAY);
        if begins(self.minute, minute) {
            (self.minute, self.statements) = (minute, 0);
        }
        if begins(self.day, day) {
            (self.day, self.rows) = (day, 0);
        }
    }
}

impl Used {
    fn window(&mut self, attempt: Attempt) -> &mut Window {
        match attempt {
            Attempt::Error => &mut self.errors,
            Attempt::Comparison => &mut self.comparisons,
        }
    }
}

impl Usages {
    /// Nobody has used anything.
    pub fn new(budget: Budget) -> Self {
        Self { used: Mutex::default(), budget }
    }

    /// Counts attempts of a person; true when they use up the budget, once.
    pub fn attempt(&self, who: &Login, attempt: Attempt, count: u64, now: Timestamp) -> bool {
        let mut all = self.lock();
        let used = all.entry(who.clone()).or_default();
        used.window(attempt).count(attempt, count, &self.budget, now)
    }

    /// Whether a person may try more.
    ///
    /// # Errors
    /// 53400 when the budget is used up.
    pub fn may_try(&self, who: &Login, attempt: Attempt, now: Timestamp) -> Result<(), Refusal> {
        let mut all = self.lock();
        let Some(used) = all.get_mut(who) else { return Ok(()) };
        if used.window(attempt).is_open(attempt, &self.budget, now) {
            return Ok(());
        }
        Err(attempt.used_up(&self.budget))
    }

    /// Counts `count` more statements of a person.
    ///
    /// # Errors
    /// 53400 when they are more than `limit` in this minute; refused ones count too.
    pub fn statements(
        &self,
        who: &Login,
        limit: Option<u64>,
        count: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(limit) = limit.filter(|_| count > 0) else { return Ok(()) };
        let mut all = self.lock();
        let used = all.entry(who.clone()).or_default();
        used.at(now);
        used.statements = used.statements.saturating_add(count);
        if used.statements <= limit {
            return Ok(());
        }
        Err(Refusal::new(
            SqlState::CONFIGURATION_LIMIT,
            "too many statements in this minute",
            format!("limits.statements_per_minute is {limit}"),
        ))
    }

    /// Counts `count` more rows of a person; true when they are more than `limit` today.
    pub fn rows(&self, who: &Login, limit: u64, count: u64, now: Timestamp) -> bool {
        let mut all = self.lock();
        let used = all.entry(who.clone()).or_default();
        used.at(now);
        used.rows = used.rows.saturating_add(count);
        used.rows > limit
    }

    /// Whether a person may read further rows today.
    ///
    /// # Errors
    /// 53400 when `limit` is reached.
    pub fn may_read(&self, who: &Login, limit: Option<u64>, now: Timestamp) -> Result<(), Refusal> {
        let Some(limit) = limit else { return Ok(()) };
        let mut all = self.lock();
        let used = all.entry(who.clone()).or_default();
        used.at(now);
        if used.rows < limit {
            return Ok(());
        }
        Err(Refusal::new(
            SqlState::CONFIGURATION_LIMIT,
            "no more rows may be read today",
            format!("limits.rows_per_day is {limit}"),
        ))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Login, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_person_gets_more_statements_than_the_minute_allows() {
        let usages = Usages::default();
        let (alice, bob) = (Login::from("alice"), Login::from("bob"));
        for _ in 0..3 {
            usages.statements(&alice, Some(3), 1, at(60)).unwrap();
        }
        let refusal = usages.statements(&alice, Some(3), 1, at(119)).unwrap_err();
        assert_eq!(refusal.sqlstate, SqlState::CONFIGURATION_LIMIT);
        usages.statements(&bob, Some(3), 1, at(119)).unwrap();
        usages.statements(&alice, Some(3), 1, at(120)).unwrap();
        usages.statements(&alice, None, 1000, at(120)).unwrap();
    }

    #[test]
    fn a_session_that_is_a_little_late_begins_the_count_again() {
        let usages = Usages::default();
        let alice = Login::from("alice");
        usages.statements(&alice, Some(3), 2, at(120)).unwrap();
        usages.statements(&alice, Some(3), 1, at(119)).unwrap();
        usages.statements(&alice, Some(3), 1, at(120)).unwrap_err();
        assert!(!usages.rows(&alice, 10, 10, at(DAY)));
        assert!(usages.rows(&alice, 10, 1, at(DAY - 1)));
        // Another day is another one, also when the clock was wrong.
        assert!(!usages.rows(&alice, 10, 10, at(5 * DAY)));
        assert!(!usages.rows(&alice, 10, 10, at(3 * DAY)));
    }

    #[test]
    fn a_person_reads_more_rows_than_the_day_allows() {
        let usages = Usages::default();
        let alice = Login::from("alice");
        assert!(!usages.rows(&alice, 10, 10, at(0)));
        assert!(usages.may_read(&alice, Some(10), at(DAY - 1)).is_err());
        assert!(usages.rows(&alice, 10, 1, at(DAY - 1)));
        usages.may_read(&alice, Some(10), at(DAY)).unwrap();
        usages.may_read(&alice, None, at(0)).unwrap();
    }
}
