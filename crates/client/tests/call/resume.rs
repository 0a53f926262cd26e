//! Sessions that go on over another connection where they stopped.

use std::time::Duration;

use offhook_client::Event;
use offhook_client::proto::client::{Doing, End, State};
use serde_json::json;

use crate::peer::{BINARY, Heard, Peer, V1};
use crate::rig::{Bridge, Caller, http, read_request, soon};

#[tokio::test]
async fn after_a_drop_the_session_is_resumed_with_a_fresh_token_made_for_it() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(V1).await;
    assert_eq!(peer.session(), None);
    peer.open(&mut caller).await;
    let told = json!({"type": "input_audio_buffer.cleared"});
    peer.tell(told.clone()).await;
    caller
        .until(|event| matches!(event, Event::Server(_)).then_some(()))
        .await;
    caller.call.audio(&[1; 480]).unwrap();
    assert!(matches!(peer.hear().await, Heard::Audio { seq: 1, .. }));
    caller.call.played("item_1", 0, 340).unwrap();
    let first = peer.bearer().to_owned();
    drop(peer);

    let mut peer = bridge.attempt(V1).await;
    assert_eq!(peer.session().as_deref(), Some("sess_1"));
    assert_ne!(peer.bearer(), first);
    let resume = peer.resume(2, 1, 0).await;
    assert_eq!(
        (&resume["last_seq"], &resume["next_seq"]),
        (&2.into(), &2.into())
    );
    let played = json!([{"item_id": "item_1", "content_index": 0, "audio_end_ms": 340}]);
    assert_eq!(resume["played"], played);
    let back = caller.back().await;
    assert!(back.resumed && !back.answer_lost, "{back:?}");

    caller.call.audio(&[2; 480]).unwrap();
    let samples = vec![2; 480];
    assert_eq!(peer.hear().await, Heard::Audio { seq: 2, samples });
    peer.tell(told).await;
    caller
        .until(|event| matches!(event, Event::Server(_)).then_some(()))
        .await;
}

/// A microphone whose samples say where they belong.
struct Microphone(u64);

impl Microphone {
    fn speak(&mut self, caller: &Caller, frames: u64) {
        for _ in 0..frames {
            let frame: Vec<i16> = (self.0..self.0 + 480).map(|sample| sample as i16).collect();
            caller.call.audio(&frame).unwrap();
            self.0 += 480;
        }
    }
}

/// What the server's upstream got.
#[derive(Default)]
struct Upstream {
    recv: u64,
    samples: u64,
    repeated: u64,
}

impl Upstream {
    /// Takes `frames` frames that are new.
    async fn listen(&mut self, peer: &mut Peer, frames: u64) {
        let end = self.recv + frames;
        while self.recv < end {
            let Heard::Audio { seq, samples } = peer.hear().await else {
                panic!("audio")
            };
            if seq <= self.recv {
                self.repeated += 1;
                continue;
            }
            assert_eq!(seq, self.recv + 1, "nothing is left out");
            self.recv = seq;
            for sample in samples {
                assert_eq!(sample, self.samples as i16, "sample {}", self.samples);
                self.samples += 1;
            }
        }
    }
}

#[tokio::test]
async fn speech_arrives_once_and_in_order_however_often_the_line_is_cut() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let (mut microphone, mut upstream) = (Microphone(0), Upstream::default());
    microphone.speak(&caller, 50);
    let mut peer = bridge.attempt(BINARY).await;
    peer.open(&mut caller).await;
    upstream.listen(&mut peer, 20).await;
    // The rest is on its way, unread, when the line is cut.
    microphone.speak(&caller, 30);
    upstream.listen(&mut peer, 11).await;
    drop(peer);
    caller
        .state(|state| matches!(state, State::Reconnecting { .. }).then_some(()))
        .await;
    microphone.speak(&caller, 100);

    // What was used meanwhile is less than what was received.
    let mut peer = bridge.attempt(V1).await;
    peer.resume(2, upstream.recv, 10).await;
    assert!(caller.back().await.resumed);
    let total = caller
        .state(|state| match state {
            State::CatchingUp { total, .. } => Some(*total),
            _ => None,
        })
        .await;
    assert!(total >= Duration::from_secs(2), "{total:?}");
    upstream.listen(&mut peer, 40).await;
    // Seen by the client before the next cut, or not.
    let ack = json!({"type": "offhook.ack", "up_to": upstream.recv - 5, "commit": 20});
    peer.say(ack).await;
    upstream.listen(&mut peer, 3).await;
    drop(peer);

    // The server had more than it could say, and the client sends some of it again.
    let mut peer = bridge.attempt(BINARY).await;
    peer.resume(3, upstream.recv - 2, 20).await;
    microphone.speak(&caller, 20);
    let left = 200 - upstream.recv;
    upstream.listen(&mut peer, left).await;
    assert_eq!(upstream.samples, microphone.0);
    assert_eq!(upstream.repeated, 2);

    let mut lost = None;
    caller
        .until(|event| {
            if let Event::Lost(gap) = &event {
                lost = Some(gap.clone());
            }
            matches!(event, Event::Waiting(Duration::ZERO)).then_some(())
        })
        .await;
    assert_eq!(lost, None);
    caller.call.hang_up().unwrap();
    let bye = peer.event().await;
    assert_eq!(bye["type"], "offhook.bye");
    assert_eq!(peer.hear().await, Heard::Closed(1000), "and nothing else");
}

