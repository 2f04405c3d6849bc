//! Takes passwords out of SQL text before it is recorded. Pure.
//!
//! A small lexer of its own: it has to work on text that no parser accepts, because refused text
//! is recorded too. Where it is in doubt it takes out too much. It assumes
//! `standard_conforming_strings = on`, which sessions are held to.

use std::borrow::Cow;

/// What stands in the log where a secret stood.
const MARK: &str = "***";

/// Parts of a name that make its value a secret.
const SECRET_NAMES: [&str; 7] =
    ["password", "passwd", "passphrase", "pwd", "secret", "credential", "api_key"];

/// The text without passwords: those of roles, user mappings and subscriptions, values of settings
/// and options whose name says so, and those in connection strings, in literals and in comments.
pub fn redact(sql: &str) -> Cow<'_, str> {
    if !may_hold_secret(sql) {
        return Cow::Borrowed(sql);
    }
    let tokens = lex(sql);
    let roles = concerns_roles(&tokens);
    let sets = tokens
        .iter()
        .find(|token| token.is_code())
        .is_some_and(|token| ["set", "alter"].iter().any(|w| token.text.eq_ignore_ascii_case(w)));
    let mut out = String::with_capacity(sql.len());
    let mut armed = Armed::No;
    for token in &tokens {
        match token.kind {
            Kind::Space => out.push_str(token.text),
            Kind::Comment => out.push_str(&redact_inside(token.text)),
            Kind::Word => {
                let separator = ["to", "is", "encrypted", "unencrypted"]
                    .iter()
                    .any(|word| token.text.eq_ignore_ascii_case(word));
                if is_secret_name(token.text) {
                    armed = Armed::Name;
                    out.push_str(token.text);
                } else if matches!(armed, Armed::Name | Armed::Separator) && separator {
                    armed = Armed::Separator;
                    out.push_str(token.text);
                } else if (armed == Armed::Separator && (sets || roles))
                    || (armed == Armed::Name && roles)
                {
                    let keep = ["null", "default"]
                        .iter()
                        .any(|word| token.text.eq_ignore_ascii_case(word));
                    out.push_str(if keep { token.text } else { MARK });
                    armed = if sets && !roles { Armed::Separator } else { Armed::No };
                } else {
                    armed = Armed::No;
                    out.push_str(token.text);
                }
            }
            Kind::Literal => {
                if armed == Armed::No {
                    out.push_str(&redact_inside(token.text));
                    // `set_config('app.password', 'x', false)`, `"password": …` in pieces.
                    if is_secret_name(token.text) && !token.text.contains(char::is_whitespace) {
                        armed = Armed::Name;
                    }
                } else {
                    out.push_str("'***'");
                    armed = Armed::Value;
                }
            }
            Kind::Symbol => {
                if !["=", ":", ">", ",", "(", "-"].contains(&token.text) {
                    armed = Armed::No;
                } else if armed == Armed::Name && matches!(token.text, "=" | ">") {
                    armed = Armed::Separator;
                }
                out.push_str(token.text);
            }
        }
    }
    if out == sql { Cow::Borrowed(sql) } else { Cow::Owned(out) }
}

/// Whether the next literal is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Armed {
    No,
    /// A name like `password` came.
    Name,
    /// And `=` or TO after it.
    Separator,
    /// And a literal: 'a' and 'b' on two lines are one, so further literals are secret too.
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Comment,
    /// Keyword, identifier (quoted or not) or number.
    Word,
    /// Any string constant, with prefix and quotes.
    Literal,
    /// Any other character.
    Symbol,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

impl Token<'_> {
    fn is_code(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// A cheap look that nearly every statement passes.
fn may_hold_secret(sql: &str) -> bool {
    sql.contains("://") || sql.contains('\\') || is_secret_name(sql)
}

/// One pass over the text: every statement comes by here.
fn is_secret_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    // The low five bits of a letter are the same in both cases; other bytes are told apart below.
    let letter = |byte: u8| 1_u32 << (byte & 31);
    let firsts = SECRET_NAMES.iter().filter_map(|name| name.bytes().next());
    let firsts = firsts.fold(0, |firsts, first| firsts | letter(first));
    bytes.iter().enumerate().any(|(start, byte)| {
        firsts & letter(*byte) != 0
            && SECRET_NAMES.iter().any(|name| {
                bytes
                    .get(start..start + name.len())
                    .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            })
    })
}

