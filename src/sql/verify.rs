//! A last look at the finished text, before the server sees it. Pure.
//!
//! It shares no code with resolution and rewriting, only the grammar and the lexer: what the
//! rewriter believes does not count here. A text that fails is refused, recorded and counted; it
//! means that rowgate has a defect.

mod shortened;

pub(crate) use shortened::KnownTables;

use std::ops::Range;

use pg_raw_parse::Node;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::raw::JoinType;

use super::{RawTrees, TokenKind, Tokens};
use shortened::Shortened;

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
    /// Those of `inserted` that are names of relations whose filter stands in WHERE beside them.
    pub(crate) filtered: &'a [Range<usize>],
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
    /// The rows of a relation are not filtered where they should be.
    #[error("a relation stands without its filter")]
    Unfiltered,
    /// A relation stands where nothing was decided about it.
    #[error("a relation was left as the client wrote it")]
    Relation,
}

/// Checks a finished text against what the rewriter claims. Derived tables that are known need not be
/// read again; without `known` everything is read.
pub(crate) fn verify(
    text: &str,
    claim: Claim<'_>,
    known: Option<&dyn KnownTables>,
) -> Result<(), VerifyError> {
    let short = Shortened::new(text, claim.inserted, claim.filtered, known)?;
    let output = Tokens::new(&short.text).map_err(|_| VerifyError::Unparsable)?;
    if !short.stands(&output) {
        return Err(VerifyError::Tokens);
    }
    let claim = Claim { inserted: &short.inserted, filtered: &short.filtered, ..claim };
    same_tokens(&output, claim)?;
    let after = RawTrees::new(&short.text).map_err(|_| VerifyError::Unparsable)?;
    let mut after = after.statements().iter();
    let mut met = 0;
    for before in claim.trees.statements().iter() {
        let mut next = || after.next().map(|found| found.stmt()).ok_or(VerifyError::Statements);
        let mut relations = Relations {
            inserted: claim.inserted,
            filtered: claim.filtered,
            ctes: Vec::new(),
            met: 0,
        };
        let first = next()?;
        if let (Node::CopyStmt(_), Node::CreateTableAsStmt(_)) = (before.stmt(), first) {
            relations.staged([first, next()?, next()?, next()?])?;
            continue;
        }
        if std::mem::discriminant(&before.stmt()) != std::mem::discriminant(&first) {
            return Err(VerifyError::Statements);
        }
        relations.statement(first)?;
        met += relations.met;
    }
    if met != claim.filtered.len() {
        return Err(VerifyError::Unfiltered);
    }
    if after.next().is_some() { Err(VerifyError::Statements) } else { Ok(()) }
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

/// Whose rows the gateway's own conditions are about.
#[derive(Debug, Default)]
struct Guarded {
    names: Vec<String>,
    everything: bool,
}

impl Guarded {
    fn has(&self, name: &str) -> bool {
        self.everything || self.names.iter().any(|known| known == name)
    }
}

/// Walks the raw tree of the finished text. Every relation name has to stand inside what the
/// gateway put in, or be a common table expression in scope.
struct Relations<'a> {
    /// What the gateway put in.
    inserted: &'a [Range<usize>],
    /// Those of `inserted` that are names of relations whose filter stands in WHERE beside them.
    filtered: &'a [Range<usize>],
    ctes: Vec<String>,
    /// How many of `filtered` were met beside their filter.
    met: usize,
}

