//! What the sound engine says, and what that means for the call.

use offhook_audio as audio;
use offhook_client::proto::Time;

use super::phase::Phase;
use super::{Effect, Model, millis};
use crate::problem::Problem;
use crate::snapshot::{Message, Meters};

impl Model {
    pub(super) fn audio(&mut self, now: Time, event: audio::Event) {
        match event {
            audio::Event::Captured { samples } => self.captured(now, samples),
            audio::Event::Meters {
                microphone_db,
                speaker_db,
            } => {
                let elapsed_ms = match &self.phase {
                    Phase::Live(live) => millis(now - live.connected_at),
                    _ => 0,
                };
                let meters = Meters {
                    elapsed_ms,
                    microphone_db,
                    speaker_db,
                };
                self.effects.push(Effect::Publish(Message::Meters(meters)));
            }
            audio::Event::Started { item } => {
                if let Phase::Live(live) = &mut self.phase {
                    live.started(now, &item, &mut self.effects);
                }
            }
            audio::Event::Finished { item } => {
                if let Phase::Live(live) = &mut self.phase {
                    live.finished(&item, &mut self.effects);
                }
            }
            audio::Event::Flushed { item, heard_ms, .. } => {
                if let Phase::Live(live) = &mut self.phase {
                    let heard = item.as_deref().map(|item| (item, heard_ms));
                    live.flushed(heard, &mut self.conversation, &mut self.effects);
                }
            }
            audio::Event::Underrun { total } => self.count(|stats| stats.underruns = total),
            audio::Event::Lost { frames } => {
                // The engine's own total; what the line lost is counted beside it.
                let before = self.pickers.engine_lost;
                self.pickers.engine_lost = frames;
                self.count(|stats| stats.frames_lost += frames.saturating_sub(before));
            }
            audio::Event::MicrophoneInUse { name } => {
                self.is_back(&name);
                self.pickers.microphone_in_use(name);
            }
            audio::Event::SpeakerInUse { name } => {
                self.is_back(&name);
                self.pickers.speaker_in_use(name);
            }
            audio::Event::MicrophoneGone { name } | audio::Event::SpeakerGone { name } => {
                self.notice = Some(Problem::DeviceGone { device: name });
            }
            audio::Event::MicrophoneFileEnded => {
                self.effects
                    .push(Effect::Publish(Message::MicrophoneFileEnded));
            }
            audio::Event::NotSwitched(error) => self.notice = Some(Problem::from(error)),
            audio::Event::Failed(error) => self.fail(now, Problem::from(error)),
        }
    }

    /// A device is in use: that it had gone is no news any more.
    fn is_back(&mut self, name: &str) {
        if matches!(&self.notice, Some(Problem::DeviceGone { device }) if device == name) {
            self.notice = None;
        }
    }

    /// 20 ms of the caller: to the line, which sends it or, while it is not up, holds it.
    fn captured(&mut self, now: Time, samples: Vec<i16>) {
        if !self.in_call() {
            return;
        }
        if let Phase::Live(live) = &mut self.phase {
            live.hear_caller(now, &samples, self.muted);
        }
        self.count(|stats| stats.frames_sent += 1);
        self.effects.push(Effect::SendAudio(samples));
    }
}
