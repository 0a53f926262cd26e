//! Which proxy leads to a server: one that was named, or what the environment and the system say.
//!
//! The environment's `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (upper or lower case,
//! read as curl does) come first, then macOS's and Windows' own settings. All are read anew for
//! every connection, because a machine that moves changes them. They do not apply to this machine
//! itself (`localhost`, `127.0.0.0/8`, `::1`); a proxy given to
//! [`Connector::with_proxy`](crate::Connector::with_proxy) applies to everything.

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use offhook_proto::client::Failure;
use secrecy::{ExposeSecret, SecretString};

use crate::connect::bare;
use crate::origin::Origin;

/// A proxy, and who may use it. Does not show its password.
#[derive(Clone)]
pub struct Proxy {
    kind: Kind,
    /// An IPv6 address without its brackets.
    host: String,
    port: u16,
    login: Option<Login>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// HTTP CONNECT (RFC 9110 section 9.3.6),
    Http,
    /// the same inside TLS,
    Https,
    /// RFC 1928. The proxy looks up names.
    Socks5,
}

#[derive(Clone)]
pub(crate) enum Login {
    /// The value of a `Proxy-Authorization` header (RFC 7617).
    Basic(SecretString),
    /// What RFC 1929 sends.
    Password {
        user: String,
        password: SecretString,
    },
}

/// Why something is no proxy's address. Does not repeat it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not of the form `http://user:password@host:port`.
    #[error("it is not a proxy's address, as in http://user:password@host:port")]
    NotAnAddress,
    /// A kind of proxy that is not supported.
    #[error("{0} proxies are not supported, only http, https and socks5")]
    Scheme(String),
}

impl Proxy {
    /// The proxy at `address`: `http://`, `https://` or `socks5://`, with a user name and password
    /// where it wants them. Without a scheme it is an HTTP proxy.
    ///
    /// # Errors
    /// Where that is no proxy's address, or the kind is not supported.
    pub fn new(address: &SecretString) -> Result<Self, ProxyError> {
        let matcher = Matcher::builder().all(address.expose_secret()).build();
        let anywhere = Uri::from_static("https://bridge.example");
        let intercept = matcher
            .intercept(&anywhere)
            .ok_or(ProxyError::NotAnAddress)?;
        Self::try_from(&intercept)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// `failure` on the way to or at this proxy, so that nobody looks for it at the server.
    pub(crate) fn blame(&self, failure: Failure) -> Failure {
        let blamed = |detail| format!("the proxy {self}: {detail}");
        match failure {
            Failure::HostUnknown => Failure::Unreachable {
                detail: blamed("its name cannot be found".to_owned()),
            },
            Failure::Unreachable { detail } => Failure::Unreachable {
                detail: blamed(detail),
            },
            Failure::Untrusted { detail } => Failure::Untrusted {
                detail: blamed(detail),
            },
            Failure::NotTheProtocol { detail } => Failure::NotTheProtocol {
                detail: blamed(detail),
            },
            other @ (Failure::Refused { .. }
            | Failure::SignedOut
            | Failure::NoCredential { .. }) => other,
        }
    }
}

impl TryFrom<&Intercept> for Proxy {
    type Error = ProxyError;

    fn try_from(intercept: &Intercept) -> Result<Self, ProxyError> {
        let uri = intercept.uri();
        let (kind, port) = match uri.scheme_str() {
            Some("http") => (Kind::Http, 80),
            Some("https") => (Kind::Https, 443),
            Some("socks5" | "socks5h") => (Kind::Socks5, 1080),
            other => return Err(ProxyError::Scheme(other.unwrap_or_default().to_owned())),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let basic = intercept.basic_auth().and_then(|auth| auth.to_str().ok());
        let basic = basic.map(|header| Login::Basic(header.into()));
        let password = intercept
            .raw_auth()
            .map(|(user, password)| Login::Password {
                user: user.to_owned(),
                password: password.into(),
            });
        Ok(Self {
            kind,
            host: bare(host.ok_or(ProxyError::NotAnAddress)?).to_owned(),
            port: uri.port_u16().unwrap_or(port),
            login: basic.or(password),
        })
    }
}

/// Its host and port, as in `proxy.example:3128`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?} {self})", self.kind)
    }
}

/// Whose word on proxies counts.
#[derive(Debug, Clone)]
pub(crate) enum Proxies {
    /// The environment's and the system's.
    System,
    /// A proxy that was named, for every server.
    Always(Proxy),
    /// There is none.
    Never,
}

