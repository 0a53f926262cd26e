//! The line's life: dials, what becomes of a connection that is gone, the end.

use alloc::string::String;
use core::time::Duration;

use super::link::{Link, Stage};
use super::policy::{Next, WELL, Wait, Why};
use super::verdict::{Verdict, first_failed};
use super::{Cause, Client, Doing, End, Failure, Network, Output, Phase, State, Step};
use crate::wire::Fields;
use crate::wire::client::Bye;
use crate::wire::{ClientEvent, Envelope};
use crate::{Close, Conn, Frame, Time};

/// How long a server that says to come back is asked again before a call was up.
const FIRST_GIVE_UP: Duration = Duration::from_secs(15);
/// A token that is closer to its end than this is not used.
const FRESH: Duration = Duration::from_secs(5);

/// A line that was up and is gone.
#[derive(Debug)]
pub(super) struct Away {
    pub(super) since: Time,
    pub(super) cause: Cause,
    /// Which attempt is under way or comes next, from 1.
    pub(super) attempt: u32,
    pub(super) gives_up_at: Time,
    /// When it is made; none while it is.
    pub(super) retry: Option<Next>,
}

impl Away {
    pub(super) fn state(&self, link: Option<&Link>) -> State {
        let doing = match (&self.retry, link) {
            (Some(Next { at, why }), _) => match why {
                Why::Backoff => Doing::Waiting { until: *at },
                Why::Breaker => Doing::Pausing { until: *at },
                Why::Offline => Doing::Offline { until: *at },
            },
            (None, Some(link)) => Doing::Trying(link.stage.step()),
            (None, None) => Doing::Trying(Step::Authorising),
        };
        State::Reconnecting {
            cause: self.cause,
            attempt: self.attempt,
            doing,
            gives_up_at: self.gives_up_at,
        }
    }
}

/// A new connection is to take over while the old one is still up.
#[derive(Debug)]
pub(super) struct Handover {
    pub(super) at: Time,
    /// Where to.
    pub(super) url: Option<String>,
    /// Whether it waits until nobody speaks, until this time at the latest.
    pub(super) quiet_until: Option<Time>,
}

impl Client {
    /// An attempt at a connection.
    pub(super) fn dial(&mut self, now: Time, url: Option<String>) -> Link {
        self.policy.dialled(now);
        self.conns += 1;
        let conn = Conn(self.conns);
        let session = self.session.as_ref().filter(|session| session.can_resume());
        let session = session.map(|session| session.id.clone());
        let deadline = now + self.config.step_timeout;
        let link = Link::new(conn, now, deadline, session.is_some(), url);
        self.out.push_back(Output::Authorise { conn, session });
        link
    }

    pub(super) fn authorised(&mut self, now: Time, conn: Conn, expires_in: Option<Duration>) {
        let deadline = now + self.config.step_timeout;
        let session = self.session.as_ref().map(|session| session.id.clone());
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        if link.stage != Stage::Authorising {
            return;
        }
        if expires_in.is_some_and(|left| left < FRESH) {
            let detail = "the token service's token expires too soon to be used".into();
            return self.failed(now, conn, Failure::NotTheProtocol { detail });
        }
        link.stage = Stage::Connecting;
        link.deadline = deadline;
        let connect = Output::Connect {
            conn,
            session: session.filter(|_| link.resumes),
            url: link.url.clone(),
        };
        self.out.push_back(connect);
        self.show();
    }

    pub(super) fn failed(&mut self, now: Time, conn: Conn, failure: Failure) {
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        let step = link.stage.step();
        let verdict = match self.phase {
            Phase::Dialling { .. } => first_failed(failure),
            _ => self.strikes.failed(step, failure),
        };
        self.gone(now, conn, verdict);
    }

    /// Drops a connection that is no good, without a word: the session goes on over another.
    pub(super) fn abandon(&mut self, now: Time, conn: Conn, cause: Cause, wait: Wait) {
        self.out.push_back(Output::Abort { conn });
        self.gone(now, conn, Verdict::again(cause, wait));
    }

    /// A connection, or an attempt at one, is gone.
    pub(super) fn gone(&mut self, now: Time, conn: Conn, verdict: Verdict) {
        if let Some(next) = self.next.take_if(|next| next.conn == conn) {
            self.count(now, &next);
            return self.takeover_failed(now, &verdict);
        }
        let Some(link) = self.link.take_if(|link| link.conn == conn) else {
            return;
        };
        self.count(now, &link);
        self.outbox.stop();
        self.catching_up = None;
        self.handover = None;
        match verdict {
            Verdict::Over(end) => self.end(end),
            Verdict::Again { cause, wait, anew } => {
                if let (true, Some(session)) = (anew, &mut self.session) {
                    session.epoch.clear();
                }
                self.again(now, cause, wait);
            }
        }
    }

    fn count(&mut self, now: Time, link: &Link) {
        if let Some((lived, up)) = link.lives(now) {
            self.policy.ended(lived, up);
        }
    }

    /// A line that is up long enough is well: what may happen once may happen once more.
    pub(super) fn forgive(&mut self, now: Time) {
        let opened_at = self.link.as_ref().and_then(|link| link.opened_at);
        if opened_at.is_some_and(|at| now >= at + WELL) {
            self.strikes.forgive();
        }
    }

