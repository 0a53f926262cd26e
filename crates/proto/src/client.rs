//! The client end of a session: one call, from the wish for it to its end.
//!
//! The machine says when to authorise, connect, send and close, and how long each may take; its
//! driver does it and reports back. A call outlives its connections: a line that goes is made again
//! and the session resumed where it stopped. What the caller says is kept until the far end is known
//! to have used it.
//!
//! | file | what it decides |
//! |---|---|
//! | `line` | dials, what becomes of a line that is gone, the end |
//! | `watch` | silence, probes, deadlines: what time brings |
//! | `receive` | what a message means for the connection |
//! | `hear` | what an event means for the session |
//! | `takeover` | a connection takes the call: for the first time, resumed, or with a new session |
//! | `flow` | what is sent, and when |
//! | `policy`, `verdict` | whether to dial again, and when |

mod end;
mod flow;
mod forgotten;
mod hear;
mod history;
mod io;
mod line;
mod link;
mod outbox;
mod plain_input;
mod policy;
mod receive;
mod renewal;
mod settings;
mod takeover;
mod verdict;
mod watch;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use core::time::Duration;

pub use end::{Back, Cause, Direction, End, Failure, Gap, Step};
use flow::Pace;
use history::History;
pub use io::{Config, Doing, Input, Network, Output, Received, State};
use line::{Away, Handover};
use link::{Link, Session};
use outbox::Outbox;
use policy::Policy;
use settings::Settings;
use takeover::Handovers;
use verdict::Strikes;

use crate::random::Random;
use crate::wire::client::Played;
use crate::wire::{ClientEvent, Envelope};
use crate::{Conn, Ids, Time};

/// Samples a second.
const RATE: u64 = 24_000;

/// Where the call stands.
#[derive(Debug)]
enum Phase {
    /// It never was up.
    Dialling {
        since: Time,
        /// The server said to come back then.
        retry_at: Option<Time>,
    },
    Live,
    Away(Away),
    /// Hung up: waits for the far end's close frame.
    Closing {
        conn: Conn,
        deadline: Time,
        end: End,
    },
    Ended,
}

/// The client end of one call.
#[derive(Debug)]
pub struct Client {
    config: Config,
    ids: Ids,
    policy: Policy,
    strikes: Strikes,
    out: VecDeque<Output>,
    phase: Phase,
    /// The connection that carries the call, or is to.
    link: Option<Link>,
    /// One that is to take over from it.
    next: Option<Link>,
    handover: Option<Handover>,
    handovers: Handovers,
    conns: u32,
    session: Option<Session>,
    /// Where its input begins, in samples of all audio captured.
    input_from: u64,
    outbox: Outbox,
    pace: Pace,
    history: History,
    settings: Settings,
    /// Items that a new session was told and echoes.
    echoes: BTreeSet<String>,
    /// Items that it was told in writing: it has no audio of them that could be cut.
    told: BTreeSet<String>,
    /// The latest events that brought a token.
    refreshes: VecDeque<String>,
    played: Option<Played>,
    catching_up: Option<flow::CatchingUp>,
    shown: Option<State>,
    /// The deadline that the driver was last told, and when that was.
    announced: Option<Time>,
    now: Time,
    woke_at: Option<Time>,
}

