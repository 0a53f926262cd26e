//! One audio part of an answer: its frames, and how far they were heard.

use std::collections::VecDeque;

use super::{FRAME, FRAME_MS, Request};
use crate::mulaw;

/// Samples of 24 kHz in a millisecond.
const SAMPLES_PER_MS: u64 = 24;

pub(super) struct Item {
    pub(super) number: u64,
    pub(super) id: String,
    content_index: u32,
    /// How much audio the upstream gave, in samples of 24 kHz. A position past it is an error there.
    received: u64,
    /// How many frames were heard.
    pub(super) heard: u64,
    /// The frames after those.
    frames: VecDeque<[u8; FRAME]>,
    /// What does not fill a frame yet.
    rest: Vec<u8>,
    /// The frame with the last mark.
    pub(super) marked: u64,
    pub(super) is_open: bool,
    /// A frame found no room; what follows it would be heard in its place.
    is_full: bool,
}

impl Item {
    pub(super) fn new(number: u64, id: &str, content_index: u32) -> Self {
        Self {
            number,
            id: id.to_owned(),
            content_index,
            received: 0,
            heard: 0,
            frames: VecDeque::new(),
            rest: Vec::new(),
            marked: 0,
            is_open: true,
            is_full: false,
        }
    }

    /// Whether more of this part belongs here.
    pub(super) fn is(&self, id: &str, content_index: u32) -> bool {
        self.is_open && self.id == id && self.content_index == content_index
    }

    /// Whether it is complete and was heard.
    pub(super) fn is_over(&self) -> bool {
        !self.is_open && self.frames.is_empty()
    }

    /// How many frames were not heard.
    pub(super) fn unheard(&self) -> usize {
        self.frames.len()
    }

    /// How many frames there are, the ones that were heard included.
    pub(super) fn frames(&self) -> u64 {
        self.heard + self.frames.len() as u64
    }

    /// A frame that was not heard, counted from 1.
    pub(super) fn frame(&self, number: u64) -> &[u8; FRAME] {
        &self.frames[(number - self.heard - 1) as usize]
    }

    /// Where so many frames end, in ms from the item's start; never past what was received, though
    /// the last frame may be filled up.
    pub(super) fn ms(&self, frames: u64) -> u64 {
        (frames * FRAME_MS).min(self.received / SAMPLES_PER_MS)
    }

    /// Takes mu-law, and as how many samples of 24 kHz the upstream counts it.
    pub(super) fn receive(&mut self, codes: &[u8], samples: u64) {
        self.rest.extend_from_slice(codes);
        self.received += samples;
    }

    /// There is no more of it.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        let whole = self.rest.len().next_multiple_of(FRAME);
        self.rest.resize(whole, mulaw::SILENCE);
    }

    /// Makes frames of what was received, as far as there is room. Says how many there was none for.
    pub(super) fn cut(&mut self, mut room: usize) -> u64 {
        let (frames, _) = self.rest.as_chunks::<FRAME>();
        let cut = frames.len();
        let mut dropped = 0;
        for frame in frames {
            self.is_full |= room == 0;
            if self.is_full {
                dropped += 1;
            } else {
                room -= 1;
                self.frames.push_back(*frame);
            }
        }
        self.rest.drain(..cut * FRAME);
        dropped
    }

    /// So many frames were heard.
    pub(super) fn hear(&mut self, frames: u64) {
        while self.heard < frames && self.frames.pop_front().is_some() {
            self.heard += 1;
        }
    }

    /// What to say of it when the rest will not be heard. Of an item without audio, nothing.
    pub(super) fn into_truncation(self) -> Option<Request> {
        (self.received > 0).then(|| Request::Truncate {
            audio_end_ms: self.ms(self.heard),
            item_id: self.id,
            content_index: self.content_index,
        })
    }
}
