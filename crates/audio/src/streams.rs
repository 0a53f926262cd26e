//! Streams on real devices: one of the two files that know `cpal`.

use std::{thread, time::Duration};

use cpal::{
    BufferSize, ErrorKind, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    traits::{DeviceTrait, StreamTrait},
};

use crate::{
    Error,
    callback::{self, CaptureTap, PlaybackFeed, Sample},
    devices::{Direction, Found},
    priority,
};

/// A running stream; dropping it ends it.
pub(crate) struct DeviceStream {
    stream: Option<cpal::Stream>,
}

/// How long a device may take to open.
const OPENING: Duration = Duration::from_secs(3);
/// Periods per second asked for: 10 ms each. What devices do by default can be seconds.
const PERIODS_PER_SECOND: u32 = 100;

impl DeviceStream {
    /// Ends the stream without waiting for it: one that has failed may never let go.
    pub(crate) fn abandon(mut self) {
        let stream = self.stream.take();
        // Where the system refuses the thread, the stream is dropped here after all.
        let _ = thread::Builder::new()
            .name("audio-end".to_owned())
            .spawn(move || drop(stream));
    }
}

/// Captures from a device. `on_failure` is called when the stream has ended by itself.
pub(crate) fn open_microphone(
    found: &Found,
    on_failure: impl Fn(String) + Clone + Send + 'static,
) -> Result<(DeviceStream, CaptureTap), Error> {
    let supported = configuration(found, Direction::Capture)?;
    for config in attempts(&supported) {
        let opened = match supported.sample_format() {
            SampleFormat::F32 => capture::<f32>(&found.device, config, on_failure.clone()),
            SampleFormat::I32 => capture::<i32>(&found.device, config, on_failure.clone()),
            SampleFormat::U8 => capture::<u8>(&found.device, config, on_failure.clone()),
            _ => capture::<i16>(&found.device, config, on_failure.clone()),
        };
        match opened {
            Err(error) if config.buffer_size != BufferSize::Default && is_about_size(&error) => {}
            opened => return finish(found, Direction::Capture, opened),
        }
    }
    Err(unusable(found, "it has no configuration that works"))
}

/// Plays on a device. `on_failure` is called when the stream has ended by itself.
pub(crate) fn open_speaker(
    found: &Found,
    on_failure: impl Fn(String) + Clone + Send + 'static,
) -> Result<(DeviceStream, PlaybackFeed), Error> {
    let supported = configuration(found, Direction::Playback)?;
    for config in attempts(&supported) {
        let opened = match supported.sample_format() {
            SampleFormat::F32 => playback::<f32>(&found.device, config, on_failure.clone()),
            SampleFormat::I32 => playback::<i32>(&found.device, config, on_failure.clone()),
            SampleFormat::U8 => playback::<u8>(&found.device, config, on_failure.clone()),
            _ => playback::<i16>(&found.device, config, on_failure.clone()),
        };
        match opened {
            Err(error) if config.buffer_size != BufferSize::Default && is_about_size(&error) => {}
            opened => return finish(found, Direction::Playback, opened),
        }
    }
    Err(unusable(found, "it has no configuration that works"))
}

/// The device's own configuration, or the best of the others where its samples are of a kind
/// that is not handled here.
fn configuration(found: &Found, direction: Direction) -> Result<SupportedStreamConfig, Error> {
    let handled = [
        SampleFormat::F32,
        SampleFormat::I16,
        SampleFormat::I32,
        SampleFormat::U8,
    ];
    let own = match direction {
        Direction::Capture => found.device.default_input_config(),
        Direction::Playback => found.device.default_output_config(),
    };
    let own = own.map_err(|error| refused(found, direction, &error))?;
    if handled.contains(&own.sample_format()) {
        return Ok(own);
    }
    let others: Vec<_> = match direction {
        Direction::Capture => found
            .device
            .supported_input_configs()
            .map(Iterator::collect),
        Direction::Playback => found
            .device
            .supported_output_configs()
            .map(Iterator::collect),
    }
    .map_err(|error| refused(found, direction, &error))?;
    others
        .into_iter()
        .filter(|other| handled.contains(&other.sample_format()))
        .min_by_key(|other| {
            let kind = handled
                .iter()
                .position(|format| *format == other.sample_format());
            (other.channels().abs_diff(own.channels()), kind)
        })
        .map(|other| {
            let rate = own
                .sample_rate()
                .clamp(other.min_sample_rate(), other.max_sample_rate());
            other.with_sample_rate(rate)
        })
        .ok_or_else(|| unusable(found, "its samples are of a kind that is not supported"))
}

