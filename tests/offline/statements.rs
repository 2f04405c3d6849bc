//! The table of all node kinds and what becomes of them: made by the planner, from the examples, and
//! compared with `docs/statements.md`. `ROWGATE_BLESS=1` writes the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use rowgate::planner::{Planner, Protocol};
use rowgate::rewrite::{Action, Effect, Rewrite};

use crate::kinds::{forms, kinds};
use crate::targets::sample::{Person, Sample};

/// What a kind is to whoever reads the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The grammar returns it as a statement.
    Statement,
    /// A clause, an item of FROM, or what stands around them.
    Clause,
    /// An expression.
    Expression,
    /// Stands only in statements that define or change objects.
    Definition,
    /// Made after parsing.
    Later,
}

/// A kind and its examples.
#[derive(Debug)]
pub(crate) struct Kind {
    name: &'static str,
    class: Class,
    pub(crate) examples: &'static [&'static str],
}

macro_rules! listed_kinds {
    ($($class:ident { $($kind:ident $([$($example:literal),* $(,)?])?;)* })*) => {
        /// All kinds in the order of the list.
        pub(crate) const KINDS: &[Kind] = &[$($(
            Kind {
                name: stringify!($kind),
                class: Class::$class,
                examples: &[$($($example),*)?],
            },
        )*)*];
    };
}

kinds!(listed_kinds);

/// Statements of other tests, in which a kind is looked up: answers of a real server are compared
/// there.
const ELSEWHERE: &[(&str, &str)] = &[
    ("compare", include_str!("../oracle/written.sql")),
    ("interference", include_str!("../oracle/attacks.sql")),
    ("writes", include_str!("../oracle/writes.sql")),
];

/// What a parse tree holds, wherever it stands in it.
#[derive(Default)]
struct Contents {
    /// Kinds of nodes, spelled by [`plain`].
    kinds: BTreeSet<String>,
    /// Node, field and value of everything that is a number, enumerations among it.
    numbers: BTreeSet<(String, String, i32)>,
}

/// libpg_query's two bindings spell the kinds differently.
fn plain(kind: &str) -> String {
    let kind = kind.replace('_', "").to_lowercase();
    if kind == "nodelist" { "list".to_owned() } else { kind }
}

/// Reads a tree as `Debug` prints it: `Kind { field: 1, other: Some(Kind { … }) }`.
fn contents(sql: &str) -> Contents {
    let tree = pg_raw_parse::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let text = format!("{tree:?}");
    let mut found = Contents::default();
    let (mut word, mut field, mut open) = (String::new(), String::new(), Vec::new());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                while let Some(inner) = letters.next() {
                    match inner {
                        '\\' => drop(letters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            letter if letter.is_ascii_alphanumeric() || letter == '_' => word.push(letter),
            ':' => field = std::mem::take(&mut word),
            '{' => {
                found.kinds.insert(plain(&word));
                open.push(std::mem::take(&mut word));
            }
            '(' | '[' => {
                found.kinds.insert(plain(&word));
                word.clear();
            }
            ',' | '}' | ')' | ']' => {
                if let (Ok(number), Some(node)) = (word.parse(), open.last()) {
                    found.numbers.insert((node.clone(), field.clone(), number));
                }
                word.clear();
                if letter == '}' {
                    open.pop();
                }
            }
            _ => {}
        }
    }
    found
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `account: read`, from what the plan says it touches.
fn verbs(rewrite: &Rewrite) -> String {
    let mut verbs = BTreeSet::new();
    for statement in &rewrite.plan().statements {
        verbs.extend(statement.touched.iter().map(|touched| touched.verb.as_str()));
    }
    verbs.into_iter().collect::<Vec<_>>().join(", ")
}

/// The text that runs, with what rowgate puts in made short: which rows and columns, and how written
/// rows are checked, is the policy's.
fn shortened(text: &str) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some(at) = text.find("( SELECT \"rowgate_row\".") {
        let Some(end) = closing(&text, at) else { break };
        text.replace_range(at..end, "(rows and columns in scope)");
    }
    let last = "AS pg_catalog.int4) END";
    while let Some(end) = text.find(last)
        && let Some(at) = text[..end].rfind("CASE WHEN ")
    {
        text.replace_range(at..end + last.len(), "(check)");
    }
    text
}

/// Behind the bracket that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in text[open..].char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open + at + 1);
        }
    }
    None
}

