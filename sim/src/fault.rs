//! What can go wrong, one thing at a time.

use offhook_proto::client::Network;

use crate::net::Way;
use crate::time::Us;

/// Something that happens to a call at a time of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The connections there are break.
    Cut(Cut),
    /// Nothing arrives for a while; it is late, not lost.
    Stall { up: bool, down: bool, lasts: Us },
    /// The way is another one from now on.
    Ways { up: Way, down: Way },
    /// There is no network.
    Outage(Outage),
    /// The system says something about the network, true or not.
    Hint(Network),
    /// The client's machine sleeps.
    Sleep {
        lasts: Us,
        /// The driver is told of it on waking.
        told: bool,
        /// The connections there are do not survive it.
        cuts: bool,
    },
    /// The client's process is stopped.
    ClientPause(Us),
    /// The server's process is stopped.
    ServerPause(Us),
    /// The time of day is set.
    WallJump,
    /// The server is replaced.
    Restart { how: Restart, down: Us },
    /// A door answers with an HTTP error for a while.
    Refuse {
        door: Door,
        status: u16,
        retry_after: Option<Us>,
        lasts: Us,
    },
    /// The token service does not answer, or does so slowly, for a while.
    TokenService {
        answers_after: Option<Us>,
        lasts: Us,
    },
    /// The service gives tokens that are nearly over, for a while.
    OldTokens { left: Us, lasts: Us },
    /// Tokens that come in band are checked slowly, or never, or not taken, for a while.
    Refresh { how: Refresh, lasts: Us },
    /// The session is revoked.
    Revoke,
    /// The server wants a fresh token.
    RequireRefresh { deadline: Us },
    /// The server accepts connections and ends them, for a while.
    Flap { after: Us, how: Flap, lasts: Us },
    /// The upstream dies.
    UpstreamDies,
    /// Somebody else comes with a token of the session.
    Intruder(Intruder),
    /// The caller wants the next attempt now.
    RetryNow,
    /// The caller hangs up.
    HangUp,
    /// From now on the upgrade selects other subprotocols.
    Protocol(Offer),
}

impl Fault {
    /// It is the server's process that does it.
    pub(crate) const fn needs_server(&self) -> bool {
        let crashes = matches!(
            self,
            Self::Restart {
                how: Restart::Crash { .. },
                ..
            }
        );
        let of_server = matches!(
            self,
            Self::Restart { .. }
                | Self::Revoke
                | Self::RequireRefresh { .. }
                | Self::UpstreamDies
                | Self::Intruder(_)
        );
        of_server && !crashes
    }
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both ends are told at once; what was on its way is lost.
    Reset,
    /// Only the client is told.
    ResetClient,
    /// Only the server is told.
    ResetServer,
    /// The stream ends somewhere in what was on its way.
    Fin,
    /// Nobody is told; up to somewhere in what was on its way it arrived.
    Silent,
    /// Nothing from the client arrives any more.
    SilentUp,
    /// Nothing from the server arrives any more.
    SilentDown,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) lasts: Us,
    /// The system says that the network is gone and back.
    pub(crate) told: bool,
    /// What becomes of the connections there were.
    pub(crate) cut: Option<Cut>,
    /// Attempts fail at once; otherwise they hang.
    pub(crate) fails_fast: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Its process is gone, and every session with it.
    Crash { silent: bool },
    /// It says so before; whoever comes back before it goes finds it still there.
    DrainSame { deadline: Us, reconnect_after: Us },
    /// It says so before; whoever comes back finds another one that knows nothing.
    DrainAway { deadline: Us, reconnect_after: Us },
    /// It says so while it goes.
    Shutdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Mint,
    Upgrade,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// Checked after so long.
    Slow(Us),
    /// Never answered.
    Lost,
    /// Refused.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flap {
    Reset,
    Close(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intruder {
    /// Speaks before it has shown that it goes on where the session stopped.
    SpeaksAtOnce,
    /// Says nothing.
    Silent,
    /// Resumes with what it made up.
    WrongResume,
}

/// Which subprotocol an upgrade selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Bin,
    Json,
    /// Now this one, now that.
    Alternating,
    Plain,
}
