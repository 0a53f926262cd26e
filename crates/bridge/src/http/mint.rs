//! `POST /v1/realtime/client_secrets`: mints a token for one session, as OpenAI's path of that
//! name does.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, Uri, header};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::access::{Caller, Shown, caller};
use super::problem::Problem;
use crate::Config;
use crate::config::TOKEN_TTL;
use crate::credential::origin_counts;
use crate::fingerprint::{Peer, Sender};
use crate::token::{Order, is_session_id};

/// The body; all of it is optional, so is the body itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Mint {
    expires_after: ExpiresAfter,
    session: Session,
    offhook: Extension,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ExpiresAfter {
    anchor: String,
    /// As the bridge has it, if none.
    seconds: Option<u32>,
}

impl Default for ExpiresAfter {
    fn default() -> Self {
        Self {
            anchor: "created_at".into(),
            seconds: None,
        }
    }
}

/// What the token is for. Settings of the session are not taken here but by `session.update`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Session {
    /// The session to go on with, at an upgrade or by a refresh; a new one if none.
    id: Option<String>,
    r#type: Option<String>,
    model: Option<String>,
    agent: Option<String>,
}

/// What OpenAI's API does not have.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Extension {
    /// Whether the token opens more than one session, for clients that reconnect with it.
    reusable: bool,
}

pub(super) async fn client_secrets(
    extract::State(state): extract::State<Arc<State>>,
    peer: Option<axum::Extension<Peer>>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<([(HeaderName, &'static str); 1], Json<Value>), Problem> {
    if !origin_counts(&headers, &state.config.allowed_origins, None) {
        return Err(Problem::origin());
    }
    let now = state.clock.unix_ms() / 1000;
    let shown = Shown::read(&state, "POST", &headers, &uri);
    let Caller { grant, jkt } = caller(&state, now, &headers, &shown).await?;
    let body = body.map_err(|rejection| Problem::body(&rejection))?;
    let mint = if body.is_empty() {
        Mint::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::unreadable(&format!("The body cannot be used: {error}.")))?
    };
    mint.check(&state.config)?;
    let asked = mint.session.agent.as_deref();
    let agent = state.config.agent(asked, &grant.standing);
    let agent = agent.ok_or_else(Problem::agent)?;
    let session = mint.session.id.as_deref();
    let (user, jkt) = (grant.user.as_str(), jkt.as_deref());
    let is_revoked = |session| state.registry.is_revoked(now, session, user, grant.minted);
    if is_revoked(session.unwrap_or_default()) {
        return Err(Problem::revoked());
    }
    if session.is_some_and(|session| state.registry.is_foreign(session, user, jkt)) {
        return Err(Problem::other_session());
    }
    let order = Order {
        ttl: mint
            .expires_after
            .seconds
            .unwrap_or(state.config.token_ttl)
            .into(),
        agent: &agent.id,
        session,
        reusable: mint.offhook.reusable,
        user,
        jkt,
        sender: &Sender::new(peer.map(|axum::Extension(peer)| peer), &headers),
    };
    let (token, claims) = state.tokens.issue(now, order);
    let answer = json!({
        "value": token.expose_secret(),
        "expires_at": claims.exp,
        "session": {
            "type": "realtime",
            "object": "realtime.session",
            "id": claims.sid,
            "model": mint.session.model.as_deref().unwrap_or(&agent.id),
            "agent": claims.agent,
        },
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

impl Mint {
    fn check(&self, config: &Config) -> Result<(), Problem> {
        if self.expires_after.anchor != "created_at" {
            return Err(Problem::invalid(
                "expires_after.anchor",
                "A token's lifetime counts from \"created_at\".",
            ));
        }
        let (shortest, longest) = (config.min_token_ttl, *TOKEN_TTL.end());
        let lives = |seconds| (shortest..=longest).contains(&seconds);
        if !self.expires_after.seconds.is_none_or(lives) {
            return Err(Problem::invalid(
                "expires_after.seconds",
                &format!("A token lives for {shortest} to {longest} seconds."),
            ));
        }
        if !self.session.id.as_deref().is_none_or(is_session_id) {
            return Err(Problem::invalid(
                "session.id",
                "This is not a session's id.",
            ));
        }
        if self
            .session
            .r#type
            .as_deref()
            .is_some_and(|kind| kind != "realtime")
        {
            return Err(Problem::invalid(
                "session.type",
                "Only sessions of the type \"realtime\" are served.",
            ));
        }
        Ok(())
    }
}
