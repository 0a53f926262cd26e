//! The values that labels have: closed sets, none of them from outside.

use offhook_proto::Close;
use offhook_proto::server::TokenRefused;

/// One label and its value.
pub(super) type Label = [(&'static str, &'static str); 1];
/// Two of them.
pub(super) type Labels = [(&'static str, &'static str); 2];

/// A bounded queue that was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// What waits to be sent over a connection; the connection is given up.
    Connection,
    /// Connections that wait to be taken up by their session; the newest is refused.
    Newcomers,
    /// What an upstream has to say; the session ends.
    Upstream,
}

impl Overflow {
    pub(super) const ALL: [Self; 3] = [Self::Connection, Self::Newcomers, Self::Upstream];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Newcomers => "newcomers",
            Self::Upstream => "upstream",
        }
    }
}

/// How a session's upstream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpstreamState {
    /// It has not said anything yet.
    Connecting,
    Up,
    /// It was up, and is dialled again.
    Reconnecting,
    /// It is over; the client is still told so.
    Ended,
}

impl UpstreamState {
    pub(super) const ALL: [Self; 4] = [Self::Connecting, Self::Up, Self::Reconnecting, Self::Ended];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Reconnecting => "reconnecting",
            Self::Ended => "ended",
        }
    }
}

/// What came of a fresh token in band.
pub(crate) type Refresh = Result<(), TokenRefused>;

pub(super) const fn refresh(came: Refresh) -> &'static str {
    match came {
        Ok(()) => "refreshed",
        Err(TokenRefused::Invalid) => "invalid",
        Err(TokenRefused::Foreign) => "foreign",
        Err(TokenRefused::Unproved) => "unproved",
        Err(TokenRefused::OtherKey) => "other_key",
        Err(TokenRefused::Spent) => "spent",
    }
}

/// A close code as a label: there are thousands, and a client may choose any.
pub(super) const fn close_code(code: u16) -> &'static str {
    match code {
        Close::NORMAL => "1000",
        Close::GOING_AWAY => "1001",
        Close::PROTOCOL => "1002",
        Close::UNSUPPORTED => "1003",
        1005 => "1005",
        Close::BAD_DATA => "1007",
        Close::POLICY => "1008",
        Close::TOO_BIG => "1009",
        Close::INTERNAL => "1011",
        Close::RESTART => "1012",
        Close::OVERLOADED => "1013",
        Close::UNAUTHORISED => "3000",
        Close::FORBIDDEN => "3003",
        Close::AUTH_TIMEOUT => "3008",
        Close::INVALID_REQUEST => "4000",
        Close::TOKEN_EXPIRED => "4401",
        Close::REVOKED => "4403",
        Close::HEARTBEAT_LOST => "4408",
        Close::SUPERSEDED => "4409",
        Close::CANNOT_RESUME => "4410",
        Close::MISMATCH => "4412",
        Close::BAD_SEQUENCE => "4422",
        Close::RATE_LIMITED => "4429",
        _ => "other",
    }
}

/// Why a connection that was upgraded gets no session, in the words of a refusal before the upgrade.
pub(super) const fn late_refusal(code: u16) -> &'static str {
    match code {
        Close::REVOKED => "session_revoked",
        Close::FORBIDDEN => "session_mismatch",
        Close::MISMATCH => "key_mismatch",
        Close::OVERLOADED => "too_many_sessions",
        Close::AUTH_TIMEOUT => "auth_timeout",
        Close::GOING_AWAY => "left",
        Close::INTERNAL => "internal",
        _ => "bad_first_message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_itself_or_other() {
        let mut labels: Vec<_> = (0..=u16::MAX).map(close_code).collect();
        for (code, label) in labels.iter().enumerate() {
            assert!(*label == "other" || *label == code.to_string(), "{code}");
        }
        labels.sort_unstable();
        labels.dedup();
        assert!((20..40).contains(&labels.len()), "{labels:?}");
    }
}
