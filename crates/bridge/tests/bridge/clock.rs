//! The tests' only clock.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the file those rules point to"
)]

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in s since the Unix epoch.
pub(crate) fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
