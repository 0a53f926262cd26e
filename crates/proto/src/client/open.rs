//! One connection after its upgrade: how far it came, when it was last heard.

use core::time::Duration;

use crate::wire::ErrorDetail;
use crate::{Protocol, Time};

/// A connection after its upgrade.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) protocol: Protocol,
    pub(super) patience: Patience,
    /// Until when the session must be open; none once it is.
    pub(super) deadline: Option<Time>,
    pub(super) heard_at: Time,
    pub(super) pinged_at: Time,
    pub(super) unstable: bool,
    pub(super) round_trip: Option<Duration>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) last_error: Option<ErrorDetail>,
}

impl Open {
    pub(super) fn new(protocol: Protocol, now: Time, deadline: Time) -> Self {
        Self {
            protocol,
            patience: Patience::of(protocol),
            deadline: Some(deadline),
            heard_at: now,
            pinged_at: now,
            unstable: false,
            round_trip: None,
            sent: 0,
            received: 0,
            last_error: None,
        }
    }

    pub(super) const fn is_live(&self) -> bool {
        self.deadline.is_none()
    }

    pub(super) fn answered(&mut self, now: Time, sent_ms: u64) {
        self.round_trip = Some(now - Time::from_start(Duration::from_millis(sent_ms)));
    }

    pub(super) fn next_deadline(&self) -> (Option<Time>, &'static str) {
        if let Some(deadline) = self.deadline {
            return (Some(deadline), "the session");
        }
        let ping = (self.pinged_at + self.patience.ping_every, "the next ping");
        let silence = if self.unstable {
            (self.heard_at + self.patience.dead, "the end of a dead line")
        } else {
            (
                self.heard_at + self.patience.unstable,
                "a sign of the far end",
            )
        };
        let (until, why) = if ping.0 < silence.0 { ping } else { silence };
        (Some(until), why)
    }
}

/// How long the far end may be silent, and how often it is asked for a sign of life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) ping_every: Duration,
    pub(super) unstable: Duration,
    pub(super) dead: Duration,
}

impl Patience {
    const fn of(protocol: Protocol) -> Self {
        match protocol {
            // The server says something every 250 ms.
            Protocol::OffhookV1 => Self {
                ping_every: Duration::from_secs(5),
                unstable: Duration::from_secs(2),
                dead: Duration::from_secs(6),
            },
            // It owes nothing but pongs.
            Protocol::Plain => Self {
                ping_every: Duration::from_secs(2),
                unstable: Duration::from_secs(5),
                dead: Duration::from_secs(15),
            },
        }
    }
}
