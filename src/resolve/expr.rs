//! Resolves expressions: columns, functions, operators, and whether an expression may run before a
//! row filter. Pure.
//!
//! An expression is *safe* when it cannot fail and cannot tell anything about the values it reads
//! except through its result, whatever the row holds. When in doubt it is not.

use std::ops::Range;

use super::function::{
    Class, OperatorMeaning, classify, field_is_allowed, operator_meaning, withheld,
};
use super::query::Resolver;
use super::scope::{Columns, Ctes, Facts, Item, KnownType, Scope};
use super::{Clause, Comparison, Referenced, SimpleCondition};
use crate::catalog::{FIRST_USER_OID, PG_CATALOG, TypeKind};
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::sql::TokenKind;
use crate::sql::ast::{
    Call, ColumnRef, Constant, Expr, ExprKind, Location, OperatorKind, Query, QueryBody, SortKey,
    SqlValue, Step, SublinkKind, TypeRef,
};

const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

const NUMERIC: TypeId = TypeId(1700);
const FLOATS: [TypeId; 2] = [TypeId(700), TypeId(701)];
/// `oid` and the `reg*` types: int8 is cast to them implicitly, and that can overflow.
const OIDS: [u32; 12] = [26, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];
const COMPARISONS: [&str; 7] = ["=", "<>", "!=", "<", "<=", ">", ">="];

/// What a condition decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filters {
    /// WHERE.
    Rows,
    /// ON.
    Pairs,
    /// HAVING.
    Groups,
}

