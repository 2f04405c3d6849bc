//! `round`: the number is cut towards zero to a multiple of `step` (1000 when not said). Cutting
//! instead of rounding up keeps the result within the column's precision. For numbers.

use sqlparser::ast::{BinaryOperator, Expr};

use super::{Family, MaskKind, Target};
use crate::policy::syntax;

pub(super) const KIND: MaskKind = MaskKind {
    name: "round",
    options: &["step"],
    strength: 3,
    example: ("step: 1000", "12345", "12000"),
    build: |target, options| multiple(target, options.number("step", Some(1000))?),
};

/// The value cut towards zero to a multiple of `step`.
pub(super) fn multiple(target: &Target<'_>, step: i64) -> Result<Expr, String> {
    if step < 1 {
        return Err("the step is at least 1".to_owned());
    }
    let value = target.column();
    let number = syntax::number(step);
    let divided = |value: Expr| syntax::binary(value, BinaryOperator::Divide, number.clone());
    let times = |value: Expr| syntax::binary(value, BinaryOperator::Multiply, number.clone());
    match target.family {
        Family::Integer => {
            // The server prepares each call of an operator anew for every statement: two of them, and
            // no casts but for `int2`. A remainder has its value's sign, so nothing overflows. Both
            // sides have one type, for which PostgreSQL has the operators itself.
            let (value, step) = if target.data_type == syntax::builtin("int8") {
                (value, syntax::cast(number.clone(), syntax::builtin("int8")))
            } else if target.data_type == syntax::builtin("int4") {
                (value, number.clone())
            } else {
                (syntax::cast(value, syntax::builtin("int4")), number.clone())
            };
            let rest = syntax::binary(value.clone(), BinaryOperator::Modulo, step);
            Ok(syntax::binary(value, BinaryOperator::Minus, rest))
        }
        Family::Numeric => Ok(times(syntax::call("trunc", vec![divided(value)]))),
        Family::Float => {
            // Dividing a tiny number by a large one is an underflow error.
            let wide = syntax::cast(value, syntax::builtin("float8"));
            let small = syntax::binary(
                syntax::call("abs", vec![wide.clone()]),
                BinaryOperator::Lt,
                number.clone(),
            );
            let cut = times(syntax::call("trunc", vec![divided(wide)]));
            Ok(syntax::case(vec![(small, syntax::number(0))], cut))
        }
        Family::Text(_)
        | Family::Date
        | Family::Timestamp
        | Family::TimestampTz
        | Family::Boolean
        | Family::Uuid
        | Family::Other => Err(target.wrong_type("a number column")),
    }
}
