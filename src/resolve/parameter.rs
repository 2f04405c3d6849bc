//! What type a bind parameter has. Pure.
//!
//! PostgreSQL gives a parameter without a declared type the type of what it meets first, and casts
//! it from that wherever else it stands. Where everything it meets has one type, there is no cast.

use std::collections::{BTreeMap, BTreeSet};

use super::expr::COMPARISONS;
use super::operator::Operand;
use super::query::Resolver;
use super::scope::{Facts, KnownType};
use crate::ids::TypeId;
use crate::sql::TokenKind;
use crate::sql::ast::{Constant, Expr, ExprKind, OperatorKind};

const TEXT: TypeId = TypeId(25);
const VARCHAR: TypeId = TypeId(1043);
const INTEGERS: [TypeId; 3] = [TypeId(20), TypeId(21), TypeId(23)];

/// What a parameter meets at one place of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// Nothing that gives it a type: `$1 IS NULL`.
    Nothing,
    /// An operand of this type.
    Operand(TypeId),
    /// A cast to this type.
    Cast(TypeId),
}

/// Parameters and what each meets, by its place in the text.
pub(super) type Meetings = BTreeMap<u32, BTreeMap<u32, Meeting>>;

impl Resolver<'_> {
    pub(super) fn parameter_type(&self, number: u32) -> KnownType {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        if let Some(prepared) = index.and_then(|index| self.prepared.get(index)) {
            return *prepared;
        }
        match index.and_then(|index| self.context.declared.get(index)) {
            Some(TypeId(0)) | None => match self.inferred.get(&number) {
                Some(inferred) => *inferred,
                None if self.places(number) > 1 => KnownType::Unknown,
                None => KnownType::Literal,
            },
            Some(declared) => KnownType::Type(self.context.catalog.base_type(*declared)),
        }
    }

    /// How often a parameter stands in the text.
    fn places(&self, number: u32) -> usize {
        let spelled = format!("${number}");
        self.tokens
            .iter()
            .enumerate()
            .filter(|(index, token)| {
                token.kind == TokenKind::Parameter && self.tokens.text(*index) == spelled
            })
            .count()
    }

    /// The types of parameters that stand more than once and always meet the same.
    pub(super) fn inferred_parameters(&self) -> BTreeMap<u32, KnownType> {
        let mut inferred = BTreeMap::new();
        for (number, places) in &self.met {
            let repeated = self.places(*number);
            if repeated < 2 || places.len() != repeated || self.inferred.contains_key(number) {
                continue;
            }
            let types: BTreeSet<TypeId> = places
                .values()
                .filter_map(|meeting| match meeting {
                    Meeting::Nothing => None,
                    Meeting::Operand(met) | Meeting::Cast(met) => Some(*met),
                })
                .collect();
            let cast = places.values().any(|meeting| matches!(meeting, Meeting::Cast(_)));
            let mut distinct = types.iter();
            match (distinct.next(), distinct.next()) {
                (Some(only), None) => {
                    inferred.insert(*number, KnownType::Type(*only));
                }
                // Integers of different width compare without a cast.
                (Some(_), Some(_)) if !cast && types.iter().all(|t| INTEGERS.contains(t)) => {
                    inferred.insert(*number, KnownType::Literal);
                }
                (_, _) => {}
            }
        }
        inferred
    }

    /// Notes what a parameter without a type meets here.
    pub(super) fn meeting(&mut self, expr: &Expr, meeting: Meeting) {
        if let ExprKind::Parameter(number) = expr.kind
            && let Some(place) = expr.location
        {
            self.met.entry(number).or_default().insert(place, meeting);
        }
    }

    pub(super) fn meet_type(&mut self, expr: &Expr, met: TypeId) {
        let met = self.context.catalog.base_type(met);
        // varchar has no operators: text's are taken.
        self.meeting(expr, Meeting::Operand(if met == VARCHAR { TEXT } else { met }));
    }

    fn meet_known(&mut self, expr: &Expr, known: KnownType) {
        match known {
            KnownType::Type(met) => self.meet_type(expr, met),
            KnownType::Literal | KnownType::Unknown => {}
        }
    }

    /// What the operands of an operator meet in each other.
    pub(super) fn meet(
        &mut self,
        form: OperatorKind,
        name: &[String],
        (left, left_facts): Operand<'_>,
        right: &[Expr],
        right_facts: &[Facts],
    ) {
        let (Some(left), Some(left_facts)) = (left, left_facts) else { return };
        let name = name.last().map_or("", String::as_str);
        let joins = name == "||";
        match form {
            OperatorKind::Plain if COMPARISONS.contains(&name) || joins => {
                for (other, facts) in right.iter().zip(right_facts) {
                    // Two strings without a type are joined as text.
                    let joined = |expr: &Expr, facts: &Facts| {
                        let string = matches!(expr.kind, ExprKind::Constant(Constant::String(_)));
                        if joins && string && facts.known == KnownType::Literal {
                            KnownType::Type(TEXT)
                        } else {
                            facts.known
                        }
                    };
                    self.meet_known(other, joined(left, left_facts));
                    self.meet_known(left, joined(other, facts));
                }
            }
            OperatorKind::Between | OperatorKind::Distinct => {
                for other in right {
                    self.meet_known(other, left_facts.known);
                }
            }
            // The list has one type together: with what has none alone it is that of the left.
            OperatorKind::In
                if right_facts.iter().all(|facts| facts.known == KnownType::Literal)
                    || right.iter().all(|item| matches!(item.kind, ExprKind::Parameter(_))) =>
            {
                for other in right {
                    self.meet_known(other, left_facts.known);
                }
            }
            OperatorKind::Plain
            | OperatorKind::Any
            | OperatorKind::All
            | OperatorKind::NullIf
            | OperatorKind::In
            | OperatorKind::Like
            | OperatorKind::ILike
            | OperatorKind::Similar => {}
        }
    }
}
