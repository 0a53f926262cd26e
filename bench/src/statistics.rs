//! The few figures that a row of measurements comes down to.

use std::time::Duration;

/// The smallest measurement that so many of a hundred do not exceed; nothing without any.
pub(crate) fn percentile(measured: &[Duration], of_hundred: usize) -> Option<Duration> {
    let mut sorted = measured.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * of_hundred).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The most events in any stretch of time of this `width`.
pub(crate) fn most_within(events: &[Duration], width: Duration) -> usize {
    let mut sorted = events.to_vec();
    sorted.sort_unstable();
    let mut most = 0;
    let mut first = 0;
    for (last, event) in sorted.iter().enumerate() {
        while *event - sorted[first] >= width {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_measurements() {
        let measured = ms(&[50, 10, 40, 20, 30]);
        assert_eq!(percentile(&measured, 50), Some(Duration::from_millis(30)));
        assert_eq!(percentile(&measured, 95), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&measured, 99), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn the_window_slides() {
        let events = ms(&[0, 40, 60, 90, 200, 99]);
        assert_eq!(most_within(&events, Duration::from_millis(50)), 3);
        assert_eq!(most_within(&events, Duration::from_secs(1)), 6);
        assert_eq!(most_within(&[], Duration::from_secs(1)), 0);
    }
}
