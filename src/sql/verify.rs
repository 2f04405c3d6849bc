//! A last look at the finished text, before the server sees it. Pure.
//!
//! It shares no code with resolution and rewriting, only the grammar and the lexer: what the
//! rewriter believes does not count here. A text that fails is refused, recorded and counted; it
//! means that rowgate has a defect.

use std::ops::Range;

use pg_raw_parse::Node;
use pg_raw_parse::list::NodeList;

use super::{RawTrees, TokenKind, Tokens};

/// What the rewriter says it did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    /// The client's tokens.
    pub(crate) client: &'a Tokens<'a>,
    /// The parser's trees of the client's text.
    pub(crate) trees: &'a RawTrees,
    /// Client tokens that were taken out, ascending.
    pub(crate) removed: &'a [Range<usize>],
    /// Bytes of the finished text that were put in, ascending.
    pub(crate) inserted: &'a [Range<usize>],
    /// The highest `$n` that is the client's.
    pub(crate) parameters: u32,
}

/// Why a finished text is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VerifyError {
    /// It does not parse.
    #[error("the finished text does not parse")]
    Unparsable,
    /// It has other statements than the client's.
    #[error("the finished text has other statements than the client's")]
    Statements,
    /// The client's own tokens changed.
    #[error("the client's own tokens changed")]
    Tokens,
    /// A parameter number is on the wrong side.
    #[error("a parameter of the gateway stands in the client's text")]
    Parameters,
    /// A relation stands where nothing was decided about it.
    #[error("a relation was left as the client wrote it")]
    Relation,
}

/// Checks a finished text against what the rewriter claims.
pub(crate) fn verify(text: &str, claim: Claim<'_>) -> Result<(), VerifyError> {
    let output = Tokens::new(text).map_err(|_| VerifyError::Unparsable)?;
    same_tokens(&output, claim)?;
    let after = RawTrees::new(text).map_err(|_| VerifyError::Unparsable)?;
    let (before, after) = (claim.trees.statements(), after.statements());
    if before.len() != after.len() {
        return Err(VerifyError::Statements);
    }
    for (before, after) in before.iter().zip(after.iter()) {
        if std::mem::discriminant(&before.stmt()) != std::mem::discriminant(&after.stmt()) {
            return Err(VerifyError::Statements);
        }
        Relations { inserted: claim.inserted, ctes: Vec::new() }.statement(after.stmt())?;
    }
    Ok(())
}

/// The range that holds `at`, of ranges that ascend and do not overlap. Of any others it finds fewer:
/// more tokens then have to be the client's, and the text is refused.
fn span_at(spans: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    let behind = spans.partition_point(|span| span.start <= at);
    spans.get(behind.checked_sub(1)?).filter(|span| span.contains(&at))
}

/// Output minus what was put in equals the client's minus what was taken out.
fn same_tokens(output: &Tokens<'_>, claim: Claim<'_>) -> Result<(), VerifyError> {
    let inside = |token: super::Token| {
        span_at(claim.inserted, token.start as usize)
            .is_some_and(|span| (token.end as usize) <= span.end)
    };
    let mut kept = (0..claim.client.len()).filter(|index| span_at(claim.removed, *index).is_none());
    for index in 0..output.len() {
        let Some(token) = output.get(index) else { return Err(VerifyError::Tokens) };
        if inside(token) {
            continue;
        }
        let Some(client) = kept.next() else { return Err(VerifyError::Tokens) };
        if output.text(index) != claim.client.text(client)
            || Some(token.kind) != claim.client.get(client).map(|token| token.kind)
        {
            return Err(VerifyError::Tokens);
        }
        if token.kind == TokenKind::Parameter {
            let number = output.text(index).strip_prefix('$').and_then(|n| n.parse::<u32>().ok());
            if number.is_none_or(|number| number > claim.parameters) {
                return Err(VerifyError::Parameters);
            }
        }
    }
    if kept.next().is_some() { Err(VerifyError::Tokens) } else { Ok(()) }
}

/// The schema of a session's own temporary relations (PostgreSQL documentation, `search_path`).
fn is_temporary(schema: &str) -> bool {
    schema == "pg_temp" || schema.starts_with("pg_temp_")
}

/// Walks the raw tree of the finished text. Every relation name has to stand inside what the
/// gateway put in, or be a common table expression in scope.
struct Relations<'a> {
    inserted: &'a [Range<usize>],
    ctes: Vec<String>,
}

