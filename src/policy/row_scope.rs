//! One scope of a grant → a predicate over the row, by the table's description. Pure.

use sqlparser::ast::{BinaryOperator, Expr, Ident};

use crate::catalog::{Catalog, Column, Relation};
use crate::ids::TypeId;
use crate::policy::expression::Parameters;
use crate::policy::identity::IdentitySource;
use crate::policy::model::{GroupLink, LinkTable, OwnerLink, ShareLink, TableModel, Word};
use crate::policy::scope::Verb;
use crate::policy::syntax;

/// What a compiled scope is.
#[derive(Debug)]
pub(super) enum RowScope {
    All,
    Nothing,
    Where(Box<Expr>),
    Parent,
}

/// Why a scope does not work on a table: at the scope's own place, or at a word of the description.
#[derive(Debug)]
pub(super) enum Fault {
    Scope(String),
    Description(Word, String),
}

/// The levels of a share that allow a verb, in a text column. An integer column counts
/// 1 read, 2 write, 3 full.
fn levels(verb: Verb) -> (&'static [&'static str], i64) {
    match verb {
        Verb::Read | Verb::Export => (&["read", "write", "edit", "full"], 1),
        Verb::Create | Verb::Update => (&["write", "edit", "full"], 2),
        Verb::Delete | Verb::Assign | Verb::Manage => (&["full"], 3),
    }
}

/// Everything a scope is made from.
pub(super) struct Maker<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) relation: &'a Relation,
    pub(super) table: Option<&'a TableModel>,
    pub(super) parameters: &'a mut Parameters,
}

