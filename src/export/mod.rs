//! A policy for some people → PostgreSQL's own row security, column grants and masking views: a
//! second line of defence behind the gateway, and an oracle for it. Pure.
//!
//! Every person is a database role of their own, and what the policy asks of a person stands in the
//! native policies as literals. So nobody can say who they are: a setting (`current_setting`) can
//! be set by whoever is restricted by it, and a table of identities needs a right to be read. The
//! price is that a change of the directory has to be exported again.
//!
//! What it makes:
//! - grants on tables and columns: a column that is masked or denied is not granted;
//! - a policy for each grant (permissive) and each rule (restrictive) of each verb;
//! - in a schema of the person's own, a view for each relation whose columns are masked or denied,
//!   with the filter and the masks in it and `security_barrier`;
//! - for a filter that reads other tables, a SECURITY DEFINER function over the row.
//!
//! Views and functions belong to a role that cannot log in and may read what they read. It never
//! connects to anything and never says that something is expressed that is not: see [`Omission`].
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod ddl;
mod person;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::error::Refusal;
use crate::ids::RelationId;
use crate::policy::{PersonFacts, PolicySet, always};

use ddl::{GATEWAY_POLICY, READER, READER_POLICY};
use person::Person;

/// A part of the policy that PostgreSQL has no words for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Omission {
    /// Whom it concerns; `None`: everybody.
    pub login: Option<String>,
    /// `schema.table`; `None`: the person as a whole.
    pub relation: Option<String>,
    /// What is not expressed, and what happens instead.
    pub what: String,
}

/// Statements that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What they do, for a comment.
    pub title: String,
    /// Each without its semicolon.
    pub statements: Vec<String>,
}

/// What is printed: statements in the order of their dependencies.
#[derive(Debug, Clone, Default)]
pub struct Export {
    /// In order.
    pub sections: Vec<Section>,
    /// Sorted.
    pub omitted: Vec<Omission>,
}

/// How it is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Create the people's roles where they do not exist.
    pub create_roles: bool,
    /// Bind the owners of the tables as well.
    pub force: bool,
}

/// The policy for these people.
///
/// # Errors
///
/// A defect of rowgate: an expression of the policy could not be printed.
pub fn compile(
    policy: &PolicySet,
    catalog: &Catalog,
    people: &[PersonFacts],
    options: Options,
) -> Result<Export, Refusal> {
    let mut omitted: Vec<Omission> = EVERYWHERE
        .iter()
        .map(|what| Omission { login: None, relation: None, what: (*what).to_owned() })
        .collect();
    let mut tables: BTreeSet<RelationId> = BTreeSet::new();
    let mut reads: BTreeSet<(String, String)> = BTreeSet::new();
    let mut exported: Vec<String> = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    for facts in people {
        let login = facts.login.to_string();
        let subject = always(policy, facts);
        let left_out = if !ddl::is_usable(&login) {
            Some("is not a name that a role can have here; left out")
        } else if subject.unrestricted {
            Some("is unrestricted: no policy can say so, use a role with BYPASSRLS; left out")
        } else {
            None
        };
        if let Some(what) = left_out {
            omitted.push(Omission { login: Some(login), relation: None, what: what.to_owned() });
            continue;
        }
        let mut person = Person::new(policy, catalog, facts, &subject);
        person.write()?;
        sections.push(Section {
            title: format!("{login}: {}", person.roles()),
            statements: person.statements,
        });
        tables.extend(person.tables);
        reads.extend(person.reads);
        omitted.extend(person.omitted);
        exported.push(login);
    }
    omitted.sort();
    omitted.dedup();
    let mut export = Export { sections: preparation(catalog, &exported, options), omitted };
    export.sections.push(Section {
        title: "what views and functions may read".to_owned(),
        statements: reader(&reads),
    });
    let statements = tables
        .iter()
        .filter_map(|id| catalog.relation(*id))
        .flat_map(|relation| ddl::protect(relation, &catalog.backend_user, options.force))
        .collect();
    export.sections.push(Section { title: "row security".to_owned(), statements });
    export.sections.append(&mut sections);
    Ok(export)
}

/// What takes an export back: for these people, or for everybody and the tables as well.
pub fn revert(catalog: &Catalog, logins: &[String], everything: bool) -> Vec<Section> {
    let mut sections = vec![removal(catalog, logins)];
    if everything {
        sections.push(Section {
            title: "row security: off where no policy is left".to_owned(),
            statements: vec![ddl::unprotect()],
        });
        sections.push(Section {
            title: format!(
                "the owner of views and functions; DROP ROLE {READER} when no other \
                            database has an export"
            ),
            statements: vec![ddl::disown_reader()],
        });
    }
    sections
}

fn preparation(catalog: &Catalog, logins: &[String], options: Options) -> Vec<Section> {
    let mut roles = vec![ddl::create_reader()];
    if options.create_roles {
        roles.extend(logins.iter().map(|login| ddl::create_role(login)));
    }
    roles.extend(logins.iter().map(|login| ddl::check_role(login)));
    vec![Section { title: "roles".to_owned(), statements: roles }, removal(catalog, logins)]
}

/// Takes away what an earlier export left, and every other right on tables.
fn removal(catalog: &Catalog, logins: &[String]) -> Section {
    let mut schemas: Vec<&str> = catalog
        .relations()
        .filter(|relation| !relation.is_system())
        .map(|relation| &*relation.schema)
        .filter(|schema| !schema.starts_with(ddl::PREFIX))
        .collect();
    schemas.sort_unstable();
    schemas.dedup();
    let statements = logins.iter().map(|login| ddl::remove(login, &schemas)).collect();
    Section { title: "the version before: removed".to_owned(), statements }
}

fn reader(reads: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut by_schema: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (schema, name) in reads {
        by_schema.entry(schema).or_default().push(name);
    }
    let mut statements = Vec::new();
    for (schema, names) in by_schema {
        statements.push(format!("GRANT USAGE ON SCHEMA {} TO {READER}", ddl::ident(schema)));
        for name in names {
            let name = ddl::qualified(schema, name);
            statements.push(format!("GRANT SELECT ON {name} TO {READER}"));
        }
    }
    statements
}

/// What holds for every export.
const EVERYWHERE: [&str; 7] = [
    "the catalogue is not filtered: everybody reads the names of everything, the text of policies \
     and views with the identity values in it, and statistics of what they may select",
    "error messages, notices and EXPLAIN are not redacted",
    "nothing is recorded in an audit log",
    "PostgreSQL's own functions need no grant, and user functions that PUBLIC may execute neither",
    "limits of rows and of statements are not expressed",
    "masking views are for reading: rows are locked and written in the table itself, by columns that \
     are not masked",
    "columns with a default that draws from a sequence need USAGE on it, which only `sequences` of \
     the policy gives",
];

/// The names of the policies that every protected table has, beside the people's own.
pub const SHARED_POLICIES: [&str; 2] = [GATEWAY_POLICY, READER_POLICY];

#[cfg(test)]
mod tests;
