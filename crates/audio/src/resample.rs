//! Conversion between sample rates, as an endless stream of mono samples.

use rubato::{
    Async, Fft, FixedAsync, FixedSync, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction, audioadapter_buffers::direct::InterleavedSlice,
};

/// Converts a stream of samples from one rate to another.
///
/// State is continuous over calls of any size. Rates that share a large divisor are converted in
/// blocks of about 5 ms by Fourier transform, with an exact sample count for ever and a delay of
/// half a block; odd pairs of rates by interpolated sinc filters.
pub(crate) struct Resampler {
    conversion: Conversion,
    /// Input that does not fill a block yet.
    pending: Vec<f32>,
    block: usize,
    output: Vec<f32>,
    /// In samples of the output rate.
    delay: usize,
}

enum Conversion {
    /// Both rates are the same.
    None,
    Some(Box<dyn rubato::Resampler<f32>>),
}

/// The rates this crate converts, in Hz.
pub(crate) const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Blocks per second aimed at: 5 ms each.
const BLOCKS_PER_SECOND: u32 = 200;
/// Shorter blocks would leave too few taps for a sharp filter.
const MIN_BLOCK: u32 = 80;
/// Blocks longer than 1/50 s = 20 ms delay too much.
const MIN_BLOCKS_PER_SECOND: usize = 50;

impl Resampler {
    /// Converts from one rate to another, both in Hz and within [`RATES`].
    pub(crate) fn new(from: u32, to: u32) -> Resampler {
        if from == to {
            return Resampler {
                conversion: Conversion::None,
                pending: Vec::new(),
                block: 1,
                output: Vec::new(),
                delay: 0,
            };
        }
        let (from, to) = (from as usize, to as usize);
        let aim = (from as u32 / BLOCKS_PER_SECOND).max(MIN_BLOCK) as usize;
        let by_fourier = Fft::<f32>::new_custom(
            from,
            to,
            aim,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .ok()
        .filter(|fft| fft.input_frames_next() * MIN_BLOCKS_PER_SECOND <= from);
        let conversion: Box<dyn rubato::Resampler<f32>> = match by_fourier {
            Some(fft) => Box::new(fft),
            None => Box::new(by_sinc(from, to, aim)),
        };
        Resampler {
            pending: Vec::with_capacity(conversion.input_frames_max()),
            block: conversion.input_frames_next(),
            output: vec![0.0; conversion.output_frames_max()],
            delay: conversion.output_delay(),
            conversion: Conversion::Some(conversion),
        }
    }

    /// How far the output is behind the input, in samples of the output rate, not counting input
    /// that waits for a block to be full.
    pub(crate) fn delay(&self) -> usize {
        self.delay
    }

    /// Takes any number of samples, and hands on what comes out, some at a time.
    pub(crate) fn push(&mut self, mut input: &[f32], mut sink: impl FnMut(&[f32])) {
        let Conversion::Some(conversion) = &mut self.conversion else {
            if !input.is_empty() {
                sink(input);
            }
            return;
        };
        while !input.is_empty() {
            let (now, later) = input.split_at(input.len().min(self.block - self.pending.len()));
            self.pending.extend_from_slice(now);
            input = later;
            if self.pending.len() < self.block {
                return;
            }
            let capacity = self.output.len();
            let source = InterleavedSlice::new(&self.pending, 1, self.block)
                .expect("a slice is as long as its length");
            let mut target = InterleavedSlice::new_mut(&mut self.output, 1, capacity)
                .expect("a slice is as long as its length");
            let (_read, written) = conversion
                .process_into_buffer(&source, &mut target, None)
                .expect("the buffers are of the sizes the resampler asked for");
            self.pending.clear();
            sink(&self.output[..written]);
        }
    }

    /// Forgets all samples that went in and did not come out.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        if let Conversion::Some(conversion) = &mut self.conversion {
            conversion.reset();
        }
    }
}

