//! Who a person is, as far as policy SQL can ask: identity parameters and their values. Pure; the
//! directory delivers the facts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::ids::{IdentityIndex, Login, RoleName};

use super::scope::{Cardinality, Hole, HoleForm, IdentityShape};

/// What the directory says about one person at one directory version. Ids are text as the
/// directory writes them (`104`, a UUID, a name); closures are computed once per version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFacts {
    /// The value that owner columns hold; `None` for a service account without one.
    pub id: Option<String>,
    /// The name the person logs in with.
    pub login: Login,
    /// Roles assigned and valid today, before conditions (`when`) and includes.
    pub roles: Vec<RoleName>,
    /// The main department.
    pub department: Option<String>,
    /// All departments the person is a direct member of, the main one first.
    pub departments: Vec<String>,
    /// `departments` and everything below them.
    pub departments_below: Vec<String>,
    /// Enabled departments the person is head or assistant of, and everything below them.
    pub headed_departments: Vec<String>,
    /// Ids of the people in `departments`.
    pub department_members: Vec<String>,
    /// Ids of the people in `departments_below`.
    pub department_below_members: Vec<String>,
    /// Ids of the people in `headed_departments`.
    pub headed_department_members: Vec<String>,
    /// Ids of the people who report to this person directly; the person too or not, as you like.
    pub direct_reports: Vec<String>,
    /// Ids of everybody below this person; the person too or not, as you like.
    pub subordinates: Vec<String>,
    /// Ids of the teams the person is in.
    pub teams: Vec<String>,
    /// Ids of the people in those teams.
    pub team_mates: Vec<String>,
    /// The person's position.
    pub position: Option<String>,
    /// Where the person works.
    pub location: Option<String>,
    /// Free attributes; each has one value or several.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl PersonFacts {
    /// Somebody the directory knows nothing about but the login: every identity value is missing.
    pub fn new(login: Login) -> Self {
        Self {
            id: None,
            login,
            roles: Vec::new(),
            department: None,
            departments: Vec::new(),
            departments_below: Vec::new(),
            headed_departments: Vec::new(),
            department_members: Vec::new(),
            department_below_members: Vec::new(),
            headed_department_members: Vec::new(),
            direct_reports: Vec::new(),
            subordinates: Vec::new(),
            teams: Vec::new(),
            team_mates: Vec::new(),
            position: None,
            location: None,
            attributes: BTreeMap::new(),
        }
    }
}

/// What an identity parameter stands for. In policy SQL it is written as its `Display` text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentitySource {
    /// `:user.id`
    UserId,
    /// `:user.login`
    Login,
    /// `:user.roles`: the names of the roles in force.
    Roles,
    /// `:user.position`
    Position,
    /// `:user.location`
    Location,
    /// `:user.department`: the main department.
    Department,
    /// `:user.departments`: all departments of the person.
    Departments,
    /// `:user.departments_below`: the same and everything below.
    DepartmentsBelow,
    /// `:user.headed_departments`: where the person is head or assistant, and everything below.
    HeadedDepartments,
    /// `:user.department_members`: the people in `departments`.
    DepartmentMembers,
    /// `:user.department_below_members`: the people in `departments_below`.
    DepartmentBelowMembers,
    /// `:user.headed_department_members`: the people in `headed_departments`.
    HeadedDepartmentMembers,
    /// `:user.direct_reports`: the person and who reports to them.
    DirectReports,
    /// `:user.subordinates`: the person and everybody below.
    Subordinates,
    /// `:user.teams`
    Teams,
    /// `:user.team_mates`: the people in those teams.
    TeamMates,
    /// `:user.principals`: what a share can name: `user:104`, `role:sales_rep`, `team:7`,
    /// `department:21` and `everyone` in a text column; the bare user id in any other.
    Principals,
    /// `:user.attributes.NAME`
    Attribute(Arc<str>),
    /// The secret that keyed masks hash with. It can not be written in policy SQL.
    HashKey,
}

/// The words after `:user.` in policy SQL, without attributes.
pub(super) const SOURCES: [(&str, IdentitySource); 17] = [
    ("id", IdentitySource::UserId),
    ("login", IdentitySource::Login),
    ("roles", IdentitySource::Roles),
    ("position", IdentitySource::Position),
    ("location", IdentitySource::Location),
    ("department", IdentitySource::Department),
    ("departments", IdentitySource::Departments),
    ("departments_below", IdentitySource::DepartmentsBelow),
    ("headed_departments", IdentitySource::HeadedDepartments),
    ("department_members", IdentitySource::DepartmentMembers),
    ("department_below_members", IdentitySource::DepartmentBelowMembers),
    ("headed_department_members", IdentitySource::HeadedDepartmentMembers),
    ("direct_reports", IdentitySource::DirectReports),
    ("subordinates", IdentitySource::Subordinates),
    ("teams", IdentitySource::Teams),
    ("team_mates", IdentitySource::TeamMates),
    ("principals", IdentitySource::Principals),
];

