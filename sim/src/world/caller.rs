//! The caller: speaks, listens, interrupts, types.

use std::collections::VecDeque;

use offhook_proto::Protocol;
use offhook_proto::client::{Input, State};
use offhook_proto::wire::client::{
    ConversationItemCreate, InputAudioBufferCommit, ResponseCancel, ResponseCreate, SessionUpdate,
};
use offhook_proto::wire::{ClientEvent, ContentPart, Fields, Item};

use super::World;
use super::bridge::Slot;
use super::ending::Phase;
use super::listening::Heard;
use super::wire::steady_after;
use crate::check::input::Ledger;
use crate::check::{Invariant, Verdict, violated};
use crate::log::Frame as Logged;
use crate::mutation::Mutation;
use crate::pattern::write_input;
use crate::random::Random;
use crate::time::{MS, PER_MS, S, Us, length, micros};

/// What the caller does and knows.
#[derive(Debug)]
pub(crate) struct CallerState {
    pub(super) random: Random,
    pub(super) next_frame: Option<Us>,
    samples: Vec<i16>,
    speaks: bool,
    /// When that changes, in samples.
    until: u64,
    pub(super) playing: VecDeque<Heard>,
    /// What of which no more is heard.
    pub(super) flushed: Option<String>,
    /// Pushed the button for the next attempt.
    pub(super) wants_now: bool,
    /// From when on nothing waits on a line that is well.
    pub(super) steady_from: Us,
    was_up: bool,
    /// Asked for an answer.
    pub(super) asked: bool,
    /// Since when the line is away, and until when it may be.
    pub(super) away: Option<(Us, Us)>,
    pub(super) woke_at: Us,
    /// What was agreed on the last connection that came up.
    pub(super) agreed: Option<Protocol>,
    pub(super) controls: u64,
    pub(super) frames: u64,
    pub(super) shown: u32,
    /// Audio that a mutation holds back.
    held: Vec<i16>,
    greeted: bool,
}

impl CallerState {
    pub(super) fn new(random: Random) -> Self {
        Self {
            random,
            next_frame: Some(0),
            samples: Vec::new(),
            speaks: false,
            until: 0,
            playing: VecDeque::new(),
            flushed: None,
            wants_now: false,
            steady_from: Us::MAX,
            was_up: false,
            asked: false,
            away: None,
            woke_at: 0,
            agreed: None,
            controls: 0,
            frames: 0,
            shown: 0,
            held: Vec::new(),
            greeted: false,
        }
    }

    /// The line is up, with so much waiting.
    pub(super) fn up_since(&mut self, now: Us, waiting: Us) {
        self.wants_now = false;
        self.was_up = true;
        self.away = None;
        self.steady_from = now + steady_after(waiting);
    }

    /// The machine, or the process, runs again.
    pub(super) fn wakes(&mut self, now: Us) {
        self.woke_at = now;
        if self.steady_from < Us::MAX {
            self.steady_from = self.steady_from.max(now + S);
        }
    }

    pub(super) const fn was_up(&self) -> bool {
        self.was_up
    }

    /// What the caller did comes to the upstream: once, in order, in its place among the audio.
    pub(super) fn check_control(
        &self,
        slot: &mut Slot,
        ledger: &Ledger,
        event: &ClientEvent,
    ) -> Verdict {
        let Some((count, at)) = tags(event) else {
            // A new session is told what was there before.
            return Ok(());
        };
        if count <= slot.controls {
            let detail = format!(
                "{} number {count} comes after number {}",
                event.kind(),
                slot.controls
            );
            return violated(Invariant::Control, detail);
        }
        slot.controls = count;
        match slot.got.next {
            Some(next) if next > at => {
                let detail = format!(
                    "{} was done at {} ms and comes after audio from {} ms",
                    event.kind(),
                    at / PER_MS,
                    next / PER_MS
                );
                violated(Invariant::Control, detail)
            }
            Some(next) => ledger.told_between(next, at),
            None => Ok(()),
        }
    }
}

impl World {
    /// The microphone has a frame.
    pub(super) fn frame(&mut self) {
        let count = self.scenario.frame;
        let step = length(count);
        let at = self.caller.next_frame.unwrap_or(self.now);
        // What a machine that slept or was stopped did not capture is nowhere.
        let late = self.now.saturating_sub(at) > step * 4;
        let base = if late { self.now } else { at };
        self.caller.next_frame = Some(base + step);
        self.turn_speech();
        let talks = self.phase == Phase::Talking;
        let voiced = self.caller.speaks && talks;
        let start = self.ledger.captured;
        let size = usize::try_from(count).expect("a frame is small");
        self.caller.samples.resize(size, 0);
        write_input(&mut self.caller.samples, start, voiced);
        self.ledger.capture(count, voiced);
        self.note_frame(Logged::Captured);
        let mut samples = std::mem::take(&mut self.caller.samples);
        if self.is(Mutation::RefreshHolds) && !self.renewing.is_empty() {
            self.caller.held.extend_from_slice(&samples);
        } else {
            let mut held = std::mem::take(&mut self.caller.held);
            if held.is_empty() {
                self.tell_client(Input::Audio(&samples));
            } else {
                held.extend_from_slice(&samples);
                self.tell_client(Input::Audio(&held));
            }
        }
        samples.clear();
        self.caller.samples = samples;
        self.look_at_line();
        if talks {
            self.act();
        }
        self.play(count);
    }

