//! `GET /v1/realtime`: everything that is checked before a connection becomes a session.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Query, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use offhook_proto::Protocol;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::{debug, info};

use super::State;
use super::problem::Problem;
use crate::AGENT;
use crate::credential::{Credential, offered};
use crate::session::{self, Session, Shape};
use crate::token::{Claims, PREFIX, Refused};

pub(super) async fn realtime(
    extract::State(state): extract::State<Arc<State>>,
    mut request: Request,
) -> Result<Response, Problem> {
    let now = state.clock.unix_ms() / 1000;
    let accepted = check(&state, now, request.headers(), request.uri())?;
    let upgrade = hyper::upgrade::on(&mut request);
    let Accepted {
        key,
        selected,
        session,
        slot,
    } = accepted;
    info!(session = session.id, protocol = %session.protocol, "accepted");
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => session::run(&state, upgraded, session).await,
            Err(error) => debug!(%error, "the client left before its upgrade"),
        }
        drop(slot);
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    if let Some(name) = selected {
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(name),
        );
    }
    Ok(response)
}

/// A request that may become a session.
#[derive(Debug)]
struct Accepted {
    /// The answer to the client's key (RFC 6455 section 4.2.2).
    key: HeaderValue,
    selected: Option<&'static str>,
    session: Session,
    slot: OwnedSemaphorePermit,
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    agent: Option<String>,
    model: Option<String>,
}

/// Checks a request at `now`, in s since the Unix epoch. A token is spent last, so that no other
/// refusal costs it.
fn check(
    state: &Arc<State>,
    now: u64,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Accepted, Problem> {
    let key = websocket_key(headers)?;
    state.check_origin(headers)?;
    let claims = authorise(state, now, headers)?;
    let Query(asked) = Query::<Asked>::try_from_uri(uri)
        .map_err(|_| Problem::unreadable("The query of the address cannot be read."))?;
    let granted = claims.as_ref().map_or(AGENT, |claims| &claims.agent);
    if asked.agent.as_deref().is_some_and(|agent| agent != granted) {
        return Err(Problem::agent());
    }
    if *state.closing.borrow() {
        return Err(Problem::closing());
    }
    let slot = Arc::clone(&state.slots)
        .try_acquire_owned()
        .map_err(|_| Problem::full())?;
    let (protocol, selected) = Protocol::select(offered(headers))
        .map_or((Protocol::Plain, None), |(protocol, name)| {
            (protocol, Some(name))
        });
    let ids_seed =
        getrandom::u64().map_err(|_| Problem::fault("The system gives no random numbers."))?;
    let id = match claims {
        Some(claims) => {
            state.tokens.spend(now, &claims).map_err(refused)?;
            // A reusable token opens several sessions, which must not share an id.
            if claims.reusable {
                state.tokens.session_id()
            } else {
                claims.sid
            }
        }
        None => state.tokens.session_id(),
    };
    Ok(Accepted {
        key,
        selected,
        session: Session {
            id,
            model: asked.model.unwrap_or_else(|| AGENT.into()),
            protocol,
            shape: shape(headers),
            ids_seed,
        },
        slot,
    })
}

/// The answer to the key of a WebSocket handshake (RFC 6455 section 4.2.1).
fn websocket_key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let is = |name: HeaderName, value: &str| {
        headers.get_all(name).iter().any(|header| {
            header.to_str().is_ok_and(|header| {
                header
                    .split(',')
                    .any(|word| word.trim().eq_ignore_ascii_case(value))
            })
        })
    };
    if !is(header::CONNECTION, "upgrade")
        || !is(header::UPGRADE, "websocket")
        || !is(header::SEC_WEBSOCKET_VERSION, "13")
    {
        return Err(Problem::not_a_websocket());
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or_else(|| Problem::unreadable("The request has no Sec-WebSocket-Key."))?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| Problem::fault("The Sec-WebSocket-Key has no answer."))
}

/// What the credential grants: a token's claims, or none for the access token itself, which
/// official SDKs send here as their API key.
fn authorise(state: &State, now: u64, headers: &HeaderMap) -> Result<Option<Claims>, Problem> {
    let credential = match Credential::find(headers) {
        Credential::One(credential) => credential,
        Credential::Several => return Err(Problem::several_credentials()),
        Credential::NotBearer => return Err(Problem::bad_credential()),
        Credential::None => return Err(Problem::no_credential()),
    };
    if credential.expose_secret().starts_with(PREFIX) {
        return state
            .tokens
            .verify(now, &credential)
            .map(Some)
            .map_err(refused);
    }
    if state.is_access_token(credential.expose_secret()) {
        return Ok(None);
    }
    Err(Problem::bad_credential())
}

fn refused(why: Refused) -> Problem {
    match why {
        Refused::Invalid => Problem::bad_credential(),
        Refused::Expired => Problem::expired(),
        Refused::Spent => Problem::used(),
        Refused::Full => Problem::full(),
    }
}

/// Clients written for the beta say so; OpenAI's API accepts them only to tell them that it ended.
fn shape(headers: &HeaderMap) -> Shape {
    let beta = headers.get_all("openai-beta").iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.contains("realtime=v1"))
    });
    if beta { Shape::Beta } else { Shape::Ga }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Config};

    const NOW: u64 = 1_700_000_000;

    fn state() -> Arc<State> {
        let access = Access::Token("the access token".into());
        let config = Config::new("127.0.0.1:0".parse().unwrap(), access);
        Arc::new(State::new(config).unwrap())
    }

    fn headers(token: &str) -> HeaderMap {
        [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("authorization", &format!("Bearer {token}")),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
    }

    fn status(state: &Arc<State>, now: u64, token: &str, query: &str) -> u16 {
        let uri = format!("/v1/realtime{query}").parse().unwrap();
        match check(state, now, &headers(token), &uri) {
            Ok(_) => 101,
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[test]
    fn a_token_is_worth_something_until_it_expires() {
        let state = state();
        let (token, _) = state.tokens.issue(NOW, 60, AGENT, true);
        let token = token.expose_secret();
        assert_eq!(status(&state, NOW, token, ""), 101);
        assert_eq!(status(&state, NOW + 59, token, "?model=gpt-realtime"), 101);
        assert_eq!(status(&state, NOW + 60, token, ""), 401);
    }

    #[test]
    fn a_refusal_does_not_cost_the_token() {
        let state = state();
        let (token, _) = state.tokens.issue(NOW, 60, AGENT, false);
        let token = token.expose_secret();
        assert_eq!(status(&state, NOW, token, "?agent=nobody"), 404);
        let all = Arc::clone(&state.slots)
            .try_acquire_many_owned(256)
            .unwrap();
        assert_eq!(status(&state, NOW, token, ""), 503);
        drop(all);
        assert_eq!(status(&state, NOW, token, "?agent=test"), 101);
        assert_eq!(status(&state, NOW, token, "?agent=test"), 409);
        assert_eq!(state.sessions(), 0);
    }

    #[test]
    fn a_token_is_for_its_agent() {
        let state = state();
        let (token, _) = state.tokens.issue(NOW, 60, "another", true);
        assert_eq!(
            status(&state, NOW, token.expose_secret(), "?agent=test"),
            404
        );
    }

    #[test]
    fn nothing_is_accepted_while_the_bridge_closes() {
        let state = state();
        state.closing.send_replace(true);
        assert_eq!(status(&state, NOW, "the access token", ""), 503);
    }
}
