//! A server end in virtual time, with what it said sorted by who it was said to.

use std::time::Duration;

use offhook_proto::server::{Attach, Config, Input, Output, Received};
use offhook_proto::wire::binary::{self, Flags, Kind};
use offhook_proto::wire::client::{Ack, InputAudioBufferAppend, SessionResume};
use offhook_proto::wire::server::{OutputAudioDelta, SessionCreated};
use offhook_proto::wire::{ClientEvent, Envelope, Fields, ServerEvent, encode_pcm16};
use offhook_proto::{Close, Conn, Frame, Protocol, Server, Time};

pub(crate) const SESSION: &str = "sess_1";
pub(crate) const EPOCH: &str = "epoch_1";
/// The wall clock when a session begins.
pub(crate) const UNIX_MS: u64 = 1_700_000_000_000;

/// One session under test.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) now: Time,
    pub(crate) outputs: Vec<Output>,
}

pub(crate) fn config() -> Config {
    Config {
        session_id: SESSION.into(),
        epoch: EPOCH.into(),
        seed: 7,
        unix_ms: UNIX_MS,
        resume_window: Duration::from_secs(30),
        ..Config::default()
    }
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            server: Server::new(config, Time::ZERO),
            now: Time::ZERO,
            outputs: Vec::new(),
        }
    }

    /// A session with its first connection, #1, and `session.created` acknowledged.
    pub(crate) fn live(protocol: Protocol) -> Self {
        Self::live_with(config(), protocol)
    }

    pub(crate) fn live_with(config: Config, protocol: Protocol) -> Self {
        let mut rig = Self::new(config);
        rig.attach(1, protocol, false);
        rig.upstream(SessionCreated::default());
        if protocol.is_offhook() {
            rig.ack(1, 1);
        }
        rig.outputs.clear();
        rig
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        self.server.handle(self.now, input);
        loop {
            match self.server.poll() {
                Output::Wait { until, .. } => {
                    assert!(until.is_none_or(|at| at > self.now), "a driver would spin");
                    break;
                }
                output => self.outputs.push(output),
            }
        }
    }

    /// Lets time pass, ticking whenever the server wants it.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Output::Wait {
            until: Some(at), ..
        } = self.server.poll()
            && at <= end
        {
            self.now = at;
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    /// The same while a client says something every second.
    pub(crate) fn run_with(&mut self, conn: u32, time: Duration) {
        let end = self.now + time;
        while self.now + ms(1000) <= end {
            self.run(ms(1000));
            self.received(conn, Received::Alive);
        }
        self.run(end - self.now);
    }

    pub(crate) fn attach(&mut self, conn: u32, protocol: Protocol, resumes: bool) {
        self.attach_with(conn, protocol, resumes, None);
    }

    pub(crate) fn attach_with(
        &mut self,
        conn: u32,
        protocol: Protocol,
        resumes: bool,
        expires_at: Option<Time>,
    ) {
        self.handle(Input::Attach(Attach {
            conn: Conn(conn),
            protocol,
            resumes,
            expires_at,
            nonce: Some("nonce".into()),
        }));
    }

    pub(crate) fn received(&mut self, conn: u32, received: Received<'_>) {
        self.handle(Input::Received {
            conn: Conn(conn),
            received,
        });
    }

    pub(crate) fn text(&mut self, conn: u32, text: &str) {
        self.received(conn, Received::Text(text));
    }

    /// An event without a number, or with one.
    pub(crate) fn send(&mut self, conn: u32, seq: Option<u64>, event: impl Into<ClientEvent>) {
        let mut envelope = Envelope::from(event.into());
        envelope.seq = seq;
        envelope.event_id = Some(format!("client_{}", seq.unwrap_or(0)));
        self.text(conn, &envelope.encode());
    }

    pub(crate) fn ack(&mut self, conn: u32, up_to: u64) {
        let extra = Fields::new();
        self.send(conn, None, Ack { up_to, extra });
    }

    /// 20 ms of the caller's audio.
    pub(crate) fn say(&mut self, conn: u32, seq: u64) {
        let audio = encode_pcm16(&[1; 480]);
        let extra = Fields::new();
        self.send(conn, Some(seq), InputAudioBufferAppend { audio, extra });
    }

    /// The same as a binary frame; its samples are its number.
    pub(crate) fn say_binary(&mut self, conn: u32, seq: u64) {
        let sample = (seq as i16).to_le_bytes();
        let frame = binary::Frame {
            kind: Kind::Input,
            flags: Flags::default(),
            stream: 0,
            seq,
            media_ts: 0,
            payload: &sample.repeat(480),
        };
        self.received(conn, Received::Binary(&frame.encode()));
    }

    pub(crate) fn resume(&mut self, conn: u32, last_seq: u64, next_seq: u64) {
        self.send(conn, None, resume(last_seq, next_seq));
    }

    pub(crate) fn drop(&mut self, conn: u32) {
        self.received(conn, Received::Closed(None));
    }

    pub(crate) fn closes(&mut self, conn: u32, code: u16) {
        self.received(conn, Received::Closed(Some(Close::new(code, ""))));
    }

    pub(crate) fn upstream(&mut self, event: impl Into<ServerEvent>) {
        self.handle(Input::Upstream(Envelope::from(event.into())));
    }

    /// The agent says this much of an item.
    pub(crate) fn speak(&mut self, item: &str, samples: &[i16]) {
        self.upstream(OutputAudioDelta {
            response_id: "resp_1".into(),
            item_id: item.into(),
            delta: encode_pcm16(samples),
            ..OutputAudioDelta::default()
        });
    }

    pub(crate) fn clear(&mut self) {
        self.outputs.clear();
    }

    /// Everything sent over a connection since [`Self::clear`].
    pub(crate) fn sent(&self, conn: u32) -> Vec<Told> {
        let frames = self.outputs.iter().filter_map(|output| match output {
            Output::Transmit { conn: to, frame } if *to == Conn(conn) => Some(frame),
            _ => None,
        });
        frames.map(Told::read).collect()
    }

    /// The same as types, without heartbeats.
    pub(crate) fn kinds(&self, conn: u32) -> Vec<String> {
        let kinds = self.sent(conn).into_iter().map(|told| match told {
            Told::Event(envelope) => envelope.event.kind().to_owned(),
            Told::Audio { .. } => "audio".to_owned(),
        });
        kinds.filter(|kind| kind != "offhook.ack").collect()
    }

    /// The numbers of what was sent over a connection.
    pub(crate) fn seqs(&self, conn: u32) -> Vec<u64> {
        self.sent(conn).iter().filter_map(Told::seq).collect()
    }

    /// The latest event of a type sent over a connection.
    pub(crate) fn last(&self, conn: u32, kind: &str) -> ServerEvent {
        let mut events = self.sent(conn).into_iter().filter_map(|told| match told {
            Told::Event(envelope) if envelope.event.kind() == kind => Some(envelope.event),
            _ => None,
        });
        let kinds = self.kinds(conn);
        events
            .next_back()
            .unwrap_or_else(|| panic!("{kind} is in {kinds:?}"))
    }

    /// What the latest heartbeat said: recv and commit.
    pub(crate) fn heartbeat(&mut self, conn: u32) -> (u64, u64) {
        self.run(ms(250));
        match self.last(conn, "offhook.ack") {
            ServerEvent::Ack(ack) => (ack.up_to, ack.commit),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn close_of(&self, conn: u32) -> Option<Close> {
        self.outputs.iter().find_map(|output| match output {
            Output::Close { conn: to, close } if *to == Conn(conn) => Some(close.clone()),
            _ => None,
        })
    }

    pub(crate) fn code_of(&self, conn: u32) -> Option<u16> {
        self.close_of(conn).map(|close| close.code)
    }

    pub(crate) fn aborted(&self, conn: u32) -> bool {
        let abort = Output::Abort { conn: Conn(conn) };
        self.outputs.contains(&abort)
    }

    pub(crate) fn ended(&self) -> bool {
        self.outputs.last() == Some(&Output::Ended)
    }

    /// Events given upstream, audio as frames left out.
    pub(crate) fn given(&self) -> Vec<Envelope<ClientEvent>> {
        let given = self.outputs.iter().filter_map(|output| match output {
            Output::Upstream(envelope) => Some(envelope.clone()),
            _ => None,
        });
        given.collect()
    }

    /// The first sample of each piece of audio given upstream.
    pub(crate) fn heard(&self) -> Vec<i16> {
        let heard = self.outputs.iter().filter_map(|output| match output {
            Output::UpstreamAudio(pcm) => Some(i16::from_le_bytes([pcm[0], pcm[1]])),
            _ => None,
        });
        heard.collect()
    }

    pub(crate) fn attached(&self) -> Vec<bool> {
        let told = self.outputs.iter().filter_map(|output| match output {
            Output::Attached(attached) => Some(*attached),
            _ => None,
        });
        told.collect()
    }
}

pub(crate) fn resume(last_seq: u64, next_seq: u64) -> SessionResume {
    SessionResume {
        session_id: SESSION.into(),
        epoch: EPOCH.into(),
        last_seq,
        next_seq,
        ..SessionResume::default()
    }
}

/// One message to a client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Event(Box<Envelope<ServerEvent>>),
    Audio {
        seq: u64,
        flags: Flags,
        stream: u16,
        media_ts: u32,
        samples: Vec<i16>,
    },
}

impl Told {
    pub(crate) fn read(frame: &Frame) -> Self {
        match frame {
            Frame::Text(text) => {
                let envelope = Envelope::decode(text).expect("the server writes events");
                Self::Event(Box::new(envelope))
            }
            Frame::Binary(bytes) => {
                let frame = binary::Frame::decode(bytes).expect("the server writes frames");
                assert_eq!(frame.kind, Kind::Output);
                let (samples, _) = frame.payload.as_chunks::<2>();
                Self::Audio {
                    seq: frame.seq,
                    flags: frame.flags,
                    stream: frame.stream,
                    media_ts: frame.media_ts,
                    samples: samples.iter().map(|s| i16::from_le_bytes(*s)).collect(),
                }
            }
        }
    }

    /// What it says, whether as a frame or as an event.
    pub(crate) fn sound(&self) -> String {
        match self {
            Self::Audio { samples, .. } => encode_pcm16(samples),
            Self::Event(envelope) => match &envelope.event {
                ServerEvent::OutputAudioDelta(delta) => delta.delta.clone(),
                _ => envelope.encode(),
            },
        }
    }

    pub(crate) fn seq(&self) -> Option<u64> {
        match self {
            Self::Event(envelope) => envelope.seq,
            Self::Audio { seq, .. } => Some(*seq),
        }
    }
}
