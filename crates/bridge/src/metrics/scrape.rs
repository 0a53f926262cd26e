//! What Prometheus gets to read: what was counted, and how things stand when it asks.

use prometheus_client::encoding::prometheus_text;

use super::Metrics;
use crate::http::{MAX_REQUESTS, State};

/// The content type of [`Metrics::text`].
pub(crate) use prometheus_text::CONTENT_TYPE;

impl Metrics {
    /// Everything, in the text exposition format 0.0.4.
    pub(crate) fn text(&self, state: &State) -> String {
        let (attached, waiting) = state.registry.count();
        let sessions = [("attached", attached), ("waiting", waiting)];
        for (kind, count) in sessions {
            set(&self.sessions.get_or_create(&[("state", kind)]), count);
        }
        set(&self.slots_used, state.sessions());
        set(&self.slots_limit, state.config.max_sessions as usize);
        let free = state.connections.available_permits();
        set(&self.requests, MAX_REQUESTS - free);
        set(&self.requests_limit, MAX_REQUESTS);
        set(&self.draining, usize::from(!state.is_open()));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a String takes all");
        text
    }
}

fn set(gauge: &prometheus_client::metrics::gauge::Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
