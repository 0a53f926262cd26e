//! What goes over the wire is looked at by the way: numbers, acknowledgements, pace, heartbeats.

use offhook_proto::wire::{Envelope, ServerEvent};
use offhook_proto::{Conn, Frame};

use super::World;
use crate::check::pace::Flow;
use crate::check::sent::{self, Message};
use crate::check::{Invariant, violated};
use crate::log::Frame as Logged;
use crate::mutation::Mutation;
use crate::net::{Link, Packet};
use crate::time::{MS, PER_MS, S, Us, length};

/// One connection, as far as what goes over it is looked at.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) conn: Conn,
    /// The number that the client's next event over it has to have, once that is settled.
    next: Option<u64>,
    flow: Flow,
    /// The client is done with it: what comes over it does not count.
    pub(super) left: bool,
    /// When the server last said something over it, while it owes a sign of life.
    pub(super) said_at: Option<Us>,
    /// When something last came over it to the server, and since when it is there.
    pub(super) heard_at: Us,
    pub(super) attached_at: Us,
    pub(super) expires_at: Us,
}

impl Wire {
    pub(super) fn new(conn: Conn, now: Us, expires_at: Us) -> Self {
        Self {
            conn,
            next: None,
            flow: Flow::default(),
            left: false,
            said_at: None,
            heard_at: now,
            attached_at: now,
            expires_at,
        }
    }
}

/// All connections, and what is known over them.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    all: Vec<Wire>,
    /// Up to where the client knows that its audio is used, in samples.
    used: u64,
    /// A session that does not tell what it used has had audio: nobody knows exactly.
    inexact: bool,
    /// Up to where audio was transmitted.
    pub(super) transmitted: u64,
    messages: u32,
}

/// Audio on its way without being acknowledged.
const IN_FLIGHT: u64 = 8_000 * PER_MS;
/// Between two signs of life of the server's: the heartbeat, and a late timer.
const BEAT: Us = 250 * MS + 20 * MS;

impl Wires {
    pub(super) fn add(&mut self, wire: Wire) {
        if self.all.len() > 64 {
            self.all.drain(..32);
        }
        self.all.push(wire);
    }

    pub(super) fn get(&mut self, conn: Conn) -> Option<&mut Wire> {
        self.all.iter_mut().rev().find(|wire| wire.conn == conn)
    }

    /// The server did not run: nothing could be said.
    pub(super) fn excuse(&mut self, now: Us) {
        for wire in &mut self.all {
            wire.said_at = wire.said_at.map(|_| now);
        }
    }
}

impl World {
    pub(super) fn link_mut(&mut self, conn: Conn) -> Option<&mut Link> {
        self.links.iter_mut().rev().find(|link| link.conn == conn)
    }

    pub(super) fn send_up(&mut self, conn: Conn, packet: Packet) {
        let (now, way) = (self.now, self.conditions.up);
        let index = self.links.iter().rposition(|link| link.conn == conn);
        if let Some(index) = index {
            self.links[index]
                .up
                .send(now, way, &mut self.random, packet);
        }
    }

    pub(super) fn send_down(&mut self, conn: Conn, packet: Packet) {
        let (now, way) = (self.now, self.conditions.down);
        let index = self.links.iter().rposition(|link| link.conn == conn);
        if let Some(index) = index {
            let down = &mut self.links[index].down;
            down.send(now, way, &mut self.random, packet);
        }
    }

    pub(super) fn client_transmits(&mut self, conn: Conn, frame: Frame) {
        let message = match &frame {
            Frame::Binary(bytes) => {
                self.note_frame(Logged::Sent);
                sent::read_binary(bytes)
            }
            Frame::Text(text) if text.starts_with("{\"type\":\"offhook.ack\"") => {
                self.note_frame(Logged::Ack);
                return self.send_up(conn, Packet::Text(frame_text(frame)));
            }
            Frame::Text(text) => {
                if sent::is_audio(text) {
                    self.note_frame(Logged::Sent);
                } else {
                    self.note(|| format!("client → {conn} {}", short(text)));
                }
                sent::read_text(text)
            }
        };
        match message {
            Ok(message) => self.look_at(conn, message),
            Err(error) => self.must(violated(Invariant::Wire, error)),
        }
        let packet = match frame {
            Frame::Text(text) => Packet::Text(text),
            Frame::Binary(bytes) => Packet::Binary(bytes),
        };
        self.send_up(conn, packet);
    }

    fn look_at(&mut self, conn: Conn, mut message: Message) {
        let now = self.now;
        self.wires.messages += 1;
        if let (true, Some(seq)) = (self.is(Mutation::SequenceHole), message.seq)
            && self.wires.messages > 300
        {
            message.seq = Some(seq + 1);
        }
        let slot = self.slot_of(conn);
        if let Some((from, to)) = message.audio.filter(|_| !message.is_gap) {
            self.wires.transmitted = self.wires.transmitted.max(to);
            if let Some(wire) = self.wires.get(conn) {
                let verdict = wire.flow.sent(now, to - from);
                self.must(verdict);
            }
        }
        let Some(slot) = slot else { return };
        if message.seq.is_none() {
            if let Some((from, _)) = message.audio {
                self.slots[slot].sent.first.get_or_insert(from);
                self.wires.inexact = true;
            }
            return;
        }
        if let Some(wire) = self.wires.get(conn) {
            let expected = wire.next.replace(message.through + 1);
            if expected != message.seq {
                let detail = format!(
                    "over {conn} comes number {:?} instead of {expected:?}",
                    message.seq
                );
                self.must(violated(Invariant::Wire, detail));
            }
        }
        let sent = &mut self.slots[slot].sent;
        let first = match sent.send(message) {
            Ok(first) => first,
            Err(violation) => return self.must(Err(violation)),
        };
        if let Some((from, to)) = message.audio {
            if first && !self.wires.inexact {
                let verdict = self.ledger.begins(from, self.wires.used);
                return self.must(verdict);
            }
            let frame = self.scenario.frame;
            // The quick look first: what was lost on the way is not on its way.
            let apart = to.saturating_sub(sent.arrived.max(sent.first.unwrap_or(from)));
            if apart > IN_FLIGHT + frame && sent.in_flight() > IN_FLIGHT + frame {
                let ms = sent.in_flight() / PER_MS;
                let detail = format!("{ms} ms of audio are on their way");
                self.must(violated(Invariant::Wire, detail));
            }
        }
    }

