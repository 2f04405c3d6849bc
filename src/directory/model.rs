//! The records of the directory. Plain values.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::config::Secret;
use crate::ids::{Login, RoleName};

/// Whether an account or department is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// It is.
    #[default]
    Active,
    /// It is not: logins are refused, open sessions end, scopes no longer reach it.
    Disabled,
}

/// A role of a user, perhaps for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The role.
    pub role: RoleName,
    /// Not before.
    pub valid_from: Option<Timestamp>,
    /// Not from this moment on.
    pub valid_until: Option<Timestamp>,
}

impl Assignment {
    /// It holds at any time.
    pub fn is_lasting(&self) -> bool {
        self.valid_from.is_none() && self.valid_until.is_none()
    }

    /// It holds now.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.valid_from.is_none_or(|start| start <= now)
            && self.valid_until.is_none_or(|end| now < end)
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name the person logs in with.
    pub login: Login,
    /// The value owner columns hold; without one the person owns nothing.
    pub id: Option<String>,
    /// What people call the person.
    pub name: Option<String>,
    /// Roles.
    pub assignments: Vec<Assignment>,
    /// The main department.
    pub department: Option<String>,
    /// Further departments.
    pub extra_departments: Vec<String>,
    /// The login of the person reported to.
    pub manager: Option<Login>,
    /// A SCRAM-SHA-256 verifier.
    pub password: Option<Secret>,
    /// The position.
    pub position: Option<String>,
    /// Where the person works.
    pub location: Option<String>,
    /// Free attributes, each with its values.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Addresses the account may be used from; empty is anywhere.
    pub allowed_from: Vec<IpNet>,
    /// The account is refused from this moment on.
    pub valid_until: Option<Timestamp>,
    /// Whether the account is in use.
    pub status: Status,
}

impl User {
    /// Somebody with a login and nothing else.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            id: None,
            name: None,
            assignments: Vec::new(),
            department: None,
            extra_departments: Vec::new(),
            manager: None,
            password: None,
            position: None,
            location: None,
            attributes: BTreeMap::new(),
            allowed_from: Vec::new(),
            valid_until: None,
            status: Status::Active,
        }
    }

    /// All departments, the main one first, each once.
    pub fn departments(&self) -> Vec<String> {
        let mut departments: Vec<String> = self.department.iter().cloned().collect();
        for department in &self.extra_departments {
            if !departments.contains(department) {
                departments.push(department.clone());
            }
        }
        departments
    }

    /// The roles assigned at `now`, each once.
    pub fn roles_at(&self, now: Timestamp) -> Vec<RoleName> {
        let mut roles: Vec<RoleName> = Vec::new();
        for assignment in self.assignments.iter().filter(|assignment| assignment.holds(now)) {
            if !roles.contains(&assignment.role) {
                roles.push(assignment.role.clone());
            }
        }
        roles
    }
}

/// A department.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Department {
    /// The value department columns hold.
    pub id: String,
    /// The department above.
    pub parent: Option<String>,
    /// The head's login.
    pub head: Option<Login>,
    /// Logins of people with the head's view.
    pub assistants: Vec<Login>,
    /// What people call it.
    pub name: Option<String>,
    /// Whether it is in use.
    pub status: Status,
}

/// A team.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Team {
    /// The value team columns hold.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Logins.
    pub members: Vec<Login>,
}

/// An application's shared account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name it logs in with.
    pub login: Login,
    /// The value owner columns hold for rows of its own.
    pub id: Option<String>,
    /// A SCRAM-SHA-256 verifier.
    pub password: Option<Secret>,
    /// Roles of its own, while it acts for nobody.
    pub roles: Vec<RoleName>,
    /// It may act for users with these roles, and as nothing else they are.
    pub may_act_as: Vec<RoleName>,
    /// Addresses the account may be used from; empty is anywhere.
    pub allowed_from: Vec<IpNet>,
    /// Free attributes.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// The account is refused from this moment on.
    pub valid_until: Option<Timestamp>,
    /// Whether the account is in use.
    pub status: Status,
}

/// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, the last three in base64
/// (PostgreSQL documentation, 53.1 `pg_authid`).
pub fn is_scram_verifier(text: &str) -> bool {
    let parse = || {
        let (counted, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = counted.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let iterations: u32 = iterations.parse().ok()?;
        let salt = STANDARD.decode(salt).ok()?;
        let stored = STANDARD.decode(stored).ok()?;
        let server = STANDARD.decode(server).ok()?;
        // RFC 7677 asks for 4096 iterations at least.
        Some(iterations >= 4096 && !salt.is_empty() && stored.len() == 32 && server.len() == 32)
    };
    parse().unwrap_or(false)
}
