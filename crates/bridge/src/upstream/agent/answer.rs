//! One response of the agent, from `response.created` to `response.done`.

use std::time::Duration;

use offhook_proto::Time;
use offhook_proto::wire::server::{
    ContentPartAdded, ContentPartDone, ConversationItemAdded, ConversationItemDone,
    OutputAudioDelta, OutputAudioDone, OutputAudioTranscriptDelta, OutputAudioTranscriptDone,
    OutputItemAdded, OutputItemDone, ResponseCreated, ResponseDone,
};
use offhook_proto::wire::{ContentPart, Item, Response, ServerEvent, StatusDetails, encode_pcm16};
use serde_json::json;

use super::prompts::RATE;
use super::script::Script;

/// Samples of one audio delta: 100 ms.
const CHUNK: usize = RATE as usize / 10;
/// The time between two of them: an eighth of what they last.
const PACE: Duration = Duration::from_micros(12_500);

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    /// The caller spoke.
    TurnDetected,
    /// The client said so.
    ClientCancelled,
}

/// A response in progress: one message with one part, which is speech.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
    item_id: String,
    previous_item_id: Option<String>,
    script: Script,
    /// Samples sent.
    sent: usize,
    /// What was sent of the text.
    transcript: String,
    due: Time,
}

impl Answer {
    pub(super) fn new(
        now: Time,
        response: Response,
        item_id: String,
        previous_item_id: Option<String>,
        script: Script,
    ) -> Self {
        Self {
            response,
            item_id,
            previous_item_id,
            script,
            sent: 0,
            transcript: String::new(),
            due: now,
        }
    }

    pub(super) fn response_id(&self) -> &str {
        &self.response.id
    }

    pub(super) fn item_id(&self) -> &str {
        &self.item_id
    }

    /// When to call [`Self::speak`] next.
    pub(super) fn due(&self) -> Time {
        self.due
    }

    /// The audio sent so far, in ms.
    pub(super) fn sent_ms(&self) -> u64 {
        self.sent as u64 * 1000 / RATE
    }

    pub(super) fn is_over(&self) -> bool {
        self.sent == self.script.samples.len()
    }

    /// The item as it is now; without its part until it is final.
    pub(super) fn item(&self, status: &str) -> Item {
        let part = ContentPart::output_audio(&self.transcript);
        let mut item = Item::message(&self.item_id, "assistant", status, part);
        if status == "in_progress" {
            item.content.clear();
            // The official SDKs' types have the list in every message, be it empty.
            item.extra.insert("content".into(), json!([]));
        }
        item
    }

    /// The events that announce the response.
    pub(super) fn announce(&self) -> [ServerEvent; 4] {
        let item = self.item("in_progress");
        [
            ResponseCreated {
                response: self.response.clone(),
                ..ResponseCreated::default()
            }
            .into(),
            OutputItemAdded {
                response_id: self.response.id.clone(),
                item: item.clone(),
                ..OutputItemAdded::default()
            }
            .into(),
            ConversationItemAdded {
                previous_item_id: self.previous_item_id.clone(),
                item,
                ..ConversationItemAdded::default()
            }
            .into(),
            ContentPartAdded {
                response_id: self.response.id.clone(),
                item_id: self.item_id.clone(),
                part: self.part(),
                ..ContentPartAdded::default()
            }
            .into(),
        ]
    }

    /// The next 100 ms, with the words in them first.
    pub(super) fn speak(&mut self, now: Time) -> Vec<ServerEvent> {
        let end = (self.sent + CHUNK).min(self.script.samples.len());
        let mut events = Vec::new();
        while let Some(word) = self.script.next_word(end) {
            self.transcript.push_str(word);
            let delta = OutputAudioTranscriptDelta {
                response_id: self.response.id.clone(),
                item_id: self.item_id.clone(),
                delta: word.to_owned(),
                ..OutputAudioTranscriptDelta::default()
            };
            events.push(delta.into());
        }
        let delta = OutputAudioDelta {
            response_id: self.response.id.clone(),
            item_id: self.item_id.clone(),
            delta: encode_pcm16(&self.script.samples[self.sent..end]),
            ..OutputAudioDelta::default()
        };
        events.push(delta.into());
        self.sent = end;
        // A late call does not make the next one early: what piles up stays one piece.
        self.due = (self.due + PACE).max(now);
        events
    }

    /// The events that end the response.
    pub(super) fn finish(mut self, outcome: Outcome) -> (Item, [ServerEvent; 6]) {
        let (status, reason) = match outcome {
            Outcome::Completed => ("completed", None),
            Outcome::TurnDetected => ("cancelled", Some("turn_detected")),
            Outcome::ClientCancelled => ("cancelled", Some("client_cancelled")),
        };
        let whole = if reason.is_none() {
            "completed"
        } else {
            "incomplete"
        };
        let item = self.item(whole);
        self.response.status = status.into();
        self.response.status_details = reason.map(|reason| StatusDetails {
            kind: status.into(),
            reason: Some(reason.into()),
            ..StatusDetails::default()
        });
        self.response.output = vec![item.clone()];
        self.response.extra.insert("usage".into(), no_tokens());
        let response_id = self.response.id.clone();
        let events = [
            OutputAudioDone {
                response_id: response_id.clone(),
                item_id: self.item_id.clone(),
                ..OutputAudioDone::default()
            }
            .into(),
            OutputAudioTranscriptDone {
                response_id: response_id.clone(),
                item_id: self.item_id.clone(),
                transcript: self.transcript.clone(),
                ..OutputAudioTranscriptDone::default()
            }
            .into(),
            ContentPartDone {
                response_id: response_id.clone(),
                item_id: self.item_id.clone(),
                part: self.part(),
                ..ContentPartDone::default()
            }
            .into(),
            ConversationItemDone {
                previous_item_id: self.previous_item_id,
                item: item.clone(),
                ..ConversationItemDone::default()
            }
            .into(),
            OutputItemDone {
                response_id,
                item: item.clone(),
                ..OutputItemDone::default()
            }
            .into(),
            ResponseDone {
                response: self.response,
                ..ResponseDone::default()
            }
            .into(),
        ];
        (item, events)
    }

    /// The part, which events about it call `audio` where the item says `output_audio`.
    fn part(&self) -> ContentPart {
        ContentPart {
            kind: "audio".into(),
            ..ContentPart::output_audio(&self.transcript)
        }
    }
}

/// The usage of an agent without a model.
fn no_tokens() -> serde_json::Value {
    json!({
        "total_tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "input_token_details": { "text_tokens": 0, "audio_tokens": 0, "cached_tokens": 0 },
        "output_token_details": { "text_tokens": 0, "audio_tokens": 0 },
    })
}
