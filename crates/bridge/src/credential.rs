//! What a client shows to be let in, as a header or as a subprotocol.

use axum::http::{HeaderMap, header};
use offhook_proto::Protocol;
use secrecy::SecretString;

/// What was found in a request.
#[derive(Debug)]
pub(crate) enum Credential {
    /// One key or token.
    One(SecretString),
    /// Nothing.
    None,
    /// An `Authorization` header that is not of the `Bearer` scheme.
    NotBearer,
    /// More than one, so that it is unclear which is meant.
    Several,
}

impl Credential {
    /// Finds the credential in a request for an upgrade.
    pub(crate) fn find(headers: &HeaderMap) -> Self {
        let bearers = headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .map(|value| bearer(value.as_bytes()));
        let in_protocols = offered(headers)
            .filter_map(|name| name.strip_prefix(Protocol::TOKEN_PREFIX))
            .map(Some);
        let mut found = bearers.chain(in_protocols);
        match (found.next(), found.next()) {
            (None, _) => Self::None,
            (Some(_), Some(_)) => Self::Several,
            (Some(Some(token)), None) if !token.is_empty() => Self::One(token.into()),
            (Some(_), None) => Self::NotBearer,
        }
    }

    /// Finds the credential in a request that has no upgrade: only the header counts.
    pub(crate) fn find_header(headers: &HeaderMap) -> Self {
        let mut only = HeaderMap::new();
        for value in headers.get_all(header::AUTHORIZATION) {
            only.append(header::AUTHORIZATION, value.clone());
        }
        Self::find(&only)
    }
}

/// The subprotocols a client offers, in its order (RFC 6455 section 11.3.4).
pub(crate) fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The token of a `Bearer` header (RFC 6750 section 2.1); the scheme's case does not matter.
fn bearer(value: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use secrecy::ExposeSecret as _;

    fn find(pairs: &[(header::HeaderName, &str)]) -> Credential {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        Credential::find(&headers)
    }

    #[test]
    fn a_credential_comes_alone_or_not_at_all() {
        const AUTH: header::HeaderName = header::AUTHORIZATION;
        const OFFER: header::HeaderName = header::SEC_WEBSOCKET_PROTOCOL;
        let one = |credential| match credential {
            Credential::One(token) => token.expose_secret().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(one(find(&[(AUTH, "bearer ek_1")])), "ek_1");
        let offer = "realtime, openai-insecure-api-key.ek_2";
        assert_eq!(one(find(&[(OFFER, offer)])), "ek_2");
        assert!(matches!(find(&[(OFFER, "realtime")]), Credential::None));
        let basic = find(&[(AUTH, "Basic YTpi")]);
        assert!(matches!(basic, Credential::NotBearer));
        assert!(matches!(find(&[(AUTH, "Bearer ")]), Credential::NotBearer));
        let both = find(&[(AUTH, "Bearer ek_1"), (OFFER, offer)]);
        assert!(matches!(both, Credential::Several));
        let twice = find(&[(AUTH, "Bearer ek_1"), (AUTH, "Bearer ek_1")]);
        assert!(matches!(twice, Credential::Several));
    }

    #[test]
    fn a_credential_is_not_printed() {
        let printed = format!("{:?}", find(&[(header::AUTHORIZATION, "Bearer ek_secret")]));
        assert!(!printed.contains("ek_secret"), "{printed}");
    }
}
