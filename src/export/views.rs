//! Views without rules of their own → views over what the person sees of the relations below. Pure.
//!
//! The definition is the database's own text; the relations in it are replaced where their tokens
//! stand, as in the gateway. What they are replaced by is fenced: the definition's own expressions
//! must not run on rows that are out of scope.

use super::ddl::{self, ident};
use super::person::{Person, ROW};
use crate::catalog::{Function, PG_CATALOG, Relation, SearchPath};
use crate::error::Refusal;
use crate::ids::RelationId;
use crate::policy::{RowFilter, Verb};
use crate::resolve::{
    ExpandedView, FunctionGrants, Place, RelationUse, ResolveContext, Resolved, resolve,
};
use crate::sql::{Tokens, parse};

/// Writes the person's own version of a view. `false`: nothing in the schema of the view itself is
/// needed.
pub(super) fn view(person: &mut Person<'_>, relation: &Relation) -> Result<bool, Refusal> {
    let Some(resolved) = expansion(person, relation) else { return Ok(false) };
    let Some(used) = resolved.uses.first() else { return Ok(false) };
    let Some(view) = &used.view else { return Ok(false) };
    if !is_readable(person, &view.resolved) {
        return Ok(false);
    }
    match body(person, used, view)? {
        Ok(query) => person.view(relation, &column_list(relation), &query),
        Err(why) => person.omit(Some(relation), format!("the view is left out: {why}")),
    }
    Ok(false)
}

/// The view as a statement on it is resolved in the gateway; `None` where that refuses it.
fn expansion(person: &Person<'_>, relation: &Relation) -> Option<Resolved> {
    struct Granted<'a, 'p>(&'a Person<'p>);
    impl FunctionGrants for Granted<'_, '_> {
        fn granted(&self, function: &Function) -> bool {
            let Person { policy, catalog, subject, .. } = self.0;
            policy.grants_function(&subject.roles, function, catalog)
        }
    }
    let text = format!("SELECT * FROM {}", ddl::name_of(relation));
    let tokens = Tokens::new(&text).ok()?;
    let statements = parse(&tokens).ok()?;
    let statement = statements.first()?;
    let sequences = |id: RelationId| person.policy.grants_sequence(&person.subject.roles, id);
    let named = |id: RelationId| person.policy.names_relation(id);
    let visible = || person.policy.visible(person.catalog, &person.subject.roles);
    let context = ResolveContext {
        catalog: person.catalog,
        path: &SearchPath::new([PG_CATALOG]),
        grants: &Granted(person),
        sequences: &sequences,
        named: &named,
        visible: &visible,
        declared: &[],
        view_depth: 0,
        system_view: false,
    };
    resolve(context, &tokens, 0..tokens.len(), &statement.kind).ok()
}

fn is_readable(person: &Person<'_>, resolved: &Resolved) -> bool {
    resolved.uses.iter().all(|used| match &used.view {
        Some(view) => is_readable(person, &view.resolved),
        None => person.scope(&used.relation, Verb::Read).is_some(),
    })
}

/// `SELECT * FROM (definition) AS row (columns)`, or why not.
fn body(
    person: &mut Person<'_>,
    used: &RelationUse,
    view: &ExpandedView,
) -> Result<Result<String, &'static str>, Refusal> {
    let tokens = Tokens::new(&view.text)?;
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    let bytes = |range: &std::ops::Range<usize>| {
        let start = tokens.get(range.start)?.start as usize;
        let end = tokens.get(range.end.checked_sub(1)?)?.end as usize;
        Some((start, end))
    };
    for (range, instead) in &view.resolved.withheld {
        let Some((start, end)) = bytes(range) else { return Ok(Err("a call is withheld")) };
        edits.push((start, end, instead.clone()));
    }
    for inner in &view.resolved.uses {
        match &inner.place {
            Place::From { sample: None, table_command: false } => {}
            Place::From { sample: Some(_), .. } => return Ok(Err("it has TABLESAMPLE")),
            Place::From { table_command: true, .. } => return Ok(Err("it has TABLE")),
            Place::Target | Place::Copied | Place::Excluded => return Ok(Err("it writes")),
        }
        let only = inner.only && !tokens.is_mark(inner.name_tokens.start.wrapping_sub(1), "(");
        let mut range = inner.name_tokens.clone();
        if inner.only {
            if !only {
                return Ok(Err("it has ONLY with brackets"));
            }
            range.start = range.start.saturating_sub(1);
        }
        if !inner.only && tokens.is_mark(range.end, "*") {
            range.end += 1;
        }
        let Some((start, end)) = bytes(&range) else { return Ok(Err("it has no names")) };
        let query = match &inner.view {
            Some(nested) => match body(person, inner, nested)? {
                Ok(query) => query,
                Err(why) => return Ok(Err(why)),
            },
            None => match table(person, inner)? {
                Some(query) => query,
                None => return Ok(Err("no column of a relation in it is visible")),
            },
        };
        let alias = match &inner.alias {
            Some(_) => String::new(),
            None => format!(" AS {}", ident(&inner.relation.name)),
        };
        edits.push((start, end, format!("({query}){alias}")));
    }
    edits.sort();
    edits.dedup();
    let mut text = String::new();
    let mut at = 0;
    for (start, end, instead) in edits {
        text.push_str(view.text.get(at..start).unwrap_or_default());
        text.push(' ');
        text.push_str(&instead);
        text.push(' ');
        at = end;
    }
    text.push_str(view.text.get(at..).unwrap_or_default());
    let columns = column_list(&used.relation);
    Ok(Ok(format!("SELECT * FROM ({text}) AS {}{columns}", ident(ROW))))
}

/// A relation of the definition as the person sees it. Denied columns are NULL: the definition names
/// them.
fn table(person: &mut Person<'_>, used: &RelationUse) -> Result<Option<String>, Refusal> {
    let Some(read) = person.scope(&used.relation, Verb::Read) else { return Ok(None) };
    let never = |stored: &str| format!("CASE WHEN false THEN {stored} END");
    let Some(query) = person.seen(&used.relation, &read, Some(never), used.only)? else {
        return Ok(None);
    };
    let fence = if read.filter == RowFilter::All { "" } else { " OFFSET 0" };
    Ok(Some(format!("{query}{fence}")))
}

fn column_list(relation: &Relation) -> String {
    let columns: Vec<String> = relation.columns.iter().map(|column| ident(&column.name)).collect();
    format!(" ({})", columns.join(", "))
}
