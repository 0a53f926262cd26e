//! Buys a short-lived token: `POST …/client_secrets` (OpenAI's path and shape).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use offhook_proto::client::Failure;
use offhook_proto::wire::ErrorDetail;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::connect::Connector;
use crate::endpoint::Endpoint;

/// No honest answer is larger.
const MAX_BODY: usize = 64 << 10;

#[derive(Deserialize)]
struct Minted {
    value: SecretString,
}

/// A token for one connection to `agent`.
///
/// # Errors
/// Why none could be had.
pub(crate) async fn mint(
    connector: &Connector,
    endpoint: &Endpoint,
    access_token: Option<&SecretString>,
    agent: &str,
) -> Result<SecretString, Failure> {
    let stream = connector.connect(endpoint).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| not_http(&error))?;
    // It ends by itself when the sender goes; its failure shows in the exchange.
    tokio::spawn(connection);
    let request = request(endpoint, access_token, agent)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| not_http(&error))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|error| Failure::NotTheProtocol {
            detail: error.to_string(),
        })?
        .to_bytes();
    if head.status != StatusCode::OK {
        return Err(refusal(head.status, &head.headers, &body));
    }
    let minted: Minted = serde_json::from_slice(&body).map_err(|_| Failure::NotTheProtocol {
        detail: "the token service's answer holds no token".to_owned(),
    })?;
    Ok(minted.value)
}

fn request(
    endpoint: &Endpoint,
    access_token: Option<&SecretString>,
    agent: &str,
) -> Result<Request<Full<Bytes>>, Failure> {
    let body = serde_json::json!({ "session": { "type": "realtime", "model": agent } });
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.mint_path())
        .header(header::HOST, endpoint.authority())
        .header(header::USER_AGENT, crate::upgrade::USER_AGENT)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = access_token {
        request = request.header(header::AUTHORIZATION, bearer(token)?);
    }
    request
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| Failure::NotTheProtocol {
            detail: error.to_string(),
        })
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

/// What an HTTP error says: its status, `Retry-After`, and the sentence in its body.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
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
    let seconds = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Failure::Refused {
        status: status.as_u16(),
        retry_after: seconds.map(Duration::from_secs),
        detail: said.filter(|said| !said.is_empty()).unwrap_or_else(reason),
    }
}

fn not_http(error: &hyper::Error) -> Failure {
    Failure::NotTheProtocol {
        detail: error.to_string(),
    }
}
