//! Expressions that fail, recognisably, on rows that must not be written or met. Pure.
//!
//! Nothing is installed in the database, so a violated check is an error of a cast. Its text holds
//! a secret of the gateway, so that nobody can make an error look like this one; it depends on the
//! row, so that it is not computed when the statement is planned.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Value, VisitMut, VisitorMut};

use super::derived::{Effective, bind};
use super::print::{
    and, around, bracketed, captures, client_condition, column, defect, expression, ident, pieces,
};
use super::statement::Rewriter;
use super::{Answer, Piece};
use crate::catalog::RelationKind;
use crate::error::Refusal;
use crate::policy::RowFilter;
use crate::resolve::{Clause, Modification, Referenced, RelationUse, ReturningItem};

/// What is wrong with a row; it decides the words of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A new or changed row is outside the scope.
    New,
    /// ON CONFLICT met a row that is outside the scope.
    Conflicting,
    /// MERGE met a row that is outside the scope of what is done with it.
    Target,
}

impl Violation {
    /// Stands behind the marker in the text of the error.
    fn letter(self) -> char {
        match self {
            Self::New => 'n',
            Self::Conflicting => 'c',
            Self::Target => 't',
        }
    }

    /// PostgreSQL's words (`ExecWithCheckOptions` in its source).
    pub(crate) fn message(self, table: &str) -> String {
        let (row, using) = match self {
            Self::New => ("new", ""),
            Self::Conflicting => ("new", " (USING expression)"),
            Self::Target => ("target", " (USING expression)"),
        };
        format!("{row} row violates row-level security policy{using} for table \"{table}\"")
    }

    /// Reads what stands behind the marker: what is wrong, and the number of the relation.
    pub(crate) fn parse(behind: &str) -> Option<(Self, u32)> {
        let kind = match behind.chars().next()? {
            'n' => Self::New,
            'c' => Self::Conflicting,
            't' => Self::Target,
            _ => return None,
        };
        let digits = behind.get(1..)?.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((kind, digits.parse().ok()?))
    }
}

/// What the failing cast is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// A number, which is the hidden column.
    Number,
    /// A truth value, for a condition.
    Boolean,
}

impl Rewriter<'_> {
    /// An expression that fails when it is computed; it reads `row`.
    pub(super) fn failing(
        &self,
        used: &RelationUse,
        violation: Violation,
        to: Failing,
        row: &Expr,
    ) -> Result<Expr, Refusal> {
        let mut failing = match to {
            Failing::Number => expression(
                "SELECT CAST('m' || pg_catalog.left(CAST(r AS pg_catalog.text), 0) AS \
                 pg_catalog.int4)",
            )?,
            Failing::Boolean => expression(
                "SELECT CAST('m' || pg_catalog.left(CAST(r AS pg_catalog.text), 0) AS \
                 pg_catalog.bool)",
            )?,
        };
        let marker = self.context.check_marker;
        let text = format!("{marker}{}{}", violation.letter(), used.relation.id.0);
        let _: ControlFlow<_> = VisitMut::visit(&mut failing, &mut Fill { text, row });
        Ok(failing)
    }

    /// `CASE WHEN check THEN TRUE ELSE <fails> END`
    pub(super) fn demanded(
        &self,
        used: &RelationUse,
        check: Expr,
        violation: Violation,
        row: &Expr,
    ) -> Result<Expr, Refusal> {
        let fails = self.failing(used, violation, Failing::Boolean, row)?;
        case(check, boolean(true), Some(fails))
    }

    /// All of the checks together over the row called `alias`; `None` when every row passes.
    pub(super) fn all_checks(
        used: &RelationUse,
        checks: &[&RowFilter],
        alias: &Ident,
    ) -> Result<Option<Expr>, Refusal> {
        let mut check: Option<Expr> = None;
        let mut seen: Vec<&RowFilter> = Vec::new();
        for filter in checks {
            if seen.contains(filter) {
                continue;
            }
            seen.push(filter);
            match filter {
                RowFilter::All => {}
                RowFilter::Nothing => return Err(nothing_in_scope(used)),
                RowFilter::Where(expr) => {
                    if captures(&expr.0, &alias.value) {
                        return Err(bind(expr, alias).err().unwrap_or_else(|| defect("capture")));
                    }
                    let bound = expr.bind(alias);
                    check = Some(match check {
                        Some(check) => and(check, bound),
                        None => bound,
                    });
                }
            }
        }
        Ok(check)
    }

    /// Makes RETURNING fail when the row as stored, after triggers and defaults, is not allowed: it
    /// is computed for every row, in the same statement, so the statement is undone as a whole.
    /// Answers where the item begins that is edited for it.
    pub(super) fn check_returned(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        check: Expr,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<Option<usize>, Refusal> {
        let row = some_value(used, alias)?;
        let end = modification.clauses.end;
        if modification.nested && modification.clauses.returning.is_some() {
            let demanded = self.demanded(used, check, Violation::New, &row)?;
            return self.wrap(used, modification, demanded, effective, alias);
        }
        let fails = self.failing(used, Violation::New, Failing::Number, &row)?;
        let item = case(check, Expr::Value(Value::Null.into()), Some(fails))?;
        let mut inserted = if modification.clauses.returning.is_some() {
            self.out.answer = Some(Answer::CutLastColumn);
            vec![Piece::Text(",".into())]
        } else {
            // In WITH nothing can read what it returns: the client wrote no RETURNING.
            if !modification.nested {
                self.out.answer = Some(Answer::DropRows);
            }
            vec![Piece::Text("RETURNING".into())]
        };
        inserted.extend(pieces(&item)?);
        self.edit(end..end, inserted);
        Ok(None)
    }

    /// In WITH another column would be seen by `SELECT *`: the check goes into one of the client's
    /// own items instead, `CASE WHEN check THEN item END`. Answers where that begins.
    fn wrap(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        demanded: Expr,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<Option<usize>, Refusal> {
        let Some(item) = wrapped(used, modification) else {
            return Err(Refusal::unsupported(
                "RETURNING in WITH needs a column with a name here: the gateway checks written \
                 rows in it",
            ));
        };
        if item.star {
            let mut list = Self::listed(used, effective, alias, &item.lists)?;
            // The first of the list, whatever it is made of.
            let first = list
                .iter()
                .position(|piece| matches!(piece, Piece::Text(text) if &**text == ","))
                .unwrap_or(list.len());
            let rest = list.split_off(first);
            let name = used
                .relation
                .columns
                .iter()
                .find(|column| !effective.is_denied(column.number))
                .map_or("", |column| &*column.name);
            if let Some(Piece::Text(last)) = list.last()
                && last.starts_with("AS ")
            {
                list.pop();
            }
            let again = list.clone();
            let (before, behind) = around(&case(demanded, client_condition(), None)?)?;
            let mut inserted = before;
            inserted.extend(list);
            inserted.push(Piece::Text("ELSE".into()));
            inserted.extend(again);
            inserted.extend(behind);
            inserted.push(Piece::Text(format!("AS {}", ident(name)).into()));
            inserted.extend(rest);
            self.edit(item.tokens.clone(), inserted);
            return Ok(Some(item.tokens.start));
        }
        let (before, behind) = around(&case(demanded, client_condition(), None)?)?;
        let mut opening = before;
        opening.push(Piece::Text("(".into()));
        let mut closing = vec![Piece::Text(")".into())];
        // The type's modifier stays that of the column.
        if item.bare_column.is_some() && item.tokens.len() <= 3 && !masked(used, item, effective) {
            closing.push(Piece::Text("ELSE".into()));
            closing.push(Piece::Client(item.tokens.clone()));
        }
        closing.extend(behind);
        if let (false, Some(name)) = (item.named, &item.name) {
            closing.push(Piece::Text(format!("AS {}", ident(name)).into()));
        }
        self.edit(item.tokens.start..item.tokens.start, opening);
        self.edit(item.tokens.end..item.tokens.end, closing);
        Ok(Some(item.tokens.start))
    }
}

/// The item of RETURNING that a check in WITH is put into: one whose output name is known.
fn wrapped<'m>(used: &RelationUse, modification: &'m Modification) -> Option<&'m ReturningItem> {
    let named = modification.returning.iter().find(|item| !item.star && item.name.is_some());
    named.or_else(|| {
        modification.returning.iter().find(|item| {
            // The target comes first, so the first column of the list is one of its own.
            let first = item.lists.first().is_some_and(Option::is_none);
            let own = used.references.iter().any(|reference| {
                reference.what == Referenced::Star
                    && reference.clause == Clause::Returning
                    && reference.tokens == item.tokens
            });
            item.star && first && own
        })
    })
}

