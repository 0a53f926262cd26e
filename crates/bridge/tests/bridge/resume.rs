//! Connections that are cut, and sessions that go on.

use std::time::Duration;

use offhook_bridge::SessionState;
use serde_json::json;

use crate::line::{Line, numbered};
use crate::rig::{Client, KEY, Rig, answer, in_time};

/// Ready when the rig's only session is in this state.
async fn is(rig: &Rig, state: SessionState) {
    in_time(async {
        while rig.sessions.list()[0].state != state {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_loses_nothing_and_repeats_nothing() {
    for protocol in ["offhook.v1", "offhook.v1.bin"] {
        let rig = Rig::start(|_| ()).await;
        let client = rig.client();
        let mut line = Line::open(&client, protocol).await;
        let said = numbered(3 * 24_000);
        line.without_turns().await;
        // Cut twice while the caller speaks. What has arrived is not known, so all is sent again.
        for part in [0..30_000, 30_000..50_000] {
            line.say(&said[part]).await;
            line.cut().await;
            line.resume(&client, 1).await;
        }
        line.say(&said[50_000..]).await;
        line.send(json!({ "type": "input_audio_buffer.commit" }))
            .await;
        line.send(json!({ "type": "response.create" })).await;
        // And while the agent does.
        for at in [10_000, 40_000, 60_000] {
            while line.audio.len() < at {
                line.next().await;
            }
            line.cut().await;
            let resumed = line.resume(&client, 1).await;
            assert!(resumed["replay_from"].as_u64().unwrap() <= line.heard + 1);
        }
        let done = line.until("response.done").await;
        assert_eq!(done["response"]["status"], "completed");
        assert!(line.audio.ends_with(&said), "{protocol}");
        assert_eq!(rig.sessions.list()[0].generation, 6);
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_session_waits_for_its_client_and_speaks_on() {
    let rig = Rig::start(|config| config.max_sessions = 1).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1.bin").await;
    let said = numbered(24_000);
    line.ask_for(&said).await;
    line.until("response.output_item.added").await;
    line.cut().await;
    is(&rig, SessionState::Waiting).await;
    // It counts all the same, and leaves no room for another one.
    client.has_sessions(1).await;
    let another = client.upgrade("/v1/realtime").bearer_auth(KEY);
    assert_eq!(answer(another).await.0, 503);
    let info = rig.sessions.list().remove(0);
    assert_eq!(
        (info.id, info.user.as_str()),
        (line.session.clone(), "local")
    );
    assert_eq!((info.agent.as_str(), info.generation), ("test", 1));
    let resumed = line.resume(&client, 1).await;
    assert_eq!(resumed["generation"], 2);
    line.until("response.done").await;
    assert!(line.audio.ends_with(&said));
    rig.stop().await;
}

#[tokio::test]
async fn a_newer_connection_takes_over() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let (mut newer, hello) = line.connect(&client).await;
    assert_eq!(hello["generation"], 2);
    // Until it says from where it goes on, the older one is the session's.
    line.send(json!({ "type": "input_audio_buffer.clear" }))
        .await;
    line.until("input_audio_buffer.cleared").await;
    newer
        .send(&json!({
            "type": "session.resume",
            "session_id": line.session,
            "epoch": line.epoch,
            "last_seq": line.heard,
            "next_seq": 2,
        }))
        .await;
    assert_eq!(newer.event().await["type"], "session.resumed");
    assert_eq!(line.call.close().await.code, 4409);
    let clear = json!({ "type": "input_audio_buffer.clear", "seq": 2 });
    newer.send(&clear).await;
    newer.events_until("input_audio_buffer.cleared").await;
    rig.stop().await;
}

#[tokio::test]
async fn after_the_window_a_new_session_begins() {
    let rig = Rig::start(|config| config.resume_window = Duration::from_millis(100)).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    line.cut().await;
    client.has_sessions(0).await;
    let (mut call, hello) = line.connect(&client).await;
    assert_eq!(hello["session_id"], *line.session);
    assert_ne!(hello["epoch"], *line.epoch);
    assert_eq!(hello["generation"], 1);
    let failed = call.event().await;
    assert_eq!(failed["type"], "session.resume_failed");
    assert_eq!(failed["code"], "unknown_session");
    assert_eq!(call.event().await["type"], "session.created");
    rig.stop().await;
}

#[tokio::test]
async fn who_cannot_say_from_where_is_sent_away_and_the_session_stays() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    for (epoch, last_seq, code) in [
        ("another", line.heard, "unknown_epoch"),
        (&line.epoch, 99, "bad_sequence"),
    ] {
        let (mut call, _) = line.connect(&client).await;
        call.send(&json!({
            "type": "session.resume",
            "session_id": line.session,
            "epoch": epoch,
            "last_seq": last_seq,
            "next_seq": 1,
        }))
        .await;
        let failed = call.event().await;
        assert_eq!(failed["type"], "session.resume_failed");
        assert_eq!(failed["code"], code);
        assert_eq!(call.close().await.code, 4410);
    }
    line.send(json!({ "type": "input_audio_buffer.clear" }))
        .await;
    line.until("input_audio_buffer.cleared").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_token_is_for_its_session_only() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let line = Line::open(&client, "offhook.v1").await;
    let path = format!("/v1/realtime?session={}", line.session);
    let ask = |client: &Client, token: &str| {
        let request = client.upgrade(&path).bearer_auth(token);
        request.header("sec-websocket-protocol", "offhook.v1")
    };
    let other = client.token().await;
    let (status, body) = answer(ask(&client, &other)).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (403, &json!("session_mismatch"))
    );
    // Who does not ask to go on does not get into a session that is another's, whatever its token.
    let token = client.token_for(&line.session).await;
    let mut call = client
        .call(&[("authorization", &format!("Bearer {token}"))])
        .await;
    let created = call.event().await;
    assert_ne!(created["session"]["id"], *line.session);
    client.has_sessions(2).await;
    rig.stop().await;
}
