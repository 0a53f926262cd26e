//! Offhook's client beside the reconnecting clients that others use, under the same faults.
//!
//! [`reconnect`] makes calls with each of them through a relay that breaks connections, and counts
//! at the server what arrives. [`herd`] drops ten thousand of them at once.

pub mod centrifugo;
pub mod herd;
pub mod reconnect;

mod numbered;
mod pattern;
mod random;
mod servers;
mod statistics;
