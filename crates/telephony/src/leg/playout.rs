//! The agent's audio on its way to the caller: what was sent, and how much of it was heard.
//!
//! All of it is sent as it comes and kept until a mark says that it was heard. So it is known where
//! an interruption cuts it, and a new stream of the same call can be sent what the old one lost.

use std::collections::VecDeque;

use super::{Audio, Config, Counts, Request};
use crate::message::Command;
use crate::mulaw;
use crate::resample::Downsampler;

mod item;

use item::Item;

/// Bytes of mu-law in a frame, and how long it lasts.
const FRAME: usize = 160;
const FRAME_MS: u64 = 20;
/// The longest part of an item's id that a mark's name has, in characters.
const MAX_ID: usize = 128;
/// The most items that wait to be heard.
const MAX_ITEMS: usize = 256;

pub(super) struct Playout {
    down: Downsampler,
    /// Whether there is something in `down`.
    is_converting: bool,
    frames_per_mark: u64,
    /// In frames, over all items.
    most: usize,
    is_attached: bool,
    /// What is not known to have been heard; only the last one can grow.
    items: VecDeque<Item>,
    /// The marks on the way, oldest first.
    marks: VecDeque<Mark>,
    /// Goes up whenever marks that are on the way lose their meaning.
    generation: u64,
    /// The number of the next item. Ids alone would not tell the parts of one apart.
    next: u64,
    commands: VecDeque<Command>,
    linear: Vec<i16>,
}

struct Mark {
    /// The item's number.
    item: u64,
    /// The frame that it follows, counted from 1.
    frame: u64,
    name: String,
}

impl Playout {
    pub(super) fn new(config: &Config) -> Self {
        let most = config.max_unheard.as_millis() / u128::from(FRAME_MS);
        Self {
            down: Downsampler::new(),
            is_converting: false,
            frames_per_mark: u64::from(config.frames_per_mark.max(1)),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            is_attached: false,
            items: VecDeque::new(),
            marks: VecDeque::new(),
            generation: 0,
            next: 0,
            commands: VecDeque::new(),
            linear: Vec::new(),
        }
    }

    /// What is to be sent on the stream, in order.
    pub(super) fn commands(&mut self) -> impl Iterator<Item = Command> {
        self.commands.drain(..)
    }

    /// Whether all of the agent's audio was heard.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How much of it was not, in ms.
    pub(super) fn unheard_ms(&self) -> u64 {
        self.frames() as u64 * FRAME_MS
    }

    /// There is a new stream, to which nothing was sent yet.
    pub(super) fn attach(&mut self, counts: &mut Counts) {
        self.is_attached = true;
        self.generation += 1;
        self.marks.clear();
        for index in 0..self.items.len() {
            let heard = self.items[index].heard;
            self.items[index].marked = heard;
            let sent = self.send_after(index, heard);
            counts.frames_out += sent;
            counts.frames_resent += sent;
        }
    }

    /// There is no stream.
    pub(super) fn detach(&mut self) {
        self.is_attached = false;
    }

    /// Takes the next piece of an item.
    pub(super) fn say(&mut self, id: &str, content_index: u32, audio: &Audio, counts: &mut Counts) {
        let goes_on = self
            .items
            .back()
            .is_some_and(|item| item.is(id, content_index));
        if !goes_on {
            self.close(counts);
            if self.items.len() == MAX_ITEMS {
                counts.dropped_ms += audio.ms();
                return;
            }
            self.items
                .push_back(Item::new(self.next, id, content_index));
            self.next += 1;
        }
        let item = self
            .items
            .back_mut()
            .expect("there is the one that goes on or is new");
        match audio {
            Audio::Mulaw(codes) => item.receive(codes, codes.len() as u64 * 3),
            Audio::Pcm24k(samples) => {
                self.is_converting = true;
                self.linear.clear();
                self.down.process(samples, &mut self.linear);
                item.receive(&encoded(&self.linear), samples.len() as u64);
            }
        }
        self.send_new(counts);
    }

