//! What the programs of this folder plan in: a catalogue, a policy, a person and a planner, without a
//! server.
#![allow(dead_code, reason = "each program uses its part of it")]

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use mimalloc::MiMalloc;
use rowgate::catalog::{
    Catalog, CatalogParts, Column, Function, FunctionKind, Relation, RelationKind, SearchPath,
    SqlType, TypeKind, Volatility,
};
use rowgate::ids::{CatalogVersion, ColumnNumber, FunctionId, Login, RelationId, RoleName, TypeId};
use rowgate::planner::{Fill, PlanContext, Planner, Protocol};
use rowgate::policy::{Context, Hole, PersonFacts, PolicySet, Subject, activate};

/// The gateway's own allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs on a thread with a stack like the gateway's: planning on a smaller one makes a new stack each time.
pub fn on_a_lane(work: impl FnOnce() + Send + 'static) {
    let lane = thread::Builder::new().stack_size(64 << 20).spawn(work).expect("a thread");
    lane.join().expect("what the thread does");
}

/// The policy of the sample.
const POLICY: &str = r"
tables:
  crm.account: { owner: owner_id, department: department_id, tags: { phone: pii.phone } }
  crm.contact: { owner: owner_id }
  crm.opportunity: { owner: owner_id }
masks:
  pii.phone: { kind: partial, first: 3, last: 4 }
roles:
  rep:
    grants:
      - tables: [crm.account, crm.contact, crm.opportunity]
        read: { scope: self }
";

/// The three tables of the sample, and as many like the first as make `tables` of them.
pub fn catalog(tables: u32) -> Catalog {
    let types = [
        (16, "bool", 'B'),
        (20, "int8", 'N'),
        (23, "int4", 'N'),
        (25, "text", 'S'),
        (1082, "date", 'D'),
        (1184, "timestamptz", 'D'),
        (1700, "numeric", 'N'),
    ];
    let functions = [
        ("count", FunctionKind::Aggregate),
        ("sum", FunctionKind::Aggregate),
        ("max", FunctionKind::Aggregate),
        ("lower", FunctionKind::Function),
    ];
    let account = [
        ("id", 23),
        ("name", 25),
        ("phone", 25),
        ("status", 25),
        ("industry", 25),
        ("region", 25),
        ("owner_id", 23),
        ("department_id", 23),
        ("amount", 1700),
        ("created_at", 1184),
    ];
    let contact = [
        ("id", 23),
        ("account_id", 23),
        ("owner_id", 23),
        ("name", 25),
        ("email", 25),
        ("is_primary", 16),
    ];
    let opportunity = [
        ("id", 23),
        ("account_id", 23),
        ("owner_id", 23),
        ("name", 25),
        ("stage", 25),
        ("amount", 1700),
        ("close_date", 1082),
    ];
    let mut relations = vec![
        relation(20_000, "account", &account),
        relation(20_010, "contact", &contact),
        relation(20_020, "opportunity", &opportunity),
    ];
    relations.extend(
        (3..tables).map(|number| relation(20_000 + 10 * number, &format!("t{number}"), &account)),
    );
    let rows = relations.iter().map(|relation| SqlType {
        id: relation.row_type,
        schema: "crm".into(),
        name: Arc::clone(&relation.name),
        kind: TypeKind::Composite,
        category: 'C',
        element: None,
        array: None,
        base: None,
    });
    let own = types.map(|(id, name, category)| SqlType {
        id: TypeId(id),
        schema: "pg_catalog".into(),
        name: name.into(),
        kind: TypeKind::Base,
        category,
        element: None,
        array: None,
        base: None,
    });
    let parts = CatalogParts {
        types: own.into_iter().chain(rows).collect(),
        schemas: vec!["crm".into(), "pg_catalog".into()],
        relations,
        functions: (2000..)
            .zip(functions)
            .map(|(id, (name, kind))| Function {
                id: FunctionId(id),
                schema: "pg_catalog".into(),
                name: name.into(),
                arguments: vec![TypeId(25)],
                result: TypeId(25),
                kind,
                security_definer: false,
                volatility: Volatility::Immutable,
                returns_set: false,
            })
            .collect(),
        ..CatalogParts::default()
    };
    Catalog::new(CatalogVersion(1), 150_000, "rowgate", parts)
}

fn relation(id: u32, name: &str, columns: &[(&str, u32)]) -> Relation {
    let columns = (1..).zip(columns).map(|(number, (name, type_id))| Column {
        number: ColumnNumber(number),
        name: (*name).into(),
        type_id: TypeId(*type_id),
        typmod: -1,
        not_null: false,
        has_default: false,
        generated: false,
        computed: false,
        collation: rowgate::ids::CollationId(0),
    });
    Relation {
        id: RelationId(id),
        schema: "crm".into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns: columns.collect(),
        primary_key: vec![ColumnNumber(1)],
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: TypeId(id + 1),
    }
}

/// The planner and the person it plans for.
pub struct World {
    pub catalog: Catalog,
    pub policy: PolicySet,
    pub subject: Subject,
    path: SearchPath,
    pub planner: Planner,
}

impl Fill for World {
    fn value(&self, hole: Hole) -> Option<String> {
        self.subject.identity.text(hole)
    }

    fn statement_name(&self, client: &str) -> String {
        client.to_owned()
    }
}

impl World {
    /// The sample's tables and policy, and a person with one role and one id.
    pub fn sample() -> Self {
        let facts = PersonFacts {
            id: Some("7".to_owned()),
            roles: vec![RoleName::from("rep")],
            ..PersonFacts::new(Login::from("alice"))
        };
        let catalog = catalog(3);
        let policy = policy(POLICY, &catalog);
        Self::new(catalog, policy, &facts)
    }

    pub fn new(catalog: Catalog, policy: PolicySet, facts: &PersonFacts) -> Self {
        let subject = activate(&policy, facts, &context());
        let path = SearchPath::new(["pg_catalog", "crm"]);
        Self { catalog, policy, subject, path, planner: planner() }
    }

    /// Plans each text once; the bytes of what the server would run keep the work alive.
    pub fn plan(&self, unrestricted: bool, extended: bool, texts: &[String]) -> usize {
        let protocol =
            if extended { Protocol::Extended { declared: &[] } } else { Protocol::Simple };
        let context = PlanContext {
            catalog: &self.catalog,
            policy: &self.policy,
            roles: &self.subject.roles,
            unrestricted,
            shape: self.subject.identity.shape(),
            search_path: &self.path,
            protocol,
        };
        texts
            .iter()
            .map(|text| {
                let rewrite = self.planner.rewrite(context, text, self);
                rewrite.expect("the statement is permitted").text().len()
            })
            .sum()
    }
}

/// A planner with nothing in it.
pub fn planner() -> Planner {
    Planner::new(64 << 20, "marker".to_owned())
}

/// The policy of that text.
pub fn policy(text: &str, catalog: &Catalog) -> PolicySet {
    let sources = [("crm.yaml".to_owned(), text.to_owned())];
    PolicySet::load(&sources, catalog, "k").expect("the policy is valid").0
}

/// When and from where the person comes.
pub fn context() -> Context {
    Context {
        now: "2026-11-22T10:00:00[UTC]".parse().expect("a time"),
        client_ip: Some(IpAddr::from([127, 0, 0, 1])),
        tls: false,
        mfa: false,
        application_name: None,
    }
}
