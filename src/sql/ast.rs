//! The syntax of a statement as rowgate reads it: an owned tree with byte positions. Pure data.
//!
//! `lower` makes it from PostgreSQL's own parse tree and names every construct; what has no place
//! here is refused. Every `match` on these enums is exhaustive.

use std::ops::Range;

/// A byte offset into the text that was parsed; `None` where the grammar made the node up.
pub type Location = Option<u32>;

/// One statement of a query string.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its bytes, without the semicolon; leading white space may be included.
    pub span: Range<usize>,
    /// What it is.
    pub kind: StatementKind,
}

/// The kinds of statement that are told apart.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// SELECT, VALUES, TABLE.
    Select(Box<Query>),
    /// INSERT.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Update>),
    /// DELETE.
    Delete(Box<Delete>),
    /// MERGE.
    Merge(Box<Merge>),
    /// COPY relation or query.
    Copy(Box<Copy>),
    /// EXPLAIN.
    Explain(Box<Explain>),
    /// DECLARE … CURSOR FOR query.
    DeclareCursor {
        /// The cursor.
        name: String,
        /// Its query.
        query: Box<Query>,
    },
    /// FETCH and MOVE.
    Fetch {
        /// The cursor or portal.
        name: String,
    },
    /// CLOSE; `None` is ALL.
    ClosePortal {
        /// The cursor or portal.
        name: Option<String>,
    },
    /// PREPARE name AS statement.
    Prepare {
        /// The client's name.
        name: String,
        /// The declared types of the parameters.
        types: Vec<TypeRef>,
        /// The inner statement; its span is the whole of PREPARE.
        statement: Box<StatementKind>,
    },
    /// EXECUTE name (arguments).
    Execute {
        /// The client's name.
        name: String,
        /// The arguments.
        arguments: Vec<Expr>,
    },
    /// DEALLOCATE name; `None` is ALL.
    Deallocate {
        /// The client's name.
        name: Option<String>,
    },
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT …
    Transaction(TransactionKind),
    /// SET and RESET.
    Set(SetVariable),
    /// SHOW; the name in lower case.
    Show(String),
    /// DISCARD.
    Discard(DiscardTarget),
    /// CREATE, DROP, TRUNCATE and CREATE INDEX, as far as temporary tables may be meant.
    Definition(Box<Definition>),
    /// Everything else, by the name of its node in PostgreSQL's grammar.
    Other(&'static str),
}

