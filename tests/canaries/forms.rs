//! Secrets to look for, and the forms in which they may have been written.

use std::fmt;
use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::form_urlencoded::byte_serialize;

/// What is looked for of a long secret: whoever has its end has it, and what it begins with may be
/// no secret at all, as in a JWT's header.
const ENOUGH: usize = 32;
/// Shorter ones would be found by chance.
const SHORTEST: usize = 12;

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    AccessToken,
    RefreshToken,
    IdToken,
    DeviceCode,
    AuthorisationCode,
    CodeVerifier,
    /// What a call is made with, `ek_…`.
    CallToken,
    Proof,
    Passphrase,
    ApiKey,
}

/// A secret that has to be nowhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Canary {
    pub(crate) kind: Kind,
    secret: String,
}

impl Canary {
    pub(crate) fn new(kind: Kind, secret: &str) -> Self {
        assert!(
            secret.len() >= SHORTEST,
            "{kind:?} is too short to look for"
        );
        Self {
            kind,
            secret: secret.to_owned(),
        }
    }

    /// All that is looked for; each has a name.
    pub(crate) fn forms(&self) -> Vec<(&'static str, String)> {
        let bytes = self.secret.as_bytes();
        let bytes = &bytes[bytes.len().saturating_sub(ENOUGH)..];
        let plain = String::from_utf8_lossy(bytes).into_owned();
        let form: String = byte_serialize(bytes).collect();
        let decimal: Vec<String> = bytes.iter().map(ToString::to_string).collect();
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let mut forms = vec![
            ("as a list of bytes", decimal.join(", ")),
            ("as a list of bytes", decimal.join(",")),
            ("in hexadecimal", hex),
            ("URL-encoded", form.replace('+', "%20")),
            ("URL-encoded", form),
        ];
        for before in 0..3 {
            forms.push(("in base64", in_the_middle(&STANDARD_NO_PAD, before, bytes)));
            forms.push((
                "in base64url",
                in_the_middle(&URL_SAFE_NO_PAD, before, bytes),
            ));
        }
        forms.retain(|(_, text)| *text != plain);
        forms.push(("as it is", plain));
        forms
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

/// What is always the same of these bytes in base64 when `before` others, and any number after them,
/// are encoded with them.
fn in_the_middle(engine: &impl base64::Engine, before: usize, bytes: &[u8]) -> String {
    let whole = [&vec![0; before], bytes].concat();
    // A character is 6 bits: those that begin before the bytes, or end after them, vary.
    let first = (before * 8).div_ceil(6);
    let last = whole.len() * 8 / 6;
    engine.encode(&whole)[first..last].to_owned()
}
