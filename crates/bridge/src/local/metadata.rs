//! What the issuer says of itself (OpenID Connect Discovery 1.0, RFC 8414), and its key.

use std::sync::Arc;

use axum::Json;
use axum::extract;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;

use super::{SCOPES, local};
use crate::http::State;

/// How long it may be kept. The key lives as long as the issuer.
const CACHED: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=300")];

pub(super) async fn configuration(
    extract::State(state): extract::State<Arc<State>>,
) -> impl IntoResponse {
    let base = state.base();
    let at = |path: &str| format!("{base}/oauth/{path}");
    let body = json!({
        "issuer": base,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "device_authorization_endpoint": at("device_authorization"),
        "revocation_endpoint": at("revoke"),
        "jwks_uri": at("jwks"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", super::token::DEVICE_CODE,
        ],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": ["sub", "name", "nonce", "auth_time"],
    });
    (CACHED, Json(body))
}

pub(super) async fn keys(extract::State(state): extract::State<Arc<State>>) -> impl IntoResponse {
    let mut key = json!(local(&state).jwk());
    key["use"] = "sig".into();
    (CACHED, Json(json!({ "keys": [key] })))
}
