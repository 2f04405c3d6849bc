//! One server for the test process: the sample as rowgate finds it, the oracle beside it, and for
//! each person a copy in which everything the person must not see is different.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rowgate::backend::catalog::CatalogReader;
use rowgate::backend::connect::{Password, Target};
use rowgate::backend::hosts::Hosts;
use rowgate::catalog::{Catalog, SearchPath};
use rowgate::demo::cluster::{Cluster, SUPERUSER};
use rowgate::error::Refusal;
use rowgate::planner::{Fill, PlanContext, Planner, Protocol};
use rowgate::policy::{Context, Hole, PolicySet, Subject, activate};
use rowgate::protocol::tls::TlsClient;
use rowgate::rewrite::{Answer, Rewrite};
use tokio::runtime::Runtime;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::principals::{PRINCIPALS, Principal, Rows};

pub(crate) const PASSWORD: &str = "oracle";
/// The database behind rowgate. Nobody stays connected to it: tests work on copies, each its own,
/// so that no test waits for another's locks.
pub(crate) const PLAIN: &str = "plain";
/// The same rows with row security and masking views.
pub(crate) const ORACLE: &str = "oracle";
/// The same rows under what `rowgate export rls` prints.
pub(crate) const EXPORTED: &str = "exported";
/// The role that rowgate's statements run as.
pub(crate) const GATEWAY: &str = "gateway";
/// What marks the error of a violated check option.
pub(crate) const MARKER: &str = "checkoptionviolated";

/// Tables and their columns in order.
pub(crate) const TABLES: &[(&str, &[&str])] = &[
    (
        "account",
        &[
            "id",
            "name",
            "phone",
            "email",
            "mobile",
            "owner_id",
            "department_id",
            "amount",
            "score",
            "active",
            "opened",
            "seen",
            "attributes",
            "token",
            "labels",
            "stage",
            "secret",
        ],
    ),
    ("contact", &["id", "account_id", "owner_id", "name", "email", "birthday", "note", "weight"]),
    ("event", &["id", "day", "owner_id", "kind", "size"]),
    ("remark", &["id", "owner_id", "body"]),
    ("product", &["id", "name", "price"]),
];

/// Views and what they are, over names that the search path decides.
pub(crate) const VIEWS: &[(&str, &str)] = &[
    ("account_names", "SELECT id, name, owner_id, phone, email FROM account WHERE active"),
    (
        "name_lengths",
        "SELECT n.id, length(n.name) AS letters, upper(n.name) AS upper_name, n.phone, p.price \
         FROM account_names n LEFT JOIN product p ON p.id = n.id",
    ),
    ("ratios", "SELECT id, 100 / score AS ratio, (attributes ->> 'n')::int AS n FROM account"),
    ("rated", "SELECT id, name FROM account WHERE 100 / score >= 0"),
];

/// Views that are written through, and what they are.
pub(crate) const WRITTEN_THROUGH: &[(&str, &str)] = &[
    ("contact_open", "SELECT id, account_id, owner_id, name, note FROM contact WHERE id > 3"),
    (
        "contact_checked",
        "SELECT id, owner_id, name FROM contact_open WHERE id < 950 WITH CASCADED CHECK OPTION",
    ),
    (
        "contact_local",
        "SELECT id, owner_id, name FROM contact_open WHERE id < 950 WITH LOCAL CHECK OPTION",
    ),
    ("event_calls", "SELECT id, day, owner_id, kind AS sort, size FROM event WHERE kind = 'call'"),
    (
        "account_phones",
        "SELECT id, name, owner_id, department_id, phone, email FROM account WHERE phone LIKE '138%'",
    ),
    (
        "account_places",
        "SELECT id, name AS title, phone AS number, owner_id, department_id, secret FROM account",
    ),
    (
        "contact_swapped",
        "SELECT id, account_id AS owner_id, owner_id AS account_id, name FROM contact",
    ),
    ("contact_renamed", "SELECT id, owner_id AS owner, name FROM contact"),
    (
        "contact_shared",
        "SELECT id, owner_id, name FROM contact WHERE id IN (SELECT id FROM remark)",
    ),
    ("contact_noted", "SELECT id, owner_id, name FROM contact WHERE 100 / length(note) > 0"),
];

