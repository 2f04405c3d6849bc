//! INSERT, UPDATE and DELETE: which rows of the target, and what may be read of them. Pure.

use sqlparser::ast::{Expr, Ident};

use super::Piece;
use super::check::{boolean, case};
use super::conflict::Met;
use super::derived::{Effective, Fence, Shown, bind, derived};
use super::print::{
    ROW_ALIAS, around, bracketed, client_condition, column, defect, ident, pieces, select, template,
};
use super::statement::Rewriter;
use crate::error::{Refusal, SqlState};
use crate::ids::{ColumnNumber, RelationId};
use crate::policy::{Access, Permit, RowFilter, Scope, Verb};
use crate::resolve::{
    Clause, Conjunct, Modification, ModificationKind, Reference, Referenced, RelationUse, Resolved,
};

/// Where the client's condition on the target is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Where the client wrote it.
    InPlace,
    /// In a sub-select that has masks and filter in it.
    BySubselect,
}

/// A condition reads what is masked or denied.
fn is_hidden_in_where(reference: &Reference, effective: &Effective<'_>) -> bool {
    reference.clause == Clause::Where
        && match &reference.what {
            Referenced::Column(number) => {
                effective.mask(*number).is_some() || effective.is_denied(*number)
            }
            Referenced::System(_) | Referenced::Listed(_) => false,
            Referenced::WholeRow | Referenced::Star => effective.hides_columns(),
        }
}

