//! One session: the loop between its connections, the protocol machine and the upstream.
//!
//! Decides nothing: what happens goes into the machines, what they say is done. Connections come
//! and go; each is run by a task of its own (`link.rs`), so that a slow one holds up nobody.

mod checking;
mod link;
mod newcomer;
mod socket;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use offhook_proto::server::{Attach, Config, Input, Output, Received};
use offhook_proto::{Close, Conn, Server, Time};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, watch};
use tracing::{debug, info, warn};

use crate::FingerprintPolicy;
use crate::http::{Closing, State};
use crate::metrics::{Overflow, SessionMetrics};
use crate::registry::Entry;
use crate::spread::Spread;
use crate::upstream::{self, Upstream};
pub(crate) use link::{Inbox, Limits, Link, Ties};
pub(crate) use newcomer::{Newcomer, Pass, Shape};
pub(crate) use socket::{Client, Heard, Socket};

/// The largest message taken from a client, in bytes: 16 s of audio.
pub(crate) const MAX_MESSAGE: u32 = 1 << 20;
/// Messages from connections that may wait to be handled.
const INBOX: usize = 8;
/// What the upstream may have to say while nobody takes it, in events. Only a client that asks
/// without ever reading the answers gets there.
const MAX_UNSAID: usize = 2000;
/// How long a client has to prove where it is, where that is enforced.
const PROOF_TIMEOUT: Duration = Duration::from_secs(5);

/// What a session is started with, besides its first connection.
pub(crate) struct Start {
    pub(crate) entry: Entry,
    pub(crate) slot: OwnedSemaphorePermit,
    pub(crate) newcomers: mpsc::Receiver<Newcomer>,
    pub(crate) revoked: watch::Receiver<Option<String>>,
}

/// Runs a session from its first connection to its end.
pub(crate) async fn run(state: Arc<State>, start: Start, first: Newcomer) {
    let Start {
        entry,
        slot,
        mut newcomers,
        mut revoked,
    } = start;
    let mut closing = state.closing.subscribe();
    closing.mark_changed();
    let (sender, mut inbox) = mpsc::channel(INBOX);
    let mut session = match Session::new(Arc::clone(&state), &entry, slot, sender, &first.pass) {
        Ok(session) => session,
        Err(error) => {
            warn!(session = entry.id, %error, "the system gives no random numbers");
            first.refuse(&state, Close::new(Close::INTERNAL, "server.entropy"));
            return state.registry.remove(&entry);
        }
    };
    session.tell_spread();
    session.attach(first);
    while let Some(until) = session.settle() {
        let takes_upstream = session.takes_upstream();
        tokio::select! {
            Some((conn, heard, at)) = inbox.recv() => session.heard(conn, &heard, at),
            Some(newcomer) = newcomers.recv() => session.attach(newcomer),
            Ok(()) = revoked.changed() => {
                if let Some(reason) = revoked.borrow_and_update().as_deref() {
                    info!(session = entry.id, reason, "revoked");
                    session.tell(Input::Revoke { reason });
                }
            }
            Ok(()) = closing.changed() => {
                let closing = *closing.borrow_and_update();
                session.closing(closing);
            }
            () = session.room.notified() => {}
            () = session.upstream.arrived(), if takes_upstream => {}
            () = state.clock.wait(until) => {
                session.tell_spread();
                session.tell(Input::Tick);
            }
        }
    }
    info!(session = entry.id, "ended");
    state.registry.remove(&entry);
    drop(session);
    newcomers.close();
    while let Ok(late) = newcomers.try_recv() {
        state.registry.enter(&state, late);
    }
}

struct Session {
    state: Arc<State>,
    entry: Entry,
    user: String,
    agent: String,
    /// The thumbprint of the key of its client.
    jkt: Option<String>,
    server: Server,
    upstream: Upstream,
    spread: Spread,
    /// A number between 0 and 1 that is this session's own.
    lot: f64,
    links: BTreeMap<Conn, Link>,
    last: u32,
    /// Whether the session is on one of them.
    is_attached: bool,
    /// For the connections, which share the session's place.
    slot: Arc<OwnedSemaphorePermit>,
    inbox: Inbox,
    /// Told when a connection that was backed up takes more.
    room: Arc<Notify>,
    metrics: SessionMetrics,
}

