//! XML and SQL/JSON constructs of PostgreSQL's parse tree → rowgate's syntax. Pure.
//!
//! The grammar is that of the newest version. To an older server `JSON_VALUE(…)` and its like are
//! calls of functions, so each construct carries the version that it begins with.

use pg_raw_parse::list::NodeList;
use pg_raw_parse::raw::{JsonExprOp, XmlExprOp};
use pg_raw_parse::{Node, nodes};

use super::ast::{Aggregate, Expr, ExprKind, Special, TableExpr};
use super::lower::{Lower, Lowered, alias, at, type_ref, unsupported};

/// Every supported server has it.
const ALWAYS: u32 = 0;
const POSTGRESQL_16: u32 = 160_000;
const POSTGRESQL_17: u32 = 170_000;

fn plain(what: &'static str, since: u32, operands: Vec<Expr>) -> Special {
    Special { what, since, operands, queries: Vec::new(), target: None, aggregate: None }
}

impl Lower<'_> {
    /// XML and SQL/JSON; everything else is refused.
    pub(super) fn special(&self, node: Node<'_>) -> Lowered<Expr> {
        let (special, location) = match node {
            Node::XmlExpr(xml) => (self.xml(xml)?, xml.location),
            Node::XmlSerialize(xml) => (
                Special {
                    target: Some(type_ref(xml.type_name())?),
                    ..plain(
                        "XMLSERIALIZE",
                        ALWAYS,
                        self.optional(xml.expr())?.into_iter().collect(),
                    )
                },
                xml.location,
            ),
            Node::JsonIsPredicate(test) => {
                let operands = self.optional(test.expr())?.into_iter().collect();
                (plain("IS JSON", POSTGRESQL_16, operands), test.location)
            }
            Node::JsonObjectConstructor(object) => {
                let mut operands = Vec::new();
                for pair in object.exprs() {
                    self.key_value(pair, &mut operands)?;
                }
                (
                    self.returning_type(
                        plain("JSON_OBJECT", POSTGRESQL_16, operands),
                        object.output(),
                    )?,
                    object.location,
                )
            }
            Node::JsonArrayConstructor(array) => {
                let mut operands = Vec::new();
                for value in array.exprs() {
                    self.json_value(Some(value), &mut operands)?;
                }
                (
                    self.returning_type(
                        plain("JSON_ARRAY", POSTGRESQL_16, operands),
                        array.output(),
                    )?,
                    array.location,
                )
            }
            Node::JsonArrayQueryConstructor(array) => {
                let Node::SelectStmt(select) = array.query() else {
                    return unsupported("this JSON_ARRAY");
                };
                let special = Special {
                    queries: vec![self.query(select)?],
                    ..plain("JSON_ARRAY", POSTGRESQL_16, Vec::new())
                };
                (self.returning_type(special, array.output())?, array.location)
            }
            Node::JsonObjectAgg(aggregate) => {
                let mut operands = Vec::new();
                if let Some(pair) = aggregate.arg() {
                    self.key_value(pair, &mut operands)?;
                }
                self.json_aggregate("JSON_OBJECTAGG", operands, aggregate.constructor())?
            }
            Node::JsonArrayAgg(aggregate) => {
                let mut operands = Vec::new();
                self.json_value(aggregate.arg(), &mut operands)?;
                self.json_aggregate("JSON_ARRAYAGG", operands, aggregate.constructor())?
            }
            Node::JsonParseExpr(parse) => {
                let mut operands = Vec::new();
                self.json_value(parse.expr(), &mut operands)?;
                (
                    self.returning_type(plain("JSON", POSTGRESQL_17, operands), parse.output())?,
                    parse.location,
                )
            }
            Node::JsonScalarExpr(scalar) => {
                let operands = self.optional(scalar.expr())?.into_iter().collect();
                (
                    self.returning_type(
                        plain("JSON_SCALAR", POSTGRESQL_17, operands),
                        scalar.output(),
                    )?,
                    scalar.location,
                )
            }
            Node::JsonSerializeExpr(serialize) => {
                let mut operands = Vec::new();
                self.json_value(serialize.expr(), &mut operands)?;
                (
                    self.returning_type(
                        plain("JSON_SERIALIZE", POSTGRESQL_17, operands),
                        serialize.output(),
                    )?,
                    serialize.location,
                )
            }
            Node::JsonFuncExpr(function) => self.json_function(function)?,
            Node::MergeSupportFunc(function) => {
                (plain("MERGE_ACTION", POSTGRESQL_17, Vec::new()), function.location)
            }
            _ => return unsupported("this expression"),
        };
        Ok(Expr { kind: ExprKind::Special(Box::new(special)), location: at(location) })
    }

    fn xml(&self, xml: &nodes::XmlExpr) -> Lowered<Special> {
        let mut operands = Vec::new();
        for argument in xml.named_args() {
            match argument {
                Node::ResTarget(target) => operands.push(self.expr(target.val())?),
                node => operands.push(self.expr(node)?),
            }
        }
        operands.extend(self.expressions(xml.args())?);
        let what = match xml.op {
            XmlExprOp::IS_XMLCONCAT => "XMLCONCAT",
            XmlExprOp::IS_XMLELEMENT => "XMLELEMENT",
            XmlExprOp::IS_XMLFOREST => "XMLFOREST",
            XmlExprOp::IS_XMLPARSE => "XMLPARSE",
            XmlExprOp::IS_XMLPI => "XMLPI",
            XmlExprOp::IS_XMLROOT => "XMLROOT",
            XmlExprOp::IS_XMLSERIALIZE => "XMLSERIALIZE",
            XmlExprOp::IS_DOCUMENT => "IS DOCUMENT",
            _ => return unsupported("this XML expression"),
        };
        Ok(plain(what, ALWAYS, operands))
    }

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    fn returning_type(
        &self,
        special: Special,
        output: Option<&nodes::JsonOutput>,
    ) -> Lowered<Special> {
        let target = match output.map(nodes::JsonOutput::type_name) {
            Some(Some(name)) => Some(type_ref(Some(name))?),
            Some(None) | None => None,
        };
        Ok(Special { target, ..special })
    }

    fn key_value(&self, pair: &nodes::JsonKeyValue, operands: &mut Vec<Expr>) -> Lowered<()> {
        operands.push(self.expr(pair.key())?);
        self.json_value(pair.value(), operands)
    }

    fn json_value(
        &self,
        value: Option<&nodes::JsonValueExpr>,
        operands: &mut Vec<Expr>,
    ) -> Lowered<()> {
        let Some(value) = value else { return unsupported("this SQL/JSON expression") };
        operands.push(self.expr(value.raw_expr())?);
        operands.extend(self.optional(value.formatted_expr())?);
        Ok(())
    }

    fn passing(&self, passing: &NodeList, operands: &mut Vec<Expr>) -> Lowered<()> {
        for argument in passing {
            match argument {
                Node::JsonArgument(argument) => self.json_value(argument.val(), operands)?,
                _ => return unsupported("this PASSING clause"),
            }
        }
        Ok(())
    }

    fn behaviour(
        &self,
        behaviour: Option<&nodes::JsonBehavior>,
        operands: &mut Vec<Expr>,
    ) -> Lowered<()> {
        if let Some(behaviour) = behaviour {
            operands.extend(self.optional(behaviour.expr())?);
        }
        Ok(())
    }

    fn json_aggregate(
        &self,
        what: &'static str,
        operands: Vec<Expr>,
        constructor: Option<&nodes::JsonAggConstructor>,
    ) -> Lowered<(Special, i32)> {
        let Some(constructor) = constructor else { return unsupported("this aggregate") };
        let mut keys = Vec::new();
        for key in constructor.agg_order() {
            match key {
                Node::SortBy(key) => keys.push(key),
                _ => return unsupported("this ORDER BY"),
            }
        }
        let aggregate = Aggregate {
            order_by: self.sort_keys(keys.into_iter())?,
            filter: self.optional(constructor.agg_filter())?,
            over: constructor.over().map(|window| self.window(window)).transpose()?,
        };
        let special =
            Special { aggregate: Some(aggregate), ..plain(what, POSTGRESQL_16, operands) };
        Ok((self.returning_type(special, constructor.output())?, constructor.location))
    }

    fn json_function(&self, function: &nodes::JsonFuncExpr) -> Lowered<(Special, i32)> {
        let what = match function.op {
            JsonExprOp::JSON_EXISTS_OP => "JSON_EXISTS",
            JsonExprOp::JSON_QUERY_OP => "JSON_QUERY",
            JsonExprOp::JSON_VALUE_OP => "JSON_VALUE",
            _ => return unsupported("this SQL/JSON function"),
        };
        let mut operands = Vec::new();
        self.json_value(function.context_item(), &mut operands)?;
        operands.extend(self.optional(function.pathspec())?);
        self.passing(function.passing(), &mut operands)?;
        self.behaviour(function.on_empty(), &mut operands)?;
        self.behaviour(function.on_error(), &mut operands)?;
        let special =
            self.returning_type(plain(what, POSTGRESQL_17, operands), function.output())?;
        Ok((special, function.location))
    }

    pub(super) fn xml_table(&self, xml: &nodes::RangeTableFunc) -> Lowered<TableExpr> {
        let mut arguments = Vec::new();
        arguments.extend(self.optional(xml.docexpr())?);
        arguments.extend(self.optional(xml.rowexpr())?);
        for namespace in xml.namespaces() {
            match namespace {
                Node::ResTarget(target) => arguments.push(self.expr(target.val())?),
                _ => return unsupported("this XMLTABLE namespace"),
            }
        }
        let mut columns = Vec::new();
        for column in xml.columns() {
            columns.push(column.colname().unwrap_or_default().to_owned());
            arguments.extend(self.optional(column.colexpr())?);
            arguments.extend(self.optional(column.coldefexpr())?);
        }
        Ok(TableExpr::TableFunction {
            since: ALWAYS,
            arguments,
            columns,
            alias: alias(xml.alias())?,
        })
    }

    pub(super) fn json_table(&self, table: &nodes::JsonTable) -> Lowered<TableExpr> {
        let mut arguments = Vec::new();
        self.json_value(table.context_item(), &mut arguments)?;
        if let Some(path) = table.pathspec() {
            arguments.extend(self.optional(path.string())?);
        }
        self.passing(table.passing(), &mut arguments)?;
        self.behaviour(table.on_error(), &mut arguments)?;
        let mut columns = Vec::new();
        self.json_columns(table.columns().iter().collect(), &mut columns, &mut arguments)?;
        Ok(TableExpr::TableFunction {
            since: POSTGRESQL_17,
            arguments,
            columns,
            alias: alias(table.alias())?,
        })
    }

    /// The columns of one level, then those of NESTED PATH, as PostgreSQL numbers them.
    fn json_columns(
        &self,
        listed: Vec<&nodes::JsonTableColumn>,
        names: &mut Vec<String>,
        arguments: &mut Vec<Expr>,
    ) -> Lowered<()> {
        let inner = self.deeper()?;
        let mut nested = Vec::new();
        for column in listed {
            if let Some(path) = column.pathspec() {
                arguments.extend(inner.optional(path.string())?);
            }
            inner.behaviour(column.on_empty(), arguments)?;
            inner.behaviour(column.on_error(), arguments)?;
            if column.columns().is_empty() {
                names.push(column.name().unwrap_or_default().to_owned());
            } else {
                nested.push(column);
            }
        }
        for column in nested {
            let mut columns = Vec::new();
            for node in column.columns() {
                match node {
                    Node::JsonTableColumn(column) => columns.push(column),
                    _ => return unsupported("this JSON_TABLE column"),
                }
            }
            stacker::maybe_grow(super::lower::RED_ZONE, super::lower::SEGMENT, || {
                inner.json_columns(columns, names, arguments)
            })?;
        }
        Ok(())
    }
}
