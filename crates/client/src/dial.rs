//! From a host's name to a TCP connection: all its addresses, the next one started while the last
//! is still trying (happy eyeballs, RFC 8305).
//!
//! The well-kept implementation at hand, hyper-util's connector, races the two families only: one
//! dead address among several of a family holds up the rest for seconds.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use offhook_proto::client::Failure;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::{Limits, Step, within};

/// How long an address may try alone (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// No honest name has more addresses that are worth a try.
const MAX_ADDRESSES: usize = 16;

/// Looks up names.
#[derive(Clone)]
pub(crate) struct Names(Arc<Lookup>);

type Lookup = dyn Fn(String, u16) -> Addresses + Send + Sync;
type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

impl Names {
    /// The system's.
    pub(crate) fn system() -> Self {
        Self::new(|host, port| async move { Ok(lookup_host((host, port)).await?.collect()) })
    }

    pub(crate) fn new<L, A>(lookup: L) -> Self
    where
        L: Fn(String, u16) -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(lookup(host, port))))
    }

    async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let addresses = (self.0)(host.to_owned(), port).await;
        let addresses = addresses.map_err(|_| Failure::HostUnknown)?;
        if addresses.is_empty() {
            return Err(Failure::HostUnknown);
        }
        Ok(addresses)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

/// Connects to `host`, an IPv6 address without its brackets.
///
/// # Errors
/// Where the name is unknown or nothing answers at its addresses in time.
pub(crate) async fn dial(
    names: &Names,
    host: &str,
    port: u16,
    limits: &Limits,
) -> Result<TcpStream, Failure> {
    let lookup = names.lookup(host, port);
    let addresses = within(Step::Lookup, limits.lookup, lookup).await?;
    let race = race(in_turn(addresses), limits.attempt);
    let tcp = within(Step::Dial, limits.dial, race).await?;
    prepare(&tcp).map_err(|error| unreachable(&error))?;
    Ok(tcp)
}

/// Addresses by turns of both families, beginning with the one the system prefers
/// (RFC 8305 section 4).
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else {
        return addresses;
    };
    let (preferred, mut others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut turns = Vec::new();
    for address in preferred {
        turns.push(address);
        if !others.is_empty() {
            turns.push(others.remove(0));
        }
    }
    turns.append(&mut others);
    turns.truncate(MAX_ADDRESSES);
    turns
}

/// The first connection that comes up. Dropping it drops the attempts.
async fn race(addresses: Vec<SocketAddr>, limit: Duration) -> Result<TcpStream, Failure> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut refusals = Refusals::default();
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(attempt(address, limit));
        }
        let head_start = if waiting.len() > 0 {
            HEAD_START
        } else {
            Duration::MAX
        };
        match timeout(head_start, attempts.join_next()).await {
            Err(_) => {}
            Ok(Some(Ok(Ok(tcp)))) => return Ok(tcp),
            Ok(Some(Ok(Err(error)))) => refusals.note(&error),
            Ok(Some(Err(error))) => refusals.note(&error.into()),
            Ok(None) => return Err(refusals.into_failure()),
        }
    }
}

async fn attempt(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let connect = TcpStream::connect(address);
    timeout(limit, connect).await.unwrap_or_else(|_| {
        let detail = format!("connecting took longer than {limit:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, detail))
    })
}

/// What the addresses said, each thing once.
#[derive(Default)]
struct Refusals(Vec<String>);

impl Refusals {
    fn note(&mut self, error: &io::Error) {
        let said = error.to_string();
        if !self.0.contains(&said) {
            self.0.push(said);
        }
    }

    fn into_failure(self) -> Failure {
        Failure::Unreachable {
            detail: self.0.join("; "),
        }
    }
}

/// The far end is silent for this long before it is asked whether it is there,
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
/// again and again,
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
/// and this often in vain before the connection counts as dead.
const KEEPALIVE_TRIES: u32 = 3;
/// What was sent may be unacknowledged for this long (RFC 5482). A session is dropped sooner, but the
/// system would go on sending what is left of it.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(10);

fn prepare(tcp: &TcpStream) -> io::Result<()> {
    // Frames of 20 ms must not wait for each other (Nagle's algorithm, RFC 896).
    tcp.set_nodelay(true)?;
    // Sessions have heartbeats of their own. These are for the steps before, and for sockets that
    // wait for a close frame.
    let socket = SockRef::from(tcp);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

pub(crate) fn unreachable(error: &io::Error) -> Failure {
    Failure::Unreachable {
        detail: error.to_string(),
    }
}
