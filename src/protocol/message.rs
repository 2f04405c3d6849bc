//! Typed messages. A client's message is decoded from a whole frame that must be used up to its last
//! byte; what rowgate itself sends is encoded here. Formats: PostgreSQL documentation, 55.7
//! "Message Formats". Never reads past a frame and never allocates by a count it was told.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::frame::{Frame, write_frame};
use crate::ids::TypeId;

/// The server closed or the client sent something else than the protocol allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A type of message that no client sends.
    #[error("invalid frontend message type {0}")]
    UnknownType(u8),
    /// A field reaches past the end of the frame.
    #[error("insufficient data left in message")]
    Short,
    /// Bytes are left after the last field.
    #[error("invalid message format")]
    Trailing,
    /// A text without its terminating zero.
    #[error("invalid string in message")]
    Unterminated,
    /// A name that is not UTF-8.
    #[error("invalid byte sequence for encoding \"UTF8\" in a name")]
    NotUtf8,
    /// A Describe or Close of neither a statement nor a portal.
    #[error("invalid object type {0} in a Describe or Close message")]
    UnknownTarget(u8),
    /// A count or length that is negative where it cannot be.
    #[error("invalid count in message")]
    InvalidCount,
}

/// What Describe and Close are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A prepared statement; the empty name is the unnamed one.
    Statement(String),
    /// A portal; the empty name is the unnamed one.
    Portal(String),
}

/// A Parse message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parse {
    /// The statement's name; empty for the unnamed one.
    pub name: String,
    /// The query text as bytes; it need not be UTF-8.
    pub text: Bytes,
    /// Declared parameter types; 0 is unspecified.
    pub types: Vec<TypeId>,
}

/// A Bind message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The portal to make; empty for the unnamed one.
    pub portal: String,
    /// The statement to bind.
    pub statement: String,
    /// Parameter formats: none (all text), one for all, or one each.
    pub formats: Vec<i16>,
    /// Parameter values; `None` is NULL.
    pub values: Vec<Option<Bytes>>,
    /// Result formats: none (all text), one for all, or one each.
    pub results: Vec<i16>,
}

impl Bind {
    /// The format code in force for one parameter.
    pub fn format(&self, index: usize) -> i16 {
        match self.formats.as_slice() {
            [] => 0,
            [all] => *all,
            each => each.get(index).copied().unwrap_or(0),
        }
    }
}

/// An Execute message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execute {
    /// The portal to run.
    pub portal: String,
    /// The most rows to return now; 0 and below is all.
    pub max_rows: i32,
}

/// A message of a client after start-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// A query string of the simple protocol.
    Query(Bytes),
    /// Prepare a statement.
    Parse(Parse),
    /// Make a portal.
    Bind(Bind),
    /// Ask for parameter and row descriptions.
    Describe(Target),
    /// Run a portal.
    Execute(Execute),
    /// Forget a statement or a portal.
    Close(Target),
    /// Send what you have.
    Flush,
    /// End of a pipeline.
    Sync,
    /// A piece of COPY input.
    CopyData(Bytes),
    /// The end of COPY input.
    CopyDone,
    /// The client gives up a COPY, and why.
    CopyFail(Bytes),
    /// A call by OID, of the protocol's early days.
    FunctionCall(Bytes),
    /// An authentication answer; what it means depends on the method.
    Password(Bytes),
    /// Goodbye.
    Terminate,
}

