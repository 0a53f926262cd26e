//! What a listener would notice, measured: is this that utterance, is something missing, does it
//! click, how loud is it.

use std::time::Duration;

use crate::sound::Sound;

/// The rate everything is compared at, in Hz: the wire's.
const RATE_HZ: u32 = 24_000;

/// The coarse search looks at every eighth sample, filtered: the vowels are below 1.4 kHz.
const COARSE: usize = 8;

/// How far from silence a signal must be, on both sides, for a hole in it to be a gap, in dBFS.
const AUDIBLE_DBFS: f32 = -45.0;

/// How much of the neighbourhood tells whether there was sound, in ms.
const NEIGHBOURHOOD_MS: usize = 10;

/// Where something was found in a recording, and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Where it begins, in seconds from the recording's start.
    pub at: f64,
    /// Normalised cross-correlation: 1 is the same waveform at any loudness, 0 another one.
    pub score: f32,
}

/// Samples that are missing: exact silence with sound right before and right after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Where it begins, in seconds.
    pub at: f64,
    /// How long it lasts, in seconds.
    pub seconds: f64,
}

/// Finds the place in `recording` that resembles `wanted` most, whatever the rates and levels;
/// none if the recording is shorter or one of them is silent.
#[must_use]
pub fn find(wanted: &Sound, recording: &Sound) -> Option<Match> {
    let coarse_hz = RATE_HZ / COARSE as u32;
    let (wanted, recording) = (wanted.at_rate(RATE_HZ), recording.at_rate(RATE_HZ));
    let room = recording.samples.len().checked_sub(wanted.samples.len())?;
    let coarse_recording = recording.at_rate(coarse_hz).samples;
    let coarse_wanted = wanted.at_rate(coarse_hz).samples;
    let coarse_room = coarse_recording.len().checked_sub(coarse_wanted.len())?;
    let (near, _) = best(&coarse_wanted, &coarse_recording, 0..=coarse_room)?;

    let near = near * COARSE;
    let around = near.saturating_sub(2 * COARSE).min(room)..=(near + 2 * COARSE).min(room);
    let (at, score) = best(&wanted.samples, &recording.samples, around)?;
    Some(Match {
        at: at as f64 / f64::from(RATE_HZ),
        score,
    })
}

/// Finds silences of at least `shortest` in the middle of sound. A pause in speech fades in and
/// out, a lost packet or an empty buffer does not.
#[must_use]
pub fn gaps(sound: &Sound, shortest: Duration) -> Vec<Gap> {
    let rate = f64::from(sound.rate_hz);
    let least = ((shortest.as_secs_f64() * rate) as usize).max(1);
    let near = NEIGHBOURHOOD_MS * sound.rate_hz as usize / 1_000;
    let samples = &sound.samples;
    let mut found = Vec::new();
    let mut start = 0;
    while start < samples.len() {
        if samples[start] != 0.0 {
            start += 1;
            continue;
        }
        let length = samples[start..]
            .iter()
            .take_while(|sample| **sample == 0.0)
            .count();
        let end = start + length;
        let before = &samples[start.saturating_sub(near)..start];
        let after = &samples[end..(end + near).min(samples.len())];
        if length >= least && is_audible(before) && is_audible(after) {
            found.push(Gap {
                at: start as f64 / rate,
                seconds: length as f64 / rate,
            });
        }
        start = end;
    }
    found
}

/// Finds clicks: jumps between two samples that are far beyond the slopes before and after them,
/// in seconds from the start. The burst of a plosive is followed by more of its kind.
#[must_use]
pub fn clicks(sound: &Sound) -> Vec<f64> {
    /// A smaller jump is not heard, whatever is around it.
    const LEAST: f32 = 0.06;
    /// How often the mean slope of the neighbourhood a jump has to be.
    const TIMES: f32 = 10.0;
    /// The filters between here and there spread a jump over this many samples.
    const SPREAD: usize = 4;

    let slopes: Vec<f32> = sound
        .samples
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .collect();
    let mean = |slopes: &[f32]| slopes.iter().sum::<f32>() / slopes.len().max(1) as f32;
    let near = 3 * sound.rate_hz as usize / 1_000;
    let mut found: Vec<f64> = Vec::new();
    for (n, slope) in slopes
        .iter()
        .enumerate()
        .filter(|(_, slope)| **slope > LEAST)
    {
        let before = mean(&slopes[n.saturating_sub(near)..n.saturating_sub(SPREAD)]);
        let after = mean(&slopes[(n + SPREAD).min(slopes.len())..(n + near).min(slopes.len())]);
        let at = n as f64 / f64::from(sound.rate_hz);
        let is_same_click = found.last().is_some_and(|last| at - last < 0.001);
        if *slope > TIMES * before.max(after) && !is_same_click {
            found.push(at);
        }
    }
    found
}

/// Root mean square; 0 for no samples.
#[must_use]
pub fn rms(samples: &[f32]) -> f32 {
    let energy: f64 = samples
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    (energy / samples.len().max(1) as f64).sqrt() as f32
}

