//! Who asks: the access token of a request, and the proof of a key that came with it.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, Uri};
use secrecy::{ExposeSecret as _, SecretString};

use super::State;
use super::problem::Problem;
use crate::Access;
use crate::config::Standing;
use crate::credential::{Method, Unclear, authorisation};
use crate::issuer;
use crate::proof::{Expected, OverNonce, OverToken, Proof, Refused, Target, same};
use crate::token::USER;

/// The header with a proof (RFC 9449 section 4.1).
pub(super) const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The header with what the next one has to be over (RFC 9449 section 8.1).
pub(super) const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What an access token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) user: String,
    /// When it was issued, in s since the Unix epoch; none for the operator's.
    pub(crate) minted: Option<u64>,
    /// When it expires, in s since the Unix epoch; none if it does not.
    pub(crate) expires_at: Option<u64>,
    /// The thumbprint of the key it is bound to.
    pub(crate) jkt: Option<String>,
    /// Whom its user may call follows from that.
    pub(crate) standing: Standing,
}

impl Grant {
    /// What the operator of the bridge may do.
    fn of_operator() -> Self {
        Self {
            user: USER.to_owned(),
            minted: None,
            expires_at: None,
            jkt: None,
            standing: Standing::Operator,
        }
    }
}

impl State {
    /// What an access token grants at `now`, in s since the Unix epoch.
    pub(super) async fn grant(&self, now: u64, key: &SecretString) -> Result<Grant, Problem> {
        match &self.config.access {
            // Anyone who can reach a bridge in development mode may mint.
            Access::Development => Ok(Grant::of_operator()),
            Access::Token(token) if same(token.expose_secret(), key.expose_secret()) => {
                Ok(Grant::of_operator())
            }
            Access::Token(_) => Err(Problem::bad_credential()),
            Access::Issuers(_) | Access::Local(_) => {
                let issuers = self.issuers.as_ref().ok_or_else(Problem::bad_credential)?;
                let granted = issuers.verify(self.clock, now, key).await;
                let granted = granted.map_err(|why| match why {
                    issuer::Refused::Invalid => Problem::bad_access_token(),
                    issuer::Refused::Expired => Problem::access_token_expired(),
                    issuer::Refused::Scope(scope) => Problem::scope(&scope),
                    issuer::Refused::Unreachable => Problem::issuer_unreachable(),
                })?;
                let is_local = matches!(self.config.access, Access::Local(_));
                Ok(Grant {
                    user: if is_local {
                        granted.sub.clone()
                    } else {
                        // Two issuers may give one name to two people.
                        format!("{}#{}", granted.iss, granted.sub)
                    },
                    minted: granted.iat,
                    expires_at: Some(granted.exp),
                    jkt: granted.jkt,
                    standing: Standing::User {
                        issuer: granted.iss,
                        sub: granted.sub,
                        groups: granted.groups,
                        roles: granted.roles,
                        scopes: granted.scopes,
                    },
                })
            }
        }
    }
}

/// Who asks for something, and the key that they have proved to have.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) grant: Grant,
    /// Its thumbprint.
    pub(super) jkt: Option<String>,
}

/// Finds out who sent a request that is not for an upgrade.
pub(super) async fn caller(
    state: &State,
    now: u64,
    headers: &HeaderMap,
    shown: &Shown,
) -> Result<Caller, Problem> {
    let (method, token) = match (authorisation(headers), &state.config.access) {
        (Ok(found), _) => found,
        (Err(Unclear::Several), _) => return Err(Problem::several_credentials()),
        // With any key or none.
        (Err(_), Access::Development) => (Method::Header, SecretString::default()),
        (Err(why), _) => return Err(super::admission::unclear(why)),
    };
    let grant = state.grant(now, &token).await?;
    let over = match (&grant.jkt, method) {
        (_, Method::Proved) => OverToken::Needed(token.expose_secret()),
        (None, _) => OverToken::IfNamed(token.expose_secret()),
        (Some(_), _) => return Err(Problem::proof()),
    };
    if !shown.is_there() && method != Method::Proved {
        return Ok(Caller { grant, jkt: None });
    }
    let nonce = if state.config.require_nonce {
        OverNonce::Ours(&state.nonces)
    } else {
        OverNonce::Free
    };
    let proof = shown.check(now, over, nonce)?;
    if grant.jkt.as_ref().is_some_and(|jkt| *jkt != proof.jkt) {
        return Err(Problem::proof());
    }
    state.seen.spend(now, &proof).map_err(unproved)?;
    Ok(Caller {
        grant,
        jkt: Some(proof.jkt),
    })
}

/// The proof of a key that came with a request, and of what it has to be.
pub(crate) struct Shown {
    /// More than one cannot be right.
    proofs: Vec<String>,
    method: &'static str,
    target: Target,
}

impl Shown {
    pub(crate) fn read(
        state: &State,
        method: &'static str,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Self {
        let proofs = headers.get_all(PROOF).iter().take(2);
        Self {
            proofs: proofs
                .map(|proof| proof.to_str().unwrap_or_default().to_owned())
                .collect(),
            method,
            target: Target::new(state.config.public_url.as_ref(), headers, uri),
        }
    }

    /// The address that was asked.
    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    /// Whether there is one at all.
    pub(super) const fn is_there(&self) -> bool {
        !self.proofs.is_empty()
    }

    /// Checks the one proof.
    pub(super) fn check(
        &self,
        now: u64,
        token: OverToken<'_>,
        nonce: OverNonce<'_>,
    ) -> Result<Proof, Problem> {
        self.proof(now, token, nonce).map_err(unproved)
    }

    /// The same, for whoever says it in other words.
    pub(crate) fn proof(
        &self,
        now: u64,
        token: OverToken<'_>,
        nonce: OverNonce<'_>,
    ) -> Result<Proof, Refused> {
        let [proof] = self.proofs.as_slice() else {
            return Err(Refused::Invalid);
        };
        let expected = Expected {
            now,
            method: self.method,
            target: &self.target,
            token,
            nonce,
        };
        Proof::check(proof, &expected)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// What a client is told whose proof does not count.
pub(super) fn unproved(why: Refused) -> Problem {
    match why {
        Refused::Invalid => Problem::proof(),
        Refused::Nonce => Problem::nonce(),
        Refused::Full => Problem::full(),
    }
}
