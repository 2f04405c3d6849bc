//! Where a log ends when it is opened again, and what a run that was killed left behind.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use ed25519_dalek::VerifyingKey;

use super::AuditError;
use super::chain::{Hash, Head, Prefix, Tip, from_hex, line_signature};
use super::record::Recovered;
use super::store::{HEAD, segment_name, segments};

/// Where to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resume {
    /// The last complete line.
    pub(super) tip: Tip,
    /// The segment that lacks its closing line: number, length of its complete lines in bytes,
    /// and their count.
    pub(super) unclosed: Option<(u64, u64, u64)>,
    /// The number of the next segment.
    pub(super) next: u64,
    /// What the log has to say about it; `None` after a proper end.
    pub(super) recovered: Option<Recovered>,
}

struct LastSegment {
    tip: Tip,
    length: u64,
    lines: u64,
    unsigned: u64,
    closed: bool,
    cut: Vec<u8>,
}

/// Reads the last segment, into which so many bytes were put back, and the head file.
pub(super) fn resume(
    path: &Path,
    key: &VerifyingKey,
    restored_bytes: u64,
) -> Result<Resume, AuditError> {
    let failed =
        |error: io::Error| AuditError::Open { path: path.to_owned(), reason: error.to_string() };
    let numbers = segments(path).map_err(failed)?;
    let head_bytes = match fs::read(path.join(HEAD)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let head = head_bytes.and_then(|bytes| {
        let head = Head::parse(&bytes)?;
        let signer = VerifyingKey::from_bytes(&from_hex::<32>(head.key.as_bytes())?).ok()?;
        Head::signature(&bytes, &signer).then_some(head)
    });

    let mut recovered = Recovered { restored_bytes, ..Recovered::default() };
    let mut tip = Tip::START;
    let mut unclosed = None;
    let mut next = 1;
    for number in numbers.iter().rev() {
        let anchored = head.as_ref().map_or(0, |head| head.seq);
        let last = read_segment(path, *number, key, anchored)?;
        recovered.cut_bytes += last.cut.len() as u64;
        if !last.cut.is_empty() {
            recovered.cut_sha256 = Some(Hash::of(&last.cut).to_hex());
        }
        if last.lines == 0 {
            // The run ended while it made this file: its number is used again.
            next = *number;
            continue;
        }
        tip = last.tip;
        next = next.max(number + 1);
        recovered.unsigned = last.unsigned;
        if !last.closed {
            unclosed = Some((*number, last.length, last.lines));
        }
        break;
    }
    match &head {
        Some(head) => {
            if head.seq > tip.seq {
                recovered.lost_up_to = Some(head.seq);
            } else {
                let signed = tip.seq - head.seq;
                recovered.unsigned = recovered.unsigned.min(signed);
            }
        }
        None => recovered.head_missing = tip != Tip::START,
    }
    let proper = unclosed.is_none() && recovered == Recovered::default();
    Ok(Resume { tip, unclosed, next, recovered: (!proper).then_some(recovered) })
}

/// Reads a segment up to its first incomplete line.
///
/// After a power failure the blocks of a write that was never acknowledged may be on the disk in
/// part and out of order. So what is unreadable after the line that the head names is cut off like
/// an incomplete line; what is unreadable before it is damage.
fn read_segment(
    path: &Path,
    number: u64,
    key: &VerifyingKey,
    anchored: u64,
) -> Result<LastSegment, AuditError> {
    let file = segment_name(number);
    let failed =
        |error: io::Error| AuditError::Open { path: path.join(&file), reason: error.to_string() };
    let mut reader = BufReader::new(File::open(path.join(&file)).map_err(failed)?);
    let mut last = LastSegment {
        tip: Tip::START,
        length: 0,
        lines: 0,
        unsigned: 0,
        closed: false,
        cut: Vec::new(),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(failed)?;
        let Some(text) = line.strip_suffix(b"\n") else {
            last.cut = line;
            return Ok(last);
        };
        let prefix = match follow(text, &last) {
            Ok(prefix) => prefix,
            Err(_) if last.lines > 0 && !last.closed && last.tip.seq >= anchored => {
                reader.read_to_end(&mut line).map_err(failed)?;
                last.cut = line;
                return Ok(last);
            }
            Err(reason) => {
                return Err(AuditError::Damaged {
                    file,
                    line: last.lines + 1,
                    reason: reason.to_owned(),
                });
            }
        };
        last.unsigned = if line_signature(text, key) == Some(true) { 0 } else { last.unsigned + 1 };
        last.tip = Tip { seq: prefix.seq, hash: Hash::of(text) };
        last.closed = prefix.kind == "close";
        last.lines += 1;
        last.length += read as u64;
    }
}

/// The start of a line, if it can follow what was read.
fn follow(line: &[u8], last: &LastSegment) -> Result<Prefix, &'static str> {
    let prefix: Prefix = serde_json::from_slice(line).map_err(|_| "it is not a record")?;
    if last.closed {
        return Err("it follows the closing record");
    }
    if last.lines > 0 {
        if prefix.seq != last.tip.seq + 1 {
            return Err("its sequence number does not follow the line before");
        }
        if prefix.prev != last.tip.hash.to_hex() {
            return Err("the line before it was changed");
        }
    }
    Ok(prefix)
}
