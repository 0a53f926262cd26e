//! Both ends of a call in memory, in virtual time: no socket, no clock, no sleep.

mod harness;

use std::time::Duration;

use offhook_proto::client::{End, Failure, State, Step};
use offhook_proto::wire::client::{InputAudioBufferAppend, ResponseCreate};
use offhook_proto::wire::server::Error;
use offhook_proto::wire::{ClientEvent, Envelope, ErrorDetail, Fields, ServerEvent, encode_pcm16};
use offhook_proto::{Client, Close, Protocol, Time, client, server};

use harness::{LATENCY, Pair};

fn audio(sample: i16) -> ClientEvent {
    let audio = encode_pcm16(&[sample; 480]);
    InputAudioBufferAppend {
        audio,
        extra: Fields::new(),
    }
    .into()
}

fn samples(pair: &Pair) -> Vec<i16> {
    let appends = pair
        .upstream
        .iter()
        .filter_map(|envelope| match &envelope.event {
            ClientEvent::InputAudioBufferAppend(append) => Some(&append.audio),
            _ => None,
        });
    appends
        .map(|audio| offhook_proto::wire::decode_pcm16(audio).expect("we wrote it")[0])
        .collect()
}

#[test]
fn what_is_said_before_the_line_is_up_arrives_first_and_in_order() {
    for protocol in [Protocol::OffhookV1, Protocol::Plain] {
        let mut pair = Pair::new(protocol);
        for sample in 0..5 {
            pair.client(client::Input::Send(audio(sample)));
        }
        assert_eq!(pair.client.held(), Duration::from_millis(100));
        pair.run_for(Duration::from_millis(100));
        for sample in 5..10 {
            pair.client(client::Input::Send(audio(sample)));
        }
        pair.run_for(Duration::from_millis(100));
        assert_eq!(samples(&pair), (0..10).collect::<Vec<_>>(), "{protocol}");
        assert_eq!(pair.client.held(), Duration::ZERO);
    }
}

#[test]
fn a_quiet_call_stays_good_for_an_hour() {
    for protocol in [Protocol::OffhookV1, Protocol::Plain] {
        let mut pair = Pair::live(protocol);
        pair.run_for(Duration::from_secs(3600));
        let states = pair.states.iter().filter(|(_, state)| match state {
            State::Dialling(_) => false,
            State::Live { unstable, .. } => *unstable,
            State::Ended(_) => true,
        });
        assert_eq!(states.count(), 0, "{protocol}");
        let State::Live { round_trip, .. } = pair.state() else {
            panic!("live")
        };
        assert_eq!(*round_trip, Some(LATENCY * 2), "{protocol}");
    }
}

#[test]
fn plain_mode_shows_nothing_of_ours() {
    let mut pair = Pair::live(Protocol::Plain);
    pair.run_for(Duration::from_secs(60));
    pair.client(client::Input::Send(ResponseCreate::default().into()));
    pair.run_for(Duration::from_secs(1));
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
    assert_eq!(pair.upstream.len(), 1);
    assert_eq!(pair.upstream[0].seq, None);
    assert!(pair.upstream[0].event_id.is_some());
}

#[test]
fn the_superset_says_hello_first_and_numbers_everything() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.run_for(Duration::from_secs(2));
    assert!(pair.frames[0].contains("\"offhook.hello\""));
    for (index, frame) in pair.frames.iter().enumerate() {
        let envelope = Envelope::<ServerEvent>::decode(frame).expect("we wrote it");
        assert_eq!(envelope.seq, Some(index as u64 + 1), "{frame}");
        assert!(envelope.event_id.is_some(), "{frame}");
    }
    assert!(
        pair.frames.len() >= 8,
        "a heartbeat every 250 ms: {}",
        pair.frames.len()
    );
}

