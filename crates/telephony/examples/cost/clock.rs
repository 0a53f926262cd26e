//! The example's only clock.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the clock; everything else gets the time as an argument"
)]

use std::time::{Duration, Instant};

/// How long something takes.
pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
