//! Users, departments, teams and services: who exists, who reports to whom, and what each person's
//! place in the organisation means for row filters. Reading files and queries is done by its
//! callers' side of the module; the rest is pure. It never decides what a role may do.

mod build;
mod closure;
mod model;
mod read;
mod sql;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::auth::scram::VerifierForm;
use crate::config::{about_file, io_reason};
use crate::diagnostic::{Diagnostic, Severity, closest};
use crate::ids::{Login, RoleName};
use crate::policy::PersonFacts;
use crate::yaml::{File, Place, Reader};

pub use model::{Assignment, Department, Service, Status, Team, User, is_scram_verifier};
pub use sql::{SqlSourceError, load_sql};

/// One version of the directory. Immutable; a change makes a new one.
#[derive(Debug)]
pub struct Directory {
    users: Vec<User>,
    departments: Vec<Department>,
    teams: Vec<Team>,
    services: HashMap<Login, Service>,
    by_login: HashMap<Login, usize>,
    closures: closure::Closures,
    /// Filled when first asked for: most people of a large directory never connect.
    facts: Vec<OnceLock<Arc<PersonFacts>>>,
    /// What it was read from, for findings.
    file: File,
    /// Each place a role is named.
    role_mentions: Vec<(RoleName, Place)>,
    /// Where each user stands.
    places: Vec<Place>,
    /// What the verifiers look like, and how many look like that.
    verifier_forms: Vec<VerifierForm>,
    /// blake3 of everything it was made from, in hexadecimal.
    fingerprint: String,
}

/// A directory, and what somebody ought to look at.
#[derive(Debug)]
pub struct LoadedDirectory {
    /// The directory.
    pub directory: Directory,
    /// Findings of severity warning.
    pub warnings: Vec<Diagnostic>,
}

/// Who logs in: a person or an application.
#[derive(Debug, Clone, Copy)]
pub enum Account<'d> {
    /// A person.
    User(&'d User),
    /// An application's shared account.
    Service(&'d Service),
}

/// Why an account may not be used. The client is never told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// `status: disabled`
    #[error("the account is disabled")]
    Disabled,
    /// `valid_until` has passed.
    #[error("the account has expired")]
    Expired,
    /// The address is in none of `allowed_from`.
    #[error("the account may not be used from this address")]
    Address,
}

/// Why a service may not act for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActAsRefusal {
    /// No such user, or not one this service may act for: the answer is the same.
    #[error("the service may not act for this user")]
    NotAllowed,
    /// The user's own account may not be used.
    #[error(transparent)]
    Account(#[from] AccountRefusal),
}

impl<'d> Account<'d> {
    /// The name it logs in with.
    pub fn login(self) -> &'d Login {
        match self {
            Self::User(user) => &user.login,
            Self::Service(service) => &service.login,
        }
    }

    /// The SCRAM-SHA-256 verifier; without one no password lets anybody in.
    pub fn verifier(self) -> Option<&'d str> {
        match self {
            Self::User(user) => user.password.as_ref().map(crate::config::Secret::reveal),
            Self::Service(service) => service.password.as_ref().map(crate::config::Secret::reveal),
        }
    }

    /// Whether the account is in use at this time, wherever from.
    pub fn is_usable(self, now: Timestamp) -> Result<(), AccountRefusal> {
        match self {
            Self::User(user) => usable(user.status, user.valid_until, now),
            Self::Service(service) => usable(service.status, service.valid_until, now),
        }
    }

    /// Whether the account may be used from this address at this time.
    pub fn admits(self, from: IpAddr, now: Timestamp) -> Result<(), AccountRefusal> {
        self.is_usable(now)?;
        let allowed_from = match self {
            Self::User(user) => &user.allowed_from,
            Self::Service(service) => &service.allowed_from,
        };
        // An IPv4 client of a dual-stack listener shows as ::ffff:a.b.c.d.
        let from = from.to_canonical();
        if !allowed_from.is_empty() && !allowed_from.iter().any(|net: &IpNet| net.contains(&from)) {
            return Err(AccountRefusal::Address);
        }
        Ok(())
    }
}

fn usable(
    status: Status,
    valid_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), AccountRefusal> {
    match status {
        Status::Disabled => Err(AccountRefusal::Disabled),
        Status::Active if valid_until.is_some_and(|end| end <= now) => Err(AccountRefusal::Expired),
        Status::Active => Ok(()),
    }
}

