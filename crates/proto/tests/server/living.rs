//! Heartbeats, pings, pongs, and clients that fall silent.

use offhook_proto::server::{Input, Output, Received};
use offhook_proto::wire::ServerEvent;
use offhook_proto::wire::client::Ping;
use offhook_proto::wire::server::SessionUpdated;
use offhook_proto::{Close, Conn, Protocol, Time};

use crate::harness::{Rig, Told, UNIX_MS, config, ms};

const V1: Protocol = Protocol::OffhookV1;

fn pings(rig: &Rig) -> usize {
    let is_ping = |output: &&Output| matches!(output, Output::Ping { .. });
    rig.outputs.iter().filter(is_ping).count()
}

#[test]
fn something_is_said_every_heartbeat_whatever_else_is() {
    for protocol in [V1, Protocol::OffhookV1Bin] {
        let mut rig = Rig::live(protocol);
        for _ in 0..20 {
            rig.run(ms(100));
            rig.upstream(SessionUpdated::default());
        }
        let acks = rig.sent(1).into_iter().filter_map(|told| match told {
            Told::Event(envelope) => Some(envelope),
            Told::Audio { .. } => None,
        });
        let acks: Vec<_> = acks
            .filter(|envelope| envelope.event.kind() == "offhook.ack")
            .collect();
        assert_eq!(acks.len(), 8, "two seconds of them");
        for ack in acks {
            assert_eq!(ack.seq, None);
            assert!(ack.event_id.is_some());
            let ServerEvent::Ack(ack) = ack.event else {
                panic!("it is one")
            };
            assert_eq!((ack.up_to, ack.commit), (0, 0));
            assert!(ack.extra.is_empty());
        }
    }
}

#[test]
fn clients_are_told_how_far_to_spread_when_that_changes() {
    let mut rig = Rig::new(config());
    rig.attach(1, V1, false);
    let ServerEvent::Hello(hello) = rig.last(1, "offhook.hello") else {
        panic!("it is one")
    };
    assert_eq!(hello.reconnect_within_ms, Some(250));
    let told = |rig: &mut Rig| {
        rig.run(ms(250));
        match rig.last(1, "offhook.ack") {
            ServerEvent::Ack(ack) => ack.reconnect_within_ms,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(&mut rig), None);
    rig.handle(Input::Spread(ms(4000)));
    assert_eq!(told(&mut rig), Some(4000));
    assert_eq!(told(&mut rig), None);
}

#[test]
fn a_heartbeat_says_what_has_arrived() {
    let mut rig = Rig::live(V1);
    rig.say(1, 1);
    rig.say(1, 2);
    assert_eq!(rig.heartbeat(1), (2, 0));
}

#[test]
fn a_ping_goes_out_every_fifteen_seconds() {
    for protocol in [V1, Protocol::Plain] {
        let mut rig = Rig::live(protocol);
        rig.run_with(1, ms(14_999));
        assert_eq!(pings(&rig), 0);
        rig.run_with(1, ms(45_001));
        assert_eq!(pings(&rig), 4, "{protocol}");
    }
}

#[test]
fn a_ping_is_answered_at_once_with_both_clocks() {
    let mut rig = Rig::live(V1);
    rig.run(ms(100));
    let t = 4711;
    rig.send(
        1,
        None,
        Ping {
            t,
            ..Ping::default()
        },
    );
    let ServerEvent::Pong(pong) = rig.last(1, "offhook.pong") else {
        panic!("it is a pong")
    };
    assert_eq!((pong.t, pong.server_time), (t, UNIX_MS + 100));
    assert!(rig.seqs(1).is_empty());
}

#[test]
fn a_client_that_falls_silent_loses_its_connection_and_keeps_its_session() {
    let mut rig = Rig::live(V1);
    rig.run(ms(5_000));
    rig.received(1, Received::Alive);
    rig.run(ms(9_999));
    assert!(rig.close_of(1).is_none());
    rig.run(ms(1));
    let close = Close::new(Close::HEARTBEAT_LOST, "client.heartbeat_lost");
    assert_eq!(rig.close_of(1), Some(close));
    assert_eq!(rig.attached(), [false]);
    rig.run(ms(2_000));
    assert!(rig.aborted(1), "it does not answer that either");
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    assert_eq!(rig.attached(), [false, true]);
}

#[test]
fn a_plain_client_that_falls_silent_loses_its_session_without_a_word() {
    let mut rig = Rig::live(Protocol::Plain);
    rig.run(ms(54_999));
    assert!(!rig.aborted(1));
    rig.run(ms(1));
    assert!(rig.aborted(1) && rig.ended());
    assert!(rig.close_of(1).is_none());
}

#[test]
fn whoever_ticks_late_finds_everything_done_once() {
    let mut rig = Rig::live(V1);
    rig.now = rig.now + ms(3_600_000);
    rig.handle(Input::Tick);
    assert_eq!(rig.code_of(1), Some(Close::HEARTBEAT_LOST));
    assert_eq!(
        rig.sent(1).len(),
        1,
        "one heartbeat, not one for each that was missed"
    );
    assert_eq!(pings(&rig), 0);
    // The window is counted from when the client was given up.
    rig.run(ms(29_999));
    assert!(!rig.ended());
    rig.run(ms(1));
    assert!(rig.ended());
}

#[test]
fn what_is_due_is_done_even_if_nobody_ticks() {
    let mut rig = Rig::live(V1);
    for _ in 0..100 {
        rig.now = rig.now + ms(100);
        rig.say(1, 1);
    }
    assert!(rig.sent(1).len() >= 30, "{}", rig.sent(1).len());
    assert!(rig.close_of(1).is_none());
}

#[test]
fn no_heartbeat_is_too_fast_to_bear() {
    let mut config = config();
    config.heartbeat = ms(0);
    config.ping_every = ms(0);
    let mut rig = Rig::live_with(config, V1);
    rig.run(ms(100));
    assert!((50..=101).contains(&rig.sent(1).len()));
}

#[test]
fn pings_go_to_the_connection_that_took_over() {
    let mut rig = Rig::live(V1);
    rig.run_with(1, ms(14_000));
    rig.attach(2, V1, true);
    rig.resume(2, 1, 1);
    rig.clear();
    rig.run_with(2, ms(15_000));
    let ping = Output::Ping { conn: Conn(2) };
    assert_eq!(rig.outputs.iter().filter(|o| **o == ping).count(), 1);
    assert_eq!(pings(&rig), 1);
    assert_eq!(rig.now, Time::from_start(ms(29_000)));
}