/// Partitions and children with the table whose policy they have.
pub(crate) const CHILDREN: &[(&str, &str)] =
    &[("event_2025", "event"), ("event_2026", "event"), ("remark_long", "remark")];

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) folder: PathBuf,
    catalog: Catalog,
    policy: PolicySet,
    pub(crate) planner: Planner,
}

/// A person as rowgate knows them.
pub(crate) struct Person {
    subject: Subject,
}

impl Fill for Person {
    fn value(&self, hole: Hole) -> Option<String> {
        self.subject.identity.text(hole)
    }
    fn statement_name(&self, client: &str) -> String {
        format!("rg_{client}")
    }
}

pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| runtime().block_on(World::start()))
}

impl World {
    async fn start() -> Self {
        remove_what_dead_runs_left();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let cluster = Cluster::start(&folder).await.unwrap();
        let mut roles = format!("CREATE ROLE {GATEWAY} LOGIN PASSWORD '{PASSWORD}';");
        for principal in PRINCIPALS {
            let _ = write!(
                roles,
                "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '{PASSWORD}';",
                principal.name
            );
        }
        cluster.run("postgres", &roles).await.unwrap();
        cluster.run("postgres", &format!("CREATE DATABASE {PLAIN}")).await.unwrap();
        let grants = format!(
            "GRANT USAGE ON SCHEMA crm TO {GATEWAY}; GRANT ALL ON ALL TABLES IN SCHEMA crm TO {GATEWAY};"
        );
        cluster.run(PLAIN, &format!("{}{grants}", include_str!("schema.sql"))).await.unwrap();
        cluster.run(PLAIN, "CLUSTER").await.unwrap();
        cluster
            .run("postgres", &format!("CREATE DATABASE {ORACLE} TEMPLATE {PLAIN}"))
            .await
            .unwrap();
        cluster.run(ORACLE, &oracle_sql()).await.unwrap();
        let target = Target {
            hosts: Hosts::one("127.0.0.1", cluster.port()),
            user: GATEWAY.to_owned(),
            password: Some(Password::new(PASSWORD)),
            tls: TlsClient::Disable,
            connect_timeout: Duration::from_secs(10),
        };
        // The reader keeps its connection, so it reads a copy; the numbers of its relations are the
        // same.
        copy(&cluster, PLAIN, "catalog").await;
        let catalog = CatalogReader::new(target, "catalog").refresh().await.unwrap();
        let files = [("policy.yaml".to_owned(), include_str!("policy.yaml").to_owned())];
        let (policy, _) = PolicySet::load(&files, &catalog, "key")
            .unwrap_or_else(|findings| panic!("{findings:#?}"));
        let planner = Planner::new(16 << 20, MARKER.to_owned());
        Self { cluster, folder, catalog, policy, planner }
    }

    /// The server's major version.
    pub(crate) fn server_version(&self) -> u32 {
        self.catalog.server_version / 10_000
    }

    pub(crate) fn person(&self, principal: &Principal) -> Person {
        let context = Context {
            now: "2026-11-22T10:00:00[UTC]".parse().unwrap(),
            client_ip: None,
            tls: false,
            mfa: false,
            application_name: None,
        };
        let subject = activate(&self.policy, &(principal.facts)(), &context);
        Person { subject }
    }

    pub(crate) fn rewrite(&self, person: &Person, sql: &str) -> Result<Rewrite, Refusal> {
        self.rewrite_for(person, sql, Protocol::Simple)
    }

