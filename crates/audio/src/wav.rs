//! Sound files in the place of devices: they drive the same callbacks.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::{
    Error, SAMPLE_RATE,
    callback::{self, CaptureCallback, CaptureTap, PlaybackCallback, PlaybackFeed},
    resample::RATES,
};

/// A WAV file that plays the microphone, then silence.
pub(crate) struct WavMicrophone {
    reader: WavReader<BufReader<File>>,
    callback: CaptureCallback,
    buffer: Vec<f32>,
    ended: bool,
}

/// A WAV file that records the speaker.
pub(crate) struct WavSpeaker {
    path: PathBuf,
    writer: WavWriter<std::io::BufWriter<File>>,
    callback: PlaybackCallback,
    buffer: Vec<i16>,
    /// Samples written since the header was last brought up to date.
    unsaved: usize,
}

/// More channels than any recording has.
const MAX_CHANNELS: u16 = 32;

impl WavMicrophone {
    /// Opens a WAV file of any rate, channel count and sample format.
    pub(crate) fn open(path: &Path) -> Result<(WavMicrophone, CaptureTap), Error> {
        let unusable = |detail: String| Error::SoundFile {
            path: path.to_owned(),
            detail,
        };
        let reader = WavReader::open(path).map_err(|error| unusable(error.to_string()))?;
        let WavSpec {
            channels,
            sample_rate,
            ..
        } = reader.spec();
        if !RATES.contains(&sample_rate) {
            return Err(unusable(format!(
                "its sample rate of {sample_rate} Hz is out of range"
            )));
        }
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(unusable(format!("it has {channels} channels")));
        }
        let (callback, tap) = callback::capture(sample_rate);
        Ok((
            WavMicrophone {
                reader,
                callback,
                buffer: Vec::new(),
                ended: false,
            },
            tap,
        ))
    }

    /// The file's rate, in Hz.
    pub(crate) fn rate(&self) -> u32 {
        self.reader.spec().sample_rate
    }

    /// Captures the next frames; returns whether the file ended with this call.
    pub(crate) fn tick(&mut self, frames: usize) -> bool {
        let WavSpec {
            channels,
            bits_per_sample,
            sample_format,
            ..
        } = self.reader.spec();
        let wanted = frames * usize::from(channels);
        self.buffer.clear();
        if !self.ended {
            // A file that breaks off ends there.
            match sample_format {
                SampleFormat::Float => {
                    let samples = self.reader.samples::<f32>().take(wanted);
                    self.buffer.extend(samples.map_while(Result::ok));
                }
                SampleFormat::Int => {
                    let scale = 1.0 / (1_u64 << (bits_per_sample.max(1) - 1)) as f32;
                    let samples = self.reader.samples::<i32>().take(wanted);
                    self.buffer
                        .extend(samples.map_while(Result::ok).map(|s| s as f32 * scale));
                }
            }
        }
        let ends_now = !self.ended && self.buffer.len() < wanted;
        self.ended |= ends_now;
        self.buffer.resize(wanted, 0.0);
        self.callback.run(&self.buffer, usize::from(channels));
        ends_now
    }
}

impl WavSpeaker {
    /// Creates a WAV file of 24 kHz mono PCM16, replacing what is there.
    pub(crate) fn create(path: &Path) -> Result<(WavSpeaker, PlaybackFeed), Error> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(path, spec).map_err(|error| failed(path, &error))?;
        writer.flush().map_err(|error| failed(path, &error))?;
        let (callback, feed) = callback::playback(SAMPLE_RATE);
        let speaker = WavSpeaker {
            path: path.to_owned(),
            writer,
            callback,
            buffer: Vec::new(),
            unsaved: 0,
        };
        Ok((speaker, feed))
    }

    /// Plays the next frames. The file is complete at least once a second, and when this is
    /// dropped.
    pub(crate) fn tick(&mut self, frames: usize) -> Result<(), Error> {
        self.buffer.resize(frames, 0);
        self.callback.run(&mut self.buffer, 1, 0);
        let mut written = Ok(());
        for sample in &self.buffer {
            written = written.and_then(|()| self.writer.write_sample(*sample));
        }
        self.unsaved += frames;
        if self.unsaved >= SAMPLE_RATE as usize {
            self.unsaved = 0;
            written = written.and_then(|()| self.writer.flush());
        }
        written.map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &hound::Error) -> Error {
    Error::SoundFile {
        path: path.to_owned(),
        detail: error.to_string(),
    }
}

#[cfg(test)]
#[path = "wav_tests.rs"]
pub(crate) mod tests;
