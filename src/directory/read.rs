//! The fields of the directory's records, from YAML nodes (rows of queries become such nodes, too).
//! Checks form only; references are checked when everything is known.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::model::{Assignment, Department, Service, Status, Team, User, is_scram_verifier};
use crate::config::Secret;
use crate::ids::{Login, RoleName};
use crate::yaml::{Fields, Node, Place, Reader, Value};

/// A reference to something by name or id, and where it stands.
pub(super) type Mention = (String, Place);

/// A user and what it refers to.
#[derive(Debug)]
pub(super) struct UserRecord {
    pub(super) user: User,
    pub(super) place: Place,
    pub(super) id_place: Place,
    pub(super) manager: Option<Mention>,
    pub(super) departments: Vec<Mention>,
    pub(super) teams: Vec<Mention>,
    pub(super) expiry_place: Place,
}

/// A department and what it refers to.
#[derive(Debug, Default)]
pub(super) struct DepartmentRecord {
    pub(super) department: Department,
    pub(super) place: Place,
    pub(super) parent: Option<Mention>,
    pub(super) head: Option<Mention>,
    pub(super) assistants: Vec<Mention>,
}

/// Everything a source says, before references are checked.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) users: Vec<UserRecord>,
    pub(super) departments: Vec<DepartmentRecord>,
    pub(super) teams: Vec<(Team, Place, Vec<Mention>)>,
    pub(super) services: Vec<(Service, Place)>,
    /// Rows of the assignments query: whose, what, where.
    pub(super) assignments: Vec<(String, Assignment, Place)>,
    pub(super) roles: Vec<Mention>,
}

/// Reads a whole directory file.
pub(super) fn document(reader: &mut Reader<'_>, root: &Node) -> Records {
    let mut records = Records::default();
    if root.value == Value::Null {
        return records;
    }
    let known = ["users", "departments", "teams", "services"];
    let Some(fields) = reader.fields(root, &known) else { return records };
    if let Some(list) = fields.get("users").and_then(|node| reader.list(node)) {
        users(reader, list, &mut records);
    }
    if let Some(list) = fields.get("departments").and_then(|node| reader.list(node)) {
        departments(reader, list, &mut records);
    }
    if let Some(list) = fields.get("teams").and_then(|node| reader.list(node)) {
        teams(reader, list, &mut records);
    }
    if let Some(list) = fields.get("services").and_then(|node| reader.list(node)) {
        services(reader, list, &mut records);
    }
    records
}

pub(super) fn users(reader: &mut Reader<'_>, list: &[Node], records: &mut Records) {
    for node in list {
        let known = [
            "login",
            "id",
            "name",
            "roles",
            "department",
            "departments",
            "manager",
            "password",
            "position",
            "location",
            "attributes",
            "teams",
            "allowed_from",
            "valid_until",
            "status",
        ];
        let Some(fields) = reader.fields(node, &known) else { continue };
        let Some(login) = login(reader, &fields) else { continue };
        let place = fields.key_place("login");
        let mut record = UserRecord {
            user: User::new(login),
            place,
            id_place: place,
            manager: None,
            departments: Vec::new(),
            teams: Vec::new(),
            expiry_place: place,
        };
        record.user.id = optional_text(reader, &fields, "id");
        record.id_place = fields.get("id").map_or(record.place, |node| node.place);
        record.user.name = optional_text(reader, &fields, "name");
        record.user.assignments = fields
            .get("roles")
            .and_then(|node| reader.one_or_many(node))
            .unwrap_or_default()
            .iter()
            .filter_map(|node| assignment(reader, node, records))
            .collect();
        record.user.department = optional_text(reader, &fields, "department");
        if let Some(node) = fields.get("department")
            && let Some(department) = &record.user.department
        {
            record.departments.push((department.clone(), node.place));
        }
        let further = mentions(reader, &fields, "departments");
        record.user.extra_departments = further.iter().map(|(id, _)| id.clone()).collect();
        record.departments.extend(further);
        record.manager = optional_mention(reader, &fields, "manager");
        record.user.password = password(reader, &fields);
        record.user.position = optional_text(reader, &fields, "position");
        record.user.location = optional_text(reader, &fields, "location");
        record.user.attributes = attributes(reader, &fields);
        record.teams = mentions(reader, &fields, "teams");
        record.user.allowed_from = networks(reader, &fields);
        record.user.valid_until = time(reader, &fields, "valid_until");
        record.expiry_place = fields.get("valid_until").map_or(record.place, |node| node.place);
        record.user.status = status(reader, &fields);
        records.users.push(record);
    }
}

