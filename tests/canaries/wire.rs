//! A relay in front of a bridge that keeps every byte, and the secrets in them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use offhook_tests::relay::{Relay, Way};
use offhook_tests::softphone::Bridge;

use crate::forms::{Canary, Kind};

/// Nobody listens there.
const NOWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

/// What stands before a secret in JSON, as providers and bridges write it.
const IN_JSON: [(&str, Kind); 5] = [
    ("\"access_token\":\"", Kind::AccessToken),
    ("\"refresh_token\":\"", Kind::RefreshToken),
    ("\"id_token\":\"", Kind::IdToken),
    ("\"device_code\":\"", Kind::DeviceCode),
    ("\"value\":\"", Kind::CallToken),
];

/// The fields of forms and addresses that are secrets.
const IN_FORMS: [(&str, Kind); 4] = [
    ("code", Kind::AuthorisationCode),
    ("code_verifier", Kind::CodeVerifier),
    ("device_code", Kind::DeviceCode),
    ("refresh_token", Kind::RefreshToken),
];

/// Headers with secrets, as HTTP libraries write their names.
const IN_HEADERS: [(&str, Kind); 3] = [
    ("\ndpop: ", Kind::Proof),
    ("\nauthorization: dpop ", Kind::AccessToken),
    ("\nauthorization: bearer ", Kind::AccessToken),
];

/// A running relay.
pub(crate) struct Wire {
    relay: Relay,
    passed: Arc<Mutex<Passed>>,
}

/// The bytes of each connection, up and down.
type Passed = Vec<[Vec<u8>; 2]>;

impl Wire {
    /// One that leads nowhere yet.
    pub(crate) fn start() -> Result<Self> {
        let passed: Arc<Mutex<Passed>> = Arc::default();
        let kept = Arc::clone(&passed);
        let relay = Relay::tapped(SocketAddr::from(NOWHERE), move |piece| {
            let mut kept = lock(&kept);
            if kept.len() <= piece.connection {
                kept.resize_with(piece.connection + 1, Default::default);
            }
            let way = usize::from(piece.way == Way::Down);
            kept[piece.connection][way].extend_from_slice(piece.bytes);
        })?;
        Ok(Self { relay, passed })
    }

    /// Where clients connect to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.relay.address())
    }

    /// Leads to this bridge from now on.
    pub(crate) fn aim(&self, bridge: &Bridge) -> Result<()> {
        let (_, address) = bridge.url().split_once("//").context("not a URL")?;
        self.relay.aim(address.parse()?);
        Ok(())
    }

    /// The secrets that have passed.
    pub(crate) fn canaries(&self) -> Vec<Canary> {
        let mut found = BTreeSet::new();
        for [up, down] in lock(&self.passed).iter() {
            for bytes in [up, down] {
                look(&String::from_utf8_lossy(bytes), &mut found);
            }
        }
        found.into_iter().collect()
    }

    /// How many of a kind have passed.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        let canaries = self.canaries();
        canaries.iter().filter(|canary| canary.kind == kind).count()
    }
}

/// Fails where one of these kinds is missing: what looks for nothing finds nothing.
#[track_caller]
pub(crate) fn assert_each(canaries: &[Canary], kinds: &[Kind]) {
    for kind in kinds {
        let has = canaries.iter().any(|canary| canary.kind == *kind);
        assert!(has, "no {kind:?} has passed");
    }
}

fn look(text: &str, found: &mut BTreeSet<Canary>) {
    for (before, kind) in IN_JSON {
        after(text, before, kind, found);
    }
    for (field, kind) in IN_FORMS {
        // In a query, in the middle of a form, and at the beginning of one.
        for before in ["?", "&", "\r\n\r\n"] {
            after(text, &format!("{before}{field}="), kind, found);
        }
    }
    let small = text.to_ascii_lowercase();
    for (header, kind) in IN_HEADERS {
        for (at, _) in small.match_indices(header) {
            keep(&text[at + header.len()..], kind, found);
        }
    }
}

fn after(text: &str, before: &str, kind: Kind, found: &mut BTreeSet<Canary>) {
    for (at, _) in text.match_indices(before) {
        keep(&text[at + before.len()..], kind, found);
    }
}

/// Keeps what the text begins with, if that is a token.
fn keep(text: &str, kind: Kind, found: &mut BTreeSet<Canary>) {
    let is_token =
        |character: char| character.is_ascii_alphanumeric() || "-._~".contains(character);
    let end = text.find(|character| !is_token(character));
    let token = &text[..end.unwrap_or(text.len())];
    let kind = if token.starts_with("ek_") {
        Kind::CallToken
    } else {
        kind
    };
    if token.len() >= 20 {
        found.insert(Canary::new(kind, token));
    }
}

fn lock(passed: &Mutex<Passed>) -> MutexGuard<'_, Passed> {
    passed.lock().unwrap_or_else(PoisonError::into_inner)
}
