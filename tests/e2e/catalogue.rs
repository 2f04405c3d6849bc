//! The catalogue as a restricted person sees it: what is not granted does not exist in it, and what
//! tools ask is answered as a direct connection answers it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use rowgate::demo::DATABASE;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::harness::client::{psql, psql_command, scripts};
use crate::harness::{Gateway, Login, gateway, gateway_before, runtime, server};

/// Statements of drivers, ORMs and BI tools, with who asks so.
fn introspection() -> Vec<(String, String)> {
    let text = fs::read_to_string(scripts().join("introspection.sql")).unwrap();
    let blocks = text.split("\n\n").skip(1);
    blocks
        .map(|block| {
            let (who, sql) = block.trim().split_once('\n').expect("a statement below its name");
            (who.trim_start_matches("-- ").to_owned(), sql.to_owned())
        })
        .collect()
}

async fn connect(login: &Login) -> Client {
    let (client, connection) = login.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Names and types of the columns.
async fn shape(client: &Client, sql: &str) -> Result<Vec<String>, String> {
    let statement = client.prepare(sql).await.map_err(|error| error_text(&error))?;
    let columns = statement.columns();
    Ok(columns.iter().map(|column| format!("{} {}", column.name(), column.type_())).collect())
}

async fn rows(client: &Client, sql: &str) -> Result<Vec<String>, String> {
    let messages = client.simple_query(sql).await.map_err(|error| error_text(&error))?;
    let mut rows = Vec::new();
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            let values: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or("\\N")).collect();
            rows.push(values.join("|"));
        }
    }
    Ok(rows)
}

fn error_text(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |error| format!("{}: {}", error.code().code(), error.message()),
    )
}

/// Whole words of a text: names of the catalogue.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').collect()
}

#[test]
fn a_tools_question_is_refused_or_has_other_columns() {
    let (server, gateway) = (server(), gateway());
    runtime().block_on(async {
        let direct = connect(&server.login(DATABASE)).await;
        let mut differences = String::new();
        for person in ["henry", "alice", "dave", "erin", "grace"] {
            let through = connect(&gateway.login(person)).await;
            for (who, sql) in introspection() {
                let expected = shape(&direct, &sql).await;
                assert!(expected.is_ok(), "{who}: {expected:?}");
                let found = shape(&through, &sql).await;
                if found != expected {
                    let _ = writeln!(
                        differences,
                        "{person}, {who}: {sql}\n  expected {expected:?}\n  found    {found:?}"
                    );
                }
                if let Err(error) = rows(&through, &sql).await {
                    let _ = writeln!(differences, "{person}, {who}: {sql}\n  {error}");
                }
            }
        }
        assert!(differences.is_empty(), "{differences}");
    });
}

/// For each person: tables and columns that are not granted, some with their own indexes, views and
/// constraints.
const DENIED: [(&str, &[&str]); 3] = [
    (
        "alice",
        &[
            "invoice",
            "invoice_pkey",
            "invoice_id_seq",
            "payment",
            "ticket",
            "campaign",
            "feedback",
            "record_share",
            "receivables",
            "department_revenue",
            "internal_score",
            "salary",
            "ticket_assignee_id_idx",
            "invoice_contract_id_fkey",
            "bank_account",
        ],
    ),
    (
        "erin",
        &[
            "invoice",
            "payment",
            "opportunity",
            "opportunity_pkey",
            "account_team",
            "receivables",
            "internal_score",
            "search_name",
            "account_search_name_idx",
            "salary",
        ],
    ),
    ("dave", &["campaign", "feedback", "feedback_pkey", "salary", "account_team", "record_share"]),
];

