//! The built-in agent: a telephone test call that behaves like the OpenAI Realtime API.
mod fault;
mod prompts;
mod settings;
mod turn_detection;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use offhook_proto::wire::server::{SessionCreated, SessionUpdated};
use offhook_proto::wire::{ClientEvent, Envelope};
use offhook_proto::{Close, Time};

use super::Output;
use fault::Fault;
pub(crate) use prompts::Prompts;
use settings::Settings;

/// What an agent is told about its session.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) session_id: String,
    /// The model the client asked for, which it is shown.
    pub(crate) model: String,
    /// When the session ends, in s since the Unix epoch.
    pub(crate) expires_at: u64,
    /// When the session ends, counted from its start.
    pub(crate) lifetime: Duration,
    /// Seeds the identifiers of items and responses.
    pub(crate) ids_seed: u64,
}

/// One session's agent.
#[derive(Debug)]
pub(crate) struct Agent {
    settings: Settings,
    out: VecDeque<Output>,
    ends: Time,
    ended: bool,
}

impl Agent {
    /// An agent that has just picked up.
    pub(crate) fn new(config: Config, _prompts: Arc<Prompts>, now: Time) -> Self {
        let settings = Settings::new(&config.session_id, &config.model, config.expires_at);
        let created = SessionCreated {
            session: settings.to_fields(),
            ..SessionCreated::default()
        };
        Self {
            settings,
            out: VecDeque::from([Output::Event(created.into())]),
            ends: now + config.lifetime,
            ended: false,
        }
    }

    pub(crate) fn handle(&mut self, _now: Time, event: Envelope<ClientEvent>) {
        let done = match event.event {
            ClientEvent::SessionUpdate(update) => self.settings.update(&update.session).map(|()| {
                let updated = SessionUpdated {
                    session: self.settings.to_fields(),
                    ..SessionUpdated::default()
                };
                self.out.push_back(Output::Event(updated.into()));
            }),
            other => Err(Fault::value(
                "type",
                &format!("\"{}\" is not an event the agent takes.", other.kind()),
            )),
        };
        if let Err(fault) = done {
            self.out
                .push_back(Output::Event(fault.into_event(event.event_id)));
        }
    }

    pub(crate) fn advance(&mut self, now: Time) {
        if now >= self.ends && !self.ended {
            self.ended = true;
            let fault = Fault::new(
                "session_expired",
                "The session has reached its longest life of 60 minutes.",
            );
            self.out.push_back(Output::Event(fault.into_event(None)));
            self.out.push_back(Output::Ended(Close::new(
                Close::GOING_AWAY,
                "session.expired",
            )));
        }
    }

    pub(crate) fn poll(&mut self) -> Output {
        self.out
            .pop_front()
            .unwrap_or(Output::Wait((!self.ended).then_some(self.ends)))
    }
}
