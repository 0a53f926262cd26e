//! Session tokens: issued, verified and spent within one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use offhook_proto::Ids;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::Error;

/// How every token starts, as those of the OpenAI API do.
pub(crate) const PREFIX: &str = "ek_";
/// The lifetime of a token unless the mint asks for another one, in s.
pub(crate) const DEFAULT_TTL: u64 = 60;
/// The lifetimes a mint may ask for, in s.
pub(crate) const TTL: std::ops::RangeInclusive<u64> = 10..=120;

const ISSUER: &str = "offhook-bridge";
const AUDIENCE: &str = "offhook-realtime";
/// How many spent tokens are remembered; at 120 s each this is 80 sessions a second.
const MAX_SPENT: usize = 10_000;

/// What a token says (RFC 7519 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// Who minted it; there are no user accounts here.
    sub: String,
    /// The session it opens.
    pub(crate) sid: String,
    /// The agent it is for.
    pub(crate) agent: String,
    iat: u64,
    /// When it expires, in s since the Unix epoch.
    pub(crate) exp: u64,
    jti: String,
    /// Whether it opens as many sessions as come until it expires.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reusable: bool,
}

/// Why a token does not open a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not signed here, or not a token at all.
    Invalid,
    /// Too old.
    Expired,
    /// For one session, and that has been.
    Spent,
    /// So many tokens were spent within their lifetime that no more can be remembered.
    Full,
}

/// The issuer of this process: a random key that nothing else has.
pub(crate) struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    inner: Mutex<Inner>,
}

struct Inner {
    ids: Ids,
    /// `jti` to `exp`.
    spent: HashMap<String, u64>,
}

impl Tokens {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library would ask the system's clock; here the time is an argument.
        validation.validate_exp = false;
        Ok(Self {
            signing: EncodingKey::from_secret(&key),
            verifying: DecodingKey::from_secret(&key),
            validation,
            inner: Mutex::new(Inner {
                ids: Ids::seeded(getrandom::u64()?),
                spent: HashMap::new(),
            }),
        })
    }

    /// Issues a token for one agent at `now`, in s since the Unix epoch, valid for `ttl` s.
    pub(crate) fn issue(
        &self,
        now: u64,
        ttl: u64,
        agent: &str,
        reusable: bool,
    ) -> (SecretString, Claims) {
        let (sid, jti) = {
            let mut inner = self.lock();
            (inner.ids.next("sess"), inner.ids.next("jti"))
        };
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: "local".into(),
            sid,
            agent: agent.into(),
            iat: now,
            exp: now + ttl,
            jti,
            reusable,
        };
        let header = Header::new(Algorithm::HS256);
        let token = jsonwebtoken::encode(&header, &claims, &self.signing)
            .expect("the key is one for HS256 and the claims are plain strings and numbers");
        (format!("{PREFIX}{token}").into(), claims)
    }

    /// A new session id, for a session that no token named.
    pub(crate) fn session_id(&self) -> String {
        self.lock().ids.next("sess")
    }

    /// What a token says, if it was issued here and is still valid at `now`.
    pub(crate) fn verify(&self, now: u64, token: &SecretString) -> Result<Claims, Refused> {
        let token = token.expose_secret().strip_prefix(PREFIX);
        let token = token.ok_or(Refused::Invalid)?;
        let claims: Claims = jsonwebtoken::decode(token, &self.verifying, &self.validation)
            .map_err(|_| Refused::Invalid)?
            .claims;
        if now >= claims.exp {
            return Err(Refused::Expired);
        }
        if !claims.reusable && self.lock().spent.contains_key(&claims.jti) {
            return Err(Refused::Spent);
        }
        Ok(claims)
    }

    /// Uses a token up, unless it is reusable. Of several at once, one succeeds.
    pub(crate) fn spend(&self, now: u64, claims: &Claims) -> Result<(), Refused> {
        if claims.reusable {
            return Ok(());
        }
        let spent = &mut self.lock().spent;
        if spent.len() >= MAX_SPENT {
            spent.retain(|_, exp| *exp > now);
        }
        if spent.len() >= MAX_SPENT {
            return Err(Refused::Full);
        }
        match spent.insert(claims.jti.clone(), claims.exp) {
            None => Ok(()),
            Some(_) => Err(Refused::Spent),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing under this lock panics half-way; a poisoned table is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

/// A token that cannot be guessed, for a process to let itself in.
pub(crate) fn random_token() -> Result<SecretString, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(hex.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    #[test]
    fn a_token_opens_one_session_until_it_expires() {
        let tokens = Tokens::new().unwrap();
        let (token, issued) = tokens.issue(NOW, 60, "test", false);
        assert!(token.expose_secret().starts_with("ek_"));
        assert_eq!(tokens.verify(NOW + 59, &token), Ok(issued.clone()));
        assert_eq!(tokens.verify(NOW + 60, &token), Err(Refused::Expired));
        assert_eq!(tokens.spend(NOW, &issued), Ok(()));
        assert_eq!(tokens.spend(NOW, &issued), Err(Refused::Spent));
        assert_eq!(tokens.verify(NOW, &token), Err(Refused::Spent));
    }

    #[test]
    fn a_reusable_token_stays_until_it_expires() {
        let tokens = Tokens::new().unwrap();
        let (token, issued) = tokens.issue(NOW, 10, "test", true);
        for _ in 0..3 {
            assert_eq!(tokens.spend(NOW, &issued), Ok(()));
            assert_eq!(tokens.verify(NOW, &token), Ok(issued.clone()));
        }
    }

    #[test]
    fn only_this_issuer_counts() {
        let tokens = Tokens::new().unwrap();
        let (foreign, _) = Tokens::new().unwrap().issue(NOW, 60, "test", false);
        assert_eq!(tokens.verify(NOW, &foreign), Err(Refused::Invalid));
        // "alg": "none" with the same claims.
        let none = "ek_eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.";
        for token in [none, "ek_", "ek_a.b.c", "sk-x", ""] {
            assert_eq!(tokens.verify(NOW, &token.into()), Err(Refused::Invalid));
        }
        let (token, _) = tokens.issue(NOW, 60, "test", false);
        let mut forged = token.expose_secret().to_owned();
        let last = forged.pop().unwrap();
        forged.insert(forged.len() - 5, last);
        assert_eq!(tokens.verify(NOW, &forged.into()), Err(Refused::Invalid));
    }

    #[test]
    fn the_memory_of_spent_tokens_is_bounded() {
        let tokens = Tokens::new().unwrap();
        for _ in 0..MAX_SPENT {
            let (_, claims) = tokens.issue(NOW, 60, "test", false);
            assert_eq!(tokens.spend(NOW, &claims), Ok(()));
        }
        let (_, claims) = tokens.issue(NOW, 60, "test", false);
        assert_eq!(tokens.spend(NOW + 59, &claims), Err(Refused::Full));
        assert_eq!(tokens.spend(NOW + 60, &claims), Ok(()));
    }
}
