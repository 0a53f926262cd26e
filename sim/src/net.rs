//! The network: pipes with latency, jitter and bandwidth that stall, break, and lose what is on its
//! way.
//!
//! A pipe is one direction of a TCP connection: in order, nothing lost while it lives. A frame that
//! is cut in its middle is a frame that does not arrive.

use std::collections::VecDeque;

use offhook_proto::client::Failure;
use offhook_proto::{Close, Conn, Protocol};

use crate::random::Random;
use crate::time::Us;

/// What travels over a connection.
#[derive(Debug)]
pub(crate) enum Packet {
    /// The request for the upgrade, with the token it shows and the session it is to resume.
    Upgrade {
        token: usize,
        session: Option<String>,
    },
    /// The answer: it is a connection.
    Upgraded(Protocol),
    /// The answer: it is not.
    Refused(Failure),
    Text(String),
    Binary(Vec<u8>),
    Ping(u64),
    Pong(Option<u64>),
    Close(Close),
    /// The end of the stream, without a close frame.
    Fin,
    /// The connection is void, and with it whatever was on its way.
    Reset,
}

impl Packet {
    pub(crate) const fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 8,
            Self::Binary(bytes) => bytes.len() + 8,
            Self::Upgrade { .. } | Self::Upgraded(_) | Self::Refused(_) => 600,
            Self::Ping(_) | Self::Pong(_) => 14,
            Self::Close(_) | Self::Fin | Self::Reset => 60,
        }
    }
}

/// How one direction of the way between the two ends behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) latency: Us,
    /// At most so much more.
    pub(crate) jitter: Us,
    /// Bytes in a second.
    pub(crate) bandwidth: u64,
}

impl Way {
    pub(crate) const GOOD: Self = Self {
        latency: 20_000,
        jitter: 2_000,
        bandwidth: 4_000_000,
    };
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    queue: VecDeque<(Us, Packet)>,
    /// When the last byte that was written leaves.
    busy_until: Us,
    /// When the last packet arrives: the next is not before it.
    last: Us,
    /// Nothing arrives before.
    stalled_until: Us,
    bytes: usize,
    /// The most bytes that ever waited.
    pub(crate) most: usize,
    /// What is written vanishes, and nobody is told.
    pub(crate) severed: bool,
    /// Nothing can be written any more: this end has closed it, or was told that it is broken.
    pub(crate) shut: bool,
}

impl Pipe {
    const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            busy_until: 0,
            last: 0,
            stalled_until: 0,
            bytes: 0,
            most: 0,
            severed: false,
            shut: false,
        }
    }

    pub(crate) fn send(&mut self, now: Us, way: Way, random: &mut Random, packet: Packet) {
        if self.shut || self.severed {
            return;
        }
        let bytes = packet.bytes();
        let sending = bytes as u64 * 1_000_000 / way.bandwidth.max(1);
        self.busy_until = self.busy_until.max(now).saturating_add(sending);
        let jitter = if way.jitter == 0 {
            0
        } else {
            random.below(way.jitter)
        };
        let at = self.busy_until + way.latency + jitter;
        self.last = at.max(self.last).max(self.stalled_until);
        self.bytes += bytes;
        self.most = self.most.max(self.bytes);
        self.queue.push_back((self.last, packet));
    }

    pub(crate) fn next_at(&self) -> Option<Us> {
        self.queue.front().map(|(at, _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<Packet> {
        let (_, packet) = self.queue.pop_front()?;
        self.bytes -= packet.bytes();
        Some(packet)
    }

    /// Nothing arrives until then; it is late, not lost.
    pub(crate) fn stall(&mut self, until: Us) {
        self.stalled_until = self.stalled_until.max(until);
        for (at, _) in &mut self.queue {
            *at = (*at).max(until);
        }
        if !self.queue.is_empty() {
            self.last = self.last.max(until);
        }
    }

    /// It works again: what was held back comes now.
    pub(crate) fn release(&mut self, now: Us) {
        for (at, _) in &mut self.queue {
            *at = (*at).min(now + 1);
        }
        self.last = self.queue.back().map_or(now, |(at, _)| *at);
        self.stalled_until = now;
        self.busy_until = self.busy_until.min(now);
    }

    /// Of what is on its way only so many packets still arrive.
    pub(crate) fn keep_first(&mut self, count: usize) {
        self.queue.truncate(count);
        self.bytes = self.queue.iter().map(|(_, packet)| packet.bytes()).sum();
        self.last = self.queue.back().map_or(0, |(at, _)| *at);
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

/// A connection, or an attempt at one, with both its directions.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) conn: Conn,
    /// To the server.
    pub(crate) up: Pipe,
    /// To the client.
    pub(crate) down: Pipe,
    /// The session it is a connection of, at the server.
    pub(crate) slot: Option<u32>,
    /// The client still listens.
    pub(crate) client_listens: bool,
    /// The client's machine counts it as a connection.
    pub(crate) client_connected: bool,
    /// The server still listens.
    pub(crate) server_listens: bool,
    /// The server's machine has closed it: nothing that comes over it counts.
    pub(crate) server_closed: bool,
    /// Both ends speak the superset over it.
    pub(crate) protocol: Protocol,
    /// Not the caller's: somebody else's, who found a token.
    pub(crate) foreign: bool,
}

impl Link {
    pub(crate) const fn new(conn: Conn, foreign: bool) -> Self {
        Self {
            conn,
            up: Pipe::new(),
            down: Pipe::new(),
            slot: None,
            client_listens: true,
            client_connected: false,
            server_listens: true,
            server_closed: false,
            protocol: Protocol::Plain,
            foreign,
        }
    }

    /// Neither end has anything to do with it any more, and nothing is on its way.
    pub(crate) fn is_over(&self) -> bool {
        let to_nobody = |listens: bool, pipe: &Pipe| !listens || pipe.len() == 0;
        let closed = |listens: bool| !listens;
        closed(self.client_listens)
            && closed(self.server_listens)
            && to_nobody(self.server_listens, &self.up)
            && to_nobody(self.client_listens, &self.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: usize) -> Packet {
        Packet::Text(number.to_string())
    }

    #[test]
    fn a_pipe_keeps_the_order_whatever_its_jitter_and_stalls_lose_nothing() {
        let mut random = Random::seeded(3);
        let mut pipe = Pipe::new();
        let way = Way {
            jitter: 50_000,
            ..Way::GOOD
        };
        for number in 0..100 {
            pipe.send(number as u64 * 1000, way, &mut random, text(number));
        }
        pipe.stall(5_000_000);
        let mut last = 0;
        for number in 0..100 {
            let at = pipe.next_at().unwrap();
            assert!(at >= last && at >= 5_000_000);
            last = at;
            let Some(Packet::Text(text)) = pipe.pop() else {
                panic!("a text was sent");
            };
            assert_eq!(text, number.to_string());
        }
        assert_eq!((pipe.bytes, pipe.len()), (0, 0));
    }

    #[test]
    fn what_is_severed_or_cut_does_not_arrive() {
        let mut random = Random::seeded(3);
        let mut pipe = Pipe::new();
        for number in 0..5 {
            pipe.send(0, Way::GOOD, &mut random, text(number));
        }
        pipe.keep_first(2);
        pipe.severed = true;
        pipe.send(0, Way::GOOD, &mut random, text(9));
        assert_eq!(pipe.len(), 2);
    }
}
