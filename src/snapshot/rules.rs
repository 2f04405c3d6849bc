//! Policy texts → compiled rules, and what only policy and directory together can show. Pure.

use super::PolicyTexts;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Severity};
use crate::directory::Directory;
use crate::ids::{PolicyVersion, RoleName};
use crate::policy::PolicySet;

/// A policy set, and what somebody ought to look at.
#[derive(Debug)]
pub struct CompiledRules {
    /// The rules.
    pub policy: PolicySet,
    /// The hash of the files.
    pub version: PolicyVersion,
    /// The roles it has.
    pub roles: Vec<RoleName>,
    /// Findings of severity warning.
    pub warnings: Vec<Diagnostic>,
}

/// Parses the files and compiles them against the catalogue. `Err` holds every finding.
///
/// `mask_key` is the secret of keyed masks; empty makes them NULL.
pub fn compile(
    texts: &PolicyTexts,
    catalog: &Catalog,
    mask_key: &str,
) -> Result<CompiledRules, Vec<Diagnostic>> {
    match PolicySet::load(texts.files(), catalog, mask_key) {
        Ok((policy, warnings)) => Ok(CompiledRules {
            version: policy.version().clone(),
            roles: policy.roles().cloned().collect(),
            policy,
            warnings: texts.named_by_user(warnings),
        }),
        Err(findings) => Err(texts.named_by_user(findings)),
    }
}

/// An error for each user who holds roles that exclude each other, expired assignments included.
pub(super) fn exclusive_roles(policy: &PolicySet, directory: &Directory) -> Vec<Diagnostic> {
    directory
        .users()
        .iter()
        .filter_map(|user| {
            let roles: Vec<RoleName> =
                user.assignments.iter().map(|assignment| assignment.role.clone()).collect();
            let together = policy.exclusive_violation(&roles)?;
            let names: Vec<String> = together.iter().map(|role| format!("`{role}`")).collect();
            let message =
                format!("`{}` holds {}, which exclude each other", user.login, names.join(" and "));
            Some(directory.finding_about(&user.login, Severity::Error, message))
        })
        .collect()
}
