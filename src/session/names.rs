//! The client's names for prepared statements and portals, and the server's for the same.
//!
//! SQL PREPARE and the protocol share one namespace on the server, so for a restricted principal
//! every name is one that the client cannot say. The unnamed statement and portal stay unnamed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::expected::Description;
use crate::backend::memory::SettingValues;
use crate::catalog::SearchPath;
use crate::ids::{CatalogVersion, PolicyVersion, TypeId};
use crate::policy::{IdentityShape, RoleSet};
use crate::protocol::message::Target;
use crate::rewrite::{Action, Answer, Local, Rewrite};
use crate::session::authority::IdentityValues;

/// Names with this prefix are rowgate's on the server; a restricted client that says one is
/// refused.
pub(super) const PRIVATE_PREFIX: &str = "rowgate_";

/// Everything besides the text that a plan depends on. A statement whose stamp is not the current
/// one is planned again before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The rules.
    pub(super) policy: PolicyVersion,
    /// The names.
    pub(super) catalog: CatalogVersion,
    /// The roles in force.
    pub(super) roles: RoleSet,
    /// How many values each identity parameter has.
    pub(super) shape: IdentityShape,
    /// Where unqualified names are looked up.
    pub(super) path: Arc<SearchPath>,
    /// The settings of a session that borrows connections.
    pub(super) settings: SettingValues,
}

/// How a statement was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// By a Parse message: it can be prepared again without the client noticing.
    Protocol,
    /// By SQL PREPARE.
    Sql,
}

/// A prepared statement.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// What the server calls it.
    pub(super) server_name: String,
    /// How it was prepared.
    pub(super) origin: Origin,
    /// The client's text.
    pub(super) text: Arc<str>,
    /// The parameter types the client declared.
    pub(super) declared: Vec<TypeId>,
    /// What the server runs.
    pub(super) rewrite: Arc<Rewrite>,
    /// What the plan was made under.
    pub(super) stamp: Stamp,
    /// The identity it was planned for; where PostgreSQL takes no parameters, it is in the text.
    pub(super) identity: Arc<dyn IdentityValues>,
    /// Answered by rowgate itself.
    pub(super) local: Option<Local>,
    /// Client and server name of each statement that the text names, to prepare or to execute it.
    pub(super) statement_names: Vec<(String, String)>,
}

impl Prepared {
    /// What becomes of the rows when it runs.
    pub(super) fn answer(&self) -> Answer {
        let Some(statement) = self.rewrite.plan().statements.first() else { return Answer::Relay };
        match (self.origin, &statement.action) {
            // The plan is that of the PREPARE; what runs is what it prepared.
            (Origin::Sql, Action::Prepare { answer, .. }) => *answer,
            (Origin::Sql | Origin::Protocol, _) => statement.answer,
        }
    }
}

/// A portal.
#[derive(Debug, Clone)]
pub(super) struct Portal {
    /// What the server calls it.
    pub(super) server_name: String,
    /// The statement it was made from; `None` when it is not known to rowgate (unrestricted
    /// sessions may bind statements that SQL PREPARE made).
    pub(super) prepared: Option<Arc<Prepared>>,
    /// The client's parameter values and whether each is binary, for the audit log.
    pub(super) parameters: Vec<(Option<Bytes>, bool)>,
    /// The identity values it was bound with.
    pub(super) identity: Vec<Option<Arc<str>>>,
    /// Where those came from.
    pub(super) bound_by: Arc<dyn IdentityValues>,
    /// Rows it has returned.
    pub(super) returned: Arc<AtomicU64>,
    /// It was executed.
    pub(super) ran: bool,
}

/// What to restore when the server skips a message that changed a name.
#[derive(Debug)]
pub(super) enum Undo {
    /// The statement of that client name was this before.
    Statement(String, Option<Arc<Prepared>>),
    /// The portal of that client name was this before.
    Portal(String, Option<Arc<Portal>>),
    /// The statement of that server name is not on the connection.
    Here(String),
    /// It still is.
    Gone(String),
}

impl Undo {
    /// Whether it is a portal, and its client name, when it is about one.
    pub(super) fn about(&self) -> Option<(bool, &str)> {
        match self {
            Self::Statement(name, _) => Some((false, name)),
            Self::Portal(name, _) => Some((true, name)),
            Self::Here(_) | Self::Gone(_) => None,
        }
    }
}

/// The names of one session, and what is known of what they name. Most sessions that wait have none.
#[derive(Debug, Default)]
pub(super) struct Names(Option<Box<Known>>);

#[derive(Debug, Default)]
struct Known {
    statements: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Arc<Portal>>,
    /// Cursors with a limit, by the client's name.
    cursors: HashMap<String, Cursor>,
    /// What the client was told of a statement, by its server name.
    descriptions: HashMap<String, Description>,
    /// Server names of statements that were prepared again with another shape.
    changed: HashSet<String>,
    issued: u64,
}

/// A cursor of DECLARE whose rows are limited.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) limit: u64,
    /// Rows it has returned.
    pub(super) returned: Arc<AtomicU64>,
    /// It outlives its transaction.
    pub(super) hold: bool,
}

impl Names {
    fn known(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }

    /// A server name nobody has used in this session.
    pub(super) fn issue(&mut self) -> String {
        let known = self.known();
        known.issued = known.issued.saturating_add(1);
        format!("{PRIVATE_PREFIX}{}", known.issued)
    }

