//! The caller listens: what of the agent's is played, cut, and lost.

use offhook_proto::client::{Direction, Gap, Input};
use offhook_proto::wire::ServerEvent;
use offhook_proto::wire::base64_length;
use offhook_proto::wire::client::ConversationItemTruncate;

use super::World;
use super::ending::Phase;
use crate::log::Frame as Logged;
use crate::mutation::Mutation;
use crate::time::{MS, PER_MS, micros};

/// Something of the agent's that is to be heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) item: String,
    pub(super) samples: u64,
    pub(super) played: u64,
}

impl World {
    /// The agent is heard for as long as a frame lasts.
    pub(super) fn play(&mut self, mut samples: u64) {
        let caller = &mut self.caller;
        let Some(first) = caller.playing.front() else {
            return;
        };
        let mut last = (first.item.clone(), first.played);
        while samples > 0
            && let Some(heard) = caller.playing.front_mut()
        {
            let now = samples.min(heard.samples - heard.played);
            heard.played += now;
            samples -= now;
            if last.0 != heard.item {
                last.0.clone_from(&heard.item);
            }
            last.1 = heard.played;
            if heard.played == heard.samples {
                if caller.playing.len() == 1 {
                    break;
                }
                caller.playing.pop_front();
            }
        }
        if caller.frames.is_multiple_of(10) {
            self.tell_client(Input::Played {
                item_id: &last.0,
                content_index: 0,
                audio_end_ms: last.1 / PER_MS,
            });
        }
    }

    /// No more of what the agent said is to be heard.
    pub(super) fn flush(&mut self) {
        let playing = std::mem::take(&mut self.caller.playing);
        self.caller.flushed = playing.back().map(|heard| heard.item.clone());
        let more = if self.scenario.caller.exaggerates && !self.is_plain() {
            self.caller.random.below(5_000)
        } else {
            0
        };
        for heard in playing {
            if heard.played == heard.samples && more == 0 {
                continue;
            }
            let extra = self.tagged();
            self.send(ConversationItemTruncate {
                item_id: heard.item,
                content_index: 0,
                audio_end_ms: heard.played / PER_MS + more,
                extra,
            });
        }
    }

    fn is_plain(&self) -> bool {
        self.slots.iter().any(|slot| !slot.protocol.is_offhook())
    }

    /// The caller is shown an event.
    pub(super) fn shown(&mut self, event: &ServerEvent) {
        self.caller.shown += 1;
        if self.caller.shown == 40 {
            match self.mutation {
                Some(Mutation::OutputLost) => return,
                Some(Mutation::OutputTwice) => self.take(event),
                _ => {}
            }
        }
        self.take(event);
    }

    fn take(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::OutputAudioDelta(_) => self.note_frame(Logged::Shown),
            _ => self.note(|| format!("caller is shown {}", event.kind())),
        }
        let verdict = self.lines.shown(event);
        self.must(verdict);
        match event {
            ServerEvent::OutputAudioDelta(delta) => {
                let samples = base64_length(&delta.delta) as u64 / 2;
                let caller = &mut self.caller;
                if caller.flushed.as_ref() == Some(&delta.item_id) {
                    return;
                }
                match caller.playing.back_mut() {
                    Some(heard) if heard.item == delta.item_id => heard.samples += samples,
                    _ => caller.playing.push_back(Heard {
                        item: delta.item_id.clone(),
                        samples,
                        played: 0,
                    }),
                }
            }
            ServerEvent::SpeechStarted(_)
                if !self.caller.playing.is_empty() && self.phase == Phase::Talking =>
            {
                self.flush();
            }
            _ => {}
        }
    }

    /// The client says that something is lost for good.
    pub(super) fn lost(&mut self, gap: &Gap) {
        match gap.direction {
            Direction::Input => {
                self.stats.gaps += 1;
                let window = micros(self.scenario.window()) * PER_MS / MS;
                let kept = self.client.kept_bytes() / 2;
                let verdict = self.ledger.lost(gap.from_ms, gap.to_ms, kept, window);
                self.must(verdict);
            }
            Direction::Output => self.stats.output_gaps += 1,
        }
    }
}
