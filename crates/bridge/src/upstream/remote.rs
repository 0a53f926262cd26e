//! An upstream that is a server of the OpenAI Realtime API.
//!
//! The session there is a call of the realtime client's in plain mode, which dials again, tells a new
//! session the conversation so far with the same item ids, and moves on before the hour is over. What
//! is left to do here: settings that the operator has pinned, and that the caller sees one unbroken
//! session whatever becomes of those behind it.

mod answers;
mod ending;
mod pins;
mod updates;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use offhook_client::proto::client::{self, Back, End, State};
use offhook_client::{Call, Config, Connector, Endpoint, Event, SendError};
use offhook_proto::Close;
use offhook_proto::wire::client::{ResponseCreate, SessionUpdate};
use offhook_proto::wire::server::{Error, Upstream};
use offhook_proto::wire::{ClientEvent, Envelope, ErrorDetail, Fields, ServerEvent, decode_pcm16};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Output;
use super::breaker::Breaker;
use crate::clock::Clock;
use crate::{Error as Failure, UpstreamConfig};
use answers::Answers;
use pins::{Change, Pins};
use updates::{OUR_UPDATE, Updates};

/// How long a session there may be away before the caller's ends.
const GIVE_UP: Duration = Duration::from_secs(60);
/// The largest message taken from there, in bytes. A response's events hold no audio at their end,
/// but all its texts.
const MAX_MESSAGE: u32 = 4 << 20;

/// A server that sessions can be opened at, for one agent.
#[derive(Debug)]
pub(crate) struct Remotes {
    connector: Connector,
    endpoint: Endpoint,
    model: String,
    pins: Arc<Pins>,
    rotate_after: Duration,
    pub(crate) breaker: Arc<Breaker>,
}

impl Remotes {
    /// For the agent of this id.
    pub(crate) fn new(id: &str, config: &UpstreamConfig) -> Result<Self, Failure> {
        let endpoint = config.endpoint().map_err(|why| Failure::Agents {
            detail: format!("agent {id:?} has an upstream that cannot be used: {why}"),
        })?;
        let connector = Connector::new().map_err(|error| Failure::Outgoing {
            detail: error.to_string(),
        })?;
        Ok(Self {
            connector,
            endpoint,
            model: config.model.clone(),
            pins: Arc::new(Pins::new(&config.session, &config.overridable)),
            rotate_after: Duration::from_secs(config.rotate_after),
            breaker: Arc::default(),
        })
    }

    /// Opens a session there for the caller's session of this id.
    pub(crate) fn open(&self, session_id: &str, clock: Clock) -> Remote {
        let (call, events) = Call::start(Config {
            connector: self.connector.clone(),
            endpoint: self.endpoint.clone(),
            agent: self.model.clone(),
            session: client::Config {
                max_message_bytes: MAX_MESSAGE,
                give_up: GIVE_UP,
                plain_lifetime: self.rotate_after,
                ..client::Config::default()
            },
        });
        let mut remote = Remote {
            call,
            events,
            came: None,
            session_id: session_id.to_owned(),
            pins: Arc::clone(&self.pins),
            breaker: Arc::clone(&self.breaker),
            clock,
            out: VecDeque::new(),
            updates: Updates::default(),
            created: false,
            answers: Answers::default(),
            begins_at_ms: 0,
            is_up: false,
            attempts: 0,
            over: false,
        };
        if let Some(session) = remote.pins.settings() {
            remote.updates.ours();
            let extra = Fields::new();
            let event = SessionUpdate { session, extra }.into();
            remote.give(Envelope {
                event_id: Some(OUR_UPDATE.to_owned()),
                ..event
            });
        }
        remote
    }
}

