//! Scopes of PostgreSQL's own relations: what drivers and tools read of the catalogue, without
//! hidden relations and columns, values, sizes, source texts and other people. A relation that is
//! not listed is denied. Pure.
//!
//! A catalogue table is a relation like any other: it gets a row filter and masks. Views of the
//! catalogue are expanded, so that they show what the tables below them show.

mod relations;

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use crate::catalog::{
    Catalog, FIRST_USER_OID, INFORMATION_SCHEMA, PG_CATALOG, Relation, RelationKind,
};
use crate::ids::RelationId;
use crate::planner::shown_settings;
use crate::policy::scope::{
    ColumnMask, MaskMatch, PolicyLine, RoleSet, RowExpr, RowFilter, Scope, Verb,
};
use crate::policy::set::PolicySet;
use crate::policy::syntax;
use crate::policy::visible::Visible;
use relations::{COLUMNS, Column, EMPTY_INFORMATION, EXPANDED, RELATIONS, Rows};

/// Whether a view of the catalogue is read through its definition.
pub(crate) fn is_expanded(relation: &Relation) -> bool {
    let name: &str = &relation.name;
    relation.kind == RelationKind::View
        && match &*relation.schema {
            INFORMATION_SCHEMA => !EMPTY_INFORMATION.contains(&name),
            PG_CATALOG => EXPANDED.contains(&name),
            _ => false,
        }
}

/// The relation of `pg_catalog` that is read instead of this one, with the same columns:
/// PostgreSQL's own views read `pg_authid` with the rights of their owner, the gateway has not got
/// them.
pub(crate) fn stands_for(relation: &Relation) -> Option<&'static str> {
    (&*relation.schema == PG_CATALOG && &*relation.name == "pg_authid").then_some("pg_roles")
}

/// The scope of a system relation; `None` is denied.
pub(super) fn scope(
    policy: &PolicySet,
    catalog: &Catalog,
    roles: &RoleSet,
    relation: &Relation,
    verb: Verb,
) -> Option<Scope> {
    if verb != Verb::Read {
        return None;
    }
    let name: &str = &relation.name;
    let rows = if &*relation.schema == INFORMATION_SCHEMA {
        if relation.kind == RelationKind::Table { Rows::All } else { Rows::None }
    } else {
        RELATIONS.iter().find(|(listed, _)| *listed == name).map(|(_, rows)| *rows)?
    };
    let builder = Builder { catalog, relation, visible: policy.visible(catalog, roles) };
    let line = PolicyLine { file: Arc::from("(built in)"), line: 0, name: Arc::from("catalog") };
    Some(Scope {
        filter: builder.filter(rows),
        masks: builder.masks(),
        ..Scope::unrestricted(vec![line])
    })
}

struct Builder<'a> {
    catalog: &'a Catalog,
    relation: &'a Relation,
    visible: Arc<Visible>,
}

