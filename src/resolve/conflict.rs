//! Resolves ON CONFLICT: the inference, and what DO UPDATE reads and assigns. Pure.

use std::sync::Arc;

use super::query::Resolver;
use super::scope::{Ctes, Item, Scope};
use super::{Clause, ConflictUpdate, Place};
use crate::catalog::Relation;
use crate::error::Refusal;
use crate::policy::Verb;
use crate::sql::ast::{Alias, OnConflict, RelationRef};

/// The name of the row that was to be inserted.
const EXCLUDED: &str = "excluded";

impl Resolver<'_> {
    /// ON CONFLICT of an INSERT into `used`; `None` for DO NOTHING.
    pub(super) fn conflict(
        &mut self,
        conflict: &OnConflict,
        used: usize,
        relation: &Arc<Relation>,
        item: &Item,
        ctes: &Ctes<'_>,
    ) -> Result<Option<ConflictUpdate>, Refusal> {
        self.in_clause(Clause::Inference, |resolver| {
            let items = std::slice::from_ref(item);
            let scope = Scope { items, parent: None };
            for expression in &conflict.inference {
                resolver.expr(expression, &scope, ctes)?;
            }
            for name in &conflict.columns {
                resolver.mark_named_column(used, name);
            }
            Ok(())
        })?;
        // As PostgreSQL asks for SELECT on what the inference names.
        if conflict.arbiter {
            self.add_verb(used, Verb::Read);
        }
        let Some(assignments) = &conflict.assignments else { return Ok(None) };
        self.add_verb(used, Verb::Update);
        self.add_verb(used, Verb::Read);
        let reference = RelationRef {
            catalog: None,
            schema: None,
            name: EXCLUDED.to_owned(),
            only: false,
            alias: Some(Alias { name: EXCLUDED.to_owned(), columns: Vec::new() }),
            location: None,
        };
        let excluded = self.add_use(Arc::clone(relation), &reference, Place::Excluded, 0..0)?;
        let items = [item.clone(), self.base_item(excluded, relation, &reference)];
        let columns = self.assignments(relation, used, assignments, &items, ctes)?;
        if let Some(filter) = &conflict.filter {
            // It runs on rows that are known to be in scope, after everything else of the statement
            // that decides on them: it exposes nothing.
            let scope = Scope { items: &items, parent: None };
            let condition =
                self.in_clause(Clause::Decision, |resolver| resolver.expr(filter, &scope, ctes))?;
            self.truth(&condition)?;
        }
        let filter = self.conflict_filter(self.after_name(used), conflict.filter.is_some())?;
        Ok(Some(ConflictUpdate { excluded, columns, filter }))
    }

    /// The token WHERE of `DO UPDATE SET … WHERE`. The source of the rows and the inference may have
    /// one as well; `do update set` stands in a row nowhere else outside brackets.
    fn conflict_filter(&self, from: usize, filtered: bool) -> Result<Option<usize>, Refusal> {
        let set = self.scan(from, |tokens, index| {
            tokens.is_word(index, "do")
                && tokens.is_word(index + 1, "update")
                && tokens.is_word(index + 2, "set")
        });
        let found = self.scan(set + 3, |tokens, index| {
            tokens.is_word(index, "where") || tokens.is_word(index, "returning")
        });
        let is_set = self.tokens.is_word(set, "do");
        if !is_set || self.tokens.is_word(found, "where") != filtered {
            return Err(Refusal::unsupported("this spelling of ON CONFLICT is not supported"));
        }
        Ok(filtered.then_some(found))
    }
}
