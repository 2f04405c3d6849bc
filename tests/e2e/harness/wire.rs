//! A client that speaks the protocol by hand, so that a test sees every message and can send what no
//! driver sends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use super::Login;

/// How long a silent peer is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A transport: a socket, or TLS over one.
pub(crate) trait Transport: Read + Write + Send {}
impl<T: Read + Write + Send> Transport for T {}

/// One message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A field of an ErrorResponse or NoticeResponse.
    pub(crate) fn field(&self, wanted: u8) -> Option<String> {
        self.body.split(|byte| *byte == 0).find_map(|field| {
            let (kind, text) = field.split_first()?;
            (*kind == wanted).then(|| String::from_utf8_lossy(text).into_owned())
        })
    }

    /// SQLSTATE of an error or a notice.
    pub(crate) fn sqlstate(&self) -> String {
        self.field(b'C').unwrap_or_default()
    }

    /// The values of a DataRow, as text.
    pub(crate) fn values(&self) -> Vec<Option<String>> {
        let mut rest = &self.body[2..];
        let mut values = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            match usize::try_from(i32::from_be_bytes(*length)) {
                Err(_) => {
                    values.push(None);
                    rest = after;
                }
                Ok(length) => {
                    let (value, after) = after.split_at(length);
                    values.push(Some(match std::str::from_utf8(value) {
                        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
                        _ => format!("{value:02x?}"),
                    }));
                    rest = after;
                }
            }
        }
        values
    }

    /// What a client depends on, on one line. Of errors whose text may hold row data, and which
    /// therefore differ from a direct connection's, only the SQLSTATE.
    pub(crate) fn show(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', " ");
        match self.tag {
            b'E' | b'N' => {
                let code = self.sqlstate();
                let speaks = ["42", "25", "26", "34", "08", "3B", "3D", "3F", "0A", "55"]
                    .iter()
                    .any(|class| code.starts_with(class));
                let mut line = format!("{} {code}", char::from(self.tag));
                if speaks {
                    let _ = write!(line, " {}", self.field(b'M').unwrap_or_default());
                }
                if let Some(position) = self.field(b'P') {
                    let _ = write!(line, " @{position}");
                }
                line
            }
            b'T' => {
                let mut line = "T".to_owned();
                let mut rest = &self.body[2..];
                while let Some(end) = rest.iter().position(|byte| *byte == 0) {
                    let (name, after) = rest.split_at(end);
                    let (facts, after) = after[1..].split_at(18);
                    let number =
                        |at: usize| u32::from_be_bytes(facts[at..at + 4].try_into().unwrap());
                    let short =
                        |at: usize| i16::from_be_bytes(facts[at..at + 2].try_into().unwrap());
                    let _ = write!(
                        line,
                        " {}:{}:{}:{}:{}",
                        text(name),
                        number(6),
                        short(10),
                        i64::from(number(12).cast_signed()),
                        short(16)
                    );
                    rest = after;
                }
                line
            }
            b'D' => format!("D {:?}", self.values()),
            b'S' | b'C' | b'A' => format!("{} {}", char::from(self.tag), text(&self.body)),
            b'Z' => format!("Z {}", text(&self.body)),
            b'd' => format!("d {:?}", String::from_utf8_lossy(&self.body)),
            tag => format!("{} {:02x?}", char::from(tag), self.body),
        }
    }
}

/// A connection.
pub(crate) struct Wire {
    stream: Box<dyn Transport>,
    /// From BackendKeyData.
    pub(crate) process: u32,
    /// From BackendKeyData.
    pub(crate) secret: Vec<u8>,
    /// ParameterStatus before the first ReadyForQuery.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Everything else that came before the first ReadyForQuery.
    pub(crate) greeting: Vec<Message>,
}

impl Wire {
    /// A connection on which nothing has been said.
    pub(crate) fn open(port: u16) -> Self {
        let stream = socket(port);
        Self::over(Box::new(stream))
    }

