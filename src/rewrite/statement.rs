//! One resolved statement and its permit → edits. Pure.

use std::ops::Range;
use std::sync::Arc;

use super::derived::{Effective, Fence, Shown, derived, derived_key, exact_matches, only};
use super::print::{Printed, ident, pieces};
use super::{Answer, Edit, Piece, Told, Touched};
use crate::catalog::{Catalog, Relation};
use crate::error::{Refusal, SqlState};
use crate::policy::{Access, MaskMatch, Permit, Scope, Verb};
use crate::resolve::{Clause, ExpandedView, Place, Referenced, RelationUse, Resolved, WhereClause};
use crate::sql::Tokens;

/// What rewriting depends on besides the resolution.
#[derive(Clone, Copy)]
pub(crate) struct RewriteContext<'a> {
    /// What names mean.
    pub(crate) catalog: &'a Catalog,
    /// What was granted.
    pub(crate) permit: &'a Permit,
    /// What a session may do with its own temporary relations.
    pub(crate) own: &'a Scope,
    /// Marks the error of a violated check option, so that nobody can forge one.
    pub(crate) check_marker: &'a str,
    /// What was printed before under the rules of the permit.
    pub(crate) printed: &'a dyn Printed,
}

/// What rewriting a statement comes to.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) edits: Vec<Edit>,
    pub(crate) touched: Vec<Touched>,
    pub(crate) rows_per_query: Option<u64>,
    pub(crate) answer: Option<Answer>,
    /// Names of relations whose filter stands in WHERE beside them.
    pub(crate) filtered: Vec<Range<usize>>,
    /// A filter has a sub-select, whose plan may depend on the identity.
    pub(crate) asks_others: bool,
}

/// Rewrites one statement.
///
/// # Errors
///
/// A refusal: something is asked for that the permit does not cover, or that cannot be rewritten.
pub(crate) fn rewrite_statement(
    context: RewriteContext<'_>,
    tokens: &Tokens<'_>,
    resolved: &Resolved,
) -> Result<Rewritten, Refusal> {
    let hazard = resolved.hazard;
    let modifies = !resolved.modifications.is_empty();
    let mut rewriter = Rewriter {
        context,
        tokens,
        hazard,
        modifies,
        in_view: false,
        in_system_view: false,
        conditions: Vec::new(),
        out: Rewritten::default(),
    };
    rewriter.statement(resolved, &[])?;
    let mut out = rewriter.out;
    out.edits.sort_by_key(|edit| (edit.tokens.start, edit.tokens.end));
    // The tree repeats the source of `SET (a, b) = (SELECT …)` for every column.
    out.edits.dedup();
    Ok(out)
}

pub(super) struct Rewriter<'a> {
    pub(super) context: RewriteContext<'a>,
    pub(super) tokens: &'a Tokens<'a>,
    /// Something in the statement can fail and does not run behind every filter.
    pub(super) hazard: bool,
    /// The statement has a target, whose columns sub-selects see as they are.
    pub(super) modifies: bool,
    /// Inside the definition of a view.
    pub(super) in_view: bool,
    /// Inside the definition of one of PostgreSQL's own views.
    pub(super) in_system_view: bool,
    /// Filters of relations that stay in place, and where they go.
    pub(super) conditions: Vec<(WhereClause, Vec<Piece>)>,
    pub(super) out: Rewritten,
}

impl<'a> Rewriter<'a> {
    fn statement(&mut self, resolved: &Resolved, extra: &[Verb]) -> Result<(), Refusal> {
        for used in &resolved.uses {
            match &used.place {
                Place::From { sample, table_command } => {
                    self.from(used, sample.as_ref(), *table_command, extra)?;
                }
                Place::Copied | Place::Target | Place::Excluded => {}
            }
        }
        self.place_filters();
        for (tokens, instead) in &resolved.withheld {
            self.edit(tokens.clone(), vec![Piece::Text(instead.as_str().into())]);
        }
        for (tokens, schema, name) in &resolved.named {
            let name = super::print::object(schema, name).to_string();
            self.edit(tokens.clone(), vec![Piece::Text(name.into())]);
        }
        if let Some(copied) = &resolved.copied {
            self.copied(resolved, copied)?;
        }
        if let Some(copied) = &resolved.copied_in {
            self.copied_in(resolved, copied)?;
        }
        for modification in &resolved.modifications {
            self.modification(resolved, modification)?;
        }
        Ok(())
    }

