//! What the client is told: what the upstream says, in the connection's protocol, and what this end
//! adds.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::attachment::Attachment;
use super::reason::Reason;
use super::ring::{Audio, Body};
use super::shape::{Format, base64_bytes};
use super::{ERRORS, Output, Phase, Server};
use crate::wire::server::{Error, Hello, OutputAudioDelta, Stream};
use crate::wire::{Envelope, ErrorDetail, Fields, ServerEvent};
use crate::{Conn, Frame, Protocol, Time};

/// The most audio in one frame, in bytes: 100 ms.
const FRAME: usize = 4_800;

impl Server {
    pub(super) fn upstream(&mut self, now: Time, envelope: Envelope<ServerEvent>) {
        if self.phase != Phase::Open {
            return;
        }
        if self.protocol.is_none() {
            // Nobody is there to hear it yet.
            return self.early.push_back(envelope);
        }
        let used = self.commit.level();
        self.convey(envelope);
        self.flush(now);
        if self.commit.level() > used {
            // Were this end killed before the next heartbeat, another session would be asked again
            // what this one was about to answer.
            self.heartbeat(now);
        }
    }

    /// Tells the client what the upstream says, in the protocol it speaks.
    pub(super) fn convey(&mut self, envelope: Envelope<ServerEvent>) {
        let is_offhook = self.protocol.is_some_and(Protocol::is_offhook);
        self.learn(&envelope.event, is_offhook);
        match &envelope.event {
            // What it says is true of its own connection, not of ours; plain clients do not know
            // what is ours.
            event if event.is_of_connection() => return,
            event if !is_offhook && event.kind().starts_with("offhook.") => return,
            ServerEvent::OutputAudioDelta(delta) if self.speaks_binary() => {
                if let Some(pcm) = frames(delta) {
                    return self.say_audio(delta, pcm);
                }
            }
            _ => {}
        }
        self.say(envelope);
    }

    /// Sends what is kept and may be sent.
    pub(super) fn flush(&mut self, now: Time) {
        if let Some(current) = &self.current
            && current.protocol.is_offhook()
        {
            let (conn, protocol) = (current.conn, current.protocol);
            let limit = self.config.in_flight_bytes;
            while let Some((frame, spoken)) = self.ring.next(protocol, limit, &mut self.ids) {
                if let Some(spoken) = spoken {
                    self.parts.sent(spoken);
                }
                self.out.push_back(Output::Transmit { conn, frame });
            }
        }
        self.end_if_all_is_said(now);
    }

    /// Tells the client about something of its own that cannot be done.
    pub(super) fn say_error(
        &mut self,
        now: Time,
        code: &str,
        message: &str,
        event_id: Option<String>,
    ) {
        if self.ring.bytes() > self.config.ring_bytes + ERRORS {
            return self.end(now, Reason::Malformed);
        }
        let mut error = ErrorDetail::invalid_request(code, message);
        error.event_id = event_id;
        let extra = Fields::new();
        self.say(ServerEvent::from(Error { error, extra }).into());
        self.flush(now);
    }

    /// Tells one connection something that means nothing to the next.
    pub(super) fn tell(&mut self, conn: Conn, event: impl Into<ServerEvent>) {
        let mut envelope = Envelope::from(event.into());
        envelope.event_id = Some(self.ids.next("event"));
        let frame = Frame::Text(envelope.encode());
        self.out.push_back(Output::Transmit { conn, frame });
    }

    pub(super) fn hello(&mut self, now: Time, connection: &Attachment) {
        let credential = &connection.credential;
        let hello = Hello {
            heartbeat_ms: millis(self.config.heartbeat),
            resume_window_ms: millis(self.config.resume_window),
            max_frame_bytes: self.config.max_frame_bytes,
            server_time: self.unix_ms(now),
            session_id: self.config.session_id.clone(),
            epoch: self.config.epoch.clone(),
            generation: connection.generation,
            expires_at: credential.expires_at().map(|at| self.unix_s(at)),
            refresh_in_ms: credential.refresh_in(now, &mut self.random).map(millis),
            reconnect_within_ms: Some(millis(self.spread)),
            nonce: connection.nonce.clone(),
            features: Vec::new(),
            extra: Fields::new(),
        };
        self.tell(connection.conn, hello);
    }

