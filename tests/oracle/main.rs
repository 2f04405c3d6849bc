//! rowgate against an oracle, the server's own row security with masking views, and against
//! itself over data that differ only in what must not be seen.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking and prints its figures; writing to a String cannot fail"
)]

mod answer;
mod compare;
mod exported;
mod generate;
mod interference;
mod plans;
mod principals;
mod shapes;
mod sqlsmith;
mod world;
mod writes;
