//! Everything that can go wrong for a user, as codes with arguments, grouped by who must act.
//!
//! Texts live in the locale files under `problem.<code>`; English ones are rendered by
//! [`crate::text`] for the command line and the logs.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use ts_rs::TS;

use crate::snapshot::DropCause;

/// Something that went wrong: what happened, with what a sentence about it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Problem {
    // The user can do something about these.
    /// There is no microphone at all.
    NoMicrophone,
    /// There is no speaker at all.
    NoSpeaker,
    /// The system refuses access to the microphone.
    MicrophoneDenied,
    /// The device exists but cannot be used now (taken by another program, driver error).
    DeviceUnusable {
        /// The device.
        device: String,
        /// What the system said.
        detail: String,
    },
    /// The system's sound stopped in mid-call and did not come back.
    SoundSystemGone,
    /// No device has this name.
    DeviceUnknown {
        /// What was asked for.
        device: String,
    },
    /// The device in use went away; the call goes on with another one.
    DeviceGone {
        /// The device that went.
        device: String,
    },
    /// A sound file cannot be used in place of a device.
    SoundFile {
        /// The file.
        path: String,
        /// Why.
        detail: String,
    },
    /// The address is not one that can be called.
    BadAddress {
        /// What was given.
        address: String,
        /// Why.
        detail: String,
    },
    /// No agent has this name.
    AgentUnknown {
        /// What was asked for.
        agent: String,
    },
    /// The server does not accept the credential.
    NotAuthorised {
        /// The server.
        host: String,
        /// What it said.
        detail: String,
    },
    /// The server does not accept the sign-in any more and the call could not go on without a
    /// new one.
    SignInNeeded {
        /// The server.
        host: String,
    },
    /// There is no keyring to keep secrets in.
    NoKeyring {
        /// What the system said.
        detail: String,
    },
    /// The keyring is locked, or did not let this program in.
    KeyringLocked,
    /// The keyring does not answer; it may be asking for its password.
    KeyringUnanswered,
    /// What is kept is damaged.
    SecretDamaged {
        /// The entry or the file.
        name: String,
    },
    /// The passphrase does not open the file.
    WrongPassphrase,
    /// The file with the secrets cannot be used.
    SecretFile {
        /// The file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// The place for secrets failed.
    SecretsFailed {
        /// What it said.
        detail: String,
    },
    /// The user, or the provider, refused the sign-in.
    SignInDenied {
        /// What the provider said.
        detail: String,
    },
    /// Nobody signed in in time.
    SignInExpired,
    /// The provider does not offer to sign in on another device.
    SignInNoDevice,
    /// The sign-in came to nothing for another reason.
    SignInFailed {
        /// Why, as a sentence without a full stop.
        detail: String,
    },
    /// The server does not take the API key.
    KeyRefused {
        /// The server.
        host: String,
        /// What it said.
        detail: String,
    },
    /// The server at the address is not a bridge of Offhook's.
    NotABridge {
        /// The server.
        host: String,
    },
    /// The list of profiles could not be read and was put aside.
    ProfilesDamaged {
        /// Where it is now.
        path: String,
    },
    /// The list of profiles could not be written.
    ProfilesNotKept {
        /// What the system said.
        detail: String,
    },
    /// What proves who is calling is not to be had now.
    NoCredential {
        /// Why, as a sentence.
        detail: String,
    },
    /// The session or the user's access was revoked.
    Revoked {
        /// The server.
        host: String,
    },

    // The network, or those who run it.
    /// The host's name cannot be resolved.
    HostUnknown {
        /// The host.
        host: String,
    },
    /// The host does not answer.
    Unreachable {
        /// The host and port.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// The server's certificate is not trusted here.
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A step of connecting took too long.
    TimedOut {
        /// The host.
        host: String,
        /// The limit, in seconds.
        seconds: u32,
    },
    /// The line went dead.
    ConnectionLost {
        /// What ended it.
        detail: String,
    },
    /// The line went dead and could not be made again.
    GaveUp {
        /// How long it was tried, in seconds.
        seconds: u32,
        /// Why the last attempt failed.
        cause: DropCause,
    },

    // Those who run the server.
    /// The server refused the call.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// The server has no room now.
    Busy {
        /// When to try again, in seconds, where it said so.
        retry_after_s: Option<u32>,
    },
    /// The server ended the call.
    ClosedByServer {
        /// The WebSocket close code.
        close_code: u16,
        /// The close reason, or the error the server sent before it.
        detail: String,
    },
    /// The server sent something that is not the protocol.
    BadMessage {
        /// What is wrong with it.
        detail: String,
    },
    /// The server sent a message larger than allowed.
    MessageTooBig {
        /// The limit, in bytes.
        limit: u32,
    },

    // Us.
    /// A fault in Offhook.
    Internal {
        /// What to report.
        detail: String,
    },
}