pub(super) fn departments(reader: &mut Reader<'_>, list: &[Node], records: &mut Records) {
    for node in list {
        let known = ["id", "parent", "head", "assistants", "name", "status"];
        let Some(fields) = reader.fields(node, &known) else { continue };
        let Some(id) = fields.require(reader, "id").and_then(|node| reader.text(node)) else {
            continue;
        };
        let mut record = DepartmentRecord { place: fields.place, ..DepartmentRecord::default() };
        record.place = fields.get("id").map_or(record.place, |node| node.place);
        id.clone_into(&mut record.department.id);
        record.parent = optional_mention(reader, &fields, "parent");
        record.head = optional_mention(reader, &fields, "head");
        record.assistants = mentions(reader, &fields, "assistants");
        record.department.name = optional_text(reader, &fields, "name");
        record.department.status = status(reader, &fields);
        records.departments.push(record);
    }
}

pub(super) fn teams(reader: &mut Reader<'_>, list: &[Node], records: &mut Records) {
    for node in list {
        let Some(fields) = reader.fields(node, &["id", "name", "members"]) else { continue };
        let Some(node) = fields.require(reader, "id") else { continue };
        let Some(id) = reader.text(node) else { continue };
        let team = Team {
            id: id.to_owned(),
            name: optional_text(reader, &fields, "name"),
            members: Vec::new(),
        };
        let members = mentions(reader, &fields, "members");
        records.teams.push((team, node.place, members));
    }
}

pub(super) fn services(reader: &mut Reader<'_>, list: &[Node], records: &mut Records) {
    for node in list {
        let known = [
            "login",
            "id",
            "password",
            "roles",
            "may_act_as",
            "identity",
            "allowed_from",
            "attributes",
            "valid_until",
            "status",
        ];
        let Some(fields) = reader.fields(node, &known) else { continue };
        let Some(login) = login(reader, &fields) else { continue };
        let roles = mentions(reader, &fields, "roles");
        let may_act_as = mentions(reader, &fields, "may_act_as");
        let names = |mentions: &[Mention]| -> Vec<RoleName> {
            mentions.iter().map(|(role, _)| RoleName::from(role.as_str())).collect()
        };
        if let Some(node) = fields.get("identity") {
            let words = [("declared", true), ("signed", false)];
            if choice(reader, node, "identity", &words) == Some(false) {
                reader.error(
                    node.place,
                    "`signed` is not supported by this version of rowgate".to_owned(),
                );
            }
        }
        let service = Service {
            login,
            id: optional_text(reader, &fields, "id"),
            password: password(reader, &fields),
            roles: names(&roles),
            may_act_as: names(&may_act_as),
            allowed_from: networks(reader, &fields),
            attributes: attributes(reader, &fields),
            valid_until: time(reader, &fields, "valid_until"),
            status: status(reader, &fields),
        };
        records.roles.extend(roles);
        records.roles.extend(may_act_as);
        records.services.push((service, fields.key_place("login")));
    }
}

/// Rows of the assignments query.
pub(super) fn assignments(reader: &mut Reader<'_>, list: &[Node], records: &mut Records) {
    for node in list {
        let known = ["login", "role", "valid_from", "valid_until"];
        let Some(fields) = reader.fields(node, &known) else { continue };
        let login = fields.require(reader, "login").and_then(|node| reader.text(node));
        let role = fields.require(reader, "role").and_then(|node| reader.text(node));
        let valid_from = time(reader, &fields, "valid_from");
        let valid_until = time(reader, &fields, "valid_until");
        let (Some(login), Some(role)) = (login, role) else { continue };
        records.roles.push((role.to_owned(), node.place));
        let assignment = Assignment { role: RoleName::from(role), valid_from, valid_until };
        records.assignments.push((login.to_owned(), assignment, node.place));
    }
}

