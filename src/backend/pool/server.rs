//! A connection that one session has: what is done with it on the way to the session and back.

use std::mem::MaybeUninit;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::{PooledServer, RESET_LIMIT, TransactionStatus};
use crate::backend::cancel;
use crate::backend::connect::{
    BackendKey, ConnectError, PINNED_SETTINGS, ServerConnection, Target,
};
use crate::backend::memory::{Memory, SettingValues};
use crate::backend::wire::{self, WireError};
use crate::protocol::stream::ServerStream;

impl PooledServer {
    /// The stream, for the session alone. `None` never occurs before `release` or `discard`.
    pub fn stream(&mut self) -> Option<&mut ServerStream> {
        self.connection.as_mut().map(|connection| &mut connection.stream)
    }

    /// Stream, key and reported settings.
    pub fn connection(&self) -> Option<&ServerConnection> {
        self.connection.as_deref()
    }

    /// The same, to be changed.
    pub fn connection_mut(&mut self) -> Option<&mut ServerConnection> {
        self.connection.as_deref_mut()
    }

    /// For cancelling what runs on it.
    pub fn key(&self) -> Option<&BackendKey> {
        self.connection.as_ref().map(|connection| &*connection.key)
    }

    /// Makes an idle connection what a session expects that has these settings. An error of the
    /// server is about the settings, and leaves the connection usable, without them.
    pub async fn fit(&mut self, settings: &SettingValues, session: u64) -> Result<(), WireError> {
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        let other = connection.memory.settings != *settings;
        let mut queries = Vec::new();
        if connection.memory.sequences.is_some_and(|left| left != session) {
            queries.push("DISCARD SEQUENCES");
        }
        if other && !connection.memory.settings.is_empty() {
            queries.push("RESET ALL");
        }
        if !queries.is_empty() {
            let ServerConnection { stream, parameters, .. } = &mut **connection;
            wire::simple_queries(stream, parameters, &queries).await?;
            connection.memory.sequences = None;
        }
        if other {
            connection.memory.settings = SettingValues::default();
            self.configure(settings).await?;
            if let Some(connection) = self.connection.as_mut() {
                connection.memory.settings = Arc::clone(settings);
            }
        }
        Ok(())
    }

    /// Gives the connection back as it is: outside a transaction, with nothing on it that is not in
    /// its memory.
    pub fn keep(mut self) {
        if let Some(connection) = self.connection.take() {
            self.lane.put_back(connection);
        }
    }

    /// Applies a client's settings to an idle connection; the reset takes them back. An error of
    /// the server leaves the connection usable, and the settings unset.
    pub async fn configure(&mut self, settings: &[(String, String)]) -> Result<(), WireError> {
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        if settings.is_empty() {
            return Ok(());
        }
        // One statement: all of them or none. The extended protocol keeps values out of the text.
        let calls: Vec<String> = (0..settings.len())
            .map(|n| format!("pg_catalog.set_config(${}, ${}, false)", 2 * n + 1, 2 * n + 2))
            .collect();
        let query = format!("SELECT {}", calls.join(", "));
        let mut out = BytesMut::new();
        frontend::parse("", &query, std::iter::empty(), &mut out)?;
        let values: Vec<&str> =
            settings.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
        let bound = frontend::bind(
            "",
            "",
            std::iter::empty(),
            values,
            |value: &str, out: &mut BytesMut| {
                out.extend_from_slice(value.as_bytes());
                Ok(postgres_protocol::IsNull::No)
            },
            std::iter::empty(),
            &mut out,
        );
        if bound.is_err() {
            return Err(WireError::TooLarge);
        }
        frontend::execute("", 0, &mut out)?;
        frontend::sync(&mut out);
        connection.stream.write_all(&out).await?;
        connection.stream.flush().await?;
        wire::read_answer(&mut connection.stream, &mut connection.parameters).await?;
        Ok(())
    }