impl ClientMessage {
    /// Reads a message from its frame, all of it.
    pub fn decode(frame: Frame) -> Result<Self, DecodeError> {
        let mut body = Reader(frame.body);
        let message = match frame.tag {
            b'Q' => Self::Query(body.string()?),
            b'P' => Self::Parse(Parse {
                name: body.name()?,
                text: body.string()?,
                types: body.list(|body| Ok(TypeId(body.u32()?)))?,
            }),
            b'B' => Self::Bind(Bind {
                portal: body.name()?,
                statement: body.name()?,
                formats: body.list(Reader::i16)?,
                values: body.list(Reader::value)?,
                results: body.list(Reader::i16)?,
            }),
            b'D' => Self::Describe(body.target()?),
            b'E' => Self::Execute(Execute { portal: body.name()?, max_rows: body.i32()? }),
            b'C' => Self::Close(body.target()?),
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'd' => Self::CopyData(body.rest()),
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail(body.string()?),
            b'F' => Self::FunctionCall(body.rest()),
            b'p' => Self::Password(body.rest()),
            b'X' => Self::Terminate,
            other => return Err(DecodeError::UnknownType(other)),
        };
        if body.0.is_empty() { Ok(message) } else { Err(DecodeError::Trailing) }
    }
}

/// Reads the fields of a body; every read checks what is left.
struct Reader(Bytes);

impl Reader {
    fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.0.len() {
            return Err(DecodeError::Short);
        }
        Ok(self.0.split_to(length))
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.0.try_get_u8().map_err(|_| DecodeError::Short)
    }

    fn i16(&mut self) -> Result<i16, DecodeError> {
        self.0.try_get_i16().map_err(|_| DecodeError::Short)
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.0.try_get_i32().map_err(|_| DecodeError::Short)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.0.try_get_u32().map_err(|_| DecodeError::Short)
    }

    fn string(&mut self) -> Result<Bytes, DecodeError> {
        let end = self.0.iter().position(|b| *b == 0).ok_or(DecodeError::Unterminated)?;
        let text = self.take(end)?;
        self.u8()?;
        Ok(text)
    }

    fn name(&mut self) -> Result<String, DecodeError> {
        String::from_utf8(self.string()?.to_vec()).map_err(|_| DecodeError::NotUtf8)
    }

    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        // The protocol's 16-bit counts are unsigned since PostgreSQL 8: 65,535 parameters.
        let count = self.0.try_get_u16().map_err(|_| DecodeError::Short)?;
        // Every item takes at least two bytes, so what is left bounds the allocation.
        let mut items = Vec::with_capacity(usize::from(count).min(self.0.len() / 2));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn value(&mut self) -> Result<Option<Bytes>, DecodeError> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| DecodeError::InvalidCount)?;
                self.take(length).map(Some)
            }
        }
    }

    fn target(&mut self) -> Result<Target, DecodeError> {
        match self.u8()? {
            b'S' => Ok(Target::Statement(self.name()?)),
            b'P' => Ok(Target::Portal(self.name()?)),
            other => Err(DecodeError::UnknownTarget(other)),
        }
    }

    fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }
}

/// The fields of an ErrorResponse or NoticeResponse (PostgreSQL documentation, 55.8), in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    fields: Vec<(u8, String)>,
}

impl Report {
    /// Localised severity.
    pub const SEVERITY: u8 = b'S';
    /// Severity as PostgreSQL's English words.
    pub const SEVERITY_FIXED: u8 = b'V';
    /// SQLSTATE.
    pub const CODE: u8 = b'C';
    /// The primary message.
    pub const MESSAGE: u8 = b'M';
    /// DETAIL.
    pub const DETAIL: u8 = b'D';
    /// HINT.
    pub const HINT: u8 = b'H';
    /// Position in the query string, in characters from 1.
    pub const POSITION: u8 = b'P';

    /// A report of rowgate's own.
    pub fn new(severity: &str, sqlstate: &str, message: &str) -> Self {
        let mut report = Self::default();
        report.set(Self::SEVERITY, severity);
        report.set(Self::SEVERITY_FIXED, severity);
        report.set(Self::CODE, sqlstate);
        report.set(Self::MESSAGE, message);
        report
    }

    /// An ERROR: the session goes on.
    pub fn error(sqlstate: &str, message: &str) -> Self {
        Self::new("ERROR", sqlstate, message)
    }