impl fmt::Display for IdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Attribute(name) = self {
            return write!(f, ":user.attributes.{name}");
        }
        // Only the hash key has no word: policies cannot ask for it.
        match SOURCES.iter().find(|(_, source)| source == self) {
            Some((word, _)) => write!(f, ":user.{word}"),
            None => f.write_str(":hash_key"),
        }
    }
}

/// What the text of a value has to be, so that the server's cast of it cannot fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueClass {
    /// Any text.
    Text,
    /// `int2`
    SmallInteger,
    /// `int4`
    Integer,
    /// `int8`
    BigInteger,
    /// `numeric`, `float4`, `float8`
    Number,
    /// `bool`
    Boolean,
    /// `uuid`
    Uuid,
    /// `date`
    Date,
}

impl ValueClass {
    fn admits(self, text: &str) -> bool {
        match self {
            Self::Text => !text.contains('\0'),
            Self::SmallInteger => text.parse::<i16>().is_ok(),
            Self::Integer => text.parse::<i32>().is_ok(),
            Self::BigInteger => text.parse::<i64>().is_ok(),
            Self::Number => {
                text.parse::<f64>().is_ok_and(f64::is_finite)
                    && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))
            }
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Uuid => {
                text.len() == 36
                    && text.char_indices().all(|(index, c)| match index {
                        8 | 13 | 18 | 23 => c == '-',
                        _ => c.is_ascii_hexdigit(),
                    })
            }
            Self::Date => text.parse::<jiff::civil::Date>().is_ok(),
        }
    }
}

/// One identity parameter of a policy set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityParameter {
    /// What it stands for.
    pub source: IdentitySource,
    /// Values that are not of this class do not exist for this parameter.
    pub class: ValueClass,
}

/// All identity values of one person, by [`IdentityIndex`].
#[derive(Debug, Clone)]
pub struct Identity {
    values: Vec<Vec<String>>,
    /// The values as arrays, made when first asked for: a statement must not pay for each value.
    arrays: Vec<OnceLock<Arc<str>>>,
    /// Single values, in the same way.
    scalars: Vec<OnceLock<Arc<str>>>,
    shape: IdentityShape,
}

impl Identity {
    /// The values of `person` with `roles` in force; `hash_key` is the secret of keyed masks.
    pub(super) fn new(
        parameters: &[IdentityParameter],
        person: &PersonFacts,
        roles: &[RoleName],
        hash_key: &str,
    ) -> Self {
        let values: Vec<Vec<String>> = parameters
            .iter()
            .map(|parameter| {
                let mut values = values_of(parameter, person, roles, hash_key);
                values.retain(|value| parameter.class.admits(value));
                values.sort_unstable();
                values.dedup();
                values
            })
            .collect();
        let shape = IdentityShape(values.iter().map(|values| cardinality(values)).collect());
        let arrays = values.iter().map(|_| OnceLock::new()).collect();
        let scalars = values.iter().map(|_| OnceLock::new()).collect();
        Self { values, arrays, scalars, shape }
    }

    /// How many values each parameter has: the part of the identity that a plan depends on.
    pub fn shape(&self) -> &IdentityShape {
        &self.shape
    }

    /// The value of a hole in PostgreSQL's text format. `None` when there is none, or when the hole
    /// wants one value and there are several.
    pub fn text(&self, hole: Hole) -> Option<String> {
        self.shared_text(hole).map(|text| text.to_string())
    }

    /// The same, shared by all who ask.
    pub fn shared_text(&self, hole: Hole) -> Option<Arc<str>> {
        let index = usize::from(hole.parameter.0);
        let text = match (hole.form, self.values.get(index)?.as_slice()) {
            (HoleForm::Scalar, [value]) => {
                self.scalars.get(index)?.get_or_init(|| value.as_str().into())
            }
            (_, []) | (HoleForm::Scalar, _) => return None,
            (HoleForm::Array, values) => {
                self.arrays.get(index)?.get_or_init(|| array_literal(values).into())
            }
        };
        Some(Arc::clone(text))
    }

    /// The values behind one parameter.
    pub fn values(&self, parameter: IdentityIndex) -> &[String] {
        self.values.get(usize::from(parameter.0)).map_or(&[], Vec::as_slice)
    }
}

fn cardinality(values: &[String]) -> Cardinality {
    match values {
        [] => Cardinality::Missing,
        [_] => Cardinality::One,
        [_, _, ..] => Cardinality::Many,
    }
}

