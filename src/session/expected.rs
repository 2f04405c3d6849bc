//! What the server still owes: one entry per message sent to it that it answers. An entry says what
//! becomes of the frames that come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use super::budget::Tells;
use super::ledger::{Durable, Intent, StatementEnd};
use super::names::{Prepared, Undo};
use super::usage::Usages;
use crate::error::Refusal;
use crate::ids::{Login, TypeId};
use crate::protocol::message::{Field, Report};
use crate::rewrite::{Answer, Rewrite, StatementPlan, Touched};

/// Which message was sent.
#[derive(Debug)]
pub(super) enum Request {
    /// A Query: answers of each statement, then ReadyForQuery.
    Query,
    /// A Parse.
    Parse,
    /// A Bind.
    Bind {
        /// The formats of the columns: one for all or one each, text where there are none.
        results: Vec<i16>,
        /// The RowDescription that follows the answer.
        columns: Option<Bytes>,
    },
    /// A Describe of a statement.
    DescribeStatement {
        /// How many parameters at the end are rowgate's.
        hidden: usize,
        /// The statement's name on the server, to remember what the client was told; with the
        /// description that a repeated Parse has to match.
        remember: Option<(String, Option<Description>)>,
        /// The parameters, once they have come.
        parameters: Vec<TypeId>,
    },
    /// A Describe of a portal.
    DescribePortal {
        /// The statement on the connection whose columns are remembered with it.
        remember: Option<String>,
    },
    /// An Execute.
    Execute,
    /// A Close.
    Close,
    /// A Sync: ReadyForQuery.
    Sync,
    /// A FunctionCall: one value, then ReadyForQuery.
    FunctionCall,
    /// The client ended its COPY input; the server answers nothing to that.
    CopyEnd,
    /// rowgate's own Execute of the query for the search path.
    SearchPath,
    /// rowgate's own Execute of the query for what is left on a borrowed connection.
    Left,
    /// A Close of nothing in place of a Parse: the statement is on the connection already.
    Prepared,
    /// A Parse or Bind in place of a Query: the client hears of it only when it fails, and of the
    /// columns when they are known.
    Unasked {
        /// The RowDescription.
        columns: Option<Bytes>,
    },
}

impl Request {
    /// A Bind of rowgate's own, or one whose columns nobody knows.
    pub(super) fn bind() -> Self {
        Self::Bind { results: Vec::new(), columns: None }
    }
}

/// What a client was told about a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// The client's parameter types.
    pub(super) parameters: Vec<TypeId>,
    /// The columns; `None` when it returns no rows.
    pub(super) fields: Option<Vec<Field>>,
}

/// A statement's texts, for positions in errors.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The client's text.
    pub(super) text: Arc<str>,
    /// What the server runs.
    pub(super) rewrite: Arc<Rewrite>,
    /// What its EXECUTEs run, by their index; a statement that SQL PREPARE made runs itself.
    pub(super) executed: Vec<(usize, Arc<Prepared>)>,
}

impl Source {
    /// What becomes of the rows of the statement at this index.
    pub(super) fn answer(&self, at: usize) -> Answer {
        let Some(statement) = self.rewrite.plan().statements.get(at) else { return Answer::Relay };
        match statement.answer {
            Answer::Relay => self.executed(at).map_or(Answer::Relay, Prepared::answer),
            // EXPLAIN of an EXECUTE runs nothing.
            Answer::RedactPlan(_) | Answer::DropRows | Answer::CutLastColumn | Answer::Staged => {
                statement.answer
            }
        }
    }

    fn executed(&self, at: usize) -> Option<&Prepared> {
        self.executed.iter().find(|(index, _)| *index == at).map(|(_, prepared)| &**prepared)
    }
}

/// A change of SQL-level statement names, made when its statement completes.
#[derive(Debug)]
pub(super) enum NameChange {
    /// PREPARE.
    Prepare(String, Box<Prepared>),
    /// DEALLOCATE; `None` is ALL.
    Deallocate(Option<String>),
}

/// The answer to a statement that rowgate answers itself: the server gets an empty query instead.
#[derive(Debug, Clone)]
pub(super) struct LocalAnswer {
    /// Column and value; `None` returns no rows.
    pub(super) row: Option<(String, String)>,
    /// The command tag.
    pub(super) tag: &'static str,
}

/// How many rows a statement may return.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// At most this many; `None` sets no limit.
    pub(super) limit: Option<u64>,
    /// What counts against it: a portal or cursor is read in several goes.
    pub(super) returned: Arc<AtomicU64>,
    /// The limit of the day.
    pub(super) day: Option<DayAllowance>,
}

/// What a person may read in a day.
#[derive(Debug)]
pub(super) struct DayAllowance {
    pub(super) usages: Arc<Usages>,
    pub(super) who: Login,
    pub(super) limit: u64,
}

/// A statement that runs, with its audit record.
pub(super) struct Running {
    /// The record of the intent.
    pub(super) intent: Arc<dyn Intent>,
    /// Until the record is safe, no byte of the answer leaves.
    pub(super) guarded: bool,
    /// When it was decided.
    pub(super) since: Instant,
    /// Rows so far.
    pub(super) rows: u64,
    /// Bytes so far.
    pub(super) bytes: u64,
    /// Since when the statement runs whose answer comes now.
    pub(super) statement_since: Instant,
    /// It ran for too long and the server was asked to cancel.
    pub(super) timed_out: bool,
    /// What it may return.
    pub(super) allowance: Allowance,
    /// The limit was exceeded and the server was asked to cancel.
    pub(super) over_limit: bool,
    /// It ended and its end is recorded.
    pub(super) ended: bool,
    /// What it may tell by failing; `None` for a principal from whom nothing is hidden.
    pub(super) tells: Option<Tells>,
}