impl Resolver<'_> {
    /// Resolves a condition. What of it may fail exposes the relations it reads; what of it is
    /// simple and in WHERE is remembered for the inside of a fence.
    pub(super) fn condition(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
        filters: Filters,
    ) -> Result<Facts, Refusal> {
        if let ExprKind::And(conjuncts) = &expr.kind {
            return stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || {
                let mut all = Vec::new();
                for conjunct in conjuncts {
                    all.push(self.condition(conjunct, scope, ctes, filters)?);
                }
                Ok(Facts::over(&all))
            });
        }
        // A condition inside SET or RETURNING stays part of that: what it reads of the target is
        // masked there, reference by reference.
        let clause = match self.clause {
            Clause::Other => Clause::Where,
            outer @ (Clause::Where | Clause::Set | Clause::Returning) => outer,
        };
        let facts = self.in_clause(clause, |resolver| resolver.expr(expr, scope, ctes))?;
        // An aggregate of this query is computed behind its filters. Anywhere but in the HAVING of
        // the outermost query it could belong to a query further out, and be a constant here.
        let behind = facts.aggregated && filters == Filters::Groups && scope.parent.is_none();
        if !behind {
            self.note(&facts);
        }
        if facts.safe {
            if filters == Filters::Rows
                && let Some((used, condition)) = self.simple_condition(expr, scope)
                && let Some(entry) = self.resolved.uses.get_mut(used)
            {
                entry.conditions.push(condition);
            }
        } else if !behind {
            if facts.deps.is_empty() {
                // It reads no row, but whether it runs at all may depend on the other conditions,
                // those of sub-selects in FROM included.
                self.expose_level();
            } else {
                self.expose(&facts.deps);
            }
        }
        Ok(facts)
    }

    pub(super) fn expr(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.expr_in(expr, scope, ctes))
    }

    fn exprs<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Vec<Facts>, Refusal> {
        exprs.into_iter().map(|expr| self.expr(expr, scope, ctes)).collect()
    }

    fn expr_in(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let boolean = KnownType::Type(TypeId(16));
        Ok(match &expr.kind {
            ExprKind::Column(column) => self.column(column, expr.location, scope)?,
            ExprKind::Parameter(number) => Facts::constant(self.parameter_type(*number)),
            ExprKind::Constant(constant) => Facts::constant(match constant {
                Constant::Null | Constant::String(_) => KnownType::Literal,
                Constant::Integer(_) => KnownType::Type(TypeId(23)),
                Constant::Number(_) => KnownType::Type(NUMERIC),
                Constant::Boolean(_) => boolean,
                Constant::Bits(_) => KnownType::Type(TypeId(1560)),
            }),
            ExprKind::Operator { form, name, left, right } => {
                self.operator(*form, name, left.as_deref(), right, scope, ctes)?
            }
            ExprKind::And(arguments) | ExprKind::Or(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                Facts { known: boolean, ..Facts::over(&parts) }
            }
            ExprKind::Not(argument)
            | ExprKind::NullTest(argument)
            | ExprKind::BooleanTest(argument) => {
                let part = self.expr(argument, scope, ctes)?;
                Facts { known: boolean, ..Facts::over([&part]) }
            }
            ExprKind::Sublink { form, test, operator, query } => {
                self.sublink(*form, test.as_deref(), operator, query, scope, ctes)?
            }
            ExprKind::Call(call) => self.call(call, expr.location, scope, ctes)?,
            ExprKind::Case { operand, arms, otherwise } => {
                let mut parts = Vec::new();
                let mut comparable = true;
                if let Some(operand) = operand {
                    let left = self.expr(operand, scope, ctes)?;
                    let meaning = operator_meaning(self.context.catalog, self.context.grants, "=")?;
                    for (when, _) in arms {
                        let right = self.expr(when, scope, ctes)?;
                        comparable &= self.comparable(meaning, &left, &right);
                        parts.push(right);
                    }
                    parts.push(left);
                } else {
                    for (when, _) in arms {
                        parts.push(self.expr(when, scope, ctes)?);
                    }
                }
                let mut results = Vec::new();
                for (_, then) in arms {
                    results.push(self.expr(then, scope, ctes)?);
                }
                if let Some(otherwise) = otherwise {
                    results.push(self.expr(otherwise, scope, ctes)?);
                }
                let (known, unified) = unify(&results);
                parts.append(&mut results);
                let facts = Facts::over(&parts);
                Facts { known, safe: facts.safe && unified && comparable, ..facts }
            }
            ExprKind::Cast { operand, target } => self.cast(operand, target, scope, ctes)?,
            ExprKind::Collate(operand) => {
                // Two collations that do not agree fail where they meet, not here.
                let part = self.expr(operand, scope, ctes)?;
                Facts { known: part.known, safe: false, ..Facts::over([&part]) }
            }
            ExprKind::Array(elements) => {
                let parts = self.exprs(elements, scope, ctes)?;
                let (known, unified) = unify(&parts);
                let facts = Facts::over(&parts);
                // Arrays in an array have to be of one size.
                let flat = match known {
                    KnownType::Type(element) => self
                        .context
                        .catalog
                        .sql_type(element)
                        .is_some_and(|element| element.category != 'A'),
                    KnownType::Literal => true,
                    KnownType::Unknown => false,
                };
                Facts { safe: facts.safe && unified && flat, ..facts }
            }
            ExprKind::Row(elements) => {
                let parts = self.exprs(elements, scope, ctes)?;
                Facts { composite: true, ..Facts::over(&parts) }
            }
            ExprKind::Coalesce(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                let (known, unified) = unify(&parts);
                let facts = Facts::over(&parts);
                Facts { known, safe: facts.safe && unified, ..facts }
            }
            ExprKind::MinMax(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                let (known, unified) = unify(&parts);
                let facts = Facts::over(&parts);
                let comparable = parts.first().is_some_and(|first| {
                    parts.iter().all(|part| self.comparable(OperatorMeaning::BuiltIn, first, part))
                });
                Facts { known, safe: facts.safe && unified && comparable, ..facts }
            }
            ExprKind::SqlValue(value) => Facts::constant(match value {
                SqlValue::Date => KnownType::Type(TypeId(1082)),
                SqlValue::Timestamp => KnownType::Type(TypeId(1184)),
                SqlValue::LocalTimestamp => KnownType::Type(TypeId(1114)),
                SqlValue::Time => KnownType::Unknown,
                SqlValue::Role | SqlValue::Catalog | SqlValue::Schema => {
                    KnownType::Type(TypeId(19))
                }
            }),
            ExprKind::Indirection { operand, steps } => {
                let mut parts = vec![self.expr(operand, scope, ctes)?];
                for step in steps {
                    match step {
                        Step::Field(name) => self.field(name)?,
                        Step::Star => {}
                        Step::Subscript(bounds) => {
                            parts.extend(self.exprs(bounds, scope, ctes)?);
                        }
                    }
                }
                Facts { safe: false, ..Facts::over(&parts) }
            }
            ExprKind::Grouping(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                Facts { aggregated: true, ..Facts::over(&parts) }
            }
            ExprKind::Named(argument) | ExprKind::MultiAssign(argument) => {
                self.expr(argument, scope, ctes)?
            }
            ExprKind::Default => Facts::constant(KnownType::Literal),
            ExprKind::CurrentOf => Facts::opaque(Facts::constant(KnownType::Unknown).deps),
            ExprKind::Special { what: _, operands, queries, target } => {
                if let Some(target) = target {
                    self.allowed_type(target)?;
                }
                let mut parts = self.exprs(operands, scope, ctes)?;
                for query in queries {
                    parts.push(self.query(query, Some(scope), ctes)?.all());
                }
                Facts { safe: false, ..Facts::over(&parts) }
            }
        })
    }

    fn parameter_type(&self, number: u32) -> KnownType {
        let declared = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1))
            .and_then(|index| self.context.declared.get(index));
        let prepared = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1))
            .and_then(|index| self.prepared.get(index));
        if let Some(prepared) = prepared {
            return *prepared;
        }
        match declared {
            // It takes the type of what it meets first; where it stands again it may be cast.
            None | Some(TypeId(0)) if self.repeats(number) => KnownType::Unknown,
            None | Some(TypeId(0)) => KnownType::Literal,
            Some(declared) => KnownType::Type(self.context.catalog.base_type(*declared)),
        }
    }

    /// Whether a parameter stands more than once in the text.
    fn repeats(&self, number: u32) -> bool {
        let spelled = format!("${number}");
        self.tokens
            .iter()
            .enumerate()
            .filter(|(index, token)| {
                token.kind == TokenKind::Parameter && self.tokens.text(*index) == spelled
            })
            .nth(1)
            .is_some()
    }

    // Columns.

    fn column(
        &mut self,
        column: &ColumnRef,
        location: Location,
        scope: &Scope<'_>,
    ) -> Result<Facts, Refusal> {
        let tokens = self.reference_tokens(column, location);
        let parts: Vec<&str> = column.parts.iter().map(String::as_str).collect();
        if column.star {
            // Only where a row is built of it: `f(t.*)`, `ROW(t.*)`; select lists come elsewhere.
            let columns = self.star(&parts, scope, &tokens);
            return Ok(Facts { composite: true, ..columns.all() });
        }
        match parts.as_slice() {
            [name] => Ok(self.unqualified(name, &tokens, scope)),
            [table, name] => self.qualified(None, table, name, &tokens, scope),
            [schema, table, name] | [_, schema, table, name] => {
                self.qualified(Some(schema), table, name, &tokens, scope)
            }
            _ => Err(Refusal::unsupported("this column reference is not supported")),
        }
    }

    fn reference_tokens(&self, column: &ColumnRef, location: Location) -> Range<usize> {
        // `TABLE t` has a star that nobody wrote.
        let Some(start) = location.and_then(|offset| self.tokens.at_byte(offset as usize)) else {
            return 0..0;
        };
        let parts = column.parts.len() + usize::from(column.star);
        start..start + (2 * parts).saturating_sub(1)
    }

    fn unqualified(&mut self, name: &str, tokens: &Range<usize>, scope: &Scope<'_>) -> Facts {
        let mut found: Vec<Facts> = Vec::new();
        let mut level = Some(scope);
        while let Some(current) = level {
            let mut settled = false;
            for item in current.items {
                if let Some(facts) = self.item_column(item, name, tokens, 0) {
                    // Of an item whose columns are not all known, the name may not be one.
                    settled |= !item.columns.open;
                    found.push(facts);
                } else if item.columns.open {
                    found.push(Facts::opaque(item.columns.all().deps));
                }
            }
            if settled {
                return single_or_union(found);
            }
            level = current.parent;
        }
        // Not a column: the whole row of the item with that name.
        let mut level = Some(scope);
        while let Some(current) = level {
            if let Some(item) = current.items.iter().find(|item| item.name == name) {
                return self.whole_row(item, tokens);
            }
            level = current.parent;
        }
        if found.is_empty() {
            self.unresolved = true;
            unknown_column(scope)
        } else {
            single_or_union(found)
        }
    }

    fn qualified(
        &mut self,
        schema: Option<&str>,
        table: &str,
        name: &str,
        tokens: &Range<usize>,
        scope: &Scope<'_>,
    ) -> Result<Facts, Refusal> {
        let qualifiers = (tokens.len() / 2).max(1);
        let mut level = Some(scope);
        while let Some(current) = level {
            let matching: Vec<&Item> = current
                .items
                .iter()
                .filter(|item| {
                    item.name == table && (schema.is_none() || item.schema.as_deref() == schema)
                })
                .collect();
            if let [item, rest @ ..] = matching.as_slice() {
                if !rest.is_empty() {
                    return Err(Refusal::new(
                        SqlState("42P09"),
                        format!("table reference \"{table}\" is ambiguous"),
                        "",
                    ));
                }
                if let Some(facts) = self.item_column(item, name, tokens, qualifiers) {
                    return Ok(facts);
                }
                // `t.f` is `f(t)` when there is no such column.
                self.field(name)?;
                let row = self.whole_row(item, tokens);
                return Ok(Facts::opaque(row.deps));
            }
            level = current.parent;
        }
        self.field(name)?;
        self.unresolved = true;
        Ok(unknown_column(scope))
    }

    /// A field selection that could call a function.
    fn field(&self, name: &str) -> Result<(), Refusal> {
        if self.context.view_depth > 0 {
            return Ok(());
        }
        field_is_allowed(self.context.catalog, self.context.path, self.context.grants, name)
    }

    fn item_column(
        &mut self,
        item: &Item,
        name: &str,
        tokens: &Range<usize>,
        qualifiers: usize,
    ) -> Option<Facts> {
        let found: Vec<Facts> = item
            .columns
            .known
            .iter()
            .filter(|column| column.name == name)
            .map(|column| column.facts.clone())
            .collect();
        if !found.is_empty() {
            for facts in &found {
                if let Some((used, number)) = facts.column {
                    // A name that an alias list gave is not the relation's own spelling; only
                    // references to the item itself are edited.
                    let (tokens, qualifiers) = if item.relation == Some(used) {
                        (tokens.clone(), qualifiers)
                    } else {
                        (0..0, 0)
                    };
                    self.mark(used, tokens, qualifiers, Referenced::Column(number));
                }
            }
            return Some(single_or_union(found));
        }
        let used = item.relation?;
        if SYSTEM_COLUMNS.contains(&name) {
            self.mark(used, tokens.clone(), qualifiers, Referenced::System(name.to_owned()));
            return Some(Facts::opaque(item.columns.all().deps));
        }
        None
    }

    fn whole_row(&mut self, item: &Item, tokens: &Range<usize>) -> Facts {
        self.mark_item(item, tokens, 0, &Referenced::WholeRow);
        Facts { composite: true, ..item.columns.all() }
    }

    /// Marks an item as read whole: the relation it is, or the columns that come through it.
    fn mark_item(
        &mut self,
        item: &Item,
        tokens: &Range<usize>,
        qualifiers: usize,
        what: &Referenced,
    ) {
        if let Some(used) = item.relation {
            self.mark(used, tokens.clone(), qualifiers, what.clone());
            return;
        }
        for column in &item.columns.known {
            if let Some((used, number)) = column.facts.column {
                self.mark(used, 0..0, 0, Referenced::Column(number));
            }
        }
    }

    fn star(&mut self, parts: &[&str], scope: &Scope<'_>, tokens: &Range<usize>) -> Columns {
        let mut columns = Columns { known: Vec::new(), open: false };
        let qualifiers = parts.len();
        let mut level = Some(scope);
        while let Some(current) = level {
            let mut settled = false;
            for item in current.items {
                let named = match parts {
                    [] => true,
                    [table] => item.name == *table,
                    [schema, table] | [_, schema, table] => {
                        item.name == *table && item.schema.as_deref() == Some(*schema)
                    }
                    _ => false,
                };
                if !named {
                    continue;
                }
                settled = true;
                self.mark_item(item, tokens, qualifiers, &Referenced::Star);
                columns.open |= item.columns.open;
                columns.known.extend(item.columns.known.iter().cloned());
            }
            // An unqualified star is the innermost level; a qualified one looks outwards.
            if settled || parts.is_empty() {
                return columns;
            }
            level = current.parent;
        }
        columns.open = true;
        columns
    }

    /// The columns of `*` or `t.*` in a select list or RETURNING; `None` for anything else.
    pub(super) fn star_columns(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        location: Location,
    ) -> Option<Columns> {
        let ExprKind::Column(column) = &expr.kind else { return None };
        if !column.star {
            return None;
        }
        let tokens = self.reference_tokens(column, expr.location.or(location));
        let parts: Vec<&str> = column.parts.iter().map(String::as_str).collect();
        Some(self.star(&parts, scope, &tokens))
    }

    // Operators.

    fn operator(
        &mut self,
        form: OperatorKind,
        name: &[String],
        left: Option<&Expr>,
        right: &[Expr],
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let left_facts = left.map(|left| self.expr(left, scope, ctes)).transpose()?;
        let right_facts = self.exprs(right, scope, ctes)?;
        let facts = Facts::over(left_facts.iter().chain(&right_facts));
        let meaning = self.operator_names(form, name)?;
        let boolean = KnownType::Type(TypeId(16));
        let compare = |resolver: &Self| {
            left_facts.as_ref().is_some_and(|left| {
                right_facts.iter().all(|right| resolver.comparable(meaning, left, right))
            })
        };
        let is_comparison =
            matches!(name.last(), Some(name) if COMPARISONS.contains(&name.as_str()));
        let (safe, known) = match form {
            OperatorKind::Plain => {
                if is_comparison && left.is_some() {
                    (compare(self), boolean)
                } else {
                    let bounded = left_facts.iter().chain(&right_facts).all(|part| part.safe)
                        && is_bounded_time(left, name, right, SMALL_STEPS);
                    (bounded, KnownType::Unknown)
                }
            }
            OperatorKind::Distinct | OperatorKind::In | OperatorKind::Between => {
                (compare(self), boolean)
            }
            OperatorKind::NullIf => {
                (compare(self), left_facts.as_ref().map_or(KnownType::Unknown, |facts| facts.known))
            }
            OperatorKind::Any | OperatorKind::All => {
                // An array literal or parameter is read before any row is; an array made of row
                // values is compared element by element.
                let array = right_facts.first();
                let constant = array.is_some_and(|array| {
                    array.deps.is_empty() && array.safe && array.known == KnownType::Literal
                });
                let plain = left_facts
                    .as_ref()
                    .is_some_and(|left| !left.composite && meaning == OperatorMeaning::BuiltIn);
                (is_comparison && constant && plain, boolean)
            }
            OperatorKind::Like | OperatorKind::ILike => {
                let text = left_facts.as_ref().is_some_and(|left| match left.known {
                    KnownType::Type(TypeId(18 | 19 | 25 | 1042 | 1043)) | KnownType::Literal => {
                        true
                    }
                    KnownType::Type(_) | KnownType::Unknown => false,
                });
                let pattern = matches!(right, [pattern] if is_well_formed_pattern(pattern));
                (text && pattern && meaning == OperatorMeaning::BuiltIn, boolean)
            }
            OperatorKind::Similar => (false, boolean),
        };
        Ok(Facts { safe: facts.safe && safe, known, ..facts })
    }

    /// Judges every operator name that the form stands for.
    fn operator_names(
        &self,
        form: OperatorKind,
        name: &[String],
    ) -> Result<OperatorMeaning, Refusal> {
        let names: Vec<&str> = match form {
            OperatorKind::Plain
            | OperatorKind::Any
            | OperatorKind::All
            | OperatorKind::Distinct
            | OperatorKind::NullIf
            | OperatorKind::In
            | OperatorKind::Like
            | OperatorKind::ILike
            | OperatorKind::Similar => name.last().map(String::as_str).into_iter().collect(),
            OperatorKind::Between => vec![">=", "<=", "<", ">"],
        };
        if name.len() > 1 && name.first().map(String::as_str) == Some(PG_CATALOG) {
            return Ok(OperatorMeaning::BuiltIn);
        }
        // `OPERATOR(schema.=)` means what is in that schema, whatever the operands are.
        let mut meaning =
            if name.len() > 1 { OperatorMeaning::Granted } else { OperatorMeaning::BuiltIn };
        for name in names {
            let found = if self.context.view_depth > 0 {
                OperatorMeaning::Granted
            } else {
                operator_meaning(self.context.catalog, self.context.grants, name)?
            };
            match found {
                OperatorMeaning::BuiltIn => {}
                OperatorMeaning::OwnTypes if meaning == OperatorMeaning::BuiltIn => {
                    meaning = OperatorMeaning::OwnTypes;
                }
                OperatorMeaning::OwnTypes => {}
                OperatorMeaning::Granted => meaning = OperatorMeaning::Granted,
            }
        }
        Ok(meaning)
    }

    pub(super) fn sort_operator(&self, key: &SortKey) -> Result<(), Refusal> {
        if let Some(operator) = &key.operator {
            self.operator_names(OperatorKind::Plain, operator)?;
        }
        Ok(())
    }

    /// Whether comparing the two can neither fail nor call a function that is not built in.
    pub(super) fn comparable(&self, meaning: OperatorMeaning, left: &Facts, right: &Facts) -> bool {
        if left.composite || right.composite {
            return false;
        }
        match meaning {
            OperatorMeaning::BuiltIn => {}
            OperatorMeaning::OwnTypes => {
                let built_in = |facts: &Facts| match facts.known {
                    KnownType::Literal => true,
                    KnownType::Type(id) => id.0 < FIRST_USER_OID,
                    KnownType::Unknown => false,
                };
                if !built_in(left) || !built_in(right) {
                    return false;
                }
            }
            OperatorMeaning::Granted => return false,
        }
        self.no_failing_cast(left.known, right.known)
            && self.no_failing_cast(right.known, left.known)
    }

    fn no_failing_cast(&self, from: KnownType, to: KnownType) -> bool {
        match (from, to) {
            (KnownType::Literal, KnownType::Literal) => true,
            // The literal takes the other's type when the statement is parsed.
            (KnownType::Literal, KnownType::Type(_)) | (KnownType::Type(_), KnownType::Literal) => {
                true
            }
            (KnownType::Type(NUMERIC), KnownType::Type(to)) => !FLOATS.contains(&to),
            (KnownType::Type(from), KnownType::Type(to)) if OIDS.contains(&to.0) => {
                OIDS.contains(&from.0)
            }
            (KnownType::Type(from), KnownType::Type(_)) => {
                // Composite types compare their fields, whatever those are.
                self.context.catalog.sql_type(from).is_none_or(|t| match t.kind {
                    TypeKind::Base | TypeKind::Enum | TypeKind::Range => true,
                    TypeKind::Composite | TypeKind::Domain | TypeKind::Pseudo => false,
                })
            }
            (KnownType::Unknown, _) | (_, KnownType::Unknown) => false,
        }
    }

    // Sub-selects.

    fn sublink(
        &mut self,
        form: SublinkKind,
        test: Option<&Expr>,
        operator: &[String],
        query: &Query,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let test = test.map(|test| self.expr(test, scope, ctes)).transpose()?;
        let name = operator.last().map_or("=", String::as_str).to_owned();
        let meaning = match form {
            SublinkKind::Any | SublinkKind::All => {
                self.operator_names(OperatorKind::Plain, &[name])?
            }
            SublinkKind::Exists | SublinkKind::Scalar | SublinkKind::Array => {
                OperatorMeaning::BuiltIn
            }
        };
        let outer: Vec<(usize, usize)> = (0..self.resolved.uses.len())
            .map(|used| (used, self.resolved.uses.get(used).map_or(0, |u| u.references.len())))
            .collect();
        let before = std::mem::replace(&mut self.hazard, false);
        let columns = self.query(query, Some(scope), ctes)?;
        // Whether and on which rows anything in it runs can depend on the row outside: by what it
        // refers to, or because it is run when it is first needed.
        let hazard = std::mem::replace(&mut self.hazard, before);
        self.hazard |= hazard;
        // Relations outside the sub-select that it refers to.
        let mut facts = Facts::over(test.iter());
        facts.safe &= !hazard;
        for (used, count) in outer {
            let after = self.resolved.uses.get(used).map_or(0, |u| u.references.len());
            if after > count {
                facts.deps.add(&super::scope::Deps::one(used));
            }
        }
        let output = columns.all();
        let boolean = KnownType::Type(TypeId(16));
        Ok(match form {
            SublinkKind::Exists => Facts { known: boolean, ..facts },
            SublinkKind::Any | SublinkKind::All => {
                let comparable = match (&test, columns.known.as_slice(), columns.open) {
                    (Some(test), [column], false) => self.comparable(meaning, test, &column.facts),
                    (_, _, _) => false,
                };
                if !output.safe || !comparable {
                    // The outputs are compared where the planner likes.
                    facts.deps.add(&output.deps);
                    self.expose(&output.deps);
                }
                Facts { known: boolean, safe: facts.safe && output.safe && comparable, ..facts }
            }
            SublinkKind::Scalar => {
                let known = match columns.known.as_slice() {
                    [column] if !columns.open => column.facts.known,
                    _ => KnownType::Unknown,
                };
                // "more than one row returned" tells what a hidden row made it return.
                let single = returns_one_row(query, scope.parent.is_some());
                if !output.safe {
                    facts.deps.add(&output.deps);
                }
                Facts { known, safe: facts.safe && output.safe && single, ..facts }
            }
            SublinkKind::Array => {
                Facts { known: KnownType::Unknown, safe: facts.safe && output.safe, ..facts }
            }
        })
    }

    // Calls and casts.

    fn call(
        &mut self,
        call: &Call,
        location: Location,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        if let Some(instead) = withheld(self.context.catalog, &call.name)
            && self.context.view_depth == 0
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
                Facts { safe: bounded, ..facts }
            }
            Class::Sequence => {
                self.sequence(call)?;
                Facts { safe: false, ..facts }
            }
        })
    }

    /// `current_setting` tells what SHOW would tell, and nothing else.
    fn setting(&mut self, call: &Call, location: Location) -> Result<(), Refusal> {
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

    fn narrowed_setting(&mut self, call: &Call, location: Location) -> Result<(), Refusal> {
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
            (end..end, format!(", '^(?i:{})$')", crate::planner::shown_settings().join("|"))),
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
    fn is_total_call(call: &Call, parts: &[Facts]) -> bool {
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

    fn class_of(&self, call: &Call) -> Result<Class, Refusal> {
        if self.context.view_depth > 0 {
            let name = call.name.last().map_or("", String::as_str);
            let aggregate = self
                .context
                .catalog
                .functions_named(name)
                .iter()
                .any(|f| f.kind == crate::catalog::FunctionKind::Aggregate);
            return Ok(if aggregate { Class::Aggregate } else { Class::Fallible });
        }
        if sets_a_harmless_setting(call) {
            return Ok(Class::Fallible);
        }
        classify(self.context.catalog, self.context.path, self.context.grants, &call.name)
    }

    /// `nextval('schema.sequence')`: the name has to be a literal, and the sequence granted.
    fn sequence(&self, call: &Call) -> Result<(), Refusal> {
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

    fn cast(
        &mut self,
        operand: &Expr,
        target: &TypeRef,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let part = self.expr(operand, scope, ctes)?;
        let to = self.allowed_type(target)?;
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

    // Conditions for the inside of a fence.

    fn simple_condition(&self, expr: &Expr, scope: &Scope<'_>) -> Option<(usize, SimpleCondition)> {
        let ExprKind::Operator { form, name, left, right } = &expr.kind else { return None };
        let [name] = name.as_slice() else { return None };
        let left = left.as_deref()?;
        let (column, comparison, operands) = match (form, right.as_slice()) {
            (OperatorKind::Plain, [right]) => {
                let operator = COMPARISONS.iter().position(|known| known == name)?;
                if let Some(column) = own_column(left, scope) {
                    (column, Comparison::Operator(COMPARISONS.get(operator)?), vec![right])
                } else {
                    let column = own_column(right, scope)?;
                    let mirrored = *["=", "<>", "!=", ">", ">=", "<", "<="].get(operator)?;
                    (column, Comparison::Operator(mirrored), vec![left])
                }
            }
            (OperatorKind::In, list) if name == "=" => {
                (own_column(left, scope)?, Comparison::In, list.iter().collect())
            }
            (OperatorKind::Between, [low, high]) if name == "BETWEEN" => {
                (own_column(left, scope)?, Comparison::Between, vec![low, high])
            }
            (_, _) => return None,
        };
        let (used, column) = column;
        let operands =
            operands.into_iter().map(|o| self.operand_tokens(o)).collect::<Option<Vec<_>>>()?;
        let replaceable = self.whole_comparison(left, right, &comparison, &operands, scope, used);
        Some((used, SimpleCondition { column, comparison, operands, replaceable }))
    }

    /// The tokens of `column = operand` or `column IN (operands)` as a whole, where replacing it by
    /// TRUE and filtering the relation by it is the same.
    fn whole_comparison(
        &self,
        left: &Expr,
        right: &[Expr],
        comparison: &Comparison,
        operands: &[Range<usize>],
        scope: &Scope<'_>,
        used: usize,
    ) -> Option<Range<usize>> {
        let nullable = scope.items.iter().any(|item| item.relation == Some(used) && item.nullable);
        let column = [Some(left), right.first()].into_iter().flatten().find_map(|side| {
            let ExprKind::Column(column) = &side.kind else { return None };
            Some(self.reference_tokens(column, side.location))
        })?;
        if nullable || column.is_empty() {
            return None;
        }
        let mut start = column.start;
        let mut end = column.end;
        for operand in operands {
            start = start.min(operand.start);
            end = end.max(operand.end);
        }
        match comparison {
            // Exactly the column, the operator and the operand: no brackets in between.
            Comparison::Operator("=") => {
                let operand = operands.first()?;
                (end - start == column.len() + 1 + operand.len()).then_some(start..end)
            }
            Comparison::In => {
                let open = column.end + 1;
                let in_list =
                    self.tokens.is_word(column.end, "in") && self.tokens.is_mark(open, "(");
                let close = self.scan(open + 1, |_, _| false);
                (in_list && start == column.start && close >= end).then_some(start..close + 1)
            }
            Comparison::Operator(_) | Comparison::Between => None,
        }
    }

    /// The tokens of a literal or parameter, a sign included.
    fn operand_tokens(&self, operand: &Expr) -> Option<Range<usize>> {
        if !is_plain_operand(operand) {
            return None;
        }
        let start = self.tokens.at_byte(operand.location? as usize)?;
        let is_value = |index: usize| {
            self.tokens.get(index).is_some_and(|token| match token.kind {
                TokenKind::String
                | TokenKind::Integer
                | TokenKind::Number
                | TokenKind::Parameter => true,
                TokenKind::Word => ["true", "false"]
                    .iter()
                    .any(|word| self.tokens.text(index).eq_ignore_ascii_case(word)),
                TokenKind::QuotedIdentifier
                | TokenKind::UnicodeIdentifier
                | TokenKind::SpecialString
                | TokenKind::BitString
                | TokenKind::DollarString
                | TokenKind::Operator
                | TokenKind::Punctuation => false,
            })
        };
        if is_value(start) {
            Some(start..start + 1)
        } else if self.tokens.is_mark(start, "-") && is_value(start + 1) {
            Some(start..start + 2)
        } else {
            None
        }
    }

    pub(super) fn in_clause<T>(
        &mut self,
        clause: Clause,
        then: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let before = std::mem::replace(&mut self.clause, clause);
        let result = then(self);
        self.clause = before;
        result
    }
}

fn single_or_union(mut found: Vec<Facts>) -> Facts {
    match (found.pop(), found.is_empty()) {
        (Some(facts), true) => facts,
        (Some(last), false) => {
            // The same name on two sides: USING and NATURAL merge them, everything else is an
            // error that the server reports.
            let known = if found.iter().all(|facts| facts.known == last.known) {
                last.known
            } else {
                KnownType::Unknown
            };
            found.push(last);
            Facts { known, ..Facts::over(&found) }
        }
        (None, _) => Facts::constant(KnownType::Unknown),
    }
}

/// A name that means nothing here: the server will say so, or it is something this resolver does
/// not follow. It may read anything in sight.
fn unknown_column(scope: &Scope<'_>) -> Facts {
    let mut facts = Facts::opaque(super::scope::Deps::default());
    let mut level = Some(scope);
    while let Some(current) = level {
        for item in current.items {
            facts.deps.add(&item.columns.all().deps);
        }
        level = current.parent;
    }
    facts
}

fn own_column(expr: &Expr, scope: &Scope<'_>) -> Option<(usize, crate::ids::ColumnNumber)> {
    let ExprKind::Column(column) = &expr.kind else { return None };
    let (table, name) = match column.parts.as_slice() {
        _ if column.star => return None,
        [name] => (None, name),
        [table, name] => (Some(table), name),
        _ => return None,
    };
    // At this level only, and exactly one candidate.
    let mut found = scope
        .items
        .iter()
        .filter(|item| table.is_none_or(|table| item.name == *table))
        .flat_map(|item| item.columns.known.iter().map(move |column| (item, column)))
        .filter(|(_, column)| column.name == *name);
    let (item, column) = found.next()?;
    if found.next().is_some() || item.relation.is_none() {
        return None;
    }
    column.facts.column.filter(|(used, _)| item.relation == Some(*used))
}

/// What a set of results is together; false when unifying their types could cast a value and fail.
pub(super) fn unify(parts: &[Facts]) -> (KnownType, bool) {
    let mut known = KnownType::Literal;
    for part in parts {
        known = match (known, part.known) {
            (KnownType::Literal, other) | (other, KnownType::Literal) => other,
            (KnownType::Type(a), KnownType::Type(b)) if a == b => known,
            (KnownType::Type(_) | KnownType::Unknown, KnownType::Type(_) | KnownType::Unknown) => {
                return (KnownType::Unknown, false);
            }
        };
    }
    (known, true)
}

fn is_inferred(known: KnownType) -> bool {
    match known {
        KnownType::Literal | KnownType::Type(_) => true,
        KnownType::Unknown => false,
    }
}

/// Casts between built-in types that cannot fail: widening, and to text.
fn is_total_cast(from: TypeId, to: TypeId) -> bool {
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

/// A LIKE pattern that cannot fail: a literal whose last escape is complete.
fn is_well_formed_pattern(pattern: &Expr) -> bool {
    let ExprKind::Constant(Constant::String(text)) = &pattern.kind else { return false };
    let trailing = text.chars().rev().take_while(|c| *c == '\\').count();
    trailing % 2 == 0
}

/// Units that a date has.
fn is_day_unit(unit: &Expr) -> bool {
    matches!(
        &unit.kind,
        ExprKind::Constant(Constant::String(text))
            if ["day", "week", "month", "quarter", "year"].contains(&text.as_str())
    )
}

fn is_time_unit(unit: &Expr) -> bool {
    matches!(
        &unit.kind,
        ExprKind::Constant(Constant::String(text)) if [
            "microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month",
            "quarter", "year",
        ].contains(&text.as_str())
    )
}

/// `now() - interval '30 days'`, `current_date - 7`: reads no row, and too small to overflow.
fn is_bounded_time(left: Option<&Expr>, name: &[String], right: &[Expr], steps: u8) -> bool {
    let ([operator], Some(left), [right]) = (name, left, right) else { return false };
    let Some(steps) = steps.checked_sub(1) else { return false };
    (operator == "+" || operator == "-") && is_clock(left, steps) && is_small_step(right)
}

/// How many small steps from now are still near: each is less than a thousand years.
const SMALL_STEPS: u8 = 3;

fn is_clock(expr: &Expr, steps: u8) -> bool {
    if let ExprKind::SqlValue(value) = &expr.kind {
        return match value {
            SqlValue::Date | SqlValue::Timestamp | SqlValue::LocalTimestamp => true,
            SqlValue::Time | SqlValue::Role | SqlValue::Catalog | SqlValue::Schema => false,
        };
    }
    if let ExprKind::Call(call) = &expr.kind {
        let name = call.name.last().map(String::as_str);
        return (name == Some("now") && call.arguments.is_empty())
            || (name == Some("date_trunc")
                && matches!(call.arguments.as_slice(), [unit, clock]
                    if is_time_unit(unit) && is_clock(clock, steps)));
    }
    if let ExprKind::Operator { form: OperatorKind::Plain, name, left, right } = &expr.kind {
        return is_bounded_time(left.as_deref(), name, right, steps);
    }
    false
}

fn is_small_step(expr: &Expr) -> bool {
    if let ExprKind::Constant(Constant::Integer(days)) = &expr.kind {
        return days.unsigned_abs() <= 100_000;
    }
    if let ExprKind::Cast { operand, target } = &expr.kind {
        return target.names.last().map(String::as_str) == Some("interval")
            && matches!(&operand.kind, ExprKind::Constant(Constant::String(text))
                if is_small_interval(text));
    }
    false
}

fn is_small_interval(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    number.parse::<u32>().is_ok_and(|number| number <= 10_000)
        && [
            "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week",
            "weeks", "month", "months", "year", "years",
        ]
        .contains(&unit.to_ascii_lowercase().as_str())
        && !(unit.to_ascii_lowercase().starts_with("year") && number.len() > 3)
}

/// A query that returns one row whatever the data is: an aggregate without grouping, or no FROM.
///
/// `nested`: the query stands in a sub-select itself, so an aggregate over a column may belong to a
/// query further out and group nothing here.
fn returns_one_row(query: &Query, nested: bool) -> bool {
    let limited = !query.with_ties
        && matches!(
            query.limit.as_ref().map(|limit| &limit.kind),
            Some(ExprKind::Constant(Constant::Integer(0 | 1)))
        );
    if limited {
        return true;
    }
    match &query.body {
        QueryBody::Select(select) => {
            select.group_by.is_empty()
                && select.targets.iter().all(|target| !expands(&target.expr))
                && (select.from.is_empty()
                    || select.targets.iter().any(|target| is_plain_aggregate(&target.expr, nested)))
        }
        QueryBody::Values(rows) => rows.len() == 1,
        QueryBody::SetOperation { .. } => false,
    }
}

fn is_plain_aggregate(expr: &Expr, nested: bool) -> bool {
    matches!(&expr.kind, ExprKind::Call(call)
        if call.over.is_none() && (call.star || !nested)
            && matches!(call.name.last().map(String::as_str),
                Some("count" | "sum" | "min" | "max" | "avg" | "bool_and" | "bool_or"
                    | "string_agg" | "array_agg")))
}

/// A literal or a parameter, possibly negated.
pub(super) fn is_plain_operand(expr: &Expr) -> bool {
    if let ExprKind::Constant(constant) = &expr.kind {
        return match constant {
            Constant::Integer(_)
            | Constant::Number(_)
            | Constant::Boolean(_)
            | Constant::String(_) => true,
            Constant::Null | Constant::Bits(_) => false,
        };
    }
    matches!(expr.kind, ExprKind::Parameter(_))
}

/// Makes an unknown number of columns: `(x).*`.
pub(super) fn expands(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Indirection { steps, .. }
        if matches!(steps.last(), Some(Step::Star)))
        || matches!(&expr.kind, ExprKind::Column(column) if column.star)
}

/// `GROUP BY 2`: the index of the item, from 0.
pub(super) fn position(expr: &Expr) -> Option<usize> {
    let ExprKind::Constant(Constant::Integer(number)) = &expr.kind else { return None };
    usize::try_from(*number).ok()?.checked_sub(1)
}

/// How PostgreSQL names an unnamed output column (FigureColname in its source).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutputName {
    /// A name that a cast around it keeps.
    Strong(String),
    /// A name that gives way to the type's of a cast around it.
    Weak(String),
    /// `?column?`
    None,
    /// Not followed: the column may have any name.
    Unsure,
}

/// The name of an unnamed output column. Where it is not sure, a reference of that name may mean
/// this column, whatever else has the name.
pub(super) fn output_name(expr: &Expr) -> OutputName {
    let strong = |name: &str| OutputName::Strong(name.to_owned());
    let last = |names: &[String]| {
        names.last().map_or(OutputName::Unsure, |name| OutputName::Strong(name.clone()))
    };
    match &expr.kind {
        ExprKind::Column(column) if column.star => OutputName::Unsure,
        ExprKind::Column(column) => last(&column.parts),
        ExprKind::Call(call) => last(&call.name),
        ExprKind::Cast { operand, target } => match output_name(operand) {
            OutputName::Strong(name) => OutputName::Strong(name),
            OutputName::Weak(_) | OutputName::None => match target.names.last() {
                Some(name) => OutputName::Weak(name.clone()),
                None => OutputName::Unsure,
            },
            OutputName::Unsure => OutputName::Unsure,
        },
        ExprKind::Collate(operand) => output_name(operand),
        ExprKind::Indirection { operand, steps } => {
            let field = steps.iter().rev().find_map(|step| match step {
                Step::Field(name) => Some(name),
                Step::Star | Step::Subscript(_) => None,
            });
            match field {
                Some(name) => strong(name),
                None => output_name(operand),
            }
        }
        ExprKind::Case { otherwise, .. } => match otherwise.as_deref().map(output_name) {
            Some(OutputName::Strong(name)) => OutputName::Strong(name),
            Some(OutputName::Unsure) => OutputName::Unsure,
            Some(OutputName::Weak(_) | OutputName::None) | None => {
                OutputName::Weak("case".to_owned())
            }
        },
        ExprKind::Coalesce(_) => strong("coalesce"),
        ExprKind::Array(_) => strong("array"),
        ExprKind::Row(_) => strong("row"),
        ExprKind::Grouping(_) => strong("grouping"),
        ExprKind::Sublink { form, .. } => match form {
            SublinkKind::Exists => strong("exists"),
            SublinkKind::Array => strong("array"),
            SublinkKind::Any | SublinkKind::All => OutputName::None,
            SublinkKind::Scalar => OutputName::Unsure,
        },
        ExprKind::Operator { form: OperatorKind::NullIf, .. } => strong("nullif"),
        ExprKind::Operator { .. }
        | ExprKind::And(_)
        | ExprKind::Or(_)
        | ExprKind::Not(_)
        | ExprKind::NullTest(_)
        | ExprKind::BooleanTest(_)
        | ExprKind::Parameter(_) => OutputName::None,
        ExprKind::Constant(constant) => match constant {
            Constant::Integer(_)
            | Constant::Number(_)
            | Constant::String(_)
            | Constant::Null
            | Constant::Bits(_) => OutputName::None,
            Constant::Boolean(_) => OutputName::Unsure,
        },
        ExprKind::MinMax(_)
        | ExprKind::SqlValue(_)
        | ExprKind::Named(_)
        | ExprKind::Default
        | ExprKind::MultiAssign(_)
        | ExprKind::CurrentOf
        | ExprKind::Special { .. } => OutputName::Unsure,
    }
}

/// `set_config('jit', 'off', false)` as asyncpg sends it before it looks up types, and
/// `set_config('TimeZone', …)` as Django does. Neither changes what a statement means or may do, and
/// the names are literals. Everything else that `set_config` could do stays refused.
fn sets_a_harmless_setting(call: &Call) -> bool {
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
