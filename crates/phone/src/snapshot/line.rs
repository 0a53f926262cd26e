//! How the line of a call that was up is doing: healthy, weak, gone and coming back, back.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use ts_rs::TS;

/// The health of a line that is, or was, up.
///
/// What counts down here is as it was when the snapshot was made, and a snapshot is not published
/// for it alone more than twice a second: a surface counts on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "health", rename_all = "snake_case")]
pub enum Line {
    /// The far end was heard within the last 2 s.
    Good {
        /// Round trip of the last ping, in ms, once one was answered.
        round_trip_ms: Option<u32>,
    },
    /// Nothing came for 2 s or more: shown as a weak connection.
    Unstable,
    /// The connection is gone and is being made again; the call goes on.
    Reconnecting {
        /// Why it went, or why the last attempt failed.
        cause: DropCause,
        /// Which attempt is under way or comes next; from 1.
        attempt: u32,
        /// What is being done or waited for.
        step: ReconnectStep,
        /// The caller's speech that is kept and will be sent, in ms.
        held_ms: u32,
        /// The caller's speech that is lost because more was said than can be kept, in ms.
        overflow_ms: u32,
        /// Until the call ends because the connection did not come back, in ms.
        gives_up_in_ms: u32,
    },
    /// The connection is back; what was said meanwhile is being sent, faster than it was spoken.
    CatchingUp {
        /// What is still to be sent, in ms of speech; grows by what is said meanwhile.
        left_ms: u32,
        /// What was held when the connection came back, in ms of speech.
        total_ms: u32,
    },
    /// All is as before; shown for the first 2 s of it.
    Resumed {
        /// What the loss of the connection cost.
        lost: Lost,
    },
}

impl Line {
    /// The same with everything that counts set to nothing: two lines that differ only in that are
    /// no news to each other.
    #[must_use]
    pub fn without_counters(mut self) -> Self {
        match &mut self {
            Self::Reconnecting {
                step,
                held_ms,
                overflow_ms,
                gives_up_in_ms,
                ..
            } => {
                (*held_ms, *overflow_ms, *gives_up_in_ms) = (0, 0, 0);
                if let ReconnectStep::Waiting { retry_in_ms }
                | ReconnectStep::Pausing { retry_in_ms } = step
                {
                    *retry_in_ms = 0;
                }
            }
            Self::CatchingUp { left_ms, .. } => *left_ms = 0,
            Self::Good { .. } | Self::Unstable | Self::Resumed { .. } => {}
        }
        self
    }
}

/// What is being done about a connection that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "doing", rename_all = "snake_case")]
pub enum ReconnectStep {
    /// The next attempt has its time.
    Waiting {
        /// Until then, in ms.
        retry_in_ms: u32,
    },
    /// An attempt is under way.
    Connecting,
    /// There is no network: the next attempt is made once there is one.
    Offline,
    /// The connection came back and was lost again several times: a longer wait before the next
    /// attempt.
    Pausing {
        /// Until the next attempt, in ms.
        retry_in_ms: u32,
    },
}

/// Why a connection went, or why it could not be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum DropCause {
    /// It broke, nobody said why.
    ConnectionLost,
    /// Nothing came for 6 s.
    Silent,
    /// This computer has no network.
    NetworkDown,
    /// This computer's network is another one now.
    NetworkChanged,
    /// This computer was asleep.
    WokeUp,
    /// The server is being restarted and said so.
    ServerRestarting,
    /// The server has no room and said so.
    ServerBusy,
    /// The server ended it because of a fault of its own.
    ServerFault,
    /// The server accepts connections and ends them at once.
    ServerUnstable,
    /// The token expired before a new one came.
    TokenExpired,
    /// No new token could be had.
    TokenService,
    /// The user has to sign in again.
    SignedOut,
    /// The server does not answer.
    Unreachable,
}

/// What never arrived because the connection was gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Lost {
    /// Speech of the caller that the agent did not get, in ms.
    pub caller_ms: u32,
    /// Speech of the agent that the caller did not get, in ms.
    pub agent_ms: u32,
    /// Whether an answer of the agent broke off; how much more there was of it nobody knows.
    pub answer: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reconnecting(step: ReconnectStep, held_ms: u32, gives_up_in_ms: u32) -> Line {
        Line::Reconnecting {
            cause: DropCause::NetworkChanged,
            attempt: 2,
            step,
            held_ms,
            overflow_ms: held_ms / 10,
            gives_up_in_ms,
        }
    }

    #[test]
    fn what_counts_is_no_change() {
        let waiting = |retry_in_ms| ReconnectStep::Waiting { retry_in_ms };
        let pausing = |retry_in_ms| ReconnectStep::Pausing { retry_in_ms };
        for (one, other) in [
            (
                reconnecting(waiting(4000), 4200, 100_000),
                reconnecting(waiting(3980), 4220, 99_980),
            ),
            (
                reconnecting(pausing(30_000), 0, 100_000),
                reconnecting(pausing(29_980), 20, 99_980),
            ),
            (
                Line::CatchingUp {
                    left_ms: 4200,
                    total_ms: 4200,
                },
                Line::CatchingUp {
                    left_ms: 4040,
                    total_ms: 4200,
                },
            ),
        ] {
            assert_ne!(one, other);
            assert_eq!(one.without_counters(), other.without_counters());
        }
    }

    #[test]
    fn another_step_cause_or_loss_is_a_change() {
        let waiting = reconnecting(ReconnectStep::Waiting { retry_in_ms: 0 }, 0, 0);
        let pausing = reconnecting(ReconnectStep::Pausing { retry_in_ms: 0 }, 0, 0);
        assert_ne!(waiting.without_counters(), pausing.without_counters());
        let resumed = |agent_ms| Line::Resumed {
            lost: Lost {
                agent_ms,
                ..Lost::default()
            },
        };
        assert_ne!(
            resumed(0).without_counters(),
            resumed(20).without_counters()
        );
    }
}
