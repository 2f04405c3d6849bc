//! `U&"d\0061t\+000061"` and its `UESCAPE` (PostgreSQL documentation, 4.1.1 "Identifiers and Key
//! Words"). Pure.

/// Whether a string literal of one token names a character that may stand for the backslash.
pub(super) fn is_escape(literal: &[u8]) -> bool {
    let [b'\'', escape, b'\''] = literal else { return false };
    !(escape.is_ascii_hexdigit()
        || matches!(escape, b'+' | b'\'' | b'"')
        || escape.is_ascii_whitespace()
        || *escape == 0x0b
        || !escape.is_ascii())
}

/// The name that a token means; `None` where an escape in it is not one that PostgreSQL takes.
pub(super) fn identifier(token: &str) -> Option<String> {
    let rest = token.get(2..)?.strip_prefix('"')?;
    // The quote that closes is the first that is not doubled.
    let mut name = String::new();
    let mut after = rest;
    loop {
        let (part, behind) = after.split_once('"')?;
        name.push_str(part);
        let Some(doubled) = behind.strip_prefix('"') else {
            after = behind;
            break;
        };
        name.push('"');
        after = doubled;
    }
    let escape = if after.is_empty() {
        '\\'
    } else {
        // `UESCAPE 'c'`: the lexer has seen that the literal is one character.
        after.strip_suffix('\'')?.chars().next_back()?
    };
    unescape(&name, escape)
}

fn unescape(text: &str, escape: char) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut high: Option<u32> = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind = rest.get(first.len_utf8()..)?;
        if first != escape {
            // Half of a surrogate pair alone is no character.
            if high.is_some() {
                return None;
            }
            out.push(first);
            rest = behind;
            continue;
        }
        if let Some(behind) = behind.strip_prefix(escape) {
            if high.is_some() {
                return None;
            }
            out.push(escape);
            rest = behind;
            continue;
        }
        let (digits, length) = match behind.strip_prefix('+') {
            Some(long) => (long.get(..6)?, 7),
            None => (behind.get(..4)?, 4),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let code = u32::from_str_radix(digits, 16).ok()?;
        rest = behind.get(length..)?;
        match (high.take(), code) {
            (None, 0xd800..=0xdbff) => high = Some(code),
            (Some(high), 0xdc00..=0xdfff) => {
                out.push(char::from_u32(0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00))?);
            }
            (Some(_), _) | (None, 0) => return None,
            (None, code) => out.push(char::from_u32(code)?),
        }
    }
    if high.is_some() { None } else { Some(out) }
}
