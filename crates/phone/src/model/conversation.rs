//! The transcript: who said what, in which order, and how much of it was heard.

use std::collections::HashMap;

use offhook_client::proto::wire::Item;

use super::Effect;
use crate::snapshot::{EntryStatus, Message, Party, TranscriptEntry};

/// Lines kept; a call that talks for days forgets its oldest ones, not its newest.
const MAX_ENTRIES: usize = 4096;

/// The lines so far, in the order they were first seen; their own order is the `after` chain.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    entries: Vec<TranscriptEntry>,
    /// Where an item's line is; an utterance that two sessions heard has two ids and one line.
    places: HashMap<String, usize>,
    /// An utterance that broke off with its session: the next one is that one, heard again.
    unfinished: Option<usize>,
}

impl Conversation {
    pub(super) fn entries(&self) -> impl Iterator<Item = &TranscriptEntry> {
        self.entries.iter()
    }

    pub(super) fn clear(&mut self, effects: &mut Vec<Effect>) {
        if !self.entries.is_empty() {
            self.entries.clear();
            self.places.clear();
            self.unfinished = None;
            effects.push(Effect::Publish(Message::TranscriptCleared));
        }
    }

    /// The call is over, and nothing grows any more; `broken_off` if nobody wanted its end.
    pub(super) fn finish(&mut self, broken_off: bool, effects: &mut Vec<Effect>) {
        let end = if broken_off {
            EntryStatus::BrokenOff
        } else {
            EntryStatus::Interrupted
        };
        for id in self.growing() {
            self.change(&id, effects, |entry| entry.status = end);
        }
    }

    /// The session is over and the call goes on with a new one: what was being said broke off.
    pub(super) fn leave_session(&mut self, effects: &mut Vec<Effect>) {
        for id in self.growing() {
            let mut broken_off = true;
            self.change(&id, effects, |entry| {
                // What the caller said to its end the old session had.
                let said = entry.spoken_ms.is_some() || !entry.text.is_empty();
                broken_off = entry.speaker == Party::Agent || !said;
                entry.status = if broken_off {
                    EntryStatus::BrokenOff
                } else {
                    EntryStatus::Complete
                };
            });
            let place = self.places.get(&id).copied();
            let unfinished =
                place.filter(|place| broken_off && self.entries[*place].speaker == Party::Caller);
            self.unfinished = unfinished.or(self.unfinished);
        }
    }

    /// The caller begins to speak; what, is not known yet.
    pub(super) fn caller_speaks(&mut self, id: &str, effects: &mut Vec<Effect>) {
        if let Some(place) = self.unfinished.take() {
            self.places.insert(id.to_owned(), place);
            return self.change(id, effects, |entry| entry.status = EntryStatus::Growing);
        }
        let after = self.entries.last().map(|entry| entry.id.clone());
        self.insert(id, after, Party::Caller, effects);
    }

    /// The caller types.
    pub(super) fn caller_types(&mut self, item: &Item, effects: &mut Vec<Effect>) {
        let after = self.entries.last().map(|entry| entry.id.clone());
        self.added(after, item, effects);
    }

    /// The caller's utterance has this length.
    pub(super) fn caller_spoke(&mut self, id: &str, spoken_ms: u32, effects: &mut Vec<Effect>) {
        self.change(id, effects, |entry| entry.spoken_ms = Some(spoken_ms));
    }

    /// The server has this item.
    pub(super) fn added(&mut self, after: Option<String>, item: &Item, effects: &mut Vec<Effect>) {
        let Some(speaker) = party(item) else { return };
        let after = after.map(|id| match self.places.get(&id) {
            Some(place) => self.entries[*place].id.clone(),
            None => id,
        });
        if self.places.contains_key(&item.id) {
            self.change(&item.id, effects, |entry| {
                // A new session may know less of what came before than the old one did.
                if entry.status == EntryStatus::Growing {
                    entry.after = after;
                }
            });
        } else {
            self.insert(&item.id, after, speaker, effects);
        }
        let text = text(item);
        self.change(&item.id, effects, |entry| {
            if entry.text.is_empty() && entry.unheard.is_empty() {
                entry.text = text;
            }
        });
    }

