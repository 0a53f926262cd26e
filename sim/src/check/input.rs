//! The caller's audio, from the microphone to the upstream, sample by sample.

use std::collections::VecDeque;

use super::spans::Spans;
use super::{Invariant, Verdict, violated};
use crate::pattern::Input;
use crate::time::{PER_MS, S, Us, length};
use crate::upstream::ONSET;

/// The longest outage that costs nothing.
const OUTAGE: Us = 30 * S;

/// Audio that may be on its way, and a second.
const IN_FLIGHT: Us = 9 * S;

/// What was captured and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Samples captured so far.
    pub(crate) captured: u64,
    /// Reported as lost.
    pub(crate) gaps: Spans,
    /// Part of the conversation: an upstream made an item of it.
    consumed: Spans,
    /// What was said and is not known to be consumed.
    utterances: VecDeque<(u64, u64)>,
    speaks_since: Option<u64>,
    /// Samples that came to an upstream that another one had got before.
    pub(crate) repeated: u64,
    reached: u64,
}

/// What one upstream got.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Got {
    first: Option<u64>,
    pub(crate) next: Option<u64>,
}

impl Ledger {
    /// So much more was captured.
    pub(crate) fn capture(&mut self, samples: u64, voiced: bool) {
        match (voiced, self.speaks_since) {
            (true, None) => self.speaks_since = Some(self.captured),
            (false, Some(since)) => {
                self.utterances.push_back((since, self.captured));
                self.speaks_since = None;
            }
            _ => {}
        }
        self.captured += samples;
    }

    /// The client reports a loss. `kept`: samples that it still keeps, of `window`.
    pub(crate) fn lost(&mut self, from_ms: u64, to_ms: u64, kept: u64, window: u64) -> Verdict {
        let (from, to) = (from_ms * PER_MS, to_ms * PER_MS);
        self.gaps.add(from, to);
        if from >= to || from >= self.captured {
            let detail = format!("a gap from {from_ms} ms to {to_ms} ms covers nothing");
            return violated(Invariant::Input, detail);
        }
        let age = length(self.captured.saturating_sub(from));
        // Smaller windows than usual are for seeing them full. What is on its way stays in them.
        if age < OUTAGE.min(length(window).saturating_sub(IN_FLIGHT)) {
            let detail = format!(
                "audio from {from_ms} ms is reported as lost, of which only {} ms ago",
                age / 1000
            );
            return violated(Invariant::Input, detail);
        }
        // Another frame, of 100 ms at most, would not have fitted.
        if kept + 100 * PER_MS < window && to > self.captured - window {
            let detail = format!(
                "audio from {from_ms} ms to {to_ms} ms is reported as lost, though only {} ms of \
                 the window are full",
                kept / PER_MS
            );
            return violated(Invariant::Input, detail);
        }
        Ok(())
    }

    /// An upstream gets a piece. `from`: where its session's first audio began, as the client sent
    /// it.
    pub(crate) fn reach(&mut self, got: &mut Got, piece: Input, from: Option<u64>) -> Verdict {
        let expected = got.next.or(from);
        let end = piece.start + piece.samples;
        got.first.get_or_insert(piece.start);
        got.next = Some(end);
        if end > self.captured {
            return violated(Invariant::Input, format!("sample {end} was never captured"));
        }
        self.repeated += self.reached.saturating_sub(piece.start).min(piece.samples);
        self.reached = self.reached.max(end);
        let Some(expected) = expected else {
            return Ok(());
        };
        if piece.start < expected {
            let detail = format!(
                "samples {} to {expected} come to the same upstream again",
                piece.start
            );
            return violated(Invariant::Input, detail);
        }
        self.all_told(expected, piece.start, "never came to the upstream")
    }

    /// The first audio of a session that is not the first: it goes on where the one before is known
    /// to have got.
    pub(crate) fn begins(&self, start: u64, used: u64) -> Verdict {
        if start < used && Spans::missing(&[&self.gaps], start, used) == Some((start, used)) {
            let detail = format!(
                "a new session is told audio from sample {start}, but up to {used} the one before \
                 has used it"
            );
            return violated(Invariant::Input, detail);
        }
        self.all_told(used, start, "are not told to the new session")
    }

    /// Something that was done at `to` comes when the audio has come up to `from`.
    pub(crate) fn told_between(&self, from: u64, to: u64) -> Verdict {
        self.all_told(from, to, "come after something that was done after them")
    }

