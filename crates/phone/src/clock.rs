//! The one place that asks what time it is.
#![allow(clippy::disallowed_methods)]

use std::time::{SystemTime, UNIX_EPOCH};

use offhook_client::proto::Time;
use tokio::time::Instant;

/// The machine's clock, as durations since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Time {
        Time::from_start(self.start.elapsed())
    }

    pub(crate) async fn sleep_until(self, time: Time) {
        tokio::time::sleep_until(self.start + time.since_start()).await;
    }
}

/// The time of day, in s since the Unix epoch.
pub(crate) fn unix_s() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    })
}