impl Directory {
    /// Reads a directory file. `Err` holds every finding, at least one of them an error.
    pub fn load_file(path: &Path, now: Timestamp) -> Result<LoadedDirectory, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read the directory: {}", io_reason(&error));
            vec![about_file(&name, Severity::Error, message, None)]
        })?;
        Self::from_yaml(&name, &text, now)
    }

    /// Reads the text of a directory file. `now` only decides which accounts are reported expired.
    pub fn from_yaml(
        name: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<LoadedDirectory, Vec<Diagnostic>> {
        let file = File::new(name, text);
        let mut reader = Reader::new(&file);
        let records =
            reader.document().map(|root| read::document(&mut reader, &root)).unwrap_or_default();
        build::build(records, reader, blake3::hash(text.as_bytes()).to_hex().to_string(), now)
    }

    /// A directory with nobody in it.
    pub fn empty() -> Self {
        Self {
            users: Vec::new(),
            departments: Vec::new(),
            teams: Vec::new(),
            services: HashMap::new(),
            by_login: HashMap::new(),
            closures: closure::Closures::default(),
            facts: Vec::new(),
            file: File::new("directory", ""),
            role_mentions: Vec::new(),
            places: Vec::new(),
            verifier_forms: Vec::new(),
            fingerprint: String::new(),
        }
    }

    /// The person of that login.
    pub fn person(&self, login: &str) -> Option<&User> {
        self.by_login.get(&Login::from(login)).and_then(|index| self.users.get(*index))
    }

    /// The service of that login.
    pub fn service(&self, login: &str) -> Option<&Service> {
        self.services.get(&Login::from(login))
    }

    /// The person or service of that login.
    pub fn account(&self, login: &str) -> Option<Account<'_>> {
        self.person(login).map(Account::User).or_else(|| self.service(login).map(Account::Service))
    }

    /// What the verifiers of the accounts look like.
    pub fn verifier_forms(&self) -> &[VerifierForm] {
        &self.verifier_forms
    }

    /// All users, in the order of the source.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// All departments, in the order of the source.
    pub fn departments(&self) -> &[Department] {
        &self.departments
    }

    /// All teams, in the order of the source.
    pub fn teams(&self) -> &[Team] {
        &self.teams
    }

    /// All services, by login.
    pub fn services(&self) -> Vec<&Service> {
        let mut services: Vec<&Service> = self.services.values().collect();
        services.sort_by(|a, b| a.login.cmp(&b.login));
        services
    }

    /// Equal for equal sources.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What row filters can ask about a person or service; roles as they are assigned at `now`.
    /// `None` when there is no such login. Says nothing about whether the account may be used.
    pub fn facts(&self, login: &str, now: Timestamp) -> Option<Arc<PersonFacts>> {
        if let Some(index) = self.by_login.get(&Login::from(login)).copied() {
            let user = self.users.get(index)?;
            let cell = self.facts.get(index)?;
            let lasting = cell.get_or_init(|| Arc::new(self.lasting_facts(index, user)));
            if user.assignments.iter().all(Assignment::is_lasting) {
                return Some(Arc::clone(lasting));
            }
            let mut facts = PersonFacts::clone(lasting);
            facts.roles = user.roles_at(now);
            return Some(Arc::new(facts));
        }
        let service = self.service(login)?;
        let mut facts = PersonFacts::new(service.login.clone());
        facts.id.clone_from(&service.id);
        facts.roles.clone_from(&service.roles);
        facts.attributes.clone_from(&service.attributes);
        Some(Arc::new(facts))
    }

    /// The end user a service acts for: only the roles that the service may act as remain.
    pub fn act_as(
        &self,
        service: &Service,
        login: &str,
        now: Timestamp,
    ) -> Result<Arc<PersonFacts>, ActAsRefusal> {
        let user = self.person(login).ok_or(ActAsRefusal::NotAllowed)?;
        usable(user.status, user.valid_until, now)?;
        let facts = self.facts(login, now).ok_or(ActAsRefusal::NotAllowed)?;
        let mut facts = PersonFacts::clone(&facts);
        facts.roles.retain(|role| service.may_act_as.contains(role));
        if facts.roles.is_empty() {
            return Err(ActAsRefusal::NotAllowed);
        }
        Ok(Arc::new(facts))
    }

    /// An error for each place that names a role `known` does not contain.
    pub fn unknown_roles(&self, known: &[RoleName]) -> Vec<Diagnostic> {
        let named: HashSet<&RoleName> = known.iter().collect();
        self.role_mentions
            .iter()
            .filter(|(role, _)| !named.contains(role))
            .map(|(role, place)| {
                let near = closest(role.as_str(), known.iter().map(RoleName::as_str));
                let message = format!("role `{role}` is not in the policy");
                Diagnostic {
                    suggestion: near.map(|near| format!("did you mean `{near}`?")),
                    ..self.file.error(*place, message)
                }
            })
            .collect()
    }

    /// A finding about a user's record.
    pub fn finding_about(
        &self,
        login: &Login,
        severity: Severity,
        message: impl Into<String>,
    ) -> Diagnostic {
        let place = self.by_login.get(login).and_then(|index| self.places.get(*index));
        match place {
            Some(place) => Diagnostic { severity, ..self.file.error(*place, message) },
            None => about_file("directory", severity, message, None),
        }
    }

    fn lasting_facts(&self, index: usize, user: &User) -> PersonFacts {
        let closures = &self.closures;
        let mut facts = PersonFacts::new(user.login.clone());
        facts.id.clone_from(&user.id);
        facts.roles = user
            .assignments
            .iter()
            .filter(|assignment| assignment.is_lasting())
            .map(|assignment| assignment.role.clone())
            .collect();
        facts.department.clone_from(&user.department);
        facts.departments = user.departments();
        facts.departments_below = closures.below(&facts.departments);
        facts.headed_departments = closures.headed(index);
        facts.department_members = closures.members(&facts.departments);
        facts.department_below_members = closures.members(&facts.departments_below);
        facts.headed_department_members = closures.members(&facts.headed_departments);
        facts.direct_reports = closures.direct_reports(index);
        facts.subordinates = closures.subordinates(index);
        facts.teams = closures.teams(index);
        facts.team_mates = closures.team_mates(index);
        facts.position.clone_from(&user.position);
        facts.location.clone_from(&user.location);
        facts.attributes.clone_from(&user.attributes);
        facts
    }
}

/// The person's wall clock: in the zone of the attribute `time_zone`, or the gateway's own.
pub fn local_time(person: &PersonFacts, now: Timestamp) -> Zoned {
    let zone = person.attributes.get("time_zone").and_then(|zones| zones.first());
    let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(TimeZone::system);
    now.to_zoned(zone)
}

#[cfg(test)]
mod tests;
