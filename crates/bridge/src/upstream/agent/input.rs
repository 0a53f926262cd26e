//! The caller's audio before it becomes an item: the input buffer, and where speech is in it.

use super::prompts::RATE;
use super::turn_detection::TurnDetection;
use super::vad::{Edge, FRAME, Vad};

/// The longest utterance, in samples: 60 s. A longer one is committed in pieces.
pub(super) const CAPACITY: usize = 60 * RATE as usize;
/// What the onset of speech may need besides the padding before it, in samples.
const ONSET_SPARE: usize = 4 * FRAME;
/// The shortest buffer that may be committed by hand, in samples: 100 ms.
const LEAST: usize = RATE as usize / 10;

/// What appended audio brought.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// Speech began; the turn's audio starts at this position, in ms.
    Started { at_ms: u64 },
    /// Speech ended at this position, in ms, or filled the buffer; all of the turn's audio.
    Stopped { at_ms: u64, audio: Vec<i16> },
    /// The buffer was full without any speech having been looked for; all it had.
    Full { audio: Vec<i16> },
}

/// The input buffer. Positions count all audio ever written to it, as the API has it.
#[derive(Debug)]
pub(super) struct Input {
    samples: Vec<i16>,
    /// The position of the first sample, in samples.
    start: u64,
    /// The position up to which the detector has listened, in samples.
    listened: u64,
    detector: Option<Detector>,
}

#[derive(Debug)]
struct Detector {
    vad: Vad,
    prefix: usize,
    speaking: bool,
}

impl Input {
    pub(super) fn new(turn_detection: Option<&TurnDetection>) -> Self {
        let mut input = Self {
            samples: Vec::new(),
            start: 0,
            listened: 0,
            detector: None,
        };
        input.configure(turn_detection);
        input
    }

    /// Changes how turns are found, from the next sample on. What is in the buffer stays.
    pub(super) fn configure(&mut self, turn_detection: Option<&TurnDetection>) {
        self.listened = self.end();
        self.detector = turn_detection.map(|set| Detector {
            vad: Vad::new(set.threshold, set.silence_ms),
            prefix: set.prefix_ms as usize * RATE as usize / 1000,
            speaking: false,
        });
    }

    /// Takes in audio and tells what it brought, in order.
    pub(super) fn append(&mut self, mut audio: &[i16]) -> Vec<Heard> {
        let mut heard = Vec::new();
        while !audio.is_empty() {
            // To the end of the detector's frame, so that no sample after an edge is in the way.
            let pending = usize::try_from(self.end() - self.listened).unwrap_or(0);
            let (now, later) = audio.split_at(audio.len().min(FRAME - pending));
            audio = later;
            self.samples.extend_from_slice(now);
            if pending + now.len() == FRAME {
                heard.extend(self.listen());
            }
            if self.samples.len() >= CAPACITY {
                heard.push(self.overflow());
            }
        }
        heard
    }

    /// Empties the buffer into an utterance; none if it holds less than 100 ms.
    pub(super) fn commit(&mut self) -> Result<Vec<i16>, TooShort> {
        if self.samples.len() < LEAST {
            return Err(TooShort {
                ms: self.samples.len() as u64 * 1000 / RATE,
            });
        }
        self.clear_speech();
        Ok(self.take())
    }

    /// Throws the buffer's audio away.
    pub(super) fn clear(&mut self) {
        self.clear_speech();
        self.take();
    }

    fn clear_speech(&mut self) {
        self.listened = self.end();
        if let Some(detector) = &mut self.detector {
            detector.vad.end();
            detector.speaking = false;
        }
    }

    /// Lets the detector hear the frame at the end of the buffer.
    fn listen(&mut self) -> Option<Heard> {
        self.listened = self.end();
        let detector = self.detector.as_mut()?;
        let frame = &self.samples[self.samples.len().saturating_sub(FRAME)..];
        match detector.vad.frame(frame) {
            Some(Edge::Started { frames_ago }) => {
                detector.speaking = true;
                let wanted = detector.prefix + frames_ago as usize * FRAME;
                self.keep(wanted);
                Some(Heard::Started {
                    at_ms: ms(self.start),
                })
            }
            Some(Edge::Stopped) => {
                detector.speaking = false;
                Some(Heard::Stopped {
                    at_ms: ms(self.end()),
                    audio: self.take(),
                })
            }
            None => {
                if !detector.speaking {
                    // More than a turn can begin with is not a turn's.
                    let wanted = detector.prefix + ONSET_SPARE;
                    // Seldom, as each time moves all that is kept.
                    if self.samples.len() > 2 * wanted {
                        self.keep(wanted);
                    }
                }
                None
            }
        }
    }

