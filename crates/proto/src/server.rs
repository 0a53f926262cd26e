//! The server end of a session: what a bridge does with the connections of one call.
//!
//! Starts after the upgrade, which the bridge decides on by itself. Between the sockets and the
//! upstream this machine numbers, checks, acknowledges, keeps and times; it outlives connections,
//! so that a client whose line was cut goes on where it stopped.

mod attachment;
mod coming;
mod commit;
mod credential;
mod due;
mod going;
mod intake;
mod io;
mod parts;
mod reason;
mod receiving;
mod refreshing;
mod ring;
mod saying;
mod shape;

use alloc::collections::VecDeque;
use alloc::string::ToString;
use core::time::Duration;

pub use io::{Attach, Config, Input, Output, Received, Tally, TokenRefused};

use crate::random::Random;
use crate::wire::{Envelope, ServerEvent};
use crate::{Close, Ids, Protocol, Time};
use attachment::{Attachment, Draining, Leaving};
use commit::Commit;
use intake::Intake;
use parts::Parts;
use ring::Ring;
use shape::Shape;

/// How long a client waits at most before it comes back, if it is not told otherwise.
const LONE: Duration = Duration::from_millis(250);
/// Events of the upstream that wait for the first connection at once.
const EARLY: usize = 64;
/// What a client that takes nothing may cause to be kept for it beyond the upstream's share, in
/// bytes: errors about what it sends.
const ERRORS: usize = 1 << 20;

/// The server end of one session.
#[derive(Debug)]
pub struct Server {
    config: Config,
    started: Time,
    ids: Ids,
    random: Random,
    out: VecDeque<Output>,
    phase: Phase,
    /// Of the latest connection; none before the first.
    protocol: Option<Protocol>,
    generation: u32,
    /// The connection that the session is on.
    current: Option<Attachment>,
    /// One that wants to take over.
    pending: Option<Attachment>,
    leaving: Leaving,
    /// Since when there is no connection, while there is none.
    alone_since: Time,
    /// What the driver was last told of that.
    is_attached: bool,
    draining: Option<Draining>,
    /// How long a client should wait at most before it comes back.
    spread: Duration,
    /// What the upstream said before there was a connection.
    early: VecDeque<Envelope<ServerEvent>>,
    ring: Ring,
    parts: Parts,
    intake: Intake,
    commit: Commit,
    shape: Shape,
    tally: Tally,
}

#[derive(Debug, PartialEq)]
enum Phase {
    Open,
    /// The upstream is over: the client is told what is left, and then this.
    Ending(Close),
    /// Over; clients have still to answer close frames.
    Closing,
    Ended,
}

impl Server {
    /// A session without a connection yet; [`Input::Attach`] has to follow within
    /// [`Config::resume_window`].
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        Self {
            started: now,
            ids: Ids::seeded(config.seed),
            // Not the sequence that ids come from.
            random: Random::seeded(config.seed.rotate_left(32)),
            out: VecDeque::new(),
            phase: Phase::Open,
            protocol: None,
            generation: 0,
            current: None,
            pending: None,
            leaving: Leaving::default(),
            alone_since: now,
            is_attached: false,
            draining: None,
            spread: LONE,
            early: VecDeque::new(),
            ring: Ring::new(),
            parts: Parts::default(),
            intake: Intake::default(),
            commit: Commit::new(now),
            shape: Shape::new(),
            tally: Tally::default(),
            config,
        }
    }

    /// Takes in what happened at `now`. Follow with [`Self::poll`] until it waits.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            Input::Attach(attach) => self.attach(now, &attach),
            Input::Received { conn, received } => self.received(now, conn, received),
            Input::Upstream(event) => self.upstream(now, event),
            Input::UpstreamEnded(close) => self.upstream_ended(now, close),
            Input::TokenChecked {
                conn,
                event_id,
                checked,
            } => self.token_checked(now, conn, event_id, checked),
            Input::RequireRefresh { reason, deadline } => {
                self.require_refresh(now, reason, deadline);
            }
            Input::Spread(spread) => self.spread = spread,
            Input::Revoke { reason } => self.revoke(now, reason),
            Input::Drain {
                reason,
                deadline,
                reconnect_after,
                resume_url,
            } => self.drain(
                now,
                Draining {
                    reason: reason.to_string(),
                    deadline: now + deadline,
                    reconnect_after,
                    resume_url: resume_url.map(ToString::to_string),
                },
            ),
            Input::Shutdown => self.shutdown(now),
            Input::Tick => {}
        }
        // Whatever happened, nothing that is due waits for a tick that may come late.
        self.do_what_is_due(now);
    }

    /// The next thing to do, in order; call until it waits.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        let (until, why) = match self.next_due() {
            Some((at, due)) => (Some(at), due.why()),
            None => (None, "ended"),
        };
        Output::Wait { until, why }
    }

    /// Whether the upstream may say more. If not, leave it unread until this is true again: the
    /// client does not take what there is already.
    #[must_use]
    pub fn takes_upstream(&self) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        match self.protocol {
            None => self.early.len() < EARLY,
            Some(Protocol::Plain) => true,
            Some(_) => self.ring.bytes() < self.config.ring_bytes,
        }
    }

    /// What has happened so far, for whoever counts it.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// How much is kept for the client and of the client's, in bytes.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.ring.bytes() + self.commit.bytes()
    }
}
