//! Proof on the live database that every filter and mask of the policy bites: `check` shows it,
//! `serve` refuses to start without it, a changed policy is refused without it.
//!
//! [`probes`] makes the questions with the planner that serves sessions, and judges on the way what
//! needs no server: what is not granted has to be refused. [`run`] asks them, in transactions that
//! are read-only. Nothing is written, and no row of the database is printed.

mod principals;
mod probes;

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::backend::client::{self, ClientError};
use crate::backend::connect::Target;
use crate::config::Settings;
use crate::diagnostic::{Diagnostic, Severity};
use crate::ids::CatalogVersion;
use crate::policy::PolicyLine;
use crate::snapshot::{PolicyTexts, Snapshot};

pub(crate) use principals::invented;
use probes::Expects;
pub use probes::{Probe, Probes, probes};

/// One question takes no longer on the server.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Questions that are asked before the first of them is answered.
const IN_FLIGHT: usize = 16;
/// Findings about more than this many probes say no more.
const MOST_FINDINGS: usize = 50;

/// Something the self-test found, at a line of the policy where one is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Errors refuse the policy.
    pub severity: Severity,
    /// The grant or rule it is about.
    pub line: Option<PolicyLine>,
    /// What was found.
    pub message: String,
    /// What to do.
    pub suggestion: Option<String>,
}

impl Finding {
    fn new(severity: Severity, line: Option<PolicyLine>, message: impl Into<String>) -> Self {
        Self { severity, line, message: message.into(), suggestion: None }
    }
}

/// What the self-test came to.
#[derive(Debug, Default)]
pub struct Proof {
    /// With an error among them the policy is refused.
    pub findings: Vec<Finding>,
    /// Statements that had to be refused, and were.
    pub refused: usize,
    /// Questions the server answered.
    pub asked: usize,
    /// Filters that kept out rows they had to keep out.
    pub filters: usize,
    /// Filters that found no row to keep out: every row looked at is in scope, or there is none.
    pub idle_filters: usize,
    /// Masks that changed what was shown.
    pub masks: usize,
    /// Masks that found no value to change.
    pub idle_masks: usize,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} filters and {} masks bite ({} and {} had nothing to bite on), {} statements are \
             refused as they have to be; {} questions to the database",
            self.filters, self.masks, self.idle_filters, self.idle_masks, self.refused, self.asked
        )
    }
}

impl Proof {
    /// The findings with their places, as files of the policy are reported.
    pub fn diagnostics(&self, texts: &PolicyTexts) -> Vec<Diagnostic> {
        self.findings
            .iter()
            .map(|finding| {
                let mut placed =
                    texts.about(finding.line.as_ref(), finding.severity, &finding.message);
                placed.suggestion.clone_from(&finding.suggestion);
                placed
            })
            .collect()
    }
}

/// What was proven for the version before: the same question about the same catalogue is not asked
/// again, so a small change of a policy is in force soon.
#[derive(Debug, Default)]
pub struct Proven {
    catalog: CatalogVersion,
    questions: HashSet<blake3::Hash>,
}

