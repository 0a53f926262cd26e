//! Reads what a client says on its way from the relay to the server, and enters it in a ledger.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use offhook_proto::wire::binary::{Frame, Kind};
use offhook_proto::wire::decode_pcm16;
use offhook_tests::clock::Stopwatch;
use offhook_tests::relay::{Passed, Way};
use serde::Deserialize;

use super::ledger::{Arrival, Ledger};
use super::messages::{Message, Messages};
use crate::numbered;

/// What it reads into.
pub(super) type Shared = Arc<Mutex<Reading>>;

/// All that is known of a call's connections.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) ledger: Ledger,
    connections: HashMap<usize, Connection>,
    /// By their epochs, where they have one: the highest sequence number of audio that arrived.
    sessions: Vec<Session>,
}

#[derive(Debug)]
struct Session {
    epoch: Option<String>,
    seq: u64,
}

#[derive(Debug, Default)]
struct Connection {
    up: Messages,
    down: Messages,
    session: Option<usize>,
    /// Samples that are no whole frame yet.
    rest: Vec<i16>,
}

/// The events that matter here, of the bridge's protocol and of centrifuge's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    r#type: String,
    seq: Option<u64>,
    audio: Option<String>,
    epoch: Option<String>,
    publish: Option<Publish>,
}

#[derive(Debug, Deserialize)]
struct Publish {
    data: Published,
}

#[derive(Debug, Deserialize)]
struct Published {
    audio: String,
}

