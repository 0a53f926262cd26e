//! The crate's only clock; everything else is told the time.
#![allow(clippy::disallowed_methods)] // This is the file those rules point to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use offhook_proto::Time;
use tokio::time::{Instant, sleep_until};

/// A monotonic clock for machines, and the wall clock for tokens.
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

    /// Now, since the start.
    pub(crate) fn now(self) -> Time {
        Time::from_start(self.start.elapsed())
    }

    /// Milliseconds since the Unix epoch; 0 where the system's clock is set before it.
    pub(crate) fn unix_ms(self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
    }

    /// The same in s, with what is left of the second.
    pub(crate) fn unix_s(self) -> f64 {
        Duration::from_millis(self.unix_ms()).as_secs_f64()
    }

    /// When the wall clock will show so many s since the Unix epoch, if nobody sets it; now, where
    /// it has already.
    pub(crate) fn at_unix(self, seconds: u64) -> Time {
        let left = seconds.saturating_mul(1000).saturating_sub(self.unix_ms());
        self.now() + Duration::from_millis(left)
    }

    /// Ready at `time`; never, where there is none.
    pub(crate) async fn wait(self, time: Option<Time>) {
        match time {
            Some(time) => sleep_until(self.start + time.since_start()).await,
            None => std::future::pending().await,
        }
    }
}