    fn all_told(&self, from: u64, to: u64, what: &str) -> Verdict {
        match Spans::missing(&[&self.gaps], from, to) {
            None => Ok(()),
            Some((from, to)) => {
                let detail = format!(
                    "samples {from} to {to} ({} ms at {} ms) {what}, and no gap says so",
                    (to - from) / PER_MS,
                    from / PER_MS
                );
                violated(Invariant::Input, detail)
            }
        }
    }

    /// An upstream made an item of this.
    pub(crate) fn consume(&mut self, from: u64, to: u64) {
        self.consumed.add(from, to);
        while let Some((from, to)) = self.utterances.front()
            && Spans::missing(&[&self.consumed, &self.gaps], *from, *to).is_none()
        {
            self.utterances.pop_front();
        }
    }

    /// The call is well and nothing is under way: everything that was said was heard, and everything
    /// captured has come to the upstream there is.
    pub(crate) fn complete(&self, got: Option<Got>) -> Verdict {
        for (begin, end) in &self.utterances {
            let mut at = *begin;
            while let Some((from, to)) = Spans::missing(&[&self.consumed, &self.gaps], at, *end) {
                // What is too short to be speech is none: beside a gap there may be such a piece.
                if to - from >= ONSET {
                    let detail = format!(
                        "what was said from {} ms to {} ms was not heard between {} ms and {} ms",
                        begin / PER_MS,
                        end / PER_MS,
                        from / PER_MS,
                        to / PER_MS
                    );
                    return violated(Invariant::Input, detail);
                }
                at = to;
            }
        }
        let next = got.and_then(|got| got.next).unwrap_or(0);
        self.all_told(next, self.captured, "have not come to the upstream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u64) -> Input {
        Input {
            start,
            samples: 480,
            voiced: 0,
            starts_voiced: false,
        }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.capture(4800, false);
        ledger
    }

    #[test]
    fn losses_and_repetitions_are_found_and_gaps_count() {
        let (mut ledger, mut got) = (ledger(), Got::default());
        assert_eq!(ledger.reach(&mut got, piece(0), Some(0)), Ok(()));
        assert_eq!(ledger.reach(&mut got, piece(480), Some(0)), Ok(()));
        assert!(
            ledger.reach(&mut got, piece(480), Some(0)).is_err(),
            "again"
        );
        assert!(
            ledger.reach(&mut got, piece(1440), Some(0)).is_err(),
            "one is missing"
        );
        ledger.gaps.add(1920, 2400);
        assert_eq!(ledger.reach(&mut got, piece(2400), Some(0)), Ok(()));
        assert!(
            ledger.reach(&mut got, piece(4800), Some(0)).is_err(),
            "not captured"
        );
    }

    #[test]
    fn a_new_session_begins_where_the_last_is_known_to_have_got() {
        let mut ledger = ledger();
        assert_eq!(ledger.begins(960, 960), Ok(()));
        assert!(ledger.begins(480, 960).is_err(), "used before");
        assert!(ledger.begins(1440, 960).is_err(), "left out");
        ledger.gaps.add(960, 1440);
        assert_eq!(ledger.begins(1440, 960), Ok(()));
    }

    #[test]
    fn what_was_said_and_not_heard_is_found() {
        let mut ledger = Ledger::default();
        ledger.capture(4800, false);
        ledger.capture(24_000, true);
        ledger.capture(4800, false);
        let got = Some(Got {
            first: Some(0),
            next: Some(33_600),
        });
        assert!(ledger.complete(got).is_err());
        ledger.consume(4800, 20_000);
        assert!(ledger.complete(got).is_err(), "its end");
        ledger.gaps.add(20_000, 25_000);
        ledger.consume(25_000, 28_800);
        assert_eq!(ledger.complete(got), Ok(()));
        assert!(ledger.complete(None).is_err(), "no upstream has it");
    }

    #[test]
    fn a_loss_within_the_window_is_found() {
        let mut ledger = Ledger::default();
        ledger.capture(100_000 * PER_MS, false);
        let window = 60_000 * PER_MS;
        let mut lost = |from, to, kept| ledger.lost(from, to, kept * PER_MS, window);
        assert_eq!(
            lost(9_000, 9_500, 0),
            Ok(()),
            "it does not fit the window any more"
        );
        assert_eq!(lost(45_000, 45_500, 59_950), Ok(()));
        assert!(lost(45_000, 45_500, 30_000).is_err(), "there was room");
        assert!(lost(75_000, 75_500, 60_000).is_err(), "after 25 s");
        assert!(lost(150_000, 150_500, 60_000).is_err(), "never captured");
    }
}
