//! CREATE TABLE, DROP TABLE, TRUNCATE and CREATE INDEX in the plain forms that a session may use on
//! its own temporary tables. Pure. Every other form is named and refused by its kind.

use pg_raw_parse::raw::{ConstrType, ObjectType};
use pg_raw_parse::{Node, nodes};

use super::ast::{ColumnType, CreatedFrom, Definition, DroppedName, StatementKind};
use super::lower::{Lower, Lowered, type_ref};

/// `pg_class.relpersistence` of a temporary relation.
const TEMPORARY: u8 = b't';

impl Lower<'_> {
    /// SELECT … INTO TEMPORARY; `None` for every other query.
    pub(super) fn select_into(&self, select: &nodes::SelectStmt) -> Lowered<Option<StatementKind>> {
        let Some(rel) = select.into_clause().and_then(plain_into) else { return Ok(None) };
        let mut query = self.query(select)?;
        query.into = false;
        Ok(Some(StatementKind::Definition(Box::new(Definition::Create {
            name: self.relation(rel)?,
            from: CreatedFrom::Query(Box::new(query)),
        }))))
    }

    /// `None` for every other statement, and for what has more to it than a plain form.
    pub(super) fn definition(&self, node: Node<'_>) -> Lowered<Option<Definition>> {
        match node {
            Node::CreateTableAsStmt(create) if create.objtype == ObjectType::OBJECT_TABLE => {
                let Some(rel) = create.into().and_then(plain_into) else { return Ok(None) };
                let from = match create.query() {
                    Node::SelectStmt(select) => CreatedFrom::Query(Box::new(self.query(select)?)),
                    Node::ExecuteStmt(execute) => CreatedFrom::Execute {
                        name: execute.name().unwrap_or_default().to_owned(),
                        arguments: self.expressions(execute.params())?,
                    },
                    _ => return Ok(None),
                };
                Ok(Some(Definition::Create { name: self.relation(rel)?, from }))
            }
            Node::CreateStmt(create) => self.created(create),
            Node::DropStmt(drop) if drop.remove_type == ObjectType::OBJECT_TABLE => {
                let mut names = Vec::new();
                for object in drop.objects() {
                    let Some(parts) = object.as_node_list() else { return Ok(None) };
                    let parts: Vec<&str> = parts.iter().filter_map(Node::as_str).collect();
                    names.push(match parts.as_slice() {
                        [name] => DroppedName { schema: None, name: (*name).to_owned() },
                        [schema, name] => DroppedName {
                            schema: Some((*schema).to_owned()),
                            name: (*name).to_owned(),
                        },
                        _ => return Ok(None),
                    });
                }
                Ok(Some(Definition::Drop { names, if_exists: drop.missing_ok }))
            }
            Node::TruncateStmt(truncate) => {
                let mut relations = Vec::new();
                for relation in truncate.relations() {
                    match relation {
                        Node::RangeVar(range) => relations.push(self.relation(range)?),
                        _ => return Ok(None),
                    }
                }
                Ok(Some(Definition::Truncate(relations)))
            }
            Node::IndexStmt(index) => {
                let plain = index.index_params().iter().all(|column| {
                    column.name().is_some()
                        && matches!(column.expr(), Node::None)
                        && column.opclass().is_empty()
                        && column.collation().is_empty()
                });
                match index.relation() {
                    Some(relation)
                        if plain
                            && index.index_including_params().is_empty()
                            && index.options().is_empty()
                            && index.table_space().is_none()
                            && matches!(index.where_clause(), Node::None)
                            && !index.concurrent =>
                    {
                        Ok(Some(Definition::Index(self.relation(relation)?)))
                    }
                    Some(_) | None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    fn created(&self, create: &nodes::CreateStmt) -> Lowered<Option<Definition>> {
        let Some(relation) = create.relation().filter(|relation| is_temporary(relation)) else {
            return Ok(None);
        };
        let plain = create.inh_relations().is_empty()
            && create.partbound().is_none()
            && create.partspec().is_none()
            && create.of_typename().is_none()
            && create.options().is_empty()
            && create.tablespacename().is_none()
            && create.access_method().is_none();
        if !plain {
            return Ok(None);
        }
        let mut columns = Vec::new();
        for element in create.table_elts() {
            match element {
                Node::ColumnDef(column) => match self.created_column(column)? {
                    Some(column) => columns.push(column),
                    None => return Ok(None),
                },
                Node::Constraint(constraint) if is_key(constraint) => {}
                _ => return Ok(None),
            }
        }
        let from = CreatedFrom::Columns(columns);
        Ok(Some(Definition::Create { name: self.relation(relation)?, from }))
    }

    fn created_column(&self, column: &nodes::ColumnDef) -> Lowered<Option<ColumnType>> {
        if column.coll_clause().is_some() || !column.fdwoptions().is_empty() {
            return Ok(None);
        }
        let mut default = None;
        for constraint in column.constraints() {
            let Node::Constraint(constraint) = constraint else { return Ok(None) };
            match constraint.contype {
                ConstrType::CONSTR_NULL | ConstrType::CONSTR_NOTNULL => {}
                ConstrType::CONSTR_DEFAULT => default = Some(self.expr(constraint.raw_expr())?),
                _ if is_key(constraint) => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(ColumnType { target: type_ref(column.type_name())?, default }))
    }
}

fn is_temporary(relation: &nodes::RangeVar) -> bool {
    u8::try_from(relation.relpersistence) == Ok(TEMPORARY)
        || relation.schemaname() == Some("pg_temp")
}

/// The new temporary relation of SELECT INTO and CREATE TABLE AS, without storage options.
fn plain_into(into: &nodes::IntoClause) -> Option<&nodes::RangeVar> {
    into.rel().filter(|relation| {
        is_temporary(relation)
            && into.options().is_empty()
            && into.access_method().is_none()
            && into.table_space_name().is_none()
    })
}

fn is_key(constraint: &nodes::Constraint) -> bool {
    matches!(constraint.contype, ConstrType::CONSTR_PRIMARY | ConstrType::CONSTR_UNIQUE)
        && constraint.options().is_empty()
        && constraint.indexspace().is_none()
}
