//! Session tokens: issued, verified and spent within one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use offhook_proto::Ids;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::fingerprint::{Fingerprint, Mismatch, Sender};

/// How every token starts, as those of the OpenAI API do.
pub(crate) const PREFIX: &str = "ek_";
/// Who mints with the access token, or in development: there are no user accounts then.
pub(crate) const USER: &str = "local";

const ISSUER: &str = "offhook-bridge";
const AUDIENCE: &str = "offhook-realtime";
/// The fewest spent tokens that are remembered,
const LEAST_SPENT: usize = 10_000;
/// and how many for each session there may be: a token lives for 120 s at most, and a session asks
/// for one every 30 s at the usual life, and for one more whenever it comes back.
const SPENT_PER_SESSION: usize = 8;

/// What a token is to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// How long it is to be valid, in s.
    pub(crate) ttl: u64,
    pub(crate) agent: &'a str,
    /// The session it is to go on with; a new one if none.
    pub(crate) session: Option<&'a str>,
    pub(crate) reusable: bool,
    /// Whose it is.
    pub(crate) user: &'a str,
    /// The thumbprint of the key that it is bound to; any client may use it if none.
    pub(crate) jkt: Option<&'a str>,
    /// Who asks for it.
    pub(crate) sender: &'a Sender,
}

/// What a token says (RFC 7519 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// Who minted it.
    pub(crate) sub: String,
    /// The session it opens.
    pub(crate) sid: String,
    /// The agent it is for.
    pub(crate) agent: String,
    /// When it was minted, in s since the Unix epoch.
    pub(crate) iat: u64,
    /// When it expires, in s since the Unix epoch.
    pub(crate) exp: u64,
    jti: String,
    /// Whether it opens as many sessions as come until it expires.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reusable: bool,
    /// The key that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    /// Where it was minted, and by what.
    #[serde(rename = "fp")]
    fingerprint: Fingerprint,
}

/// The key a token is bound to (RFC 9449 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmation {
    /// Its thumbprint (RFC 7638).
    pub(crate) jkt: String,
}

impl Claims {
    /// The thumbprint of the key it is bound to.
    pub(crate) fn jkt(&self) -> Option<&str> {
        self.cnf.as_ref().map(|cnf| cnf.jkt.as_str())
    }
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
    /// For fingerprints.
    digests: EncodingKey,
    inner: Mutex<Inner>,
    /// How many spent tokens are remembered.
    max_spent: usize,
}

struct Inner {
    ids: Ids,
    /// `jti` to `exp`.
    spent: HashMap<String, u64>,
}