    /// A FATAL error: the session ends.
    pub fn fatal(sqlstate: &str, message: &str) -> Self {
        Self::new("FATAL", sqlstate, message)
    }

    /// Reads the body of an ErrorResponse or NoticeResponse. Bytes that are not UTF-8 become
    /// replacement characters.
    pub fn decode(body: Bytes) -> Result<Self, DecodeError> {
        let mut body = Reader(body);
        let mut fields = Vec::new();
        loop {
            match body.u8()? {
                0 => break,
                field => {
                    let text = String::from_utf8_lossy(&body.string()?).into_owned();
                    fields.push((field, text));
                }
            }
        }
        if body.0.is_empty() { Ok(Self { fields }) } else { Err(DecodeError::Trailing) }
    }

    /// A field's text.
    pub fn field(&self, field: u8) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    /// The SQLSTATE; `XX000` when the server sent none.
    pub fn sqlstate(&self) -> &str {
        self.field(Self::CODE).unwrap_or("XX000")
    }

    /// Replaces or adds a field. A zero byte, which would end the field, becomes a space.
    pub fn set(&mut self, field: u8, text: &str) {
        let text = text.replace('\0', " ");
        match self.fields.iter_mut().find(|(name, _)| *name == field) {
            Some((_, old)) => *old = text,
            None => self.fields.push((field, text)),
        }
    }

    /// The same report with one more field, unless the text is empty.
    #[must_use]
    pub fn with(mut self, field: u8, text: &str) -> Self {
        if !text.is_empty() {
            self.set(field, text);
        }
        self
    }

    /// Keeps the fields that `keep` names.
    pub fn retain(&mut self, keep: impl Fn(u8) -> bool) {
        self.fields.retain(|(field, _)| keep(*field));
    }

    fn encode(&self, buffer: &mut BytesMut, tag: u8) {
        write_frame(buffer, tag, |body| {
            for (field, text) in &self.fields {
                body.put_u8(*field);
                put_string(body, text.as_bytes());
            }
            body.put_u8(0);
        });
    }

    /// Appends it as an ErrorResponse.
    pub fn encode_error(&self, buffer: &mut BytesMut) {
        self.encode(buffer, b'E');
    }

    /// Appends it as a NoticeResponse.
    pub fn encode_notice(&self, buffer: &mut BytesMut) {
        self.encode(buffer, b'N');
    }
}

/// A field of a RowDescription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: Bytes,
    /// Everything else in its fixed layout: table, column, type, size, modifier and format.
    pub rest: Bytes,
}

impl Field {
    /// Makes it a column of this type of any length.
    pub fn set_type(&mut self, id: TypeId) {
        let mut rest = BytesMut::from(&*self.rest);
        // Behind the table's OID and the column's number.
        for (place, byte) in rest.iter_mut().skip(6).zip(id.0.to_be_bytes()) {
            *place = byte;
        }
        self.rest = rest.freeze();
    }
}

/// Reads the body of a RowDescription.
pub fn decode_row_description(body: Bytes) -> Result<Vec<Field>, DecodeError> {
    let mut body = Reader(body);
    let fields = body.list(|body| Ok(Field { name: body.string()?, rest: body.take(18)? }))?;
    if body.0.is_empty() { Ok(fields) } else { Err(DecodeError::Trailing) }
}

/// Appends a RowDescription.
pub fn row_description(buffer: &mut BytesMut, fields: &[Field]) {
    write_frame(buffer, b'T', |body| {
        put_count(body, fields.len());
        for field in fields {
            put_string(body, &field.name);
            body.extend_from_slice(&field.rest);
        }
    });
}

