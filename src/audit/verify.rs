//! Whether a log is what the gateway wrote: chain, signatures, sequence, tail. Works on any
//! readers, changes nothing, and stops at the first bad record.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use ed25519_dalek::VerifyingKey;

use super::chain::{Hash, Head, Prefix, Tip, from_hex, line_signature, to_hex};
use super::journal::JOURNAL;
use super::record::{FORMAT, Record, Said, TextId};
use super::store::{HEAD, is_being_written, segment_name, segment_number};

/// No line the gateway writes is longer, in bytes.
const LONGEST_LINE: u64 = 256 << 20;

/// What a good log says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments read.
    pub segments: u64,
    /// Lines read: the last sequence number.
    pub lines: u64,
    /// The hash of the last line, in hexadecimal.
    pub tip: String,
    /// The log was closed properly and nothing may follow.
    pub closed: bool,
    /// The keys that signed it, in hexadecimal.
    pub keys: Vec<String>,
    /// The key came from the log itself: proves consistency, not origin.
    pub own_key: bool,
    /// What an auditor ought to know although the log is good.
    pub notes: Vec<String>,
}

/// The first bad record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The file's name.
    pub file: String,
    /// Line, from 1; 0: the file as a whole.
    pub line: u64,
    /// The sequence number the record has or ought to have.
    pub seq: u64,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ", sequence {}: {}", self.seq, self.reason)
    }
}

/// A log that does not verify, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not what the gateway wrote.
    #[error("{0}")]
    Bad(Bad),
    /// It cannot be read.
    #[error("`{file}` cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// What is expected of a log.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The keys that may have signed; empty: the key that the log itself names.
    pub keys: Vec<VerifyingKey>,
    /// A gateway is writing it now: the last line may be incomplete, and the lines after the head
    /// may not be signed yet.
    pub live: bool,
}

/// Verifies the log in a directory.
pub fn verify(path: &Path, keys: &[VerifyingKey]) -> Result<Verified, VerifyError> {
    let unreadable = |file: &Path| {
        let file = file.display().to_string();
        move |source| VerifyError::Unreadable { file, source }
    };
    let live = is_being_written(path);
    // The head is read before the segments: a writer only adds to what it names.
    let head = match fs::read(path.join(HEAD)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unreadable(&path.join(HEAD))(error)),
    };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable(path))? {
        let name = entry.map_err(unreadable(path))?.file_name();
        let name = name.to_string_lossy();
        match segment_number(&name) {
            Some(number) => numbers.push(number),
            None if name.starts_with("segment-") => {
                let reason = "it is not the name of a segment".to_owned();
                return Err(VerifyError::Bad(Bad {
                    file: name.into_owned(),
                    line: 0,
                    seq: 0,
                    reason,
                }));
            }
            None => {}
        }
    }
    numbers.sort_unstable();
    let mut verifier = Verifier::new(Expected { keys: keys.to_vec(), live }, head.as_deref())?;
    // A power failure leaves it so until the next start.
    let restorable = |error| match error {
        VerifyError::Bad(mut bad) if !live && path.join(JOURNAL).exists() => {
            bad.reason.push_str("; the next start of the gateway puts back what `journal` holds");
            VerifyError::Bad(bad)
        }
        VerifyError::Bad(_) | VerifyError::Unreadable { .. } => error,
    };
    let last = numbers.last().copied();
    for number in numbers {
        let file = segment_name(number);
        let opened = path.join(&file);
        let reader =
            BufReader::with_capacity(1 << 16, File::open(&opened).map_err(unreadable(&opened))?);
        let read = verifier.segment(number, reader);
        if last == Some(number) {
            read.map_err(restorable)?;
        } else {
            read?;
        }
    }
    verifier.end().map_err(restorable)
}

