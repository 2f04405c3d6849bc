//! Statements that name no relation: settings, transactions, cursors, prepared statements. Each is
//! decided by name; what is not listed is refused. Pure.

use std::borrow::Cow;

use crate::error::{Refusal, SqlState};
use crate::rewrite::{Action, Effect, Local};
use crate::sql::ast::{
    Constant, CopySource, Definition, DiscardTarget, SetVariable, StatementKind, TransactionKind,
};
use crate::sql::{TokenKind, Tokens};

/// The kind of a statement that makes a table, from columns or from a query.
pub(crate) const CREATE_TABLE: &str = "CREATE TABLE";

/// Settings a restricted principal may change: how values look and how long things may take.
/// Nothing that changes what a text means, whose rights count, or how the planner caches.
const SETTABLE: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_nestloop",
    "extra_float_digits",
    "from_collapse_limit",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "join_collapse_limit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "search_path",
    "statement_timeout",
    "synchronous_commit",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_user_timeout",
    "xmlbinary",
    "xmloption",
];

/// Settings that may be shown beside the settable ones.
const SHOWABLE: &[&str] = &[
    "block_size",
    "client_encoding",
    "default_table_access_method",
    "default_tablespace",
    "default_transaction_isolation",
    "escape_string_warning",
    "hot_standby",
    "in_hot_standby",
    "integer_datetimes",
    "is_superuser",
    "lc_collate",
    "lc_ctype",
    "max_connections",
    "max_identifier_length",
    "max_index_keys",
    "server_encoding",
    "server_version",
    "server_version_num",
    "session_authorization",
    "standard_conforming_strings",
    "wal_level",
];

/// What becomes of a statement without relations.
#[derive(Debug)]
pub(super) struct Utility {
    pub(super) kind: &'static str,
    pub(super) action: Action,
    pub(super) effect: Effect,
}

impl Utility {
    fn forward(kind: &'static str, effect: Effect) -> Self {
        Self { kind, action: Action::Forward, effect }
    }
}