/// What is done to temporary tables besides reading and writing them.
#[derive(Debug, Clone)]
pub enum Definition {
    /// CREATE TEMPORARY TABLE, also AS, and SELECT INTO TEMPORARY.
    Create {
        /// The new table.
        name: RelationRef,
        /// What it is made from.
        from: CreatedFrom,
    },
    /// DROP TABLE.
    Drop {
        /// The tables, which have no positions.
        names: Vec<DroppedName>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// TRUNCATE.
    Truncate(Vec<RelationRef>),
    /// CREATE INDEX over plain columns of this relation.
    Index(RelationRef),
}

impl Definition {
    /// The prepared statement that it executes.
    pub fn executed(&self) -> Option<&str> {
        match self {
            Self::Create { from: CreatedFrom::Execute { name, .. }, .. } => Some(name),
            Self::Create { from: CreatedFrom::Query(_) | CreatedFrom::Columns(_), .. }
            | Self::Drop { .. }
            | Self::Truncate(_)
            | Self::Index(_) => None,
        }
    }
}

/// What a table is made from.
#[derive(Debug, Clone)]
pub enum CreatedFrom {
    /// A query.
    Query(Box<Query>),
    /// What a prepared statement answers.
    Execute {
        /// The statement's name.
        name: String,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// Columns, whose other constraints are NOT NULL, PRIMARY KEY and UNIQUE.
    Columns(Vec<ColumnType>),
}

/// A column of a new table.
#[derive(Debug, Clone)]
pub struct ColumnType {
    /// Its type.
    pub target: TypeRef,
    /// DEFAULT.
    pub default: Option<Expr>,
}

/// A table's name in DROP.
#[derive(Debug, Clone)]
pub struct DroppedName {
    /// The schema, when the client wrote one.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

/// The forms of transaction control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionKind {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SAVEPOINT.
    Savepoint,
    /// RELEASE.
    Release,
    /// ROLLBACK TO.
    RollbackTo,
    /// PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.
    TwoPhase,
}

/// What DISCARD throws away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscardTarget {
    /// ALL
    All,
    /// PLANS
    Plans,
    /// SEQUENCES
    Sequences,
    /// TEMP
    Temp,
}

/// SET and RESET.
#[derive(Debug, Clone)]
pub struct SetVariable {
    /// The setting in lower case; `None` is RESET ALL.
    pub name: Option<String>,
    /// The new value as the list of constants the client wrote; `None` is RESET or DEFAULT.
    pub values: Option<Vec<Option<Constant>>>,
    /// `SET LOCAL`.
    pub local: bool,
    /// `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS …`, `FROM CURRENT`: not a plain value.
    pub multi: bool,
}

/// WITH.
#[derive(Debug, Clone)]
pub struct With {
    /// WITH RECURSIVE.
    pub recursive: bool,
    /// In order.
    pub ctes: Vec<Cte>,
}

/// A common table expression.
#[derive(Debug, Clone)]
pub struct Cte {
    /// Its name.
    pub name: String,
    /// Column names after the name.
    pub columns: Vec<String>,
    /// The query; data-modifying statements are told apart so that they can be decided on.
    pub query: CteQuery,
    /// Columns that SEARCH and CYCLE add.
    pub added_columns: Vec<String>,
    /// Expressions of CYCLE … SET … TO … DEFAULT.
    pub expressions: Vec<Expr>,
}

/// The query of a common table expression.
#[derive(Debug, Clone)]
pub enum CteQuery {
    /// SELECT, VALUES, TABLE.
    Select(Box<Query>),
    /// INSERT.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Update>),
    /// DELETE.
    Delete(Box<Delete>),
    /// MERGE.
    Merge(Box<Merge>),
}

impl CteQuery {
    /// Whether nothing can read it: it changes rows and has no RETURNING.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Select(_) => false,
            Self::Insert(insert) => insert.returning.is_empty(),
            Self::Update(update) => update.returning.is_empty(),
            Self::Delete(delete) => delete.returning.is_empty(),
            Self::Merge(merge) => merge.returning.is_empty(),
        }
    }
}

/// A query expression with what stands around it.
#[derive(Debug, Clone)]
pub struct Query {
    /// WITH.
    pub with: Option<With>,
    /// What it computes.
    pub body: QueryBody,
    /// ORDER BY.
    pub order_by: Vec<SortKey>,
    /// LIMIT or FETCH FIRST.
    pub limit: Option<Expr>,
    /// FETCH FIRST … WITH TIES: the limit is not the number of rows.
    pub with_ties: bool,
    /// OFFSET.
    pub offset: Option<Expr>,
    /// FOR UPDATE and the like.
    pub locking: Vec<Locking>,
    /// SELECT … INTO.
    pub into: bool,
}

/// What a query computes.
#[derive(Debug, Clone)]
pub enum QueryBody {
    /// SELECT.
    Select(Box<Select>),
    /// VALUES.
    Values(Vec<Vec<Expr>>),
    /// UNION, INTERSECT, EXCEPT.
    SetOperation {
        /// The left side.
        left: Box<Query>,
        /// The right side.
        right: Box<Query>,
    },
}

/// A SELECT without what stands around it.
#[derive(Debug, Clone)]
pub struct Select {
    /// DISTINCT ON (…); empty for DISTINCT and ALL.
    pub distinct_on: Vec<Expr>,
    /// The select list.
    pub targets: Vec<Target>,
    /// FROM.
    pub from: Vec<TableExpr>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group_by: Vec<GroupItem>,
    /// HAVING.
    pub having: Option<Expr>,
    /// WINDOW.
    pub windows: Vec<Window>,
}

