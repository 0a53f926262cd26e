//! A session goes on where it stopped, over the next connection; or cannot, and says so.

use offhook_proto::server::{Input, Output, Received};
use offhook_proto::wire::ServerEvent;
use offhook_proto::wire::client::{Bye, Ping, ResponseCreate, SessionResume};
use offhook_proto::wire::server::{
    Pong, ResponseCreated, SessionCreated, SessionRevoked, SessionUpdated,
};
use offhook_proto::{Close, Conn, Protocol};

use crate::harness::{EPOCH, Rig, SESSION, UNIX_MS, config, ms, resume};

const V1: Protocol = Protocol::OffhookV1;

#[test]
fn a_fresh_session_says_hello_and_then_what_the_upstream_says() {
    let mut rig = Rig::new(config());
    rig.upstream(SessionCreated::default());
    assert!(rig.outputs.is_empty(), "nobody is there to hear it");
    rig.run(ms(1234));
    rig.attach(1, V1, false);
    assert_eq!(rig.kinds(1), ["offhook.hello", "session.created"]);
    let ServerEvent::Hello(hello) = rig.last(1, "offhook.hello") else {
        panic!("it is a hello")
    };
    assert_eq!(hello.session_id, SESSION);
    assert_eq!(hello.epoch, EPOCH);
    assert_eq!(hello.generation, 1);
    assert_eq!(hello.server_time, UNIX_MS + 1234);
    assert_eq!(hello.resume_window_ms, 30_000);
    assert_eq!(hello.heartbeat_ms, 250);
    assert_eq!((hello.expires_at, hello.refresh_in_ms), (None, None));
    // What is of the connection has no number.
    assert_eq!(rig.seqs(1), [1]);
    assert_eq!(rig.attached(), [true]);
}

#[test]
fn a_session_goes_on_where_it_stopped() {
    let mut rig = Rig::live(V1);
    for seq in 1..=3 {
        rig.say(1, seq);
    }
    rig.upstream(SessionUpdated::default());
    rig.upstream(ResponseCreated::default());
    let before = rig.sent(1);
    rig.drop(1);
    assert_eq!(rig.attached(), [false]);
    rig.clear();
    // What the upstream says meanwhile is kept.
    rig.upstream(ResponseCreated::default());
    assert!(rig.outputs.is_empty());
    rig.run(ms(20_000));

    rig.attach(2, V1, true);
    assert_eq!(rig.kinds(2), ["offhook.hello"]);
    assert!(rig.attached().is_empty(), "it has not shown where it is");
    rig.resume(2, 2, 5);
    let ServerEvent::SessionResumed(resumed) = rig.last(2, "session.resumed") else {
        panic!("it resumed")
    };
    assert_eq!(resumed.epoch, EPOCH);
    assert_eq!(
        (resumed.generation, resumed.recv, resumed.commit),
        (2, 3, 0)
    );
    assert_eq!((resumed.replay_from, resumed.replay_to), (3, 3));
    assert_eq!(rig.seqs(2), [3, 4]);
    assert_eq!(rig.attached(), [true]);
    // The same in every way.
    assert!(rig.sent(2).contains(&before[1]), "{before:?}");

    // The client sends again what it does not know to have arrived.
    rig.clear();
    for seq in 3..=4 {
        rig.say(2, seq);
    }
    assert_eq!(rig.given().len(), 1);
    assert_eq!(rig.given()[0].seq, Some(4));
}

#[test]
fn with_nothing_to_repeat_the_replay_is_empty() {
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    let ServerEvent::SessionResumed(resumed) = rig.last(2, "session.resumed") else {
        panic!("it resumed")
    };
    assert_eq!((resumed.replay_from, resumed.replay_to), (2, 1));
    assert!(rig.seqs(2).is_empty());
}

#[test]
fn the_older_connection_is_fenced_off_once_the_newer_one_has_shown_where_it_is() {
    let mut rig = Rig::live(V1);
    rig.attach(2, V1, true);
    rig.say(1, 1);
    rig.upstream(SessionUpdated::default());
    assert_eq!(rig.given().len(), 1, "until then it is the session's");
    assert_eq!(rig.seqs(1), [2]);
    assert!(rig.close_of(1).is_none());
    // Acknowledged and said over the old one, after the new one asked.
    rig.ack(1, 2);
    rig.resume(2, 1, 1);
    let close = rig.close_of(1).expect("it is superseded");
    assert_eq!(close, Close::new(Close::SUPERSEDED, "session.superseded"));
    let ServerEvent::SessionResumed(resumed) = rig.last(2, "session.resumed") else {
        panic!("it resumed")
    };
    assert_eq!((resumed.recv, resumed.replay_from), (1, 3));
    assert!(rig.attached().is_empty(), "it was never alone");

    rig.clear();
    rig.say(1, 2);
    rig.send(1, None, Bye::default());
    rig.ack(1, 2);
    rig.received(1, Received::TooBig);
    assert!(rig.outputs.is_empty(), "{:?}", rig.outputs);
    rig.closes(1, Close::NORMAL);
    assert!(rig.outputs.is_empty(), "{:?}", rig.outputs);
    rig.say(2, 2);
    assert_eq!(rig.given().len(), 1);
}

