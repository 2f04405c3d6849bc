//! What every decision is made from: directory, policy and catalogue, swapped as one. A statement
//! takes a [`Snapshot`] once and keeps it; a broken new version never replaces a working one.

mod files;
mod names;
mod rules;
mod watch;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::catalog::Catalog;
use crate::config::{DirectorySource, Secret, Settings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::directory::{Directory, LoadedDirectory};
use crate::error::Refusal;
use crate::ids::{CatalogVersion, DirectoryVersion, PolicyVersion, RoleName};
use crate::policy::PolicySet;
use crate::rewrite::Touched;

pub use files::{PolicyTexts, read_policy_files};
use names::Names;
pub use rules::{CompiledRules, compile};
pub use watch::{Watch, refresh_directory, reload_on_hangup, watch};

/// Reports kept for a subscriber that is slow to read them.
const REPORTS_KEPT: usize = 64;

/// One consistent state of everything a decision depends on.
#[derive(Debug)]
pub struct Snapshot {
    /// Who exists.
    pub directory: Arc<Directory>,
    /// The rules, compiled against `catalog`.
    pub policy: Arc<PolicySet>,
    /// What names mean.
    pub catalog: Arc<Catalog>,
    /// Which versions these are.
    pub versions: Versions,
}

/// The versions in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Counts accepted directories.
    pub directory: DirectoryVersion,
    /// The content hash of the policy files.
    pub policy: PolicyVersion,
    /// Counts catalogues that differ.
    pub catalog: CatalogVersion,
}

/// Why a new state was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// SIGHUP.
    Signal,
    /// A file changed.
    FileChange,
    /// An administrator's command.
    Command,
    /// The database's schema changed.
    Catalog,
    /// `directory.sql` was asked again.
    DirectoryRefresh,
}

impl Cause {
    /// The word for the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::FileChange => "file_change",
            Self::Command => "command",
            Self::Catalog => "catalog",
            Self::DirectoryRefresh => "directory_refresh",
        }
    }
}

/// What became of a file since the version in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// It is new.
    Added,
    /// Its text differs.
    Changed,
    /// It is gone.
    Removed,
}

impl FileChange {
    /// The word for the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What a try to change the state came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Why it was tried.
    pub cause: Cause,
    /// The versions before.
    pub before: Versions,
    /// The versions now: those before when it was refused.
    pub after: Versions,
    /// Policy files, and the directory's file, that differ.
    pub files: Vec<(String, FileChange)>,
    /// Warnings when it was accepted; with at least one error when it was refused.
    pub findings: Vec<Diagnostic>,
}

impl Report {
    /// The new state is in force.
    pub fn accepted(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Warning)
    }
}

/// How policy texts become rules: [`compile`] everywhere but in tests.
pub type Compile = fn(&PolicyTexts, &Catalog, &str) -> Result<CompiledRules, Vec<Diagnostic>>;

/// Looks at a state before it comes into force; an error among the findings refuses it.
pub type Prove = dyn Fn(&Snapshot, &PolicyTexts) -> Vec<Diagnostic> + Send + Sync;

/// The state in force, and the way to a new one.
pub struct State {
    settings: Arc<Settings>,
    compile: Compile,
    /// Asked about every policy that files bring.
    prove: OnceLock<Box<Prove>>,
    current: ArcSwap<Snapshot>,
    /// What `current` was made from. Held while a new state is made: one at a time.
    sources: Mutex<Sources>,
    /// Whether names still mean what they mean in `current`.
    names: Names,
    reports: broadcast::Sender<Arc<Report>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("settings", &self.settings)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Sources {
    policy: PolicyTexts,
    roles: Vec<RoleName>,
    /// The database's catalogue, where the policy does not fit it.
    unfit: Option<Arc<Catalog>>,
}

impl State {
    /// The first state. `Err` holds every finding of policy and directory together.
    ///
    /// `directory` is `None` to read `directory.file`; with `directory.sql` it has to be given.
    pub fn load(
        settings: Arc<Settings>,
        catalog: Arc<Catalog>,
        directory: Option<LoadedDirectory>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        Self::load_with(compile, settings, catalog, directory, now)
    }

