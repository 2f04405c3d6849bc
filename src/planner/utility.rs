//! Statements that name no relation: settings, transactions, cursors, prepared statements. Each is
//! decided by name; what is not listed is refused. Pure.

use crate::error::{Refusal, SqlState};
use crate::rewrite::{Action, Effect, Local};
use crate::sql::ast::{Constant, DiscardTarget, SetVariable, StatementKind, TransactionKind};

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
        | StatementKind::Merge
        | StatementKind::Copy(_)
        | StatementKind::Explain(_)
        | StatementKind::DeclareCursor(_)
        | StatementKind::Prepare { .. }
        | StatementKind::Execute { .. } => return Ok(None),
        StatementKind::Fetch => Utility::forward("FETCH", Effect::Reads),
        StatementKind::ClosePortal => Utility::forward("CLOSE CURSOR", Effect::Reads),
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
            DiscardTarget::Plans | DiscardTarget::Sequences | DiscardTarget::Temp => {
                Utility::forward("DISCARD", Effect::Reads)
            }
        },
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
        return Ok(Utility::forward("RESET", Effect::Settings));
    };
    if name == "rowgate.user" {
        return act_as(set);
    }
    if set.multi {
        // SET TRANSACTION and SET SESSION CHARACTERISTICS: isolation, read only, deferrable.
        if name == "transaction" || name == "session characteristics" {
            return Ok(Utility::forward("SET", Effect::Settings));
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
    if pinned || plain || time_zone {
        Ok(Utility::forward(kind, Effect::Settings))
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

/// `SET [LOCAL] rowgate.user = 'login'`, `RESET rowgate.user`.
pub(super) fn act_as(set: &SetVariable) -> Result<Utility, Refusal> {
    let login = match set.values.as_deref() {
        None => None,
        Some([Some(Constant::String(login))]) if !login.is_empty() => Some(login.as_str().into()),
        Some([Some(Constant::String(_))]) => None,
        Some(_) => {
            return Err(Refusal::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "rowgate.user takes one login",
                "",
            ));
        }
    };
    Ok(Utility {
        kind: "SET",
        action: Action::Local(Local::ActAs { login, local: set.local }),
        effect: Effect::Settings,
    })
}

/// Whether a restricted principal may see this setting.
pub(crate) fn is_shown(name: &str) -> bool {
    SETTABLE.contains(&name) || SHOWABLE.contains(&name)
}

fn show(name: &str) -> Result<Utility, Refusal> {
    if let Some(own) = name.strip_prefix("rowgate.") {
        return Ok(Utility {
            kind: "SHOW",
            action: Action::Local(Local::Show { name: own.into() }),
            effect: Effect::Reads,
        });
    }
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
        StatementKind::Merge => ("MERGE", Effect::Writes),
        StatementKind::Copy(copy) => {
            ("COPY", if copy.from { Effect::Writes } else { Effect::Reads })
        }
        StatementKind::Explain(_) => ("EXPLAIN", Effect::Unknown),
        StatementKind::DeclareCursor(_) => ("DECLARE CURSOR", Effect::Reads),
        StatementKind::Fetch => ("FETCH", Effect::Reads),
        StatementKind::ClosePortal => ("CLOSE CURSOR", Effect::Reads),
        StatementKind::Prepare { .. } => ("PREPARE", Effect::Reads),
        StatementKind::Execute { .. } => ("EXECUTE", Effect::Unknown),
        StatementKind::Deallocate { .. } => ("DEALLOCATE", Effect::Reads),
        StatementKind::Transaction(_) => ("TRANSACTION", Effect::Transaction),
        StatementKind::Set(_) => ("SET", Effect::Settings),
        StatementKind::Show(_) => ("SHOW", Effect::Reads),
        StatementKind::Discard(_) => ("DISCARD", Effect::Settings),
        StatementKind::Other(name) => (name, Effect::Writes),
    }
}
