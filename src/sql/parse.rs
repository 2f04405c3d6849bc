//! Parses client SQL with PostgreSQL's own grammar (libpg_query). Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_raw_parse::StmtList;

use super::ast::Statement;
use super::lower::statement;
use super::{SqlError, Tokens};

/// The parser's own trees of a query string, for a look at them that owes nothing to lowering.
#[derive(Debug)]
pub(crate) struct RawTrees(pg_raw_parse::ParseResult);

impl RawTrees {
    /// Parses a text that need not be a client's.
    pub(super) fn new(text: &str) -> Result<Self, pg_raw_parse::Error> {
        pg_raw_parse::parse(text).map(Self)
    }

    /// One for each statement.
    pub(super) fn statements(&self) -> &StmtList {
        &self.0
    }
}

/// Parses every statement of a lexed query string.
pub fn parse(tokens: &Tokens<'_>) -> Result<Vec<Statement>, SqlError> {
    parse_keeping_trees(tokens).map(|(statements, _)| statements)
}

/// Parses every statement of a lexed query string, and hands out the trees it has read.
///
/// The lexer has already bounded the nesting of brackets and comments; chains of operators have no
/// nesting, so lowering counts its own depth.
pub(crate) fn parse_keeping_trees(
    tokens: &Tokens<'_>,
) -> Result<(Vec<Statement>, RawTrees), SqlError> {
    // The binding panics on nodes it does not know. Such a text is refused like any other that is
    // not understood.
    let lowered = catch_unwind(AssertUnwindSafe(|| {
        let trees = RawTrees::new(tokens.source()).map_err(|error| match error {
            pg_raw_parse::Error::Parse(error) => syntax_error(error.to_string(), tokens),
            pg_raw_parse::Error::PgError(_) => SqlError::Broken,
            pg_raw_parse::Error::StatementContainedNul(_) => {
                SqlError::lexical("null character not permitted", 0)
            }
        })?;
        let statements: Result<Vec<_>, _> =
            trees.statements().iter().map(|raw| statement(raw, tokens)).collect();
        Ok((statements?, trees))
    }));
    lowered.unwrap_or(Err(SqlError::Broken))
}

/// How many tokens are tried as the one a syntax error is about.
const CANDIDATES: usize = 32;
/// Longer texts are not parsed again for the position of an error.
const LONGEST_RETRIED: usize = 64 * 1024;

/// The parser tells which token it stumbles over, and not where it is. The grammar is read from the
/// left, so it is the first token of that text with which the text up to it fails in the same words.
fn syntax_error(message: String, tokens: &Tokens<'_>) -> SqlError {
    let offset = if message.ends_with(" at end of input") {
        Some(tokens.source().len())
    } else {
        let near = message
            .split_once(" at or near \"")
            .filter(|_| tokens.source().len() <= LONGEST_RETRIED)
            .and_then(|(_, near)| near.strip_suffix('"'));
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
