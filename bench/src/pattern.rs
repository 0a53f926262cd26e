//! When the naive client of the pattern dials again: what most hand-written ones do.

use std::time::Duration;

use crate::random::Random;

/// The first wait; it doubles from try to try,
const BASE: Duration = Duration::from_secs(1);
/// but for the jitter no longer than this.
const CAP: Duration = Duration::from_secs(30);
/// What the jitter takes off or adds, as a part of the wait.
const JITTER: f64 = 0.2;
/// When a fresh token is fetched, whatever happens meanwhile.
pub(crate) const REFRESH: Duration = Duration::from_secs(14 * 60);

/// The waits of one client.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempt: u32,
    random: Random,
}

impl Backoff {
    pub(crate) const fn new(random: Random) -> Self {
        Self { attempt: 0, random }
    }

    /// A connection is open: all is forgotten.
    pub(crate) const fn opened(&mut self) {
        self.attempt = 0;
    }

    /// How long to wait before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = BASE.saturating_mul(1 << self.attempt.min(10)).min(CAP);
        self.attempt += 1;
        wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.random.part())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_begin_anew_on_open() {
        let mut backoff = Backoff::new(Random::seeded(1));
        for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let wait = backoff.next().as_secs_f64();
            assert!((expected * 0.8..=expected * 1.2).contains(&wait), "{wait}");
        }
        backoff.opened();
        assert!(backoff.next() <= Duration::from_millis(1200));
    }
}
