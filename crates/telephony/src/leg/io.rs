//! What a leg is told, what it says, how it is set up, and what it counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{Command, Message};

/// How a leg behaves.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// What the upstream hears. What it says may come either way.
    pub hears: Codec,
    /// How many frames of 20 ms one mark is for: a truncation is this exact. At least 1.
    pub frames_per_mark: u32,
    /// The longest silence put in for audio that did not come.
    pub max_padding: Duration,
    /// The most of the agent's audio that waits to be heard; 8 kB/s. More than that is dropped.
    pub max_unheard: Duration,
    /// How long a call may be without a stream before its leg ends.
    pub window: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hears: Codec::Mulaw,
            frames_per_mark: 5,
            // Longer than any voice activity detection waits for the end of a turn.
            max_padding: Duration::from_secs(10),
            max_unheard: Duration::from_secs(300),
            window: Duration::from_secs(30),
        }
    }
}

/// How audio is written; mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// G.711 mu-law, 8 kHz: `audio/pcmu`.
    Mulaw,
    /// Linear 16 bits, 24 kHz: `audio/pcm`.
    Pcm24k,
}

/// A piece of audio. Its samples are left out of `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Audio {
    /// As [`Codec::Mulaw`].
    Mulaw(Vec<u8>),
    /// As [`Codec::Pcm24k`].
    Pcm24k(Vec<i16>),
}

impl Audio {
    /// How long it lasts, in whole ms.
    pub(super) fn ms(&self) -> u64 {
        match self {
            Self::Mulaw(codes) => codes.len() as u64 / 8,
            Self::Pcm24k(samples) => samples.len() as u64 / 24,
        }
    }
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mulaw(codes) => write!(f, "Mulaw({} samples)", codes.len()),
            Self::Pcm24k(samples) => write!(f, "Pcm24k({} samples)", samples.len()),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Twilio said something. A [`Start`](crate::message::Start) attaches the leg to the new stream
    /// and has to be allowed to: the leg looks at nothing but the call's name.
    Twilio(&'a Message),
    /// The socket of this stream is gone.
    Gone(&'a str),
    /// The upstream said something.
    Upstream(Upstream<'a>),
    /// [`Leg::deadline`](super::Leg::deadline) is over.
    Tick,
}

/// What the upstream says, of what matters here.
#[derive(Debug, Clone, Copy)]
pub enum Upstream<'a> {
    /// `response.created`.
    ResponseStarted,
    /// `response.output_audio.delta`: the next piece of an item.
    Audio {
        /// The assistant's message.
        item_id: &'a str,
        /// Its audio part.
        content_index: u32,
        /// The piece.
        audio: &'a Audio,
    },
    /// `response.done`, however it ended.
    ResponseDone,
    /// `input_audio_buffer.speech_started`.
    SpeechStarted,
    /// The conversation is over. The leg ends when what was said is heard.
    End,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Give the upstream what the caller says, in order and without gaps.
    Audio(Audio),
    /// Tell the upstream.
    Request(Request),
    /// Tell Twilio on this stream, in order; [`Command::to_json`] writes it.
    Send(Arc<str>, Command),
    /// The leg is over: close the stream. Nothing comes after it.
    Ended(Ended),
}

/// What the upstream is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `response.cancel`. A response that has just ended by itself is answered with the error
    /// `response_cancel_not_active`, which means nothing.
    Cancel,
    /// `conversation.item.truncate`: the caller has not heard more. Never past what was received.
    Truncate {
        /// The assistant's message.
        item_id: String,
        /// Its audio part.
        content_index: u32,
        /// What was heard, in ms from the item's start.
        audio_end_ms: u64,
    },
    /// `conversation.item.create` of the user's, with this `input_text`: a key was pressed.
    Text(String),
}

/// Why a leg is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The upstream's conversation was, and what it said has been heard.
    Upstream,
    /// No stream came within [`Config::window`].
    Away,
}

/// What a leg has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Streams of the call.
    pub streams: u64,
    /// Messages with the caller's audio.
    pub frames_in: u64,
    /// The same, that never came, by their numbers.
    pub frames_lost: u64,
    /// The same, that came twice and were left out.
    pub frames_repeated: u64,
    /// Silence put in for what did not come, in ms.
    pub padded_ms: u64,
    /// What did not come and was too long to put in, in ms.
    pub gaps_cut_ms: u64,
    /// Frames of the agent's audio sent; one that is sent to a second stream counts twice.
    pub frames_out: u64,
    /// Of those, the ones that a new stream began with, as the call had not heard them before.
    pub frames_resent: u64,
    /// The agent's audio that found no room, in ms.
    pub dropped_ms: u64,
    /// The agent's audio that came after it was interrupted, in ms.
    pub late_ms: u64,
    /// Marks that said how far playing was.
    pub marks: u64,
    /// Marks that were returned by a clear.
    pub marks_cleared: u64,
    /// Marks that nobody waited for.
    pub marks_unknown: u64,
    /// Answers that the caller interrupted.
    pub interruptions: u64,
    /// Keys pressed.
    pub digits: u64,
    /// Messages of a stream that is not the current one, or of another call.
    pub strays: u64,
    /// Messages whose sequence number was not above the one before.
    pub disordered: u64,
}
