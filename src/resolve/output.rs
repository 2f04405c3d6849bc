//! What an item of a select list is called, and how many columns it makes. Pure.

use crate::sql::ast::{Constant, Expr, ExprKind, OperatorKind, Step, SublinkKind};

/// A literal or a parameter, possibly negated.
pub(super) fn is_plain_operand(expr: &Expr) -> bool {
    if let ExprKind::Constant(constant) = &expr.kind {
        return match constant {
            Constant::Integer(_)
            | Constant::Number(_)
            | Constant::Boolean(_)
            | Constant::String(_) => true,
            Constant::Null | Constant::Bits(_) => false,
        };
    }
    matches!(expr.kind, ExprKind::Parameter(_))
}

/// Makes an unknown number of columns: `(x).*`.
pub(super) fn expands(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Indirection { steps, .. }
        if matches!(steps.last(), Some(Step::Star)))
        || matches!(&expr.kind, ExprKind::Column(column) if column.star)
}

/// `GROUP BY 2`: the index of the item, from 0.
pub(super) fn position(expr: &Expr) -> Option<usize> {
    let ExprKind::Constant(Constant::Integer(number)) = &expr.kind else { return None };
    usize::try_from(*number).ok()?.checked_sub(1)
}

/// How PostgreSQL names an unnamed output column (FigureColname in its source).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutputName {
    /// A name that a cast around it keeps.
    Strong(String),
    /// A name that gives way to the type's of a cast around it.
    Weak(String),
    /// `?column?`
    None,
    /// Not followed: the column may have any name.
    Unsure,
}

/// The name of an unnamed output column. Where it is not sure, a reference of that name may mean
/// this column, whatever else has the name.
pub(super) fn output_name(expr: &Expr) -> OutputName {
    let strong = |name: &str| OutputName::Strong(name.to_owned());
    let last = |names: &[String]| {
        names.last().map_or(OutputName::Unsure, |name| OutputName::Strong(name.clone()))
    };
    match &expr.kind {
        ExprKind::Column(column) if column.star => OutputName::Unsure,
        ExprKind::Column(column) => last(&column.parts),
        ExprKind::Call(call) => last(&call.name),
        ExprKind::Cast { operand, target } => match output_name(operand) {
            OutputName::Strong(name) => OutputName::Strong(name),
            OutputName::Weak(_) | OutputName::None => match target.names.last() {
                Some(name) => OutputName::Weak(name.clone()),
                None => OutputName::Unsure,
            },
            OutputName::Unsure => OutputName::Unsure,
        },
        ExprKind::Collate(operand) => output_name(operand),
        ExprKind::Indirection { operand, steps } => {
            let field = steps.iter().rev().find_map(|step| match step {
                Step::Field(name) => Some(name),
                Step::Star | Step::Subscript { .. } => None,
            });
            match field {
                Some(name) => strong(name),
                None => output_name(operand),
            }
        }
        ExprKind::Case { otherwise, .. } => match otherwise.as_deref().map(output_name) {
            Some(OutputName::Strong(name)) => OutputName::Strong(name),
            Some(OutputName::Unsure) => OutputName::Unsure,
            Some(OutputName::Weak(_) | OutputName::None) | None => {
                OutputName::Weak("case".to_owned())
            }
        },
        ExprKind::Coalesce(_) => strong("coalesce"),
        ExprKind::Array(_) => strong("array"),
        ExprKind::Row(_) => strong("row"),
        ExprKind::Grouping(_) => strong("grouping"),
        ExprKind::Sublink { form, .. } => match form {
            SublinkKind::Exists => strong("exists"),
            SublinkKind::Array => strong("array"),
            SublinkKind::Any | SublinkKind::All => OutputName::None,
            SublinkKind::Scalar => OutputName::Unsure,
        },
        ExprKind::Operator { form: OperatorKind::NullIf, .. } => strong("nullif"),
        ExprKind::Operator { .. }
        | ExprKind::And(_)
        | ExprKind::Or(_)
        | ExprKind::Not(_)
        | ExprKind::NullTest(_)
        | ExprKind::BooleanTest(_)
        | ExprKind::Parameter(_) => OutputName::None,
        ExprKind::Constant(constant) => match constant {
            Constant::Integer(_)
            | Constant::Number(_)
            | Constant::String(_)
            | Constant::Null
            | Constant::Bits(_) => OutputName::None,
            Constant::Boolean(_) => OutputName::Unsure,
        },
        ExprKind::MinMax(_)
        | ExprKind::SqlValue(_)
        | ExprKind::Named(_)
        | ExprKind::Default
        | ExprKind::MultiAssign(_)
        | ExprKind::CurrentOf(_) => OutputName::Unsure,
        ExprKind::Special(special) => match special.what {
            "IS JSON" | "IS DOCUMENT" => OutputName::None,
            what => OutputName::Strong(what.to_ascii_lowercase()),
        },
    }
}
