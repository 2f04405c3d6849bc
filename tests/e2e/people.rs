//! The people of the sample CRM ask, and get what the policy's words say. The expected answers come
//! from SQL written by hand that runs directly, with the filter and the masks spelled out.

use std::fmt::Write as _;
use std::fs;

use tokio_postgres::{NoTls, SimpleQueryMessage};

use rowgate::demo::DATABASE;

use crate::harness::wire::Wire;
use crate::harness::{Login, gateway, gateway_before, hire, private_server, runtime, server};

/// Rows as text.
type Rows = Vec<Vec<Option<String>>>;

/// Runs SQL text over the simple protocol; the error is the SQLSTATE.
fn ask(login: &Login, sql: &str) -> Result<Rows, String> {
    ask_as(&login.config(), sql)
}

/// The same with settings of one's own.
fn ask_as(config: &tokio_postgres::Config, sql: &str) -> Result<Rows, String> {
    runtime().block_on(async {
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| format!("cannot connect: {error:?}"))?;
        tokio::spawn(connection);
        let messages = client.simple_query(sql).await.map_err(|error| match error.code() {
            Some(code) => code.code().to_owned(),
            None => format!("no answer: {error:?}"),
        })?;
        let mut rows = Rows::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect());
            }
        }
        Ok(rows)
    })
}

/// `login` asks `sql` and gets what `expected` gives directly.
fn sees(login: &str, sql: &str, expected: &str) {
    let expected_rows = ask(&server().login(DATABASE), expected).unwrap();
    assert!(!expected_rows.is_empty(), "nothing is expected, so nothing is tested: {expected}");
    let found = ask(&gateway().login(login), sql);
    assert_eq!(found.as_ref(), Ok(&expected_rows), "{login}: {sql}");
}

/// `login` asks `sql` and is refused with one of these SQLSTATEs.
fn refused(login: &str, sql: &str, codes: &[&str]) {
    match ask(&gateway().login(login), sql) {
        Ok(rows) => panic!("{login} got {rows:?} for {sql}"),
        Err(code) => assert!(codes.contains(&code.as_str()), "{login}: {sql}: {code}"),
    }
}

const DENIED: &[&str] = &["42501"];

/// What was shared with somebody, and the record teams they are in.
fn brought_to(user: u32, others: &str) -> String {
    format!(
        "id IN (SELECT account_id FROM crm.account_team WHERE user_id = {user}) OR id IN \
         (SELECT record_id FROM crm.record_share WHERE object = 'account' \
          AND (expires_at IS NULL OR expires_at > now()) AND principal IN ('user:{user}', 'everyone', {others}))"
    )
}

const MASKED_PHONE: &str = "left(phone, 3) || '****' || right(phone, 4)";

#[test]
fn a_representative_sees_a_colleagues_customer() {
    let mine = brought_to(104, "'role:sales_rep', 'team:7', 'department:21'");
    sees(
        "alice",
        "SELECT id, name, phone, email, credit_limit FROM crm.account ORDER BY id",
        &format!(
            "SELECT id, name, phone, email, NULL FROM crm.account WHERE owner_id = 104 OR {mine} ORDER BY id"
        ),
    );
    sees(
        "alice",
        "SELECT count(*), sum(amount) FROM crm.opportunity",
        "SELECT count(*), sum(amount) FROM crm.opportunity WHERE owner_id = 104",
    );
    sees(
        "alice",
        "SELECT count(*) FROM crm.remark_archive",
        "SELECT count(*) FROM crm.remark_archive WHERE owner_id = 104",
    );
}

#[test]
fn a_manager_sees_beyond_or_less_than_the_department_and_those_below() {
    // The record teams of those who report to him count as his.
    let brought = brought_to(102, "'role:sales_manager', 'department:21'").replace(
        "user_id = 102",
        "user_id = 102 OR user_id IN (WITH RECURSIVE below AS (SELECT id FROM crm.employee \
         WHERE manager_id = 102 UNION SELECT e.id FROM crm.employee e JOIN below b ON e.manager_id = b.id) \
         SELECT id FROM below)",
    );
    sees(
        "bob",
        "SELECT id, phone, credit_limit FROM crm.account ORDER BY id",
        &format!(
            "SELECT id, phone, credit_limit FROM crm.account \
             WHERE department_id IN (21, 211, 212) OR {brought} ORDER BY id"
        ),
    );
    sees(
        "bob",
        "SELECT count(*) FROM crm.contact",
        "SELECT count(*) FROM crm.contact WHERE owner_id IN \
         (SELECT id FROM crm.employee WHERE department_id IN (21, 211, 212))",
    );
    sees(
        "judy",
        "SELECT department_id, count(*) FROM crm.opportunity GROUP BY 1 ORDER BY 1",
        "SELECT department_id, count(*) FROM crm.opportunity \
         WHERE department_id IN (2, 21, 211, 212, 22, 221, 222, 23, 231, 232) GROUP BY 1 ORDER BY 1",
    );
}

