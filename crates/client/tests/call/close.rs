//! How connections end: what close codes mean, and which of them are sent.

use std::time::Duration;

use offhook_client::Event;
use offhook_client::proto::client::{self, Cause, Doing, End, State};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::peer::{BINARY, Heard, PLAIN, Peer, V1};
use crate::rig::{Bridge, Caller, soon};

async fn open(bridge: &Bridge) -> (Caller, Peer) {
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(V1).await;
    peer.open(&mut caller).await;
    (caller, peer)
}

/// Why the line is away, and how long the first attempt to bring it back waits.
async fn away(caller: &mut Caller) -> (Cause, Duration) {
    caller
        .until(|event| match event {
            Event::State {
                at,
                state: State::Reconnecting { cause, doing, .. },
            } => Some((
                cause,
                match doing {
                    Doing::Waiting { until } => until - at,
                    Doing::Trying(_) => Duration::ZERO,
                    other => panic!("{other:?}"),
                },
            )),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_close_code_says_when_to_come_back_and_the_session_is_resumed() {
    let hinted = "server.restart;retry_after_ms=400";
    for (code, reason, cause, least, most) in [
        (4401, "token.expired", Cause::TokenExpired, 0, 0),
        (1012, hinted, Cause::ServerRestarting, 390, 400),
        (4408, "heartbeat.lost", Cause::Silent, 0, 1000),
    ] {
        let bridge = Bridge::start().await;
        let (mut caller, mut peer) = open(&bridge).await;
        let shown = peer.bearer().to_owned();
        peer.close(code, reason).await;
        let (said, waits) = away(&mut caller).await;
        assert_eq!(said, cause, "{code}");
        let limits = Duration::from_millis(least)..=Duration::from_millis(most);
        assert!(limits.contains(&waits), "{code}: {waits:?}");
        assert_eq!(peer.hear().await, Heard::Closed(code), "the answer");
        let mut peer = bridge.attempt(V1).await;
        assert_ne!(peer.bearer(), shown, "{code}");
        assert_eq!(peer.session().as_deref(), Some("sess_1"));
        peer.resume(2, 0, 0).await;
        assert!(caller.back().await.resumed, "{code}");
    }
}

#[tokio::test]
async fn a_close_code_that_says_it_is_over_ends_the_call() {
    let revoked = End::Revoked {
        reason: "session.revoked".to_owned(),
    };
    for (code, reason, end) in [
        (4403, "session.revoked", revoked),
        (4409, "session.superseded", End::Superseded),
        (1000, "", End::FarEnd),
    ] {
        let bridge = Bridge::start().await;
        let (mut caller, mut peer) = open(&bridge).await;
        peer.close(code, reason).await;
        assert_eq!(caller.ended().await, end);
        assert_eq!(peer.hear().await, Heard::Closed(code), "the answer");
        bridge.assert_quiet();
    }
}

#[tokio::test]
async fn a_hang_up_says_goodbye_also_if_nobody_waits_for_it() {
    for dropped in [false, true] {
        let bridge = Bridge::start().await;
        let (mut caller, mut peer) = open(&bridge).await;
        caller.call.hang_up().unwrap();
        if dropped {
            drop(caller.call);
        }
        assert_eq!(peer.event().await["type"], "offhook.bye");
        assert_eq!(peer.hear().await, Heard::Closed(1000));
        let end = caller.events.recv();
        let mut end = soon(end).await;
        while let Some(Event::Waiting(_) | Event::Server(_)) = end {
            end = soon(caller.events.recv()).await;
        }
        assert!(
            matches!(
                end,
                Some(Event::State {
                    state: State::Ended(End::HungUp),
                    ..
                })
            ),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_says_nothing() {
    let bridge = Bridge::start().await;
    let (caller, mut peer) = open(&bridge).await;
    drop(caller);
    assert_eq!(peer.end().await, Heard::Gone);
}

#[tokio::test]
async fn a_far_end_that_does_not_answer_a_close_frame_is_not_waited_for() {
    let bridge = Bridge::start().await;
    let (mut caller, mut peer) = open(&bridge).await;
    caller.call.hang_up().unwrap();
    assert_eq!(caller.ended().await, End::HungUp);
    // Only now does it read what was said.
    assert_eq!(peer.event().await["type"], "offhook.bye");
    assert_eq!(peer.hear().await, Heard::Closed(1000));
}

#[tokio::test]
async fn what_is_not_the_protocol_is_answered_with_a_close_code_that_arrives() {
    let config = client::Config {
        max_message_bytes: 64 << 10,
        ..client::Config::default()
    };
    let long = json!({"type": "x", "y": "z".repeat(64 << 10)});
    let not_websocket = [0xFF_u8; 3000];
    for (code, what) in [(1009, Some(long)), (1002, None)] {
        let bridge = Bridge::start().await;
        let mut caller = bridge.call_with(config.clone());
        let mut peer = bridge.attempt(V1).await;
        peer.open(&mut caller).await;
        match what {
            Some(event) => peer.say(event).await,
            None => soon(peer.socket.get_mut().write_all(&not_websocket))
                .await
                .unwrap(),
        }
        assert_eq!(peer.end().await, Heard::Closed(code));
        drop(peer);
        let end = caller.ended().await;
        assert!(
            matches!(end, End::TooBig { limit: 65536 } | End::BadMessage { .. }),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_far_end_that_takes_nothing_for_too_long_is_dropped() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call_with_key(client::Config::default());
    let mut peer = bridge.upgrade(PLAIN).await;
    peer.say(json!({"type": "session.created", "session": {}}))
        .await;
    caller.live().await;
    // More than the sockets' buffers hold, while the far end reads nothing.
    let item = |text: Value| {
        let content = json!([{"type": "input_text", "text": text}]);
        json!({"type": "message", "role": "user", "content": content})
    };
    let text = "x".repeat(32 << 10);
    for _ in 0..2000 {
        let create = offhook_client::proto::wire::client::ConversationItemCreate {
            item: serde_json::from_value(item(text.as_str().into())).unwrap(),
            ..Default::default()
        };
        while caller.call.send(create.clone()).is_err() {
            tokio::task::yield_now().await;
        }
    }
    let (cause, _) = away(&mut caller).await;
    assert_eq!(cause, Cause::Dropped);
}

#[tokio::test]
async fn binary_messages_go_both_ways() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(BINARY).await;
    peer.open(&mut caller).await;
    let stream = json!({"type": "offhook.stream", "stream": 7, "response_id": "resp_1",
        "item_id": "item_1", "output_index": 0, "content_index": 0, "codec": "pcm16",
        "rate": 24000});
    peer.tell(stream).await;
    peer.audio(7, &[1, -1, 2]).await;
    let delta = caller
        .until(|event| match event {
            Event::Server(event) => match *event {
                offhook_client::proto::wire::ServerEvent::OutputAudioDelta(delta) => Some(delta),
                _ => None,
            },
            _ => None,
        })
        .await;
    assert_eq!(
        (delta.response_id.as_str(), delta.item_id.as_str()),
        ("resp_1", "item_1")
    );
    let samples = offhook_client::proto::wire::decode_pcm16(&delta.delta);
    assert_eq!(samples, Ok(vec![1, -1, 2]));
}
