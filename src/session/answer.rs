//! What comes back from the server, frame by frame, against the queue of what it owes.
//!
//! Rows and COPY data pass as bytes; only headers are read. Everything else is read as far as the
//! queue's entry needs it.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::expected::{Description, Entry, NameChange, Request};
use super::names::Undo;
use super::redact::{self, Failed};
use super::{Fatal, SERVER_MESSAGE, Session};
use crate::error::SqlState;
use crate::protocol::frame::{Frame, HEADER_LENGTH, write_frame};
use crate::protocol::message::{self, Report};
use crate::relay::HIGH_WATER;
use crate::rewrite::{Answer, PlanFormat};

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Takes what the server sent; false when there is nothing to do now.
    pub(super) fn step_server(&mut self) -> Result<bool, Fatal> {
        self.pop_copy_ends();
        if self.hold.is_some() || self.client.outbound.len() >= HIGH_WATER {
            return Ok(false);
        }
        if self.passing > 0 {
            return Ok(self.pass());
        }
        let Some(header) = self.server.inbound.header().map_err(|_| broken_server())? else {
            return Ok(false);
        };
        if self.must_hold()? {
            return Ok(false);
        }
        if matches!(header.tag, b'D' | b'd')
            && let Some(relay) = self.row_passes(header.tag)?
        {
            return Ok(self.pass_run(header.tag, header.length, relay));
        }
        let frame =
            self.server.inbound.take_frame(|_| SERVER_MESSAGE).map_err(|_| broken_server())?;
        match frame {
            None => Ok(false),
            Some(frame) => {
                self.on_answer(frame)?;
                Ok(true)
            }
        }
    }

    fn pop_copy_ends(&mut self) {
        while matches!(self.expected.front(), Some(Entry { request: Request::CopyEnd, .. })) {
            self.expected.pop_front();
        }
    }

    /// The server works: what the first byte of its answer would have to wait for is done now.
    pub(super) fn use_the_wait(&mut self) {
        if let Some(running) = self.running_mut()
            && running.guarded
        {
            running.guarded = !running.intent.settled_alone();
        }
    }

    /// Whether the answer at hand has to wait until its audit record is safe.
    fn must_hold(&mut self) -> Result<bool, Fatal> {
        let Some(running) = self.expected.front_mut().and_then(|entry| entry.running.as_mut())
        else {
            return Ok(false);
        };
        if !std::mem::take(&mut running.guarded) {
            return Ok(false);
        }
        match running.intent.settled() {
            Some(Ok(())) => Ok(false),
            Some(Err(refusal)) => Err(Fatal::refusal(&refusal)),
            None => {
                self.hold = Some(running.intent.durable());
                Ok(true)
            }
        }
    }

    /// Whether rows pass as bytes and reach the client; `None` when they have to be looked at.
    fn row_passes(&mut self, tag: u8) -> Result<Option<bool>, Fatal> {
        let entry = self.expected.front().ok_or_else(broken_server)?;
        match entry.request {
            // What stands in for a refused statement returns nothing.
            Request::Query | Request::Execute if entry.refusal.is_none() => {}
            Request::SearchPath | Request::Left => return Ok(None),
            _ => return Err(broken_server()),
        }
        if tag == b'd' {
            return Ok(Some(entry.visible));
        }
        self.planned_answer()?;
        let entry = self.expected.front().ok_or_else(broken_server)?;
        Ok(match entry.answer() {
            Answer::Relay => Some(entry.visible),
            Answer::DropRows | Answer::Staged => Some(false),
            Answer::CutLastColumn | Answer::RedactPlan(_) => None,
        })
    }

    /// Rows for a restricted principal have to belong to a statement that was planned.
    fn planned_answer(&self) -> Result<(), Fatal> {
        let Some(entry) = self.expected.front() else { return Err(broken_server()) };
        let unplanned = matches!(entry.request, Request::Query) && entry.statement().is_none();
        if unplanned && self.restricted() {
            return Err(Fatal::new(
                SqlState::INTERNAL_ERROR,
                "the server answers a statement that was not planned",
            ));
        }
        Ok(())
    }

    /// Passes all whole frames of one type, or begins to pass one that has not arrived as a whole.
    fn pass_run(&mut self, tag: u8, length: usize, relay: bool) -> bool {
        let (bytes, frames) = self.server.inbound.leading_run(tag);
        // Rows that the client does not get are no rows of its.
        let limited = relay && self.count_rows(tag, frames.max(1));
        let relay = relay && !limited;
        if frames == 0 {
            self.passing = HEADER_LENGTH.saturating_add(length);
            self.passing_relayed = relay;
            return self.pass();
        }
        let run = self.server.inbound.take_bytes(bytes);
        self.relay_bytes(run, relay);
        true
    }

    fn pass(&mut self) -> bool {
        let bytes = self.server.inbound.take_bytes(self.passing);
        if bytes.is_empty() {
            return false;
        }
        self.passing = self.passing.saturating_sub(bytes.len());
        self.relay_bytes(bytes, self.passing_relayed);
        true
    }

    fn relay_bytes(&mut self, bytes: BytesMut, relay: bool) {
        if !relay {
            return;
        }
        if let Some(running) = self.expected.front_mut().and_then(|entry| entry.running.as_mut()) {
            running.bytes = running.bytes.saturating_add(bytes.len() as u64);
        }
        self.client.outbound.append(bytes);
    }

    /// Counts rows; true when they are more than the statement may return.
    fn count_rows(&mut self, tag: u8, rows: u64) -> bool {
        let Some(running) = self.expected.front_mut().and_then(|entry| entry.running.as_mut())
        else {
            return false;
        };
        if !matches!(tag, b'D' | b'd') || !running.count(rows) {
            return false;
        }
        if !running.over_limit {
            running.over_limit = true;
            self.cancel();
        }
        true
    }

    fn on_answer(&mut self, frame: Frame) -> Result<(), Fatal> {
        match frame.tag {
            b'N' => self.on_notice(frame.body),
            b'A' => {
                self.on_notification(&frame.body);
                Ok(())
            }
            b'S' => self.on_parameter(frame.body),
            b'E' => self.on_error(frame.body),
            b'Z' => self.on_ready(&frame.body),
            b'1' | b'2' if matches!(self.front()?.request, Request::Unasked { .. }) => {
                let entry = self.expected.pop_front();
                if let Some(Request::Unasked { columns: Some(columns) }) = entry.map(|e| e.request)
                {
                    self.client.outbound.buffer().extend_from_slice(&columns);
                }
                Ok(())
            }
            b'1' => self.completed(&frame, |request| matches!(request, Request::Parse)),
            b'2' => self.on_bound(&frame),
            b'3' if matches!(self.front()?.request, Request::Prepared) => {
                self.expected.pop_front();
                message::bare(self.client.outbound.buffer(), b'1');
                Ok(())
            }
            b'3' => self.completed(&frame, |request| matches!(request, Request::Close)),
            b't' => self.on_parameters(frame.body),
            b'T' => self.on_row_description(frame),
            b'n' => self.on_no_rows(),
            b'D' => self.on_row(frame.body),
            b'C' => self.on_complete(&frame),
            b'I' => self.on_empty(),
            b's' => {
                if self.front()?.running.as_ref().is_some_and(|running| running.over_limit) {
                    return self.complete_over_limit();
                }
                self.end_statement(None);
                self.completed(&frame, |request| {
                    matches!(request, Request::Execute | Request::SearchPath | Request::Left)
                })
            }
            b'G' => self.on_copy_in(&frame),
            b'H' | b'c' => {
                self.front_runs()?;
                self.planned_answer()?;
                self.relay_frame(&frame);
                Ok(())
            }
            b'V' => {
                if !matches!(self.front()?.request, Request::FunctionCall) {
                    return Err(broken_server());
                }
                self.relay_frame(&frame);
                self.end_statement(None);
                Ok(())
            }
            // CopyBothResponse among them: nothing that a client may ask for is answered by it.
            _ => Err(broken_server()),
        }
    }

    /// The answer at hand belongs to a statement that runs and was not refused.
    fn front_runs(&mut self) -> Result<(), Fatal> {
        let entry = self.front()?;
        let runs = matches!(entry.request, Request::Query | Request::Execute);
        if runs && entry.refusal.is_none() { Ok(()) } else { Err(broken_server()) }
    }

    fn front(&mut self) -> Result<&mut Entry, Fatal> {
        self.expected.front_mut().ok_or_else(broken_server)
    }

    /// Relays a frame as it came, when the client asked for what it answers.
    fn relay_frame(&mut self, frame: &Frame) {
        if self.expected.front().is_none_or(|entry| entry.visible) {
            write_frame(self.client.outbound.buffer(), frame.tag, |body| {
                body.extend_from_slice(&frame.body);
            });
        }
    }

    /// The one-frame answer of an extended message.
    fn completed(&mut self, frame: &Frame, fits: impl Fn(&Request) -> bool) -> Result<(), Fatal> {
        let entry = self.front()?;
        if !fits(&entry.request) || entry.refusal.is_some() {
            // A refused statement that did not fail would be one that runs.
            return Err(broken_server());
        }
        self.relay_frame(frame);
        self.expected.pop_front();
        Ok(())
    }

    /// A portal is bound; the columns that the client has asked for may be known.
    fn on_bound(&mut self, frame: &Frame) -> Result<(), Fatal> {
        let mut told = None;
        if let Request::Bind { columns, .. } = &mut self.front()?.request {
            told = columns.take();
        }
        self.completed(frame, |request| matches!(request, Request::Bind { .. }))?;
        if let Some(columns) = told {
            self.client.outbound.buffer().extend_from_slice(&columns);
        }
        Ok(())
    }

    fn on_notice(&mut self, body: Bytes) -> Result<(), Fatal> {
        let report = Report::decode(body).map_err(|_| broken_server())?;
        let report = if self.restricted() { redact::notice(report) } else { Some(report) };
        if let Some(mut report) = report {
            self.reveal_names(&mut report);
            report.encode_notice(self.client.outbound.buffer());
        }
        Ok(())
    }

    /// The process id of a notification of our own server process is the one the client knows.
    fn on_notification(&mut self, body: &Bytes) {
        let (server, own) = self.processes;
        let outbound = self.client.outbound.buffer();
        write_frame(outbound, b'A', |frame| match body.split_first_chunk::<4>() {
            Some((process, rest)) if u32::from_be_bytes(*process) == server => {
                frame.extend_from_slice(&own.to_be_bytes());
                frame.extend_from_slice(rest);
            }
            _ => frame.extend_from_slice(body),
        });
    }

    fn on_parameter(&mut self, body: Bytes) -> Result<(), Fatal> {
        let (name, value) = message::decode_parameter_status(body).map_err(|_| broken_server())?;
        message::parameter_status(self.client.outbound.buffer(), &name, &value);
        match name.as_str() {
            "client_encoding" if value != "UTF8" && self.private_names => Err(Fatal::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection because client_encoding is no longer UTF8",
            )),
            "standard_conforming_strings" if value != "on" && self.private_names => {
                Err(Fatal::new(
                    SqlState::ADMIN_SHUTDOWN,
                    "terminating connection because standard_conforming_strings is no longer on",
                ))
            }
            "application_name" => {
                self.application = value.into();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_error(&mut self, body: Bytes) -> Result<(), Fatal> {
        let report = Report::decode(body).map_err(|_| broken_server())?;
        let severity = report.field(Report::SEVERITY_FIXED).or(report.field(Report::SEVERITY));
        let last = matches!(severity, Some("FATAL" | "PANIC"));
        let sqlstate = report.sqlstate().to_owned();
        let running = self.running();
        let over_limit = running.is_some_and(|running| running.over_limit);
        let timed_out = running.is_some_and(|running| running.timed_out);
        let refusal = self.expected.front_mut().and_then(|entry| entry.refusal.take());
        let refused = refusal.is_some();
        let shown = match refusal {
            Some(refusal) if !last => refusal,
            _ if over_limit && !last => row_limit(),
            _ if timed_out && sqlstate == "57014" => {
                Report::error("57014", "canceling statement due to statement timeout")
                    .with(Report::DETAIL, "limits.statement_timeout of the gateway")
            }
            _ => self.shown_error(report),
        };
        // Nothing of the client has failed when rowgate asked outside a pipeline: the statement
        // that waits for the answer is refused instead.
        let asked = !self.pipeline && self.expected.front().is_some_and(|entry| !entry.visible);
        if last || !asked {
            shown.encode_error(self.client.outbound.buffer());
        }
        if last {
            self.end_statement(Some(&sqlstate));
            return Err(Fatal::ServerSaid);
        }
        if self.expected.is_empty() {
            return Err(broken_server());
        }
        if !refused {
            self.settings_may_return();
        }
        if self.path_state == super::path::PathState::Asked {
            self.path_state = super::path::PathState::Failed;
        }
        self.copying_in = false;
        if !refused {
            self.count_error(shown.sqlstate());
        }
        let sqlstate = if over_limit { "53400" } else { sqlstate.as_str() };
        self.end_statement(Some(sqlstate));
        if matches!(self.front()?.request, Request::Unasked { .. }) {
            // It is the client's statement that has failed.
            let now = self.now;
            if let Some(running) = self.running_mut() {
                running.end(now, Some(sqlstate), false);
            }
        }
        let entry = self.front()?;
        entry.changes.clear();
        match entry.request {
            // ReadyForQuery follows.
            Request::Query | Request::FunctionCall => Ok(()),
            Request::Sync => Err(broken_server()),
            _ => {
                self.skip_to_sync();
                Ok(())
            }
        }
    }

    /// The server ignores everything up to the next Sync; so does the queue.
    fn skip_to_sync(&mut self) {
        let end = self
            .expected
            .iter()
            .position(|entry| matches!(entry.request, Request::Sync))
            .unwrap_or(self.expected.len());
        let mut skipped: Vec<Entry> = self.expected.drain(..end).collect();
        // The newest change first, so that each finds what it replaced.
        for (index, entry) in skipped.iter_mut().enumerate().rev() {
            let unnamed_parse = index == 0 && matches!(entry.request, Request::Parse);
            if let Some(running) = entry.running.as_mut() {
                running.end(self.now, None, true);
            }
            for undo in entry.undo.drain(..).rev() {
                if undo.about().is_none() {
                    self.undo_here(&undo);
                    continue;
                }
                // A failed Parse of the unnamed statement leaves none.
                let undo = match undo {
                    Undo::Statement(name, _) if unnamed_parse && name.is_empty() => {
                        Undo::Statement(name, None)
                    }
                    undo => undo,
                };
                let later = self.expected.iter_mut().flat_map(|entry| entry.undo.iter_mut());
                self.names.undo(undo, later);
            }
        }
        if self.expected.is_empty() {
            self.skipping = true;
        }
        self.stalled_is_skipped();
    }

    fn shown_error(&self, mut report: Report) -> Report {
        self.reveal_names(&mut report);
        let entry = self.expected.front();
        let source = entry.and_then(|entry| entry.source.as_ref());
        if let Some(source) = source
            && entry.is_some_and(|entry| matches!(entry.request, Request::Unasked { .. }))
        {
            redact::locate(&mut report, &source.rewrite);
        }
        if self.restricted() {
            return redact::error(
                report,
                Failed {
                    rewrite: source.map(|source| (&*source.text, &*source.rewrite)),
                    check_marker: self.shared.planner.check_marker(),
                    table: entry.and_then(Entry::table),
                    touched: entry.map_or(&[], Entry::touched),
                },
            );
        }
        if let Some(source) = source {
            redact::reposition(&mut report, &source.text, &source.rewrite);
        }
        report
    }

    fn reveal_names(&self, report: &mut Report) {
        if self.private_names
            && let Some(message) = report.field(Report::MESSAGE)
        {
            let message = self.names.reveal(message);
            report.set(Report::MESSAGE, &message);
        }
    }

    fn on_ready(&mut self, body: &Bytes) -> Result<(), Fatal> {
        let [status @ (b'I' | b'T' | b'E')] = **body else { return Err(broken_server()) };
        let entry = self.expected.pop_front().ok_or_else(broken_server)?;
        if !matches!(entry.request, Request::Query | Request::Sync | Request::FunctionCall)
            || entry.refusal.is_some()
        {
            return Err(broken_server());
        }
        self.status = status;
        if status == b'I' {
            // The question for the path ends no transaction of the client's.
            if entry.visible {
                self.settings_may_return();
            }
            self.unsettled = self.unsettled && !self.expected.is_empty();
            self.names.forget_cursors();
            if self.expected.is_empty() {
                self.names.forget_portals();
            }
            self.end_local_actor()?;
        }
        if entry.visible {
            message::ready_for_query(self.client.outbound.buffer(), status);
        }
        Ok(())
    }

    fn on_parameters(&mut self, body: Bytes) -> Result<(), Fatal> {
        let mut types = message::decode_parameter_description(body).map_err(|_| broken_server())?;
        let entry = self.front()?;
        let visible = entry.visible;
        let Request::DescribeStatement { hidden, parameters, .. } = &mut entry.request else {
            return Err(broken_server());
        };
        let shown = types.len().checked_sub(*hidden).ok_or_else(broken_server)?;
        types.truncate(shown);
        parameters.clone_from(&types);
        if visible {
            message::parameter_description(self.client.outbound.buffer(), &types);
        }
        Ok(())
    }

    fn on_row_description(&mut self, frame: Frame) -> Result<(), Fatal> {
        self.planned_answer()?;
        let entry = self.front()?;
        let answer = entry.answer();
        let describes = matches!(
            entry.request,
            Request::DescribeStatement { .. } | Request::DescribePortal { .. }
        );
        if !describes && !matches!(entry.request, Request::Query) {
            return Err(broken_server());
        }
        let forgotten =
            matches!(entry.request, Request::Query | Request::DescribePortal { remember: None });
        if answer == Answer::Relay && forgotten {
            self.relay_frame(&frame);
            return if describes { self.described(None) } else { Ok(()) };
        }
        let fields = message::decode_row_description(frame.body);
        let mut fields = fields.map_err(|_| broken_server())?;
        let fields = match answer {
            Answer::Relay => Some(fields),
            Answer::RedactPlan(format) => {
                for field in &mut fields {
                    field.set_type(format.type_id());
                }
                Some(fields)
            }
            Answer::DropRows | Answer::Staged => None,
            Answer::CutLastColumn => {
                fields.pop().ok_or_else(broken_server)?;
                Some(fields)
            }
        };
        if entry.visible {
            match &fields {
                Some(fields) => message::row_description(self.client.outbound.buffer(), fields),
                None if describes => message::bare(self.client.outbound.buffer(), b'n'),
                None => {}
            }
        }
        if describes { self.described(fields) } else { Ok(()) }
    }

    fn on_no_rows(&mut self) -> Result<(), Fatal> {
        let entry = self.front()?;
        if !matches!(
            entry.request,
            Request::DescribeStatement { .. } | Request::DescribePortal { .. }
        ) {
            return Err(broken_server());
        }
        let local = entry.local.take().and_then(|local| local.row);
        if entry.visible {
            let outbound = self.client.outbound.buffer();
            match local {
                Some((name, _)) => message::text_row_description(outbound, &[&name]),
                None => message::bare(outbound, b'n'),
            }
        }
        self.described(None)
    }

    /// A Describe is answered: remembers or compares what the client was told.
    fn described(&mut self, fields: Option<Vec<message::Field>>) -> Result<(), Fatal> {
        let entry = self.expected.pop_front().ok_or_else(broken_server)?;
        match (entry.request, fields) {
            (
                Request::DescribeStatement { remember: Some((name, told)), parameters, .. },
                fields,
            ) => {
                let description = Description { parameters, fields };
                let changed = told.is_some_and(|told| told != description);
                self.names.describe(name, description, changed);
            }
            (Request::DescribePortal { remember: Some(name) }, Some(fields)) => {
                self.note_columns(&name, &fields);
            }
            (_, _) => {}
        }
        Ok(())
    }

    /// A row that does not pass as bytes.
    fn on_row(&mut self, body: Bytes) -> Result<(), Fatal> {
        if matches!(self.front()?.request, Request::SearchPath) {
            return self.path_answered(body).map_err(|refusal| Fatal::refusal(&refusal));
        }
        if matches!(self.front()?.request, Request::Left) {
            return self.left_answered(body);
        }
        if self.count_rows(b'D', 1) {
            return Ok(());
        }
        let mut values = message::decode_data_row(body).map_err(|_| broken_server())?;
        let entry = self.front()?;
        let first = entry.rows_here == 0;
        entry.rows_here = entry.rows_here.saturating_add(1);
        match entry.answer() {
            Answer::CutLastColumn => {
                values.pop().ok_or_else(broken_server)?;
            }
            Answer::RedactPlan(format) => match plan_line(&values, first, format) {
                Some(line) => values = vec![Some(Bytes::from(line))],
                None => return Ok(()),
            },
            // These rows pass as bytes.
            Answer::Relay | Answer::DropRows | Answer::Staged => return Err(broken_server()),
        }
        let mut row = BytesMut::new();
        message::data_row(&mut row, &values);
        self.relay_bytes(row, true);
        Ok(())
    }

    fn on_complete(&mut self, frame: &Frame) -> Result<(), Fatal> {
        let entry = self.front()?;
        let runs = match entry.request {
            Request::Query | Request::Execute | Request::SearchPath | Request::Left => true,
            Request::Parse
            | Request::Bind { .. }
            | Request::Close
            | Request::Sync
            | Request::FunctionCall
            | Request::CopyEnd
            | Request::Prepared
            | Request::Unasked { .. }
            | Request::DescribeStatement { .. }
            | Request::DescribePortal { .. } => false,
        };
        if !runs || entry.refusal.is_some() {
            return Err(broken_server());
        }
        let at = entry.at;
        let mut tag = String::from_utf8_lossy(&frame.body).trim_end_matches('\0').to_owned();
        let mut frame = frame;
        let whole;
        if entry.answer() == Answer::Staged {
            // Only the last of the server's statements ends the client's.
            let Some(rows) = entry.staged_rows(&tag) else { return Ok(()) };
            tag = format!("COPY {rows}");
            whole = Frame { tag: b'C', body: Bytes::from(format!("{tag}\0")) };
            frame = &whole;
        }
        if let Some(running) = entry.running.as_mut() {
            if running.over_limit {
                return self.complete_over_limit();
            }
            if let Some(rows) = affected_rows(&tag) {
                running.rows = running.rows.max(rows);
            }
        }
        let mut made = Vec::new();
        entry.changes.retain_mut(|(index, change)| {
            let now = *index == at;
            if now {
                made.push(std::mem::replace(change, NameChange::Deallocate(Some(String::new()))));
            }
            !now
        });
        entry.at = at.saturating_add(1);
        entry.rows_here = 0;
        let simple = matches!(entry.request, Request::Query);
        self.relay_frame(frame);
        for change in made {
            self.change_name(change);
        }
        if simple {
            let done = self.front()?;
            let last =
                done.source.as_ref().is_none_or(|s| s.rewrite.plan().statements.len() <= done.at);
            if last {
                self.end_statement(None);
            } else if let Some(running) = self.front()?.running.as_mut() {
                running.statement_since = Instant::now();
            }
            return Ok(());
        }
        self.end_statement(None);
        self.expected.pop_front();
        Ok(())
    }

    fn change_name(&mut self, change: NameChange) {
        match change {
            NameChange::Prepare(name, prepared) => {
                self.names.set_statement(&name, Some(*prepared));
            }
            NameChange::Deallocate(name) => {
                let prepared = name.as_deref().and_then(|name| self.names.statement(name));
                if let Some(server_name) = prepared.map(|prepared| prepared.server_name.clone()) {
                    self.note_forgotten(&server_name);
                }
                self.names.deallocate(name.as_deref());
                if name.is_none() {
                    self.note_deallocated();
                }
            }
        }
    }

    /// The server finished before it was cancelled. In a simple query, or when nothing but a Sync
    /// follows, the error stands in for the completion; otherwise the session ends, because
    /// statements that the client will believe skipped are running already.
    fn complete_over_limit(&mut self) -> Result<(), Fatal> {
        self.end_statement(Some("53400"));
        let runs_on = match self.front()?.request {
            Request::Query => {
                let entry = self.front()?;
                let statements = entry.source.as_ref().map(|s| s.rewrite.plan().statements.len());
                statements.is_some_and(|count| count > entry.at.saturating_add(1))
            }
            _ => !matches!(self.expected.get(1), Some(Entry { request: Request::Sync, .. })),
        };
        let report = row_limit();
        if runs_on {
            return Err(Fatal::Tell(Report::fatal(
                report.sqlstate(),
                report.field(Report::MESSAGE).unwrap_or_default(),
            )));
        }
        report.encode_error(self.client.outbound.buffer());
        if !matches!(self.front()?.request, Request::Query) {
            self.expected.pop_front();
        }
        Ok(())
    }

    fn on_empty(&mut self) -> Result<(), Fatal> {
        let entry = self.front()?;
        let simple = matches!(entry.request, Request::Query);
        if !simple && !matches!(entry.request, Request::Execute) || entry.refusal.is_some() {
            return Err(broken_server());
        }
        match entry.local.take() {
            None => self.relay_frame(&Frame { tag: b'I', body: Bytes::new() }),
            Some(local) => {
                let outbound = self.client.outbound.buffer();
                if let Some((name, value)) = &local.row {
                    if simple {
                        message::text_row_description(outbound, &[name]);
                    }
                    message::data_row(outbound, &[Some(value)]);
                }
                message::command_complete(outbound, local.tag);
            }
        }
        self.end_statement(None);
        if !simple {
            self.expected.pop_front();
        }
        Ok(())
    }

    fn on_copy_in(&mut self, frame: &Frame) -> Result<(), Fatal> {
        self.front_runs()?;
        self.planned_answer()?;
        self.relay_frame(frame);
        // The server ignores a Sync that it reads while it expects COPY data; clients send one
        // right after Execute. It is in copy mode until the client's own end of the input.
        let input_end =
            self.expected.iter().position(|entry| matches!(entry.request, Request::CopyEnd));
        self.copying_in = input_end.is_none();
        let until = input_end.unwrap_or(self.expected.len());
        let mut index = 0;
        self.expected.retain(|entry| {
            let ignored = index > 0 && index < until && matches!(entry.request, Request::Sync);
            index = index.saturating_add(1);
            !ignored
        });
        if self.copying_in && !matches!(self.front()?.request, Request::Query) {
            self.pipeline = true;
        }
        Ok(())
    }

    /// Records the end of the statement at the front.
    fn end_statement(&mut self, sqlstate: Option<&str>) {
        let now = self.now;
        if let Some(running) = self.expected.front_mut().and_then(|entry| entry.running.as_mut()) {
            running.end(now, sqlstate, false);
        }
    }

    fn stalled_is_skipped(&mut self) {
        // A message that waited for an answer is looked at again: with `skipping` set it is
        // dropped there, exactly as the server would have dropped it.
        self.nudged = false;
    }
}

/// The server broke the protocol, or the queue is not what it should be: nothing that follows can
/// be attributed to a statement.
fn broken_server() -> Fatal {
    Fatal::new(SqlState::CONNECTION_FAILURE, "the database server sent an unexpected message")
}

fn row_limit() -> Report {
    Report::error(
        SqlState::CONFIGURATION_LIMIT.0,
        "the statement returns more rows than the policy allows",
    )
}

/// The line of a plan that takes the place of this one.
fn plan_line(values: &[Option<Bytes>], first: bool, format: PlanFormat) -> Option<String> {
    let [Some(value)] = values else { return None };
    let text = std::str::from_utf8(value).ok()?;
    match format {
        PlanFormat::Text => super::explain::line(text, first),
        PlanFormat::Json | PlanFormat::Yaml | PlanFormat::Xml => {
            Some(super::explain::document(text, format))
        }
    }
}

/// The row count at the end of a command tag.
fn affected_rows(tag: &str) -> Option<u64> {
    tag.rsplit(' ').next()?.parse().ok()
}
