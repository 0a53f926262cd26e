//! Refusals: problem details (RFC 9457) with the `error` member OpenAI's clients read.

use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_proto::Close;
use offhook_proto::wire::ErrorDetail;
use serde_json::json;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// OpenAI's `error.type`.
    kind: &'static str,
    /// OpenAI's `error.code`.
    code: &'static str,
    /// What happened and what it means, in a sentence.
    message: Box<str>,
    /// The field at fault.
    param: Option<&'static str>,
    /// A header that goes with the status.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self {
            status,
            kind: if status.is_server_error() {
                "server_error"
            } else {
                "invalid_request_error"
            },
            code,
            message: message.into(),
            param: None,
            header: None,
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    /// Its code, one of those in this file or next to whoever refuses.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// The same refusal for a client that was upgraded before it showed its credential: what to
    /// tell it, and how to close.
    pub(super) fn after_upgrade(&self) -> (ErrorDetail, Close) {
        let code = match self.status.as_u16() {
            401 | 409 => Close::UNAUTHORISED,
            403 => Close::FORBIDDEN,
            429 | 503 => Close::OVERLOADED,
            500.. => Close::INTERNAL,
            _ => Close::INVALID_REQUEST,
        };
        let mut error = ErrorDetail::invalid_request(self.code, &self.message);
        self.kind.clone_into(&mut error.kind);
        (
            error,
            Close::new(code, &format!("{}.{}", self.kind, self.code)),
        )
    }

    pub(crate) fn invalid(param: &'static str, message: &str) -> Self {
        Self {
            param: Some(param),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_value", message)
        }
    }

    pub(crate) fn unreadable(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// A body that did not come whole: larger than allowed, or cut off.
    pub(crate) fn body(rejection: &BytesRejection) -> Self {
        let message = "The body is larger than 16 KiB, or did not come whole.";
        Self::new(rejection.status(), "unreadable_body", message)
    }

    pub(super) fn several_credentials() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "several_credentials",
            "More than one credential was sent, or announced; send one.",
        )
    }

    pub(super) fn no_credential() -> Self {
        Self::unauthorised(
            "missing_api_key",
            "No credential was sent; send a token as \"Authorization: Bearer …\".",
        )
    }

    pub(super) fn method_off() -> Self {
        Self::unauthorised(
            "auth_method_off",
            "Credentials are not taken in this way here; send a token as \"Authorization: Bearer …\".",
        )
    }

    pub(super) fn not_for_addresses() -> Self {
        Self::unauthorised(
            "token_not_for_addresses",
            "In an address only a token for a single use is taken, minted for 60 s at most.",
        )
    }

    pub(super) fn elsewhere() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "fingerprint_mismatch",
            "The token was minted from another address or by another program; mint one from here.",
        )
    }

    pub(super) fn revoked() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "session_revoked",
            "The session or its user was revoked.",
        )
    }

    pub(super) fn other_session() -> Self {
        Self {
            param: Some("session"),
            ..Self::new(
                StatusCode::FORBIDDEN,
                "session_mismatch",
                "The token is for another session; mint one for this session.",
            )
        }
    }

    pub(crate) fn too_many_strangers() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_unauthenticated",
            "Too many connections have yet to show their credential; try again shortly.",
        )
        .with_header(header::RETRY_AFTER, 5)
    }

    /// The agent's upstream fails, and is left alone for so long.
    pub(super) fn upstream(pause: Duration) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream_unavailable",
            "The agent cannot be reached at the moment; try again shortly.",
        )
        .with_header(header::RETRY_AFTER, pause.as_secs().max(1))
    }

    /// A request that Twilio has not signed.
    pub(crate) fn not_twilio() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "bad_signature",
            "The request is not signed by Twilio for this address.",
        )
    }

    /// The body of a request did not come in time. Nothing more is read from the connection.
    pub(super) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The request did not come whole in time.",
        )
        .with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn bad_credential() -> Self {
        Self::unauthorised("invalid_api_key", "The credential is not valid here.")
    }

    pub(super) fn expired() -> Self {
        Self::unauthorised("token_expired", "The token has expired; mint a new one.")
    }

    /// A proof of the client's key is missing, or does not count. Why exactly helps nobody but
    /// whoever has no key.
    pub(super) fn proof() -> Self {
        let message =
            "The token is bound to a key, and no proof of that key came that counts here.";
        Self::proof_wanted("invalid_dpop_proof", message)
    }

    /// The proof is not over a nonce of this bridge's.
    pub(super) fn nonce() -> Self {
        let message = "The proof has to be over the nonce in the header DPoP-Nonce.";
        Self::proof_wanted("use_dpop_nonce", message)
    }

    /// An access token that no issuer trusted here has signed for this bridge.
    pub(super) fn bad_access_token() -> Self {
        let message = "The access token is not one for this bridge; sign in again.";
        Self::challenge("invalid_token", "invalid_token", message)
    }

    pub(super) fn access_token_expired() -> Self {
        let message = "The access token has expired, or is not valid yet; get a fresh one.";
        Self::challenge("token_expired", "invalid_token", message)
    }

    pub(super) fn scope(scope: &str) -> Self {
        let message = format!("The access token does not have the scope \"{scope}\".");
        // What is no scope (RFC 6749 section 3.3) is left out.
        let is_scope = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        let named = if scope.bytes().all(is_scope) {
            format!(", scope=\"{scope}\"")
        } else {
            String::new()
        };
        let challenge = format!("DPoP error=\"insufficient_scope\"{named}, algs=\"ES256\"");
        let challenge = HeaderValue::from_str(&challenge).expect("it is of ASCII's letters");
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", &message)
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Nobody can say whether the access token counts.
    pub(super) fn issuer_unreachable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "issuer_unreachable",
            "The issuer of access tokens cannot be reached; try again shortly.",
        )
        .with_header(header::RETRY_AFTER, 5)
    }

    fn proof_wanted(code: &'static str, message: &str) -> Self {
        Self::challenge(code, code, message)
    }

    /// Says how to authorise (RFC 9449 section 7.1).
    fn challenge(code: &'static str, error: &str, message: &str) -> Self {
        let challenge = format!("DPoP error=\"{error}\", algs=\"ES256\"");
        let challenge = HeaderValue::from_str(&challenge).expect("codes are plain words");
        Self::new(StatusCode::UNAUTHORIZED, code, message)
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    fn unauthorised(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(super) fn used() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "token_used",
            "The token is for one session and has had it; mint a new one.",
        )
    }

    pub(super) fn origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "Pages of this origin may not use this bridge; its operator can allow the origin.",
        )
    }

    pub(super) fn agent() -> Self {
        Self {
            param: Some("agent"),
            ..Self::new(
                StatusCode::NOT_FOUND,
                "agent_not_found",
                "There is no agent of this name here that you may call, or the token is for another one.",
            )
        }
    }

    pub(super) fn not_a_websocket() -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "websocket_required",
            "This address is for WebSocket connections, version 13.",
        )
        .with_header(header::SEC_WEBSOCKET_VERSION, 13)
    }

    pub(super) fn full() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_sessions",
            "The bridge has no room for another session; try again shortly.",
        )
        .with_header(header::RETRY_AFTER, 5)
    }

    /// The bridge is gone in so many s.
    pub(super) fn closing(left: u64) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            "The bridge is shutting down; try again shortly.",
        )
        .with_header(header::RETRY_AFTER, left + 1)
    }

    pub(crate) fn fault(message: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_path",
            "There is nothing at this address.",
        )
    }

    pub(crate) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not take that method.",
        )
    }
}

/// The code of a refusal, for whoever counts answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code(pub(super) &'static str);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.message,
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": self.param,
            },
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some((name, value)) = self.header.map(|header| *header) {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(Code(self.code));
        response
    }
}
