//! What is remembered of profiles between two runs: no secrets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::snapshot::{KeyHeader, ProfileKind, Recent};

/// The profile of the agent inside Offhook.
pub const BUILT_IN: &str = "built-in";
/// How many calls are remembered.
const RECENT: usize = 10;
/// Nobody has more.
pub(crate) const MOST_PROFILES: usize = 50;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    /// The form of it.
    pub version: u32,
    /// The profiles besides the built-in agent's.
    pub profiles: Vec<Entry>,
    /// The one that was looked at last.
    pub chosen: Option<String>,
    /// Agents that the user wants at hand: profile and agent.
    pub favourites: BTreeSet<(String, String)>,
    /// The last calls, the newest first.
    pub recent: Vec<Recent>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Stable.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What is there.
    pub kind: ProfileKind,
    /// What the bridge said of itself the last time.
    pub offer: Option<Offer>,
}

/// What a bridge says of itself, in `/.well-known/offhook`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Offer {
    /// The operator's name.
    pub name: Option<String>,
    /// How to sign in.
    pub sign_in: SignInKind,
    /// Who signs users in.
    pub issuer: Option<String>,
    /// What Offhook is called there.
    pub client_id: Option<String>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// What the access tokens are for.
    pub resource: Option<String>,
}

/// How to sign in at a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInKind {
    /// Not at all.
    None,
    /// With a token of the bridge's own.
    AccessToken,
    /// By OpenID Connect.
    #[default]
    Oidc,
}

impl Book {
    /// An id that no profile has: made of the host, so that people recognise it.
    pub(crate) fn free_id(&self, host: &str) -> String {
        let base: String = host
            .chars()
            .map(|character| match character {
                'a'..='z' | '0'..='9' | '.' | '-' => character,
                'A'..='Z' => character.to_ascii_lowercase(),
                _ => '-',
            })
            .take(32)
            .collect();
        let base = if base.is_empty() { "server" } else { &base };
        let taken = |id: &str| id == BUILT_IN || self.profiles.iter().any(|entry| entry.id == id);
        if !taken(base) {
            return base.to_owned();
        }
        (2..)
            .map(|number| format!("{base}-{number}"))
            .find(|id| !taken(id))
            .expect("there are more numbers than profiles")
    }

    /// The profile with this address (and model), if there is one already.
    pub(crate) fn same(&self, kind: &ProfileKind) -> Option<&Entry> {
        self.profiles.iter().find(|entry| entry.kind == *kind)
    }

    /// Remembers a call.
    pub(crate) fn remember(&mut self, call: Recent) {
        self.recent.insert(0, call);
        self.recent.truncate(RECENT);
    }

    /// Forgets a profile and everything about it.
    pub(crate) fn forget(&mut self, profile: &str) {
        self.profiles.retain(|entry| entry.id != profile);
        self.recent.retain(|call| call.profile != profile);
        self.favourites.retain(|(of, _)| of != profile);
        if self.chosen.as_deref() == Some(profile) {
            self.chosen = None;
        }
    }
}

impl Entry {
    /// What shows an API key to the server, where one is needed.
    pub(crate) fn header(&self) -> KeyHeader {
        match &self.kind {
            ProfileKind::Direct { header, .. } => *header,
            ProfileKind::BuiltIn | ProfileKind::Organisation { .. } => KeyHeader::Authorization,
        }
    }
}

impl Offer {
    /// Whether the user signs in by OpenID Connect, and all that is needed for it is there.
    pub(crate) fn client(&self) -> Option<offhook_signin::Client> {
        if self.sign_in != SignInKind::Oidc {
            return None;
        }
        Some(offhook_signin::Client {
            issuer: self.issuer.clone()?,
            client_id: self.client_id.clone()?,
            scopes: self
                .scopes
                .iter()
                .filter(|scope| *scope != "openid")
                .cloned()
                .collect(),
            resource: self.resource.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organisation(id: &str, url: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            name: id.to_owned(),
            kind: ProfileKind::Organisation {
                url: url.to_owned(),
            },
            offer: None,
        }
    }

    fn call(profile: &str, at_s: u32) -> Recent {
        Recent {
            profile: profile.to_owned(),
            agent: "a".to_owned(),
            name: "A".to_owned(),
            at_s,
            duration_ms: 1,
            failed: false,
        }
    }

    #[test]
    fn ids_are_recognisable_and_nobody_elses() {
        let mut book = Book::default();
        assert_eq!(book.free_id("Bridge.Example"), "bridge.example");
        assert_eq!(book.free_id("[::1]"), "---1-");
        assert_eq!(book.free_id(""), "server");
        assert_eq!(book.free_id(BUILT_IN), "built-in-2");
        book.profiles.push(organisation("bridge.example", "a"));
        assert_eq!(book.free_id("bridge.example"), "bridge.example-2");
    }

    #[test]
    fn the_newest_calls_are_remembered_and_a_profile_is_forgotten_whole() {
        let mut book = Book::default();
        book.profiles.push(organisation("a", "https://a"));
        book.chosen = Some("a".to_owned());
        book.favourites.insert(("a".to_owned(), "x".to_owned()));
        for at in 0..15 {
            book.remember(call(if at % 2 == 0 { "a" } else { "b" }, at));
        }
        assert_eq!(book.recent.len(), RECENT);
        assert_eq!(book.recent[0].at_s, 14);
        book.forget("a");
        assert!(book.recent.iter().all(|call| call.profile == "b"));
        assert_eq!(
            (book.profiles.len(), book.chosen, book.favourites.len()),
            (0, None, 0)
        );
    }

    #[test]
    fn what_an_older_version_wrote_can_be_read() {
        assert_eq!(serde_json::from_str::<Book>("{}").unwrap(), Book::default());
    }
}
