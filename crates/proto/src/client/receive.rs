//! What a message means for the connection it came over.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use super::link::{Link, Session, Stage};
use super::policy::Wait;
use super::verdict::{Verdict, first_closed};
use super::{Cause, Client, End, Output, Phase, Received};
use crate::wire::binary::{Frame as AudioFrame, Kind};
use crate::wire::client::SessionResume;
use crate::wire::server::{Hello, OutputAudioDelta};
use crate::wire::{DecodeError, Envelope, Fields, ServerEvent, encode_pcm16_bytes};
use crate::{Close, Conn, Time};

impl Client {
    pub(super) fn received(&mut self, now: Time, conn: Conn, received: Received<'_>) {
        if let Phase::Closing { conn: closing, .. } = &self.phase
            && *closing == conn
        {
            if matches!(received, Received::Closed(_) | Received::Dropped(_)) {
                self.finish_closing();
            }
            return;
        }
        match received {
            Received::Text(text) => self.text(now, conn, text),
            Received::Binary(bytes) => self.binary(now, conn, bytes),
            Received::Alive(pong) => {
                if let (Some(sent_ms), Some(link)) = (pong, self.link_mut(conn)) {
                    link.answered(now, sent_ms);
                    self.outbox.input().answered(sent_ms, now.as_millis());
                }
                self.heard(now, conn);
            }
            Received::TooBig => {
                let limit = self.config.max_message_bytes;
                let close = Close::new(Close::TOO_BIG, "");
                self.reproach(now, conn, close, End::TooBig { limit });
            }
            Received::BadFrame(detail) => {
                let detail = detail.to_string();
                let close = Close::new(Close::PROTOCOL, "");
                self.reproach(now, conn, close, End::BadMessage { detail });
            }
            Received::Closed(close) => self.closed(now, conn, close),
            Received::Dropped(detail) => {
                let verdict = match self.phase {
                    Phase::Dialling { .. } => Verdict::Over(End::Dropped {
                        detail: detail.to_string(),
                    }),
                    _ => Verdict::again(Cause::Dropped, Wait::ByCause),
                };
                self.gone(now, conn, verdict);
            }
        }
    }

    fn closed(&mut self, now: Time, conn: Conn, close: Close) {
        self.forgive(now);
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        let (error, protocol) = (link.last_error.take(), link.protocol);
        // The newer connection that took the session over may be our own: what the server told it is
        // on its way.
        let is_ours = |next: &Link| next.conn != conn && next.stage == Stage::Resuming;
        let by_us = close.code == Close::SUPERSEDED && self.next.as_ref().is_some_and(is_ours);
        if by_us && let Some(link) = self.link_mut(conn) {
            // However short its life was, nobody else ended it.
            link.connected_at = None;
        }
        let verdict = match self.phase {
            Phase::Dialling { .. } => first_closed(close, error),
            _ if by_us => Verdict::again(Cause::ServerRestarting, Wait::AtOnce),
            _ => self.strikes.closed(now, close, error, protocol),
        };
        self.gone(now, conn, verdict);
    }

    /// The far end does not speak the protocol: no other connection would help.
    fn reproach(&mut self, now: Time, conn: Conn, close: Close, end: End) {
        if self.next.take_if(|next| next.conn == conn).is_some() {
            self.out.push_back(Output::Close { conn, close });
            return self.takeover_failed(now, &Verdict::Over(end));
        }
        if self.link.as_ref().is_some_and(|link| link.conn == conn) {
            self.close(now, conn, close, end);
        }
    }

