//! Lines, hashes and signatures of the log. Pure.
//!
//! Every line starts with its sequence number and the SHA-256 of the line before it, over the
//! exact bytes without the line end. Signed lines end with an ed25519 signature over their own
//! bytes without that last field. The head is a small signed file that says where the log ends.

use std::io::Write as _;
use std::ops::Range;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::line;
use super::record::Record;

/// Signatures are made for one purpose each, so that none can be passed off as another.
const LINE_CONTEXT: &[u8] = b"rowgate audit line v1\n";
const HEAD_CONTEXT: &[u8] = b"rowgate audit head v1\n";

/// The bytes before and after a signature at the end of a signed line or head.
const SIGNATURE_OPEN: &[u8] = b",\"sig\":\"";
const SIGNATURE_CLOSE: &[u8] = b"\"}";
const SIGNATURE_DIGITS: usize = 128;

/// The SHA-256 of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first line of a log has before it.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of a line's bytes, without the line end.
    pub fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }

    /// In lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        to_hex(&self.0)
    }
}

/// Lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    String::from_utf8(text).unwrap_or_default()
}

/// The same at the end of `out`.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    // Without a branch and with a known length: the compiler takes many bytes at a time.
    let digit = |nibble: u8| nibble + b'0' + (b'a' - b'0' - 10) * u8::from(nibble > 9);
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    let digits = out.get_mut(start..).unwrap_or_default();
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// `2026-11-22T04:37:15.123456Z`: what `{at:.6}` gives, in a tenth of the time.
fn push_time(out: &mut Vec<u8>, at: Timestamp) {
    const DAY: i64 = 86_400;
    let (second, nanosecond) = (at.as_second(), at.subsec_nanosecond());
    // From 1970 to 9999.
    if !(0..253_402_300_800).contains(&second) || nanosecond < 0 {
        let _infallible = write!(out, "{at:.6}");
        return;
    }
    // The calendar as years of 400 that begin in March (H. Hinnant, "chrono-compatible low-level
    // date algorithms").
    let days = second / DAY + 719_468;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + days / 146_097 * 400 + i64::from(month <= 2);
    let time = second % DAY;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut write = |places: Range<usize>, number: i64| {
        // None is negative, or longer than its places.
        let mut number = u32::try_from(number).unwrap_or_default();
        for digit in text.get_mut(places).unwrap_or_default().iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
    };
    write(0..4, year);
    write(5..7, month);
    write(8..10, day);
    write(11..13, time / 3_600);
    write(14..16, time / 60 % 60);
    write(17..19, time % 60);
    write(20..26, i64::from(nanosecond) / 1_000);
    out.extend_from_slice(&text);
}

/// Reads lower-case hexadecimal of exactly `N` bytes. Upper case is refused: two spellings of one
/// value would let a byte change unnoticed.
pub fn from_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != N * 2 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Where a chain stands: what the next line has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The sequence number of the last line; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Tip {
    /// Before the first line of a log.
    pub const START: Self = Self { seq: 0, hash: Hash::ZERO };

    /// Writes the next line, with its line end, to `out` and moves on.
    pub fn append(
        &mut self,
        out: &mut Vec<u8>,
        at: Timestamp,
        record: &Record,
        key: Option<&SigningKey>,
    ) -> Result<(), serde_json::Error> {
        self.append_fields(out, at, |out| line::record(out, record), key)
    }

    /// The same for a line whose `fields` somebody else writes, from the comma before the first one
    /// to the end of the object.
    pub(super) fn append_fields(
        &mut self,
        out: &mut Vec<u8>,
        at: Timestamp,
        fields: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
        key: Option<&SigningKey>,
    ) -> Result<(), serde_json::Error> {
        let start = out.len();
        let seq = self.seq + 1;
        out.extend_from_slice(b"{\"seq\":");
        out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        out.extend_from_slice(b",\"prev\":\"");
        push_hex(out, &self.hash.0);
        out.extend_from_slice(b"\",\"at\":\"");
        push_time(out, at);
        out.push(b'"');
        fields(out)?;
        if let Some(key) = key {
            sign(out, start, LINE_CONTEXT, key);
        }
        self.hash = Hash::of(out.get(start..).unwrap_or_default());
        self.seq = seq;
        out.push(b'\n');
        Ok(())
    }
}

/// Adds a signature over the JSON object that starts at `start` as that object's last field.
fn sign(out: &mut Vec<u8>, start: usize, context: &[u8], key: &SigningKey) {
    let mut message = context.to_vec();
    message.extend_from_slice(out.get(start..).unwrap_or_default());
    let signature = key.sign(&message);
    out.pop();
    out.extend_from_slice(SIGNATURE_OPEN);
    out.extend_from_slice(to_hex(&signature.to_bytes()).as_bytes());
    out.extend_from_slice(SIGNATURE_CLOSE);
}

/// Checks the signature at the end of a line or head. `None`: there is none.
fn check(bytes: &[u8], context: &[u8], key: &VerifyingKey) -> Option<bool> {
    let rest = bytes.strip_suffix(SIGNATURE_CLOSE)?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_DIGITS)?)?;
    let object = rest.strip_suffix(SIGNATURE_OPEN)?;
    let Some(signature) = from_hex::<64>(digits) else { return Some(false) };
    let mut message = context.to_vec();
    message.extend_from_slice(object);
    message.push(b'}');
    Some(key.verify_strict(&message, &Signature::from_bytes(&signature)).is_ok())
}

/// Whether a line carries a valid signature of `key`; `None` when it carries none.
pub fn line_signature(line: &[u8], key: &VerifyingKey) -> Option<bool> {
    check(line, LINE_CONTEXT, key)
}

/// What every line starts with, and whether it ends with a signature.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Prefix {
    /// The sequence number.
    pub seq: u64,
    /// The hash of the line before, in hexadecimal.
    pub prev: String,
    /// The time.
    pub at: Timestamp,
    /// The kind of record.
    pub kind: String,
    /// The signature.
    #[serde(default)]
    pub sig: Option<String>,
}

/// Where the log ends, as of the last time the head file was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format.
    pub format: u32,
    /// The gateway instance.
    pub instance: String,
    /// The segment that holds the last line.
    pub segment: u64,
    /// The last line's sequence number.
    pub seq: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// Nothing may follow: the log was closed properly.
    pub closed: bool,
    /// When the head was written.
    pub at: String,
    /// The public key, in hexadecimal.
    pub key: String,
}

impl Head {
    /// The head file's bytes.
    pub fn seal(&self, key: &SigningKey) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        sign(&mut bytes, 0, HEAD_CONTEXT, key);
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a head file; does not check its signature.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes.strip_suffix(b"\n")?).ok()
    }

    /// Whether the head file's bytes carry a valid signature of `key`.
    pub fn signature(bytes: &[u8], key: &VerifyingKey) -> bool {
        bytes.strip_suffix(b"\n").and_then(|line| check(line, HEAD_CONTEXT, key)) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_another_time_than_its_record() {
        // Every hour and a bit over four centuries, leap days and turns of years among them.
        for step in 0..200_000_i64 {
            let at = Timestamp::new(step * 63_067, 123_456_789).unwrap();
            let mut out = Vec::new();
            push_time(&mut out, at);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{at:.6}"));
        }
        for text in ["1969-12-31T23:59:59.5Z", "2000-02-29T00:00:00Z", "9999-12-30T22:00:00.9Z"] {
            let at: Timestamp = text.parse().unwrap();
            let mut out = Vec::new();
            push_time(&mut out, at);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{at:.6}"));
        }
    }
}