/// A whole RowDescription with these formats: one for all columns or one for each, text where there are
/// none.
pub fn row_description_as(described: &Bytes, formats: &[i16]) -> Bytes {
    // Of one column: its table, number, type, size and modifier, before its format.
    const BEFORE: usize = 16;
    let mut message = BytesMut::from(&**described);
    // Behind the type, the length and the count.
    let mut at = 7;
    let mut each = formats.iter();
    while let Some(end) = message.get(at..).and_then(|rest| rest.iter().position(|b| *b == 0)) {
        let format = match formats {
            [] => 0,
            [all] => *all,
            [_, _, ..] => each.next().copied().unwrap_or(0),
        };
        at += end + 1 + BEFORE;
        if let Some(place) = message.get_mut(at..at + 2) {
            place.copy_from_slice(&format.to_be_bytes());
        }
        at += 2;
    }
    message.freeze()
}

/// Appends a RowDescription of text columns.
pub fn text_row_description(buffer: &mut BytesMut, names: &[&str]) {
    // The OID of `text`, its variable length (-1), no modifier (-1) and the text format (0).
    const TEXT: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0];
    let fields: Vec<Field> = names
        .iter()
        .map(|name| Field {
            name: Bytes::copy_from_slice(name.as_bytes()),
            rest: Bytes::from_static(TEXT),
        })
        .collect();
    row_description(buffer, &fields);
}

/// Reads the body of a ParameterDescription.
pub fn decode_parameter_description(body: Bytes) -> Result<Vec<TypeId>, DecodeError> {
    let mut body = Reader(body);
    let types = body.list(|body| Ok(TypeId(body.u32()?)))?;
    if body.0.is_empty() { Ok(types) } else { Err(DecodeError::Trailing) }
}

/// Appends a ParameterDescription.
pub fn parameter_description(buffer: &mut BytesMut, types: &[TypeId]) {
    write_frame(buffer, b't', |body| {
        put_count(body, types.len());
        for parameter in types {
            body.put_u32(parameter.0);
        }
    });
}

/// Reads the body of a DataRow.
pub fn decode_data_row(body: Bytes) -> Result<Vec<Option<Bytes>>, DecodeError> {
    let mut body = Reader(body);
    let values = body.list(Reader::value)?;
    if body.0.is_empty() { Ok(values) } else { Err(DecodeError::Trailing) }
}

/// Appends a DataRow.
pub fn data_row<V: AsRef<[u8]>>(buffer: &mut BytesMut, values: &[Option<V>]) {
    write_frame(buffer, b'D', |body| put_values(body, values));
}

/// Appends a CommandComplete.
pub fn command_complete(buffer: &mut BytesMut, tag: &str) {
    write_frame(buffer, b'C', |body| put_string(body, tag.as_bytes()));
}

/// Appends a ReadyForQuery with the transaction status `I`, `T` or `E`.
pub fn ready_for_query(buffer: &mut BytesMut, status: u8) {
    write_frame(buffer, b'Z', |body| body.put_u8(status));
}

/// Appends a ParameterStatus.
pub fn parameter_status(buffer: &mut BytesMut, name: &str, value: &str) {
    write_frame(buffer, b'S', |body| {
        put_string(body, name.as_bytes());
        put_string(body, value.as_bytes());
    });
}

/// Reads the body of a ParameterStatus: name and value.
pub fn decode_parameter_status(body: Bytes) -> Result<(String, String), DecodeError> {
    let mut body = Reader(body);
    let name = body.name()?;
    let value = body.name()?;
    if body.0.is_empty() { Ok((name, value)) } else { Err(DecodeError::Trailing) }
}

/// Appends a BackendKeyData; the secret has 4 bytes in protocol 3.0 and up to 256 in 3.2.
pub fn backend_key_data(buffer: &mut BytesMut, process: u32, secret: &[u8]) {
    write_frame(buffer, b'K', |body| {
        body.put_u32(process);
        body.extend_from_slice(secret);
    });
}

/// Appends an Authentication message: its code and what follows it.
pub fn authentication(buffer: &mut BytesMut, code: u32, rest: &[u8]) {
    write_frame(buffer, b'R', |body| {
        body.put_u32(code);
        body.extend_from_slice(rest);
    });
}

