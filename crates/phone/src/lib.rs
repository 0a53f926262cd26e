//! The softphone without a window: one model, one loop, one snapshot.
//!
//! [`Phone`] runs the loop. A surface (the window, the command line, a test) subscribes to its
//! [`Message`]s and gives it [`Intent`]s; it holds no state of its own. What the softphone decides
//! is in [`model`], which is pure: inputs and the time in, effects and a snapshot out.

mod accounts;
#[cfg(test)]
mod bindings;
mod clock;
mod failure;
mod folder;
pub mod model;
mod problem;
mod run;
mod snapshot;
mod subscribers;
mod text;

pub use accounts::{AccountsConfig, OpenPage};
pub use folder::data_folder;
pub use model::{AgentEntry, BUILT_IN, Book, Config};
pub use offhook_audio as audio;
pub use offhook_client::{Connector, Credential, Endpoint, EndpointError, is_harmless};
pub use problem::Problem;
pub use run::{Gone, Phone};
pub use snapshot::{
    Account, AccountIntent, Activity, Adding, Agent, Call, Device, DeviceChoice, DevicePicker,
    DialStep, Directory, DropCause, EndReason, EntryStatus, Intent, KeyHeader, Line, Listing, Lost,
    Message, Meters, Party, Profile, ProfileKind, QrCode, Recent, ReconnectStep, Secret,
    SecretPlace, Secrets, SignInWay, Snapshot, Stats, TranscriptEntry,
};
pub use text::{Locale, english};
