//! An immutable snapshot of the database's catalogue: what names mean. Pure; never asks a server.
//!
//! `backend::catalog` reads it; everything that decides looks names up here and nowhere else.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod objects;
mod temporary;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use objects::{Dependency, Objects};
pub use temporary::Temporary;

use crate::ids::{CatalogVersion, CollationId, ColumnNumber, FunctionId, RelationId, TypeId};

/// The schema PostgreSQL's own objects live in.
pub const PG_CATALOG: &str = "pg_catalog";
/// The schema of the SQL standard's catalogue views.
pub const INFORMATION_SCHEMA: &str = "information_schema";
/// Settings that exist and that `pg_settings` leaves out (`GUC_NO_SHOW_ALL`).
const UNLISTED: [&str; 4] = ["is_superuser", "role", "seed", "session_authorization"];
/// OIDs below this belong to PostgreSQL itself (`FirstNormalObjectId` in its source).
pub const FIRST_USER_OID: u32 = 16384;

/// What kind of relation a row of `pg_class` is (`pg_class.relkind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// `r`
    Table,
    /// `p`
    PartitionedTable,
    /// `v`
    View,
    /// `m`
    MaterializedView,
    /// `f`
    ForeignTable,
    /// `S`
    Sequence,
    /// `i`, `I`, `t`, `c` and whatever a later version adds: never readable by name.
    Other,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// `attnum`.
    pub number: ColumnNumber,
    /// The name in its real case.
    pub name: Arc<str>,
    /// The declared type; a domain is itself, not its base.
    pub type_id: TypeId,
    /// `atttypmod`, -1 when there is none.
    pub typmod: i32,
    /// Declared NOT NULL.
    pub not_null: bool,
    /// Has a default, is an identity column or is generated.
    pub has_default: bool,
    /// `GENERATED ALWAYS AS (…) STORED` or virtual: cannot be written.
    pub generated: bool,
    /// `GENERATED ALWAYS AS (…) VIRTUAL`: its expression runs whenever it is read, and may fail.
    pub computed: bool,
    /// `attcollation`; 0 for types without one.
    pub collation: CollationId,
}

/// A relation and what the gateway needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// `pg_class.oid`.
    pub id: RelationId,
    /// The schema in its real case.
    pub schema: Arc<str>,
    /// The name in its real case.
    pub name: Arc<str>,
    /// What it is.
    pub kind: RelationKind,
    /// Live columns in order; dropped ones are absent.
    pub columns: Vec<Column>,
    /// The primary key's columns in key order; empty without one.
    pub primary_key: Vec<ColumnNumber>,
    /// Tables this one is a partition or an inheritance child of, directly.
    pub parents: Vec<RelationId>,
    /// `pg_get_viewdef` under an empty search path (all names qualified), for views.
    pub view_definition: Option<Arc<str>>,
    /// A rule other than a view's own `_RETURN` rewrites statements on it.
    pub has_rules: bool,
    /// Has row triggers that can change or veto a written row.
    pub has_triggers: bool,
    /// Native row-level security is enabled on it.
    pub row_security: bool,
    /// `pg_type.oid` of its row type.
    pub row_type: TypeId,
}

impl Relation {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    /// The column of that number.
    pub fn column_by_number(&self, number: ColumnNumber) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// `schema.name` for people; never for SQL.
    pub fn qualified_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// A session made it for itself: what is in it was read before or written by the session.
    pub fn is_temporary(&self) -> bool {
        temporary::is_temporary_schema(&self.schema)
    }

    /// Belongs to PostgreSQL itself.
    pub fn is_system(&self) -> bool {
        &*self.schema == PG_CATALOG || &*self.schema == INFORMATION_SCHEMA
    }
}

/// `pg_type.typtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// `b`
    Base,
    /// `c`: a relation's row type or a stand-alone composite type.
    Composite,
    /// `d`
    Domain,
    /// `e`
    Enum,
    /// `p`
    Pseudo,
    /// `r` and `m`
    Range,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlType {
    /// `pg_type.oid`.
    pub id: TypeId,
    /// The schema in its real case.
    pub schema: Arc<str>,
    /// `typname`: `int4`, `_text`, `my_enum`.
    pub name: Arc<str>,
    /// What it is.
    pub kind: TypeKind,
    /// `typcategory`: `N` numeric, `S` string, `D` date/time, `B` boolean, `A` array, `U` user …
    pub category: char,
    /// The element type of an array type.
    pub element: Option<TypeId>,
    /// The array type over this one.
    pub array: Option<TypeId>,
    /// The base type of a domain.
    pub base: Option<TypeId>,
}

