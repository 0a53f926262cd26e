//! A TCP relay that does to connections what networks do: it delays, stalls, resets, swallows,
//! refuses, and cuts in the middle of a WebSocket frame.

mod arrivals;
mod connection;
mod frames;
mod pump;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Stopwatch;
use arrivals::{BACKLOG, Ear, Order, accept, bound};

/// Orders that may wait to be carried out; each one is waited for.
const ORDERS: usize = 16;

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From whoever connected to the target.
    Up,
    /// From the target to whoever connected.
    Down,
}

impl Way {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

/// What becomes of new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// They reach the target.
    Forwarded,
    /// They are accepted and reset at once.
    Refused,
    /// Nobody listens: the system refuses them, and they are not counted.
    Unheard,
    /// They are accepted, and nothing comes of it, ever: half-open from their beginning.
    Swallowed,
    /// They reach the target and are closed after this time, as by a server that flaps.
    ClosedAfter(Duration),
}

/// A connection that was made to the relay. Times count from the relay's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was accepted.
    pub at: Duration,
    /// When it ended; nothing while it is up, or half-open.
    pub ended: Option<Duration>,
    /// The method and path of the first HTTP request on it, without the query; nothing where none
    /// came.
    pub request: Option<String>,
    /// Bytes handed to the target.
    pub up: u64,
    /// Bytes handed to whoever connected.
    pub down: u64,
}

/// Bytes that have just been handed to their receiver.
#[derive(Debug, Clone, Copy)]
pub struct Passed<'a> {
    /// The place of the connection in [`Relay::connections`].
    pub connection: usize,
    /// Where to.
    pub way: Way,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Looks at everything that passes.
pub type Tap = dyn Fn(Passed<'_>) + Send + Sync;

/// A running relay; stops when dropped, and its connections with it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the relay's tasks share.
struct Shared {
    clock: Stopwatch,
    weather: watch::Sender<Weather>,
    connections: Mutex<Vec<Entry>>,
    tap: Option<Box<Tap>>,
}

/// What is done to all connections.
#[derive(Debug, Clone)]
struct Weather {
    target: SocketAddr,
    links: [Link; 2],
}

/// What is done to one direction.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    latency: Duration,
    jitter: Duration,
    /// In bytes a second; as fast as it goes if none.
    bandwidth: Option<u64>,
    stalled: bool,
    /// Reset the connection after so many bytes of the next frame.
    cut: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    fate: watch::Sender<Fate>,
}

/// What becomes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Carried,
    Silent,
    Reset,
    Finished,
}

