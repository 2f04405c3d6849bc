//! SQL-prepared statements whose rules, names or identity have changed: planned again and prepared
//! again under the same server name, right before they run. The client notices nothing.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;
use super::columns::QUERIES;
use super::expected::{Entry, NameChange, Request};
use super::names::{Origin, Prepared};
use super::query::unknown_statement;
use crate::error::{Refusal, SqlState};
use crate::planner::{CREATE_TABLE, Protocol};
use crate::protocol::message::{self, Target};
use crate::rewrite::{Action, Answer, Effect};
use crate::sql::Tokens;

/// The statement and portal that run a PREPARE again; a restricted client cannot say the name.
const NAME: &str = "rowgate_again";

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Whether a simple query has to wait until nothing is owed: it may execute a statement that has
    /// to be prepared again, and a Sync of rowgate inside the client's pipeline would end it.
    pub(super) fn waits_to_prepare(&self, text: &[u8]) -> bool {
        if self.expected.is_empty() || !self.private_names {
            return false;
        }
        let stale = self
            .names
            .all()
            .any(|prepared| prepared.origin == Origin::Sql && !self.is_current(prepared));
        stale
            && std::str::from_utf8(text).is_ok_and(|text| {
                Tokens::new(text).is_ok_and(|tokens| {
                    (0..tokens.len()).any(|index| tokens.is_word(index, "execute"))
                })
            })
    }

    /// Prepares again what the plan executes by name and is not current. Every such statement has to
    /// exist.
    pub(super) fn refresh_executed(
        &mut self,
        planned: &super::query::Planned,
    ) -> Result<(), Refusal> {
        if !self.private_names {
            return Ok(());
        }
        let plan = Arc::clone(planned.rewrite.plan());
        let mut made: Vec<&str> = Vec::new();
        for statement in &plan.statements {
            match &statement.action {
                Action::Prepare { name, .. } => {
                    if !made.contains(&&**name) {
                        self.bring_named(name);
                    }
                    made.push(name);
                }
                Action::Execute { name } if made.contains(&&**name) => {
                    if statement.kind == CREATE_TABLE {
                        return Err(Refusal::unsupported(
                            "CREATE TABLE AS EXECUTE of what its own query string prepares",
                        ));
                    }
                }
                Action::Execute { name } => {
                    let prepared =
                        self.names.statement(name).ok_or_else(|| unknown_statement(name))?;
                    executable(name, prepared)?;
                    // The arguments of EXECUTE are the client's, and the identity would be among them.
                    if prepared.origin == Origin::Protocol
                        && !prepared.rewrite.identity().is_empty()
                    {
                        return Err(Refusal::unsupported(format!(
                            "EXECUTE of \"{name}\", which was prepared by the protocol"
                        )));
                    }
                    if self.is_current(prepared) {
                        let prepared = Arc::clone(prepared);
                        keepable(statement.kind, &prepared)?;
                        self.bring_before(&prepared);
                        continue;
                    }
                    match prepared.origin {
                        Origin::Sql => {
                            let again = self.prepare_again(name)?;
                            keepable(statement.kind, &again)?;
                        }
                        Origin::Protocol => {
                            return Err(Refusal {
                                reason: "the rules in force have changed since it was prepared; \
                                         prepare it again"
                                    .to_owned(),
                                ..unknown_statement(name)
                            });
                        }
                    }
                }
                Action::Deallocate { name: Some(name) } if !made.contains(&&**name) => {
                    self.bring_named(name);
                }
                Action::Forward
                | Action::Fetch { .. }
                | Action::Close { .. }
                | Action::Deallocate { .. }
                | Action::Local(_) => {}
            }
        }
        Ok(())
    }

    /// A statement of the protocol may be on another connection: the server has to know what it
    /// forgets, and which name is taken.
    fn bring_named(&mut self, name: &str) {
        let prepared = self.names.statement(name).cloned();
        if let Some(prepared) = prepared.filter(|p| p.origin == Origin::Protocol) {
            self.bring_before(&prepared);
        }
    }

    /// Prepares a statement on this connection, if it is not there, before a simple query.
    fn bring_before(&mut self, prepared: &Prepared) {
        if self.bring_here(prepared) {
            // A Query ends what came before it only after a Sync.
            message::bare(self.server.outbound.buffer(), b'S');
            self.expected.push_back(Entry::internal(Request::Sync));
            self.pipeline = false;
        }
    }

    /// Plans a PREPARE under the rules in force and runs it in place of the old one. When the server
    /// refuses or skips it, the name is what it was, and is prepared again the next time.
    pub(super) fn prepare_again(&mut self, name: &str) -> Result<Arc<Prepared>, Refusal> {
        let old = self.names.statement(name).cloned().ok_or_else(|| unknown_statement(name))?;
        let planned = self.plan(&old.text, Protocol::Simple)?;
        let again = Prepared {
            rewrite: planned.rewrite,
            stamp: self.stamp(),
            identity: Arc::clone(&self.standing.identity),
            statement_names: Vec::new(),
            ..(*old).clone()
        };
        let mut bytes = BytesMut::new();
        let nothing: [Option<Bytes>; 0] = [];
        message::close(&mut bytes, &Target::Statement(old.server_name.clone()));
        message::parse(&mut bytes, NAME, again.rewrite.text().as_bytes(), &[]);
        message::bind(&mut bytes, NAME, NAME, &[], &nothing, &[]);
        message::execute(&mut bytes, NAME, 0);
        message::close(&mut bytes, &Target::Portal(NAME.to_owned()));
        message::close(&mut bytes, &Target::Statement(NAME.to_owned()));
        let mut run = Entry::internal(Request::Execute);
        // What the client sends next waits for this change.
        run.changes.push((0, NameChange::Prepare(name.to_owned(), Box::new(again.clone()))));
        run.undo.push(self.names.set_statement(name, Some(again)));
        self.expected
            .extend([Request::Close, Request::Parse, Request::bind()].map(Entry::internal));
        self.expected.push_back(run);
        self.expected.extend([Request::Close, Request::Close].map(Entry::internal));
        if self.pipeline {
            self.nudged = false;
        } else {
            message::bare(&mut bytes, b'S');
            self.expected.push_back(Entry::internal(Request::Sync));
        }
        self.names.take_description(&old.server_name);
        self.server.outbound.append(bytes);
        self.names.statement(name).cloned().ok_or_else(|| unknown_statement(name))
    }
}

