//! What client SQL becomes, and what is refused, without a database.

mod bypass;

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Fill, PlanContext, Planner, Protocol};
use crate::catalog::{
    Catalog, CatalogParts, Column, Function, FunctionKind, Relation, RelationKind, SearchPath,
    SqlType, TypeKind, Volatility,
};
use crate::error::Refusal;
use crate::ids::{CatalogVersion, ColumnNumber, FunctionId, Login, RelationId, RoleName, TypeId};
use crate::policy::{Context, Hole, PersonFacts, PolicySet, Subject, activate};

const POLICY: &str = r#"
tables:
  crm.account:
    owner: owner_id
    tags: { phone: pii.phone }
  crm.contact:
    owner: owner_id
  crm.plain: {}
  crm.note: {}
masks:
  pii.phone: { kind: partial, first: 3, last: 4 }
roles:
  rep:
    grants:
      - tables: [crm.account]
        read: { scope: self }
        create: { scope: self }
        update: { scope: self }
        delete: { scope: self }
        export: { scope: self }
        deny_columns: [secret]
      - tables: [crm.contact]
        read: { scope: self }
        update: { scope: self }
      - tables: [crm.plain]
        read: true
      - tables: [crm.note]
        read: { scope: all, where: "id in (select account_id from crm.contact where owner_id = :user.id)" }
"#;

fn column(number: i16, name: &str, type_id: u32) -> Column {
    Column {
        number: ColumnNumber(number),
        name: name.into(),
        type_id: TypeId(type_id),
        typmod: -1,
        not_null: false,
        has_default: false,
        generated: false,
    }
}

fn relation(id: u32, schema: &str, name: &str, columns: Vec<Column>) -> Relation {
    Relation {
        id: RelationId(id),
        schema: schema.into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns,
        primary_key: vec![ColumnNumber(1)],
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: TypeId(id + 1),
    }
}

fn catalog() -> Catalog {
    let types = [
        (16, "bool", 'B'),
        (20, "int8", 'N'),
        (23, "int4", 'N'),
        (25, "text", 'S'),
        (701, "float8", 'N'),
        (1043, "varchar", 'S'),
        (1082, "date", 'D'),
        (1184, "timestamptz", 'D'),
        (1700, "numeric", 'N'),
        (1007, "_int4", 'A'),
        (16_500, "phone", 'U'),
    ]
    .map(|(id, name, category)| SqlType {
        id: TypeId(id),
        schema: "pg_catalog".into(),
        name: name.into(),
        kind: TypeKind::Base,
        category,
        element: None,
        array: None,
        base: None,
    })
    .to_vec();
    let functions = [
        ("count", FunctionKind::Aggregate),
        ("sum", FunctionKind::Aggregate),
        ("max", FunctionKind::Aggregate),
        ("lower", FunctionKind::Function),
        ("now", FunctionKind::Function),
        ("query_to_xml", FunctionKind::Function),
        ("pg_sleep", FunctionKind::Function),
        ("generate_series", FunctionKind::Function),
        ("date_part", FunctionKind::Function),
        ("length", FunctionKind::Function),
        ("current_setting", FunctionKind::Function),
        ("pg_get_functiondef", FunctionKind::Function),
        ("pg_get_viewdef", FunctionKind::Function),
        ("pg_get_ruledef", FunctionKind::Function),
    ]
    .iter()
    .enumerate()
    .map(|(index, (name, kind))| Function {
        id: FunctionId(2000 + index as u32),
        schema: "pg_catalog".into(),
        name: (*name).into(),
        arguments: vec![TypeId(25)],
        result: TypeId(25),
        kind: *kind,
        security_definer: false,
        volatility: Volatility::Immutable,
        returns_set: false,
    })
    .collect();
    let account = relation(
        20000,
        "crm",
        "account",
        vec![
            column(1, "id", 23),
            column(2, "name", 25),
            column(3, "phone", 25),
            column(4, "owner_id", 23),
            column(5, "secret", 23),
            column(6, "amount", 1700),
        ],
    );
    let contact = relation(
        20010,
        "crm",
        "contact",
        vec![
            column(1, "id", 23),
            column(2, "account_id", 23),
            column(3, "owner_id", 23),
            column(4, "name", 25),
        ],
    );
    let plain = relation(20020, "crm", "plain", vec![column(1, "id", 23), column(2, "label", 25)]);
    let hidden = relation(20030, "crm", "hidden", vec![column(1, "id", 23)]);
    let mut view =
        relation(20040, "crm", "account_names", vec![column(1, "id", 23), column(2, "label", 25)]);
    view.kind = RelationKind::View;
    view.primary_key = Vec::new();
    view.view_definition =
        Some(" SELECT account.id,\n    account.name AS label\n   FROM crm.account;".into());
    let note = relation(
        20060,
        "crm",
        "note",
        vec![column(1, "id", 23), column(2, "tags", 1007), column(3, "day", 1082)],
    );
    let mut ratios = relation(
        20050,
        "crm",
        "account_ratios",
        vec![column(1, "id", 23), column(2, "ratio", 1700)],
    );
    ratios.kind = RelationKind::View;
    ratios.primary_key = Vec::new();
    ratios.view_definition =
        Some(" SELECT account.id,\n    1 / account.amount AS ratio\n   FROM crm.account;".into());
    Catalog::new(
        CatalogVersion(1),
        150_000,
        "rowgate",
        CatalogParts {
            schemas: vec!["crm".into(), "pg_catalog".into()],
            relations: vec![account, contact, plain, hidden, view, ratios, note],
            types,
            functions,
            operators: Vec::new(),
        },
    )
}

