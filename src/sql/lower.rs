//! PostgreSQL's parse tree → rowgate's syntax. Pure.
//!
//! The one place that names the nodes of PostgreSQL's grammar. What is not named here is refused:
//! the tree's enum also holds every planner node, so the last arm of each match is the refusal.

use pg_raw_parse::const_val::ConstValue;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::raw::{
    A_Expr_Kind, BoolExprType, CmdType, DiscardMode, GroupingSetKind, JoinType, LimitOption,
    MergeMatchKind, OverridingKind, SQLValueFunctionOp, SetOperation, SubLinkType,
    TransactionStmtKind, VariableSetKind,
};
use pg_raw_parse::{Node, nodes};

use super::ast::{
    Alias, Assignment, Call, ColumnRef, Constant, Copy, CopySource, Cte, CteQuery, Delete,
    DiscardTarget, Explain, Expr, ExprKind, GroupItem, Insert, InsertColumn, Join, JoinKind,
    Location, Locking, Merge, MergeAction, MergeMatch, MergeWhen, OnConflict, OperatorKind, Query,
    QueryBody, RelationRef, Select, SetVariable, SortKey, SqlValue, Statement, StatementKind, Step,
    SublinkKind, TableExpr, Target, TransactionKind, TypeRef, Update, Window, With,
};
use super::lower_utility::other_statement;
use super::{SqlError, Tokens};

/// How many levels of the tree are walked. Chains of operators nest without brackets; each level
/// costs some hundred bytes to a few kilobytes of stack here and in whoever walks the result.
const DEPTH: u32 = 2_000;
/// The stack grows by a segment when less than the red zone (bytes) is left.
pub(super) const RED_ZONE: usize = 128 * 1024;
pub(super) const SEGMENT: usize = 4 * 1024 * 1024;

pub(super) type Lowered<T> = Result<T, SqlError>;

/// Lowers one statement.
pub(super) fn statement(raw: &nodes::RawStmt, tokens: &Tokens<'_>) -> Lowered<Statement> {
    let length = tokens.source().len();
    let start = usize::try_from(raw.stmt_location).unwrap_or(0);
    let end = match usize::try_from(raw.stmt_len) {
        Ok(0) | Err(_) => length,
        Ok(len) => start + len,
    };
    let kind = Lower { tokens, depth: 0 }.statement_kind(raw.stmt())?;
    Ok(Statement { span: start..end, kind })
}

pub(super) fn unsupported<T>(what: &str) -> Lowered<T> {
    Err(SqlError::Unsupported(what.to_owned()))
}

pub(super) fn at(location: i32) -> Location {
    u32::try_from(location).ok()
}

fn strings(list: &NodeList) -> Lowered<Vec<String>> {
    list.iter()
        .map(|node| match node.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => unsupported("this name"),
        })
        .collect()
}

pub(super) fn alias(alias: Option<&nodes::Alias>) -> Lowered<Option<Alias>> {
    alias
        .map(|alias| {
            Ok(Alias {
                name: alias.aliasname().unwrap_or_default().to_owned(),
                columns: strings(alias.colnames())?,
            })
        })
        .transpose()
}

fn constant(value: &nodes::A_Const) -> Lowered<Constant> {
    Ok(match value.val() {
        None => Constant::Null,
        Some(ConstValue::Integer(number)) => Constant::Integer(number),
        Some(ConstValue::Float(text)) => Constant::Number(text.to_owned()),
        Some(ConstValue::Boolean(value)) => Constant::Boolean(value),
        Some(ConstValue::String(text)) => Constant::String(text.to_owned()),
        Some(ConstValue::BitString(text)) => Constant::Bits(text.to_owned()),
        Some(_) => return unsupported("this literal"),
    })
}

pub(super) fn type_ref(name: Option<&nodes::TypeName>) -> Lowered<TypeRef> {
    let Some(name) = name else { return unsupported("a cast without a type") };
    let names =
        name.names().iter().map(|part| part.sval().unwrap_or_default().to_owned()).collect();
    Ok(TypeRef {
        names,
        array: !name.array_bounds().is_empty(),
        modified: !name.typmods().is_empty(),
        special: name.pct_type || name.setof,
    })
}

pub(super) struct Lower<'t> {
    tokens: &'t Tokens<'t>,
    depth: u32,
}

