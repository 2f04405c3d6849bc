//! Functions that look into the catalogue: by OID, which may be of something hidden, and by name.
//! Pure.
//!
//! An OID that comes from a column of the catalogue is one that the catalogue's own filter let
//! through. Any other OID is narrowed: a hidden one becomes one that nothing has, so the function
//! answers as it does for what does not exist. A name is looked up here when it is a literal.

use std::borrow::Cow;
use std::ops::Range;

use super::query::Resolver;
use super::scope::{Facts, KnownType};
use crate::catalog::PG_CATALOG;
use crate::error::{Refusal, SqlState};
use crate::ids::{ObjectId, TypeId};
use crate::sql::ast::{Call, Constant, Expr, ExprKind, Location};
use crate::sql::{TokenKind, Tokens};

/// What an argument looks something up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// An OID of anything.
    Oid,
    /// A relation: an OID or a name (`regclass`).
    Relation,
    /// A role.
    Role,
}

/// Functions that describe what one of their arguments names: name, which argument, what by.
#[rustfmt::skip]
const DESCRIBED: &[(&str, usize, Key)] = &[
    ("col_description", 0, Key::Oid),
    ("format_type", 0, Key::Oid),
    ("obj_description", 0, Key::Oid),
    ("pg_column_is_updatable", 0, Key::Relation),
    ("pg_describe_object", 1, Key::Oid),
    ("pg_function_is_visible", 0, Key::Oid),
    ("pg_get_constraintdef", 0, Key::Oid),
    ("pg_get_expr", 1, Key::Oid),
    ("pg_get_function_arg_default", 0, Key::Oid),
    ("pg_get_function_arguments", 0, Key::Oid),
    ("pg_get_function_identity_arguments", 0, Key::Oid),
    ("pg_get_function_result", 0, Key::Oid),
    ("pg_get_indexdef", 0, Key::Oid),
    ("pg_get_partition_constraintdef", 0, Key::Oid),
    ("pg_get_partkeydef", 0, Key::Oid),
    ("pg_get_userbyid", 0, Key::Role),
    ("pg_identify_object", 1, Key::Oid),
    ("pg_index_column_has_property", 0, Key::Relation),
    ("pg_index_has_property", 0, Key::Relation),
    ("pg_partition_ancestors", 0, Key::Relation),
    ("pg_partition_root", 0, Key::Relation),
    ("pg_partition_tree", 0, Key::Relation),
    ("pg_relation_is_publishable", 0, Key::Relation),
    ("pg_relation_is_updatable", 0, Key::Relation),
    ("pg_sequence_parameters", 0, Key::Oid),
    ("pg_table_is_visible", 0, Key::Oid),
    ("pg_type_is_visible", 0, Key::Oid),
    ("row_security_active", 0, Key::Relation),
    ("shobj_description", 0, Key::Role),
];

/// Functions whose result has the type of one argument and a value of another.
const COLLECTS: &[&str] =
    &["array_agg", "array_append", "array_fill", "array_prepend", "array_replace", "lag", "lead"];

/// Functions that look a relation or its row type up by a name that is an argument of type text.
const NAMED: &[(&str, Named)] = &[
    ("to_regclass", Named::Relation),
    ("to_regtype", Named::Type),
    ("to_regnamespace", Named::Schema),
    ("pg_get_serial_sequence", Named::Relation),
];

/// What a name in a text is a name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Relation,
    Type,
    Schema,
}

impl Named {
    fn type_name(self) -> &'static str {
        match self {
            Self::Relation => "regclass",
            Self::Type => "regtype",
            Self::Schema => "regnamespace",
        }
    }
}

/// Describe without ever failing: NULL for what does not exist.
const TOTAL: &[&str] = &[
    "pg_collation_is_visible",
    "pg_conversion_is_visible",
    "pg_function_is_visible",
    "pg_opclass_is_visible",
    "pg_operator_is_visible",
    "pg_opfamily_is_visible",
    "pg_table_is_visible",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible",
    "pg_type_is_visible",
];

/// `oid`
pub(super) const OID: TypeId = TypeId(26);

