//! `GET /v1/realtime`: from a request to a connection that has its session.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

use super::admission::{Asked, admit, authorise, check_open};
use super::counting::LEFT;
use super::problem::Problem;
use super::{State, first_message};
use crate::credential::Credential;
use crate::fingerprint::Peer;
use crate::session::{Newcomer, Pass, Socket};

/// How long a client may leave the answer to its upgrade unread.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn realtime(
    extract::State(state): extract::State<Arc<State>>,
    peer: Option<Extension<Peer>>,
    mut request: Request,
) -> Result<Response, Problem> {
    let now = state.clock.unix_ms() / 1000;
    let headers = request.headers();
    let key = websocket_key(headers)?;
    let peer = peer.map(|Extension(peer)| peer);
    let (asked, credential) = Asked::read(&state, headers, request.uri(), peer)?;
    let selected = asked.selected;
    match credential {
        Credential::Here(method, credential) => {
            let holder = authorise(&state, now, &asked, method, &credential).await?;
            let pass = admit(&state, now, &asked, &holder)?;
            tokio::spawn(enter(state, hyper::upgrade::on(&mut request), pass));
        }
        Credential::Later => {
            check_open(&state)?;
            let stranger = state.strangers.admit(asked.sender.place);
            let stranger = stranger.ok_or_else(Problem::too_many_strangers)?;
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(first_message::hear(state, upgrade, asked, stranger));
        }
    }
    let mut response = switching(key);
    if let Some(name) = selected {
        response.headers_mut().insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(name),
        );
    }
    Ok(response)
}

/// The answer that makes a connection a WebSocket, to a request with this answer to its key.
pub(crate) fn switching(key: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    response
}

async fn enter(state: Arc<State>, upgrade: OnUpgrade, pass: Pass) {
    match timeout(UPGRADE_TIMEOUT, upgrade).await {
        Ok(Ok(upgraded)) => {
            let socket = Socket::new(TokioIo::new(upgraded), None).await;
            state.registry.enter(&state, Newcomer { socket, pass });
        }
        Ok(Err(error)) => {
            state.metrics.refused(LEFT);
            debug!(%error, "the client left before its upgrade");
        }
        Err(_) => {
            state.metrics.refused(LEFT);
            debug!("the client left the answer to its upgrade unread");
        }
    }
}

/// The answer to the key of a WebSocket handshake (RFC 6455 section 4.2.1).
pub(crate) fn websocket_key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
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