/// SQL EXECUTE of what the protocol prepared: of a query or a write. What else the protocol takes
/// (SET, DECLARE, FETCH, EXECUTE …) does something to the session that is noted where it is said.
fn executable(name: &str, prepared: &Prepared) -> Result<(), Refusal> {
    let plain = prepared.rewrite.plan().statements.iter().all(|statement| {
        matches!(statement.action, Action::Forward) && QUERIES.contains(&statement.kind)
    });
    match prepared.origin {
        Origin::Protocol if !plain => Err(Refusal::unsupported(format!(
            "EXECUTE of \"{name}\", which is neither a query nor a write"
        ))),
        Origin::Protocol | Origin::Sql => Ok(()),
    }
}

/// What goes into a temporary table is read again without a limit and without another look.
fn keepable(kind: &str, prepared: &Prepared) -> Result<(), Refusal> {
    if kind != CREATE_TABLE {
        return Ok(());
    }
    for statement in &prepared.rewrite.plan().statements {
        if statement.rows_per_query.is_some() {
            return Err(Refusal::new(
                SqlState::CONFIGURATION_LIMIT,
                "rows of which only some may be read at a time cannot go into a temporary table",
                "limits.rows_per_query",
            ));
        }
        if statement.effect != Effect::Reads || prepared.answer() != Answer::Relay {
            return Err(Refusal::unsupported(
                "a data-modifying statement in CREATE TABLE AS is not supported",
            ));
        }
    }
    Ok(())
}
