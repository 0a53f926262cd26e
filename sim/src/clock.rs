//! The one place that reads the real clock: how fast the simulation runs.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the clock; everything else runs in virtual time"
)]

use std::time::{Duration, Instant};

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
