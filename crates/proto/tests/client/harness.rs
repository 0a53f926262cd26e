//! A client end whose driver always succeeds, and a server that is played by hand.

use std::collections::VecDeque;
use std::time::Duration;

use offhook_proto::client::{Back, Config, Gap, Input, Output, Received, State};
use offhook_proto::wire::binary::Frame as AudioFrame;
use offhook_proto::wire::server::{Ack, Hello, SessionCreated, SessionResumed};
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use offhook_proto::{Client, Close, Conn, Frame, Protocol, Time};

/// What the driver was asked for besides messages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    Authorise(Conn, Option<String>),
    Connect(Conn, Option<String>),
    Renew(Conn),
    Refresh(Conn, String),
    Ping(Conn),
    Close(Conn, Close),
    Abort(Conn),
}

/// A message of the client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    Event(Box<Envelope<ClientEvent>>),
    /// The sequence number, the first sample and whether it was sent before.
    Audio(u64, i16, bool),
}

impl Sent {
    pub(crate) fn seq(&self) -> Option<u64> {
        match self {
            Self::Event(envelope) => envelope.seq,
            Self::Audio(seq, ..) => Some(*seq),
        }
    }
}

pub(crate) struct Far {
    pub(crate) now: Time,
    pub(crate) client: Client,
    pub(crate) protocol: Protocol,
    /// Whether attempts get a token and a connection.
    pub(crate) answers: bool,
    pub(crate) conn: Conn,
    pub(crate) asked: Vec<(Time, Asked)>,
    pub(crate) sent: VecDeque<(Conn, Sent)>,
    pub(crate) states: Vec<(Time, State)>,
    pub(crate) events: Vec<ServerEvent>,
    pub(crate) backs: Vec<Back>,
    pub(crate) lost: Vec<Gap>,
    pub(crate) ignored: Vec<String>,
    /// Server sequence numbers given out.
    pub(crate) seq: u64,
    until: Option<Time>,
}

