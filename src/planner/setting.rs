//! What is said of a setting that does not exist. Pure.

use crate::catalog::Catalog;
use crate::error::{Refusal, SqlState};
use crate::sql::ast::StatementKind;

/// The refusal of a SHOW or SET, in PostgreSQL's words where it names nothing that exists.
pub(super) fn refusal(catalog: &Catalog, kind: &StatementKind, refusal: Refusal) -> Refusal {
    let name = if let StatementKind::Show(name) = kind {
        Some(name).filter(|name| *name != "all")
    } else if let StatementKind::Set(set) = kind {
        // A name with a dot would be made by SET.
        set.name.as_ref().filter(|name| !set.multi && !name.contains('.'))
    } else {
        None
    };
    match name {
        Some(name) if !catalog.may_have_setting(name) => unrecognized(name),
        Some(_) | None => refusal,
    }
}

/// As PostgreSQL says it.
pub(crate) fn unrecognized(name: &str) -> Refusal {
    Refusal::new(
        SqlState::UNDEFINED_OBJECT,
        format!("unrecognized configuration parameter \"{name}\""),
        "",
    )
}
