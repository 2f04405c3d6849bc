//! `partial`: the first `first` and the last `last` characters are seen, each character between
//! them becomes `*`. A value that is not longer than both together becomes stars only. For text.

use sqlparser::ast::BinaryOperator;

use super::{Family, MaskKind};
use crate::policy::syntax;

pub(super) const KIND: MaskKind = MaskKind {
    name: "partial",
    options: &["first", "last"],
    strength: 1,
    example: ("first: 3, last: 4", "13812345678", "138****5678"),
    build: |target, options| {
        let Family::Text(_) = target.family else { return Err(target.wrong_type("a text column")) };
        let first = options.number("first", Some(0))?;
        let last = options.number("last", Some(0))?;
        let value = target.as_text();
        let length = syntax::call("char_length", vec![value.clone()]);
        let shown = syntax::number(first.saturating_add(last));
        let stars = |count| syntax::call("repeat", vec![syntax::text("*"), count]);
        let short = syntax::binary(length.clone(), BinaryOperator::LtEq, shown.clone());
        let hidden = syntax::binary(length.clone(), BinaryOperator::Minus, shown);
        let joined = syntax::binary(
            syntax::binary(
                syntax::call("left", vec![value.clone(), syntax::number(first)]),
                BinaryOperator::StringConcat,
                stars(hidden),
            ),
            BinaryOperator::StringConcat,
            syntax::call("right", vec![value, syntax::number(last)]),
        );
        Ok(syntax::case(vec![(short, stars(length))], joined))
    },
};
