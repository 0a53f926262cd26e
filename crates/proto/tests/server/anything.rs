//! Whatever happens in whatever order, nothing is lost, repeated, or said to the wrong connection.

use std::collections::{BTreeMap, BTreeSet};

use offhook_proto::server::{Config, Input, Output, Received, TokenRefused};
use offhook_proto::wire::client::{Bye, Ping, SessionRefresh};
use offhook_proto::wire::server::SessionUpdated;
use offhook_proto::wire::{ClientEvent, ServerEvent};
use offhook_proto::{Close, Conn, Frame, Protocol};

use crate::harness::{Rig, Told, config, ms};

const PROTOCOLS: [Protocol; 2] = [Protocol::OffhookV1, Protocol::OffhookV1Bin];

/// Enough of a generator to replay a failure from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// A client that keeps to the protocol, over a network that does not.
struct World {
    rig: Rig,
    dice: Dice,
    /// The newest connection, and whether it is the session's.
    conn: u32,
    is_live: bool,
    protocol: Protocol,
    /// Connections that nothing more may be said to.
    finished: BTreeSet<u32>,
    /// The client's next number, and the highest one the server has said to have.
    next_seq: u64,
    /// The agent's events: by number, as they were first seen.
    seen: BTreeMap<u64, String>,
    received: u64,
    given: u64,
    read: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let config = Config {
            ring_bytes: 30_000,
            in_flight_bytes: 8_000,
            ..config()
        };
        let mut dice = Dice(seed * 2 + 1);
        let protocol = PROTOCOLS[dice.roll(2) as usize];
        let mut world = Self {
            rig: Rig::new(config),
            dice,
            conn: 1,
            is_live: true,
            protocol,
            finished: BTreeSet::new(),
            next_seq: 1,
            seen: BTreeMap::new(),
            received: 0,
            given: 0,
            read: 0,
        };
        world.rig.attach(1, protocol, false);
        world.check();
        world
    }

    fn step(&mut self) {
        let conn = self.conn;
        match self.dice.roll(24) {
            0..=4 if self.is_live => {
                self.say(self.next_seq);
                self.next_seq += 1;
            }
            // Sent again, as it is not known to have arrived.
            5 if self.is_live && self.next_seq > 1 => {
                let back = self.dice.roll(self.next_seq.min(9)).max(1);
                self.say(self.next_seq - back);
            }
            6..=8 if self.rig.server.takes_upstream() => {
                let item = format!("item_{}", self.dice.roll(3));
                let samples = 1 + self.dice.roll(3_000) as usize;
                self.rig.speak(&item, &vec![1; samples]);
            }
            9 if self.rig.server.takes_upstream() => {
                self.rig.upstream(SessionUpdated::default());
            }
            10..=12 if self.is_live => {
                let behind = self.dice.roll(3).min(self.received);
                self.rig.ack(conn, self.received - behind);
            }
            13 | 14 => {
                let while_ms = self.dice.roll(3_000);
                self.rig.run(ms(while_ms));
            }
            15 => {
                self.is_live = false;
                self.rig.drop(conn);
                self.finished.insert(conn);
            }
            16 | 17 => {
                self.conn += 1;
                self.is_live = false;
                self.protocol = PROTOCOLS[self.dice.roll(2) as usize];
                self.rig.attach(self.conn, self.protocol, true);
            }
            18..=20 if !self.is_live => self.rig.resume(conn, self.received, self.next_seq),
            21 => self.rig.send(conn, None, Ping::default()),
            22 => match self.dice.roll(6) {
                0 => self.rig.send(conn, None, SessionRefresh::default()),
                1 => self.rig.handle(Input::TokenChecked {
                    conn: Conn(conn),
                    event_id: Some("client_0".into()),
                    checked: Err(TokenRefused::Invalid),
                }),
                2 => self.rig.handle(Input::RequireRefresh {
                    reason: "x",
                    deadline: ms(4_000),
                }),
                3 => self.rig.received(conn, Received::Alive),
                4 => self.rig.received(conn, Received::TooBig),
                _ => self.rig.text(conn, "{}"),
            },
            23 if self.dice.roll(40) == 0 => match self.dice.roll(5) {
                0 => self.rig.handle(Input::Shutdown),
                1 => self.rig.handle(Input::Revoke { reason: "x" }),
                2 => self.rig.send(conn, None, Bye::default()),
                3 => self.rig.closes(conn, Close::NORMAL),
                _ => {
                    let close = Close::new(Close::NORMAL, "over");
                    self.rig.handle(Input::UpstreamEnded(close));
                }
            },
            _ => self.rig.received(conn, Received::Alive),
        }
        self.check();
    }

    fn say(&mut self, seq: u64) {
        if self.protocol == Protocol::OffhookV1Bin {
            self.rig.say_binary(self.conn, seq);
        } else {
            self.rig.say(self.conn, seq);
        }
    }

    fn check(&mut self) {
        let fresh = self.rig.outputs.split_off(0);
        for output in fresh {
            assert!(self.read != usize::MAX, "{output:?} comes after the end");
            match output {
                Output::Transmit { conn, frame } => self.told(conn.0, &frame),
                Output::Close { conn, .. } | Output::Abort { conn } => {
                    self.finished.insert(conn.0);
                    if conn.0 == self.conn {
                        self.is_live = false;
                    }
                }
                Output::Upstream(envelope) => {
                    if matches!(envelope.event, ClientEvent::InputAudioBufferAppend(_)) {
                        self.given += 1;
                        assert_eq!(envelope.seq, Some(self.given));
                    }
                }
                Output::UpstreamAudio(pcm) => {
                    self.given += 1;
                    let sample = i16::from_le_bytes([pcm[0], pcm[1]]);
                    assert_eq!(sample, self.given as i16);
                }
                Output::Ping { conn } => assert!(!self.finished.contains(&conn.0)),
                Output::CheckToken { conn, .. } => assert_eq!(conn.0, self.conn),
                Output::Ended => self.read = usize::MAX,
                Output::Attached(_) | Output::Wait { .. } => {}
            }
        }
        assert!(self.rig.server.kept_bytes() < 150_000);
        assert!(self.given < self.next_seq);
    }

    fn told(&mut self, conn: u32, frame: &Frame) {
        assert!(!self.finished.contains(&conn), "{frame:?} after the close");
        let told = Told::read(frame);
        if let Told::Event(envelope) = &told
            && let ServerEvent::SessionResumed(resumed) = &envelope.event
        {
            assert_eq!(conn, self.conn);
            assert!(resumed.recv < self.next_seq && resumed.commit <= resumed.recv);
            assert!(resumed.replay_from <= self.received + 1);
            self.is_live = true;
            self.next_seq = resumed.recv + 1;
        }
        let Some(seq) = told.seq() else {
            return;
        };
        assert!(seq <= self.received + 1, "{seq} after {}", self.received);
        self.received = self.received.max(seq);
        let sound = told.sound();
        assert_eq!(
            *self.seen.entry(seq).or_insert_with(|| sound.clone()),
            sound
        );
    }
}

#[test]
fn nothing_is_lost_repeated_or_said_to_the_wrong_connection() {
    let mut resumed = 0;
    let mut ended = 0;
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
        resumed += u64::from(world.is_live && world.conn > 1);
        // Left alone, every session ends, and says so once.
        world.rig.run(ms(60_000));
        world.check();
        assert_eq!(world.read, usize::MAX, "seed {seed} does not end");
        ended += 1;
    }
    assert!(resumed > 20, "{resumed} of {ended} were live in the end");
}