/// A role's name, or `{ role, valid_from, valid_until }`.
fn assignment(reader: &mut Reader<'_>, node: &Node, records: &mut Records) -> Option<Assignment> {
    let assignment = if let Value::Map(_) = node.value {
        let fields = reader.fields(node, &["role", "valid_from", "valid_until"])?;
        let valid_from = time(reader, &fields, "valid_from");
        let valid_until = time(reader, &fields, "valid_until");
        let role = fields.require(reader, "role").and_then(|node| reader.text(node))?;
        Assignment { role: RoleName::from(role), valid_from, valid_until }
    } else {
        let role = RoleName::from(reader.text(node)?);
        Assignment { role, valid_from: None, valid_until: None }
    };
    records.roles.push((assignment.role.to_string(), node.place));
    Some(assignment)
}

fn login(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Login> {
    let node = fields.require(reader, "login")?;
    let text = reader.text(node)?;
    // NAMEDATALEN - 1: PostgreSQL's drivers and tools cut or refuse longer names.
    if text.is_empty() || text.len() > 63 || text.contains('\0') {
        reader.error(node.place, "a login has 1 to 63 bytes");
        return None;
    }
    Some(Login::from(text))
}

fn optional_text(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|node| reader.text(node)).map(str::to_owned)
}

fn optional_mention(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Option<Mention> {
    let node = fields.get(name)?;
    Some((reader.text(node)?.to_owned(), node.place))
}

fn mentions(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Vec<Mention> {
    fields.get(name).and_then(|node| reader.texts(node)).unwrap_or_default()
}

fn password(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Secret> {
    let node = fields.get("password")?;
    let text = reader.text(node)?;
    if !is_scram_verifier(text) {
        // The text is not shown: it may be a password in clear.
        reader.error(
            node.place,
            "not a SCRAM-SHA-256 verifier; `rowgate user password` makes one from a password",
        );
        return None;
    }
    Some(Secret::new(text))
}

fn attributes(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Vec<String>> {
    let mut attributes = BTreeMap::new();
    let Some(entries) = fields.get("attributes").and_then(|node| reader.entries(node)) else {
        return attributes;
    };
    for (key, value) in entries {
        if value.value == Value::Null {
            continue;
        }
        if let Some(texts) = reader.texts(value) {
            let texts = texts.into_iter().map(|(text, _)| text).collect();
            attributes.insert(key.key().to_owned(), texts);
        }
    }
    attributes
}

fn networks(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (text, place) in mentions(reader, fields, "allowed_from") {
        let network = text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        match network {
            Some(network) => networks.push(network),
            None => {
                reader.error(place, format!("`{text}` is not an address range like 10.0.0.0/8"));
            }
        }
    }
    networks
}

/// A date is its first moment in UTC, as `VALID UNTIL '2027-01-01'` is on a server in UTC.
fn time(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Option<Timestamp> {
    let node = fields.get(name)?;
    let text = reader.text(node)?;
    let utc = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<Date>().ok().and_then(|date| utc(date.at(0, 0, 0, 0))))
        .or_else(|| text.parse::<DateTime>().ok().and_then(utc));
    if time.is_none() {
        reader.error(node.place, format!("`{text}` is not a date like 2027-01-01"));
    }
    time
}

fn status(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Status {
    let Some(node) = fields.get("status") else { return Status::Active };
    let words = [("active", Status::Active), ("disabled", Status::Disabled)];
    // The file is refused anyway; until then nobody gets in on a misread word.
    choice(reader, node, "status", &words).unwrap_or(Status::Disabled)
}

fn choice<T: Copy>(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let text = reader.text(node)?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let known = words.iter().map(|(word, _)| *word);
        let listed: Vec<String> = known.clone().map(|word| format!("`{word}`")).collect();
        let message = format!("`{text}` is not a value of `{name}`: {}", listed.join(" or "));
        reader.unknown(node.place, message, text, known);
    }
    found
}
