//! A line that is up: turns, barge-in, what was heard, how long an answer takes.

mod connection;
mod playout;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use offhook_client::proto::Time;
use offhook_client::proto::client::{Back, Gap, State};
use offhook_client::proto::wire::client::{
    ConversationItemCreate, ConversationItemTruncate, ResponseCancel, ResponseCreate,
};
use offhook_client::proto::wire::server::{OutputAudioDelta, SpeechStarted, SpeechStopped};
use offhook_client::proto::wire::{ContentPart, Item, ServerEvent, decode_pcm16};

use super::conversation::Conversation;
use super::{AgentEntry, Dialling, Effect, millis};
use crate::snapshot::{Activity, Line, Stats};
use connection::Connection;
pub(super) use connection::count;
use playout::{Heard, Playout, SAMPLES_PER_MS, key};

/// Louder than this counts as the caller's voice when the end of an utterance is looked for; the
/// noise of a quiet room is 20 dB below it.
const VOICE_DBFS: f32 = -40.0;

/// Texts remembered so that one sent twice arrives once.
const TEXTS_REMEMBERED: usize = 64;

/// Errors that are no more than the answer to a race: the response was over when its cancellation
/// arrived, or one was under way when we asked for one.
const HARMLESS: [&str; 2] = [
    "response_cancel_not_active",
    "conversation_already_has_active_response",
];

#[derive(Debug)]
pub(super) struct Live {
    pub(super) entry: Arc<AgentEntry>,
    /// The profile that it was called at.
    pub(super) profile: String,
    pub(super) connected_at: Time,
    pub(super) stats: Stats,
    connection: Connection,
    caller_speaks: bool,
    /// The caller's turn is over and no answer has begun.
    awaiting: bool,
    /// The answer that is being made, by its id.
    response: Option<String>,
    /// The answer whose audio is not wanted any more.
    cut: Option<String>,
    playout: Playout,
    /// Where the caller's current utterance began, in ms of the audio sent.
    utterance_start_ms: u64,
    /// When the caller's voice was last heard.
    voice_at: Option<Time>,
    /// When the utterance ended that an answer is due for.
    utterance_end: Option<Time>,
    samples_received: u64,
    texts: VecDeque<String>,
    /// Items that ended while the speaker was being silenced: what was heard of them comes first.
    ending: Option<Vec<Item>>,
}

