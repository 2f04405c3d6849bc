//! One statement, one straight line: read, plan, record, send. What comes back is in `answer`.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::expected::{Allowance, Entry, NameChange, Request, Running, Source};
use super::ledger::{Durable, StatementRecord};
use super::names::{Names, Origin, PRIVATE_PREFIX, Prepared, Stamp};
use super::path::PathState;
use super::{Fatal, REFUSED_TEXT, Session, Step};
use crate::error::{Refusal, SqlState};
use crate::ids::DecisionId;
use crate::planner::{Fill, PlanContext, Planner, Protocol, UNREAD};
use crate::policy::Hole;
use crate::protocol::message::{self, ClientMessage, Report};
use crate::rewrite::{Action, Answer, Effect, Local, Plan, Rewrite, Touched};
use crate::session::authority::Standing;
use crate::session::redact::character_position;
use crate::sql::Tokens;

/// A statement that may run, and the names it says.
pub(super) struct Planned {
    pub(super) rewrite: Arc<Rewrite>,
    /// Client and server name of each statement that the text names, to prepare or to execute it.
    pub(super) statement_names: Vec<(String, String)>,
}

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    pub(super) fn on_query(&mut self, text: Bytes) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        if !self.path_ready()
            || !self.names_ready()
            || !self.left_heard()
            || self.waits_to_prepare(&text)
            || self.service && !self.expected.is_empty()
        {
            self.nudge();
            return Ok(Step::Wait(ClientMessage::Query(text)));
        }
        self.now = Timestamp::now();
        self.judge()?;
        self.pipeline = false;
        // A simple query ends the unnamed statement and the unnamed portal.
        self.names.set_statement("", None);
        self.names.set_portal("", None);
        self.note_query();
        self.statements = self.statements.saturating_add(1);
        match self.run_query(&text) {
            Ok(plan) => self.note_transaction_end(&plan)?,
            Err((refusal, text)) => {
                let report = self.refuse(refusal, &text, Vec::new());
                let mut entry = Entry::new(Request::Query);
                entry.refusal = Some(report);
                let mut bytes = BytesMut::new();
                message::query(&mut bytes, REFUSED_TEXT);
                self.send(entry, bytes, None);
            }
        }
        Ok(Step::Done)
    }

    fn run_query(&mut self, text: &Bytes) -> Result<Arc<Plan>, (Refusal, Arc<str>)> {
        let text = self.utf8(text)?;
        let refused = |refusal| (refusal, Arc::clone(&text));
        let planned = self.plan(&text, self.query_protocol());
        let count = planned.as_ref().map_or(1, |planned| counted(planned.rewrite.plan()));
        self.count_statements(count).map_err(refused)?;
        let planned = planned.map_err(refused)?;
        let plan = Arc::clone(planned.rewrite.plan());
        self.one_actor(&plan).map_err(refused)?;
        let mut change = None;
        let mut entry = Entry::new(Request::Query).about(Some(Source {
            text: Arc::clone(&text),
            rewrite: Arc::clone(&planned.rewrite),
            executed: Vec::new(),
        }));
        let mut bytes = BytesMut::new();
        if let Some(local) = local_action(&plan) {
            let (answer, actor) = self.answer_locally(local).map_err(refused)?;
            entry.local = Some(answer);
            change = actor;
            message::query(&mut bytes, b"");
        } else {
            self.refresh_executed(&planned).map_err(refused)?;
            entry.changes = self.name_changes(&planned, &text).map_err(refused)?;
            if let Some(source) = &mut entry.source {
                source.executed = self.executed(&plan, &entry.changes);
            }
            message::query(&mut bytes, planned.rewrite.text().as_bytes());
        }
        let (running, before) =
            self.record(&text, &planned.rewrite, Vec::new(), None).map_err(refused)?;
        self.forget_closed(&plan, &mut entry);
        self.note_effects(&plan);
        let lifted = entry.source.take_if(|source| !source.rewrite.lifted().is_empty());
        match (lifted, before) {
            (Some(source), None) => self.send_lifted(source, running),
            // What waits for its record writes, and is never lifted: as a Query it would fail.
            (source, before) => {
                entry.source = source.or(entry.source);
                entry.running = Some(running);
                self.send(entry, bytes, before);
            }
        }
        if let Some(change) = change {
            self.change_actor(change);
        }
        Ok(plan)
    }

    /// The text of a query, which has to be UTF-8 and not too long.
    pub(super) fn utf8(&self, text: &Bytes) -> Result<Arc<str>, (Refusal, Arc<str>)> {
        let Ok(text) = std::str::from_utf8(text) else {
            let refusal =
                Refusal::new(SqlState("22021"), "invalid byte sequence for encoding \"UTF8\"", "");
            return Err((refusal, Arc::from(String::from_utf8_lossy(text))));
        };
        let text: Arc<str> = Arc::from(text);
        if text.len() > self.shared.statement_size {
            let refusal = Refusal::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                format!(
                    "the statement has {} bytes, the limit is {}",
                    text.len(),
                    self.shared.statement_size
                ),
                "limits.statement_size",
            );
            // The log keeps the beginning of what was refused for its length.
            let beginning: String = text.chars().take(1000).collect();
            return Err((refusal, Arc::from(beginning)));
        }
        Ok(text)
    }

    /// Plans a text under the current standing.
    pub(super) fn plan(&self, text: &str, protocol: Protocol<'_>) -> Result<Planned, Refusal> {
        let fill = SessionFill {
            standing: &self.standing,
            names: &self.names,
            private: self.private_names,
            statement_names: RefCell::new(Vec::new()),
            issued: Cell::new(0),
            statement: self.statements,
        };
        let context = self.context(protocol);
        if self.restricted() && self.path_state == PathState::Failed {
            return Err(path_unknown());
        }
        let rewrite = self.shared.planner.rewrite(context, text, &fill)?;
        if self.restricted() {
            self.one_path(rewrite.plan())?;
            self.own_tables(rewrite.plan())?;
        }
        Ok(Planned {
            rewrite: Arc::new(rewrite),
            statement_names: fill.statement_names.into_inner(),
        })
    }

    fn context<'a>(&'a self, protocol: Protocol<'a>) -> PlanContext<'a> {
        let standing = &self.standing;
        PlanContext {
            catalog: &standing.catalog,
            policy: &standing.policy,
            roles: &standing.roles,
            unrestricted: standing.unrestricted,
            shape: &standing.shape,
            search_path: &self.path,
            protocol,
        }
    }

    /// What plans depend on now.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            policy: self.standing.policy_version.clone(),
            catalog: self.standing.catalog.version,
            roles: self.standing.roles.clone(),
            shape: self.standing.shape.clone(),
            path: Arc::clone(&self.path),
            settings: self
                .loans
                .as_ref()
                .map(|loans| Arc::clone(loans.settings()))
                .unwrap_or_default(),
        }
    }

    /// Whether a statement was planned under the rules, names and identity in force.
    pub(super) fn is_current(&self, prepared: &Prepared) -> bool {
        // Field by field: this runs at each Bind, and a copy of the stamp would be thrown away.
        let Stamp { policy, catalog, roles, shape, path, settings } = &prepared.stamp;
        *policy == self.standing.policy_version
            && *catalog == self.standing.catalog.version
            && *roles == self.standing.roles
            && *shape == self.standing.shape
            && *path == self.path
            && self.loans.as_ref().is_none_or(|loans| settings == loans.settings())
            && (!prepared.rewrite.plan().literals
                || Arc::ptr_eq(&prepared.identity, &self.standing.identity))
            && prepared.statement_names.iter().all(|(client, server)| {
                self.names.statement(client).is_none_or(|meant| meant.server_name == *server)
            })
    }

    /// Records the intent. The second value resolves when the statement may be sent; without one it
    /// may be sent at once, and its answer waits instead.
    pub(super) fn record(
        &mut self,
        text: &Arc<str>,
        rewrite: &Rewrite,
        parameters: Vec<(Option<Bytes>, bool)>,
        returned: Option<&Arc<AtomicU64>>,
    ) -> Result<(Running, Option<Durable>), Refusal> {
        let plan = rewrite.plan();
        let touched = self.touched(plan);
        let tells = self.tells(plan, &touched)?;
        let allowance = self.allowance(plan, text, returned)?;
        let decision = self.decide_id();
        let mut record = self.statement_record(text, parameters, decision);
        record.command = plan.statements.first().map_or("", |statement| statement.kind);
        record.touched = touched;
        // Only its parameters are.
        record.sensitive = !record.parameters.is_empty() && self.is_sensitive(&record.touched);
        record.rewritten = (rewrite.text() != &**text).then(|| Arc::clone(rewrite.shared_text()));
        let intent = self.ledger.intent(record)?;
        // Statements that change something wait for their record; reads overlap with it.
        let changes = plan
            .statements
            .iter()
            .any(|statement| matches!(statement.effect, Effect::Writes | Effect::Unknown));
        let mut running = Running::new(intent, !changes, allowance);
        running.tells = tells;
        let before = if changes { running.before(self.now)? } else { None };
        Ok((running, before))
    }

    /// Records the run of something that has no plan of its own.
    pub(super) fn record_unplanned(
        &mut self,
        text: &Arc<str>,
        cursor: Option<&str>,
    ) -> Result<(Running, Option<Durable>), Refusal> {
        let allowance = match cursor {
            Some(name) => self.cursor_allowance(name)?,
            None => Allowance::default(),
        };
        let tells = self.cursor_tells()?;
        let decision = self.decide_id();
        let record = self.statement_record(text, Vec::new(), decision);
        let intent = self.ledger.intent(record)?;
        let mut running = Running::new(intent, false, allowance);
        running.tells = tells;
        let before = running.before(self.now)?;
        Ok((running, before))
    }

    /// Records a refusal and makes the error that the client reads.
    pub(super) fn refuse(
        &mut self,
        refusal: Refusal,
        text: &Arc<str>,
        parameters: Vec<(Option<Bytes>, bool)>,
    ) -> Report {
        if self.path_state == PathState::Failed {
            self.path_state = PathState::Unknown;
        }
        let decision = self.decide_id();
        let mut record = self.statement_record(text, parameters, decision.clone());
        let statements = Planner::describe(self.context(Protocol::Simple), text);
        record.command = statements.first().map_or(UNREAD, |statement| statement.kind);
        record.touched = statements.into_iter().flat_map(|statement| statement.touched).collect();
        // What the parameters would have met was not decided.
        record.sensitive = true;
        let refusal = match self.ledger.refused(record, &refusal) {
            Ok(()) => refusal,
            Err(unwritable) => unwritable,
        };
        let report = Report::error(refusal.sqlstate.0, &refusal.message)
            .with(Report::DETAIL, &refusal.reason)
            .with(Report::HINT, &format!("Decision {decision}."));
        match refusal.offset {
            Some(offset) => {
                report.with(Report::POSITION, &character_position(text, offset).to_string())
            }
            None => report,
        }
    }

    fn decide_id(&mut self) -> DecisionId {
        let number: NonZeroU64 = rand::random();
        self.last_decision = Some(number);
        decision_id(number)
    }

    fn statement_record(
        &self,
        text: &Arc<str>,
        parameters: Vec<(Option<Bytes>, bool)>,
        decision: DecisionId,
    ) -> StatementRecord {
        StatementRecord {
            at: self.now,
            number: self.statements,
            acting: self.acting.as_ref().map(|acting| acting.login.clone()),
            roles: self.standing.roles.clone(),
            application: Arc::clone(&self.application),
            command: "",
            original: Arc::clone(text),
            rewritten: None,
            parameters,
            sensitive: false,
            touched: Arc::default(),
            decision,
            policy: self.standing.policy_version.clone(),
        }
    }

    /// Whether all SQL-level changes of statement names have been answered.
    pub(super) fn names_ready(&mut self) -> bool {
        if self.expected.iter().any(|entry| !entry.changes.is_empty()) {
            self.nudge();
            return false;
        }
        true
    }

    /// What PREPARE, EXECUTE and DEALLOCATE in the text do to the client's names.
    pub(super) fn name_changes(
        &self,
        planned: &Planned,
        text: &Arc<str>,
    ) -> Result<Vec<(usize, NameChange)>, Refusal> {
        let mut changes: Vec<(usize, NameChange)> = Vec::new();
        if !self.private_names {
            return Ok(changes);
        }
        let stamp = self.stamp();
        for (index, statement) in planned.rewrite.plan().statements.iter().enumerate() {
            match &statement.action {
                Action::Forward | Action::Local(_) => {}
                Action::Fetch { name } => self.fetchable(name)?,
                // See `forget_closed`.
                Action::Close { .. } => {}
                Action::Prepare { name, .. } => {
                    let server_name = planned
                        .statement_names
                        .iter()
                        .find(|(client, _)| **client == **name)
                        .map(|(_, server)| server.clone())
                        .or_else(|| Some(self.names.statement(name)?.server_name.clone()));
                    let Some(server_name) = server_name else { continue };
                    let (text, rewrite) = self.prepared_alone(planned, text, &statement.tokens)?;
                    let prepared = Prepared {
                        server_name,
                        origin: Origin::Sql,
                        text,
                        declared: Vec::new(),
                        rewrite,
                        stamp: stamp.clone(),
                        identity: Arc::clone(&self.standing.identity),
                        local: None,
                        statement_names: Vec::new(),
                    };
                    let change = NameChange::Prepare(name.to_string(), Box::new(prepared));
                    changes.push((index, change));
                }
                // Looked at by `refresh_executed`.
                Action::Execute { .. } => {}
                Action::Deallocate { name } => {
                    let name = name.as_ref().map(ToString::to_string);
                    let made = changes.iter().any(|(_, change)| match change {
                        NameChange::Prepare(made, _) => Some(made) == name.as_ref(),
                        NameChange::Deallocate(_) => false,
                    });
                    if let Some(name) = &name
                        && !made
                        && self.names.statement(name).is_none()
                    {
                        return Err(unknown_statement(name));
                    }
                    changes.push((index, NameChange::Deallocate(name)));
                }
            }
        }
        Ok(changes)
    }

    /// What the EXECUTEs of a plan run, by their index: what an earlier PREPARE of the text makes, or
    /// what the name means now.
    pub(super) fn executed(
        &self,
        plan: &Plan,
        changes: &[(usize, NameChange)],
    ) -> Vec<(usize, Arc<Prepared>)> {
        let mut executed = Vec::new();
        for (index, statement) in plan.statements.iter().enumerate() {
            let Action::Execute { name } = &statement.action else { continue };
            let made = changes.iter().rev().find_map(|(at, change)| match change {
                NameChange::Prepare(made, prepared) if **made == **name && *at < index => {
                    Some(Arc::new((**prepared).clone()))
                }
                NameChange::Prepare(..) | NameChange::Deallocate(_) => None,
            });
            if let Some(prepared) = made.or_else(|| self.names.statement(name).cloned()) {
                executed.push((index, prepared));
            }
        }
        executed
    }

    /// A PREPARE by itself: it may be run again, and the other statements of its string may not.
    fn prepared_alone(
        &self,
        planned: &Planned,
        text: &Arc<str>,
        statement: &Range<usize>,
    ) -> Result<(Arc<str>, Arc<Rewrite>), Refusal> {
        if planned.rewrite.plan().statements.len() == 1 {
            return Ok((Arc::clone(text), Arc::clone(&planned.rewrite)));
        }
        let tokens = Tokens::new(text)?;
        let first = tokens.get(statement.start);
        let last = statement.end.checked_sub(1).and_then(|last| tokens.get(last));
        let alone = match (first, last) {
            (Some(first), Some(last)) => text.get(first.start as usize..last.end as usize),
            (_, _) => None,
        };
        let alone: Arc<str> = Arc::from(alone.unwrap_or_default());
        let planned = self.plan(&alone, Protocol::Simple)?;
        Ok((alone, planned.rewrite))
    }

    /// What CLOSE closes, the server forgets, and a cursor may take the name. When it fails, so has
    /// the transaction, and with it the portal.
    pub(super) fn forget_closed(&mut self, plan: &Plan, entry: &mut Entry) {
        for statement in &plan.statements {
            if let Action::Close { name } = &statement.action
                && self.names.portal(name).is_some()
            {
                entry.undo.push(self.names.set_portal(name, None));
            }
        }
    }

    /// FETCH may read a portal of the protocol that only reads; its rows were decided on when it was
    /// bound. Other names are cursors of DECLARE.
    fn fetchable(&self, name: &str) -> Result<(), Refusal> {
        let Some(portal) = self.names.portal(name) else { return Ok(()) };
        let Some(prepared) = &portal.prepared else { return Ok(()) };
        self.still_bound(portal, prepared)?;
        let reads = prepared.rewrite.plan().statements.iter().all(|statement| {
            statement.answer == Answer::Relay && statement.effect == Effect::Reads
        });
        if reads {
            return Ok(());
        }
        Err(Refusal::unsupported("FETCH from this portal is not supported; execute it"))
    }

    /// The plans behind names: EXECUTE and FETCH touch what their statement touches.
    fn touched(&self, plan: &Plan) -> Arc<[Touched]> {
        let mut touched: Vec<Touched> = Vec::new();
        for statement in &plan.statements {
            let behind = match &statement.action {
                Action::Execute { name } => self.names.statement(name),
                Action::Fetch { name } => {
                    self.names.portal(name).and_then(|portal| portal.prepared.as_ref())
                }
                Action::Forward
                | Action::Close { .. }
                | Action::Prepare { .. }
                | Action::Deallocate { .. }
                | Action::Local(_) => None,
            };
            if let Some(prepared) = behind {
                let plan = prepared.rewrite.plan();
                touched.extend(plan.statements.iter().flat_map(|s| s.touched.clone()));
            }
        }
        if touched.is_empty() {
            return plan.touched();
        }
        plan.touched().iter().cloned().chain(touched).collect()
    }
}

