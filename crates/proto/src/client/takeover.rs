//! A connection takes the call: for the first time, where it stopped, or with a new session.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::time::Duration;

use super::flow::CatchingUp;
use super::line::Handover;
use super::link::Session;
use super::policy::{WELL, Wait};
use super::verdict::Verdict;
use super::{Back, Cause, Client, Direction, Gap, Output, Phase, ms};
use crate::wire::ClientEvent;
use crate::wire::server::{GoAway, SessionResumed};
use crate::{Close, Conn, Time};

/// How long a planned hand-over waits for a moment when nobody speaks.
const QUIET_WITHIN: Duration = Duration::from_secs(4 * 60);
/// How long after one that came to nothing the next is tried, while the old line is still up.
const AGAIN: Duration = Duration::from_secs(10);
/// After so many hand-overs in a row, each to a connection that was to be left again soon, the next
/// one waits.
const IN_A_ROW: u32 = 2;

/// Hand-overs begun, one soon after the other.
#[derive(Debug, Default)]
pub(super) struct Handovers {
    last: Option<Time>,
    count: u32,
}

impl Handovers {
    fn count(&mut self, now: Time) {
        let soon = self.last.is_some_and(|last| now - last < 2 * WELL);
        self.count = if soon { self.count + 1 } else { 1 };
        self.last = Some(now);
    }

    /// When another may be, because the server wants one. A server that goes away and lets its
    /// clients in again, to tell them once more, would use up the budget for dials in seconds, and
    /// there were none left for when it is gone.
    fn allowed_at(&self) -> Time {
        match self.last {
            Some(last) if self.count >= IN_A_ROW => last + WELL,
            _ => Time::ZERO,
        }
    }
}

impl Client {
    /// The session goes on over this connection where it stopped.
    pub(super) fn resumed(&mut self, now: Time, conn: Conn, resumed: &SessionResumed) {
        let received = self.session.as_ref().map_or(0, |session| session.received);
        if resumed.replay_from > received + 1 {
            // What is missing between will never come.
            self.out.push_back(Output::Close {
                conn,
                close: Close::new(Close::BAD_SEQUENCE, "sequence.gap"),
            });
            let verdict = Verdict::Again {
                cause: Cause::ServerFault,
                wait: Wait::AtOnce,
                anew: true,
            };
            return self.gone(now, conn, verdict);
        }
        if let Some(old) = self.take_over(now, conn) {
            self.out.push_back(Output::Abort { conn: old });
        }
        self.outbox.rewind(resumed.recv, resumed.commit);
        self.up(now, true, false);
    }

    /// A new session is open on this connection.
    pub(super) fn begun(&mut self, now: Time, conn: Conn) {
        let Some(fresh) = self.link_mut(conn).and_then(|link| link.fresh.take()) else {
            return;
        };
        if let Some(old) = self.take_over(now, conn) {
            // Its session is over, and nothing of it is wanted any more.
            let close = Close::new(Close::NORMAL, "");
            self.out.push_back(Output::Close { conn: old, close });
        }
        let plain = !fresh.can_resume();
        if plain {
            let at = now + self.config.plain_lifetime;
            self.handover = Some(Handover {
                at,
                url: None,
                quiet_until: Some(at + QUIET_WITHIN),
            });
        }
        let old = self.session.replace(fresh);
        let answer_lost = old.is_some_and(|old| self.tell_all(&old));
        self.input_from = self.outbox.begins_at();
        self.up(now, false, answer_lost);
    }

    /// Makes this connection the one that carries the call; the one that did.
    fn take_over(&mut self, now: Time, conn: Conn) -> Option<Conn> {
        let mut old = None;
        if self.next.as_ref().is_some_and(|next| next.conn == conn) {
            old = self.link.take().map(|link| link.conn);
            self.link = self.next.take();
            self.outbox.stop();
        }
        self.handover = None;
        if let Some(link) = &mut self.link {
            link.opened(now);
            self.handover = link.leave_at.map(|at| Handover {
                at,
                url: None,
                quiet_until: None,
            });
        }
        old
    }

