//! Filters that stand in the client's own WHERE, and relations that must not be left where they are.

use super::{Protocol, plan, refused, rewritten, world};

/// The filter over the row called this.
fn filter(alias: &str) -> String {
    format!("(\"{alias}\".\"owner_id\" = CAST( '7' AS \"pg_catalog\".\"int4\"))")
}

fn note(alias: &str) -> String {
    format!(
        "(\"{alias}\".\"id\" IN (SELECT \"\u{2}1\".\"account_id\" FROM \"crm\".\"contact\" AS \
         \"\u{2}1\" WHERE \"\u{2}1\".\"owner_id\" = CAST( '7' AS \"pg_catalog\".\"int4\")))"
    )
}

#[test]
fn a_filter_is_joined_to_all_of_the_clients_condition() {
    let (contact, c) = (filter("contact"), filter("c"));
    for (sql, expected) in [
        ("SELECT id FROM contact", format!("SELECT id FROM \"crm\".\"contact\" WHERE {contact}")),
        (
            "SELECT * FROM contact c WHERE c.id = 1 OR true",
            format!("SELECT * FROM \"crm\".\"contact\" c WHERE {c} AND ( c.id = 1 OR true )"),
        ),
        (
            "SELECT crm.contact.id FROM crm.contact WHERE crm.contact.id = 1 ORDER BY name LIMIT 3",
            format!(
                "SELECT contact.id FROM \"crm\".\"contact\" WHERE {contact} AND ( contact.id = 1 ) \
                 ORDER BY name LIMIT 3"
            ),
        ),
        (
            "SELECT count(*) FROM contact AS c -- all\n GROUP BY account_id HAVING count(*) > 1",
            format!(
                "SELECT count(*) FROM \"crm\".\"contact\" AS c WHERE {c} -- all GROUP BY \
                 account_id HAVING count(*) > 1"
            ),
        ),
        (
            "SELECT id FROM contact WHERE id = 1 UNION (SELECT id FROM contact c) FETCH FIRST ROW ONLY",
            format!(
                "SELECT id FROM \"crm\".\"contact\" WHERE {contact} AND ( id = 1 ) UNION (SELECT id \
                 FROM \"crm\".\"contact\" c WHERE {c} ) FETCH FIRST ROW ONLY"
            ),
        ),
        (
            "SELECT 1 FROM plain p WHERE EXISTS (SELECT FROM contact c WHERE c.id = p.id)",
            format!(
                "SELECT 1 FROM \"crm\".\"plain\" p WHERE EXISTS (SELECT FROM \"crm\".\"contact\" c \
                 WHERE {c} AND ( c.id = p.id ) )"
            ),
        ),
        (
            "SELECT 1 FROM contact c JOIN note n ON n.id = c.id LEFT JOIN plain p ON p.id = c.id WHERE p.id = 1 OR true",
            format!(
                "SELECT 1 FROM \"crm\".\"contact\" c JOIN \"crm\".\"note\" n ON n.id = c.id LEFT JOIN \
                 \"crm\".\"plain\" p ON p.id = c.id WHERE {c} AND {} AND ( p.id = 1 OR true )",
                note("n")
            ),
        ),
        (
            "SELECT 1 FROM ((contact c CROSS JOIN LATERAL (SELECT c.id FROM note WHERE true) x)), contact",
            format!(
                "SELECT 1 FROM (( \"crm\".\"contact\" c CROSS JOIN LATERAL (SELECT c.id FROM \
                 \"crm\".\"note\" WHERE {} AND ( true ) ) x)), \"crm\".\"contact\" WHERE {c} AND {contact}",
                note("note")
            ),
        ),
        (
            "SELECT (SELECT 1 FROM note n WHERE max(c.id) WITHIN GROUP (ORDER BY c.id) > 1) FROM contact c",
            format!(
                "SELECT (SELECT 1 FROM \"crm\".\"note\" n WHERE {} AND ( max(c.id) WITHIN GROUP (ORDER \
                 BY c.id) > 1 ) ) FROM \"crm\".\"contact\" c WHERE {c}",
                note("n")
            ),
        ),
        (
            "SELECT c.*, c.ctid FROM contact c",
            format!("SELECT c.*, c.ctid FROM \"crm\".\"contact\" c WHERE {c}"),
        ),
        (
            "SELECT 1 FROM ONLY (contact) AS c, plain WHERE c.id = 1",
            format!(
                "SELECT 1 FROM ONLY ( \"crm\".\"contact\" ) AS c, \"crm\".\"plain\" WHERE {c} AND ( \
                 c.id = 1 )"
            ),
        ),
        (
            "CREATE TEMP TABLE t AS SELECT id FROM contact WITH NO DATA",
            format!(
                "CREATE TEMP TABLE \"pg_temp\".\"t\" AS SELECT id FROM \"crm\".\"contact\" WHERE \
                 {contact} WITH NO DATA"
            ),
        ),
        (
            "SELECT id FROM contact c WHERE c.name = 'x ORDER BY' OR \"c\".\"name\" IN ('where') OFFSET 1",
            format!(
                "SELECT id FROM \"crm\".\"contact\" c WHERE {c} AND ( c.name = 'x ORDER BY' OR \
                 \"c\".\"name\" IN ('where') ) OFFSET 1"
            ),
        ),
    ] {
        assert_eq!(rewritten(sql), expected, "{sql}");
    }
}

