//! Why a call does not come up, and why one ends.

use alloc::string::String;
use core::time::Duration;

use crate::Close;
use crate::wire::ErrorDetail;

/// Why a token or a connection could not be had, as its driver found out.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The host's name does not resolve.
    HostUnknown,
    /// Nothing answers at the address.
    Unreachable {
        /// What the system said.
        detail: String,
    },
    /// The server's certificate is not trusted.
    Untrusted {
        /// What is wrong with it.
        detail: String,
    },
    /// The server answered with an HTTP error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// How long to wait before another try, where the server said so.
        retry_after: Option<Duration>,
        /// What the server said.
        detail: String,
    },
    /// The user's sign-in is over: there is no credential until the user signs in again.
    SignedOut,
    /// The credential is not to be had now, for a reason that lies in front of the server: where it
    /// is kept, or who gives it.
    NoCredential {
        /// The reason, as a sentence for the user.
        detail: String,
    },
    /// What answered does not speak the protocol.
    NotTheProtocol {
        /// What is wrong.
        detail: String,
    },
}

/// A step of coming up that can take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Minting a token.
    Authorising,
    /// Connecting and upgrading.
    Connecting,
    /// Waiting for the session to open.
    Opening,
}

/// Why a line went, or why it could not be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It broke, nobody said why.
    Dropped,
    /// Nothing came for too long.
    Silent,
    /// This machine has no network.
    NetworkDown,
    /// This machine's network is another one now.
    NetworkChanged,
    /// This machine was asleep.
    Slept,
    /// The server restarts and said so.
    ServerRestarting,
    /// The server has no room and said so.
    ServerBusy,
    /// The server ended it because of a fault of its own.
    ServerFault,
    /// The server accepts connections and ends them at once.
    ServerUnstable,
    /// The token expired before a fresh one came.
    TokenExpired,
    /// No fresh token could be had.
    TokenService,
    /// The user has to sign in again.
    SignedOut,
    /// The server does not answer.
    Unreachable,
}

/// Whose audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The caller's.
    Input,
    /// The agent's.
    Output,
}

/// Audio that is lost for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub direction: Direction,
    /// Where it begins: in all audio captured, or in the item, in ms.
    pub from_ms: u64,
    /// Where it ends; the same as `from_ms` where nobody knows how much more there was.
    pub to_ms: u64,
    /// Why, as a code.
    pub reason: String,
}

/// A line that was gone is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Back {
    /// How long it was away; nothing for a planned hand-over.
    pub away: Duration,
    /// Whether the session goes on where it stopped. If not, it is a new one that was told the
    /// conversation so far.
    pub resumed: bool,
    /// Whether the agent was in the middle of an answer of which the rest will not come.
    pub answer_lost: bool,
    /// Where in all audio captured the input of the session begins, in ms: what it says of positions
    /// counts from there.
    pub input_from_ms: u64,
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// This side hung up.
    HungUp,
    /// The far end closed normally.
    FarEnd,
    /// It never came up, or cannot come back: trying again would not help.
    Failed(Failure),
    /// A step of coming up took too long.
    TimedOut {
        /// The step.
        step: Step,
        /// The limit.
        after: Duration,
    },
    /// The far end closed with a reason of its own.
    Closed {
        /// The close frame.
        close: Close,
        /// The last error event before it.
        error: Option<ErrorDetail>,
    },
    /// The connection broke without a close frame before the session was open.
    Dropped {
        /// What the system said.
        detail: String,
    },
    /// The line went and did not come back in time.
    GaveUp {
        /// How long it was tried.
        after: Duration,
        /// Why the last attempt failed.
        cause: Cause,
    },
    /// The session or the user was revoked.
    Revoked {
        /// Why, as a code.
        reason: String,
    },
    /// Another connection has taken the session over.
    Superseded,
    /// The far end sent something that is not the protocol.
    BadMessage {
        /// What is wrong with it.
        detail: String,
    },
    /// The far end sent a message larger than is taken.
    TooBig {
        /// The limit, in bytes.
        limit: u32,
    },
}
