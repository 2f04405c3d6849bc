//! Forms of statements: what may stand in company, in PREPARE and under EXPLAIN, and where their
//! names are. Pure.

use std::ops::Range;

use crate::error::{Refusal, SqlState};
use crate::resolve::Resolved;
use crate::rewrite::{Edit, Effect, Piece, PlanFormat};
use crate::sql::ast::{CopySource, Definition, DiscardTarget, StatementKind};
use crate::sql::{TokenKind, Tokens};

use super::utility;

pub(super) fn statement_tokens(tokens: &Tokens<'_>, span: &Range<usize>) -> Range<usize> {
    let start = tokens.from_byte(span.start);
    let mut end = tokens.from_byte(span.end);
    while end > start && tokens.is_mark(end - 1, ";") {
        end -= 1;
    }
    start..end
}

/// Policy SQL marks its own names with control characters that no name of a client may hold.
/// `U&"…"` can spell any character, so it is looked at as it is read.
pub(super) fn plain_names(tokens: &Tokens<'_>) -> Result<(), Refusal> {
    for (index, token) in tokens.iter().enumerate() {
        let odd = match token.kind {
            TokenKind::UnicodeIdentifier | TokenKind::QuotedIdentifier => {
                tokens.identifier(index).is_none_or(|name| name.contains(['\u{1}', '\u{2}']))
            }
            TokenKind::Word
            | TokenKind::String
            | TokenKind::SpecialString
            | TokenKind::BitString
            | TokenKind::DollarString
            | TokenKind::Integer
            | TokenKind::Number
            | TokenKind::Parameter
            | TokenKind::Operator
            | TokenKind::Punctuation => false,
        };
        if odd {
            return Err(Refusal::unsupported("this spelling of a name is not supported")
                .at(Some(token.start as usize)));
        }
    }
    Ok(())
}

/// What PostgreSQL itself runs only alone, and prepared statements behind a change of the search
/// path: the session keeps the path of the whole string for them.
pub(super) fn refuse_in_company(kind: &StatementKind, moved: bool) -> Result<(), Refusal> {
    let alone = match kind {
        StatementKind::Prepare { .. } | StatementKind::Execute { .. } => moved,
        StatementKind::Explain(explain) => {
            moved && matches!(explain.statement, StatementKind::Execute { .. })
        }
        StatementKind::Definition(definition) => moved && definition.executed().is_some(),
        StatementKind::Discard(target) => match target {
            DiscardTarget::All => true,
            DiscardTarget::Plans | DiscardTarget::Sequences | DiscardTarget::Temp => false,
        },
        StatementKind::Select(_)
        | StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_)
        | StatementKind::Merge(_)
        | StatementKind::Copy(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Other(_) => false,
    };
    if alone {
        return Err(Refusal::unsupported(
            "this statement has to be sent alone, not in a string of several",
        ));
    }
    Ok(())
}