/// Verifies segments one after the other, in constant memory.
#[derive(Debug)]
pub struct Verifier {
    expected: Expected,
    head: Option<Head>,
    tip: Tip,
    keys: Vec<String>,
    file: String,
    segments: u64,
    lines: u64,
    closed: bool,
    signed: u64,
    torn: bool,
    texts: HashSet<TextId>,
    n_texts: u64,
    head_seen: bool,
    notes: Vec<String>,
}

impl Verifier {
    /// Starts with the head file's bytes.
    pub fn new(expected: Expected, head: Option<&[u8]>) -> Result<Self, VerifyError> {
        let mut verifier = Self {
            expected,
            head: None,
            tip: Tip::START,
            keys: Vec::new(),
            file: HEAD.to_owned(),
            segments: 0,
            lines: 0,
            closed: false,
            signed: 0,
            torn: false,
            texts: HashSet::new(),
            n_texts: 0,
            head_seen: false,
            notes: Vec::new(),
        };
        let Some(bytes) = head else {
            return Err(verifier.bad(
                0,
                0,
                "the head file is missing, so the end of the log is not known",
            ));
        };
        let Some(head) = Head::parse(bytes) else {
            return Err(verifier.bad(0, 0, "it is not a head file"));
        };
        let Some(key) = verifier.key(&head.key) else {
            return Err(verifier.bad(0, head.seq, "it is signed with a key that is not expected"));
        };
        if !Head::signature(bytes, &key) {
            return Err(verifier.bad(0, head.seq, "its signature is not valid"));
        }
        verifier.head = Some(head);
        Ok(verifier)
    }

    /// Reads the next segment.
    pub fn segment(&mut self, number: u64, mut reader: impl BufRead) -> Result<(), VerifyError> {
        let previous = std::mem::replace(&mut self.file, segment_name(number));
        let expected = self.segments + 1;
        if number != expected {
            let reason = format!("`{}` is missing", segment_name(expected));
            return Err(self.bad(0, self.tip.seq + 1, &reason));
        }
        if self.segments > 0 && !self.closed {
            let lines = self.lines;
            self.file = previous;
            return Err(self.bad(
                lines,
                self.tip.seq,
                "the closing record of the segment is missing",
            ));
        }
        self.segments = number;
        self.lines = 0;
        self.closed = false;
        let mut line = self.read(&mut reader)?;
        while let Some(current) = line {
            let following = self.read(&mut reader)?;
            self.line(&current, following.as_deref())?;
            line = following;
        }
        Ok(())
    }

    /// Checks the end of the log.
    pub fn end(mut self) -> Result<Verified, VerifyError> {
        let seq = self.tip.seq;
        let Some(head) = self.head.take() else {
            return Err(self.bad(0, 0, "the head file is missing"));
        };
        if !self.head_seen {
            let reason = format!(
                "the tail is missing: the head file names sequence {} in `{}`",
                head.seq,
                segment_name(head.segment)
            );
            return Err(self.bad(self.lines, seq + 1, &reason));
        }
        if self.torn && !self.expected.live {
            return Err(self.bad(self.lines + 1, seq + 1, "the last line is incomplete"));
        }
        if head.closed && seq != head.seq {
            return Err(self.bad(self.lines, seq, "it follows the end of a log that was closed"));
        }
        let signed = self.signed.max(head.seq);
        if seq > signed {
            if !self.expected.live {
                let reason = format!(
                    "no signature covers the lines from sequence {} on; after a crash the next \
                     start of the gateway records and signs them",
                    signed + 1
                );
                return Err(self.bad(self.lines, signed + 1, &reason));
            }
            self.notes.push(format!("{} lines are too new to be signed", seq - signed));
        }
        if self.expected.live {
            self.notes.push("a gateway is writing this log".to_owned());
        } else if !self.closed {
            self.notes.push("the log was not closed: the gateway was killed".to_owned());
        }
        Ok(Verified {
            segments: self.segments,
            lines: seq,
            tip: self.tip.hash.to_hex(),
            closed: self.closed && !self.expected.live,
            own_key: self.expected.keys.is_empty(),
            keys: self.keys,
            notes: self.notes,
        })
    }

