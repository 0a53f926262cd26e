//! Wire events and both ends of an Offhook session, without I/O.
#![no_std]
extern crate alloc;
