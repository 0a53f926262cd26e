//! How far clients should spread when they come back, so that a lost network does not send all of
//! them here at once.

use std::time::Duration;

/// How many upgrades a second this bridge is content with, all its clients together.
const RATE: u32 = 2_500;
/// A few clients need not wait.
const LEAST: Duration = Duration::from_millis(250);
/// Nobody should wait for longer.
const MOST: Duration = Duration::from_secs(10);

/// What a session's client was told.
#[derive(Debug, Default)]
pub(crate) struct Spread(Duration);

impl Spread {
    /// With so many sessions: what to tell the client, if that is worth telling.
    pub(crate) fn news(&mut self, sessions: usize) -> Option<Duration> {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        let spread = (Duration::from_secs(1) / RATE).saturating_mul(sessions);
        let spread = spread.clamp(LEAST, MOST);
        // A quarter more or less changes nothing for anybody.
        let worth = spread.abs_diff(self.0) > self.0 / 4;
        worth.then(|| {
            self.0 = spread;
            spread
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_sessions_spread_wider_and_only_a_change_is_told() {
        let ms = Duration::from_millis;
        let mut spread = Spread::default();
        assert_eq!(spread.news(1), Some(ms(250)));
        assert_eq!(spread.news(600), None);
        assert_eq!(spread.news(2_500), Some(ms(1000)));
        assert_eq!(spread.news(2_600), None);
        assert_eq!(spread.news(10_000), Some(ms(4000)));
        assert_eq!(spread.news(1_000_000), Some(ms(10_000)));
        assert_eq!(spread.news(10), Some(ms(250)));
    }
}
