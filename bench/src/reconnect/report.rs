//! The outcomes as a table.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::caller::Client;
use super::fault::Fault;
use super::outcome::Outcome;
use crate::statistics::percentile;

/// The outcomes of a run, and the figures they come down to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One row for each fault and client.
    pub rows: Vec<Row>,
    /// What the rows were made of.
    pub outcomes: Vec<Outcome>,
}

/// What a fault comes to for a client.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub fault: Fault,
    /// To whose calls.
    pub client: Client,
    /// How many calls there were.
    pub calls: usize,
    /// From the end of the fault to the first audio, in ms: half of the calls that are not stuck
    /// were as quick,
    pub again_p50_ms: Option<f64>,
    /// and 95 of 100.
    pub again_p95_ms: Option<f64>,
    /// From the end of the fault to audio that is not backlog, in ms: half of them,
    pub live_p50_ms: Option<f64>,
    /// and 95 of 100.
    pub live_p95_ms: Option<f64>,
    /// Speech that was lost, in ms a call.
    pub lost_ms: f64,
    /// The most that one call lost.
    pub lost_most_ms: u64,
    /// Speech that arrived twice in one session, in ms a call.
    pub duplicated_ms: f64,
    /// Speech that a new session was told again, in ms a call.
    pub told_again_ms: f64,
    /// Dials a call.
    pub dials: f64,
    /// The most dials of a call in a minute.
    pub dials_a_minute: usize,
    /// Requests for tokens a call.
    pub token_requests: f64,
    /// Calls from which nothing was heard again.
    pub stuck: usize,
}

impl Report {
    pub(super) fn new(outcomes: Vec<Outcome>) -> Self {
        let mut rows = Vec::new();
        for fault in Fault::ALL {
            for client in Client::ALL {
                let of = |outcome: &&Outcome| outcome.fault == fault && outcome.client == client;
                let calls: Vec<&Outcome> = outcomes.iter().filter(of).collect();
                if !calls.is_empty() {
                    rows.push(Row::new(fault, client, &calls));
                }
            }
        }
        Self { rows, outcomes }
    }

    /// The rows for a person.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = format!(
            "{:<12}{:<13}{:>5}{:>11}{:>11}{:>11}{:>11}{:>10}{:>10}{:>7}{:>7}{:>7}{:>8}{:>7}\n",
            "fault",
            "client",
            "calls",
            "again p50",
            "again p95",
            "live p50",
            "live p95",
            "lost",
            "most",
            "twice",
            "told",
            "dials",
            "in 60 s",
            "stuck"
        );
        let mut last = None;
        for row in &self.rows {
            if last.is_some_and(|last| last != row.fault) {
                table.push('\n');
            }
            last = Some(row.fault);
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "{:<12}{:<13}{:>5}{:>11}{:>11}{:>11}{:>11}{:>10.0}{:>10}{:>7.0}{:>7.0}{:>7.1}{:>8}{:>7}",
                row.fault.name(),
                row.client.name(),
                row.calls,
                shown(row.again_p50_ms),
                shown(row.again_p95_ms),
                shown(row.live_p50_ms),
                shown(row.live_p95_ms),
                row.lost_ms,
                row.lost_most_ms,
                row.duplicated_ms,
                row.told_again_ms,
                row.dials,
                row.dials_a_minute,
                row.stuck
            );
        }
        table
    }
}

impl Row {
    fn new(fault: Fault, client: Client, calls: &[&Outcome]) -> Self {
        let times = |of: fn(&Outcome) -> Option<f64>| {
            let times = calls.iter().filter_map(|call| of(call));
            let times = times.map(|ms| Duration::from_secs_f64(ms / 1000.0));
            times.collect::<Vec<_>>()
        };
        let (again, live) = (times(|call| call.again_ms), times(|call| call.live_ms));
        let at = |times: &[Duration], of_hundred| {
            percentile(times, of_hundred).map(|time| time.as_secs_f64() * 1000.0)
        };
        let mean = |of: fn(&Outcome) -> u64| {
            calls.iter().map(|call| of(call)).sum::<u64>() as f64 / calls.len() as f64
        };
        Self {
            fault,
            client,
            calls: calls.len(),
            again_p50_ms: at(&again, 50),
            again_p95_ms: at(&again, 95),
            live_p50_ms: at(&live, 50),
            live_p95_ms: at(&live, 95),
            lost_ms: mean(|call| call.lost_ms),
            lost_most_ms: calls.iter().map(|call| call.lost_ms).max().unwrap_or(0),
            duplicated_ms: mean(|call| call.duplicated_ms),
            told_again_ms: mean(|call| call.told_again_ms),
            dials: mean(|call| call.dials as u64),
            dials_a_minute: calls
                .iter()
                .map(|call| call.dials_a_minute)
                .max()
                .unwrap_or(0),
            token_requests: mean(|call| call.token_requests as u64),
            stuck: calls.iter().filter(|call| call.stuck).count(),
        }
    }
}

fn shown(ms: Option<f64>) -> String {
    ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_are_stuck_count_as_stuck_and_not_as_quick() {
        let outcome = |again: Option<f64>, lost_ms| Outcome {
            client: Client::Naive,
            fault: Fault::Fin,
            again_ms: again,
            live_ms: again,
            lost_ms,
            duplicated_ms: 0,
            told_again_ms: 0,
            sessions: 1,
            dials: 3,
            dials_a_minute: 3,
            token_requests: 0,
            stuck: again.is_none(),
            garbled: 0,
        };
        let outcomes = vec![outcome(Some(1000.0), 20), outcome(None, 60)];
        let report = Report::new(outcomes);
        let [row] = &report.rows[..] else {
            panic!("not one row");
        };
        assert_eq!((row.calls, row.stuck), (2, 1));
        assert_eq!(row.again_p95_ms, Some(1000.0));
        assert!((row.lost_ms - 40.0).abs() < 1e-9 && row.lost_most_ms == 60);
        let table = report.table();
        assert!(table.contains("fin") && table.contains("naive"), "{table}");
    }
}
