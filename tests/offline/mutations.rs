//! Runs the checks of `fuzz/` on the corpus and on seeded mutations of it, so that every test run
//! looks for what libFuzzer looks for. It finds less than libFuzzer, which sees what code it reaches.
//!
//! `ROWGATE_MUTATIONS` is how many mutations each target gets; `ROWGATE_MUTATIONS_SEED` where the
//! random numbers begin.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

use crate::statements::KINDS;
use crate::targets::{TARGETS, audit};

/// What mutations put in: pieces of the languages that the targets read.
const WORDS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ".",
    "*",
    "'",
    "''",
    "\"",
    "\\",
    "$1",
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    "\n",
    " ",
    "\t",
    "E'",
    "B'",
    "X'",
    "U&'",
    "U&\"",
    "N'",
    "::",
    ":=",
    "=>",
    "||",
    "<>",
    "0x1F",
    "1e9",
    "1_0",
    "2147483648",
    "é",
    "SELECT ",
    " FROM ",
    "account",
    "contact a",
    " JOIN ",
    " ON ",
    " WHERE ",
    " UNION ",
    " WITH x AS (SELECT 1) ",
    " ORDER BY 1 ",
    " GROUP BY 1 ",
    " LIMIT 1 ",
    " FOR UPDATE ",
    " IN (",
    "phone",
    "secret",
    "owner_id",
    "a.*",
    " RETURNING *",
    " SET ",
    " VALUES (",
    " INSERT INTO ",
    " DELETE FROM ",
    " UPDATE ",
    " ONLY ",
    " TABLESAMPLE system (1) ",
    " LATERAL ",
    " AS ",
    "NOT ",
    " OR ",
    " AND ",
    " LIKE '%'",
    " IS NULL",
    "CASE WHEN 1=1 THEN 1 END",
    "lower(",
    "count(*) ",
    "ctid",
    "EXPLAIN ",
    "PREPARE p AS ",
    "COPY (",
    ") TO STDOUT",
    "DECLARE c CURSOR FOR ",
    "rowgate_",
    "scope: self",
    "read: ",
    "{",
    "}",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a ",
    "<<: ",
    "|\n",
    "tables:\n",
    "roles:\n",
    "kind: partial",
    "[listen]\n",
    "address = ",
    "true",
    "\"seq\":",
    "\0",
    "n,,n=,r=",
    "c=biws,r=",
    ",p=",
    "y,,",
    "p=",
];

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let mut inputs = corpus(target);
    assert!(!inputs.is_empty(), "{target} has no corpus");
    if matches!(target, "lexer" | "planner") {
        let examples = KINDS.iter().flat_map(|kind| kind.examples);
        inputs.extend(examples.map(|sql| sql.as_bytes().to_vec()));
    }
    inputs
}

fn within(random: &mut StdRng, length: usize) -> usize {
    if length == 0 { 0 } else { random.random_range(0..length) }
}

/// A few changes to one of the inputs.
fn mutated(random: &mut StdRng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut text = inputs.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..5) {
        let at = within(random, text.len() + 1);
        let end = (at + within(random, 12)).min(text.len());
        match random.random_range(0..8) {
            0 => drop(text.splice(at..end, [])),
            1 => {
                let again = text[at..end].to_vec();
                drop(text.splice(at..at, again));
            }
            2 => {
                if let Some(byte) = text.get_mut(at) {
                    *byte = random.next_u32().to_be_bytes()[0];
                }
            }
            3 => {
                // A piece of another input.
                let other = inputs.choose(random).cloned().unwrap_or_default();
                let from = within(random, other.len() + 1);
                let to = (from + within(random, 40)).min(other.len());
                drop(text.splice(at..at, other[from..to].iter().copied()));
            }
            4 => {
                // Deep rather than long.
                let word = WORDS.choose(random).copied().unwrap_or_default();
                let times = *[2, 8, 70, 1_500].choose(random).unwrap_or(&2);
                drop(text.splice(at..at, word.repeat(times).into_bytes()));
            }
            _ => {
                let word = WORDS.choose(random).copied().unwrap_or_default();
                drop(text.splice(at..end, word.bytes()));
            }
        }
        text.truncate(1 << 16);
    }
    text
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The input as Rust and as a file, to put it into the corpus.
fn report(target: &str, input: &[u8]) -> String {
    let file = std::env::temp_dir().join(format!("rowgate-{target}-failed"));
    std::fs::write(&file, input).unwrap();
    format!("{target}: {:?}, also in {}", String::from_utf8_lossy(input), file.display())
}

