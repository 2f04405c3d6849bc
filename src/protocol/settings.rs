//! Which settings a client may bring along in its startup packet. Pure. An allow-list: what is not
//! named here is refused, because a setting runs before anybody has looked at a statement.

use crate::error::{Refusal, SqlState};

/// Settings the server may be given as they are; it checks the values itself. Lower case.
const ALLOWED: [&str; 19] = [
    "application_name",
    "bytea_output",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "search_path",
    "statement_timeout",
    "tcp_user_timeout",
    "timezone",
    "work_mem",
];

/// Settings that exist and that nobody gets to choose: they change who one is, what code runs, or
/// what a text means. They are named only so that the refusal says the right thing.
const FORBIDDEN: [&str; 15] = [
    "array_nulls",
    "backslash_quote",
    "default_tablespace",
    "dynamic_library_path",
    "escape_string_warning",
    "local_preload_libraries",
    "log_statement",
    "lo_compat_privileges",
    "role",
    "row_security",
    "session_authorization",
    "session_preload_libraries",
    "session_replication_role",
    "transform_null_equals",
    "zero_damaged_pages",
];

/// What a client's startup packet asked for and may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartupSettings {
    /// Names in lower case and values, in the order in which they take effect.
    pub settings: Vec<(String, String)>,
    /// `rowgate.user`: on whose behalf a service account acts. Never forwarded.
    pub act_as: Option<String>,
}

impl StartupSettings {
    /// The last value given for a setting.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(known, _)| known == name).map(|(_, v)| v.as_str())
    }
}

/// Checks the `options` of a startup packet and then its named settings; later ones win.
pub(super) fn read<'a>(
    options: &str,
    named: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<StartupSettings, Refusal> {
    let mut result = StartupSettings::default();
    for (name, value) in parse_options(options)? {
        take(&mut result, &name, &value)?;
    }
    for (name, value) in named {
        take(&mut result, name, value)?;
    }
    Ok(result)
}

/// PostgreSQL's spellings of false (`parse_bool`).
pub(super) fn is_false(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let prefix_of = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    prefix_of("false", 1) || prefix_of("no", 1) || prefix_of("off", 2) || value == "0"
}

fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let prefix_of = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    prefix_of("true", 1) || prefix_of("yes", 1) || prefix_of("on", 2) || value == "1"
}

fn take(result: &mut StartupSettings, name: &str, value: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "rowgate.user" => result.act_as = Some(value.to_owned()),
        "client_encoding" => {
            // PostgreSQL compares encoding names by their letters and digits. With SQL_ASCII it
            // passes the database's bytes on as they are: on a UTF-8 database that is UTF-8.
            let plain: String =
                value.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
            let plain = plain.to_ascii_lowercase();
            if !matches!(plain.as_str(), "utf8" | "unicode" | "sqlascii") {
                let message =
                    format!("invalid value for parameter \"client_encoding\": \"{value}\"");
                let reason = "rowgate supports UTF8 only";
                return Err(Refusal::new(SqlState::INVALID_PARAMETER_VALUE, message, reason));
            }
        }
        // Pinned on every server connection.
        "standard_conforming_strings" => {
            if !is_true(value) {
                return Err(Refusal::unsupported(
                    "standard_conforming_strings can not be switched off",
                ));
            }
        }
        lower if ALLOWED.contains(&lower) => {
            result.settings.push((lower.to_owned(), value.to_owned()));
        }
        lower if FORBIDDEN.contains(&lower) || lower.starts_with("rowgate.") => {
            return Err(Refusal::denied(
                format!("permission denied to set parameter \"{name}\""),
                "it can not be chosen in a startup packet",
            ));
        }
        _ => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            return Err(Refusal::new(SqlState("42704"), message, ""));
        }
    }
    Ok(())
}

