//! The audit log: every statement, refusal, login and change of rules, in order, in a hash chain.
//!
//! Nothing runs and nothing is refused unrecorded: [`Audit::intent`] hands out the [`Recorded`]
//! that the session needs before it may run a statement, and [`Audit::durable`] says when the
//! record is safe. It never decides anything and never sees a password in clear.

pub mod chain;
mod commit;
mod journal;
mod line;
pub mod record;
mod recover;
mod redact;
mod render;
pub mod search;
mod settings;
mod store;
mod text;
pub mod verify;
mod writer;

pub use record::{
    Change, Ending, Event, Intent, Outcome, Parameter, ParameterValue, Parameters, Refused, Text,
    Who,
};
pub use redact::redact;
pub use settings::{AuditSettings, Durability, OnFailure, SigningKeySource, read_public_key};
pub use writer::{Audit, QueryRef, Recorded};

use std::path::PathBuf;

use crate::error::SqlState;

/// What can go wrong with the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The directory or a file in it cannot be opened.
    #[error("the audit log `{}` cannot be opened: {reason}", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// Another process writes this log.
    #[error("the audit log `{}` is being written by another process", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The last segment was changed; nothing is appended to it.
    #[error(
        "the audit log is damaged at {file}, line {line}: {reason}; \
         keep the directory for the auditors and configure a new one"
    )]
    Damaged {
        /// The segment's file name.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The signing key cannot be read or made.
    #[error("the audit signing key cannot be used: {reason}")]
    Key {
        /// Why.
        reason: String,
    },
    /// Writing fails at the moment; nothing runs until it works again.
    #[error("the audit log cannot be written")]
    Unwritable,
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
}

impl AuditError {
    /// The code that the client receives.
    pub fn sqlstate(&self) -> SqlState {
        SqlState::IO_ERROR
    }
}

#[cfg(test)]
mod tests;
