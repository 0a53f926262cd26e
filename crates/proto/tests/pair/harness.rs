//! Both ends, the wires between them and an upstream that listens, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::wire::{Packet, Wire};
use offhook_proto::client::{Back, Gap, State};
use offhook_proto::server::Attach;
use offhook_proto::wire::server::SessionCreated;
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use offhook_proto::{Client, Conn, Frame, Protocol, Server, Time, client, server};

pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// One session of the server, and what its upstream was given.
pub(crate) struct Session {
    id: String,
    pub(crate) server: Server,
    pub(crate) events: Vec<Envelope<ClientEvent>>,
    /// The first sample of each piece of audio.
    pub(crate) audio: Vec<i16>,
    pub(crate) ended: bool,
}

/// A client, a server with its sessions, and the wires between them.
pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) client: Client,
    pub(crate) sessions: Vec<Session>,
    pub(crate) protocol: Protocol,
    wires: BTreeMap<Conn, Wire>,
    /// While set, what is sent vanishes.
    pub(crate) severed: bool,
    /// Until then nothing arrives; it is late, not lost.
    pub(crate) stalled_until: Time,
    /// Whether the driver gets tokens and connections.
    pub(crate) answers: bool,
    pub(crate) states: Vec<(Time, State)>,
    pub(crate) events: Vec<ServerEvent>,
    pub(crate) backs: Vec<Back>,
    pub(crate) lost: Vec<Gap>,
    pub(crate) ignored: Vec<String>,
    /// What servers sent as text.
    pub(crate) frames: Vec<String>,
}

