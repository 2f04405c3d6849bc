//! Which functions and operators a restricted principal may call, and which of them are total.
//! Pure; the lists are data.
//!
//! An allow-list: a function that is in no list, and that no grant names, is refused. Functions are
//! looked up by name in every schema the call could reach, so a user's function that overloads a
//! built-in name has to be granted as well.

use crate::catalog::{
    Catalog, FIRST_USER_OID, Function, INFORMATION_SCHEMA, PG_CATALOG, SearchPath,
};
use crate::error::Refusal;

/// Takes no value of a row: constant for the statement.
#[rustfmt::skip]
const CONSTANT: &[&str] = &[
    "now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "version",
    "current_database", "current_schema", "current_schemas", "current_catalog", "pg_backend_pid",
    "pg_client_encoding", "getdatabaseencoding", "pi", "txid_current_if_assigned", "timeofday",
    "pg_my_temp_schema", "pg_is_in_recovery", "inet_client_addr", "inet_client_port",
    "inet_server_port", "pg_postmaster_start_time", "pg_conf_load_time", "random",
    "gen_random_uuid", "uuidv4", "uuidv7", "get_current_ts_config",
];

/// Computes its result from its arguments alone, and may fail on some of them.
#[rustfmt::skip]
const PURE: &[&str] = &[
    // numbers
    "abs", "acos", "acosd", "acosh", "asin", "asind", "asinh", "atan", "atan2", "atan2d",
    "atand", "atanh", "cbrt", "ceil", "ceiling", "cos", "cosd", "cosh", "cot", "cotd", "degrees",
    "div", "exp", "factorial", "floor", "gcd", "lcm", "ln", "log", "log10", "min_scale", "mod",
    "pow", "power", "radians", "round", "scale", "sign", "sin", "sind", "sinh", "sqrt", "tan",
    "tand", "tanh", "to_hex", "to_bin", "to_oct", "trim_scale", "trunc", "width_bucket", "erf",
    "erfc", "random_normal", "gamma", "lgamma",
    // text and bytes
    "ascii", "bit_count", "md5", "chr", "concat", "concat_ws", "convert", "convert_from", "convert_to",
    "decode", "encode", "format", "get_bit", "get_byte", "left", "like_escape", "lpad",
    "normalize", "is_normalized", "notlike", "like", "overlay", "parse_ident", "quote_ident",
    "quote_literal", "quote_nullable", "regexp_count", "regexp_instr", "regexp_like",
    "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
    "regexp_split_to_table", "regexp_substr", "repeat", "replace", "right", "rpad", "set_bit",
    "set_byte", "sha224", "sha256", "sha384", "sha512", "similar_escape", "similar_to_escape",
    "split_part", "string_to_array", "string_to_table", "substr", "substring", "text", "textlen",
    "to_ascii", "translate", "unistr", "crc32", "crc32c", "casefold", "any_value",
    // dates and times
    "age", "date_bin", "date_trunc", "date_add", "date_subtract", "justify_days",
    "justify_hours", "justify_interval", "make_date", "make_interval", "make_time",
    "make_timestamp", "make_timestamptz", "overlaps", "timezone", "timestamp", "timestamptz",
    "to_char", "to_date", "to_number", "to_timestamp", "date", "time", "timetz", "interval",
    // casts that are written as functions
    "int2", "int4", "int8", "float4", "float8", "numeric", "bool", "varchar", "bpchar", "name",
    "oid", "money", "bytea", "json", "jsonb", "uuid", "char",
    // arrays and sets
    "array_append", "array_cat", "array_dims", "array_fill", "array_length", "array_lower",
    "array_ndims", "array_position", "array_positions", "array_prepend", "array_remove",
    "array_replace", "array_reverse", "array_sample", "array_shuffle", "array_sort",
    "array_to_json", "array_to_string", "array_upper", "cardinality", "generate_series",
    "generate_subscripts", "trim_array", "unnest", "enum_first", "enum_last", "enum_range",
    // JSON
    "json_array_elements", "json_array_elements_text", "json_array_length", "json_build_array",
    "json_build_object", "json_each", "json_each_text", "json_extract_path",
    "json_extract_path_text", "json_object", "json_object_keys", "json_populate_record",
    "json_populate_recordset", "json_strip_nulls", "json_to_record", "json_to_recordset",
    "json_typeof", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length",
    "jsonb_build_array", "jsonb_build_object", "jsonb_each", "jsonb_each_text",
    "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_insert", "jsonb_object",
    "jsonb_object_keys", "jsonb_path_exists", "jsonb_path_exists_tz", "jsonb_path_match",
    "jsonb_path_match_tz", "jsonb_path_query", "jsonb_path_query_array",
    "jsonb_path_query_array_tz", "jsonb_path_query_first", "jsonb_path_query_first_tz",
    "jsonb_path_query_tz", "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_pretty",
    "jsonb_set", "jsonb_set_lax", "jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset",
    "row_to_json", "to_json", "to_jsonb",
    // ranges
    "daterange", "datemultirange", "int4range", "int4multirange", "int8range", "int8multirange",
    "numrange", "nummultirange", "tsrange", "tsmultirange", "tstzrange", "tstzmultirange",
    "multirange", "range_merge",
    // text search over given text
    "numnode", "phraseto_tsquery", "plainto_tsquery", "querytree", "setweight", "strip",
    "to_tsquery", "to_tsvector", "array_to_tsvector", "jsonb_to_tsvector", "json_to_tsvector",
    "ts_delete", "ts_filter", "ts_headline", "ts_rank", "ts_rank_cd", "tsquery_phrase",
    "tsvector_to_array", "websearch_to_tsquery",
    // networks
    "abbrev", "broadcast", "family", "host", "hostmask", "inet_merge", "inet_same_family",
    "masklen", "netmask", "network", "set_masklen",
    // geometry
    "area", "box", "center", "circle", "diagonal", "diameter", "height", "isclosed", "isopen",
    "line", "lseg", "npoints", "path", "point", "polygon", "radius", "slope", "width",
    // XML over given text
    "xml_is_well_formed", "xml_is_well_formed_content", "xml_is_well_formed_document",
    "xmlcomment", "xmlconcat2", "xmlexists", "xpath", "xpath_exists", "xml",
    // about a value, not about the server
    "pg_typeof", "pg_size_pretty", "pg_size_bytes", "pg_collation_for", "hashtext",
];

