//! `/oauth/token` and `/oauth/revoke`: codes and refresh tokens become access tokens, for whoever
//! proves a key; and a client that signs out.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json, extract};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{Local, Refusal, codes, devices, grants, is_client, local};
use crate::config::LOCAL_CLIENT;
use crate::http::{Shown, State};
use crate::proof::{OverNonce, OverToken};
use crate::token::random_text;

/// The grant of devices (RFC 8628 section 3.4).
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    grant_type: Option<String>,
    client_id: Option<String>,
    code: Option<SecretString>,
    redirect_uri: Option<String>,
    code_verifier: Option<SecretString>,
    refresh_token: Option<SecretString>,
    device_code: Option<SecretString>,
    resource: Option<String>,
}

pub(super) async fn token(
    extract::State(state): extract::State<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Asked>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(asked) = form.map_err(|_| Refusal::unreadable())?;
    if !is_client(asked.client_id.as_deref()) {
        return Err(Refusal::client());
    }
    if asked.resource.is_some_and(|it| it != state.base()) {
        let why = "Access tokens of this issuer are for its bridge only.";
        return Err(Refusal::new("invalid_target", why));
    }
    let local = local(&state);
    let ms = state.clock.unix_ms();
    let shown = Shown::read(&state, "POST", &headers, &uri);
    let nonce = OverNonce::Ours(&state.nonces);
    let proof = shown.proof(ms / 1000, OverToken::None, nonce)?;
    local.seen.spend(ms / 1000, &proof)?;
    let now = Now { state: &state, ms };
    match asked.grant_type.as_deref() {
        Some("authorization_code") => {
            let back = asked.redirect_uri.as_deref().unwrap_or_default();
            let (code, verifier) = (text(&asked.code), text(&asked.code_verifier));
            local.for_code(now, code, (back, verifier, &proof.jkt))
        }
        Some("refresh_token") => local.for_refresh(now, text(&asked.refresh_token), &proof.jkt),
        Some(DEVICE_CODE) => local.for_device(now, text(&asked.device_code), &proof.jkt),
        _ => Err(Refusal::new(
            "unsupported_grant_type",
            "This issuer knows authorization codes, refresh tokens and device codes.",
        )),
    }
}

fn text(secret: &Option<SecretString>) -> &str {
    secret.as_ref().map_or("", |secret| secret.expose_secret())
}

/// When something is asked for, in ms since the Unix epoch, and of whom.
#[derive(Clone, Copy)]
struct Now<'a> {
    state: &'a State,
    ms: u64,
}

/// What is granted, to whom, by which key.
struct For<'a> {
    sub: &'a str,
    scope: &'a str,
    jkt: &'a str,
}

impl Local {
    fn for_code(
        &self,
        now: Now<'_>,
        code: &str,
        shown: (&str, &str, &str),
    ) -> Result<Response, Refusal> {
        let id = random_text().map_err(|_| Refusal::fault())?;
        let mut inner = self.lock();
        let redeemed = match inner.codes.redeem(now.ms, code, &id, shown) {
            Ok(redeemed) => redeemed,
            Err(codes::Refused::Used(grant)) => {
                inner.grants.remove(&grant);
                self.keep(&inner)?;
                return Err(Refusal::grant());
            }
            Err(codes::Refused::Unknown) => return Err(Refusal::grant()),
        };
        let (sub, scope) = (redeemed.sub.as_str(), redeemed.scope.as_str());
        let jkt = shown.2;
        let what = (sub, scope, jkt);
        let refresh = inner.grants.add(&self.keys, now.ms, &id, what);
        self.keep(&inner)?;
        drop(inner);
        info!("somebody signed in with a browser");
        let id_token = self.id_token(now, sub, redeemed.nonce.as_deref());
        self.answer(now, &For { sub, scope, jkt }, &refresh, Some(id_token))
    }

