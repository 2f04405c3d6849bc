//! Reading and writing whole messages on a server connection outside a client's session: start-up,
//! authentication, reset. The server is not trusted: lengths and counts are bounded. It reads
//! exactly one message at a time, so nothing is left in a buffer when the connection is handed on.

use std::collections::BTreeMap;
use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{ErrorField, ErrorFields, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_postgres::fallible_iterator::FallibleIterator;

/// The longest message accepted outside a session, in bytes without the tag.
const MAX_MESSAGE: usize = 256 * 1024;
/// The most messages one exchange may take.
const MAX_MESSAGES: usize = 10_000;

/// An error as the server reported it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServerError {
    /// The SQLSTATE; empty when the server sent none.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
}

/// What went wrong while talking to the server.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection broke, or what came is not PostgreSQL's protocol.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server answered with an error.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// A message that has no place here.
    #[error("unexpected message from the server")]
    Unexpected,
    /// More or longer messages than any answer to this has.
    #[error("the server's answer is too large")]
    TooLarge,
}

/// The rows of one simple query, and the transaction status after it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Vec<Vec<Option<String>>>,
    pub(super) status: u8,
}

impl ServerError {
    pub(super) fn from_fields(mut fields: ErrorFields<'_>) -> io::Result<Self> {
        let text = |field: &ErrorField<'_>| {
            String::from_utf8_lossy(field.value_bytes()).chars().take(2000).collect::<String>()
        };
        let mut error = Self { sqlstate: String::new(), message: String::new() };
        for _ in 0..64 {
            let Some(field) = fields.next()? else {
                break;
            };
            match field.type_() {
                b'C' => error.sqlstate = text(&field),
                b'M' => error.message = text(&field),
                _ => {}
            }
        }
        Ok(error)
    }
}

/// Reads one message.
pub(super) async fn read_message<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<Message, WireError> {
    let mut header = [0_u8; 5];
    stream.read_exact(&mut header).await?;
    let [_, length @ ..] = header;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
    let Some(body) = length.checked_sub(4) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "invalid message length").into());
    };
    if length > MAX_MESSAGE {
        return Err(WireError::TooLarge);
    }
    let mut message = BytesMut::with_capacity(length + 1);
    message.extend_from_slice(&header);
    let mut body_reader = stream.take(body as u64);
    while message.len() < length + 1 {
        if body_reader.read_buf(&mut message).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Message::parse(&mut message)?.ok_or(WireError::Unexpected)
}

/// Runs simple queries in one round trip and returns one answer for each. The settings the server
/// reports on the way go into `parameters`.
pub(super) async fn simple_queries<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    parameters: &mut BTreeMap<String, String>,
    queries: &[&str],
) -> Result<Vec<Answer>, WireError> {
    let mut out = BytesMut::new();
    for query in queries {
        frontend::query(query, &mut out)?;
    }
    stream.write_all(&out).await?;
    stream.flush().await?;
    let mut answers = Vec::with_capacity(queries.len());
    for _ in queries {
        answers.push(read_answer(stream, parameters).await?);
    }
    Ok(answers)
}

/// Reads up to ReadyForQuery. An error of the server comes back once that has been reached.
pub(super) async fn read_answer<S: AsyncRead + Unpin>(
    stream: &mut S,
    parameters: &mut BTreeMap<String, String>,
) -> Result<Answer, WireError> {
    let mut rows = Vec::new();
    let mut failure = None;
    for _ in 0..MAX_MESSAGES {
        match read_message(stream).await? {
            Message::ReadyForQuery(body) => {
                return match failure {
                    Some(error) => Err(WireError::Server(error)),
                    None => Ok(Answer { rows, status: body.status() }),
                };
            }
            Message::DataRow(row) => {
                let mut values = Vec::new();
                let mut ranges = row.ranges();
                while let Some(range) = ranges.next()? {
                    values.push(match range {
                        Some(range) => {
                            let bytes = row.buffer().get(range).ok_or(WireError::Unexpected)?;
                            Some(String::from_utf8_lossy(bytes).into_owned())
                        }
                        None => None,
                    });
                }
                rows.push(values);
            }
            Message::ParameterStatus(body) => {
                parameters.insert(body.name()?.to_owned(), body.value()?.to_owned());
            }
            Message::ErrorResponse(body) => {
                failure = Some(ServerError::from_fields(body.fields())?);
            }
            Message::RowDescription(_)
            | Message::CommandComplete(_)
            | Message::EmptyQueryResponse
            | Message::NoticeResponse(_)
            | Message::NotificationResponse(_)
            | Message::ParseComplete
            | Message::BindComplete
            | Message::NoData => {}
            // COPY, authentication, suspended portals …: no answer to what is asked here.
            _ => return Err(WireError::Unexpected),
        }
    }
    Err(WireError::TooLarge)
}