#[test]
fn a_dead_line_is_shown_as_unstable_and_then_given_up_by_both_ends() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    let cut_at = pair.now;
    pair.severed = true;
    pair.to_client.clear();
    pair.to_server.clear();
    pair.run_for(Duration::from_secs(30));
    let unstable = pair
        .states
        .iter()
        .find(|(_, s)| matches!(s, State::Live { unstable: true, .. }));
    let (at, _) = unstable.expect("unstable is shown");
    assert!(*at - cut_at <= Duration::from_secs(2), "{:?}", *at - cut_at);
    let (at, state) = pair.states.last().expect("there are states");
    assert_eq!(
        *state,
        State::Ended(End::Silent {
            after: Duration::from_secs(6)
        })
    );
    assert!(*at - cut_at <= Duration::from_secs(6));
    assert!(pair.server_ended);
}

#[test]
fn a_client_of_the_plain_api_that_is_gone_gets_no_code_of_ours() {
    let mut pair = Pair::live(Protocol::Plain);
    pair.severed = true;
    pair.run_for(Duration::from_secs(5));
    pair.severed = false;
    let server = pair.server.as_mut().expect("live");
    let later = pair.now + Duration::from_secs(60);
    server.handle(later, server::Input::Tick);
    pair.drain();
    assert!(pair.server_ended);
    let closes = |packet: &&(Time, harness::Packet)| matches!(packet.1, harness::Packet::Close(_));
    assert_eq!(pair.to_client.iter().filter(closes).count(), 0);
}

#[test]
fn a_short_silence_recovers_and_loses_nothing() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.stalled_until = pair.now + Duration::from_secs(4);
    for sample in 0..10 {
        pair.client(client::Input::Send(audio(sample)));
    }
    pair.run_for(Duration::from_millis(3500));
    assert!(
        matches!(pair.state(), State::Live { unstable: true, .. }),
        "{:?}",
        pair.state()
    );
    assert!(samples(&pair).is_empty());
    pair.run_for(Duration::from_secs(1));
    assert!(
        matches!(
            pair.state(),
            State::Live {
                unstable: false,
                ..
            }
        ),
        "{:?}",
        pair.state()
    );
    assert_eq!(samples(&pair), (0..10).collect::<Vec<_>>());
}

#[test]
fn hanging_up_ends_both_ends_with_nothing_lost() {
    for protocol in [Protocol::OffhookV1, Protocol::Plain] {
        let mut pair = Pair::live(protocol);
        for sample in 0..50 {
            pair.client(client::Input::Send(audio(sample)));
        }
        pair.client(client::Input::HangUp);
        pair.run_for(Duration::from_secs(3));
        assert_eq!(*pair.state(), State::Ended(End::HungUp), "{protocol}");
        assert!(pair.server_ended, "{protocol}");
        assert_eq!(samples(&pair), (0..50).collect::<Vec<_>>(), "{protocol}");
    }
}

#[test]
fn an_unanswered_close_is_given_up() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.severed = true;
    pair.client(client::Input::HangUp);
    pair.run_for(Duration::from_secs(2));
    assert_eq!(*pair.state(), State::Ended(End::HungUp));
}

#[test]
fn each_step_of_coming_up_has_a_limit() {
    let mut pair = Pair::new(Protocol::Plain);
    pair.answers = false;
    pair.run_for(Duration::from_secs(11));
    let after = Duration::from_secs(10);
    assert_eq!(
        *pair.state(),
        State::Ended(End::TimedOut {
            step: Step::Authorising,
            after
        })
    );

    let mut client = Client::new(client::Config::default(), Time::ZERO);
    client.handle(Time::ZERO, client::Input::Authorised);
    client.handle(Time::ZERO, client::Input::Connected(Protocol::Plain));
    let late = Time::from_start(after);
    client.handle(late, client::Input::Tick);
    let mut last = None;
    loop {
        match client.poll() {
            client::Output::Wait { .. } => break,
            output => last = Some(output),
        }
    }
    let end = End::TimedOut {
        step: Step::Opening,
        after,
    };
    assert_eq!(last, Some(client::Output::State(State::Ended(end))));
}

