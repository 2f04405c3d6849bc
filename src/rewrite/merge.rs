//! MERGE: which rows of the target it meets, and what it may make of them. Pure.
//!
//! ON sees the rows in the read scope only, so every other row is not matched, as under native row
//! security. What a WHEN does to a matched row is asked of the verb's own scope. New rows are
//! checked as stored where MERGE has RETURNING (PostgreSQL 17), otherwise by the values that are
//! assigned.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, TableFactor, Visit, VisitMut, Visitor, VisitorMut};

use super::Piece;
use super::check::{Failing, Violation, boolean, case, no_row, nothing_in_scope, some_value};
use super::derived::Effective;
use super::modify::{unfollowed, writable};
use super::print::{
    and, around, bracketed, captures, client_condition, client_operand, column, defect, expression,
    pieces,
};
use super::statement::Rewriter;
use crate::error::Refusal;
use crate::ids::ColumnNumber;
use crate::policy::{ROW_QUALIFIER, RowExpr, RowFilter, Verb};
use crate::resolve::{
    Assigned, AssignedValue, Clause, MergeThen, MergeWhen, Merging, Modification, Referenced,
    RelationUse,
};
use crate::sql::ast::MergeMatch;

/// The first version whose MERGE has RETURNING.
const RETURNING_SINCE: u32 = 170_000;

impl Merging {
    /// The columns that it changes in rows that are there already.
    pub(super) fn changed(&self) -> Vec<ColumnNumber> {
        let mut changed = Vec::new();
        for when in &self.whens {
            match &when.action {
                MergeThen::Update(values) => {
                    changed.extend(values.iter().map(|assigned| assigned.column));
                }
                MergeThen::Insert { .. } | MergeThen::Delete | MergeThen::Nothing => {}
            }
        }
        changed
    }
}

impl<'a> Rewriter<'a> {
    /// Answers where the item of RETURNING begins that the check is in.
    pub(super) fn merged(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        merging: &Merging,
        visible: &Effective<'a>,
        alias: &Ident,
    ) -> Result<Option<usize>, Refusal> {
        if visible.hides_columns() && modification.unresolved {
            return Err(unfollowed());
        }
        self.matched_rows(used, modification, merging, visible, alias)?;
        let stored = self.context.catalog.server_version >= RETURNING_SINCE;
        let mut created: Vec<&RowFilter> = Vec::new();
        let mut updated: Vec<&RowFilter> = Vec::new();
        for when in &merging.whens {
            let mut allowed: Effective<'a> = Effective::new(None, None);
            let mut checks: Vec<&'a RowFilter> = Vec::new();
            match &when.action {
                MergeThen::Nothing => {}
                MergeThen::Delete => allowed.add(&self.scope(used, Verb::Delete)?.filter),
                MergeThen::Update(values) => {
                    let columns: Vec<ColumnNumber> = values.iter().map(|v| v.column).collect();
                    allowed.read = visible.read;
                    checks = self.updated(used, &columns, &mut allowed)?;
                    updated.extend(&checks);
                }
                MergeThen::Insert { values, listed } => {
                    let create = self.scope(used, Verb::Create)?;
                    let columns: Vec<ColumnNumber> = values.iter().map(|v| v.column).collect();
                    writable(used, create, &columns, visible, *listed)?;
                    checks = vec![&create.check, &self.scope(used, Verb::Read)?.filter];
                    created.extend(&checks);
                }
            }
            let judged = if stored { None } else { self.judged(used, when, &checks, alias)? };
            self.when(used, when, visible, &allowed, judged, alias)?;
        }
        if !stored {
            return Ok(None);
        }
        let created = Self::all_checks(used, &created, alias)?;
        let updated = Self::all_checks(used, &updated, alias)?;
        if created.is_none() && updated.is_none() {
            return Ok(None);
        }
        let check = by_action(created, updated)?;
        self.check_returned(used, modification, check, visible, alias)
    }

    /// ON decides on rows in scope only, and what could fail or read a mask is computed behind the
    /// filter.
    fn matched_rows(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        merging: &Merging,
        visible: &Effective<'_>,
        alias: &Ident,
    ) -> Result<(), Refusal> {
        let Some(filter) = visible.filter(alias)? else { return Ok(()) };
        let on = &merging.on;
        let hidden = used.references.iter().any(|reference| {
            reference.clause == Clause::Decision
                && on.contains(&reference.tokens.start)
                && match &reference.what {
                    Referenced::Column(number) => visible.mask(*number).is_some(),
                    Referenced::WholeRow | Referenced::Star => true,
                    Referenced::System(_) | Referenced::Listed(_) => false,
                }
        });
        let ordered =
            hidden || modification.unsafe_condition || (self.hazard && visible.joins_others());
        let condition = if ordered {
            case(filter, bracketed_client(), Some(boolean(false)))?
        } else {
            and(bracketed_client(), filter)
        };
        let (before, behind) = around(&condition)?;
        self.edit(on.start..on.start, before);
        self.edit(on.end..on.end, behind);
        Ok(())
    }

