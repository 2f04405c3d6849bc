//! What client SQL becomes, and what is refused, without a database.

mod bypass;
mod coerce;
mod copy;
mod in_place;
mod lift;
mod memory;
mod select;
mod through;
mod traps;
mod writes;

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Fill, PlanContext, Planner, Protocol};
use crate::catalog::{
    Catalog, CatalogParts, Column, Function, FunctionKind, Relation, RelationKind, SearchPath,
    SqlType, TypeKind, UserCast, UserOperator, Volatility,
};
use crate::error::Refusal;
use crate::ids::{CatalogVersion, ColumnNumber, FunctionId, Login, RelationId, RoleName, TypeId};
use crate::policy::{Context, Hole, PersonFacts, PolicySet, Subject, activate};
use crate::rewrite::Rewrite;

const POLICY: &str = r#"
tables:
  crm.account:
    owner: owner_id
    tags: { phone: pii.phone }
  crm.lead:
    owner: owner_id
  crm.contact:
    owner: owner_id
  crm.plain: {}
  crm.device: {}
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
      - tables: [crm.lead]
        read:
          scope: self
          masks:
            phone: { kind: partial, first: 3, last: 4, match: exact }
            name: { kind: "null", match: refuse }
      - tables: [crm.plain]
        read: true
      - tables: [crm.device]
        read: { scope: all, where: "id > 7" }
        create: true
        update: true
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
        computed: false,
        collation: crate::ids::CollationId(0),
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
    catalog_with(Vec::new())
}

/// The catalogue of these tests with more functions in it.
fn catalog_with(more: Vec<Function>) -> Catalog {
    catalog_of(more, Vec::new(), Vec::new())
}

fn catalog_and(more: Vec<Function>, operators: Vec<UserOperator>) -> Catalog {
    catalog_of(more, operators, Vec::new())
}

