//! Virtual time: microseconds since the call was wanted, and what a machine's own clock shows then.

use std::time::Duration;

use offhook_proto::Time;

/// A point or a span in virtual time, in µs.
pub(crate) type Us = u64;

pub(crate) const MS: Us = 1_000;
pub(crate) const S: Us = 1_000_000;
pub(crate) const MINUTE: Us = 60 * S;
pub(crate) const HOUR: Us = 60 * MINUTE;

/// 24 kHz: samples in a millisecond.
pub(crate) const PER_MS: u64 = 24;

/// How long so many samples last, in µs.
pub(crate) const fn length(samples: u64) -> Us {
    samples * 1000 / PER_MS
}

pub(crate) fn micros(duration: Duration) -> Us {
    Us::try_from(duration.as_micros()).unwrap_or(Us::MAX)
}

pub(crate) const fn duration(us: Us) -> Duration {
    Duration::from_micros(us)
}

/// One machine's monotonic clock: it began to count some time before the call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) started_before: Us,
}

impl Clock {
    pub(crate) const fn at(self, now: Us) -> Time {
        Time::from_start(Duration::from_micros(self.started_before + now))
    }

    /// When this clock shows `time`, rounded up.
    pub(crate) fn when(self, time: Time) -> Us {
        let nanos = time.since_start().as_nanos();
        let us = Us::try_from(nanos.div_ceil(1000)).unwrap_or(Us::MAX);
        us.saturating_sub(self.started_before)
    }
}

/// Says a time as people read it: `12.345678`.
pub(crate) fn spoken(us: Us) -> String {
    format!("{}.{:06}", us / S, us % S)
}
