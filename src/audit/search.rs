//! Finding records. Reads segment after segment in constant memory; does not verify.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::chain::Prefix;
use super::record::{
    ChangeRecord, Ending, Record, RecordedParameter, Said, Statement, Text, TextId, Touch, Verdict,
    Who,
};
use super::store::{segment_name, segments};

/// What is looked for. Everything that is given has to match.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The login, or the end user a service acts for.
    pub user: Option<String>,
    /// `schema.table`, or a table's name in any schema.
    pub table: Option<String>,
    /// A column's name.
    pub column: Option<String>,
    /// `permit`, `deny`, or a decision id.
    pub decision: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Part of the original or rewritten text, in any case; with `%`, a pattern for the whole text.
    pub sql_like: Option<String>,
    /// The session's number.
    pub session: Option<u64>,
    /// The latest so many are found.
    pub limit: usize,
}

/// A record that was found, with its texts and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The sequence number of the line.
    pub seq: u64,
    /// The time.
    pub at: Timestamp,
    /// The kind of record.
    pub kind: String,
    /// Who.
    #[serde(flatten)]
    pub who: Option<Who>,
    /// The statement's number in its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<u64>,
    /// The statement's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Verdict>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<Text>,
    /// The policy version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Text>,
    /// The client's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<Text>,
    /// The server's text, when it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewritten: Option<Text>,
    /// The relations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<Touch>,
    /// The parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<RecordedParameter>,
    /// The reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Text>,
    /// What happened, of records that are not statements; the message of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Text>,
    /// How it ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// The error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<Text>,
    /// Names a statement that ran, for its outcome.
    #[serde(skip)]
    query: Option<u64>,
}

#[derive(Debug, Default)]
struct Texts {
    texts: HashMap<TextId, Text>,
    touched: HashMap<TextId, Vec<Touch>>,
}

/// The latest records that match.
#[derive(Debug, Default)]
struct Found {
    hits: VecDeque<Hit>,
    /// How many made room for later ones.
    dropped: usize,
    /// Statements without an outcome, by their number: the how manieth hit of all.
    open: HashMap<u64, usize>,
}

impl Found {
    fn push(&mut self, hit: Hit, limit: usize) {
        if let Some(query) = hit.query {
            self.open.insert(query, self.dropped + self.hits.len());
        }
        self.hits.push_back(hit);
        if self.hits.len() > limit
            && let Some(oldest) = self.hits.pop_front()
        {
            self.dropped += 1;
            if let Some(query) = oldest.query {
                self.open.remove(&query);
            }
        }
    }

    /// The statement whose outcome this is, when it was found.
    fn ended(&mut self, query: u64) -> Option<&mut Hit> {
        let place = self.open.remove(&query)?;
        self.hits.get_mut(place.checked_sub(self.dropped)?)
    }
}

/// The latest records that match, oldest first.
pub fn search(path: &Path, filter: &Filter) -> io::Result<Vec<Hit>> {
    let mut found = Found::default();
    let mut line = Vec::new();
    for number in segments(path)? {
        let mut texts = Texts::default();
        let mut reader =
            BufReader::with_capacity(1 << 16, File::open(path.join(segment_name(number)))?);
        let mut n_lines = 0_u64;
        loop {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            // An incomplete last line is being written, or was when the gateway was killed.
            let Some(text) = line.strip_suffix(b"\n") else { break };
            n_lines += 1;
            let parsed = serde_json::from_slice::<Prefix>(text)
                .and_then(|prefix| Ok((prefix, serde_json::from_slice::<Record>(text)?)));
            let (prefix, record) = parsed.map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}, line {n_lines} is not a record", segment_name(number)),
                )
            })?;
            if let Some(hit) = texts.hit(prefix, record, filter, &mut found) {
                found.push(hit, filter.limit);
            }
        }
    }
    Ok(found.hits.into())
}

impl Texts {
    fn define(&mut self, n: u64) {
        if n == 0 {
            self.texts.clear();
            self.touched.clear();
        }
    }

    fn hit(
        &mut self,
        prefix: Prefix,
        record: Record,
        filter: &Filter,
        found: &mut Found,
    ) -> Option<Hit> {
        let mut hit = Hit::new(prefix);
        match record {
            Record::Text { n, id, text } => {
                self.define(n);
                self.texts.insert(id, text);
                return None;
            }
            Record::Touched { n, id, touched } => {
                self.define(n);
                self.touched.insert(id, touched);
                return None;
            }
            Record::Outcome { query, session: _, ending, rows, bytes, duration_us, sqlstate } => {
                if let Some(hit) = found.ended(query) {
                    hit.ending = Some(ending);
                    hit.rows = Some(rows);
                    hit.bytes = Some(bytes);
                    hit.duration_us = Some(duration_us);
                    hit.sqlstate = sqlstate;
                }
                return None;
            }
            Record::Intent(statement) => {
                hit.query = Some(statement.query);
                self.statement(&mut hit, *statement);
            }
            Record::Refusal(statement) => self.statement(&mut hit, *statement),
            Record::Login { who, method } => {
                hit.who = Some(who);
                hit.message = Some(method);
                hit.decision = Some(Verdict::Permit);
            }
            Record::LoginFailed { who, reason } => {
                hit.who = Some(who);
                hit.message = Some(reason);
                hit.decision = Some(Verdict::Deny);
            }
            Record::Logout { who, reason } => {
                hit.who = Some(who);
                hit.message = Some(reason);
            }
            Record::Policy(change) | Record::Directory(change) => {
                hit.message = Some(told(&change));
                hit.reasons = change.diagnostics;
            }
            Record::Start { version, detail } => {
                hit.message = Some(format!("rowgate {version} {detail}").trim_end().into());
            }
            Record::Stop { reason } => hit.message = Some(reason),
            Record::Alert { name, message, who } => {
                hit.who = who;
                hit.message = Some(format!("{name}: {message}").into());
            }
            Record::Recovered(found) => {
                hit.message = serde_json::to_string(&found).ok().map(Text::from);
            }
            Record::Open { .. } | Record::Checkpoint { .. } | Record::Close { .. } => return None,
        }
        filter.admits(&hit).then_some(hit)
    }

