//! A pipeline between two software devices for tests, on a clock that only the test moves.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    Event, FRAME_SAMPLES,
    callback::{self, CaptureCallback, PlaybackCallback},
    engine::Load,
    pipeline::Pipeline,
};

/// The pipeline, both devices, and all that came out.
pub(crate) struct Bench {
    pub(crate) pipeline: Pipeline,
    pub(crate) load: Arc<Load>,
    pub(crate) microphone: CaptureCallback,
    pub(crate) microphone_rate: u32,
    pub(crate) speaker: PlaybackCallback,
    pub(crate) speaker_rate: u32,
    /// Device latency, in frames.
    pub(crate) latency: u32,
    pub(crate) now: Duration,
    /// All that the speaker played.
    pub(crate) played: Vec<f32>,
    /// All frames.
    pub(crate) captured: Vec<i16>,
    /// All events but frames and levels.
    pub(crate) events: Vec<Event>,
    /// The last levels.
    pub(crate) levels: (f32, f32),
}

const TICK: Duration = Duration::from_millis(10);

impl Bench {
    pub(crate) fn new(microphone_rate: u32, speaker_rate: u32, echo_cancellation: bool) -> Bench {
        let load = Arc::<Load>::default();
        let mut pipeline = Pipeline::new(echo_cancellation, Arc::clone(&load));
        let (microphone, tap) = callback::capture(microphone_rate);
        let (speaker, feed) = callback::playback(speaker_rate);
        pipeline.attach_microphone(Some(tap));
        pipeline.attach_speaker(Some(feed));
        Bench {
            pipeline,
            load,
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
    pub(crate) fn tick_hearing(&mut self, heard: &[f32]) {
        self.now += TICK;
        self.microphone.run(heard, 1);
        let mut buffer = vec![0.0_f32; self.speaker_rate as usize / 100];
        self.speaker.run(&mut buffer, 1, self.latency);
        self.played.extend(buffer);
        self.step();
    }

    /// Lets time pass in a quiet room.
    pub(crate) fn tick(&mut self, ticks: usize) {
        let quiet = vec![0.0; self.microphone_rate as usize / 100];
        for _ in 0..ticks {
            self.tick_hearing(&quiet);
        }
    }

    pub(crate) fn step(&mut self) {
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

    pub(crate) fn play(&mut self, item: &str, pcm: &[i16]) {
        self.load
            .queued
            .fetch_add(pcm.len() as u64, Ordering::AcqRel);
        self.pipeline.play(item.to_owned(), pcm);
        self.step();
    }

    /// What was played at 24 kHz between the first and the last sound.
    pub(crate) fn sound(&self) -> Vec<i16> {
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
pub(crate) fn speech(rate: u32, seconds: usize, mut seed: u32) -> Vec<f32> {
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

pub(crate) fn pcm(samples: &[f32]) -> Vec<i16> {
    samples
        .iter()
        .map(|sample| (sample * 32_768.0) as i16)
        .collect()
}

pub(crate) fn noise(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| ((n * 7_919) % 20_011) as i16 - 10_005)
        .map(|s| s | 1)
        .collect()
}

pub(crate) fn energy(samples: impl IntoIterator<Item = f32>) -> f64 {
    samples
        .into_iter()
        .map(|sample| f64::from(sample).powi(2))
        .sum()
}
