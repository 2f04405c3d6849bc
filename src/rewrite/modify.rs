//! INSERT, UPDATE and DELETE: which rows of the target, what may be read of them, and the check on
//! the rows as stored. Pure.

use sqlparser::ast::{Expr, Ident, Value};

use super::derived::{Effective, Fence, bind, derived};
use super::print::{
    around, bracketed, captures, client_condition, column, defect, expression, ident, pieces,
    select, template,
};
use super::statement::Rewriter;
use super::{Answer, Piece};
use crate::error::{Refusal, SqlState};
use crate::ids::ColumnNumber;
use crate::policy::{RowFilter, Scope, Verb};
use crate::resolve::{Clause, Modification, ModificationKind, Referenced, RelationUse, Resolved};

impl Rewriter<'_> {
    pub(super) fn modification(
        &mut self,
        resolved: &Resolved,
        modification: &Modification,
    ) -> Result<(), Refusal> {
        let Some(used) = resolved.uses.get(modification.target) else {
            return Err(defect("a modification without a target"));
        };
        let reads = used.verbs.contains(&Verb::Read);
        let read = if reads { Some(self.scope(used, Verb::Read)?) } else { None };
        let mut effective = Effective::new(read, read);
        let alias = ident(used.alias_name());
        let mut checks: Vec<&RowFilter> = Vec::new();
        match &modification.kind {
            ModificationKind::Insert { columns, listed, on_conflict } => {
                let create = self.scope(used, Verb::Create)?;
                writable(used, create, columns, &effective, *listed)?;
                checks.push(&create.check);
                if let Some(read) = read {
                    checks.push(&read.filter);
                }
                if let Some(updated) = on_conflict {
                    // The conflicting row may be one that this principal must not see.
                    let update = if updated.is_empty() {
                        None
                    } else {
                        Some(self.scope(used, Verb::Update)?)
                    };
                    let open = read.is_some_and(Scope::is_transparent)
                        && update.is_none_or(Scope::is_transparent);
                    if !open {
                        return Err(Refusal::unsupported(
                            "ON CONFLICT is supported only where every row may be seen and changed",
                        ));
                    }
                    if let Some(update) = update {
                        writable(used, update, updated, &effective, true)?;
                        refuse_assigning(used, update, updated)?;
                        checks.push(&update.check);
                    }
                }
            }
            ModificationKind::Update { columns } => {
                let update = self.scope(used, Verb::Update)?;
                writable(used, update, columns, &effective, true)?;
                effective.add(&update.filter);
                if columns.iter().any(|number| update.assigns.contains(number)) {
                    let assign = self.scope(used, Verb::Assign)?;
                    effective.add(&assign.filter);
                    checks.push(&assign.check);
                } else {
                    checks.push(&update.check);
                    if let Some(read) = read {
                        checks.push(&read.filter);
                    }
                }
            }
            ModificationKind::Delete => {
                effective.add(&self.scope(used, Verb::Delete)?.filter);
            }
        }
        self.touch(used, &effective, &[])?;
        self.qualify(used);
        if effective.hides_columns() && modification.unresolved {
            return Err(Refusal::unsupported(
                "a column reference that rowgate cannot follow is not supported in a statement on \
                 masked columns",
            ));
        }
        super::statement::refuse_matching(used, &effective)?;
        self.target_rows(used, modification, &effective, &alias)?;
        self.target_columns(used, modification, &effective, &alias)?;
        self.check_option(used, modification, &checks, &alias)
    }

    /// Limits UPDATE and DELETE to the rows in scope.
    fn target_rows(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<(), Refusal> {
        match modification.kind {
            ModificationKind::Insert { .. } => return Ok(()),
            ModificationKind::Update { .. } | ModificationKind::Delete => {}
        }
        let end = modification.clauses.returning.unwrap_or(modification.clauses.end);
        let hidden_in_where = used.references.iter().any(|reference| {
            reference.clause == Clause::Where
                && match &reference.what {
                    Referenced::Column(number) => {
                        effective.mask(*number).is_some() || effective.is_denied(*number)
                    }
                    Referenced::System(_) => false,
                    Referenced::WholeRow | Referenced::Star => effective.hides_columns(),
                }
        });
        let Some(filter) = effective.filter(alias)? else {
            if hidden_in_where {
                return self.rows_by_key(used, modification, effective, alias, None, end);
            }
            return Ok(());
        };
        if modification.current_of {
            return Err(Refusal::unsupported(
                "WHERE CURRENT OF is not supported where not every row is in scope",
            ));
        }
        let Some(where_token) = modification.clauses.filter else {
            let mut inserted = vec![Piece::Text("WHERE".into())];
            inserted.extend(pieces(&bracketed(filter))?);
            self.edit(end..end, inserted);
            return Ok(());
        };
        let unsafe_condition =
            modification.unsafe_condition || (self.hazard && effective.joins_others());
        if hidden_in_where || unsafe_condition {
            return self.rows_by_key(used, modification, effective, alias, Some(filter), end);
        }
        self.edit(where_token + 1..where_token + 1, vec![Piece::Text("(".into())]);
        let mut inserted = vec![Piece::Text(") AND".into())];
        inserted.extend(pieces(&bracketed(filter))?);
        self.edit(end..end, inserted);
        Ok(())
    }

    /// The client's condition is evaluated in a sub-select that sees only rows in scope, with masks
    /// in place; the target is found by its key.
    fn rows_by_key(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        effective: &Effective<'_>,
        alias: &Ident,
        filter: Option<Expr>,
        end: usize,
    ) -> Result<(), Refusal> {
        let Some(where_token) = modification.clauses.filter else {
            return Err(defect("a condition without WHERE"));
        };
        let key = &used.relation.primary_key;
        let plain_key = !key.is_empty()
            && key
                .iter()
                .all(|number| effective.mask(*number).is_none() && !effective.is_denied(*number));
        if modification.joins || !plain_key || used.only {
            return Err(Refusal::unsupported(format!(
                "this condition on {} is not supported: it could tell something about rows or \
                 values that are not visible",
                used.relation.qualified_name()
            )));
        }
        self.inside_by_key(used, effective)?;
        let columns: Vec<Expr> = key
            .iter()
            .filter_map(|number| used.relation.column_by_number(*number))
            .map(|entry| column(alias, &entry.name))
            .collect();
        // A system column that is not in the sub-select would be the target's, of hidden rows too.
        let mut system_columns: Vec<String> = Vec::new();
        for reference in &used.references {
            match (&reference.what, reference.clause) {
                (Referenced::System(name), Clause::Where) if !system_columns.contains(name) => {
                    system_columns.push(name.clone());
                }
                (
                    Referenced::System(_)
                    | Referenced::Column(_)
                    | Referenced::Star
                    | Referenced::WholeRow,
                    Clause::Where | Clause::Set | Clause::Returning | Clause::Other,
                ) => {}
            }
        }
        let inner = derived(used, effective, Fence::Closed, &system_columns)?;
        let mut query = template("SELECT 1 FROM (SELECT 1) AS b WHERE c")?;
        {
            let statement = select(&mut query)?;
            statement.projection =
                columns.iter().cloned().map(sqlparser::ast::SelectItem::UnnamedExpr).collect();
            statement.selection = Some(client_condition());
            let Some(from) = statement.from.first_mut() else { return Err(defect("no FROM")) };
            let sqlparser::ast::TableFactor::Derived { subquery, alias: table_alias, .. } =
                &mut from.relation
            else {
                return Err(defect("no derived table in FROM"));
            };
            *subquery = inner;
            if let Some(table_alias) = table_alias {
                table_alias.name = alias.clone();
            }
        }
        let left = match columns.as_slice() {
            [single] => single.clone(),
            _ => Expr::Tuple(columns),
        };
        let member = Expr::InSubquery { expr: Box::new(left), subquery: query, negated: false };
        let whole = match filter {
            Some(filter) => super::print::and(member, filter),
            None => member,
        };
        let (before, behind) = around(&whole)?;
        // The client's condition stands in brackets of its own: it may hold an OR.
        let mut opening = before;
        opening.push(Piece::Text("(".into()));
        let mut closing = vec![Piece::Text(")".into())];
        closing.extend(behind);
        self.edit(where_token + 1..where_token + 1, opening);
        self.edit(end..end, closing);
        Ok(())
    }

    /// Names that the sub-select of `rows_by_key` does not have would mean the target around it,
    /// with nothing masked.
    fn inside_by_key(
        &mut self,
        used: &RelationUse,
        effective: &Effective<'_>,
    ) -> Result<(), Refusal> {
        for reference in used.references.iter().filter(|r| r.clause == Clause::Where) {
            match &reference.what {
                Referenced::Column(number) if effective.is_denied(*number) => {
                    return Err(no_column(used, *number));
                }
                // The sub-select has these.
                Referenced::System(_) => {}
                Referenced::Column(_) | Referenced::WholeRow | Referenced::Star => {}
            }
            if reference.qualifiers < 2 || reference.tokens.is_empty() {
                continue;
            }
            let start = reference.tokens.start;
            let dropped = start..start + 2 * (reference.qualifiers - 1);
            if !self.out.edits.iter().any(|edit| edit.tokens == dropped) {
                self.edit(dropped, Vec::new());
            }
        }
        Ok(())
    }

    /// Masks what SET and RETURNING read of the target.
    fn target_columns(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<(), Refusal> {
        if !effective.hides_columns() {
            return Ok(());
        }
        let refused = || {
            Refusal::unsupported(format!(
                "a whole row of {} is not supported here: some of its columns are not clear",
                used.relation.qualified_name()
            ))
        };
        for reference in &used.references {
            match reference.clause {
                // The sub-select of `rows_by_key` has the masks in it. A denied column is not in
                // it, so its bare name would mean the target's own.
                Clause::Where => match &reference.what {
                    Referenced::Column(number) if effective.is_denied(*number) => {
                        return Err(no_column(used, *number));
                    }
                    Referenced::Column(_)
                    | Referenced::System(_)
                    | Referenced::WholeRow
                    | Referenced::Star => continue,
                },
                Clause::Set | Clause::Returning | Clause::Other => {}
            }
            match &reference.what {
                Referenced::System(_) => {}
                Referenced::WholeRow => return Err(refused()),
                Referenced::Star => {
                    if modification.joins
                        || reference.clause != Clause::Returning
                        || reference.tokens.is_empty()
                    {
                        return Err(refused());
                    }
                    let list = Self::visible_columns(used, effective, alias)?;
                    self.edit(reference.tokens.clone(), list);
                }
                Referenced::Column(number) => {
                    if effective.is_denied(*number) {
                        return Err(no_column(used, *number));
                    }
                    let Some(mask) = effective.mask(*number) else { continue };
                    if reference.tokens.is_empty() {
                        return Err(refused());
                    }
                    let mut masked = pieces(&bracketed(bind(&mask.expression, alias)?))?;
                    let item = modification
                        .returning
                        .iter()
                        .find(|item| item.start == reference.tokens.start);
                    if let Some(name) = item.and_then(|item| item.bare_column.as_ref()) {
                        masked.push(Piece::Text(format!("AS {}", ident(name)).into()));
                    }
                    self.edit(reference.tokens.clone(), masked);
                }
            }
        }
        Ok(())
    }

    fn visible_columns(
        used: &RelationUse,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<Vec<Piece>, Refusal> {
        let mut list = Vec::new();
        for entry in &used.relation.columns {
            if effective.is_denied(entry.number) {
                continue;
            }
            if !list.is_empty() {
                list.push(Piece::Text(",".into()));
            }
            match effective.mask(entry.number) {
                Some(mask) => {
                    list.extend(pieces(&bracketed(bind(&mask.expression, alias)?))?);
                    list.push(Piece::Text(format!("AS {}", ident(&entry.name)).into()));
                }
                None => {
                    list.push(Piece::Text(column(alias, &entry.name).to_string().into()));
                }
            }
        }
        Ok(list)
    }

    /// Adds an item to RETURNING that fails when the row as stored, after triggers and defaults,
    /// is not allowed: it is computed for every row, in the same statement, so the statement is
    /// undone as a whole.
    fn check_option(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        checks: &[&RowFilter],
        alias: &Ident,
    ) -> Result<(), Refusal> {
        let mut check: Option<Expr> = None;
        let mut seen: Vec<&RowFilter> = Vec::new();
        for filter in checks {
            if seen.contains(filter) {
                continue;
            }
            seen.push(filter);
            match filter {
                RowFilter::All => {}
                RowFilter::Nothing => {
                    return Err(Refusal::denied(
                        format!(
                            "new row violates row-level security policy for table \"{}\"",
                            used.relation.name
                        ),
                        "no row is in the scope of this grant",
                    ));
                }
                RowFilter::Where(expr) => {
                    if captures(&expr.0, &alias.value) {
                        return Err(bind(expr, alias).err().unwrap_or_else(|| defect("capture")));
                    }
                    let bound = expr.bind(alias);
                    check = Some(match check {
                        Some(check) => super::print::and(check, bound),
                        None => bound,
                    });
                }
            }
        }
        let Some(check) = check else { return Ok(()) };
        // Nobody but the gateway knows the marker, so nobody can make an error look like this one;
        // it depends on the row, so it is not computed when the statement is planned.
        let mut item = expression(
            "SELECT CASE WHEN a THEN NULL ELSE CAST('m' || pg_catalog.left(CAST(r AS \
             pg_catalog.text), 0) AS pg_catalog.int4) END",
        )?;
        fill_check(&mut item, check, self.context.check_marker, &column(alias, "tableoid"))?;
        let mut inserted = if modification.clauses.returning.is_some() {
            self.out.answer = Some(Answer::CutLastColumn);
            vec![Piece::Text(",".into())]
        } else {
            self.out.answer = Some(Answer::DropRows);
            vec![Piece::Text("RETURNING".into())]
        };
        inserted.extend(pieces(&item)?);
        let end = modification.clauses.end;
        self.edit(end..end, inserted);
        Ok(())
    }
}

/// Puts the check, the marker and the row into the template of the check item.
fn fill_check(item: &mut Expr, check: Expr, marker: &str, row: &Expr) -> Result<(), Refusal> {
    struct Fill<'f> {
        check: Option<Expr>,
        marker: &'f str,
        row: &'f Expr,
    }
    impl sqlparser::ast::VisitorMut for Fill<'_> {
        type Break = std::convert::Infallible;
        fn post_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<Self::Break> {
            if let Expr::Identifier(name) = expr {
                if name.value == "r" {
                    *expr = self.row.clone();
                } else if name.value == "a"
                    && let Some(check) = self.check.take()
                {
                    *expr = check;
                }
            } else if let Expr::Value(value) = expr
                && value.value == Value::SingleQuotedString("m".to_owned())
            {
                value.value = Value::SingleQuotedString(self.marker.to_owned());
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    // The check is put in after the walk passed its place, so nothing of it is mistaken for a
    // place to fill.
    let mut fill = Fill { check: Some(check), marker, row };
    let _: std::ops::ControlFlow<_> = sqlparser::ast::VisitMut::visit(item, &mut fill);
    if fill.check.is_some() { Err(defect("the check has no place")) } else { Ok(()) }
}

pub(super) fn no_column(used: &RelationUse, number: ColumnNumber) -> Refusal {
    let name = used.relation.column_by_number(number).map_or("", |column| &*column.name);
    Refusal::new(
        SqlState::UNDEFINED_COLUMN,
        format!("column \"{name}\" of relation \"{}\" does not exist", used.relation.name),
        "",
    )
}

/// Columns that may not be written, or do not exist for this principal.
fn writable(
    used: &RelationUse,
    scope: &Scope,
    columns: &[ColumnNumber],
    effective: &Effective<'_>,
    listed: bool,
) -> Result<(), Refusal> {
    for number in columns {
        let denied = scope.denied.contains(number) || effective.is_denied(*number);
        let allowed = scope.writable.as_ref().is_none_or(|allowed| allowed.contains(number));
        if denied || !allowed {
            let name = used.relation.column_by_number(*number).map_or("", |c| &*c.name);
            let hint = if listed { "" } else { "; name the columns to be written" };
            return Err(Refusal::denied(
                format!("permission denied for column {name} of relation {}", used.relation.name),
                format!("no role in force grants writing it{hint}"),
            ));
        }
    }
    Ok(())
}

fn refuse_assigning(
    used: &RelationUse,
    update: &Scope,
    columns: &[ColumnNumber],
) -> Result<(), Refusal> {
    if columns.iter().any(|number| update.assigns.contains(number)) {
        return Err(Refusal::unsupported(format!(
            "ON CONFLICT DO UPDATE of a column that says whose the row is, on {}, is not supported",
            used.relation.qualified_name()
        )));
    }
    Ok(())
}

/// Whether the statement changes a column that only `assign` may change, so that this access has to
/// be decided as well.
pub(crate) fn assigns(resolved: &Resolved, update: &Scope) -> bool {
    match resolved.target.as_ref().map(|modification| &modification.kind) {
        Some(ModificationKind::Update { columns }) => {
            columns.iter().any(|number| update.assigns.contains(number))
        }
        Some(ModificationKind::Insert { .. } | ModificationKind::Delete) | None => false,
    }
}
