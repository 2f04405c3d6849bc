//! `rowgate export rls`: the policy as PostgreSQL's own row security and masking views.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Exit, Failure, Format, open, output};
use crate::config;
use crate::directory::{Account, Assignment, Directory};
use crate::export::{Export, Omission, Options, Section, compile, revert};
use crate::ids::RoleName;
use crate::policy::PersonFacts;
use crate::snapshot::Snapshot;

/// Writes the policy in another system's words.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Rls(RlsArguments),
}

/// Prints SQL: the same policy as row-level security, column grants and masking views.
///
/// Each person becomes a database role of the login's name. The header says what PostgreSQL has no
/// words for. Nothing is run: apply the output with psql as a superuser, again after every change of
/// policy or directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate export rls --config rowgate.toml --role sales_rep \
                  --create-roles > rls.sql\n  rowgate export rls --config rowgate.toml --revert")]
struct RlsArguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only this person; may be repeated. Without --user and --role: everybody.
    #[arg(long, value_name = "LOGIN")]
    user: Vec<String>,
    /// Only those who have this role; may be repeated.
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// Creates the roles of people that do not exist. They can log in when they get a password.
    #[arg(long)]
    create_roles: bool,
    /// Binds the owners of the tables as well (FORCE ROW LEVEL SECURITY).
    #[arg(long)]
    force: bool,
    /// Prints what takes an export back. Without --user and --role also from the tables.
    #[arg(long, conflicts_with_all = ["create_roles", "force"])]
    revert: bool,
    /// SQL, or JSON with what could not be expressed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    match arguments.what {
        What::Rls(arguments) => rls(&arguments, out),
    }
}

fn rls(arguments: &RlsArguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let loaded = config::load(&arguments.config).map_err(Failure::findings)?;
    let (state, _) = open::open(loaded.settings, now)?.state.map_err(Failure::findings)?;
    let snapshot = state.current();
    let people = people(&snapshot, arguments, now)?;
    let export = if arguments.revert {
        let logins: Vec<String> = people.iter().map(|person| person.login.to_string()).collect();
        let everybody = arguments.user.is_empty() && arguments.role.is_empty();
        let sections = revert(&snapshot.catalog, &logins, everybody);
        Export { sections, omitted: Vec::new() }
    } else {
        let options = Options { create_roles: arguments.create_roles, force: arguments.force };
        let mut export = compile(&snapshot.policy, &snapshot.catalog, &people, options)
            .map_err(|refusal| Failure::usage(format!("{refusal}: {}", refusal.reason)))?;
        export.omitted.extend(of_the_directory(&snapshot.directory, &people));
        export.omitted.sort();
        export
    };
    match arguments.format {
        Format::Table => print(out, &snapshot, &export, arguments.revert)?,
        Format::Json => output::json(out, &as_json(&snapshot, &export))?,
    }
    Ok(Exit::Success)
}

/// The people who are meant, in the order of the directory; accounts that are not in use are not.
fn people(
    snapshot: &Snapshot,
    arguments: &RlsArguments,
    now: Timestamp,
) -> Result<Vec<PersonFacts>, Failure> {
    let directory = &snapshot.directory;
    if let Some(unknown) = arguments.user.iter().find(|login| directory.person(login).is_none()) {
        return Err(Failure::usage(format!("there is no user `{unknown}`")));
    }
    let roles: Vec<RoleName> =
        arguments.role.iter().map(|role| RoleName::from(role.as_str())).collect();
    let known: Vec<&RoleName> = snapshot.policy.roles().collect();
    if let Some(unknown) = roles.iter().find(|role| !known.contains(role)) {
        return Err(Failure::usage(format!("there is no role `{unknown}`")));
    }
    let everybody = arguments.user.is_empty() && roles.is_empty();
    let mut people = Vec::new();
    for user in directory.users() {
        let Some(facts) = directory.facts(user.login.as_str(), now) else { continue };
        let held = snapshot.policy.with_includes(&facts.roles);
        let meant = everybody
            || arguments.user.iter().any(|login| login == user.login.as_str())
            || roles.iter().any(|role| held.contains(role));
        // What is taken back is taken back from everybody.
        let usable = arguments.revert || Account::User(user).is_usable(now).is_ok();
        if meant && usable {
            people.push(PersonFacts::clone(&facts));
        }
    }
    Ok(people)
}

/// What the directory says and a role of the database cannot.
fn of_the_directory(directory: &Directory, people: &[PersonFacts]) -> Vec<Omission> {
    let mut omitted = Vec::new();
    for person in people {
        let Some(user) = directory.person(person.login.as_str()) else { continue };
        let mut omit = |what: &str| {
            let login = Some(person.login.to_string());
            omitted.push(Omission { login, relation: None, what: what.to_owned() });
        };
        if !user.assignments.iter().all(Assignment::is_lasting) {
            omit("roles that begin or end: as they are today; export again then");
        }
        if user.valid_until.is_some() {
            omit("`valid_until`: ALTER ROLE … VALID UNTIL bounds passwords only");
        }
        if !user.allowed_from.is_empty() {
            omit("`allowed_from`: write it into pg_hba.conf");
        }
    }
    if !directory.services().is_empty() {
        let what = "service accounts act for others, which a role cannot: left out".to_owned();
        omitted.push(Omission { login: None, relation: None, what });
    }
    omitted
}

fn print(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    export: &Export,
    revert: bool,
) -> Result<(), Failure> {
    let what = if revert { "takes back" } else { "is" };
    let version = &snapshot.versions.policy;
    writeln!(out, "-- This {what} an export of rowgate's policy {version}.")?;
    writeln!(out, "-- Run it as a superuser in the database that the gateway serves.")?;
    if !revert {
        writeln!(out, "-- Row security binds every role that does not own the tables: roles that")?;
        writeln!(out, "-- are not in this export see no row of them, the gateway's sees all.")?;
        writeln!(out, "-- Masked columns are in views; people find them before the tables with")?;
        writeln!(out, "-- ALTER ROLE … SET search_path = \"rowgate_LOGIN\", …")?;
        writeln!(out, "--\n-- What PostgreSQL has no words for:")?;
        for omission in &export.omitted {
            writeln!(out, "--   {}", comment(&in_words(omission)))?;
        }
    }
    writeln!(out, "\nBEGIN;")?;
    // Nothing below depends on it, and names that are printed keep their schema.
    writeln!(out, "SET LOCAL search_path = pg_catalog;")?;
    writeln!(out, "SET LOCAL standard_conforming_strings = on;")?;
    for Section { title, statements } in &export.sections {
        writeln!(out, "\n-- {}", comment(title))?;
        for statement in statements {
            writeln!(out, "{statement};")?;
        }
    }
    writeln!(out, "\nCOMMIT;")?;
    Ok(())
}

fn in_words(omission: &Omission) -> String {
    let who = omission.login.as_deref().unwrap_or("everybody");
    match &omission.relation {
        Some(relation) => format!("{who}, {relation}: {}", omission.what),
        None => format!("{who}: {}", omission.what),
    }
}

/// A text that cannot end its comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn as_json(snapshot: &Snapshot, export: &Export) -> Json {
    let sections: Vec<Json> = export
        .sections
        .iter()
        .map(|section| json!({ "title": section.title, "statements": section.statements }))
        .collect();
    let omitted: Vec<Json> = export
        .omitted
        .iter()
        .map(|omission| {
            json!({
                "user": omission.login,
                "relation": omission.relation,
                "what": omission.what,
            })
        })
        .collect();
    json!({
        "policy_version": snapshot.versions.policy.as_str(),
        "not_expressed": omitted,
        "sections": sections,
    })
}
