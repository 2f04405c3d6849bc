//! Resolves function calls and casts. Pure.

use super::coerce::DEEPEST;
use super::function::{Class, classify, withheld};
use super::parameter::Meeting;
use super::query::Resolver;
use super::safe::{is_inferred, is_time_unit};
use super::scope::{Ctes, Facts, KnownType, Scope};
use super::total;
use crate::catalog::{FIRST_USER_OID, PG_CATALOG};
use crate::error::{Refusal, SqlState};
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
            parts.push(self.sort_key(key, scope, ctes)?);
        }
        if let Some(filter) = &call.filter {
            let mut condition = self.expr(filter, scope, ctes)?;
            condition.safe &= self.truth(&condition)?;
            parts.push(condition);
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
        if let ([argument], Some("lower" | "upper")) =
            (call.arguments.as_slice(), call.name.last().map(String::as_str))
        {
            self.meet_type(argument, TypeId(total::TEXT));
        }
        if call.over.is_some() {
            self.judged(call, &parts, location)?;
            let total = matches!(
                call.name.last().map(String::as_str),
                Some("row_number" | "rank" | "dense_rank" | "count")
            );
            return Ok(Facts { aggregated: true, safe: facts.safe && total, ..facts });
        }
        Ok(match self.judged(call, &parts, location)? {
            Class::Total => {
                let known = self.total_call(call, &parts);
                Facts {
                    known: known.unwrap_or(KnownType::Unknown),
                    safe: facts.safe && known.is_some(),
                    ..facts
                }
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

    /// The class of a call; of a function that does not exist PostgreSQL's own words.
    fn judged(&self, call: &Call, parts: &[Facts], location: Location) -> Result<Class, Refusal> {
        self.class_of(call).map_err(|refusal| {
            if refusal.sqlstate != SqlState::UNDEFINED_FUNCTION {
                return refusal;
            }
            let types: Option<Vec<String>> = parts
                .iter()
                .take(call.arguments.len())
                .map(|part| match part.known {
                    KnownType::Literal => Some("unknown".to_owned()),
                    KnownType::Type(id) => self.context.catalog.type_for_people(id),
                    KnownType::Unknown => None,
                })
                .collect();
            let message = match types {
                Some(types) => {
                    format!("function {}({}) does not exist", call.name.join("."), types.join(", "))
                }
                None => refusal.message,
            };
            Refusal::new(SqlState::UNDEFINED_FUNCTION, message, "")
                .at(location.map(|offset| offset as usize))
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
        // Asked politely, for NULL where there is none.
        if call.arguments.len() == 2 {
            return self.narrowed_setting(call, location);
        }
        if let Some(ExprKind::Constant(Constant::String(name))) =
            call.arguments.first().map(|argument| &argument.kind)
            && !self.context.catalog.may_have_setting(&name.to_ascii_lowercase())
        {
            return Err(crate::planner::unrecognized(name));
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

    /// What a call of a listed function returns, when it is one of the forms that cannot fail.
    fn total_call(&self, call: &Call, parts: &[Facts]) -> Option<KnownType> {
        let name = call.name.last()?;
        if call.variadic || call.arguments.len() != parts.len() {
            return None;
        }
        let named = |argument: &Expr| matches!(argument.kind, ExprKind::Named(_));
        if call.arguments.iter().any(named) {
            return None;
        }
        if total::COUNTING.contains(&name.as_str()) {
            return parts
                .iter()
                .all(|part| !part.composite && is_inferred(part.known))
                .then_some(KnownType::Type(TypeId(23)));
        }
        let arguments: Vec<(&Expr, &Facts)> = call.arguments.iter().zip(parts).collect();
        let entry = total::entry(total::FUNCTIONS, name, &arguments)?;
        self.plain_collation(parts).then_some(match entry.result {
            0 => KnownType::Unknown,
            result => KnownType::Type(TypeId(result)),
        })
    }

    /// Whether functions and patterns may be applied to these: some raise an error where strings
    /// compare equal that have other bytes, or where two collations meet.
    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    pub(super) fn plain_collation(&self, parts: &[Facts]) -> bool {
        Facts::over(parts).collation.is_deterministic()
    }

    pub(super) fn class_of(&self, call: &Call) -> Result<Class, Refusal> {
        if self.context.view_depth > 0 {
            let name = call.name.last().map_or("", String::as_str);
            let found = self.context.catalog.functions_named(name);
            // A name that also means something else may not be an aggregate here.
            let aggregate = !found.is_empty()
                && found.iter().all(|f| f.kind == crate::catalog::FunctionKind::Aggregate);
            let total = total::is_listed(name)
                && found.iter().all(|function| &*function.schema == PG_CATALOG);
            return Ok(if aggregate {
                Class::Aggregate
            } else if total {
                Class::Total
            } else {
                Class::Fallible
            });
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
        classify(
            self.context.catalog,
            self.context.path,
            self.context.grants,
            self.server_name(&call.name),
        )
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
        self.cast_types.extend(to.filter(|_| self.watchful));
        if let Some(to) = to.filter(|_| !target.modified) {
            self.meeting(operand, Meeting::Cast(self.context.catalog.base_type(to)));
        }
        let own = self.own_cast(part.known, to)?;
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
                (KnownType::Type(from), Some(to)) => {
                    total::is_total_cast(self.context.catalog, from, to)
                }
                (_, _) => false,
            };
        Ok(Facts {
            safe: part.safe && (literal || (total && own)),
            known,
            column: None,
            composite: false,
            ..Facts::over([&part])
        })
    }

    /// Whether a cast can only be one of PostgreSQL's own.
    ///
    /// # Errors
    ///
    /// Somebody made a cast that this may be, and its function is not granted.
    fn own_cast(&self, from: KnownType, to: Option<TypeId>) -> Result<bool, Refusal> {
        if self.context.view_depth > 0 {
            return Ok(false);
        }
        let mut own = true;
        // A domain is cast to what it is over, an array element by element, a row field by field.
        for cast in self.context.catalog.user_casts() {
            // A literal is read by the type's own input function.
            let meant = match from {
                KnownType::Literal => false,
                KnownType::Type(from) => self.holds(from, cast.source, DEEPEST),
                KnownType::Unknown => true,
            };
            // The row type of a temporary table is in no catalogue.
            if meant && to.is_none_or(|to| self.holds(to, cast.target, DEEPEST)) {
                own = false;
                self.allow_cast(cast)?;
            }
        }
        Ok(own)
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
