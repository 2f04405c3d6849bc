//! A small CRM without a database: catalogue, policy, and two people, one of whom everything is
//! withheld from that a policy can withhold. Shared by the fuzz targets and the table of statements.

use std::net::IpAddr;

use rowgate::catalog::{
    Catalog, CatalogParts, Column, Function, FunctionKind, Relation, RelationKind, SearchPath,
    SqlType, TypeKind, Volatility,
};
use rowgate::error::Refusal;
use rowgate::ids::{CatalogVersion, ColumnNumber, FunctionId, Login, RelationId, RoleName, TypeId};
use rowgate::planner::{Fill, PlanContext, Planner, Protocol};
use rowgate::policy::{Context, Hole, PersonFacts, PolicySet, Subject, activate};
use rowgate::rewrite::Rewrite;

const POLICY: &str = r#"
tables:
  crm.account:
    owner: owner_id
    department: department_id
    tags: { phone: pii.phone, name: pii.name }
  crm.contact:
    owner: owner_id
    parent: { table: crm.account, column: account_id }
masks:
  pii.phone: { kind: partial, first: 3, last: 4 }
  pii.name: { kind: "null" }
roles:
  rep:
    grants:
      - tables: [crm.account]
        read: { scope: self }
        create: { scope: self }
        update: { scope: self }
        delete: { scope: self }
        export: { scope: self }
        unmask: [pii.name]
        masks:
          phone: { kind: "null" }
        deny_columns: [secret]
      - tables: [crm.contact]
        read: { scope: [self, parent] }
        update: { scope: self }
      - tables: [crm.product]
        read: true
  manager:
    grants:
      - tables: [crm.account, crm.contact]
        read: { scope: department_and_below, where: "amount is null or amount < 1000000" }
        update: { scope: department_and_below }
        deny_columns: [document]
      - tables: [crm.product, crm.account_names]
        read: true
  admin: { unrestricted: true }
"#;

const TYPES: &[(u32, &str, char)] = &[
    (16, "bool", 'B'),
    (17, "bytea", 'U'),
    (19, "name", 'S'),
    (20, "int8", 'N'),
    (21, "int2", 'N'),
    (23, "int4", 'N'),
    (25, "text", 'S'),
    (26, "oid", 'N'),
    (114, "json", 'U'),
    (142, "xml", 'U'),
    (700, "float4", 'N'),
    (701, "float8", 'N'),
    (1042, "bpchar", 'S'),
    (1043, "varchar", 'S'),
    (1082, "date", 'D'),
    (1083, "time", 'D'),
    (1114, "timestamp", 'D'),
    (1184, "timestamptz", 'D'),
    (1186, "interval", 'T'),
    (1560, "bit", 'V'),
    (1562, "varbit", 'V'),
    (1700, "numeric", 'N'),
    (2205, "regclass", 'N'),
    (2950, "uuid", 'U'),
    (3802, "jsonb", 'U'),
    (1009, "_text", 'A'),
    (1007, "_int4", 'A'),
    (1231, "_numeric", 'A'),
];

const FUNCTIONS: &[(&str, FunctionKind)] = &[
    ("array_agg", FunctionKind::Aggregate),
    ("avg", FunctionKind::Aggregate),
    ("count", FunctionKind::Aggregate),
    ("max", FunctionKind::Aggregate),
    ("min", FunctionKind::Aggregate),
    ("string_agg", FunctionKind::Aggregate),
    ("sum", FunctionKind::Aggregate),
    ("percentile_cont", FunctionKind::Aggregate),
    ("rank", FunctionKind::Window),
    ("row_number", FunctionKind::Window),
    ("lag", FunctionKind::Window),
    ("lower", FunctionKind::Function),
    ("upper", FunctionKind::Function),
    ("length", FunctionKind::Function),
    ("left", FunctionKind::Function),
    ("concat", FunctionKind::Function),
    ("date_part", FunctionKind::Function),
    ("date_trunc", FunctionKind::Function),
    ("make_date", FunctionKind::Function),
    ("generate_series", FunctionKind::Function),
    ("unnest", FunctionKind::Function),
    ("json_to_record", FunctionKind::Function),
    ("json_to_recordset", FunctionKind::Function),
    ("now", FunctionKind::Function),
    ("random", FunctionKind::Function),
    ("current_setting", FunctionKind::Function),
    ("set_config", FunctionKind::Function),
    ("query_to_xml", FunctionKind::Function),
    ("pg_read_file", FunctionKind::Function),
    ("pg_sleep", FunctionKind::Function),
    ("overlaps", FunctionKind::Function),
    ("timezone", FunctionKind::Function),
    ("like_escape", FunctionKind::Function),
    ("similar_to_escape", FunctionKind::Function),
    ("position", FunctionKind::Function),
    ("substring", FunctionKind::Function),
    ("extract", FunctionKind::Function),
    ("normalize", FunctionKind::Function),
    ("xmlexists", FunctionKind::Function),
    ("pg_collation_for", FunctionKind::Function),
];

const ACCOUNT: &[(&str, u32)] = &[
    ("id", 23),
    ("name", 25),
    ("phone", 1043),
    ("owner_id", 23),
    ("department_id", 23),
    ("amount", 1700),
    ("opened", 1082),
    ("attributes", 3802),
    ("labels", 1009),
    ("document", 142),
    ("secret", 23),
];
const CONTACT: &[(&str, u32)] = &[
    ("id", 23),
    ("account_id", 23),
    ("owner_id", 23),
    ("name", 25),
    ("email", 25),
    ("amount", 1700),
    ("document", 142),
];
const PRODUCT: &[(&str, u32)] = &[("id", 23), ("name", 25), ("price", 1700)];
const LEDGER: &[(&str, u32)] = &[("id", 23), ("total", 1700)];

