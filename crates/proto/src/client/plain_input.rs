//! What a session that acknowledges nothing was given, and what of it it is known to have.

use alloc::collections::VecDeque;

/// Questions without an answer that are remembered; a line that owes so many is dead.
const ASKED: usize = 16;
/// How long a far end takes to say that it hears speech, at most, in ms.
const SETTLED_MS: u64 = 1000;

/// The input of one session, in samples.
#[derive(Debug, Default)]
pub(super) struct PlainInput {
    given: u64,
    /// Where each piece that may have to be given again ends, with its sequence number.
    pieces: VecDeque<(u64, u64)>,
    /// When it was asked for signs of life, in ms, and what had been given then; the latest last.
    asked: VecDeque<(u64, u64)>,
    /// It has had this for a while: it answered a question that was asked well after it.
    proved: u64,
}

impl PlainInput {
    /// So many samples were written, as the entry with this number.
    pub(super) fn give(&mut self, samples: u64, seq: u64) {
        self.given += samples;
        self.pieces.push_back((self.given, seq));
    }

    /// It is used up to here, in samples; the number up to which entries are.
    pub(super) fn commit(&mut self, samples: u64) -> Option<u64> {
        let mut used = None;
        while let Some((_, seq)) = self.pieces.pop_front_if(|(end, _)| *end <= samples) {
            used = Some(seq);
        }
        used
    }

    /// The far end is asked for a sign of life, at this time in ms.
    pub(super) fn ask(&mut self, at_ms: u64) {
        if self.asked.len() == ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((at_ms, self.given));
    }

    /// It answered the question of that time: what it was given a while before, it has had for a
    /// while, and what it had to say about it has come.
    pub(super) fn answered(&mut self, at_ms: u64) {
        let before = |(at, _): &(u64, u64)| at + SETTLED_MS <= at_ms;
        if let Some(before) = self.asked.iter().rposition(before) {
            self.proved = self.proved.max(self.asked[before].1);
            self.asked.drain(..before);
        }
    }

    /// How much it is known to have had for a while, in samples.
    pub(super) const fn proved(&self) -> u64 {
        self.proved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_well_before_a_question_that_was_answered_has_arrived() {
        let mut input = PlainInput::default();
        for seq in 1..=5 {
            input.give(480, seq);
        }
        input.ask(5_000);
        input.ask(5_100);
        input.answered(5_100);
        assert_eq!(input.proved(), 0, "it may still say that it hears speech");
        input.ask(6_000);
        assert_eq!(input.proved(), 0, "no answer");
        input.answered(6_000);
        assert_eq!(input.proved(), 5 * 480);
        assert_eq!(input.commit(3 * 480 + 1), Some(3));
        assert_eq!(input.commit(3 * 480 + 1), None);
    }

    #[test]
    fn questions_have_a_bound() {
        let mut input = PlainInput::default();
        for at_ms in 0..1000 {
            input.ask(at_ms);
        }
        assert_eq!(input.asked.len(), ASKED);
    }
}
