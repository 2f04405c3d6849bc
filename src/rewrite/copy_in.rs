//! COPY FROM STDIN: the check option on every row that comes in. Pure.
//!
//! COPY has no RETURNING, but a condition, which is computed for every row before it is stored, from
//! the left to the right. It fails on the first row that may not be written, and the whole COPY is
//! undone (PostgreSQL documentation, COPY, WHERE).
//!
//! The condition may hold no sub-select, and sees the row before triggers do. Where that is not
//! enough the rows go into a temporary table first, and from there into the relation by an INSERT
//! that checks what it has stored: one query string, so one transaction.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Value, Visit, Visitor};

use super::check::{Failing, Violation, boolean, case, some_value};
use super::derived::Effective;
use super::modify::{no_column, writable};
use super::print::{around, client_condition, column, defect, expression, ident, object, pieces};
use super::statement::Rewriter;
use super::{Answer, Piece};
use crate::catalog::RelationKind;
use crate::error::Refusal;
use crate::ids::ColumnNumber;
use crate::policy::{Scope, Verb};
use crate::resolve::{CopiedIn, Referenced, RelationUse, Resolved};

/// The schema of a session's own relations, and the table in it that rows come in by.
const TEMPORARY: &str = "pg_temp";
const STAGING: &str = "rowgate_staging";

impl Rewriter<'_> {
    pub(super) fn copied_in(
        &mut self,
        resolved: &Resolved,
        copied: &CopiedIn,
    ) -> Result<(), Refusal> {
        let Some(used) = resolved.uses.get(copied.used) else {
            return Err(defect("a copied relation without a use"));
        };
        let create = self.scope(used, Verb::Create)?;
        let effective = Effective::new(None, None);
        writable(used, create, &copied.columns, &effective, copied.listed)?;
        refuse_hidden(used, create)?;
        self.touch(used, &effective, &[])?;
        let alias = ident(&used.relation.name);
        let Some(check) = Self::all_checks(used, &[&create.check], &alias)? else {
            self.qualify(used);
            return Ok(());
        };
        // A generated column is computed behind the condition.
        let generated = used.relation.columns.iter().any(|column| column.generated);
        if copied.triggers || generated || holds_query(&check) {
            return self.staged(used, copied, check);
        }
        self.qualify(used);
        let row = row_text(used, &alias)?;
        let demanded = self.demanded(used, check, Violation::New, &row)?;
        let Some(filter) = copied.filter else {
            let mut inserted = vec![Piece::Text("WHERE".into())];
            inserted.extend(pieces(&demanded)?);
            self.edit(copied.end..copied.end, inserted);
            return Ok(());
        };
        // Rows that the client's own condition leaves out are not judged.
        let whole = case(client_condition(), demanded, Some(boolean(false)))?;
        let (before, behind) = around(&whole)?;
        self.edit(filter + 1..filter + 1, before);
        self.edit(copied.end..copied.end, behind);
        Ok(())
    }
}

impl Rewriter<'_> {
    /// Into a temporary table, and from there by a checked INSERT.
    fn staged(
        &mut self,
        used: &RelationUse,
        copied: &CopiedIn,
        check: Expr,
    ) -> Result<(), Refusal> {
        let relation = &used.relation;
        let refused = |why: &str| {
            Err(Refusal::unsupported(format!(
                "COPY FROM into {} is not supported for a restricted principal: {why}; use INSERT",
                relation.qualified_name()
            )))
        };
        let plain = matches!(
            relation.kind,
            RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable
        );
        if !plain || relation.has_rules {
            return refused("whether a row may be written is known only when it is stored");
        }
        if copied.defaults {
            return refused("the option DEFAULT cannot be kept beside the check of the row");
        }
        // The condition of COPY sees the defaults of what is not listed.
        if copied.filter.is_some() && copied.listed {
            return refused("WHERE cannot be kept beside a column list and the check of the row");
        }
        let named = |number: &ColumnNumber| {
            relation.column_by_number(*number).map(|column| ident(&column.name).to_string())
        };
        let columns: Option<Vec<String>> = copied.columns.iter().map(named).collect();
        let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
            return Err(defect("a copied column that is not there"));
        };
        let columns = columns.join(", ");
        let staging = object(TEMPORARY, STAGING);
        let target = object(&relation.schema, &relation.name);
        let alias = ident(&relation.name);
        let made = format!(
            "CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS SELECT {columns} FROM {target} \
             WITH NO DATA ;"
        );
        self.edit(copied.start..copied.start, vec![Piece::Text(made.into())]);
        self.edit(used.name_tokens.clone(), vec![Piece::Text(staging.to_string().into())]);
        // COPY stores what it is given in identity columns, too.
        let moved = format!(
            "; INSERT INTO {target} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM \
             {staging} AS {alias}"
        );
        let at = copied.filter.unwrap_or(copied.end);
        let mut last = Vec::new();
        match copied.filter {
            Some(filter) => {
                self.edit(at..at, vec![Piece::Text(moved.into())]);
                self.edit(filter + 1..filter + 1, vec![Piece::Text("(".into())]);
                last.push(Piece::Text(")".into()));
            }
            None => last.push(Piece::Text(moved.into())),
        }
        let row = some_value(used, &alias)?;
        let fails = self.failing(used, Violation::New, Failing::Number, &row)?;
        let item = case(check, Expr::Value(Value::Null.into()), Some(fails))?;
        last.push(Piece::Text("RETURNING".into()));
        last.extend(pieces(&item)?);
        last.push(Piece::Text(format!("; DROP TABLE {staging}").into()));
        self.edit(copied.end..copied.end, last);
        self.out.answer = Some(Answer::Staged);
        Ok(())
    }
}

/// What the client's condition must not look at: defaults of columns it does not see.
fn refuse_hidden(used: &RelationUse, create: &Scope) -> Result<(), Refusal> {
    for reference in &used.references {
        match &reference.what {
            Referenced::Column(number) | Referenced::Listed(number) => {
                if create.denied.contains(number) {
                    return Err(no_column(used, *number));
                }
            }
            Referenced::System(_) | Referenced::WholeRow | Referenced::Star => {
                return Err(Refusal::unsupported(
                    "a whole row or a system column in the condition of COPY FROM is not supported",
                ));
            }
        }
    }
    Ok(())
}

fn holds_query(check: &Expr) -> bool {
    struct Queries;
    impl Visitor for Queries {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &sqlparser::ast::Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    check.visit(&mut Queries).is_break()
}

/// A text that depends on the row and is never NULL: a NULL would leave the row out in silence.
fn row_text(used: &RelationUse, alias: &sqlparser::ast::Ident) -> Result<Expr, Refusal> {
    let Some(first) = used.relation.columns.iter().find(|column| !column.generated) else {
        return Err(defect("a check on a relation without columns"));
    };
    let mut text = expression("SELECT COALESCE(CAST(r AS pg_catalog.text), '')")?;
    super::check::fill_row(&mut text, &column(alias, &first.name));
    Ok(text)
}
