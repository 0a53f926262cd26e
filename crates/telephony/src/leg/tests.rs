//! A leg between a Twilio and an upstream that the tests play.

use std::collections::BTreeMap;

use super::*;
use crate::message::{Command, Media};
use crate::mulaw;

mod down;
mod played;
mod streams;
mod up;

/// A leg, the time, and what came out since it was last asked for.
struct Call {
    leg: Leg,
    now: Duration,
    chunk: u64,
    audio: Vec<Audio>,
    requests: Vec<Request>,
    sent: Vec<(String, Command)>,
    ended: Option<Ended>,
}

impl Call {
    /// With its first stream, `MZ1`.
    fn new(config: &Config) -> Self {
        let mut call = Self::without_stream(config);
        call.start("MZ1", "CA1");
        call
    }

    fn without_stream(config: &Config) -> Self {
        Self {
            leg: Leg::new(Duration::ZERO, "CA1", config),
            now: Duration::ZERO,
            chunk: 0,
            audio: Vec::new(),
            requests: Vec::new(),
            sent: Vec::new(),
            ended: None,
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.leg.handle(self.now, input);
        while let Some(output) = self.leg.poll() {
            assert_eq!(self.ended, None, "nothing comes after the end");
            match output {
                Output::Audio(audio) => self.audio.push(audio),
                Output::Request(request) => self.requests.push(request),
                Output::Send(stream, command) => self.sent.push((stream.to_string(), command)),
                Output::Ended(ended) => self.ended = Some(ended),
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn twilio(&mut self, stream: &str, event: Event) {
        self.handle(Input::Twilio(&Message {
            stream_sid: Some(stream.to_owned()),
            sequence: None,
            event,
        }));
    }

    fn start(&mut self, stream: &str, call: &str) {
        self.chunk = 0;
        let start = Start {
            stream_sid: stream.to_owned(),
            call_sid: call.to_owned(),
            account_sid: None,
            parameters: BTreeMap::new(),
        };
        self.twilio(stream, Event::Start(start));
    }

    /// 20 ms of the caller, all of one code.
    fn hear(&mut self, stream: &str, timestamp: u64, code: u8) {
        self.chunk += 1;
        let media = Media {
            is_inbound: true,
            chunk: Some(self.chunk),
            timestamp: Some(timestamp),
            payload: vec![code; 160],
        };
        self.twilio(stream, Event::Media(media));
    }

    /// So many bytes of the agent, all of one code.
    fn say(&mut self, item_id: &str, bytes: usize, code: u8) {
        self.handle(Input::Upstream(Upstream::Audio {
            item_id,
            content_index: 0,
            audio: &Audio::Mulaw(vec![code; bytes]),
        }));
    }

    fn upstream(&mut self, event: Upstream<'_>) {
        self.handle(Input::Upstream(event));
    }

    /// What was sent since the last time: how many frames between which marks.
    fn sent(&mut self) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        let mut frames = 0;
        for (_, command) in self.sent.drain(..) {
            match command {
                Command::Media(payload) => {
                    assert_eq!(payload.len(), 160);
                    if frames > 0 {
                        said.pop();
                    }
                    frames += 1;
                    said.push(format!("{frames} frames"));
                }
                Command::Mark(name) => {
                    frames = 0;
                    said.push(name);
                }
                Command::Clear => {
                    frames = 0;
                    said.push("clear".to_owned());
                }
            }
        }
        said
    }

    fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// All mu-law that went up since the last time.
    fn heard(&mut self) -> Vec<u8> {
        let pieces = std::mem::take(&mut self.audio);
        let codes = pieces.into_iter().map(|audio| match audio {
            Audio::Mulaw(codes) => codes,
            Audio::Pcm24k(_) => panic!("the upstream hears mu-law"),
        });
        codes.flatten().collect()
    }

    fn counts(&self) -> Counts {
        self.leg.counts()
    }
}

fn truncate(item_id: &str, audio_end_ms: u64) -> Request {
    Request::Truncate {
        item_id: item_id.to_owned(),
        content_index: 0,
        audio_end_ms,
    }
}