/// `pg_proc.prokind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// `f`
    Function,
    /// `p`
    Procedure,
    /// `a`
    Aggregate,
    /// `w`
    Window,
}

/// `pg_proc.provolatile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    /// `i`
    Immutable,
    /// `s`
    Stable,
    /// `v`
    Volatile,
}

/// A function, procedure, aggregate or window function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// `pg_proc.oid`.
    pub id: FunctionId,
    /// The schema in its real case.
    pub schema: Arc<str>,
    /// The name in its real case.
    pub name: Arc<str>,
    /// Argument types, input arguments only.
    pub arguments: Vec<TypeId>,
    /// The result type.
    pub result: TypeId,
    /// What it is.
    pub kind: FunctionKind,
    /// `SECURITY DEFINER`.
    pub security_definer: bool,
    /// How much it may change between calls.
    pub volatility: Volatility,
    /// Returns a set.
    pub returns_set: bool,
}

/// An operator that does not belong to PostgreSQL itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserOperator {
    /// The schema in its real case.
    pub schema: Arc<str>,
    /// The operator's name, such as `=`.
    pub name: Arc<str>,
    /// The function it calls.
    pub function: FunctionId,
}

/// Where a cast is applied (`pg_cast.castcontext`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastContext {
    /// `i`: wherever the other type is wanted.
    Implicit,
    /// `a`: where a value is assigned, too.
    Assignment,
    /// `e`: where it is written out.
    Explicit,
}

/// A cast that somebody made, and that computes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCast {
    /// From this type.
    pub source: TypeId,
    /// To this type.
    pub target: TypeId,
    /// The function it calls; `None` for one by way of text.
    pub function: Option<FunctionId>,
    /// Where it is applied.
    pub context: CastContext,
}

/// The names of one database at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Grows with every snapshot that differs from the one before.
    pub version: CatalogVersion,
    /// The server's `server_version_num`, such as 150018.
    pub server_version: u32,
    /// The role the gateway connects as.
    pub backend_user: Arc<str>,
    /// The database's name, as the server has it.
    pub database: Arc<str>,
    relations: HashMap<RelationId, Arc<Relation>>,
    relations_by_name: HashMap<Arc<str>, HashMap<Arc<str>, RelationId>>,
    types: HashMap<TypeId, SqlType>,
    types_by_name: HashMap<Arc<str>, Vec<TypeId>>,
    functions: HashMap<Arc<str>, Vec<Arc<Function>>>,
    functions_by_id: HashMap<FunctionId, Arc<Function>>,
    operators: HashMap<Arc<str>, Vec<UserOperator>>,
    schemas: Vec<Arc<str>>,
    settings: HashSet<Arc<str>>,
    casts: Vec<UserCast>,
    coercions: Vec<UserCast>,
    /// Relations with row triggers, and what those are partitions or children of.
    triggered: HashSet<RelationId>,
    objects: Objects,
}

/// What a catalogue is made from; the reader fills it in any order.
#[derive(Debug, Default)]
pub struct CatalogParts {
    /// All schemas.
    pub schemas: Vec<Arc<str>>,
    /// All relations that can be named in a statement.
    pub relations: Vec<Relation>,
    /// All types.
    pub types: Vec<SqlType>,
    /// All functions, PostgreSQL's own included.
    pub functions: Vec<Function>,
    /// Operators outside `pg_catalog`.
    pub operators: Vec<UserOperator>,
    /// Casts that do not belong to PostgreSQL itself and compute something.
    pub casts: Vec<UserCast>,
    /// Names of the server's settings, as far as the gateway's role may see them.
    pub settings: Vec<Arc<str>>,
}