    pub(crate) fn rewrite_for(
        &self,
        person: &Person,
        sql: &str,
        protocol: Protocol<'_>,
    ) -> Result<Rewrite, Refusal> {
        let path = SearchPath::new(["pg_catalog", "crm"]);
        let context = PlanContext {
            catalog: &self.catalog,
            policy: &self.policy,
            roles: &person.subject.roles,
            unrestricted: false,
            shape: person.subject.identity.shape(),
            search_path: &path,
            protocol,
        };
        self.planner.rewrite(context, sql, person)
    }

    /// What becomes of a text for a principal with an `unrestricted` role.
    pub(crate) fn unrestricted(&self, sql: &str) -> String {
        let path = SearchPath::new(["pg_catalog", "crm"]);
        let person = self.person(&PRINCIPALS[0]);
        let context = PlanContext {
            catalog: &self.catalog,
            policy: &self.policy,
            roles: &person.subject.roles,
            unrestricted: true,
            shape: person.subject.identity.shape(),
            search_path: &path,
            protocol: Protocol::Simple,
        };
        let rewrite = self.planner.rewrite(context, sql, &person);
        rewrite.unwrap_or_else(|refusal| panic!("{sql}: {refusal}")).text().to_owned()
    }

    /// As rowgate's backend role, with the notices of the server.
    pub(crate) async fn listener(&self, database: &str) -> Listener {
        let login = self.cluster.login(GATEWAY, PASSWORD, database);
        let (client, mut connection) = login.connect(NoTls).await.unwrap();
        let notices: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let heard = Arc::clone(&notices);
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message {
                    let notice = (notice.code().code().to_owned(), notice.message().to_owned());
                    heard.lock().unwrap().push(notice);
                }
            }
        });
        client.batch_execute(&settings("crm")).await.unwrap();
        Listener { client, notices }
    }

    async fn connect(&self, user: &str, database: &str, path: &str) -> Client {
        let (client, connection) =
            self.cluster.login(user, PASSWORD, database).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&settings(path)).await.unwrap();
        client
    }

    /// As rowgate's backend role.
    pub(crate) async fn gateway(&self, database: &str) -> Client {
        self.connect(GATEWAY, database, "crm").await
    }

    /// As the superuser, to become anybody.
    pub(crate) async fn superuser(&self, database: &str) -> Client {
        let (client, connection) = self.cluster.superuser(database).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("SET timezone = 'UTC'").await.unwrap();
        client
    }

    /// As the person's own role, which the server itself restricts.
    pub(crate) async fn oracle(&self, principal: &Principal, database: &str) -> Client {
        // What is exported is in a schema of that name.
        let exported = if database.starts_with(EXPORTED) { "rowgate_" } else { "" };
        let path = format!("{exported}{}, crm", principal.name);
        self.connect(principal.name, database, &path).await
    }

    /// The server.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// For programs that take libpq's form.
    pub(crate) fn connection_string(&self, user: &str, database: &str) -> String {
        let port = self.cluster.port();
        format!("host=127.0.0.1 port={port} user={user} password={PASSWORD} dbname={database}")
    }

    /// The same as the superuser.
    pub(crate) fn superuser_connection_string(&self, database: &str) -> String {
        let (port, password) = (self.cluster.port(), self.cluster.password());
        format!("host=127.0.0.1 port={port} user={SUPERUSER} password={password} dbname={database}")
    }

    /// A copy of `database` for one test.
    pub(crate) async fn copy(&self, database: &str) -> String {
        static COPIES: AtomicU32 = AtomicU32::new(0);
        let name = format!("{database}_{}", COPIES.fetch_add(1, Ordering::Relaxed));
        copy(&self.cluster, database, &name).await;
        name
    }

    /// A copy in which everything that the person must not see is different.
    pub(crate) async fn other_database(&self, principal: &Principal) -> String {
        let name = self.copy(PLAIN).await;
        self.cluster.run(&name, &other_sql(principal)).await.unwrap();
        self.cluster.run(&name, "CLUSTER").await.unwrap();
        name
    }

    /// A copy without the rows that the person must not see.
    pub(crate) async fn seen_database(&self, principal: &Principal) -> String {
        let name = self.copy(PLAIN).await;
        let mut sql = seen_sql(principal);
        for (table, _) in TABLES {
            let _ = write!(sql, "DELETE FROM {table} WHERE {};", hidden(table));
        }
        self.cluster.run(&name, &sql).await.unwrap();
        name
    }

    /// Gives the planner its statistics.
    pub(crate) async fn analyze(&self, database: &str) {
        self.cluster.run(database, "ANALYZE").await.unwrap();
    }
}