#[test]
fn a_denied_name_stands_anywhere_in_the_catalogue() {
    let (server, gateway) = (server(), gateway());
    runtime().block_on(async {
        let direct = connect(&server.login(DATABASE)).await;
        let everything = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c \
                          JOIN pg_namespace n ON n.oid = c.relnamespace \
                          WHERE n.nspname IN ('pg_catalog', 'information_schema') \
                          AND c.relkind IN ('r', 'v') AND c.relname <> 'element_types'";
        let mut statements: Vec<String> = rows(&direct, everything)
            .await
            .unwrap()
            .iter()
            .map(|relation| format!("SELECT * FROM {relation} AS everything"))
            .collect();
        let relations = statements.len();
        statements.extend(introspection().into_iter().map(|(_, sql)| sql));
        let mut found = String::new();
        for (person, denied) in DENIED {
            let through = connect(&gateway.login(person)).await;
            let mut seen_directly: BTreeSet<&str> = BTreeSet::new();
            let mut answered = 0;
            for sql in &statements {
                if let Ok(answer) = rows(&direct, sql).await {
                    let text = answer.join("\n");
                    let words = words(&text);
                    seen_directly.extend(denied.iter().filter(|name| words.contains(*name)));
                }
                // What may not be read at all is refused, as for anybody.
                let Ok(answer) = rows(&through, sql).await else { continue };
                answered += 1;
                let text = answer.join("\n");
                for name in words(&text).intersection(&denied.iter().copied().collect()) {
                    let _ = writeln!(found, "{person} reads {name} in {sql}");
                }
            }
            let unseen: Vec<_> =
                denied.iter().filter(|name| !seen_directly.contains(*name)).collect();
            assert!(unseen.is_empty(), "nobody has {unseen:?}: the test asks for nothing");
            assert!(answered > relations / 2, "{person} reads only {answered} relations");
        }
        assert!(found.is_empty(), "{found}");
    });
}

/// What psql asks for its commands about the catalogue.
const COMMANDS: &[&str] = &[
    "\\d",
    "\\d crm.account",
    "\\d+ crm.account",
    "\\d crm.activity",
    "\\d+ crm.activity_2026_01",
    "\\d+ crm.account_overview",
    "\\d crm.account_pkey",
    "\\d crm.account_id_seq",
    "\\dt+ crm.*",
    "\\dv+ crm.*",
    "\\di+ crm.*",
    "\\ds+ crm.*",
    "\\dm+ crm.*",
    "\\dS",
    "\\dn+",
    "\\df+ crm.*",
    "\\da",
    "\\dT+ crm.*",
    "\\dD+ crm.*",
    "\\dC",
    "\\do",
    "\\dO",
    "\\dc",
    "\\dd crm.*",
    "\\ddp",
    "\\dE",
    "\\des+",
    "\\det+",
    "\\deu+",
    "\\dew+",
    "\\dF+",
    "\\dFd+",
    "\\dFp+",
    "\\dFt+",
    "\\dg+",
    "\\du+",
    "\\dl",
    "\\dL+",
    "\\dp crm.*",
    "\\z",
    "\\dP+",
    "\\drds",
    "\\dRp+",
    "\\dx+",
    "\\dX",
    "\\dy+",
    "\\db+",
    "\\l",
    "\\l+",
    "\\sf crm.fmt_phone",
    "\\sv crm.account_overview",
    "\\dA+",
    "\\dAc",
    "\\dAf",
    "\\dAo",
    "\\dAp",
    "\\dconfig",
];

#[test]
fn a_command_of_psql_fails_or_shows_a_denied_name() {
    let script = server().folder.join("commands.sql");
    fs::write(&script, COMMANDS.join("\n")).unwrap();
    // A psql that is older than the server asks for columns that are no more.
    let direct = psql(&script, &server().login(DATABASE));
    for (person, denied) in DENIED {
        let shown = psql(&script, &gateway().login(person));
        let failed: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains("ERROR"))
            .filter(|line| {
                // The function is not theirs, or not shown to have a source.
                !line.contains("crm.fmt_phone") && !direct.contains(*line)
            })
            .collect();
        assert!(failed.is_empty(), "{person}: {failed:#?}");
        let found: Vec<&str> =
            words(&shown).intersection(&denied.iter().copied().collect()).copied().collect();
        assert!(found.is_empty(), "{person} reads {found:?}");
        assert!(shown.contains("Table \"crm.account\""), "{person}: {shown}");
    }
}

