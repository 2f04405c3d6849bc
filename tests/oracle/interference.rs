//! Two databases that differ only in what the person must not see give the same answers.

use proptest::strategy::ValueTree;
use rowgate::protocol::message::Report;
use rowgate::rewrite::{Answer, Rewrite};
use rowgate::session::redact::{self, Failed};
use tokio_postgres::Client;

use crate::answer::{Outcome, run};
use crate::compare::written;
use crate::generate::{Generator, how_many, query, write};
use crate::principals::{PRINCIPALS, Principal};
use crate::world::{self, Listener, MARKER, PLAIN, Person, World, runtime, world};

/// The view of the sample database whose own condition fails on some rows.
const FAILING_VIEW: &str = "rated";

/// A statement of the catalogue of attacks, and the label of what it tries.
#[derive(Debug, Clone)]
struct Attack {
    label: String,
    sql: String,
}

/// Statements that try to make an answer, an error, a count or an order depend on hidden data. A
/// line `-- label: what is tried` stands above those that try it.
fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut label = String::new();
    let reads = include_str!("attacks.sql").lines();
    let merges = include_str!("merge_attacks.sql").lines();
    let merges = merges.take_while(|_| world().server_version() >= 17);
    let returning = include_str!("returning_attacks.sql").lines();
    let returning = returning.take_while(|_| world().server_version() >= 18);
    let writes = include_str!("write_attacks.sql").lines();
    for line in reads.chain(writes).chain(merges).chain(returning) {
        if let Some(heading) = line.strip_prefix("-- ") {
            heading.split_once(": ").unwrap().0.clone_into(&mut label);
            continue;
        }
        assert!(!label.is_empty() && !line.is_empty(), "{line:?} has no label");
        attacks.push(Attack { label: label.clone(), sql: line.to_owned() });
    }
    attacks
}

fn unlabelled(statements: impl IntoIterator<Item = String>) -> Vec<Attack> {
    statements.into_iter().map(|sql| Attack { label: String::new(), sql }).collect()
}

/// What the client of a session gets to see: the answer, or the error as it is redacted, with its
/// position; and the notices.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    outcome: Outcome,
    notices: Vec<String>,
}

fn redacted(outcome: Outcome, sql: &str, rewrite: &Rewrite) -> Outcome {
    match outcome.sorted() {
        Outcome::Failed { sqlstate, message, position } => {
            let mut report = Report::error(&sqlstate, &message);
            if let Some(position) = position {
                report.set(Report::POSITION, &position.to_string());
            }
            let statement = rewrite.plan().statements.first();
            let failed = Failed {
                rewrite: Some((sql, rewrite)),
                check_marker: MARKER,
                table: None,
                touched: statement.map_or(&[], |statement| &statement.touched),
            };
            let shown = redact::error(report, failed);
            Outcome::Failed {
                sqlstate: shown.sqlstate().to_owned(),
                message: shown.field(Report::MESSAGE).unwrap_or_default().to_owned(),
                position: shown.field(Report::POSITION).map(|text| text.parse().unwrap()),
            }
        }
        seen => seen,
    }
}

/// Runs it in a transaction that is rolled back.
async fn run_alone(client: &Listener, sql: &str, rewrite: &Rewrite) -> Seen {
    client.batch_execute("BEGIN").await.unwrap();
    client.notices();
    let outcome = run(client, rewrite.text(), world::answer(rewrite)).await;
    let notices = client
        .notices()
        .into_iter()
        .filter_map(|(sqlstate, message)| {
            let shown = redact::notice(Report::error(&sqlstate, &message))?;
            Some(format!("{sqlstate} {}", shown.field(Report::MESSAGE).unwrap_or_default()))
        })
        .collect();
    client.batch_execute("ROLLBACK").await.unwrap();
    Seen { outcome: redacted(outcome, sql, rewrite), notices }
}

