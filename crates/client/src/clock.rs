//! The one place that asks what time it is.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use offhook_proto::Time;
use tokio::time::Instant;

/// The machine's clock, as durations since it was started.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_start(self.start.elapsed())
    }

    /// Comes back at `time`; at once if that has passed.
    pub async fn sleep_until(&self, time: Time) {
        tokio::time::sleep_until(self.start + time.since_start()).await;
    }

    /// A seed for identifiers that differs from call to call. Not a secret.
    #[must_use]
    pub fn seed() -> u64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_nanos();
        // The low bits are the ones that differ.
        since_epoch as u64 ^ u64::from(std::process::id()).rotate_left(32)
    }
}
