//! Conversion between the phone's 8 kHz and the agent's 24 kHz, as endless streams of mono samples.
//!
//! Both directions use one filter, a windowed sinc of 95 taps at 24 kHz (Kaiser, β = 7.4): up to
//! 3.4 kHz nothing changes by more than 0.01 dB, from 4.6 kHz on all is at least 74 dB down, and the
//! phase is linear. It is a third-band filter: of every three taps one is zero, so that each sample
//! of 8 kHz appears unchanged among those of 24 kHz. Up takes 2.000 ms, down 1.875 ms, whole
//! samples at both rates; back and forth is 31 samples of 8 kHz.
//!
//! Each output sample is a sum in a fixed order over a fixed window, so that what comes out does not
//! depend on how the input was cut. Nothing is allocated but what `output` needs to grow.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// From 8 kHz to 24 kHz: three samples for each.
#[derive(Debug, Clone)]
pub struct Upsampler {
    line: Line,
}

impl Upsampler {
    /// How far the output is behind the input, in samples of 24 kHz: 2 ms.
    pub const DELAY: usize = 48;

    /// One that has heard nothing but silence.
    #[must_use]
    pub const fn new() -> Self {
        Self { line: SILENCE }
    }

    /// Converts any number of samples and appends three for each to `output`.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        output.reserve(input.len() * RATIO);
        let taps: &Taps = &TAPS;
        for block in input.chunks(BLOCK) {
            for (slot, sample) in self.line[PAST..].iter_mut().zip(block) {
                *slot = f32::from(*sample);
            }
            for from in (0..block.len()).step_by(TILE) {
                let window = window(&self.line, from);
                let second = filtered(&taps.second, window);
                let third = filtered(&taps.third, window);
                let first = &window[PAST - Self::DELAY / RATIO..];
                let samples = first.iter().zip(second.iter().zip(&third));
                for (first, (second, third)) in samples.take(block.len() - from) {
                    output.extend([rounded(*first), rounded(*second), rounded(*third)]);
                }
            }
            self.line.copy_within(block.len()..block.len() + PAST, 0);
        }
    }

    /// Appends what is still inside, [`Self::DELAY`] samples, and starts anew.
    pub fn flush(&mut self, output: &mut Vec<i16>) {
        self.process(&[0; Self::DELAY / RATIO], output);
        self.reset();
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Default for Upsampler {
    fn default() -> Self {
        Self::new()
    }
}

/// From 24 kHz to 8 kHz: one sample for three.
#[derive(Debug, Clone)]
pub struct Downsampler {
    /// Of every three samples the first, the second and the third.
    lines: [Line; RATIO],
    /// How many samples wait until there are three.
    waiting: usize,
}

impl Downsampler {
    /// How far the output is behind the input, in samples of 8 kHz: 1.875 ms.
    pub const DELAY: usize = 15;

    /// One that has heard nothing but silence.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: [SILENCE; RATIO],
            waiting: 0,
        }
    }

    /// Converts any number of samples and appends one for every three to `output`. One or two that
    /// are left wait for the next call.
    pub fn process(&mut self, mut input: &[i16], output: &mut Vec<i16>) {
        output.reserve(input.len() / RATIO + 1);
        while !input.is_empty() {
            let room = BLOCK * RATIO - self.waiting;
            let (block, rest) = input.split_at(room.min(input.len()));
            input = rest;
            let whole = self.fill(block);
            self.convert(whole, output);
            // One more than the past: it may be one that waits.
            for line in &mut self.lines {
                line.copy_within(whole..=whole + PAST, 0);
            }
        }
    }

    /// Appends what is still inside, [`Self::DELAY`] samples and one for what waits, and starts anew.
    pub fn flush(&mut self, output: &mut Vec<i16>) {
        let missing = (RATIO - self.waiting) % RATIO;
        let silence = [0; Self::DELAY * RATIO + RATIO - 1];
        self.process(&silence[..Self::DELAY * RATIO + missing], output);
        self.reset();
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Deals samples out to the lines. Says how many there are of all three.
    fn fill(&mut self, block: &[i16]) -> usize {
        let mut at = PAST;
        for sample in block {
            self.lines[self.waiting][at] = f32::from(*sample);
            self.waiting += 1;
            if self.waiting == RATIO {
                self.waiting = 0;
                at += 1;
            }
        }
        at - PAST
    }

    fn convert(&self, samples: usize, output: &mut Vec<i16>) {
        let taps: &Taps = &TAPS;
        let [first, second, third] = &self.lines;
        for from in (0..samples).step_by(TILE) {
            let first = &window(first, from)[PAST - Self::DELAY..];
            let second = filtered(&taps.third, window(second, from));
            let third = filtered(&taps.second, window(third, from));
            let parts = first.iter().zip(second.iter().zip(&third));
            let sums = parts.map(|(first, (second, third))| first + second + third);
            output.extend(
                sums.take(samples - from)
                    .map(|sum| rounded(sum / RATIO as f32)),
            );
        }
    }
}

