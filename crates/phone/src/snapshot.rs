//! What a screen needs to know: one small, complete picture, and the messages that carry it.
//!
//! This file is the softphone's contract with every surface. The window's TypeScript types are
//! generated from it (`bindings.rs`), and nothing in it is a sentence: texts are codes with
//! arguments, translated from the locale files by whoever shows them.

mod directory;
mod line;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use ts_rs::TS;

use crate::problem::Problem;
pub use directory::{
    Account, AccountIntent, Adding, Directory, KeyHeader, Listing, Profile, ProfileKind, QrCode,
    Recent, Secret, SecretPlace, Secrets, SignInWay,
};
pub use line::{DropCause, Line, Lost, ReconnectStep};

/// Everything a screen shows except levels, transcript and directory, which have messages of their
/// own.
///
/// Stays under 8 KiB of JSON: the window's channel has a fast path below that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Snapshot {
    /// Counts changes; a later snapshot has a higher number.
    pub revision: u32,
    /// The program's version, as in `0.1.0`.
    pub version: String,
    /// The call, from the first click to its summary.
    pub call: Call,
    /// Whether the user's microphone is muted. Muted audio never leaves the process.
    pub muted: bool,
    /// The microphone: what there is, what was chosen, what is in use.
    pub microphone: DevicePicker,
    /// The speaker: what there is, what was chosen, what is in use.
    pub speaker: DevicePicker,
    /// Something the user should know that does not end a call; dismissed by an intent.
    pub notice: Option<Problem>,
}

impl Snapshot {
    /// The same with everything in it that changes 50 times a second set to nothing.
    pub(crate) fn without_counters(mut self) -> Self {
        match &mut self.call {
            Call::Dialling { held_ms, .. } => *held_ms = 0,
            Call::Live { line, stats, .. } => {
                *line = line.without_counters();
                *stats = Stats {
                    answer_ms: stats.answer_ms,
                    ..Stats::default()
                };
            }
            Call::Ready | Call::Ended { .. } => {}
        }
        self
    }
}

/// An agent that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Agent {
    /// The name used on the wire, as in `?agent=test`.
    pub id: String,
    /// The name people see. Data, not translated.
    pub name: String,
    /// One sentence on what it is for; none for the built-in agent, whose text is translated.
    pub description: Option<String>,
    /// The language it speaks, as in `en` (BCP 47), if that is known.
    pub language: Option<String>,
    /// The colour of its sign, as in `#0b6b58`, if it has one.
    pub color: Option<String>,
    /// Whether the user wants it at hand.
    pub favourite: bool,
    /// Whether this is the agent that lives inside Offhook and needs no network.
    pub built_in: bool,
}

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Call {
    /// No call; one can be started.
    Ready,
    /// The user clicked; the microphone is already heard, the line is not up yet.
    Dialling {
        /// Who is called.
        agent: Agent,
        /// What is being waited for.
        step: DialStep,
        /// Speech captured so far that will be sent when the line is up, in ms.
        held_ms: u32,
    },
    /// The line came up, and is up or being made again.
    Live {
        /// Who is on the line.
        agent: Agent,
        /// Whether the line is healthy, and what is done about it where it is not.
        line: Line,
        /// What the agent is doing.
        activity: Activity,
        /// Counters so far.
        stats: Stats,
    },
    /// The call is over; its summary stays until dismissed or the next call.
    Ended {
        /// Who was called.
        agent: Agent,
        /// Why it ended.
        reason: EndReason,
        /// How long the line was up, in ms; 0 if it never was.
        duration_ms: u32,
        /// Final counters.
        stats: Stats,
    },
}

/// What a call that is not up yet waits for, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum DialStep {
    /// A short-lived token is being minted.
    Authorising,
    /// The connection and its upgrade are under way.
    Connecting,
    /// Connected; the agent's session is being opened.
    Opening,
}

/// What the agent is doing, as far as the wire tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It waits for the caller.
    Listening,
    /// It hears the caller speak.
    Hearing,
    /// It has the caller's turn and prepares an answer.
    Thinking,
    /// Its voice is being played.
    Speaking,
}

/// Counters of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Stats {
    /// From the click to the open session, in ms.
    pub connected_ms: Option<u32>,
    /// From the end of the caller's last utterance to the first sample of the answer at the
    /// speaker, in ms.
    pub answer_ms: Option<u32>,
    /// 20 ms frames of the caller's audio given to the line.
    pub frames_sent: u32,
    /// 20 ms frames' worth of the agent's audio received.
    pub frames_received: u32,
    /// Times the speaker ran out of the agent's audio in the middle of an utterance.
    pub underruns: u32,
    /// 20 ms frames' worth of audio, of either side, dropped inside this program.
    pub frames_lost: u32,
    /// Times the connection was lost in mid-call, whether or not it came back.
    pub reconnects: u32,
    /// Speech of the caller that never reached the agent because the connection was gone, in ms.
    pub caller_lost_ms: u32,
    /// Speech of the agent that never reached the caller because the connection was gone, in ms.
    pub agent_lost_ms: u32,
    /// Answers of the agent that broke off with the connection; how much more there was of them
    /// nobody knows.
    pub answers_lost: u32,
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum EndReason {
    /// The user hung up or cancelled.
    HungUp,
    /// The far end closed the call normally.
    FarEnd,
    /// The same call goes on in another window or on another device.
    TakenOver,
    /// It failed.
    Failed {
        /// What happened and who can do something about it.
        problem: Problem,
    },
}

