//! Tests of `echo.rs`, in the pipeline it works in.

use std::collections::VecDeque;

use crate::{
    SAMPLE_RATE,
    bench::{Bench, energy, pcm, speech},
};

/// A loudspeaker heard by the microphone: 40 ms late, 8 dB softer, with a tail of reflections.
struct Room {
    air: VecDeque<f32>,
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
