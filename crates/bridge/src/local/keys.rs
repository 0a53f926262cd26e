//! The issuer's secrets: the key it signs with, and the one it derives from.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::Error;

/// The secrets of one issuer.
pub(super) struct Keys {
    signing: EncodingKey,
    /// PKCS #8 and 32 bytes, in base64url.
    stored: (SecretString, SecretString),
    deriving: hmac::Key,
    jwk: Jwk,
    kid: String,
}

impl Keys {
    /// New ones.
    pub(super) fn generate() -> Result<Self, Error> {
        let random = SystemRandom::new();
        let signing = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let signing = signing.map_err(|_| Error::Entropy {
            detail: "no key could be made".to_owned(),
        })?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let text = |bytes: &[u8]| SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let keys = Self::read(text(signing.as_ref()), text(&secret));
        Ok(keys.expect("they were just made"))
    }

    /// Those that were stored; none if they are no keys.
    pub(super) fn read(signing: SecretString, secret: SecretString) -> Option<Self> {
        let bytes = |text: &SecretString| BASE64_URL_SAFE_NO_PAD.decode(text.expose_secret()).ok();
        let deriving = bytes(&secret).filter(|secret| secret.len() == 32)?;
        let der = bytes(&signing)?;
        // Whether it is one is not asked before it is used.
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).ok()?;
        let key = EncodingKey::from_ec_der(&der);
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).ok()?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        jwk.common.key_id = Some(kid.clone());
        Some(Self {
            signing: key,
            stored: (signing, secret),
            deriving: hmac::Key::new(HMAC_SHA256, &deriving),
            jwk,
            kid,
        })
    }

    /// What [`Self::read`] takes.
    pub(super) fn stored(&self) -> (&str, &str) {
        let (signing, secret) = &self.stored;
        (signing.expose_secret(), secret.expose_secret())
    }

    /// The public half of the key that it signs with.
    pub(super) fn jwk(&self) -> Jwk {
        self.jwk.clone()
    }

    /// Signs claims of a kind.
    pub(super) fn sign(&self, kind: &str, claims: &impl Serialize) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(kind.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.signing)
            .expect("the key is one for ES256 and the claims are plain strings and numbers")
    }

    /// A text that follows from these, and that nobody else can make.
    pub(super) fn derive(&self, what: &str, from: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.deriving);
        for part in [what].iter().chain(from) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        BASE64_URL_SAFE_NO_PAD.encode(context.sign())
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_signs_and_derives_the_same() {
        let keys = Keys::generate().unwrap();
        let (signing, secret) = keys.stored();
        let again = Keys::read(signing.into(), secret.into()).unwrap();
        assert_eq!(again.jwk(), keys.jwk());
        assert_eq!(again.derive("a", &["b"]), keys.derive("a", &["b"]));
        assert_ne!(keys.derive("a", &["b", "c"]), keys.derive("a", &["bc"]));
        assert_ne!(
            Keys::generate().unwrap().derive("a", &["b"]),
            keys.derive("a", &["b"])
        );
        assert!(Keys::read("AAAA".into(), secret.into()).is_none());
        assert!(Keys::read(signing.into(), "AAAA".into()).is_none());
        assert!(!format!("{keys:?}").contains(secret));
    }
}
