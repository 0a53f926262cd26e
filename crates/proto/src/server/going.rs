//! Connections that go, and the session that goes with them or does not.

use core::time::Duration;

use super::attachment::{Draining, Leave};
use super::reason::Reason;
use super::{Output, Phase, Server};
use crate::wire::server::{Error, GoAway, SessionRevoked};
use crate::wire::{ErrorDetail, Fields};
use crate::{Close, Conn, Protocol, Time};

/// Within which clients of a bridge that went without a word come back, as after a mass failure.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

impl Server {
    /// Sends a close frame and waits for the client's.
    pub(super) fn close(&mut self, now: Time, conn: Conn, close: Close, leave: Leave) {
        self.out.push_back(Output::Close { conn, close });
        let by = now + self.config.close_timeout;
        if let Some(conn) = self.leaving.push(conn, by, leave) {
            self.out.push_back(Output::Abort { conn });
        }
    }

    /// A connection is closed by the client or the network.
    pub(super) fn closed(&mut self, now: Time, conn: Conn, close: Option<&Close>) {
        if let Some(leave) = self.leaving.closed(conn) {
            return self.left(leave, close.is_some());
        }
        let is_pending = self.pending.as_ref().is_some_and(|p| p.conn == conn);
        let is_current = self.current.as_ref().is_some_and(|c| c.conn == conn);
        if is_pending {
            self.pending = None;
        } else if !is_current {
            return;
        }
        let is_plain = self.protocol == Some(Protocol::Plain);
        let hung_up = close.is_some_and(|close| close.code == Close::NORMAL);
        if is_plain || hung_up {
            if is_current {
                self.current = None;
            }
            self.end(now, Reason::HungUp);
        } else if is_current {
            self.detach(now, None);
        }
    }

    /// A connection that was sent a close frame is gone. `heard`: the client has answered it, so it
    /// has heard everything before it.
    pub(super) fn left(&mut self, leave: Leave, heard: bool) {
        let is_alone = self.current.is_none() && self.pending.is_none();
        let was_last = leave == Leave::Last && is_alone && (heard || self.ring.is_empty());
        if was_last || self.phase == Phase::Closing {
            self.retire();
        }
    }

    /// The session has no connection any more, and waits for the next one.
    pub(super) fn detach(&mut self, now: Time, reason: Option<Reason>) {
        let Some(current) = self.current.take() else {
            return;
        };
        if let Some(reason) = reason {
            let close = reason.close(current.protocol);
            self.close(now, current.conn, close, Leave::Alone);
        }
        self.alone_since = now;
        self.set_attached(false);
    }

    /// The session is over, for this reason.
    pub(super) fn end(&mut self, now: Time, reason: Reason) {
        let connections = [self.current.take(), self.pending.take()];
        for connection in connections.into_iter().flatten() {
            let close = reason.close(connection.protocol);
            self.close(now, connection.conn, close, Leave::Alone);
        }
        self.retire();
    }

    /// The session is over; it ends once no connection is left.
    pub(super) fn retire(&mut self) {
        self.phase = Phase::Closing;
        if self.leaving.is_empty() {
            self.phase = Phase::Ended;
            self.out.push_back(Output::Ended);
        }
    }

    pub(super) fn upstream_ended(&mut self, now: Time, close: Close) {
        if self.phase == Phase::Open {
            self.phase = Phase::Ending(close);
            self.flush(now);
        }
    }

    /// Everything was sent: if the upstream is over, so is the connection.
    pub(super) fn end_if_all_is_said(&mut self, now: Time) {
        let Phase::Ending(close) = &self.phase else {
            return;
        };
        let close = close.clone();
        if !self.ring.is_sent() {
            return;
        }
        let Some(current) = self.current.take() else {
            return;
        };
        self.close(now, current.conn, close, Leave::Last);
        self.alone_since = now;
        if current.protocol.is_offhook() {
            self.set_attached(false);
        } else {
            self.retire();
        }
    }

    pub(super) fn revoke(&mut self, now: Time, reason: &str) {
        let revoked = SessionRevoked {
            reason: reason.into(),
            extra: Fields::new(),
        };
        let conns = [&self.current, &self.pending];
        let conns = conns.map(|c| c.as_ref().map(|c| (c.conn, c.protocol)));
        for (conn, protocol) in conns.into_iter().flatten() {
            if protocol.is_offhook() {
                self.tell(conn, revoked.clone());
            } else {
                // Clients of the OpenAI API know by an error that trying again does not help.
                let message = "The session was revoked.";
                let error = ErrorDetail::invalid_request("session_revoked", message);
                let extra = Fields::new();
                self.tell(conn, Error { error, extra });
            }
        }
        self.end(now, Reason::Revoked);
    }

    pub(super) fn drain(&mut self, now: Time, draining: Draining) {
        self.draining = Some(draining);
        self.go_away(now);
    }

    /// Tells the connection there is that the bridge will be gone, if it will.
    pub(super) fn go_away(&mut self, now: Time) {
        let (Some(draining), Some(current)) = (&self.draining, &self.current) else {
            return;
        };
        if !current.protocol.is_offhook() {
            return self.end(now, Reason::Restart(Duration::ZERO));
        }
        let go_away = GoAway {
            reason: draining.reason.clone(),
            deadline_ms: super::saying::millis(draining.deadline - now),
            reconnect_after_ms: super::saying::millis(draining.reconnect_after),
            resume_url: draining.resume_url.clone(),
            extra: Fields::new(),
        };
        let conn = current.conn;
        self.tell(conn, go_away);
    }

    /// The time that connections were given to leave is over.
    pub(super) fn restart(&mut self, now: Time) {
        let Some(draining) = &self.draining else {
            return;
        };
        // Not what is left of it: all that are closed now would come back at once.
        let reason = Reason::Restart(draining.reconnect_after);
        self.turn_away(now, reason);
        self.detach(now, Some(reason));
    }

    pub(super) fn shutdown(&mut self, now: Time) {
        let (from, to) = COME_BACK;
        let after = match &self.draining {
            Some(draining) => draining.reconnect_after,
            None => self.random.between(from, to),
        };
        self.end(now, Reason::Restart(after));
    }

    /// The client says that it hangs up.
    pub(super) fn bye(&mut self, now: Time) {
        self.end(now, Reason::HungUp);
    }

    /// Whether there is an upstream to give anything to.
    pub(super) const fn gives_upstream(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_follows_the_end() {
        let mut server = Server::new(super::super::Config::default(), Time::ZERO);
        server.handle(Time::ZERO, super::super::Input::Shutdown);
        assert_eq!(server.poll(), Output::Ended);
        server.handle(Time::ZERO, super::super::Input::Revoke { reason: "x" });
        let ended = Output::Wait {
            until: None,
            why: "ended",
        };
        assert_eq!(server.poll(), ended);
        assert!(!server.takes_upstream());
    }
}
