//! Connections are numbered: a session outlives them, and news of an old one may come late.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One connection of a session, or one attempt at one. Numbered by whoever makes them, never used
/// twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u32);

impl fmt::Display for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// An event.
    Text(String),
    /// A piece of audio, as [`wire::binary`](crate::wire::binary) has it.
    Binary(Vec<u8>),
}
