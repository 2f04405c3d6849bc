//! From records to the bytes of segments: chain, dictionary of texts, checkpoints, rotation. Does
//! no I/O; bytes stay pending until the writer says that they are written.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Instant;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::chain::{Hash, Head, Tip, to_hex};
use super::line::{self, Running, Shown};
use super::record::{
    Change, ChangeRecord, Event, FORMAT, Intent, Parameter, ParameterValue, Parameters, Record,
    Refused, Said, Statement, Text, TextId, Touch, Verdict, Who,
};
use super::recover::Resume;
use super::redact::redact;
use super::settings::AuditSettings;
use super::writer::{Entry, Item};
use crate::rewrite::Touched;

/// The dictionary starts anew beyond so many texts …
const DICTIONARY_TEXTS: u64 = 4096;
/// … or so many bytes, so that readers need little memory.
const DICTIONARY_BYTES: usize = 16 << 20;

/// A buffer that has grown beyond this is given back.
const SPARE: usize = 256 << 10;
/// So many texts that came once are remembered, by their hashes.
const SEEN: usize = 1 << 16;
/// So many of a kind, as a power of two, …
const RECENT_BITS: u32 = 10;
/// … are found by their address, texts …
const RECENT: usize = 1 << RECENT_BITS;
/// … of at most so many bytes: they stay in memory.
const RECENT_TEXT: usize = 4096;

/// Bytes for one place in one segment.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// The texts that the open segment holds already.
#[derive(Debug, Default)]
struct Dictionary {
    n: u64,
    bytes: usize,
    known: HashSet<TextId>,
    /// Texts without secrets, by themselves: saves redaction and hash when they come again.
    plain: HashMap<Text, TextId>,
    /// What was touched, by itself: saves its JSON and hash when it comes again.
    touched: HashMap<Arc<[Touched]>, TextId>,
    /// The lists that have come just now: statements of one plan share theirs.
    recent_touched: Recent<[Touched], TextId>,
    /// The texts that have come just now: statements that are prepared share theirs.
    recent_texts: Recent<str, TextId>,
}

/// What was made of something shared, by its address, which the copy beside it keeps in use.
#[derive(Debug)]
struct Recent<K: ?Sized, V>(Vec<Option<(Arc<K>, V)>>);

impl<K: ?Sized, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: ?Sized, V: Clone> Recent<K, V> {
    fn place(&mut self, key: &Arc<K>) -> Option<&mut Option<(Arc<K>, V)>> {
        if self.0.is_empty() {
            self.0.resize_with(RECENT, || None);
        }
        self.0.get_mut(place_of(Arc::as_ptr(key).addr() as u64))
    }

    fn get(&mut self, key: &Arc<K>) -> Option<V> {
        let (known, value) = self.place(key)?.as_ref()?;
        Arc::ptr_eq(known, key).then(|| value.clone())
    }

    fn put(&mut self, key: &Arc<K>, value: V) {
        if let Some(place) = self.place(key) {
            *place = Some((Arc::clone(key), value));
        }
    }
}

/// The place of an address among [`RECENT`]. Things of one size lie at equal distances: each digit of the
/// address has to matter for the place.
fn place_of(address: u64) -> usize {
    const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
    let spread = address.wrapping_mul(GOLDEN_RATIO);
    let spread = (spread ^ (spread >> 32)).wrapping_mul(GOLDEN_RATIO);
    usize::try_from(spread >> (u64::BITS - RECENT_BITS)).unwrap_or_default()
}

pub(super) struct Renderer {
    settings: AuditSettings,
    key: SigningKey,
    parameter_key: [u8; 32],
    tip: Tip,
    segment: u64,
    /// Length of the open segment, pending bytes included.
    length: u64,
    lines: u64,
    opened: Instant,
    unsigned: u64,
    signed_at: Instant,
    dictionary: Dictionary,
    people: Recent<Who, Arc<RawValue>>,
    /// Hashes of texts that came once.
    seen: HashSet<u64>,
    hasher: RandomState,
    pending: Vec<Chunk>,
    /// The buffer of the last write, for the next one.
    spare: Option<Vec<u8>>,
    closed: bool,
    /// The tip that the head file names.
    head: Option<Tip>,
    head_at: Option<Instant>,
}