impl Catalog {
    /// Indexes the parts. Order in the parts does not matter.
    pub fn new(
        version: CatalogVersion,
        server_version: u32,
        backend_user: &str,
        parts: CatalogParts,
    ) -> Self {
        let mut catalog = Self {
            version,
            server_version,
            backend_user: Arc::from(backend_user),
            schemas: parts.schemas,
            settings: parts.settings.into_iter().collect(),
            coercions: parts
                .casts
                .iter()
                .filter(|cast| cast.context != CastContext::Explicit)
                .cloned()
                .collect(),
            casts: parts.casts,
            ..Self::default()
        };
        for relation in parts.relations {
            catalog
                .relations_by_name
                .entry(Arc::clone(&relation.schema))
                .or_default()
                .insert(Arc::clone(&relation.name), relation.id);
            catalog.relations.insert(relation.id, Arc::new(relation));
        }
        for sql_type in parts.types {
            let name = Arc::clone(&sql_type.name);
            catalog.types_by_name.entry(name).or_default().push(sql_type.id);
            catalog.types.insert(sql_type.id, sql_type);
        }
        for function in parts.functions {
            let function = Arc::new(function);
            catalog.functions_by_id.insert(function.id, Arc::clone(&function));
            catalog.functions.entry(Arc::clone(&function.name)).or_default().push(function);
        }
        let with_triggers = catalog.relations.values().filter(|relation| relation.has_triggers);
        catalog.triggered = with_triggers.flat_map(|found| catalog.lineage(found.id)).collect();
        for operator in parts.operators {
            catalog.operators.entry(Arc::clone(&operator.name)).or_default().push(operator);
        }
        catalog
    }

    /// The catalogue with what there is beside relations, types and functions.
    #[must_use]
    pub fn with_objects(self, objects: Objects) -> Self {
        Self { objects, ..self }
    }

    /// What there is beside relations, types and functions.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// All types, in no particular order.
    pub fn types(&self) -> impl Iterator<Item = &SqlType> {
        self.types.values()
    }

    /// All functions, in no particular order.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.functions_by_id.values()
    }

    /// The relation with that OID.
    pub fn relation(&self, id: RelationId) -> Option<&Arc<Relation>> {
        self.relations.get(&id)
    }

    /// The relation of that schema and name, both in their real case.
    pub fn relation_named(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        self.relations_by_name.get(schema)?.get(name).and_then(|id| self.relations.get(id))
    }

    /// All relations, in no particular order.
    pub fn relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.relations.values()
    }

    /// The type with that OID.
    pub fn sql_type(&self, id: TypeId) -> Option<&SqlType> {
        self.types.get(&id)
    }

    /// The type of that schema and `typname`.
    pub fn type_named(&self, schema: &str, name: &str) -> Option<&SqlType> {
        let named = self.types_by_name.get(name)?.iter();
        named.filter_map(|id| self.types.get(id)).find(|found| &*found.schema == schema)
    }

    /// Follows domains down to the type they are over.
    pub fn base_type(&self, id: TypeId) -> TypeId {
        let mut current = id;
        // Domains over domains are rare and short; the bound keeps a broken catalogue from looping.
        for _ in 0..32 {
            match self.types.get(&current).and_then(|t| t.base) {
                Some(base) => current = base,
                None => break,
            }
        }
        current
    }

    /// A type as PostgreSQL's messages name it (`format_type`).
    pub fn type_for_people(&self, id: TypeId) -> Option<String> {
        let found = self.types.get(&id)?;
        if let Some(element) = found.element {
            return Some(format!("{}[]", self.type_for_people(element)?));
        }
        let name = match (&*found.schema, &*found.name) {
            (PG_CATALOG, "int2") => "smallint",
            (PG_CATALOG, "int4") => "integer",
            (PG_CATALOG, "int8") => "bigint",
            (PG_CATALOG, "float4") => "real",
            (PG_CATALOG, "float8") => "double precision",
            (PG_CATALOG, "bool") => "boolean",
            (PG_CATALOG, "bpchar") => "character",
            (PG_CATALOG, "varchar") => "character varying",
            (PG_CATALOG, "varbit") => "bit varying",
            (PG_CATALOG, "char") => "\"char\"",
            (PG_CATALOG, "time") => "time without time zone",
            (PG_CATALOG, "timetz") => "time with time zone",
            (PG_CATALOG, "timestamp") => "timestamp without time zone",
            (PG_CATALOG, "timestamptz") => "timestamp with time zone",
            (_, name) => name,
        };
        Some(name.to_owned())
    }

    /// Every function of that name, in every schema.
    pub fn functions_named(&self, name: &str) -> &[Arc<Function>] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// The function with that OID.
    pub fn function(&self, id: FunctionId) -> Option<&Arc<Function>> {
        self.functions_by_id.get(&id)
    }

    /// The relations of this picture that are not the same in a later one: gone, replaced, of
    /// other columns, another definition or other parents. The catalogue's own stay as they are.
    pub fn moved(&self, later: &Self) -> HashSet<RelationId> {
        self.relations
            .values()
            .filter(|relation| later.relation(relation.id) != Some(relation))
            .map(|relation| relation.id)
            .collect()
    }

    /// Operators of that name outside `pg_catalog`.
    pub fn user_operators_named(&self, name: &str) -> &[UserOperator] {
        self.operators.get(name).map_or(&[], Vec::as_slice)
    }

    /// Casts that somebody made.
    pub fn user_casts(&self) -> &[UserCast] {
        &self.casts
    }

    /// Those of them that are applied where no text names them.
    pub fn coercions(&self) -> &[UserCast] {
        &self.coercions
    }

    /// Whether somebody has made an operator.
    pub fn has_user_operators(&self) -> bool {
        !self.operators.is_empty()
    }

    /// The columns of the relation or composite type whose row type this is.
    pub fn row_type_columns(&self, id: TypeId) -> Option<&[Column]> {
        let mut relations = self.relations.values();
        relations.find(|relation| relation.row_type == id).map(|relation| &*relation.columns)
    }

    /// Whether the schema exists.
    pub fn has_schema(&self, name: &str) -> bool {
        self.schemas.iter().any(|schema| &**schema == name)
    }

    /// Whether the server may have a setting of that name, in lower case. Names with a dot belong to
    /// extensions, and exist only while they are set.
    pub fn may_have_setting(&self, name: &str) -> bool {
        self.settings.is_empty() || self.settings.contains(name) || UNLISTED.contains(&name)
    }

    /// All schemas.
    pub fn schemas(&self) -> &[Arc<str>] {
        &self.schemas
    }

    /// Whether rows that are written to `id` may meet a row trigger that changes or vetoes them: its
    /// own, or that of a partition or inheritance child.
    pub fn has_triggers_below(&self, id: RelationId) -> bool {
        self.triggered.contains(&id)
    }

    /// `id` and everything it is a partition or inheritance child of, nearest first.
    pub fn lineage(&self, id: RelationId) -> Vec<RelationId> {
        let mut lineage = vec![id];
        let mut next = 0;
        while let Some(current) = lineage.get(next).copied() {
            next += 1;
            if let Some(relation) = self.relations.get(&current) {
                for parent in &relation.parents {
                    if !lineage.contains(parent) {
                        lineage.push(*parent);
                    }
                }
            }
        }
        lineage
    }
}