/// An item of a select list or of RETURNING.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name after AS.
    pub name: Option<String>,
    /// The expression.
    pub expr: Expr,
    /// Where it begins; `None` for the `*` of `TABLE t`.
    pub location: Location,
}

/// ORDER BY and its like.
#[derive(Debug, Clone)]
pub struct SortKey {
    /// The expression.
    pub expr: Expr,
    /// `USING operator`.
    pub operator: Option<Vec<String>>,
}

/// An item of GROUP BY.
#[derive(Debug, Clone)]
pub enum GroupItem {
    /// A plain expression.
    Expr(Expr),
    /// ROLLUP, CUBE, GROUPING SETS, ().
    Set(Vec<GroupItem>),
}

/// A window.
#[derive(Debug, Clone)]
pub struct Window {
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<SortKey>,
    /// The offsets of the frame.
    pub bounds: Vec<Expr>,
}

/// FOR UPDATE, FOR SHARE and the two between.
#[derive(Debug, Clone)]
pub struct Locking {
    /// The aliases after OF; empty for all.
    pub of: Vec<String>,
}

/// An alias with its optional column names.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// The column names.
    pub columns: Vec<String>,
}

/// An item of FROM.
#[derive(Debug, Clone)]
pub enum TableExpr {
    /// A relation or a common table expression by name.
    Relation(RelationRef),
    /// `relation TABLESAMPLE method (…) REPEATABLE (…)`.
    Sample {
        /// The relation.
        relation: RelationRef,
        /// The method's name.
        method: Vec<String>,
        /// Arguments, then the seed.
        arguments: Vec<Expr>,
        /// Where TABLESAMPLE's method begins.
        location: Location,
    },
    /// A sub-select.
    Subquery {
        /// LATERAL.
        lateral: bool,
        /// The query.
        query: Box<Query>,
        /// Its alias, which newer grammars make optional.
        alias: Option<Alias>,
    },
    /// A function, or ROWS FROM (…).
    Function {
        /// The calls.
        calls: Vec<Expr>,
        /// The alias.
        alias: Option<Alias>,
        /// Column names of `AS (a int, …)`, over all calls.
        defined: Vec<String>,
        /// WITH ORDINALITY.
        ordinality: bool,
    },
    /// XMLTABLE and JSON_TABLE.
    TableFunction {
        /// The first server version (`server_version_num`) whose grammar has it.
        since: u32,
        /// Everything that is evaluated.
        arguments: Vec<Expr>,
        /// The columns it makes.
        columns: Vec<String>,
        /// The alias.
        alias: Option<Alias>,
    },
    /// A join.
    Join(Box<Join>),
}

/// A join.
#[derive(Debug, Clone)]
pub struct Join {
    /// The left side.
    pub left: TableExpr,
    /// The right side.
    pub right: TableExpr,
    /// Which sides may be filled up with NULLs.
    pub kind: JoinKind,
    /// NATURAL.
    pub natural: bool,
    /// USING.
    pub using: Vec<String>,
    /// `USING (…) AS alias`.
    pub using_alias: Option<Alias>,
    /// ON.
    pub on: Option<Expr>,
    /// `(a JOIN b) AS alias`.
    pub alias: Option<Alias>,
}

/// INNER, LEFT, RIGHT, FULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// INNER and CROSS.
    Inner,
    /// LEFT.
    Left,
    /// RIGHT.
    Right,
    /// FULL.
    Full,
}

/// A name in the place of a relation.
#[derive(Debug, Clone)]
pub struct RelationRef {
    /// `database.schema.name`: the database.
    pub catalog: Option<String>,
    /// The schema, when the client wrote one.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
    /// ONLY.
    pub only: bool,
    /// The alias.
    pub alias: Option<Alias>,
    /// The first token of the name.
    pub location: Location,
}

