//! The same statement on both sides.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::strategy::ValueTree;
use rowgate::rewrite::{Answer, PlanFormat};
use tokio_postgres::Client;

use crate::answer::{Outcome, run};
use crate::generate::{Generator, how_many, query};
use crate::principals::{PRINCIPALS, Principal};
use crate::world::{self, ORACLE, PLAIN, Person, World, runtime, world};

/// A query, and what asks the oracle's views the same where they do not take it.
pub(crate) struct Query {
    pub(crate) sql: String,
    oracle: Option<String>,
}

impl Query {
    pub(crate) fn new(sql: String) -> Self {
        Self { sql, oracle: None }
    }

    /// Names without the schema, so that the oracle's masking views are found before the tables.
    pub(crate) fn for_oracle(&self) -> String {
        let sql = self.oracle.as_ref().unwrap_or(&self.sql);
        let mut text = sql.replace("\"crm\".", "");
        for (relation, _) in
            world::TABLES.iter().copied().chain(world::VIEWS.iter().map(|v| (v.0, &[][..])))
        {
            text = text.replace(&format!("crm.{relation}"), relation);
        }
        text
    }
}

/// The written queries: one starts where a line does not start with a space; `=>` is before what
/// the oracle is asked instead.
pub(crate) fn written() -> Vec<Query> {
    read(include_str!("written.sql"))
}

/// Queries in a file's form.
pub(crate) fn read(text: &str) -> Vec<Query> {
    let mut queries: Vec<String> = Vec::new();
    for line in text.lines() {
        match queries.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push('\n');
                last.push_str(line);
            }
            _ => queries.push(line.to_owned()),
        }
    }
    queries
        .iter()
        .map(|text| match text.split_once(" => ") {
            Some((sql, oracle)) => Query { sql: sql.to_owned(), oracle: Some(oracle.to_owned()) },
            None => Query::new(text.clone()),
        })
        .collect()
}

/// What was compared.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) compared: usize,
    pub(crate) answered: usize,
    pub(crate) errors: usize,
    pub(crate) refused: usize,
    pub(crate) refusals: BTreeMap<String, (usize, String)>,
    pub(crate) order_of_evaluation: usize,
    pub(crate) differences: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, sql: &str, who: &str, ours: &Outcome, oracle: &Outcome) {
        self.compared += 1;
        match (ours, oracle) {
            (Outcome::Refused { sqlstate, message }, Outcome::Rows { .. })
                if sqlstate == "0A000" =>
            {
                self.refused += 1;
                let class = self.refusals.entry(message.clone()).or_default();
                class.0 += 1;
                class.1 = format!("{who}: {sql}");
            }
            (Outcome::Rows { .. }, Outcome::Rows { .. }) => {
                self.answered += 1;
                if !same(sql, ours, oracle) {
                    self.differ(sql, who, ours, oracle);
                }
            }
            // The server does not look at rights where its planner finds nothing to read.
            (Outcome::Refused { message, .. }, Outcome::Rows { .. })
                if names_a_denied_table(message, who) =>
            {
                self.errors += 1;
            }
            (ours_failed, oracle_failed) => {
                self.errors += 1;
                let (a, b) = (ours_failed.failed(), oracle_failed.failed());
                if a == b || accepted(ours, oracle) {
                    return;
                }
                if depends_on_order(a) && depends_on_order(b) {
                    self.order_of_evaluation += 1;
                    return;
                }
                self.differ(sql, who, ours, oracle);
            }
        }
    }

    fn differ(&mut self, sql: &str, who: &str, ours: &Outcome, oracle: &Outcome) {
        let mut text = format!("{who}: {sql}\n");
        let _ = writeln!(text, "  rowgate: {}", brief(ours, oracle));
        let _ = write!(text, "  oracle:  {}", brief(oracle, ours));
        self.differences.push(text);
    }

    /// Fails when the two sides differ, or when too little was compared to say so.
    pub(crate) fn check(&self) {
        assert!(self.differences.is_empty(), "{} differences", self.differences.len());
        assert!(self.refused * 100 <= self.compared * 2, "too much is refused");
        assert!(self.order_of_evaluation * 100 <= self.compared * 3, "too many errors differ");
    }

    pub(crate) fn print(&self, what: &str) {
        println!(
            "{what}: {} compared, {} with rows, {} with errors, {} refused, {} differ in the order \
             of evaluation, {} differences",
            self.compared,
            self.answered,
            self.errors,
            self.refused,
            self.order_of_evaluation,
            self.differences.len()
        );
        for (message, (count, example)) in &self.refusals {
            println!("  refused {count}x: {message}\n    {example}");
        }
        for difference in &self.differences {
            println!("{difference}");
        }
    }
}

