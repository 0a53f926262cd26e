//! The WebSocket subprotocols and what each of them means for a session.

use core::fmt;

/// How the two ends talk, agreed on the upgrade (RFC 6455, section 1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// The OpenAI Realtime API as it is: no subprotocol, or `realtime`.
    Plain,
    /// The superset with sequence numbers, acknowledgements, heartbeats and resume.
    OffhookV1,
    /// The same, with audio as binary frames.
    OffhookV1Bin,
}

impl Protocol {
    /// The subprotocol name of the superset.
    pub const OFFHOOK_V1: &str = "offhook.v1";
    /// The subprotocol name of the superset with binary audio.
    pub const OFFHOOK_V1_BIN: &str = "offhook.v1.bin";
    /// The subprotocol name of plain mode.
    pub const REALTIME: &str = "realtime";
    /// What a softphone offers, best first.
    pub const OFFERED: [&str; 3] = [Self::OFFHOOK_V1_BIN, Self::OFFHOOK_V1, Self::REALTIME];
    /// Starts the subprotocol that carries a token for clients that cannot set headers, as the
    /// OpenAI API has it. Never selected by a server, never logged.
    pub const TOKEN_PREFIX: &str = "openai-insecure-api-key.";

    /// What a server's choice means; none where it chose nothing, an error where it chose
    /// something that was not offered.
    ///
    /// # Errors
    /// The name, where it is not one of [`Self::OFFERED`].
    pub fn from_selected(name: Option<&str>) -> Result<Self, &str> {
        match name {
            None | Some(Self::REALTIME) => Ok(Self::Plain),
            Some(Self::OFFHOOK_V1) => Ok(Self::OffhookV1),
            Some(Self::OFFHOOK_V1_BIN) => Ok(Self::OffhookV1Bin),
            Some(other) => Err(other),
        }
    }

    /// The best of what a client offered, with the name to select; none where it offered nothing
    /// that is known here.
    pub fn select<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<(Self, &'static str)> {
        let known = |name: &str| match name.trim() {
            Self::OFFHOOK_V1_BIN => Some((Self::OffhookV1Bin, Self::OFFHOOK_V1_BIN)),
            Self::OFFHOOK_V1 => Some((Self::OffhookV1, Self::OFFHOOK_V1)),
            Self::REALTIME => Some((Self::Plain, Self::REALTIME)),
            _ => None,
        };
        let known = offered.into_iter().filter_map(known);
        known.max_by_key(|(protocol, _)| *protocol)
    }

    /// Whether it is the superset: sequence numbers, acknowledgements, heartbeats, resume.
    #[must_use]
    pub const fn is_offhook(self) -> bool {
        matches!(self, Self::OffhookV1 | Self::OffhookV1Bin)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::OffhookV1 => Self::OFFHOOK_V1,
            Self::OffhookV1Bin => Self::OFFHOOK_V1_BIN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_offer_wins_whatever_its_place() {
        assert_eq!(
            Protocol::select(["realtime", "offhook.v1"]),
            Some((Protocol::OffhookV1, "offhook.v1"))
        );
        assert_eq!(
            Protocol::select(["openai-insecure-api-key.ek_x", "realtime"]),
            Some((Protocol::Plain, "realtime"))
        );
        assert_eq!(
            Protocol::select(["realtime", "offhook.v1", "offhook.v1.bin"]),
            Some((Protocol::OffhookV1Bin, "offhook.v1.bin"))
        );
        assert_eq!(Protocol::select(["graphql-ws"]), None);
        assert_eq!(Protocol::select([]), None);
    }

    #[test]
    fn a_choice_that_was_not_offered_is_refused() {
        assert_eq!(Protocol::from_selected(None), Ok(Protocol::Plain));
        assert_eq!(
            Protocol::from_selected(Some("offhook.v1")),
            Ok(Protocol::OffhookV1)
        );
        assert_eq!(Protocol::from_selected(Some("chat")), Err("chat"));
    }
}
