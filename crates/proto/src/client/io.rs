//! What a client end is told, what it says, and how it is set up.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use super::{Back, Cause, End, Failure, Gap, Step};
use crate::wire::{ClientEvent, Envelope, ServerEvent};
use crate::{Close, Conn, Frame, Protocol, Time};

/// How a client end behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seeds event ids and jitter.
    pub seed: u64,
    /// How long each step of coming up may take.
    pub step_timeout: Duration,
    /// How much of the caller's audio is kept: until the line is up, and until the far end is known
    /// to have used it.
    pub window: Duration,
    /// How long the far end has to answer a close frame.
    pub close_timeout: Duration,
    /// The largest message taken, in bytes. Enforced by the driver; named in the error.
    pub max_message_bytes: u32,
    /// How long a line that was up may be away before the call ends.
    pub give_up: Duration,
    /// In plain mode, where sessions cannot be resumed and end after an hour: when a new session
    /// takes over, with the conversation so far. At the next moment when nobody speaks.
    pub plain_lifetime: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            step_timeout: Duration::from_secs(10),
            // Twice the outage that must cost nothing: a line takes time to be missed, and to come
            // back.
            window: Duration::from_secs(60),
            close_timeout: Duration::from_secs(1),
            max_message_bytes: 1 << 20,
            give_up: Duration::from_secs(120),
            plain_lifetime: Duration::from_secs(55 * 60),
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The credential for an attempt is there.
    Authorised {
        /// The attempt.
        conn: Conn,
        /// How much longer it is valid; none where that is not known.
        expires_in: Option<Duration>,
    },
    /// The upgrade of an attempt is done: it is a connection.
    Connected {
        /// The attempt.
        conn: Conn,
        /// What was agreed on.
        protocol: Protocol,
    },
    /// An attempt failed, at whichever step it was.
    Failed {
        /// The attempt.
        conn: Conn,
        /// Why.
        failure: Failure,
    },
    /// The fresh token that [`Output::Renew`] asked for is there.
    Renewed {
        /// The connection it is for.
        conn: Conn,
    },
    /// The fresh token that [`Output::Renew`] asked for could not be had.
    NotRenewed {
        /// The connection it is for.
        conn: Conn,
        /// Why.
        failure: Failure,
    },
    /// Something came in over a connection.
    Received {
        /// The connection.
        conn: Conn,
        /// What.
        received: Received<'a>,
    },
    /// 24 kHz mono from the microphone, any number of samples; usually 480.
    Audio(&'a [i16]),
    /// The caller does something. Audio goes through [`Input::Audio`] only. The event's id is the
    /// caller's, if there is one; its sequence number is not looked at.
    Send(Envelope<ClientEvent>),
    /// So much of the agent's audio was played, and is being played on.
    Played {
        /// The assistant's message.
        item_id: &'a str,
        /// Its audio part.
        content_index: u32,
        /// What was heard, in ms.
        audio_end_ms: u64,
    },
    /// The caller hangs up or cancels.
    HangUp,
    /// The caller does not want to wait for the next attempt.
    RetryNow,
    /// This machine's network went, came back or became another one.
    Network(Network),
    /// This machine slept for so long, and has just woken up.
    Slept(Duration),
    /// Somebody set this machine's time of day.
    WallClockJumped,
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
    /// A control frame, with a pong's payload if it was one.
    Alive(Option<u64>),
    /// A message larger than [`Config::max_message_bytes`], which was refused.
    TooBig,
    /// Something that is not WebSocket, or not UTF-8 where it has to be.
    BadFrame(&'a str),
    /// A close frame. The connection is over.
    Closed(Close),
    /// The connection is gone without a close frame.
    Dropped(&'a str),
}

/// What happened to this machine's network. Hints, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// There is none any more.
    Down,
    /// There is one again.
    Up,
    /// Still a network but not the same.
    Changed,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Get a credential that was never used; answer with [`Input::Authorised`] or
    /// [`Input::Failed`].
    Authorise {
        /// The attempt it is for.
        conn: Conn,
        /// The session it is to resume; a new one if none.
        session: Option<String>,
    },
    /// Connect and upgrade with it; answer with [`Input::Connected`] or [`Input::Failed`].
    Connect {
        /// The attempt.
        conn: Conn,
        /// The session to resume; a new one if none.
        session: Option<String>,
        /// Where, if the server said so.
        url: Option<String>,
    },
    /// Get a fresh token for a connection that is up; answer with [`Input::Renewed`] or
    /// [`Input::NotRenewed`].
    Renew {
        /// The connection.
        conn: Conn,
        /// The session it is for.
        session: String,
    },
    /// Send `session.refresh` with the token that was renewed.
    Refresh {
        /// The connection.
        conn: Conn,
        /// The event's id.
        event_id: String,
        /// What the server wants in a proof that comes with the token, if it said so.
        nonce: Option<String>,
    },
    /// Send a message.
    Transmit {
        /// Over which connection.
        conn: Conn,
        /// The message.
        frame: Frame,
    },
    /// Send a WebSocket ping with this payload (eight bytes, big-endian).
    Ping {
        /// Over which connection.
        conn: Conn,
        /// The payload.
        payload: u64,
    },
    /// Send a close frame; then keep reading until the far end has closed, for a second at most.
    Close {
        /// Over which connection.
        conn: Conn,
        /// The frame.
        close: Close,
    },
    /// Stop the attempt, or drop the connection without a word. Nothing more is said of it.
    Abort {
        /// Which.
        conn: Conn,
    },
    /// For the caller: an event of the session. Heartbeats and the like are not shown.
    Event(Box<ServerEvent>),
    /// For the caller: the state changed. After [`State::Ended`] nothing follows.
    State(State),
    /// For the caller: a line that was gone is back, and what that cost.
    Back(Back),
    /// For the caller: audio that is lost for good.
    Lost(Gap),
    /// For the logs: something of the far end's that was passed over.
    Ignored {
        /// What.
        detail: String,
    },
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
    /// Coming up for the first time.
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
    /// It was up, and is being made again.
    Reconnecting {
        /// Why it went, or why the last attempt failed.
        cause: Cause,
        /// Which attempt is under way or comes next; from 1.
        attempt: u32,
        /// What is being done or waited for.
        doing: Doing,
        /// When the call will end if it does not come back.
        gives_up_at: Time,
    },
    /// It is back; what was said meanwhile is being sent, faster than it was spoken.
    CatchingUp {
        /// What is still to be sent.
        left: Duration,
        /// What was to be sent when it came back.
        total: Duration,
    },
    /// Over.
    Ended(End),
}

/// What is being done about a line that is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// The next attempt has its time.
    Waiting {
        /// The time.
        until: Time,
    },
    /// The line came back and went again several times: a longer wait before the next attempt.
    Pausing {
        /// The time of the next attempt.
        until: Time,
    },
    /// There is no network: the next attempt is made once there is one, or at this time, as
    /// networks are not always seen.
    Offline {
        /// The time.
        until: Time,
    },
    /// An attempt is under way.
    Trying(Step),
}