fn masked(used: &RelationUse, item: &ReturningItem, effective: &Effective<'_>) -> bool {
    used.references.iter().any(|reference| {
        reference.tokens.start == item.tokens.start
            && match reference.what {
                Referenced::Column(number) => effective.mask(number).is_some(),
                Referenced::Listed(_) => false,
                Referenced::System(_) | Referenced::WholeRow | Referenced::Star => true,
            }
    })
}

/// Something of the row that is never NULL: an error that depends on it is raised when the row is
/// there, and not before. Of a view no such column is known; there it is the time.
pub(super) fn some_value(used: &RelationUse, alias: &Ident) -> Result<Expr, Refusal> {
    match used.relation.kind {
        RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable => {
            Ok(column(alias, "tableoid"))
        }
        RelationKind::View
        | RelationKind::MaterializedView
        | RelationKind::Sequence
        | RelationKind::Other => no_row(),
    }
}

/// As `some_value` where there is no row: what PostgreSQL does not compute beforehand.
pub(super) fn no_row() -> Result<Expr, Refusal> {
    expression("SELECT pg_catalog.clock_timestamp()")
}

/// No row can be written.
pub(super) fn nothing_in_scope(used: &RelationUse) -> Refusal {
    Refusal::denied(
        Violation::New.message(&used.relation.name),
        "no row is in the scope of this grant",
    )
}

pub(super) fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

/// `CASE WHEN condition THEN result [ELSE otherwise] END`, which is computed in this order.
pub(super) fn case(
    condition: Expr,
    result: Expr,
    otherwise: Option<Expr>,
) -> Result<Expr, Refusal> {
    let mut case = expression("SELECT CASE WHEN a THEN b END")?;
    if let Expr::Case { conditions, else_result, .. } = &mut case
        && let Some(arm) = conditions.first_mut()
    {
        arm.condition = bracketed(condition);
        arm.result = result;
        *else_result = otherwise.map(Box::new);
        return Ok(case);
    }
    Err(defect("a template is not a CASE"))
}

/// Puts the row into a template in which it is called `r`.
pub(super) fn fill_row(template: &mut Expr, row: &Expr) {
    let _: ControlFlow<_> = VisitMut::visit(template, &mut Fill { text: String::new(), row });
}

/// Puts the text and the row into the template of a failing cast.
struct Fill<'f> {
    text: String,
    row: &'f Expr,
}

impl VisitorMut for Fill<'_> {
    type Break = std::convert::Infallible;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::Identifier(name) = expr {
            if name.value == "r" {
                *expr = self.row.clone();
            }
        } else if let Expr::Value(value) = expr
            && value.value == Value::SingleQuotedString("m".to_owned())
        {
            value.value = Value::SingleQuotedString(self.text.clone());
        }
        ControlFlow::Continue(())
    }
}
