//! The items of a conversation, as the agent remembers them: the last ones, without their audio.

use std::collections::VecDeque;

use offhook_proto::wire::client::ConversationItemTruncate;
use offhook_proto::wire::{ContentPart, Item, decode_pcm16};

use super::fault::Fault;
use super::input::CAPACITY;
use super::script::Message;

/// How many items are remembered; the agent itself looks at the last message only.
const ITEMS: usize = 128;
/// The longest text of an item, in bytes.
const TEXT: usize = 32 * 1024;
/// The longest id a client may choose, in bytes.
const ID: usize = 64;
/// The `previous_item_id` of the first place.
const ROOT: &str = "root";

/// The items, oldest first.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    /// What was sent of the agent's speech, in ms; none where the agent did not speak it.
    spoken_ms: Option<u64>,
    /// Whether the client cut it, which takes the transcript away.
    truncated: bool,
}

impl Conversation {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The id of the last item.
    pub(super) fn last(&self) -> Option<String> {
        self.entries.back().map(|entry| entry.item.id.clone())
    }

    /// Adds an item at the end; returns the one before it.
    pub(super) fn push(&mut self, item: Item) -> Option<String> {
        let previous = self.last();
        self.insert(self.entries.len(), item);
        previous
    }

    /// Adds an item after another one, or at the end; returns the one before it.
    pub(super) fn add(&mut self, after: Option<&str>, item: Item) -> Result<Option<String>, Fault> {
        if self.entries.iter().any(|entry| entry.item.id == item.id) {
            let message = format!("There is an item \"{}\" already.", item.id);
            return Err(Fault::value("item.id", &message));
        }
        match after {
            None => Ok(self.push(item)),
            Some(ROOT) => {
                self.insert(0, item);
                Ok(None)
            }
            Some(after) => {
                let missing = || {
                    let message = format!("There is no item \"{after}\" to put this one after.");
                    Fault::value("previous_item_id", &message)
                };
                let place = self.place(after).ok_or_else(missing)?;
                self.insert(place + 1, item);
                Ok(Some(after.into()))
            }
        }
    }

    fn insert(&mut self, place: usize, item: Item) {
        let entry = Entry {
            item,
            spoken_ms: None,
            truncated: false,
        };
        self.entries.insert(place, entry);
        if self.entries.len() > ITEMS {
            self.entries.pop_front();
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        Some(&self.entries[self.place(id)?].item)
    }

    pub(super) fn remove(&mut self, id: &str) -> bool {
        let place = self.place(id);
        place.is_some_and(|place| self.entries.remove(place).is_some())
    }

    /// Notes how much of an item's speech was sent.
    pub(super) fn spoke(&mut self, id: &str, ms: u64) {
        if let Some(place) = self.place(id) {
            self.entries[place].spoken_ms = Some(ms);
        }
    }

    /// Puts the final form of an item in its place, if it is still there.
    pub(super) fn finish(&mut self, item: &Item) {
        if let Some(place) = self.place(&item.id) {
            let entry = &mut self.entries[place];
            entry.item = item.clone();
            if entry.truncated {
                erase(&mut entry.item);
            }
        }
    }

    /// Cuts the agent's speech to what was heard, and erases its text, as nobody knows where in
    /// the text the cut is.
    pub(super) fn truncate(&mut self, cut: &ConversationItemTruncate) -> Result<(), Fault> {
        let missing = || {
            let message = format!("There is no item \"{}\" to truncate.", cut.item_id);
            Fault::new("item_truncate_invalid_item_id", &message).at("item_id")
        };
        let place = self.place(&cut.item_id).ok_or_else(missing)?;
        let entry = &mut self.entries[place];
        let Some(spoken_ms) = entry.spoken_ms else {
            let message = "Only speech of the agent can be truncated.";
            return Err(Fault::value("item_id", message));
        };
        if cut.content_index != 0 {
            let message = format!("The item has no part {}.", cut.content_index);
            return Err(Fault::value("content_index", &message));
        }
        if cut.audio_end_ms > spoken_ms {
            let message = format!(
                "The item has {spoken_ms} ms of audio, which cannot be cut to {} ms.",
                cut.audio_end_ms
            );
            return Err(Fault::value("audio_end_ms", &message));
        }
        entry.spoken_ms = Some(cut.audio_end_ms);
        entry.truncated = true;
        erase(&mut entry.item);
        Ok(())
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.item.id == id)
    }
}

fn erase(item: &mut Item) {
    for part in &mut item.content {
        part.transcript = None;
    }
}

