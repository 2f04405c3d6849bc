//! The sample CRM that is built into the program: schema, rows, directory and policy.

use std::fs;
use std::io;
use std::path::Path;

/// Tables, views, functions and triggers.
pub const SCHEMA: &str = include_str!("../../policies/crm/schema.sql");

/// Generates the rows; [`size_setting`] goes before it.
pub const ROWS: &str = include_str!("../../policies/crm/data.sql");

/// What the gateway's own role may do.
pub const GRANTS: &str = include_str!("../../policies/crm/grants.sql");

/// Users, departments, teams and services.
pub const DIRECTORY: &str = include_str!("../../policies/crm/directory.yaml");

/// The policy, file by file.
pub const POLICY: [(&str, &str); 6] = [
    ("tables.yaml", include_str!("../../policies/crm/tables.yaml")),
    ("levels.yaml", include_str!("../../policies/crm/levels.yaml")),
    ("matrix.yaml", include_str!("../../policies/crm/matrix.yaml")),
    ("departments.yaml", include_str!("../../policies/crm/departments.yaml")),
    ("administration.yaml", include_str!("../../policies/crm/administration.yaml")),
    ("crm.test.yaml", include_str!("../../policies/crm/crm.test.yaml")),
];

/// The password of all sample people.
pub const PASSWORD: &str = "demo";

/// How many accounts the rows are generated for; about 16 rows come with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts(pub u32);

impl Accounts {
    /// A few thousand rows, loaded in a second: for tests.
    pub const SMALL: Self = Self(500);
    /// A few hundred thousand rows.
    pub const DEMO: Self = Self(20_000);
}

/// The statement that makes [`ROWS`] generate rows for so many accounts.
pub fn size_setting(accounts: Accounts) -> String {
    format!("SET crm.accounts = '{}';\n", accounts.0)
}

/// Writes the directory file and the policy folder below `folder`.
pub fn write_policy(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("directory.yaml"), DIRECTORY)?;
    let policies = folder.join("policies");
    fs::create_dir_all(&policies)?;
    for (name, text) in POLICY {
        fs::write(policies.join(name), text)?;
    }
    Ok(())
}
