//! A device or sound file that was opened, with its end for the worker.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering, mpsc::SyncSender},
};

use crate::{
    Error, Event, SAMPLE_RATE,
    callback::{CaptureCounts, PlaybackControl},
    devices::{Direction, Found},
    pace::Pace,
    streams::{DeviceStream, open_microphone, open_speaker},
    wav::{WavMicrophone, WavSpeaker},
    worker::Order,
};

/// Something that captures or plays until it is dropped.
pub(crate) struct Opened {
    /// The device's id; the path of a file.
    pub(crate) id: String,
    /// The device's name; the path of a file.
    pub(crate) name: String,
    /// What hands it to the worker.
    pub(crate) end: Option<Order>,
    /// Whether it runs.
    pub(crate) calls: Calls,
    source: Source,
}

/// Tells whether a callback was ever called.
#[derive(Clone)]
pub(crate) enum Calls {
    Capture(Arc<CaptureCounts>),
    Playback(Arc<PlaybackControl>),
}

enum Source {
    Device(DeviceStream),
    /// Stops when it is dropped.
    File {
        _pace: Pace,
    },
}

impl Opened {
    /// Ends it without waiting.
    pub(crate) fn abandon(self) {
        if let Source::Device(stream) = self.source {
            stream.abandon();
        }
    }
}

impl Calls {
    pub(crate) fn any(&self) -> bool {
        let calls = match self {
            Calls::Capture(counts) => &counts.calls,
            Calls::Playback(control) => &control.calls,
        };
        calls.load(Ordering::Relaxed) > 0
    }
}

/// Opens a device.
pub(crate) fn open_device(
    direction: Direction,
    found: Found,
    on_failure: impl Fn(Error) + Clone + Send + 'static,
) -> Result<Opened, Error> {
    let name = found.name.clone();
    let failed = move |detail| {
        on_failure(Error::DeviceUnusable {
            device: name.clone(),
            detail,
        });
    };
    let (stream, end, calls) = match direction {
        Direction::Capture => {
            let (stream, tap) = open_microphone(&found, failed)?;
            let calls = Calls::Capture(Arc::clone(&tap.counts));
            (stream, Order::CaptureFrom(Some(tap)), calls)
        }
        Direction::Playback => {
            let (stream, feed) = open_speaker(&found, failed)?;
            let calls = Calls::Playback(Arc::clone(&feed.control));
            (stream, Order::PlayOn(Some(feed)), calls)
        }
    };
    let Found { id, name, .. } = found;
    Ok(Opened {
        id,
        name,
        end: Some(end),
        calls,
        source: Source::Device(stream),
    })
}

/// Opens a sound file in the place of a device.
pub(crate) fn open_file(
    direction: Direction,
    path: &Path,
    worker: SyncSender<Order>,
    on_failure: impl Fn(Error) + Send + 'static,
) -> Result<Opened, Error> {
    let (pace, end, calls) = match direction {
        Direction::Capture => {
            let (mut microphone, tap) = WavMicrophone::open(path)?;
            let calls = Calls::Capture(Arc::clone(&tap.counts));
            let pace = Pace::start(microphone.rate(), move |frames| {
                if microphone.tick(frames) {
                    // The worker is always there to take it, or gone for good.
                    let _ = worker.send(Order::Tell(Event::MicrophoneFileEnded));
                }
                true
            })?;
            (pace, Order::CaptureFrom(Some(tap)), calls)
        }
        Direction::Playback => {
            let (mut speaker, feed) = WavSpeaker::create(path)?;
            let calls = Calls::Playback(Arc::clone(&feed.control));
            let pace = Pace::start(SAMPLE_RATE, move |frames| {
                speaker.tick(frames).map_err(&on_failure).is_ok()
            })?;
            (pace, Order::PlayOn(Some(feed)), calls)
        }
    };
    let name = path.display().to_string();
    let source = Source::File { _pace: pace };
    Ok(Opened {
        id: name.clone(),
        name,
        end: Some(end),
        calls,
        source,
    })
}
