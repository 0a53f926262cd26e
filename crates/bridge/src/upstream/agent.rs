//! The built-in agent: a telephone test call that behaves like the OpenAI Realtime API.
//!
//! It greets, says the caller's words back, and confirms what was typed. It answers the latest
//! message only. Sans-IO and deterministic: the same events at the same times, with the same seed,
//! get the same answers.

mod answer;
mod conversation;
mod fault;
mod input;
mod item;
mod prompts;
mod script;
mod settings;
mod turn_detection;
mod turns;
mod vad;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use offhook_proto::wire::client::{ConversationItemCreate, ResponseCancel};
use offhook_proto::wire::server::{
    ConversationItemAdded, ConversationItemDeleted, ConversationItemDone,
    ConversationItemRetrieved, ConversationItemTruncated, InputAudioBufferCleared, SessionCreated,
    SessionUpdated,
};
use offhook_proto::wire::{ClientEvent, Envelope, Fields, Item, Response, ServerEvent};
use offhook_proto::{Close, Ids, Time};
use serde_json::{Value, json};

use super::Output;
use answer::{Answer, Outcome};
use conversation::Conversation;
use fault::Fault;
use input::Input;
pub(crate) use prompts::Prompts;
use script::{Message, Script};
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
    prompts: Arc<Prompts>,
    ids: Ids,
    conversation_id: String,
    settings: Settings,
    input: Input,
    /// The id of the item that the speech in progress will become.
    turn: Option<String>,
    conversation: Conversation,
    /// The caller's last message and its item, until it is answered.
    message: Option<(String, Message)>,
    answer: Option<Answer>,
    /// A turn ended while an answer was in progress that it did not interrupt.
    owed: bool,
    out: VecDeque<Output>,
    ends: Time,
    ended: bool,
}

impl Agent {
    /// An agent that has just picked up.
    pub(crate) fn new(config: &Config, prompts: Arc<Prompts>, now: Time) -> Self {
        let mut ids = Ids::seeded(config.ids_seed);
        let settings = Settings::new(&config.session_id, &config.model, config.expires_at);
        let mut agent = Self {
            prompts,
            conversation_id: ids.next("conv"),
            ids,
            input: Input::new(settings.turn_detection.as_ref()),
            settings,
            turn: None,
            conversation: Conversation::default(),
            message: None,
            answer: None,
            owed: false,
            out: VecDeque::new(),
            ends: now + config.lifetime,
            ended: false,
        };
        agent.say(SessionCreated {
            session: agent.settings.to_fields(),
            ..SessionCreated::default()
        });
        agent
    }

    /// Takes in an event of the client. Follow with [`Self::poll`] until it waits.
    pub(crate) fn handle(&mut self, now: Time, event: Envelope<ClientEvent>) {
        if self.ended {
            return;
        }
        if let Err(fault) = self.take(now, event.event) {
            self.say(fault.into_event(event.event_id));
        }
        self.advance(now);
    }

    /// Takes in the caller's voice, which comes as it is where the connection takes bytes: PCM16
    /// little-endian, 24 kHz, mono. Follow with [`Self::poll`] until it waits.
    pub(crate) fn hear(&mut self, now: Time, audio: &[u8]) {
        if self.ended {
            return;
        }
        // Whoever cut it cut it between samples.
        let (samples, _) = audio.as_chunks::<2>();
        let samples: Vec<i16> = samples.iter().map(|it| i16::from_le_bytes(*it)).collect();
        self.listen(now, &samples);
        self.advance(now);
    }

    /// How many events wait to be said.
    pub(crate) fn unsaid(&self) -> usize {
        self.out.len()
    }

    /// Says what is due at `now`.
    pub(crate) fn advance(&mut self, now: Time) {
        if self.ended {
            return;
        }
        if let Some(answer) = self.answer.as_mut().filter(|answer| answer.due() <= now) {
            let spoken = answer.speak(now);
            self.conversation.spoke(answer.item_id(), answer.sent_ms());
            let over = answer.is_over();
            self.out.extend(spoken.into_iter().map(Output::Event));
            if over {
                self.finish(now, Outcome::Completed);
            }
        }
        if now >= self.ends {
            self.ended = true;
            let message = "The session has reached its longest life of 60 minutes.";
            self.say(Fault::new("session_expired", message).into_event(None));
            let close = Close::new(Close::GOING_AWAY, "session.expired");
            self.out.push_back(Output::Ended(close));
        }
    }