#[test]
fn a_relation_is_left_in_place_where_its_filter_would_not_hold_or_a_mask_would_be_missing() {
    for sql in [
        // The nullable side of a join.
        "SELECT 1 FROM plain p LEFT JOIN contact c ON true",
        "SELECT 1 FROM plain p LEFT JOIN (plain q JOIN contact c ON true) ON true",
        "SELECT 1 FROM contact c RIGHT JOIN plain p ON true",
        "SELECT 1 FROM contact c FULL JOIN plain p ON true",
        // Its name does not reach WHERE, or not alone.
        "SELECT 1 FROM (plain p CROSS JOIN contact c) AS j",
        "SELECT 1 FROM contact JOIN (SELECT 1) contact ON true",
        // Other clauses.
        "SELECT 1 FROM generate_series(1, 2), contact c",
        "SELECT c.id FROM contact c NATURAL JOIN plain p",
        "SELECT 1 FROM contact TABLESAMPLE system (1)",
        "SELECT x FROM contact c (x)",
        "TABLE contact",
        // What the client computes could run before the filter.
        "SELECT 1 FROM contact WHERE 1 / id = 1",
        // A masked or denied column is read, or may be.
        "SELECT phone FROM account",
        "SELECT * FROM account",
        "SELECT a FROM account a",
        "SELECT count(a.*) FROM account a",
        "SELECT id FROM account WHERE phone = '1'",
        "SELECT id FROM account ORDER BY phone",
        "SELECT name AS phone FROM account ORDER BY phone",
        "SELECT name AS secret FROM account GROUP BY secret",
        "SELECT name AS \"secret\" FROM account",
        "SELECT (SELECT p.label AS phone FROM plain p WHERE p.id = a.id) FROM account a",
        "SELECT account.id FROM account WHERE EXISTS (SELECT FROM plain account)",
        "SELECT 'account' AS account FROM account",
        "SELECT id AS U&\"\\0073ecret\" FROM account",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("AS \"rowgate_row\""), "{sql}\n{text}");
    }
}

#[test]
fn a_statement_that_names_no_hidden_column_is_made_longer_than_it_has_to_be() {
    for sql in [
        "SELECT id FROM account",
        "SELECT a.id, a.name FROM crm.account AS a WHERE a.amount > 3 FOR UPDATE",
        "SELECT a.name FROM account a GROUP BY a.id",
        "SELECT count(*) FROM account",
        "SELECT account.id FROM account WHERE account.id IN (SELECT p.id FROM plain p)",
        "DECLARE c CURSOR FOR SELECT id FROM account WHERE id = 1",
    ] {
        let text = rewritten(sql);
        assert!(!text.contains("rowgate_row"), "{sql}\n{text}");
        assert_eq!(text.matches(" = CAST( '7'").count(), 1, "{sql}\n{text}");
    }
}

#[test]
fn a_policys_own_relation_of_the_aliass_name_takes_the_rows_columns() {
    // The filter looks into crm.contact, by a name that no client can write.
    let text = rewritten("SELECT id FROM note AS contact");
    let filter = "WHERE (\"contact\".\"id\" IN (SELECT \"\u{2}1\".\"account_id\" FROM";
    assert!(text.contains(filter), "{text}");
    let refusal = refused("SELECT id FROM note AS \"\u{2}1\"");
    assert_eq!(refusal.sqlstate.0, "0A000", "{refusal}");
}

#[test]
fn a_plan_in_place_loses_its_filter_when_it_is_found_again() {
    let world = world();
    let ask = |sql: &str| plan(&world, Protocol::Simple, sql).expect("planned");
    let first = ask("SELECT id FROM contact WHERE id = 1 OR id = 2");
    let again = ask("SELECT id FROM contact WHERE id = 13 OR id = 24");
    assert_eq!(world.planner.counts().hits, 1);
    assert_eq!(again, first.replace("= 1 ", "= 13 ").replace("= 2", "= 24"));
    assert_eq!(world.planner.counts().verifier_refusals, 0);
}