/// A level in dBFS, of a root mean square; silence is -200.
#[must_use]
pub fn dbfs(rms: f32) -> f32 {
    20.0 * rms.max(1e-10).log10()
}

/// Where sound begins: the first 10 ms louder than `above_dbfs`, in seconds.
#[must_use]
pub fn onset(sound: &Sound, above_dbfs: f32) -> Option<f64> {
    let block = (NEIGHBOURHOOD_MS * sound.rate_hz as usize / 1_000).max(1);
    let loud = sound
        .samples
        .chunks(block)
        .position(|part| dbfs(rms(part)) > above_dbfs)?;
    Some((loud * block) as f64 / f64::from(sound.rate_hz))
}

fn is_audible(samples: &[f32]) -> bool {
    dbfs(rms(samples)) > AUDIBLE_DBFS
}

/// The offset with the highest normalised cross-correlation; the energy of the window slides.
fn best(
    wanted: &[f32],
    recording: &[f32],
    offsets: std::ops::RangeInclusive<usize>,
) -> Option<(usize, f32)> {
    let energy = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let wanted_energy = energy(wanted);
    let first = *offsets.start();
    let mut window_energy = energy(&recording[first..first + wanted.len()]);
    let mut best: Option<(usize, f32)> = None;
    for offset in offsets {
        let norm = (wanted_energy * window_energy).sqrt();
        if norm > 1e-9 {
            let window = &recording[offset..offset + wanted.len()];
            let product: f32 = wanted.iter().zip(window).map(|(a, b)| a * b).sum();
            let score = (f64::from(product) / norm) as f32;
            if best.is_none_or(|(_, highest)| score > highest) {
                best = Some((offset, score));
            }
        }
        let leaving = f64::from(recording[offset]).powi(2);
        let entering = recording
            .get(offset + wanted.len())
            .map_or(0.0, |s| f64::from(*s).powi(2));
        window_energy = (window_energy - leaving + entering).max(0.0);
    }
    best
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn asset(path: &str) -> Sound {
        Sound::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    }

    #[test]
    fn an_utterance_is_found_where_it_is_at_another_rate_and_level() {
        let utterance = asset("data/utterance.wav");
        let mut recording = asset("data/speech.wav").at_rate(48_000);
        recording
            .samples
            .iter_mut()
            .for_each(|sample| *sample *= 0.3);
        let found = find(&utterance, &recording).unwrap();
        let lead = onset(&asset("data/speech.wav"), -50.0).unwrap();
        assert!(found.score > 0.98, "{found:?}");
        assert!(
            (found.at - lead).abs() < 0.02,
            "{found:?}, the speech begins at {lead}"
        );
    }

    #[test]
    fn another_utterance_does_not_pass_for_it() {
        let utterance = asset("data/utterance.wav");
        let greeting = asset("../crates/bridge/assets/greeting.wav");
        let found = find(&utterance, &greeting).unwrap();
        assert!(found.score < 0.3, "{found:?}");
    }

    #[test]
    fn what_is_longer_than_the_recording_or_silent_is_not_found() {
        let tone = Sound::sine(300.0, 0.5, RATE_HZ);
        let silence = Sound {
            samples: vec![0.0; 48_000],
            rate_hz: RATE_HZ,
        };
        assert_eq!(find(&tone, &Sound::sine(300.0, 0.2, RATE_HZ)), None);
        assert_eq!(find(&tone, &silence), None);
    }

    #[test]
    fn a_hole_in_speech_is_a_gap_and_a_pause_is_not() {
        let mut speech = asset("data/utterance.wav");
        assert_eq!(gaps(&speech, Duration::from_millis(5)), []);
        let hole = 47_628..47_628 + 882;
        assert!(
            is_audible(&speech.samples[hole.start - 441..hole.start]),
            "no speech there"
        );
        speech.samples[hole].fill(0.0);
        let found = gaps(&speech, Duration::from_millis(5));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].at - 1.08).abs() < 0.002 && (found[0].seconds - 0.02).abs() < 0.002);
    }

    #[test]
    fn a_spliced_waveform_clicks_and_speech_does_not() {
        for path in ["data/utterance.wav", "../crates/bridge/assets/greeting.wav"] {
            assert!(clicks(&asset(path)).is_empty(), "{path}");
        }
        let mut tone = Sound::sine(440.0, 1.0, RATE_HZ);
        assert!(clicks(&tone).is_empty());
        // Half a period is lost: the wave turns around in one step.
        tone.samples.drain(12_014..12_041);
        let found = clicks(&tone);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0] - 0.5006).abs() < 0.001, "{found:?}");
    }

    #[test]
    fn levels_are_those_of_the_books() {
        assert!((dbfs(rms(&Sound::sine(100.0, 1.0, RATE_HZ).samples)) + 9.03).abs() < 0.05);
        assert!((rms(&[]) - 0.0).abs() < f32::EPSILON);
    }
}