    fn text(&mut self, now: Time, conn: Conn, text: &str) {
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        let (protocol, is_open) = (link.protocol, link.is_open());
        let envelope = match Envelope::<ServerEvent>::decode(text) {
            Ok(envelope) => envelope,
            // Upstreams change; an event we cannot read must not cost a running call.
            Err(error) if is_open => {
                if let DecodeError::Malformed { seq, .. } = &error
                    && protocol.is_offhook()
                    && seq.is_some()
                    && !self.in_sequence(now, conn, *seq, text.len(), "malformed")
                {
                    return;
                }
                self.heard(now, conn);
                let detail = format!("a message was passed over because {error}");
                return self.out.push_back(Output::Ignored { detail });
            }
            Err(error) => {
                let detail = error.to_string();
                let close = Close::new(Close::BAD_DATA, "");
                return self.reproach(now, conn, close, End::BadMessage { detail });
            }
        };
        if protocol.is_offhook()
            && !envelope.event.is_of_connection()
            && !self.in_sequence(now, conn, envelope.seq, text.len(), envelope.event.kind())
        {
            return;
        }
        self.heard(now, conn);
        if !protocol.is_offhook() && envelope.event.is_of_connection() {
            let kind = envelope.event.kind();
            let detail = format!("{kind} came over a plain connection and was passed over");
            return self.out.push_back(Output::Ignored { detail });
        }
        match envelope.event {
            ServerEvent::Hello(hello) => self.hello(now, conn, hello),
            ServerEvent::SessionResumed(resumed) => {
                let expected = self.link_mut(conn).map(|link| link.stage);
                if expected == Some(Stage::Resuming) {
                    self.resumed(now, conn, &resumed);
                }
            }
            ServerEvent::SessionResumeFailed(failed) => {
                let detail = format!("the session cannot be resumed: {}", failed.code);
                self.out.push_back(Output::Ignored { detail });
            }
            ServerEvent::Ack(ack) => {
                self.heed(ack.reconnect_within_ms);
                if is_open && self.link.as_ref().is_some_and(|link| link.conn == conn) {
                    self.outbox.acknowledge(ack.up_to, ack.commit);
                    self.pump(now);
                }
            }
            ServerEvent::Pong(pong) => {
                if let Some(link) = self.link_mut(conn) {
                    link.answered(now, pong.t);
                }
                self.show();
            }
            ServerEvent::SessionRefreshed(refreshed) => {
                let after = Duration::from_millis(refreshed.refresh_in_ms.into());
                if let Some(link) = self.link_mut(conn) {
                    link.renewal.schedule(Some(now + after));
                }
            }
            ServerEvent::SessionRefreshRequired(_) => {
                if let Some(link) = self.link_mut(conn) {
                    link.renewal.hurry(now);
                }
            }
            ServerEvent::GoAway(away) => {
                if self.link.as_ref().is_some_and(|link| link.conn == conn) {
                    self.go_away(now, away);
                }
            }
            ServerEvent::SessionRevoked(revoked) => {
                self.out.push_back(Output::Abort { conn });
                let reason = revoked.reason;
                self.gone(now, conn, Verdict::Over(End::Revoked { reason }));
            }
            event => self.hear(now, conn, event),
        }
    }

    /// How long to wait before coming back, should the connection drop.
    fn heed(&mut self, reconnect_within_ms: Option<u32>) {
        if let Some(spread) = reconnect_within_ms {
            self.policy.set_spread(Duration::from_millis(spread.into()));
        }
    }

    fn binary(&mut self, now: Time, conn: Conn, bytes: &[u8]) {
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        let is_open = link.is_open();
        let frame = match AudioFrame::decode(bytes) {
            Ok(frame) if frame.kind == Kind::Output => frame,
            _ if is_open => {
                self.heard(now, conn);
                let detail = format!("a binary message of {} bytes", bytes.len());
                return self.out.push_back(Output::Ignored { detail });
            }
            _ => {
                let detail = format!(
                    "{} bytes of binary data came before the session",
                    bytes.len()
                );
                let close = Close::new(Close::BAD_DATA, "");
                return self.reproach(now, conn, close, End::BadMessage { detail });
            }
        };
        if !self.in_sequence(now, conn, Some(frame.seq), bytes.len(), "audio") {
            return;
        }
        self.heard(now, conn);
        let stream = self.session.as_ref();
        let Some(stream) = stream.and_then(|session| session.stream(frame.stream)) else {
            let detail = format!("audio of stream {}, which was not announced", frame.stream);
            return self.out.push_back(Output::Ignored { detail });
        };
        let delta = OutputAudioDelta {
            response_id: stream.response_id.clone(),
            item_id: stream.item_id.clone(),
            output_index: stream.output_index,
            content_index: stream.content_index,
            delta: encode_pcm16_bytes(frame.payload),
            extra: Fields::new(),
        };
        let samples = frame.payload.len() as u64 / 2;
        self.history.count(&delta.item_id, samples);
        self.out
            .push_back(Output::Event(Box::new(ServerEvent::OutputAudioDelta(
                delta,
            ))));
    }

