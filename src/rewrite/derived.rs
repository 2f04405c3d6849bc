//! A protected relation in FROM → the derived table that stands for it. Pure.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart,
    Offset, OffsetRows, Query, SelectItem, TableAlias, TableFactor, Value, Visit, Visitor,
};

use super::print::{
    ROW_ALIAS, and, captures, client_operand, column, defect, expression, ident, object, select,
    template,
};
use crate::catalog::Relation;
use crate::error::Refusal;
use crate::ids::ColumnNumber;
use crate::policy::{
    ColumnMask, MaskMatch, ROW_QUALIFIER, RowExpr, RowFilter, Scope, Verb, stands_for,
};
use crate::resolve::{Comparison, RelationUse, SimpleCondition};

/// What is left of a relation for one reference: the scopes of all its verbs together.
#[derive(Debug, Clone)]
pub(super) struct Effective<'p> {
    /// Every one of them has to hold.
    pub(super) filters: Vec<&'p RowExpr>,
    /// No row is in scope.
    pub(super) nothing: bool,
    /// The scope that says what columns look like.
    pub(super) read: Option<&'p Scope>,
    /// Denied columns are there, and NULL: the definition of a view names them, and the rest of the
    /// view has to work without them.
    pub(super) denied_are_null: bool,
}

impl<'p> Effective<'p> {
    pub(super) fn new(read: Option<&'p Scope>, all: impl IntoIterator<Item = &'p Scope>) -> Self {
        let mut effective =
            Self { filters: Vec::new(), nothing: false, read, denied_are_null: false };
        for scope in all {
            effective.add(&scope.filter);
        }
        effective
    }

    pub(super) fn add(&mut self, filter: &'p RowFilter) {
        match filter {
            RowFilter::All => {}
            RowFilter::Where(expr) => {
                if !self.filters.contains(&expr) {
                    self.filters.push(expr);
                }
            }
            RowFilter::Nothing => self.nothing = true,
        }
    }

    /// All rows, all columns, clear.
    pub(super) fn is_transparent(&self) -> bool {
        self.is_unfiltered()
            && self.read.is_none_or(|read| read.masks.is_empty() && read.denied.is_empty())
    }

    pub(super) fn is_unfiltered(&self) -> bool {
        self.filters.is_empty() && !self.nothing
    }

    /// A filter has a sub-select that PostgreSQL may turn into a join: it is then decided later than
    /// what the row alone decides.
    pub(super) fn joins_others(&self) -> bool {
        struct Joins;
        impl Visitor for Joins {
            type Break = ();
            fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
                let joins = matches!(expr, Expr::Exists { .. } | Expr::InSubquery { .. })
                    || matches!(expr, Expr::AnyOp { right, .. }
                        if matches!(**right, Expr::Subquery(_)));
                if joins { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
        self.filters.iter().any(|filter| filter.0.visit(&mut Joins).is_break())
    }

    /// A filter has a sub-select of any kind.
    pub(super) fn asks_others(&self) -> bool {
        struct Queries;
        impl Visitor for Queries {
            type Break = ();
            fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
                ControlFlow::Break(())
            }
        }
        self.filters.iter().any(|filter| filter.0.visit(&mut Queries).is_break())
    }

    /// The columns of the row that the filters look at, by name.
    pub(super) fn columns(&self) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        for filter in &self.filters {
            columns.append(&mut columns_of(filter));
        }
        columns
    }

    pub(super) fn mask(&self, number: ColumnNumber) -> Option<&'p ColumnMask> {
        self.read.and_then(|read| read.masks.get(&number))
    }

    pub(super) fn is_denied(&self, number: ColumnNumber) -> bool {
        self.read.is_some_and(|read| read.denied.contains(&number))
    }

    pub(super) fn hides_columns(&self) -> bool {
        self.read.is_some_and(|read| !read.masks.is_empty() || !read.denied.is_empty())
    }

    /// The filter over the row called `alias`; `None` for all rows.
    pub(super) fn filter(&self, alias: &Ident) -> Result<Option<Expr>, Refusal> {
        if self.nothing {
            return Ok(Some(Expr::Value(Value::Boolean(false).into())));
        }
        let mut filter: Option<Expr> = None;
        for expr in &self.filters {
            let bound = bind(expr, alias)?;
            filter = Some(match filter {
                Some(filter) => and(filter, bound),
                None => bound,
            });
        }
        Ok(filter)
    }
}

