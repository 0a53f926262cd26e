//! A connection's token, renewed in band before it expires. Audio never waits for it.

use alloc::string::String;
use core::time::Duration;

use crate::Time;

/// How long a fresh token may take to be had, and to be taken.
const LIMIT: Duration = Duration::from_secs(10);

/// Where a connection stands with its token.
#[derive(Debug)]
pub(super) struct Renewal {
    stage: Stage,
    tries: u32,
}

#[derive(Debug)]
enum Stage {
    /// Nothing to do, ever or for now.
    None,
    /// To be renewed then.
    Due(Time),
    /// The token service is asked.
    Fetching { deadline: Time },
    /// The server is told.
    Sent { event_id: String, deadline: Time },
}

impl Renewal {
    /// Nothing to renew yet.
    pub(super) const fn new() -> Self {
        Self {
            stage: Stage::None,
            tries: 0,
        }
    }

    /// The token in use is to be renewed at this time, or need not be.
    pub(super) fn schedule(&mut self, at: Option<Time>) {
        self.tries = 0;
        self.stage = at.map_or(Stage::None, Stage::Due);
    }

    /// A fresh token is wanted now, unless one is on its way.
    pub(super) fn hurry(&mut self, now: Time) {
        if matches!(self.stage, Stage::None | Stage::Due(_)) {
            self.stage = Stage::Due(now);
        }
    }

    /// Whether to ask the token service now; if so, it counts as asked.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        let due = matches!(self.stage, Stage::Due(at) if at <= now);
        if due {
            self.stage = Stage::Fetching {
                deadline: now + LIMIT,
            };
        }
        due
    }

    /// The token service gave one, which goes to the server as this event.
    pub(super) fn fetched(&mut self, now: Time, event_id: &str) -> bool {
        let wanted = matches!(self.stage, Stage::Fetching { .. });
        if wanted {
            self.stage = Stage::Sent {
                event_id: event_id.into(),
                deadline: now + LIMIT,
            };
        }
        wanted
    }

    /// Whether an error about this event is an error about the token.
    pub(super) fn is_about(&self, event_id: &str) -> bool {
        matches!(&self.stage, Stage::Sent { event_id: sent, .. } if sent == event_id)
    }

    /// Whether the step under way has taken too long.
    pub(super) fn is_late(&self, now: Time) -> bool {
        matches!(self.stage, Stage::Fetching { deadline } | Stage::Sent { deadline, .. }
            if deadline <= now)
    }

    /// How often it was tried in vain.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }

    /// The step under way came to nothing: again, at this time.
    pub(super) fn again(&mut self, at: Time) {
        if matches!(self.stage, Stage::Fetching { .. } | Stage::Sent { .. }) {
            self.tries = self.tries.saturating_add(1);
            self.stage = Stage::Due(at);
        }
    }

    pub(super) const fn deadline(&self) -> Option<Time> {
        match &self.stage {
            Stage::None => None,
            Stage::Due(at) => Some(*at),
            Stage::Fetching { deadline } | Stage::Sent { deadline, .. } => Some(*deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn one_renewal_is_under_way_at_a_time_and_ends_by_a_deadline() {
        let mut renewal = Renewal::new();
        assert!(!renewal.is_due(at(1000)));
        renewal.schedule(Some(at(10)));
        assert!(!renewal.is_due(at(9)));
        assert!(renewal.is_due(at(10)));
        renewal.hurry(at(11));
        assert!(!renewal.is_due(at(11)));
        assert!(!renewal.is_late(at(19)) && renewal.is_late(at(20)));
        assert!(renewal.fetched(at(12), "event_1"));
        assert!(!renewal.fetched(at(12), "event_2"));
        assert!(renewal.is_about("event_1") && !renewal.is_about("event_2"));
        assert!(renewal.is_late(at(22)));
        renewal.again(at(23));
        assert!(!renewal.is_about("event_1"));
        assert_eq!((renewal.tries(), renewal.deadline()), (1, Some(at(23))));
        renewal.schedule(None);
        assert_eq!((renewal.tries(), renewal.deadline()), (0, None));
    }
}
