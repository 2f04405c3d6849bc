//! What a restricted principal reads of the server's errors and notices. Rule: a text passes only
//! when its SQLSTATE is known to carry no row data; everything else becomes a fixed text with the
//! same SQLSTATE. Pure.

use crate::error::SqlState;
use crate::protocol::message::Report;
use crate::rewrite::{Rewrite, Touched, Violation};

/// What is known of the statement that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// The client's text and the server's, where the position in the report refers to one.
    pub rewrite: Option<(&'a str, &'a Rewrite)>,
    /// The text that marks a row refused by a check option; empty when there is none.
    pub check_marker: &'a str,
    /// The table a write went to, for the message about its check option.
    pub table: Option<&'a str>,
    /// What the statement touches: the mark says which of the tables it is about.
    pub touched: &'a [Touched],
}

/// An error as the client may read it.
pub fn error(mut report: Report, failed: Failed<'_>) -> Report {
    let message = report.field(Report::MESSAGE).unwrap_or_default();
    if !failed.check_marker.is_empty() && message.contains(failed.check_marker) {
        let behind = message.split(failed.check_marker).nth(1).unwrap_or_default();
        return Report::error(SqlState::INSUFFICIENT_PRIVILEGE.0, &violation(behind, failed));
    }
    let position = position(&report, failed.rewrite);
    let keep = passes(&report) && position != Position::Inserted;
    if !keep {
        let text = fixed_text(report.sqlstate());
        report.set(Report::MESSAGE, text);
    }
    report.retain(|field| {
        matches!(field, Report::SEVERITY | Report::SEVERITY_FIXED | Report::CODE | Report::MESSAGE)
    });
    if let Position::At(position) = position {
        report.set(Report::POSITION, &position.to_string());
    }
    report
}

/// PostgreSQL's words for a violated check, by what stands behind the mark.
fn violation(behind: &str, failed: Failed<'_>) -> String {
    let Some((violation, relation)) = Violation::parse(behind) else {
        return Violation::New.message(failed.table.unwrap_or_default());
    };
    let named = failed.touched.iter().find(|touched| touched.relation.0 == relation);
    let table = named.and_then(|touched| touched.name.rsplit('.').next()).or(failed.table);
    violation.message(table.unwrap_or_default())
}

/// A notice as the client may read it; `None` when it may not.
pub fn notice(mut report: Report) -> Option<Report> {
    // 00000 and 01000 are what RAISE NOTICE and RAISE WARNING carry: any text, row data included.
    if !passes(&report) {
        return None;
    }
    report.retain(|field| {
        matches!(field, Report::SEVERITY | Report::SEVERITY_FIXED | Report::CODE | Report::MESSAGE)
    });
    Some(report)
}

/// Moves the position of an error into the client's text, for a principal nothing is hidden from.
pub fn reposition(report: &mut Report, client: &str, rewrite: &Rewrite) {
    match position(report, Some((client, rewrite))) {
        Position::At(position) => report.set(Report::POSITION, &position.to_string()),
        Position::None | Position::Inserted => report.retain(|field| field != Report::POSITION),
    }
}

/// An error that a value is wrong for its parameter has no position, but says which parameter it is.
/// Where that stands for a constant of the client's text, the error is there.
pub fn locate(report: &mut Report, rewrite: &Rewrite) {
    let context = report.field(b'W').unwrap_or_default();
    let Some((_, behind)) = context.split_once('$') else { return };
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    if report.field(Report::POSITION).is_none()
        && let Some(offset) = digits.parse().ok().and_then(|number| rewrite.lifted_at(number))
    {
        let position = character_position(rewrite.text(), offset);
        report.set(Report::POSITION, &position.to_string());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The report has none, or no text to point into.
    None,
    /// A character of the client's text, from 1.
    At(usize),
    /// Inside what rowgate inserted.
    Inserted,
}

fn position(report: &Report, rewrite: Option<(&str, &Rewrite)>) -> Position {
    let Some(character) = report.field(Report::POSITION).and_then(|p| p.parse::<usize>().ok())
    else {
        return Position::None;
    };
    let Some((client, rewrite)) = rewrite else { return Position::None };
    let Some(offset) = byte_offset(rewrite.text(), character) else { return Position::None };
    match rewrite.client_offset(offset) {
        Some(offset) => Position::At(character_position(client, offset)),
        None => Position::Inserted,
    }
}

/// The byte offset of a character position that counts from 1.
fn byte_offset(text: &str, character: usize) -> Option<usize> {
    let index = character.checked_sub(1)?;
    text.char_indices().map(|(offset, _)| offset).chain(std::iter::once(text.len())).nth(index)
}

/// The character position, from 1, of a byte offset.
pub fn character_position(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|(start, _)| *start < offset).count().saturating_add(1)
}

/// Classes of SQLSTATEs whose messages name things and never quote values.
///
/// 42: syntax, names, types and rights. 25: transaction states. 40: serialisation, deadlock
/// (the DETAIL, which is dropped, has the row). 53, 54, 57, 58: resources, limits, cancelling.
/// 0A, 08, 26, 34, 3B, 3D, 3F: features, protocol, names of statements, cursors, savepoints.
/// 55: locks and object states. 28: authorisation.
const CLASSES: [&str; 16] = [
    "42", "25", "40", "53", "54", "57", "0A", "08", "26", "34", "3B", "3D", "3F", "55", "28", "2D",
];

