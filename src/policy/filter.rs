//! Predicates fitted to how many identity values there are, and the algebra of row filters. Pure.

use std::ops::ControlFlow;

use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::ids::IdentityIndex;
use crate::policy::compile::hole_in;
use crate::policy::scope::{Cardinality, Hole, HoleForm, IdentityShape, RowExpr, RowFilter};
use crate::policy::set::Predicate;
use crate::policy::syntax;

fn cardinality(shape: &IdentityShape, parameter: IdentityIndex) -> Cardinality {
    shape.0.get(usize::from(parameter.0)).copied().unwrap_or(Cardinality::Missing)
}

/// A predicate for this shape. It is false as a whole, whatever stands around the place, when it
/// mentions a value that is missing, or a list where one value is needed.
pub(super) fn fitted(predicate: &Predicate, shape: &IdentityShape) -> RowFilter {
    match fitted_expr(&predicate.expr, shape) {
        Some(expr) => RowFilter::Where(RowExpr(Box::new(expr))),
        None => RowFilter::Nothing,
    }
}

/// An expression for this shape; `None` when a value is missing or a list where one is needed.
pub(super) fn fitted_expr(expr: &Expr, shape: &IdentityShape) -> Option<Expr> {
    let mut expr = expr.clone();
    let _: ControlFlow<_> = VisitMut::visit(&mut expr, &mut Fit(shape));
    match Visit::visit(&expr, &mut Check(shape)) {
        ControlFlow::Continue(()) => Some(expr),
        ControlFlow::Break(()) => None,
    }
}

/// Writes lists of one as `=`, and `=` and `<>` with several values as ANY and ALL.
struct Fit<'a>(&'a IdentityShape);

impl VisitorMut for Fit<'_> {
    type Break = std::convert::Infallible;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } = expr
            && let Some((hole, DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)))) =
                cast_hole(right)
            && cardinality(self.0, hole.parameter) == Cardinality::One
        {
            let scalar = syntax::scalar_hole(hole.parameter, (**element).clone());
            *expr = syntax::equal((**left).clone(), scalar);
        } else if let Expr::BinaryOp { left, op, right } = expr
            && matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq)
            && let Some((hole, element)) = cast_hole(right)
            && hole.form == HoleForm::Scalar
            && cardinality(self.0, hole.parameter) == Cardinality::Many
        {
            let array = syntax::array_hole(hole.parameter, element.clone());
            let left = left.clone();
            *expr = if *op == BinaryOperator::Eq {
                syntax::any(*left, array)
            } else {
                Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right: Box::new(array) }
            };
        }
        ControlFlow::Continue(())
    }
}

fn cast_hole(expr: &Expr) -> Option<(Hole, &DataType)> {
    let Expr::Cast { expr, data_type, .. } = expr else { return None };
    Some((hole_in(expr)?, data_type))
}

struct Check<'a>(&'a IdentityShape);

impl Visitor for Check<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Some(hole) = hole_in(expr) else { return ControlFlow::Continue(()) };
        match (hole.form, cardinality(self.0, hole.parameter)) {
            (_, Cardinality::Missing) | (HoleForm::Scalar, Cardinality::Many) => {
                ControlFlow::Break(())
            }
            (HoleForm::Scalar | HoleForm::Array, Cardinality::One)
            | (HoleForm::Array, Cardinality::Many) => ControlFlow::Continue(()),
        }
    }
}

/// The rows that one of the filters admits.
pub(super) fn any_of(filters: impl IntoIterator<Item = RowFilter>) -> RowFilter {
    let mut parts = Vec::new();
    for filter in filters {
        match filter {
            RowFilter::All => return RowFilter::All,
            RowFilter::Nothing => {}
            RowFilter::Where(expr) => parts.push(*expr.0),
        }
    }
    match syntax::one_of(parts) {
        Some(expr) => RowFilter::Where(RowExpr(Box::new(syntax::conjunct(expr)))),
        None => RowFilter::Nothing,
    }
}

/// The rows that all of the filters admit.
pub(super) fn all_of(filters: impl IntoIterator<Item = RowFilter>) -> RowFilter {
    let mut parts = Vec::new();
    for filter in filters {
        match filter {
            RowFilter::All => {}
            RowFilter::Nothing => return RowFilter::Nothing,
            RowFilter::Where(expr) => parts.push(*expr.0),
        }
    }
    match syntax::all_of(parts) {
        Some(expr) => RowFilter::Where(RowExpr(Box::new(syntax::conjunct(expr)))),
        None => RowFilter::All,
    }
}
