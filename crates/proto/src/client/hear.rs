//! What an event means for the session, before the caller gets it.

use alloc::boxed::Box;

use super::{Client, Direction, Output};
use crate::wire::{ServerEvent, base64_length};
use crate::{Conn, Protocol, Time};

impl Client {
    pub(super) fn hear(&mut self, now: Time, conn: Conn, event: ServerEvent) {
        match &event {
            ServerEvent::SessionCreated(_) => {
                let opens = self.link_mut(conn).is_some_and(|link| link.fresh.is_some());
                if opens {
                    self.out.push_back(Output::Event(Box::new(event)));
                    return self.begun(now, conn);
                }
            }
            ServerEvent::Gap(gap) => {
                let direction = match gap.direction.as_str() {
                    "input" => Direction::Input,
                    _ => Direction::Output,
                };
                // Whoever subtracts the two is not to be surprised by what a server sends.
                let to_ms = gap.to_ms.max(gap.from_ms);
                return self.lost(direction, gap.from_ms, to_ms, &gap.reason);
            }
            ServerEvent::Stream(stream) => {
                if let Some(session) = &mut self.session {
                    session.announce(stream.clone());
                }
                return;
            }
            ServerEvent::Error(error) => {
                let about = error.error.event_id.as_deref();
                if let Some(id) = about {
                    self.settings.refused(id);
                    let link = self.link_mut(conn);
                    if link.is_some_and(|link| link.renewal.is_about(id)) {
                        return self.renew_again(now, conn);
                    }
                    // Late, or about a connection that is gone; the caller knows nothing of it.
                    if self.refreshes.iter().any(|refresh| refresh == id) {
                        return;
                    }
                }
                if let Some(link) = self.link_mut(conn) {
                    link.last_error = Some(error.error.clone());
                }
            }
            ServerEvent::SessionUpdated(_) => self.settings.updated(),
            // A new session tells what it was told.
            ServerEvent::ConversationItemAdded(added) if self.echoes.contains(&added.item.id) => {
                return;
            }
            ServerEvent::ConversationItemDone(done) if self.echoes.remove(&done.item.id) => return,
            ServerEvent::OutputAudioDelta(delta) => {
                let samples = base64_length(&delta.delta) as u64 / 2;
                self.history.count(&delta.item_id, samples);
            }
            _ => {}
        }
        self.history.hear(&event);
        self.follow(conn, &event);
        self.out.push_back(Output::Event(Box::new(event)));
    }

    /// Who speaks, and what of the caller's speech is used.
    fn follow(&mut self, conn: Conn, event: &ServerEvent) {
        let protocol = self.link_mut(conn).map(|link| link.protocol);
        let Some(session) = &mut self.session else {
            return;
        };
        match event {
            ServerEvent::SpeechStarted(_) => session.caller_speaks = true,
            ServerEvent::SpeechStopped(stopped) => {
                session.caller_speaks = false;
                session.owes_answer = true;
                session.spoke_until = stopped.audio_end_ms.saturating_mul(24);
            }
            ServerEvent::InputAudioBufferCommitted(_) if protocol == Some(Protocol::Plain) => {
                self.outbox.commit_input(session.spoke_until);
            }
            ServerEvent::ResponseCreated(_) => {
                session.owes_answer = false;
                session.answers = true;
                session.item.clear();
            }
            ServerEvent::OutputItemAdded(added) => session.item.clone_from(&added.item.id),
            ServerEvent::ResponseDone(_) => session.answers = false,
            ServerEvent::Error(_) => session.owes_answer = false,
            _ => {}
        }
    }
}
