//! Who may use whom: the absences that ARCHITECTURE.md promises, held against the `use` lines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// All sources below `src/<module>`, its tests left out.
fn sources(module: &str) -> Vec<PathBuf> {
    fn below(path: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == "tests" || name == "tests.rs" || name == "snapshots" {
                continue;
            }
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
    let mut found = Vec::new();
    if root.is_dir() {
        below(&root, &mut found);
    } else {
        found.push(root.with_extension("rs"));
    }
    assert!(!found.is_empty(), "no sources in {module}");
    found
}

/// Fails where a module names one of the words outside comments.
fn never_names(module: &str, words: &[&str]) {
    let mut wrong = Vec::new();
    for path in sources(module) {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{module} must not name these:\n{}", wrong.join("\n"));
}

const CORE: [&str; 7] = ["sql", "catalog", "resolve", "policy", "mask", "rewrite", "export"];

#[test]
fn the_core_does_input_or_output_or_reads_the_clock() {
    for module in CORE {
        never_names(
            module,
            &[
                "tokio::",
                "tokio_postgres",
                "pgwire",
                "moka",
                "tracing::",
                "std::fs",
                "std::net::Tcp",
                "std::env",
                "std::process",
                "Instant::now",
                "SystemTime::now",
                "Timestamp::now",
                "rand::",
            ],
        );
    }
}

#[test]
fn the_core_names_the_shell() {
    for module in CORE {
        never_names(
            module,
            &[
                "crate::config",
                "crate::protocol",
                "crate::auth",
                "crate::session",
                "crate::backend",
                "crate::relay",
                "crate::audit",
                "crate::admin",
                "crate::cli",
                "crate::server",
                "crate::snapshot",
            ],
        );
    }
}

#[test]
fn a_lower_layer_of_the_core_names_a_higher_one() {
    never_names("sql", &["crate::resolve", "crate::policy", "crate::rewrite", "crate::mask"]);
    never_names("catalog", &["crate::sql", "crate::resolve", "crate::policy", "crate::rewrite"]);
    never_names("policy", &["crate::resolve", "crate::rewrite"]);
    never_names("mask", &["crate::resolve", "crate::rewrite"]);
}

#[test]
fn only_one_module_reads_the_raw_parse_tree() {
    for module in
        ["resolve", "rewrite", "catalog", "mask", "session", "backend", "protocol", "planner"]
    {
        never_names(module, &["pg_raw_parse"]);
    }
}

#[test]
fn the_backend_decides_or_the_protocol_reaches_the_backend() {
    never_names("backend", &["crate::policy", "crate::sql", "crate::session"]);
    never_names("auth", &["crate::session"]);
    never_names("audit", &["crate::session"]);
}

#[test]
fn unfinished_marks_reach_users() {
    for module in CORE.iter().chain(&[
        "audit",
        "auth",
        "backend",
        "cli",
        "config",
        "directory",
        "planner",
        "protocol",
        "server",
        "session",
        "snapshot",
    ]) {
        never_names(module, &["todo!", "unimplemented!", "dbg!"]);
    }
    for module in CORE {
        for path in sources(module) {
            let text = fs::read_to_string(&path).unwrap();
            for mark in ["TODO", "FIXME", "XXX "] {
                assert!(!text.contains(mark), "{}: {mark}", path.display());
            }
        }
    }
}

fn is_of(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|found| found == extension)
}

/// The tests that a text names in backticks: `file.rs::name` and `file.sql#label`.
fn named_tests(text: &str) -> Vec<(String, String)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::").or(code.split_once('#')))
        .filter(|(file, _)| is_of(file, "rs") || is_of(file, "sql"))
        .map(|(file, name)| (file.to_owned(), name.to_owned()))
        .collect()
}

#[test]
fn a_threat_is_said_to_be_tested_and_is_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/threats.md")).unwrap();
    let mut wrong = Vec::new();
    for (file, name) in named_tests(&text) {
        let source = fs::read_to_string(root.join(&file)).unwrap_or_default();
        let there = if is_of(&file, "sql") {
            source.contains(&format!("-- {name}: "))
        } else {
            // The attribute stands above the name, perhaps with others between.
            source.split("fn ").zip(source.split("fn ").skip(1)).any(|(before, after)| {
                after.starts_with(&format!("{name}("))
                    && before.rsplit('}').next().is_some_and(|head| head.contains("test"))
            })
        };
        if !there {
            wrong.push(format!("{file}: {name}"));
        }
    }
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| class"));
    wrong.extend(rows.filter(|row| named_tests(row).is_empty()).map(str::to_owned));
    assert!(wrong.is_empty(), "docs/threats.md names these tests, or none:\n{}", wrong.join("\n"));
}