impl Resolver<'_> {
    /// Narrows what a call looks up to what exists for the principal.
    pub(super) fn described(
        &mut self,
        call: &Call,
        location: Location,
        parts: &[Facts],
    ) -> Result<(), Refusal> {
        let Some(function) = self.built_in_name(&call.name) else { return Ok(()) };
        if COLLECTS.contains(&function) {
            return self.refuse_array_of_names(parts);
        }
        if let Some((_, index, key)) = DESCRIBED.iter().find(|(name, ..)| *name == function) {
            let (Some(argument), Some(facts)) = (call.arguments.get(*index), parts.get(*index))
            else {
                return Ok(());
            };
            if self.is_known(argument, facts) {
                return Ok(());
            }
            if *key == Key::Relation
                && let Some(name) = literal(argument)
            {
                return self.named_relation(name, argument.location);
            }
            let range = self.argument(call, location, *index)?;
            self.narrow(&range, *key);
            return Ok(());
        }
        if let Some((_, named)) = NAMED.iter().find(|(name, _)| *name == function)
            && let (Some(argument), Some(facts)) = (call.arguments.first(), parts.first())
        {
            return self.named(*named, argument, facts, call, location);
        }
        Ok(())
    }

    fn named(
        &mut self,
        named: Named,
        argument: &Expr,
        facts: &Facts,
        call: &Call,
        location: Location,
    ) -> Result<(), Refusal> {
        let returns_null = call.name.last().is_some_and(|name| name.starts_with("to_"));
        let inner =
            if let ExprKind::Cast { operand, .. } = &argument.kind { operand } else { argument };
        let literal = literal(inner);
        let Some(name) = literal else {
            if !returns_null {
                // The name is looked up first, and what is shown is named again.
                let range = self.argument(call, location, 0)?;
                let (source, end) = source(facts.known, "to_regclass");
                let prefix = format!(
                    "(SELECT CAST(CAST(CASE WHEN {} THEN NULL ELSE rowgate_object.oid END AS \
                     pg_catalog.regclass) AS pg_catalog.text) FROM {source}",
                    self.hidden_condition()
                );
                self.around(
                    range.start..range.start,
                    range.end..range.end,
                    prefix,
                    format!("{end})"),
                );
                return Ok(());
            }
            // Whatever it names is looked up first, and then narrowed.
            let range = self.whole_call(call, location)?;
            let name = call.name.last().map_or("", String::as_str);
            let (source, end) = source(KnownType::Type(OID), "");
            let prefix = format!(
                "(SELECT CAST(CASE WHEN {} THEN NULL ELSE rowgate_object.oid END AS \
                 pg_catalog.{}) AS {name} FROM {source}",
                self.hidden_condition(),
                named.type_name()
            );
            self.around(range.start..range.start, range.end..range.end, prefix, format!("{end})"));
            return Ok(());
        };
        let checked = match named {
            Named::Relation => self.named_relation(name, argument.location),
            Named::Type => self.named_type(name, argument.location),
            Named::Schema => self.named_schema(name, argument.location),
        };
        if checked.is_err() && returns_null {
            let range = self.whole_call(call, location)?;
            let name = call.name.last().map_or("", String::as_str);
            let null = format!("(SELECT CAST(NULL AS pg_catalog.{}) AS {name})", named.type_name());
            self.instead(range, null);
            return Ok(());
        }
        checked
    }

    /// Whether the value cannot be the OID of something hidden: a column of the catalogue, or a
    /// name that was looked at.
    pub(super) fn is_known(&self, argument: &Expr, facts: &Facts) -> bool {
        let of_catalogue = facts.column.is_some_and(|(used, _)| {
            self.resolved.uses.get(used).is_some_and(|used| used.relation.is_system())
        });
        let mut inner = argument;
        let mut by_name = false;
        while let ExprKind::Cast { operand, target } = &inner.kind {
            by_name |= matches!(
                target.names.last().map(String::as_str),
                Some("regclass" | "regtype" | "regproc" | "regprocedure" | "regnamespace")
            );
            inner = operand;
        }
        let looked_at = by_name && matches!(inner.kind, ExprKind::Constant(_));
        let null = matches!(inner.kind, ExprKind::Constant(Constant::Null));
        let built_in = matches!(
            inner.kind,
            ExprKind::Constant(Constant::Integer(number)) if (0..16384).contains(&number)
        );
        of_catalogue || looked_at || null || built_in
    }

    /// Refuses the literal name of a hidden relation as PostgreSQL refuses one that does not exist.
    pub(super) fn named_relation(
        &mut self,
        literal: &str,
        location: Location,
    ) -> Result<(), Refusal> {
        let Some((schema, name)) = parts(literal) else {
            return self.literal_oid(literal, location);
        };
        let found = match &schema {
            Some(schema) => self.context.catalog.relation_named(schema, &name),
            None => self.context.path.relation(self.context.catalog, &name),
        };
        match found {
            Some(relation) if (self.context.visible)().hides(ObjectId(relation.id.0)) => {
                Err(Refusal::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{}\" does not exist", spelled(schema.as_deref(), &name)),
                    "",
                )
                .at(location.map(|offset| offset as usize)))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn named_type(&mut self, literal: &str, location: Location) -> Result<(), Refusal> {
        let plain = literal.trim_end_matches(['[', ']', ' ']);
        let Some((schema, name)) = parts(plain) else {
            return self.literal_oid(literal, location);
        };
        let catalog = self.context.catalog;
        let found = match &schema {
            Some(schema) => catalog.type_named(schema, &name),
            None => self.context.path.0.iter().find_map(|path| catalog.type_named(path, &name)),
        };
        match found {
            Some(found) if (self.context.visible)().hides(ObjectId(found.id.0)) => {
                Err(Refusal::new(
                    SqlState("42704"),
                    format!("type \"{}\" does not exist", spelled(schema.as_deref(), &name)),
                    "",
                )
                .at(location.map(|offset| offset as usize)))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn named_schema(
        &mut self,
        literal: &str,
        location: Location,
    ) -> Result<(), Refusal> {
        let Some((None, name)) = parts(literal) else {
            return self.literal_oid(literal, location);
        };
        let schemas = &self.context.catalog.objects().schemas;
        let hidden = schemas
            .iter()
            .any(|(id, found)| **found == *name && (self.context.visible)().hides(*id));
        if hidden {
            return Err(Refusal::new(
                SqlState("3F000"),
                format!("schema \"{name}\" does not exist"),
                "",
            ));
        }
        Ok(())
    }

    /// Only the gateway's own role and PostgreSQL's are there.
    pub(super) fn named_role(&self, literal: &str) -> Result<(), Refusal> {
        let name = parts(literal).map(|(_, name)| name);
        let own = name.as_deref() == Some(&*self.context.catalog.backend_user)
            || name.as_deref().is_some_and(|name| name.starts_with("pg_"));
        if own {
            return Ok(());
        }
        Err(Refusal::new(SqlState("42704"), format!("role \"{literal}\" does not exist"), ""))
    }

    /// `'16385'` is an OID to the types that are names of objects.
    pub(super) fn literal_oid(&mut self, literal: &str, location: Location) -> Result<(), Refusal> {
        let hidden = literal
            .trim()
            .parse::<u32>()
            .is_ok_and(|oid| (self.context.visible)().hides(ObjectId(oid)));
        if !hidden {
            return Ok(());
        }
        let token = location.and_then(|offset| self.tokens.at_byte(offset as usize));
        match token {
            Some(at) if self.is_string(at) => {
                self.instead(at..at + 1, "'4294967295'".to_owned());
                Ok(())
            }
            Some(_) | None => Err(Refusal::unsupported("this name of an object is not supported")),
        }
    }

    fn is_string(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::String)
    }

    /// The name of a built-in function that nobody else's shares.
    pub(super) fn built_in_name<'n>(&self, name: &'n [String]) -> Option<&'n str> {
        let function = match name {
            [function] => function,
            [schema, function] if schema == PG_CATALOG => function,
            _ => return None,
        };
        (self.context.view_depth == 0).then_some(function.as_str())
    }

    // Tokens.

    pub(super) fn open_bracket(&self, call: &Call, location: Location) -> Result<usize, Refusal> {
        let refused = || Refusal::unsupported("this call is not supported");
        let start =
            location.and_then(|offset| self.tokens.at_byte(offset as usize)).ok_or_else(refused)?;
        let open = start + 2 * call.name.len() - 1;
        if self.tokens.is_mark(open, "(") { Ok(open) } else { Err(refused()) }
    }

    pub(super) fn whole_call(
        &self,
        call: &Call,
        location: Location,
    ) -> Result<Range<usize>, Refusal> {
        let open = self.open_bracket(call, location)?;
        Ok(open + 1 - 2 * call.name.len()..self.close_bracket(open)?)
    }

    /// The tokens of one argument.
    pub(super) fn argument(
        &self,
        call: &Call,
        location: Location,
        index: usize,
    ) -> Result<Range<usize>, Refusal> {
        if call.arguments.iter().any(|argument| matches!(argument.kind, ExprKind::Named(_))) {
            return Err(Refusal::unsupported(
                "this function takes its arguments by position for a restricted principal",
            ));
        }
        let mut start = self.open_bracket(call, location)? + 1;
        for _ in 0..index {
            start = self.scan(start, |tokens, at| tokens.is_mark(at, ",")) + 1;
        }
        Ok(start..self.scan(start, |tokens, at| tokens.is_mark(at, ",")))
    }

    // Edits.

    fn narrow(&mut self, range: &Range<usize>, key: Key) {
        let (source, end) = match key {
            Key::Oid | Key::Role => source(KnownType::Type(OID), ""),
            Key::Relation => (
                "(SELECT CAST(CAST((".to_owned(),
                ") AS pg_catalog.regclass) AS pg_catalog.oid)) AS rowgate_object (oid)".to_owned(),
            ),
        };
        let hidden = match key {
            Key::Oid | Key::Relation => self.hidden_condition(),
            Key::Role => self.other_role(),
        };
        let prefix = format!(
            "(SELECT CASE WHEN {hidden} THEN CAST('4294967295' AS pg_catalog.oid) ELSE \
             rowgate_object.oid END FROM {source}"
        );
        self.around(range.start..range.start, range.end..range.end, prefix, format!("{end})"));
    }

    /// Whether `rowgate_object.oid` is of something hidden.
    pub(super) fn hidden_condition(&self) -> String {
        among(&(self.context.visible)().multirange())
    }

    /// Whether `rowgate_object.oid` is of a role that is neither PostgreSQL's nor the gateway's own.
    pub(super) fn other_role(&self) -> String {
        format!(
            "NOT (rowgate_object.oid OPERATOR(pg_catalog.<) CAST('16384' AS pg_catalog.oid) OR \
             rowgate_object.oid OPERATOR(pg_catalog.=) CAST('{}' AS pg_catalog.oid))",
            self.context.catalog.objects().backend_role
        )
    }

    /// Puts text in place of what stands before and behind tokens. What was put at the same place
    /// earlier belongs inside.
    pub(super) fn around(
        &mut self,
        before: Range<usize>,
        behind: Range<usize>,
        prefix: String,
        suffix: String,
    ) {
        let (before, behind) = ((before, prefix), (behind, suffix));
        let withheld = &mut self.resolved.withheld;
        if withheld.contains(&before) && withheld.contains(&behind) {
            return;
        }
        let at = withheld.iter().position(|(known, _)| *known == before.0);
        withheld.insert(at.unwrap_or(withheld.len()), before);
        withheld.push(behind);
    }

    pub(super) fn instead(&mut self, range: Range<usize>, text: String) {
        if !self.resolved.withheld.iter().any(|(known, _)| *known == range) {
            self.resolved.withheld.push((range, text));
        }
    }

    /// Whether a call describes what columns of the catalogue and constants name, and cannot fail.
    pub(super) fn is_total_description(&self, call: &Call, parts: &[Facts]) -> bool {
        let Some(function) = self.built_in_name(&call.name) else { return false };
        TOTAL.contains(&function) && self.looks_up_known(call, parts)
    }

    /// Whether all arguments are columns of the catalogue and literals.
    pub(super) fn looks_up_known(&self, call: &Call, parts: &[Facts]) -> bool {
        call.arguments.iter().zip(parts).all(|(argument, facts)| {
            self.is_known(argument, facts)
                || matches!(argument.kind, ExprKind::Constant(_) | ExprKind::SqlValue(_))
        })
    }
}

