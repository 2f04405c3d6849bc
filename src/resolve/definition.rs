//! Resolves what is done to temporary tables besides reading and writing them: CREATE, DROP,
//! TRUNCATE, CREATE INDEX. Pure.
//!
//! A temporary table belongs to its session, and its name is always written with its schema, so
//! none of this can meet a table of the database.

use super::query::{NO_CTES, Resolver};
use super::scope::Scope;
use crate::catalog::TypeKind;
use crate::error::{Refusal, SqlState};
use crate::sql::ast::{ColumnType, CreatedFrom, Definition, DroppedName, RelationRef, TypeRef};

/// The schema in which a session makes temporary relations, whatever it is called.
const TEMPORARY: &str = "pg_temp";

impl Resolver<'_> {
    pub(super) fn definition(&mut self, definition: &Definition) -> Result<(), Refusal> {
        match definition {
            Definition::Create { name, from } => {
                self.new_name(name)?;
                match from {
                    CreatedFrom::Query(query) => {
                        self.query(query, None, &NO_CTES)?;
                        Ok(())
                    }
                    // What it answers was decided on when it was prepared; the session looks.
                    CreatedFrom::Execute { arguments, .. } => self.arguments(arguments),
                    CreatedFrom::Columns(columns) => {
                        columns.iter().try_for_each(|column| self.column_type(column))
                    }
                }
            }
            Definition::Drop { names, if_exists } => self.dropped(names, *if_exists),
            Definition::Truncate(relations) => {
                relations.iter().try_for_each(|relation| self.own(relation))
            }
            Definition::Index(relation) => self.own(relation),
        }
    }

    /// The name of a temporary table that is made. It hides no type, since its row type would be
    /// found before, and no relation: triggers and functions of the database that name a table
    /// without its schema would find this one.
    fn new_name(&mut self, name: &RelationRef) -> Result<(), Refusal> {
        self.in_own_database(name)?;
        let catalog = self.context.catalog;
        let hides = |kind: TypeKind| match kind {
            TypeKind::Base
            | TypeKind::Domain
            | TypeKind::Enum
            | TypeKind::Pseudo
            | TypeKind::Range => true,
            TypeKind::Composite => false,
        };
        let taken = name.name.starts_with("rowgate_")
            || catalog.types().any(|known| *known.name == *name.name && hides(known.kind))
            || catalog.relations().any(|known| *known.name == *name.name);
        if taken {
            return Err(Refusal::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("\"{}\" is not a name for a temporary table", name.name),
                "it would hide something of the database; choose another one",
            ));
        }
        if name.schema.as_deref().is_some_and(|schema| schema != TEMPORARY) {
            return Err(Refusal::new(
                SqlState("42P16"),
                "cannot create temporary relation in non-temporary schema",
                "",
            ));
        }
        let tokens = self.name_tokens(name)?;
        self.resolved.named.push((tokens, TEMPORARY.to_owned(), name.name.clone()));
        Ok(())
    }

    fn column_type(&mut self, column: &ColumnType) -> Result<(), Refusal> {
        if let Some(default) = &column.default {
            let facts = self.expr(default, &Scope { items: &[], parent: None }, &NO_CTES)?;
            self.become_anything(&[facts.known])?;
            if !self.resolved.uses.is_empty() {
                return Err(Refusal::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "cannot use subquery in DEFAULT expression",
                    "",
                ));
            }
        }
        if is_serial(&column.target) {
            return Ok(());
        }
        let catalog = self.context.catalog;
        let plain = self.allowed_type(&column.target)?.is_some_and(|found| {
            let element = catalog.sql_type(found).and_then(|t| t.element).unwrap_or(found);
            catalog.sql_type(element).is_some_and(|known| match known.kind {
                // Names of objects as values would tell whether the objects exist.
                TypeKind::Base => !known.name.starts_with("reg"),
                TypeKind::Domain | TypeKind::Enum | TypeKind::Range => true,
                TypeKind::Composite | TypeKind::Pseudo => false,
            })
        });
        if plain {
            return Ok(());
        }
        let name = column.target.names.last().map_or("", String::as_str);
        Err(Refusal::unsupported(format!(
            "a column of type \"{name}\" is not supported in a temporary table of a restricted \
             principal"
        )))
    }

    /// A name that has to mean a temporary table of the session.
    fn own(&mut self, reference: &RelationRef) -> Result<(), Refusal> {
        let relation = self.find(reference)?;
        if !relation.is_temporary() {
            return Err(not_own(&relation.name));
        }
        let tokens = self.name_tokens(reference)?;
        let (schema, name) = (relation.schema.to_string(), relation.name.to_string());
        self.resolved.named.push((tokens, schema, name));
        Ok(())
    }

    /// `DROP TABLE [IF EXISTS] name, …`: the tree has no positions for these names.
    fn dropped(&mut self, names: &[DroppedName], if_exists: bool) -> Result<(), Refusal> {
        let refused = || Refusal::unsupported("this spelling of DROP is not supported");
        let mut at = self.span.start + if if_exists { 4 } else { 2 };
        for (number, dropped) in names.iter().enumerate() {
            if number > 0 {
                if !self.tokens.is_mark(at, ",") {
                    return Err(refused());
                }
                at += 1;
            }
            let start = at;
            for (part, spelled) in dropped.schema.iter().chain([&dropped.name]).enumerate() {
                if part > 0 {
                    if !self.tokens.is_mark(at, ".") {
                        return Err(refused());
                    }
                    at += 1;
                }
                if self.tokens.identifier(at).as_deref() != Some(spelled) {
                    return Err(refused());
                }
                at += 1;
            }
            let path = self.context.path;
            let catalog = self.context.catalog;
            let found = match &dropped.schema {
                Some(schema) => path.relation_named(catalog, schema, &dropped.name),
                None => path.relation(catalog, &dropped.name),
            };
            let schema = match found {
                Some(relation) if relation.is_temporary() => relation.schema.to_string(),
                Some(relation) => return Err(not_own(&relation.name)),
                None => TEMPORARY.to_owned(),
            };
            self.resolved.named.push((start..at, schema, dropped.name.clone()));
        }
        Ok(())
    }
}

fn not_own(name: &str) -> Refusal {
    Refusal::denied(
        format!("must be owner of table {name}"),
        "a restricted principal may define, empty and drop its own temporary tables only",
    )
}

/// Not types but a notation for columns (PostgreSQL documentation, 8.1.4).
fn is_serial(target: &TypeRef) -> bool {
    !target.array
        && matches!(
            target.names.as_slice(),
            [name] if ["serial", "serial4", "bigserial", "serial8", "smallserial", "serial2"]
                .contains(&name.as_str())
        )
}
