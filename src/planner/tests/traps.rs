//! Places where positions, spellings and literals mislead a rewriter.

use super::{Protocol, plan, refused, rewritten, world};
use crate::ids::TypeId;

/// How often the protected relation stands in the finished text, always under its filter.
fn filtered(sql: &str, times: usize) -> String {
    let text = rewritten(sql);
    assert_eq!(text.matches("\"crm\".\"account\"").count(), times, "{sql}\n{text}");
    // In a derived table, or beside the relation.
    let filters = text.matches("\"owner_id\" = CAST( '7'").count();
    assert_eq!(filters, times, "{sql}\n{text}");
    text
}

#[test]
fn a_table_command_has_no_from_to_put_a_filter_into() {
    filtered("TABLE account", 1);
    filtered("TABLE ONLY account", 1);
    filtered("TABLE account *", 1);
    filtered("SELECT * FROM (TABLE account) t UNION ALL TABLE account", 2);
}

#[test]
fn only_and_stars_around_a_name_are_not_left_behind() {
    for sql in [
        "SELECT * FROM ONLY account",
        "SELECT * FROM ONLY (account)",
        "SELECT * FROM ONLY (account) AS a",
        "SELECT * FROM account * a",
        "SELECT * FROM account*, plain",
        "SELECT * FROM plain p LEFT JOIN ONLY account ON true",
    ] {
        filtered(sql, 1);
    }
}

#[test]
fn comments_and_blanks_between_the_parts_of_a_name_do_not_move_an_edit() {
    filtered("SELECT * FROM crm /* a */ . /* b */ \"account\" -- c\n AS x", 1);
    filtered("SELECT crm . account . id FROM crm.account WHERE crm/**/.account.id = 1", 1);
    filtered("SELECT 'é漢字' /* é */ FROM account WHERE name = 'é' -- FROM account", 1);
}

#[test]
fn an_alias_is_taken_from_the_tree_and_not_guessed() {
    filtered("SELECT * FROM account left JOIN plain ON true", 1);
    filtered("SELECT * FROM account AS \"left\" (a, b) WHERE \"left\".a = 1", 1);
    filtered("SELECT \"only\".id FROM account AS \"only\"", 1);
    filtered("SELECT * FROM account AS x(a) TABLESAMPLE system (1) REPEATABLE (2)", 1);
}

#[test]
fn text_that_looks_like_a_clause_is_no_clause() {
    for sql in [
        "UPDATE account SET name = 'x WHERE true RETURNING *' WHERE id = 1",
        "UPDATE account SET name = $a$ WHERE $a$ WHERE id = 1",
        "UPDATE account AS \"where\" SET name = \"where\".name WHERE \"where\".id = 1",
        "UPDATE account SET name = (SELECT label FROM plain WHERE id = 1) WHERE id = 1",
        "UPDATE account SET name = CASE WHEN id = 1 THEN 'a' END WHERE id = 1 -- WHERE",
        "DELETE FROM account /* WHERE true */ WHERE id = 1 /* RETURNING */",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("\"owner_id\" = CAST( '7'"), "{sql}\n{text}");
    }
}

#[test]
fn statements_without_a_relation_in_the_tree_are_decided_by_their_kind() {
    for sql in [
        "CREATE RECURSIVE VIEW v (n) AS SELECT id FROM account",
        "DROP TABLE account",
        "DROP VIEW account_names",
        "COMMENT ON TABLE account IS 'x'",
        "SECURITY LABEL ON TABLE account IS 'x'",
        "CREATE SEQUENCE s OWNED BY account.id",
        "ALTER TABLE account OWNER TO x",
        "ALTER TABLE account DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON account",
        "CREATE RULE r AS ON SELECT TO account DO INSTEAD NOTHING",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER t BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION f()",
        "GRANT SELECT ON account TO public",
        "REVOKE ALL ON account FROM public",
        "REASSIGN OWNED BY a TO b",
        "ALTER ROLE x SET row_security = off",
        "ALTER DATABASE d SET standard_conforming_strings = off",
        "ALTER SYSTEM SET wal_level = minimal",
        "IMPORT FOREIGN SCHEMA s FROM SERVER x INTO crm",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "LOAD 'x'",
        "CHECKPOINT",
        "CLUSTER account",
        "REINDEX TABLE account",
        "ANALYZE account",
        "REFRESH MATERIALIZED VIEW account_names",
        "IMPORT FOREIGN SCHEMA public FROM SERVER s INTO crm",
    ] {
        assert_eq!(refused(sql).sqlstate.0, "42501", "{sql}");
    }
}

