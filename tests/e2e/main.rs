//! End to end: the real program, a real PostgreSQL, real clients.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking"
)]

mod attacks;
mod catalogue;
mod coercions;
mod copy;
mod drivers;
mod failover;
mod harness;
mod people;
mod policy_tests;
mod pooling;
mod prepared;
mod protocol;
mod random;
mod reliability;
mod sample;
mod selftest;
mod semantics;
mod serving;
mod strings;
mod temporary;
mod writes;