    fn statement(&self, hit: &mut Hit, statement: Statement) {
        let text = |said: &Said| match said {
            Said::Named(id) => self.texts.get(id).cloned(),
            Said::Once { text } => Some(text.clone()),
        };
        hit.who = Some(statement.who);
        hit.statement = Some(statement.statement);
        hit.command = Some(statement.command.into_owned());
        hit.decision = Some(statement.decision);
        hit.decision_id = Some(statement.decision_id);
        hit.policy = Some(statement.policy);
        hit.original = text(&statement.original);
        hit.rewritten = statement.rewritten.as_ref().and_then(text);
        hit.touched =
            statement.touched.and_then(|id| self.touched.get(&id).cloned()).unwrap_or_default();
        hit.parameters = statement.parameters;
        hit.reasons = statement.reasons;
        hit.sqlstate = statement.sqlstate;
        hit.message = statement.message;
    }
}

fn told(change: &ChangeRecord) -> Text {
    let word = if change.accepted { "accepted" } else { "refused" };
    format!("version {} {word} ({})", change.version, change.trigger).into()
}

impl Hit {
    fn new(prefix: Prefix) -> Self {
        Self {
            seq: prefix.seq,
            at: prefix.at,
            kind: prefix.kind,
            who: None,
            statement: None,
            command: None,
            decision: None,
            decision_id: None,
            policy: None,
            original: None,
            rewritten: None,
            touched: Vec::new(),
            parameters: Vec::new(),
            reasons: Vec::new(),
            message: None,
            ending: None,
            rows: None,
            bytes: None,
            duration_us: None,
            sqlstate: None,
            query: None,
        }
    }
}

impl Filter {
    fn admits(&self, hit: &Hit) -> bool {
        let who = hit.who.as_ref();
        self.since.is_none_or(|since| hit.at >= since)
            && self.until.is_none_or(|until| hit.at <= until)
            && self.session.is_none_or(|session| who.is_some_and(|who| who.session == session))
            && self.user.as_deref().is_none_or(|user| {
                who.is_some_and(|who| &*who.login == user || who.acting.as_deref() == Some(user))
            })
            && self.decision.as_deref().is_none_or(|decision| match decision {
                "permit" | "allow" => hit.decision == Some(Verdict::Permit),
                "deny" => hit.decision == Some(Verdict::Deny),
                id => hit.decision_id.as_deref() == Some(id),
            })
            && (self.table.is_none() && self.column.is_none()
                || hit.touched.iter().any(|touch| self.touches(touch)))
            && self.sql_like.as_deref().is_none_or(|pattern| {
                [&hit.original, &hit.rewritten]
                    .into_iter()
                    .flatten()
                    .any(|text| like(text, pattern))
            })
    }

    fn touches(&self, touch: &Touch) -> bool {
        let table = self.table.as_deref().is_none_or(|table| {
            &*touch.table == table
                || touch.table.rsplit_once('.').is_some_and(|(_, name)| name == table)
        });
        let column = self
            .column
            .as_deref()
            .is_none_or(|column| touch.columns.iter().any(|touched| &**touched == column));
        table && column
    }
}

/// `%` stands for anything; without one the text only has to contain the pattern.
fn like(text: &str, pattern: &str) -> bool {
    let text = text.to_lowercase();
    let pattern = pattern.to_lowercase();
    if !pattern.contains('%') {
        return text.contains(&pattern);
    }
    let mut rest = text.as_str();
    let mut parts = pattern.split('%').peekable();
    if let Some(first) = parts.next() {
        let Some(tail) = rest.strip_prefix(first) else { return false };
        rest = tail;
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, tail)) = rest.split_once(part) else { return false };
        rest = tail;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(query: Option<u64>) -> Hit {
        let at = Timestamp::UNIX_EPOCH;
        let (prev, kind) = (String::new(), "intent".to_owned());
        Hit { query, ..Hit::new(Prefix { seq: 1, prev, at, kind, sig: None }) }
    }

    #[test]
    fn an_outcome_is_told_of_another_statement() {
        let mut found = Found::default();
        for query in [Some(1), None, Some(3), Some(5), None, Some(8)] {
            found.push(hit(query), 4);
        }
        assert!(found.ended(1).is_none(), "it has made room");
        assert!(found.ended(2).is_none(), "it was not found");
        for query in [8, 3, 5] {
            assert_eq!(found.ended(query).and_then(|hit| hit.query), Some(query));
            assert!(found.ended(query).is_none(), "it has ended");
        }
        assert_eq!((found.hits.len(), found.open.len()), (4, 0));
    }

    #[test]
    fn patterns_match_as_people_expect() {
        assert!(like("SELECT * FROM crm.account", "ACCOUNT"));
        assert!(like("SELECT * FROM crm.account", "select%account"));
        assert!(!like("SELECT * FROM crm.account", "account%"));
        assert!(!like("SELECT 1", "select%account"));
        assert!(!like("ab", "ab%b"));
    }
}
