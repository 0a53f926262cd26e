//! The one place that reads the clock.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the clock; everything else takes durations"
)]

use std::time::{Duration, Instant};

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Writes a duration as people say it: `41 s`, `3 min 20 s`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, 0) => format!("{} ms", duration.as_millis()),
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spoken_in_the_unit_people_use() {
        assert_eq!(spoken(Duration::from_millis(340)), "340 ms");
        assert_eq!(spoken(Duration::from_millis(41_900)), "41 s");
        assert_eq!(spoken(Duration::from_secs(200)), "3 min 20 s");
    }
}
