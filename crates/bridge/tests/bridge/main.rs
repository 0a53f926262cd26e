//! The bridge over real sockets: who gets in, and how a call goes.
#![allow(
    clippy::unwrap_used,
    reason = "the functions tests share are test code too"
)]

mod admission;
mod calls;
mod drain;
mod line;
mod presenting;
mod program;
mod renewal;
mod resume;
mod revocation;
mod rig;
mod slow;
