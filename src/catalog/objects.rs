//! Objects of the catalogue beside relations, types and functions, as far as what may be shown of
//! them follows from a relation. Pure data.

use std::collections::HashSet;
use std::sync::Arc;

use crate::ids::{ColumnNumber, FunctionId, ObjectId, RelationId};

/// One object exists because of another, or names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// An index, a toast table, an owned sequence, a constraint, a default, a trigger, a rule, a
    /// row or array type …
    pub object: ObjectId,
    /// A relation, a constraint or a type; 0 for an object that depends on none.
    pub on: ObjectId,
    /// The column of that relation; `None` for all of it.
    pub column: Option<ColumnNumber>,
}

/// What the catalogue holds beside what statements can name.
#[derive(Debug, Default)]
pub struct Objects {
    /// Who depends on what, of objects that do not belong to PostgreSQL itself.
    pub dependencies: Vec<Dependency>,
    /// Views and the relations that their definitions read.
    pub view_sources: Vec<(RelationId, RelationId)>,
    /// All schemas, temporary ones included.
    pub schemas: Vec<(ObjectId, Arc<str>)>,
    /// What exists for administrators alone, or for one session: triggers, row policies, extended
    /// statistics, rules; temporary relations at the time of reading.
    pub private: Vec<ObjectId>,
    /// Functions that came with an extension.
    pub extension_functions: HashSet<FunctionId>,
    /// The OID of the role the gateway connects as.
    pub backend_role: ObjectId,
}
