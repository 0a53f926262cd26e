//! The caller's side: what was said and heard, and what was told to be lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use offhook_proto::client::{Config, Direction, End, Gap, Input, State};
use offhook_proto::wire::{ServerEvent, decode_pcm16};
use offhook_proto::{Client, Conn, Time};

use super::sound;

const RATE: u64 = 24_000;
/// Samples that may be on their way.
const IN_FLIGHT: u64 = 8 * RATE;
/// What a client may do: so many attempts
const BUDGET: usize = 20;
/// in any such time.
const PERIOD: Duration = Duration::from_secs(60);

/// How far an attempt came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A token is being had, for this session.
    Authorising(Option<String>),
    Connecting,
    Connected,
}

/// A client and what its user knows.
pub(crate) struct Phone {
    pub(crate) client: Client,
    window: u64,
    /// Where each piece of sound ends, in samples; a piece begins where the one before ends.
    ends: Vec<u64>,
    /// In ms.
    pub(crate) lost: Vec<(u64, u64)>,
    /// Samples heard of each item.
    heard: BTreeMap<String, u64>,
    answers: BTreeSet<String>,
    dials: VecDeque<Time>,
    /// Connections and attempts that the client has not been told the end of, and has not ended.
    pub(crate) conns: BTreeMap<Conn, Stage>,
    /// The last connection that the client was told the end of, and when.
    pub(crate) gone: Option<(Conn, Time)>,
    pub(crate) state: Option<State>,
    /// Whether something came in that no server says: what is heard means nothing any more.
    pub(crate) is_misled: bool,
}

impl Phone {
    pub(crate) fn new(config: Config, now: Time) -> Self {
        Self {
            window: u64::try_from(config.window.as_micros()).expect("it is short") * RATE
                / 1_000_000,
            client: Client::new(config, now),
            ends: Vec::new(),
            lost: Vec::new(),
            heard: BTreeMap::new(),
            answers: BTreeSet::new(),
            dials: VecDeque::new(),
            conns: BTreeMap::new(),
            gone: None,
            state: None,
            is_misled: false,
        }
    }

    pub(crate) fn end(&self) -> Option<&End> {
        match &self.state {
            Some(State::Ended(end)) => Some(end),
            _ => None,
        }
    }

    /// The caller says one more piece.
    pub(crate) fn speak(&mut self, now: Time, samples: u16) {
        let number = u32::try_from(self.ends.len()).expect("nobody speaks that long");
        let piece = sound::piece(number, samples);
        if self.end().is_none() {
            self.ends.push(self.said() + piece.len() as u64);
        }
        self.client.handle(now, Input::Audio(&piece));
    }

    /// Samples said.
    pub(crate) fn said(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Pieces said.
    pub(crate) fn pieces(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("nobody speaks that long")
    }

    /// Whether the loss of a piece was told.
    pub(crate) fn is_lost(&self, piece: u32) -> bool {
        let piece = piece as usize;
        let start = piece.checked_sub(1).map_or(0, |before| self.ends[before]);
        let (from, to) = (start * 1000 / RATE, self.ends[piece] * 1000 / RATE);
        self.lost.iter().any(|lost| lost.0 <= from && to <= lost.1)
    }

    /// An attempt begins.
    pub(crate) fn dials(&mut self, now: Time, conn: Conn, session: Option<String>) {
        while self.dials.front().is_some_and(|at| *at + PERIOD <= now) {
            self.dials.pop_front();
        }
        self.dials.push_back(now);
        assert!(
            self.dials.len() <= BUDGET,
            "more than {BUDGET} attempts in {PERIOD:?}"
        );
        let stage = Stage::Authorising(session);
        assert_eq!(
            self.conns.insert(conn, stage),
            None,
            "{conn} was used before"
        );
        let attempts = self
            .conns
            .values()
            .filter(|stage| **stage != Stage::Connected);
        assert!(
            attempts.count() <= 1,
            "two attempts at a time: {:?}",
            self.conns
        );
    }

    /// The client says that sound is lost.
    pub(crate) fn loses(&mut self, gap: &Gap) {
        assert!(self.is_misled || gap.from_ms <= gap.to_ms, "{gap:?}");
        if gap.direction == Direction::Input {
            self.lost.push((gap.from_ms, gap.to_ms));
            let (kept, piece) = (self.client.kept_bytes() / 2, u64::from(sound::MOST));
            let is_full = kept + piece >= self.window;
            assert!(
                gap.reason != "window_full" || is_full,
                "{gap:?} with {kept} kept"
            );
        }
    }

    /// The client shows an event.
    pub(crate) fn hears(&mut self, event: &ServerEvent) {
        if self.is_misled {
            return;
        }
        match event {
            ServerEvent::OutputAudioDelta(delta) => {
                let samples = decode_pcm16(&delta.delta).expect("the agent says whole samples");
                let heard = self.heard.entry(delta.item_id.clone()).or_default();
                let count = u16::try_from(samples.len()).expect("deltas are short");
                let expected = sound::speech(*heard, count);
                assert!(
                    samples == expected,
                    "{} at {heard}: not what comes next",
                    delta.item_id
                );
                *heard += u64::from(count);
            }
            ServerEvent::ResponseDone(done) => {
                let is_new = self.answers.insert(done.response.id.clone());
                assert!(is_new, "{} is done twice", done.response.id);
            }
            _ => {}
        }
    }

    pub(crate) fn heard(&self, item: &str) -> u64 {
        self.heard.get(item).copied().unwrap_or(0)
    }

    pub(crate) fn has_answer(&self, response: &str) -> bool {
        self.answers.contains(response)
    }

    /// Whether the client keeps no more than it may: what fits the window, or what is on its way.
    pub(crate) fn check(&self) {
        let kept = self.client.kept_bytes() / 2;
        let most = self.window.max(IN_FLIGHT);
        assert!(
            kept <= most + u64::from(sound::MOST),
            "{kept} samples are kept"
        );
    }
}