struct World {
    catalog: Catalog,
    policy: PolicySet,
    subject: Subject,
    planner: Planner,
}

impl Fill for World {
    fn value(&self, hole: Hole) -> Option<String> {
        self.subject.identity.text(hole)
    }
    fn statement_name(&self, client: &str) -> String {
        format!("rg_{client}")
    }
}

fn world() -> World {
    let catalog = catalog();
    let (policy, _) = PolicySet::load(&[("crm.yaml".to_owned(), POLICY.to_owned())], &catalog, "k")
        .unwrap_or_else(|findings| panic!("{findings:#?}"));
    let facts = PersonFacts {
        id: Some("7".to_owned()),
        roles: vec![RoleName::from("rep")],
        ..PersonFacts::new(Login::from("alice"))
    };
    let context = Context {
        now: "2026-11-22T10:00:00[UTC]".parse().expect("a time"),
        client_ip: Some(IpAddr::from([127, 0, 0, 1])),
        tls: false,
        mfa: false,
        application_name: None,
    };
    let subject = activate(&policy, &facts, &context);
    World { catalog, policy, subject, planner: Planner::new(1 << 20, "marker".to_owned()) }
}

fn plan(world: &World, protocol: Protocol<'_>, sql: &str) -> Result<String, Refusal> {
    let path = SearchPath::new(["pg_catalog", "crm"]);
    let context = PlanContext {
        catalog: &world.catalog,
        policy: &world.policy,
        roles: &world.subject.roles,
        unrestricted: false,
        shape: world.subject.identity.shape(),
        search_path: &path,
        protocol,
    };
    world.planner.rewrite(context, sql, world).map(|rewrite| rewrite.text().to_owned())
}

/// The rewritten text with runs of white space as one space.
fn rewritten(sql: &str) -> String {
    let world = world();
    let text = plan(&world, Protocol::Simple, sql)
        .unwrap_or_else(|refusal| panic!("{sql}\nrefused: {refusal} ({})", refusal.reason));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn refused(sql: &str) -> Refusal {
    match plan(&world(), Protocol::Simple, sql) {
        Err(refusal) => refusal,
        Ok(text) => panic!("{sql}\nran as: {text}"),
    }
}

const ACCOUNT: &str = "( SELECT \"rowgate_row\"";

#[test]
fn a_select_sees_only_rows_in_scope_and_masks() {
    insta::assert_snapshot!(rewritten("SELECT * FROM account"));
    insta::assert_snapshot!(rewritten("SELECT a.name FROM crm.account a WHERE a.id = 5"));
}

#[test]
fn only_is_not_an_alias_that_escapes() {
    insta::assert_snapshot!(rewritten("SELECT * FROM ONLY account"));
    insta::assert_snapshot!(rewritten("SELECT * FROM ONLY (account) AS x, account * y"));
}

#[test]
fn names_in_every_position_are_found() {
    for sql in [
        "TABLE account",
        "SELECT (SELECT count(*) FROM account)",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM account)",
        "SELECT 1 ORDER BY (SELECT count(*) FROM account)",
        "SELECT count(*) FILTER (WHERE (SELECT true FROM account LIMIT 1)) FROM plain",
        "SELECT sum(id ORDER BY (SELECT max(id) FROM account)) FROM plain",
        "WITH a AS (SELECT * FROM account) SELECT * FROM a",
        "WITH account AS (SELECT * FROM account) SELECT * FROM account",
        "SELECT 1 UNION SELECT id FROM account",
        "SELECT * FROM plain p JOIN LATERAL (SELECT * FROM account a WHERE a.id = p.id) x ON true",
        "SELECT * FROM account TABLESAMPLE bernoulli (10) REPEATABLE (1)",
        "VALUES ((SELECT max(id) FROM account))",
        "SELECT CASE WHEN EXISTS (TABLE account) THEN 1 END",
        "SELECT * FROM (account CROSS JOIN plain)",
        "SELECT 1 LIMIT (SELECT count(*) FROM account)",
        "SELECT sum(id) OVER (PARTITION BY (SELECT max(id) FROM account)) FROM plain",
        "EXPLAIN SELECT * FROM account",
        "DECLARE c CURSOR FOR SELECT * FROM account",
        "COPY account TO STDOUT",
        "COPY (SELECT * FROM account) TO STDOUT",
        "PREPARE p AS SELECT * FROM account",
        "SELECT ARRAY(SELECT id FROM account)",
        "SELECT ROW((SELECT max(id) FROM account))",
        "SELECT id FROM plain GROUP BY id HAVING id > (SELECT max(id) FROM account)",
        "SELECT * FROM generate_series(1, (SELECT max(id) FROM account))",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("CAST( '7' AS \"pg_catalog\".\"int4\")"), "{sql}\n{text}");
        assert_eq!(text.matches("\"crm\".\"account\"").count(), 1, "{sql}\n{text}");
    }
}