/// Which of several conditions is evaluated first is the planner's choice, by the sizes of tables.
/// Such an error tells nothing when rows that may be seen raise it alone: then some plan does so in
/// a database that has no others.
async fn raised_by_visible_rows(
    client: &Listener,
    sql: &str,
    rewrite: &Rewrite,
    sqlstate: &str,
) -> bool {
    for setting in [
        "jit = off",
        "enable_hashjoin = off",
        "enable_nestloop = off",
        "enable_mergejoin = off",
        "enable_seqscan = off",
        "enable_material = off",
        "enable_hashagg = off",
        "join_collapse_limit = 1",
        "seq_page_cost = 0",
        "seq_page_cost = 10000",
        "cpu_tuple_cost = 1000",
        "cpu_operator_cost = 1000",
    ] {
        for second in ["jit = off", "enable_hashjoin = off", "enable_nestloop = off"] {
            let settings = format!("RESET ALL; SET search_path = crm; SET {setting}; SET {second}");
            client.batch_execute(&settings).await.unwrap();
            let seen = run_alone(client, sql, rewrite).await;
            if seen.outcome.failed() == Some(sqlstate) {
                return true;
            }
        }
    }
    false
}

/// The same of a view whose own condition can fail. Whether it is read at all is the planner's choice, which no
/// setting forces: a join with something empty may come first.
async fn raised_by_a_view_alone(
    world: &World,
    person: &Person,
    client: &Listener,
    sql: &str,
    sqlstate: &str,
) -> bool {
    let Some(view) = sql.contains(FAILING_VIEW).then(|| format!("SELECT * FROM {FAILING_VIEW}"))
    else {
        return false;
    };
    let Ok(rewrite) = world.rewrite(person, &view) else { return false };
    client.batch_execute("RESET ALL; SET search_path = crm").await.unwrap();
    run_alone(client, &view, &rewrite).await.outcome.failed() == Some(sqlstate)
}

/// Differences that rowgate does not prevent, each in docs/threats.md: whether a key exists, and
/// where a row lies.
fn is_known(label: &str, a: &Outcome, b: &Outcome) -> bool {
    let told = |outcome: &Outcome| match outcome {
        Outcome::Rows { rows, .. } => rows.is_empty(),
        Outcome::Failed { sqlstate, message, position } => {
            // Whether the new row may be written at all is judged after the key.
            let duplicate = "duplicate key value violates unique constraint";
            (sqlstate == "23505" && message == duplicate || sqlstate == "42501")
                && position.is_none()
        }
        Outcome::Refused { .. } => false,
    };
    match label {
        "known-unique-probe" => told(a) && told(b),
        "known-physical" => a.failed() == b.failed(),
        // A key that is free lets the new row in, and only then is it judged.
        "known-conflict-nothing" => {
            [a, b].iter().all(|outcome| matches!(outcome.failed(), None | Some("42501")))
        }
        _ => false,
    }
}

#[derive(Default)]
struct Tally {
    order_of_evaluation: usize,
    known: usize,
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
    statements: &[Attack],
    tally: &mut Tally,
) {
    let person = world.person(principal);
    let here = world.listener(&databases.here).await;
    let there = world.listener(&databases.there).await;
    let visible_only = world.listener(&databases.seen).await;
    for Attack { label, sql } in statements {
        let Ok(rewrite) = world.rewrite(&person, sql) else {
            tally.refused += 1;
            continue;
        };
        let a = run_alone(&here, sql, &rewrite).await;
        let b = run_alone(&there, sql, &rewrite).await;
        tally.compared += 1;
        match &a.outcome {
            Outcome::Rows { .. } => tally.rows += 1,
            Outcome::Failed { .. } | Outcome::Refused { .. } => tally.errors += 1,
        }
        if a == b {
            continue;
        }
        if a.notices == b.notices && is_known(label, &a.outcome, &b.outcome) {
            tally.known += 1;
            continue;
        }
        let error = match (a.outcome.failed(), b.outcome.failed()) {
            (Some(error), None) | (None, Some(error)) if error.starts_with("22") => error,
            _ => "",
        };
        if !error.is_empty()
            && (raised_by_visible_rows(&visible_only, sql, &rewrite, error).await
                || raised_by_a_view_alone(world, &person, &visible_only, sql, error).await)
        {
            tally.order_of_evaluation += 1;
            continue;
        }
        tally.leaks.push(format!(
            "{}, {label}: {sql}\n  here:  {a:?}\n  there: {b:?}\n  as: {}",
            principal.name,
            rewrite.text()
        ));
    }
}