    /// Tells a new session the conversation so far and what it has to hear again; whether an answer
    /// got lost with the old one.
    fn tell_all(&mut self, old: &Session) -> bool {
        let settings = self.settings.tell().map(ClientEvent::from);
        let items = self.history.tell();
        self.echoes.clear();
        let told_before = core::mem::take(&mut self.told);
        for event in &items {
            if let ClientEvent::ConversationItemCreate(create) = event {
                self.echoes.insert(create.item.id.clone());
                self.told.insert(create.item.id.clone());
            }
        }
        let ids = &mut self.ids;
        let first = settings.into_iter().chain(items);
        let first = first.map(|event| (ids.next("event"), event));
        let (history, mut asks) = (&self.history, false);
        let lost = self.outbox.restart(first, |event| match event {
            // Of what the old session was to be told, some may be forgotten since.
            ClientEvent::ConversationItemCreate(create) => {
                let id = &create.item.id;
                !history.has(id) && !told_before.contains(id)
            }
            ClientEvent::ResponseCreate(_) => {
                asks = true;
                true
            }
            // Told already, or about an answer that is gone.
            ClientEvent::SessionUpdate(_)
            | ClientEvent::ConversationItemTruncate(_)
            | ClientEvent::ConversationItemDelete(_)
            | ClientEvent::ResponseCancel(_) => false,
            _ => true,
        });
        if let Some(lost) = lost {
            self.lost(Direction::Input, ms(lost.from), ms(lost.to), "session_lost");
        }
        if old.answers {
            let heard = ms(self.history.samples(&old.item));
            self.lost(Direction::Output, heard, heard, "session_lost");
        }
        if let Some(session) = &mut self.session {
            session.owes_answer = asks;
        }
        old.answers || (old.owes_answer && !asks)
    }

    pub(super) fn lost(&mut self, direction: Direction, from_ms: u64, to_ms: u64, reason: &str) {
        self.out.push_back(Output::Lost(Gap {
            direction,
            from_ms,
            to_ms,
            reason: reason.to_owned(),
        }));
    }

    /// The line is up.
    fn up(&mut self, now: Time, resumed: bool, answer_lost: bool) {
        let away = match core::mem::replace(&mut self.phase, Phase::Live) {
            Phase::Away(away) => Some(now - away.since),
            Phase::Live if !resumed => Some(Duration::ZERO),
            _ => None,
        };
        if let Some(away) = away {
            self.out.push_back(Output::Back(Back {
                away,
                resumed,
                answer_lost,
                input_from_ms: ms(self.input_from),
            }));
            self.catching_up = CatchingUp::start(now, self.outbox.waiting());
        }
        self.shown = None;
        self.ping(now);
        self.show();
        self.pump(now);
    }

    /// The server will be gone soon, and says when to come back.
    pub(super) fn go_away(&mut self, now: Time, away: GoAway) {
        let after = Duration::from_millis(away.reconnect_after_ms.into());
        self.handover = Some(Handover {
            at: (now + after).max(self.handovers.allowed_at()),
            url: away.resume_url,
            quiet_until: None,
        });
    }

    /// When a hand-over is due.
    pub(super) fn handover_at(&self) -> Option<Time> {
        let handover = self.handover.as_ref()?;
        if self.next.is_some() {
            return None;
        }
        let at = match handover.quiet_until {
            Some(until) if !self.is_quiet() => until,
            _ => handover.at,
        };
        Some(at.max(self.policy.allowed_at()))
    }

    pub(super) fn hand_over_if_due(&mut self, now: Time) {
        if !matches!(self.phase, Phase::Live) || self.handover_at().is_none_or(|at| now < at) {
            return;
        }
        let url: Option<String> = self
            .handover
            .as_ref()
            .and_then(|handover| handover.url.clone());
        self.handovers.count(now);
        self.next = Some(self.dial(now, url));
    }

    fn is_quiet(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_quiet)
    }

    /// The connection that was to take over came to nothing; the old one is still there.
    pub(super) fn takeover_failed(&mut self, now: Time, verdict: &Verdict) {
        let at = match verdict {
            Verdict::Again { cause, wait, .. } => self.policy.next(now, *cause, *wait).at,
            Verdict::Over(_) => now + AGAIN,
        };
        if let Some(handover) = &mut self.handover {
            handover.at = at.max(now + Duration::from_secs(1));
            // The old address is better known than a new one.
            handover.url = None;
        }
    }
}
