//! What waits to be played, by item, and which samples of the speaker's stream are whose.

use std::collections::VecDeque;

/// Items in the order they were first played, as one stream of samples at 24 kHz.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    /// Samples handed out so far, padding included.
    position: u64,
}

/// An item that was not heard to its end.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// Where it starts in the stream; none while nothing of it was handed out.
    pub(crate) start: Option<u64>,
    /// How much of it was handed out, in samples.
    pub(crate) given: u64,
    /// Whether the owner was told that it is heard.
    pub(crate) started: bool,
    /// Whether a flush took part of it away before that was handed out.
    pub(crate) cut: bool,
    /// Whether nothing more will come.
    ended: bool,
    waiting: VecDeque<i16>,
}

impl Item {
    /// Whether all of it was handed out and nothing more will come.
    pub(crate) fn is_given(&self) -> bool {
        self.ended && self.waiting.is_empty()
    }

    /// How much of it was heard, in samples, when the stream was heard up to `heard`.
    pub(crate) fn heard(&self, heard: u64) -> u64 {
        self.start
            .map_or(0, |start| heard.saturating_sub(start).min(self.given))
    }
}

impl Queue {
    /// Adds audio to an item. Audio for another item ends the one before it.
    pub(crate) fn add(&mut self, id: String, pcm: &[i16]) {
        match self.items.back_mut() {
            Some(last) if last.id == id && !last.ended => last.waiting.extend(pcm),
            last => {
                if let Some(last) = last {
                    last.ended = true;
                }
                self.items.push_back(Item {
                    id,
                    start: None,
                    given: 0,
                    started: false,
                    cut: false,
                    ended: false,
                    waiting: pcm.iter().copied().collect(),
                });
            }
        }
    }

    /// Ends an item.
    pub(crate) fn end(&mut self, id: &str) {
        if let Some(item) = self
            .items
            .iter_mut()
            .find(|item| item.id == id && !item.ended)
        {
            item.ended = true;
        }
    }

    /// How many samples can be handed out without a gap, counted up to `enough`; and whether that
    /// is all there will be.
    pub(crate) fn ready(&self, enough: usize) -> (usize, bool) {
        let mut samples = 0;
        for item in &self.items {
            samples += item.waiting.len();
            if samples >= enough {
                return (samples, false);
            }
            if !item.ended {
                return (samples, false);
            }
        }
        (samples, true)
    }

    /// Hands out the next samples, between -1.0 and 1.0, and silence where there are none;
    /// returns how many were not silence.
    pub(crate) fn take(&mut self, block: &mut [f32]) -> usize {
        let mut filled = 0;
        for item in &mut self.items {
            let count = item.waiting.len().min(block.len() - filled);
            if count == 0 {
                continue;
            }
            item.start.get_or_insert(self.position + filled as u64);
            item.given += count as u64;
            for (slot, sample) in block[filled..].iter_mut().zip(item.waiting.drain(..count)) {
                *slot = f32::from(sample) / 32_768.0;
            }
            filled += count;
        }
        block[filled..].fill(0.0);
        self.position += block.len() as u64;
        filled
    }

    /// Forgets all that was not handed out, ends all items, and returns how many samples that
    /// were.
    pub(crate) fn clear(&mut self) -> usize {
        let mut dropped = 0;
        for item in &mut self.items {
            item.cut |= !item.is_given();
            dropped += item.waiting.len();
            item.waiting.clear();
            item.ended = true;
        }
        dropped
    }

    /// Samples handed out so far, padding included.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The item that is heard or comes next.
    pub(crate) fn front(&mut self) -> Option<&mut Item> {
        self.items.front_mut()
    }

    /// Forgets the item that is heard or comes next.
    pub(crate) fn pop_front(&mut self) {
        self.items.pop_front();
    }

    /// How many items were not heard to their end.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_follow_each_other_without_a_gap() {
        let mut queue = Queue::default();
        queue.add("a".to_owned(), &[1; 3]);
        queue.add("b".to_owned(), &[2; 5]);
        let mut block = [0.0; 6];
        assert_eq!(queue.ready(6), (8, false));
        assert_eq!(queue.take(&mut block), 6);
        assert_eq!(block[2] * 32_768.0, 1.0);
        assert_eq!(block[3] * 32_768.0, 2.0);
        let first = queue.front().expect("two items");
        assert_eq!(
            (first.start, first.given, first.is_given()),
            (Some(0), 3, true)
        );
        queue.pop_front();
        let second = queue.front().expect("two items");
        assert_eq!(
            (second.start, second.heard(5), second.heard(100)),
            (Some(3), 2, 3)
        );
    }

    #[test]
    fn an_unfinished_item_is_not_all_there_will_be() {
        let mut queue = Queue::default();
        queue.add("a".to_owned(), &[1; 3]);
        assert_eq!(queue.ready(6), (3, false));
        queue.end("a");
        assert_eq!(queue.ready(6), (3, true));
    }
}
