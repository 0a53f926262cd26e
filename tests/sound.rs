//! Samples with their rate: reading, writing, resampling.

use std::f32::consts::PI;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Half the length of the resampler's filter, in zero crossings of its sinc.
const CROSSINGS: f32 = 16.0;

/// Mono sound. Full scale is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// The samples, from -1 to 1.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate_hz: u32,
}

impl Sound {
    /// Sound from 16-bit samples.
    pub fn from_pcm16(samples: impl IntoIterator<Item = i16>, rate_hz: u32) -> Self {
        let samples = samples
            .into_iter()
            .map(|sample| f32::from(sample) / 32_768.0)
            .collect();
        Self { samples, rate_hz }
    }

    /// A sine of `hz` at half of full scale.
    #[must_use]
    pub fn sine(hz: f32, seconds: f32, rate_hz: u32) -> Self {
        let step = 2.0 * PI * hz / rate_hz as f32;
        let count = (seconds * rate_hz as f32) as usize;
        let samples = (0..count).map(|n| 0.5 * (step * n as f32).sin()).collect();
        Self { samples, rate_hz }
    }

    /// Reads a 16-bit WAV; of several channels the first.
    ///
    /// # Errors
    /// When the file is not there or not such a WAV.
    pub fn read(wav: &Path) -> Result<Self> {
        let reader = hound::WavReader::open(wav).with_context(|| wav.display().to_string())?;
        let spec = reader.spec();
        ensure!(
            spec.bits_per_sample == 16,
            "{} is not 16-bit",
            wav.display()
        );
        let samples: Vec<i16> = reader
            .into_samples()
            .step_by(usize::from(spec.channels))
            .collect::<Result<_, _>>()
            .with_context(|| wav.display().to_string())?;
        Ok(Self::from_pcm16(samples, spec.sample_rate))
    }

    /// Writes a 16-bit mono WAV.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, wav: &Path) -> Result<()> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: self.rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer =
            hound::WavWriter::create(wav, spec).with_context(|| wav.display().to_string())?;
        for sample in &self.samples {
            writer.write_sample((sample * 32_767.0).round() as i16)?;
        }
        Ok(writer.finalize()?)
    }

    /// Its length, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }

    /// The part between two moments, in seconds, as far as there is one.
    #[must_use]
    pub fn between(&self, from: f64, to: f64) -> Self {
        let at = |seconds: f64| {
            ((seconds * f64::from(self.rate_hz)).round() as usize).min(self.samples.len())
        };
        let (from, to) = (at(from), at(to));
        Self {
            samples: self.samples[from.min(to)..to].to_vec(),
            rate_hz: self.rate_hz,
        }
    }

    /// The same sound at another rate, by a windowed sinc: exact enough to compare with.
    #[must_use]
    pub fn at_rate(&self, rate_hz: u32) -> Self {
        if rate_hz == self.rate_hz {
            return self.clone();
        }
        let ratio = f64::from(self.rate_hz) / f64::from(rate_hz);
        // Below both Nyquist frequencies, with room for the filter's slope.
        let cutoff = (0.92 / ratio as f32).min(0.92);
        let reach = CROSSINGS / cutoff;
        let count = (self.samples.len() as f64 / ratio) as usize;
        let samples = (0..count)
            .map(|n| {
                let centre = n as f64 * ratio;
                let first = (centre - f64::from(reach)).ceil().max(0.0) as usize;
                let last = ((centre + f64::from(reach)) as usize).min(self.samples.len() - 1);
                (first..=last)
                    .map(|m| {
                        let distance = (m as f64 - centre) as f32;
                        let hann = 0.5 + 0.5 * (PI * distance / reach).cos();
                        self.samples[m] * cutoff * sinc(cutoff * distance) * hann
                    })
                    .sum()
            })
            .collect();
        Self { samples, rate_hz }
    }
}

fn sinc(x: f32) -> f32 {
    if x.abs() < 1e-6 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn resampling_keeps_a_tone_and_removes_what_does_not_fit() {
        let tone = Sound::sine(1_000.0, 0.5, 44_100).at_rate(24_000);
        let expected = Sound::sine(1_000.0, 0.5, 24_000);
        for n in 100..tone.samples.len() - 100 {
            let difference = (tone.samples[n] - expected.samples[n]).abs();
            assert!(difference < 0.005, "sample {n} is off by {difference}");
        }
        let gone = Sound::sine(11_000.0, 0.5, 48_000).at_rate(8_000);
        assert!(
            gone.samples[100..3_900]
                .iter()
                .all(|sample| sample.abs() < 0.005)
        );
    }

    #[test]
    fn a_wav_is_read_as_it_was_written() {
        let scratch = Scratch::new("sound").unwrap();
        let wav = scratch.path().join("tone.wav");
        let tone = Sound::sine(440.0, 0.1, 24_000);
        tone.write(&wav).unwrap();
        let read = Sound::read(&wav).unwrap();
        assert_eq!(read.rate_hz, 24_000);
        assert_eq!(read.samples.len(), tone.samples.len());
        assert!(
            read.samples
                .iter()
                .zip(&tone.samples)
                .all(|(a, b)| (a - b).abs() < 1e-4)
        );
    }

    #[test]
    fn a_part_never_reaches_past_the_end() {
        let tone = Sound::sine(440.0, 1.0, 1_000);
        assert_eq!(tone.between(0.25, 0.5).samples, tone.samples[250..500]);
        assert_eq!(tone.between(0.9, 7.0).samples.len(), 100);
        assert!(tone.between(3.0, 2.0).samples.is_empty());
    }
}