#[test]
fn a_connection_that_does_not_close_is_dropped() {
    let mut rig = Rig::live(V1);
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    rig.run(ms(1999));
    assert!(!rig.aborted(1));
    rig.run(ms(1));
    assert!(rig.aborted(1));
    assert!(!rig.ended());
    rig.clear();
    rig.drop(1);
    assert!(rig.outputs.is_empty());
}

#[test]
fn of_two_that_want_to_take_over_the_later_one_does() {
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.attach(2, V1, true);
    rig.attach(3, V1, true);
    assert_eq!(rig.code_of(2), Some(Close::SUPERSEDED));
    rig.resume(2, 1, 1);
    assert!(!rig.kinds(2).contains(&"session.resumed".to_owned()));
    rig.resume(3, 1, 1);
    let ServerEvent::SessionResumed(resumed) = rig.last(3, "session.resumed") else {
        panic!("it resumed")
    };
    assert_eq!(resumed.generation, 3);
}

#[test]
fn a_client_that_meant_another_session_is_told_and_served() {
    let mut rig = Rig::new(config());
    rig.attach(1, V1, true);
    rig.upstream(SessionCreated::default());
    let expected = ["offhook.hello", "session.resume_failed", "session.created"];
    assert_eq!(rig.kinds(1), expected);
    let ServerEvent::SessionResumeFailed(failed) = rig.last(1, "session.resume_failed") else {
        panic!("it failed")
    };
    assert_eq!(failed.code, "unknown_session");
    assert_eq!(rig.server.tally().unknown, 1);
    rig.clear();
    // It asked before it read the hello.
    rig.resume(1, 9, 9);
    assert!(rig.outputs.is_empty());
    rig.say(1, 1);
    assert_eq!(rig.given().len(), 1);
    // Once is enough.
    rig.resume(1, 9, 9);
    let ServerEvent::Error(error) = rig.last(1, "error") else {
        panic!("it is an error")
    };
    assert_eq!(error.error.code.as_deref(), Some("unexpected_resume"));
    assert_eq!(error.error.event_id.as_deref(), Some("client_0"));
    assert!(rig.close_of(1).is_none());
}

#[test]
fn what_cannot_be_resumed_is_named_and_the_session_waits_on() {
    let cases: [(SessionResume, &str); 5] = [
        (
            SessionResume {
                session_id: "sess_2".into(),
                ..resume(3, 3)
            },
            "unknown_session",
        ),
        (
            SessionResume {
                epoch: "epoch_0".into(),
                ..resume(3, 3)
            },
            "unknown_epoch",
        ),
        // Never sent; gone; numbers that came already.
        (resume(5, 3), "bad_sequence"),
        (resume(2, 3), "bad_sequence"),
        (resume(4, 2), "bad_sequence"),
    ];
    for (wrong, code) in cases {
        let mut rig = Rig::live(V1);
        rig.say(1, 1);
        rig.say(1, 2);
        for _ in 0..3 {
            rig.upstream(SessionUpdated::default());
        }
        rig.ack(1, 3);
        rig.drop(1);
        // Kept, but never sent.
        rig.upstream(SessionUpdated::default());
        rig.attach(2, V1, true);
        rig.send(2, None, wrong);
        let ServerEvent::SessionResumeFailed(failed) = rig.last(2, "session.resume_failed") else {
            panic!("it failed")
        };
        assert_eq!(failed.code, code);
        assert_eq!(rig.code_of(2), Some(Close::CANNOT_RESUME), "{code}");
        assert!(!rig.ended());
        rig.attach(3, V1, true);
        rig.resume(3, 4, 3);
        assert_eq!(rig.seqs(3), [5], "{code}");
        let tally = rig.server.tally();
        let unknown = u64::from(code != "bad_sequence");
        assert_eq!((tally.resumed, tally.unknown), (1, unknown), "{code}");
        assert_eq!(tally.bad_sequence, 1 - unknown, "{code}");
    }
}

