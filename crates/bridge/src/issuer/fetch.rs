//! An issuer's documents over HTTP: its metadata and its keys.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use jsonwebtoken::jwk::Jwk;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Host, Url};

use crate::Error;

/// How long an issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest document, in bytes.
const MAX: usize = 512 * 1024;
/// How long keys are used before they are asked for again, whatever the issuer says of it.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Where it says nothing.
const USUAL: Duration = Duration::from_secs(60 * 60);

/// Why a document cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("it cannot be reached: {0}")]
    Http(#[from] reqwest::Error),
    #[error("it answers with {0}")]
    Status(u16),
    #[error("its answer is larger than 512 KiB")]
    TooBig,
    #[error("its answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("its metadata is that of another issuer, {0:?}")]
    OtherIssuer(String),
    #[error("its keys are at an address without TLS")]
    Insecure,
}

/// What asks issuers.
#[derive(Debug)]
pub(super) struct Http(reqwest::Client);

/// OpenID Connect Discovery 1.0 section 3, as much of it as matters here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Http {
    pub(super) fn new() -> Result<Self, Error> {
        // Whoever uses this crate may have installed another one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("offhook-bridge/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| Error::Outgoing {
            detail: error.to_string(),
        })?;
        Ok(Self(client))
    }

    /// Where an issuer's keys are.
    pub(super) async fn discover(&self, issuer: &str) -> Result<Url, Failed> {
        let base = issuer.trim_end_matches('/');
        let address = format!("{base}/.well-known/openid-configuration");
        let (metadata, _) = self.get::<Metadata>(&address).await?;
        if metadata.issuer != issuer {
            return Err(Failed::OtherIssuer(metadata.issuer));
        }
        if !is_safe(&metadata.jwks_uri) {
            return Err(Failed::Insecure);
        }
        Ok(metadata.jwks_uri)
    }

    /// An issuer's keys, and how long to use them. Those of kinds that are not known are left out.
    pub(super) async fn keys(&self, address: &Url) -> Result<(Vec<Jwk>, Duration), Failed> {
        let (set, headers) = self.get::<Set>(address.as_str()).await?;
        let keys = set.keys.into_iter();
        let keys = keys.filter_map(|key| serde_json::from_value(key).ok());
        Ok((keys.collect(), life(&headers)))
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<(T, HeaderMap), Failed> {
        let mut response = self.0.get(address).send().await?;
        if response.status() != 200 {
            return Err(Failed::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX {
                return Err(Failed::TooBig);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((serde_json::from_slice(&body)?, response.headers().clone()))
    }
}

/// Whether what is read from this address was not changed on its way.
pub(crate) fn is_safe(address: &Url) -> bool {
    let is_here = match address.host() {
        Some(Host::Ipv4(host)) => host.is_loopback(),
        Some(Host::Ipv6(host)) => host.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    address.scheme() == "https" || (address.scheme() == "http" && is_here)
}

/// How long a document may be used (RFC 9111 section 5.2.2.1), within limits.
fn life(headers: &HeaderMap) -> Duration {
    let said = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| directive.trim().strip_prefix("max-age=")?.parse().ok());
    said.map_or(USUAL, Duration::from_secs)
        .clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_used_for_as_long_as_is_said_within_limits() {
        let life = |said: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(header::CACHE_CONTROL, said.parse().unwrap());
            }
            life(&headers).as_secs()
        };
        assert_eq!(life(None), 3600);
        assert_eq!(life(Some("public, max-age=900")), 900);
        assert_eq!(life(Some("max-age=0, must-revalidate")), 300);
        assert_eq!(life(Some("max-age=99999999")), 86_400);
        assert_eq!(life(Some("no-store")), 3600);
    }

    #[test]
    fn only_this_machine_is_trusted_without_tls() {
        for (address, safe) in [
            ("https://login.example/keys", true),
            ("http://127.0.0.7:1/keys", true),
            ("http://[::1]/keys", true),
            ("http://localhost/keys", true),
            ("http://login.example/keys", false),
            ("file:///keys", false),
        ] {
            assert_eq!(is_safe(&address.parse().unwrap()), safe, "{address}");
        }
    }
}
