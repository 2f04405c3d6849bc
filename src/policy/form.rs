//! What can be said of policy files without a catalogue. Pure.

use crate::diagnostic::Diagnostic;
use crate::ids::RoleName;

/// Reads the files of a policy set (name below the policy folder, text) for form only and gives
/// the roles they define. Names of tables, columns and functions need a catalogue.
pub fn check_form(texts: &[(String, String)]) -> Result<Vec<RoleName>, Vec<Diagnostic>> {
    let model = super::parse::parse(texts)?;
    let mut roles: Vec<RoleName> =
        model.roles.iter().map(|role| RoleName::from(role.name.text.as_str())).collect();
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}
