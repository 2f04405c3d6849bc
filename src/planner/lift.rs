//! Constants of a key lookup that can be bind parameters. Pure.
//!
//! A client that writes its values into the text of a query makes the server parse and plan that
//! text each time. Where the plan cannot get worse by it, the gateway lifts the values out, so that
//! the server prepares the statement once for everybody.

use crate::ids::TypeId;
use crate::resolve::KeyLookup;
use crate::rewrite::{Answer, Constant, Effect, Piece, Plan};
use crate::sql::{TokenKind, Tokens};

/// The parameter's type is that of what it meets, as it is with an untyped literal.
const UNKNOWN: TypeId = TypeId(0);
const INT8: TypeId = TypeId(20);
const INT4: TypeId = TypeId(23);

/// The constants of a text that was planned before, in order; `None` where it is no key lookup, or
/// one of them can only be a constant. `literals` are the tokens of those that do not change the plan.
pub(super) fn constants(
    tokens: &Tokens<'_>,
    plan: &Plan,
    literals: &[usize],
) -> Option<Vec<Constant>> {
    let [statement] = plan.statements.as_slice() else { return None };
    let reads = statement.effect == Effect::Reads && statement.answer == Answer::Relay;
    if plan.key_lookup != Some(KeyLookup::ByConstants) || !reads || tokens.highest_parameter() > 0 {
        return None;
    }
    // A literal that the gateway repeats or replaces would be two, or none.
    let touched = plan.edits.iter().any(|edit| {
        literals.iter().any(|token| edit.tokens.contains(token))
            || edit.pieces.iter().any(|piece| matches!(piece, Piece::Client(_)))
    });
    if touched {
        return None;
    }
    literals.iter().map(|token| constant(tokens, *token)).collect()
}

fn constant(tokens: &Tokens<'_>, token: usize) -> Option<Constant> {
    // `-5` is one constant to the grammar.
    if token.checked_sub(1).is_some_and(|before| tokens.is_mark(before, "-")) {
        return None;
    }
    let text = tokens.text(token);
    let (type_id, value) = match tokens.get(token)?.kind {
        // The types that the server gives whole numbers (PostgreSQL documentation, "Numeric
        // Constants"); others stay where they are.
        TokenKind::Integer | TokenKind::Number => {
            if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let number: i64 = text.parse().ok()?;
            (if i32::try_from(number).is_ok() { INT4 } else { INT8 }, text.to_owned())
        }
        TokenKind::String => {
            let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
            let value = inner.replace("''", "'");
            // A literal that goes on behind the end of a line has quotes inside.
            if inner.len() - value.len() != value.matches('\'').count() {
                return None;
            }
            (UNKNOWN, value)
        }
        TokenKind::Word
        | TokenKind::QuotedIdentifier
        | TokenKind::UnicodeIdentifier
        | TokenKind::SpecialString
        | TokenKind::BitString
        | TokenKind::DollarString
        | TokenKind::Parameter
        | TokenKind::Operator
        | TokenKind::Punctuation => return None,
    };
    Some(Constant { token, type_id, value })
}