/// Appends an AuthenticationOk.
pub fn authentication_ok(buffer: &mut BytesMut) {
    authentication(buffer, 0, &[]);
}

/// Appends an AuthenticationSASL with the mechanisms, best first.
pub fn authentication_sasl(buffer: &mut BytesMut, mechanisms: &[&str]) {
    let mut list = BytesMut::new();
    for mechanism in mechanisms {
        put_string(&mut list, mechanism.as_bytes());
    }
    list.put_u8(0);
    authentication(buffer, 10, &list);
}

/// Appends a NegotiateProtocolVersion: the newest minor version and the options not known.
pub fn negotiate_protocol_version(buffer: &mut BytesMut, minor: u32, unknown: &[String]) {
    write_frame(buffer, b'v', |body| {
        body.put_u32(minor);
        body.put_u32(u32::try_from(unknown.len()).unwrap_or(u32::MAX));
        for option in unknown {
            put_string(body, option.as_bytes());
        }
    });
}

/// Appends a Query.
pub fn query(buffer: &mut BytesMut, text: &[u8]) {
    write_frame(buffer, b'Q', |body| put_string(body, text));
}

/// Appends a Parse.
pub fn parse(buffer: &mut BytesMut, name: &str, text: &[u8], types: &[TypeId]) {
    write_frame(buffer, b'P', |body| {
        put_string(body, name.as_bytes());
        put_string(body, text);
        put_count(body, types.len());
        for parameter in types {
            body.put_u32(parameter.0);
        }
    });
}

/// Appends a Bind.
pub fn bind<V: AsRef<[u8]>>(
    buffer: &mut BytesMut,
    portal: &str,
    statement: &str,
    formats: &[i16],
    values: &[Option<V>],
    results: &[i16],
) {
    write_frame(buffer, b'B', |body| {
        put_string(body, portal.as_bytes());
        put_string(body, statement.as_bytes());
        put_count(body, formats.len());
        for format in formats {
            body.put_i16(*format);
        }
        put_values(body, values);
        put_count(body, results.len());
        for format in results {
            body.put_i16(*format);
        }
    });
}

/// Appends a Describe.
pub fn describe(buffer: &mut BytesMut, target: &Target) {
    write_frame(buffer, b'D', |body| put_target(body, target));
}

/// Appends a Close.
pub fn close(buffer: &mut BytesMut, target: &Target) {
    write_frame(buffer, b'C', |body| put_target(body, target));
}

/// Appends an Execute.
pub fn execute(buffer: &mut BytesMut, portal: &str, max_rows: i32) {
    write_frame(buffer, b'E', |body| {
        put_string(body, portal.as_bytes());
        body.put_i32(max_rows);
    });
}

/// Appends a message that has no body: Sync, Flush, CopyDone, Terminate, NoData …
pub fn bare(buffer: &mut BytesMut, tag: u8) {
    write_frame(buffer, tag, |_| {});
}

fn put_target(body: &mut BytesMut, target: &Target) {
    let (kind, name) = match target {
        Target::Statement(name) => (b'S', name),
        Target::Portal(name) => (b'P', name),
    };
    body.put_u8(kind);
    put_string(body, name.as_bytes());
}

fn put_string(body: &mut BytesMut, text: &[u8]) {
    body.extend_from_slice(text);
    body.put_u8(0);
}

fn put_values<V: AsRef<[u8]>>(body: &mut BytesMut, values: &[Option<V>]) {
    put_count(body, values.len());
    for value in values {
        match value {
            None => body.put_i32(-1),
            Some(value) => {
                let value = value.as_ref();
                // A value came out of a frame or the directory, both capped below 2 GiB.
                body.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
                body.extend_from_slice(value);
            }
        }
    }
}

/// Callers check the protocol's limit of 65,535 where a count can grow.
fn put_count(body: &mut BytesMut, count: usize) {
    body.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
}

#[cfg(test)]
mod tests;
