//! Making things go wrong, and making them well again.

use std::time::Duration;

use offhook_proto::Close;
use offhook_proto::client::{Input, Network};
use offhook_proto::server;

use super::ending::Phase;
use super::{Timer, World};
use crate::check::{Invariant, violated};
use crate::fault::{Cut, Fault, Outage, Restart};
use crate::mutation::Mutation;
use crate::net::{Packet, Way};
use crate::time::{MS, S, Us, duration};

impl World {
    pub(super) fn fault(&mut self, fault: Fault) {
        if fault.needs_server() && self.conditions.server_runs_at > self.now {
            // Whoever is stopped does not hear of it.
            return self.at(self.conditions.server_runs_at, Timer::Fault(fault));
        }
        self.note(|| format!("FAULT {fault:?}"));
        let now = self.now;
        match fault {
            Fault::Cut(cut) => self.cut(cut),
            Fault::Stall { up, down, lasts } => {
                for link in &mut self.links {
                    if up {
                        link.up.stall(now + lasts);
                    }
                    if down {
                        link.down.stall(now + lasts);
                    }
                }
            }
            Fault::Ways { up, down } => {
                self.conditions.up = up;
                self.conditions.down = down;
            }
            Fault::Outage(outage) => self.outage(outage),
            Fault::Hint(network) => self.tell_client_if_runs(Input::Network(network)),
            Fault::Sleep { lasts, told, cuts } => {
                if cuts {
                    self.cut(if told { Cut::Silent } else { Cut::ResetServer });
                }
                self.conditions.client_runs_at = now + lasts;
                let slept = told.then_some(lasts);
                self.at(now + lasts, Timer::ClientRuns { slept });
            }
            Fault::ClientPause(lasts) => {
                let at = self.conditions.client_runs_at.max(now + lasts);
                self.conditions.client_runs_at = at;
                self.at(at, Timer::ClientRuns { slept: None });
            }
            Fault::ServerPause(lasts) => {
                let at = self.conditions.server_runs_at.max(now + lasts);
                self.conditions.server_runs_at = at;
                self.at(at, Timer::ServerRuns);
            }
            Fault::WallJump => self.tell_client_if_runs(Input::WallClockJumped),
            Fault::Restart { how, down } => self.restart(how, down),
            Fault::Refuse {
                door,
                status,
                retry_after,
                lasts,
            } => {
                let refusal = (now + lasts, door, status, retry_after);
                self.conditions.refusals.push(refusal);
            }
            Fault::TokenService {
                answers_after,
                lasts,
            } => self.conditions.token_service = Some((now + lasts, answers_after)),
            Fault::OldTokens { left, lasts } => {
                self.conditions.old_tokens = Some((now + lasts, left));
            }
            Fault::Refresh { how, lasts } => self.conditions.refresh = Some((now + lasts, how)),
            Fault::Revoke => self.revoke(),
            Fault::RequireRefresh { deadline } => {
                self.for_slots(|world, index| {
                    world.slots[index].moved = true;
                    let deadline = duration(deadline);
                    let reason = "moved";
                    let input = server::Input::RequireRefresh { reason, deadline };
                    world.tell_server(index, input, None);
                });
            }
            Fault::Flap { after, how, lasts } => {
                self.conditions.flap = Some((now + lasts, after, how));
            }
            Fault::UpstreamDies => {
                self.conditions.upstream_died = true;
                self.for_slots(|world, index| {
                    world.slots[index].ending = true;
                    let close = Close::new(Close::INTERNAL, "upstream.gone");
                    world.tell_server(index, server::Input::UpstreamEnded(close), None);
                });
            }
            Fault::Intruder(how) => self.intrude(how),
            Fault::RetryNow => {
                self.caller.wants_now = true;
                self.tell_client_if_runs(Input::RetryNow);
            }
            Fault::HangUp if self.conditions.client_runs_at > now => {
                self.at(self.conditions.client_runs_at, Timer::Fault(fault));
            }
            Fault::HangUp => self.hang_up(),
            Fault::Protocol(offer) => self.conditions.offer = offer,
        }
    }

    /// What the system says while the machine sleeps, it does not say.
    fn tell_client_if_runs(&mut self, input: Input<'_>) {
        if self.conditions.client_runs_at <= self.now {
            self.tell_client(input);
        }
    }

    fn for_slots(&mut self, mut each: impl FnMut(&mut Self, usize)) {
        for index in 0..self.slots.len() {
            if !self.slots[index].ended {
                each(self, index);
            }
        }
    }

    fn outage(&mut self, outage: Outage) {
        if let Some(cut) = outage.cut {
            self.cut(cut);
        }
        let until = self.conditions.outage_until.max(self.now + outage.lasts);
        self.conditions.outage_until = until;
        self.conditions.outage_fails_fast = outage.fails_fast;
        self.conditions.outage_told |= outage.told;
        for link in &mut self.links {
            link.up.stall(until);
            link.down.stall(until);
        }
        self.at(until, Timer::OutageOver);
        if outage.told {
            self.tell_client_if_runs(Input::Network(Network::Down));
        }
    }

    pub(super) fn outage_over(&mut self) {
        if self.now < self.conditions.outage_until {
            return;
        }
        if std::mem::take(&mut self.conditions.outage_told) {
            self.note(|| "the network is back, and the system says so".to_owned());
            self.tell_client_if_runs(Input::Network(Network::Up));
        } else {
            self.note(|| "the network is back".to_owned());
        }
    }

