//! What a bridge counts and measures, for Prometheus to read.
//!
//! One set a bridge, so that several in one process count apart. What happens for every frame costs
//! an atomic addition or two; no label has a value that comes from outside. `docs/metrics.md` lists
//! them all.

mod events;
mod heartbeat;
mod labels;
mod scrape;
mod session;
mod share;
mod timing;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

pub(crate) use heartbeat::beat;
use labels::{Label, Labels};
pub(crate) use labels::{Overflow, Refresh};
pub(crate) use scrape::CONTENT_TYPE;
pub(crate) use session::SessionMetrics;
pub(crate) use share::Share;
use timing::Timing;

/// A point in time, in s since the Unix epoch.
type Timestamp = Gauge<f64, AtomicU64>;

/// What one bridge counts and measures.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// WebSockets that are open and have a session.
    pub(crate) connections: Gauge,
    connection_results: Family<Label, Counter>,
    handshakes: Timing,
    messages: Timing,
    /// What waits to be sent, in bytes.
    pub(crate) buffered: Gauge,
    /// Pings whose answer did not come.
    pub(crate) pongs_missed: Counter,
    closes: Family<Labels, Counter>,
    sessions: Family<Label, Gauge>,
    pub(crate) sessions_started: Counter,
    slots_used: Gauge,
    slots_limit: Gauge,
    kept: Gauge,
    kept_limit: Gauge,
    held_back: Gauge,
    resumes: Family<Label, Counter>,
    gaps: Family<Label, Counter<f64, AtomicU64>>,
    mints: Family<Label, Counter>,
    refreshes: Family<Label, Counter>,
    proofs_failed: Family<Label, Counter>,
    /// Tokens that were used elsewhere than where they were minted.
    pub(crate) mismatches: Counter,
    upstreams: Family<Label, Gauge>,
    upstream_ends: Family<Label, Counter>,
    overflows: Family<Label, Counter>,
    requests: Gauge,
    requests_limit: Gauge,
    draining: Gauge,
    heartbeat: Timestamp,
}

impl Metrics {
    /// A set in which nothing has happened, of a bridge that starts at `now`, in s since the Unix
    /// epoch.
    pub(crate) fn new(now: f64) -> Arc<Self> {
        let mut registry = Registry::default();
        let all = &mut registry;
        build(all, now);
        Arc::new(Self {
            connections: put(
                all,
                "websocket_connections_active",
                "WebSockets that are open and have a session",
            ),
            connection_results: put(
                all,
                "websocket_connections",
                "Upgrades that were asked for, by what came of them",
            ),
            handshakes: put_this(
                all,
                "websocket_handshake_duration_seconds",
                "From a request for an upgrade to its connection having a session",
                Timing::handshakes(),
            ),
            messages: put_this(
                all,
                "websocket_message_duration_seconds",
                "From a client's message being read to its being handed on",
                Timing::messages(),
            ),
            buffered: put(
                all,
                "websocket_buffered_amount_bytes",
                "What waits to be sent, over all connections",
            ),
            pongs_missed: put(
                all,
                "websocket_pong_missed",
                "Pings that no pong had answered when the next was due or the client was given up",
            ),
            closes: put(
                all,
                "websocket_closes",
                "Connections of sessions that ended, by who closed them and the code",
            ),
            sessions: put(
                all,
                "offhook_sessions",
                "Sessions by whether their client is there",
            ),
            sessions_started: put(all, "offhook_sessions_started", "Sessions that began"),
            slots_used: put(
                all,
                "offhook_session_slots_used",
                "Places for sessions that are taken",
            ),
            slots_limit: put(
                all,
                "offhook_session_slots_limit",
                "How many places for sessions there are",
            ),
            kept: put(
                all,
                "offhook_session_kept_bytes",
                "What is kept until clients have it, over all sessions",
            ),
            kept_limit: put(
                all,
                "offhook_session_kept_limit_bytes",
                "From how much kept for one session its upstream is not read any more",
            ),
            held_back: put(
                all,
                "offhook_sessions_held_back",
                "Sessions whose upstream waits, as the client does not take what there is",
            ),
            resumes: put(
                all,
                "offhook_session_resumes",
                "Connections that wanted to go on with a session, by what came of it",
            ),
            gaps: put(
                all,
                "offhook_gap_seconds",
                "Audio that will never come, by the direction it was for",
            ),
            mints: put(
                all,
                "offhook_token_mints",
                "Tokens that were asked for, by what came of it",
            ),
            refreshes: put(
                all,
                "offhook_token_refreshes",
                "Fresh tokens sent over a connection, by what came of it",
            ),
            proofs_failed: put(
                all,
                "offhook_dpop_failures",
                "Proofs of a key that were wanted and did not count, by what was wrong",
            ),
            mismatches: put(
                all,
                "offhook_fingerprint_mismatches",
                "Tokens used elsewhere than where they were minted",
            ),
            upstreams: put(
                all,
                "offhook_upstreams",
                "Upstreams of sessions, by how they are doing",
            ),
            upstream_ends: put(
                all,
                "offhook_upstream_ends",
                "Upstreams that ended a session, by the code its client was closed with",
            ),
            overflows: put(
                all,
                "offhook_queue_overflows",
                "What found a bounded queue full, by the queue",
            ),
            requests: put(
                all,
                "offhook_http_connections_active",
                "Connections that are no sessions",
            ),
            requests_limit: put(
                all,
                "offhook_http_connections_limit",
                "How many connections that are no sessions there may be",
            ),
            draining: put(
                all,
                "offhook_draining",
                "1 while the bridge lets its clients go, 0 before",
            ),
            heartbeat: put(
                all,
                "offhook_heartbeat_timestamp_seconds",
                "When the bridge was last seen to be able to run sessions",
            ),
            registry,
        }
        .with_zeros())
    }
}

/// What never changes.
fn build(registry: &mut Registry, now: f64) {
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("offhook_build", "The bridge's version", version);
    let started: Timestamp = put(
        registry,
        "offhook_start_timestamp_seconds",
        "When the bridge was made",
    );
    started.set(now);
}

fn put<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    put_this(registry, name, help, M::default())
}

fn put_this<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}
