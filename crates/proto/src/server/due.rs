//! What has its time: deadlines, heartbeats, pings. One list for the driver's timer and for what is
//! then done, so that neither can forget what the other knows.

use core::time::Duration;

use super::attachment::Leave;
use super::reason::Reason;
use super::{Output, Phase, Server};
use crate::Time;

/// Two heartbeats are at least this far apart, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(1);

/// Something that has its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A client does not answer a close frame.
    Leave,
    /// A connection does not say from where it goes on.
    Resume,
    Silence,
    Expiry,
    Moved,
    Restart,
    Ping,
    Heartbeat,
    /// No connection came back.
    Window,
}

impl Due {
    /// What is waited for, for logs.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Leave => "the client's close frame",
            Self::Resume => "where the client wants to go on",
            Self::Silence => "a sign of the client",
            Self::Expiry => "a fresh token",
            Self::Moved => "a token from where the client is",
            Self::Restart => "the client to leave",
            Self::Ping => "the next ping",
            Self::Heartbeat => "the next heartbeat",
            Self::Window => "the client to come back",
        }
    }
}

impl Server {
    /// What has its time next; none once ended.
    pub(super) fn next_due(&self) -> Option<(Time, Due)> {
        let mut next = self.leaving.next_deadline().map(|at| (at, Due::Leave));
        match self.phase {
            Phase::Ended => return None,
            Phase::Closing => return next,
            Phase::Open | Phase::Ending(_) => {}
        }
        let mut add = |at: Option<Time>, due| {
            if let Some(at) = at
                && next.is_none_or(|(first, _)| at < first)
            {
                next = Some((at, due));
            }
        };
        if let Some(pending) = &self.pending {
            add(Some(pending.resume_by), Due::Resume);
        }
        if let Some(current) = &self.current {
            add(Some(current.silent_at(&self.config)), Due::Silence);
            add(Some(current.ping_at), Due::Ping);
            if current.protocol.is_offhook() {
                let credential = &current.credential;
                add(credential.stops_at(self.config.token_grace), Due::Expiry);
                add(credential.wanted_by(), Due::Moved);
                add(Some(current.ack_at), Due::Heartbeat);
            }
        }
        if self.current.is_some() || self.pending.is_some() {
            add(self.draining.as_ref().map(|d| d.deadline), Due::Restart);
        } else {
            add(
                Some(self.alone_since + self.config.resume_window),
                Due::Window,
            );
        }
        next
    }

    /// Does everything whose time has come.
    pub(super) fn do_what_is_due(&mut self, now: Time) {
        while let Some((at, due)) = self.next_due()
            && at <= now
        {
            match due {
                Due::Leave => self.give_up_leaving(now),
                Due::Resume => self.turn_away(now, Reason::Silent),
                Due::Silence => self.lose(now, Reason::Silent),
                Due::Expiry => self.lose(now, Reason::Expired),
                Due::Moved => self.lose(now, Reason::Moved),
                Due::Restart => self.restart(now),
                Due::Ping => self.ping(now),
                Due::Heartbeat => self.heartbeat(now),
                Due::Window => self.retire(),
            }
        }
    }

    fn give_up_leaving(&mut self, now: Time) {
        while let Some((conn, leave)) = self.leaving.pop_due(now) {
            self.out.push_back(Output::Abort { conn });
            self.left(leave, false);
        }
    }

    fn ping(&mut self, now: Time) {
        let every = self.config.ping_every.max(SHORTEST);
        if let Some(current) = &mut self.current {
            current.ping_at = now + every;
            let conn = current.conn;
            self.out.push_back(Output::Ping { conn });
        }
    }

    /// Says what has arrived and what is used, and puts the next heartbeat off.
    pub(super) fn heartbeat(&mut self, now: Time) {
        let every = self.config.heartbeat.max(SHORTEST);
        if let Some(current) = &mut self.current {
            current.ack_at = now + every;
            let conn = current.conn;
            self.acknowledge(conn);
        }
    }

    /// The session goes on without its connection.
    pub(super) fn lose(&mut self, now: Time, reason: Reason) {
        let Some(current) = &self.current else {
            return;
        };
        if current.protocol.is_offhook() {
            self.detach(now, Some(reason));
        } else {
            // No code of plain mode's says this; the official SDKs call a drop retryable.
            let conn = current.conn;
            self.out.push_back(Output::Abort { conn });
            self.current = None;
            self.retire();
        }
    }

    /// A connection that wanted to take over does not.
    pub(super) fn turn_away(&mut self, now: Time, reason: Reason) {
        if let Some(pending) = self.pending.take() {
            let close = reason.close(pending.protocol);
            self.close(now, pending.conn, close, Leave::Alone);
        }
    }
}
