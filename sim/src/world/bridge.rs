//! What a bridge does: lets connections in, keeps sessions, gives the upstream what is for it.

use offhook_proto::client::Failure;
use offhook_proto::server::{self, Attach, Output};
use offhook_proto::wire::Envelope;
use offhook_proto::{Close, Conn, Frame, Protocol, Server};
use secrecy::ExposeSecret as _;

use super::{Timer, World};
use crate::check::input::Got;
use crate::check::pace::Ticks;
use crate::check::sent::Sent;
use crate::check::{Invariant, violated};
use crate::fault::{Door, Flap, Offer};
use crate::mutation::Mutation;
use crate::net::Packet;
use crate::time::{MS, S, Us};
use crate::tokens::{self, Refused};
use crate::upstream::Upstream;

/// One session, as the server has it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) number: u32,
    pub(super) id: String,
    pub(super) instance: u32,
    pub(super) server: Server,
    wake: Option<(Us, &'static str)>,
    ticks: Ticks,
    pub(super) upstream: Upstream,
    /// A piece that a mutation holds back.
    pub(super) held: Option<Vec<u8>>,
    pub(super) got: Got,
    pub(super) sent: Sent,
    pub(super) attached: bool,
    pub(super) ended: bool,
    /// It was told something that ends it.
    pub(super) ending: bool,
    pub(super) revoked: bool,
    pub(super) moved: bool,
    pub(super) drained: bool,
    pub(super) protocol: Protocol,
    /// The latest of the caller's connections.
    pub(super) latest: Option<Conn>,
    pub(super) controls: u64,
    pub(super) pieces: u32,
    has_waited: bool,
}

impl Slot {
    /// Its process is gone.
    pub(super) fn dies(&mut self) {
        self.ended = true;
        self.ending = true;
        self.wake = None;
    }

    pub(super) fn next_at(&self) -> Option<Us> {
        if self.ended {
            return None;
        }
        let wake = self.wake.map(|(at, _)| at);
        let says = self
            .server
            .takes_upstream()
            .then(|| self.upstream.next_at());
        wake.into_iter().chain(says.flatten()).min()
    }
}

impl World {
    pub(super) fn slot_of(&self, conn: Conn) -> Option<usize> {
        let link = self.links.iter().rev().find(|link| link.conn == conn)?;
        let number = link.slot?;
        self.slots.iter().rposition(|slot| slot.number == number)
    }

    pub(super) fn slot_numbered(&self, number: u32) -> Option<usize> {
        self.slots.iter().rposition(|slot| slot.number == number)
    }

    pub(super) fn is_revoked(&self, session: &str) -> bool {
        let mut slots = self.slots.iter();
        slots.any(|slot| slot.id == session && slot.revoked)
    }

    /// A request for an upgrade is there.
    pub(super) fn upgrade(&mut self, conn: Conn, token: usize, session: Option<&str>) {
        let now = self.now;
        if now < self.conditions.server_down_until {
            let detail = "connection refused".into();
            return self.refuse(conn, Failure::Unreachable { detail });
        }
        if let Some(failure) = self.conditions.refusal(now, Door::Upgrade) {
            self.hinted(&failure);
            return self.refuse(conn, failure);
        }
        let (sid, expires_at) = match self.tokens.spend(token, session, now) {
            Ok(spent) => spent,
            Err(refused) => {
                let status = match refused {
                    Refused::Expired | Refused::Unknown => 401,
                    Refused::Spent => 409,
                    Refused::Foreign => 403,
                };
                return self.refuse(conn, refusal(status));
            }
        };
        if self.is_revoked(&sid) {
            return self.refuse(conn, refusal(403));
        }
        let protocol = match self.conditions.offer {
            Offer::Bin => Protocol::OffhookV1Bin,
            Offer::Json => Protocol::OffhookV1,
            Offer::Plain => Protocol::Plain,
            Offer::Alternating if conn.0.is_multiple_of(2) => Protocol::OffhookV1Bin,
            Offer::Alternating => Protocol::OffhookV1,
        };
        let there = self.slots.iter().rposition(|slot| {
            slot.id == sid
                && slot.instance == self.instance
                && !slot.ended
                && !slot.ending
                && slot.protocol.is_offhook() == protocol.is_offhook()
                && protocol.is_offhook()
        });
        let resumes = session.is_some();
        let index = match there.filter(|_| resumes) {
            Some(index) => index,
            None => self.open(sid, protocol),
        };
        let slot = &mut self.slots[index];
        let number = slot.number;
        slot.latest = Some(conn);
        let session = slot.id.clone();
        let link = self.link_mut(conn).expect("a packet came over it");
        link.slot = Some(number);
        link.protocol = protocol;
        self.note(|| format!("server takes {conn} for {session}, life {number}"));
        self.wire_begins(conn, expires_at);
        self.send_down(conn, Packet::Upgraded(protocol));
        let attach = Attach {
            conn,
            protocol,
            resumes,
            expires_at: Some(self.server_clock.at(expires_at)),
            nonce: None,
        };
        if let Some((until, after, how)) = self.conditions.flap
            && now < until
        {
            self.conditions.flaps.push((conn, how));
            self.at(now + after, Timer::FlapEnds { conn });
        }
        self.tell_server(index, server::Input::Attach(attach), Some(conn));
    }