/// For pairs of rates such as 44,101 and 48,000 Hz, whose common blocks would be far too long.
fn by_sinc(from: usize, to: usize, block: usize) -> Async<f32> {
    let parameters = SincInterpolationParameters {
        sinc_len: 128,
        f_cutoff: None,
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Cubic,
        window: WindowFunction::BlackmanHarris2,
    };
    Async::new_sinc(
        to as f64 / from as f64,
        1.0,
        &parameters,
        block,
        1,
        FixedAsync::Input,
    )
    .expect("positive rates and a fixed ratio make a resampler")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The device rates that matter, one that is common in files, and one that fits nothing.
    const DEVICE_RATES: [u32; 8] = [
        8_000, 16_000, 24_000, 44_100, 48_000, 96_000, 22_050, 44_101,
    ];

    fn sine(rate: u32, frequency: f64, samples: usize) -> Vec<f32> {
        let step = std::f64::consts::TAU * frequency / f64::from(rate);
        (0..samples)
            .map(|n| (0.5 * (step * n as f64).sin()) as f32)
            .collect()
    }

    fn convert(resampler: &mut Resampler, input: &[f32], chunk: usize) -> Vec<f32> {
        let mut output = Vec::new();
        for chunk in input.chunks(chunk) {
            resampler.push(chunk, |samples| output.extend_from_slice(samples));
        }
        output
    }

    /// Gain and signal to noise ratio in dB of a sine, by a least-squares fit.
    fn fit(samples: &[f32], rate: u32, frequency: f64) -> (f64, f64) {
        let step = std::f64::consts::TAU * frequency / f64::from(rate);
        let (mut in_phase, mut quadrature) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            in_phase += f64::from(*sample) * (step * n as f64).sin();
            quadrature += f64::from(*sample) * (step * n as f64).cos();
        }
        let half = samples.len() as f64 / 2.0;
        let (in_phase, quadrature) = (in_phase / half, quadrature / half);
        let noise: f64 = samples
            .iter()
            .enumerate()
            .map(|(n, sample)| {
                let (sin, cos) = (step * n as f64).sin_cos();
                (f64::from(*sample) - in_phase * sin - quadrature * cos).powi(2)
            })
            .sum();
        let power = in_phase.powi(2) + quadrature.powi(2);
        (
            10.0 * (power / 0.25).log10(),
            10.0 * (power * half / noise).log10(),
        )
    }

    #[test]
    fn a_tone_comes_through_every_pair_of_rates_unchanged() {
        for (from, to) in DEVICE_RATES
            .iter()
            .flat_map(|rate| [(*rate, 48_000), (24_000, *rate)])
        {
            let mut resampler = Resampler::new(from, to);
            // A whole number of periods in the second that is looked at.
            let output = convert(&mut resampler, &sine(from, 1_000.0, 3 * from as usize), 441);
            let settled = &output[to as usize..2 * to as usize];
            let (gain, ratio) = fit(settled, to, 1_000.0);
            assert!(gain.abs() < 0.01, "{from} to {to}: gain {gain:.3} dB");
            assert!(ratio > 90.0, "{from} to {to}: {ratio:.1} dB");
        }
    }

    #[test]
    fn the_band_of_speech_is_kept() {
        for (from, to, frequency) in [
            (48_000, 24_000, 8_000.0),
            (44_100, 48_000, 12_000.0),
            (24_000, 48_000, 8_000.0),
            (24_000, 44_100, 8_000.0),
            (16_000, 48_000, 6_000.0),
            (8_000, 48_000, 3_000.0),
        ] {
            let mut resampler = Resampler::new(from, to);
            let output = convert(
                &mut resampler,
                &sine(from, frequency, 3 * from as usize),
                480,
            );
            let (gain, _) = fit(&output[to as usize..2 * to as usize], to, frequency);
            assert!(
                gain.abs() < 0.5,
                "{from} to {to} at {frequency}: {gain:.2} dB"
            );
        }
    }

    #[test]
    fn no_sample_is_gained_or_lost_in_ten_minutes() {
        for rate in [8_000, 16_000, 44_100, 96_000] {
            let mut resampler = Resampler::new(rate, 48_000);
            let second = vec![0.0; rate as usize];
            let mut count = 0;
            for _ in 0..600 {
                resampler.push(&second, |samples| count += samples.len());
            }
            let waiting = resampler.pending.len() * 48_000 / rate as usize;
            assert_eq!(count + waiting, 600 * 48_000, "{rate} Hz");
        }
    }

    #[test]
    fn the_delay_is_as_told_and_short() {
        for rate in DEVICE_RATES {
            let mut resampler = Resampler::new(rate, 48_000);
            let mut impulse = vec![0.0; rate as usize / 2];
            let at = rate as usize / 10;
            impulse[at] = 1.0;
            let output = convert(&mut resampler, &impulse, 333);
            let peak = (0..output.len())
                .max_by(|a, b| output[*a].abs().total_cmp(&output[*b].abs()))
                .expect("there is output");
            let expected = at as f64 * 48_000.0 / f64::from(rate) + resampler.delay() as f64;
            assert!(
                (peak as f64 - expected).abs() <= 6.0,
                "{rate} Hz: {peak} for {expected}"
            );
            assert!(resampler.delay() <= 480, "{rate} Hz: {}", resampler.delay());
        }
    }

    #[test]
    fn the_size_of_the_pieces_makes_no_difference() {
        let input = sine(44_100, 440.0, 44_100);
        let whole = convert(&mut Resampler::new(44_100, 24_000), &input, 44_100);
        let pieces = convert(&mut Resampler::new(44_100, 24_000), &input, 17);
        assert_eq!(whole, pieces);
    }
}
