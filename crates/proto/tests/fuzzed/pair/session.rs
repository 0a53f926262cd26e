//! A session of the bridge: its server end, and an agent that listens and speaks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use offhook_proto::server::{Config, Input};
use offhook_proto::wire::server::{
    ConversationItemAdded, InputAudioBufferCommitted, OutputAudioDelta, ResponseCreated,
    ResponseDone, SessionCreated, SpeechStarted, SpeechStopped,
};
use offhook_proto::wire::{
    ClientEvent, Envelope, Item, Response, ServerEvent, decode_pcm16, encode_pcm16,
};
use offhook_proto::{Server, Time};

use super::phone::Phone;
use super::sound::{self, Pieces};

/// What one message and the bookkeeping of a session may add to its ring, in bytes.
const SLACK: usize = 512 << 10;

/// What is newer than this may still turn out to be speech, in samples.
const SILENCE: u64 = 2 * 24_000;

/// One session.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) server: Server,
    pub(crate) is_offhook: bool,
    ring_bytes: usize,
    /// Whether the upstream may be given anything.
    pub(crate) is_attached: bool,
    pub(crate) has_ended: bool,
    /// What the upstream wants to say, where it is not taken yet.
    unsaid: VecDeque<ServerEvent>,
    pieces: Pieces,
    last_piece: Option<u32>,
    /// Where each piece ends in what was given upstream, in samples.
    ends: Vec<(u32, u64)>,
    /// Samples given upstream.
    given: u64,
    created: BTreeSet<String>,
    /// Samples said of each item, and answers that are done.
    said: BTreeMap<String, u64>,
    done: Vec<String>,
    turns: u32,
    is_spoken_to: bool,
    /// How much had been given when the server was told that the caller speaks, while it does.
    speech_from: Option<u64>,
    /// Up to where speech was, as the server was told.
    speech_to: u64,
    /// Whether something came in that no client of ours says: what is heard means nothing any more.
    pub(crate) is_misled: bool,
}

impl Session {
    pub(crate) fn new(config: Config, is_offhook: bool, now: Time) -> Self {
        let mut session = Self {
            id: config.session_id.clone(),
            ring_bytes: config.ring_bytes,
            server: Server::new(config, now),
            is_offhook,
            is_attached: false,
            has_ended: false,
            unsaid: VecDeque::new(),
            pieces: Pieces::default(),
            last_piece: None,
            ends: Vec::new(),
            given: 0,
            created: BTreeSet::new(),
            said: BTreeMap::new(),
            done: Vec::new(),
            turns: 0,
            is_spoken_to: false,
            speech_from: None,
            speech_to: 0,
            is_misled: false,
        };
        session.say(SessionCreated::default());
        session
    }

    /// The upstream says something, as soon as it may.
    fn say(&mut self, event: impl Into<ServerEvent>) {
        if !self.has_ended {
            self.unsaid.push_back(event.into());
        }
    }

    /// Passes on what the upstream says, as far as it may.
    pub(crate) fn pass_on(&mut self, now: Time) -> bool {
        let may = !self.has_ended && self.server.takes_upstream();
        let event = if may { self.unsaid.pop_front() } else { None };
        let Some(event) = event else { return false };
        match &event {
            ServerEvent::SpeechStarted(_) => self.speech_from = Some(self.given),
            ServerEvent::SpeechStopped(stopped) => {
                self.speech_from = None;
                self.speech_to = stopped.audio_end_ms * 24;
            }
            _ => {}
        }
        self.server
            .handle(now, Input::Upstream(Envelope::from(event)));
        true
    }

    /// The upstream finds that the caller speaks, or does not any more.
    pub(crate) fn turn(&mut self) {
        let item_id = format!("item_{}_turn{}", self.id, self.turns);
        let at = self.given / 24;
        if self.is_spoken_to {
            let audio_end_ms = at;
            self.say(SpeechStopped {
                audio_end_ms,
                item_id: item_id.clone(),
                ..SpeechStopped::default()
            });
            self.say(InputAudioBufferCommitted {
                item_id,
                ..InputAudioBufferCommitted::default()
            });
            self.turns += 1;
        } else {
            let audio_start_ms = at;
            self.say(SpeechStarted {
                audio_start_ms,
                item_id,
                ..SpeechStarted::default()
            });
        }
        self.is_spoken_to = !self.is_spoken_to;
    }