/// A session there.
#[derive(Debug)]
pub(crate) struct Remote {
    call: Call,
    events: mpsc::Receiver<Event>,
    /// What came and was not looked at yet.
    came: Option<Event>,
    /// What the caller knows the session as.
    session_id: String,
    pins: Arc<Pins>,
    breaker: Arc<Breaker>,
    clock: Clock,
    out: VecDeque<Output>,
    updates: Updates,
    /// The caller was told of the session.
    created: bool,
    answers: Answers,
    /// Where in all that the caller said the session there begins, in ms.
    begins_at_ms: u64,
    is_up: bool,
    /// How often it was tried to bring it back, since it went.
    attempts: u32,
    over: bool,
}

impl Remote {
    /// Takes in what the client sent.
    pub(crate) fn handle(&mut self, envelope: Envelope<ClientEvent>) {
        let event_id = envelope.event_id.clone();
        match envelope.event {
            ClientEvent::InputAudioBufferAppend(append) => match decode_pcm16(&append.audio) {
                Ok(samples) => {
                    let given = self.call.audio(&samples);
                    self.given(given);
                }
                Err(error) => {
                    let message = format!("The audio cannot be used: {error}.");
                    let mut detail = ErrorDetail::invalid_request("invalid_audio", &message);
                    detail.param = Some("audio".to_owned());
                    detail.event_id = event_id;
                    self.say_error(detail);
                }
            },
            ClientEvent::SessionUpdate(update) => match self.pins.allowed(update.session) {
                Change::Allowed(session) => {
                    self.updates.callers(event_id.clone());
                    let extra = update.extra;
                    let event = SessionUpdate { session, extra }.into();
                    self.give(Envelope { event_id, ..event });
                }
                Change::Format => {
                    let message = "Audio is \"audio/pcm\" at 24000 Hz here, both ways.";
                    let mut detail = ErrorDetail::invalid_request("unsupported_format", message);
                    detail.param = Some("session.audio".to_owned());
                    detail.event_id = event_id;
                    self.say_error(detail);
                }
            },
            _ => self.give(envelope),
        }
    }

    /// Takes in the caller's voice: PCM16 little-endian, 24 kHz, mono.
    pub(crate) fn hear(&mut self, audio: &[u8]) {
        // Whoever cut it cut it between samples.
        let (samples, _) = audio.as_chunks::<2>();
        let samples: Vec<i16> = samples.iter().map(|it| i16::from_le_bytes(*it)).collect();
        let given = self.call.audio(&samples);
        self.given(given);
    }

    /// How many events wait to be said.
    pub(crate) fn unsaid(&self) -> usize {
        self.out.len()
    }

    /// Ready when there is something to [poll](Self::poll) for.
    pub(crate) async fn arrived(&mut self) {
        if self.over || self.came.is_some() {
            std::future::pending::<()>().await;
        }
        self.came = self.events.recv().await;
        if self.came.is_none() {
            // It ends with a state that says so, unless something went wrong in it.
            warn!(session = self.session_id, "the upstream's end was not told");
            self.breaker.failed(self.clock.now());
            self.end(Close::new(Close::INTERNAL, "upstream.unavailable"));
        }
    }

