//! Numbered frames in place of speech: each says which one it is, and shows if it was touched.
//!
//! `bench/js/frames.js` makes the same ones.

/// Samples of a frame: 20 ms at 24 kHz.
pub(crate) const SAMPLES: usize = 480;
/// What a frame lasts, in ms.
pub(crate) const MS: u64 = 20;
/// The first samples are the digits of the number, the lowest first, counted from 1.
const DIGITS: usize = 4;
/// What the digits count to. Quiet enough for no agent to take it for speech.
const BASE: u32 = 64;

/// The samples of a frame.
pub(crate) fn frame(number: u32) -> [i16; SAMPLES] {
    let mut samples = [0; SAMPLES];
    let mut rest = number;
    for (place, sample) in samples.iter_mut().enumerate() {
        *sample = if place < DIGITS {
            let digit = rest % BASE;
            rest /= BASE;
            digit as i16 + 1
        } else {
            ((number as usize * 7 + place * 13) % 61) as i16 - 30
        };
    }
    samples
}

/// Which frame these samples are; nothing where they are none, or not as they were.
pub(crate) fn number(samples: &[i16]) -> Option<u32> {
    let digits = samples.get(..DIGITS)?.iter().rev();
    let number = digits.fold(0_i64, |number, digit| {
        number * i64::from(BASE) + i64::from(*digit) - 1
    });
    let number = u32::try_from(number).ok()?;
    (samples == frame(number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_which_one_it_is() {
        for number in [0, 1, 63, 64, 4095, 70_000, 16_777_215] {
            assert_eq!(super::number(&frame(number)), Some(number));
        }
    }

    #[test]
    fn what_was_touched_is_no_frame() {
        let mut samples = frame(7);
        samples[300] += 1;
        assert_eq!(number(&samples), None);
        assert_eq!(number(&frame(7)[..479]), None);
        assert_eq!(number(&[0; SAMPLES]), None);
        assert_eq!(number(&[]), None);
    }

    #[test]
    fn frames_are_too_quiet_to_be_speech() {
        let loudest = (0..1000).flat_map(frame).map(i16::abs).max();
        assert!(loudest < Some(100));
    }
}
