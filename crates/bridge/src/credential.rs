//! What a client shows to be let in, and which of the ways to show it counts.

use axum::http::{HeaderMap, header};
use offhook_proto::Protocol;
use secrecy::SecretString;

use crate::AuthMethod;

/// The cookie that holds a token.
const COOKIE: &str = "offhook_token";

/// How a credential is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// `Authorization: Bearer`.
    Header,
    /// `Authorization: DPoP`, with a proof of the client's key beside it (RFC 9449 section 7.1).
    Proved,
    /// The subprotocol `openai-insecure-api-key.<token>`.
    Subprotocol,
    /// `?token=`.
    Query,
    /// A cookie.
    Cookie,
    /// The first message, announced by `?auth=message`.
    FirstMessage,
}

impl Method {
    /// Whether the access token itself is taken this way, as official SDKs send it as their API
    /// key. The other ways are for tokens that are worth little once they leak.
    pub(crate) const fn takes_access_token(self) -> bool {
        matches!(self, Self::Header | Self::Proved | Self::Subprotocol)
    }

    const fn needs(self) -> Option<AuthMethod> {
        match self {
            Self::Header | Self::Proved | Self::Subprotocol => None,
            Self::Query => Some(AuthMethod::Query),
            Self::Cookie => Some(AuthMethod::Cookie),
            Self::FirstMessage => Some(AuthMethod::FirstMessage),
        }
    }
}

/// The one credential of a request.
#[derive(Debug)]
pub(crate) enum Credential {
    /// A key or token.
    Here(Method, SecretString),
    /// It will be the first message.
    Later,
}

impl Credential {
    /// How it is presented.
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Here(method, _) => *method,
            Self::Later => Method::FirstMessage,
        }
    }
}

/// Why a request has no credential that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// There is none.
    None,
    /// There is an `Authorization` header of another scheme than `Bearer` and `DPoP`, or an empty
    /// token.
    NotBearer,
    /// There is more than one, so that it is unclear which is meant.
    Several,
    /// It is presented in a way that is off.
    Off,
}

/// What the address of a request says about its credential.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InAddress<'a> {
    /// `?token=`.
    pub(crate) token: Option<&'a SecretString>,
    /// Whether it has `?auth=message`.
    pub(crate) later: bool,
}

/// Finds the credential of a request for an upgrade.
///
/// Whatever is presented counts, on or off, as a client that presents two has a fault that should
/// not wait for a change of configuration to show. Only a cookie that is off is passed over:
/// browsers add it without being asked.
pub(crate) fn choose(
    headers: &HeaderMap,
    address: InAddress<'_>,
    allowed: &[AuthMethod],
) -> Result<Credential, Unclear> {
    let on = |method: Method| method.needs().is_none_or(|needs| allowed.contains(&needs));
    let here = |method| move |token: Option<&str>| (method, token.map(SecretString::from));
    let cookies = cookies(headers).filter(|_| on(Method::Cookie)).map(Some);
    let query = address.token.cloned();
    let mut found = in_header(headers)
        .map(|(method, token)| here(method)(token))
        .chain(in_protocols(headers).map(here(Method::Subprotocol)))
        .chain(cookies.map(here(Method::Cookie)))
        .chain(query.map(|token| (Method::Query, Some(token))))
        .chain(address.later.then_some((Method::FirstMessage, None)));
    let Some((method, token)) = found.next() else {
        return Err(Unclear::None);
    };
    if found.next().is_some() {
        return Err(Unclear::Several);
    }
    if !on(method) {
        return Err(Unclear::Off);
    }
    match token {
        _ if method == Method::FirstMessage => Ok(Credential::Later),
        Some(token) if !is_empty(&token) => Ok(Credential::Here(method, token)),
        _ => Err(Unclear::NotBearer),
    }
}

/// Finds the credential of a request that has no upgrade: only the header counts.
pub(crate) fn authorisation(headers: &HeaderMap) -> Result<(Method, SecretString), Unclear> {
    let mut found = in_header(headers);
    match (found.next(), found.next()) {
        (None, _) => Err(Unclear::None),
        (Some(_), Some(_)) => Err(Unclear::Several),
        (Some((method, Some(token))), None) if !token.is_empty() => Ok((method, token.into())),
        (Some(_), None) => Err(Unclear::NotBearer),
    }
}

/// Whether a request of this origin may present a credential this way: an origin has to be on the
/// list, exactly. Whoever sends none is no browser, unless what lets it in is a cookie, which a
/// browser adds for any page.
pub(crate) fn origin_counts(headers: &HeaderMap, list: &[String], method: Option<Method>) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => method != Some(Method::Cookie),
        (Some(origin), None) => list
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes()),
        (Some(_), Some(_)) => false,
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

fn in_protocols(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    offered(headers)
        .filter_map(|name| name.strip_prefix(Protocol::TOKEN_PREFIX))
        .map(Some)
}

/// The tokens of `Authorization` headers (RFC 6750 section 2.1, RFC 9449 section 7.1); the scheme's
/// case does not matter.
fn in_header(headers: &HeaderMap) -> impl Iterator<Item = (Method, Option<&str>)> {
    headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let value = value.to_str().ok();
        let Some((scheme, token)) = value.and_then(|value| value.split_once(' ')) else {
            return (Method::Header, None);
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            (Method::Header, Some(token.trim()))
        } else if scheme.eq_ignore_ascii_case("dpop") {
            (Method::Proved, Some(token.trim()))
        } else {
            (Method::Header, None)
        }
    })
}

/// The values of our cookie (RFC 6265 section 4.2.1).
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE).then_some(value))
}

fn is_empty(token: &SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    token.expose_secret().is_empty()
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