impl Tokens {
    /// An issuer for a bridge with at most so many sessions.
    pub(crate) fn new(max_sessions: u32) -> Result<Self, Error> {
        let (mut key, mut digests) = ([0; 32], [0; 32]);
        getrandom::fill(&mut key)?;
        getrandom::fill(&mut digests)?;
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
            digests: EncodingKey::from_secret(&digests),
            inner: Mutex::new(Inner {
                ids: Ids::seeded(getrandom::u64()?),
                spent: HashMap::new(),
            }),
            max_spent: LEAST_SPENT.max((max_sessions as usize).saturating_mul(SPENT_PER_SESSION)),
        })
    }

    /// Issues a token at `now`, in s since the Unix epoch.
    pub(crate) fn issue(&self, now: u64, order: Order<'_>) -> (SecretString, Claims) {
        let (fresh, jti) = {
            let mut inner = self.lock();
            (inner.ids.next("sess"), inner.ids.next("jti"))
        };
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: order.user.into(),
            sid: order.session.map_or(fresh, ToOwned::to_owned),
            agent: order.agent.into(),
            iat: now,
            exp: now + order.ttl,
            reusable: order.reusable,
            cnf: order.jkt.map(|jkt| Confirmation { jkt: jkt.into() }),
            fingerprint: self.fingerprint(&jti, order.sender),
            jti,
        };
        let header = Header::new(Algorithm::HS256);
        let token = jsonwebtoken::encode(&header, &claims, &self.signing)
            .expect("the key is one for HS256 and the claims are plain strings and numbers");
        (format!("{PREFIX}{token}").into(), claims)
    }

    /// A new id that starts with this prefix: for a session that no token named, for an epoch.
    pub(crate) fn id(&self, prefix: &str) -> String {
        self.lock().ids.next(prefix)
    }

    /// How the one who presents a token differs from the one it was minted by, if at all.
    pub(crate) fn mismatch(&self, claims: &Claims, sender: &Sender) -> Option<Mismatch> {
        let now = self.fingerprint(&claims.jti, sender);
        claims.fingerprint.differs(&now)
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
        if spent.len() >= self.max_spent {
            spent.retain(|_, exp| *exp > now);
        }
        if spent.len() >= self.max_spent {
            return Err(Refused::Full);
        }
        match spent.insert(claims.jti.clone(), claims.exp) {
            None => Ok(()),
            Some(_) => Err(Refused::Spent),
        }
    }

    /// HMAC-SHA256 of what is known of a client, in base64.
    fn fingerprint(&self, jti: &str, sender: &Sender) -> Fingerprint {
        sender.fingerprint(jti, |bytes| {
            crypto::sign(bytes, &self.digests, Algorithm::HS256).expect("the key is one for HS256")
        })
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

/// Whether this can be a session's id, as those that are made here.
pub(crate) fn is_session_id(id: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(known)
}

/// A text that cannot be guessed.
pub(crate) fn random_text() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
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

    use axum::http::{HeaderMap, HeaderValue, header};

    const NOW: u64 = 1_700_000_000;

    fn sender(program: &'static str) -> Sender {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(program));
        Sender::new(None, &headers)
    }

    fn issue(tokens: &Tokens, ttl: u64, reusable: bool) -> (SecretString, Claims) {
        let order = Order {
            ttl,
            agent: "test",
            session: None,
            reusable,
            user: USER,
            jkt: None,
            sender: &sender("phone"),
        };
        tokens.issue(NOW, order)
    }

    #[test]
    fn a_token_opens_one_session_until_it_expires() {
        let tokens = Tokens::new(256).unwrap();
        let (token, issued) = issue(&tokens, 60, false);
        assert!(token.expose_secret().starts_with("ek_"));
        assert_eq!(tokens.verify(NOW + 59, &token), Ok(issued.clone()));
        assert_eq!(tokens.verify(NOW + 60, &token), Err(Refused::Expired));
        assert_eq!(tokens.spend(NOW, &issued), Ok(()));
        assert_eq!(tokens.spend(NOW, &issued), Err(Refused::Spent));
        assert_eq!(tokens.verify(NOW, &token), Err(Refused::Spent));
    }

    #[test]
    fn a_reusable_token_stays_until_it_expires() {
        let tokens = Tokens::new(256).unwrap();
        let (token, issued) = issue(&tokens, 10, true);
        for _ in 0..3 {
            assert_eq!(tokens.spend(NOW, &issued), Ok(()));
            assert_eq!(tokens.verify(NOW, &token), Ok(issued.clone()));
        }
    }

    #[test]
    fn only_this_issuer_counts() {
        let tokens = Tokens::new(256).unwrap();
        let (foreign, _) = issue(&Tokens::new(256).unwrap(), 60, false);
        assert_eq!(tokens.verify(NOW, &foreign), Err(Refused::Invalid));
        // "alg": "none" with the same claims.
        let none = "ek_eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.";
        for token in [none, "ek_", "ek_a.b.c", "sk-x", ""] {
            assert_eq!(tokens.verify(NOW, &token.into()), Err(Refused::Invalid));
        }
        let (token, _) = issue(&tokens, 60, false);
        let mut forged = token.expose_secret().to_owned();
        let last = forged.pop().unwrap();
        forged.insert(forged.len() - 5, last);
        assert_eq!(tokens.verify(NOW, &forged.into()), Err(Refused::Invalid));
    }

    #[test]
    fn the_memory_of_spent_tokens_is_bounded() {
        let tokens = Tokens::new(256).unwrap();
        for _ in 0..LEAST_SPENT {
            let (_, claims) = issue(&tokens, 60, false);
            assert_eq!(tokens.spend(NOW, &claims), Ok(()));
        }
        let (_, claims) = issue(&tokens, 60, false);
        assert_eq!(tokens.spend(NOW + 59, &claims), Err(Refused::Full));
        assert_eq!(tokens.spend(NOW + 60, &claims), Ok(()));
    }

    #[test]
    fn a_token_knows_who_minted_it_and_does_not_tell() {
        let tokens = Tokens::new(256).unwrap();
        let (token, claims) = issue(&tokens, 60, false);
        assert_eq!(tokens.mismatch(&claims, &sender("phone")), None);
        assert!(tokens.mismatch(&claims, &sender("curl")).is_some());
        let (_, other) = issue(&tokens, 60, false);
        assert_ne!(claims.fingerprint, other.fingerprint);
        // What is signed can be read by anyone who has the token.
        let said = serde_json::to_string(&claims).unwrap();
        assert!(!said.contains("phone"), "{said}");
        assert_eq!(tokens.verify(NOW, &token), Ok(claims));
    }

    #[test]
    fn a_token_is_for_the_session_it_was_ordered_for() {
        let tokens = Tokens::new(256).unwrap();
        let order = Order {
            ttl: 60,
            agent: "test",
            session: Some("sess_1"),
            reusable: false,
            user: USER,
            jkt: None,
            sender: &sender("phone"),
        };
        assert_eq!(tokens.issue(NOW, order).1.sid, "sess_1");
        assert_ne!(
            issue(&tokens, 60, false).1.sid,
            issue(&tokens, 60, false).1.sid
        );
        for id in ["", "a b", "s/1", "ä", &"x".repeat(65)] {
            assert!(!is_session_id(id), "{id}");
        }
        assert!(is_session_id("sess_Az-09") && is_session_id(&"x".repeat(64)));
    }

    #[test]
    fn a_bridge_with_many_sessions_remembers_enough_for_all_to_come_back() {
        let tokens = Tokens::new(10_000).unwrap();
        for _ in 0..2 * LEAST_SPENT {
            let (_, claims) = issue(&tokens, 60, false);
            assert_eq!(tokens.spend(NOW, &claims), Ok(()));
        }
    }
}
