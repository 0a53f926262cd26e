//! One call: the task that lets the state machine talk to the socket, the clock and the caller.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use offhook_proto::client::{self, Failure, Input, Output, State};
use offhook_proto::wire::{ClientEvent, ServerEvent};
use offhook_proto::{Client, Time};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::connect::Connector;
use crate::endpoint::Endpoint;
use crate::socket::{Full, Incoming, Socket};
use crate::token::{Reuse, Tokens};
use crate::upgrade::{Upgraded, upgrade};

/// 20 s of audio: more than any pause of the driver's.
const COMMANDS: usize = 1024;
/// Enough for a burst; beyond it the socket is read more slowly, and TCP slows the server.
const EVENTS: usize = 256;
/// How long a farewell may take to be written once reading has ended.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a call needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Makes the connections.
    pub connector: Connector,
    /// Who is called: the server,
    pub endpoint: Endpoint,
    /// and the agent (or model) there.
    pub agent: String,
    /// How the session behaves.
    pub session: client::Config,
}

/// What a call says.
#[derive(Debug)]
pub enum Event {
    /// Its state changed. [`State::Ended`] is the last event.
    State(State),
    /// How much of the caller's speech waits for the line to come up; told as it changes.
    Held(Duration),
    /// Speech that was held too long and is lost.
    AudioLost(Duration),
    /// The session has something to say.
    Server(Box<ServerEvent>),
}

/// Why something could not be given to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The call is over.
    #[error("the call is over")]
    Ended,
    /// The driver is more than 20 s behind, which means that the machine stands still.
    #[error("the call's queue is full")]
    Full,
}

/// A call that was started. Dropping it cancels the call without a farewell.
#[derive(Debug)]
pub struct Call {
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
enum Command {
    Send(ClientEvent),
    HangUp,
}

impl Call {
    /// Starts a call, which says what happens through the receiver. Must be called within a tokio
    /// runtime.
    #[must_use]
    pub fn start(config: Config) -> (Self, mpsc::Receiver<Event>) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (sender, events) = mpsc::channel(EVENTS);
        tokio::spawn(Driver::new(config, sender).run(receiver));
        (Self { commands }, events)
    }

    /// Gives the far end an event; held, where the line is not up yet. Never blocks.
    ///
    /// # Errors
    /// Where the call is over or its driver stands still. The event is dropped.
    pub fn send(&self, event: impl Into<ClientEvent>) -> Result<(), SendError> {
        self.command(Command::Send(event.into()))
    }

    /// Hangs up, or cancels while dialling; [`State::Ended`] follows.
    ///
    /// # Errors
    /// Where the call is over already.
    pub fn hang_up(&self) -> Result<(), SendError> {
        self.command(Command::HangUp)
    }

    fn command(&self, command: Command) -> Result<(), SendError> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::Full,
                mpsc::error::TrySendError::Closed(_) => SendError::Ended,
            })
    }
}

/// A step of coming up that is under way.
type Work = Pin<Box<dyn Future<Output = Result<Done, Failure>> + Send>>;

enum Done {
    Token(SecretString),
    Upgraded(Box<Upgraded>),
}

struct Driver {
    config: Config,
    clock: Clock,
    machine: Client,
    tokens: Tokens,
    events: mpsc::Sender<Event>,
    work: Option<Work>,
    token: Option<SecretString>,
    socket: Option<Socket>,
    held: Duration,
}

/// What to do after the machine was polled dry.
enum Next {
    Until(Option<Time>),
    End,
}

