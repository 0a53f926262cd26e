//! What a session that acknowledges nothing was given, and what of it it is known to have.

use alloc::collections::VecDeque;

/// Questions without an answer that are remembered; a line that owes so many is dead.
const ASKED: usize = 16;
/// How long a far end takes to say that it hears speech, at most, in ms.
const SETTLED_MS: u64 = 1000;

/// A question for a sign of life.
#[derive(Debug)]
struct Asked {
    /// In ms.
    at: u64,
    /// What had been given then, in samples.
    given: u64,
    /// When it was known to have arrived, in ms.
    answered_at: Option<u64>,
}

/// The input of one session, in samples.
#[derive(Debug, Default)]
pub(super) struct PlainInput {
    given: u64,
    /// Where each piece that may have to be given again ends, with its sequence number.
    pieces: VecDeque<(u64, u64)>,
    /// The signs of life it was asked for, the latest last.
    asked: VecDeque<Asked>,
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
        self.asked.push_back(Asked {
            at: at_ms,
            given: self.given,
            answered_at: None,
        });
    }

    /// It answered the question of that time. What it was known to have a while before that was
    /// asked, it has had for a while, and what it had to say about it has come. (When the earlier
    /// question was asked says nothing: on a line that stalls, both may arrive at the same moment.)
    pub(super) fn answered(&mut self, at_ms: u64, now_ms: u64) {
        let settled = |asked: &Asked| {
            let answered_at = asked.answered_at;
            answered_at.is_some_and(|answered_at| answered_at + SETTLED_MS <= at_ms)
        };
        if let Some(settled) = self.asked.iter().rposition(settled) {
            self.proved = self.proved.max(self.asked[settled].given);
            self.asked.drain(..=settled);
        }
        // Questions are answered in turn.
        for asked in self.asked.iter_mut().filter(|asked| asked.at <= at_ms) {
            asked.answered_at.get_or_insert(now_ms);
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
        input.answered(5_100, 5_150);
        assert_eq!(input.proved(), 0, "it may still say that it hears speech");
        input.ask(6_150);
        assert_eq!(input.proved(), 0, "no answer");
        input.answered(6_150, 6_200);
        assert_eq!(input.proved(), 5 * 480);
        assert_eq!(input.commit(3 * 480 + 1), Some(3));
        assert_eq!(input.commit(3 * 480 + 1), None);
    }

    #[test]
    fn what_a_stalled_line_brings_at_once_has_not_been_there_for_a_while() {
        let mut input = PlainInput::default();
        for at_ms in [2_000, 4_000, 6_000] {
            input.give(480, at_ms);
            input.ask(at_ms);
        }
        for at_ms in [2_000, 4_000, 6_000] {
            input.answered(at_ms, 7_500);
        }
        assert_eq!(input.proved(), 0, "all of it came at 7,500");
        input.give(480, 8_000);
        input.ask(8_000);
        input.answered(8_000, 8_050);
        assert_eq!(input.proved(), 0);
        input.ask(9_000);
        input.answered(9_000, 9_050);
        assert_eq!(input.proved(), 3 * 480);
        input.ask(10_000);
        input.answered(10_000, 10_050);
        assert_eq!(input.proved(), 4 * 480);
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
