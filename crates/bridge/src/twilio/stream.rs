//! `GET /v1/twilio`: a stream of a phone call, from its upgrade to its call.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{self, Request};
use axum::response::Response;
use axum::{Extension, http::HeaderMap};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use offhook_proto::Close;
use offhook_telephony::message::{Event, Message};
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::call::{self, Arrived};
use super::{Place, webhook};
use crate::fingerprint::{Peer, Sender};
use crate::http::{Problem, State, check_open, switching, websocket_key};
use crate::session::{Client, Heard, Socket};

pub(super) const PATH: &str = "/v1/twilio";
/// The parameter of the TwiML that holds the token.
pub(super) const TOKEN: &str = "token";
/// How long a stream may take to start, from its upgrade on.
const DEADLINE: Duration = Duration::from_secs(5);
/// What is read of a stream before it has started, in bytes.
const RATION: usize = 16 * 1024;

pub(super) async fn media(
    extract::State(state): extract::State<Arc<State>>,
    peer: Option<Extension<Peer>>,
    mut request: Request,
) -> Result<Response, Problem> {
    let phones = state.phones.as_ref().ok_or_else(Problem::no_such_path)?;
    let headers: &HeaderMap = request.headers();
    let key = websocket_key(headers)?;
    let signed = phones
        .verifier
        .stream(&phones.url(PATH), webhook::given(headers));
    if signed.is_err() {
        warn!("a stream is not signed by Twilio, or another address or auth token is configured");
        return Err(Problem::not_twilio());
    }
    check_open(&state)?;
    let sender = Sender::new(peer.map(|Extension(peer)| peer), headers);
    let stranger = state.strangers.admit(None);
    let stranger = stranger.ok_or_else(Problem::too_many_strangers)?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        open(state, upgrade, sender).await;
        drop(stranger);
    });
    Ok(switching(key))
}

/// Waits for the stream's start, and hands it to its call or closes it.
async fn open(state: Arc<State>, upgrade: OnUpgrade, sender: Sender) {
    let mut socket = match timeout(DEADLINE, upgrade).await {
        Ok(Ok(upgraded)) => Socket::new(TokioIo::new(upgraded), Some(RATION)).await,
        _ => return debug!("a stream left before its upgrade"),
    };
    let start = tokio::select! {
        start = timeout(DEADLINE, start(&mut socket)) => start,
        () = state.shutdown() => Ok(Err(Close::new(Close::GOING_AWAY, "server.closing"))),
    };
    let message = match start {
        Ok(Ok(message)) => message,
        Ok(Err(close)) => return socket.refuse(close).await,
        Err(_) => {
            let close = Close::new(Close::AUTH_TIMEOUT, "stream.not_started");
            return socket.refuse(close).await;
        }
    };
    socket.trust();
    let arrived = Arrived {
        socket,
        message,
        sender,
    };
    if let Some(Refused { arrived, close }) = hand_over(&state, arrived) {
        arrived.socket.refuse(close).await;
    }
}

/// The message with which a stream starts.
async fn start(socket: &mut Socket<Client>) -> Result<Message, Close> {
    loop {
        let text = match poll_fn(|cx| socket.poll_heard(cx)).await {
            Heard::Text(text) => text,
            Heard::Ping | Heard::Pong => continue,
            Heard::Binary(_) => return Err(Close::new(Close::UNSUPPORTED, "stream.binary")),
            Heard::TooBig => return Err(Close::new(Close::TOO_BIG, "stream.too_big")),
            Heard::Closed(_) => return Err(Close::new(Close::NORMAL, "stream.closed")),
        };
        let message = Message::read(text.as_str());
        let message = message.map_err(|_| Close::new(Close::POLICY, "stream.malformed"))?;
        match message.event {
            Event::Connected | Event::Unknown => {}
            Event::Start(_) => return Ok(message),
            _ => return Err(Close::new(Close::POLICY, "stream.not_started")),
        }
    }
}

/// A stream that comes to no call.
struct Refused {
    arrived: Arrived,
    close: Close,
}

/// Gives a stream to its call, which begins with its first one; says so where it cannot.
fn hand_over(state: &Arc<State>, arrived: Arrived) -> Option<Refused> {
    let refused = |arrived, code, reason| {
        let close = Close::new(code, reason);
        Some(Refused { arrived, close })
    };
    let (Some(phones), Event::Start(start)) = (&state.phones, &arrived.message.event) else {
        return refused(arrived, Close::POLICY, "stream.not_started");
    };
    let now = state.clock.unix_ms() / 1000;
    let call_sid = start.call_sid.clone();
    let token = start.parameters.get(TOKEN);
    let agent = token.and_then(|token| phones.redeem(now, token.expose_secret(), &call_sid));
    let Some(agent) = agent else {
        warn!(
            call = call_sid,
            "a stream starts without a token for its call"
        );
        return refused(arrived, Close::POLICY, "stream.unknown");
    };
    let sender = match phones.call(&call_sid) {
        Place::There(sender) => sender,
        Place::New(sender, arrivals) => {
            let Some(slot) = state.slot() else {
                drop(arrivals);
                phones.over(now, &call_sid, true);
                return refused(arrived, Close::OVERLOADED, "server.full");
            };
            let call = call::run(Arc::clone(state), call_sid, agent, arrivals, slot);
            tokio::spawn(call);
            sender
        }
    };
    match sender.try_send(arrived) {
        Ok(()) => None,
        Err(TrySendError::Full(arrived) | TrySendError::Closed(arrived)) => {
            refused(arrived, Close::OVERLOADED, "server.full")
        }
    }
}
