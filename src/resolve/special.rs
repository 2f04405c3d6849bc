//! Resolves XML and SQL/JSON constructs. Pure.

use super::query::Resolver;
use super::scope::{Ctes, Facts, Scope};
use crate::catalog::PG_CATALOG;
use crate::error::Refusal;
use crate::sql::ast::{Aggregate, Location, Special};

/// `JSON_OBJECT(…)` with plain arguments: since then the grammar itself writes `pg_catalog` before
/// the name; to an older server it is a name like any other.
const JSON_OBJECT_IS_A_KEYWORD: u32 = 160_000;

impl Resolver<'_> {
    pub(super) fn special(
        &mut self,
        special: &Special,
        location: Location,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let Special { what, since, operands, queries, target, aggregate } = special;
        self.known_to_server(what, *since, location)?;
        if let Some(target) = target {
            self.allowed_type(target)?;
        }
        let mut parts = self.exprs(operands, scope, ctes)?;
        for query in queries {
            let columns = self.query(query, Some(scope), ctes)?;
            for column in &columns.known {
                self.become_anything(&[column.facts.known])?;
            }
            parts.push(columns.all());
        }
        if let Some(Aggregate { order_by, filter, over }) = aggregate {
            for key in order_by {
                parts.push(self.sort_key(key, scope, ctes)?);
            }
            if let Some(filter) = filter {
                let condition = self.expr(filter, scope, ctes)?;
                self.truth(&condition)?;
                parts.push(condition);
            }
            if let Some(window) = over {
                parts.push(self.window(window, scope, ctes)?);
            }
        }
        let facts = Facts::over(&parts);
        Ok(Facts { safe: false, aggregated: facts.aggregated || aggregate.is_some(), ..facts })
    }

    /// Refuses a construct that the server's grammar does not have: the server would take the text
    /// for something else, such as a call of a user's function.
    pub(super) fn known_to_server(
        &self,
        what: &str,
        since: u32,
        location: Location,
    ) -> Result<(), Refusal> {
        if self.context.catalog.server_version >= since {
            return Ok(());
        }
        Err(Refusal::unsupported(format!(
            "{what} is not there before PostgreSQL {}",
            since / 10_000
        ))
        .at(location.map(|offset| offset as usize)))
    }

    /// The name of a call as this server reads it.
    pub(super) fn server_name<'n>(&self, name: &'n [String]) -> &'n [String] {
        match name {
            [schema, function]
                if schema == PG_CATALOG
                    && function == "json_object"
                    && self.context.catalog.server_version < JSON_OBJECT_IS_A_KEYWORD =>
            {
                std::slice::from_ref(function)
            }
            name => name,
        }
    }
}
