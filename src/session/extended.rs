//! The extended protocol: Parse, Bind, Describe, Execute, Close and FunctionCall of the client.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::expected::{Entry, Request, Source};
use super::names::{Origin, PRIVATE_PREFIX, Portal, Prepared, Undo, rename};
use super::path::PathState;
use super::query::{counted, local_action, unknown_statement};
use super::{Fatal, REFUSED_TEXT, Session, Step};
use crate::error::{Refusal, SqlState};
use crate::ids::TypeId;
use crate::planner::Protocol;
use crate::protocol::message::{self, Bind, ClientMessage, Execute, Parse, Target};
use crate::resolve::KeyLookup;
use crate::rewrite::{Answer, Local, Rewrite};

/// The protocol counts parameters in 16 bits.
const MOST_PARAMETERS: usize = 65_535;

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    pub(super) fn on_parse(&mut self, parse: Parse) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        // The unnamed statement is replaced, whatever it is.
        let settled = parse.name.is_empty() || self.settled(false, &parse.name);
        if !self.path_ready() || !self.names_ready() || !self.left_heard() || !settled {
            return Ok(Step::Wait(ClientMessage::Parse(parse)));
        }
        self.now = Timestamp::now();
        self.judge()?;
        self.statements = self.statements.saturating_add(1);
        if let Err((refusal, text)) = self.run_parse(&parse) {
            // The server forgets the unnamed statement before it looks at the new one.
            let undo = parse.name.is_empty().then(|| self.names.set_statement("", None));
            self.refuse_extended(refusal, &text, Vec::new(), undo);
        }
        Ok(Step::Done)
    }

    fn run_parse(&mut self, parse: &Parse) -> Result<(), (Refusal, Arc<str>)> {
        let text = self.utf8(&parse.text)?;
        let refused = |refusal| (refusal, Arc::clone(&text));
        self.sayable(&parse.name).map_err(refused)?;
        if self.private_names
            && !parse.name.is_empty()
            && self.names.statement(&parse.name).is_some()
        {
            return Err(refused(Refusal::new(
                SqlState::DUPLICATE_STATEMENT,
                format!("prepared statement \"{}\" already exists", parse.name),
                "",
            )));
        }
        let prepared = match self.same_again(&parse.name, &text, &parse.types) {
            Some(prepared) => Ok(prepared),
            None => self.prepare(&parse.name, &text, &parse.types),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            // What is prepared counts when it runs; what is refused counts now.
            Err(refusal) => {
                return Err(refused(self.count_statements(1).err().unwrap_or(refusal)));
            }
        };
        if !prepared.server_name.is_empty()
            && self.private_names
            && self.loans.is_some()
            && self.is_here(&prepared.server_name)
        {
            // Closing what does not exist is no error, and answered in its turn.
            let mut bytes = BytesMut::new();
            message::close(&mut bytes, &Target::Statement(format!("{PRIVATE_PREFIX}0")));
            self.send_extended(Entry::new(Request::Prepared), bytes, None);
        } else {
            self.send_parse(&prepared, true);
        }
        let undo = self.names.set_statement(&parse.name, Some(prepared));
        if let Some(entry) = self.expected.back_mut() {
            entry.undo.push(undo);
        }
        Ok(())
    }

    /// The unnamed statement, when it is prepared again with the same text and nothing that its plan
    /// depends on has changed.
    fn same_again(&self, name: &str, text: &str, declared: &[TypeId]) -> Option<Prepared> {
        let prepared = self.names.statement("").filter(|_| name.is_empty())?;
        let same = prepared.origin == Origin::Protocol
            && *prepared.text == *text
            && prepared.declared == declared
            && self.restricted()
            && self.path_state == PathState::Known
            && (prepared.server_name.is_empty() || self.knows_settings())
            && self.is_current(prepared);
        same.then(|| Prepared::clone(prepared))
    }

    /// Plans a statement for the extended protocol under a fresh server name.
    fn prepare(
        &mut self,
        name: &str,
        text: &Arc<str>,
        declared: &[TypeId],
    ) -> Result<Prepared, Refusal> {
        let planned = self.plan(text, Protocol::Extended { declared })?;
        let own = planned.rewrite.client_parameters();
        if own.saturating_add(planned.rewrite.identity().len()) > MOST_PARAMETERS {
            return Err(Refusal::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "number of parameters must be between 0 and 65535",
                "the identity values of the policy count as parameters",
            ));
        }
        let shared = || self.shared_name(planned.rewrite.text(), declared);
        let server_name = if !self.private_names {
            name.to_owned()
        } else if name.is_empty() {
            // Prepared once on each connection, where a fresh plan would be no better.
            let lookup = planned.rewrite.plan().key_lookup;
            let kept = lookup == Some(KeyLookup::ByParameters) && self.knows_settings();
            if kept { shared().unwrap_or_default() } else { String::new() }
        } else {
            shared().unwrap_or_else(|| self.names.issue())
        };
        Ok(Prepared {
            server_name,
            origin: Origin::Protocol,
            text: Arc::clone(text),
            declared: declared.to_vec(),
            local: local_action(planned.rewrite.plan()).cloned(),
            statement_names: planned.statement_names,
            rewrite: planned.rewrite,
            stamp: self.stamp(),
            identity: Arc::clone(&self.standing.identity),
        })
    }

    pub(super) fn send_parse(&mut self, prepared: &Prepared, visible: bool) {
        let mut bytes = BytesMut::new();
        // What rowgate answers itself is an empty query to the server.
        let text = if prepared.local.is_some() { "" } else { prepared.rewrite.text() };
        message::parse(&mut bytes, &prepared.server_name, text.as_bytes(), &prepared.declared);
        let mut entry = Entry::new(Request::Parse).about(Some(Source {
            text: Arc::clone(&prepared.text),
            rewrite: Arc::clone(&prepared.rewrite),
            executed: Vec::new(),
        }));
        entry.visible = visible;
        if visible || self.loans.is_none() {
            self.names.forget_description(&prepared.server_name);
        }
        self.send_extended(entry, bytes, None);
        self.note_prepared(&prepared.server_name);
    }

    pub(super) fn on_bind(&mut self, bind: Bind) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        let settled = self.settled(false, &bind.statement) && self.settled(true, &bind.portal);
        if !self.path_ready() || !self.names_ready() || !settled {
            return Ok(Step::Wait(ClientMessage::Bind(bind)));
        }
        self.judge()?;
        let prepared = match self.current(&bind.statement) {
            Ok(Some(prepared)) => Some(prepared),
            Ok(None) if self.waits_for_description() => {
                return Ok(Step::Wait(ClientMessage::Bind(bind)));
            }
            Ok(None) => None,
            Err((refusal, text)) => {
                let parameters = recorded(&bind);
                self.refuse_extended(refusal, &text, parameters, None);
                return Ok(Step::Done);
            }
        };
        if let Err(refusal) = self.run_bind(&bind, prepared.as_ref()) {
            let text =
                prepared.map_or_else(|| Arc::from(""), |prepared| Arc::clone(&prepared.text));
            self.refuse_extended(refusal, &text, recorded(&bind), None);
        }
        Ok(Step::Done)
    }

    fn run_bind(&mut self, bind: &Bind, prepared: Option<&Arc<Prepared>>) -> Result<(), Refusal> {
        let mut entry = Entry::new(Request::bind());
        let portal_name = self.bound_portal(&bind.portal)?;
        let mut identity = Vec::new();
        match prepared {
            None => message::bind(
                self.server.outbound.buffer(),
                &portal_name,
                &bind.statement,
                &bind.formats,
                &bind.values,
                &bind.results,
            ),
            Some(prepared) => {
                let source = self.source(prepared);
                let results = result_formats(&bind.results, source.answer(0));
                entry.source = Some(source);
                let holes = prepared.rewrite.identity();
                check_count(bind, prepared)?;
                check_patterns(bind, prepared)?;
                identity =
                    holes.iter().map(|hole| self.standing.identity.text(*hole)).collect::<Vec<_>>();
                let own = identity.iter().map(|value| value.as_deref().map(str::as_bytes));
                let values: Vec<_> = bind.values.iter().map(Option::as_deref).chain(own).collect();
                message::bind(
                    self.server.outbound.buffer(),
                    &portal_name,
                    &prepared.server_name,
                    &parameter_formats(bind, holes.len()),
                    &values,
                    &results,
                );
                entry.request = Request::Bind { results, columns: None };
            }
        }
        let portal = Portal {
            server_name: portal_name,
            prepared: prepared.cloned(),
            parameters: recorded(bind),
            identity,
            bound_by: Arc::clone(&self.standing.identity),
            returned: Arc::default(),
            ran: false,
        };
        entry.undo.push(self.names.set_portal(&bind.portal, Some(portal)));
        self.sent_extended(entry);
        Ok(())
    }

    /// The statement of that client name, planned under the rules in force. `None`: unknown to
    /// rowgate and left to the server (unrestricted), or planned again and to be waited for.
    fn current(&mut self, name: &str) -> Result<Option<Arc<Prepared>>, (Refusal, Arc<str>)> {
        let Some(prepared) = self.names.statement(name).cloned() else {
            if self.private_names {
                return Err((unknown_statement(name), Arc::from("")));
            }
            return Ok(None);
        };
        let refused = |refusal| (refusal, Arc::clone(&prepared.text));
        if self.names.is_changed(&prepared.server_name) {
            return Err(refused(Refusal::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cached plan must not change result type",
                "",
            )));
        }
        if self.waits_for_description() {
            return Ok(None);
        }
        if !self.restricted() && !self.private_names || self.is_current(&prepared) {
            self.bring_here(&prepared);
            return Ok(Some(prepared));
        }
        if prepared.origin == Origin::Sql {
            return self.prepare_again(name).map(Some).map_err(refused);
        }
        let again = self.prepare(name, &prepared.text, &prepared.declared).map_err(refused)?;
        let told = self.names.take_description(&prepared.server_name);
        if self.loans.is_some() {
            self.bring_here(&again);
        } else {
            self.send_parse(&again, false);
        }
        let mut bytes = BytesMut::new();
        // Others may use a shared statement.
        if again.server_name != prepared.server_name && self.loans.is_none() {
            message::close(&mut bytes, &Target::Statement(prepared.server_name.clone()));
            self.send_extended(Entry::internal(Request::Close), bytes, None);
        }
        let wait = told.is_some();
        if wait {
            let mut bytes = BytesMut::new();
            message::describe(&mut bytes, &Target::Statement(again.server_name.clone()));
            message::bare(&mut bytes, b'H');
            let request = Request::DescribeStatement {
                hidden: again.rewrite.identity().len(),
                remember: Some((again.server_name.clone(), told)),
                parameters: Vec::new(),
            };
            let source = self.source(&Arc::new(again.clone()));
            self.send_extended(Entry::internal(request).about(Some(source)), bytes, None);
        }
        let undo = self.names.set_statement(name, Some(again));
        if let Some(entry) = self.expected.back_mut() {
            entry.undo.push(undo);
        }
        Ok(if wait { None } else { self.names.statement(name).cloned() })
    }

    /// A statement was planned again and what the client was told of it is being compared.
    fn waits_for_description(&self) -> bool {
        self.expected.iter().any(|entry| {
            !entry.visible && matches!(entry.request, Request::DescribeStatement { .. })
        })
    }

    pub(super) fn on_describe(&mut self, target: Target) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        if !self.path_ready() || !self.names_ready() || !self.target_settled(&target) {
            return Ok(Step::Wait(ClientMessage::Describe(target)));
        }
        self.judge()?;
        let entry = match &target {
            Target::Statement(name) => match self.current(name) {
                Ok(None) if self.waits_for_description() => {
                    return Ok(Step::Wait(ClientMessage::Describe(target)));
                }
                Ok(None) => {
                    message::describe(self.server.outbound.buffer(), &target);
                    Entry::new(Request::DescribeStatement {
                        hidden: 0,
                        remember: None,
                        parameters: Vec::new(),
                    })
                }
                Ok(Some(prepared)) => {
                    let renamed = rename(&target, &prepared.server_name);
                    message::describe(self.server.outbound.buffer(), &renamed);
                    let mut entry = Entry::new(Request::DescribeStatement {
                        hidden: prepared.rewrite.identity().len(),
                        remember: Some((prepared.server_name.clone(), None)),
                        parameters: Vec::new(),
                    })
                    .about(Some(self.source(&prepared)));
                    entry.local = described_locally(&prepared);
                    entry
                }
                Err((refusal, text)) => {
                    self.refuse_extended(refusal, &text, Vec::new(), None);
                    return Ok(Step::Done);
                }
            },
            Target::Portal(name) => {
                let server_name = match self.server_portal(name) {
                    Ok(server_name) => server_name,
                    Err(refusal) => {
                        self.refuse_extended(refusal, &Arc::from(""), Vec::new(), None);
                        return Ok(Step::Done);
                    }
                };
                if self.tell_columns(name) {
                    return Ok(Step::Done);
                }
                let renamed = rename(&target, &server_name);
                message::describe(self.server.outbound.buffer(), &renamed);
                let shared = self.shared_statement(name);
                let remember = shared.map(|prepared| prepared.server_name.clone());
                let prepared = self.names.portal(name).and_then(|portal| portal.prepared.as_ref());
                let source = prepared.map(|prepared| self.source(prepared));
                let mut entry = Entry::new(Request::DescribePortal { remember }).about(source);
                entry.local = prepared.and_then(|prepared| described_locally(prepared));
                entry
            }
        };
        self.sent_extended(entry);
        Ok(Step::Done)
    }

    pub(super) fn on_execute(&mut self, execute: Execute) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        if !self.path_ready() || !self.names_ready() || !self.settled(true, &execute.portal) {
            return Ok(Step::Wait(ClientMessage::Execute(execute)));
        }
        self.judge()?;
        let portal = self.names.portal(&execute.portal).cloned();
        let prepared = portal.as_ref().and_then(|portal| portal.prepared.clone());
        let acts = prepared
            .as_ref()
            .is_some_and(|prepared| matches!(prepared.local, Some(Local::ActAs { .. })));
        if acts && !self.expected.is_empty() {
            self.nudge();
            return Ok(Step::Wait(ClientMessage::Execute(execute)));
        }
        self.statements = self.statements.saturating_add(1);
        let text = prepared.as_ref().map_or_else(
            || Arc::from(format!("(portal \"{}\")", execute.portal)),
            |prepared| Arc::clone(&prepared.text),
        );
        match self.run_execute(&execute, portal.as_deref(), &text) {
            Ok(()) => {
                if let Some(prepared) = &prepared {
                    self.note_transaction_end(prepared.rewrite.plan())?;
                }
            }
            Err(refusal) => {
                let parameters = portal.map(|portal| portal.parameters.clone()).unwrap_or_default();
                self.refuse_extended(refusal, &text, parameters, None);
            }
        }
        Ok(Step::Done)
    }

    fn run_execute(
        &mut self,
        execute: &Execute,
        portal: Option<&Portal>,
        text: &Arc<str>,
    ) -> Result<(), Refusal> {
        let server_name = self.server_portal(&execute.portal)?;
        let prepared = match portal.and_then(|portal| Some((portal, portal.prepared.as_ref()?))) {
            Some((portal, prepared)) => Some(self.still_bound(portal, prepared)?),
            None => None,
        };
        let prepared = prepared.as_ref();
        let mut entry = Entry::new(Request::Execute);
        let mut max_rows = execute.max_rows;
        let before;
        self.count_statements(prepared.map_or(1, |p| counted(p.rewrite.plan())))?;
        let mut change = None;
        if let (Some(portal), Some(prepared)) = (portal, prepared) {
            if let Some(local) = &prepared.local {
                let (answer, actor) = self.answer_locally(local)?;
                entry.local = Some(answer);
                change = actor;
            } else if prepared.origin == Origin::Protocol {
                let planned = super::query::Planned {
                    rewrite: Arc::clone(&prepared.rewrite),
                    statement_names: prepared.statement_names.clone(),
                };
                self.refresh_executed(&planned)?;
                entry.changes = self.name_changes(&planned, text)?;
            }
            let source = self.source(prepared);
            let answer = source.answer(0);
            entry.source = Some(source);
            if answer == Answer::DropRows {
                // The server has a portal that returns rows and would answer again.
                if portal.ran {
                    return Err(Refusal::new(
                        SqlState("55000"),
                        format!("portal \"{}\" cannot be run", execute.portal),
                        "",
                    ));
                }
                let ran = Portal { ran: true, ..portal.clone() };
                entry.undo.push(self.names.set_portal(&execute.portal, Some(ran)));
                max_rows = 0;
            }
            let (running, wait) = self.record(
                text,
                &prepared.rewrite,
                portal.parameters.clone(),
                Some(&portal.returned),
            )?;
            entry.running = Some(running);
            before = wait;
            self.forget_closed(prepared.rewrite.plan(), &mut entry);
            self.note_effects(prepared.rewrite.plan());
        } else {
            // A cursor of DECLARE, or a statement that SQL PREPARE made in an unrestricted
            // session: its own statement was recorded when it was declared or prepared.
            let (running, wait) = self.record_unplanned(text, Some(&execute.portal))?;
            entry.running = Some(running);
            before = wait;
        }
        if before.is_some() {
            let mut bytes = BytesMut::new();
            message::execute(&mut bytes, &server_name, max_rows);
            self.send_extended(entry, bytes, before);
        } else {
            message::execute(self.server.outbound.buffer(), &server_name, max_rows);
            self.sent_extended(entry);
        }
        if let Some(change) = change {
            self.change_actor(change);
        }
        Ok(())
    }

    /// A prepared statement as the queue knows it.
    fn source(&self, prepared: &Arc<Prepared>) -> Source {
        let executed = match prepared.origin {
            Origin::Sql => vec![(0, Arc::clone(prepared))],
            Origin::Protocol => self.executed(prepared.rewrite.plan(), &[]),
        };
        Source {
            text: Arc::clone(&prepared.text),
            rewrite: Arc::clone(&prepared.rewrite),
            executed,
        }
    }

    /// A portal holds the identity and the rules of its Bind. The statement under which it runs on:
    /// that one, or the same decided anew, when rules have changed that say the same of it.
    pub(super) fn still_bound(
        &self,
        portal: &Portal,
        prepared: &Arc<Prepared>,
    ) -> Result<Arc<Prepared>, Refusal> {
        if !self.restricted() {
            return Ok(Arc::clone(prepared));
        }
        let now = &self.standing;
        let bound_for = |rewrite: &Rewrite| {
            let holes = rewrite.identity();
            holes.len() == portal.identity.len()
                && holes
                    .iter()
                    .zip(&portal.identity)
                    .all(|(hole, bound)| now.identity.text(*hole) == *bound)
        };
        let same = prepared.stamp.policy == now.policy_version
            && prepared.stamp.roles == now.roles
            && prepared.stamp.shape == now.shape
            // Where PostgreSQL takes no parameters the identity is in the text: planned anew below.
            && (Arc::ptr_eq(&portal.bound_by, &now.identity)
                || !prepared.rewrite.plan().literals && bound_for(&prepared.rewrite));
        if same {
            return Ok(Arc::clone(prepared));
        }
        if prepared.origin == Origin::Protocol && prepared.local.is_none() {
            let declared = Protocol::Extended { declared: &prepared.declared };
            let planned = self.plan(&prepared.text, declared)?;
            let again = Prepared {
                rewrite: planned.rewrite,
                stamp: self.stamp(),
                identity: Arc::clone(&now.identity),
                ..(**prepared).clone()
            };
            if again.rewrite.text() == prepared.rewrite.text()
                && again.rewrite.identity() == prepared.rewrite.identity()
                && again.answer() == prepared.answer()
                && bound_for(&again.rewrite)
            {
                return Ok(Arc::new(again));
            }
        }
        Err(Refusal::denied(
            "the portal cannot be used any more",
            "the rules in force have changed since it was bound",
        ))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as every handler of a message")]
    pub(super) fn on_close(&mut self, target: Target) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        if !self.names_ready() || !self.target_settled(&target) {
            return Ok(Step::Wait(ClientMessage::Close(target)));
        }
        let mut entry = Entry::new(Request::Close);
        // Closing what does not exist is no error; this name never exists.
        let nothing = || format!("{PRIVATE_PREFIX}0");
        let server_name = match &target {
            Target::Statement(name) => {
                let server_name = match self.names.statement(name) {
                    // Others may use a shared statement.
                    Some(prepared)
                        if self.loans.is_some()
                            && prepared.origin == Origin::Protocol
                            && self.private_names =>
                    {
                        nothing()
                    }
                    Some(prepared) => prepared.server_name.clone(),
                    None if self.private_names => nothing(),
                    None => name.clone(),
                };
                entry.undo.push(self.names.set_statement(name, None));
                server_name
            }
            Target::Portal(name) => {
                let server_name = self.server_portal(name).unwrap_or_else(|_| nothing());
                entry.undo.push(self.names.set_portal(name, None));
                server_name
            }
        };
        let mut bytes = BytesMut::new();
        message::close(&mut bytes, &rename(&target, &server_name));
        self.send_extended(entry, bytes, None);
        Ok(Step::Done)
    }

    pub(super) fn on_function_call(&mut self, body: &Bytes) -> Result<Step, Fatal> {
        if self.skipping {
            return Ok(Step::Done);
        }
        self.judge()?;
        self.statements = self.statements.saturating_add(1);
        let text: Arc<str> = Arc::from("(function call)");
        let mut bytes = BytesMut::new();
        self.pipeline = false;
        let refusal = if self.restricted() {
            Refusal::unsupported("function calls of the protocol are not supported")
        } else {
            match self.record_unplanned(&text, None) {
                Ok((running, durable)) => {
                    bytes.clear();
                    crate::protocol::frame::write_frame(&mut bytes, b'F', |frame| {
                        frame.extend_from_slice(body);
                    });
                    let mut entry = Entry::new(Request::FunctionCall);
                    entry.running = Some(running);
                    self.send(entry, bytes, durable);
                    return Ok(Step::Done);
                }
                Err(refusal) => refusal,
            }
        };
        // Like a Query, a FunctionCall is answered with an error and ReadyForQuery.
        let mut entry = Entry::new(Request::Query);
        entry.refusal = Some(self.refuse(refusal, &text, Vec::new()));
        message::query(&mut bytes, REFUSED_TEXT);
        self.send(entry, bytes, None);
        Ok(Step::Done)
    }

    /// Whether it is known what a name means: no message before a Sync that is still to be answered
    /// changes it. The server may yet skip such a message, but not what comes after the Sync. The
    /// unnamed portal has the same name on the server, which therefore finds out by itself.
    fn settled(&self, portal: bool, name: &str) -> bool {
        if portal && name.is_empty() {
            return true;
        }
        let (mut changed, mut unsure) = (false, false);
        for entry in &self.expected {
            if entry.undo.iter().any(|undo| undo.about() == Some((portal, name))) {
                changed = true;
                // It is replaced whether the one before came about or not.
                unsure &= !name.is_empty();
            }
            unsure |= changed && matches!(entry.request, Request::Sync);
        }
        !unsure
    }

    fn target_settled(&self, target: &Target) -> bool {
        match target {
            Target::Statement(name) => self.settled(false, name),
            Target::Portal(name) => self.settled(true, name),
        }
    }

    /// The server's name of a portal that is about to be made: the same one for the same client
    /// name, so that the server finds duplicates.
    fn bound_portal(&mut self, name: &str) -> Result<String, Refusal> {
        let server_name = self.server_portal(name)?;
        if server_name.is_empty() || !self.private_names || server_name != name {
            return Ok(server_name);
        }
        Ok(self.names.issue())
    }

    /// The server's name of a portal. Names unknown to rowgate are cursors of DECLARE.
    fn server_portal(&self, name: &str) -> Result<String, Refusal> {
        if name.is_empty() || !self.private_names {
            return Ok(name.to_owned());
        }
        self.sayable(name)?;
        match self.names.portal(name) {
            Some(portal) => Ok(portal.server_name.clone()),
            None => Ok(name.to_owned()),
        }
    }

    /// Refuses names that are rowgate's.
    fn sayable(&self, name: &str) -> Result<(), Refusal> {
        if self.private_names && name.starts_with(PRIVATE_PREFIX) {
            return Err(Refusal::new(
                SqlState("42939"),
                format!("names that start with \"{PRIVATE_PREFIX}\" are reserved"),
                "",
            ));
        }
        Ok(())
    }

    /// Puts a statement that must fail in place of the refused message: the server aborts the
    /// transaction and skips to the next Sync by itself.
    fn refuse_extended(
        &mut self,
        refusal: Refusal,
        text: &Arc<str>,
        parameters: Vec<(Option<Bytes>, bool)>,
        undo: Option<Undo>,
    ) {
        let mut entry = Entry::new(Request::Parse);
        entry.refusal = Some(self.refuse(refusal, text, parameters));
        entry.undo.extend(undo);
        let mut bytes = BytesMut::new();
        // Under a name, because a failing unnamed Parse would take the client's with it.
        message::parse(&mut bytes, "rowgate_refused", REFUSED_TEXT, &[]);
        self.send_extended(entry, bytes, None);
    }

    /// The message is among the bytes that go to the server.
    fn sent_extended(&mut self, entry: Entry) {
        self.pipeline = true;
        self.nudged = false;
        self.expected.push_back(entry);
    }

    fn send_extended(
        &mut self,
        entry: Entry,
        bytes: BytesMut,
        before: Option<super::ledger::Durable>,
    ) {
        self.pipeline = true;
        self.nudged = false;
        self.send(entry, bytes, before);
    }
}

