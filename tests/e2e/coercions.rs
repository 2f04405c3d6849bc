//! Casts and operators that somebody made: PostgreSQL calls their functions where no text names
//! them, with the rights of the gateway's role.

use std::fs;

use rowgate::demo::DATABASE;

use crate::harness::wire::{Wire, bind, errors, execute, parse, shown, sync, value};
use crate::harness::{gateway_before, hire, private_server, runtime};

/// Every function leaves a trace of its call, whatever becomes of the statement.
const SCHEMA: &str = "
    CREATE TYPE crm.number AS (digits text);
    CREATE SEQUENCE crm.calls;
    CREATE FUNCTION crm.to_text(crm.number) RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('crm.calls'); RETURN $1.digits; END $$;
    CREATE FUNCTION crm.to_number(text) RETURNS crm.number SECURITY DEFINER LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('crm.calls'); RETURN ROW($1)::crm.number; END $$;
    CREATE FUNCTION crm.to_bool(varchar) RETURNS bool SECURITY DEFINER LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('crm.calls'); RETURN $1 = 'yes'; END $$;
    CREATE FUNCTION crm.same(crm.number, crm.number) RETURNS bool SECURITY DEFINER LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('crm.calls'); RETURN $1.digits = $2.digits; END $$;
    CREATE CAST (crm.number AS text) WITH FUNCTION crm.to_text(crm.number) AS IMPLICIT;
    CREATE CAST (text AS crm.number) WITH FUNCTION crm.to_number(text) AS ASSIGNMENT;
    CREATE CAST (varchar AS bool) WITH FUNCTION crm.to_bool(varchar) AS ASSIGNMENT;
    CREATE OPERATOR crm.= (LEFTARG = crm.number, RIGHTARG = crm.number, FUNCTION = crm.same);
    CREATE TABLE crm.device (id int, number crm.number, label text, answer varchar(10));
    INSERT INTO crm.device VALUES (1, '(hidden)', 'hidden', 'hidden'), (2, '(200)', '200', 'yes');
    GRANT ALL ON crm.device, crm.calls TO rowgate;";

const POLICY: &str = r#"
roles:
  maker:
    grants:
      - tables: [crm.device]
        read: { scope: all, where: "id > 1" }
        create: true
        update: true
  caster:
    grants:
      - functions: [crm.to_text, crm.to_number, crm.to_bool, crm.same]
        execute: true
"#;

/// Each calls one of the functions when nobody stands between.
const CALLS: &[&str] = &[
    "SELECT id FROM crm.device WHERE number LIKE 'x%' ESCAPE 'y' OR id > 1",
    "SELECT id FROM crm.device WHERE lower(number) = '200'",
    "SELECT id FROM crm.device WHERE length(number) > 1",
    "SELECT id FROM crm.device WHERE number LIKE '2%'",
    "SELECT id FROM crm.device WHERE number ~ '2'",
    "SELECT concat(upper(number), 'x') FROM crm.device",
    "SELECT nullif(label, number) FROM crm.device",
    "SELECT id FROM crm.device WHERE label = number",
    "SELECT id FROM crm.device WHERE label IN ('x', number)",
    "SELECT id FROM crm.device WHERE label = ANY (ARRAY[number::text])",
    "SELECT id FROM crm.device WHERE label BETWEEN '1' AND number",
    "SELECT id FROM crm.device WHERE (label, id) = (number, 2)",
    "SELECT id FROM crm.device WHERE label IN (SELECT number FROM crm.device)",
    "SELECT a.id FROM crm.device a JOIN crm.device b USING (number)",
    "SELECT a.id FROM crm.device a NATURAL JOIN (SELECT number FROM crm.device) b",
    "SELECT id FROM crm.device WHERE number = ROW('200')::crm.number",
    "SELECT id FROM crm.device WHERE number IN (ROW('1')::crm.number, ROW('2')::crm.number)",
    "SELECT id FROM crm.device WHERE number IS DISTINCT FROM ROW('1')::crm.number",
    "SELECT CASE number WHEN ROW('200')::crm.number THEN 1 END FROM crm.device",
    "SELECT id FROM crm.device WHERE number = ANY (SELECT number FROM crm.device)",
    "SELECT number::text FROM crm.device",
    "SELECT label::crm.number FROM crm.device",
    "SELECT id FROM crm.device WHERE answer",
    "SELECT id FROM crm.device WHERE NOT answer AND id = 2",
    "SELECT count(*) FILTER (WHERE answer) FROM crm.device",
    "SELECT CASE WHEN answer THEN 1 END FROM crm.device",
    "UPDATE crm.device SET number = label",
    "UPDATE crm.device SET label = number",
    "UPDATE crm.device SET (number, id) = (SELECT '3'::text, 2) WHERE id = 2",
    "INSERT INTO crm.device (id, number) VALUES (3, '3'::text)",
    "INSERT INTO crm.device (id, number) SELECT 4, x FROM (SELECT '3' AS x) y",
    "INSERT INTO crm.device (id, number) SELECT 4, lower('X')",
    "WITH x AS (INSERT INTO crm.device (id, label) SELECT 5, number FROM crm.device RETURNING id) TABLE x",
    "MERGE INTO crm.device d USING crm.device s ON d.id = s.id WHEN MATCHED THEN UPDATE SET number = s.label",
];

