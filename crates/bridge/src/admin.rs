//! The operator's side of a bridge, on a listener of its own: metrics, health, sessions, the end.
//!
//! Plain HTTP. What is not for everybody wants the admin token as `Authorization: Bearer`; without
//! one only this machine is served, and no browser. `docs/metrics.md` and `docs/admin.md` say what
//! is there.

mod config;
mod guard;
mod listener;
mod sessions;

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use tracing::info;

use crate::http::{Closing, MAX_REQUESTS, Problem, State};
use crate::metrics::CONTENT_TYPE;
pub use config::AdminConfig;
pub(crate) use listener::serve;

/// What anybody may ask who reaches the listener.
const HEALTH: &str = "/healthz";
const READY: &str = "/readyz";

/// Every path of the admin listener.
fn router(state: Arc<State>) -> axum::Router {
    axum::Router::new()
        .route(HEALTH, get(health))
        .route(READY, get(ready))
        .route("/metrics", get(metrics))
        .route("/admin/v1/status", get(status))
        .route("/admin/v1/sessions", get(sessions::list))
        .route("/admin/v1/sessions/{id}", delete(sessions::revoke))
        .route(
            "/admin/v1/users/{user}/sessions",
            delete(sessions::revoke_user),
        )
        .route("/admin/v1/drain", post(drain))
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::clone(&state), guard::guard))
        .with_state(state)
}

/// The process answers.
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether new clients should be sent here.
async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    if state.is_open() {
        Json(json!({ "status": "ready" })).into_response()
    } else {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "The bridge lets its clients go and takes no new ones.",
        )
        .into_response()
    }
}

async fn metrics(Shared(state): Shared<Arc<State>>) -> ([(HeaderName, &'static str); 1], String) {
    let text = state.metrics.text(&state);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

async fn status(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let (attached, waiting) = state.registry.count();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": state.clock.now().since_start().as_secs(),
        "draining": !state.is_open(),
        "sessions": { "attached": attached, "waiting": waiting },
        "limits": {
            "sessions": state.config.max_sessions,
            "http_connections": MAX_REQUESTS,
            "resume_window_s": state.config.resume_window.as_secs(),
            "drain_s": state.config.drain.as_secs(),
        },
    }))
}

/// Stops the bridge as the system's signal does; answers once it has begun.
async fn drain(Shared(state): Shared<Arc<State>>) -> (StatusCode, Json<Value>) {
    info!("told to drain by the admin API");
    let mut closing = state.closing.subscribe();
    state.leave.notify_one();
    // Its only error is a dropped sender, and that lives as long as `state`.
    drop(closing.wait_for(|closing| *closing != Closing::Open).await);
    let left = json!({ "draining": true, "sessions": state.sessions() });
    (StatusCode::ACCEPTED, Json(left))
}
