//! What the planner costs per statement, in process: a plan found, a plan found under other literals,
//! a plan made (parse, resolve, decide, rewrite, verify).
//!
//! Cases are measured in turn, again and again, and the medians are printed: whatever else the
//! machine does hits all of them alike. `--instructions CASE COUNT` runs one case that often, for
//! counting instructions with callgrind; `--texts` prints the statements.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub,
    reason = "a program for the people who build rowgate"
)]

mod world;

use std::fmt::Write as _;
use std::time::Instant;

use world::World;

/// Rounds; the median of them is printed.
const ROUNDS: usize = 41;

/// The column aliases keep their length when they change, and so do the literals.
const SMALL: &str = "SELECT name AS n00000 FROM crm.account WHERE id = 1000000";
const MEDIUM: &str = "SELECT a.id, a.name AS n00000, a.phone, a.amount, c.name AS contact_name, \
    c.email FROM crm.account AS a JOIN crm.contact AS c ON c.account_id = a.id \
    WHERE a.status = 'open' AND a.amount > 1000000 AND c.name LIKE 'A%' \
    AND a.created_at >= '2026-01-01' ORDER BY a.created_at DESC, a.id LIMIT 50 OFFSET 100";
const LARGE: &str = "WITH recent AS (SELECT o.id, o.account_id, o.name, o.stage, o.amount, \
    o.close_date FROM crm.opportunity AS o WHERE o.stage IN ('won', 'lost', 'open', 'new') \
    AND o.close_date BETWEEN '2025-01-01' AND '2026-12-31'), \
    totals AS (SELECT r.account_id, count(*) AS deals, sum(r.amount) AS revenue, \
    max(r.close_date) AS last_close FROM recent AS r GROUP BY r.account_id) \
    SELECT a.id, a.name AS n00000, a.phone, a.status, a.industry, a.region, t.deals, t.revenue, \
    t.last_close, (SELECT count(*) FROM crm.contact AS c WHERE c.account_id = a.id) AS contacts, \
    CASE WHEN t.revenue > 100000 THEN 'A' WHEN t.revenue > 10000 THEN 'B' ELSE 'C' END AS class \
    FROM crm.account AS a JOIN totals AS t ON t.account_id = a.id \
    LEFT JOIN crm.contact AS p ON p.account_id = a.id AND p.is_primary = true \
    WHERE a.status = 'active' AND a.amount >= 1000000 AND a.region IN ('east', 'north') \
    AND a.industry <> 'none' AND lower(a.name) LIKE '%ltd%' \
    AND EXISTS (SELECT 1 FROM crm.opportunity AS x WHERE x.account_id = a.id AND x.amount > 500) \
    ORDER BY t.revenue DESC, a.name, a.id LIMIT 100";

const STATEMENTS: [(&str, &str); 3] = [("small", SMALL), ("medium", MEDIUM), ("large", LARGE)];

/// What a round of a case plans.
#[derive(Clone, Copy, PartialEq)]
enum Texts {
    /// The same text every time.
    Same,
    /// The same shape, other literals.
    OtherLiterals,
    /// A shape that was never seen before, of the same length.
    New,
}

struct Case {
    name: String,
    text: &'static str,
    texts: Texts,
    unrestricted: bool,
    extended: bool,
    issued: u32,
    /// Nanoseconds per statement of each round.
    rounds: Vec<f64>,
}

impl Case {
    fn texts(&mut self, count: u32) -> Vec<String> {
        (0..count)
            .map(|_| {
                self.issued += 1;
                match self.texts {
                    Texts::Same => self.text.to_owned(),
                    Texts::OtherLiterals => {
                        self.text.replace("1000000", &format!("{}", 1_000_000 + self.issued))
                    }
                    Texts::New => self.text.replace("n00000", &format!("n{:05}", self.issued)),
                }
            })
            .collect()
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let kinds =
        [(Texts::Same, "hit"), (Texts::OtherLiterals, "hit, other literals"), (Texts::New, "miss")];
    for (size, text) in STATEMENTS {
        for (texts, kind) in kinds {
            for (extended, protocol) in [(false, "simple"), (true, "extended")] {
                let mut name = String::new();
                write!(name, "{size} {} B, {protocol}, {kind}", text.len()).expect("a string");
                cases.push(Case {
                    name,
                    text,
                    texts,
                    unrestricted: false,
                    extended,
                    // Both protocols share plans: each has its own new shapes.
                    issued: if extended { 50_000 } else { 0 },
                    rounds: Vec::new(),
                });
            }
        }
        cases.push(Case {
            name: format!("{size} {} B, unrestricted, same text", text.len()),
            text,
            texts: Texts::Same,
            unrestricted: true,
            extended: false,
            issued: 0,
            rounds: Vec::new(),
        });
    }
    cases
}

fn main() {
    world::on_a_lane(measure);
}

fn measure() {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments.iter().position(|argument| argument == "--instructions");
    if let Some(name) = wanted.and_then(|at| arguments.get(at + 1)) {
        let count = wanted.and_then(|at| arguments.get(at + 2)?.parse().ok());
        instructions(name, count.unwrap_or(2000));
    } else if arguments.iter().any(|argument| argument == "--texts") {
        for (size, text) in STATEMENTS {
            println!("{size}\t{text}");
        }
    } else {
        table();
    }
}

/// Plans one case so many times; nothing is timed.
fn instructions(name: &str, count: u32) {
    let world = World::sample();
    for mut case in cases().into_iter().filter(|case| case.name == name) {
        let texts = case.texts(count);
        let bytes = world.plan(case.unrestricted, case.extended, &texts);
        println!("{}: {bytes} bytes out", case.name);
    }
}

fn table() {
    let world = World::sample();
    let mut cases = cases();
    for case in &mut cases {
        let warm = case.texts(20);
        world.plan(case.unrestricted, case.extended, &warm);
    }
    for _ in 0..ROUNDS {
        for case in &mut cases {
            let count = if case.texts == Texts::New { 40 } else { 400 };
            let texts = case.texts(count);
            let start = Instant::now();
            let bytes = world.plan(case.unrestricted, case.extended, &texts);
            let nanoseconds = start.elapsed().as_nanos() as f64;
            assert!(std::hint::black_box(bytes) > 0);
            case.rounds.push(nanoseconds / f64::from(count));
        }
    }
    println!("| case | median µs | quarter | three quarters | ratio to the small simple hit |");
    println!("|---|---|---|---|---|");
    let quantile = |rounds: &[f64], share: usize| {
        rounds.get(rounds.len() * share / 4).copied().unwrap_or_default() / 1000.0
    };
    let mut base = None;
    for case in &mut cases {
        case.rounds.sort_by(f64::total_cmp);
        let median = quantile(&case.rounds, 2);
        let base = *base.get_or_insert(median);
        let (low, high) = (quantile(&case.rounds, 1), quantile(&case.rounds, 3));
        println!("| {} | {median:.2} | {low:.2} | {high:.2} | {:.1} |", case.name, median / base);
    }
    let counts = world.planner.counts();
    println!("\nhits {}, misses {}, refusals {}", counts.hits, counts.misses, counts.refusals);
}
