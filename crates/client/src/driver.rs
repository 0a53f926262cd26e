//! The task that lets the state machine talk to sockets, clocks, the network and the caller.

use std::future::pending;
use std::time::Duration;

use offhook_proto::client::{self, Input, Network, Output, Received, State};
use offhook_proto::{Client, Conn, Time};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::attempt::{Attempts, News};
use crate::call::{Command, Config, Event};
use crate::clock::{Clock, ClockChange, ClockWatch};
use crate::lines::Lines;
use crate::network::{NetworkChange, NetworkWatch};
use crate::socket::{self, Full, Incoming, Socket};

/// Drives one call.
pub(crate) struct Driver {
    clock: Clock,
    machine: Client,
    attempts: Attempts,
    lines: Lines,
    /// None where the far end is this machine: it is reached whatever the network does.
    network: Option<NetworkWatch>,
    clocks: ClockWatch,
    events: mpsc::Sender<Event>,
    /// What the caller was last told to be waiting.
    waiting: Duration,
    hung_up: bool,
}

/// What to do after the machine was polled dry.
enum Next {
    Until(Option<Time>),
    End,
}

enum Happened {
    Command(Option<Command>),
    Attempt(Conn, News),
    Heard(Conn, Incoming),
    Network(NetworkChange),
    Clock(ClockChange),
    Tick,
}

impl Driver {
    /// A call that dials as soon as it is run.
    pub(crate) fn new(config: Config, events: mpsc::Sender<Event>) -> Self {
        let clock = Clock::start();
        let session = client::Config {
            seed: Clock::seed(),
            ..config.session.clone()
        };
        Self {
            clock,
            machine: Client::new(session, clock.now()),
            network: (!config.endpoint.origin().is_loopback()).then(NetworkWatch::start),
            clocks: ClockWatch::start(),
            attempts: Attempts::new(config),
            lines: Lines::new(),
            events,
            waiting: Duration::ZERO,
            hung_up: false,
        }
    }