impl<'a> Rewriter<'a> {
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
                if let Some(conflict) = on_conflict {
                    let proposed = checks.clone();
                    let visible = effective.clone();
                    checks.extend(self.updated(used, &conflict.columns, &mut effective)?);
                    let end = modification.clauses.returning.unwrap_or(modification.clauses.end);
                    self.excluded(resolved, conflict, &effective)?;
                    let rows = Met { visible: &visible, allowed: &effective, proposed: &proposed };
                    self.conflicting_rows(used, conflict, &rows, end)?;
                }
            }
            ModificationKind::Update { columns } => {
                checks = self.updated(used, columns, &mut effective)?;
            }
            ModificationKind::Delete => {
                let delete = self.scope(used, Verb::Delete)?;
                effective.add(&delete.filter);
                if modification.current_of.is_some() {
                    checks.push(&delete.filter);
                    checks.extend(read.map(|read| &read.filter));
                }
            }
            ModificationKind::Merge(merging) => {
                self.prepared(used, &effective)?;
                self.touch(used, &effective, &[])?;
                let wrapped = self.merged(used, modification, merging, &effective, &alias)?;
                return self.target_columns(
                    used,
                    modification,
                    &effective,
                    &alias,
                    Condition::InPlace,
                    wrapped,
                );
            }
        }
        self.through(used, &effective, &checks)?;
        self.touch(used, &effective, &[])?;
        self.prepared(used, &effective)?;
        if effective.hides_columns() && modification.unresolved {
            return Err(unfollowed());
        }
        let condition = self.target_rows(used, modification, &effective, &alias)?;
        let wrapped = match Self::all_checks(used, &checks, &alias)? {
            Some(check) => self.check_returned(used, modification, check, &effective, &alias)?,
            None => None,
        };
        self.target_columns(used, modification, &effective, &alias, condition, wrapped)
    }

    fn prepared(&mut self, used: &RelationUse, effective: &Effective<'_>) -> Result<(), Refusal> {
        self.qualify(used);
        super::statement::refuse_matching(used, effective)
    }

    /// Narrows `effective` to the rows that may be changed in these columns; the checks on what
    /// they become.
    pub(super) fn updated(
        &self,
        used: &RelationUse,
        columns: &[ColumnNumber],
        effective: &mut Effective<'a>,
    ) -> Result<Vec<&'a RowFilter>, Refusal> {
        let update = self.scope(used, Verb::Update)?;
        writable(used, update, columns, effective, true)?;
        effective.add(&update.filter);
        if columns.iter().any(|number| update.assigns.contains(number)) {
            let assign = self.scope(used, Verb::Assign)?;
            effective.add(&assign.filter);
            return Ok(vec![&assign.check]);
        }
        let mut checks = vec![&update.check];
        if used.verbs.contains(&Verb::Read) {
            checks.push(&self.scope(used, Verb::Read)?.filter);
        }
        Ok(checks)
    }

    /// Limits UPDATE and DELETE to the rows in scope.
    fn target_rows(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<Condition, Refusal> {
        match modification.kind {
            ModificationKind::Insert { .. } | ModificationKind::Merge(_) => {
                return Ok(Condition::InPlace);
            }
            ModificationKind::Update { .. } | ModificationKind::Delete => {}
        }
        if let Some(cursor) = &modification.current_of {
            self.current_row(used, modification, cursor, effective)?;
            return Ok(Condition::InPlace);
        }
        let end = modification.clauses.returning.unwrap_or(modification.clauses.end);
        let hidden_in_where =
            used.references.iter().any(|reference| is_hidden_in_where(reference, effective));
        let filter = effective.filter(alias)?;
        let Some(where_token) = modification.clauses.filter else {
            if let Some(filter) = filter {
                let mut inserted = vec![Piece::Text("WHERE".into())];
                inserted.extend(pieces(&bracketed(filter))?);
                self.edit(end..end, inserted);
            }
            return Ok(Condition::InPlace);
        };
        let unsafe_condition = filter.is_some()
            && (modification.unsafe_condition || (self.hazard && effective.joins_others()));
        if hidden_in_where || unsafe_condition {
            let key = &used.relation.primary_key;
            let plain_key = !key.is_empty()
                && key.iter().all(|number| {
                    effective.mask(*number).is_none() && !effective.is_denied(*number)
                });
            if plain_key && !modification.joins && !used.only {
                self.rows_by_key(used, modification, effective, alias, filter, end)?;
                return Ok(Condition::BySubselect);
            }
            if let Some(filter) = filter {
                self.rows_in_order(used, modification, effective, &filter, end)?;
            }
            return Ok(Condition::InPlace);
        }
        let Some(filter) = filter else { return Ok(Condition::InPlace) };
        self.edit(where_token + 1..where_token + 1, vec![Piece::Text("(".into())]);
        let mut inserted = vec![Piece::Text(") AND".into())];
        inserted.extend(pieces(&bracketed(filter))?);
        self.edit(end..end, inserted);
        Ok(Condition::InPlace)
    }

    /// What of the client's condition could tell something is computed behind the filter, with masks
    /// in place: `CASE WHEN filter THEN part ELSE FALSE END`. A part that is safe stays where the
    /// planner finds it.
    fn rows_in_order(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        effective: &Effective<'_>,
        filter: &Expr,
        end: usize,
    ) -> Result<(), Refusal> {
        let Some(where_token) = modification.clauses.filter else {
            return Err(defect("a condition without WHERE"));
        };
        let start = where_token + 1;
        // A filter that becomes a join is decided later than what stands beside it.
        let whole = [Conjunct { tokens: start..end, safe: false }];
        let late = effective.joins_others();
        let parts = if late { &whole[..] } else { modification.conjuncts.as_slice() };
        if !late {
            self.edit(start..start, vec![Piece::Text("(".into())]);
        }
        for part in parts {
            let hidden = used.references.iter().any(|reference| {
                part.tokens.contains(&reference.tokens.start)
                    && is_hidden_in_where(reference, effective)
            });
            if part.safe && !hidden {
                continue;
            }
            let client = Expr::Nested(Box::new(client_condition()));
            let (before, behind) = around(&case(filter.clone(), client, Some(boolean(false)))?)?;
            self.edit(part.tokens.start..part.tokens.start, before);
            self.edit(part.tokens.end..part.tokens.end, behind);
        }
        if !late {
            let mut inserted = vec![Piece::Text(") AND".into())];
            inserted.extend(pieces(&bracketed(filter.clone()))?);
            self.edit(end..end, inserted);
        }
        Ok(())
    }

    /// WHERE CURRENT OF takes no further condition, so the row is judged when it is returned. That
    /// is the row as it was, too, where nothing is assigned that the filter looks at.
    fn current_row(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        cursor: &str,
        effective: &Effective<'_>,
    ) -> Result<(), Refusal> {
        let refused = |why: &str| {
            Err(Refusal::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("WHERE CURRENT OF is not supported here on {}", {
                    used.relation.qualified_name()
                }),
                why,
            ))
        };
        if cursor.starts_with("rowgate_") {
            return refused("names that begin with rowgate_ are reserved");
        }
        let Some(where_token) = modification.clauses.filter else {
            return Err(defect("a condition without WHERE"));
        };
        let name = where_token + 3;
        if self.tokens.identifier(name).as_deref() != Some(cursor) {
            return refused("this spelling of a cursor name is not supported");
        }
        self.edit(name..name + 1, vec![Piece::PortalName(cursor.into())]);
        if effective.is_unfiltered() {
            return Ok(());
        }
        let catalog = self.context.catalog;
        if catalog.has_triggers_below(used.relation.id) {
            return refused("triggers of the table can change what is stored");
        }
        let decided = effective.columns();
        let assigned = changed(&modification.kind).into_iter().any(|number| {
            used.relation
                .column_by_number(number)
                .is_none_or(|column| column.generated || decided.contains(&*column.name))
        });
        let generated = used
            .relation
            .columns
            .iter()
            .any(|column| column.generated && decided.contains(&*column.name));
        if assigned || generated {
            return refused("it changes a column that decides which rows are in scope");
        }
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
                    | Referenced::Listed(_)
                    | Referenced::Star
                    | Referenced::WholeRow,
                    Clause::Where
                    | Clause::Set
                    | Clause::Returning
                    | Clause::Decision
                    | Clause::Inference
                    | Clause::Other,
                ) => {}
            }
        }
        let inner = derived(used, effective, Fence::Closed, &Shown::Visible, &system_columns)?;
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
                Referenced::Column(_)
                | Referenced::Listed(_)
                | Referenced::WholeRow
                | Referenced::Star => {}
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

    /// Masks what SET, RETURNING and conditions that are not in a sub-select read of the target.
    /// `wrapped`: where the item of RETURNING begins that the check has been put into.
    fn target_columns(
        &mut self,
        used: &RelationUse,
        modification: &Modification,
        effective: &Effective<'_>,
        alias: &Ident,
        condition: Condition,
        wrapped: Option<usize>,
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
                Clause::Where if condition == Condition::BySubselect => match &reference.what {
                    Referenced::Column(number) if effective.is_denied(*number) => {
                        return Err(no_column(used, *number));
                    }
                    Referenced::Column(_)
                    | Referenced::Listed(_)
                    | Referenced::System(_)
                    | Referenced::WholeRow
                    | Referenced::Star => continue,
                },
                // It names an index, and its values are not looked at.
                Clause::Inference => match &reference.what {
                    Referenced::Column(number) if effective.is_denied(*number) => {
                        return Err(no_column(used, *number));
                    }
                    Referenced::Column(_)
                    | Referenced::Listed(_)
                    | Referenced::System(_)
                    | Referenced::WholeRow
                    | Referenced::Star => continue,
                },
                Clause::Where
                | Clause::Set
                | Clause::Returning
                | Clause::Decision
                | Clause::Other => {}
            }
            match &reference.what {
                Referenced::System(_) | Referenced::Listed(_) => {}
                Referenced::WholeRow => {
                    if reference.tokens.is_empty() {
                        return Err(refused());
                    }
                    let mut row = Self::visible_row(used, effective, alias)?;
                    let item = modification
                        .returning
                        .iter()
                        .find(|item| item.tokens == reference.tokens && !item.named);
                    if item.is_some_and(|item| Some(item.tokens.start) != wrapped) {
                        row.push(Piece::Text(format!("AS {alias}").into()));
                    }
                    self.edit(reference.tokens.clone(), row);
                }
                Referenced::Star if Some(reference.tokens.start) == wrapped => {}
                Referenced::Star => {
                    let item =
                        modification.returning.iter().find(|item| item.tokens == reference.tokens);
                    let lists = item.map_or(&[][..], |item| item.lists.as_slice());
                    if lists.is_empty() || reference.clause != Clause::Returning {
                        return Err(refused());
                    }
                    let list = Self::listed(used, effective, alias, lists)?;
                    self.edit(reference.tokens.clone(), list);
                }
                Referenced::Column(number) => {
                    if effective.is_denied(*number) {
                        return Err(no_column(used, *number));
                    }
                    let Some(mask) = effective.mask(*number) else { continue };
                    // It comes through a sub-select or a RETURNING, where it has been masked.
                    if reference.tokens.is_empty() {
                        continue;
                    }
                    let mut masked = pieces(&bracketed(bind(&mask.expression, alias)?))?;
                    let item = modification
                        .returning
                        .iter()
                        .find(|item| item.tokens.start == reference.tokens.start);
                    if let Some(name) = item.and_then(|item| item.bare_column.as_ref())
                        && item.map(|item| item.tokens.start) != wrapped
                    {
                        masked.push(Piece::Text(format!("AS {}", ident(name)).into()));
                    }
                    self.edit(reference.tokens.clone(), masked);
                }
            }
        }
        Ok(())
    }

    /// The row of the target as a value: a record of the columns as they are seen.
    fn visible_row(
        used: &RelationUse,
        effective: &Effective<'_>,
        alias: &Ident,
    ) -> Result<Vec<Piece>, Refusal> {
        let mut row = vec![Piece::Text(format!("(SELECT {ROW_ALIAS} FROM (SELECT").into())];
        row.extend(Self::visible_columns(used, effective, alias)?);
        row.push(Piece::Text(format!(") AS {ROW_ALIAS})").into()));
        Ok(row)
    }

    /// What `*` stands for: the visible columns of the target, and everything else.
    pub(super) fn listed(
        used: &RelationUse,
        effective: &Effective<'_>,
        alias: &Ident,
        lists: &[Option<String>],
    ) -> Result<Vec<Piece>, Refusal> {
        let mut listed = Vec::new();
        for item in lists {
            if !listed.is_empty() {
                listed.push(Piece::Text(",".into()));
            }
            match item {
                None => listed.extend(Self::visible_columns(used, effective, alias)?),
                Some(name) => listed.push(Piece::Text(format!("{}.*", ident(name)).into())),
            }
        }
        Ok(listed)
    }

    pub(super) fn visible_columns(
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
pub(super) fn writable(
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

pub(super) fn unfollowed() -> Refusal {
    Refusal::unsupported(
        "a column reference that rowgate cannot follow is not supported in a statement on masked \
         columns",
    )
}

/// The columns that a modification changes in rows that are there already.
fn changed(kind: &ModificationKind) -> Vec<ColumnNumber> {
    match kind {
        ModificationKind::Update { columns } => columns.clone(),
        ModificationKind::Insert { on_conflict, .. } => {
            on_conflict.as_ref().map(|conflict| conflict.columns.clone()).unwrap_or_default()
        }
        ModificationKind::Delete => Vec::new(),
        ModificationKind::Merge(merging) => merging.changed(),
    }
}

/// The relations of which the statement changes a column that only `assign` may change, so that
/// this access has to be decided as well.
pub(crate) fn assigned(resolved: &Resolved, permit: &Permit) -> Vec<RelationId> {
    let mut relations = Vec::new();
    for modification in &resolved.modifications {
        let Some(used) = resolved.uses.get(modification.target) else { continue };
        let relation = used.relation.id;
        let update = permit.scope(Access { relation, verb: Verb::Update });
        let assigns = |number| update.is_some_and(|update| update.assigns.contains(number));
        if changed(&modification.kind).iter().any(assigns) {
            relations.push(relation);
        }
    }
    relations
}
