//! The two callbacks of the audio devices: they copy samples and count, and do nothing else.
//!
//! Devices and sound files drive the same code. It runs on real-time threads, so it never
//! allocates, locks, logs or waits; the tests run it under a guard that aborts on allocation. What
//! does not fit into a ring is counted and dropped.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use rtrb::{Consumer, Producer, RingBuffer};

/// A sample as devices have it.
pub(crate) trait Sample: Copy {
    /// In -1.0 to 1.0.
    fn to_f32(self) -> f32;
    /// From -1.0 to 1.0; what lies outside is clipped.
    fn from_f32(sample: f32) -> Self;
}

/// Takes what a microphone captured: any number of channels, averaged to one.
pub(crate) struct CaptureCallback {
    ring: Producer<f32>,
    counts: Arc<CaptureCounts>,
}

/// The worker's end of a [`CaptureCallback`].
pub(crate) struct CaptureTap {
    /// The device's rate, in Hz.
    pub(crate) rate: u32,
    /// Mono samples at that rate.
    pub(crate) ring: Consumer<f32>,
    pub(crate) counts: Arc<CaptureCounts>,
}

/// What a [`CaptureCallback`] counts.
#[derive(Debug, Default)]
pub(crate) struct CaptureCounts {
    /// Times it was called.
    pub(crate) calls: AtomicU64,
    /// Samples the ring had no room for.
    pub(crate) lost: AtomicU64,
}

/// Gives a speaker what it plays: one channel, copied to all.
pub(crate) struct PlaybackCallback {
    ring: Consumer<f32>,
    played: Producer<f32>,
    reports: Producer<Report>,
    control: Arc<PlaybackControl>,
    /// Ring samples played or discarded so far.
    taken: u64,
    /// Device frames written so far, silence included.
    frames: u64,
    /// Length of a fade, in samples.
    fade: u32,
    /// What is left of a fade to silence that a flush began, in samples.
    falling: u32,
    /// What is left of a fade from silence after the ring ran dry, in samples.
    rising: u32,
    /// What is left of the slope from the last sample to silence, in samples.
    slope: u32,
    last: f32,
    dry: bool,
}

/// The worker's end of a [`PlaybackCallback`].
pub(crate) struct PlaybackFeed {
    /// The device's rate, in Hz.
    pub(crate) rate: u32,
    /// Takes mono samples at that rate.
    pub(crate) ring: Producer<f32>,
    /// Every sample that was handed to the device, silence included.
    pub(crate) played: Consumer<f32>,
    /// One report for each call.
    pub(crate) reports: Consumer<Report>,
    pub(crate) control: Arc<PlaybackControl>,
}

/// What the worker tells a [`PlaybackCallback`], and what that counts.
#[derive(Debug, Default)]
pub(crate) struct PlaybackControl {
    /// Ring samples before this index are to be discarded, after a short fade.
    pub(crate) flush_to: AtomicU64,
    /// The index at which it is no accident if the ring is dry.
    pub(crate) ends_at: AtomicU64,
    /// Times it was called.
    pub(crate) calls: AtomicU64,
    /// Times the ring was dry before `ends_at`.
    pub(crate) underruns: AtomicU32,
}

/// What one call of a [`PlaybackCallback`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// Device frames written before this call.
    pub(crate) frame: u64,
    /// Device frames written by this call.
    pub(crate) frames: u32,
    /// Ring index of the first sample played by this call.
    pub(crate) index: u64,
    /// Ring samples played by this call, from its first frame on.
    pub(crate) played: u32,
    /// Ring index after this call, discarded samples included.
    pub(crate) taken: u64,
    /// Device frames between this call's first frame and the one at the listener's ear.
    pub(crate) latency: u32,
}

/// How much either ring of samples holds: a stalled worker loses nothing for this long.
const RING_SECONDS: usize = 1;
/// Reports that may wait: over a second of them at the shortest period in use.
const MAX_REPORTS: usize = 512;
/// Fades last 1/250 s = 4 ms: too short to hear as a fade, too long to click.
const FADES_PER_SECOND: u32 = 250;
/// Samples processed at a time, so that they fit on the stack.
const BLOCK: usize = 256;

/// Connects a microphone of `rate` Hz with the worker.
pub(crate) fn capture(rate: u32) -> (CaptureCallback, CaptureTap) {
    let (producer, consumer) = RingBuffer::new(rate as usize * RING_SECONDS);
    let counts = Arc::new(CaptureCounts::default());
    (
        CaptureCallback {
            ring: producer,
            counts: Arc::clone(&counts),
        },
        CaptureTap {
            rate,
            ring: consumer,
            counts,
        },
    )
}

/// Connects a speaker of `rate` Hz with the worker.
pub(crate) fn playback(rate: u32) -> (PlaybackCallback, PlaybackFeed) {
    let (to_play, ring) = RingBuffer::new(rate as usize * RING_SECONDS);
    let (played, reference) = RingBuffer::new(rate as usize * RING_SECONDS);
    let (report, reports) = RingBuffer::new(MAX_REPORTS);
    let control = Arc::new(PlaybackControl::default());
    let fade = (rate / FADES_PER_SECOND).max(1);
    (
        PlaybackCallback {
            ring,
            played,
            reports: report,
            control: Arc::clone(&control),
            taken: 0,
            frames: 0,
            fade,
            falling: fade,
            rising: 0,
            slope: 0,
            last: 0.0,
            dry: true,
        },
        PlaybackFeed {
            rate,
            ring: to_play,
            played: reference,
            reports,
            control,
        },
    )
}

