//! One session: the loop between a socket, the protocol machine and the upstream.
//!
//! Decides nothing: what happens goes into the machines, what they say is done.

mod socket;

use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::Upgraded;
use offhook_proto::server::{Config, Input, Output};
use offhook_proto::{Protocol, Server, Time};
use tracing::{debug, info};

use crate::http::State;
use crate::upstream::{self, Agent, Upstream};
use socket::{Received, Socket};

/// The largest message taken from a client, in bytes: 16 s of audio.
pub(crate) const MAX_MESSAGE: u32 = 1 << 20;
/// A session's longest life, in s, as in the OpenAI API.
const LIFETIME_S: u64 = 60 * 60;

/// What was agreed on before the upgrade.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// The model the client asked for; the agent's name if none.
    pub(crate) model: String,
    pub(crate) protocol: Protocol,
    pub(crate) shape: Shape,
    /// Seeds the identifiers of its events, items and responses.
    pub(crate) ids_seed: u64,
}

/// Which API the client was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The one served here.
    Ga,
    /// The one before it, which has ended.
    Beta,
}

/// Runs a session from its upgrade to its end.
pub(crate) async fn run(state: &State, upgraded: Upgraded, session: Session) {
    let clock = state.clock;
    let mut socket = Socket::new(upgraded).await;
    let mut server = Server::new(
        Config {
            protocol: session.protocol,
            ids_seed: session.ids_seed,
            unix_ms: clock.unix_ms(),
            max_frame_bytes: MAX_MESSAGE,
            ..Config::default()
        },
        clock.now(),
    );
    let id = session.id.clone();
    let mut upstream = open(state, session);
    let mut told = false;
    loop {
        let until = match drain(state, &mut socket, &mut server, &mut upstream).await {
            Next::Wait(until) => until,
            Next::Ended => break,
        };
        let received = tokio::select! {
            received = socket.receive() => Some(received),
            () = clock.wait(until) => None,
            () = state.shutdown(), if !told => {
                told = true;
                server.handle(clock.now(), Input::Shutdown);
                continue;
            }
        };
        let now = clock.now();
        upstream.advance(now);
        server.handle(
            now,
            match &received {
                None => Input::Tick,
                Some(Received::Text(text)) => Input::Text(text.as_str()),
                Some(Received::Binary(bytes)) => Input::Binary(*bytes),
                Some(Received::Control) => Input::Alive,
                Some(Received::TooBig) => Input::TooBig,
                Some(Received::Closed(close)) => {
                    debug!(session = id, ?close, "the client closed");
                    Input::PeerClosed(close.clone())
                }
            },
        );
    }
    info!(session = id, "ended");
}

fn open(state: &State, session: Session) -> Upstream {
    match session.shape {
        Shape::Beta => Upstream::beta(),
        Shape::Ga => Upstream::Agent(Box::new(Agent::new(
            &upstream::agent::Config {
                session_id: session.id,
                model: session.model,
                expires_at: state.clock.unix_ms() / 1000 + LIFETIME_S,
                lifetime: Duration::from_secs(LIFETIME_S),
                // Not the machine's sequence, whose ids are those of events.
                ids_seed: session.ids_seed.rotate_left(32),
            },
            Arc::clone(&state.prompts),
            state.clock.now(),
        ))),
    }
}

enum Next {
    /// Nothing to do until something happens or this time comes.
    Wait(Option<Time>),
    Ended,
}

/// Does what the machines say until both wait.
async fn drain(
    state: &State,
    socket: &mut Socket,
    server: &mut Server,
    upstream: &mut Upstream,
) -> Next {
    let clock = state.clock;
    loop {
        let done = match server.poll() {
            Output::Transmit(text) => socket.send(text).await,
            Output::Ping => socket.ping().await,
            Output::Close(close) => socket.close(close).await,
            Output::Upstream(event) => {
                upstream.handle(clock.now(), event);
                Ok(())
            }
            Output::Abort => return Next::Ended,
            Output::Ended => {
                socket.finish().await;
                return Next::Ended;
            }
            Output::Wait { until, .. } => match upstream.poll() {
                upstream::Output::Event(event) => {
                    server.handle(clock.now(), Input::Upstream(event.into()));
                    Ok(())
                }
                upstream::Output::Ended(close) => {
                    server.handle(clock.now(), Input::UpstreamEnded(close));
                    Ok(())
                }
                upstream::Output::Wait(upstream) => {
                    return Next::Wait(match (until, upstream) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    });
                }
            },
        };
        if let Err(gone) = done {
            debug!(%gone, "a client cannot be written to");
            server.handle(clock.now(), Input::PeerClosed(None));
        }
    }
}
