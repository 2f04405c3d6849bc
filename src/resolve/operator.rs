//! Resolves what has rules of its own among operators: LIKE, rows, arrays, subscripts. Pure.

use super::expr::COMPARISONS;
use super::function::OperatorMeaning;
use super::pattern::Ending;
use super::query::Resolver;
use super::scope::{Ctes, Facts, KnownType, Scope};
use super::total::{self, TEXT};
use crate::catalog::FIRST_USER_OID;
use crate::error::Refusal;
use crate::ids::TypeId;
use crate::sql::ast::{Expr, ExprKind, OperatorKind, Step};

const BOOL: TypeId = TypeId(16);
const INT2: u32 = 21;
const INT4: u32 = 23;
const JSONB: TypeId = TypeId(3802);

/// An operand and what is known of it; a prefix operator has none on the left.
pub(super) type Operand<'e> = (Option<&'e Expr>, Option<&'e Facts>);

impl Resolver<'_> {
    /// LIKE and ILIKE, with ESCAPE.
    pub(super) fn like(
        &mut self,
        form: OperatorKind,
        name: &[String],
        left: Option<&Expr>,
        right: &[Expr],
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let meaning = self.operator_names(form, name)?;
        let (Some(left), [pattern]) = (left, right) else {
            return Err(Refusal::unsupported("this LIKE is not supported"));
        };
        let text = self.expr(left, scope, ctes)?;
        let (inner, escape) = self.escaped(pattern);
        let matched = self.expr(if escape.is_some() { inner } else { pattern }, scope, ctes)?;
        self.meet_type(inner, TypeId(TEXT));
        let ending = escape.map_or(Ending::Unsure, |escape| self.ending(inner, escape));
        let facts = Facts::over([&text, &matched]);
        let complete = match ending {
            Ending::Complete => true,
            Ending::Bound(pattern) => {
                if !self.resolved.patterns.contains(&pattern) {
                    self.resolved.patterns.push(pattern);
                }
                true
            }
            Ending::Unsure => false,
        };
        if !complete || meaning != OperatorMeaning::BuiltIn {
            // The server tries a constant pattern on the commonest values while it plans.
            self.hide_statistics(&facts);
        }
        let is_text = match text.known {
            KnownType::Type(TypeId(18 | 19 | 25 | 1042 | 1043)) | KnownType::Literal => true,
            KnownType::Type(_) | KnownType::Unknown => false,
        };
        let safe = complete
            && is_text
            && meaning == OperatorMeaning::BuiltIn
            && self.plain_collation(&[text, matched]);
        Ok(Facts { safe: facts.safe && safe, known: KnownType::Type(BOOL), ..facts })
    }

    /// `(a, b) < (c, d)` and `(a, b) IN ((c, d), …)` compare column by column. `None`: it is no
    /// comparison of rows that are written out.
    pub(super) fn row_comparison(
        &mut self,
        form: OperatorKind,
        name: &[String],
        left: Option<&Expr>,
        right: &[Expr],
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Option<Facts>, Refusal> {
        let comparison = match form {
            OperatorKind::Plain => {
                name.last().is_some_and(|name| COMPARISONS.contains(&name.as_str()))
            }
            OperatorKind::In => true,
            OperatorKind::Any
            | OperatorKind::All
            | OperatorKind::Distinct
            | OperatorKind::NullIf
            | OperatorKind::Like
            | OperatorKind::ILike
            | OperatorKind::Similar
            | OperatorKind::Between => false,
        };
        let Some(ExprKind::Row(columns)) = left.map(|left| &left.kind) else { return Ok(None) };
        let rows: Option<Vec<&Vec<Expr>>> = right
            .iter()
            .map(|row| {
                let ExprKind::Row(row) = &row.kind else { return None };
                Some(row).filter(|row| row.len() == columns.len())
            })
            .collect();
        let Some(rows) = rows.filter(|_| comparison) else { return Ok(None) };
        let meaning = self.operator_names(form, name)?;
        let columns_facts = self.exprs(columns, scope, ctes)?;
        let mut parts = columns_facts.clone();
        let mut safe = true;
        for row in rows {
            let row_facts = self.exprs(row, scope, ctes)?;
            for ((column, known), (value, other)) in
                columns.iter().zip(&columns_facts).zip(row.iter().zip(&row_facts))
            {
                self.meet(
                    OperatorKind::Plain,
                    name,
                    (Some(column), Some(known)),
                    std::slice::from_ref(value),
                    std::slice::from_ref(other),
                );
                safe &= self.comparable(meaning, known, other);
            }
            parts.extend(row_facts);
        }
        let facts = Facts::over(&parts);
        if meaning != OperatorMeaning::BuiltIn {
            self.hide_statistics(&facts);
        }
        Ok(Some(Facts { safe: facts.safe && safe, known: KnownType::Type(BOOL), ..facts }))
    }

    /// The type of the result of a listed operator over these operands.
    pub(super) fn total_operator(
        &self,
        meaning: OperatorMeaning,
        name: &[String],
        left: Operand<'_>,
        right: &[Expr],
        right_facts: &[Facts],
    ) -> Option<KnownType> {
        let ((Some(left), Some(known)), [right], [other]) = (left, right, right_facts) else {
            return None;
        };
        let own = |facts: &Facts| match facts.known {
            KnownType::Literal => true,
            KnownType::Type(id) => id.0 < FIRST_USER_OID,
            KnownType::Unknown => false,
        };
        let built_in = match meaning {
            OperatorMeaning::BuiltIn => true,
            OperatorMeaning::OwnTypes => own(known) && own(other),
            OperatorMeaning::Granted => false,
        };
        let entry = total::entry(total::OPERATORS, name.last()?, &[(left, known), (right, other)])?;
        let plain = self.plain_collation(&[known.clone(), other.clone()]);
        (built_in && plain).then_some(KnownType::Type(TypeId(entry.result)))
    }

    /// `x = ANY (array)`: every element is compared.
    pub(super) fn comparable_elements(
        &self,
        meaning: OperatorMeaning,
        left: &Facts,
        array: &Facts,
    ) -> bool {
        let element = match array.known {
            // Read when the statement is parsed or bound, as an array of what is on the left.
            KnownType::Literal => KnownType::Literal,
            KnownType::Type(id) => {
                match self.context.catalog.sql_type(id).and_then(|t| t.element) {
                    Some(element) => KnownType::Type(self.context.catalog.base_type(element)),
                    None => return false,
                }
            }
            KnownType::Unknown => return false,
        };
        self.comparable(meaning, left, &Facts { known: element, ..array.clone() })
    }

    /// The type of an array's elements.
    fn element_of(&self, array: KnownType) -> Option<TypeId> {
        let KnownType::Type(id) = array else { return None };
        let element = self.context.catalog.sql_type(id).and_then(|found| found.element);
        element
            .map(|element| self.context.catalog.base_type(element))
            .or_else(|| super::describe::catalogue_element(array))
    }

    pub(super) fn array_of(&self, element: TypeId) -> KnownType {
        self.context
            .catalog
            .sql_type(element)
            .and_then(|found| found.array)
            .map_or(KnownType::Unknown, KnownType::Type)
    }

    /// The server estimates how many rows a condition keeps by trying it on the commonest values of
    /// a column, hidden rows' included: those of the relations in it are not to be found.
    pub(super) fn hide_statistics(&mut self, facts: &Facts) {
        for used in facts.deps.iter() {
            if let Some(entry) = self.resolved.uses.get_mut(used) {
                entry.opaque = true;
            }
        }
    }

    /// `(x).f[1]`
    pub(super) fn indirection(
        &mut self,
        operand: &Expr,
        steps: &[Step],
        scope: &Scope<'_>,
        ctes: &Ctes<'_>,
    ) -> Result<Facts, Refusal> {
        let whole = self.expr(operand, scope, ctes)?;
        let mut known = whole.known;
        let mut safe = true;
        let mut parts = vec![whole];
        for step in steps {
            match step {
                Step::Field(name) => {
                    self.field(name)?;
                    safe = false;
                }
                Step::Star => safe = false,
                Step::Subscript { bounds, slice } => {
                    let bounds = self.exprs(bounds, scope, ctes)?;
                    known = self.subscripted(known, &bounds, *slice);
                    safe &= known != KnownType::Unknown;
                    parts.extend(bounds);
                }
            }
        }
        let facts = Facts::over(&parts);
        Ok(Facts {
            safe: facts.safe && safe,
            known: if safe { known } else { KnownType::Unknown },
            ..facts
        })
    }

    /// What is there, or NULL: subscripts that are integers, for documents also keys, cannot fail.
    fn subscripted(&self, whole: KnownType, bounds: &[Facts], slice: bool) -> KnownType {
        let number = |facts: &Facts| match facts.known {
            KnownType::Literal | KnownType::Type(TypeId(INT2 | INT4)) => true,
            KnownType::Type(_) | KnownType::Unknown => false,
        };
        let key = |facts: &Facts| facts.known == KnownType::Type(TypeId(TEXT)) || number(facts);
        match whole {
            KnownType::Type(JSONB) if !slice && bounds.iter().all(key) => whole,
            KnownType::Type(_) if bounds.iter().all(number) => match self.element_of(whole) {
                Some(_) if slice => whole,
                Some(element) => KnownType::Type(element),
                None => KnownType::Unknown,
            },
            KnownType::Type(_) | KnownType::Literal | KnownType::Unknown => KnownType::Unknown,
        }
    }
}