    fn for_device(&self, now: Now<'_>, code: &str, jkt: &str) -> Result<Response, Refusal> {
        let id = random_text().map_err(|_| Refusal::fault())?;
        let mut inner = self.lock();
        let asked = inner.devices.ask(now.ms, code);
        let (sub, scope) = asked.map_err(|why| match why {
            devices::Refused::Pending => Refusal::new(
                "authorization_pending",
                "The user has not signed in yet; ask again.",
            ),
            devices::Refused::SlowDown => Refusal::new(
                "slow_down",
                "That was too soon; ask again, and from now on 5 s later each time.",
            ),
            devices::Refused::Expired => {
                Refusal::new("expired_token", "The user has not signed in in time.")
            }
            devices::Refused::Unknown => Refusal::grant(),
        })?;
        let what = (sub.as_str(), scope.as_str(), jkt);
        let refresh = inner.grants.add(&self.keys, now.ms, &id, what);
        self.keep(&inner)?;
        drop(inner);
        info!("somebody signed in with a device");
        let id_token = self.id_token(now, &sub, None);
        let (sub, scope) = (sub.as_str(), scope.as_str());
        self.answer(now, &For { sub, scope, jkt }, &refresh, Some(id_token))
    }

    fn for_refresh(&self, now: Now<'_>, token: &str, jkt: &str) -> Result<Response, Refusal> {
        let interval = self.config.reuse_interval;
        let mut inner = self.lock();
        let refreshed = inner
            .grants
            .refresh(&self.keys, now.ms, interval, token, jkt);
        // What was refused as unknown has changed nothing.
        if refreshed != Err(grants::Refused::Unknown) {
            self.keep(&inner)?;
        }
        drop(inner);
        if refreshed == Err(grants::Refused::Revoked) {
            warn!("a refresh token came again that was used before; its user is signed out");
        }
        let (grant, next) = refreshed.map_err(|_| Refusal::grant())?;
        let (sub, scope) = (grant.sub.as_str(), grant.scope.as_str());
        self.answer(now, &For { sub, scope, jkt }, &next, None)
    }

    /// RFC 9068 section 2.2, RFC 9449 section 6.1.
    fn access_token(&self, now: Now<'_>, what: &For<'_>) -> Result<String, Refusal> {
        let (base, seconds) = (now.state.base(), now.ms / 1000);
        let claims = json!({
            "iss": base,
            "aud": base,
            "sub": what.sub,
            "client_id": LOCAL_CLIENT,
            "scope": what.scope,
            "iat": seconds,
            "exp": seconds + self.config.access_token_life.as_secs(),
            "jti": random_text().map_err(|_| Refusal::fault())?,
            "cnf": { "jkt": what.jkt },
        });
        Ok(self.keys.sign("at+jwt", &claims))
    }

    /// OpenID Connect Core 1.0 section 2.
    fn id_token(&self, now: Now<'_>, sub: &str, nonce: Option<&str>) -> String {
        let seconds = now.ms / 1000;
        let mut claims = json!({
            "iss": now.state.base(),
            "aud": LOCAL_CLIENT,
            "sub": sub,
            "name": sub,
            "iat": seconds,
            "exp": seconds + self.config.access_token_life.as_secs(),
            "auth_time": seconds,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.keys.sign("JWT", &claims)
    }

    fn answer(
        &self,
        now: Now<'_>,
        what: &For<'_>,
        refresh: &str,
        id_token: Option<String>,
    ) -> Result<Response, Refusal> {
        let mut body = json!({
            "access_token": self.access_token(now, what)?,
            "token_type": "DPoP",
            "expires_in": self.config.access_token_life.as_secs(),
            "refresh_token": refresh,
            "scope": what.scope,
        });
        if what.scope.split(' ').any(|scope| scope == "openid")
            && let Some(id_token) = id_token
        {
            body["id_token"] = Value::String(id_token);
        }
        let headers = [(header::CACHE_CONTROL, "no-store")];
        Ok((headers, Json(body)).into_response())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Revoked {
    client_id: Option<String>,
    token: Option<SecretString>,
}

/// Whether there was anything to revoke is nobody's business (RFC 7009 section 2.2).
pub(super) async fn revoke(
    extract::State(state): extract::State<Arc<State>>,
    form: Result<Form<Revoked>, FormRejection>,
) -> Result<StatusCode, Refusal> {
    let Form(asked) = form.map_err(|_| Refusal::unreadable())?;
    if !is_client(asked.client_id.as_deref()) {
        return Err(Refusal::client());
    }
    let token = asked.token.ok_or_else(Refusal::unreadable)?;
    let local = local(&state);
    let mut inner = local.lock();
    if inner.grants.revoke(token.expose_secret()) {
        local.keep(&inner)?;
    }
    Ok(StatusCode::OK)
}
