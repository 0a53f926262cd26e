//! The one place that asks what time it is: a clock that counts on while the machine sleeps, and a
//! watch that tells when it slept or when somebody set the time of day.
#![allow(clippy::disallowed_methods, reason = "it owns the clock")]

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use offhook_proto::Time;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Timers stand still while the machine sleeps: how often a long wait looks at the clock, and so
/// how late it may come back after waking.
const LOOK: Duration = Duration::from_secs(1);
/// What counts as sleep. Clocks that are read one after the other differ by far less.
const SLEPT: Duration = Duration::from_secs(1);
/// Where no clock stands still in sleep: the longest that a busy machine keeps a look waiting.
const LATE: Duration = Duration::from_secs(5);
/// A wall clock that is slewed to the right time never moves by this between two looks.
const WALL_CLOCK_JUMP: Duration = Duration::from_secs(2);

/// The machine's clock, as durations since it was started. Sleep counts as time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Since boot.
    start: Duration,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: since_boot(),
        }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_start(since_boot().saturating_sub(self.start))
    }

    /// Comes back at `time`, or within a second of waking where that passed in sleep; at once if it
    /// has passed already. May be dropped at any point.
    pub async fn sleep_until(&self, time: Time) {
        loop {
            let left = time.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }

    /// A seed for identifiers that differs from call to call. Not a secret.
    #[must_use]
    pub fn seed() -> u64 {
        // The low bits are the ones that differ.
        time_of_day().as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(32)
    }
}

/// Something happened to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// The machine slept for this long and woke up.
    Slept(Duration),
    /// Somebody set the time of day, by more than 2 s. Timers are not touched by it, but what is
    /// compared with times of day is.
    WallClockJumped,
}

/// Watches the clocks.
pub struct ClockWatch {
    looks: Interval,
    seen: Seen,
    read: Box<dyn FnMut() -> Reading + Send>,
}

impl ClockWatch {
    /// A watch that starts now. Must be called within a tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        Self::reading(Reading::now)
    }

    fn reading(mut read: impl FnMut() -> Reading + Send + 'static) -> Self {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            looks,
            seen: Seen::new(read()),
            read: Box::new(read),
        }
    }

    /// Waits for the next change; it is told within a second of waking. May be dropped and called
    /// again at any point without loss.
    pub async fn next_change(&mut self) -> ClockChange {
        loop {
            self.looks.tick().await;
            if let Some(change) = self.seen.look((self.read)()) {
                tracing::info!(?change, "the clock");
                return change;
            }
        }
    }
}

impl fmt::Debug for ClockWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockWatch").finish_non_exhaustive()
    }
}

/// All clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Since boot, sleep included.
    boot: Duration,
    /// Since boot or any other start, without sleep; none where the system has no such clock.
    awake: Option<Duration>,
    /// Since the Unix epoch, as the system believes.
    wall: Duration,
}

impl Reading {
    fn now() -> Self {
        loop {
            let boot = since_boot();
            let reading = Self {
                boot,
                awake: awake(),
                wall: time_of_day(),
            };
            // A process that was stopped between two of the clocks compares nonsense.
            if since_boot().saturating_sub(boot) < SLEPT / 10 {
                return reading;
            }
        }
    }

    fn asleep(&self) -> Option<Duration> {
        self.awake.map(|awake| self.boot.saturating_sub(awake))
    }

    /// How far the time of day is ahead of the time since boot, in ms.
    fn wall_ahead(&self) -> i128 {
        self.wall.as_millis().cast_signed() - self.boot.as_millis().cast_signed()
    }
}

/// What the last look saw.
#[derive(Debug)]
struct Seen {
    boot: Duration,
    /// How long the machine had slept in all.
    asleep: Option<Duration>,
    wall_ahead: i128,
}

impl Seen {
    fn new(reading: Reading) -> Self {
        Self {
            boot: reading.boot,
            asleep: reading.asleep(),
            wall_ahead: reading.wall_ahead(),
        }
    }

    /// Compares `now` with the look before. Where two things happened at once, the next look tells
    /// the second.
    fn look(&mut self, now: Reading) -> Option<ClockChange> {
        let since = now.boot.saturating_sub(self.boot);
        let slept = match (self.asleep, now.asleep()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ if since > LATE => since - LOOK,
            _ => Duration::ZERO,
        };
        self.boot = now.boot;
        self.asleep = now.asleep();
        if slept > SLEPT {
            return Some(ClockChange::Slept(slept));
        }
        let jump = now.wall_ahead() - self.wall_ahead;
        self.wall_ahead = now.wall_ahead();
        (jump.unsigned_abs() > WALL_CLOCK_JUMP.as_millis()).then_some(ClockChange::WallClockJumped)
    }
}

/// The time since boot, sleep included.
#[cfg(unix)]
fn since_boot() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    // Apple's monotonic clock counts sleep, Linux has another one for that.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let id = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let id = ClockId::Monotonic;
    clock_gettime(id).try_into().unwrap_or(Duration::ZERO)
}

/// The time since the first look. Windows' performance counter, which the standard library reads,
/// counts sleep.
#[cfg(not(unix))]
fn since_boot() -> Duration {
    since_first_look()
}

/// The time spent awake. On Linux and Apple's systems the standard library's clock stands still in
/// sleep.
#[cfg(unix)]
fn awake() -> Option<Duration> {
    Some(since_first_look())
}

/// Windows lets nobody read its clock without sleep but through `unsafe`.
#[cfg(not(unix))]
fn awake() -> Option<Duration> {
    None
}

fn since_first_look() -> Duration {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// The time of day, since the Unix epoch.
pub(crate) fn time_of_day() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
