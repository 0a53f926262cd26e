//! The server end of a session: what a bridge does with one accepted connection.
//!
//! Starts after the upgrade, which the bridge decides on by itself. Between the socket and the
//! upstream this machine stamps, checks, acknowledges and times; it never looks into audio.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::wire::client::{Bye, Ping};
use crate::wire::server::{Ack, Error, Hello, Pong};
use crate::wire::{ClientEvent, Envelope, ErrorDetail, Fields, ServerEvent};
use crate::{Close, Ids, Protocol, Time};

/// How a server end behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// What was agreed on the upgrade.
    pub protocol: Protocol,
    /// Seeds event ids; from the system's entropy, except where a call is replayed.
    pub ids_seed: u64,
    /// The wall clock at the time passed to [`Server::new`], in ms since the Unix epoch.
    pub unix_ms: u64,
    /// `offhook.v1`: something is sent at least this often.
    pub heartbeat: Duration,
    /// A WebSocket ping is sent this often, so that proxies keep the connection.
    pub ping_every: Duration,
    /// `offhook.v1`: a client that sent nothing for this long is gone. In plain mode three pings
    /// go unanswered first, as clients there owe us nothing else.
    pub client_silence: Duration,
    /// How long the client has to answer a close frame.
    pub close_timeout: Duration,
    /// The largest message taken, in bytes. Enforced by the driver; announced here.
    pub max_frame_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol: Protocol::Plain,
            ids_seed: 0,
            unix_ms: 0,
            heartbeat: Duration::from_millis(250),
            ping_every: Duration::from_secs(15),
            client_silence: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            max_frame_bytes: 1 << 20,
        }
    }
}

/// What happened.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "passed straight on, never stored"
)]
pub enum Input<'a> {
    /// A text message came.
    Text(&'a str),
    /// A binary message came, of so many bytes.
    Binary(usize),
    /// A control frame came: the client is there.
    Alive,
    /// The connection is closed: with a close frame, or without.
    PeerClosed(Option<Close>),
    /// The upstream has an event for the client.
    Upstream(Envelope<ServerEvent>),
    /// The upstream is over; how to tell the client.
    UpstreamEnded(Close),
    /// The bridge shuts down.
    Shutdown,
    /// A message larger than [`Config::max_frame_bytes`] was refused by the driver.
    TooBig,
    /// The time of a `Wait` came.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a text message.
    Transmit(String),
    /// Give an event to the upstream.
    Upstream(Envelope<ClientEvent>),
    /// Send a WebSocket ping.
    Ping,
    /// Send a close frame; then keep reading until the peer has closed.
    Close(Close),
    /// Drop the connection without a word.
    Abort,
    /// All is done: let go of the connection and the upstream. Nothing follows.
    Ended,
    /// Nothing to do until something happens or this time comes.
    Wait {
        /// When to call with [`Input::Tick`]; never, once ended.
        until: Option<Time>,
        /// What for, for logs.
        why: &'static str,
    },
}

/// More malformed messages than this and the connection is closed.
const MALFORMED_ALLOWED: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Open,
    Closing { deadline: Time },
    Ended,
}

/// The server end of one connection.
#[derive(Debug)]
pub struct Server {
    config: Config,
    started: Time,
    ids: Ids,
    out: VecDeque<Output>,
    phase: Phase,
    /// The last sequence number sent.
    sent: u64,
    /// The highest client sequence number with nothing missing before it.
    received: u64,
    transmitted_at: Time,
    heard_at: Time,
    pinged_at: Time,
    malformed: u32,
}