#[test]
fn an_oid_or_a_name_that_is_guessed_tells_of_something_hidden() {
    let (server, gateway) = (server(), gateway());
    runtime().block_on(async {
        let direct = connect(&server.login(DATABASE)).await;
        let alice = connect(&gateway.login("alice")).await;
        let oid = |sql: &'static str| {
            let direct = &direct;
            async move { rows(direct, sql).await.unwrap().remove(0) }
        };
        let invoice = oid("SELECT 'crm.invoice'::regclass::oid").await;
        let row_type = oid("SELECT 'crm.invoice'::regtype::oid").await;
        let key = oid("SELECT 'crm.invoice_pkey'::regclass::oid").await;
        let constraint =
            oid("SELECT oid FROM pg_constraint WHERE conname = 'invoice_pkey'").await;
        // Each answers as for an OID or a name of nothing.
        let mut found = String::new();
        for sql in [
            format!("SELECT {invoice}::regclass"),
            format!("SELECT CAST({invoice} + 0 AS pg_catalog.regclass)::text"),
            format!("SELECT '{invoice}'::regclass"),
            format!("SELECT (SELECT {invoice})::oid::regclass"),
            format!("SELECT x::regclass FROM generate_series({invoice}, {invoice}) x"),
            format!("SELECT format_type({row_type}, NULL)"),
            format!("SELECT {row_type}::regtype"),
            format!("SELECT pg_get_indexdef({key})"),
            format!("SELECT pg_get_indexdef((SELECT {key}), 1, true)"),
            format!("SELECT pg_get_constraintdef({constraint})"),
            format!("SELECT col_description({invoice}, 1), obj_description({invoice}, 'pg_class')"),
            format!("SELECT pg_table_is_visible({invoice})"),
            format!("SELECT has_table_privilege({invoice}, 'SELECT')"),
            format!("SELECT has_table_privilege(x, 'SELECT') FROM generate_series({invoice}, {invoice}) x"),
            format!("SELECT pg_describe_object('pg_class'::regclass, {invoice}, 0)"),
            format!("SELECT (pg_identify_object('pg_class'::regclass, {invoice}, 0)).name"),
            format!(
                "SELECT pg_get_expr(conbin, {invoice}) FROM pg_constraint \
                 WHERE conname = 'account_status_check'"
            ),
            format!("SELECT * FROM pg_partition_tree({invoice})"),
            format!("SELECT CASE WHEN false THEN 'pg_class'::regclass ELSE {invoice} END"),
            format!("SELECT COALESCE(NULL, 'pg_class'::regclass, {invoice})"),
            format!("SELECT 'pg_class'::regclass UNION ALL SELECT {invoice}"),
            format!("VALUES ('pg_class'::regclass), ({invoice})"),
            format!("SELECT * FROM json_to_record('{{\"a\":\"{invoice}\"}}') AS x(a regclass)"),
            format!("SELECT '{{{invoice}}}'::regclass[]"),
            format!("SELECT ARRAY['pg_class'::regclass] || {invoice}::oid"),
            format!("SELECT array_append(array_agg('pg_class'::regclass), {invoice})"),
            "SELECT to_regclass('crm.invoice'), to_regclass('crm.' || 'invoice')".to_owned(),
            "SELECT ('crm.' || 'invoice')::regclass".to_owned(),
            "SELECT 'crm.invoice'::regclass".to_owned(),
            "SELECT 'crm.invoice'::regtype, to_regtype('crm.invoice')".to_owned(),
            "SELECT NULL::crm.invoice".to_owned(),
            "SELECT row_to_json(NULL::crm.account)".to_owned(),
            "SELECT json_populate_record(NULL::crm.invoice, '{}')".to_owned(),
            "SELECT pg_get_serial_sequence('crm.invoice', 'id')".to_owned(),
            "SELECT pg_get_serial_sequence('crm.' || 'invoice', 'id')".to_owned(),
            "SELECT pg_get_viewdef('crm.account_overview'::regclass)".to_owned(),
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'fmt_phone'".to_owned(),
            "SELECT 16385::regrole, pg_get_userbyid(16385)".to_owned(),
        ] {
            match rows(&alice, &sql).await {
                Ok(rows) => {
                    for row in rows {
                        let told = words(&row)
                            .iter()
                            .any(|word| ["invoice", "invoice_pkey", "t", "internal_score", "id"].contains(word))
                            || row.contains("SELECT") || row.contains("CREATE");
                        if told {
                            let _ = writeln!(found, "{sql}: {row}");
                        }
                    }
                }
                // The same as for what does not exist, or refused whatever it is.
                Err(error) => {
                    let plain = ["42P01", "42704", "0A000", "42501", "22023", "42846"]
                        .iter()
                        .any(|code| error.starts_with(code));
                    if !plain {
                        let _ = writeln!(found, "{sql}: {error}");
                    }
                }
            }
        }
        assert!(found.is_empty(), "{found}");
    });
}

#[test]
fn privileges_are_told_that_the_policy_does_not_grant() {
    let gateway = gateway();
    runtime().block_on(async {
        let alice = connect(&gateway.login("alice")).await;
        let sql = "SELECT has_table_privilege('crm.account', 'SELECT'), \
                   has_table_privilege('crm.account', 'DELETE'), \
                   has_table_privilege(current_user, 'crm.product', 'SELECT'), \
                   has_table_privilege('crm.product', 'INSERT, UPDATE'), \
                   has_column_privilege('crm.account', 'phone', 'SELECT'), \
                   has_column_privilege('crm.account', 'internal_score', 'SELECT'), \
                   has_table_privilege('pg_catalog.pg_class', 'SELECT')";
        assert_eq!(rows(&alice, sql).await.unwrap(), ["t|f|t|f|t|f|t"]);
    });
}

