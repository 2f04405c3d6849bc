//! rowgate against an oracle, the server's own row security with masking views, and against
//! itself over data that differ only in what must not be seen.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

mod answer;
mod compare;
mod generate;
mod interference;
mod principals;
mod world;
mod writes;