impl Proxies {
    /// The environment's and the system's settings. Says in the log what of them is no proxy's
    /// address and will be ignored.
    pub(crate) fn system() -> Self {
        for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
            for name in [name, &name.to_lowercase()] {
                let address = std::env::var(name).unwrap_or_default();
                if address.is_empty() {
                    continue;
                }
                if let Err(error) = Proxy::new(&address.into()) {
                    tracing::warn!("{name} is not used: {error}");
                }
            }
        }
        Self::System
    }

    /// The proxy on the way to `origin`.
    ///
    /// # Errors
    /// Where one is set that is not supported. Going round it is not what anybody asked for.
    pub(crate) fn to(&self, origin: &Origin) -> Result<Option<Proxy>, Failure> {
        match self {
            Self::Never => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy.clone())),
            Self::System if origin.is_loopback() => Ok(None),
            Self::System => chosen(&Matcher::from_system(), origin),
        }
    }
}

fn chosen(matcher: &Matcher, origin: &Origin) -> Result<Option<Proxy>, Failure> {
    // Proxies are chosen by the schemes of the web, not of WebSockets.
    let uri = Uri::builder()
        .scheme(origin.scheme())
        .authority(origin.to_string())
        .path_and_query("/")
        .build()
        .map_err(|error| Failure::NotTheProtocol {
            detail: error.to_string(),
        })?;
    let proxy = matcher.intercept(&uri).as_ref().map(Proxy::try_from);
    proxy.transpose().map_err(|error| Failure::Unreachable {
        detail: format!("the proxy that is set cannot be used: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(address: &str) -> Result<Proxy, ProxyError> {
        Proxy::new(&address.into())
    }

    fn origin(address: &str) -> Origin {
        Origin::of(&address.parse().unwrap()).unwrap()
    }

    #[test]
    fn addresses_are_read_and_passwords_never_shown() {
        for (address, kind, name) in [
            (
                "http://proxy.example:3128",
                Kind::Http,
                "proxy.example:3128",
            ),
            ("proxy.example:3128", Kind::Http, "proxy.example:3128"),
            (
                "https://me:canary@proxy.example",
                Kind::Https,
                "proxy.example:443",
            ),
            (
                "socks5h://me:canary@[::1]:9050/",
                Kind::Socks5,
                "[::1]:9050",
            ),
        ] {
            let proxy = proxy(address).expect(address);
            assert_eq!((proxy.kind(), proxy.to_string().as_str()), (kind, name));
            assert_eq!(proxy.login().is_some(), address.contains('@'));
            assert!(!format!("{proxy:?} {proxy}").contains("canary"));
        }
        let login = proxy("http://me:can%20ary@proxy.example").unwrap().login;
        let Some(Login::Basic(header)) = login else {
            panic!("no login");
        };
        assert_eq!(header.expose_secret(), "Basic bWU6Y2FuIGFyeQ==");
    }

    #[test]
    fn what_is_no_proxy_is_said_without_repeating_it() {
        for address in ["", "http://", "ftp://me:canary@proxy.example", "http://a b"] {
            let error = proxy(address).expect_err(address);
            assert_eq!(error, ProxyError::NotAnAddress);
            assert!(!error.to_string().contains("canary"));
        }
        let error = proxy("socks4://proxy.example").unwrap_err();
        assert_eq!(error, ProxyError::Scheme("socks4".to_owned()));
    }

    #[test]
    fn a_websocket_is_matched_as_the_web_is() {
        let matcher = Matcher::builder()
            .http("http://plain.example:1")
            .https("http://secure.example:2")
            .no("internal.example, 10.0.0.0/8")
            .build();
        for (address, name) in [
            ("wss://bridge.example", Some("secure.example:2")),
            ("https://bridge.example", Some("secure.example:2")),
            ("ws://bridge.example", Some("plain.example:1")),
            ("wss://[2001:db8::1]:8443", Some("secure.example:2")),
            ("wss://bridge.internal.example", None),
            ("ws://10.1.2.3:8084", None),
        ] {
            let chosen = chosen(&matcher, &origin(address)).unwrap();
            assert_eq!(chosen.map(|proxy| proxy.to_string()).as_deref(), name);
        }
    }

    #[test]
    fn a_proxy_of_a_kind_that_is_not_supported_is_not_gone_round() {
        let matcher = Matcher::builder().all("socks4://proxy.example").build();
        let failure = chosen(&matcher, &origin("wss://bridge.example")).unwrap_err();
        assert!(matches!(failure, Failure::Unreachable { detail } if detail.contains("socks4")));
    }

    #[test]
    fn this_machine_is_called_directly_unless_a_proxy_was_named() {
        let named = Proxies::Always(proxy("proxy.example:3128").unwrap());
        for address in [
            "ws://localhost:8084",
            "ws://a.localhost",
            "ws://127.8.0.1",
            "ws://[::1]",
        ] {
            let origin = origin(address);
            assert!(Proxies::System.to(&origin).unwrap().is_none(), "{address}");
            assert!(named.to(&origin).unwrap().is_some());
            assert!(Proxies::Never.to(&origin).unwrap().is_none());
        }
    }
}