impl Relations<'_> {
    fn is_inserted(&self, location: i32) -> bool {
        usize::try_from(location).is_ok_and(|at| span_at(self.inserted, at).is_some())
    }

    /// The rows of this relation are filtered in the WHERE beside it.
    fn is_filtered(&self, location: i32) -> bool {
        usize::try_from(location).is_ok_and(|at| span_at(self.filtered, at).is_some())
    }

    /// FROM. A relation that is filtered by WHERE stands there as itself, and no row of it passes that
    /// a condition of the gateway's does not let pass.
    fn from(&mut self, from: &NodeList, filter: Node<'_>) -> Result<(), VerifyError> {
        let guarded = self.guarded(filter);
        from.iter().try_for_each(|item| self.item(item, Some(&guarded)))
    }

    /// An item of FROM; of an outer join's nullable side, or behind an alias that hides its name, no
    /// relation can be filtered by WHERE.
    fn item(&mut self, item: Node<'_>, guarded: Option<&Guarded>) -> Result<(), VerifyError> {
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || match item {
            Node::RangeVar(relation) if self.is_filtered(relation.location) => {
                let alias = relation.alias().and_then(|alias| alias.aliasname());
                match (guarded, alias.or(relation.relname())) {
                    (Some(guarded), Some(name)) if guarded.has(name) => {
                        self.met += 1;
                        Ok(())
                    }
                    (_, _) => Err(VerifyError::Unfiltered),
                }
            }
            Node::JoinExpr(join) => {
                let guarded = guarded.filter(|_| join.alias().is_none());
                let (left, right) = match join.jointype {
                    JoinType::JOIN_INNER => (guarded, guarded),
                    JoinType::JOIN_LEFT => (guarded, None),
                    JoinType::JOIN_RIGHT => (None, guarded),
                    _ => (None, None),
                };
                self.item(join.larg(), left)?;
                self.item(join.rarg(), right)?;
                self.inside(join.quals())
            }
            other => self.node(other),
        })
    }

    /// The conditions at the beginning of WHERE, joined to the rest by AND, that are the gateway's and
    /// nobody else's.
    fn guarded(&self, filter: Node<'_>) -> Guarded {
        let mut guarded = Guarded::default();
        match filter {
            Node::BoolExpr(joined)
                if joined.boolop == pg_raw_parse::raw::BoolExprType::AND_EXPR =>
            {
                for condition in joined.args() {
                    if !self.guards(condition, &mut guarded) {
                        break;
                    }
                }
            }
            alone => {
                self.guards(alone, &mut guarded);
            }
        }
        guarded
    }

    /// Notes whose rows a condition is about. False when not all of it was put in.
    fn guards(&self, condition: Node<'_>, guarded: &mut Guarded) -> bool {
        // The walker takes no empty node.
        if matches!(condition, Node::None) {
            return false;
        }
        let (mut own, mut foreign) = (false, false);
        let mut names: Vec<String> = Vec::new();
        pg_raw_parse::walk::walk(condition, |node| {
            let location = match node {
                Node::ColumnRef(column) => {
                    let first = column.fields().iter().next().and_then(Node::as_str);
                    names.extend(first.map(str::to_owned));
                    column.location
                }
                Node::A_Const(value) => value.location,
                Node::ParamRef(parameter) => parameter.location,
                Node::FuncCall(call) => call.location,
                Node::SQLValueFunction(value) => value.location,
                Node::SubLink(sublink) => sublink.location,
                Node::RangeVar(relation) => relation.location,
                Node::A_Expr(operator) => operator.location,
                Node::NullTest(test) => test.location,
                Node::TypeCast(cast) => cast.location,
                _ => return,
            };
            // What the grammar makes up itself has no position: the type of TRUE.
            if location < 0 {
                return;
            }
            let inside = self.is_inserted(location);
            own |= inside;
            foreign |= !inside;
        });
        if !own || foreign {
            return false;
        }
        // A constant is about every row.
        guarded.everything |= matches!(condition, Node::A_Const(_) | Node::TypeCast(_));
        guarded.names.append(&mut names);
        true
    }

    /// COPY FROM by way of a temporary table: made, filled, emptied by an INSERT, dropped.
    fn staged(&mut self, statements: [Node<'_>; 4]) -> Result<(), VerifyError> {
        let [made, Node::CopyStmt(copy), moved @ Node::InsertStmt(_), dropped @ Node::DropStmt(_)] =
            statements
        else {
            return Err(VerifyError::Statements);
        };
        self.temporary(copy.relation())?;
        if !copy.is_from || !matches!(copy.where_clause(), Node::None) {
            return Err(VerifyError::Statements);
        }
        self.statement(made)?;
        self.statement(moved)?;
        self.statement(dropped)
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
                    self.from(select.from_clause(), select.where_clause())?;
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
            Some(relation)
                if self.is_inserted(relation.location) && !self.is_filtered(relation.location) =>
            {
                Ok(())
            }
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
        // Beside its filter it would not have come here.
        if self.is_filtered(relation.location) {
            return Err(VerifyError::Unfiltered);
        }
        if cte || self.is_inserted(relation.location) { Ok(()) } else { Err(VerifyError::Relation) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::ops::Range;

    use super::{Claim, KnownTables, Tokens, VerifyError, verify};

    #[derive(Debug, Default)]
    struct Tables(RefCell<HashMap<String, usize>>);

    impl KnownTables for Tables {
        fn end(&self, table: &str) -> Option<usize> {
            self.0.borrow().get(table).copied()
        }

        fn know(&self, table: &str, end: usize) {
            self.0.borrow_mut().insert(table.to_owned(), end);
        }
    }

    /// The text of parts, of which those in brackets were put in by the gateway, those in braces as
    /// names of relations that are filtered beside them.
    fn verified(client: &str, parts: &[&str]) -> Result<(), VerifyError> {
        removing(client, 1..2, parts)
    }

    fn removing(client: &str, name: Range<usize>, parts: &[&str]) -> Result<(), VerifyError> {
        let tokens = Tokens::new(client).expect("it is SQL");
        let (mut text, mut inserted, mut filtered) = (String::new(), Vec::new(), Vec::new());
        for part in parts {
            let (put_in, by_where) = (part.strip_prefix('['), part.strip_prefix('{'));
            match put_in.or(by_where) {
                Some(put_in) => {
                    let start = text.len();
                    text.push_str(put_in.strip_suffix([']', '}']).expect("a bracket"));
                    inserted.push(start..text.len());
                    filtered.extend(by_where.map(|_| start..text.len()));
                }
                None => text.push_str(part),
            }
            text.push(' ');
        }
        let removed = std::slice::from_ref(&name);
        let trees = &super::RawTrees::new(client).expect("it parses");
        let (inserted, filtered) = (inserted.as_slice(), filtered.as_slice());
        let client = &tokens;
        let claim = Claim { client, trees, removed, inserted, filtered, parameters: 0 };
        let (whole, tables) = (verify(&text, claim, None), Tables::default());
        for time in ["first", "second"] {
            let short = verify(&text, claim, Some(&tables));
            assert_eq!(short.is_ok(), whole.is_ok(), "the {time} time: {text}");
        }
        whole
    }

    #[test]
    fn a_relation_without_a_derived_table_passes_without_its_filter() {
        let one = |from: &[&str], behind: &[&str]| {
            let client: Vec<&str> = ["SELECT a FROM t"]
                .into_iter()
                .chain(from.iter().chain(behind).copied().filter(|part| !part.starts_with('[')))
                .collect();
            let parts: Vec<&str> = ["SELECT a FROM", "{crm.t}"]
                .into_iter()
                .chain(from.iter().chain(behind).copied())
                .collect();
            removing(&client.join(" "), 3..4, &parts)
        };
        for behind in [
            &["[WHERE t.o = 7]"][..],
            &["[WHERE t.o = 7]", "ORDER BY a"],
            &["[WHERE false]"],
            &["[WHERE (t.o IN (SELECT 7) AND t.p)]"],
            &["WHERE", "[(t.o = 7) AND (]", "a = 1 OR b", "[)]"],
            &["WHERE", "[(o.p AND t.o = 7) AND (]", "a = 1", "[)]", "LIMIT 1"],
        ] {
            assert_eq!(one(&[], behind), Ok(()), "{behind:?}");
            assert_eq!(one(&["LEFT JOIN (SELECT 1) u ON true"], behind), Ok(()), "{behind:?}");
        }
        assert_eq!(one(&["AS x, (SELECT 1) t"], &["[WHERE x.o = 7]"]), Ok(()));
        assert!(one(&["AS x, (SELECT 1) t"], &["[WHERE t.o = 7]"]).is_err());
        for (from, behind) in [
            (&[][..], &[][..]),
            (&[], &["WHERE a = 1"]),
            (&[], &["WHERE a = 1 AND b = 2"]),
            (&[], &["[LIMIT 7]"]),
            (&[], &["WHERE", "[t.o = 7 AND]", "a = 1 OR b"]),
            (&[], &["WHERE", "[(t.o = 7) OR (]", "a = 1", "[)]"]),
            (&[], &["WHERE", "[(]", "a = 1", "[) AND t.o = 7]"]),
            (&[], &["WHERE", "[NOT (t.o = 7) OR]", "a"]),
            // Another row's condition, or one about none in particular.
            (&[", (SELECT 1) u"], &["[WHERE u.o = 7]"]),
            (&[], &["[WHERE o = 7]"]),
            (&[], &["[WHERE now() = $1]"]),
            // Rows that an outer join keeps all the same, or a name that WHERE does not know.
            (&["RIGHT JOIN (SELECT 1) u ON true"], &["[WHERE t.o = 7]"]),
            (&["FULL JOIN (SELECT 1) u ON true"], &["[WHERE t.o = 7]"]),
            (&["x"], &["[WHERE t.o = 7]"]),
        ] {
            assert!(one(from, behind).is_err(), "{from:?} {behind:?}");
        }
        // The filter of another SELECT.
        let client = "SELECT a FROM t UNION SELECT a FROM u";
        let parts = ["SELECT a FROM", "{crm.t}", "UNION SELECT a FROM u", "[WHERE t.o = 7]"];
        assert!(removing(client, 3..4, &parts).is_err());
        let client = "SELECT a FROM (SELECT b FROM t) x";
        let inner = ["SELECT a FROM (SELECT b FROM", "{crm.t}", ") x", "[WHERE t.o = 7]"];
        assert_eq!(removing(client, 7..8, &inner), Err(VerifyError::Unfiltered));
        let client = "SELECT (SELECT a FROM t WHERE b)";
        let inner = ["SELECT (SELECT a FROM", "{crm.t}", "WHERE", "[t.o = 7 AND]", "b)"];
        assert_eq!(removing(client, 5..6, &inner), Ok(()));
        let target = ["UPDATE", "{crm.t}", "SET a = 1", "[WHERE t.o = 7]"];
        assert!(removing("UPDATE t SET a = 1", 1..2, &target).is_err());
    }

    /// A join of two derived tables, as the gateway makes it.
    const JOINED: [&str; 5] = [
        "SELECT t.a FROM",
        "[ ( SELECT rowgate_row.\"a\" FROM \"crm\".\"t\" AS rowgate_row WHERE \"o\" = $1 ) AS \"t\" ]",
        "JOIN",
        "[ ( SELECT 1 AS \"b)\", '(' FROM \"crm\".\"u\" OFFSET 0 ) ]",
        "AS x ON t.a = x.b WHERE t.a = 'b'",
    ];
    const JOIN: &str = "SELECT t.a FROM t JOIN u AS x ON t.a = x.b WHERE t.a = 'b'";

    /// The parts' text, and the claim that says of it what is in brackets.
    fn claimed(
        parts: &[&str],
        known: Option<&dyn KnownTables>,
        change: impl Fn(&mut String, &mut [Range<usize>]),
    ) -> Result<(), VerifyError> {
        let (mut text, mut inserted) = (String::new(), Vec::new());
        for part in parts {
            let start = text.len();
            match part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
                Some(part) => {
                    text.push_str(part);
                    inserted.push(start..text.len());
                }
                None => text.push_str(part),
            }
            text.push(' ');
        }
        change(&mut text, &mut inserted);
        let client = &Tokens::new(JOIN).expect("it is SQL");
        let trees = &super::RawTrees::new(JOIN).expect("it parses");
        let removed = &[5..6, 7..8];
        let claim =
            Claim { client, trees, removed, inserted: &inserted, filtered: &[], parameters: 0 };
        verify(&text, claim, known)
    }

    #[test]
    fn a_derived_table_that_was_read_before_is_read_again() {
        let tables = Tables::default();
        assert_eq!(claimed(&JOINED, Some(&tables), |_, _| {}), Ok(()));
        let mut known: Vec<(String, usize)> = tables.0.borrow().clone().into_iter().collect();
        known.sort();
        let [(bare, to), (named, before)] = known.as_slice() else { panic!("{known:?}") };
        assert_eq!(bare.get(*to..), Some(" "));
        assert_eq!(named.get(*before..), Some(" AS \"t\" "));
        // What stands for it: nothing in it is looked at any more.
        let all = Tables::default();
        let broken = JOINED.map(|part| part.replace("OFFSET 0", "OFFSET OFFSET"));
        let broken = broken.each_ref().map(String::as_str);
        let table = broken[3].trim_matches(['[', ']']);
        all.know(table, table.len() - 1);
        assert_eq!(claimed(&broken, Some(&all), |_, _| {}), Ok(()));
        assert_eq!(claimed(&broken, Some(&tables), |_, _| {}), Err(VerifyError::Unparsable));
    }

    #[test]
    fn a_derived_table_in_a_comment_passes_because_it_was_read_before() {
        let parts = ["SELECT 1 /*", "[ ( SELECT '*/' ) ]", "*/"];
        assert!(removing("SELECT 1 FROM t", 2..4, &parts).is_err());
    }

    #[test]
    fn something_else_than_one_derived_table_counts_as_one_that_was_read() {
        for table in [
            "( SELECT 1 ) AS \"t\", ( SELECT 2 ) ",
            "( SELECT 1 ) AS \"t\" CROSS JOIN ( SELECT 2 ) ",
            "( SELECT 1 ) ) AS \"t\" ",
            "( SELECT 1 ) AS \"t\" (a) ",
            "( SELECT 1 ) AS \"t\" WHERE ",
            "( SELECT 1 ) AS t ",
            "( SELECT 1 ) UNION ( SELECT 2 ) ",
            "( SELECT 1 ) ; ",
            "( SELECT 1 ",
            "( SELECT 1 ) -- ",
            "( SELECT 1 ) /* ",
            "( SELECT 1 -- ) ",
            "( SELECT '1 ) ",
            "( SELECT 1 FROM ) ",
            "( SELECT 1 INTO t ) ",
            "( SELECT 1 INTO crm.t ) ",
            "( VALUES (1) ) ",
            "( WITH t AS (SELECT 1) SELECT 2 ) ",
            "SELECT 1 ",
        ] {
            let tables = Tables::default();
            let mut parts = JOINED.map(str::to_owned);
            parts[1] = format!("[ {table}]");
            let parts = parts.each_ref().map(String::as_str);
            let whole = claimed(&parts, None, |_, _| {});
            assert_eq!(claimed(&parts, Some(&tables), |_, _| {}), whole, "{table}");
            assert!(!tables.0.borrow().contains_key(&format!(" {table}")), "{table}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_text_passes_because_its_derived_tables_were_read_before(
            changes in proptest::collection::vec(
                (0_usize..400, 0_usize..3, proptest::sample::select(vec![
                    "(", ")", "'", "\"", "--", "/*", "*/", "$$", ";", ",", "\n", " ", "t", "crm.t",
                    "SELECT", "UNION", "AS", "WHERE", "(SELECT)", "$1", "E'", "U&\"", "UESCAPE",
                ])), 1..4),
            moved in proptest::collection::vec((0_usize..4, -3_isize..4), 0..2),
        ) {
            let tables = Tables::default();
            let known = claimed(&JOINED, Some(&tables), |_, _| {});
            proptest::prop_assert_eq!(known, Ok(()));
            let change = |text: &mut String, inserted: &mut [Range<usize>]| {
                for (at, cut, put_in) in &changes {
                    let at = at % text.len();
                    let end = (at + cut).min(text.len());
                    text.replace_range(at..end, put_in);
                    // What lies behind moves along.
                    let along = |place: usize| if place > at {
                        (place + put_in.len()).saturating_sub(end - at).max(at)
                    } else {
                        place
                    };
                    for range in inserted.iter_mut() {
                        *range = along(range.start)..along(range.end);
                    }
                }
                for (which, by) in &moved {
                    if let Some(range) = inserted.get_mut(which / 2) {
                        let place = if which % 2 == 0 { &mut range.start } else { &mut range.end };
                        *place = place.saturating_add_signed(*by);
                    }
                }
            };
            if claimed(&JOINED, Some(&tables), change).is_ok() {
                proptest::prop_assert_eq!(claimed(&JOINED, None, change), Ok(()));
            }
        }
    }

    #[test]
    fn other_statements_pass_as_those_that_a_copy_goes_through() {
        const MADE: &str = "[CREATE TEMPORARY TABLE pg_temp.s ON COMMIT DROP AS SELECT a FROM crm.t WITH NO DATA ;]";
        const MOVED: &str =
            "[; INSERT INTO crm.t (a) SELECT a FROM pg_temp.s ; DROP TABLE pg_temp.s]";
        let copy = |made: &str, to: &str, moved: &str| {
            verified("COPY t FROM STDIN", &[made, "COPY", to, "FROM STDIN", moved])
        };
        assert_eq!(copy(MADE, "[pg_temp.s]", MOVED), Ok(()));
        for (made, to, moved) in [
            (MADE, "[crm.t]", MOVED),
            (MADE, "pg_temp.s", MOVED),
            (MADE, "[pg_temp.s]", "[; INSERT INTO crm.t (a) SELECT a FROM pg_temp.s]"),
            (MADE, "[pg_temp.s]", "[; DELETE FROM crm.t ; DROP TABLE pg_temp.s]"),
            (
                MADE,
                "[pg_temp.s]",
                "[; INSERT INTO crm.t (a) SELECT a FROM pg_temp.s ; DROP TABLE crm.t]",
            ),
            (
                MADE,
                "[pg_temp.s]",
                "[; INSERT INTO crm.t (a) TABLE pg_temp.s ; DROP TABLE pg_temp.s ; SELECT 1]",
            ),
            ("[CREATE TABLE crm.s AS SELECT a FROM crm.t WITH NO DATA ;]", "[pg_temp.s]", MOVED),
            ("[SELECT 1 ;]", "[pg_temp.s]", MOVED),
            ("[]", "[pg_temp.s]", MOVED),
        ] {
            assert!(copy(made, to, moved).is_err(), "{made} {to} {moved}");
        }
        let out = [MADE, "COPY", "[pg_temp.s]", "TO STDOUT", MOVED];
        assert_eq!(verified("COPY t TO STDOUT", &out), Err(VerifyError::Statements));
        let chosen = [MADE, "COPY", "[pg_temp.s]", "FROM STDIN WHERE a > 1", MOVED];
        let client = "COPY t FROM STDIN WHERE a > 1";
        assert_eq!(verified(client, &chosen), Err(VerifyError::Statements));
        let select = [MADE, "SELECT", "[pg_temp.s]", "FROM STDIN", MOVED];
        assert!(verified("SELECT t FROM STDIN", &select).is_err());
    }
}
