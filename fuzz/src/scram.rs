//! The SCRAM exchange with a client that does not know the password.

use rowgate::auth::scram::{Challenge, Proof, Verifier, VerifierForm};

/// Nobody is let in. The first byte chooses the mechanism, a line break divides the messages.
pub fn check(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (first, last) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let verifier = Verifier::fake("alice", b"secret", &[VerifierForm::default()]);
    let (mechanism, endpoint) = match choice % 4 {
        0 => ("SCRAM-SHA-256", None),
        1 => ("SCRAM-SHA-256", Some(b"endpoint".as_slice())),
        2 => ("SCRAM-SHA-256-PLUS", Some(b"endpoint".as_slice())),
        _ => ("SCRAM-SHA-256-PLUS", None),
    };
    if let Ok(challenge) = Challenge::new(mechanism, first, endpoint, verifier, "nonce") {
        assert!(challenge.server_first().starts_with("r="));
        assert_ne!(
            challenge.judge(last).ok().map(|proof| matches!(proof, Proof::Right { .. })),
            Some(true),
            "a client without the password is let in"
        );
    }
    if let Ok(text) = std::str::from_utf8(rest)
        && let Ok(verifier) = text.parse::<Verifier>()
    {
        let stored = verifier.to_string();
        let again = stored.parse::<Verifier>().map(|verifier| verifier.to_string());
        assert_eq!(again.ok(), Some(stored), "a stored verifier is read as another");
    }
}
