//! What is said not to be expressed, and what must not be in the text.

use super::*;
use crate::catalog::{CatalogParts, Column, RelationKind, SqlType, TypeKind};
use crate::ids::{CatalogVersion, ColumnNumber, RoleName, TypeId};

fn sql_type(id: u32, name: &str, category: char) -> SqlType {
    SqlType {
        id: TypeId(id),
        schema: "pg_catalog".into(),
        name: name.into(),
        kind: TypeKind::Base,
        category,
        element: None,
        array: None,
        base: None,
    }
}

fn relation(id: u32, name: &str, columns: &[(&str, u32)]) -> crate::catalog::Relation {
    crate::catalog::Relation {
        id: RelationId(id),
        schema: "crm".into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns: columns
            .iter()
            .zip(1..)
            .map(|((name, type_id), number)| Column {
                number: ColumnNumber(number),
                name: (*name).into(),
                type_id: TypeId(*type_id),
                typmod: -1,
                not_null: false,
                has_default: false,
                generated: false,
                computed: false,
                collation: crate::ids::CollationId(100),
            })
            .collect(),
        primary_key: vec![ColumnNumber(1)],
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: TypeId(0),
    }
}

fn catalog() -> Catalog {
    let parts = CatalogParts {
        schemas: vec!["pg_catalog".into(), "crm".into()],
        relations: vec![
            relation(
                20001,
                "account",
                &[("id", 23), ("owner_id", 23), ("phone", 25), ("name", 25), ("open", 16)],
            ),
            relation(20002, "team", &[("account_id", 23), ("user_id", 23)]),
        ],
        types: vec![
            sql_type(16, "bool", 'B'),
            sql_type(23, "int4", 'N'),
            sql_type(25, "text", 'S'),
        ],
        functions: Vec::new(),
        operators: Vec::new(),
        ..CatalogParts::default()
    };
    Catalog::new(CatalogVersion(1), 150_000, "gateway", parts)
}

const TABLES: &str = "tables: { crm.account: { owner: owner_id, team: { table: crm.team, record: \
    account_id, user: user_id }, tags: { phone: pii } } }\nmasks: { pii: { kind: hash } }\n";

fn person(login: &str, roles: &[&str]) -> PersonFacts {
    let mut person = PersonFacts::new(login.into());
    person.id = Some("7".to_owned());
    person.roles = roles.iter().map(|role| RoleName::from(*role)).collect();
    person
}

fn exported(roles: &str, people: &[PersonFacts]) -> (String, Vec<String>) {
    let catalog = catalog();
    let text = format!("{TABLES}roles:\n{roles}");
    let (policy, _) =
        PolicySet::load(&[("p.yaml".to_owned(), text)], &catalog, "the mask key").unwrap();
    let export = compile(&policy, &catalog, people, Options::default()).unwrap();
    let sql: Vec<String> = export
        .sections
        .into_iter()
        .flat_map(|section| section.statements)
        .map(|statement| format!("{statement};\n"))
        .collect();
    let omitted = export.omitted.into_iter().map(|omission| omission.what).collect();
    (sql.concat(), omitted)
}

fn says(omitted: &[String], words: &str) {
    assert!(omitted.iter().any(|what| what.contains(words)), "{words} is not in {omitted:#?}");
}

#[test]
fn a_role_with_a_condition_on_the_session_is_in_force_in_the_database() {
    let roles = "  outside: { when: \"client.ip in ('10.0.0.0/8')\", grants: [ { tables: \
                 [crm.account], read: true } ] }\n  desk: { grants: [ { tables: [crm.account], \
                 read: { scope: self } } ] }\n";
    let (sql, omitted) = exported(roles, &[person("alice", &["outside", "desk"])]);
    says(&omitted, "the role outside has a condition");
    assert!(sql.contains("role desk") && !sql.contains("role outside"), "{sql}");
}

#[test]
fn somebody_unrestricted_gets_a_policy() {
    let roles = "  dba: { unrestricted: true }\n";
    let (sql, omitted) = exported(roles, &[person("henry", &["dba"])]);
    says(&omitted, "is unrestricted");
    assert!(!sql.contains("henry"), "{sql}");
}

