//! What a client's driver does: asks for tokens, connects, sends, and tells the machine what came of
//! it.

use std::time::Duration;

use offhook_proto::client::{Back, Doing, End, Failure, Input, Output, State};
use offhook_proto::{Conn, Protocol};

use super::{Timer, World};
use crate::check::{Invariant, Verdict, violated};
use crate::fault::Door;
use crate::mutation::Mutation;
use crate::net::{Link, Packet};
use crate::time::{MS, S, Us, duration, micros, spoken};
use crate::tokens;

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(super) conn: Conn,
    pub(super) session: Option<String>,
    pub(super) token: Option<usize>,
    /// When it was connected.
    pub(super) connected_at: Option<Us>,
}

/// What the token service says.
#[derive(Debug)]
pub(crate) enum Answer {
    Token(usize),
    Refused(Failure),
}

/// A token that is used for a dial has at least so much left.
const FRESH: Us = 5 * S;

impl World {
    pub(super) fn tell_client(&mut self, input: Input<'_>) {
        self.client.handle(self.client_clock.at(self.now), input);
        self.drain_client();
    }

    pub(super) fn drain_client(&mut self) {
        loop {
            match self.client.poll() {
                Output::Wait { until, why } => {
                    let lateness = self.random.below(2 * MS);
                    self.client_wake =
                        until.map(|until| (self.client_clock.when(until) + lateness, why));
                    if self.is(Mutation::Spins) && self.now > 5 * S {
                        self.client_wake = Some((self.now, why));
                    }
                    break;
                }
                output => self.client_says(output),
            }
        }
        let kept = self.client.kept_bytes();
        self.stats.most_kept_client = self.stats.most_kept_client.max(kept);
        let most = self.scenario.window().as_millis() as u64 * 48 + self.scenario.frame * 2;
        // What is on its way is kept besides.
        if kept > most + 16 * 48_000 {
            let detail = format!("the client keeps {kept} bytes of audio");
            self.must(violated(Invariant::Memory, detail));
        }
    }

    fn client_says(&mut self, output: Output) {
        match output {
            Output::Authorise { conn, session } => self.authorise(conn, session),
            Output::Connect { conn, session, url } => {
                if url.as_deref().is_some_and(tokens::leaks) {
                    self.must(violated(Invariant::Secret, "in a URL"));
                }
                self.connect(conn, session);
            }
            Output::Renew { conn, session } => {
                self.renew(conn, &session);
                if self.is(Mutation::RefreshTwice) {
                    self.renew(conn, &session);
                }
            }
            Output::Refresh { conn, event_id, .. } => self.refresh(conn, event_id),
            Output::Transmit { conn, frame } => self.client_transmits(conn, frame),
            Output::Ping { conn, payload } => self.send_up(conn, Packet::Ping(payload)),
            Output::Close { conn, close } => {
                self.note(|| format!("client closes {conn}: {} {:?}", close.code, close.reason));
                self.gone(conn, true);
                self.send_up(conn, Packet::Close(close));
            }
            Output::Abort { conn } => {
                self.note(|| format!("client aborts {conn}"));
                self.gone(conn, true);
                self.send_up(conn, Packet::Fin);
                if let Some(link) = self.link_mut(conn) {
                    link.client_listens = false;
                    link.up.shut = true;
                }
            }
            Output::Event(event) => self.shown(&event),
            Output::State(state) => self.state(state),
            Output::Back(back) => self.back(back),
            Output::Lost(gap) => {
                self.note(|| format!("{gap:?}"));
                self.lost(&gap);
            }
            Output::Ignored { detail } => {
                self.note(|| format!("client passes over: {detail}"));
                if tokens::leaks(&detail) {
                    self.must(violated(Invariant::Secret, detail));
                }
            }
            Output::Wait { .. } => {}
        }
    }

    fn state(&mut self, state: State) {
        self.note(|| format!("STATE {state:?}"));
        if let State::Reconnecting {
            doing, gives_up_at, ..
        } = &state
        {
            let until = self.client_clock.when(*gives_up_at);
            let verdict = self.stays_away(until);
            self.must(verdict);
            if let Doing::Waiting { until } | Doing::Pausing { until } | Doing::Offline { until } =
                doing
            {
                let until = self.client_clock.when(*until);
                let verdict = self.dials.waits(self.now, until);
                self.must(verdict);
            }
            if matches!(doing, Doing::Pausing { .. }) && self.is(Mutation::NoBreaker) {
                let verdict = self.dials.dial(self.now, false);
                self.must(verdict);
            }
        }
        let is_up = |state: &State| matches!(state, State::Live { .. } | State::CatchingUp { .. });
        if is_up(&state) && !self.state.as_ref().is_some_and(is_up) {
            self.caller
                .up_since(self.now, micros(self.client.waiting()));
        }
        if let State::Ended(end) = &state {
            self.over(end.clone());
        }
        self.state = Some(state);
    }