    /// Puts into a WHEN what it may do: fails where native row security does.
    fn when(
        &mut self,
        used: &RelationUse,
        when: &MergeWhen,
        visible: &Effective<'_>,
        allowed: &Effective<'_>,
        judged: Option<Expr>,
        alias: &Ident,
    ) -> Result<(), Refusal> {
        let row = match when.matched {
            MergeMatch::Matched | MergeMatch::NotMatchedBySource => some_value(used, alias)?,
            MergeMatch::NotMatchedByTarget => no_row()?,
        };
        let mut demand: Option<Expr> = None;
        if let Some(judged) = judged {
            demand = Some(self.demanded(used, judged, Violation::New, &row)?);
        }
        if let Some(filter) = allowed.filter(alias)?
            && Some(&filter) != visible.filter(alias)?.as_ref()
        {
            let then = demand.unwrap_or_else(|| boolean(true));
            let fails = self.failing(used, Violation::Target, Failing::Boolean, &row)?;
            demand = Some(case(filter, then, Some(fails))?);
        }
        let client = when.condition.as_ref().map(|_| bracketed_client());
        let mut condition = match (client, demand) {
            (client, None) => client,
            (None, Some(demand)) => Some(demand),
            (Some(client), Some(demand)) => Some(case(client, demand, Some(boolean(false)))?),
        };
        // Rows that are not visible are not matched by the source either.
        if when.matched == MergeMatch::NotMatchedBySource
            && let Some(filter) = visible.filter(alias)?
        {
            let then = condition.unwrap_or_else(|| boolean(true));
            condition = Some(case(filter, then, Some(boolean(false)))?);
        }
        let Some(condition) = condition else { return Ok(()) };
        if let Some(tokens) = &when.condition {
            let (before, behind) = around(&condition)?;
            self.edit(tokens.start..tokens.start, before);
            self.edit(tokens.end..tokens.end, behind);
        } else {
            let mut inserted = vec![Piece::Text("AND".into())];
            inserted.extend(pieces(&bracketed(condition))?);
            self.edit(when.then..when.then, inserted);
        }
        Ok(())
    }

    /// The checks over the row that a WHEN would store, by the values it assigns: before PostgreSQL
    /// 17 nothing of MERGE sees the row as stored.
    fn judged(
        &self,
        used: &RelationUse,
        when: &MergeWhen,
        checks: &[&RowFilter],
        alias: &Ident,
    ) -> Result<Option<Expr>, Refusal> {
        let values = match &when.action {
            MergeThen::Insert { values, .. } | MergeThen::Update(values) => values,
            MergeThen::Delete | MergeThen::Nothing => return Ok(None),
        };
        let inserts = when.matched == MergeMatch::NotMatchedByTarget;
        let mut judged: Option<Expr> = None;
        let mut seen: Vec<&RowFilter> = Vec::new();
        for check in checks {
            if seen.contains(check) {
                continue;
            }
            seen.push(check);
            let expr = match check {
                RowFilter::All => continue,
                RowFilter::Nothing => return Err(nothing_in_scope(used)),
                RowFilter::Where(expr) => expr,
            };
            if self.context.catalog.has_triggers_below(used.relation.id) {
                return Err(unjudged(used, "triggers of the table can change what is stored"));
            }
            let expr = self.over_values(used, expr, values, inserts, alias)?;
            judged = Some(match judged {
                Some(judged) => and(judged, expr),
                None => expr,
            });
        }
        Ok(judged)
    }

    /// A check over assigned values and, for an update, the columns that stay.
    fn over_values(
        &self,
        used: &RelationUse,
        check: &RowExpr,
        values: &[Assigned],
        inserts: bool,
        alias: &Ident,
    ) -> Result<Expr, Refusal> {
        if captures(&check.0, &alias.value) {
            return Err(unjudged(used, "the policy uses the name of the target"));
        }
        let nested = has_from(&check.0);
        let mut over = (*check.0).clone();
        let mut values = Values {
            value_of: &|name: &str| self.value_of(used, name, values, inserts, nested, alias),
        };
        match VisitMut::visit(&mut over, &mut values) {
            ControlFlow::Continue(()) => Ok(over),
            ControlFlow::Break(refusal) => Err(refusal),
        }
    }

