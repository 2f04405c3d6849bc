//! What the log says: the kinds of records and their JSON shape. Pure.
//!
//! The session hands over [`Intent`], [`Outcome`] and [`Event`]; the writer turns them into
//! [`Record`]s, one JSON object per line. Inside the program nothing else depends on the shape.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::text::Text;

use crate::ids::{DecisionId, PolicyVersion};
use crate::rewrite;

/// The version of the file format, in every segment's first record.
pub const FORMAT: u32 = 1;

/// Who did it and from where. One per session, shared by its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The name the client logged in with.
    pub login: Text,
    /// The end user a service account acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<Text>,
    /// The roles in force, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Text>,
    /// The client's address, with port.
    #[serde(default)]
    pub client: Text,
    /// The `application_name` of the session.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub application: Text,
    /// The database name the client connected to.
    #[serde(default)]
    pub database: Text,
    /// The session's number within one run of the gateway.
    #[serde(default)]
    pub session: u64,
}

/// What becomes of parameter values in the log, from the least to the most careful.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Parameters {
    /// The value as it is.
    #[default]
    Record,
    /// A keyed hash: equal values can be found, the value cannot be read.
    Hash,
    /// Nothing.
    Omit,
}

/// A bind parameter as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The value.
    pub value: ParameterValue,
    /// The class of the column it meets. The stricter of this and the setting applies.
    pub class: Parameters,
}

/// The value of a [`Parameter`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// NULL.
    Null,
    /// Text format.
    Text(Text),
    /// Binary format; recorded in hexadecimal.
    Binary(bytes::Bytes),
}

/// A statement that is about to run.
#[derive(Debug, Clone)]
pub struct Intent {
    /// When it was decided.
    pub at: Timestamp,
    /// Who runs it.
    pub who: Arc<Who>,
    /// The statement's number in its session, from 1.
    pub statement: u64,
    /// Its kind: `SELECT`, `INSERT` …
    pub command: &'static str,
    /// The client's text.
    pub original: Text,
    /// The text the server gets; `None` when it is the client's own.
    pub rewritten: Option<Text>,
    /// The client's bind parameters.
    pub parameters: Vec<Parameter>,
    /// Relations, columns, verbs, filters and masks, with the policy lines.
    pub touched: Arc<[rewrite::Touched]>,
    /// Names the decision.
    pub decision: DecisionId,
    /// Why it was permitted, where there is more to say than `touched` says.
    pub reasons: Vec<Text>,
    /// The policy that decided.
    pub policy: PolicyVersion,
}

/// A statement that does not run.
#[derive(Debug, Clone)]
pub struct Refused {
    /// When it was decided.
    pub at: Timestamp,
    /// Who wanted to run it.
    pub who: Arc<Who>,
    /// The statement's number in its session, from 1.
    pub statement: u64,
    /// Its kind, when it was understood so far.
    pub command: &'static str,
    /// The client's text.
    pub original: Text,
    /// The client's bind parameters, when it came so far.
    pub parameters: Vec<Parameter>,
    /// What it wanted to touch, as far as known.
    pub touched: Arc<[rewrite::Touched]>,
    /// The id the client reads in the HINT.
    pub decision: DecisionId,
    /// The SQLSTATE the client receives.
    pub sqlstate: Text,
    /// The message the client receives.
    pub message: Text,
    /// The DETAIL the client receives.
    pub reason: Text,
    /// The policy that decided.
    pub policy: PolicyVersion,
}

/// How a statement ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub ending: Ending,
    /// Rows the client received, or rows written.
    pub rows: u64,
    /// Bytes of the answer that the client received.
    pub bytes: u64,
    /// From the decision to the end, in microseconds.
    pub duration_us: u64,
    /// The SQLSTATE of a failed statement.
    pub sqlstate: Option<Text>,
}

/// The endings of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The server completed it.
    Completed,
    /// The server or the gateway reported an error.
    Failed,
    /// It was cancelled or its session ended while it ran.
    Cancelled,
    /// It was recorded and then not sent.
    NotRun,
}

