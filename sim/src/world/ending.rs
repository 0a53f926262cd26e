//! When a call is done, and whether what ended it is a reason.

use offhook_proto::client::{Cause, End, Failure, Input, State};
use offhook_proto::{Close, Conn};

use super::World;
use crate::check::{Invariant, violated};
use crate::time::{MS, S, Us, micros, spoken};

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The caller talks, and things go wrong.
    Talking,
    /// All is well, and the line has to be, by then.
    Healed {
        at: Us,
        live_by: Us,
        again: u32,
    },
    /// The line is well; the caller is silent until then.
    Silent {
        until: Us,
    },
    /// Nothing is captured any more; everything has to arrive by then.
    Settling {
        by: Us,
    },
    /// The client ends.
    HangingUp {
        by: Us,
    },
    /// The client has ended; so do the sessions, by then.
    Closing {
        by: Us,
    },
    Done,
}

/// How long what is on its way may take, on a line that is well.
const SETTLED_WITHIN: Us = 150 * S;
/// How long an end may take.
const ENDS_WITHIN: Us = 2 * S;
/// How long a session may live after its client: a plain one misses three pings.
const SESSIONS_END_WITHIN: Us = 130 * S;

impl World {
    pub(super) fn look(&mut self) {
        let now = self.now;
        match self.phase {
            Phase::Talking | Phase::Done => return,
            Phase::Healed { at, live_by, .. } => {
                if matches!(
                    self.state,
                    Some(State::Live {
                        unstable: false,
                        ..
                    })
                ) {
                    self.stats.longest_recovery = self.stats.longest_recovery.max(now - at);
                    self.phase = Phase::Silent { until: now + 2 * S };
                } else if now > live_by && self.ended.is_none() {
                    let detail = format!(
                        "all is well since {}, and the call is not: {:?}",
                        spoken(at),
                        self.state
                    );
                    self.must(violated(Invariant::Stuck, detail));
                }
            }
            Phase::Silent { until } if now >= until => {
                self.caller.next_frame = None;
                self.phase = Phase::Settling {
                    by: now + SETTLED_WITHIN,
                };
            }
            Phase::Silent { .. } => {}
            Phase::Settling { by } => self.settle(by),
            Phase::HangingUp { by } => {
                if now > by {
                    let detail = format!("hung up, and not over: {:?}", self.state);
                    self.must(violated(Invariant::Stuck, detail));
                }
            }
            Phase::Closing { by } => {
                if self.slots.iter().all(|slot| slot.ended) {
                    self.phase = Phase::Done;
                } else if now > by {
                    let left = self.slots.iter().find(|slot| !slot.ended);
                    let left = left.map(|slot| slot.number);
                    let detail = format!("the client is gone, and life {left:?} goes on");
                    self.must(violated(Invariant::Stuck, detail));
                }
            }
        }
        self.look_again();
    }

    fn settle(&mut self, by: Us) {
        let slot = self.current_slot();
        let got = slot.map(|slot| self.slots[slot].got);
        let number = slot.map(|slot| self.slots[slot].number);
        let quiet = slot.is_none_or(|slot| self.slots[slot].upstream.next_at().is_none());
        let shown = number.is_none_or(|number| self.lines.is_complete(number));
        let verdict = self.ledger.complete(got);
        let nothing_waits = self.client.waiting().is_zero();
        let lost_nothing = self.client_did_arrive();
        if quiet && shown && verdict.is_ok() && nothing_waits && lost_nothing {
            return self.hang_up();
        }
        if self.now <= by {
            return;
        }
        self.must(verdict);
        if !lost_nothing {
            let detail = "not everything that the caller did has come to the upstream";
            self.must(violated(Invariant::Control, detail));
        }
        let left = number.map(|number| self.lines.left(number));
        let detail = format!("not all that the agent said has come: {left:?}");
        self.must(violated(Invariant::Output, detail));
    }

    /// Whether everything that the caller did has come, where no session was lost on the way.
    fn client_did_arrive(&self) -> bool {
        let slot = self.current_slot();
        self.lines.reseeded
            || slot.is_none_or(|slot| self.slots[slot].controls == self.caller.controls)
    }

    pub(super) fn current_slot(&self) -> Option<usize> {
        let latest = self.attempts.iter().rev();
        let latest = latest.into_iter().find(|a| a.connected_at.is_some())?;
        self.slot_of(latest.conn)
    }

    /// Sessions that are over and whose audio nobody asks for any more.
    pub(super) fn forget_slots(&mut self) {
        while self.slots.len() > 8 && self.slots.first().is_some_and(|slot| slot.ended) {
            self.slots.remove(0);
        }
    }

