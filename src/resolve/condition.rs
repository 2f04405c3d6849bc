//! Conditions simple enough to be repeated inside a fence. Pure.

use std::ops::Range;

use super::expr::COMPARISONS;
use super::output::is_plain_operand;
use super::query::Resolver;
use super::scope::Scope;
use super::{Comparison, SimpleCondition};
use crate::sql::TokenKind;
use crate::sql::ast::{Expr, ExprKind, OperatorKind};

impl Resolver<'_> {
    pub(super) fn simple_condition(
        &self,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Option<(usize, SimpleCondition)> {
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
    pub(super) fn whole_comparison(
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
    pub(super) fn operand_tokens(&self, operand: &Expr) -> Option<Range<usize>> {
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
}

pub(super) fn own_column(
    expr: &Expr,
    scope: &Scope<'_>,
) -> Option<(usize, crate::ids::ColumnNumber)> {
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