#[test]
fn names_in_strings_read_nothing() {
    for sql in [
        "SELECT nextval('crm.account_seq')",
        "SELECT table_to_xml('crm.account', true, true, '')",
        "SELECT cursor_to_xml('c', 1, true, true, '')",
        "SELECT * FROM dblink('dbname=crm', 'SELECT * FROM crm.account') AS t(id int)",
        "SELECT lo_get(1)",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('.')",
        "SELECT ts_stat('SELECT * FROM crm.account')",
        "SELECT ts_rewrite('a'::tsquery, 'SELECT t, s FROM crm.aliases')",
        "SELECT setval('crm.s', 1)",
        "SELECT set_config('row_security', 'off', false)",
        "SELECT pg_terminate_backend(1)",
    ] {
        let state = refused(sql).sqlstate.0;
        assert!(["42501", "42883"].contains(&state), "{sql}: {state}");
    }
}

#[test]
fn a_lock_names_an_alias_and_needs_the_right_to_change() {
    let text =
        filtered("SELECT a.id FROM account a JOIN plain p ON p.id = a.id FOR UPDATE OF a", 1);
    assert!(text.ends_with("FOR UPDATE OF a"), "{text}");
    assert_eq!(refused("SELECT * FROM plain FOR SHARE").sqlstate.0, "42501");
    assert_eq!(refused("SELECT * FROM (SELECT * FROM plain) p FOR UPDATE").sqlstate.0, "42501");
}

#[test]
fn two_schemas_same_name_do_not_share_references() {
    assert_eq!(refused("SELECT account.id FROM crm.account, account").sqlstate.0, "42P09");
}

#[test]
fn current_of_does_not_reach_a_row_out_of_scope() {
    for sql in [
        "UPDATE account SET name = 'x' WHERE CURRENT OF c",
        "DELETE FROM account WHERE CURRENT OF c",
        "WITH x AS (DELETE FROM account WHERE CURRENT OF c RETURNING id) SELECT id FROM x",
    ] {
        let text = rewritten(sql);
        assert!(text.contains("WHEN (\"account\".\"owner_id\" = CAST( '7'"), "{text}");
        assert!(text.contains("CURRENT OF \"c\""), "{text}");
    }
    // Afterwards nothing would say whose the row was.
    let refusal = refused("UPDATE account SET owner_id = 7 WHERE CURRENT OF c");
    assert!(["0A000", "42501"].contains(&refusal.sqlstate.0), "{refusal}");
}

#[test]
fn a_masked_key_is_not_used_to_cover_other_columns() {
    let text = rewritten("SELECT l.phone, l.owner_id FROM lead l GROUP BY l.phone, l.owner_id");
    assert!(text.ends_with("GROUP BY l.phone, l.owner_id"), "{text}");
}

