//! The agent's audio: frames, marks, and interruptions.

use super::*;

#[test]
fn an_answer_goes_out_in_frames_with_marks() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 1_000, 1);
    call.say("item_1", 200, 1);
    assert_eq!(call.sent(), ["5 frames", "item_1:100:1", "2 frames"]);
    call.upstream(Upstream::ResponseDone);
    // The rest fills no frame; the mark names what was really said: 150 ms.
    assert_eq!(call.sent(), ["1 frames", "item_1:150:1"]);
    assert_eq!(call.counts().frames_out, 8);
    assert_eq!(call.leg.unheard(), Duration::from_millis(160));
}

#[test]
fn frames_are_the_same_however_the_answer_came() {
    let codes: Vec<u8> = (0..4_000).map(|n| (n % 251) as u8).collect();
    let sent = |size: usize| {
        let mut call = Call::new(&Config::default());
        for piece in codes.chunks(size) {
            call.handle(Input::Upstream(Upstream::Audio {
                item_id: "item_1",
                content_index: 0,
                audio: &Audio::Mulaw(piece.to_vec()),
            }));
        }
        call.upstream(Upstream::ResponseDone);
        call.sent
    };
    let frames = sent(4_000);
    assert_eq!(frames.len(), 25 + 5);
    for size in [1, 159, 160, 333] {
        assert_eq!(sent(size), frames, "{size}");
    }
}

#[test]
fn pcm_is_converted_in_one_piece_to_its_very_end() {
    let samples: Vec<i16> = (0..4_800).map(|n| (n % 97 * 200) as i16).collect();
    let mut call = Call::new(&Config::default());
    for piece in samples.chunks(1_111) {
        call.handle(Input::Upstream(Upstream::Audio {
            item_id: "item_1",
            content_index: 0,
            audio: &Audio::Pcm24k(piece.to_vec()),
        }));
    }
    call.upstream(Upstream::ResponseDone);
    let mut linear = Vec::new();
    let mut down = crate::Downsampler::new();
    down.process(&samples, &mut linear);
    down.flush(&mut linear);
    let mut expected = Vec::new();
    mulaw::encode_to(&linear, &mut expected);
    expected.resize(11 * 160, mulaw::SILENCE);
    let payloads = call.sent.iter().filter_map(|(_, command)| match command {
        Command::Media(payload) => Some(&payload[..]),
        _ => None,
    });
    assert_eq!(payloads.collect::<Vec<_>>().concat(), expected);
    // Never past the 200 ms that the upstream gave.
    let sent = call.sent();
    assert_eq!(sent.last().map(String::as_str), Some("item_1:200:1"));
}

#[test]
fn marks_say_how_much_was_heard() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 1_600, 1);
    call.upstream(Upstream::ResponseDone);
    assert_eq!(call.leg.unheard(), Duration::from_millis(200));
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    assert_eq!(call.leg.unheard(), Duration::from_millis(100));
    call.twilio("MZ1", Event::Mark("item_1:200:1".to_owned()));
    assert_eq!(call.leg.unheard(), Duration::ZERO);
    assert_eq!(call.counts().marks, 2);
    for name in ["item_1:200:1", "item_2:100:1", "item_1:100:2", "hello", ""] {
        call.twilio("MZ1", Event::Mark(name.to_owned()));
    }
    assert_eq!(call.counts().marks_unknown, 5);
}

#[test]
fn an_interruption_cuts_the_answer_at_the_last_mark() {
    let mut call = Call::new(&Config::default());
    call.upstream(Upstream::ResponseStarted);
    call.say("item_1", 4_800, 1);
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.twilio("MZ1", Event::Mark("item_1:200:1".to_owned()));
    call.sent();
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(call.sent(), ["clear"]);
    assert_eq!(call.requests(), [Request::Cancel, truncate("item_1", 200)]);
    assert_eq!(call.leg.unheard(), Duration::ZERO);

    // Twilio returns what was cleared: that says nothing of what was heard.
    for ms in [300, 400, 500, 600] {
        call.twilio("MZ1", Event::Mark(format!("item_1:{ms}:1")));
    }
    assert_eq!((call.counts().marks, call.counts().marks_cleared), (2, 4));
    assert_eq!(call.counts().interruptions, 1);
}