impl Lower<'_> {
    pub(super) fn deeper(&self) -> Lowered<Self> {
        if self.depth >= DEPTH {
            return Err(SqlError::TooDeep);
        }
        Ok(Self { tokens: self.tokens, depth: self.depth + 1 })
    }

    fn statement_kind(&self, node: Node<'_>) -> Lowered<StatementKind> {
        Ok(match node {
            Node::SelectStmt(select) => match self.select_into(select)? {
                Some(made) => made,
                None => StatementKind::Select(Box::new(self.query(select)?)),
            },
            Node::InsertStmt(insert) => StatementKind::Insert(Box::new(self.insert(insert)?)),
            Node::UpdateStmt(update) => StatementKind::Update(Box::new(self.update(update)?)),
            Node::DeleteStmt(delete) => StatementKind::Delete(Box::new(self.delete(delete)?)),
            Node::MergeStmt(merge) => StatementKind::Merge(Box::new(self.merge(merge)?)),
            Node::CopyStmt(copy) => StatementKind::Copy(Box::new(self.copy(copy)?)),
            Node::ExplainStmt(explain) => {
                let mut options = Vec::new();
                for option in explain.options() {
                    let name = option.defname().unwrap_or_default().to_ascii_lowercase();
                    let value = match option.arg() {
                        Node::None => None,
                        Node::String(text) => Some(text.sval().unwrap_or_default().to_owned()),
                        Node::Integer(number) => Some(number.ival.to_string()),
                        Node::Boolean(value) => Some(value.boolval.to_string()),
                        _ => return unsupported("this EXPLAIN option"),
                    };
                    options.push((name, value));
                }
                let statement = self.deeper()?.statement_kind(explain.query())?;
                StatementKind::Explain(Box::new(Explain { options, statement }))
            }
            Node::DeclareCursorStmt(declare) => match declare.query() {
                Node::SelectStmt(select) => StatementKind::DeclareCursor {
                    name: declare.portalname().unwrap_or_default().to_owned(),
                    query: Box::new(self.query(select)?),
                },
                _ => return unsupported("a cursor over this statement"),
            },
            Node::FetchStmt(fetch) => {
                StatementKind::Fetch { name: fetch.portalname().unwrap_or_default().to_owned() }
            }
            Node::ClosePortalStmt(close) => {
                StatementKind::ClosePortal { name: close.portalname().map(ToOwned::to_owned) }
            }
            Node::PrepareStmt(prepare) => StatementKind::Prepare {
                name: prepare.name().unwrap_or_default().to_owned(),
                types: prepare
                    .argtypes()
                    .iter()
                    .map(|name| type_ref(Some(name)))
                    .collect::<Lowered<Vec<_>>>()?,
                statement: Box::new(self.deeper()?.statement_kind(prepare.query())?),
            },
            Node::ExecuteStmt(execute) => StatementKind::Execute {
                name: execute.name().unwrap_or_default().to_owned(),
                arguments: self.expressions(execute.params())?,
            },
            Node::DeallocateStmt(deallocate) => {
                StatementKind::Deallocate { name: deallocate.name().map(ToOwned::to_owned) }
            }
            Node::TransactionStmt(transaction) => {
                StatementKind::Transaction(match transaction.kind {
                    TransactionStmtKind::TRANS_STMT_BEGIN
                    | TransactionStmtKind::TRANS_STMT_START => TransactionKind::Begin,
                    TransactionStmtKind::TRANS_STMT_COMMIT => TransactionKind::Commit,
                    TransactionStmtKind::TRANS_STMT_ROLLBACK => TransactionKind::Rollback,
                    TransactionStmtKind::TRANS_STMT_SAVEPOINT => TransactionKind::Savepoint,
                    TransactionStmtKind::TRANS_STMT_RELEASE => TransactionKind::Release,
                    TransactionStmtKind::TRANS_STMT_ROLLBACK_TO => TransactionKind::RollbackTo,
                    TransactionStmtKind::TRANS_STMT_PREPARE
                    | TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED
                    | TransactionStmtKind::TRANS_STMT_ROLLBACK_PREPARED => {
                        TransactionKind::TwoPhase
                    }
                    _ => return unsupported("this transaction command"),
                })
            }
            Node::VariableSetStmt(set) => StatementKind::Set(set_variable(set)?),
            Node::VariableShowStmt(show) => {
                StatementKind::Show(show.name().unwrap_or_default().to_ascii_lowercase())
            }
            Node::DiscardStmt(discard) => StatementKind::Discard(match discard.target {
                DiscardMode::DISCARD_ALL => DiscardTarget::All,
                DiscardMode::DISCARD_PLANS => DiscardTarget::Plans,
                DiscardMode::DISCARD_SEQUENCES => DiscardTarget::Sequences,
                DiscardMode::DISCARD_TEMP => DiscardTarget::Temp,
                _ => return unsupported("this DISCARD"),
            }),
            other => match self.definition(other)? {
                Some(definition) => StatementKind::Definition(Box::new(definition)),
                None => StatementKind::Other(other_statement(other)),
            },
        })
    }

    fn with(&self, with: Option<&nodes::WithClause>) -> Lowered<Option<With>> {
        let Some(with) = with else { return Ok(None) };
        let mut ctes = Vec::new();
        for cte in with.ctes() {
            let mut added_columns = Vec::new();
            let mut expressions = Vec::new();
            if let Some(search) = cte.search_clause() {
                added_columns.extend(search.search_seq_column().map(ToOwned::to_owned));
            }
            if let Some(cycle) = cte.cycle_clause() {
                added_columns.extend(cycle.cycle_mark_column().map(ToOwned::to_owned));
                added_columns.extend(cycle.cycle_path_column().map(ToOwned::to_owned));
                expressions.extend(self.optional(cycle.cycle_mark_value())?);
                expressions.extend(self.optional(cycle.cycle_mark_default())?);
            }
            let query = match cte.ctequery() {
                Node::SelectStmt(select) => {
                    CteQuery::Select(Box::new(self.deeper()?.query(select)?))
                }
                Node::InsertStmt(insert) => {
                    CteQuery::Insert(Box::new(self.deeper()?.insert(insert)?))
                }
                Node::UpdateStmt(update) => {
                    CteQuery::Update(Box::new(self.deeper()?.update(update)?))
                }
                Node::DeleteStmt(delete) => {
                    CteQuery::Delete(Box::new(self.deeper()?.delete(delete)?))
                }
                Node::MergeStmt(merge) => CteQuery::Merge(Box::new(self.deeper()?.merge(merge)?)),
                _ => return unsupported("this common table expression"),
            };
            ctes.push(Cte {
                name: cte.ctename().unwrap_or_default().to_owned(),
                columns: strings(cte.aliascolnames())?,
                query,
                added_columns,
                expressions,
            });
        }
        Ok(Some(With { recursive: with.recursive, ctes }))
    }

    pub(super) fn query(&self, select: &nodes::SelectStmt) -> Lowered<Query> {
        stacker::maybe_grow(RED_ZONE, SEGMENT, || self.query_in(select))
    }

    fn query_in(&self, select: &nodes::SelectStmt) -> Lowered<Query> {
        let inner = self.deeper()?;
        let body = match select.op {
            SetOperation::SETOP_UNION
            | SetOperation::SETOP_INTERSECT
            | SetOperation::SETOP_EXCEPT => {
                let (Some(left), Some(right)) = (select.larg(), select.rarg()) else {
                    return unsupported("this set operation");
                };
                QueryBody::SetOperation {
                    left: Box::new(inner.query(left)?),
                    right: Box::new(inner.query(right)?),
                }
            }
            SetOperation::SETOP_NONE if !select.values_lists().is_empty() => {
                let mut rows = Vec::new();
                for row in select.values_lists() {
                    let Some(row) = row.as_node_list() else { return unsupported("this VALUES") };
                    rows.push(inner.expressions(row)?);
                }
                QueryBody::Values(rows)
            }
            SetOperation::SETOP_NONE => QueryBody::Select(Box::new(inner.select(select)?)),
            _ => return unsupported("this set operation"),
        };
        let mut locking = Vec::new();
        for clause in select.locking_clause() {
            let mut of = Vec::new();
            for relation in clause.locked_rels() {
                match relation {
                    Node::RangeVar(range) if range.schemaname().is_none() => {
                        of.push(range.relname().unwrap_or_default().to_owned());
                    }
                    _ => return unsupported("this locking clause"),
                }
            }
            locking.push(Locking { of });
        }
        Ok(Query {
            with: inner.with(select.with_clause())?,
            body,
            order_by: inner.sort_keys(select.sort_clause().iter())?,
            limit: inner.optional(select.limit_count())?,
            offset: inner.optional(select.limit_offset())?,
            with_ties: select.limit_option == LimitOption::LIMIT_OPTION_WITH_TIES,
            locking,
            into: select.into_clause().is_some(),
        })
    }

    fn select(&self, select: &nodes::SelectStmt) -> Lowered<Select> {
        let mut distinct_on = Vec::new();
        for node in select.distinct_clause() {
            // Plain DISTINCT is a list with one null in it.
            distinct_on.extend(self.optional(node)?);
        }
        let mut windows = Vec::new();
        for node in select.window_clause() {
            match node {
                Node::WindowDef(window) => windows.push(self.window(window)?),
                _ => return unsupported("this WINDOW clause"),
            }
        }
        Ok(Select {
            distinct_on,
            targets: self.targets(select.target_list().iter())?,
            from: self.table_exprs(select.from_clause())?,
            filter: self.optional(select.where_clause())?,
            group_by: self.group_items(select.group_clause())?,
            having: self.optional(select.having_clause())?,
            windows,
        })
    }

    fn targets<'a>(
        &self,
        targets: impl Iterator<Item = &'a nodes::ResTarget>,
    ) -> Lowered<Vec<Target>> {
        targets
            .map(|target| {
                Ok(Target {
                    name: target.name().map(ToOwned::to_owned),
                    expr: self.expr(target.val())?,
                    location: at(target.location),
                })
            })
            .collect()
    }

    fn returning(&self, clause: Option<&nodes::ReturningClause>) -> Lowered<(Vec<Target>, bool)> {
        let Some(clause) = clause else { return Ok((Vec::new(), false)) };
        let mut targets = Vec::new();
        for node in clause.exprs() {
            match node {
                Node::ResTarget(target) => {
                    targets.extend(self.targets(std::iter::once(target))?);
                }
                _ => return unsupported("this RETURNING"),
            }
        }
        Ok((targets, !clause.options().is_empty()))
    }

    fn group_items(&self, list: &NodeList) -> Lowered<Vec<GroupItem>> {
        list.iter()
            .map(|node| match node {
                Node::GroupingSet(set) => {
                    match set.kind {
                        GroupingSetKind::GROUPING_SET_EMPTY
                        | GroupingSetKind::GROUPING_SET_SIMPLE
                        | GroupingSetKind::GROUPING_SET_ROLLUP
                        | GroupingSetKind::GROUPING_SET_CUBE
                        | GroupingSetKind::GROUPING_SET_SETS => {}
                        _ => return unsupported("this grouping set"),
                    }
                    Ok(GroupItem::Set(self.deeper()?.group_items(set.content())?))
                }
                node => Ok(GroupItem::Expr(self.expr(node)?)),
            })
            .collect()
    }

    pub(super) fn window(&self, window: &nodes::WindowDef) -> Lowered<Window> {
        let mut bounds = Vec::new();
        bounds.extend(self.optional(window.start_offset())?);
        bounds.extend(self.optional(window.end_offset())?);
        Ok(Window {
            partition_by: self.expressions(window.partition_clause())?,
            order_by: self.sort_keys(window.order_clause().iter())?,
            bounds,
        })
    }

    pub(super) fn sort_keys<'a>(
        &self,
        keys: impl Iterator<Item = &'a nodes::SortBy>,
    ) -> Lowered<Vec<SortKey>> {
        keys.map(|key| {
            let operator = strings(key.use_op())?;
            Ok(SortKey {
                expr: self.expr(key.node())?,
                operator: (!operator.is_empty()).then_some(operator),
            })
        })
        .collect()
    }

    fn table_exprs(&self, list: &NodeList) -> Lowered<Vec<TableExpr>> {
        list.iter().map(|node| self.table_expr(node)).collect()
    }

    fn table_expr(&self, node: Node<'_>) -> Lowered<TableExpr> {
        stacker::maybe_grow(RED_ZONE, SEGMENT, || self.table_expr_in(node))
    }

    fn table_expr_in(&self, node: Node<'_>) -> Lowered<TableExpr> {
        let inner = self.deeper()?;
        Ok(match node {
            Node::RangeVar(range) => TableExpr::Relation(inner.relation(range)?),
            Node::RangeTableSample(sample) => {
                let Node::RangeVar(range) = sample.relation() else {
                    return unsupported("TABLESAMPLE of this");
                };
                let mut arguments = inner.expressions(sample.args())?;
                arguments.extend(inner.optional(sample.repeatable())?);
                TableExpr::Sample {
                    relation: inner.relation(range)?,
                    method: strings(sample.method())?,
                    arguments,
                    location: at(sample.location),
                }
            }
            Node::RangeSubselect(subselect) => match subselect.subquery() {
                Node::SelectStmt(select) => TableExpr::Subquery {
                    lateral: subselect.lateral,
                    query: Box::new(inner.query(select)?),
                    alias: alias(subselect.alias())?,
                },
                _ => return unsupported("this sub-select"),
            },
            Node::RangeFunction(function) => inner.range_function(function)?,
            Node::RangeTableFunc(xml) => inner.xml_table(xml)?,
            Node::JsonTable(table) => inner.json_table(table)?,
            Node::JoinExpr(join) => TableExpr::Join(Box::new(Join {
                left: inner.table_expr(join.larg())?,
                right: inner.table_expr(join.rarg())?,
                kind: match join.jointype {
                    JoinType::JOIN_INNER => JoinKind::Inner,
                    JoinType::JOIN_LEFT => JoinKind::Left,
                    JoinType::JOIN_RIGHT => JoinKind::Right,
                    JoinType::JOIN_FULL => JoinKind::Full,
                    _ => return unsupported("this kind of join"),
                },
                natural: join.is_natural,
                using: join
                    .using_clause()
                    .iter()
                    .map(|name| name.sval().unwrap_or_default().to_owned())
                    .collect(),
                using_alias: alias(join.join_using_alias())?,
                on: inner.optional(join.quals())?,
                alias: alias(join.alias())?,
            })),
            _ => return unsupported("this item of FROM"),
        })
    }

    fn range_function(&self, function: &nodes::RangeFunction) -> Lowered<TableExpr> {
        let mut calls = Vec::new();
        let mut defined: Vec<String> = function
            .coldeflist()
            .iter()
            .map(|column| column.colname().unwrap_or_default().to_owned())
            .collect();
        for item in function.functions() {
            // Each item is a pair: the call and its column definitions.
            let Some(pair) = item.as_node_list() else { return unsupported("this function") };
            let mut parts = pair.iter();
            let Some(call) = parts.next() else { return unsupported("this function") };
            calls.push(self.expr(call)?);
            for definitions in parts {
                let Some(definitions) = definitions.as_node_list() else {
                    return unsupported("this function's column list");
                };
                for definition in definitions {
                    match definition {
                        Node::ColumnDef(column) => {
                            defined.push(column.colname().unwrap_or_default().to_owned());
                        }
                        _ => return unsupported("this function's column list"),
                    }
                }
            }
        }
        Ok(TableExpr::Function {
            calls,
            alias: alias(function.alias())?,
            defined,
            ordinality: function.ordinality,
        })
    }

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    pub(super) fn relation(&self, range: &nodes::RangeVar) -> Lowered<RelationRef> {
        Ok(RelationRef {
            catalog: range.catalogname().map(ToOwned::to_owned),
            schema: range.schemaname().map(ToOwned::to_owned),
            name: range.relname().unwrap_or_default().to_owned(),
            only: !range.inh,
            alias: alias(range.alias())?,
            location: at(range.location),
        })
    }

    fn target(&self, range: Option<&nodes::RangeVar>) -> Lowered<RelationRef> {
        match range {
            Some(range) => self.relation(range),
            None => unsupported("a statement without a target"),
        }
    }

    fn insert(&self, insert: &nodes::InsertStmt) -> Lowered<Insert> {
        let mut columns = Vec::new();
        for node in insert.cols() {
            match node {
                Node::ResTarget(target) => columns.push(self.insert_column(target)?),
                _ => return unsupported("this column list"),
            }
        }
        let source = match insert.select_stmt() {
            Node::None => None,
            Node::SelectStmt(select) => Some(Box::new(self.query(select)?)),
            _ => return unsupported("this source of INSERT"),
        };
        let on_conflict =
            insert.on_conflict_clause().map(|clause| self.on_conflict(clause)).transpose()?;
        let (returning, returning_options) = self.returning(insert.returning_clause())?;
        Ok(Insert {
            with: self.with(insert.with_clause())?,
            target: self.target(insert.relation())?,
            columns,
            source,
            on_conflict,
            returning,
            returning_options,
        })
    }

    fn on_conflict(&self, clause: &nodes::OnConflictClause) -> Lowered<OnConflict> {
        let mut columns = Vec::new();
        let mut inference = Vec::new();
        if let Some(infer) = clause.infer() {
            for element in infer.index_elems() {
                match element {
                    Node::IndexElem(element) => {
                        columns.extend(element.name().map(ToOwned::to_owned));
                        inference.extend(self.optional(element.expr())?);
                    }
                    _ => return unsupported("this ON CONFLICT target"),
                }
            }
            inference.extend(self.optional(infer.where_clause())?);
        }
        let assignments = self.assignments(clause.target_list().iter())?;
        Ok(OnConflict {
            arbiter: clause.infer().is_some(),
            columns,
            inference,
            assignments: (!assignments.is_empty()).then_some(assignments),
            filter: self.optional(clause.where_clause())?,
        })
    }

    fn merge(&self, merge: &nodes::MergeStmt) -> Lowered<Merge> {
        let whens = merge.merge_when_clauses().iter().map(|when| self.merge_when(when));
        let (returning, returning_options) = self.returning(merge.returning_clause())?;
        Ok(Merge {
            with: self.with(merge.with_clause())?,
            target: self.target(merge.relation())?,
            source: self.table_expr(merge.source_relation())?,
            on: self.expr(merge.join_condition())?,
            whens: whens.collect::<Lowered<Vec<_>>>()?,
            returning,
            returning_options,
        })
    }

    fn merge_when(&self, when: &nodes::MergeWhenClause) -> Lowered<MergeWhen> {
        let mut targets = Vec::new();
        for node in when.target_list() {
            match node {
                Node::ResTarget(target) => targets.push(target),
                _ => return unsupported("this MERGE"),
            }
        }
        let action = match when.command_type {
            CmdType::CMD_INSERT => MergeAction::Insert {
                columns: targets
                    .into_iter()
                    .map(|target| self.insert_column(target))
                    .collect::<Lowered<Vec<_>>>()?,
                values: self.expressions(when.values())?,
                overriding: when.override_ != OverridingKind::OVERRIDING_NOT_SET,
            },
            CmdType::CMD_UPDATE => MergeAction::Update(self.assignments(targets.into_iter())?),
            CmdType::CMD_DELETE => MergeAction::Delete,
            CmdType::CMD_NOTHING => MergeAction::Nothing,
            _ => return unsupported("this MERGE"),
        };
        let matched = match when.match_kind {
            MergeMatchKind::MERGE_WHEN_MATCHED => MergeMatch::Matched,
            MergeMatchKind::MERGE_WHEN_NOT_MATCHED_BY_TARGET => MergeMatch::NotMatchedByTarget,
            MergeMatchKind::MERGE_WHEN_NOT_MATCHED_BY_SOURCE => MergeMatch::NotMatchedBySource,
            _ => return unsupported("this MERGE"),
        };
        Ok(MergeWhen { matched, condition: self.optional(when.condition())?, action })
    }

    fn insert_column(&self, target: &nodes::ResTarget) -> Lowered<InsertColumn> {
        let mut steps = Vec::new();
        for node in target.indirection() {
            match node {
                Node::A_Indices(indices) => {
                    steps.extend(self.optional(indices.lidx())?);
                    steps.extend(self.optional(indices.uidx())?);
                }
                Node::String(_) => {}
                _ => return unsupported("this assignment target"),
            }
        }
        let name = target.name().unwrap_or_default().to_owned();
        Ok(InsertColumn { name, steps, location: at(target.location) })
    }

    fn assignments<'a>(
        &self,
        targets: impl Iterator<Item = &'a nodes::ResTarget>,
    ) -> Lowered<Vec<Assignment>> {
        targets
            .map(|target| {
                Ok(Assignment {
                    column: self.insert_column(target)?,
                    value: self.expr(target.val())?,
                })
            })
            .collect()
    }

    fn update(&self, update: &nodes::UpdateStmt) -> Lowered<Update> {
        let (returning, returning_options) = self.returning(update.returning_clause())?;
        Ok(Update {
            with: self.with(update.with_clause())?,
            target: self.target(update.relation())?,
            assignments: self.assignments(update.target_list().iter())?,
            from: self.table_exprs(update.from_clause())?,
            filter: self.optional(update.where_clause())?,
            returning,
            returning_options,
        })
    }

    fn delete(&self, delete: &nodes::DeleteStmt) -> Lowered<Delete> {
        let (returning, returning_options) = self.returning(delete.returning_clause())?;
        Ok(Delete {
            with: self.with(delete.with_clause())?,
            target: self.target(delete.relation())?,
            using: self.table_exprs(delete.using_clause())?,
            filter: self.optional(delete.where_clause())?,
            returning,
            returning_options,
        })
    }

    fn copy(&self, copy: &nodes::CopyStmt) -> Lowered<Copy> {
        let source = match (copy.relation(), copy.query()) {
            (Some(range), _) => {
                CopySource::Relation(self.relation(range)?, strings(copy.attlist())?)
            }
            (None, Node::SelectStmt(select)) => CopySource::Query(Box::new(self.query(select)?)),
            (None, _) => CopySource::Modifying,
        };
        Ok(Copy {
            source,
            from: copy.is_from,
            server_side: copy.is_program || copy.filename().is_some(),
            options: copy
                .options()
                .iter()
                .map(|option| option.defname().unwrap_or_default().to_ascii_lowercase())
                .collect(),
            filter: self.optional(copy.where_clause())?,
        })
    }

    pub(super) fn expressions(&self, list: &NodeList) -> Lowered<Vec<Expr>> {
        list.iter().map(|node| self.expr(node)).collect()
    }

    pub(super) fn optional(&self, node: Node<'_>) -> Lowered<Option<Expr>> {
        match node {
            Node::None => Ok(None),
            node => self.expr(node).map(Some),
        }
    }

    fn boxed(&self, node: Node<'_>) -> Lowered<Box<Expr>> {
        self.expr(node).map(Box::new)
    }

    pub(super) fn expr(&self, node: Node<'_>) -> Lowered<Expr> {
        stacker::maybe_grow(RED_ZONE, SEGMENT, || self.expr_in(node))
    }

    fn expr_in(&self, node: Node<'_>) -> Lowered<Expr> {
        let inner = self.deeper()?;
        let (kind, location) = match node {
            Node::ColumnRef(column) => (column_ref(column)?, column.location),
            Node::ParamRef(parameter) => (
                ExprKind::Parameter(u32::try_from(parameter.number).unwrap_or(0)),
                parameter.location,
            ),
            Node::A_Const(value) => (ExprKind::Constant(constant(value)?), value.location),
            Node::A_Expr(operator) => (inner.operator(operator)?, operator.location),
            Node::BoolExpr(boolean) => {
                let mut arguments = inner.expressions(boolean.args())?;
                let kind = match boolean.boolop {
                    BoolExprType::AND_EXPR => ExprKind::And(arguments),
                    BoolExprType::OR_EXPR => ExprKind::Or(arguments),
                    BoolExprType::NOT_EXPR => match (arguments.pop(), arguments.is_empty()) {
                        (Some(argument), true) => ExprKind::Not(Box::new(argument)),
                        (_, _) => return unsupported("this NOT"),
                    },
                    _ => return unsupported("this boolean operator"),
                };
                (kind, boolean.location)
            }
            Node::SubLink(sublink) => (inner.sublink(sublink)?, sublink.location),
            Node::FuncCall(call) => (ExprKind::Call(Box::new(inner.call(call)?)), call.location),
            Node::CaseExpr(case) => {
                let mut arms = Vec::new();
                for arm in case.args() {
                    match arm {
                        Node::CaseWhen(when) => {
                            arms.push((inner.expr(when.expr())?, inner.expr(when.result())?));
                        }
                        _ => return unsupported("this CASE"),
                    }
                }
                let operand = inner.optional(case.arg())?.map(Box::new);
                let otherwise = inner.optional(case.defresult())?.map(Box::new);
                (ExprKind::Case { operand, arms, otherwise }, case.location)
            }
            Node::TypeCast(cast) => (
                ExprKind::Cast {
                    operand: inner.boxed(cast.arg())?,
                    target: type_ref(cast.type_name())?,
                },
                cast.location,
            ),
            Node::CollateClause(collate) => {
                (ExprKind::Collate(inner.boxed(collate.arg())?), collate.location)
            }
            Node::NullTest(test) => (ExprKind::NullTest(inner.boxed(test.arg())?), test.location),
            Node::BooleanTest(test) => {
                (ExprKind::BooleanTest(inner.boxed(test.arg())?), test.location)
            }
            Node::A_ArrayExpr(array) => {
                (ExprKind::Array(inner.expressions(array.elements())?), array.location)
            }
            Node::RowExpr(row) => (ExprKind::Row(inner.expressions(row.args())?), row.location),
            Node::CoalesceExpr(coalesce) => {
                (ExprKind::Coalesce(inner.expressions(coalesce.args())?), coalesce.location)
            }
            Node::MinMaxExpr(extreme) => {
                (ExprKind::MinMax(inner.expressions(extreme.args())?), extreme.location)
            }
            Node::SQLValueFunction(value) => {
                (ExprKind::SqlValue(sql_value(value.op)?), value.location)
            }
            Node::A_Indirection(indirection) => {
                let operand = inner.boxed(indirection.arg())?;
                let steps = inner.steps(indirection.indirection())?;
                (ExprKind::Indirection { operand, steps }, -1)
            }
            Node::GroupingFunc(grouping) => {
                (ExprKind::Grouping(inner.expressions(grouping.args())?), grouping.location)
            }
            Node::NamedArgExpr(named) => {
                (ExprKind::Named(inner.boxed(named.arg())?), named.location)
            }
            Node::SetToDefault(default) => (ExprKind::Default, default.location),
            Node::MultiAssignRef(multi) => {
                (ExprKind::MultiAssign(inner.boxed(multi.source())?), -1)
            }
            Node::CurrentOfExpr(current) => {
                (ExprKind::CurrentOf(current.cursor_name().map(ToOwned::to_owned)), -1)
            }
            node => return inner.special(node),
        };
        Ok(Expr { kind, location: at(location) })
    }

    fn steps(&self, list: &NodeList) -> Lowered<Vec<Step>> {
        list.iter()
            .map(|node| match node {
                Node::String(name) => Ok(Step::Field(name.sval().unwrap_or_default().to_owned())),
                Node::A_Star(_) => Ok(Step::Star),
                Node::A_Indices(indices) => {
                    let mut bounds = Vec::new();
                    bounds.extend(self.optional(indices.lidx())?);
                    bounds.extend(self.optional(indices.uidx())?);
                    Ok(Step::Subscript { bounds, slice: indices.is_slice })
                }
                _ => unsupported("this field selection"),
            })
            .collect()
    }

    fn operator(&self, operator: &nodes::A_Expr) -> Lowered<ExprKind> {
        let form = match operator.kind {
            A_Expr_Kind::AEXPR_OP => OperatorKind::Plain,
            A_Expr_Kind::AEXPR_OP_ANY => OperatorKind::Any,
            A_Expr_Kind::AEXPR_OP_ALL => OperatorKind::All,
            A_Expr_Kind::AEXPR_DISTINCT | A_Expr_Kind::AEXPR_NOT_DISTINCT => OperatorKind::Distinct,
            A_Expr_Kind::AEXPR_NULLIF => OperatorKind::NullIf,
            A_Expr_Kind::AEXPR_IN => OperatorKind::In,
            A_Expr_Kind::AEXPR_LIKE => OperatorKind::Like,
            A_Expr_Kind::AEXPR_ILIKE => OperatorKind::ILike,
            A_Expr_Kind::AEXPR_SIMILAR => OperatorKind::Similar,
            A_Expr_Kind::AEXPR_BETWEEN
            | A_Expr_Kind::AEXPR_NOT_BETWEEN
            | A_Expr_Kind::AEXPR_BETWEEN_SYM
            | A_Expr_Kind::AEXPR_NOT_BETWEEN_SYM => OperatorKind::Between,
            _ => return unsupported("this operator"),
        };
        let right = match operator.rexpr() {
            Node::NodeList(list) => self.expressions(list)?,
            node => self.optional(node)?.into_iter().collect(),
        };
        Ok(ExprKind::Operator {
            form,
            name: strings(operator.name())?,
            left: self.optional(operator.lexpr())?.map(Box::new),
            right,
        })
    }

    fn sublink(&self, sublink: &nodes::SubLink) -> Lowered<ExprKind> {
        let form = match sublink.sub_link_type {
            SubLinkType::EXISTS_SUBLINK => SublinkKind::Exists,
            SubLinkType::ALL_SUBLINK => SublinkKind::All,
            SubLinkType::ANY_SUBLINK => SublinkKind::Any,
            SubLinkType::EXPR_SUBLINK => SublinkKind::Scalar,
            SubLinkType::ARRAY_SUBLINK => SublinkKind::Array,
            _ => return unsupported("this sub-select"),
        };
        let Node::SelectStmt(select) = sublink.subselect() else {
            return unsupported("this sub-select");
        };
        Ok(ExprKind::Sublink {
            form,
            test: self.optional(sublink.testexpr())?.map(Box::new),
            operator: strings(sublink.oper_name())?,
            query: Box::new(self.query(select)?),
        })
    }

    fn call(&self, call: &nodes::FuncCall) -> Lowered<Call> {
        Ok(Call {
            name: strings(call.funcname())?,
            arguments: self.expressions(call.args())?,
            star: call.agg_star,
            variadic: call.func_variadic,
            order_by: self.sort_keys(call.agg_order().iter())?,
            filter: self.optional(call.agg_filter())?.map(Box::new),
            over: call.over().map(|window| self.window(window)).transpose()?.map(Box::new),
        })
    }
}