/// Plans both; answers how many had to be made.
fn plans(first: &str, second: &str) -> u64 {
    let world = world();
    for sql in [first, second] {
        plan(&world, Protocol::Simple, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    }
    world.planner.counts().misses
}

#[test]
fn a_plan_that_was_let_go_is_found() {
    let world = world();
    let ask = || plan(&world, Protocol::Simple, "SELECT id FROM account").expect("planned");
    let text = ask();
    world.planner.forget_plans();
    assert_eq!(ask(), text);
    let counts = world.planner.counts();
    assert_eq!((counts.misses, counts.hits), (2, 0), "{counts:?}");
}

#[test]
fn literals_that_can_change_what_a_statement_means_are_part_of_the_key() {
    for (first, second) in [
        ("SELECT id, name FROM account ORDER BY 1", "SELECT id, name FROM account ORDER BY 2"),
        (
            "SELECT id, name FROM account GROUP BY 1, 2",
            "SELECT id, name FROM account GROUP BY 2, 1",
        ),
        (
            "SELECT id FROM account WHERE name LIKE 'a'",
            "SELECT id FROM account WHERE name LIKE 'b'",
        ),
        ("SELECT id / 2 FROM account", "SELECT id / 0 FROM account"),
        (
            "SELECT id FROM account WHERE id = '1'::int4",
            "SELECT id FROM account WHERE id = '2'::int4",
        ),
        ("SELECT id FROM account WHERE id = 1", "SELECT id FROM account WHERE id = '1'"),
        ("SELECT id FROM account WHERE id = 1", "SELECT id FROM account WHERE id = 2147483648"),
        ("SELECT id FROM account WHERE id = 1", "SELECT id FROM account WHERE id = -1"),
        ("SELECT id FROM account WHERE id IN (1)", "SELECT id FROM account WHERE id IN (1, 2)"),
        ("SELECT lower('a') FROM account", "SELECT lower('b') FROM account"),
        ("SELECT E'a' FROM account", "SELECT E'b' FROM account"),
        ("SELECT $$a$$ FROM account", "SELECT $$b$$ FROM account"),
        ("SELECT 1 FROM account", "SELECT 2 FROM account"),
        ("SELECT \"id\" FROM account", "SELECT \"name\" FROM account"),
        ("SELECT interval '1 day' FROM account", "SELECT interval '2 day' FROM account"),
        ("SET application_name = 'a'", "SET application_name = 'b'"),
    ] {
        assert_eq!(plans(first, second), 2, "{first} | {second}");
    }
}

#[test]
fn literals_beside_columns_share_a_plan() {
    for (first, second) in [
        ("SELECT id FROM account WHERE id = 1", "SELECT id FROM account WHERE id = 22"),
        ("SELECT id FROM account WHERE 1 = id", "select id from account where 1 = id"),
        ("SELECT id FROM account LIMIT 1", "SELECT id FROM account LIMIT 100"),
        (
            "INSERT INTO account (id, name) VALUES (1, 'a')",
            "INSERT INTO account (id, name) VALUES (2, 'it''s')",
        ),
        (
            "UPDATE account SET name = 'a' WHERE id = 1",
            "UPDATE account SET name = 'b' WHERE id = 2",
        ),
        ("SELECT id FROM account -- a", "SELECT /* b */ id FROM account"),
    ] {
        let expected = if first.starts_with("SELECT id FROM account WHERE 1") { 2 } else { 1 };
        assert_eq!(plans(first, second), expected, "{first} | {second}");
    }
}

#[test]
fn the_gateways_parameters_come_behind_declared_ones_that_the_text_does_not_use() {
    let world = world();
    let extended = |declared: &[TypeId], sql: &str| {
        plan(&world, Protocol::Extended { declared }, sql).expect("planned")
    };
    let unused = extended(&[TypeId(23), TypeId(25)], "SELECT id FROM account WHERE id = $1");
    assert!(unused.contains("CAST( $3 "), "{unused}");
    let undeclared = extended(&[], "SELECT id FROM account WHERE id = $5");
    assert!(undeclared.contains("CAST( $6 "), "{undeclared}");
    let twice = extended(&[], "SELECT 1 FROM account a, account b WHERE a.id = $1");
    assert_eq!(twice.matches("CAST( $2 ").count(), 2, "{twice}");
    // COPY takes no parameters.
    let copied = extended(&[], "COPY (SELECT id FROM account) TO STDOUT");
    assert!(copied.contains("CAST( '7' "), "{copied}");
}

#[test]
fn what_is_appended_does_not_end_up_in_a_comment() {
    let text = rewritten("DELETE FROM account -- all of it");
    let comment = text.find("--").expect("the comment");
    assert!(text.find("\"owner_id\"").expect("the filter") < comment, "{text}");
}

#[test]
fn a_table_of_another_database_is_taken_for_one_of_this() {
    let mut world = world();
    world.catalog.database = "crm_db".into();
    let run = |sql: &str| plan(&world, Protocol::Simple, sql);
    for sql in [
        "SELECT id FROM crm_db.crm.plain",
        "SELECT crm_db.crm.account.id, crm_db.crm.account.* FROM crm_db.crm.account",
        "UPDATE crm_db.crm.account SET name = 'x' WHERE crm_db.crm.account.id = 1",
    ] {
        run(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    }
    for sql in [
        "SELECT id FROM other.crm.plain",
        "SELECT id FROM other.crm.account",
        "SELECT other.crm.account.id FROM crm.account",
        "SELECT id FROM crm.account WHERE other.crm.account.id = 1",
        "SELECT count(*) FROM crm.account WHERE (SELECT other.crm.account.id) = 1",
        "SELECT to_jsonb(other.crm.account.*) FROM crm.account",
        "TABLE other.crm.plain",
        "UPDATE other.crm.account SET name = 'x'",
        "DELETE FROM other.crm.account",
        "INSERT INTO other.crm.account (id, owner_id) VALUES (1, 7)",
        "COPY other.crm.plain TO STDOUT",
        "COPY other.crm.account (id, owner_id) FROM STDIN",
        "CREATE TEMP TABLE t AS SELECT * FROM other.crm.plain",
        "CREATE TEMP TABLE other.pg_temp.t (a int)",
    ] {
        let refusal = run(sql).unwrap_err();
        assert_eq!(refusal.sqlstate.0, "0A000", "{sql}: {refusal}");
        assert!(refusal.message.starts_with("cross-database references"), "{sql}: {refusal}");
    }
}

#[test]
fn a_column_that_no_text_names_is_not_read() {
    for (sql, columns) in [
        ("SELECT name FROM plain LEFT JOIN account ON true", "\"rowgate_row\".\"name\" FROM"),
        // Rows are counted: any column does.
        ("SELECT count(*) FROM plain LEFT JOIN account ON true", "\"rowgate_row\".\"id\" FROM"),
        (
            "SELECT 1 FROM plain WHERE EXISTS (SELECT FROM plain LEFT JOIN account ON true)",
            "\"rowgate_row\".\"id\" FROM",
        ),
        (
            "SELECT x.id FROM account x FULL JOIN account y USING (name)",
            "\"rowgate_row\".\"id\", \"rowgate_row\".\"name\" FROM",
        ),
    ] {
        let text = rewritten(sql);
        assert!(text.contains(&format!("SELECT {columns}")), "{sql}\n{text}");
        assert!(!text.contains("phone"), "{sql}\n{text}");
    }
}

#[test]
fn a_column_whose_name_or_place_counts_is_not_left_out() {
    for sql in [
        "SELECT a.id FROM account a NATURAL JOIN plain p",
        "SELECT p.id FROM plain p JOIN (plain q NATURAL LEFT JOIN account a) ON true",
        "SELECT y FROM account a (x, y)",
        "SELECT j.x FROM (account a CROSS JOIN plain p) AS j (x)",
        "SELECT a FROM account a",
        "SELECT count(a.*) FROM account a",
        "SELECT * FROM account",
        "SELECT (a).name FROM account a",
        // The server reports this name, or knows what it means.
        "SELECT nothing.like_it FROM account a",
        "UPDATE contact c SET account_id = a.id FROM account a WHERE a.id = c.id",
        "UPDATE contact c SET account_id = 1 WHERE EXISTS (SELECT FROM account_names n WHERE n.id = c.id)",
    ] {
        let text = rewritten(sql);
        assert!(text.contains(") END AS \"pg_catalog\".\"text\") AS \"phone\""), "{sql}\n{text}");
        assert!(text.contains("\"rowgate_row\".\"amount\""), "{sql}\n{text}");
    }
}