    /// Says what has arrived. Every connection is told so four times a second: written here, not by
    /// way of an event.
    pub(super) fn acknowledge(&mut self, conn: Conn) {
        let event_id = self.ids.next("event");
        let (recv, commit) = (self.intake.recv(), self.commit.level());
        let spread = match &mut self.current {
            Some(current) if current.conn == conn && current.told_spread != self.spread => {
                current.told_spread = self.spread;
                format!(r#","reconnect_within_ms":{}"#, millis(self.spread))
            }
            _ => String::new(),
        };
        let frame = Frame::Text(format!(
            r#"{{"type":"offhook.ack","event_id":"{event_id}","up_to":{recv},"commit":{commit}{spread}}}"#
        ));
        self.out.push_back(Output::Transmit { conn, frame });
    }

    /// The wall clock, in ms since the Unix epoch.
    pub(super) fn unix_ms(&self, at: Time) -> u64 {
        let since = u64::try_from((at - self.started).as_millis()).unwrap_or(u64::MAX);
        self.config.unix_ms.saturating_add(since)
    }

    /// The same in s, as tokens have it.
    pub(super) fn unix_s(&self, at: Time) -> u64 {
        self.unix_ms(at).saturating_add(500) / 1000
    }

    fn learn(&mut self, event: &ServerEvent, is_offhook: bool) {
        match event {
            ServerEvent::SessionCreated(created) => self.shape.read(&created.session),
            ServerEvent::SessionUpdated(updated) => self.shape.read(&updated.session),
            ServerEvent::ConversationItemDeleted(deleted) => self.parts.forget(&deleted.item_id),
            _ => {}
        }
        if is_offhook {
            self.commit.upstream(event);
        }
    }

    fn speaks_binary(&self) -> bool {
        self.protocol == Some(Protocol::OffhookV1Bin) && self.shape.output == Format::PCM_24K
    }

    /// Keeps an event until the client has it; in plain mode sends it, and forgets it.
    fn say(&mut self, mut envelope: Envelope<ServerEvent>) {
        let event_id = envelope.event_id.take();
        envelope.event_id = Some(event_id.unwrap_or_else(|| self.ids.next("event")));
        let spoken = match &envelope.event {
            ServerEvent::OutputAudioDelta(delta) => {
                let ticks = self.shape.output.ticks(base64_bytes(&delta.delta));
                Some(self.parts.say(delta, ticks))
            }
            _ => None,
        };
        if self.protocol == Some(Protocol::Plain) {
            envelope.seq = None;
            if let Some(current) = &self.current {
                let (conn, frame) = (current.conn, Frame::Text(envelope.encode()));
                self.out.push_back(Output::Transmit { conn, frame });
            }
            if let Some(spoken) = spoken {
                self.parts.sent(&spoken);
            }
            return;
        }
        envelope.seq = Some(self.ring.next_seq());
        let text = envelope.encode();
        self.ring.push(Body::Text { text, spoken });
    }

    fn say_audio(&mut self, delta: &OutputAudioDelta, pcm: Vec<u8>) {
        if pcm.len() <= FRAME {
            return self.say_frame(delta, pcm);
        }
        for piece in pcm.chunks(FRAME) {
            self.say_frame(delta, piece.to_vec());
        }
    }

    fn say_frame(&mut self, delta: &OutputAudioDelta, pcm: Vec<u8>) {
        let spoken = self.parts.say(delta, Format::PCM_24K.ticks(pcm.len()));
        let (stream, is_new) = self.parts.stream(&spoken.part);
        if is_new {
            let announced = Stream {
                stream,
                response_id: delta.response_id.clone(),
                item_id: delta.item_id.clone(),
                output_index: delta.output_index,
                content_index: delta.content_index,
                codec: "pcm16".into(),
                rate: 24_000,
                extra: Fields::new(),
            };
            self.say(ServerEvent::from(announced).into());
        }
        // A tick is a byte here, and a sample two.
        let start = (spoken.end - pcm.len() as u64) / 2;
        self.ring.push(Body::Audio(Audio {
            stream,
            start,
            pcm,
            spoken,
            event_id: None,
        }));
    }
}

pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// The audio in an event, if it can go as frames.
fn frames(delta: &OutputAudioDelta) -> Option<Vec<u8>> {
    let pcm = STANDARD.decode(&delta.delta).ok()?;
    (!pcm.is_empty() && pcm.len().is_multiple_of(2)).then_some(pcm)
}
