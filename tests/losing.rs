//! A relay in front of a provider that loses answers with tokens in them, after they were worked out.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Result;

/// How a request begins whose answer may be lost,
const TOKEN: &[u8] = b"POST /oauth/token ";
/// and how that answer begins. What the provider refuses by itself is never lost.
const GIVEN: &[u8] = b"HTTP/1.1 200 ";
/// The most that is carried at once, in bytes.
const PIECE: usize = 16 << 10;

/// A running relay; stops when dropped. Each connection may carry one request.
#[derive(Debug)]
pub struct Losing {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    target: Mutex<Option<SocketAddr>>,
    to_lose: AtomicU32,
    given: AtomicU32,
    lost: AtomicU32,
    stop: AtomicBool,
}

impl Losing {
    /// Starts one that leads nowhere yet.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let carried = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if carried.stop.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&carried);
                // It ends with the connection, however that ends.
                thread::spawn(move || shared.carry(client));
            }
        });
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    /// Where to connect to, as in `http://127.0.0.1:34567`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Carries new connections to `target`.
    pub fn aim(&self, target: SocketAddr) {
        let aimed = &self.shared.target;
        *aimed.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
    }

    /// Loses the next answers with tokens: the connection breaks before their first byte.
    pub fn lose(&self, count: u32) {
        self.shared.to_lose.store(count, Ordering::SeqCst);
    }

    /// How many answers with tokens there were, those that were lost included.
    #[must_use]
    pub fn given(&self) -> u32 {
        self.shared.given.load(Ordering::SeqCst)
    }

    /// How many of them were lost.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn carry(&self, mut client: TcpStream) -> io::Result<()> {
        let target = *self.target.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = TcpStream::connect(target.ok_or(io::ErrorKind::NotConnected)?)?;
        let mut piece = vec![0; PIECE];
        let count = client.read(&mut piece)?;
        let asks_for_tokens = piece[..count].starts_with(TOKEN);
        server.write_all(&piece[..count])?;
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let copied = io::copy(&mut from, &mut to);
            // Both fail only for a connection that is gone.
            drop((copied, to.shutdown(Shutdown::Write)));
        });
        let count = server.read(&mut piece)?;
        if asks_for_tokens && piece[..count].starts_with(GIVEN) {
            self.given.fetch_add(1, Ordering::SeqCst);
            if self.is_to_be_lost() {
                self.lost.fetch_add(1, Ordering::SeqCst);
                drop(server.shutdown(Shutdown::Both));
                return client.shutdown(Shutdown::Both);
            }
        }
        client.write_all(&piece[..count])?;
        io::copy(&mut server, &mut client)?;
        client.shutdown(Shutdown::Both)
    }

    fn is_to_be_lost(&self) -> bool {
        let fewer = |count: u32| count.checked_sub(1);
        let before = self
            .to_lose
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        before.is_ok()
    }
}

impl Drop for Losing {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}