impl Builder<'_> {
    fn filter(&self, rows: Rows) -> RowFilter {
        let conditions = match rows {
            Rows::All => return RowFilter::All,
            Rows::None => return RowFilter::Nothing,
            Rows::Shown(oids) => self.shown(oids),
            Rows::ShownColumns(oids, pairs) => {
                let mut conditions = self.shown(oids);
                conditions.extend(self.not_denied(pairs));
                conditions
            }
            Rows::ShownWhere(oids, column) => {
                let mut conditions = self.shown(oids);
                conditions.push(syntax::row(column));
                conditions
            }
            Rows::OwnRoles(oids) => {
                oids.iter().map(|oid| self.own_role(syntax::row(oid))).collect()
            }
            Rows::BuiltIn(oid) => vec![built_in(oid)],
            Rows::OwnDatabase(column) => {
                vec![syntax::equal(
                    syntax::row(column),
                    syntax::call("current_database", Vec::new()),
                )]
            }
            Rows::OwnDatabaseComment => self.own_database_comment(),
            Rows::ShownSettings => vec![shown_setting("name")],
            Rows::OwnCursors => vec![negated(syntax::call(
                "starts_with",
                vec![syntax::cast(syntax::row("name"), syntax::builtin("text")), text("rowgate_")],
            ))],
        };
        match syntax::all_of(conditions) {
            Some(condition) => RowFilter::Where(RowExpr(Box::new(condition))),
            None => RowFilter::All,
        }
    }

    /// `NOT oid <@ '{[…]}'` for each: a multirange is searched by halves, and is short where what
    /// is hidden was made together.
    fn shown(&self, oids: &[&str]) -> Vec<Expr> {
        let hidden = self.visible.multirange();
        oids.iter()
            .map(|oid| {
                let oid = syntax::cast(syntax::row(oid), syntax::builtin("int8"));
                let hidden = syntax::cast(text(&hidden), syntax::builtin("int8multirange"));
                negated(syntax::nested(syntax::binary(oid, BinaryOperator::ArrowAt, hidden)))
            })
            .collect()
    }

    /// `NOT relation * 65536 + number = ANY ('{…}')` for each pair.
    fn not_denied(&self, pairs: &[(&str, &str)]) -> Vec<Expr> {
        let keys: Vec<String> = self
            .visible
            .denied_columns()
            .flat_map(|(relation, columns)| {
                columns.iter().map(move |column| {
                    (i64::from(relation.0) * COLUMNS_PER_RELATION + i64::from(column.0)).to_string()
                })
            })
            .collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let keys = format!("{{{}}}", keys.join(","));
        pairs
            .iter()
            .map(|(relation, number)| {
                let relation = syntax::cast(syntax::row(relation), syntax::builtin("int8"));
                let number = syntax::cast(syntax::row(number), syntax::builtin("int8"));
                let scaled = syntax::binary(
                    relation,
                    BinaryOperator::Multiply,
                    syntax::number(COLUMNS_PER_RELATION),
                );
                let key = syntax::nested(syntax::binary(scaled, BinaryOperator::Plus, number));
                let denied = syntax::cast(text(&keys), syntax::array_of(syntax::builtin("int8")));
                negated(syntax::nested(syntax::any(key, denied)))
            })
            .collect()
    }

    fn own_role(&self, oid: Expr) -> Expr {
        let own = i64::from(self.catalog.objects().backend_role.0);
        let built_in = syntax::binary(oid.clone(), BinaryOperator::Lt, first_user_oid());
        syntax::nested(syntax::binary(
            syntax::nested(built_in),
            BinaryOperator::Or,
            syntax::nested(syntax::equal(oid, oid_of(own))),
        ))
    }

    fn own_database_comment(&self) -> Vec<Expr> {
        let relation = |name: &str| {
            self.catalog.relation_named(PG_CATALOG, name).map_or(RelationId(0), |found| found.id)
        };
        let databases = relation("pg_database");
        let own = self.catalog.relation(databases).map(|databases| {
            let alias = sqlparser::ast::Ident::with_quote('"', "rowgate_database");
            let column = |name: &str| {
                Expr::CompoundIdentifier(vec![
                    alias.clone(),
                    sqlparser::ast::Ident::with_quote('"', name),
                ])
            };
            let condition =
                syntax::equal(column("datname"), syntax::call("current_database", Vec::new()));
            syntax::array_select(column("oid"), databases, alias.clone(), Some(condition))
        });
        let Some(own) = own else { return vec![Expr::Value(false_value())] };
        vec![
            syntax::equal(syntax::row("classoid"), oid_of(i64::from(databases.0))),
            syntax::any(syntax::row("objoid"), own),
        ]
    }

    fn masks(&self) -> BTreeMap<crate::ids::ColumnNumber, ColumnMask> {
        let mut masks = BTreeMap::new();
        if &*self.relation.schema != PG_CATALOG {
            return masks;
        }
        for (_, name, shown) in COLUMNS.iter().filter(|(owner, ..)| *owner == &*self.relation.name)
        {
            let Some(column) = self.relation.column(name) else { continue };
            let Some(expression) = self.shown_instead(column, *shown) else { continue };
            let expression = RowExpr(Box::new(expression));
            let kind = Arc::from("catalog");
            masks.insert(
                column.number,
                ColumnMask { kind, expression, matching: MaskMatch::Masked },
            );
        }
        masks
    }

    /// `None` when the value itself is shown.
    fn shown_instead(&self, column: &crate::catalog::Column, shown: Column) -> Option<Expr> {
        let typed = |value: Expr| match self.catalog.sql_type(column.type_id) {
            Some(found) => syntax::cast(value, syntax::type_name(&found.schema, &found.name)),
            None => value,
        };
        let value = syntax::row(&column.name);
        Some(match shown {
            Column::Null => only_when(Expr::Value(false_value()), value),
            Column::NullUnlessBuiltIn(oid) => only_when(built_in(oid), value),
            Column::Number(number) => typed(syntax::number(number)),
            Column::Boolean(shown) => Expr::Value(sqlparser::ast::Value::Boolean(shown).into()),
            Column::Owner => {
                let own = oid_of(i64::from(self.catalog.objects().backend_role.0));
                let built_in = syntax::binary(value.clone(), BinaryOperator::Lt, first_user_oid());
                syntax::case(vec![(built_in, value)], own)
            }
            Column::Width => {
                let counts: Vec<(Expr, Expr)> = self
                    .visible
                    .denied_columns()
                    .filter_map(|(id, denied)| {
                        let highest = self.catalog.relation(id)?.columns.iter().rev();
                        let shown = highest.map(|c| c.number).find(|c| !denied.contains(c))?;
                        let is_this = syntax::equal(syntax::row("oid"), oid_of(i64::from(id.0)));
                        Some((is_this, typed(syntax::number(i64::from(shown.0)))))
                    })
                    .collect();
                if counts.is_empty() {
                    return None;
                }
                syntax::case(counts, value)
            }
        })
    }
}

/// More than a relation can have columns (1,600).
const COLUMNS_PER_RELATION: i64 = 65_536;

fn built_in(oid: &str) -> Expr {
    syntax::binary(syntax::row(oid), BinaryOperator::Lt, first_user_oid())
}

fn first_user_oid() -> Expr {
    oid_of(i64::from(FIRST_USER_OID))
}

fn oid_of(oid: i64) -> Expr {
    syntax::cast(syntax::number(oid), syntax::builtin("oid"))
}

fn text(value: &str) -> Expr {
    syntax::text(value)
}

fn false_value() -> sqlparser::ast::ValueWithSpan {
    sqlparser::ast::Value::Boolean(false).into()
}

fn negated(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }
}

/// `CASE WHEN condition THEN value END`: NULL otherwise, of the value's own type, which may be one
/// that cannot be cast to.
fn only_when(condition: Expr, value: Expr) -> Expr {
    let mut only = syntax::case(vec![(condition, value)], syntax::null());
    if let Expr::Case { else_result, .. } = &mut only {
        *else_result = None;
    }
    only
}

fn shown_setting(column: &str) -> Expr {
    let names = format!("{{{}}}", shown_settings().join(","));
    let names = syntax::cast(text(&names), syntax::array_of(syntax::builtin("text")));
    syntax::any(syntax::call("lower", vec![syntax::row(column)]), names)
}
