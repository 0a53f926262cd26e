//! What of the agent's speech was given to the speaker and has not been heard to its end.

use std::collections::VecDeque;

/// Samples in a millisecond at 24 kHz.
const SAMPLES_PER_MS: u64 = 24;

/// The name a part of an item has for the speaker.
pub(super) fn key(item_id: &str, content_index: u32) -> String {
    format!("{item_id}/{content_index}")
}

/// The parts that wait or are being played, in order.
#[derive(Debug, Default)]
pub(super) struct Playout {
    parts: VecDeque<Part>,
}

#[derive(Debug)]
struct Part {
    key: String,
    item_id: String,
    content_index: u32,
    samples: u64,
    started: bool,
    complete: bool,
}

/// A part that was not heard to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutPart {
    pub(super) item_id: String,
    pub(super) content_index: u32,
    /// What was heard of it; never more than there is.
    pub(super) heard_ms: u64,
    /// What there is of it here.
    pub(super) total_ms: u64,
}

impl Playout {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether something of it comes out of the speaker.
    pub(super) fn is_heard(&self) -> bool {
        self.parts.iter().any(|part| part.started)
    }

    pub(super) fn push(&mut self, item_id: &str, content_index: u32, samples: u64) {
        let key = key(item_id, content_index);
        if let Some(part) = self.parts.iter_mut().find(|part| part.key == key) {
            part.samples += samples;
            return;
        }
        self.parts.push_back(Part {
            key,
            item_id: item_id.to_owned(),
            content_index,
            samples,
            started: false,
            complete: false,
        });
    }

    /// Nothing more will come for a part; whether there is such a part.
    pub(super) fn complete(&mut self, key: &str) -> bool {
        let part = self.parts.iter_mut().find(|part| part.key == key);
        part.map(|part| part.complete = true).is_some()
    }

    pub(super) fn start(&mut self, key: &str) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.key == key) {
            part.started = true;
        }
    }

    pub(super) fn finish(&mut self, key: &str) {
        self.parts.retain(|part| part.key != key);
    }

    /// Forgets everything; says what was not heard to its end, where `heard` is the part being
    /// played and how much of it was.
    pub(super) fn flush(&mut self, heard: Option<(&str, u64)>) -> Vec<CutPart> {
        let current = heard.and_then(|(key, _)| self.parts.iter().position(|p| p.key == key));
        let parts = std::mem::take(&mut self.parts).into_iter().enumerate();
        let cut = parts.filter_map(|(place, part)| {
            let total_ms = part.samples / SAMPLES_PER_MS;
            let heard_ms = match (current, heard) {
                // Played before the current one: heard, its last word was only not reported yet.
                (Some(current), _) if place < current => total_ms,
                (Some(current), Some((_, ms))) if place == current => ms.min(total_ms),
                _ => 0,
            };
            (heard_ms < total_ms || !part.complete).then_some(CutPart {
                item_id: part.item_id,
                content_index: part.content_index,
                heard_ms,
                total_ms,
            })
        });
        cut.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_told_apart_from_what_waited() {
        let mut playout = Playout::default();
        playout.push("a", 0, 2400);
        playout.push("b", 0, 2400);
        playout.push("b", 0, 2400);
        playout.push("c", 0, 24);
        playout.complete("a/0");
        playout.complete("b/0");
        let cut = playout.flush(Some(("b/0", 50)));
        let part = |item_id: &str, heard_ms, total_ms| CutPart {
            item_id: item_id.to_owned(),
            content_index: 0,
            heard_ms,
            total_ms,
        };
        assert_eq!(cut, [part("b", 50, 200), part("c", 0, 1)]);
        assert!(playout.is_empty());
    }

    #[test]
    fn what_was_heard_to_its_end_is_not_cut() {
        let mut playout = Playout::default();
        playout.push("a", 0, 2400);
        playout.complete("a/0");
        assert_eq!(playout.flush(Some(("a/0", 100))), []);
    }

    #[test]
    fn nobody_hears_more_than_there_is() {
        let mut playout = Playout::default();
        playout.push("a", 0, 2400);
        let cut = playout.flush(Some(("a/0", 5000)));
        assert_eq!((cut[0].heard_ms, cut[0].total_ms), (100, 100));
    }
}