    /// Runs to the end of the call, or until nobody wants it any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut listening = true;
        while let Next::Until(until) = self.act().await {
            match self.next(until, &mut commands, listening).await {
                Happened::Command(None) if self.hung_up => listening = false,
                // The call was dropped: nobody is left to care.
                Happened::Command(None) => break,
                Happened::Command(Some(command)) => self.command(command),
                Happened::Attempt(conn, news) => self.attempted(conn, news),
                Happened::Heard(conn, incoming) => self.heard(conn, &incoming),
                Happened::Network(change) => self.network_changed(change),
                Happened::Clock(change) => self.tell(match change {
                    ClockChange::Slept(slept) => Input::Slept(slept),
                    ClockChange::WallClockJumped => Input::WallClockJumped,
                }),
                Happened::Tick => self.tell(Input::Tick),
            }
        }
        // The caller knows; only the far end is not done.
        drop(commands);
        self.into_lines().finish().await;
    }

    async fn next(
        &mut self,
        until: Option<Time>,
        commands: &mut mpsc::Receiver<Command>,
        listening: bool,
    ) -> Happened {
        let clock = self.clock;
        let lines = &mut self.lines;
        let heard_or_time = async move {
            tokio::select! {
                // What came in before a deadline counts, also where this task ran too late to see it.
                biased;
                (conn, incoming) = lines.next() => Happened::Heard(conn, incoming),
                () = waiting(clock, until) => Happened::Tick,
            }
        };
        tokio::select! {
            happened = heard_or_time => happened,
            command = commands.recv(), if listening => Happened::Command(command),
            (conn, news) = self.attempts.next() => Happened::Attempt(conn, news),
            change = changed(&mut self.network) => Happened::Network(change),
            change = self.clocks.next_change() => Happened::Clock(change),
        }
    }

    /// Does what the machine says until it waits.
    async fn act(&mut self) -> Next {
        loop {
            let event = match self.machine.poll() {
                Output::Wait { until, .. } => {
                    self.tell_waiting();
                    return Next::Until(until);
                }
                Output::Event(event) => Event::Server(event),
                Output::Lost(gap) => Event::Lost(gap),
                Output::Back(back) => Event::Back(back),
                Output::State(state) => Event::State {
                    at: self.clock.now(),
                    state,
                },
                Output::Ignored { detail } => {
                    tracing::warn!("{detail}");
                    continue;
                }
                other => {
                    self.connect_or_send(other);
                    continue;
                }
            };
            let last = matches!(
                &event,
                Event::State {
                    state: State::Ended(_),
                    ..
                }
            );
            // A full queue holds the sockets back; a receiver that is gone ends the call.
            if self.events.send(event).await.is_err() || last {
                return Next::End;
            }
        }
    }

    /// Does what the machine wants done with a connection.
    fn connect_or_send(&mut self, output: Output) {
        match output {
            Output::Authorise { conn, session } => self.attempts.authorise(conn, session),
            Output::Connect { conn, session, url } => {
                self.attempts.connect(conn, session, url.as_deref());
            }
            Output::Renew { conn, session } => self.attempts.renew(conn, session),
            Output::Refresh {
                conn,
                event_id,
                nonce,
            } => {
                if let Some(refresh) = self.attempts.refresh(conn, event_id, nonce.as_deref()) {
                    self.send(conn, Message::text(refresh));
                }
            }
            Output::Transmit { conn, frame } => self.send(conn, socket::message(frame)),
            Output::Ping { conn, payload } => {
                let payload = payload.to_be_bytes().to_vec();
                self.send(conn, Message::Ping(payload.into()));
            }
            Output::Close { conn, close } => {
                tracing::debug!(%conn, code = close.code, "closing");
                self.attempts.stop(conn);
                self.lines.close(conn, close);
            }
            Output::Abort { conn } => {
                tracing::debug!(%conn, "dropped");
                self.attempts.stop(conn);
                self.lines.abort(conn);
            }
            Output::Wait { .. }
            | Output::Event(_)
            | Output::State(_)
            | Output::Back(_)
            | Output::Lost(_)
            | Output::Ignored { .. } => {}
        }
    }

    fn send(&mut self, conn: Conn, message: Message) {
        if let Err(Full) = self.lines.send(conn, message) {
            self.ended(conn);
            let received = Received::Dropped("the far end stopped reading");
            self.tell(Input::Received { conn, received });
        }
    }

    /// How much waits is told as it changes; whoever is behind is told the next value.
    fn tell_waiting(&mut self) {
        let waiting = self.machine.waiting();
        if waiting != self.waiting && self.events.try_send(Event::Waiting(waiting)).is_ok() {
            self.waiting = waiting;
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.machine.handle(self.clock.now(), input);
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Send(event) => self.tell(Input::Send(*event)),
            Command::Audio(samples) => self.tell(Input::Audio(&samples)),
            Command::Played {
                item_id,
                content_index,
                audio_end_ms,
            } => self.tell(Input::Played {
                item_id: &item_id,
                content_index,
                audio_end_ms,
            }),
            Command::RetryNow => self.tell(Input::RetryNow),
            Command::HangUp => {
                self.hung_up = true;
                self.tell(Input::HangUp);
            }
        }
    }

    fn attempted(&mut self, conn: Conn, news: News) {
        let input = match news {
            News::Authorised { expires_in } => Input::Authorised { conn, expires_in },
            News::Connected(upgraded) => {
                let (socket, protocol) = Socket::new(*upgraded);
                tracing::debug!(%conn, %protocol, "connected");
                self.lines.add(conn, socket);
                Input::Connected { conn, protocol }
            }
            News::Failed(failure) => {
                tracing::debug!(%conn, ?failure, "no connection");
                Input::Failed { conn, failure }
            }
            News::Renewed => Input::Renewed { conn },
            News::NotRenewed(failure) => {
                tracing::warn!(%conn, ?failure, "no fresh token");
                Input::NotRenewed { conn, failure }
            }
        };
        self.tell(input);
    }

    fn heard(&mut self, conn: Conn, incoming: &Incoming) {
        let received = match incoming {
            Incoming::Text(text) => Received::Text(text.as_str()),
            Incoming::Binary(bytes) => Received::Binary(bytes),
            Incoming::Ping => Received::Alive(None),
            Incoming::Pong(payload) => Received::Alive(*payload),
            Incoming::Close(close) => Received::Closed(close.clone()),
            Incoming::TooBig => Received::TooBig,
            Incoming::BadFrame(detail) => Received::BadFrame(detail),
            Incoming::Dropped(detail) => Received::Dropped(detail),
        };
        if incoming.is_last() {
            tracing::debug!(%conn, ?incoming, "the last that came");
            self.ended(conn);
        }
        self.tell(Input::Received { conn, received });
    }

    fn network_changed(&mut self, change: NetworkChange) {
        let change = match change {
            // The address may come back, and its connections with it.
            NetworkChange::Down => return self.tell(Input::Network(Network::Down)),
            NetworkChange::Up => Network::Up,
            NetworkChange::Changed => Network::Changed,
        };
        if let Some(network) = &self.network {
            let stranded = self.lines.drop_stranded(|from| network.has_lost(from));
            for conn in stranded {
                tracing::debug!(%conn, "its address is gone");
                self.ended(conn);
                let received = Received::Dropped("this machine's address is another one");
                self.tell(Input::Received { conn, received });
            }
        }
        self.tell(Input::Network(change));
    }

    /// A connection is gone: nobody needs a token for it any more, and who waits for the token
    /// service need not wait for that one.
    fn ended(&mut self, conn: Conn) {
        self.attempts.stop(conn);
    }

    fn into_lines(self) -> Lines {
        self.lines
    }
}

async fn waiting(clock: Clock, until: Option<Time>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => pending().await,
    }
}

async fn changed(network: &mut Option<NetworkWatch>) -> NetworkChange {
    match network {
        Some(network) => network.changed().await,
        None => pending().await,
    }
}
