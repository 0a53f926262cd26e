//! How often is dialled, and how long is waited for it.

use std::collections::VecDeque;

use super::{Invariant, Verdict, violated};
use crate::time::{S, Us, spoken};

const BUDGET: usize = 20;
const PERIOD: Us = 60 * S;
const SHORT: Us = 5 * S;
const SHORTS: u32 = 3;
const PAUSE: Us = 30 * S;
/// The longest backoff in a call.
const CEILING: Us = 5 * S;

/// The dials of one call.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    /// The last twenty.
    times: VecDeque<Us>,
    pub(crate) count: u32,
    shorts: u32,
    /// No dial before.
    pause_until: Us,
    /// Until when a server's word allows to wait.
    hinted_until: Us,
}

impl Dials {
    /// One is made. `asked_for`: the caller does not want to wait.
    pub(crate) fn dial(&mut self, now: Us, asked_for: bool) -> Verdict {
        self.count += 1;
        if let Some(oldest) = self.times.front().filter(|_| self.times.len() == BUDGET)
            && now < oldest + PERIOD
        {
            let detail = format!("21 dials between {} and {}", spoken(*oldest), spoken(now));
            return violated(Invariant::Dials, detail);
        }
        if self.times.len() == BUDGET {
            self.times.pop_front();
        }
        self.times.push_back(now);
        if now < self.pause_until && !asked_for {
            let detail = format!(
                "a dial at {}, though {} connections lived under 5 s and it should pause until {}",
                spoken(now),
                self.shorts,
                spoken(self.pause_until)
            );
            return violated(Invariant::Dials, detail);
        }
        Ok(())
    }

    /// A connection is gone that lived for so long.
    pub(crate) fn gone(&mut self, now: Us, lived: Us) {
        if lived < SHORT {
            self.shorts += 1;
        } else {
            self.shorts = 0;
            self.pause_until = 0;
        }
        if self.shorts >= SHORTS {
            self.pause_until = now + PAUSE;
        }
    }

    /// A server said how long to wait.
    pub(crate) fn hint(&mut self, now: Us, wait: Us) {
        self.hinted_until = self.hinted_until.max(now + wait + wait.clamp(S, CEILING));
    }

    /// The next dial is to be then.
    pub(crate) fn waits(&self, now: Us, until: Us) -> Verdict {
        let budget = match self.times.front() {
            Some(oldest) if self.times.len() == BUDGET => oldest + PERIOD,
            _ => 0,
        };
        // As long as no connection has lived, each attempt that fails is followed by a pause.
        let pause = if self.shorts >= SHORTS {
            now + PAUSE
        } else {
            0
        };
        // A second for timers that come late.
        let longest = [now + CEILING, self.hinted_until, pause + S, budget];
        if longest.iter().any(|longest| until <= *longest) {
            return Ok(());
        }
        let detail = format!(
            "at {} the next dial is only at {}",
            spoken(now),
            spoken(until)
        );
        violated(Invariant::Dials, detail)
    }

    /// By when a client that can dial has dialled.
    pub(crate) fn latest(&self, now: Us) -> Us {
        let budget = match self.times.front() {
            Some(oldest) if self.times.len() == BUDGET => oldest + PERIOD,
            _ => 0,
        };
        let pause = if self.shorts >= SHORTS {
            now + PAUSE
        } else {
            0
        };
        (now + CEILING)
            .max(self.hinted_until)
            .max(pause)
            .max(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twenty_first_dial_in_a_minute_is_found() {
        let mut dials = Dials::default();
        for n in 0..20 {
            assert_eq!(dials.dial(n * S, false), Ok(()));
        }
        assert_eq!(dials.waits(20 * S, 60 * S), Ok(()));
        assert!(dials.dial(59 * S, false).is_err());
        let mut dials = Dials::default();
        for n in 0..100 {
            assert_eq!(dials.dial(n * 3 * S, false), Ok(()));
        }
    }

    #[test]
    fn a_dial_in_the_pause_is_found_unless_the_caller_wants_it() {
        let mut dials = Dials::default();
        for _ in 0..3 {
            dials.gone(10 * S, S);
        }
        assert_eq!(dials.waits(10 * S, 40 * S), Ok(()));
        assert!(dials.dial(39 * S, false).is_err());
        assert_eq!(dials.dial(39 * S, true), Ok(()));
        assert_eq!(dials.dial(40 * S, false), Ok(()));
        dials.gone(60 * S, 6 * S);
        assert_eq!(dials.dial(60 * S, false), Ok(()));
    }

    #[test]
    fn a_wait_beyond_the_ceiling_is_found_unless_it_was_asked_for() {
        let mut dials = Dials::default();
        assert_eq!(dials.waits(S, 6 * S), Ok(()));
        assert!(dials.waits(S, 7 * S).is_err());
        dials.hint(S, 20 * S);
        assert_eq!(dials.waits(S, 26 * S), Ok(()));
        assert!(dials.waits(S, 27 * S).is_err());
    }
}
