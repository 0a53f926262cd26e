//! What comes from the client: each event once and in order, then upstream; the rest is ours.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use serde::Deserialize;

use super::attachment::Attachment;
use super::commit::News;
use super::intake::Admission;
use super::reason::Reason;
use super::shape::{Format, base64_bytes};
use super::{Output, Received, Server};
use crate::wire::binary::{self, Kind};
use crate::wire::client::{Gap, Ping};
use crate::wire::server::Pong;
use crate::wire::{ClientEvent, DecodeError, Envelope, Fields};
use crate::{Conn, Protocol, Time};

impl Server {
    pub(super) fn received(&mut self, now: Time, conn: Conn, received: Received<'_>) {
        if let Received::Closed(close) = received {
            return self.closed(now, conn, close.as_ref());
        }
        let is =
            |connection: &Option<Attachment>| connection.as_ref().is_some_and(|c| c.conn == conn);
        if is(&self.pending) {
            return self.received_first(now, &received);
        }
        if !is(&self.current) {
            return;
        }
        if let Some(current) = &mut self.current {
            current.heard_at = now;
        }
        match received {
            Received::Text(text) => match Envelope::<ClientEvent>::decode(text) {
                Ok(envelope) => self.event(now, envelope),
                Err(error) => self.unreadable(now, text, &error),
            },
            Received::Binary(bytes) => self.binary(now, bytes),
            Received::TooBig if self.protocol == Some(Protocol::Plain) => {
                self.end(now, Reason::TooBig);
            }
            Received::TooBig => self.detach(now, Some(Reason::TooBig)),
            Received::Alive | Received::Closed(_) => {}
        }
    }

    /// Something comes from a connection that wants to take over: nothing but from where counts.
    fn received_first(&mut self, now: Time, received: &Received<'_>) {
        let event = match received {
            Received::Alive => return,
            Received::Text(text) => Envelope::<ClientEvent>::decode(text).ok(),
            _ => None,
        };
        match event.map(|envelope| envelope.event) {
            Some(ClientEvent::SessionResume(resume)) => self.resume(now, &resume),
            Some(ClientEvent::Bye(_)) => self.bye(now),
            _ => self.turn_away(now, Reason::CannotResume),
        }
    }

    fn event(&mut self, now: Time, envelope: Envelope<ClientEvent>) {
        let Some(current) = &mut self.current else {
            return;
        };
        if !current.protocol.is_offhook() {
            return self.plain_event(now, envelope);
        }
        let was_elsewhere = core::mem::take(&mut current.was_elsewhere);
        match &envelope.event {
            ClientEvent::Ack(ack) => {
                if self.ring.acknowledge(ack.up_to).is_err() {
                    let message = "The acknowledgement is of something that was never sent.";
                    return self.refuse(now, "invalid_ack", message, envelope.event_id);
                }
                self.flush(now);
            }
            ClientEvent::Ping(Ping { t, .. }) => {
                let conn = current.conn;
                let pong = Pong {
                    t: *t,
                    server_time: self.unix_ms(now),
                    extra: Fields::new(),
                };
                self.tell(conn, pong);
            }
            ClientEvent::Bye(_) => self.bye(now),
            ClientEvent::SessionRefresh(_) => self.refresh(now, envelope),
            // Its hello has told it meanwhile that there is nothing to go on with.
            ClientEvent::SessionResume(_) if was_elsewhere => {}
            ClientEvent::SessionResume(_) => {
                let message = "The session goes on already: session.resume is the first event.";
                self.refuse(now, "unexpected_resume", message, envelope.event_id);
            }
            // Left for the next session's upstream: what is not acknowledged the client keeps.
            _ if !self.gives_upstream() => {}
            ClientEvent::Gap(gap) => self.gap(now, envelope.seq, gap),
            _ => match self.intake.admit(envelope.seq) {
                Admission::New => self.give(now, envelope),
                Admission::Known => {}
                Admission::Gap => self.end(now, Reason::BadSequence),
            },
        }
    }

    fn plain_event(&mut self, now: Time, envelope: Envelope<ClientEvent>) {
        if envelope.event.is_of_connection() || matches!(envelope.event, ClientEvent::Gap(_)) {
            let kind = envelope.event.kind();
            let message = format!("{kind} is not an event of the protocol that was agreed on.");
            return self.refuse(now, "invalid_event", &message, envelope.event_id);
        }
        self.give(now, envelope);
    }

