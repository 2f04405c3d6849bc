//! Text ⇄ syntax: lexing, parsing with PostgreSQL's own grammar, splicing edits, verifying. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod ast;
mod lex;
mod lower;
mod lower_definition;
mod lower_special;
mod lower_utility;
mod parse;
mod verify;

pub use lex::{Token, TokenKind, Tokens};
pub use parse::parse;
pub(crate) use parse::{RawTrees, parse_keeping_trees};
pub(crate) use verify::{Claim, KnownTables, verify};

use crate::error::{Refusal, SqlState};

/// Why a text is not taken as SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// PostgreSQL's grammar does not accept it.
    #[error("{message}")]
    Syntax {
        /// PostgreSQL's words.
        message: String,
        /// Byte offset of the token it is about, when that is known.
        offset: Option<usize>,
    },
    /// The scanner does not accept it.
    #[error("{message}")]
    Lexical {
        /// What is wrong.
        message: &'static str,
        /// Byte offset of the token.
        offset: usize,
    },
    /// A construct this gateway has no rule for.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// Nested more deeply than the gateway walks.
    #[error("statement is nested too deeply")]
    TooDeep,
    /// Longer than the gateway takes.
    #[error("statement is too large")]
    TooLarge,
    /// The parser broke on it; refused, and worth a look.
    #[error("statement could not be parsed")]
    Broken,
}

impl SqlError {
    fn lexical(message: &'static str, offset: usize) -> Self {
        Self::Lexical { message, offset }
    }
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        let message = error.to_string();
        match error {
            SqlError::Syntax { offset, .. } => {
                Self::new(SqlState::SYNTAX_ERROR, message, "").at(offset)
            }
            SqlError::Lexical { offset, .. } => {
                Self::new(SqlState::SYNTAX_ERROR, message, "").at(Some(offset))
            }
            SqlError::Unsupported(_) => Self::unsupported(message),
            SqlError::TooDeep | SqlError::TooLarge | SqlError::Broken => {
                Self::new(SqlState::STATEMENT_TOO_COMPLEX, message, "")
            }
        }
    }
}

#[cfg(test)]
mod tests;