    fn turn_speech(&mut self) {
        if self.ledger.captured < self.caller.until {
            return;
        }
        let caller = &mut self.caller;
        let habits = self.scenario.caller;
        // In whole frames it begins and ends.
        let speaks = !caller.speaks && caller.until > 0;
        let (low, high) = if speaks {
            habits.speech
        } else {
            habits.silence
        };
        caller.speaks = speaks;
        caller.until = self.ledger.captured + caller.random.spread(low, high) * PER_MS / MS;
    }

    /// On a line that is well the frame has just gone out.
    fn look_at_line(&mut self) {
        match &self.state {
            Some(State::Live { .. }) if self.line_flows() => self.look_at_delay(),
            Some(State::Live { .. }) => {
                let waiting = micros(self.client.waiting());
                self.caller.steady_from = self.now + steady_after(waiting);
            }
            Some(State::CatchingUp { left, .. }) => {
                self.caller.steady_from = self.now + steady_after(micros(*left));
            }
            _ => self.caller.steady_from = Us::MAX,
        }
    }

    /// Whether acknowledgements come as they should: otherwise audio may wait for them.
    fn line_flows(&self) -> bool {
        let Some(latest) = self
            .attempts
            .iter()
            .rev()
            .find(|a| a.connected_at.is_some())
        else {
            return false;
        };
        self.slot_of(latest.conn).is_some_and(|slot| {
            let sent = &self.slots[slot].sent;
            let seconds = self.wires.transmitted.saturating_sub(sent.arrived) / PER_MS / 1000;
            !self.slots[slot].protocol.is_offhook() || seconds < 4
        })
    }

    /// What the caller does besides speaking.
    fn act(&mut self) {
        self.caller.frames += 1;
        if !self.caller.greeted && self.caller.frames == 3 {
            self.caller.greeted = true;
            let extra = self.tagged();
            let mut session = Fields::new();
            session.insert("instructions".into(), "Be brief.".into());
            self.send(SessionUpdate { session, extra });
        }
        let habits = self.scenario.caller;
        if !self.caller.playing.is_empty() && self.caller.random.per_mille(habits.interrupts) {
            let extra = self.tagged();
            self.send(ResponseCancel {
                response_id: None,
                extra,
            });
            self.flush();
        }
        if self.caller.random.per_mille(habits.types) {
            self.type_something();
        }
    }

    fn type_something(&mut self) {
        let extra = self.tagged();
        match self.caller.random.below(6) {
            0 => {
                let session = Fields::new();
                self.send(SessionUpdate { session, extra });
            }
            1 => self.send(InputAudioBufferCommit { extra }),
            2 => {
                self.caller.asked = true;
                self.send(ResponseCreate {
                    response: None,
                    extra,
                });
            }
            _ => {
                let id = format!("typed_{}", self.caller.controls);
                let part = ContentPart::input_text("Hello.");
                let mut item = Item::message(&id, "user", "completed", part);
                item.status = None;
                self.send(ConversationItemCreate {
                    previous_item_id: None,
                    item,
                    extra,
                });
            }
        }
    }

    pub(super) fn tagged(&mut self) -> Fields {
        self.caller.controls += 1;
        let mut fields = Fields::new();
        fields.insert("c".into(), self.caller.controls.into());
        fields.insert("at".into(), self.ledger.captured.into());
        fields
    }

    pub(super) fn send(&mut self, event: impl Into<ClientEvent>) {
        let event = event.into();
        self.note(|| format!("caller: {}", event.kind()));
        self.tell_client(Input::Send(event.into()));
    }
}

/// The number of what the caller did, and when it was done in samples captured.
fn tags(event: &ClientEvent) -> Option<(u64, u64)> {
    let extra = match event {
        ClientEvent::SessionUpdate(event) => &event.extra,
        ClientEvent::InputAudioBufferCommit(event) => &event.extra,
        ClientEvent::ConversationItemCreate(event) => &event.extra,
        ClientEvent::ConversationItemTruncate(event) => &event.extra,
        ClientEvent::ResponseCreate(event) => &event.extra,
        ClientEvent::ResponseCancel(event) => &event.extra,
        _ => return None,
    };
    Some((extra.get("c")?.as_u64()?, extra.get("at")?.as_u64()?))
}
