//! Both ends, what is between them, and time, which passes only here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use offhook_proto::{Conn, Protocol, Time, client, server};

use super::line::Line;
use super::phone::{Phone, Stage};
use super::session::Session;

/// What comes of something that the client's driver tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    Good,
    /// Good, that much later.
    Late(Duration),
    /// A refusal with this status.
    Refused(u16),
    Unreachable,
    /// No answer, ever.
    Silent,
}

/// Something that a driver was asked to do and that takes its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    Authorise(Conn, Luck),
    Connect(Conn, Option<String>, Luck),
    Renew(Conn, Luck),
    /// A token that came in band, to be checked for a session.
    Check(usize, Conn, Option<String>, Luck),
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) phone: Phone,
    pub(crate) sessions: Vec<Session>,
    pub(crate) lines: BTreeMap<Conn, Line>,
    pub(crate) jobs: Vec<(Time, Job)>,
    pub(crate) server_config: server::Config,
    /// Pieces that any upstream has heard.
    pub(crate) arrived: BTreeSet<u32>,
    /// Items that the caller created.
    pub(crate) created: Vec<String>,
    pub(crate) protocol: Protocol,
    pub(crate) delay: Duration,
    pub(crate) mint: Luck,
    pub(crate) connect: Luck,
    pub(crate) refresh: Luck,
    /// How long a token lives; none for one that does not expire.
    pub(crate) ttl: Option<Duration>,
    /// How late the client's driver is with its ticks.
    pub(crate) lateness: Duration,
    /// Samples that the caller says in one piece; none while silent.
    pub(crate) speaks: Option<u16>,
    next_piece: Time,
    /// Driver calls since time last passed.
    calls: u32,
}

impl World {
    pub(crate) fn new(client: client::Config, server: server::Config) -> Self {
        let mut world = Self {
            now: Time::ZERO,
            phone: Phone::new(client, Time::ZERO),
            sessions: Vec::new(),
            lines: BTreeMap::new(),
            jobs: Vec::new(),
            server_config: server,
            arrived: BTreeSet::new(),
            created: Vec::new(),
            protocol: Protocol::OffhookV1Bin,
            delay: Duration::from_millis(20),
            mint: Luck::Good,
            connect: Luck::Good,
            refresh: Luck::Good,
            ttl: None,
            lateness: Duration::ZERO,
            speaks: None,
            next_piece: Time::ZERO,
            calls: 0,
        };
        world.settle();
        world
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.next().filter(|at| *at <= end) {
            if at > self.now {
                self.now = at;
                self.calls = 0;
            }
            self.step();
            self.settle();
        }
        if end > self.now {
            self.now = end;
            self.calls = 0;
        }
    }

    /// When the next thing happens.
    fn next(&mut self) -> Option<Time> {
        let (client, servers) = self.deadlines();
        let jobs = self.jobs.iter().map(|(at, _)| *at);
        let lines = self.lines.values();
        let wires = lines.flat_map(|line| [line.to_client.due(), line.to_server.due()]);
        let piece = self.speaks.map(|_| self.next_piece);
        let all = jobs
            .chain(wires.flatten())
            .chain(client)
            .chain(servers)
            .chain(piece);
        all.min().map(|at| at.max(self.now))
    }

    fn deadlines(&mut self) -> (Option<Time>, Option<Time>) {
        let client = match self.phone.client.poll() {
            client::Output::Wait { until, .. } => until.map(|at| at + self.lateness),
            other => panic!("the world is settled, yet {other:?}"),
        };
        let servers = self
            .sessions
            .iter_mut()
            .filter(|session| !session.has_ended);
        let servers = servers.filter_map(|session| match session.server.poll() {
            server::Output::Wait { until, .. } => until,
            other => panic!("the world is settled, yet {other:?}"),
        });
        (client, servers.min())
    }

    /// Does one thing whose time has come.
    fn step(&mut self) {
        let now = self.now;
        if let Some(samples) = self.speaks
            && self.next_piece <= now
        {
            let samples = samples.clamp(super::sound::LEAST, super::sound::MOST);
            self.next_piece = now + Duration::from_micros(u64::from(samples) * 1_000_000 / 24_000);
            return self.phone.speak(now, samples);
        }
        if let Some(index) = self.jobs.iter().position(|(at, _)| *at <= now) {
            let (_, job) = self.jobs.remove(index);
            return self.finish(job);
        }
        let is_due = |due: Option<Time>| due.is_some_and(|at| at <= now);
        let mut lines = self.lines.iter();
        let due = lines.find_map(|(conn, line)| {
            (is_due(line.to_client.due()) || is_due(line.to_server.due())).then_some(*conn)
        });
        if let Some(conn) = due {
            return self.deliver(conn);
        }
        self.tick_client();
        self.tick_servers();
    }

    pub(crate) fn tick_client(&mut self) {
        self.phone.client.handle(self.now, client::Input::Tick);
    }

    pub(crate) fn tick_servers(&mut self) {
        for session in self
            .sessions
            .iter_mut()
            .filter(|session| !session.has_ended)
        {
            session.server.handle(self.now, server::Input::Tick);
        }
    }

    /// The caller begins to speak, in pieces of so many samples, or stops.
    pub(crate) fn set_speaking(&mut self, samples: Option<u16>) {
        self.next_piece = self.now;
        self.speaks = samples;
    }

    /// Counts what the machines want done; too much of it without time passing is a spin.
    pub(crate) fn count(&mut self) {
        self.calls += 1;
        if self.calls >= 20_000 {
            let servers: Vec<_> = self.sessions.iter_mut().map(|s| s.server.poll()).collect();
            let client = self.phone.client.poll();
            panic!(
                "the machines spin at {:?}: {client:?}, {servers:?}",
                self.now
            );
        }
    }

    /// The newest line of which an end is still there, or the one before.
    pub(crate) fn line(&self, from_last: usize) -> Option<Conn> {
        let open = self.lines.iter().rev().filter(|(_, line)| !line.is_gone());
        open.map(|(conn, _)| *conn).nth(from_last)
    }

    /// The connection that the client is on, and the session at its other end.
    pub(crate) fn current(&mut self) -> Option<(&Line, &mut Session)> {
        let conns = self.phone.conns.iter().rev();
        let mut up = conns.filter(|(_, stage)| **stage == Stage::Connected);
        let line = self.lines.get(up.next()?.0)?;
        Some((line, &mut self.sessions[line.session]))
    }

    /// The session that the client is in, while it is there.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        let (_, session) = self.current()?;
        (!session.has_ended).then_some(session)
    }

    /// Everything that has to hold at any moment.
    pub(crate) fn check(&self) {
        self.phone.check();
        for session in self.sessions.iter().filter(|session| !session.has_ended) {
            session.check();
        }
    }
}