/// The columns of the row that a policy expression looks at, by name.
pub(super) fn columns_of(expr: &RowExpr) -> BTreeSet<String> {
    struct Columns(BTreeSet<String>);
    impl Visitor for Columns {
        type Break = Infallible;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Infallible> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let [qualifier, name] = parts.as_slice()
                && qualifier.value == ROW_QUALIFIER
            {
                self.0.insert(name.value.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut columns = Columns(BTreeSet::new());
    let _: ControlFlow<_> = expr.0.visit(&mut columns);
    columns.0
}

/// A policy expression over the row called `alias`.
pub(super) fn bind(expr: &RowExpr, alias: &Ident) -> Result<Expr, Refusal> {
    if captures(&expr.0, &alias.value) {
        return Err(Refusal::unsupported(format!(
            "a statement that calls its target \"{}\" is not supported here: the policy uses that \
             name",
            alias.value
        )));
    }
    Ok(expr.bind(alias))
}

/// How a derived table is fenced against expressions that could run before its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fence {
    /// The planner may merge it with the query around it.
    Open,
    /// `OFFSET 0` keeps everything outside.
    Closed,
}

/// Which columns a derived table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// Every visible one, in the relation's order.
    Visible,
    /// These, in the relation's order. The server has less to read, to analyse and to plan.
    Only(Vec<ColumnNumber>),
}

impl Shown {
    fn has(&self, number: ColumnNumber) -> bool {
        match self {
            Self::Visible => true,
            Self::Only(numbers) => numbers.contains(&number),
        }
    }
}

/// What the scopes of a reference depend on besides the rules.
pub(super) fn scopes_key(kind: u8, used: &RelationUse, extra: &[Verb]) -> Vec<u8> {
    let mut key = Vec::with_capacity(128);
    key.push(kind);
    key.extend_from_slice(&used.relation.id.0.to_le_bytes());
    for verbs in [&used.verbs, extra] {
        for verb in verbs {
            key.extend_from_slice(verb.as_str().as_bytes());
            key.push(0);
        }
        key.push(0);
    }
    key
}

/// Everything besides the rules that a derived table depends on; `None` where it holds something of
/// the client's text.
pub(super) fn derived_key(
    used: &RelationUse,
    extra: &[Verb],
    effective: &Effective<'_>,
    fence: Fence,
    shown: &Shown,
    system_columns: &[String],
) -> Option<Vec<u8>> {
    let fenced = fence == Fence::Closed;
    if (fenced && !used.conditions.is_empty()) || exact_matches(used, effective).next().is_some() {
        return None;
    }
    let mut key = scopes_key(b'd', used, extra);
    key.extend([fenced, fenced && used.opaque, effective.denied_are_null, used.only].map(u8::from));
    match shown {
        Shown::Visible => key.push(0),
        Shown::Only(numbers) => {
            key.push(1);
            for number in numbers {
                key.extend_from_slice(&number.0.to_le_bytes());
            }
            // No column has the number 0.
            key.extend_from_slice(&ColumnNumber(0).0.to_le_bytes());
        }
    }
    for name in system_columns {
        key.extend_from_slice(name.as_bytes());
        key.push(0);
    }
    Some(key)
}

/// `SELECT columns FROM relation AS rowgate_row WHERE filter`.
pub(super) fn derived(
    used: &RelationUse,
    effective: &Effective<'_>,
    fence: Fence,
    shown: &Shown,
    system_columns: &[String],
) -> Result<Box<Query>, Refusal> {
    let mut query = template("SELECT 1 FROM a AS b WHERE c")?;
    let alias = ident(ROW_ALIAS);
    let mut selection = effective.filter(&alias)?;
    for condition in exact_matches(used, effective) {
        if let Some(condition) = simple_condition(&used.relation, condition, &alias) {
            selection = Some(match selection {
                Some(selection) => and(selection, condition),
                None => condition,
            });
        }
    }
    if fence == Fence::Closed {
        for condition in &used.conditions {
            if effective.mask(condition.column).is_none()
                && !effective.is_denied(condition.column)
                && let Some(condition) = simple_condition(&used.relation, condition, &alias)
            {
                selection = Some(match selection {
                    Some(selection) => and(selection, condition),
                    None => condition,
                });
            }
        }
        query.limit_clause = Some(sqlparser::ast::LimitClause::LimitOffset {
            limit: None,
            offset: Some(Offset {
                value: Expr::Value(Value::Number("0".to_owned(), false).into()),
                rows: OffsetRows::None,
            }),
            limit_by: Vec::new(),
        });
    }
    let statement = select(&mut query)?;
    let opaque = used.opaque && fence == Fence::Closed;
    statement.projection =
        projection(&used.relation, effective, &alias, shown, system_columns, opaque)?;
    statement.selection = selection;
    let Some(from) = statement.from.first_mut() else { return Err(defect("no FROM")) };
    let TableFactor::Table { name, alias: table_alias, .. } = &mut from.relation else {
        return Err(defect("no table in FROM"));
    };
    let read = stands_for(&used.relation).unwrap_or(&used.relation.name);
    *name = object(&used.relation.schema, read);
    if let Some(TableAlias { name, .. }) = table_alias {
        *name = alias;
    }
    Ok(query)
}

/// Equalities with masked columns whose policy lets the client compare the clear value.
pub(super) fn exact_matches<'u>(
    used: &'u RelationUse,
    effective: &Effective<'_>,
) -> impl Iterator<Item = &'u SimpleCondition> {
    used.conditions.iter().filter(|condition| {
        condition.replaceable.is_some()
            && effective
                .mask(condition.column)
                .is_some_and(|mask| mask.matching == MaskMatch::Exact)
    })
}

