//! The columns of prepared statements as a connection has told them. Most drivers ask for them at each
//! execution, and the server looks each one up in its catalogue: of a statement that it has told
//! about before, the client hears from the gateway.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;
use super::expected::Request;
use super::names::{Origin, Prepared, Undo};
use crate::protocol::message;
use crate::rewrite::Answer;

/// Statements that the server analyses and plans itself.
pub(super) const QUERIES: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"];

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// The RowDescription of a statement on this connection, when it has been heard. Columns are text.
    pub(super) fn columns_here(&mut self, server_name: &str) -> Option<Bytes> {
        self.loans.as_mut()?.memory().statements.columns(server_name)
    }

    /// Remembers the columns of a statement on this connection.
    pub(super) fn note_columns(&mut self, server_name: &str, fields: &[message::Field]) {
        if let Some(loans) = self.loans.as_mut() {
            let mut columns = BytesMut::new();
            message::row_description(&mut columns, fields);
            let columns = message::row_description_as(&columns.freeze(), &[]);
            loans.memory().statements.describe(server_name, columns);
        }
    }

    /// Answers a Describe of a portal when its Bind is what was sent last and the columns are known:
    /// they follow the server's answer to the Bind. A Bind that fails is followed by nothing.
    pub(super) fn tell_columns(&mut self, portal: &str) -> bool {
        let Some(columns) = self
            .shared_statement(portal)
            .and_then(|prepared| self.columns_here(&prepared.server_name))
        else {
            return false;
        };
        let Some(entry) = self.expected.back_mut() else { return false };
        let bound = matches!(entry.undo.last(), Some(Undo::Portal(bound, _)) if bound == portal);
        if let Request::Bind { results, columns: told @ None } = &mut entry.request
            && bound
            && entry.visible
        {
            let text = results.iter().all(|format| *format == 0);
            let columns =
                if text { columns } else { message::row_description_as(&columns, results) };
            *told = Some(columns);
            return true;
        }
        false
    }

    /// The portal's statement, where its rows pass as they come and its columns are the same for as long as
    /// it is prepared: PostgreSQL lets a query fail rather than return others. What an EXECUTE or a FETCH
    /// returns depends on what it names.
    pub(super) fn shared_statement(&self, portal: &str) -> Option<Arc<Prepared>> {
        if self.loans.is_none() || !self.private_names {
            return None;
        }
        let prepared = self.names.portal(portal)?.prepared.as_ref()?;
        let [statement] = prepared.rewrite.plan().statements.as_slice() else { return None };
        let told = prepared.origin == Origin::Protocol
            && prepared.local.is_none()
            && QUERIES.contains(&statement.kind)
            && prepared.answer() == Answer::Relay
            && !prepared.server_name.is_empty();
        told.then(|| Arc::clone(prepared))
    }
}
