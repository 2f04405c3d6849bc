//! Casts to the types whose values are names of objects: `regclass` and its like. Pure.
//!
//! What is cast is a name or an OID of the client's choice. A literal is looked up here; anything
//! else is narrowed where it stands. In other places than plain casts these types are refused: a
//! number would become a name unseen.

use std::ops::Range;

use super::describe::{OID, literal, source};
use super::output::{OutputName, output_name};
use super::query::Resolver;
use super::scope::{Facts, KnownType};
use crate::catalog::{FIRST_USER_OID, PG_CATALOG};
use crate::error::{Refusal, SqlState};
use crate::ids::{ObjectId, TypeId};
use crate::sql::TokenKind;
use crate::sql::ast::{Call, Constant, Expr, ExprKind, Location, TypeRef};

/// The types whose values are printed as names of objects, and the function that looks a name up
/// (PostgreSQL documentation, 8.19 "Object Identifier Types").
#[rustfmt::skip]
const NAMES: &[(TypeId, &str, &str)] = &[
    (TypeId(24), "regproc", "to_regproc"),
    (TypeId(2202), "regprocedure", "to_regprocedure"),
    (REGCLASS, "regclass", "to_regclass"),
    (REGTYPE, "regtype", "to_regtype"),
    (REGNAMESPACE, "regnamespace", "to_regnamespace"),
    (REGROLE, "regrole", "to_regrole"),
];

const REGCLASS: TypeId = TypeId(2205);
const REGTYPE: TypeId = TypeId(2206);
const REGNAMESPACE: TypeId = TypeId(4089);
const REGROLE: TypeId = TypeId(4096);

/// The tokens of a cast.
pub(super) struct CastTokens {
    /// What stands before the operand: `CAST (`, or nothing.
    before: Range<usize>,
    /// What stands behind it: `::type`, or `AS type)`.
    behind: Range<usize>,
}

