//! The SQL people write in a policy → a tree over the protected row. Pure.
//!
//! What comes out means the same wherever it is put: the row's columns carry the row qualifier,
//! functions and types are schema-qualified, relations of sub-selects must be qualified by the
//! writer and get aliases a client cannot write, and identity values are holes with a cast.

use std::collections::BTreeSet;

use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::catalog::{Catalog, Column, PG_CATALOG, Relation};
use crate::diagnostic::closest;
use crate::ids::{IdentityIndex, RelationId, TypeId};
use crate::policy::identity::{IdentityParameter, IdentitySource, ValueClass};
use crate::policy::syntax;
use crate::policy::written::{same_to_postgresql, take_identity};

/// What is wrong with a policy expression, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
    /// Offset and length in characters.
    pub(super) span: Option<(usize, usize)>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), suggestion: None, span: None }
    }
}

/// The identity parameters of a policy set, each once.
#[derive(Debug, Default)]
pub(super) struct Parameters(pub(super) Vec<IdentityParameter>);

impl Parameters {
    /// The parameter for values that are compared with a value of type `type_id`.
    pub(super) fn index(
        &mut self,
        catalog: &Catalog,
        source: IdentitySource,
        type_id: Option<TypeId>,
    ) -> IdentityIndex {
        let parameter = IdentityParameter { source, class: class_of(catalog, type_id) };
        let position = self.0.iter().position(|known| *known == parameter).unwrap_or_else(|| {
            self.0.push(parameter);
            self.0.len() - 1
        });
        IdentityIndex(u16::try_from(position).unwrap_or(u16::MAX))
    }
}

fn class_of(catalog: &Catalog, type_id: Option<TypeId>) -> ValueClass {
    let Some(found) = type_id.and_then(|id| catalog.sql_type(catalog.base_type(id))) else {
        return ValueClass::Text;
    };
    let found = found.element.and_then(|element| catalog.sql_type(element)).unwrap_or(found);
    if &*found.schema != PG_CATALOG {
        return ValueClass::Text;
    }
    match &*found.name {
        "int2" => ValueClass::SmallInteger,
        "int4" => ValueClass::Integer,
        "int8" => ValueClass::BigInteger,
        "numeric" | "float4" | "float8" => ValueClass::Number,
        "bool" => ValueClass::Boolean,
        "uuid" => ValueClass::Uuid,
        "date" => ValueClass::Date,
        _ => ValueClass::Text,
    }
}

/// What an expression of the policy uses besides the row.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    /// Relations its sub-selects read with the gateway's own rights.
    pub(super) relations: BTreeSet<RelationId>,
    /// Columns of the row, by name.
    pub(super) columns: BTreeSet<String>,
}

/// Reads `text` as an expression over a row of `relation`.
pub(super) fn compile(
    catalog: &Catalog,
    relation: &Relation,
    parameters: &mut Parameters,
    text: &str,
) -> Result<(Expr, Uses), Fault> {
    let (plain, sources) = take_identity(text)?;
    let mut parser = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(&plain)
        .map_err(|error| Fault::new(format!("not SQL: {error}")))?;
    let mut expr = parser.parse_expr().map_err(|error| Fault::new(format!("not SQL: {error}")))?;
    let rest = parser.next_token();
    if rest.token != Token::EOF {
        return Err(Fault::new(format!("not one expression: `{rest}` is left over")));
    }
    same_to_postgresql(&plain, &expr)?;
    let mut resolver = Resolver {
        catalog,
        relation,
        parameters,
        text,
        sources,
        frames: Vec::new(),
        n_aliases: 0,
        uses: Uses::default(),
    };
    resolver.expr(&mut expr, None)?;
    Ok((expr, resolver.uses))
}

/// One level of FROM: written alias, alias in the output, relation.
struct Source<'a> {
    written: String,
    alias: Ident,
    relation: &'a Relation,
}

struct Resolver<'a> {
    catalog: &'a Catalog,
    relation: &'a Relation,
    parameters: &'a mut Parameters,
    text: &'a str,
    sources: Vec<IdentitySource>,
    frames: Vec<Vec<Source<'a>>>,
    n_aliases: usize,
    uses: Uses,
}

