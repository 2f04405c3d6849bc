//! PostgreSQL's own relations: which may be read, which of their rows and columns. Data.
//!
//! From the PostgreSQL documentation, chapters "System Catalogs", "System Views" and "The
//! Information Schema". What is not listed here is denied: statistics, other sessions, files of the
//! server, replication, large objects.

/// Which rows of a system relation exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// All of them: they name nothing that anybody made.
    All,
    /// None: they exist for administrators.
    None,
    /// Those in which none of these columns has the OID of something hidden.
    Shown(&'static [&'static str]),
    /// As `Shown`, and none of these pairs (OID of a relation, number of a column) is denied.
    ShownColumns(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// As `Shown`, and this column of type boolean is true.
    ShownWhere(&'static [&'static str], &'static str),
    /// Roles: PostgreSQL's own and the one the gateway connects as; these columns have their OIDs.
    OwnRoles(&'static [&'static str]),
    /// Those of PostgreSQL itself, by this column.
    BuiltIn(&'static str),
    /// The database the session is in, by this column with its name.
    OwnDatabase(&'static str),
    /// The comment of the database the session is in.
    OwnDatabaseComment,
    /// Settings that SHOW shows.
    ShownSettings,
    /// Cursors of the session that have a name of its own.
    OwnCursors,
}

use Rows::{
    All, BuiltIn, None, OwnCursors, OwnDatabase, OwnDatabaseComment, OwnRoles, Shown, ShownColumns,
    ShownSettings, ShownWhere,
};

/// Tables of `pg_catalog`, and views of it that stay as they are.
#[rustfmt::skip]
pub(super) const RELATIONS: &[(&str, Rows)] = &[
    ("pg_aggregate", Shown(&["aggfnoid"])),
    ("pg_am", All),
    ("pg_amop", All),
    ("pg_amproc", All),
    ("pg_attrdef", ShownColumns(&["oid", "adrelid"], &[("adrelid", "adnum")])),
    ("pg_attribute", ShownColumns(&["attrelid"], &[("attrelid", "attnum")])),
    ("pg_auth_members", OwnRoles(&["roleid", "member"])),
    // Reached from PostgreSQL's own views alone, and read as `pg_roles`.
    ("pg_authid", OwnRoles(&["oid"])),
    ("pg_available_extension_versions", All),
    ("pg_available_extensions", All),
    ("pg_cast", All),
    ("pg_class", Shown(&["oid"])),
    ("pg_collation", All),
    ("pg_constraint", Shown(&["oid", "conrelid", "confrelid"])),
    ("pg_conversion", All),
    ("pg_cursors", OwnCursors),
    ("pg_database", OwnDatabase("datname")),
    ("pg_db_role_setting", None),
    ("pg_default_acl", None),
    ("pg_depend", ShownColumns(
        &["objid", "refobjid"], &[("objid", "objsubid"), ("refobjid", "refobjsubid")],
    )),
    ("pg_description", ShownColumns(&["objoid"], &[("objoid", "objsubid")])),
    ("pg_enum", Shown(&["enumtypid"])),
    ("pg_event_trigger", None),
    ("pg_extension", All),
    ("pg_foreign_data_wrapper", All),
    ("pg_foreign_server", All),
    ("pg_foreign_table", Shown(&["ftrelid"])),
    ("pg_group", OwnRoles(&["grosysid"])),
    ("pg_index", Shown(&["indexrelid", "indrelid"])),
    ("pg_inherits", Shown(&["inhrelid", "inhparent"])),
    ("pg_init_privs", None),
    ("pg_language", All),
    ("pg_largeobject_metadata", None),
    ("pg_namespace", Shown(&["oid"])),
    ("pg_opclass", All),
    ("pg_operator", All),
    ("pg_opfamily", All),
    ("pg_parameter_acl", None),
    ("pg_partitioned_table", Shown(&["partrelid"])),
    // Row rules are nobody's business.
    ("pg_policy", None),
    // The server's names of them are private, and the texts hold the policy's.
    ("pg_prepared_statements", None),
    ("pg_proc", Shown(&["oid"])),
    ("pg_publication", None),
    ("pg_publication_namespace", None),
    ("pg_publication_rel", None),
    ("pg_range", Shown(&["rngtypid"])),
    // Other rules than those of views say what happens behind a statement.
    ("pg_rewrite", Shown(&["oid", "ev_class"])),
    ("pg_roles", OwnRoles(&["oid"])),
    // Labels are the rules of masking extensions.
    ("pg_seclabel", None),
    ("pg_seclabels", None),
    ("pg_sequence", Shown(&["seqrelid"])),
    ("pg_settings", ShownSettings),
    ("pg_shdepend", None),
    ("pg_shdescription", OwnDatabaseComment),
    ("pg_shseclabel", None),
    // Statistics, though only their definitions.
    ("pg_statistic_ext", None),
    ("pg_tablespace", BuiltIn("oid")),
    ("pg_timezone_abbrevs", All),
    ("pg_timezone_names", All),
    ("pg_transform", All),
    // Triggers of the administrator say what happens behind a statement; those of constraints are
    // part of the constraint.
    ("pg_trigger", ShownWhere(&["oid", "tgrelid", "tgconstrrelid"], "tgisinternal")),
    ("pg_ts_config", All),
    ("pg_ts_config_map", All),
    ("pg_ts_dict", All),
    ("pg_ts_parser", All),
    ("pg_ts_template", All),
    ("pg_type", Shown(&["oid", "typrelid"])),
    ("pg_user", OwnRoles(&["usesysid"])),
    ("pg_user_mappings", None),
];

/// Views of `pg_catalog` that show what the tables below them show.
#[rustfmt::skip]
pub(super) const EXPANDED: &[&str] = &[
    "pg_indexes", "pg_matviews", "pg_policies", "pg_publication_tables", "pg_rules",
    "pg_sequences", "pg_tables", "pg_views",
];

/// Views of `information_schema` over what the gateway's role may not read: nobody else's business
/// anyway. All others show what the tables below them show.
pub(super) const EMPTY_INFORMATION: [&str; 3] =
    ["_pg_user_mappings", "user_mapping_options", "user_mappings"];

/// What a column of the catalogue shows instead of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// NULL.
    Null,
    /// NULL, unless the row belongs to PostgreSQL itself by this column with its OID.
    NullUnlessBuiltIn(&'static str),
    /// A number.
    Number(i64),
    /// A truth value.
    Boolean(bool),
    /// The role the gateway connects as, unless it is one of PostgreSQL's own.
    Owner,
    /// How many columns there are without the denied ones.
    Width,
}

use Column::{Boolean, Null, NullUnlessBuiltIn, Number, Owner, Width};

/// Columns that reveal values, sizes, source texts, rules or other people: relation, column, what
/// it shows.
#[rustfmt::skip]
pub(super) const COLUMNS: &[(&str, &str, Column)] = &[
    ("pg_attribute", "attacl", Null),
    // The value of a default that was added to existing rows.
    ("pg_attribute", "attmissingval", Null),
    // Numbers of distinct values, options of foreign columns.
    ("pg_attribute", "attoptions", Null),
    ("pg_attribute", "attfdwoptions", Null),
    ("pg_authid", "rolpassword", Null),
    ("pg_authid", "rolvaliduntil", Null),
    // How many rows there are, filtered ones included.
    ("pg_class", "reltuples", Number(-1)),
    ("pg_class", "relpages", Number(0)),
    ("pg_class", "relallvisible", Number(0)),
    ("pg_class", "relallfrozen", Number(0)),
    // When others emptied, rewrote or vacuumed the table.
    ("pg_class", "relfilenode", Number(0)),
    ("pg_class", "relfrozenxid", Null),
    ("pg_class", "relminmxid", Null),
    ("pg_class", "relowner", Owner),
    ("pg_class", "relacl", Null),
    ("pg_class", "relnatts", Width),
    // The server counts those on denied columns as well; whoever asks looks for them then.
    ("pg_class", "relchecks", Number(1)),
    // Constraints of hidden tables make triggers on those they name.
    ("pg_class", "relhastriggers", Boolean(true)),
    ("pg_class", "relrowsecurity", Boolean(false)),
    ("pg_class", "relforcerowsecurity", Boolean(false)),
    ("pg_collation", "collowner", Owner),
    ("pg_conversion", "conowner", Owner),
    ("pg_cursors", "statement", Null),
    ("pg_database", "datdba", Owner),
    ("pg_database", "datacl", Null),
    ("pg_database", "datfrozenxid", Null),
    ("pg_database", "datminmxid", Null),
    ("pg_extension", "extowner", Owner),
    ("pg_extension", "extconfig", Null),
    ("pg_extension", "extcondition", Null),
    // Options of foreign servers and tables can hold addresses and passwords.
    ("pg_foreign_data_wrapper", "fdwowner", Owner),
    ("pg_foreign_data_wrapper", "fdwacl", Null),
    ("pg_foreign_data_wrapper", "fdwoptions", Null),
    ("pg_foreign_server", "srvowner", Owner),
    ("pg_foreign_server", "srvacl", Null),
    ("pg_foreign_server", "srvoptions", Null),
    ("pg_foreign_table", "ftoptions", Null),
    ("pg_group", "grolist", Null),
    ("pg_language", "lanowner", Owner),
    ("pg_language", "lanacl", Null),
    ("pg_namespace", "nspowner", Owner),
    ("pg_namespace", "nspacl", Null),
    ("pg_opclass", "opcowner", Owner),
    ("pg_operator", "oprowner", Owner),
    ("pg_opfamily", "opfowner", Owner),
    // The text of functions can hold secrets and rules.
    ("pg_proc", "prosrc", NullUnlessBuiltIn("oid")),
    ("pg_proc", "probin", NullUnlessBuiltIn("oid")),
    ("pg_proc", "prosqlbody", NullUnlessBuiltIn("oid")),
    ("pg_proc", "proconfig", Null),
    ("pg_proc", "proowner", Owner),
    ("pg_proc", "proacl", Null),
    ("pg_rewrite", "ev_action", Null),
    ("pg_rewrite", "ev_qual", Null),
    ("pg_roles", "rolvaliduntil", Null),
    ("pg_roles", "rolconfig", Null),
    ("pg_settings", "sourcefile", Null),
    ("pg_settings", "sourceline", Null),
    ("pg_tablespace", "spcowner", Owner),
    ("pg_tablespace", "spcacl", Null),
    ("pg_tablespace", "spcoptions", Null),
    ("pg_ts_config", "cfgowner", Owner),
    ("pg_ts_dict", "dictowner", Owner),
    ("pg_ts_dict", "dictinitoption", Null),
    ("pg_type", "typowner", Owner),
    ("pg_type", "typacl", Null),
    ("pg_user", "valuntil", Null),
    ("pg_user", "useconfig", Null),
];
