//! INSERT, UPDATE and DELETE on both sides, each in a transaction that is rolled back: the same
//! answer and the same tables afterwards.

use proptest::strategy::ValueTree;
use rowgate::rewrite::Answer;
use tokio_postgres::Client;

use crate::answer::{Outcome, run};
use crate::compare::{Query, Sides, Tally, read};
use crate::generate::{Generator, how_many, write};
use crate::principals::PRINCIPALS;
use crate::world::{self, Person, World, runtime, world};

/// Everything that is stored.
const STORED: &str = "SELECT 'account', r::text FROM crm.account r \
    UNION ALL SELECT 'contact', r::text FROM crm.contact r \
    UNION ALL SELECT 'event', r::text FROM crm.event r \
    UNION ALL SELECT 'remark', r::text FROM ONLY crm.remark r \
    UNION ALL SELECT 'remark_long', r::text FROM crm.remark_long r \
    UNION ALL SELECT 'product', r::text FROM crm.product r";

/// The written statements that the server knows.
fn written(world: &World) -> Vec<Query> {
    let mut queries = read(include_str!("writes.sql"));
    queries.extend(read(include_str!("through.sql")));
    if world.server_version() >= 17 {
        queries.extend(read(include_str!("merge.sql")));
    }
    if world.server_version() >= 18 {
        queries.extend(read(include_str!("returning.sql")));
    }
    queries
}

async fn stored(client: &Client) -> Outcome {
    run(client, STORED, Answer::Relay).await.sorted()
}

async fn on_our_side(
    world: &World,
    person: &Person,
    client: &Client,
    sql: &str,
) -> (Outcome, Option<Outcome>) {
    let rewrite = match world.rewrite(person, sql) {
        Ok(rewrite) => rewrite,
        Err(refusal) => {
            let sqlstate = refusal.sqlstate.0.to_owned();
            return (Outcome::Refused { sqlstate, message: refusal.message.clone() }, None);
        }
    };
    client.batch_execute("BEGIN").await.unwrap();
    let outcome = run(client, rewrite.text(), world::answer(&rewrite)).await;
    let after = match outcome.failed() {
        None => Some(stored(client).await),
        Some(_) => None,
    };
    client.batch_execute("ROLLBACK").await.unwrap();
    (outcome, after)
}

async fn on_the_oracles(client: &Client, role: &str, sql: &str) -> (Outcome, Option<Outcome>) {
    let start = format!("BEGIN; SET LOCAL ROLE {role}; SET LOCAL search_path = {role}, crm");
    client.batch_execute(&start).await.unwrap();
    let outcome = run(client, sql, Answer::Relay).await;
    let after = match outcome.failed() {
        None => {
            client.batch_execute("RESET ROLE").await.unwrap();
            Some(stored(client).await)
        }
        Some(_) => None,
    };
    client.batch_execute("ROLLBACK").await.unwrap();
    (outcome, after)
}

#[test]
fn a_write_changes_or_returns_something_else_than_under_native_row_security() {
    let world = world();
    let mut tally = Tally::default();
    let mut changed = 0;
    runtime().block_on(async {
        let sides = Sides::new(world).await;
        let plain = world.gateway(&sides.plain).await;
        let oracle = world.superuser(&sides.oracle).await;
        let before = stored(&plain).await;
        for principal in PRINCIPALS {
            let person = world.person(principal);
            let mut generator = Generator::new(7);
            let generated = (0..how_many() / 20)
                .map(|_| Query::new(write(principal, &generator.next().current())));
            let queries: Vec<Query> = written(world).into_iter().chain(generated).collect();
            for query in &queries {
                let sql = &query.sql;
                let (ours, our_tables) = on_our_side(world, &person, &plain, sql).await;
                let (theirs, their_tables) =
                    on_the_oracles(&oracle, principal.name, &query.for_oracle()).await;
                tally.add(sql, principal.name, &ours, &theirs);
                if let (Some(a), Some(b)) = (our_tables, their_tables) {
                    changed += usize::from(a != before);
                    if a != b {
                        tally
                            .differences
                            .push(format!("{}: {sql}\n  other tables", principal.name));
                    }
                }
            }
        }
    });
    tally.print("writes");
    println!("{changed} of them changed something");
    assert!(tally.differences.is_empty(), "{} differences", tally.differences.len());
    assert!(changed > 100, "most writes change nothing");
}