/// Everything else that is recorded.
#[derive(Debug, Clone)]
pub enum Event {
    /// A statement that does not run.
    Refused(Box<Refused>),
    /// A login that succeeded.
    Login {
        /// When.
        at: Timestamp,
        /// Who.
        who: Arc<Who>,
        /// The authentication method.
        method: Text,
    },
    /// A login that failed; `who.login` is what the client claimed.
    LoginFailed {
        /// When.
        at: Timestamp,
        /// The claim.
        who: Arc<Who>,
        /// Why, for the auditor; the client learns less.
        reason: Text,
    },
    /// The end of a session.
    Logout {
        /// When.
        at: Timestamp,
        /// Who.
        who: Arc<Who>,
        /// `terminate`, `connection lost`, `user disabled` …
        reason: Text,
    },
    /// A policy was loaded or refused.
    Policy(Change),
    /// A directory was loaded or refused, or changed what a user may do.
    Directory(Change),
    /// The gateway accepts clients.
    Start {
        /// When.
        at: Timestamp,
        /// The version of rowgate.
        version: Text,
        /// Listening addresses and the like; never secrets.
        detail: Text,
    },
    /// The gateway stops.
    Stop {
        /// When.
        at: Timestamp,
        /// Why.
        reason: Text,
    },
    /// Something an auditor ought to look at.
    Alert {
        /// When.
        at: Timestamp,
        /// A stable name.
        name: Text,
        /// What happened.
        message: Text,
        /// Whom it concerns.
        who: Option<Arc<Who>>,
    },
}

/// A change of policy or directory.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Whether it is in force now. A refused one leaves the old one in force.
    pub accepted: bool,
    /// The version it has or would have had.
    pub version: Text,
    /// The version in force before.
    pub previous: Option<Text>,
    /// `start`, `SIGHUP`, `file change` …
    pub trigger: Text,
    /// Errors and warnings, as people read them.
    pub diagnostics: Vec<Text>,
}

/// One relation that a statement touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// `schema.name`.
    pub table: Text,
    /// `read`, `create` …
    pub verb: Text,
    /// The columns named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Text>,
    /// The row filter; absent when all rows are in scope.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub filter: Arc<str>,
    /// `column: kind`.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub masks: Vec<Box<str>>,
    /// `file:line name` of the policy lines that took part.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lines: Arc<[Box<str>]>,
}

impl From<&rewrite::Touched> for Touch {
    fn from(touched: &rewrite::Touched) -> Self {
        Self {
            table: Arc::clone(&touched.name).into(),
            verb: touched.verb.as_str().into(),
            columns: touched.columns.iter().cloned().map(Text::from).collect(),
            filter: Arc::clone(&touched.filter),
            masks: touched.masks.clone(),
            lines: Arc::clone(&touched.lines),
        }
    }
}

/// A parameter in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedParameter {
    /// NULL; nothing to protect.
    Null,
    /// The text value.
    Text(Text),
    /// The binary value in hexadecimal.
    Binary(String),
    /// The keyed hash in hexadecimal.
    Hash(String),
    /// Not recorded.
    Omitted,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may run.
    Permit,
    /// It may not.
    Deny,
}

/// The first 16 bytes, in hexadecimal, of the SHA-256 of a text that is recorded once per segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextId(pub Text);

/// A text of a statement in the log: by name when it comes again and again, as it is when not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// The text of a [`Record::Text`] before it.
    Named(TextId),
    /// The text itself.
    Once {
        /// The text.
        text: Text,
    },
}

