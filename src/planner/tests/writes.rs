//! ON CONFLICT, MERGE and data-modifying WITH: what is asked before a row is met, and where the
//! clauses are found.

use super::{Protocol, plan, refused, rewritten, world};

/// As on a server whose MERGE has RETURNING.
fn on_17(sql: &str) -> String {
    let mut world = world();
    world.catalog.server_version = 170_000;
    let text = plan(&world, Protocol::Simple, sql)
        .unwrap_or_else(|refusal| panic!("{sql}\nrefused: {refusal} ({})", refusal.reason));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_row_in_the_way_is_asked_for_before_the_client_reads_it() {
    insta::assert_snapshot!(rewritten(
        "INSERT INTO account AS a (id, name, owner_id) SELECT id, label, 7 FROM plain WHERE id > 5 \
         ON CONFLICT (id) WHERE amount > 0 DO UPDATE SET name = a.phone || excluded.phone \
         WHERE a.phone <> excluded.phone RETURNING a.name"
    ));
    insta::assert_snapshot!(rewritten(
        "INSERT INTO account (id, owner_id) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET name = 'x'"
    ));
}

#[test]
fn words_that_look_like_the_clauses_of_on_conflict_are_none() {
    for sql in [
        "INSERT INTO account (id, owner_id) SELECT p.id AS do, 7 AS update FROM plain p \
         WHERE p.id IN (SELECT id FROM plain WHERE true) \
         ON CONFLICT (id) DO UPDATE SET name = (SELECT max(label) FROM plain WHERE id = excluded.id)",
        "INSERT INTO account (id, owner_id) SELECT id, 7 FROM plain WHERE label = 'do update set' \
         ON CONFLICT ON CONSTRAINT account_pkey DO UPDATE SET name = excluded.name \
         WHERE account.name IN (SELECT label FROM plain WHERE true) RETURNING id AS where",
    ] {
        let text = rewritten(sql);
        assert_eq!(text.matches("markerc20000").count(), 1, "{text}");
    }
}

#[test]
fn excluded_is_the_clients_own_row_and_shows_no_denied_column() {
    let insert = "INSERT INTO account (id, owner_id) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET";
    let text = rewritten(&format!("{insert} name = excluded.phone, phone = account.phone"));
    assert!(text.contains("name = excluded.phone,"), "{text}");
    assert!(!text.contains("= account.phone"), "{text}");
    for reads in ["excluded.secret::text", "account.secret::text"] {
        let refusal = refused(&format!("{insert} name = {reads}"));
        assert_eq!(refusal.sqlstate.0, "42703", "{reads}");
    }
    assert_eq!(refused(&format!("{insert} name = excluded::text")).sqlstate.0, "0A000");
    let infer = "INSERT INTO account (id) VALUES (1) ON CONFLICT (secret) DO NOTHING";
    assert_eq!(refused(infer).sqlstate.0, "42703");
    assert_eq!(refused(&format!("{insert} owner_id = 8")).sqlstate.0, "42501");
}

#[test]
fn do_nothing_needs_no_more_than_an_insert() {
    let text = rewritten("INSERT INTO account (id, owner_id) VALUES (1, 7) ON CONFLICT DO NOTHING");
    assert!(text.contains("ON CONFLICT DO NOTHING RETURNING CASE"), "{text}");
}

#[test]
fn merge_matches_rows_in_scope_and_judges_what_it_assigns() {
    insta::assert_snapshot!(rewritten(
        "MERGE INTO account a USING plain p ON a.id = p.id \
         WHEN MATCHED AND a.phone = p.label THEN UPDATE SET name = p.label \
         WHEN MATCHED THEN DELETE \
         WHEN NOT MATCHED THEN INSERT (id, owner_id) VALUES (p.id, 7)"
    ));
    insta::assert_snapshot!(rewritten(
        "MERGE INTO account a USING plain p JOIN contact c ON c.id = p.id \
         ON CASE WHEN a.name::int = 1 THEN true END AND a.id = c.id WHEN MATCHED THEN DO NOTHING"
    ));
}

#[test]
fn merge_on_newer_servers_is_checked_as_stored() {
    insta::assert_snapshot!(on_17(
        "MERGE INTO account a USING plain p ON a.id = p.id \
         WHEN MATCHED THEN UPDATE SET name = lower(p.label) \
         WHEN NOT MATCHED BY SOURCE AND a.name = 'x' THEN DELETE \
         WHEN NOT MATCHED BY TARGET THEN INSERT (id, owner_id) VALUES (p.id, length(p.label)) \
         RETURNING merge_action(), p.id"
    ));
    let text = on_17(
        "WITH m AS (MERGE INTO account a USING plain p ON a.id = p.id \
         WHEN MATCHED THEN UPDATE SET name = 'x' RETURNING a.id) SELECT * FROM m",
    );
    assert!(text.contains("END) THEN ( a.id ) ELSE a.id END AS \"id\" )"), "{text}");
}

#[test]
fn merge_of_a_value_that_cannot_be_judged_is_refused() {
    let merge = "MERGE INTO account a USING plain p ON a.id = p.id WHEN NOT MATCHED THEN INSERT";
    for values in [
        "(id, owner_id) VALUES (p.id, length(p.label))",
        "(id, owner_id) VALUES (p.id, (SELECT max(id) FROM plain))",
        "(id, owner_id) VALUES (p.id, 3 + 4)",
    ] {
        assert_eq!(refused(&format!("{merge} {values}")).sqlstate.0, "0A000", "{values}");
    }
    for values in [
        "(id, owner_id) VALUES (p.id, p.id)",
        "(id, owner_id) VALUES (p.id, '7'::int)",
        "(id, owner_id) VALUES (p.id, NULL)",
        "(id) VALUES (p.id)",
        "DEFAULT VALUES",
        "(owner_id, name) OVERRIDING USER VALUE VALUES (7, p.label)",
    ] {
        let sql = format!("{merge} {values}");
        if values.contains("OVERRIDING") {
            assert_eq!(refused(&sql).sqlstate.0, "0A000", "{values}");
        } else {
            let text = rewritten(&sql);
            assert!(text.contains("markern20000"), "{text}");
        }
    }
}

#[test]
fn words_that_look_like_the_clauses_of_merge_are_none() {
    for sql in [
        "MERGE INTO account a USING (SELECT CASE WHEN id > 1 THEN 1 END AS on, label AS matched \
         FROM plain) p ON a.id = p.on \
         WHEN MATCHED AND CASE WHEN a.id > 1 THEN CASE p.matched WHEN 'x' THEN true END END \
         THEN UPDATE SET name = CASE WHEN p.on > 1 THEN 'then' ELSE 'when' END \
         WHEN MATCHED THEN DO NOTHING",
        "MERGE INTO account AS a USING plain p LEFT JOIN plain q ON p.id = q.id ON a.id = p.id \
         WHEN MATCHED THEN UPDATE SET (name, phone) = (p.label, 'x'), amount = DEFAULT \
         WHEN NOT MATCHED AND p.label = 'then' THEN DO NOTHING",
    ] {
        let text = rewritten(sql);
        assert!(
            text.contains("a.id = p.on ) AND (") || text.contains("a.id = p.id ) AND ("),
            "{text}"
        );
    }
}

#[test]
fn a_write_in_with_is_checked_inside_a_column_of_its_own() {
    insta::assert_snapshot!(rewritten(
        "WITH u AS (UPDATE account a SET name = 'x' RETURNING a.phone, lower(name) AS n), \
         i AS (INSERT INTO account (id, owner_id) VALUES (1, 7)) \
         DELETE FROM account USING u WHERE u.n = account.name RETURNING account.id"
    ));
    for (returning, found) in [
        ("id", "END) THEN ( id ) ELSE id END AS \"id\" )"),
        ("phone", "AS \"phone\" )"),
        ("name AS n", "END) THEN ( name ) END AS n)"),
        ("lower(name)", "END) THEN ( lower(name) ) END AS \"lower\" )"),
        ("greatest(id, 1), id + 1", "greatest(id, 1), CASE"),
        ("1", "END) THEN ( 1 ) END AS \"?column?\" )"),
        ("*", "ELSE \"account\".\"id\" END AS \"id\" ,"),
        ("account.*", "ELSE \"account\".\"id\" END AS \"id\" ,"),
    ] {
        let sql =
            format!("WITH u AS (UPDATE account SET name = 'x' RETURNING {returning}) TABLE u");
        let text = rewritten(&sql);
        assert!(text.contains(found), "{returning}\n{text}");
        assert_eq!(text.matches("markern20000").count(), 1, "{text}");
    }
    let unnamed = "WITH u AS (UPDATE account SET name = 'x' RETURNING greatest(id, 1)) TABLE u";
    assert_eq!(refused(unnamed).sqlstate.0, "0A000");
}

#[test]
fn what_a_write_in_with_does_not_return_is_not_looked_for_elsewhere() {
    for sql in [
        "WITH u AS (DELETE FROM account RETURNING *) SELECT secret FROM u",
        "WITH u AS (DELETE FROM account RETURNING *) UPDATE account SET name = 'x' FROM u \
         WHERE secret = 1",
        "UPDATE account SET name = 'x' FROM (SELECT * FROM account) u WHERE u.secret = 1",
    ] {
        assert_eq!(refused(sql).sqlstate.0, "42703", "{sql}");
    }
}

#[test]
fn conditions_of_joined_writes_are_computed_behind_the_filter() {
    insta::assert_snapshot!(rewritten(
        "UPDATE account a SET name = 'x' FROM plain p \
         WHERE p.id = a.id AND a.name::int = 1 AND a.phone = p.label"
    ));
    // An AND that belongs to BETWEEN, or to brackets that the tree does not show, splits nothing.
    for condition in [
        "a.id BETWEEN 1 AND 2 AND a.name::int = 1",
        "(a.id > 1 AND a.id < 9) AND a.name::int BETWEEN 1 AND 2",
        "CASE WHEN a.id > 1 AND true THEN true END AND a.name::int = 1 AND p.id = a.id",
    ] {
        let text = rewritten(&format!("DELETE FROM account a USING plain p WHERE {condition}"));
        assert!(text.contains("THEN ("), "{text}");
    }
}

#[test]
fn every_column_of_a_joined_write_is_listed_where_one_is_not_clear() {
    let text =
        rewritten("DELETE FROM account a USING plain p, plain q WHERE p.id = a.id RETURNING *");
    assert!(text.ends_with("\"a\".\"amount\" , \"p\".* , \"q\".*"), "{text}");
    let text = rewritten(
        "WITH d AS (UPDATE account a SET name = 'x' FROM plain p WHERE p.id = a.id RETURNING *) \
         SELECT * FROM d",
    );
    assert!(text.contains("\"a\".\"amount\" , \"p\".* )"), "{text}");
    // What USING merges stands once.
    let merged = "DELETE FROM account a USING plain p JOIN plain q USING (id) WHERE p.id = a.id";
    assert_eq!(refused(&format!("{merged} RETURNING *")).sqlstate.0, "0A000");
}

#[test]
fn a_whole_row_of_a_target_is_a_record_of_what_is_seen() {
    let text = rewritten("UPDATE account a SET name = a::text RETURNING a, ROW(a)");
    assert_eq!(text.matches("AS rowgate_row)").count(), 3, "{text}");
    assert!(!text.contains("\"secret\""), "{text}");
}

#[test]
fn the_row_as_it_was_shows_what_is_masked_or_denied() {
    for returned in [
        "old.*",
        "new.*",
        "old",
        "id, old.phone",
        "to_jsonb(new.*)",
        "WITH (OLD AS o, NEW AS n) o.*",
        "WITH (OLD AS o) id",
        "WITH (OLD AS o) (SELECT o.phone)",
    ] {
        for sql in [
            format!("UPDATE account SET name = 'x' RETURNING {returned}"),
            format!("DELETE FROM account RETURNING {returned}"),
            format!("WITH u AS (DELETE FROM account RETURNING {returned}) SELECT * FROM u"),
        ] {
            assert_eq!(refused(&sql).sqlstate.0, "0A000", "{sql}");
        }
    }
}
