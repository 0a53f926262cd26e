//! What the client is told, numbered and kept until it has acknowledged it.
//!
//! Nothing here knows a connection: what went out as a binary frame goes out again as text if the
//! client comes back that way.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::parts::Spoken;
use crate::wire::binary::{self, Flags, Kind};
use crate::wire::server::OutputAudioDelta;
use crate::wire::{Envelope, Fields, ServerEvent};
use crate::{Frame, Ids, Protocol};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The most bytes around the audio and the ids in an event of audio.
const TEXT_AROUND_AUDIO: usize = 256;

/// Why a sequence number of the client's cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unknown {
    #[error("it was never sent")]
    NeverSent,
    #[error("what comes after it is not kept any more")]
    Gone,
}

/// Something to tell.
#[derive(Debug)]
pub(super) enum Body {
    /// An event as it goes over the wire, and what it says aloud.
    Text {
        text: String,
        spoken: Option<Spoken>,
    },
    /// Audio that has a stream.
    Audio(Audio),
}

/// A piece of the agent's audio: PCM16 little-endian, 24 kHz, mono.
#[derive(Debug)]
pub(super) struct Audio {
    pub(super) stream: u16,
    /// Where it begins in its item, in samples.
    pub(super) start: u64,
    pub(super) pcm: Vec<u8>,
    pub(super) spoken: Spoken,
    /// Once it was needed.
    pub(super) event_id: Option<String>,
}

#[derive(Debug)]
struct Entry {
    body: Body,
    /// Bytes it is on its way with, once sent.
    on_its_way: usize,
}

impl Entry {
    /// Bytes it takes here.
    const fn bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.body {
                Body::Text { text, .. } => text.len(),
                Body::Audio(audio) => audio.pcm.len(),
            }
    }
}

/// Outgoing events in order, from the first that is not acknowledged.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Entry>,
    /// The number of the first entry; of the next one if there is none.
    first: u64,
    /// How many entries were sent over the connection there is.
    sent: usize,
    bytes: usize,
    in_flight: usize,
    /// The highest number that was ever sent, and the highest that is sent for the second time.
    sent_ever: u64,
    repeated_to: u64,
}