    /// The answer is complete: what is still in the filter belongs to it.
    pub(super) fn end_answer(&mut self, counts: &mut Counts) {
        if self.is_converting {
            self.is_converting = false;
            self.linear.clear();
            self.down.flush(&mut self.linear);
            if let Some(item) = self.items.back_mut().filter(|item| item.is_open) {
                item.receive(&encoded(&self.linear), 0);
            }
        }
        self.close(counts);
    }

    /// A mark came back: all before it was heard, or cleared.
    pub(super) fn reached(&mut self, name: &str, counts: &mut Counts) {
        let generation = name.rsplit(':').next().and_then(|last| last.parse().ok());
        if generation.is_some_and(|generation: u64| generation < self.generation) {
            counts.marks_cleared += 1;
            return;
        }
        let Some(at) = self.marks.iter().position(|mark| mark.name == name) else {
            counts.marks_unknown += 1;
            return;
        };
        counts.marks += 1;
        let mark = self
            .marks
            .drain(..=at)
            .next_back()
            .expect("the one that was found is in it");
        self.items.retain(|item| item.number >= mark.item);
        if let Some(item) = self.items.front_mut() {
            item.hear(mark.frame);
        }
        self.forget_heard();
    }

    /// The caller interrupts. Says what is to be truncated where.
    pub(super) fn interrupt(&mut self) -> Vec<Request> {
        if self.is_attached && !self.is_empty() {
            self.commands.push_back(Command::Clear);
        }
        self.generation += 1;
        self.marks.clear();
        self.down.reset();
        self.is_converting = false;
        self.items
            .drain(..)
            .filter_map(Item::into_truncation)
            .collect()
    }

    /// The last item is complete.
    fn close(&mut self, counts: &mut Counts) {
        if let Some(item) = self.items.back_mut() {
            item.close();
            self.send_new(counts);
            self.forget_heard();
        }
    }

    /// Cuts what the last item received into frames, and sends them.
    fn send_new(&mut self, counts: &mut Counts) {
        let room = self.most.saturating_sub(self.frames());
        if let Some(item) = self.items.back_mut() {
            let sent = item.frames();
            counts.dropped_ms += item.cut(room) * FRAME_MS;
            counts.frames_out += self.send_after(self.items.len() - 1, sent);
        }
    }

    /// Sends the frames of an item that come after so many, with their marks. Says how many.
    fn send_after(&mut self, index: usize, sent: u64) -> u64 {
        if !self.is_attached {
            return 0;
        }
        let item = &mut self.items[index];
        let last = item.frames();
        for frame in sent + 1..=last {
            self.commands
                .push_back(Command::Media(item.frame(frame).to_vec()));
            if frame % self.frames_per_mark == 0 {
                item.marked = frame;
                mark(item, self.generation, &mut self.marks, &mut self.commands);
            }
        }
        if !item.is_open && item.marked < last {
            item.marked = last;
            mark(item, self.generation, &mut self.marks, &mut self.commands);
        }
        last - sent
    }

    /// Items that are complete and were heard are of no more interest.
    fn forget_heard(&mut self) {
        while self.items.front().is_some_and(Item::is_over) {
            self.items.pop_front();
        }
    }

    fn frames(&self) -> usize {
        self.items.iter().map(Item::unheard).sum()
    }
}

/// Sends a mark after the frame of an item that was marked last.
fn mark(
    item: &Item,
    generation: u64,
    marks: &mut VecDeque<Mark>,
    commands: &mut VecDeque<Command>,
) {
    let id: String = item.id.chars().take(MAX_ID).collect();
    let name = format!("{id}:{}:{generation}", item.ms(item.marked));
    commands.push_back(Command::Mark(name.clone()));
    marks.push_back(Mark {
        item: item.number,
        frame: item.marked,
        name,
    });
}

fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut codes = Vec::with_capacity(samples.len());
    mulaw::encode_to(samples, &mut codes);
    codes
}
