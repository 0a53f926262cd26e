//! Audio as binary frames, in and out, and as events where the client has come back without them.

use offhook_proto::server::Received;
use offhook_proto::wire::binary::{self, Flags, Kind};
use offhook_proto::wire::server::{OutputAudioDelta, SessionUpdated, SpeechStopped};
use offhook_proto::wire::{Fields, ServerEvent, decode_pcm16, encode_pcm16};
use offhook_proto::{Close, Protocol};

use crate::harness::{Rig, Told};

const V1: Protocol = Protocol::OffhookV1;
const BIN: Protocol = Protocol::OffhookV1Bin;

/// A ramp, so that a sample that is lost, repeated or misplaced shows.
fn ramp(from: i16, count: i16) -> Vec<i16> {
    (from..from + count).collect()
}

fn samples(told: &[Told]) -> Vec<i16> {
    let pieces = told.iter().map(|told| match told {
        Told::Audio { samples, .. } => samples.clone(),
        Told::Event(envelope) => match &envelope.event {
            ServerEvent::OutputAudioDelta(delta) => {
                decode_pcm16(&delta.delta).expect("it is audio")
            }
            _ => Vec::new(),
        },
    });
    pieces.flatten().collect()
}

fn frames(told: &[Told]) -> Vec<(u64, Flags, u16, u32, usize)> {
    let frames = told.iter().filter_map(|told| match told {
        Told::Audio {
            seq,
            flags,
            stream,
            media_ts,
            samples,
        } => Some((*seq, *flags, *stream, *media_ts, samples.len())),
        Told::Event(_) => None,
    });
    frames.collect()
}

#[test]
fn the_callers_audio_goes_upstream_as_it_came() {
    let mut rig = Rig::live(BIN);
    for seq in [1, 2, 2, 3, 1] {
        rig.say_binary(1, seq);
    }
    assert_eq!(rig.heard(), [1, 2, 3]);
    rig.say(1, 4);
    assert_eq!(rig.given().len(), 1, "events are as good");
    rig.upstream(SpeechStopped {
        audio_end_ms: 60,
        ..SpeechStopped::default()
    });
    assert_eq!(rig.heartbeat(1), (4, 3));
    rig.say_binary(1, 6);
    assert_eq!(rig.code_of(1), Some(Close::BAD_SEQUENCE));
}

#[test]
fn what_is_not_the_callers_audio_is_refused() {
    let frame = |kind, stream| {
        let frame = binary::Frame {
            kind,
            flags: Flags::default(),
            stream,
            seq: 1,
            media_ts: 0,
            payload: &[1, 0],
        };
        frame.encode()
    };
    for bytes in [
        frame(Kind::Output, 0),
        frame(Kind::Input, 1),
        vec![0x11; 17],
        vec![1],
    ] {
        let mut rig = Rig::live(BIN);
        rig.received(1, Received::Binary(&bytes));
        let ServerEvent::Error(error) = rig.last(1, "error") else {
            panic!("it is refused")
        };
        assert_eq!(error.error.code.as_deref(), Some("invalid_message"));
        assert!(rig.heard().is_empty());
    }
    let mut rig = Rig::live(V1);
    rig.received(1, Received::Binary(&frame(Kind::Input, 0)));
    assert_eq!(rig.kinds(1), ["error"]);
    // A frame with nothing in it counts, and says nothing.
    let mut rig = Rig::live(BIN);
    rig.received(
        1,
        Received::Binary(&frame(Kind::Input, 0)[..binary::HEADER]),
    );
    assert_eq!(rig.heartbeat(1).0, 1);
    assert!(rig.heard().is_empty());
}

