//! What goes out, and when: in order, no faster than the far end can use it.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::outbox::{Entry, What};
use super::{Client, Direction, Output, Phase, RATE, State, ms, samples, time};
use crate::wire::binary::{Flags, Frame as AudioFrame, Kind};
use crate::wire::client::{Gap, InputAudioBufferAppend};
use crate::wire::{ClientEvent, Envelope, Fields, encode_pcm16_bytes};
use crate::{Frame, Protocol, Time};

/// Audio that was held is sent this many times faster than it was spoken.
const FASTER: u64 = 8;
/// So much of it may go at once, in real time.
const BURST: Duration = Duration::from_millis(50);
/// Samples that may be on their way without an acknowledgement: 8 s.
const IN_FLIGHT: u64 = 8 * RATE;
/// Less than this is not worth being told of as catching up.
const WORTH_TELLING: Duration = Duration::from_millis(200);
/// With no more than this waiting the line has caught up.
const CAUGHT_UP: Duration = Duration::from_millis(40);
/// How often catching up is told of.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// A session that does not say what it used has used what is older than this, if nobody spoke.
const SURELY_USED: Duration = Duration::from_secs(2);

/// Spaces audio out (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When all that was sent would have been, had it been sent evenly.
    even: Time,
}

impl Pace {
    fn open_at(&self) -> Time {
        Time::from_start(self.even.since_start().saturating_sub(BURST))
    }

    fn take(&mut self, now: Time, samples: u64) {
        self.even = self.even.max(now) + Duration::from_micros(samples * 1_000_000 / RATE / FASTER);
    }
}

/// What was said while the line was away is on its way.
#[derive(Debug)]
pub(super) struct CatchingUp {
    total: u64,
    left: u64,
    told_at: Time,
}

impl CatchingUp {
    /// So many samples wait.
    pub(super) fn start(now: Time, waiting: u64) -> Option<Self> {
        (waiting >= samples(WORTH_TELLING)).then_some(Self {
            total: waiting,
            left: waiting,
            told_at: now,
        })
    }

    pub(super) const fn state(&self) -> State {
        State::CatchingUp {
            left: time(self.left),
            total: time(self.total),
        }
    }
}

impl Client {
    /// The caller says something: on its way at once, or kept.
    pub(super) fn hear_caller(&mut self, now: Time, audio: &[i16]) {
        if audio.is_empty() || matches!(self.phase, Phase::Closing { .. } | Phase::Ended) {
            return;
        }
        let pcm: Vec<u8> = audio
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        if let Some(lost) = self.outbox.push_audio(pcm) {
            self.lost(Direction::Input, ms(lost.from), ms(lost.to), "window_full");
        }
        self.pump(now);
    }

    /// Sends what may be sent now.
    pub(super) fn pump(&mut self, now: Time) {
        if !matches!(self.phase, Phase::Live) {
            return;
        }
        let Some(link) = self.link.as_ref().filter(|link| link.is_open()) else {
            return;
        };
        let (conn, protocol) = (link.conn, link.protocol);
        while let Some(entry) = self.outbox.next() {
            let samples = entry.what.samples();
            if samples > 0 {
                let full = protocol.is_offhook() && self.outbox.in_flight() >= IN_FLIGHT;
                if full || self.pace.open_at() > now {
                    break;
                }
                self.pace.take(now, samples);
            }
            let replayed = self.outbox.was_sent(entry.seq);
            if let Some(frame) = frame(entry, protocol, replayed) {
                self.out.push_back(Output::Transmit { conn, frame });
            }
            self.outbox.mark_sent(protocol.is_offhook());
        }
        if protocol == Protocol::Plain {
            self.suppose_used();
        }
        self.tell_catching_up(now);
    }

    /// When more may be sent.
    pub(super) fn pump_at(&self) -> Option<Time> {
        let link = self.link.as_ref().filter(|link| link.is_open())?;
        let entry = self.outbox.next()?;
        // An acknowledgement is what is waited for, and it comes by itself.
        let full = link.protocol.is_offhook() && self.outbox.in_flight() >= IN_FLIGHT;
        (!full || entry.what.samples() == 0).then(|| self.pace.open_at())
    }

    /// In a session that does not say what it used: what is old and was no speech is, if it is known
    /// to have arrived.
    fn suppose_used(&mut self) {
        let Some(session) = self
            .session
            .as_ref()
            .filter(|session| !session.caller_speaks)
        else {
            return;
        };
        let used = self.outbox.input().proved();
        let used = used.saturating_sub(samples(SURELY_USED));
        if used > session.spoke_until {
            self.outbox.commit_input(used);
        }
    }

    fn tell_catching_up(&mut self, now: Time) {
        let Some(catching_up) = &mut self.catching_up else {
            return;
        };
        let left = self.outbox.waiting();
        if left <= samples(CAUGHT_UP) {
            self.catching_up = None;
            self.show();
        } else if now >= catching_up.told_at + TOLD_EVERY {
            catching_up.told_at = now;
            catching_up.left = left;
            self.show();
        }
    }
}

/// An entry as it goes over the wire; nothing where the far end would not know what it means.
fn frame(entry: &Entry, protocol: Protocol, replayed: bool) -> Option<Frame> {
    let seq = protocol.is_offhook().then_some(entry.seq);
    let (event_id, event) = match &entry.what {
        What::Audio { pcm, start } if protocol == Protocol::OffhookV1Bin => {
            let flags = match replayed {
                true => Flags::REPLAYED,
                false => Flags::default(),
            };
            let audio = AudioFrame {
                kind: Kind::Input,
                flags,
                stream: 0,
                seq: entry.seq,
                media_ts: *start as u32,
                payload: pcm,
            };
            return Some(Frame::Binary(audio.encode()));
        }
        What::Audio { pcm, .. } => {
            let append = InputAudioBufferAppend {
                audio: encode_pcm16_bytes(pcm),
                extra: Fields::new(),
            };
            // Errors name the event at fault; audio comes 50 times a second and is told by its
            // place.
            (None, append.into())
        }
        What::Control { event_id, event } => (Some(event_id.clone()), event.clone()),
        What::Lost { through, lost } => {
            seq?;
            let gap = Gap {
                through: *through,
                from_ms: ms(lost.from),
                to_ms: ms(lost.to),
                reason: String::from("window_full"),
                extra: Fields::new(),
            };
            (None, ClientEvent::from(gap))
        }
    };
    let envelope = Envelope {
        event_id,
        seq,
        event,
    };
    Some(Frame::Text(envelope.encode()))
}