fn values_of(
    parameter: &IdentityParameter,
    person: &PersonFacts,
    roles: &[RoleName],
    hash_key: &str,
) -> Vec<String> {
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let with_self = |others: &[String]| {
        // Without an id the person owns nothing, and others' rows are not theirs either.
        person.id.iter().chain(others).cloned().collect::<Vec<_>>()
    };
    match &parameter.source {
        IdentitySource::UserId => one(&person.id),
        IdentitySource::Login => vec![person.login.to_string()],
        IdentitySource::Roles => roles.iter().map(ToString::to_string).collect(),
        IdentitySource::Position => one(&person.position),
        IdentitySource::Location => one(&person.location),
        IdentitySource::Department => one(&person.department),
        IdentitySource::Departments => person.departments.clone(),
        IdentitySource::DepartmentsBelow => person.departments_below.clone(),
        IdentitySource::HeadedDepartments => person.headed_departments.clone(),
        IdentitySource::DepartmentMembers => person.department_members.clone(),
        IdentitySource::DepartmentBelowMembers => person.department_below_members.clone(),
        IdentitySource::HeadedDepartmentMembers => person.headed_department_members.clone(),
        IdentitySource::DirectReports => with_self(&person.direct_reports),
        IdentitySource::Subordinates => with_self(&person.subordinates),
        IdentitySource::Teams => person.teams.clone(),
        IdentitySource::TeamMates => with_self(&person.team_mates),
        IdentitySource::Principals => principals(parameter.class, person, roles),
        IdentitySource::Attribute(name) => {
            person.attributes.get(&**name).cloned().unwrap_or_default()
        }
        // An empty secret is no secret: the mask that needs it becomes null.
        IdentitySource::HashKey => {
            if hash_key.is_empty() {
                Vec::new()
            } else {
                vec![hash_key.to_owned()]
            }
        }
    }
}

fn principals(class: ValueClass, person: &PersonFacts, roles: &[RoleName]) -> Vec<String> {
    // Ids of users, teams and departments may be equal numbers: without a prefix only one kind is
    // safe to name.
    if class != ValueClass::Text {
        return person.id.iter().cloned().collect();
    }
    let mut names: Vec<String> = person.id.iter().map(|id| format!("user:{id}")).collect();
    names.extend(roles.iter().map(|role| format!("role:{role}")));
    names.extend(person.teams.iter().map(|team| format!("team:{team}")));
    names.extend(person.departments.iter().map(|department| format!("department:{department}")));
    names.push("everyone".to_owned());
    names
}

/// An array in PostgreSQL's text format (documentation, 8.15.6 "Array Input and Output Syntax").
/// Every element but plain digits is quoted, so no element is read as NULL or as nesting. The server
/// reads digits faster without quotes, and reads the array anew for each statement.
pub fn array_literal(values: &[String]) -> String {
    let mut text = String::from("{");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(value);
            continue;
        }
        text.push('"');
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(source: IdentitySource, class: ValueClass, person: &PersonFacts) -> Identity {
        Identity::new(&[IdentityParameter { source, class }], person, &[], "")
    }

    const SCALAR: Hole = Hole { parameter: IdentityIndex(0), form: HoleForm::Scalar };
    const ARRAY: Hole = Hole { parameter: IdentityIndex(0), form: HoleForm::Array };

    #[test]
    fn an_element_cannot_break_out_of_its_array_literal() {
        let values = ["a\"b", "c\\", "NULL", "{x,y}", "", "7", "-7", " 7"].map(str::to_owned);
        let literal = array_literal(&values);
        assert_eq!(literal, r#"{"a\"b","c\\","NULL","{x,y}","",7,"-7"," 7"}"#);
    }

    #[test]
    fn an_id_that_is_no_number_is_missing_for_a_number_column() {
        let mut person = PersonFacts::new("alice".into());
        person.id = Some("alice".to_owned());
        let identity = identity(IdentitySource::UserId, ValueClass::Integer, &person);
        assert_eq!(identity.shape().0[0], Cardinality::Missing);
        assert_eq!(identity.text(SCALAR), None);
    }

    #[test]
    fn subordinates_include_the_person_once() {
        let mut person = PersonFacts::new("bob".into());
        person.id = Some("7".to_owned());
        person.subordinates = vec!["7".to_owned(), "9".to_owned()];
        let identity = identity(IdentitySource::Subordinates, ValueClass::Integer, &person);
        assert_eq!(identity.text(ARRAY).unwrap(), "{7,9}");
        assert_eq!(identity.text(SCALAR), None);
    }

    #[test]
    fn a_team_is_not_a_user_of_the_same_number() {
        let mut person = PersonFacts::new("bob".into());
        person.id = Some("7".to_owned());
        person.teams = vec!["8".to_owned()];
        let text = identity(IdentitySource::Principals, ValueClass::Text, &person);
        assert_eq!(text.text(ARRAY).unwrap(), r#"{"everyone","team:8","user:7"}"#);
        let number = identity(IdentitySource::Principals, ValueClass::Integer, &person);
        assert_eq!(number.text(SCALAR).unwrap(), "7");
    }
}