    /// Whether the upstream would be heard to say that the caller speaks.
    fn news(&self) -> News {
        match self.shape.finds_turns {
            true if self.takes_upstream() => News::Read,
            true => News::Unread,
            false => News::None,
        }
    }

    /// Gives an event to the upstream.
    fn give(&mut self, now: Time, mut envelope: Envelope<ClientEvent>) {
        let seq = envelope
            .seq
            .filter(|_| self.protocol != Some(Protocol::Plain));
        if let Some(seq) = seq {
            if let ClientEvent::InputAudioBufferAppend(append) = &envelope.event {
                let ticks = self.shape.input.ticks(base64_bytes(&append.audio));
                let news = self.news();
                self.commit.audio(now, seq, ticks, news);
            } else {
                let event_id = envelope.event_id.as_deref();
                self.commit.control(seq, event_id, &envelope.event);
            }
        }
        if let ClientEvent::ConversationItemTruncate(truncate) = &mut envelope.event {
            let (item, part) = (&truncate.item_id, truncate.content_index);
            match self.parts.cut(item, part, truncate.audio_end_ms) {
                Some(ms) => truncate.audio_end_ms = ms,
                // Plain clients get the upstream's own answer.
                None if seq.is_none() => {}
                None => {
                    let message = format!("Nothing was said in part {part} of {item}.");
                    return self.say_error(now, "unknown_item", &message, envelope.event_id);
                }
            }
        }
        if self.gives_upstream() {
            self.out.push_back(Output::Upstream(envelope));
        }
    }

    fn binary(&mut self, now: Time, bytes: &[u8]) {
        if self.protocol != Some(Protocol::OffhookV1Bin) {
            let length = bytes.len();
            let message = format!("A binary message of {length} bytes came; events are text.");
            return self.refuse(now, "invalid_message", &message, None);
        }
        let frame = match binary::Frame::decode(bytes) {
            Ok(frame) if frame.kind == Kind::Input && frame.stream == 0 => frame,
            Ok(_) => {
                let message = "The binary message is not the caller's audio.";
                return self.refuse(now, "invalid_message", message, None);
            }
            Err(error) => {
                let message = format!("The binary message cannot be read: {error}.");
                return self.refuse(now, "invalid_message", &message, None);
            }
        };
        if !self.gives_upstream() {
            return;
        }
        match self.intake.admit(Some(frame.seq)) {
            Admission::Known => {}
            Admission::Gap => self.end(now, Reason::BadSequence),
            Admission::New => {
                let ticks = Format::PCM_24K.ticks(frame.payload.len());
                let news = self.news();
                self.commit.audio(now, frame.seq, ticks, news);
                if self.gives_upstream() && !frame.payload.is_empty() {
                    self.out
                        .push_back(Output::UpstreamAudio(frame.payload.to_vec()));
                }
            }
        }
    }

    fn gap(&mut self, now: Time, seq: Option<u64>, gap: &Gap) {
        match self.intake.skip(seq, gap.through) {
            Admission::New => {
                let lost = gap.to_ms.saturating_sub(gap.from_ms);
                self.tally.lost_ms = self.tally.lost_ms.saturating_add(lost);
                self.commit.skipped(gap.through);
            }
            Admission::Known => {}
            Admission::Gap => self.end(now, Reason::BadSequence),
        }
    }

    /// A message is not an event. It counts all the same, where its number can be read.
    fn unreadable(&mut self, now: Time, text: &str, error: &DecodeError) {
        #[derive(Deserialize)]
        struct Numbered {
            seq: Option<u64>,
        }
        let seq = serde_json::from_str::<Numbered>(text)
            .ok()
            .and_then(|n| n.seq);
        if self.protocol.is_some_and(Protocol::is_offhook) && seq.is_some() && self.gives_upstream()
        {
            match self.intake.admit(seq) {
                Admission::New => self.commit.skipped(self.intake.recv()),
                Admission::Known => return,
                Admission::Gap => return self.end(now, Reason::BadSequence),
            }
        }
        let message = format!("The message cannot be read: {error}.");
        let event_id = error.event_id().map(ToOwned::to_owned);
        self.refuse(now, "invalid_event", &message, event_id);
    }

    /// Tells the client about a message that cannot be used, and goes on.
    pub(super) fn refuse(
        &mut self,
        now: Time,
        code: &str,
        message: &str,
        event_id: Option<String>,
    ) {
        let puts_up = self.current.as_mut().is_some_and(Attachment::puts_up_with);
        if !puts_up {
            return self.end(now, Reason::Malformed);
        }
        self.say_error(now, code, message, event_id);
    }
}
