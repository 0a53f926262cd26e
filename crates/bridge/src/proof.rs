//! Proofs that a client has its key (DPoP, RFC 9449): what they say, and whether that is of the
//! request they came with.

mod nonce;
mod seen;
mod target;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

pub(crate) use nonce::Nonces;
pub(crate) use seen::Seen;
pub(crate) use target::Target;

/// How far the clocks of a client and of the bridge may be apart, in s.
const LEEWAY: u64 = 60;
/// The longest id of a proof, in characters.
const MAX_ID: usize = 128;
/// The longest proof, in bytes; usual ones are half of that.
const MAX: usize = 2048;

/// A proof that counts for its request. Nobody has looked yet whether it came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The thumbprint of the client's key (RFC 7638).
    pub(crate) jkt: String,
    jti: String,
    /// In s since the Unix epoch.
    iat: u64,
}

/// Why there is no proof that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is none, or of another request, or came before.
    Invalid,
    /// It is not over a nonce that is current.
    Nonce,
    /// So many came that no more can be told from those that came before.
    Full,
}

/// What a proof has to be of. Not to be printed: there is a token in it.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The time, in s since the Unix epoch.
    pub(crate) now: u64,
    pub(crate) method: &'a str,
    pub(crate) target: &'a Target,
    pub(crate) token: OverToken<'a>,
    pub(crate) nonce: OverNonce<'a>,
}

/// The token that a proof goes with.
#[derive(Clone, Copy)]
pub(crate) enum OverToken<'a> {
    /// There is none.
    None,
    /// It has to name this one.
    Needed(&'a str),
    /// If it names one, it has to be this one.
    IfNamed(&'a str),
}

/// The nonce that a proof has to be over.
#[derive(Clone, Copy)]
pub(crate) enum OverNonce<'a> {
    /// Any, or none.
    Free,
    /// One of these.
    Ours(&'a Nonces),
    /// This one.
    Exactly(&'a str),
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: serde_json::Map<String, Value>,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    ath: Option<String>,
    nonce: Option<String>,
}

impl Proof {
    /// Checks a proof as RFC 9449 section 4.3 has it, all but whether it came before.
    ///
    /// # Errors
    /// Why it does not count. That its nonce is old is said only if all else is right.
    pub(crate) fn check(jws: &str, expected: &Expected<'_>) -> Result<Self, Refused> {
        let (jkt, claims) = read(jws).ok_or(Refused::Invalid)?;
        let iat = whole(claims.iat).ok_or(Refused::Invalid)?;
        let ath = claims.ath.as_deref();
        let is_over_token = match expected.token {
            OverToken::None => true,
            OverToken::Needed(token) => ath.is_some_and(|ath| same(ath, &hash(token))),
            OverToken::IfNamed(token) => ath.is_none_or(|ath| same(ath, &hash(token))),
        };
        let is_of_request = claims.htm == expected.method
            && expected.target.is(&claims.htu)
            && iat.abs_diff(expected.now) <= LEEWAY
            && (1..=MAX_ID).contains(&claims.jti.chars().count())
            && is_over_token;
        if !is_of_request {
            return Err(Refused::Invalid);
        }
        let nonce = claims.nonce.as_deref();
        match expected.nonce {
            OverNonce::Free => {}
            OverNonce::Ours(nonces) => {
                if !nonce.is_some_and(|nonce| nonces.has(expected.now, nonce)) {
                    return Err(Refused::Nonce);
                }
            }
            OverNonce::Exactly(wanted) => {
                if !nonce.is_some_and(|nonce| same(nonce, wanted)) {
                    return Err(Refused::Invalid);
                }
            }
        }
        Ok(Self {
            jkt,
            jti: claims.jti,
            iat,
        })
    }
}

/// What a proof names a token by (RFC 9449 section 4.2), and a challenge its verifier (RFC 7636
/// section 4.2): SHA-256, in base64url.
pub(crate) fn hash(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// Whether two texts are the same, in a time that does not depend on where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The thumbprint of the key that signed this, and what it says.
fn read(jws: &str) -> Option<(String, Claims)> {
    if jws.len() > MAX {
        return None;
    }
    let (message, signature) = jws.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Header = part(header)?;
    let is_proof = header.typ == "dpop+jwt" && header.alg == "ES256" && header.crit.is_none();
    let is_public = ["d", "k", "p", "q"]
        .iter()
        .all(|name| !header.jwk.contains_key(*name));
    if !is_proof || !is_public {
        return None;
    }
    let text = |name: &str| header.jwk.get(name).and_then(Value::as_str);
    if text("kty") != Some("EC") || text("crv") != Some("P-256") {
        return None;
    }
    let (x, y) = (coordinate(text("x")?)?, coordinate(text("y")?)?);
    let key = DecodingKey::from_ec_components(&x, &y).ok()?;
    let is_signed = crypto::verify(signature, message.as_bytes(), &key, Algorithm::ES256);
    if !is_signed.unwrap_or(false) {
        return None;
    }
    Some((thumbprint(&x, &y), part(claims)?))
}

/// A coordinate of P-256, in the one spelling that is right.
fn coordinate(text: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() == 32).then(|| text.to_owned())
}

/// RFC 7638 section 3, of a key of P-256.
fn thumbprint(x: &str, y: &str) -> String {
    hash(&format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#
    ))
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A time of a JSON Web Token, which may have a fraction (RFC 7519 section 2).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was just looked at"
)]
pub(crate) fn whole(time: f64) -> Option<u64> {
    (0.0..1e15).contains(&time).then_some(time as u64)
}

#[cfg(test)]
pub(crate) mod signing;
#[cfg(test)]
#[path = "proof/tests.rs"]
mod tests;
