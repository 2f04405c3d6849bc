//! One helper: a policy, roles and a person → the decision as text. The catalogue is made by hand.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::catalog::{
    Catalog, CatalogParts, Column, Function, FunctionKind, Relation, RelationKind, SqlType,
    TypeKind, Volatility,
};
use crate::ids::{CatalogVersion, ColumnNumber, FunctionId, RelationId, RoleName, TypeId};

const ACCOUNT: RelationId = RelationId(20001);
const CONTACT: RelationId = RelationId(20002);
const SHARE: RelationId = RelationId(20003);
const TEAM: RelationId = RelationId(20004);
const EVENT: RelationId = RelationId(20005);
const EVENT_2026: RelationId = RelationId(20006);

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

fn relation(id: RelationId, name: &str, columns: &[(&str, u32, i32)]) -> Relation {
    Relation {
        id,
        schema: "crm".into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns: columns
            .iter()
            .zip(1..)
            .map(|((name, type_id, typmod), number)| Column {
                number: ColumnNumber(number),
                name: Arc::from(*name),
                type_id: TypeId(*type_id),
                typmod: *typmod,
                not_null: false,
                has_default: false,
                generated: false,
                computed: false,
                collation: crate::ids::CollationId(0),
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

fn function(id: u32, schema: &str, name: &str, arguments: &[u32]) -> Function {
    Function {
        id: FunctionId(id),
        schema: schema.into(),
        name: name.into(),
        arguments: arguments.iter().map(|id| TypeId(*id)).collect(),
        result: TypeId(25),
        kind: FunctionKind::Function,
        security_definer: false,
        volatility: Volatility::Immutable,
        returns_set: false,
    }
}

fn catalog() -> Catalog {
    let mut event_2026 = relation(
        EVENT_2026,
        "event_2026",
        &[("owner_id", 23, -1), ("id", 23, -1), ("place", 25, -1)],
    );
    event_2026.parents = vec![EVENT];
    event_2026.primary_key = vec![ColumnNumber(2)];
    let mut sequence = relation(RelationId(20010), "contract_no_seq", &[]);
    sequence.kind = RelationKind::Sequence;
    let mut class =
        relation(RelationId(1259), "pg_class", &[("oid", 26, -1), ("reltuples", 700, -1)]);
    class.schema = "pg_catalog".into();
    let mut stats = relation(RelationId(1260), "pg_stats", &[("tablename", 19, -1)]);
    stats.schema = "pg_catalog".into();
    let parts = CatalogParts {
        settings: Vec::new(),
        casts: Vec::new(),
        schemas: vec!["pg_catalog".into(), "crm".into()],
        relations: vec![
            relation(
                ACCOUNT,
                "account",
                &[
                    ("id", 23, -1),
                    ("owner_id", 23, -1),
                    ("department_id", 23, -1),
                    ("phone", 1043, 15),
                    ("email", 25, -1),
                    ("credit_limit", 1700, 786_438),
                    ("status", 25, -1),
                    ("region", 25, -1),
                    ("is_vip", 16, -1),
                    ("born", 1082, -1),
                ],
            ),
            relation(
                CONTACT,
                "contact",
                &[("id", 23, -1), ("account_id", 23, -1), ("owner_id", 23, -1), ("phone", 25, -1)],
            ),
            relation(
                SHARE,
                "record_share",
                &[
                    ("record_id", 23, -1),
                    ("object", 25, -1),
                    ("principal", 25, -1),
                    ("level", 25, -1),
                    ("expires_at", 1184, -1),
                ],
            ),
            relation(TEAM, "account_team", &[("account_id", 23, -1), ("user_id", 23, -1)]),
            relation(
                EVENT,
                "event",
                &[("id", 23, -1), ("owner_id", 23, -1), ("other", 25, -1), ("place", 25, -1)],
            ),
            event_2026,
            sequence,
            class,
            stats,
        ],
        types: vec![
            sql_type(16, "bool", 'B'),
            sql_type(19, "name", 'S'),
            sql_type(23, "int4", 'N'),
            sql_type(25, "text", 'S'),
            sql_type(700, "float4", 'N'),
            sql_type(1043, "varchar", 'S'),
            sql_type(1082, "date", 'D'),
            sql_type(1184, "timestamptz", 'D'),
            sql_type(1700, "numeric", 'N'),
        ],
        functions: vec![
            function(1, "pg_catalog", "upper", &[25]),
            function(2, "crm", "fmt_phone", &[25]),
            function(3, "crm", "fmt_phone", &[25, 23]),
        ],
        operators: Vec::new(),
    };
    Catalog::new(CatalogVersion(1), 150_000, "rowgate", parts)
}

const TABLES: &str = "
tables:
  crm.account:
    owner: owner_id
    department: department_id
    team: { table: crm.account_team, record: account_id, user: user_id }
    share: { table: crm.record_share, record: record_id, object: account, principal: principal, level: level, expires: expires_at }
    tags: { phone: pii.phone, email: pii.email }
  crm.contact:
    owner: owner_id
    parent: { table: crm.account, column: account_id }
  crm.event: { owner: owner_id, tags: { place: pii.phone } }
masks:
  pii.phone: { kind: partial, first: 3, last: 4 }
  pii.email: { kind: \"null\" }
";

fn load(policy: &str) -> Result<(PolicySet, Vec<crate::diagnostic::Diagnostic>), Vec<String>> {
    let texts = [
        ("tables.yaml".to_owned(), TABLES.to_owned()),
        ("roles.yaml".to_owned(), policy.to_owned()),
    ];
    PolicySet::load(&texts, &catalog(), "secret")
        .map_err(|findings| findings.iter().map(ToString::to_string).collect())
}

fn faults(policy: &str) -> Vec<String> {
    match load(policy) {
        Ok(_) => Vec::new(),
        Err(findings) => findings,
    }
}

fn alice() -> PersonFacts {
    let mut person = PersonFacts::new("alice".into());
    person.id = Some("4".to_owned());
    person.departments = vec!["21".to_owned()];
    person.departments_below = vec!["21".to_owned(), "22".to_owned()];
    person.subordinates = vec!["4".to_owned(), "5".to_owned()];
    person
}

fn context() -> Context {
    Context {
        now: "2026-11-20T10:00:00+00:00[UTC]".parse().unwrap(),
        client_ip: None,
        tls: true,
        mfa: false,
        application_name: None,
    }
}

fn subject(policy: &PolicySet, roles: &[&str], mut person: PersonFacts) -> Subject {
    person.roles = roles.iter().map(|role| RoleName::from(*role)).collect();
    activate(policy, &person, &context())
}

fn scope_of(policy: &PolicySet, roles: &[&str], relation: RelationId, verb: Verb) -> Arc<Scope> {
    let subject = subject(policy, roles, alice());
    let access = Access { relation, verb };
    match decide(policy, &catalog(), &subject.roles, subject.identity.shape(), &[access]) {
        Decision::Permit(permit) => Arc::clone(permit.scope(access).unwrap()),
        Decision::Deny { reason, .. } => panic!("denied: {reason}"),
    }
}

fn denied(policy: &PolicySet, roles: &[&str], relation: RelationId, verb: Verb) -> bool {
    let subject = subject(policy, roles, alice());
    let access = Access { relation, verb };
    let shape = subject.identity.shape();
    matches!(decide(policy, &catalog(), &subject.roles, shape, &[access]), Decision::Deny { .. })
}

/// The read filter of crm.account for one scope, with names for the identity values.
fn filter(scope: &str) -> String {
    let policy = format!(
        "roles: {{ r: {{ grants: [ {{ tables: [crm.account], read: {{ scope: {scope} }} }} ] }} }}"
    );
    let (policy, _) = load(&policy).map_err(|f| f.join("\n")).unwrap();
    describe(&scope_of(&policy, &["r"], ACCOUNT, Verb::Read).filter, &policy)
}

#[test]
fn every_scope_compiles_to_the_predicate_it_promises() {
    assert_eq!(filter("none"), "false");
    assert_eq!(filter("all"), "");
    assert_eq!(filter("self"), "owner_id = :user.id");
    assert_eq!(filter("subordinates"), "owner_id = ANY(:user.subordinates)");
    assert_eq!(filter("department_and_below"), "department_id = ANY(:user.departments_below)");
    // One department: `=` keeps an index's order.
    assert_eq!(filter("department"), "department_id = :user.departments");
    // Nobody's head: the scope is false, not missing.
    assert_eq!(filter("headed_departments"), "false");
    assert_eq!(
        filter("team"),
        "id = ANY(ARRAY(SELECT \"link\".\"account_id\" FROM \"crm\".\"account_team\" AS \"link\" \
         WHERE \"link\".\"user_id\" = ANY(:user.subordinates)))"
    );
    assert_eq!(
        filter("shared"),
        "id = ANY(ARRAY(SELECT \"link\".\"record_id\" FROM \"crm\".\"record_share\" AS \"link\" \
         WHERE (\"link\".\"object\" = 'account') AND (\"link\".\"principal\" = ANY(:user.principals)) \
         AND (CAST(\"link\".\"level\" AS \"text\") IN ('read', 'write', 'edit', 'full')) \
         AND ((\"link\".\"expires_at\" IS NULL) OR (\"link\".\"expires_at\" > \"now\"()))))"
    );
    assert_eq!(filter("{ where: \"region = 'east'\" }"), "region = 'east'");
}

#[test]
fn two_scopes_widen_and_stand_in_parentheses() {
    assert_eq!(
        filter("[self, department]"),
        "((owner_id = :user.id) OR (department_id = :user.departments))"
    );
}

#[test]
fn a_missing_attribute_makes_the_predicate_false_and_never_removes_it() {
    assert_eq!(filter("{ where: \"region = :user.attributes.region\" }"), "false");
    assert_eq!(filter("{ where: \"not (region = :user.attributes.region)\" }"), "false");
    assert_eq!(filter("{ where: \"region = :user.attributes.region or owner_id = 4\" }"), "false");
    assert_eq!(
        filter("[self, { where: \"region <> :user.attributes.region\" }]"),
        "owner_id = :user.id"
    );
}

#[test]
fn an_identity_value_has_the_type_of_the_column_it_meets() {
    let (policy, _) =
        load("roles: { r: { grants: [ { tables: [crm.account], read: { scope: self } } ] } }")
            .unwrap();
    let scope = scope_of(&policy, &["r"], ACCOUNT, Verb::Read);
    let RowFilter::Where(expr) = &scope.filter else { panic!("{:?}", scope.filter) };
    assert_eq!(
        expr.0.to_string(),
        "\"\u{2}row\".\"owner_id\" = CAST(\u{1}1s\u{1} AS \"pg_catalog\".\"int4\")"
    );
}

#[test]
fn a_child_row_follows_its_parent_and_the_parents_rules() {
    let (policy, _) = load(
        "
roles:
  r:
    grants:
      - { tables: [crm.account], read: { scope: self } }
      - { tables: [crm.contact], read: { scope: parent } }
rules:
  - { name: no-vip, tables: [crm.account], verbs: [read], predicate: \"not is_vip\" }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let scope = scope_of(&policy, &["r"], CONTACT, Verb::Read);
    assert_eq!(
        describe(&scope.filter, &policy),
        "account_id = ANY(ARRAY(SELECT \"parent0\".\"id\" FROM \"crm\".\"account\" AS \"parent0\" \
         WHERE (\"parent0\".\"owner_id\" = :user.id) AND (NOT \"parent0\".\"is_vip\")))"
    );
}

#[test]
fn a_partition_carries_its_parents_grant_and_rules() {
    let (policy, _) = load(
        "
roles: { r: { grants: [ { tables: [crm.event], read: { scope: self } } ] } }
rules: [ { name: first, tables: [crm.event], predicate: \"id > 1\" } ]
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let scope = scope_of(&policy, &["r"], EVENT_2026, Verb::Read);
    assert_eq!(describe(&scope.filter, &policy), "(owner_id = :user.id) AND (id > 1)");
    assert_eq!(scope.assigns, [ColumnNumber(1)].into(), "the child's own column numbers");
}

#[test]
fn what_is_not_granted_is_denied() {
    let (policy, _) =
        load("roles: { r: { grants: [ { tables: [\"crm.acc*\"], read: true } ] }, empty: {} }")
            .map_err(|f| f.join("\n"))
            .unwrap();
    assert!(denied(&policy, &["r"], CONTACT, Verb::Read));
    assert!(denied(&policy, &["r"], ACCOUNT, Verb::Update));
    assert!(denied(&policy, &["empty"], ACCOUNT, Verb::Read));
    assert!(denied(&policy, &["nobody_knows"], ACCOUNT, Verb::Read));
    assert!(denied(&policy, &[], ACCOUNT, Verb::Read));
    assert!(denied(&policy, &["r"], RelationId(1), Verb::Read));
    assert!(!denied(&policy, &["r"], ACCOUNT, Verb::Read));
}

const TWO_ROLES: &str = "
roles:
  rep: { grants: [ { tables: [crm.account], read: { scope: self }, unmask: [pii.phone] } ] }
  viewer: { grants: [ { tables: [crm.account], read: { scope: department } } ] }
";

fn phone_mask(combine: &str, roles: &[&str]) -> Option<String> {
    let (policy, _) = load(&format!("{TWO_ROLES}\ncombine: {{ masks: {combine} }}"))
        .map_err(|f| f.join("\n"))
        .unwrap();
    let scope = scope_of(&policy, roles, ACCOUNT, Verb::Read);
    scope.masks.get(&ColumnNumber(4)).map(|mask| describe_expr(&mask.expression.0, &policy))
}

const PARTIAL: &str = "CAST(CASE WHEN \"char_length\"(CAST(phone AS \"text\")) <= 7 \
     THEN \"repeat\"('*', \"char_length\"(CAST(phone AS \"text\"))) \
     ELSE (\"left\"(CAST(phone AS \"text\"), 3) || \"repeat\"('*', \"char_length\"(CAST(phone AS \"text\")) - 7)) \
     || \"right\"(CAST(phone AS \"text\"), 4) END AS CHARACTER VARYING(11))";

#[test]
fn per_row_masks_are_clear_only_on_the_rows_of_the_role_that_sees_them_clear() {
    assert_eq!(phone_mask("per_row", &["rep"]), None);
    assert_eq!(phone_mask("per_row", &["viewer"]).unwrap(), PARTIAL);
    assert_eq!(
        phone_mask("per_row", &["rep", "viewer"]).unwrap(),
        format!("CASE WHEN (owner_id = :user.id) IS TRUE THEN phone ELSE {PARTIAL} END")
    );
    assert_eq!(phone_mask("least", &["rep", "viewer"]), None);
    assert_eq!(phone_mask("most", &["rep", "viewer"]).unwrap(), PARTIAL);
}

#[test]
fn a_denied_column_stays_denied_whatever_another_role_says() {
    let (policy, _) = load(
        "
roles:
  a: { grants: [ { tables: [crm.account], read: true, deny_columns: [phone] } ] }
  b: { grants: [ { tables: [crm.account], read: true, unmask: [phone] } ] }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let scope = scope_of(&policy, &["a", "b"], ACCOUNT, Verb::Read);
    assert_eq!(scope.denied, [ColumnNumber(4)].into());
    assert!(!scope.masks.contains_key(&ColumnNumber(4)));
}

#[test]
fn columns_of_one_grant_are_not_writable_on_the_rows_of_another() {
    let (policy, _) = load(
        "
roles:
  a: { grants: [ { tables: [crm.account], update: { scope: self, columns: [status, phone] } } ] }
  b: { grants: [ { tables: [crm.account], update: { scope: department, columns: [status] } } ] }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let scope = scope_of(&policy, &["a", "b"], ACCOUNT, Verb::Update);
    assert_eq!(scope.writable, Some([ColumnNumber(7)].into()));
}

#[test]
fn intersect_needs_every_role() {
    let (policy, _) = load(&format!("{TWO_ROLES}\ncombine: {{ rows: intersect }}")).unwrap();
    let scope = scope_of(&policy, &["rep", "viewer"], ACCOUNT, Verb::Read);
    assert_eq!(
        describe(&scope.filter, &policy),
        "(owner_id = :user.id) AND (department_id = :user.departments)"
    );
}

#[test]
fn a_role_out_of_force_brings_in_nothing_it_includes() {
    let (policy, _) = load(
        "
roles:
  base: { grants: [ { tables: [crm.account], read: true } ] }
  night: { includes: [base], when: \"time between '22:00' and '06:00'\" }
  day: { includes: [base] }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    assert!(denied(&policy, &["night"], ACCOUNT, Verb::Read));
    assert!(!denied(&policy, &["day"], ACCOUNT, Verb::Read));
}

#[test]
fn the_catalogue_shows_names_and_no_sizes() {
    let (policy, _) = load("roles: { r: {} }").unwrap();
    let scope = scope_of(&policy, &["r"], RelationId(1259), Verb::Read);
    let mask = scope.masks.get(&ColumnNumber(2)).unwrap();
    assert_eq!(describe_expr(&mask.expression.0, &policy), "CAST((-1) AS \"float4\")");
    assert!(denied(&policy, &["r"], RelationId(1260), Verb::Read));
    assert!(denied(&policy, &["r"], RelationId(1259), Verb::Update));
}

#[test]
fn functions_are_granted_by_signature_and_sequences_by_name() {
    let (policy, _) = load(
        "
roles:
  r:
    grants:
      - { functions: [\"crm.fmt_phone(text)\"], execute: true }
      - { sequences: [crm.contract_no_seq], use: true }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let catalog = catalog();
    let roles = RoleSet(vec![RoleName::from("r")].into());
    let granted: Vec<bool> = catalog
        .functions_named("fmt_phone")
        .iter()
        .map(|function| policy.grants_function(&roles, function, &catalog))
        .collect();
    assert_eq!(granted, [true, false]);
    assert!(policy.grants_sequence(&roles, RelationId(20010)));
    assert!(!policy.grants_sequence(&RoleSet(Vec::new().into()), RelationId(20010)));
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let found = faults(
        "
roles:
  r:
    includes: [rr]
    grants:
      - tables: [crm.acount]
        read: { scope: self }
      - tables: [crm.account]
        read: { where: \"regoin = 'x'\" }
        deny_columns: [fone]
",
    );
    let text = found.join("\n");
    assert!(text.contains("roles.yaml:4:16"), "{text}");
    assert!(text.contains("unknown role `rr`"), "{text}");
    assert!(text.contains("roles.yaml:6:18") && text.contains("`crm.account`?"), "{text}");
    assert!(text.contains("roles.yaml:9:25") && text.contains("`region`?"), "{text}");
    assert!(text.contains("roles.yaml:10:24") && text.contains("`phone`?"), "{text}");
}

#[test]
fn a_scope_the_table_does_not_describe_is_an_error() {
    let text = faults(
        "roles: { r: { grants: [ { tables: [crm.contact], read: { scope: department } } ] } }",
    )
    .join("\n");
    assert!(text.contains("needs `department` in the description of `crm.contact`"), "{text}");
}

#[test]
fn a_mask_that_does_not_fit_the_type_is_an_error() {
    let text = faults(
        "roles: { r: { grants: [ { tables: [crm.account], read: { masks: { id: { kind: partial } } } } ] } }",
    )
    .join("\n");
    assert!(text.contains("needs a text column"), "{text}");
}

#[test]
fn sql_that_could_be_read_in_two_ways_is_refused() {
    for predicate in [
        "region = 'a\\\\'' or true --'",
        "region = $1",
        "region = 'x' -- comment",
        "id > 1; drop table x",
        "id in (select account_id from account_team)",
        "upper2(region) = 'X'",
        "region = :user.regoin",
        "id > - -1",
    ] {
        let policy = format!(
            "roles: {{ r: {{ grants: [ {{ tables: [crm.account], read: {{ where: \"{predicate}\" }} }} ] }} }}"
        );
        assert!(!faults(&policy).is_empty(), "accepted: {predicate}");
    }
}

#[test]
fn a_sub_select_is_listed_and_its_names_cannot_be_captured() {
    let (policy, _) = load(
        "roles: { r: { grants: [ { tables: [crm.account], read: { where: \"exists (select 1 from crm.account_team t where t.account_id = account.id and user_id = :user.id)\" } } ] } }",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    assert_eq!(policy.unfiltered_reads()[0].relation, "crm.account_team");
    let scope = scope_of(&policy, &["r"], ACCOUNT, Verb::Read);
    let RowFilter::Where(expr) = &scope.filter else { panic!("{:?}", scope.filter) };
    assert_eq!(
        expr.0.to_string(),
        "EXISTS (SELECT 1 FROM \"crm\".\"account_team\" AS \"\u{2}1\" WHERE \
         \"\u{2}1\".\"account_id\" = \"\u{2}row\".\"id\" AND \
         \"\u{2}1\".\"user_id\" = CAST(\u{1}1s\u{1} AS \"pg_catalog\".\"int4\"))"
    );
}

#[test]
fn the_hash_key_is_in_no_text_that_people_read() {
    let (policy, _) = load(
        "roles: { r: { grants: [ { tables: [crm.account], read: { masks: { region: { kind: hash } } } } ] } }",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let scope = scope_of(&policy, &["r"], ACCOUNT, Verb::Read);
    let mask = scope.masks.get(&ColumnNumber(8)).unwrap();
    assert!(!mask.expression.0.to_string().contains("secret"));
    assert!(describe_expr(&mask.expression.0, &policy).contains(":hash_key"));
    assert!(!format!("{policy:?}").contains("secret"));
}

#[test]
fn exclusive_roles_are_found_through_includes() {
    let (policy, _) = load(
        "
roles: { writer: {}, auditor: {}, both: { includes: [writer, auditor] } }
exclusive_roles: [[writer, auditor]]
",
    )
    .unwrap();
    assert!(policy.exclusive_violation(&["writer".into()]).is_none());
    assert_eq!(policy.exclusive_violation(&["both".into()]).unwrap().len(), 2);
}

#[test]
fn the_documented_example_loads_and_a_scope_a_table_lacks_admits_nothing_there() {
    let (policy, warnings) = load(
        "
roles:
  employee: {}
  sales_rep:
    includes: [employee]
    grants:
      - tables: [crm.account, crm.contact]
        read:   { scope: [self, team] }
        create: { scope: self }
        update: { scope: self, columns: [phone, status] }
        unmask: [pii.phone]
        deny_columns: [credit_limit]
        where: \"owner_id is not null\"
      - functions: [\"crm.fmt_phone(text)\"]
        execute: true
      - sequences: [crm.contract_no_seq]
        use: true
    when: \"not client.ip in ('10.0.0.0/8') or time between 'Mon-Fri 08:00' and '20:00'\"
    limits: { rows_per_query: 10000, rows_per_day: 200000, statements_per_minute: 600 }
  support:
    grants:
      - tables: [\"crm.*\"]
        read: { scope: all, masks: { crm.contact.phone: { kind: partial, first: 3, last: 4, match: exact } } }
  dba:
    unrestricted: true
rules:
  - { name: no-vip, roles: [support], tables: [crm.account], verbs: [read], predicate: \"not is_vip\" }
exclusive_roles: [[dba, support]]
combine: { rows: union, masks: per_row }
defaults: { unlisted_tables: deny, unclassified_columns: visible, catalog: filtered }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    assert!(warnings.iter().any(|w| w.message.contains("`team`")), "{warnings:?}");
    let scope = scope_of(&policy, &["sales_rep"], CONTACT, Verb::Read);
    assert_eq!(
        describe(&scope.filter, &policy),
        "(owner_id = :user.id) AND (owner_id IS NOT NULL)"
    );
    assert_eq!(scope.rows_per_query, Some(10_000));
    let scope = scope_of(&policy, &["support"], CONTACT, Verb::Read);
    assert_eq!(scope.masks.get(&ColumnNumber(4)).unwrap().matching, MaskMatch::Exact);
    let scope = scope_of(&policy, &["support"], ACCOUNT, Verb::Read);
    assert_eq!(describe(&scope.filter, &policy), "NOT is_vip");
    assert!(subject(&policy, &["dba"], alice()).unrestricted);
    assert!(!subject(&policy, &["support"], alice()).unrestricted);
}

#[test]
fn an_or_of_the_writer_cannot_come_loose_when_it_is_anded() {
    assert_eq!(
        filter("{ where: \"region = 'a' or region = 'b'\" }"),
        "(region = 'a' OR region = 'b')"
    );
}

#[test]
fn a_predicate_is_true_or_false() {
    for predicate in ["region", "1", "'x'"] {
        let policy =
            format!("rules: [ {{ name: r, tables: [crm.account], predicate: \"{predicate}\" }} ]");
        assert!(faults(&policy).join("").contains("not true or false"), "{predicate}");
    }
    assert!(faults("rules: [ { name: r, tables: [crm.account], predicate: is_vip } ]").is_empty());
}

#[test]
fn grants_that_contradict_themselves_are_warned_of() {
    let (_, warnings) = load(
        "
roles:
  root: { unrestricted: true }
  r:
    grants:
      - { tables: [crm.account], delete: true }
      - { tables: [crm.account], read: true, unmask: [phone], deny_columns: [phone] }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let text: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(text.len(), 3, "{text:?}");
    assert!(text[0].contains("`when`") && text[1].contains("cannot be read"), "{text:?}");
    assert!(text[2].contains("denial wins"), "{text:?}");
}

#[test]
fn a_share_in_a_column_of_another_type_is_an_error_not_a_failing_query() {
    let text = faults(
        "
tables:
  crm.record_share: { key: record_id, team: { table: crm.record_share, record: object, user: record_id } }
roles: { r: { grants: [ { tables: [crm.record_share], read: { scope: team } } ] } }
",
    )
    .join("\n");
    assert!(text.contains("`object` has another type"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_nesting_turns_a_missing_attribute_into_rows(wraps in prop::collection::vec(0..5_usize, 0..6)) {
        let mut predicate = String::from("region = :user.attributes.region");
        for wrap in wraps {
            predicate = match wrap {
                0 => format!("not ({predicate})"),
                1 => format!("({predicate}) or owner_id = 4"),
                2 => format!("({predicate}) and owner_id = 4"),
                3 => format!("({predicate}) is not true"),
                _ => format!("case when {predicate} then false else true end"),
            };
        }
        let scope = format!("{{ where: \"{predicate}\" }}");
        prop_assert_eq!(filter(&scope), "false");
    }
}

#[test]
fn a_partition_granted_by_itself_keeps_its_parents_tags() {
    let (policy, _) = load(
        "
roles:
  r: { grants: [ { tables: [crm.event_2026], read: true } ] }
  clear: { grants: [ { tables: [crm.event_2026], read: true, unmask: [pii.phone] } ] }
",
    )
    .map_err(|f| f.join("\n"))
    .unwrap();
    let masked = scope_of(&policy, &["r"], EVENT_2026, Verb::Read);
    assert_eq!(masked.masks.keys().collect::<Vec<_>>(), [&ColumnNumber(3)]);
    assert!(scope_of(&policy, &["clear"], EVENT_2026, Verb::Read).masks.is_empty());
}