fn catalog_of(more: Vec<Function>, operators: Vec<UserOperator>, casts: Vec<UserCast>) -> Catalog {
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
    });
    let row_type = SqlType {
        id: TypeId(20_111),
        schema: "crm".into(),
        name: "device".into(),
        kind: TypeKind::Composite,
        category: 'C',
        element: None,
        array: None,
        base: None,
    };
    let types = types.into_iter().chain([row_type]).collect();
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
        ("set_config", FunctionKind::Function),
        ("pg_get_functiondef", FunctionKind::Function),
        ("pg_get_viewdef", FunctionKind::Function),
        ("pg_get_ruledef", FunctionKind::Function),
    ]
    .iter()
    .enumerate()
    .map(|(index, (name, kind))| Function {
        id: FunctionId(2000 + u32::try_from(index).expect("few")),
        schema: "pg_catalog".into(),
        name: (*name).into(),
        arguments: vec![if *name == "count" { TypeId(2276) } else { TypeId(25) }],
        result: TypeId(25),
        kind: *kind,
        security_definer: false,
        volatility: Volatility::Immutable,
        returns_set: false,
    })
    .collect::<Vec<Function>>();
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
    let lead = relation(
        20070,
        "crm",
        "lead",
        vec![
            column(1, "id", 23),
            column(2, "phone", 25),
            column(3, "name", 25),
            column(4, "owner_id", 23),
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
    let mut totals = relation(20090, "crm", "totals", vec![column(1, "total", 1700)]);
    totals.kind = RelationKind::View;
    totals.primary_key = Vec::new();
    totals.view_definition =
        Some(" SELECT sum(account.amount) AS total\n   FROM crm.account;".into());
    let mut secrets = relation(
        20080,
        "crm",
        "account_secrets",
        vec![column(1, "id", 23), column(2, "secret", 23)],
    );
    secrets.kind = RelationKind::View;
    secrets.primary_key = Vec::new();
    secrets.view_definition =
        Some(" SELECT account.id,\n    account.secret\n   FROM crm.account;".into());
    let device = relation(
        20110,
        "crm",
        "device",
        vec![column(1, "id", 23), column(2, "number", 16_500), column(3, "label", 25)],
    );
    let open = open_accounts();
    Catalog::new(
        CatalogVersion(1),
        150_000,
        "rowgate",
        CatalogParts {
            settings: Vec::new(),
            casts,
            schemas: vec!["crm".into(), "pg_catalog".into()],
            relations: vec![
                account, contact, lead, plain, hidden, view, ratios, note, secrets, totals, open,
                device,
            ],
            types,
            functions: functions.into_iter().chain(more).collect(),
            operators,
        },
    )
}

/// A view that is written through.
fn open_accounts() -> Relation {
    let columns = ["id", "title", "phone", "owner_id"].iter().zip(1..);
    let types = |name: &str| if name == "id" || name == "owner_id" { 23 } else { 25 };
    let columns = columns.map(|(name, number)| column(number, name, types(name))).collect();
    let mut open = relation(20095, "crm", "open_accounts", columns);
    open.kind = RelationKind::View;
    open.primary_key = Vec::new();
    open.view_definition = Some(
        " SELECT account.id,\n    account.name AS title,\n    account.phone,\n    \
         account.owner_id\n   FROM crm.account\n  WHERE account.id > 3;"
            .into(),
    );
    open
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
    world_with(catalog())
}

fn world_with(catalog: Catalog) -> World {
    world_as(catalog, "")
}

/// With more grants for the role of these tests.
fn world_as(catalog: Catalog, grants: &str) -> World {
    let (policy, _) =
        PolicySet::load(&[("crm.yaml".to_owned(), format!("{POLICY}{grants}"))], &catalog, "k")
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
    plan_as(world, false, protocol, sql).map(|rewrite| rewrite.text().to_owned())
}

fn plan_as(
    world: &World,
    unrestricted: bool,
    protocol: Protocol<'_>,
    sql: &str,
) -> Result<Rewrite, Refusal> {
    plan_by(&world.planner, world, unrestricted, protocol, sql)
}

fn plan_by(
    planner: &Planner,
    world: &World,
    unrestricted: bool,
    protocol: Protocol<'_>,
    sql: &str,
) -> Result<Rewrite, Refusal> {
    let path = SearchPath::new(["pg_catalog", "crm"]);
    let context = PlanContext {
        catalog: &world.catalog,
        policy: &world.policy,
        roles: &world.subject.roles,
        unrestricted,
        shape: world.subject.identity.shape(),
        search_path: &path,
        protocol,
    };
    planner.rewrite(context, sql, world)
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
        "SELECT a.id, a.name, count(c.id) FROM contact c LEFT JOIN account a ON \
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
fn a_denied_column_in_the_condition_of_a_write_does_not_mean_the_targets_own() {
    for sql in [
        "UPDATE account SET name = 'x' WHERE secret = 42",
        "UPDATE account a SET name = 'x' WHERE a.secret = 42",
        "UPDATE account SET name = 'x' WHERE EXISTS (SELECT 1 FROM plain WHERE plain.id = secret)",
        "UPDATE account SET name = 'x' WHERE 1 / (secret - 42) > 0",
        "DELETE FROM account WHERE secret = 42",
        "DELETE FROM account WHERE id IN (SELECT secret FROM plain)",
    ] {
        assert_eq!(refused(sql).sqlstate.0, "42703", "{sql}");
    }
}

#[test]
fn a_system_column_in_a_failing_condition_of_a_write_is_that_of_a_row_in_scope() {
    let text = rewritten("UPDATE contact SET name = 'x' WHERE 1 / (xmin::text::bigint - 5) > 0");
    assert!(text.contains("\"rowgate_row\".\"xmin\""), "{text}");
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
fn a_view_that_shows_a_denied_column_works_without_its_values() {
    let text = rewritten("SELECT * FROM account_secrets");
    assert!(
        text.contains("CASE WHEN false THEN \"rowgate_row\".\"secret\" END AS \"secret\""),
        "{text}"
    );
    assert_eq!(text.matches("\"rowgate_row\".\"secret\"").count(), 1, "{text}");
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
        ("COPY account FROM '/tmp/x'", "42501"),
        ("COPY account FROM PROGRAM 'cat'", "42501"),
        ("COPY account (id, name) FROM STDIN (FREEZE)", "0A000"),
        ("COPY account (id, secret) FROM STDIN", "42501"),
        ("COPY account (id, missing) FROM STDIN", "42703"),
        ("COPY account (id, name) FROM STDIN WHERE secret > 0", "42703"),
        ("COPY account (id, name) FROM STDIN WHERE account IS NOT NULL", "0A000"),
        ("COPY account (id, name) FROM STDIN WHERE id IN (SELECT id FROM plain)", "0A000"),
        ("COPY plain FROM STDIN", "42501"),
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
        ("SELECT set_config('row_security', 'off', false)", "42501"),
        ("PREPARE TRANSACTION 'x'", "42501"),
        ("EXPLAIN ANALYZE SELECT * FROM account", "42501"),
        ("EXPLAIN (ANALYZE) SELECT * FROM account", "42501"),
        ("SHOW data_directory", "42501"),
        ("WITH x AS (DELETE FROM plain RETURNING *) SELECT * FROM x", "42501"),
        ("WITH x AS (DELETE FROM account) SELECT * FROM x", "0A000"),
        ("MERGE INTO plain USING account a ON true WHEN MATCHED THEN DELETE", "42501"),
        ("MERGE INTO contact USING plain ON true WHEN MATCHED THEN DELETE", "42501"),
        ("INSERT INTO contact (id) VALUES (1) ON CONFLICT DO NOTHING", "42501"),
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
fn an_unrestricted_plan_never_serves_a_restricted_person_of_the_same_roles() {
    let world = world();
    let sql = |id: u32| format!("SELECT phone FROM account WHERE id = {id}");
    for id in [1, 2] {
        let rewrite = plan_as(&world, true, Protocol::Simple, &sql(id)).expect("forwarded");
        assert_eq!(rewrite.text(), sql(id));
        assert_eq!(&*rewrite.plan().statements[0].touched[0].name, "crm.account");
    }
    assert_eq!(world.planner.counts().hits, 1);
    let text = plan(&world, Protocol::Simple, &sql(3)).expect("planned");
    assert!(text.contains(ACCOUNT), "{text}");
    let rewrite = plan_as(&world, true, Protocol::Simple, &sql(4)).expect("forwarded");
    assert_eq!(rewrite.text(), sql(4));
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
        "",
        ";",
        "/* nothing */",
    ] {
        assert_eq!(plan(&world(), Protocol::Simple, sql).expect(sql), sql);
    }
}

#[test]
fn an_exact_match_compares_the_clear_value_and_shows_the_masked_one() {
    for sql in [
        "SELECT id, phone FROM lead WHERE phone = '13812345678' AND id > 3",
        "SELECT id, phone FROM lead WHERE '13812345678' = lead.phone",
        "SELECT id, phone FROM lead l WHERE l.phone IN ('13812345678', 'x')",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("TRUE"), "{text}");
        let inside = text.find("13812345678").expect("the literal");
        assert!(inside < text.find(" ) ").expect("the end of the derived table"), "{text}");
    }
    for sql in [
        "SELECT id FROM lead WHERE phone > '138'",
        "SELECT id FROM lead WHERE phone = '1' OR id = 1",
        "SELECT id FROM lead WHERE NOT phone = '1'",
        "SELECT p.id FROM plain p LEFT JOIN lead l ON l.id = p.id WHERE l.phone = '1'",
    ] {
        assert!(!rewritten(sql).contains("TRUE"), "{sql}");
    }
}

#[test]
fn a_mask_that_refuses_conditions_refuses_them_wherever_they_stand() {
    for sql in [
        "SELECT id FROM lead WHERE name = 'x'",
        "SELECT l.id FROM lead l JOIN plain p ON p.label = l.name",
        "SELECT id FROM plain p WHERE EXISTS (SELECT 1 FROM lead l WHERE l.name = p.label)",
        "SELECT count(*) FROM lead GROUP BY name HAVING name > 'x'",
    ] {
        assert_eq!(refused(sql).sqlstate.0, "42501", "{sql}");
    }
    rewritten("SELECT name FROM lead");
}

#[test]
fn a_condition_inside_set_or_returning_reads_the_mask() {
    for sql in [
        "UPDATE account SET name = (SELECT 'x' FROM plain p WHERE account.phone = p.label)",
        "UPDATE account SET name = 'x' RETURNING (SELECT 1 FROM plain p WHERE phone = p.label)",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("repeat"), "{text}");
        assert!(!text.contains("account.phone = p"), "{text}");
    }
}

#[test]
fn somebodys_own_set_config_is_not_taken_for_the_built_in_one() {
    let sql = "SELECT set_config('jit', 'off', false)";
    let mut world = world();
    plan(&world, Protocol::Simple, sql).expect("what drivers send");
    world.catalog = catalog_with(vec![Function {
        id: FunctionId(30_000),
        schema: "crm".into(),
        name: "set_config".into(),
        arguments: vec![TypeId(25)],
        result: TypeId(25),
        kind: FunctionKind::Function,
        security_definer: true,
        volatility: Volatility::Volatile,
        returns_set: false,
    }]);
    world.planner = Planner::new(1 << 20, "marker".to_owned());
    let refusal = plan(&world, Protocol::Simple, sql).expect_err("a function nobody granted");
    assert_eq!(refusal.sqlstate.0, "42501");
}

#[test]
fn a_name_that_is_more_than_an_aggregate_is_none_inside_a_view() {
    let of_rows = "SELECT 1 FROM totals WHERE total > 0";
    let mut world = world();
    assert!(!plan(&world, Protocol::Simple, of_rows).expect("planned").contains("OFFSET 0"));
    world.catalog = catalog_with(vec![Function {
        id: FunctionId(30_000),
        schema: "crm".into(),
        name: "sum".into(),
        arguments: vec![TypeId(1700)],
        result: TypeId(1700),
        kind: FunctionKind::Function,
        security_definer: false,
        volatility: Volatility::Immutable,
        returns_set: false,
    }]);
    world.planner = Planner::new(1 << 20, "marker".to_owned());
    assert!(plan(&world, Protocol::Simple, of_rows).expect("planned").contains("OFFSET 0"));
}

#[test]
fn cursors_and_portals_are_named_in_fetch_and_close_and_nothing_of_the_gateway_is() {
    assert_eq!(rewritten("FETCH FORWARD 10 FROM c"), "FETCH FORWARD 10 FROM \"c\"");
    assert_eq!(rewritten("MOVE ALL IN \"C\";"), "MOVE ALL IN \"C\" ;");
    assert_eq!(rewritten("CLOSE c"), "CLOSE \"c\"");
    assert_eq!(rewritten("CLOSE ALL"), "CLOSE ALL");
    for sql in
        ["FETCH ALL FROM rowgate_1", "CLOSE rowgate_1", "DECLARE rowgate_1 CURSOR FOR SELECT 1"]
    {
        assert_eq!(refused(sql).sqlstate.0, "0A000", "{sql}");
    }
}

#[test]
fn the_gateways_own_settings_are_recognised_although_user_is_a_reserved_word() {
    use crate::rewrite::{Action, Local};
    let world = world();
    let path = SearchPath::new(["pg_catalog", "crm"]);
    let action = |sql: &str| {
        let context = PlanContext {
            catalog: &world.catalog,
            policy: &world.policy,
            roles: &world.subject.roles,
            unrestricted: false,
            shape: world.subject.identity.shape(),
            search_path: &path,
            protocol: Protocol::Simple,
        };
        let rewrite = world.planner.rewrite(context, sql, &world).expect(sql);
        rewrite.plan().statements[0].action.clone()
    };
    let act_as = |login: Option<&str>, local| {
        Action::Local(Local::ActAs { login: login.map(Into::into), local })
    };
    assert_eq!(action("SET rowgate.user = 'alice'"), act_as(Some("alice"), false));
    assert_eq!(action("set local rowgate.user to 'o''neil';"), act_as(Some("o'neil"), true));
    assert_eq!(action("SET SESSION rowgate.user TO DEFAULT"), act_as(None, false));
    assert_eq!(action("RESET rowgate.user"), act_as(None, false));
    assert_eq!(action("SHOW rowgate.user"), Action::Local(Local::Show { name: "user".into() }));
    assert_eq!(refused("SET rowgate.roles = 'dba'").sqlstate.0, "42501");
    assert_eq!(refused("SET rowgate.user = 'a', 'b'").sqlstate.0, "42501");
    assert_eq!(refused("SELECT 1; SET rowgate.user = 'bob'").sqlstate.0, "42601");
}
