//! How the cost of one gateway grows, in process: `growth AXIS SIZE` prints one line of JSON with what
//! loading that much takes and what a statement costs then; with `--write FOLDER` it only writes the
//! policy and the directory there. `growth.py` runs it.
//!
//! Axes: `roles` (and as many rules), `tables`, `users` of the directory, `ids` in the person's scope.
//! Everything else stays as small as the sample.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "a program for the people who build rowgate"
)]

mod world;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use rowgate::directory::Directory;
use rowgate::policy::activate;

use world::{World, catalog, context, planner, policy};

/// Each figure is the median of this many.
const ROUNDS: usize = 7;

/// What is asked: a read with a cast, and a write. The alias changes and keeps its length.
const READ: &str = "SELECT name AS n00000, amount::numeric FROM crm.account WHERE id = 1000000";
const WRITE: &str = "UPDATE crm.account AS n00000 SET name = 'b' WHERE id = 1000000";

/// How much there is of everything.
struct Sizes {
    roles: u32,
    tables: u32,
    users: u32,
    ids: u32,
}

impl Sizes {
    fn new(axis: &str, size: u32) -> Self {
        let mut sizes = Self { roles: 1, tables: 3, users: 10, ids: 10 };
        match axis {
            "roles" => sizes.roles = size,
            "tables" => sizes.tables = size,
            "users" => sizes.users = size,
            "ids" => sizes.ids = size,
            other => panic!("there is no axis {other}"),
        }
        sizes
    }

    /// Every role grants the same tables, and has a rule of its own on them. A role nobody holds names
    /// every table; the others take them by a pattern.
    fn policy(&self) -> String {
        let mut names = vec!["account".to_owned(), "contact".to_owned(), "opportunity".to_owned()];
        names.extend((3..self.tables).map(|number| format!("t{number}")));
        let mut text = String::from("tables:\n");
        for name in &names {
            let more = if name == "account" || name.starts_with('t') {
                ", department: department_id, tags: { phone: pii.phone }"
            } else {
                ""
            };
            writeln!(text, "  crm.{name}: {{ owner: owner_id{more} }}").expect("a string");
        }
        text.push_str("masks:\n  pii.phone: { kind: partial, first: 3, last: 4 }\nroles:\n");
        for role in 0..self.roles {
            let tables = if role == 0 { "crm.*" } else { "crm.account" };
            write!(
                text,
                "  role{role}:\n    grants:\n      - tables: [\"{tables}\"]\n        \
                 read: {{ scope: [self, department_and_below] }}\n        \
                 update: {{ scope: self, columns: [name] }}\n"
            )
            .expect("a string");
        }
        let all: Vec<String> = names.iter().map(|name| format!("crm.{name}")).collect();
        write!(
            text,
            "  auditor:\n    grants:\n      - tables: [{}]\n        read: true\nrules:\n",
            all.join(", ")
        )
        .expect("a string");
        for role in 0..self.roles {
            writeln!(
                text,
                "  - {{ name: rule{role}, roles: [role{role}], tables: [crm.account], \
                 predicate: \"status <> 'hidden'\" }}"
            )
            .expect("a string");
        }
        text
    }

    /// Ten people to a department and a manager; one of them is asked about, in a department with
    /// `ids` of them in its scope.
    fn directory(&self) -> String {
        let mut text = String::from(
            "users:\n  - { login: alice, id: 7000000, roles: [role0], department: 1 }\n",
        );
        for user in 1..self.users {
            let (role, department) = (user % self.roles, 100_000 + user / 10);
            let manager =
                if user < 10 { String::new() } else { format!("manager: u{}, ", user / 10) };
            writeln!(
                text,
                "  - {{ login: u{user}, id: {user}, roles: [role{role}], {manager}\
                 department: {department}, teams: [all], attributes: {{ region: east }} }}"
            )
            .expect("a string");
        }
        text.push_str("departments:\n  - { id: 1, name: Bank }\n");
        for number in 2..=self.ids {
            writeln!(text, "  - {{ id: {number}, parent: 1 }}").expect("a string");
        }
        for number in 0..=self.users / 10 {
            let parent = if number == 0 {
                String::new()
            } else {
                format!(", parent: {}", 100_000 + number / 10)
            };
            writeln!(text, "  - {{ id: {}, name: D{number}{parent} }}", 100_000 + number)
                .expect("a string");
        }
        text.push_str("teams:\n  - { id: all }\n");
        for number in 0..=self.users / 1000 {
            // A large team, as "all of sales" is one.
            let members: Vec<String> = (1..self.users)
                .filter(|user| user / 1000 == number)
                .map(|user| format!("u{user}"))
                .collect();
            writeln!(text, "  - {{ id: {number}, members: [{}] }}", members.join(", "))
                .expect("a string");
        }
        text
    }
}

