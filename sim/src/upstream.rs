//! The scripted upstream: hears the pattern, takes turns, answers faster than anybody can listen.
//!
//! It keeps to what the OpenAI Realtime API (GA) does, and is as strict as that where a client could
//! go wrong: what it is asked to truncate must be there.

mod ear;
mod voice;

use std::collections::VecDeque;

use offhook_proto::wire::client::{ConversationItemCreate, ConversationItemTruncate};
use offhook_proto::wire::server::{
    ConversationItemAdded, ConversationItemDeleted, ConversationItemDone,
    ConversationItemTruncated, Error, InputAudioBufferCleared, InputAudioBufferCommitted,
    InputTranscriptionCompleted, SessionCreated, SessionUpdated, SpeechStarted, SpeechStopped,
};
use offhook_proto::wire::{
    ClientEvent, ContentPart, Envelope, ErrorDetail, Fields, Item, ServerEvent,
};

use crate::pattern::Input;
use crate::random::Random;
use crate::time::{PER_MS, Us};
use ear::Ear;
use ear::Heard;
pub(crate) use ear::ONSET;
use voice::Voice;

/// How an upstream behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    /// From the caller's silence to the turn's events.
    pub(crate) latency: Us,
    /// From a turn to the first of its answer.
    pub(crate) think: Us,
    /// Samples in one delta.
    pub(crate) delta: u64,
    /// How many times faster than it is heard the answer comes.
    pub(crate) speed: u64,
    /// The shortest and the longest answer, in samples.
    pub(crate) answer: (u64, u64),
    /// So much silence ends a turn, in samples.
    pub(crate) hang: u64,
}

/// Something said, or about to be.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) event: ServerEvent,
    /// The caller's audio that is part of the conversation from now on.
    pub(crate) consumed: Option<(u64, u64)>,
    /// What the event is, for whoever checks that it arrives.
    pub(crate) audio: Option<Spoken>,
    /// It is about what the session was told when it began, and the caller knows it.
    pub(crate) echo: bool,
}

/// A piece of the agent's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) tag: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

#[derive(Debug)]
struct Known {
    id: String,
    /// Samples of audio it has; none for text.
    audio: Option<u64>,
}

/// One session of the upstream's.
#[derive(Debug)]
pub(crate) struct Upstream {
    script: Script,
    /// Distinguishes its names from those of other sessions.
    number: u32,
    ear: Ear,
    voice: Voice,
    out: VecDeque<(Us, Said)>,
    last_due: Us,
    items: Vec<Known>,
    names: u32,
    /// What it was asked to truncate and could not.
    pub(crate) bad_truncate: Option<String>,
}

impl Upstream {
    pub(crate) fn new(script: Script, mut random: Random, number: u32, now: Us) -> Self {
        let voice = Voice::new(random.fork());
        let mut upstream = Self {
            script,
            number,
            ear: Ear::new(script.hang),
            voice,
            out: VecDeque::new(),
            last_due: now,
            items: Vec::new(),
            names: 0,
            bad_truncate: None,
        };
        let mut session = Fields::new();
        session.insert("id".into(), format!("up_{number}").into());
        let created = SessionCreated {
            session,
            extra: Fields::new(),
        };
        upstream.say(now, created);
        upstream
    }

    /// When it says something next.
    pub(crate) fn next_at(&self) -> Option<Us> {
        // Deltas wait for what was said before them.
        match self.out.front() {
            Some((due, _)) => Some(*due),
            None => self.voice.next_at(),
        }
    }

    /// What it says now.
    pub(crate) fn pop(&mut self, now: Us) -> Option<Said> {
        if self.out.is_empty() && self.voice.next_at().is_some_and(|at| at <= now) {
            self.speak(now);
        }
        let (_, said) = self.out.pop_front_if(|(due, _)| *due <= now)?;
        Some(said)
    }

    /// Hears a piece of the caller's audio.
    pub(crate) fn hear(&mut self, now: Us, piece: Input) {
        for heard in self.ear.hear(piece) {
            let due = now + self.script.latency;
            match heard {
                Heard::Started { at } => {
                    let item_id = self.name("turn");
                    self.ear.turn.clone_from(&item_id);
                    let started = SpeechStarted {
                        audio_start_ms: at / PER_MS,
                        item_id,
                        ..SpeechStarted::default()
                    };
                    self.say(due, started);
                    self.interrupt(due, "turn_detected");
                }
                Heard::Stopped { at, consumed } => {
                    let item_id = std::mem::take(&mut self.ear.turn);
                    let stopped = SpeechStopped {
                        audio_end_ms: at / PER_MS,
                        item_id: item_id.clone(),
                        ..SpeechStopped::default()
                    };
                    self.push(due, stopped.into(), Some(consumed), None);
                    self.take_turn(due, item_id, true);
                }
            }
        }
    }

