//! All that is done to sound between the callbacks and the engine's owner, one step at a time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    Event, FRAME_SAMPLES, SAMPLE_RATE,
    callback::{CaptureTap, PlaybackFeed},
    capture::Capture,
    engine::Load,
    meter::Meter,
    playout::Playout,
    reference::Reference,
};

/// The engine without its threads: whoever steps it, a worker or a test, says what time it is.
pub(crate) struct Pipeline {
    capture: Capture,
    playout: Playout,
    reference: Reference,
    load: Arc<Load>,
    muted: bool,
    microphone: Meter,
    speaker: Meter,
    /// When the levels were last told.
    metered: Duration,
    /// Up to when the owner has frames.
    captured: Duration,
    lost_frames: u32,
}

/// The time between two reports of the levels: 15 a second.
const METER_PERIOD: Duration = Duration::from_micros(66_667);
/// The length of a frame.
const FRAME: Duration = Duration::from_millis(20);
/// How long a microphone may deliver nothing before silence takes its place.
const PATIENCE: Duration = Duration::from_millis(200);

impl Pipeline {
    pub(crate) fn new(echo_cancellation: bool, load: Arc<Load>) -> Pipeline {
        Pipeline {
            capture: Capture::new(echo_cancellation),
            playout: Playout::new(Arc::clone(&load)),
            reference: Reference::new(SAMPLE_RATE),
            load,
            muted: false,
            microphone: Meter::default(),
            speaker: Meter::default(),
            metered: Duration::ZERO,
            captured: Duration::ZERO,
            lost_frames: 0,
        }
    }

    /// Captures from this microphone from now on; none leaves silence.
    pub(crate) fn attach_microphone(&mut self, tap: Option<CaptureTap>) {
        self.capture.attach(tap);
    }

    /// Plays on this speaker from now on; none makes the queue wait.
    pub(crate) fn attach_speaker(&mut self, feed: Option<PlaybackFeed>) {
        self.reference = Reference::new(feed.as_ref().map_or(SAMPLE_RATE, |feed| feed.rate));
        self.playout.attach(feed);
    }

    /// Queues audio of an item.
    pub(crate) fn play(&mut self, item: String, pcm: &[i16]) {
        self.playout.play(item, pcm);
    }

    /// Ends an item.
    pub(crate) fn end_item(&mut self, item: &str) {
        self.playout.end_item(item);
    }

    /// Forgets all that is queued and falls silent.
    pub(crate) fn flush(&mut self, now: Duration) {
        self.playout.flush(now);
    }

    /// Puts silence in the place of what is captured, or not.
    pub(crate) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Does what there is to do. Wants to be called every 5 ms or so, and after each order.
    pub(crate) fn step(&mut self, now: Duration, tell: &mut dyn FnMut(Event)) {
        self.playout.step(now, tell);
        if let Some(feed) = self.playout.feed() {
            self.reference.fetch(feed, &mut self.speaker);
        }
        let muted = self.muted;
        let captured = &mut self.captured;
        self.capture
            .fetch(&mut self.reference, &mut self.microphone, |mut samples| {
                *captured = now;
                if muted {
                    samples.fill(0);
                }
                tell(Event::Captured { samples });
            });
        self.stand_in(now, tell);
        if now >= self.metered + METER_PERIOD {
            self.metered = now;
            let microphone_db = self.microphone.take();
            let speaker_db = self.speaker.take();
            tell(Event::Meters {
                microphone_db,
                speaker_db,
            });
            self.tell_losses(tell);
        }
    }

    /// Gives silence where the microphone gives nothing, so that the far end's clock goes on.
    fn stand_in(&mut self, now: Duration, tell: &mut dyn FnMut(Event)) {
        if now < self.captured + PATIENCE {
            return;
        }
        // A program that was stopped for a while has nothing to make up for.
        self.captured = self.captured.max(now.saturating_sub(2 * PATIENCE));
        while self.captured + PATIENCE <= now {
            self.captured += FRAME;
            tell(Event::Captured {
                samples: vec![0; FRAME_SAMPLES],
            });
        }
    }

    fn tell_losses(&mut self, tell: &mut dyn FnMut(Event)) {
        let refused = self.load.refused.load(Ordering::Relaxed) as f64 / f64::from(SAMPLE_RATE);
        let seconds = self.capture.lost_seconds() + refused;
        let frames = (seconds / FRAME.as_secs_f64()).ceil() as u32;
        if frames > self.lost_frames {
            self.lost_frames = frames;
            tell(Event::Lost { frames });
        }
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
