//! What of a call has arrived at the server: which frames, when, over which connection, in which
//! session.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::numbered;

/// A frame that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// When, since the start of the run.
    pub(super) at: Duration,
    /// Which.
    pub(super) frame: u32,
    /// The place of its connection among the call's.
    pub(super) connection: usize,
    /// The place of its session among the call's.
    pub(super) session: usize,
}

impl Arrival {
    /// When it was spoken, if the call's first frame was spoken at the start of the run. Only
    /// differences mean anything.
    pub(super) fn late(&self) -> Duration {
        let spoken = Duration::from_millis(u64::from(self.frame) * numbered::MS);
        self.at.saturating_sub(spoken)
    }
}

/// Everything that arrived of a call, in order.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) arrivals: Vec<Arrival>,
    /// Pieces of audio that are no frame.
    pub(super) garbled: u32,
    /// How many sessions there were.
    pub(super) sessions: usize,
}

/// What arrived and what did not, in frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Spoken, and never arrived in any session.
    pub(super) lost: u32,
    /// Arrived again in a session that had them.
    pub(super) duplicated: u32,
    /// Arrived again in a session that did not have them: a later one, which is told what the
    /// earlier one may not have used.
    pub(super) told_again: u32,
}

impl Ledger {
    /// What became of the frames before `spoken`, from the first that arrived: what was said before a
    /// call came up is not what is measured here.
    pub(super) fn count(&self, spoken: u32) -> Count {
        let mut seen: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut count = Count::default();
        for arrival in &self.arrivals {
            let sessions = seen.entry(arrival.frame).or_default();
            if sessions.contains(&arrival.session) {
                count.duplicated += 1;
            } else {
                count.told_again += u32::from(!sessions.is_empty());
                sessions.push(arrival.session);
            }
        }
        let first = seen.keys().next().copied().unwrap_or(0).min(spoken);
        let arrived = seen.range(first..spoken).count();
        count.lost = spoken - first - u32::try_from(arrived).unwrap_or(0);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_lost_duplicated_or_told_to_a_new_session() {
        let arrived = [(2, 0), (3, 0), (3, 0), (5, 0), (5, 1), (6, 1)];
        let arrivals = arrived.map(|(frame, session)| Arrival {
            at: Duration::ZERO,
            frame,
            connection: session,
            session,
        });
        let ledger = Ledger {
            arrivals: arrivals.to_vec(),
            ..Ledger::default()
        };
        let expected = Count {
            lost: 2,
            duplicated: 1,
            told_again: 1,
        };
        assert_eq!(ledger.count(8), expected);
    }
}
