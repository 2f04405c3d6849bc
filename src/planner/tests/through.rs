//! Writing through a view: the rules of the table over the columns of the view, and nothing where
//! they could not be judged there.

use super::{open_accounts, refused, rewritten};
use crate::planner::Planner;

#[test]
fn the_rules_of_the_table_are_forgotten_over_a_view() {
    insta::assert_snapshot!(rewritten(
        "UPDATE open_accounts AS o SET title = o.phone WHERE o.id = 5 RETURNING *"
    ));
    insta::assert_snapshot!(rewritten("DELETE FROM open_accounts WHERE 1 / id > 0"));
    insta::assert_snapshot!(rewritten(
        "INSERT INTO open_accounts (id, title, owner_id) VALUES (1, 'a', 7) RETURNING id"
    ));
}

#[test]
fn a_view_is_written_through_where_its_rules_are_not_judged() {
    for (sql, code) in [
        // Whose the row is, is not to be seen; and what it computes is not stored.
        ("UPDATE account_names SET label = 'x'", "0A000"),
        ("INSERT INTO account_names (id, label) VALUES (1, 'x')", "0A000"),
        ("DELETE FROM account_ratios", "0A000"),
        ("DELETE FROM totals", "0A000"),
        ("INSERT INTO open_accounts (id, owner_id) VALUES (1, 7) ON CONFLICT DO NOTHING", "0A000"),
        (
            "MERGE INTO open_accounts o USING plain p ON p.id = o.id WHEN MATCHED THEN DELETE",
            "0A000",
        ),
        ("COPY open_accounts FROM STDIN", "42809"),
        // As on the table.
        ("UPDATE open_accounts SET owner_id = 8", "42501"),
        ("UPDATE open_accounts SET name = 'x'", "42703"),
    ] {
        let refusal = refused(sql);
        assert_eq!(refusal.sqlstate.0, code, "{sql}: {refusal}");
    }
}

#[test]
fn a_write_through_a_view_is_on_record_as_one_of_the_view_alone() {
    let world = super::world();
    let path = crate::catalog::SearchPath::new(["pg_catalog", "crm"]);
    let context = crate::planner::PlanContext {
        catalog: &world.catalog,
        policy: &world.policy,
        roles: &world.subject.roles,
        unrestricted: false,
        shape: world.subject.identity.shape(),
        search_path: &path,
        protocol: super::Protocol::Simple,
    };
    let planner = Planner::new(1 << 20, "marker".to_owned());
    let sql = "UPDATE open_accounts SET title = 'x' WHERE id = 5";
    let rewrite = planner.rewrite(context, sql, &world).unwrap();
    let touched = rewrite.plan().touched();
    let stored = touched.iter().find(|touched| &*touched.name == "crm.account").unwrap();
    assert_eq!(stored.columns, ["id".into()]);
    assert!(!stored.filter.is_empty());
    let view = open_accounts().id;
    assert!(touched.iter().any(|touched| touched.relation == view));
}
