//! Voice activity, as simple as can be: the pattern says which samples are speech.

use crate::pattern::Input;
use crate::time::PER_MS;

/// So much speech is speech, in samples.
pub(crate) const ONSET: u64 = 60 * PER_MS;
/// An end of speech is told so much after it, in samples, so that no word is cut.
const TAIL: u64 = 40 * PER_MS;

/// What the ear makes out. Times are in samples written to the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Started {
        at: u64,
    },
    Stopped {
        at: u64,
        /// What was said, in samples of all audio captured.
        consumed: (u64, u64),
    },
}

#[derive(Debug, Clone, Copy)]
struct Speech {
    /// In samples of all audio captured.
    from: u64,
    to: u64,
}

#[derive(Debug)]
pub(super) struct Ear {
    hang: u64,
    written: u64,
    /// Speech that goes on.
    open: Option<Speech>,
    onset: u64,
    silence: u64,
    /// Where in all audio captured the buffer begins and ends.
    buffer: Option<(u64, u64)>,
    /// The item that the speech will become.
    pub(super) turn: String,
}

impl Ear {
    pub(super) const fn new(hang: u64) -> Self {
        Self {
            hang,
            written: 0,
            open: None,
            onset: 0,
            silence: 0,
            buffer: None,
            turn: String::new(),
        }
    }

    pub(super) fn hear(&mut self, piece: Input) -> impl Iterator<Item = Heard> + use<> {
        let start = piece.start;
        let silent = piece.samples - piece.voiced;
        let runs = if piece.starts_voiced {
            [(true, piece.voiced), (false, silent)]
        } else {
            [(false, silent), (true, piece.voiced)]
        };
        let from = self.buffer.map_or(start, |(from, _)| from);
        self.buffer = Some((from, start + piece.samples));
        let mut heard = [None, None];
        let mut at = start;
        for ((voiced, samples), heard) in runs.into_iter().zip(&mut heard) {
            at += samples;
            if samples > 0 {
                *heard = self.run(voiced, samples, at);
            }
        }
        heard.into_iter().flatten()
    }

    /// The buffer becomes an item: what of it was captured.
    pub(super) fn commit(&mut self) -> Option<(u64, u64)> {
        let buffer = self.buffer.take()?;
        self.open = None;
        self.onset = 0;
        Some(buffer)
    }

    fn run(&mut self, voiced: bool, samples: u64, end: u64) -> Option<Heard> {
        self.written += samples;
        if voiced {
            self.silence = 0;
            self.onset += samples;
            match &mut self.open {
                Some(speech) => speech.to = end,
                None if self.onset >= ONSET => {
                    let from = end - self.onset;
                    self.open = Some(Speech { from, to: end });
                    let at = self.written - self.onset;
                    return Some(Heard::Started { at });
                }
                None => {}
            }
            return None;
        }
        self.onset = 0;
        self.silence += samples;
        let speech = self.open.take_if(|_| self.silence >= self.hang)?;
        self.buffer = None;
        let spoke_until = self.written - self.silence;
        Some(Heard::Stopped {
            at: (spoke_until + TAIL).min(self.written),
            consumed: (speech.from, speech.to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u64, voiced: bool) -> Input {
        Input {
            start,
            samples: 480,
            voiced: if voiced { 480 } else { 0 },
            starts_voiced: voiced,
        }
    }

    #[test]
    fn speech_starts_and_stops_where_it_did() {
        let mut ear = Ear::new(300 * PER_MS);
        let mut heard = Vec::new();
        for frame in 0..100 {
            // From 200 ms to 1 s, in audio whose first 10 s this ear never got.
            let voiced = (10..50).contains(&frame);
            heard.extend(ear.hear(piece(240_000 + frame * 480, voiced)));
        }
        let consumed = (240_000 + 4800, 240_000 + 24_000);
        let at = 24_000 + TAIL;
        assert_eq!(
            heard,
            [Heard::Started { at: 4800 }, Heard::Stopped { at, consumed }]
        );
    }

    #[test]
    fn a_commit_takes_what_is_in_the_buffer() {
        let mut ear = Ear::new(300 * PER_MS);
        assert_eq!(ear.commit(), None);
        assert_eq!(ear.hear(piece(0, true)).count(), 0);
        assert_eq!(ear.hear(piece(480, true)).count(), 0);
        assert_eq!(ear.commit(), Some((0, 960)));
        assert_eq!(ear.commit(), None);
    }
}
