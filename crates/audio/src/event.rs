//! What the engine tells its owner while it runs.

use crate::Error;

/// Something the engine's owner should know or pass on.
///
/// Events come from one thread, in order. The receiver must not block: sound is processed on the
/// same thread, and a receiver that takes longer than about 30 ms makes the speaker run dry.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// 20 ms of the caller's voice, after echo cancellation.
    ///
    /// Comes 50 times a second for as long as the engine runs, so that the far end's clock goes
    /// on: while muted, or while no microphone delivers, the samples are all zero and nothing of
    /// what was captured leaves the engine.
    Captured {
        /// Exactly [`FRAME_SAMPLES`](crate::FRAME_SAMPLES) samples, 24 kHz mono.
        samples: Vec<i16>,
    },
    /// Levels, about 15 times a second.
    Meters {
        /// The microphone in dBFS (root mean square), -90 for silence; measured after echo
        /// cancellation and before mute.
        microphone_db: f32,
        /// What was handed to the speaker in dBFS (root mean square), -90 for silence.
        speaker_db: f32,
    },
    /// The first sample of an item came out of the speaker.
    Started {
        /// The item, as given to [`Engine::play`](crate::Engine::play).
        item: String,
    },
    /// The last sample of an item came out of the speaker. Not sent for an item that was flushed.
    Finished {
        /// The item, as given to [`Engine::play`](crate::Engine::play).
        item: String,
    },
    /// The answer to [`Engine::flush`](crate::Engine::flush): the speaker is silent.
    Flushed {
        /// The item being heard when the flush took effect; none if nothing was being played.
        item: Option<String>,
        /// How much of that item came out of the speaker, in samples at 24 kHz; never more than
        /// was queued.
        heard_samples: u64,
        /// The same in whole milliseconds, rounded down.
        heard_ms: u64,
    },
    /// The speaker ran dry in the middle of an item.
    Underrun {
        /// How often that happened since the engine started.
        total: u32,
    },
    /// Audio of either side was dropped inside this program.
    Lost {
        /// How much since the engine started, in 20 ms frames, rounded up.
        frames: u32,
    },
    /// Sound is captured from this device now.
    MicrophoneInUse {
        /// The device's name, or the file's path.
        name: String,
    },
    /// Sound is played on this device now.
    SpeakerInUse {
        /// The device's name, or the file's path.
        name: String,
    },
    /// The microphone in use went away. The default takes over until the chosen one is back, and
    /// [`Event::MicrophoneInUse`] says when.
    MicrophoneGone {
        /// The device that went.
        name: String,
    },
    /// The speaker in use went away. The default takes over until the chosen one is back, and
    /// [`Event::SpeakerInUse`] says when.
    SpeakerGone {
        /// The device that went.
        name: String,
    },
    /// The file that stands for the microphone was played to its end; silence follows.
    MicrophoneFileEnded,
    /// A device asked for in mid-call cannot be used; what was in use stays in use.
    NotSwitched(Error),
    /// Audio cannot go on: no device came back for 10 s.
    Failed(Error),
}
