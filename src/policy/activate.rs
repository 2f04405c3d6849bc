//! Which roles are in force for one statement. Pure.

use std::sync::Arc;

use crate::ids::RoleName;
use crate::policy::condition::{Condition, Context};
use crate::policy::identity::{Identity, PersonFacts};
use crate::policy::model::Limits;
use crate::policy::scope::RoleSet;
use crate::policy::set::PolicySet;

/// A person at one moment, as decisions see them.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The roles in force: assigned or included, their conditions true.
    pub roles: RoleSet,
    /// The identity values; its shape is part of the plan key.
    pub identity: Arc<Identity>,
    /// A role in force is `unrestricted`.
    pub unrestricted: bool,
    /// The widest limits of the roles in force.
    pub limits: Limits,
}

/// Judges the conditions of a person's roles. A role that is not in force brings in nothing it
/// includes, and an included role's own condition has to hold as well.
pub fn activate(policy: &PolicySet, person: &PersonFacts, context: &Context) -> Subject {
    in_force(policy, person, &policy.hash_key, |condition| condition.holds(person, context))
}

/// The person as if every condition held: what a test of the policy has to look at.
pub fn assume(policy: &PolicySet, person: &PersonFacts) -> Subject {
    in_force(policy, person, &policy.hash_key, |_| true)
}

/// The person with the roles that are in force whatever the session and the moment are, for rules
/// that are written down once. Without the secret of keyed masks: those become NULL.
pub fn always(policy: &PolicySet, person: &PersonFacts) -> Subject {
    in_force(policy, person, "", |condition| condition.always_holds(person))
}

fn in_force(
    policy: &PolicySet,
    person: &PersonFacts,
    hash_key: &str,
    holds: impl Fn(&Condition) -> bool,
) -> Subject {
    let mut active: Vec<RoleName> = Vec::new();
    let mut pending: Vec<RoleName> = person.roles.clone();
    let mut limits: Option<Limits> = None;
    let mut unrestricted = false;
    while let Some(name) = pending.pop() {
        let Some(role) = policy.roles.get(&name) else { continue };
        if active.contains(&name) || !role.conditions.iter().all(&holds) {
            continue;
        }
        limits = Some(limits.map_or(role.limits, |known| known.wider(role.limits)));
        unrestricted |= role.unrestricted;
        pending.extend(role.includes.iter().cloned());
        active.push(name);
    }
    active.sort_unstable();
    let identity = Identity::new(&policy.parameters, person, &active, hash_key);
    Subject {
        roles: RoleSet(active.into()),
        identity: Arc::new(identity),
        unrestricted,
        limits: limits.unwrap_or_default(),
    }
}
