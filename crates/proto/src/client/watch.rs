//! What time brings: deadlines, silence, probes, sleep.

use core::time::Duration;

use super::link::Stage;
use super::policy::Wait;
use super::{Cause, Client, End, Output, Phase};
use crate::wire::client::{Ack, Ping};
use crate::wire::{ClientEvent, Envelope, Fields};
use crate::{Conn, Frame, Time};

/// A driver that comes this much later than it was asked to did not run: the machine slept, or the
/// program was stopped.
const LATE: Duration = Duration::from_secs(3);
/// A server that heard nothing for so long has let go of the connection.
const LET_GO: Duration = Duration::from_secs(10);
/// How long the far end has to answer when there is reason to doubt that it will.
const PROBE: Duration = Duration::from_millis(1000);
/// Two tellings of one sleep come within this.
const ONE_SLEEP: Duration = Duration::from_secs(3);
/// Events that brought a token and whose answers may still come.
const REFRESHES: usize = 64;

impl Client {
    pub(super) fn tick(&mut self, now: Time) {
        match &self.phase {
            Phase::Dialling { retry_at, .. } => {
                if retry_at.is_some_and(|at| at <= now) {
                    self.redial(now);
                }
            }
            Phase::Away(away) => {
                if away.gives_up_at <= now {
                    return self.give_up();
                }
                if away.retry.is_some_and(|next| next.at <= now) {
                    self.redial(now);
                }
            }
            Phase::Closing { conn, deadline, .. } => {
                if *deadline <= now {
                    self.out.push_back(Output::Abort { conn: *conn });
                    self.finish_closing();
                }
                return;
            }
            Phase::Live | Phase::Ended => {}
        }
        self.look_at_steps(now);
        self.look_at_line(now);
        self.hand_over_if_due(now);
        self.pump(now);
    }

    /// Attempts whose step takes too long have failed.
    fn look_at_steps(&mut self, now: Time) {
        for link in [&self.link, &self.next].map(|link| {
            link.as_ref()
                .filter(|link| !link.is_open() && link.deadline <= now)
                .map(|link| (link.conn, link.stage))
        }) {
            let Some((conn, stage)) = link else { continue };
            if matches!(self.phase, Phase::Dialling { .. }) {
                let (step, after) = (stage.step(), self.config.step_timeout);
                return self.end(End::TimedOut { step, after });
            }
            let cause = match stage {
                Stage::Authorising => Cause::TokenService,
                _ => Cause::Unreachable,
            };
            self.abandon(now, conn, cause, Wait::ByCause);
        }
    }

    /// The open line: whether it is silent, whether something is to be said on it.
    fn look_at_line(&mut self, now: Time) {
        let Some(link) = self.link.as_mut().filter(|link| link.is_open()) else {
            return;
        };
        let (conn, patience) = (link.conn, link.patience());
        let silent = now - link.heard_at;
        if let Some((by, cause)) = link.probe
            && by <= now
        {
            return self.abandon(now, conn, cause, Wait::AtOnce);
        }
        if silent >= patience.dead {
            return self.abandon(now, conn, Cause::Silent, Wait::ByCause);
        }
        if silent >= patience.unstable && !link.unstable {
            link.unstable = true;
            self.show();
        }
        let Some(link) = &mut self.link else { return };
        if link.acks.is_due(now) {
            let up_to = self.session.as_ref().map_or(0, |session| session.received);
            let ack = Ack {
                up_to,
                extra: Fields::new(),
            };
            self.say(conn, ack);
        }
        let Some(link) = &mut self.link else { return };
        if now >= link.pinged_at + patience.ping_every {
            self.ping(now);
        }
        self.look_at_token(now, conn);
    }

    fn look_at_token(&mut self, now: Time, conn: Conn) {
        let Some(link) = &mut self.link else { return };
        if link.renewal.is_late(now) {
            return self.renew_again(now, conn);
        }
        let session = self.session.as_ref().filter(|session| session.can_resume());
        if let Some(session) = session
            && link.renewal.is_due(now)
        {
            let session = session.id.clone();
            self.out.push_back(Output::Renew { conn, session });
        }
    }

    pub(super) fn renewed(&mut self, now: Time, conn: Conn) {
        let event_id = self.ids.next("event");
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        if link.is_open() && link.renewal.fetched(now, &event_id) {
            let nonce = link.nonce.clone();
            if self.refreshes.len() == REFRESHES {
                self.refreshes.pop_front();
            }
            self.refreshes.push_back(event_id.clone());
            self.out.push_back(Output::Refresh {
                conn,
                event_id,
                nonce,
            });
        }
    }

