//! A server that takes so many connections a second, lets some wait, and turns the rest away.

use std::time::Duration;

/// Half of a round trip.
const LATENCY: Duration = Duration::from_millis(10);
/// Upgrades a second.
const RATE: u32 = 4000;
/// Connections that may wait for theirs.
const QUEUE: u32 = 4096;

/// The server's door.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Until then nobody listens.
    pub(super) closed_until: Duration,
    /// When the last of those who wait is through.
    free: Duration,
}

/// What comes of a dial, and when the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialled {
    Connected(Duration),
    /// Nobody listens.
    Refused(Duration),
    /// There is no room: 503.
    Full(Duration),
}

impl Gate {
    /// A dial for a session at `now`.
    pub(super) fn dial(&mut self, now: Duration) -> Dialled {
        let known = now + 2 * LATENCY;
        if now < self.closed_until {
            return Dialled::Refused(known);
        }
        let here = now + LATENCY;
        if self.free.saturating_sub(here) > Duration::from_secs(1) * QUEUE / RATE {
            return Dialled::Full(known);
        }
        self.free = self.free.max(here) + Duration::from_secs(1) / RATE;
        Dialled::Connected(self.free + LATENCY)
    }

    /// A request for a token at `now`; those cost the server nothing here.
    pub(super) fn mint(&self, now: Duration) -> Dialled {
        let known = now + 2 * LATENCY;
        if now < self.closed_until {
            Dialled::Refused(known)
        } else {
            Dialled::Connected(known)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_its_rate_lets_its_queue_wait_and_turns_the_rest_away() {
        let mut gate = Gate::default();
        let now = Duration::from_secs(1);
        let dials: Vec<Dialled> = (0..10_000).map(|_| gate.dial(now)).collect();
        let through = dials.iter().filter_map(|dialled| match dialled {
            Dialled::Connected(at) => Some(*at - now),
            _ => None,
        });
        let through: Vec<Duration> = through.collect();
        assert_eq!(through.len(), 4097);
        let last = Duration::from_secs(4097) / RATE + 2 * LATENCY;
        assert!(through.last().unwrap().abs_diff(last) < Duration::from_millis(1));
        assert!(matches!(dials[9_999], Dialled::Full(_)));
    }

    #[test]
    fn closed_it_refuses() {
        let mut gate = Gate {
            closed_until: Duration::from_secs(3),
            ..Gate::default()
        };
        assert!(matches!(
            gate.dial(Duration::from_secs(2)),
            Dialled::Refused(_)
        ));
        assert!(matches!(
            gate.mint(Duration::from_secs(2)),
            Dialled::Refused(_)
        ));
        assert!(matches!(
            gate.dial(Duration::from_secs(3)),
            Dialled::Connected(_)
        ));
    }
}
