//! `rowgate check`

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Exit, Failure, Format, open, output};
use crate::config::{self, DirectorySource, Settings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::directory::{Directory, LoadedDirectory};
use crate::policy::check_form;
use crate::selftest::{self, Proof, Proven};
use crate::snapshot::{State, read_policy_files};

/// Validates configuration, directory and policy; all errors at once.
///
/// Without --offline it connects to the database, checks every table, column, type and function
/// that the policy names, and proves on the stored rows that every filter and mask bites. It exits
/// with 1 when it finds an error, and with 2 when rowgate.toml itself is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate check --config rowgate.toml\n  \
                  rowgate check --config rowgate.toml --offline --format json")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Does not connect: checks names of people, roles and form only.
    #[arg(long)]
    offline: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What a check found.
#[derive(Debug, Default)]
struct Outcome {
    findings: Vec<Diagnostic>,
    /// `file:line name` and relation of each sub-select that reads unfiltered.
    unfiltered: Vec<(String, String)>,
    /// Users, roles and tables with rules, when everything could be read.
    counts: Vec<(&'static str, usize)>,
    /// What the self-test came to, when it ran.
    proof: Option<Proof>,
}

impl Outcome {
    fn refused(findings: Vec<Diagnostic>) -> Self {
        Self { findings, ..Self::default() }
    }

    fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Warning)
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let loaded = config::load(&arguments.config);
    let settings_valid = loaded.is_ok();
    let found = match loaded {
        Ok(loaded) => {
            let mut found = if arguments.offline {
                offline(&loaded.settings)
            } else {
                online(loaded.settings)?
            };
            found.findings.splice(0..0, loaded.warnings);
            found
        }
        Err(findings) => Outcome::refused(findings),
    };
    match arguments.format {
        Format::Table => print(out, arguments, &found)?,
        Format::Json => output::json(out, &as_json(&found))?,
    }
    Ok(match (found.passed(), settings_valid) {
        (true, _) => Exit::Success,
        (false, true) => Exit::No,
        // Nothing was checked: the configuration itself cannot be used.
        (false, false) => Exit::Usage,
    })
}

/// Form of the policy, the directory, and the roles that the one names and the other defines.
fn offline(settings: &Settings) -> Outcome {
    let directory = match &settings.directory {
        DirectorySource::File(file) => Directory::load_file(file, Timestamp::now()),
        // Asking the queries needs a connection.
        DirectorySource::Sql(_) => {
            Ok(LoadedDirectory { directory: Directory::empty(), warnings: Vec::new() })
        }
    };
    let roles = read_policy_files(settings).and_then(|texts| {
        check_form(texts.files()).map_err(|findings| texts.named_by_user(findings))
    });
    match (directory, roles) {
        (Ok(loaded), Ok(roles)) => {
            let mut findings = loaded.warnings;
            findings.extend(loaded.directory.unknown_roles(&roles));
            let counts = vec![("users", loaded.directory.users().len()), ("roles", roles.len())];
            Outcome { findings, unfiltered: Vec::new(), counts, proof: None }
        }
        (directory, roles) => {
            let mut findings = directory.err().unwrap_or_default();
            findings.extend(roles.err().unwrap_or_default());
            Outcome::refused(findings)
        }
    }
}

/// Everything, against the catalogue of the database.
fn online(settings: Settings) -> Result<Outcome, Failure> {
    let now = Timestamp::now();
    let opened = open::open(settings, now)?;
    let (state, mut findings) = match opened.state {
        Ok(loaded) => loaded,
        Err(mut findings) => {
            findings.extend(opened.role_warning);
            return Ok(Outcome::refused(findings));
        }
    };
    findings.extend(opened.role_warning);
    let proof = if state.settings().policy.self_test {
        let proof = self_test(&state, now)?;
        findings.extend(proof.diagnostics(&state.policy_texts()));
        Some(proof)
    } else {
        None
    };
    let mut found = summary(&state, findings);
    found.proof = proof;
    Ok(found)
}

/// Proves the policy on the database, with a line of progress where somebody watches.
fn self_test(state: &State, now: Timestamp) -> Result<Proof, Failure> {
    let settings = state.settings();
    let target = settings.backend_target().map_err(|finding| Failure::findings(vec![finding]))?;
    let mut progress = output::Progress::new("self-test");
    let proof = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(selftest::run(
            &target,
            settings,
            &state.current(),
            now,
            &mut Proven::default(),
            &mut |done, of| progress.show(done, of),
        ))
        .map_err(|error| Failure::unreachable(error.to_string()));
    progress.clear();
    proof
}

fn summary(state: &State, findings: Vec<Diagnostic>) -> Outcome {
    let snapshot = state.current();
    let unfiltered = snapshot
        .policy
        .unfiltered_reads()
        .iter()
        .map(|read| {
            let line = &read.line;
            (format!("{}:{} {}", line.file, line.line, line.name), read.relation.clone())
        })
        .collect();
    let counts = vec![
        ("users", snapshot.directory.users().len()),
        ("roles", snapshot.policy.roles().count()),
        ("tables with rules", snapshot.policy.relations().count()),
    ];
    Outcome { findings, unfiltered, counts, proof: None }
}

fn print(out: &mut dyn Write, arguments: &Arguments, found: &Outcome) -> Result<(), Failure> {
    for finding in &found.findings {
        writeln!(out, "{finding}\n")?;
    }
    if !found.unfiltered.is_empty() {
        writeln!(out, "sub-selects that read with the gateway's own rights, unfiltered:")?;
        let mut table = output::table(&["policy line", "reads"]);
        for (line, relation) in &found.unfiltered {
            table.add_row([line, relation]);
        }
        writeln!(out, "{table}\n")?;
    }
    if let Some(proof) = &found.proof {
        writeln!(out, "self-test: {proof}")?;
    }
    let errors = found.findings.iter().filter(|f| f.severity == Severity::Error).count();
    let warnings = found.findings.len() - errors;
    let config = arguments.config.display();
    if errors > 0 {
        writeln!(out, "{config}: {}, {}", counted(errors, "error"), counted(warnings, "warning"))?;
        return Ok(());
    }
    let counts: Vec<String> = found.counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    let counts = counts.join(", ");
    writeln!(out, "{config} is valid: {counts}; {}", counted(warnings, "warning"))?;
    if arguments.offline {
        writeln!(out, "tables, columns and functions were not checked (--offline)")?;
    }
    Ok(())
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn as_json(found: &Outcome) -> Json {
    let unfiltered: Vec<Json> = found
        .unfiltered
        .iter()
        .map(|(line, relation)| json!({ "line": line, "relation": relation }))
        .collect();
    let proof = found.proof.as_ref().map(|proof| {
        json!({
            "questions": proof.asked,
            "filters": proof.filters,
            "filters_without_rows": proof.idle_filters,
            "masks": proof.masks,
            "masks_without_values": proof.idle_masks,
            "refused": proof.refused,
        })
    });
    json!({
        "self_test": proof,
        "valid": found.passed(),
        "findings": found.findings.iter().map(output::finding_json).collect::<Vec<_>>(),
        "unfiltered_reads": unfiltered,
    })
}
