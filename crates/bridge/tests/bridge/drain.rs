//! A bridge that stops while there are calls.

use std::time::Duration;

use serde_json::json;

use crate::line::Line;
use crate::rig::{KEY, Rig};

#[tokio::test]
async fn who_can_be_told_to_come_back_is_told_and_waited_for() {
    let rig = Rig::start(|config| {
        // Far more than the test takes: it ends because the client goes.
        config.drain = Duration::from_secs(15);
        config.return_spread = Duration::from_secs(2);
    })
    .await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let mut plain = client.plain_call().await;
    let stopped = tokio::spawn(rig.stop());
    assert_eq!(plain.close().await.code, 1001);
    let go_away = line.until("offhook.go_away").await;
    assert_eq!(go_away["reason"], "server_restart");
    assert!(go_away["reconnect_after_ms"].as_u64().unwrap() <= 2_000);
    assert!((10_000..=15_000).contains(&go_away["deadline_ms"].as_u64().unwrap()));
    // Who comes meanwhile is told when.
    let refused = client.upgrade("/v1/realtime").bearer_auth(KEY);
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let retry_after = refused.headers().get("retry-after").unwrap();
    let retry_after: u64 = retry_after.to_str().unwrap().parse().unwrap();
    assert!((1..=15).contains(&retry_after));
    // The call goes on until it goes.
    line.send(json!({ "type": "response.create" })).await;
    line.until("response.done").await;
    line.tell(&json!({ "type": "offhook.bye", "reason": "moving" }))
        .await;
    assert_eq!(line.call.close().await.code, 1000);
    stopped.await.unwrap();
}

#[tokio::test]
async fn who_stays_is_closed_with_a_time_to_come_back() {
    let rig = Rig::start(|config| config.drain = Duration::from_millis(300)).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1").await;
    let mut gone = Line::open(&client, "offhook.v1").await;
    gone.cut().await;
    let stopped = tokio::spawn(rig.stop());
    line.until("offhook.go_away").await;
    let close = line.call.close().await;
    assert_eq!(close.code, 1012);
    assert!(close.hint("retry_after_ms").unwrap() <= 5_000, "{close:?}");
    drop(line);
    stopped.await.unwrap();
}
