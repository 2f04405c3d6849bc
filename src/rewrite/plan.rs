//! The plan of one query string: edits on the client's own tokens and what the session has to know
//! to run and answer it. It holds no identity, so everybody with the same roles shares it. Pure.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::ids::{RelationId, TypeId};
use crate::policy::{Hole, Verb};
use crate::resolve::{BoundPattern, KeyLookup, SessionState};

/// A piece of inserted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text of the rewriter.
    Text(Box<str>),
    /// An identity value: a bind parameter or a typed literal, as the statement allows. A
    /// schema-qualified cast stands around it in the text.
    Identity(Hole),
    /// The server's private name of a prepared statement that the client calls this.
    StatementName(Box<str>),
    /// The server's name of a portal that the client calls this; cursors keep their name.
    PortalName(Box<str>),
    /// The client's own tokens again: a constant of one of its conditions.
    Client(Range<usize>),
}

/// Replaces a run of the client's tokens (possibly none: an insertion before `tokens.start`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Token indexes in the client's text.
    pub tokens: Range<usize>,
    /// What stands there instead; the splice puts a space on both sides.
    pub pieces: Vec<Piece>,
}

/// The plan of a whole query string, which may hold several statements.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Ascending and disjoint.
    pub edits: Vec<Edit>,
    /// In order; empty for an empty query string.
    pub statements: Vec<StatementPlan>,
    /// PostgreSQL takes no bind parameters in one of the statements (COPY, PREPARE …): identity
    /// values become typed literals also in the extended protocol.
    pub literals: bool,
    /// It is a query for one row by its primary key: prepared once, its plan is as good for any
    /// values.
    pub key_lookup: Option<KeyLookup>,
    /// A text of it with lifted constants has been verified.
    pub(crate) lifting_verified: OnceLock<()>,
    /// What its functions may leave behind in the session of the server.
    pub session_state: SessionState,
    /// Patterns of LIKE that end with a bind parameter: the plan holds for values with which they
    /// are complete.
    pub(crate) patterns: Vec<BoundPattern>,
    /// Names of relations, as edited tokens, whose filter stands in WHERE beside them. The verifier
    /// looks for it there.
    pub filtered: Vec<Range<usize>>,
    /// What all statements touch, once somebody has asked.
    pub all_touched: OnceLock<Arc<[Touched]>>,
}

/// What the session has to know of one statement.
#[derive(Debug, Clone)]
pub struct StatementPlan {
    /// `SELECT`, `INSERT`, `SET` …: the statement's kind for the audit log and the metrics.
    pub kind: &'static str,
    /// The statement's tokens in the client's text, without the semicolon.
    pub tokens: Range<usize>,
    /// Who answers it.
    pub action: Action,
    /// What it changes besides what it answers.
    pub effect: Effect,
    /// It looks up names.
    pub names: bool,
    /// What becomes of the server's answer.
    pub answer: Answer,
    /// Relations, verbs, filters and masks, for the audit log.
    pub touched: Vec<Touched>,
    /// The most rows the answer may hold (limits of the policy).
    pub rows_per_query: Option<u64>,
}

/// Who answers a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The server, with the spliced text.
    Forward,
    /// The server; and the session remembers the prepared statement's name.
    Prepare {
        /// The client's name for it.
        name: Box<str>,
        /// What becomes of the rows whenever it is executed.
        answer: Answer,
    },
    /// The server; the session first makes sure that the statement exists and is not stale.
    Execute {
        /// The client's name for it.
        name: Box<str>,
    },
    /// The server; and the session looks whether this is a portal of the protocol.
    Fetch {
        /// The client's name for the cursor or portal.
        name: Box<str>,
    },
    /// The server; and the session forgets the portal.
    Close {
        /// The client's name for the cursor or portal.
        name: Box<str>,
    },
    /// The session forgets names; the server is told.
    Deallocate {
        /// `None` is ALL.
        name: Option<Box<str>>,
    },
    /// rowgate itself. Only as the single statement of its query string.
    Local(Local),
}

