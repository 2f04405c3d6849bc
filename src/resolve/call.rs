//! Resolves function calls and casts. Pure.

use super::function::{Class, classify, withheld};
use super::query::Resolver;
use super::safe::{is_day_unit, is_inferred, is_time_unit};
use super::scope::{Ctes, Facts, KnownType, Scope};
use crate::catalog::{FIRST_USER_OID, PG_CATALOG};
use crate::error::Refusal;
use crate::ids::TypeId;
use crate::sql::ast::{Call, Constant, Expr, ExprKind, Location, TypeRef};

impl Resolver<'_> {
    pub(super) fn call(
        &mut self,
        call: &Call,
        location: Location,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        if let Some(instead) = withheld(self.context.catalog, &call.name)
            && (self.context.view_depth == 0 || self.context.system_view)
        {
            let start = location
                .and_then(|offset| self.tokens.at_byte(offset as usize))
                .ok_or_else(|| Refusal::unsupported("this call is not supported"))?;
            let end = self.close_bracket(start + 2 * call.name.len() - 1)?;
            if !self.resolved.withheld.iter().any(|(known, _)| *known == (start..end)) {
                self.resolved.withheld.push((start..end, instead.to_owned()));
            }
            return Ok(Facts::constant(KnownType::Unknown));
        }
        let mut parts = self.exprs(&call.arguments, scope, ctes)?;
        for key in &call.order_by {
            self.sort_operator(key)?;
            parts.push(self.expr(&key.expr, scope, ctes)?);
        }
        if let Some(filter) = &call.filter {
            parts.push(self.expr(filter, scope, ctes)?);
        }
        if let Some(window) = &call.over {
            parts.push(self.window(window, scope, ctes)?);
        }
        self.setting(call, location)?;
        self.described(call, location, &parts)?;
        if self.privilege(call, location, &parts)? {
            let facts = Facts::over(&parts);
            let total = facts.safe && self.looks_up_known(call, &parts);
            return Ok(Facts { known: KnownType::Type(TypeId(16)), safe: total, ..facts });
        }
        let facts = Facts::over(&parts);
        if call.over.is_some() {
            self.class_of(call)?;
            let total = matches!(
                call.name.last().map(String::as_str),
                Some("row_number" | "rank" | "dense_rank" | "count")
            );
            return Ok(Facts { aggregated: true, safe: facts.safe && total, ..facts });
        }
        Ok(match self.class_of(call)? {
            Class::Total => {
                let known = match call.name.last().map(String::as_str) {
                    Some(
                        "lower" | "upper" | "initcap" | "btrim" | "ltrim" | "rtrim" | "reverse"
                        | "md5",
                    ) => KnownType::Type(TypeId(25)),
                    Some(
                        "length" | "char_length" | "character_length" | "octet_length"
                        | "bit_length" | "strpos" | "position",
                    ) => KnownType::Type(TypeId(23)),
                    Some(_) | None => KnownType::Unknown,
                };
                let plain = Self::is_total_call(call, &parts);
                Facts { known, safe: facts.safe && plain, ..facts }
            }
            Class::Constant => {
                let known = match call.name.last().map(String::as_str) {
                    Some("now" | "transaction_timestamp" | "statement_timestamp") => {
                        KnownType::Type(TypeId(1184))
                    }
                    Some(_) | None => KnownType::Unknown,
                };
                // Newer servers have forms with arguments, which can be out of range.
                Facts { known, safe: parts.is_empty(), ..facts }
            }
            Class::Aggregate => {
                // What others can do: overflow, exceed a limit, meet a null key.
                let (total, known) = match call.name.last().map(String::as_str) {
                    Some("count") => (true, KnownType::Type(TypeId(20))),
                    Some("bool_and" | "bool_or" | "every") => (true, KnownType::Type(TypeId(16))),
                    Some("min" | "max") => (
                        parts.iter().all(|part| !part.composite && is_inferred(part.known)),
                        parts.first().map_or(KnownType::Unknown, |part| part.known),
                    ),
                    Some(_) | None => (false, KnownType::Unknown),
                };
                Facts { aggregated: true, known, safe: facts.safe && total, ..facts }
            }
            Class::Fallible => {
                let bounded = facts.safe
                    && facts.deps.is_empty()
                    && matches!(call.name.last().map(String::as_str), Some("date_trunc"))
                    && matches!(
                        call.arguments.as_slice(),
                        [unit, _] if is_time_unit(unit)
                    );
                let describes = facts.safe && self.is_total_description(call, &parts);
                let known = self.names_object(call);
                Facts { safe: bounded || describes, known, ..facts }
            }
            Class::Sequence => {
                self.sequence(call)?;
                Facts { safe: false, ..facts }
            }
        })
    }

    /// `current_setting` tells what SHOW would tell, and nothing else.
    pub(super) fn setting(&mut self, call: &Call, location: Location) -> Result<(), Refusal> {
        if self.context.view_depth > 0
            || call.name.last().map(String::as_str) != Some("current_setting")
        {
            return Ok(());
        }
        let shown = match call.arguments.first().map(|argument| &argument.kind) {
            Some(ExprKind::Constant(Constant::String(name))) => {
                crate::planner::is_shown(&name.to_ascii_lowercase())
            }
            // A parameter's value is not known yet: names that SHOW does not show become NULL, and
            // so does the setting.
            Some(_) => return self.narrowed_setting(call, location),
            None => false,
        };
        if shown {
            return Ok(());
        }
        Err(Refusal::denied(
            "permission denied for function current_setting",
            "only settings that SHOW shows, named by a literal, can be read",
        ))
    }

    pub(super) fn narrowed_setting(
        &mut self,
        call: &Call,
        location: Location,
    ) -> Result<(), Refusal> {
        let refused = || Refusal::unsupported("this call of current_setting is not supported");
        let name =
            location.and_then(|offset| self.tokens.at_byte(offset as usize)).ok_or_else(refused)?;
        let open = name + 2 * call.name.len() - 1;
        if !self.tokens.is_mark(open, "(") {
            return Err(refused());
        }
        let end = self.scan(open + 1, |tokens, index| tokens.is_mark(index, ","));
        let narrow = [
            (open + 1..open + 1, "pg_catalog.\"substring\"(".to_owned()),
            (end..end, format!(", '(?i)^({})$')", crate::planner::shown_settings().join("|"))),
        ];
        for edit in narrow {
            if !self.resolved.withheld.contains(&edit) {
                self.resolved.withheld.push(edit);
            }
        }
        Ok(())
    }

    /// Whether a call of a function that is listed as total is one of the forms that are: other
    /// functions of the same name can fail (`length(bytea, name)`, `date_part('x', …)`).
    pub(super) fn is_total_call(call: &Call, parts: &[Facts]) -> bool {
        let is_text = |part: &Facts| match part.known {
            KnownType::Type(TypeId(19 | 25 | 1042 | 1043)) | KnownType::Literal => true,
            KnownType::Type(_) | KnownType::Unknown => false,
        };
        let plain = |part: &Facts| !part.composite && is_inferred(part.known);
        match call.name.last().map(String::as_str) {
            Some(name @ ("date_part" | "extract")) => match (call.arguments.as_slice(), parts) {
                ([unit, _], [_, value]) => match value.known {
                    KnownType::Type(TypeId(1114 | 1184)) => is_time_unit(unit),
                    // `date_part` of a date makes it a timestamp, which has a smaller range.
                    KnownType::Type(TypeId(1082)) => name == "extract" && is_day_unit(unit),
                    KnownType::Type(_) | KnownType::Literal | KnownType::Unknown => false,
                },
                (_, _) => false,
            },
            Some(
                "lower" | "upper" | "initcap" | "length" | "char_length" | "character_length"
                | "octet_length" | "bit_length" | "reverse" | "md5",
            ) => matches!(parts, [text] if is_text(text)),
            Some("btrim" | "ltrim" | "rtrim" | "strpos" | "position" | "starts_with") => {
                parts.len() <= 2 && parts.iter().all(is_text)
            }
            Some(_) | None => parts.iter().all(plain),
        }
    }

    pub(super) fn class_of(&self, call: &Call) -> Result<Class, Refusal> {
        if self.context.view_depth > 0 {
            let name = call.name.last().map_or("", String::as_str);
            let found = self.context.catalog.functions_named(name);
            // A name that also means something else may not be an aggregate here.
            let aggregate = !found.is_empty()
                && found.iter().all(|f| f.kind == crate::catalog::FunctionKind::Aggregate);
            return Ok(if aggregate { Class::Aggregate } else { Class::Fallible });
        }
        // Somebody's own function of that name could be meant instead.
        let only_built_in = self
            .context
            .catalog
            .functions_named("set_config")
            .iter()
            .all(|function| &*function.schema == PG_CATALOG);
        if only_built_in && sets_a_harmless_setting(call) {
            return Ok(Class::Fallible);
        }
        classify(self.context.catalog, self.context.path, self.context.grants, &call.name)
    }

    /// `nextval('schema.sequence')`: the name has to be a literal, and the sequence granted.
    pub(super) fn sequence(&self, call: &Call) -> Result<(), Refusal> {
        let denied = |name: &str| {
            Refusal::denied(
                format!("permission denied for sequence {name}"),
                "no role in force grants the use of this sequence",
            )
        };
        let [argument] = call.arguments.as_slice() else { return Err(denied("")) };
        let named = if let ExprKind::Cast { operand, target } = &argument.kind
            && target.names.last().map(String::as_str) == Some("regclass")
        {
            operand
        } else {
            argument
        };
        let ExprKind::Constant(Constant::String(literal)) = &named.kind else {
            return Err(denied("named by an expression"));
        };
        // The text is an identifier list as in SQL: our lexer reads it as the server does.
        let tokens = crate::sql::Tokens::new(literal).map_err(|_| denied(literal))?;
        let name = |index: usize| tokens.identifier(index).ok_or_else(|| denied(literal));
        let relation = match tokens.len() {
            1 => self.context.path.relation(self.context.catalog, &name(0)?),
            3 if tokens.is_mark(1, ".") => {
                self.context.catalog.relation_named(&name(0)?, &name(2)?)
            }
            _ => None,
        };
        match relation {
            Some(relation) if (self.context.sequences)(relation.id) => Ok(()),
            Some(_) | None => Err(denied(literal)),
        }
    }

    pub(super) fn allowed_type(&self, target: &TypeRef) -> Result<Option<TypeId>, Refusal> {
        if target.special {
            return Err(Refusal::unsupported("this type is not supported"));
        }
        let catalog = self.context.catalog;
        let found = match target.names.as_slice() {
            [name] => self
                .context
                .path
                .0
                .iter()
                .map(|schema| &**schema)
                .chain([PG_CATALOG])
                .find_map(|schema| catalog.type_named(schema, name)),
            [schema, name] => catalog.type_named(schema, name),
            _ => None,
        };
        Ok(found.map(|found| if target.array { found.array.unwrap_or(found.id) } else { found.id }))
    }

    pub(super) fn cast(
        &mut self,
        operand: &Expr,
        target: &TypeRef,
        location: Location,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let part = self.expr(operand, scope, ctes)?;
        let to = self.allowed_type(target)?;
        if let Some(to) = to {
            self.described_cast(operand, &part, target, to, location)?;
        }
        let known =
            to.map_or(KnownType::Unknown, |to| KnownType::Type(self.context.catalog.base_type(to)));
        let built_in = to.is_some_and(|to| to.0 < FIRST_USER_OID);
        // Read when the statement is parsed or bound, whatever the rows are.
        let literal = built_in
            && (matches!(operand.kind, ExprKind::Constant(Constant::String(_) | Constant::Null))
                || (matches!(operand.kind, ExprKind::Parameter(_))
                    && part.known == KnownType::Literal));
        let total = !target.array
            && !target.modified
            && built_in
            && match (part.known, to) {
                (KnownType::Type(from), Some(to)) => is_total_cast(from, to),
                (_, _) => false,
            };
        Ok(Facts {
            safe: part.safe && (literal || total),
            known,
            column: None,
            composite: false,
            ..Facts::over([&part])
        })
    }
}

