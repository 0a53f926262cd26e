//! What a bridge is and has to offer: how to sign in, for everybody, and its agents, for whoever has.

use std::sync::Arc;

use axum::Json;
use axum::extract;
use axum::http::{HeaderMap, Uri, header};
use serde::Serialize;
use serde_json::{Value, json};

use super::State;
use super::access::{Caller, Shown, caller};
use super::problem::Problem;
use crate::credential::origin_counts;
use crate::{Access, DEFAULT_SCOPE};

/// How long an answer about how to sign in may be kept.
const CACHED: &str = "public, max-age=300";

/// All that somebody has to know who knows the bridge's address only.
#[derive(Debug, Default, Serialize)]
struct Offer {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    realtime: &'static str,
    agents: &'static str,
    sign_in: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    scopes: Vec<String>,
    /// What access tokens are to be for (RFC 8707).
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
}

pub(super) async fn offhook(
    extract::State(state): extract::State<Arc<State>>,
) -> ([(header::HeaderName, &'static str); 1], Json<Value>) {
    let offer = json!(offer(&state));
    ([(header::CACHE_CONTROL, CACHED)], Json(offer))
}

fn offer(state: &State) -> Offer {
    let scopes = |own: &str| {
        ["openid", "offline_access", own]
            .map(str::to_owned)
            .to_vec()
    };
    let plain = Offer {
        name: state.config.name.clone(),
        realtime: "/v1/realtime",
        agents: "/v1/agents",
        ..Offer::default()
    };
    match &state.config.access {
        Access::Token(_) => Offer {
            sign_in: "access_token",
            ..plain
        },
        Access::Development => Offer {
            sign_in: "none",
            ..plain
        },
        // Clients sign in with the first one; the others are on their way in or out.
        Access::Issuers(issuers) => Offer {
            sign_in: "oidc",
            issuer: issuers.first().map(|it| it.issuer.clone()),
            client_id: issuers.first().map(|it| it.client_id.clone()),
            resource: issuers.first().map(|it| it.audience.clone()),
            scopes: issuers
                .first()
                .map_or_else(Vec::new, |it| scopes(&it.scope)),
            ..plain
        },
        Access::Local(_) => Offer {
            sign_in: "oidc",
            issuer: Some(state.base().to_owned()),
            client_id: Some(crate::config::LOCAL_CLIENT.to_owned()),
            resource: Some(state.base().to_owned()),
            scopes: scopes(DEFAULT_SCOPE),
            ..plain
        },
    }
}

pub(super) async fn agents(
    extract::State(state): extract::State<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    if !origin_counts(&headers, &state.config.allowed_origins, None) {
        return Err(Problem::origin());
    }
    let now = state.clock.unix_ms() / 1000;
    let shown = Shown::read(&state, "GET", &headers, &uri);
    let Caller { grant, .. } = caller(&state, now, &headers, &shown).await?;
    let agents: Vec<_> = state.config.agents_for(&grant.standing).collect();
    Ok(Json(json!({ "agents": agents })))
}