    fn load_with(
        compile: Compile,
        settings: Arc<Settings>,
        catalog: Arc<Catalog>,
        directory: Option<LoadedDirectory>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let directory = match (directory, &settings.directory) {
            (Some(directory), _) => Ok(directory),
            (None, DirectorySource::File(file)) => Directory::load_file(file, now),
            // Nobody is known until the queries have been asked.
            (None, DirectorySource::Sql(_)) => {
                Ok(LoadedDirectory { directory: Directory::empty(), warnings: Vec::new() })
            }
        };
        let texts = read_policy_files(&settings);
        let rules =
            texts.and_then(|texts| Ok((compile(&texts, &catalog, mask_key(&settings))?, texts)));
        let (directory, (rules, texts)) = both(directory, rules)?;
        let mut findings = directory.warnings;
        findings.extend(rules.warnings);
        findings.extend(directory.directory.unknown_roles(&rules.roles));
        findings.extend(rules::exclusive_roles(&rules.policy, &directory.directory));
        refuse_errors(&findings)?;
        let versions = Versions {
            directory: DirectoryVersion(1),
            policy: rules.version,
            catalog: catalog.version,
        };
        let snapshot = Snapshot {
            directory: Arc::new(directory.directory),
            policy: Arc::new(rules.policy),
            catalog,
            versions,
        };
        let state = Self {
            settings,
            compile,
            prove: OnceLock::new(),
            current: ArcSwap::from_pointee(snapshot),
            sources: Mutex::new(Sources { policy: texts, roles: rules.roles, unfit: None }),
            names: Names::confirmed(now),
            reports: broadcast::Sender::new(REPORTS_KEPT),
        };
        Ok((state, findings))
    }

    /// The state in force. Take it once per statement.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The settings it was loaded with; they stay until the process ends.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The policy in force as its files say it.
    pub fn policy_texts(&self) -> PolicyTexts {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).policy.clone()
    }

    /// From now on no policy that files bring comes into force that `prove` finds an error in. Only
    /// the first call counts.
    pub fn prove_with(&self, prove: Box<Prove>) {
        self.prove.get_or_init(|| prove);
    }

