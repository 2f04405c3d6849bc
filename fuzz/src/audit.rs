//! `rowgate audit verify` on a log that somebody changed.

use std::sync::OnceLock;

use ed25519_dalek::SigningKey;
use rowgate::audit::Text;
use rowgate::audit::chain::{Head, Tip, to_hex};
use rowgate::audit::record::{FORMAT, Record};
use rowgate::audit::verify::{Expected, Verifier};

/// A log of a few lines and its head, as the gateway would write them.
pub struct Log {
    head: Vec<u8>,
    segment: Vec<u8>,
    key: SigningKey,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let key = SigningKey::from_bytes(&[7; 32]);
        let records = [
            (
                Record::Open {
                    format: FORMAT,
                    segment: 1,
                    instance: Text::from("fuzz"),
                    key: to_hex(key.verifying_key().as_bytes()),
                },
                true,
            ),
            (Record::Start { version: Text::from("1"), detail: Text::from("serve") }, false),
            (Record::Checkpoint { covers: 1 }, true),
            (Record::Stop { reason: Text::from("asked") }, false),
            (Record::Close { records: 5, reason: Text::from("stop") }, true),
        ];
        let (mut segment, mut tip) = (Vec::new(), Tip::START);
        for (record, signed) in &records {
            let at = "2026-11-22T10:00:00Z".parse().unwrap_or_default();
            let appended = tip.append(&mut segment, at, record, signed.then_some(&key));
            assert!(appended.is_ok());
        }
        let head = Head {
            format: FORMAT,
            instance: "fuzz".to_owned(),
            segment: 1,
            seq: tip.seq,
            hash: tip.hash.to_hex(),
            closed: true,
            at: "2026-11-22T10:00:09Z".to_owned(),
            key: to_hex(key.verifying_key().as_bytes()),
        };
        let head = head.seal(&key).unwrap_or_default();
        Log { head, segment, key }
    })
}

fn accepts(head: &[u8], segments: &[&[u8]]) -> bool {
    let expected = Expected { keys: vec![log().key.verifying_key()], live: false };
    let Ok(mut verifier) = Verifier::new(expected, Some(head)) else { return false };
    (1..).zip(segments).all(|(number, segment)| verifier.segment(number, *segment).is_ok())
        && verifier.end().is_ok()
}

/// A changed log is never accepted, and no bytes are too much for the verifier. The input is an
/// edit: where (two bytes), how many bytes go (one), and what comes there instead; or else a whole
/// log.
pub fn check(input: &[u8]) {
    let log = log();
    let _ = accepts(input, &[input]);
    let _ = accepts(&log.head, &[input, input]);
    let [high, low, gone, rest @ ..] = input else { return };
    let at = usize::from(u16::from_be_bytes([*high, *low]));
    for in_head in [false, true] {
        let original = if in_head { &log.head } else { &log.segment };
        let at = at % (original.len() + 1);
        let end = (at + usize::from(*gone)).min(original.len());
        let mut changed = original.clone();
        changed.splice(at..end, rest.iter().copied());
        let accepted = if in_head {
            accepts(&changed, &[&log.segment])
        } else {
            accepts(&log.head, &[&changed])
        };
        assert_eq!(accepted, changed == *original, "{}", String::from_utf8_lossy(&changed));
    }
}

/// Whether the log that the target starts from is a good one; otherwise it would show nothing.
pub fn is_accepted_unchanged() -> bool {
    accepts(&log().head, &[&log().segment])
}
