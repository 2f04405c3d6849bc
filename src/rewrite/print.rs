//! Syntax trees of policy SQL → the pieces of an edit. Pure. The only place that prints them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;

use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, SetExpr, Statement, Value, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::{Piece, Told};
use crate::error::{Refusal, SqlState};
use crate::policy::{Access, HOLE_MARK, Hole, Scope};

/// The alias of the protected relation inside a derived table. A policy cannot use it.
pub(super) const ROW_ALIAS: &str = "rowgate_row";

/// Where the client's own text goes on inside a printed tree.
const CLIENT_TEXT: &str = "\u{1}c\u{1}";

/// A defect of rowgate, which the client hears of as such.
pub(super) fn defect(what: &str) -> Refusal {
    Refusal::new(SqlState::INTERNAL_ERROR, "rowgate could not rewrite this statement", what)
}

/// A quoted identifier.
pub(super) fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// `"schema"."name"`.
pub(super) fn object(schema: &str, name: &str) -> ObjectName {
    ObjectName(vec![
        ObjectNamePart::Identifier(ident(schema)),
        ObjectNamePart::Identifier(ident(name)),
    ])
}

/// `alias."column"`.
pub(super) fn column(alias: &Ident, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![alias.clone(), ident(name)])
}

/// A literal or parameter of the client's text.
pub(super) fn client_operand(tokens: &Range<usize>) -> Expr {
    let text = format!("{HOLE_MARK}t{}-{}{HOLE_MARK}", tokens.start, tokens.end);
    Expr::Value(Value::Placeholder(text).into())
}

/// Stands for the client's own condition.
pub(super) fn client_condition() -> Expr {
    Expr::Value(Value::Placeholder(CLIENT_TEXT.to_owned()).into())
}

thread_local! {
    /// Templates that this thread has parsed. There are about ten.
    static TEMPLATES: RefCell<HashMap<&'static str, Box<Query>>> = RefCell::default();
}

/// A syntax tree to fill in: parsed, once, from a constant text of this program.
pub(super) fn template(text: &'static str) -> Result<Box<Query>, Refusal> {
    if let Some(query) = TEMPLATES.with_borrow(|templates| templates.get(text).cloned()) {
        return Ok(query);
    }
    let query = parsed(text)?;
    TEMPLATES.with_borrow_mut(|templates| templates.insert(text, query.clone()));
    Ok(query)
}

fn parsed(text: &str) -> Result<Box<Query>, Refusal> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, text)
        .map_err(|_| defect("a template does not parse"))?;
    match statements.into_iter().next() {
        Some(Statement::Query(query)) => Ok(query),
        Some(_) | None => Err(defect("a template is not a query")),
    }
}

/// The SELECT of a template.
pub(super) fn select(query: &mut Query) -> Result<&mut sqlparser::ast::Select, Refusal> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        SetExpr::Query(_)
        | SetExpr::SetOperation { .. }
        | SetExpr::Values(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => Err(defect("a template is not a SELECT")),
    }
}

/// An expression that is only a constant of this program, such as a function call over a hole.
pub(super) fn expression(text: &'static str) -> Result<Expr, Refusal> {
    let mut query = template(text)?;
    let select = select(&mut query)?;
    match select.projection.pop() {
        Some(sqlparser::ast::SelectItem::UnnamedExpr(expr)) => Ok(expr),
        Some(_) | None => Err(defect("a template is not an expression")),
    }
}

/// `left AND right`, each in brackets where it needs them.
pub(super) fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(bracketed(left)),
        op: sqlparser::ast::BinaryOperator::And,
        right: Box::new(bracketed(right)),
    }
}

/// Brackets around what is not obviously a single operand of AND.
pub(super) fn bracketed(expr: Expr) -> Expr {
    if matches!(expr, Expr::Nested(_) | Expr::Value(_) | Expr::Function(_) | Expr::Identifier(_)) {
        expr
    } else {
        Expr::Nested(Box::new(expr))
    }
}

/// Policy SQL that was printed before, under the same rules: the same roles, shape of the person's
/// values, policy and catalogue.
pub(crate) trait Printed {
    /// The pieces that are known by this key, or those that are printed now. The key has to hold
    /// everything besides the rules that they depend on, and no client tokens may be among them.
    fn pieces(
        &self,
        key: &[u8],
        print: &mut dyn FnMut() -> Result<Vec<Piece>, Refusal>,
    ) -> Result<Vec<Piece>, Refusal>;

    /// What the audit log tells of the scope of an access.
    fn told(&self, access: Access, scope: &Scope) -> Told;
}

/// Prints a tree once and cuts it at its holes.
pub(super) fn pieces(tree: &impl Display) -> Result<Vec<Piece>, Refusal> {
    let (pieces, rest) = around(tree)?;
    if rest.is_empty() { Ok(pieces) } else { Err(defect("the client's text in an odd place")) }
}

/// Prints a tree once; answers what stands before and behind the client's own text.
pub(super) fn around(tree: &impl Display) -> Result<(Vec<Piece>, Vec<Piece>), Refusal> {
    let printed = tree.to_string();
    let mut before = Vec::new();
    let mut behind = Vec::new();
    let mut passed = false;
    for (index, part) in printed.split(HOLE_MARK).enumerate() {
        let target = if passed { &mut behind } else { &mut before };
        if index % 2 == 0 {
            if !part.is_empty() {
                target.push(Piece::Text(part.into()));
            }
        } else if part == "c" {
            passed = true;
        } else if let Some(tokens) = part.strip_prefix('t') {
            let (start, end) =
                tokens.split_once('-').ok_or_else(|| defect("a hole that means nothing"))?;
            let number = |text: &str| text.parse().map_err(|_| defect("a hole that means nothing"));
            target.push(Piece::Client(number(start)?..number(end)?));
        } else {
            let hole = Hole::parse(part).ok_or_else(|| defect("a hole that means nothing"))?;
            target.push(Piece::Identity(hole));
        }
    }
    Ok((before, behind))
}

/// Whether a policy expression has a FROM item that is called `alias`: the protected row's columns,
/// put under that name, would be captured by it.
pub(super) fn captures(expr: &Expr, alias: &str) -> bool {
    struct Names<'a>(&'a str);
    impl Visitor for Names<'_> {
        type Break = ();
        fn pre_visit_table_factor(
            &mut self,
            factor: &sqlparser::ast::TableFactor,
        ) -> std::ops::ControlFlow<()> {
            use sqlparser::ast::TableFactor;
            let name = if let TableFactor::Table { name, alias, .. } = factor {
                match alias {
                    Some(alias) => Some(alias.name.value.clone()),
                    None => name.0.last().and_then(|part| part.as_ident()).map(|i| i.value.clone()),
                }
            } else if let TableFactor::Derived { alias, .. } = factor {
                alias.as_ref().map(|alias| alias.name.value.clone())
            } else {
                // Anything else in a policy's FROM: assume that it could.
                return std::ops::ControlFlow::Break(());
            };
            if name.as_deref() == Some(self.0) {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        }
    }
    expr.visit(&mut Names(alias)).is_break()
}
