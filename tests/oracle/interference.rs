//! Two databases that differ only in what the person must not see give the same answers.

use proptest::strategy::ValueTree;
use rowgate::rewrite::{Answer, Rewrite};
use tokio_postgres::Client;

use crate::answer::{Outcome, run};
use crate::compare::written;
use crate::generate::{Generator, how_many, query, write};
use crate::principals::{PRINCIPALS, Principal};
use crate::world::{self, PLAIN, World, runtime, world};

/// Statements that try to make an error, a count or an order depend on hidden data.
fn attacks() -> Vec<String> {
    let reads = include_str!("attacks.sql").lines();
    reads.chain(include_str!("write_attacks.sql").lines()).map(str::to_owned).collect()
}

/// What the client may tell apart: errors of class 42 keep their text, all others only the code.
fn visible(outcome: Outcome) -> Outcome {
    match outcome.sorted() {
        Outcome::Failed { sqlstate, message } => {
            let message = if sqlstate.starts_with("42") { message } else { String::new() };
            Outcome::Failed { sqlstate, message }
        }
        seen => seen,
    }
}

/// Runs it in a transaction that is rolled back.
async fn run_alone(client: &Client, rewrite: &Rewrite) -> Outcome {
    client.batch_execute("BEGIN").await.unwrap();
    let outcome = run(client, rewrite.text(), world::answer(rewrite)).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    visible(outcome)
}

/// Which of several conditions is evaluated first is the planner's choice, by the sizes of tables.
/// Such an error tells nothing when rows that may be seen raise it alone: then some plan does so in
/// a database that has no others.
async fn raised_by_visible_rows(client: &Client, rewrite: &Rewrite, sqlstate: &str) -> bool {
    for setting in [
        "jit = off",
        "enable_hashjoin = off",
        "enable_nestloop = off",
        "enable_mergejoin = off",
        "enable_seqscan = off",
        "enable_material = off",
        "enable_hashagg = off",
        "join_collapse_limit = 1",
    ] {
        for second in ["jit = off", "enable_hashjoin = off", "enable_nestloop = off"] {
            let settings = format!("RESET ALL; SET search_path = crm; SET {setting}; SET {second}");
            client.batch_execute(&settings).await.unwrap();
            let outcome = run_alone(client, rewrite).await;
            if outcome.failed() == Some(sqlstate) {
                return true;
            }
        }
    }
    false
}

#[derive(Default)]
struct Tally {
    order_of_evaluation: usize,
    compared: usize,
    rows: usize,
    errors: usize,
    refused: usize,
    leaks: Vec<String>,
}

struct Databases {
    here: String,
    /// Everything that must not be seen is different.
    there: String,
    /// Rows that must not be seen are absent.
    seen: String,
}

async fn compare(
    world: &World,
    principal: &'static Principal,
    databases: &Databases,
    statements: &[String],
    tally: &mut Tally,
) {
    let person = world.person(principal);
    let here = world.gateway(&databases.here).await;
    let there = world.gateway(&databases.there).await;
    let visible_only = world.gateway(&databases.seen).await;
    for sql in statements {
        let Ok(rewrite) = world.rewrite(&person, sql) else {
            tally.refused += 1;
            continue;
        };
        let a = run_alone(&here, &rewrite).await;
        let b = run_alone(&there, &rewrite).await;
        tally.compared += 1;
        match &a {
            Outcome::Rows { .. } => tally.rows += 1,
            Outcome::Failed { .. } | Outcome::Refused { .. } => tally.errors += 1,
        }
        if a != b {
            let error = match (a.failed(), b.failed()) {
                (Some(error), None) | (None, Some(error)) if error.starts_with("22") => error,
                _ => "",
            };
            if !error.is_empty() && raised_by_visible_rows(&visible_only, &rewrite, error).await {
                tally.order_of_evaluation += 1;
                continue;
            }
            tally.leaks.push(format!(
                "{}: {sql}\n  here:  {a:?}\n  there: {b:?}\n  as: {}",
                principal.name,
                rewrite.text()
            ));
        }
    }
}

#[test]
fn an_answer_depends_on_rows_or_cells_that_must_not_be_seen() {
    let world = world();
    let mut tally = Tally::default();
    runtime().block_on(async {
        let mut statements = attacks();
        statements.extend(written().into_iter().map(|query| query.sql));
        for (index, principal) in PRINCIPALS.iter().enumerate() {
            let databases = Databases {
                here: world.copy(PLAIN).await,
                there: world.other_database(principal).await,
                seen: world.seen_database(principal).await,
            };
            let mut generator = Generator::new(100 + u8::try_from(index).unwrap());
            let generated: Vec<String> = (0..how_many() / PRINCIPALS.len() / 2)
                .map(|number| {
                    let choices = generator.next().current();
                    if number % 4 == 0 {
                        write(principal, &choices)
                    } else {
                        query(principal, &choices)
                    }
                })
                .collect();
            compare(world, principal, &databases, &statements, &mut tally).await;
            compare(world, principal, &databases, &generated, &mut tally).await;
            world.analyze(&databases.here).await;
            world.analyze(&databases.there).await;
            compare(world, principal, &databases, &attacks(), &mut tally).await;
        }
    });
    println!(
        "non-interference: {} compared, {} with rows, {} with errors, {} refused, {} differ in the \
         order of evaluation, {} leaks",
        tally.compared,
        tally.rows,
        tally.errors,
        tally.refused,
        tally.order_of_evaluation,
        tally.leaks.len()
    );
    for leak in &tally.leaks {
        println!("{leak}");
    }
    assert!(tally.leaks.is_empty(), "{} leaks", tally.leaks.len());
}

#[test]
fn the_two_databases_look_the_same_without_rowgate() {
    let world = world();
    runtime().block_on(async {
        for principal in PRINCIPALS {
            let other = world.other_database(principal).await;
            let here = world.gateway(&world.copy(PLAIN).await).await;
            let there = world.gateway(&other).await;
            let mut differences = 0;
            for sql in attacks() {
                here.batch_execute("BEGIN").await.unwrap();
                let a = visible(run(&here, &sql, Answer::Relay).await);
                here.batch_execute("ROLLBACK").await.unwrap();
                there.batch_execute("BEGIN").await.unwrap();
                let b = visible(run(&there, &sql, Answer::Relay).await);
                there.batch_execute("ROLLBACK").await.unwrap();
                differences += usize::from(a != b);
            }
            assert!(
                differences > 5,
                "{}: only {differences} attacks tell anything",
                principal.name
            );
        }
    });
}