/// Aggregates and window functions: they see rows that have passed every filter.
#[rustfmt::skip]
const AGGREGATE: &[&str] = &[
    "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count",
    "covar_pop", "covar_samp", "cume_dist", "dense_rank", "every", "first_value", "json_agg",
    "json_object_agg", "jsonb_agg", "jsonb_object_agg", "lag", "last_value", "lead", "max",
    "min", "mode", "nth_value", "ntile", "percent_rank", "percentile_cont", "percentile_disc",
    "range_agg", "range_intersect_agg", "rank", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "row_number",
    "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "var_pop", "var_samp",
    "variance", "xmlagg", "any_value",
];

/// Describes objects of the catalogue by OID or name; drivers and `psql` ask for it.
#[rustfmt::skip]
const DESCRIBES: &[&str] = &[
    "col_description", "current_setting", "format_type", "obj_description", "oidvectortypes",
    "pg_char_to_encoding", "pg_collation_is_visible", "pg_conversion_is_visible",
    "pg_describe_object", "pg_encoding_to_char", "pg_encoding_max_length",
    "pg_function_is_visible", "pg_get_constraintdef", "pg_get_expr", "pg_get_function_arguments",
    "pg_get_function_arg_default", "pg_get_function_identity_arguments",
    "pg_get_function_result", "pg_get_indexdef", "pg_get_keywords",
    "pg_get_partition_constraintdef", "pg_get_partkeydef", 
    "pg_get_serial_sequence", "pg_get_statisticsobjdef_columns",
    "pg_get_userbyid", "pg_has_role",
    "pg_identify_object", "pg_index_column_has_property", "pg_index_has_property",
    "pg_indexam_has_property", "pg_is_other_temp_schema", "pg_opclass_is_visible",
    "pg_operator_is_visible", "pg_opfamily_is_visible", "pg_options_to_table",
    "pg_partition_root", "pg_partition_ancestors", "pg_partition_tree", "pg_column_is_updatable",
    "pg_relation_is_updatable", "pg_relation_is_publishable", "pg_sequence_parameters",
    "pg_statistics_obj_is_visible", "pg_table_is_visible", "ts_token_type",
    "pg_ts_config_is_visible", "pg_ts_dict_is_visible", "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible", "pg_type_is_visible", "row_security_active",
    "shobj_description", "to_regclass", "to_regcollation", "to_regnamespace", "to_regoper",
    "to_regoperator", "to_regproc", "to_regprocedure", "to_regrole", "to_regtype",
    "has_any_column_privilege", "has_column_privilege", "has_database_privilege",
    "has_foreign_data_wrapper_privilege", "has_function_privilege", "has_language_privilege",
    "has_schema_privilege", "has_sequence_privilege", "has_server_privilege",
    "has_table_privilege", "has_tablespace_privilege", "has_type_privilege",
    "has_parameter_privilege", "acldefault", "aclexplode", "pg_timezone_abbrevs",
    "pg_timezone_names", "pg_available_extensions", "pg_available_extension_versions",
    "pg_settings_get_flags", "pg_trigger_depth", "_pg_expandarray", "_pg_index_position",
    "_pg_truetypid", "_pg_truetypmod", "_pg_char_max_length", "_pg_char_octet_length",
    "_pg_numeric_precision", "_pg_numeric_precision_radix", "_pg_numeric_scale",
    "_pg_datetime_precision", "_pg_interval_type", "_pg_keysequal",
];