    /// The server's item is final.
    pub(super) fn done(&mut self, item: &Item, effects: &mut Vec<Effect>) {
        let complete = item.status.as_deref() != Some("incomplete");
        self.change(&item.id, effects, |entry| {
            if entry.status == EntryStatus::Growing {
                entry.status = if complete {
                    EntryStatus::Complete
                } else {
                    EntryStatus::Interrupted
                };
            }
        });
    }

    /// More text of an item; what comes after the caller stopped listening was not heard.
    pub(super) fn append(&mut self, id: &str, delta: &str, effects: &mut Vec<Effect>) {
        let Some(entry) = self
            .places
            .get(id)
            .and_then(|place| self.entries.get_mut(*place))
        else {
            return;
        };
        if entry.status == EntryStatus::Interrupted {
            entry.unheard.push_str(delta);
            effects.push(Effect::Publish(Message::Transcript(entry.clone())));
        } else {
            entry.text.push_str(delta);
            let (id, delta) = (entry.id.clone(), delta.to_owned());
            effects.push(Effect::Publish(Message::TranscriptDelta { id, delta }));
        }
    }

    /// The whole text of an item is known.
    pub(super) fn set_text(&mut self, id: &str, text: &str, effects: &mut Vec<Effect>) {
        self.change(id, effects, |entry| {
            if entry.status != EntryStatus::Interrupted {
                text.clone_into(&mut entry.text);
            }
        });
    }

    /// The caller heard `heard` of `total` of an item's audio, and no more of it will be played.
    pub(super) fn cut(&mut self, id: &str, heard: u64, total: u64, effects: &mut Vec<Effect>) {
        self.change(id, effects, |entry| {
            let boundary = heard_boundary(&entry.text, heard, total);
            let unheard = entry.text.split_off(boundary);
            entry.unheard.insert_str(0, &unheard);
            entry.status = EntryStatus::Interrupted;
        });
    }

    fn growing(&self) -> Vec<String> {
        let growing = self.entries.iter();
        let growing = growing.filter(|entry| entry.status == EntryStatus::Growing);
        growing.map(|entry| entry.id.clone()).collect()
    }

    fn insert(
        &mut self,
        id: &str,
        after: Option<String>,
        speaker: Party,
        effects: &mut Vec<Effect>,
    ) {
        if self.places.contains_key(id) || self.entries.len() >= MAX_ENTRIES {
            return;
        }
        let entry = TranscriptEntry {
            id: id.to_owned(),
            after,
            speaker,
            text: String::new(),
            unheard: String::new(),
            status: EntryStatus::Growing,
            spoken_ms: None,
        };
        self.places.insert(id.to_owned(), self.entries.len());
        self.entries.push(entry.clone());
        effects.push(Effect::Publish(Message::Transcript(entry)));
    }

    fn change(
        &mut self,
        id: &str,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut TranscriptEntry),
    ) {
        let Some(entry) = self
            .places
            .get(id)
            .and_then(|place| self.entries.get_mut(*place))
        else {
            return;
        };
        let before = entry.clone();
        change(entry);
        if *entry != before {
            effects.push(Effect::Publish(Message::Transcript(entry.clone())));
        }
    }
}

/// Who says an item; none for what is not said by anyone.
fn party(item: &Item) -> Option<Party> {
    match (item.kind.as_str(), item.role.as_deref()) {
        ("message", Some("user")) => Some(Party::Caller),
        ("message", Some("assistant")) => Some(Party::Agent),
        _ => None,
    }
}

fn text(item: &Item) -> String {
    let parts = item.content.iter();
    let texts = parts.filter_map(|part| part.text.as_deref().or(part.transcript.as_deref()));
    texts.collect::<Vec<_>>().join(" ")
}

