//! What the caller said and did, kept until the far end is known to have it.
//!
//! Audio stays until it is known to be used (`commit`), as another session may have to hear it
//! again; everything else until it has arrived (`recv`). No more audio is kept than the window
//! holds.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::forgotten::Forgotten;
use super::plain_input::PlainInput;
use super::samples;
use crate::wire::ClientEvent;

/// Events that are not audio kept at once; nobody types more than this while a line is away.
const CONTROLS: usize = 256;

/// Something the caller said or did, in its place.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Audio {
        /// PCM16 little-endian.
        pcm: Vec<u8>,
        /// Where it begins in all audio captured, in samples.
        start: u64,
    },
    Control {
        event_id: String,
        event: ClientEvent,
    },
    /// Audio that had to go before it had arrived.
    Lost {
        /// The last sequence number it stands for.
        through: u64,
        lost: Range,
    },
}

impl What {
    pub(super) const fn samples(&self) -> u64 {
        match self {
            Self::Audio { pcm, .. } => pcm.len() as u64 / 2,
            Self::Control { .. } | Self::Lost { .. } => 0,
        }
    }
}

/// Audio that is lost, in samples of all audio captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Everything that may have to be sent, or sent again, in order.
#[derive(Debug)]
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    next_seq: u64,
    /// The highest sequence number sent over the connection there is,
    sent: u64,
    /// and over any connection of the session.
    ever_sent: u64,
    /// The highest known to have arrived with nothing missing before it,
    received: u64,
    /// and to be used.
    committed: u64,
    captured: u64,
    /// Samples kept, and of those the ones still to be sent.
    kept: u64,
    waiting: u64,
    in_flight: u64,
    controls: usize,
    window: u64,
    forgotten: Forgotten,
    /// For sessions that do not acknowledge.
    input: PlainInput,
}

