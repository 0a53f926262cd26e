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