    fn again(&mut self, now: Time, cause: Cause, wait: Wait) {
        let next = self.policy.next(now, cause, wait);
        let cause = match next.why {
            Why::Backoff => cause,
            Why::Breaker => Cause::ServerUnstable,
            Why::Offline => Cause::NetworkDown,
        };
        match &mut self.phase {
            Phase::Dialling { since, retry_at } => {
                if next.at > *since + FIRST_GIVE_UP {
                    let after = FIRST_GIVE_UP;
                    return self.end(End::GaveUp { after, cause });
                }
                *retry_at = Some(next.at);
            }
            Phase::Live => {
                let mut away = Away {
                    since: now,
                    cause,
                    attempt: 1,
                    gives_up_at: now + self.config.give_up,
                    retry: Some(next),
                };
                // One that was to take over is the first attempt.
                self.link = self.next.take();
                if self.link.is_some() {
                    away.retry = None;
                }
                self.phase = Phase::Away(away);
            }
            Phase::Away(away) => {
                away.cause = cause;
                away.attempt = away.attempt.saturating_add(1);
                away.retry = Some(next);
            }
            Phase::Closing { .. } | Phase::Ended => {}
        }
        if next.at <= now {
            self.redial(now);
        }
        self.show();
    }

    /// The wait is over, or cut short.
    pub(super) fn redial(&mut self, now: Time) {
        if self.link.is_some() {
            return;
        }
        match &mut self.phase {
            Phase::Dialling { retry_at, .. } => *retry_at = None,
            Phase::Away(away) => {
                away.retry = None;
                self.policy.attempted();
            }
            Phase::Live | Phase::Closing { .. } | Phase::Ended => return,
        }
        self.link = Some(self.dial(now, None));
        self.show();
    }

    pub(super) fn retry_now(&mut self, now: Time) {
        self.hasten(now, &[Why::Backoff, Why::Offline, Why::Breaker]);
    }

    /// Does not wait any longer for what was waited for, within the budget.
    fn hasten(&mut self, now: Time, whys: &[Why]) {
        let allowed = self.policy.allowed_at().max(now);
        if let Phase::Away(away) = &mut self.phase
            && let Some(next) = &mut away.retry
            && whys.contains(&next.why)
        {
            next.at = next.at.min(allowed);
            next.why = Why::Backoff;
            if next.at <= now {
                self.redial(now);
            } else {
                self.show();
            }
        }
    }

    pub(super) fn network(&mut self, now: Time, network: Network) {
        let cause = match network {
            Network::Down => Cause::NetworkDown,
            Network::Up | Network::Changed => Cause::NetworkChanged,
        };
        self.policy.set_online(network != Network::Down);
        if let Phase::Away(away) = &mut self.phase {
            away.cause = match network {
                Network::Down => Cause::NetworkDown,
                _ if away.cause == Cause::NetworkDown => Cause::NetworkChanged,
                _ => away.cause,
            };
        }
        if network != Network::Down {
            self.hasten(now, &[Why::Backoff, Why::Offline]);
        }
        self.probe(now, cause);
        self.show();
    }

    /// Gives up a call whose line does not come back.
    pub(super) fn give_up(&mut self) {
        if let Phase::Away(away) = &self.phase {
            let cause = away.cause;
            let after = self.config.give_up;
            self.abort_all();
            self.end(End::GaveUp { after, cause });
        }
    }

    pub(super) fn hang_up(&mut self, now: Time) {
        if matches!(self.phase, Phase::Closing { .. } | Phase::Ended) {
            return;
        }
        if let Some(next) = self.next.take() {
            self.out.push_back(Output::Abort { conn: next.conn });
        }
        match self.link.take() {
            Some(link) if link.connected_at.is_some() => {
                if link.is_open() && link.protocol.is_offhook() {
                    let bye = ClientEvent::from(Bye {
                        reason: "hang_up".into(),
                        extra: Fields::new(),
                    });
                    let frame = Frame::Text(Envelope::from(bye).encode());
                    let conn = link.conn;
                    self.out.push_back(Output::Transmit { conn, frame });
                }
                self.close(now, link.conn, Close::new(Close::NORMAL, ""), End::HungUp);
            }
            Some(link) => {
                self.out.push_back(Output::Abort { conn: link.conn });
                self.end(End::HungUp);
            }
            None => self.end(End::HungUp),
        }
    }

    /// Says goodbye, and why to the caller as soon as the far end has answered.
    pub(super) fn close(&mut self, now: Time, conn: Conn, close: Close, end: End) {
        self.out.push_back(Output::Close { conn, close });
        self.link = None;
        self.phase = Phase::Closing {
            conn,
            deadline: now + self.config.close_timeout,
            end,
        };
    }

    pub(super) fn finish_closing(&mut self) {
        if let Phase::Closing { end, .. } = core::mem::replace(&mut self.phase, Phase::Ended) {
            self.end(end);
        }
    }

    pub(super) fn abort_all(&mut self) {
        for link in [self.link.take(), self.next.take()].into_iter().flatten() {
            self.out.push_back(Output::Abort { conn: link.conn });
        }
    }

    pub(super) fn end(&mut self, end: End) {
        self.abort_all();
        self.handover = None;
        self.phase = Phase::Ended;
        self.out.push_back(Output::State(State::Ended(end)));
    }
}
