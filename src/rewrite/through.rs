//! Writing through a view: the rules of the table over the columns of the view. Pure.

use super::derived::{Effective, columns_of};
use super::print::defect;
use super::statement::Rewriter;
use crate::catalog::Relation;
use crate::error::{Refusal, SqlState};
use crate::policy::RowFilter;
use crate::resolve::RelationUse;

impl Rewriter<'_> {
    /// The table whose rows a reference is about: of a view that is written through, the one
    /// underneath.
    pub(super) fn stored<'u>(&'u self, used: &'u RelationUse) -> Result<&'u Relation, Refusal> {
        if used.through.is_none() {
            return Ok(&used.relation);
        }
        let found = self.context.catalog.relation(used.relation.id);
        found.map(|relation| &**relation).ok_or_else(|| defect("a view over nothing"))
    }

    /// Refuses a view through which the rules could not be judged: a column that they look at is not
    /// there under its own name, or the view's condition reads what this principal does not see.
    pub(super) fn through(
        &self,
        used: &RelationUse,
        effective: &Effective<'_>,
        checks: &[&RowFilter],
    ) -> Result<(), Refusal> {
        let Some(through) = &used.through else { return Ok(()) };
        let refused = |why: String| {
            Err(Refusal::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!(
                    "writing to {} is not supported for a restricted principal",
                    used.relation.qualified_name()
                ),
                why,
            ))
        };
        for number in &through.decided {
            if effective.mask(*number).is_some() || effective.is_denied(*number) {
                return refused("its condition reads a column that is not clear".to_owned());
            }
        }
        let table = self.stored(used)?;
        let mut columns = effective.columns();
        for check in checks {
            match check {
                RowFilter::All | RowFilter::Nothing => {}
                RowFilter::Where(expr) => columns.append(&mut columns_of(expr)),
            }
        }
        for shown in &used.relation.columns {
            if let Some(mask) = effective.mask(shown.number) {
                columns.append(&mut columns_of(&mask.expression));
            }
        }
        for name in &columns {
            let (stored, shown) = (table.column(name), used.relation.column(name));
            match (stored, shown) {
                (Some(stored), Some(shown)) if stored.number == shown.number => {}
                (_, _) => {
                    return refused(format!(
                        "the rules look at column \"{name}\" of {}, which the view does not have \
                         under this name",
                        table.qualified_name()
                    ));
                }
            }
        }
        Ok(())
    }
}
