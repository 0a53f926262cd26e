//! Calls over real sockets, against a bridge that does what the test says.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

mod close;
mod dial;
#[cfg(target_os = "linux")]
#[path = "../namespace/mod.rs"]
mod namespace;
#[cfg(target_os = "linux")]
mod network;
mod peer;
mod plain;
mod refresh;
mod resume;
mod rig;
mod secrets;
mod signed_in;
mod tls;