impl Maker<'_> {
    pub(super) fn make(&mut self, scope: &str, verb: Verb) -> Result<RowScope, Fault> {
        let expr = match scope {
            "none" => return Ok(RowScope::Nothing),
            "all" => return Ok(RowScope::All),
            "parent" => {
                self.described("parent", |table| table.parent.is_some())?;
                return Ok(RowScope::Parent);
            }
            "self" => self.owned_by(IdentitySource::UserId)?,
            "direct_reports" => self.owned_by(IdentitySource::DirectReports)?,
            "subordinates" => self.owned_by(IdentitySource::Subordinates)?,
            "department" => {
                self.department(IdentitySource::Departments, IdentitySource::DepartmentMembers)?
            }
            "department_and_below" => self.department(
                IdentitySource::DepartmentsBelow,
                IdentitySource::DepartmentBelowMembers,
            )?,
            "headed_departments" => self.department(
                IdentitySource::HeadedDepartments,
                IdentitySource::HeadedDepartmentMembers,
            )?,
            "team" => self.team()?,
            "shared" => self.shared(verb)?,
            other => return Err(Fault::Scope(format!("unknown scope `{other}`"))),
        };
        Ok(RowScope::Where(Box::new(expr)))
    }

    fn missing(&self, what: &str) -> Fault {
        Fault::Scope(format!(
            "this scope needs `{what}` in the description of `{}` under `tables`",
            self.relation.qualified_name()
        ))
    }

    fn described(&self, what: &str, has: impl Fn(&TableModel) -> bool) -> Result<(), Fault> {
        if self.table.is_some_and(has) { Ok(()) } else { Err(self.missing(what)) }
    }

    fn owned_by(&mut self, source: IdentitySource) -> Result<Expr, Fault> {
        let link = self.table.and_then(|table| table.owner.clone());
        match link {
            Some(OwnerLink::Column(column)) => self.column_among(&column, source),
            Some(OwnerLink::Table(link)) => self.linked(&link, source),
            None => Err(self.missing("owner")),
        }
    }

    fn department(&mut self, own: IdentitySource, members: IdentitySource) -> Result<Expr, Fault> {
        let link = self.table.and_then(|table| table.department.clone());
        match link {
            Some(GroupLink::Column(column)) => self.column_among(&column, own),
            Some(GroupLink::ViaOwner) => self.owned_by(members),
            Some(GroupLink::Table(_)) | None => Err(self.missing("department")),
        }
    }

    fn team(&mut self) -> Result<Expr, Fault> {
        let link = self.table.and_then(|table| table.team.clone());
        match link {
            Some(GroupLink::Column(column)) => self.column_among(&column, IdentitySource::Teams),
            Some(GroupLink::ViaOwner) => self.owned_by(IdentitySource::TeamMates),
            // The superior of a record's team member sees the record, as the member does.
            Some(GroupLink::Table(link)) => self.linked(&link, IdentitySource::Subordinates),
            None => Err(self.missing("team")),
        }
    }

    fn column_among(&mut self, word: &Word, source: IdentitySource) -> Result<Expr, Fault> {
        let relation = self.relation;
        let column = column(relation, word)?;
        self.among(syntax::row(&column.name), column, source)
    }

    /// `left = ANY(identity)` or `left = identity`, in the column's own type.
    fn among(
        &mut self,
        left: Expr,
        column: &Column,
        source: IdentitySource,
    ) -> Result<Expr, Fault> {
        let single = source == IdentitySource::UserId;
        let index = self.parameters.index(self.catalog, source, Some(column.type_id));
        let data_type = syntax::comparison_type(self.catalog, column.type_id)
            .ok_or_else(|| Fault::Scope(format!("the type of `{}` is unknown", column.name)))?;
        Ok(if single {
            syntax::equal(left, syntax::scalar_hole(index, data_type))
        } else {
            syntax::among(left, index, data_type)
        })
    }

    /// `key = ANY(ARRAY(SELECT record FROM link WHERE user = …))`
    fn linked(&mut self, link: &LinkTable, source: IdentitySource) -> Result<Expr, Fault> {
        let relation = relation(self.catalog, &link.table)?;
        let user = column(relation, &link.user)?;
        let record = column(relation, &link.record)?;
        let condition = self.among(linked_column(&user.name), user, source)?;
        let key = self.key()?;
        self.comparable(&key, record, &link.record)?;
        Ok(in_select(&key, relation, &record.name, condition))
    }

    /// The key and the column that holds it have one type, so the server's `=` cannot fail.
    fn comparable(&self, key: &str, holder: &Column, word: &Word) -> Result<(), Fault> {
        let key = self.relation.column(key).map(|column| column.type_id);
        if key.is_some_and(|key| same_kind(self.catalog, key, holder.type_id)) {
            return Ok(());
        }
        let message = format!(
            "`{}` has another type than the key of `{}`",
            word.text,
            self.relation.qualified_name()
        );
        Err(Fault::Description(word.clone(), message))
    }

    fn key(&self) -> Result<String, Fault> {
        key_of(self.catalog, self.relation, self.table)
    }

    fn shared(&mut self, verb: Verb) -> Result<Expr, Fault> {
        let Some(link) = self.table.and_then(|table| table.share.clone()) else {
            return Err(self.missing("share"));
        };
        let ShareLink { table, record, object, object_column, principal, level, expires } = link;
        let relation = relation(self.catalog, &table)?;
        let record_word = record;
        let record = column(relation, &record_word)?;
        let principal = column(relation, &principal)?;
        let mut conditions = Vec::new();
        if let Some(object) = object {
            let found = match &object_column {
                Some(word) => column(relation, word)?,
                None => relation.column("object").ok_or_else(|| {
                    let message = format!("`{}` has no column `object`", relation.qualified_name());
                    Fault::Description(table.clone(), message)
                })?,
            };
            if !syntax::is_plain(&object.text) {
                let message = "`object` must not hold backslashes or doubled quotes";
                return Err(Fault::Description(object, message.to_owned()));
            }
            let name = linked_column(&found.name);
            conditions.push(syntax::equal(name, syntax::text(&object.text)));
        }
        conditions.push(self.among(
            linked_column(&principal.name),
            principal,
            IdentitySource::Principals,
        )?);
        if let Some(level) = level {
            conditions.push(self.level(column(relation, &level)?, verb));
        }
        if let Some(expires) = expires {
            let name = linked_column(&column(relation, &expires)?.name);
            let later =
                syntax::binary(name.clone(), BinaryOperator::Gt, syntax::call("now", Vec::new()));
            conditions.extend(syntax::one_of(vec![syntax::is_null(name), later]));
        }
        let condition = syntax::all_of(conditions).unwrap_or_else(|| syntax::number(1));
        let key = self.key()?;
        self.comparable(&key, record, &record_word)?;
        Ok(in_select(&key, relation, &record.name, condition))
    }

    fn level(&self, column: &Column, verb: Verb) -> Expr {
        let (words, number) = levels(verb);
        let name = linked_column(&column.name);
        let category =
            self.catalog.sql_type(self.catalog.base_type(column.type_id)).map(|t| t.category);
        if category == Some('N') {
            return syntax::binary(name, BinaryOperator::GtEq, syntax::number(number));
        }
        let name = syntax::cast(name, syntax::builtin("text"));
        Expr::InList {
            expr: Box::new(name),
            list: words.iter().map(|word| syntax::text(word)).collect(),
            negated: false,
        }
    }
}