#[test]
fn a_cte_is_not_visible_in_its_own_body() {
    let text = rewritten("WITH account AS (SELECT * FROM account) SELECT * FROM account");
    assert!(text.contains(ACCOUNT), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_backslash_does_not_hide_the_filter() {
    let text = rewritten(r"SELECT id FROM account WHERE name = 'x\' OR id = 6");
    assert!(text.contains(r"'x\' OR id = 6"), "{text}");
}

#[test]
fn two_minus_signs_do_not_become_a_comment() {
    let text = rewritten("SELECT id FROM account WHERE id > - -1");
    assert!(text.contains("id > - -1"), "{text}");
}

#[test]
fn an_unsafe_condition_is_fenced_and_safe_ones_go_inside() {
    insta::assert_snapshot!(rewritten(
        "SELECT id FROM account a WHERE 1 / (a.amount - 42) > 0 AND a.id = 5"
    ));
}

#[test]
fn safe_conditions_are_not_fenced() {
    for sql in [
        "SELECT id FROM account WHERE id = 5 AND name LIKE '%x%' AND amount > 10.5",
        "SELECT id FROM account WHERE id IN (1, 2, 3) OR lower(name) = 'x'",
        "SELECT amount / 3 FROM account WHERE id BETWEEN 1 AND 9 ORDER BY amount * 2",
        "SELECT sum(amount) / count(*) FROM account HAVING sum(amount) / count(*) > 5",
        "SELECT a.id FROM account a JOIN contact c ON c.account_id = a.id WHERE c.name ILIKE 'a%'",
        "SELECT id FROM account WHERE id IN (SELECT account_id FROM contact)",
    ] {
        let text = rewritten(sql);
        assert!(!text.contains("OFFSET 0"), "{sql}\n{text}");
    }
}

#[test]
fn conditions_that_can_fail_are_fenced_wherever_they_hide() {
    for sql in [
        "SELECT id FROM account WHERE name::int = 0",
        "SELECT id FROM account WHERE amount / 0 > 1",
        "SELECT id FROM (SELECT id, 1 / (id - 5) AS x FROM account) s WHERE x > 0",
        "WITH s AS (SELECT id, name::int AS x FROM account) SELECT * FROM s WHERE x > 0",
        "SELECT a.id FROM account a JOIN plain p ON 1 / (a.id - p.id) > 0",
        "SELECT id FROM account a WHERE EXISTS (SELECT 1 FROM plain p WHERE 1 / (a.id - 5) > 0)",
        "SELECT id FROM account a WHERE (SELECT label FROM plain p WHERE p.id = a.id) = 'x'",
        "SELECT id FROM account WHERE CASE WHEN id = 5 THEN 1 / (amount - amount) END > 0",
        "SELECT id FROM account WHERE name LIKE 'x\\'",
        "SELECT id FROM account GROUP BY id HAVING 1 / (id - 5) > 0",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("OFFSET 0"), "{sql}\n{text}");
    }
}

#[test]
fn grouping_by_the_key_still_covers_the_other_columns() {
    insta::assert_snapshot!(rewritten(
        "SELECT a.id, a.name, count(c.id) FROM account a LEFT JOIN contact c ON \
         (c.account_id = a.id) GROUP BY a.id HAVING count(c.id) > 1 ORDER BY a.name"
    ));
}

#[test]
fn a_schema_qualified_column_reaches_the_derived_table() {
    let text = rewritten("SELECT crm.account.id, crm.account.* FROM crm.account");
    assert!(!text.contains("crm.account."), "{text}");
}

#[test]
fn update_and_delete_touch_only_rows_in_scope() {
    insta::assert_snapshot!(rewritten("UPDATE account SET name = 'x' WHERE id = 5 OR id = 6"));
    insta::assert_snapshot!(rewritten("DELETE FROM account a -- all of them"));
}

#[test]
fn a_failing_condition_of_update_sees_only_rows_in_scope() {
    insta::assert_snapshot!(rewritten("UPDATE contact SET name = 'x' WHERE name::int = 1"));
}

#[test]
fn masked_columns_stay_masked_in_set_where_and_returning() {
    insta::assert_snapshot!(rewritten(
        "UPDATE account SET name = phone WHERE phone = '13812345678' RETURNING phone, *"
    ));
}

#[test]
fn inserted_rows_are_checked_as_stored() {
    insta::assert_snapshot!(rewritten(
        "INSERT INTO account (id, name, owner_id) VALUES (1, 'x', 8)"
    ));
    insta::assert_snapshot!(rewritten(
        "INSERT INTO account (id, owner_id) SELECT id, owner_id FROM contact RETURNING id"
    ));
}

#[test]
fn views_are_expanded_and_filtered_inside() {
    insta::assert_snapshot!(rewritten("SELECT v.label FROM account_names v"));
}

#[test]
fn what_is_not_granted_is_refused() {
    for (sql, state) in [
        ("SELECT * FROM hidden", "42501"),
        ("SELECT 1 FROM plain WHERE EXISTS (SELECT 1 FROM hidden)", "42501"),
        ("SELECT * FROM missing", "42P01"),
        ("SELECT query_to_xml('select * from crm.hidden', true, true, '')", "42501"),
        ("SELECT * FROM query_to_xml('select 1', true, true, '')", "42501"),
        ("SELECT pg_sleep(100)", "42501"),
        ("SELECT p.pg_sleep FROM plain p", "42501"),
        ("SELECT (p).query_to_xml FROM plain p", "42501"),
        ("UPDATE plain SET label = 'x'", "42501"),
        ("INSERT INTO plain VALUES (1, 'x')", "42501"),
        ("DELETE FROM plain", "42501"),
        ("SELECT * FROM plain FOR UPDATE", "42501"),
        ("COPY plain TO STDOUT", "42501"),
        ("COPY (SELECT * FROM plain) TO STDOUT", "42501"),
        ("COPY account TO '/tmp/x'", "42501"),
        ("COPY account TO PROGRAM 'cat'", "42501"),
        ("COPY account FROM STDIN", "0A000"),
        ("UPDATE account SET owner_id = 8 WHERE id = 1", "42501"),
        ("INSERT INTO account VALUES (1, 'x', 'y', 7, 1, 2)", "42501"),
        ("UPDATE account SET secret = 1", "42501"),
        ("SELECT * INTO t FROM account", "0A000"),
        ("CREATE TABLE t AS SELECT * FROM account", "42501"),
        ("CREATE VIEW v AS SELECT * FROM account", "42501"),
        ("DO $$ BEGIN PERFORM 1; END $$", "42501"),
        ("CALL f()", "42501"),
        ("LISTEN x", "42501"),
        ("NOTIFY x", "42501"),
        ("LOCK account", "42501"),
        ("TRUNCATE account", "42501"),
        ("DROP TABLE account", "42501"),
        ("VACUUM account", "42501"),
        ("SET ROLE postgres", "42501"),
        ("SET SESSION AUTHORIZATION postgres", "42501"),
        ("SET row_security = off", "42501"),
        ("SET standard_conforming_strings = off", "42501"),
        ("SET client_encoding = 'LATIN1'", "42501"),
        ("SET session_replication_role = replica", "42501"),
        ("SET plan_cache_mode = force_generic_plan", "42501"),
        ("SELECT set_config('row_security', 'off', false)", "42883"),
        ("PREPARE TRANSACTION 'x'", "42501"),
        ("EXPLAIN ANALYZE SELECT * FROM account", "42501"),
        ("EXPLAIN (ANALYZE) SELECT * FROM account", "42501"),
        ("SHOW data_directory", "42501"),
        ("WITH x AS (DELETE FROM account RETURNING *) SELECT * FROM x", "0A000"),
        ("MERGE INTO account USING plain ON true WHEN MATCHED THEN DELETE", "0A000"),
        ("INSERT INTO account (id) VALUES (1) ON CONFLICT DO NOTHING", "0A000"),
        ("SELEC 1", "42601"),
        ("SELECT 1; SELECT * FROM hidden", "42501"),
        ("SELECT nextval('crm.s')", "42883"),
        ("SELECT * FROM account AS \"\u{2}row\"", "0A000"),
        ("SELECT * FROM account AS U&\"\\0002row\"", "0A000"),
    ] {
        let refusal = refused(sql);
        assert_eq!(refusal.sqlstate.0, state, "{sql}: {refusal} ({})", refusal.reason);
    }
}

#[test]
fn identity_values_are_bind_parameters_behind_the_clients_own() {
    let world = world();
    let text = plan(
        &world,
        Protocol::Extended { declared: &[TypeId(23), TypeId(25)] },
        "SELECT id FROM account WHERE id = $1",
    )
    .expect("planned");
    assert!(text.contains("CAST( $3  AS \"pg_catalog\".\"int4\")"), "{text}");
}

#[test]
fn statements_that_differ_in_literals_share_a_plan_and_keep_their_own_values() {
    let world = world();
    for number in 1..=20 {
        let sql = format!("SELECT id FROM account WHERE id = {number} AND name = 'n{number}'");
        let text = plan(&world, Protocol::Simple, &sql).expect("planned");
        assert!(text.contains(&format!("id = {number} AND name = 'n{number}'")), "{text}");
    }
    let counts = world.planner.counts();
    assert_eq!((counts.misses, counts.hits), (1, 19), "{counts:?}");
}

#[test]
fn literals_that_change_a_decision_are_not_shared() {
    let world = world();
    let fenced = |pattern: &str| {
        let sql = format!("SELECT id FROM account WHERE name LIKE '{pattern}'");
        plan(&world, Protocol::Simple, &sql).expect("planned").contains("OFFSET 0")
    };
    assert!(!fenced("x%"));
    assert!(fenced("x\\"));
    assert!(!fenced("y%"));
}

#[test]
fn literals_inside_a_fence_follow_the_clients_text() {
    let world = world();
    let mut seen = HashMap::new();
    for number in [5, 77] {
        let sql = format!("SELECT id FROM account WHERE 1 / amount > 0 AND id = {number}");
        let text = plan(&world, Protocol::Simple, &sql).expect("planned");
        assert_eq!(text.matches(&number.to_string()).count(), 2, "{text}");
        seen.insert(number, text);
    }
    assert_eq!(world.planner.counts().hits, 1);
}

#[test]
fn deep_and_hostile_texts_are_refused_without_harm() {
    for sql in [
        format!("SELECT {}", "(".repeat(5_000)),
        format!("SELECT 1{}", " + 1".repeat(100_000)),
        format!("SELECT {} 1", "/*".repeat(40_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000)),
        format!("SELECT 1{}", "::text".repeat(50_000)),
        format!("SELECT {} true", "NOT ".repeat(50_000)),
        "SELECT '\u{1}'::text FROM \"\u{1}0s\u{1}\"".to_owned(),
    ] {
        let refusal = refused(&sql);
        assert_ne!(refusal.sqlstate.0, "XX000", "{refusal}");
    }
}

#[test]
fn what_the_session_itself_may_do_passes() {
    for sql in [
        "BEGIN",
        "COMMIT",
        "ROLLBACK TO a",
        "SAVEPOINT a",
        "SET search_path = crm",
        "SET TIME ZONE 'UTC'",
        "SET client_encoding = 'UTF8'",
        "SET standard_conforming_strings = on",
        "SET extra_float_digits = 3",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "RESET ALL",
        "DISCARD ALL",
        "SHOW server_version",
        "SHOW transaction_isolation",
        "FETCH 10 FROM c",
        "CLOSE c",
        "",
        ";",
        "/* nothing */",
    ] {
        assert_eq!(plan(&world(), Protocol::Simple, sql).expect(sql), sql);
    }
}
