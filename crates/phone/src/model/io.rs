//! What the model is told, and what it has done.

use std::sync::Arc;

use offhook_audio as audio;
use offhook_client as client;
use offhook_client::proto::wire::ClientEvent;

use super::{AgentEntry, Order, Report};
use crate::snapshot::{Intent, Message};

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A user wants something.
    Intent(Intent),
    /// The call says something.
    Client(client::Event),
    /// Sound runs.
    AudioStarted,
    /// Sound could not be started.
    AudioRefused(audio::Error),
    /// Sound says something.
    Audio(audio::Event),
    /// The list of devices changed.
    Devices(audio::Devices),
    /// Something became of profiles and accounts.
    Account(Report),
    /// Sound was dropped because the loop or the call's driver was too slow, in 20 ms frames.
    AudioDropped(u32),
    /// The time of [`Model::deadline`](super::Model::deadline) came.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start a call to this agent.
    Dial(Arc<AgentEntry>),
    /// Give the call an event.
    Send(ClientEvent),
    /// Give the call 24 kHz mono samples of the caller's.
    SendAudio(Vec<i16>),
    /// Tell the call what was heard of the agent.
    Played {
        /// The agent's item.
        item_id: String,
        /// Its audio part.
        content_index: u32,
        /// How far it was heard, in ms.
        audio_end_ms: u64,
    },
    /// Do not wait any longer for the next attempt at a connection.
    RetryNow,
    /// End the call politely, in the background; nothing it says is wanted any more.
    HangUp,
    /// Start sound.
    StartAudio(audio::Config),
    /// Stop sound.
    StopAudio,
    /// Play 24 kHz mono samples as part of this item.
    Play {
        /// The item's key, unique in the call.
        item: String,
        /// The samples.
        pcm: Vec<i16>,
    },
    /// No more audio will come for this item.
    EndItem(String),
    /// Silence the speaker.
    Flush,
    /// Mute or unmute.
    SetMuted(bool),
    /// Capture from here.
    UseMicrophone(audio::Microphone),
    /// Play there.
    UseSpeaker(audio::Speaker),
    /// Do something about profiles and accounts.
    Account(Order),
    /// Tell the subscribers.
    Publish(Message),
}
