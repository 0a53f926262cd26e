//! When to dial again: by cause, with full jitter, within a budget.
//!
//! Full jitter after "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). What keeps ten
//! thousand clients from arriving together is the width of the first wait.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::Cause;
use crate::Time;
use crate::random::Random;

const BASE: Duration = Duration::from_millis(500);
/// The longest backoff, jitter included.
const CAP: Duration = Duration::from_secs(5);
/// The first wait after a drop, at most, where the server does not say otherwise.
const LONE: Duration = Duration::from_millis(250);
/// A server does not make its clients wait for longer than this.
const LONGEST_SPREAD: Duration = Duration::from_secs(10);
/// The wait where many clients are likely to have been dropped at once.
const MASS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// Without a network it is looked for one this often: not every network is seen.
const OFFLINE: Duration = Duration::from_secs(5);
/// Never more dials than this
const BUDGET: usize = 20;
/// in any such time.
const PERIOD: Duration = Duration::from_secs(60);
/// A connection that lived for less counts as one that was ended at once;
const SHORT: Duration = Duration::from_secs(5);
/// after so many in a row
const SHORTS: u32 = 3;
/// it is waited for so long.
const PAUSE: Duration = Duration::from_secs(30);
/// A line that was up for so long is well: the next wait is a first one again.
pub(super) const WELL: Duration = Duration::from_secs(10);

/// How long to wait before the next attempt, as far as the cause tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// By the cause and by how often it was tried.
    ByCause,
    /// Not at all.
    AtOnce,
    /// As long as the server said to this client.
    Hint(Duration),
    /// As long as the server says to everybody.
    SharedHint(Duration),
}

/// When to dial next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) at: Time,
    pub(super) why: Why,
}

/// What the wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Backoff,
    Breaker,
    Offline,
}

/// What happened so far, as far as it bears on the next dial.
#[derive(Debug)]
pub(super) struct Policy {
    random: Random,
    /// Attempts since the line was last well.
    attempts: u32,
    shorts: u32,
    dials: VecDeque<Time>,
    online: bool,
    /// The first wait after a drop of this client's alone, at most: what the server says.
    lone: Duration,
}

impl Policy {
    pub(super) const fn new(random: Random) -> Self {
        Self {
            random,
            attempts: 0,
            shorts: 0,
            dials: VecDeque::new(),
            online: true,
            lone: LONE,
        }
    }

    pub(super) const fn set_online(&mut self, online: bool) {
        self.online = online;
    }

    /// The server has so many clients that they should come back spread over this.
    pub(super) fn set_spread(&mut self, spread: Duration) {
        self.lone = spread.min(LONGEST_SPREAD);
    }

    /// An attempt to bring the line back is made.
    pub(super) const fn attempted(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// A connection is dialled now.
    pub(super) fn dialled(&mut self, now: Time) {
        if self.dials.len() == BUDGET {
            self.dials.pop_front();
        }
        self.dials.push_back(now);
    }

    /// A connection ended that lived for `lived`; as an open session for `up`.
    pub(super) fn ended(&mut self, lived: Duration, up: Duration) {
        if lived < SHORT {
            self.shorts = self.shorts.saturating_add(1);
        } else {
            self.shorts = 0;
        }
        if up >= WELL {
            self.attempts = 0;
        }
    }

    /// Whether connections are ended as soon as they are made.
    pub(super) const fn is_flapping(&self) -> bool {
        self.shorts >= SHORTS
    }

    /// When to dial after something went wrong now.
    pub(super) fn next(&mut self, now: Time, cause: Cause, wait: Wait) -> Next {
        let wait = self.wait(cause, wait);
        let mut next = Next {
            at: now + wait,
            why: Why::Backoff,
        };
        if !self.online && self.attempts > 0 {
            next.why = Why::Offline;
            next.at = next.at.max(now + OFFLINE);
        }
        if self.is_flapping() {
            next.why = Why::Breaker;
            next.at = next.at.max(now + PAUSE);
        }
        next.at = next.at.max(self.allowed_at());
        next
    }

    /// The earliest time at which the budget allows a dial.
    pub(super) fn allowed_at(&self) -> Time {
        match self.dials.front() {
            Some(oldest) if self.dials.len() == BUDGET => *oldest + PERIOD,
            _ => Time::ZERO,
        }
    }

    /// The wait before something is tried again that is no dial: full jitter after so many tries.
    pub(super) fn backoff(&mut self, tries: u32) -> Duration {
        let ceiling = BASE.saturating_mul(1 << tries.min(10)).min(CAP);
        self.random.between(Duration::ZERO, ceiling)
    }

    fn wait(&mut self, cause: Cause, wait: Wait) -> Duration {
        let mass = |random: &mut Random| random.between(MASS.0, MASS.1);
        match wait {
            Wait::AtOnce => Duration::ZERO,
            Wait::Hint(hint) => hint,
            // Everybody was told the same: spread what comes after it.
            Wait::SharedHint(hint) => {
                let spread = hint.clamp(MASS.0, MASS.1);
                hint.saturating_add(self.random.between(Duration::ZERO, spread))
            }
            Wait::ByCause => match (cause, self.attempts) {
                (Cause::Unreachable | Cause::ServerBusy, _) => mass(&mut self.random),
                (Cause::ServerRestarting, 0) => mass(&mut self.random),
                (Cause::NetworkChanged | Cause::Slept | Cause::TokenExpired, 0) => Duration::ZERO,
                (Cause::ServerFault | Cause::TokenService | Cause::SignedOut, tries) => {
                    self.backoff(tries)
                }
                (_, 0) => self.random.between(Duration::ZERO, self.lone),
                (_, tries) => self.backoff(tries),
            },
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
