//! Where a session's answers come from.

pub(crate) mod agent;
mod breaker;
mod remote;

use std::sync::Arc;
use std::time::Duration;

use offhook_proto::wire::server::Error;
use offhook_proto::wire::{ClientEvent, Envelope, ErrorDetail, ServerEvent};
use offhook_proto::{Close, Time};

use crate::http::State;
pub(crate) use agent::{Agent, Prompts};
pub(crate) use remote::{Remote, Remotes};

/// The longest life of a session with the built-in agent, in s, as in the OpenAI API.
const LIFETIME_S: u64 = 60 * 60;

/// The name of the built-in agent.
pub const AGENT: &str = "test";

/// What a session talks to.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// The built-in agent.
    Agent(Box<Agent>),
    /// A server of the OpenAI Realtime API.
    Remote(Box<Remote>),
    /// What clients of the beta find: its end. Holds what has not been said yet.
    Beta(Vec<Output>),
    /// Nothing any more.
    Over,
}

/// What an upstream has to say.
#[derive(Debug)]
pub(crate) enum Output {
    /// An event for the client.
    Event(ServerEvent),
    /// It is over.
    Ended(Close),
    /// Nothing until something happens or this time comes.
    Wait(Option<Time>),
}

impl Upstream {
    /// What answers for an agent, in the session of this id; `model` is what the client asked for.
    pub(crate) fn open(
        state: &State,
        agent: &str,
        session_id: &str,
        model: &str,
        seed: u64,
    ) -> Self {
        if let Some(remotes) = state.remotes.get(agent) {
            return Self::Remote(Box::new(remotes.open(session_id, state.clock)));
        }
        let config = agent::Config {
            session_id: session_id.to_owned(),
            model: model.to_owned(),
            expires_at: state.clock.unix_ms() / 1000 + LIFETIME_S,
            lifetime: Duration::from_secs(LIFETIME_S),
            // Not the machine's sequence, whose ids are those of events.
            ids_seed: seed.rotate_left(32),
        };
        let prompts = Arc::clone(&state.prompts);
        Self::Agent(Box::new(Agent::new(&config, prompts, state.clock.now())))
    }

    /// Says that the beta has ended, as the OpenAI API does.
    pub(crate) fn beta() -> Self {
        let code = "beta_api_shape_disabled";
        let message = "The beta of this API has ended; leave out the OpenAI-Beta header and use \
                       the events of the GA version.";
        let error = Error {
            error: ErrorDetail::invalid_request(code, message),
            ..Error::default()
        };
        let close = Close::new(
            Close::INVALID_REQUEST,
            &format!("invalid_request_error.{code}"),
        );
        // Taken from the end.
        Self::Beta(vec![Output::Ended(close), Output::Event(error.into())])
    }

    /// Takes in what the client sent.
    pub(crate) fn handle(&mut self, now: Time, event: Envelope<ClientEvent>) {
        match self {
            Self::Agent(agent) => agent.handle(now, event),
            Self::Remote(remote) => remote.handle(event),
            Self::Beta(_) | Self::Over => {}
        }
    }

    /// Takes in the caller's voice: PCM16 little-endian, 24 kHz, mono.
    pub(crate) fn hear(&mut self, now: Time, audio: &[u8]) {
        match self {
            Self::Agent(agent) => agent.hear(now, audio),
            Self::Remote(remote) => remote.hear(audio),
            Self::Beta(_) | Self::Over => {}
        }
    }

    /// How many events wait to be said.
    pub(crate) fn unsaid(&self) -> usize {
        match self {
            Self::Agent(agent) => agent.unsaid(),
            Self::Remote(remote) => remote.unsaid(),
            Self::Beta(rest) => rest.len(),
            Self::Over => 0,
        }
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: Time) {
        match self {
            Self::Agent(agent) => agent.advance(now),
            Self::Remote(_) | Self::Beta(_) | Self::Over => {}
        }
    }

    /// Ready when something came from elsewhere: [`Self::poll`] has to be asked. Never, where nothing
    /// can come.
    pub(crate) async fn arrived(&mut self) {
        match self {
            Self::Remote(remote) => remote.arrived().await,
            Self::Agent(_) | Self::Beta(_) | Self::Over => std::future::pending().await,
        }
    }

    /// What to do next; call until it waits.
    pub(crate) fn poll(&mut self) -> Output {
        match self {
            Self::Agent(agent) => agent.poll(),
            Self::Remote(remote) => remote.poll(),
            Self::Beta(rest) => rest.pop().unwrap_or(Output::Wait(None)),
            Self::Over => Output::Wait(None),
        }
    }
}