#[test]
fn what_comes_of_an_interrupted_answer_is_not_heard() {
    let mut call = Call::new(&Config::default());
    call.upstream(Upstream::ResponseStarted);
    call.say("item_1", 800, 1);
    call.upstream(Upstream::SpeechStarted);
    call.sent();
    call.requests();
    call.say("item_1", 800, 1);
    call.upstream(Upstream::SpeechStarted);
    call.say("item_2", 160, 1);
    assert_eq!((call.sent().len(), call.requests().len()), (0, 0));
    assert_eq!(call.counts().late_ms, 120);
    assert_eq!(call.counts().interruptions, 1);
    call.upstream(Upstream::ResponseDone);
    call.upstream(Upstream::ResponseStarted);
    call.say("item_3", 800, 1);
    assert_eq!(call.sent(), ["5 frames", "item_3:100:2"]);
}

#[test]
fn nothing_of_an_interrupted_answer_is_in_the_next() {
    let mut call = Call::new(&Config::default());
    for (item_id, sample) in [("item_1", 20_000), ("item_2", 0)] {
        call.sent.clear();
        call.handle(Input::Upstream(Upstream::Audio {
            item_id,
            content_index: 0,
            audio: &Audio::Pcm24k(vec![sample; 960]),
        }));
        call.upstream(Upstream::SpeechStarted);
        call.upstream(Upstream::ResponseDone);
    }
    let silence = Command::Media(vec![mulaw::SILENCE; 160]);
    assert_eq!(call.sent.len(), 3);
    assert!(
        call.sent[..2]
            .iter()
            .all(|(_, command)| *command == silence)
    );
}

#[test]
fn an_answer_that_is_made_but_not_heard_is_cut_and_not_cancelled() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 800, 1);
    call.upstream(Upstream::ResponseDone);
    call.say("item_2", 800, 1);
    call.upstream(Upstream::ResponseDone);
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(
        call.requests(),
        [truncate("item_1", 0), truncate("item_2", 0)]
    );
}

#[test]
fn speech_that_interrupts_nothing_asks_for_nothing() {
    let mut call = Call::new(&Config::default());
    call.upstream(Upstream::SpeechStarted);
    call.say("item_1", 800, 1);
    call.upstream(Upstream::ResponseDone);
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.sent();
    call.upstream(Upstream::SpeechStarted);
    assert_eq!((call.sent().len(), call.requests().len()), (0, 0));
    assert_eq!(call.counts().interruptions, 0);
}

#[test]
fn a_response_without_audio_yet_is_only_cancelled() {
    let mut call = Call::new(&Config::default());
    call.upstream(Upstream::ResponseStarted);
    call.say("item_1", 0, 1);
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(call.requests(), [Request::Cancel]);
}

#[test]
fn parts_of_one_item_are_told_apart() {
    let mut call = Call::new(&Config::default());
    for content_index in [0, 1] {
        call.handle(Input::Upstream(Upstream::Audio {
            item_id: "item_1",
            content_index,
            audio: &Audio::Mulaw(vec![1; 800]),
        }));
    }
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.upstream(Upstream::ResponseDone);
    call.upstream(Upstream::SpeechStarted);
    let second = Request::Truncate {
        item_id: "item_1".to_owned(),
        content_index: 1,
        audio_end_ms: 0,
    };
    assert_eq!(call.requests(), [second]);
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let mut call = Call::new(&Config {
        max_unheard: Duration::from_millis(200),
        ..Config::default()
    });
    call.say("item_1", 3_200, 1);
    assert_eq!(call.counts().dropped_ms, 200);
    // Room made in the middle of an item is no use to it: it would be heard in the wrong place.
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.say("item_1", 160, 1);
    assert_eq!(call.counts().dropped_ms, 220);
    call.upstream(Upstream::ResponseDone);
    call.sent();
    call.say("item_2", 800, 1);
    assert_eq!(call.sent(), ["5 frames", "item_2:100:1"]);
    assert_eq!(call.counts().dropped_ms, 220);
}

#[test]
fn items_that_are_never_heard_do_not_pile_up() {
    let mut call = Call::new(&Config {
        max_unheard: Duration::from_secs(3_600),
        ..Config::default()
    });
    for item in 0..1_000 {
        call.say(&format!("item_{item}"), 160, 1);
        call.upstream(Upstream::ResponseDone);
    }
    assert_eq!(call.counts().dropped_ms, (1_000 - 256) * 20);
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(call.requests().len(), 256);
}

#[test]
fn an_id_without_end_makes_no_mark_that_could_not_come_back() {
    let mut call = Call::new(&Config::default());
    let id = "é".repeat(10_000);
    call.say(&id, 800, 1);
    let mark = call.sent().pop().expect("there is one");
    assert!(mark.len() < 512);
    call.twilio("MZ1", Event::Mark(mark));
    assert_eq!(call.counts().marks, 1);
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(call.requests(), [Request::Cancel, truncate(&id, 100)]);
}