/// The median of what `ROUNDS` calls take, in microseconds, and the last result.
fn timed<T>(mut call: impl FnMut() -> T) -> (f64, T) {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut last = None;
    for _ in 0..ROUNDS {
        drop(last.take());
        let start = Instant::now();
        let result = call();
        times.push(start.elapsed().as_nanos() as f64 / 1000.0);
        last = Some(result);
    }
    times.sort_by(f64::total_cmp);
    (times.get(ROUNDS / 2).copied().unwrap_or_default(), last.expect("at least one round"))
}

/// Bytes of memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() {
    world::on_a_lane(measure);
}

fn measure() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo bench` starts every program of this folder, with an argument of its own.
    let [_, axis, size, more @ ..] = arguments.as_slice() else { return };
    let sizes = Sizes::new(axis, size.parse().expect("a number"));
    if let [_, folder] = more {
        let folder = Path::new(folder);
        std::fs::write(folder.join("policy.yaml"), sizes.policy()).expect("a folder to write to");
        std::fs::write(folder.join("directory.yaml"), sizes.directory()).expect("the same folder");
        return;
    }
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let (rules, people) = (sizes.policy(), sizes.directory());
    let before = resident();

    let (catalog_us, catalog) = timed(|| catalog(sizes.tables));
    let (policy_us, policy) = timed(|| policy(&rules, &catalog));
    let (directory_us, directory) = timed(|| {
        Directory::from_yaml("directory.yaml", &people, now).expect("a valid directory").directory
    });
    let roles: Vec<_> = policy.roles().cloned().collect();
    let (mentions_us, unknown) = timed(|| directory.unknown_roles(&roles));
    assert!(unknown.is_empty(), "{unknown:?}");
    let memory = resident().saturating_sub(before);

    let facts = directory.facts("alice", now).expect("the person");
    let (activate_us, subject) = timed(|| activate(&policy, &facts, &context()));
    let mut world = World::new(catalog, policy, &facts);
    world.subject = subject;
    let mut figures = vec![
        ("catalog_ms", catalog_us / 1000.0),
        ("policy_ms", policy_us / 1000.0),
        ("directory_ms", directory_us / 1000.0),
        ("mentions_ms", mentions_us / 1000.0),
        ("memory_mb", memory as f64 / 1e6),
        ("activate_us", activate_us),
    ];
    for (names, text) in [
        (["read_first_us", "read_new_us", "read_hit_us", "read_hit_extended_us"], READ),
        (["write_first_us", "write_new_us", "write_hit_us", "write_hit_extended_us"], WRITE),
    ] {
        let [first, new, hit, extended] = names;
        // Nothing is remembered, not even the decision.
        let (first_us, ()) = timed(|| {
            world.planner = planner();
            world.plan(false, false, &[text.to_owned()]);
        });
        let mut issued = 0_u32;
        let (new_us, ()) = timed(|| {
            let texts: Vec<String> = (0..20)
                .map(|_| {
                    issued += 1;
                    text.replace("n00000", &format!("n{issued:05}"))
                })
                .collect();
            world.plan(false, false, &texts);
        });
        let again = vec![text.to_owned(); 500];
        let (hit_us, _) = timed(|| world.plan(false, false, &again));
        world.plan(false, true, &again);
        let (extended_us, _) = timed(|| world.plan(false, true, &again));
        figures.extend([
            (first, first_us),
            (new, new_us / 20.0),
            (hit, hit_us / 500.0),
            (extended, extended_us / 500.0),
        ]);
    }
    let line: Vec<String> =
        figures.iter().map(|(name, figure)| format!("\"{name}\": {figure:.3}")).collect();
    println!("{{{}}}", line.join(", "));
}