/// Whether `rowgate_object.oid` is in a multirange. 4294967295 is an OID that nothing ever has.
pub(super) fn among(multirange: &str) -> String {
    format!(
        "CAST(rowgate_object.oid AS pg_catalog.int8) OPERATOR(pg_catalog.<@) CAST('{multirange}' \
         AS pg_catalog.int8multirange)"
    )
}

/// What stands before and behind an expression of the client to make `rowgate_object.oid` of it: it
/// is read once. Where it may be a name, `lookup` is the function that finds it, and one that does
/// not exist is NULL, like one of something hidden.
pub(super) fn source(known: KnownType, lookup: &str) -> (String, String) {
    let end = "AS pg_catalog.oid)) AS rowgate_object (oid)";
    match known {
        KnownType::Type(TypeId(20 | 21 | 23 | 24 | 26 | 2202 | 2205 | 2206 | 4089 | 4096)) => {
            ("(SELECT CAST((".to_owned(), format!(") {end}"))
        }
        KnownType::Literal | KnownType::Type(TypeId(19 | 25 | 1042 | 1043)) => (
            format!("(SELECT CAST(pg_catalog.{lookup}(CAST(("),
            format!(") AS pg_catalog.text)) {end}"),
        ),
        // Text or number: the server knows, the gateway does not.
        KnownType::Type(_) | KnownType::Unknown => (
            format!(
                "(SELECT CASE WHEN rowgate_text.value OPERATOR(pg_catalog.~) '^[0-9]+$' THEN \
                 CAST(rowgate_text.value AS pg_catalog.oid) ELSE \
                 CAST(pg_catalog.{lookup}(rowgate_text.value) AS pg_catalog.oid) END FROM (SELECT \
                 CAST(("
            ),
            ") AS pg_catalog.text)) AS rowgate_text (value)) AS rowgate_object (oid)".to_owned(),
        ),
    }
}