    pub(super) fn hang_up(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.note(|| "caller hangs up".to_owned());
        self.phase = Phase::HangingUp {
            by: self.now + ENDS_WITHIN,
        };
        self.caller.next_frame = None;
        self.conditions.client_runs_at = self.conditions.client_runs_at.min(self.now);
        self.look_again();
        self.tell_client(Input::HangUp);
    }

    /// A connection went though all is well: not for ever.
    pub(super) fn gone_after_healing(&mut self) {
        let latest = self.dials.latest(self.now) + 20 * S;
        if let Phase::Healed { live_by, again, .. } = &mut self.phase {
            *again += 1;
            if *again <= 4 {
                *live_by = (*live_by).max(latest);
            }
        }
    }

    /// The call has ended: there has to be a reason.
    pub(super) fn judge_end(&mut self) {
        let Some((_, end)) = self.ended.clone() else {
            return;
        };
        let hung_up = matches!(self.phase, Phase::HangingUp { .. });
        let never_up = self.stats.connections == 0 || !self.caller.was_up();
        let reason = match &end {
            End::HungUp => hung_up,
            End::Revoked { .. } => self.slots.iter().any(|slot| slot.revoked),
            End::GaveUp { after, .. } => {
                let after = micros(*after);
                never_up || self.away_for() + MS >= after
            }
            End::Failed(Failure::Refused { status, .. }) => {
                never_up || ![408, 409, 425, 429].contains(status) && *status < 500
            }
            End::Failed(_) | End::TimedOut { .. } | End::Dropped { .. } => never_up,
            End::Closed { close, .. } => {
                never_up && [1001, 1011, 1012, 1013, 1014, 4401, 4408, 4429].contains(&close.code)
                    || hung_up
            }
            // Whoever has a token of the session can take it.
            End::Superseded => self.intruded,
            End::FarEnd | End::BadMessage { .. } | End::TooBig { .. } => false,
        };
        self.note(|| format!("ENDED {end:?}"));
        if !reason {
            let detail = format!("the call ends without reason: {end:?}");
            self.must(violated(Invariant::Stuck, detail));
        }
        self.phase = Phase::Closing {
            by: self.now + SESSIONS_END_WITHIN,
        };
        self.wake_server();
        self.look_again();
    }

    /// The server closes a connection: for a reason that is the protocol's, and that there is.
    pub(super) fn judge_close(&mut self, index: usize, conn: Conn, close: &Close) {
        let now = self.now;
        let foreign = self.link_mut(conn).is_some_and(|link| link.foreign);
        let slot = &self.slots[index];
        let (ending, latest, moved) = (slot.ending || slot.drained, slot.latest, slot.moved);
        let hung_up = self.ended.is_some() || matches!(self.phase, Phase::HangingUp { .. });
        let intruded = self.intruded;
        let Some(wire) = self.wires.get(conn) else {
            return;
        };
        let reason = match close.code {
            _ if foreign => [1012, 4408, 4409, 4410].contains(&close.code) || ending || hung_up,
            Close::NORMAL => true,
            Close::GOING_AWAY | Close::INTERNAL => ending || self.instance > 0,
            Close::RESTART => true,
            Close::TOKEN_EXPIRED => now + MS >= wire.expires_at + 25 * S,
            Close::REVOKED => ending,
            Close::HEARTBEAT_LOST => {
                let pending = wire.said_at.is_none() && now + MS >= wire.attached_at + 5 * S;
                pending || now + MS >= wire.heard_at + 10 * S
            }
            Close::SUPERSEDED => latest != Some(conn) || intruded,
            Close::CANNOT_RESUME => ending || hung_up || now >= wire.attached_at + 5 * S,
            Close::MISMATCH => moved,
            _ => false,
        };
        if !reason {
            let detail = format!("the server closes {conn} for no reason: {close:?}");
            self.must(violated(Invariant::Wire, detail));
        }
    }

    /// What became of the call, in a few words.
    pub(super) fn outcome(&self) -> &'static str {
        match &self.ended {
            None => "not over",
            Some((_, End::HungUp)) if self.stats.reseeded > 0 => "went on in a new session",
            Some((_, End::HungUp)) if self.stats.resumed > 0 => "went on where it stopped",
            Some((_, End::HungUp)) if self.stats.handed_over > 0 => "was handed over",
            Some((_, End::HungUp)) if self.caller.was_up() => "never was away",
            Some((_, End::HungUp)) => "hung up before it was up",
            Some((_, End::Revoked { .. })) => "was revoked",
            Some((_, End::GaveUp { cause, .. })) => match cause {
                Cause::ServerBusy => "gave up, server busy",
                _ => "gave up",
            },
            Some((_, End::Failed(_))) => "refused",
            Some((_, End::TimedOut { .. })) => "timed out",
            Some((_, End::Closed { .. } | End::Dropped { .. })) => "ended before it was up",
            Some((_, _)) => "ended",
        }
    }
}
