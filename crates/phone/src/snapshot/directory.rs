//! Who can be called, where, and as whom: what changes when somebody signs in, not 50 times a second.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
#[cfg(test)]
use ts_rs::TS;

use super::Agent;
use crate::problem::Problem;

/// Who can be called, where, and as whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Directory {
    /// Where calls can go. The first is the agent inside Offhook.
    pub profiles: Vec<Profile>,
    /// [`Profile::id`] of the one that is looked at.
    pub chosen: String,
    /// Who can be called there; favourites first.
    pub agents: Vec<Agent>,
    /// Whether those are all.
    pub listing: Listing,
    /// The last calls, of all profiles, the newest first; ten at most.
    pub recent: Vec<Recent>,
    /// Where secrets are kept.
    pub secrets: Secrets,
    /// What becomes of a profile that is being added or changed.
    pub adding: Adding,
}

/// Where calls can go, and who the user is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Profile {
    /// Stable; what intents refer to.
    pub id: String,
    /// What people call it. Data, not translated; empty for the built-in agent's.
    pub name: String,
    /// What is there.
    pub kind: ProfileKind,
    /// Who the user is there.
    pub account: Account,
}

/// What is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProfileKind {
    /// The agent inside Offhook.
    BuiltIn,
    /// A bridge, which says itself how to sign in and who can be called.
    Organisation {
        /// Its address.
        url: String,
    },
    /// A server that speaks the OpenAI Realtime API, with an API key.
    Direct {
        /// Its address.
        url: String,
        /// The model (Azure OpenAI: the deployment).
        model: String,
        /// Where the key goes.
        header: KeyHeader,
    },
}

/// The header that an API key goes into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum KeyHeader {
    /// `Authorization: Bearer`, as OpenAI and most others want it.
    #[default]
    Authorization,
    /// `api-key`, as Azure OpenAI wants it.
    ApiKey,
}

/// Who the user is at a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Account {
    /// Anybody may call there.
    NotNeeded,
    /// What is kept, or what the bridge wants, is being found out.
    Unknown,
    /// It could not be found out.
    Unavailable {
        /// Why.
        problem: Problem,
    },
    /// Nobody is signed in.
    SignedOut {
        /// Why the last try came to nothing, if there was one.
        problem: Option<Problem>,
    },
    /// A sign-in has begun; the provider is asked.
    Starting,
    /// The user signs in, in the browser.
    WaitingForBrowser {
        /// The page, for a browser that did not open.
        url: String,
        /// Whether the browser was opened, as far as the system says.
        opened: bool,
    },
    /// The user signs in on another device.
    WaitingForDevice {
        /// What to type there.
        code: String,
        /// Where.
        url: String,
        /// The same with the code in it.
        qr: Option<QrCode>,
        /// How long the code is good from when this was published, in ms.
        expires_in_ms: u32,
    },
    /// Signed in.
    SignedIn {
        /// As whom: a name, or what the provider calls the user.
        name: String,
        /// The address, if the provider tells it.
        email: Option<String>,
    },
    /// The sign-in is not valid any more: the user has to sign in again.
    Ended {
        /// As whom: a name, or what the provider calls the user.
        name: String,
    },
    /// An API key is kept.
    Key,
    /// There is no API key.
    NoKey,
}

/// A QR code, without the quiet zone of four modules around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct QrCode {
    /// Modules on a side.
    pub size: u32,
    /// Row by row, `#` for a dark module and a space for a light one.
    pub modules: String,
}

/// How complete the list of agents is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Listing {
    /// These are all.
    Complete,
    /// The bridge is being asked; these are those of the last time.
    Loading,
    /// The user has to sign in first.
    SignInFirst,
    /// The bridge does not say; these are those of the last time.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
pub struct Recent {
    /// [`Profile::id`].
    pub profile: String,
    /// [`Agent::id`].
    pub agent: String,
    /// What the agent was called.
    pub name: String,
    /// When it began, in s since the Unix epoch.
    pub at_s: u32,
    /// How long the line was up, in ms; 0 if it never was.
    pub duration_ms: u32,
    /// Whether it failed.
    pub failed: bool,
}

