//! What upgrades and mints come to, counted where all their answers pass.

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::Response;

use super::State;
use super::problem::Code;

/// Where sessions are opened.
pub(super) const UPGRADE: &str = "/v1/realtime";
/// Where tokens are minted.
pub(super) const MINT: &str = "/v1/realtime/client_secrets";

/// What became of an upgrade whose client went before it was done.
pub(super) const LEFT: &str = "left";

/// Counts the answer to a request. An upgrade that was granted is counted once it has its session.
pub(super) async fn count(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let is_upgrade = request.uri().path() == UPGRADE;
    let is_mint = request.uri().path() == MINT;
    let response = next.run(request).await;
    let refusal = response.extensions().get::<Code>().map(|code| code.0);
    if is_mint {
        state.metrics.minted(refusal);
    }
    if let Some(code) = refusal {
        if is_upgrade {
            state.metrics.refused(code);
        }
        state.metrics.unproved(code);
    }
    response
}
