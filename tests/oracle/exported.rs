//! The oracle a second time: not written by hand, but what `rowgate export rls` prints for each
//! person, applied to a copy of the plain database.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use proptest::strategy::ValueTree;
use rowgate::rewrite::Answer;
use tokio::sync::OnceCell;

use crate::answer::{Outcome, run};
use crate::compare::{Query, Sides, Tally, compare, depends_on_order, written};
use crate::generate::{Generator, how_many, query};
use crate::principals::{PRINCIPALS, Principal};
use crate::world::{EXPORTED, GATEWAY, ORACLE, PASSWORD, PLAIN, World, runtime, world};

/// A directory in which `facts` are what the principal's are: those who share departments with them
/// are there as well.
fn directory(principal: &Principal) -> String {
    let facts = (principal.facts)();
    let roles: Vec<&str> = facts.roles.iter().map(rowgate::ids::RoleName::as_str).collect();
    let main = facts.department.clone();
    let department =
        main.as_ref().map_or(String::new(), |department| format!(", department: {department}"));
    let id = facts.id.clone().unwrap();
    let mut text = format!(
        "users:\n  - {{ login: {}, id: {id}, roles: [{}]{department} }}\n",
        principal.name,
        roles.join(", ")
    );
    let below = facts.departments_below.iter().find(|below| !facts.departments.contains(below));
    for other in facts.department_below_members.iter().filter(|other| **other != id) {
        let home = if facts.department_members.contains(other) { main.as_ref() } else { below };
        let home = home.unwrap();
        let _ = writeln!(text, "  - {{ login: user{other}, id: {other}, department: {home} }}");
    }
    if let Some(main) = &main {
        text.push_str("departments:\n");
        for department in &facts.departments_below {
            let parent =
                if department == main { String::new() } else { format!(", parent: {main}") };
            let _ = writeln!(text, "  - {{ id: {department}{parent} }}");
        }
    }
    if !facts.teams.is_empty() {
        text.push_str("teams:\n");
        for team in &facts.teams {
            let _ = writeln!(text, "  - {{ id: {team}, members: [{}] }}", principal.name);
        }
    }
    text
}

/// What the command prints for one person.
fn export(world: &World, database: &str, principal: &Principal, arguments: &[&str]) -> String {
    let folder = world.folder.join(format!("export-{database}-{}", principal.name));
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("policies/policy.yaml", include_str!("policy.yaml"));
    write("directory.yaml", &directory(principal));
    write(
        "rowgate.toml",
        &format!(
            "[backend]\nhosts = [\"127.0.0.1:{}\"]\ndatabase = \"{database}\"\nuser = \
             \"{GATEWAY}\"\npassword = \"{PASSWORD}\"\n[directory]\nfile = \
             \"directory.yaml\"\n",
            world.cluster.port()
        ),
    );
    command(&folder.join("rowgate.toml"), principal, arguments)
}

fn command(config: &Path, principal: &Principal, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rowgate"))
        .args(["export", "rls", "--config"])
        .arg(config)
        .args(["--user", principal.name])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Applies the output for everybody to a copy.
async fn apply(world: &World, database: &str) {
    for principal in PRINCIPALS {
        let sql = export(world, database, principal, &[]);
        if let Err(error) = world.cluster.run(database, &sql).await {
            panic!("{}: {error}\n{sql}", principal.name);
        }
    }
}

async fn exported(world: &World) -> Sides {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        let sql = format!("CREATE DATABASE {EXPORTED} TEMPLATE {PLAIN}");
        world.cluster.run("postgres", &sql).await.unwrap();
        apply(world, EXPORTED).await;
    })
    .await;
    Sides { plain: world.copy(PLAIN).await, oracle: world.copy(EXPORTED).await }
}

fn generated(index: usize, principal: &Principal, number: usize) -> Vec<Query> {
    let mut generator = Generator::new(50 + u8::try_from(index).unwrap());
    (0..number).map(|_| Query::new(query(principal, &generator.next().current()))).collect()
}

/// The written queries. Masking views are for reading: nobody locks rows through one.
fn answerable(principal: &Principal) -> Vec<Query> {
    let masked = |query: &Query| principal.hidden.iter().any(|cell| query.sql.contains(cell.table));
    let mut queries = written();
    queries.retain(|query| !(query.sql.contains("FOR UPDATE") && masked(query)));
    queries
}

#[test]
fn a_query_gets_another_answer_than_the_exported_policy_gives() {
    let world = world();
    let mut tally = Tally::default();
    runtime().block_on(async {
        let sides = exported(world).await;
        for (index, principal) in PRINCIPALS.iter().enumerate() {
            compare(world, &sides, &answerable(principal), principal, &mut tally).await;
            let queries = generated(index, principal, how_many().div_ceil(PRINCIPALS.len()));
            compare(world, &sides, &queries, principal, &mut tally).await;
        }
    });
    tally.print("queries under the exported policy");
    tally.check();
}

