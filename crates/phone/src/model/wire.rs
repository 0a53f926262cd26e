//! What comes from the call's driver: how the line is, what is lost, what the session says.

use offhook_client as client;
use offhook_client::proto::Time;
use offhook_client::proto::client::{End, Gap, State, Step};

use super::live::{self, Live};
use super::phase::Phase;
use super::{AgentEntry, Model};
use crate::failure::{Called, end_reason};
use crate::snapshot::{DialStep, Lost};

impl Model {
    pub(super) fn client(&mut self, now: Time, event: client::Event) {
        match event {
            client::Event::State { at, state } => self.line(now, at, state),
            client::Event::Waiting(waiting) => match &mut self.phase {
                Phase::Dialling(dialling) => dialling.held = waiting,
                Phase::Live(live) => live.waits(waiting),
                Phase::Ready | Phase::Ended(_) => {}
            },
            client::Event::Back(back) => {
                if let Phase::Live(live) = &mut self.phase {
                    live.back(back, &mut self.conversation, &mut self.effects);
                }
            }
            client::Event::Lost(gap) => self.lost(now, &gap),
            client::Event::Server(event) => {
                if let Phase::Live(live) = &mut self.phase {
                    live.server(now, *event, &mut self.conversation, &mut self.effects);
                }
            }
        }
    }

    fn line(&mut self, now: Time, at: Time, state: State) {
        match state {
            State::Ended(end) => return self.line_ended(now, end),
            State::Dialling(step) => {
                if let Phase::Dialling(dialling) = &mut self.phase {
                    dialling.step = match step {
                        Step::Authorising => DialStep::Authorising,
                        Step::Connecting => DialStep::Connecting,
                        Step::Opening => DialStep::Opening,
                    };
                }
            }
            State::Live { .. } => {
                if let Phase::Dialling(dialling) = &self.phase {
                    let live = Live::new(dialling, now, &mut self.effects);
                    self.phase = Phase::Live(Box::new(live));
                }
            }
            State::Reconnecting { .. } | State::CatchingUp { .. } => {}
        }
        if let Phase::Live(live) = &mut self.phase {
            live.set_line(now, at, &state);
        }
    }

    fn lost(&mut self, now: Time, gap: &Gap) {
        match &mut self.phase {
            Phase::Dialling(dialling) => {
                live::count(gap, &mut Lost::default(), &mut dialling.stats);
            }
            Phase::Live(live) => live.lose(now, gap),
            Phase::Ready | Phase::Ended(_) => {}
        }
    }

    fn line_ended(&mut self, now: Time, end: End) {
        let (entry, was_up) = match &self.phase {
            Phase::Dialling(dialling) => (&dialling.entry, false),
            Phase::Live(live) => (&live.entry, true),
            Phase::Ready | Phase::Ended(_) => return,
        };
        let AgentEntry { agent, endpoint } = entry.as_ref();
        let called = Called {
            endpoint,
            agent: &agent.id,
            was_up,
        };
        let reason = end_reason(end, called);
        self.end(now, reason);
    }
}
