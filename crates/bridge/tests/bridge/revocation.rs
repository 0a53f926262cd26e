//! Sessions and users that are revoked.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::line::Line;
use crate::rig::{Call, KEY, Rig, answer};

/// Within this a revoked session is closed.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn closes(call: &mut Call) -> u16 {
    let close = timeout(AT_ONCE, call.close());
    close.await.expect("it is still open").code
}

#[tokio::test]
async fn a_revoked_session_is_closed_at_once_and_stays_so() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let mut other = Line::open(&client, "offhook.v1").await;
    let left = client.token_for(&line.session).await;
    assert!(!rig.sessions.revoke("sess_nobody", "test"));
    assert!(rig.sessions.revoke(&line.session, "operator_request"));
    let told = timeout(AT_ONCE, line.until("session.revoked"));
    assert_eq!(told.await.unwrap()["reason"], "operator_request");
    assert_eq!(closes(&mut line.call).await, 4403);
    drop(line.call);
    client.has_sessions(1).await;
    // Neither the token there is nor another one brings it back.
    let path = format!("/v1/realtime?session={}", line.session);
    let request = client.upgrade(&path).bearer_auth(left);
    let (status, body) = answer(request.header("sec-websocket-protocol", "offhook.v1")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (403, &json!("session_revoked"))
    );
    let body = json!({ "session": { "id": line.session } });
    let (status, _) = answer(client.mint().bearer_auth(KEY).json(&body)).await;
    assert_eq!(status, 403);
    other.tell(&json!({ "type": "offhook.ping", "t": 1 })).await;
    other.until("offhook.pong").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_revoked_user_loses_every_session_and_token() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let mut waiting = Line::open(&client, "offhook.v1").await;
    waiting.cut().await;
    let mut plain = client.plain_call().await;
    let left = client.token().await;
    assert_eq!(rig.sessions.revoke_user("nobody", "test"), 0);
    assert_eq!(rig.sessions.revoke_user("local", "test"), 3);
    assert_eq!(closes(&mut line.call).await, 4403);
    // Plain mode has no such code.
    let error = plain.event().await;
    assert_eq!(error["error"]["code"], "session_revoked");
    assert_eq!(closes(&mut plain).await, 3003);
    drop((line.call, plain));
    client.has_sessions(0).await;
    let (status, _) = answer(client.upgrade("/v1/realtime").bearer_auth(left)).await;
    assert_eq!(status, 403);
    rig.stop().await;
}