impl Pair {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self {
            now: Time::ZERO,
            client: Client::new(client::Config::default(), Time::ZERO),
            sessions: Vec::new(),
            protocol,
            wires: BTreeMap::new(),
            severed: false,
            stalled_until: Time::ZERO,
            answers: true,
            states: Vec::new(),
            events: Vec::new(),
            backs: Vec::new(),
            lost: Vec::new(),
            ignored: Vec::new(),
            frames: Vec::new(),
        }
    }

    pub(crate) fn live(protocol: Protocol) -> Self {
        let mut pair = Self::new(protocol);
        pair.run_for(Duration::from_millis(200));
        assert!(
            matches!(pair.state(), State::Live { .. }),
            "{:?}",
            pair.state()
        );
        pair
    }

    pub(crate) fn state(&self) -> &State {
        &self
            .states
            .last()
            .expect("a client shows a state at once")
            .1
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        self.sessions.last_mut().expect("a session was opened")
    }

    /// The connection there is.
    pub(crate) fn conn(&self) -> Conn {
        *self.wires.keys().next_back().expect("one was made")
    }

    pub(crate) fn client(&mut self, input: client::Input<'_>) {
        self.client.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn server(&mut self, input: server::Input<'_>) {
        let now = self.now;
        self.session().server.handle(now, input);
        self.drain();
    }

    pub(crate) fn inject(&mut self, text: &str) {
        let conn = self.conn();
        self.server(server::Input::Received {
            conn,
            received: server::Received::Text(text),
        });
    }

    pub(crate) fn upstream(&mut self, event: impl Into<ServerEvent>) {
        self.server(server::Input::Upstream(Envelope::from(event.into())));
    }

    /// Cuts every connection, with what is on its way.
    pub(crate) fn cut(&mut self) {
        for (conn, wire) in std::mem::take(&mut self.wires) {
            self.client.handle(
                self.now,
                client::Input::Received {
                    conn,
                    received: client::Received::Dropped("connection reset"),
                },
            );
            self.sessions[wire.session].server.handle(
                self.now,
                server::Input::Received {
                    conn,
                    received: server::Received::Closed(None),
                },
            );
        }
        self.drain();
    }

    /// The server loses all it knew.
    pub(crate) fn forget(&mut self) {
        for session in &mut self.sessions {
            session.ended = true;
        }
        self.cut();
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.drain();
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = at;
            if !self.deliver() {
                self.client.handle(at, client::Input::Tick);
                for session in self.sessions.iter_mut().filter(|session| !session.ended) {
                    session.server.handle(at, server::Input::Tick);
                }
            }
            self.drain();
        }
        self.now = end;
    }

    fn next(&mut self) -> Option<Time> {
        let client = match self.client.poll() {
            client::Output::Wait { until, .. } => until,
            other => panic!("drained, yet {other:?}"),
        };
        let live = self.sessions.iter_mut().filter(|session| !session.ended);
        let servers = live.filter_map(|session| match session.server.poll() {
            server::Output::Wait { until, .. } => until,
            other => panic!("drained, yet {other:?}"),
        });
        let queues = self.wires.values();
        let queues = queues.flat_map(|wire| [&wire.to_client, &wire.to_server]);
        let due = queues.filter_map(|queue| queue.front().map(|(due, _)| *due));
        due.chain(client)
            .chain(servers)
            .min()
            .map(|at| at.max(self.now))
    }

    /// Delivers one packet that is due, if there is one.
    fn deliver(&mut self) -> bool {
        let now = self.now;
        for (conn, wire) in &mut self.wires {
            let conn = *conn;
            if let Some((_, packet)) = wire.to_client.pop_front_if(|(due, _)| *due <= now) {
                self.reach(conn, &packet);
                return true;
            }
            if let Some((_, packet)) = wire.to_server.pop_front_if(|(due, _)| *due <= now) {
                self.arrive(conn, &packet);
                return true;
            }
        }
        false
    }

    fn reach(&mut self, conn: Conn, packet: &Packet) {
        let received = match packet {
            Packet::Frame(Frame::Text(text)) => client::Received::Text(text),
            Packet::Frame(Frame::Binary(bytes)) => client::Received::Binary(bytes),
            Packet::Ping => {
                self.send(conn, false, Packet::Pong(None));
                client::Received::Alive(None)
            }
            Packet::Pong(payload) => client::Received::Alive(*payload),
            Packet::Close(close) => {
                self.send(conn, false, Packet::Close(close.clone()));
                client::Received::Closed(close.clone())
            }
            Packet::Cut => client::Received::Dropped("connection reset"),
            Packet::ClientPing(_) => panic!("servers ping without payload here"),
        };
        let input = client::Input::Received { conn, received };
        self.client.handle(self.now, input);
    }

    fn arrive(&mut self, conn: Conn, packet: &Packet) {
        let received = match packet {
            Packet::Frame(Frame::Text(text)) => server::Received::Text(text),
            Packet::Frame(Frame::Binary(bytes)) => server::Received::Binary(bytes),
            Packet::ClientPing(payload) => {
                self.send(conn, true, Packet::Pong(Some(*payload)));
                server::Received::Alive
            }
            Packet::Ping | Packet::Pong(_) => server::Received::Alive,
            Packet::Close(close) => {
                self.send(conn, true, Packet::Close(close.clone()));
                server::Received::Closed(Some(close.clone()))
            }
            Packet::Cut => server::Received::Closed(None),
        };
        let session = &mut self.sessions[self.wires[&conn].session];
        if !session.ended {
            let input = server::Input::Received { conn, received };
            session.server.handle(self.now, input);
        }
    }

    fn send(&mut self, conn: Conn, to_client: bool, packet: Packet) {
        let due = (self.now + LATENCY).max(self.stalled_until);
        if let Some(wire) = self.wires.get_mut(&conn).filter(|_| !self.severed) {
            let queue = match to_client {
                true => &mut wire.to_client,
                false => &mut wire.to_server,
            };
            queue.push_back((due, packet));
        }
    }

    fn accept(&mut self, conn: Conn, wanted: Option<&str>) {
        let kept = wanted.and_then(|wanted| {
            let mut sessions = self.sessions.iter();
            sessions.position(|session| !session.ended && session.id == wanted)
        });
        let index = kept.unwrap_or_else(|| {
            let number = self.sessions.len() + 1;
            let config = server::Config {
                session_id: format!("sess_{number}"),
                epoch: format!("epoch_{number}"),
                seed: number as u64,
                ..server::Config::default()
            };
            let mut server = Server::new(config, self.now);
            let created = ServerEvent::from(SessionCreated::default());
            server.handle(self.now, server::Input::Upstream(created.into()));
            self.sessions.push(Session {
                id: format!("sess_{number}"),
                server,
                events: Vec::new(),
                audio: Vec::new(),
                ended: false,
            });
            self.sessions.len() - 1
        });
        self.wires.insert(
            conn,
            Wire {
                session: index,
                ..Wire::default()
            },
        );
        let attach = Attach {
            conn,
            protocol: self.protocol,
            resumes: wanted.is_some(),
            expires_at: Some(self.now + Duration::from_secs(60)),
            nonce: None,
        };
        let input = server::Input::Attach(attach);
        self.sessions[index].server.handle(self.now, input);
        let protocol = self.protocol;
        self.client
            .handle(self.now, client::Input::Connected { conn, protocol });
    }

    pub(crate) fn drain(&mut self) {
        loop {
            match self.client.poll() {
                client::Output::Wait { .. } => break,
                client::Output::Authorise { conn, .. } if self.answers => {
                    let expires_in = Some(Duration::from_secs(60));
                    let input = client::Input::Authorised { conn, expires_in };
                    self.client.handle(self.now, input);
                }
                client::Output::Connect { conn, session, .. } if self.answers => {
                    self.accept(conn, session.as_deref());
                }
                client::Output::Authorise { .. } | client::Output::Connect { .. } => {}
                client::Output::Renew { conn, .. } => {
                    self.client
                        .handle(self.now, client::Input::Renewed { conn });
                }
                client::Output::Refresh { conn, event_id, .. } => self.refresh(conn, &event_id),
                client::Output::Transmit { conn, frame } => {
                    self.send(conn, false, Packet::Frame(frame));
                }
                client::Output::Ping { conn, payload } => {
                    self.send(conn, false, Packet::ClientPing(payload));
                }
                client::Output::Close { conn, close } => {
                    self.send(conn, false, Packet::Close(close));
                }
                client::Output::Abort { conn } => self.send(conn, false, Packet::Cut),
                client::Output::Event(event) => self.events.push(*event),
                client::Output::State(state) => self.states.push((self.now, state)),
                client::Output::Back(back) => self.backs.push(back),
                client::Output::Lost(gap) => self.lost.push(gap),
                client::Output::Ignored { detail } => self.ignored.push(detail),
            }
        }
        for index in 0..self.sessions.len() {
            while !self.sessions[index].ended {
                let output = self.sessions[index].server.poll();
                if matches!(output, server::Output::Wait { .. }) {
                    break;
                }
                self.perform(index, output);
            }
        }
    }

    fn perform(&mut self, index: usize, output: server::Output) {
        let session = &mut self.sessions[index];
        match output {
            server::Output::Transmit { conn, frame } => {
                if let Frame::Text(text) = &frame {
                    self.frames.push(text.clone());
                }
                self.send(conn, true, Packet::Frame(frame));
            }
            server::Output::Upstream(event) => match &event.event {
                ClientEvent::InputAudioBufferAppend(append) => {
                    let pcm = offhook_proto::wire::decode_pcm16(&append.audio);
                    session.audio.push(pcm.expect("it is ours")[0]);
                }
                _ => session.events.push(event),
            },
            server::Output::UpstreamAudio(pcm) => {
                session.audio.push(i16::from_le_bytes([pcm[0], pcm[1]]));
            }
            server::Output::Ping { conn } => self.send(conn, true, Packet::Ping),
            server::Output::Close { conn, close } => self.send(conn, true, Packet::Close(close)),
            server::Output::Abort { conn } => self.send(conn, true, Packet::Cut),
            server::Output::CheckToken { conn, event_id, .. } => {
                let checked = Ok(self.now + Duration::from_secs(60));
                session.server.handle(
                    self.now,
                    server::Input::TokenChecked {
                        conn,
                        event_id,
                        checked,
                    },
                );
            }
            server::Output::Ended => session.ended = true,
            server::Output::Attached(_) | server::Output::Wait { .. } => {}
        }
    }

    fn refresh(&mut self, conn: Conn, event_id: &str) {
        let refresh = offhook_proto::wire::client::SessionRefresh::default();
        let envelope = Envelope {
            event_id: Some(event_id.to_owned()),
            seq: None,
            event: ClientEvent::from(refresh),
        };
        self.send(conn, false, Packet::Frame(Frame::Text(envelope.encode())));
    }
}
