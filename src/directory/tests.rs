use super::*;

const VERIFIER: &str = "SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-06-01T00:00:00Z")
}

fn directory(text: &str) -> Directory {
    match Directory::from_yaml("directory.yaml", text, now()) {
        Ok(loaded) => loaded.directory,
        Err(findings) => panic!("{findings:#?}"),
    }
}

fn findings(text: &str) -> Vec<String> {
    match Directory::from_yaml("directory.yaml", text, now()) {
        Ok(loaded) => loaded.warnings,
        Err(findings) => findings,
    }
    .iter()
    .map(|finding| format!("{}: {}", finding.line, finding.message))
    .collect()
}

const COMPANY: &str = "
users:
  - { login: dave, id: 1, roles: [management], department: 1 }
  - { login: bob, id: 2, roles: [sales_manager], department: 2, manager: dave }
  - { login: alice, id: 3, roles: [sales_rep], department: 21, manager: bob, teams: [7] }
  - { login: carol, id: 4, roles: [sales_rep], department: 21, departments: [3], manager: erin }
  - { login: erin, id: 5, manager: bob, department: 21, status: disabled }
departments:
  - { id: 1, head: dave }
  - { id: 2, parent: 1, head: bob, assistants: [carol] }
  - { id: 21, parent: 2 }
  - { id: 22, parent: 2, status: disabled }
  - { id: 3, parent: 1 }
teams: [ { id: 7, members: [carol] } ]
";

#[test]
fn closures_follow_reports_and_departments() {
    let directory = directory(COMPANY);
    let bob = directory.facts("bob", now()).unwrap();
    assert_eq!(bob.subordinates, ["2", "3", "4"]);
    assert_eq!(bob.direct_reports, ["3"]);
    assert_eq!(bob.headed_departments, ["2", "21"]);
    assert_eq!(bob.departments_below, ["2", "21", "22"]);
    assert_eq!(bob.department_members, ["2"]);
    assert_eq!(bob.department_below_members, ["2", "3", "4"]);
    let carol = directory.facts("carol", now()).unwrap();
    assert_eq!(carol.departments, ["21", "3"]);
    assert_eq!(carol.headed_departments, ["2", "21"]);
    assert_eq!(carol.teams, ["7"]);
    assert_eq!(carol.team_mates, ["3", "4"]);
}

#[test]
fn a_leaver_drops_out_and_who_is_below_does_not() {
    let directory = directory(COMPANY);
    let everybody = directory.facts("dave", now()).unwrap();
    assert_eq!(everybody.subordinates, ["1", "2", "3", "4"]);
    let account = directory.account("erin").unwrap();
    let from = "10.0.0.1".parse().unwrap();
    assert_eq!(account.admits(from, now()), Err(AccountRefusal::Disabled));
}

#[test]
fn circles_end_and_are_reported_once() {
    let text = "
users:
  - { login: alice, id: 1, manager: bob }
  - { login: bob, id: 2, manager: carol }
  - { login: carol, id: 3, manager: alice }
  - { login: dave, id: 4, manager: dave }
departments:
  - { id: 1, parent: 2 }
  - { id: 2, parent: 1 }
";
    let directory = directory(text);
    assert_eq!(directory.facts("alice", now()).unwrap().subordinates, ["1", "2", "3"]);
    assert_eq!(
        findings(text),
        [
            "3: alice, bob, carol report to each other in a circle",
            "6: dave report to each other in a circle",
            "8: departments 1, 2 are above each other in a circle",
        ]
    );
}

#[test]
fn every_wrong_reference_is_found_in_one_run() {
    let text = "
users:
  - { login: alice, id: 1, department: 9, manager: bbo, teams: [8], password: demo }
  - { login: bob, id: 1, allowed_from: [10.0.0.0/33], valid_until: tomorrow, status: on }
  - { login: alice }
departments: [ { id: 2, parent: 3, head: zoe }, { id: 2 } ]
services: [ { login: bob, may_act_as: [rep], identity: sined, color: red }, { login: app, identity: signed } ]
";
    assert_eq!(
        findings(text),
        [
            "3: not a SCRAM-SHA-256 verifier; `rowgate user password` makes one from a password",
            "4: `10.0.0.0/33` is not an address range like 10.0.0.0/8",
            "4: `tomorrow` is not a date like 2027-01-01",
            "4: `on` is not a value of `status`: `active` or `disabled`",
            "7: unknown key `color`",
            "7: `sined` is not a value of `identity`: `declared` or `signed`",
            "7: `signed` is not supported by this version of rowgate",
            "5: login `alice` is already taken in line 3",
            "7: login `bob` is already taken in line 4",
            "4: id `1` already belongs to `alice`",
            "6: department `2` is there twice",
            "3: manager `bbo` is not a user of this directory",
            "3: department `9` is not in this directory",
            "3: team `8` is not in this directory",
            "6: department `3` is not in this directory",
            "6: head `zoe` is not a user of this directory",
        ]
    );
}

