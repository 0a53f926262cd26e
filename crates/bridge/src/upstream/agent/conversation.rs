//! The items of a conversation, as the agent remembers them: the last ones, without their audio.

use std::collections::VecDeque;

use offhook_proto::wire::Item;
use offhook_proto::wire::client::ConversationItemTruncate;

use super::fault::Fault;

/// How many items are remembered; the agent itself looks at the last message only.
const ITEMS: usize = 128;
/// The `previous_item_id` of the first place.
pub(super) const ROOT: &str = "root";

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

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_proto::wire::ContentPart;

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
}
