//! The client end of a session against a server that is played by hand, in virtual time.

mod handovers;
mod harness;
mod lines;
mod sessions;
mod tokens;

use std::time::Duration;

use offhook_proto::client::{Cause, Doing, End, Failure, Input, Received, State, Step};
use offhook_proto::wire::ClientEvent;
use offhook_proto::wire::client::ResponseCreate;
use offhook_proto::wire::server::{Error, OutputAudioDelta, Stream};
use offhook_proto::wire::{ErrorDetail, ServerEvent, decode_pcm16};
use offhook_proto::{Close, Conn, Protocol, Time};

use harness::{Asked, Far};

const BOTH: [Protocol; 3] = [Protocol::Plain, Protocol::OffhookV1, Protocol::OffhookV1Bin];

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn refused(status: u16) -> Failure {
    Failure::Refused {
        status,
        retry_after: None,
        detail: String::new(),
    }
}

#[test]
fn what_is_said_before_the_line_is_up_goes_first_and_faster() {
    for protocol in BOTH {
        let mut far = Far::new(protocol);
        for sample in 0..100 {
            far.audio(sample);
        }
        far.tell(Input::Send(ResponseCreate::default().into()));
        assert_eq!(far.client.waiting(), ms(2000));
        assert!(far.sent.is_empty());
        far.open("epoch_1");
        far.run_alive(ms(50));
        far.audio(100);
        // Not more than eight times faster than it was said, 400 ms at the start aside.
        assert!(
            far.client.waiting() >= ms(2000 - 400 - 400 - 40),
            "{protocol}"
        );
        far.run_alive(ms(250));
        assert_eq!(far.client.waiting(), Duration::ZERO, "{protocol}");
        let audio: Vec<i16> = far
            .take_audio()
            .into_iter()
            .map(|(_, sample)| sample)
            .collect();
        assert_eq!(audio, (0..=100).collect::<Vec<_>>(), "{protocol}");
        let states: Vec<_> = far.states.iter().map(|(_, state)| state).collect();
        assert!(
            matches!(
                states[..],
                [
                    State::Dialling(Step::Authorising),
                    State::Dialling(Step::Connecting),
                    State::Dialling(Step::Opening),
                    State::Live { .. },
                    ..
                ]
            ),
            "{states:?}"
        );
    }
}

#[test]
fn a_first_dial_that_fails_ends_the_call_unless_the_server_says_to_come_back() {
    for failure in [refused(401), refused(500), Failure::HostUnknown] {
        let mut far = Far::new(Protocol::OffhookV1);
        let conn = far.conn;
        far.tell(Input::Failed {
            conn,
            failure: failure.clone(),
        });
        assert_eq!(*far.state(), State::Ended(End::Failed(failure)));
    }
    let mut far = Far::new(Protocol::OffhookV1);
    far.audio(7);
    let conn = far.conn;
    far.tell(Input::Failed {
        conn,
        failure: refused(503),
    });
    far.run_for(ms(5000));
    assert_eq!(far.dials().len(), 2);
    far.open("epoch_1");
    assert_eq!(far.take_audio(), [(1, 7)]);
}

#[test]
fn every_step_of_a_first_dial_has_a_limit() {
    let mut far = Far::new(Protocol::OffhookV1);
    far.run_for(ms(10_000));
    let end = End::TimedOut {
        step: Step::Opening,
        after: ms(10_000),
    };
    assert_eq!(*far.state(), State::Ended(end));
    assert_eq!(
        far.asked.last().map(|(_, asked)| asked),
        Some(&Asked::Abort(Conn(1)))
    );
    let mut far = Far::new(Protocol::Plain);
    far.drop_line();
    assert!(matches!(far.state(), State::Ended(End::Dropped { .. })));
}

#[test]
fn a_silent_line_is_unstable_then_dead_and_made_anew() {
    for (protocol, unstable, dead) in [
        (Protocol::OffhookV1Bin, ms(2000), ms(6000)),
        (Protocol::Plain, ms(5000), ms(15_000)),
    ] {
        let mut far = Far::live(protocol);
        let start = far.now;
        far.answers = false;
        far.run_for(dead);
        let at = |wanted: fn(&State) -> bool| {
            let found = far.states.iter().find(|(_, state)| wanted(state));
            found.map(|(at, _)| *at - start)
        };
        assert_eq!(
            at(|state| matches!(state, State::Live { unstable: true, .. })),
            Some(unstable)
        );
        assert_eq!(
            at(|state| matches!(state, State::Reconnecting { .. })),
            Some(dead)
        );
        assert!(
            far.asked
                .iter()
                .any(|(_, asked)| *asked == Asked::Abort(Conn(1)))
        );
        assert!(
            !far.asked
                .iter()
                .any(|(_, asked)| matches!(asked, Asked::Close(..)))
        );
    }
}

#[test]
fn a_line_that_does_not_come_back_is_given_up() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.drop_line();
    let start = far.now;
    far.run_for(ms(119_999));
    assert!(matches!(far.state(), State::Reconnecting { .. }));
    far.run_for(ms(1));
    let State::Ended(End::GaveUp { after, cause }) = far.state() else {
        panic!("{:?}", far.state());
    };
    assert_eq!((*after, *cause), (ms(120_000), Cause::TokenService));
    let dials = far.dials();
    assert!(dials.len() > 8, "a step may take 10 s: {}", dials.len());
    assert!(dials[1].0 - start <= ms(250));
}