/// PostgreSQL refuses these, since the types are of two categories; nobody should rely on it.
const NEAR: &[&str] = &[
    "SELECT coalesce(label, number) FROM crm.device WHERE label IS NULL OR number::text = '200'",
    "SELECT CASE WHEN id = 1 THEN label ELSE number END FROM crm.device",
    "SELECT ARRAY[label, number] FROM crm.device",
    "SELECT greatest(label, number) FROM crm.device",
    "SELECT label FROM crm.device UNION ALL SELECT number FROM crm.device",
    "SELECT a.id FROM crm.device a JOIN (SELECT number AS label FROM crm.device) b USING (label)",
];

#[test]
fn a_function_that_is_not_granted_runs_because_a_cast_or_operator_implies_it() {
    let server = private_server("coercing");
    runtime().block_on(server.cluster.run(DATABASE, SCHEMA)).unwrap();
    let gateway = gateway_before(
        &server,
        "gateway",
        |folder| {
            hire(
                folder,
                &[
                    "login: maker, id: 9104, roles: [maker]",
                    "login: caster, id: 9105, roles: [maker, caster]",
                ],
            );
            fs::write(folder.join("policies/device.yaml"), POLICY).unwrap();
        },
        |gateway| Wire::login_with_quietly(&gateway.login("henry")),
    );
    let mut henry = Wire::login(&gateway.login("henry"));
    let mut calls = || {
        let last = "SELECT last_value + is_called::int FROM crm.calls";
        value(&henry.query(last)).unwrap().parse::<i64>().unwrap()
    };
    let mut maker = Wire::login(&gateway.login("maker"));
    let mut wrong = Vec::new();
    let mut caster = Wire::login(&gateway.login("caster"));
    for sql in CALLS {
        let before = calls();
        let path = "SET search_path = crm, pg_catalog";
        for protocol in ["simple", "extended"] {
            maker.query("BEGIN");
            maker.query(path);
            let answer = match protocol {
                "simple" => maker.query(sql),
                _ => maker.batch(&[
                    parse("", sql, &[]),
                    bind("", "", &[], &[], &[]),
                    execute("", 0),
                    sync(),
                ]),
            };
            if errors(&answer) != ["42501"] {
                wrong.push(format!("{protocol} {sql}: {:?}", shown(&answer)));
            }
            maker.query("ROLLBACK");
        }
        assert_eq!(calls(), before, "{sql}");
        // With the grant it runs, and then the function is called.
        caster.query("BEGIN");
        caster.query(path);
        let answer = caster.query(sql);
        let shown = shown(&answer);
        let hidden = shown.iter().any(|line| line.contains("hidden"));
        caster.query("ROLLBACK");
        if !errors(&answer).is_empty() || hidden || calls() == before {
            wrong.push(format!("{sql}: {shown:?}"));
        }
    }
    for sql in NEAR {
        let answer = maker.query(sql);
        assert_eq!(errors(&answer), ["42501"], "{sql}: {:?}", shown(&answer));
    }
    assert_eq!(wrong, Vec::<String>::new());
    for sql in [
        "SELECT id, number, label FROM crm.device WHERE label = '200' AND id = 2",
        "SELECT count(number), max(label) FROM crm.device WHERE number IS NOT NULL",
        "SELECT coalesce(label, 'x'), lower(answer) FROM crm.device ORDER BY label",
        "SELECT a.name FROM crm.device d JOIN crm.device a(id, number, name) USING (id)",
        "INSERT INTO crm.device VALUES (7, '(7)', '7', 'no') RETURNING id",
        "UPDATE crm.device SET label = label || 'x', number = '(8)' WHERE id = 7",
    ] {
        let answer = maker.query(sql);
        assert_eq!(errors(&answer), Vec::<String>::new(), "{sql}: {:?}", shown(&answer));
    }
}
