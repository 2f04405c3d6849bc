use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use proptest::prelude::*;

use super::*;

const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/// RFC 7677, section 3: user `user`, password `pencil`.
fn rfc_verifier() -> Verifier {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    Verifier::from_password("pencil", &salt, 4096)
}

fn rfc_challenge() -> Challenge {
    Challenge::new(
        SCRAM_SHA_256,
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        None,
        rfc_verifier(),
        SERVER_NONCE,
    )
    .unwrap()
}

const RFC_FINAL: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

#[test]
fn the_exchange_of_rfc_7677_is_reproduced_byte_for_byte() {
    let challenge = rfc_challenge();
    assert_eq!(
        challenge.server_first(),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let expected = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(challenge.judge(RFC_FINAL), Ok(Proof::Right { server_final: expected.into() }));
}

#[test]
fn a_recorded_answer_does_not_open_another_exchange() {
    let second = Challenge::new(
        SCRAM_SHA_256,
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        None,
        rfc_verifier(),
        "another",
    )
    .unwrap();
    assert_eq!(second.judge(RFC_FINAL), Err(ScramError::Nonce));
}

#[test]
fn a_wrong_proof_is_wrong_and_a_short_or_long_one_malformed() {
    let with_proof = |proof: &str| {
        let text = format!("c=biws,r=rOprNGfwEbeRWgbNEkqO{SERVER_NONCE},p={proof}");
        rfc_challenge().judge(text.as_bytes())
    };
    assert_eq!(with_proof(&STANDARD.encode([0; 32])), Ok(Proof::Wrong));
    assert_eq!(with_proof(&STANDARD.encode([0; 31])), Err(ScramError::Malformed));
    assert_eq!(with_proof(&STANDARD.encode([0; 33])), Err(ScramError::Malformed));
    assert_eq!(with_proof(""), Err(ScramError::Malformed));
}

#[test]
fn downgrade_of_channel_binding_is_refused() {
    let start = |mechanism: &str, first: &str, endpoint: Option<&[u8]>| {
        Challenge::new(mechanism, first.as_bytes(), endpoint, rfc_verifier(), "x").map(drop)
    };
    let endpoint: Option<&[u8]> = Some(b"hash");
    let refused = Err(ScramError::ChannelBindingNegotiation);
    // The offer held PLUS and the client did not see it.
    assert_eq!(start(SCRAM_SHA_256, "y,,n=,r=abc", endpoint), refused);
    assert_eq!(start(SCRAM_SHA_256, "y,,n=,r=abc", None), Ok(()));
    assert_eq!(start(SCRAM_SHA_256, "n,,n=,r=abc", endpoint), Ok(()));
    // Flag and mechanism contradict each other.
    assert_eq!(start(SCRAM_SHA_256_PLUS, "n,,n=,r=abc", endpoint), refused);
    assert_eq!(start(SCRAM_SHA_256, "p=tls-server-end-point,,n=,r=abc", endpoint), refused);
    assert_eq!(start(SCRAM_SHA_256_PLUS, "p=tls-unique,,n=,r=abc", endpoint), refused);
    assert_eq!(start(SCRAM_SHA_256_PLUS, "p=tls-server-end-point,,n=,r=abc", endpoint), Ok(()));
    assert_eq!(
        start(SCRAM_SHA_256_PLUS, "p=tls-server-end-point,,n=,r=abc", None),
        Err(ScramError::Mechanism)
    );
}

#[test]
fn a_client_on_another_tls_channel_is_refused() {
    let mut client =
        ScramSha256::new(b"pencil", ChannelBinding::tls_server_end_point(b"other".to_vec()));
    let challenge = Challenge::new(
        SCRAM_SHA_256_PLUS,
        client.message(),
        Some(b"ours"),
        rfc_verifier(),
        SERVER_NONCE,
    )
    .unwrap();
    client.update(challenge.server_first().as_bytes()).unwrap();
    assert_eq!(challenge.judge(client.message()), Err(ScramError::ChannelBinding));
}

#[test]
fn a_foreign_client_implementation_agrees_with_and_without_channel_binding() {
    for endpoint in [None, Some(b"endpoint hash".as_slice())] {
        let (mechanism, binding) = match endpoint {
            Some(hash) => (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash.to_vec())),
            None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        };
        let mut client = ScramSha256::new("pässwörd".as_bytes(), binding);
        let verifier = Verifier::from_password("pässwörd", b"0123456789abcdef", 10);
        let challenge =
            Challenge::new(mechanism, client.message(), endpoint, verifier, "nonce").unwrap();
        client.update(challenge.server_first().as_bytes()).unwrap();
        let Proof::Right { server_final } = challenge.judge(client.message()).unwrap() else {
            panic!("the proof is right");
        };
        client.finish(server_final.as_bytes()).unwrap();
    }
}

#[test]
fn a_verifier_reads_what_it_writes_and_what_postgresql_wrote() {
    let verifier = rfc_verifier();
    assert_eq!(verifier.to_string().parse(), Ok(verifier));
    for broken in [
        "",
        "md5abc",
        "SCRAM-SHA-256$0:YWJj$YWJj:YWJj",
        "SCRAM-SHA-256$4096:$a:b",
        "SCRAM-SHA-256$4096",
        "SCRAM-SHA-256$99999999999:YWJj$YWJj:YWJj",
    ] {
        assert_eq!(broken.parse::<Verifier>(), Err(VerifierError), "{broken}");
    }
}

#[test]
fn an_unknown_user_gets_the_same_salt_every_time_and_another_than_the_next() {
    let salt = |login: &str| Verifier::fake(login, b"secret", &[]).salt;
    assert_eq!(salt("nobody"), salt("nobody"));
    assert_ne!(salt("nobody"), salt("somebody"));
    assert_eq!(salt("nobody").len(), SALT_LENGTH);
    assert_ne!(salt("nobody"), Verifier::fake("nobody", b"other secret", &[]).salt);
}

#[test]
fn an_unknown_user_seems_to_have_another_kind_of_verifier_than_existing_ones() {
    let form = |iterations, salt_length, users| VerifierForm { iterations, salt_length, users };
    let forms = [form(4096, 16, 30), form(600_000, 24, 70)];
    let mut strong = 0;
    for number in 0..1000 {
        let login = format!("nobody{number}");
        let fake = Verifier::fake(&login, b"secret", &forms);
        assert_eq!(fake, Verifier::fake(&login, b"secret", &forms));
        let seen = VerifierForm { users: 1, ..fake.form() };
        assert!(seen == form(4096, 16, 1) || seen == form(600_000, 24, 1), "{seen:?}");
        strong += usize::from(seen.iterations == 600_000);
        // A form that comes changes the choice of those only who take it.
        let more = [form(4096, 16, 30), form(600_000, 24, 70), form(8192, 16, 1)];
        let later = Verifier::fake(&login, b"secret", &more).form();
        assert!(later == seen || later.iterations == 8192);
    }
    assert!((650..750).contains(&strong), "{strong} of 1000 instead of about 700");
}

proptest! {
    #[test]
    fn hostile_messages_never_panic(first: Vec<u8>, last: Vec<u8>, text in "[nyp=,ra-z]{0,40}") {
        for message in [first.as_slice(), text.as_bytes()] {
            let verifier = Verifier::fake("alice", b"secret", &[]);
            if let Ok(challenge) = Challenge::new(SCRAM_SHA_256, message, None, verifier, "x") {
                let right = matches!(challenge.judge(&last), Ok(Proof::Right { .. }));
                prop_assert!(!right);
            }
        }
    }
}
