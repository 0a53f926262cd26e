//! The generator behind everything that is left to chance: the same seed, the same call.

use crate::time::Us;

/// SplitMix64, as `offhook-proto` has it: passes the usual tests, and any seed is a good one.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A generator of its own, so that what one part draws does not change what another gets.
    pub(crate) const fn fork(&mut self) -> Self {
        Self(self.bits())
    }

    /// A number below `end`, which is not 0.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// A number from `low` to `high`, both included.
    pub(crate) const fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A time from `low` to `high`; short ones are as likely as long ones ten times their length.
    pub(crate) fn spread(&mut self, low: Us, high: Us) -> Us {
        let (low, high) = (low.max(1), high.max(2));
        let doublings = (high / low).max(1).ilog2();
        let octave = low << self.below(u64::from(doublings) + 1);
        self.within(octave, (octave * 2).min(high).max(octave))
    }

    /// True so many times in a thousand.
    pub(crate) const fn per_mille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len() as u64);
        of[usize::try_from(index).expect("an index into a slice fits")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_bounds_are_kept() {
        let mut random = Random::seeded(7);
        let mut again = Random::seeded(7);
        for _ in 0..1000 {
            let drawn = random.spread(10, 10_000);
            assert!((10..=10_000).contains(&drawn), "{drawn}");
            assert_eq!(drawn, again.spread(10, 10_000));
        }
        let drawn: Vec<u64> = (0..200).map(|_| random.within(3, 5)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&5));
    }
}
