//! Proofs that whoever uses a token has the key that it is bound to (DPoP, RFC 9449): a stolen token
//! is worth nothing without it.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::json;
use url::{Position, Url};

use crate::clock::time_of_day;
use crate::mint::server_time;

/// A server's clock that differs by less from this machine's is taken to be the same: servers allow
/// for as much, and their dates are of whole seconds.
const SAME_TIME: i64 = 20;

/// A P-256 key and what it proves with. Does not show the key.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    pkcs8: SecretSlice<u8>,
    random: SystemRandom,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system has no random numbers.
    #[error("the system gives no random numbers, which a new key needs")]
    NoRandomness,
    /// What was kept is not a key.
    #[error("what was kept is not a P-256 key")]
    NotAKey,
}

/// What a proof is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proving<'a> {
    /// The request's method
    pub(crate) method: &'a Method,
    /// and address, of which query and fragment do not count.
    pub(crate) url: &'a Url,
    /// The token that comes with it, if any.
    pub(crate) token: Option<&'a SecretString>,
    /// What the server wants in it.
    pub(crate) nonce: Option<&'a str>,
    /// The time of day, in s since the Unix epoch.
    pub(crate) at: i64,
}

impl ProofKey {
    /// A new key.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.map_err(|_| KeyError::NoRandomness)?;
        Self::from_pkcs8(pkcs8.as_ref().to_vec().into())
    }

    /// The key that [`to_pkcs8`](Self::to_pkcs8) gave.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_pkcs8(pkcs8: SecretSlice<u8>) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.expose_secret(), &random);
        Ok(Self {
            pair: pair.map_err(|_| KeyError::NotAKey)?,
            pkcs8,
            random,
        })
    }

    /// The key, to be kept where secrets are (PKCS #8, RFC 5208).
    #[must_use]
    pub const fn to_pkcs8(&self) -> &SecretSlice<u8> {
        &self.pkcs8
    }

    /// What tokens call the key (`jkt`; RFC 7638, SHA-256).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        thumbprint(&x, &y)
    }

    /// A proof (RFC 9449 section 4.2): a JWS signed with ES256.
    pub(crate) fn prove(&self, proving: Proving<'_>) -> String {
        let (x, y) = self.coordinates();
        let header = json!({
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y },
        });
        let mut claims = json!({
            "jti": self.id(),
            "htm": proving.method.as_str(),
            "htu": target(proving.url),
            "iat": proving.at,
        });
        if let Some(token) = proving.token {
            claims["ath"] = hashed(token.expose_secret().as_bytes()).into();
        }
        if let Some(nonce) = proving.nonce {
            claims["nonce"] = nonce.into();
        }
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes());
        // Had the system no random numbers any more, TLS would not work either: the server refuses
        // an empty signature, which is said to the user.
        let signature = signature.map(|signature| URL_SAFE_NO_PAD.encode(signature));
        format!("{signed}.{}", signature.unwrap_or_default())
    }

    /// An id that no other proof has: 128 random bits.
    fn id(&self) -> String {
        let mut bytes = [0; 16];
        // As above: a proof with a constant id is refused as a repetition.
        let _ = self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn coordinates(&self) -> (String, String) {
        // An uncompressed point (SEC 1 section 2.3.3): 4, x, y.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProofKey({})", self.thumbprint())
    }
}

/// Proves to one server, and remembers what that wants in proofs.
#[derive(Debug)]
pub struct Prover {
    key: Arc<ProofKey>,
    nonce: Mutex<Option<String>>,
    /// How far the server's clock is ahead of this machine's, in s; 0 where that is as good as none.
    ahead: AtomicI64,
}

impl Prover {
    /// Proves with `key`.
    #[must_use]
    pub fn new(key: Arc<ProofKey>) -> Self {
        Self {
            key,
            nonce: Mutex::default(),
            ahead: AtomicI64::new(0),
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Arc<ProofKey> {
        &self.key
    }

    /// A proof for a request, with `token` in it if that comes with the request. For a `DPoP` header.
    #[must_use]
    pub fn proof(&self, method: &Method, url: &Url, token: Option<&SecretString>) -> HeaderValue {
        let nonce = self.lock().clone();
        let proof = self.prove(method, url, token, nonce.as_deref());
        let mut value = HeaderValue::try_from(proof).expect("a JWS is made of letters and digits");
        value.set_sensitive(true);
        value
    }

    /// The same with a nonce that came in another way.
    pub(crate) fn prove(
        &self,
        method: &Method,
        url: &Url,
        token: Option<&SecretString>,
        nonce: Option<&str>,
    ) -> String {
        self.key.prove(Proving {
            method,
            url,
            token,
            nonce,
            at: unix_now() + self.ahead.load(Ordering::Relaxed),
        })
    }

    /// Notes what an answer says about proofs; whether the request was refused for the lack of it, so
    /// that it should be sent again.
    pub fn learn(&self, response: &Response<Bytes>) -> bool {
        let headers = response.headers();
        let mut news = self.note_nonce(headers);
        let refused = matches!(
            response.status(),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED
        );
        if refused && let Some(server) = server_time(headers) {
            news |= self.note_time(server, unix_now());
        }
        refused && news && says_proof(headers, response.body())
    }

    fn note_nonce(&self, headers: &HeaderMap) -> bool {
        let nonce = headers
            .get("dpop-nonce")
            .and_then(|nonce| nonce.to_str().ok());
        let Some(nonce) = nonce else {
            return false;
        };
        let before = self.lock().replace(nonce.to_owned());
        before.as_deref() != Some(nonce)
    }

    fn note_time(&self, server: Duration, now: i64) -> bool {
        let server = i64::try_from(server.as_secs()).unwrap_or(i64::MAX);
        let ahead = server.saturating_sub(now);
        let ahead = if ahead.abs() <= SAME_TIME { 0 } else { ahead };
        let before = self.ahead.swap(ahead, Ordering::Relaxed);
        (before - ahead).abs() > SAME_TIME
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        // Nothing under this lock can panic half-way.
        self.nonce.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a key's coordinates: the members in this order and without spaces (RFC 7638 section 3).
fn thumbprint(x: &str, y: &str) -> String {
    hashed(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes())
}

/// Whether a refusal is about the proof: by the authorisation server (RFC 9449 section 8) or by the
/// one that was called (section 9).
fn says_proof(headers: &HeaderMap, body: &[u8]) -> bool {
    let about = |text: &str| text.contains("use_dpop_nonce") || text.contains("invalid_dpop_proof");
    let challenges = headers.get_all(header::WWW_AUTHENTICATE);
    let mut challenges = challenges.iter().filter_map(|value| value.to_str().ok());
    challenges.any(about) || std::str::from_utf8(body).is_ok_and(about)
}

/// A request's address as proofs have it: without query and fragment, and of a scheme of the web.
fn target(url: &Url) -> String {
    let rest = &url[Position::AfterScheme..Position::AfterPath];
    let scheme = match url.scheme() {
        "ws" => "http",
        "wss" => "https",
        other => other,
    };
    format!("{scheme}{rest}")
}

fn hashed(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

fn unix_now() -> i64 {
    i64::try_from(time_of_day().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "dpop_tests.rs"]
mod tests;