    fn refuse(&mut self, conn: Conn, failure: Failure) {
        self.send_down(conn, Packet::Refused(failure));
        if let Some(link) = self.link_mut(conn) {
            link.server_listens = false;
            link.down.shut = true;
        }
    }

    fn open(&mut self, id: String, protocol: Protocol) -> usize {
        self.numbers += 1;
        let number = self.numbers;
        let config = server::Config {
            session_id: id.clone(),
            epoch: format!("epoch_{number}"),
            seed: self.random.bits(),
            unix_ms: self.scenario.server.unix_ms + self.now / MS,
            ..self.scenario.server.clone()
        };
        let server = Server::new(config, self.server_clock.at(self.now));
        let upstream = Upstream::new(self.scenario.script, self.random.fork(), number, self.now);
        self.slots.push(Slot {
            number,
            id,
            instance: self.instance,
            server,
            wake: None,
            ticks: Ticks::default(),
            upstream,
            held: None,
            got: Got::default(),
            sent: Sent::default(),
            attached: false,
            ended: false,
            ending: false,
            revoked: false,
            moved: false,
            drained: false,
            protocol,
            latest: None,
            controls: 0,
            pieces: 0,
            has_waited: false,
        });
        let life = self.scenario.upstream_life;
        self.at(self.now + life, Timer::UpstreamOver { slot: number });
        self.slots.len() - 1
    }

    pub(super) fn slot_tick(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        match slot.wake.take_if(|(at, _)| *at <= self.now) {
            Some((_, why)) => {
                let verdict = slot.ticks.tick(self.now, "server", why);
                self.must(verdict);
                self.tell_server(index, server::Input::Tick, None);
            }
            None => self.drain_server(index, None),
        }
    }

    pub(super) fn tell_server(
        &mut self,
        index: usize,
        input: server::Input<'_>,
        from: Option<Conn>,
    ) {
        if self.slots[index].ended {
            return;
        }
        let now = self.server_clock.at(self.now);
        self.slots[index].server.handle(now, input);
        self.drain_server(index, from);
    }

    /// Does what the machine says, then lets the upstream speak, until both have no more to say.
    /// `from`: over which connection came what it is about.
    fn drain_server(&mut self, index: usize, from: Option<Conn>) {
        loop {
            let output = self.slots[index].server.poll();
            if let Output::Wait { until, why } = output {
                let lateness = self.random.below(2 * MS);
                let clock = self.server_clock;
                let slot = &mut self.slots[index];
                slot.wake = until.map(|until| (clock.when(until) + lateness, why));
                let takes = slot.server.takes_upstream() && !slot.ended;
                if !takes && !slot.ended && !slot.ending && !slot.has_waited {
                    slot.has_waited = true;
                    self.stats.back_pressure += 1;
                }
                let reads = takes || self.mutation == Some(Mutation::NoBackPressure);
                let slot = &mut self.slots[index];
                let said = if reads {
                    slot.upstream.pop(self.now)
                } else {
                    None
                };
                let Some(said) = said else { break };
                let number = slot.number;
                if let Some((from, to)) = said.consumed {
                    self.ledger.consume(from, to);
                }
                if takes || self.mutation.is_some() {
                    self.lines.said(number, &said);
                }
                let now = self.server_clock.at(self.now);
                let event = server::Input::Upstream(Envelope::from(said.event));
                self.slots[index].server.handle(now, event);
                continue;
            }
            self.server_says(index, output, from);
        }
        let slot = &self.slots[index];
        let kept = slot.server.kept_bytes();
        self.stats.most_kept_server = self.stats.most_kept_server.max(kept as u64);
        let most = self.scenario.server.ring_bytes + (1 << 20) + (256 << 10);
        if kept > most {
            let detail = format!("the server keeps {kept} bytes, and {most} are allowed");
            self.must(violated(Invariant::Memory, detail));
        }
    }

