//! Lines that go and come back: resume, sleep, networks.

use std::time::Duration;

use offhook_proto::client::{Back, Cause, Doing, Input, Network, State};
use offhook_proto::wire::server;
use offhook_proto::{Conn, Protocol};

use super::ms;
use crate::harness::{Asked, Far, Sent};

/// Goes back to where it stopped: the server has `recv` and used `commit`.
pub(crate) fn resume(far: &mut Far, recv: u64, commit: u64) {
    far.hello("epoch_1", Some(30_000));
    far.resumed(recv, commit);
}

#[test]
fn a_dropped_line_is_resumed_where_it_stopped() {
    for protocol in [Protocol::OffhookV1, Protocol::OffhookV1Bin] {
        let mut far = Far::live(protocol);
        for sample in 1..=5 {
            far.audio(sample);
        }
        far.ack(2, 1);
        far.sent.clear();
        far.drop_line();
        for sample in 6..=8 {
            far.audio(sample);
        }
        assert!(far.sent.is_empty());
        let dropped = far.now;
        far.run_for(ms(250));
        let dials = far.dials();
        assert_eq!(dials.len(), 2);
        assert!(dials[1].0 - dropped <= ms(250));
        assert_eq!(dials[1].1.as_deref(), Some("sess_1"));
        assert!(
            far.asked
                .iter()
                .any(|(_, asked)| *asked == Asked::Connect(Conn(2), Some("sess_1".into())))
        );
        far.hello("epoch_1", Some(30_000));
        assert_eq!(far.take_kinds(), ["session.resume"]);
        assert!(matches!(far.state(), State::Reconnecting { .. }));
        far.resumed(3, 2);
        assert_eq!(
            far.take_audio(),
            [(4, 4), (5, 5), (6, 6), (7, 7), (8, 8)],
            "{protocol}"
        );
        assert!(
            matches!(far.state(), State::Live { .. }),
            "{:?}",
            far.state()
        );
        let [
            Back {
                away,
                resumed,
                answer_lost,
                input_from_ms,
            },
        ] = far.backs[..]
        else {
            panic!("{:?}", far.backs);
        };
        assert!(away <= ms(250) && resumed && !answer_lost);
        assert_eq!(input_from_ms, 0, "it is the session there was");
        assert!(far.lost.is_empty());
    }
}

#[test]
fn a_server_with_many_clients_says_how_far_to_spread_and_is_heeded() {
    let mut waits = Vec::new();
    for seed in 0..200 {
        let config = offhook_proto::client::Config {
            seed,
            ..offhook_proto::client::Config::default()
        };
        let mut far = Far::with(Protocol::OffhookV1, config);
        far.open("epoch_1");
        far.say(server::Ack {
            reconnect_within_ms: Some(4000),
            ..Default::default()
        });
        let dropped = far.now;
        far.drop_line();
        far.run_for(ms(4000));
        waits.push(far.dials()[1].0 - dropped);
    }
    waits.sort();
    assert!(waits[0] < ms(200) && waits[199] > ms(3800), "{waits:?}");
}

#[test]
fn what_is_sent_again_says_so() {
    let mut far = Far::live(Protocol::OffhookV1Bin);
    far.audio(1);
    far.sent.clear();
    far.drop_line();
    far.audio(2);
    far.run_for(ms(250));
    resume(&mut far, 0, 0);
    let audio = far.sent.iter().filter_map(|(_, sent)| match sent {
        Sent::Audio(seq, _, replayed) => Some((*seq, *replayed)),
        Sent::Event(_) => None,
    });
    assert_eq!(audio.collect::<Vec<_>>(), [(1, true), (2, false)]);
}