/// A short period first, then whatever the device prefers.
fn attempts(supported: &SupportedStreamConfig) -> [StreamConfig; 2] {
    let mut short = supported.config();
    let period = short.sample_rate / PERIODS_PER_SECOND;
    short.buffer_size = BufferSize::Fixed(match *supported.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => period.clamp(min, max),
        _ => period,
    });
    let mut own = short;
    own.buffer_size = BufferSize::Default;
    [short, own]
}

fn capture<T: Sample + cpal::SizedSample>(
    device: &cpal::Device,
    config: StreamConfig,
    on_failure: impl Fn(String) + Send + 'static,
) -> Result<(cpal::Stream, CaptureTap), cpal::Error> {
    let (mut callback, tap) = callback::capture(config.sample_rate);
    let channels = usize::from(config.channels);
    let mut first = FirstCall::of(device);
    let stream = device.build_input_stream::<T, _, _>(
        config,
        move |samples, _info| {
            first.raise();
            callback.run(samples, channels);
        },
        move |error| report(&error, &on_failure),
        Some(OPENING),
    )?;
    stream.play()?;
    Ok((stream, tap))
}

fn playback<T: Sample + cpal::SizedSample>(
    device: &cpal::Device,
    config: StreamConfig,
    on_failure: impl Fn(String) + Send + 'static,
) -> Result<(cpal::Stream, PlaybackFeed), cpal::Error> {
    let (mut callback, feed) = callback::playback(config.sample_rate);
    let channels = usize::from(config.channels);
    let rate = f64::from(config.sample_rate);
    let mut first = FirstCall::of(device);
    let stream = device.build_output_stream::<T, _, _>(
        config,
        move |samples, info| {
            first.raise();
            let timestamp = info.timestamp();
            let ahead = timestamp.playback.duration_since(timestamp.callback);
            callback.run(samples, channels, (ahead.as_secs_f64() * rate) as u32);
        },
        move |error| report(&error, &on_failure),
        Some(OPENING),
    )?;
    stream.play()?;
    Ok((stream, feed))
}

/// Whether a stream's thread is still to be raised.
struct FirstCall(bool);

impl FirstCall {
    /// Only PulseAudio's threads are left as they are by `cpal` and by the system; the thread is
    /// the client library's own and known to its callbacks alone.
    fn of(device: &cpal::Device) -> FirstCall {
        let id = device.id().map(|id| id.to_string());
        FirstCall(id.is_ok_and(|id| id.starts_with("pulseaudio:")))
    }

    fn raise(&mut self) {
        if std::mem::take(&mut self.0) {
            priority::raise();
        }
    }
}

/// Passes on what ends a stream, and leaves out what it survives.
fn report(error: &cpal::Error, on_failure: &impl Fn(String)) {
    match error.kind() {
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied | ErrorKind::Xrun => {}
        _ => on_failure(error.to_string()),
    }
}

fn finish<End>(
    found: &Found,
    direction: Direction,
    opened: Result<(cpal::Stream, End), cpal::Error>,
) -> Result<(DeviceStream, End), Error> {
    let (stream, end) = opened.map_err(|error| refused(found, direction, &error))?;
    Ok((
        DeviceStream {
            stream: Some(stream),
        },
        end,
    ))
}

fn is_about_size(error: &cpal::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput
    )
}

fn refused(found: &Found, direction: Direction, error: &cpal::Error) -> Error {
    match (error.kind(), direction) {
        (ErrorKind::PermissionDenied, Direction::Capture) => Error::MicrophoneDenied,
        _ => unusable(found, &error.to_string()),
    }
}

fn unusable(found: &Found, detail: &str) -> Error {
    Error::DeviceUnusable {
        device: found.name.clone(),
        detail: detail.to_owned(),
    }
}
