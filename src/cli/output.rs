//! Exit codes, failures and tables, the same for every subcommand.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};

use crate::diagnostic::{Diagnostic, Severity};

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and the answer is yes.
    Success,
    /// Done, and the answer is no.
    No,
    /// Wrong usage or configuration.
    Usage,
    /// Something it needs cannot be reached.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
        })
    }
}

/// A command that could not do its work, in words for standard error.
#[derive(Debug)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// Findings, each with its place.
    pub findings: Vec<Diagnostic>,
    /// One line; empty when the findings say it all.
    pub message: String,
}

impl Failure {
    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, findings: Vec::new(), message: message.into() }
    }

    /// Something cannot be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, findings: Vec::new(), message: message.into() }
    }

    /// Files with errors in them.
    pub fn findings(findings: Vec<Diagnostic>) -> Self {
        Self { exit: Exit::Usage, findings, message: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(f, "{separator}{finding}")?;
        }
        if !self.message.is_empty() {
            let separator = if self.findings.is_empty() { "" } else { "\n\n" };
            write!(f, "{separator}rowgate: {}", self.message)?;
        }
        Ok(())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // `rowgate … | head` closes the pipe when it has enough: that is no failure.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Success, findings: Vec::new(), message: String::new() };
        }
        Self::unreachable(error.to_string())
    }
}

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// A table with this heading; it never wraps when the output is not a terminal.
pub(super) fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(heading.iter().copied());
    if table.is_tty() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// A line of progress on standard error; nothing when that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    shown: Option<usize>,
    terminal: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, shown: None, terminal: io::stderr().is_terminal() }
    }

    /// Shows how far it is, in steps of one per cent.
    pub(super) fn show(&mut self, done: usize, of: usize) {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
        if self.terminal && self.shown != Some(percent) {
            self.shown = Some(percent);
            let bar = "#".repeat(percent / 4);
            let _shown = write!(io::stderr(), "\r{}: [{bar:25}] {percent}%", self.what);
        }
    }

    /// Leaves the line empty for what comes next.
    pub(super) fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _cleared = write!(io::stderr(), "\r{:60}\r", "");
        }
    }
}

/// One JSON document and a line end.
pub(super) fn json(out: &mut dyn Write, value: &serde_json::Value) -> Result<(), Failure> {
    writeln!(out, "{value:#}")?;
    Ok(())
}

/// A finding for programs.
pub(super) fn finding_json(finding: &Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "severity": match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "suggestion": finding.suggestion,
    })
}