    fn bad(&self, line: u64, seq: u64, reason: &str) -> VerifyError {
        VerifyError::Bad(Bad { file: self.file.clone(), line, seq, reason: reason.to_owned() })
    }

    /// The keys seen so far.
    fn signers(&self) -> impl Iterator<Item = VerifyingKey> {
        self.keys
            .iter()
            .filter_map(|key| VerifyingKey::from_bytes(&from_hex::<32>(key.as_bytes())?).ok())
    }

    /// The key of that name, if it is one of the expected ones.
    fn key(&mut self, name: &str) -> Option<VerifyingKey> {
        let key = VerifyingKey::from_bytes(&from_hex::<32>(name.as_bytes())?).ok()?;
        let known = if self.expected.keys.is_empty() {
            self.keys.first().is_none_or(|first| first == name)
        } else {
            self.expected.keys.contains(&key)
        };
        if known && !self.keys.iter().any(|seen| seen == name) {
            self.keys.push(name.to_owned());
        }
        known.then_some(key)
    }

    /// The next line without its end; `None` at the end of the file.
    fn read(&mut self, reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, VerifyError> {
        let mut line = Vec::new();
        reader
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|source| VerifyError::Unreadable { file: self.file.clone(), source })?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            self.torn = true;
            return Ok(None);
        }
        Ok(Some(line))
    }

    fn line(&mut self, line: &[u8], following: Option<&[u8]>) -> Result<(), VerifyError> {
        let at = self.lines + 1;
        let seq = self.tip.seq + 1;
        let Ok(prefix) = serde_json::from_slice::<Prefix>(line) else {
            return Err(self.bad(at, seq, "it is not a record"));
        };
        if self.closed {
            return Err(self.bad(at, seq, "it follows the closing record of the segment"));
        }
        if prefix.seq != seq {
            let reason = if prefix.seq > seq {
                format!("records are missing: found sequence {} instead", prefix.seq)
            } else {
                format!("out of order: found sequence {} instead", prefix.seq)
            };
            return Err(self.bad(at, seq, &reason));
        }
        if prefix.prev != self.tip.hash.to_hex() {
            // Which of the two was changed? This one is whole if something else names its hash.
            let hash = Hash::of(line).to_hex();
            let whole = following
                .and_then(|line| serde_json::from_slice::<Prefix>(line).ok())
                .is_some_and(|next| next.prev == hash)
                || self.head.as_ref().is_some_and(|head| head.seq == seq && head.hash == hash)
                || self.signers().any(|key| line_signature(line, &key) == Some(true));
            if whole && self.lines > 0 {
                return Err(self.bad(
                    at - 1,
                    seq - 1,
                    "it was changed: the next record's hash of it differs",
                ));
            }
            return Err(self.bad(
                at,
                seq,
                "its hash of the record before differs: one of the two was changed",
            ));
        }
        self.content(line, &prefix, at)?;
        self.tip = Tip { seq, hash: Hash::of(line) };
        self.lines = at;
        if let Some(head) = &self.head
            && head.seq == seq
        {
            if head.hash != self.tip.hash.to_hex() {
                return Err(self.bad(
                    at,
                    seq,
                    "it was changed: the head file's hash of it differs",
                ));
            }
            if head.segment != self.segments {
                return Err(self.bad(at, seq, "the head file names another segment"));
            }
            self.head_seen = true;
        }
        Ok(())
    }

    /// What a record says about the log itself.
    fn content(&mut self, line: &[u8], prefix: &Prefix, at: u64) -> Result<(), VerifyError> {
        let seq = prefix.seq;
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            return Err(self.bad(at, seq, "it is not a record of a known kind"));
        };
        if (at == 1) != matches!(record, Record::Open { .. }) {
            return Err(self.bad(at, seq, "a segment starts with one opening record"));
        }
        match &record {
            Record::Open { format, segment, instance: _, key } => {
                if *format != FORMAT || *segment != self.segments {
                    return Err(self.bad(at, seq, "it opens another segment or format"));
                }
                self.texts.clear();
                self.n_texts = 0;
                if self.key(key).is_none() {
                    return Err(self.bad(at, seq, "it names a signing key that is not expected"));
                }
                self.signature(line, at, seq, Some(key))?;
            }
            Record::Checkpoint { .. } => self.signature(line, at, seq, None)?,
            Record::Close { records, .. } => {
                self.signature(line, at, seq, None)?;
                if *records != at {
                    return Err(self.bad(at, seq, "it counts other lines than the segment has"));
                }
                self.closed = true;
            }
            Record::Text { n, id, text } => {
                self.define(*n, id, text.as_bytes(), at, seq)?;
            }
            Record::Touched { n, id, touched } => {
                let json = serde_json::to_vec(touched).unwrap_or_default();
                self.define(*n, id, &json, at, seq)?;
            }
            Record::Intent(statement) | Record::Refusal(statement) => {
                let texts = [Some(&statement.original), statement.rewritten.as_ref()];
                let named = texts.into_iter().flatten().filter_map(|said| match said {
                    Said::Named(id) => Some(id),
                    Said::Once { .. } => None,
                });
                for id in named.chain(statement.touched.as_ref()) {
                    if !self.texts.contains(id) {
                        return Err(self.bad(at, seq, "it refers to a text that is not recorded"));
                    }
                }
            }
            Record::Recovered(found) => {
                if let Some(last) = found.lost_up_to {
                    let reason = format!(
                        "records up to sequence {last} were lost before this start of the gateway"
                    );
                    return Err(self.bad(at, seq, &reason));
                }
                if found.head_missing {
                    return Err(self.bad(at, seq, "the head file was missing at this start"));
                }
                self.notes.push(format!(
                    "sequence {seq}: the run before was killed; {} bytes of an incomplete line \
                     were cut, {} lines were signed at the next start only",
                    found.cut_bytes, found.unsigned
                ));
                if found.restored_bytes > 0 {
                    self.notes.push(format!(
                        "sequence {seq}: {} bytes that a power failure had taken were put back \
                         from the journal",
                        found.restored_bytes
                    ));
                }
            }
            Record::Outcome { .. }
            | Record::Login { .. }
            | Record::LoginFailed { .. }
            | Record::Logout { .. }
            | Record::Policy(_)
            | Record::Directory(_)
            | Record::Start { .. }
            | Record::Stop { .. }
            | Record::Alert { .. } => {}
        }
        Ok(())
    }

    fn define(
        &mut self,
        n: u64,
        id: &TextId,
        bytes: &[u8],
        at: u64,
        seq: u64,
    ) -> Result<(), VerifyError> {
        if n == 0 {
            self.texts.clear();
            self.n_texts = 0;
        }
        if n != self.n_texts || TextId::of(bytes) != *id {
            return Err(self.bad(at, seq, "its name is not that of its text"));
        }
        self.texts.insert(id.clone());
        self.n_texts += 1;
        Ok(())
    }

    fn signature(
        &mut self,
        line: &[u8],
        at: u64,
        seq: u64,
        named: Option<&str>,
    ) -> Result<(), VerifyError> {
        let allowed: Vec<VerifyingKey> = self
            .keys
            .iter()
            .filter(|key| named.is_none_or(|named| named == key.as_str()))
            .filter_map(|key| VerifyingKey::from_bytes(&from_hex::<32>(key.as_bytes())?).ok())
            .collect();
        let valid = allowed.iter().any(|key| line_signature(line, key) == Some(true));
        if !valid {
            let reason = match allowed.first().and_then(|key| line_signature(line, key)) {
                None => "it ought to be signed and is not",
                Some(_) => "its signature is not valid",
            };
            return Err(self.bad(at, seq, reason));
        }
        self.signed = seq;
        Ok(())
    }
}

/// A public key in hexadecimal, as [`verify`] and its users write it.
pub fn key_name(key: &VerifyingKey) -> String {
    to_hex(key.as_bytes())
}
