//! The one place that reads the clock: waiting for a condition until a deadline.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the clock; tests wait for conditions through it"
)]

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

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
