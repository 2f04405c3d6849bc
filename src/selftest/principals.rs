//! Whom the self-test looks through: every role by itself, and every set of roles that somebody
//! holds. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::directory::{Account, Directory};
use crate::ids::RoleName;
use crate::policy::{
    IdentityParameter, IdentitySource, PersonFacts, PolicySet, Subject, ValueClass, assume,
};

/// Sets of roles beyond the single roles; organisations have a few dozen.
const MOST_SETS: usize = 200;

/// One set of roles and somebody who could hold it.
pub(super) struct Principal {
    /// `role sales_rep`, `roles department_viewer and sales_rep`.
    pub(super) name: String,
    pub(super) subject: Subject,
    /// The first with these roles: what does not depend on the person is asked once.
    pub(super) first: bool,
}

/// Each role with somebody who holds it, with an invented person who has one value of everything,
/// and with one who has several: between them every part of every filter is in a statement. Roles
/// that nothing is withheld from are left out.
pub(super) fn principals(
    policy: &PolicySet,
    directory: &Directory,
    now: Timestamp,
) -> Vec<Principal> {
    let mut sets: BTreeMap<BTreeSet<RoleName>, Vec<PersonFacts>> = BTreeMap::new();
    for role in policy.roles() {
        sets.entry(BTreeSet::from([role.clone()])).or_default();
    }
    for user in directory.users() {
        if Account::User(user).is_usable(now).is_err() {
            continue;
        }
        // Everybody's place in the organisation would be a large directory's size squared: it is
        // worked out only for those who are the first with their roles.
        let facts = || directory.facts(user.login.as_str(), now);
        let roles = user.roles_at(now);
        // One holder each: another person changes values, not what the filter is.
        for role in policy.with_includes(&roles) {
            if let Some(holders) = sets.get_mut(&BTreeSet::from([role.clone()]))
                && holders.is_empty()
                && let Some(facts) = facts()
            {
                holders.push(PersonFacts { roles: vec![role], ..PersonFacts::clone(&facts) });
            }
        }
        let together: BTreeSet<RoleName> = roles.into_iter().collect();
        if together.len() > 1 && (sets.len() < MOST_SETS || sets.contains_key(&together)) {
            let holders = sets.entry(together).or_default();
            if holders.is_empty() {
                holders.extend(facts().map(|facts| PersonFacts::clone(&facts)));
            }
        }
    }
    let mut principals = Vec::new();
    for (roles, mut people) in sets {
        let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
        let name = match names.as_slice() {
            [one] => format!("role {one}"),
            several => format!("roles {}", several.join(" and ")),
        };
        let roles: Vec<RoleName> = roles.into_iter().collect();
        people.push(invented(policy.parameters(), roles.clone(), false));
        people.push(invented(policy.parameters(), roles, true));
        for (index, person) in people.iter().enumerate() {
            let subject = assume(policy, person);
            if !subject.unrestricted {
                principals.push(Principal { name: name.clone(), subject, first: index == 0 });
            }
        }
    }
    principals
}

/// Somebody who has a value, or several, for everything that the policy asks of a person.
pub(crate) fn invented(
    parameters: &[IdentityParameter],
    roles: Vec<RoleName>,
    several: bool,
) -> PersonFacts {
    let mut person = PersonFacts::new("rowgate_self_test".into());
    person.roles = roles;
    for IdentityParameter { source, class } in parameters {
        let (one, two) = values(*class);
        let list = if several { vec![one, two] } else { vec![one] };
        let list: Vec<String> = list.into_iter().map(str::to_owned).collect();
        let first = list.first().cloned();
        match source {
            IdentitySource::UserId => person.id = first,
            IdentitySource::Position => person.position = first,
            IdentitySource::Location => person.location = first,
            IdentitySource::Department => person.department = first,
            IdentitySource::Departments => person.departments.extend(list),
            IdentitySource::DepartmentsBelow => person.departments_below.extend(list),
            IdentitySource::HeadedDepartments => person.headed_departments.extend(list),
            IdentitySource::DepartmentMembers => person.department_members.extend(list),
            IdentitySource::DepartmentBelowMembers => {
                person.department_below_members.extend(list);
            }
            IdentitySource::HeadedDepartmentMembers => {
                person.headed_department_members.extend(list);
            }
            IdentitySource::DirectReports => person.direct_reports.extend(list),
            IdentitySource::Subordinates => person.subordinates.extend(list),
            IdentitySource::Teams => person.teams.extend(list),
            IdentitySource::TeamMates => person.team_mates.extend(list),
            IdentitySource::Attribute(name) => {
                person.attributes.entry(name.to_string()).or_default().extend(list);
            }
            // These are made of the others.
            IdentitySource::Login
            | IdentitySource::Roles
            | IdentitySource::Principals
            | IdentitySource::HashKey => {}
        }
    }
    // The lists of people are of no use without the person's own id.
    if person.id.is_none() {
        person.id = Some("1".to_owned());
    }
    person
}

/// Two values of a class.
fn values(class: ValueClass) -> (&'static str, &'static str) {
    match class {
        ValueClass::Text => ("a", "b"),
        ValueClass::SmallInteger
        | ValueClass::Integer
        | ValueClass::BigInteger
        | ValueClass::Number => ("1", "2"),
        ValueClass::Boolean => ("true", "false"),
        ValueClass::Uuid => {
            ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
        }
        ValueClass::Date => ("2000-01-01", "2000-01-02"),
    }
}