#[test]
fn a_misspelt_manager_is_shown_with_the_login_that_was_meant() {
    let text = "users:\n  - { login: bob }\n  - { login: alice, manager: bbo }\n";
    let finding = Directory::from_yaml("directory.yaml", text, now()).unwrap_err();
    assert_eq!(
        finding[0].to_string(),
        "\
error: manager `bbo` is not a user of this directory
  --> directory.yaml:3:30
  |
3 |   - { login: alice, manager: bbo }
  |                              ^^^
  = help: did you mean `bob`?"
    );
}

#[test]
fn roles_are_in_force_only_within_their_time() {
    let directory = directory(
        "
users:
  - login: alice
    roles: [rep, { role: head, valid_from: 2026-07-01, valid_until: 2026-08-01 }]
",
    );
    let roles = |time: &str| directory.facts("alice", at(time)).unwrap().roles.clone();
    assert_eq!(roles("2026-06-30T23:59:59Z"), ["rep".into()]);
    assert_eq!(roles("2026-07-01T00:00:00Z"), ["rep".into(), "head".into()]);
    assert_eq!(roles("2026-08-01T00:00:00Z"), ["rep".into()]);
}

#[test]
fn an_account_is_refused_from_elsewhere_and_after_its_time() {
    let text = format!(
        "users: [ {{ login: alice, password: '{VERIFIER}', allowed_from: [10.0.0.0/8, '::1'], \
         valid_until: 2027-01-01 }} ]"
    );
    let directory = directory(&text);
    let account = directory.account("alice").unwrap();
    assert_eq!(account.verifier(), Some(VERIFIER));
    let admits = |ip: &str, time: &str| account.admits(ip.parse().unwrap(), at(time));
    assert_eq!(admits("10.1.2.3", "2026-12-31T23:59:59Z"), Ok(()));
    assert_eq!(admits("::ffff:10.1.2.3", "2026-12-31T23:59:59Z"), Ok(()));
    assert_eq!(admits("11.1.2.3", "2026-12-31T23:59:59Z"), Err(AccountRefusal::Address));
    assert_eq!(admits("10.1.2.3", "2027-01-01T00:00:00Z"), Err(AccountRefusal::Expired));
}

#[test]
fn a_service_acts_only_with_the_roles_it_may_act_as() {
    let directory = directory(
        "
users:
  - { login: alice, id: 3, roles: [rep, auditor] }
  - { login: bob, id: 4, roles: [auditor] }
  - { login: carol, id: 5, roles: [rep], status: disabled }
services: [ { login: crm_app, may_act_as: [rep] } ]
",
    );
    let service = directory.service("crm_app").unwrap();
    let act_as = |login| directory.act_as(service, login, now()).map(|facts| facts.roles.clone());
    assert_eq!(act_as("alice"), Ok(vec!["rep".into()]));
    assert_eq!(act_as("bob"), Err(ActAsRefusal::NotAllowed));
    assert_eq!(act_as("nobody"), Err(ActAsRefusal::NotAllowed));
    assert_eq!(act_as("carol"), Err(ActAsRefusal::Account(AccountRefusal::Disabled)));
    assert!(directory.facts("crm_app", now()).unwrap().roles.is_empty());
}

#[test]
fn a_role_the_policy_does_not_have_is_reported_where_it_is_named() {
    let directory = directory("users:\n  - { login: alice, roles: [sales_repp] }\n");
    let unknown = directory.unknown_roles(&["sales_rep".into()]);
    assert_eq!(unknown[0].message, "role `sales_repp` is not in the policy");
    assert_eq!(unknown[0].suggestion.as_deref(), Some("did you mean `sales_rep`?"));
    assert_eq!((unknown[0].line, unknown[0].column), (2, 29));
    assert!(directory.unknown_roles(&["sales_repp".into()]).is_empty());
}
