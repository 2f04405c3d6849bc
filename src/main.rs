//! The `rowgate` command.

fn main() {}