#[test]
fn an_answer_depends_on_rows_or_cells_that_must_not_be_seen() {
    let world = world();
    let mut tally = Tally::default();
    runtime().block_on(async {
        let mut statements = attacks();
        statements.extend(unlabelled(written().into_iter().map(|query| query.sql)));
        for (index, principal) in PRINCIPALS.iter().enumerate() {
            let databases = Databases {
                here: world.copy(PLAIN).await,
                there: world.other_database(principal).await,
                seen: world.seen_database(principal).await,
            };
            let mut generator = Generator::new(100 + u8::try_from(index).unwrap());
            let generated = unlabelled((0..how_many() / PRINCIPALS.len() / 2).map(|number| {
                let choices = generator.next().current();
                if number % 4 == 0 {
                    write(principal, &choices)
                } else {
                    query(principal, &choices)
                }
            }));
            // First, while the tables are small: writes leave dead rows behind, and with them the
            // planner's choices.
            compare(world, principal, &databases, &generated, &mut tally).await;
            compare(world, principal, &databases, &statements, &mut tally).await;
            world.analyze(&databases.here).await;
            world.analyze(&databases.there).await;
            compare(world, principal, &databases, &attacks(), &mut tally).await;
        }
    });
    println!(
        "non-interference: {} compared, {} with rows, {} with errors, {} refused, {} differ in the \
         order of evaluation, {} in what is known, {} leaks",
        tally.compared,
        tally.rows,
        tally.errors,
        tally.refused,
        tally.order_of_evaluation,
        tally.known,
        tally.leaks.len()
    );
    for leak in &tally.leaks {
        println!("{leak}");
    }
    assert!(tally.leaks.is_empty(), "{} leaks", tally.leaks.len());
}

#[test]
fn an_error_of_a_view_over_visible_rows_is_taken_for_one_of_hidden_rows() {
    let world = world();
    let principal = PRINCIPALS.iter().find(|principal| principal.name == "analyst").unwrap();
    runtime().block_on(async {
        let seen = world.seen_database(principal).await;
        let (person, client) = (world.person(principal), world.listener(&seen).await);
        // The planner joins what is empty first, and never reads the view.
        let sql = "SELECT r.id FROM rated AS r CROSS JOIN account AS a WHERE a.stage < 'lead'";
        assert!(raised_by_a_view_alone(world, &person, &client, sql, "22012").await);
        for (sql, sqlstate) in [(sql, "22003"), ("SELECT id FROM account", "22012")] {
            assert!(!raised_by_a_view_alone(world, &person, &client, sql, sqlstate).await);
        }
    });
}

/// The fifth kind of principal: everything is forwarded as it is, so nothing can differ.
#[test]
fn an_attack_is_changed_or_refused_for_a_principal_from_whom_nothing_is_hidden() {
    for Attack { sql, .. } in
        attacks().into_iter().filter(|attack| !attack.sql.starts_with("SET rowgate."))
    {
        let text = world().unrestricted(&sql);
        assert_eq!(text, sql);
    }
}

#[test]
fn the_two_databases_look_the_same_without_rowgate() {
    let world = world();
    // Statements of these labels change nothing outside their transaction.
    let told = |attack: &Attack| {
        ["error-", "masked-", "denied-", "update-", "delete-"]
            .iter()
            .any(|start| attack.label.starts_with(start))
    };
    runtime().block_on(async {
        for principal in PRINCIPALS {
            let other = world.other_database(principal).await;
            let here = world.gateway(&world.copy(PLAIN).await).await;
            let there = world.gateway(&other).await;
            let mut differences = 0;
            for Attack { sql, .. } in attacks().into_iter().filter(told) {
                let a = as_it_is(&here, &sql).await;
                let b = as_it_is(&there, &sql).await;
                differences += usize::from(a != b);
            }
            assert!(
                differences > 100,
                "{}: only {differences} attacks tell anything",
                principal.name
            );
        }
    });
}

async fn as_it_is(client: &Client, sql: &str) -> Outcome {
    client.batch_execute("BEGIN").await.unwrap();
    let outcome = run(client, sql, Answer::Relay).await.sorted();
    client.batch_execute("ROLLBACK").await.unwrap();
    outcome
}
