//! `POST /v1/twilio/voice`: Twilio asks what to do with a call.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, header};
use offhook_telephony::{Connect, signature, twiml};
use tracing::{info, warn};
use url::form_urlencoded;

use super::stream;
use super::{Next, Phones};
use crate::http::{Problem, State, check_open};

pub(super) const PATH: &str = "/v1/twilio/voice";
/// The longest name of a call that is taken, in bytes; Twilio's have 34.
const MAX_SID: usize = 64;

type Answer = ([(HeaderName, &'static str); 2], String);

pub(super) async fn voice(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Problem> {
    let phones = state.phones.as_ref().ok_or_else(Problem::no_such_path)?;
    let body = body.map_err(|rejection| Problem::body(&rejection))?;
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let signed = phones
        .verifier
        .webhook(&phones.url(PATH), &form, given(&headers));
    if signed.is_err() {
        warn!("a webhook is not signed by Twilio, or another address or auth token is configured");
        return Err(Problem::not_twilio());
    }
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let call_sid = field("CallSid").filter(|sid| (1..=MAX_SID).contains(&sid.len()));
    let call_sid = call_sid.ok_or_else(|| Problem::unreadable("The form has no CallSid."))?;
    check_open(&state)?;
    let first = state.config.agents.first().map_or("", |agent| &agent.id);
    let agent = phones.agent(field("To").unwrap_or_default(), first);
    let now = state.clock.unix_ms() / 1000;
    let next = phones.next(now, call_sid, agent);
    let next = next.map_err(|_| Problem::fault("The system gives no random numbers."))?;
    let xml = match next {
        Next::HangUp => twiml::hang_up(),
        Next::Stream(token) => {
            info!(call = call_sid, agent, "a phone call gets a stream");
            connect(phones, &token).map_err(|_| {
                Problem::fault("The address of this server cannot be told to Twilio.")
            })?
        }
    };
    let kind = (header::CONTENT_TYPE, "text/xml; charset=utf-8");
    Ok(([kind, (header::CACHE_CONTROL, "no-store")], xml))
}

/// The signature of a request; empty without one.
pub(super) fn given(headers: &HeaderMap) -> &str {
    let given = headers.get(signature::HEADER);
    given.map_or("", |value| value.to_str().unwrap_or_default())
}

fn connect(phones: &Phones, token: &str) -> Result<String, twiml::Unfit> {
    let stream_url = phones.url(stream::PATH).replacen("https://", "wss://", 1);
    Connect {
        stream_url: &stream_url,
        parameters: &[(stream::TOKEN, token)],
        redirect_url: &phones.url(PATH),
    }
    .to_xml()
}
