//! Where a call goes and what it authenticates with.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::origin::Origin;
use crate::sign_in::SignIn;

/// A server that speaks the protocol.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `ws` or `wss`, ending in `/v1/realtime`, without an agent.
    realtime: Url,
    origin: Origin,
    credential: Credential,
}

/// What proves who is calling.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Buys a short-lived token for every connection from a bridge. Without an access token only
    /// a bridge in development mode gives one.
    Mint {
        /// The OAuth access token, or a bridge's own.
        access_token: Option<SecretString>,
    },
    /// Buys them in the name of a user who is signed in.
    SignedIn(Arc<dyn SignIn>),
    /// Is shown on the upgrade as it is, as OpenAI-compatible servers want their API keys: as
    /// `Authorization: Bearer`.
    Key(SecretString),
    /// The same in a header of its own, `api-key`, as Azure OpenAI wants it.
    ApiKey(SecretString),
}

/// Why an address cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL.
    #[error("it is not a URL ({0})")]
    NotAUrl(url::ParseError),
    /// Not one of http, https, ws, wss.
    #[error("its scheme is {0}, not http, https, ws or wss")]
    Scheme(String),
    /// No host in it.
    #[error("it names no host")]
    NoHost,
    /// A user name, password, query or fragment; credentials do not belong into an address.
    #[error("it has a {0}, which does not belong there")]
    Extra(&'static str),
}

/// Why a server's own address to come back to is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MoveError {
    #[error("{0}")]
    Address(#[from] EndpointError),
    #[error("it is another host's")]
    Host,
    #[error("it is encrypted where this one is not, or the other way round")]
    Security,
}

const REALTIME: &str = "v1/realtime";

