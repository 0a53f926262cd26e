//! Numbered samples in place of a voice: each is the low 16 bits of its place in all that was said,
//! so that one that is lost, repeated or moved shows.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hound::WavReader;

/// Samples a second.
pub const RATE: u64 = 24_000;

/// The agent's pause between its words and the caller's, in samples.
const PAUSE: usize = RATE as usize / 5;

/// The samples at these places.
pub fn numbered(places: Range<u64>) -> impl Iterator<Item = i16> {
    places.map(|place| place as u16 as i16)
}

/// What the agent says before it says the caller's words back: "You said:" and a pause.
#[derive(Debug)]
pub struct Preface(Vec<i16>);

impl Preface {
    /// Reads the agent's words where it has them from.
    ///
    /// # Errors
    /// When they are not there.
    pub fn read() -> Result<Self> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bridge/assets/you_said.wav");
        let reader = WavReader::open(&path).context("the agent's words are not there")?;
        let mut samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>()?;
        samples.resize(samples.len() + PAUSE, 0);
        Ok(Self(samples))
    }

    /// Whether an answer says the samples at `places` back: each of them once, in order, nothing
    /// else, except that those at `lost` are missing.
    ///
    /// # Errors
    /// Says what is wrong where.
    pub fn check(&self, answer: &[i16], places: Range<u64>, lost: &[Range<u64>]) -> Result<()> {
        ensure!(
            answer.starts_with(&self.0),
            "an answer of {} samples does not begin with the agent's own {}",
            answer.len(),
            self.0.len()
        );
        let said_back = &answer[self.0.len()..];
        let is_lost = |place: u64| lost.iter().any(|lost| lost.contains(&place));
        let expected: Vec<u64> = places.filter(|place| !is_lost(*place)).collect();
        let wrong = said_back
            .iter()
            .zip(&expected)
            .position(|(sample, place)| *sample != *place as u16 as i16);
        if let Some(at) = wrong {
            // The samples around it have the same high bits, unless the flaw is a huge one.
            let (got, wanted) = (said_back[at], expected[at]);
            let off = i64::from(got.wrapping_sub(wanted as u16 as i16));
            anyhow::bail!(
                "of {} samples sample {at} should be number {wanted} and is {off} from it",
                expected.len()
            );
        }
        ensure!(
            said_back.len() == expected.len(),
            "{} samples were said and {} came back",
            expected.len(),
            said_back.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(preface: &Preface, pieces: &[Range<u64>]) -> Vec<i16> {
        let pieces = pieces.iter().cloned().flat_map(numbered);
        preface.0.iter().copied().chain(pieces).collect()
    }

    #[test]
    fn one_sample_more_or_less_or_elsewhere_shows() {
        let preface = Preface::read().unwrap();
        let check = |pieces: &[(u64, u64)], lost: &[(u64, u64)]| {
            let ranges = |pairs: &[(u64, u64)]| -> Vec<Range<u64>> {
                pairs.iter().map(|(from, to)| *from..*to).collect()
            };
            let answer = answer(&preface, &ranges(pieces));
            preface.check(&answer, 100_000..200_000, &ranges(lost))
        };
        assert!(check(&[(100_000, 200_000)], &[]).is_ok());
        assert!(check(&[(100_000, 150_000), (150_001, 200_000)], &[]).is_err());
        assert!(check(&[(100_000, 150_000), (149_999, 200_000)], &[]).is_err());
        assert!(check(&[(100_000, 199_999)], &[]).is_err());
        assert!(check(&[(100_000, 200_001)], &[]).is_err());
        assert!(check(&[(99_999, 200_000)], &[]).is_err());
        // A loss of exactly as much as the numbers count to.
        assert!(check(&[(100_000, 120_000), (185_536, 200_000)], &[]).is_err());
        let lost = [(120_000, 120_480)];
        assert!(check(&[(100_000, 120_000), (120_480, 200_000)], &lost).is_ok());
        assert!(check(&[(100_000, 200_000)], &lost).is_err());
        assert!(preface.check(&[0; 100_000], 0..100, &[]).is_err());
    }
}
