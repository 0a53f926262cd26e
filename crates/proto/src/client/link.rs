//! One connection, from the wish for it to its end: how far it came, when it was last heard.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use super::renewal::Renewal;
use super::{Cause, Step};
use crate::wire::ErrorDetail;
use crate::wire::server::Stream;
use crate::{Conn, Protocol, Time};

/// Stream numbers known at once; an agent says one thing at a time.
const STREAMS: usize = 64;

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Authorising,
    Connecting,
    /// Upgraded; the session has not been opened.
    Opening,
    /// The server was told where to go on.
    Resuming,
    Open,
}

impl Stage {
    pub(super) const fn step(self) -> Step {
        match self {
            Self::Authorising => Step::Authorising,
            Self::Connecting => Step::Connecting,
            Self::Opening | Self::Resuming | Self::Open => Step::Opening,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) conn: Conn,
    pub(super) stage: Stage,
    /// Until when the stage may last, unless it is the last.
    pub(super) deadline: Time,
    /// Whether it asked for the session there was.
    pub(super) resumes: bool,
    /// Where the server said to go.
    pub(super) url: Option<String>,
    pub(super) protocol: Protocol,
    /// The new session it opens, until that is open.
    pub(super) fresh: Option<Session>,
    pub(super) connected_at: Option<Time>,
    pub(super) opened_at: Option<Time>,
    pub(super) heard_at: Time,
    pub(super) pinged_at: Time,
    /// Something must be heard by then, as there is reason to doubt it will; and the reason.
    pub(super) probe: Option<(Time, Cause)>,
    pub(super) unstable: bool,
    pub(super) round_trip: Option<Duration>,
    pub(super) last_error: Option<ErrorDetail>,
    pub(super) acks: Acks,
    pub(super) renewal: Renewal,
    /// What proofs on this connection have to hold, if the server said so.
    pub(super) nonce: Option<String>,
    /// When another connection is to take over, as the token expires and cannot be renewed in band.
    pub(super) leave_at: Option<Time>,
}

impl Link {
    pub(super) const fn new(
        conn: Conn,
        now: Time,
        deadline: Time,
        resumes: bool,
        url: Option<String>,
    ) -> Self {
        Self {
            conn,
            stage: Stage::Authorising,
            deadline,
            resumes,
            url,
            protocol: Protocol::Plain,
            fresh: None,
            connected_at: None,
            opened_at: None,
            heard_at: now,
            pinged_at: now,
            probe: None,
            unstable: false,
            round_trip: None,
            last_error: None,
            acks: Acks::new(now),
            renewal: Renewal::new(),
            nonce: None,
            leave_at: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    pub(super) fn connected(&mut self, now: Time, protocol: Protocol, deadline: Time) {
        self.stage = Stage::Opening;
        self.deadline = deadline;
        self.protocol = protocol;
        self.connected_at = Some(now);
        self.heard_at = now;
        self.pinged_at = now;
        if !protocol.is_offhook() {
            self.fresh = Some(Session::default());
        }
    }

    pub(super) fn opened(&mut self, now: Time) {
        self.stage = Stage::Open;
        self.opened_at = Some(now);
        self.heard_at = now;
    }

    /// How long it was connected, and how long open.
    pub(super) fn lives(&self, now: Time) -> Option<(Duration, Duration)> {
        let connected = now - self.connected_at?;
        Some((
            connected,
            self.opened_at.map_or(Duration::ZERO, |at| now - at),
        ))
    }

    pub(super) fn answered(&mut self, now: Time, sent_ms: u64) {
        self.round_trip = Some(now - Time::from_start(Duration::from_millis(sent_ms)));
    }

    pub(super) const fn patience(&self) -> Patience {
        Patience::of(self.protocol)
    }

    /// When it has to be looked at next, and for what.
    pub(super) fn next_deadline(&self) -> (Time, &'static str) {
        if !self.is_open() {
            return (self.deadline, "a step of coming up");
        }
        let patience = self.patience();
        let mut next = if self.unstable {
            (self.heard_at + patience.dead, "the end of a dead line")
        } else {
            (self.heard_at + patience.unstable, "a sign of the far end")
        };
        let ping = (self.pinged_at + patience.ping_every, "the next ping");
        let probe = self.probe.map(|(at, _)| (at, "the answer to a probe"));
        let ack = self.acks.due_at().map(|at| (at, "an acknowledgement"));
        let renewal = self.renewal.deadline().map(|at| (at, "a fresh token"));
        for other in [Some(ping), probe, ack, renewal].into_iter().flatten() {
            if other.0 < next.0 {
                next = other;
            }
        }
        next
    }
}

/// How long the far end may be silent, and how often it is asked for a sign of life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) ping_every: Duration,
    pub(super) unstable: Duration,
    pub(super) dead: Duration,
}

impl Patience {
    const fn of(protocol: Protocol) -> Self {
        match protocol {
            // The server says something every 250 ms.
            Protocol::OffhookV1 | Protocol::OffhookV1Bin => Self {
                ping_every: Duration::from_secs(5),
                unstable: Duration::from_secs(2),
                dead: Duration::from_secs(6),
            },
            // It owes nothing but pongs.
            Protocol::Plain => Self {
                ping_every: Duration::from_secs(2),
                unstable: Duration::from_secs(5),
                dead: Duration::from_secs(15),
            },
        }
    }
}

/// When the server is told what has arrived.
#[derive(Debug)]
pub(super) struct Acks {
    told_at: Time,
    /// Whether something came that it was not told of, and how much of it.
    owed: bool,
    bytes: usize,
}

/// Not more often than this,
const ACK_EVERY: Duration = Duration::from_millis(250);
/// unless so much came meanwhile, in bytes.
const ACK_BYTES: usize = 64 << 10;

impl Acks {
    const fn new(now: Time) -> Self {
        Self {
            told_at: now,
            owed: false,
            bytes: 0,
        }
    }

