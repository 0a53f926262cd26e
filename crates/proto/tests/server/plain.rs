//! Plain mode: the OpenAI API and nothing else.

use offhook_proto::server::{Input, Output};
use offhook_proto::wire::client::{Bye, Ping, ResponseCreate};
use offhook_proto::wire::server::{Gap, SessionCreated, Upstream};
use offhook_proto::wire::{Envelope, ServerEvent};
use offhook_proto::{Close, Protocol};

use crate::harness::{Rig, Told, config, ms};

const PLAIN: Protocol = Protocol::Plain;

#[test]
fn plain_mode_shows_nothing_of_ours() {
    let mut rig = Rig::new(config());
    rig.upstream(SessionCreated::default());
    rig.attach_with(1, PLAIN, true, Some(rig.now + ms(1_000)));
    rig.upstream(Gap::default());
    rig.upstream(Upstream::default());
    rig.speak("item_1", &[1; 480]);
    rig.run_with(1, ms(120_000));
    assert_eq!(
        rig.kinds(1),
        ["session.created", "response.output_audio.delta"]
    );
    let told = rig.sent(1);
    assert_eq!(told.len(), 2, "no heartbeats");
    for told in told {
        let Told::Event(envelope) = told else {
            panic!("it is text")
        };
        assert_eq!(envelope.seq, None);
        assert!(envelope.event_id.is_some());
    }
    assert!(rig.close_of(1).is_none(), "its token was good at the start");
    assert_eq!(rig.server.kept_bytes(), 0);
}

#[test]
fn events_keep_the_ids_of_the_upstream() {
    let mut rig = Rig::live(PLAIN);
    let mut envelope = Envelope::from(ServerEvent::from(SessionCreated::default()));
    envelope.event_id = Some("event_up".into());
    envelope.seq = Some(9);
    rig.handle(Input::Upstream(envelope));
    let Told::Event(envelope) = rig.sent(1).pop().unwrap() else {
        panic!("it is text")
    };
    assert_eq!(envelope.event_id.as_deref(), Some("event_up"));
    assert_eq!(envelope.seq, None);
}

#[test]
fn events_are_given_as_they_come() {
    let mut rig = Rig::live(PLAIN);
    rig.send(1, None, ResponseCreate::default());
    rig.say(1, 7);
    rig.say(1, 7);
    assert_eq!(rig.given().len(), 3, "numbers mean nothing here");
    assert!(rig.server.takes_upstream());
}

#[test]
fn our_own_events_are_not_known_there() {
    let mut rig = Rig::live(PLAIN);
    rig.send(1, None, Ping::default());
    rig.send(1, None, Bye::default());
    rig.text(1, r#"{"type":"session.refresh","token":"ek_canary"}"#);
    rig.text(
        1,
        r#"{"type":"offhook.gap","through":1,"from_ms":0,"to_ms":1,"reason":"x"}"#,
    );
    assert_eq!(rig.kinds(1), ["error"; 4]);
    assert!(rig.given().is_empty() && rig.close_of(1).is_none());
    assert!(!format!("{:?}", rig.outputs).contains("canary"));
}

#[test]
fn a_connection_that_goes_takes_its_session_along() {
    for close in [None, Some(Close::new(1006, "")), Some(Close::new(1000, ""))] {
        let mut rig = Rig::live(PLAIN);
        rig.received(1, offhook_proto::server::Received::Closed(close));
        assert_eq!(rig.outputs, [Output::Ended]);
        assert!(!rig.server.takes_upstream());
    }
}

#[test]
fn the_upstreams_end_is_the_sessions() {
    let mut rig = Rig::live(PLAIN);
    let close = Close::new(Close::INVALID_REQUEST, "model.unknown");
    rig.handle(Input::UpstreamEnded(close.clone()));
    assert_eq!(rig.close_of(1), Some(close));
    rig.say(1, 1);
    assert!(rig.given().is_empty());
    rig.closes(1, Close::INVALID_REQUEST);
    assert!(rig.ended());
}

#[test]
fn the_upstreams_end_before_anybody_came_is_told() {
    for protocol in [PLAIN, Protocol::OffhookV1] {
        let mut rig = Rig::new(config());
        rig.upstream(SessionCreated::default());
        rig.handle(Input::UpstreamEnded(Close::new(Close::INTERNAL, "x.y")));
        rig.attach(1, protocol, false);
        assert_eq!(
            rig.kinds(1).last().map(String::as_str),
            Some("session.created")
        );
        assert_eq!(rig.code_of(1), Some(Close::INTERNAL), "{protocol}");
    }
}

#[test]
fn a_bridge_that_goes_says_so_in_its_own_words() {
    let drain = Input::Drain {
        reason: "deploy",
        deadline: ms(10_000),
        reconnect_after: ms(500),
        resume_url: None,
    };
    for input in [drain, Input::Shutdown] {
        let mut rig = Rig::live(PLAIN);
        rig.handle(input);
        let close = Close::new(Close::GOING_AWAY, "server.shutdown");
        assert_eq!(rig.close_of(1), Some(close));
        assert!(rig.sent(1).is_empty());
        rig.run(ms(2_000));
        assert!(rig.aborted(1) && rig.ended());
    }
}

#[test]
fn who_is_revoked_hears_an_error_first() {
    let mut rig = Rig::live(PLAIN);
    rig.handle(Input::Revoke { reason: "user" });
    let ServerEvent::Error(error) = rig.last(1, "error") else {
        panic!("it is an error")
    };
    assert_eq!(error.error.code.as_deref(), Some("session_revoked"));
    assert_eq!(rig.code_of(1), Some(Close::FORBIDDEN));
}

#[test]
fn a_wish_for_a_fresh_token_is_not_for_plain_clients() {
    let mut rig = Rig::live(PLAIN);
    rig.handle(Input::RequireRefresh {
        reason: "x",
        deadline: ms(1),
    });
    rig.run_with(1, ms(10_000));
    assert!(rig.outputs.is_empty());
}
