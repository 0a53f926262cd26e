//! Both ends of a call in memory, in virtual time: no socket, no clock, no sleep.

mod harness;
mod wire;

use std::time::Duration;

use offhook_proto::client::{End, State};
use offhook_proto::wire::client::ResponseCreate;
use offhook_proto::wire::server::{Error, OutputAudioDelta};
use offhook_proto::wire::{
    ClientEvent, Envelope, ErrorDetail, Fields, ServerEvent, decode_pcm16, encode_pcm16,
};
use offhook_proto::{Close, Protocol, client, server};

use harness::{LATENCY, Pair};

const OURS: [Protocol; 2] = [Protocol::OffhookV1, Protocol::OffhookV1Bin];
const ALL: [Protocol; 3] = [Protocol::Plain, Protocol::OffhookV1, Protocol::OffhookV1Bin];

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn speak(pair: &mut Pair, sample: i16) {
    pair.client(client::Input::Audio(&[sample; 480]));
}

fn delta(sample: i16) -> OutputAudioDelta {
    OutputAudioDelta {
        item_id: "item_1".into(),
        response_id: "resp_1".into(),
        delta: encode_pcm16(&[sample; 480]),
        ..OutputAudioDelta::default()
    }
}

/// The first sample of each piece of the agent's audio that the caller got.
fn heard(pair: &Pair) -> Vec<i16> {
    let deltas = pair.events.iter().filter_map(|event| match event {
        ServerEvent::OutputAudioDelta(delta) => Some(decode_pcm16(&delta.delta)),
        _ => None,
    });
    deltas.map(|pcm| pcm.expect("we wrote it")[0]).collect()
}

#[test]
fn what_is_said_before_the_line_is_up_arrives_first_and_in_order() {
    for protocol in ALL {
        let mut pair = Pair::new(protocol);
        for sample in 0..5 {
            speak(&mut pair, sample);
        }
        pair.run_for(ms(100));
        for sample in 5..10 {
            speak(&mut pair, sample);
        }
        pair.run_for(ms(200));
        assert_eq!(
            pair.session().audio,
            (0..10).collect::<Vec<_>>(),
            "{protocol}"
        );
        assert_eq!(pair.client.waiting(), Duration::ZERO);
    }
}

#[test]
fn a_quiet_call_stays_good_for_an_hour_with_one_connection_and_fresh_tokens() {
    for protocol in OURS {
        let mut pair = Pair::live(protocol);
        pair.run_for(Duration::from_secs(3600));
        assert!(
            pair.states.iter().all(|(_, state)| matches!(
                state,
                State::Dialling(_)
                    | State::Live {
                        unstable: false,
                        ..
                    }
            )),
            "{:?}",
            pair.states
        );
        assert_eq!(pair.sessions.len(), 1);
        let State::Live { round_trip, .. } = pair.state() else {
            panic!("live")
        };
        assert_eq!(*round_trip, Some(LATENCY * 2), "{protocol}");
        let refreshed = pair.frames.iter();
        let refreshed = refreshed.filter(|frame| frame.contains("\"session.refreshed\""));
        // Every 30 to 48 s.
        assert!((75..=120).contains(&refreshed.count()), "{protocol}");
    }
}

#[test]
fn plain_mode_shows_nothing_of_ours() {
    let mut pair = Pair::live(Protocol::Plain);
    pair.run_for(Duration::from_secs(60));
    pair.client(client::Input::Send(ResponseCreate::default().into()));
    pair.run_for(ms(1000));
    assert_eq!(
        pair.frames.len(),
        1,
        "only session.created: {:?}",
        pair.frames
    );
    assert!(
        pair.frames
            .iter()
            .all(|frame| !frame.contains("offhook") && !frame.contains("seq"))
    );
    let events = &pair.session().events;
    assert_eq!((events.len(), events[0].seq), (1, None));
    assert!(events[0].event_id.is_some());
}

