//! What of SELECT depends on bind parameters, on the server's version, or on what somebody made.

use super::{plan, plan_as, refused, rewritten, world};
use crate::ids::TypeId;
use crate::planner::Protocol;

/// The rewritten text of a statement of the extended protocol whose parameters have no type.
fn bound(sql: &str) -> String {
    plan(&world(), Protocol::Extended { declared: &[] }, sql)
        .unwrap_or_else(|refusal| panic!("{sql}: {refusal}"))
}

fn is_fenced(text: &str) -> bool {
    text.contains("OFFSET 0")
}

#[test]
fn a_bound_pattern_costs_a_fence_or_is_taken_unseen() {
    let world = world();
    for (sql, values, taken) in [
        ("SELECT id FROM account WHERE name LIKE $1", &["%x%"][..], true),
        ("SELECT id FROM account WHERE name LIKE $1", &["x\\"][..], false),
        ("SELECT id FROM account WHERE name ILIKE '%' || $1", &["x\\"][..], false),
        ("SELECT id FROM account WHERE name LIKE '%' || $1 || '%'", &["x\\"][..], true),
        ("SELECT id FROM account WHERE name LIKE $1 ESCAPE '!'", &["x!"][..], false),
        ("SELECT id FROM account WHERE name LIKE $1 ESCAPE '!'", &["x\\"][..], true),
        ("SELECT id FROM account WHERE name LIKE $1 AND name LIKE $2", &["x", "y\\"][..], false),
    ] {
        let rewrite = plan_as(&world, false, Protocol::Extended { declared: &[] }, sql).expect(sql);
        assert!(!is_fenced(rewrite.text()), "{}", rewrite.text());
        let value = |number: u32| values.get(number as usize - 1).map(|value| value.as_bytes());
        assert_eq!(rewrite.plan().takes(value), taken, "{sql} {values:?}");
    }
}

#[test]
fn a_pattern_that_nobody_looked_at_is_tried_on_hidden_values() {
    for sql in [
        r"SELECT id FROM account WHERE name LIKE 'x\'",
        r"SELECT id FROM account WHERE name LIKE 'x!' ESCAPE '!'",
        "SELECT id FROM account WHERE name LIKE name || label_of(1)",
        "PREPARE p AS SELECT id FROM account WHERE name LIKE $1",
        "SELECT id FROM account WHERE name LIKE (SELECT label FROM plain WHERE id = 1)",
    ] {
        let Ok(text) = plan(&world(), Protocol::Simple, sql) else { continue };
        assert!(is_fenced(&text), "{text}");
        assert!(text.contains("COALESCE"), "the statistics are in sight: {text}");
    }
    // A parameter that a character type shortens is another pattern than the one that was bound.
    for declared in [1042, 19, 23] {
        let protocol = Protocol::Extended { declared: &[TypeId(declared)] };
        let text = plan(&world(), protocol, "SELECT id FROM account WHERE name LIKE $1").unwrap();
        assert!(is_fenced(&text), "{declared}: {text}");
    }
}

#[test]
fn a_parameter_that_stands_twice_costs_a_fence_where_it_has_one_type() {
    for sql in [
        "SELECT id FROM account WHERE $1::int4 IS NULL OR id = $1",
        "SELECT id FROM account WHERE name = $1 OR name LIKE $1",
        "SELECT id FROM account WHERE id = $1 AND owner_id = $1 AND amount = $2",
        "SELECT id FROM account WHERE id BETWEEN $1 AND $2 OR owner_id IN ($1, $2)",
    ] {
        let text = bound(sql);
        assert!(!is_fenced(&text), "{text}");
    }
}

#[test]
fn a_parameter_that_stands_twice_is_cast_where_it_fails() {
    for sql in [
        // Text first, and a number where it stands again.
        "SELECT id FROM account WHERE name = $1 AND id = $1::int4",
        "SELECT id FROM account WHERE $1 = name OR $1::int4 > 3",
        "SELECT id FROM account WHERE lower($1) = name AND $1 = amount",
        "SELECT id FROM account WHERE amount = $1 AND amount > $1 + 1",
    ] {
        let text = bound(sql);
        assert!(is_fenced(&text), "{text}");
    }
}

#[test]
fn row_comparisons_and_total_operators_cost_a_fence() {
    for sql in [
        "SELECT id FROM account WHERE (owner_id, id) > (3, 5)",
        "SELECT id FROM account WHERE (id, name) IN ((1, 'a'), (2, 'b'))",
        "SELECT id FROM account WHERE id % 10 = 3 AND id / 2 > 1",
        "SELECT id FROM account WHERE name || 'x' = 'ax'",
        "SELECT id FROM account WHERE name ~ '^a[0-9]+$'",
        "SELECT id FROM account WHERE lower(name) LIKE 'a%'",
    ] {
        let text = rewritten(sql);
        assert!(!is_fenced(&text), "{text}");
    }
    for sql in [
        "SELECT id FROM account WHERE (owner_id, id) > (3, 100 / id)",
        "SELECT id FROM account WHERE id % 0 = 3",
        "SELECT id FROM account WHERE id / -1 = 3",
        "SELECT id FROM account WHERE id % owner_id = 3",
        "SELECT id FROM account WHERE name ~ '(a'",
        "SELECT id FROM account WHERE name ~ name",
        "SELECT id FROM account WHERE name::int4 = 1",
    ] {
        let text = rewritten(sql);
        assert!(is_fenced(&text), "{text}");
    }
}

#[test]
fn a_construct_of_a_newer_grammar_calls_a_function_on_an_older_server() {
    // The catalogue of these tests is PostgreSQL 15's.
    for sql in [
        "SELECT JSON_VALUE(name, '$.x') FROM account",
        "SELECT JSON_OBJECT('a': id) FROM account",
        "SELECT JSON_ARRAYAGG(id) FROM account",
        "SELECT JSON_SCALAR(id) FROM account",
        "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a int PATH '$')) t",
    ] {
        let refusal = refused(sql);
        assert_eq!(refusal.sqlstate.0, "0A000", "{sql}: {refusal}");
        assert!(refusal.message.contains("PostgreSQL 1"), "{sql}: {refusal}");
    }
    // With plain arguments it is a name like any other, which nobody has here.
    assert_eq!(refused("SELECT json_object('{a,1}')").sqlstate.0, "42883");
}

#[test]
fn a_function_that_does_not_exist_is_reported_in_other_words_than_postgresqls() {
    let refusal = refused("SELECT name, nosuch(id, 'x', amount) FROM account");
    assert_eq!(refusal.sqlstate.0, "42883");
    assert_eq!(refusal.message, "function nosuch(integer, unknown, numeric) does not exist");
    assert_eq!(refusal.offset, Some(13));
}

#[test]
fn a_name_in_unicode_escapes_escapes_the_policy() {
    let text = rewritten(r#"SELECT a.name FROM U&"acc\006funt" a"#);
    assert!(text.contains("\"owner_id\" = "), "{text}");
    let text = rewritten(r#"SELECT name FROM crm.U&"acc!006funt" UESCAPE '!'"#);
    assert!(text.contains("\"owner_id\" = "), "{text}");
    let refusal = refused(r#"SELECT U&"secre\0074" FROM U&"h\0069dden""#);
    assert_eq!(refusal.sqlstate.0, "42501");
}