impl Resolver<'_> {
    /// Looks after a cast: to a type that does not exist for the principal, or to one of the types
    /// that are names of objects.
    pub(super) fn described_cast(
        &mut self,
        operand: &Expr,
        part: &Facts,
        target: &TypeRef,
        to: TypeId,
        location: Location,
    ) -> Result<(), Refusal> {
        if self.context.view_depth > 0 {
            return Ok(());
        }
        self.existing_type(to)?;
        let Some((_, of, lookup)) = NAMES.iter().find(|(known, ..)| *known == to) else {
            return Ok(());
        };
        if target.array {
            return Ok(());
        }
        self.cast_names.extend(self.type_token(target, operand, location));
        if self.is_known(operand, part) {
            return Ok(());
        }
        if let ExprKind::Constant(Constant::Null) = &operand.kind {
            return Ok(());
        }
        if let Some(name) = literal(operand) {
            return match to {
                REGCLASS => self.named_relation(name, operand.location),
                REGTYPE => self.named_type(name, operand.location),
                REGNAMESPACE => self.named_schema(name, operand.location),
                REGROLE => self.named_role(name),
                _ => self.literal_oid(name, operand.location),
            };
        }
        let refused = || {
            Refusal::unsupported(
                "this cast to a name of an object is not supported for a restricted principal",
            )
        };
        let CastTokens { before, behind } =
            self.cast_tokens(target, location).ok_or_else(refused)?;
        // `tableoid` is a column of every table.
        let own_table = matches!(&operand.kind, ExprKind::Column(column)
            if column.parts.last().is_some_and(|name| name == "tableoid"));
        let known = if own_table { KnownType::Type(OID) } else { part.known };
        let (source, end) = source(known, lookup);
        let hidden = if to == REGROLE { self.other_role() } else { self.hidden_condition() };
        let name = match output_name(operand) {
            OutputName::Strong(name) => name,
            OutputName::Weak(_) | OutputName::None | OutputName::Unsure => (*of).to_owned(),
        };
        let prefix = format!(
            "(SELECT CAST(CASE WHEN {hidden} THEN NULL ELSE rowgate_object.oid END AS \
             pg_catalog.{of}) AS \"{}\" FROM {source}",
            name.replace('"', "\"\"")
        );
        self.around(before, behind, prefix, format!("{end})"));
        Ok(())
    }

    /// Refuses a type that does not exist for the principal.
    fn existing_type(&self, id: TypeId) -> Result<(), Refusal> {
        if id.0 < FIRST_USER_OID {
            return Ok(());
        }
        let visible = (self.context.visible)();
        if visible.hides(ObjectId(id.0)) {
            let found = self.context.catalog.sql_type(id);
            let name =
                found.map_or_else(String::new, |found| format!("{}.{}", found.schema, found.name));
            return Err(Refusal::new(
                SqlState("42704"),
                format!("type \"{name}\" does not exist"),
                "",
            ));
        }
        if visible.is_partial(id.0) {
            return Err(Refusal::denied(
                "permission denied for a row type",
                "the relation has columns that are not visible",
            ));
        }
        Ok(())
    }

    /// The type of a call whose result is a name of an object.
    pub(super) fn names_object(&self, call: &Call) -> KnownType {
        let Some(function) = self.built_in_name(&call.name) else { return KnownType::Unknown };
        if ["pg_partition_root", "pg_partition_ancestors"].contains(&function) {
            return KnownType::Type(REGCLASS);
        }
        NAMES
            .iter()
            .find(|(_, _, lookup)| *lookup == function)
            .map_or(KnownType::Unknown, |(found, ..)| KnownType::Type(*found))
    }

    /// A name of an object is looked after where it is cast; in any other place such a type can
    /// stand (column definitions, arrays, parameters) a number would become a name unseen.
    pub(super) fn refuse_other_names(&self) -> Result<(), Refusal> {
        let unseen = (self.span.start..self.span.end)
            .any(|at| self.is_name_type(at) && !self.cast_names.contains(&at));
        let declared = self
            .context
            .declared
            .iter()
            .chain(self.prepared.iter().filter_map(|known| match known {
                KnownType::Type(declared) => Some(declared),
                KnownType::Literal | KnownType::Unknown => None,
            }))
            .any(|declared| NAMES.iter().any(|(name, ..)| name == declared));
        if unseen || declared {
            return Err(Refusal::unsupported(
                "regclass and its like are supported in plain casts for a restricted principal",
            ));
        }
        Ok(())
    }

    /// Whether a token names such a type, or an array of it, where a type can stand.
    fn is_name_type(&self, at: usize) -> bool {
        let Some(word) = self.tokens.identifier(at) else { return false };
        let element = word.strip_prefix('_').unwrap_or(&word);
        if !NAMES.iter().any(|(_, name, _)| *name == element) {
            return false;
        }
        let behind = |mark: &str| at >= 1 && self.tokens.is_mark(at - 1, mark);
        let of_catalogue =
            at >= 2 && self.tokens.identifier(at - 2).is_some_and(|schema| schema == PG_CATALOG);
        // `t.regclass` is a column. Behind AS stands an alias, or the end of a CAST, which was
        // looked at unless it is to an array.
        let column = behind(".") && !of_catalogue;
        let array = self.tokens.is_mark(at + 1, "[") || self.tokens.is_word(at + 1, "array");
        let alias = at >= 1 && self.tokens.is_word(at - 1, "as") && !array && element == word;
        !column && !alias
    }

    /// The token that names the type of a cast.
    fn type_token(&self, target: &TypeRef, operand: &Expr, location: Location) -> Option<usize> {
        let at = |location: Location| self.tokens.at_byte(location? as usize);
        let token = match at(location) {
            Some(colons) if self.tokens.is_mark(colons, "::") => {
                colons + if self.tokens.is_mark(colons + 2, ".") { 3 } else { 1 }
            }
            Some(cast) if self.tokens.is_word(cast, "cast") => {
                let end = self.close_bracket(cast + 1).ok()?;
                end.checked_sub(2)?
            }
            // `regclass 'x'`
            Some(_) | None => at(operand.location)?.checked_sub(1)?,
        };
        (self.tokens.identifier(token).as_deref() == target.names.last().map(String::as_str))
            .then_some(token)
    }

    /// Refuses values of which some are names of objects and others become such names unseen.
    pub(super) fn refuse_mixed_names<'f>(
        &self,
        parts: impl IntoIterator<Item = &'f Facts>,
    ) -> Result<(), Refusal> {
        let (mut names, mut others) = (false, false);
        for part in parts {
            let name = match part.known {
                KnownType::Type(found) => NAMES.iter().any(|(known, ..)| *known == found),
                KnownType::Literal | KnownType::Unknown => false,
            };
            names |= name;
            others |= !name;
        }
        if names && others && self.context.view_depth == 0 {
            return Err(Refusal::unsupported(
                "regclass and its like do not mix with other types for a restricted principal",
            ));
        }
        Ok(())
    }

    /// Refuses an array of names of objects: one could be given further elements unseen.
    pub(super) fn refuse_array_of_names<'f>(
        &self,
        parts: impl IntoIterator<Item = &'f Facts>,
    ) -> Result<(), Refusal> {
        let named = parts.into_iter().any(|part| match part.known {
            KnownType::Type(found) => NAMES.iter().any(|(known, ..)| *known == found),
            KnownType::Literal | KnownType::Unknown => false,
        });
        if named && self.context.view_depth == 0 {
            return Err(Refusal::unsupported(
                "an array of regclass or its like is not supported for a restricted principal",
            ));
        }
        Ok(())
    }

    fn cast_tokens(&self, target: &TypeRef, location: Location) -> Option<CastTokens> {
        let at = self.tokens.at_byte(location? as usize)?;
        if self.tokens.is_mark(at, "::") {
            let operand = self.operand_before(at)?;
            let names = if self.tokens.is_mark(at + 2, ".") { 3 } else { 1 };
            let spelled = self.tokens.identifier(at + names);
            if spelled.as_deref() != target.names.last().map(String::as_str) {
                return None;
            }
            return Some(CastTokens {
                before: operand.start..operand.start,
                behind: at..at + 1 + names,
            });
        }
        if self.tokens.is_word(at, "cast") && self.tokens.is_mark(at + 1, "(") {
            let separator = self.scan(at + 2, |tokens, index| tokens.is_word(index, "as"));
            let end = self.close_bracket(at + 1).ok()?;
            return Some(CastTokens { before: at..at + 2, behind: separator..end });
        }
        None
    }

    /// What an operand in front of `::` is made of, as far as that can be told from its tokens: a
    /// parameter, a literal, a column, a call or something in brackets, with casts behind it.
    fn operand_before(&self, colons: usize) -> Option<Range<usize>> {
        let last = colons.checked_sub(1)?;
        let is_name = |at: usize| {
            self.tokens.get(at).is_some_and(|token| {
                token.kind == TokenKind::Word || token.kind == TokenKind::QuotedIdentifier
            })
        };
        let mut start = last;
        if self.tokens.is_mark(last, ")") {
            let mut depth = 0_usize;
            loop {
                if self.tokens.is_mark(start, ")") {
                    depth += 1;
                } else if self.tokens.is_mark(start, "(") {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                start = start.checked_sub(1)?;
            }
            let before = start.checked_sub(1);
            match before {
                Some(before) if is_name(before) && !self.is_keyword(before) => start = before,
                _ => return Some(start..colons),
            }
        } else if is_name(last) {
            start = last;
        } else {
            let kind = self.tokens.get(last)?.kind;
            return matches!(kind, TokenKind::Parameter | TokenKind::String | TokenKind::Integer)
                .then_some(last..colons);
        }
        // A name, perhaps qualified; perhaps a type behind another `::`.
        while start >= 2 && self.tokens.is_mark(start - 1, ".") && is_name(start - 2) {
            start -= 2;
        }
        if start >= 1 && self.tokens.is_mark(start - 1, "::") {
            return Some(self.operand_before(start - 1)?.start..colons);
        }
        Some(start..colons)
    }

    /// Words before a bracket that are no function's name.
    fn is_keyword(&self, at: usize) -> bool {
        [
            "select",
            "where",
            "and",
            "or",
            "not",
            "on",
            "in",
            "any",
            "all",
            "some",
            "then",
            "else",
            "when",
            "case",
            "by",
            "values",
            "returning",
            "having",
            "limit",
            "offset",
            "over",
            "filter",
            "as",
            "exists",
            "array",
            "row",
            "like",
            "ilike",
            "between",
            "is",
            "using",
            "set",
            "from",
            "cast",
        ]
        .iter()
        .any(|word| self.tokens.is_word(at, word))
    }
}
