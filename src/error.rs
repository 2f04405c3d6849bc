//! SQLSTATEs and the refusal that a client reads. Pure.
//!
//! Codes: PostgreSQL documentation, appendix A "PostgreSQL Error Codes".

use std::fmt;

/// A five-character SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

impl SqlState {
    /// Refused by policy.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self("42501");
    /// SQL that rowgate does not support for this principal.
    pub const FEATURE_NOT_SUPPORTED: Self = Self("0A000");
    /// The text is not SQL.
    pub const SYNTAX_ERROR: Self = Self("42601");
    /// No such relation on the search path.
    pub const UNDEFINED_TABLE: Self = Self("42P01");
    /// No such column.
    pub const UNDEFINED_COLUMN: Self = Self("42703");
    /// No such setting, type or role.
    pub const UNDEFINED_OBJECT: Self = Self("42704");
    /// No such function.
    pub const UNDEFINED_FUNCTION: Self = Self("42883");
    /// No such schema.
    pub const INVALID_SCHEMA_NAME: Self = Self("3F000");
    /// A statement name nobody prepared.
    pub const INVALID_STATEMENT_NAME: Self = Self("26000");
    /// A statement name that is taken.
    pub const DUPLICATE_STATEMENT: Self = Self("42P05");
    /// Not a user, or not from here.
    pub const INVALID_AUTHORIZATION: Self = Self("28000");
    /// Wrong password, or no such user: nobody can tell which.
    pub const INVALID_PASSWORD: Self = Self("28P01");
    /// No such database.
    pub const INVALID_CATALOG_NAME: Self = Self("3D000");
    /// The client broke the protocol.
    pub const PROTOCOL_VIOLATION: Self = Self("08P01");
    /// The server behind the gateway cannot be reached.
    pub const CONNECTION_FAILURE: Self = Self("08006");
    /// The server behind the gateway refuses new connections.
    pub const CANNOT_CONNECT_NOW: Self = Self("57P03");
    /// The session was ended by an administrator or by a change of the directory.
    pub const ADMIN_SHUTDOWN: Self = Self("57P01");
    /// Too many connections.
    pub const TOO_MANY_CONNECTIONS: Self = Self("53300");
    /// A limit of the policy or the configuration was reached.
    pub const CONFIGURATION_LIMIT: Self = Self("53400");
    /// The statement is nested too deeply or too large.
    pub const STATEMENT_TOO_COMPLEX: Self = Self("54001");
    /// A value the server would not accept for a setting.
    pub const INVALID_PARAMETER_VALUE: Self = Self("22023");
    /// A pattern that ends in the middle of an escape.
    pub const INVALID_ESCAPE_SEQUENCE: Self = Self("22025");
    /// The audit log cannot be written.
    pub const IO_ERROR: Self = Self("58030");
    /// A defect of rowgate: the verifier refused what the rewriter made.
    pub const INTERNAL_ERROR: Self = Self("XX000");
    /// The transaction is aborted.
    pub const IN_FAILED_TRANSACTION: Self = Self("25P02");
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why a statement does not run, in words that are safe for the client.
///
/// `message` is the primary message, `reason` becomes DETAIL; the HINT with the decision id is
/// added by the session, which alone knows the id. A refusal never quotes row data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The SQLSTATE the client receives.
    pub sqlstate: SqlState,
    /// One line, lower case, user input in backticks or double quotes as PostgreSQL writes it.
    pub message: String,
    /// What rule or limit decided; empty when the message says it all.
    pub reason: String,
    /// Byte offset into the client's own text, where there is one to point at.
    pub offset: Option<usize>,
}

impl Refusal {
    /// A refusal by policy (42501).
    pub fn denied(message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(SqlState::INSUFFICIENT_PRIVILEGE, message, reason)
    }

    /// SQL that is not supported for this principal (0A000).
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, message, "")
    }

    /// A refusal with the given code.
    pub fn new(sqlstate: SqlState, message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), reason: reason.into(), offset: None }
    }

    /// The same refusal, pointing at `offset` bytes into the client's text.
    #[must_use]
    pub fn at(mut self, offset: Option<usize>) -> Self {
        self.offset = offset;
        self
    }
}
