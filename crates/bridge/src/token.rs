//! Session tokens: issued, verified and spent.

mod keys;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use offhook_proto::Ids;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::fingerprint::{Fingerprint, Mismatch, Sender};
use keys::Keys;

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
    /// The key that has signed it, as its header says.
    #[serde(skip)]
    key: String,
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

/// The issuer: by a random key that nothing else has, or by those of a file, which several bridges can
/// share.
pub(crate) struct Tokens {
    keys: RwLock<Keys>,
    /// Where the keys are, if not in this process only.
    file: Option<PathBuf>,
    validation: Validation,
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
    /// An issuer for a bridge with at most so many sessions, with the keys of a file or one of its
    /// own.
    pub(crate) fn new(max_sessions: u32, file: Option<&Path>) -> Result<Self, Error> {
        let keys = file.map_or_else(Keys::random, Keys::read)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library would ask the system's clock; here the time is an argument.
        validation.validate_exp = false;
        Ok(Self {
            keys: RwLock::new(keys),
            file: file.map(ToOwned::to_owned),
            validation,
            inner: Mutex::new(Inner {
                ids: Ids::seeded(getrandom::u64()?),
                spent: HashMap::new(),
            }),
            max_spent: LEAST_SPENT.max((max_sessions as usize).saturating_mul(SPENT_PER_SESSION)),
        })
    }

    /// Reads the keys anew, where they are in a file. Tokens signed by a key that is still in it stay
    /// valid; a file that cannot be used changes nothing.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        if let Some(file) = &self.file {
            let keys = Keys::read(file)?;
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        Ok(())
    }

    /// Issues a token at `now`, in s since the Unix epoch.
    pub(crate) fn issue(&self, now: u64, order: Order<'_>) -> (SecretString, Claims) {
        let (fresh, jti) = {
            let mut inner = self.lock();
            (inner.ids.next("sess"), inner.ids.next("jti"))
        };
        let keys = self.keys();
        let key = keys.signing();
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
            fingerprint: order.sender.fingerprint(&jti, |bytes| key.digest(bytes)),
            jti,
            key: key.id().to_owned(),
        };
        let token = key.sign(&claims);
        (format!("{PREFIX}{token}").into(), claims)
    }

    /// A new id that starts with this prefix: for a session that no token named, for an epoch.
    pub(crate) fn id(&self, prefix: &str) -> String {
        self.lock().ids.next(prefix)
    }

    /// How the one who presents a token differs from the one it was minted by, if at all. Nobody can say
    /// once its key is gone.
    pub(crate) fn mismatch(&self, claims: &Claims, sender: &Sender) -> Option<Mismatch> {
        let keys = self.keys();
        let key = keys.find(&claims.key)?;
        let now = sender.fingerprint(&claims.jti, |bytes| key.digest(bytes));
        claims.fingerprint.differs(&now)
    }

    /// What a token says, if it was issued here and is still valid at `now`.
    pub(crate) fn verify(&self, now: u64, token: &SecretString) -> Result<Claims, Refused> {
        let token = token.expose_secret().strip_prefix(PREFIX);
        let token = token.ok_or(Refused::Invalid)?;
        let claims = self.keys().verify(token, &self.validation);
        let claims = claims.ok_or(Refused::Invalid)?;
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

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        // Nothing under this lock panics half-way.
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
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
mod tests;
