//! What the upstream is given: looked at, then heard.

use offhook_proto::Conn;
use offhook_proto::wire::{ClientEvent, Envelope, decode_pcm16};

use super::World;
use crate::check::{Invariant, violated};
use crate::log::Frame as Logged;
use crate::mutation::Mutation;
use crate::pattern::read_input;

impl World {
    /// Whether what came over this connection counts.
    fn fenced(&mut self, index: usize, from: Option<Conn>, what: &str) {
        let slot = &self.slots[index];
        let (revoked, attached) = (slot.revoked && slot.ending, slot.attached);
        let Some(conn) = from else {
            let detail = format!("{what} goes to the upstream by itself");
            return self.must(violated(Invariant::Fenced, detail));
        };
        let link = self.links.iter().rev().find(|link| link.conn == conn);
        let closed = link.is_none_or(|link| link.server_closed || link.foreign);
        if revoked || closed || !attached {
            let detail = format!(
                "{what} from {conn} goes to the upstream; revoked: {revoked}, closed or not the \
                 caller's: {closed}, attached: {attached}"
            );
            self.must(violated(Invariant::Fenced, detail));
        }
    }

    pub(super) fn upstream_hears(&mut self, index: usize, pcm: Vec<u8>, from: Option<Conn>) {
        self.slots[index].pieces += 1;
        if self.slots[index].pieces == 200 {
            match self.mutation {
                Some(Mutation::InputLost) => return,
                Some(Mutation::InputTwice) => self.hear(index, &pcm, from),
                Some(Mutation::InputSwapped) => {
                    self.slots[index].held = Some(pcm);
                    return;
                }
                _ => {}
            }
        }
        self.hear(index, &pcm, from);
        if let Some(held) = self.slots[index].held.take() {
            self.hear(index, &held, from);
        }
    }

    fn hear(&mut self, index: usize, pcm: &[u8], from: Option<Conn>) {
        self.note_frame(Logged::Upstream);
        self.fenced(index, from, "audio");
        let Ok(piece) = read_input(pcm) else {
            return self.must(violated(Invariant::Input, "what the upstream gets is torn"));
        };
        let slot = &mut self.slots[index];
        let verdict = self.ledger.reach(&mut slot.got, piece, slot.sent.first);
        slot.upstream.hear(self.now, piece);
        self.must(verdict);
    }

    pub(super) fn upstream_gets(
        &mut self,
        index: usize,
        envelope: Envelope<ClientEvent>,
        from: Option<Conn>,
    ) {
        if let ClientEvent::InputAudioBufferAppend(append) = &envelope.event {
            let samples = decode_pcm16(&append.audio).unwrap_or_default();
            let pcm = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            return self.upstream_hears(index, pcm, from);
        }
        self.note(|| format!("upstream gets {}", envelope.event.kind()));
        self.fenced(index, from, envelope.event.kind());
        if self.is(Mutation::ControlTwice) {
            self.control(index, envelope.clone());
        }
        self.control(index, envelope);
    }

    fn control(&mut self, index: usize, mut envelope: Envelope<ClientEvent>) {
        let slot = &mut self.slots[index];
        let verdict = self
            .caller
            .check_control(slot, &self.ledger, &envelope.event);
        if let ClientEvent::ConversationItemTruncate(cut) = &mut envelope.event {
            self.stats.truncates += 1;
            if self.mutation == Some(Mutation::TruncatesTooFar) {
                cut.audio_end_ms += 100_000;
            }
        }
        let slot = &mut self.slots[index];
        slot.upstream.handle(self.now, envelope);
        let bad = slot.upstream.bad_truncate.take();
        self.must(verdict);
        if let Some(detail) = bad {
            self.must(violated(Invariant::Truncate, detail));
        }
    }
}