/// The id of a decision: its number as 16 digits.
pub(super) fn decision_id(number: NonZeroU64) -> DecisionId {
    let number = number.get();
    let mut digits = [0_u8; 16];
    for (digit, place) in digits.iter_mut().zip((0..16).rev()) {
        let nibble = u8::try_from(number >> (place * 4) & 15).unwrap_or_default();
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    DecisionId(String::from_utf8_lossy(&digits).into())
}

/// The statements of a text that count against a limit. The end of a transaction has to be possible
/// always.
pub(super) fn counted(plan: &Plan) -> u64 {
    let counts = plan.statements.iter().filter(|s| s.effect != Effect::Transaction);
    counts.count() as u64
}

/// The local statement of a text that consists of nothing else.
pub(super) fn local_action(plan: &Plan) -> Option<&Local> {
    match plan.statements.as_slice() {
        [only] => match &only.action {
            Action::Local(local) => Some(local),
            Action::Forward
            | Action::Prepare { .. }
            | Action::Execute { .. }
            | Action::Fetch { .. }
            | Action::Close { .. }
            | Action::Deallocate { .. } => None,
        },
        _ => None,
    }
}

fn path_unknown() -> Refusal {
    Refusal::new(SqlState::INTERNAL_ERROR, "the search path could not be read", "")
}

/// In PostgreSQL's words.
pub(super) fn unknown_statement(name: &str) -> Refusal {
    let message = if name.is_empty() {
        "unnamed prepared statement does not exist".to_owned()
    } else {
        format!("prepared statement \"{name}\" does not exist")
    };
    Refusal::new(SqlState::INVALID_STATEMENT_NAME, message, "")
}

struct SessionFill<'a> {
    standing: &'a Standing,
    names: &'a Names,
    private: bool,
    statement_names: RefCell<Vec<(String, String)>>,
    issued: Cell<u64>,
    statement: u64,
}

impl Fill for SessionFill<'_> {
    fn value(&self, hole: Hole) -> Option<String> {
        self.standing.identity.text(hole).map(|text| text.to_string())
    }

    fn portal_name(&self, client: &str) -> String {
        match self.names.portal(client) {
            Some(portal) if self.private => portal.server_name.clone(),
            Some(_) | None => client.to_owned(),
        }
    }

    fn statement_name(&self, client: &str) -> String {
        if !self.private {
            return client.to_owned();
        }
        let mut said = self.statement_names.borrow_mut();
        if let Some((_, server)) = said.iter().find(|(name, _)| name == client) {
            return server.clone();
        }
        let server = if let Some(prepared) = self.names.statement(client) {
            prepared.server_name.clone()
        } else {
            self.issued.set(self.issued.get().saturating_add(1));
            format!("{PRIVATE_PREFIX}q{}_{}", self.statement, self.issued.get())
        };
        said.push((client.to_owned(), server.clone()));
        server
    }
}