#[tokio::test]
async fn a_server_that_goes_away_is_left_only_when_another_connection_has_taken_over() {
    let (bridge, blue) = (Bridge::start().await, Bridge::start().await);
    for elsewhere in [
        // Not followed: another host, another protocol.
        blue.address.replace("127.0.0.1", "ws://localhost"),
        format!("wss://{}", blue.address),
    ] {
        let mut caller = bridge.call();
        let mut old = bridge.attempt(BINARY).await;
        old.open(&mut caller).await;
        let generations = [
            // Where the server says, on its own host: the token comes from where it always does.
            (2, format!("ws://{}/blue", blue.address), Some(&blue)),
            (3, elsewhere, None),
        ];
        for (generation, url, to) in generations {
            let away = json!({"type": "offhook.go_away", "reason": "restart", "deadline_ms": 5000,
                "reconnect_after_ms": 0, "resume_url": url});
            old.say(away).await;
            let asked = bridge.asked().await;
            assert_eq!(asked.session.as_deref(), Some("sess_1"));
            let token = bridge.give(asked).await;
            let mut new = to.unwrap_or(&bridge).upgrade(BINARY).await;
            assert_eq!(new.bearer(), token);
            assert_eq!(new.session().as_deref(), Some("sess_1"));
            if to.is_some() {
                assert_eq!(new.request.uri().path(), "/blue/v1/realtime");
            }

            // The old one carries the call up to the last moment.
            let seq = u64::from(generation) * 2 - 3;
            caller.call.audio(&[1; 480]).unwrap();
            let samples = vec![1; 480];
            assert_eq!(old.hear().await, Heard::Audio { seq, samples });
            new.resume(generation, seq, 0).await;
            assert_eq!(old.end().await, Heard::Gone, "without a close frame");
            let seq = seq + 1;
            caller.call.audio(&[2; 480]).unwrap();
            let samples = vec![2; 480];
            assert_eq!(new.hear().await, Heard::Audio { seq, samples });
            old = new;
        }
    }
    blue.assert_quiet();
}

/// Drops the line, and has the next attempt told to come back in half a minute. When that is.
async fn told_to_wait(bridge: &Bridge, caller: &mut Caller, peer: Peer) -> Duration {
    drop(peer);
    let asked = bridge.asked().await;
    bridge.give(asked).await;
    let mut stream = bridge.accept().await;
    soon(read_request(&mut stream)).await;
    let refusal = http("503 Service Unavailable", "retry-after: 30\r\n", "");
    tokio::io::AsyncWriteExt::write_all(&mut stream, refusal.as_bytes())
        .await
        .unwrap();
    caller
        .until(|event| match event {
            Event::State {
                at,
                state:
                    State::Reconnecting {
                        doing: Doing::Waiting { until },
                        attempt: 2,
                        ..
                    },
            } => Some(until - at),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_wait_is_cut_short_by_the_caller() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(V1).await;
    peer.open(&mut caller).await;
    let wait = told_to_wait(&bridge, &mut caller, peer).await;
    assert!(wait >= Duration::from_secs(29), "{wait:?}");
    caller.call.retry_now().unwrap();
    // The patience of this is shorter than the wait.
    let mut peer = bridge.attempt(V1).await;
    peer.resume(2, 0, 0).await;
    assert!(caller.back().await.resumed);
}

#[tokio::test]
async fn a_call_can_be_hung_up_while_its_line_is_away() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(V1).await;
    peer.open(&mut caller).await;
    told_to_wait(&bridge, &mut caller, peer).await;
    caller.call.hang_up().unwrap();
    assert_eq!(caller.ended().await, End::HungUp);
    assert!(soon(caller.events.recv()).await.is_none(), "the last event");

    // And while the next attempt is under way, which is dropped.
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(V1).await;
    peer.open(&mut caller).await;
    drop(peer);
    let asked = bridge.asked().await;
    bridge.give(asked).await;
    let mut peer = bridge.upgrade(V1).await;
    caller.call.hang_up().unwrap();
    assert_eq!(caller.ended().await, End::HungUp);
    let end = peer.end().await;
    assert!(matches!(end, Heard::Gone | Heard::Closed(1000)), "{end:?}");
    bridge.assert_quiet();
}
