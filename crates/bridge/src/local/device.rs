//! `/oauth/device_authorization` and `/oauth/device`: a device shows a code, and its user signs in
//! with a browser elsewhere (RFC 8628).

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{self, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::json;

use super::devices::{letters, user_code};
use super::page::{self, Ask, said};
use super::ticket::is_ours;
use super::{Refusal, granted, is_client, local, user};
use crate::http::State;
use crate::token::random_text;

/// The path that a form is sent to.
const PATH: &str = "/oauth/device";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Begun {
    client_id: Option<String>,
    scope: Option<String>,
}

pub(super) async fn begin(
    extract::State(state): extract::State<Arc<State>>,
    form: Result<Form<Begun>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(asked) = form.map_err(|_| Refusal::unreadable())?;
    if !is_client(asked.client_id.as_deref()) {
        return Err(Refusal::client());
    }
    let scope = granted(asked.scope.as_deref());
    if scope.is_empty() {
        return Err(Refusal::new(
            "invalid_scope",
            "None of the scopes is granted here.",
        ));
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Refusal::fault())?;
    let (shown, code) = (
        user_code(letters(&random)),
        random_text().map_err(|_| Refusal::fault())?,
    );
    let local = local(&state);
    let times = (local.config.device_interval, local.config.device_code_life);
    let now = state.clock.unix_ms();
    let has_room = local.lock().devices.add(now, (&code, &shown), scope, times);
    if !has_room {
        return Err(Refusal::full());
    }
    let page = format!("{}{PATH}", state.base());
    let body = json!({
        "device_code": code,
        "user_code": shown,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={shown}"),
        "expires_in": times.1.as_secs(),
        "interval": times.0.as_secs(),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    user_code: String,
}

pub(super) async fn ask(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    query: Result<Query<Known>, QueryRejection>,
) -> Response {
    if !is_ours(&state, &headers) {
        return not_here();
    }
    let known = query.map(|Query(known)| known).unwrap_or_default();
    form(&state, &user_code(known.user_code.bytes()), None)
}

fn form(state: &State, code: &str, fault: Option<&str>) -> Response {
    let Some(ticket) = local(state).seal(state.clock.unix_ms(), "device") else {
        return not_here();
    };
    page::Form {
        action: PATH,
        ask: Ask::DeviceCode(code),
        ticket: &ticket,
        fault,
        leads_to: None,
    }
    .into_response()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    ticket: String,
    user_code: String,
    name: String,
}

pub(super) async fn answer(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    answer: Result<Form<Answer>, FormRejection>,
) -> Response {
    let Ok(Form(answer)) = answer else {
        return not_here();
    };
    let (local, now) = (local(&state), state.clock.unix_ms());
    let sealed = local.unseal::<String>(now, &answer.ticket, &headers);
    if !is_ours(&state, &headers) || sealed.as_deref() != Some("device") {
        return not_here();
    }
    let Some(name) = user(&answer.name) else {
        let fault = "Please enter a name of 1 to 64 characters.";
        return form(&state, &answer.user_code, Some(fault));
    };
    if !local.lock().devices.approve(now, &answer.user_code, name) {
        let fault = "No device waits with this code. Compare it with the one that is shown.";
        return form(&state, &answer.user_code, Some(fault));
    }
    said(
        StatusCode::OK,
        "You are signed in",
        "Go on with your device. This page can be closed.",
    )
}

fn not_here() -> Response {
    said(
        StatusCode::BAD_REQUEST,
        "That did not work",
        "This page is not valid any more. Open it again.",
    )
}
