//! The same faults for each client: how soon its audio is back, what it costs.

mod caller;
mod fault;
mod ledger;
mod messages;
pub(crate) mod naive;
mod node;
pub(crate) mod ours;
mod outcome;
mod report;
mod tap;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use offhook_tests::clock::Stopwatch;
use offhook_tests::relay::Relay;
use tokio::sync::{Barrier, OnceCell};

pub use caller::Client;
pub use fault::Fault;
pub use outcome::Outcome;
pub use report::{Report, Row};

use crate::servers::Server;
use caller::{Caller, Destination};
use fault::Scene;
use node::Node;
use outcome::Progress;
use tap::lock;

/// How long a call may take to come up.
const UP: Duration = Duration::from_secs(30);
/// How often it is looked at what has arrived.
const LOOK: Duration = Duration::from_millis(50);
/// The time between two calls' faults, so that lone drops are lone.
const APART: Duration = Duration::from_millis(40);
/// How long a call goes on after it is well again.
const WELL: Duration = Duration::from_secs(2);
/// How long the last frames may take to arrive, counted from the last that did.
const TAIL: Duration = Duration::from_secs(3);

/// What is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is done.
    pub faults: Vec<Fault>,
    /// To whose calls.
    pub clients: Vec<Client>,
    /// How many calls each client makes at a time,
    pub calls: usize,
    /// and how often.
    pub rounds: usize,
    /// How long a flapping server flaps.
    pub flapping: Duration,
    /// How long after a fault a client may be away before its call counts as stuck.
    pub patience: Duration,
}

/// Runs it; says what is being done through `say`.
///
/// # Errors
/// When a server or Node does not start, or a call does not come up in the first place.
pub async fn run(options: &Options, say: impl Fn(&str)) -> Result<Report> {
    let mut outcomes = Vec::new();
    for fault in &options.faults {
        for round in 1..=options.rounds {
            say(&format!("{} ({round}/{})", fault.name(), options.rounds));
            outcomes.extend(suffer(*fault, options).await?);
        }
    }
    Ok(Report::new(outcomes))
}

/// One fault for all clients at once.
async fn suffer(fault: Fault, options: &Options) -> Result<Vec<Outcome>> {
    let calls = options.clients.len() * options.calls;
    // Naive clients leave a session behind for each connection.
    let bridge = Server::bridge(fault.token_ttl(), u32::try_from(calls)? * 200)?;
    let centrifugo = Server::centrifugo(fault.token_ttl())?;
    let addresses = [bridge.address(), centrifugo.address()];
    let scene = Arc::new(Scene {
        clock: Stopwatch::start(),
        servers: Mutex::new(vec![bridge, centrifugo]),
        flapping: options.flapping,
        ready: Barrier::new(calls),
        restarted: OnceCell::new(),
    });
    let mut running = Vec::new();
    for client in &options.clients {
        let node = client
            .is_of_node()
            .then(|| Node::start(*client))
            .transpose()?;
        let server = addresses[usize::from(*client == Client::Centrifuge)];
        for call in 0..options.calls {
            let part = Part {
                client: *client,
                fault,
                delay: APART * u32::try_from(running.len())?,
                patience: options.patience,
            };
            let node = node.as_ref().map(|node| (Arc::clone(node), call));
            running.push(part.run(Arc::clone(&scene), server, node));
        }
    }
    try_join_all(running).await
}

/// One call's part in it.
struct Part {
    client: Client,
    fault: Fault,
    delay: Duration,
    patience: Duration,
}

impl Part {
    async fn run(
        self,
        scene: Arc<Scene>,
        server: std::net::SocketAddr,
        node: Option<(Arc<Node>, usize)>,
    ) -> Result<Outcome> {
        let clock = scene.clock;
        let (reading, tap) = tap::reading(clock);
        let relay = Relay::tapped(server, tap)?;
        let relay_start = clock.elapsed().saturating_sub(relay.now());
        let destination = Destination {
            relay: relay.address(),
            server,
            lasting_token: self.fault == Fault::Restart,
        };
        let node = node.as_ref().map(|(node, call)| (node, *call));
        let caller = Caller::start(self.client, destination, node).await?;

        let deadline = clock.elapsed() + UP;
        while lock(&reading).ledger.arrivals.is_empty() {
            if clock.elapsed() > deadline {
                bail!("a call of {} does not come up", self.client.name());
            }
            clock.shows(clock.elapsed() + LOOK).await;
        }
        clock
            .shows(clock.elapsed() + self.fault.lead() + self.delay)
            .await;
        let strike = self
            .fault
            .strike(&relay, &scene)
            .await
            .context(self.fault.name())?;

        let deadline = strike.over + self.patience;
        loop {
            let now = clock.elapsed();
            let progress = Progress::of(&lock(&reading).ledger, &strike);
            let well = progress
                .live
                .is_some_and(|live| now > strike.over + live + WELL);
            if well || now > deadline {
                break;
            }
            clock.shows(now + LOOK).await;
        }
        let (spoken, closing) = caller.stop().await?;
        let mut missing = u32::MAX;
        let mut deadline = clock.elapsed() + TAIL;
        loop {
            let now = clock.elapsed();
            let left = lock(&reading).ledger.count(spoken).lost;
            if left < missing {
                missing = left;
                deadline = now + TAIL;
            }
            if left == 0 || now > deadline {
                break;
            }
            clock.shows(now + LOOK).await;
        }
        closing.close().await?;
        let of = (self.client, self.fault);
        let ledger = &lock(&reading).ledger;
        Ok(Outcome::new(
            of,
            &strike,
            ledger,
            spoken,
            &relay.connections(),
            relay_start,
        ))
    }
}