/// Reads `-c name=value`, `-cname=value` and `--name=value`. Words are separated by spaces and a
/// backslash takes the next character as it is (`pg_split_opts`).
fn parse_options(options: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            word.get_or_insert_default().extend(characters.next());
        } else if character.is_ascii_whitespace() || character == '\u{b}' {
            words.extend(word.take());
        } else {
            word.get_or_insert_default().push(character);
        }
    }
    words.extend(word);

    let mut settings = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next()
        } else {
            word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).map(str::to_owned)
        };
        let Some((name, value)) = assignment.as_deref().and_then(|a| a.split_once('=')) else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(Refusal::new(SqlState::SYNTAX_ERROR, message, ""));
        };
        // PostgreSQL takes `--search-path` for `search_path`.
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &str, named: &[(&str, &str)]) -> Result<Vec<(String, String)>, &'static str> {
        read(options, named.iter().copied())
            .map(|result| result.settings)
            .map_err(|refusal| refusal.sqlstate.0)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn options_are_read_in_all_spellings_and_escapes() {
        let text = r"-c statement_timeout=5s -cgeqo=off --search-path=a,\ b\\c";
        assert_eq!(
            check(text, &[("DateStyle", "ISO")]),
            Ok(pairs(&[
                ("statement_timeout", "5s"),
                ("geqo", "off"),
                ("search_path", r"a, b\c"),
                ("datestyle", "ISO"),
            ]))
        );
        assert_eq!(check("-d 5", &[]), Err("42601"));
        assert_eq!(check("-c", &[]), Err("42601"));
        assert_eq!(check("-c geqo", &[]), Err("42601"));
        assert_eq!(check("--", &[]), Err("42601"));
    }

    #[test]
    fn a_dangerous_setting_does_not_get_in_by_any_door() {
        for name in FORBIDDEN {
            let upper = name.to_ascii_uppercase();
            assert_eq!(check("", &[(name, "x")]), Err("42501"), "{name}");
            assert_eq!(check("", &[(&upper, "x")]), Err("42501"), "{name}");
            assert_eq!(check(&format!("-c {name}=x"), &[]), Err("42501"), "{name}");
            let dashes = name.replace('_', "-");
            assert_eq!(check(&format!("--{dashes}=x"), &[]), Err("42501"), "{name}");
            let escaped = format!(r"-c \{name}=x");
            assert_eq!(check(&escaped, &[]), Err("42501"), "{name}");
        }
        assert_eq!(check("", &[("standard_conforming_strings", "off")]), Err("0A000"));
        assert_eq!(check("", &[("standard_conforming_strings", "on")]), Ok(pairs(&[])));
        assert_eq!(check("", &[("rowgate.roles", "admin")]), Err("42501"));
    }

    #[test]
    fn unknown_settings_are_refused_as_postgresql_refuses_them() {
        let refusal = read("", [("no_such", "1")].into_iter()).unwrap_err();
        assert_eq!(refusal.sqlstate.0, "42704");
        assert_eq!(refusal.message, "unrecognized configuration parameter \"no_such\"");
        assert_eq!(check("", &[("app.tenant", "7")]), Err("42704"));
    }

    #[test]
    fn an_encoding_that_the_lexer_does_not_understand_is_refused() {
        for good in ["UTF8", "utf-8", "'utf-8'", "unicode", "SQL_ASCII"] {
            assert_eq!(check("", &[("client_encoding", good)]), Ok(pairs(&[])), "{good}");
        }
        for bad in ["SJIS", "BIG5", "GBK", "LATIN1", ""] {
            assert_eq!(check("", &[("client_encoding", bad)]), Err("22023"), "{bad}");
        }
    }

    #[test]
    fn the_end_user_of_a_service_account_is_kept_apart_from_the_servers_settings() {
        let result = read("-c rowgate.user=alice", std::iter::empty()).unwrap();
        assert_eq!(result.act_as.as_deref(), Some("alice"));
        assert_eq!(result.settings, []);
    }
}
