//! Syntax → what it touches: every relation by identity, every column reference, every function
//! judged, and where a client's expression could run before a row filter. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod call;
mod coerce;
mod column;
mod condition;
mod conflict;
mod copy_in;
mod definition;
mod describe;
mod expr;
mod from;
mod function;
mod group;
mod merge;
mod modify;
mod names;
mod operator;
mod output;
mod parameter;
mod pattern;
mod privilege;
mod query;
mod safe;
mod scope;
mod special;
mod through;
mod total;

use std::ops::Range;
use std::sync::Arc;

use crate::catalog::{Catalog, Relation, RelationKind, SearchPath};
use crate::error::Refusal;
use crate::ids::{ColumnNumber, RelationId, TypeId};
use crate::policy::{Access, Verb, Visible};
use crate::sql::ast::{Alias, MergeMatch, StatementKind};
use crate::sql::{TokenKind, Tokens};

pub use function::SessionState;
pub(crate) use function::{FunctionGrants, session_state};
pub(crate) use pattern::BoundPattern;

/// What a resolution depends on besides the syntax.
#[derive(Clone, Copy)]
pub(crate) struct ResolveContext<'a> {
    /// What names mean.
    pub(crate) catalog: &'a Catalog,
    /// Where unqualified names are looked up.
    pub(crate) path: &'a SearchPath,
    /// Functions beyond the built-in allow-list.
    pub(crate) grants: &'a dyn FunctionGrants,
    /// Sequences that may be drawn from.
    pub(crate) sequences: &'a dyn Fn(RelationId) -> bool,
    /// Whether the policy has rules on this view itself, so that it is not expanded.
    pub(crate) named: &'a dyn Fn(RelationId) -> bool,
    /// What of the database's catalogue exists for the principal.
    pub(crate) visible: &'a dyn Fn() -> Arc<Visible>,
    /// The parameter types the client declared; 0 is unspecified.
    pub(crate) declared: &'a [TypeId],
    /// How many views this text is inside of; their authors' functions are the database's own.
    pub(crate) view_depth: usize,
    /// The text is the definition of one of PostgreSQL's own views.
    pub(crate) system_view: bool,
}

/// A statement with every name bound.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Every reference to a relation of the catalogue, in the order of the walk.
    pub(crate) uses: Vec<RelationUse>,
    /// INSERT, UPDATE, DELETE and MERGE: those in WITH before the one around them.
    pub(crate) modifications: Vec<Modification>,
    /// COPY relation TO: the tokens of the relation and its column list.
    pub(crate) copied: Option<CopiedRelation>,
    /// COPY relation FROM.
    pub(crate) copied_in: Option<CopiedIn>,
    /// Calls that are answered with NULL, and arguments that are narrowed: tokens, and what stands
    /// there instead.
    pub(crate) withheld: Vec<(Range<usize>, String)>,
    /// Names of temporary relations that are made, dropped and so on: tokens, schema and name.
    pub(crate) named: Vec<(Range<usize>, String, String)>,
    /// Patterns that are looked at when their parameters are bound.
    pub(crate) patterns: Vec<BoundPattern>,
    /// Something in it can fail and does not run behind every filter.
    pub(crate) hazard: bool,
    /// For a query: whether computing the output column can fail. Empty when not known.
    pub(crate) outputs: Vec<bool>,
}

impl Resolved {
    /// How the one row is found of the one relation that is read; `None` where it is not that.
    pub(crate) fn key_lookup(&self, tokens: &Tokens<'_>) -> Option<KeyLookup> {
        let [used] = self.uses.as_slice() else { return None };
        let key = &used.relation.primary_key;
        // A plan that is used again locks all partitions; one for given values only those it needs.
        let plain = used.relation.kind == RelationKind::Table;
        if !plain || !self.modifications.is_empty() || key.is_empty() {
            return None;
        }
        let mut found = KeyLookup::ByParameters;
        for number in key {
            let operand = used.conditions.iter().find_map(|condition| {
                let equals = condition.column == *number
                    && condition.comparison == Comparison::Operator("=");
                condition.operands.first().filter(|operand| equals && operand.len() == 1)
            })?;
            match tokens.get(operand.start)?.kind {
                TokenKind::Parameter => {}
                TokenKind::String | TokenKind::Integer | TokenKind::Number => {
                    found = KeyLookup::ByConstants;
                }
                TokenKind::Word
                | TokenKind::QuotedIdentifier
                | TokenKind::UnicodeIdentifier
                | TokenKind::SpecialString
                | TokenKind::BitString
                | TokenKind::DollarString
                | TokenKind::Operator
                | TokenKind::Punctuation => return None,
            }
        }
        Some(found)
    }