impl Relay {
    /// Starts one towards `target`, on a free loopback port.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(target: SocketAddr) -> Result<Self> {
        Self::launch(target, None)
    }

    /// Starts one that shows `tap` everything that passes, in order for each direction of a
    /// connection.
    ///
    /// # Errors
    /// When no port is free.
    pub fn tapped(
        target: SocketAddr,
        tap: impl Fn(Passed<'_>) + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::launch(target, Some(Box::new(tap)))
    }

    fn launch(target: SocketAddr, tap: Option<Box<Tap>>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = {
            let _within = runtime.enter();
            bound(any)?.listen(BACKLOG).context("no port is free")?
        };
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            clock: Stopwatch::start(),
            weather: watch::Sender::new(Weather {
                target,
                links: [Link::default(); 2],
            }),
            connections: Mutex::default(),
            tap,
        });
        let (orders, received) = mpsc::channel(ORDERS);
        let (stop, stopped) = oneshot::channel();
        let accepted = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(accepted, Ear::Open(listener), received) => {}
                }
            });
        });
        Ok(Self {
            address,
            shared,
            orders,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The time since the relay's start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.clock.elapsed()
    }

    /// Sends new connections to another target.
    pub fn aim(&self, target: SocketAddr) {
        self.shared
            .weather
            .send_modify(|weather| weather.target = target);
    }

    /// Decides what becomes of new connections. Holds when this returns.
    ///
    /// # Errors
    /// When the relay cannot listen any more.
    pub fn arrivals(&self, arrivals: Arrivals) -> Result<()> {
        let (done, outcome) = sync_channel(1);
        self.orders
            .try_send((arrivals, done))
            .context("the relay does not take orders")?;
        outcome
            .recv()
            .context("the relay is gone")?
            .context("the relay cannot listen")
    }

    /// Delays what comes from now on by `latency` and, each piece by itself, up to `jitter` more.
    /// Pieces stay in order.
    pub fn delay(&self, way: Way, latency: Duration, jitter: Duration) {
        self.change([way], |link| {
            link.latency = latency;
            link.jitter = jitter;
        });
    }

    /// Lets no more than this many bytes a second through; as many as come if none.
    pub fn bandwidth(&self, way: Way, bytes: Option<u64>) {
        self.change([way], |link| link.bandwidth = bytes);
    }

    /// Lets nothing through until [`Self::flow`]: late, not lost.
    pub fn stall(&self, ways: impl IntoIterator<Item = Way>) {
        self.change(ways, |link| link.stalled = true);
    }

    /// Lets what was stalled through again.
    pub fn flow(&self) {
        self.change(Way::BOTH, |link| link.stalled = false);
    }

    /// Resets the next connection on which a frame comes that is longer than `bytes`, after so many
    /// bytes of it.
    pub fn cut(&self, way: Way, bytes: u64) {
        self.change([way], |link| link.cut = Some(bytes));
    }

    /// Resets every connection that is up now; says how many there were.
    pub fn reset(&self) -> usize {
        self.decide(Fate::Reset)
    }

    /// Ends every connection that is up now in an orderly way, without a word of WebSocket; says
    /// how many there were.
    pub fn finish(&self) -> usize {
        self.decide(Fate::Finished)
    }

    /// Makes every connection that is up now half-open: nothing passes any more, nobody is told.
    /// Says how many there were.
    pub fn silence(&self) -> usize {
        self.decide(Fate::Silent)
    }

    /// Every connection that was made so far, in order.
    #[must_use]
    pub fn connections(&self) -> Vec<Record> {
        let entries = self.shared.connections();
        entries.iter().map(|entry| entry.record.clone()).collect()
    }

    fn change(&self, ways: impl IntoIterator<Item = Way>, change: impl Fn(&mut Link)) {
        self.shared.weather.send_modify(|weather| {
            for way in ways {
                change(&mut weather.links[way as usize]);
            }
        });
    }

    fn decide(&self, fate: Fate) -> usize {
        let mut count = 0;
        for entry in self.shared.connections().iter() {
            if entry.record.ended.is_none() {
                // What was silenced may still be reset, but is not up.
                let before = entry.fate.send_replace(fate);
                count += usize::from(before == Fate::Carried);
            }
        }
        count
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a new connection; its place, and what becomes of it.
    fn enter(&self) -> (usize, watch::Receiver<Fate>) {
        let (fate, decided) = watch::channel(Fate::Carried);
        let mut connections = self.connections();
        connections.push(Entry {
            record: Record {
                at: self.clock.elapsed(),
                ended: None,
                request: None,
                up: 0,
                down: 0,
            },
            fate,
        });
        (connections.len() - 1, decided)
    }

    /// Notes bytes that were handed over.
    fn passed(&self, passed: Passed<'_>) {
        if let Some(tap) = &self.tap {
            tap(passed);
        }
        let record = &mut self.connections()[passed.connection].record;
        let count = passed.bytes.len() as u64;
        match passed.way {
            Way::Up => {
                if record.up == 0 {
                    record.request = request(passed.bytes);
                }
                record.up += count;
            }
            Way::Down => record.down += count,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The method and path of a request, without the query, which may hold a secret.
fn request(head: &[u8]) -> Option<String> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    Some(format!("{method} {path}"))
}

#[cfg(test)]
#[path = "relay/tests.rs"]
mod tests;
