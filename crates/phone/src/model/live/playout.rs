//! What of the agent's speech was given to the speaker and has not been heard to its end.

use std::collections::VecDeque;

/// Samples in a millisecond at 24 kHz.
pub(super) const SAMPLES_PER_MS: u64 = 24;

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
    /// Whether the session it was said in is over.
    of_old_session: bool,
}

/// How far a part of an item was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) item_id: String,
    pub(super) content_index: u32,
    pub(super) heard_ms: u64,
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
    /// Whether the session it was said in is over.
    pub(super) of_old_session: bool,
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
            of_old_session: false,
        });
    }

    /// Nothing more will come for a part; whether there is such a part.
    pub(super) fn complete(&mut self, key: &str) -> bool {
        let part = self.parts.iter_mut().find(|part| part.key == key);
        part.map(|part| part.complete = true).is_some()
    }

    /// The session is over: nothing is added to what there is. The parts that were not complete.
    pub(super) fn leave_session(&mut self) -> Vec<String> {
        let mut broken_off = Vec::new();
        for part in &mut self.parts {
            part.of_old_session = true;
            if !std::mem::replace(&mut part.complete, true) {
                broken_off.push(part.key.clone());
            }
        }
        broken_off
    }

    /// A part begins to be heard.
    pub(super) fn start(&mut self, key: &str) -> Option<Heard> {
        let part = self.parts.iter_mut().find(|part| part.key == key)?;
        part.started = true;
        part.heard(0)
    }

    /// A part was heard to its end.
    pub(super) fn finish(&mut self, key: &str) -> Option<Heard> {
        let place = self.parts.iter().position(|part| part.key == key)?;
        let part = self.parts.remove(place)?;
        part.heard(part.samples / SAMPLES_PER_MS)
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
                of_old_session: part.of_old_session,
            })
        });
        cut.collect()
    }
}

impl Part {
    /// That so much of it was heard, where there is a session that wants to know.
    fn heard(&self, heard_ms: u64) -> Option<Heard> {
        (!self.of_old_session).then(|| Heard {
            item_id: self.item_id.clone(),
            content_index: self.content_index,
            heard_ms,
        })
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
            of_old_session: false,
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
    fn what_is_left_of_an_old_session_is_heard_to_its_end_and_told_to_nobody() {
        let mut playout = Playout::default();
        playout.push("a", 0, 2400);
        playout.push("b", 0, 2400);
        playout.complete("a/0");
        assert!(playout.start("a/0").is_some());
        assert_eq!(playout.leave_session(), ["b/0"]);
        assert_eq!(playout.finish("a/0"), None);
        assert_eq!(playout.start("b/0"), None);
        let cut = playout.flush(Some(("b/0", 40)));
        assert!(cut.len() == 1 && cut[0].of_old_session, "{cut:?}");
    }

    #[test]
    fn nobody_hears_more_than_there_is() {
        let mut playout = Playout::default();
        playout.push("a", 0, 2400);
        let cut = playout.flush(Some(("a/0", 5000)));
        assert_eq!((cut[0].heard_ms, cut[0].total_ms), (100, 100));
    }
}
