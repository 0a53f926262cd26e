//! Tests of `pipeline.rs`.

use super::*;
use crate::callback::{self, CaptureCallback, PlaybackCallback};

/// A pipeline between two software devices, on a clock that only the test moves.
struct Bench {
    pipeline: Pipeline,
    microphone: CaptureCallback,
    microphone_rate: u32,
    speaker: PlaybackCallback,
    speaker_rate: u32,
    /// Device latency, in frames.
    latency: u32,
    now: Duration,
    /// All that the speaker played.
    played: Vec<f32>,
    /// All frames.
    captured: Vec<i16>,
    /// All events but frames and levels.
    events: Vec<Event>,
    /// The last levels.
    levels: (f32, f32),
}

const TICK: Duration = Duration::from_millis(10);

impl Bench {
    fn new(microphone_rate: u32, speaker_rate: u32, echo_cancellation: bool) -> Bench {
        let mut pipeline = Pipeline::new(echo_cancellation, Arc::default());
        let (microphone, tap) = callback::capture(microphone_rate);
        let (speaker, feed) = callback::playback(speaker_rate);
        pipeline.attach_microphone(Some(tap));
        pipeline.attach_speaker(Some(feed));
        Bench {
            pipeline,
            microphone,
            microphone_rate,
            speaker,
            speaker_rate,
            latency: 0,
            now: Duration::ZERO,
            played: Vec::new(),
            captured: Vec::new(),
            events: Vec::new(),
            levels: (0.0, 0.0),
        }
    }

    /// Lets 10 ms pass in which the microphone hears this.
    fn tick_hearing(&mut self, heard: &[f32]) {
        self.now += TICK;
        self.microphone.run(heard, 1);
        let mut buffer = vec![0.0_f32; self.speaker_rate as usize / 100];
        self.speaker.run(&mut buffer, 1, self.latency);
        self.played.extend(buffer);
        self.step();
    }

    /// Lets time pass in a quiet room.
    fn tick(&mut self, ticks: usize) {
        let quiet = vec![0.0; self.microphone_rate as usize / 100];
        for _ in 0..ticks {
            self.tick_hearing(&quiet);
        }
    }

    fn step(&mut self) {
        let Bench {
            pipeline,
            captured,
            events,
            levels,
            ..
        } = self;
        pipeline.step(self.now, &mut |event| match event {
            Event::Captured { samples } => {
                assert_eq!(samples.len(), FRAME_SAMPLES);
                captured.extend(samples);
            }
            Event::Meters {
                microphone_db,
                speaker_db,
            } => *levels = (microphone_db, speaker_db),
            other => events.push(other),
        });
    }

    fn play(&mut self, item: &str, pcm: &[i16]) {
        self.pipeline
            .load
            .queued
            .fetch_add(pcm.len() as u64, Ordering::AcqRel);
        self.pipeline.play(item.to_owned(), pcm);
        self.step();
    }

    /// What was played at 24 kHz between the first and the last sound.
    fn sound(&self) -> Vec<i16> {
        let pcm: Vec<i16> = self
            .played
            .iter()
            .map(|s| (s * 32_768.0).round() as i16)
            .collect();
        let first = pcm
            .iter()
            .position(|sample| *sample != 0)
            .unwrap_or(pcm.len());
        let last = pcm
            .iter()
            .rposition(|sample| *sample != 0)
            .map_or(first, |last| last + 1);
        pcm[first..last].to_vec()
    }
}

/// Noise with the rhythm and roughly the spectrum of speech: syllables, pauses, few highs.
fn speech(rate: u32, seconds: usize, mut seed: u32) -> Vec<f32> {
    let (mut low, mut high) = (0.0_f32, 0.0_f32);
    (0..rate as usize * seconds)
        .map(|n| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (seed >> 8) as f32 / 8_388_608.0 - 1.0;
            low += 0.25 * (white - low);
            high += 0.02 * (low - high);
            let time = n as f32 / rate as f32;
            let syllable = (std::f32::consts::TAU * 3.3 * time).sin().max(0.0);
            let phrase = if time % 2.0 < 1.6 { 1.0 } else { 0.0 };
            0.5 * (low - high) * syllable * phrase
        })
        .collect()
}

