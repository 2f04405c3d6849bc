//! What a session hands to the audit log, and when it may go on. The session knows only this.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::error::Refusal;
use crate::ids::{DecisionId, Login, PolicyVersion};
use crate::policy::RoleSet;
use crate::rewrite::Touched;

/// Resolves when a record is as safe as the settings ask.
pub type Durable = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// A statement that is about to run, or that is refused.
#[derive(Debug, Clone)]
pub struct StatementRecord {
    /// When it was decided.
    pub at: Timestamp,
    /// The statement's number in its session, from 1.
    pub number: u64,
    /// The end user a service account acts for.
    pub acting: Option<Login>,
    /// The roles in force.
    pub roles: RoleSet,
    /// The session's `application_name`.
    pub application: Arc<str>,
    /// Its kind: `SELECT`, `INSERT` …
    pub command: &'static str,
    /// The client's text.
    pub original: Arc<str>,
    /// The server's text, when it is another one.
    pub rewritten: Option<Arc<str>>,
    /// The client's bind parameters and whether each is binary.
    pub parameters: Vec<(Option<Bytes>, bool)>,
    /// The parameters may meet a masked or tagged column, or nobody knows what they meet.
    pub sensitive: bool,
    /// Relations, columns, verbs, filters and masks.
    pub touched: Arc<[Touched]>,
    /// Names the decision.
    pub decision: DecisionId,
    /// The policy that decided.
    pub policy: PolicyVersion,
}

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEnd {
    /// When it ended.
    pub at: Timestamp,
    /// Rows the client received, or rows written.
    pub rows: u64,
    /// Bytes of the answer that the client received.
    pub bytes: u64,
    /// From the decision to the end, in microseconds.
    pub duration_us: u64,
    /// The SQLSTATE of a failed statement.
    pub sqlstate: Option<String>,
    /// The server never saw it, or skipped it.
    pub skipped: bool,
}

/// A recorded intent.
pub trait Intent: Send + Sync + fmt::Debug {
    /// Whether the intent is safe now; `None` when that has to be waited for.
    fn settled(&self) -> Option<Result<(), Refusal>>;
    /// Makes the intent safe while the statement runs, if that takes no more than doing it later:
    /// no other statement runs whose record could be written with it. True when the intent is safe.
    fn settled_alone(&self) -> bool {
        false
    }
    /// Resolves when the intent is safe.
    fn durable(&self) -> Durable;
    /// Records how the statement ended.
    fn end(&self, end: StatementEnd);
}

/// The audit log, for one session.
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Records a statement that is about to run. An error is what the client is refused with.
    fn intent(&self, statement: StatementRecord) -> Result<Arc<dyn Intent>, Refusal>;
    /// Records a refusal. An error is what the client is refused with instead.
    fn refused(&self, statement: StatementRecord, refusal: &Refusal) -> Result<(), Refusal>;
    /// Records what an auditor ought to look at: a stable name, what happened, for whom the session
    /// speaks and with which roles.
    fn alert(&self, name: &'static str, message: String, acting: Option<&Login>, roles: &RoleSet);
}
