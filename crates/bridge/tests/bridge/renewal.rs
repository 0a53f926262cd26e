//! Tokens that expire, are renewed in band, or turn up elsewhere than where they were minted.

use std::time::Duration;

use offhook_bridge::FingerprintPolicy;
use serde_json::{Value, json};

use crate::line::{Line, numbered};
use crate::rig::{Client, KEY, Rig, answer};

const ELSEWHERE: (&str, &str) = ("user-agent", "another-program");

fn refresh(token: &str, event_id: &str) -> Value {
    json!({ "type": "session.refresh", "event_id": event_id, "token": token })
}

/// A token for a session, minted by another program.
async fn minted_elsewhere(client: &Client, session: &str) -> String {
    let body = json!({ "session": { "id": session } });
    let request = client.mint().bearer_auth(KEY).json(&body);
    let (status, body) = answer(request.header(ELSEWHERE.0, ELSEWHERE.1)).await;
    assert_eq!(status, 200);
    body["value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_fresh_token_counts_once_for_its_session_and_the_call_goes_on() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let said = numbered(24_000);
    line.ask_for(&said).await;
    line.until("response.output_item.added").await;
    let fresh = client.token_for(&line.session).await;
    line.tell(&refresh(&fresh, "evt_1")).await;
    let refreshed = line.until("session.refreshed").await;
    let next = refreshed["refresh_in_ms"].as_u64().unwrap();
    assert!((20_000..=48_000).contains(&next), "{refreshed}");
    assert!(refreshed["expires_at"].is_u64());
    let other = client.token().await;
    let unknown = "ek_a.b.c";
    for (token, code) in [
        (fresh.as_str(), "token_spent"),
        (&other, "token_foreign"),
        (unknown, "token_invalid"),
        (KEY, "token_invalid"),
    ] {
        line.tell(&refresh(token, code)).await;
        let error = line.until("error").await;
        assert_eq!(error["error"]["code"], code);
        assert_eq!(error["error"]["event_id"], code);
    }
    // What was refused for another session is still worth something there.
    Line::open_with(&client, "offhook.v1", &other, &[]).await;
    line.until("response.done").await;
    assert!(line.audio.ends_with(&said));
    rig.stop().await;
}

#[tokio::test]
async fn without_a_fresh_token_the_connection_ends_and_the_session_does_not() {
    let rig = Rig::start(|config| {
        (config.min_token_ttl, config.token_ttl) = (1, 1);
        config.token_grace = Duration::from_millis(200);
    })
    .await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let mut plain = client.token().await;
    plain.insert_str(0, "Bearer ");
    let mut plain = client.call(&[("authorization", &plain)]).await;
    assert_eq!(line.call.close().await.code, 4401);
    line.resume(&client, 1).await;
    // In time, and it goes on.
    let fresh = json!({
        "session": { "id": line.session },
        "expires_after": { "anchor": "created_at", "seconds": 60 },
    });
    let fresh = client.token_of(fresh).await;
    line.tell(&refresh(&fresh, "evt_1")).await;
    line.until("session.refreshed").await;
    for _ in 0..8 {
        line.until("offhook.ack").await;
    }
    // In plain mode a token opens a session and has no say after that.
    plain
        .send(&json!({ "type": "input_audio_buffer.clear" }))
        .await;
    plain.events_until("input_audio_buffer.cleared").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_token_used_elsewhere_is_to_be_replaced_by_one_from_there() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let token = client.token().await;
    let mut line = Line::open_with(&client, "offhook.v1", &token, &[ELSEWHERE]).await;
    let required = line.early.pop().unwrap();
    assert_eq!(required["type"], "session.refresh_required");
    assert_eq!(required["reason"], "fingerprint");
    // It is only asked for: nothing ends before the token would.
    assert!(required["deadline_ms"].as_u64().unwrap() > 50_000);
    let fresh = minted_elsewhere(&client, &line.session).await;
    line.tell(&refresh(&fresh, "evt_1")).await;
    line.until("session.refreshed").await;
    let (_, health) = answer(client.get("/healthz")).await;
    assert_eq!(health["fingerprint_mismatches"], 1);
    // One that resumes is asked once it has taken over.
    let token = client.token_for(&line.session).await;
    line.cut().await;
    line.resume_with(&client, &token, &[ELSEWHERE], 1).await;
    line.until("session.refresh_required").await;
    rig.stop().await;
}

#[tokio::test]
async fn where_that_is_enforced_the_connection_ends_otherwise() {
    let rig = Rig::start(|config| config.fingerprint = FingerprintPolicy::Enforce).await;
    let client = rig.client();
    let token = client.token().await;
    let mut line = Line::open_with(&client, "offhook.v1", &token, &[ELSEWHERE]).await;
    let required = line.early.pop().unwrap();
    assert!(required["deadline_ms"].as_u64().unwrap() <= 5_000);
    // A token that was minted where the first one was proves nothing.
    let same = client.token_for(&line.session).await;
    line.tell(&refresh(&same, "evt_1")).await;
    let error = line.until("error").await;
    assert_eq!(error["error"]["code"], "token_foreign");
    assert_eq!(line.call.close().await.code, 4412);
    let fresh = minted_elsewhere(&client, &line.session).await;
    line.resume_with(&client, &fresh, &[ELSEWHERE], 1).await;
    line.tell(&json!({ "type": "offhook.ping", "t": 1 })).await;
    line.until("offhook.pong").await;
    // Plain mode cannot be asked, and is refused.
    let token = client.token().await;
    let request = client.upgrade("/v1/realtime").bearer_auth(token);
    let (status, body) = answer(request.header(ELSEWHERE.0, ELSEWHERE.1)).await;
    let code = &body["error"]["code"];
    assert_eq!((status, code), (403, &json!("fingerprint_mismatch")));
    rig.stop().await;
}
