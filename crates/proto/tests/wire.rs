//! Events keep what they carry: known ones, unknown ones, and unknown fields of known ones.

use offhook_proto::wire::{ClientEvent, DecodeError, Envelope, ServerEvent};
use serde_json::{Value, json};

fn server_round_trip(event: &Value) -> ServerEvent {
    let envelope = Envelope::<ServerEvent>::decode(&event.to_string()).expect("it is an event");
    let again: Value = serde_json::from_str(&envelope.encode()).expect("we write JSON");
    assert_eq!(*event, again);
    envelope.event
}

#[test]
fn events_come_out_as_they_went_in() {
    let item = json!({
        "id": "item_1", "object": "realtime.item", "type": "message", "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "Hi", "format": {"type": "audio/pcm"}}],
    });
    let events = [
        json!({"type": "session.created", "event_id": "event_1",
               "session": {"type": "realtime", "id": "sess_1", "expires_at": 1_756_324_832}}),
        json!({"type": "conversation.item.added", "event_id": "event_2",
               "previous_item_id": null, "item": item}),
        json!({"type": "response.done", "event_id": "event_3", "response": {
            "object": "realtime.response", "id": "resp_1", "status": "cancelled",
            "status_details": {"type": "cancelled", "reason": "turn_detected"},
            "output": [item], "usage": {"total_tokens": 253}, "metadata": null}}),
        json!({"type": "response.output_audio.delta", "event_id": "event_4", "seq": 17,
               "response_id": "resp_1", "item_id": "item_1", "output_index": 0,
               "content_index": 0, "delta": "AAA=", "obfuscation": "x"}),
        json!({"type": "error", "event_id": "event_5", "error": {
            "type": "invalid_request_error", "code": "invalid_event", "message": "No.",
            "param": null, "event_id": "event_0", "hint": {"a": [1, 2]}}}),
        json!({"type": "rate_limits.updated", "event_id": "event_6",
               "rate_limits": [{"name": "requests", "limit": 1000, "reset_seconds": 0.5}]}),
    ];
    let kinds: Vec<_> = events
        .iter()
        .map(|event| server_round_trip(event).kind().to_owned())
        .collect();
    let expected: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, expected);
    assert!(matches!(
        server_round_trip(&events[5]),
        ServerEvent::Other(_)
    ));
    let ServerEvent::OutputAudioDelta(delta) = server_round_trip(&events[3]) else {
        panic!("a known type is typed")
    };
    assert_eq!(delta.extra["obfuscation"], "x");
    assert!(!delta.extra.contains_key("seq"));
}

#[test]
fn every_type_is_listed_once() {
    for types in [ServerEvent::TYPES, ClientEvent::TYPES] {
        let mut sorted = types.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), types.len());
    }
}

#[test]
fn what_is_wrong_with_a_message_is_said() {
    let decode = |text| Envelope::<ClientEvent>::decode(text).unwrap_err();
    assert!(matches!(decode("hello"), DecodeError::NotJson(_)));
    assert!(matches!(
        decode("[1]"),
        DecodeError::NotJson(_) | DecodeError::NoType { .. }
    ));
    assert_eq!(
        decode("{\"event_id\":\"e1\"}"),
        DecodeError::NoType {
            event_id: Some("e1".to_owned())
        }
    );
    let error = decode("{\"type\":\"response.cancel\",\"event_id\":\"e2\",\"response_id\":5}");
    assert_eq!(error.event_id(), Some("e2"));
    assert!(error.to_string().contains("response.cancel"), "{error}");
}
