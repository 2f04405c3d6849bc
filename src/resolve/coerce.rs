//! Casts and operators that somebody made and that no text names. Pure.
//!
//! PostgreSQL applies an implicit cast wherever a value of one type stands where another is wanted,
//! and an assignment cast where a column, a condition or a subscript wants it (PostgreSQL
//! documentation, 10 "Type Conversion" and CREATE CAST). What the parts of an expression are is
//! known here only roughly: a cast that could be meant is taken to be meant. One whose function no
//! role in force grants is refused; any other can fail on a value, so what it is in is not safe.

use super::expr::COMPARISONS;
use super::query::Resolver;
use super::scope::{Facts, KnownType, OutputColumn};
use super::total;
use crate::catalog::{CastContext, FIRST_USER_OID, Function, PG_CATALOG, TypeKind, UserCast};
use crate::error::Refusal;
use crate::ids::TypeId;
use crate::sql::ast::{Call, Expr, ExprKind, OperatorKind, SublinkKind};

pub(super) const BOOL: TypeId = TypeId(16);
pub(super) const INT8: TypeId = TypeId(20);
const NUMBERS: [u32; 6] = [20, 21, 23, 700, 701, 1700];
const STRINGS: [u32; 5] = [18, 19, 25, 1042, 1043];
const MOMENTS: [u32; 3] = [1082, 1114, 1184];
const ARITHMETIC: [&str; 5] = ["+", "-", "*", "/", "%"];
/// Types within types that are followed.
pub(super) const DEEPEST: u8 = 8;

/// What the parts of an expression have to become.
#[derive(Debug, Clone, Copy)]
enum Wanted<'w> {
    /// One type, which is one of theirs.
    Same,
    /// This type.
    Type(TypeId),
    /// The operands of an operator of that name.
    Operands(&'w str),
    /// The arguments of a function.
    Arguments(&'w [&'w Function]),
    /// Not known.
    Anything,
}

