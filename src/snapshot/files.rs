//! The files of a policy set: every `*.yaml` below the policy folder, tests left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::FileChange;
use crate::config::{DirectorySource, Settings, about_file, io_reason};
use crate::diagnostic::{Diagnostic, Severity};
use crate::policy::PolicyLine;

/// Folders below each other; more is a link that leads back.
const MAX_DEPTH: usize = 16;

/// The texts of a policy set by path below the policy folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTexts {
    folder: PathBuf,
    /// By name.
    files: Vec<(String, String)>,
}

impl PolicyTexts {
    /// Texts that came from somewhere else than [`read_policy_files`].
    pub fn new(folder: &Path, files: BTreeMap<String, String>) -> Self {
        Self { folder: folder.to_path_buf(), files: files.into_iter().collect() }
    }

    /// Name below the policy folder and text of each file, by name.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.files.iter().find(|(file, _)| file == name).map(|(_, text)| text.as_str())
    }

    /// A finding about a line of the policy, or about the folder.
    pub fn about(
        &self,
        line: Option<&PolicyLine>,
        severity: Severity,
        message: &str,
    ) -> Diagnostic {
        let Some(line) = line else {
            return about_file(&self.folder.display().to_string(), severity, message, None);
        };
        let number = usize::try_from(line.line).unwrap_or(usize::MAX).saturating_sub(1);
        let text = self.text(&line.file).and_then(|text| text.lines().nth(number)).unwrap_or("");
        let words = text.trim_start();
        let characters = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        Diagnostic {
            severity,
            file: self.folder.join(&*line.file).display().to_string(),
            line: line.line,
            column: characters(text).saturating_sub(characters(words)).saturating_add(1),
            length: characters(words.trim_end()).max(1),
            snippet: text.trim_end().replace('\t', " "),
            message: message.to_owned(),
            suggestion: None,
        }
    }

    /// What differs in `other`.
    pub(super) fn changes(&self, other: &Self) -> Vec<(String, FileChange)> {
        let mut changes = Vec::new();
        for (name, text) in &other.files {
            match self.text(name) {
                None => changes.push((name.clone(), FileChange::Added)),
                Some(before) if before != text => changes.push((name.clone(), FileChange::Changed)),
                Some(_) => {}
            }
        }
        for (name, _) in self.files.iter().filter(|(name, _)| other.text(name).is_none()) {
            changes.push((name.clone(), FileChange::Removed));
        }
        changes
    }

    /// The findings with the paths as the user would type them.
    pub fn named_by_user(&self, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        findings
            .into_iter()
            .map(|mut finding| {
                if self.text(&finding.file).is_some() {
                    finding.file = self.folder.join(&finding.file).display().to_string();
                }
                finding
            })
            .collect()
    }
}

/// Reads every `*.yaml` below `policy.path`; not `*.test.yaml`, not the directory's own file.
pub fn read_policy_files(settings: &Settings) -> Result<PolicyTexts, Vec<Diagnostic>> {
    let root = &settings.policy.path;
    let directory = match &settings.directory {
        DirectorySource::File(file) => file.canonicalize().ok(),
        DirectorySource::Sql(_) => None,
    };
    let mut findings = Vec::new();
    let mut files = BTreeMap::new();
    let mut pending = vec![(root.clone(), 0)];
    while let Some((path, depth)) = pending.pop() {
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                findings.push(unreadable(&path, &error));
                continue;
            }
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    findings.push(unreadable(&path, &error));
                    continue;
                }
            };
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            // Hidden entries are editors' swap files and the versions behind a mounted volume.
            let Some(name) = name.filter(|name| !name.starts_with('.')) else { continue };
            if path.is_dir() {
                if depth < MAX_DEPTH {
                    pending.push((path, depth + 1));
                }
                continue;
            }
            let is_directory = directory.is_some() && path.canonicalize().ok() == directory;
            let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
            if !is_yaml || name.ends_with(".test.yaml") || is_directory {
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let below = path.strip_prefix(root).unwrap_or(&path);
                    files.insert(below.display().to_string(), text);
                }
                Err(error) => findings.push(unreadable(&path, &error)),
            }
        }
    }
    if files.is_empty() && findings.is_empty() {
        findings.push(about_file(
            &root.display().to_string(),
            Severity::Error,
            "there is no `*.yaml` in the policy folder",
            None,
        ));
    }
    if findings.is_empty() { Ok(PolicyTexts::new(root, files)) } else { Err(findings) }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    about_file(
        &path.display().to_string(),
        Severity::Error,
        format!("cannot read the policy: {}", io_reason(error)),
        None,
    )
}
