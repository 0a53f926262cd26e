//! `POST /v1/realtime/client_secrets`: mints a token for one session, as OpenAI's path of that
//! name does.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::problem::Problem;
use crate::credential::Credential;
use crate::token::{DEFAULT_TTL, TTL};
use crate::{AGENT, Access};

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
    seconds: u64,
}

impl Default for ExpiresAfter {
    fn default() -> Self {
        Self {
            anchor: "created_at".into(),
            seconds: DEFAULT_TTL,
        }
    }
}

/// What the token is for. Settings of the session are not taken here but by `session.update`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Session {
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
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    state.check_origin(&headers)?;
    authorise(&state, &headers)?;
    let body = body.map_err(|rejection| Problem::body(&rejection))?;
    let mint = if body.is_empty() {
        Mint::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::unreadable(&format!("The body cannot be used: {error}.")))?
    };
    mint.check()?;
    let now = state.clock.unix_ms() / 1000;
    let ttl = mint.expires_after.seconds;
    let (token, claims) = state.tokens.issue(now, ttl, AGENT, mint.offhook.reusable);
    Ok(Json(json!({
        "value": token.expose_secret(),
        "expires_at": claims.exp,
        "session": {
            "type": "realtime",
            "object": "realtime.session",
            "id": claims.sid,
            "model": mint.session.model.as_deref().unwrap_or(AGENT),
            "agent": claims.agent,
        },
    })))
}

fn authorise(state: &State, headers: &HeaderMap) -> Result<(), Problem> {
    match (Credential::find_header(headers), &state.config.access) {
        (Credential::Several, _) => Err(Problem::several_credentials()),
        // Whoever reaches a bridge in development mode may mint, with any key or none.
        (_, Access::Development) => Ok(()),
        (Credential::None, Access::Token(_)) => Err(Problem::no_credential()),
        (Credential::One(key), Access::Token(_)) if state.is_access_token(key.expose_secret()) => {
            Ok(())
        }
        (Credential::One(_) | Credential::NotBearer, Access::Token(_)) => {
            Err(Problem::bad_credential())
        }
    }
}

impl Mint {
    fn check(&self) -> Result<(), Problem> {
        if self.expires_after.anchor != "created_at" {
            return Err(Problem::invalid(
                "expires_after.anchor",
                "A token's lifetime counts from \"created_at\".",
            ));
        }
        if !TTL.contains(&self.expires_after.seconds) {
            return Err(Problem::invalid(
                "expires_after.seconds",
                "A token lives for 10 to 120 seconds.",
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
        if self
            .session
            .agent
            .as_deref()
            .is_some_and(|agent| agent != AGENT)
        {
            return Err(Problem::agent());
        }
        Ok(())
    }
}
