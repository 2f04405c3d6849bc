//! Reads the database's catalogue into a snapshot, and tells cheaply whether it has changed.
//!
//! Temporary relations of other sessions are left out: nobody else can read them, and their coming
//! and going would make every snapshot stale.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::{Client, IsolationLevel, Row, Transaction};

use super::client::{self, ClientError};
use super::connect::{ConnectError, Target};
use super::hosts::Wanted;
use super::search::Place;
use crate::catalog::{
    CastContext, Catalog, CatalogParts, Column, Dependency, Function, FunctionKind, Objects,
    Relation, RelationKind, SqlType, TypeKind, UserCast, UserOperator, Volatility,
};
use crate::ids::{
    CatalogVersion, CollationId, ColumnNumber, FunctionId, ObjectId, RelationId, TypeId,
};

/// One value that is another after DDL. Rows of a catalogue are never changed in place by DDL, so
/// (oid, xmin) of all rows tells; VACUUM and ANALYZE do change in place and leave xmin alone.
/// Sums of hashes need no sorting. The second value: whether the server is read-only.
const FINGERPRINT: &str = "
WITH temporary AS MATERIALIZED (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_'
)
SELECT pg_catalog.concat_ws(',', pg_catalog.current_database(), current_user::text,
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 1))
     FROM pg_catalog.pg_namespace WHERE oid NOT IN (SELECT oid FROM temporary)),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 2))
     FROM pg_catalog.pg_class WHERE relnamespace NOT IN (SELECT oid FROM temporary)),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((a.attrelid::int8 << 32) | a.xmin::text::int8,
                                                     a.attnum::int8))
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE a.attnum > 0 AND c.relkind NOT IN ('i', 'I', 't')
      AND c.relnamespace NOT IN (SELECT oid FROM temporary)),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 3))
     FROM pg_catalog.pg_type WHERE typnamespace NOT IN (SELECT oid FROM temporary)),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 4))
     FROM pg_catalog.pg_proc WHERE pronamespace NOT IN (SELECT oid FROM temporary)),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((inhrelid::int8 << 32) | xmin::text::int8,
                                                     inhparent::int8))
     FROM pg_catalog.pg_inherits),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 5))
     FROM pg_catalog.pg_rewrite),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((indexrelid::int8 << 32) | xmin::text::int8, 6))
     FROM pg_catalog.pg_index WHERE indisprimary),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 7))
     FROM pg_catalog.pg_trigger WHERE NOT tgisinternal),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 8))
     FROM pg_catalog.pg_operator WHERE oid >= 16384),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 9))
     FROM pg_catalog.pg_cast WHERE oid >= 16384),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 9))
     FROM pg_catalog.pg_constraint
    WHERE oid >= 16384 AND connamespace NOT IN (SELECT oid FROM temporary)),
  (SELECT pg_catalog.sum(pg_catalog.hashint8extended((oid::int8 << 32) | xmin::text::int8, 10))
     FROM pg_catalog.pg_attrdef
    WHERE adrelid NOT IN (SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't'))),
  pg_catalog.pg_is_in_recovery()
    OR pg_catalog.current_setting('default_transaction_read_only')::bool";

// tgtype: 1 is FOR EACH ROW, 2 is BEFORE, 64 is INSTEAD OF (catalog/pg_trigger.h).
const RELATIONS: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.reltype, c.relrowsecurity,
       EXISTS (SELECT FROM pg_rewrite r
                WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN') AS has_rules,
       EXISTS (SELECT FROM pg_trigger t
                WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                  AND t.tgtype & 1 = 1 AND t.tgtype & 66 <> 0) AS has_triggers,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS view_definition,
       ARRAY(SELECT h.inhparent FROM pg_inherits h
              WHERE h.inhrelid = c.oid ORDER BY h.inhseqno) AS parents,
       (SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] FROM pg_index i
         WHERE i.indrelid = c.oid AND i.indisprimary) AS primary_key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_(toast_)?temp_'";

const COLUMNS: &str = "
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attnotnull,
       a.atthasdef OR a.attidentity <> '' AS has_default, a.attgenerated <> '' AS generated,
       a.attgenerated = 'v' AS computed, a.attcollation
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 't')
   AND c.relpersistence <> 't'
 ORDER BY a.attrelid, a.attnum";

const TYPES: &str = "
SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text, t.typcategory::text,
       CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END AS element, t.typarray,
       t.typbasetype
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname !~ '^pg_(toast_)?temp_'";

const FUNCTIONS: &str = "
SELECT p.oid, n.nspname::text, p.proname::text, p.proargtypes::oid[], p.prorettype,
       p.prokind::text, p.prosecdef, p.provolatile::text, p.proretset
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname !~ '^pg_(toast_)?temp_'";