impl Far {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self::with(protocol, Config::default())
    }

    pub(crate) fn with(protocol: Protocol, config: Config) -> Self {
        let mut far = Self {
            now: Time::ZERO,
            client: Client::new(config, Time::ZERO),
            protocol,
            answers: true,
            conn: Conn(0),
            asked: Vec::new(),
            sent: VecDeque::new(),
            states: Vec::new(),
            events: Vec::new(),
            backs: Vec::new(),
            lost: Vec::new(),
            ignored: Vec::new(),
            seq: 0,
            until: None,
        };
        far.drain();
        far
    }

    /// One whose session is open.
    pub(crate) fn live(protocol: Protocol) -> Self {
        let mut far = Self::new(protocol);
        far.open("epoch_1");
        assert!(
            matches!(far.state(), State::Live { .. }),
            "{:?}",
            far.state()
        );
        far.sent.clear();
        far
    }

    /// Opens a new session on the newest connection.
    pub(crate) fn open(&mut self, epoch: &str) {
        self.seq = 0;
        if self.protocol.is_offhook() {
            self.hello(epoch, Some(30_000));
        }
        self.say(SessionCreated::default());
    }

    pub(crate) fn hello(&mut self, epoch: &str, refresh_in_ms: Option<u32>) {
        self.say(Hello {
            heartbeat_ms: 250,
            resume_window_ms: 30_000,
            max_frame_bytes: 1 << 20,
            session_id: "sess_1".into(),
            epoch: epoch.into(),
            generation: 1,
            refresh_in_ms,
            ..Hello::default()
        });
    }

    pub(crate) fn resumed(&mut self, recv: u64, commit: u64) {
        self.say(SessionResumed {
            epoch: "epoch_1".into(),
            generation: 2,
            recv,
            commit,
            replay_from: self.seq + 1,
            replay_to: self.seq,
            ..SessionResumed::default()
        });
    }

    pub(crate) fn ack(&mut self, up_to: u64, commit: u64) {
        self.say(Ack {
            up_to,
            commit,
            ..Ack::default()
        });
    }

    /// The server says something over the newest connection, numbered where it has to be.
    pub(crate) fn say(&mut self, event: impl Into<ServerEvent>) {
        let mut envelope = Envelope::from(event.into());
        if self.protocol.is_offhook() && !envelope.event.is_of_connection() {
            self.seq += 1;
            envelope.seq = Some(self.seq);
        }
        self.receive(Received::Text(&envelope.encode()));
    }

    pub(crate) fn receive(&mut self, received: Received<'_>) {
        let conn = self.conn;
        self.tell(Input::Received { conn, received });
    }

    pub(crate) fn drop_line(&mut self) {
        self.receive(Received::Dropped("connection reset"));
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.receive(Received::Closed(Close::new(code, reason)));
    }

    pub(crate) fn audio(&mut self, sample: i16) {
        self.tell(Input::Audio(&[sample; 480]));
    }

    pub(crate) fn tell(&mut self, input: Input<'_>) {
        self.client.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(until) = self.until.filter(|until| *until <= end) {
            assert!(until >= self.now || self.asked.len() < 10_000, "it spins");
            self.now = until.max(self.now);
            let before = self.until;
            self.tell(Input::Tick);
            assert!(
                self.until != before || self.until.is_none(),
                "ticked at {until:?} in vain: {:?}",
                self.client.poll()
            );
        }
        self.now = end;
    }

    /// Lets time pass with signs of life from the server.
    pub(crate) fn run_alive(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let step = Duration::from_millis(250).min(end - self.now);
            self.run_for(step);
            self.receive(Received::Alive(None));
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.states.last().expect("a state is shown at once").1
    }

    /// The sequence numbers and first samples of the audio sent, which is forgotten.
    pub(crate) fn take_audio(&mut self) -> Vec<(u64, i16)> {
        let sent = self.sent.drain(..);
        sent.filter_map(|(_, sent)| match sent {
            Sent::Audio(seq, sample, _) => Some((seq, sample)),
            Sent::Event(envelope) => match &envelope.event {
                ClientEvent::InputAudioBufferAppend(append) => {
                    let pcm = offhook_proto::wire::decode_pcm16(&append.audio);
                    Some((envelope.seq.unwrap_or(0), pcm.expect("it is ours")[0]))
                }
                _ => None,
            },
        })
        .collect()
    }

    /// The types of the events sent, audio left out, which are forgotten.
    pub(crate) fn take_kinds(&mut self) -> Vec<String> {
        let sent = self.sent.drain(..);
        sent.filter_map(|(_, sent)| match sent {
            Sent::Event(envelope) => Some(envelope.event.kind().to_owned()),
            Sent::Audio(..) => None,
        })
        .collect()
    }

    pub(crate) fn dials(&self) -> Vec<(Time, Option<String>)> {
        let asked = self.asked.iter();
        asked
            .filter_map(|(at, asked)| match asked {
                Asked::Authorise(_, session) => Some((*at, session.clone())),
                _ => None,
            })
            .collect()
    }

    fn drain(&mut self) {
        loop {
            let asked = match self.client.poll() {
                Output::Wait { until, .. } => {
                    self.until = until;
                    return;
                }
                Output::Authorise { conn, session } => {
                    self.asked.push((self.now, Asked::Authorise(conn, session)));
                    if self.answers {
                        let expires_in = Some(Duration::from_secs(60));
                        self.client
                            .handle(self.now, Input::Authorised { conn, expires_in });
                    }
                    continue;
                }
                Output::Connect { conn, session, .. } => {
                    self.asked.push((self.now, Asked::Connect(conn, session)));
                    if self.answers {
                        self.conn = conn;
                        let protocol = self.protocol;
                        self.client
                            .handle(self.now, Input::Connected { conn, protocol });
                    }
                    continue;
                }
                Output::Transmit { conn, frame } => {
                    self.sent.push_back((conn, read(&frame)));
                    continue;
                }
                Output::Event(event) => {
                    self.events.push(*event);
                    continue;
                }
                Output::State(state) => {
                    self.states.push((self.now, state));
                    continue;
                }
                Output::Back(back) => {
                    self.backs.push(back);
                    continue;
                }
                Output::Lost(gap) => {
                    self.lost.push(gap);
                    continue;
                }
                Output::Ignored { detail } => {
                    self.ignored.push(detail);
                    continue;
                }
                Output::Renew { conn, .. } => Asked::Renew(conn),
                Output::Refresh { conn, event_id, .. } => Asked::Refresh(conn, event_id),
                Output::Ping { conn, .. } => Asked::Ping(conn),
                Output::Close { conn, close } => Asked::Close(conn, close),
                Output::Abort { conn } => Asked::Abort(conn),
            };
            self.asked.push((self.now, asked));
        }
    }
}

fn read(frame: &Frame) -> Sent {
    match frame {
        Frame::Text(text) => Sent::Event(Box::new(Envelope::decode(text).expect("it is ours"))),
        Frame::Binary(bytes) => {
            let frame = AudioFrame::decode(bytes).expect("it is ours");
            let first = i16::from_le_bytes([frame.payload[0], frame.payload[1]]);
            let replayed = frame
                .flags
                .has(offhook_proto::wire::binary::Flags::REPLAYED);
            Sent::Audio(frame.seq, first, replayed)
        }
    }
}