/// Decides on a statement that names no relation; `None` when it does.
pub(super) fn decide(statement: &StatementKind) -> Result<Option<Utility>, Refusal> {
    Ok(Some(match statement {
        StatementKind::Select(_)
        | StatementKind::Insert(_)
        | StatementKind::Update(_)
        | StatementKind::Delete(_)
        | StatementKind::Merge(_)
        | StatementKind::Copy(_)
        | StatementKind::Explain(_)
        | StatementKind::DeclareCursor { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Definition(_)
        | StatementKind::Execute { .. } => return Ok(None),
        StatementKind::Fetch { name } => Utility {
            kind: "FETCH",
            action: Action::Fetch { name: name.as_str().into() },
            effect: Effect::Reads,
        },
        StatementKind::ClosePortal { name } => Utility {
            kind: "CLOSE CURSOR",
            action: match name {
                Some(name) => Action::Close { name: name.as_str().into() },
                None => Action::Forward,
            },
            effect: Effect::Reads,
        },
        StatementKind::Deallocate { name } => Utility {
            kind: "DEALLOCATE",
            action: Action::Deallocate { name: name.as_deref().map(Into::into) },
            effect: Effect::Reads,
        },
        StatementKind::Transaction(kind) => transaction(*kind)?,
        StatementKind::Set(set) => set_variable(set)?,
        StatementKind::Show(name) => show(name)?,
        StatementKind::Discard(target) => match target {
            DiscardTarget::All => Utility {
                kind: "DISCARD ALL",
                action: Action::Deallocate { name: None },
                effect: Effect::Settings,
            },
            DiscardTarget::Temp => Utility::forward("DISCARD", Effect::Settings),
            DiscardTarget::Plans | DiscardTarget::Sequences => {
                Utility::forward("DISCARD", Effect::Reads)
            }
        },
        // Nothing was listened to, so there is nothing to stop; connection pools reset with it.
        StatementKind::Other("UNLISTEN") => Utility::forward("UNLISTEN", Effect::Reads),
        // Checks deferred constraints of rows the session wrote itself.
        StatementKind::Other("SET CONSTRAINTS") => {
            Utility::forward("SET CONSTRAINTS", Effect::Reads)
        }
        StatementKind::Other(name) => {
            return Err(Refusal::denied(
                format!("permission denied for {name}"),
                format!("{name} is open to unrestricted roles only"),
            ));
        }
    }))
}

fn transaction(kind: TransactionKind) -> Result<Utility, Refusal> {
    let name = match kind {
        TransactionKind::Begin => "BEGIN",
        TransactionKind::Commit => "COMMIT",
        TransactionKind::Rollback => "ROLLBACK",
        TransactionKind::Savepoint => "SAVEPOINT",
        TransactionKind::Release => "RELEASE",
        TransactionKind::RollbackTo => "ROLLBACK TO",
        TransactionKind::TwoPhase => {
            return Err(Refusal::denied(
                "permission denied for two-phase commit",
                "a prepared transaction outlives the session that was decided on",
            ));
        }
    };
    Ok(Utility::forward(name, Effect::Transaction))
}

fn set_variable(set: &SetVariable) -> Result<Utility, Refusal> {
    let kind = if set.values.is_some() || set.multi { "SET" } else { "RESET" };
    let Some(name) = &set.name else {
        // RESET ALL goes back to what the gateway chose when it connected.
        return Ok(Utility::forward("RESET ALL", Effect::Settings));
    };
    if set.multi {
        // SET TRANSACTION and SET SESSION CHARACTERISTICS: isolation, read only, deferrable.
        if name == "transaction" || name == "session characteristics" {
            return Ok(Utility::forward("SET", Effect::Reads));
        }
        return Err(not_settable(name));
    }
    // Drivers say what is the case already.
    let only = |wanted: &[&str]| match set.values.as_deref() {
        None => true,
        Some([Some(Constant::String(value))]) => {
            wanted.iter().any(|wanted| value.eq_ignore_ascii_case(wanted))
        }
        Some([Some(Constant::Boolean(value))]) => *value && wanted.contains(&"on"),
        Some(_) => false,
    };
    let pinned = (name == "client_encoding" && only(&["utf8", "utf-8", "unicode"]))
        || (name == "standard_conforming_strings" && only(&["on", "true", "yes", "1"]));
    let plain = SETTABLE.contains(&name.as_str())
        && set.values.as_deref().is_none_or(|values| values.iter().all(Option::is_some));
    let time_zone = name == "timezone";
    // Only the search path changes what a text means.
    let effect = if name == "search_path" { Effect::Settings } else { Effect::Reads };
    if pinned || plain || time_zone {
        Ok(Utility::forward(kind, effect))
    } else {
        Err(not_settable(name))
    }
}

fn not_settable(name: &str) -> Refusal {
    Refusal::denied(
        format!("permission denied to set parameter \"{name}\""),
        "only settings that change how values look and how long statements may take are open to a \
         restricted principal",
    )
}

/// `SHOW rowgate.x`, `SET [LOCAL] rowgate.user = 'login'`, `RESET rowgate.user`: recognised by their
/// tokens, because `user` is a reserved word of PostgreSQL's grammar. `None` for everything else.
pub(super) fn own_setting(tokens: &Tokens<'_>) -> Option<Result<Utility, Refusal>> {
    let mut end = tokens.len();
    while end > 0 && tokens.is_mark(end - 1, ";") {
        end -= 1;
    }
    let own_name = |at: usize| {
        (tokens.is_word(at, "rowgate") && tokens.is_mark(at + 1, "."))
            .then(|| tokens.identifier(at + 2))
            .flatten()
    };
    if tokens.is_word(0, "show") && end == 4 {
        let name = own_name(1)?;
        return Some(Ok(Utility {
            kind: "SHOW",
            action: Action::Local(Local::Show { name: name.into() }),
            effect: Effect::Reads,
        }));
    }
    let act_as = |login: Option<Box<str>>, local: bool| Utility {
        kind: "SET",
        action: Action::Local(Local::ActAs { login, local }),
        effect: Effect::Settings,
    };
    if tokens.is_word(0, "reset") && end == 4 {
        return match &*own_name(1)? {
            "user" => Some(Ok(act_as(None, false))),
            name => Some(Err(not_settable(&format!("rowgate.{name}")))),
        };
    }
    if !tokens.is_word(0, "set") {
        return None;
    }
    let local = tokens.is_word(1, "local");
    let at = if local || tokens.is_word(1, "session") { 2 } else { 1 };
    let name = own_name(at)?;
    let assigned = tokens.is_mark(at + 3, "=") || tokens.is_word(at + 3, "to");
    if name != "user" || !assigned || end != at + 5 {
        return Some(Err(not_settable(&format!("rowgate.{name}"))));
    }
    let value = tokens.text(at + 4);
    let kind = tokens.get(at + 4).map(|token| token.kind);
    let login = match kind {
        Some(TokenKind::String) => {
            // One literal without continuations: what stands between the quotes.
            let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            match inner.map(|inner| inner.replace("''", "'")) {
                Some(login) if !value.contains(['\n', '\r']) => Some(login),
                Some(_) | None => return Some(Err(not_a_login())),
            }
        }
        Some(TokenKind::Word) if tokens.is_word(at + 4, "default") => None,
        Some(TokenKind::Word | TokenKind::QuotedIdentifier) => {
            tokens.identifier(at + 4).map(Cow::into_owned)
        }
        Some(
            TokenKind::UnicodeIdentifier
            | TokenKind::SpecialString
            | TokenKind::BitString
            | TokenKind::DollarString
            | TokenKind::Integer
            | TokenKind::Number
            | TokenKind::Parameter
            | TokenKind::Operator
            | TokenKind::Punctuation,
        )
        | None => return Some(Err(not_a_login())),
    };
    let login = login.filter(|login| !login.is_empty()).map(String::into_boxed_str);
    Some(Ok(act_as(login, local)))
}

fn not_a_login() -> Refusal {
    Refusal::new(SqlState::INVALID_PARAMETER_VALUE, "rowgate.user takes one login", "")
}

/// Whether a restricted principal may see this setting.
pub(crate) fn is_shown(name: &str) -> bool {
    SETTABLE.contains(&name) || SHOWABLE.contains(&name)
}

/// The settings a restricted principal may see: lower-case letters and underscores only.
pub(crate) fn shown_settings() -> Vec<&'static str> {
    SETTABLE.iter().chain(SHOWABLE).copied().collect()
}