/// Makes the questions, connects, and asks them. `progress` hears how many of how many are done.
///
/// # Errors
///
/// The database cannot be reached or the connection was lost: nothing is proven then.
pub async fn run(
    target: &Target,
    settings: &Settings,
    snapshot: &Snapshot,
    now: Timestamp,
    proven: &mut Proven,
    progress: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Proof, ClientError> {
    let limit = settings.policy.self_test_timeout;
    let client = client::open(target, &settings.backend.database).await?;
    let mut probes = probes(snapshot, now);
    let questions = probes.probes.iter().map(|probe| blake3::hash(probe.sql.as_bytes())).collect();
    if proven.catalog == snapshot.versions.catalog {
        probes
            .probes
            .retain(|probe| !proven.questions.contains(&blake3::hash(probe.sql.as_bytes())));
    }
    let proof = prove(&client, probes, limit, progress).await?;
    if proof.findings.iter().all(|finding| finding.severity == Severity::Warning) {
        *proven = Proven { catalog: snapshot.versions.catalog, questions };
    }
    Ok(proof)
}

/// Asks the questions; those that are not answered within `limit` are a finding.
///
/// # Errors
///
/// The connection was lost.
pub async fn prove(
    client: &Client,
    probes: Probes,
    limit: Duration,
    progress: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Proof, ClientError> {
    let deadline = Instant::now() + limit;
    let settings = format!(
        "SET default_transaction_read_only = on; SET statement_timeout = {}; SET lock_timeout = \
         1000; SET search_path = ''; SET standard_conforming_strings = on; SET \
         client_min_messages = error; SET enable_hashjoin = off; SET enable_mergejoin = off; SET \
         jit = off",
        PROBE_TIMEOUT.as_millis()
    );
    client.batch_execute(&settings).await?;
    let total = probes.probes.len();
    let mut proof =
        Proof { findings: probes.findings, refused: probes.refused, ..Proof::default() };
    // Several are on their way at a time. Each is a transaction of its own and read-only.
    let mut answers = futures_util::stream::iter(&probes.probes)
        .map(|probe| async move { (probe, client.simple_query(&probe.sql).await) })
        .buffered(IN_FLIGHT);
    for done in 0..total {
        progress(done, total);
        match timeout_at(deadline, answers.next()).await {
            Ok(Some((probe, Ok(messages)))) => {
                proof.asked += 1;
                judge(probe, &messages, &mut proof);
            }
            Ok(Some((probe, Err(error)))) => {
                if client.is_closed() {
                    return Err(error.into());
                }
                proof.asked += 1;
                let missing = error.code() == Some(&SqlState::UNDEFINED_COLUMN);
                if missing && matches!(probe.expects, Expects::NoColumn(_)) {
                    proof.refused += 1;
                } else {
                    proof.findings.push(failed(probe, &error));
                }
            }
            Ok(None) => break,
            Err(_) => {
                let message = format!(
                    "the self-test was not done after {} s: {done} of {total} questions asked",
                    limit.as_secs()
                );
                let mut finding = Finding::new(Severity::Error, None, message);
                finding.suggestion = Some("raise `policy.self_test_timeout`".to_owned());
                proof.findings.push(finding);
                break;
            }
        }
    }
    progress(total, total);
    let more = proof.findings.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        // Errors first: they decide.
        proof.findings.sort_by_key(|finding| finding.severity);
        proof.findings.truncate(MOST_FINDINGS);
        let message = format!("{more} more findings of the self-test");
        proof.findings.push(Finding::new(Severity::Warning, None, message));
    }
    Ok(proof)
}

fn failed(probe: &Probe, error: &tokio_postgres::Error) -> Finding {
    let Some(server) = error.as_db_error() else {
        let message = format!("{}: {error}", probe.what);
        return Finding::new(Severity::Error, probe.line.clone(), message);
    };
    let (severity, why) = match server.code().code() {
        // A right that the gateway lacks lets nobody see anything.
        "42501" => (Severity::Warning, "the gateway's own role may not do this"),
        "57014" => (Severity::Error, "cannot be proven in time"),
        "55P03" => (Severity::Error, "cannot be proven: somebody holds a lock"),
        _ => (Severity::Error, "fails on the database"),
    };
    let message = format!("{}: {why}: {}", probe.what, server.message());
    Finding::new(severity, probe.line.clone(), message)
}

/// Reads the answer of a question that compares the rewritten statement with what is stored.
fn judge(probe: &Probe, messages: &[SimpleQueryMessage], proof: &mut Proof) {
    let error = |message: String| Finding::new(Severity::Error, probe.line.clone(), message);
    let bites = match &probe.expects {
        Expects::Plan => return,
        Expects::NoColumn(column) => {
            let message = format!("{}: column `{column}` is denied, and is there", probe.what);
            proof.findings.push(error(message));
            return;
        }
        Expects::Bites(bites) => bites,
    };
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let number =
        |index: usize| row.and_then(|row| row.get(index)).and_then(|text| text.parse::<u64>().ok());
    let (Some(outside), Some(leaked)) = (number(0), number(1)) else {
        proof.findings.push(error(format!("{}: the database gave no answer", probe.what)));
        return;
    };
    if leaked > 0 {
        proof.findings.push(error(format!(
            "{}: {leaked} of {outside} rows that the filter keeps out are in the answer",
            probe.what
        )));
    } else if bites.filtered && outside > 0 {
        proof.filters += 1;
    } else if bites.filtered {
        proof.idle_filters += 1;
    }
    for (index, mask) in bites.masks.iter().enumerate() {
        let at = 2 + index * 3;
        let (Some(filled), Some(unchanged), Some(wrong)) =
            (number(at), number(at + 1), number(at + 2))
        else {
            proof.findings.push(error(format!("{}: the database gave no answer", probe.what)));
            return;
        };
        if wrong > 0 {
            proof.findings.push(error(format!(
                "{}: `{}` is not what its mask `{}` makes of it",
                probe.what, mask.column, mask.kind
            )));
        } else if filled == 0 || (filled == unchanged && mask.per_row) {
            proof.idle_masks += 1;
        } else if filled == unchanged {
            proof.findings.push(Finding::new(
                Severity::Warning,
                probe.line.clone(),
                format!(
                    "{}: the mask `{}` changes none of the {filled} values of `{}` looked at",
                    probe.what, mask.kind, mask.column
                ),
            ));
        } else {
            proof.masks += 1;
        }
    }
}
