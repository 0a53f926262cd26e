//! What waits to be sent over a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::metrics::Metrics;

/// From here on nothing new is asked of the upstream, in bytes.
pub(super) const BACKED_UP: usize = 256 << 10;

/// What waits, in bytes.
#[derive(Debug)]
pub(super) struct Waiting {
    bytes: AtomicUsize,
    /// Told when there is room again.
    room: Arc<Notify>,
    metrics: Arc<Metrics>,
}

impl Waiting {
    pub(super) fn new(room: Arc<Notify>, metrics: &Arc<Metrics>) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            room,
            metrics: Arc::clone(metrics),
        }
    }

    pub(super) fn is_much(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= BACKED_UP
    }

    /// So many more; returns how many there are then.
    pub(super) fn more(&self, bytes: usize) -> usize {
        self.metrics.buffered.inc_by(counted(bytes));
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// So many are sent.
    pub(super) fn less(&self, bytes: usize) {
        self.metrics.buffered.dec_by(counted(bytes));
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if before >= BACKED_UP && before - bytes < BACKED_UP {
            self.room.notify_one();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // What is never sent waits no more.
        let bytes = *self.bytes.get_mut();
        self.metrics.buffered.dec_by(counted(bytes));
    }
}

fn counted(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
