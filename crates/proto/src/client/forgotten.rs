//! Audio that has arrived and is kept no more, though nobody knows yet whether it is used.

use alloc::collections::VecDeque;

use super::outbox::Range;

/// Pieces remembered one by one: 60 s of 20 ms frames. Beyond it neighbours are taken together.
const PIECES: usize = 3000;

/// If the session is lost now, this much of what was said is.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    /// Sequence number, and place in all audio captured, in samples.
    pieces: VecDeque<(u64, Range)>,
}

impl Forgotten {
    pub(super) fn push(&mut self, seq: u64, range: Range) {
        self.pieces.push_back((seq, range));
        if self.pieces.len() > PIECES {
            self.coarsen();
        }
    }

    /// Everything up to `seq` is used.
    pub(super) fn commit(&mut self, seq: u64) {
        while self.pieces.pop_front_if(|(last, _)| *last <= seq).is_some() {}
    }

    /// What is lost, now that the session is.
    pub(super) fn take(&mut self) -> Option<Range> {
        let pieces = core::mem::take(&mut self.pieces);
        let (_, first) = pieces.front()?;
        let (_, last) = pieces.back()?;
        Some(Range {
            from: first.from,
            to: last.to,
        })
    }

    /// Two pieces become one, which is used when its last part is: half the memory, and a loss told
    /// too long rather than too short.
    fn coarsen(&mut self) {
        let pieces = core::mem::take(&mut self.pieces);
        let mut pieces = pieces.into_iter();
        while let Some((seq, range)) = pieces.next() {
            let (seq, to) = pieces
                .next()
                .map_or((seq, range.to), |(seq, next)| (seq, next.to));
            let range = Range {
                from: range.from,
                to,
            };
            self.pieces.push_back((seq, range));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_not_lost_and_memory_has_a_bound() {
        let mut forgotten = Forgotten::default();
        for seq in 1..=10_000 {
            let (from, to) = ((seq - 1) * 480, seq * 480);
            forgotten.push(seq, Range { from, to });
        }
        assert!(forgotten.pieces.len() <= PIECES);
        forgotten.commit(9_990);
        let lost = forgotten.take().expect("ten frames are not used");
        assert_eq!(lost.to, 10_000 * 480);
        assert!(lost.from <= 9_990 * 480);
        assert_eq!(forgotten.take(), None);
    }
}
