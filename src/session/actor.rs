//! For whom a service account speaks: `SET [LOCAL] rowgate.user`, and what `SHOW rowgate.*` tells.
//! The server never sees these statements.
//!
//! The person is part of every plan and of what an error may show, so it changes only while the
//! server owes nothing. SET outlives a rollback; SET LOCAL ends with its transaction.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::expected::{LocalAnswer, Request};
use super::query::decision_id;
use super::{Fatal, Session};
use crate::error::{Refusal, SqlState};
use crate::ids::{Login, RoleName};
use crate::rewrite::{Effect, Local, Plan};
use crate::session::authority::Standing;

/// Whom a service account speaks for.
pub(super) struct Acting {
    pub(super) login: Login,
    until: Until,
}

enum Until {
    /// It says otherwise.
    Changed,
    /// The transaction of a SET LOCAL is over. Then it speaks for this one, or for itself.
    TransactionEnd(Option<Login>),
}

impl Acting {
    pub(super) fn for_good(login: Login) -> Self {
        Self { login, until: Until::Changed }
    }
}

/// Whom a service speaks for from now on; made before the statement is recorded.
pub(super) struct ActorChange {
    standing: Arc<Standing>,
    login: Option<Login>,
    /// SET LOCAL.
    local: bool,
}

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// The person whose rules and limits are in force.
    pub(super) fn person(&self) -> &Login {
        self.acting.as_ref().map_or(&self.login, |acting| &acting.login)
    }

    fn acts_locally(&self) -> bool {
        let until = self.acting.as_ref().map(|acting| &acting.until);
        matches!(until, Some(Until::TransactionEnd(_)))
    }

    /// For whom it speaks outside of this transaction.
    fn acting_outside(&self) -> Option<Login> {
        self.acting.as_ref().and_then(|acting| match &acting.until {
            Until::Changed => Some(acting.login.clone()),
            Until::TransactionEnd(outside) => outside.clone(),
        })
    }

    /// Whether it is certain for whom the next statement is planned.
    pub(super) fn actor_ready(&mut self) -> bool {
        if !self.service {
            return true;
        }
        let ends = self.acts_locally()
            && self
                .expected
                .iter()
                .any(|entry| matches!(entry.request, Request::Sync | Request::Query));
        if (self.actor_changed || ends) && !self.expected.is_empty() {
            self.nudge();
            return false;
        }
        self.actor_changed = false;
        true
    }

    /// The transaction of a SET LOCAL is over.
    pub(super) fn end_local_actor(&mut self) -> Result<(), Fatal> {
        if self.acts_locally() {
            self.acting = self.acting_outside().map(Acting::for_good).map(Box::new);
            self.actor_changed = true;
            self.judge()?;
        }
        Ok(())
    }

    /// Notes that a statement which was sent ends the transaction, for what follows it unanswered.
    /// If it fails, nothing runs before the transaction is ended in another way.
    pub(super) fn note_transaction_end(&mut self, plan: &Plan) -> Result<(), Fatal> {
        if plan.statements.iter().any(|statement| ends_transaction(statement.kind)) {
            self.end_local_actor()?;
        }
        Ok(())
    }

    /// A query string that ends the transaction of a SET LOCAL and goes on: for whom?
    pub(super) fn one_actor(&self, plan: &Plan) -> Result<(), Refusal> {
        if !self.acts_locally() {
            return Ok(());
        }
        let mut ended = false;
        for statement in &plan.statements {
            if ended && statement.effect != Effect::Transaction {
                return Err(Refusal::unsupported(
                    "a statement after the end of the transaction in one query string, under SET \
                     LOCAL rowgate.user",
                ));
            }
            ended |= ends_transaction(statement.kind);
        }
        Ok(())
    }

    /// The answer to SHOW rowgate.* and SET rowgate.user, and what the latter changes.
    pub(super) fn answer_locally(
        &self,
        local: &Local,
    ) -> Result<(LocalAnswer, Option<ActorChange>), Refusal> {
        match local {
            Local::Show { name } => {
                let value = self.shown(name)?;
                let row = Some((format!("rowgate.{name}"), value));
                Ok((LocalAnswer { row, tag: "SHOW" }, None))
            }
            Local::ActAs { login, local } => {
                if !self.service {
                    return Err(Refusal::denied(
                        "permission denied to set parameter \"rowgate.user\"",
                        "only service accounts speak for other users",
                    ));
                }
                let login = login.as_ref().map(|login| Login::from(&**login));
                let standing = match &login {
                    None => self.authority.standing(self.now)?,
                    Some(login) => self.authority.acting(login, self.now)?,
                };
                let tag = if login.is_some() { "SET" } else { "RESET" };
                let change = ActorChange { standing, login, local: *local };
                Ok((LocalAnswer { row: None, tag }, Some(change)))
            }
        }
    }

    /// From here on the session speaks for somebody else.
    pub(super) fn change_actor(&mut self, change: ActorChange) {
        self.standing = change.standing;
        let until = if change.local {
            Until::TransactionEnd(self.acting_outside())
        } else {
            Until::Changed
        };
        self.acting = change.login.map(|login| Box::new(Acting { login, until }));
        self.actor_changed = true;
    }

    /// DISCARD ALL and RESET ALL: the session speaks for nobody but itself. Every statement is
    /// judged afresh, so the standing follows.
    pub(super) fn forget_actor(&mut self) {
        if self.acting.take().is_some() {
            self.actor_changed = true;
        }
    }

    fn shown(&self, name: &str) -> Result<String, Refusal> {
        Ok(match name {
            "user" => self.person().to_string(),
            "roles" => {
                let roles: Vec<&str> = self.standing.roles.0.iter().map(RoleName::as_str).collect();
                roles.join(",")
            }
            "policy_version" => self.standing.policy_version.to_string(),
            "decision" => {
                self.last_decision.map(|number| decision_id(number).to_string()).unwrap_or_default()
            }
            other => {
                return Err(Refusal::new(
                    SqlState("42704"),
                    format!("unrecognized configuration parameter \"rowgate.{other}\""),
                    "",
                ));
            }
        })
    }
}

fn ends_transaction(kind: &str) -> bool {
    matches!(kind, "COMMIT" | "ROLLBACK")
}