#[test]
fn the_key_of_keyed_masks_can_be_read_in_a_view() {
    let roles = "  desk: { grants: [ { tables: [crm.account], read: true } ] }\n";
    let (sql, omitted) = exported(roles, &[person("alice", &["desk"])]);
    says(&omitted, "the keyed mask of `phone`");
    assert!(!sql.contains("the mask key"), "{sql}");
    assert!(sql.contains("AS \"phone\""), "{sql}");
    assert!(sql.contains("GRANT SELECT (\"id\", \"owner_id\", \"name\", \"open\") ON"), "{sql}");
}

#[test]
fn verbs_masks_and_limits_without_a_native_form_are_passed_over() {
    let roles = "  desk: { limits: { rows_per_query: 5 }, grants: [ { tables: [crm.account], read: \
                 { scope: all, masks: { phone: { kind: partial, last: 2, match: exact } } }, \
                 export: { scope: self }, update: { scope: all }, assign: { scope: self } } ] }\n  \
                 own: { grants: [ { tables: [crm.account], read: { scope: self }, unmask: [pii] } \
                 ] }\n";
    let (sql, omitted) = exported(roles, &[person("alice", &["desk", "own"])]);
    for words in
        ["`match: exact` of `phone`", "`export` differs", "`assign` has another scope", "limits"]
    {
        says(&omitted, words);
    }
    says(&omitted, "is masked row by row");
    assert!(
        sql.contains("GRANT UPDATE (\"id\", \"phone\", \"name\", \"open\") ON \"crm\".\"account\""),
        "{sql}"
    );
}

#[test]
fn a_filter_that_reads_other_tables_needs_a_right_on_them() {
    let roles =
        "  mate: { grants: [ { tables: [crm.account], read: { scope: [self, team] } } ] }\n";
    let (sql, _) = exported(roles, &[person("alice", &["mate"])]);
    assert!(sql.contains("SECURITY DEFINER SET search_path = pg_catalog, pg_temp"), "{sql}");
    assert!(sql.contains("GRANT SELECT ON \"crm\".\"team\" TO rowgate_reader"), "{sql}");
    assert!(!sql.contains("\"crm\".\"team\" TO \"alice\""), "{sql}");
}

#[test]
fn grants_widen_and_rules_narrow_in_the_same_policy() {
    let roles = "  a: { grants: [ { tables: [crm.account], read: { scope: self } } ] }\n  b: { \
                 grants: [ { tables: [crm.account], read: { where: \"open\" } } ] }\nrules:\n  - { \
                 name: named, tables: [crm.account], predicate: \"name is not null\" }\n";
    let (sql, _) = exported(roles, &[person("alice", &["a", "b"])]);
    assert_eq!(sql.matches("AS PERMISSIVE FOR SELECT").count(), 2, "{sql}");
    assert_eq!(sql.matches("AS RESTRICTIVE FOR SELECT").count(), 1, "{sql}");
    assert!(sql.contains("-- p.yaml:7 rule named\n"), "{sql}");
}

#[test]
fn a_login_breaks_out_of_its_name() {
    let roles = "  a: { grants: [ { tables: [crm.account], read: { scope: self } } ] }\n";
    let quoted = person("o'b\"r", &["a"]);
    let (sql, _) = exported(roles, &[quoted, person("x$rowgate$; DROP TABLE t", &["a"])]);
    assert!(sql.contains("TO \"o'b\"\"r\""), "{sql}");
    assert!(sql.contains("'\"o''b\"\"r\"'::regrole"), "{sql}");
    assert!(!sql.contains("DROP TABLE"), "{sql}");
    let long = "y".repeat(60);
    assert!(ddl::schema_of(&long).len() <= 63 && ddl::schema_of(&long) != ddl::schema_of("y"));
    assert_ne!(
        ddl::policy_name(&long, "read", 1),
        ddl::policy_name(&format!("{long}z"), "read", 1)
    );
}