    /// Gives the connection back. `status` is what the last ReadyForQuery said, and nothing has
    /// been sent since; `None` when that is not certain, and the connection is closed. Returns
    /// whether it was kept.
    pub async fn release(mut self, status: Option<TransactionStatus>) -> bool {
        let Some(status) = status else {
            self.discard().await;
            return false;
        };
        let Some(connection) = self.connection.as_mut() else { return false };
        let user = self.lane.target.user.clone();
        if matches!(timeout(RESET_LIMIT, reset(connection, &user, status)).await, Ok(Ok(true))) {
            self.connection.take().is_some_and(|mut connection| {
                connection.memory = Memory::default();
                self.lane.put_back(connection)
            })
        } else {
            // An error, an unexpected answer or silence: nobody gets this one again.
            self.discard().await;
            false
        }
    }

    /// Cancels what still runs and closes the connection.
    pub async fn discard(mut self) {
        if let Some(connection) = self.connection.take() {
            close(connection, &self.lane.target).await;
        }
    }
}

impl Drop for PooledServer {
    fn drop(&mut self) {
        // A session that ends without releasing may leave a statement running, which would go on
        // without anybody to read it. The place in the pool stays taken until it is over.
        if let Some(connection) = self.connection.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (target, permit) = (Arc::clone(&self.lane.target), self.permit.take());
            runtime.spawn(async move {
                close(connection, &target).await;
                drop(permit);
            });
        }
    }
}

async fn close(mut connection: Box<ServerConnection>, target: &Target) {
    let closing = async {
        cancel::send(&connection.key, &target.tls).await?;
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        connection.stream.write_all(&out).await?;
        connection.stream.shutdown().await?;
        Ok::<(), ConnectError>(())
    };
    if let Ok(Err(error)) = timeout(RESET_LIMIT, closing).await {
        tracing::debug!(%error, "closing a server connection");
    }
}

/// Nothing waits to be read: neither the end of the connection nor anything nobody asked for.
pub(super) fn is_quiet(stream: &ServerStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    match socket2::SockRef::from(stream.socket()).peek(&mut byte) {
        Ok(_) => false,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

/// Whether the server answers: a connection may be dead without anybody having been told.
pub(super) async fn answers(connection: &mut ServerConnection) -> bool {
    let ServerConnection { stream, parameters, .. } = connection;
    let asked = wire::simple_queries(stream, parameters, &[""]);
    matches!(timeout(RESET_LIMIT, asked).await, Ok(Ok(answers)) if answers.iter().all(|a| a.status == b'I'))
}

/// Puts a connection back to how it was made, and looks whether that is so.
async fn reset(
    connection: &mut ServerConnection,
    user: &str,
    status: TransactionStatus,
) -> Result<bool, WireError> {
    // A random word in the last answer: an answer that was left over from the session can not be
    // taken for ours.
    let word = rand::random::<u64>();
    let verify = format!(
        "SELECT '{word}', pg_catalog.current_setting('client_encoding'), \
         pg_catalog.current_setting('standard_conforming_strings'), session_user, current_user, \
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statement()), \
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_cursor())"
    );
    // DISCARD ALL is CLOSE ALL, RESET ALL, SET SESSION AUTHORIZATION DEFAULT, DEALLOCATE ALL,
    // UNLISTEN *, unlocking of advisory locks, and dropping plans, temporary tables and sequences.
    let queries: &[&str] = match status {
        TransactionStatus::Idle => &["DISCARD ALL", &verify],
        TransactionStatus::Open | TransactionStatus::Failed => {
            &["ROLLBACK", "DISCARD ALL", &verify]
        }
    };
    let answers =
        wire::simple_queries(&mut connection.stream, &mut connection.parameters, queries).await?;
    let word = word.to_string();
    let [(_, encoding), (_, strings)] = PINNED_SETTINGS;
    let expected = [word.as_str(), encoding, strings, user, user, "0", "0"];
    let is_idle = answers.iter().all(|answer| answer.status == b'I');
    let Some(row) = answers.last().and_then(|answer| answer.rows.first()) else {
        return Ok(false);
    };
    let as_expected = row.len() == expected.len()
        && row.iter().zip(expected).all(|(value, expected)| value.as_deref() == Some(expected));
    Ok(is_idle && as_expected && is_quiet(&connection.stream))
}