impl Live {
    /// The line came up: ask the agent to speak first.
    pub(super) fn new(dialling: &Dialling, now: Time, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Send(ResponseCreate::default().into()));
        Self {
            entry: Arc::clone(&dialling.entry),
            profile: dialling.profile.clone(),
            connected_at: now,
            stats: Stats {
                connected_ms: Some(millis(now - dialling.clicked_at)),
                ..dialling.stats
            },
            connection: Connection::new(),
            caller_speaks: false,
            awaiting: true,
            response: None,
            cut: None,
            playout: Playout::default(),
            utterance_start_ms: 0,
            voice_at: None,
            utterance_end: None,
            samples_received: 0,
            texts: VecDeque::new(),
            ending: None,
        }
    }

    pub(super) fn activity(&self) -> Activity {
        if self.caller_speaks {
            Activity::Hearing
        } else if self.playout.is_heard() {
            Activity::Speaking
        } else if self.awaiting || self.response.is_some() || !self.playout.is_empty() {
            Activity::Thinking
        } else {
            Activity::Listening
        }
    }

    pub(super) fn line(&self, now: Time) -> Line {
        self.connection.line(now)
    }

    /// When the picture changes by itself.
    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        self.connection.deadline(now)
    }

    pub(super) const fn is_away(&self) -> bool {
        self.connection.is_away()
    }

    pub(super) fn set_line(&mut self, now: Time, at: Time, state: &State) {
        self.connection.update(now, at, state, &mut self.stats);
    }

    /// So much of the caller's speech waits to be sent.
    pub(super) fn waits(&mut self, waiting: Duration) {
        self.connection.waits(waiting);
    }

    pub(super) fn lose(&mut self, now: Time, gap: &Gap) {
        self.connection.lose(now, gap, &mut self.stats);
    }

    /// A line that was gone is back. What the speaker still has of an answer plays on; where the
    /// session is a new one, nothing is added to it.
    pub(super) fn back(
        &mut self,
        back: Back,
        conversation: &mut Conversation,
        effects: &mut Vec<Effect>,
    ) {
        self.connection.back(back);
        if back.resumed {
            return;
        }
        let unwanted = self.response.is_some() && self.response == self.cut;
        self.response = None;
        self.caller_speaks = false;
        for key in self.playout.leave_session() {
            effects.push(Effect::EndItem(key));
        }
        conversation.leave_session(effects);
        // An answer that the caller had interrupted is not missed.
        if back.answer_lost && !unwanted {
            self.awaiting = true;
            effects.push(Effect::Send(ResponseCreate::default().into()));
        }
    }

    pub(super) fn server(
        &mut self,
        _now: Time,
        event: ServerEvent,
        conversation: &mut Conversation,
        effects: &mut Vec<Effect>,
    ) {
        match event {
            ServerEvent::SpeechStarted(SpeechStarted {
                audio_start_ms,
                item_id,
                ..
            }) => {
                self.caller_speaks = true;
                self.utterance_start_ms = audio_start_ms;
                conversation.caller_speaks(&item_id, effects);
                self.silence_agent(effects);
            }
            ServerEvent::SpeechStopped(SpeechStopped {
                audio_end_ms,
                item_id,
                ..
            }) => {
                self.caller_speaks = false;
                self.awaiting = true;
                self.utterance_end = self.voice_at;
                let spoken = audio_end_ms.saturating_sub(self.utterance_start_ms);
                let spoken = u32::try_from(spoken).unwrap_or(u32::MAX);
                conversation.caller_spoke(&item_id, spoken, effects);
            }
            ServerEvent::ConversationItemAdded(added) => {
                conversation.added(added.previous_item_id, &added.item, effects);
            }
            ServerEvent::ConversationItemDone(done) => match &mut self.ending {
                Some(ending) => ending.push(done.item),
                None => conversation.done(&done.item, effects),
            },
            ServerEvent::InputTranscriptionDelta(text) => {
                conversation.append(&text.item_id, &text.delta, effects);
            }
            ServerEvent::InputTranscriptionCompleted(text) => {
                conversation.set_text(&text.item_id, &text.transcript, effects);
            }
            ServerEvent::ResponseCreated(created) => {
                self.awaiting = false;
                self.response = Some(created.response.id);
            }
            ServerEvent::ResponseDone(_) => {
                self.awaiting = false;
                self.response = None;
            }
            ServerEvent::OutputAudioDelta(delta) => self.audio(&delta, effects),
            ServerEvent::OutputAudioDone(done) => {
                let key = key(&done.item_id, done.content_index);
                if self.playout.complete(&key) {
                    effects.push(Effect::EndItem(key));
                }
            }
            ServerEvent::OutputAudioTranscriptDelta(text) => {
                conversation.append(&text.item_id, &text.delta, effects);
            }
            ServerEvent::OutputTextDelta(text) => {
                conversation.append(&text.item_id, &text.delta, effects);
            }
            ServerEvent::Error(error) => {
                let code = error.error.code.as_deref().unwrap_or_default();
                if !HARMLESS.contains(&code) {
                    tracing::warn!(code, message = error.error.message, "the far end complains");
                }
            }
            _ => {}
        }
    }

    /// 20 ms of the caller on their way out.
    pub(super) fn hear_caller(&mut self, now: Time, samples: &[i16], muted: bool) {
        let spoke_for = Duration::from_millis(samples.len() as u64 / SAMPLES_PER_MS);
        self.connection.hear_caller(spoke_for, muted);
        if loudness(samples) > VOICE_DBFS {
            self.voice_at = Some(now);
        }
    }

    /// The speaker plays an item's first sample.
    pub(super) fn started(&mut self, now: Time, key: &str, effects: &mut Vec<Effect>) {
        effects.extend(self.playout.start(key).map(Effect::from));
        if let Some(end) = self.utterance_end.take() {
            self.stats.answer_ms = Some(millis(now - end));
        }
    }

    /// The speaker played an item's last sample.
    pub(super) fn finished(&mut self, key: &str, effects: &mut Vec<Effect>) {
        effects.extend(self.playout.finish(key).map(Effect::from));
    }

    /// The speaker is silent: tell the far end, and the transcript, what was heard before.
    pub(super) fn flushed(
        &mut self,
        heard: Option<(&str, u64)>,
        conversation: &mut Conversation,
        effects: &mut Vec<Effect>,
    ) {
        for part in self.playout.flush(heard) {
            conversation.cut(&part.item_id, part.heard_ms, part.total_ms, effects);
            // A session that is over has nothing to be cut, and a new one was told of it in
            // writing.
            if part.of_old_session {
                continue;
            }
            effects.push(Effect::from(Heard {
                item_id: part.item_id.clone(),
                content_index: part.content_index,
                heard_ms: part.heard_ms,
            }));
            let truncate = ConversationItemTruncate {
                item_id: part.item_id,
                content_index: part.content_index,
                audio_end_ms: part.heard_ms,
                ..ConversationItemTruncate::default()
            };
            effects.push(Effect::Send(truncate.into()));
        }
        for item in self.ending.take().into_iter().flatten() {
            conversation.done(&item, effects);
        }
    }

    /// The user wants the agent to be quiet.
    pub(super) fn interrupt(&mut self, effects: &mut Vec<Effect>) {
        if self.response.is_some() && self.response != self.cut {
            effects.push(Effect::Send(ResponseCancel::default().into()));
        }
        self.silence_agent(effects);
    }

    /// The user types to the agent, which interrupts it.
    pub(super) fn send_text(
        &mut self,
        id: &str,
        text: &str,
        conversation: &mut Conversation,
        effects: &mut Vec<Effect>,
    ) {
        if text.is_empty() || self.texts.iter().any(|sent| sent == id) {
            return;
        }
        if self.texts.len() == TEXTS_REMEMBERED {
            self.texts.pop_front();
        }
        self.texts.push_back(id.to_owned());
        self.interrupt(effects);
        self.awaiting = true;
        let item = Item {
            id: id.to_owned(),
            kind: "message".to_owned(),
            role: Some("user".to_owned()),
            content: vec![ContentPart::input_text(text)],
            ..Item::default()
        };
        conversation.caller_types(&item, effects);
        let create = ConversationItemCreate {
            item,
            ..ConversationItemCreate::default()
        };
        effects.push(Effect::Send(create.into()));
        effects.push(Effect::Send(ResponseCreate::default().into()));
    }

    fn silence_agent(&mut self, effects: &mut Vec<Effect>) {
        // Audio of the answer that is still on its way is not wanted either.
        if self.response.is_some() {
            self.cut.clone_from(&self.response);
        }
        if !self.playout.is_empty() {
            effects.push(Effect::Flush);
            self.ending.get_or_insert_default();
        }
    }

    fn audio(&mut self, delta: &OutputAudioDelta, effects: &mut Vec<Effect>) {
        let pcm = match decode_pcm16(&delta.delta) {
            Ok(pcm) => pcm,
            Err(error) => return tracing::warn!("the agent's audio cannot be played: {error}"),
        };
        self.samples_received += pcm.len() as u64;
        self.stats.frames_received = u32::try_from(self.samples_received / 480).unwrap_or(u32::MAX);
        if self.cut.as_deref() == Some(&delta.response_id) {
            return;
        }
        self.playout
            .push(&delta.item_id, delta.content_index, pcm.len() as u64);
        effects.push(Effect::Play {
            item: key(&delta.item_id, delta.content_index),
            pcm,
        });
    }
}

impl From<Heard> for Effect {
    fn from(heard: Heard) -> Self {
        Self::Played {
            item_id: heard.item_id,
            content_index: heard.content_index,
            audio_end_ms: heard.heard_ms,
        }
    }
}

/// Root mean square in dBFS.
fn loudness(samples: &[i16]) -> f32 {
    let power: f32 = samples
        .iter()
        .map(|sample| f32::from(*sample).powi(2))
        .sum();
    10.0 * (power / (samples.len().max(1) as f32) / 32768.0_f32.powi(2))
        .max(1e-9)
        .log10()
}