#[test]
fn the_superset_says_hello_first_and_numbers_what_belongs_to_the_session() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.run_for(ms(2000));
    assert!(pair.frames[0].contains("\"offhook.hello\""));
    let mut seq = 0;
    for frame in &pair.frames {
        let envelope = Envelope::<ServerEvent>::decode(frame).expect("we wrote it");
        if envelope.event.is_of_connection() {
            assert_eq!(envelope.seq, None, "{frame}");
        } else {
            seq += 1;
            assert_eq!(envelope.seq, Some(seq), "{frame}");
        }
        assert!(envelope.event_id.is_some(), "{frame}");
    }
    assert_eq!(seq, 1);
    assert!(pair.frames.len() >= 8, "a heartbeat every 250 ms");
}

#[test]
fn a_cut_loses_nothing_in_either_direction() {
    for protocol in OURS {
        let mut pair = Pair::live(protocol);
        for sample in 0..400 {
            speak(&mut pair, sample);
            pair.upstream(delta(sample));
            pair.run_for(ms(20));
            // At every distance from what is on its way.
            if sample % 37 == 5 {
                pair.cut();
            }
        }
        pair.run_for(Duration::from_secs(60));
        assert_eq!(
            pair.session().audio,
            (0..400).collect::<Vec<_>>(),
            "{protocol}"
        );
        assert_eq!(heard(&pair), (0..400).collect::<Vec<_>>(), "{protocol}");
        assert_eq!(pair.sessions.len(), 1, "{protocol}");
        assert!(pair.backs.len() >= 3 && pair.backs.iter().all(|back| back.resumed));
        assert!(pair.lost.is_empty());
    }
}

#[test]
fn a_line_that_goes_dead_is_noticed_by_both_ends_and_resumed() {
    let mut pair = Pair::live(Protocol::OffhookV1Bin);
    let start = pair.now;
    pair.severed = true;
    for sample in 0..500 {
        speak(&mut pair, sample);
        pair.run_for(ms(20));
    }
    pair.severed = false;
    pair.run_for(Duration::from_secs(15));
    let at = |wanted: fn(&State) -> bool| {
        let found = pair
            .states
            .iter()
            .find(|(at, state)| *at >= start && wanted(state));
        found.map(|(at, _)| *at - start)
    };
    let unstable = at(|state| matches!(state, State::Live { unstable: true, .. }));
    assert!(
        unstable.is_some_and(|after| after <= ms(2000)),
        "{unstable:?}"
    );
    let gone = at(|state| matches!(state, State::Reconnecting { .. }));
    assert!(gone.is_some_and(|after| after <= ms(6000)), "{gone:?}");
    assert!(
        matches!(pair.state(), State::Live { .. }),
        "{:?}",
        pair.state()
    );
    assert_eq!(pair.session().audio, (0..500).collect::<Vec<_>>());
    assert_eq!(pair.sessions.len(), 1);
}

#[test]
fn a_short_silence_recovers_and_loses_nothing() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.stalled_until = pair.now + Duration::from_secs(4);
    for sample in 0..10 {
        speak(&mut pair, sample);
    }
    pair.run_for(ms(3500));
    assert!(matches!(pair.state(), State::Live { unstable: true, .. }));
    assert!(pair.session().audio.is_empty());
    pair.run_for(ms(1000));
    assert!(matches!(
        pair.state(),
        State::Live {
            unstable: false,
            ..
        }
    ));
    assert_eq!(pair.session().audio, (0..10).collect::<Vec<_>>());
    assert!(pair.backs.is_empty());
}