/// A connection whose notices are kept.
pub(crate) struct Listener {
    client: Client,
    /// SQLSTATE and message.
    notices: Arc<Mutex<Vec<(String, String)>>>,
}

impl Listener {
    /// The notices since the last call.
    pub(crate) fn notices(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.notices.lock().unwrap())
    }
}

impl Deref for Listener {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

fn settings(path: &str) -> String {
    format!(
        "SET search_path = {path}; SET statement_timeout = '10s'; SET timezone = 'UTC'; SET jit = off"
    )
}

const PREFIX: &str = "rowgate-oracle-";

/// Servers end with their test process and remove their data, but not the folder around it.
fn remove_what_dead_runs_left() {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(process) = process
            && !std::path::Path::new("/proc").join(process).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

async fn copy(cluster: &Cluster, database: &str, name: &str) {
    let sql = format!("CREATE DATABASE {name} TEMPLATE {database}");
    cluster.run("postgres", &sql).await.unwrap();
}

fn oracle_sql() -> String {
    let mut sql = String::new();
    for (table, _) in TABLES {
        let _ = write!(sql, "ALTER TABLE crm.{table} ENABLE ROW LEVEL SECURITY;");
    }
    for (child, _) in CHILDREN {
        let _ = write!(sql, "ALTER TABLE crm.{child} ENABLE ROW LEVEL SECURITY;");
    }
    for principal in PRINCIPALS {
        let who = principal.name;
        let _ = write!(
            sql,
            "GRANT USAGE ON SCHEMA crm TO {who}; \
             GRANT SELECT ON crm.account_team, crm.record_share TO {who}; \
             CREATE SCHEMA {who}; GRANT USAGE ON SCHEMA {who} TO {who}; SET search_path = {who}, crm;"
        );
        for rows in principal.rows {
            policies(&mut sql, who, rows.table, rows);
            for (child, _) in CHILDREN.iter().filter(|(_, parent)| *parent == rows.table) {
                policies(&mut sql, who, child, rows);
            }
        }
        for (table, columns) in TABLES {
            if !principal.may_read(table) || !principal.hides_part_of(table) {
                continue;
            }
            masking_view(&mut sql, principal, table, table, columns);
            for (child, _) in CHILDREN.iter().filter(|(_, parent)| parent == table) {
                let mut all = columns.to_vec();
                if *child == "remark_long" {
                    all.push("extra");
                }
                masking_view(&mut sql, principal, table, child, &all);
            }
        }
        for (view, definition) in VIEWS {
            // Columns that are denied in a table are NULL in the views over it.
            let mut definition = (*definition).to_owned();
            for (column, of_type) in [("phone", "varchar"), ("email", "text")] {
                if *view == "account_names" && principal.denied("account", column) {
                    definition = definition
                        .replace(&format!(" {column}"), &format!(" NULL::{of_type} AS {column}"));
                }
            }
            let _ = write!(
                sql,
                "CREATE VIEW {who}.{view} WITH (security_invoker) AS {definition}; \
                 GRANT SELECT ON {who}.{view} TO {who};"
            );
        }
        for (view, definition) in WRITTEN_THROUGH {
            // What no column of the person's is about is not there for the person.
            let table = ["account", "event"].into_iter().find(|table| view.starts_with(table));
            let table = table.unwrap_or("contact");
            if !principal.may_read(table) {
                continue;
            }
            let mut definition = (*definition).to_owned();
            for (column, shown) in [
                ("secret", ", secret"),
                ("phone", ", phone AS number"),
                ("phone", ", phone, email"),
                ("phone", " WHERE phone LIKE '138%'"),
            ] {
                if principal.denied(table, column) {
                    definition = definition.replace(shown, "");
                }
            }
            let _ = write!(
                sql,
                "CREATE VIEW {who}.{view} WITH (security_invoker) AS {definition}; \
                 GRANT ALL ON {who}.{view} TO {who};"
            );
        }
        sql.push_str("RESET search_path;");
    }
    sql
}

fn policies(sql: &mut String, who: &str, table: &str, rows: &Rows) {
    let on = |read: &str| {
        // The one condition that names its own table.
        read.replace("contact.account_id", &format!("{table}.account_id"))
    };
    let _ = write!(
        sql,
        "GRANT SELECT ON crm.{table} TO {who}; \
         CREATE POLICY {who}_read ON crm.{table} FOR SELECT TO {who} USING ({});",
        on(rows.read)
    );
    if let Some(check) = rows.insert {
        let _ = write!(
            sql,
            "GRANT INSERT ON crm.{table} TO {who}; \
             CREATE POLICY {who}_insert ON crm.{table} FOR INSERT TO {who} WITH CHECK ({check});"
        );
    }
    if let Some(check) = rows.update {
        let _ = write!(
            sql,
            "GRANT UPDATE ON crm.{table} TO {who}; \
             CREATE POLICY {who}_update ON crm.{table} FOR UPDATE TO {who} USING ({check});"
        );
    }
    if let Some(check) = rows.delete {
        let _ = write!(
            sql,
            "GRANT DELETE ON crm.{table} TO {who}; \
             CREATE POLICY {who}_delete ON crm.{table} FOR DELETE TO {who} USING ({check});"
        );
    }
}

fn masking_view(
    sql: &mut String,
    principal: &Principal,
    policy_of: &str,
    table: &str,
    columns: &[&str],
) {
    let who = principal.name;
    let shown: Vec<String> = columns
        .iter()
        .filter(|column| !principal.denied(policy_of, column))
        .map(|column| {
            let hidden = principal
                .hidden
                .iter()
                .find(|hidden| hidden.table == policy_of && hidden.column == *column);
            match hidden.and_then(|hidden| hidden.mask) {
                Some(mask) => format!("{mask} AS {column}"),
                None => (*column).to_owned(),
            }
        })
        .collect();
    let _ = write!(
        sql,
        "CREATE VIEW {who}.{table} WITH (security_invoker, security_barrier) AS \
         SELECT {} FROM crm.{table}; GRANT ALL ON {who}.{table} TO {who};",
        shown.join(", ")
    );
}

/// Collects what the person may see.
fn seen_sql(principal: &Principal) -> String {
    let mut sql =
        "SET search_path = crm; CREATE TEMP TABLE seen (t text, id bigint, day date);".to_owned();
    for (table, _) in TABLES {
        let day = if *table == "event" { "day" } else { "NULL::date" };
        if let Some(rows) = principal.rows.iter().find(|rows| rows.table == *table) {
            let read = match *table {
                // Row security applies to the account in the condition as well.
                "contact" if rows.read.contains("EXISTS") => {
                    "owner_id = 105 OR account_id IN (SELECT id FROM seen WHERE t = 'account')"
                }
                _ => rows.read,
            };
            let _ = write!(
                sql,
                "INSERT INTO seen SELECT '{table}', id, {day} FROM crm.{table} WHERE {read};"
            );
        }
    }
    sql
}

fn hidden(table: &str) -> String {
    format!("id NOT IN (SELECT s.id FROM seen s WHERE s.t = '{table}')")
}

/// Hidden rows changed, removed and added, and hidden cells changed.
fn other_sql(principal: &Principal) -> String {
    // What is visible is decided before anything changes.
    let mut sql = seen_sql(principal);
    let all: HashMap<&str, &[&str]> = TABLES.iter().copied().collect();
    let _ = write!(
        sql,
        "DELETE FROM account WHERE {account} AND id % 3 = 0; \
         UPDATE account SET name = (ARRAY['0', '42', 'x\\', '%', '[', '{{', '', '1e400'])[id % 8 + 1], \
           score = (ARRAY[0, 42, 9223372036854775807, -9223372036854775808])[id % 4 + 1], \
           amount = (ARRAY[0, 42, 9999999999.99, -1])[id % 4 + 1], phone = NULL, email = '@', \
           opened = (ARRAY['infinity', '5874897-12-31', '4713-01-01 BC'])[id % 3 + 1]::date, \
           seen = (ARRAY['-infinity', '294276-12-31 23:59:59+00', '4714-11-24 00:00:00+00 BC'])[id % 3 + 1]::timestamptz, \
           attributes = '[1, \"x\", null]', labels = '{{NULL,5}}', \
           stage = 'lost' WHERE {account}; \
         INSERT INTO account (id, name, owner_id, department_id, score, amount, active, opened, attributes) \
           SELECT 1000 + n, n::text, NULL, NULL, 0, 0, false, 'infinity', '\"x\"' \
             FROM generate_series(1, 30) n WHERE {restricted}; \
         DELETE FROM contact WHERE {contact} AND id % 3 = 0; \
         UPDATE contact SET note = '42', name = '0', birthday = 'infinity', weight = '1e400' WHERE {contact} AND id % 2 = 0; \
         UPDATE contact SET note = 'x\\', name = '[', birthday = '0001-01-01', weight = 'NaN' WHERE {contact} AND id % 2 = 1; \
         INSERT INTO contact SELECT 1000 + n, NULL, NULL, 'x', '@', '-infinity', '42', 0 \
           FROM generate_series(1, 30) n WHERE {contact_restricted}; \
         UPDATE event SET size = 0, kind = '[' WHERE {event}; \
         INSERT INTO event SELECT 1000 + n, DATE '2025-03-01' + n, NULL, '42', 'NaN' \
           FROM generate_series(1, 30) n WHERE {event_restricted}; \
         UPDATE remark SET body = 'x\\' WHERE {remark}; \
         INSERT INTO remark_long SELECT 1000 + n, NULL, '0', '0' FROM generate_series(1, 9) n \
           WHERE {remark_restricted}; \
         UPDATE ledger SET total = 0, memo = '42'; DELETE FROM ledger WHERE id > 5;",
        account = hidden("account"),
        contact = hidden("contact"),
        event = hidden("event"),
        remark = hidden("remark"),
        restricted = restricted(principal, "account"),
        contact_restricted = restricted(principal, "contact"),
        event_restricted = restricted(principal, "event"),
        remark_restricted = restricted(principal, "remark"),
    );
    for cell in principal.hidden {
        assert!(all.contains_key(cell.table));
        let _ = write!(
            sql,
            "UPDATE {table} SET {column} = {other} WHERE NOT ({hidden});",
            table = cell.table,
            column = cell.column,
            other = cell.other,
            hidden = hidden(cell.table)
        );
    }
    sql
}

/// Whether a row without an owner is hidden from this person.
fn restricted(principal: &Principal, table: &str) -> bool {
    principal.rows.iter().all(|rows| rows.table != table || rows.read != "true")
}

/// What happens to the rows of the one statement in `rewrite`.
pub(crate) fn answer(rewrite: &Rewrite) -> Answer {
    rewrite.plan().statements.first().map_or(Answer::Relay, |statement| statement.answer)
}
