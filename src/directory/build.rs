//! Records → a directory whose references all lead somewhere. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use jiff::Timestamp;

use super::closure::Closures;
use super::model::{Department, Status, Team, User};
use super::read::{DepartmentRecord, Mention, Records, UserRecord};
use super::{Directory, LoadedDirectory};
use crate::auth::scram::{Verifier, VerifierForm};
use crate::config::Secret;
use crate::diagnostic::{Diagnostic, Severity};
use crate::ids::{Login, RoleName};
use crate::yaml::{Place, Reader};

/// Users by login, and by id where no login is spelt like it.
struct People {
    by_name: HashMap<String, Login>,
    logins: Vec<String>,
}

impl People {
    fn new(records: &[UserRecord]) -> Self {
        let mut by_name = HashMap::new();
        for record in records {
            if let Some(id) = &record.user.id {
                by_name.insert(id.clone(), record.user.login.clone());
            }
        }
        for record in records {
            by_name.insert(record.user.login.to_string(), record.user.login.clone());
        }
        let logins = records.iter().map(|record| record.user.login.to_string()).collect();
        Self { by_name, logins }
    }

    fn find(&self, reader: &mut Reader<'_>, mention: &Mention, what: &str) -> Option<Login> {
        let (name, place) = mention;
        let found = self.by_name.get(name).cloned();
        if found.is_none() {
            let message = format!("{what} `{name}` is not a user of this directory");
            reader.unknown(*place, message, name, self.logins.iter().map(String::as_str));
        }
        found
    }
}

/// Checks every reference. `Err` holds every finding, at least one of them an error.
pub(super) fn build(
    records: Records,
    mut reader: Reader<'_>,
    fingerprint: String,
    now: Timestamp,
) -> Result<LoadedDirectory, Vec<Diagnostic>> {
    let reader = &mut reader;
    let Records { users, departments, teams, services, assignments, roles } = records;
    unique_accounts(reader, &users, &services);
    let people = People::new(&users);
    let department_ids = unique_ids(
        reader,
        "department",
        departments.iter().map(|record| (&record.department.id, record.place)),
    );
    let team_ids =
        unique_ids(reader, "team", teams.iter().map(|(team, place, _)| (&team.id, *place)));

    let mut teams: Vec<Team> = teams
        .into_iter()
        .map(|(mut team, _, members)| {
            team.members =
                members.iter().filter_map(|member| people.find(reader, member, "member")).collect();
            team
        })
        .collect();
    let team_index: HashMap<String, usize> =
        teams.iter().enumerate().map(|(index, team)| (team.id.clone(), index)).collect();
    let mut members: HashSet<(usize, Login)> = HashSet::new();
    for (index, team) in teams.iter().enumerate() {
        members.extend(team.members.iter().map(|login| (index, login.clone())));
    }
    let mut places: Vec<Place> = Vec::new();
    let mut built: Vec<User> = Vec::new();
    for record in users {
        let UserRecord { mut user, place, manager, departments, teams: own, expiry_place, .. } =
            record;
        user.manager = manager.and_then(|mention| people.find(reader, &mention, "manager"));
        for (id, place) in &departments {
            if !department_ids.contains(id) {
                let message = format!("department `{id}` is not in this directory");
                reader.unknown(*place, message, id, department_ids.iter().map(String::as_str));
            }
        }
        for (id, place) in &own {
            let index = team_index.get(id).copied();
            let team = index.and_then(|index| Some((index, teams.get_mut(index)?)));
            if let Some((index, team)) = team {
                if members.insert((index, user.login.clone())) {
                    team.members.push(user.login.clone());
                }
            } else {
                let message = format!("team `{id}` is not in this directory");
                reader.unknown(*place, message, id, team_ids.iter().map(String::as_str));
            }
        }
        if user.valid_until.is_some_and(|end| end <= now) && user.status == Status::Active {
            reader.warning(expiry_place, format!("the account of `{}` has expired", user.login));
        }
        places.push(place);
        built.push(user);
    }
    let user_index: HashMap<Login, usize> =
        built.iter().enumerate().map(|(index, user)| (user.login.clone(), index)).collect();
    for (login, assignment, place) in assignments {
        let index = user_index.get(&Login::from(login.as_str()));
        match index.and_then(|index| built.get_mut(*index)) {
            Some(user) => user.assignments.push(assignment),
            None => reader.error(place, format!("a role is assigned to `{login}`, who is no user")),
        }
    }
    let department_places: Vec<Place> = departments.iter().map(|record| record.place).collect();
    let departments: Vec<Department> = departments
        .into_iter()
        .map(|record| resolve_department(reader, record, &people, &department_ids))
        .collect();
    report_cycles(reader, &built, &places, &departments, &department_places);

    let file = reader.file();
    let role_mentions =
        roles.into_iter().map(|(role, place)| (RoleName::from(role.as_str()), place)).collect();
    let findings = std::mem::replace(reader, Reader::new(file)).into_findings();
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(findings);
    }
    let closures = Closures::new(&built, &departments, &teams);
    let passwords = built
        .iter()
        .map(|user| user.password.as_ref())
        .chain(services.iter().map(|(service, _)| service.password.as_ref()));
    let verifier_forms = verifier_forms(passwords.flatten());
    let directory = Directory {
        by_login: user_index,
        facts: built.iter().map(|_| OnceLock::new()).collect(),
        users: built,
        departments,
        teams,
        services: services
            .into_iter()
            .map(|(service, _)| (service.login.clone(), service))
            .collect(),
        closures,
        role_mentions,
        verifier_forms,
        file: file.clone(),
        places,
        fingerprint,
    };
    Ok(LoadedDirectory { directory, warnings: findings })
}

