//! Who may do what to which rows and columns. Pure.
//!
//! Files → [`PolicySet::load`] (parse, compile against the catalogue); a person at one moment →
//! [`activate`]; what a statement touches → [`decide`].
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod activate;
mod compile;
mod condition;
mod decide;
mod describe;
mod expression;
mod filter;
mod form;
mod glob;
mod identity;
mod model;
mod parse;
mod row_scope;
mod scope;
mod set;
pub(crate) mod syntax;
mod system;
mod visible;
mod written;

#[cfg(test)]
mod tests;

pub use activate::{Subject, activate, always, assume};
pub use condition::{Attribute, Condition, ConditionFault, Context, Window};
pub use decide::{FilterPart, FilterParts, decide, filter_parts};
pub use describe::{describe, describe_expr};
pub use form::check_form;
pub use identity::{
    Identity, IdentityParameter, IdentitySource, PersonFacts, ValueClass, array_literal,
};
pub use model::Limits;
pub use scope::{
    Access, Cardinality, ColumnMask, Decision, HOLE_MARK, Hole, HoleForm, IdentityShape, MaskMatch,
    Permit, PolicyLine, ROW_QUALIFIER, RoleSet, RowExpr, RowFilter, Scope, Verb,
};
pub use set::{PolicySet, UnfilteredRead};
pub(crate) use system::{is_expanded, stands_for};
pub use visible::Visible;
