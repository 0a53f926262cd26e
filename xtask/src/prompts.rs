//! Speaking the built-in agent's prompts, and what the tests' caller says, into WAV files.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::packages::Purpose;
use crate::{paths, say, setup};

/// What the tests' caller says: it holds every letter and so most of English's sounds.
const UTTERANCE: &str = "The quick brown fox jumps over the lazy dog.";

/// Silence after the utterance, in which the agent notices that the caller has finished.
const TAIL_SECONDS: f64 = 1.0;

/// The wire's rate: the agent sends its prompts without resampling.
const AGENT: Voice = Voice {
    name: "en-us+f2",
    words_per_minute: 155,
    rate_hz: 24_000,
};

/// Another voice, and a rate that has to be resampled on its way.
const CALLER: Voice = Voice {
    name: "en-gb-x-rp",
    words_per_minute: 160,
    rate_hz: 44_100,
};

/// The noise of a quiet room, -61 dBFS, always the same: a synthesiser's pauses are digital zero,
/// which no microphone delivers and which no test could tell from lost samples.
const ROOM: [&str; 4] = ["synth", "whitenoise", "vol", "0.0015"];

/// The largest WAV worth carrying in the repository and in the program, in bytes.
const LARGEST: u64 = 300 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Silence before the caller speaks, in seconds beyond the length of the greeting
    #[arg(long, default_value_t = 0.7)]
    pause: f64,
}

struct Voice {
    name: &'static str,
    words_per_minute: u32,
    rate_hz: u32,
}

/// The silence to put round an utterance, in seconds.
struct Silence {
    before: f64,
    after: f64,
}

impl Silence {
    const NONE: Self = Self {
        before: 0.0,
        after: 0.0,
    };
}

/// Writes every WAV anew.
pub(crate) fn prompts(options: &Options) -> Result<()> {
    setup::setup(Purpose::Prompts)?;
    let assets = paths::root().join("crates/bridge/assets");
    let texts = fs::read_to_string(assets.join("prompts.txt")).context("prompts.txt")?;
    for (name, text) in parse(&texts)? {
        speak(
            &AGENT,
            text,
            &assets.join(format!("{name}.wav")),
            Silence::NONE,
        )?;
    }

    let data = paths::root().join("tests/data");
    fs::create_dir_all(&data).context("tests/data")?;
    speak(
        &CALLER,
        UTTERANCE,
        &data.join("utterance.wav"),
        Silence::NONE,
    )?;
    let before = seconds(&assets.join("greeting.wav"))? + options.pause;
    let around = Silence {
        before,
        after: TAIL_SECONDS,
    };
    speak(&CALLER, UTTERANCE, &data.join("speech.wav"), around)
}

/// Reads `name = text` lines.
fn parse(texts: &str) -> Result<Vec<(&str, &str)>> {
    texts
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let pair = line
                .split_once('=')
                .map(|(name, text)| (name.trim(), text.trim()));
            let complete = pair.filter(|(name, text)| !name.is_empty() && !text.is_empty());
            complete.with_context(|| format!("prompts.txt: not `name = text`: {line}"))
        })
        .collect()
}

/// Speaks `text`, cuts the silence off both ends, rounds the cuts, and levels it to -4 dBFS.
fn speak(voice: &Voice, text: &str, wav: &Path, silence: Silence) -> Result<()> {
    let scratch = |name: &str| paths::target().join(format!("prompt-{name}.wav"));
    let (raw, clean, noise) = (scratch("raw"), scratch("clean"), scratch("noise"));
    let mut espeak = Command::new("espeak-ng");
    espeak.args([
        "-v",
        voice.name,
        "-s",
        &voice.words_per_minute.to_string(),
        "-w",
    ]);
    execute(espeak.arg(&raw).arg(text))?;

    let trim = "silence 1 0.01 0.5% fade h 0.005 reverse";
    let (rate, Silence { before, after }) = (voice.rate_hz, silence);
    // The gain comes first so that resampling cannot clip. No dither (-D): the noise does it.
    let shape = format!("gain -2 {trim} {trim} rate {rate} gain -n -4 pad {before:.3} {after}");
    let format = ["-c", "1", "-b", "16", "-r", &rate.to_string()].map(str::to_owned);
    let mut sox = Command::new("sox");
    sox.arg("-D")
        .arg(&raw)
        .args(&format)
        .arg(&clean)
        .args(shape.split_whitespace());
    execute(&mut sox)?;
    execute(
        Command::new("sox")
            .arg("-D")
            .arg(&clean)
            .arg(&noise)
            .args(ROOM),
    )?;
    let mut mix = Command::new("sox");
    mix.args(["-D", "-m", "-v", "1"])
        .arg(&clean)
        .args(["-v", "1"])
        .arg(&noise);
    execute(mix.args(&format).arg(wav))?;
    for file in [raw, clean, noise] {
        fs::remove_file(&file).with_context(|| paths::shown(&file))?;
    }
    report(wav)
}

fn execute(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{name} did not start"))?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "{name} failed ({}): {}",
        output.status,
        complaint.trim()
    );
    Ok(())
}

fn report(wav: &Path) -> Result<()> {
    let bytes = fs::metadata(wav)?.len();
    say::line(&format!(
        "{:<44} {:.2} s  {bytes} bytes",
        paths::shown(wav),
        seconds(wav)?
    ));
    let is_fixture = wav.starts_with(paths::root().join("tests"));
    ensure!(
        bytes <= LARGEST || is_fixture,
        "{} is too large",
        paths::shown(wav)
    );
    Ok(())
}

fn seconds(wav: &Path) -> Result<f64> {
    let reader = hound::WavReader::open(wav).with_context(|| paths::shown(wav))?;
    Ok(f64::from(reader.duration()) / f64::from(reader.spec().sample_rate))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn texts_may_hold_any_punctuation() {
        let pairs = parse("greeting = Hello, a = b.\n\nend = Bye.\n").unwrap();
        assert_eq!(pairs, [("greeting", "Hello, a = b."), ("end", "Bye.")]);
    }

    #[test]
    fn a_prompt_without_a_text_is_refused_by_name() {
        let error = parse("greeting =\n").unwrap_err();
        assert!(error.to_string().contains("greeting"), "{error}");
    }
}
