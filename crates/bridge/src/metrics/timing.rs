//! A histogram of durations that is written to without a lock.
//!
//! The library's own takes one, which every frame of every session would wait for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Upper bounds in µs. A proof of a key is checked in well under 1 ms.
const HANDSHAKES: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
/// A message every 20 ms is what a call is made of.
const MESSAGES: &[u64] = &[
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000,
];

/// How long something takes. A copy stands for the same.
#[derive(Debug, Clone)]
pub(super) struct Timing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// In µs.
    bounds: &'static [u64],
    /// How many were within each bound and not within the one before; at the end those beyond all.
    counts: Box<[AtomicU64]>,
    /// In ns.
    sum: AtomicU64,
}

impl Timing {
    pub(super) fn handshakes() -> Self {
        Self::new(HANDSHAKES)
    }

    pub(super) fn messages() -> Self {
        Self::new(MESSAGES)
    }

    fn new(bounds: &'static [u64]) -> Self {
        Self(Arc::new(Inner {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }))
    }

    /// It has taken so long.
    pub(super) fn observe(&self, took: Duration) {
        let Inner {
            bounds,
            counts,
            sum,
        } = &*self.0;
        let place = bounds.partition_point(|bound| Duration::from_micros(*bound) < took);
        counts[place].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        sum.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl EncodeMetric for Timing {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Inner {
            bounds,
            counts,
            sum,
        } = &*self.0;
        let counts: Vec<u64> = counts.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        let seconds = |bound: &u64| Duration::from_micros(*bound).as_secs_f64();
        let buckets: Vec<_> = bounds.iter().map(seconds).zip(counts.clone()).collect();
        let sum = Duration::from_nanos(sum.load(Ordering::Relaxed)).as_secs_f64();
        let count = counts.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn durations_are_counted_up_to_their_bound() {
        let timing = Timing::new(&[1_000, 20_000]);
        for micros in [0, 1_000, 1_001, 20_000, 20_001, 5_000_000] {
            timing.observe(Duration::from_micros(micros));
        }
        let mut registry = Registry::default();
        registry.register("x_seconds", "X", timing);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let expected = "# HELP x_seconds X.\n# TYPE x_seconds histogram\n\
                        x_seconds_bucket{le=\"0.001\"} 2\nx_seconds_bucket{le=\"0.02\"} 4\n\
                        x_seconds_bucket{le=\"+Inf\"} 6\nx_seconds_sum 5.042002\n\
                        x_seconds_count 6\n";
        assert_eq!(text, expected);
    }
}
