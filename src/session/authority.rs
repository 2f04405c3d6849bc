//! What a session asks the directory and the policy before each statement. The session knows only
//! this; the snapshot of the running gateway answers it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::error::Refusal;
use crate::ids::{Login, PolicyVersion};
use crate::policy::{Hole, IdentityShape, Limits, PolicySet, RoleSet};
use crate::rewrite::Touched;

/// The identity values of one person.
pub trait IdentityValues: Send + Sync + fmt::Debug {
    /// The value of a hole in PostgreSQL's text format.
    fn text(&self, hole: Hole) -> Option<Arc<str>>;
}

/// What a person may rely on right now: rules, names, roles and identity of one moment.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What names mean.
    pub catalog: Arc<Catalog>,
    /// The rules.
    pub policy: Arc<PolicySet>,
    /// Their version.
    pub policy_version: PolicyVersion,
    /// The roles in force.
    pub roles: RoleSet,
    /// An `unrestricted` role is in force.
    pub unrestricted: bool,
    /// The widest limits of the roles in force.
    pub limits: Limits,
    /// How many values each identity parameter has.
    pub shape: IdentityShape,
    /// The values.
    pub identity: Arc<dyn IdentityValues>,
}

/// Judges whether a login may still work, and as what.
pub trait Authority: Send + Sync + fmt::Debug {
    /// The standing of the login now. An error ends the session: disabled, expired, unknown.
    fn standing(&self, now: Timestamp) -> Result<Arc<Standing>, Refusal>;
    /// The standing of an end user it speaks for as a service account. An error refuses the statement that
    /// asks for it, and ends a session that speaks for that user already.
    fn acting(&self, login: &Login, now: Timestamp) -> Result<Arc<Standing>, Refusal>;
    /// Whether the relations that a decision is about are still the ones it was made for. An error
    /// refuses the statement.
    fn still_meant(&self, touched: &[Touched], now: Timestamp) -> Result<(), Refusal>;
}