impl Server {
    /// A connection whose upgrade was just answered.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let mut server = Self {
            started: now,
            ids: Ids::seeded(config.ids_seed),
            out: VecDeque::new(),
            phase: Phase::Open,
            sent: 0,
            received: 0,
            transmitted_at: now,
            heard_at: now,
            pinged_at: now,
            malformed: 0,
            config,
        };
        if server.config.protocol == Protocol::OffhookV1 {
            let hello = Hello {
                heartbeat_ms: millis(server.config.heartbeat),
                resume_window_ms: 0,
                max_frame_bytes: server.config.max_frame_bytes,
                server_time: server.unix_ms(now),
                features: Vec::new(),
                extra: Fields::new(),
            };
            server.transmit(now, Envelope::from(ServerEvent::from(hello)));
        }
        server
    }

    /// Takes in what happened at `now`. Follow with [`Self::poll`] until it waits.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        match (self.phase, input) {
            (Phase::Ended, _) => {}
            (_, Input::PeerClosed(_)) => self.end(),
            (Phase::Closing { deadline }, Input::Tick) => {
                if now >= deadline {
                    self.out.push_back(Output::Abort);
                    self.end();
                }
            }
            // What a client sends after we closed is not processed.
            (Phase::Closing { .. }, _) => {}
            (Phase::Open, Input::Tick) => self.tick(now),
            (Phase::Open, Input::Alive) => self.heard_at = now,
            (Phase::Open, Input::Text(text)) => {
                self.heard_at = now;
                self.text(now, text);
            }
            (Phase::Open, Input::Binary(bytes)) => {
                self.heard_at = now;
                let message = format!("A binary message of {bytes} bytes came; events are text.");
                self.refuse(now, "invalid_message", &message, None);
            }
            (Phase::Open, Input::Upstream(event)) => self.transmit(now, event),
            (Phase::Open, Input::UpstreamEnded(close)) => self.close(now, close),
            (Phase::Open, Input::Shutdown) => {
                self.close(now, Close::new(Close::GOING_AWAY, "server.shutdown"));
            }
            (Phase::Open, Input::TooBig) => {
                self.close(now, Close::new(Close::TOO_BIG, "message.too_big"));
            }
        }
    }

    /// The next thing to do, in order; call until it waits.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        let (until, why) = match self.phase {
            Phase::Ended => (None, "ended"),
            Phase::Closing { deadline } => (Some(deadline), "the client's close frame"),
            Phase::Open => self.next_deadline(),
        };
        Output::Wait { until, why }
    }

    fn text(&mut self, now: Time, text: &str) {
        let envelope = match Envelope::<ClientEvent>::decode(text) {
            Ok(envelope) => envelope,
            Err(error) => {
                let message = format!("The message cannot be read: {error}.");
                return self.refuse(now, "invalid_event", &message, error.event_id());
            }
        };
        if self.config.protocol == Protocol::OffhookV1 {
            match envelope.seq {
                Some(seq) if seq <= self.received => return,
                Some(seq) if seq == self.received + 1 => self.received = seq,
                _ => {
                    return self.close(now, Close::new(Close::BAD_SEQUENCE, "sequence.gap"));
                }
            }
            match &envelope.event {
                ClientEvent::Ping(Ping { t, .. }) => {
                    let pong = Pong {
                        t: *t,
                        server_time: self.unix_ms(now),
                        extra: Fields::new(),
                    };
                    return self.transmit(now, Envelope::from(ServerEvent::from(pong)));
                }
                ClientEvent::Bye(Bye { .. }) => {
                    return self.close(now, Close::new(Close::NORMAL, "call.hang_up"));
                }
                _ => {}
            }
        }
        self.out.push_back(Output::Upstream(envelope));
    }

    /// Tells the client about a message that cannot be used, and goes on.
    fn refuse(&mut self, now: Time, code: &str, message: &str, event_id: Option<&str>) {
        self.malformed += 1;
        if self.malformed > MALFORMED_ALLOWED {
            return self.close(now, Close::new(Close::POLICY, "message.too_many_malformed"));
        }
        let mut error = ErrorDetail::invalid_request(code, message);
        error.event_id = event_id.map(ToOwned::to_owned);
        let error = Error {
            error,
            extra: Fields::new(),
        };
        self.transmit(now, Envelope::from(ServerEvent::from(error)));
    }

    fn transmit(&mut self, now: Time, mut envelope: Envelope<ServerEvent>) {
        if envelope.event_id.is_none() {
            envelope.event_id = Some(self.ids.next("event"));
        }
        envelope.seq = None;
        if self.config.protocol == Protocol::OffhookV1 {
            self.sent += 1;
            envelope.seq = Some(self.sent);
        }
        self.transmitted_at = now;
        self.out.push_back(Output::Transmit(envelope.encode()));
    }

    fn tick(&mut self, now: Time) {
        if now >= self.heard_at + self.patience() {
            // Plain mode knows no close code for this; the official SDKs call 1006 retryable.
            if self.config.protocol == Protocol::OffhookV1 {
                let close = Close::new(Close::HEARTBEAT_LOST, "client.heartbeat_lost");
                self.out.push_back(Output::Close(close));
            }
            self.out.push_back(Output::Abort);
            return self.end();
        }
        if now >= self.pinged_at + self.config.ping_every {
            self.pinged_at = now;
            self.out.push_back(Output::Ping);
        }
        if self.config.protocol == Protocol::OffhookV1
            && now >= self.transmitted_at + self.config.heartbeat
        {
            let ack = Ack {
                up_to: self.received,
                extra: Fields::new(),
            };
            self.transmit(now, Envelope::from(ServerEvent::from(ack)));
        }
    }

    fn next_deadline(&self) -> (Option<Time>, &'static str) {
        let mut next = (self.heard_at + self.patience(), "a sign of the client");
        let ping = self.pinged_at + self.config.ping_every;
        if ping < next.0 {
            next = (ping, "the next ping");
        }
        let heartbeat = self.transmitted_at + self.config.heartbeat;
        if self.config.protocol == Protocol::OffhookV1 && heartbeat < next.0 {
            next = (heartbeat, "the next heartbeat");
        }
        (Some(next.0), next.1)
    }

    /// How long a client may be silent.
    fn patience(&self) -> Duration {
        match self.config.protocol {
            Protocol::OffhookV1 => self.config.client_silence,
            Protocol::Plain => self.config.ping_every * 3 + self.config.client_silence,
        }
    }

    fn close(&mut self, now: Time, close: Close) {
        self.out.push_back(Output::Close(close));
        self.phase = Phase::Closing {
            deadline: now + self.config.close_timeout,
        };
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.out.push_back(Output::Ended);
    }

    fn unix_ms(&self, now: Time) -> u64 {
        self.config.unix_ms + u64::try_from((now - self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
