//! `email`: the first character and the domain are seen. A value that is no address becomes
//! stars. For text.

use sqlparser::ast::BinaryOperator;

use super::{Family, MaskKind};
use crate::policy::syntax;

pub(super) const KIND: MaskKind = MaskKind {
    name: "email",
    options: &[],
    strength: 1,
    example: ("", "alice@example.com", "a***@example.com"),
    build: |target, _| {
        let Family::Text(_) = target.family else { return Err(target.wrong_type("a text column")) };
        let value = target.as_text();
        let sign = syntax::call("strpos", vec![value.clone(), syntax::text("@")]);
        let is_address = syntax::binary(sign.clone(), BinaryOperator::Gt, syntax::number(1));
        let masked = syntax::binary(
            syntax::binary(
                syntax::call("left", vec![value.clone(), syntax::number(1)]),
                BinaryOperator::StringConcat,
                syntax::text("***"),
            ),
            BinaryOperator::StringConcat,
            syntax::call("substr", vec![value.clone(), sign]),
        );
        let length = syntax::call("char_length", vec![value]);
        let stars = syntax::call("repeat", vec![syntax::text("*"), length]);
        Ok(syntax::case(vec![(is_address, masked)], stars))
    },
};
