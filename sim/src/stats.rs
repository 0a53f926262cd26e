//! Counts over many calls.

use std::collections::BTreeMap;

use crate::scenario::Class;
use crate::time::Us;

/// What happened, counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Stats {
    pub(crate) calls: u64,
    pub(crate) virtual_us: Us,
    pub(crate) steps: u64,
    pub(crate) dials: u64,
    pub(crate) connections: u64,
    pub(crate) drops: u64,
    pub(crate) resumed: u64,
    pub(crate) reseeded: u64,
    pub(crate) handed_over: u64,
    pub(crate) answers_lost: u64,
    pub(crate) refreshes: u64,
    pub(crate) refresh_failures: u64,
    pub(crate) gaps: u64,
    pub(crate) output_gaps: u64,
    pub(crate) lost_samples: u64,
    pub(crate) repeated_samples: u64,
    pub(crate) input_samples: u64,
    pub(crate) output_samples: u64,
    pub(crate) truncates: u64,
    pub(crate) back_pressure: u64,
    pub(crate) most_kept_client: u64,
    pub(crate) most_kept_server: u64,
    /// From when all was well again to when the call was.
    pub(crate) longest_recovery: Us,
    pub(crate) outcomes: BTreeMap<(Class, &'static str), u64>,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.virtual_us += other.virtual_us;
        self.steps += other.steps;
        self.dials += other.dials;
        self.connections += other.connections;
        self.drops += other.drops;
        self.resumed += other.resumed;
        self.reseeded += other.reseeded;
        self.handed_over += other.handed_over;
        self.answers_lost += other.answers_lost;
        self.refreshes += other.refreshes;
        self.refresh_failures += other.refresh_failures;
        self.gaps += other.gaps;
        self.output_gaps += other.output_gaps;
        self.lost_samples += other.lost_samples;
        self.repeated_samples += other.repeated_samples;
        self.input_samples += other.input_samples;
        self.output_samples += other.output_samples;
        self.truncates += other.truncates;
        self.back_pressure += other.back_pressure;
        self.most_kept_client = self.most_kept_client.max(other.most_kept_client);
        self.most_kept_server = self.most_kept_server.max(other.most_kept_server);
        self.longest_recovery = self.longest_recovery.max(other.longest_recovery);
        for (key, count) in &other.outcomes {
            *self.outcomes.entry(*key).or_default() += count;
        }
    }
}
