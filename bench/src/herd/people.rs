//! The clients of a simulated herd: Offhook's machine as it is, and the naive formula.

use std::time::Duration;

use offhook_proto::client::{Config, Failure, Input, Output, Received};
use offhook_proto::wire::server::{Hello, SessionCreated, SessionResumed};
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use offhook_proto::{Client, Close, Conn, Frame, Protocol, Time};

use super::Course;
use super::gate::{Dialled, Gate};
use crate::pattern::Backoff;

/// What happens to a client at a time that was set before.
#[derive(Debug)]
pub(super) enum Happening {
    /// The time it asked to be woken at.
    Woken,
    /// Its server says something, so that it does not take it for silent.
    Beat,
    Minted(Conn),
    Connected(Conn),
    Failed(Conn, Failure),
    /// What the server says.
    Said(Conn, ServerEvent, Option<u64>),
    Broken,
    GoneAway(Box<ServerEvent>),
    Closed,
}

/// Things that are to happen to a client.
pub(super) type Plans = Vec<(Duration, Happening)>;

/// One client of a herd.
#[derive(Debug)]
pub(super) enum Person {
    Offhook(Box<Phone>),
    Naive(Naive),
}

/// Offhook's machine, and what its driver and its server know.
#[derive(Debug)]
pub(super) struct Phone {
    client: Client,
    /// The connection that was made last.
    conn: Option<Conn>,
    /// How often the session was attached to.
    generation: u32,
    /// Names the session's life.
    pub(super) epoch: String,
    /// How far apart clients come back, as the server told.
    spread: Duration,
    /// When it is to be woken.
    wake: Option<Duration>,
}

/// The naive formula.
#[derive(Debug)]
pub(super) struct Naive {
    backoff: Backoff,
}

impl Person {
    /// One that makes its first connection at `starts`.
    pub(super) fn offhook(seed: u64, spread: Duration, starts: Duration) -> Self {
        let config = Config {
            seed,
            ..Config::default()
        };
        Self::Offhook(Box::new(Phone {
            client: Client::new(config, Time::from_start(starts)),
            conn: None,
            generation: 0,
            epoch: "first".to_owned(),
            spread,
            wake: Some(starts),
        }))
    }

    pub(super) const fn naive(backoff: Backoff) -> Self {
        Self::Naive(Naive { backoff })
    }

    /// Lets something happen; what it does goes into its course, what follows into `plans`.
    pub(super) fn happen(
        &mut self,
        now: Duration,
        happening: Happening,
        gate: &mut Gate,
        course: &mut Course,
        plans: &mut Plans,
    ) {
        match self {
            Self::Offhook(phone) => phone.happen(now, happening, gate, course, plans),
            Self::Naive(naive) => naive.happen(now, &happening, gate, course, plans),
        }
    }
}

impl Naive {
    fn happen(
        &mut self,
        now: Duration,
        happening: &Happening,
        gate: &mut Gate,
        course: &mut Course,
        plans: &mut Plans,
    ) {
        match happening {
            Happening::Woken => {
                course.dials.push(now);
                plans.push(match gate.dial(now) {
                    Dialled::Connected(at) => (at, Happening::Connected(Conn(0))),
                    Dialled::Refused(at) | Dialled::Full(at) => (at, Happening::Broken),
                });
            }
            Happening::Connected(_) => {
                self.backoff.opened();
                course.back.get_or_insert(now);
            }
            Happening::Broken | Happening::Closed | Happening::GoneAway(_) => {
                plans.push((now + self.backoff.next(), Happening::Woken));
            }
            _ => {}
        }
    }
}