    pub(super) const fn came(&mut self, bytes: usize) {
        self.owed = true;
        self.bytes += bytes;
    }

    fn due_at(&self) -> Option<Time> {
        self.owed.then(|| self.told_at + ACK_EVERY)
    }

    /// Whether to tell it now; if so, it counts as told.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        let due = self.bytes >= ACK_BYTES || self.due_at().is_some_and(|at| at <= now);
        if due {
            *self = Self::new(now);
        }
        due
    }
}

/// A session, as this end knows it.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) id: String,
    /// Empty where the server keeps no sessions.
    pub(super) epoch: String,
    /// The highest sequence number that came, with nothing missing before it.
    pub(super) received: u64,
    /// What stream numbers stand for.
    streams: BTreeMap<u16, Stream>,
    /// The caller's speech began and has not ended.
    pub(super) caller_speaks: bool,
    /// Where it last ended, in samples of the session's input.
    pub(super) spoke_until: u64,
    /// An answer is due that has not begun.
    pub(super) owes_answer: bool,
    /// The answer in progress has begun; the item it speaks, once it does.
    pub(super) answers: bool,
    pub(super) item: String,
}

impl Session {
    pub(super) fn new(id: String, epoch: String) -> Self {
        Self {
            id,
            epoch,
            ..Self::default()
        }
    }

    pub(super) fn can_resume(&self) -> bool {
        !self.epoch.is_empty()
    }

    /// Nobody says anything, and nobody is about to.
    pub(super) const fn is_quiet(&self) -> bool {
        !self.caller_speaks && !self.owes_answer && !self.answers
    }

    pub(super) fn announce(&mut self, stream: Stream) {
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&stream.stream) {
            self.streams.pop_first();
        }
        self.streams.insert(stream.stream, stream);
    }

    pub(super) fn stream(&self, number: u16) -> Option<&Stream> {
        self.streams.get(&number)
    }
}
