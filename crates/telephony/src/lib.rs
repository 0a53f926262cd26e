//! The leg of a phone call, without I/O: what its audio takes.
//!
//! | module | what is in it |
//! |---|---|
//! | [`mulaw`] | G.711: [`mulaw::encode`], [`mulaw::decode`] |
//! | [`resample`] | [`Upsampler`] (8 to 24 kHz, 2 ms) and [`Downsampler`] (back, 1.875 ms) |

pub mod mulaw;
pub mod resample;

pub use resample::{Downsampler, Upsampler};
