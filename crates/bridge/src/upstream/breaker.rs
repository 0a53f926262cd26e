//! An upstream that fails again and again is left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use offhook_proto::Time;

/// So many failures without a success between them,
const FAILURES: u32 = 5;
/// and nobody is let in for so long. Then one more failure is enough.
const PAUSE: Duration = Duration::from_secs(30);

/// How an upstream has done lately, over all sessions.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    failures: u32,
    closed_until: Option<Time>,
}

impl Breaker {
    /// A session came up.
    pub(crate) fn came_up(&self) {
        *self.lock() = Lately::default();
    }

    /// One did not, or not again.
    pub(crate) fn failed(&self, now: Time) {
        let mut lately = self.lock();
        lately.failures = lately.failures.saturating_add(1);
        let is_closed = lately.closed_until.is_some_and(|until| until > now);
        if lately.failures >= FAILURES && !is_closed {
            lately.closed_until = Some(now + PAUSE);
        }
    }

    /// How long callers should wait before they try; not at all if none.
    pub(crate) fn pause(&self, now: Time) -> Option<Duration> {
        let until = self.lock().closed_until?;
        (until > now).then(|| until - now)
    }

    fn lock(&self) -> MutexGuard<'_, Lately> {
        // Nothing under this lock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_again_at_the_next() {
        let breaker = Breaker::default();
        for _ in 1..FAILURES {
            breaker.failed(at(1));
        }
        assert_eq!(breaker.pause(at(1)), None);
        breaker.came_up();
        for second in 1..=u64::from(FAILURES) {
            breaker.failed(at(second));
        }
        assert_eq!(breaker.pause(at(6)), Some(Duration::from_secs(29)));
        assert_eq!(breaker.pause(at(35)), None, "the next one may try");
        breaker.failed(at(36));
        assert_eq!(breaker.pause(at(36)), Some(PAUSE));
        breaker.came_up();
        assert_eq!(breaker.pause(at(36)), None);
    }
}