fn pcm(samples: &[f32]) -> Vec<i16> {
    samples
        .iter()
        .map(|sample| (sample * 32_768.0) as i16)
        .collect()
}

fn noise(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| ((n * 7_919) % 20_011) as i16 - 10_005)
        .map(|s| s | 1)
        .collect()
}

fn energy(samples: impl IntoIterator<Item = f32>) -> f64 {
    samples
        .into_iter()
        .map(|sample| f64::from(sample).powi(2))
        .sum()
}

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
    assert_eq!(bench.pipeline.load.queued.load(Ordering::Relaxed), 0);
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

/// A loudspeaker heard by the microphone: 40 ms late, 8 dB softer, with a tail of reflections.
struct Room {
    air: std::collections::VecDeque<f32>,
    response: Vec<f32>,
}

impl Room {
    fn new() -> Room {
        let mut response: Vec<f32> = (0..480)
            .map(|n| {
                let sign = if (n * 2_654_435_761_usize) & 0x8000 == 0 {
                    1.0
                } else {
                    -1.0
                };
                0.06 * sign * (-(n as f32) / 110.0).exp()
            })
            .collect();
        response[0] = 0.4;
        Room {
            air: std::iter::repeat_n(0.0, 1_920 + 480).collect(),
            response,
        }
    }

    fn hear(&mut self, played: &[f32]) -> Vec<f32> {
        played
            .iter()
            .map(|sample| {
                self.air.pop_front();
                self.air.push_back(*sample);
                let arriving = self.air.iter().take(480).rev();
                arriving
                    .zip(&self.response)
                    .map(|(sample, gain)| sample * gain)
                    .sum()
            })
            .collect()
    }
}

/// Plays 12 s of speech into a room; returns echo and what was left of it in the last 6 s, in dB.
fn echo_reduction(seed: u32, echo_cancellation: bool) -> f64 {
    let mut bench = Bench::new(48_000, 48_000, echo_cancellation);
    let mut room = Room::new();
    bench.play("a", &pcm(&speech(SAMPLE_RATE, 12, seed)));
    bench.pipeline.end_item("a");
    let mut echo = Vec::new();
    for _ in 0..1_200 {
        let from = bench.played.len().saturating_sub(480);
        let heard = if from == 0 && bench.played.is_empty() {
            vec![0.0; 480]
        } else {
            room.hear(&bench.played[from..])
        };
        echo.extend_from_slice(&heard);
        bench.tick_hearing(&heard);
    }
    let before = energy(echo[6 * 48_000..].iter().copied()) / 2.0;
    let left = bench.captured[6 * 24_000..]
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0);
    10.0 * (before / energy(left).max(1e-12)).log10()
}

#[test]
fn echo_is_cancelled() {
    for seed in [1, 2, 3] {
        let untouched = echo_reduction(seed, false);
        assert!(
            untouched.abs() < 1.0,
            "the room's own loss is not counted: {untouched:.1} dB"
        );
        let reduction = echo_reduction(seed, true);
        assert!(reduction >= 20.0, "seed {seed}: {reduction:.1} dB");
    }
}

#[test]
fn the_caller_alone_is_left_as_he_is() {
    let mut bench = Bench::new(48_000, 48_000, true);
    let voice = speech(48_000, 8, 77);
    for heard in voice.chunks_exact(480) {
        bench.tick_hearing(heard);
    }
    let before = energy(voice[2 * 48_000..].iter().copied()) / 2.0;
    let after = energy(
        bench.captured[2 * 24_000..]
            .iter()
            .map(|s| f32::from(*s) / 32_768.0),
    );
    let change = 10.0 * (after / before).log10();
    assert!(change.abs() < 1.5, "{change:.2} dB");
}