impl Driver {
    fn new(config: Config, events: mpsc::Sender<Event>) -> Self {
        let clock = Clock::start();
        let session = client::Config {
            ids_seed: Clock::seed(),
            ..config.session.clone()
        };
        let machine = Client::new(session, clock.now());
        let tokens = Tokens::new(
            config.connector.clone(),
            config.endpoint.clone(),
            config.agent.clone(),
            Reuse::Once,
        );
        Self {
            config,
            clock,
            machine,
            tokens,
            events,
            work: None,
            token: None,
            socket: None,
            held: Duration::ZERO,
        }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let until = match self.drain().await {
                Next::Until(until) => until,
                Next::End => break,
            };
            let clock = self.clock;
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Send(event)) => self.tell(Input::Send(event)),
                    Some(Command::HangUp) => self.tell(Input::HangUp),
                    // The call was dropped: nobody is left to care.
                    None => break,
                },
                done = working(&mut self.work) => self.finished(done),
                incoming = reading(&mut self.socket) => self.incoming(&incoming),
                () = waiting(clock, until) => self.tell(Input::Tick),
            }
        }
        if let Some(socket) = &mut self.socket {
            let _ = timeout(FAREWELL, socket.finish()).await;
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.machine.handle(self.clock.now(), input);
    }

    /// Does what the machine says until it waits.
    async fn drain(&mut self) -> Next {
        loop {
            let event = match self.machine.poll() {
                Output::Wait { until, .. } => {
                    let held = self.machine.held();
                    if held != self.held {
                        self.held = held;
                        // Whoever is behind will be told the next value.
                        let _ = self.events.try_send(Event::Held(held));
                    }
                    return Next::Until(until);
                }
                Output::Authorise => {
                    self.work = Some(self.authorise());
                    continue;
                }
                Output::Connect => {
                    self.work = self.connect();
                    continue;
                }
                Output::Transmit(text) => {
                    self.write(|socket| socket.text(text));
                    continue;
                }
                Output::Ping(payload) => {
                    self.write(|socket| socket.ping(payload));
                    continue;
                }
                Output::Close(close) => {
                    self.write(|socket| socket.close(close));
                    continue;
                }
                Output::Abort => {
                    self.work = None;
                    self.socket = None;
                    continue;
                }
                Output::Ignored { detail } => {
                    tracing::warn!("{detail}");
                    continue;
                }
                Output::Event(event) => Event::Server(event),
                Output::AudioLost(lost) => Event::AudioLost(lost),
                Output::State(state) => Event::State(state),
            };
            let last = matches!(event, Event::State(State::Ended(_)));
            // A full queue holds the socket back; a receiver that is gone ends the call.
            if self.events.send(event).await.is_err() || last {
                return Next::End;
            }
        }
    }

    fn authorise(&self) -> Work {
        let tokens = self.tokens.clone();
        Box::pin(async move { Ok(Done::Token(tokens.token(None).await?.value)) })
    }

    fn connect(&mut self) -> Option<Work> {
        let token = self.token.take()?;
        let Config {
            connector,
            endpoint,
            agent,
            session,
        } = self.config.clone();
        let limit = session.max_message_bytes as usize;
        Some(Box::pin(async move {
            let upgraded = upgrade(&connector, &endpoint, &token, &agent, limit).await?;
            Ok(Done::Upgraded(Box::new(upgraded)))
        }))
    }

    fn finished(&mut self, done: Result<Done, Failure>) {
        self.work = None;
        match done {
            Ok(Done::Token(token)) => {
                self.token = Some(token);
                self.tell(Input::Authorised);
            }
            Ok(Done::Upgraded(upgraded)) => {
                let (socket, protocol) = Socket::new(*upgraded);
                self.socket = Some(socket);
                self.tell(Input::Connected(protocol));
            }
            Err(failure) => self.tell(Input::Failed(failure)),
        }
    }

    fn incoming(&mut self, incoming: &Incoming) {
        self.tell(match incoming {
            Incoming::Text(text) => Input::Text(text.as_str()),
            Incoming::Binary(bytes) => Input::Binary(*bytes),
            Incoming::Ping => Input::Alive(None),
            Incoming::Pong(payload) => Input::Alive(*payload),
            Incoming::Close(close) => Input::Closed(close.clone()),
            Incoming::TooBig => Input::TooBig,
            Incoming::BadFrame(detail) => Input::BadFrame(detail),
            Incoming::Dropped(detail) => Input::Dropped(detail),
        });
    }

    fn write(&mut self, write: impl FnOnce(&mut Socket) -> Result<(), Full>) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        if let Err(Full) = write(socket) {
            self.socket = None;
            self.tell(Input::Dropped("the far end stopped reading"));
        }
    }
}

async fn working(work: &mut Option<Work>) -> Result<Done, Failure> {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

async fn reading(socket: &mut Option<Socket>) -> Incoming {
    match socket {
        Some(socket) => socket.next().await,
        None => pending().await,
    }
}

async fn waiting(clock: Clock, until: Option<Time>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => pending().await,
    }
}
