//! The one place that reads the clock: waiting for a condition until a deadline, stamping what
//! happens, and doing things at the pace of real time.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the clock; tests wait for conditions through it"
)]

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(5);

/// A moment after which waiting is a failure.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `limit` from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The time left, zero once it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Ready when this much time has passed since the start; for what delays things on purpose.
    /// Must be called within a tokio runtime.
    pub async fn shows(self, time: Duration) {
        tokio::time::sleep_until((self.0 + time).into()).await;
    }
}

/// A moment on the one clock that all processes of this machine share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp {
    /// Since the machine came up.
    micros: u64,
}

impl Stamp {
    /// Before everything.
    pub const BEGINNING: Self = Self { micros: 0 };

    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        // Every Unix has this clock; without it all moments are the same.
        let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
        Self {
            micros: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// How long after `earlier` this was; nothing if it was before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }
}

/// Does something again and again at the pace of real time.
#[derive(Debug)]
pub struct Pacer {
    due: Instant,
    period: Duration,
}

/// Whoever is later than this was stopped, and does not make up for what was not done meanwhile.
const STOPPED: Duration = Duration::from_millis(500);

impl Pacer {
    /// Every `period` from now on.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        Self {
            due: Instant::now() + period,
            period,
        }
    }

    /// Waits for the next time. May be dropped and called again at any point without loss.
    pub async fn tick(&mut self) {
        tokio::time::sleep_until(self.due.into()).await;
        self.due += self.period;
        let now = Instant::now();
        if now > self.due + STOPPED {
            self.due = now + self.period;
        }
    }
}

/// Lets a fault last for `period`: the one thing that is not waited for but just takes its time.
pub fn lasts(period: Duration) {
    thread::sleep(period);
}

/// Looks at a condition until it yields something, for `limit` at most.
///
/// # Errors
/// When the time is over; the error names `what` was waited for.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(found) = condition() {
            return Ok(found);
        }
        if deadline.left().is_zero() {
            bail!("waited {limit:?} in vain for {what}");
        }
        thread::sleep(PACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_condition() {
        let mut looks = 0;
        let found = wait_until("the third look", Duration::from_secs(10), || {
            looks += 1;
            (looks == 3).then_some("here")
        });
        assert_eq!(found.unwrap(), "here");
    }

    #[test]
    fn waiting_in_vain_says_for_what() {
        let error = wait_until("a miracle", Duration::ZERO, || None::<()>).unwrap_err();
        assert!(error.to_string().contains("a miracle"), "{error}");
    }
}
