//! How sessions end, and what of them outlives a bridge that goes.

use offhook_proto::server::{Input, Output, Received};
use offhook_proto::wire::ServerEvent;
use offhook_proto::wire::client::{Bye, ResponseCreate};
use offhook_proto::wire::server::{ResponseDone, SessionUpdated};
use offhook_proto::{Close, Protocol};

use crate::harness::{Rig, config, ms};

const V1: Protocol = Protocol::OffhookV1;

fn over() -> Close {
    Close::new(Close::NORMAL, "agent.hang_up")
}

fn drain(deadline: u64) -> Input<'static> {
    Input::Drain {
        reason: "deploy",
        deadline: ms(deadline),
        reconnect_after: ms(1_234),
        resume_url: Some("wss://b.example/v1/realtime"),
    }
}

#[test]
fn a_client_that_hangs_up_ends_the_session_at_once() {
    let mut rig = Rig::live(V1);
    rig.send(1, None, Bye::default());
    let close = Close::new(Close::NORMAL, "call.hang_up");
    assert_eq!(rig.close_of(1), Some(close));
    assert!(!rig.server.takes_upstream());
    rig.clear();
    rig.say(1, 1);
    rig.upstream(SessionUpdated::default());
    rig.handle(Input::Revoke { reason: "x" });
    rig.handle(Input::Shutdown);
    rig.handle(drain(1_000));
    rig.handle(Input::UpstreamEnded(over()));
    assert!(rig.outputs.is_empty(), "{:?}", rig.outputs);
    rig.closes(1, Close::NORMAL);
    assert_eq!(rig.outputs, [Output::Ended]);

    let mut rig = Rig::live(V1);
    rig.closes(1, Close::NORMAL);
    assert_eq!(rig.outputs, [Output::Ended]);
    // Anything else is a drop.
    for code in [Close::GOING_AWAY, 1006, Close::INTERNAL] {
        let mut rig = Rig::live(V1);
        rig.closes(1, code);
        assert_eq!(rig.outputs, [Output::Attached(false)], "{code}");
    }
}

#[test]
fn a_session_that_is_over_takes_nobody() {
    let mut rig = Rig::live(V1);
    rig.send(1, None, Bye::default());
    rig.attach(2, V1, true);
    assert_eq!(rig.code_of(2), Some(Close::CANNOT_RESUME));
    rig.run(ms(2_000));
    assert!(rig.aborted(1) && rig.aborted(2) && rig.ended());
    assert_eq!(
        rig.outputs.iter().filter(|o| **o == Output::Ended).count(),
        1
    );
}

#[test]
fn the_upstreams_end_is_told_after_everything_it_said() {
    let mut config = config();
    config.in_flight_bytes = 1_000;
    let mut rig = Rig::live_with(config, V1);
    for _ in 0..30 {
        rig.upstream(SessionUpdated::default());
    }
    rig.handle(Input::UpstreamEnded(over()));
    assert!(rig.close_of(1).is_none(), "not all is sent");
    assert!(!rig.server.takes_upstream());
    // What the client still says goes nowhere, and is not said to have arrived: the client keeps it
    // for the session that comes next.
    rig.send(1, Some(1), ResponseCreate::default());
    assert!(rig.given().is_empty());
    assert_eq!(rig.heartbeat(1).0, 0);
    while rig.close_of(1).is_none() {
        let newest = *rig.seqs(1).last().unwrap();
        rig.ack(1, newest);
    }
    assert_eq!(rig.seqs(1).last(), Some(&31));
    assert_eq!(rig.close_of(1), Some(over()));
    rig.closes(1, Close::NORMAL);
    assert!(rig.ended());
}

#[test]
fn who_was_away_when_the_upstream_ended_hears_its_last_words() {
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.upstream(ResponseDone::default());
    rig.handle(Input::UpstreamEnded(over()));
    rig.run(ms(20_000));
    assert!(!rig.ended());
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    assert_eq!(rig.seqs(2), [2]);
    assert_eq!(rig.close_of(2), Some(over()));
    rig.closes(2, Close::NORMAL);
    assert!(rig.ended());
}

#[test]
fn last_words_that_may_not_have_arrived_are_kept_for_the_window() {
    for drops in [true, false] {
        let mut rig = Rig::live(V1);
        rig.upstream(ResponseDone::default());
        rig.handle(Input::UpstreamEnded(over()));
        assert_eq!(rig.close_of(1), Some(over()));
        if drops {
            rig.drop(1);
        } else {
            rig.run(ms(2_000));
            assert!(rig.aborted(1));
        }
        assert!(!rig.ended());
        rig.attach(2, V1, true);
        rig.resume(2, 1, 1);
        assert_eq!(rig.seqs(2), [2]);
        assert_eq!(rig.close_of(2), Some(over()));
        rig.run(ms(31_000));
        assert!(rig.ended());
    }
}

#[test]
fn the_window_for_last_words_begins_with_them() {
    let mut rig = Rig::live(V1);
    rig.run_with(1, ms(60_000));
    rig.upstream(ResponseDone::default());
    rig.handle(Input::UpstreamEnded(over()));
    rig.drop(1);
    rig.run(ms(29_999));
    assert!(!rig.ended());
    rig.run(ms(1));
    assert!(rig.ended());
}

