//! The bridge over real sockets: who gets in, and how a call goes.
#![allow(
    clippy::unwrap_used,
    reason = "the functions tests share are test code too"
)]

mod account;
mod admin;
mod admission;
mod browser;
mod calls;
mod clock;
mod configured;
mod drain;
mod far;
mod issuers;
#[path = "../../src/proof/signing.rs"]
mod key;
mod keys;
mod line;
mod metrics;
mod offer;
mod operator;
mod phones;
mod presenting;
mod program;
mod prover;
mod proxied;
mod renewal;
mod resume;
mod revocation;
mod rig;
mod signing_in;
mod slow;
mod tls;
mod upstreams;
mod watching;
