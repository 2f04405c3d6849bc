//! The lists of `tests/offline/kinds.rs` against PostgreSQL's grammar as `pg_query` has it.

use pg_query::NodeEnum;
use pg_query::protobuf;

#[path = "../../tests/offline/kinds.rs"]
#[rustfmt::skip]
mod kinds;

macro_rules! exhaustive_kinds {
    ($($class:ident { $($kind:ident $([$($example:literal),* $(,)?])?;)* })*) => {
        /// Has no rest: a kind that is not in the list does not compile.
        fn name(node: &NodeEnum) -> &'static str {
            match node {
                $($(NodeEnum::$kind(_) => stringify!($kind),)*)*
            }
        }
    };
}

kinds::kinds!(exhaustive_kinds);

macro_rules! exhaustive_forms {
    ($($node:ident.$field:ident: $form:ident { $($value:ident = $number:literal),+ }
        later { $($later:ident),+ };)*) => {
        $(const _: fn(protobuf::$form) -> i32 = |form| match form {
            $(protobuf::$form::$value => $number,)+
            $(protobuf::$form::$later)|+ => -1,
        };)*

        /// Name, number in the list, number in protobuf.
        const FORMS: &[(&str, i32, i32)] =
            &[$($((stringify!($value), $number, protobuf::$form::$value as i32),)+)*];
    };
}

kinds::forms!(exhaustive_forms);

#[test]
fn a_form_is_listed_under_the_number_of_another() {
    for (name, listed, number) in FORMS {
        // The first value of a protobuf enumeration is one that C does not have.
        assert_eq!(listed + 1, *number, "{name}");
    }
}

#[test]
fn the_names_of_the_list_are_not_those_of_the_nodes() {
    let tree = pg_query::parse("SELECT 1", 0).expect("is SQL");
    let node = tree.protobuf.stmts[0].stmt.as_ref().and_then(|stmt| stmt.node.as_ref());
    assert_eq!(node.map(name), Some("SelectStmt"));
}