fn described_locally(prepared: &Prepared) -> Option<super::expected::LocalAnswer> {
    match prepared.local.as_ref()? {
        Local::Show { name } => Some(super::expected::LocalAnswer {
            row: Some((format!("rowgate.{name}"), String::new())),
            tag: "SHOW",
        }),
        Local::ActAs { .. } => None,
    }
}

/// The server's own message about the count would tell how many parameters are rowgate's.
fn check_count(bind: &Bind, prepared: &Prepared) -> Result<(), Refusal> {
    if prepared.rewrite.identity().is_empty() {
        return Ok(());
    }
    let violation =
        |message| Err(Refusal::new(SqlState::PROTOCOL_VIOLATION, message, String::new()));
    let (given, wanted) = (bind.values.len(), prepared.rewrite.client_parameters());
    if bind.formats.len() > 1 && bind.formats.len() != given {
        return violation(format!(
            "bind message has {} parameter formats but {given} parameters",
            bind.formats.len()
        ));
    }
    if given != wanted {
        return violation(format!(
            "bind message supplies {given} parameters, but prepared statement \"{}\" requires \
             {wanted}",
            bind.statement
        ));
    }
    Ok(())
}

/// A pattern that ends in the middle of an escape is an error only where a row comes that far: the
/// statement was planned for patterns that do not. Text has the same bytes in both formats.
fn check_patterns(bind: &Bind, prepared: &Prepared) -> Result<(), Refusal> {
    let value = |number: u32| {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        bind.values.get(index)?.as_deref()
    };
    if prepared.rewrite.plan().takes(value) {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::INVALID_ESCAPE_SEQUENCE,
        "LIKE pattern must not end with escape character",
        "",
    ))
}

fn recorded(bind: &Bind) -> Vec<(Option<Bytes>, bool)> {
    bind.values
        .iter()
        .enumerate()
        .map(|(index, value)| (value.clone(), bind.format(index) == 1))
        .collect()
}

/// The client's parameter formats with text for `hidden` more.
fn parameter_formats(bind: &Bind, hidden: usize) -> Vec<i16> {
    if hidden == 0 {
        return bind.formats.clone();
    }
    match bind.formats.as_slice() {
        [] | [0] => Vec::new(),
        [all] => {
            let mut formats = vec![*all; bind.values.len()];
            formats.resize(bind.values.len().saturating_add(hidden), 0);
            formats
        }
        each => {
            let mut formats = each.to_vec();
            formats.resize(each.len().saturating_add(hidden), 0);
            formats
        }
    }
}

/// The client's result formats with one for the hidden column.
fn result_formats(results: &[i16], answer: Answer) -> Vec<i16> {
    match answer {
        Answer::Relay | Answer::Staged | Answer::RedactPlan(_) => results.to_vec(),
        Answer::DropRows => Vec::new(),
        Answer::CutLastColumn => {
            let mut formats = results.to_vec();
            if formats.len() > 1 {
                formats.push(0);
            }
            formats
        }
    }
}