/// Reads an item a client wants to add: the item as it is kept, and the message in it, if it is
/// the caller's. `id` is for an item without one.
pub(super) fn read(mut item: Item, id: String) -> Result<(Item, Option<Message>), Fault> {
    if item.kind != "message" {
        let message = "The built-in agent has no functions; items are of the type \"message\".";
        return Err(Fault::value("item.type", message));
    }
    if item.id.len() > ID || item.id == ROOT {
        let message = "An item's id has at most 64 characters and is not \"root\".";
        return Err(Fault::value("item.id", message));
    }
    if item.id.is_empty() {
        item.id = id;
    }
    let role = match item.role.as_deref() {
        Some(role @ ("user" | "system" | "assistant")) => role.to_owned(),
        Some(_) => {
            let message = "A role is \"user\", \"assistant\" or \"system\".";
            return Err(Fault::value("item.role", message));
        }
        None => return Err(Fault::missing("item.role")),
    };
    let (mut text, mut audio) = (String::new(), Vec::new());
    let mut kept = Vec::new();
    for (place, part) in item.content.into_iter().enumerate() {
        let param = |field: &str| format!("item.content[{place}].{field}");
        match (role.as_str(), part.kind.as_str()) {
            ("user" | "system", "input_text") | ("assistant", "output_text") => {
                let said = part.text.ok_or_else(|| Fault::missing(&param("text")))?;
                if text.len() + said.len() > TEXT {
                    let message = "An item has at most 32 KiB of text.";
                    return Err(Fault::value(&param("text"), message));
                }
                text.push_str(&said);
                kept.push(ContentPart {
                    kind: part.kind,
                    text: Some(said),
                    ..ContentPart::default()
                });
            }
            ("user", "input_audio") => {
                let encoded = part.extra.get("audio").and_then(|audio| audio.as_str());
                let encoded = encoded.ok_or_else(|| Fault::missing(&param("audio")))?;
                let samples = decode_pcm16(encoded)
                    .map_err(|error| Fault::value(&param("audio"), &sentence(&error)))?;
                if audio.len() + samples.len() > CAPACITY {
                    let message = "An item has at most 60 s of audio.";
                    return Err(Fault::value(&param("audio"), message));
                }
                audio.extend(samples);
                kept.push(ContentPart::input_audio());
            }
            _ => {
                let message = "Parts are \"input_text\" or, of the user, \"input_audio\"; of the \
                               assistant, \"output_text\".";
                return Err(Fault::value(&param("type"), message));
            }
        }
    }
    if kept.is_empty() {
        return Err(Fault::missing("item.content"));
    }
    let message = match role.as_str() {
        "user" if !audio.is_empty() => Some(Message::Spoken(audio)),
        "user" => Some(Message::Typed(text)),
        _ => None,
    };
    let item = Item {
        id: item.id,
        kind: item.kind,
        status: Some("completed".into()),
        role: Some(role),
        content: kept,
        ..Item::default()
    };
    Ok((item, message))
}

/// An error's text as a sentence of its own.
pub(super) fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(id: &str) -> Item {
        Item::message(id, "user", "completed", ContentPart::input_text("Hello"))
    }

    #[test]
    fn items_have_their_place() {
        let mut conversation = Conversation::default();
        let mut add = |after, id| conversation.add(after, typed(id)).ok();
        assert_eq!(add(None, "a"), Some(None));
        assert_eq!(add(None, "c"), Some(Some("a".into())));
        assert_eq!(add(Some("a"), "b"), Some(Some("a".into())));
        assert_eq!(add(Some(ROOT), "0"), Some(None));
        assert_eq!(add(Some("x"), "d"), None);
        assert_eq!(add(None, "a"), None);
        let ids: Vec<_> = conversation.entries.iter().map(|e| &*e.item.id).collect();
        assert_eq!(ids, ["0", "a", "b", "c"]);
        assert!(conversation.remove("b") && !conversation.remove("b"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut conversation = Conversation::default();
        for n in 0..1000 {
            conversation.push(typed(&n.to_string()));
        }
        assert_eq!(conversation.entries.len(), ITEMS);
        assert_eq!(conversation.last().as_deref(), Some("999"));
        let mut long = typed("long");
        long.content[0].text = Some("x".repeat(TEXT + 1));
        assert!(read(long, String::new()).is_err());
    }

    #[test]
    fn only_what_the_agent_said_can_be_truncated_and_not_beyond_it() {
        let mut conversation = Conversation::default();
        conversation.push(typed("user"));
        let part = ContentPart::output_audio("Hello there");
        conversation.push(Item::message("agent", "assistant", "completed", part));
        conversation.spoke("agent", 1000);
        let mut truncate = |item_id: &str, content_index, audio_end_ms| {
            let cut = ConversationItemTruncate {
                item_id: item_id.into(),
                content_index,
                audio_end_ms,
                ..ConversationItemTruncate::default()
            };
            conversation
                .truncate(&cut)
                .map_err(|fault| fault.code_and_param().1.unwrap().to_owned())
        };
        assert_eq!(truncate("agent", 0, 1001), Err("audio_end_ms".into()));
        assert_eq!(truncate("agent", 1, 500), Err("content_index".into()));
        assert_eq!(truncate("user", 0, 0), Err("item_id".into()));
        assert_eq!(truncate("nobody", 0, 0), Err("item_id".into()));
        assert_eq!(truncate("agent", 0, 500), Ok(()));
        assert_eq!(truncate("agent", 0, 501), Err("audio_end_ms".into()));
        let item = conversation.get("agent").unwrap();
        assert_eq!(item.content[0].transcript, None);
    }

    #[test]
    fn items_are_read_or_refused_by_name() {
        let refused = |item: Item| {
            let fault = read(item, "item_1".into()).unwrap_err();
            fault.code_and_param().1.unwrap().to_owned()
        };
        let mut item = typed("");
        item.kind = "function_call".into();
        assert_eq!(refused(item), "item.type");
        let mut item = typed("");
        item.role = None;
        assert_eq!(refused(item), "item.role");
        let mut item = typed("");
        item.content[0].kind = "input_image".into();
        assert_eq!(refused(item), "item.content[0].type");
        let mut item = typed("");
        item.content = vec![ContentPart::input_audio()];
        assert_eq!(refused(item.clone()), "item.content[0].audio");
        item.content[0].extra.insert("audio".into(), "AQA=".into());
        let (item, message) = read(item, "item_1".into()).unwrap();
        assert_eq!(item.id, "item_1");
        assert!(matches!(message, Some(Message::Spoken(audio)) if audio == [1]));
    }
}