/// The text of a literal.
pub(super) fn literal(expr: &Expr) -> Option<&str> {
    if let ExprKind::Constant(Constant::String(text)) = &expr.kind { Some(text) } else { None }
}

/// `[schema.]name` as PostgreSQL reads it in a text; `None` for anything else.
fn parts(literal: &str) -> Option<(Option<String>, String)> {
    let tokens = Tokens::new(literal).ok()?;
    let name = |index: usize| tokens.identifier(index).map(Cow::into_owned);
    match tokens.len() {
        1 => Some((None, name(0)?)),
        3 if tokens.is_mark(1, ".") => Some((Some(name(0)?), name(2)?)),
        // A database in front can only be this one.
        5 if tokens.is_mark(1, ".") && tokens.is_mark(3, ".") => Some((Some(name(2)?), name(4)?)),
        _ => None,
    }
}

fn spelled(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) => format!("{schema}.{name}"),
        None => name.to_owned(),
    }
}

/// The element of an array type of PostgreSQL's that catalogue columns have.
pub(super) fn catalogue_element(array: KnownType) -> Option<TypeId> {
    let KnownType::Type(TypeId(array)) = array else { return None };
    [(22, 21), (30, 26), (1002, 18), (1003, 19), (1005, 21), (1007, 23), (1009, 25), (1028, 26)]
        .iter()
        .find(|(known, _)| *known == array)
        .map(|(_, element)| TypeId(*element))
}

/// A regular expression that is certainly well formed, and whose meaning does not depend on what it
/// is matched with: letters, digits, `_`, `-`, `.`, groups, alternatives, anchors and repetition.
pub(super) fn is_plain_regex(pattern: &Expr) -> bool {
    if let ExprKind::Collate(inner) = &pattern.kind {
        return is_plain_regex(inner);
    }
    let Some(text) = literal(pattern) else { return false };
    // How many groups are open, whether the last thing can be repeated, whether the branch has
    // anything in it.
    let (mut depth, mut atom, mut some) = (0_usize, false, false);
    for character in text.chars() {
        match character {
            '^' | '$' => (atom, some) = (false, true),
            '.' | '_' | '-' => (atom, some) = (true, true),
            '(' => {
                depth += 1;
                (atom, some) = (false, false);
            }
            ')' if depth > 0 && some => {
                depth -= 1;
                (atom, some) = (true, true);
            }
            '|' if some => (atom, some) = (false, false),
            '*' if atom => atom = false,
            letter if letter.is_alphanumeric() => (atom, some) = (true, true),
            _ => return false,
        }
    }
    depth == 0 && some
}

#[cfg(test)]
mod tests;