impl RelationRef {
    /// The name other parts of the query call it by.
    pub fn alias_name(&self) -> &str {
        self.alias.as_ref().map_or(&self.name, |alias| &alias.name)
    }
}

/// INSERT.
#[derive(Debug, Clone)]
pub struct Insert {
    /// WITH.
    pub with: Option<With>,
    /// The target.
    pub target: RelationRef,
    /// The column list; empty without one.
    pub columns: Vec<InsertColumn>,
    /// VALUES or a query; `None` is DEFAULT VALUES.
    pub source: Option<Box<Query>>,
    /// ON CONFLICT.
    pub on_conflict: Option<OnConflict>,
    /// RETURNING.
    pub returning: Vec<Target>,
    /// RETURNING WITH (OLD AS …).
    pub returning_options: bool,
}

/// A column of INSERT's list or of SET.
#[derive(Debug, Clone)]
pub struct InsertColumn {
    /// The column.
    pub name: String,
    /// Subscripts and fields behind it.
    pub steps: Vec<Expr>,
    /// Where it is in the text.
    pub location: Location,
}

/// ON CONFLICT.
#[derive(Debug, Clone)]
pub struct OnConflict {
    /// Whether it says which constraint or index it is about.
    pub arbiter: bool,
    /// The columns of the inference.
    pub columns: Vec<String>,
    /// Expressions and predicate of the inference: compared with indexes, never evaluated.
    pub inference: Vec<Expr>,
    /// DO UPDATE SET …; `None` is DO NOTHING.
    pub assignments: Option<Vec<Assignment>>,
    /// WHERE of DO UPDATE.
    pub filter: Option<Expr>,
}

/// `column = expression`.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The column.
    pub column: InsertColumn,
    /// The value.
    pub value: Expr,
}

/// UPDATE.
#[derive(Debug, Clone)]
pub struct Update {
    /// WITH.
    pub with: Option<With>,
    /// The target.
    pub target: RelationRef,
    /// SET.
    pub assignments: Vec<Assignment>,
    /// FROM.
    pub from: Vec<TableExpr>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// RETURNING.
    pub returning: Vec<Target>,
    /// RETURNING WITH (OLD AS …).
    pub returning_options: bool,
}

/// DELETE.
#[derive(Debug, Clone)]
pub struct Delete {
    /// WITH.
    pub with: Option<With>,
    /// The target.
    pub target: RelationRef,
    /// USING.
    pub using: Vec<TableExpr>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// RETURNING.
    pub returning: Vec<Target>,
    /// RETURNING WITH (OLD AS …).
    pub returning_options: bool,
}

/// MERGE.
#[derive(Debug, Clone)]
pub struct Merge {
    /// WITH.
    pub with: Option<With>,
    /// The target.
    pub target: RelationRef,
    /// USING.
    pub source: TableExpr,
    /// ON.
    pub on: Expr,
    /// In order.
    pub whens: Vec<MergeWhen>,
    /// RETURNING.
    pub returning: Vec<Target>,
    /// RETURNING WITH (OLD AS …).
    pub returning_options: bool,
}

/// WHEN … THEN … of MERGE.
#[derive(Debug, Clone)]
pub struct MergeWhen {
    /// Which rows it is about.
    pub matched: MergeMatch,
    /// AND.
    pub condition: Option<Expr>,
    /// THEN.
    pub action: MergeAction,
}

/// Which rows a WHEN of MERGE is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMatch {
    /// MATCHED
    Matched,
    /// NOT MATCHED [BY TARGET]
    NotMatchedByTarget,
    /// NOT MATCHED BY SOURCE
    NotMatchedBySource,
}

/// THEN of MERGE.
#[derive(Debug, Clone)]
pub enum MergeAction {
    /// INSERT; a column list that is empty stands for all columns, values that are empty for
    /// DEFAULT VALUES.
    Insert {
        /// The columns.
        columns: Vec<InsertColumn>,
        /// VALUES (…).
        values: Vec<Expr>,
        /// OVERRIDING: given values may not be what is stored.
        overriding: bool,
    },
    /// UPDATE SET.
    Update(Vec<Assignment>),
    /// DELETE.
    Delete,
    /// DO NOTHING.
    Nothing,
}

