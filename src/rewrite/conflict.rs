//! ON CONFLICT DO UPDATE: which rows in the way may be met. Pure.
//!
//! PostgreSQL looks at the row in the way whoever may see it. So WHERE asks first whether it is in
//! scope, and fails when it is not: nothing of the client reads the row before.

use super::Piece;
use super::check::{Failing, Violation, boolean, case, some_value};
use super::derived::Effective;
use super::modify::no_column;
use super::print::{around, client_condition, ident, pieces};
use super::statement::Rewriter;
use crate::error::Refusal;
use crate::policy::RowFilter;
use crate::resolve::{ConflictUpdate, Referenced, RelationUse, Resolved};

impl Rewriter<'_> {
    /// `existing`: the rows that may be changed. `proposed`: what a row that is to be inserted has
    /// to satisfy, also where it meets another.
    pub(super) fn conflicting_rows(
        &mut self,
        resolved: &Resolved,
        used: &RelationUse,
        conflict: &ConflictUpdate,
        existing: &Effective<'_>,
        proposed: &[&RowFilter],
        end: usize,
    ) -> Result<(), Refusal> {
        Self::excluded(resolved, conflict, existing)?;
        let alias = ident(used.alias_name());
        let row = some_value(used, &alias)?;
        let client = if conflict.filter.is_some() { client_condition() } else { boolean(true) };
        let mut condition = client;
        let mut guarded = false;
        if let Some(filter) = existing.filter(&alias)? {
            let fails = self.failing(used, Violation::Conflicting, Failing::Boolean, &row)?;
            condition = case(filter, condition, Some(fails))?;
            guarded = true;
        }
        if let Some(check) = Self::all_checks(used, proposed, &ident("excluded"))? {
            let fails = self.failing(used, Violation::New, Failing::Boolean, &row)?;
            condition = case(check, condition, Some(fails))?;
            guarded = true;
        }
        if !guarded {
            return Ok(());
        }
        let Some(where_token) = conflict.filter else {
            let mut inserted = vec![Piece::Text("WHERE".into())];
            inserted.extend(pieces(&condition)?);
            self.edit(end..end, inserted);
            return Ok(());
        };
        let (before, behind) = around(&condition)?;
        let mut opening = before;
        opening.push(Piece::Text("(".into()));
        let mut closing = vec![Piece::Text(")".into())];
        closing.extend(behind);
        self.edit(where_token + 1..where_token + 1, opening);
        self.edit(end..end, closing);
        Ok(())
    }

    /// `excluded` is the client's own row, with defaults and what triggers did: it is read as it is,
    /// but for the columns that do not exist for this principal.
    fn excluded(
        resolved: &Resolved,
        conflict: &ConflictUpdate,
        effective: &Effective<'_>,
    ) -> Result<(), Refusal> {
        let Some(excluded) = resolved.uses.get(conflict.excluded) else {
            return Err(super::print::defect("ON CONFLICT without excluded"));
        };
        let denies = excluded.relation.columns.iter().any(|c| effective.is_denied(c.number));
        for reference in &excluded.references {
            match &reference.what {
                Referenced::Column(number) if effective.is_denied(*number) => {
                    return Err(no_column(excluded, *number));
                }
                Referenced::WholeRow | Referenced::Star if denies => {
                    return Err(Refusal::unsupported(format!(
                        "a whole row of {} is not supported here: some of its columns are not \
                         visible",
                        excluded.relation.qualified_name()
                    )));
                }
                Referenced::Column(_)
                | Referenced::Listed(_)
                | Referenced::WholeRow
                | Referenced::Star
                | Referenced::System(_) => {}
            }
        }
        Ok(())
    }
}
