//! Voice activity by loudness: speech is what stands out from the noise of the last two seconds.

use std::collections::VecDeque;

/// Samples a frame: 20 ms at 24 kHz.
pub(super) const FRAME: usize = 480;
const FRAME_MS: u32 = 20;

/// Frames over which the noise floor is the quietest one: 2 s. Speech pauses for breath and for
/// plosives more often than that.
const FLOOR_FRAMES: usize = 100;
/// The noise floor is never taken to be outside of this, in dB relative to full scale: not so low
/// that a muted line makes any rustle speech, nor so high that a long vowel becomes noise.
const FLOOR_DB: (f32, f32) = (-70.0, -40.0);
/// Frames in a row that make an onset: 60 ms, longer than a click.
const ONSET_FRAMES: u32 = 3;
/// Speech that has begun may be this much quieter than what it takes to begin, in dB.
const HYSTERESIS_DB: f32 = 4.0;

/// What a frame changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Speech began so many frames ago, this one included.
    Started {
        /// Frames.
        frames_ago: u32,
    },
    /// Speech ended: this frame completes the pause that ends a turn.
    Stopped,
}

/// A detector, fed 20 ms at a time.
#[derive(Debug, Clone)]
pub(super) struct Vad {
    /// How far above the noise speech is, in dB.
    margin: f32,
    /// How loud speech is at least, in dB relative to full scale.
    least: f32,
    /// Quiet frames that end a turn.
    pause: u32,
    /// The loudness of the last frames, in dB.
    recent: VecDeque<f32>,
    speaking: bool,
    /// Frames in a row that speak against the current state.
    contrary: u32,
}

impl Vad {
    /// A detector of `threshold` from 0 (everything is speech) to 1 (only shouting is), that ends
    /// a turn after `silence_ms`.
    pub(super) fn new(threshold: f32, silence_ms: u32) -> Self {
        Self {
            margin: 4.0 + 12.0 * threshold,
            least: -60.0 + 30.0 * threshold,
            pause: silence_ms.div_ceil(FRAME_MS).max(1),
            recent: VecDeque::with_capacity(FLOOR_FRAMES),
            speaking: false,
            contrary: 0,
        }
    }

    /// Takes in the next 20 ms.
    pub(super) fn frame(&mut self, samples: &[i16]) -> Option<Edge> {
        let level = loudness(samples);
        if self.recent.len() == FLOOR_FRAMES {
            self.recent.pop_front();
        }
        self.recent.push_back(level);
        let quietest = self.recent.iter().copied().fold(f32::INFINITY, f32::min);
        let floor = quietest.clamp(FLOOR_DB.0, FLOOR_DB.1);
        let onset = (floor + self.margin).max(self.least);

        let contrary = if self.speaking {
            level < onset - HYSTERESIS_DB
        } else {
            level >= onset
        };
        self.contrary = if contrary { self.contrary + 1 } else { 0 };
        if self.speaking && self.contrary >= self.pause {
            self.end();
            return Some(Edge::Stopped);
        }
        if !self.speaking && self.contrary >= ONSET_FRAMES {
            self.speaking = true;
            self.contrary = 0;
            return Some(Edge::Started {
                frames_ago: ONSET_FRAMES,
            });
        }
        None
    }

    /// Ends the speech from outside; what is known of the noise stays.
    pub(super) fn end(&mut self) {
        self.speaking = false;
        self.contrary = 0;
    }
}

/// The level of a frame, in dB relative to full scale; digital silence is at -100.
fn loudness(samples: &[i16]) -> f32 {
    let mean: f32 = samples.iter().map(|s| f32::from(*s)).sum::<f32>() / samples.len() as f32;
    // Around the mean, as cheap sound cards add a constant.
    let power = samples.iter().map(|s| (f32::from(*s) - mean).powi(2));
    let power = power.sum::<f32>() / samples.len() as f32 / (32768.0 * 32768.0);
    10.0 * power.max(1e-10).log10()
}

#[cfg(test)]
mod tests {
    use super::super::Prompts;
    use super::*;

    /// Edges by frame number.
    fn edges(samples: &[i16]) -> Vec<(usize, Edge)> {
        let mut vad = Vad::new(0.5, 500);
        let frames = samples.chunks_exact(FRAME).enumerate();
        frames
            .filter_map(|(at, frame)| Some((at, vad.frame(frame)?)))
            .collect()
    }

    /// White noise of about `db` relative to full scale.
    fn noise(frames: usize, db: f32) -> Vec<i16> {
        let amplitude = 32768.0 * 10f32.powf(db / 20.0) * 3f32.sqrt();
        let mut state = 1_u32;
        let sample = move |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            (unit * amplitude) as i16
        };
        (0..frames * FRAME).map(sample).collect()
    }

    fn add(samples: &mut [i16], other: &[i16]) {
        for (sample, other) in samples.iter_mut().zip(other) {
            *sample = sample.saturating_add(*other);
        }
    }

    /// One second of quiet, speech, one second of quiet.
    fn call() -> (Vec<i16>, std::ops::Range<usize>) {
        let speech = Prompts::built_in().unwrap().nothing_heard.samples;
        let mut samples = vec![0; 50 * FRAME];
        samples.extend(&speech);
        samples.resize(samples.len() + 50 * FRAME, 0);
        (samples, 50..50 + speech.len() / FRAME)
    }

    fn assert_one_turn(edges: &[(usize, Edge)], spoken: &std::ops::Range<usize>) {
        let [
            (started, Edge::Started { frames_ago }),
            (stopped, Edge::Stopped),
        ] = edges
        else {
            panic!("{edges:?}");
        };
        let began = started + 1 - *frames_ago as usize;
        assert!(began.abs_diff(spoken.start) <= 5, "{edges:?} {spoken:?}");
        let ended = stopped + 1 - 25;
        assert!(ended.abs_diff(spoken.end) <= 20, "{edges:?} {spoken:?}");
    }

    #[test]
    fn a_sentence_is_one_turn() {
        let (samples, spoken) = call();
        assert_one_turn(&edges(&samples), &spoken);
    }

    #[test]
    fn a_sentence_in_noise_is_one_turn() {
        for db in [-60.0, -50.0] {
            let (mut samples, spoken) = call();
            let frames = samples.len() / FRAME;
            add(&mut samples, &noise(frames, db));
            assert_one_turn(&edges(&samples), &spoken);
        }
    }

    #[test]
    fn a_call_that_begins_with_speech_has_its_turn() {
        let (samples, spoken) = call();
        let spoken = 0..spoken.len();
        assert_one_turn(&edges(&samples[50 * FRAME..]), &spoken);
    }

    #[test]
    fn noise_silence_and_clicks_are_no_turn() {
        assert_eq!(edges(&[0; 500 * FRAME]), []);
        assert_eq!(edges(&noise(500, -45.0)), []);
        let mut clicks = vec![0; 500 * FRAME];
        clicks
            .iter_mut()
            .step_by(50 * FRAME)
            .for_each(|s| *s = i16::MAX);
        assert_eq!(edges(&clicks), []);
        // A constant is not a sound.
        assert_eq!(edges(&[8000; 500 * FRAME]), []);
    }

    #[test]
    fn a_fan_that_starts_is_a_turn_only_until_it_is_known() {
        let mut samples = noise(150, -70.0);
        samples.extend(noise(400, -36.0));
        let edges = edges(&samples);
        let [(150..=155, Edge::Started { .. }), (stopped, Edge::Stopped)] = edges[..] else {
            panic!("{edges:?}");
        };
        assert!(stopped <= 150 + FLOOR_FRAMES + 30, "{stopped}");
    }
}
