//! `year`: the date or time becomes the first day of its year (UTC). For date and timestamp types;
//! what lies before year 1 or is infinite becomes NULL.

use sqlparser::ast::{BinaryOperator, Expr};

use super::{Family, MaskKind, Target};
use crate::policy::syntax;

pub(super) const KIND: MaskKind = MaskKind {
    name: "year",
    options: &[],
    strength: 2,
    example: ("", "1990-05-17", "1990-01-01"),
    build: |target, _| truncated(target, "year", "doy"),
};

/// The value truncated to `unit`; `ordinal` numbers the days in it.
pub(super) fn truncated(target: &Target<'_>, unit: &str, ordinal: &str) -> Result<Expr, String> {
    let value = target.column();
    let cut = match target.family {
        // A date can lie outside what a timestamp holds, so it is not cast to one.
        Family::Date => {
            let day = syntax::call("extract", vec![syntax::text(ordinal), value.clone()]);
            let day = syntax::cast(day, syntax::builtin("int4"));
            let before = syntax::binary(day, BinaryOperator::Minus, syntax::number(1));
            syntax::binary(value.clone(), BinaryOperator::Minus, before)
        }
        Family::Timestamp => syntax::call("date_trunc", vec![syntax::text(unit), value.clone()]),
        // Without a zone of its own the result would depend on the session's.
        Family::TimestampTz => {
            syntax::call("date_trunc", vec![syntax::text(unit), value.clone(), syntax::text("UTC")])
        }
        Family::Text(_)
        | Family::Integer
        | Family::Numeric
        | Family::Float
        | Family::Boolean
        | Family::Uuid
        | Family::Other => return Err(target.wrong_type("a date or timestamp column")),
    };
    let finite = syntax::call("isfinite", vec![value.clone()]);
    let start = syntax::cast(syntax::text("0001-01-02"), target.data_type.clone());
    let recent = syntax::binary(value, BinaryOperator::GtEq, start);
    let condition = syntax::binary(finite, BinaryOperator::And, recent);
    Ok(syntax::case(vec![(condition, cut)], syntax::null()))
}