impl Ring {
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 1,
            sent: 0,
            bytes: 0,
            in_flight: 0,
            sent_ever: 0,
            repeated_to: 0,
        }
    }

    /// The number of the first entry that is kept. It may have risen since a client said up to where
    /// it has everything, by acknowledgements over the connection it still had.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// The number the next entry will have.
    pub(super) fn next_seq(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Bytes kept.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything was sent over the connection there is.
    pub(super) fn is_sent(&self) -> bool {
        self.sent == self.entries.len()
    }

    /// Whether everything is known to have arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts something at the end, with the number [`Self::next_seq`] said.
    pub(super) fn push(&mut self, body: Body) {
        let entry = Entry {
            body,
            on_its_way: 0,
        };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
    }

    /// The client has everything up to `seq`, over whichever connection.
    ///
    /// # Errors
    /// Where that was never sent. Nothing is dropped then.
    pub(super) fn acknowledge(&mut self, seq: u64) -> Result<(), Unknown> {
        if seq > self.sent_ever {
            return Err(Unknown::NeverSent);
        }
        self.release_to(seq);
        Ok(())
    }

    /// Another connection takes over from a client that has everything up to `seq`; says from where
    /// to where what was sent before is sent again.
    ///
    /// # Errors
    /// Where `seq` cannot be, or what comes after it is gone. Nothing is changed then.
    pub(super) fn rewind(&mut self, seq: u64, floor: u64) -> Result<(u64, u64), Unknown> {
        self.can_rewind(seq, floor)?;
        // What the new connection has not sent is not on its way.
        self.in_flight = 0;
        for entry in self.entries.iter_mut().take(self.sent) {
            entry.on_its_way = 0;
        }
        self.release_to(seq);
        self.sent = 0;
        self.repeated_to = self.sent_ever;
        Ok((self.first, self.sent_ever))
    }

    /// Whether a client that has everything up to `seq` can go on. `floor` is what [`Self::first`]
    /// was when its connection came.
    ///
    /// # Errors
    /// Why not.
    pub(super) const fn can_rewind(&self, seq: u64, floor: u64) -> Result<(), Unknown> {
        if seq > self.sent_ever {
            return Err(Unknown::NeverSent);
        }
        if seq + 1 < floor {
            return Err(Unknown::Gone);
        }
        Ok(())
    }

    /// The next frame to send, while less than `limit` bytes are on their way; it counts as sent.
    /// One frame is always let through. `ids` names what has no id yet.
    pub(super) fn next(
        &mut self,
        protocol: Protocol,
        limit: usize,
        ids: &mut Ids,
    ) -> Option<(Frame, Option<&Spoken>)> {
        let entry = self.entries.get_mut(self.sent)?;
        if self.in_flight > 0 && self.in_flight + entry.body.wire_bytes(protocol) > limit {
            return None;
        }
        let seq = self.first + self.sent as u64;
        let is_repeated = seq <= self.repeated_to;
        let (frame, spoken) = match &mut entry.body {
            Body::Text { text, spoken } => (Frame::Text(text.clone()), spoken.as_ref()),
            Body::Audio(audio) => {
                let frame = if protocol == Protocol::OffhookV1Bin {
                    Frame::Binary(audio.binary(seq, is_repeated))
                } else {
                    Frame::Text(audio.text(seq, ids))
                };
                (frame, Some(&audio.spoken))
            }
        };
        entry.on_its_way = match &frame {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
        };
        self.in_flight += entry.on_its_way;
        self.sent += 1;
        self.sent_ever = self.sent_ever.max(seq);
        Some((frame, spoken))
    }

    fn release_to(&mut self, seq: u64) {
        while self.first <= seq
            && let Some(entry) = self.entries.pop_front()
        {
            self.bytes -= entry.bytes();
            self.in_flight -= entry.on_its_way;
            self.first += 1;
            self.sent = self.sent.saturating_sub(1);
        }
    }
}

impl Body {
    /// Bytes of its frame, or a little more.
    fn wire_bytes(&self, protocol: Protocol) -> usize {
        match (self, protocol) {
            (Self::Text { text, .. }, _) => text.len(),
            (Self::Audio(audio), Protocol::OffhookV1Bin) => binary::HEADER + audio.pcm.len(),
            (Self::Audio(audio), _) => {
                let part = &audio.spoken.part;
                let ids = part.response_id.len() + part.item_id.len();
                audio.pcm.len().div_ceil(3) * 4 + ids + TEXT_AROUND_AUDIO
            }
        }
    }
}

impl Audio {
    fn binary(&self, seq: u64, is_repeated: bool) -> Vec<u8> {
        let mut flags = Flags::default();
        if self.start == 0 {
            flags = flags.with(Flags::FIRST);
        }
        if is_repeated {
            flags = flags.with(Flags::REPLAYED);
        }
        if self.pcm.iter().all(|byte| *byte == 0) {
            flags = flags.with(Flags::SILENCE);
        }
        let frame = binary::Frame {
            kind: Kind::Output,
            flags,
            stream: self.stream,
            seq,
            // Modulo 2^32, as the header has it.
            media_ts: (self.start & u64::from(u32::MAX)) as u32,
            payload: &self.pcm,
        };
        frame.encode()
    }

    fn text(&mut self, seq: u64, ids: &mut Ids) -> String {
        let event_id = self.event_id.get_or_insert_with(|| ids.next("event"));
        let part = &self.spoken.part;
        let delta = OutputAudioDelta {
            response_id: part.response_id.clone(),
            item_id: part.item_id.clone(),
            output_index: part.output_index,
            content_index: part.content_index,
            delta: STANDARD.encode(&self.pcm),
            extra: Fields::new(),
        };
        let envelope = Envelope {
            event_id: Some(event_id.clone()),
            seq: Some(seq),
            event: ServerEvent::from(delta),
        };
        envelope.encode()
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
