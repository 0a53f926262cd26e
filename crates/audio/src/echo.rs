//! Echo cancellation: removes from the microphone what the speaker plays.

use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{EchoCanceller as Canceller, HighPassFilter, MaxProcessingRate, Pipeline},
};

/// The rate the canceller works at, in Hz.
pub(crate) const ECHO_RATE: u32 = 48_000;
/// The samples it takes at a time: 10 ms.
pub(crate) const ECHO_BLOCK: usize = 480;

/// WebRTC's third echo canceller with its high-pass filter, in mono; about 9 ms of delay.
pub(crate) struct EchoCanceller {
    processing: AudioProcessing,
    cleaned: Vec<f32>,
}

impl EchoCanceller {
    pub(crate) fn new() -> EchoCanceller {
        let stream = StreamConfig::new(ECHO_RATE, 1);
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: Some(Canceller::default()),
            ..Config::default()
        };
        let processing = AudioProcessing::builder()
            .config(config)
            .capture_config(stream)
            .render_config(stream)
            .build();
        EchoCanceller {
            processing,
            cleaned: vec![0.0; ECHO_BLOCK],
        }
    }

    /// Cleans 10 ms of the microphone, given the 10 ms that were played at about the same time;
    /// the canceller finds out by itself how late the echo comes.
    pub(crate) fn process(
        &mut self,
        played: &[f32; ECHO_BLOCK],
        microphone: &mut [f32; ECHO_BLOCK],
    ) {
        let done = self
            .processing
            .process_render_f32(&[played], &mut [&mut self.cleaned])
            .and_then(|()| {
                self.processing
                    .process_capture_f32(&[microphone], &mut [&mut self.cleaned])
            });
        match done {
            Ok(()) => microphone.copy_from_slice(&self.cleaned),
            // Not possible with blocks of the configured size; unclean sound is better than none.
            Err(error) => tracing::error!(?error, "echo cancellation refused a block"),
        }
    }
}

#[cfg(test)]
#[path = "echo_tests.rs"]
mod tests;
