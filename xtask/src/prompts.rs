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

/// Writes every WAV anew.
pub(crate) fn prompts(options: &Options) -> Result<()> {
    setup::setup(Purpose::Prompts)?;
    let assets = paths::root().join("crates/bridge/assets");
    let texts = fs::read_to_string(assets.join("prompts.txt")).context("prompts.txt")?;
    for (name, text) in parse(&texts)? {
        speak(&AGENT, text, &assets.join(format!("{name}.wav")))?;
    }

    let data = paths::root().join("tests/data");
    fs::create_dir_all(&data).context("tests/data")?;
    let utterance = data.join("utterance.wav");
    speak(&CALLER, UTTERANCE, &utterance)?;
    let speech = data.join("speech.wav");
    let lead = seconds(&assets.join("greeting.wav"))? + options.pause;
    let padding = [
        "pad".to_owned(),
        format!("{lead:.3}"),
        TAIL_SECONDS.to_string(),
    ];
    execute(
        Command::new("sox")
            .arg("-D")
            .arg(&utterance)
            .arg(&speech)
            .args(padding),
    )?;
    report(&speech)
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
fn speak(voice: &Voice, text: &str, wav: &Path) -> Result<()> {
    let raw = paths::target().join("prompt-raw.wav");
    let speed = voice.words_per_minute.to_string();
    execute(
        Command::new("espeak-ng")
            .args(["-v", voice.name, "-s", &speed, "-w"])
            .arg(&raw)
            .arg(text),
    )?;

    let trim = "silence 1 0.01 0.5% fade h 0.005 reverse";
    let level = "gain -n -4";
    let rate = voice.rate_hz.to_string();
    let mut sox = Command::new("sox");
    // -D: no dither, so that the same text and voice give the same file; gain first, so that
    // resampling cannot clip.
    sox.arg("-D")
        .arg(&raw)
        .args(["-c", "1", "-b", "16", "-r", &rate])
        .arg(wav);
    sox.args(format!("gain -2 {trim} {trim} rate {rate} {level}").split_whitespace());
    execute(&mut sox)?;
    fs::remove_file(&raw).context("prompt-raw.wav")?;
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
