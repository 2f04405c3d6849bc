//! Lex, parse, resolve, decide, rewrite, verify: the whole way of a statement.

use std::sync::OnceLock;

use rowgate::error::SqlState;
use rowgate::planner::{Planner, Protocol};

use super::sample::{Person, Sample};

/// A planner that has seen all inputs before, so that plans are found for other literals.
fn remembering() -> &'static Planner {
    static PLANNER: OnceLock<Planner> = OnceLock::new();
    PLANNER.get_or_init(|| Planner::new(32 << 20, "marker".to_owned()))
}

fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(Sample::new)
}

/// No text makes the verifier refuse what the rewriter made, a remembered plan gives what a new one
/// would give, also where constants become parameters, and a principal without restrictions gets the text as it is.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.contains('\0') {
        return;
    }
    let sample = sample();
    for person in [&sample.rep, &sample.manager] {
        for protocol in [Protocol::Simple, Protocol::Extended { declared: &[] }] {
            as_somebody(sample, person, protocol, text);
        }
        with_parameters(sample, person, text);
    }
    let fresh = Planner::new(0, "marker".to_owned());
    if let Ok(rewrite) = sample.plan(&fresh, &sample.admin, Protocol::Simple, text) {
        assert_eq!(rewrite.text(), text, "an unrestricted principal's text was changed");
    }
}

fn as_somebody(sample: &Sample, person: &Person, protocol: Protocol<'_>, text: &str) {
    let fresh = Planner::new(0, "marker".to_owned());
    let made = sample.plan(&fresh, person, protocol, text);
    if let Err(refusal) = &made {
        assert_ne!(refusal.sqlstate, SqlState::INTERNAL_ERROR, "{text:?}: {}", refusal.reason);
    }
    let remembered = sample.plan(remembering(), person, protocol, text);
    match (made, remembered) {
        (Ok(made), Ok(remembered)) => {
            assert_eq!(made.text(), remembered.text(), "another plan was found for {text:?}");
            assert_eq!(made.identity(), remembered.identity(), "{text:?}");
            let (a, b) = (made.plan(), remembered.plan());
            assert_eq!(a.statements.len(), b.statements.len(), "{text:?}");
            for (a, b) in a.statements.iter().zip(&b.statements) {
                assert_eq!(a.kind, b.kind, "{text:?}");
                assert_eq!(a.action, b.action, "{text:?}");
                assert_eq!(a.effect, b.effect, "{text:?}");
                assert_eq!(a.answer, b.answer, "{text:?}");
                assert_eq!(a.rows_per_query, b.rows_per_query, "{text:?}");
            }
        }
        (Err(made), Err(remembered)) => assert_eq!(made, remembered, "{text:?}"),
        (made, remembered) => panic!(
            "{text:?} is {} anew and {} when remembered",
            made.map_or_else(|refusal| refusal.message, |_| "planned".to_owned()),
            remembered.map_or_else(|refusal| refusal.message, |_| "planned".to_owned()),
        ),
    }
}

/// The plan is known by now: constants may become parameters, and nothing else becomes otherwise.
fn with_parameters(sample: &Sample, person: &Person, text: &str) {
    let plain = sample.plan(remembering(), person, Protocol::Simple, text);
    match (plain, sample.plan(remembering(), person, Protocol::Lifting, text)) {
        (Ok(plain), Ok(lifted)) if lifted.lifted().is_empty() => {
            assert_eq!(plain.text(), lifted.text(), "{text:?}");
        }
        (Ok(plain), Ok(lifted)) => {
            let parameters = lifted.lifted().len() + lifted.identity().len();
            assert_eq!(lifted.client_parameters(), lifted.lifted().len(), "{text:?}");
            assert!(lifted.text().contains(&format!("${parameters}")), "{text:?}");
            assert!(!plain.text().contains('$') || text.contains('$'), "{text:?}");
        }
        (plain, lifted) => {
            assert_eq!(plain.map(|_| ()), lifted.map(|_| ()), "{text:?}");
        }
    }
}
