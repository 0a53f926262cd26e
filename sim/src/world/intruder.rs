//! Somebody else comes with a token of the session, and learns nothing.

use offhook_proto::Conn;
use offhook_proto::server::{self, Attach};
use offhook_proto::wire::client::{InputAudioBufferClear, SessionResume};
use offhook_proto::wire::{ClientEvent, Envelope, Fields};

use super::World;
use crate::check::{Invariant, violated};
use crate::fault::Intruder;
use crate::net::{Link, Packet};

impl World {
    pub(super) fn intrude(&mut self, how: Intruder) {
        let there = self.slots.iter().rposition(|slot| {
            !slot.ended && !slot.ending && slot.protocol.is_offhook() && slot.got.next.is_some()
        });
        let Some(index) = there else { return };
        self.numbers += 1;
        self.intruded = true;
        let conn = Conn(1_000_000 + self.numbers);
        let mut link = Link::new(conn, true);
        let slot = &self.slots[index];
        let protocol = slot.protocol;
        link.slot = Some(slot.number);
        link.protocol = protocol;
        self.links.push(link);
        self.wire_begins(conn, self.now + self.scenario.ttl);
        let attach = Attach {
            conn,
            protocol,
            resumes: true,
            expires_at: None,
            nonce: None,
        };
        self.tell_server(index, server::Input::Attach(attach), Some(conn));
        let slot = &self.slots[index];
        let highest = slot.sent.highest;
        let event = match how {
            Intruder::Silent => return,
            Intruder::SpeaksAtOnce => ClientEvent::from(InputAudioBufferClear::default()),
            Intruder::WrongResume => SessionResume {
                session_id: slot.id.clone(),
                epoch: "epoch_of_another".into(),
                last_seq: 0,
                next_seq: highest + 1,
                played: Vec::new(),
                proof: None,
                extra: Fields::new(),
            }
            .into(),
        };
        let is_audio = how == Intruder::SpeaksAtOnce;
        let envelope = Envelope {
            event_id: Some("event_foreign".into()),
            // What the session's own client will send next.
            seq: is_audio.then_some(highest + 1),
            event,
        };
        self.send_up(conn, Packet::Text(envelope.encode()));
    }

    /// Whoever came with a token that was not theirs learns nothing.
    pub(super) fn foreign_hears(&mut self, index: usize, packet: &Packet) {
        let link = &mut self.links[index];
        let conn = link.conn;
        match packet {
            Packet::Close(close) => {
                link.client_listens = false;
                let close = close.clone();
                self.note(|| format!("{conn}, who was not asked, is closed: {}", close.code));
                self.send_up(conn, Packet::Close(close));
            }
            Packet::Fin | Packet::Reset => link.client_listens = false,
            Packet::Text(text)
                if ["offhook.hello", "session.resume_failed"]
                    .iter()
                    .any(|kind| text.starts_with(&format!("{{\"type\":\"{kind}\""))) => {}
            Packet::Ping(_) => {}
            packet => {
                let detail = format!("somebody else is told {packet:?}");
                self.must(violated(Invariant::Fenced, detail));
            }
        }
    }
}