impl Renderer {
    /// Closes what the last run left open and opens the next segment.
    pub(super) fn new(
        settings: AuditSettings,
        key: SigningKey,
        resume: Resume,
    ) -> Result<Self, serde_json::Error> {
        let now = Instant::now();
        let mut renderer = Self {
            parameter_key: blake3::derive_key(
                "rowgate 2026 audit log parameter hash",
                key.as_bytes(),
            ),
            settings,
            key,
            tip: resume.tip,
            segment: 0,
            length: 0,
            lines: 0,
            opened: now,
            unsigned: 0,
            signed_at: now,
            dictionary: Dictionary::default(),
            people: Recent::default(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            pending: Vec::new(),
            spare: None,
            closed: false,
            head: None,
            head_at: None,
        };
        if let Some((segment, length, lines)) = resume.unclosed {
            renderer.segment = segment;
            renderer.length = length;
            renderer.lines = lines;
            renderer.unsigned = resume.recovered.as_ref().map_or(0, |found| found.unsigned);
            let record = Record::Close { records: lines + 1, reason: "recovery".into() };
            renderer.record((renderer.settings.clock)(), &record, true)?;
        }
        renderer.open(resume.next)?;
        if let Some(recovered) = resume.recovered {
            renderer.record((renderer.settings.clock)(), &Record::Recovered(recovered), false)?;
        }
        Ok(renderer)
    }

    pub(super) fn entry(&mut self, entry: Entry) {
        self.renew_dictionary_if_full();
        let rendered = match entry.item {
            Item::Intent(intent) => self.intent(entry.number, &intent),
            Item::Outcome { query, session, outcome } => {
                self.line(outcome.at, false, |out| line::outcome(out, query, session, &outcome))
            }
            Item::Event(event) => {
                let (at, rendered) = self.event(entry.number, event);
                rendered.and_then(|record| self.record(at, &record, false))
            }
        };
        complain(rendered);
    }

    /// Says how many records did not fit into memory while the disk failed.
    pub(super) fn lost(&mut self, n_records: u64) {
        let record = Record::Alert {
            name: "audit_records_lost".into(),
            message: format!("{n_records} records did not fit while the log could not be written")
                .into(),
            who: None,
        };
        let result = self.record((self.settings.clock)(), &record, false);
        complain(result);
    }

    pub(super) fn checkpoint_if_due(&mut self) {
        if self.unsigned == 0 {
            return;
        }
        if self.unsigned >= self.settings.checkpoint_lines
            || self.signed_at.elapsed() >= self.settings.checkpoint_interval
        {
            let record = Record::Checkpoint { covers: self.unsigned };
            let result = self.record((self.settings.clock)(), &record, true);
            complain(result);
        }
    }

    pub(super) fn close(&mut self, reason: &str) {
        let record = Record::Close { records: self.lines + 1, reason: reason.into() };
        let result = self.record((self.settings.clock)(), &record, true);
        complain(result);
        self.closed = true;
    }

    pub(super) fn pending(&self) -> &[Chunk] {
        &self.pending
    }

    /// The pending bytes are where they belong.
    pub(super) fn written(&mut self) {
        for Chunk { mut bytes, .. } in self.pending.drain(..) {
            if self.spare.is_none() && bytes.capacity() <= SPARE {
                bytes.clear();
                self.spare = Some(bytes);
            }
        }
    }

    /// When there is something to do without new records.
    pub(super) fn due(&self) -> Option<Instant> {
        let checkpoint =
            (self.unsigned > 0).then(|| self.signed_at + self.settings.checkpoint_interval);
        let head = (self.head != Some(self.tip))
            .then(|| self.head_at.map_or_else(Instant::now, |at| at + self.settings.head_interval));
        checkpoint.into_iter().chain(head).min()
    }

    /// The head file, when it is old enough to be replaced.
    pub(super) fn head_if_due(&self) -> Option<Vec<u8>> {
        let fresh = self.head_at.is_some_and(|at| at.elapsed() < self.settings.head_interval);
        if self.head == Some(self.tip) || (fresh && !self.closed) {
            return None;
        }
        let head = Head {
            format: FORMAT,
            instance: self.settings.instance.clone(),
            segment: self.segment,
            seq: self.tip.seq,
            hash: self.tip.hash.to_hex(),
            closed: self.closed,
            at: format!("{:.6}", (self.settings.clock)()),
            key: to_hex(self.key.verifying_key().as_bytes()),
        };
        match head.seal(&self.key) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                complain(Err(error));
                None
            }
        }
    }

    pub(super) fn head_written(&mut self) {
        self.head = Some(self.tip);
        self.head_at = Some(Instant::now());
    }

    fn open(&mut self, segment: u64) -> Result<(), serde_json::Error> {
        self.segment = segment;
        self.length = 0;
        self.lines = 0;
        self.opened = Instant::now();
        self.dictionary = Dictionary::default();
        let record = Record::Open {
            format: FORMAT,
            segment,
            instance: self.settings.instance.as_str().into(),
            key: to_hex(self.key.verifying_key().as_bytes()),
        };
        self.record((self.settings.clock)(), &record, true)
    }

    /// The open segment has its size or its age.
    pub(super) fn rotation_due(&self) -> bool {
        self.length >= self.settings.segment_size
            || self.opened.elapsed() >= self.settings.segment_age
    }

    pub(super) fn rotate_if_due(&mut self) {
        if !self.rotation_due() {
            return;
        }
        self.close("rotation");
        self.closed = false;
        let result = self.open(self.segment + 1);
        complain(result);
    }

    fn record(
        &mut self,
        at: Timestamp,
        record: &Record,
        signed: bool,
    ) -> Result<(), serde_json::Error> {
        self.line(at, signed, |out| line::record(out, record))
    }

    fn line(
        &mut self,
        at: Timestamp,
        signed: bool,
        fields: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
    ) -> Result<(), serde_json::Error> {
        let key = signed.then_some(&self.key);
        if self.pending.last().is_none_or(|chunk| chunk.segment != self.segment) {
            let bytes = self.spare.take().unwrap_or_default();
            self.pending.push(Chunk { segment: self.segment, offset: self.length, bytes });
        }
        if let Some(Chunk { bytes, .. }) = self.pending.last_mut() {
            let before = bytes.len();
            self.tip.append_fields(bytes, at, fields, key)?;
            self.length += (bytes.len() - before) as u64;
        }
        self.lines += 1;
        if signed {
            self.unsigned = 0;
            self.signed_at = Instant::now();
        } else {
            self.unsigned += 1;
        }
        Ok(())
    }

    fn intent(&mut self, query: u64, intent: &Intent) -> Result<(), serde_json::Error> {
        let at = intent.at;
        let original = self.text(at, &intent.original)?;
        let rewritten = intent.rewritten.as_ref().map(|text| self.text(at, text)).transpose()?;
        let touched = self.touched(at, &intent.touched)?;
        let who = self.actor(&intent.who)?;
        let parameters: Vec<Shown<'_>> =
            intent.parameters.iter().map(|parameter| self.shown(parameter)).collect();
        let running = Running {
            query,
            who: &who,
            statement: intent.statement,
            command: intent.command,
            decision: &intent.decision.0,
            policy: &intent.policy.0,
            original: &original,
            rewritten: rewritten.as_ref(),
            touched: touched.as_ref(),
            parameters: &parameters,
            reasons: &intent.reasons,
        };
        self.line(at, false, |out| line::intent(out, running))
    }

    fn refused(&mut self, query: u64, refused: Refused) -> Result<Record, serde_json::Error> {
        let at = refused.at;
        let original = self.text(at, &refused.original)?;
        let reasons = if refused.reason.is_empty() {
            Vec::new()
        } else {
            vec![redact(&refused.reason).as_ref().into()]
        };
        Ok(Record::Refusal(Box::new(Statement {
            query,
            statement: refused.statement,
            command: refused.command.into(),
            decision: Verdict::Deny,
            decision_id: refused.decision.0.into(),
            policy: refused.policy.0.into(),
            original,
            rewritten: None,
            touched: self.touched(at, &refused.touched)?,
            parameters: refused.parameters.iter().map(|one| self.shown(one).into()).collect(),
            reasons,
            sqlstate: Some(refused.sqlstate),
            message: Some(redact(&refused.message).as_ref().into()),
            who: Arc::unwrap_or_clone(refused.who),
        })))
    }

    fn event(
        &mut self,
        query: u64,
        event: Event,
    ) -> (Timestamp, Result<Record, serde_json::Error>) {
        match event {
            Event::Refused(refused) => (refused.at, self.refused(query, *refused)),
            Event::Login { at, who, method } => {
                (at, Ok(Record::Login { who: Who::clone(&who), method }))
            }
            Event::LoginFailed { at, who, reason } => {
                (at, Ok(Record::LoginFailed { who: Who::clone(&who), reason }))
            }
            Event::Logout { at, who, reason } => {
                (at, Ok(Record::Logout { who: Who::clone(&who), reason }))
            }
            Event::Policy(change) => (change.at, Ok(Record::Policy(recorded(change)))),
            Event::Directory(change) => (change.at, Ok(Record::Directory(recorded(change)))),
            Event::Start { at, version, detail } => (at, Ok(Record::Start { version, detail })),
            Event::Stop { at, reason } => (at, Ok(Record::Stop { reason })),
            Event::Alert { at, name, message, who } => {
                let who = who.map(|who| Who::clone(&who));
                (at, Ok(Record::Alert { name, message, who }))
            }
        }
    }

    /// The sessions that are busy have their JSON ready.
    fn actor(&mut self, who: &Arc<Who>) -> Result<Arc<RawValue>, serde_json::Error> {
        if let Some(json) = self.people.get(who) {
            return Ok(json);
        }
        let json = Arc::from(serde_json::value::to_raw_value(&**who)?);
        self.people.put(who, Arc::clone(&json));
        Ok(json)
    }

    /// A text as it is when it comes for the first time: most texts with constants in them never
    /// come again. The second time it gets a name.
    fn text(&mut self, at: Timestamp, text: &Text) -> Result<Said, serde_json::Error> {
        if let Some(id) = self.dictionary.recent_texts.get(text.shared()) {
            return Ok(Said::Named(id));
        }
        if let Some(id) = self.dictionary.plain.get(text) {
            if text.len() <= RECENT_TEXT {
                self.dictionary.recent_texts.put(text.shared(), id.clone());
            }
            return Ok(Said::Named(id.clone()));
        }
        let redacted = redact(text);
        if self.seen.len() >= SEEN {
            self.seen.clear();
        }
        // Two texts with one hash: the second one gets its name a little early.
        if self.seen.insert(self.hasher.hash_one(&**text)) {
            return Ok(Said::Once {
                text: match redacted {
                    Cow::Borrowed(_) => text.clone(),
                    Cow::Owned(redacted) => redacted.into(),
                },
            });
        }
        let id = TextId::of(redacted.as_bytes());
        if !self.dictionary.known.contains(&id) {
            let n = self.define(&id, redacted.len());
            let record = Record::Text { n, id: id.clone(), text: redacted.as_ref().into() };
            self.record(at, &record, false)?;
        }
        if *redacted == **text {
            self.dictionary.plain.insert(text.clone(), id.clone());
        }
        Ok(Said::Named(id))
    }

    fn touched(
        &mut self,
        at: Timestamp,
        touched: &Arc<[Touched]>,
    ) -> Result<Option<TextId>, serde_json::Error> {
        if touched.is_empty() {
            return Ok(None);
        }
        if let Some(id) = self.dictionary.recent_touched.get(touched) {
            return Ok(Some(id));
        }
        if let Some(id) = self.dictionary.touched.get(touched) {
            self.dictionary.recent_touched.put(touched, id.clone());
            return Ok(Some(id.clone()));
        }
        let list: Vec<Touch> = touched.iter().map(Touch::from).collect();
        let json = serde_json::to_vec(&list)?;
        let id = TextId::of(&json);
        if !self.dictionary.known.contains(&id) {
            let n = self.define(&id, json.len());
            self.record(at, &Record::Touched { n, id: id.clone(), touched: list }, false)?;
        }
        self.dictionary.touched.insert(Arc::clone(touched), id.clone());
        Ok(Some(id))
    }

    /// Starts the dictionary anew when it is full. Never between the texts of one statement: all of
    /// them have to be known when the statement refers to them.
    fn renew_dictionary_if_full(&mut self) {
        if self.dictionary.n >= DICTIONARY_TEXTS || self.dictionary.bytes >= DICTIONARY_BYTES {
            self.dictionary = Dictionary::default();
        }
    }

    fn define(&mut self, id: &TextId, length: usize) -> u64 {
        let n = self.dictionary.n;
        self.dictionary.n += 1;
        self.dictionary.bytes += length;
        self.dictionary.known.insert(id.clone());
        n
    }

    /// What may be seen of a parameter: the stricter of its class and the setting decides.
    fn shown<'p>(&self, parameter: &'p Parameter) -> Shown<'p> {
        let hashed =
            |value: &[u8]| Shown::Hash(*blake3::keyed_hash(&self.parameter_key, value).as_bytes());
        match (parameter.class.max(self.settings.parameters), &parameter.value) {
            (Parameters::Omit, _) => Shown::Omitted,
            (Parameters::Record | Parameters::Hash, ParameterValue::Null) => Shown::Null,
            (Parameters::Record, ParameterValue::Text(text)) => Shown::Text(redact(text)),
            (Parameters::Record, ParameterValue::Binary(bytes)) => Shown::Binary(bytes),
            (Parameters::Hash, ParameterValue::Text(text)) => hashed(text.as_bytes()),
            (Parameters::Hash, ParameterValue::Binary(bytes)) => hashed(bytes),
        }
    }
}

impl TextId {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut id = Hash::of(bytes).to_hex();
        id.truncate(32);
        Self(id.into())
    }
}

fn recorded(change: Change) -> ChangeRecord {
    let Change { at: _, accepted, version, previous, trigger, diagnostics } = change;
    ChangeRecord { accepted, version, previous, trigger, diagnostics }
}

/// Records are plain structures of text and numbers; serde_json fails on none of them.
fn complain(result: Result<(), serde_json::Error>) {
    if let Err(error) = result {
        tracing::error!(%error, "a record could not be written as JSON");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_push_each_other_out_of_what_is_found_by_address() {
        for distance in (16..=4096).step_by(16) {
            let address = |session: u64| 0x7f12_3456_0000 + session * distance;
            let places: HashSet<usize> =
                (0..256).map(|session| place_of(address(session))).collect();
            assert!(places.len() >= 192, "{distance} bytes apart: {} places", places.len());
            assert!(places.iter().all(|place| *place < RECENT));
        }
    }
}
