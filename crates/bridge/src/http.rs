//! The bridge's HTTP surface: what is shared between requests, and which path does what.

mod access;
mod admission;
mod first_message;
mod mint;
mod offer;
mod problem;
mod upgrade;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::extract::{self, DefaultBodyLimit};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use offhook_proto::Time;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::fingerprint::{Mismatch, Sender};
use crate::forwarded::believe;
use crate::issuer::Issuers;
use crate::local::{self, Local};
use crate::proof::{Nonces, Seen};
use crate::registry::Registry;
use crate::tls::Tls;
use crate::token::{Claims, Tokens};
use crate::upstream::Prompts;
use crate::{Access, Config, DEFAULT_SCOPE, Error, FingerprintPolicy};
pub(crate) use access::Shown;
use first_message::Strangers;
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
    pub(crate) registry: Registry,
    /// One permit a session, whether its client is there or may come back.
    slots: Arc<Semaphore>,
    /// The bridge's end of TLS, if it has one.
    pub(crate) tls: Option<Tls>,
    /// The address it is reached by, once it is known.
    base: OnceLock<String>,
    /// Whose access tokens count, where that is not the operator's.
    pub(crate) issuers: Option<Issuers>,
    /// The issuer that the bridge is itself, if it is.
    pub(crate) local: Option<Local>,
    /// What proofs of keys are over, and which came before.
    pub(crate) nonces: Nonces,
    pub(crate) seen: Seen,
    /// Connections that were accepted without a credential, and have to show one first.
    strangers: Arc<Strangers>,
    /// How often a token was used elsewhere than where it was minted.
    mismatches: AtomicU64,
    /// One permit a connection that has not become a session.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) closing: watch::Sender<Closing>,
}

/// How far the end of a bridge has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// It serves.
    Open,
    /// It takes no new connections, and those there are have until then to leave.
    Drain { until: Time },
    /// It closes.
    Shutdown,
}

impl State {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let local = match &config.access {
            Access::Local(local) => Some(Local::new(local)?),
            Access::Issuers(_) | Access::Token(_) | Access::Development => None,
        };
        Ok(Self {
            clock: Clock::start(),
            tls: config.tls.as_ref().map(Tls::new).transpose()?,
            base: OnceLock::new(),
            issuers: match (&config.access, &local) {
                (Access::Issuers(issuers), _) => Some(Issuers::new(issuers)?),
                (_, Some(local)) => Some(Issuers::local(local.jwk(), DEFAULT_SCOPE)),
                (_, None) => None,
            },
            local,
            nonces: Nonces::new(&key),
            seen: Seen::new(config.max_sessions),
            tokens: Tokens::new(config.max_sessions)?,
            prompts: Arc::new(Prompts::built_in()?),
            registry: Registry::default(),
            slots: Arc::new(Semaphore::new(config.max_sessions as usize)),
            strangers: Arc::default(),
            mismatches: AtomicU64::new(0),
            connections: Arc::new(Semaphore::new(MAX_REQUESTS)),
            closing: watch::Sender::new(Closing::Open),
            config,
        })
    }

    /// The address by which clients reach the bridge, without a slash at its end: what is configured,
    /// or where it listens.
    pub(crate) fn base(&self) -> &str {
        self.base.get_or_init(|| self.base_at(self.config.listen))
    }

    /// The bridge listens there.
    pub(crate) fn listens(&self, address: SocketAddr) {
        let base = self.base.get_or_init(|| self.base_at(address));
        if let (Some(issuers), Access::Local(_)) = (&self.issuers, &self.config.access) {
            issuers.name_local(base);
        }
    }

    fn base_at(&self, address: SocketAddr) -> String {
        let public = self.config.public_url.as_ref();
        let scheme = self.tls.as_ref().map_or("http", |_| "https");
        let base = public.map_or_else(|| format!("{scheme}://{address}"), ToString::to_string);
        base.trim_end_matches('/').to_owned()
    }

    /// Room for one more session.
    pub(crate) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        // Its other error is a closed semaphore, and this one is never closed.
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// How the one who presents a token differs from the one it was minted by, if that matters here;
    /// it is counted.
    pub(crate) fn mismatch(&self, claims: &Claims, sender: &Sender) -> Option<Mismatch> {
        if self.config.fingerprint == FingerprintPolicy::Off {
            return None;
        }
        let mismatch = self.tokens.mismatch(claims, sender)?;
        self.mismatches.fetch_add(1, Ordering::Relaxed);
        Some(mismatch)
    }

    /// How many sessions there are, those that wait for their client included.
    pub(crate) fn sessions(&self) -> usize {
        self.config.max_sessions as usize - self.slots.available_permits()
    }

    /// Ready when there is no session.
    pub(crate) async fn all_ended(&self) {
        // Its only error is a closed semaphore, and this one is never closed.
        drop(self.slots.acquire_many(self.config.max_sessions).await);
    }

    /// Ready once the bridge closes; it may have begun to drain before.
    pub(crate) async fn shutdown(&self) {
        let mut closing = self.closing.subscribe();
        // Its only error is a dropped sender, and that lives as long as `self`.
        drop(
            closing
                .wait_for(|closing| *closing == Closing::Shutdown)
                .await,
        );
    }
}

/// Every path of the bridge.
pub(crate) fn router(state: Arc<State>) -> axum::Router {
    let issuer = match state.local {
        Some(_) => local::router(),
        None => axum::Router::new(),
    };
    axum::Router::new()
        .merge(issuer)
        .route("/v1/realtime", get(upgrade::realtime))
        .route("/v1/realtime/client_secrets", post(mint::client_secrets))
        .route("/v1/agents", get(offer::agents))
        .route("/.well-known/offhook", get(offer::offhook))
        .route("/healthz", get(health))
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&state), next_nonce))
        .layer(from_fn_with_state(Arc::clone(&state), believe))
        .with_state(state)
}

/// Tells whoever proves a key what the next proof has to be over (RFC 9449 section 8.2).
async fn next_nonce(
    extract::State(state): extract::State<Arc<State>>,
    request: extract::Request,
    next: Next,
) -> Response {
    let proves = request.headers().contains_key(access::PROOF);
    let mut response = next.run(request).await;
    if proves {
        let nonce = state.nonces.current(state.clock.unix_ms() / 1000);
        let nonce = HeaderValue::from_str(&nonce).expect("it is of base64's letters");
        response.headers_mut().insert(access::NONCE, nonce);
    }
    response
}

async fn health(extract::State(state): extract::State<Arc<State>>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "sessions": state.sessions(),
        "fingerprint_mismatches": state.mismatches.load(Ordering::Relaxed),
    }))
}
