//! What a line of the log says behind its sequence number, hash and time. Pure.
//!
//! Two lines are written for every statement: they are put together here from their parts, in the
//! same bytes that serde makes of [`Record::Intent`] and [`Record::Outcome`], in a fraction of its
//! instructions. All others are serde's.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::chain::{push_hex, to_hex};
use super::record::{Ending, Outcome, Record, RecordedParameter, Said, Text, TextId};

/// A parameter as the log may show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown<'p> {
    /// NULL; nothing to protect.
    Null,
    /// The text value, without secrets.
    Text(Cow<'p, str>),
    /// The binary value.
    Binary(&'p [u8]),
    /// The keyed hash of either.
    Hash([u8; 32]),
    /// Not recorded.
    Omitted,
}

impl From<Shown<'_>> for RecordedParameter {
    fn from(shown: Shown<'_>) -> Self {
        match shown {
            Shown::Null => Self::Null,
            Shown::Text(text) => Self::Text(text.as_ref().into()),
            Shown::Binary(bytes) => Self::Binary(to_hex(bytes)),
            Shown::Hash(hash) => Self::Hash(to_hex(&hash)),
            Shown::Omitted => Self::Omitted,
        }
    }
}

/// A statement that is about to run: the parts of a [`Record::Intent`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Running<'a> {
    pub(super) query: u64,
    /// A [`super::Who`] as JSON.
    pub(super) who: &'a RawValue,
    pub(super) statement: u64,
    pub(super) command: &'a str,
    pub(super) decision: &'a str,
    pub(super) policy: &'a str,
    pub(super) original: &'a Said,
    pub(super) rewritten: Option<&'a Said>,
    pub(super) touched: Option<&'a TextId>,
    pub(super) parameters: &'a [Shown<'a>],
    pub(super) reasons: &'a [Text],
}

/// Writes a record's fields, each with the comma before it, and the end of the object.
pub(super) fn record(out: &mut Vec<u8>, record: &Record) -> Result<(), serde_json::Error> {
    let start = out.len();
    serde_json::to_writer(&mut *out, record)?;
    // The record's own object goes on with the one that has begun.
    if let Some(brace) = out.get_mut(start) {
        *brace = b',';
    }
    Ok(())
}

/// The same for a [`Record::Intent`].
pub(super) fn intent(out: &mut Vec<u8>, running: Running<'_>) -> Result<(), serde_json::Error> {
    let Running {
        query,
        who,
        statement,
        command,
        decision,
        policy,
        original,
        rewritten,
        touched,
        parameters,
        reasons,
    } = running;
    number(out, b",\"kind\":\"intent\",\"query\":", query);
    out.extend_from_slice(b",\"who\":");
    out.extend_from_slice(who.get().as_bytes());
    number(out, b",\"statement\":", statement);
    string(out, b",\"command\":", command)?;
    string(out, b",\"decision\":\"permit\",\"decision_id\":", decision)?;
    string(out, b",\"policy\":", policy)?;
    said(out, b",\"original\":", original)?;
    if let Some(rewritten) = rewritten {
        said(out, b",\"rewritten\":", rewritten)?;
    }
    if let Some(touched) = touched {
        string(out, b",\"touched\":", &touched.0)?;
    }
    list(out, b",\"parameters\":", parameters, parameter)?;
    list(out, b",\"reasons\":", reasons, |out, reason| string(out, b"", reason))?;
    out.push(b'}');
    Ok(())
}

/// The same for a [`Record::Outcome`].
pub(super) fn outcome(
    out: &mut Vec<u8>,
    query: u64,
    session: u64,
    outcome: &Outcome,
) -> Result<(), serde_json::Error> {
    let Outcome { at: _, ending, rows, bytes, duration_us, sqlstate } = outcome;
    number(out, b",\"kind\":\"outcome\",\"query\":", query);
    number(out, b",\"session\":", session);
    out.extend_from_slice(match ending {
        Ending::Completed => b",\"ending\":\"completed\"",
        Ending::Failed => b",\"ending\":\"failed\"",
        Ending::Cancelled => b",\"ending\":\"cancelled\"",
        Ending::NotRun => b",\"ending\":\"not_run\"",
    });
    number(out, b",\"rows\":", *rows);
    number(out, b",\"bytes\":", *bytes);
    number(out, b",\"duration_us\":", *duration_us);
    if let Some(sqlstate) = sqlstate {
        string(out, b",\"sqlstate\":", sqlstate)?;
    }
    out.push(b'}');
    Ok(())
}

