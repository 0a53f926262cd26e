//! The agent's answers: their events around them, their audio in deltas.

use offhook_proto::wire::server::{
    ContentPartAdded, ContentPartDone, ConversationItemDone, OutputAudioDelta, OutputAudioDone,
    OutputAudioTranscriptDelta, OutputAudioTranscriptDone, OutputItemAdded, OutputItemDone,
    ResponseCreated, ResponseDone,
};
use offhook_proto::wire::{ContentPart, Fields, Item, Response, StatusDetails, encode_pcm16};

use super::{Spoken, Upstream};
use crate::pattern::{LONGEST_ANSWER, TAGS, write_output};
use crate::random::Random;
use crate::time::{Us, length};

#[derive(Debug)]
struct Answer {
    response_id: String,
    item_id: String,
    tag: u32,
    said: u64,
    length: u64,
    next_at: Us,
}

#[derive(Debug)]
pub(super) struct Voice {
    random: Random,
    answer: Option<Answer>,
    samples: Vec<i16>,
}

impl Voice {
    pub(super) const fn new(random: Random) -> Self {
        Self {
            random,
            answer: None,
            samples: Vec::new(),
        }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.answer.is_some()
    }

    pub(super) fn next_at(&self) -> Option<Us> {
        self.answer.as_ref().map(|answer| answer.next_at)
    }
}

impl Upstream {
    /// Begins an answer.
    pub(super) fn answer(&mut self, due: Us) {
        let due = due + self.script.think;
        let (shortest, longest) = self.script.answer;
        let length = self
            .voice
            .random
            .spread(shortest, longest.min(LONGEST_ANSWER))
            & !1;
        let response_id = self.name("resp");
        let item_id = self.name("answer");
        let response = Response {
            id: response_id.clone(),
            status: "in_progress".into(),
            ..Response::default()
        };
        self.say(
            due,
            ResponseCreated {
                response,
                extra: Fields::new(),
            },
        );
        let item = Item {
            content: Vec::new(),
            ..Item::message(&item_id, "assistant", "in_progress", ContentPart::default())
        };
        let added = OutputItemAdded {
            response_id: response_id.clone(),
            item: item.clone(),
            ..OutputItemAdded::default()
        };
        self.say(due, added);
        self.add(due, item, Some(0));
        let part = ContentPartAdded {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            part: ContentPart::output_audio(""),
            ..ContentPartAdded::default()
        };
        self.say(due, part);
        let words = OutputAudioTranscriptDelta {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            delta: format!("this is {item_id} and nothing else"),
            ..OutputAudioTranscriptDelta::default()
        };
        self.say(due, words);
        self.voice.answer = Some(Answer {
            tag: self.number.wrapping_mul(61).wrapping_add(self.names) % TAGS,
            response_id,
            item_id,
            said: 0,
            length,
            next_at: self.last_due,
        });
    }

    /// Says the next piece of the answer.
    pub(super) fn speak(&mut self, now: Us) {
        let Some(answer) = &mut self.voice.answer else {
            return;
        };
        let (from, to) = (
            answer.said,
            (answer.said + self.script.delta).min(answer.length),
        );
        write_output(&mut self.voice.samples, answer.tag, from, to - from);
        let delta = OutputAudioDelta {
            response_id: answer.response_id.clone(),
            item_id: answer.item_id.clone(),
            delta: encode_pcm16(&self.voice.samples),
            ..OutputAudioDelta::default()
        };
        let spoken = Spoken {
            tag: answer.tag,
            from,
            to,
        };
        answer.said = to;
        answer.next_at = now.max(answer.next_at) + length(to - from) / self.script.speed;
        let is_over = to == answer.length;
        let mut items = self.items.iter_mut().rev();
        if let Some(item) = items.find(|item| item.id == answer.item_id) {
            item.audio = item.audio.map(|had| had + to - from);
        }
        self.push(now, delta.into(), None, Some(spoken));
        if is_over {
            self.finish(now, "completed", None);
        }
    }

    /// Ends the answer before its time.
    pub(super) fn interrupt(&mut self, due: Us, reason: &str) {
        self.finish(due, "cancelled", Some(reason));
    }

    fn finish(&mut self, due: Us, status: &str, reason: Option<&str>) {
        let Some(answer) = self.voice.answer.take() else {
            return;
        };
        let Answer {
            response_id,
            item_id,
            ..
        } = answer;
        let done = OutputAudioDone {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            ..OutputAudioDone::default()
        };
        self.say(due, done);
        let transcript = format!("this is {item_id} and nothing else");
        let words = OutputAudioTranscriptDone {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            transcript: transcript.clone(),
            ..OutputAudioTranscriptDone::default()
        };
        self.say(due, words);
        let part = ContentPart::output_audio(&transcript);
        let part_done = ContentPartDone {
            response_id: response_id.clone(),
            item_id: item_id.clone(),
            part: part.clone(),
            ..ContentPartDone::default()
        };
        self.say(due, part_done);
        let status_of_item = if reason.is_some() {
            "incomplete"
        } else {
            status
        };
        let item = Item::message(&item_id, "assistant", status_of_item, part);
        let item_done = OutputItemDone {
            response_id: response_id.clone(),
            item: item.clone(),
            ..OutputItemDone::default()
        };
        self.say(due, item_done);
        let conversation = ConversationItemDone {
            item: item.clone(),
            ..ConversationItemDone::default()
        };
        self.say(due, conversation);
        let status_details = reason.map(|reason| StatusDetails {
            kind: status.into(),
            reason: Some(reason.into()),
            ..StatusDetails::default()
        });
        let response = Response {
            id: response_id,
            status: status.into(),
            status_details,
            output: vec![item],
            ..Response::default()
        };
        self.say(
            due,
            ResponseDone {
                response,
                extra: Fields::new(),
            },
        );
    }
}
