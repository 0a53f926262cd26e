//! Tests of what a new session is told.

use super::*;
use crate::wire::client::{ConversationItemDelete, ConversationItemTruncate};
use crate::wire::server::{
    ConversationItemAdded, InputTranscriptionCompleted, OutputAudioTranscriptDelta,
};
use alloc::format;
use alloc::string::ToString;

fn added(id: &str, role: &str, part: ContentPart, previous: Option<&str>) -> ServerEvent {
    ConversationItemAdded {
        previous_item_id: previous.map(ToString::to_string),
        item: Item::message(id, role, "completed", part),
        ..ConversationItemAdded::default()
    }
    .into()
}

fn said(id: &str, text: &str) -> ServerEvent {
    OutputAudioTranscriptDelta {
        item_id: id.into(),
        delta: text.into(),
        ..OutputAudioTranscriptDelta::default()
    }
    .into()
}

fn told(history: &History) -> Vec<(String, String)> {
    let events = history.tell();
    let items = events.iter().map(|event| match event {
        ClientEvent::ConversationItemCreate(create) => &create.item,
        other => panic!("{other:?}"),
    });
    items
        .map(|item| {
            let text = item.content[0].text.clone().unwrap();
            (item.id.clone(), format!("{}: {text}", item.content[0].kind))
        })
        .collect()
}

fn pair(id: &str, text: &str) -> (String, String) {
    (id.into(), text.into())
}

#[test]
fn what_was_said_is_told_as_text_in_order_with_its_ids() {
    let mut history = History::default();
    history.hear(&added(
        "b",
        "assistant",
        ContentPart::output_audio(""),
        None,
    ));
    history.hear(&said("b", "Hello"));
    history.hear(&said("b", " there"));
    history.hear(&added("c", "user", ContentPart::input_audio(), Some("b")));
    history.note(
        &ConversationItemCreate {
            item: Item::message("d", "user", "completed", ContentPart::input_text("Hi")),
            ..ConversationItemCreate::default()
        }
        .into(),
    );
    // Nobody knows what was said in "c" yet.
    let expected = [
        pair("b", "output_text: Hello there"),
        pair("d", "input_text: Hi"),
    ];
    assert_eq!(told(&history), expected);
    history.hear(
        &InputTranscriptionCompleted {
            item_id: "c".into(),
            transcript: "Good day".into(),
            ..InputTranscriptionCompleted::default()
        }
        .into(),
    );
    assert_eq!(told(&history)[1], pair("c", "input_text: Good day"));
    history.note(
        &ConversationItemDelete {
            item_id: "b".into(),
            ..ConversationItemDelete::default()
        }
        .into(),
    );
    assert_eq!(told(&history)[0], pair("c", "input_text: Good day"));
}

#[test]
fn what_was_not_heard_is_not_told() {
    let mut history = History::default();
    history.hear(&added(
        "a",
        "assistant",
        ContentPart::output_audio(""),
        None,
    ));
    history.hear(&said("a", "one two three four"));
    history.count("a", 24_000);
    history.note(
        &ConversationItemTruncate {
            item_id: "a".into(),
            audio_end_ms: 500,
            ..ConversationItemTruncate::default()
        }
        .into(),
    );
    assert_eq!(told(&history), [pair("a", "output_text: one two")]);
}

#[test]
fn memory_has_a_bound() {
    let mut history = History::default();
    for index in 0..1000 {
        let part = ContentPart::input_text(&"x".repeat(2000));
        history.hear(&added(&index.to_string(), "user", part, None));
    }
    assert!(history.items.len() <= ITEMS && history.text <= TEXT);
    assert!(history.has("999") && !history.has("0"));
    let text: usize = history.items.iter().map(|known| known.words.len()).sum();
    assert_eq!(text, history.text);
}
