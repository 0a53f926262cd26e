//! The conversation so far, as a new session has to be told it: texts, with their ids.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::client::ConversationItemCreate;
use crate::wire::{ClientEvent, ContentPart, Item, ServerEvent};

/// More items than this, or more text, and the oldest are forgotten.
const ITEMS: usize = 256;
const TEXT: usize = 256 << 10;

/// What was said by whom, in order.
#[derive(Debug, Default)]
pub(super) struct History {
    items: VecDeque<Known>,
    text: usize,
}

#[derive(Debug)]
struct Known {
    item: Item,
    /// What is said in it, as far as it is known: for messages.
    words: String,
    /// Samples of its audio that came.
    samples: u64,
}

impl History {
    /// Takes in what the server says.
    pub(super) fn hear(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::ConversationItemAdded(added) => {
                self.put(&added.item, added.previous_item_id.as_deref());
            }
            ServerEvent::ConversationItemDone(done) => {
                self.put(&done.item, done.previous_item_id.as_deref());
            }
            ServerEvent::InputTranscriptionCompleted(text) => {
                self.say(&text.item_id, |words| words.clone_from(&text.transcript));
            }
            ServerEvent::OutputAudioTranscriptDelta(text) => {
                self.say(&text.item_id, |words| words.push_str(&text.delta));
            }
            ServerEvent::OutputAudioTranscriptDone(text) => {
                self.say(&text.item_id, |words| words.clone_from(&text.transcript));
            }
            ServerEvent::OutputTextDelta(text) => {
                self.say(&text.item_id, |words| words.push_str(&text.delta));
            }
            ServerEvent::OutputTextDone(text) => {
                self.say(&text.item_id, |words| words.clone_from(&text.text));
            }
            ServerEvent::ConversationItemDeleted(deleted) => self.delete(&deleted.item_id),
            _ => {}
        }
    }

    /// Takes in what the caller does.
    pub(super) fn note(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::ConversationItemCreate(create) => {
                self.put(&create.item, create.previous_item_id.as_deref());
            }
            ClientEvent::ConversationItemDelete(delete) => self.delete(&delete.item_id),
            ClientEvent::ConversationItemTruncate(cut) => {
                self.cut(&cut.item_id, cut.audio_end_ms.saturating_mul(24));
            }
            _ => {}
        }
    }

    /// So many samples of an item's audio came.
    pub(super) fn count(&mut self, item_id: &str, samples: u64) {
        if let Some(known) = self.find(item_id) {
            known.samples += samples;
        }
    }

    /// How much of an item's audio came, in samples.
    pub(super) fn samples(&mut self, item_id: &str) -> u64 {
        self.find(item_id).map_or(0, |known| known.samples)
    }

    /// Whether an item is known.
    pub(super) fn has(&self, item_id: &str) -> bool {
        self.items.iter().any(|known| known.item.id == item_id)
    }

    /// What tells a new session the conversation. Audio that was never transcribed cannot be told.
    pub(super) fn tell(&self) -> Vec<ClientEvent> {
        let items = self.items.iter().filter_map(Known::to_tell);
        items
            .map(|item| {
                ConversationItemCreate {
                    item,
                    ..ConversationItemCreate::default()
                }
                .into()
            })
            .collect()
    }

    fn put(&mut self, item: &Item, previous: Option<&str>) {
        if item.id.is_empty() {
            return;
        }
        if let Some(known) = self.find(&item.id) {
            if known.words.is_empty() {
                let words = words(item);
                known.words.clone_from(&words);
                self.text += words.len();
            }
            return;
        }
        let words = words(item);
        self.text += words.len();
        let mut item = item.clone();
        if item.kind == "message" {
            // Its words are kept apart, and may hold audio.
            item.content.clear();
        }
        let known = Known {
            item,
            words,
            samples: 0,
        };
        let after = previous.and_then(|previous| {
            let mut ids = self.items.iter().map(|known| known.item.id.as_str());
            ids.position(|id| id == previous)
        });
        match after {
            Some(index) => self.items.insert(index + 1, known),
            None => self.items.push_back(known),
        }
        self.forget();
    }

    fn say(&mut self, item_id: &str, change: impl FnOnce(&mut String)) {
        if let Some(known) = self.find(item_id) {
            let before = known.words.len();
            change(&mut known.words);
            let after = known.words.len();
            self.text = self.text + after - before;
            self.forget();
        }
    }

    /// Of an item's words only so many are kept as were heard, by the time they took.
    fn cut(&mut self, item_id: &str, heard: u64) {
        let Some(known) = self.find(item_id) else {
            return;
        };
        let (samples, length) = (known.samples, known.words.len());
        if samples == 0 || heard >= samples {
            return;
        }
        let mut end = usize::try_from(length as u64 * heard / samples).unwrap_or(length);
        while !known.words.is_char_boundary(end) {
            end -= 1;
        }
        // Half a word was not heard.
        let end = match known.words[..end].rfind(' ') {
            Some(space) if known.words[end..].starts_with(|c: char| c != ' ') => space,
            _ => end,
        };
        known.words.truncate(end);
        known.samples = heard;
        self.text -= length - end;
    }

    fn delete(&mut self, item_id: &str) {
        if let Some(index) = self.items.iter().position(|known| known.item.id == item_id)
            && let Some(known) = self.items.remove(index)
        {
            self.text -= known.words.len();
        }
    }

    fn forget(&mut self) {
        while self.items.len() > ITEMS || (self.text > TEXT && self.items.len() > 1) {
            if let Some(oldest) = self.items.pop_front() {
                self.text -= oldest.words.len();
            }
        }
    }

    fn find(&mut self, item_id: &str) -> Option<&mut Known> {
        // What is asked for is nearly always the newest.
        self.items
            .iter_mut()
            .rev()
            .find(|known| known.item.id == item_id)
    }
}

impl Known {
    fn to_tell(&self) -> Option<Item> {
        let mut item = Item {
            status: None,
            ..self.item.clone()
        };
        item.extra.remove("object");
        if item.kind != "message" {
            return Some(item);
        }
        if self.words.is_empty() {
            return None;
        }
        let kind = match item.role.as_deref() {
            Some("assistant") => "output_text",
            _ => "input_text",
        };
        item.content.push(ContentPart {
            kind: kind.into(),
            text: Some(self.words.clone()),
            ..ContentPart::default()
        });
        Some(item)
    }
}

/// What a message says, in writing.
fn words(item: &Item) -> String {
    let parts = item.content.iter();
    let texts = parts.filter_map(|part| part.text.as_deref().or(part.transcript.as_deref()));
    let mut words = String::new();
    for text in texts.filter(|text| !text.is_empty()) {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(text);
    }
    words
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