/// A statement in the log: what [`Intent`] and [`Refused`] have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Joins intent and outcome; unique in the whole log.
    pub query: u64,
    /// Who.
    pub who: Who,
    /// The statement's number in its session.
    pub statement: u64,
    /// `SELECT` …
    pub command: Cow<'static, str>,
    /// The decision.
    pub decision: Verdict,
    /// Its id.
    pub decision_id: Text,
    /// The policy version.
    pub policy: Text,
    /// The client's text.
    pub original: Said,
    /// The server's text, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewritten: Option<Said>,
    /// Relations touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<TextId>,
    /// Parameters by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<RecordedParameter>,
    /// Reasons of the decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Text>,
    /// Of a refusal: the SQLSTATE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<Text>,
    /// Of a refusal: the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text>,
}

/// One line of the log, without the sequence number, hash and time that every line starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// The first line of a segment; signed.
    Open {
        /// The version of the format.
        format: u32,
        /// The segment's number, from 1.
        segment: u64,
        /// The gateway instance.
        instance: Text,
        /// The public key of the signatures, in hexadecimal.
        key: String,
    },
    /// A text that later lines of the same segment refer to.
    Text {
        /// Its place in the dictionary; 0 means that earlier texts are not referred to any more.
        n: u64,
        /// Its name.
        id: TextId,
        /// The text.
        text: Text,
    },
    /// A list of touched relations that later lines of the same segment refer to.
    Touched {
        /// As in [`Record::Text`]: one numbering for both.
        n: u64,
        /// Its name: the hash of the list's JSON.
        id: TextId,
        /// The list.
        touched: Vec<Touch>,
    },
    /// A statement that is about to run.
    Intent(Box<Statement>),
    /// How it ended.
    Outcome {
        /// The intent's number.
        query: u64,
        /// The session, for searching.
        session: u64,
        /// How.
        ending: Ending,
        /// Rows.
        rows: u64,
        /// Bytes.
        bytes: u64,
        /// Microseconds.
        duration_us: u64,
        /// The error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sqlstate: Option<Text>,
    },
    /// A statement that does not run.
    Refusal(Box<Statement>),
    /// A login that succeeded.
    Login {
        /// Who.
        who: Who,
        /// The method.
        method: Text,
    },
    /// A login that failed.
    LoginFailed {
        /// The claim.
        who: Who,
        /// Why.
        reason: Text,
    },
    /// The end of a session.
    Logout {
        /// Who.
        who: Who,
        /// Why.
        reason: Text,
    },
    /// A policy was loaded or refused.
    Policy(ChangeRecord),
    /// A directory was loaded or refused.
    Directory(ChangeRecord),
    /// The gateway accepts clients.
    Start {
        /// The version of rowgate.
        version: Text,
        /// How it was started.
        detail: Text,
    },
    /// The gateway stops.
    Stop {
        /// Why.
        reason: Text,
    },
    /// Something to look at.
    Alert {
        /// A stable name.
        name: Text,
        /// What happened.
        message: Text,
        /// Whom it concerns.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<Who>,
    },
    /// The previous run did not close the segment; what was found at start.
    Recovered(Recovered),
    /// Signs everything before it.
    Checkpoint {
        /// Lines since the last signature.
        covers: u64,
    },
    /// The last line of a segment; signed.
    Close {
        /// Lines in the segment, this one included.
        records: u64,
        /// `rotation`, `stop`, `recovery`.
        reason: Text,
    },
}

/// A change of policy or directory in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// Whether it is in force.
    pub accepted: bool,
    /// Its version.
    pub version: Text,
    /// The one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Text>,
    /// What caused it.
    pub trigger: Text,
    /// Errors and warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Text>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a start found after a run that did not end properly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Bytes that a power failure had taken from the last segment and the journal gave back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restored_bytes: u64,
    /// Bytes of an incomplete last line that were cut off.
    pub cut_bytes: u64,
    /// Their SHA-256, when there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_sha256: Option<String>,
    /// Complete lines after the last signature, kept: only the hash chain speaks for them.
    pub unsigned: u64,
    /// The head file's last sequence number, when the log ended before it: those lines are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_up_to: Option<u64>,
    /// The head file was missing or not readable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub head_missing: bool,
}