    fn back(&mut self, back: Back) {
        self.note(|| format!("{back:?}"));
        self.stats.answers_lost += u64::from(back.answer_lost);
        let away = self.caller.away.map_or(0, |(since, _)| self.now - since);
        if micros(back.away).abs_diff(away) > MS {
            let detail = format!("back after {} ms, it is said: {back:?}", away / MS);
            self.must(violated(Invariant::Stuck, detail));
        }
        if back.resumed {
            self.stats.resumed += 1;
            return;
        }
        if back.away == Duration::ZERO {
            self.stats.handed_over += 1;
        } else {
            self.stats.reseeded += 1;
        }
        let verdict = self.lines.back_anew(back.answer_lost, self.caller.asked);
        self.must(verdict);
        let before = self.lines.heard.and_then(|slot| self.slot_numbered(slot));
        let still_there = before.map(|slot| &self.slots[slot]).filter(|slot| {
            let is_there = !slot.ended && !slot.ending && !slot.drained;
            is_there && slot.instance == self.instance && slot.protocol.is_offhook()
        });
        // A server that did not select the superset had no session to go on with.
        let could_resume = self.caller.agreed.is_some_and(Protocol::is_offhook);
        if let Some(slot) = still_there.filter(|_| could_resume) {
            let detail = format!("a new session, though life {} is still there", slot.number);
            self.must(violated(Invariant::Output, detail));
        }
    }

    /// The line is away, and is given up then.
    fn stays_away(&mut self, until: Us) -> Verdict {
        let now = self.now;
        let (since, _) = *self.caller.away.get_or_insert((now, until));
        self.caller.away = Some((since, until));
        let latest = since.max(self.caller.woke_at) + micros(self.scenario.client.give_up);
        if until > latest + S || until + S < now {
            let detail = format!(
                "away since {}, given up only at {}",
                spoken(since),
                spoken(until)
            );
            return violated(Invariant::Stuck, detail);
        }
        Ok(())
    }

    /// How long the line has been away.
    pub(super) fn away_for(&self) -> Us {
        self.caller.away.map_or(0, |(since, _)| self.now - since)
    }

    fn over(&mut self, end: End) {
        if self.ended.is_some() {
            let detail = format!("it ended before, and now {end:?}");
            return self.must(violated(Invariant::Stuck, detail));
        }
        self.ended = Some((self.now, end));
        self.caller.next_frame = None;
        self.judge_end();
    }

    fn authorise(&mut self, conn: Conn, session: Option<String>) {
        self.note(|| format!("client wants a token for {conn}, session {session:?}"));
        // Whoever wakes up does not wait for what was before.
        let woke = self.caller.woke_at > 0 && self.now < self.caller.woke_at + 3 * S;
        let verdict = self.dials.dial(self.now, self.caller.wants_now || woke);
        self.must(verdict);
        if self.is(Mutation::DialsTwice) {
            let verdict = self.dials.dial(self.now, false);
            self.must(verdict);
        }
        if self.attempts.iter().any(|attempt| attempt.conn == conn) {
            let detail = format!("{conn} is used twice");
            self.must(violated(Invariant::Token, detail));
        }
        // Two may be under way: one that carries the call and one that is to take over.
        self.attempts.retain(|attempt| conn.0 - attempt.conn.0 < 64);
        self.attempts.push(Attempt {
            conn,
            session: session.clone(),
            token: None,
            connected_at: None,
        });
        if self.is(Mutation::DriverSilent) && conn.0 > 1 {
            return;
        }
        if let Some((after, answer)) = self.ask_for_token(session) {
            self.at(self.now + after, Timer::Minted { conn, answer });
        }
    }

    /// What the token service answers, and after how long; nothing if it does not.
    pub(super) fn ask_for_token(&mut self, session: Option<String>) -> Option<(Us, Answer)> {
        let (up, down) = (self.conditions.up, self.conditions.down);
        let mut after = up.latency + down.latency + self.scenario.mint;
        after += self.random.below(up.jitter + down.jitter + 1);
        let conditions = &self.conditions;
        if conditions.outage_until > self.now {
            if conditions.outage_fails_fast {
                let detail = "no route to the token service".into();
                return Some((MS, Answer::Refused(Failure::Unreachable { detail })));
            }
            after += conditions.outage_until - self.now;
        }
        if let Some((until, slow)) = conditions.token_service
            && self.now < until
        {
            match slow {
                Some(slow) => after += slow,
                None => return None,
            }
        }
        if let Some(failure) = conditions.refusal(self.now, Door::Mint) {
            self.hinted(&failure);
            return Some((after, Answer::Refused(failure)));
        }
        if let Some(session) = &session
            && self.is_revoked(session)
        {
            let failure = Failure::Refused {
                status: 403,
                retry_after: None,
                detail: "the session was revoked".into(),
            };
            return Some((after, Answer::Refused(failure)));
        }
        let session = session.unwrap_or_else(|| {
            self.numbers += 1;
            format!("sess_{}", self.numbers)
        });
        // It counts from when it was minted, which is before the answer is here.
        let left = match self.conditions.old_tokens {
            Some((until, left)) if self.now < until => left + after,
            _ => self.scenario.ttl,
        };
        let number = self.tokens.mint(session, self.now + left);
        Some((after, Answer::Token(number)))
    }

