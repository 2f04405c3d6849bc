//! Constants that become bind parameters, and those that must not.

use super::{Protocol, plan_as, world};
use crate::ids::TypeId;
use crate::rewrite::Rewrite;

/// The text as it is planned after `before`, of the same shape.
fn again(before: &str, sql: &str, protocol: Protocol<'_>) -> Rewrite {
    let world = world();
    let ask = |sql: &str| {
        plan_as(&world, false, protocol, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"))
    };
    // What is new is verified as it stands.
    assert!(ask(before).lifted().is_empty(), "{before}");
    let rewrite = ask(sql);
    assert_eq!(world.planner.counts().verifier_refusals, 0);
    rewrite
}

fn text(rewrite: &Rewrite) -> String {
    rewrite.text().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_lifted_constant_has_another_type_or_value_than_it_had_in_the_text() {
    let lifted = again(
        "SELECT name FROM contact c WHERE c.id = 1 AND c.name <> 'a' AND account_id IN (9000000000, 2) LIMIT 1",
        "SELECT name FROM contact c WHERE c.id = 77 AND c.name <> 'it''s' AND account_id IN (3000000000, 2) \
         LIMIT 21",
        Protocol::Lifting,
    );
    assert_eq!(
        text(&lifted),
        "SELECT name FROM \"crm\".\"contact\" c WHERE (\"c\".\"owner_id\" = CAST( $6 AS \
         \"pg_catalog\".\"int4\")) AND ( c.id = $1 AND c.name <> $2 AND account_id IN ( $3 , $4 ) ) \
         LIMIT $5"
    );
    let constants: Vec<(TypeId, &str)> = lifted
        .lifted()
        .iter()
        .map(|constant| (constant.type_id, constant.value.as_str()))
        .collect();
    let (int4, int8, unknown) = (TypeId(23), TypeId(20), TypeId(0));
    assert_eq!(
        constants,
        [(int4, "77"), (unknown, "it's"), (int8, "3000000000"), (int4, "2"), (int4, "21")]
    );
    assert_eq!((lifted.client_parameters(), lifted.identity().len()), (5, 1));
}

#[test]
fn a_constant_is_lifted_where_the_plan_or_the_answer_may_become_another_one() {
    for (before, sql) in [
        // Not one row by its key.
        ("SELECT id FROM contact WHERE name = 'a'", "SELECT id FROM contact WHERE name = 'b'"),
        ("SELECT id FROM contact WHERE id > 1", "SELECT id FROM contact WHERE id > 2"),
        (
            "SELECT id FROM contact WHERE id = 1 OR id = 2",
            "SELECT id FROM contact WHERE id = 3 OR id = 4",
        ),
        ("SELECT id FROM contact WHERE NOT id = 1", "SELECT id FROM contact WHERE NOT id = 2"),
        (
            "SELECT c.id FROM contact c, plain p WHERE c.id = 1",
            "SELECT c.id FROM contact c, plain p WHERE c.id = 2",
        ),
        // The filter asks another relation; how it is best asked depends on whom it is for.
        ("SELECT id FROM note WHERE id = 1", "SELECT id FROM note WHERE id = 2"),
        // No SELECT alone.
        ("DELETE FROM account WHERE id = 1", "DELETE FROM account WHERE id = 2"),
        (
            "SELECT id FROM contact WHERE id = 1; SELECT 1",
            "SELECT id FROM contact WHERE id = 1; SELECT 1",
        ),
        (
            "EXPLAIN SELECT id FROM contact WHERE id = 1",
            "EXPLAIN SELECT id FROM contact WHERE id = 1",
        ),
        (
            "COPY (SELECT id FROM account WHERE id = 1) TO STDOUT",
            "COPY (SELECT id FROM account WHERE id = 1) TO STDOUT",
        ),
        // Other spellings of constants.
        ("SELECT id FROM contact WHERE id = -1", "SELECT id FROM contact WHERE id = -2"),
        (
            "SELECT id FROM contact WHERE id = 1 AND account_id > -1",
            "SELECT id FROM contact WHERE id = 2 AND account_id > -2",
        ),
        (
            "SELECT id FROM contact WHERE id = 1 AND name = 'a'\n'b'",
            "SELECT id FROM contact WHERE id = 2 AND name = 'a'\n'b'",
        ),
        (
            "SELECT id FROM contact WHERE id = 1 AND account_id < 1.5",
            "SELECT id FROM contact WHERE id = 2 AND account_id < 2.5",
        ),
    ] {
        let rewrite = again(before, sql, Protocol::Lifting);
        assert!(rewrite.lifted().is_empty(), "{sql}\n{}", text(&rewrite));
        assert!(!rewrite.text().contains('$'), "{sql}\n{}", text(&rewrite));
    }
    let (before, sql) =
        ("SELECT id FROM contact WHERE id = 1", "SELECT id FROM contact WHERE id = 2");
    for protocol in [Protocol::Simple, Protocol::Extended { declared: &[] }] {
        assert!(again(before, sql, protocol).lifted().is_empty(), "{protocol:?}");
    }
    assert_eq!(again(before, sql, Protocol::Lifting).lifted().len(), 1);
}