#[test]
fn whoever_wants_to_take_over_says_from_where_first_and_soon() {
    let mut rig = Rig::live(V1);
    rig.attach(2, V1, true);
    rig.received(2, Received::Alive);
    rig.run(ms(4999));
    assert!(rig.close_of(2).is_none());
    assert!(rig.sent(2).len() == 1, "only the hello");
    rig.run(ms(1));
    // It may be its network that is slow: the session is there all the same.
    assert_eq!(rig.code_of(2), Some(Close::HEARTBEAT_LOST));

    let first: [fn(&mut Rig, u32); 4] = [
        |rig, conn| rig.say(conn, 1),
        |rig, conn| rig.text(conn, "{"),
        |rig, conn| rig.send(conn, None, Ping::default()),
        |rig, conn| rig.received(conn, Received::Binary(&[0x11; 16])),
    ];
    for (conn, first) in (3..).zip(first) {
        rig.attach(conn, V1, true);
        first(&mut rig, conn);
        assert_eq!(rig.code_of(conn), Some(Close::CANNOT_RESUME), "{conn}");
        rig.closes(conn, Close::CANNOT_RESUME);
    }
    assert!(rig.given().is_empty());
    // The session's own connection did not notice.
    rig.say(1, 1);
    assert_eq!(rig.given().len(), 1);
}

#[test]
fn a_session_without_a_connection_is_kept_for_the_window_and_no_longer() {
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.clear();
    rig.run(ms(29_999));
    assert!(rig.outputs.is_empty());
    rig.run(ms(1));
    assert_eq!(rig.outputs, [Output::Ended]);
    assert!(!rig.server.takes_upstream());
    rig.attach(2, V1, true);
    assert_eq!(rig.outputs, [Output::Ended]);
}

#[test]
fn a_connection_that_is_about_to_resume_holds_the_window_open() {
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.run(ms(29_000));
    rig.attach(2, V1, true);
    rig.run(ms(4_000));
    assert!(!rig.ended());
    rig.resume(2, 1, 1);
    rig.run(ms(5_000));
    assert!(rig.kinds(2).contains(&"session.resumed".to_owned()));
    // The window is counted from the next drop.
    rig.drop(2);
    rig.run(ms(29_000));
    rig.attach(3, V1, true);
    rig.run(ms(2_000));
    rig.drop(3);
    assert!(rig.ended());
}

#[test]
fn the_times_of_a_connection_count_from_when_it_took_over() {
    let mut rig = Rig::live(V1);
    rig.drop(1);
    rig.attach(2, V1, true);
    rig.run(ms(4_000));
    rig.resume(2, 1, 1);
    rig.run(ms(249));
    assert_eq!(rig.sent(2).len(), 2, "hello and resumed");
    rig.run(ms(9_750));
    assert!(rig.close_of(2).is_none());
    rig.run(ms(1));
    assert_eq!(rig.code_of(2), Some(Close::HEARTBEAT_LOST));
}

#[test]
fn what_an_upstream_says_of_its_own_connection_is_not_passed_on() {
    let mut rig = Rig::live(V1);
    rig.upstream(SessionRevoked::default());
    rig.upstream(Pong::default());
    assert!(rig.outputs.is_empty());
}

#[test]
fn a_session_nobody_comes_to_ends() {
    let mut rig = Rig::new(config());
    rig.run(ms(30_000));
    assert_eq!(rig.outputs, [Output::Ended]);
}

#[test]
fn who_hangs_up_while_coming_back_ends_the_session() {
    for says in [true, false] {
        let mut rig = Rig::live(V1);
        rig.attach(2, V1, true);
        rig.clear();
        if says {
            rig.send(2, None, Bye::default());
            assert_eq!(rig.code_of(2), Some(Close::NORMAL));
        }
        rig.closes(2, Close::NORMAL);
        assert_eq!(rig.code_of(1), Some(Close::NORMAL));
        rig.closes(1, Close::NORMAL);
        assert!(rig.ended());
    }
}

#[test]
fn a_session_that_has_begun_takes_nobody_who_does_not_know_it() {
    let mut rig = Rig::live(V1);
    rig.attach(2, V1, false);
    assert_eq!(rig.code_of(2), Some(Close::CANNOT_RESUME));
    rig.attach(3, Protocol::Plain, true);
    assert_eq!(rig.code_of(3), Some(Close::POLICY));
    assert!(rig.sent(2).is_empty() && rig.sent(3).is_empty());
    assert!(rig.close_of(1).is_none());
    // They do not count.
    rig.attach(4, V1, true);
    let ServerEvent::Hello(hello) = rig.last(4, "offhook.hello") else {
        panic!("it is a hello")
    };
    assert_eq!(hello.generation, 2);
}

#[test]
fn news_of_connections_nobody_knows_is_passed_over() {
    let mut rig = Rig::live(V1);
    rig.drop(9);
    rig.say(9, 1);
    rig.handle(Input::TokenChecked {
        conn: Conn(9),
        event_id: None,
        checked: Ok(rig.now),
    });
    rig.send(9, Some(1), ResponseCreate::default());
    assert!(rig.outputs.is_empty());
}
