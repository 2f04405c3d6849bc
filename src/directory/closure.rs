//! Who is below whom: transitive closures over managers, departments and teams. Pure. Cycles end:
//! everything is visited once.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::model::{Department, Status, Team, User};
use crate::ids::Login;

/// Edges of one directory version, as indexes into its users.
#[derive(Debug, Default)]
pub(super) struct Closures {
    /// Ids of the active users; `None` for those that scopes no longer reach.
    ids: Vec<Option<String>>,
    reports: Vec<Vec<usize>>,
    children: HashMap<String, Vec<String>>,
    active_departments: HashSet<String>,
    members: HashMap<String, Vec<usize>>,
    headed: Vec<Vec<String>>,
    team_members: HashMap<String, Vec<usize>>,
    teams: Vec<Vec<String>>,
}

impl Closures {
    pub(super) fn new(users: &[User], departments: &[Department], teams: &[Team]) -> Self {
        let by_login: HashMap<&Login, usize> =
            users.iter().enumerate().map(|(index, user)| (&user.login, index)).collect();
        let mut closures = Self {
            ids: users
                .iter()
                .map(|user| match user.status {
                    Status::Active => user.id.clone(),
                    Status::Disabled => None,
                })
                .collect(),
            reports: vec![Vec::new(); users.len()],
            headed: vec![Vec::new(); users.len()],
            teams: vec![Vec::new(); users.len()],
            ..Self::default()
        };
        for (index, user) in users.iter().enumerate() {
            let manager = user.manager.as_ref().and_then(|manager| by_login.get(manager));
            if let Some(reports) = manager.and_then(|manager| closures.reports.get_mut(*manager)) {
                reports.push(index);
            }
            for department in user.departments() {
                closures.members.entry(department).or_default().push(index);
            }
        }
        for department in departments {
            if let Some(parent) = &department.parent {
                closures.children.entry(parent.clone()).or_default().push(department.id.clone());
            }
            if department.status == Status::Active {
                closures.active_departments.insert(department.id.clone());
                for login in department.head.iter().chain(&department.assistants) {
                    let index = by_login.get(login).copied();
                    if let Some(headed) = index.and_then(|index| closures.headed.get_mut(index)) {
                        headed.push(department.id.clone());
                    }
                }
            }
        }
        for team in teams {
            for index in team.members.iter().filter_map(|login| by_login.get(login).copied()) {
                closures.team_members.entry(team.id.clone()).or_default().push(index);
                if let Some(teams) = closures.teams.get_mut(index) {
                    teams.push(team.id.clone());
                }
            }
        }
        closures
    }

    /// Ids of who reports to the person directly.
    pub(super) fn direct_reports(&self, person: usize) -> Vec<String> {
        self.ids_of(self.reports.get(person).into_iter().flatten().copied())
    }

    /// Ids of the person and everybody below. Who left is no longer in it; who is below them is.
    pub(super) fn subordinates(&self, person: usize) -> Vec<String> {
        let mut reached = BTreeSet::from([person]);
        let mut pending = vec![person];
        while let Some(current) = pending.pop() {
            for report in self.reports.get(current).into_iter().flatten() {
                if reached.insert(*report) {
                    pending.push(*report);
                }
            }
        }
        self.ids_of(reached)
    }

    /// The departments and everything below them, the given ones first.
    pub(super) fn below(&self, departments: &[String]) -> Vec<String> {
        let mut reached: Vec<String> = departments.to_vec();
        let mut seen: HashSet<String> = reached.iter().cloned().collect();
        let mut next = 0;
        while let Some(current) = reached.get(next).cloned() {
            next += 1;
            for child in self.children.get(&current).into_iter().flatten() {
                if seen.insert(child.clone()) {
                    reached.push(child.clone());
                }
            }
        }
        reached
    }

    /// Departments the person is head or assistant of and everything below, disabled ones left out.
    pub(super) fn headed(&self, person: usize) -> Vec<String> {
        let mut headed = self.below(self.headed.get(person).map_or(&[], Vec::as_slice));
        headed.retain(|department| self.active_departments.contains(department));
        headed
    }

    /// Ids of the people in these departments.
    pub(super) fn members(&self, departments: &[String]) -> Vec<String> {
        let people: BTreeSet<usize> = departments
            .iter()
            .filter_map(|department| self.members.get(department))
            .flatten()
            .copied()
            .collect();
        self.ids_of(people)
    }

    /// The person's teams.
    pub(super) fn teams(&self, person: usize) -> Vec<String> {
        self.teams.get(person).cloned().unwrap_or_default()
    }

    /// Ids of the people in the person's teams.
    pub(super) fn team_mates(&self, person: usize) -> Vec<String> {
        let people: BTreeSet<usize> = self
            .teams
            .get(person)
            .into_iter()
            .flatten()
            .filter_map(|team| self.team_members.get(team))
            .flatten()
            .copied()
            .collect();
        self.ids_of(people)
    }

    fn ids_of(&self, people: impl IntoIterator<Item = usize>) -> Vec<String> {
        people.into_iter().filter_map(|person| self.ids.get(person).cloned().flatten()).collect()
    }
}