    /// Every later report, accepted or refused.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Report>> {
        self.reports.subscribe()
    }

    /// Reads policy and directory files again. `None` when nothing differs.
    ///
    /// With `directory.sql` the directory stays: see [`State::replace_directory`].
    pub fn reload(&self, cause: Cause, now: Timestamp) -> Option<Arc<Report>> {
        let mut proved = None;
        loop {
            let mut unproven = None;
            let report = self.try_reload(cause, now, proved.as_ref(), &mut unproven);
            let (Some(candidate), Some(prove)) = (unproven, self.prove.get()) else {
                return report;
            };
            // Nothing is locked meanwhile: a changed catalogue must not wait for the database. When
            // there is one, or other files, they are proven next.
            let Candidate { snapshot, texts } = *candidate;
            let findings = prove(&snapshot, &texts);
            proved = Some(Proved { catalog: snapshot.versions.catalog, texts, findings });
        }
    }

    /// `None` also when the policy has to be proven first: it is in `unproven` then.
    fn try_reload(
        &self,
        cause: Cause,
        now: Timestamp,
        proved: Option<&Proved>,
        unproven: &mut Option<Box<Candidate>>,
    ) -> Option<Arc<Report>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let directory = match &self.settings.directory {
            DirectorySource::File(file) => Directory::load_file(file, now).map(Some),
            DirectorySource::Sql(_) => Ok(None),
        };
        let texts = read_policy_files(&self.settings);
        let mut files = match &texts {
            Ok(texts) => sources.policy.changes(texts),
            Err(_) => Vec::new(),
        };
        let directory_differs = match &directory {
            Ok(None) => false,
            Ok(Some(loaded)) => !loaded.directory.is_same_as(&before.directory),
            Err(_) => true,
        };
        if directory_differs && let DirectorySource::File(file) = &self.settings.directory {
            files.push((display(file), FileChange::Changed));
        }
        if files.is_empty() && texts.is_ok() {
            return None;
        }
        let unfit = sources.unfit.clone();
        let key = mask_key(&self.settings);
        let rules = texts.and_then(|texts| {
            // Rules that were mended fit the catalogue as it is now.
            if let Some(catalog) = unfit
                && let Ok(rules) = (self.compile)(&texts, &catalog, key)
            {
                return Ok(((rules, texts), Some(catalog)));
            }
            Ok((((self.compile)(&texts, &before.catalog, key)?, texts), None))
        });
        let result = both(directory, rules).and_then(|(directory, (rules, catalog))| {
            let directory = directory.filter(|_| directory_differs);
            // That of the version in force is proven.
            let proof = if rules.1 == sources.policy {
                Proof::Needless
            } else {
                Proof::Wanted { proved, unproven }
            };
            self.next(&before, directory, Some(rules), catalog, proof, &mut sources)
        });
        if unproven.is_some() {
            return None;
        }
        Some(self.report(cause, &before, files, result))
    }

    /// Takes a directory read from SQL. `None` when it is the one in force.
    pub fn replace_directory(&self, directory: LoadedDirectory) -> Option<Arc<Report>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        if directory.directory.is_same_as(&before.directory) {
            return None;
        }
        let result = self.next(&before, Some(directory), None, None, Proof::Needless, &mut sources);
        Some(self.report(Cause::DirectoryRefresh, &before, Vec::new(), result))
    }

    /// Reports that a directory could not be read from SQL; the one in force stays.
    pub fn refuse_directory(&self, findings: Vec<Diagnostic>) -> Arc<Report> {
        let before = self.current();
        self.report(Cause::DirectoryRefresh, &before, Vec::new(), Err(findings))
    }

    /// Takes a new catalogue and compiles the policy in force against it.
    pub fn replace_catalog(&self, catalog: Arc<Catalog>) -> Arc<Report> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let texts = sources.policy.clone();
        let result = (self.compile)(&texts, &catalog, mask_key(&self.settings)).and_then(|rules| {
            let catalog = Some(Arc::clone(&catalog));
            let rules = Some((rules, texts));
            self.next(&before, None, rules, catalog, Proof::Needless, &mut sources)
        });
        if result.is_err() {
            self.names.moved(before.catalog.moved(&catalog));
            sources.unfit = Some(catalog);
        }
        self.report(Cause::Catalog, &before, Vec::new(), result)
    }

    /// The database has answered that its catalogue is the newest one that was handed in.
    pub fn confirm_catalog(&self, now: Timestamp) {
        self.names.confirm(now);
    }

    /// Whether the relations that a decision is about are still the ones it was made for.
    ///
    /// # Errors
    /// 57P03 when the database has not been heard for too long, 55000 when one of the relations
    /// has changed and the policy does not fit its new form.
    pub fn still_meant(&self, touched: &[Touched], now: Timestamp) -> Result<(), Refusal> {
        self.names.hold(touched, now)
    }

    /// Puts the new parts together, checks them against each other and swaps. Gives the warnings.
    fn next(
        &self,
        before: &Snapshot,
        directory: Option<LoadedDirectory>,
        rules: Option<(CompiledRules, PolicyTexts)>,
        catalog: Option<Arc<Catalog>>,
        proof: Proof<'_>,
        sources: &mut Sources,
    ) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let mut versions = before.versions.clone();
        let directory = match directory {
            Some(loaded) => {
                findings.extend(loaded.warnings);
                versions.directory = DirectoryVersion(before.versions.directory.0 + 1);
                Arc::new(loaded.directory)
            }
            None => Arc::clone(&before.directory),
        };
        let (policy, new_sources) = match rules {
            Some((rules, texts)) => {
                findings.extend(rules.warnings);
                versions.policy = rules.version;
                let new = Sources { policy: texts, roles: rules.roles, unfit: None };
                (Arc::new(rules.policy), Some(new))
            }
            None => (Arc::clone(&before.policy), None),
        };
        let roles = new_sources.as_ref().map_or(&sources.roles, |sources| &sources.roles);
        findings.extend(directory.unknown_roles(roles));
        findings.extend(rules::exclusive_roles(&policy, &directory));
        refuse_errors(&findings)?;
        let known = catalog.is_some();
        let catalog = catalog.unwrap_or_else(|| Arc::clone(&before.catalog));
        versions.catalog = catalog.version;
        let snapshot = Snapshot { directory, policy, catalog, versions };
        if let (Proof::Wanted { proved, unproven }, Some(_), Some(new)) =
            (proof, self.prove.get(), &new_sources)
        {
            let proved = proved.filter(|proved| {
                proved.catalog == snapshot.versions.catalog && proved.texts == new.policy
            });
            let Some(proved) = proved else {
                let texts = new.policy.clone();
                *unproven = Some(Box::new(Candidate { snapshot, texts }));
                return Err(findings);
            };
            findings.extend(proved.findings.iter().cloned());
            refuse_errors(&findings)?;
        }
        if let Some(new_sources) = new_sources {
            let unfit = sources.unfit.take();
            *sources = Sources { unfit, ..new_sources };
        }
        self.current.store(Arc::new(snapshot));
        if known {
            sources.unfit = None;
            self.names.moved(HashSet::new());
        }
        Ok(findings)
    }

    fn report(
        &self,
        cause: Cause,
        before: &Snapshot,
        files: Vec<(String, FileChange)>,
        result: Result<Vec<Diagnostic>, Vec<Diagnostic>>,
    ) -> Arc<Report> {
        let (Ok(findings) | Err(findings)) = result;
        let report = Arc::new(Report {
            cause,
            before: before.versions.clone(),
            after: self.current().versions.clone(),
            files,
            findings,
        });
        // No subscriber is no failure: the caller has the report, too.
        drop(self.reports.send(Arc::clone(&report)));
        report
    }
}

