use std::sync::Arc;

use super::*;
use crate::catalog::{CatalogParts, Column, Dependency, Objects, SqlType};
use crate::ids::{RoleName, TypeId};

const POLICY: &str = "
roles:
  reader:
    grants:
      - { tables: [s.seen], read: true, deny_columns: [secret] }
  nobody: {}
";

fn relation(id: u32, schema: &str, name: &str, kind: RelationKind) -> Relation {
    let column = |number: i16, name: &str| Column {
        number: ColumnNumber(number),
        name: name.into(),
        type_id: TypeId(23),
        typmod: -1,
        not_null: false,
        has_default: false,
        generated: false,
        computed: false,
        collation: crate::ids::CollationId(0),
    };
    Relation {
        id: RelationId(id),
        schema: schema.into(),
        name: name.into(),
        kind,
        columns: vec![column(1, "id"), column(2, "secret")],
        primary_key: Vec::new(),
        parents: Vec::new(),
        view_definition: None,
        has_rules: false,
        has_triggers: false,
        row_security: false,
        row_type: TypeId(id + 2),
    }
}

fn dependency(object: u32, on: u32, column: Option<i16>) -> Dependency {
    Dependency { object: ObjectId(object), on: ObjectId(on), column: column.map(ColumnNumber) }
}

/// Tables 20000 (seen, with the denied column 2) and 21000 (hidden), each with a row type, an
/// index, a constraint; a view over each; an empty schema.
fn catalog() -> Catalog {
    let row_type = |relation: u32, array: u32| SqlType {
        id: TypeId(relation + 2),
        schema: "s".into(),
        name: "row".into(),
        kind: TypeKind::Composite,
        category: 'C',
        element: None,
        array: Some(TypeId(array)),
        base: None,
    };
    let array = |id: u32, element: u32| SqlType {
        id: TypeId(id),
        schema: "s".into(),
        name: "array".into(),
        kind: TypeKind::Base,
        category: 'A',
        element: Some(TypeId(element)),
        array: None,
        base: None,
    };
    let parts = CatalogParts {
        settings: Vec::new(),
        casts: Vec::new(),
        schemas: vec!["s".into(), "empty".into(), "secret".into()],
        relations: vec![
            relation(20000, "s", "seen", RelationKind::Table),
            relation(20010, "s", "seen_id", RelationKind::Other),
            relation(20020, "s", "seen_secret", RelationKind::Other),
            relation(21000, "secret", "hidden", RelationKind::Table),
            relation(21010, "secret", "hidden_id", RelationKind::Other),
            relation(22000, "s", "over_seen", RelationKind::View),
            relation(22010, "s", "over_hidden", RelationKind::View),
            relation(22020, "s", "over_both", RelationKind::View),
        ],
        types: vec![
            row_type(20000, 20001),
            array(20001, 20002),
            row_type(21000, 21001),
            array(21001, 21002),
        ],
        functions: Vec::new(),
        operators: Vec::new(),
    };
    let view = |view: u32, source: u32| (RelationId(view), RelationId(source));
    let objects = Objects {
        dependencies: vec![
            dependency(20010, 20000, Some(1)),
            dependency(20020, 20000, Some(2)),
            // An index that depends on the constraint it is for.
            dependency(21010, 21020, None),
            dependency(21020, 21000, Some(1)),
            // A foreign key of the hidden table, with its trigger on the one that is seen.
            dependency(21030, 21000, Some(1)),
            dependency(21030, 20000, Some(1)),
            dependency(21040, 21030, None),
        ],
        view_sources: vec![
            view(22000, 20000),
            view(22010, 21000),
            view(22020, 22000),
            view(22020, 22010),
        ],
        schemas: vec![
            (ObjectId(19000), "s".into()),
            (ObjectId(19001), "empty".into()),
            (ObjectId(19002), "secret".into()),
            (ObjectId(19003), "pg_temp_3".into()),
        ],
        private: vec![ObjectId(23000)],
        ..Objects::default()
    };
    Catalog::new(CatalogVersion(1), 150_000, "rowgate", parts).with_objects(objects)
}

fn visible(role: &str) -> Arc<Visible> {
    let catalog = catalog();
    let files = [("p.yaml".to_owned(), POLICY.to_owned())];
    let (policy, _) = PolicySet::load(&files, &catalog, "key").unwrap();
    policy.visible(&catalog, &RoleSet([RoleName::from(role)].into()))
}

fn shown(visible: &Visible, objects: &[u32]) -> Vec<u32> {
    objects.iter().copied().filter(|object| !visible.hides(ObjectId(*object))).collect()
}

#[test]
fn something_that_exists_because_of_a_hidden_table_is_shown() {
    let visible = visible("reader");
    let of_hidden = [21000, 21001, 21002, 21010, 21020, 21030, 21040, 19002, 22010, 22020];
    assert_eq!(shown(&visible, &of_hidden), Vec::<u32>::new());
    let of_seen = [20000, 20001, 20002, 20010, 22000, 19000, 16383, 10, 0];
    assert_eq!(shown(&visible, &of_seen), of_seen);
}

#[test]
fn an_index_on_a_denied_column_is_shown() {
    let visible = visible("reader");
    assert!(visible.hides(ObjectId(20020)));
    assert!(visible.is_partial(20002) && visible.is_partial(20001));
}

#[test]
fn an_empty_schema_looks_unlike_one_whose_tables_are_hidden() {
    let visible = visible("reader");
    assert_eq!(shown(&visible, &[19001, 19002, 19003]), Vec::<u32>::new());
}

#[test]
fn objects_that_the_snapshot_does_not_know_are_shown() {
    let visible = visible("reader");
    assert_eq!(shown(&visible, &[23000, 23001, 100_000, u32::MAX]), Vec::<u32>::new());
}

#[test]
fn a_role_without_grants_sees_a_table() {
    let visible = visible("nobody");
    assert_eq!(shown(&visible, &[20000, 20010, 21000, 22000, 22010, 19000]), Vec::<u32>::new());
    assert_eq!(visible.multirange(), "{[19000,4294967295]}");
}
