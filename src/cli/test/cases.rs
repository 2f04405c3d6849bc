//! `*.test.yaml` → what is asked and what is expected. Checks form only.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::config::{about_file, io_reason};
use crate::diagnostic::{Diagnostic, Severity};
use crate::yaml::{File, Node, Place, Reader, Value};

/// Folders below each other; more is a link that leads back.
const MAX_DEPTH: usize = 16;

/// One test.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) name: String,
    /// The login that asks.
    pub(super) login: String,
    pub(super) sql: String,
    /// Where they ask from; the machine itself unless the test says otherwise.
    pub(super) client_ip: Option<IpAddr>,
    /// When they ask; now unless the test says otherwise.
    pub(super) at: Option<Timestamp>,
    pub(super) expect: Expectation,
}

/// What has to come out; absent parts are not looked at.
#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// In order.
    pub(super) rows: Option<Vec<Vec<Cell>>>,
    /// Rows of the answer, or rows written.
    pub(super) count: Option<u64>,
    /// Names of the columns of the answer.
    pub(super) columns: Option<Vec<String>>,
    /// Permitted or denied; denied also when a reason is expected.
    pub(super) permitted: Option<bool>,
    /// A part of the reason of a refusal.
    pub(super) reason: Option<String>,
    /// The text for the server, apart from spaces.
    pub(super) rewritten: Option<String>,
    /// The masked ones of the columns that the statement names.
    pub(super) masked: Option<Vec<String>>,
}

/// An expected value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    /// `plain`: a number or a boolean may be written in another form.
    Text {
        text: String,
        plain: bool,
    },
}

/// Reads all tests of these files and folders. `Err` holds every finding.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut findings = Vec::new();
    for path in files(paths, &mut findings) {
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let file = File::new(&name, &text);
                let mut reader = Reader::new(&file);
                if let Some(root) = reader.document() {
                    document(&mut reader, &root, &mut cases);
                }
                findings.extend(reader.into_findings());
            }
            Err(error) => findings.push(unreadable(&path, &error)),
        }
    }
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(findings);
    }
    Ok(cases)
}

/// Files as they are named; of folders every `*.test.yaml` below them, in order.
fn files(paths: &[PathBuf], findings: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending: Vec<(PathBuf, usize)> = paths.iter().map(|path| (path.clone(), 0)).collect();
    while let Some((path, depth)) = pending.pop() {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                findings.push(unreadable(&path, &error));
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() && depth < MAX_DEPTH {
                pending.push((path, depth + 1));
            } else if name.ends_with(".test.yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.dedup();
    files
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    about_file(
        &path.display().to_string(),
        Severity::Error,
        format!("cannot read the tests: {}", io_reason(error)),
        None,
    )
}

fn document(reader: &mut Reader<'_>, root: &Node, cases: &mut Vec<Case>) {
    if root.value == Value::Null {
        return;
    }
    let Some(fields) = reader.fields(root, &["tests"]) else { return };
    let Some(tests) = fields.require(reader, "tests") else { return };
    for node in reader.list(tests).unwrap_or_default() {
        cases.extend(case(reader, node));
    }
}

fn case(reader: &mut Reader<'_>, node: &Node) -> Option<Case> {
    let known = ["name", "as", "sql", "client_ip", "at", "expect"];
    let fields = reader.fields(node, &known)?;
    let text = |reader: &mut Reader<'_>, name: &str| -> Option<String> {
        let node = fields.require(reader, name)?;
        reader.text(node).map(str::to_owned)
    };
    let (name, login, sql) = (text(reader, "name"), text(reader, "as"), text(reader, "sql"));
    let client_ip = fields.get("client_ip").and_then(|node| parsed(reader, node, "an address"));
    let at =
        fields.get("at").and_then(|node| parsed(reader, node, "a time like 2026-07-01T09:00:00Z"));
    let expect = fields.require(reader, "expect").and_then(|node| expectation(reader, node));
    Some(Case {
        file: reader.file().name().to_string(),
        line: node.place.line,
        name: name?,
        login: login?,
        sql: sql?,
        client_ip: client_ip.or(Some(IpAddr::from([127, 0, 0, 1]))),
        at,
        expect: expect?,
    })
}

fn parsed<T: std::str::FromStr>(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<T> {
    let value = reader.text(node)?.parse().ok();
    if value.is_none() {
        reader.expected(node, what);
    }
    value
}

fn expectation(reader: &mut Reader<'_>, node: &Node) -> Option<Expectation> {
    let known = ["rows", "count", "columns", "decision", "reason", "rewritten", "masked"];
    let fields = reader.fields(node, &known)?;
    let names = |reader: &mut Reader<'_>, name: &str| -> Option<Vec<String>> {
        let texts = reader.texts(fields.get(name)?)?;
        Some(texts.into_iter().map(|(text, _): (String, Place)| text).collect())
    };
    let rows = fields.get("rows").and_then(|node| rows(reader, node));
    let count = fields.get("count").and_then(|node| reader.unsigned(node));
    let permitted = match fields.get("decision") {
        None => None,
        Some(node) => match reader.text(node)? {
            "permit" => Some(true),
            "deny" => Some(false),
            _ => {
                reader.expected(node, "permit or deny");
                None
            }
        },
    };
    let reason = fields.get("reason").and_then(|node| reader.text(node)).map(str::to_owned);
    let rewritten = fields.get("rewritten").and_then(|node| reader.text(node)).map(str::to_owned);
    let expectation = Expectation {
        rows,
        count,
        columns: names(reader, "columns"),
        permitted: permitted.or(reason.is_some().then_some(false)),
        reason,
        rewritten,
        masked: names(reader, "masked"),
    };
    let says_nothing = known.iter().all(|name| fields.get(name).is_none());
    if says_nothing {
        reader.error(node.place, "a test that expects nothing cannot fail");
    }
    Some(expectation)
}

fn rows(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for row in reader.list(node)? {
        let mut cells = Vec::new();
        for cell in reader.list(row)? {
            cells.push(match &cell.value {
                Value::Null => Cell::Null,
                Value::Scalar { text, plain } => Cell::Text { text: text.clone(), plain: *plain },
                Value::List(_) | Value::Map(_) => {
                    reader.expected(cell, "a single value");
                    return None;
                }
            });
        }
        rows.push(cells);
    }
    Some(rows)
}
