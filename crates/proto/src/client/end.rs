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

/// Why a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// This side hung up.
    HungUp,
    /// The far end closed normally.
    FarEnd,
    /// It never came up.
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
    /// The connection broke without a close frame.
    Dropped {
        /// What the system said.
        detail: String,
    },
    /// Nothing came for too long; the line is dead.
    Silent {
        /// How long.
        after: Duration,
    },
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