fn column_ref(column: &nodes::ColumnRef) -> Lowered<ExprKind> {
    let mut parts = Vec::new();
    let mut star = false;
    for field in column.fields() {
        match field {
            Node::String(name) if !star => parts.push(name.sval().unwrap_or_default().to_owned()),
            Node::A_Star(_) if !star => star = true,
            _ => return unsupported("this column reference"),
        }
    }
    Ok(ExprKind::Column(ColumnRef { parts, star }))
}

fn sql_value(op: SQLValueFunctionOp::Type) -> Lowered<SqlValue> {
    Ok(match op {
        SQLValueFunctionOp::SVFOP_CURRENT_DATE => SqlValue::Date,
        SQLValueFunctionOp::SVFOP_CURRENT_TIME
        | SQLValueFunctionOp::SVFOP_CURRENT_TIME_N
        | SQLValueFunctionOp::SVFOP_LOCALTIME
        | SQLValueFunctionOp::SVFOP_LOCALTIME_N => SqlValue::Time,
        SQLValueFunctionOp::SVFOP_CURRENT_TIMESTAMP
        | SQLValueFunctionOp::SVFOP_CURRENT_TIMESTAMP_N => SqlValue::Timestamp,
        SQLValueFunctionOp::SVFOP_LOCALTIMESTAMP | SQLValueFunctionOp::SVFOP_LOCALTIMESTAMP_N => {
            SqlValue::LocalTimestamp
        }
        SQLValueFunctionOp::SVFOP_CURRENT_ROLE
        | SQLValueFunctionOp::SVFOP_CURRENT_USER
        | SQLValueFunctionOp::SVFOP_USER
        | SQLValueFunctionOp::SVFOP_SESSION_USER => SqlValue::Role,
        SQLValueFunctionOp::SVFOP_CURRENT_CATALOG => SqlValue::Catalog,
        SQLValueFunctionOp::SVFOP_CURRENT_SCHEMA => SqlValue::Schema,
        _ => return unsupported("this function"),
    })
}

fn set_variable(set: &nodes::VariableSetStmt) -> Lowered<SetVariable> {
    let name = set.name().map(str::to_ascii_lowercase);
    let (values, multi) = match set.kind {
        VariableSetKind::VAR_SET_VALUE => {
            let mut values = Vec::new();
            for argument in set.args() {
                values.push(match argument {
                    Node::A_Const(value) => Some(constant(value)?),
                    // `SET TIME ZONE INTERVAL '…'` and the like.
                    _ => None,
                });
            }
            (Some(values), false)
        }
        VariableSetKind::VAR_SET_DEFAULT
        | VariableSetKind::VAR_RESET
        | VariableSetKind::VAR_RESET_ALL => (None, false),
        VariableSetKind::VAR_SET_CURRENT | VariableSetKind::VAR_SET_MULTI => (None, true),
        _ => return unsupported("this SET"),
    };
    Ok(SetVariable { name, values, local: set.is_local, multi })
}
