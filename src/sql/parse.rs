//! Parses client SQL with PostgreSQL's own grammar (libpg_query). Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::ast::Statement;
use super::lower::statement;
use super::{SqlError, Tokens};

/// Parses every statement of a lexed query string.
///
/// The lexer has already bounded the nesting of brackets and comments; chains of operators have no
/// nesting, so lowering counts its own depth.
pub fn parse(tokens: &Tokens<'_>) -> Result<Vec<Statement>, SqlError> {
    // The binding panics on nodes it does not know. Such a text is refused like any other that is
    // not understood.
    let lowered = catch_unwind(AssertUnwindSafe(|| {
        let tree = pg_raw_parse::parse(tokens.source()).map_err(|error| match error {
            pg_raw_parse::Error::Parse(error) => SqlError::Syntax(error.to_string()),
            pg_raw_parse::Error::PgError(_) => SqlError::Broken,
            pg_raw_parse::Error::StatementContainedNul(_) => {
                SqlError::lexical("null character not permitted", 0)
            }
        })?;
        tree.iter().map(|raw| statement(raw, tokens)).collect()
    }));
    lowered.unwrap_or(Err(SqlError::Broken))
}
