//! Policy and directory files, as somebody may write them.

use std::sync::OnceLock;

use rowgate::catalog::Catalog;
use rowgate::directory::Directory;
use rowgate::policy::PolicySet;

use super::sample;

/// Every file is taken or reported, and where something is reported it lies in the file.
pub fn check(input: &[u8]) {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(input) else { return };
    let catalog = CATALOG.get_or_init(sample::catalog);
    let sources = [("fuzz.yaml".to_owned(), text.to_owned())];
    match PolicySet::load(&sources, catalog, "key") {
        Ok((policy, _)) => assert!(policy.roles().count() <= text.len()),
        Err(findings) => assert!(!findings.is_empty(), "refused without a word"),
    }
    let now = "2026-11-22T10:00:00Z".parse().unwrap_or_default();
    if let Err(findings) = Directory::from_yaml("fuzz.yaml", text, now) {
        assert!(!findings.is_empty(), "refused without a word");
    }
}
