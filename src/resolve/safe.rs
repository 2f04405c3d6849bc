//! What may run before a row filter: forms that cannot fail and tell nothing. Pure.

use super::output::expands;
use super::scope::{Facts, KnownType};
use crate::sql::ast::{Constant, Expr, ExprKind, OperatorKind, Query, QueryBody, SqlValue};

/// What a set of results is together; false when unifying their types could cast a value and fail.
pub(super) fn unify(parts: &[Facts]) -> (KnownType, bool) {
    let mut known = KnownType::Literal;
    for part in parts {
        known = match (known, part.known) {
            (KnownType::Literal, other) | (other, KnownType::Literal) => other,
            (KnownType::Type(a), KnownType::Type(b)) if a == b => known,
            (KnownType::Type(_) | KnownType::Unknown, KnownType::Type(_) | KnownType::Unknown) => {
                return (KnownType::Unknown, false);
            }
        };
    }
    (known, true)
}

pub(super) fn is_inferred(known: KnownType) -> bool {
    match known {
        KnownType::Literal | KnownType::Type(_) => true,
        KnownType::Unknown => false,
    }
}

pub(super) fn is_time_unit(unit: &Expr) -> bool {
    matches!(
        &unit.kind,
        ExprKind::Constant(Constant::String(text)) if [
            "microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month",
            "quarter", "year",
        ].contains(&text.as_str())
    )
}

/// `now() - interval '30 days'`, `current_date - 7`: reads no row, and too small to overflow.
pub(super) fn is_bounded_time(
    left: Option<&Expr>,
    name: &[String],
    right: &[Expr],
    steps: u8,
) -> bool {
    let ([operator], Some(left), [right]) = (name, left, right) else { return false };
    let Some(steps) = steps.checked_sub(1) else { return false };
    (operator == "+" || operator == "-") && is_clock(left, steps) && is_small_step(right)
}

/// How many small steps from now are still near: each is less than a thousand years.
pub(super) const SMALL_STEPS: u8 = 3;

pub(super) fn is_clock(expr: &Expr, steps: u8) -> bool {
    if let ExprKind::SqlValue(value) = &expr.kind {
        return match value {
            SqlValue::Date | SqlValue::Timestamp | SqlValue::LocalTimestamp => true,
            SqlValue::Time | SqlValue::Role | SqlValue::Catalog | SqlValue::Schema => false,
        };
    }
    if let ExprKind::Call(call) = &expr.kind {
        let name = call.name.last().map(String::as_str);
        return (name == Some("now") && call.arguments.is_empty())
            || (name == Some("date_trunc")
                && matches!(call.arguments.as_slice(), [unit, clock]
                    if is_time_unit(unit) && is_clock(clock, steps)));
    }
    if let ExprKind::Operator { form: OperatorKind::Plain, name, left, right } = &expr.kind {
        return is_bounded_time(left.as_deref(), name, right, steps);
    }
    false
}

pub(super) fn is_small_step(expr: &Expr) -> bool {
    if let ExprKind::Constant(Constant::Integer(days)) = &expr.kind {
        return days.unsigned_abs() <= 100_000;
    }
    if let ExprKind::Cast { operand, target } = &expr.kind {
        return target.names.last().map(String::as_str) == Some("interval")
            && matches!(&operand.kind, ExprKind::Constant(Constant::String(text))
                if is_small_interval(text));
    }
    false
}

pub(super) fn is_small_interval(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    number.parse::<u32>().is_ok_and(|number| number <= 10_000)
        && [
            "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week",
            "weeks", "month", "months", "year", "years",
        ]
        .contains(&unit.to_ascii_lowercase().as_str())
        && !(unit.to_ascii_lowercase().starts_with("year") && number.len() > 3)
}

/// A query that returns one row whatever the data is: an aggregate without grouping, or no FROM.
///
/// `nested`: the query stands in a sub-select itself, so an aggregate over a column may belong to a
/// query further out and group nothing here.
pub(super) fn returns_one_row(query: &Query, nested: bool) -> bool {
    let limited = !query.with_ties
        && matches!(
            query.limit.as_ref().map(|limit| &limit.kind),
            Some(ExprKind::Constant(Constant::Integer(0 | 1)))
        );
    if limited {
        return true;
    }
    match &query.body {
        QueryBody::Select(select) => {
            select.group_by.is_empty()
                && select.targets.iter().all(|target| !expands(&target.expr))
                && (select.from.is_empty()
                    || select.targets.iter().any(|target| is_plain_aggregate(&target.expr, nested)))
        }
        QueryBody::Values(rows) => rows.len() == 1,
        QueryBody::SetOperation { .. } => false,
    }
}

pub(super) fn is_plain_aggregate(expr: &Expr, nested: bool) -> bool {
    matches!(&expr.kind, ExprKind::Call(call)
        if call.over.is_none() && (call.star || !nested)
            && matches!(call.name.last().map(String::as_str),
                Some("count" | "sum" | "min" | "max" | "avg" | "bool_and" | "bool_or"
                    | "string_agg" | "array_agg")))
}
