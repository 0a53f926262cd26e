//! Bytes as a source of choices.

use std::time::Duration;

/// What is left of some bytes; zeroes after their end.
#[derive(Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte, if there is one.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// As many bytes as there are, `count` at most.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// So many times `unit` as the next byte says.
    pub(crate) fn time(&mut self, unit: Duration) -> Duration {
        unit * u32::from(self.byte())
    }

    /// A number of any size, small ones and the ends of the range more often than others.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=199 => u64::from(small),
            200..=219 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            below @ 220..=239 => u64::MAX - u64::from(below - 220),
            _ => self
                .take(8)
                .iter()
                .fold(0, |n, byte| n << 8 | u64::from(*byte)),
        }
    }

    pub(crate) fn choice<T: Copy, const N: usize>(&mut self, of: [T; N]) -> T {
        of[usize::from(self.byte()) % N]
    }
}