    /// The same over any transport.
    pub(crate) fn over(stream: Box<dyn Transport>) -> Self {
        Self {
            stream,
            process: 0,
            secret: Vec::new(),
            parameters: BTreeMap::new(),
            greeting: Vec::new(),
        }
    }

    /// Logs in; panics when that is refused.
    pub(crate) fn login(login: &Login) -> Self {
        Self::login_with(login, &[]).unwrap_or_else(|error| {
            panic!("{} cannot log in: {}", login.user, error.show());
        })
    }

    /// Logs in with further parameters in the startup packet; the error is the server's.
    pub(crate) fn login_with(login: &Login, more: &[(&str, &str)]) -> Result<Self, Message> {
        let mut wire = Self::open(login.port);
        let mut parameters = vec![("user", login.user.as_str()), ("database", &login.database)];
        parameters.extend(more);
        wire.send(&startup(0x0003_0000, &parameters));
        wire.authenticate(&login.password)?;
        Ok(wire)
    }

    /// Whether a login succeeds; the gateway need not be there.
    pub(crate) fn login_with_quietly(login: &Login) -> bool {
        TcpStream::connect(("127.0.0.1", login.port)).is_ok()
            && Self::login_with(login, &[]).is_ok()
    }

    /// Goes on from the startup packet to the first ReadyForQuery.
    pub(crate) fn authenticate(&mut self, password: &str) -> Result<(), Message> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let message = self.read().expect("the server closed the connection while logging in");
            match message.tag {
                b'E' => return Err(message),
                b'R' => match u32::from_be_bytes(message.body[..4].try_into().unwrap()) {
                    10 => {
                        let mut body = SCRAM_SHA_256.as_bytes().to_vec();
                        body.push(0);
                        let first = scram.message();
                        body.extend(i32::try_from(first.len()).unwrap().to_be_bytes());
                        body.extend(first);
                        self.send(&frame(b'p', &body));
                    }
                    11 => {
                        scram.update(&message.body[4..]).unwrap();
                        self.send(&frame(b'p', scram.message()));
                    }
                    12 => scram.finish(&message.body[4..]).unwrap(),
                    0 => {}
                    other => panic!("authentication method {other}"),
                },
                b'S' => {
                    let mut texts = message.body.split(|byte| *byte == 0);
                    let mut next = || String::from_utf8(texts.next().unwrap().to_vec()).unwrap();
                    let name = next();
                    self.parameters.insert(name, next());
                }
                b'K' => {
                    self.process = u32::from_be_bytes(message.body[..4].try_into().unwrap());
                    self.secret = message.body[4..].to_vec();
                }
                b'Z' => return Ok(()),
                _ => self.greeting.push(message),
            }
        }
    }

    /// Sends bytes; a connection that is closed already is not an error here.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    /// The next message; `None` at the end of the connection.
    pub(crate) fn read(&mut self) -> Option<Message> {
        let mut header = [0; 5];
        if !self.read_exact(&mut header) {
            return None;
        }
        let length = u32::from_be_bytes(header[1..].try_into().unwrap());
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        self.read_exact(&mut body).then_some(Message { tag: header[0], body })
    }

    /// Exactly so many bytes; false at the end of the connection, a panic after long silence.
    pub(crate) fn read_exact(&mut self, bytes: &mut [u8]) -> bool {
        match self.stream.read_exact(bytes) {
            Ok(()) => true,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                panic!("no answer within {PATIENCE:?}")
            }
            Err(_) => false,
        }
    }

    /// Messages up to the `count`th ReadyForQuery or the end of the connection.
    pub(crate) fn until_ready(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut ready = 0;
        while ready < count {
            let Some(message) = self.read() else { break };
            ready += usize::from(message.tag == b'Z');
            messages.push(message);
        }
        messages
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<Message> {
        self.until_ready(usize::MAX)
    }

    /// Whether nothing comes any more and the other side has said goodbye: without that, the end of a TLS
    /// connection is an error to clients.
    pub(crate) fn ends_properly(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    /// Runs a simple query.
    pub(crate) fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send(&query(sql));
        self.until_ready(1)
    }

    /// Sends a batch that ends in a Sync or Query and reads to its ReadyForQuery.
    pub(crate) fn batch(&mut self, parts: &[Vec<u8>]) -> Vec<Message> {
        self.send(&parts.concat());
        let ready = parts.iter().filter(|part| matches!(part.first(), Some(b'S' | b'Q'))).count();
        self.until_ready(ready)
    }
}