const OPERATORS: &str = "
SELECT n.nspname::text, o.oprname::text, o.oprcode::oid
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_(toast_)?temp_'";

// Beside PostgreSQL's own casts; one between types of the same bytes computes nothing.
const CASTS: &str = "
SELECT castsource, casttarget, castfunc::oid, castcontext::text FROM pg_cast
 WHERE oid >= 16384 AND castmethod <> 'b'";

const SETTINGS: &str = "
SELECT pg_catalog.lower(name) FROM pg_catalog.pg_settings";

// What exists because of a relation, and what it depends on (PostgreSQL documentation, 53.18
// "pg_depend"). The rules of views name what the views read, which is no reason to hide them.
const DEPENDENCIES: &str = "
SELECT d.objid, d.refobjid,
       CASE WHEN d.refclassid = 'pg_class'::regclass THEN d.refobjsubid ELSE 0 END::int2
  FROM pg_depend d
  LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
 WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype <> 'e'
   AND d.refclassid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass)
   AND (d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass,
                      'pg_type'::regclass)
        OR c.relkind IN ('i', 'I', 't', 'S'))
UNION
SELECT i.indexrelid, i.indrelid, k.attnum
  FROM pg_index i, unnest(i.indkey::int2[]) AS k(attnum) WHERE i.indexrelid >= 16384
UNION
SELECT oid, ev_class, 0::int2 FROM pg_rewrite WHERE oid >= 16384
UNION
SELECT oid, 0::oid, 0::int2 FROM pg_constraint WHERE oid >= 16384";

const VIEW_SOURCES: &str = "
SELECT DISTINCT r.ev_class, d.refobjid
  FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
 WHERE r.rulename = '_RETURN' AND d.refclassid = 'pg_class'::regclass
   AND r.ev_class >= 16384 AND d.refobjid <> r.ev_class";

const PRIVATE: &str = "
SELECT oid FROM pg_class WHERE relpersistence = 't'
UNION ALL SELECT oid FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT oid FROM pg_policy
UNION ALL SELECT oid FROM pg_statistic_ext
UNION ALL SELECT oid FROM pg_rewrite WHERE rulename <> '_RETURN' AND oid >= 16384
UNION ALL SELECT oid FROM pg_publication_rel
UNION ALL SELECT oid FROM pg_default_acl
UNION ALL SELECT oid FROM pg_event_trigger";

const EXTENSION_FUNCTIONS: &str = "
SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e'";

const SCHEMA_IDS: &str = "SELECT oid, nspname::text FROM pg_namespace";

const BACKEND_ROLE: &str = "SELECT oid FROM pg_roles WHERE rolname = current_user";

const SCHEMAS: &str = "
SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_' ORDER BY nspname";

/// Reads one database's catalogue, again and again.
#[derive(Debug)]
pub struct CatalogReader {
    target: Target,
    database: String,
    client: Option<(Client, Place)>,
    fingerprint: Option<String>,
    version: CatalogVersion,
}

impl CatalogReader {
    /// Connects at the first read.
    pub fn new(target: Target, database: impl Into<String>) -> Self {
        Self {
            target,
            database: database.into(),
            client: None,
            fingerprint: None,
            version: CatalogVersion(0),
        }
    }

    /// The catalogue when it differs from the last one this reader returned, `None` when it does
    /// not. After an error the next call connects anew.
    pub async fn refresh_if_changed(&mut self) -> Result<Option<Catalog>, ClientError> {
        let (mut client, place) = match self.client.take() {
            Some((client, place))
                if !client.is_closed() && place.epoch == self.target.hosts.epoch() =>
            {
                (client, place)
            }
            Some(_) | None => connect(&self.target, &self.database).await?,
        };
        if self.fingerprint.is_some() {
            let row = client.query_one(FINGERPRINT, &[]).await?;
            let (fingerprint, read_only): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
            if read_only && self.target.hosts.wanted(place.index) == Wanted::ReadWrite {
                let reason = "it does not take writes any more";
                self.target.hosts.lost(place.index, reason);
                return Err(ConnectError::Avoided { reason: reason.to_owned() }.into());
            }
            if self.fingerprint.as_ref() == Some(&fingerprint) {
                self.client = Some((client, place));
                return Ok(None);
            }
        }
        let (catalog, fingerprint) = self.read(&mut client).await?;
        self.version = catalog.version;
        self.fingerprint = Some(fingerprint);
        self.client = Some((client, place));
        Ok(Some(catalog))
    }