    /// The first event of a connection: whether the session that was there is still there.
    fn hello(&mut self, now: Time, conn: Conn, hello: Hello) {
        self.heed(hello.reconnect_within_ms);
        let mine = self.session.as_ref().filter(|session| session.can_resume());
        let mine = mine.filter(|session| session.epoch == hello.epoch);
        let resume = mine.map(|session| SessionResume {
            session_id: session.id.clone(),
            epoch: session.epoch.clone(),
            last_seq: session.received,
            next_seq: self.outbox.next_seq(),
            played: self.played.iter().cloned().collect(),
            proof: None,
            extra: Fields::new(),
        });
        let deadline = now + self.config.step_timeout;
        let server_now = hello.server_time;
        let expires_at = hello.expires_at;
        let refresh_in = hello
            .refresh_in_ms
            .map(u64::from)
            .map(Duration::from_millis);
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        if link.stage != Stage::Opening {
            return;
        }
        link.nonce = hello.nonce;
        link.renewal.schedule(refresh_in.map(|after| now + after));
        if let (None, Some(expires_at)) = (refresh_in, expires_at) {
            let left = expires_at.saturating_mul(1000).saturating_sub(server_now);
            link.leave_at = Some(now + Duration::from_millis(left) * 7 / 10);
        }
        match resume.filter(|_| link.resumes) {
            Some(resume) => {
                link.stage = Stage::Resuming;
                link.deadline = deadline;
                self.say(conn, resume);
            }
            None => {
                // A new session that another connection was for, of which nothing came here: it waits
                // to be told from where it goes on, which is its beginning.
                let begun = (hello.generation > 1).then(|| SessionResume {
                    session_id: hello.session_id.clone(),
                    epoch: hello.epoch.clone(),
                    next_seq: 1,
                    ..SessionResume::default()
                });
                link.fresh = Some(Session::new(hello.session_id, hello.epoch));
                if let Some(resume) = begun {
                    self.say(conn, resume);
                }
            }
        }
    }

    /// Whether an event is the next one; one that came before is passed over, and one that leaves a
    /// gap ends the connection: the session goes on over another.
    fn in_sequence(
        &mut self,
        now: Time,
        conn: Conn,
        seq: Option<u64>,
        bytes: usize,
        kind: &str,
    ) -> bool {
        let links = [self.link.as_mut(), self.next.as_mut()];
        let link = links.into_iter().flatten().find(|link| link.conn == conn);
        let Some(link) = link else { return false };
        let session = match (&mut link.fresh, &mut self.session) {
            (Some(fresh), _) => fresh,
            (None, Some(session)) => session,
            (None, None) => return false,
        };
        match seq {
            Some(seq) if seq <= session.received => {
                link.heard_at = now;
                false
            }
            Some(seq) if seq == session.received + 1 => {
                session.received = seq;
                link.acks.came(bytes);
                true
            }
            _ => {
                let received = session.received;
                let detail = format!(
                    "a {kind} event has sequence number {seq:?} after {received}: the line is made anew"
                );
                self.out.push_back(Output::Ignored { detail });
                let close = Close::new(Close::BAD_SEQUENCE, "sequence.gap");
                self.out.push_back(Output::Close { conn, close });
                let verdict = match self.phase {
                    Phase::Dialling { .. } => Verdict::Over(End::BadMessage {
                        detail: String::from("its sequence numbers have a gap"),
                    }),
                    _ => Verdict::again(Cause::ServerFault, Wait::ByCause),
                };
                self.gone(now, conn, verdict);
                false
            }
        }
    }

    /// The far end is there.
    fn heard(&mut self, now: Time, conn: Conn) {
        let Some(link) = self.link_mut(conn) else {
            return;
        };
        link.heard_at = now;
        link.probe = None;
        link.unstable = false;
        self.show();
    }
}
