//! Who may mint tokens and open sessions.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::Error;
use crate::issuer::is_safe;

/// The scope that an access token has to have unless configured otherwise.
pub const DEFAULT_SCOPE: &str = "offhook.call";
/// The client that the local issuer knows.
pub(crate) const LOCAL_CLIENT: &str = "offhook";

/// Who may mint tokens and open sessions.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever has this token, presented as `Authorization: Bearer`.
    Token(SecretString),
    /// Anyone on this machine; only on a loopback address.
    Development,
    /// Whoever one of these has issued an access token to.
    Issuers(Vec<IssuerConfig>),
    /// Whoever signs in with the bridge itself, by any name; only on a loopback address.
    Local(LocalIssuerConfig),
}

impl Access {
    /// What keeps these from being let in at `address`.
    pub(super) fn faults(&self, address: SocketAddr) -> Vec<Error> {
        let is_here = address.ip().is_loopback();
        match self {
            Self::Development if !is_here => vec![Error::OpenToTheNetwork { address }],
            Self::Local(_) if !is_here => vec![Error::LocalOnTheNetwork { address }],
            Self::Issuers(issuers) if issuers.is_empty() => vec![Error::NoIssuer],
            Self::Issuers(issuers) => {
                let addresses = issuers.iter().flat_map(|it| {
                    let keys = it.jwks_uri.as_ref().map(Url::as_str);
                    [Some(it.issuer.as_str()), keys].into_iter().flatten()
                });
                let bad = addresses.filter(|it| !Url::parse(it).is_ok_and(|it| is_safe(&it)));
                let fault = |address: &str| Error::InsecureIssuer {
                    address: address.to_owned(),
                };
                bad.map(fault).collect()
            }
            Self::Development | Self::Local(_) | Self::Token(_) => Vec::new(),
        }
    }
}

/// An issuer of access tokens: JSON Web Tokens as RFC 9068 has them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Its identifier, an address, exactly as its tokens name it (`iss`).
    pub issuer: String,
    /// What its tokens name as `aud` if they are for this bridge.
    pub audience: String,
    /// The scope that they have to have.
    #[serde(default = "default_scope")]
    pub scope: String,
    /// The client that softphones sign in as.
    pub client_id: String,
    /// Where its keys are; found by OpenID Connect Discovery 1.0 if none.
    pub jwks_uri: Option<Url>,
}

impl IssuerConfig {
    /// An issuer whose keys are discovered and whose tokens need [`DEFAULT_SCOPE`].
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            scope: default_scope(),
            client_id: client_id.into(),
            jwks_uri: None,
        }
    }
}

fn default_scope() -> String {
    DEFAULT_SCOPE.to_owned()
}

/// The issuer inside the bridge, for development and tests. Its client is `offhook`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalIssuerConfig {
    /// Where its key and its grants are kept; in memory only if none. The file is as secret as they
    /// are.
    pub state_file: Option<PathBuf>,
    /// How long an access token lives, to the second.
    pub access_token_life: Duration,
    /// How long a refresh token that was used may be used again by the same key, for the same
    /// successor.
    pub reuse_interval: Duration,
    /// How long a code lives that was given to a client, or to its user.
    pub code_life: Duration,
    /// How often a device may ask whether its user has signed in (RFC 8628 section 3.2).
    pub device_interval: Duration,
    /// How long its user has for that.
    pub device_code_life: Duration,
}

impl Default for LocalIssuerConfig {
    fn default() -> Self {
        Self {
            state_file: None,
            access_token_life: Duration::from_secs(300),
            reuse_interval: Duration::from_secs(60),
            code_life: Duration::from_secs(60),
            device_interval: Duration::from_secs(1),
            device_code_life: Duration::from_secs(600),
        }
    }
}