pub(super) fn refuse_inside_prepare(inner: &StatementKind) -> Result<(), Refusal> {
    match inner {
        StatementKind::Select(_)
        | StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_)
        | StatementKind::Merge(_) => Ok(()),
        StatementKind::Copy(_)
        | StatementKind::Explain(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Execute { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Discard(_)
        | StatementKind::Definition(_)
        | StatementKind::Other(_) => {
            Err(Refusal::unsupported("PREPARE of this statement is not supported"))
        }
    }
}

pub(super) fn kind_and_effect(kind: &StatementKind) -> (&'static str, Effect) {
    let (name, effect) = utility::effect(kind);
    match kind {
        // A restricted SELECT calls only functions that were looked at.
        StatementKind::Select(_) | StatementKind::Explain(_) => (name, Effect::Reads),
        StatementKind::Copy(copy) => match copy.source {
            CopySource::Query(_) => (name, Effect::Reads),
            CopySource::Relation(..) | CopySource::Modifying => (name, effect),
        },
        StatementKind::Execute { .. } => (name, Effect::Writes),
        // Nobody else reads a temporary table, and it is gone with the session.
        StatementKind::Definition(definition) => match &**definition {
            Definition::Create { .. } | Definition::Drop { .. } => (name, Effect::Settings),
            Definition::Truncate(_) | Definition::Index(_) => (name, Effect::Reads),
        },
        StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_)
        | StatementKind::Merge(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::ClosePortal { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Set(_)
        | StatementKind::Show(_)
        | StatementKind::Discard(_)
        | StatementKind::Other(_) => (name, effect),
    }
}

/// Replaces the client's name of a prepared statement by the server's.
pub(super) fn rename(
    tokens: &Tokens<'_>,
    span: &Range<usize>,
    name: &str,
) -> Result<Edit, Refusal> {
    // PREPARE name, EXECUTE name, DEALLOCATE [PREPARE] name.
    let mut at = span.start + 1;
    if tokens.is_word(span.start, "deallocate")
        && tokens.is_word(at, "prepare")
        && at + 1 < span.end
    {
        at += 1;
    }
    if tokens.identifier(at).as_deref() != Some(name) {
        return Err(Refusal::unsupported("this spelling of a statement name is not supported"));
    }
    Ok(Edit { tokens: at..at + 1, pieces: vec![Piece::StatementName(name.into())] })
}

/// The same for EXECUTE under EXPLAIN, whose options stand before it, and behind CREATE TABLE … AS.
pub(super) fn rename_executed(
    tokens: &Tokens<'_>,
    span: &Range<usize>,
    name: &str,
) -> Result<Edit, Refusal> {
    let mut start = span.start + 1;
    if tokens.is_mark(start, "(") {
        while start < span.end && !tokens.is_mark(start, ")") {
            start += 1;
        }
    }
    let creates = tokens.is_word(span.start, "create");
    while start < span.end
        && !(tokens.is_word(start, "execute") && (!creates || tokens.is_word(start - 1, "as")))
    {
        start += 1;
    }
    rename(tokens, &(start..span.end), name)
}

/// Replaces the client's name of a portal in FETCH, MOVE and CLOSE: it stands last.
pub(super) fn rename_portal(
    tokens: &Tokens<'_>,
    span: &Range<usize>,
    name: &str,
) -> Result<Edit, Refusal> {
    unreserved(name)?;
    let at = span.end.saturating_sub(1);
    if at <= span.start || tokens.identifier(at).as_deref() != Some(name) {
        return Err(Refusal::unsupported("this spelling of a cursor name is not supported"));
    }
    Ok(Edit { tokens: at..at + 1, pieces: vec![Piece::PortalName(name.into())] })
}

/// Names that begin like the gateway's own on the server.
pub(super) fn unreserved(name: &str) -> Result<(), Refusal> {
    if name.starts_with("rowgate_") {
        return Err(Refusal::unsupported("names that begin with rowgate_ are reserved"));
    }
    Ok(())
}

/// EXPLAIN for a restricted principal shows the shape of a plan: no costs and row counts, which
/// tell of all rows, and nothing is run.
pub(super) fn explain_options(
    tokens: &Tokens<'_>,
    span: &Range<usize>,
    options: &[(String, Option<String>)],
) -> Result<(Edit, PlanFormat), Refusal> {
    let mut format = PlanFormat::Text;
    for (name, value) in options {
        let off = value.as_deref().is_some_and(|v| {
            ["off", "false", "0", "no", "none"].contains(&v.to_lowercase().as_str())
        });
        let allowed = match name.as_str() {
            "costs" | "settings" | "summary" | "timing" | "verbose" | "memory" => true,
            "format" => {
                let known = match value.as_deref() {
                    Some("text") => Some(PlanFormat::Text),
                    Some("json") => Some(PlanFormat::Json),
                    Some("yaml") => Some(PlanFormat::Yaml),
                    Some("xml") => Some(PlanFormat::Xml),
                    Some(_) | None => None,
                };
                format = known.unwrap_or(format);
                known.is_some()
            }
            _ => off,
        };
        if !allowed {
            return Err(Refusal::denied(
                format!("permission denied for EXPLAIN option {}", name.to_uppercase()),
                "a restricted principal may see the plan and not run it",
            ));
        }
    }
    let mut end = span.start + 1;
    if tokens.is_mark(end, "(") && !options.is_empty() && is_option_list(tokens, end) {
        while end < span.end && !tokens.is_mark(end, ")") {
            end += 1;
        }
        end += 1;
    } else {
        while ["analyze", "analyse", "verbose"].iter().any(|word| tokens.is_word(end, word)) {
            end += 1;
        }
    }
    let asked = match format {
        PlanFormat::Text => "(COSTS OFF)",
        PlanFormat::Json | PlanFormat::Yaml | PlanFormat::Xml => "(COSTS OFF, FORMAT JSON)",
    };
    let edit = Edit { tokens: span.start + 1..end, pieces: vec![Piece::Text(asked.into())] };
    Ok((edit, format))
}

/// `EXPLAIN (SELECT 1)` has brackets too.
fn is_option_list(tokens: &Tokens<'_>, open: usize) -> bool {
    !["select", "values", "table", "with"].iter().any(|word| tokens.is_word(open + 1, word))
        && !tokens.is_mark(open + 1, "(")
}

/// What a temporary table holds is read again without a limit, so nothing that is limited goes into
/// one; and a query that changes rows has an answer of its own.
pub(super) fn refuse_keeping(
    kind: &StatementKind,
    resolved: &Resolved,
    rows_per_query: Option<u64>,
) -> Result<(), Refusal> {
    let defines = matches!(kind, StatementKind::Definition(_));
    if defines && !resolved.modifications.is_empty() {
        return Err(Refusal::unsupported(
            "a data-modifying statement in CREATE TABLE AS is not supported",
        ));
    }
    let fills = resolved.modifications.iter().any(|modification| {
        resolved.uses.get(modification.target).is_some_and(|used| used.relation.is_temporary())
    });
    if (defines || fills) && rows_per_query.is_some() {
        return Err(Refusal::new(
            SqlState::CONFIGURATION_LIMIT,
            "rows of which only some may be read at a time cannot go into a temporary table",
            "limits.rows_per_query",
        ));
    }
    Ok(())
}