#[test]
fn a_session_that_is_lost_goes_on_in_a_new_one_from_what_was_used() {
    let mut pair = Pair::live(Protocol::OffhookV1Bin);
    for sample in 0..300 {
        speak(&mut pair, sample);
        pair.run_for(ms(20));
    }
    pair.run_for(ms(500));
    pair.forget();
    pair.run_for(Duration::from_secs(10));
    assert_eq!(pair.sessions.len(), 2);
    let old = &pair.sessions[0].audio;
    assert_eq!(*old, (0..300).collect::<Vec<_>>());
    let again = pair.session().audio[0];
    assert_eq!(pair.session().audio, (again..300).collect::<Vec<_>>());
    // Nobody spoke: all but the last two seconds counts as used.
    assert!((180..=200).contains(&again), "{again}");
    assert!(!pair.backs[0].resumed);
    assert!(pair.lost.is_empty());
}

#[test]
fn hanging_up_ends_both_ends_with_nothing_lost() {
    for protocol in ALL {
        let mut pair = Pair::live(protocol);
        for sample in 0..50 {
            speak(&mut pair, sample);
            pair.run_for(ms(20));
        }
        pair.client(client::Input::HangUp);
        pair.run_for(Duration::from_secs(3));
        assert_eq!(*pair.state(), State::Ended(End::HungUp), "{protocol}");
        assert!(pair.session().ended, "{protocol}");
        assert_eq!(
            pair.session().audio,
            (0..50).collect::<Vec<_>>(),
            "{protocol}"
        );
    }
}

#[test]
fn a_revoked_session_is_over_at_once() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.server(server::Input::Revoke { reason: "admin" });
    pair.run_for(ms(100));
    let State::Ended(End::Revoked { reason }) = pair.state() else {
        panic!("{:?}", pair.state())
    };
    assert_eq!(reason, "admin");
    pair.run_for(Duration::from_secs(3));
    assert!(pair.session().ended);
}

#[test]
fn an_error_before_a_close_explains_it() {
    let mut pair = Pair::live(Protocol::Plain);
    let error = ErrorDetail::invalid_request("model_not_found", "No such model.");
    pair.upstream(Error {
        error: error.clone(),
        extra: Fields::new(),
    });
    let close = Close::new(Close::INVALID_REQUEST, "");
    pair.server(server::Input::UpstreamEnded(close.clone()));
    pair.run_for(ms(1000));
    let error = Some(error);
    assert_eq!(*pair.state(), State::Ended(End::Closed { close, error }));
}

#[test]
fn garbage_ends_a_client_and_is_answered_by_a_server() {
    let mut pair = Pair::live(Protocol::Plain);
    pair.inject("{\"type\":\"input_audio_buffer.append\"}");
    pair.inject("[]");
    let conn = pair.conn();
    pair.server(server::Input::Received {
        conn,
        received: server::Received::Binary(&[1, 2, 3]),
    });
    pair.run_for(ms(1000));
    let errors = pair.events.iter();
    let errors = errors.filter(|event| matches!(event, ServerEvent::Error(_)));
    assert_eq!(errors.count(), 3);
    assert!(matches!(pair.state(), State::Live { .. }));
}

#[test]
fn a_missing_or_repeated_number_is_noticed() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    let event = |seq| {
        let envelope = Envelope {
            event_id: None,
            seq: Some(seq),
            event: ClientEvent::from(ResponseCreate::default()),
        };
        envelope.encode()
    };
    pair.inject(&event(1));
    pair.inject(&event(1));
    assert_eq!(
        pair.session().events.len(),
        1,
        "the repeated one is dropped"
    );
    pair.inject(&event(99));
    assert_eq!(pair.session().events.len(), 1);
    let conn = pair.conn();
    pair.run_for(Duration::from_secs(2));
    assert!(pair.conn() > conn, "the line was made anew");
    assert!(
        matches!(pair.state(), State::Live { .. }),
        "{:?}",
        pair.state()
    );
}

#[test]
fn a_flood_of_malformed_messages_is_cut_off() {
    let mut pair = Pair::live(Protocol::Plain);
    for _ in 0..100 {
        pair.inject("?");
    }
    pair.run_for(ms(1000));
    let State::Ended(End::Closed { close, .. }) = pair.state() else {
        panic!("{:?}", pair.state())
    };
    assert_eq!(close.code, Close::POLICY);
}