fn names_a_denied_table(message: &str, who: &str) -> bool {
    let Some(table) = message.strip_prefix("permission denied for table ") else { return false };
    let parent =
        world::CHILDREN.iter().find(|(child, _)| *child == table).map(|(_, parent)| parent);
    PRINCIPALS
        .iter()
        .any(|principal| principal.name == who && !principal.may_read(parent.unwrap_or(&table)))
}

/// Which of several conditions is evaluated first is the planner's choice, and with it whether an
/// error that some visible row can raise is raised.
pub(crate) fn depends_on_order(sqlstate: Option<&str>) -> bool {
    sqlstate.is_none_or(|state| state.starts_with("22") || state == "21000")
}

/// Differences that are known and harmless.
fn accepted(ours: &Outcome, oracle: &Outcome) -> bool {
    match (ours.failed(), oracle.failed()) {
        // The oracle's views have no key, so grouping by it fails there.
        (None, Some("42803")) => true,
        // The check option judges the row as stored, so a constraint is the first to complain.
        (Some("23502" | "23505"), Some("42501")) => true,
        // And so is the check option of a view.
        (Some("44000"), Some("42501")) => true,
        // Masked columns of the oracle's views cannot be written, and the views have no constraints.
        (_, Some("0A000" | "42704")) => true,
        // Both refuse; rowgate looks at rights before anything else.
        (Some("42501" | "0A000"), Some(_)) => matches!(ours, Outcome::Refused { .. }),
        _ => false,
    }
}

fn same(sql: &str, ours: &Outcome, oracle: &Outcome) -> bool {
    let total = sql.contains("ORDER BY 1") || sql.contains("ORDER BY id");
    if total && !sql.contains("OVER") && !sql.contains('(') {
        return ours == oracle;
    }
    ours.clone().sorted() == oracle.clone().sorted()
}

fn brief(outcome: &Outcome, other: &Outcome) -> String {
    match (outcome, other) {
        (Outcome::Rows { columns, rows, affected }, Outcome::Rows { rows: others, .. }) => {
            let extra: Vec<_> = rows.iter().filter(|row| !others.contains(row)).take(3).collect();
            format!("{columns:?} {} rows, affected {affected}, only here: {extra:?}", rows.len())
        }
        (Outcome::Rows { rows, .. }, _) => format!("{} rows", rows.len()),
        (failed, _) => format!("{failed:?}"),
    }
}

/// What rowgate's client gets.
pub(crate) async fn through_rowgate(
    world: &World,
    person: &Person,
    client: &Client,
    sql: &str,
) -> Outcome {
    match world.rewrite(person, sql) {
        Ok(rewrite) => run(client, rewrite.text(), world::answer(&rewrite)).await,
        Err(refusal) => Outcome::Refused {
            sqlstate: refusal.sqlstate.0.to_owned(),
            message: refusal.message.clone(),
        },
    }
}

/// The databases of one test.
pub(crate) struct Sides {
    pub(crate) plain: String,
    pub(crate) oracle: String,
}

impl Sides {
    pub(crate) async fn new(world: &World) -> Self {
        Self { plain: world.copy(PLAIN).await, oracle: world.copy(ORACLE).await }
    }
}

/// A person on both sides.
pub(crate) struct Pair {
    world: &'static World,
    principal: &'static Principal,
    person: Person,
    plain: Client,
    oracle: Client,
}

impl Pair {
    pub(crate) async fn new(
        world: &'static World,
        sides: &Sides,
        principal: &'static Principal,
    ) -> Self {
        Self {
            world,
            principal,
            person: world.person(principal),
            plain: world.gateway(&sides.plain).await,
            oracle: world.oracle(principal, &sides.oracle).await,
        }
    }