    /// The client is about to be told something that the checks have to know, too.
    pub(super) fn told(&mut self, conn: Conn, text: &str) {
        const ACK: &str = "{\"type\":\"offhook.ack\"";
        const KNOWN: [&str; 5] = [
            "{\"type\":\"offhook.hello\"",
            "{\"type\":\"session.resumed\"",
            "{\"type\":\"session.refreshed\"",
            "{\"type\":\"error\"",
            "{\"type\":\"offhook.go_away\"",
        ];
        if text.starts_with(ACK) {
            self.note_frame(Logged::Ack);
        } else {
            self.note(|| format!("client ← {conn} {}", short(text)));
            if !KNOWN.iter().any(|known| text.starts_with(known)) {
                return;
            }
        }
        if self.wires.get(conn).is_none_or(|wire| wire.left) {
            return;
        }
        let Ok(envelope) = Envelope::<ServerEvent>::decode(text) else {
            return self.must(violated(Invariant::Wire, format!("the server says {text}")));
        };
        match envelope.event {
            ServerEvent::Ack(ack) => self.acknowledged(conn, ack.up_to, ack.commit),
            ServerEvent::Hello(hello) if hello.generation == 1 => {
                if let Some(wire) = self.wires.get(conn) {
                    wire.next = Some(1);
                }
            }
            ServerEvent::SessionResumed(resumed) => {
                if let Some(wire) = self.wires.get(conn) {
                    wire.next = Some(resumed.recv + 1);
                }
                self.acknowledged(conn, resumed.recv, resumed.commit);
                // What had not arrived over the old connection goes out again first.
                let arrived = self.slot_of(conn).map(|slot| self.slots[slot].sent.arrived);
                let again = self.ledger.captured - arrived.unwrap_or(0);
                let from = self.now + steady_after(length(again));
                self.caller.steady_from = self.caller.steady_from.max(from);
            }
            ServerEvent::SessionRefreshed(_) => {
                self.stats.refreshes += 1;
                self.renewing.retain(|renewing| renewing.conn != conn);
            }
            ServerEvent::Error(error) if error.error.event_id.is_some() => {
                let sent = |r: &super::refreshing::Renewing| r.conn == conn && r.sent;
                self.stats.refresh_failures += u64::from(self.renewing.iter().any(sent));
                self.renewing.retain(|renewing| !sent(renewing));
            }
            ServerEvent::GoAway(away) => {
                let wait = Us::from(away.reconnect_after_ms) * MS;
                self.dials.hint(self.now, wait);
            }
            _ => {}
        }
    }

    fn acknowledged(&mut self, conn: Conn, recv: u64, commit: u64) {
        let Some(slot) = self.slot_of(conn) else {
            return;
        };
        let sent = &mut self.slots[slot].sent;
        let verdict = sent.told(recv, commit);
        self.wires.used = self.wires.used.max(sent.used);
        self.must(verdict);
    }

    /// The server says something over a connection that is up.
    pub(super) fn server_said(&mut self, conn: Conn, is_beat: bool) {
        let now = self.now;
        let Some(wire) = self.wires.get(conn) else {
            return;
        };
        let late = wire.said_at.filter(|at| now > at + BEAT);
        if is_beat || wire.said_at.is_some() {
            wire.said_at = Some(now);
        }
        if let Some(at) = late {
            let detail = format!(
                "the server said nothing on {conn} for {} ms",
                (now - at) / MS
            );
            self.must(violated(Invariant::Wire, detail));
        }
    }

    /// The caller has just said something, and the line is well: it is on its way, whatever else is
    /// going on.
    pub(super) fn look_at_delay(&mut self) {
        let behind = self.ledger.captured.saturating_sub(self.wires.transmitted);
        // A frame may wait for the next one, and the pace allows no more at once than it does.
        if behind > self.scenario.frame && self.now > self.caller.steady_from {
            let refreshes = self.renewing.len();
            let detail = format!(
                "{} ms of audio wait on a line that is well, with {refreshes} refreshes under way",
                behind / PER_MS
            );
            self.must(violated(Invariant::Refresh, detail));
        }
    }
}

fn frame_text(frame: Frame) -> String {
    match frame {
        Frame::Text(text) => text,
        Frame::Binary(_) => String::new(),
    }
}

/// The beginning of a message, for the log.
pub(super) fn short(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(160)
        .map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

/// How long a line has to be up until what waited for it must be gone.
pub(super) const fn steady_after(waiting: Us) -> Us {
    S + waiting / 6
}
