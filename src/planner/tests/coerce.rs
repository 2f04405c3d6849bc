//! Casts and operators that somebody made, and that PostgreSQL applies where no text names them.

use super::{World, catalog_of, plan, world, world_as};
use crate::catalog::{CastContext, Function, FunctionKind, UserCast, UserOperator, Volatility};
use crate::ids::{FunctionId, TypeId};
use crate::planner::Protocol;

const GRANTED: &str = "      - functions: [crm.look_up]\n        execute: true\n";
const BOOL: u32 = 16;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const PHONE: u32 = 16_500;

fn function(name: &str, arguments: &[u32], result: u32) -> Function {
    Function {
        id: FunctionId(if name == "look_up" { 30_000 } else { 30_001 }),
        schema: "crm".into(),
        name: name.into(),
        arguments: arguments.iter().map(|id| TypeId(*id)).collect(),
        result: TypeId(result),
        kind: FunctionKind::Function,
        security_definer: true,
        volatility: Volatility::Stable,
        returns_set: false,
    }
}

/// A database in which somebody made this cast.
fn with_cast(source: u32, target: u32, context: CastContext, grants: &str) -> World {
    let cast = UserCast {
        source: TypeId(source),
        target: TypeId(target),
        function: Some(FunctionId(30_000)),
        context,
    };
    let look_up = function("look_up", &[source], target);
    world_as(catalog_of(vec![look_up], Vec::new(), vec![cast]), grants)
}

fn with_operator(name: &str, types: [u32; 2], grants: &str) -> World {
    let operator =
        UserOperator { schema: "crm".into(), name: name.into(), function: FunctionId(30_000) };
    let look_up = function("look_up", &types, BOOL);
    world_as(catalog_of(vec![look_up], vec![operator], Vec::new()), grants)
}

fn sqlstate(world: &World, sql: &str) -> Option<&'static str> {
    plan(world, Protocol::Simple, sql).err().map(|refusal| refusal.sqlstate.0)
}

fn runs(world: &World, statements: &[&str]) {
    for sql in statements {
        assert_eq!(sqlstate(world, sql), None, "{sql}");
    }
}

fn is_refused(world: &World, statements: &[&str]) {
    for sql in statements {
        let refusal = plan(world, Protocol::Simple, sql).expect_err(sql);
        assert_eq!(refusal.sqlstate.0, "42501", "{sql}: {refusal}");
        let named = ["cast to ", "operator "].iter().any(|what| refusal.message.contains(what));
        assert!(named, "{sql}: {refusal}");
    }
}

/// From the application's own type to one of PostgreSQL's.
const FROM_OWN: &[&str] = &[
    "SELECT id FROM device WHERE number = 'x'::text",
    "SELECT id FROM device WHERE number = 'x'",
    "SELECT id FROM device WHERE number || 'x' = 'y'",
    "SELECT id FROM device WHERE number LIKE 'x'",
    "SELECT id FROM device WHERE lower(number) = 'x'",
    "SELECT lower(d.number) FROM device d",
    "SELECT id FROM device WHERE number IN ('x', 'y')",
    "SELECT id FROM device WHERE label IN ('x', number)",
    "SELECT id FROM device WHERE number BETWEEN 'a' AND 'b'",
    "SELECT id FROM device WHERE label BETWEEN 'a' AND number",
    "SELECT id FROM device WHERE (label, id) = (number, 1)",
    "SELECT id FROM device WHERE label IS DISTINCT FROM number",
    "SELECT nullif(label, number) FROM device",
    "SELECT coalesce(label, number) FROM device",
    "SELECT greatest(label, number) FROM device",
    "SELECT ARRAY[label, number] FROM device",
    "SELECT CASE WHEN id = 1 THEN label ELSE number END FROM device",
    "SELECT CASE number WHEN 'x'::text THEN 1 END FROM device",
    "SELECT label FROM device UNION ALL SELECT number FROM device",
    "SELECT label FROM device EXCEPT SELECT d.number FROM device d",
    "SELECT id FROM device WHERE label IN (SELECT number FROM device)",
    "SELECT id FROM device WHERE label = ANY (SELECT number FROM device)",
    "SELECT id FROM device WHERE label = (SELECT max(number) FROM device)",
    "SELECT a.id FROM device a JOIN (SELECT number AS label FROM device) b USING (label)",
    "SELECT a.id FROM device a NATURAL JOIN (SELECT number AS label FROM device) b",
    "SELECT x.label FROM (VALUES ('a'::text), ((SELECT number FROM device))) x(label)",
    "INSERT INTO device (id, label) SELECT id, number FROM device",
    "INSERT INTO device (id, label) VALUES (1, 'x'::phone)",
    "UPDATE device SET label = number",
    "UPDATE device SET (label, number) = (SELECT 'x'::phone, 'y')",
    "UPDATE device SET id = 1 RETURNING lower(number)",
    "INSERT INTO device (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET label = excluded.number",
    "SELECT count(*) FILTER (WHERE number = 'x') FROM device",
    "SELECT lower(x) FROM (SELECT 'x'::phone AS x) y",
];

