//! What comes again in statements that were never seen: printed under its own rules only.

use super::{World, catalog, plan_by, world, world_as};
use crate::planner::{Planner, Protocol};

/// Statements that differ in one thing that a derived table or a filter depends on.
const STATEMENTS: [&str; 31] = [
    "SELECT phone FROM account",
    "SELECT phone, name FROM account",
    "SELECT phone, ctid FROM account",
    "SELECT phone, xmin FROM account",
    "SELECT phone FROM ONLY account",
    "SELECT phone FROM account WHERE 1 / id > 0",
    "SELECT phone FROM account WHERE id = 5 AND 1 / id > 0",
    "SELECT phone FROM account WHERE id = 6 AND 1 / id > 0",
    "SELECT phone FROM account WHERE name LIKE id::text AND 1 / id > 0",
    "SELECT phone FROM account FOR UPDATE",
    "SELECT phone FROM account AS a",
    "SELECT * FROM account",
    "SELECT a.phone FROM account AS a, account AS b WHERE a.id = b.id",
    "SELECT phone FROM account TABLESAMPLE system (5)",
    "SELECT phone FROM lead",
    "SELECT id FROM lead WHERE phone = '5'",
    "SELECT id FROM lead WHERE phone = '6'",
    "SELECT id FROM lead WHERE phone IN ('5', '6')",
    "SELECT id FROM contact",
    "SELECT c.id FROM contact AS c",
    "SELECT c.id FROM contact AS c WHERE c.id = 5",
    "SELECT c.id FROM contact AS c FOR UPDATE",
    "SELECT c.id FROM contact AS d, contact AS c",
    "SELECT id FROM note",
    "SELECT id FROM device",
    "SELECT id FROM open_accounts",
    "SELECT title FROM open_accounts",
    "UPDATE account SET name = 'x' FROM contact AS c WHERE c.id = account.id",
    "UPDATE open_accounts SET title = 'x' WHERE id = 5",
    "DELETE FROM account USING contact AS c WHERE c.id = account.id",
    "COPY (SELECT phone FROM account) TO STDOUT",
];

/// What a statement becomes, and what the audit log tells of it.
fn becomes(planner: &Planner, world: &World, protocol: Protocol<'_>, sql: &str) -> String {
    match plan_by(planner, world, false, protocol, sql) {
        Ok(rewrite) => format!("{} {:?}", rewrite.text(), rewrite.plan().touched()),
        Err(refusal) => format!("{refusal} {}", refusal.reason),
    }
}

#[test]
fn what_was_printed_or_verified_for_one_statement_stands_in_another_one() {
    let worlds = [world(), world_as(catalog(), MORE)];
    let remembering = Planner::new(8 << 20, "marker".to_owned());
    let forgetful = Planner::new(0, "marker".to_owned());
    let mut planned = 0;
    for round in 0..3 {
        for sql in STATEMENTS {
            // Another shape each time: no plan is found.
            let sql = format!("{sql}{}", ";".repeat(round));
            for world in &worlds {
                for protocol in [Protocol::Simple, Protocol::Extended { declared: &[] }] {
                    let fresh = becomes(&forgetful, world, protocol, &sql);
                    assert_eq!(becomes(&remembering, world, protocol, &sql), fresh, "{sql}");
                    planned += usize::from(fresh.contains("rowgate_row"));
                }
            }
        }
    }
    assert!(planned > 100, "{planned}");
    assert_eq!(remembering.counts().verifier_refusals, 0);
}

/// Another policy for the same people: the filters of contacts and devices are others.
const MORE: &str = r#"
      - tables: [crm.contact]
        read: { scope: all, where: "id > 70" }
      - tables: [crm.lead]
        read: { scope: all }
"#;