#[test]
fn hanging_up_always_works() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.tell(Input::HangUp);
    assert_eq!(far.take_kinds(), ["offhook.bye"]);
    far.close(1000, "");
    assert_eq!(*far.state(), State::Ended(End::HungUp));

    let mut far = Far::live(Protocol::OffhookV1);
    far.tell(Input::HangUp);
    far.run_for(ms(1000));
    assert_eq!(*far.state(), State::Ended(End::HungUp));

    let mut far = Far::live(Protocol::OffhookV1);
    far.drop_line();
    far.tell(Input::HangUp);
    assert_eq!(*far.state(), State::Ended(End::HungUp));
    far.audio(1);
    far.run_for(ms(60_000));
    assert_eq!(far.dials().len(), 1);

    let mut far = Far::new(Protocol::OffhookV1);
    far.tell(Input::HangUp);
    far.run_for(ms(1000));
    assert_eq!(*far.state(), State::Ended(End::HungUp));
}

#[test]
fn what_the_server_ends_for_good_stays_ended() {
    for (code, end) in [
        (1000, End::FarEnd),
        (4409, End::Superseded),
        (
            4403,
            End::Revoked {
                reason: "session.revoked".into(),
            },
        ),
    ] {
        let mut far = Far::live(Protocol::OffhookV1);
        far.close(code, "session.revoked");
        assert_eq!(*far.state(), State::Ended(end));
    }
    let mut far = Far::live(Protocol::Plain);
    far.say(Error {
        error: ErrorDetail::invalid_request("x", "y"),
        ..Error::default()
    });
    far.close(1008, "z");
    let State::Ended(End::Closed { close, error }) = far.state() else {
        panic!("{:?}", far.state());
    };
    assert_eq!(*close, Close::new(1008, "z"));
    assert_eq!(
        error.as_ref().map(|error| error.message.as_str()),
        Some("y")
    );
}

#[test]
fn binary_audio_comes_out_as_the_event_it_stands_for() {
    let mut far = Far::live(Protocol::OffhookV1Bin);
    far.say(Stream {
        stream: 7,
        response_id: "resp_1".into(),
        item_id: "item_1".into(),
        output_index: 1,
        content_index: 2,
        codec: "pcm16".into(),
        rate: 24_000,
        ..Stream::default()
    });
    let frame = offhook_proto::wire::binary::Frame {
        kind: offhook_proto::wire::binary::Kind::Output,
        flags: offhook_proto::wire::binary::Flags::FIRST,
        stream: 7,
        seq: far.seq + 1,
        media_ts: 0,
        payload: &[1, 0, 2, 0],
    };
    far.receive(Received::Binary(&frame.encode()));
    far.receive(Received::Binary(&frame.encode()));
    let Some(ServerEvent::OutputAudioDelta(OutputAudioDelta {
        item_id,
        content_index,
        delta,
        ..
    })) = far.events.last()
    else {
        panic!("{:?}", far.events);
    };
    assert_eq!((item_id.as_str(), *content_index), ("item_1", 2));
    assert_eq!(decode_pcm16(delta), Ok(vec![1, 2]));
    let deltas = far.events.iter();
    let deltas = deltas.filter(|event| matches!(event, ServerEvent::OutputAudioDelta(_)));
    assert_eq!(deltas.count(), 1, "what came before is passed over");
}

#[test]
fn an_event_that_cannot_be_read_costs_nothing_but_itself() {
    let mut far = Far::live(Protocol::OffhookV1);
    let seq = far.seq + 1;
    let text = format!(r#"{{"type":"conversation.item.deleted","seq":{seq}}}"#);
    far.receive(Received::Text(&text));
    far.seq = seq;
    far.say(offhook_proto::wire::server::ResponseCreated::default());
    assert_eq!(far.ignored.len(), 1, "{:?}", far.ignored);
    assert!(matches!(far.state(), State::Live { .. }));
    assert!(matches!(
        far.events.last(),
        Some(ServerEvent::ResponseCreated(_))
    ));
}

#[test]
fn waiting_can_be_cut_short_within_the_budget() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.answers = false;
    far.drop_line();
    far.run_for(ms(250));
    let conn = Conn(2);
    far.tell(Input::Failed {
        conn,
        failure: refused(503),
    });
    let State::Reconnecting {
        doing: Doing::Waiting { until },
        attempt: 2,
        ..
    } = far.state()
    else {
        panic!("{:?}", far.state());
    };
    assert!(*until > far.now);
    far.tell(Input::RetryNow);
    assert_eq!(far.dials().len(), 3);
    assert!(matches!(
        far.state(),
        State::Reconnecting {
            doing: Doing::Trying(Step::Authorising),
            ..
        }
    ));
    for attempt in 3..100 {
        far.tell(Input::Failed {
            conn: Conn(attempt),
            failure: refused(503),
        });
        far.tell(Input::RetryNow);
    }
    let minute: Vec<_> = far.dials().into_iter().map(|(at, _)| at).collect();
    assert_eq!(minute.len(), 20, "more are not made in a minute");
    assert!(minute[19] - Time::ZERO < ms(60_000));
}

#[test]
fn events_keep_their_order_around_audio() {
    let mut far = Far::live(Protocol::OffhookV1);
    far.audio(0);
    far.tell(Input::Send(ResponseCreate::default().into()));
    far.audio(1);
    let seqs: Vec<_> = far.sent.iter().map(|(_, sent)| sent.seq()).collect();
    assert_eq!(seqs, [Some(1), Some(2), Some(3)]);
    let harness::Sent::Event(envelope) = &far.sent[1].1 else {
        panic!("{:?}", far.sent[1]);
    };
    assert!(matches!(envelope.event, ClientEvent::ResponseCreate(_)));
    assert!(envelope.event_id.is_some());
}