    /// Asks both and compares.
    pub(crate) async fn ask(&self, query: &Query, tally: &mut Tally) {
        let ours = through_rowgate(self.world, &self.person, &self.plain, &query.sql).await;
        let explains = query.sql.starts_with("EXPLAIN");
        let answer = if explains { Answer::RedactPlan(PlanFormat::Text) } else { Answer::Relay };
        let theirs = run(&self.oracle, &query.for_oracle(), answer).await;
        tally.add(&query.sql, self.principal.name, &ours, &theirs);
    }
}

pub(crate) async fn compare(
    world: &'static World,
    sides: &Sides,
    queries: &[Query],
    principal: &'static Principal,
    tally: &mut Tally,
) {
    let pair = Pair::new(world, sides, principal).await;
    for query in queries {
        pair.ask(query, tally).await;
    }
}

#[test]
fn a_written_query_gets_another_answer_than_native_row_security_gives() {
    let queries = written();
    let mut tally = Tally::default();
    let world = world();
    runtime().block_on(async {
        let sides = Sides::new(world).await;
        for principal in PRINCIPALS {
            compare(world, &sides, &queries, principal, &mut tally).await;
        }
    });
    tally.print("written queries");
    tally.check();
}

#[test]
fn a_generated_query_gets_another_answer_than_native_row_security_gives() {
    let world = world();
    let mut tally = Tally::default();
    let each = how_many().div_ceil(PRINCIPALS.len());
    runtime().block_on(async {
        let sides = Sides::new(world).await;
        for (index, principal) in PRINCIPALS.iter().enumerate() {
            let mut generator = Generator::new(u8::try_from(index).unwrap());
            let queries: Vec<Query> = (0..each)
                .map(|_| Query::new(query(principal, &generator.next().current())))
                .collect();
            let before = tally.differences.len();
            compare(world, &sides, &queries, principal, &mut tally).await;
            if tally.differences.len() > before {
                let smallest = smaller(
                    world,
                    &sides,
                    principal,
                    &mut Generator::new(u8::try_from(index).unwrap()),
                    each,
                )
                .await;
                println!("smallest for {}: {smallest}", principal.name);
            }
        }
    });
    tally.print("generated queries");
    tally.check();
    assert!(tally.answered * 2 > tally.compared, "most of the queries only fail");
}

/// The first query that differs, made as small as proptest can.
async fn smaller(
    world: &'static World,
    sides: &Sides,
    principal: &'static Principal,
    generator: &mut Generator,
    each: usize,
) -> String {
    let differs = async |choices: &[u32]| {
        let mut tally = Tally::default();
        let one = [Query::new(query(principal, choices))];
        compare(world, sides, &one, principal, &mut tally).await;
        tally.differences.pop()
    };
    for _ in 0..each {
        let mut tree = generator.next();
        let Some(mut smallest) = differs(&tree.current()).await else { continue };
        for _ in 0..300 {
            match differs(&tree.current()).await {
                Some(text) => {
                    smallest = text;
                    if !tree.simplify() {
                        break;
                    }
                }
                None => {
                    if !tree.complicate() {
                        break;
                    }
                }
            }
        }
        return smallest;
    }
    String::new()
}

#[test]
fn the_comparison_finds_nothing_when_rowgate_is_switched_off() {
    let world = world();
    let mut tally = Tally::default();
    runtime().block_on(async {
        let sides = Sides::new(world).await;
        for principal in PRINCIPALS {
            let plain = world.gateway(&sides.plain).await;
            let oracle = world.oracle(principal, &sides.oracle).await;
            let mut alone = Tally::default();
            for query in written() {
                let ours = run(&plain, &query.sql, Answer::Relay).await;
                let theirs = run(&oracle, &query.for_oracle(), Answer::Relay).await;
                alone.add(&query.sql, principal.name, &ours, &theirs);
            }
            let found = alone.differences.len();
            assert!(found > 20, "{}: only {found} differences without rowgate", principal.name);
            tally.compared += alone.compared;
            tally.differences.extend(alone.differences);
        }
    });
    println!("without rowgate {} of {} differ", tally.differences.len(), tally.compared);
}
