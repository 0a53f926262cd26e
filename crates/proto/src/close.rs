//! WebSocket close codes and reasons (RFC 6455 section 7.4 and the `offhook.v1` table).

use alloc::borrow::ToOwned;
use alloc::string::String;

/// A close frame: what ended a connection, in the words of the end that closed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The status code.
    pub code: u16,
    /// The reason, at most 123 bytes; `type.code[;k=v]` from an Offhook server.
    pub reason: String,
}

impl Close {
    /// Hang-up: the call is over.
    pub const NORMAL: u16 = 1000;
    /// The server or the page is going away.
    pub const GOING_AWAY: u16 = 1001;
    /// Something that is not WebSocket.
    pub const PROTOCOL: u16 = 1002;
    /// A kind of message that is not taken.
    pub const UNSUPPORTED: u16 = 1003;
    /// A message that is not what its type promises.
    pub const BAD_DATA: u16 = 1007;
    /// A violation of a policy that no other code names.
    pub const POLICY: u16 = 1008;
    /// A message larger than the receiver takes.
    pub const TOO_BIG: u16 = 1009;
    /// A fault inside the server, or its upstream is down.
    pub const INTERNAL: u16 = 1011;
    /// The server restarts.
    pub const RESTART: u16 = 1012;
    /// The server has no room.
    pub const OVERLOADED: u16 = 1013;
    /// The credential is not valid (sent after an `invalid_api_key` error).
    pub const UNAUTHORISED: u16 = 3000;
    /// The credential does not cover the agent.
    pub const FORBIDDEN: u16 = 3003;
    /// No credential came in time.
    pub const AUTH_TIMEOUT: u16 = 3008;
    /// The request cannot be served: model, agent, beta header.
    pub const INVALID_REQUEST: u16 = 4000;
    /// The token expired and no fresh one came.
    pub const TOKEN_EXPIRED: u16 = 4401;
    /// The session or its user was revoked.
    pub const REVOKED: u16 = 4403;
    /// No heartbeat came from the client.
    pub const HEARTBEAT_LOST: u16 = 4408;
    /// A newer connection has taken the session over.
    pub const SUPERSEDED: u16 = 4409;
    /// The session cannot be resumed.
    pub const CANNOT_RESUME: u16 = 4410;
    /// The proof or the fingerprint is not that of the token.
    pub const MISMATCH: u16 = 4412;
    /// A client event's sequence number is missing or leaves a gap.
    pub const BAD_SEQUENCE: u16 = 4422;
    /// Too much was sent, or too often.
    pub const RATE_LIMITED: u16 = 4429;

    /// The most bytes that fit a control frame beside the code (RFC 6455 section 5.5).
    pub const MAX_REASON: usize = 123;

    /// A close frame with `reason` cut to what fits.
    #[must_use]
    pub fn new(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(Self::MAX_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code,
            reason: reason[..end].to_owned(),
        }
    }

    /// The value of `;key=` in the reason, where it is a number: `retry_after_ms`.
    #[must_use]
    pub fn hint(&self, key: &str) -> Option<u64> {
        let mut pairs = self.reason.split(';').skip(1);
        pairs.find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name.trim() == key).then(|| value.trim().parse().ok())?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let close = Close::new(Close::POLICY, &"ä".repeat(100));
        assert_eq!(close.reason.len(), 122);
        assert!(close.reason.chars().all(|c| c == 'ä'));
    }

    #[test]
    fn hints_are_read_out_of_a_reason() {
        let close = Close::new(Close::RESTART, "server.restart;retry_after_ms=250;x=y");
        assert_eq!(close.hint("retry_after_ms"), Some(250));
        assert_eq!(close.hint("x"), None);
        assert_eq!(
            Close::new(1006, "retry_after_ms=1").hint("retry_after_ms"),
            None
        );
    }
}
