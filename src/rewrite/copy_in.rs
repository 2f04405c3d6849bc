//! COPY FROM STDIN: the check option on every row that comes in. Pure.
//!
//! COPY has no RETURNING, but a condition, which is computed for every row before it is stored, from
//! the left to the right. It fails on the first row that may not be written, and the whole COPY is
//! undone (PostgreSQL documentation, COPY, WHERE).

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Visit, Visitor};

use super::Piece;
use super::check::{Violation, boolean, case};
use super::derived::Effective;
use super::modify::{no_column, writable};
use super::print::{around, client_condition, column, defect, expression, ident, pieces};
use super::statement::Rewriter;
use crate::error::Refusal;
use crate::policy::{Scope, Verb};
use crate::resolve::{CopiedIn, Referenced, RelationUse, Resolved};

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
        self.qualify(used);
        let alias = ident(&used.relation.name);
        let Some(check) = Self::all_checks(used, &[&create.check], &alias)? else { return Ok(()) };
        if copied.triggers || holds_query(&check) {
            return Err(Refusal::unsupported(format!(
                "COPY FROM into {} is not supported for a restricted principal: whether a row may \
                 be written is known only when it is stored; use INSERT",
                used.relation.qualified_name()
            )));
        }
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
