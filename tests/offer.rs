//! A front for a server through which a client offers one subprotocol less, as an older one does.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};

/// The longest head of a request, in bytes.
const HEAD: usize = 16 << 10;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A running front; takes no more connections when dropped.
#[derive(Debug)]
pub struct Offer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Offer {
    /// Starts one on a free loopback port, which lets everything through to `target` but the offer
    /// of `subprotocol`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn without(subprotocol: &'static str, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // Whoever is cut off sees it; there is nobody else to tell.
                thread::spawn(move || drop(carry(stream, subprotocol, target)));
            }
        });
        Ok(Self {
            address,
            stop,
            accepting: Some(accepting),
        })
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn carry(mut client: TcpStream, subprotocol: &str, target: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(target)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !ends(&head) && head.len() < HEAD {
        let count = client.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&piece[..count]);
    }
    strike_out(&mut head, subprotocol.as_bytes());
    server.write_all(&head)?;
    let (from_server, to_client) = (server.try_clone()?, client.try_clone()?);
    let down = thread::spawn(move || pump(from_server, to_client));
    pump(client, server);
    // A panic there is none; the copying itself has ended both connections.
    drop(down.join());
    Ok(())
}

fn ends(head: &[u8]) -> bool {
    head.windows(HEAD_END.len()).any(|end| end == HEAD_END)
}

/// Makes it a name that nobody knows, of the same length.
fn strike_out(head: &mut [u8], name: &[u8]) {
    let place = head.windows(name.len()).position(|word| word == name);
    if let Some(place) = place {
        head[place..place + name.len()].fill(b'x');
    }
}

/// Copies until one side is gone, and tells both.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    // However it ends, the other side is to know that nothing more comes.
    drop(io::copy(&mut from, &mut to));
    for stream in [from, to] {
        drop(stream.shutdown(Shutdown::Both));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subprotocol_is_struck_out_and_the_rest_stays() {
        let mut head = b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: a.b.c, a.b\r\n\r\n".to_vec();
        strike_out(&mut head, b"a.b.c");
        let head = String::from_utf8(head).unwrap();
        assert!(head.ends_with("Protocol: xxxxx, a.b\r\n\r\n"), "{head}");
    }
}
