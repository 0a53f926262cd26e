//! The caller's audio and keys.

use super::*;

fn silence(bytes: usize) -> Vec<u8> {
    vec![mulaw::SILENCE; bytes]
}

#[test]
fn mulaw_passes_through_as_it_is() {
    let mut call = Call::new(&Config::default());
    let mut expected = Vec::new();
    for frame in 0..50_u8 {
        call.hear("MZ1", 5 + u64::from(frame) * 20, frame);
        expected.extend([frame; 160]);
    }
    assert_eq!(call.heard(), expected);
    assert_eq!(call.counts().frames_in, 50);
    assert_eq!((call.counts().padded_ms, call.counts().frames_lost), (0, 0));
}

#[test]
fn an_upstream_that_hears_pcm_gets_one_continuous_conversion() {
    let mut call = Call::new(&Config {
        hears: Codec::Pcm24k,
        ..Config::default()
    });
    let mut linear = Vec::new();
    for frame in 0..50_u8 {
        call.hear("MZ1", u64::from(frame) * 20, frame);
        mulaw::decode_to(&[frame; 160], &mut linear);
    }
    let mut expected = Vec::new();
    crate::Upsampler::new().process(&linear, &mut expected);
    let pieces = std::mem::take(&mut call.audio);
    let samples = pieces.into_iter().flat_map(|audio| match audio {
        Audio::Pcm24k(samples) => samples,
        Audio::Mulaw(_) => panic!("the upstream hears PCM"),
    });
    assert!(samples.eq(expected));
}

#[test]
fn a_gap_in_the_timestamps_is_filled_with_silence() {
    let mut call = Call::new(&Config::default());
    call.hear("MZ1", 100, 1);
    call.hear("MZ1", 620, 2);
    let expected = [vec![1; 160], silence(500 * 8), vec![2; 160]].concat();
    assert_eq!(call.heard(), expected);
    assert_eq!(call.counts().padded_ms, 500);
}

#[test]
fn small_differences_are_no_gap_until_they_add_up() {
    let mut call = Call::new(&Config::default());
    // A clock that is 1 % fast: 20 ms every 2 s.
    for frame in 0..1_000 {
        call.hear("MZ1", frame * 202 / 10, 1);
    }
    assert_eq!(call.counts().padded_ms, 180);
    assert_eq!(call.heard().len(), 160 * 1_000 + 180 * 8);
}

#[test]
fn a_stream_without_timestamps_is_taken_as_it_comes() {
    let mut call = Call::new(&Config::default());
    for _ in 0..10 {
        let media = Media {
            is_inbound: true,
            chunk: None,
            timestamp: None,
            payload: vec![1; 160],
        };
        call.twilio("MZ1", Event::Media(media));
        call.wait(200);
    }
    assert_eq!(call.heard(), [1; 1_600]);
}

#[test]
fn what_comes_late_is_heard_and_its_place_not_filled_twice() {
    let mut call = Call::new(&Config::default());
    for timestamp in [0, 100, 20, 40, 120] {
        call.hear("MZ1", timestamp, 1);
    }
    // 80 ms were filled before the second; the last follows it directly.
    assert_eq!(call.counts().padded_ms, 80);
    assert_eq!(call.heard().len(), 5 * 160 + 80 * 8);
}

#[test]
fn a_gap_without_end_is_cut_and_counted() {
    let mut call = Call::new(&Config::default());
    call.hear("MZ1", 0, 1);
    call.hear("MZ1", 20 + 60_000, 1);
    assert_eq!(call.counts().padded_ms, 10_000);
    assert_eq!(call.counts().gaps_cut_ms, 50_000);
    assert_eq!(call.heard().len(), 2 * 160 + 80_000);
    for _ in 0..20 {
        call.hear("MZ1", u64::MAX, 1);
        call.hear("MZ1", 0, 1);
    }
    assert!(call.heard().len() <= 40 * 160 + 80_000);
    assert!(call.counts().gaps_cut_ms > 50_000);
}

#[test]
fn chunks_tell_what_was_lost_and_what_came_twice() {
    let mut call = Call::new(&Config::default());
    for (chunk, timestamp) in [(2, 20), (3, 40), (3, 40), (7, 120), (6, 100), (8, 140)] {
        call.chunk = chunk - 1;
        call.hear("MZ1", timestamp, 1);
    }
    let counts = call.counts();
    assert_eq!(counts.frames_lost, 1 + 3);
    assert_eq!(counts.frames_repeated, 2);
    assert_eq!(counts.padded_ms, 60);
    assert_eq!(call.heard().len(), 4 * 160 + 60 * 8);
    call.chunk = u64::MAX - 1;
    call.hear("MZ1", 160, 1);
    assert!(call.counts().frames_lost > u64::MAX / 2);
}

#[test]
fn what_the_caller_hears_does_not_go_up() {
    let mut call = Call::new(&Config::default());
    let media = Media {
        is_inbound: false,
        chunk: Some(1),
        timestamp: Some(0),
        payload: vec![1; 160],
    };
    call.twilio("MZ1", Event::Media(media));
    assert_eq!((call.heard().len(), call.counts().frames_in), (0, 0));
}

#[test]
fn a_key_becomes_a_text() {
    let mut call = Call::new(&Config::default());
    for digit in ['5', '#'] {
        call.twilio("MZ1", Event::Dtmf(digit));
    }
    let texts = ["DTMF: 5", "DTMF: #"].map(|text| Request::Text(text.to_owned()));
    assert_eq!(call.requests(), texts);
    assert_eq!(call.counts().digits, 2);
}

#[test]
fn numbers_that_do_not_go_up_are_counted() {
    let mut call = Call::new(&Config::default());
    let hear = |call: &mut Call, stream: &str, sequence| {
        call.handle(Input::Twilio(&Message {
            stream_sid: Some(stream.to_owned()),
            sequence: Some(sequence),
            event: Event::Dtmf('1'),
        }));
    };
    for sequence in [2, 3, 3, 1, 4] {
        hear(&mut call, "MZ1", sequence);
    }
    // Every stream counts from the beginning.
    call.start("MZ2", "CA1");
    hear(&mut call, "MZ2", 2);
    assert_eq!((call.counts().disordered, call.counts().digits), (2, 6));
}
