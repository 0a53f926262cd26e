//! One connection between the two ends: in order, late, or into nowhere.

use std::collections::VecDeque;
use std::time::Duration;

use offhook_proto::{Close, Frame, Time};

/// What travels over a connection.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    Message(Frame),
    Ping(Option<u64>),
    Pong(Option<u64>),
    Close(Close),
    /// The other side dropped the connection.
    Cut,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    packets: VecDeque<(Time, Packet)>,
    /// What is sent vanishes.
    pub(crate) is_black: bool,
    /// Whether whoever receives is still there.
    pub(crate) is_open: bool,
    /// Whether whoever sends has sent a close frame.
    pub(crate) is_closing: bool,
}

impl Wire {
    pub(crate) fn send(&mut self, now: Time, delay: Duration, packet: Packet) {
        let after_last = self.packets.back().map_or(now, |(due, _)| *due);
        if !self.is_black && self.is_open {
            self.packets
                .push_back(((now + delay).max(after_last), packet));
        }
    }

    pub(crate) fn due(&self) -> Option<Time> {
        self.packets.front().map(|(due, _)| *due)
    }

    pub(crate) fn take(&mut self) -> Option<Packet> {
        self.packets.pop_front().map(|(_, packet)| packet)
    }

    /// Nothing arrives before then.
    pub(crate) fn stall(&mut self, until: Time) {
        for (due, _) in &mut self.packets {
            *due = until.max(*due);
        }
    }

    /// Whoever receives is gone, and what was on its way with it.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
        self.packets.clear();
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    /// Which session it is of.
    pub(crate) session: usize,
    pub(crate) to_client: Wire,
    pub(crate) to_server: Wire,
}

impl Line {
    pub(crate) fn new(session: usize) -> Self {
        let open = || Wire {
            is_open: true,
            ..Wire::default()
        };
        Self {
            session,
            to_client: open(),
            to_server: open(),
        }
    }

    /// Whether everything arrives, and what was sent does so until then.
    pub(crate) fn is_whole(&self, until: Time) -> bool {
        let is_whole = |wire: &Wire| {
            let is_fast = wire.packets.back().is_none_or(|(due, _)| *due <= until);
            wire.is_open && !wire.is_black && !wire.is_closing && is_fast
        };
        is_whole(&self.to_client) && is_whole(&self.to_server)
    }

    pub(crate) fn is_gone(&self) -> bool {
        !self.to_client.is_open && !self.to_server.is_open
    }
}
