//! Tests of `pipeline.rs`.

use super::*;
use crate::{
    bench::{Bench, noise, speech},
    callback,
};

#[test]
fn a_burst_is_played_sample_by_sample_and_told_of() {
    let mut bench = Bench::new(48_000, SAMPLE_RATE, false);
    bench.tick(10);
    let item = noise(72_007);
    for piece in item.chunks(1_234) {
        bench.play("a", piece);
    }
    bench.pipeline.end_item("a");
    bench.tick(320);
    assert_eq!(bench.sound(), item);
    let item = "a".to_owned();
    assert_eq!(
        bench.events,
        [
            Event::Started { item: item.clone() },
            Event::Finished { item }
        ]
    );
    assert_eq!(bench.load.queued.load(Ordering::Relaxed), 0);
}

#[test]
fn items_follow_each_other_seamlessly() {
    let mut bench = Bench::new(48_000, SAMPLE_RATE, false);
    let both = noise(10_000);
    bench.play("a", &both[..5_003]);
    bench.play("b", &both[5_003..]);
    bench.pipeline.end_item("b");
    bench.tick(100);
    assert_eq!(bench.sound(), both);
    let told: Vec<String> = bench
        .events
        .iter()
        .map(|event| format!("{event:?}"))
        .collect();
    assert_eq!(told.len(), 4);
    assert!(
        told[1].contains("Finished") && told[2].contains("Started"),
        "{told:?}"
    );
}

#[test]
fn every_device_rate_plays_without_a_click() {
    for rate in [8_000, 16_000, 44_100, 48_000, 96_000] {
        let mut bench = Bench::new(rate, rate, false);
        let step = std::f32::consts::TAU * 200.0 / SAMPLE_RATE as f32;
        let tone: Vec<i16> = (0..48_000)
            .map(|n| (16_000.0 * (step * n as f32).sin()) as i16)
            .collect();
        bench.play("tone", &tone);
        bench.pipeline.end_item("tone");
        bench.tick(230);
        let largest = bench
            .played
            .windows(2)
            .map(|two| (two[1] - two[0]).abs())
            .fold(0.0, f32::max);
        let slope = 0.5 * std::f32::consts::TAU * 200.0 / rate as f32;
        assert!(largest < 1.2 * slope, "{rate} Hz: a step of {largest}");
        let first = bench
            .played
            .iter()
            .position(|s| s.abs() > 1e-3)
            .expect("a tone");
        let last = bench
            .played
            .iter()
            .rposition(|s| s.abs() > 1e-3)
            .expect("a tone");
        let seconds = (last - first) as f32 / rate as f32;
        assert!((seconds - 2.0).abs() < 0.01, "{rate} Hz: {seconds} s");
        assert!(
            bench.events.contains(&Event::Finished {
                item: "tone".to_owned()
            }),
            "{rate} Hz"
        );
    }
}

#[test]
fn a_flush_silences_within_a_period_and_says_what_was_heard() {
    for (rate, latency_ms) in [(24_000, 0), (48_000, 0), (48_000, 20), (44_100, 30)] {
        let mut bench = Bench::new(48_000, rate, false);
        bench.latency = rate * latency_ms / 1_000;
        bench.play("a", &noise(48_000));
        bench.tick(100);
        let before = bench.played.len();
        let first = bench
            .played
            .iter()
            .position(|s| *s != 0.0)
            .expect("it plays");
        bench.pipeline.flush(bench.now);
        bench.step();
        bench.tick(10);
        let fade = rate as usize / 250;
        assert!(
            bench.played[before + fade + 1..]
                .iter()
                .all(|sample| *sample == 0.0)
        );
        let Some(Event::Flushed {
            item,
            heard_samples,
            heard_ms,
        }) = bench.events.last()
        else {
            panic!("{rate} Hz: {:?}", bench.events);
        };
        assert_eq!(item.as_deref(), Some("a"));
        let heard_s = (before - first) as f64 / f64::from(rate) - f64::from(latency_ms) / 1e3;
        let error_ms = (*heard_samples as f64 / 24.0) - heard_s * 1e3;
        assert!(
            error_ms.abs() < 5.0,
            "{rate} Hz, {latency_ms} ms: {error_ms:.1} ms off"
        );
        assert_eq!(*heard_ms, heard_samples / 24);
        assert!(
            !bench
                .events
                .iter()
                .any(|event| matches!(event, Event::Underrun { .. }))
        );

        bench.play("b", &noise(4_800));
        bench.pipeline.end_item("b");
        bench.tick(60);
        assert_eq!(
            bench.events.last(),
            Some(&Event::Finished {
                item: "b".to_owned()
            })
        );
    }
}