/// The schemas a session's unqualified names are looked up in, in order, `pg_catalog` included
/// where the server searches it (PostgreSQL documentation, 5.10.3 "The Schema Search Path"), and the
/// session's own temporary relations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SearchPath(pub Vec<Arc<str>>, pub Temporary);

impl SearchPath {
    /// The effective path as `current_schemas(true)` reports it.
    pub fn new<S: AsRef<str>>(schemas: impl IntoIterator<Item = S>) -> Self {
        let schemas = schemas.into_iter().map(|schema| Arc::from(schema.as_ref())).collect();
        Self(schemas, Temporary::default())
    }

    /// The same with these temporary relations.
    #[must_use]
    pub fn with_temporary(self, temporary: Temporary) -> Self {
        Self(self.0, temporary)
    }

    /// The path that `SET search_path` to these names leads to. The server leaves out what does not
    /// exist or may not be used: a name that is found there then fails.
    #[must_use]
    pub fn set(&self, catalog: &Catalog, names: &[String]) -> Self {
        let own = self.0.iter().find(|schema| temporary::is_temporary_schema(schema));
        let mut schemas: Vec<Arc<str>> = Vec::new();
        for name in names {
            let schema = match name.as_str() {
                "pg_temp" => own.cloned(),
                "$user" => Some(Arc::clone(&catalog.backend_user)),
                name => Some(Arc::from(name)),
            };
            schemas.extend(schema.filter(|schema| !schemas.contains(schema)));
        }
        // What is not named stands in front (PostgreSQL documentation, `search_path`).
        if !schemas.iter().any(|schema| &**schema == PG_CATALOG) {
            schemas.insert(0, Arc::from(PG_CATALOG));
        }
        if let Some(own) = own
            && !schemas.contains(own)
        {
            schemas.insert(0, Arc::clone(own));
        }
        Self(schemas, self.1.clone())
    }

    /// Finds the relation an unqualified name means.
    pub fn relation<'c>(&'c self, catalog: &'c Catalog, name: &str) -> Option<&'c Arc<Relation>> {
        self.0.iter().find_map(|schema| self.relation_named(catalog, schema, name))
    }

    /// Finds the relation of that schema and name.
    pub fn relation_named<'c>(
        &'c self,
        catalog: &'c Catalog,
        schema: &str,
        name: &str,
    ) -> Option<&'c Arc<Relation>> {
        let temporary = self.1.relation_named(schema, name);
        temporary.or_else(|| catalog.relation_named(schema, name))
    }
}