    /// Hands a full buffer over. Speech that goes on is a new turn.
    fn overflow(&mut self) -> Heard {
        let speaking = self.detector.as_ref().is_some_and(|it| it.speaking);
        self.clear_speech();
        let at_ms = ms(self.end());
        let audio = self.take();
        if speaking {
            Heard::Stopped { at_ms, audio }
        } else {
            Heard::Full { audio }
        }
    }

    /// Drops all but the last samples.
    fn keep(&mut self, wanted: usize) {
        let excess = self.samples.len().saturating_sub(wanted);
        self.samples.drain(..excess);
        self.start += excess as u64;
    }

    fn take(&mut self) -> Vec<i16> {
        self.start = self.end();
        std::mem::take(&mut self.samples)
    }

    fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }
}

/// There is not enough audio to commit.
#[derive(Debug, PartialEq)]
pub(super) struct TooShort {
    /// What there is, in ms.
    pub(super) ms: u64,
}

fn ms(samples: u64) -> u64 {
    samples * 1000 / RATE
}

#[cfg(test)]
mod tests {
    use super::super::Prompts;
    use super::*;

    fn speech() -> Vec<i16> {
        Prompts::built_in().unwrap().nothing_heard.samples
    }

    /// One second of quiet, speech, one second of quiet.
    fn call() -> Vec<i16> {
        let mut samples = vec![0; 24_000];
        samples.extend(speech());
        samples.resize(samples.len() + 24_000, 0);
        samples
    }

    #[test]
    fn a_turn_has_every_sample_from_its_padding_to_its_pause() {
        let call = call();
        // Whatever the pieces it comes in.
        for piece in [480, 1, 333, 2400, call.len()] {
            let mut input = Input::new(Some(&TurnDetection::default()));
            let heard: Vec<_> = call.chunks(piece).flat_map(|p| input.append(p)).collect();
            let [
                Heard::Started { at_ms: started },
                Heard::Stopped {
                    at_ms: stopped,
                    audio,
                },
            ] = &heard[..]
            else {
                panic!("{} edges with pieces of {piece}", heard.len());
            };
            assert!((600..=800).contains(started), "{started}");
            let (from, to) = (*started as usize * 24, *stopped as usize * 24);
            assert!(*audio == call[from..to], "pieces of {piece}");
            assert!(to >= 24_000 + speech().len());
        }
    }

    #[test]
    fn a_turn_is_measured_from_the_first_loud_sample_to_the_last() {
        // One second each: quiet, a square wave, quiet.
        let wave = (0..24_000).map(|n| if n / 60 % 2 == 0 { 9000 } else { -9000 });
        let call = [vec![0; 24_000], wave.collect(), vec![0; 24_000]].concat();
        let mut input = Input::new(Some(&TurnDetection::default()));
        let heard = input.append(&call);
        let padded = 1000 - 300;
        let paused = 2000 + 500;
        let audio = call[padded * 24..paused * 24].to_vec();
        let (started, stopped) = (padded as u64, paused as u64);
        assert!(
            heard
                == [
                    Heard::Started { at_ms: started },
                    Heard::Stopped {
                        at_ms: stopped,
                        audio
                    }
                ]
        );
    }

    #[test]
    fn without_detection_all_of_it_waits_for_a_commit() {
        let mut input = Input::new(None);
        assert_eq!(input.commit(), Err(TooShort { ms: 0 }));
        assert_eq!(input.append(&[1; 2399]), []);
        assert_eq!(input.commit(), Err(TooShort { ms: 99 }));
        assert_eq!(input.append(&[1; 1]), []);
        assert_eq!(input.commit(), Ok(vec![1; 2400]));
        assert_eq!(input.append(&[2; 4800]), []);
        input.clear();
        assert_eq!(input.commit(), Err(TooShort { ms: 0 }));
    }

    #[test]
    fn a_full_buffer_is_handed_over_whole() {
        let mut input = Input::new(None);
        let long: Vec<i16> = (0..CAPACITY + 5000).map(|n| (n % 1000) as i16).collect();
        let mut heard: Vec<_> = long.chunks(4800).flat_map(|p| input.append(p)).collect();
        let Some(Heard::Full { mut audio }) = heard.pop() else {
            panic!("nothing was handed over");
        };
        assert!(heard.is_empty());
        audio.extend(input.commit().unwrap());
        assert!(audio == long);
    }

    #[test]
    fn quiet_does_not_pile_up() {
        let mut input = Input::new(Some(&TurnDetection::default()));
        for _ in 0..1000 {
            assert_eq!(input.append(&[0; 4800]), []);
            assert!(input.samples.len() < 48_000);
        }
    }
}
