//! One call's world: the two machines with what drives them, the network, the upstream, the caller,
//! and the checks, stepped from event to event in virtual time.

mod bridge;
mod caller;
mod conditions;
mod cutting;
mod deliver;
mod driver;
mod ending;
mod faults;
mod given;
mod intruder;
mod listening;
mod refreshing;
mod wire;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use offhook_proto::client::{self, State};
use offhook_proto::{Client, Conn};

use crate::check::dials::Dials;
use crate::check::input::Ledger;
use crate::check::output::Lines;
use crate::check::pace::Ticks;
use crate::check::{Invariant, Verdict, Violation, violated};
use crate::fault::Fault;
use crate::log::{Frame, Log};
use crate::mutation::Mutation;
use crate::net::Link;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::stats::Stats;
use crate::time::{Clock, HOUR, MS, Us, spoken};
use crate::tokens::Tokens;
use bridge::Slot;
use caller::CallerState;
use conditions::Conditions;
use driver::{Answer, Attempt};
use ending::Phase;
use refreshing::Renewing;
use wire::Wires;

/// What has a time of its own.
#[derive(Debug)]
pub(super) enum Timer {
    Fault(Fault),
    /// All is well from now on.
    Heal,
    /// The token service answers an attempt.
    Minted {
        conn: Conn,
        answer: Answer,
    },
    /// The token service answers for a connection that is up.
    Renewed {
        conn: Conn,
        answer: Answer,
    },
    /// A token that came in band is checked.
    Checked {
        slot: u32,
        conn: Conn,
        event_id: Option<String>,
        token: usize,
        refused: bool,
    },
    OutageOver,
    /// The client's machine wakes up, or its process goes on.
    ClientRuns {
        slept: Option<Us>,
    },
    ServerRuns,
    /// What still ran of an old instance is gone.
    InstanceGone(u32),
    /// The server lets nobody in for a while.
    ServerDown(Us),
    FlapEnds {
        conn: Conn,
    },
    UpstreamOver {
        slot: u32,
    },
    RevokedSince {
        slot: u32,
    },
    /// Look whether the call is done.
    Look,
}

#[derive(Debug)]
struct Timed {
    at: Us,
    order: u64,
    timer: Timer,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum Source {
    Timer,
    Client,
    Frame,
    Up(usize),
    Down(usize),
    Slot(usize),
}

pub(crate) struct World {
    pub(super) now: Us,
    pub(super) scenario: Scenario,
    pub(super) random: Random,
    pub(super) mutation: Option<Mutation>,
    timers: BinaryHeap<Reverse<Timed>>,
    order: u64,
    at_once: u32,

    pub(super) client: Client,
    pub(super) client_clock: Clock,
    pub(super) client_wake: Option<(Us, &'static str)>,
    client_ticks: Ticks,
    pub(super) state: Option<State>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) renewing: Vec<Renewing>,
    pub(super) caller: CallerState,

    pub(super) links: Vec<Link>,
    pub(super) wires: Wires,
    pub(super) conditions: Conditions,

    pub(super) server_clock: Clock,
    pub(super) slots: Vec<Slot>,
    /// Which life of the server new connections come to.
    pub(super) instance: u32,
    pub(super) numbers: u32,
    pub(super) tokens: Tokens,
    /// Somebody else came with a token of the session.
    pub(super) intruded: bool,

    pub(super) ledger: Ledger,
    pub(super) lines: Lines,
    pub(super) dials: Dials,
    pub(super) phase: Phase,
    pub(super) ended: Option<(Us, client::End)>,
    pub(super) violation: Option<Violation>,
    pub(super) stats: Stats,
    pub(super) log: Option<Log>,
}

/// Events at one time: what a stalled pipe held back comes together.
const AT_ONCE: u32 = 100_000;
/// How often a call is looked at that should be done soon.
const LOOK: Us = 100 * MS;

impl World {
    pub(crate) fn new(mut scenario: Scenario, mutation: Option<Mutation>, log: bool) -> Self {
        let mut random = scenario.random.fork();
        let client_clock = Clock {
            started_before: random.below(100 * HOUR),
        };
        let server_clock = Clock {
            started_before: random.below(100 * HOUR),
        };
        let client = Client::new(scenario.client.clone(), client_clock.at(0));
        let mut world = Self {
            now: 0,
            random: random.fork(),
            mutation,
            timers: BinaryHeap::new(),
            order: 0,
            at_once: 0,
            client,
            client_clock,
            client_wake: None,
            client_ticks: Ticks::default(),
            state: None,
            attempts: Vec::new(),
            renewing: Vec::new(),
            caller: CallerState::new(random.fork()),
            links: Vec::new(),
            wires: Wires::default(),
            conditions: Conditions::new(&scenario),
            server_clock,
            slots: Vec::new(),
            instance: 0,
            numbers: 0,
            tokens: Tokens::default(),
            intruded: false,
            ledger: Ledger::default(),
            lines: Lines::default(),
            dials: Dials::default(),
            phase: Phase::Talking,
            ended: None,
            violation: None,
            stats: Stats::default(),
            log: log.then(Log::default),
            scenario,
        };
        for (at, fault) in std::mem::take(&mut world.scenario.faults) {
            world.at(at, Timer::Fault(fault));
        }
        world.at(world.scenario.talk, Timer::Heal);
        world
    }

