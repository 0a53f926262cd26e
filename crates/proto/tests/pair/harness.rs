//! The two ends, the wire between them, and an upstream, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use offhook_proto::client::State;
use offhook_proto::wire::server::SessionCreated;
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use offhook_proto::{Client, Close, Protocol, Server, Time, client, server};

pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// What travels between the two ends.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    Text(String),
    Ping,
    Pong(Option<u64>),
    ClientPing(u64),
    Close(Close),
    Cut,
}

/// A client, a server, a wire with latency, and an upstream that opens a session and listens.
pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) client: Client,
    pub(crate) server: Option<Server>,
    pub(crate) protocol: Protocol,
    pub(crate) to_client: VecDeque<(Time, Packet)>,
    pub(crate) to_server: VecDeque<(Time, Packet)>,
    /// While set, what is sent vanishes.
    pub(crate) severed: bool,
    /// Until then nothing arrives; it is late, not lost.
    pub(crate) stalled_until: Time,
    /// Whether the driver gets a token and a connection.
    pub(crate) answers: bool,
    pub(crate) states: Vec<(Time, State)>,
    pub(crate) events: Vec<ServerEvent>,
    pub(crate) upstream: Vec<Envelope<ClientEvent>>,
    pub(crate) frames: Vec<String>,
    pub(crate) server_ended: bool,
}

impl Pair {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self {
            now: Time::ZERO,
            client: Client::new(client::Config::default(), Time::ZERO),
            server: None,
            protocol,
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            severed: false,
            stalled_until: Time::ZERO,
            answers: true,
            states: Vec::new(),
            events: Vec::new(),
            upstream: Vec::new(),
            frames: Vec::new(),
            server_ended: false,
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

    pub(crate) fn client(&mut self, input: client::Input<'_>) {
        self.client.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn upstream(&mut self, event: impl Into<ServerEvent>) {
        if let Some(server) = &mut self.server {
            server.handle(
                self.now,
                server::Input::Upstream(Envelope::from(event.into())),
            );
        }
        self.drain();
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.drain();
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = at;
            if self.to_client.front().is_some_and(|(due, _)| *due <= at) {
                let (_, packet) = self.to_client.pop_front().expect("it was just seen");
                self.deliver_to_client(&packet);
            } else if self.to_server.front().is_some_and(|(due, _)| *due <= at) {
                let (_, packet) = self.to_server.pop_front().expect("it was just seen");
                self.deliver_to_server(&packet);
            } else {
                self.client.handle(at, client::Input::Tick);
                if let Some(server) = &mut self.server {
                    server.handle(at, server::Input::Tick);
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
        let server = self.server.as_mut().and_then(|server| match server.poll() {
            server::Output::Wait { until, .. } => until,
            other => panic!("drained, yet {other:?}"),
        });
        let wires = [&self.to_client, &self.to_server];
        let wires = wires
            .into_iter()
            .filter_map(|wire| wire.front().map(|(due, _)| *due));
        wires
            .chain(client)
            .chain(server)
            .min()
            .map(|at| at.max(self.now))
    }

    fn deliver_to_client(&mut self, packet: &Packet) {
        let input = match packet {
            Packet::Text(text) => client::Input::Text(text),
            Packet::Ping => {
                self.send(false, Packet::Pong(None));
                client::Input::Alive(None)
            }
            Packet::Pong(payload) => client::Input::Alive(*payload),
            Packet::Close(close) => {
                self.send(false, Packet::Close(close.clone()));
                client::Input::Closed(close.clone())
            }
            Packet::Cut => client::Input::Dropped("connection reset"),
            Packet::ClientPing(_) => panic!("servers ping without payload here"),
        };
        self.client.handle(self.now, input);
    }

    fn deliver_to_server(&mut self, packet: &Packet) {
        let input = match packet {
            Packet::Text(text) => server::Input::Text(text),
            Packet::ClientPing(payload) => {
                self.send(true, Packet::Pong(Some(*payload)));
                server::Input::Alive
            }
            Packet::Ping | Packet::Pong(_) => server::Input::Alive,
            Packet::Close(close) => {
                self.send(true, Packet::Close(close.clone()));
                server::Input::PeerClosed(Some(close.clone()))
            }
            Packet::Cut => server::Input::PeerClosed(None),
        };
        if let Some(server) = &mut self.server {
            server.handle(self.now, input);
        }
    }

    fn send(&mut self, to_client: bool, packet: Packet) {
        if !self.severed {
            let wire = if to_client {
                &mut self.to_client
            } else {
                &mut self.to_server
            };
            wire.push_back(((self.now + LATENCY).max(self.stalled_until), packet));
        }
    }

    pub(crate) fn drain(&mut self) {
        loop {
            match self.client.poll() {
                client::Output::Wait { .. } => break,
                client::Output::Authorise if self.answers => {
                    self.client.handle(self.now, client::Input::Authorised);
                }
                client::Output::Connect if self.answers => {
                    let config = server::Config {
                        protocol: self.protocol,
                        ..server::Config::default()
                    };
                    self.server = Some(Server::new(config, self.now));
                    self.client
                        .handle(self.now, client::Input::Connected(self.protocol));
                    self.upstream(SessionCreated::default());
                }
                client::Output::Authorise | client::Output::Connect => {}
                client::Output::Transmit(text) => self.send(false, Packet::Text(text)),
                client::Output::Ping(payload) => self.send(false, Packet::ClientPing(payload)),
                client::Output::Close(close) => self.send(false, Packet::Close(close)),
                client::Output::Abort => self.send(false, Packet::Cut),
                client::Output::Event(event) => self.events.push(*event),
                client::Output::State(state) => self.states.push((self.now, state)),
                client::Output::Ignored { .. } | client::Output::AudioLost(_) => {}
            }
        }
        while let Some(server) = &mut self.server {
            match server.poll() {
                server::Output::Wait { .. } => break,
                server::Output::Transmit(text) => {
                    self.frames.push(text.clone());
                    self.send(true, Packet::Text(text));
                }
                server::Output::Upstream(event) => self.upstream.push(event),
                server::Output::Ping => self.send(true, Packet::Ping),
                server::Output::Close(close) => self.send(true, Packet::Close(close)),
                server::Output::Abort => self.send(true, Packet::Cut),
                server::Output::Ended => self.server_ended = true,
            }
        }
    }
}