impl Resolver<'_> {
    /// Whether nothing of what somebody made runs implicitly when the parts of `expr` meet in it.
    ///
    /// # Errors
    ///
    /// Something could run, and it is not granted.
    pub(super) fn unforced(&self, expr: &Expr, parts: &[KnownType]) -> Result<bool, Refusal> {
        match &expr.kind {
            ExprKind::Operator { form, name, .. } => {
                let name = name.last().map_or("", String::as_str);
                match form {
                    OperatorKind::Plain
                    | OperatorKind::Distinct
                    | OperatorKind::NullIf
                    | OperatorKind::In
                    | OperatorKind::Like
                    | OperatorKind::ILike
                    | OperatorKind::Similar => self.operands(name, parts),
                    OperatorKind::Any | OperatorKind::All => {
                        self.operands(name, &self.with_elements(parts))
                    }
                    OperatorKind::Between => {
                        Ok(self.operands(">=", parts)? & self.operands("<=", parts)?)
                    }
                }
            }
            ExprKind::Sublink { form, operator, .. } => match form {
                SublinkKind::Any | SublinkKind::All => {
                    self.operands(operator.last().map_or("=", String::as_str), parts)
                }
                SublinkKind::Exists | SublinkKind::Scalar | SublinkKind::Array => Ok(true),
            },
            ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_) | ExprKind::BooleanTest(_) => {
                self.become_type(BOOL, parts)
            }
            ExprKind::Array(_) | ExprKind::Coalesce(_) | ExprKind::MinMax(_) => {
                self.become_one(parts)
            }
            ExprKind::Call(call) => self.called(call, parts),
            ExprKind::Indirection { .. } => {
                self.conversions(parts.get(1..).unwrap_or_default(), Wanted::Anything, true)
            }
            ExprKind::Special(_) => self.conversions(parts, Wanted::Anything, true),
            // CASE judges its parts where it tells them apart; a cast that is written out is judged
            // as such; the others take their parts as they are.
            ExprKind::Case { .. }
            | ExprKind::Cast { .. }
            | ExprKind::NullTest(_)
            | ExprKind::Collate(_)
            | ExprKind::Row(_)
            | ExprKind::Grouping(_)
            | ExprKind::Named(_)
            | ExprKind::MultiAssign(_)
            | ExprKind::Column(_)
            | ExprKind::Parameter(_)
            | ExprKind::Constant(_)
            | ExprKind::SqlValue(_)
            | ExprKind::Default
            | ExprKind::CurrentOf(_) => Ok(true),
        }
    }

    /// As a part of what is around it.
    pub(super) fn part(&self, expr: &Expr, parts: &[KnownType], facts: &Facts) -> KnownType {
        match (&expr.kind, facts.known) {
            (ExprKind::Call(call), KnownType::Unknown) => self.result_of(call),
            (ExprKind::Operator { form: OperatorKind::Plain, name, .. }, KnownType::Unknown) => {
                calculated(name.last().map_or("", String::as_str), parts)
            }
            (ExprKind::Sublink { .. }, KnownType::Literal) => KnownType::Type(TypeId(total::TEXT)),
            (_, known) => known,
        }
    }

    /// Values that become one type: of UNION, VALUES, CASE, COALESCE and their like.
    pub(super) fn become_one(&self, parts: &[KnownType]) -> Result<bool, Refusal> {
        self.conversions(parts, Wanted::Same, false)
    }

    /// As `become_one`, of columns.
    pub(super) fn columns_become_one(&self, a: &Facts, b: &Facts) -> Result<bool, Refusal> {
        if self.watchful { self.become_one(&[a.known, b.known]) } else { Ok(true) }
    }

    /// Values that are assigned to a type, or to BOOLEAN and BIGINT where the grammar wants them.
    pub(super) fn become_type(&self, to: TypeId, parts: &[KnownType]) -> Result<bool, Refusal> {
        self.conversions(parts, Wanted::Type(to), true)
    }

    /// A condition.
    pub(super) fn truth(&self, facts: &Facts) -> Result<bool, Refusal> {
        self.become_type(BOOL, &[facts.known])
    }

    /// Values that become whatever is wanted where they stand.
    pub(super) fn become_anything(&self, parts: &[KnownType]) -> Result<bool, Refusal> {
        self.conversions(parts, Wanted::Anything, true)
    }

    /// The rows of an INSERT, column by column.
    pub(super) fn stored(
        &self,
        types: &[TypeId],
        columns: &[OutputColumn],
        open: bool,
    ) -> Result<(), Refusal> {
        if !self.watchful {
            return Ok(());
        }
        for (index, wanted) in types.iter().enumerate() {
            let known = match columns.get(index).filter(|_| !open) {
                Some(column) => column.facts.known,
                None => KnownType::Unknown,
            };
            self.become_type(*wanted, &[known])?;
        }
        Ok(())
    }

    /// Columns that are compared because they have one name.
    pub(super) fn compared_by_name(&self, a: &Facts, b: &Facts) -> Result<bool, Refusal> {
        self.operands("=", &[a.known, b.known])
    }

    fn called(&self, call: &Call, parts: &[KnownType]) -> Result<bool, Refusal> {
        let candidates = self.candidates(&call.name);
        let arguments = parts.get(..call.arguments.len()).unwrap_or(parts);
        let positional =
            !call.arguments.iter().any(|argument| matches!(argument.kind, ExprKind::Named(_)));
        let exact = |function: &&Function| {
            function.arguments.len() == arguments.len()
                && function.arguments.iter().zip(arguments).all(|(wanted, known)| match known {
                    KnownType::Literal => true,
                    KnownType::Type(id) => {
                        id == wanted || (arguments.len() == 1 && self.is_pseudo(*wanted))
                    }
                    KnownType::Unknown => false,
                })
        };
        if positional && candidates.iter().any(exact) {
            return Ok(true);
        }
        self.conversions(arguments, Wanted::Arguments(&candidates), true)
    }

    fn operands(&self, name: &str, parts: &[KnownType]) -> Result<bool, Refusal> {
        if !self.watchful {
            return Ok(true);
        }
        self.own_operators(name, parts)?;
        self.conversions(parts, Wanted::Operands(name), false)
    }

    /// Refuses an operator over somebody's own type whose function is neither an extension's nor
    /// granted, where the operands could mean it.
    pub(super) fn own_operators(&self, name: &str, parts: &[KnownType]) -> Result<(), Refusal> {
        if self.context.view_depth > 0 || is_settled(name, parts) {
            return Ok(());
        }
        let catalog = self.context.catalog;
        for operator in catalog.user_operators_named(name) {
            let Some(function) = catalog.function(operator.function) else { continue };
            let own = function.arguments.iter().any(|argument| argument.0 >= FIRST_USER_OID);
            let trusted = catalog.objects().extension_functions.contains(&function.id)
                || self.context.grants.granted(function);
            if own && !trusted && self.fits(function, parts) {
                return Err(Refusal::denied(
                    format!("permission denied for operator {name}"),
                    format!(
                        "an operator {}.{name} could be meant here, and no role in force grants \
                         its function",
                        operator.schema
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether the operands, in whatever order, could be those of the operator's function.
    fn fits(&self, function: &Function, parts: &[KnownType]) -> bool {
        function.arguments.iter().all(|wanted| {
            wanted.0 < FIRST_USER_OID
                || parts.iter().any(|part| {
                    *part == KnownType::Literal
                        || self.may_be(*part, *wanted)
                        || self.context.catalog.coercions().iter().any(|cast| {
                            self.is_one(cast.target, *wanted) && self.may_be(*part, cast.source)
                        })
                })
        })
    }

    /// Whether no cast that somebody made is needed for the parts to become what is wanted.
    fn conversions(
        &self,
        parts: &[KnownType],
        wanted: Wanted<'_>,
        assigned: bool,
    ) -> Result<bool, Refusal> {
        let mut unforced = true;
        if is_same(parts) && matches!(wanted, Wanted::Same) {
            return Ok(true);
        }
        let catalog = self.context.catalog;
        for cast in catalog.coercions() {
            let here = match cast.context {
                CastContext::Implicit => true,
                CastContext::Assignment => assigned,
                CastContext::Explicit => false,
            };
            if !here || !parts.iter().any(|part| self.may_be(*part, cast.source)) {
                continue;
            }
            let meant = match wanted {
                Wanted::Anything => true,
                Wanted::Same => parts.iter().any(|part| self.may_be(*part, cast.target)),
                Wanted::Type(id) => {
                    let already = |part: &KnownType| {
                        *part == KnownType::Type(catalog.base_type(id))
                            || *part == KnownType::Literal
                    };
                    self.may_be(KnownType::Type(id), cast.target) && !parts.iter().all(already)
                }
                Wanted::Operands(name) => self.operator_wants(name, parts, cast),
                Wanted::Arguments(candidates) => {
                    cast.target.0 < FIRST_USER_OID
                        || candidates.iter().any(|function| {
                            function.arguments.iter().any(|argument| {
                                self.may_be(KnownType::Type(*argument), cast.target)
                                    || (self.is_pseudo(*argument)
                                        && parts.iter().any(|p| self.may_be(*p, cast.target)))
                            })
                        })
                }
            };
            if !meant {
                continue;
            }
            unforced = false;
            self.allow_cast(cast)?;
        }
        Ok(unforced)
    }

    fn operator_wants(&self, name: &str, parts: &[KnownType], cast: &UserCast) -> bool {
        if is_settled(name, parts) {
            return false;
        }
        let catalog = self.context.catalog;
        let mut functions =
            catalog.user_operators_named(name).iter().filter_map(|o| catalog.function(o.function));
        // An operator that takes exactly these is taken.
        let exact = functions.clone().any(|function| {
            function.arguments.iter().all(|wanted| {
                parts.iter().all(|part| match part {
                    KnownType::Literal => true,
                    KnownType::Type(id) => id == wanted,
                    KnownType::Unknown => false,
                })
            })
        });
        if exact && !is_same_literal(parts) {
            return false;
        }
        cast.target.0 < FIRST_USER_OID
            || functions.any(|function| {
                let wants = |id: &TypeId| self.is_one(*id, cast.target);
                function.arguments.iter().any(wants) && self.fits(function, parts)
            })
    }

    /// # Errors
    ///
    /// The cast calls a function that no role in force grants.
    pub(super) fn allow_cast(&self, cast: &UserCast) -> Result<(), Refusal> {
        let Some(function) = cast.function else { return Ok(()) };
        if self.context.view_depth > 0 {
            return Ok(());
        }
        let catalog = self.context.catalog;
        if catalog.function(function).is_some_and(|found| self.context.grants.granted(found)) {
            return Ok(());
        }
        let named = |id| catalog.type_for_people(id).unwrap_or_default();
        Err(Refusal::denied(
            format!("permission denied for cast to {}", named(cast.target)),
            format!(
                "somebody made a cast from {} to {} that may be meant here, and no role in force \
                 grants its function",
                named(cast.source),
                named(cast.target)
            ),
        ))
    }

    /// Whether a value could be of that type, or be made of values of it.
    fn may_be(&self, part: KnownType, id: TypeId) -> bool {
        match part {
            KnownType::Literal => false,
            KnownType::Type(known) => self.holds(known, id, DEEPEST),
            // A value of somebody's type comes from somewhere.
            KnownType::Unknown => id.0 < FIRST_USER_OID || self.is_mentioned(id),
        }
    }

    /// Whether `id` is `wanted`, domains and arrays looked through.
    fn is_one(&self, id: TypeId, wanted: TypeId) -> bool {
        let catalog = self.context.catalog;
        let element = |id: TypeId| catalog.sql_type(id).and_then(|found| found.element);
        let (id, wanted) = (catalog.base_type(id), catalog.base_type(wanted));
        let elements = (element(id).unwrap_or(id), element(wanted).unwrap_or(wanted));
        catalog.base_type(elements.0) == catalog.base_type(elements.1)
    }

    pub(super) fn holds(&self, outer: TypeId, inner: TypeId, depth: u8) -> bool {
        if self.is_one(outer, inner) {
            return true;
        }
        let Some(depth) = depth.checked_sub(1) else { return true };
        let catalog = self.context.catalog;
        let base = catalog.base_type(outer);
        let Some(found) = catalog.sql_type(base) else { return inner.0 >= FIRST_USER_OID };
        match found.kind {
            TypeKind::Base => found.element.is_some_and(|of| self.holds(of, inner, depth)),
            TypeKind::Composite => catalog
                .row_type_columns(base)
                .is_none_or(|columns| columns.iter().any(|c| self.holds(c.type_id, inner, depth))),
            // Of what is not recorded.
            TypeKind::Range => base.0 >= FIRST_USER_OID,
            TypeKind::Pseudo | TypeKind::Domain => true,
            TypeKind::Enum => false,
        }
    }

    /// Whether values of somebody's own type can be in the statement at all.
    fn is_mentioned(&self, id: TypeId) -> bool {
        let columns = self.resolved.uses.iter().flat_map(|used| &used.relation.columns);
        columns.map(|column| column.type_id).any(|known| self.holds(known, id, DEEPEST))
            || self.cast_types.iter().any(|known| self.holds(*known, id, DEEPEST))
            || self.context.catalog.functions().any(|function| {
                &*function.schema != PG_CATALOG
                    && self.holds(function.result, id, DEEPEST)
                    && self.context.grants.granted(function)
            })
    }

    fn candidates(&self, name: &[String]) -> Vec<&Function> {
        let (schema, name) = match name {
            [name] => (None, name),
            [.., schema, name] => (Some(schema), name),
            [] => return Vec::new(),
        };
        let found = self.context.catalog.functions_named(name).iter();
        found
            .map(|function| &**function)
            .filter(|function| schema.is_none_or(|schema| **schema == *function.schema))
            .collect()
    }

    /// The type of a call, where all that it can mean returns one.
    fn result_of(&self, call: &Call) -> KnownType {
        let candidates = self.candidates(&call.name);
        let Some(result) = candidates.first().map(|function| function.result) else {
            return KnownType::Unknown;
        };
        if self.is_pseudo(result) || candidates.iter().any(|function| function.result != result) {
            return KnownType::Unknown;
        }
        KnownType::Type(self.context.catalog.base_type(result))
    }

    fn is_pseudo(&self, id: TypeId) -> bool {
        self.context.catalog.sql_type(id).is_none_or(|found| found.kind == TypeKind::Pseudo)
    }

    /// The operands of ANY and ALL as they are compared.
    fn with_elements(&self, parts: &[KnownType]) -> Vec<KnownType> {
        let catalog = self.context.catalog;
        let element = |id: TypeId| catalog.sql_type(id).and_then(|found| found.element);
        let [left, rest @ ..] = parts else { return Vec::new() };
        let rest = rest.iter().map(|part| match part {
            KnownType::Type(id) => element(*id).map_or(KnownType::Unknown, KnownType::Type),
            KnownType::Literal | KnownType::Unknown => *part,
        });
        std::iter::once(*left).chain(rest).collect()
    }
}

/// Whether all parts are of one type, or literals that become one.
fn is_same(parts: &[KnownType]) -> bool {
    let mut types = parts.iter().filter(|part| **part != KnownType::Literal);
    match types.next() {
        None => true,
        Some(KnownType::Type(first)) => types.all(|part| *part == KnownType::Type(*first)),
        Some(KnownType::Literal | KnownType::Unknown) => false,
    }
}

fn is_same_literal(parts: &[KnownType]) -> bool {
    parts.iter().all(|part| *part == KnownType::Literal)
}

/// The type of a calculation with numbers (PostgreSQL documentation, 9.3).
fn calculated(name: &str, parts: &[KnownType]) -> KnownType {
    if !ARITHMETIC.contains(&name) || !is_settled(name, parts) {
        return KnownType::Unknown;
    }
    // From the narrowest to the widest; what has a fraction becomes an approximate number.
    let rank = |part: &KnownType| match part {
        KnownType::Type(id) => [21, 23, 20, 1700, 700, 701].iter().position(|n| *n == id.0),
        KnownType::Literal | KnownType::Unknown => None,
    };
    let widest = parts.iter().filter(|part| rank(part).is_some()).max_by_key(|part| rank(part));
    match widest {
        Some(KnownType::Type(TypeId(700))) if !is_same(parts) => KnownType::Type(TypeId(701)),
        Some(widest) => *widest,
        None => KnownType::Unknown,
    }
}

/// Whether PostgreSQL has an operator of its own for these operands that it prefers to any other:
/// one that takes exactly these types, or the preferred type of their category.
fn is_settled(name: &str, parts: &[KnownType]) -> bool {
    let all_of = |family: &[u32]| {
        parts.iter().all(|part| match part {
            KnownType::Literal => true,
            KnownType::Type(id) => family.contains(&id.0),
            KnownType::Unknown => false,
        })
    };
    if COMPARISONS.contains(&name) {
        let own = |part: &KnownType| match part {
            KnownType::Literal => true,
            KnownType::Type(id) => total::is_ordered(*id),
            KnownType::Unknown => false,
        };
        return all_of(&NUMBERS)
            || all_of(&STRINGS)
            || all_of(&MOMENTS)
            || (is_same(parts) && parts.iter().all(own));
    }
    match name {
        "~~" | "!~~" | "~~*" | "!~~*" | "~" | "!~" | "~*" | "!~*" | "||" => all_of(&STRINGS),
        name if ARITHMETIC.contains(&name) => all_of(&NUMBERS) && !is_same_literal(parts),
        _ => false,
    }
}