/// Who answers, what runs, and on whose rights.
fn restricted(sample: &Sample, person: &Person, sql: &str) -> (String, String, String) {
    let planner = Planner::default();
    match sample.plan(&planner, person, Protocol::Simple, sql) {
        Err(refusal) => {
            let state = refusal.sqlstate.0;
            assert!(
                matches!(state, "42501" | "0A000"),
                "{sql}: the example is wrong, or a decision has another code: {refusal:?}"
            );
            let why = if refusal.reason.is_empty() {
                refusal.message
            } else {
                format!("{}: {}", refusal.message, refusal.reason)
            };
            (format!("refused, {state}"), escaped(&why), String::new())
        }
        Ok(rewrite) => {
            let statements = &rewrite.plan().statements;
            let local = statements.iter().any(|plan| matches!(plan.action, Action::Local(_)));
            let what = if local {
                "answered by rowgate"
            } else if rewrite.text() == sql {
                "passed"
            } else {
                "rewritten"
            };
            let runs = if what == "rewritten" {
                format!("`{}`", escaped(&shortened(rewrite.text())))
            } else {
                String::new()
            };
            (what.to_owned(), runs, verbs(&rewrite))
        }
    }
}

fn unrestricted(sample: &Sample, sql: &str) -> &'static str {
    let planner = Planner::default();
    let rewrite = sample
        .plan(&planner, &sample.admin, Protocol::Simple, sql)
        .unwrap_or_else(|refusal| panic!("{sql}: refused to somebody unrestricted: {refusal:?}"));
    assert_eq!(rewrite.text(), sql, "the text of an unrestricted principal was changed");
    // The most that one of them does.
    let effects: Vec<Effect> = rewrite.plan().statements.iter().map(|plan| plan.effect).collect();
    if effects.contains(&Effect::Writes) {
        "passed as a write"
    } else if effects.contains(&Effect::Unknown) {
        "passed as anything"
    } else if effects.contains(&Effect::Settings) {
        "passed as a setting"
    } else if effects.contains(&Effect::Transaction) {
        "passed as transaction control"
    } else {
        "passed as a read"
    }
}

/// Kind → the tests that have it in a statement of theirs.
fn elsewhere() -> BTreeMap<String, Vec<&'static str>> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (test, text) in ELSEWHERE {
        let lines = text.replace("\n ", " ");
        let here: BTreeSet<String> = lines
            .lines()
            .map(|line| line.split(" => ").next().unwrap_or_default())
            .filter(|sql| pg_raw_parse::parse(sql).is_ok())
            .flat_map(|sql| contents(sql).kinds)
            .collect();
        for kind in here {
            found.entry(kind).or_default().push(test);
        }
    }
    found
}

const BEGINNING: &str = "\
# Every kind of statement, and what becomes of it

For people who ask whether something was forgotten. This table is made by `tests/offline`: it runs the planner on an example
of every kind of node that PostgreSQL's grammar (version 18, by libpg_query) can return, for a restricted principal and for an
unrestricted one. A kind without an example fails the tests, a new kind in a newer grammar does not compile, and a decision
that changes has to be written down here with `ROWGATE_BLESS=1 cargo test --test offline`. What users need to know is in
[sql-support.md](sql-support.md).

The restricted principal reads and writes own rows of `account` (one column masked, one denied), reads own rows of `contact`
and those of own accounts, reads all of `product`, and has nothing on `ledger`. *Rewritten* says what runs, *refused* says why.
*Verbs* are the rights that were asked for. The last column names the tests of `tests/oracle` that run statements with this
kind on real servers, against native row security (`compare`, `writes`) or on two databases that differ in what is hidden
(`interference`).

| | refused | passed | rewritten | answered by rowgate |
|---|---|---|---|---|
";