/// Takes advisory locks on numbers the client chooses; applications and migration tools rely on it.
#[rustfmt::skip]
const LOCKS: &[&str] = &[
    "pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock",
    "pg_advisory_unlock_all", "pg_advisory_unlock_shared", "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared",
];

/// Tells source texts, files or sizes, which `psql`, ORMs and modellers ask for in passing:
/// answered with NULL of the same type and column name.
#[rustfmt::skip]
const WITHHELD: &[(&str, &str)] = &[
    ("pg_get_viewdef", "(SELECT CAST(NULL AS pg_catalog.text) AS pg_get_viewdef)"),
    ("pg_get_ruledef", "(SELECT CAST(NULL AS pg_catalog.text) AS pg_get_ruledef)"),
    ("pg_get_function_sqlbody", "(SELECT CAST(NULL AS pg_catalog.text) AS pg_get_function_sqlbody)"),
    ("pg_get_triggerdef", "(SELECT CAST(NULL AS pg_catalog.text) AS pg_get_triggerdef)"),
    ("pg_tablespace_location", "(SELECT CAST(NULL AS pg_catalog.text) AS pg_tablespace_location)"),
    ("pg_get_functiondef", "(SELECT CAST(NULL AS pg_catalog.text) AS pg_get_functiondef)"),
    ("pg_table_size", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_table_size)"),
    ("pg_relation_size", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_relation_size)"),
    ("pg_total_relation_size", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_total_relation_size)"),
    ("pg_indexes_size", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_indexes_size)"),
    ("pg_database_size", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_database_size)"),
    ("pg_tablespace_size", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_tablespace_size)"),
    ("pg_sequence_last_value", "(SELECT CAST(NULL AS pg_catalog.int8) AS pg_sequence_last_value)"),
];

/// What stands for a call whose answer is withheld; `None` for every other call. A user's function
/// of the same name is a function like any other.
pub(super) fn withheld(catalog: &Catalog, name: &[String]) -> Option<&'static str> {
    let function = match name {
        [function] => function,
        [schema, function] if schema == PG_CATALOG => function,
        _ => return None,
    };
    let only_built_in =
        catalog.functions_named(function).iter().all(|candidate| &*candidate.schema == PG_CATALOG);
    WITHHELD
        .iter()
        .find(|(withheld, _)| withheld == function && only_built_in)
        .map(|(_, instead)| *instead)
}

/// Reads a sequence named by its argument: the argument has to be a literal, and granted.
#[rustfmt::skip]
const SEQUENCES: &[&str] = &[
    "nextval", "currval",
];

/// What a call may do to a predicate it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Has forms that never fail: `total` says which.
    Total,
    /// The same for every row, and never fails.
    Constant,
    /// May fail, or tell something, depending on its arguments.
    Fallible,
    /// Sees only rows that passed the filters.
    Aggregate,
    /// `nextval`, `currval`: the caller looks at the argument.
    Sequence,
}

/// Answers whether a function that is not built in is granted.
pub(crate) trait FunctionGrants {
    /// Whether the roles in force may execute it.
    fn granted(&self, function: &Function) -> bool;
}

fn built_in(name: &str) -> Option<Class> {
    if super::total::is_listed(name) {
        Some(Class::Total)
    } else if CONSTANT.contains(&name) {
        Some(Class::Constant)
    } else if AGGREGATE.contains(&name) {
        Some(Class::Aggregate)
    } else if PURE.contains(&name) || DESCRIBES.contains(&name) || LOCKS.contains(&name) {
        Some(Class::Fallible)
    } else if SEQUENCES.contains(&name) {
        Some(Class::Sequence)
    } else {
        None
    }
}

/// What functions leave behind in the session of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionState {
    /// Nothing.
    #[default]
    Nothing,
    /// Values of sequences, which `lastval()` and `currval()` tell.
    Sequences,
    /// Anything: settings, advisory locks, and what somebody's own function may do.
    Anything,
}

/// What a function of that name, in any schema, may leave behind in the session of the server.
/// Names of no function leave nothing.
pub(crate) fn session_state(catalog: &Catalog, name: &str) -> SessionState {
    let functions = catalog.functions_named(name);
    if functions.is_empty() {
        return SessionState::Nothing;
    }
    if functions.iter().any(|f| &*f.schema != PG_CATALOG && &*f.schema != INFORMATION_SCHEMA)
        || LOCKS.contains(&name)
    {
        return SessionState::Anything;
    }
    match built_in(name) {
        Some(Class::Sequence) => SessionState::Sequences,
        Some(Class::Total | Class::Constant | Class::Fallible | Class::Aggregate) => {
            SessionState::Nothing
        }
        // Granted by name, or `set_config`.
        None => SessionState::Anything,
    }
}

