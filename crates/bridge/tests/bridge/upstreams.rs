//! Agents that a server of the OpenAI Realtime API answers for.

use std::fs;
use std::path::PathBuf;

use offhook_bridge::{Agent, Config, UpstreamAuth, UpstreamConfig};
use offhook_proto::wire::encode_pcm16;
use serde_json::{Value, json};

use crate::far::{Far, FarCall};
use crate::operator::{Operator, with_admin};
use crate::rig::{Call, KEY, Rig, answer};

/// The operator's key at the upstream.
const SECRET: &str = "sk-the-operators-own";

/// A file with that key, which goes with the test.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(name: &str) -> Self {
        let name = format!("offhook-far-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, SECRET).unwrap();
        Self(path)
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// A bridge whose agent is a model at `far`.
async fn rig(far: &Far, key: &KeyFile, change: impl FnOnce(&mut UpstreamConfig)) -> Rig {
    let mut upstream = UpstreamConfig {
        key_env: None,
        key_file: Some(key.0.clone()),
        ..UpstreamConfig::new(&format!("http://{}", far.address()), "gpt-voice", "")
    };
    change(&mut upstream);
    Rig::start(|config: &mut Config| {
        with_admin(config);
        config.agents[0] = Agent {
            upstream: Some(upstream),
            ..Agent::built_in()
        };
    })
    .await
}

/// A call and what answers it, both open.
async fn call(rig: &Rig, far: &Far) -> (Call, FarCall) {
    let client = rig.client();
    tokio::join!(client.plain_call(), far.open())
}

fn item(id: &str, role: &str, kind: &str, words: &str) -> Value {
    let content = [json!({ "type": kind, "text": words })];
    json!({ "id": id, "type": "message", "role": role, "status": "completed", "content": content })
}

fn added(id: &str, role: &str, kind: &str, words: &str) -> Value {
    let item = item(id, role, kind, words);
    json!({ "type": "conversation.item.added", "previous_item_id": null, "item": item })
}

#[tokio::test]
async fn events_pass_both_ways_whoever_knows_them() {
    let (far, key) = (Far::start().await, KeyFile::new("pass"));
    let rig = rig(&far, &key, |_| ()).await;
    let client = rig.client();
    let bearer = format!("Bearer {KEY}");
    let (mut call, mut there) = tokio::join!(
        async { client.call(&[("authorization", &bearer)]).await },
        far.open()
    );
    assert_eq!(there.address, "/v1/realtime?model=gpt-voice");
    assert_eq!(there.headers["authorization"], format!("Bearer {SECRET}"));
    let created = call.event().await;
    let id = created["session"]["id"].as_str().unwrap();
    assert!(id.starts_with("sess_") && id != "sess_far", "{created}");

    let asked = json!({ "type": "shape.of.tomorrow", "event_id": "mine_1", "deep": { "n": [1] } });
    call.send(&asked).await;
    assert_eq!(there.hear().await, asked);
    let audio = encode_pcm16(&[7; 480]);
    call.append(&[7; 480]).await;
    let heard = there.hear().await;
    assert_eq!(heard["type"], "input_audio_buffer.append");
    assert_eq!(heard["audio"], audio);

    let call_done = json!({
        "type": "response.function_call_arguments.done",
        "response_id": "resp_1", "item_id": "item_1", "output_index": 0,
        "call_id": "call_1", "name": "look_up", "arguments": "{\"id\":1}",
    });
    there.say(&call_done).await;
    let mut told = call.event().await;
    told.as_object_mut().unwrap().remove("event_id");
    assert_eq!(told, call_done);
    let error = json!({ "type": "invalid_request_error", "code": "odd", "message": "Odd.",
        "param": null, "event_id": "mine_1" });
    there.say(&json!({ "type": "error", "error": error })).await;
    let told = call.event().await;
    assert_eq!(told["error"]["event_id"], "mine_1", "{told}");
    drop(call);
    assert_eq!(there.closed().await, 1000);
    rig.stop().await;
}

#[tokio::test]
async fn the_key_is_shown_as_azure_wants_it() {
    let (far, key) = (Far::start().await, KeyFile::new("azure"));
    let rig = rig(&far, &key, |upstream| {
        upstream.auth = UpstreamAuth::ApiKey;
        upstream.url += "/openai";
    })
    .await;
    let (_call, there) = call(&rig, &far).await;
    assert_eq!(there.headers["api-key"], SECRET);
    assert!(!there.headers.contains_key("authorization"));
    assert_eq!(there.address, "/openai/v1/realtime?model=gpt-voice");
    rig.stop().await;
}

#[tokio::test]
async fn nobody_unknown_reaches_the_upstream() {
    let (far, key) = (Far::start().await, KeyFile::new("unknown"));
    let rig = rig(&far, &key, |_| ()).await;
    let client = rig.client();
    for request in [
        client.upgrade("/v1/realtime"),
        client.upgrade("/v1/realtime").bearer_auth("ek_wrong"),
        client.mint().bearer_auth("wrong"),
    ] {
        assert_eq!(answer(request).await.0, 401);
    }
    assert!(far.is_alone());
    // Nor does the operator's key reach callers.
    let (status, agents) = answer(client.get("/v1/agents").bearer_auth(KEY)).await;
    assert_eq!(status, 200);
    assert_eq!(agents["agents"][0].get("upstream"), None, "{agents}");
    rig.stop().await;
}

#[tokio::test]
async fn a_wrong_key_of_the_operators_is_not_told_as_the_callers() {
    let (far, key) = (Far::start().await, KeyFile::new("wrong"));
    let rig = rig(&far, &key, |_| ()).await;
    let client = rig.client();
    let bearer = format!("Bearer {KEY}");
    let (mut call, mut there) = tokio::join!(
        async { client.call(&[("authorization", &bearer)]).await },
        far.accept()
    );
    let error = json!({ "type": "invalid_request_error", "code": "invalid_api_key",
        "message": "Incorrect API key provided: sk-the-…" });
    there.say(&json!({ "type": "error", "error": error })).await;
    there.close(3000).await;
    let told = call.event().await;
    assert_eq!(told["error"]["code"], "upstream_refused", "{told}");
    assert!(!told.to_string().contains("sk-"), "{told}");
    let close = call.close().await;
    assert_eq!((close.code, &*close.reason), (1011, "upstream.refused"));
    rig.stop().await;
}

#[tokio::test]
async fn what_the_operator_has_set_stays_and_is_told_first() {
    let (far, key) = (Far::start().await, KeyFile::new("pins"));
    let rig = rig(&far, &key, |upstream| {
        let session =
            json!({ "instructions": "Be brief.", "audio": { "output": { "voice": "a" } } });
        upstream.session = session.as_object().unwrap().clone();
        upstream.overridable = vec!["audio.output.voice".to_owned()];
    })
    .await;
    let (mut call, mut there) = call(&rig, &far).await;
    let told = there.hear().await;
    assert_eq!(told["type"], "session.update");
    assert_eq!(told["session"]["instructions"], "Be brief.");
    there
        .say(&json!({ "type": "session.updated", "session": told["session"] }))
        .await;
    let change = json!({ "type": "realtime", "instructions": "Be long.", "model": "dear",
        "audio": { "output": { "voice": "b" } } });
    call.send(&json!({ "type": "session.update", "event_id": "mine_1", "session": change }))
        .await;
    let heard = there.hear().await;
    assert_eq!(heard["event_id"], "mine_1");
    let left = json!({ "type": "realtime", "audio": { "output": { "voice": "b" } } });
    assert_eq!(heard["session"], left);
    there
        .say(&json!({ "type": "session.updated", "session": { "id": "sess_far", "n": 2 } }))
        .await;
    // The first event since the session's own: the bridge's change is none of the caller's.
    let updated = call.event().await;
    assert_eq!(updated["session"]["n"], 2);
    assert_ne!(updated["session"]["id"], "sess_far");
    let format = json!({ "audio": { "input": { "format": { "type": "audio/pcmu" } } } });
    call.send(&json!({ "type": "session.update", "event_id": "mine_2", "session": format }))
        .await;
    let refused = call.event().await;
    assert_eq!(refused["error"]["code"], "unsupported_format", "{refused}");
    assert_eq!(refused["error"]["event_id"], "mine_2");
    rig.stop().await;
}

#[tokio::test]
async fn a_session_that_is_lost_is_told_anew_with_the_same_ids() {
    let (far, key) = (Far::start().await, KeyFile::new("lost"));
    let rig = rig(&far, &key, |_| ()).await;
    let (mut call, mut there) = call(&rig, &far).await;
    for _ in 0..4 {
        call.append(&[3; 480]).await;
        there.hear().await;
    }
    there
        .say(
            &json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": 40,
            "item_id": "item_1" }),
        )
        .await;
    there
        .say(
            &json!({ "type": "input_audio_buffer.committed", "previous_item_id": null,
            "item_id": "item_1" }),
        )
        .await;
    there
        .say(&added("item_1", "user", "input_text", "Hello?"))
        .await;
    let response = json!({ "id": "resp_1", "object": "realtime.response", "status": "in_progress",
        "output": [] });
    there
        .say(&json!({ "type": "response.created", "response": response }))
        .await;
    call.events_until("response.created").await;
    // Without a close frame, in the middle of the answer.
    drop(there);

    let mut there = far.open().await;
    let failed = call.event().await;
    assert_eq!(failed["type"], "response.done", "{failed}");
    assert_eq!(failed["response"]["id"], "resp_1");
    assert_eq!(failed["response"]["status"], "failed");
    let told = there.hear().await;
    assert_eq!(told["type"], "conversation.item.create");
    assert_eq!(told["item"]["id"], "item_1");
    assert_eq!(told["item"]["content"][0]["text"], "Hello?");
    // What was not known to be used is heard again, and the answer asked for.
    let mut audio = 0;
    let asked = loop {
        let event = there.hear().await;
        if event["type"] != "input_audio_buffer.append" {
            break event;
        }
        audio += event["audio"].as_str().unwrap().len() / 4 * 3 / 2;
    };
    assert_eq!(asked["type"], "response.create");
    assert_eq!(audio, 2 * 480);
    // The new session counts from there.
    there
        .say(
            &json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 5,
            "item_id": "item_2" }),
        )
        .await;
    let started = call.event().await;
    assert_eq!(
        started["type"], "input_audio_buffer.speech_started",
        "{started}"
    );
    assert_eq!(started["audio_start_ms"], 45);
    rig.stop().await;
}