/// `set_config('jit', 'off', false)` as asyncpg sends it before it looks up types, and
/// `set_config('TimeZone', …)` as Django does. Neither changes what a statement means or may do, and
/// the names are literals. Everything else that `set_config` could do stays refused.
pub(super) fn sets_a_harmless_setting(call: &Call) -> bool {
    let built_in = match call.name.as_slice() {
        [function] => function == "set_config",
        [schema, function] => schema == PG_CATALOG && function == "set_config",
        _ => false,
    };
    let [setting, value, _] = call.arguments.as_slice() else { return false };
    let ExprKind::Constant(Constant::String(setting)) = &setting.kind else { return false };
    let plain = matches!(value.kind, ExprKind::Constant(_) | ExprKind::Parameter(_));
    let harmless = setting.eq_ignore_ascii_case("jit") || setting.eq_ignore_ascii_case("timezone");
    built_in && plain && harmless
}

/// Casts between built-in types that cannot fail: widening, and to text.
pub(super) fn is_total_cast(from: TypeId, to: TypeId) -> bool {
    const INT2: u32 = 21;
    const INT4: u32 = 23;
    const INT8: u32 = 20;
    const FLOAT4: u32 = 700;
    const FLOAT8: u32 = 701;
    const NUMERIC: u32 = 1700;
    const TEXT: [u32; 2] = [25, 1043];
    const TIMESTAMPS: [u32; 2] = [1114, 1184];
    const DATE: u32 = 1082;
    if from == to {
        return true;
    }
    if TEXT.contains(&to.0) {
        // Output functions of these types cannot fail.
        return [
            16, 18, 19, INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC, 25, 1042, 1043, DATE, 1114,
            1184, 1083, 1266, 1186, 2950, 114, 3802,
        ]
        .contains(&from.0);
    }
    match from.0 {
        INT2 => [INT4, INT8, NUMERIC, FLOAT4, FLOAT8].contains(&to.0),
        INT4 => [INT8, NUMERIC, FLOAT8].contains(&to.0),
        INT8 => [NUMERIC, FLOAT8].contains(&to.0),
        FLOAT4 => to.0 == FLOAT8,
        1114 | 1184 => to.0 == DATE && TIMESTAMPS.contains(&from.0),
        _ => false,
    }
}