/// The visible ones of the columns in order, masks in place; one at least.
fn projection(
    relation: &Relation,
    effective: &Effective<'_>,
    alias: &Ident,
    shown: &Shown,
    system_columns: &[String],
    opaque: bool,
) -> Result<Vec<SelectItem>, Refusal> {
    let mut items = Vec::new();
    for entry in relation.columns.iter().filter(|entry| shown.has(entry.number)) {
        if effective.is_denied(entry.number) {
            if effective.denied_are_null {
                items.push(SelectItem::ExprWithAlias {
                    expr: never(column(alias, &entry.name))?,
                    alias: ident(&entry.name),
                });
            }
            continue;
        }
        items.push(match effective.mask(entry.number) {
            Some(mask) => SelectItem::ExprWithAlias {
                expr: bind(&mask.expression, alias)?,
                alias: ident(&entry.name),
            },
            None if opaque => SelectItem::ExprWithAlias {
                expr: unestimated(column(alias, &entry.name))?,
                alias: ident(&entry.name),
            },
            None => SelectItem::UnnamedExpr(column(alias, &entry.name)),
        });
    }
    for name in system_columns {
        items.push(SelectItem::UnnamedExpr(column(alias, name)));
    }
    if items.is_empty() {
        // Rows are counted, or only looked for. A clear column costs nothing.
        let visible = || relation.columns.iter().filter(|c| !effective.is_denied(c.number));
        let clear = visible().find(|c| effective.mask(c.number).is_none());
        if let Some(entry) = clear.or_else(|| visible().next()).filter(|e| !shown.has(e.number)) {
            let shown = Shown::Only(vec![entry.number]);
            return projection(relation, effective, alias, &shown, system_columns, opaque);
        }
        return Err(Refusal::denied(
            format!("permission denied for relation {}", relation.name),
            "no column of it is visible",
        ));
    }
    Ok(items)
}

/// `COALESCE(expression, expression)`: the same value of the same type, through which the server does
/// not see the column and its statistics.
fn unestimated(expr: Expr) -> Result<Expr, Refusal> {
    let mut call = expression("SELECT COALESCE(a, b)")?;
    if let Expr::Function(function) = &mut call
        && let FunctionArguments::List(list) = &mut function.args
        && let [
            FunctionArg::Unnamed(FunctionArgExpr::Expr(first)),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(second)),
        ] = list.args.as_mut_slice()
    {
        first.clone_from(&expr);
        *second = expr;
        return Ok(call);
    }
    Err(defect("a template is not a call"))
}

/// NULL of an expression's own type: `CASE WHEN false THEN expression END`, which PostgreSQL folds
/// before it reads a row.
fn never(expr: Expr) -> Result<Expr, Refusal> {
    let mut never = expression("SELECT CASE WHEN FALSE THEN a END")?;
    if let Expr::Case { conditions, .. } = &mut never
        && let Some(arm) = conditions.first_mut()
    {
        arm.result = expr;
        return Ok(never);
    }
    Err(defect("a template is not a CASE"))
}

fn simple_condition(
    relation: &Relation,
    condition: &SimpleCondition,
    alias: &Ident,
) -> Option<Expr> {
    let left = Box::new(column(alias, &relation.column_by_number(condition.column)?.name));
    let mut operands = condition.operands.iter().map(client_operand);
    Some(match &condition.comparison {
        Comparison::Operator(operator) => {
            let op = match *operator {
                "=" => BinaryOperator::Eq,
                "<>" | "!=" => BinaryOperator::NotEq,
                "<" => BinaryOperator::Lt,
                "<=" => BinaryOperator::LtEq,
                ">" => BinaryOperator::Gt,
                ">=" => BinaryOperator::GtEq,
                _ => return None,
            };
            Expr::BinaryOp { left, op, right: Box::new(operands.next()?) }
        }
        Comparison::In => Expr::InList { expr: left, list: operands.collect(), negated: false },
        Comparison::Between => Expr::Between {
            expr: left,
            negated: false,
            low: Box::new(operands.next()?),
            high: Box::new(operands.next()?),
        },
    })
}

/// `ONLY relation` for the name inside: the grammar of the policy dialect has no word for it.
pub(super) fn only(query: &mut Query) -> Result<(), Refusal> {
    let statement = select(query)?;
    let Some(from) = statement.from.first_mut() else { return Err(defect("no FROM")) };
    let TableFactor::Table { name, .. } = &mut from.relation else {
        return Err(defect("no table in FROM"));
    };
    // Printed as `ONLY "schema"."name"`: an unquoted first part with the keyword in front.
    let Some(ObjectNamePart::Identifier(first)) = name.0.first_mut() else {
        return Err(defect("a relation without a name"));
    };
    let quoted = first.to_string();
    *first = Ident::new(format!("ONLY {quoted}"));
    Ok(())
}