#[test]
fn catching_up_is_shown_until_it_is_done() {
    let mut far = Far::live(Protocol::OffhookV1Bin);
    far.answers = false;
    far.drop_line();
    for sample in 0..500 {
        far.audio(sample);
        far.run_for(ms(10));
    }
    // A step may take 10 s: the attempt under way is still waiting for its token.
    far.answers = true;
    far.tell(Input::Failed {
        conn: Conn(2),
        failure: super::refused(500),
    });
    far.run_for(ms(5000));
    assert_eq!(far.client.waiting(), ms(10_000));
    resume(&mut far, 0, 0);
    let State::CatchingUp { total, .. } = far.state() else {
        panic!("{:?}", far.state());
    };
    assert_eq!(*total, ms(10_000));
    let back = far.now;
    while !matches!(far.state(), State::Live { .. }) {
        far.run_for(ms(50));
        let sent = far.take_audio();
        if let Some((seq, _)) = sent.last() {
            far.ack(*seq, 0);
        }
        assert!(far.now - back < ms(3000), "{:?}", far.state());
    }
    // 10 s at eight times their pace, less what goes at once.
    assert!(far.now - back >= ms(10_000 / 8 - 100));
    let steps = far.states.iter();
    let steps = steps.filter(|(_, state)| matches!(state, State::CatchingUp { .. }));
    assert!(steps.count() >= 4);
    assert!(far.lost.is_empty());
}

#[test]
fn without_acknowledgements_only_so_much_is_on_its_way() {
    let mut far = Far::live(Protocol::OffhookV1Bin);
    for sample in 0..1000 {
        far.audio(sample);
        far.run_for(ms(20));
        far.receive(offhook_proto::client::Received::Alive(None));
    }
    assert_eq!(far.take_audio().len(), 400);
    far.ack(400, 0);
    far.run_alive(ms(2000));
    assert_eq!(far.take_audio().len(), 400);
}

#[test]
fn what_does_not_fit_the_window_is_reported_once_and_told_to_the_server() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.audio(0);
    far.ack(1, 1);
    far.sent.clear();
    far.drop_line();
    for _ in 0..3100 {
        far.audio(1);
    }
    assert_eq!(far.client.waiting(), ms(60_000));
    assert!(far.client.kept_bytes() <= 60 * 48_000);
    let lost: Vec<_> = far
        .lost
        .iter()
        .map(|gap| (gap.from_ms, gap.to_ms))
        .collect();
    assert_eq!(lost.first(), Some(&(20, 40)));
    assert_eq!(lost.last(), Some(&(2000, 2020)));
    assert_eq!(lost.len(), 100);
    far.answers = true;
    far.tell(Input::RetryNow);
    resume(&mut far, 1, 1);
    let first = far.sent.iter().find_map(|(_, sent)| match sent {
        Sent::Event(envelope) if envelope.seq.is_some() => Some(envelope),
        _ => None,
    });
    let Some(offhook_proto::wire::ClientEvent::Gap(gap)) = first.map(|first| &first.event) else {
        panic!("{first:?}");
    };
    assert_eq!(first.and_then(|first| first.seq), Some(2));
    assert_eq!((gap.through, gap.from_ms, gap.to_ms), (101, 20, 2020));
}

#[test]
fn a_loss_that_the_server_reports_never_ends_before_it_begins() {
    let mut far = Far::live(Protocol::OffhookV1);
    for (from_ms, to_ms) in [(40, 60), (60, 40)] {
        far.say(server::Gap {
            direction: "input".into(),
            from_ms,
            to_ms,
            reason: "overrun".into(),
            ..server::Gap::default()
        });
    }
    let lost: Vec<_> = far
        .lost
        .iter()
        .map(|gap| (gap.from_ms, gap.to_ms))
        .collect();
    assert_eq!(lost, [(40, 60), (60, 60)]);
}

