//! Everything that can go wrong with sound, by what the user can do about it.

use std::path::PathBuf;

/// Why sound cannot be captured or played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system has no microphone, or no sound server and no sound card at all.
    #[error("this computer has no microphone")]
    NoMicrophone,
    /// The system has no speaker, or no sound server and no sound card at all.
    #[error("this computer has no speaker")]
    NoSpeaker,
    /// The system's privacy settings or permissions refuse access to the microphone.
    #[error("the system does not let this program use the microphone")]
    MicrophoneDenied,
    /// The system's sound worked, stopped, and did not come back.
    #[error("this computer's sound system stopped")]
    SystemGone,
    /// No device has this id or name.
    #[error("there is no device called {name}")]
    UnknownDevice {
        /// What was asked for.
        name: String,
    },
    /// The device exists but gives no sound now: another program holds it, or its driver fails.
    #[error("{device} cannot be used now: {detail}")]
    DeviceUnusable {
        /// The device's name.
        device: String,
        /// What the system said.
        detail: String,
    },
    /// A sound file cannot take the place of a device.
    #[error("{} cannot be used as a sound file: {detail}", path.display())]
    SoundFile {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The system refused a thread, so no sound can be processed.
    #[error("the system refused a thread for sound: {detail}")]
    NoThread {
        /// What the system said.
        detail: String,
    },
}
