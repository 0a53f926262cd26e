//! What the speaker played, lined up block by block with what the microphone captured.

use std::collections::VecDeque;

use crate::{
    callback::PlaybackFeed,
    echo::{ECHO_BLOCK, ECHO_RATE},
    meter::Meter,
    resample::Resampler,
};

/// The echo canceller's second input.
///
/// Both directions are counted in blocks of 10 ms: each captured block takes one played block. A
/// played block that comes late is replaced by silence and then waits for the next captured one,
/// so the queue grows by itself to what the callbacks' jitter needs. What it holds beyond that,
/// for a whole second, comes from a stall or from clocks that drift apart, and is dropped.
pub(crate) struct Reference {
    resampler: Resampler,
    waiting: VecDeque<f32>,
    /// The least that waited since the check began, in blocks.
    least: usize,
    /// Blocks taken since the check began.
    taken: usize,
    scratch: Vec<f32>,
}

/// Blocks between two checks for excess: 1 s.
const CHECK_EVERY: usize = 100;
/// What may wait all the time, in blocks.
const SPARE: usize = 1;
/// What may wait at any time, in blocks: beyond it the microphone has stalled.
const MOST: usize = 50;

impl Reference {
    /// For a speaker of `rate` Hz.
    pub(crate) fn new(rate: u32) -> Reference {
        Reference {
            resampler: Resampler::new(rate, ECHO_RATE),
            waiting: VecDeque::with_capacity(2 * MOST * ECHO_BLOCK),
            least: usize::MAX,
            taken: 0,
            scratch: vec![0.0; rate as usize / 50],
        }
    }

    /// Fetches what was played since the last call.
    pub(crate) fn fetch(&mut self, feed: &mut PlaybackFeed, meter: &mut Meter) {
        loop {
            let (fetched, _rest) = feed.played.pop_partial_slice(&mut self.scratch);
            if fetched.is_empty() {
                break;
            }
            meter.add(fetched);
            self.resampler
                .push(fetched, |block| self.waiting.extend(block));
        }
        let excess = self.waiting.len().saturating_sub(MOST * ECHO_BLOCK);
        self.waiting.drain(..excess);
    }

    /// The block to go with the next captured one.
    pub(crate) fn next_block(&mut self, block: &mut [f32; ECHO_BLOCK]) {
        let blocks = self.waiting.len() / ECHO_BLOCK;
        if blocks == 0 {
            block.fill(0.0);
        } else {
            for (slot, sample) in block.iter_mut().zip(self.waiting.drain(..ECHO_BLOCK)) {
                *slot = sample;
            }
        }
        self.least = self.least.min(blocks.saturating_sub(1));
        self.taken += 1;
        if self.taken == CHECK_EVERY {
            let excess = self.least.saturating_sub(SPARE);
            self.waiting.drain(..excess * ECHO_BLOCK);
            self.taken = 0;
            self.least = usize::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::{self, PlaybackCallback};

    fn play(callback: &mut PlaybackCallback, blocks: usize) {
        for _ in 0..blocks {
            callback.run(&mut [0.0_f32; ECHO_BLOCK], 1, 0);
        }
    }

    #[test]
    fn a_stall_of_the_microphone_is_made_up_for_within_two_seconds() {
        let (mut speaker, mut feed) = callback::playback(ECHO_RATE);
        let mut reference = Reference::new(ECHO_RATE);
        let mut meter = Meter::default();
        play(&mut speaker, 30);
        let mut block = [0.0; ECHO_BLOCK];
        for _ in 0..2 * CHECK_EVERY {
            play(&mut speaker, 1);
            reference.fetch(&mut feed, &mut meter);
            reference.next_block(&mut block);
        }
        assert!(reference.waiting.len() <= (SPARE + 1) * ECHO_BLOCK);
    }

    #[test]
    fn a_dead_microphone_does_not_make_the_queue_grow() {
        let (mut speaker, mut feed) = callback::playback(ECHO_RATE);
        let mut reference = Reference::new(ECHO_RATE);
        for _ in 0..300 {
            play(&mut speaker, 1);
            reference.fetch(&mut feed, &mut Meter::default());
        }
        assert_eq!(reference.waiting.len(), MOST * ECHO_BLOCK);
    }
}
