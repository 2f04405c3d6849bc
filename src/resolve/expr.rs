//! Resolves expressions: columns, functions, operators, and whether an expression may run before a
//! row filter. Pure.
//!
//! An expression is *safe* when it cannot fail and cannot tell anything about the values it reads
//! except through its result, whatever the row holds. When in doubt it is not.

use super::Clause;
use super::describe::{catalogue_element, is_plain_regex};
use super::function::{OperatorMeaning, operator_meaning};
use super::query::Resolver;
use super::safe::{SMALL_STEPS, is_bounded_time, is_well_formed_pattern, returns_one_row, unify};
use super::scope::{Ctes, Facts, KnownType, Scope};
use crate::catalog::{FIRST_USER_OID, PG_CATALOG, TypeKind};
use crate::error::Refusal;
use crate::ids::TypeId;
use crate::sql::TokenKind;
use crate::sql::ast::{
    Constant, Expr, ExprKind, OperatorKind, Query, SortKey, SqlValue, Step, SublinkKind,
};

const NUMERIC: TypeId = TypeId(1700);
const FLOATS: [TypeId; 2] = [TypeId(700), TypeId(701)];
/// `oid` and the `reg*` types: int8 is cast to them implicitly, and that can overflow.
const OIDS: [u32; 12] = [26, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];
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
                self.refuse_mixed_names(&results)?;
                let (known, unified) = unify(&results);
                parts.append(&mut results);
                let facts = Facts::over(&parts);
                Facts { known, safe: facts.safe && unified && comparable, ..facts }
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
                // An element of an array of the catalogue is there or NULL.
                let element = match (steps.as_slice(), parts.as_slice()) {
                    ([Step::Subscript(bounds)], [array, index]) if bounds.len() == 1 => {
                        let whole = match index.known {
                            KnownType::Type(TypeId(21 | 23)) => true,
                            KnownType::Type(_) | KnownType::Literal | KnownType::Unknown => false,
                        };
                        catalogue_element(array.known).filter(|_| whole)
                    }
                    (_, _) => None,
                };
                let facts = Facts::over(&parts);
                Facts {
                    safe: facts.safe && element.is_some(),
                    known: element.map_or(KnownType::Unknown, KnownType::Type),
                    ..facts
                }
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
                } else if let ([operator], [pattern]) =
                    (name.last_chunk::<1>().map_or(&[][..], |n| n), right)
                    && ["~", "~*", "!~", "!~*"].contains(&operator.as_str())
                {
                    let text = left_facts.as_ref().is_some_and(|left| match left.known {
                        KnownType::Type(TypeId(19 | 25 | 1043)) => true,
                        KnownType::Type(_) | KnownType::Literal | KnownType::Unknown => false,
                    });
                    (
                        text && is_plain_regex(pattern) && meaning == OperatorMeaning::BuiltIn,
                        boolean,
                    )
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
                // Arrays in the catalogue are of numbers and names.
                let catalogued = array.is_some_and(|array| {
                    array.safe
                        && catalogue_element(array.known).is_some_and(|element| {
                            left_facts.as_ref().is_some_and(|left| {
                                self.no_failing_cast(left.known, KnownType::Type(element))
                            })
                        })
                });
                (is_comparison && (constant || catalogued) && plain, boolean)
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
