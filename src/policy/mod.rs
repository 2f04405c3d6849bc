//! Who may do what to which rows and columns. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod identity;
mod scope;

pub use identity::{
    Identity, IdentityParameter, IdentitySource, PersonFacts, ValueClass, array_literal,
};
pub use scope::{
    Access, Cardinality, ColumnMask, Decision, HOLE_MARK, Hole, HoleForm, IdentityShape, MaskMatch,
    Permit, PolicyLine, ROW_QUALIFIER, RoleSet, RowExpr, RowFilter, Scope, Verb,
};

/// A validated, versioned set of rules.
#[derive(Debug)]
pub struct PolicySet {}
