//! Clients that do not read what they asked for.

use serde_json::json;

use crate::line::{Line, numbered};
use crate::rig::{Rig, audio, speech};

#[tokio::test]
async fn who_does_not_read_holds_up_nobody_and_misses_nothing() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut slow = client.plain_call().await;
    let session = json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } });
    slow.send(&json!({ "type": "session.update", "session": session }))
        .await;
    let said = numbered(30 * 24_000);
    for piece in said.chunks(24_000) {
        slow.append(piece).await;
    }
    slow.send(&json!({ "type": "input_audio_buffer.commit" }))
        .await;
    slow.send(&json!({ "type": "response.create" })).await;
    // Others have their calls meanwhile.
    for _ in 0..2 {
        let mut call = client.plain_call().await;
        call.append(&speech()).await;
        let events = call.events_until("response.done").await;
        assert_eq!(events.last().unwrap()["response"]["status"], "completed");
    }
    let events = slow.events_until("response.done").await;
    assert!(audio(&events).ends_with(&said));
    rig.stop().await;
}

#[tokio::test]
async fn who_does_not_acknowledge_is_sent_a_megabyte_and_no_more() {
    let rig = Rig::start(|_| ()).await;
    let client = rig.client();
    let mut line = Line::open(&client, "offhook.v1.bin").await;
    line.acks = false;
    let said = numbered(30 * 24_000);
    line.ask_for(&said).await;
    // Nothing but heartbeats for two seconds: that was it.
    let mut beats = 0;
    while beats < 8 {
        beats = match line.next().await["type"].as_str() {
            Some("offhook.ack") => beats + 1,
            Some("control") => beats,
            _ => 0,
        };
    }
    let bytes = line.audio.len() * 2;
    assert!((900_000..=1 << 20).contains(&bytes), "{bytes}");
    line.acks = true;
    line.tell(&json!({ "type": "offhook.ack", "up_to": line.heard }))
        .await;
    line.until("response.done").await;
    assert!(line.audio.ends_with(&said));
    rig.stop().await;
}
