//! What needs no database: the table of all kinds of statements, and the checks of `fuzz/` on seeded
//! mutations.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking; writing to a String cannot fail"
)]

#[rustfmt::skip]
mod kinds;
mod mutations;
mod statements;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, dead_code, reason = "elsewhere it is a crate of its own")]
mod targets;