impl Running {
    /// A statement that starts now.
    pub(super) fn new(intent: Arc<dyn Intent>, guarded: bool, allowance: Allowance) -> Self {
        let now = Instant::now();
        Self {
            intent,
            guarded,
            since: now,
            statement_since: now,
            timed_out: false,
            rows: 0,
            bytes: 0,
            allowance,
            over_limit: false,
            ended: false,
            tells: None,
        }
    }

    /// What has to be waited for before it may run; nothing when its record is safe already.
    pub(super) fn before(&mut self, now: Timestamp) -> Result<Option<Durable>, Refusal> {
        match self.intent.settled() {
            None => Ok(Some(self.intent.durable())),
            Some(Ok(())) => Ok(None),
            Some(Err(refusal)) => {
                self.end(now, Some(refusal.sqlstate.0), true);
                Err(refusal)
            }
        }
    }

    /// Counts rows of the answer; true when they are more than it may return.
    pub(super) fn count(&mut self, rows: u64) -> bool {
        self.rows = self.rows.saturating_add(rows);
        let Allowance { limit, returned, day } = &self.allowance;
        let total = returned.fetch_add(rows, Ordering::Relaxed).saturating_add(rows);
        let over_day = day
            .as_ref()
            .is_some_and(|day| day.usages.rows(&day.who, day.limit, rows, Timestamp::now()));
        over_day || limit.is_some_and(|limit| total > limit)
    }

    /// Records the end, once.
    pub(super) fn end(&mut self, at: Timestamp, sqlstate: Option<&str>, skipped: bool) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.intent.end(StatementEnd {
            at,
            rows: self.rows,
            bytes: self.bytes,
            duration_us: u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX),
            sqlstate: sqlstate.map(str::to_owned),
            skipped,
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The session ended while the statement ran.
        self.end(Timestamp::now(), Some("57P01"), false);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// One owed answer.
#[derive(Debug)]
pub(super) struct Entry {
    /// What was sent.
    pub(super) request: Request,
    /// The client sent it and gets the answer; otherwise the answer is dropped.
    pub(super) visible: bool,
    /// What the client gets in place of the error that must come back.
    pub(super) refusal: Option<Report>,
    /// The statement it is about.
    pub(super) source: Option<Source>,
    /// The index of the statement whose answer comes now.
    pub(super) at: usize,
    /// Rows of that statement so far, where they are looked at.
    pub(super) rows_here: u64,
    /// The statement that runs.
    pub(super) running: Option<Running>,
    /// What to restore when the server skips it.
    pub(super) undo: Vec<Undo>,
    /// Names that change when a statement completes.
    pub(super) changes: Vec<(usize, NameChange)>,
    /// rowgate's own answer.
    pub(super) local: Option<LocalAnswer>,
    /// How many rows came out of the table that they came in by.
    pub(super) staged: Option<u64>,
}

impl Entry {
    /// An entry the client knows of.
    pub(super) fn new(request: Request) -> Self {
        Self {
            request,
            visible: true,
            refusal: None,
            source: None,
            at: 0,
            rows_here: 0,
            running: None,
            undo: Vec::new(),
            changes: Vec::new(),
            local: None,
            staged: None,
        }
    }

    /// An entry of a message that rowgate sent on its own.
    pub(super) fn internal(request: Request) -> Self {
        Self { visible: false, ..Self::new(request) }
    }

    /// The same, about this statement.
    #[must_use]
    pub(super) fn about(mut self, source: Option<Source>) -> Self {
        self.source = source;
        self
    }

    /// The plan of the statement whose answer comes now.
    pub(super) fn statement(&self) -> Option<&StatementPlan> {
        self.source.as_ref()?.rewrite.plan().statements.get(self.at)
    }

    /// What becomes of its rows.
    pub(super) fn answer(&self) -> Answer {
        self.source.as_ref().map_or(Answer::Relay, |source| source.answer(self.at))
    }

    /// What a COPY by way of a temporary table has stored, at the command tag of the last of the
    /// statements that the server runs for it.
    pub(super) fn staged_rows(&mut self, tag: &str) -> Option<u64> {
        if let Some(rows) = tag.strip_prefix("INSERT 0 ") {
            self.staged = rows.parse().ok();
            return None;
        }
        if tag == "DROP TABLE" { self.staged.take() } else { None }
    }

    /// What the statement touches.
    pub(super) fn touched(&self) -> &[Touched] {
        let executed = self.source.as_ref().and_then(|source| source.executed(self.at));
        let behind = executed.and_then(|prepared| prepared.rewrite.plan().statements.first());
        behind.or(self.statement()).map_or(&[], |statement| &statement.touched)
    }

    /// The table the statement writes to, without its schema.
    pub(super) fn table(&self) -> Option<&str> {
        let touched = self.touched();
        let written = touched.iter().find(|touched| {
            matches!(
                touched.verb,
                crate::policy::Verb::Create
                    | crate::policy::Verb::Update
                    | crate::policy::Verb::Assign
            )
        });
        written.or(touched.first())?.name.rsplit('.').next()
    }
}