    pub(super) fn client_runs(&mut self, slept: Option<Us>) {
        if self.now < self.conditions.client_runs_at {
            return;
        }
        self.caller.wakes(self.now);
        if let Some(slept) = slept {
            self.note(|| format!("the machine wakes up after {} s", slept / S));
            self.tell_client(Input::Slept(duration(slept)));
        }
    }

    pub(super) fn server_runs(&mut self) {
        if self.now >= self.conditions.server_runs_at {
            self.wires.excuse(self.now);
        }
    }

    /// The server's process runs, if it did not.
    pub(super) fn wake_server(&mut self) {
        let now = self.now;
        if self.conditions.server_runs_at > now {
            self.conditions.server_runs_at = now;
            self.wires.excuse(now);
        }
    }

    fn restart(&mut self, how: Restart, down: Us) {
        let now = self.now;
        match how {
            Restart::Crash { silent } => {
                if silent {
                    self.cut(Cut::Silent);
                } else {
                    self.cut(Cut::ResetClient);
                }
                self.conditions.server_down_until = now + down;
                self.instance += 1;
                self.instance_gone(self.instance);
            }
            Restart::DrainSame {
                deadline,
                reconnect_after,
            }
            | Restart::DrainAway {
                deadline,
                reconnect_after,
            } => {
                let gone = self.instance + 1;
                let by = now + deadline + 3 * S + down;
                self.conditions.drained_by = self.conditions.drained_by.max(by);
                if matches!(how, Restart::DrainAway { .. }) {
                    self.instance = gone;
                } else {
                    // Until then it lets them in, and tells them again.
                    self.at(now + deadline, Timer::ServerDown(3 * S + down));
                }
                self.for_slots(|world, index| {
                    world.slots[index].drained = true;
                    let input = server::Input::Drain {
                        reason: "restart",
                        deadline: duration(deadline),
                        reconnect_after: duration(reconnect_after),
                        resume_url: None,
                    };
                    world.tell_server(index, input, None);
                });
                self.at(now + deadline + 3 * S, Timer::InstanceGone(gone));
            }
            Restart::Shutdown => {
                self.for_slots(|world, index| {
                    world.slots[index].ending = true;
                    world.tell_server(index, server::Input::Shutdown, None);
                });
                self.conditions.server_down_until = now + 3 * S + down;
                self.at(now + 3 * S, Timer::InstanceGone(self.instance + 1));
            }
        }
    }

    /// Every life of the server before this one is over, and what it knew is gone.
    pub(super) fn instance_gone(&mut self, instance: u32) {
        self.note(|| format!("what came before instance {instance} of the server is gone"));
        self.instance = self.instance.max(instance);
        let (now, way) = (self.now, self.conditions.down);
        let numbers: Vec<u32> = self
            .slots
            .iter_mut()
            .filter(|slot| slot.instance < instance && !slot.ended)
            .map(|slot| {
                slot.ended = true;
                slot.number
            })
            .collect();
        for link in &mut self.links {
            if link.slot.is_some_and(|slot| numbers.contains(&slot)) {
                link.server_listens = false;
                link.down.send(now, way, &mut self.random, Packet::Reset);
                link.down.shut = true;
            }
        }
        for slot in &mut self.slots {
            if numbers.contains(&slot.number) {
                slot.dies();
            }
        }
    }

    fn revoke(&mut self) {
        self.for_slots(|world, index| {
            let slot = &mut world.slots[index];
            let number = slot.number;
            slot.revoked = true;
            if world.mutation != Some(Mutation::RevocationLost) {
                world.slots[index].ending = true;
                let input = server::Input::Revoke { reason: "admin" };
                world.tell_server(index, input, None);
            }
            let until = world.conditions.server_runs_at.max(world.now);
            world.at(until + S, Timer::RevokedSince { slot: number });
        });
    }

    pub(super) fn revoked_since(&mut self, slot: u32) {
        let mut links = self.links.iter();
        let open = links
            .find(|link| link.slot == Some(slot) && link.server_listens && !link.server_closed);
        if let Some(conn) = open.map(|link| link.conn) {
            let detail = format!("{conn} is open 1 s after the revocation");
            self.must(violated(Invariant::Revoked, detail));
        }
    }

    /// All is well again.
    pub(super) fn heal(&mut self) {
        if self.phase != Phase::Talking {
            return;
        }
        if self.now < self.conditions.drained_by {
            return self.at(self.conditions.drained_by, Timer::Heal);
        }
        self.note(|| "ALL IS WELL from now on".to_owned());
        let now = self.now;
        let conditions = &mut self.conditions;
        conditions.up = Way::GOOD;
        conditions.down = Way::GOOD;
        conditions.outage_until = now;
        conditions.server_down_until = now;
        conditions.refusals.clear();
        conditions.token_service = None;
        conditions.old_tokens = None;
        conditions.refresh = None;
        conditions.flap = None;
        let wakes = conditions.client_runs_at > now;
        conditions.client_runs_at = conditions.client_runs_at.min(now);
        self.wake_server();
        for link in &mut self.links {
            link.up.release(now);
            link.down.release(now);
        }
        self.phase = Phase::Healed {
            at: now,
            live_by: self.dials.latest(now) + 30 * S,
            again: 0,
        };
        if wakes {
            self.caller.wakes(now);
            self.tell_client(Input::Slept(Duration::from_secs(1)));
        }
        if std::mem::take(&mut self.conditions.outage_told) {
            self.tell_client(Input::Network(Network::Up));
        }
        self.at(now + 20 * MS, Timer::Look);
    }
}
