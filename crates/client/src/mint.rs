//! Buys a short-lived token: `POST …/client_secrets` (OpenAI's path and shape).

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use offhook_proto::client::Failure;
use offhook_proto::wire::ErrorDetail;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::connect::{Connection, Connector, Stream};
use crate::dial::unreachable;
use crate::endpoint::Endpoint;
use crate::limits::{Step, within};
use crate::token::Token;

/// No honest answer is larger.
const MAX_BODY: usize = 64 << 10;

/// What a token is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// Who wants it,
    pub(crate) access_token: Option<&'a SecretString>,
    /// for which agent,
    pub(crate) agent: &'a str,
    /// to resume which session, or to open one,
    pub(crate) session: Option<&'a str>,
    /// and whether to use it more than once.
    pub(crate) reusable: bool,
}

#[derive(Deserialize)]
struct Minted {
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
) -> Result<Token, Failure> {
    let request = request(endpoint, order)?;
    let Connection { stream, .. } = connector.connect(endpoint).await?;
    let exchange = exchange(stream, request);
    let (head, body) = within(Step::Mint, connector.limits().answer, exchange).await?;
    if head.status != StatusCode::OK {
        return Err(refusal(head.status, &head.headers, &body));
    }
    let minted: Minted = serde_json::from_slice(&body).map_err(|_| Failure::NotTheProtocol {
        detail: "the token service's answer holds no token".to_owned(),
    })?;
    Ok(Token {
        value: minted.value,
        expires_in: minted
            .expires_at
            .and_then(|expires_at| until(expires_at, server_time(&head.headers)?)),
    })
}

async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> Result<(Parts, Bytes), Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| not_http(&error))?;
    // It ends by itself when the sender goes; its failure shows in the exchange.
    tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| not_http(&error))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|error| match error.downcast_ref() {
            Some(error) => not_http(error),
            None => Failure::NotTheProtocol {
                detail: "the token service's answer is longer than 64 KiB".to_owned(),
            },
        })?;
    Ok((head, body.to_bytes()))
}

fn request(endpoint: &Endpoint, order: Order<'_>) -> Result<Request<Full<Bytes>>, Failure> {
    let mut body = json!({ "session": { "type": "realtime", "model": order.agent } });
    if let Some(session) = order.session {
        body["session"]["id"] = session.into();
    }
    if order.reusable {
        body["offhook"] = json!({ "reusable": true });
    }
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.mint_path())
        .header(header::HOST, endpoint.authority())
        .header(header::USER_AGENT, crate::upgrade::USER_AGENT)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = order.access_token {
        request = request.header(header::AUTHORIZATION, bearer(token)?);
    }
    request
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| Failure::NotTheProtocol {
            detail: error.to_string(),
        })
}

/// The server's time of day when it answered, since the Unix epoch and to the second
/// (RFC 9110 section 6.6.1). This machine's may be wrong.
fn server_time(headers: &HeaderMap) -> Option<Duration> {
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

/// An `Authorization` header that never shows in logs.
///
/// # Errors
/// Where the credential has characters no header can carry.
pub(crate) fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            Failure::Refused {
                status: StatusCode::UNAUTHORIZED.as_u16(),
                retry_after: None,
                detail: "the credential has characters that cannot be sent".to_owned(),
            }
        })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an HTTP error says: its status, `Retry-After`, and the sentence in its body. What is neither
/// that nor what was asked for comes from something else: a sign-in page, a portal.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
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

/// In seconds, or as a date by the server's clock (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok().and_then(|text| text.parse().ok());
    seconds
        .map(Duration::from_secs)
        .or_else(|| Some(http_date(value)?.saturating_sub(server_time(headers)?)))
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
