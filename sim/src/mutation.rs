//! Faults of the machines, put in between them and the checks: proof that the checks can fail.

use crate::check::Invariant;
use crate::fault::{Cut, Door, Fault, Flap, Intruder, Restart};
use crate::scenario::Scenario;
use crate::time::{MS, PER_MS, S};

/// Something that must never happen, and that is made to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A piece of the caller's audio does not come to the upstream.
    InputLost,
    /// A piece comes to it twice.
    InputTwice,
    /// Two pieces come in the wrong order.
    InputSwapped,
    /// The client is told that the server has more than it has.
    ReceivedTooMuch,
    /// The client is told that more is used than is, and then the session is lost.
    UsedTooMuch,
    /// Something that the agent said does not come to the caller.
    OutputLost,
    /// Something comes to the caller twice.
    OutputTwice,
    /// What the caller does comes to the upstream twice.
    ControlTwice,
    /// What comes over a connection that is superseded is taken for the session's.
    Unfenced,
    /// A close frame's reason holds a token.
    SecretInReason,
    /// Every dial is made twice.
    DialsTwice,
    /// The client lets a server that flaps not rest.
    NoBreaker,
    /// The upstream is read though the server does not take any more.
    NoBackPressure,
    /// Two refreshes are under way at once.
    RefreshTwice,
    /// Audio waits for a refresh.
    RefreshHolds,
    /// What the agent said is cut beyond its end.
    TruncatesTooFar,
    /// The server does not hear of a revocation.
    RevocationLost,
    /// The driver is told that an old token is fresh.
    StaleToken,
    /// A token is used for two dials.
    TokenTwice,
    /// The driver never answers the client.
    DriverSilent,
    /// The client wants to be called again at once, for ever.
    Spins,
    /// The server's heartbeats stop for a second.
    HeartbeatLost,
    /// The client's numbers have a hole.
    SequenceHole,
}

impl Mutation {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::InputLost,
        Self::InputTwice,
        Self::InputSwapped,
        Self::ReceivedTooMuch,
        Self::UsedTooMuch,
        Self::OutputLost,
        Self::OutputTwice,
        Self::ControlTwice,
        Self::Unfenced,
        Self::SecretInReason,
        Self::DialsTwice,
        Self::NoBreaker,
        Self::NoBackPressure,
        Self::RefreshTwice,
        Self::RefreshHolds,
        Self::TruncatesTooFar,
        Self::RevocationLost,
        Self::StaleToken,
        Self::TokenTwice,
        Self::DriverSilent,
        Self::Spins,
        Self::HeartbeatLost,
        Self::SequenceHole,
    ];
}

impl Mutation {
    /// A call in which it shows.
    pub(crate) fn scenario(self, seed: u64) -> Scenario {
        let mut scenario = Scenario::calm(seed);
        scenario.caller.types = 20;
        scenario.caller.interrupts = 10;
        let fault = match self {
            Self::ReceivedTooMuch | Self::StaleToken | Self::TokenTwice | Self::DriverSilent => {
                Some(Fault::Cut(Cut::Reset))
            }
            Self::UsedTooMuch => Some(Fault::Restart {
                how: Restart::Crash { silent: false },
                down: 100 * MS,
            }),
            Self::Unfenced => Some(Fault::Intruder(Intruder::SpeaksAtOnce)),
            Self::SecretInReason => Some(Fault::Restart {
                how: Restart::Shutdown,
                down: 100 * MS,
            }),
            Self::DialsTwice => {
                scenario.talk = 90 * S;
                scenario.faults.push((4 * S, Fault::Cut(Cut::Reset)));
                Some(Fault::Refuse {
                    door: Door::Upgrade,
                    status: 409,
                    retry_after: None,
                    lasts: 80 * S,
                })
            }
            Self::NoBreaker => {
                scenario.talk = 90 * S;
                scenario.faults.push((4 * S, Fault::Cut(Cut::Reset)));
                Some(Fault::Flap {
                    after: 50 * MS,
                    how: Flap::Reset,
                    lasts: 80 * S,
                })
            }
            Self::NoBackPressure => {
                scenario.server.ring_bytes = 64 << 10;
                scenario.script.answer = (40_000 * PER_MS, 60_000 * PER_MS);
                scenario.script.speed = 40;
                scenario.caller.interrupts = 0;
                scenario.caller.silence = (20 * S, 30 * S);
                Some(Fault::Ways {
                    up: scenario.up,
                    down: crate::net::Way {
                        bandwidth: 60_000,
                        ..scenario.down
                    },
                })
            }
            Self::RefreshTwice | Self::RefreshHolds => {
                scenario.ttl = 12 * S;
                scenario.mint = 200 * MS;
                None
            }
            Self::RevocationLost => Some(Fault::Revoke),
            _ => None,
        };
        if self == Self::StaleToken {
            let old = Fault::OldTokens {
                left: S,
                lasts: 60 * S,
            };
            scenario.faults.push((3 * S, old));
        }
        let at = match self {
            Self::NoBackPressure => S,
            Self::DialsTwice | Self::NoBreaker => 3 * S,
            _ => 8 * S + seed % 1000 * MS,
        };
        scenario.faults.extend(fault.map(|fault| (at, fault)));
        scenario.faults.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// The invariants of which one is then seen not to hold.
    #[must_use]
    pub const fn breaks(self) -> &'static [Invariant] {
        match self {
            Self::InputLost | Self::InputTwice | Self::InputSwapped => &[Invariant::Input],
            Self::ReceivedTooMuch => &[Invariant::Wire, Invariant::Input],
            Self::UsedTooMuch => &[Invariant::Input],
            Self::OutputLost | Self::OutputTwice => &[Invariant::Output],
            Self::ControlTwice => &[Invariant::Control],
            Self::Unfenced => &[Invariant::Fenced],
            Self::SecretInReason => &[Invariant::Secret],
            Self::DialsTwice | Self::NoBreaker => &[Invariant::Dials],
            Self::NoBackPressure => &[Invariant::Memory],
            Self::RefreshTwice | Self::RefreshHolds => &[Invariant::Refresh],
            Self::TruncatesTooFar => &[Invariant::Truncate],
            Self::RevocationLost => &[Invariant::Revoked],
            Self::StaleToken | Self::TokenTwice => &[Invariant::Token],
            Self::DriverSilent => &[Invariant::Stuck],
            Self::Spins => &[Invariant::Spinning],
            Self::HeartbeatLost | Self::SequenceHole => &[Invariant::Wire],
        }
    }
}
