//! Key lookups that come as simple queries and run as prepared statements: the server neither parses
//! nor plans them again. What the client sees is the answer to a Query.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;
use super::expected::{Entry, Request, Running, Source};
use crate::ids::TypeId;
use crate::planner::Protocol;
use crate::protocol::message::{self, Target};

impl<C, S> Session<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// How the text of a Query may run: as what it is, or also as a prepared statement. That begins and
    /// ends as a Query does where nothing else is under way, and needs a connection whose statements
    /// are known.
    pub(super) fn query_protocol(&self) -> Protocol<'static> {
        let alone = self.expected.is_empty() && !self.pipeline && self.status != b'E';
        if alone && self.private_names && self.restricted() && self.knows_settings() {
            Protocol::Lifting
        } else {
            Protocol::Simple
        }
    }

    /// Runs a statement with lifted constants, which is prepared where it is not yet.
    pub(super) fn send_lifted(&mut self, source: Source, running: Running) {
        let rewrite = Arc::clone(&source.rewrite);
        let types: Vec<TypeId> = rewrite.lifted().iter().map(|constant| constant.type_id).collect();
        // Only a session that borrows its connections lifts; the unnamed statement would do, too.
        let name = self.shared_name(rewrite.text(), &types).unwrap_or_default();
        if name.is_empty() || !self.is_here(&name) {
            let mut bytes = BytesMut::new();
            message::parse(&mut bytes, &name, rewrite.text().as_bytes(), &types);
            let parse = Request::Unasked { columns: None };
            let entry = Entry::new(parse).about(Some(source.clone()));
            self.send(entry, bytes, None);
            self.note_prepared(&name);
        }
        let identity: Vec<_> =
            rewrite.identity().iter().map(|hole| self.standing.identity.text(*hole)).collect();
        let client = rewrite.lifted().iter().map(|constant| Some(constant.value.as_bytes()));
        let own = identity.iter().map(|value| value.as_deref().map(str::as_bytes));
        let values: Vec<_> = client.chain(own).collect();
        let mut bytes = BytesMut::new();
        message::bind(&mut bytes, "", &name, &[], &values, &[]);
        let columns = self.columns_here(&name);
        let unheard = columns.is_none();
        let bind = Request::Unasked { columns };
        self.expected.push_back(Entry::new(bind).about(Some(source.clone())));
        if unheard {
            message::describe(&mut bytes, &Target::Portal(String::new()));
            let describe = Request::DescribePortal { remember: Some(name) };
            self.expected.push_back(Entry::new(describe).about(Some(source.clone())));
        }
        message::execute(&mut bytes, "", 0);
        message::bare(&mut bytes, b'S');
        let mut execute = Entry::new(Request::Execute).about(Some(source));
        execute.running = Some(running);
        self.expected.push_back(execute);
        self.send(Entry::new(Request::Sync), bytes, None);
    }
}