    /// The statement of that client name.
    pub(super) fn statement(&self, name: &str) -> Option<&Arc<Prepared>> {
        self.0.as_ref()?.statements.get(name)
    }

    /// All statements.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Prepared>> {
        self.0.iter().flat_map(|known| known.statements.values())
    }

    /// The portal of that client name.
    pub(super) fn portal(&self, name: &str) -> Option<&Arc<Portal>> {
        self.0.as_ref()?.portals.get(name)
    }

    /// The cursor of that name, when its rows are limited.
    pub(super) fn cursor(&self, name: &str) -> Option<&Cursor> {
        self.0.as_ref()?.cursors.get(name)
    }

    /// Limits the rows of a cursor.
    pub(super) fn set_cursor(&mut self, name: String, cursor: Cursor) {
        self.known().cursors.insert(name, cursor);
    }

    /// The transaction is over, and the cursors with it that do not outlive it.
    pub(super) fn forget_cursors(&mut self) {
        if let Some(known) = &mut self.0 {
            known.cursors.retain(|_, cursor| cursor.hold);
        }
    }

    /// Notes what the client was told of a statement, and whether it is another one than before.
    pub(super) fn describe(&mut self, server_name: String, told: Description, changed: bool) {
        let known = self.known();
        if changed {
            known.changed.insert(server_name.clone());
        }
        known.descriptions.insert(server_name, told);
    }

    /// What the client was told of a statement, which it may be told anew.
    pub(super) fn take_description(&mut self, server_name: &str) -> Option<Description> {
        self.0.as_mut()?.descriptions.remove(server_name)
    }

    /// Whether the statement is another one than the client was told of.
    pub(super) fn is_changed(&self, server_name: &str) -> bool {
        self.0.as_ref().is_some_and(|known| known.changed.contains(server_name))
    }

    /// Nothing was told of a statement of that server name.
    pub(super) fn forget_description(&mut self, server_name: &str) {
        if let Some(known) = &mut self.0 {
            known.descriptions.remove(server_name);
            known.changed.remove(server_name);
        }
    }

    /// Sets or forgets a statement; returns how to take that back.
    pub(super) fn set_statement(&mut self, name: &str, prepared: Option<Prepared>) -> Undo {
        let before = match prepared {
            Some(prepared) => self.known().statements.insert(name.to_owned(), Arc::new(prepared)),
            None => self.0.as_mut().and_then(|known| known.statements.remove(name)),
        };
        Undo::Statement(name.to_owned(), before)
    }

    /// Sets or forgets a portal; returns how to take that back.
    pub(super) fn set_portal(&mut self, name: &str, portal: Option<Portal>) -> Undo {
        let before = match portal {
            Some(portal) => self.known().portals.insert(name.to_owned(), Arc::new(portal)),
            None => self.0.as_mut().and_then(|known| known.portals.remove(name)),
        };
        Undo::Portal(name.to_owned(), before)
    }

    /// Forgets all statements, or those made by one client name.
    pub(super) fn deallocate(&mut self, name: Option<&str>) {
        let Some(known) = &mut self.0 else { return };
        match name {
            Some(name) => {
                known.statements.remove(name);
            }
            // DEALLOCATE ALL leaves the unnamed statement alone.
            None => known.statements.retain(|name, _| name.is_empty()),
        }
    }

    /// Forgets all portals: the transaction is over.
    pub(super) fn forget_portals(&mut self) {
        if let Some(known) = &mut self.0 {
            known.portals.clear();
        }
    }

    /// Takes a change back. When a change in `later`, which the server has not judged yet, replaced
    /// what this one made, then that one is what stays.
    pub(super) fn undo<'a>(&mut self, undo: Undo, mut later: impl Iterator<Item = &'a mut Undo>) {
        match (later.find(|later| later.about() == undo.about()), undo) {
            (Some(Undo::Statement(_, kept)), Undo::Statement(_, before)) => *kept = before,
            (Some(Undo::Portal(_, kept)), Undo::Portal(_, before)) => *kept = before,
            (_, undo) => self.restore(undo),
        }
    }

    fn restore(&mut self, undo: Undo) {
        let known = self.known();
        match undo {
            Undo::Statement(name, Some(prepared)) => {
                known.statements.insert(name, prepared);
            }
            Undo::Statement(name, None) => {
                known.statements.remove(&name);
            }
            Undo::Portal(name, Some(portal)) => {
                known.portals.insert(name, portal);
            }
            Undo::Portal(name, None) => {
                known.portals.remove(&name);
            }
            // About the connection, not about names.
            Undo::Here(_) | Undo::Gone(_) => {}
        }
    }

    /// Replaces the private names in a server message by the client's.
    pub(super) fn reveal(&self, message: &str) -> String {
        let Some(known) = self.0.as_ref().filter(|_| message.contains(PRIVATE_PREFIX)) else {
            return message.to_owned();
        };
        let statements = known.statements.iter().map(|(name, s)| (&s.server_name, name));
        let portals = known.portals.iter().map(|(name, p)| (&p.server_name, name));
        let mut revealed = message.to_owned();
        for (private, name) in statements.chain(portals) {
            if !private.is_empty() {
                revealed = revealed.replace(&format!("\"{private}\""), &format!("\"{name}\""));
            }
        }
        revealed
    }
}

/// A Describe or Close of the same thing under its server name.
pub(super) fn rename(target: &Target, server_name: &str) -> Target {
    match target {
        Target::Statement(_) => Target::Statement(server_name.to_owned()),
        Target::Portal(_) => Target::Portal(server_name.to_owned()),
    }
}
