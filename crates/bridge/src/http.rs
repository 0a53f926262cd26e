//! The bridge's HTTP surface: what is shared between requests, and which path does what.

mod mint;
mod problem;
mod upgrade;

use std::sync::Arc;

use axum::Json;
use axum::extract::{self, DefaultBodyLimit};
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::token::Tokens;
use crate::upstream::Prompts;
use crate::{Access, Config, Error};
use problem::Problem;

/// The largest body of a mint request, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// Connections that are not sessions: requests in progress, idle keep-alive.
const MAX_REQUESTS: usize = 128;

/// What every request and session of a bridge shares.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) prompts: Arc<Prompts>,
    /// One permit a session.
    pub(crate) slots: Arc<Semaphore>,
    /// One permit a connection that has not become a session.
    pub(crate) connections: Arc<Semaphore>,
    /// Turns true when the bridge shuts down.
    pub(crate) closing: watch::Sender<bool>,
}

impl State {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        Ok(Self {
            clock: Clock::start(),
            tokens: Tokens::new()?,
            prompts: Arc::new(Prompts::built_in()?),
            slots: Arc::new(Semaphore::new(config.max_sessions as usize)),
            connections: Arc::new(Semaphore::new(MAX_REQUESTS)),
            closing: watch::Sender::new(false),
            config,
        })
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.config.max_sessions as usize - self.slots.available_permits()
    }

    /// Ready when there is no session.
    pub(crate) async fn all_ended(&self) {
        // Its only error is a closed semaphore, and this one is never closed.
        drop(self.slots.acquire_many(self.config.max_sessions).await);
    }

    /// Ready once the bridge shuts down.
    pub(crate) async fn shutdown(&self) {
        // Its only error is a dropped sender, and that lives as long as `self`.
        drop(self.closing.subscribe().wait_for(|closing| *closing).await);
    }

    /// Whether `key` is the access token, in a time that does not depend on where it differs. In
    /// development mode any key is, as anyone who can reach the bridge may mint.
    fn is_access_token(&self, key: &str) -> bool {
        match &self.config.access {
            Access::Token(token) => token
                .expose_secret()
                .as_bytes()
                .ct_eq(key.as_bytes())
                .into(),
            Access::Development => true,
        }
    }

    /// Refuses pages of origins that are not on the list; whoever sends no origin is no browser.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let allowed = |allowed: &String| allowed.as_bytes() == origin.as_bytes();
        if origins.next().is_none() && self.config.allowed_origins.iter().any(allowed) {
            return Ok(());
        }
        Err(Problem::origin())
    }
}

/// Every path of the bridge.
pub(crate) fn router(state: Arc<State>) -> axum::Router {
    axum::Router::new()
        .route("/v1/realtime", get(upgrade::realtime))
        .route("/v1/realtime/client_secrets", post(mint::client_secrets))
        .route("/healthz", get(health))
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}

async fn health(extract::State(state): extract::State<Arc<State>>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "sessions": state.sessions(),
    }))
}