    /// The next thing to do, in order; call until it waits.
    pub(crate) fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.out.pop_front() {
                return output;
            }
            let Some(event) = self.came.take().or_else(|| self.events.try_recv().ok()) else {
                return Output::Wait(None);
            };
            match event {
                Event::Server(event) => self.heard(*event),
                Event::State { state, .. } => self.stands(state),
                Event::Back(back) => self.is_back(back),
                Event::Lost(gap) => {
                    let (from_ms, to_ms) = (gap.from_ms, gap.to_ms);
                    warn!(
                        session = self.session_id,
                        from_ms, to_ms, "audio was lost on the way to the upstream"
                    );
                }
                Event::Waiting(_) => {}
            }
        }
    }

    fn give(&mut self, event: Envelope<ClientEvent>) {
        let given = self.call.send_as(event);
        self.given(given);
    }

    fn given(&mut self, given: Result<(), SendError>) {
        if given == Err(SendError::Full) && !self.over {
            warn!(
                session = self.session_id,
                "the upstream takes nothing any more"
            );
            self.end(Close::new(Close::INTERNAL, "upstream.stuck"));
        }
    }

    /// Passes on what the upstream said, unless it is none of the caller's business.
    fn heard(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::SessionCreated(mut created) => {
                // One behind the first is of a session that took over.
                if !std::mem::replace(&mut self.created, true) {
                    self.rename(&mut created.session);
                    self.say(created);
                }
            }
            ServerEvent::SessionUpdated(mut updated) => {
                if self.updates.answered() {
                    self.rename(&mut updated.session);
                    self.say(updated);
                }
            }
            ServerEvent::Error(error) if ending::is_ours(&error.error) => {
                let code = error.error.code;
                warn!(
                    session = self.session_id,
                    code, "the upstream refuses the bridge"
                );
            }
            ServerEvent::Error(error) => {
                let about = error.error.event_id.as_deref();
                if self.updates.refused(about) {
                    let code = error.error.code;
                    warn!(
                        session = self.session_id,
                        code, "the upstream refuses the agent's settings"
                    );
                } else {
                    self.say(error);
                }
            }
            ServerEvent::SpeechStarted(mut started) => {
                let start = &mut started.audio_start_ms;
                *start = start.saturating_add(self.begins_at_ms);
                self.say(started);
            }
            ServerEvent::SpeechStopped(mut stopped) => {
                let end = &mut stopped.audio_end_ms;
                *end = end.saturating_add(self.begins_at_ms);
                self.say(stopped);
            }
            event => {
                self.answers.follow(&event);
                self.out.push_back(Output::Event(event));
            }
        }
    }

    /// The caller knows the session by one name only.
    fn rename(&self, session: &mut Fields) {
        if let Some(id) = session.get_mut("id") {
            *id = self.session_id.clone().into();
        }
    }

    fn stands(&mut self, state: State) {
        match state {
            State::Live { .. } | State::CatchingUp { .. } => {
                if !std::mem::replace(&mut self.is_up, true) {
                    self.breaker.came_up();
                    if std::mem::take(&mut self.attempts) > 0 {
                        self.tell_state("up");
                    }
                }
            }
            State::Reconnecting { attempt, cause, .. } => {
                if std::mem::take(&mut self.is_up) {
                    info!(session = self.session_id, ?cause, "the upstream is away");
                    self.tell_state("reconnecting");
                }
                // Each attempt shows itself several times; the one before it has failed.
                if attempt > self.attempts.max(1) {
                    self.breaker.failed(self.clock.now());
                }
                self.attempts = attempt;
            }
            State::Ended(end) => {
                if !matches!(end, End::FarEnd | End::HungUp) {
                    let end = ending::logged(&end);
                    warn!(session = self.session_id, end, "the upstream is over");
                    self.breaker.failed(self.clock.now());
                }
                if let Some(detail) = ending::told(&end) {
                    self.say_error(detail);
                }
                self.end(ending::close(&end));
            }
            State::Dialling(_) => {}
        }
    }

    /// Another session there has taken over.
    fn is_back(&mut self, back: Back) {
        if back.resumed {
            return;
        }
        self.begins_at_ms = back.input_from_ms;
        self.updates.told_anew();
        for failed in self.answers.fail() {
            self.say(failed);
        }
        if back.answer_lost {
            // Whoever asked is still waiting.
            self.give(ResponseCreate::default().into());
        }
    }

    fn tell_state(&mut self, state: &str) {
        self.say(Upstream {
            state: state.to_owned(),
            extra: Fields::new(),
        });
    }

    fn say_error(&mut self, error: ErrorDetail) {
        self.say(Error {
            error,
            extra: Fields::new(),
        });
    }

    fn say(&mut self, event: impl Into<ServerEvent>) {
        self.out.push_back(Output::Event(event.into()));
    }

    fn end(&mut self, close: Close) {
        self.over = true;
        self.out.push_back(Output::Ended(close));
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // One that is over needs no farewell.
        let _ = self.call.hang_up();
    }
}
