//! What becomes of the conversation when the line comes back, with the session there was or a new one.

use offhook_client::proto::client::{Cause, Direction};
use offhook_phone::audio::Event as Sound;
use offhook_phone::model::Effect;
use offhook_phone::{Activity, EntryStatus, Intent};
use serde_json::json;

use crate::harness::Phone;

#[test]
fn what_the_speaker_has_plays_on_and_the_same_session_adds_to_it() {
    let mut phone = Phone::hearing_the_agent();
    phone.did.clear();
    phone.line_goes(Cause::Dropped, 1, 100);
    assert_eq!(phone.activity(), Activity::Speaking);
    phone.line_is_back(true, false);
    phone.line_is(false);
    assert_eq!(phone.activity(), Activity::Speaking);
    assert!(!phone.did.contains(&Effect::Flush));
    assert!(!phone.did.contains(&Effect::EndItem("a/0".to_owned())));
    assert_eq!(phone.entry("a").status, EntryStatus::Growing);
}

#[test]
fn an_answer_that_is_lost_with_its_session_is_asked_for_again_once() {
    let mut phone = Phone::hearing_the_agent();
    phone.line_goes(Cause::ServerFault, 1, 100);
    phone.did.clear();
    phone.is_lost(Direction::Output, 400, 400);
    phone.line_is_back(false, true);
    phone.line_is(false);
    assert_eq!(phone.sent(), ["response.create"]);
    assert_eq!(phone.stats().answers_lost, 1);
    let broken = phone.entry("a");
    assert_eq!(broken.status, EntryStatus::BrokenOff);
    assert_eq!(broken.text, "one two three four");
    // What of it is here is heard to its end, and nobody waits for more.
    assert!(phone.did.contains(&Effect::EndItem("a/0".to_owned())));
    assert_eq!(phone.activity(), Activity::Speaking);
    phone.sound(Sound::Finished {
        item: "a/0".to_owned(),
    });
    assert_eq!(phone.activity(), Activity::Thinking, "until the new answer");
    phone.server(&json!({"type": "response.created", "response": {"id": "r2"}}));
    phone.server(&json!({"type": "response.done", "response": {"id": "r2"}}));
    assert_eq!(phone.activity(), Activity::Listening);
}

#[test]
fn an_answer_that_the_caller_interrupted_is_not_missed() {
    let mut phone = Phone::hearing_the_agent();
    phone.line_goes(Cause::ServerFault, 1, 100);
    phone.want(Intent::Interrupt);
    phone.sound(Sound::Flushed {
        item: Some("a/0".to_owned()),
        heard_samples: 4800,
        heard_ms: 200,
    });
    phone.did.clear();
    phone.line_is_back(false, true);
    phone.line_is(false);
    assert_eq!(phone.sent(), [""; 0]);
    assert_eq!(phone.activity(), Activity::Listening);
    assert_eq!(phone.entry("a").status, EntryStatus::Interrupted);
}

#[test]
fn what_is_left_of_an_old_session_is_cut_here_only() {
    let mut phone = Phone::hearing_the_agent();
    phone.line_goes(Cause::ServerFault, 1, 100);
    phone.line_is_back(false, true);
    phone.line_is(false);
    phone.did.clear();
    phone.want(Intent::Interrupt);
    assert!(phone.did.contains(&Effect::Flush));
    phone.sound(Sound::Flushed {
        item: Some("a/0".to_owned()),
        heard_samples: 4800,
        heard_ms: 200,
    });
    assert_eq!(phone.sent(), [""; 0], "the new session knows no such audio");
    let entry = phone.entry("a");
    assert_eq!(
        (entry.text.as_str(), entry.unheard.as_str()),
        ("one two", " three four")
    );
}

#[test]
fn an_utterance_that_two_sessions_heard_is_one_line() {
    let mut phone = Phone::live();
    let speech = |kind: &str, at: &str, ms: u64, item: &str| json!({"type": format!("input_audio_buffer.speech_{kind}"), at: ms, "item_id": item});
    phone.server(&speech("started", "audio_start_ms", 100, "c"));
    assert_eq!(phone.activity(), Activity::Hearing);
    phone.line_goes(Cause::ServerFault, 1, 100);
    phone.line_is_back(false, false);
    phone.line_is(false);
    assert_ne!(phone.activity(), Activity::Hearing);
    phone.server(&speech("started", "audio_start_ms", 20, "c2"));
    phone.server(&speech("stopped", "audio_end_ms", 1520, "c2"));
    let item = json!({"id": "c2", "type": "message", "role": "user", "status": "completed"});
    for kind in ["added", "done"] {
        phone.server(
            &json!({"type": format!("conversation.item.{kind}"), "previous_item_id": null,
            "item": item}),
        );
    }
    let lines: Vec<_> = phone.model.transcript().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].spoken_ms, Some(1500));
    assert_eq!(lines[0].status, EntryStatus::Complete);
}

#[test]
fn a_new_session_that_repeats_the_conversation_adds_nothing_to_it() {
    let mut phone = Phone::hearing_the_agent();
    phone.want(Intent::SendText {
        id: "t1".to_owned(),
        text: "hello".to_owned(),
    });
    phone.line_goes(Cause::ServerFault, 1, 100);
    phone.line_is_back(false, false);
    phone.line_is(false);
    let before: Vec<_> = phone.model.transcript().cloned().collect();
    assert_eq!(before.len(), 2, "what is typed shows at once");
    for (id, previous, role, kind, text) in [
        ("a", None, "assistant", "output_text", "one two three four"),
        ("t1", Some("a"), "user", "input_text", "hello"),
    ] {
        let item = json!({"id": id, "type": "message", "role": role, "status": "completed",
            "content": [{"type": kind, "text": text}]});
        phone.server(
            &json!({"type": "conversation.item.added", "previous_item_id": previous,
            "item": item}),
        );
    }
    let after: Vec<_> = phone.model.transcript().cloned().collect();
    assert_eq!(after, before);
}

#[test]
fn the_call_is_told_what_was_heard() {
    let mut phone = Phone::hearing_the_agent();
    let played = |phone: &Phone| {
        let played = phone.did.iter().filter_map(|effect| match effect {
            Effect::Played { audio_end_ms, .. } => Some(*audio_end_ms),
            _ => None,
        });
        played.collect::<Vec<_>>()
    };
    assert_eq!(played(&phone), [0]);
    phone.want(Intent::Interrupt);
    phone.sound(Sound::Flushed {
        item: Some("a/0".to_owned()),
        heard_samples: 4800,
        heard_ms: 200,
    });
    assert_eq!(played(&phone), [0, 200]);
    let mut phone = Phone::hearing_the_agent();
    phone.sound(Sound::Finished {
        item: "a/0".to_owned(),
    });
    assert_eq!(played(&phone), [0, 400]);
}
