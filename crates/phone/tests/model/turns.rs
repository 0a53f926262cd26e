//! Who speaks, who is interrupted, what was heard and what stands in the transcript.

use offhook_client::proto::wire::{ClientEvent, encode_pcm16};
use offhook_phone::audio::Event as Sound;
use offhook_phone::model::Effect;
use offhook_phone::{Activity, Call, EntryStatus, Intent, Party};
use serde_json::json;

use crate::harness::Phone;

#[test]
fn the_agents_voice_goes_to_the_speaker_and_its_words_to_the_transcript() {
    let mut phone = Phone::hearing_the_agent();
    assert_eq!(phone.activity(), Activity::Speaking);
    let played = phone.did.iter().any(
        |effect| matches!(effect, Effect::Play { item, pcm } if item == "a/0" && pcm.len() == 9600),
    );
    assert!(played);
    assert_eq!(phone.entry("a").text, "one two three four");
    phone.server(
        &json!({"type": "response.output_audio.done", "response_id": "r", "item_id": "a",
        "output_index": 0, "content_index": 0}),
    );
    phone.server(
        &json!({"type": "conversation.item.done", "item": {"id": "a", "type": "message",
        "role": "assistant", "status": "completed"}}),
    );
    phone.server(&json!({"type": "response.done", "response": {"id": "r", "status": "completed"}}));
    assert_eq!(
        phone.activity(),
        Activity::Speaking,
        "until it has been heard"
    );
    phone.sound(Sound::Finished {
        item: "a/0".to_owned(),
    });
    assert_eq!(phone.activity(), Activity::Listening);
    assert_eq!(phone.entry("a").status, EntryStatus::Complete);
    assert!(!phone.did.contains(&Effect::Flush));
}

#[test]
fn a_caller_who_speaks_silences_the_agent_and_says_what_was_heard() {
    let mut phone = Phone::hearing_the_agent();
    phone.server(
        &json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100,
        "item_id": "c"}),
    );
    assert!(phone.did.contains(&Effect::Flush));
    assert_eq!(phone.activity(), Activity::Hearing);
    phone.did.clear();
    phone.sound(Sound::Flushed {
        item: Some("a/0".to_owned()),
        heard_samples: 4900,
        heard_ms: 204,
    });
    let truncates: Vec<_> = phone
        .did
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(ClientEvent::ConversationItemTruncate(truncate)) => Some(truncate),
            _ => None,
        })
        .collect();
    assert_eq!(truncates.len(), 1);
    assert_eq!(
        (truncates[0].item_id.as_str(), truncates[0].audio_end_ms),
        ("a", 204)
    );
    let entry = phone.entry("a");
    assert_eq!(
        (entry.text.as_str(), entry.unheard.as_str()),
        ("one two", " three four")
    );
    assert_eq!(entry.status, EntryStatus::Interrupted);
}

#[test]
fn audio_of_an_interrupted_answer_that_comes_late_is_not_played() {
    let mut phone = Phone::hearing_the_agent();
    phone.want(Intent::Interrupt);
    assert!(phone.sent().contains(&"response.cancel"));
    phone.sound(Sound::Flushed {
        item: None,
        heard_samples: 0,
        heard_ms: 0,
    });
    phone.did.clear();
    phone.server(
        &json!({"type": "response.output_audio.delta", "response_id": "r", "item_id": "a",
        "output_index": 0, "content_index": 0, "delta": encode_pcm16(&[7; 480])}),
    );
    assert!(
        !phone
            .did
            .iter()
            .any(|effect| matches!(effect, Effect::Play { .. }))
    );
    phone.want(Intent::Interrupt);
    assert_eq!(phone.sent(), [""; 0], "interrupting twice cancels once");
    phone.server(&json!({"type": "response.done", "response": {"id": "r", "status": "cancelled"}}));
    assert_eq!(phone.activity(), Activity::Listening);
}

#[test]
fn the_answers_delay_counts_from_the_callers_last_sound_to_the_speaker() {
    let mut phone = Phone::live();
    phone.caller_says(4000, 10);
    phone.caller_says(2, 25);
    phone.server(
        &json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 700,
        "item_id": "c"}),
    );
    assert_eq!(phone.activity(), Activity::Thinking);
    phone.wait(40);
    phone.sound(Sound::Started {
        item: "a/0".to_owned(),
    });
    let Call::Live { stats, .. } = phone.snapshot().call else {
        panic!("live")
    };
    assert_eq!(stats.answer_ms, Some(25 * 20 + 40));
    assert_eq!(stats.frames_sent, 35);
}

#[test]
fn the_callers_turn_stands_in_the_transcript_with_its_length() {
    let mut phone = Phone::live();
    phone.server(
        &json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100,
        "item_id": "c"}),
    );
    phone.server(
        &json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1600,
        "item_id": "c"}),
    );
    let item = json!({"id": "c", "type": "message", "role": "user", "status": "completed",
        "content": [{"type": "input_audio", "transcript": null}]});
    phone.server(
        &json!({"type": "conversation.item.added", "previous_item_id": null,
        "item": item}),
    );
    phone.server(
        &json!({"type": "conversation.item.done", "previous_item_id": null,
        "item": item}),
    );
    let entry = phone.entry("c");
    assert_eq!(
        (entry.speaker, entry.spoken_ms),
        (Party::Caller, Some(1500))
    );
    assert_eq!(entry.status, EntryStatus::Complete);
}

#[test]
fn a_text_is_sent_once_and_interrupts() {
    let mut phone = Phone::hearing_the_agent();
    phone.did.clear();
    for _ in 0..2 {
        phone.want(Intent::SendText {
            id: "t1".to_owned(),
            text: " hello ".to_owned(),
        });
    }
    assert_eq!(
        phone.sent(),
        [
            "response.cancel",
            "conversation.item.create",
            "response.create"
        ]
    );
    phone.want(Intent::SendText {
        id: "t2".to_owned(),
        text: "  ".to_owned(),
    });
    assert_eq!(phone.sent().len(), 3, "nothing is not a text");
}
