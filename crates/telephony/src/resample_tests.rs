//! The filters measured with tones, and their independence of how a stream is cut.

use std::f64::consts::TAU;

use super::*;

/// Loud, and far enough from the largest sample that nothing is clipped.
const LOUD: f64 = 30_000.0;

fn tone(hertz: f64, rate: f64, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| (LOUD * (TAU * hertz * n as f64 / rate).sin()).round() as i16)
        .collect()
}

fn up(input: &[i16]) -> Vec<i16> {
    let mut output = Vec::new();
    Upsampler::new().process(input, &mut output);
    output
}

fn down(input: &[i16]) -> Vec<i16> {
    let mut output = Vec::new();
    Downsampler::new().process(input, &mut output);
    output
}

/// How much of a tone is in the second half of a stream, as amplitude, and what else is there: the
/// root of its mean square.
fn measure(samples: &[i16], hertz: f64, rate: f64) -> (f64, f64) {
    let samples = &samples[samples.len() / 2..];
    let wave = |n: usize| TAU * hertz * n as f64 / rate;
    let count = samples.len() as f64;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        sine += f64::from(*sample) * wave(n).sin() * 2.0 / count;
        cosine += f64::from(*sample) * wave(n).cos() * 2.0 / count;
    }
    let rest: f64 = samples
        .iter()
        .enumerate()
        .map(|(n, sample)| f64::from(*sample) - sine * wave(n).sin() - cosine * wave(n).cos())
        .map(|rest| rest * rest)
        .sum();
    (sine.hypot(cosine), (rest / count).sqrt())
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

#[test]
fn speech_passes_unchanged() {
    for hertz in (100..=3_400).step_by(100).map(f64::from) {
        let (there, _) = measure(&up(&tone(hertz, 8_000.0, 8_000)), hertz, 24_000.0);
        let (back, _) = measure(&down(&tone(hertz, 24_000.0, 24_000)), hertz, 8_000.0);
        for amplitude in [there, back] {
            let change = decibels(amplitude / LOUD);
            assert!(change.abs() < 0.01, "{hertz} Hz: {change:.4} dB");
        }
    }
}

#[test]
fn a_tone_comes_out_as_nothing_but_itself() {
    for hertz in [200.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
        for (output, rate) in [
            (up(&tone(hertz, 8_000.0, 8_000)), 24_000.0),
            (down(&tone(hertz, 24_000.0, 24_000)), 8_000.0),
        ] {
            let (amplitude, rest) = measure(&output, hertz, rate);
            let ratio = decibels(amplitude / 2.0_f64.sqrt() / rest);
            assert!(ratio > 74.0, "{hertz} Hz at {rate} Hz: {ratio:.1} dB");
        }
    }
}

#[test]
fn nothing_appears_above_the_band_on_the_way_up() {
    // Of a tone, images may appear at 8 kHz less and more than it, and 16 kHz less.
    for hertz in (100..=3_400).step_by(300).map(f64::from) {
        let output = up(&tone(hertz, 8_000.0, 8_000));
        for image in [8_000.0 - hertz, 8_000.0 + hertz] {
            let (amplitude, _) = measure(&output, image, 24_000.0);
            let level = decibels(amplitude / LOUD);
            assert!(level < -74.0, "{hertz} Hz at {image} Hz: {level:.1} dB");
        }
    }
}

#[test]
fn nothing_from_above_the_band_is_folded_into_it_on_the_way_down() {
    for hertz in (4_600..12_000).step_by(100).map(f64::from) {
        let output = down(&tone(hertz, 24_000.0, 24_000));
        let square: f64 = output[4_000..].iter().map(|s| f64::from(*s).powi(2)).sum();
        let level = decibels((square / 4_000.0).sqrt() / (LOUD / 2.0_f64.sqrt()));
        assert!(level < -74.0, "{hertz} Hz: {level:.1} dB");
    }
}