    pub(super) fn minted(&mut self, conn: Conn, answer: Answer) {
        if self.conditions.client_runs_at > self.now {
            let at = self.conditions.client_runs_at;
            return self.at(at, Timer::Minted { conn, answer });
        }
        let Some(attempt) = self.attempts.iter_mut().find(|a| a.conn == conn) else {
            return;
        };
        match answer {
            Answer::Token(number) => {
                attempt.token = Some(number);
                let mut left = self.tokens.left(number, self.now);
                if self.mutation == Some(Mutation::StaleToken) {
                    left = 60 * S;
                }
                let expires_in = self.scenario.tells_expiry.then(|| duration(left));
                self.note(|| format!("a token for {conn}, {} ms left", left / MS));
                self.tell_client(Input::Authorised { conn, expires_in });
            }
            Answer::Refused(failure) => {
                self.note(|| format!("no token for {conn}: {failure:?}"));
                self.tell_client(Input::Failed { conn, failure });
            }
        }
    }

    fn connect(&mut self, conn: Conn, session: Option<String>) {
        let previous = conn.0.checked_sub(1).map(Conn);
        let place = |world: &Self, conn: Conn| world.attempts.iter().position(|a| a.conn == conn);
        let mut token = place(self, conn).and_then(|at| self.attempts[at].token.take());
        if self.is(Mutation::TokenTwice)
            && let Some(previous) = previous.filter(|p| p.0 > 0)
        {
            token = Some(previous.0 as usize - 1);
        }
        let Some(number) = token else {
            let detail = format!("{conn} is to be connected without a token of its own");
            return self.must(violated(Invariant::Token, detail));
        };
        if let Some(at) = place(self, conn) {
            let asked = &self.attempts[at].session;
            if *asked != session {
                let detail = format!("the token is for {asked:?}, the dial for {session:?}");
                self.must(violated(Invariant::Token, detail));
            }
        }
        let left = self.tokens.left(number, self.now);
        if left < FRESH && (self.scenario.tells_expiry) {
            let detail = format!("{conn} dials with a token that has {} ms left", left / MS);
            self.must(violated(Invariant::Token, detail));
        }
        if !self.tokens.show(number) {
            let detail = format!("{conn} dials with a token that was used before");
            self.must(violated(Invariant::Token, detail));
        }
        self.note(|| format!("client dials {conn}, session {session:?}"));
        let mut link = Link::new(conn, false);
        if self.conditions.outage_until > self.now {
            if self.conditions.outage_fails_fast {
                let detail = "no route to the server".into();
                let failure = Failure::Unreachable { detail };
                self.links.push(link);
                self.send_down(conn, Packet::Refused(failure));
                return;
            }
            link.up.stall(self.conditions.outage_until);
            link.down.stall(self.conditions.outage_until);
        }
        self.links.push(link);
        // TCP and TLS come first.
        let mut way = self.conditions.up;
        way.latency = way.latency * 4 + self.scenario.upgrade;
        let upgrade = Packet::Upgrade {
            token: number,
            session,
        };
        let now = self.now;
        let link = self.links.last_mut().expect("it was just put there");
        link.up.send(now, way, &mut self.random, upgrade);
    }

    /// A connection, or an attempt at one, is no more. `replaced`: if there is another, that is why.
    pub(super) fn gone(&mut self, conn: Conn, replaced: bool) {
        let attempt = self.attempts.iter_mut().find(|a| a.conn == conn);
        if let Some(at) = attempt.and_then(|a| a.connected_at.take()) {
            // One that another has taken over from was not ended by anybody else.
            let mut others = self.attempts.iter();
            let last = others.all(|other| other.conn < conn || other.connected_at.is_none());
            if last || !replaced {
                self.dials.gone(self.now, self.now - at);
            }
            self.stats.drops += 1;
        }
        self.renewing.retain(|renewing| renewing.conn != conn);
        if let Some(wire) = self.wires.get(conn) {
            wire.left = true;
        }
        self.gone_after_healing();
    }
}