#[test]
fn two_roles_unmask_a_row_that_neither_unmasks() {
    let own = format!(
        "owner_id = 103 OR {}",
        brought_to(103, "'role:sales_rep', 'role:department_viewer', 'team:7', 'department:22'")
    );
    sees(
        "carol",
        "SELECT id, phone FROM crm.account ORDER BY id",
        &format!(
            "SELECT id, CASE WHEN {own} THEN phone ELSE {MASKED_PHONE} END FROM crm.account \
             WHERE {own} OR department_id = 22 ORDER BY id"
        ),
    );
}

#[test]
fn finance_sees_archived_customers_or_changes_something() {
    sees(
        "dave",
        "SELECT id, phone, credit_limit FROM crm.account ORDER BY id",
        &format!(
            "SELECT id, {MASKED_PHONE}, credit_limit FROM crm.account WHERE status <> 'archived' ORDER BY id"
        ),
    );
    sees(
        "dave",
        "SELECT count(*), sum(total), min(bank_account) FROM crm.invoice",
        "SELECT count(*), sum(total), min(bank_account) FROM crm.invoice",
    );
    refused("dave", "UPDATE crm.invoice SET paid = true WHERE id = 1", DENIED);
    refused("dave", "SELECT * FROM crm.contact", DENIED);
    refused("dave", "SELECT note FROM crm.account", &["42501", "42703"]);
}

#[test]
fn marketing_sees_names_or_important_customers() {
    sees(
        "erin",
        "SELECT id, name, annual_revenue::bigint FROM crm.account ORDER BY id",
        "SELECT id, '(customer)', (trunc(annual_revenue / 100000) * 100000)::bigint FROM crm.account \
         WHERE status = 'active' AND NOT is_vip ORDER BY id",
    );
    sees(
        "erin",
        "SELECT c.name, count(f.id) FROM crm.campaign c LEFT JOIN crm.feedback f ON f.campaign_id = c.id \
         GROUP BY c.id ORDER BY c.id",
        "SELECT c.name, count(f.id) FROM crm.campaign c LEFT JOIN crm.feedback f ON f.campaign_id = c.id \
         GROUP BY c.id ORDER BY c.id",
    );
    refused("erin", "SELECT * FROM crm.ticket", DENIED);
}

#[test]
fn service_reads_numbers_off_a_list() {
    sees(
        "frank",
        "SELECT id, phone FROM crm.account ORDER BY id",
        &format!("SELECT id, {MASKED_PHONE} FROM crm.account WHERE NOT is_vip ORDER BY id"),
    );
    sees("frank", "SELECT count(*) FROM crm.account WHERE phone LIKE '1381%'", "SELECT 0");
    sees(
        "frank",
        "SELECT count(*) FROM crm.ticket",
        "SELECT count(*) FROM crm.ticket WHERE assignee_id IN \
         (SELECT id FROM crm.employee WHERE department_id IN (5, 51, 52))",
    );
    refused("frank", "UPDATE crm.account SET phone = '1' WHERE id = 1", DENIED);
}

#[test]
fn management_or_an_administrator_misses_something() {
    for login in ["grace", "henry"] {
        for sql in [
            "SELECT * FROM crm.contact ORDER BY id LIMIT 50",
            "SELECT count(*), sum(credit_limit), sum(internal_score) FROM crm.account",
            "SELECT * FROM crm.payment ORDER BY id LIMIT 20",
            "SELECT * FROM crm.客户 ORDER BY 编号 LIMIT 20",
        ] {
            sees(login, sql, sql);
        }
    }
}

#[test]
fn a_view_shows_rows_of_the_tables_below_that_are_not_hers() {
    let mine = format!(
        "owner_id = 104 OR {}",
        brought_to(104, "'role:sales_rep', 'team:7', 'department:21'")
    );
    sees(
        "alice",
        "SELECT id, name, phone FROM crm.account_overview ORDER BY id",
        &format!("SELECT id, name, phone FROM crm.account WHERE {mine} ORDER BY id"),
    );
    sees(
        "alice",
        "SELECT stage, opportunities FROM crm.pipeline ORDER BY stage",
        &format!(
            "SELECT o.stage, count(*) FROM crm.opportunity o WHERE o.owner_id = 104 \
             AND o.stage NOT IN ('won', 'lost') AND o.account_id IN (SELECT id FROM crm.account WHERE {mine}) \
             GROUP BY 1 ORDER BY 1"
        ),
    );
    refused("alice", "SELECT * FROM crm.department_revenue", DENIED);
    refused("alice", "SELECT * FROM crm.receivables", DENIED);
}

