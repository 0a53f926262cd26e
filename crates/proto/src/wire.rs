//! The events on the wire: JSON text frames, one event each, and audio as binary frames.
//!
//! Names and shapes are those of the OpenAI Realtime API (GA). Types that are not known here, and
//! fields that are not named here, are kept and go out again as they came in.

pub mod binary;
pub mod client;
mod conversation;
mod envelope;
mod event;
mod pcm;
pub mod server;
mod token;

pub use client::ClientEvent;
pub use conversation::{ContentPart, ErrorDetail, Item, Response, StatusDetails};
pub use envelope::{DecodeError, Envelope};
pub use event::Other;
pub use pcm::{PcmError, base64_length, decode_pcm16, encode_pcm16, encode_pcm16_bytes};
pub use server::ServerEvent;
pub use token::Token;

/// A JSON object: what an event carries besides its named fields.
pub type Fields = serde_json::Map<alloc::string::String, serde_json::Value>;
