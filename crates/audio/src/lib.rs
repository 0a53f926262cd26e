//! Sound for a call: capture, echo cancellation, playout and level meters, on real devices or on
//! sound files in their place.
//!
//! An [`Engine`] turns whatever rate and channel count a device has into 24 kHz mono frames of
//! 20 ms and back. Its parts, from the device inwards:
//!
//! ```text
//!  microphone ─ capture callback ─ ring ┐                       ┌─▶ Event::Captured
//!                                       ├─ worker: resample, ───┤
//!  speaker ── playback callback ─ rings ┘  cancel echo, queue   └── Engine::play
//! ```
//!
//! The two callbacks only copy samples and count. A routing thread opens the devices, notices that
//! they went, falls back and returns; the worker and its queue never know.

#[cfg(test)]
mod bench;
mod callback;
mod capture;
mod clock;
mod devices;
mod echo;
mod engine;
mod error;
mod event;
mod meter;
mod pace;
mod pipeline;
mod playout;
mod priority;
mod queue;
mod reference;
mod resample;
mod route;
mod routing;
mod streams;
mod timeline;
mod watch;
mod wav;
mod worker;

use std::path::PathBuf;

pub use devices::{Device, Devices, devices};
pub use engine::Engine;
pub use error::Error;
pub use event::Event;
pub use watch::{DeviceWatch, watch_devices};

/// The rate of all audio that crosses this crate's interface, in Hz.
pub const SAMPLE_RATE: u32 = 24_000;

/// Samples in one frame of captured audio: 20 ms.
pub const FRAME_SAMPLES: usize = 480;

/// The most audio that waits to be played, in samples: 10 minutes. More is dropped and counted.
pub const MAX_QUEUED_SAMPLES: usize = 600 * SAMPLE_RATE as usize;

/// Where the caller's voice comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Microphone {
    /// The system's default, followed when it changes.
    Default,
    /// The device with this [`Device::id`]; the default while it is unplugged.
    Device(String),
    /// A WAV file of any rate, channel count and sample format, played once in real time and
    /// followed by silence.
    File(PathBuf),
}

/// Where the agent's voice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// The system's default, followed when it changes.
    Default,
    /// The device with this [`Device::id`]; the default while it is unplugged.
    Device(String),
    /// A WAV file (24 kHz mono PCM16) that is written in real time with all that is played,
    /// silence included.
    File(PathBuf),
}

/// How an [`Engine`] starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the caller's voice comes from.
    pub microphone: Microphone,
    /// Where the agent's voice goes.
    pub speaker: Speaker,
    /// Whether what the speaker plays is removed from what the microphone hears. Wanted unless
    /// the microphone is a file.
    pub echo_cancellation: bool,
}

/// Aborts a test in which a callback allocates.
#[cfg(test)]
#[global_allocator]
static GUARD: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
