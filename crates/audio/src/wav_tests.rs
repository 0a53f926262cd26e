//! Tests of `wav.rs`.

use std::{fs, process};

use super::*;

/// A file name of its own, removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let name = format!("offhook-audio-{}-{name}", process::id());
        Scratch(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn refusal(path: &Path) -> String {
    WavMicrophone::open(path)
        .err()
        .expect("not a sound file")
        .to_string()
}

#[test]
fn files_of_every_format_are_captured() {
    for (bits, format) in [
        (8, SampleFormat::Int),
        (16, SampleFormat::Int),
        (24, SampleFormat::Int),
        (32, SampleFormat::Int),
        (32, SampleFormat::Float),
    ] {
        let file = Scratch::new(&format!("{bits}-{format:?}.wav"));
        let spec = WavSpec {
            channels: 2,
            sample_rate: 16_000,
            bits_per_sample: bits,
            sample_format: format,
        };
        let mut writer = WavWriter::create(&file.0, spec).expect("a scratch file");
        for _ in 0..400 {
            for value in [0.5_f32, 0.25] {
                match format {
                    SampleFormat::Float => writer.write_sample(value),
                    SampleFormat::Int => {
                        writer.write_sample((value * (1_i64 << (bits - 1)) as f32) as i32)
                    }
                }
                .expect("a sample that fits");
            }
        }
        writer.finalize().expect("a scratch file");
        let (mut microphone, mut tap) = WavMicrophone::open(&file.0).expect("a WAV file");
        assert_eq!(tap.rate, 16_000);
        assert!(!microphone.tick(160));
        assert!(!microphone.tick(160));
        assert!(microphone.tick(160), "the file ends here");
        assert!(!microphone.tick(160), "it ends once");
        let mut mono = [0.0; 640];
        tap.ring.pop_entire_slice(&mut mono).expect("four ticks");
        assert!(
            mono[..400]
                .iter()
                .all(|sample| (sample - 0.375).abs() < 0.01),
            "{bits}"
        );
        assert!(mono[400..].iter().all(|sample| *sample == 0.0));
    }
}

#[test]
fn what_is_no_sound_file_is_refused_in_a_sentence() {
    let missing = Scratch::new("missing.wav");
    assert!(refusal(&missing.0).contains("cannot be used as a sound file"));
    let text = Scratch::new("text.wav");
    fs::write(&text.0, "this is no RIFF at all").expect("a scratch file");
    assert!(refusal(&text.0).contains("cannot be used as a sound file"));
    assert!(refusal(&std::env::temp_dir()).contains("cannot be used as a sound file"));
    let nowhere = Path::new("/nonexistent/answer.wav");
    let error = WavSpeaker::create(nowhere).err().expect("no such folder");
    assert!(matches!(error, Error::SoundFile { .. }));
}

#[test]
fn a_file_that_breaks_off_ends_there() {
    let file = Scratch::new("broken.wav");
    let spec = WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(&file.0, spec).expect("a scratch file");
    for _ in 0..800 {
        writer.write_sample(1_000_i16).expect("a sample");
    }
    writer.finalize().expect("a scratch file");
    let bytes = fs::read(&file.0).expect("just written");
    fs::write(&file.0, &bytes[..bytes.len() - 1_001]).expect("a scratch file");
    let (mut microphone, _tap) = WavMicrophone::open(&file.0).expect("a header");
    assert!(microphone.tick(800));
}

#[test]
fn a_recording_is_complete_while_it_grows_and_after_it_was_dropped() {
    let file = Scratch::new("growing.wav");
    let (mut speaker, mut feed) = WavSpeaker::create(&file.0).expect("a scratch file");
    feed.ring.push_entire_slice(&[0.5; 240]).expect("room");
    for _ in 0..150 {
        speaker.tick(240).expect("a scratch file");
    }
    let length = |path: &Path| WavReader::open(path).expect("a complete file").duration();
    assert_eq!(length(&file.0), 24_000);
    drop(speaker);
    assert_eq!(length(&file.0), 36_000);
    let mut reader = WavReader::open(&file.0).expect("a complete file");
    assert_eq!(
        reader
            .samples::<i16>()
            .next()
            .expect("samples")
            .expect("a sample"),
        16_384
    );
}