#[test]
fn heard_is_never_more_than_was_queued() {
    let mut bench = Bench::new(48_000, 48_000, false);
    bench.play("a", &noise(2_000));
    bench.tick(50);
    bench.pipeline.flush(bench.now);
    bench.step();
    bench.tick(2);
    let Some(Event::Flushed {
        item: Some(_),
        heard_samples,
        ..
    }) = bench.events.last()
    else {
        panic!("{:?}", bench.events);
    };
    assert!(
        *heard_samples <= 2_000 && *heard_samples > 1_800,
        "{heard_samples}"
    );
}

#[test]
fn a_flush_is_answered_when_nothing_plays_and_when_no_device_calls() {
    let mut bench = Bench::new(48_000, 48_000, false);
    bench.tick(5);
    bench.pipeline.flush(bench.now);
    bench.step();
    bench.tick(1);
    let nothing = Event::Flushed {
        item: None,
        heard_samples: 0,
        heard_ms: 0,
    };
    assert_eq!(bench.events, [nothing]);

    bench.play("a", &noise(9_600));
    bench.pipeline.flush(bench.now);
    bench.now += Duration::from_millis(300);
    bench.step();
    let unheard = Event::Flushed {
        item: Some("a".to_owned()),
        heard_samples: 0,
        heard_ms: 0,
    };
    assert_eq!(bench.events.last(), Some(&unheard));
}

#[test]
fn a_gap_in_an_item_is_an_underrun_and_its_end_is_not() {
    let mut bench = Bench::new(48_000, SAMPLE_RATE, false);
    bench.play("a", &noise(2_400));
    bench.tick(30);
    assert_eq!(bench.events.last(), Some(&Event::Underrun { total: 1 }));
    bench.play("a", &noise(480));
    bench.tick(5);
    let silent = bench.played.len();
    bench.play("a", &noise(2_400));
    bench.pipeline.end_item("a");
    bench.tick(30);
    assert!(
        bench.played[silent - 720..silent]
            .iter()
            .all(|sample| *sample == 0.0),
        "prebuffer"
    );
    let underruns = bench
        .events
        .iter()
        .filter(|e| matches!(e, Event::Underrun { .. }))
        .count();
    assert_eq!(underruns, 1);
    assert_eq!(
        bench.events.last(),
        Some(&Event::Finished {
            item: "a".to_owned()
        })
    );
}

#[test]
fn a_new_speaker_goes_on_where_the_old_one_was() {
    let mut bench = Bench::new(48_000, 48_000, false);
    bench.play("a", &noise(24_000));
    bench.pipeline.end_item("a");
    bench.tick(30);
    let (speaker, feed) = callback::playback(44_100);
    bench.pipeline.attach_speaker(None);
    bench.tick(10);
    bench.pipeline.attach_speaker(Some(feed));
    bench.speaker = speaker;
    bench.speaker_rate = 44_100;
    bench.tick(100);
    let item = "a".to_owned();
    assert_eq!(
        bench.events,
        [
            Event::Started { item: item.clone() },
            Event::Finished { item }
        ]
    );
}

#[test]
fn every_captured_sample_is_delivered_once_at_any_rate() {
    for rate in [8_000, 16_000, 44_100, 48_000, 96_000] {
        for echo in [false, true] {
            let mut bench = Bench::new(rate, 48_000, echo);
            bench.tick(1_000);
            let held_back = 240_000 - bench.captured.len();
            assert!(
                held_back <= 3 * FRAME_SAMPLES,
                "{rate} Hz: {held_back} samples missing"
            );
        }
    }
}

#[test]
fn mute_sends_silence_and_the_meter_still_moves() {
    let mut bench = Bench::new(48_000, 48_000, false);
    bench.pipeline.set_muted(true);
    let voice = speech(48_000, 2, 5);
    for heard in voice.chunks_exact(480) {
        bench.tick_hearing(heard);
    }
    assert!(bench.captured.len() > 45_000);
    assert!(bench.captured.iter().all(|sample| *sample == 0));
    let mut bench = Bench::new(48_000, 48_000, false);
    bench.pipeline.set_muted(true);
    for _ in 0..50 {
        bench.tick_hearing(&[0.1; 480]);
    }
    assert!((bench.levels.0 + 20.0).abs() < 0.5, "{:?}", bench.levels);
    assert_eq!(bench.levels.1, -90.0);
}

#[test]
fn silence_stands_in_for_a_microphone_that_is_gone() {
    let mut bench = Bench::new(48_000, 48_000, false);
    bench.tick(100);
    bench.pipeline.attach_microphone(None);
    bench.tick(400);
    let seconds = bench.captured.len() as f64 / f64::from(SAMPLE_RATE);
    assert!((4.7..=5.0).contains(&seconds), "{seconds} s");
}