/// `CREATE|ALTER ROLE|USER|GROUP|SUBSCRIPTION|SERVER …` anywhere: a bare word after PASSWORD is a
/// password whose quotes were forgotten.
fn concerns_roles(tokens: &[Token<'_>]) -> bool {
    let mut words = tokens.iter().filter(|token| token.kind == Kind::Word).map(|token| token.text);
    let mut previous = words.next().unwrap_or_default();
    for word in words {
        let verb = ["create", "alter"].iter().any(|verb| previous.eq_ignore_ascii_case(verb));
        let object = ["role", "user", "group", "subscription", "server"]
            .iter()
            .any(|object| word.eq_ignore_ascii_case(object));
        if verb && object {
            return true;
        }
        previous = word;
    }
    false
}

/// Connection strings, URLs and SQL inside a literal or comment.
fn redact_inside(literal: &str) -> Cow<'_, str> {
    let lower = literal.to_ascii_lowercase();
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    // scheme://user:secret@host
    for (at, _) in lower.match_indices("://") {
        let start = at + 3;
        let rest = lower.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if let Some(host) = authority.rfind('@')
            && let Some(colon) = authority.get(..host).and_then(|user| user.find(':'))
        {
            cuts.push((start + colon + 1, start + host));
        }
    }
    for name in SECRET_NAMES {
        for (at, _) in lower.match_indices(name) {
            let after = at + name.len();
            let rest = lower.get(after..).unwrap_or_default();
            let trimmed = rest.trim_start();
            let value = trimmed.strip_prefix('=').map(str::trim_start);
            // Only a name: `'app.password'`.
            let only_name = !rest.contains(|c: char| !matches!(c, '\'' | '$' | '"'));
            if only_name {
                continue;
            }
            let end = literal.len() - closing_quote(literal);
            match value {
                // A plain conninfo or query value ends at a space or `&`.
                Some(value) if !value.starts_with(['\'', '\\', '"']) => {
                    let start = literal.len() - value.len();
                    let length = value
                        .find(|c: char| c.is_whitespace() || matches!(c, '&' | '\'' | '\\'))
                        .unwrap_or(value.len());
                    // An escape inside the value: where it ends is anybody's guess.
                    let cut_end = match value.as_bytes().get(length) {
                        Some(b'\\' | b'\'') => end,
                        _ => (start + length).min(end),
                    };
                    cuts.push((start, cut_end.max(start)));
                }
                _ => cuts.push((after, end.max(after))),
            }
        }
    }
    if cuts.is_empty() {
        return Cow::Borrowed(literal);
    }
    cuts.sort_unstable();
    let mut out = String::with_capacity(literal.len());
    let mut position = 0;
    for (start, end) in cuts {
        if start > position || (start == position && position == 0) {
            out.push_str(literal.get(position..start).unwrap_or_default());
            out.push_str(MARK);
        }
        position = position.max(end);
    }
    out.push_str(literal.get(position..).unwrap_or_default());
    Cow::Owned(out)
}

/// The length of what closes a literal: its quote, or its dollar tag.
fn closing_quote(literal: &str) -> usize {
    if literal.starts_with('$') {
        let tag = literal.get(1..).and_then(|rest| rest.find('$')).map_or(0, |end| end + 2);
        return if literal.len() >= 2 * tag { tag } else { 0 };
    }
    usize::from(literal.len() > 1 && literal.ends_with('\''))
}

fn lex(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next(rest, first);
        let (text, tail) =
            rest.split_at_checked(length.max(first.len_utf8())).unwrap_or((rest, ""));
        tokens.push(Token { kind, text });
        rest = tail;
    }
    tokens
}

/// The kind and length of the token that `rest` starts with.
fn next(rest: &str, first: char) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let until = |stop: &dyn Fn(char) -> bool| rest.find(stop).unwrap_or(rest.len());
    match first {
        c if c.is_whitespace() => (Kind::Space, until(&|c| !c.is_whitespace())),
        '-' if rest.starts_with("--") => (Kind::Comment, until(&|c| c == '\n' || c == '\r')),
        '/' if rest.starts_with("/*") => (Kind::Comment, block_comment(bytes)),
        '\'' => (Kind::Literal, quoted(bytes, 0, b'\'', false)),
        '"' => (Kind::Word, quoted(bytes, 0, b'"', false)),
        'e' | 'E' if bytes.get(1) == Some(&b'\'') => (Kind::Literal, quoted(bytes, 1, b'\'', true)),
        'b' | 'B' | 'x' | 'X' | 'n' | 'N' if bytes.get(1) == Some(&b'\'') => {
            (Kind::Literal, quoted(bytes, 1, b'\'', false))
        }
        'u' | 'U' if rest.get(1..3) == Some("&'") => {
            (Kind::Literal, quoted(bytes, 2, b'\'', false))
        }
        '$' => match dollar_quoted(rest) {
            Some(length) => (Kind::Literal, length),
            None => (Kind::Symbol, 1),
        },
        c if is_word(c) => (Kind::Word, until(&|c| !is_word(c))),
        c => (Kind::Symbol, c.len_utf8()),
    }
}