#[test]
fn an_input_breaks_what_must_hold_for_every_input() {
    let mutations = number("ROWGATE_MUTATIONS", 1_500);
    let seed = number("ROWGATE_MUTATIONS_SEED", 1);
    let only = std::env::var("ROWGATE_MUTATIONS_OF").ok();
    let mut broken = Vec::new();
    for (target, check) in TARGETS {
        if only.as_ref().is_some_and(|only| only != target) {
            continue;
        }
        let inputs = inputs(target);
        let mut random = StdRng::seed_from_u64(seed);
        let made = (0..mutations).map(|_| mutated(&mut random, &inputs));
        for input in inputs.iter().cloned().chain(made) {
            if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
                broken.push(report(target, &input));
                break;
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_log_that_is_changed_is_no_good_log_to_begin_with() {
    assert!(audit::is_accepted_unchanged());
}

/// Texts that grow with a number: nests, chains and lists of everything that can be repeated.
fn long(times: usize) -> Vec<String> {
    let nested = |before: &str, inside: &str, after: &str| {
        format!("{}{inside}{}", before.repeat(times), after.repeat(times))
    };
    let chain =
        |before: &str, link: &str, after: &str| format!("{before}{}{after}", link.repeat(times));
    vec![
        format!("SELECT {} FROM account", nested("(", "id", ")")),
        format!("SELECT {} FROM account", nested("NOT ", "true", "")),
        format!("SELECT {} FROM account", nested("- ", "id", "")),
        format!("SELECT {} FROM account", nested("CASE WHEN true THEN ", "id", " END")),
        format!("SELECT {} FROM account", nested("lower(", "name", ")")),
        format!("SELECT {}", nested("(SELECT ", "1", ")")),
        format!("SELECT * FROM {}", nested("(SELECT * FROM ", "account", ") a")),
        format!("SELECT 1 WHERE {}", nested("EXISTS (SELECT 1 FROM account WHERE ", "true", ")")),
        nested("WITH a AS (", "SELECT 1", ") SELECT 1"),
        nested("(", "SELECT id FROM account", ")"),
        chain("SELECT 1 FROM account WHERE id = 1", " OR id = 2", ""),
        chain("SELECT 1 FROM account WHERE id = 1", " AND id + 1 = 2", ""),
        chain("SELECT 1", " + 1", " FROM account"),
        chain("SELECT name", " || name", " FROM account"),
        chain("SELECT id", "::int4", " FROM account"),
        chain("SELECT (a)", ".name", " FROM account a"),
        chain("SELECT labels", "[1]", " FROM account"),
        chain("SELECT name", " COLLATE \"C\"", " FROM account"),
        chain("SELECT id", " IS NULL", " FROM account"),
        chain("SELECT 1 FROM account WHERE id IN (1", ", 2", ")"),
        chain("SELECT id FROM account", " UNION SELECT id FROM contact", ""),
        chain("SELECT 1 FROM product", " NATURAL JOIN product", ""),
        chain("SELECT 1 FROM account", ", account", ""),
        chain("INSERT INTO account (id, owner_id) VALUES (1, 7)", ", (2, 7)", ""),
        chain("UPDATE account SET name = 'a'", ", amount = 1", ""),
        chain("SELECT 1", "; SELECT 1", ""),
        chain("SELECT 1 FROM account ORDER BY 1", ", id", ""),
        chain("SELECT count(*) FROM account GROUP BY id", ", name", ""),
        chain("SELECT 'a'", "\n'b'", ""),
        chain("SELECT ", "/* */", "1"),
        chain("SELECT 1 ", "-- \n", ""),
        chain("SELECT $1", ", $1", ""),
        nested("/*", "", "*/"),
        nested("[", "", "]"),
        nested("{", "", "}"),
        nested("- ", "a", ""),
        nested("a: {", "", "}"),
        chain("a: &a [1]", "\nb: *a", ""),
    ]
}

#[test]
fn a_text_that_goes_on_and_on_ends_the_process() {
    // Above what lowering walks, and far above.
    for times in [1_500, 5_000] {
        for text in long(times) {
            for (target, check) in TARGETS {
                let run = catch_unwind(AssertUnwindSafe(|| check(text.as_bytes())));
                assert!(
                    run.is_ok(),
                    "{target}, {times} times: {}",
                    text.get(..60).unwrap_or(&text)
                );
            }
        }
    }
}
