//! A relay between a gateway and its server that counts what the gateway asks for, and is slow to pass on
//! cancel requests.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, io, thread};

use super::Server;

/// Relays until the test process ends.
pub(crate) struct Tap {
    /// Where it listens.
    pub(crate) port: u16,
    /// How many messages of each type have passed on the way to the server.
    counts: Arc<[AtomicUsize; 256]>,
    /// How many cancel requests the server has taken note of.
    cancels: Arc<AtomicUsize>,
}

/// How long a cancel request is on its way: whoever does not wait for it is far ahead then.
const SLOW: Duration = Duration::from_millis(300);
/// What a cancel request begins with (PostgreSQL documentation, "CancelRequest").
const CANCEL_REQUEST: [u8; 8] = [0, 0, 0, 16, 4, 210, 22, 46];

impl Tap {
    /// In front of the server at that loopback port.
    pub(crate) fn open(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new([const { AtomicUsize::new(0) }; 256]);
        let cancels = Arc::<AtomicUsize>::default();
        let (shared, taken) = (Arc::clone(&counts), Arc::clone(&cancels));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)));
                let server = server.unwrap();
                server.set_nodelay(true).unwrap();
                client.set_nodelay(true).unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut from, &mut to));
                let (counts, cancels) = (Arc::clone(&shared), Arc::clone(&taken));
                // It ends with the connection, wherever that is cut.
                thread::spawn(move || drop(forward(client, server, &counts, &cancels)));
            }
        });
        Self { port, counts, cancels }
    }

    /// How many cancel requests the server has taken note of.
    pub(crate) fn cancels(&self) -> usize {
        self.cancels.load(Ordering::Relaxed)
    }

    /// How many messages of that type have passed.
    pub(crate) fn count(&self, tag: u8) -> usize {
        self.counts[usize::from(tag)].load(Ordering::Relaxed)
    }
}

/// Message by message; the first one has no type (PostgreSQL documentation, "Message Formats").
fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    counts: &[AtomicUsize; 256],
    cancels: &AtomicUsize,
) -> io::Result<()> {
    let mut tag = None;
    loop {
        let mut message = tag.map_or_else(Vec::new, |tag: u8| vec![tag]);
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        message.extend(length);
        let rest = message.len() - 4 + u32::from_be_bytes(length) as usize;
        let begun = message.len();
        message.resize(rest, 0);
        client.read_exact(&mut message[begun..])?;
        if let Some(tag) = tag {
            counts[usize::from(tag)].fetch_add(1, Ordering::Relaxed);
        }
        if tag.is_none() && message.starts_with(&CANCEL_REQUEST) {
            thread::sleep(SLOW);
            server.write_all(&message)?;
            // The server closes the connection once it has sent the signal.
            server.read_to_end(&mut Vec::new())?;
            cancels.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        server.write_all(&message)?;
        let mut next = [0];
        client.read_exact(&mut next)?;
        tag = Some(next[0]);
    }
}

/// For a gateway that reaches its server through a tap.
pub(crate) fn behind(tap: &Tap, server: &Server, folder: &Path) {
    let file = folder.join("rowgate.toml");
    let text = fs::read_to_string(&file).unwrap();
    let host = |port: u16| format!("127.0.0.1:{port}\"");
    fs::write(&file, text.replace(&host(server.cluster.port()), &host(tap.port))).unwrap();
}
