//! The temporary relations of the session, as its server connection tells them beside the search
//! path. Reads the server's answer; asks nothing itself.

use std::sync::Arc;

use serde_json::Value;

use crate::catalog::{Column, Relation, RelationKind, Temporary};
use crate::ids::{CollationId, ColumnNumber, RelationId, TypeId};

/// One JSON array of relations, empty or NULL without any. Operators are written with their schema,
/// because the session's search path is the client's.
pub(super) const QUERY: &str = "
SELECT pg_catalog.current_schemas(true),
 (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
     c.oid, n.nspname, c.relname, c.relkind, c.reltype,
     (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
          a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
          a.atthasdef OR a.attidentity OPERATOR(pg_catalog.<>) '',
          a.attgenerated OPERATOR(pg_catalog.<>) '',
          a.attgenerated OPERATOR(pg_catalog.=) 'v', a.attcollation) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
       WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid
         AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped),
     (SELECT pg_catalog.array_to_json((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1])
        FROM pg_catalog.pg_index i
       WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisprimary)) ORDER BY c.oid)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
   WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
     AND (c.relkind OPERATOR(pg_catalog.=) 'r' OR c.relkind OPERATOR(pg_catalog.=) 'S'))";

/// What the second column of the answer means; `None` when it cannot be read.
pub(super) fn read(told: Option<&str>) -> Option<Temporary> {
    let Some(told) = told else { return Some(Temporary::default()) };
    let value: Value = serde_json::from_str(told).ok()?;
    let relations = value.as_array()?.iter().map(relation).collect::<Option<Vec<_>>>()?;
    Some(Temporary::new(told, relations))
}

fn relation(value: &Value) -> Option<Relation> {
    let [oid, schema, name, kind, row_type, columns, key] = value.as_array()?.as_slice() else {
        return None;
    };
    let columns = match columns {
        Value::Null => Vec::new(),
        columns => columns.as_array()?.iter().map(column).collect::<Option<Vec<_>>>()?,
    };
    let primary_key = match key {
        Value::Null => Vec::new(),
        key => key.as_array()?.iter().map(number).collect::<Option<Vec<_>>>()?,
    };
    Some(Relation {
        id: RelationId(oid_of(oid)?),
        schema: Arc::from(schema.as_str()?),
        name: Arc::from(name.as_str()?),
        kind: match kind.as_str()? {
            "r" => RelationKind::Table,
            "S" => RelationKind::Sequence,
            _ => return None,
        },
        columns,
        primary_key,
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: TypeId(oid_of(row_type)?),
    })
}

fn column(value: &Value) -> Option<Column> {
    let [at, name, type_id, typmod, not_null, has_default, generated, computed, collation] =
        value.as_array()?.as_slice()
    else {
        return None;
    };
    Some(Column {
        number: number(at)?,
        name: Arc::from(name.as_str()?),
        type_id: TypeId(oid_of(type_id)?),
        typmod: i32::try_from(typmod.as_i64()?).ok()?,
        not_null: not_null.as_bool()?,
        has_default: has_default.as_bool()?,
        generated: generated.as_bool()?,
        computed: computed.as_bool()?,
        collation: CollationId(oid_of(collation)?),
    })
}

fn number(value: &Value) -> Option<ColumnNumber> {
    Some(ColumnNumber(i16::try_from(value.as_i64()?).ok()?))
}

/// OIDs are numbers in JSON, or texts, as their type's output is.
fn oid_of(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => u32::try_from(value.as_u64()?).ok(),
    }
}