impl<'a> Resolver<'a> {
    /// Resolves `expr`; `expected` is the type of what it is compared with.
    fn expr(&mut self, expr: &mut Expr, expected: Option<TypeId>) -> Result<(), Fault> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                self.column(expr)?;
                Ok(())
            }
            Expr::Value(value) => {
                if let Value::Placeholder(_) = &value.value {
                    *expr = self.hole(expr, expected, false)?;
                }
                Ok(())
            }
            Expr::Nested(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::UnaryOp { expr: inner, .. } => self.expr(inner, expected),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.pair(left, right)
            }
            Expr::BinaryOp { left, op, right } => {
                if matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) && is_hole(left) {
                    std::mem::swap(left, right);
                }
                self.pair(left, right)
            }
            Expr::InList { expr: left, list, negated } => {
                if let [only] = list.as_slice()
                    && is_hole(only)
                    && !*negated
                {
                    let mut left = left.clone();
                    let mut only = only.clone();
                    let type_id = self.type_of(&left);
                    self.expr(&mut left, None)?;
                    only = self.hole(&only, type_id, true)?;
                    *expr = syntax::any(*left, only);
                    return Ok(());
                }
                let type_id = self.type_of(left);
                self.expr(left, None)?;
                list.iter_mut().try_for_each(|item| self.expr(item, type_id))
            }
            Expr::InSubquery { expr: left, subquery, .. } => {
                self.expr(left, None)?;
                self.query(subquery)
            }
            Expr::Between { expr: left, low, high, .. } => {
                let type_id = self.type_of(left);
                self.expr(left, None)?;
                self.expr(low, type_id)?;
                self.expr(high, type_id)
            }
            Expr::Like { expr: left, pattern, escape_char, .. }
            | Expr::ILike { expr: left, pattern, escape_char, .. }
            | Expr::SimilarTo { expr: left, pattern, escape_char, .. } => {
                self.expr(left, None)?;
                self.expr(pattern, None)?;
                escape_char.as_mut().map_or(Ok(()), |escape| self.expr(escape, None))
            }
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
                let type_id = self.type_of(left);
                self.expr(left, None)?;
                let inner = unwrapped(right);
                if is_hole(inner) {
                    **right = self.hole(&inner.clone(), type_id, true)?;
                    return Ok(());
                }
                self.expr(right, None)
            }
            Expr::Cast { expr: inner, data_type, format, .. } => {
                if format.is_some() {
                    return Err(Fault::new("a cast with a format is not used in policy SQL"));
                }
                *data_type = self.data_type(data_type)?;
                self.expr(inner, None)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.expr(timestamp, None)?;
                self.expr(time_zone, None)
            }
            Expr::Extract { expr: inner, .. } => self.expr(inner, None),
            Expr::Position { expr: inner, r#in } => {
                self.expr(inner, None)?;
                self.expr(r#in, None)
            }
            Expr::Substring { expr: inner, substring_from, substring_for, .. } => {
                self.expr(inner, None)?;
                for part in [substring_from, substring_for].into_iter().flatten() {
                    self.expr(part, None)?;
                }
                Ok(())
            }
            Expr::Trim { expr: inner, trim_what, trim_characters, .. } => {
                self.expr(inner, None)?;
                if let Some(what) = trim_what {
                    self.expr(what, None)?;
                }
                trim_characters
                    .iter_mut()
                    .flatten()
                    .try_for_each(|character| self.expr(character, None))
            }
            Expr::Function(_) => self.function(expr),
            Expr::Case { operand, conditions, else_result, .. } => {
                if let Some(operand) = operand {
                    self.expr(operand, None)?;
                }
                for when in conditions {
                    self.expr(&mut when.condition, None)?;
                    self.expr(&mut when.result, None)?;
                }
                else_result.as_mut().map_or(Ok(()), |result| self.expr(result, None))
            }
            Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::Array(array) => {
                array.elem.iter_mut().try_for_each(|element| self.expr(element, expected))
            }
            Expr::Interval(interval) => self.expr(&mut interval.value, None),
            Expr::TypedString(typed) => {
                typed.data_type = self.data_type(&typed.data_type)?;
                Ok(())
            }
            Expr::CompoundFieldAccess { .. }
            | Expr::JsonAccess { .. }
            | Expr::IsJson { .. }
            | Expr::IsNormalized { .. }
            | Expr::InUnnest { .. }
            | Expr::RLike { .. }
            | Expr::Convert { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Overlay { .. }
            | Expr::Collate { .. }
            | Expr::Prefixed { .. }
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Struct { .. }
            | Expr::Named { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::MatchAgainst { .. }
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..)
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::Lambda(_)
            | Expr::MemberOf(_) => {
                Err(Fault::new(format!("`{expr}` is not supported in policy SQL")))
            }
        }
    }

    fn pair(&mut self, left: &mut Expr, right: &mut Expr) -> Result<(), Fault> {
        let (left_type, right_type) = (self.type_of(left), self.type_of(right));
        self.expr(left, right_type)?;
        self.expr(right, left_type)
    }

    /// The type of a plain column, where it is one.
    fn type_of(&self, expr: &Expr) -> Option<TypeId> {
        let (qualifier, name) = column_name(unwrapped(expr))?;
        self.find(qualifier.as_deref(), &name_of(&name)).map(|(_, column)| column.type_id)
    }

    /// The alias (`None` is the protected row) and the column a name means, innermost first.
    fn find(&self, qualifier: Option<&str>, name: &str) -> Option<(Option<&Ident>, &'a Column)> {
        for frame in self.frames.iter().rev() {
            for source in frame {
                if qualifier.is_none_or(|qualifier| qualifier == source.written)
                    && let Some(column) = source.relation.column(name)
                {
                    return Some((Some(&source.alias), column));
                }
            }
        }
        if qualifier.is_none_or(|qualifier| qualifier == &*self.relation.name) {
            return self.relation.column(name).map(|column| (None, column));
        }
        None
    }

    fn column(&mut self, expr: &mut Expr) -> Result<(), Fault> {
        let Some((qualifier, name)) = column_name(expr) else {
            return Err(self.unknown_column(&expr.to_string(), ""));
        };
        let wanted = name_of(&name);
        let Some((alias, column)) = self.find(qualifier.as_deref(), &wanted) else {
            return Err(self.unknown_column(&wanted, &name.value));
        };
        let column_name = column.name.to_string();
        if let Some(alias) = alias {
            let alias = alias.clone();
            *expr = Expr::CompoundIdentifier(vec![alias, Ident::with_quote('"', &*column_name)]);
        } else {
            *expr = syntax::row(&column_name);
            self.uses.columns.insert(column_name);
        }
        Ok(())
    }

    fn unknown_column(&self, name: &str, written: &str) -> Fault {
        let known = self.relation.columns.iter().map(|column| &*column.name);
        Fault {
            message: format!("`{}` has no column `{name}`", self.relation.qualified_name()),
            suggestion: closest(name, known).map(|near| format!("did you mean `{near}`?")),
            span: self.text.find(written).filter(|_| !written.is_empty()).map(|bytes| {
                let offset = self.text.get(..bytes).map_or(0, |before| before.chars().count());
                (offset, written.chars().count())
            }),
        }
    }

    fn hole(
        &mut self,
        expr: &Expr,
        compared_with: Option<TypeId>,
        list: bool,
    ) -> Result<Expr, Fault> {
        let source = hole_number(expr)
            .and_then(|number| self.sources.get(number.checked_sub(1)?).cloned())
            .ok_or_else(|| Fault::new("`$` is not used in policy SQL outside quotes"))?;
        let parameter = self.parameters.index(self.catalog, source, compared_with);
        let compared = compared_with.and_then(|id| syntax::comparison_type(self.catalog, id));
        let data_type = compared.unwrap_or_else(|| syntax::builtin("text"));
        Ok(match (list, data_type) {
            (_, DataType::Array(ArrayElemTypeDef::SquareBracket(element, _))) => {
                syntax::array_hole(parameter, *element)
            }
            (true, element) => syntax::array_hole(parameter, element),
            (false, data_type) => syntax::scalar_hole(parameter, data_type),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed is refused")]
    fn data_type(&self, data_type: &DataType) -> Result<DataType, Fault> {
        let name = match data_type {
            DataType::Text => "text",
            DataType::Uuid => "uuid",
            DataType::JSON => "json",
            DataType::JSONB => "jsonb",
            DataType::Date => "date",
            DataType::Bytea => "bytea",
            DataType::Int2(None) => "int2",
            DataType::Int4(None) => "int4",
            DataType::Int8(None) => "int8",
            DataType::Float4 => "float4",
            DataType::Float8 => "float8",
            DataType::Bool => "bool",
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => {
                return Ok(syntax::array_of(self.data_type(element)?));
            }
            // These words are grammar: PostgreSQL itself reads them as types of pg_catalog.
            DataType::Int(None)
            | DataType::Integer(None)
            | DataType::BigInt(None)
            | DataType::SmallInt(None)
            | DataType::Boolean
            | DataType::Real
            | DataType::DoublePrecision
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Varchar(_)
            | DataType::CharacterVarying(_)
            | DataType::Char(_)
            | DataType::Character(_)
            | DataType::Time(..)
            | DataType::Timestamp(..)
            | DataType::Interval { .. } => return Ok(data_type.clone()),
            DataType::Custom(name, modifiers) if modifiers.is_empty() => {
                return self.custom_type(name);
            }
            other => {
                return Err(Fault::new(format!("the type `{other}` is not used in policy SQL")));
            }
        };
        Ok(syntax::builtin(name))
    }

    fn custom_type(&self, name: &ObjectName) -> Result<DataType, Fault> {
        let parts = names_of(name);
        let found = match parts.as_slice() {
            [schema, name] => self.catalog.type_named(schema, name),
            [name] => self.catalog.type_named(PG_CATALOG, name),
            _ => None,
        };
        match found {
            Some(found) => Ok(syntax::type_name(&found.schema, &found.name)),
            None => Err(Fault::new(format!(
                "unknown type `{name}`; types outside pg_catalog are written schema.type"
            ))),
        }
    }

    fn function(&mut self, expr: &mut Expr) -> Result<(), Fault> {
        let Expr::Function(function) = expr else { return Ok(()) };
        let written = function.to_string();
        let unusual = function.uses_odbc_syntax
            || function.over.is_some()
            || function.null_treatment.is_some()
            || function.filter.is_some()
            || !function.within_group.is_empty();
        if unusual || !matches!(function.parameters, FunctionArguments::None) {
            return Err(Fault::new(format!("`{written}` is not supported in policy SQL")));
        }
        let parts = names_of(&function.name);
        let [.., last] = parts.as_slice() else {
            return Err(Fault::new(format!("`{written}` is not a function")));
        };
        // These are grammar, not functions, and take no schema.
        let grammar = [
            "coalesce",
            "nullif",
            "greatest",
            "least",
            "current_date",
            "current_time",
            "current_timestamp",
            "localtime",
            "localtimestamp",
        ];
        let is_array = last == "array" && matches!(function.args, FunctionArguments::Subquery(_));
        let is_grammar = parts.len() == 1 && (is_array || grammar.contains(&last.as_str()));
        if !is_grammar {
            let schema = match parts.as_slice() {
                [schema, _] => schema.as_str(),
                _ => PG_CATALOG,
            };
            let known = self.catalog.functions_named(last);
            if !known.iter().any(|function| &*function.schema == schema) {
                let elsewhere =
                    known.first().map(|f| format!("did you mean `{}.{last}`?", f.schema));
                return Err(Fault {
                    message: format!("unknown function `{}`", function.name),
                    suggestion: elsewhere,
                    span: None,
                });
            }
            function.name = syntax::qualified(schema, last);
        }
        match &mut function.args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => self.query(query)?,
            FunctionArguments::List(list) => {
                if !list.clauses.is_empty() {
                    return Err(Fault::new(format!("`{written}` is not supported in policy SQL")));
                }
                for argument in &mut list.args {
                    match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => {
                            self.expr(argument, None)?;
                        }
                        FunctionArg::Unnamed(FunctionArgExpr::Wildcard)
                            if last == "count" && !self.frames.is_empty() => {}
                        FunctionArg::Unnamed(_)
                        | FunctionArg::Named { .. }
                        | FunctionArg::ExprNamed { .. } => {
                            let message = format!("`{written}` is not supported in policy SQL");
                            return Err(Fault::new(message));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn query(&mut self, query: &mut Query) -> Result<(), Fault> {
        let simple = query.with.is_none()
            && query.order_by.is_none()
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && query.locks.is_empty()
            && query.for_clause.is_none()
            && query.settings.is_none()
            && query.format_clause.is_none()
            && query.pipe_operators.is_empty();
        if !simple {
            return Err(Fault::new(
                "a sub-select of a policy is SELECT … FROM … WHERE, without WITH, ORDER BY or LIMIT",
            ));
        }
        self.set_expr(&mut query.body)
    }

    fn set_expr(&mut self, body: &mut SetExpr) -> Result<(), Fault> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                self.set_expr(left)?;
                self.set_expr(right)
            }
            SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => Err(Fault::new("a sub-select of a policy is a plain SELECT")),
        }
    }

    fn select(&mut self, select: &mut Select) -> Result<(), Fault> {
        let plain = select.into.is_none()
            && select.top.is_none()
            && select.lateral_views.is_empty()
            && select.prewhere.is_none()
            && select.connect_by.is_empty()
            && select.named_window.is_empty()
            && select.qualify.is_none()
            && select.exclude.is_none();
        if !plain {
            return Err(Fault::new("a sub-select of a policy is SELECT … FROM … WHERE"));
        }
        let mut frame = Vec::new();
        for table in &mut select.from {
            self.table(&mut table.relation, &mut frame)?;
            for join in &mut table.joins {
                self.table(&mut join.relation, &mut frame)?;
            }
        }
        self.frames.push(frame);
        let result = self.select_clauses(select);
        self.frames.pop();
        result
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed is refused")]
    fn select_clauses(&mut self, select: &mut Select) -> Result<(), Fault> {
        for table in &mut select.from {
            for join in &mut table.joins {
                match &mut join.join_operator {
                    JoinOperator::Join(JoinConstraint::On(on))
                    | JoinOperator::Inner(JoinConstraint::On(on))
                    | JoinOperator::Left(JoinConstraint::On(on))
                    | JoinOperator::LeftOuter(JoinConstraint::On(on)) => self.expr(on, None)?,
                    JoinOperator::CrossJoin(JoinConstraint::None) => {}
                    _ => {
                        return Err(Fault::new(
                            "a join in policy SQL is JOIN … ON or LEFT JOIN … ON",
                        ));
                    }
                }
            }
        }
        for item in &mut select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    self.expr(expr, None)?;
                }
                SelectItem::ExprWithAliases { .. }
                | SelectItem::QualifiedWildcard(..)
                | SelectItem::Wildcard(_) => {
                    return Err(Fault::new("name the column of the sub-select; `*` is not used"));
                }
            }
        }
        if let Some(selection) = &mut select.selection {
            self.expr(selection, None)?;
        }
        match &mut select.group_by {
            GroupByExpr::Expressions(expressions, modifiers) if modifiers.is_empty() => {
                for expression in expressions {
                    self.expr(expression, None)?;
                }
            }
            GroupByExpr::Expressions(..) | GroupByExpr::All(_) => {
                return Err(Fault::new("GROUP BY lists columns in policy SQL"));
            }
        }
        select.having.as_mut().map_or(Ok(()), |having| self.expr(having, None))
    }

    fn table(
        &mut self,
        factor: &mut TableFactor,
        frame: &mut Vec<Source<'a>>,
    ) -> Result<(), Fault> {
        let TableFactor::Table { name, alias, args: None, sample: None, json_path: None, .. } =
            factor
        else {
            return Err(Fault::new("FROM in policy SQL names tables only"));
        };
        let parts = names_of(name);
        let relation = match parts.as_slice() {
            [schema, table] => self.catalog.relation_named(schema, table),
            _ => None,
        };
        let Some(relation) = relation else {
            return Err(Fault {
                message: format!("unknown relation `{name}`"),
                suggestion: Some("write it as schema.table".to_owned()),
                span: None,
            });
        };
        let written = match alias {
            Some(alias) if alias.columns.is_empty() => name_of(&alias.name),
            Some(_) => return Err(Fault::new("column aliases are not used in policy SQL")),
            None => relation.name.to_string(),
        };
        self.n_aliases += 1;
        // Clients cannot write this alias, so it can never capture the protected row's columns.
        let output = Ident::with_quote('"', format!("\u{2}{}", self.n_aliases));
        *name = syntax::qualified(&relation.schema, &relation.name);
        *alias = Some(TableAlias {
            explicit: true,
            name: output.clone(),
            columns: Vec::new(),
            at: None,
        });
        self.uses.relations.insert(relation.id);
        frame.push(Source { written, alias: output, relation });
        Ok(())
    }
}

/// The qualifier and the name of `column` or `table.column`.
fn column_name(expr: &Expr) -> Option<(Option<String>, Ident)> {
    if let Expr::Identifier(name) = expr {
        return Some((None, name.clone()));
    }
    let Expr::CompoundIdentifier(parts) = expr else { return None };
    let [qualifier, name] = parts.as_slice() else { return None };
    Some((Some(name_of(qualifier)), name.clone()))
}

/// PostgreSQL folds unquoted names to lower case.
fn name_of(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn names_of(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(name_of).collect()
}

fn unwrapped(expr: &Expr) -> &Expr {
    let mut inner = expr;
    while let Expr::Nested(next) = inner {
        inner = next;
    }
    inner
}

fn is_hole(expr: &Expr) -> bool {
    hole_number(expr).is_some()
}

fn hole_number(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = unwrapped(expr) else { return None };
    let Value::Placeholder(text) = &value.value else { return None };
    text.strip_prefix('$')?.parse().ok()
}
