//! Fresh tokens for a connection that is up, in band, while the caller speaks on.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use offhook_client::Clock;
use serde_json::{Value, json};

use crate::peer::{BINARY, Heard, Peer};
use crate::rig::{Asked, Bridge, Caller, soon};

/// Frames of speech one by one: the next is spoken when the last has arrived, so that none can be
/// held back by anything else.
struct Speech {
    clock: Clock,
    spoken: u64,
    late: u64,
    /// Events that came between.
    events: Vec<Value>,
}

impl Speech {
    async fn frame(&mut self, caller: &Caller, peer: &mut Peer) {
        let spoken_at = self.clock.now();
        caller.call.audio(&[self.spoken as i16; 480]).unwrap();
        self.spoken += 1;
        loop {
            match peer.hear().await {
                Heard::Event(event) => self.events.push(event),
                Heard::Audio { seq, .. } => {
                    assert_eq!(seq, self.spoken);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        if self.spoken.is_multiple_of(50) {
            let ack = json!({"type": "offhook.ack", "up_to": self.spoken, "commit": self.spoken});
            peer.say(ack).await;
        }
        self.late += u64::from(self.clock.now() - spoken_at > Duration::from_millis(20));
    }

    async fn frames(&mut self, caller: &Caller, peer: &mut Peer, count: u32) {
        for _ in 0..count {
            self.frame(caller, peer).await;
        }
    }

    /// Speaks on until `done` is.
    async fn during<T>(
        &mut self,
        caller: &Caller,
        peer: &mut Peer,
        done: impl Future<Output = T>,
    ) -> T {
        let mut done = pin!(done);
        let speaking = async {
            loop {
                let looked = futures_util::FutureExt::now_or_never(done.as_mut());
                if let Some(done) = looked {
                    return done;
                }
                self.frame(caller, peer).await;
            }
        };
        soon(speaking).await
    }

    /// Speaks on until `session.refresh` has come.
    async fn until_refreshed(&mut self, caller: &Caller, peer: &mut Peer) -> Value {
        let speaking = async {
            while self.events.is_empty() {
                self.frame(caller, peer).await;
            }
            self.events.remove(0)
        };
        let refresh = soon(speaking).await;
        assert_eq!(refresh["type"], "session.refresh");
        assert_eq!(refresh.get("seq"), None);
        refresh
    }
}

async fn asked_for_the_session(bridge: &Bridge) -> Asked {
    let asked = bridge.asked().await;
    assert_eq!(asked.session.as_deref(), Some("sess_1"));
    asked
}

#[tokio::test]
async fn fresh_tokens_are_bought_and_shown_while_speech_goes_on_and_after_failures() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(BINARY).await;
    peer.hello(1, Some(50)).await;
    peer.created().await;
    caller.live().await;
    let mut speech = Speech {
        clock: Clock::start(),
        spoken: 0,
        late: 0,
        events: Vec::new(),
    };
    let mut shown = vec![peer.bearer().to_owned()];

    // The token service does not answer for a while, then has none, then gives one.
    let asking = asked_for_the_session(&bridge);
    let asked = speech.during(&caller, &mut peer, asking).await;
    speech.frames(&caller, &mut peer, 50).await;
    asked.answer("503 Service Unavailable", "", "").await;
    let asking = asked_for_the_session(&bridge);
    let asked = speech.during(&caller, &mut peer, asking).await;
    let token = bridge.give(asked).await;
    let refresh = speech.until_refreshed(&caller, &mut peer).await;
    assert_eq!(refresh["token"], token.as_str());
    shown.push(token);

    // The server does not answer for a while, then does not take it.
    speech.frames(&caller, &mut peer, 50).await;
    let error = json!({"type": "error", "error": {"type": "invalid_request_error",
        "code": "token_spent", "message": "Used before.", "event_id": refresh["event_id"]}});
    peer.tell(error).await;
    let asking = asked_for_the_session(&bridge);
    let asked = speech.during(&caller, &mut peer, asking).await;
    let token = bridge.give(asked).await;
    let refresh = speech.until_refreshed(&caller, &mut peer).await;
    assert_eq!(refresh["token"], token.as_str());
    shown.push(token);

    // And takes the next; then it is time for another.
    let refreshed = json!({"type": "session.refreshed", "expires_at": 4_000_000_000_u64,
        "refresh_in_ms": 50});
    peer.say(refreshed).await;
    let asking = asked_for_the_session(&bridge);
    let asked = speech.during(&caller, &mut peer, asking).await;
    let token = bridge.give(asked).await;
    let refresh = speech.until_refreshed(&caller, &mut peer).await;
    assert_eq!(refresh["token"], token.as_str());
    shown.push(token);

    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 4, "never the same twice");
    // A busy machine is late by itself now and then.
    assert!(
        speech.late * 4 <= speech.spoken,
        "{} of {} frames took longer than 20 ms",
        speech.late,
        speech.spoken
    );
    bridge.assert_quiet();
}

#[tokio::test]
async fn a_line_that_goes_while_its_token_is_bought_is_not_kept_waiting_for_it() {
    let bridge = Bridge::start().await;
    let mut caller = bridge.call();
    let mut peer = bridge.attempt(BINARY).await;
    peer.hello(1, Some(0)).await;
    peer.created().await;
    caller.live().await;
    let never_answered = asked_for_the_session(&bridge).await;
    drop(peer);
    let mut peer = bridge.attempt(BINARY).await;
    peer.resume(2, 0, 0).await;
    assert!(caller.back().await.resumed);
    drop(never_answered);
}