#[test]
fn what_comes_out_does_not_depend_on_how_the_input_is_cut() {
    let noise = noise(9_600);
    let (whole_up, whole_down) = (up(&noise), down(&noise));
    assert_eq!(whole_up.len(), 3 * noise.len());
    assert_eq!(whole_down.len(), noise.len() / 3);
    for sizes in [&[1][..], &[2], &[160], &[480], &[1, 700, 3, 0, 159, 161, 2]] {
        let (mut to_24k, mut to_8k) = (Upsampler::new(), Downsampler::new());
        let (mut cut_up, mut cut_down) = (Vec::new(), Vec::new());
        let mut left = &noise[..];
        for size in sizes.iter().cycle() {
            let (piece, rest) = left.split_at((*size).min(left.len()));
            to_24k.process(piece, &mut cut_up);
            to_8k.process(piece, &mut cut_down);
            left = rest;
            if left.is_empty() {
                break;
            }
        }
        assert!(cut_up == whole_up, "up, in {sizes:?}");
        assert!(cut_down == whole_down, "down, in {sizes:?}");
    }
}

#[test]
fn every_third_sample_on_the_way_up_is_one_that_went_in() {
    let noise = noise(1_000);
    let output = up(&noise);
    for (n, sample) in noise.iter().take(900).enumerate() {
        assert_eq!(output[3 * n + Upsampler::DELAY], *sample);
    }
}

#[test]
fn delays_are_what_they_are_said_to_be() {
    let mut click = vec![0; 200];
    click[0] = 30_000;
    let loudest = |samples: &[i16]| {
        let largest = samples.iter().max().expect("there are some");
        samples.iter().position(|sample| sample == largest)
    };
    assert_eq!(loudest(&up(&click)), Some(Upsampler::DELAY));
    assert_eq!(loudest(&down(&click)), Some(Downsampler::DELAY));
}

#[test]
fn there_and_back_is_the_same_but_31_samples_later() {
    let delay = Upsampler::DELAY / 3 + Downsampler::DELAY;
    assert_eq!(delay, 31);
    let input: Vec<i16> = [400.0, 1_100.0, 2_300.0, 3_300.0]
        .map(|hertz| tone(hertz, 8_000.0, 4_000))
        .into_iter()
        .reduce(|sum, tone| sum.iter().zip(tone).map(|(a, b)| a / 2 + b / 4).collect())
        .expect("there are four");
    let output = down(&up(&input));
    for (n, (before, after)) in input.iter().zip(&output[delay..]).enumerate().skip(50) {
        assert!((before - after).abs() <= 8, "{n}: {before} became {after}");
    }
}

#[test]
fn flushing_gives_the_rest_and_starts_anew() {
    for extra in 0..3 {
        let noise = noise(600 + extra);
        let (mut to_24k, mut to_8k) = (Upsampler::new(), Downsampler::new());
        for _ in 0..2 {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            to_24k.process(&noise, &mut there);
            to_24k.flush(&mut there);
            assert_eq!(there.len(), 3 * noise.len() + Upsampler::DELAY);
            assert_eq!(
                there[3 * (noise.len() - 1) + Upsampler::DELAY],
                noise[noise.len() - 1]
            );
            to_8k.process(&noise, &mut back);
            to_8k.flush(&mut back);
            assert_eq!(back.len(), noise.len().div_ceil(3) + Downsampler::DELAY);
            assert!(back[..200] == down(&noise)[..200], "silence came before");
        }
    }
}

#[test]
fn the_loudest_does_not_wrap() {
    // A square wave overshoots at its edges.
    let square: Vec<i16> = (0..800)
        .map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let output = up(&square);
    let delayed = &output[Upsampler::DELAY..];
    for (n, sample) in delayed.iter().enumerate().take(2_300) {
        let (before, after) = (square[n / 3], square[n / 3 + 1]);
        assert!(before != after || before.signum() == sample.signum(), "{n}");
    }
    assert!(
        up(&[i16::MAX; 100])[200..]
            .iter()
            .all(|sample| *sample == i16::MAX)
    );
    assert!(
        up(&[i16::MIN; 100])[200..]
            .iter()
            .all(|sample| *sample == i16::MIN)
    );
    assert!(up(&[0; 100]).iter().all(|sample| *sample == 0));
}

/// The same noise every time, from a linear congruence.
fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1_u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        })
        .collect()
}