/// What the verifiers look like, and how many look like that.
fn verifier_forms<'s>(passwords: impl Iterator<Item = &'s Secret>) -> Vec<VerifierForm> {
    let mut forms: BTreeMap<(u32, usize), VerifierForm> = BTreeMap::new();
    for form in
        passwords.filter_map(|secret| Some(secret.reveal().parse::<Verifier>().ok()?.form()))
    {
        let known = forms
            .entry((form.iterations, form.salt_length))
            .or_insert(VerifierForm { users: 0, ..form });
        known.users = known.users.saturating_add(1);
    }
    forms.into_values().collect()
}

fn unique_accounts(
    reader: &mut Reader<'_>,
    users: &[UserRecord],
    services: &[(super::Service, Place)],
) {
    let mut logins: HashMap<&str, Place> = HashMap::new();
    let mut ids: HashMap<&str, &str> = HashMap::new();
    let accounts = users
        .iter()
        .map(|record| (record.user.login.as_str(), record.place))
        .chain(services.iter().map(|(service, place)| (service.login.as_str(), *place)));
    for (login, place) in accounts {
        if let Some(first) = logins.insert(login, place) {
            let message = format!("login `{login}` is already taken in line {}", first.line);
            reader.error(place, message);
        }
    }
    for record in users {
        let Some(id) = &record.user.id else { continue };
        if let Some(first) = ids.insert(id, record.user.login.as_str()) {
            let message = format!("id `{id}` already belongs to `{first}`");
            reader.error(record.id_place, message);
        }
    }
}

fn unique_ids<'r>(
    reader: &mut Reader<'_>,
    what: &str,
    ids: impl Iterator<Item = (&'r String, Place)>,
) -> HashSet<String> {
    let mut seen = HashSet::new();
    for (id, place) in ids {
        if !seen.insert(id.clone()) {
            reader.error(place, format!("{what} `{id}` is there twice"));
        }
    }
    seen
}

fn resolve_department(
    reader: &mut Reader<'_>,
    record: DepartmentRecord,
    people: &People,
    ids: &HashSet<String>,
) -> Department {
    let DepartmentRecord { mut department, place: _, parent, head, assistants } = record;
    if let Some((id, place)) = parent {
        if ids.contains(&id) {
            department.parent = Some(id);
        } else {
            let message = format!("department `{id}` is not in this directory");
            reader.unknown(place, message, &id, ids.iter().map(String::as_str));
        }
    }
    department.head = head.and_then(|mention| people.find(reader, &mention, "head"));
    department.assistants =
        assistants.iter().filter_map(|mention| people.find(reader, mention, "assistant")).collect();
    department
}

/// Reports each cycle once, at its first member in file order. A cycle ends every closure, but it
/// makes all of its members each other's superiors.
fn report_cycles(
    reader: &mut Reader<'_>,
    users: &[User],
    user_places: &[Place],
    departments: &[Department],
    department_places: &[Place],
) {
    let managers: HashMap<&str, &str> = users
        .iter()
        .filter_map(|user| Some((user.login.as_str(), user.manager.as_ref()?.as_str())))
        .collect();
    let logins = users.iter().map(|user| user.login.as_str());
    for (cycle, place) in cycles(logins.zip(user_places.iter().copied()), &managers) {
        reader.warning(place, format!("{} report to each other in a circle", cycle.join(", ")));
    }
    let parents: HashMap<&str, &str> = departments
        .iter()
        .filter_map(|department| Some((department.id.as_str(), department.parent.as_deref()?)))
        .collect();
    let ids = departments.iter().map(|department| department.id.as_str());
    for (cycle, place) in cycles(ids.zip(department_places.iter().copied()), &parents) {
        reader.warning(
            place,
            format!("departments {} are above each other in a circle", cycle.join(", ")),
        );
    }
}

fn cycles<'n>(
    nodes: impl Iterator<Item = (&'n str, Place)>,
    above: &HashMap<&'n str, &'n str>,
) -> Vec<(Vec<&'n str>, Place)> {
    let mut done: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for (start, place) in nodes {
        let mut path: Vec<&str> = Vec::new();
        let mut current = Some(start);
        while let Some(node) = current {
            if done.contains(node) {
                break;
            }
            if let Some(first) = path.iter().position(|step| *step == node) {
                found.push((path.get(first..).unwrap_or_default().to_vec(), place));
                break;
            }
            path.push(node);
            current = above.get(node).copied();
        }
        done.extend(path);
    }
    found
}