    /// Does what the client asks for.
    pub(crate) fn handle(&mut self, now: Us, envelope: Envelope<ClientEvent>) {
        let Envelope {
            event_id, event, ..
        } = envelope;
        let due = now + self.script.latency / 4;
        match event {
            ClientEvent::SessionUpdate(update) => {
                let updated = SessionUpdated {
                    session: update.session,
                    extra: self.numbered(),
                };
                self.say(due, updated);
            }
            ClientEvent::ConversationItemCreate(create) => self.create(due, event_id, create),
            ClientEvent::ConversationItemTruncate(cut) => self.truncate(due, event_id, &cut),
            ClientEvent::ConversationItemDelete(delete) => {
                self.items.retain(|item| item.id != delete.item_id);
                let deleted = ConversationItemDeleted {
                    item_id: delete.item_id,
                    ..ConversationItemDeleted::default()
                };
                self.say(due, deleted);
            }
            ClientEvent::InputAudioBufferCommit(_) => {
                if let Some(consumed) = self.ear.commit() {
                    let mut item_id = std::mem::take(&mut self.ear.turn);
                    if item_id.is_empty() {
                        item_id = self.name("turn");
                    }
                    self.take_turn(due, item_id, false);
                    if let Some((_, said)) = self.out.iter_mut().rev().nth(2) {
                        said.consumed = Some(consumed);
                    }
                } else {
                    self.refuse(due, event_id, "input_audio_buffer_commit_empty");
                }
            }
            ClientEvent::InputAudioBufferClear(_) => {
                let cleared = InputAudioBufferCleared {
                    extra: self.numbered(),
                };
                self.say(due, cleared);
            }
            ClientEvent::ResponseCreate(_) => {
                if self.voice.is_busy() {
                    self.refuse(due, event_id, "conversation_already_has_active_response");
                } else {
                    self.answer(due);
                }
            }
            ClientEvent::ResponseCancel(_) => {
                if self.voice.is_busy() {
                    self.interrupt(due, "client_cancelled");
                } else {
                    self.refuse(due, event_id, "response_cancel_not_active");
                }
            }
            other => {
                let code = format!("unknown_event:{}", other.kind());
                self.refuse(due, event_id, &code);
            }
        }
    }

    /// The caller's turn is over: it becomes an item, and is answered.
    fn take_turn(&mut self, due: Us, item_id: String, answers: bool) {
        let committed = InputAudioBufferCommitted {
            previous_item_id: self.items.last().map(|item| item.id.clone()),
            item_id: item_id.clone(),
            ..InputAudioBufferCommitted::default()
        };
        self.say(due, committed);
        let part = ContentPart::input_audio();
        self.add(
            due,
            Item::message(&item_id, "user", "completed", part),
            None,
        );
        let transcript = InputTranscriptionCompleted {
            transcript: format!("words of {item_id}"),
            item_id,
            ..InputTranscriptionCompleted::default()
        };
        self.say(due, transcript);
        if answers && !self.voice.is_busy() {
            self.answer(due);
        }
    }

    fn add(&mut self, due: Us, item: Item, audio: Option<u64>) {
        let previous_item_id = self.items.last().map(|item| item.id.clone());
        self.items.push(Known {
            id: item.id.clone(),
            audio,
        });
        let added = ConversationItemAdded {
            previous_item_id,
            item,
            ..ConversationItemAdded::default()
        };
        self.say(due, added);
    }

    fn create(&mut self, due: Us, event_id: Option<String>, create: ConversationItemCreate) {
        let mut item = create.item;
        if item.id.is_empty() {
            item.id = self.name("item");
        }
        if self.items.iter().any(|known| known.id == item.id) {
            return self.refuse(due, event_id, "item_create_duplicate_item_id");
        }
        // What the caller does is numbered; what a new session is told is not.
        let echo = !create.extra.contains_key("c");
        self.add(due, item.clone(), None);
        let done = ConversationItemDone {
            item,
            ..ConversationItemDone::default()
        };
        self.say(due, done);
        for (_, said) in self.out.iter_mut().rev().take(2) {
            said.echo = echo;
        }
    }

    fn truncate(&mut self, due: Us, event_id: Option<String>, cut: &ConversationItemTruncate) {
        let known = self.items.iter_mut().rev();
        let known = known.into_iter().find(|known| known.id == cut.item_id);
        let has = known.as_ref().and_then(|known| known.audio);
        match (known, has) {
            (Some(known), Some(has)) if cut.audio_end_ms * PER_MS <= has => {
                known.audio = Some(cut.audio_end_ms * PER_MS);
                let truncated = ConversationItemTruncated {
                    item_id: cut.item_id.clone(),
                    content_index: cut.content_index,
                    audio_end_ms: cut.audio_end_ms,
                    extra: self.numbered(),
                };
                self.say(due, truncated);
            }
            (known, _) => {
                self.bad_truncate = Some(format!(
                    "{} to {} ms, of which there {}",
                    cut.item_id,
                    cut.audio_end_ms,
                    match (known, has) {
                        (None, _) => "is no item".to_owned(),
                        (_, None) => "is no audio".to_owned(),
                        (_, Some(has)) => format!("are {} ms", has / PER_MS),
                    }
                ));
                self.refuse(due, event_id, "item_truncate_invalid");
            }
        }
    }

    fn refuse(&mut self, due: Us, event_id: Option<String>, code: &str) {
        let error = ErrorDetail {
            event_id,
            extra: self.numbered(),
            ..ErrorDetail::invalid_request(code, "It cannot be done.")
        };
        let error = Error {
            error,
            extra: Fields::new(),
        };
        self.say(due, error);
    }

    fn say(&mut self, due: Us, event: impl Into<ServerEvent>) {
        self.push(due, event.into(), None, None);
    }

    fn push(
        &mut self,
        due: Us,
        event: ServerEvent,
        consumed: Option<(u64, u64)>,
        audio: Option<Spoken>,
    ) {
        self.last_due = self.last_due.max(due);
        let said = Said {
            event,
            consumed,
            audio,
            echo: false,
        };
        self.out.push_back((self.last_due, said));
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}_{}_{}", self.number, self.names)
    }

    /// A field that makes an event unlike any other.
    fn numbered(&mut self) -> Fields {
        self.names += 1;
        let mut fields = Fields::new();
        let number = u64::from(self.number) << 32 | u64::from(self.names);
        fields.insert("n".into(), number.into());
        fields
    }
}
