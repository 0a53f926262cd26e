//! How a call goes, in plain mode and in `offhook.v1`.

use offhook_bridge::Embedded;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::rig::{Client, KEY, Rig, audio, kinds, speech};

fn create() -> Value {
    json!({ "type": "response.create" })
}

#[tokio::test]
async fn a_turn_in_plain_mode_is_that_of_the_openai_api() {
    let rig = Rig::start(|_| ()).await;
    let mut call = rig.client().plain_call().await;
    assert_eq!(call.selected, None);
    let speech = speech();
    call.append(&speech).await;
    let events = call.events_until("response.done").await;
    let expected = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "deltas",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(kinds(&events), expected);
    for event in &events {
        assert!(event["event_id"].as_str().unwrap().starts_with("event_"));
        assert!(event.get("seq").is_none(), "{event}");
    }
    // The caller's own samples, each of them.
    let at = |event: &Value, field: &str| event[field].as_u64().unwrap() as usize * 24;
    let said = &speech[at(&events[0], "audio_start_ms")..at(&events[1], "audio_end_ms")];
    assert!(audio(&events).ends_with(said));
    assert_eq!(events.last().unwrap()["response"]["status"], "completed");
    rig.stop().await;
}

#[tokio::test]
async fn speaking_stops_the_agent() {
    let rig = Rig::start(|_| ()).await;
    let mut call = rig.client().plain_call().await;
    call.send(&create()).await;
    call.events_until("response.output_audio.delta").await;
    let speech = speech();
    call.append(&speech[..48_000]).await;
    let events = call.events_until("response.done").await;
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["status"], "cancelled");
    assert_eq!(response["status_details"]["reason"], "turn_detected");
    // Nothing of an answer follows its end.
    call.append(&speech[48_000..]).await;
    let events = call.events_until("response.created").await;
    assert!(audio(&events).is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn offhook_v1_says_hello_first_and_counts() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let token = client.token().await;
    let offer = format!("realtime, openai-insecure-api-key.{token}, offhook.v1");
    let mut call = client.call(&[("sec-websocket-protocol", &offer)]).await;
    assert_eq!(call.selected.as_deref(), Some("offhook.v1"));
    let hello = call.event().await;
    assert_eq!(hello["type"], "offhook.hello");
    assert_eq!(hello["generation"], 1);
    assert_eq!(hello["resume_window_ms"], 60_000);
    // What is of the connection only is not counted.
    assert!(hello.get("seq").is_none());
    let created = call.event().await;
    assert_eq!(created["type"], "session.created");
    assert_eq!(created["seq"], 1);
    assert_eq!(created["session"]["id"], hello["session_id"]);
    call.send(&json!({ "type": "offhook.ping", "t": 7 })).await;
    let events = call.events_until("offhook.pong").await;
    assert_eq!(events.last().unwrap()["t"], 7);
    let mut clear = json!({ "type": "input_audio_buffer.clear" });
    clear["seq"] = 1.into();
    call.send(&clear).await;
    call.events_until("input_audio_buffer.cleared").await;
    // The heartbeat, without being asked.
    let events = call.events_until("offhook.ack").await;
    assert_eq!(events.last().unwrap()["up_to"], 1);
    call.send(&json!({ "type": "offhook.bye", "reason": "done" }))
        .await;
    assert_eq!(call.close().await.code, 1000);
    rig.stop().await;
}

#[tokio::test]
async fn a_token_among_the_subprotocols_is_not_echoed() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let token = client.token().await;
    let offer = format!("openai-insecure-api-key.{token}, realtime");
    let call = client.call(&[("sec-websocket-protocol", &offer)]).await;
    assert_eq!(call.selected.as_deref(), Some("realtime"));
    rig.stop().await;
}

#[tokio::test]
async fn garbage_is_an_error_and_the_call_goes_on() {
    let rig = Rig::start(|_| ()).await;
    let mut call = rig.client().plain_call().await;
    for garbage in [
        "",
        "{",
        "[]",
        "{\"type\":1}",
        "{\"type\":\"session.update\"}",
    ] {
        call.send_text(garbage.into()).await;
        let error = call.event().await;
        assert_eq!(error["type"], "error", "{garbage}: {error}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    call.send(&create()).await;
    assert_eq!(call.event().await["type"], "response.created");
    rig.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_big_closes_with_1009() {
    let rig = Rig::start(|_| ()).await;
    let mut call = rig.client().plain_call().await;
    // More than the connection holds: it can be sent only if the bridge reads on to throw it away.
    call.send_text("x".repeat(16 << 20)).await;
    assert_eq!(call.close().await.code, 1009);
    rig.stop().await;
}

#[tokio::test]
async fn the_beta_has_ended() {
    let rig = Rig::start(|_| ()).await;
    let bearer = format!("Bearer {KEY}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("openai-beta", "realtime=v1"),
    ];
    let mut call = rig.client().call(&headers).await;
    let error = call.event().await;
    assert_eq!(error["error"]["code"], "beta_api_shape_disabled");
    assert_eq!(call.close().await.code, 4000);
    rig.stop().await;
}

#[tokio::test]
async fn shutting_down_closes_every_call_with_1001() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut calls = [client.plain_call().await, client.plain_call().await];
    let stopped = tokio::spawn(rig.stop());
    for call in &mut calls {
        assert_eq!(call.close().await.code, 1001);
    }
    drop(calls);
    stopped.await.unwrap();
}

#[tokio::test]
async fn an_embedded_bridge_lives_as_long_as_its_value() {
    let embedded = Embedded::start().await.unwrap();
    let address = embedded.url().strip_prefix("http://").unwrap().parse();
    let client = Client::new(address.unwrap());
    let key = embedded.access_token();
    let bearer = format!("Bearer {}", key.expose_secret());
    let mut call = client.call(&[("authorization", &bearer)]).await;
    assert_eq!(call.event().await["type"], "session.created");
    drop(embedded);
    assert_eq!(call.close().await.code, 1001);
}
