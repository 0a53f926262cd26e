//! Whole sessions at the server end, over connections that come and go, in virtual time.

mod harness;
mod resuming;
