//! Buys a short-lived token: `POST …/client_secrets` (OpenAI's path and shape).

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use offhook_proto::client::Failure;
use offhook_proto::wire::ErrorDetail;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::connect::Connector;
use crate::dial::unreachable;
use crate::dpop::Prover;
use crate::endpoint::Endpoint;
use crate::limits::Step;

/// What a token is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// Who wants it,
    pub(crate) access_token: Option<&'a SecretString>,
    /// whether that is bound to the key,
    pub(crate) bound: bool,
    /// which the token is to be bound to, if there is one,
    pub(crate) prover: Option<&'a Prover>,
    /// for which agent,
    pub(crate) agent: &'a str,
    /// to resume which session, or to open one,
    pub(crate) session: Option<&'a str>,
    /// and whether to use it more than once.
    pub(crate) reusable: bool,
}

/// What the token service gives.
pub(crate) struct Minted {
    pub(crate) value: SecretString,
    /// How much longer it is valid, at least; none where that is not known.
    pub(crate) expires_in: Option<Duration>,
}

#[derive(Deserialize)]
struct Answer {
    value: SecretString,
    /// In s since the Unix epoch, by the server's clock.
    expires_at: Option<u64>,
}

/// Buys a token. Its lifetime counts from a moment after this was called.
///
/// # Errors
/// Why none could be had.
pub(crate) async fn mint(
    connector: &Connector,
    endpoint: &Endpoint,
    order: Order<'_>,
) -> Result<Minted, Failure> {
    let request = request(endpoint, order)?;
    let response = match order.prover {
        None => connector.fetch_as(Step::Mint, request).await?,
        Some(prover) => {
            let token = order.access_token.filter(|_| order.bound);
            connector.fetch_proven(request, prover, token).await?
        }
    };
    let (status, headers) = (response.status(), response.headers());
    if status != StatusCode::OK {
        return Err(refusal(status, headers, response.body()));
    }
    let answer: Result<Answer, _> = serde_json::from_slice(response.body());
    let answer = answer.map_err(|_| Failure::NotTheProtocol {
        detail: "the token service's answer holds no token".to_owned(),
    })?;
    Ok(Minted {
        value: answer.value,
        expires_in: answer
            .expires_at
            .and_then(|expires_at| until(expires_at, server_time(headers)?)),
    })
}

fn request(endpoint: &Endpoint, order: Order<'_>) -> Result<Request<Bytes>, Failure> {
    let mut body = json!({ "session": { "type": "realtime", "model": order.agent } });
    // A bridge has agents, and takes any model's name.
    if !order.agent.is_empty() {
        body["session"]["agent"] = order.agent.into();
    }
    if let Some(session) = order.session {
        body["session"]["id"] = session.into();
    }
    if order.reusable {
        body["offhook"] = json!({ "reusable": true });
    }
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.mint_url().as_str())
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = order.access_token {
        request = request.header(header::AUTHORIZATION, authorisation(token, order.bound)?);
    }
    request
        .body(Bytes::from(body.to_string()))
        .map_err(|error| Failure::NotTheProtocol {
            detail: error.to_string(),
        })
}

/// The server's time of day when it answered, since the Unix epoch and to the second
/// (RFC 9110 section 6.6.1). This machine's may be wrong.
#[must_use]
pub fn server_time(headers: &HeaderMap) -> Option<Duration> {
    http_date(headers.get(header::DATE)?)
}

fn http_date(value: &HeaderValue) -> Option<Duration> {
    let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok()
}

/// How much of a token's life is left for certain when the server's clock shows `now`, which may
/// be a second behind because fractions are not shown.
fn until(expires_at: u64, now: Duration) -> Option<Duration> {
    let now = now.checked_add(Duration::from_secs(1))?;
    Some(Duration::from_secs(expires_at).saturating_sub(now))
}

/// An `Authorization` header: `Bearer` (RFC 6750), or `DPoP` for a token that is bound to a key
/// (RFC 9449 section 7.1).
///
/// # Errors
/// Where the credential has characters no header can carry.
pub(crate) fn authorisation(token: &SecretString, bound: bool) -> Result<HeaderValue, Failure> {
    secret(if bound { "DPoP " } else { "Bearer " }, token)
}

/// A header that never shows in logs.
///
/// # Errors
/// Where the credential has characters no header can carry.
pub(crate) fn secret(scheme: &str, value: &SecretString) -> Result<HeaderValue, Failure> {
    let value = format!("{scheme}{}", value.expose_secret());
    let mut value = HeaderValue::try_from(value).map_err(|_| Failure::Refused {
        status: StatusCode::UNAUTHORIZED.as_u16(),
        retry_after: None,
        detail: "the credential has characters that cannot be sent".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an HTTP error says: its status, `Retry-After`, and the sentence in its body. What is neither
/// that nor what was asked for comes from something else: a sign-in page, a portal.
#[must_use]
pub fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    if !status.is_client_error() && !status.is_server_error() {
        return Failure::NotTheProtocol {
            detail: format!("the server answered {status}"),
        };
    }
    #[derive(Default, Deserialize)]
    struct Problem {
        detail: Option<String>,
        error: Option<ErrorDetail>,
    }
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let said = problem.error.map(|error| error.message).or(problem.detail);
    let reason = || {
        status
            .canonical_reason()
            .unwrap_or("no reason given")
            .to_owned()
    };
    Failure::Refused {
        status: status.as_u16(),
        retry_after: retry_after(headers),
        detail: said.filter(|said| !said.is_empty()).unwrap_or_else(reason),
    }
}

/// The longest wait that a server can ask for. No call lasts through it.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// In seconds, or as a date by the server's clock (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok().and_then(|text| text.parse().ok());
    let after = seconds
        .map(Duration::from_secs)
        .or_else(|| Some(http_date(value)?.saturating_sub(server_time(headers)?)));
    after.map(|after| after.min(LONGEST_WAIT))
}

/// What a broken exchange means: a connection that broke, or something else than HTTP at the far end.
pub(crate) fn not_http(error: &hyper::Error) -> Failure {
    let source = std::error::Error::source(error);
    if let Some(error) = source.and_then(|source| source.downcast_ref()) {
        return unreachable(error);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Failure::Unreachable {
            detail: "the connection was closed before the answer".to_owned(),
        };
    }
    Failure::NotTheProtocol {
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let value = |text: &&'static str| HeaderValue::from_static(text);
        let pairs = pairs.iter().map(|(name, text)| (name.clone(), value(text)));
        pairs.collect()
    }

    const DATE: (header::HeaderName, &str) = (header::DATE, "Tue, 24 Nov 2026 05:00:00 GMT");
    const AT_DATE: u64 = 1_795_496_400;

    #[test]
    fn a_token_lives_by_the_servers_clock() {
        let now = server_time(&headers(&[DATE])).unwrap();
        assert_eq!(until(AT_DATE + 60, now), Some(Duration::from_secs(59)));
        assert_eq!(until(AT_DATE - 60, now), Some(Duration::ZERO));
        assert_eq!(server_time(&headers(&[])), None);
        assert_eq!(server_time(&headers(&[(header::DATE, "today")])), None);
    }

    #[test]
    fn when_to_try_again_is_read_in_both_spellings() {
        let after = |value| retry_after(&headers(&[DATE, (header::RETRY_AFTER, value)]));
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        let date = after("Tue, 24 Nov 2026 05:00:30 GMT");
        assert_eq!(date, Some(Duration::from_secs(30)));
        let past = after("Tue, 24 Nov 2026 04:00:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }
}
