//! What the agent says, from the upstream to the caller, event by event and sample by sample.

use std::collections::VecDeque;

use offhook_proto::wire::{ServerEvent, decode_pcm16};

use super::{Invariant, Verdict, violated};
use crate::pattern::read_output;
use crate::upstream::{Said, Spoken};

/// Something that an upstream said and that has to come to the caller.
#[derive(Debug)]
enum Told {
    Event(ServerEvent),
    Audio(Spoken),
}

/// What one upstream said and has not come yet, in order.
#[derive(Debug)]
struct Line {
    slot: u32,
    told: VecDeque<Told>,
}

/// What the upstreams said and what of it came.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: VecDeque<Line>,
    /// The session that the caller hears.
    hears: Option<u32>,
    /// The one before.
    pub(crate) heard: Option<u32>,
    /// Of that session, what the caller knows to be under way.
    turn_is_open: bool,
    answer_is_open: bool,
    answer_is_heard: bool,
    /// The client has told that the rest of an answer will not come, and is a new session since.
    pub(crate) reseeded: bool,
    pub(crate) answer_lost: bool,
    owed: bool,
    /// Another session is heard, and the client has still to say so.
    unannounced: bool,
    pub(crate) samples: u64,
}

impl Lines {
    /// An upstream says something, which the server takes.
    pub(crate) fn said(&mut self, slot: u32, said: &Said) {
        if said.echo {
            return;
        }
        if self.lines.back().is_none_or(|line| line.slot != slot)
            && !self.lines.iter().any(|line| line.slot == slot)
        {
            self.lines.push_back(Line {
                slot,
                told: VecDeque::new(),
            });
        }
        let line = self.lines.iter_mut().rev().find(|line| line.slot == slot);
        let Some(line) = line else { return };
        line.told.push_back(match said.audio {
            Some(spoken) => Told::Audio(spoken),
            None => Told::Event(said.event.clone()),
        });
    }

    /// Whether all that this upstream said has come.
    pub(crate) fn is_complete(&self, slot: u32) -> bool {
        let mut lines = self.lines.iter().filter(|line| line.slot == slot);
        lines.all(|line| line.told.is_empty())
    }

    /// What of this upstream's has not come.
    pub(crate) fn left(&self, slot: u32) -> String {
        let line = self.lines.iter().find(|line| line.slot == slot);
        line.map_or_else(String::new, |line| {
            format!("{} left, first {:?}", line.told.len(), line.told.front())
        })
    }

    /// The caller is shown an event.
    pub(crate) fn shown(&mut self, event: &ServerEvent) -> Verdict {
        if self.unannounced {
            let detail = "a new session speaks, and nobody says that the line was away";
            return violated(Invariant::Output, detail);
        }
        let audio = match event {
            ServerEvent::OutputAudioDelta(delta) => {
                let samples = decode_pcm16(&delta.delta);
                let read = samples.ok().and_then(|samples| {
                    let (tag, from) = read_output(&samples).ok()?;
                    let to = from + samples.len() as u64;
                    Some(Spoken { tag, from, to })
                });
                let Some(spoken) = read else {
                    return violated(Invariant::Output, "the agent's audio is torn");
                };
                self.samples += spoken.to - spoken.from;
                Some(spoken)
            }
            _ => None,
        };
        if let ServerEvent::Error(error) = event
            && error.error.code.as_deref() == Some("unknown_item")
        {
            // The server's own answer, in place of the upstream's.
            return Ok(());
        }
        let mut index = match self.hears {
            Some(slot) => self.lines.iter().position(|line| line.slot == slot),
            None => Some(0),
        };
        while let Some(line) = index.and_then(|index| self.lines.get_mut(index)) {
            if line.take(event, audio) {
                let slot = line.slot;
                if self.hears != Some(slot) {
                    self.moved_to(slot);
                }
                self.follow(event);
                return Ok(());
            }
            index = index.map(|index| index + 1);
        }
        let expected = self.lines.iter().map(|line| (line.slot, line.told.front()));
        let expected: Vec<_> = expected.collect();
        let detail = format!(
            "the caller is shown {} {audio:?} out of turn; next are {expected:?}, not {event:?}",
            event.kind()
        );
        violated(Invariant::Output, detail)
    }

    /// The caller hears another session from now on.
    fn moved_to(&mut self, slot: u32) {
        self.unannounced = self.hears.is_some();
        self.heard = self.hears;
        self.hears = Some(slot);
        while self.lines.front().is_some_and(|line| line.slot != slot) {
            self.lines.pop_front();
        }
        self.owed |= self.turn_is_open || (self.answer_is_open && !self.answer_is_heard);
        (self.turn_is_open, self.answer_is_open) = (false, false);
    }

    /// The client says that the line is back with a new session.
    /// `asks`: an answer was asked for that may still come.
    pub(crate) fn back_anew(&mut self, answer_lost: bool, asks: bool) -> Verdict {
        self.owed &= !asks;
        self.owed |= self.answer_is_open && !self.answer_is_heard;
        self.owed |= self.turn_is_open && !asks;
        (self.turn_is_open, self.answer_is_open) = (false, false);
        let owed = std::mem::take(&mut self.owed);
        self.unannounced = false;
        self.reseeded = true;
        self.answer_lost |= answer_lost;
        if owed && !answer_lost {
            let detail = "the rest of an answer does not come, and nobody says so";
            return violated(Invariant::Output, detail);
        }
        Ok(())
    }

    fn follow(&mut self, event: &ServerEvent) {
        match event {
            // What the caller commits by hand is not answered by itself.
            ServerEvent::SpeechStopped(_) => self.turn_is_open = true,
            ServerEvent::ResponseCreated(_) => {
                self.turn_is_open = false;
                self.answer_is_open = true;
                self.answer_is_heard = false;
            }
            ServerEvent::OutputAudioDone(_) => self.answer_is_heard = true,
            ServerEvent::ResponseDone(_) => {
                self.answer_is_open = false;
                self.turn_is_open = false;
            }
            ServerEvent::SpeechStarted(_) => self.turn_is_open = false,
            _ => {}
        }
    }
}

impl Line {
    /// Takes what comes next, if this is that.
    fn take(&mut self, event: &ServerEvent, audio: Option<Spoken>) -> bool {
        match (self.told.front_mut(), audio) {
            (Some(Told::Audio(next)), Some(audio)) => {
                if next.tag != audio.tag || next.from != audio.from || audio.to > next.to {
                    return false;
                }
                if audio.to < next.to {
                    next.from = audio.to;
                    return true;
                }
            }
            (Some(Told::Event(next)), None) if next == event => {}
            _ => return false,
        }
        self.told.pop_front();
        true
    }
}