    pub(super) fn renew_again(&mut self, now: Time, conn: Conn) {
        let tries = self.link_mut(conn).map(|link| link.renewal.tries());
        let Some(tries) = tries else { return };
        let at = now + self.policy.backoff(tries);
        if let Some(link) = self.link_mut(conn) {
            link.renewal.again(at);
        }
    }

    pub(super) fn ping(&mut self, now: Time) {
        let Some(link) = &mut self.link else { return };
        link.pinged_at = now;
        let (conn, payload) = (link.conn, now.as_millis());
        if link.protocol.is_offhook() {
            let ping = Ping {
                t: payload,
                extra: Fields::new(),
            };
            self.say(conn, ping);
        } else {
            self.outbox.input().ask(payload);
            self.out.push_back(Output::Ping { conn, payload });
        }
    }

    /// Sends something that is about the connection and means nothing to the next one.
    pub(super) fn say(&mut self, conn: Conn, event: impl Into<ClientEvent>) {
        let frame = Frame::Text(Envelope::from(event.into()).encode());
        self.out.push_back(Output::Transmit { conn, frame });
    }

    /// There is reason to doubt that the line is still good: ask, and do not wait long.
    pub(super) fn probe(&mut self, now: Time, cause: Cause) {
        let Some(link) = self.link.as_mut().filter(|link| link.is_open()) else {
            return;
        };
        if link.probe.is_none() {
            link.probe = Some((now + PROBE, cause));
            self.ping(now);
        }
    }

    /// Whoever is called much later than agreed has slept, whether or not it is said.
    pub(super) fn notice_absence(&mut self, now: Time) {
        if let Some(announced) = self.announced.take()
            && now > announced + LATE
        {
            self.slept(now, now - announced);
        }
    }

    pub(super) fn slept(&mut self, now: Time, slept: Duration) {
        if self.woke_at.is_some_and(|at| now - at < ONE_SLEEP) {
            return;
        }
        self.woke_at = Some(now);
        match &mut self.phase {
            Phase::Live => {
                let Some(link) = self.link.as_mut().filter(|link| link.is_open()) else {
                    return;
                };
                if slept >= LET_GO && link.protocol.is_offhook() {
                    let conn = link.conn;
                    return self.abandon(now, conn, Cause::Slept, Wait::AtOnce);
                }
                // What came meanwhile has not been read yet.
                link.heard_at = now;
                self.probe(now, Cause::Slept);
            }
            Phase::Away(away) => {
                away.gives_up_at = away.gives_up_at.max(now + self.config.give_up);
                away.cause = Cause::Slept;
                match &self.link {
                    Some(link) => {
                        let conn = link.conn;
                        self.abandon(now, conn, Cause::Slept, Wait::AtOnce);
                    }
                    None => self.retry_now(now),
                }
                self.show();
            }
            Phase::Dialling { .. } | Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    /// When the machine has to be told the time next, and what for.
    pub(super) fn next_deadline(&self) -> (Option<Time>, &'static str) {
        let mut next: Option<(Time, &'static str)> = None;
        let mut consider = |other: Option<(Time, &'static str)>| {
            if let Some(other) = other
                && next.is_none_or(|next| other.0 < next.0)
            {
                next = Some(other);
            }
        };
        match &self.phase {
            Phase::Ended => return (None, "ended"),
            Phase::Closing { deadline, .. } => {
                return (Some(*deadline), "the far end's close frame");
            }
            Phase::Dialling { retry_at, .. } => {
                consider(retry_at.map(|at| (at, "the next attempt")));
            }
            Phase::Away(away) => {
                consider(Some((away.gives_up_at, "giving up")));
                consider(away.retry.map(|next| (next.at, "the next attempt")));
            }
            Phase::Live => {
                consider(self.pump_at().map(|at| (at, "the next audio")));
                consider(self.handover_at().map(|at| (at, "a hand-over")));
            }
        }
        consider(self.link.as_ref().map(super::link::Link::next_deadline));
        // One that is to take over is not open before it has.
        consider(
            self.next
                .as_ref()
                .map(|next| (next.deadline, "a step of taking over")),
        );
        match next {
            Some((at, why)) => (Some(at), why),
            None => (None, "news"),
        }
    }
}
