//! Who is at the other end of a client connection. Decides who somebody is, never what they may do.

mod exchange;
mod lockout;
pub mod scram;

pub use exchange::{Account, Accounts, Authenticator, Cause, Method, Outcome};
pub use lockout::{Lockout, LockoutSettings};