impl Default for Downsampler {
    fn default() -> Self {
        Self::new()
    }
}

/// 24 kHz by 8 kHz.
const RATIO: usize = 3;
/// Taps on each side of the filter's middle, the last of which is zero.
const SIDE: i32 = 48;
/// Taps between a sample of 8 kHz and the one of three, of 24 kHz, that follows one of the others.
/// Between it and the one at its own place there is one tap, of 1.
const PHASE: usize = 32;
/// How many samples before the newest a filter sees.
const PAST: usize = PHASE - 1;
/// Samples of 8 kHz that are converted at once: 20 ms.
const BLOCK: usize = 160;
/// Samples that are computed side by side; a block has a whole number of them.
const TILE: usize = 16;
/// Of the Kaiser window: the deepest stop band that this length has.
const BETA: f64 = 7.4;

/// Samples of 8 kHz: those that were, a block, and one that waits.
type Line = [f32; PAST + BLOCK + 1];
const SILENCE: Line = [0.0; PAST + BLOCK + 1];

/// The filter, as two that run at 8 kHz; the taps of the oldest sample first. They are each other's
/// mirror image.
struct Taps {
    second: [f32; PHASE],
    third: [f32; PHASE],
}

static TAPS: LazyLock<Taps> = LazyLock::new(|| {
    let shape = |offset: i32| {
        let x = PI * f64::from(offset) / RATIO as f64;
        let at = f64::from(offset) / f64::from(SIDE);
        x.sin() / x * bessel(BETA * (1.0 - at * at).sqrt()) / bessel(BETA)
    };
    let second: [f64; PHASE] = std::array::from_fn(|k| shape(SIDE - 2 - 3 * k as i32));
    // A constant comes through unchanged; the window alone would leave 0.01 % of ripple.
    let gain: f64 = second.iter().sum();
    let second = second.map(|tap| (tap / gain) as f32);
    let mut third = second;
    third.reverse();
    Taps { second, third }
});

/// The modified Bessel function of the first kind, of order 0, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// What the filters see of a line to compute a tile of samples.
fn window(line: &Line, from: usize) -> &[f32; PAST + TILE] {
    line[from..]
        .first_chunk()
        .expect("a tile is in a block, which a line has room for")
}

/// A tile of samples of a line, filtered. Each sum is made in the same order wherever in a tile it
/// is.
fn filtered(taps: &[f32; PHASE], window: &[f32; PAST + TILE]) -> [f32; TILE] {
    let mut sums = [0.0; TILE];
    for (k, tap) in taps.iter().enumerate() {
        for (sum, sample) in sums.iter_mut().zip(&window[k..k + TILE]) {
            *sum += tap * sample;
        }
    }
    sums
}

/// To the nearest sample there is. Shifted to where all are positive, truncating rounds: that needs
/// no call to a library, as `round` does on processors without the instruction.
fn rounded(value: f32) -> i16 {
    let shifted = (value + 32_768.5).clamp(0.0, 65_535.0);
    (shifted as u16 ^ 0x8000) as i16
}

#[cfg(test)]
#[path = "resample_tests.rs"]
mod tests;