impl Endpoint {
    /// The server at `address`: its base (`https://bridge.example`), or the full path of its
    /// realtime API (`wss://api.example/v1/realtime`).
    ///
    /// # Errors
    /// Says why the address cannot be called.
    pub fn new(address: &str, credential: Credential) -> Result<Self, EndpointError> {
        let mut realtime = Url::parse(address.trim()).map_err(EndpointError::NotAUrl)?;
        let scheme = match realtime.scheme() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            other => return Err(EndpointError::Scheme(other.to_owned())),
        };
        realtime
            .set_scheme(scheme)
            .map_err(|()| EndpointError::Scheme(scheme.to_owned()))?;
        if realtime.host_str().is_none_or(str::is_empty) {
            return Err(EndpointError::NoHost);
        }
        if !realtime.username().is_empty() || realtime.password().is_some() {
            return Err(EndpointError::Extra("user name or password"));
        }
        if realtime.query().is_some() {
            return Err(EndpointError::Extra("query"));
        }
        if realtime.fragment().is_some() {
            return Err(EndpointError::Extra("fragment"));
        }
        let base = realtime.path().trim_end_matches('/');
        let path = match base.strip_suffix(REALTIME) {
            Some(_) => base.to_owned(),
            None => format!("{base}/{REALTIME}"),
        };
        realtime.set_path(&path);
        Ok(Self {
            origin: Origin::of(&realtime).map_err(|_| EndpointError::NoHost)?,
            realtime,
            credential,
        })
    }

    /// The server at `address`, as this one named it: on the same host and as safe, or a server
    /// could send its callers' credentials anywhere.
    ///
    /// # Errors
    /// Says why it is not to be followed.
    pub(crate) fn moved(&self, address: &str) -> Result<Self, MoveError> {
        let moved = Self::new(address, self.credential.clone())?;
        if moved.origin.host() != self.origin.host() {
            return Err(MoveError::Host);
        }
        if moved.origin.is_secure() != self.origin.is_secure() {
            return Err(MoveError::Security);
        }
        Ok(moved)
    }

    /// The host, as people know it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.origin.host()
    }

    /// The host and port, as in `bridge.example:443`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.origin.to_string()
    }

    /// What is at `path` beside the realtime API, as in `v1/agents`: the URL to
    /// [fetch](crate::Connector::fetch).
    #[must_use]
    pub fn beside(&self, path: &str) -> Url {
        let mut url = self.realtime_url();
        let base = self.realtime.path().strip_suffix(REALTIME);
        url.set_path(&format!("{}{path}", base.unwrap_or("/")));
        url
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What proves who is calling.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The URL of the upgrade, to open a session or to resume one. A bridge knows agents, an
    /// OpenAI-compatible server models.
    pub(crate) fn upgrade_url(&self, agent: &str, session: Option<&str>) -> Url {
        let mut url = self.realtime.clone();
        let name = match self.credential {
            Credential::Mint { .. } | Credential::SignedIn(_) => "agent",
            Credential::Key(_) | Credential::ApiKey(_) => "model",
        };
        // A server with one model needs no name for it.
        if !agent.is_empty() {
            url.query_pairs_mut().append_pair(name, agent);
        }
        if let Some(session) = session {
            url.query_pairs_mut().append_pair("session", session);
        }
        url
    }

    /// The address of upgrades as proofs have it: without an agent, and of a scheme of the web.
    pub(crate) fn realtime_url(&self) -> Url {
        let mut url = self.realtime.clone();
        url.set_scheme(self.origin.scheme())
            .expect("schemes of the web and of WebSockets can be exchanged");
        url
    }

    /// The address that mints tokens.
    pub(crate) fn mint_url(&self) -> Url {
        let mut url = self.realtime_url();
        url.set_path(&format!("{}/client_secrets", self.realtime.path()));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(address, Credential::Mint { access_token: None })
    }

    #[test]
    fn a_base_and_a_full_address_mean_the_same() {
        for address in [
            "https://bridge.example",
            "https://bridge.example/",
            "wss://bridge.example/v1/realtime",
            " wss://bridge.example/v1/realtime/ ",
        ] {
            let endpoint = endpoint(address).expect(address);
            assert_eq!(
                endpoint.upgrade_url("sales & more", None).as_str(),
                "wss://bridge.example/v1/realtime?agent=sales+%26+more"
            );
            assert_eq!(
                endpoint.mint_url().as_str(),
                "https://bridge.example/v1/realtime/client_secrets"
            );
            assert_eq!(endpoint.authority(), "bridge.example:443");
            assert_eq!(
                endpoint.beside("v1/agents").as_str(),
                "https://bridge.example/v1/agents"
            );
        }
        let local = endpoint("http://127.0.0.1:8084/offhook").expect("it is fine");
        assert_eq!(
            local.beside(".well-known/offhook").as_str(),
            "http://127.0.0.1:8084/offhook/.well-known/offhook"
        );
        assert_eq!(
            local.upgrade_url("test", Some("sess_1&x")).as_str(),
            "ws://127.0.0.1:8084/offhook/v1/realtime?agent=test&session=sess_1%26x"
        );
    }

    #[test]
    fn a_server_may_send_its_callers_to_another_port_or_path_of_its_own() {
        let secure = endpoint("https://bridge.example").expect("it is fine");
        let moved = |url| secure.moved(url).map(|moved| moved.upgrade_url("a", None));
        for (url, upgrade) in [
            (
                "wss://bridge.example:8443/v1/realtime",
                "wss://bridge.example:8443/v1/realtime?agent=a",
            ),
            (
                "https://BRIDGE.example/blue",
                "wss://bridge.example/blue/v1/realtime?agent=a",
            ),
        ] {
            assert_eq!(moved(url).expect(url).as_str(), upgrade);
        }
        for url in ["wss://bridge.example.evil", "wss://evil", "wss://127.0.0.1"] {
            assert_eq!(moved(url), Err(MoveError::Host), "{url}");
        }
        assert_eq!(moved("ws://bridge.example"), Err(MoveError::Security));
        for url in [
            "/v1",
            "wss://user@bridge.example",
            "wss://bridge.example?x=y",
        ] {
            assert!(matches!(moved(url), Err(MoveError::Address(_))), "{url}");
        }
        let open = endpoint("http://127.0.0.1:1").expect("it is fine");
        assert!(open.moved("ws://127.0.0.1:2").is_ok());
        assert_eq!(
            open.moved("wss://127.0.0.1:1").map(drop),
            Err(MoveError::Security)
        );
    }

    #[test]
    fn what_cannot_be_called_is_said() {
        assert!(matches!(
            endpoint("bridge.example"),
            Err(EndpointError::NotAUrl(_))
        ));
        assert_eq!(
            endpoint("ftp://bridge.example").unwrap_err(),
            EndpointError::Scheme("ftp".to_owned())
        );
        assert!(matches!(
            endpoint("https://user:secret@bridge.example"),
            Err(EndpointError::Extra(_))
        ));
        assert!(matches!(
            endpoint("https://bridge.example/?token=x"),
            Err(EndpointError::Extra("query"))
        ));
    }
}