#[test]
fn a_representative_writes_what_is_not_granted() {
    for sql in [
        "DELETE FROM crm.account WHERE id = 1",
        "UPDATE crm.account SET owner_id = 103 WHERE id = 1",
        "UPDATE crm.account SET credit_limit = 1 WHERE id = 1",
        "INSERT INTO crm.account (name, owner_id) VALUES ('x', 103)",
        "INSERT INTO crm.account (name) VALUES ('x')",
        "INSERT INTO crm.payment (invoice_id, amount, method, paid_at) VALUES (1, 1, 'x', now())",
        "TRUNCATE crm.account",
        "DROP TABLE crm.account",
        "CREATE TABLE crm.mine (i int)",
        "COPY crm.account TO STDOUT",
        "SELECT crm.account_summary(4)",
        "SELECT nextval('crm.account_id_seq')",
        "SELECT * FROM pg_catalog.pg_authid",
        "SET ROLE postgres",
    ] {
        let code = ask(&gateway().login("alice"), sql).expect_err(sql);
        assert!(["42501", "0A000"].contains(&code.as_str()), "{sql}: {code}");
    }
    // Rows that are not hers are not there.
    let login = gateway().login("alice");
    let count = ask(
        &login,
        "WITH c AS (UPDATE crm.account SET note = 'x' WHERE id = 4 RETURNING 1) SELECT count(*) FROM c",
    );
    assert!(count == Ok(vec![vec![Some("0".to_owned())]]) || count.is_err(), "{count:?}");
    sees("henry", "SELECT count(*) FROM crm.account WHERE note = 'x'", "SELECT 0");
}

#[test]
fn a_service_account_has_rights_of_its_own() {
    let login = gateway().login("crm_app");
    let code = ask(&login, "SELECT count(*) FROM crm.account");
    assert_eq!(code, Err("42501".to_owned()));
    let alice = ask(&gateway().login("alice"), "SELECT count(*) FROM crm.account");
    let mut acting = login.config();
    acting.options("-c rowgate.user=alice");
    assert_eq!(ask_as(&acting, "SELECT count(*) FROM crm.account"), alice);
    acting.options("-c rowgate.user=grace");
    let refusal = ask_as(&acting, "SELECT 1");
    assert!(refusal.is_err(), "it acts as management: {refusal:?}");
}

/// Numbers at the ends of their types, and around the steps.
const EXTREMES: &str = "CREATE TABLE crm.extremes (id int PRIMARY KEY, small smallint, plain integer, big bigint); \
     INSERT INTO crm.extremes VALUES (1, 0, 0, 0), (2, 32767, 2147483647, 9223372036854775807), \
     (3, -32768, -2147483648, -9223372036854775808), (4, 999, 999, 999), (5, -999, -999, -999), \
     (6, 1000, 1000, 1000), (7, -1000, -1001, -1999), (8, NULL, NULL, NULL); \
     GRANT SELECT ON crm.extremes TO rowgate";

#[test]
fn a_number_is_cut_to_another_multiple_or_a_mask_fails_at_the_ends_of_its_type() {
    let server = private_server("rounding");
    runtime().block_on(server.cluster.run(DATABASE, EXTREMES)).unwrap();
    let steps = ["1", "7", "1000", "40000", "1000000000"];
    let gateway = gateway_before(
        &server,
        "gateway",
        |folder| {
            let mut policy = String::from("roles:\n");
            for (number, step) in steps.iter().enumerate() {
                hire(
                    folder,
                    &[&format!("login: r{number}, id: {}, roles: [r{number}]", 9200 + number)],
                );
                let mask = format!("{{ kind: round, step: {step} }}");
                let _ = writeln!(
                    policy,
                    "  r{number}:\n    grants:\n      - tables: [crm.extremes]\n        read: {{ scope: all, \
                     masks: {{ small: {mask}, plain: {mask}, big: {mask} }} }}"
                );
            }
            fs::write(folder.join("policies/rounding.yaml"), policy).unwrap();
        },
        |gateway| Wire::login_with_quietly(&gateway.login("henry")),
    );
    for (number, step) in steps.iter().enumerate() {
        let cut = |column: &str| format!("(trunc({column}::numeric / {step}) * {step})::text");
        let expected = format!(
            "SELECT id::text, {}, {}, {} FROM crm.extremes ORDER BY id",
            cut("small"),
            cut("plain"),
            cut("big")
        );
        let found = ask(
            &gateway.login(&format!("r{number}")),
            "SELECT id, small, plain, big FROM crm.extremes ORDER BY id",
        );
        assert_eq!(found, ask(&server.login(DATABASE), &expected), "{step}");
        assert_eq!(found.unwrap().len(), 8);
    }
}