    /// The next thing to do, in order; call until it waits.
    pub(crate) fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| {
            let due = self.answer.as_ref().map_or(self.ends, Answer::due);
            Output::Wait((!self.ended).then(|| due.min(self.ends)))
        })
    }

    fn take(&mut self, now: Time, event: ClientEvent) -> Result<(), Fault> {
        match event {
            ClientEvent::SessionUpdate(update) => self.update(&update.session),
            ClientEvent::InputAudioBufferAppend(append) => self.append(now, &append.audio),
            ClientEvent::InputAudioBufferCommit(_) => self.commit_by_hand(),
            ClientEvent::InputAudioBufferClear(_) => {
                self.input.clear();
                self.turn = None;
                self.say(InputAudioBufferCleared::default());
                Ok(())
            }
            ClientEvent::ConversationItemCreate(create) => self.create(create),
            ClientEvent::ConversationItemTruncate(cut) => {
                self.conversation.truncate(&cut)?;
                self.say(ConversationItemTruncated {
                    item_id: cut.item_id,
                    content_index: cut.content_index,
                    audio_end_ms: cut.audio_end_ms,
                    ..ConversationItemTruncated::default()
                });
                Ok(())
            }
            ClientEvent::ConversationItemDelete(delete) => self.delete(delete.item_id),
            ClientEvent::ConversationItemRetrieve(retrieve) => {
                let item = self.conversation.get(&retrieve.item_id).cloned();
                let missing = || no_item("item_retrieve_invalid_item_id", &retrieve.item_id);
                self.say(ConversationItemRetrieved {
                    item: item.ok_or_else(missing)?,
                    ..ConversationItemRetrieved::default()
                });
                Ok(())
            }
            ClientEvent::ResponseCreate(create) => self.respond(now, create.response.as_ref()),
            ClientEvent::ResponseCancel(cancel) => self.cancel(now, &cancel),
            other => {
                let message = format!("\"{}\" is not an event of a client.", other.kind());
                Err(Fault::value("type", &message))
            }
        }
    }

    fn update(&mut self, change: &Fields) -> Result<(), Fault> {
        let before = self.settings.turn_detection.clone();
        self.settings.update(change)?;
        if before != self.settings.turn_detection {
            self.input.configure(self.settings.turn_detection.as_ref());
        }
        self.say(SessionUpdated {
            session: self.settings.to_fields(),
            ..SessionUpdated::default()
        });
        Ok(())
    }

    fn create(&mut self, create: ConversationItemCreate) -> Result<(), Fault> {
        let id = self.ids.next("item");
        let (item, message) = item::read(create.item, id)?;
        let after = create.previous_item_id.as_deref();
        let previous = self.conversation.add(after, item.clone())?;
        if let Some(message) = message {
            self.message = Some((item.id.clone(), message));
        }
        self.added(previous, item);
        Ok(())
    }

    fn delete(&mut self, item_id: String) -> Result<(), Fault> {
        if !self.conversation.remove(&item_id) {
            return Err(no_item("item_delete_invalid_item_id", &item_id));
        }
        self.message.take_if(|(id, _)| *id == item_id);
        self.say(ConversationItemDeleted {
            item_id,
            ..ConversationItemDeleted::default()
        });
        Ok(())
    }

    fn respond(&mut self, now: Time, asked: Option<&Value>) -> Result<(), Fault> {
        if let Some(answer) = &self.answer {
            let code = "conversation_already_has_active_response";
            let message = format!("The response {} is in progress.", answer.response_id());
            return Err(Fault::new(code, &message));
        }
        let metadata = match asked {
            Some(asked) => settings::check_response(asked)?,
            None => Value::Null,
        };
        let first = self.conversation.is_empty();
        let message = self.message.take().map(|(_, message)| message);
        let answer = Answer::new(
            now,
            self.response(&metadata),
            self.ids.next("item"),
            self.conversation.last(),
            Script::answer(&self.prompts, message, first),
        );
        self.conversation.push(answer.item("in_progress"));
        self.conversation.spoke(answer.item_id(), 0);
        self.out.extend(answer.announce().map(Output::Event));
        self.answer = Some(answer);
        Ok(())
    }

    /// A response that has just begun.
    fn response(&mut self, metadata: &Value) -> Response {
        let audio = self.settings.output_audio();
        let fields = json!({
            "object": "realtime.response",
            "conversation_id": self.conversation_id,
            "output_modalities": ["audio"],
            "max_output_tokens": self.settings.max_output_tokens(),
            "audio": { "output": { "format": audio["format"], "voice": audio["voice"] } },
            "usage": null,
            "metadata": metadata,
        });
        Response {
            id: self.ids.next("resp"),
            status: "in_progress".into(),
            extra: fields.as_object().cloned().unwrap_or_default(),
            ..Response::default()
        }
    }

    fn cancel(&mut self, now: Time, cancel: &ResponseCancel) -> Result<(), Fault> {
        let meant = |answer: &Answer| match &cancel.response_id {
            Some(id) => id == answer.response_id(),
            None => true,
        };
        if !self.answer.as_ref().is_some_and(meant) {
            let message = "There is no such response in progress.";
            return Err(Fault::new("response_cancel_not_active", message));
        }
        self.finish(now, Outcome::ClientCancelled);
        Ok(())
    }

    /// Ends the response in progress, if there is one.
    fn finish(&mut self, now: Time, outcome: Outcome) {
        let Some(answer) = self.answer.take() else {
            return;
        };
        let (item, events) = answer.finish(outcome);
        self.conversation.finish(&item);
        self.out.extend(events.map(Output::Event));
        self.respond_if_owed(now);
    }

    fn respond_if_owed(&mut self, now: Time) {
        if self.owed && self.answer.is_none() {
            self.owed = false;
            // Without parameters, and with none in progress, there is nothing to find fault with.
            if let Err(fault) = self.respond(now, None) {
                self.say(fault.into_event(None));
            }
        }
    }

    fn added(&mut self, previous_item_id: Option<String>, item: Item) {
        self.say(ConversationItemAdded {
            previous_item_id: previous_item_id.clone(),
            item: item.clone(),
            ..ConversationItemAdded::default()
        });
        self.say(ConversationItemDone {
            previous_item_id,
            item,
            ..ConversationItemDone::default()
        });
    }

    fn say(&mut self, event: impl Into<ServerEvent>) {
        self.out.push_back(Output::Event(event.into()));
    }
}

fn no_item(code: &str, id: &str) -> Fault {
    Fault::new(code, &format!("There is no item \"{id}\".")).at("item_id")
}
