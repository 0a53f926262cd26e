//! The generator behind identifiers and jitter: the same seed, the same numbers.

use core::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A duration between `from` and `to`, in whole microseconds, each as likely as any other.
    pub(crate) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from(to.saturating_sub(from).as_micros()).unwrap_or(u64::MAX);
        // Biased by at most 2^-24 for spans under 30 h, which no jitter minds.
        from + Duration::from_micros(self.bits() % span.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_stay_within_their_bounds_and_reach_them() {
        let mut random = Random::seeded(7);
        let (from, to) = (Duration::from_micros(3), Duration::from_micros(6));
        let drawn: alloc::vec::Vec<_> = (0..100).map(|_| random.between(from, to)).collect();
        assert_eq!(drawn.iter().min(), Some(&from));
        assert_eq!(drawn.iter().max(), Some(&to));
        assert_eq!(random.between(to, from), to);
    }
}
