//! What a client end is told, what it says, and how it is set up.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use super::{End, Failure, Step};
use crate::wire::{ClientEvent, ServerEvent};
use crate::{Close, Protocol, Time};

/// How a client end behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seeds event ids.
    pub ids_seed: u64,
    /// How long each step of coming up may take.
    pub step_timeout: Duration,
    /// How much audio is held while the line is not up.
    pub held_window: Duration,
    /// How long the far end has to answer a close frame.
    pub close_timeout: Duration,
    /// The largest message taken, in bytes. Enforced by the driver; named in the error.
    pub max_message_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ids_seed: 0,
            step_timeout: Duration::from_secs(10),
            held_window: Duration::from_secs(30),
            close_timeout: Duration::from_secs(1),
            max_message_bytes: 1 << 20,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The credential for the upgrade is there.
    Authorised,
    /// The upgrade is done.
    Connected(Protocol),
    /// The step under way failed.
    Failed(Failure),
    /// A text message came.
    Text(&'a str),
    /// A binary message came, of so many bytes.
    Binary(usize),
    /// A control frame came, with a pong's payload if it was one.
    Alive(Option<u64>),
    /// A message larger than [`Config::max_message_bytes`] came and was refused.
    TooBig,
    /// Something came that is not WebSocket, or not UTF-8 where it has to be.
    BadFrame(&'a str),
    /// The far end closed.
    Closed(Close),
    /// The connection is gone without a close frame.
    Dropped(&'a str),
    /// The caller does something.
    Send(ClientEvent),
    /// The caller hangs up or cancels.
    HangUp,
    /// The time of a `Wait` came.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Get the credential for the upgrade; answer with `Authorised` or `Failed`.
    Authorise,
    /// Connect and upgrade; answer with `Connected` or `Failed`.
    Connect,
    /// Send a text message.
    Transmit(String),
    /// Send a WebSocket ping with this payload (eight bytes, big-endian).
    Ping(u64),
    /// Send a close frame; then keep reading until the far end has closed.
    Close(Close),
    /// Stop the step under way, drop the connection.
    Abort,
    /// For the caller: an event of the session. Heartbeats and the like are not shown.
    Event(Box<ServerEvent>),
    /// For the caller: the state changed. After [`State::Ended`] nothing follows.
    State(State),
    /// For the logs: something of the far end's that was passed over.
    Ignored {
        /// What.
        detail: String,
    },
    /// For the counters: held audio that no longer fitted the window.
    AudioLost(Duration),
    /// Nothing to do until something happens or this time comes.
    Wait {
        /// When to call with [`Input::Tick`]; never, once ended.
        until: Option<Time>,
        /// What for, for logs.
        why: &'static str,
    },
}

/// Where the call stands, for the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Coming up.
    Dialling(Step),
    /// Up.
    Live {
        /// What was agreed on the upgrade.
        protocol: Protocol,
        /// Nothing came for a while, and it is worth telling.
        unstable: bool,
        /// Of the last ping, once one was answered.
        round_trip: Option<Duration>,
    },
    /// Over.
    Ended(End),
}
