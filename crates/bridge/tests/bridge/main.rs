//! The bridge over real sockets: who gets in, and how a call goes.
#![allow(
    clippy::unwrap_used,
    reason = "the functions tests share are test code too"
)]

mod admission;
mod calls;
mod program;
mod rig;
