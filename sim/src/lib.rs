//! Whole calls in virtual time: both ends of `offhook-proto`, a scripted upstream, a token service,
//! and a network between them that fails in every way it can, all from one seed.
//!
//! After every step the invariants of the protocol are checked sample by sample. The same seed is
//! the same call: what fails once can be looked at as often as needed.

mod call;
mod check;
mod clock;
mod fault;
mod log;
mod mutation;
mod net;
mod pattern;
mod random;
mod report;
mod run;
mod scenario;
mod stats;
mod time;
mod tokens;
mod upstream;
mod world;

pub use call::{Finished, call, mutated};
pub use check::{Invariant, Violation};
pub use mutation::Mutation;
pub use run::{Options, run};
pub use scenario::Class;
