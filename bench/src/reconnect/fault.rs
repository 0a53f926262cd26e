//! What is done to a call, the same to each client's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use offhook_tests::clock::Stopwatch;
use offhook_tests::relay::{Arrivals, Relay, Way};
use serde::Serialize;
use tokio::sync::{Barrier, OnceCell};
use tokio::task::spawn_blocking;

use crate::servers::Server;

/// How long a call has been fine before something is done to it. Longer than what the clients take
/// for a connection that was ended at once (5 s).
const LEAD: Duration = Duration::from_secs(6);
/// The same where its first token is to be stale by then.
const STALE_LEAD: Duration = Duration::from_secs(25);
/// The life of a token that is to be stale by then, in s,
const SHORT_TTL: u32 = 20;
/// and of all others: the longest there is.
const LONG_TTL: u32 = 120;
const STALL: Duration = Duration::from_secs(8);
/// How long a flapping server keeps a connection.
const FLAP: Duration = Duration::from_millis(50);

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Its connection is reset.
    Reset,
    /// Its connection is ended in an orderly way, without a close frame.
    Fin,
    /// Its connection goes silent for ever, and neither end is told. A new one would work.
    HalfOpen,
    /// Its connection is reset, and new ones for 3 s at once.
    Outage3,
    /// The same for 12 s.
    Outage12,
    /// The server is killed and started again.
    Restart,
    /// Nothing passes for 8 s; then all of it comes.
    Stall,
    /// Its connection is reset when its first token has expired.
    StaleToken,
    /// For 2 min (20 s in a quick run) each connection is ended after 50 ms.
    Flapping,
}

/// What was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strike {
    /// When it began, since the start of the run.
    pub(super) began: Duration,
    /// When a client could have been back.
    pub(super) over: Duration,
    /// The first connection over which it can be back, by its place.
    pub(super) connection: usize,
}

/// What the calls of one fault have in common.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) clock: Stopwatch,
    pub(super) servers: Mutex<Vec<Server>>,
    /// How long a flapping server flaps.
    pub(super) flapping: Duration,
    /// All calls are there before the server goes.
    pub(super) ready: Barrier,
    /// When the servers went and were back.
    pub(super) restarted: OnceCell<(Duration, Duration)>,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Reset,
        Self::Fin,
        Self::HalfOpen,
        Self::Outage3,
        Self::Outage12,
        Self::Restart,
        Self::Stall,
        Self::StaleToken,
        Self::Flapping,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Fin => "fin",
            Self::HalfOpen => "half-open",
            Self::Outage3 => "outage 3 s",
            Self::Outage12 => "outage 12 s",
            Self::Restart => "restart",
            Self::Stall => "stall 8 s",
            Self::StaleToken => "stale token",
            Self::Flapping => "flapping",
        }
    }

    pub(super) const fn lead(self) -> Duration {
        match self {
            Self::StaleToken => STALE_LEAD,
            _ => LEAD,
        }
    }

    /// The life of tokens, in s.
    pub(super) const fn token_ttl(self) -> u32 {
        match self {
            Self::StaleToken => SHORT_TTL,
            _ => LONG_TTL,
        }
    }

    /// Does it to the call behind `relay`; comes back when it is over.
    pub(super) async fn strike(self, relay: &Relay, scene: &Arc<Scene>) -> Result<Strike> {
        let clock = scene.clock;
        let mut connection = relay.connections().len();
        if self == Self::Restart {
            scene.ready.wait().await;
            let restarting = || restart(Arc::clone(scene));
            let (began, over) = *scene.restarted.get_or_try_init(restarting).await?;
            return Ok(Strike {
                began,
                over,
                connection,
            });
        }
        let began = clock.elapsed();
        match self {
            Self::Reset | Self::StaleToken => drop(relay.reset()),
            Self::Fin => drop(relay.finish()),
            Self::HalfOpen => drop(relay.silence()),
            Self::Outage3 => outage(relay, clock, began + Duration::from_secs(3)).await?,
            Self::Outage12 => outage(relay, clock, began + Duration::from_secs(12)).await?,
            Self::Stall => {
                relay.stall(Way::BOTH);
                clock.shows(began + STALL).await;
                connection = 0;
            }
            Self::Flapping => {
                relay.arrivals(Arrivals::ClosedAfter(FLAP))?;
                relay.finish();
                clock.shows(began + scene.flapping).await;
                connection = relay.connections().len();
                relay.arrivals(Arrivals::Forwarded)?;
            }
            Self::Restart => {}
        }
        let over = match self {
            // Nothing but the fault's beginning: it is over as soon as it was done.
            Self::Reset | Self::StaleToken | Self::Fin | Self::HalfOpen => began,
            _ => clock.elapsed(),
        };
        if self == Self::Stall {
            relay.flow();
        }
        Ok(Strike {
            began,
            over,
            connection,
        })
    }
}

async fn outage(relay: &Relay, clock: Stopwatch, until: Duration) -> Result<()> {
    relay.arrivals(Arrivals::Refused)?;
    relay.reset();
    clock.shows(until).await;
    relay.arrivals(Arrivals::Forwarded)
}

/// Kills the servers and starts them again; when they went and were back.
async fn restart(scene: Arc<Scene>) -> Result<(Duration, Duration)> {
    let restarted = spawn_blocking(move || {
        let mut servers = scene.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let began = scene.clock.elapsed();
        for server in servers.iter_mut() {
            server.kill()?;
        }
        for server in servers.iter_mut() {
            server.revive()?;
        }
        Ok((began, scene.clock.elapsed()))
    });
    restarted.await?
}