/// Decides on a call of `name` (`[schema.]function`).
pub(super) fn classify(
    catalog: &Catalog,
    path: &SearchPath,
    grants: &dyn FunctionGrants,
    name: &[String],
) -> Result<Class, Refusal> {
    let (schema, function) = match name {
        [function] => (None, function.as_str()),
        [schema, function] => (Some(schema.as_str()), function.as_str()),
        [_, schema, function] => (Some(schema.as_str()), function.as_str()),
        _ => return Err(Refusal::unsupported("function name is not supported")),
    };
    let reachable = |candidate: &str| match schema {
        Some(schema) => candidate == schema,
        None => candidate == PG_CATALOG || path.0.iter().any(|entry| &**entry == candidate),
    };
    let mut class = None;
    for candidate in catalog.functions_named(function) {
        if !reachable(&candidate.schema) {
            continue;
        }
        let found = if &*candidate.schema == PG_CATALOG || &*candidate.schema == INFORMATION_SCHEMA
        {
            built_in(function)
        } else {
            None
        };
        // A grant can also name a built-in function that the lists leave out.
        let found = found.or_else(|| {
            grants.granted(candidate).then_some(match candidate.kind {
                crate::catalog::FunctionKind::Aggregate | crate::catalog::FunctionKind::Window => {
                    Class::Aggregate
                }
                crate::catalog::FunctionKind::Function
                | crate::catalog::FunctionKind::Procedure => Class::Fallible,
            })
        });
        let Some(found) = found else {
            return Err(Refusal::denied(
                format!("permission denied for function {function}"),
                format!(
                    "no role in force grants execute on function {}.{function}",
                    candidate.schema
                ),
            ));
        };
        class = Some(match (class, found) {
            (None, found) => found,
            (Some(before), found) if before == found => found,
            (Some(_), _) => Class::Fallible,
        });
    }
    class.ok_or_else(|| {
        Refusal::new(
            crate::error::SqlState::UNDEFINED_FUNCTION,
            format!("function {} does not exist", name.join(".")),
            "",
        )
    })
}

/// Whether a field selection `x.name` could be a call of a function: PostgreSQL takes `x.f` for
/// `f(x)` when `x` has no such column (documentation, 8.16.5 "Using Composite Types in Queries").
pub(super) fn field_is_allowed(
    catalog: &Catalog,
    path: &SearchPath,
    grants: &dyn FunctionGrants,
    name: &str,
) -> Result<(), Refusal> {
    let reachable = catalog.functions_named(name).iter().any(|candidate| {
        &*candidate.schema == PG_CATALOG || path.0.iter().any(|entry| **entry == *candidate.schema)
    });
    if reachable {
        classify(catalog, path, grants, std::slice::from_ref(&name.to_owned()))?;
    }
    Ok(())
}

/// What an operator's name can mean here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperatorMeaning {
    /// Only PostgreSQL's own operators have that name.
    BuiltIn,
    /// Others have it too, over types of their own: it is PostgreSQL's own on its own types.
    OwnTypes,
    /// Others have it over PostgreSQL's own types, and are granted.
    Granted,
}

/// Decides on the use of an operator: an operator outside `pg_catalog` is a call of its function.
///
/// One that takes PostgreSQL's own types could be meant by any expression, so its function has to
/// be granted; one that takes a type of its own (an extension's) can only be meant on that type,
/// and whoever may read a value of the type may compare it.
pub(super) fn operator_meaning(
    catalog: &Catalog,
    grants: &dyn FunctionGrants,
    name: &str,
) -> Result<OperatorMeaning, Refusal> {
    let mut meaning = OperatorMeaning::BuiltIn;
    for operator in catalog.user_operators_named(name) {
        let Some(function) = catalog.function(operator.function) else {
            return Err(Refusal::denied(
                format!("permission denied for operator {name}"),
                "the operator's function is not known",
            ));
        };
        let own_types = function.arguments.iter().any(|argument| argument.0 >= FIRST_USER_OID);
        if own_types {
            if meaning == OperatorMeaning::BuiltIn {
                meaning = OperatorMeaning::OwnTypes;
            }
        } else if grants.granted(function) {
            meaning = OperatorMeaning::Granted;
        } else {
            return Err(Refusal::denied(
                format!("permission denied for operator {name}"),
                format!(
                    "an operator {}.{name} exists and no role in force grants its function",
                    operator.schema
                ),
            ));
        }
    }
    Ok(meaning)
}
