//! Wire events and both ends of an Offhook session, without I/O.
//!
//! The crate cannot do I/O: it is `no_std`, owns no clock, socket, task or source of entropy.
//! [`Client`] and [`Server`] take what happened and when ([`Time`]) through `handle`, and say what
//! to do through `poll`, called until it answers with a `Wait`. A driver does the rest; a test can
//! run both ends of a call in memory.
//!
//! [`wire`] has the events of the OpenAI Realtime API (GA) and of its superset `offhook.v1`.
#![no_std]

extern crate alloc;

pub mod client;
pub mod close;
mod conn;
mod ids;
pub mod protocol;
mod random;
pub mod server;
mod time;
pub mod wire;

pub use client::Client;
pub use close::Close;
pub use conn::{Conn, Frame};
pub use ids::Ids;
pub use protocol::Protocol;
pub use server::Server;
pub use time::Time;
