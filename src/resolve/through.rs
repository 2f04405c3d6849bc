//! Writing through a view that the policy has no rules on: the table whose rows PostgreSQL changes
//! then, and what of it the view shows. Pure.
//!
//! The statement keeps the view as its target, so that the view's WHERE and CHECK OPTION hold, and
//! the rules of the table are put over the view's columns. Whether a view can be written through is
//! PostgreSQL's decision (documentation, CREATE VIEW, "Updatable Views"); here it is only made sure
//! that it shows nothing but plain columns of one table, and that its own condition tells nothing.

use std::sync::Arc;

use super::query::Resolver;
use super::{ExpandedView, Referenced, Through};
use crate::catalog::{Column, Relation, RelationKind};
use crate::error::Refusal;
use crate::ids::ColumnNumber;
use crate::sql::ast::{ExprKind, QueryBody, Select, StatementKind, TableExpr};
use crate::sql::{Tokens, parse};

impl Resolver<'_> {
    /// The view as a table of its columns: called and numbered so that names are the view's, while
    /// the relation and its columns are those of the table underneath. `None`: nothing is known that
    /// could be written through.
    pub(super) fn written_through(
        &self,
        view: &Relation,
    ) -> Result<Option<(Arc<Relation>, Through)>, Refusal> {
        let Some(expanded) = self.expand_view(view)? else { return Ok(None) };
        let found = underneath(view, &expanded)
            .map(|(relation, decided)| (Arc::new(relation), Through { view: view.id, decided }));
        Ok(found)
    }
}

/// The table under a view with the view's name and columns; and the table's columns that conditions
/// of the view look at.
fn underneath(view: &Relation, expanded: &ExpandedView) -> Option<(Relation, Vec<ColumnNumber>)> {
    let definition = &expanded.resolved;
    let [used] = definition.uses.as_slice() else { return None };
    // What the view computes could fail on rows that are not in scope, or read other relations.
    let plain = !definition.hazard
        && !used.exposed
        && definition.withheld.is_empty()
        && definition.modifications.is_empty();
    if !plain || view.is_system() || view.has_rules || view.has_triggers {
        return None;
    }
    let below = &used.relation;
    let (base, mut decided) = match (&used.view, below.kind) {
        (Some(inner), _) => underneath(below, inner)?,
        (
            None,
            RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable,
        ) => (Relation::clone(below), Vec::new()),
        (
            None,
            RelationKind::View
            | RelationKind::MaterializedView
            | RelationKind::Sequence
            | RelationKind::Other,
        ) => return None,
    };
    if base.is_system() || base.is_temporary() {
        return None;
    }
    for reference in &used.references {
        let listed = reference.tokens.start < used.name_tokens.start;
        match reference.what {
            Referenced::Column(_) if listed && !reference.tokens.is_empty() => {}
            Referenced::Column(number) if !reference.tokens.is_empty() => {
                let name = &below.column_by_number(number)?.name;
                decided.push(base.column(name)?.number);
            }
            Referenced::Column(_)
            | Referenced::Listed(_)
            | Referenced::System(_)
            | Referenced::WholeRow
            | Referenced::Star => return None,
        }
    }
    let columns = columns(view, &base, &expanded.text)?;
    let relation = Relation {
        id: base.id,
        schema: Arc::clone(&view.schema),
        name: Arc::clone(&view.name),
        kind: RelationKind::View,
        columns,
        // A key of the table need not be one of what the view shows.
        primary_key: Vec::new(),
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: base.has_triggers,
        row_security: base.row_security,
        row_type: view.row_type,
    };
    Some((relation, decided))
}

/// The view's columns, each with the number of the table's column that it is.
fn columns(view: &Relation, base: &Relation, definition: &str) -> Option<Vec<Column>> {
    let tokens = Tokens::new(definition).ok()?;
    let statements = parse(&tokens).ok()?;
    let [statement] = statements.as_slice() else { return None };
    let StatementKind::Select(query) = &statement.kind else { return None };
    let QueryBody::Select(select) = &query.body else { return None };
    let Select { distinct_on, targets, from, filter: _, group_by, having, windows } = &**select;
    let [TableExpr::Relation(reference)] = from.as_slice() else { return None };
    let renamed = reference.alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
    let simple = query.with.is_none()
        && distinct_on.is_empty()
        && group_by.is_empty()
        && having.is_none()
        && windows.is_empty();
    if renamed || !simple || targets.len() != view.columns.len() {
        return None;
    }
    let mut columns: Vec<Column> = Vec::new();
    for (shown, target) in view.columns.iter().zip(targets) {
        let ExprKind::Column(column) = &target.expr.kind else { return None };
        let name = column.parts.last().filter(|_| !column.star)?;
        let below = base.column(name)?;
        if columns.iter().any(|column| column.number == below.number) {
            return None;
        }
        columns.push(Column { name: Arc::clone(&shown.name), ..below.clone() });
    }
    Some(columns)
}