    pub(super) fn scope(&self, used: &RelationUse, verb: Verb) -> Result<&'a Scope, Refusal> {
        if used.relation.is_temporary() {
            return match verb {
                Verb::Read | Verb::Create | Verb::Update | Verb::Delete | Verb::Assign => {
                    Ok(self.context.own)
                }
                // What was read may not leave as an export.
                Verb::Export | Verb::Manage => Err(Refusal::denied(
                    format!("permission denied for table {}", used.relation.name),
                    format!("{} of a temporary table is not granted", verb.as_str()),
                )),
            };
        }
        let access = Access { relation: used.relation.id, verb };
        self.context.permit.scope(access).map(|scope| &**scope).ok_or_else(|| {
            Refusal::denied(
                format!("permission denied for table {}", used.relation.name),
                format!("{} on {} was not decided", verb.as_str(), used.relation.qualified_name()),
            )
        })
    }

    /// The scopes of every verb of a reference together.
    pub(super) fn effective(
        &self,
        used: &RelationUse,
        extra: &[Verb],
    ) -> Result<Effective<'a>, Refusal> {
        let mut scopes = Vec::new();
        for verb in used.verbs.iter().chain(extra) {
            scopes.push(self.scope(used, *verb)?);
        }
        let read = if used.verbs.contains(&Verb::Read) {
            Some(self.scope(used, Verb::Read)?)
        } else {
            None
        };
        let mut effective = Effective::new(read, scopes);
        effective.denied_are_null = self.in_view;
        Ok(effective)
    }

    fn from(
        &mut self,
        used: &RelationUse,
        sample: Option<&Range<usize>>,
        table_command: bool,
        extra: &[Verb],
    ) -> Result<(), Refusal> {
        if let Some(view) = &used.view {
            if sample.is_some() {
                return Err(Refusal::new(
                    SqlState("42809"),
                    "TABLESAMPLE clause can only be applied to tables and materialized views",
                    "",
                ));
            }
            return self.view(used, view, table_command, extra);
        }
        let effective = self.effective(used, extra)?;
        self.touch(used, &effective, extra)?;
        if effective.is_transparent() {
            self.qualify(used);
            return Ok(());
        }
        self.out.asks_others |= effective.asks_others();
        refuse_matching(used, &effective)?;
        // A name that the derived table lacks would be found in the target around it. In a view denied
        // columns are there.
        if self.modifies
            && !self.in_view
            && let Some(number) = used.references.iter().find_map(|r| match &r.what {
                Referenced::Column(number) if effective.is_denied(*number) => Some(*number),
                Referenced::Column(_)
                | Referenced::Listed(_)
                | Referenced::System(_)
                | Referenced::WholeRow
                | Referenced::Star => None,
            })
        {
            return Err(super::modify::no_column(used, number));
        }
        let mut system_columns: Vec<String> = Vec::new();
        let mut star = false;
        for reference in &used.references {
            match &reference.what {
                Referenced::System(name) if !system_columns.contains(name) => {
                    system_columns.push(name.clone());
                }
                Referenced::System(_) | Referenced::Column(_) | Referenced::Listed(_) => {}
                Referenced::Star | Referenced::WholeRow => star = true,
            }
        }
        // A filter that keeps every row hides nothing that an error could tell, and a mask is
        // evaluated before whatever reads its result.
        // What PostgreSQL's own views compute cannot fail and is nobody's question.
        let exposed =
            !self.in_system_view && (used.exposed || (self.hazard && effective.joins_others()));
        let fence = if exposed && !effective.is_unfiltered() { Fence::Closed } else { Fence::Open };
        if fence == Fence::Open
            && let Some(place) = self.place(used, &effective)
        {
            return self.in_place(used, &effective, place, extra);
        }
        // A derived table that has them would show them in `*`.
        if star && !system_columns.is_empty() {
            return Err(Refusal::unsupported(format!(
                "system columns of {} beside * are not supported for a restricted principal",
                used.relation.qualified_name()
            )));
        }
        for condition in exact_matches(used, &effective) {
            if let Some(tokens) = &condition.replaceable {
                self.edit(tokens.clone(), vec![Piece::Text("TRUE".into())]);
            }
        }
        // A name that was left out would be found in the target, too.
        let shown = match used.wanted() {
            Some(numbers) if !self.modifies => Shown::Only(numbers),
            Some(_) | None => Shown::Visible,
        };
        let query = || {
            let mut query = derived(used, &effective, fence, &shown, &system_columns)?;
            if used.only {
                only(&mut query)?;
            }
            Ok::<_, Refusal>(query)
        };
        let whole = self.reference_range(used);
        if let Some(sample) = sample {
            self.sampled(used, &*query()?, sample, whole.start)?;
        } else {
            let mut print = || {
                let mut inserted = vec![Piece::Text("(".into())];
                inserted.extend(pieces(&query()?)?);
                inserted.push(Piece::Text(")".into()));
                Ok(inserted)
            };
            let key = derived_key(used, extra, &effective, fence, &shown, &system_columns)
                .filter(|_| self.is_of_the_catalogue(used));
            let mut inserted = match key {
                Some(key) => self.context.printed.pieces(&key, &mut print)?,
                None => print()?,
            };
            if used.alias.is_none() {
                inserted.push(Piece::Text(format!("AS {}", ident(&used.relation.name)).into()));
            }
            self.replace_table(whole, inserted, table_command)?;
        }
        self.unqualify(used);
        self.extend_grouping(used, &effective);
        Ok(())
    }

    /// The relation is the one that its identity stands for in the catalogue, so that what is said of it
    /// can be told again: not a view's target, and not one of the session's.
    pub(super) fn is_of_the_catalogue(&self, used: &RelationUse) -> bool {
        let known = self.context.catalog.relation(used.relation.id);
        known.is_some_and(|known| Arc::ptr_eq(known, &used.relation))
    }

    /// The tokens of the reference without its alias: ONLY, brackets and `*` included.
    pub(super) fn reference_range(&self, used: &RelationUse) -> Range<usize> {
        let mut range = used.name_tokens.clone();
        if used.only {
            if range.start >= 1 && self.tokens.is_word(range.start - 1, "only") {
                range.start -= 1;
            } else if range.start >= 2
                && self.tokens.is_mark(range.start - 1, "(")
                && self.tokens.is_word(range.start - 2, "only")
            {
                range.start -= 2;
                range.end += 1;
            }
        } else if self.tokens.is_mark(range.end, "*") {
            range.end += 1;
        }
        range
    }

    fn replace_table(
        &mut self,
        range: Range<usize>,
        mut inserted: Vec<Piece>,
        table_command: bool,
    ) -> Result<(), Refusal> {
        let mut range = range;
        if table_command {
            if range.start == 0 || !self.tokens.is_word(range.start - 1, "table") {
                return Err(Refusal::unsupported("this TABLE command is not supported"));
            }
            range.start -= 1;
            inserted.insert(0, Piece::Text("SELECT * FROM".into()));
        }
        self.edit(range, inserted);
        Ok(())
    }

    /// TABLESAMPLE works on a relation only: the derived table is opened before it and closed
    /// behind it, and the client's clause stays where it is.
    fn sampled(
        &mut self,
        used: &RelationUse,
        query: &sqlparser::ast::Query,
        sample: &Range<usize>,
        start: usize,
    ) -> Result<(), Refusal> {
        let mut opening = query.clone();
        let mut before = vec![Piece::Text("(".into())];
        let selection = {
            let select = super::print::select(&mut opening)?;
            select.selection.take()
        };
        let limit = opening.limit_clause.take();
        before.extend(pieces(&opening)?);
        let mut behind = Vec::new();
        if let Some(selection) = selection {
            behind.push(Piece::Text("WHERE".into()));
            behind.extend(pieces(&selection)?);
        }
        if limit.is_some() {
            behind.push(Piece::Text("OFFSET 0".into()));
        }
        let mut alias = format!(") AS {}", ident(used.alias_name()));
        let columns = used.alias.as_ref().map_or(&[][..], |alias| &alias.columns);
        if !columns.is_empty() {
            let list: Vec<String> = columns.iter().map(|name| ident(name).to_string()).collect();
            alias = format!("{alias} ({})", list.join(", "));
        }
        behind.push(Piece::Text(alias.into()));
        self.edit(start..sample.start, before);
        self.edit(sample.end..sample.end, behind);
        Ok(())
    }

    fn view(
        &mut self,
        used: &RelationUse,
        view: &ExpandedView,
        table_command: bool,
        extra: &[Verb],
    ) -> Result<(), Refusal> {
        let mut verbs: Vec<Verb> =
            used.verbs.iter().copied().filter(|verb| *verb != Verb::Read).collect();
        verbs.extend(extra);
        let view_tokens = Tokens::new(&view.text)?;
        let mut inner = Rewriter {
            context: self.context,
            tokens: &view_tokens,
            hazard: self.hazard || view.resolved.hazard,
            modifies: self.modifies,
            in_view: true,
            in_system_view: used.relation.is_system(),
            conditions: Vec::new(),
            out: Rewritten::default(),
        };
        inner.statement(&view.resolved, &verbs)?;
        inner.out.edits.sort_by_key(|edit| (edit.tokens.start, edit.tokens.end));
        let columns: Vec<String> =
            used.relation.columns.iter().map(|column| ident(&column.name).to_string()).collect();
        let shown = if used.opaque && used.exposed {
            columns
                .iter()
                .map(|name| {
                    let row = super::print::ROW_ALIAS;
                    format!("COALESCE({row}.{name}, {row}.{name}) AS {name}")
                })
                .collect::<Vec<_>>()
                .join(", ")
        } else {
            "*".to_owned()
        };
        let mut inserted = vec![Piece::Text(format!("(SELECT {shown} FROM (").into())];
        inserted.extend(super::rewritten::flatten(&view_tokens, &inner.out.edits));
        let fence = if used.exposed { " OFFSET 0" } else { "" };
        inserted.push(Piece::Text(
            format!(") AS {} ({}){fence})", super::print::ROW_ALIAS, columns.join(", ")).into(),
        ));
        if used.alias.is_none() {
            inserted.push(Piece::Text(format!("AS {}", ident(&used.relation.name)).into()));
        }
        self.out.touched.push(Touched {
            relation: used.relation.id,
            name: Arc::from(used.relation.qualified_name()),
            verb: Verb::Read,
            columns: Self::column_names(used, &used.relation),
            filter: Arc::default(),
            masks: Vec::new(),
            compared: 0,
            lines: Arc::default(),
        });
        self.out.touched.append(&mut inner.out.touched);
        if let Some(rows) = inner.out.rows_per_query {
            self.limit_rows(rows);
        }
        let whole = self.reference_range(used);
        self.replace_table(whole, inserted, table_command)?;
        self.unqualify(used);
        Ok(())
    }

    /// Writes the schema before a name that stands alone, so that the server's search path decides
    /// nothing.
    pub(super) fn qualify(&mut self, used: &RelationUse) {
        // A name that is qualified already is replaced by the same: the verifier wants every
        // relation inside an edit.
        let name = super::print::object(&used.relation.schema, &used.relation.name).to_string();
        self.edit(used.name_tokens.clone(), vec![Piece::Text(name.into())]);
    }

    /// `schema.t.col` does not reach a derived table `t`: the schema goes.
    pub(super) fn unqualify(&mut self, used: &RelationUse) {
        for reference in &used.references {
            if reference.qualifiers < 2 || reference.tokens.is_empty() {
                continue;
            }
            let start = reference.tokens.start;
            let dropped = start..start + 2 * (reference.qualifiers - 1);
            if !self.out.edits.iter().any(|edit| edit.tokens == dropped) {
                self.edit(dropped, Vec::new());
            }
        }
    }

    fn extend_grouping(&mut self, used: &RelationUse, effective: &Effective<'_>) {
        let Some(extension) = &used.group_extension else { return };
        // A masked key no longer identifies the row; PostgreSQL then asks for the columns itself.
        if used
            .relation
            .primary_key
            .iter()
            .any(|number| effective.mask(*number).is_some() || effective.is_denied(*number))
        {
            return;
        }
        let alias = ident(used.alias_name());
        let renamed = used.alias.as_ref().map_or(&[][..], |alias| &alias.columns);
        let mut inserted = String::new();
        for number in &extension.columns {
            if effective.is_denied(*number) {
                continue;
            }
            let Some(index) =
                used.relation.columns.iter().position(|column| column.number == *number)
            else {
                continue;
            };
            let name = match renamed.get(index) {
                Some(name) => name.as_str(),
                None => used.relation.columns.get(index).map_or("", |column| &column.name),
            };
            inserted.push_str(", ");
            inserted.push_str(&super::print::column(&alias, name).to_string());
        }
        if !inserted.is_empty() {
            self.edit(extension.before..extension.before, vec![Piece::Text(inserted.into())]);
        }
    }

    /// COPY relation TO → COPY (SELECT …) TO.
    fn copied(
        &mut self,
        resolved: &Resolved,
        copied: &crate::resolve::CopiedRelation,
    ) -> Result<(), Refusal> {
        let Some(used) = resolved.uses.get(copied.used) else {
            return Err(super::print::defect("a copied relation without a use"));
        };
        match used.relation.kind {
            crate::catalog::RelationKind::Table => {}
            crate::catalog::RelationKind::PartitionedTable
            | crate::catalog::RelationKind::View
            | crate::catalog::RelationKind::MaterializedView
            | crate::catalog::RelationKind::ForeignTable
            | crate::catalog::RelationKind::Sequence
            | crate::catalog::RelationKind::Other => {
                return Err(Refusal::new(
                    SqlState("42809"),
                    format!("cannot copy from relation \"{}\"", used.relation.name),
                    "Try the COPY (SELECT ...) TO variant.",
                ));
            }
        }
        let effective = self.effective(used, &[])?;
        self.touch(used, &effective, &[])?;
        for name in &copied.columns {
            let visible = used
                .relation
                .column(name)
                .is_some_and(|column| !effective.is_denied(column.number));
            if !visible {
                return Err(Refusal::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{name}\" of relation \"{}\" does not exist",
                        used.relation.name
                    ),
                    "",
                ));
            }
        }
        let mut query = derived(used, &effective, Fence::Open, &Shown::Visible, &[])?;
        // COPY of a table leaves out what its children hold.
        only(&mut query)?;
        let mut inserted = vec![Piece::Text("(SELECT".into())];
        let columns: Vec<String> = if copied.columns.is_empty() {
            used.relation
                .columns
                .iter()
                .filter(|column| !effective.is_denied(column.number) && !column.generated)
                .map(|column| ident(&column.name).to_string())
                .collect()
        } else {
            copied.columns.iter().map(|name| ident(name).to_string()).collect()
        };
        inserted.push(Piece::Text(columns.join(", ").into()));
        inserted.push(Piece::Text("FROM (".into()));
        inserted.extend(pieces(&query)?);
        inserted.push(Piece::Text(format!(") AS {})", ident(&used.relation.name)).into()));
        self.edit(copied.tokens.clone(), inserted);
        Ok(())
    }

    // Edits and the record.

    pub(super) fn edit(&mut self, tokens: Range<usize>, pieces: Vec<Piece>) {
        self.out.edits.push(Edit { tokens, pieces });
    }

    fn limit_rows(&mut self, rows: u64) {
        self.out.rows_per_query =
            Some(self.out.rows_per_query.map_or(rows, |before| before.min(rows)));
    }

    fn column_names(used: &RelationUse, relation: &Relation) -> Vec<Arc<str>> {
        used.columns()
            .iter()
            .filter_map(|number| relation.column_by_number(*number))
            .map(|column| Arc::clone(&column.name))
            .collect()
    }

    pub(super) fn touch(
        &mut self,
        used: &RelationUse,
        effective: &Effective<'_>,
        extra: &[Verb],
    ) -> Result<(), Refusal> {
        let mut verbs: Vec<Verb> = used.verbs.iter().chain(extra).copied().collect();
        verbs.sort_unstable();
        verbs.dedup();
        let stored = self.stored(used)?;
        let (name, view) = (Arc::from(stored.qualified_name()), used.through.as_ref());
        let columns = Self::column_names(used, stored);
        for verb in verbs {
            let scope = self.scope(used, verb)?;
            if let Some(rows) = scope.rows_per_query {
                self.limit_rows(rows);
            }
            let mut compared: u64 = 0;
            let masks = used
                .columns()
                .iter()
                .filter_map(|number| {
                    let column = used.relation.column_by_number(*number)?;
                    let mask = effective.mask(*number)?;
                    let values: usize = exact_matches(used, effective)
                        .filter(|condition| condition.column == *number)
                        .map(|condition| condition.operands.len())
                        .sum();
                    compared = compared.saturating_add(values as u64);
                    let mut text = format!("{}: {}", column.name, mask.kind);
                    if values > 0 {
                        text.push_str(", compared with ");
                        text.push_str(&values.to_string());
                    }
                    Some(text.into_boxed_str())
                })
                .collect();
            let access = Access { relation: used.relation.id, verb };
            let Told { filter, lines } = self.context.printed.told(access, scope);
            self.out.touched.push(Touched {
                relation: used.relation.id,
                name: Arc::clone(&name),
                verb,
                columns: columns.clone(),
                filter,
                masks,
                compared,
                lines,
            });
            // The decision holds for the view as it is defined now.
            if let Some(through) = view {
                self.out.touched.push(Touched {
                    relation: through.view,
                    name: Arc::from(used.relation.qualified_name()),
                    verb,
                    columns: Vec::new(),
                    filter: Arc::default(),
                    masks: Vec::new(),
                    compared: 0,
                    lines: Arc::default(),
                });
            }
        }
        Ok(())
    }
}

/// A column whose mask refuses to be compared must not stand in a condition.
pub(super) fn refuse_matching(
    used: &RelationUse,
    effective: &Effective<'_>,
) -> Result<(), Refusal> {
    for reference in &used.references {
        match reference.clause {
            Clause::Where | Clause::Decision => {}
            Clause::Set | Clause::Returning | Clause::Inference | Clause::Other => continue,
        }
        let number = match reference.what {
            Referenced::Column(number) | Referenced::Listed(number) => number,
            Referenced::System(_) | Referenced::WholeRow | Referenced::Star => continue,
        };
        let refused = effective.mask(number).is_some_and(|mask| mask.matching == MaskMatch::Refuse);
        if refused {
            let name = used.relation.column_by_number(number).map_or("", |column| &*column.name);
            return Err(Refusal::denied(
                format!("permission denied for column {name} of relation {}", used.relation.name),
                "its mask refuses conditions on it",
            ));
        }
    }
    Ok(())
}
