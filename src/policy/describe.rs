//! Row filters as people read them: holes as `:user.id`, the row's columns by their names. Pure.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Value, VisitMut, VisitorMut};

use crate::policy::compile::hole_in;
use crate::policy::scope::{ROW_QUALIFIER, RowFilter};
use crate::policy::set::PolicySet;

/// The filter as text, without a value of the person and without the hash key; empty when it
/// admits every row, `false` when it admits none.
pub fn describe(filter: &RowFilter, policy: &PolicySet) -> String {
    match filter {
        RowFilter::All => String::new(),
        RowFilter::Nothing => "false".to_owned(),
        RowFilter::Where(expr) => describe_expr(&expr.0, policy),
    }
}

/// A mask or a part of a filter as text.
pub fn describe_expr(expr: &Expr, policy: &PolicySet) -> String {
    struct Readable<'a>(&'a PolicySet);
    impl VisitorMut for Readable<'_> {
        type Break = std::convert::Infallible;
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
            if let Expr::Cast { expr: inner, .. } = expr
                && let Some(hole) = hole_in(inner)
            {
                let parameter = self.0.parameters().get(usize::from(hole.parameter.0));
                let name = parameter.map_or_else(|| "?".to_owned(), |p| p.source.to_string());
                *expr = Expr::Value(Value::Placeholder(name).into());
            } else if let Expr::CompoundIdentifier(parts) = expr
                && let [qualifier, name] = parts.as_slice()
                && qualifier.value == ROW_QUALIFIER
            {
                *expr = Expr::Identifier(Ident::new(name.value.clone()));
            }
            ControlFlow::Continue(())
        }
    }
    let mut readable = expr.clone();
    let _: ControlFlow<_> = readable.visit(&mut Readable(policy));
    readable.to_string().replace('\u{2}', "").replace("\"pg_catalog\".", "")
}