impl Outbox {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            entries: VecDeque::new(),
            next_seq: 1,
            sent: 0,
            ever_sent: 0,
            received: 0,
            committed: 0,
            captured: 0,
            kept: 0,
            waiting: 0,
            in_flight: 0,
            controls: 0,
            window: samples(window),
            forgotten: Forgotten::default(),
            input: PlainInput::default(),
        }
    }

    /// Samples that are still to be sent.
    pub(super) const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Bytes of audio kept.
    pub(super) const fn kept_bytes(&self) -> u64 {
        self.kept * 2
    }

    /// Where the audio that is kept begins in all audio captured, in samples.
    pub(super) fn begins_at(&self) -> u64 {
        let audio = self.first_audio(0);
        audio.map_or(self.captured, |(_, _, range)| range.from)
    }

    /// The number the next new event will have.
    pub(super) const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether an entry with this number was sent before, over whichever connection.
    pub(super) const fn was_sent(&self, seq: u64) -> bool {
        seq <= self.ever_sent
    }

    /// Keeps audio; says what had to go for it without ever having arrived.
    pub(super) fn push_audio(&mut self, pcm: Vec<u8>) -> Option<Range> {
        let what = What::Audio {
            pcm,
            start: self.captured,
        };
        let length = what.samples();
        self.captured += length;
        self.kept += length;
        self.waiting += length;
        self.push(what);
        self.make_room()
    }

    /// Keeps an event that is not audio; says whether there was room.
    pub(super) fn push_control(&mut self, event_id: String, event: ClientEvent) -> bool {
        if self.controls >= CONTROLS {
            self.drop_received_controls();
        }
        if self.controls >= CONTROLS {
            return false;
        }
        self.controls += 1;
        self.push(What::Control { event_id, event });
        true
    }

    fn push(&mut self, what: What) {
        self.entries.push_back(Entry {
            seq: self.next_seq,
            what,
        });
        self.next_seq += 1;
    }

    /// The next entry to send. Follow with [`Self::mark_sent`].
    pub(super) fn next(&self) -> Option<&Entry> {
        self.entries.get(self.index_after(self.sent))
    }

    /// Samples that are on their way: sent over this connection, not known to have arrived.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The entry that [`Self::next`] showed is sent.
    pub(super) fn mark_sent(&mut self, acknowledges: bool) {
        let index = self.index_after(self.sent);
        let Some(entry) = self.entries.get(index) else {
            return;
        };
        let length = entry.what.samples();
        self.sent = match entry.what {
            What::Lost { through, .. } => through,
            _ => entry.seq,
        };
        self.ever_sent = self.ever_sent.max(self.sent);
        self.waiting -= length;
        if acknowledges {
            self.in_flight += length;
        } else {
            // What is written counts as arrived: nobody says more.
            self.received = self.sent;
            if length > 0 {
                self.input.give(length, self.sent);
            }
            self.clear();
        }
    }

    /// Everything up to `seq` has arrived.
    pub(super) fn acknowledge(&mut self, received: u64, committed: u64) {
        let before = self.index_after(self.received);
        self.received = self.received.max(received.min(self.sent));
        let arrived = self.entries.range(before..self.index_after(self.received));
        self.in_flight -= arrived.map(|entry| entry.what.samples()).sum::<u64>();
        self.commit(committed);
    }

    /// Everything up to `seq` is used.
    fn commit(&mut self, seq: u64) {
        self.committed = self.committed.max(seq.min(self.received));
        self.forgotten.commit(self.committed);
        self.clear();
    }

    /// In a session that does not acknowledge, its input is used up to here, in samples.
    pub(super) fn commit_input(&mut self, samples: u64) {
        if let Some(seq) = self.input.commit(samples) {
            self.commit(seq);
        }
    }

    /// What a session that does not acknowledge was given.
    pub(super) const fn input(&mut self) -> &mut PlainInput {
        &mut self.input
    }

    /// A new connection of the same session: what has not arrived is to be sent again.
    pub(super) fn rewind(&mut self, received: u64, committed: u64) {
        self.received = self.received.max(received.min(self.ever_sent));
        self.sent = self.received;
        self.recount();
        self.commit(committed);
    }

    /// The connection is gone: nothing is on its way any more.
    pub(super) fn stop(&mut self) {
        self.sent = self.received;
        self.recount();
    }

    /// A new session, which knows nothing: `first` is to be sent before anything else, then all
    /// audio that is not known to be used and the events that had not arrived and mean something to
    /// a new session. Says which audio that should be heard again is kept no more.
    pub(super) fn restart(
        &mut self,
        first: impl Iterator<Item = (String, ClientEvent)>,
        mut keep: impl FnMut(&ClientEvent) -> bool,
    ) -> Option<Range> {
        let (committed, received) = (self.committed, self.received);
        let old = core::mem::take(&mut self.entries);
        (self.next_seq, self.sent, self.ever_sent) = (1, 0, 0);
        (self.received, self.committed) = (0, 0);
        (self.kept, self.controls) = (0, 0);
        self.input = PlainInput::default();
        for (event_id, event) in first {
            self.controls += 1;
            self.push(What::Control { event_id, event });
        }
        for entry in old {
            let kept = match &entry.what {
                What::Audio { .. } => entry.seq > committed,
                What::Control { event, .. } => entry.seq > received && keep(event),
                // A new session counts no numbers that were never given out in it.
                What::Lost { .. } => false,
            };
            if kept {
                self.kept += entry.what.samples();
                self.controls += usize::from(matches!(entry.what, What::Control { .. }));
                self.push(entry.what);
            }
        }
        self.recount();
        self.forgotten.take()
    }

    /// Lets go of what is not needed at the front.
    fn clear(&mut self) {
        while let Some(front) = self.entries.front() {
            let done = match front.what {
                What::Audio { .. } => front.seq <= self.committed,
                What::Control { .. } => front.seq <= self.received,
                What::Lost { through, .. } => through <= self.received,
            };
            if !done {
                break;
            }
            self.remove(0);
        }
    }

    /// Makes the audio fit the window again: first goes what has arrived, though it may not be used
    /// yet, then what was never sent. What was sent stays until it is known to have arrived: over a
    /// line that is gone it may have, and then it is not lost.
    fn make_room(&mut self) -> Option<Range> {
        let mut lost: Option<Range> = None;
        while self.kept > self.window {
            if let Some((index, seq, range)) = self.first_audio(0)
                && seq <= self.received
            {
                self.forgotten.push(seq, range);
                self.remove(index);
            } else if let Some((index, seq, range)) =
                self.first_audio(self.index_after(self.ever_sent))
            {
                lost.get_or_insert(range).to = range.to;
                self.lose(index, seq, range);
            } else {
                break;
            }
        }
        lost
    }

    fn first_audio(&self, from: usize) -> Option<(usize, u64, Range)> {
        let mut entries = self.entries.iter().enumerate().skip(from);
        entries.find_map(|(index, entry)| match &entry.what {
            What::Audio { start, .. } => {
                let to = start + entry.what.samples();
                Some((index, entry.seq, Range { from: *start, to }))
            }
            _ => None,
        })
    }

    /// An entry of audio that was not sent becomes part of a loss, which keeps its number.
    fn lose(&mut self, index: usize, seq: u64, range: Range) {
        let length = range.to - range.from;
        self.kept -= length;
        self.waiting -= length;
        let before = index.checked_sub(1).map(|before| &mut self.entries[before]);
        if let Some(Entry {
            seq: first,
            what: What::Lost { through, lost },
        }) = before
            && *through + 1 == seq
            && *first > self.ever_sent
        {
            *through = seq;
            lost.to = range.to;
            self.entries.remove(index);
        } else {
            self.entries[index].what = What::Lost {
                through: seq,
                lost: range,
            };
        }
    }

    fn remove(&mut self, index: usize) {
        let Some(entry) = self.entries.remove(index) else {
            return;
        };
        let length = entry.what.samples();
        self.kept -= length;
        if entry.seq > self.sent {
            self.waiting -= length;
        }
        self.controls -= usize::from(matches!(entry.what, What::Control { .. }));
    }

    fn drop_received_controls(&mut self) {
        let received = self.received;
        self.entries
            .retain(|entry| entry.seq > received || !matches!(entry.what, What::Control { .. }));
        let is_control = |entry: &&Entry| matches!(entry.what, What::Control { .. });
        self.controls = self.entries.iter().filter(is_control).count();
    }

    /// Where the first entry above `seq` is.
    fn index_after(&self, seq: u64) -> usize {
        self.entries.partition_point(|entry| entry.seq <= seq)
    }

    /// Nothing is on its way.
    fn recount(&mut self) {
        self.in_flight = 0;
        let first = self.index_after(self.sent);
        let waiting = self.entries.range(first..);
        self.waiting = waiting.map(|entry| entry.what.samples()).sum();
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