/// A socket to the loopback port.
pub(crate) fn socket(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Messages as lines, for comparing.
pub(crate) fn shown(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::show).collect()
}

/// SQLSTATEs of the errors among messages.
pub(crate) fn errors(messages: &[Message]) -> Vec<String> {
    messages.iter().filter(|message| message.tag == b'E').map(Message::sqlstate).collect()
}

/// The first value of the first row.
pub(crate) fn value(messages: &[Message]) -> Option<String> {
    let row = messages.iter().find(|message| message.tag == b'D')?;
    row.values().into_iter().next()?
}

/// A startup packet.
pub(crate) fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend(text(name));
        body.extend(text(value));
    }
    body.push(0);
    let mut packet = u32::try_from(body.len() + 4).unwrap().to_be_bytes().to_vec();
    packet.extend(body);
    packet
}

/// A CancelRequest.
pub(crate) fn cancel(process: u32, secret: &[u8]) -> Vec<u8> {
    let length = u32::try_from(12 + secret.len()).unwrap();
    [&length.to_be_bytes(), &80_877_102_u32.to_be_bytes(), &process.to_be_bytes()[..], secret]
        .concat()
}

/// A message with any type and body.
pub(crate) fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = value.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn count(items: usize) -> [u8; 2] {
    u16::try_from(items).unwrap().to_be_bytes()
}

/// Query.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &text(sql))
}

/// Parse with the types that are declared.
pub(crate) fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [text(name), text(sql)].concat();
    body.extend(count(types.len()));
    body.extend(types.iter().flat_map(|kind| kind.to_be_bytes()));
    frame(b'P', &body)
}

/// Bind.
pub(crate) fn bind(
    portal: &str,
    statement: &str,
    formats: &[i16],
    values: &[Option<&[u8]>],
    results: &[i16],
) -> Vec<u8> {
    let mut body = [text(portal), text(statement)].concat();
    body.extend(count(formats.len()));
    body.extend(formats.iter().flat_map(|format| format.to_be_bytes()));
    body.extend(count(values.len()));
    for value in values {
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend(*value);
            }
        }
    }
    body.extend(count(results.len()));
    body.extend(results.iter().flat_map(|format| format.to_be_bytes()));
    frame(b'B', &body)
}

/// Describe of a statement.
pub(crate) fn describe_statement(name: &str) -> Vec<u8> {
    frame(b'D', &[b"S", &text(name)[..]].concat())
}

/// Describe of a portal.
pub(crate) fn describe_portal(name: &str) -> Vec<u8> {
    frame(b'D', &[b"P", &text(name)[..]].concat())
}

/// Close of a statement.
pub(crate) fn close_statement(name: &str) -> Vec<u8> {
    frame(b'C', &[b"S", &text(name)[..]].concat())
}

/// Close of a portal.
pub(crate) fn close_portal(name: &str) -> Vec<u8> {
    frame(b'C', &[b"P", &text(name)[..]].concat())
}

/// Execute; 0 rows are all.
pub(crate) fn execute(portal: &str, rows: i32) -> Vec<u8> {
    frame(b'E', &[&text(portal)[..], &rows.to_be_bytes()].concat())
}

/// Sync.
pub(crate) fn sync() -> Vec<u8> {
    frame(b'S', b"")
}

/// Flush.
pub(crate) fn flush() -> Vec<u8> {
    frame(b'H', b"")
}

/// Terminate.
pub(crate) fn terminate() -> Vec<u8> {
    frame(b'X', b"")
}
