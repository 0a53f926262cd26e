//! The leg of a phone call, without I/O: Twilio Media Streams on one side, a realtime upstream on
//! the other.
//!
//! ```text
//! Twilio ── webhook ──▶ signature::Verifier ──▶ twiml::Connect ──▶ a stream's upgrade (Verifier)
//!        ── text frames ──▶ Message ──▶ ┌─────┐ ──▶ Output::Audio, Request ──▶ upstream
//!        ◀── text frames ── Command ◀── │ Leg │
//!                                       └─────┘ ◀── Upstream ◀── upstream
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`leg`] | [`Leg`]: what happened goes into [`Leg::handle`], what is to be done comes out of [`Leg::poll`]; [`Leg::deadline`], [`Leg::unheard`], [`Leg::counts`] |
//! | [`message`] | [`Message::read`] for what Twilio says, [`Command::to_json`] for what it is told |
//! | [`signature`] | [`Verifier::webhook`] and [`Verifier::stream`]: whether it is Twilio |
//! | [`twiml`] | [`Connect::to_xml`] and [`twiml::hang_up`]: what answers the webhook |
//! | [`mulaw`] | G.711: [`mulaw::encode`], [`mulaw::decode`] |
//! | [`resample`] | [`Upsampler`] (8 to 24 kHz, 2 ms) and [`Downsampler`] (back, 1.875 ms) |
//!
//! Who may open a stream is the driver's to decide, before a [`Start`] gets to a leg: by the
//! signature of the upgrade, the one-time token in [`Start::parameters`], and the CallSid that the
//! signed webhook had it made for.
//!
//! [`Start`]: message::Start
//! [`Start::parameters`]: message::Start::parameters

pub mod leg;
pub mod message;
pub mod mulaw;
pub mod resample;
pub mod signature;
pub mod twiml;

pub use leg::Leg;
pub use message::{Command, Message};
pub use resample::{Downsampler, Upsampler};
pub use signature::Verifier;
pub use twiml::Connect;
