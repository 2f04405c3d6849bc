//! Byte positions of a file's text → diagnostics with line, column and snippet. Does no I/O.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Severity};

/// The text of one file under the name its user knows it by.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// The file as the user named it.
    pub file: String,
    /// All of it.
    pub text: String,
}

impl SourceText {
    /// A finding about the bytes `span` of the text; an empty span underlines one character.
    pub fn finding(
        &self,
        severity: Severity,
        span: Range<usize>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> Diagnostic {
        let start = floor_boundary(&self.text, span.start);
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self
            .text
            .get(start..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |newline| start + newline);
        let snippet =
            self.text.get(line_start..line_end).unwrap_or_default().trim_end_matches('\r');
        let end = floor_boundary(&self.text, span.end.clamp(start, line_end));
        let marked = self.text.get(start..end).unwrap_or_default().trim_end();
        Diagnostic {
            severity,
            file: self.file.clone(),
            line: count(before.matches('\n').count() + 1),
            column: count(before.get(line_start..).unwrap_or_default().chars().count() + 1),
            length: count(marked.chars().count()).max(1),
            // A tab would shift the carets: they count characters.
            snippet: snippet.replace('\t', " "),
            message: message.into(),
            suggestion,
        }
    }

    /// A finding about the file as a whole.
    pub fn finding_about_file(
        &self,
        severity: Severity,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> Diagnostic {
        about_file(&self.file, severity, message, suggestion)
    }
}

/// A finding about a whole file that may not even be readable.
pub fn about_file(
    file: &str,
    severity: Severity,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> Diagnostic {
    Diagnostic {
        severity,
        file: file.to_owned(),
        line: 0,
        column: 1,
        length: 1,
        snippet: String::new(),
        message: message.into(),
        suggestion,
    }
}

/// The words of the operating system's error as PostgreSQL writes them: lower case, no number.
pub fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        std::io::ErrorKind::InvalidData => "not UTF-8 text".to_owned(),
        _ => {
            let text = error.to_string();
            match text.split_once(" (os error") {
                Some((words, _)) => words.to_lowercase(),
                None => text,
            }
        }
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_before_the_span_do_not_shift_the_caret() {
        let source =
            SourceText { file: "f.toml".into(), text: "a = 1\n名 = \"客户\" # x\n".into() };
        let start = source.text.find('"').unwrap();
        let finding =
            source.finding(Severity::Error, start..start + "\"客户\"".len(), "wrong", None);
        assert_eq!((finding.line, finding.column, finding.length), (2, 5, 4));
        assert_eq!(finding.snippet, "名 = \"客户\" # x");
    }

    #[test]
    fn a_span_beyond_the_end_is_clipped() {
        let source = SourceText { file: "f.toml".into(), text: "a".into() };
        let finding = source.finding(Severity::Error, 7..90, "wrong", None);
        assert_eq!((finding.line, finding.column, finding.length), (1, 2, 1));
    }
}