impl Relations<'_> {
    fn is_inserted(&self, location: i32) -> bool {
        usize::try_from(location).is_ok_and(|at| span_at(self.inserted, at).is_some())
    }

    fn statement(&mut self, node: Node<'_>) -> Result<(), VerifyError> {
        match node {
            Node::ExplainStmt(explain) => self.statement(explain.query()),
            Node::PrepareStmt(prepare) => self.statement(prepare.query()),
            Node::DeclareCursorStmt(declare) => self.statement(declare.query()),
            Node::CopyStmt(copy) => match copy.relation() {
                Some(relation) if !self.is_inserted(relation.location) => {
                    Err(VerifyError::Relation)
                }
                Some(_) | None => {
                    self.inside(copy.where_clause())?;
                    self.statement(copy.query())
                }
            },
            Node::ExecuteStmt(execute) => self.list(execute.params()),
            // A temporary table, its schema written out by the gateway.
            Node::CreateTableAsStmt(create) => {
                self.temporary(create.into().and_then(|into| into.rel()))?;
                self.statement(create.query())
            }
            Node::CreateStmt(create) => {
                self.temporary(create.relation())?;
                if !create.inh_relations().is_empty() || create.of_typename().is_some() {
                    return Err(VerifyError::Relation);
                }
                create.table_elts().iter().try_for_each(|element| match element {
                    Node::ColumnDef(column) => self.constraints(column.constraints()),
                    Node::Constraint(constraint) => self.constraint(constraint),
                    _ => Err(VerifyError::Relation),
                })
            }
            Node::TruncateStmt(truncate) => {
                truncate.relations().iter().try_for_each(|relation| match relation {
                    Node::RangeVar(relation) => self.temporary(Some(relation)),
                    _ => Err(VerifyError::Relation),
                })
            }
            Node::IndexStmt(index) => {
                self.temporary(index.relation())?;
                let plain =
                    index.index_params().iter().all(|column| matches!(column.expr(), Node::None));
                if plain && matches!(index.where_clause(), Node::None) {
                    Ok(())
                } else {
                    Err(VerifyError::Relation)
                }
            }
            // The names have no positions.
            Node::DropStmt(drop) => {
                let temporary = |object: Node<'_>| {
                    let parts: Vec<_> = object
                        .as_node_list()
                        .into_iter()
                        .flat_map(NodeList::iter)
                        .filter_map(Node::as_str)
                        .collect();
                    matches!(parts.as_slice(), [schema, _] if is_temporary(schema))
                };
                if drop.remove_type == pg_raw_parse::raw::ObjectType::OBJECT_TABLE
                    && drop.objects().iter().all(temporary)
                {
                    Ok(())
                } else {
                    Err(VerifyError::Relation)
                }
            }
            // Statements that name no relation, as far as restricted principals may use them.
            Node::None
            | Node::TransactionStmt(_)
            | Node::VariableSetStmt(_)
            | Node::VariableShowStmt(_)
            | Node::DeallocateStmt(_)
            | Node::DiscardStmt(_)
            | Node::FetchStmt(_)
            | Node::ClosePortalStmt(_)
            | Node::ConstraintsSetStmt(_)
            | Node::UnlistenStmt(_) => Ok(()),
            Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => self.node(node),
            _ => Err(VerifyError::Relation),
        }
    }

    /// A relation that belongs to the session, by its schema.
    fn temporary(
        &self,
        relation: Option<&pg_raw_parse::nodes::RangeVar>,
    ) -> Result<(), VerifyError> {
        match relation {
            Some(relation)
                if self.is_inserted(relation.location)
                    && relation.schemaname().is_some_and(is_temporary) =>
            {
                Ok(())
            }
            Some(_) | None => Err(VerifyError::Relation),
        }
    }

    fn constraints(&mut self, constraints: &NodeList) -> Result<(), VerifyError> {
        constraints.iter().try_for_each(|constraint| match constraint {
            Node::Constraint(constraint) => self.constraint(constraint),
            _ => Err(VerifyError::Relation),
        })
    }

    fn constraint(
        &mut self,
        constraint: &pg_raw_parse::nodes::Constraint,
    ) -> Result<(), VerifyError> {
        if constraint.pktable().is_some() {
            return Err(VerifyError::Relation);
        }
        self.inside(constraint.raw_expr())
    }

    fn list(&mut self, list: &NodeList) -> Result<(), VerifyError> {
        list.iter().try_for_each(|node| self.node(node))
    }

    /// One node. Statements open a scope of their own; everything else is walked by PostgreSQL's
    /// own tree walker, stopped at each nested statement.
    fn node(&mut self, node: Node<'_>) -> Result<(), VerifyError> {
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || match node {
            Node::SelectStmt(select) => {
                let depth = self.ctes.len();
                let result = self.with(select.with_clause()).and_then(|()| {
                    self.list(select.distinct_clause())?;
                    for target in select.target_list() {
                        self.inside(target.val())?;
                    }
                    self.list(select.from_clause())?;
                    self.inside(select.where_clause())?;
                    self.list(select.group_clause())?;
                    self.inside(select.having_clause())?;
                    self.list(select.window_clause())?;
                    self.list(select.values_lists())?;
                    for key in select.sort_clause() {
                        self.inside(key.node())?;
                    }
                    self.inside(select.limit_offset())?;
                    self.inside(select.limit_count())?;
                    // FOR UPDATE OF names aliases, which are not looked up in the catalogue.
                    if let Some(into) = select.into_clause() {
                        self.temporary(into.rel())?;
                    }
                    for side in [select.larg(), select.rarg()].into_iter().flatten() {
                        self.node(Node::SelectStmt(side))?;
                    }
                    Ok(())
                });
                self.ctes.truncate(depth);
                result
            }
            Node::InsertStmt(insert) => {
                let depth = self.ctes.len();
                let result = self.with(insert.with_clause()).and_then(|()| {
                    self.target(insert.relation())?;
                    self.list(insert.cols())?;
                    self.node(insert.select_stmt())?;
                    if let Some(conflict) = insert.on_conflict_clause() {
                        if let Some(infer) = conflict.infer() {
                            self.list(infer.index_elems())?;
                            self.inside(infer.where_clause())?;
                        }
                        for target in conflict.target_list() {
                            self.inside(target.val())?;
                        }
                        self.inside(conflict.where_clause())?;
                    }
                    self.returning(insert.returning_clause())
                });
                self.ctes.truncate(depth);
                result
            }
            Node::UpdateStmt(update) => {
                let depth = self.ctes.len();
                let result = self.with(update.with_clause()).and_then(|()| {
                    self.target(update.relation())?;
                    for target in update.target_list() {
                        self.inside(target.val())?;
                    }
                    self.list(update.from_clause())?;
                    self.inside(update.where_clause())?;
                    self.returning(update.returning_clause())
                });
                self.ctes.truncate(depth);
                result
            }
            Node::DeleteStmt(delete) => {
                let depth = self.ctes.len();
                let result = self.with(delete.with_clause()).and_then(|()| {
                    self.target(delete.relation())?;
                    self.list(delete.using_clause())?;
                    self.inside(delete.where_clause())?;
                    self.returning(delete.returning_clause())
                });
                self.ctes.truncate(depth);
                result
            }
            Node::MergeStmt(merge) => {
                let depth = self.ctes.len();
                let result = self.with(merge.with_clause()).and_then(|()| {
                    self.target(merge.relation())?;
                    self.node(merge.source_relation())?;
                    self.inside(merge.join_condition())?;
                    for when in merge.merge_when_clauses() {
                        self.inside(when.condition())?;
                        for target in when.target_list() {
                            match target {
                                Node::ResTarget(target) => self.inside(target.val())?,
                                _ => return Err(VerifyError::Relation),
                            }
                        }
                        self.list(when.values())?;
                    }
                    self.returning(merge.returning_clause())
                });
                self.ctes.truncate(depth);
                result
            }
            node => self.inside(node),
        })
    }

    fn returning(
        &mut self,
        clause: Option<&pg_raw_parse::nodes::ReturningClause>,
    ) -> Result<(), VerifyError> {
        clause.map_or(Ok(()), |clause| self.list(clause.exprs()))
    }

    fn target(&self, relation: Option<&pg_raw_parse::nodes::RangeVar>) -> Result<(), VerifyError> {
        match relation {
            Some(relation) if self.is_inserted(relation.location) => Ok(()),
            Some(_) | None => Err(VerifyError::Relation),
        }
    }

    fn with(&mut self, with: Option<&pg_raw_parse::nodes::WithClause>) -> Result<(), VerifyError> {
        let Some(with) = with else { return Ok(()) };
        if with.recursive {
            for cte in with.ctes() {
                self.ctes.push(cte.ctename().unwrap_or_default().to_owned());
            }
        }
        for cte in with.ctes() {
            self.node(cte.ctequery())?;
            if let Some(cycle) = cte.cycle_clause() {
                self.inside(cycle.cycle_mark_value())?;
                self.inside(cycle.cycle_mark_default())?;
            }
            if !with.recursive {
                // Visible to what follows, not to itself.
                self.ctes.push(cte.ctename().unwrap_or_default().to_owned());
            }
        }
        Ok(())
    }

    /// Anything but a statement.
    fn inside(&mut self, node: Node<'_>) -> Result<(), VerifyError> {
        match node {
            Node::None => return Ok(()),
            Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => return self.node(node),
            Node::RangeVar(relation) => return self.relation(relation),
            _ => {}
        }
        let mut nested = Vec::new();
        let mut relations = Vec::new();
        pg_raw_parse::walk::walk_manual::<()>(node, |child| match child {
            Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => {
                nested.push(child);
                pg_raw_parse::walk::Recurse::no()
            }
            Node::RangeVar(relation) => {
                relations.push(relation);
                pg_raw_parse::walk::Recurse::no()
            }
            _ => pg_raw_parse::walk::Recurse::yes(),
        });
        for relation in relations {
            self.relation(relation)?;
        }
        for statement in nested {
            self.node(statement)?;
        }
        Ok(())
    }

    fn relation(&self, relation: &pg_raw_parse::nodes::RangeVar) -> Result<(), VerifyError> {
        let cte = relation.catalogname().is_none()
            && relation.schemaname().is_none()
            && self.ctes.iter().any(|name| Some(name.as_str()) == relation.relname());
        if cte || self.is_inserted(relation.location) { Ok(()) } else { Err(VerifyError::Relation) }
    }
}
