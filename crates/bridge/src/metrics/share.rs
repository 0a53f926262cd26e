//! What one thing adds to a gauge for as long as it lives.

use prometheus_client::metrics::gauge::Gauge;

/// A part of a gauge, which goes with its owner, whichever way that ends.
#[derive(Debug)]
pub(crate) struct Share {
    gauge: Gauge,
    part: i64,
}

impl Share {
    /// Nothing yet.
    pub(crate) fn none(gauge: &Gauge) -> Self {
        Self {
            gauge: gauge.clone(),
            part: 0,
        }
    }

    /// One of what the gauge counts.
    pub(crate) fn one(gauge: &Gauge) -> Self {
        let mut share = Self::none(gauge);
        share.set(1);
        share
    }

    /// So much from now on.
    pub(crate) fn set(&mut self, part: usize) {
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        if part != self.part {
            self.gauge.inc_by(part - self.part);
            self.part = part;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.gauge.dec_by(self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_go_with_their_owners() {
        let gauge = Gauge::default();
        let one = Share::one(&gauge);
        let mut other = Share::none(&gauge);
        assert_eq!(gauge.get(), 1);
        other.set(10);
        other.set(4);
        assert_eq!(gauge.get(), 5);
        drop(one);
        assert_eq!(gauge.get(), 4);
        drop(other);
        assert_eq!(gauge.get(), 0);
    }
}
