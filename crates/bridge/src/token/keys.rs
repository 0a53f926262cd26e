//! The keys that tokens are signed with: the newest signs, all of them are taken.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Claims;
use crate::Error;

/// The shortest secret, in bytes: as long as what HMAC-SHA256 gives (RFC 7518 section 3.2).
const SHORTEST: usize = 32;
/// One signs, the one before it and the one after it are taken, and some to spare.
const MOST: usize = 8;
/// What the key of fingerprints is made from.
const FINGERPRINTS: &[u8] = b"offhook-bridge fingerprints";

/// The keys, the one that signs first. There is always one.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

/// One of them.
pub(super) struct Key {
    id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    /// For fingerprints.
    digests: EncodingKey,
}

/// A file of keys (RFC 7517).
#[derive(Deserialize)]
struct Set {
    keys: Vec<Listed>,
}

/// A symmetric key in it (RFC 7518 section 6.4).
#[derive(Deserialize)]
struct Listed {
    kty: String,
    kid: String,
    k: SecretString,
}

impl Keys {
    /// One that nothing else has.
    pub(super) fn random() -> Result<Self, Error> {
        let mut secret = [0; SHORTEST];
        getrandom::fill(&mut secret)?;
        Ok(Self(vec![Key::new("own".to_owned(), &secret)]))
    }

    /// Those of a file.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let fault = |detail: String| Error::TokenKeys {
            path: path.to_owned(),
            detail,
        };
        let text = fs::read_to_string(path).map(SecretString::from);
        let text = text.map_err(|error| fault(error.to_string()))?;
        // The parser's own words may quote the file.
        let set: Set = serde_json::from_str(text.expose_secret()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            fault(format!(
                "it is not a set of keys in JSON, at line {line}, column {column}"
            ))
        })?;
        if set.keys.is_empty() {
            return Err(fault("there is none in it".to_owned()));
        }
        if set.keys.len() > MOST {
            return Err(fault(format!("there are more than {MOST} in it")));
        }
        let mut ids = HashSet::new();
        for listed in &set.keys {
            if !ids.insert(listed.kid.as_str()) {
                return Err(fault(format!(
                    "two keys in it have the kid {:?}",
                    listed.kid
                )));
            }
        }
        let keys = set.keys.into_iter().map(Key::listed);
        keys.collect::<Result<_, _>>().map(Self).map_err(fault)
    }

    /// The one that signs.
    pub(super) fn signing(&self) -> &Key {
        self.0.first().expect("there is always one")
    }

    /// The one of this name.
    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// What a token says that one of them has signed; its lifetime is not looked at.
    pub(super) fn verify(&self, token: &str, validation: &Validation) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = self.find(&header.kid?)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.verifying, validation);
        let mut claims = claims.ok()?.claims;
        claims.key.clone_from(&key.id);
        Some(claims)
    }
}

impl Key {
    fn new(id: String, secret: &[u8]) -> Self {
        let signing = EncodingKey::from_secret(secret);
        let digests = digest(&signing, FINGERPRINTS);
        Self {
            id,
            digests: EncodingKey::from_secret(digests.as_bytes()),
            signing,
            verifying: DecodingKey::from_secret(secret),
        }
    }

    fn listed(listed: Listed) -> Result<Self, String> {
        let Listed { kty, kid, k } = listed;
        if kty != "oct" {
            return Err(format!(
                "the key {kid:?} is of the kind {kty:?}, not \"oct\""
            ));
        }
        let secret = BASE64_URL_SAFE_NO_PAD.decode(k.expose_secret());
        let secret = secret.map_err(|_| format!("the key {kid:?} is not in base64url"))?;
        let length = secret.len();
        if length < SHORTEST {
            return Err(format!(
                "the key {kid:?} has {length} bytes, and {SHORTEST} are needed"
            ));
        }
        Ok(Self::new(kid, &secret))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn sign(&self, claims: &Claims) -> String {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &self.signing)
            .expect("the key is one for HS256 and the claims are plain strings and numbers")
    }

    /// HMAC-SHA256 of what is known of a client, in base64.
    pub(super) fn digest(&self, bytes: &[u8]) -> String {
        digest(&self.digests, bytes)
    }
}

fn digest(key: &EncodingKey, bytes: &[u8]) -> String {
    crypto::sign(bytes, key, Algorithm::HS256).expect("the key is one for HS256")
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