fn show(name: &str) -> Result<Utility, Refusal> {
    if is_shown(name) {
        Ok(Utility::forward("SHOW", Effect::Reads))
    } else {
        Err(Refusal::denied(
            format!("permission denied to examine \"{name}\""),
            "only settings that clients need are shown to a restricted principal",
        ))
    }
}

/// What an unrestricted statement changes, as far as it is understood.
pub(super) fn effect(statement: &StatementKind) -> (&'static str, Effect) {
    match statement {
        StatementKind::Select(_) => ("SELECT", Effect::Unknown),
        StatementKind::Insert(_) => ("INSERT", Effect::Writes),
        StatementKind::Update(_) => ("UPDATE", Effect::Writes),
        StatementKind::Delete(_) => ("DELETE", Effect::Writes),
        StatementKind::Merge(_) => ("MERGE", Effect::Writes),
        StatementKind::Copy(copy) => (
            "COPY",
            match &copy.source {
                CopySource::Relation(..) if !copy.from => Effect::Reads,
                // Like SELECT.
                CopySource::Query(_) => Effect::Unknown,
                CopySource::Relation(..) | CopySource::Modifying => Effect::Writes,
            },
        ),
        StatementKind::Explain(_) => ("EXPLAIN", Effect::Unknown),
        StatementKind::DeclareCursor { .. } => ("DECLARE CURSOR", Effect::Reads),
        StatementKind::Fetch { .. } => ("FETCH", Effect::Reads),
        StatementKind::ClosePortal { .. } => ("CLOSE CURSOR", Effect::Reads),
        StatementKind::Prepare { .. } => ("PREPARE", Effect::Reads),
        StatementKind::Execute { .. } => ("EXECUTE", Effect::Unknown),
        StatementKind::Deallocate { .. } => ("DEALLOCATE", Effect::Reads),
        StatementKind::Transaction(_) => ("TRANSACTION", Effect::Transaction),
        StatementKind::Set(_) => ("SET", Effect::Settings),
        StatementKind::Show(_) => ("SHOW", Effect::Reads),
        StatementKind::Discard(_) => ("DISCARD", Effect::Settings),
        StatementKind::Definition(definition) => {
            let name = match &**definition {
                Definition::Create { .. } => CREATE_TABLE,
                Definition::Drop { .. } => "DROP TABLE",
                Definition::Truncate(_) => "TRUNCATE",
                Definition::Index(_) => "CREATE INDEX",
            };
            (name, Effect::Writes)
        }
        StatementKind::Other(name) => (name, Effect::Writes),
    }
}
