//! Tests of `engine.rs`: whole engines between sound files, on the real clock.

use std::{path::Path, sync::mpsc};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::*;
use crate::{FRAME_SAMPLES, SAMPLE_RATE, wav::tests::Scratch};

/// Longer than any of these tests takes.
const LIMIT: Duration = Duration::from_secs(20);

/// Writes a stereo file of 44.1 kHz whose samples all have this value.
fn write_constant(path: &Path, value: i16, frames: usize) {
    let spec = WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(path, spec).expect("a scratch file");
    for _ in 0..2 * frames {
        writer.write_sample(value).expect("a sample");
    }
    writer.finalize().expect("a scratch file");
}

fn start(microphone: &Path, speaker: &Path) -> (Engine, Receiver<Event>) {
    let (tell, events) = mpsc::channel();
    let config = Config {
        microphone: Microphone::File(microphone.to_owned()),
        speaker: Speaker::File(speaker.to_owned()),
        echo_cancellation: false,
    };
    let engine = Engine::start(config, move |event| {
        let _ = tell.send(event);
    })
    .expect("files always open");
    (engine, events)
}

/// More events than any of these tests needs: an engine goes on telling of silence for ever.
const EVENTS: usize = 10_000;

/// The first event of this kind.
fn wait<T>(events: &Receiver<Event>, mut of: impl FnMut(&Event) -> Option<T>) -> T {
    for _ in 0..EVENTS {
        let event = events.recv_timeout(LIMIT).expect("the event comes in time");
        if let Some(found) = of(&event) {
            return found;
        }
    }
    panic!("the event does not come");
}

#[test]
fn a_call_between_files_captures_plays_and_completes_the_recording() {
    let (microphone, speaker) = (Scratch::new("in.wav"), Scratch::new("out.wav"));
    write_constant(&microphone.0, 8_192, 22_050);
    let (engine, events) = start(&microphone.0, &speaker.0);
    let item: Vec<i16> = (0..12_000).map(|n| (n % 1_000) as i16 + 1).collect();
    engine.play("a", item.clone());
    engine.end_item("a");
    let mut heard = Vec::new();
    let (mut ended, mut finished) = (false, false);
    // On a busy machine either may come first.
    wait(&events, |event| {
        match event {
            Event::Captured { samples } => {
                assert_eq!(samples.len(), FRAME_SAMPLES);
                heard.extend_from_slice(samples);
            }
            Event::MicrophoneFileEnded => ended = true,
            Event::Finished { item } => finished |= item == "a",
            _ => {}
        }
        (ended && finished).then_some(())
    });
    drop(engine);
    let voice = heard
        .iter()
        .filter(|sample| (**sample - 8_192).abs() < 10)
        .count();
    assert!(
        (11_000..=12_000).contains(&voice),
        "{voice} of 12,000 samples"
    );
    let mut reader = WavReader::open(&speaker.0).expect("a complete file");
    assert_eq!(reader.spec().sample_rate, SAMPLE_RATE);
    let recorded: Vec<i16> = reader
        .samples()
        .map(|sample| sample.expect("a sample"))
        .collect();
    let first = recorded
        .iter()
        .position(|sample| *sample != 0)
        .expect("the item is in it");
    assert_eq!(recorded[first..first + item.len()], item);
}

#[test]
fn a_flush_reaches_the_recording() {
    let (microphone, speaker) = (Scratch::new("in2.wav"), Scratch::new("out2.wav"));
    write_constant(&microphone.0, 0, 4_410);
    let (engine, events) = start(&microphone.0, &speaker.0);
    engine.play("a", vec![1_000; 240_000]);
    wait(&events, |event| {
        matches!(event, Event::Started { .. }).then_some(())
    });
    engine.flush();
    let heard = wait(&events, |event| match event {
        Event::Flushed {
            item,
            heard_samples,
            ..
        } => {
            assert_eq!(item.as_deref(), Some("a"));
            Some(*heard_samples)
        }
        _ => None,
    });
    drop(engine);
    let mut reader = WavReader::open(&speaker.0).expect("a complete file");
    let sounding = reader
        .samples::<i16>()
        .filter(|sample| !matches!(sample, Ok(0)))
        .count();
    let difference = sounding as i64 - heard as i64;
    assert!(
        (0..=340).contains(&difference),
        "{sounding} in the file, {heard} heard"
    );
}

#[test]
fn more_than_ten_minutes_are_refused_and_counted() {
    let (microphone, speaker) = (Scratch::new("in3.wav"), Scratch::new("out3.wav"));
    write_constant(&microphone.0, 0, 441);
    let (engine, events) = start(&microphone.0, &speaker.0);
    for _ in 0..3 {
        engine.play("a", vec![0; MAX_QUEUED_SAMPLES]);
    }
    // The two that found no room may be counted together or one by one.
    let refused = (2 * MAX_QUEUED_SAMPLES / FRAME_SAMPLES) as u32;
    let counted = wait(&events, |event| match event {
        Event::Lost { frames } if *frames >= refused => Some(*frames),
        _ => None,
    });
    assert_eq!(counted, refused);
}

#[test]
fn devices_change_in_mid_call_and_a_wrong_one_changes_nothing() {
    let (microphone, speaker) = (Scratch::new("in4.wav"), Scratch::new("out4.wav"));
    let louder = Scratch::new("in5.wav");
    write_constant(&microphone.0, 0, 4_410);
    write_constant(&louder.0, 16_384, 44_100);
    let (engine, events) = start(&microphone.0, &speaker.0);
    engine.use_microphone(Microphone::File(speaker.0.with_extension("missing")));
    wait(&events, |event| match event {
        Event::NotSwitched(Error::SoundFile { .. }) => Some(()),
        _ => None,
    });
    engine.use_microphone(Microphone::File(louder.0.clone()));
    wait(&events, |event| match event {
        Event::Captured { samples } if samples.iter().all(|s| (s - 16_384).abs() < 10) => Some(()),
        _ => None,
    });
}

#[test]
fn what_cannot_start_says_why_and_leaves_nothing_behind() {
    let missing = Scratch::new("nothing.wav");
    let config = Config {
        microphone: Microphone::File(missing.0.clone()),
        speaker: Speaker::File("/nonexistent/out.wav".into()),
        echo_cancellation: true,
    };
    let error = Engine::start(config, |_| {}).expect_err("there is no such file");
    assert!(matches!(error, Error::SoundFile { path, .. } if path == missing.0));
}

#[test]
fn the_engine_can_be_moved_and_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Engine>();
}
