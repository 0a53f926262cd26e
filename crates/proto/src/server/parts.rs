//! What the agent said: which stream stands for which part of which item, and how much was sent.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;

use super::shape::TICKS_PER_MS;
use crate::wire::server::OutputAudioDelta;

/// Parts known at once. Nobody interrupts what was said so many parts ago.
const PARTS: usize = 128;

/// A part of an item that is spoken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) response_id: String,
    pub(super) item_id: String,
    pub(super) output_index: u32,
    pub(super) content_index: u32,
}

/// A piece of a part's audio: up to where it reaches, in ticks.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub(super) part: Arc<Part>,
    pub(super) end: u64,
}

#[derive(Debug)]
struct Known {
    part: Arc<Part>,
    /// The number that stands for it in audio frames, once announced.
    stream: Option<u16>,
    /// Ticks that came from the upstream, and that were sent to the client.
    made: u64,
    sent: u64,
    /// What the client cut it to.
    cut: Option<u64>,
}

/// The latest parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    known: VecDeque<Known>,
    last_stream: u16,
}

impl Parts {
    /// More of a part came, so many ticks; says where that is.
    pub(super) fn say(&mut self, delta: &OutputAudioDelta, ticks: u64) -> Spoken {
        let index = self.find(&delta.item_id, delta.content_index);
        let index = index.unwrap_or_else(|| self.learn(delta));
        let known = &mut self.known[index];
        known.made += ticks;
        Spoken {
            part: Arc::clone(&known.part),
            end: known.made,
        }
    }

    /// The stream that stands for a part, and whether it has still to be announced.
    pub(super) fn stream(&mut self, part: &Arc<Part>) -> (u16, bool) {
        let last = &mut self.last_stream;
        let mut known = self.known.iter_mut().rev();
        match known.find(|known| Arc::ptr_eq(&known.part, part)) {
            Some(Known {
                stream: Some(stream),
                ..
            }) => (*stream, false),
            known => {
                // 0 is the input's.
                *last = last.checked_add(1).unwrap_or(1);
                if let Some(known) = known {
                    known.stream = Some(*last);
                }
                (*last, true)
            }
        }
    }

    /// A piece was sent to the client.
    pub(super) fn sent(&mut self, spoken: &Spoken) {
        let mut known = self.known.iter_mut().rev();
        if let Some(known) = known.find(|known| Arc::ptr_eq(&known.part, &spoken.part)) {
            known.sent = known.sent.max(spoken.end);
        }
    }

    /// Cuts a part to `ms`, or to what was sent of it if that is less; none if nothing of it is
    /// known. It cannot be cut to more later.
    pub(super) fn cut(&mut self, item_id: &str, content_index: u32, ms: u64) -> Option<u64> {
        let index = self.find(item_id, content_index)?;
        let known = &mut self.known[index];
        let there = known.cut.unwrap_or(known.sent) / TICKS_PER_MS;
        let ms = ms.min(there);
        known.cut = Some(ms * TICKS_PER_MS);
        Some(ms)
    }

    /// The upstream has removed an item.
    pub(super) fn forget(&mut self, item_id: &str) {
        self.known.retain(|known| known.part.item_id != item_id);
    }

    fn find(&self, item_id: &str, content_index: u32) -> Option<usize> {
        self.known.iter().rposition(|known| {
            known.part.content_index == content_index && known.part.item_id == item_id
        })
    }

    fn learn(&mut self, delta: &OutputAudioDelta) -> usize {
        if self.known.len() == PARTS {
            self.known.pop_front();
        }
        self.known.push_back(Known {
            part: Arc::new(Part {
                response_id: delta.response_id.clone(),
                item_id: delta.item_id.clone(),
                output_index: delta.output_index,
                content_index: delta.content_index,
            }),
            stream: None,
            made: 0,
            sent: 0,
            cut: None,
        });
        self.known.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn delta(item: &str) -> OutputAudioDelta {
        OutputAudioDelta {
            item_id: item.into(),
            ..OutputAudioDelta::default()
        }
    }

    #[test]
    fn a_cut_reaches_no_further_than_what_was_sent_and_never_further_than_before() {
        let mut parts = Parts::default();
        let first = parts.say(&delta("a"), 100 * TICKS_PER_MS);
        let _second = parts.say(&delta("a"), 100 * TICKS_PER_MS);
        assert_eq!(parts.cut("b", 0, 10), None);
        assert_eq!(parts.cut("a", 1, 10), None);
        assert_eq!(parts.cut("a", 0, 10_000), Some(0));
        let mut parts = Parts::default();
        let again = parts.say(&delta("a"), 100 * TICKS_PER_MS);
        parts.sent(&again);
        // Of a table that is gone: means nothing here.
        parts.sent(&first);
        assert_eq!(parts.cut("a", 0, 500), Some(100));
        assert_eq!(parts.cut("a", 0, 50), Some(50));
        assert_eq!(parts.cut("a", 0, 100), Some(50));
        parts.forget("a");
        assert_eq!(parts.cut("a", 0, 50), None);
    }

    #[test]
    fn a_stream_is_announced_once_and_numbers_come_round_past_the_inputs() {
        let mut parts = Parts::default();
        let spoken = parts.say(&delta("a"), 1);
        assert_eq!(parts.stream(&spoken.part), (1, true));
        assert_eq!(parts.stream(&spoken.part), (1, false));
        let other = parts.say(&delta("b"), 1);
        assert_eq!(parts.stream(&other.part), (2, true));
        parts.last_stream = u16::MAX;
        let third = parts.say(&delta("c"), 1);
        assert_eq!(parts.stream(&third.part), (1, true));
    }

    #[test]
    fn old_parts_make_room() {
        let mut parts = Parts::default();
        for number in 0..PARTS * 3 {
            let spoken = parts.say(&delta(&format!("item_{number}")), 48);
            parts.sent(&spoken);
        }
        assert_eq!(parts.known.len(), PARTS);
        assert_eq!(parts.cut("item_0", 0, 1), None);
        assert_eq!(parts.cut(&format!("item_{}", PARTS * 3 - 1), 0, 9), Some(1));
    }
}