/// Whether the message speaks of names, syntax, types and states only.
fn passes(report: &Report) -> bool {
    // A context means that a function, a trigger or COPY was at work: RAISE takes any SQLSTATE.
    if report.field(b'W').is_some() || report.field(b'R') == Some("exec_stmt_raise") {
        return false;
    }
    let sqlstate = report.sqlstate();
    CLASSES.iter().any(|class| sqlstate.starts_with(class))
}

/// What stands for a message that may hold row data.
fn fixed_text(sqlstate: &str) -> &'static str {
    match sqlstate {
        "22001" => "value too long for its type",
        "22003" => "value out of range",
        "22004" => "null value not allowed",
        "22007" => "invalid date or time",
        "22008" => "date or time out of range",
        "22012" => "division by zero",
        "22021" => "invalid byte sequence for encoding",
        "22023" => "invalid parameter value",
        "22P02" => "invalid input syntax for its type",
        "22P03" => "incorrect binary data format",
        "22P04" => "invalid COPY data",
        "23502" => "null value violates not-null constraint",
        "23503" => "row violates foreign key constraint",
        "23505" => "duplicate key value violates unique constraint",
        "23514" => "row violates check constraint",
        "23P01" => "row violates exclusion constraint",
        "40001" => "could not serialize access",
        "40P01" => "deadlock detected",
        "57014" => "canceling statement",
        "21000" => "a subquery or statement met more rows than it may",
        "P0001" => "the database raised an error",
        "44000" => "new row violates check option of a view",
        _ if sqlstate.starts_with("22") => "a value cannot be processed",
        _ if sqlstate.starts_with("23") => "row violates a constraint",
        _ if sqlstate.starts_with("42") => "the statement cannot be run",
        _ => "the statement failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Failed<'static> =
        Failed { rewrite: None, check_marker: "m4rk", table: None, touched: &[] };

    fn report(code: &str, message: &str) -> Report {
        let mut report = Report::error(code, message);
        report.set(Report::DETAIL, "Key (email)=(hidden@example.com) already exists.");
        report.set(Report::HINT, "hidden");
        report.set(b'W', "hidden");
        report.set(b't', "hidden");
        report.set(b'n', "hidden");
        report
    }

    #[test]
    fn an_error_that_quotes_a_value_shows_no_value() {
        for code in ["22P02", "22003", "22012", "23505", "23514", "P0001", "XX000", "99999"] {
            let shown = error(report(code, "bad value: hidden"), NOTHING);
            assert!(!format!("{shown:?}").contains("hidden"), "{code}: {shown:?}");
            assert_eq!(shown.sqlstate(), code);
        }
    }

    #[test]
    fn a_syntax_error_keeps_its_message_and_loses_the_rest() {
        let mut syntax = Report::error("42601", "syntax error at or near \"FORM\"");
        syntax.set(Report::DETAIL, "hidden");
        let shown = error(syntax, NOTHING);
        assert_eq!(shown.field(Report::MESSAGE), Some("syntax error at or near \"FORM\""));
        assert_eq!(shown.field(Report::DETAIL), None);
    }

    #[test]
    fn the_marker_of_a_check_option_never_reaches_the_client() {
        let failed = Failed { table: Some("deals"), ..NOTHING };
        let shown =
            error(report("22P02", "invalid input syntax for type integer: \"m4rk\""), failed);
        assert_eq!(shown.sqlstate(), "42501");
        assert_eq!(
            shown.field(Report::MESSAGE),
            Some("new row violates row-level security policy for table \"deals\"")
        );
        let touched = [Touched {
            relation: crate::ids::RelationId(16_400),
            name: "crm.visits".into(),
            verb: crate::policy::Verb::Update,
            columns: Vec::new(),
            filter: "".into(),
            masks: Vec::new(),
            compared: 0,
            lines: [].into(),
        }];
        for (letter, words) in [
            ("n", "new row violates row-level security policy for table"),
            ("c", "new row violates row-level security policy (USING expression) for table"),
            ("t", "target row violates row-level security policy (USING expression) for table"),
        ] {
            let message = format!("invalid input syntax for type boolean: \"m4rk{letter}16400\"");
            let shown = error(report("22P02", &message), Failed { touched: &touched, ..failed });
            assert_eq!(shown.field(Report::MESSAGE), Some(format!("{words} \"visits\"").as_str()));
        }
    }

    #[test]
    fn a_raised_notice_is_not_relayed() {
        assert_eq!(notice(report("00000", "salary is hidden")), None);
        let skipped = Report::error("42P07", "relation \"x\" already exists, skipping");
        assert!(notice(skipped).is_some());
    }

    #[test]
    fn an_error_raised_by_a_function_under_a_harmless_code_shows_no_message() {
        let mut raised = Report::error("42601", "salary is hidden");
        raised.set(b'R', "exec_stmt_raise");
        assert!(!format!("{:?}", error(raised, NOTHING)).contains("hidden"));
        let mut raised = Report::error("42501", "salary is hidden");
        raised.set(b'W', "PL/Python function \"f\"");
        assert!(!format!("{:?}", error(raised, NOTHING)).contains("hidden"));
    }

    #[test]
    fn positions_count_characters_not_bytes() {
        assert_eq!(byte_offset("'客户' x", 4), Some(7));
        assert_eq!(character_position("'客户' x", 9), 6);
        assert_eq!(byte_offset("ab", 3), Some(2));
        assert_eq!(byte_offset("ab", 4), None);
        assert_eq!(byte_offset("ab", 0), None);
    }
}