fn number(out: &mut Vec<u8>, name: &[u8], number: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn string(out: &mut Vec<u8>, name: &[u8], text: &str) -> Result<(), serde_json::Error> {
    out.extend_from_slice(name);
    // Without a way out of the loop: the compiler takes many bytes at a time.
    let escapes = text.bytes().fold(0, |escapes, byte| {
        escapes | u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\')
    });
    if escapes != 0 {
        return serde_json::to_writer(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

fn said(out: &mut Vec<u8>, name: &[u8], said: &Said) -> Result<(), serde_json::Error> {
    match said {
        Said::Named(TextId(id)) => string(out, name, id),
        Said::Once { text } => {
            out.extend_from_slice(name);
            string(out, b"{\"text\":", text)?;
            out.push(b'}');
            Ok(())
        }
    }
}

fn parameter(out: &mut Vec<u8>, shown: &Shown<'_>) -> Result<(), serde_json::Error> {
    let hex = |out: &mut Vec<u8>, name: &[u8], bytes: &[u8]| {
        out.extend_from_slice(name);
        push_hex(out, bytes);
        out.extend_from_slice(b"\"}");
    };
    match shown {
        Shown::Null => out.extend_from_slice(b"\"null\""),
        Shown::Text(text) => {
            string(out, b"{\"text\":", text)?;
            out.push(b'}');
        }
        Shown::Binary(bytes) => hex(out, b"{\"binary\":\"", bytes),
        Shown::Hash(hash) => hex(out, b"{\"hash\":\"", hash),
        Shown::Omitted => out.extend_from_slice(b"\"omitted\""),
    }
    Ok(())
}

/// A list that is left out when there is nothing in it.
fn list<T>(
    out: &mut Vec<u8>,
    name: &[u8],
    items: &[T],
    item: impl Fn(&mut Vec<u8>, &T) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    if items.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(name);
    for (index, one) in items.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        item(out, one)?;
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

    use super::super::record::{Statement, Verdict};
    use super::super::{Text, Who};
    use super::*;

    /// Every byte that JSON escapes, those beside them, and letters of several bytes.
    fn text() -> impl Strategy<Value = String> {
        let any_ascii = (0_u8..128).prop_map(char::from);
        vec(prop_oneof![any_ascii, any::<char>(), Just('"'), Just('\\'), Just('\u{1f}')], 0..40)
            .prop_map(|letters| letters.into_iter().collect())
    }

    fn some_said() -> impl Strategy<Value = Said> {
        prop_oneof![
            text().prop_map(|id| Said::Named(TextId(id.into()))),
            text().prop_map(|text| Said::Once { text: text.into() }),
        ]
    }

    fn shown() -> impl Strategy<Value = Shown<'static>> {
        prop_oneof![
            Just(Shown::Null),
            Just(Shown::Omitted),
            text().prop_map(|text| Shown::Text(Cow::Owned(text))),
            vec(any::<u8>(), 0..40).prop_map(|bytes| Shown::Binary(bytes.leak())),
            any::<[u8; 32]>().prop_map(Shown::Hash),
        ]
    }

    fn written(fields: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>) -> String {
        let mut out = Vec::new();
        fields(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn a_statement_is_written_as_serde_writes_it(
            (query, statement, session) in any::<(u64, u64, u64)>(),
            (login, command, decision, policy) in (text(), text(), text(), text()),
            (original, rewritten) in (some_said(), option::of(some_said())),
            touched in option::of(text()),
            parameters in vec(shown(), 0..4),
            reasons in vec(text(), 0..3),
        ) {
            let who = Who { login: login.into(), session, ..Who::default() };
            let reasons: Vec<Text> = reasons.into_iter().map(Text::from).collect();
            let touched = touched.map(|id| TextId(id.into()));
            let running = Running {
                query,
                who: &serde_json::value::to_raw_value(&who).unwrap(),
                statement,
                command: &command,
                decision: &decision,
                policy: &policy,
                original: &original,
                rewritten: rewritten.as_ref(),
                touched: touched.as_ref(),
                parameters: &parameters,
                reasons: &reasons,
            };
            let found = written(|out| intent(out, running));
            let same = Record::Intent(Box::new(Statement {
                query,
                who,
                statement,
                command: command.into(),
                decision: Verdict::Permit,
                decision_id: decision.into(),
                policy: policy.into(),
                original,
                rewritten,
                touched,
                parameters: parameters.into_iter().map(RecordedParameter::from).collect(),
                reasons,
                sqlstate: None,
                message: None,
            }));
            assert_eq!(found, written(|out| record(out, &same)));
            let read: Record = serde_json::from_str(&found.replacen(',', "{", 1)).unwrap();
            assert_eq!(read, same);
        }

        #[test]
        fn an_outcome_is_written_as_serde_writes_it(
            (query, session, rows, bytes, duration_us) in any::<(u64, u64, u64, u64, u64)>(),
            ending in proptest::sample::select(vec![
                Ending::Completed, Ending::Failed, Ending::Cancelled, Ending::NotRun,
            ]),
            sqlstate in option::of(text()),
        ) {
            let sqlstate: Option<Text> = sqlstate.map(Text::from);
            let ended = Outcome {
                at: Timestamp::UNIX_EPOCH,
                ending,
                rows,
                bytes,
                duration_us,
                sqlstate: sqlstate.clone(),
            };
            let found = written(|out| outcome(out, query, session, &ended));
            let same =
                Record::Outcome { query, session, ending, rows, bytes, duration_us, sqlstate };
            assert_eq!(found, written(|out| record(out, &same)));
        }
    }
}