/// A state that could be in force, once it is proven.
struct Candidate {
    snapshot: Snapshot,
    texts: PolicyTexts,
}

/// What came of proving a policy on a catalogue.
struct Proved {
    catalog: CatalogVersion,
    texts: PolicyTexts,
    findings: Vec<Diagnostic>,
}

/// Whether a policy has to be proven on the database.
enum Proof<'a> {
    /// It is the one in force.
    Needless,
    /// It is another one.
    Wanted {
        proved: Option<&'a Proved>,
        /// Where it goes when `proved` is not about it.
        unproven: &'a mut Option<Box<Candidate>>,
    },
}

fn mask_key(settings: &Settings) -> &str {
    settings.policy.mask_key.as_ref().map_or("", Secret::reveal)
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn refuse_errors(findings: &[Diagnostic]) -> Result<(), Vec<Diagnostic>> {
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(findings.to_vec());
    }
    Ok(())
}

/// Both values, or the findings of both.
fn both<A, B>(
    a: Result<A, Vec<Diagnostic>>,
    b: Result<B, Vec<Diagnostic>>,
) -> Result<(A, B), Vec<Diagnostic>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(findings), Ok(_)) | (Ok(_), Err(findings)) => Err(findings),
        (Err(mut findings), Err(more)) => {
            findings.extend(more);
            Err(findings)
        }
    }
}

#[cfg(test)]
mod tests;