#[test]
fn a_refusal_ends_the_call_with_what_the_server_said() {
    let mut pair = Pair::new(Protocol::Plain);
    pair.answers = false;
    pair.drain();
    let failure = Failure::Refused {
        status: 401,
        retry_after: None,
        detail: "expired".into(),
    };
    pair.client(client::Input::Failed(failure.clone()));
    assert_eq!(*pair.state(), State::Ended(End::Failed(failure)));
}

#[test]
fn an_error_before_a_close_explains_it() {
    let mut pair = Pair::live(Protocol::Plain);
    let error = ErrorDetail::invalid_request("invalid_api_key", "Incorrect API key.");
    pair.upstream(Error {
        error: error.clone(),
        extra: Fields::new(),
    });
    let close = Close::new(Close::UNAUTHORISED, "");
    let server = pair.server.as_mut().expect("live");
    server.handle(pair.now, server::Input::UpstreamEnded(close.clone()));
    pair.run_for(Duration::from_secs(1));
    assert_eq!(
        *pair.state(),
        State::Ended(End::Closed {
            close,
            error: Some(error)
        })
    );
}

#[test]
fn garbage_ends_a_client_and_is_answered_by_a_server() {
    let mut pair = Pair::live(Protocol::Plain);
    let server = pair.server.as_mut().expect("live");
    server.handle(
        pair.now,
        server::Input::Text("{\"type\":\"input_audio_buffer.append\"}"),
    );
    server.handle(pair.now, server::Input::Text("[]"));
    server.handle(pair.now, server::Input::Binary(3));
    pair.run_for(Duration::from_secs(1));
    let errors = pair
        .events
        .iter()
        .filter(|event| matches!(event, ServerEvent::Error(_)));
    assert_eq!(errors.count(), 3);
    assert!(matches!(pair.state(), State::Live { .. }));

    pair.client(client::Input::Text("<html>"));
    pair.run_for(Duration::from_secs(3));
    assert!(
        matches!(pair.state(), State::Ended(End::BadMessage { .. })),
        "{:?}",
        pair.state()
    );
}

#[test]
fn a_missing_or_repeated_number_is_noticed() {
    let mut pair = Pair::live(Protocol::OffhookV1);
    pair.client(client::Input::Send(audio(1)));
    pair.run_for(Duration::from_millis(100));
    let again = Envelope {
        event_id: None,
        seq: Some(1),
        event: audio(1),
    }
    .encode();
    let server = pair.server.as_mut().expect("live");
    server.handle(pair.now, server::Input::Text(&again));
    pair.run_for(Duration::from_millis(100));
    assert_eq!(samples(&pair), [1], "the repeated one is dropped");

    let skipping = Envelope {
        event_id: None,
        seq: Some(99),
        event: audio(2),
    }
    .encode();
    let server = pair.server.as_mut().expect("live");
    server.handle(pair.now, server::Input::Text(&skipping));
    pair.run_for(Duration::from_secs(1));
    assert_eq!(samples(&pair), [1]);
    let State::Ended(End::Closed { close, .. }) = pair.state() else {
        panic!("{:?}", pair.state())
    };
    assert_eq!(close.code, Close::BAD_SEQUENCE);
}

#[test]
fn a_flood_of_malformed_messages_is_cut_off() {
    let mut pair = Pair::live(Protocol::Plain);
    let server = pair.server.as_mut().expect("live");
    for _ in 0..100 {
        server.handle(pair.now, server::Input::Text("?"));
    }
    pair.run_for(Duration::from_secs(1));
    let State::Ended(End::Closed { close, .. }) = pair.state() else {
        panic!("{:?}", pair.state())
    };
    assert_eq!(close.code, Close::POLICY);
}
