//! The client end of a session: one call, from the wish for it to its end.
//!
//! The machine says when to authorise, connect, send and close, and how long each may take; its
//! driver does it and reports back. What the caller says before the line is up is held and sent
//! as soon as it is.

mod end;
mod held;
mod io;
mod open;
mod receive;

use alloc::collections::VecDeque;
use core::time::Duration;

pub use end::{End, Failure, Step};
use held::Held;
pub use io::{Config, Input, Output, State};
use open::Open;

use crate::wire::client::{Bye, Ping};
use crate::wire::{ClientEvent, Envelope, Fields};
use crate::{Close, Ids, Protocol, Time};

#[derive(Debug)]
enum Phase {
    Dialling { step: Step, deadline: Time },
    Open(Open),
    Closing { deadline: Time, end: End },
    Ended,
}

/// The client end of one call.
#[derive(Debug)]
pub struct Client {
    config: Config,
    ids: Ids,
    out: VecDeque<Output>,
    phase: Phase,
    held: Held,
}

impl Client {
    /// A call that is wanted now.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let mut client = Self {
            ids: Ids::seeded(config.ids_seed),
            out: VecDeque::new(),
            phase: Phase::Ended,
            held: Held::new(config.held_window),
            config,
        };
        client.step(now, Step::Authorising);
        client.out.push_back(Output::Authorise);
        client
    }

    /// How much of the caller's audio waits for the line to come up.
    #[must_use]
    pub fn held(&self) -> Duration {
        self.held.audio()
    }

    /// Takes in what happened at `now`. Follow with [`Self::poll`] until it waits.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::HangUp => self.hang_up(now),
            Input::Send(event) => self.send(event),
            Input::Tick => self.tick(now),
            input => match &mut self.phase {
                Phase::Dialling { step, .. } => {
                    let step = *step;
                    self.dialling(now, step, input);
                }
                Phase::Open(_) => self.open(now, input),
                Phase::Closing { .. } => {
                    if matches!(input, Input::Closed(_) | Input::Dropped(_)) {
                        self.finish_closing();
                    }
                }
                Phase::Ended => {}
            },
        }
    }

    /// The next thing to do, in order; call until it waits.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        let (until, why) = match &self.phase {
            Phase::Ended => (None, "ended"),
            Phase::Dialling { deadline, .. } => (Some(*deadline), "a token or the upgrade"),
            Phase::Closing { deadline, .. } => (Some(*deadline), "the far end's close frame"),
            Phase::Open(open) => open.next_deadline(),
        };
        Output::Wait { until, why }
    }

    fn step(&mut self, now: Time, step: Step) {
        let deadline = now + self.config.step_timeout;
        self.phase = Phase::Dialling { step, deadline };
        self.out.push_back(Output::State(State::Dialling(step)));
    }

    fn dialling(&mut self, now: Time, step: Step, input: Input<'_>) {
        match (step, input) {
            (Step::Authorising, Input::Authorised) => {
                self.step(now, Step::Connecting);
                self.out.push_back(Output::Connect);
            }
            (Step::Connecting, Input::Connected(protocol)) => {
                self.out
                    .push_back(Output::State(State::Dialling(Step::Opening)));
                let deadline = now + self.config.step_timeout;
                self.phase = Phase::Open(Open::new(protocol, now, deadline));
            }
            (_, Input::Failed(failure)) => self.end(End::Failed(failure)),
            // Late news of a step that is over.
            _ => {}
        }
    }

    fn send(&mut self, event: ClientEvent) {
        match &self.phase {
            Phase::Open(open) if open.is_live() => self.transmit(event),
            Phase::Dialling { .. } | Phase::Open(_) => {
                let lost = self.held.push(event);
                if !lost.is_zero() {
                    self.out.push_back(Output::AudioLost(lost));
                }
            }
            Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    fn transmit(&mut self, event: ClientEvent) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let mut envelope = Envelope::from(event);
        // Errors name the event at fault; audio comes 50 times a second and is told by its place.
        if !matches!(envelope.event, ClientEvent::InputAudioBufferAppend(_)) {
            envelope.event_id = Some(self.ids.next("event"));
        }
        if open.protocol == Protocol::OffhookV1 {
            open.sent += 1;
            envelope.seq = Some(open.sent);
        }
        self.out.push_back(Output::Transmit(envelope.encode()));
    }

    fn ping(&mut self, now: Time) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        open.pinged_at = now;
        match open.protocol {
            Protocol::Plain => self.out.push_back(Output::Ping(now.as_millis())),
            Protocol::OffhookV1 => {
                self.transmit(
                    Ping {
                        t: now.as_millis(),
                        extra: Fields::new(),
                    }
                    .into(),
                );
            }
        }
    }

    fn tick(&mut self, now: Time) {
        match &mut self.phase {
            Phase::Dialling { step, deadline } if now >= *deadline => {
                let end = End::TimedOut {
                    step: *step,
                    after: self.config.step_timeout,
                };
                self.out.push_back(Output::Abort);
                self.end(end);
            }
            Phase::Closing { deadline, .. } if now >= *deadline => {
                self.out.push_back(Output::Abort);
                self.finish_closing();
            }
            Phase::Open(open) => match open.deadline {
                Some(deadline) if now >= deadline => {
                    let after = self.config.step_timeout;
                    self.out.push_back(Output::Abort);
                    self.end(End::TimedOut {
                        step: Step::Opening,
                        after,
                    });
                }
                Some(_) => {}
                None => self.tick_live(now),
            },
            _ => {}
        }
    }

    fn tick_live(&mut self, now: Time) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let silent = now - open.heard_at;
        if silent >= open.patience.dead {
            let after = open.patience.dead;
            self.out.push_back(Output::Abort);
            return self.end(End::Silent { after });
        }
        if silent >= open.patience.unstable && !open.unstable {
            open.unstable = true;
            self.show_live();
        }
        let Phase::Open(open) = &self.phase else {
            return;
        };
        if now >= open.pinged_at + open.patience.ping_every {
            self.ping(now);
        }
    }

    fn hang_up(&mut self, now: Time) {
        match &self.phase {
            Phase::Dialling { .. } => {
                self.out.push_back(Output::Abort);
                self.end(End::HungUp);
            }
            Phase::Open(open) => {
                if open.is_live() && open.protocol == Protocol::OffhookV1 {
                    self.transmit(
                        Bye {
                            reason: "hang_up".into(),
                            extra: Fields::new(),
                        }
                        .into(),
                    );
                }
                self.close(now, Close::new(Close::NORMAL, ""), End::HungUp);
            }
            Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    /// Says goodbye, and why to the caller as soon as the far end has answered.
    fn close(&mut self, now: Time, close: Close, end: End) {
        self.out.push_back(Output::Close(close));
        self.phase = Phase::Closing {
            deadline: now + self.config.close_timeout,
            end,
        };
    }

    fn finish_closing(&mut self) {
        if let Phase::Closing { end, .. } = core::mem::replace(&mut self.phase, Phase::Ended) {
            self.end(end);
        }
    }

    fn end(&mut self, end: End) {
        self.phase = Phase::Ended;
        self.out.push_back(Output::State(State::Ended(end)));
    }

    fn show_live(&mut self) {
        let Phase::Open(open) = &self.phase else {
            return;
        };
        if open.is_live() {
            self.out.push_back(Output::State(State::Live {
                protocol: open.protocol,
                unstable: open.unstable,
                round_trip: open.round_trip,
            }));
        }
    }
}