/// COPY.
#[derive(Debug, Clone)]
pub struct Copy {
    /// What is copied.
    pub source: CopySource,
    /// FROM instead of TO.
    pub from: bool,
    /// A file or program on the server instead of the client's stream.
    pub server_side: bool,
    /// Option names in lower case.
    pub options: Vec<String>,
    /// WHERE, of COPY FROM.
    pub filter: Option<Expr>,
}

/// What COPY copies.
#[derive(Debug, Clone)]
pub enum CopySource {
    /// A relation with an optional column list.
    Relation(RelationRef, Vec<String>),
    /// A query.
    Query(Box<Query>),
    /// A data-modifying statement.
    Modifying,
}

/// EXPLAIN.
#[derive(Debug, Clone)]
pub struct Explain {
    /// Option names in lower case, with their argument's text where it has one.
    pub options: Vec<(String, Option<String>)>,
    /// What is explained.
    pub statement: StatementKind,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// PostgreSQL's position of it: the operator of an operator expression, otherwise mostly the
    /// first token.
    pub location: Location,
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// NULL
    Null,
    /// Fits int4.
    Integer(i32),
    /// Any other number.
    Number(String),
    /// TRUE, FALSE.
    Boolean(bool),
    /// A string literal.
    String(String),
    /// A bit string.
    Bits(String),
}

/// The name parts of a column reference, from left to right.
#[derive(Debug, Clone)]
pub struct ColumnRef {
    /// `[[catalog.]schema.]table.` and the column, as far as written.
    pub parts: Vec<String>,
    /// Ends in `*`.
    pub star: bool,
}

/// `(…).x[1]`: a step behind an expression.
#[derive(Debug, Clone)]
pub enum Step {
    /// `.name`, which may be a function call in disguise.
    Field(String),
    /// `.*`
    Star,
    /// `[i]` or `[a:b]`.
    Subscript {
        /// What stands between the brackets.
        bounds: Vec<Expr>,
        /// There is a colon.
        slice: bool,
    },
}

/// The forms of `a op b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorKind {
    /// A plain operator.
    Plain,
    /// `op ANY (array)`
    Any,
    /// `op ALL (array)`
    All,
    /// IS DISTINCT FROM and its opposite
    Distinct,
    /// NULLIF
    NullIf,
    /// IN (list)
    In,
    /// LIKE
    Like,
    /// ILIKE
    ILike,
    /// SIMILAR TO
    Similar,
    /// BETWEEN, in all forms
    Between,
}

/// The forms of a sub-select in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SublinkKind {
    /// EXISTS
    Exists,
    /// op ALL
    All,
    /// IN, op ANY
    Any,
    /// A scalar or row-valued sub-select.
    Scalar,
    /// ARRAY(…)
    Array,
}

/// A function call.
#[derive(Debug, Clone)]
pub struct Call {
    /// `[schema.]name`.
    pub name: Vec<String>,
    /// Arguments.
    pub arguments: Vec<Expr>,
    /// `f(*)`
    pub star: bool,
    /// VARIADIC
    pub variadic: bool,
    /// ORDER BY inside the call or WITHIN GROUP.
    pub order_by: Vec<SortKey>,
    /// FILTER (WHERE …)
    pub filter: Option<Box<Expr>>,
    /// OVER (…)
    pub over: Option<Box<Window>>,
}

