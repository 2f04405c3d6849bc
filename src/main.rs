//! The `rowgate` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A statement takes some dozens of small allocations, which are freed a moment later on the same
/// thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    rowgate::cli::run()
}
