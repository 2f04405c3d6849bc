//! What must hold for any input, one function per target. libFuzzer calls them (`make fuzz`), and
//! `tests/offline` calls them with seeded mutations of the corpus, so that every test run does.
//!
//! A check panics when something does not hold. Time and stack are not checked here: libFuzzer and
//! the test process end by themselves when a check takes too much of them.

pub mod audit;
pub mod configuration;
pub mod frames;
pub mod lexer;
pub mod planner;
pub mod policy;
pub mod sample;
pub mod scram;

/// A target's name, which is also that of its folder in `fuzz/corpus`, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("lexer", lexer::check),
    ("planner", planner::check),
    ("frames", frames::check),
    ("policy", policy::check),
    ("configuration", configuration::check),
    ("audit", audit::check),
    ("scram", scram::check),
];

/// Panics that rowgate catches are no findings, and libFuzzer's own hook would end the process at
/// each of them. One that leaves a check still ends it.
pub fn quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}