    /// Runs the call to its end, or to the first invariant that does not hold.
    pub(crate) fn run(&mut self) {
        self.drain_client();
        while self.violation.is_none() && self.phase != Phase::Done {
            let Some((at, source)) = self.next() else {
                let stuck = violated(Invariant::Stuck, "nobody waits for anything any more");
                return self.must(stuck);
            };
            if at > self.now {
                self.now = at;
                self.at_once = 0;
            }
            self.stats.steps += 1;
            self.at_once += 1;
            if self.at_once > AT_ONCE {
                let detail = format!("no end of events at {}: {source:?}", spoken(self.now));
                return self.must(violated(Invariant::Spinning, detail));
            }
            self.step(source);
        }
    }

    pub(crate) fn into_result(mut self) -> (Stats, Option<Violation>, Vec<String>, &'static str) {
        let outcome = self.outcome();
        self.stats.calls = 1;
        self.stats.virtual_us = self.now;
        self.stats.dials = u64::from(self.dials.count);
        self.stats.input_samples = self.ledger.captured;
        self.stats.output_samples = self.lines.samples;
        self.stats.lost_samples = self.ledger.gaps.total();
        self.stats.repeated_samples = self.ledger.repeated;
        let class = self.scenario.class;
        self.stats.outcomes.insert((class, outcome), 1);
        let lines = self.log.map(Log::into_lines).unwrap_or_default();
        (self.stats, self.violation, lines, outcome)
    }

    fn next(&self) -> Option<(Us, Source)> {
        let mut next: Option<(Us, Source)> = None;
        let mut consider = |at: Us, source| {
            if next.is_none_or(|(first, _)| at < first) {
                next = Some((at, source));
            }
        };
        if let Some(Reverse(timed)) = self.timers.peek() {
            consider(timed.at, Source::Timer);
        }
        let client_runs_at = self.conditions.client_runs_at;
        if let Some((at, _)) = self.client_wake {
            consider(at.max(client_runs_at), Source::Client);
        }
        if let Some(at) = self.caller.next_frame {
            consider(at.max(client_runs_at), Source::Frame);
        }
        let server_runs_at = self.conditions.server_runs_at;
        for (index, link) in self.links.iter().enumerate() {
            if let Some(at) = link.up.next_at() {
                consider(at.max(server_runs_at), Source::Up(index));
            }
            if let Some(at) = link.down.next_at() {
                consider(at.max(client_runs_at), Source::Down(index));
            }
        }
        for (index, slot) in self.slots.iter().enumerate() {
            if let Some(at) = slot.next_at() {
                consider(at.max(server_runs_at), Source::Slot(index));
            }
        }
        next
    }

    fn step(&mut self, source: Source) {
        match source {
            Source::Timer => {
                if let Some(Reverse(timed)) = self.timers.pop() {
                    self.fire(timed.timer);
                }
            }
            Source::Client => {
                let (_, why) = self.client_wake.take().unwrap_or_default();
                let verdict = self.client_ticks.tick(self.now, "client", why);
                self.must(verdict);
                self.tell_client(client::Input::Tick);
            }
            Source::Frame => self.frame(),
            Source::Up(index) => self.deliver_up(index),
            Source::Down(index) => self.deliver_down(index),
            Source::Slot(index) => self.slot_tick(index),
        }
        if self.stats.steps.is_multiple_of(256) {
            self.links.retain(|link| !link.is_over());
            self.forget_slots();
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Fault(fault) => {
                if self.phase == Phase::Talking {
                    self.fault(fault);
                }
            }
            Timer::Heal => self.heal(),
            Timer::Minted { conn, answer } => self.minted(conn, answer),
            Timer::Renewed { conn, answer } => self.renewed(conn, answer),
            Timer::Checked {
                slot,
                conn,
                event_id,
                token,
                refused,
            } => self.checked(slot, conn, event_id, token, refused),
            Timer::OutageOver => self.outage_over(),
            Timer::ClientRuns { slept } => self.client_runs(slept),
            Timer::ServerRuns => self.server_runs(),
            Timer::InstanceGone(instance) => self.instance_gone(instance),
            Timer::ServerDown(lasts) => {
                if self.phase == Phase::Talking {
                    self.conditions.server_down_until = self.now + lasts;
                }
            }
            Timer::FlapEnds { conn } => self.flap_ends(conn),
            Timer::UpstreamOver { slot } => self.upstream_over(slot),
            Timer::RevokedSince { slot } => self.revoked_since(slot),
            Timer::Look => self.look(),
        }
    }

    pub(super) fn at(&mut self, at: Us, timer: Timer) {
        self.order += 1;
        self.timers.push(Reverse(Timed {
            at: at.max(self.now),
            order: self.order,
            timer,
        }));
    }

    pub(super) fn look_again(&mut self) {
        self.at(self.now + LOOK, Timer::Look);
    }

    /// Remembers the first invariant that does not hold.
    pub(super) fn must(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict
            && self.violation.is_none()
        {
            let line = format!("VIOLATED {}: {}", violation.invariant, violation.detail);
            self.note(|| line);
            self.violation = Some(violation);
        }
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.line(self.now, &line());
        }
    }

    pub(super) fn note_frame(&mut self, frame: Frame) {
        if let Some(log) = &mut self.log {
            log.frame(frame);
        }
    }

    pub(super) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}
