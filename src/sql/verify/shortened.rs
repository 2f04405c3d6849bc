//! The finished text with short stand-ins for derived tables that were read before. Pure.
//!
//! Most of a finished text is derived tables, and the same ones again and again. One that was read by
//! itself, is `( SELECT … )` and nothing else, and shows no relation that was not put in, need not be
//! read a second time: `(SELECT)` stands for it. The grammar takes both for the same thing
//! (`'(' select_no_parens ')'`), whatever is around them, because a bracket that was opened before
//! SELECT ends where it is closed and nothing inside is decided by what is outside. What is known is
//! known byte for byte, so nothing has to be believed about where a text came from.

use std::ops::Range;

use pg_raw_parse::Node;

use super::{Relations, VerifyError};
use crate::sql::{RawTrees, TokenKind, Tokens};

/// Derived tables that were read by themselves: text → the byte behind their closing bracket.
pub(crate) trait KnownTables {
    /// What is known of this text.
    fn end(&self, table: &str) -> Option<usize>;
    /// It has been read, and ends there.
    fn know(&self, table: &str, end: usize);
}

const STAND_IN: &str = " (SELECT)";
/// What makes a statement of a derived table.
const BEFORE: &str = "SELECT FROM ";

/// A finished text in which known derived tables are short.
#[derive(Debug)]
pub(super) struct Shortened {
    pub(super) text: String,
    /// What was put in, ascending.
    pub(super) inserted: Vec<Range<usize>>,
    /// Those of `inserted` that are names of relations which are filtered in WHERE.
    pub(super) filtered: Vec<Range<usize>>,
    /// The first byte of each stand-in.
    stand_ins: Vec<usize>,
}

impl Shortened {
    /// Of a text and the ranges of what was put in. Fails when these do not ascend.
    pub(super) fn new(
        text: &str,
        inserted: &[Range<usize>],
        filtered: &[Range<usize>],
        known: Option<&dyn KnownTables>,
    ) -> Result<Self, VerifyError> {
        let mut short = Self {
            text: String::with_capacity(text.len()),
            inserted: Vec::with_capacity(inserted.len()),
            filtered: Vec::with_capacity(filtered.len()),
            stand_ins: Vec::new(),
        };
        let mut filtered = filtered.iter().peekable();
        let mut at = 0;
        for range in inserted {
            let kept = text.get(at..range.start).ok_or(VerifyError::Tokens)?;
            short.text.push_str(kept);
            let put_in = text.get(range.clone()).ok_or(VerifyError::Tokens)?;
            let start = short.text.len();
            let end = known.and_then(|known| known_end(put_in, known));
            if let Some(rest) = end.and_then(|end| put_in.get(end..)) {
                short.stand_ins.push(start + 1);
                short.text.push_str(STAND_IN);
                short.text.push_str(rest);
            } else {
                short.text.push_str(put_in);
            }
            short.inserted.push(start..short.text.len());
            if filtered.next_if_eq(&range).is_some() {
                short.filtered.push(start..short.text.len());
            }
            at = range.end;
        }
        short.text.push_str(text.get(at..).ok_or(VerifyError::Tokens)?);
        // One that was not put in would have to be looked at, and is not there.
        if filtered.next().is_some() { Err(VerifyError::Unfiltered) } else { Ok(short) }
    }

    /// Each stand-in is what it is meant to be, not part of a string or a comment around it: its tokens
    /// begin where it was put.
    pub(super) fn stands(&self, tokens: &Tokens<'_>) -> bool {
        self.stand_ins.iter().all(|start| {
            tokens.at_byte(*start).is_some_and(|index| {
                tokens.is_mark(index, "(")
                    && tokens.is_word(index + 1, "select")
                    && tokens.is_mark(index + 2, ")")
            })
        })
    }
}

/// The byte behind the closing bracket, when the text is a derived table, with an alias or without.
fn known_end(put_in: &str, known: &dyn KnownTables) -> Option<usize> {
    let inside = put_in.trim_start_matches(' ').strip_prefix('(')?;
    if !inside.trim_start_matches(' ').starts_with("SELECT ") {
        return None;
    }
    known.end(put_in).or_else(|| {
        let end = read(put_in)?;
        known.know(put_in, end);
        Some(end)
    })
}

/// Reads a derived table by itself.
fn read(table: &str) -> Option<usize> {
    let tokens = Tokens::new(table).ok()?;
    if !tokens.is_mark(0, "(") || !tokens.is_word(1, "select") {
        return None;
    }
    let mut depth = 0_usize;
    let close = (0..tokens.len()).find(|index| {
        if tokens.is_mark(*index, "(") {
            depth += 1;
        } else if tokens.is_mark(*index, ")") {
            depth = depth.saturating_sub(1);
        }
        depth == 0
    })?;
    let named = match tokens.len() - close {
        1 => false,
        3 => {
            let quoted = tokens.get(close + 2)?.kind == TokenKind::QuotedIdentifier;
            if !tokens.is_word(close + 1, "as") || !quoted {
                return None;
            }
            true
        }
        _ => return None,
    };
    let last = tokens.get(tokens.len() - 1)?.end as usize;
    // A comment would go on behind it.
    if !table.get(last..)?.bytes().all(|byte| byte == b' ') {
        return None;
    }
    // The grammar's word on it: one item of FROM, a query in brackets.
    let trees = RawTrees::new(&[BEFORE, table].concat()).ok()?;
    let mut statements = trees.statements().iter();
    let (Some(statement), None) = (statements.next(), statements.next()) else { return None };
    let Node::SelectStmt(select) = statement.stmt() else { return None };
    let mut from = select.from_clause().iter();
    let (Some(Node::RangeSubselect(item)), None) = (from.next(), from.next()) else { return None };
    if item.lateral || item.alias().is_some() != named {
        return None;
    }
    let everything = BEFORE.len()..BEFORE.len() + table.len();
    let inserted = std::slice::from_ref(&everything);
    let mut relations = Relations { inserted, filtered: &[], ctes: Vec::new(), met: 0 };
    relations.node(item.subquery()).ok()?;
    Some(tokens.get(close)?.end as usize)
}