fn table() -> String {
    let sample = Sample::new();
    let elsewhere = elsewhere();
    let mut sections = String::new();
    let mut counts = Vec::new();
    for (class, title) in [
        (Class::Statement, "Statements"),
        (Class::Clause, "Clauses and items of FROM"),
        (Class::Expression, "Expressions"),
        (Class::Definition, "Parts of statements that define objects"),
    ] {
        let mut decisions: BTreeMap<&str, usize> = BTreeMap::new();
        let _ = write!(
            sections,
            "\n## {title}\n\n| kind | example | restricted | runs, or why not | verbs | unrestricted | on real servers |\n\
             |---|---|---|---|---|---|---|\n"
        );
        for kind in KINDS.iter().filter(|kind| kind.class == class) {
            for (index, sql) in kind.examples.iter().enumerate() {
                let (decision, why, verbs) = restricted(&sample, &sample.rep, sql);
                let counted = ["refused", "passed", "rewritten", "answered by rowgate"]
                    .into_iter()
                    .find(|counted| decision.starts_with(counted));
                *decisions.entry(counted.unwrap()).or_default() += 1;
                let (name, tests) = if index == 0 {
                    let tests = elsewhere.get(&plain(kind.name)).map(|tests| tests.join(", "));
                    (format!("`{}`", kind.name), tests.unwrap_or_default())
                } else {
                    (String::new(), String::new())
                };
                let _ = writeln!(
                    sections,
                    "| {name} | `{}` | {decision} | {why} | {verbs} | {} | {tests} |",
                    escaped(sql),
                    unrestricted(&sample, sql)
                );
            }
        }
        let count = |decision| decisions.get(decision).copied().unwrap_or(0);
        counts.push(format!(
            "| {title} | {} | {} | {} | {} |\n",
            count("refused"),
            count("passed"),
            count("rewritten"),
            count("answered by rowgate")
        ));
    }
    let later: Vec<&str> =
        KINDS.iter().filter(|kind| kind.class == Class::Later).map(|kind| kind.name).collect();
    let _ = write!(
        sections,
        "\n## Made after parsing\n\nNo text gives these; a parse tree that held one would be refused: {}.\n",
        later.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    );
    format!("{BEGINNING}{}{sections}", counts.concat())
}

#[test]
fn a_decision_on_a_kind_of_statement_changes_and_nobody_writes_it_down() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/statements.md");
    let made = table();
    if std::env::var_os("ROWGATE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (made, kept)) in made.lines().zip(kept.lines()).enumerate() {
        assert_eq!(made, kept, "docs/statements.md, line {}; ROWGATE_BLESS=1 writes it", line + 1);
    }
    assert_eq!(made, kept, "docs/statements.md; ROWGATE_BLESS=1 writes it");
}

#[test]
fn a_kind_of_node_has_no_example_or_an_example_of_something_else() {
    let mut seen = BTreeSet::new();
    for kind in KINDS {
        let wanted = usize::from(kind.class != Class::Later);
        assert!(kind.examples.len() >= wanted, "{} has no example", kind.name);
        for sql in kind.examples {
            let kinds = contents(sql).kinds;
            // rowgate's binding does not know this one; it has a name of its own for such.
            let name = if kind.name == "CreateForeignTableStmt" { "Invalid" } else { kind.name };
            assert!(kinds.contains(&plain(name)), "{} is not in {sql}: {kinds:?}", kind.name);
            seen.extend(kinds);
        }
    }
    for kind in KINDS.iter().filter(|kind| kind.class == Class::Later) {
        assert!(!seen.contains(&plain(kind.name)), "{} does come from a text", kind.name);
    }
}

macro_rules! listed_forms {
    ($($node:ident.$field:ident: $form:ident { $($value:ident = $number:literal),+ }
        later { $($later:ident),+ };)*) => {
        /// Node, field, number and name of each form.
        const FORMS: &[(&str, &str, i32, &str)] =
            &[$($((stringify!($node), stringify!($field), $number, stringify!($value)),)+)*];
    };
}

forms!(listed_forms);

#[test]
fn a_form_of_a_statement_or_an_expression_has_no_example() {
    let seen: BTreeSet<(String, String, i32)> =
        KINDS.iter().flat_map(|kind| kind.examples).flat_map(|sql| contents(sql).numbers).collect();
    let missing: Vec<_> = FORMS
        .iter()
        .filter(|(node, field, number, _)| {
            !seen.contains(&((*node).to_owned(), (*field).to_owned(), *number))
        })
        .collect();
    assert!(missing.is_empty(), "without an example: {missing:?}");
}