/// From one of PostgreSQL's to the application's own.
const TO_OWN: &[&str] = &[
    "INSERT INTO device (id, number) SELECT id, label FROM device",
    "INSERT INTO device (id, number) SELECT 1, x FROM (SELECT 'x' AS x) y",
    "INSERT INTO device (id, number) SELECT 1, x.* FROM (VALUES ('x')) x",
    "INSERT INTO device (id, number) VALUES (1, lower('X'))",
    "UPDATE device SET number = label",
    "UPDATE device SET number = label || 'x'",
    "INSERT INTO device (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET number = excluded.label",
    "SELECT coalesce(number, label) FROM device",
    "SELECT number FROM device UNION SELECT label FROM device",
    "SELECT number::phone FROM (SELECT label FROM device) x(number)",
];

#[test]
fn an_implicit_cast_calls_a_function_that_is_not_granted() {
    let own = with_cast(PHONE, TEXT, CastContext::Implicit, "");
    is_refused(&own, FROM_OWN);
    let other = with_cast(TEXT, PHONE, CastContext::Implicit, "");
    is_refused(&other, TO_OWN);
    // Between two of PostgreSQL's types.
    let numbers = with_cast(TEXT, INT4, CastContext::Implicit, "");
    is_refused(
        &numbers,
        &[
            "SELECT id FROM device WHERE label = 1",
            "SELECT id FROM device WHERE label + 1 > id",
            "SELECT id FROM device WHERE label = id",
            "SELECT coalesce(id, label) FROM device",
            "UPDATE device SET id = label",
            "SELECT id FROM device LIMIT (SELECT max(label) FROM device) + 1",
        ],
    );
    let truth = with_cast(TEXT, BOOL, CastContext::Implicit, "");
    is_refused(
        &truth,
        &[
            "SELECT id FROM device WHERE label",
            "SELECT id FROM device WHERE NOT label",
            "SELECT id FROM device WHERE id = 1 AND label",
            "SELECT CASE WHEN label THEN 1 END FROM device",
            "SELECT count(*) FILTER (WHERE label) FROM device",
            "SELECT a.id FROM device a JOIN device b ON a.label",
            "SELECT id FROM device GROUP BY id HAVING max(label)",
        ],
    );
}

#[test]
fn an_assignment_cast_calls_a_function_that_is_not_granted() {
    let world = with_cast(TEXT, PHONE, CastContext::Assignment, "");
    let (assigned, meets): (Vec<&str>, Vec<&str>) =
        TO_OWN.iter().partition(|sql| sql.starts_with("INSERT") || sql.starts_with("UPDATE"));
    is_refused(&world, &assigned);
    // PostgreSQL does not apply it there, and says so; a cast that is written out is one.
    for sql in meets {
        let expected = sql.contains("::phone").then_some("42501");
        assert_eq!(sqlstate(&world, sql), expected, "{sql}");
    }
    let truth = with_cast(TEXT, BOOL, CastContext::Assignment, "");
    is_refused(&truth, &["SELECT id FROM device WHERE label"]);
}

#[test]
fn a_cast_that_is_written_out_calls_a_function_that_is_not_granted() {
    for context in [CastContext::Explicit, CastContext::Assignment, CastContext::Implicit] {
        let world = with_cast(TEXT, PHONE, context, "");
        is_refused(
            &world,
            &[
                "SELECT name::phone FROM account",
                "SELECT CAST(lower(name) AS phone) FROM account",
                "SELECT ROW(1, name, 'x')::device FROM account",
            ],
        );
        runs(&world, &["SELECT 'x'::phone FROM account", "SELECT id::text FROM account"]);
    }
    // What has to be written out is not applied anywhere else.
    runs(&with_cast(PHONE, TEXT, CastContext::Explicit, ""), FROM_OWN);
}