/// A statement that never reaches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// `SHOW rowgate.user`, `rowgate.roles`, `rowgate.policy_version`, `rowgate.decision`.
    Show {
        /// The name after `rowgate.`, lower case.
        name: Box<str>,
    },
    /// `SET [LOCAL] rowgate.user = '…'` of a service account; `None` is RESET or DEFAULT.
    ActAs {
        /// The end user's login.
        login: Option<Box<str>>,
        /// For the current transaction only.
        local: bool,
    },
}

/// What a statement changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that outlives it: its audit record may be synced while it runs.
    Reads,
    /// Rows or schema: its audit record is durable before it runs.
    Writes,
    /// The search path or the temporary tables: the session asks the server for them before it plans
    /// the next one.
    Settings,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT …: settings may come back with it.
    Transaction,
    /// Anything (an unrestricted statement that was not understood).
    Unknown,
}

/// What the session does with the rows of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Relays them.
    Relay,
    /// Drops them: the client asked for none, the only column is the hidden check column.
    DropRows,
    /// Cuts the last column, the hidden check column.
    CutLastColumn,
    /// The server runs four statements for one COPY FROM STDIN: the table that the rows come in by
    /// is made, filled, emptied into the relation, and dropped. The client sees one.
    Staged,
    /// Relays the answer of EXPLAIN without its conditions, which hold the policy's.
    RedactPlan(PlanFormat),
}

/// How EXPLAIN shows a plan. For every format but text the server is asked for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFormat {
    /// Lines.
    Text,
    /// A value of type `json`.
    Json,
    /// A text.
    Yaml,
    /// A value of type `xml`.
    Xml,
}

impl PlanFormat {
    /// The type of the answer's column.
    pub fn type_id(self) -> TypeId {
        match self {
            Self::Text | Self::Yaml => TypeId(25),
            Self::Json => TypeId(114),
            Self::Xml => TypeId(142),
        }
    }
}

/// One relation a statement touches, as the audit log tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Touched {
    /// The relation.
    pub relation: RelationId,
    /// `schema.name`.
    pub name: Arc<str>,
    /// What was done to it.
    pub verb: Verb,
    /// Columns the statement names, in catalogue order; all of them for `*`.
    pub columns: Vec<Arc<str>>,
    /// The row filter as text, holes shown as `:name`; empty when all rows are in scope.
    pub filter: Arc<str>,
    /// `column: kind` for each mask in force, and how many values the statement compares with the
    /// stored one.
    pub masks: Vec<Box<str>>,
    /// How many values are compared with what masks hide.
    pub compared: u64,
    /// `file:line name` of each policy line that took part.
    pub lines: Arc<[Box<str>]>,
}

/// What the audit log tells of the scope of an access.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The row filter, as in [`Touched`].
    pub(crate) filter: Arc<str>,
    /// The policy lines, as in [`Touched`].
    pub(crate) lines: Arc<[Box<str>]>,
}

impl Plan {
    /// Whether the plan holds for these bind parameters; `value` gives one by its number, as text.
    pub(crate) fn takes<'v>(&self, value: impl Fn(u32) -> Option<&'v [u8]> + Copy) -> bool {
        self.patterns.iter().all(|pattern| pattern.is_complete(value))
    }

    /// What all its statements touch; shared by all who ask.
    pub fn touched(&self) -> Arc<[Touched]> {
        let all = || self.statements.iter().flat_map(|s| s.touched.iter().cloned()).collect();
        Arc::clone(self.all_touched.get_or_init(all))
    }

    /// Roughly how many bytes it takes, for the cache.
    pub(crate) fn weight(&self) -> usize {
        let edits: usize = self.edits.iter().flat_map(|edit| &edit.pieces).map(Piece::weight).sum();
        edits + self.statements.len() * 512
    }
}

impl Piece {
    /// Roughly how many bytes it takes, for the caches.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) | Self::StatementName(text) | Self::PortalName(text) => {
                text.len() + 40
            }
            Self::Identity(_) | Self::Client(_) => 40,
        }
    }
}