    /// What a column of the row will hold.
    fn value_of(
        &self,
        used: &RelationUse,
        name: &str,
        values: &[Assigned],
        inserts: bool,
        nested: bool,
        alias: &Ident,
    ) -> Result<Expr, Refusal> {
        let Some(entry) = used.relation.column(name) else {
            return Err(defect("a policy names a column that is not there"));
        };
        let why = |what: &str| {
            unjudged(used, &format!("the policy looks at column \"{name}\", which {what}"))
        };
        if entry.generated {
            return Err(why("is generated"));
        }
        let assigned = values.iter().find(|assigned| assigned.column == entry.number);
        let tokens = match assigned.map(|assigned| &assigned.value) {
            None if !inserts => return Ok(column(alias, name)),
            None | Some(AssignedValue::Default) if entry.has_default => {
                return Err(why("gets its default"));
            }
            None | Some(AssignedValue::Default) => {
                let data_type = self.type_of(used, entry.number)?;
                return cast(expression("SELECT NULL")?, data_type);
            }
            Some(AssignedValue::Computed) => {
                return Err(why("has to be set to a literal, a parameter or a column"));
            }
            Some(AssignedValue::Plain { tokens, target, others }) => {
                if nested && (*others || !target.is_empty()) {
                    return Err(why("is set to a column, and the policy has a sub-select over it"));
                }
                let read = self.scope(used, Verb::Read)?;
                let hidden = |number: &ColumnNumber| {
                    read.masks.contains_key(number) || read.denied.contains(number)
                };
                if target.iter().any(hidden) {
                    return Err(why("is set to a column that is not clear"));
                }
                tokens
            }
        };
        // Storing a value in a column brings it to the column's type; of the modifiers, those that
        // cut nothing off silently.
        if entry.typmod != -1 && entry.type_id.0 != VARCHAR {
            return Err(why("has a type that rounds or pads"));
        }
        let data_type = self.type_of(used, entry.number)?;
        cast(Expr::Nested(Box::new(client_operand(tokens))), data_type)
    }

    fn type_of(
        &self,
        used: &RelationUse,
        number: ColumnNumber,
    ) -> Result<sqlparser::ast::DataType, Refusal> {
        used.relation
            .column_by_number(number)
            .and_then(|entry| {
                crate::policy::syntax::comparison_type(self.context.catalog, entry.type_id)
            })
            .ok_or_else(|| unjudged(used, "the type of a column is not known"))
    }
}

const VARCHAR: u32 = 1043;

fn bracketed_client() -> Expr {
    Expr::Nested(Box::new(client_condition()))
}

fn unjudged(used: &RelationUse, why: &str) -> Refusal {
    Refusal::unsupported(format!(
        "MERGE into {} is not supported with this version of the server: {why}",
        used.relation.qualified_name()
    ))
}

fn cast(expr: Expr, data_type: sqlparser::ast::DataType) -> Result<Expr, Refusal> {
    let mut cast = expression("SELECT CAST(a AS pg_catalog.int4)")?;
    if let Expr::Cast { expr: operand, data_type: to, .. } = &mut cast {
        **operand = expr;
        *to = data_type;
        return Ok(cast);
    }
    Err(defect("a template is not a CAST"))
}

/// `CASE merge_action() WHEN 'INSERT' THEN created WHEN 'UPDATE' THEN updated ELSE TRUE END`
fn by_action(created: Option<Expr>, updated: Option<Expr>) -> Result<Expr, Refusal> {
    let mut case = expression(
        "SELECT CASE MERGE_ACTION() WHEN 'INSERT' THEN a WHEN 'UPDATE' THEN b ELSE TRUE END",
    )?;
    if let Expr::Case { conditions, .. } = &mut case {
        for (arm, check) in conditions.iter_mut().zip([created, updated]) {
            arm.result = check.unwrap_or_else(|| boolean(true));
        }
        return Ok(case);
    }
    Err(defect("a template is not a CASE"))
}

/// Whether a sub-select in it reads a relation, whose columns could be taken for others.
fn has_from(expr: &Expr) -> bool {
    struct Any;
    impl Visitor for Any {
        type Break = ();
        fn pre_visit_table_factor(&mut self, _: &TableFactor) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    expr.visit(&mut Any).is_break()
}

/// Replaces the row's columns by what they will hold.
struct Values<'v> {
    value_of: &'v dyn Fn(&str) -> Result<Expr, Refusal>,
}

impl VisitorMut for Values<'_> {
    type Break = Refusal;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [qualifier, name] = parts.as_slice()
            && qualifier.value == ROW_QUALIFIER
        {
            match (self.value_of)(&name.value) {
                Ok(value) => *expr = value,
                Err(refusal) => return ControlFlow::Break(refusal),
            }
        }
        ControlFlow::Continue(())
    }
}