fn relation(id: u32, name: &str, kind: RelationKind, columns: &[(&str, u32)]) -> Relation {
    let columns = (1..).zip(columns).map(|(number, (name, type_id))| Column {
        number: ColumnNumber(number),
        name: (*name).into(),
        type_id: TypeId(*type_id),
        typmod: -1,
        not_null: number == 1,
        has_default: false,
        generated: false,
        computed: false,
        collation: rowgate::ids::CollationId(100),
    });
    let primary_key = if kind == RelationKind::Table { vec![ColumnNumber(1)] } else { Vec::new() };
    Relation {
        id: RelationId(id),
        schema: "crm".into(),
        name: name.into(),
        kind,
        columns: columns.collect(),
        primary_key,
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: TypeId(id + 1),
    }
}

fn function(id: u32, schema: &str, name: &str, kind: FunctionKind) -> Function {
    Function {
        id: FunctionId(id),
        schema: schema.into(),
        name: name.into(),
        arguments: vec![TypeId(25)],
        result: TypeId(25),
        kind,
        security_definer: false,
        volatility: Volatility::Immutable,
        returns_set: false,
    }
}

/// The sample's catalogue.
pub fn catalog() -> Catalog {
    let mut names =
        relation(20_040, "account_names", RelationKind::View, &[("id", 23), ("name", 25)]);
    names.view_definition =
        Some(" SELECT account.id,\n    account.name\n   FROM crm.account\n  WHERE (account.amount > (0)::numeric);".into());
    let mut part = relation(20_060, "account_2025", RelationKind::Table, ACCOUNT);
    part.parents = vec![RelationId(20_000)];
    let mut functions: Vec<Function> = (2000..)
        .zip(FUNCTIONS)
        .map(|(id, (name, kind))| function(id, "pg_catalog", name, *kind))
        .collect();
    functions.push(function(20_100, "crm", "close_year", FunctionKind::Function));
    let parts = CatalogParts {
        schemas: vec!["crm".into(), "pg_catalog".into(), "information_schema".into()],
        relations: vec![
            relation(20_000, "account", RelationKind::Table, ACCOUNT),
            relation(20_010, "contact", RelationKind::Table, CONTACT),
            relation(20_020, "product", RelationKind::Table, PRODUCT),
            relation(20_030, "ledger", RelationKind::Table, LEDGER),
            names,
            relation(20_050, "totals", RelationKind::MaterializedView, LEDGER),
            part,
        ],
        types: TYPES
            .iter()
            .map(|(id, name, category)| SqlType {
                id: TypeId(*id),
                schema: "pg_catalog".into(),
                name: (*name).into(),
                kind: TypeKind::Base,
                category: *category,
                element: None,
                array: None,
                base: None,
            })
            .collect(),
        functions,
        operators: Vec::new(),
        ..CatalogParts::default()
    };
    let mut catalog = Catalog::new(CatalogVersion(1), 180_000, "rowgate", parts);
    catalog.database = "sample".into();
    catalog
}

/// A person of the sample.
pub struct Person {
    subject: Subject,
    unrestricted: bool,
}

impl Fill for Person {
    fn value(&self, hole: Hole) -> Option<String> {
        self.subject.identity.text(hole)
    }

    fn statement_name(&self, client: &str) -> String {
        format!("rowgate_{client}")
    }
}

/// The sample.
pub struct Sample {
    /// What names mean.
    pub catalog: Catalog,
    policy: PolicySet,
    path: SearchPath,
    /// Own rows, one mask, one denied column; all verbs on accounts.
    pub rep: Person,
    /// Several departments, two masks, a condition.
    pub manager: Person,
    /// Nothing is withheld.
    pub admin: Person,
}

impl Sample {
    /// Reads the policy and activates the people's roles.
    ///
    /// # Panics
    ///
    /// When the sample itself is wrong.
    pub fn new() -> Self {
        let catalog = catalog();
        let sources = [("sample.yaml".to_owned(), POLICY.to_owned())];
        let (policy, _) = PolicySet::load(&sources, &catalog, "key")
            .unwrap_or_else(|findings| panic!("the sample's policy is wrong: {findings:#?}"));
        let person = |login: &str, id: &str, role: &str, unrestricted| {
            let facts = PersonFacts {
                id: Some(id.to_owned()),
                roles: vec![RoleName::from(role)],
                departments_below: vec!["2".to_owned(), "21".to_owned()],
                ..PersonFacts::new(Login::from(login))
            };
            let context = Context {
                now: "2026-11-22T10:00:00[UTC]".parse().unwrap_or_default(),
                client_ip: Some(IpAddr::from([127, 0, 0, 1])),
                tls: false,
                mfa: false,
                application_name: None,
            };
            Person { subject: activate(&policy, &facts, &context), unrestricted }
        };
        let rep = person("alice", "7", "rep", false);
        let manager = person("bob", "8", "manager", false);
        let admin = person("root", "1", "admin", true);
        let path = SearchPath::new(["pg_catalog", "crm"]);
        Self { catalog, policy, path, rep, manager, admin }
    }

    /// What the planner makes of a text.
    ///
    /// # Errors
    ///
    /// Its refusal.
    pub fn plan(
        &self,
        planner: &Planner,
        person: &Person,
        protocol: Protocol<'_>,
        text: &str,
    ) -> Result<Rewrite, Refusal> {
        let context = PlanContext {
            catalog: &self.catalog,
            policy: &self.policy,
            roles: &person.subject.roles,
            unrestricted: person.unrestricted,
            shape: person.subject.identity.shape(),
            search_path: &self.path,
            protocol,
        };
        planner.rewrite(context, text, person)
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::new()
    }
}