impl Session {
    fn new(
        state: Arc<State>,
        entry: &Entry,
        slot: OwnedSemaphorePermit,
        inbox: Inbox,
        pass: &Pass,
    ) -> Result<Self, getrandom::Error> {
        let seed = getrandom::u64()?;
        let lot = f64::from(getrandom::u32()?) / f64::from(u32::MAX);
        let now = state.clock.now();
        let config = Config {
            session_id: entry.id.clone(),
            epoch: state.tokens.id("epoch"),
            seed,
            unix_ms: state.clock.unix_ms(),
            max_frame_bytes: MAX_MESSAGE,
            resume_window: state.config.resume_window,
            token_grace: state.config.token_grace,
            ..Config::default()
        };
        Ok(Self {
            server: Server::new(config, now),
            upstream: match pass.shape {
                Shape::Beta => Upstream::beta(),
                Shape::Ga => Upstream::open(&state, &pass.agent, &entry.id, &pass.model, seed),
            },
            entry: entry.clone(),
            user: pass.user.clone(),
            agent: pass.agent.clone(),
            jkt: pass.jkt().map(ToOwned::to_owned),
            spread: Spread::default(),
            lot,
            links: BTreeMap::new(),
            last: 0,
            is_attached: false,
            slot: Arc::new(slot),
            inbox,
            room: Arc::default(),
            metrics: SessionMetrics::new(&state.metrics),
            state,
        })
    }

    fn tell(&mut self, input: Input<'_>) {
        self.server.handle(self.state.clock.now(), input);
    }

    /// Takes up a connection.
    fn attach(&mut self, newcomer: Newcomer) {
        self.last += 1;
        let conn = Conn(self.last);
        let Newcomer { socket, pass } = newcomer;
        let ties = Ties {
            inbox: self.inbox.clone(),
            room: Arc::clone(&self.room),
            slot: Some(Arc::clone(&self.slot)),
            metrics: Arc::clone(&self.state.metrics),
        };
        let client = (pass.protocol, pass.sender);
        let clock = self.state.clock;
        let mut link = Link::start(conn, socket, client, ties, clock, Limits::default());
        link.proof_within = pass.mismatch.and_then(|_| {
            match (self.state.config.fingerprint, pass.expires_at) {
                (FingerprintPolicy::Enforce, _) => Some(PROOF_TIMEOUT),
                // It is asked for, but nothing comes of it before the token is over anyway.
                (_, expires_at) => expires_at.map(|at| at - clock.now()),
            }
        });
        link.proofs = checking::Proofs::of(&pass.key);
        let nonce = link.proofs.as_ref().map(|proofs| proofs.nonce.clone());
        self.links.insert(conn, link);
        debug!(session = self.entry.id, %conn, resumes = pass.resumes, "a connection came");
        self.state.registry.counted(&self.entry);
        self.state.metrics.accepted(clock.now() - pass.begun);
        self.tell(Input::Attach(Attach {
            conn,
            protocol: pass.protocol,
            resumes: pass.resumes,
            expires_at: pass.expires_at,
            nonce,
        }));
    }

    /// Asks for a token from where the client is, once the session is on the connection that came
    /// with another one. Until then the machine would ask the connection before it.
    fn ask_for_proof(&mut self) -> bool {
        let mut open = self.links.values_mut().filter(|link| !link.is_closing());
        let (Some(only), None) = (open.next(), open.next()) else {
            return false;
        };
        let Some(deadline) = only.proof_within.take() else {
            return false;
        };
        let reason = "fingerprint";
        self.tell(Input::RequireRefresh { reason, deadline });
        true
    }

