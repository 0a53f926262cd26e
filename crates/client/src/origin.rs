//! Whom a connection is made to: a host, a port, and whether it is encrypted (RFC 6454 section 4).

use std::fmt;

use offhook_proto::client::Failure;
use url::{Host, Url};

/// A server as far as a connection is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    secure: bool,
    /// An IPv6 address has its brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of `url`, which is of a scheme of the web or of WebSockets.
    ///
    /// # Errors
    /// Where it is of another scheme, or names no host.
    pub(crate) fn of(url: &Url) -> Result<Self, Failure> {
        let secure = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            other => {
                return Err(Failure::NotTheProtocol {
                    detail: format!("addresses of the scheme {other} cannot be connected to"),
                });
            }
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| Failure::NotTheProtocol {
            detail: "the address names no host".to_owned(),
        })?;
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: url
                .port_or_known_default()
                .unwrap_or(if secure { 443 } else { 80 }),
        })
    }

    /// Whether connections are encrypted.
    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The scheme of the web, by which proxies are chosen.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// The host as URLs spell it: an IPv6 address has its brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is on this machine, as far as its name tells.
    pub(crate) fn is_loopback(&self) -> bool {
        match Host::parse(&self.host) {
            // RFC 6761 section 6.3.
            Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Ipv6(address)) => address.is_loopback(),
            Err(_) => false,
        }
    }
}

/// Its host and port, as in `bridge.example:443`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Result<Origin, Failure> {
        Origin::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_web_and_its_sockets_share_origins() {
        assert_eq!(
            origin("wss://bridge.example/a?b"),
            origin("https://BRIDGE.example")
        );
        assert_eq!(origin("ws://[::1]:8084").unwrap().to_string(), "[::1]:8084");
        assert_eq!(
            origin("http://bridge.example").unwrap().to_string(),
            "bridge.example:80"
        );
        assert!(origin("file:///etc/passwd").is_err());
        assert!(origin("mailto:a@b").is_err());
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for url in [
            "http://localhost",
            "http://a.localhost:1",
            "https://127.8.0.1",
            "wss://[::1]",
        ] {
            assert!(origin(url).unwrap().is_loopback(), "{url}");
        }
        for url in ["http://localhost.example", "https://192.0.2.1"] {
            assert!(!origin(url).unwrap().is_loopback(), "{url}");
        }
    }
}
