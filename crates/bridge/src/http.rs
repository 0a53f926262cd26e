//! The bridge's HTTP surface: what is shared between requests, and which path does what.

mod access;
mod admission;
mod counting;
mod first_message;
mod mint;
mod offer;
mod problem;
mod upgrade;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Json;
use axum::extract::{self, DefaultBodyLimit};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use offhook_proto::Time;
use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::fingerprint::{Mismatch, Sender};
use crate::forwarded::believe;
use crate::issuer::Issuers;
use crate::local::{self, Local};
use crate::metrics::Metrics;
use crate::proof::{Nonces, Seen};
use crate::registry::Registry;
use crate::tls::Tls;
use crate::token::{Claims, Tokens};
use crate::twilio::{self, Phones};
use crate::upstream::{Prompts, Remotes};
use crate::{Access, Config, DEFAULT_SCOPE, Error, FingerprintPolicy};
pub(crate) use access::Shown;
pub(crate) use admission::check_open;
use first_message::Strangers;
pub(crate) use problem::Problem;
pub(crate) use upgrade::{switching, websocket_key};

/// The largest body of a mint request, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// How long a request may take from its head to its answer; its issuer may have to be asked for keys.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections that are not sessions: requests in progress, idle keep-alive.
pub(crate) const MAX_REQUESTS: usize = 128;

/// What every request and session of a bridge shares.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) prompts: Arc<Prompts>,
    /// Who answers for an agent, by its id; the built-in agent for all others.
    pub(crate) remotes: HashMap<String, Remotes>,
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
    pub(crate) strangers: Arc<Strangers>,
    /// Phone calls, if they are taken.
    pub(crate) phones: Option<Phones>,
    /// One permit a connection that has not become a session.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) closing: watch::Sender<Closing>,
    /// Told when the bridge is to stop as if it were asked from outside.
    pub(crate) leave: Notify,
    pub(crate) metrics: Arc<Metrics>,
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
        let clock = Clock::start();
        Ok(Self {
            metrics: Metrics::new(clock.unix_s()),
            clock,
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
            tokens: Tokens::new(config.max_sessions, config.token_keys.as_deref())?,
            prompts: Arc::new(Prompts::built_in()?),
            remotes: remotes(&config)?,
            registry: Registry::default(),
            slots: Arc::new(Semaphore::new(config.max_sessions as usize)),
            strangers: Arc::default(),
            phones: Phones::new(&config)?,
            connections: Arc::new(Semaphore::new(MAX_REQUESTS)),
            closing: watch::Sender::new(Closing::Open),
            leave: Notify::new(),
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
        self.metrics.mismatches.inc();
        Some(mismatch)
    }

    /// How many sessions there are, those that wait for their client included.
    pub(crate) fn sessions(&self) -> usize {
        self.config.max_sessions as usize - self.slots.available_permits()
    }

    /// Whether new clients are welcome.
    pub(crate) fn is_open(&self) -> bool {
        *self.closing.borrow() == Closing::Open
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

fn remotes(config: &Config) -> Result<HashMap<String, Remotes>, Error> {
    let agents = config.agents.iter();
    let remotes = agents.filter_map(|agent| {
        let upstream = agent.upstream.as_ref()?;
        Some(Remotes::new(&agent.id, upstream).map(|remotes| (agent.id.clone(), remotes)))
    });
    remotes.collect()
}

/// Every path of the bridge.
pub(crate) fn router(state: Arc<State>) -> axum::Router {
    let issuer = match state.local {
        Some(_) => local::router(),
        None => axum::Router::new(),
    };
    let phones = match state.phones {
        Some(_) => twilio::router(),
        None => axum::Router::new(),
    };
    axum::Router::new()
        .merge(issuer)
        .merge(phones)
        .route(counting::UPGRADE, get(upgrade::realtime))
        .route(counting::MINT, post(mint::client_secrets))
        .route("/v1/agents", get(offer::agents))
        .route("/.well-known/offhook", get(offer::offhook))
        .route("/healthz", get(health))
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(Arc::clone(&state), next_nonce))
        .layer(from_fn_with_state(Arc::clone(&state), counting::count))
        .layer(from_fn_with_state(Arc::clone(&state), believe))
        .with_state(state)
}

/// Gives up on a request whose body does not come: it would keep its connection from others.
async fn in_time(request: extract::Request, next: Next) -> Response {
    match timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::too_slow().into_response(),
    }
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
        "fingerprint_mismatches": state.metrics.mismatches.get(),
    }))
}