/// Where in `text` the heard part ends, if `heard` of `total` of its audio was heard: after the
/// last whole word before that share of it. Speech and text run in step closely enough for that.
fn heard_boundary(text: &str, heard: u64, total: u64) -> usize {
    if heard >= total {
        return text.len();
    }
    let characters = text.chars().count() as u64;
    let limit = characters * heard / total;
    let mut boundary = 0;
    for (count, (index, character)) in text.char_indices().enumerate() {
        if count as u64 > limit {
            break;
        }
        if character.is_whitespace() {
            boundary = index;
        }
    }
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heard_part_ends_at_a_word() {
        let text = "one two three four";
        assert_eq!(heard_boundary(text, 0, 100), 0);
        assert_eq!(heard_boundary(text, 50, 100), "one two".len());
        assert_eq!(heard_boundary(text, 80, 100), "one two three".len());
        assert_eq!(heard_boundary(text, 100, 100), text.len());
        assert_eq!(heard_boundary("größer als", 99, 100), "größer".len());
        assert_eq!(heard_boundary("", 0, 0), 0);
    }

    fn item(value: serde_json::Value) -> Item {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_two_sessions_heard_is_one_line_with_the_first_ones_place() {
        let (mut effects, mut conversation) = (Vec::new(), Conversation::default());
        conversation.caller_speaks("first", &mut effects);
        conversation.leave_session(&mut effects);
        let status = |conversation: &Conversation| conversation.entries[0].status;
        assert_eq!(status(&conversation), EntryStatus::BrokenOff);
        conversation.caller_speaks("again", &mut effects);
        assert_eq!(status(&conversation), EntryStatus::Growing);
        conversation.caller_spoke("again", 1200, &mut effects);
        let said = item(serde_json::json!({"id": "again", "type": "message", "role": "user"}));
        conversation.done(&said, &mut effects);
        let answer = item(serde_json::json!({"id": "a", "type": "message", "role": "assistant"}));
        conversation.added(Some("again".to_owned()), &answer, &mut effects);
        let lines: Vec<_> = conversation.entries().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].spoken_ms, Some(1200));
        assert_eq!(lines[0].status, EntryStatus::Complete);
        assert_eq!(lines[1].after.as_deref(), Some("first"));
    }

    #[test]
    fn an_echo_changes_nothing_of_a_line_that_is_finished() {
        let (mut effects, mut conversation) = (Vec::new(), Conversation::default());
        let first = item(
            serde_json::json!({"id": "t", "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "one"}]}),
        );
        conversation.caller_types(&first, &mut effects);
        conversation.done(&first, &mut effects);
        let answer = item(serde_json::json!({"id": "a", "type": "message", "role": "assistant"}));
        conversation.added(Some("t".to_owned()), &answer, &mut effects);
        conversation.append("a", "You said hello", &mut effects);
        conversation.cut("a", 60, 100, &mut effects);
        let before: Vec<_> = conversation.entries().cloned().collect();
        effects.clear();
        let told = item(
            serde_json::json!({"id": "a", "type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "You said hello"}]}),
        );
        conversation.added(None, &told, &mut effects);
        conversation.added(None, &first, &mut effects);
        assert_eq!(conversation.entries().cloned().collect::<Vec<_>>(), before);
        assert_eq!(effects, []);
    }

    #[test]
    fn a_cut_line_keeps_what_comes_late_apart() {
        let mut effects = Vec::new();
        let mut conversation = Conversation::default();
        let item: Item = serde_json::from_value(serde_json::json!({
            "id": "a", "type": "message", "role": "assistant", "status": "in_progress"
        }))
        .unwrap();
        conversation.added(None, &item, &mut effects);
        conversation.append("a", "You said hello", &mut effects);
        conversation.cut("a", 60, 100, &mut effects);
        conversation.append("a", " to me", &mut effects);
        let entry = conversation.entries().next().unwrap();
        assert_eq!(entry.text, "You said");
        assert_eq!(entry.unheard, " hello to me");
        assert_eq!(entry.status, EntryStatus::Interrupted);
    }
}