/// Where secrets are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Secrets {
    /// The place is being opened; it may be asking for its password.
    Opening,
    /// They are kept.
    Kept {
        /// Where.
        place: SecretPlace,
    },
    /// They cannot be kept: the user chooses.
    Unavailable {
        /// Why.
        problem: Problem,
    },
}

/// A place for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// The system's keyring.
    System,
    /// A file that a passphrase encrypts.
    File,
    /// Nowhere: they are forgotten when Offhook ends.
    Memory,
}

/// What becomes of a profile that is being added or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Adding {
    /// Nothing is being added.
    Idle,
    /// The server is being asked, or the key tried.
    Checking,
    /// It was added.
    Done {
        /// [`Profile::id`].
        profile: String,
    },
    /// It was not.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum SignInWay {
    /// In the system's browser.
    Browser,
    /// On another device, with a code.
    Device,
}

/// A wish about profiles and accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AccountIntent {
    /// Look at this profile.
    Choose {
        /// [`Profile::id`].
        profile: String,
    },
    /// Add a bridge; how to sign in there is found out.
    AddOrganisation {
        /// Its address.
        url: String,
    },
    /// Add a server with an API key, which is tried before it is kept.
    AddDirect {
        /// What to call it.
        name: String,
        /// Its address.
        url: String,
        /// The model.
        model: String,
        /// Where the key goes.
        header: KeyHeader,
        /// The key.
        key: Secret,
    },
    /// Use another API key, which is tried before it is kept.
    ReplaceKey {
        /// [`Profile::id`].
        profile: String,
        /// The key.
        key: Secret,
    },
    /// Leave the form.
    StopAdding,
    /// Remove a profile, and sign out there.
    Remove {
        /// [`Profile::id`].
        profile: String,
    },
    /// Sign in.
    SignIn {
        /// [`Profile::id`].
        profile: String,
        /// How.
        way: SignInWay,
    },
    /// Open the sign-in page once more.
    OpenBrowser {
        /// [`Profile::id`].
        profile: String,
    },
    /// Do not wait any longer for the user to sign in.
    CancelSignIn {
        /// [`Profile::id`].
        profile: String,
    },
    /// Sign out: the provider is told, and nothing is kept.
    SignOut {
        /// [`Profile::id`].
        profile: String,
    },
    /// Make an agent of the chosen profile a favourite, or not.
    SetFavourite {
        /// [`Agent::id`].
        agent: String,
        /// The state wanted.
        favourite: bool,
    },
    /// Ask again who can be called, and whoever could not be asked before.
    Refresh,
    /// Keep secrets here from now on, or try this place again.
    KeepSecrets {
        /// The place.
        place: SecretPlace,
        /// The passphrase, for a file.
        passphrase: Option<Secret>,
    },
}

/// A secret that somebody typed. Goes in, and never comes out: it shows in no `Debug` output, and
/// writes itself as nothing.
#[derive(Clone, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[cfg_attr(test, ts(type = "string"))]
pub struct Secret(SecretString);

impl Secret {
    /// What was typed, without spaces around it.
    #[must_use]
    pub fn typed(&self) -> SecretString {
        self.0.expose_secret().trim().into()
    }

    /// What was typed, as it is: spaces in a passphrase count.
    #[must_use]
    pub const fn exactly(&self) -> &SecretString {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_goes_in_and_does_not_come_out() {
        let text = r#"{"what":"replace_key","profile":"a","key":" canary "}"#;
        let intent: AccountIntent = serde_json::from_str(text).unwrap();
        let AccountIntent::ReplaceKey { key, .. } = &intent else {
            panic!("{intent:?}");
        };
        assert_eq!(key.typed().expose_secret(), "canary");
        assert_eq!(key.exactly().expose_secret(), " canary ");
        let shown = format!("{intent:?} {}", serde_json::to_string(&intent).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