#[test]
fn roles_databases_or_settings_of_others_are_shown() {
    let gateway = gateway();
    runtime().block_on(async {
        let alice = connect(&gateway.login("alice")).await;
        let roles = rows(&alice, "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1");
        assert_eq!(roles.await.unwrap(), ["postgres", "rowgate"]);
        let databases = rows(&alice, "SELECT datname FROM pg_database").await.unwrap();
        assert_eq!(databases, [DATABASE]);
        let settings = "SELECT name FROM pg_settings WHERE name IN ('data_directory', 'hba_file', \
                        'ssl_key_file', 'primary_conninfo', 'shared_preload_libraries')";
        assert!(rows(&alice, settings).await.unwrap().is_empty());
        let sizes = "SELECT reltuples, relpages, relrowsecurity FROM pg_class \
                     WHERE oid = 'crm.account'::regclass";
        assert_eq!(rows(&alice, sizes).await.unwrap(), ["-1|0|f"]);
        rows(&alice, "BEGIN; DECLARE mine CURSOR FOR SELECT id FROM crm.account").await.unwrap();
        let cursors = rows(&alice, "SELECT name, statement FROM pg_cursors").await.unwrap();
        assert_eq!(cursors, ["mine|\\N"]);
    });
}

#[test]
fn an_error_tells_a_hidden_name_letter_by_letter() {
    // Each fails on a row that the filter leaves out, if it runs before the filter.
    let gateway = gateway();
    runtime().block_on(async {
        let alice = connect(&gateway.login("alice")).await;
        for sql in [
            "SELECT count(*) FROM pg_class WHERE 1 / (CASE relname WHEN 'invoice' THEN 0 ELSE 1 END) = 1",
            "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
             AND 1 / (CASE attname WHEN 'internal_score' THEN 0 ELSE 1 END) = 1",
            "SELECT count(*) FROM information_schema.tables \
             WHERE 1 / (CASE table_name WHEN 'invoice' THEN 0 ELSE 1 END) = 1",
            "SELECT count(*) FROM pg_tables WHERE (CASE tablename WHEN 'invoice' THEN 'x' ELSE '1' END)::int = 1",
        ] {
            let answer = rows(&alice, sql).await;
            assert!(answer.is_ok(), "{sql}: {answer:?}");
        }
    });
}

/// Two databases that differ in what is hidden: the first with a hidden table, a hidden schema, a
/// denied column and all that hangs on them, the second without.
const SHARED: &str = "
CREATE SCHEMA app;
CREATE TABLE app.customer (id int PRIMARY KEY, name text NOT NULL, phone text);
CREATE TABLE app.visit (id serial PRIMARY KEY, customer_id int REFERENCES app.customer, at date);
CREATE VIEW app.visitors AS SELECT c.name, v.at FROM app.customer c JOIN app.visit v ON v.customer_id = c.id;
COMMENT ON TABLE app.customer IS 'who buys';";

const HIDDEN: &str = "
ALTER TABLE app.customer ADD secret int DEFAULT 7 CHECK (secret > 0);
CREATE INDEX ON app.customer (secret);
CREATE INDEX ON app.customer ((name || secret));
COMMENT ON COLUMN app.customer.secret IS 'the secret';
CREATE TABLE app.ledger (id int PRIMARY KEY, customer_id int REFERENCES app.customer, secret_sum numeric);
COMMENT ON TABLE app.ledger IS 'the secret ledger';
CREATE VIEW app.ledgers AS SELECT * FROM app.ledger;
CREATE MATERIALIZED VIEW app.sums AS SELECT sum(secret_sum) FROM app.ledger;
CREATE FUNCTION app.secret_function(app.ledger) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER secret_trigger BEFORE INSERT ON app.customer FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE app.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY secret_policy ON app.customer USING (secret > 1);
CREATE STATISTICS app.secret_statistics ON id, secret FROM app.customer;
CREATE SCHEMA secret;
CREATE TABLE secret.plan (id int);
CREATE DOMAIN app.age AS int;";

