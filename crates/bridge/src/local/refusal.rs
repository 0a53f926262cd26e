//! What the issuer's endpoints for programs refuse with (RFC 6749 section 5.2).

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::proof;

/// An error of OAuth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Refusal {
    /// A request that is refused for this.
    pub(super) const fn new(error: &'static str, description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description,
        }
    }

    pub(super) const fn unreadable() -> Self {
        Self::new("invalid_request", "The form cannot be read.")
    }

    pub(super) const fn client() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new(
                "invalid_client",
                "There is no such client; it is \"offhook\".",
            )
        }
    }

    pub(super) const fn grant() -> Self {
        Self::new(
            "invalid_grant",
            "What was sent grants nothing, or no more; sign in again.",
        )
    }

    pub(super) const fn fault() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new(
                "server_error",
                "The issuer has a fault; its log says which.",
            )
        }
    }

    pub(super) const fn full() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Self::new(
                "temporarily_unavailable",
                "Too much is under way; try again shortly.",
            )
        }
    }
}

impl From<proof::Refused> for Refusal {
    fn from(why: proof::Refused) -> Self {
        match why {
            proof::Refused::Invalid => Self::new(
                "invalid_dpop_proof",
                "No proof of a key came in the header DPoP that counts here.",
            ),
            proof::Refused::Nonce => Self::new(
                "use_dpop_nonce",
                "The proof has to be over the nonce in the header DPoP-Nonce.",
            ),
            proof::Refused::Full => Self::full(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let headers = [(header::CACHE_CONTROL, "no-store")];
        (self.status, headers, Json(body)).into_response()
    }
}