impl Client {
    /// A call that is wanted now.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let mut client = Self {
            ids: Ids::seeded(config.seed),
            policy: Policy::new(Random::seeded(config.seed ^ 0x6A09_E667_F3BC_C908)),
            strikes: Strikes::default(),
            out: VecDeque::new(),
            phase: Phase::Dialling {
                since: now,
                retry_at: None,
            },
            link: None,
            next: None,
            handover: None,
            handovers: Handovers::default(),
            conns: 0,
            session: None,
            input_from: 0,
            outbox: Outbox::new(config.window),
            pace: Pace::default(),
            history: History::default(),
            settings: Settings::default(),
            echoes: BTreeSet::new(),
            told: BTreeSet::new(),
            refreshes: VecDeque::new(),
            played: None,
            catching_up: None,
            shown: None,
            announced: None,
            now,
            woke_at: None,
            config,
        };
        client.link = Some(client.dial(now, None));
        client.show();
        client
    }

    /// How much of the caller's audio waits to be sent.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        time(self.outbox.waiting())
    }

    /// How much of the caller's audio is kept, in bytes; never more than the window holds.
    #[must_use]
    pub const fn kept_bytes(&self) -> u64 {
        self.outbox.kept_bytes()
    }

    /// Takes in what happened at `now`. Follow with [`Self::poll`] until it waits.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.notice_absence(now);
        self.now = now;
        match input {
            Input::Audio(samples) => self.hear_caller(now, samples),
            Input::Received { conn, received } => self.received(now, conn, received),
            Input::Tick => self.tick(now),
            Input::Send(event) => self.send(now, event),
            Input::Played {
                item_id,
                content_index,
                audio_end_ms,
            } => {
                self.played = Some(Played {
                    item_id: item_id.into(),
                    content_index,
                    audio_end_ms,
                });
            }
            Input::Authorised { conn, expires_in } => self.authorised(now, conn, expires_in),
            Input::Connected { conn, protocol } => {
                let deadline = now + self.config.step_timeout;
                if let Some(link) = self.link_mut(conn) {
                    link.connected(now, protocol, deadline);
                    self.show();
                }
            }
            Input::Failed { conn, failure } => self.failed(now, conn, failure),
            Input::Renewed { conn } => self.renewed(now, conn),
            Input::NotRenewed { conn, .. } => self.renew_again(now, conn),
            Input::HangUp => self.hang_up(now),
            Input::RetryNow => self.retry_now(now),
            Input::Network(network) => self.network(now, network),
            Input::Slept(slept) => self.slept(now, slept),
            // Nothing here is compared with a time of day; tokens are told as what is left of them.
            Input::WallClockJumped => {}
        }
    }

    /// The next thing to do, in order; call until it waits.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        let (until, why) = self.next_deadline();
        // What is overdue already makes nobody late.
        self.announced = until.map(|until| until.max(self.now));
        Output::Wait { until, why }
    }

    fn send(&mut self, now: Time, envelope: Envelope<ClientEvent>) {
        let Envelope {
            event_id,
            mut event,
            ..
        } = envelope;
        if matches!(self.phase, Phase::Closing { .. } | Phase::Ended) {
            return;
        }
        // The same item in every session, and known here before the far end echoes it.
        if let ClientEvent::ConversationItemCreate(create) = &mut event
            && create.item.id.is_empty()
        {
            create.item.id = self.ids.next("item");
        }
        self.history.note(&event);
        if let ClientEvent::ConversationItemTruncate(cut) = &event
            && self.told.contains(&cut.item_id)
        {
            return;
        }
        if matches!(event, ClientEvent::ResponseCreate(_))
            && let Some(session) = &mut self.session
        {
            session.owes_answer = true;
        }
        let kind = String::from(event.kind());
        let event_id = event_id.unwrap_or_else(|| self.ids.next("event"));
        if let ClientEvent::SessionUpdate(update) = &event {
            self.settings.ask(&event_id, &update.session);
        }
        if self.outbox.push_control(event_id, event) {
            self.pump(now);
        } else {
            let detail = alloc::format!("{kind} was dropped: too many events wait to be sent");
            self.out.push_back(Output::Ignored { detail });
        }
    }

    fn link_mut(&mut self, conn: Conn) -> Option<&mut Link> {
        let links = [self.link.as_mut(), self.next.as_mut()];
        links.into_iter().flatten().find(|link| link.conn == conn)
    }

    /// Tells the caller where the call stands, if that is new.
    fn show(&mut self) {
        let Some(state) = self.state() else { return };
        if self.shown.as_ref() != Some(&state) {
            self.shown = Some(state.clone());
            self.out.push_back(Output::State(state));
        }
    }

    fn state(&self) -> Option<State> {
        match (&self.phase, &self.link) {
            (Phase::Dialling { .. }, Some(link)) => Some(State::Dialling(link.stage.step())),
            (Phase::Live, Some(link)) => Some(match &self.catching_up {
                Some(catching_up) if !link.unstable => catching_up.state(),
                _ => State::Live {
                    protocol: link.protocol,
                    unstable: link.unstable,
                    round_trip: link.round_trip,
                },
            }),
            (Phase::Away(away), link) => Some(away.state(link.as_ref())),
            _ => None,
        }
    }
}

/// As many samples as this takes to say.
fn samples(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / RATE) * RATE / 1_000_000
}

/// How long so many samples take to say.
const fn time(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / RATE)
}

/// Where a sample is, in ms.
const fn ms(samples: u64) -> u64 {
    samples * 1000 / RATE
}
