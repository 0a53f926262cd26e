//! A caller who counts: says numbered samples in real time, has them said back by the built-in
//! agent, checks every one, and tells what happens on standard output, one note a line.

use std::env;
use std::mem;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offhook_client::proto::client::{Config as Session, Direction, State};
use offhook_client::proto::wire::client::{InputAudioBufferCommit, ResponseCreate, SessionUpdate};
use offhook_client::proto::wire::{ServerEvent, decode_pcm16};
use offhook_client::{Call, Config, Connector, Credential, Endpoint, Event};
use offhook_tests::clock::{Pacer, Stamp};
use offhook_tests::counting::{ACCESS_TOKEN, Answer, Line, Note, What};
use offhook_tests::logs;
use offhook_tests::numbers::{Preface, RATE, numbered};
use serde_json::json;

/// Samples of a piece of speech: 20 ms.
const FRAME: u64 = 480;

/// Less than this that waits to be sent is on its way, in samples.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    logs::to_standard_error();
    let mut arguments = env::args().skip(1);
    let mut argument = |name: &str| arguments.next().with_context(|| format!("no {name}"));
    let url = argument("address")?;
    let utterance: u64 = argument("length of an utterance in ms")?.parse()?;
    let window: Option<u64> = arguments.next().map(|ms| ms.parse()).transpose()?;
    let mut session = Session::default();
    if let Some(window) = window {
        session.window = Duration::from_millis(window);
    }
    let access_token = env::var(ACCESS_TOKEN).ok().map(Into::into);
    let (call, mut events) = Call::start(Config {
        connector: Connector::new()?.without_proxy(),
        endpoint: Endpoint::new(&url, Credential::Mint { access_token })?,
        agent: "test".into(),
        session,
    });
    let mut caller = Caller::new(call, utterance * RATE / 1000, window.is_some())?;
    let mut pacer = Pacer::every(Duration::from_millis(FRAME * 1000 / RATE));
    while !caller.ended {
        tokio::select! {
            () = pacer.tick() => caller.speak()?,
            event = events.recv() => {
                caller.hear(event.context("the call says nothing any more")?)?;
            }
        }
    }
    Ok(())
}

struct Caller {
    call: Call,
    preface: Preface,
    /// The least that is said before it is answered, in samples.
    utterance: u64,
    /// Whether nothing is asked while the line is away.
    patient: bool,
    /// How much was said, and how much of it was handed over to be answered.
    said: u64,
    asked: u64,
    /// What is being answered.
    owed: Option<Owed>,
    /// What the call says is lost for good.
    lost: Vec<Range<u64>>,
    /// The most that waited to be sent since it was last all gone.
    waited: Duration,
    line: Line,
    ended: bool,
}

struct Owed {
    item: String,
    places: Range<u64>,
    heard: Vec<i16>,
    pieces: Vec<Stamp>,
}

impl Caller {
    fn new(call: Call, utterance: u64, patient: bool) -> Result<Self> {
        // The utterances are the caller's own to cut.
        let session = json!({
            "type": "realtime",
            "audio": { "input": { "turn_detection": null } },
        });
        call.send(SessionUpdate {
            session: session.as_object().cloned().context("an object")?,
            ..SessionUpdate::default()
        })?;
        Ok(Self {
            call,
            preface: Preface::read()?,
            utterance,
            patient,
            said: 0,
            asked: 0,
            owed: None,
            lost: Vec::new(),
            waited: Duration::ZERO,
            line: Line::Dialling,
            ended: false,
        })
    }

