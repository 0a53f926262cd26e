//! Streams that break, come back, or are somebody else's, and the end.

use super::*;

#[test]
fn a_new_stream_is_sent_what_was_not_heard() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 1_760, 1);
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.handle(Input::Gone("MZ1"));
    call.say("item_1", 800, 2);
    call.upstream(Upstream::ResponseDone);
    call.sent();
    call.wait(2_000);
    call.start("MZ2", "CA1");
    assert!(call.sent.iter().all(|(stream, _)| stream == "MZ2"));
    assert_eq!(
        call.sent(),
        [
            "5 frames",
            "item_1:200:2",
            "5 frames",
            "item_1:300:2",
            "1 frames",
            "item_1:320:2"
        ]
    );
    assert_eq!(
        (call.counts().streams, call.counts().frames_resent),
        (2, 11)
    );
    call.twilio("MZ2", Event::Mark("item_1:200:2".to_owned()));
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(call.requests(), [truncate("item_1", 200)]);
}

#[test]
fn a_complete_answer_is_marked_to_its_end_on_every_stream() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 480, 1);
    call.upstream(Upstream::ResponseDone);
    for stream in 2..5 {
        assert_eq!(
            call.sent().last(),
            Some(&format!("item_1:60:{}", stream - 1))
        );
        call.start(&format!("MZ{stream}"), "CA1");
    }
    call.twilio("MZ4", Event::Mark("item_1:60:4".to_owned()));
    assert_eq!(call.leg.unheard(), Duration::ZERO);
}

#[test]
fn silence_fills_the_time_without_a_stream() {
    let mut call = Call::new(&Config::default());
    call.hear("MZ1", 5_000, 1);
    call.twilio("MZ1", Event::Stop);
    call.wait(3_000);
    call.start("MZ2", "CA1");
    call.wait(20);
    call.hear("MZ2", 7, 2);
    let silence = vec![mulaw::SILENCE; 3_000 * 8];
    assert_eq!(call.heard(), [vec![1; 160], silence, vec![2; 160]].concat());
    assert_eq!(
        (call.counts().padded_ms, call.counts().frames_lost),
        (3_000, 0)
    );
}

#[test]
fn an_old_stream_counts_for_nothing() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 800, 1);
    call.start("MZ2", "CA1");
    call.hear("MZ1", 0, 1);
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.twilio("MZ1", Event::Stop);
    call.handle(Input::Gone("MZ1"));
    call.start("MZ2", "CA1");
    assert_eq!(call.heard().len(), 0);
    assert_eq!(call.leg.unheard(), Duration::from_millis(100));
    assert_eq!((call.counts().strays, call.counts().marks), (4, 0));
    assert_eq!(call.leg.deadline(), None);
    call.hear("MZ2", 0, 1);
    assert_eq!(call.heard().len(), 160);
}

#[test]
fn a_stream_of_another_call_is_not_taken() {
    let mut call = Call::without_stream(&Config::default());
    call.start("MZ9", "CA9");
    call.hear("MZ9", 0, 1);
    call.say("item_1", 800, 1);
    assert_eq!((call.heard().len(), call.sent().len()), (0, 0));
    assert_eq!((call.counts().strays, call.counts().streams), (2, 0));
}

#[test]
fn an_interruption_without_a_stream_is_known_to_the_next() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 1_600, 1);
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    call.handle(Input::Gone("MZ1"));
    call.sent();
    call.upstream(Upstream::SpeechStarted);
    assert_eq!(call.requests(), [Request::Cancel, truncate("item_1", 100)]);
    call.start("MZ2", "CA1");
    assert_eq!(call.sent(), [""; 0]);
}

#[test]
fn a_call_without_a_stream_ends_after_a_while() {
    let mut call = Call::without_stream(&Config::default());
    assert_eq!(call.leg.deadline(), Some(Duration::from_secs(30)));
    call.wait(20_000);
    call.start("MZ1", "CA1");
    assert_eq!(call.leg.deadline(), None);
    call.twilio("MZ1", Event::Stop);
    assert_eq!(call.leg.deadline(), Some(Duration::from_secs(50)));
    call.wait(29_999);
    call.handle(Input::Tick);
    assert_eq!(call.ended, None);
    call.wait(1);
    call.handle(Input::Tick);
    assert_eq!(call.ended, Some(Ended::Away));
    assert_eq!(call.leg.deadline(), None);
    call.start("MZ2", "CA1");
    call.say("item_1", 800, 1);
    assert_eq!((call.counts().streams, call.sent().len()), (1, 0));
}

#[test]
fn the_end_waits_until_all_is_heard() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 1_000, 1);
    call.sent();
    call.upstream(Upstream::End);
    assert_eq!(call.sent(), ["1 frames", "item_1:125:1"]);
    call.twilio("MZ1", Event::Mark("item_1:100:1".to_owned()));
    assert_eq!(call.ended, None);
    call.twilio("MZ1", Event::Mark("item_1:125:1".to_owned()));
    assert_eq!(call.ended, Some(Ended::Upstream));
}

#[test]
fn the_end_does_not_wait_for_marks_that_never_come() {
    let mut call = Call::new(&Config::default());
    call.say("item_1", 8_000, 1);
    call.upstream(Upstream::End);
    assert_eq!(call.leg.deadline(), Some(Duration::from_secs(6)));
    call.wait(3_000);
    call.start("MZ2", "CA1");
    assert_eq!(call.leg.deadline(), Some(Duration::from_secs(9)));
    call.wait(6_000);
    call.handle(Input::Tick);
    assert_eq!(call.ended, Some(Ended::Upstream));
}

#[test]
fn an_end_with_nothing_left_to_hear_is_one_at_once() {
    let mut call = Call::new(&Config::default());
    call.upstream(Upstream::End);
    assert_eq!(call.ended, Some(Ended::Upstream));
}
