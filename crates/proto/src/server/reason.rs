//! Why this end closes a connection, in the words of each protocol.

use alloc::format;
use core::time::Duration;

use crate::{Close, Protocol};

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The client hung up.
    HungUp,
    /// It sent too much that cannot be read.
    Malformed,
    /// It sent a message larger than is taken.
    TooBig,
    /// It has not been heard of.
    Silent,
    /// Its token expired.
    Expired,
    /// It is not where its token was minted, and brought no other one.
    Moved,
    /// The session or its user was revoked.
    Revoked,
    /// A newer connection has taken over.
    Superseded,
    /// It does not say from where it goes on, or cannot go on.
    CannotResume,
    /// A sequence number is missing.
    BadSequence,
    /// The bridge goes. The client should come back after that long.
    Restart(Duration),
}

impl Reason {
    /// The close frame. Plain mode knows no codes of ours.
    pub(super) fn close(self, protocol: Protocol) -> Close {
        let (code, reason) = match self {
            Self::HungUp => (Close::NORMAL, "call.hang_up"),
            Self::Malformed => (Close::POLICY, "message.too_many_malformed"),
            Self::TooBig => (Close::TOO_BIG, "message.too_big"),
            Self::Restart(_) if !protocol.is_offhook() => (Close::GOING_AWAY, "server.shutdown"),
            Self::Revoked if !protocol.is_offhook() => (Close::FORBIDDEN, "session.revoked"),
            _ if !protocol.is_offhook() => (Close::POLICY, "session.not_resumable"),
            Self::Silent => (Close::HEARTBEAT_LOST, "client.heartbeat_lost"),
            Self::Expired => (Close::TOKEN_EXPIRED, "token.expired"),
            Self::Moved => (Close::MISMATCH, "token.mismatch"),
            Self::Revoked => (Close::REVOKED, "session.revoked"),
            Self::Superseded => (Close::SUPERSEDED, "session.superseded"),
            Self::CannotResume => (Close::CANNOT_RESUME, "session.not_resumable"),
            Self::BadSequence => (Close::BAD_SEQUENCE, "sequence.gap"),
            Self::Restart(after) => {
                let reason = format!("server.restart;retry_after_ms={}", after.as_millis());
                return Close::new(Close::RESTART, &reason);
            }
        };
        Close::new(code, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_mode_shows_no_codes_of_ours() {
        let after = Duration::from_millis(1234);
        for reason in [
            Reason::HungUp,
            Reason::Malformed,
            Reason::TooBig,
            Reason::Silent,
            Reason::Expired,
            Reason::Moved,
            Reason::Revoked,
            Reason::Superseded,
            Reason::CannotResume,
            Reason::BadSequence,
            Reason::Restart(after),
        ] {
            assert!(reason.close(Protocol::Plain).code <= 3008, "{reason:?}");
        }
        let close = Reason::Restart(after).close(Protocol::OffhookV1);
        assert_eq!(close.code, Close::RESTART);
        assert_eq!(close.hint("retry_after_ms"), Some(1234));
    }
}