    /// Passes on what came over a connection.
    fn heard(&mut self, conn: Conn, heard: &Heard, at: Time) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        let received = match heard {
            Heard::Closed(close) => {
                debug!(session = self.entry.id, %conn, ?close, "a connection went");
                if !link.is_closing() {
                    self.state.metrics.closed_there(close.as_ref());
                }
                self.links.remove(&conn);
                Received::Closed(close.clone())
            }
            _ if link.is_closing() => return,
            Heard::Text(text) => Received::Text(text.as_str()),
            Heard::Binary(bytes) => Received::Binary(bytes),
            Heard::Ping => Received::Alive,
            Heard::Pong => {
                link.ponged();
                Received::Alive
            }
            Heard::TooBig => Received::TooBig,
        };
        self.metrics.read(heard, at);
        self.tell(Input::Received { conn, received });
    }

    fn closing(&mut self, closing: Closing) {
        match closing {
            Closing::Open => {}
            Closing::Drain { until } => {
                let deadline = until - self.state.clock.now();
                self.tell(Input::Drain {
                    reason: "server_restart",
                    deadline,
                    reconnect_after: self.state.config.return_spread.mul_f64(self.lot),
                    resume_url: None,
                });
            }
            Closing::Shutdown => self.tell(Input::Shutdown),
        }
    }

    /// More clients than before, or fewer, should come back over a longer time, or a shorter one.
    fn tell_spread(&mut self) {
        if let Some(spread) = self.spread.news(self.state.sessions()) {
            self.tell(Input::Spread(spread));
        }
    }

    /// Does what the machines say until both wait, and returns for how long; none once all is done.
    fn settle(&mut self) -> Option<Option<Time>> {
        loop {
            let clock = self.state.clock;
            let until = match self.server.poll() {
                Output::Wait { until, .. } => {
                    let takes = self.takes_upstream();
                    self.metrics.settled(clock.now(), &self.server, takes);
                    until
                }
                Output::Ended => return None,
                output => {
                    self.carry_out(output);
                    continue;
                }
            };
            if self.is_attached && self.ask_for_proof() {
                continue;
            }
            // What cannot be said yet is not asked for, so that it does not pile up here.
            if !self.takes_upstream() {
                return Some(until);
            }
            let now = clock.now();
            self.upstream.advance(now);
            match self.upstream.poll() {
                upstream::Output::Event(event) => {
                    self.metrics.upstream_said(&event);
                    self.tell(Input::Upstream(event.into()));
                }
                upstream::Output::Ended(close) => {
                    self.metrics.upstream_ended(&close);
                    self.tell(Input::UpstreamEnded(close));
                }
                upstream::Output::Wait(upstream) => {
                    return Some(match (until, upstream) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    });
                }
            }
        }
    }

    /// Whether there is room for more of what the upstream says.
    fn takes_upstream(&self) -> bool {
        self.server.takes_upstream() && !self.links.values().any(Link::is_backed_up)
    }

    fn carry_out(&mut self, output: Output) {
        let now = self.state.clock.now();
        match output {
            Output::Transmit { conn, frame } => self.send(conn, |link| link.send(frame)),
            Output::Ping { conn } => self.send(conn, Link::ping),
            Output::Close { conn, close } => {
                debug!(session = self.entry.id, %conn, ?close, "closing a connection");
                self.send(conn, |link| link.close(close));
            }
            Output::Abort { conn } => {
                if let Some(link) = self.links.remove(&conn) {
                    link.abort();
                }
            }
            Output::CheckToken {
                conn,
                event_id,
                token,
                proof,
            } => {
                let checked = self.check(conn, &token, proof.as_deref());
                self.state.metrics.refreshed(checked.map(drop));
                self.tell(Input::TokenChecked {
                    conn,
                    event_id,
                    checked,
                });
            }
            Output::Upstream(event) => self.upstream.handle(now, event),
            Output::UpstreamAudio(audio) => self.upstream.hear(now, &audio),
            // The upstream's clock is the audio it is given, which stops by itself. What it is
            // saying it says on, into what the machine keeps.
            Output::Attached(here) => {
                self.is_attached = here;
                self.state.registry.attached(&self.entry, here);
            }
            Output::Ended | Output::Wait { .. } => {}
        }
        if self.upstream.unsaid() > MAX_UNSAID {
            let close = Close::new(Close::RATE_LIMITED, "client.answers_unread");
            self.upstream = Upstream::Over;
            self.state.metrics.overflowed(Overflow::Upstream);
            self.metrics.upstream_ended(&close);
            self.tell(Input::UpstreamEnded(close));
        }
    }

    /// Hands something to a connection. One that takes no more is gone.
    fn send(&mut self, conn: Conn, order: impl FnOnce(&mut Link) -> Result<(), link::Stuck>) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        if let Err(stuck) = order(link) {
            debug!(session = self.entry.id, %conn, %stuck, "a connection is given up");
            self.state.metrics.overflowed(Overflow::Connection);
            if let Some(link) = self.links.remove(&conn) {
                link.abort();
            }
            let received = Received::Closed(None);
            self.tell(Input::Received { conn, received });
        }
    }
}
