//! `hash`: equal values give equal hashes, so they can be joined and counted, and nobody without
//! the gateway's key can compute them. For text (hexadecimal, cut to the column's length) and uuid.

use sqlparser::ast::BinaryOperator;

use super::{Family, MaskKind};
use crate::policy::syntax;

/// A shorter hash would soon give two values the same text.
const SHORTEST: u64 = 16;

pub(super) const KIND: MaskKind = MaskKind {
    name: "hash",
    options: &[],
    strength: 4,
    example: ("", "13812345678", "5f2b9c…"),
    build: |target, _| {
        let keyed = syntax::binary(
            syntax::binary(target.hash_key.clone(), BinaryOperator::StringConcat, target.as_text()),
            BinaryOperator::StringConcat,
            target.hash_key.clone(),
        );
        let bytes = syntax::call("convert_to", vec![keyed, syntax::text("UTF8")]);
        let digest = syntax::call("sha256", vec![bytes]);
        let text = syntax::call("encode", vec![digest, syntax::text("hex")]);
        match target.family {
            Family::Text(Some(length)) if length < SHORTEST => {
                Err(target.wrong_type("room for at least 16 characters"))
            }
            Family::Text(_) => Ok(text),
            Family::Uuid => Ok(syntax::call("left", vec![text, syntax::number(32)])),
            Family::Integer
            | Family::Numeric
            | Family::Float
            | Family::Date
            | Family::Timestamp
            | Family::TimestampTz
            | Family::Boolean
            | Family::Other => Err(target.wrong_type("a text or uuid column")),
        }
    },
};
