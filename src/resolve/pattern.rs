//! Patterns of LIKE: whether one can end in the middle of an escape, which is an error that comes
//! up only where a row's text matches all that stands before it. Pure.

use super::function::Class;
use super::query::Resolver;
use super::scope::KnownType;
use super::total::TEXT;
use crate::ids::TypeId;
use crate::sql::ast::{Call, Constant, Expr, ExprKind, OperatorKind, TypeRef};

const VARCHAR: u32 = 1043;

/// A pattern whose end is a bind parameter: it is looked at when the parameter is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoundPattern {
    /// What the end of the pattern is joined of.
    pub(crate) pieces: Vec<PatternPiece>,
    /// The escape character, an ASCII one.
    pub(crate) escape: u8,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PatternPiece {
    /// A literal.
    Text(Box<str>),
    /// The bind parameter of this number.
    Parameter(u32),
}

impl BoundPattern {
    /// Whether the pattern with these parameters ends behind its last escape. A NULL counts as
    /// nothing.
    pub(crate) fn is_complete<'v>(&self, value: impl Fn(u32) -> Option<&'v [u8]>) -> bool {
        let mut escapes = 0_usize;
        for piece in self.pieces.iter().rev() {
            let bytes = match piece {
                PatternPiece::Text(text) => text.as_bytes(),
                PatternPiece::Parameter(number) => value(*number).unwrap_or_default(),
            };
            let run = bytes.iter().rev().take_while(|byte| **byte == self.escape).count();
            escapes += run;
            if run < bytes.len() {
                break;
            }
        }
        escapes.is_multiple_of(2)
    }
}

/// How a pattern ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Behind its last escape, whatever else is in it.
    Complete,
    /// As these parameters end.
    Bound(BoundPattern),
    /// In the middle of an escape, or nobody knows.
    Unsure,
}

enum Part<'e> {
    Text(&'e str),
    Parameter(u32),
    Anything,
}

impl Resolver<'_> {
    /// The expression before ESCAPE, and the escape character. `None`: an escape that is not one
    /// literal ASCII character.
    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    pub(super) fn escaped<'e>(&self, pattern: &'e Expr) -> (&'e Expr, Option<u8>) {
        if let ExprKind::Call(call) = &pattern.kind
            && let [schema, name] = call.name.as_slice()
            && schema == "pg_catalog"
            && name == "like_escape"
            && let [inner, escape] = call.arguments.as_slice()
        {
            let escape = if let ExprKind::Constant(Constant::String(text)) = &escape.kind
                && let [byte] = text.as_bytes()
            {
                Some(*byte)
            } else {
                None
            };
            return (inner, escape);
        }
        (pattern, Some(b'\\'))
    }

    pub(super) fn ending(&self, pattern: &Expr, escape: u8) -> Ending {
        let mut parts = Vec::new();
        self.parts(pattern, escape, &mut parts);
        let mut pieces: Vec<PatternPiece> = Vec::new();
        let mut bound = false;
        for part in parts.iter().rev() {
            match part {
                Part::Text(text) => {
                    pieces.push(PatternPiece::Text(Box::from(*text)));
                    if text.bytes().any(|byte| byte != escape) {
                        break;
                    }
                }
                Part::Parameter(number) => {
                    pieces.push(PatternPiece::Parameter(*number));
                    bound = true;
                }
                Part::Anything => return Ending::Unsure,
            }
        }
        pieces.reverse();
        let ending = BoundPattern { pieces, escape };
        if bound {
            // PREPARE's parameters come with EXECUTE, and are not looked at.
            return if self.preparing { Ending::Unsure } else { Ending::Bound(ending) };
        }
        if ending.is_complete(|_| None) { Ending::Complete } else { Ending::Unsure }
    }

    fn parts<'e>(&self, pattern: &'e Expr, escape: u8, parts: &mut Vec<Part<'e>>) {
        if let ExprKind::Constant(Constant::String(text)) = &pattern.kind {
            parts.push(Part::Text(text));
        } else if let ExprKind::Parameter(number) = &pattern.kind
            && self.is_text_parameter(*number)
        {
            parts.push(Part::Parameter(*number));
        } else if let ExprKind::Cast { operand, target } = &pattern.kind
            && self.is_text(target)
        {
            self.parts(operand, escape, parts);
        } else if let ExprKind::Operator { form: OperatorKind::Plain, name, left, right } =
            &pattern.kind
            && name.len() == 1
            && name.first().is_some_and(|name| name == "||")
        {
            for side in left.as_deref().into_iter().chain(right) {
                self.parts(side, escape, parts);
            }
        } else if let ExprKind::Call(call) = &pattern.kind
            && self.keeps_the_end(call, escape)
        {
            for argument in &call.arguments {
                self.parts(argument, escape, parts);
            }
        } else {
            parts.push(Part::Anything);
        }
    }

    /// Text of any length: a shorter type cuts.
    fn is_text(&self, target: &TypeRef) -> bool {
        !target.array
            && !target.modified
            && match self.allowed_type(target) {
                Ok(Some(TypeId(id))) => id == TEXT || id == VARCHAR,
                Ok(None) | Err(_) => false,
            }
    }

    /// `lower`, `upper` and `concat`: what the end is stays what it was.
    fn keeps_the_end(&self, call: &Call, escape: u8) -> bool {
        let built_in = matches!(self.class_of(call), Ok(Class::Total));
        let plain = !call.variadic && !call.star && call.filter.is_none() && call.over.is_none();
        built_in
            && plain
            && call.order_by.is_empty()
            && match call.name.last().map(String::as_str) {
                Some("lower" | "upper") => {
                    call.arguments.len() == 1 && !escape.is_ascii_alphanumeric()
                }
                Some("concat") => true,
                Some(_) | None => false,
            }
    }

    /// Text arrives as it is matched. Other strings lose blanks or are cut on the way.
    fn is_text_parameter(&self, number: u32) -> bool {
        match self.parameter_type(number) {
            KnownType::Literal => true,
            KnownType::Type(TypeId(id)) => id == TEXT || id == VARCHAR,
            KnownType::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BoundPattern, PatternPiece};

    fn complete(pieces: &[&str], values: &[&str], escape: u8) -> bool {
        let pieces = pieces.iter().map(|piece| match piece.strip_prefix('$') {
            Some(number) => PatternPiece::Parameter(number.parse().unwrap()),
            None => PatternPiece::Text(Box::from(*piece)),
        });
        BoundPattern { pieces: pieces.collect(), escape }
            .is_complete(|number| values.get(number as usize - 1).map(|value| value.as_bytes()))
    }

    #[test]
    fn a_bound_pattern_ends_in_the_middle_of_an_escape() {
        assert!(complete(&["$1"], &["%x%"], b'\\'));
        assert!(complete(&["$1"], &["x\\\\"], b'\\'));
        assert!(!complete(&["$1"], &["x\\"], b'\\'));
        assert!(!complete(&["\\", "$1"], &[""], b'\\'));
        assert!(complete(&["\\", "$1"], &["\\"], b'\\'));
        assert!(complete(&["a\\", "$1"], &["%"], b'\\'));
        assert!(!complete(&["%", "$1", "$2"], &["x!", ""], b'!'));
        assert!(complete(&["%", "$1", "$2"], &["x!", "!"], b'!'));
        assert!(complete(&["$1"], &[], b'\\'));
    }
}
