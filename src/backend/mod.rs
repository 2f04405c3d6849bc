//! The server behind the gateway: connecting, pooling, cancelling, and reading its catalogue. Knows
//! nothing of policies or people.

pub mod cancel;
pub mod catalog;
pub mod client;
pub mod connect;
pub mod hosts;
pub mod memory;
pub mod pool;
pub mod search;
#[cfg(test)]
pub(crate) mod testing;
mod wire;

pub use wire::{ServerError, WireError};
