//! The wire of one connection: what is on its way, and when it arrives.

use std::collections::VecDeque;

use offhook_proto::{Close, Frame, Time};

/// What travels over a wire.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    Frame(Frame),
    Ping,
    Pong(Option<u64>),
    ClientPing(u64),
    Close(Close),
    Cut,
}

#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// The session its connection belongs to.
    pub(crate) session: usize,
    pub(crate) to_client: VecDeque<(Time, Packet)>,
    pub(crate) to_server: VecDeque<(Time, Packet)>,
}