impl CaptureCallback {
    /// Takes what the device captured since the last call.
    pub(crate) fn run<T: Sample>(&mut self, interleaved: &[T], channels: usize) {
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        let channels = channels.max(1);
        let frames = interleaved.len() / channels;
        let room = frames.min(self.ring.slots());
        let share = 1.0 / channels as f32;
        if let Ok(chunk) = self.ring.write_chunk_uninit(room) {
            chunk.fill_from_iter(
                interleaved
                    .chunks_exact(channels)
                    .map(|frame| frame.iter().map(|sample| sample.to_f32()).sum::<f32>() * share),
            );
        }
        if room < frames {
            self.counts
                .lost
                .fetch_add((frames - room) as u64, Ordering::Relaxed);
        }
    }
}

impl PlaybackCallback {
    /// Fills a device's buffer.
    ///
    /// `latency` is how many frames of the device separate the first frame of this buffer from the
    /// one at the listener's ear.
    pub(crate) fn run<T: Sample>(&mut self, interleaved: &mut [T], channels: usize, latency: u32) {
        self.control.calls.fetch_add(1, Ordering::Relaxed);
        let channels = channels.max(1);
        let frames = interleaved.len() / channels;
        let available = self.ring.slots();
        let flush_to = self.control.flush_to.load(Ordering::Acquire);
        let flushing = flush_to > self.taken;
        let count = if flushing {
            let doomed = usize::try_from(flush_to - self.taken).unwrap_or(usize::MAX);
            available.min(frames).min(doomed).min(self.falling as usize)
        } else {
            self.falling = self.fade;
            available.min(frames)
        };
        let index = self.taken;
        if self.dry && count > 0 {
            self.dry = false;
        }

        let mut left = count;
        for buffer in interleaved.chunks_mut(BLOCK * channels) {
            let mut block = [0.0; BLOCK];
            let length = buffer.len() / channels;
            let ready = left.min(length);
            self.take(&mut block[..ready], flushing);
            self.trail_off(&mut block[ready..length]);
            left -= ready;
            for (frame, sample) in buffer.chunks_exact_mut(channels).zip(block) {
                frame.fill(T::from_f32(sample));
            }
            // A full reference ring means that the worker is stalled; it realigns afterwards.
            let _ = self.played.push_partial_slice(&block[..length]);
        }

        self.taken += count as u64;
        if flushing && (self.falling == 0 || count == available) {
            self.discard(flush_to);
        } else if !flushing && count < frames {
            self.note_dry(flush_to);
        }
        let report = Report {
            frame: self.frames,
            frames: frames as u32,
            index,
            played: count as u32,
            taken: self.taken,
            latency,
        };
        // A full ring means that the worker is stalled; the next report has all it needs.
        let _ = self.reports.push(report);
        self.frames += frames as u64;
    }

    /// Takes samples off the ring, which holds at least as many, through the fades.
    fn take(&mut self, block: &mut [f32], flushing: bool) {
        if self.ring.pop_entire_slice(block).is_err() {
            return;
        }
        let length = self.fade as f32;
        for sample in block.iter_mut() {
            if flushing {
                self.falling = self.falling.saturating_sub(1);
                *sample *= self.falling as f32 / length;
            }
            if self.rising > 0 {
                self.rising -= 1;
                *sample *= 1.0 - self.rising as f32 / length;
            }
        }
        if let Some(last) = block.last() {
            self.last = *last;
            self.slope = self.fade;
        }
    }

    /// Goes from the last sample to silence on a straight line.
    fn trail_off(&mut self, block: &mut [f32]) {
        for sample in block {
            self.slope = self.slope.saturating_sub(1);
            *sample = self.last * (self.slope as f32 / self.fade as f32);
        }
    }

    /// Forgets what a flush is about.
    fn discard(&mut self, flush_to: u64) {
        let doomed = usize::try_from(flush_to - self.taken).unwrap_or(usize::MAX);
        if let Ok(chunk) = self.ring.read_chunk(doomed.min(self.ring.slots())) {
            self.taken += chunk.len() as u64;
            chunk.commit_all();
        }
        self.falling = self.fade;
        self.rising = 0;
        self.dry = true;
    }

    /// The ring gave less than the device wants: by intention at an end, else it is an underrun.
    fn note_dry(&mut self, flush_to: u64) {
        if self.dry {
            return;
        }
        self.dry = true;
        let ends_at = self.control.ends_at.load(Ordering::Acquire);
        if self.taken != ends_at && self.taken != flush_to {
            self.control.underruns.fetch_add(1, Ordering::Relaxed);
            self.rising = self.fade;
        }
    }
}

impl Sample for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(sample: f32) -> f32 {
        sample.clamp(-1.0, 1.0)
    }
}

impl Sample for i16 {
    fn to_f32(self) -> f32 {
        f32::from(self) / 32_768.0
    }

    fn from_f32(sample: f32) -> i16 {
        // `as` saturates, which is the clipping wanted.
        (sample * 32_768.0).round() as i16
    }
}

impl Sample for i32 {
    fn to_f32(self) -> f32 {
        self as f32 / 2_147_483_648.0
    }

    fn from_f32(sample: f32) -> i32 {
        (sample * 2_147_483_648.0) as i32
    }
}

impl Sample for u8 {
    fn to_f32(self) -> f32 {
        (f32::from(self) - 128.0) / 128.0
    }

    fn from_f32(sample: f32) -> u8 {
        (sample * 128.0 + 128.0).round() as u8
    }
}

#[cfg(test)]
#[path = "callback_tests.rs"]
mod tests;