    /// What has to be decided: relations and verbs, expanded views by what is in them.
    pub(crate) fn accesses(&self) -> Vec<Access> {
        let mut accesses = Vec::new();
        self.collect_accesses(&mut accesses);
        accesses.sort_unstable();
        accesses.dedup();
        accesses
    }

    fn collect_accesses(&self, accesses: &mut Vec<Access>) {
        for used in &self.uses {
            if let Some(view) = &used.view {
                view.resolved.collect_accesses(accesses);
                if used.verbs.contains(&Verb::Export) {
                    for inner in &view.resolved.uses {
                        accesses.push(Access { relation: inner.relation.id, verb: Verb::Export });
                    }
                }
            } else if !used.relation.is_temporary() {
                for verb in &used.verbs {
                    accesses.push(Access { relation: used.relation.id, verb: *verb });
                }
            }
        }
    }
}

/// A query for one row by its primary key: whatever the key's value is, the best plan is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLookup {
    /// Bind parameters give the key.
    ByParameters,
    /// Constants in the text do, at least in part.
    ByConstants,
}

/// One reference to a relation.
#[derive(Debug)]
pub(crate) struct RelationUse {
    /// The relation.
    pub(crate) relation: Arc<Relation>,
    /// What is done to it by this reference.
    pub(crate) verbs: Vec<Verb>,
    /// Where it stands.
    pub(crate) place: Place,
    /// The tokens of its name.
    pub(crate) name_tokens: Range<usize>,
    /// The client's alias.
    pub(crate) alias: Option<Alias>,
    /// ONLY.
    pub(crate) only: bool,
    /// A client expression may run on rows that the filter rejects.
    pub(crate) exposed: bool,
    /// An operator that can fail is applied to it: the server is not to try it on the relation's
    /// statistics.
    pub(crate) opaque: bool,
    /// Simple conditions of the client that only concern this reference.
    pub(crate) conditions: Vec<SimpleCondition>,
    /// Column references that mean this relation.
    pub(crate) references: Vec<Reference>,
    /// Columns that `references` does not name have a meaning for the statement, too: NATURAL looks
    /// for their names, or a name could not be resolved.
    pub(crate) entire: bool,
    /// The statement groups by its primary key and relies on the other columns following from it.
    pub(crate) group_extension: Option<GroupExtension>,
    /// The definition, when it is a view that the policy has no rules on.
    pub(crate) view: Option<Box<ExpandedView>>,
    /// The target is a view that is written through: the relation has the view's name and the
    /// identity of the table.
    pub(crate) through: Option<Through>,
    /// The WHERE that every row of the relation passes; `None` where there is none, as on the
    /// nullable side of an outer join, or where its place is not known.
    pub(crate) passes: Option<WhereClause>,
}

/// WHERE of a SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WhereClause {
    /// The token WHERE, when it is there.
    pub(crate) word: Option<usize>,
    /// Behind its last token; where it is not there, behind the last of FROM.
    pub(crate) end: usize,
}

/// A view that is written through.
#[derive(Debug, Clone)]
pub(crate) struct Through {
    /// The view.
    pub(crate) view: RelationId,
    /// The table's columns that the view's own conditions look at.
    pub(crate) decided: Vec<ColumnNumber>,
}

impl RelationUse {
    /// The name other parts of the statement call it by.
    pub(crate) fn alias_name(&self) -> &str {
        self.alias.as_ref().map_or(&self.relation.name, |alias| &alias.name)
    }

    /// The columns besides which the statement needs none; `None` when it takes all of them.
    pub(crate) fn wanted(&self) -> Option<Vec<ColumnNumber>> {
        // A list of column names counts from the left.
        let renamed = self.alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
        (!self.entire && !renamed).then(|| self.columns())
    }