impl Phone {
    fn happen(
        &mut self,
        now: Duration,
        happening: Happening,
        gate: &mut Gate,
        course: &mut Course,
        plans: &mut Plans,
    ) {
        let time = Time::from_start(now);
        let mut tell = |input: Input<'_>| self.client.handle(time, input);
        let received = |conn, received| Input::Received { conn, received };
        match happening {
            Happening::Woken if self.wake == Some(now) => tell(Input::Tick),
            Happening::Woken => return,
            Happening::Beat => match self.conn {
                Some(conn) => tell(received(conn, Received::Alive(None))),
                None => return,
            },
            Happening::Minted(conn) => tell(Input::Authorised {
                conn,
                expires_in: Some(Duration::from_secs(60)),
            }),
            Happening::Connected(conn) => {
                self.conn = Some(conn);
                self.generation += 1;
                tell(Input::Connected {
                    conn,
                    protocol: Protocol::OffhookV1Bin,
                });
                let created = self.generation == 1;
                plans.push((now, Happening::Said(conn, self.hello(), None)));
                if created {
                    let created = SessionCreated::default().into();
                    plans.push((now, Happening::Said(conn, created, Some(1))));
                }
            }
            Happening::Failed(conn, failure) => tell(Input::Failed { conn, failure }),
            Happening::Said(conn, event, seq) => {
                let envelope = Envelope {
                    event_id: None,
                    seq,
                    event,
                };
                tell(received(conn, Received::Text(&envelope.encode())));
            }
            Happening::GoneAway(event) => {
                let Some(conn) = self.conn else { return };
                let text = Envelope::from(*event).encode();
                tell(received(conn, Received::Text(&text)));
                // Whatever takes its place knows nothing of the session.
                self.anew();
            }
            Happening::Broken => {
                let Some(conn) = self.conn.take() else { return };
                tell(received(conn, Received::Dropped("the network")));
            }
            Happening::Closed => {
                // Who has left already is not there to be closed.
                let (Some(conn), true) = (self.conn, self.generation == 0) else {
                    return;
                };
                let close = Close::new(Close::RESTART, "server.restart");
                tell(received(conn, Received::Closed(close)));
            }
        }
        self.act(now, gate, course, plans);
    }

    /// The server's next life knows nothing of the session.
    pub(super) fn anew(&mut self) {
        "second".clone_into(&mut self.epoch);
        self.generation = 0;
    }

    fn hello(&self) -> ServerEvent {
        let hello = Hello {
            heartbeat_ms: 250,
            resume_window_ms: 30_000,
            max_frame_bytes: 1 << 20,
            session_id: "session".to_owned(),
            epoch: self.epoch.clone(),
            generation: self.generation,
            reconnect_within_ms: u32::try_from(self.spread.as_millis()).ok(),
            ..Hello::default()
        };
        hello.into()
    }

    /// Does what the machine says until it waits.
    fn act(&mut self, now: Duration, gate: &mut Gate, course: &mut Course, plans: &mut Plans) {
        loop {
            match self.client.poll() {
                Output::Authorise { conn, .. } => {
                    course.tokens.push(now);
                    plans.push(match gate.mint(now) {
                        Dialled::Connected(at) => (at, Happening::Minted(conn)),
                        other => (at(other), Happening::Failed(conn, failure(other))),
                    });
                }
                Output::Connect { conn, .. } => {
                    course.dials.push(now);
                    plans.push(match gate.dial(now) {
                        Dialled::Connected(at) => (at, Happening::Connected(conn)),
                        other => (at(other), Happening::Failed(conn, failure(other))),
                    });
                }
                Output::Transmit {
                    conn,
                    frame: Frame::Text(text),
                } => plans.extend(self.answer(now, conn, &text)),
                Output::Back(_) => {
                    course.back.get_or_insert(now);
                }
                Output::Wait { until, .. } => {
                    let until = until.map(Time::since_start);
                    if until.is_some() && until != self.wake {
                        plans.extend(until.map(|until| (until.max(now), Happening::Woken)));
                    }
                    self.wake = until.map(|until| until.max(now));
                    return;
                }
                _ => {}
            }
        }
    }

    /// What the server says to that.
    fn answer(&self, now: Duration, conn: Conn, text: &str) -> Option<(Duration, Happening)> {
        let envelope = Envelope::<ClientEvent>::decode(text).ok()?;
        let ClientEvent::SessionResume(resume) = envelope.event else {
            return None;
        };
        let resumed = SessionResumed {
            epoch: self.epoch.clone(),
            generation: self.generation,
            recv: resume.next_seq - 1,
            commit: resume.next_seq - 1,
            replay_from: resume.last_seq + 1,
            replay_to: resume.last_seq,
            ..SessionResumed::default()
        };
        Some((now, Happening::Said(conn, resumed.into(), None)))
    }
}

fn at(dialled: Dialled) -> Duration {
    match dialled {
        Dialled::Connected(at) | Dialled::Refused(at) | Dialled::Full(at) => at,
    }
}

fn failure(dialled: Dialled) -> Failure {
    match dialled {
        Dialled::Full(_) => Failure::Refused {
            status: 503,
            retry_after: None,
            detail: "no room".to_owned(),
        },
        _ => Failure::Unreachable {
            detail: "connection refused".to_owned(),
        },
    }
}