    /// The agent answers, in so many pieces.
    pub(crate) fn answer(&mut self, deltas: u8, samples: u16) {
        let number = self.done.len();
        let response = Response {
            id: format!("resp_{}_{number}", self.id),
            ..Response::default()
        };
        let item_id = format!("item_{}_answer{number}", self.id);
        self.say(ResponseCreated {
            response: response.clone(),
            ..ResponseCreated::default()
        });
        for _ in 0..deltas {
            let said = self.said.entry(item_id.clone()).or_default();
            let delta = encode_pcm16(&sound::speech(*said, samples));
            *said += u64::from(samples);
            self.say(OutputAudioDelta {
                response_id: response.id.clone(),
                item_id: item_id.clone(),
                delta,
                ..OutputAudioDelta::default()
            });
        }
        self.done.push(response.id.clone());
        self.say(ResponseDone {
            response,
            ..ResponseDone::default()
        });
    }

    /// The caller's sound goes upstream.
    pub(crate) fn hear(&mut self, pcm: &[u8], phone: &Phone, all: &mut BTreeSet<u32>) {
        assert!(
            self.is_attached,
            "the upstream hears something while nobody is there"
        );
        let (samples, _) = pcm.as_chunks::<2>();
        let samples: Vec<i16> = samples.iter().map(|s| i16::from_le_bytes(*s)).collect();
        self.given += samples.len() as u64;
        if phone.is_misled {
            return;
        }
        for piece in self.pieces.take(&samples) {
            let next = self.last_piece.map_or(0, |last| last + 1);
            assert!(
                piece >= next,
                "{}: piece {piece} is repeated after {next}",
                self.id
            );
            for missing in next..piece {
                let is_told = phone.is_lost(missing) || all.contains(&missing);
                assert!(
                    is_told,
                    "{}: piece {missing} is missing before {piece}",
                    self.id
                );
            }
            self.last_piece = Some(piece);
            self.ends.push((piece, self.given));
            all.insert(piece);
        }
    }

    /// The pieces that the upstream cannot have used, and another one has to hear: of speech that
    /// has not ended, or too new to be known for silence.
    pub(crate) fn unused(&self) -> impl Iterator<Item = u32> {
        let used = match self.speech_from {
            Some(from) => from,
            None => self.speech_to.max(self.given.saturating_sub(SILENCE)),
        };
        let unused = self.ends.iter().filter(move |(_, end)| *end > used);
        unused.map(|(piece, _)| *piece)
    }

    /// The first piece that the upstream heard.
    pub(crate) fn first_piece(&self) -> Option<u32> {
        self.ends.first().map(|(piece, _)| *piece)
    }

    /// An event goes upstream.
    pub(crate) fn take(&mut self, event: ClientEvent, phone: &Phone, all: &mut BTreeSet<u32>) {
        match event {
            ClientEvent::InputAudioBufferAppend(append) => {
                let samples = decode_pcm16(&append.audio);
                assert!(
                    samples.is_ok() || self.is_misled,
                    "the client's sound is broken"
                );
                let samples = samples.unwrap_or_default();
                let pcm: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
                self.hear(&pcm, phone, all);
            }
            ClientEvent::ConversationItemCreate(create) => {
                let item = create.item;
                let is_new = self.created.insert(item.id.clone());
                assert!(is_new || self.is_misled, "{} is created twice", item.id);
                self.echo(item);
            }
            ClientEvent::ConversationItemTruncate(cut) if self.is_offhook => {
                let said = self.said.get(&cut.item_id).copied().unwrap_or(0);
                let is_valid = cut.audio_end_ms <= said / 24;
                assert!(is_valid, "{}: {cut:?} after {said} samples", self.id);
            }
            _ => {}
        }
    }

    fn echo(&mut self, item: Item) {
        self.say(ConversationItemAdded {
            item,
            ..ConversationItemAdded::default()
        });
    }

    /// Whether an item was created here.
    pub(crate) fn knows(&self, item: &str) -> bool {
        self.created.contains(item)
    }

    /// Whether everything was said, to a client that is there.
    pub(crate) fn is_quiet(&self) -> bool {
        self.unsaid.is_empty() && self.is_attached && !self.has_ended
    }

    /// Whether the client has heard everything.
    pub(crate) fn was_heard(&self, phone: &Phone) {
        for (item, said) in &self.said {
            assert_eq!(phone.heard(item), *said, "{item} was not heard to its end");
        }
        for response in &self.done {
            assert!(
                phone.has_answer(response),
                "{response} is not known to be done"
            );
        }
    }

    /// Whether the server keeps no more than it may.
    pub(crate) fn check(&self) {
        let kept = self.server.kept_bytes();
        assert!(
            kept <= self.ring_bytes + SLACK,
            "{}: {kept} bytes are kept",
            self.id
        );
    }
}
