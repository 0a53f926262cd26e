//! The JSON messages of Twilio Media Streams, both ways.
//!
//! After <https://www.twilio.com/docs/voice/media-streams/websocket-messages>. Numbers are strings
//! there; both are taken. Unknown fields and unknown events are no errors: Twilio adds some. What is
//! too large is one, as nobody who speaks the protocol needs it.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use serde::Serialize;

mod read;

/// The longest message taken, in bytes.
pub const MAX_MESSAGE: usize = 64 << 10;
/// The most audio in one message, in bytes: one second. Twilio sends 20 ms.
pub const MAX_PAYLOAD: usize = 8_000;
/// The longest SID taken, in bytes; Twilio's have 34.
pub const MAX_SID: usize = 64;
/// The most parameters of a stream that are taken.
pub const MAX_PARAMETERS: usize = 64;

/// A message from Twilio.
#[derive(Debug)]
pub struct Message {
    /// Which stream it is of; all but [`Event::Connected`] say so.
    pub stream_sid: Option<String>,
    /// Orders the messages of a stream, from 1.
    pub sequence: Option<u64>,
    /// What happened.
    pub event: Event,
}

impl Message {
    /// Reads a text frame.
    ///
    /// # Errors
    /// Where it is larger than [`MAX_MESSAGE`] or a part of it than its own limit, or where it is
    /// not JSON, or lacks what its event is about.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        read::message(text)
    }
}

/// What Twilio says.
#[derive(Debug)]
pub enum Event {
    /// The socket is up; always the first.
    Connected,
    /// A stream begins; once, before its audio.
    Start(Start),
    /// Audio.
    Media(Media),
    /// The caller pressed a key: one of `0-9*#A-D`.
    Dtmf(char),
    /// All audio before the mark of this name was played, or cleared.
    Mark(String),
    /// The stream is over, or the call.
    Stop,
    /// Something this crate does not know.
    Unknown,
}

/// Whose audio it is, and how it comes.
#[derive(Debug)]
pub struct Start {
    /// The stream's name in every message.
    pub stream_sid: String,
    /// The call's name, which streams of the same call share.
    pub call_sid: String,
    /// The account's name.
    pub account_sid: Option<String>,
    /// What the TwiML's `<Parameter>`s said. One may be a token, so all are secret.
    pub parameters: BTreeMap<String, SecretString>,
}

/// A piece of audio. Its bytes are left out of `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// Whether it is what the caller says; otherwise what they hear, which is of no use here.
    pub is_inbound: bool,
    /// Its number in its track, from 1.
    pub chunk: Option<u64>,
    /// When it begins, in ms since the stream's start.
    pub timestamp: Option<u64>,
    /// Mu-law, 8 kHz, mono.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("is_inbound", &self.is_inbound)
            .field("chunk", &self.chunk)
            .field("timestamp", &self.timestamp)
            .field("bytes", &self.payload.len())
            .finish()
    }
}

/// Why a message was not taken. Says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The whole of it is too long.
    #[error("the message has {0} bytes, more than the {MAX_MESSAGE} that are taken")]
    TooLong(usize),
    /// It is not a JSON object with an `event`.
    #[error("the message is not a JSON object with an event")]
    NotAnEvent,
    /// A part has another shape than its event has.
    #[error("the {0} message does not have the shape that Media Streams gives it")]
    Shape(&'static str),
    /// A part that the event is about is not there.
    #[error("the message has no {0}")]
    Missing(&'static str),
    /// A part is larger than it ever is.
    #[error("the message's {0} is too long")]
    TooLarge(&'static str),
    /// The audio is not base64.
    #[error("the audio in the message is not base64")]
    NotBase64,
    /// The stream's audio is not mu-law with 8 kHz and one channel.
    #[error("the stream's audio is not mu-law with 8 kHz and one channel, the only kind there is")]
    Format,
    /// There is no such key.
    #[error("the message's digit is not on the keys of a phone")]
    Digit,
}

/// What can be said to Twilio, and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// Play this after what is queued: mu-law, 8 kHz, mono, without a file's header.
    Media(Vec<u8>),
    /// Say so when all before this is played, by [`Event::Mark`] with this name.
    Mark(String),
    /// Forget what is queued. Twilio then returns the marks in it as if they had been reached.
    Clear,
}

impl Command {
    /// The text frame that says so on a stream.
    #[must_use]
    pub fn to_json(&self, stream_sid: &str) -> String {
        let mut written = Written {
            event: "clear",
            stream_sid,
            media: None,
            mark: None,
        };
        match self {
            Self::Media(payload) => {
                written.event = "media";
                let payload = BASE64_STANDARD.encode(payload);
                written.media = Some(Audio { payload });
            }
            Self::Mark(name) => {
                written.event = "mark";
                written.mark = Some(Named { name });
            }
            Self::Clear => {}
        }
        serde_json::to_string(&written).expect("strings can be written as JSON")
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media(payload) => write!(f, "Media({} bytes)", payload.len()),
            Self::Mark(name) => write!(f, "Mark({name:?})"),
            Self::Clear => f.write_str("Clear"),
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    event: &'a str,
    #[serde(rename = "streamSid")]
    stream_sid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Audio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<Named<'a>>,
}

#[derive(Serialize)]
struct Audio {
    payload: String,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
