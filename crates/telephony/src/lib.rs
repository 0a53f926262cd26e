//! The leg of a phone call, without I/O: what Twilio says and is told, and what the audio takes.
//!
//! | module | what is in it |
//! |---|---|
//! | [`message`] | [`Message::read`] for what Twilio says, [`Command::to_json`] for what it is told |
//! | [`signature`] | [`Verifier::webhook`] and [`Verifier::stream`]: whether it is Twilio |
//! | [`twiml`] | [`Connect::to_xml`] and [`twiml::hang_up`]: what answers the webhook |
//! | [`mulaw`] | G.711: [`mulaw::encode`], [`mulaw::decode`] |
//! | [`resample`] | [`Upsampler`] (8 to 24 kHz, 2 ms) and [`Downsampler`] (back, 1.875 ms) |

pub mod message;
pub mod mulaw;
pub mod resample;
pub mod signature;
pub mod twiml;

pub use message::{Command, Message};
pub use resample::{Downsampler, Upsampler};
pub use signature::Verifier;
pub use twiml::Connect;
