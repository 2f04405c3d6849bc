//! A relay between a gateway and its server that counts what the gateway asks for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

/// Relays until the test process ends.
pub(crate) struct Tap {
    /// Where it listens.
    pub(crate) port: u16,
    /// How many messages of each type have passed on the way to the server.
    counts: Arc<[AtomicUsize; 256]>,
}

impl Tap {
    /// In front of the server at that loopback port.
    pub(crate) fn open(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new([const { AtomicUsize::new(0) }; 256]);
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)));
                let server = server.unwrap();
                server.set_nodelay(true).unwrap();
                client.set_nodelay(true).unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut from, &mut to));
                let counts = Arc::clone(&shared);
                // It ends with the connection, wherever that is cut.
                thread::spawn(move || drop(forward(client, server, &counts)));
            }
        });
        Self { port, counts }
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
        server.write_all(&message)?;
        let mut next = [0];
        client.read_exact(&mut next)?;
        tag = Some(next[0]);
    }
}
