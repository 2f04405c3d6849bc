//! Scopes of PostgreSQL's own relations: what drivers and tools read of the catalogue, without
//! values, sizes and other people's activity. A relation that is not listed is denied. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::{INFORMATION_SCHEMA, Relation};
use crate::policy::scope::{ColumnMask, MaskMatch, PolicyLine, RowExpr, Scope, Verb};
use crate::policy::syntax;

/// Relations of `pg_catalog` that may be read: names and types, no data.
const READABLE: &[&str] = &[
    "pg_aggregate",
    "pg_am",
    "pg_amop",
    "pg_amproc",
    "pg_attrdef",
    "pg_attribute",
    "pg_auth_members",
    "pg_available_extension_versions",
    "pg_available_extensions",
    "pg_cast",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_conversion",
    "pg_database",
    "pg_default_acl",
    "pg_depend",
    "pg_description",
    "pg_enum",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_group",
    "pg_index",
    "pg_indexes",
    "pg_inherits",
    "pg_init_privs",
    "pg_language",
    "pg_matviews",
    "pg_namespace",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_partitioned_table",
    "pg_policies",
    "pg_policy",
    "pg_proc",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_publication_tables",
    "pg_range",
    "pg_rewrite",
    "pg_roles",
    "pg_rules",
    "pg_seclabel",
    "pg_sequence",
    "pg_settings",
    "pg_shdepend",
    "pg_shdescription",
    // The definitions only; the values are in pg_statistic_ext_data.
    "pg_statistic_ext",
    "pg_tables",
    "pg_tablespace",
    "pg_timezone_abbrevs",
    "pg_timezone_names",
    "pg_transform",
    "pg_trigger",
    "pg_ts_config",
    "pg_ts_config_map",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_type",
    "pg_user",
    "pg_views",
];

/// What a hidden column of the catalogue shows.
#[derive(Clone, Copy)]
enum Shown {
    /// NULL of the column's type.
    Null,
    /// A number of the column's type.
    Number(i64),
}

/// Columns that reveal values, sizes, source texts or rules: relation, column, what is shown, type.
/// A pseudo-type cannot be cast to: without a type the column does not exist.
const HIDDEN: &[(&str, &str, Shown, &str)] = &[
    // How many rows there are, filtered ones included.
    ("pg_class", "reltuples", Shown::Number(-1), "float4"),
    ("pg_class", "relpages", Shown::Number(0), "int4"),
    ("pg_class", "relallvisible", Shown::Number(0), "int4"),
    // When others emptied, rewrote or vacuumed the table.
    ("pg_class", "relfilenode", Shown::Number(0), "oid"),
    ("pg_class", "relfrozenxid", Shown::Null, "xid"),
    ("pg_class", "relminmxid", Shown::Null, "xid"),
    // The value of a default that was added to existing rows.
    ("pg_attribute", "attmissingval", Shown::Null, ""),
    // The text of functions can hold secrets and rules.
    ("pg_proc", "prosrc", Shown::Null, "text"),
    ("pg_proc", "probin", Shown::Null, "text"),
    ("pg_proc", "prosqlbody", Shown::Null, "pg_node_tree"),
    ("pg_rewrite", "ev_action", Shown::Null, "pg_node_tree"),
    ("pg_rewrite", "ev_qual", Shown::Null, "pg_node_tree"),
    // Options of foreign servers and tables can hold addresses and passwords.
    ("pg_foreign_server", "srvoptions", Shown::Null, "_text"),
    ("pg_foreign_table", "ftoptions", Shown::Null, "_text"),
    ("pg_foreign_data_wrapper", "fdwoptions", Shown::Null, "_text"),
    // The database's own row rules.
    ("pg_policy", "polqual", Shown::Null, "pg_node_tree"),
    ("pg_policy", "polwithcheck", Shown::Null, "pg_node_tree"),
    ("pg_policies", "qual", Shown::Null, "text"),
    ("pg_policies", "with_check", Shown::Null, "text"),
    ("pg_views", "definition", Shown::Null, "text"),
    ("pg_matviews", "definition", Shown::Null, "text"),
    ("pg_rules", "definition", Shown::Null, "text"),
    // The same texts under their standard names.
    ("routines", "routine_definition", Shown::Null, "varchar"),
    ("views", "view_definition", Shown::Null, "varchar"),
    ("triggers", "action_condition", Shown::Null, "varchar"),
    ("check_constraints", "check_clause", Shown::Null, "varchar"),
    // Options can hold passwords; rules of a publication are rules.
    ("pg_foreign_table", "ftoptions", Shown::Null, ""),
    ("pg_foreign_data_wrapper", "fdwoptions", Shown::Null, ""),
    ("pg_publication_tables", "rowfilter", Shown::Null, "text"),
];

/// Views of `information_schema` that show data: none of them do, but these show settings of
/// foreign servers and user mappings, which can hold passwords.
const UNREADABLE_INFORMATION: [&str; 6] = [
    "_pg_foreign_servers",
    "_pg_user_mappings",
    "foreign_server_options",
    "foreign_table_options",
    "user_mapping_options",
    "user_mappings",
];

/// The scope of a system relation; `None` is denied.
pub(super) fn scope(relation: &Relation, verb: Verb) -> Option<Scope> {
    if verb != Verb::Read {
        return None;
    }
    let name: &str = &relation.name;
    let readable = if &*relation.schema == INFORMATION_SCHEMA {
        !UNREADABLE_INFORMATION.contains(&name)
    } else {
        READABLE.contains(&name)
    };
    if !readable {
        return None;
    }
    let mut masks = BTreeMap::new();
    let mut denied = BTreeSet::new();
    for (_, column, shown, type_name) in HIDDEN.iter().filter(|(owner, ..)| *owner == name) {
        let Some(column) = relation.column(column) else { continue };
        if type_name.is_empty() {
            denied.insert(column.number);
            continue;
        }
        let value = match shown {
            Shown::Null => syntax::null(),
            Shown::Number(number) => syntax::number(*number),
        };
        let expression = RowExpr(Box::new(syntax::cast(value, syntax::builtin(type_name))));
        let kind = Arc::from("catalog");
        masks.insert(column.number, ColumnMask { kind, expression, matching: MaskMatch::Masked });
    }
    let line = PolicyLine { file: Arc::from("(built in)"), line: 0, name: Arc::from("catalog") };
    Some(Scope { masks, denied, ..Scope::unrestricted(vec![line]) })
}
