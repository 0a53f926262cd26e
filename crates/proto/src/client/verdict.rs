//! What a closed connection or a failed attempt means for the call: over, or to be tried again.

use core::time::Duration;

use super::policy::Wait;
use super::{Cause, End, Failure, Step};
use crate::wire::ErrorDetail;
use crate::{Close, Protocol, Time};

/// What comes of a connection that is gone, or of an attempt that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Trying again would not help.
    Over(End),
    /// Try again.
    Again {
        cause: Cause,
        wait: Wait,
        /// Not with the session there was: it cannot be resumed.
        anew: bool,
    },
}

impl Verdict {
    pub(super) const fn again(cause: Cause, wait: Wait) -> Self {
        Self::Again {
            cause,
            wait,
            anew: false,
        }
    }
}

/// What may happen once and not twice in a row, until the line was well again.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    unauthorised: bool,
    mismatch: bool,
    too_big: bool,
    bad_sequence: Option<Time>,
}

/// A sequence error is a fault of one end: once a minute is often enough.
const BAD_SEQUENCE_EVERY: Duration = Duration::from_secs(60);

impl Strikes {
    /// The line was well.
    pub(super) const fn forgive(&mut self) {
        self.unauthorised = false;
        self.mismatch = false;
        self.too_big = false;
    }

    /// What a close frame means for a call whose session was open, by the table of the protocol.
    pub(super) fn closed(
        &mut self,
        now: Time,
        close: Close,
        error: Option<ErrorDetail>,
        protocol: Protocol,
    ) -> Verdict {
        let hint = close.hint("retry_after_ms").map(Duration::from_millis);
        let hinted = |cause| {
            let wait = hint.map_or(Wait::ByCause, Wait::Hint);
            Verdict::again(cause, wait)
        };
        match close.code {
            Close::NORMAL => Verdict::Over(End::FarEnd),
            // A plain upstream says this when a session has reached its longest life.
            Close::GOING_AWAY if protocol == Protocol::Plain => Verdict::Again {
                cause: Cause::ServerRestarting,
                wait: Wait::AtOnce,
                anew: true,
            },
            Close::GOING_AWAY | Close::RESTART => hinted(Cause::ServerRestarting),
            Close::OVERLOADED => hinted(Cause::ServerBusy),
            Close::RATE_LIMITED => match hint {
                Some(hint) => Verdict::again(Cause::ServerBusy, Wait::SharedHint(hint)),
                None => Verdict::again(Cause::ServerBusy, Wait::ByCause),
            },
            Close::INTERNAL => hinted(Cause::ServerFault),
            // 1005: a close frame without a code. 1014: a gateway's fault.
            1005 | 1014 => Verdict::again(Cause::Dropped, Wait::ByCause),
            Close::HEARTBEAT_LOST => Verdict::again(Cause::Silent, Wait::ByCause),
            Close::TOKEN_EXPIRED => Verdict::again(Cause::TokenExpired, Wait::AtOnce),
            Close::CANNOT_RESUME => Verdict::Again {
                cause: Cause::ServerFault,
                wait: Wait::AtOnce,
                anew: true,
            },
            Close::BAD_SEQUENCE => {
                let last = self.bad_sequence.replace(now);
                let wait = last.map_or(Duration::ZERO, |last| {
                    BAD_SEQUENCE_EVERY.saturating_sub(now - last)
                });
                Verdict::Again {
                    cause: Cause::ServerFault,
                    wait: Wait::Hint(wait),
                    anew: true,
                }
            }
            Close::TOO_BIG if !core::mem::replace(&mut self.too_big, true) => {
                Verdict::again(Cause::ServerFault, Wait::ByCause)
            }
            Close::UNAUTHORISED if !core::mem::replace(&mut self.unauthorised, true) => {
                Verdict::again(Cause::TokenExpired, Wait::AtOnce)
            }
            Close::MISMATCH if !core::mem::replace(&mut self.mismatch, true) => {
                Verdict::again(Cause::NetworkChanged, Wait::AtOnce)
            }
            Close::SUPERSEDED => Verdict::Over(End::Superseded),
            Close::REVOKED => Verdict::Over(End::Revoked {
                reason: close.reason,
            }),
            _ => Verdict::Over(End::Closed { close, error }),
        }
    }

    /// What a failed attempt to bring back a call means.
    pub(super) fn failed(&mut self, step: Step, failure: Failure) -> Verdict {
        let unreachable = match step {
            Step::Authorising => Cause::TokenService,
            Step::Connecting | Step::Opening => Cause::Unreachable,
        };
        match failure {
            Failure::Refused {
                status,
                retry_after,
                ..
            } => {
                let shared = retry_after.map_or(Wait::ByCause, Wait::SharedHint);
                match status {
                    401 if !core::mem::replace(&mut self.unauthorised, true) => {
                        Verdict::again(Cause::TokenExpired, Wait::AtOnce)
                    }
                    // The token was used before: by an attempt whose answer got lost.
                    409 => Verdict::again(Cause::TokenExpired, Wait::ByCause),
                    408 | 425 => Verdict::again(unreachable, Wait::ByCause),
                    429 => Verdict::again(Cause::ServerBusy, shared),
                    503 => Verdict::again(Cause::ServerBusy, shared),
                    500.. => Verdict::again(unreachable, shared),
                    _ => Verdict::Over(End::Failed(failure)),
                }
            }
            // The user may sign in again before the call gives up.
            Failure::SignedOut => Verdict::again(Cause::SignedOut, Wait::ByCause),
            // Whatever was asked for, it is the server that is not there.
            Failure::HostUnknown | Failure::Unreachable { .. } => {
                Verdict::again(Cause::Unreachable, Wait::ByCause)
            }
            // A hotel's sign-in page answers like this until the user has seen it.
            Failure::Untrusted { .. } | Failure::NotTheProtocol { .. } => {
                Verdict::again(unreachable, Wait::ByCause)
            }
            Failure::NoCredential { .. } => Verdict::again(Cause::TokenService, Wait::ByCause),
        }
    }
}

/// What a failed attempt at a call that never was up means: only a server that says to come back is
/// asked again.
pub(super) fn first_failed(failure: Failure) -> Verdict {
    match failure {
        Failure::Refused {
            status: 429 | 503,
            retry_after,
            ..
        } => {
            let wait = retry_after.map_or(Wait::ByCause, Wait::SharedHint);
            Verdict::again(Cause::ServerBusy, wait)
        }
        failure => Verdict::Over(End::Failed(failure)),
    }
}

/// What a close frame means for a call that never was up.
pub(super) fn first_closed(close: Close, error: Option<ErrorDetail>) -> Verdict {
    let cause = match close.code {
        Close::RESTART => Cause::ServerRestarting,
        Close::OVERLOADED | Close::RATE_LIMITED => Cause::ServerBusy,
        _ => return Verdict::Over(End::Closed { close, error }),
    };
    let hint = close.hint("retry_after_ms").map(Duration::from_millis);
    Verdict::again(cause, hint.map_or(Wait::ByCause, Wait::Hint))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