/// A reading, and the tap that a relay feeds it through.
pub(super) fn reading(clock: Stopwatch) -> (Shared, impl Fn(Passed<'_>) + Send + Sync + 'static) {
    let reading = Shared::default();
    let fed = Arc::clone(&reading);
    (reading, move |passed| lock(&fed).pass(clock, passed))
}

/// Looks into a reading.
pub(super) fn lock(reading: &Shared) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reading {
    fn pass(&mut self, clock: Stopwatch, passed: Passed<'_>) {
        let connection = self.connections.entry(passed.connection).or_default();
        match passed.way {
            Way::Down => {
                for message in connection.down.pass(passed.bytes) {
                    self.hear(passed.connection, &message);
                }
            }
            Way::Up => {
                for message in connection.up.pass(passed.bytes) {
                    self.say(clock, passed.connection, message);
                }
            }
        }
    }

    /// The server says something: which session it is.
    fn hear(&mut self, connection: usize, message: &Message) {
        let Message::Text(text) = message else { return };
        let text = String::from_utf8_lossy(text);
        if !text.contains("offhook.hello") {
            return;
        }
        let Ok(hello) = serde_json::from_str::<Event>(&text) else {
            return;
        };
        if hello.r#type == "offhook.hello" {
            let session = self.session(hello.epoch);
            self.connections.entry(connection).or_default().session = Some(session);
        }
    }

    /// The client says something: audio.
    fn say(&mut self, clock: Stopwatch, connection: usize, message: Message) {
        match message {
            Message::Binary(bytes) => {
                let Ok(frame) = Frame::decode(&bytes) else {
                    self.ledger.garbled += 1;
                    return;
                };
                if frame.kind == Kind::Input {
                    let samples = frame.payload.chunks_exact(2);
                    let samples = samples.map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                    self.audio(clock, connection, Some(frame.seq), samples.collect());
                }
            }
            Message::Text(text) => {
                // centrifuge sends several commands at once, one a line.
                for line in text.split(|byte| *byte == b'\n') {
                    let Ok(event) = serde_json::from_slice::<Event>(line) else {
                        continue;
                    };
                    let published = event.publish.map(|publish| publish.data.audio);
                    let Some(audio) = event.audio.or(published) else {
                        continue;
                    };
                    match decode_pcm16(&audio) {
                        Ok(samples) => self.audio(clock, connection, event.seq, samples),
                        Err(_) => self.ledger.garbled += 1,
                    }
                }
            }
        }
    }

    fn audio(&mut self, clock: Stopwatch, place: usize, seq: Option<u64>, samples: Vec<i16>) {
        let connection = self.connections.entry(place).or_default();
        let session = match connection.session {
            Some(session) => session,
            None => self.session(None),
        };
        if let Some(seq) = seq {
            // The server drops what it has by its number, and so does this.
            let session = &mut self.sessions[session];
            if seq <= session.seq {
                return;
            }
            session.seq = seq;
        }
        let connection = self.connections.entry(place).or_default();
        connection.session = Some(session);
        let mut rest = mem::take(&mut connection.rest);
        rest.extend(samples);
        for samples in rest.chunks_exact(numbered::SAMPLES) {
            match numbered::number(samples) {
                Some(frame) => self.ledger.arrivals.push(Arrival {
                    at: clock.elapsed(),
                    frame,
                    connection: place,
                    session,
                }),
                None => self.ledger.garbled += 1,
            }
        }
        let whole = rest.len() - rest.len() % numbered::SAMPLES;
        rest.drain(..whole);
        connection.rest = rest;
    }

    /// The place of the session of this epoch; of a new one where there is none.
    fn session(&mut self, epoch: Option<String>) -> usize {
        let known = self
            .sessions
            .iter()
            .position(|session| epoch.is_some() && session.epoch == epoch);
        known.unwrap_or_else(|| {
            self.sessions.push(Session { epoch, seq: 0 });
            self.ledger.sessions = self.sessions.len();
            self.sessions.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_proto::wire::binary::Flags;
    use offhook_proto::wire::encode_pcm16;

    const HEAD: &[u8] = b"HTTP/1.1 101\r\n\r\n";

    /// An unmasked frame of less than 64 KiB.
    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | kind, 126];
        bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    struct Line {
        reading: Shared,
        tap: Box<dyn Fn(Passed<'_>)>,
    }

    impl Line {
        fn new() -> Self {
            let (reading, tap) = reading(Stopwatch::start());
            let tap = Box::new(tap);
            Self { reading, tap }
        }

        fn pass(&self, connection: usize, way: Way, bytes: &[u8]) {
            (self.tap)(Passed {
                connection,
                way,
                bytes,
            });
        }

        fn hello(&self, connection: usize, epoch: &str) {
            let hello = format!("{{\"type\":\"offhook.hello\",\"epoch\":\"{epoch}\"}}");
            self.pass(connection, Way::Down, HEAD);
            self.pass(connection, Way::Up, HEAD);
            self.pass(connection, Way::Down, &message(1, hello.as_bytes()));
        }

        fn binary(&self, connection: usize, seq: u64, samples: &[i16]) {
            let payload: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let frame = Frame {
                kind: Kind::Input,
                flags: Flags::default(),
                stream: 0,
                seq,
                media_ts: 0,
                payload: &payload,
            };
            self.pass(connection, Way::Up, &message(2, &frame.encode()));
        }

        fn frames(&self) -> Vec<(u32, usize, usize)> {
            let reading = lock(&self.reading);
            let arrivals = reading.ledger.arrivals.iter();
            arrivals
                .map(|arrival| (arrival.frame, arrival.connection, arrival.session))
                .collect()
        }
    }

    #[test]
    fn a_resumed_session_is_the_same_and_has_each_number_once() {
        let line = Line::new();
        line.hello(0, "a");
        line.binary(0, 1, &numbered::frame(0));
        line.binary(0, 2, &numbered::frame(1));
        line.hello(1, "a");
        line.binary(1, 2, &numbered::frame(1));
        line.binary(1, 3, &numbered::frame(2));
        line.hello(2, "b");
        line.binary(2, 1, &numbered::frame(2));
        let expected = [(0, 0, 0), (1, 0, 0), (2, 1, 0), (2, 2, 1)];
        assert_eq!(line.frames(), expected);
        assert_eq!(lock(&line.reading).ledger.sessions, 2);
    }

    #[test]
    fn frames_are_put_together_from_the_pieces_they_came_in() {
        let line = Line::new();
        line.hello(0, "a");
        let samples = [numbered::frame(5), numbered::frame(6)].concat();
        line.binary(0, 1, &samples[..700]);
        line.binary(0, 2, &samples[700..]);
        assert_eq!(line.frames(), [(5, 0, 0), (6, 0, 0)]);
    }

    #[test]
    fn plain_events_and_publications_are_read_and_each_connection_is_a_session() {
        let line = Line::new();
        let audio = encode_pcm16(&numbered::frame(9));
        let append = format!("{{\"type\":\"input_audio_buffer.append\",\"audio\":\"{audio}\"}}");
        let publish = format!("{{\"id\":2,\"publish\":{{\"data\":{{\"audio\":\"{audio}\"}}}}}}");
        for (connection, text) in [(0, append), (1, format!("{{\"id\":1}}\n{publish}"))] {
            line.pass(connection, Way::Up, HEAD);
            line.pass(connection, Way::Up, &message(1, text.as_bytes()));
        }
        assert_eq!(line.frames(), [(9, 0, 0), (9, 1, 1)]);
    }
}
