//! `/oauth/authorize`: a person signs in, and the browser brings a code to the client (RFC 6749
//! section 4.1, RFC 7636, RFC 8252).

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{self, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::codes::Code;
use super::page::{Ask, Form, said};
use super::ticket::is_ours;
use super::{granted, is_client, local, user};
use crate::http::State;
use crate::token::random_text;

/// The path that a form is sent to.
const PATH: &str = "/oauth/authorize";
/// The longest text that is passed on, in bytes.
const MAX_PASSED: usize = 2048;

/// What a client asks for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    response_type: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    dpop_jkt: Option<String>,
    resource: Option<String>,
}

pub(super) async fn ask(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = query else {
        return no_request();
    };
    if !is_ours(&state, &headers) {
        return no_request();
    }
    let Some(back) = asked.back() else {
        return no_request();
    };
    if let Err(error) = asked.check(state.base()) {
        return asked.send_back(&state, back, &[("error", error)]);
    }
    form(&state, &asked, None)
}

/// The page, anew.
fn form(state: &State, asked: &Asked, fault: Option<&str>) -> Response {
    let Some(ticket) = local(state).seal(state.clock.unix_ms(), asked) else {
        return said(
            StatusCode::INTERNAL_SERVER_ERROR,
            "That did not work",
            "The system gives no random numbers. Try again.",
        );
    };
    let origin = asked.back().map(|back| back.origin().ascii_serialization());
    Form {
        action: PATH,
        ask: Ask::Name,
        ticket: &ticket,
        fault,
        leads_to: origin.as_deref(),
    }
    .into_response()
}

/// What a person answers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    ticket: String,
    name: String,
    action: Option<String>,
}

pub(super) async fn answer(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    answer: Result<axum::Form<Answer>, FormRejection>,
) -> Response {
    let Ok(axum::Form(answer)) = answer else {
        return no_request();
    };
    let (local, now) = (local(&state), state.clock.unix_ms());
    let asked = local.unseal::<Asked>(now, &answer.ticket, &headers);
    let Some(asked) = asked.filter(|_| is_ours(&state, &headers)) else {
        return said(
            StatusCode::BAD_REQUEST,
            "That took too long",
            "This page is not valid any more. Begin again where you came from.",
        );
    };
    let Some(back) = asked.back() else {
        return no_request();
    };
    if answer.action.as_deref() == Some("cancel") {
        return asked.send_back(&state, back, &[("error", "access_denied")]);
    }
    let Some(name) = user(&answer.name) else {
        return form(
            &state,
            &asked,
            Some("Please enter a name of 1 to 64 characters."),
        );
    };
    let Ok(code) = random_text() else {
        return asked.send_back(&state, back, &[("error", "server_error")]);
    };
    let what = Code {
        redirect_uri: asked.redirect_uri.clone().unwrap_or_default(),
        challenge: asked.code_challenge.clone().unwrap_or_default(),
        jkt: asked.dpop_jkt.clone(),
        nonce: asked.nonce.clone(),
        sub: name.to_owned(),
        scope: granted(asked.scope.as_deref()),
        until: now
            .saturating_add(u64::try_from(local.config.code_life.as_millis()).unwrap_or(u64::MAX)),
    };
    local.lock().codes.add(now, &code, what);
    asked.send_back(&state, back, &[("code", &code)])
}

impl Asked {
    /// Where the browser goes with the answer, if that may be: back to a client of ours, on the
    /// machine that the browser is on (RFC 8252 section 7.3).
    fn back(&self) -> Option<Url> {
        if !is_client(self.client_id.as_deref()) {
            return None;
        }
        let back = Url::parse(self.redirect_uri.as_deref()?).ok()?;
        let is_here = match back.host()? {
            Host::Ipv4(host) => host.is_loopback(),
            Host::Ipv6(host) => host.is_loopback(),
            Host::Domain(name) => name == "localhost",
        };
        let is_plain = back.username().is_empty() && back.password().is_none();
        let is_whole = back.fragment().is_none() && back.as_str().len() <= MAX_PASSED;
        (back.scheme() == "http" && is_here && is_plain && is_whole).then_some(back)
    }

    /// What is wrong with the rest (RFC 6749 section 4.1.2.1).
    fn check(&self, base: &str) -> Result<(), &'static str> {
        let is_hash = |text: &str| {
            let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            text.len() == 43 && text.bytes().all(is_known)
        };
        let is_short =
            |text: &Option<String>| text.as_ref().is_none_or(|it| it.len() <= MAX_PASSED);
        if self.response_type.as_deref() != Some("code") {
            return Err("unsupported_response_type");
        }
        let is_challenged = self.code_challenge_method.as_deref() == Some("S256")
            && self.code_challenge.as_deref().is_some_and(is_hash);
        let is_bound = self.dpop_jkt.as_deref().is_none_or(is_hash);
        if !is_challenged || !is_bound || !is_short(&self.state) || !is_short(&self.nonce) {
            return Err("invalid_request");
        }
        if self.resource.as_ref().is_some_and(|it| it != base) {
            return Err("invalid_target");
        }
        if granted(self.scope.as_deref()).is_empty() {
            return Err("invalid_scope");
        }
        Ok(())
    }

    /// Sends the browser back, with this and who it is from (RFC 9207).
    fn send_back(&self, state: &State, mut back: Url, with: &[(&str, &str)]) -> Response {
        {
            let mut query = back.query_pairs_mut();
            query.extend_pairs(with);
            if let Some(passed) = self.state.as_ref().filter(|it| it.len() <= MAX_PASSED) {
                query.append_pair("state", passed);
            }
            query.append_pair("iss", state.base());
        }
        let headers = [
            (header::LOCATION, back.to_string()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
            (header::REFERRER_POLICY, "no-referrer".to_owned()),
        ];
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

/// Nobody is sent to an address that is not known to be a client's.
fn no_request() -> Response {
    said(
        StatusCode::BAD_REQUEST,
        "That did not work",
        "The program that sent you here is not known, or asked for an answer at an address that is \
         not on this machine.",
    )
}
