//! What a server end is told, what it says, and how it is set up.

use alloc::string::String;
use core::time::Duration;

use crate::wire::{ClientEvent, Envelope, ServerEvent, Token};
use crate::{Close, Conn, Frame, Protocol, Time};

/// How a server end behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The session's id, as its token and its `session.created` name it.
    pub session_id: String,
    /// Names this life of the session: random, never used before.
    pub epoch: String,
    /// Seeds event ids and jitter; from the system's entropy, except where a call is replayed.
    pub seed: u64,
    /// The wall clock at the time passed to [`Server::new`](super::Server::new), in ms since the
    /// Unix epoch.
    pub unix_ms: u64,
    /// `offhook.v1`: acknowledgements are sent this often, and so something at least.
    pub heartbeat: Duration,
    /// A WebSocket ping is sent this often, so that proxies keep the connection.
    pub ping_every: Duration,
    /// `offhook.v1`: a client that sent nothing for this long is gone. In plain mode three pings
    /// go unanswered first, as clients there owe us nothing else.
    pub client_silence: Duration,
    /// How long the client has to answer a close frame.
    pub close_timeout: Duration,
    /// How long a client that wants to resume has to say from where.
    pub resume_timeout: Duration,
    /// `offhook.v1`: how long the session is kept without a connection.
    pub resume_window: Duration,
    /// How long after its expiry a token is still put up with on a connection that is up.
    pub token_grace: Duration,
    /// The largest message taken, in bytes. Enforced by the driver; announced here.
    pub max_frame_bytes: u32,
    /// What may wait to be acknowledged by the client, in bytes. Beyond it the upstream is not
    /// read: [`Server::takes_upstream`](super::Server::takes_upstream).
    pub ring_bytes: usize,
    /// What may be on its way to the client without being acknowledged, in bytes. The rest waits.
    pub in_flight_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_id: String::new(),
            epoch: String::new(),
            seed: 0,
            unix_ms: 0,
            heartbeat: Duration::from_millis(250),
            ping_every: Duration::from_secs(15),
            client_silence: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            resume_timeout: Duration::from_secs(5),
            resume_window: Duration::from_secs(60),
            token_grace: Duration::from_secs(25),
            max_frame_bytes: 1 << 20,
            ring_bytes: 8 << 20,
            in_flight_bytes: 1 << 20,
        }
    }
}

/// A connection that was accepted for the session.
#[derive(Debug, Clone)]
pub struct Attach {
    /// The connection.
    pub conn: Conn,
    /// What was agreed on the upgrade.
    pub protocol: Protocol,
    /// Whether the client asked for this session, to go on with it. Such a client says from where
    /// first; of a session that is not the one it means, it is told that.
    pub resumes: bool,
    /// When its token expires; none if the credential does not.
    pub expires_at: Option<Time>,
    /// What proofs on it have to be over, where its token is bound to a key: random, of this
    /// connection only.
    pub nonce: Option<String>,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection was accepted. The one before it is closed once this one has shown that it goes
    /// on where that one stopped.
    Attach(Attach),
    /// Something came in over a connection.
    Received {
        /// The connection.
        conn: Conn,
        /// What.
        received: Received<'a>,
    },
    /// The upstream has an event for the client.
    Upstream(Envelope<ServerEvent>),
    /// The upstream is over; how to tell the client.
    UpstreamEnded(Close),
    /// A token that [`Output::CheckToken`] asked about counts, or not.
    TokenChecked {
        /// The connection it came over.
        conn: Conn,
        /// The id of the event that brought it.
        event_id: Option<String>,
        /// When it expires, or why it is not taken.
        checked: Result<Time, TokenRefused>,
    },
    /// A fresh token is wanted: the client is not where its token was minted.
    RequireRefresh {
        /// Why, as a code.
        reason: &'a str,
        /// How long it is waited for.
        deadline: Duration,
    },
    /// So many clients are there that one whose connection drops should wait up to this long before
    /// it comes back, lest all come together.
    Spread(Duration),
    /// The session or its user was revoked.
    Revoke {
        /// Why, as a code.
        reason: &'a str,
    },
    /// The bridge will be gone soon.
    Drain {
        /// Why, as a code.
        reason: &'a str,
        /// When connections are closed.
        deadline: Duration,
        /// When the client should connect anew; drawn by the driver for each session.
        reconnect_after: Duration,
        /// Where to; to the same address if none.
        resume_url: Option<&'a str>,
    },
    /// The bridge is gone now.
    Shutdown,
    /// The time of a `Wait` came.
    Tick,
}

/// What came in over a connection.
#[derive(Debug)]
pub enum Received<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A control frame: the client is there.
    Alive,
    /// A message larger than [`Config::max_frame_bytes`], which was refused.
    TooBig,
    /// The connection is closed: with a close frame, or without.
    Closed(Option<Close>),
}

/// Why a token in `session.refresh` is not taken. The old one's expiry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefused {
    /// Not a token of ours, or an expired one.
    Invalid,
    /// Of another session or user.
    Foreign,
    /// Bound to a key, without a proof of it that counts.
    Unproved,
    /// Of another key than the session's. The connection is closed.
    OtherKey,
    /// Used before.
    Spent,
}

/// What has happened in a session so far. Nothing in it ever falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections that went on where the one before them stopped.
    pub resumed: u64,
    /// Connections that wanted to, and meant another session or another life of this one.
    pub unknown: u64,
    /// Connections that wanted to, and could not say from where.
    pub bad_sequence: u64,
    /// The caller's audio that will never come, as the client says, in ms.
    pub lost_ms: u64,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message.
    Transmit {
        /// Over which connection.
        conn: Conn,
        /// The message.
        frame: Frame,
    },
    /// Send a WebSocket ping.
    Ping {
        /// Over which connection.
        conn: Conn,
    },
    /// Send a close frame; then read on until the client has closed, for as long as
    /// [`Config::close_timeout`] at most. Nothing that comes over it is told any more, except that
    /// it is closed.
    Close {
        /// Over which connection.
        conn: Conn,
        /// The frame.
        close: Close,
    },
    /// Drop the connection without a word. Nothing more is said of it.
    Abort {
        /// Which.
        conn: Conn,
    },
    /// Check a token that came in band: its signature, its expiry, that it is of this session, this
    /// user and this key, and that it was not used before. Answer with [`Input::TokenChecked`].
    CheckToken {
        /// The connection it came over.
        conn: Conn,
        /// The id of the event that brought it.
        event_id: Option<String>,
        /// The token.
        token: Token,
        /// The proof that came with it.
        proof: Option<String>,
    },
    /// Give an event to the upstream. Audio that came as an event stays one.
    Upstream(Envelope<ClientEvent>),
    /// Give the caller's audio, which came as a binary frame, to the upstream: PCM16 little-endian,
    /// 24 kHz, mono.
    UpstreamAudio(alloc::vec::Vec<u8>),
    /// Give nothing to the upstream for now, or again: its clock stops while nobody is there.
    Attached(bool),
    /// All is done: let go of the connections and the upstream. Nothing follows.
    Ended,
    /// Nothing to do until something happens or this time comes.
    Wait {
        /// When to call with [`Input::Tick`]; never, once ended.
        until: Option<Time>,
        /// What for, for logs.
        why: &'static str,
    },
}
