//! A call, for whoever makes it: started, told what its caller says and does, and listened to.

use std::time::Duration;

use offhook_proto::Time;
use offhook_proto::client::{self, Back, Gap, State};
use offhook_proto::wire::{ClientEvent, Envelope, ServerEvent};
use tokio::sync::mpsc;

use crate::connect::Connector;
use crate::driver::Driver;
use crate::endpoint::Endpoint;

/// 20 s of audio: more than any pause of the driver's.
const COMMANDS: usize = 1024;
/// Enough for a burst; beyond it the socket is read more slowly, and TCP slows the server.
const EVENTS: usize = 256;

/// What a call needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Makes the connections.
    pub connector: Connector,
    /// Who is called: the server,
    pub endpoint: Endpoint,
    /// and the agent (or model) there.
    pub agent: String,
    /// How the session behaves. Its seed is drawn anew for each call.
    pub session: client::Config,
}

/// What a call says.
#[derive(Debug)]
pub enum Event {
    /// Its state changed. [`State::Ended`] is the last event.
    State {
        /// When that was said, by the call's clock: times inside `state` count on the same one.
        at: Time,
        /// The state.
        state: State,
    },
    /// How much of the caller's speech waits to be sent; told as it changes.
    Waiting(Duration),
    /// A line that was gone is back, and what that cost.
    Back(Back),
    /// Audio that is lost for good.
    Lost(Gap),
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

/// A call that was started. Dropping it drops the call without a farewell, unless it was hung up.
#[derive(Debug)]
pub struct Call {
    commands: mpsc::Sender<Command>,
}

/// What the caller does.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Box<Envelope<ClientEvent>>),
    Audio(Vec<i16>),
    Played {
        item_id: String,
        content_index: u32,
        audio_end_ms: u64,
    },
    RetryNow,
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

    /// Gives the far end an event, at once or as soon as the line is up. For audio there is
    /// [`audio`](Self::audio). Never blocks, as nothing here does.
    ///
    /// # Errors
    /// Where the call is over or its driver stands still. The event is dropped.
    pub fn send(&self, event: impl Into<ClientEvent>) -> Result<(), SendError> {
        self.send_as(event.into().into())
    }

    /// The same with an id of the caller's own, which an error about the event names; its sequence
    /// number is not looked at.
    ///
    /// # Errors
    /// Where the call is over or its driver stands still. The event is dropped.
    pub fn send_as(&self, event: Envelope<ClientEvent>) -> Result<(), SendError> {
        self.command(Command::Send(Box::new(event)))
    }

    /// Gives the far end what the microphone heard: 24 kHz mono, any number of samples, usually 480
    /// (20 ms). Kept while the line is away.
    ///
    /// # Errors
    /// Where the call is over or its driver stands still. The audio is dropped.
    pub fn audio(&self, samples: &[i16]) -> Result<(), SendError> {
        self.command(Command::Audio(samples.to_vec()))
    }

    /// Notes how much of the agent's audio was played, in ms of the item's audio part: what a
    /// resumed session has to know.
    ///
    /// # Errors
    /// Where the call is over or its driver stands still.
    pub fn played(
        &self,
        item_id: &str,
        content_index: u32,
        audio_end_ms: u64,
    ) -> Result<(), SendError> {
        self.command(Command::Played {
            item_id: item_id.to_owned(),
            content_index,
            audio_end_ms,
        })
    }

    /// Does not wait any longer for the next attempt to bring the line back.
    ///
    /// # Errors
    /// Where the call is over or its driver stands still.
    pub fn retry_now(&self) -> Result<(), SendError> {
        self.command(Command::RetryNow)
    }

    /// Hangs up, or cancels while dialling; [`State::Ended`] follows.
    ///
    /// # Errors
    /// Where the call is over already, or its driver stands still.
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
