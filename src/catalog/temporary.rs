//! The temporary relations of one session: they are in no snapshot of the catalogue, because nobody
//! else can read them. Pure data.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Relation;

/// The beginning of the name of every schema of temporary relations; nobody can make another schema
/// of such a name (PostgreSQL documentation, CREATE SCHEMA).
const SCHEMA_PREFIX: &str = "pg_temp_";

/// By this name every session calls its own (PostgreSQL documentation, 20.11.1 `search_path`).
const ALIAS: &str = "pg_temp";

/// The temporary tables and sequences of one session, as its server connection told them.
///
/// Two are equal when the server told the same: OIDs, names, columns and types.
#[derive(Debug, Clone, Default)]
pub struct Temporary {
    told: Arc<str>,
    relations: Arc<[Arc<Relation>]>,
}

impl Temporary {
    /// What the server told, and what it means.
    pub fn new(told: &str, relations: Vec<Relation>) -> Self {
        Self { told: Arc::from(told), relations: relations.into_iter().map(Arc::new).collect() }
    }

    /// What the server told: the part of a plan's key that stands for these relations.
    pub fn told(&self) -> &str {
        &self.told
    }

    /// The relation of that schema and name.
    pub fn relation_named(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        self.relations
            .iter()
            .filter(|relation| schema == ALIAS || *relation.schema == *schema)
            .find(|relation| &*relation.name == name)
    }

    /// The same without this relation: a later statement of a string drops it before.
    #[must_use]
    pub fn without(&self, dropped: &Relation) -> Self {
        let left = self.relations.iter().filter(|relation| relation.id != dropped.id);
        Self {
            told: format!("{}-{}", self.told, dropped.id.0).into(),
            relations: left.cloned().collect(),
        }
    }
}

impl PartialEq for Temporary {
    fn eq(&self, other: &Self) -> bool {
        self.told == other.told
    }
}

impl Eq for Temporary {}

impl Hash for Temporary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.told.hash(state);
    }
}

/// Whether this is the name of a schema of temporary relations.
pub(super) fn is_temporary_schema(schema: &str) -> bool {
    schema.starts_with(SCHEMA_PREFIX)
}
