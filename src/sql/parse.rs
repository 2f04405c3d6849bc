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
            pg_raw_parse::Error::Parse(error) => syntax_error(error.to_string(), tokens),
            pg_raw_parse::Error::PgError(_) => SqlError::Broken,
            pg_raw_parse::Error::StatementContainedNul(_) => {
                SqlError::lexical("null character not permitted", 0)
            }
        })?;
        tree.iter().map(|raw| statement(raw, tokens)).collect()
    }));
    lowered.unwrap_or(Err(SqlError::Broken))
}

/// How many tokens are tried as the one a syntax error is about.
const CANDIDATES: usize = 32;

/// The parser tells which token it stumbles over, and not where it is. The grammar is read from the
/// left, so it is the first token of that text with which the text up to it fails in the same words.
fn syntax_error(message: String, tokens: &Tokens<'_>) -> SqlError {
    let offset = if message.ends_with(" at end of input") {
        Some(tokens.source().len())
    } else {
        let near =
            message.split_once(" at or near \"").and_then(|(_, near)| near.strip_suffix('"'));
        near.and_then(|near| {
            let mut candidates = (0..tokens.len()).filter(|index| tokens.text(*index) == near);
            candidates.by_ref().take(CANDIDATES).find_map(|index| {
                let token = tokens.get(index)?;
                let beginning = tokens.source().get(..token.end as usize)?;
                match pg_raw_parse::parse(beginning) {
                    Err(pg_raw_parse::Error::Parse(error)) if error.to_string() == message => {
                        Some(token.start as usize)
                    }
                    _ => None,
                }
            })
        })
    };
    SqlError::Syntax { message, offset }
}