fn paired(name: &str, more: &str, denied: &str) -> Gateway {
    let cluster = &server().cluster;
    let run = |database: &str, sql: &str| runtime().block_on(cluster.run(database, sql)).unwrap();
    run("postgres", &format!("CREATE DATABASE {name}"));
    let grants =
        "GRANT USAGE ON SCHEMA app TO rowgate; GRANT ALL ON ALL TABLES IN SCHEMA app TO rowgate;";
    run(name, &format!("{SHARED}{more}{grants}"));
    gateway_before(
        server(),
        &format!("catalogue_{name}"),
        |folder| {
            let config = folder.join("rowgate.toml");
            let text = fs::read_to_string(&config).unwrap();
            fs::write(&config, text.replace(&format!("\"{DATABASE}\""), &format!("\"{name}\"")))
                .unwrap();
            let directory = fs::read_to_string(folder.join("directory.yaml")).unwrap();
            let password = directory
                .split_once("login: alice")
                .and_then(|(_, rest)| rest.split_once("password: "))
                .and_then(|(_, rest)| rest.split_once(" }"))
                .map(|(password, _)| password.to_owned())
                .unwrap();
            let people = format!(
                "users:\n  - {{ login: alice, id: 1, roles: [clerk], department: 1, password: {password} }}\n\
                 departments:\n  - {{ id: 1, head: alice, name: All }}\n"
            );
            fs::write(folder.join("directory.yaml"), people).unwrap();
            let policies = folder.join("policies");
            fs::remove_dir_all(&policies).unwrap();
            fs::create_dir(&policies).unwrap();
            let policy = format!(
                "roles:\n  clerk:\n    grants:\n      \
                 - {{ tables: [app.customer, app.visit], read: true{denied} }}\n"
            );
            fs::write(policies.join("clerk.yaml"), policy).unwrap();
        },
        |gateway| {
            let mut login = gateway.login("alice");
            name.clone_into(&mut login.database);
            psql_command("SELECT 1", &login).status.success()
        },
    )
}

/// OIDs of the user's objects differ between databases, and with them the bytes of a constant that
/// is one.
fn without_oids(text: &str) -> String {
    let text = match text.split_once(":constvalue 4 [") {
        Some((before, rest)) => {
            let rest = rest.split_once(']').map_or("", |(_, rest)| rest);
            format!("{before}:constvalue #{rest}")
        }
        None => text.to_owned(),
    };
    let mut shown = String::new();
    let mut digits = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let oid = digits.parse::<u64>().is_ok_and(|number| number >= 16384);
        shown.push_str(if oid { "#" } else { &digits });
        digits.clear();
        shown.push(character);
    }
    shown
}

#[test]
fn the_catalogue_tells_whether_something_hidden_exists() {
    let with = paired("with_secret", HIDDEN, ", deny_columns: [app.customer.secret]");
    let without = paired("without_secret", "CREATE DOMAIN app.age AS int;", "");
    runtime().block_on(async {
        let login = |gateway: &Gateway, name: &str| {
            let mut login = gateway.login("alice");
            name.clone_into(&mut login.database);
            login
        };
        let with = connect(&login(&with, "with_secret")).await;
        let without = connect(&login(&without, "without_secret")).await;
        let everything = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c \
                          JOIN pg_namespace n ON n.oid = c.relnamespace \
                          WHERE n.nspname IN ('pg_catalog', 'information_schema') \
                          AND c.relkind IN ('r', 'v') AND c.relname <> 'element_types'";
        let relations = rows(&without, everything).await.unwrap();
        let mut statements: Vec<String> = relations
            .iter()
            .map(|relation| format!("SELECT * FROM {relation} AS everything"))
            .collect();
        statements.extend(introspection().into_iter().map(|(_, sql)| {
            sql.replace("crm", "app").replace("account", "customer").replace("contact", "visit")
        }));
        let mut differences = String::new();
        for sql in &statements {
            let normal = |answer: Result<Vec<String>, String>| {
                let mut lines: Vec<String> = match answer {
                    Ok(rows) => rows.iter().map(|row| without_oids(row)).collect(),
                    Err(error) => vec![error],
                };
                lines.sort();
                lines
                    .join("\n")
                    .replace("with_secret", "it")
                    .replace("withoutit", "it")
                    .replace("without_secret", "it")
            };
            let (a, b) = (normal(rows(&with, sql).await), normal(rows(&without, sql).await));
            if a != b {
                let only = |a: &str, b: &str| {
                    a.lines()
                        .filter(|line| !b.lines().any(|other| other == *line))
                        .take(3)
                        .collect::<Vec<_>>()
                        .join("\n    ")
                };
                let _ = writeln!(
                    differences,
                    "{sql}\n  with:    {}\n  without: {}",
                    only(&a, &b),
                    only(&b, &a)
                );
            }
        }
        assert!(differences.is_empty(), "{differences}");
    });
}