    /// Says the next 20 ms; asks for an answer where enough was said and the last one was given.
    fn speak(&mut self) -> Result<()> {
        let samples: Vec<i16> = numbered(self.said..self.said + FRAME).collect();
        self.call.audio(&samples)?;
        self.said += FRAME;
        let may_ask = self.owed.is_none() && (self.line.is_up() || !self.patient);
        if may_ask && self.said - self.asked >= self.utterance {
            self.call.send(InputAudioBufferCommit::default())?;
            self.call.send(ResponseCreate::default())?;
            self.owed = Some(Owed {
                item: String::new(),
                places: self.asked..self.said,
                heard: Vec::new(),
                pieces: Vec::new(),
            });
            self.asked = self.said;
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) -> Result<()> {
        match event {
            Event::State { state, .. } => self.state(&state),
            Event::Waiting(waiting) => self.waiting(waiting),
            Event::Back(back) => {
                note(What::Back {
                    away_ms: millis(back.away),
                    resumed: back.resumed,
                    answer_lost: back.answer_lost,
                });
                if back.answer_lost
                    && let Some(owed) = self.owed.take()
                {
                    note(What::Unanswered {
                        places: owed.places,
                    });
                }
            }
            Event::Lost(gap) => {
                note(What::Lost {
                    input: gap.direction == Direction::Input,
                    from_ms: gap.from_ms,
                    to_ms: gap.to_ms,
                    reason: gap.reason,
                });
                if gap.direction == Direction::Input {
                    let place = |ms: u64| ms * RATE / 1000;
                    self.lost.push(place(gap.from_ms)..place(gap.to_ms));
                }
            }
            Event::Server(event) => match *event {
                ServerEvent::OutputAudioDelta(delta) => {
                    self.listen(delta.item_id, &decode_pcm16(&delta.delta)?)?;
                }
                ServerEvent::InputAudioBufferCommitted(committed) => note(What::Committed {
                    item: committed.item_id,
                    previous: committed.previous_item_id,
                }),
                ServerEvent::ResponseDone(done) => self.answered(&done.response.status)?,
                ServerEvent::Error(error) => note(What::Error {
                    code: error.error.code.unwrap_or_default(),
                    message: error.error.message,
                }),
                _ => {}
            },
        }
        Ok(())
    }

    fn state(&mut self, state: &State) {
        self.line = match state {
            State::Dialling(_) => Line::Dialling,
            State::Live { unstable, .. } if *unstable => Line::Unstable,
            State::Live { .. } => Line::Live,
            State::Reconnecting { .. } => Line::Reconnecting,
            State::CatchingUp { .. } => Line::CatchingUp,
            State::Ended(_) => Line::Ended,
        };
        self.ended = self.line == Line::Ended;
        let attempt = match state {
            State::Reconnecting { attempt, .. } => Some(*attempt),
            _ => None,
        };
        note(What::State {
            line: self.line,
            attempt,
            detail: format!("{state:?}"),
        });
    }

    fn waiting(&mut self, waiting: Duration) {
        self.waited = self.waited.max(waiting);
        if waiting.is_zero() {
            let waited = mem::take(&mut self.waited);
            if waited > ON_ITS_WAY {
                note(What::CaughtUp { ms: millis(waited) });
            }
        }
    }

    fn listen(&mut self, item: String, samples: &[i16]) -> Result<()> {
        let owed = self.owed.as_mut().context("an answer nobody asked for")?;
        if owed.pieces.is_empty() {
            owed.item.clone_from(&item);
            note(What::Answering { item });
        }
        owed.pieces.push(Stamp::now());
        owed.heard.extend(samples);
        Ok(())
    }

    fn answered(&mut self, status: &str) -> Result<()> {
        let owed = self.owed.take().context("an answer nobody asked for")?;
        ensure!(status == "completed", "an answer is {status}");
        let places = owed.places;
        let checked = self.preface.check(&owed.heard, places.clone(), &self.lost);
        note(What::Answered(Answer {
            item: owed.item,
            places,
            flaw: checked.err().map(|error| error.to_string()),
            pieces: owed.pieces,
        }));
        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::print_stdout, reason = "whoever started this reads the notes")]
fn note(what: What) {
    let note = Note {
        at: Stamp::now(),
        what,
    };
    println!("{}", json!(note));
}