#[test]
fn the_exported_policy_says_something_else_than_the_one_written_by_hand() {
    let world = world();
    let (mut compared, mut rows, mut order, mut differences) = (0, 0, 0, Vec::new());
    runtime().block_on(async {
        let sides = exported(world).await;
        let by_hand = world.copy(ORACLE).await;
        for (index, principal) in PRINCIPALS.iter().enumerate() {
            let one = world.oracle(principal, &by_hand).await;
            let other = world.oracle(principal, &sides.oracle).await;
            let generated = generated(index, principal, 200);
            for query in answerable(principal).into_iter().chain(generated) {
                let sql = query.for_oracle();
                let a = run(&one, &sql, Answer::Relay).await.sorted();
                let b = run(&other, &sql, Answer::Relay).await.sorted();
                compared += 1;
                let same = match (&a, &b) {
                    (Outcome::Rows { .. }, Outcome::Rows { .. }) => {
                        rows += 1;
                        // Plans show what they are made of.
                        a == b || sql.starts_with("EXPLAIN")
                    }
                    // Which error is raised first depends on the plan, and on who owns a view.
                    (Outcome::Failed { .. }, Outcome::Failed { .. }) => true,
                    (failed, Outcome::Rows { .. }) | (Outcome::Rows { .. }, failed)
                        if depends_on_order(failed.failed()) =>
                    {
                        order += 1;
                        true
                    }
                    (
                        Outcome::Rows { .. } | Outcome::Failed { .. } | Outcome::Refused { .. },
                        _,
                    ) => false,
                };
                if !same {
                    differences.push(format!(
                        "{}: {sql}\n  by hand:  {a:?}\n  exported: {b:?}",
                        principal.name
                    ));
                }
            }
        }
    });
    println!(
        "{compared} compared, {rows} with rows, {order} differ in the order of evaluation, {} \
         differences",
        differences.len()
    );
    for difference in &differences {
        println!("{}", difference.chars().take(600).collect::<String>());
    }
    assert!(differences.is_empty(), "{} differences", differences.len());
    assert!(rows * 2 > compared, "most of the queries only fail");
    assert!(order * 100 <= compared * 3, "too many errors differ");
}

/// Everything about rights in a database, as text.
async fn rights(world: &World, database: &str) -> Vec<String> {
    let client = world.superuser(database).await;
    let sql = "SELECT 'policy ' || polrelid::regclass || polname FROM pg_policy \
        UNION ALL SELECT 'row security ' || oid::regclass || relrowsecurity || relforcerowsecurity \
          FROM pg_class WHERE relkind IN ('r', 'p') \
        UNION ALL SELECT 'schema ' || nspname || g.grantee || g.privilege_type \
          FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) g \
        UNION ALL SELECT 'relation ' || oid::regclass || g.grantee || g.privilege_type \
          FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) g \
        UNION ALL SELECT 'column ' || attrelid::regclass || attname || attacl::text \
          FROM pg_attribute WHERE attacl IS NOT NULL \
        UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE oid >= 16384 \
        ORDER BY 1";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn an_export_cannot_be_applied_twice_or_taken_back() {
    let world = world();
    runtime().block_on(async {
        let database = world.copy(PLAIN).await;
        let before = rights(world, &database).await;
        apply(world, &database).await;
        let once = rights(world, &database).await;
        assert!(once.iter().any(|right| right.starts_with("policy ")), "{once:?}");
        apply(world, &database).await;
        assert_eq!(rights(world, &database).await, once);
        for principal in PRINCIPALS {
            let sql = export(world, &database, principal, &["--revert"]);
            world.cluster.run(&database, &sql).await.unwrap();
        }
        let left: BTreeSet<String> = rights(world, &database).await.into_iter().collect();
        assert!(!left.iter().any(|right| right.contains("rowgate_own_rows")), "{left:?}");
        // Without a person it takes back the rest.
        let folder = world.folder.join(format!("export-{database}-{}", PRINCIPALS[0].name));
        let output = Command::new(env!("CARGO_BIN_EXE_rowgate"))
            .args(["export", "rls", "--revert", "--config"])
            .arg(folder.join("rowgate.toml"))
            .output()
            .unwrap();
        let sql = String::from_utf8(output.stdout).unwrap();
        world.cluster.run(&database, &sql).await.unwrap();
        assert_eq!(rights(world, &database).await, before);
    });
}

#[test]
fn somebody_reads_past_an_export() {
    let world = world();
    runtime().block_on(async {
        let sides = exported(world).await;
        for (name, attempts) in [
            (
                "own_rows",
                &[
                    "SELECT phone FROM crm.account",
                    "SELECT secret FROM crm.account",
                    "SELECT * FROM crm.account",
                    "SELECT id FROM crm.account WHERE phone LIKE '1%'",
                    "SELECT * FROM crm.ledger",
                    "SELECT * FROM rowgate_all_masked.account",
                    "UPDATE rowgate_own_rows.account SET name = 'x'",
                    "UPDATE crm.account SET owner_id = 103",
                    "UPDATE crm.account SET name = 'x' WHERE phone IS NULL",
                    "INSERT INTO crm.account (id, name, owner_id) VALUES (9001, 'x', 103)",
                    "SET ROLE rowgate_reader",
                    "SET ROLE department",
                    "SET row_security = off; SELECT id FROM crm.account",
                    "ALTER TABLE crm.account DISABLE ROW LEVEL SECURITY",
                ][..],
            ),
            (
                "team_and_shared",
                &[
                    "SELECT * FROM crm.record_share",
                    "SELECT * FROM crm.account_team",
                    "INSERT INTO crm.record_share VALUES (1, 'account', 'user:105', 'full', NULL)",
                    "DELETE FROM crm.account",
                ][..],
            ),
            ("analyst", &["SELECT token FROM crm.account", "SELECT 1 FROM crm.contact"][..]),
        ] {
            let principal = PRINCIPALS.iter().find(|principal| principal.name == name).unwrap();
            let client = world.oracle(principal, &sides.oracle).await;
            for sql in attempts {
                let outcome = run(&client, sql, Answer::Relay).await;
                assert_eq!(outcome.failed(), Some("42501"), "{name}: {sql}: {outcome:?}");
            }
        }
    });
}
