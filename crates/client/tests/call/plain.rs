//! Servers that know no resume: a new session is told the conversation so far.

use std::time::Duration;

use offhook_client::proto::client;
use offhook_client::proto::wire::client::SessionUpdate;
use serde_json::{Value, json};

use crate::peer::{Heard, PLAIN, Peer};
use crate::rig::{Bridge, Caller};

async fn open(bridge: &Bridge, config: client::Config) -> (Caller, Peer) {
    let mut caller = bridge.call_with_key(config);
    let mut peer = bridge.upgrade(PLAIN).await;
    peer.say(json!({"type": "session.created", "session": {}}))
        .await;
    caller.live().await;
    (caller, peer)
}

/// The caller sets the session up, and both say something.
async fn talk(caller: &mut Caller, peer: &mut Peer) {
    let settings = json!({"type": "realtime", "instructions": "Be kind."});
    let Value::Object(session) = settings.clone() else {
        panic!("an object")
    };
    let update = SessionUpdate {
        session,
        ..SessionUpdate::default()
    };
    caller.call.send(update).unwrap();
    let update = peer.event().await;
    assert_eq!(
        (&update["type"], &update["session"]),
        (&"session.update".into(), &settings)
    );
    for (id, role, kind, words) in [
        ("item_1", "user", "input_audio", "hello"),
        ("item_2", "assistant", "output_audio", "good morning"),
    ] {
        let content = json!([{"type": kind, "transcript": words}]);
        let item = json!({"id": id, "type": "message", "role": role, "content": content});
        peer.say(json!({"type": "conversation.item.added", "item": item}))
            .await;
        peer.say(json!({"type": "conversation.item.done", "item": item}))
            .await;
    }
    caller
        .until(|event| format!("{event:?}").contains("item_2").then_some(()))
        .await;
}

/// What a new session is told before anything else.
async fn assert_told(peer: &mut Peer) {
    let update = peer.event().await;
    assert_eq!(update["session"]["instructions"], "Be kind.");
    for (id, kind, words) in [
        ("item_1", "input_text", "hello"),
        ("item_2", "output_text", "good morning"),
    ] {
        let create = peer.event().await;
        assert_eq!(create["type"], "conversation.item.create");
        let item = &create["item"];
        assert_eq!(item["id"], id);
        assert_eq!(item["content"], json!([{"type": kind, "text": words}]));
    }
}

#[tokio::test]
async fn after_a_drop_a_new_session_is_told_the_conversation_and_hears_what_was_not_used() {
    let bridge = Bridge::start().await;
    let (mut caller, mut peer) = open(&bridge, client::Config::default()).await;
    talk(&mut caller, &mut peer).await;
    caller.call.audio(&[1; 480]).unwrap();
    assert!(matches!(peer.hear().await, Heard::Audio { .. }));
    drop(peer);
    caller.call.audio(&[2; 480]).unwrap();

    let mut peer = bridge.upgrade(PLAIN).await;
    assert_eq!(peer.session(), None);
    peer.say(json!({"type": "session.created", "session": {}}))
        .await;
    assert_told(&mut peer).await;
    for sample in 1..=2 {
        let samples = vec![sample; 480];
        assert_eq!(peer.hear().await, Heard::Audio { seq: 0, samples });
    }
    let back = caller.back().await;
    assert!(!back.resumed && !back.answer_lost, "{back:?}");
}

#[tokio::test]
async fn before_a_session_ends_by_its_age_the_next_has_taken_over() {
    let bridge = Bridge::start().await;
    let config = client::Config {
        plain_lifetime: Duration::from_millis(300),
        ..client::Config::default()
    };
    let (mut caller, mut old) = open(&bridge, config).await;
    talk(&mut caller, &mut old).await;
    let mut new = bridge.upgrade(PLAIN).await;
    caller.call.audio(&[1; 480]).unwrap();
    assert!(matches!(old.hear().await, Heard::Audio { .. }), "still up");
    new.say(json!({"type": "session.created", "session": {}}))
        .await;
    assert_told(&mut new).await;
    assert_eq!(old.end().await, Heard::Closed(1000));
    let back = caller.back().await;
    assert_eq!((back.away, back.resumed), (Duration::ZERO, false));
}
