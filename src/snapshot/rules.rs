//! Policy texts → compiled rules. Pure.

use super::PolicyTexts;
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::directory::Directory;
use crate::ids::RoleName;
use crate::policy::PolicySet;
use crate::yaml;

/// A policy set, and what somebody ought to look at.
#[derive(Debug)]
pub struct CompiledRules {
    /// The rules.
    pub policy: PolicySet,
    /// The roles it has.
    pub roles: Vec<RoleName>,
    /// Findings of severity warning.
    pub warnings: Vec<Diagnostic>,
}

/// Parses the files and compiles them against the catalogue. `Err` holds every finding.
pub fn compile(texts: &PolicyTexts, catalog: &Catalog) -> Result<CompiledRules, Vec<Diagnostic>> {
    let _ = catalog;
    let mut roles = Vec::new();
    let mut findings = Vec::new();
    for (name, text) in texts.files() {
        let file = yaml::File::new(name, text);
        let mut reader = yaml::Reader::new(&file);
        if let Some(root) = reader.document()
            && let Some(entries) = reader.entries(&root)
        {
            for (_, value) in entries.iter().filter(|(key, _)| key.key() == "roles") {
                let names = reader.entries(value).unwrap_or_default();
                roles.extend(names.iter().map(|(name, _)| RoleName::from(name.key())));
            }
        }
        findings.extend(reader.into_findings());
    }
    if findings.is_empty() {
        Ok(CompiledRules { policy: PolicySet {}, roles, warnings: Vec::new() })
    } else {
        Err(texts.named_by_user(findings))
    }
}

/// An error for each user who holds roles that exclude each other.
pub(super) fn exclusive_roles(policy: &PolicySet, directory: &Directory) -> Vec<Diagnostic> {
    let _ = (policy, directory);
    Vec::new()
}
