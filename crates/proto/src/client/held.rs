//! What the caller does before the line is up, kept until it can be sent.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::wire::ClientEvent;

/// Control events kept beside the audio; nobody types more than this while a call comes up.
const CONTROLS: usize = 64;

/// Client events in order, with a bound on the audio among them.
#[derive(Debug)]
pub(super) struct Held {
    events: VecDeque<ClientEvent>,
    audio: Duration,
    window: Duration,
    controls: usize,
}

impl Held {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            events: VecDeque::new(),
            audio: Duration::ZERO,
            window,
            controls: 0,
        }
    }

    /// How much audio is held.
    pub(super) fn audio(&self) -> Duration {
        self.audio
    }

    /// Keeps an event; says how much of the oldest audio had to go for it.
    pub(super) fn push(&mut self, event: ClientEvent) -> Duration {
        let length = audio_length(&event);
        if length.is_zero() {
            if self.controls < CONTROLS {
                self.controls += 1;
                self.events.push_back(event);
            }
            return Duration::ZERO;
        }
        self.events.push_back(event);
        self.audio += length;
        let mut lost = Duration::ZERO;
        while self.audio > self.window {
            let oldest = self
                .events
                .iter()
                .position(|event| !audio_length(event).is_zero())
                .expect("the window is exceeded by audio events");
            if let Some(event) = self.events.remove(oldest) {
                lost += audio_length(&event);
                self.audio -= audio_length(&event);
            }
        }
        lost
    }

    /// Hands out everything, oldest first.
    pub(super) fn take(&mut self) -> VecDeque<ClientEvent> {
        self.audio = Duration::ZERO;
        self.controls = 0;
        core::mem::take(&mut self.events)
    }
}

/// How long an event's audio is: base64 of PCM16 at 24 kHz.
fn audio_length(event: &ClientEvent) -> Duration {
    let ClientEvent::InputAudioBufferAppend(append) = event else {
        return Duration::ZERO;
    };
    let padding = append
        .audio
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'=')
        .count();
    let bytes = (append.audio.len() / 4 * 3).saturating_sub(padding) as u64;
    Duration::from_micros(bytes * 1_000_000 / 48_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client::{InputAudioBufferAppend, ResponseCreate};
    use crate::wire::encode_pcm16;
    use alloc::vec;

    fn audio(samples: usize) -> ClientEvent {
        let audio = encode_pcm16(&vec![1; samples]);
        InputAudioBufferAppend {
            audio,
            ..InputAudioBufferAppend::default()
        }
        .into()
    }

    #[test]
    fn the_oldest_audio_goes_first_and_controls_stay_in_their_place() {
        let mut held = Held::new(Duration::from_millis(100));
        assert_eq!(held.push(audio(480)), Duration::ZERO);
        held.push(ResponseCreate::default().into());
        for _ in 0..4 {
            assert_eq!(held.push(audio(480)), Duration::ZERO);
        }
        assert_eq!(held.audio(), Duration::from_millis(100));
        assert_eq!(held.push(audio(480)), Duration::from_millis(20));
        let events = held.take();
        assert_eq!(events.len(), 6);
        assert!(matches!(events[0], ClientEvent::ResponseCreate(_)));
        assert_eq!(held.audio(), Duration::ZERO);
    }
}