    fn server_says(&mut self, index: usize, output: Output, from: Option<Conn>) {
        match output {
            Output::Transmit { conn, frame } => {
                let is_beat = match &frame {
                    Frame::Text(text) => text.starts_with("{\"type\":\"offhook.ack\""),
                    Frame::Binary(_) => false,
                };
                let silenced =
                    self.is(Mutation::HeartbeatLost) && (5 * S..6 * S).contains(&self.now);
                if silenced {
                    return;
                }
                self.server_said(conn, is_beat);
                self.send_down(
                    conn,
                    match frame {
                        Frame::Text(text) => Packet::Text(text),
                        Frame::Binary(bytes) => Packet::Binary(bytes),
                    },
                );
            }
            Output::Ping { conn } => self.send_down(conn, Packet::Ping(0)),
            Output::Close { conn, close } => self.server_closes(index, conn, close),
            Output::Abort { conn } => {
                self.note(|| format!("server aborts {conn}"));
                self.send_down(conn, Packet::Reset);
                self.server_leaves(conn);
                if let Some(link) = self.link_mut(conn) {
                    link.server_listens = false;
                    link.down.shut = true;
                }
            }
            Output::CheckToken {
                conn,
                event_id,
                token,
                ..
            } => {
                let number = tokens::number(token.secret().expose_secret());
                self.check_token(index, conn, event_id, number.unwrap_or(usize::MAX));
            }
            Output::Upstream(envelope) => self.upstream_gets(index, envelope, from),
            Output::UpstreamAudio(pcm) => self.upstream_hears(index, pcm, from),
            Output::Attached(attached) => {
                self.note(|| {
                    format!(
                        "server has {}",
                        if attached { "somebody" } else { "nobody" }
                    )
                });
                self.slots[index].attached = attached;
            }
            Output::Ended => {
                let number = self.slots[index].number;
                self.note(|| format!("server ends life {number}"));
                self.slots[index].ended = true;
            }
            Output::Wait { .. } => {}
        }
    }

    fn server_closes(&mut self, index: usize, conn: Conn, close: Close) {
        self.note(|| format!("server closes {conn}: {} {:?}", close.code, close.reason));
        let mut reason = close.reason.clone();
        if self.is(Mutation::SecretInReason) {
            reason.push_str(&tokens::spoken(1));
        }
        if tokens::leaks(&reason) {
            self.must(violated(Invariant::Secret, reason));
        }
        self.judge_close(index, conn, &close);
        self.server_leaves(conn);
        if let Some(link) = self.link_mut(conn) {
            link.server_closed = true;
        }
        self.send_down(conn, Packet::Close(close));
    }

    pub(super) fn server_leaves(&mut self, conn: Conn) {
        if let Some(wire) = self.wires.get(conn) {
            wire.said_at = None;
        }
    }

    pub(super) fn upstream_over(&mut self, slot: u32) {
        let Some(index) = self.slot_numbered(slot) else {
            return;
        };
        self.slots[index].ending = true;
        let close = Close::new(Close::GOING_AWAY, "session_expired");
        self.tell_server(index, server::Input::UpstreamEnded(close), None);
    }

    pub(super) fn flap_ends(&mut self, conn: Conn) {
        let flaps = &mut self.conditions.flaps;
        let Some(at) = flaps.iter().position(|(flapping, _)| *flapping == conn) else {
            return;
        };
        let (_, how) = flaps.remove(at);
        self.note(|| format!("{conn} flaps: {how:?}"));
        match how {
            Flap::Reset => self.send_down(conn, Packet::Reset),
            Flap::Close(code) => {
                let close = Close::new(code, "proxy.error");
                self.send_down(conn, Packet::Close(close));
            }
        }
        if let Some(link) = self.link_mut(conn) {
            link.down.shut = true;
        }
        self.send_up(conn, Packet::Reset);
    }
}

fn refusal(status: u16) -> Failure {
    Failure::Refused {
        status,
        retry_after: None,
        detail: String::new(),
    }
}