    /// The columns the statement names, all for whole-row references and `*`.
    pub(crate) fn columns(&self) -> Vec<ColumnNumber> {
        let mut columns: Vec<ColumnNumber> = Vec::new();
        for reference in &self.references {
            match &reference.what {
                Referenced::Column(number) | Referenced::Listed(number) => columns.push(*number),
                Referenced::System(_) => {}
                Referenced::WholeRow | Referenced::Star => {
                    columns.extend(self.relation.columns.iter().map(|column| column.number));
                }
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// Where a relation reference stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// FROM, JOIN, USING: it can be replaced by a derived table.
    From {
        /// The tokens of TABLESAMPLE … behind it.
        sample: Option<Range<usize>>,
        /// `TABLE t`, which has no FROM.
        table_command: bool,
    },
    /// The target of INSERT, UPDATE, DELETE or MERGE.
    Target,
    /// `excluded` in ON CONFLICT DO UPDATE: the row that was to be inserted.
    Excluded,
    /// COPY relation TO.
    Copied,
}

/// A column reference that means a relation.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// Its tokens.
    pub(crate) tokens: Range<usize>,
    /// How many name parts stand before the column or the `*`.
    pub(crate) qualifiers: usize,
    /// What is referred to.
    pub(crate) what: Referenced,
    /// In which part of the statement.
    pub(crate) clause: Clause,
}

/// What a column reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Referenced {
    /// A column.
    Column(ColumnNumber),
    /// A column that `*` or the row of a sub-select or common table expression brings along.
    Listed(ColumnNumber),
    /// `ctid` and its like.
    System(String),
    /// The row as a value.
    WholeRow,
    /// `*` or `t.*`
    Star,
}

/// The part of a statement an expression stands in, as far as it matters for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// WHERE.
    Where,
    /// The right side of SET.
    Set,
    /// RETURNING.
    Returning,
    /// WHERE of ON CONFLICT DO UPDATE, ON and WHEN of MERGE.
    Decision,
    /// The inference of ON CONFLICT, which names indexes and reads nothing.
    Inference,
    /// Anywhere else.
    Other,
}

/// `column op constant`, which may be repeated inside a fence.
#[derive(Debug, Clone)]
pub(crate) struct SimpleCondition {
    /// The column.
    pub(crate) column: ColumnNumber,
    /// How it is compared.
    pub(crate) comparison: Comparison,
    /// The tokens of each operand: literals or parameters.
    pub(crate) operands: Vec<Range<usize>>,
    /// The tokens of the whole condition, when it is an equality that may as well be judged on the
    /// relation before anything else.
    pub(crate) replaceable: Option<Range<usize>>,
}

/// How a simple condition compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `column op operand`
    Operator(&'static str),
    /// `column IN (operands)`
    In,
    /// `column BETWEEN a AND b`
    Between,
}

/// What GROUP BY has to be extended by when the relation becomes a derived table.
#[derive(Debug, Clone)]
pub(crate) struct GroupExtension {
    /// Insert before this token.
    pub(crate) before: usize,
    /// The columns used beside the key.
    pub(crate) columns: Vec<ColumnNumber>,
}

/// A view's definition, resolved.
#[derive(Debug)]
pub(crate) struct ExpandedView {
    /// The text as the catalogue gave it, without the semicolon.
    pub(crate) text: Arc<str>,
    /// Its names, bound.
    pub(crate) resolved: Resolved,
}

/// INSERT, UPDATE, DELETE or MERGE.
#[derive(Debug)]
pub(crate) struct Modification {
    /// Index of the target in `uses`.
    pub(crate) target: usize,
    /// What is done.
    pub(crate) kind: ModificationKind,
    /// Token positions of its clauses.
    pub(crate) clauses: Clauses,
    /// The items of RETURNING: tokens, and the name after AS.
    pub(crate) returning: Vec<ReturningItem>,
    /// It stands in WITH: other parts of the statement see what it returns.
    pub(crate) nested: bool,
    /// FROM or USING is there.
    pub(crate) joins: bool,
    /// WHERE CURRENT OF: the cursor.
    pub(crate) current_of: Option<String>,
    /// A condition of the client may fail, or it reads the target in a sub-select.
    pub(crate) unsafe_condition: bool,
    /// The parts of WHERE that are joined by AND; one part where they cannot be told apart.
    pub(crate) conjuncts: Vec<Conjunct>,
    /// A column reference means nothing that this resolver follows, such as `old.x` in RETURNING:
    /// it could read the target.
    pub(crate) unresolved: bool,
}

/// A part of WHERE.
#[derive(Debug, Clone)]
pub(crate) struct Conjunct {
    /// Its tokens.
    pub(crate) tokens: Range<usize>,
    /// It may run on rows that the row filter will reject.
    pub(crate) safe: bool,
}

/// An item of RETURNING.
#[derive(Debug, Clone)]
pub(crate) struct ReturningItem {
    /// Its expression.
    pub(crate) tokens: Range<usize>,
    /// `*` or `t.*`
    pub(crate) star: bool,
    /// What `*` lists, in order; `None` is the target. Empty where that is not sure.
    pub(crate) lists: Vec<Option<String>>,
    /// A bare column without AS: its output name has to be kept.
    pub(crate) bare_column: Option<String>,
    /// It has a name after its expression.
    pub(crate) named: bool,
    /// What the output column is called, where that is known.
    pub(crate) name: Option<String>,
}

