//! The limits of the roles in force: how many rows a statement may return, how many rows and
//! statements a person has left, and which parameters are too sensitive for the log.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;
use super::budget::{Attempt, Tells};
use super::expected::{Allowance, DayAllowance};
use super::names::Cursor;
use crate::error::Refusal;
use crate::rewrite::{Action, Plan, Touched};
use crate::sql::Tokens;

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Counts statements that are about to run, or that were refused.
    pub(super) fn count_statements(&self, count: u64) -> Result<(), Refusal> {
        let limit = self.standing.limits.statements_per_minute;
        self.shared.usages.statements(self.person(), limit, count, self.now)
    }

    /// Whether a statement may be tried that touches this, and what it may tell by failing.
    /// `None` for a principal from whom nothing is hidden.
    pub(super) fn tells(
        &mut self,
        plan: &Plan,
        touched: &[Touched],
    ) -> Result<Option<Tells>, Refusal> {
        if !self.restricted() {
            return Ok(None);
        }
        self.authority.still_meant(touched, self.now)?;
        let tells = Tells::of(plan, touched);
        let now = self.now;
        if tells.anything() {
            self.shared.usages.may_try(self.person(), Attempt::Error, now)?;
        }
        let compared = touched.iter().map(|touched| touched.compared).sum();
        if compared > 0 {
            self.shared.usages.may_try(self.person(), Attempt::Comparison, now)?;
            self.attempted(Attempt::Comparison, compared, now);
        }
        Ok(Some(tells))
    }

    /// The same of an Execute that names a cursor of DECLARE.
    pub(super) fn cursor_tells(&self) -> Result<Option<Tells>, Refusal> {
        if !self.restricted() {
            return Ok(None);
        }
        self.shared.usages.may_try(self.person(), Attempt::Error, self.now)?;
        Ok(Some(Tells::cursor()))
    }

    /// Counts an error of the statement at the front when it tells something.
    pub(super) fn count_error(&self, sqlstate: &str) {
        let running = self.expected.front().and_then(|entry| entry.running.as_ref());
        let tells = running.and_then(|running| running.tells);
        if tells.is_some_and(|tells| tells.counts(sqlstate)) {
            self.attempted(Attempt::Error, 1, self.now);
        }
    }

    fn attempted(&self, attempt: Attempt, count: u64, now: Timestamp) {
        let person = self.person();
        if self.shared.usages.attempt(person, attempt, count, now) {
            let message = format!("{person} has used up limits.{}", attempt.as_str());
            let acting = self.acting.as_ref().map(|acting| &acting.login);
            self.ledger.alert(attempt.as_str(), message, acting, &self.standing.roles);
        }
    }

    /// What the statements of a plan may return. `returned` counts what a portal has returned.
    pub(super) fn allowance(
        &mut self,
        plan: &Plan,
        text: &str,
        returned: Option<&Arc<AtomicU64>>,
    ) -> Result<Allowance, Refusal> {
        let mut allowance =
            Allowance { returned: returned.cloned().unwrap_or_default(), ..Allowance::default() };
        let mut reads = false;
        for statement in &plan.statements {
            reads |= !statement.touched.is_empty();
            let mut limit = statement.rows_per_query;
            match &statement.action {
                Action::Execute { name } => {
                    reads = true;
                    limit = self.names.statement(name).and_then(|p| least(p.rewrite.plan()));
                }
                Action::Fetch { name } => {
                    reads = true;
                    let portal = self.names.portal(name);
                    if let Some(prepared) = portal.and_then(|portal| portal.prepared.as_ref()) {
                        limit = least(prepared.rewrite.plan());
                    }
                    if let Some(portal) = portal {
                        allowance.returned = Arc::clone(&portal.returned);
                    } else if let Some(cursor) = self.names.cursor(name) {
                        limit = Some(cursor.limit);
                        allowance.returned = Arc::clone(&cursor.returned);
                    }
                }
                Action::Close { .. }
                | Action::Forward
                | Action::Prepare { .. }
                | Action::Deallocate { .. }
                | Action::Local(_) => {}
            }
            allowance.limit = [allowance.limit, limit].into_iter().flatten().min();
        }
        for statement in &plan.statements {
            if let Some(limit) = statement.rows_per_query {
                self.note_cursor(text, statement.tokens.start, limit);
            }
        }
        if reads {
            self.add_day(&mut allowance)?;
        }
        Ok(allowance)
    }

    /// What an Execute of a cursor of DECLARE may return.
    pub(super) fn cursor_allowance(&self, name: &str) -> Result<Allowance, Refusal> {
        let mut allowance = Allowance::default();
        if let Some(cursor) = self.names.cursor(name) {
            allowance.limit = Some(cursor.limit);
            allowance.returned = Arc::clone(&cursor.returned);
        }
        self.add_day(&mut allowance)?;
        Ok(allowance)
    }

    /// Remembers the limit of `DECLARE name …`.
    fn note_cursor(&mut self, text: &str, start: usize, limit: u64) {
        let Ok(tokens) = Tokens::new(text) else { return };
        if !tokens.is_word(start, "declare") {
            return;
        }
        if let Some(name) = tokens.identifier(start.saturating_add(1)) {
            // A word too many keeps a cursor a little longer, no more.
            let hold = (0..tokens.len()).any(|index| tokens.is_word(index, "hold"));
            let returned = Arc::default();
            self.names.set_cursor(name.into_owned(), Cursor { limit, returned, hold });
        }
    }

    fn add_day(&self, allowance: &mut Allowance) -> Result<(), Refusal> {
        let Some(limit) = self.standing.limits.rows_per_day else { return Ok(()) };
        let (usages, who) = (&self.shared.usages, self.person());
        usages.may_read(who, Some(limit), self.now)?;
        allowance.day = Some(DayAllowance { usages: Arc::clone(usages), who: who.clone(), limit });
        Ok(())
    }

    /// Whether a parameter may meet a column that is masked for this person or tagged for anybody.
    pub(super) fn is_sensitive(&self, touched: &[Touched]) -> bool {
        let standing = &self.standing;
        touched.iter().any(|touched| {
            if !touched.masks.is_empty() {
                return true;
            }
            let Some(relation) = standing.catalog.relation(touched.relation) else { return true };
            let columns: Vec<_> = relation
                .columns
                .iter()
                .filter(|column| touched.columns.contains(&column.name))
                .map(|column| column.number)
                .collect();
            standing.policy.has_tagged(relation.id, &columns)
        })
    }
}

fn least(plan: &Plan) -> Option<u64> {
    plan.statements.iter().filter_map(|statement| statement.rows_per_query).min()
}