/// The end of a quoted token that starts at `open`; the whole rest when it is not closed.
fn quoted(bytes: &[u8], open: usize, quote: u8, escapes: bool) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        if escapes && *byte == b'\\' {
            at += 2;
        } else if *byte == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag_end = rest.get(1..)?.find('$')? + 2;
    let tag = rest.get(..tag_end)?;
    let name = tag.trim_matches('$');
    let valid = name.chars().all(|c| c.is_alphanumeric() || c == '_' || !c.is_ascii())
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !valid {
        return None;
    }
    let body = rest.get(tag_end..)?;
    Some(body.find(tag).map_or(rest.len(), |end| tag_end + end + tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        assert_eq!(redact(sql), expected);
    }

    #[test]
    fn a_statement_without_secrets_stays_as_it_is() {
        for sql in ["SELECT 1", "SELECT * FROM crm.account WHERE name = 'a://b'", "", "SELECT $1"] {
            assert!(matches!(redact(sql), Cow::Borrowed(_)), "{sql}");
        }
    }

    #[test]
    fn passwords_of_roles_do_not_reach_the_log() {
        check("ALTER ROLE bob PASSWORD 'hunter2'", "ALTER ROLE bob PASSWORD '***'");
        check(
            "create user bob with encrypted password E'hun\\'ter2' login",
            "create user bob with encrypted password '***' login",
        );
        check("ALTER ROLE bob PASSWORD $x$hunter2$x$", "ALTER ROLE bob PASSWORD '***'");
        check("ALTER ROLE bob PASSWORD U&'hunter2'", "ALTER ROLE bob PASSWORD '***'");
        check("ALTER ROLE bob PASSWORD NULL", "ALTER ROLE bob PASSWORD NULL");
        check("ALTER ROLE bob PASSWORD/**/'hunter2'", "ALTER ROLE bob PASSWORD/**/'***'");
    }

    #[test]
    fn a_password_with_a_slip_in_the_syntax_does_not_reach_the_log() {
        check("ALTER ROLE bob PASSWORD 'hunter2", "ALTER ROLE bob PASSWORD '***'");
        check("ALTER ROLE bob PASSWORD hunter2", "ALTER ROLE bob PASSWORD ***");
        check("ALTER ROLE bob PASSWORD = 'hunter2'", "ALTER ROLE bob PASSWORD = '***'");
    }

    #[test]
    fn values_of_password_settings_do_not_reach_the_log() {
        check("SET app.db_password = 'hunter2'", "SET app.db_password = '***'");
        check("SET app.password TO hunter2", "SET app.password TO ***");
        check(
            "SELECT set_config('app.password', 'hunter2', false)",
            "SELECT set_config('app.password', '***', false)",
        );
        check(
            "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password 'hunter2')",
            "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password '***')",
        );
    }

    #[test]
    fn connection_strings_keep_their_host_and_lose_their_password() {
        check(
            "SELECT * FROM dblink('host=a password=hunter2 dbname=c', 'SELECT 1')",
            "SELECT * FROM dblink('host=a password=*** dbname=c', 'SELECT 1')",
        );
        check(
            "CREATE SUBSCRIPTION s CONNECTION 'postgresql://bob:hunter2@h/db' PUBLICATION p",
            "CREATE SUBSCRIPTION s CONNECTION 'postgresql://bob:***@h/db' PUBLICATION p",
        );
        check(
            "SELECT dblink_connect('password=''hunter2 x'' host=a')",
            "SELECT dblink_connect('password***')",
        );
    }

    #[test]
    fn statements_inside_literals_and_comments_do_not_carry_passwords() {
        for sql in [
            "DO $$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''hunter2'''; END $$",
            "SELECT 1 -- password: hunter2",
            "SELECT '{\"password\": \"hunter2\"}'::json",
            "SELECT 'Password is hunter2'",
        ] {
            assert!(!redact(sql).contains("hunter2"), "{}", redact(sql));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_fail(sql in "(?s)[pPasword'\"$=\\\\:/@ \\-*é]{0,60}") {
            let _redacted = redact(&sql);
        }

        #[test]
        fn no_password_survives_whatever_surrounds_the_statement(
            prefix in "[a-z ;]{0,12}", suffix in "[a-z ;]{0,12}", password in "[A-Z0-9!@#%^&*]{6,12}"
        ) {
            let sql = format!("{prefix};ALTER ROLE bob WITH PASSWORD '{password}' {suffix}");
            proptest::prop_assert!(!redact(&sql).contains(&password));
        }
    }
}