    /// Reads the whole catalogue, changed or not.
    pub async fn refresh(&mut self) -> Result<Catalog, ClientError> {
        self.fingerprint = None;
        loop {
            // Without a fingerprint to compare with there is always a new one.
            if let Some(catalog) = self.refresh_if_changed().await? {
                return Ok(catalog);
            }
        }
    }

    async fn read(&self, client: &mut Client) -> Result<(Catalog, String), ClientError> {
        // One snapshot for all of it: half of a DDL transaction would be a wrong catalogue.
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let row = transaction.query_one(FINGERPRINT, &[]).await?;
        let fingerprint: String = row.try_get(0)?;
        let row = transaction
            .query_one(
                "SELECT current_setting('server_version_num')::int4, current_user::text,
                        current_database()::text",
                &[],
            )
            .await?;
        let version: i32 = row.try_get(0)?;
        let (user, database): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
        let parts = read_parts(&transaction).await?;
        let objects = read_objects(&transaction).await?;
        transaction.commit().await?;
        let next = CatalogVersion(self.version.0 + 1);
        let version = u32::try_from(version).unwrap_or(0);
        let mut catalog = Catalog::new(next, version, user, parts).with_objects(objects);
        catalog.database = database.into();
        Ok((catalog, fingerprint))
    }
}

async fn connect(target: &Target, database: &str) -> Result<(Client, Place), ClientError> {
    let (client, place) = client::open_somewhere(target, database).await?;
    // With an empty path every name outside pg_catalog is printed with its schema.
    client.batch_execute("SET search_path = ''; SET statement_timeout = '60s'").await?;
    Ok((client, place))
}

async fn read_parts(transaction: &Transaction<'_>) -> Result<CatalogParts, ClientError> {
    let mut columns: HashMap<u32, Vec<Column>> = HashMap::new();
    for row in transaction.query(COLUMNS, &[]).await? {
        columns.entry(row.try_get(0)?).or_default().push(column(&row)?);
    }
    // A few dozen schema names are repeated thousands of times.
    let mut names = Names::default();
    let mut parts = CatalogParts::default();
    for row in transaction.query(SCHEMAS, &[]).await? {
        parts.schemas.push(names.shared(row.try_get(0)?));
    }
    for row in transaction.query(RELATIONS, &[]).await? {
        let id: u32 = row.try_get(0)?;
        parts.relations.push(relation(&row, columns.remove(&id).unwrap_or_default(), &mut names)?);
    }
    for row in transaction.query(TYPES, &[]).await? {
        parts.types.push(sql_type(&row, &mut names)?);
    }
    for row in transaction.query(FUNCTIONS, &[]).await? {
        parts.functions.extend(function(&row, &mut names)?);
    }
    for row in transaction.query(CASTS, &[]).await? {
        let function: u32 = row.try_get(2)?;
        parts.casts.push(UserCast {
            source: TypeId(row.try_get(0)?),
            target: TypeId(row.try_get(1)?),
            function: (function != 0).then_some(FunctionId(function)),
            context: match row.try_get::<_, &str>(3)? {
                "e" => CastContext::Explicit,
                "a" => CastContext::Assignment,
                // What a later version adds may be applied anywhere.
                _ => CastContext::Implicit,
            },
        });
    }
    for row in transaction.query(SETTINGS, &[]).await? {
        parts.settings.push(Arc::from(row.try_get::<_, &str>(0)?));
    }
    for row in transaction.query(OPERATORS, &[]).await? {
        parts.operators.push(UserOperator {
            schema: names.shared(row.try_get(0)?),
            name: names.shared(row.try_get(1)?),
            function: FunctionId(row.try_get(2)?),
        });
    }
    Ok(parts)
}

async fn read_objects(transaction: &Transaction<'_>) -> Result<Objects, ClientError> {
    let mut objects = Objects::default();
    for row in transaction.query(DEPENDENCIES, &[]).await? {
        let column: i16 = row.try_get(2)?;
        objects.dependencies.push(Dependency {
            object: ObjectId(row.try_get(0)?),
            on: ObjectId(row.try_get(1)?),
            column: (column > 0).then_some(ColumnNumber(column)),
        });
    }
    for row in transaction.query(VIEW_SOURCES, &[]).await? {
        objects.view_sources.push((RelationId(row.try_get(0)?), RelationId(row.try_get(1)?)));
    }
    for row in transaction.query(PRIVATE, &[]).await? {
        objects.private.push(ObjectId(row.try_get(0)?));
    }
    for row in transaction.query(EXTENSION_FUNCTIONS, &[]).await? {
        objects.extension_functions.insert(FunctionId(row.try_get(0)?));
    }
    for row in transaction.query(SCHEMA_IDS, &[]).await? {
        objects.schemas.push((ObjectId(row.try_get(0)?), Arc::from(row.try_get::<_, &str>(1)?)));
    }
    objects.backend_role = ObjectId(transaction.query_one(BACKEND_ROLE, &[]).await?.try_get(0)?);
    Ok(objects)
}