/// The type of a cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRef {
    /// `[schema.]name` in PostgreSQL's internal spelling (`pg_catalog.int4`).
    pub names: Vec<String>,
    /// `[]`
    pub array: bool,
    /// Has a modifier such as `(10,2)`.
    pub modified: bool,
    /// `%TYPE` or SETOF: only function definitions use them.
    pub special: bool,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// A column, a whole row, `t.*`.
    Column(ColumnRef),
    /// `$n`
    Parameter(u32),
    /// A literal.
    Constant(Constant),
    /// An operator.
    Operator {
        /// Its form.
        form: OperatorKind,
        /// `[schema.]operator`.
        name: Vec<String>,
        /// The left operand; `None` for a prefix operator.
        left: Option<Box<Expr>>,
        /// The right operand; a list for IN and BETWEEN.
        right: Vec<Expr>,
    },
    /// AND
    And(Vec<Expr>),
    /// OR
    Or(Vec<Expr>),
    /// NOT
    Not(Box<Expr>),
    /// A sub-select.
    Sublink {
        /// Its form.
        form: SublinkKind,
        /// What stands before IN or the operator.
        test: Option<Box<Expr>>,
        /// The operator; empty for IN.
        operator: Vec<String>,
        /// The query.
        query: Box<Query>,
    },
    /// A function call.
    Call(Box<Call>),
    /// CASE.
    Case {
        /// The operand of the simple form.
        operand: Option<Box<Expr>>,
        /// WHEN … THEN …
        arms: Vec<(Expr, Expr)>,
        /// ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `x::t`
    Cast {
        /// What is cast.
        operand: Box<Expr>,
        /// To what.
        target: TypeRef,
    },
    /// COLLATE
    Collate(Box<Expr>),
    /// IS NULL and its opposite
    NullTest(Box<Expr>),
    /// IS TRUE, FALSE, UNKNOWN and their opposites
    BooleanTest(Box<Expr>),
    /// ARRAY[…]
    Array(Vec<Expr>),
    /// ROW(…) or (a, b)
    Row(Vec<Expr>),
    /// COALESCE
    Coalesce(Vec<Expr>),
    /// GREATEST, LEAST
    MinMax(Vec<Expr>),
    /// CURRENT_DATE, CURRENT_USER and their like.
    SqlValue(SqlValue),
    /// `(x).f[1]`
    Indirection {
        /// What it starts from.
        operand: Box<Expr>,
        /// The steps.
        steps: Vec<Step>,
    },
    /// GROUPING(…)
    Grouping(Vec<Expr>),
    /// `name => x`
    Named(Box<Expr>),
    /// DEFAULT in VALUES and SET.
    Default,
    /// A source of `(a, b) = (…)`.
    MultiAssign(Box<Expr>),
    /// WHERE CURRENT OF; `None` is a variable of a function.
    CurrentOf(Option<String>),
    /// XML and SQL/JSON constructs.
    Special(Box<Special>),
}

/// An XML or SQL/JSON construct, its operands in order.
#[derive(Debug, Clone)]
pub struct Special {
    /// What it is, in SQL's words.
    pub what: &'static str,
    /// The first server version (`server_version_num`) whose grammar has it. To an older one the
    /// same text is a call of a user's function.
    pub since: u32,
    /// Everything that is evaluated in it.
    pub operands: Vec<Expr>,
    /// Sub-selects in it (JSON_ARRAY(query)).
    pub queries: Vec<Query>,
    /// Result type, when one is named.
    pub target: Option<TypeRef>,
    /// It computes over groups of rows (JSON_ARRAYAGG, JSON_OBJECTAGG).
    pub aggregate: Option<Aggregate>,
}

/// What stands behind an aggregate.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// ORDER BY inside the call.
    pub order_by: Vec<SortKey>,
    /// FILTER (WHERE …)
    pub filter: Option<Expr>,
    /// OVER (…)
    pub over: Option<Window>,
}

/// The functions SQL writes without brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlValue {
    /// CURRENT_DATE
    Date,
    /// CURRENT_TIME, LOCALTIME
    Time,
    /// CURRENT_TIMESTAMP
    Timestamp,
    /// LOCALTIMESTAMP
    LocalTimestamp,
    /// CURRENT_ROLE, CURRENT_USER, USER, SESSION_USER: the gateway's own role on the server.
    Role,
    /// CURRENT_CATALOG
    Catalog,
    /// CURRENT_SCHEMA
    Schema,
}
