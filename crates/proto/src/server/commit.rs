//! How much of what the client sent the upstream is known to have used.
//!
//! The upstream tells positions in the audio it was given; the client knows sequence numbers. What
//! is used need not be told again to another upstream.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use super::shape::{TICKS_PER_MS, TICKS_PER_S};
use crate::Time;
use crate::wire::{ClientEvent, ServerEvent};

/// Positions kept: more than a minute of audio in frames of 20 ms.
const MARKS: usize = 4096;
/// Questions to the upstream whose answer says what is used.
const ASKED: usize = 32;
/// Audio without speech is used once it is this old, in ticks.
const QUIET: u64 = 2 * TICKS_PER_S;
/// And was given this long ago: audio may be given faster than it was spoken.
const SETTLED: Duration = Duration::from_secs(1);

/// An event of the client's and where it is in the audio given upstream.
#[derive(Debug, Clone, Copy)]
struct Mark {
    seq: u64,
    /// Where it ends; an event that is not audio ends where it begins.
    end: u64,
    /// Whether being passed by the audio's use is all it takes.
    is_audio: bool,
}

/// Something that the upstream will answer to, and what that answer covers.
#[derive(Debug)]
struct Asked {
    kind: Kind,
    event_id: Option<String>,
    at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Commit,
    Clear,
}

/// Whether the upstream would be heard to say that the caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It finds turns, and what it says is read.
    Read,
    /// It finds turns, but the client is behind, and what it says is left unread.
    Unread,
    /// It does not look for them.
    None,
}

/// The map from the upstream's positions to the client's sequence numbers.
#[derive(Debug)]
pub(super) struct Commit {
    level: u64,
    marks: VecDeque<Mark>,
    /// Ticks of audio given upstream, and used by it.
    given: u64,
    used: u64,
    asked: VecDeque<Asked>,
    /// The caller speaks, and the upstream knows.
    speaks: bool,
    /// What had been given when it last found that speech is over.
    quiet_from: u64,
    /// The item of the turn whose end it found and that it has not committed yet.
    turn: Option<String>,
    /// What had been given at two moments, of which the older one is at least [`SETTLED`] ago.
    older: u64,
    newer: (Time, u64),
}

impl Commit {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            level: 0,
            marks: VecDeque::new(),
            given: 0,
            used: 0,
            asked: VecDeque::new(),
            speaks: false,
            quiet_from: 0,
            turn: None,
            older: 0,
            newer: (now, 0),
        }
    }

    /// The highest sequence number known to be used, with everything before it.
    pub(super) const fn level(&self) -> u64 {
        self.level
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.marks.len() * size_of::<Mark>()
    }

    /// Audio was given upstream.
    pub(super) fn audio(&mut self, now: Time, seq: u64, ticks: u64, news: News) {
        self.given += ticks;
        self.mark(seq, true);
        if news == News::Unread {
            // It may have said long ago that the caller speaks.
            self.newer = (now, self.given);
        } else if now - self.newer.0 >= SETTLED {
            self.older = self.newer.1;
            self.newer = (now, self.given);
        }
        let is_quiet = !self.speaks && self.given >= self.quiet_from + QUIET;
        if news == News::Read && is_quiet {
            self.use_up((self.given - QUIET).min(self.older));
        }
        self.settle(false);
    }

    /// An event that is not audio was given upstream.
    pub(super) fn control(&mut self, seq: u64, event_id: Option<&str>, event: &ClientEvent) {
        let kind = match event {
            ClientEvent::InputAudioBufferCommit(_) => Some(Kind::Commit),
            ClientEvent::InputAudioBufferClear(_) => Some(Kind::Clear),
            _ => None,
        };
        if let Some(kind) = kind {
            if self.asked.len() == ASKED {
                self.asked.pop_front();
            }
            self.asked.push_back(Asked {
                kind,
                event_id: event_id.map(ToOwned::to_owned),
                at: self.given,
            });
        }
        self.mark(seq, false);
    }

    /// Nothing will come for the numbers up to `through`, or nothing that goes upstream.
    pub(super) fn skipped(&mut self, through: u64) {
        self.mark(through, true);
        self.settle(false);
    }

    /// The upstream said something.
    pub(super) fn upstream(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::SpeechStarted(_) => self.speaks = true,
            ServerEvent::SpeechStopped(stopped) => {
                let end = stopped.audio_end_ms.saturating_mul(TICKS_PER_MS);
                self.silent_from(end.min(self.given));
                self.turn = Some(stopped.item_id.clone());
                self.settle(false);
            }
            ServerEvent::InputAudioBufferCommitted(committed) => {
                if self.turn.as_ref() == Some(&committed.item_id) {
                    // Where that turn ended was told before.
                    self.turn = None;
                } else if let Some(at) = self.answered(Kind::Commit) {
                    self.silent_from(at);
                }
                self.settle(true);
            }
            ServerEvent::InputAudioBufferCleared(_) => {
                if let Some(at) = self.answered(Kind::Clear) {
                    self.silent_from(at);
                }
                self.settle(true);
            }
            ServerEvent::Error(error) => {
                if let Some(id) = &error.error.event_id {
                    self.asked
                        .retain(|asked| asked.event_id.as_ref() != Some(id));
                }
                self.settle(true);
            }
            ServerEvent::SessionUpdated(_)
            | ServerEvent::ConversationItemAdded(_)
            | ServerEvent::ConversationItemDone(_)
            | ServerEvent::ConversationItemRetrieved(_)
            | ServerEvent::ConversationItemTruncated(_)
            | ServerEvent::ConversationItemDeleted(_)
            | ServerEvent::ResponseCreated(_)
            | ServerEvent::ResponseDone(_) => self.settle(true),
            _ => {}
        }
    }

    /// The position of the oldest question of this kind; older ones of the other kind were
    /// answered too, as answers come in order.
    fn answered(&mut self, kind: Kind) -> Option<u64> {
        let index = self.asked.iter().position(|asked| asked.kind == kind)?;
        self.asked.drain(..=index).next_back().map(|asked| asked.at)
    }

    fn silent_from(&mut self, at: u64) {
        self.speaks = false;
        self.quiet_from = self.given;
        self.use_up(at);
    }

    fn use_up(&mut self, to: u64) {
        self.used = self.used.max(to);
    }

    fn mark(&mut self, seq: u64, is_audio: bool) {
        if self.marks.len() == MARKS {
            // The next mark covers its number; only precision is lost, and to the safe side.
            self.marks.pop_front();
        }
        let end = self.given;
        self.marks.push_back(Mark { seq, end, is_audio });
    }

    /// Raises the level by what is used. An event right where the use ends counts only once the
    /// upstream has replied to something.
    fn settle(&mut self, replied: bool) {
        let used = self.used;
        let is_used =
            |mark: &mut Mark| mark.end < used || (mark.end == used && (mark.is_audio || replied));
        while let Some(mark) = self.marks.pop_front_if(is_used) {
            self.level = mark.seq;
        }
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