#[test]
fn a_network_that_comes_back_is_used_at_once() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.tell(Input::Network(Network::Down));
    assert!(
        matches!(far.state(), State::Live { .. }),
        "a hint ends nothing"
    );
    far.run_for(ms(1000));
    let State::Reconnecting { cause, .. } = far.state() else {
        panic!("{:?}", far.state());
    };
    assert_eq!(*cause, Cause::NetworkDown);
    far.run_for(ms(100));
    far.tell(Input::Failed {
        conn: Conn(2),
        failure: offhook_proto::client::Failure::HostUnknown,
    });
    let State::Reconnecting {
        doing: Doing::Offline { .. },
        ..
    } = far.state()
    else {
        panic!("{:?}", far.state());
    };
    far.run_for(ms(300));
    let dials = far.dials().len();
    far.answers = true;
    far.tell(Input::Network(Network::Up));
    assert_eq!(far.dials().len(), dials + 1);
    resume(&mut far, 0, 0);
    assert!(matches!(far.state(), State::Live { .. }));
}

#[test]
fn a_line_that_survives_a_change_of_network_is_kept() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.tell(Input::Network(Network::Changed));
    assert_eq!(far.take_kinds(), ["offhook.ping"]);
    far.run_alive(ms(3000));
    assert_eq!(far.dials().len(), 1);
    assert!(matches!(far.state(), State::Live { .. }));
}

#[test]
fn sleep_is_noticed_even_if_nobody_tells() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.run_alive(ms(1000));
    far.now = far.now + Duration::from_secs(3600);
    far.answers = true;
    far.tell(Input::Tick);
    far.tell(Input::Slept(Duration::from_secs(3600)));
    far.run_for(ms(1));
    assert_eq!(far.dials().len(), 2, "at once, and once");
    let cause = far.states.iter().find_map(|(_, state)| match state {
        State::Reconnecting { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(cause, Some(Cause::Slept));
    // The session did not wait that long: a new one goes on.
    far.open("epoch_2");
    assert!(matches!(far.state(), State::Live { .. }));
    assert!(!far.backs[0].resumed);
}

#[test]
fn a_short_stop_of_the_program_costs_no_line_that_is_still_good() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.run_alive(ms(1000));
    far.now = far.now + ms(7000);
    far.tell(Input::Tick);
    assert!(
        matches!(far.state(), State::Live { .. }),
        "{:?}",
        far.state()
    );
    far.run_alive(ms(2000));
    assert_eq!(far.dials().len(), 1);
}

#[test]
fn a_call_is_not_given_up_for_the_time_it_slept() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.drop_line();
    far.run_for(ms(5000));
    far.now = far.now + Duration::from_secs(24 * 3600);
    far.tell(Input::Tick);
    assert!(
        matches!(far.state(), State::Reconnecting { .. }),
        "{:?}",
        far.state()
    );
}

#[test]
fn flapping_is_left_alone_for_a_while_and_said() {
    let mut far = Far::live(Protocol::OffhookV1);
    let start = far.now;
    while far.now - start < Duration::from_secs(600) {
        far.run_for(ms(50));
        if matches!(
            far.state(),
            State::Live { .. }
                | State::Reconnecting {
                    doing: Doing::Trying(_),
                    ..
                }
        ) {
            resume(&mut far, 0, 0);
            far.run_for(ms(50));
            far.close(1011, "");
        }
    }
    let dials: Vec<_> = far.dials().into_iter().map(|(at, _)| at).collect();
    for twenty_one in dials.windows(21) {
        assert!(twenty_one[20] - twenty_one[0] >= Duration::from_secs(60));
    }
    assert!(dials.len() < 30, "one every 30 s: {}", dials.len());
    assert!(far.states.iter().any(|(_, state)| matches!(
        state,
        State::Reconnecting {
            cause: Cause::ServerUnstable,
            doing: Doing::Pausing { .. },
            ..
        }
    )));
}

#[test]
fn a_gap_in_the_servers_numbers_makes_the_line_anew() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.seq += 1;
    far.say(server::ResponseCreated::default());
    assert!(
        far.asked
            .iter()
            .any(|(_, asked)| matches!(asked, Asked::Close(_, close) if close.code == 4422))
    );
    far.seq -= 2;
    far.run_for(ms(600));
    resume(&mut far, 0, 0);
    assert!(matches!(far.state(), State::Live { .. }));
}
