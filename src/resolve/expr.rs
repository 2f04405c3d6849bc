//! Resolves expressions: columns, functions, operators, and whether an expression may run before a
//! row filter. Pure.
//!
//! An expression is *safe* when it cannot fail and cannot tell anything about the values it reads
//! except through its result, whatever the row holds. When in doubt it is not.

use super::Clause;
use super::function::{OperatorMeaning, operator_meaning};
use super::parameter::Meeting;
use super::query::Resolver;
use super::safe::{SMALL_STEPS, is_bounded_time, returns_one_row, unify};
use super::scope::{Ctes, Facts, KnownType, Scope};
use super::total;
use crate::catalog::{FIRST_USER_OID, PG_CATALOG};
use crate::error::Refusal;
use crate::ids::TypeId;
use crate::sql::ast::{
    Constant, Expr, ExprKind, OperatorKind, Query, SortKey, SqlValue, SublinkKind,
};

const NUMERIC: TypeId = TypeId(1700);
pub(super) const COMPARISONS: [&str; 7] = ["=", "<>", "!=", "<", "<=", ">", ">="];

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
            outer @ (Clause::Where
            | Clause::Set
            | Clause::Returning
            | Clause::Decision
            | Clause::Inference) => outer,
        };
        let mut facts = self.in_clause(clause, |resolver| resolver.expr(expr, scope, ctes))?;
        facts.safe &= self.truth(&facts)?;
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
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || {
            if !self.watchful {
                return self.expr_in(expr, scope, ctes);
            }
            let beside = std::mem::take(&mut self.parts);
            let mut facts = self.expr_in(expr, scope, ctes)?;
            let parts = std::mem::replace(&mut self.parts, beside);
            facts.safe &= self.unforced(expr, &parts)?;
            self.parts.push(self.part(expr, &parts, &facts));
            Ok(facts)
        })
    }

    pub(super) fn exprs<'e>(
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
            ExprKind::NullTest(argument) => {
                let part = self.expr(argument, scope, ctes)?;
                self.meeting(argument, Meeting::Nothing);
                Facts { known: boolean, ..Facts::over([&part]) }
            }
            ExprKind::Not(argument) | ExprKind::BooleanTest(argument) => {
                let part = self.expr(argument, scope, ctes)?;
                Facts { known: boolean, ..Facts::over([&part]) }
            }
            ExprKind::Sublink { form, test, operator, query } => {
                self.sublink(*form, test.as_deref(), operator, query, scope, ctes)?
            }
            ExprKind::Call(call) => self.call(call, expr.location, scope, ctes)?,
            ExprKind::Case { operand, arms, otherwise } => {
                let mut parts = Vec::new();
                let (mut comparable, mut unforced) = (true, true);
                if let Some(operand) = operand {
                    let left = self.expr(operand, scope, ctes)?;
                    let meaning = operator_meaning(self.context.catalog, self.context.grants, "=")?;
                    for (when, _) in arms {
                        let right = self.expr(when, scope, ctes)?;
                        comparable &= self.comparable(meaning, &left, &right);
                        unforced &= self.compared_by_name(&left, &right)?;
                        parts.push(right);
                    }
                    parts.push(left);
                } else {
                    for (when, _) in arms {
                        let condition = self.expr(when, scope, ctes)?;
                        unforced &= self.truth(&condition)?;
                        parts.push(condition);
                    }
                }
                let mut results = Vec::new();
                for (_, then) in arms {
                    results.push(self.expr(then, scope, ctes)?);
                }
                if let Some(otherwise) = otherwise {
                    results.push(self.expr(otherwise, scope, ctes)?);
                }
                self.refuse_mixed_names(&results)?;
                let (known, unified) = unify(&results);
                let types: Vec<KnownType> = results.iter().map(|result| result.known).collect();
                unforced &= self.become_one(&types)?;
                parts.append(&mut results);
                let facts = Facts::over(&parts);
                Facts { known, safe: facts.safe && unified && comparable && unforced, ..facts }
            }
            ExprKind::Cast { operand, target } => {
                self.cast(operand, target, expr.location, scope, ctes)?
            }
            ExprKind::Collate(operand) => {
                // Two collations that do not agree fail where they meet, not here.
                let part = self.expr(operand, scope, ctes)?;
                let constant = part.safe && part.deps.is_empty();
                Facts { known: part.known, safe: constant, ..Facts::over([&part]) }
            }
            ExprKind::Array(elements) => {
                let parts = self.exprs(elements, scope, ctes)?;
                self.refuse_array_of_names(&parts)?;
                let (element, unified) = unify(&parts);
                let facts = Facts::over(&parts);
                // Arrays in an array have to be of one size.
                let flat = match element {
                    KnownType::Type(element) => self
                        .context
                        .catalog
                        .sql_type(element)
                        .is_some_and(|element| element.category != 'A'),
                    KnownType::Literal => true,
                    KnownType::Unknown => false,
                };
                let known = match element {
                    KnownType::Type(element) => self.array_of(element),
                    // Literals without a type make an array of text.
                    KnownType::Literal => self.array_of(TypeId(total::TEXT)),
                    KnownType::Unknown => KnownType::Unknown,
                };
                Facts { known, safe: facts.safe && unified && flat, ..facts }
            }
            ExprKind::Row(elements) => {
                let parts = self.exprs(elements, scope, ctes)?;
                Facts { composite: true, ..Facts::over(&parts) }
            }
            ExprKind::Coalesce(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                self.refuse_mixed_names(&parts)?;
                let (known, unified) = unify(&parts);
                let facts = Facts::over(&parts);
                Facts { known, safe: facts.safe && unified, ..facts }
            }
            ExprKind::MinMax(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                self.refuse_mixed_names(&parts)?;
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
                self.indirection(operand, steps, scope, ctes)?
            }
            ExprKind::Grouping(arguments) => {
                let parts = self.exprs(arguments, scope, ctes)?;
                Facts { aggregated: true, ..Facts::over(&parts) }
            }
            ExprKind::Named(argument) | ExprKind::MultiAssign(argument) => {
                self.expr(argument, scope, ctes)?
            }
            ExprKind::Default => Facts::constant(KnownType::Literal),
            ExprKind::CurrentOf(_) => Facts::opaque(Facts::constant(KnownType::Unknown).deps),
            ExprKind::Special(special) => self.special(special, expr.location, scope, ctes)?,
        })
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
        if form == OperatorKind::Like || form == OperatorKind::ILike {
            return self.like(form, name, left, right, scope, ctes);
        }
        if let Some(rows) = self.row_comparison(form, name, left, right, scope, ctes)? {
            return Ok(rows);
        }
        let left_facts = left.map(|left| self.expr(left, scope, ctes)).transpose()?;
        let right_facts = self.exprs(right, scope, ctes)?;
        let facts = Facts::over(left_facts.iter().chain(&right_facts));
        let meaning = self.operator_names(form, name)?;
        self.meet(form, name, (left, left_facts.as_ref()), right, &right_facts);
        let boolean = KnownType::Type(TypeId(16));
        let compare = |resolver: &Self| {
            left_facts.as_ref().is_some_and(|left| {
                right_facts.iter().all(|right| resolver.comparable(meaning, left, right))
            })
        };
        let is_comparison =
            matches!(name.last(), Some(name) if COMPARISONS.contains(&name.as_str()));
        if meaning != OperatorMeaning::BuiltIn {
            // The server tries it on the commonest values of a column while it plans.
            self.hide_statistics(&facts);
        }
        let (safe, known) = match form {
            OperatorKind::Plain => {
                if is_comparison && left.is_some() {
                    (compare(self), boolean)
                } else if let Some(known) = self.total_operator(
                    meaning,
                    name,
                    (left, left_facts.as_ref()),
                    right,
                    &right_facts,
                ) {
                    (true, known)
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
                let safe = match (&left_facts, right_facts.as_slice()) {
                    (Some(left), [array]) if is_comparison => {
                        self.comparable_elements(meaning, left, array)
                    }
                    (_, _) => false,
                };
                (safe, boolean)
            }
            OperatorKind::Like | OperatorKind::ILike | OperatorKind::Similar => (false, boolean),
        };
        Ok(Facts { safe: facts.safe && safe, known, ..facts })
    }

    /// Judges every operator name that the form stands for.
    pub(super) fn operator_names(
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
                // Whose operators a view's author took is the author's affair.
                if self.context.catalog.user_operators_named(name).is_empty() {
                    OperatorMeaning::BuiltIn
                } else {
                    OperatorMeaning::Granted
                }
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

    pub(super) fn sort_key(
        &mut self,
        key: &SortKey,
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let facts = self.expr(&key.expr, scope, ctes)?;
        if let Some(operator) = &key.operator {
            self.operator_names(OperatorKind::Plain, operator)?;
            if let Some(name) = operator.last() {
                self.own_operators(name, &[facts.known])?;
            }
        }
        Ok(facts)
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
        let collated = Facts::over([left, right]).collation.is_one();
        collated
            && self.no_failing_cast(left.known, right.known)
            && self.no_failing_cast(right.known, left.known)
    }

    fn no_failing_cast(&self, from: KnownType, to: KnownType) -> bool {
        match (from, to) {
            (KnownType::Literal, KnownType::Literal) => true,
            // The literal takes the other's type when the statement is parsed.
            (KnownType::Literal, KnownType::Type(known))
            | (KnownType::Type(known), KnownType::Literal) => {
                total::is_comparable(self.context.catalog, known)
            }
            (KnownType::Type(from), KnownType::Type(to)) => {
                total::compares(self.context.catalog, from, to)
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
        if self.watchful {
            self.parts.extend(columns.known.iter().map(|column| column.facts.known));
            self.parts.extend(columns.open.then_some(KnownType::Unknown));
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
                self.refuse_array_of_names(columns.known.iter().map(|column| &column.facts))?;
                Facts { known: KnownType::Unknown, safe: facts.safe && output.safe, ..facts }
            }
        })
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
