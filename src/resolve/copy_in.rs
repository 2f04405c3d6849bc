//! Resolves COPY FROM STDIN: the target, its columns and the client's own condition. Pure.

use super::query::{NO_CTES, Resolver};
use super::scope::Scope;
use super::{Clause, CopiedIn};
use crate::error::{Refusal, SqlState};
use crate::ids::RelationId;
use crate::policy::Verb;
use crate::sql::ast::{Copy, CopySource};

/// What COPY FROM may be told: how the text is to be read. FREEZE is not among them, and what a
/// newer server adds has to be looked at first (PostgreSQL documentation, COPY).
const OPTIONS: &[&str] = &[
    "format",
    "delimiter",
    "null",
    "default",
    "header",
    "quote",
    "escape",
    "force_not_null",
    "force_null",
    "encoding",
    "on_error",
    "reject_limit",
];

impl Resolver<'_> {
    pub(super) fn copy_in(&mut self, copy: &Copy) -> Result<(), Refusal> {
        for option in &copy.options {
            if !OPTIONS.contains(&option.as_str()) {
                return Err(Refusal::unsupported(format!(
                    "COPY FROM with the option {} is not supported for a restricted principal",
                    option.to_uppercase()
                )));
            }
        }
        let (reference, listed) = match &copy.source {
            CopySource::Relation(reference, listed) => (reference, listed),
            CopySource::Query(_) | CopySource::Modifying => {
                return Err(Refusal::new(SqlState::SYNTAX_ERROR, "COPY FROM takes a table", ""));
            }
        };
        let (used, relation) = self.modified(reference, Verb::Create)?;
        if self.resolved.uses.get(used).is_some_and(|entry| entry.through.is_some()) {
            return Err(Refusal::new(
                SqlState("42809"),
                format!("cannot copy to view \"{}\"", relation.name),
                "",
            ));
        }
        let mut columns = Vec::new();
        if listed.is_empty() {
            columns.extend(
                relation.columns.iter().filter(|column| !column.generated).map(|c| c.number),
            );
        }
        for name in listed {
            let column = relation.column(name).ok_or_else(|| {
                Refusal::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" of relation \"{}\" does not exist", relation.name),
                    "",
                )
            })?;
            columns.push(column.number);
        }
        if let Some(filter) = &copy.filter {
            let items = [self.base_item(used, &relation, reference)];
            let scope = Scope { items: &items, parent: None };
            let condition =
                self.in_clause(Clause::Where, |resolver| resolver.expr(filter, &scope, &NO_CTES))?;
            self.truth(&condition)?;
            if self.resolved.uses.len() > 1 {
                return Err(Refusal::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "cannot use subquery in COPY FROM WHERE condition",
                    "",
                ));
            }
        }
        let after = self.after_name(used);
        let end = self.scan(after, |_, _| false);
        let found = self.scan(after, |tokens, index| tokens.is_word(index, "where"));
        if (found < end) != copy.filter.is_some() {
            return Err(Refusal::unsupported("this spelling of COPY is not supported"));
        }
        self.resolved.copied_in = Some(CopiedIn {
            used,
            columns,
            listed: !listed.is_empty(),
            triggers: self.triggers_on(relation.id),
            filter: copy.filter.is_some().then_some(found),
            end,
        });
        Ok(())
    }

    /// Whether a row trigger can change or drop a row on its way into the relation or into one of
    /// its partitions.
    fn triggers_on(&self, relation: RelationId) -> bool {
        let catalog = self.context.catalog;
        let mut within = vec![relation];
        let mut next = 0;
        while let Some(current) = within.get(next).copied() {
            if catalog.relation(current).is_none_or(|found| found.has_triggers) {
                return true;
            }
            for child in catalog.relations() {
                if child.parents.contains(&current) && !within.contains(&child.id) {
                    within.push(child.id);
                }
            }
            next += 1;
        }
        false
    }
}
