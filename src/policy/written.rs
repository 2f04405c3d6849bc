//! The text of policy SQL before it is a tree: identity values are taken out, and what the printer
//! makes of the tree must mean the same to PostgreSQL as what was written. Pure.

use sqlparser::ast::Expr;

use crate::diagnostic::closest;
use crate::policy::expression::Fault;
use crate::policy::identity::{IdentitySource, SOURCES};

/// Replaces `:user.x` outside quotes by `$k`, which both parsers read the same way.
pub(super) fn take_identity(text: &str) -> Result<(String, Vec<IdentitySource>), Fault> {
    if text.contains('\\') {
        return Err(Fault::new("backslashes are not used in policy SQL; write chr(92) instead"));
    }
    if text.contains('$') && !text.contains('\'') {
        return Err(Fault::new("`$` is not used in policy SQL; identity values are `:user.…`"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(Fault::new("control characters are not used in policy SQL"));
    }
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut plain = String::with_capacity(text.len());
    let mut sources: Vec<IdentitySource> = Vec::new();
    let mut quote = None;
    let mut index = 0;
    while index < characters.len() {
        let c = at(index);
        if let Some(open) = quote {
            if c == open {
                quote = None;
            }
        } else if matches!(c, '\'' | '"') {
            quote = Some(c);
        } else if c == '$' {
            return Err(Fault::new("`$` is not used in policy SQL outside quotes"));
        } else if (c == '-' && at(index + 1) == '-') || (c == '/' && at(index + 1) == '*') {
            return Err(Fault::new("comments are not used in policy SQL; write them in YAML"));
        } else if c == ':' && at(index + 1) == ':' {
            plain.push_str("::");
            index += 2;
            continue;
        } else if c == ':' && at(index + 1).is_alphabetic() {
            let start = index;
            index += 1;
            let mut word = String::new();
            while at(index).is_alphanumeric() || matches!(at(index), '_' | '.') {
                word.push(at(index));
                index += 1;
            }
            let source = identity_source(&word).map_err(|suggestion| Fault {
                message: format!("unknown identity value `:{word}`"),
                suggestion,
                span: Some((start, index - start)),
            })?;
            sources.push(source);
            plain.push('$');
            plain.push_str(&sources.len().to_string());
            continue;
        }
        plain.push(c);
        index += 1;
    }
    Ok((plain, sources))
}

fn identity_source(word: &str) -> Result<IdentitySource, Option<String>> {
    let Some(rest) = word.strip_prefix("user.") else {
        return Err(Some("identity values begin with `:user.`".to_owned()));
    };
    if let Some(name) = rest.strip_prefix("attributes.") {
        if name.is_empty() || name.contains('.') {
            return Err(Some("write `:user.attributes.NAME`".to_owned()));
        }
        return Ok(IdentitySource::Attribute(name.into()));
    }
    match SOURCES.iter().find(|(known, _)| *known == rest) {
        Some((_, source)) => Ok(source.clone()),
        None => Err(closest(rest, SOURCES.iter().map(|(known, _)| *known))
            .map(|near| format!("did you mean `:user.{near}`?"))),
    }
}

/// The printed tree must mean to PostgreSQL what the writer's text means to it.
pub(super) fn same_to_postgresql(text: &str, expr: &Expr) -> Result<(), Fault> {
    let written = postgresql_tree(&format!("SELECT ({text})"))
        .map_err(|error| Fault::new(format!("PostgreSQL does not read this: {error}")))?;
    let printed = postgresql_tree(&format!("SELECT ({expr})"));
    if printed.as_ref() == Ok(&written) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "this expression cannot be repeated exactly (it would read `{expr}`); write it another way"
    )))
}

fn postgresql_tree(sql: &str) -> Result<String, String> {
    // The binding panics on nodes it does not know; a policy that needs one is refused.
    let read = std::panic::catch_unwind(|| {
        let parsed = pg_raw_parse::parse(sql).map_err(|error| error.to_string())?;
        Ok(without_locations(&format!("{parsed:?}")))
    });
    read.unwrap_or_else(|_| Err("this construct is not supported".to_owned()))
}

/// Drops every field whose value is a place in the text.
fn without_locations(debug: &str) -> String {
    let mut kept = String::with_capacity(debug.len());
    let mut rest = debug;
    while let Some(found) = rest.find("location: ").or_else(|| rest.find("stmt_len: ")) {
        let earlier = rest.find("stmt_len: ").map_or(found, |other| other.min(found));
        let (before, after) = rest.split_at(earlier);
        kept.push_str(before);
        let label = after.find(' ').map_or(after.len(), |space| space + 1);
        let (_, value) = after.split_at(label);
        let end = value.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(value.len());
        rest = value.split_at(end).1;
    }
    kept.push_str(rest);
    kept
}
