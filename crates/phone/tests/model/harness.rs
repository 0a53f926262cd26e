//! A model with a clock, and words for what happens to it.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

use std::time::Duration;

use offhook_client::Event as Line;
use offhook_client::proto::client::{Back, Cause, Direction, Doing, End, Gap, State};
use offhook_client::proto::wire::{Envelope, ServerEvent, encode_pcm16};
use offhook_client::proto::{Protocol, Time};
use offhook_phone::audio::Event as Sound;
use offhook_phone::model::{Effect, Input, Model};
use offhook_phone::{Activity, AgentEntry, Call, Config, Intent, Snapshot, Stats, TranscriptEntry};
use serde_json::{Value, json};

/// How far the driver's clock is ahead of the model's.
const AHEAD: Duration = Duration::from_secs(3600);

/// A model with its clock and everything it did.
pub(crate) struct Phone {
    pub(crate) model: Model,
    pub(crate) now: Time,
    pub(crate) did: Vec<Effect>,
}

impl Phone {
    pub(crate) fn ready() -> Self {
        let entry = AgentEntry::built_in("test", "http://127.0.0.1:8084", "token".into()).unwrap();
        let config = Config::new("0.0.0", vec![entry]);
        Self {
            model: Model::new(config),
            now: Time::ZERO,
            did: Vec::new(),
        }
    }

    pub(crate) fn dialling() -> Self {
        let mut phone = Self::ready();
        phone.want(Intent::Call {
            agent: "test".to_owned(),
        });
        phone.tell(Input::AudioStarted);
        phone
    }

    pub(crate) fn live() -> Self {
        let mut phone = Self::dialling();
        phone.wait(300);
        phone.line_is(false);
        phone.did.clear();
        phone
    }

    /// A call in which the agent speaks: 400 ms of "one two three four" were received as item `a`
    /// of response `r`, whose end has not come.
    pub(crate) fn hearing_the_agent() -> Self {
        let mut phone = Self::live();
        phone.server(&json!({"type": "response.created", "response": {"id": "r"}}));
        phone.server(
            &json!({"type": "conversation.item.added", "previous_item_id": null,
            "item": {"id": "a", "type": "message", "role": "assistant", "status": "in_progress"}}),
        );
        let part = json!({"response_id": "r", "item_id": "a", "output_index": 0,
            "content_index": 0});
        let mut words = part.clone();
        words["type"] = json!("response.output_audio_transcript.delta");
        words["delta"] = json!("one two three four");
        phone.server(&words);
        let mut sound = part;
        sound["type"] = json!("response.output_audio.delta");
        sound["delta"] = json!(encode_pcm16(&[7; 9600]));
        phone.server(&sound);
        phone.sound(Sound::Started {
            item: "a/0".to_owned(),
        });
        phone
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.did.extend(self.model.handle(self.now, input));
    }

    pub(crate) fn want(&mut self, intent: Intent) {
        self.tell(Input::Intent(intent));
    }

    pub(crate) fn sound(&mut self, event: Sound) {
        self.tell(Input::Audio(event));
    }

    pub(crate) fn line_is(&mut self, unstable: bool) {
        self.state(State::Live {
            protocol: Protocol::OffhookV1,
            unstable,
            round_trip: None,
        });
    }

    pub(crate) fn line_ends(&mut self, end: End) {
        self.state(State::Ended(end));
    }

    /// The driver says where the call stands. Its clock is an hour ahead of the model's.
    pub(crate) fn state(&mut self, state: State) {
        let at = self.driver_time(0);
        self.tell(Input::Client(Line::State { at, state }));
    }

    /// The driver's time in so many ms.
    pub(crate) fn driver_time(&self, in_ms: u64) -> Time {
        self.now + AHEAD + Duration::from_millis(in_ms)
    }

    /// The line went and is made again in `retry_in_ms`.
    pub(crate) fn line_goes(&mut self, cause: Cause, attempt: u32, retry_in_ms: u64) {
        self.state(State::Reconnecting {
            cause,
            attempt,
            doing: Doing::Waiting {
                until: self.driver_time(retry_in_ms),
            },
            gives_up_at: self.driver_time(120_000),
        });
    }

    pub(crate) fn line_is_back(&mut self, resumed: bool, answer_lost: bool) {
        let back = Back {
            away: Duration::from_secs(1),
            resumed,
            answer_lost,
            input_from_ms: 0,
        };
        self.tell(Input::Client(Line::Back(back)));
    }

    pub(crate) fn is_lost(&mut self, direction: Direction, from_ms: u64, to_ms: u64) {
        self.tell(Input::Client(Line::Lost(Gap {
            direction,
            from_ms,
            to_ms,
            reason: "window_full".to_owned(),
        })));
    }

    /// So much of the caller's speech waits to be sent.
    pub(crate) fn waits(&mut self, ms: u64) {
        self.tell(Input::Client(Line::Waiting(Duration::from_millis(ms))));
    }

    pub(crate) fn server(&mut self, event: &Value) {
        let event = Envelope::<ServerEvent>::decode(&event.to_string())
            .unwrap()
            .event;
        self.tell(Input::Client(Line::Server(Box::new(event))));
    }

    pub(crate) fn caller_says(&mut self, amplitude: i16, frames: u32) {
        for _ in 0..frames {
            self.wait(20);
            self.sound(Sound::Captured {
                samples: vec![amplitude; 480],
            });
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.model.snapshot()
    }

    pub(crate) fn line(&self) -> offhook_phone::Line {
        match self.snapshot().call {
            Call::Live { line, .. } => line,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        match self.snapshot().call {
            Call::Live { stats, .. } | Call::Ended { stats, .. } => stats,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn activity(&self) -> Activity {
        match self.snapshot().call {
            Call::Live { activity, .. } => activity,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn sent(&self) -> Vec<&str> {
        let sent = self.did.iter().filter_map(|effect| match effect {
            Effect::Send(event) => Some(event.kind()),
            _ => None,
        });
        sent.collect()
    }

    pub(crate) fn entry(&self, id: &str) -> TranscriptEntry {
        self.model
            .transcript()
            .find(|entry| entry.id == id)
            .cloned()
            .unwrap()
    }
}