#[tokio::test]
async fn the_operator_sees_how_it_is_doing() {
    let (far, key) = (Far::start().await, KeyFile::new("seen"));
    let rig = rig(&far, &key, |_| ()).await;
    let operator = Operator::of(&rig);
    let is = |state: &str| format!("offhook_upstreams{{state=\"{state}\"}}");
    let (client, bearer) = (rig.client(), format!("Bearer {KEY}"));
    let mut call = client.call(&[("authorization", &bearer)]).await;
    operator.sees(&is("connecting"), 1.0).await;
    let there = far.open().await;
    assert_eq!(call.event().await["type"], "session.created");
    operator.sees(&is("up"), 1.0).await;
    drop(there);
    operator.sees(&is("reconnecting"), 1.0).await;
    operator.sees(&is("up"), 0.0).await;
    let _there = far.open().await;
    operator.sees(&is("up"), 1.0).await;
    operator.sees(&is("reconnecting"), 0.0).await;
    drop(call);
    operator.sees(&is("up"), 0.0).await;
    rig.stop().await;
}

#[tokio::test]
async fn the_hour_of_a_session_is_not_the_callers() {
    let (far, key) = (Far::start().await, KeyFile::new("hour"));
    let rig = rig(&far, &key, |upstream| upstream.rotate_after = 1).await;
    let (mut call, mut there) = call(&rig, &far).await;
    there
        .say(&added("item_1", "user", "input_text", "Hello."))
        .await;
    call.events_until("conversation.item.added").await;
    let mut next = far.open().await;
    assert_eq!(next.hear().await["item"]["id"], "item_1");
    assert_eq!(there.closed().await, 1000);
    // One that expires all the same.
    let error = json!({ "type": "invalid_request_error", "code": "session_expired",
        "message": "Your session hit the maximum duration of 60 minutes." });
    next.say(&json!({ "type": "error", "error": error })).await;
    next.close(1001).await;
    let mut last = far.open().await;
    assert_eq!(last.hear().await["item"]["id"], "item_1");
    last.say(&json!({ "type": "rate_limits.updated", "rate_limits": [] }))
        .await;
    // Nothing of all that was told.
    assert_eq!(call.event().await["type"], "rate_limits.updated");
    rig.stop().await;
}

#[tokio::test]
async fn an_upstream_that_is_down_is_left_alone_after_a_while() {
    let far = Far::start().await;
    let key = KeyFile::new("down");
    let rig = rig(&far, &key, |_| ()).await;
    drop(far);
    let client = rig.client();
    let bearer = format!("Bearer {KEY}");
    for _ in 0..5 {
        let mut call = client.call(&[("authorization", &bearer)]).await;
        let error = call.event().await;
        assert_eq!(error["error"]["code"], "upstream_unavailable", "{error}");
        assert_eq!(call.close().await.code, 1011);
    }
    let refused = client.upgrade("/v1/realtime").bearer_auth(KEY);
    let response = refused.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 503);
    let after: u64 = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&after), "{after}");
    let samples = Operator::of(&rig).samples().await;
    let refused = "websocket_connections_total{result=\"upstream_unavailable\"}";
    for (name, count) in [
        ("offhook_upstream_ends_total{code=\"1011\"}", 5.0),
        (refused, 1.0),
        ("offhook_upstreams{state=\"up\"}", 0.0),
    ] {
        assert!(
            (samples.of(name) - count).abs() < 0.1,
            "{name}: {samples:?}"
        );
    }
    rig.stop().await;
}
