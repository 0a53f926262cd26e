//! Access tokens of issuers (RFC 9068): who signed them, for whom, and until when.

mod fetch;
mod keys;

use std::sync::OnceLock;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::clock::Clock;
use crate::token::Confirmation;
use crate::{Error, IssuerConfig};
pub(crate) use fetch::is_safe;
use keys::{Keys, NoKey};

/// How far the clocks of an issuer and of the bridge may be apart, in s.
const LEEWAY: u64 = 30;

/// What an access token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The issuer's name for the user.
    pub(crate) sub: String,
    pub(crate) iss: String,
    /// In s since the Unix epoch, as is `exp`.
    pub(crate) iat: Option<u64>,
    pub(crate) exp: u64,
    /// The thumbprint of the key it is bound to.
    pub(crate) jkt: Option<String>,
    /// What its user belongs to, has and was granted (RFC 9068 section 2.2.3.1).
    pub(crate) groups: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

/// Why an access token grants nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not signed by an issuer that is trusted, or not for this bridge.
    Invalid,
    /// Too old, or from the future.
    Expired,
    /// It lacks this scope.
    Scope(String),
    /// The issuer's keys are not known, as it cannot be reached.
    Unreachable,
}

/// The issuers that a bridge trusts.
#[derive(Debug)]
pub(crate) struct Issuers {
    all: Vec<Issuer>,
}

#[derive(Debug)]
struct Issuer {
    /// None until it is known; the bridge's own is named by its address.
    name: OnceLock<Name>,
    scope: String,
    keys: Keys,
}

#[derive(Debug)]
struct Name {
    issuer: String,
    audience: String,
}

#[derive(Deserialize)]
struct Named {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
    scope: Option<String>,
    scp: Option<Names>,
    groups: Option<Names>,
    roles: Option<Names>,
    cnf: Option<Confirmation>,
}

/// Names in an array, or in a text with spaces between them: issuers do both, for scopes at least.
/// Whatever else they may do names nothing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    Text(String),
    Other(IgnoredAny),
}

impl Names {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::List(list) => list,
            Self::Text(text) => text.split_whitespace().map(ToOwned::to_owned).collect(),
            Self::Other(_) => Vec::new(),
        }
    }
}

impl Issuers {
    /// These issuers, none of whom is asked for anything yet.
    pub(crate) fn new(configs: &[IssuerConfig]) -> Result<Self, Error> {
        let all = configs.iter().map(|config| -> Result<_, Error> {
            Ok(Issuer {
                name: OnceLock::from(Name {
                    issuer: config.issuer.clone(),
                    audience: config.audience.clone(),
                }),
                scope: config.scope.clone(),
                keys: Keys::of(config)?,
            })
        });
        Ok(Self {
            all: all.collect::<Result<_, _>>()?,
        })
    }

    /// The bridge itself, with this key; it has no name yet.
    pub(crate) fn local(key: Jwk, scope: &str) -> Self {
        Self {
            all: vec![Issuer {
                name: OnceLock::new(),
                scope: scope.to_owned(),
                keys: Keys::fixed(key),
            }],
        }
    }

    /// Names the bridge itself, which is its own audience. The first name stands.
    pub(crate) fn name_local(&self, issuer: &str) {
        for local in &self.all {
            local.name.get_or_init(|| Name {
                issuer: issuer.to_owned(),
                audience: issuer.to_owned(),
            });
        }
    }

    /// What an access token grants at `now`, in s since the Unix epoch.
    pub(crate) async fn verify(
        &self,
        clock: Clock,
        now: u64,
        token: &SecretString,
    ) -> Result<Granted, Refused> {
        let token = token.expose_secret();
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
        let kind = header.typ.as_deref().unwrap_or("JWT");
        let kind = kind.strip_prefix("application/").unwrap_or(kind);
        let is_access = kind.eq_ignore_ascii_case("at+jwt") || kind.eq_ignore_ascii_case("jwt");
        let kid = header.kid.filter(|_| is_access && header.crit.is_none());
        let kid = kid.ok_or(Refused::Invalid)?;
        let said: Named = jsonwebtoken::dangerous::insecure_decode(token)
            .map_err(|_| Refused::Invalid)?
            .claims;
        let trusted = self.all.iter().find_map(|issuer| {
            let name = issuer.name.get()?;
            (name.issuer == said.iss).then_some((issuer, name))
        });
        let (issuer, name) = trusted.ok_or(Refused::Invalid)?;
        let key = issuer.keys.find(clock, &kid).await;
        let key = key.map_err(|why| match why {
            NoKey::Unknown => Refused::Invalid,
            NoKey::Unreachable => Refused::Unreachable,
        })?;
        if !fits(&key, header.alg) {
            return Err(Refused::Invalid);
        }
        let key = DecodingKey::from_jwk(&key).map_err(|_| Refused::Invalid)?;
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[&name.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library would ask the system's clock; here the time is an argument.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let claims: Claims = jsonwebtoken::decode(token, &key, &validation)
            .map_err(|_| Refused::Invalid)?
            .claims;
        issuer.check(now, claims)
    }
}

impl Issuer {
    fn check(&self, now: u64, claims: Claims) -> Result<Granted, Refused> {
        let time = |time| crate::proof::whole(time).ok_or(Refused::Invalid);
        let (exp, iat) = (time(claims.exp)?, claims.iat.map(time).transpose()?);
        let from = claims.nbf.map(time).transpose()?;
        if now >= exp.saturating_add(LEEWAY) || from.is_some_and(|from| from > now + LEEWAY) {
            return Err(Refused::Expired);
        }
        if claims.sub.is_empty() {
            return Err(Refused::Invalid);
        }
        let list = |names: Option<Names>| names.map_or_else(Vec::new, Names::into_list);
        let mut scopes = list(claims.scope.map(Names::Text));
        scopes.extend(list(claims.scp));
        if !scopes.contains(&self.scope) {
            return Err(Refused::Scope(self.scope.clone()));
        }
        Ok(Granted {
            sub: claims.sub,
            iss: claims.iss,
            iat,
            exp,
            jkt: claims.cnf.map(|cnf| cnf.jkt),
            groups: list(claims.groups),
            roles: list(claims.roles),
            scopes,
        })
    }
}

/// Whether tokens signed in this way may be checked by the key. It is the key that says so, not the
/// token; shared secrets are no keys of an issuer's.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let common = &key.common;
    if !common
        .public_key_use
        .as_ref()
        .is_none_or(|it| *it == PublicKeyUse::Signature)
        || !common
            .key_algorithm
            .is_none_or(|named| Algorithm::try_from(named).is_ok_and(|named| named == algorithm))
    {
        return false;
    }
    match &key.algorithm {
        AlgorithmParameters::EllipticCurve(parameters) => {
            parameters.curve == EllipticCurve::P256 && algorithm == Algorithm::ES256
        }
        AlgorithmParameters::RSA(_) => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        AlgorithmParameters::OctetKeyPair(parameters) => {
            parameters.curve == EllipticCurve::Ed25519 && algorithm == Algorithm::EdDSA
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "issuer/tests.rs"]
mod tests;
