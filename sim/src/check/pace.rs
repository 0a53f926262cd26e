//! How often machines run without getting anywhere, and how fast the client sends.

use super::{Invariant, Verdict, violated};
use crate::time::{MS, PER_MS, S, Us, spoken};

/// Ticks that a machine may want at one time.
const AT_ONCE: u32 = 4;
/// Ticks in a second: at eight times real time there is a frame of 20 ms every 2.5 ms.
const IN_A_SECOND: u32 = 1500;
/// Audio in a second: eight times real time, live audio beside it, and a frame or two.
const AUDIO: u64 = (8_000 + 1_000 + 400) * PER_MS;

/// The ticks of one machine.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    last: Us,
    at_once: u32,
    second: Us,
    in_second: u32,
}

impl Ticks {
    pub(crate) fn tick(&mut self, now: Us, machine: &str, why: &str) -> Verdict {
        self.at_once = if now == self.last {
            self.at_once + 1
        } else {
            1
        };
        self.last = now;
        if now / S == self.second {
            self.in_second += 1;
        } else {
            self.second = now / S;
            self.in_second = 1;
        }
        if self.at_once > AT_ONCE || self.in_second > IN_A_SECOND {
            let detail = format!(
                "the {machine} wants {} ticks at {} and {} in that second, for {why}",
                self.at_once,
                spoken(now),
                self.in_second
            );
            return violated(Invariant::Spinning, detail);
        }
        Ok(())
    }
}

/// The audio that one connection carries.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// The second before now, in slices.
    slices: [u64; 10],
    slice: Us,
}

const SLICE: Us = 100 * MS;

impl Flow {
    /// So many samples are sent.
    pub(crate) fn sent(&mut self, now: Us, samples: u64) -> Verdict {
        let slice = now / SLICE;
        let count = self.slices.len() as u64;
        for passed in (self.slice + 1..=slice).take(self.slices.len()) {
            let place = usize::try_from(passed % count).expect("it is below ten");
            self.slices[place] = 0;
        }
        self.slice = slice;
        let place = usize::try_from(slice % count).expect("it is below ten");
        self.slices[place] += samples;
        let sum: u64 = self.slices.iter().sum();
        if sum > AUDIO {
            let detail = format!("{} ms of audio are sent in a second", sum / PER_MS);
            return violated(Invariant::Wire, detail);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_wants_the_same_time_again_and_again_is_found() {
        let mut ticks = Ticks::default();
        for _ in 0..AT_ONCE {
            assert_eq!(ticks.tick(7, "client", "x"), Ok(()));
        }
        assert!(ticks.tick(7, "client", "x").is_err());
        let mut ticks = Ticks::default();
        let spins = (0..2000).any(|n| ticks.tick(S + n * 400, "client", "x").is_err());
        assert!(spins, "2000 ticks in 0.8 s");
    }

    #[test]
    fn more_than_eight_times_real_time_is_found() {
        let flow = |ms_between: u64| {
            let mut flow = Flow::default();
            (0..2000).any(|n| flow.sent(n * ms_between * 100, 480).is_err())
        };
        assert!(!flow(25), "20 ms every 2.5 ms");
        assert!(flow(20), "20 ms every 2 ms");
    }
}