/// What is done to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModificationKind {
    /// INSERT.
    Insert {
        /// The columns that get a value.
        columns: Vec<ColumnNumber>,
        /// There is a column list (or no values at all).
        listed: bool,
        /// ON CONFLICT DO UPDATE.
        on_conflict: Option<ConflictUpdate>,
    },
    /// UPDATE.
    Update {
        /// The assigned columns.
        columns: Vec<ColumnNumber>,
    },
    /// DELETE.
    Delete,
    /// MERGE.
    Merge(Merging),
}

/// MERGE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merging {
    /// The tokens of the condition behind ON.
    pub(crate) on: Range<usize>,
    /// In order.
    pub(crate) whens: Vec<MergeWhen>,
}

/// WHEN … THEN … of MERGE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MergeWhen {
    /// Which rows it is about.
    pub(crate) matched: MergeMatch,
    /// The tokens of the condition behind AND.
    pub(crate) condition: Option<Range<usize>>,
    /// The token THEN.
    pub(crate) then: usize,
    /// What is done.
    pub(crate) action: MergeThen,
}

/// What a WHEN of MERGE does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MergeThen {
    /// INSERT.
    Insert {
        /// The columns that get a value.
        values: Vec<Assigned>,
        /// There is a column list (or no values at all).
        listed: bool,
    },
    /// UPDATE.
    Update(Vec<Assigned>),
    /// DELETE.
    Delete,
    /// DO NOTHING.
    Nothing,
}

/// A column and what it is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assigned {
    /// The column.
    pub(crate) column: ColumnNumber,
    /// The value.
    pub(crate) value: AssignedValue,
}

/// A value, as far as it can be judged before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AssignedValue {
    /// A literal, parameter or column, possibly cast: the same whenever it is computed.
    Plain {
        /// Its tokens.
        tokens: Range<usize>,
        /// The columns of the target in it.
        target: Vec<ColumnNumber>,
        /// It has columns of the source.
        others: bool,
    },
    /// DEFAULT.
    Default,
    /// Anything else.
    Computed,
}

/// ON CONFLICT DO UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConflictUpdate {
    /// Index of `excluded` in `uses`.
    pub(crate) excluded: usize,
    /// The assigned columns.
    pub(crate) columns: Vec<ColumnNumber>,
    /// The token WHERE.
    pub(crate) filter: Option<usize>,
}

/// Token positions in INSERT, UPDATE and DELETE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clauses {
    /// The token WHERE.
    pub(crate) filter: Option<usize>,
    /// The token RETURNING.
    pub(crate) returning: Option<usize>,
    /// Behind the last token.
    pub(crate) end: usize,
}

/// COPY relation TO.
#[derive(Debug, Clone)]
pub(crate) struct CopiedRelation {
    /// Index in `uses`.
    pub(crate) used: usize,
    /// The relation's name and its column list.
    pub(crate) tokens: Range<usize>,
    /// The listed columns; empty for all.
    pub(crate) columns: Vec<String>,
}

/// COPY relation FROM STDIN.
#[derive(Debug, Clone)]
pub(crate) struct CopiedIn {
    /// Index in `uses`.
    pub(crate) used: usize,
    /// The columns that get a value.
    pub(crate) columns: Vec<ColumnNumber>,
    /// There is a column list.
    pub(crate) listed: bool,
    /// A row trigger changes or drops rows after COPY looked at them.
    pub(crate) triggers: bool,
    /// A text of the input stands for a column's default.
    pub(crate) defaults: bool,
    /// The token COPY.
    pub(crate) start: usize,
    /// The token WHERE.
    pub(crate) filter: Option<usize>,
    /// Behind the last token.
    pub(crate) end: usize,
}

/// Binds the names of a statement that may be rewritten.
///
/// # Errors
///
/// A refusal: a relation, function or operator that does not exist or is not granted, or syntax
/// that is not supported for a restricted principal.
pub(crate) fn resolve(
    context: ResolveContext<'_>,
    tokens: &Tokens<'_>,
    span: Range<usize>,
    kind: &StatementKind,
) -> Result<Resolved, Refusal> {
    let mut resolver = query::Resolver::new(context, tokens, span.clone());
    resolver.statement(kind)?;
    let inferred = resolver.inferred_parameters();
    if !inferred.is_empty() {
        // Parameters that stand more than once have a type after all.
        resolver = query::Resolver::new(context, tokens, span);
        resolver.inferred = inferred;
        resolver.statement(kind)?;
    }
    if context.view_depth == 0 {
        resolver.refuse_other_names()?;
    }
    Ok(resolver.finish())
}