#[test]
fn who_comes_back_for_last_words_is_not_dropped_for_having_heard_them() {
    let mut rig = Rig::live(V1);
    rig.upstream(ResponseDone::default());
    rig.handle(Input::UpstreamEnded(over()));
    rig.attach(2, V1, true);
    rig.closes(1, Close::NORMAL);
    assert!(!rig.ended());
    rig.resume(2, 2, 1);
    assert_eq!(rig.close_of(2), Some(over()));
    rig.closes(2, Close::NORMAL);
    assert!(rig.ended());
}

#[test]
fn an_upstream_that_is_over_is_given_nothing() {
    let mut config = config();
    config.in_flight_bytes = 1;
    let mut rig = Rig::live_with(config, Protocol::OffhookV1Bin);
    rig.upstream(ResponseDone::default());
    rig.upstream(ResponseDone::default());
    rig.handle(Input::UpstreamEnded(over()));
    rig.say_binary(1, 1);
    rig.say(1, 2);
    assert!(rig.heard().is_empty() && rig.given().is_empty());
    assert_eq!(rig.heartbeat(1).0, 0);
}

#[test]
fn last_words_that_have_arrived_are_the_end() {
    for drops in [true, false] {
        let mut rig = Rig::live(V1);
        rig.handle(Input::UpstreamEnded(over()));
        if drops {
            rig.drop(1);
        } else {
            rig.run(ms(2_000));
        }
        assert!(rig.ended());
    }
}

#[test]
fn who_is_revoked_hears_it_and_is_out() {
    let mut rig = Rig::live(V1);
    rig.attach(2, V1, true);
    rig.handle(Input::Revoke { reason: "stolen" });
    for conn in [1, 2] {
        let ServerEvent::SessionRevoked(revoked) = rig.last(conn, "session.revoked") else {
            panic!("it is revoked")
        };
        assert_eq!(revoked.reason, "stolen");
        let close = Close::new(Close::REVOKED, "session.revoked");
        assert_eq!(rig.close_of(conn), Some(close));
    }
    rig.clear();
    rig.say(1, 1);
    rig.resume(2, 1, 1);
    assert!(rig.outputs.is_empty());
    rig.closes(1, Close::REVOKED);
    assert!(!rig.ended());
    rig.drop(2);
    assert!(rig.ended());
    // Nobody is there to hear it.
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.handle(Input::Revoke { reason: "stolen" });
    assert!(rig.ended());
}

#[test]
fn a_bridge_that_will_go_says_when_and_keeps_its_word() {
    let mut rig = Rig::live(V1);
    rig.handle(drain(10_000));
    let ServerEvent::GoAway(go_away) = rig.last(1, "offhook.go_away") else {
        panic!("it goes")
    };
    assert_eq!(go_away.reason, "deploy");
    assert_eq!(go_away.deadline_ms, 10_000);
    assert_eq!(go_away.reconnect_after_ms, 1_234);
    let url = "wss://b.example/v1/realtime";
    assert_eq!(go_away.resume_url.as_deref(), Some(url));
    rig.run(ms(4_000));
    rig.say(1, 1);
    assert_eq!(rig.given().len(), 1, "until then all is as it was");
    // Who comes back to it meanwhile is told too.
    rig.attach(2, V1, true);
    rig.resume(2, 1, 2);
    let ServerEvent::GoAway(go_away) = rig.last(2, "offhook.go_away") else {
        panic!("it goes")
    };
    assert_eq!(go_away.deadline_ms, 6_000);
    rig.run(ms(5_999));
    assert!(rig.close_of(2).is_none());
    rig.attach(3, V1, true);
    rig.run(ms(1));
    let close = Close::new(Close::RESTART, "server.restart;retry_after_ms=1234");
    assert_eq!(rig.close_of(2), Some(close.clone()));
    assert_eq!(rig.close_of(3), Some(close.clone()));
    // The session is kept, but nobody gets in any more.
    assert!(!rig.ended());
    rig.attach(4, V1, true);
    assert_eq!(rig.close_of(4), Some(close));
    rig.run(ms(30_000));
    assert!(rig.ended());
}

#[test]
fn a_bridge_that_is_gone_says_when_to_come_back() {
    let mut hints = Vec::new();
    for seed in 0..20 {
        let mut config = config();
        config.seed = seed;
        let mut rig = Rig::live_with(config, V1);
        rig.handle(Input::Shutdown);
        let close = rig.close_of(1).expect("it is closed");
        assert_eq!(close.code, Close::RESTART);
        hints.push(close.hint("retry_after_ms").expect("there is a hint"));
        rig.run(ms(2_000));
        assert!(rig.aborted(1) && rig.ended());
    }
    hints.dedup();
    assert!(hints.iter().all(|hint| (1_000..=5_000).contains(hint)));
    assert!(hints.len() > 10);

    let mut rig = Rig::live(V1);
    rig.handle(drain(10_000));
    rig.handle(Input::Shutdown);
    let close = rig.close_of(1).expect("it is closed");
    assert_eq!(close.hint("retry_after_ms"), Some(1_234));

    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.handle(Input::Shutdown);
    assert!(rig.ended());
}

#[test]
fn clients_that_never_answer_a_close_take_no_endless_memory() {
    let mut rig = Rig::live(V1);
    for conn in 2..50 {
        rig.attach(conn, V1, true);
    }
    assert!((2..=40).all(|conn| rig.aborted(conn)));
    assert!(!rig.aborted(49) && !rig.aborted(1));
    rig.received(49, Received::Alive);
    rig.resume(49, 1, 1);
    assert!(rig.kinds(49).contains(&"session.resumed".to_owned()));
}
