//! ON CONFLICT DO UPDATE: which rows in the way may be met. Pure.
//!
//! PostgreSQL looks at the row in the way whoever may see it. So WHERE asks first whether it is in
//! scope, and fails when it is not: nothing of the client reads the row before.

use sqlparser::ast::Expr;

use super::Piece;
use super::check::{Failing, Violation, boolean, case, some_value};
use super::derived::Effective;
use super::modify::no_column;
use super::print::{around, client_condition, ident, pieces};
use super::statement::Rewriter;
use crate::error::Refusal;
use crate::policy::RowFilter;
use crate::resolve::{ConflictUpdate, Referenced, RelationUse, Resolved};

/// The rows that an INSERT … ON CONFLICT DO UPDATE meets.
pub(super) struct Met<'m, 'p> {
    /// The rows that may be read.
    pub(super) visible: &'m Effective<'p>,
    /// The rows that may be changed.
    pub(super) allowed: &'m Effective<'p>,
    /// What a row that is to be inserted has to satisfy, also where it meets another.
    pub(super) proposed: &'m [&'p RowFilter],
}

impl Rewriter<'_> {
    /// The row in the way has to be visible; if the client's condition then chooses it, it has to be
    /// one that may be changed. `end`: behind the client's condition.
    pub(super) fn conflicting_rows(
        &mut self,
        used: &RelationUse,
        conflict: &ConflictUpdate,
        rows: &Met<'_, '_>,
        end: usize,
    ) -> Result<(), Refusal> {
        let alias = ident(used.alias_name());
        let row = some_value(used, &alias)?;
        let fails = |violation| self.failing(used, violation, Failing::Boolean, &row);
        let visible = rows.visible.filter(&alias)?;
        let allowed =
            rows.allowed.filter(&alias)?.filter(|filter| Some(filter) != visible.as_ref());
        let client = conflict.filter.map(|_| Expr::Nested(Box::new(client_condition())));
        let mut condition = match (client, allowed) {
            (client, None) => client,
            (client, Some(filter)) => {
                let demanded = case(filter, boolean(true), Some(fails(Violation::Conflicting)?))?;
                Some(match client {
                    Some(client) => case(client, demanded, Some(boolean(false)))?,
                    None => demanded,
                })
            }
        };
        if let Some(filter) = visible {
            let then = condition.unwrap_or_else(|| boolean(true));
            condition = Some(case(filter, then, Some(fails(Violation::Conflicting)?))?);
        }
        if let Some(check) = Self::all_checks(used, rows.proposed, &ident("excluded"))? {
            let then = condition.unwrap_or_else(|| boolean(true));
            condition = Some(case(check, then, Some(fails(Violation::New)?))?);
        }
        let Some(condition) = condition else { return Ok(()) };
        let Some(where_token) = conflict.filter else {
            let mut inserted = vec![Piece::Text("WHERE".into())];
            inserted.extend(pieces(&condition)?);
            self.edit(end..end, inserted);
            return Ok(());
        };
        let (before, behind) = around(&condition)?;
        self.edit(where_token + 1..where_token + 1, before);
        self.edit(end..end, behind);
        Ok(())
    }

    /// `excluded` is the client's own row, with defaults and what triggers did: it is read as it is,
    /// but for the columns that do not exist for this principal.
    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    pub(super) fn excluded(
        &self,
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
