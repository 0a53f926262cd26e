//! One connection of the session, and the ones that are on their way out.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use super::Config;
use super::credential::Credential;
use crate::{Conn, Protocol, Time};

/// More malformed messages than this and the connection is closed.
const MALFORMED_ALLOWED: u32 = 64;
/// Connections whose close frame may be unanswered at once.
const LEAVING: usize = 8;

/// A connection that is up.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) conn: Conn,
    pub(super) protocol: Protocol,
    /// How often the session was attached to, this time included.
    pub(super) generation: u32,
    /// It meant another session, and may not know yet that this is a new one.
    pub(super) was_elsewhere: bool,
    pub(super) heard_at: Time,
    pub(super) ping_at: Time,
    pub(super) ack_at: Time,
    /// Until when it has to say from where it goes on.
    pub(super) resume_by: Time,
    pub(super) credential: Credential,
    /// What proofs on it have to be over.
    pub(super) nonce: Option<String>,
    /// What its client was told of when to come back.
    pub(super) told_spread: Duration,
    /// The first event kept for the client, and the last one had from it, when it came. While it
    /// says from where it goes on, both move on over the connection it still has.
    pub(super) kept_from: u64,
    pub(super) had: u64,
    malformed: u32,
}

impl Attachment {
    pub(super) fn new(attach: &super::Attach, generation: u32, now: Time, config: &Config) -> Self {
        Self {
            conn: attach.conn,
            protocol: attach.protocol,
            generation,
            was_elsewhere: false,
            heard_at: now,
            ping_at: now + config.ping_every,
            ack_at: now + config.heartbeat,
            resume_by: now + config.resume_timeout,
            credential: Credential::new(attach.expires_at),
            nonce: attach.nonce.clone(),
            told_spread: Duration::ZERO,
            kept_from: 1,
            had: 0,
            malformed: 0,
        }
    }

    /// When the client is given up, if nothing comes. Plain clients owe us nothing but pongs.
    pub(super) fn silent_at(&self, config: &Config) -> Time {
        let patience = if self.protocol.is_offhook() {
            config.client_silence
        } else {
            config.ping_every * 3 + config.client_silence
        };
        self.heard_at + patience
    }

    /// Counts a message that cannot be used; says whether that is still put up with.
    pub(super) const fn puts_up_with(&mut self) -> bool {
        self.malformed += 1;
        self.malformed <= MALFORMED_ALLOWED
    }
}

/// What a connection that goes leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Nothing: the session is over, or goes on elsewhere.
    Alone,
    /// It was the session's last: the session ends with it, once the client has heard all.
    Last,
}

/// Connections that were sent a close frame.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    conns: VecDeque<(Conn, Time, Leave)>,
}

impl Leaving {
    /// Waits until `by` for the client to close; says which connection has to make room for it.
    pub(super) fn push(&mut self, conn: Conn, by: Time, leave: Leave) -> Option<Conn> {
        let oldest = (self.conns.len() == LEAVING).then(|| self.conns.pop_front());
        self.conns.push_back((conn, by, leave));
        oldest.flatten().map(|(conn, ..)| conn)
    }

    /// The connection is closed; says what it leaves, if it was one of these.
    pub(super) fn closed(&mut self, conn: Conn) -> Option<Leave> {
        let index = self.conns.iter().position(|(other, ..)| *other == conn)?;
        self.conns.remove(index).map(|(.., leave)| leave)
    }

    /// A connection that was waited for long enough.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<(Conn, Leave)> {
        let due = |(_, by, _): &mut (Conn, Time, Leave)| *by <= now;
        let (conn, _, leave) = self.conns.pop_front_if(due)?;
        Some((conn, leave))
    }

    /// When the first of them has been waited for long enough.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        // All are given the same time.
        self.conns.front().map(|(_, by, _)| *by)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }
}

/// A bridge that will be gone soon.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) reason: String,
    pub(super) deadline: Time,
    pub(super) reconnect_after: Duration,
    pub(super) resume_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn connections_that_leave_are_few_and_each_is_waited_for() {
        let mut leaving = Leaving::default();
        assert_eq!(leaving.next_deadline(), None);
        for number in 0..8 {
            let by = at(u64::from(number) + 1);
            assert_eq!(leaving.push(Conn(number), by, Leave::Alone), None);
        }
        assert_eq!(leaving.push(Conn(8), at(9), Leave::Last), Some(Conn(0)));
        assert_eq!(leaving.closed(Conn(0)), None);
        assert_eq!(leaving.closed(Conn(8)), Some(Leave::Last));
        assert_eq!(leaving.next_deadline(), Some(at(2)));
        assert_eq!(leaving.pop_due(at(1)), None);
        assert_eq!(leaving.pop_due(at(2)), Some((Conn(1), Leave::Alone)));
        assert_eq!(leaving.pop_due(at(2)), None);
        assert!(!leaving.is_empty());
    }

    #[test]
    fn a_plain_client_may_miss_three_pings() {
        let config = Config::default();
        let patience = |protocol| {
            let attach = super::super::Attach {
                conn: Conn(1),
                protocol,
                resumes: false,
                expires_at: None,
                nonce: None,
            };
            Attachment::new(&attach, 1, at(0), &config).silent_at(&config)
        };
        assert_eq!(patience(Protocol::OffhookV1), at(10));
        assert_eq!(patience(Protocol::OffhookV1Bin), at(10));
        assert_eq!(patience(Protocol::Plain), at(55));
    }
}
