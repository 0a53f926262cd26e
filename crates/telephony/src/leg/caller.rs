//! The caller's audio on its way up: what is missing is put in as silence.

use std::time::Duration;

use super::{Audio, Codec, Config, Counts};
use crate::message::{MAX_PAYLOAD, Media};
use crate::mulaw;
use crate::resample::Upsampler;

/// Bytes of mu-law in a millisecond.
const BYTES_PER_MS: u64 = 8;
/// Less than a frame is how clocks differ, and no gap.
const SHORTEST_GAP: u64 = 20 * BYTES_PER_MS;

pub(super) struct Caller {
    hears: Codec,
    max_padding: u64,
    up: Upsampler,
    /// The number of the last piece on this stream.
    chunk: Option<u64>,
    /// Where the next piece begins if nothing is missing, in bytes since the stream's start.
    position: Option<u64>,
    /// When the last piece came, on whatever stream.
    last: Option<Duration>,
    linear: Vec<i16>,
}

impl Caller {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            hears: config.hears,
            max_padding: millis(config.max_padding).saturating_mul(BYTES_PER_MS),
            up: Upsampler::new(),
            chunk: None,
            position: None,
            last: None,
            linear: Vec::new(),
        }
    }

    /// A new stream counts anew; what was said before it and what follows is one audio.
    pub(super) fn attach(&mut self) {
        self.chunk = None;
        self.position = None;
    }

    /// Takes a piece, and gives what the upstream is to hear to `give`.
    pub(super) fn hear(
        &mut self,
        now: Duration,
        media: &Media,
        counts: &mut Counts,
        mut give: impl FnMut(Audio),
    ) {
        counts.frames_in += 1;
        if let Some(chunk) = media.chunk {
            // The first of a stream is number 1.
            let last = self.chunk.unwrap_or(0);
            if chunk <= last {
                counts.frames_repeated += 1;
                return;
            }
            counts.frames_lost = counts.frames_lost.saturating_add(chunk - last - 1);
            self.chunk = Some(chunk);
        }
        let mut padding = self.padding(now, media, counts);
        while padding > 0 {
            let piece = padding.min(MAX_PAYLOAD as u64);
            padding -= piece;
            give(self.write(&vec![mulaw::SILENCE; piece as usize]));
        }
        self.last = Some(now);
        if !media.payload.is_empty() {
            give(self.write(&media.payload));
        }
    }

    /// How much silence belongs before a piece, in bytes.
    fn padding(&mut self, now: Duration, media: &Media, counts: &mut Counts) -> u64 {
        let gap = self.gap(now, media);
        let padding = gap.min(self.max_padding);
        let cut = (gap - padding) / BYTES_PER_MS;
        counts.padded_ms += padding / BYTES_PER_MS;
        counts.gaps_cut_ms = counts.gaps_cut_ms.saturating_add(cut);
        padding
    }

    /// How much is missing before a piece, in bytes: by the stream's own time, or by ours where the
    /// stream is new.
    fn gap(&mut self, now: Duration, media: &Media) -> u64 {
        let length = media.payload.len() as u64;
        let begins = media.timestamp.map(|ms| ms.saturating_mul(BYTES_PER_MS));
        let Some(position) = self.position else {
            self.position = Some(begins.unwrap_or(0).saturating_add(length));
            let away = self.last.map_or(0, |last| millis(now.saturating_sub(last)));
            let missing = away.saturating_mul(BYTES_PER_MS).saturating_sub(length);
            return if missing < SHORTEST_GAP { 0 } else { missing };
        };
        let begins = begins.unwrap_or(position);
        let ends = begins.saturating_add(length);
        let missing = begins.saturating_sub(position);
        let (gap, position) = if missing >= SHORTEST_GAP {
            (missing, ends)
        } else if begins >= position {
            // Small differences add up until they are a gap.
            (0, position.saturating_add(length))
        } else {
            // What comes late, its place filled, is heard all the same.
            (0, position.max(ends))
        };
        self.position = Some(position);
        gap
    }

    fn write(&mut self, codes: &[u8]) -> Audio {
        match self.hears {
            Codec::Mulaw => Audio::Mulaw(codes.to_vec()),
            Codec::Pcm24k => {
                self.linear.clear();
                mulaw::decode_to(codes, &mut self.linear);
                let mut samples = Vec::new();
                self.up.process(&self.linear, &mut samples);
                Audio::Pcm24k(samples)
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
