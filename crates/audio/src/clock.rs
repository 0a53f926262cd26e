//! The real clock, the only one in this crate.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the clock; everything else gets the time as an argument"
)]

use std::time::{Duration, Instant};

/// Monotonic time since it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that shows zero.
    pub(crate) fn start() -> Clock {
        Clock {
            start: Instant::now(),
        }
    }

    /// The time since [`Clock::start`].
    pub(crate) fn now(self) -> Duration {
        self.start.elapsed()
    }
}