/// Whether two types compare without a cast: the same, or both integers.
pub(super) fn same_kind(catalog: &Catalog, left: TypeId, right: TypeId) -> bool {
    let (left, right) = (catalog.base_type(left), catalog.base_type(right));
    let integer = |id| {
        catalog.sql_type(id).is_some_and(|found| matches!(&*found.name, "int2" | "int4" | "int8"))
    };
    let text =
        |id| catalog.sql_type(id).is_some_and(|found| matches!(&*found.name, "text" | "varchar"));
    left == right || (integer(left) && integer(right)) || (text(left) && text(right))
}

/// The column that identifies a row: the described key, or a primary key of one column.
pub(super) fn key_of(
    _: &Catalog,
    relation: &Relation,
    table: Option<&TableModel>,
) -> Result<String, Fault> {
    if let Some(word) = table.and_then(|table| table.key.as_ref()) {
        return Ok(column(relation, word)?.name.to_string());
    }
    match relation.primary_key.as_slice() {
        [number] => relation
            .column_by_number(*number)
            .map(|column| column.name.to_string())
            .ok_or_else(|| Fault::Scope("the primary key is not visible".to_owned())),
        _ => Err(Fault::Scope(format!(
            "this scope needs `key` in the description of `{}`: its primary key is not one column",
            relation.qualified_name()
        ))),
    }
}

/// `key = ANY(ARRAY(SELECT record FROM relation WHERE condition))`: inside an OR this keeps the
/// key's index, which `IN (SELECT …)` loses.
pub(super) fn in_select(key: &str, relation: &Relation, record: &str, condition: Expr) -> Expr {
    let alias = Ident::with_quote('"', LINK_ALIAS);
    syntax::any(
        syntax::row(key),
        syntax::array_select(
            Expr::CompoundIdentifier(vec![alias.clone(), Ident::with_quote('"', record)]),
            relation,
            alias,
            Some(condition),
        ),
    )
}

/// The alias of the one relation in a sub-select that a scope makes; clients cannot write it.
pub(super) const LINK_ALIAS: &str = "\u{2}link";

fn linked_column(name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![Ident::with_quote('"', LINK_ALIAS), Ident::with_quote('"', name)])
}

fn relation<'c>(catalog: &'c Catalog, word: &Word) -> Result<&'c Relation, Fault> {
    word.text
        .split_once('.')
        .and_then(|(schema, name)| catalog.relation_named(schema, name))
        .map(AsRef::as_ref)
        .ok_or_else(|| Fault::Description(word.clone(), format!("no table `{}`", word.text)))
}

fn column<'r>(relation: &'r Relation, word: &Word) -> Result<&'r Column, Fault> {
    relation.column(&word.text).ok_or_else(|| {
        let message = format!("`{}` has no column `{}`", relation.qualified_name(), word.text);
        Fault::Description(word.clone(), message)
    })
}