/// One kind of device: what there is, what was chosen, what is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct DevicePicker {
    /// What the system offers, in its order.
    pub available: Vec<Device>,
    /// What the user chose.
    pub choice: DeviceChoice,
    /// The name of what a call uses right now; none outside a call.
    pub in_use: Option<String>,
}

/// A microphone or a speaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Device {
    /// Stable for as long as the device is plugged in; what a choice refers to.
    pub id: String,
    /// The system's name for it.
    pub name: String,
    /// Whether the system uses it when nothing is chosen.
    pub is_default: bool,
}

/// Which device to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeviceChoice {
    /// Whatever the system's default is, followed when it changes.
    SystemDefault,
    /// This one; the default while it is unplugged.
    Device {
        /// [`Device::id`].
        id: String,
    },
}

/// One line of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct TranscriptEntry {
    /// The conversation item's id.
    pub id: String,
    /// The item it follows; none for the first. Conversation order is this chain, not arrival.
    pub after: Option<String>,
    /// Who said it.
    pub speaker: Party,
    /// What was said, as far as it is known; for an interrupted agent only the part that was
    /// heard. Empty where there is no transcription (`spoken_ms` then says how long it was).
    pub text: String,
    /// What an interrupted agent meant to say after the caller stopped hearing it.
    pub unheard: String,
    /// Whether more will come.
    pub status: EntryStatus,
    /// Length of the caller's utterance in ms, for speech without transcription.
    pub spoken_ms: Option<u32>,
}

/// Who said a line of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The person at this computer.
    Caller,
    /// The agent.
    Agent,
}

/// Whether a line of the conversation is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum EntryStatus {
    /// More text or audio is coming.
    Growing,
    /// Complete.
    Complete,
    /// Cut short by the caller.
    Interrupted,
    /// Cut short by the loss of the connection.
    BrokenOff,
}

/// What a subscriber receives, in order.
///
/// A new subscriber gets a directory, a snapshot, then `TranscriptCleared`, then an `Transcript` for every line
/// so far, and from then on what changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Message {
    /// The whole state.
    Snapshot(Box<Snapshot>),
    /// Who can be called, where, and as whom.
    Directory(Box<Directory>),
    /// Levels and the call's clock, about 15 times a second while audio runs.
    Meters(Meters),
    /// The conversation starts anew.
    TranscriptCleared,
    /// A line of the conversation was added or changed: it replaces the one with the same id.
    Transcript(TranscriptEntry),
    /// Text to append to the line with this id.
    TranscriptDelta {
        /// [`TranscriptEntry::id`].
        id: String,
        /// The text to append.
        delta: String,
    },
    /// The sound file that stands for the microphone was played to its end; silence follows.
    MicrophoneFileEnded,
}

/// Levels and the call's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Meters {
    /// How long the line has been up, in ms; 0 before that.
    pub elapsed_ms: u32,
    /// The microphone's level in dBFS (root mean square over the last period), -90 for silence.
    /// Measured before mute, so that a muted user still sees it move.
    pub microphone_db: f32,
    /// The level of what is played, in dBFS.
    pub speaker_db: f32,
}

/// What a user wants. Idempotent, answered by a later snapshot, never by a return value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Intent {
    /// Call this agent. Ignored while a call is up or being dialled.
    Call {
        /// [`Agent::id`].
        agent: String,
    },
    /// End or cancel the call.
    HangUp,
    /// Leave the summary of the last call.
    DismissSummary,
    /// Leave the notice.
    DismissNotice,
    /// Mute or unmute the microphone.
    SetMuted {
        /// The state wanted.
        muted: bool,
    },
    /// Make the connection again now instead of after the wait. Ignored unless one is waited for.
    RetryNow,
    /// Silence the agent and let the caller speak.
    Interrupt,
    /// Type to the agent.
    SendText {
        /// Made by the sender, at most 32 characters; the same id twice is sent once.
        id: String,
        /// What to say.
        text: String,
    },
    /// Use this microphone from now on.
    ChooseMicrophone {
        /// The choice.
        choice: DeviceChoice,
    },
    /// Use this speaker from now on.
    ChooseSpeaker {
        /// The choice.
        choice: DeviceChoice,
    },
    /// Something about profiles and accounts.
    Account {
        /// What.
        intent: AccountIntent,
    },
}