#[test]
fn the_agents_audio_goes_as_frames_of_an_announced_stream() {
    let mut rig = Rig::live(BIN);
    rig.speak("item_1", &ramp(0, 480));
    rig.speak("item_1", &ramp(480, 2_500));
    rig.speak("item_2", &[0; 10]);
    let kinds = rig.kinds(1);
    let audio = "audio";
    let expected = [
        "offhook.stream",
        audio,
        audio,
        audio,
        "offhook.stream",
        audio,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(rig.seqs(1), [2, 3, 4, 5, 6, 7], "no number is left out");
    let first = Flags::FIRST;
    assert_eq!(
        frames(&rig.sent(1)),
        [
            (3, first, 1, 0, 480),
            // No frame is longer than 100 ms.
            (4, Flags::default(), 1, 480, 2_400),
            (5, Flags::default(), 1, 2_880, 100),
            (7, first.with(Flags::SILENCE), 2, 0, 10),
        ]
    );
    let mut expected = ramp(0, 2_980);
    expected.extend([0; 10]);
    assert_eq!(samples(&rig.sent(1)), expected);
    let ServerEvent::Stream(stream) = rig.last(1, "offhook.stream") else {
        panic!("it is announced")
    };
    assert_eq!((stream.stream, stream.rate), (2, 24_000));
    assert_eq!(stream.item_id, "item_2");
    assert_eq!(stream.response_id, "resp_1");
    assert_eq!(stream.codec, "pcm16");
}

#[test]
fn what_is_no_pcm_goes_as_an_event() {
    let mut rig = Rig::live(BIN);
    for delta in ["not base64", "AQ==", ""] {
        rig.upstream(OutputAudioDelta {
            item_id: "item_1".into(),
            delta: delta.into(),
            ..OutputAudioDelta::default()
        });
        let ServerEvent::OutputAudioDelta(sent) = rig.last(1, "response.output_audio.delta") else {
            panic!("it is sent")
        };
        assert_eq!(sent.delta, delta);
    }
    let session = r#"{"audio":{"output":{"format":{"type":"audio/pcmu"}}}}"#;
    let session: Fields = serde_json::from_str(session).unwrap();
    rig.upstream(SessionUpdated {
        session,
        ..SessionUpdated::default()
    });
    rig.clear();
    rig.speak("item_1", &ramp(0, 480));
    assert_eq!(rig.kinds(1), ["response.output_audio.delta"]);
}

#[test]
fn a_client_may_come_back_in_the_other_protocol() {
    let mut rig = Rig::live(BIN);
    rig.speak("item_1", &ramp(0, 3_000));
    rig.drop(1);
    rig.speak("item_1", &ramp(3_000, 100));
    rig.attach(2, V1, true);
    rig.resume(2, 3, 1);
    assert_eq!(rig.seqs(2), [4, 5]);
    assert_eq!(samples(&rig.sent(2)), ramp(2_400, 700));
    assert!(frames(&rig.sent(2)).is_empty());
    // From here on it is kept as text, and goes as that over frames too.
    rig.speak("item_1", &ramp(3_100, 100));
    let text = rig.sent(2).pop().unwrap();
    rig.drop(2);
    rig.attach(3, BIN, true);
    rig.resume(3, 4, 1);
    let told = rig.sent(3);
    assert_eq!(rig.seqs(3), [5, 6]);
    assert_eq!(samples(&told), ramp(3_000, 200));
    let replayed = Flags::REPLAYED;
    assert_eq!(frames(&told), [(5, replayed, 1, 3_000, 100)]);
    assert_eq!(told.last(), Some(&text));
    // The stream is known still, and goes on where the text stopped.
    rig.clear();
    rig.speak("item_1", &ramp(3_200, 100));
    assert_eq!(frames(&rig.sent(3)), [(7, Flags::default(), 1, 3_200, 100)]);
}

#[test]
fn frames_that_are_repeated_say_so_and_new_ones_do_not() {
    let mut rig = Rig::live(BIN);
    rig.speak("item_1", &ramp(0, 480));
    rig.drop(1);
    rig.speak("item_1", &ramp(480, 480));
    rig.attach(2, BIN, true);
    rig.resume(2, 1, 1);
    rig.speak("item_1", &ramp(960, 480));
    let ServerEvent::SessionResumed(resumed) = rig.last(2, "session.resumed") else {
        panic!("it resumed")
    };
    assert_eq!((resumed.replay_from, resumed.replay_to), (2, 3));
    let told = rig.sent(2);
    let flags: Vec<_> = frames(&told).iter().map(|frame| frame.1).collect();
    let again = Flags::FIRST.with(Flags::REPLAYED);
    assert_eq!(flags, [again, Flags::default(), Flags::default()]);
    assert_eq!(samples(&told), ramp(0, 1_440));
    assert_eq!(rig.kinds(2)[2], "offhook.stream");
}

#[test]
fn as_events_audio_keeps_every_field() {
    let mut rig = Rig::live(V1);
    let mut delta = OutputAudioDelta {
        item_id: "item_1".into(),
        delta: encode_pcm16(&[7; 480]),
        ..OutputAudioDelta::default()
    };
    delta.extra.insert("obfuscation".into(), "x".into());
    rig.upstream(delta.clone());
    let sent = rig.last(1, "response.output_audio.delta");
    assert_eq!(sent, ServerEvent::from(delta));
}
