//! Resolved syntax and a permit → edits on the client's own tokens. Pure: same input, same plan.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod check;
mod conflict;
mod copy_in;
mod derived;
mod in_place;
mod merge;
mod modify;
mod plan;
mod print;
mod rewritten;
mod statement;
mod through;

pub(crate) use check::Violation;
pub(crate) use modify::assigned;
pub(crate) use plan::Told;
pub use plan::{
    Action, Answer, Edit, Effect, Local, Piece, Plan, PlanFormat, StatementPlan, Touched,
};
pub(crate) use print::Printed;
pub use rewritten::{Constant, Rewrite};
pub(crate) use rewritten::{Values, changes, printed, splice};
pub(crate) use statement::{RewriteContext, rewrite_statement};
