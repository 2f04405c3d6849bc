//! A session's view of the audit log: turns what sessions record into the log's records.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::Timestamp;
use metrics::Counter;

use crate::audit::{
    Audit, AuditError, Ending, Event, Intent as IntentRecord, Outcome, Parameter, ParameterValue,
    Parameters, Recorded, Refused, Text, Who,
};
use crate::error::Refusal;
use crate::ids::{Login, RoleName};
use crate::policy::RoleSet;
use crate::session::ledger::{Durable, Intent, Ledger, StatementEnd, StatementRecord};

/// The audit log of one session.
#[derive(Debug)]
pub(super) struct SessionLedger {
    pub(super) audit: Audit,
    /// Who logged in, from where, with the roles and the end user of the last statement.
    pub(super) who: Mutex<Arc<Who>>,
}

// Looked up once: finding a metric by its name and labels takes longer than counting.

static ROWS: LazyLock<Counter> = LazyLock::new(|| metrics::counter!("rowgate_answer_rows_total"));
static BYTES: LazyLock<Counter> = LazyLock::new(|| metrics::counter!("rowgate_answer_bytes_total"));

thread_local! {
    static PERMITTED: RefCell<Vec<(&'static str, Counter)>> = const { RefCell::new(Vec::new()) };
}

fn count_permitted(command: &'static str) {
    PERMITTED.with_borrow_mut(|known| {
        if let Some((_, counter)) = known.iter().find(|(name, _)| *name == command) {
            return counter.increment(1);
        }
        let counter = metrics::counter!(
            "rowgate_statements_total", "command" => command, "decision" => "permit"
        );
        counter.increment(1);
        known.push((command, counter));
    });
}

/// What a client reads when the log cannot be written.
pub(super) fn unwritable(error: &AuditError) -> Refusal {
    Refusal::new(error.sqlstate(), "the audit log cannot be written", "nothing runs unrecorded")
}

/// Resolves when a record is safe.
pub(super) fn durable(audit: &Audit, recorded: Arc<Recorded>) -> Durable {
    let audit = audit.clone();
    Box::pin(async move { audit.durable(&recorded).await.map_err(|error| unwritable(&error)) })
}

impl SessionLedger {
    /// Whoever it was last time, as a rule.
    fn who(
        &self,
        acting: Option<&Login>,
        roles: &RoleSet,
        application: Option<&Arc<str>>,
    ) -> Arc<Who> {
        let mut who = self.who.lock().unwrap_or_else(PoisonError::into_inner);
        let same = who.acting.as_deref() == acting.map(Login::as_str)
            && who.roles.iter().map(|role| &**role).eq(roles.0.iter().map(RoleName::as_str))
            && application.is_none_or(|application| *who.application == **application);
        if !same {
            *who = Arc::new(Who {
                acting: acting.map(|login| Arc::clone(&login.0).into()),
                roles: role_texts(roles),
                application: application
                    .map_or_else(|| who.application.clone(), |name| Arc::clone(name).into()),
                ..Who::clone(&who)
            });
        }
        Arc::clone(&who)
    }
}

/// Roles as records have them.
pub(super) fn role_texts(roles: &RoleSet) -> Vec<Text> {
    roles.0.iter().map(|role| Arc::clone(&role.0).into()).collect()
}

fn parameters(statement: &mut StatementRecord) -> Vec<Parameter> {
    let class = if statement.sensitive { Parameters::Hash } else { Parameters::Record };
    std::mem::take(&mut statement.parameters)
        .into_iter()
        .map(|(value, binary)| Parameter {
            value: match value {
                None => ParameterValue::Null,
                Some(value) if binary => ParameterValue::Binary(value),
                Some(value) => ParameterValue::Text(String::from_utf8_lossy(&value).into()),
            },
            class,
        })
        .collect()
}

impl Ledger for SessionLedger {
    fn intent(&self, mut statement: StatementRecord) -> Result<Arc<dyn Intent>, Refusal> {
        let who =
            self.who(statement.acting.as_ref(), &statement.roles, Some(&statement.application));
        let record = IntentRecord {
            at: statement.at,
            who,
            statement: statement.number,
            command: statement.command,
            parameters: parameters(&mut statement),
            original: statement.original.into(),
            rewritten: statement.rewritten.map(Into::into),
            touched: statement.touched,
            decision: statement.decision,
            reasons: Vec::new(),
            policy: statement.policy,
        };
        let command = statement.command;
        let recorded = self.audit.intent(record).map_err(|error| unwritable(&error))?;
        count_permitted(command);
        Ok(Arc::new(RecordedIntent { audit: self.audit.clone(), recorded: Arc::new(recorded) }))
    }

    fn refused(&self, mut statement: StatementRecord, refusal: &Refusal) -> Result<(), Refusal> {
        let who =
            self.who(statement.acting.as_ref(), &statement.roles, Some(&statement.application));
        let record = Refused {
            at: statement.at,
            who,
            statement: statement.number,
            command: statement.command,
            parameters: parameters(&mut statement),
            original: statement.original.into(),
            touched: statement.touched,
            decision: statement.decision,
            sqlstate: refusal.sqlstate.0.into(),
            message: refusal.message.as_str().into(),
            reason: refusal.reason.as_str().into(),
            policy: statement.policy,
        };
        let command = statement.command;
        metrics::counter!("rowgate_statements_total", "command" => command, "decision" => "deny")
            .increment(1);
        metrics::counter!("rowgate_refusals_total", "sqlstate" => refusal.sqlstate.0).increment(1);
        match self.audit.event(Event::Refused(Box::new(record))) {
            // A refusal is not waited for: nothing runs.
            Ok(recorded) => match self.audit.settled(&recorded) {
                Some(settled) => settled.map_err(|error| unwritable(&error)),
                None => Ok(()),
            },
            Err(error) => Err(unwritable(&error)),
        }
    }

    fn alert(&self, name: &'static str, message: String, acting: Option<&Login>, roles: &RoleSet) {
        metrics::counter!("rowgate_alerts_total", "name" => name).increment(1);
        let who = Some(self.who(acting, roles, None));
        let (at, name) = (Timestamp::now(), name.into());
        let alert = Event::Alert { at, name, message: message.into(), who };
        if let Err(error) = self.audit.event(alert) {
            tracing::error!(%error, "an alert could not be recorded");
        }
    }
}

#[derive(Debug)]
struct RecordedIntent {
    audit: Audit,
    recorded: Arc<Recorded>,
}

impl Intent for RecordedIntent {
    fn settled(&self) -> Option<Result<(), Refusal>> {
        let settled = self.audit.settled(&self.recorded)?;
        Some(settled.map_err(|error| unwritable(&error)))
    }

    fn settled_alone(&self) -> bool {
        self.audit.settled_alone(&self.recorded)
    }

    fn durable(&self) -> Durable {
        durable(&self.audit, Arc::clone(&self.recorded))
    }

    fn end(&self, end: StatementEnd) {
        let ending = match end.sqlstate.as_deref() {
            _ if end.skipped => Ending::NotRun,
            None => Ending::Completed,
            Some("57014" | "57P01") => Ending::Cancelled,
            Some(_) => Ending::Failed,
        };
        ROWS.increment(end.rows);
        BYTES.increment(end.bytes);
        self.audit.outcome(
            self.recorded.query(),
            Outcome {
                at: end.at,
                ending,
                rows: end.rows,
                bytes: end.bytes,
                duration_us: end.duration_us,
                sqlstate: end.sqlstate.map(Into::into),
            },
        );
    }
}
