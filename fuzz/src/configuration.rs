//! `rowgate.toml`, as somebody may write it.

use rowgate::config::{SourceText, load_text};

/// Every file is taken or reported.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let source = SourceText { file: "rowgate.toml".to_owned(), text: text.to_owned() };
    if let Err(findings) = load_text(&source, &|name| Some(name.to_lowercase())) {
        assert!(!findings.is_empty(), "refused without a word");
    }
}