#[test]
fn a_granted_cast_is_applied() {
    runs(&with_cast(PHONE, TEXT, CastContext::Implicit, GRANTED), FROM_OWN);
    runs(&with_cast(TEXT, PHONE, CastContext::Implicit, GRANTED), TO_OWN);
    let truth = with_cast(TEXT, BOOL, CastContext::Implicit, GRANTED);
    runs(&truth, &["SELECT id FROM device WHERE label"]);
}

#[test]
fn a_cast_that_somebody_made_refuses_statements_it_is_not_in() {
    for context in [CastContext::Implicit, CastContext::Assignment] {
        for (source, target) in [(PHONE, TEXT), (TEXT, PHONE), (INT4, TEXT), (TEXT, INT4)] {
            let world = with_cast(source, target, context, "");
            runs(
                &world,
                &[
                    "SELECT * FROM device",
                    "SELECT number, label FROM device WHERE id = 5 ORDER BY number, label",
                    "SELECT label FROM device WHERE label = 'x' AND number IS NULL",
                    "SELECT lower(label), count(*), count(number) FROM device GROUP BY 1",
                    "SELECT id FROM device WHERE label LIKE 'x%' AND id IN (1, 2)",
                    "SELECT id FROM device WHERE label || 'x' = lower(label)",
                    "SELECT a.name FROM account a JOIN device d USING (id) WHERE a.amount > 5",
                    "SELECT coalesce(label, 'x'), nullif(id, 0) FROM device",
                    "SELECT label FROM device UNION SELECT name FROM account",
                    "INSERT INTO device (id, number, label) VALUES (1, 'x', 'y')",
                    "INSERT INTO device SELECT * FROM device",
                    "UPDATE device SET label = lower(label), number = 'x' WHERE id = 1",
                    "SELECT CASE WHEN id = 1 THEN number END FROM device",
                    "SELECT id FROM account WHERE amount > 5 AND id + 1 > 2 LIMIT 10",
                ],
            );
        }
    }
}

#[test]
fn a_cast_that_can_fail_runs_on_rows_that_the_filter_hides() {
    let by_text = |target: u32, grants: &str| {
        let cast = UserCast {
            source: TypeId(TEXT),
            target: TypeId(target),
            function: None,
            context: CastContext::Implicit,
        };
        world_as(catalog_of(Vec::new(), Vec::new(), vec![cast]), grants)
    };
    let fenced = |world: &World, sql: &str| {
        plan(world, Protocol::Simple, sql).expect("it runs").contains("OFFSET 0")
    };
    let comparison = "SELECT id FROM device WHERE label = 1";
    let condition = "SELECT id FROM device WHERE label";
    assert!(fenced(&by_text(INT4, ""), comparison));
    assert!(fenced(&by_text(BOOL, ""), condition));
    assert!(!fenced(&by_text(INT4, ""), "SELECT id FROM device WHERE label = 'x'"));
    assert!(!fenced(&world(), comparison));
}

#[test]
fn an_operator_over_ones_own_type_calls_a_function_that_is_not_granted() {
    let equal = with_operator("=", [PHONE, PHONE], "");
    let meant = [
        "SELECT id FROM device WHERE number = 'x'",
        "SELECT id FROM device WHERE number IN ('x', 'y')",
        "SELECT id FROM device WHERE number IS DISTINCT FROM 'x'",
        "SELECT nullif(number, 'x') FROM device",
        "SELECT CASE number WHEN 'x' THEN 1 END FROM device",
        "SELECT id FROM device WHERE (number, id) = ('x', 1)",
        "SELECT id FROM device WHERE number IN (SELECT number FROM device)",
        "SELECT id FROM device WHERE number = ANY (ARRAY['x'::phone])",
        "SELECT a.id FROM device a JOIN device b USING (number)",
        "SELECT a.id FROM device a NATURAL JOIN device b",
    ];
    is_refused(&equal, &meant);
    runs(&with_operator("=", [PHONE, PHONE], GRANTED), &meant);
    runs(
        &equal,
        &[
            "SELECT number FROM device WHERE id = 5 AND label = 'x'",
            "SELECT a.id FROM account a JOIN device d USING (id)",
            "SELECT id FROM account WHERE amount = 5 AND name IN ('a', 'b')",
        ],
    );
    let between = with_operator("<=", [PHONE, PHONE], "");
    is_refused(&between, &["SELECT id FROM device WHERE number BETWEEN 'a' AND 'b'"]);
    let other = with_operator("===", [PHONE, PHONE], "");
    is_refused(&other, &["SELECT 'a' === 'b'", "SELECT id FROM device ORDER BY number USING ==="]);
}
