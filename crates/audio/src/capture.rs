//! The caller's way: from the capture ring to cleaned frames of 24 kHz.

use std::sync::atomic::Ordering;

use crate::{
    FRAME_SAMPLES, SAMPLE_RATE,
    callback::{CaptureTap, Sample},
    echo::{ECHO_BLOCK, ECHO_RATE, EchoCanceller},
    meter::Meter,
    reference::Reference,
    resample::Resampler,
};

/// Turns what a microphone captured into frames.
pub(crate) struct Capture {
    source: Option<Source>,
    echo: Option<EchoCanceller>,
    block: Vec<f32>,
    to_wire: Resampler,
    frame: Vec<i16>,
    /// What former microphones lost, in seconds.
    lost_before: f64,
    scratch: Vec<f32>,
}

/// A microphone, with the resampler for its rate.
struct Source {
    tap: CaptureTap,
    resampler: Resampler,
}

/// How much is taken off the ring at a time, in samples.
const CHUNK: usize = 2_048;

impl Capture {
    pub(crate) fn new(echo_cancellation: bool) -> Capture {
        Capture {
            source: None,
            echo: echo_cancellation.then(EchoCanceller::new),
            block: Vec::with_capacity(ECHO_BLOCK),
            to_wire: Resampler::new(ECHO_RATE, SAMPLE_RATE),
            frame: Vec::with_capacity(FRAME_SAMPLES),
            lost_before: 0.0,
            scratch: vec![0.0; CHUNK],
        }
    }

    /// Captures from this microphone from now on; none leaves silence.
    pub(crate) fn attach(&mut self, tap: Option<CaptureTap>) {
        self.lost_before = self.lost_seconds();
        self.source = tap.map(|tap| Source {
            resampler: Resampler::new(tap.rate, ECHO_RATE),
            tap,
        });
    }

    /// What was dropped because nobody fetched it in time, in seconds.
    pub(crate) fn lost_seconds(&self) -> f64 {
        self.lost_before
            + self.source.as_ref().map_or(0.0, |source| {
                let lost = source.tap.counts.lost.load(Ordering::Relaxed);
                lost as f64 / f64::from(source.tap.rate)
            })
    }

    /// Fetches what was captured since the last call, and hands on each frame that is complete.
    pub(crate) fn fetch(
        &mut self,
        reference: &mut Reference,
        meter: &mut Meter,
        mut on_frame: impl FnMut(Vec<i16>),
    ) {
        let Capture {
            source,
            echo,
            block,
            to_wire,
            frame,
            scratch,
            ..
        } = self;
        let Some(Source { tap, resampler }) = source else {
            return;
        };
        let mut finish = |captured: &[f32]| {
            to_wire.push(captured, |samples| {
                meter.add(samples);
                for sample in samples {
                    frame.push(i16::from_f32(*sample));
                    if frame.len() == FRAME_SAMPLES {
                        on_frame(std::mem::replace(frame, Vec::with_capacity(FRAME_SAMPLES)));
                    }
                }
            });
        };
        let mut played = [0.0; ECHO_BLOCK];
        loop {
            let (fetched, _rest) = tap.ring.pop_partial_slice(scratch);
            if fetched.is_empty() {
                return;
            }
            resampler.push(fetched, |samples| {
                let mut samples = samples;
                while !samples.is_empty() {
                    let (now, later) =
                        samples.split_at(samples.len().min(ECHO_BLOCK - block.len()));
                    block.extend_from_slice(now);
                    samples = later;
                    let Ok(microphone) = <&mut [f32; ECHO_BLOCK]>::try_from(&mut block[..]) else {
                        return;
                    };
                    reference.next_block(&mut played);
                    if let Some(echo) = echo {
                        echo.process(&played, microphone);
                    }
                    finish(microphone);
                    block.clear();
                }
            });
        }
    }
}
