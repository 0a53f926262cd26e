//! The agent's own words: sound files in this program, with what they say.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use crate::Error;

/// Samples a second of all audio here, in Hz.
pub(crate) const RATE: u64 = 24_000;

const TEXTS: &str = include_str!("../../../assets/prompts.txt");

/// Something the agent can say.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    /// 24 kHz, mono.
    pub(crate) samples: Vec<i16>,
}

/// Everything the agent can say by itself.
#[derive(Debug)]
pub(crate) struct Prompts {
    pub(crate) greeting: Prompt,
    pub(crate) you_said: Prompt,
    pub(crate) you_typed: Prompt,
    pub(crate) nothing_heard: Prompt,
}

impl Prompts {
    /// Those that were built into the program.
    pub(crate) fn built_in() -> Result<Self, Error> {
        Ok(Self {
            greeting: prompt("greeting", include_bytes!("../../../assets/greeting.wav"))?,
            you_said: prompt("you_said", include_bytes!("../../../assets/you_said.wav"))?,
            you_typed: prompt("you_typed", include_bytes!("../../../assets/you_typed.wav"))?,
            nothing_heard: prompt(
                "nothing_heard",
                include_bytes!("../../../assets/nothing_heard.wav"),
            )?,
        })
    }
}

fn prompt(name: &'static str, wav: &[u8]) -> Result<Prompt, Error> {
    let bad = |detail: String| Error::Prompt { name, detail };
    let text = TEXTS
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, text)| text.trim().to_owned())
        .ok_or_else(|| bad("prompts.txt has no text for it".into()))?;
    let reader = WavReader::new(Cursor::new(wav)).map_err(|error| bad(error.to_string()))?;
    let spec = reader.spec();
    let fits = spec.channels == 1
        && u64::from(spec.sample_rate) == RATE
        && spec.bits_per_sample == 16
        && spec.sample_format == SampleFormat::Int;
    if !fits {
        return Err(bad(format!("it is not 24 kHz mono PCM16 but {spec:?}")));
    }
    let samples = reader
        .into_samples()
        .collect::<Result<Vec<i16>, _>>()
        .map_err(|error| bad(error.to_string()))?;
    Ok(Prompt { text, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_can_be_heard_and_read() {
        let prompts = Prompts::built_in().unwrap();
        for prompt in [
            &prompts.greeting,
            &prompts.you_said,
            &prompts.you_typed,
            &prompts.nothing_heard,
        ] {
            assert!(!prompt.text.is_empty());
            assert!(prompt.samples.len() as u64 > RATE / 4, "{}", prompt.text);
            let peak = prompt.samples.iter().map(|s| s.unsigned_abs()).max();
            assert!(peak > Some(3000), "{} is too quiet", prompt.text);
        }
    }

    #[test]
    fn a_prompt_of_another_kind_is_refused() {
        let mut wav = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        hound::WavWriter::new(&mut wav, spec)
            .unwrap()
            .finalize()
            .unwrap();
        for wav in [wav.get_ref().as_slice(), b"not a sound file"] {
            assert!(matches!(
                prompt("greeting", wav),
                Err(Error::Prompt {
                    name: "greeting",
                    ..
                })
            ));
        }
    }
}