#[derive(Default)]
struct Names(HashMap<String, Arc<str>>);

impl Names {
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(name);
        self.0.insert(name.to_owned(), Arc::clone(&new));
        new
    }
}

fn column(row: &Row) -> Result<Column, tokio_postgres::Error> {
    Ok(Column {
        number: ColumnNumber(row.try_get(1)?),
        name: Arc::from(row.try_get::<_, &str>(2)?),
        type_id: TypeId(row.try_get(3)?),
        typmod: row.try_get(4)?,
        not_null: row.try_get(5)?,
        has_default: row.try_get(6)?,
        generated: row.try_get(7)?,
        computed: row.try_get(8)?,
        collation: CollationId(row.try_get(9)?),
    })
}

fn relation(
    row: &Row,
    columns: Vec<Column>,
    names: &mut Names,
) -> Result<Relation, tokio_postgres::Error> {
    let kind = match row.try_get::<_, &str>(3)? {
        "r" => RelationKind::Table,
        "p" => RelationKind::PartitionedTable,
        "v" => RelationKind::View,
        "m" => RelationKind::MaterializedView,
        "f" => RelationKind::ForeignTable,
        "S" => RelationKind::Sequence,
        _ => RelationKind::Other,
    };
    let parents: Vec<u32> = row.try_get(9)?;
    let primary_key: Option<Vec<i16>> = row.try_get(10)?;
    Ok(Relation {
        id: RelationId(row.try_get(0)?),
        schema: names.shared(row.try_get(1)?),
        name: Arc::from(row.try_get::<_, &str>(2)?),
        kind,
        columns,
        primary_key: primary_key.unwrap_or_default().into_iter().map(ColumnNumber).collect(),
        parents: parents.into_iter().map(RelationId).collect(),
        view_definition: row.try_get::<_, Option<&str>>(8)?.map(Arc::from),
        has_rules: row.try_get(6)?,
        has_triggers: row.try_get(7)?,
        row_security: row.try_get(5)?,
        row_type: TypeId(row.try_get(4)?),
    })
}

fn sql_type(row: &Row, names: &mut Names) -> Result<SqlType, tokio_postgres::Error> {
    let some = |oid: u32| (oid != 0).then_some(TypeId(oid));
    let kind = match row.try_get::<_, &str>(3)? {
        "b" => TypeKind::Base,
        "c" => TypeKind::Composite,
        "d" => TypeKind::Domain,
        "e" => TypeKind::Enum,
        "r" | "m" => TypeKind::Range,
        // A kind of a later version is not usable as a value until somebody has looked at it.
        _ => TypeKind::Pseudo,
    };
    Ok(SqlType {
        id: TypeId(row.try_get(0)?),
        schema: names.shared(row.try_get(1)?),
        name: Arc::from(row.try_get::<_, &str>(2)?),
        kind,
        category: row.try_get::<_, &str>(4)?.chars().next().unwrap_or('X'),
        element: some(row.try_get(5)?),
        array: some(row.try_get(6)?),
        base: some(row.try_get(7)?),
    })
}

/// `None` for a kind of function that is not known: it then does not exist, and is refused.
fn function(row: &Row, names: &mut Names) -> Result<Option<Function>, tokio_postgres::Error> {
    let kind = match row.try_get::<_, &str>(5)? {
        "f" => FunctionKind::Function,
        "p" => FunctionKind::Procedure,
        "a" => FunctionKind::Aggregate,
        "w" => FunctionKind::Window,
        _ => return Ok(None),
    };
    let volatility = match row.try_get::<_, &str>(7)? {
        "i" => Volatility::Immutable,
        "s" => Volatility::Stable,
        _ => Volatility::Volatile,
    };
    let arguments: Vec<u32> = row.try_get(3)?;
    Ok(Some(Function {
        id: FunctionId(row.try_get(0)?),
        schema: names.shared(row.try_get(1)?),
        name: names.shared(row.try_get(2)?),
        arguments: arguments.into_iter().map(TypeId).collect(),
        result: TypeId(row.try_get(4)?),
        kind,
        security_definer: row.try_get(6)?,
        volatility,
        returns_set: row.try_get(8)?,
    }))
}

#[cfg(test)]
mod tests;
