//! The one place that asks what time it is, and that waits for a while.
#![allow(clippy::disallowed_methods, reason = "it owns the clock")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day in ms since the Unix epoch: what is kept is compared with it by other processes,
/// and after the machine has slept.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Waits: between two looks at a lock that somebody else has, between two tries.
pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}
