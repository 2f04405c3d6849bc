//! Builds policy SQL as syntax nodes. Everything it makes is schema-qualified. Pure.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, ObjectName,
    ObjectNamePart, Query, Select, SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, UnaryOperator, Value,
};

use crate::catalog::{Catalog, PG_CATALOG, Relation};
use crate::ids::{IdentityIndex, TypeId};
use crate::policy::scope::{Hole, HoleForm, RowExpr};

/// A column of the protected row.
pub(crate) fn row(name: &str) -> Expr {
    RowExpr::column(name)
}

/// `"schema"."name"`
pub(crate) fn qualified(schema: &str, name: &str) -> ObjectName {
    ObjectName(vec![
        ObjectNamePart::Identifier(Ident::with_quote('"', schema)),
        ObjectNamePart::Identifier(Ident::with_quote('"', name)),
    ])
}

/// A type by its catalogue name.
pub(crate) fn type_name(schema: &str, name: &str) -> DataType {
    DataType::Custom(qualified(schema, name), Vec::new())
}

/// A type of `pg_catalog`.
pub(crate) fn builtin(name: &str) -> DataType {
    type_name(PG_CATALOG, name)
}

/// The type a value of `id` compares as: a domain's base, without modifiers.
pub(crate) fn comparison_type(catalog: &Catalog, id: TypeId) -> Option<DataType> {
    let found = catalog.sql_type(catalog.base_type(id))?;
    match found.element.and_then(|element| catalog.sql_type(element)) {
        Some(element) if found.category == 'A' => {
            Some(array_of(type_name(&element.schema, &element.name)))
        }
        _ => Some(type_name(&found.schema, &found.name)),
    }
}

/// `element[]`
pub(crate) fn array_of(element: DataType) -> DataType {
    DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None))
}

/// `CAST(expr AS type)`
pub(crate) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, format: None }
}

/// One identity value, typed.
pub(crate) fn scalar_hole(parameter: IdentityIndex, data_type: DataType) -> Expr {
    cast(Hole { parameter, form: HoleForm::Scalar }.placeholder(), data_type)
}

/// A list of identity values as an array, typed.
pub(crate) fn array_hole(parameter: IdentityIndex, element: DataType) -> Expr {
    cast(Hole { parameter, form: HoleForm::Array }.placeholder(), array_of(element))
}

/// `left = ANY(hole)`; a list of one becomes `=` when it is decided.
pub(crate) fn among(left: Expr, parameter: IdentityIndex, element: DataType) -> Expr {
    any(left, array_hole(parameter, element))
}

/// `left = ANY(right)`
pub(crate) fn any(left: Expr, right: Expr) -> Expr {
    Expr::AnyOp {
        left: Box::new(left),
        compare_op: BinaryOperator::Eq,
        right: Box::new(right),
        is_some: false,
    }
}

/// `left op right`, operands in parentheses where they need them.
pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(atom(left)), op, right: Box::new(atom(right)) }
}

/// `left = right`
pub(crate) fn equal(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::Eq, right)
}

/// `expr IS NULL`
pub(crate) fn is_null(expr: Expr) -> Expr {
    Expr::IsNull(Box::new(atom(expr)))
}

/// `-n` or `n`.
pub(crate) fn number(n: i64) -> Expr {
    let digits = Expr::Value(Value::Number(n.unsigned_abs().to_string(), false).into());
    if n < 0 {
        Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) }))
    } else {
        digits
    }
}

/// A text literal. The caller has made sure with [`is_plain`] that it prints as it is.
pub(crate) fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

/// Whether a text can be a literal: the printer leaves backslashes and doubled quotes alone.
pub(crate) fn is_plain(value: &str) -> bool {
    !value.contains(['\\', '\0', '\u{1}', '\u{2}']) && !value.contains("''")
}

/// NULL
pub(crate) fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// A function of `pg_catalog`.
pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: qualified(PG_CATALOG, name),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `ARRAY(SELECT item FROM relation AS alias WHERE condition)`
pub(crate) fn array_select(
    item: Expr,
    relation: &Relation,
    alias: Ident,
    condition: Option<Expr>,
) -> Expr {
    let from = TableWithJoins {
        relation: TableFactor::Table {
            name: qualified(&relation.schema, &relation.name),
            alias: Some(TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None }),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        },
        joins: Vec::new(),
    };
    let select = Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![SelectItem::UnnamedExpr(item)],
        exclude: None,
        into: None,
        from: vec![from],
        lateral_views: Vec::new(),
        prewhere: None,
        selection: condition,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    let query = Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    };
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new("ARRAY"))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::Subquery(Box::new(query)),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `CASE WHEN condition THEN result … ELSE otherwise END`
pub(crate) fn case(conditions: Vec<(Expr, Expr)>, otherwise: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: conditions
            .into_iter()
            .map(|(condition, result)| CaseWhen { condition, result })
            .collect(),
        else_result: Some(Box::new(otherwise)),
    }
}

/// `(expr) IS TRUE`
pub(crate) fn is_true(expr: Expr) -> Expr {
    Expr::IsTrue(Box::new(nested(expr)))
}

/// All of `parts`; `None` when there are none.
pub(crate) fn all_of(parts: Vec<Expr>) -> Option<Expr> {
    join(parts, &BinaryOperator::And)
}

/// One of `parts`, in parentheses; `None` when there are none.
pub(crate) fn one_of(parts: Vec<Expr>) -> Option<Expr> {
    let several = parts.len() > 1;
    let joined = join(parts, &BinaryOperator::Or)?;
    Some(if several { nested(joined) } else { joined })
}

/// The expression in parentheses when it is an OR: what it becomes part of is ANDed.
pub(crate) fn conjunct(expr: Expr) -> Expr {
    if matches!(expr, Expr::BinaryOp { op: BinaryOperator::Or, .. }) { nested(expr) } else { expr }
}

fn join(parts: Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    let mut distinct: Vec<Expr> = Vec::with_capacity(parts.len());
    for part in parts {
        if !distinct.contains(&part) {
            distinct.push(part);
        }
    }
    if distinct.len() == 1 {
        return distinct.pop();
    }
    distinct.into_iter().map(atom).reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    })
}

/// The expression in parentheses.
pub(crate) fn nested(expr: Expr) -> Expr {
    if matches!(expr, Expr::Nested(_)) { expr } else { Expr::Nested(Box::new(expr)) }
}

/// The expression in parentheses unless it binds tighter than any operator.
pub(crate) fn atom(expr: Expr) -> Expr {
    if matches!(
        expr,
        Expr::Nested(_)
            | Expr::CompoundIdentifier(_)
            | Expr::Identifier(_)
            | Expr::Value(_)
            | Expr::Function(_)
            | Expr::Cast { kind: CastKind::Cast, .. }
            | Expr::Case { .. }
            | Expr::Subquery(_)
    ) {
        expr
    } else {
        Expr::Nested(Box::new(expr))
    }
}
