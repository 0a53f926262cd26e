//! The address a proof has to name (`htu`, RFC 9449 section 4.3).

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use url::Url;

/// The address of a request, as its client may have written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// What clients reach this bridge by, where that is known.
    base: Option<Url>,
    /// `https` or `http`, where it is known by which of them the request came.
    scheme: Option<String>,
    /// `Host`, without a base.
    host: String,
    path: String,
}

impl Target {
    /// The target of a request. If its address has a scheme, that is the one the client used.
    pub(crate) fn new(base: Option<&Url>, headers: &HeaderMap, uri: &Uri) -> Self {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(Authority::as_str));
        Self {
            base: base.cloned(),
            scheme: uri.scheme_str().map(ToOwned::to_owned),
            host: host.unwrap_or_default().to_owned(),
            path: uri.path().to_owned(),
        }
    }

    /// Whether a proof that names `htu` is for this address. Query and fragment do not matter.
    pub(super) fn is(&self, htu: &str) -> bool {
        let Ok(said) = Url::parse(htu) else {
            return false;
        };
        let is_plain = said.username().is_empty() && said.password().is_none();
        if !matches!(said.scheme(), "http" | "https") || !is_plain {
            return false;
        }
        let (base, path) = match &self.base {
            Some(base) => {
                let prefix = base.path().trim_end_matches('/');
                (base.clone(), format!("{prefix}{}", self.path))
            }
            None if self.scheme.as_ref().is_some_and(|it| it != said.scheme()) => return false,
            // Without a scheme, it is known to whoever ended TLS whether it came by that.
            None => match Url::parse(&format!("{}://{}/", said.scheme(), self.host)) {
                Ok(base) => (base, self.path.clone()),
                Err(_) => return false,
            },
        };
        said.origin() == base.origin() && said.path() == path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: Option<&str>, host: &str, path: &str) -> Target {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        let base = base.map(|base| base.parse().unwrap());
        Target::new(base.as_ref(), &headers, &path.parse().unwrap())
    }

    #[test]
    fn without_a_public_address_the_host_counts() {
        let target = target(None, "Bridge.example:443", "/v1/realtime?agent=test");
        for (htu, good) in [
            ("https://bridge.example/v1/realtime", true),
            ("https://bridge.example:443/v1/realtime?x#y", true),
            ("http://bridge.example:443/v1/realtime", true),
            ("http://bridge.example/v1/realtime", false),
            ("https://bridge.example:444/v1/realtime", false),
            ("https://bridge.example/v1/realtime/", false),
            ("https://bridge.example/v1/agents", false),
            ("https://other.example/v1/realtime", false),
            ("https://bridge.example@other.example/v1/realtime", false),
            ("https://me@bridge.example/v1/realtime", false),
            ("wss://bridge.example/v1/realtime", false),
            ("/v1/realtime", false),
            ("", false),
        ] {
            assert_eq!(target.is(htu), good, "{htu}");
        }
    }

    #[test]
    fn a_scheme_that_is_known_counts() {
        let target = target(None, "bridge.example", "https://bridge.example/v1/agents");
        assert!(target.is("https://bridge.example/v1/agents"));
        assert!(!target.is("http://bridge.example/v1/agents"));
    }

    #[test]
    fn a_public_address_counts_alone() {
        let base = Some("https://voice.example/bridge/");
        let target = target(base, "127.0.0.1:8084", "/v1/realtime");
        assert!(target.is("https://voice.example/bridge/v1/realtime"));
        for htu in [
            "http://voice.example/bridge/v1/realtime",
            "https://voice.example/v1/realtime",
            "http://127.0.0.1:8084/v1/realtime",
        ] {
            assert!(!target.is(htu), "{htu}");
        }
    }
}
