//! What comes in over an open connection.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use super::{Client, End, Input, Output, Phase};
use crate::wire::{DecodeError, Envelope, ServerEvent};
use crate::{Close, Protocol, Time};

impl Client {
    pub(super) fn open(&mut self, now: Time, input: Input<'_>) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        match input {
            Input::Text(text) => self.text(now, text),
            Input::Binary(bytes) if !open.is_live() => {
                let detail = format!("{bytes} bytes of binary data came before the session");
                self.close(
                    now,
                    Close::new(Close::BAD_DATA, ""),
                    End::BadMessage { detail },
                );
            }
            Input::Binary(bytes) => {
                self.heard(now);
                let detail = format!("a binary message of {bytes} bytes");
                self.out.push_back(Output::Ignored { detail });
            }
            Input::Alive(pong) => {
                if let Some(sent_ms) = pong {
                    open.answered(now, sent_ms);
                    self.show_live();
                }
                self.heard(now);
            }
            Input::TooBig => {
                let limit = self.config.max_message_bytes;
                self.close(now, Close::new(Close::TOO_BIG, ""), End::TooBig { limit });
            }
            Input::BadFrame(detail) => {
                let detail = detail.to_string();
                self.close(
                    now,
                    Close::new(Close::PROTOCOL, ""),
                    End::BadMessage { detail },
                );
            }
            Input::Closed(close) => {
                let error = open.last_error.take();
                let end = if close.code == Close::NORMAL && open.is_live() {
                    End::FarEnd
                } else {
                    End::Closed { close, error }
                };
                self.end(end);
            }
            Input::Dropped(detail) => {
                let detail = detail.to_string();
                self.end(End::Dropped { detail });
            }
            _ => {}
        }
    }

    fn text(&mut self, now: Time, text: &str) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let envelope = match Envelope::<ServerEvent>::decode(text) {
            Ok(envelope) => envelope,
            // Upstreams change; an event we cannot read must not cost a running call.
            Err(error @ DecodeError::Malformed { .. }) if open.is_live() => {
                self.heard(now);
                let detail = format!("a message was passed over because {error}");
                return self.out.push_back(Output::Ignored { detail });
            }
            Err(error) => {
                let detail = error.to_string();
                return self.close(
                    now,
                    Close::new(Close::BAD_DATA, ""),
                    End::BadMessage { detail },
                );
            }
        };
        if open.protocol == Protocol::OffhookV1 {
            match envelope.seq {
                Some(seq) if seq <= open.received => return,
                Some(seq) if seq == open.received + 1 => open.received = seq,
                _ => {
                    let detail = format!(
                        "a {} event has sequence number {:?} after {}",
                        envelope.event.kind(),
                        envelope.seq,
                        open.received
                    );
                    let close = Close::new(Close::BAD_SEQUENCE, "sequence.gap");
                    return self.close(now, close, End::BadMessage { detail });
                }
            }
        }
        match envelope.event {
            ServerEvent::Hello(_) | ServerEvent::Ack(_) => self.heard(now),
            ServerEvent::Pong(pong) => {
                open.answered(now, pong.t);
                self.show_live();
                self.heard(now);
            }
            event => {
                if let ServerEvent::Error(error) = &event {
                    open.last_error = Some(error.error.clone());
                }
                let opens = !open.is_live() && matches!(event, ServerEvent::SessionCreated(_));
                if opens {
                    open.deadline = None;
                    open.pinged_at = now;
                }
                self.heard(now);
                if opens {
                    self.show_live();
                }
                self.out.push_back(Output::Event(Box::new(event)));
                if opens {
                    self.ping(now);
                    for event in self.held.take() {
                        self.transmit(event);
                    }
                }
            }
        }
    }

    /// The far end is there.
    fn heard(&mut self, now: Time) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        open.heard_at = now;
        if core::mem::take(&mut open.unstable) {
            self.show_live();
        }
    }
}
