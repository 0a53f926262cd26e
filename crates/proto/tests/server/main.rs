//! Whole sessions at the server end, over connections that come and go, in virtual time.

mod anything;
mod audio;
mod ending;
mod flowing;
mod harness;
mod living;
mod plain;
mod receiving;
mod refreshing;
mod resuming;
